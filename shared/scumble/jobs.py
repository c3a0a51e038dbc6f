# SPDX-License-Identifier: GPL-3.0-or-later
"""A request on a thread of its own: events out, cancel in; and what a host puts right at its start.

The names of `events` and `performing` are given here too: a host needs no other module for a request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from . import recovery, store
from .catalog import Catalog
from .credentials import Account
from .errors import OutcomeUnknown, ScumbleError, StoppedAfterSending
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
from .ledger import Entry, Ledger
from .performing import perform
from .records import Asker
from .request import Request
from .settings import Home

__all__ = [
    "Arrived",
    "Asker",
    "Event",
    "Failed",
    "Finished",
    "Job",
    "NearBudget",
    "Partial",
    "Rescued",
    "Reserved",
    "Result",
    "Sent",
    "Waiting",
    "perform",
    "prepare",
]


def prepare(home: Home) -> list[Entry]:
    """Put right what ended processes left in the ledger; call once when a host starts.

    What was only reserved is released. What was sent becomes unknown, or is settled when its reply had
    already been kept. Gives the entries as they are then. Raises StorageError, and SetupError for a broken
    model data file of the user.
    """
    store.sweep(home)
    with Ledger(home.ledger) as ledger:
        swept = ledger.sweep()
        # Also those of earlier: a reply may be found only after its spending was given up.
        for entry in ledger.unknown_entries():
            recovery.settle(home, ledger, entry)
        return [ledger.entry(entry.id) for entry in swept]


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
        on_answer: Heard = lambda _headers, _error: None,
        on_end: Callable[[], None] = lambda: None,
        on_reserved: Callable[[str], None] = lambda _id: None,
    ) -> None:
        """All three are called on its thread: `on_end` last, whatever the outcome; `on_reserved` with the id
        before anything leaves, and a ScumbleError from it stops the request."""
        self._arguments = (request, asker, home, account, catalog)
        self._over_budget = over_budget
        self._on_answer = on_answer
        self._on_end = on_end
        self._on_reserved = on_reserved
        self._thread = threading.Thread(target=self._run, name="scumble-job", daemon=True)
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._ended = threading.Event()
        self._sent = False
        self._left = False
        self._outcome: Result | ScumbleError | None = None

    def start(self) -> None:
        """Raises RuntimeError when called twice."""
        self._thread.start()

    def give_up(self, error: ScumbleError) -> None:
        """End with `error` what is not started, and never will be."""
        self._note(Failed(error))
        self._ended.set()

    def events(self) -> list[Event]:
        """What happened since the last call, oldest first; never waits. For any thread.

        After a Failed with StoppedAfterSending more may follow: Partial, Arrived and Finished when the
        picture came all the same, or a second Failed.
        """
        with self._lock:
            happened, self._events = self._events, []
            return happened

    def cancel(self) -> None:
        """Stop, from any thread, as often as one likes.

        Before the request leaves, and during Waiting: it does not leave, and Failed with Stopped follows.
        After: Failed with StoppedAfterSending is reported at once, while the thread goes on, keeps what comes
        and settles.
        """
        with self._lock:
            self._cancel.set()
            self._report_stop()

    def cancel_unless_sent(self) -> None:
        """Stop it where it would cost nothing: before it leaves, and during Waiting."""
        with self._lock:
            if not self._sent:
                self._cancel.set()

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

    @property
    def left(self) -> bool:
        """Whether it was ever sent, refused since or not."""
        with self._lock:
            return self._left

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work has ended and the ledger is in order; False when `timeout` s did not do."""
        if not self._ended.wait(timeout):
            return False
        # A thread that ended so has at most to show a defect's trace.
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        return True

    def _run(self) -> None:
        try:
            perform(
                *self._arguments,
                on_event=self._note,
                cancel=self._cancel,
                over_budget=self._over_budget,
                on_answer=self._on_answer,
            )
        except ScumbleError:
            pass  # reported as Failed
        except BaseException as defect:
            # Anything at all must reach the host, or it would wait for ever; the trace goes to stderr.
            error = OutcomeUnknown() if self._sent else ScumbleError()
            error.__cause__ = defect
            self._note(Failed(error))
            raise
        finally:
            try:
                self._on_end()
            finally:
                self._ended.set()

    def _note(self, event: Event) -> None:
        if isinstance(event, Reserved):
            self._on_reserved(event.id)
        with self._lock:
            self._events.append(event)
            match event:
                case Sent():
                    self._sent = self._left = True
                    if self._cancel.is_set():
                        self._report_stop()
                case Waiting():
                    self._sent = False
                case Finished(result):
                    self._outcome = result
                case Failed(error):
                    self._outcome = error

    def _report_stop(self) -> None:
        if self._sent and self._outcome is None:
            self._outcome = StoppedAfterSending()
            self._events.append(Failed(self._outcome))
