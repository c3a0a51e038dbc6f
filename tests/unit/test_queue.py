# SPDX-License-Identifier: GPL-3.0-or-later
"""A queue: in order, as many at once as allowed, stopped in any way; every ticket has its own outcome."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections import Counter
from collections.abc import Callable

import child
import pytest
from servers import (
    EchoServer,
    FaultServer,
    HoldingServer,
    answers,
    closes_after_request,
    refusal,
)

from scumble import catalog, errors, jobs, retrying, store
from scumble.cost import estimate
from scumble.credentials import SERVICE_URL, Account
from scumble.errors import Billing, StorageError
from scumble.jobs import Arrived, Failed, Finished, NearBudget, Reserved, Result, Sent, Waiting
from scumble.ledger import Ledger
from scumble.models import Model
from scumble.pace import Later, Load, Pace, Place
from scumble.queue import Queue, Ticket
from scumble.request import Request
from scumble.settings import Home
from tests.unit.jobs_cases import (
    ASKER,
    BILL_OF_USAGE,
    GENERATE,
    GOOD,
    PATIENCE_SECONDS,
    account,
    entries,
    kept_ids,
    raiser,
)

LIMITED = refusal("requests", "rate_limit_exceeded")
QUOTA = refusal("insufficient_quota", "insufficient_quota")


def queue(home: Home, base_url: str, concurrency: int = 8) -> Queue:
    return Queue(home, account(base_url), catalog.load(), concurrency)


def asked(prompt: str) -> Request:
    return dataclasses.replace(GENERATE, prompt=prompt)


def submitted(queue: Queue, count: int) -> list[Ticket]:
    return [queue.submit(asked(f"a door, the {number}th"), ASKER) for number in range(count)]


def outcomes(tickets: list[Ticket]) -> list[type]:
    return [type(ticket.outcome) for ticket in tickets]


class TestSending:
    def test_every_request_ends_with_its_own_result(self, home: Home) -> None:
        """Settled and kept, each under its own id; the events are told once."""
        with EchoServer() as server, queue(home, server.base_url) as running:
            tickets = submitted(running, 5)
            assert running.wait(PATIENCE_SECONDS)
            events = running.events()
            assert running.events() == []
        results = [ticket.outcome for ticket in tickets]
        ids = [result.id for result in results if isinstance(result, Result)]
        assert len(set(ids)) == 5 and sorted(kept_ids(home)) == sorted(ids)
        assert [entry.billed for entry in entries(home)] == [BILL_OF_USAGE] * 5
        for ticket in tickets:
            own = [type(event) for heard, event in events if heard is ticket]
            assert own == [Reserved, Sent, Arrived, Finished]

    def test_they_leave_in_the_order_of_submitting(self, home: Home) -> None:
        """One at a time, to see it."""
        with EchoServer() as server, queue(home, server.base_url, concurrency=1) as running:
            tickets = submitted(running, 4)
            assert running.wait(PATIENCE_SECONDS)
        assert [seen.json and seen.json["prompt"] for seen in server.seen] == [
            ticket.request.prompt for ticket in tickets
        ]
        assert [ticket.number for ticket in tickets] == [0, 1, 2, 3]

    def test_no_more_are_under_way_than_allowed(self, home: Home) -> None:
        """Each answer lets one more leave; what waits has reserved nothing."""
        with HoldingServer(GOOD) as server, queue(home, server.base_url, concurrency=3) as running:
            tickets = submitted(running, 7)
            server.wait_for(3)
            assert len(entries(home)) == 3 and not running.wait(0)
            for _number in range(4):
                server.let_go()
                server.wait_for(1)
            server.let_go(3)
            assert running.wait(PATIENCE_SECONDS)
            assert (server.peak, server.count) == (3, 7)
        assert outcomes(tickets) == [Result] * 7

    def test_the_sandbox_needs_no_key(self, home: Home) -> None:
        """And bills nothing."""
        with Queue(home, Account(SERVICE_URL, None, ""), catalog.load()) as running:
            tickets = submitted(running, 3)
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes(tickets) == [Result] * 3
        assert all(entry.billed == 0 for entry in entries(home))

    def test_a_ticket_can_be_waited_for_by_itself(self, home: Home) -> None:
        """Its outcome is there then, and the others' need not be."""
        with HoldingServer(GOOD) as server, queue(home, server.base_url, concurrency=1) as running:
            first, second = submitted(running, 2)
            server.wait_for(1)
            assert not first.wait(0) and not first.done and first.outcome is None
            server.let_go()
            assert first.wait(PATIENCE_SECONDS) and isinstance(first.outcome, Result)
            assert not second.done
            server.let_go()
            assert running.wait(PATIENCE_SECONDS)


class TestOneThatFails:
    def test_the_others_go_on(self, home: Home) -> None:
        """A lost answer, a request that cannot be asked, a refusal of its words."""
        blocked = refusal("image_generation_user_error", "moderation_blocked")
        behaviours = (closes_after_request(), answers(400, blocked), answers(200, GOOD))
        with FaultServer(*behaviours) as server, queue(home, server.base_url, concurrency=1) as running:
            tickets = [
                running.submit(asked("lost"), ASKER),
                running.submit(dataclasses.replace(GENERATE, model="no-such-model"), ASKER),
                running.submit(dataclasses.replace(GENERATE, n=99), ASKER),
                running.submit(asked("refused"), ASKER),
                running.submit(asked("good"), ASKER),
            ]
            assert running.wait(PATIENCE_SECONDS) and running.stopped_by is None
        assert outcomes(tickets)[:2] == [errors.ConnectionLost, errors.UnknownModel]
        assert isinstance(tickets[2].outcome, errors.BadRequest)
        assert outcomes(tickets)[3:] == [errors.ModerationBlocked, Result]
        assert Counter(entry.state for entry in entries(home)) == {"unknown": 1, "released": 1, "settled": 1}

    def test_a_budget_stops_exactly_those_it_has_no_room_for(self, home: Home) -> None:
        """Each is looked at when its turn comes, with what the ones before have cost by then."""
        reserve = estimate(GENERATE, catalog.load().find(GENERATE.model)).reserve
        with Ledger(home.ledger) as ledger:
            ledger.set_budget("day", reserve + 2 * BILL_OF_USAGE)
        dear = dataclasses.replace(GENERATE, quality="max")
        with EchoServer() as server, queue(home, server.base_url, concurrency=1) as running:
            tickets = [running.submit(each, ASKER) for each in (GENERATE, dear, GENERATE, GENERATE, GENERATE)]
            assert running.wait(PATIENCE_SECONDS) and running.stopped_by is None
            events = running.events()
        assert outcomes(tickets) == [Result, errors.BudgetExceeded, Result, Result, errors.BudgetExceeded]
        assert len(server.seen) == 3 and len(entries(home)) == 3
        assert any(isinstance(event, NearBudget) for _ticket, event in events)

    def test_one_may_pass_the_budget_on_purpose(self, home: Home) -> None:
        """The one that was asked for so, and no other."""
        with Ledger(home.ledger) as ledger:
            ledger.set_budget("action", 1)
        with EchoServer() as server, queue(home, server.base_url) as running:
            tickets = [running.submit(GENERATE, ASKER, over_budget) for over_budget in (False, True)]
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes(tickets) == [errors.BudgetExceeded, Result]

    def test_what_a_budget_stops_takes_no_part_of_the_minute(self, home: Home) -> None:
        """Twice as many as the tier lets leave, and nobody waits."""
        with Ledger(home.ledger) as ledger:
            ledger.set_budget("action", 1)
        with EchoServer() as server, Queue(home, account(server.base_url), catalog.load(), 1, 1) as running:
            tickets = submitted(running, 10)
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes(tickets) == [errors.BudgetExceeded] * 10

    def test_a_rate_limit_is_waited_for_and_holds_the_others_back(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first leaves again; whoever comes after the refusal waits for as long."""
        held: list[float] = []
        monkeypatch.setattr(Pace, "hold", lambda _pace, _place, seconds: held.append(seconds))
        behaviours = (answers(429, LIMITED, {"Retry-After": "7"}), answers(200, GOOD))
        with FaultServer(*behaviours) as server, queue(home, server.base_url, concurrency=1) as running:
            tickets = submitted(running, 2)
            assert running.wait(PATIENCE_SECONDS)
            first = [type(event) for ticket, event in running.events() if ticket is tickets[0]]
        assert outcomes(tickets) == [Result, Result] and server.connections == 3
        assert first == [Reserved, Sent, Waiting, Sent, Arrived, Finished]
        assert held == [7.0]

    def test_the_limits_of_an_answer_reach_the_pace(self, home: Home) -> None:
        """An answer that leaves nothing for an hour: the second request waits, and can be stopped."""
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h"}
        with FaultServer(answers(200, GOOD, headers)) as server, queue(home, server.base_url, 1) as running:
            first, second = submitted(running, 2)
            assert first.wait(PATIENCE_SECONDS)
            assert not running.wait(0.2)
            second.cancel()
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes([first, second]) == [Result, errors.Stopped] and server.connections == 1


class TestWhatStopsAll:
    @pytest.mark.parametrize(
        ("behaviour", "expected"),
        [
            (answers(429, QUOTA), errors.QuotaExhausted),
            (
                answers(400, refusal("billing_limit_user_error", "billing_hard_limit_reached")),
                errors.BillingLimit,
            ),
            (answers(401, refusal("invalid_request_error", "invalid_api_key")), errors.KeyRefused),
        ],
    )
    def test_nothing_more_leaves_and_the_rest_hears_why(
        self, home: Home, behaviour: object, expected: type[errors.ScumbleError]
    ) -> None:
        """One POST; the others end with the same error, in which nothing was billed; so does a later one."""
        with FaultServer(behaviour) as server, queue(home, server.base_url, 1) as running:  # type: ignore[arg-type]
            tickets = submitted(running, 4)
            assert running.wait(PATIENCE_SECONDS)
            assert isinstance(running.stopped_by, expected)
            tickets.append(running.submit(GENERATE, ASKER))
            assert running.wait(PATIENCE_SECONDS)
            failed = [ticket for ticket, event in running.events() if isinstance(event, Failed)]
        assert outcomes(tickets) == [expected] * 5 and failed == tickets
        assert server.connections == 1 and len(entries(home)) == 1
        assert len({id(ticket.outcome) for ticket in tickets}) == 5

    def test_a_disk_that_took_no_reply_stops_the_rest_before_they_are_paid(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first may be billed; of the others nothing was."""
        monkeypatch.setattr(store.Place, "close", raiser(StorageError(path=home.folder, reason="full")))
        with EchoServer() as server, queue(home, server.base_url, 1) as running:
            tickets = submitted(running, 3)
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes(tickets) == [errors.StorageFailedAfterSending, StorageError, StorageError]
        billing = [ticket.outcome.billing for ticket in tickets if isinstance(ticket.outcome, StorageError)]
        assert billing == [Billing.MAYBE, Billing.NOTHING, Billing.NOTHING]
        assert len(server.seen) == 1

    def test_what_is_under_way_when_it_stops_is_taken_in(self, home: Home) -> None:
        """The answers that come after the refusal are kept and settled."""
        gate = threading.Event()
        good = answers(200, GOOD)

        def after_the_refusal(connection: socket.socket, stopping: threading.Event) -> bytes:
            gate.wait(PATIENCE_SECONDS)
            return good(connection, stopping)

        with (
            FaultServer(after_the_refusal, answers(429, QUOTA)) as server,
            queue(home, server.base_url, 2) as running,
        ):
            tickets = submitted(running, 4)
            assert tickets[3].wait(PATIENCE_SECONDS) and running.stopped_by is not None
            gate.set()
            assert running.wait(PATIENCE_SECONDS)
        assert Counter(outcomes(tickets)) == {Result: 1, errors.QuotaExhausted: 3}
        assert server.connections == 2

    def test_a_pace_that_cannot_be_kept_stops_it(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the shared limits nothing leaves; nothing was billed."""
        monkeypatch.setattr(Pace, "enter", raiser(StorageError(path=home.folder, reason="full")))
        with EchoServer() as server, queue(home, server.base_url) as running:
            tickets = submitted(running, 2)
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes(tickets) == [StorageError] * 2 and server.seen == []

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_a_defect_leaves_nobody_waiting(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever waits for a turn hears that none will come."""
        monkeypatch.setattr(Pace, "enter", raiser(RuntimeError("a defect")))
        with EchoServer() as server, queue(home, server.base_url) as running:
            tickets = submitted(running, 2)
            assert running.wait(PATIENCE_SECONDS)
            running.submit(GENERATE, ASKER)
        assert outcomes(tickets) == [errors.ScumbleError] * 2 and server.seen == []


class TestStopping:
    def test_one_that_waits_is_stopped_at_once_and_costs_nothing(self, home: Home) -> None:
        """It reserved nothing; the others go on."""
        with HoldingServer(GOOD) as server, queue(home, server.base_url, 1) as running:
            first, second, third = submitted(running, 3)
            server.wait_for(1)
            second.cancel()
            second.cancel()
            assert second.wait(0) and type(second.outcome) is errors.Stopped
            server.let_go(2)
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes([first, third]) == [Result, Result]
        assert server.count == 2 and len(entries(home)) == 2

    def test_all_are_stopped_and_what_had_left_is_kept(self, home: Home) -> None:
        """What is under way says that it may be billed, and its picture arrives all the same."""
        with HoldingServer(GOOD) as server, queue(home, server.base_url, 2) as running:
            tickets = submitted(running, 4)
            server.wait_for(2)
            running.cancel()
            assert outcomes(tickets) == [errors.StoppedAfterSending] * 2 + [errors.Stopped] * 2
            server.let_go(2)
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes(tickets) == [Result] * 2 + [errors.Stopped] * 2
        assert server.count == 2 and [entry.state for entry in entries(home)] == ["settled"] * 2

    @pytest.mark.parametrize("stop", [Queue.cancel, Queue.close])
    def test_one_that_waits_for_a_rate_limit_is_stopped_without_a_bill(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, stop: Callable[[Queue], None]
    ) -> None:
        """Nothing is under way then, and nothing leaves after the queue was closed."""
        waiting = threading.Event()

        def wait(_seconds: float, cancel: threading.Event) -> None:
            waiting.set()
            cancel.wait(PATIENCE_SECONDS)

        monkeypatch.setattr(retrying, "wait", wait)
        with FaultServer(answers(429, LIMITED)) as server, queue(home, server.base_url) as running:
            (ticket,) = submitted(running, 1)
            assert waiting.wait(PATIENCE_SECONDS)
            stop(running)
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes([ticket]) == [errors.Stopped]
        assert server.connections == 1 and entries(home)[0].state == "released"

    def test_a_place_for_one_that_was_stopped_meanwhile_is_given_back(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next one gets it."""
        enter = Pace.enter

        def stopped_meanwhile(pace: Pace, model: Model, load: Load) -> Place | Later:
            place = enter(pace, model, load)
            tickets[0].cancel()
            return place

        monkeypatch.setattr(Pace, "enter", stopped_meanwhile)
        with EchoServer() as server, queue(home, server.base_url, 1) as running:
            with running._changed:
                tickets = submitted(running, 2)
            assert running.wait(PATIENCE_SECONDS)
        assert outcomes(tickets) == [errors.Stopped, Result] and len(server.seen) == 1

    def test_closing_stops_what_waits_and_lets_the_rest_finish(self, home: Home) -> None:
        """As often as one likes; a closed queue takes nothing more."""
        with HoldingServer(GOOD) as server:
            running = queue(home, server.base_url, 1)
            first, second = submitted(running, 2)
            server.wait_for(1)
            running.close()
            running.close()
            assert type(second.outcome) is errors.Stopped and not first.done
            with pytest.raises(RuntimeError, match="closed"):
                running.submit(GENERATE, ASKER)
            server.let_go()
            assert running.wait(PATIENCE_SECONDS) and isinstance(first.outcome, Result)
        assert len(running.events()) == 5

    def test_an_empty_queue_has_nothing_to_wait_for(self, home: Home) -> None:
        """Nor to tell."""
        with queue(home, "http://127.0.0.1:9/v1") as running:
            assert running.wait(0) and running.events() == [] and running.stopped_by is None

    def test_ended_tickets_are_let_go(self, home: Home) -> None:
        """Their pictures would fill the memory of a long batch."""
        with EchoServer() as server, queue(home, server.base_url) as running:
            submitted(running, 3)
            assert running.wait(PATIENCE_SECONDS)
            assert len(running.events()) == 12
            assert not running._unheard and not running._running


QUEUE = """
import sys
from pathlib import Path
from scumble import catalog
from scumble.credentials import Account, Secret
from scumble.jobs import Asker, Result
from scumble.queue import Queue
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size

home, url, key, concurrency, count = sys.argv[1:]
request = Request("generate", "gpt-image-2.5-flare", "a door", Size(1024, 768), "medium")
with Queue(Home(Path(home)), Account(url, Secret(key), ""), catalog.load(), int(concurrency)) as queue:
    tickets = [queue.submit(request, Asker("cli")) for _number in range(int(count))]
    queue.wait()
    print(sum(isinstance(ticket.outcome, Result) for ticket in tickets))
"""


class TestTwoProcesses:
    def test_together_they_send_no_more_at_once_than_one_may(self, home: Home) -> None:
        """Six requests each, three at once: the server never sees a fourth, and all are answered."""
        with HoldingServer(GOOD) as server:
            arguments = (home.folder, server.base_url, "sk-test-shared", 3, 6)
            processes = [child.start(QUEUE, *arguments) for _number in range(2)]
            server.wait_for(3)
            assert not server.arrived.acquire(timeout=0.3)
            for _number in range(9):
                server.let_go()
                server.wait_for(1)
            server.let_go(3)
            assert [child.finish(process) for process in processes] == ["6\n", "6\n"]
            assert (server.peak, server.count) == (3, 12)
        assert [entry.state for entry in entries(home)] == ["settled"] * 12

    def test_a_killed_one_leaves_its_places_to_the_other(self, home: Home) -> None:
        """All places were its own when it ended."""
        with HoldingServer(GOOD) as server:
            arguments = (home.folder, server.base_url, "sk-test-shared", 2, 2)
            killed = child.start(QUEUE, *arguments)
            server.wait_for(2)
            other = child.start(QUEUE, *arguments)
            child.kill(killed)
            server.wait_for(2)
            server.let_go(4)
            assert child.finish(other) == "2\n"
        assert Counter(entry.state for entry in jobs.prepare(home)) == {"unknown": 2}
