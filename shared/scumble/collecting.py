# SPDX-License-Identifier: GPL-3.0-or-later
"""What batches have made: fetched, kept and settled line by line, by whichever process comes to it.

A line's reply is on disk before it is read, under the id of its spending, and billed at the prices of the
Batch API by its own usage. What the service says it refused or did not come to is released; what it is silent
about, or may have worked on, stays unknown. Fetching costs nothing and may be repeated: what is settled stays
as it is, and a stop at any point leaves the rest for the next time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from . import batch_records, batches, client, records, recovery, store, wire
from .batch_lines import Lines, Told, read_line
from .batches import Batch
from .catalog import load
from .credentials import Account
from .errors import BadReply, Billing, NoUsableAnswer, StorageError, UnknownModel
from .ledger import Awaited, Entry, Ledger
from .request import Request
from .settings import Home
from .translation import _

End = Literal["settled", "released", "unknown"]

# The service's own words for lines that it did not work on.
_NOT_DONE = ("batch-expired", "batch-cancelled")


@dataclass(frozen=True)
class Collected:
    """What one look at a batch brought. `status` is the service's, or "lost" for one that it does not know.

    Numbers of lines: settled, released, unknown now, and still `waiting` for the service. `odd` lines of the
    files belong to nothing that waits: another id, one that came twice, no JSON.
    """

    batch: str
    status: str
    lines: int
    settled: int = 0
    released: int = 0
    unknown: int = 0
    waiting: int = 0
    odd: int = 0


def waiting(home: Home, sandbox: bool) -> dict[str, list[Entry]]:
    """The spendings that await a line of a batch, by its handle without the line. Raises StorageError.

    Only those of the sandbox, or only those of the service: neither knows of the other's.
    """
    if not home.ledger.exists():
        return {}
    with Ledger(home.ledger) as ledger:
        return _by_place(ledger.awaited(), sandbox)


def collect(
    home: Home,
    account: Account,
    on_end: Callable[[str, End], None] = lambda _id, _end: None,
    only: frozenset[str] | None = None,
) -> tuple[Collected, ...]:
    """Look at every batch that something waits for, and take in those that have ended.

    `on_end` is called with each spending's id as it ends. With `only`, batches without any of these ids are
    left alone. Raises NoUsableAnswer when the service cannot be asked, SetupError and its kin for a refused
    key, StorageError when the data folder does not take what comes.
    """
    if not home.ledger.exists():
        return ()
    found = []
    with Ledger(home.ledger) as ledger:
        for place, entries in _by_place(ledger.awaited(), account.sandbox).items():
            if only is None or any(entry.id in only for entry in entries):
                found.append(_Collection(home, account, ledger, entries, on_end).take(place))
        _tidy(home, account, ledger)
    return tuple(found)


def _tidy(home: Home, account: Account, ledger: Ledger) -> None:
    """Delete here and at the service what was asked for in files of which every line is decided."""
    here = batches.place_of(account)
    for file in batch_records.kept(home):
        ids = batch_records.read(home, file)
        decided = all(_is_decided(ledger, id) for id in ids)
        if decided and batch_records.place_of(home, file) == here:
            batches.forget_file(account, file)
            batch_records.delete(home, file)


def _is_decided(ledger: Ledger, id: str) -> bool:
    try:
        return ledger.entry(id).state in ("settled", "released")
    except KeyError:
        return True


def _by_place(awaited: list[Awaited], sandbox: bool) -> dict[str, list[Entry]]:
    places: dict[str, list[Entry]] = {}
    for each in awaited:
        if batches.batch_of(each.handle)[0] and each.entry.spending.sandbox == sandbox:
            places.setdefault(each.handle.partition("/")[0], []).append(each.entry)
    return places


class _Collection:
    """One batch while its lines are taken in."""

    def __init__(
        self,
        home: Home,
        account: Account,
        ledger: Ledger,
        entries: list[Entry],
        on_end: Callable[[str, End], None],
    ) -> None:
        self._home = home
        self._account = account
        self._ledger = ledger
        self._entries = {entry.id: entry for entry in entries}
        self._on_end = on_end
        self._ends: dict[str, End] = {}
        self._asked: dict[str, dict[str, Any]] = {}
        self._told: set[str] = set()
        self._made: set[str] = set()
        self._odd = 0

    def take(self, place: str) -> Collected:
        id, begun = batches.batch_of(f"{place}/-")
        batch = _found(place, self._account)
        if batch is None:
            return self._lost(id if begun else "")
        if not batch.ended:
            return self._collected(batch.id, batch.status)
        self._asked = batch_records.read(self._home, batch.input_file) if batch.input_file else {}
        read = [self._read(file) for file in (batch.output_file, batch.error_file) if file]
        whole = all(read)
        self._decide_on_silence(batch, whole)
        return self._collected(batch.id, batch.status)

    def _lost(self, id: str) -> Collected:
        """The service does not know it: what the sandbox forgot cost nothing; else nobody can tell."""
        for entry in self._entries.values():
            self._end(entry.id, "released" if entry.spending.sandbox else "unknown", "batch-lost")
        return self._collected(id, "lost")

    def _read(self, file: str) -> bool:
        """Take in one file; False when the service does not have it any more."""
        lines = Lines(self._take_line)
        reply = client.gather(f"/files/{file}/content", self._account, lines.feed)
        if reply.status == 404:
            return False
        if not 200 <= reply.status < 300:
            asked = Request("generate", "", "", None, "auto")
            source = self._account.key_source
            error = wire.error_from(reply.status, reply.headers, reply.body, asked, source)
            if error.billing is Billing.NOTHING:
                raise error
            raise NoUsableAnswer(
                host=self._account.host,
                reason=_("it has the status HTTP {status}").format(status=reply.status),
            )
        lines.end()
        self._odd += lines.left_out
        return True

    def _take_line(self, line: bytes) -> None:
        told = read_line(line)
        known = told is not None and (told.custom_id in self._entries or told.custom_id in self._asked)
        if told is None or not known or told.custom_id in self._told:
            self._odd += 1
            return
        self._told.add(told.custom_id)
        if told.status == 200:
            self._made.add(told.custom_id)
        if told.custom_id in self._entries:
            self._take(self._entries[told.custom_id], told)

    def _take(self, entry: Entry, told: Told) -> None:
        if told.status == 200:
            self._keep_and_settle(entry, told.body)
        elif told.status:
            asked = records.as_asked(entry)
            error = wire.error_from(told.status, {}, told.body, asked, self._account.key_source)
            end: End = "released" if error.billing is Billing.NOTHING else "unknown"
            self._end(entry.id, end, error.code)
        else:
            self._end(entry.id, "released" if told.error in _NOT_DONE else "unknown", told.error)

    def _keep_and_settle(self, entry: Entry, body: bytes) -> None:
        asked = self._asked.get(entry.id) or _as_the_ledger_has_it(entry)
        try:
            store.keep(self._home, entry.id, body, "application/json", asked)
        except ValueError:
            # Kept already, and not the same: the first one was read when it came, and stays.
            self._odd += 1
        stored = store.find(self._home, entry.id)
        try:
            answer = recovery.complete(self._home, stored, lambda: self._account)
            model = load(self._home.catalog).find(entry.spending.model).in_batch()
        except (BadReply, UnknownModel) as error:
            self._end(entry.id, "unknown", error.code)
            return
        if not asked.get("priced", True):
            model = replace(model, prices=None)
        owed = records.late_bill(answer, entry, model)
        with contextlib.suppress(ValueError):
            # Another process that collects may have settled it first.
            self._ledger.settle(entry.id, owed)
        self._note(entry.id, "settled")
        with contextlib.suppress(StorageError):
            store.describe(self._home, entry.id, **records.facts(answer, owed))
            store.save_pictures(self._home, entry.id, answer.pictures)

    def _decide_on_silence(self, batch: Batch, whole: bool) -> None:
        """What no line tells of. Where the service stopped by itself, its own count of what it made proves
        that the rest was not made; where it says that it completed everything, a missing line proves nothing.
        """
        silent = [id for id in self._entries if id not in self._told]
        not_made = whole and batch.status != "completed" and len(self._made) == batch.completed
        with self._ledger.together():
            for id in silent:
                if not_made:
                    self._end(id, "released", f"batch-{batch.status}")
                else:
                    self._end(id, "unknown", "line-missing" if whole else "results-gone")

    def _end(self, id: str, end: End, code: str) -> None:
        with contextlib.suppress(ValueError):
            # One that is unknown already stays so, and another process may have been first.
            if end == "released":
                self._ledger.release(id, code)
            else:
                self._ledger.unknown(id, code)
        self._note(id, end)

    def _note(self, id: str, end: End) -> None:
        self._ends[id] = end
        self._on_end(id, end)

    def _collected(self, batch: str, status: str) -> Collected:
        ends = list(self._ends.values())
        return Collected(
            batch=batch,
            status=status,
            lines=len(self._entries),
            settled=ends.count("settled"),
            released=ends.count("released"),
            unknown=ends.count("unknown"),
            waiting=len(self._entries) - len(ends),
            odd=self._odd,
        )


def _found(place: str, account: Account) -> Batch | None:
    """The batch as it is now, if the service knows it; a list of batches may tell of it as it was before."""
    id, begun = batches.batch_of(f"{place}/-")
    if not begun:
        listed = batches.find_by_file(id, account)
        id = listed.id if listed is not None else ""
    return batches.look(id, account) if id else None


def _as_the_ledger_has_it(entry: Entry) -> dict[str, Any]:
    """As much as is known of a line whose record is not on this machine."""
    spending = entry.spending
    return {
        "kind": spending.kind,
        "model": spending.model,
        "prompt": "",
        "size": spending.size,
        "quality": spending.quality,
        "n": spending.n,
        "output_format": "",
        "expected": spending.expected,
        "reserve": spending.reserve,
        "priced": spending.priced,
        "host": spending.host,
        "document": spending.document,
        "project": spending.project,
        "sandbox": spending.sandbox,
        "batch": True,
    }
