# SPDX-License-Identifier: GPL-3.0-or-later
"""Many requests: sent in the order of submitting, as many at once and as fast as the account may.

    with Queue(home, account, catalog, concurrency=8) as queue:
        tickets = [queue.submit(request, asker) for request in requests]
        while not queue.wait(0.1):
            for ticket, event in queue.events():
                ...

Each request is a Job of its own, with its own reservation, made when it is about to leave: waiting for a
place reserves nothing and costs nothing. One that a budget has no room for does not stop the others. What
would stop every one of them alike does: no credit, a refused key, a data folder that takes no more.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Mapping

from .catalog import Catalog
from .cost import estimate
from .credentials import Account
from .errors import BillingLimit, KeyRefused, QuotaExhausted, RateLimited, ScumbleError, Stopped, StorageError
from .jobs import Event, Job, Result
from .pace import Later, Load, Pace, Place
from .records import Asker
from .request import Request
from .retrying import LIMITED_FIRST_PAUSE, asked_pause
from .settings import Home

__all__ = ["CONCURRENCY", "Queue", "Ticket"]

CONCURRENCY = 8
_STOPS_ALL = (QuotaExhausted, BillingLimit, KeyRefused, StorageError)


class Ticket:
    """One submitted request. `number` counts the queue's submissions from 0; made by Queue.submit only."""

    def __init__(self, queue: Queue, number: int, request: Request, job: Job) -> None:
        self.number = number
        self.request = request
        self._queue = queue
        self._job = job
        self._place: Place | None = None

    def cancel(self) -> None:
        """Stop this one, from any thread: as Job.cancel, and at once while it waits for its turn."""
        self._queue._cancel((self,))

    @property
    def done(self) -> bool:
        """Whether an outcome was reported; after a stop the work may still go on, see wait()."""
        return self._job.done

    @property
    def outcome(self) -> Result | ScumbleError | None:
        """The result, or why there is none; a Result that comes after a stop takes the stop's place."""
        return self._job.outcome

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until its work has ended and the ledger is in order; False when `timeout` s did not do."""
        return self._job.wait(timeout)


class Queue:
    """A queue with one thread of its own that hands out turns; for any thread. Close it, or use `with`.

    It keeps a ticket until it has ended and events() has given its last event; its pictures are then the
    caller's to keep.
    """

    def __init__(
        self,
        home: Home,
        account: Account,
        catalog: Catalog,
        concurrency: int = CONCURRENCY,
        tier: int | None = None,
    ) -> None:
        """`concurrency` and `tier` as for Pace: how many at once, all processes together; and the account's
        usage tier where it is known. Raises StorageError, and ValueError for numbers below 1."""
        self._home, self._account, self._catalog = home, account, catalog
        self._pace = Pace(home, account, concurrency, tier)
        self._changed = threading.Condition()
        self._changes = 0
        self._submitted = 0
        self._waiting: deque[Ticket] = deque()
        self._running: set[Ticket] = set()
        self._unheard: dict[int, Ticket] = {}
        self._stopped_by: ScumbleError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._hand_out, name="scumble-queue", daemon=True)
        self._thread.start()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def submit(
        self,
        request: Request,
        asker: Asker,
        over_budget: bool = False,
        on_reserved: Callable[[str], None] = lambda _id: None,
    ) -> Ticket:
        """Put it at the end. Nothing is checked yet; what cannot be asked ends as Failed when its turn comes.

        `on_reserved` is called with its id on the thread of its job, before anything leaves; a ScumbleError
        from it stops the request.

        After something stopped the queue it ends at once, with the same error. Raises RuntimeError when the
        queue is closed.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("the queue is closed")
            ticket = self._ticket(request, asker, over_budget, on_reserved)
            self._unheard[ticket.number] = ticket
            if self._stopped_by is None:
                self._waiting.append(ticket)
                self._changed.notify_all()
            else:
                ticket._job.give_up(_as_for_the_rest(self._stopped_by))
            return ticket

    def events(self) -> list[tuple[Ticket, Event]]:
        """What happened since the last call, oldest first for each ticket; never waits. For any thread."""
        with self._changed:
            told = []
            under_way = self._running.union(self._waiting)
            for ticket in tuple(self._unheard.values()):
                told += [(ticket, event) for event in ticket._job.events()]
                if ticket not in under_way:
                    del self._unheard[ticket.number]
            return told

    def cancel(self) -> None:
        """Stop everything: what waits is Stopped at once, what is under way as Job.cancel says."""
        with self._changed:
            tickets = (*self._waiting, *self._running)
        self._cancel(tickets)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until everything submitted has ended; False when `timeout` s did not do."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._running), timeout)

    @property
    def stopped_by(self) -> ScumbleError | None:
        """What stopped the queue, after which nothing more leaves; None while it goes on."""
        return self._stopped_by

    def close(self) -> None:
        """Stop what waits, also for a rate limit, and take no more. What is under way goes on, is kept and
        settled, as long as the program runs; wait() waits for it also afterwards."""
        with self._changed:
            already, self._closed = self._closed, True
            waiting = tuple(self._waiting)
            for ticket in self._running:
                ticket._job.cancel_unless_sent()
            self._changed.notify_all()
        if already:
            return
        self._cancel(waiting)
        self._thread.join()
        with self._changed:
            self._close_pace_when_empty()

    def _ticket(
        self, request: Request, asker: Asker, over_budget: bool, on_reserved: Callable[[str], None]
    ) -> Ticket:
        job = Job(
            request,
            asker,
            self._home,
            self._account,
            self._catalog,
            over_budget,
            on_answer=lambda headers, error: self._hear(ticket, headers, error),
            on_end=lambda: self._end(ticket),
            on_reserved=on_reserved,
        )
        ticket = Ticket(self, self._submitted, request, job)
        self._submitted += 1
        return ticket

    def _cancel(self, tickets: tuple[Ticket, ...]) -> None:
        with self._changed:
            for ticket in tickets:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                    ticket._job.give_up(Stopped())
                else:
                    ticket._job.cancel()
            self._note_change()

    def _hand_out(self) -> None:
        try:
            while self._hand_out_one():
                pass
        except BaseException:
            # A defect; whoever waits for a turn must hear that none will come.
            self._stop(ScumbleError())
            raise

    def _hand_out_one(self) -> bool:
        """Start the first that waits, or wait until that may have become possible; False at the very end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return False
            ticket = self._waiting[0]
            seen = self._changes
        try:
            place = self._enter(ticket.request)
        except StorageError as error:
            self._stop(error)
            return True
        with self._changed:
            if isinstance(place, Later):
                self._changed.wait_for(lambda: self._changes != seen, place.seconds)
                return True
            if self._waiting and self._waiting[0] is ticket:
                ticket._place = place
                ticket._job.start()
                self._running.add(self._waiting.popleft())
                return True
        self._give_back(place, sent=False)
        return True

    def _enter(self, request: Request) -> Place | Later | None:
        """A place for it, or None where it needs none because it cannot be asked, as its job will say."""
        try:
            model = self._catalog.find(request.model)
            tokens = sum(line.tokens.expected for line in estimate(request, model).lines)
        except ScumbleError:
            return None
        return self._pace.enter(model, Load(1, request.n, tokens, len(request.images)))

    def _hear(self, ticket: Ticket, headers: Mapping[str, str], error: ScumbleError | None) -> None:
        """On the job's thread, of each answer."""
        if ticket._place is None:
            return
        # The picture matters more than the pace.
        with contextlib.suppress(StorageError):
            self._pace.hear(ticket._place, headers)
            if isinstance(error, RateLimited):
                asked = asked_pause(error)
                self._pace.hold(ticket._place, LIMITED_FIRST_PAUSE if asked is None else asked)

    def _end(self, ticket: Ticket) -> None:
        """On the job's thread, last."""
        outcome = ticket._job.outcome
        if isinstance(outcome, _STOPS_ALL):
            self._stop(outcome)
        self._give_back(ticket._place, ticket._job.left)
        with self._changed:
            self._running.discard(ticket)
            self._note_change()
            self._close_pace_when_empty()

    def _give_back(self, place: Place | None, sent: bool) -> None:
        # When the file cannot be written now, the place is free again when this process ends.
        with contextlib.suppress(StorageError):
            if place is not None:
                self._pace.leave(place, sent)

    def _stop(self, error: ScumbleError) -> None:
        with self._changed:
            if self._stopped_by is None:
                self._stopped_by = _as_for_the_rest(error)
            while self._waiting:
                self._waiting.popleft()._job.give_up(_as_for_the_rest(error))
            self._note_change()

    def _note_change(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def _close_pace_when_empty(self) -> None:
        if self._closed and not self._running and not self._waiting and not self._thread.is_alive():
            with contextlib.suppress(StorageError):
                self._pace.close()


def _as_for_the_rest(error: ScumbleError) -> ScumbleError:
    """The same for one that was not sent: nothing of it was billed."""
    kind = StorageError if isinstance(error, StorageError) else type(error)
    return kind(**error.details)
