# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of every request's money: events are only ever added, and every state is derived from them.

    reserved -> sent     -> settled | released | unknown
             -> released
    unknown  -> settled | released                          a late answer, or a person's decision

`settled` and `released` are final. Only a proven "never sent" or a definite refusal releases; an unknown
keeps its whole reservation. One SQLite file serves all hosts of a user, in many processes at once.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, cast

from .ledger_file import ledger_errors, open_ledger_file, transaction
from .process import Process, is_gone, this_process

if TYPE_CHECKING:
    from .cost import Bill

State = Literal["reserved", "sent", "settled", "released", "unknown"]

HOSTS = ("gimp", "blender", "cli")
DOCUMENT_BYTES = 160
PROJECT_BYTES = 48

_FOLLOWERS: dict[State, tuple[State, ...]] = {
    "reserved": ("sent", "released"),
    "sent": ("settled", "released", "unknown"),
    "unknown": ("settled", "released"),
    "settled": (),
    "released": (),
}
_LARGEST_AMOUNT = 10**15
_REASON_CODE = re.compile(r"[a-z0-9-]{1,40}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_ENTRIES = """
    SELECT id, at, host, kind, model, quality, size, n, expected, reserve, sandbox, document, project,
           state, billed, would_bill, from_usage
    FROM requests JOIN standing ON standing.request = requests.number
"""


@dataclass(frozen=True)
class Spending:
    """What is about to be asked, and its money in micro-dollars: the likely price and its upper bound.

    Of `document` the last 160 bytes are recorded, of `project` the first 48.
    """

    host: str
    kind: str
    model: str
    quality: str
    size: str
    n: int
    expected: int
    reserve: int
    sandbox: bool
    document: str = ""
    project: str = ""


@dataclass(frozen=True)
class Entry:
    """A spending and what became of it. Money in micro-dollars; `would_bill` is the sandbox's."""

    id: str
    at: datetime
    spending: Spending
    state: State
    billed: int
    would_bill: int
    from_usage: bool


@dataclass(frozen=True)
class Totals:
    """Sums in micro-dollars. `reserved_or_unknown` is what may still be billed for what is not decided;
    `would_bill` what the sandbox's work would have cost; `count` leaves out what was released."""

    billed: int
    reserved_or_unknown: int
    would_bill: int
    count: int


class Ledger:
    """An open ledger: one connection, for one thread. Create one for each thread; close it, or use `with`.

    Every method raises StorageError when the file cannot be read or written, or is not a ledger this
    version knows; KeyError for an id it does not hold.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        """Open or create the file (0600, its folder 0700); `now` gives seconds since 1970."""
        self._path = path
        self._now = now
        self._connection = open_ledger_file(path)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with ledger_errors(self._path):
            self._connection.close()

    def reserve(self, spending: Spending) -> str:
        """Record what is about to be asked; its reservation is on disk on return. Gives the new id.

        Raises ValueError for amounts that are not integers from 0 to 10**15, or an unknown host.
        """
        _check(spending)
        id = uuid.uuid4().hex
        with ledger_errors(self._path), transaction(self._connection):
            inserted = self._connection.execute(
                "INSERT INTO requests (id, at, host, kind, model, quality, size, n, expected, reserve,"
                " sandbox, document, project, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    id,
                    self._microseconds(),
                    spending.host,
                    spending.kind,
                    spending.model,
                    spending.quality,
                    spending.size,
                    spending.n,
                    spending.expected,
                    spending.reserve,
                    spending.sandbox,
                    spending.document.encode(errors="replace")[-DOCUMENT_BYTES:].decode(errors="ignore"),
                    spending.project.encode(errors="replace")[:PROJECT_BYTES].decode(errors="ignore"),
                    self._owner(this_process()),
                ),
            )
            self._append(inserted.lastrowid or 0, "reserved")
        return id

    def sent(self, id: str) -> None:
        """The body may begin to leave. ValueError unless reserved."""
        self._move(id, "sent")

    def settle(self, id: str, bill: Bill) -> None:
        """The real bill is known. ValueError unless sent or unknown.

        In the sandbox nothing is billed, and the bill is what the service would have billed.
        """
        if not _is_amount(bill.total):
            raise ValueError("a bill is an integer from 0 to 10**15 micro-dollars")
        self._move(id, "settled", bill=bill)

    def release(self, id: str, reason_code: str) -> None:
        """Certainly nothing was billed. ValueError when settled or released already."""
        self._move(id, "released", reason_code)

    def unknown(self, id: str, reason_code: str) -> None:
        """It was sent, and may be billed. ValueError unless sent."""
        self._move(id, "unknown", reason_code)

    def sweep(self) -> list[Entry]:
        """Close what processes of this machine left behind when they ended: reserved becomes released,
        sent becomes unknown. Gives the entries changed; a kept reply may still settle the unknown ones."""
        with ledger_errors(self._path):
            left = [(number, state) for number, state, owner in self._under_way() if is_gone(owner)]
            if not left:
                return []
            swept = []
            with transaction(self._connection):
                for number, state in left:
                    if self._standing(number) == state:
                        self._append(number, "released" if state == "reserved" else "unknown", "process-gone")
                        swept.append(number)
            return [self._select("WHERE number = ?", number)[0] for number in swept]

    def entry(self, id: str) -> Entry:
        with ledger_errors(self._path):
            found = self._select("WHERE id = ?", id)
        if not found:
            raise KeyError(id)
        return found[0]

    def entries(self, since: datetime | None = None, limit: int | None = None) -> list[Entry]:
        """Newest first; `since` (aware, inclusive) is compared with the time of reserving."""
        with ledger_errors(self._path):
            return self._select(
                "WHERE at >= ? ORDER BY at DESC, number DESC LIMIT ?",
                _in_microseconds(since),
                -1 if limit is None else limit,
            )

    def totals(self, since: datetime | None = None) -> Totals:
        """Over the entries reserved at `since` (aware, inclusive) or later; over all when None."""
        with ledger_errors(self._path):
            row = self._connection.execute(
                "SELECT coalesce(sum(billed), 0), coalesce(sum(reserve * open * (1 - sandbox)), 0),"
                " coalesce(sum(would_bill), 0), coalesce(sum(state <> 'released'), 0)"
                " FROM requests JOIN standing ON standing.request = requests.number WHERE at >= ?",
                (_in_microseconds(since),),
            ).fetchone()
        return Totals(*row)

    def _owner(self, process: Process) -> int:
        parts = (process.pid, process.machine, process.boot, process.namespace, process.started)
        known = self._connection.execute(
            "SELECT number FROM owners"
            " WHERE pid = ? AND machine = ? AND boot = ? AND namespace = ? AND started = ?",
            parts,
        )
        row = known.fetchone()
        if row is not None:
            return int(row[0])
        inserted = self._connection.execute(
            "INSERT INTO owners (pid, machine, boot, namespace, started) VALUES (?, ?, ?, ?, ?)", parts
        )
        return inserted.lastrowid or 0

    def _under_way(self) -> list[tuple[int, State, Process]]:
        rows = self._connection.execute(
            "SELECT request, state, machine, boot, namespace, pid, started"
            " FROM standing JOIN requests ON requests.number = request JOIN owners ON owners.number = owner"
            " WHERE open = 1 AND state <> 'unknown'"
        )
        return [(row[0], row[1], Process(*row[2:])) for row in rows]

    def _move(self, id: str, state: State, reason: str = "", bill: Bill | None = None) -> None:
        if state in ("released", "unknown") and not _REASON_CODE.fullmatch(reason):
            raise ValueError("a reason is a code of small letters, digits and hyphens")
        with ledger_errors(self._path), transaction(self._connection):
            asked = self._connection.execute("SELECT number, sandbox FROM requests WHERE id = ?", (id,))
            row = asked.fetchone()
            if row is None:
                raise KeyError(id)
            number, sandbox = row
            before = self._standing(number)
            if state not in _FOLLOWERS[before]:
                raise ValueError(f"{id} is {before} and cannot become {state}")
            self._append(number, state, reason, bill, bool(sandbox))

    def _standing(self, number: int) -> State:
        row = self._connection.execute("SELECT state FROM standing WHERE request = ?", (number,)).fetchone()
        return cast("State", row[0])

    def _append(
        self, number: int, state: State, reason: str = "", bill: Bill | None = None, sandbox: bool = False
    ) -> None:
        total = bill.total if bill else 0
        self._connection.execute(
            "INSERT INTO events (request, at, state, reason, billed, would_bill, from_usage, lines)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                self._microseconds(),
                state,
                reason,
                0 if sandbox else total,
                total if sandbox else 0,
                bill.from_usage if bill else False,
                json.dumps(bill.lines, separators=(",", ":")) if bill else "",
            ),
        )

    def _select(self, condition: str, *values: object) -> list[Entry]:
        rows = self._connection.execute(_ENTRIES + condition, values)
        return [_entry(row) for row in rows]

    def _microseconds(self) -> int:
        return int(self._now() * 1_000_000)


def _entry(row: tuple[Any, ...]) -> Entry:
    id, at, host, kind, model, quality, size, n, expected, reserve, sandbox, document, project = row[:13]
    state, billed, would_bill, from_usage = row[13:]
    asked = Spending(host, kind, model, quality, size, n, expected, reserve, bool(sandbox), document, project)
    return Entry(id, _EPOCH + at * _MICROSECOND, asked, state, billed, would_bill, bool(from_usage))


def _in_microseconds(since: datetime | None) -> int:
    if since is None:
        return -(2**63)
    if since.tzinfo is None:
        raise ValueError("a time without a time zone")
    return (since - _EPOCH) // _MICROSECOND


def _check(spending: Spending) -> None:
    if spending.host not in HOSTS:
        raise ValueError(f"unknown host {spending.host!r}")
    if not (_is_amount(spending.expected) and _is_amount(spending.reserve)):
        raise ValueError("an amount is an integer from 0 to 10**15 micro-dollars")
    if spending.n < 1:
        raise ValueError("at least one picture is asked for")


def _is_amount(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST_AMOUNT
