# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers of several machines as one, each spending once; the ledgers themselves are only read.

A spending that two of them hold, as after a data folder was copied, counts as the one that came furthest:
settled by the service's usage before settled, released, unknown, sent and reserved; of equals the later, then
the dearer.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from .errors import BadRequest, StorageError
from .ledger_file import ledger_errors, open_ledger_file, transaction
from .translation import _

_LOOKS = 5
_PATIENCE_SECONDS = 20.0
SIDE_FILES = ("-wal", "-journal")
"""The ends of the names of what SQLite keeps beside a ledger, and needs to make it whole."""

_BEST = """
    CREATE TEMP TABLE best (
        id TEXT PRIMARY KEY, file INTEGER NOT NULL, furthest INTEGER NOT NULL, at INTEGER NOT NULL,
        billed INTEGER NOT NULL
    ) WITHOUT ROWID
"""
_FURTHER = """
    INSERT INTO best (id, file, furthest, at, billed)
    SELECT id, ?, CASE state WHEN 'reserved' THEN 0 WHEN 'sent' THEN 1 WHEN 'unknown' THEN 2
        WHEN 'released' THEN 3 ELSE 4 + from_usage END,
        (SELECT max(at) FROM other.events WHERE events.request = requests.number), billed + would_bill
    FROM other.requests JOIN other.standing ON standing.request = requests.number WHERE true
    ON CONFLICT (id) DO UPDATE SET
        file = excluded.file, furthest = excluded.furthest, at = excluded.at, billed = excluded.billed
        WHERE (excluded.furthest, excluded.at, excluded.billed) > (furthest, at, billed)
"""
_OWNER = "machine, boot, namespace, pid, started"
_REQUEST = (
    "id, at, host, kind, model, quality, size, n, expected, reserve, sandbox, document, project, priced"
)
_EVENT = "at, state, reason, billed, would_bill, from_usage, lines"
_ALIKE = (
    "(m.machine, m.boot, m.namespace, m.pid, m.started) = (o.machine, o.boot, o.namespace, o.pid, o.started)"
)


def _of(prefix: str, columns: str) -> str:
    return ", ".join(f"{prefix}.{name}" for name in columns.split(", "))


# S608: only constants of this module are put together here.
_TAKE_OWNERS = f"""
    INSERT INTO main.owners ({_OWNER})
    SELECT DISTINCT {_OWNER} FROM other.owners EXCEPT SELECT {_OWNER} FROM main.owners
"""  # noqa: S608
_TAKE_REQUESTS = f"""
    INSERT INTO main.requests ({_REQUEST}, owner)
    SELECT {_of("r", _REQUEST)}, (SELECT m.number FROM main.owners m WHERE {_ALIKE})
    FROM other.requests r JOIN other.owners o ON o.number = r.owner JOIN best USING (id)
    WHERE file = ? ORDER BY r.number
"""  # noqa: S608
_TAKE_EVENTS = f"""
    INSERT INTO main.events (request, {_EVENT})
    SELECT m.number, {_of("e", _EVENT)}
    FROM other.events e JOIN other.requests r ON r.number = e.request
    JOIN best USING (id) JOIN main.requests m USING (id)
    WHERE file = ? ORDER BY e.number
"""  # noqa: S608
_TAKE = (_TAKE_OWNERS, _TAKE_REQUESTS, _TAKE_EVENTS)
# From every file: a copy that came as far may have noted none.
_TAKE_HANDLES = """
    INSERT INTO main.handles (request, at, handle)
    SELECT m.number, h.at, h.handle
    FROM other.handles h JOIN other.requests r ON r.number = h.request JOIN main.requests m USING (id)
    WHERE NOT EXISTS (SELECT 1 FROM main.handles k WHERE (k.request, k.handle) = (m.number, h.handle))
    ORDER BY h.number
"""


def gather(files: Sequence[Path], folder: Path) -> Path:
    """A new ledger in `folder` with what the ledgers of `files`, of any form up to this version's, hold
    together; without their budgets, which are each machine's own.

    Raises BadRequest for a file that is not there, StorageError naming the one that cannot be read.
    """
    copies = [_readable_copy(file, folder / f"{index}.sqlite3") for index, file in enumerate(files)]
    path = folder / "ledger.sqlite3"
    connection = open_ledger_file(path)
    try:
        with ledger_errors(path):
            connection.execute(_BEST)
            for statements in ((_FURTHER,), _TAKE, (_TAKE_HANDLES,)):
                for index, copy in enumerate(copies):
                    _with(connection, copy, statements, index)
    finally:
        connection.close()
    return path


def copied(file: Path, to: Path) -> None:
    """A copy of a ledger's file with its log or its journal, although programs may write to it meanwhile.

    It is copied byte for byte when it stands still for that long, and else read through SQLite, which takes
    its lock for reading. Raises OSError, sqlite3.Error.
    """
    beside = [(_beside(file, end), _beside(to, end)) for end in SIDE_FILES]
    for _look in range(_LOOKS):
        before = _standing_of(file, beside)
        shutil.copyfile(file, to)
        for side, side_to in beside:
            # Between the look and now it may have gone, and then the next look sees another standing.
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(side, side_to)
        if _standing_of(file, beside) == before:
            return
        for _side, side_to in beside:
            side_to.unlink(missing_ok=True)
    _copied_by_sqlite(file, to)


def _copied_by_sqlite(file: Path, to: Path) -> None:
    to.unlink()
    source = f"{file.resolve().as_uri()}?mode=ro"
    with (
        contextlib.closing(sqlite3.connect(source, uri=True, timeout=_PATIENCE_SECONDS)) as lively,
        contextlib.closing(sqlite3.connect(to)) as still,
    ):
        lively.backup(still)


def _beside(file: Path, end: str) -> Path:
    return file.with_name(f"{file.name}{end}")


def _standing_of(file: Path, beside: Sequence[tuple[Path, Path]]) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for path in (file, *(side for side, _to in beside)):
        try:
            status = path.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_size, status.st_mtime_ns))
    return found


def _readable_copy(file: Path, copy: Path) -> Path:
    """A copy in this version's form."""
    if not file.is_file():
        raise BadRequest(reason=_("there is no ledger {path}").format(path=file))
    try:
        with ledger_errors(file):
            copied(file, copy)
        open_ledger_file(copy).close()
    except StorageError as error:
        raise type(error)(path=file, reason=error.details["reason"]) from error
    return copy


def _with(connection: sqlite3.Connection, copy: Path, statements: Sequence[str], index: int) -> None:
    connection.execute("ATTACH ? AS other", (str(copy),))
    try:
        with transaction(connection):
            for statement in statements:
                connection.execute(statement, (index,) if "?" in statement else ())
    finally:
        connection.execute("DETACH other")
