# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a conversation's turn: check, estimate, reserve, send, await, keep, settle; and from where it
was left, when the program ended in between.

What makes this way safe is the answer's name: the service keeps every response of ours, so that one that is
known by its id can be asked for again, free, by any program. The id is in the ledger as soon as it is known,
before the answer is awaited. Only a program that dies within the first exchange, before the id arrives,
leaves an unknown. In the background that exchange is over in a moment.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from . import client, pending, records, recovery, responses, store, turns, wire
from .catalog import Catalog
from .cost import Bill
from .credentials import Account
from .errors import (
    AnswerAwaited,
    AnswerGone,
    BadReply,
    BadRequest,
    Billing,
    NoUsableAnswer,
    ScumbleError,
    ServiceRefusal,
    Stopped,
    StoppedAfterSending,
    StorageError,
    StorageFailedAfterSending,
)
from .jobs import Arrived, NearBudget, Reserved, Sent
from .ledger import Awaited, Entry, Ledger
from .records import Asker
from .settings import Home
from .shapes import Size
from .translation import _
from .turns import Before, Turn
from .wire import Answer

__all__ = ["Awaiting", "Fetched", "TurnResult", "before", "fetch_answers", "take_turn"]

PATIENCE_SECONDS: float = 1_200
"""How long an answer in the background is awaited before that is left to a later fetch."""

_FIRST_PAUSE: float = 0.5
_LONGEST_PAUSE: float = 10.0


@dataclass(frozen=True)
class Awaiting:
    """The service has the turn and works on it; `response` is the id its answer is fetched by, also by
    another program."""

    id: str
    response: str


@dataclass(frozen=True)
class TurnResult:
    """A finished turn. `response` is what the next turn follows; `folder` holds the reply as it came."""

    id: str
    response: str
    answer: Answer
    bill: Bill
    priced: bool
    sandbox: bool
    folder: Path


@dataclass(frozen=True)
class Fetched:
    """What became of one awaited answer: the turn's result, AnswerAwaited while there is none yet, or why
    there will be none."""

    id: str
    response: str
    outcome: TurnResult | ScumbleError


Event = Reserved | NearBudget | Sent | Awaiting | Arrived


def before(home: Home, id: str) -> Before:
    """What a turn has before it that follows the kept turn `id`.

    Only a turn that this machine knows can be followed: how long a conversation is, and with it the price,
    nobody else says. Raises BadRequest for what is no turn or has no picture, KeyError, StorageError.
    """
    kept = store.find(home, id)
    ticket = responses.ticket(kept.reply())
    if not recovery.is_turn(kept) or ticket is None:
        raise BadRequest(reason=_("it is not part of a conversation; only a turn can be followed"))
    try:
        size = recovery.reread(kept).size
        _made, said = responses.counted(kept.reply())
        about = kept.asked["conversation"]
        pictures = tuple(Size.parse(str(each)) for each in about["pictures"])
        words = int(about["words"])
    except (BadReply, ServiceRefusal, KeyError, ValueError, TypeError):
        raise BadRequest(reason=_("it holds no picture to go on from")) from None
    tokens = 0 if said is None else said.input + said.output
    return Before(ticket.handle, (*pictures, size), words, tokens)


def take_turn(
    turn: Turn,
    asker: Asker,
    home: Home,
    account: Account,
    catalog: Catalog,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: threading.Event | None = None,
    over_budget: bool = False,
    patience_seconds: float = PATIENCE_SECONDS,
) -> TurnResult:
    """Do one turn from its check to its bill, on the calling thread.

    `on_event` is called on this thread. Setting `cancel` stops it until the body begins to leave; of a turn
    in the background also later, by asking the service to stop. Without a key the sandbox answers and bills
    nothing. `over_budget` as in jobs.perform.

    Raises ScumbleError. AnswerAwaited, after `patience_seconds` or when the service cannot be asked, means
    that the answer is not lost: fetch_answers() gets it.
    """
    today = date.today()
    catalog = catalog.priced_for(account.other_server)
    model = catalog.usable(turn.request.model, today)
    text_model = catalog.text_model(turn.text_model)
    turns.check(turn, model, text_model, today)
    stop = cancel or threading.Event()
    with Ledger(home.ledger) as ledger:
        price = turns.estimate(turn, model, text_model, ledger.learned(turn.request, model))
        _stop_if_set(stop)
        id = ledger.reserve(records.turn_spending(turn, asker, price, account.sandbox), over_budget)
        asked = records.asked_turn(turn, asker, price, account.sandbox)
        course = _Course(home, ledger, id, stop, on_event)
        try:
            pending.note(home, id, asked)
            # In the background the first reply is not the one to keep.
            if not turn.in_background:
                course.place = store.Place(home, id, asked)
            on_event(Reserved(id, price.reserve))
            if not account.sandbox:
                for room in ledger.rooms(asker.project, action=price.reserve):
                    if room.near:
                        on_event(NearBudget(id, room))
            call = responses.encode(turn, model, text_model)
            on_piece = course.place.add if course.place else None
            reply = client.send(call, account, on_sent=course.mark_sent, on_piece=on_piece)
            if not 200 <= reply.status < 300:
                source = account.key_source
                raise wire.error_from(reply.status, reply.headers, reply.body, turn.request, source)
            course.mark_answered(reply)
            body = reply.body
            if course.under_way and patience_seconds <= 0:
                raise AnswerAwaited(reason=_("it was not waited for"))
            if course.under_way:
                body = _awaited_body(course.response, account, stop, patience_seconds)
            return _finished(home, ledger, id, body, asked, on_event)
        except BaseException as error:
            failure = course.close_after(error)
            if failure is error:
                raise
            raise failure from error


def fetch_answers(
    home: Home,
    account: Account,
    on_event: Callable[[Event], None] = lambda _event: None,
    ids: tuple[str, ...] = (),
    patience_seconds: float = 0,
) -> list[Fetched]:
    """Ask the service for the answers that are awaited, keep what came and settle it, newest first.

    Costs nothing. Of `ids`, when there are any, only those that begin so. What was asked with a key is not
    asked for without, and the other way round. All are awaited for `patience_seconds` together. Raises
    StorageError, SetupError.
    """
    store.sweep(home)
    deadline = time.monotonic() + patience_seconds
    fetched = []
    with Ledger(home.ledger) as ledger:
        waiting = [each for each in ledger.awaited() if responses.is_handle(each.handle)]
        _clear_notes(home, ledger)
        for each in waiting:
            id = each.entry.id
            if each.entry.spending.sandbox != account.sandbox or (ids and not id.startswith(ids)):
                continue
            try:
                left = deadline - time.monotonic()
                outcome: TurnResult | ScumbleError = _fetched(home, ledger, each, account, on_event, left)
            except StorageError:
                raise
            except ScumbleError as error:
                outcome = error
            fetched.append(Fetched(id, each.handle, outcome))
    return fetched


def _fetched(
    home: Home,
    ledger: Ledger,
    awaited: Awaited,
    account: Account,
    on_event: Callable[[Event], None],
    patience_seconds: float,
) -> TurnResult:
    entry = awaited.entry
    if _is_kept(home, entry.id):
        return _settled(home, ledger, entry)
    try:
        body = _awaited_body(awaited.handle, account, threading.Event(), patience_seconds)
    except AnswerGone as error:
        if entry.spending.sandbox:
            # It forgets with the program it ran in, and never bills.
            error.billing = Billing.NOTHING
            ledger.release(entry.id, error.code)
        else:
            _give_up(ledger, entry.id, error.code)
        raise
    asked = pending.noted(home, entry.id) or _asked_as_recorded(entry)
    return _finished(home, ledger, entry.id, body, asked, on_event)


class _Course:
    """How far one reserved turn has come, and the ledger's last word when it fails."""

    def __init__(
        self, home: Home, ledger: Ledger, id: str, cancel: threading.Event, on_event: Callable[[Event], None]
    ) -> None:
        self.response = ""
        self.under_way = False
        self.place: store.Place | None = None
        self._sent = False
        self._home = home
        self._ledger = ledger
        self._id = id
        self._cancel = cancel
        self._on_event = on_event

    def mark_sent(self) -> None:
        """The last moment to stop for nothing; on return the ledger has `sent` on disk."""
        _stop_if_set(self._cancel)
        self._ledger.sent(self._id)
        self._sent = True
        self._on_event(Sent(self._id))

    def mark_answered(self, reply: client.Received) -> None:
        """The answer is kept, or can be fetched by its name, which is on disk on return; or both."""
        ticket = responses.ticket(reply.body)
        if ticket is not None and ticket.under_way:
            self._abandon_place()
        elif self.place is not None:
            try:
                self.place.close(reply.headers.get("content-type", ""))
            except StorageError:
                self._mark_named(ticket)
                raise
        self._mark_named(ticket)

    def _mark_named(self, ticket: responses.Ticket | None) -> None:
        if ticket is None:
            return
        self._ledger.await_answer(self._id, ticket.handle)
        self.response, self.under_way = ticket.handle, ticket.under_way
        if ticket.under_way:
            self._on_event(Awaiting(self._id, ticket.handle))

    def _abandon_place(self) -> None:
        """No reply to keep came, or none yet."""
        if self.place is not None:
            self.place.abandon()

    def close_after(self, error: BaseException) -> BaseException:
        """Release, mark unknown, or leave it to a later fetch; gives the error to raise."""
        self._abandon_place()
        if self._sent and isinstance(error, StorageError):
            error = StorageFailedAfterSending(**error.details)
        code = error.code if isinstance(error, ScumbleError) else "defect"
        refused = isinstance(error, ScumbleError) and error.billing is Billing.NOTHING
        # If the ledger cannot be written now, the next sweep comes to the same, and `error` matters more.
        with contextlib.suppress(StorageError, ValueError):
            if not self._sent or (refused and not self.response):
                self._ledger.release(self._id, code)
                pending.forget(self._home, self._id)
            elif not self.response or isinstance(error, AnswerGone | StoppedAfterSending):
                self._ledger.unknown(self._id, code)
        return error


def _awaited_body(response: str, account: Account, cancel: threading.Event, patience_seconds: float) -> bytes:
    """The whole response when the service has ended its work on it; asked for at once, then ever more seldom.

    Raises AnswerAwaited after the patience, AnswerGone, and StoppedAfterSending when `cancel` is set and the
    service has stopped without saying what was used.
    """
    deadline = time.monotonic() + patience_seconds
    reason = _("the service is at work on it")
    for pause in _pauses():
        try:
            received = client.fetch(responses.answer_path(response), account, client.REPLY_BYTES_MAX)
        except NoUsableAnswer as error:
            reason = _lower_first(error.what_happened)
        else:
            if received.status == 404:
                raise AnswerGone()
            ticket = responses.ticket(received.body) if received.status == 200 else None
            if ticket is not None and not ticket.under_way:
                return received.body
            reason = (
                _("the service is at work on it")
                if ticket is not None
                else _("the service answers with HTTP {status}").format(status=received.status)
            )
        left = deadline - time.monotonic()
        if left <= 0:
            break
        if cancel.wait(min(pause, left)):
            return _stopped_body(response, account)
    raise AnswerAwaited(reason=reason)


def _stopped_body(response: str, account: Account) -> bytes:
    """Ask the service to stop; its response when it was finished all the same, or says what was used."""
    try:
        reply = client.send(responses.cancel_call(response), account, on_sent=lambda: None)
    except ScumbleError:
        raise AnswerAwaited(reason=_("the service could not be asked to stop")) from None
    ticket = responses.ticket(reply.body) if reply.status == 200 else None
    if ticket is None or ticket.under_way:
        raise AnswerAwaited(reason=_("the service has not stopped yet"))
    _made, said = responses.counted(reply.body)
    if ticket.status == "cancelled" and said is None:
        raise StoppedAfterSending()
    return reply.body


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _finished(
    home: Home,
    ledger: Ledger,
    id: str,
    body: bytes,
    asked: dict[str, Any],
    on_event: Callable[[Event], None],
) -> TurnResult:
    """Keep the reply, then settle, then read it for the caller."""
    try:
        store.keep(home, id, body, "application/json", asked)
    except (ValueError, StorageError):
        # Two programs may fetch one answer; what the first of them kept stays.
        if not _is_kept(home, id):
            raise
    on_event(Arrived(id))
    return _settled(home, ledger, ledger.entry(id))


def _settled(home: Home, ledger: Ledger, entry: Entry) -> TurnResult:
    """The result of a kept turn, its spending closed as far as the reply tells."""
    kept = store.find(home, entry.id)
    owed = recovery.settle_turn(home, ledger, entry, kept)
    pending.forget(home, entry.id)
    try:
        answer = recovery.reread(kept)
    except BadReply as error:
        _give_up(ledger, entry.id, error.code)
        reason = _("{reason}; it is kept in {folder}")
        raise BadReply(reason=reason.format(reason=error.details["reason"], folder=kept.folder)) from None
    except ServiceRefusal as error:
        if owed is None:
            _give_up(ledger, entry.id, error.code)
        error.billing = Billing.MAYBE if owed is None else Billing.BILLED
        # Or it would be offered for ever as paid and never placed.
        store.mark_placed(home, entry.id, "nowhere")
        if entry.spending.sandbox:
            error.billing = Billing.NOTHING
        raise
    with contextlib.suppress(StorageError):
        store.save_pictures(home, entry.id, answer.pictures)
    ticket = responses.ticket(kept.reply())
    return TurnResult(
        id=entry.id,
        response=ticket.handle if ticket else "",
        answer=answer,
        # Where a picture can be read, there is a bill.
        bill=owed or Bill(entry.spending.expected, (), False),
        priced=bool(kept.asked.get("priced", True)),
        sandbox=entry.spending.sandbox,
        folder=kept.folder,
    )


def _is_kept(home: Home, id: str) -> bool:
    try:
        store.find(home, id)
    except KeyError:
        return False
    return True


def _give_up(ledger: Ledger, id: str, code: str) -> None:
    """Unknown from here on, if it was not decided otherwise."""
    with contextlib.suppress(ValueError):
        ledger.unknown(id, code)


def _clear_notes(home: Home, ledger: Ledger) -> None:
    """What killed programs noted, and nobody will ask for any more."""
    for id in pending.ids(home):
        try:
            is_over = ledger.entry(id).state in ("settled", "released")
        except KeyError:
            is_over = True
        if is_over:
            pending.forget(home, id)


def _asked_as_recorded(entry: Entry) -> dict[str, Any]:
    """As much of what was asked as the ledger has, for an answer whose note was lost."""
    spending = entry.spending
    return {
        "kind": "turn",
        "model": spending.model,
        "prompt": "",
        "size": spending.size,
        "quality": spending.quality,
        "n": spending.n,
        "expected": spending.expected,
        "reserve": spending.reserve,
        "priced": spending.priced,
        "host": spending.host,
        "document": spending.document,
        "project": spending.project,
        "sandbox": spending.sandbox,
        "conversation": {},
    }


def _stop_if_set(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise Stopped()


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
