# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's SQLite file: private, safe at power loss, brought to this version's tables when opened.

A migration that was released is never edited; a change is a new one at the end of MIGRATIONS. Times are
microseconds since 1970 UTC, amounts micro-dollars. `requests`, `events`, `handles` and `limits` are the
record, and nothing in them ever changes. The rest is derived by triggers, so that no report and no budget
need replay them: `standing` from `events`; from that `quarters`, sums by the quarter hour, to which the
midnights of all zones are aligned, and `days`, sums by UTC day for each host, model and project; `accuracy`
from what was settled by the service's usage.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import StorageError
from .private_files import FILE_MODE, make_folder, storage_errors, sync_folder
from .translation import N_, _

_LOCK_PATIENCE_SECONDS = 20.0

_REASONS = {
    sqlite3.SQLITE_FULL: N_("the disk is full"),
    sqlite3.SQLITE_READONLY: N_("the ledger cannot be written"),
    sqlite3.SQLITE_CANTOPEN: N_("the ledger cannot be opened"),
    sqlite3.SQLITE_PERM: N_("access is denied"),
    sqlite3.SQLITE_CORRUPT: N_("the ledger is damaged"),
    sqlite3.SQLITE_NOTADB: N_("the ledger is damaged"),
    sqlite3.SQLITE_BUSY: N_("another program keeps the ledger locked"),
    sqlite3.SQLITE_LOCKED: N_("another program keeps the ledger locked"),
    sqlite3.SQLITE_IOERR: N_("the disk does not take or give the ledger's data"),
}

_FIRST = (
    """
    CREATE TABLE migrations (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE owners (
        number INTEGER PRIMARY KEY,
        machine TEXT NOT NULL,
        boot TEXT NOT NULL,
        namespace TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started TEXT NOT NULL
    )
    """,
    "CREATE INDEX owners_by_pid ON owners (pid)",
    """
    CREATE TABLE requests (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        at INTEGER NOT NULL,
        host TEXT NOT NULL,
        kind TEXT NOT NULL,
        model TEXT NOT NULL,
        quality TEXT NOT NULL,
        size TEXT NOT NULL,
        n INTEGER NOT NULL CHECK (typeof(n) = 'integer'),
        expected INTEGER NOT NULL CHECK (typeof(expected) = 'integer' AND expected >= 0),
        reserve INTEGER NOT NULL CHECK (typeof(reserve) = 'integer' AND reserve >= 0),
        sandbox INTEGER NOT NULL CHECK (sandbox IN (0, 1)),
        document TEXT NOT NULL,
        project TEXT NOT NULL,
        owner INTEGER NOT NULL REFERENCES owners (number)
    )
    """,
    "CREATE INDEX requests_by_time ON requests (at)",
    "CREATE INDEX requests_by_host ON requests (host, at)",
    "CREATE INDEX requests_by_model ON requests (model, at)",
    "CREATE INDEX requests_by_project ON requests (project, at) WHERE project <> ''",
    """
    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        request INTEGER NOT NULL REFERENCES requests (number),
        at INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('reserved', 'sent', 'settled', 'released', 'unknown')),
        reason TEXT NOT NULL,
        billed INTEGER NOT NULL CHECK (typeof(billed) = 'integer' AND billed >= 0),
        would_bill INTEGER NOT NULL CHECK (typeof(would_bill) = 'integer' AND would_bill >= 0),
        from_usage INTEGER NOT NULL CHECK (from_usage IN (0, 1)),
        lines TEXT NOT NULL
    )
    """,
    "CREATE INDEX events_by_request ON events (request)",
    """
    CREATE TABLE standing (
        request INTEGER PRIMARY KEY REFERENCES requests (number),
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        from_usage INTEGER NOT NULL
    )
    """,
    "CREATE INDEX standing_open ON standing (request) WHERE open = 1",
    """
    CREATE TRIGGER events_decide_standing AFTER INSERT ON events BEGIN
        INSERT INTO standing (request, state, open, billed, would_bill, from_usage)
        VALUES (
            NEW.request, NEW.state, NEW.state NOT IN ('settled', 'released'),
            NEW.billed, NEW.would_bill, NEW.from_usage
        )
        ON CONFLICT (request) DO UPDATE SET
            state = excluded.state, open = excluded.open, billed = excluded.billed,
            would_bill = excluded.would_bill, from_usage = excluded.from_usage;
    END
    """,
    """
    CREATE TRIGGER requests_stay BEFORE UPDATE ON requests BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER requests_are_kept BEFORE DELETE ON requests BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
)

_SUMS = "billed, held, would_bill, count"
_ADD_SUMS = """
        billed = billed + excluded.billed, held = held + excluded.held,
        would_bill = would_bill + excluded.would_bill, count = count + excluded.count
"""
_TOPICS = "(SELECT 'host' AS topic UNION ALL SELECT 'model' UNION ALL SELECT 'project')"
_NAME = "CASE topic WHEN 'host' THEN host WHEN 'model' THEN model ELSE project END"
_WHOLE = "billed, reserve * open * (1 - sandbox), would_bill, state <> 'released'"
_INSERTED = "NEW.billed, reserve * NEW.open * (1 - sandbox), NEW.would_bill, NEW.state <> 'released'"
_CHANGED = """
    NEW.billed - OLD.billed, reserve * (NEW.open - OLD.open) * (1 - sandbox), NEW.would_bill - OLD.would_bill,
    (NEW.state <> 'released') - (OLD.state <> 'released')
"""


def _add_to_sums(values: str, source: str) -> tuple[str, str]:
    """The statements that add `values` of the rows of `source` to the sums by time and by topic."""
    # S608: only constants of this module are put together here.
    by_time = f"INSERT INTO quarters (quarter, {_SUMS}) SELECT at / 900000000, {values} FROM {source}"  # noqa: S608
    by_topic = (
        f"INSERT INTO days (topic, name, day, {_SUMS})"  # noqa: S608
        f" SELECT topic, {_NAME}, at / 86400000000, {values} FROM {_TOPICS}, {source}"
    )
    return (
        f"{by_time} ON CONFLICT (quarter) DO UPDATE SET {_ADD_SUMS}",
        f"{by_topic} ON CONFLICT (topic, name, day) DO UPDATE SET {_ADD_SUMS}",
    )


_ASKED = "requests WHERE number = NEW.request"
_ALL = "requests JOIN standing ON standing.request = requests.number WHERE true"


def _add_to_accuracy(row: str, source: str) -> str:
    """The statement that adds the settled rows of `source` to what estimates are measured by; `row` is the
    prefix of the columns of `standing` in it."""
    billed, from_usage = f"{row}billed", f"{row}from_usage"
    values = (
        f"1 - {from_usage}, {from_usage}, expected * {from_usage}, {billed} * {from_usage},"
        f" abs({billed} - expected) * {from_usage}, {from_usage} AND {billed} > reserve"
    )
    added = ("without_usage", "bills", "expected", "billed", "off", "beyond")
    return (
        f"INSERT INTO accuracy (model, quality, {', '.join(added)})"  # noqa: S608 - constants of this module
        f" SELECT model, quality, {values} FROM {source} AND sandbox = 0 AND priced = 1"
        " ON CONFLICT (model, quality) DO UPDATE SET "
        + ", ".join(f"{name} = {name} + excluded.{name}" for name in added)
    )


def _trigger(name: str, moment: str, statements: tuple[str, ...]) -> str:
    return f"CREATE TRIGGER {name} AFTER {moment} BEGIN {'; '.join(statements)}; END"


_SECOND = (
    "ALTER TABLE requests ADD COLUMN priced INTEGER NOT NULL DEFAULT 1 CHECK (priced IN (0, 1))",
    # The sums by day make these two needless; that by model finds the newest bills of one.
    "DROP INDEX requests_by_host",
    "DROP INDEX requests_by_project",
    """
    CREATE TABLE limits (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        scope TEXT NOT NULL CHECK (scope IN ('action', 'day', 'month', 'project')),
        project TEXT NOT NULL CHECK (project = '' OR scope = 'project'),
        amount INTEGER CHECK (amount IS NULL OR (typeof(amount) = 'integer' AND amount >= 0))
    )
    """,
    """
    CREATE TRIGGER limits_stay BEFORE UPDATE ON limits BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER limits_are_kept BEFORE DELETE ON limits BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TABLE quarters (
        quarter INTEGER PRIMARY KEY,
        billed INTEGER NOT NULL,
        held INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        count INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE days (
        topic TEXT NOT NULL,
        name TEXT NOT NULL,
        day INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        held INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (topic, name, day)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE accuracy (
        model TEXT NOT NULL,
        quality TEXT NOT NULL,
        without_usage INTEGER NOT NULL,
        bills INTEGER NOT NULL,
        expected INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        off INTEGER NOT NULL,
        beyond INTEGER NOT NULL,
        PRIMARY KEY (model, quality)
    ) WITHOUT ROWID
    """,
    *_add_to_sums(_WHOLE, _ALL),
    _add_to_accuracy("", f"{_ALL} AND state = 'settled'"),
    _trigger("standing_enters_sums", "INSERT ON standing", _add_to_sums(_INSERTED, _ASKED)),
    _trigger(
        "standing_changes_sums",
        "UPDATE ON standing WHEN NEW.open <> OLD.open",
        (*_add_to_sums(_CHANGED, _ASKED), _add_to_accuracy("NEW.", f"{_ASKED} AND NEW.state = 'settled'")),
    ),
)

_THIRD = (
    """
    CREATE TABLE handles (
        number INTEGER PRIMARY KEY,
        request INTEGER NOT NULL REFERENCES requests (number),
        at INTEGER NOT NULL,
        handle TEXT NOT NULL
    )
    """,
    "CREATE INDEX handles_by_request ON handles (request)",
    """
    CREATE TRIGGER handles_stay BEFORE UPDATE ON handles BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER handles_are_kept BEFORE DELETE ON handles BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD)


def open_ledger_file(path: Path) -> sqlite3.Connection:
    """Open or create it (0600, its folder 0700), migrated. Raises StorageError."""
    with ledger_errors(path):
        make_folder(path.parent)
        create_empty(path)
        connection = sqlite3.connect(path, timeout=_LOCK_PATIENCE_SECONDS, isolation_level=None)
        try:
            use_write_ahead_log(connection)
            for pragma in ("synchronous = FULL", "fullfsync = 1", "foreign_keys = 1", "trusted_schema = 0"):
                connection.execute(f"PRAGMA {pragma}")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block's changes or none, on disk at its end; inside another one, at the end of that."""
    if connection.in_transaction:
        yield
        return
    # IMMEDIATE: a deferred one that reads before it writes fails at once when another process writes.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def ledger_errors(path: Path) -> Iterator[None]:
    """Turns every sqlite and OS error of the block into a StorageError about the ledger's folder."""
    with storage_errors(path.parent):
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # used when closed or from another thread: a defect, not the disk
        except sqlite3.Error as error:
            known = _REASONS.get(_primary_code(error))
            raise StorageError(path=path.parent, reason=_(known) if known else str(error)) from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    while (number := _form(connection, path)) < len(MIGRATIONS):
        with transaction(connection):
            # Another process may have migrated it between the look and the lock.
            if _form(connection, path) == number:
                for statement in MIGRATIONS[number]:
                    connection.execute(statement)
                now = time.time_ns() // 1000
                connection.execute("INSERT INTO migrations (number, at) VALUES (?, ?)", (number + 1, now))
    if number > len(MIGRATIONS):
        reason = _("a newer Scumble wrote the ledger (form {theirs}; this one knows {ours})")
        raise StorageError(path=path.parent, reason=reason.format(theirs=number, ours=len(MIGRATIONS)))


def _form(connection: sqlite3.Connection, path: Path) -> int:
    """How many migrations the file has seen, 0 for an empty one."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not names:
        return 0
    if not {"migrations", "requests", "events"} <= names:
        reason = _("{name} is not a ledger of Scumble").format(name=path.name)
        raise StorageError(path=path.parent, reason=reason)
    return int(connection.execute("SELECT max(number) FROM migrations").fetchone()[0] or 0)


def create_empty(path: Path) -> None:
    """A file of mode 0600 for SQLite, where there is none. Raises OSError."""
    # SQLite would create it with the umask's mode, and gives its side files the mode of this one. An
    # existing file is not opened: closing it would drop the locks of this process's other connections.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))
        sync_folder(path.parent)
    except FileExistsError:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(FILE_MODE)


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """So that readers and a writer do not wait for one another. Raises sqlite3.Error."""
    # SQLite does not wait for a lock while it changes the journal mode, so several first openers collide.
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
