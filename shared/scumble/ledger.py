# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of every request's money: events are only ever added, and every state is derived from them.

    reserved -> sent     -> settled | released | unknown
             -> released
    unknown  -> settled | released                          a late answer, or a person's decision
    reserved | sent -> unknown                              on another machine, when a person decides it

`settled` and `released` are final. Only a proven "never sent" or a definite refusal releases; an unknown
keeps its whole reservation. One SQLite file serves all hosts of a user, in many processes at once.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, cast

from . import awaiting, budgets, entries, reports
from .awaiting import Awaited
from .budgets import Allowance, Budget, Change, Room, Scope
from .learned import Learned, learn, size_class
from .ledger_file import ledger_errors, open_ledger_file, transaction
from .periods import in_microseconds
from .process import Process, is_elsewhere, is_gone, this_process
from .reports import Accuracy, Failures, Group, Topic, Totals
from .settings import Home
from .shapes import Size
from .spendings import Entry, Spending, State, Step, check, document_tag, is_amount, project_tag

if TYPE_CHECKING:
    from .catalog import Model
    from .cost import Bill
    from .request import Request

__all__ = [
    "Awaited",
    "Entry",
    "Ledger",
    "Spending",
    "State",
    "Step",
    "Totals",
    "budget_left",
    "learned_from_bills",
]

_FOLLOWERS: dict[State, tuple[State, ...]] = {
    "reserved": ("sent", "released"),
    "sent": ("settled", "released", "unknown"),
    "unknown": ("settled", "released"),
    "settled": (),
    "released": (),
}
_REASON_CODE = re.compile(r"[a-z0-9-]{1,40}")
_HAND = "by-hand"

# By then no request is at work any more, whatever the clocks of two machines say.
_LONGEST_REQUEST = 3_600_000_000


class Ledger:
    """An open ledger: one connection, for one thread. Create one for each thread; close it, or use `with`.

    Every method raises StorageError when the file cannot be read or written, or is not a ledger this
    version knows; KeyError for an id it does not hold.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time, zone: tzinfo | None = None) -> None:
        """Open or create the file (0600, its folder 0700); `now` gives seconds since 1970, and the days and
        months of budgets and reports are those of `zone`, None for this machine's."""
        self._path = path
        self._now = now
        self._zone = zone
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

    def reserve(self, spending: Spending, over_budget: bool = False) -> str:
        """Record what is about to be asked; its reservation is on disk on return. Gives the new id.

        Raises BudgetExceeded or PriceUnknown when a budget has no room for it, and then records nothing;
        with `over_budget`, a person's decision about this one action, it is recorded with that as its reason.
        Raises ValueError for amounts that are not integers from 0 to 10**15, or an unknown host.
        """
        return self.reserve_all([spending], over_budget)[0]

    def reserve_all(self, spendings: Sequence[Spending], over_budget: bool = False) -> tuple[str, ...]:
        """Record all of them or none, as reserve() does one; gives the ids in the same order.

        The budgets must have room for the sum, the one for a single action for each.
        """
        for spending in spendings:
            check(spending)
        with ledger_errors(self._path), transaction(self._connection):
            now = self._microseconds()
            reasons = budgets.admit(self._connection, now, self._zone, spendings, over_budget)
            return tuple(
                self._insert(spending, now, reason)
                for spending, reason in zip(spendings, reasons, strict=True)
            )

    def _insert(self, spending: Spending, now: int, reason: str) -> str:
        id = uuid.uuid4().hex
        inserted = self._connection.execute(
            "INSERT INTO requests (id, at, host, kind, model, quality, size, n, expected, reserve,"
            " sandbox, document, project, priced, owner)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id,
                now,
                spending.host,
                spending.kind,
                spending.model,
                spending.quality,
                spending.size,
                spending.n,
                spending.expected,
                spending.reserve,
                spending.sandbox,
                document_tag(spending.document),
                project_tag(spending.project),
                spending.priced,
                self._owner(this_process()),
            ),
        )
        self._append(inserted.lastrowid or 0, "reserved", reason)
        return id

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Everything done in the block is on disk at its end, or nothing of it: one wait for the disk for
        thousands of steps. An exception undoes it all."""
        with ledger_errors(self._path), transaction(self._connection):
            yield

    def sent(self, id: str) -> None:
        """The body may begin to leave. ValueError unless reserved."""
        self._move(id, "sent")

    def settle(self, id: str, bill: Bill) -> None:
        """The real bill is known. ValueError unless sent or unknown.

        In the sandbox nothing is billed, and the bill is what the service would have billed.
        """
        if not is_amount(bill.total):
            raise ValueError("a bill is an integer from 0 to 10**15 micro-dollars")
        self._move(id, "settled", bill=bill)

    def release(self, id: str, reason_code: str) -> None:
        """Certainly nothing was billed. ValueError when settled or released already."""
        self._move(id, "released", reason_code)

    def unknown(self, id: str, reason_code: str) -> None:
        """It was sent, and may be billed. ValueError unless sent."""
        self._move(id, "unknown", reason_code)

    def await_answer(self, id: str, handle: str) -> None:
        """The service keeps this spending's answer under `handle`, for any process to fetch.

        ValueError unless it is sent, or for a handle that is not 1 to 200 visible ASCII characters.
        """
        with ledger_errors(self._path), transaction(self._connection):
            number = self._number(id)
            if (state := self._standing(number)) != "sent":
                raise ValueError(f"{id} is {state} and awaits nothing")
            awaiting.note(self._connection, self._microseconds(), number, handle)

    def awaited(self) -> list[Awaited]:
        """What has a handle and no end yet, newest first: sent, or unknown when a person gave up on it."""
        with ledger_errors(self._path):
            kept = awaiting.handles(self._connection)
            found = [(number, self._select("WHERE number = ?", number)[0]) for number in kept]
            return [
                Awaited(entry, kept[number])
                for number, entry in sorted(found, key=lambda each: (each[1].at, each[0]), reverse=True)
            ]

    def decide(self, id: str, billed: int | None) -> None:
        """Close an unknown spending, or one of elsewhere(), by hand: as billed (micro-dollars) or, with None,
        as not billed.

        ValueError unless it is one of these, or for an amount that is not an integer from 0 to 10**15.
        """
        if billed is not None and not is_amount(billed):
            raise ValueError("a bill is an integer from 0 to 10**15 micro-dollars")
        with ledger_errors(self._path), transaction(self._connection):
            number = self._number(id)
            if number in self._elsewhere():
                self._append(number, "unknown", "other-machine")
        if billed is None:
            self._move(id, "released", _HAND, only_from="unknown")
        else:
            self._move(id, "settled", _HAND, total=billed, only_from="unknown")

    def sweep(self) -> list[Entry]:
        """Close what processes of this machine left behind when they ended: reserved becomes released,
        sent becomes unknown. What awaits an answer that the service keeps stays as it is.

        Gives the entries changed; a kept reply may still settle the unknown ones.
        """
        with ledger_errors(self._path):
            kept = awaiting.handles(self._connection)
            left = [
                (number, state)
                for number, state, _at, owner in entries.under_way(self._connection)
                if number not in kept and is_gone(owner)
            ]
            if not left:
                return []
            swept = []
            with transaction(self._connection):
                for number, state in left:
                    if self._standing(number) == state:
                        self._append(number, "released" if state == "reserved" else "unknown", "process-gone")
                        swept.append(number)
            return [self._select("WHERE number = ?", number)[0] for number in swept]

    def elsewhere(self) -> list[Entry]:
        """What was reserved or sent on another machine more than an hour ago and never ended here, newest
        first: of a data folder that was copied, or is shared. No sweep can tell what became of it."""
        with ledger_errors(self._path):
            found = [self._select("WHERE number = ?", number)[0] for number in self._elsewhere()]
        return sorted(found, key=lambda entry: entry.at, reverse=True)

    def entry(self, id: str) -> Entry:
        with ledger_errors(self._path):
            found = self._select("WHERE id = ?", id)
        if not found:
            raise KeyError(id)
        return found[0]

    def entries(self, since: datetime | None = None, limit: int | None = None) -> list[Entry]:
        """Newest first; `since` (aware, inclusive) is compared with the time of reserving."""
        return list(self.each_entry(since, limit))

    def each_entry(self, since: datetime | None = None, limit: int | None = None) -> Iterator[Entry]:
        """The same one by one, for more than memory should hold."""
        start = -(2**63) if since is None else in_microseconds(since)
        with ledger_errors(self._path):
            yield from entries.each(
                self._connection,
                "WHERE at >= ? ORDER BY at DESC, number DESC LIMIT ?",
                start,
                -1 if limit is None else limit,
            )

    def unknown_entries(self) -> list[Entry]:
        """What may have been billed and is for a person to decide, newest first."""
        with ledger_errors(self._path):
            return self._select("WHERE open = 1 AND state = 'unknown' ORDER BY at DESC, number DESC")

    def find(self, start_of_id: str) -> str:
        """The one id that begins so. Raises KeyError when there is none, or more than one."""
        with ledger_errors(self._path):
            found = self._connection.execute(
                "SELECT id FROM requests WHERE id >= ? AND id < ? LIMIT 2", (start_of_id, start_of_id + "g")
            ).fetchall()
        if len(found) != 1:
            raise KeyError(start_of_id)
        return str(found[0][0])

    def steps(self, id: str) -> list[Step]:
        """How a spending came to its state, oldest first."""
        with ledger_errors(self._path):
            found = entries.steps(self._connection, id)
        if not found:
            raise KeyError(id)
        return found

    def totals(self, since: datetime | None = None) -> Totals:
        """Over the entries reserved at `since` (aware, inclusive) or later; over all when None."""
        start = None if since is None else in_microseconds(since)
        with ledger_errors(self._path):
            return reports.totals(self._connection, start)

    def document_totals(self, document: str) -> Totals:
        """Over all that was asked for a document, under the name that a Spending gives it."""
        with ledger_errors(self._path):
            return reports.of_document(self._connection, document_tag(document))

    def groups(self, topic: Topic, since: datetime | None = None) -> list[Group]:
        """The sums by day, newest first, or by another topic, the dearest first."""
        start = None if since is None else in_microseconds(since)
        with ledger_errors(self._path):
            return reports.groups(self._connection, topic, start, self._zone)

    def failures(self, since: datetime | None = None) -> list[Failures]:
        """What failed and what that cost, by reason, the most frequent first."""
        start = None if since is None else in_microseconds(since)
        with ledger_errors(self._path):
            return reports.failures(self._connection, start)

    def accuracy(self) -> list[Accuracy]:
        """How estimates compare with bills, by model and quality; over all bills there are."""
        with ledger_errors(self._path):
            return reports.accuracy(self._connection)

    def standing_rooms(self) -> tuple[Room, ...]:
        """What the limits over time have left: the day's, the month's, each named project's."""
        with ledger_errors(self._path):
            named = [each.project for each in budgets.in_force(self._connection) if each.project]
            rooms = [room for room in self.rooms() if room.budget.scope != "action"]
            for project in named:
                rooms += [room for room in self.rooms(project) if room.budget.project == project]
        return tuple(rooms)

    def learned(self, request: Request, model: Model) -> Learned | None:
        """What real bills say of a request whose model has no exact rule, for `cost.estimate`; None for
        other models, and from fewer than three bills of the quality and size class."""
        if model.output is None or model.output.exact:
            return None
        with ledger_errors(self._path):
            billed = reports.billed_tokens(self._connection, request.model, request.quality)
        wanted = size_class(request.size)
        return learn(tokens for size, tokens in billed if size_class(_size(size)) == wanted)

    def set_budget(self, scope: Scope, limit: int, project: str = "") -> None:
        """Limit one action, each day, each month or a project to micro-dollars, from now on.

        Of the scope "project" without a name: each project that has no limit of its own. Raises ValueError
        for an amount that is not an integer from 0 to 10**15, or a project with another scope.
        """
        with ledger_errors(self._path), transaction(self._connection):
            budgets.change(self._connection, self._microseconds(), scope, limit, project)

    def clear_budget(self, scope: Scope, project: str = "") -> bool:
        """Lift a limit; False when there was none. The limits that were stay in the record."""
        with ledger_errors(self._path), transaction(self._connection):
            held = [(each.scope, each.project) for each in budgets.in_force(self._connection)]
            if (scope, project_tag(project)) not in held:
                return False
            budgets.change(self._connection, self._microseconds(), scope, None, project)
            return True

    def budgets(self) -> list[Budget]:
        """The limits that hold now."""
        with ledger_errors(self._path):
            return budgets.in_force(self._connection)

    def budget_changes(self) -> list[Change]:
        """Every limit that was ever set or cleared, oldest first."""
        with ledger_errors(self._path):
            return budgets.history(self._connection)

    def rooms(self, project: str = "", action: int = 0) -> tuple[Room, ...]:
        """What the budgets that apply have left; `action` is what the one for a single action counts."""
        with ledger_errors(self._path):
            return budgets.rooms(self._connection, self._microseconds(), self._zone, project, action)

    def allowance(self, project: str = "") -> Allowance:
        """Today's spending and the budgets that apply, for a host to show."""
        with ledger_errors(self._path):
            return budgets.allowance(self._connection, self._microseconds(), self._zone, project)

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

    def _elsewhere(self) -> list[int]:
        kept = awaiting.handles(self._connection)
        oldest = self._microseconds() - _LONGEST_REQUEST
        return [
            number
            for number, _state, at, owner in entries.under_way(self._connection)
            if number not in kept and at < oldest and is_elsewhere(owner)
        ]

    def _move(
        self,
        id: str,
        state: State,
        reason: str = "",
        bill: Bill | None = None,
        total: int = 0,
        only_from: State | None = None,
    ) -> None:
        if state in ("released", "unknown") and not _REASON_CODE.fullmatch(reason):
            raise ValueError("a reason is a code of small letters, digits and hyphens")
        with ledger_errors(self._path), transaction(self._connection):
            number = self._number(id)
            before = self._standing(number)
            if state not in _FOLLOWERS[before] or only_from not in (None, before):
                raise ValueError(f"{id} is {before} and cannot become {state}")
            self._append(number, state, reason, bill, bill.total if bill else total)

    def _number(self, id: str) -> int:
        row = self._connection.execute("SELECT number FROM requests WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise KeyError(id)
        return int(row[0])

    def _standing(self, number: int) -> State:
        row = self._connection.execute("SELECT state FROM standing WHERE request = ?", (number,)).fetchone()
        return cast("State", row[0])

    def _append(
        self,
        number: int,
        state: State,
        reason: str = "",
        bill: Bill | None = None,
        total: int = 0,
    ) -> None:
        asked = self._connection.execute("SELECT sandbox FROM requests WHERE number = ?", (number,))
        (sandbox,) = asked.fetchone()
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
        return list(entries.each(self._connection, condition, *values))

    def _microseconds(self) -> int:
        return int(self._now() * 1_000_000)


def budget_left(
    home: Home, project: str = "", now: Callable[[], float] = time.time, zone: tzinfo | None = None
) -> Allowance:
    """What a host shows beside its price ("Today $1.20 of $5.00"), without creating a ledger for it.

    Takes a millisecond or so; call it when a dialog opens and after each Finished. Raises StorageError.
    """
    if not home.ledger.exists():
        return Allowance(0)
    with Ledger(home.ledger, now, zone) as ledger:
        return ledger.allowance(project)


def learned_from_bills(home: Home, request: Request, model: Model) -> Learned | None:
    """`Ledger.learned` from a data folder, without creating a ledger for it. Raises StorageError."""
    if model.output is None or model.output.exact or not home.ledger.exists():
        return None
    with Ledger(home.ledger) as ledger:
        return ledger.learned(request, model)


def _size(text: str) -> Size | None:
    return None if text == "auto" else Size.parse(text)
