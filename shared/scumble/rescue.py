# SPDX-License-Identifier: GPL-3.0-or-later
"""A damaged ledger made whole again from what is readable in it, so that no budget forgets what was spent.

What cannot be known is taken at its dearest: a spending whose end is lost becomes unknown and keeps its
reservation, and the money of an event whose request is lost is kept under a request in its place.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .budgets import in_force
from .errors import LedgerDamaged, StorageError
from .gathering import SIDE_FILES, copied
from .ledger_file import ledger_errors, open_ledger_file, readable_text, transaction
from .private_files import sync_folder
from .translation import _

_REASON = "recovered"
_LOST_MODEL = "(lost)"
_TABLES = ("owners", "requests", "events", "handles", "limits")
_DESCRIBED = ("owners", "requests", "events", "limits")
# Beyond this many rows that cannot be read, ever larger steps look for one that can.
_SINGLE_STEPS = 256
_FARTHEST = 2**40

_Row = dict[str, Any]


@dataclass(frozen=True)
class Rescued:
    """How many spendings were saved, and how many budgets are in force. Of the spendings `unclear` are now
    unknown, and `replaced` stand for one of which only the money was left. `kept` is the damaged file."""

    spendings: int
    budgets: int
    unclear: int
    replaced: int
    kept: Path


def rescue(path: Path, now: float) -> Rescued | None:
    """Put a new ledger in the place of a damaged one, which is kept beside it; None for a whole one, which
    is left as it is. `now` is seconds since 1970.

    No other program should use the ledger meanwhile. Raises LedgerDamaged, and changes nothing, when nothing
    can be read; StorageError when the folder takes no new file or the ledger is not for this version to read.
    """
    with ledger_errors(path), tempfile.TemporaryDirectory(prefix=".rescue-", dir=path.parent) as folder:
        if not path.exists():
            return None
        damaged, whole = Path(folder) / "damaged.sqlite3", Path(folder) / "whole.sqlite3"
        copied(path, damaged)
        if _is_whole(damaged):
            return None
        readable = _all_readable(damaged)
        if not readable["requests"] and not readable["events"]:
            _describe_anew(damaged, Path(folder))
            readable = _all_readable(damaged)
        if not readable["requests"] and not readable["events"]:
            reason = _(
                "nothing in it is readable; to begin a new one, with no spending to count, move it away"
            )
            raise LedgerDamaged(path=path.parent, reason=reason)
        with contextlib.closing(open_ledger_file(whole)) as new, transaction(new):
            unclear, replaced = _fill(new, readable, int(now * 1_000_000))
            (spendings,) = new.execute("SELECT count(*) FROM requests").fetchone()
            budgets = len(in_force(new))
        kept = _aside(path, time.strftime("%Y%m%d-%H%M%S", time.localtime(now)))
        os.replace(whole, path)
        sync_folder(path.parent)
    return Rescued(spendings, budgets, unclear, replaced, kept)


def _is_whole(copy: Path) -> bool:
    try:
        with contextlib.closing(open_ledger_file(copy)) as connection, ledger_errors(copy):
            answers = connection.execute("PRAGMA integrity_check").fetchall()
    except LedgerDamaged:
        return False
    except StorageError as error:
        raise type(error)(path=copy.parents[1], reason=error.details["reason"]) from error
    return answers == [("ok",)]


def _all_readable(damaged: Path) -> dict[str, list[_Row]]:
    with contextlib.closing(sqlite3.connect(damaged, isolation_level=None)) as old:
        old.text_factory = readable_text
        return {table: list(_readable(old, table)) for table in _TABLES}


def _describe_anew(damaged: Path, folder: Path) -> None:
    """Give a copy whose own description of its tables is lost a first page that says where they begin.

    Every ledger is created by the same migrations, so its tables begin on the same pages as a new one's. Of
    a table that a later migration made beside rows that is not so, and what is read there fits none of ours.
    """
    fresh, described = folder / "fresh.sqlite3", folder / "described.sqlite3"
    with contextlib.closing(open_ledger_file(fresh)) as connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in _DESCRIBED
        }
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"))
    with contextlib.closing(sqlite3.connect(described, isolation_level=None)) as connection:
        for table in _DESCRIBED:
            rest = ", ".join(columns[table][1:])
            connection.execute(f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, {rest})")
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA writable_schema = 1")
        for table in _DESCRIBED:
            connection.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (roots[table], table))
    page = bytearray(described.read_bytes()[:page_bytes])
    # Without the number of pages in its header, SQLite takes it from the file's length.
    page[28:32] = bytes(4)
    with damaged.open("r+b") as file:
        file.write(page)


def _readable(connection: sqlite3.Connection, table: str) -> Iterator[_Row]:
    """The rows of a table in their order, without those on damaged pages."""
    last, step = 0, 0
    while step < _FARTHEST:
        try:
            # Without an index, which may be what is damaged. S608: the tables' names are this module's.
            rows = connection.execute(
                f"SELECT * FROM {table} NOT INDEXED WHERE number > ? ORDER BY number",  # noqa: S608
                (last + step,),
            )
            names = [column[0] for column in rows.description]
            for row in rows:
                last, step = row[names.index("number")], 0
                yield dict(zip(names, row, strict=True))
            return
        except sqlite3.OperationalError:
            return  # a form that has no such table, or none of its description is left
        except (sqlite3.DatabaseError, OverflowError, UnicodeDecodeError):
            step = step + 1 if step < _SINGLE_STEPS else 2 * step


def _fill(new: sqlite3.Connection, readable: dict[str, list[_Row]], now: int) -> tuple[int, int]:
    """Put the rows into an empty ledger; tells how many spendings became unknown, and how many stand for
    one that is lost."""
    new.execute("PRAGMA defer_foreign_keys = 1")
    _insert(new, "owners", readable["owners"])
    known_owners = {row["number"] for row in readable["owners"]}
    lost_owner = max((n for n in known_owners if type(n) is int), default=0) + 1
    lost = {"number": lost_owner, "machine": "", "boot": "", "namespace": "", "pid": 0, "started": ""}
    _insert(new, "owners", [lost])
    _insert(
        new,
        "requests",
        [
            row if row.get("owner") in known_owners else {**row, "owner": lost_owner}
            for row in readable["requests"]
        ],
    )
    there = {number for (number,) in new.execute("SELECT number FROM requests")}
    by_request = sorted(readable["events"], key=lambda row: str(row["request"]))
    replaced = 0
    for _request, group in itertools.groupby(by_request, key=lambda row: row["request"]):
        events = list(group)
        number = events[0]["request"]
        if type(number) is int and number not in there:
            replaced += _insert(new, "requests", [_in_place(number, events, lost_owner)])
    there = {number for (number,) in new.execute("SELECT number FROM requests")}
    _insert(new, "events", [row for row in readable["events"] if row["request"] in there])
    _insert(new, "handles", [row for row in readable["handles"] if row["request"] in there])
    _insert(new, "limits", readable["limits"])
    unclear = new.execute(
        "SELECT number FROM requests LEFT JOIN standing ON standing.request = requests.number"
        " WHERE state IS NULL OR state IN ('reserved', 'sent')"
    ).fetchall()
    for (number,) in unclear:
        event = {"request": number, "at": now, "state": "unknown", "reason": _REASON}
        _insert(new, "events", [{**event, "billed": 0, "would_bill": 0, "from_usage": 0, "lines": ""}])
    return len(unclear), replaced


def _in_place(number: int, events: list[_Row], owner: int) -> _Row:
    """A request for events whose own is lost; without its bill nobody knows its price."""
    return {
        "number": number, "id": uuid.uuid4().hex, "at": min(event["at"] for event in events), "host": "cli",
        "kind": "edit", "model": _LOST_MODEL, "quality": "", "size": "auto", "n": 1, "expected": 0,
        "reserve": 0, "sandbox": 0, "document": "", "project": "", "owner": owner,
        "priced": int(any(event["state"] == "settled" for event in events)),
    }  # fmt: skip


def _insert(connection: sqlite3.Connection, table: str, rows: list[_Row]) -> int:
    """How many of the rows the table took: damage can put anything in their place."""
    taken = 0
    for row in rows:
        columns = ", ".join(row)
        places = ", ".join("?" * len(row))
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute(
                f"INSERT INTO {table} ({columns}) VALUES ({places})",  # noqa: S608 - names of our own tables
                tuple(row.values()),
            )
            taken += 1
    return taken


def _aside(path: Path, stamp: str) -> Path:
    kept = path.with_name(f"{path.stem}-damaged-{stamp}{path.suffix}")
    os.replace(path, kept)
    for end in SIDE_FILES:
        # Left behind, SQLite would play it into the new ledger.
        with contextlib.suppress(FileNotFoundError):
            os.replace(path.with_name(path.name + end), kept.with_name(kept.name + end))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    return kept
