# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of one request: check, estimate, reserve, send, keep, read, settle.

However it ends, the ledger is left right: `released` when certainly nothing was billed, `unknown` when
something may have been, `settled` when the bill is known.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from . import client, previews, records, recovery, replies, retrying, store, wire
from .catalog import Catalog
from .cost import bill, estimate
from .credentials import Account
from .errors import (
    BadReply,
    Billing,
    BillNotRecorded,
    ScumbleError,
    Stopped,
    StorageError,
    StorageFailedAfterSending,
)
from .events import (
    Arrived,
    Event,
    Failed,
    Finished,
    Heard,
    NearBudget,
    Partial,
    Rescued,
    Reserved,
    Result,
    Sent,
    Waiting,
)
from .ledger import Ledger
from .records import Asker
from .request import Request, check
from .settings import Home
from .translation import _
from .wire import Answer

_PIXELS_OF_AUTO = 8_294_400
_FRAMES_OF_GIF = 16
# Four bytes a pixel: 4/3 of them for the reply's base64 and as many again for the pictures beside it.
_DISK_BYTES_PER_PIXEL = 10


def perform(
    request: Request,
    asker: Asker,
    home: Home,
    account: Account,
    catalog: Catalog,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: threading.Event | None = None,
    over_budget: bool = False,
    on_answer: Heard = lambda _headers, _error: None,
) -> Result:
    """Do one request from its check to its bill, on the calling thread.

    `on_event` is called on this thread, with Finished or Failed last. Setting `cancel` stops it until the
    body begins to leave and while nothing is under way (Waiting), and does nothing else. Without a key the
    sandbox answers and bills nothing. `over_budget` is a person's decision that this one action may pass the
    budgets; the ledger records it. What retrying.pause allows is sent again. `on_answer` is called on this
    thread for each answer of the service.

    A process that ends during Waiting leaves what had been sent and was refused as `unknown` at the next
    prepare(): the ledger cannot know the refusal then, and keeps the reservation.

    Raises ScumbleError: its `billing` says what it means for the money. Any other exception is a defect and
    passes through with the ledger in order.
    """
    try:
        stop = cancel or threading.Event()
        sending = _Sending(account, stop, on_answer)
        result = _perform(request, asker, home, catalog, on_event, sending, over_budget)
    except ScumbleError as error:
        on_event(Failed(error))
        raise
    on_event(Finished(result))
    return result


def _perform(
    request: Request,
    asker: Asker,
    home: Home,
    catalog: Catalog,
    on_event: Callable[[Event], None],
    sending: _Sending,
    over_budget: bool,
) -> Result:
    today = date.today()
    account = sending.account
    model = catalog.priced_for(account.other_server).usable(request.model, today)
    check(request, model, today)
    account.dialect.require_possible(request, account.host)
    with Ledger(home.ledger) as ledger:
        price = estimate(request, model, ledger.learned(request, model))
        _require_room(home, request)
        _stop_if_set(sending.cancel)
        id = ledger.reserve(records.spending(request, asker, price, account.sandbox), over_budget)
        course = _Course(ledger, id, sending.cancel, on_event)
        try:
            noted = records.asked(request, asker, price, account.sandbox)
            place = store.Place(home, id, noted, asker.beside)
            course.place = place
            on_event(Reserved(id, price.reserve))
            if not account.sandbox:
                for room in ledger.rooms(asker.project, action=price.reserve):
                    if room.near:
                        on_event(NearBudget(id, room))
            reply = _answered(request, sending, course, place)
            seconds = time.monotonic() - course.sent_at
            media_type = reply.headers.get("content-type", "")
            folder = place.close(media_type)
            course.kept = folder
            on_event(Arrived(id))
            if store.is_rescued(home, folder):
                on_event(Rescued(id, folder))
            answer = _read(home, id, reply.body, media_type, request, account, folder)
            owed = bill(answer.usage, model, price)
            ledger.settle(id, owed)
        except BaseException as error:
            failure = course.close_after(error)
            if failure is error:
                raise
            raise failure from error
    result = Result(id, answer, price, owed, account.sandbox, folder, seconds)
    _save_beside_the_reply(home, result)
    return result


@dataclass(frozen=True)
class _Sending:
    """To whom a request goes, what stops it, and who hears of the answers."""

    account: Account
    cancel: threading.Event
    on_answer: Heard


def _answered(request: Request, sending: _Sending, course: _Course, place: store.Place) -> client.Received:
    """The successful answer, sent for again as long as the rule of retrying allows it."""
    call = wire.encode(request, sending.account.dialect)
    tries, waited = 0, 0.0
    while True:
        try:
            return _answer(call, request, sending, course, place)
        except ScumbleError as error:
            tries += 1
            # Not for secrets: it only keeps programs from coming back at the same moment.
            seconds = retrying.pause(error, tries, waited, random.random())  # noqa: S311
            if seconds is None:
                raise
            course.mark_waiting(seconds, error)
        retrying.wait(seconds, sending.cancel)
        _stop_if_set(sending.cancel)
        waited += seconds


def _answer(
    call: wire.Call, request: Request, sending: _Sending, course: _Course, place: store.Place
) -> client.Received:
    account = sending.account
    reply, error = previews.send(
        call, request, account, place, on_sent=course.mark_sent, on_preview=course.report_preview
    )
    if not 200 <= reply.status < 300:
        error = wire.error_from(reply.status, reply.headers, reply.body, request, account.key_source)
    sending.on_answer(reply.headers, error)
    if error is not None:
        place.clear()
        raise error
    return reply


class _Course:
    """How far one reserved request has come, and the ledger's last word when it fails."""

    def __init__(
        self, ledger: Ledger, id: str, cancel: threading.Event, on_event: Callable[[Event], None]
    ) -> None:
        self.sent_at = 0.0
        self.place: store.Place | None = None
        self.kept: Path | None = None
        self._recorded_as_sent = False
        self._under_way = False
        self._ledger = ledger
        self._id = id
        self._cancel = cancel
        self._on_event = on_event

    def mark_sent(self) -> None:
        """The last moment to stop; on return the ledger has `sent` on disk, once however often it leaves."""
        _stop_if_set(self._cancel)
        if not self._recorded_as_sent:
            self._ledger.sent(self._id)
            self._recorded_as_sent = True
        self._under_way = True
        self.sent_at = time.monotonic()
        self._on_event(Sent(self._id))

    def report_preview(self, number: int, preview: wire.Preview) -> None:
        self._on_event(Partial(self._id, number, preview.data, preview.media_type, preview.size))

    def mark_waiting(self, seconds: float, error: ScumbleError) -> None:
        """`error` proves that nothing is under way until it leaves again."""
        self._under_way = False
        self._on_event(Waiting(self._id, seconds, error))

    def close_after(self, error: BaseException) -> BaseException:
        """Release or mark unknown; gives the error to raise, which is `error` or says more of the money."""
        if self.place is not None:
            self.place.abandon()
        refused = isinstance(error, ScumbleError) and error.billing is Billing.NOTHING
        if self._under_way and isinstance(error, StorageError):
            refused = False
            if self.kept is None:
                error = StorageFailedAfterSending(**error.details)
            else:
                error = BillNotRecorded(**error.details, folder=self.kept)
        code = error.code if isinstance(error, ScumbleError) else "defect"
        # If the ledger cannot be written now, the next sweep comes to the same, and `error` matters more.
        with contextlib.suppress(StorageError):
            if refused or not self._under_way:
                self._ledger.release(self._id, code)
            else:
                self._ledger.unknown(self._id, code)
        return error


def _stop_if_set(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise Stopped()


def _require_room(home: Home, request: Request) -> None:
    """Refuse before anything is paid when the pictures would not fit on the disk."""
    area = _PIXELS_OF_AUTO if request.size is None else request.size.area
    if request.output_format == "gif":
        area *= request.frames or _FRAMES_OF_GIF
    if _free_bytes(home.folder) < area * request.n * _DISK_BYTES_PER_PIXEL:
        raise StorageError(path=home.folder, reason=_("there is no room for the pictures"))


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _read(
    home: Home, id: str, body: bytes, media_type: str, request: Request, account: Account, folder: Path
) -> Answer:
    try:
        fetched = recovery.fetch_named(home, id, body, media_type, request, account)
        return replies.read(body, media_type, request, fetched)
    except BadReply as error:
        kept = _("{reason}; it is kept in {folder}")
        raise type(error)(reason=kept.format(reason=error.details["reason"], folder=folder)) from None


def _save_beside_the_reply(home: Home, result: Result) -> None:
    """The bill and the pictures as files. The reply itself is kept and settled, so what fails here must not
    take the picture from whoever waits for it."""
    with contextlib.suppress(StorageError):
        facts = records.facts(result.answer, result.bill)
        store.describe(home, result.id, **facts, seconds=round(result.seconds, 3))
        store.save_pictures(home, result.id, result.answer.pictures)
