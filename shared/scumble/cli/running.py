# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a list at work: what was done before, live through the queue, and through batches."""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from .. import batches, collecting, recovery, store
from ..batches import Batch, Order
from ..catalog import Catalog
from ..collecting import Collected
from ..credentials import Account
from ..errors import (
    BadPicture,
    BadReply,
    BadRequest,
    Billing,
    LeftAfterSending,
    NotSaved,
    NoUsableAnswer,
    OutcomeUnknown,
    ScumbleError,
    Stopped,
    StorageError,
)
from ..jobs import Event, Failed, Finished, NearBudget, Rescued, Result, Waiting
from ..journals import Journal
from ..ledger import Entry, Ledger
from ..queue import Queue, Ticket
from ..records import Asker
from ..settings import Home
from ..translation import N_, _
from .compositing import write
from .output import bill_text, print_warnings
from .rows import Doing, State

STATES: dict[State, str] = {
    "to-do": N_("to do"),
    "done": N_("done"),
    "waiting": N_("waiting"),
    "unknown": N_("unknown"),
    "not-done": N_("not done"),
}
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0
_SANDBOX_PAUSE_SECONDS = 0.05

_ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp", "gif": "gif", "svg": "svg"}
_POLL_SECONDS = 0.1
# So many rows for each that may be under way are handed to the queue at once.
_WINDOW = 2


def stand(doing: list[Doing], journal: Journal, home: Home, resend_unknown: bool) -> None:
    """What became of each row before. Raises BadRequest for a folder begun with another data folder."""
    with Ledger(home.ledger) as ledger:
        for each in doing:
            ids = journal.ids.get(each.mark, [])
            try:
                _stand(each, [ledger.entry(id) for id in ids], resend_unknown)
            except KeyError:
                reason = _("{folder} was begun with another data folder; choose another one")
                raise BadRequest(reason=reason.format(folder=journal.folder)) from None
            if each.state == "to-do" and each.id:
                each.reason = ledger.steps(each.id)[-1].reason


def _stand(each: Doing, entries: list[Entry], resend_unknown: bool) -> None:
    """A row may have been sent more than once, by a person's choice: done once is done."""
    settled = [entry for entry in entries if entry.state == "settled"]
    under_way = [entry for entry in entries if entry.state in ("reserved", "sent")]
    unknown = [entry for entry in entries if entry.state == "unknown"]
    each.billed = sum(entry.billed for entry in settled)
    each.would_be = sum(entry.would_bill for entry in settled)
    each.priced = all(entry.spending.priced for entry in settled)
    each.resent = bool(unknown)
    chosen = (settled or under_way or unknown or entries)[-1:]
    each.id = chosen[0].id if chosen else ""
    if settled:
        each.state, each.error = "done", None
    elif under_way:
        each.state = "waiting"
    elif unknown and not resend_unknown:
        each.state, each.error = "unknown", each.error or OutcomeUnknown()
    else:
        each.state = "to-do"


def require_free_names(doing: list[Doing], folder: Path) -> None:
    """Nothing that is there is written over. Raises BadRequest before anything is paid."""
    there = {path.name.casefold() for path in folder.iterdir()}
    taken = [
        file.name
        for each in doing
        if each.state == "to-do"
        for file in _files(each, folder, each.row.request.n)
        if file.name.casefold() in there
    ]
    if taken:
        reason = _("{folder} holds {file} already, and {count} files in all that would be written over")
        raise BadRequest(reason=reason.format(folder=folder, file=taken[0], count=len(taken)))


def write_done(doing: Iterable[Doing], folder: Path, home: Home) -> None:
    """Write the pictures of rows that are done and not in the folder, from what was kept of them."""
    for each in doing:
        if each.state != "done":
            continue
        each.files = [file for file in _files(each, folder, each.row.request.n) if file.exists()]
        if not each.files:
            _write_kept(each, folder, home)


def _write_kept(each: Doing, folder: Path, home: Home) -> None:
    try:
        stored = store.find(home, each.id)
        pictures = recovery.reread(stored).pictures
    except (KeyError, BadReply, StorageError):
        # Forgotten by the person, or damaged: what was paid for is listed with what is known of it.
        each.error = NotSaved(path=folder, reason=_("its reply is no longer kept"), folder=home.results)
        return
    _write(each, folder, pictures, stored.folder, home)


def _write(each: Doing, folder: Path, pictures: tuple[bytes, ...], kept: Path, home: Home) -> None:
    files = _files(each, folder, len(pictures))
    each.files = []
    for file, data in zip(files, pictures, strict=True):
        try:
            write(file, data)
        except OSError as error:
            each.error = NotSaved(path=file, reason=error.strerror or str(error), folder=kept)
            each.state = "not-done"
            return
        each.files.append(file)
    try:
        store.mark_placed(home, each.id, "file")
    except (KeyError, StorageError):
        # It is written and paid for; that this could not be noted must not make it a failure.
        return


def _files(each: Doing, folder: Path, pictures: int) -> list[Path]:
    ending = _ENDINGS[each.row.request.output_format]
    if each.row.request.n == 1:
        return [folder / f"{each.row.name}.{ending}"]
    return [folder / f"{each.row.name}-{number}.{ending}" for number in range(1, pictures + 1)]


def live(
    doing: list[Doing],
    journal: Journal,
    arguments: argparse.Namespace,
    catalog: Catalog,
    home: Home,
    account: Account,
) -> None:
    """Make what is to do, several at once; Ctrl+C stops what has not left and waits for the rest."""
    run = _Live(doing, journal, arguments, home, account)
    if not run.left:
        return
    with Queue(home, account, catalog, arguments.concurrency, arguments.tier) as queue:
        try:
            run.go_on(queue)
        except KeyboardInterrupt:
            run.stop(queue)


class _Live:
    """A run through the queue: what is left to submit, and which row is which ticket."""

    def __init__(
        self,
        doing: list[Doing],
        journal: Journal,
        arguments: argparse.Namespace,
        home: Home,
        account: Account,
    ) -> None:
        self.left = deque(each for each in doing if each.state == "to-do")
        self._count = len(self.left)
        self._ended = 0
        self._submitted: dict[int, tuple[Ticket, Doing]] = {}
        self._journal = journal
        self._arguments = arguments
        self._folder: Path = arguments.output
        self._home = home
        self._account = account
        self._told: set[str] = set()

    def go_on(self, queue: Queue) -> None:
        most = _WINDOW * self._arguments.concurrency
        while self.left or self._submitted:
            while self.left and len(self._submitted) < most and queue.stopped_by is None:
                self._submit(queue, self.left[0])
                self.left.popleft()
            if queue.stopped_by is not None:
                self._give_up(queue.stopped_by)
            queue.wait(_POLL_SECONDS)
            ended = [ticket for ticket, _each in self._submitted.values() if ticket.wait(0)]
            self._hear(queue)
            for ticket in ended:
                del self._submitted[ticket.number]

    def stop(self, queue: Queue) -> None:
        queue.cancel()
        self._give_up(Stopped())
        text = _("Stopping: what has been sent is waited for and kept. Ctrl+C again leaves it.")
        print(text, file=sys.stderr)
        try:
            while not queue.wait(_POLL_SECONDS):
                self._hear(queue)
        except KeyboardInterrupt:
            for _ticket, each in self._submitted.values():
                if each.state == "unknown" and not self._account.sandbox:
                    each.error = LeftAfterSending()
        self._hear(queue)

    def _give_up(self, error: ScumbleError) -> None:
        while self.left:
            each = self.left.popleft()
            each.state, each.error = "not-done", error

    def _submit(self, queue: Queue, each: Doing) -> None:
        try:
            each.row.require_unchanged()
        except BadPicture as error:
            each.state, each.error = "not-done", error
            return

        def note(id: str) -> None:
            self._journal.note([(each.mark, id)])
            each.id = id

        asker = asked_by(each, self._arguments)
        ticket = queue.submit(each.row.request, asker, self._arguments.over_budget, note)
        # Until its events say otherwise: when the program is stopped nobody hears of them.
        each.state = "not-done"
        self._submitted[ticket.number] = ticket, each

    def _hear(self, queue: Queue) -> None:
        for ticket, event in queue.events():
            if ticket.number in self._submitted:
                self._note(self._submitted[ticket.number][1], event)

    def _note(self, each: Doing, event: Event) -> None:
        match event:
            case Finished(result):
                self._finished(each, result)
            case Failed(error):
                each.error = error
                each.state = "not-done" if error.billing is Billing.NOTHING else "unknown"
                self._say(each, str(error))
            case Waiting(seconds=seconds, error=error):
                text = _("waiting {seconds} s: {reason}")
                self._say(each, text.format(seconds=round(seconds, 1), reason=error.what_happened), False)
            case Rescued(folder=folder):
                text = _("The results folder cannot be used now; the reply is in {folder} until it can.")
                print(text.format(folder=folder), file=sys.stderr)
            case NearBudget(room=room) if room.budget.scope not in self._told:
                self._told.add(room.budget.scope)
                print_warnings([_("Nearly used: {budget}.").format(budget=room.describe())])

    def _finished(self, each: Doing, result: Result) -> None:
        each.state, each.error = "done", None
        each.priced = result.estimate.priced
        each.billed += 0 if result.sandbox else result.bill.total
        each.would_be += result.bill.total if result.sandbox else 0
        _write(each, self._folder, result.answer.pictures, result.folder, self._home)
        self._say(each, bill_text(result.bill, result.sandbox, result.estimate.priced))

    def _say(self, each: Doing, text: str, is_end: bool = True) -> None:
        self._ended += is_end
        print(f"{self._ended}/{self._count} {each.row.name}: {text}", file=sys.stderr)


def asked_by(each: Doing, arguments: argparse.Namespace) -> Asker:
    return Asker("cli", document=str(Path(arguments.list).resolve()), project=each.row.project)


def through_batches(
    doing: list[Doing],
    journal: Journal,
    arguments: argparse.Namespace,
    catalog: Catalog,
    home: Home,
    account: Account,
) -> None:
    """Begin batches of what is to do, and with --wait collect them. In the sandbox they end with the process,
    so there they are waited for."""
    to_do = [each for each in doing if each.state == "to-do"]
    failure: ScumbleError | None = None
    if to_do:
        for each in to_do:
            each.row.require_unchanged()

        def note(ids: Iterable[str]) -> None:
            given = list(zip(to_do, ids, strict=True))
            journal.note([(each.mark, id) for each, id in given])

        orders = [Order(each.row.request, asked_by(each, arguments)) for each in to_do]
        try:
            batches.submit(orders, home, account, catalog, arguments.over_budget, note, _tell_begun)
        except ScumbleError as error:
            if not any(each.mark in journal.ids for each in to_do):
                raise
            failure = error
    if arguments.wait or account.sandbox:
        ids = frozenset(id for each in doing for id in journal.ids.get(each.mark, ()))
        collected(home, account, True, ids)
    stand(doing, journal, home, False)
    for each in doing:
        if each.state == "to-do":
            each.state, each.error = "not-done", each.error or failure
        elif each.state == "unknown" and failure is not None:
            each.error = failure
    write_done(doing, arguments.output, home)
    if not arguments.json and any(each.state == "waiting" for each in doing):
        print(_("The service works on it within a day. Run the same command again to collect what it made."))


def _tell_begun(batch: Batch, lines: int) -> None:
    text = _("Batch {batch} begun: {count} lines.")
    print(text.format(batch=batch.id, count=lines), file=sys.stderr)


def collected(
    home: Home,
    account: Account,
    wait: bool,
    only: frozenset[str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Collected, ...]:
    """What every batch that is waited for has brought; with `wait`, until all have ended or Ctrl+C."""
    pause = _SANDBOX_PAUSE_SECONDS if account.sandbox else FIRST_PAUSE_SECONDS
    brought: dict[str, Collected] = {}
    try:
        while True:
            try:
                for each in collecting.collect(home, account, only=only):
                    brought[each.batch] = _together(brought.get(each.batch), each)
                waiting = sum(each.waiting for each in brought.values())
            except NoUsableAnswer as error:
                if not wait:
                    raise
                print_warnings([str(error)])
                waiting = 1
            if not wait or not waiting:
                break
            if not account.sandbox:
                told = ", ".join(f"{each.batch}: {each.status}" for each in brought.values())
                print(_("Waiting: {batches}").format(batches=told), file=sys.stderr)
            sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
    except KeyboardInterrupt:
        text = _("The batches go on; collect them with: scumble batch collect")
        print(text, file=sys.stderr)
    return tuple(brought.values())


def _together(before: Collected | None, now: Collected) -> Collected:
    if before is None:
        return now
    return replace(
        now,
        lines=max(before.lines, now.lines),
        settled=before.settled + now.settled,
        released=before.released + now.released,
        odd=before.odd + now.odd,
    )
