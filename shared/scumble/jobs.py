# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of one request: check, estimate, reserve, send, keep, read, settle; on a thread when a host asks.

However it ends, the ledger is left right: `released` when certainly nothing was billed, `unknown` when
something may have been, `settled` when the bill is known.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from . import client, records, recovery, store, wire
from .budgets import Room
from .catalog import Catalog
from .cost import Bill, Estimate, bill, estimate
from .credentials import Account
from .errors import (
    BadReply,
    Billing,
    OutcomeUnknown,
    ScumbleError,
    Stopped,
    StoppedAfterSending,
    StorageError,
    StorageFailedAfterSending,
)
from .ledger import Entry, Ledger
from .records import Asker
from .request import Request, check
from .settings import Home
from .translation import _
from .wire import Answer

__all__ = [
    "Arrived",
    "Asker",
    "Event",
    "Failed",
    "Finished",
    "Job",
    "NearBudget",
    "Reserved",
    "Result",
    "Sent",
    "perform",
    "prepare",
]

_PIXELS_OF_AUTO = 8_294_400
# Four bytes a pixel: 4/3 of them for the reply's base64 and as many again for the pictures beside it.
_DISK_BYTES_PER_PIXEL = 10


@dataclass(frozen=True)
class Result:
    """A finished request. `folder` holds the reply as it came; `seconds` from sending to the whole answer."""

    id: str
    answer: Answer
    estimate: Estimate
    bill: Bill
    sandbox: bool
    folder: Path
    seconds: float


@dataclass(frozen=True)
class Reserved:
    """`reserve` micro-dollars are set aside in the ledger; nothing has been sent."""

    id: str
    reserve: int


@dataclass(frozen=True)
class NearBudget:
    """With this reservation at least 80 % of a budget are used; `room.describe()` says it to a person. Comes
    after Reserved, once for each such budget, and never in the sandbox."""

    id: str
    room: Room


@dataclass(frozen=True)
class Sent:
    """The request is leaving: from here it may be billed."""

    id: str


@dataclass(frozen=True)
class Arrived:
    """The reply is on disk."""

    id: str


@dataclass(frozen=True)
class Finished:
    result: Result


@dataclass(frozen=True)
class Failed:
    error: ScumbleError


Event = Reserved | NearBudget | Sent | Arrived | Finished | Failed


def prepare(home: Home) -> list[Entry]:
    """Put right what ended processes left in the ledger; call once when a host starts.

    What was only reserved is released. What was sent becomes unknown, or is settled when its reply had
    already been kept. Gives the entries as they are then. Raises StorageError, and SetupError for a broken
    model data file of the user.
    """
    store.sweep(home)
    with Ledger(home.ledger) as ledger:
        swept = ledger.sweep()
        for entry in swept:
            if entry.state == "unknown":
                recovery.settle(home, ledger, entry)
        return [ledger.entry(entry.id) for entry in swept]


def perform(
    request: Request,
    asker: Asker,
    home: Home,
    account: Account,
    catalog: Catalog,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: threading.Event | None = None,
    over_budget: bool = False,
) -> Result:
    """Do one request from its check to its bill, on the calling thread.

    `on_event` is called on this thread, with Finished or Failed last. Setting `cancel` stops it until the
    body begins to leave, and does nothing after. Without a key the sandbox answers and bills nothing.
    `over_budget` is a person's decision that this one action may pass the budgets; the ledger records it.

    Raises ScumbleError: its `billing` says what it means for the money. Any other exception is a defect and
    passes through with the ledger in order.
    """
    try:
        stop = cancel or threading.Event()
        result = _perform(request, asker, home, account, catalog, on_event, stop, over_budget)
    except ScumbleError as error:
        on_event(Failed(error))
        raise
    on_event(Finished(result))
    return result


def _perform(
    request: Request,
    asker: Asker,
    home: Home,
    account: Account,
    catalog: Catalog,
    on_event: Callable[[Event], None],
    cancel: threading.Event,
    over_budget: bool,
) -> Result:
    today = date.today()
    model = catalog.priced_for(account.other_server).usable(request.model, today)
    check(request, model, today)
    with Ledger(home.ledger) as ledger:
        price = estimate(request, model, ledger.learned(request, model))
        _require_room(home, request)
        _stop_if_set(cancel)
        id = ledger.reserve(records.spending(request, asker, price, account.sandbox), over_budget)
        course = _Course(ledger, id, cancel, on_event)
        try:
            on_event(Reserved(id, price.reserve))
            if not account.sandbox:
                for room in ledger.rooms(asker.project, action=price.reserve):
                    if room.near:
                        on_event(NearBudget(id, room))
            reply = client.send(wire.encode(request), account, on_sent=course.mark_sent)
            seconds = time.monotonic() - course.sent_at
            if not 200 <= reply.status < 300:
                raise wire.error_from(reply.status, reply.headers, reply.body, request, account.key_source)
            media_type = reply.headers.get("content-type", "")
            noted = records.asked(request, asker, price, account.sandbox)
            folder = store.keep(home, id, reply.body, media_type, noted, asker.beside)
            on_event(Arrived(id))
            answer = _read(home, id, reply.body, request, account, folder)
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


class _Course:
    """How far one reserved request has come, and the ledger's last word when it fails."""

    def __init__(
        self, ledger: Ledger, id: str, cancel: threading.Event, on_event: Callable[[Event], None]
    ) -> None:
        self.sent_at = 0.0
        self._sent = False
        self._ledger = ledger
        self._id = id
        self._cancel = cancel
        self._on_event = on_event

    def mark_sent(self) -> None:
        """The last moment to stop; on return the ledger has `sent` on disk."""
        _stop_if_set(self._cancel)
        self._ledger.sent(self._id)
        self._sent = True
        self.sent_at = time.monotonic()
        self._on_event(Sent(self._id))

    def close_after(self, error: BaseException) -> BaseException:
        """Release or mark unknown; gives the error to raise, which is `error` or says more of the money."""
        refused = isinstance(error, ScumbleError) and error.billing is Billing.NOTHING
        if self._sent and isinstance(error, StorageError):
            refused = False
            error = StorageFailedAfterSending(**error.details)
        code = error.code if isinstance(error, ScumbleError) else "defect"
        # If the ledger cannot be written now, the next sweep comes to the same, and `error` matters more.
        with contextlib.suppress(StorageError):
            if refused or not self._sent:
                self._ledger.release(self._id, code)
            else:
                self._ledger.unknown(self._id, code)
        return error


class Job:
    """One request on a thread of its own.

    The thread is a daemon, so that a host which exits does not hang for the ten minutes a service may take:
    what is under way then becomes `unknown` at the next prepare(), or settled if its reply was kept.
    """

    def __init__(
        self,
        request: Request,
        asker: Asker,
        home: Home,
        account: Account,
        catalog: Catalog,
        over_budget: bool = False,
    ) -> None:
        self._arguments = (request, asker, home, account, catalog)
        self._over_budget = over_budget
        self._thread = threading.Thread(target=self._run, name="scumble-job", daemon=True)
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._sent = False
        self._outcome: Result | ScumbleError | None = None

    def start(self) -> None:
        """Raises RuntimeError when called twice."""
        self._thread.start()

    def events(self) -> list[Event]:
        """What happened since the last call, oldest first; never waits. For any thread.

        After a Failed with StoppedAfterSending more may follow: Arrived and Finished when the picture came
        all the same, or a second Failed.
        """
        with self._lock:
            happened, self._events = self._events, []
            return happened

    def cancel(self) -> None:
        """Stop, from any thread, as often as one likes.

        Before the request leaves: it does not leave, and Failed with Stopped follows. After: Failed with
        StoppedAfterSending is reported at once, while the thread goes on, keeps what comes and settles.
        """
        with self._lock:
            self._cancel.set()
            self._report_stop()

    @property
    def done(self) -> bool:
        """Whether the outcome was reported; after a stop the thread may still be at work, see wait()."""
        with self._lock:
            return self._outcome is not None

    @property
    def outcome(self) -> Result | ScumbleError | None:
        """The result, or why there is none yet; a Result that comes after a stop takes the stop's place."""
        with self._lock:
            return self._outcome

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the thread has ended and the ledger is in order; False when `timeout` s did not do."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            perform(*self._arguments, on_event=self._note, cancel=self._cancel, over_budget=self._over_budget)
        except ScumbleError:
            pass  # reported as Failed
        except BaseException as defect:
            # Anything at all must reach the host, or it would wait for ever; the trace goes to stderr.
            error = OutcomeUnknown() if self._sent else ScumbleError()
            error.__cause__ = defect
            self._note(Failed(error))
            raise

    def _note(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
            match event:
                case Sent():
                    self._sent = True
                    if self._cancel.is_set():
                        self._report_stop()
                case Finished(result):
                    self._outcome = result
                case Failed(error):
                    self._outcome = error

    def _report_stop(self) -> None:
        if self._sent and self._outcome is None:
            self._outcome = StoppedAfterSending()
            self._events.append(Failed(self._outcome))


def _stop_if_set(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise Stopped()


def _require_room(home: Home, request: Request) -> None:
    """Refuse before anything is paid when the pictures could not be written, or would not fit on the disk."""
    store.require_writable(home)
    area = _PIXELS_OF_AUTO if request.size is None else request.size.area
    if _free_bytes(home.folder) < area * request.n * _DISK_BYTES_PER_PIXEL:
        raise StorageError(path=home.folder, reason=_("there is no room for the pictures"))


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _read(home: Home, id: str, body: bytes, request: Request, account: Account, folder: Path) -> Answer:
    try:
        return wire.decode(body, request, recovery.fetch_named(home, id, body, request, account))
    except BadReply as error:
        kept = _("{reason}; it is kept in {folder}")
        raise BadReply(reason=kept.format(reason=error.details["reason"], folder=folder)) from None


def _save_beside_the_reply(home: Home, result: Result) -> None:
    """The bill and the pictures as files. The reply itself is kept and settled, so what fails here must not
    take the picture from whoever waits for it."""
    with contextlib.suppress(StorageError):
        facts = records.facts(result.answer, result.bill)
        store.describe(home, result.id, **facts, seconds=round(result.seconds, 3))
        store.save_pictures(home, result.id, result.answer.pictures)
