# SPDX-License-Identifier: GPL-3.0-or-later
"""A request that is sent again, or is not: what arrives at the service, and what the ledger says."""

from __future__ import annotations

import contextlib
import threading

import child
import pytest
from servers import (
    PROXY_PAGE,
    Behaviour,
    FaultServer,
    answers,
    parse,
    refusal,
    refused_port,
    resets_after_request,
)

from scumble import catalog, errors, jobs, retrying
from scumble.errors import Billing, ScumbleError
from scumble.jobs import Arrived, Event, Failed, Finished, Job, Reserved, Sent, Waiting
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.unit.jobs_cases import (
    ASKER,
    BILL_OF_USAGE,
    EDIT,
    GOOD,
    PATIENCE_SECONDS,
    PNG,
    account,
    entries,
    kept_ids,
    only_entry,
    perform,
)

LIMITED = refusal("requests", "rate_limit_exceeded")
QUOTA = refusal("insufficient_quota", "insufficient_quota")


def limited(**headers: str) -> Behaviour:
    return answers(429, LIMITED, {name.replace("_", "-"): value for name, value in headers.items()})


def states(home: Home) -> list[str]:
    with Ledger(home.ledger) as ledger:
        return [step.state for step in ledger.steps(only_entry(home).id)]


class TestSentAgain:
    def test_a_rate_limit_that_passes_is_waited_for_and_billed_once(
        self, home: Home, pauses: list[float]
    ) -> None:
        """The same words and pictures go out twice; the ledger has one row, sent once."""
        events: list[Event] = []
        with FaultServer(limited(Retry_After="7"), answers(200, GOOD)) as server:
            result = perform(home, server.base_url, on_event=events.append)
        first, second = map(parse, server.received)
        assert (first.fields, first.images) == (second.fields, second.images) and first.images == (PNG,)
        assert [type(event) for event in events] == [Reserved, Sent, Waiting, Sent, Arrived, Finished]
        assert len(pauses) == 1 and 7 <= pauses[0] <= 7.35
        waiting = events[2]
        assert isinstance(waiting, Waiting) and waiting.id == result.id and waiting.seconds == pauses[0]
        assert isinstance(waiting.error, errors.RateLimited) and waiting.error.billing is Billing.NOTHING
        assert states(home) == ["reserved", "sent", "settled"]
        assert only_entry(home).billed == BILL_OF_USAGE and kept_ids(home) == [result.id]

    def test_the_wait_may_be_in_the_words_of_the_refusal(self, home: Home, pauses: list[float]) -> None:
        """Where no header names it."""
        body = LIMITED.replace(b"was refused.", b"was refused. Please try again in 12s.")
        with FaultServer(answers(429, body), answers(200, GOOD)) as server:
            perform(home, server.base_url)
        assert len(pauses) == 1 and 12 <= pauses[0] <= 12.6

    def test_a_connection_that_is_made_at_the_second_try_sends_once(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody listened before; one whole request arrives, and no Sent was told before it left."""
        events: list[Event] = []
        with contextlib.ExitStack() as closed, contextlib.ExitStack() as opened:
            port = closed.enter_context(refused_port())

            def listen(seconds: float, cancel: threading.Event) -> None:
                closed.close()
                servers.append(opened.enter_context(FaultServer(answers(200, GOOD), port=port)))

            servers: list[FaultServer] = []
            monkeypatch.setattr(retrying, "wait", listen)
            perform(home, f"http://127.0.0.1:{port}/v1", on_event=events.append)
            assert [server.connections for server in servers] == [1]
        assert [type(event) for event in events] == [Reserved, Waiting, Sent, Arrived, Finished]
        assert states(home) == ["reserved", "sent", "settled"]


class TestGivenUp:
    def test_a_connection_that_is_never_made_is_tried_three_times(
        self, home: Home, pauses: list[float]
    ) -> None:
        """Then the person hears of it, and nothing is reserved any more."""
        with refused_port() as port, pytest.raises(errors.NotConnected):
            perform(home, f"http://127.0.0.1:{port}/v1")
        assert len(pauses) == 2 and states(home) == ["reserved", "released"]

    def test_a_rate_limit_that_does_not_pass_is_given_up(self, home: Home, pauses: list[float]) -> None:
        """Six times in all; nothing was billed."""
        with FaultServer(answers(429, LIMITED)) as server, pytest.raises(errors.RateLimited) as caught:
            perform(home, server.base_url)
        assert server.connections == 6 and len(pauses) == 5
        assert caught.value.billing is Billing.NOTHING
        assert states(home) == ["reserved", "sent", "released"]

    def test_waits_that_add_up_to_more_than_two_minutes_are_given_up(
        self, home: Home, pauses: list[float]
    ) -> None:
        """Fifty seconds are waited for twice, and not a third time."""
        with FaultServer(limited(Retry_After="50")) as server, pytest.raises(errors.RateLimited):
            perform(home, server.base_url)
        assert server.connections == 3 and len(pauses) == 2

    @pytest.mark.parametrize(
        ("behaviour", "expected", "state"),
        [
            pytest.param(answers(429, QUOTA), errors.QuotaExhausted, "released", id="quota"),
            pytest.param(
                answers(400, refusal("billing_limit_user_error", "billing_hard_limit_reached")),
                errors.BillingLimit,
                "released",
                id="billing limit",
            ),
            pytest.param(limited(Retry_After="3600"), errors.RateLimited, "released", id="an hour"),
            pytest.param(
                limited(Retry_After="1", X_Should_Retry="false"),
                errors.RateLimited,
                "released",
                id="told not",
            ),
            pytest.param(
                answers(503, refusal("server_error", "slow_down"), {"Retry-After": "1"}),
                errors.Overloaded,
                "released",
                id="overload",
            ),
            pytest.param(
                answers(503, PROXY_PAGE, {"Retry-After": "1", "X-Should-Retry": "true"}),
                errors.ServerFault,
                "unknown",
                id="503 of a proxy",
            ),
            pytest.param(answers(500, PROXY_PAGE), errors.ServerFault, "unknown", id="500"),
            pytest.param(answers(408), errors.ServerFault, "unknown", id="408"),
            pytest.param(resets_after_request(), errors.ConnectionLost, "unknown", id="reset after the body"),
        ],
    )
    def test_anything_else_is_sent_once(
        self,
        home: Home,
        pauses: list[float],
        behaviour: Behaviour,
        expected: type[ScumbleError],
        state: str,
    ) -> None:
        """Also when the service would have answered a second time."""
        with FaultServer(behaviour, answers(200, GOOD)) as server, pytest.raises(expected):
            perform(home, server.base_url)
        assert server.connections == 1 and pauses == []
        assert only_entry(home).state == state

    def test_an_answer_lost_after_a_rate_limit_is_unknown(self, home: Home) -> None:
        """The second sending may have been paid for, so there is no third."""
        with FaultServer(limited(), resets_after_request(), answers(200, GOOD)) as server:
            with pytest.raises(errors.ConnectionLost):
                perform(home, server.base_url)
        assert server.connections == 2
        assert states(home) == ["reserved", "sent", "unknown"]

    def test_a_refusal_after_a_rate_limit_is_released(self, home: Home) -> None:
        """Both proved that no work was done."""
        with FaultServer(limited(), answers(429, QUOTA)) as server, pytest.raises(errors.QuotaExhausted):
            perform(home, server.base_url)
        assert server.connections == 2
        assert states(home) == ["reserved", "sent", "released"]


class TestStoppedWhileWaiting:
    def test_nothing_is_under_way_so_nothing_is_billed(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Released, and not sent again."""
        cancel = threading.Event()
        monkeypatch.setattr(retrying, "wait", lambda _seconds, stop: stop.set())
        with FaultServer(limited(), answers(200, GOOD)) as server, pytest.raises(errors.Stopped) as caught:
            perform(home, server.base_url, cancel=cancel)
        assert type(caught.value) is errors.Stopped and "Nothing was billed" in str(caught.value)
        assert server.connections == 1
        assert states(home) == ["reserved", "sent", "released"]

    def test_a_job_does_not_say_that_it_may_be_billed(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One Failed, with Stopped."""

        def click(_seconds: float, stop: threading.Event) -> None:
            job.cancel()
            assert not job.done

        monkeypatch.setattr(retrying, "wait", click)
        with FaultServer(limited(), answers(200, GOOD)) as server:
            job = Job(EDIT, ASKER, home, account(server.base_url), catalog.load())
            job.start()
            assert job.wait(PATIENCE_SECONDS)
        assert [type(event) for event in job.events()] == [Reserved, Sent, Waiting, Failed]
        assert type(job.outcome) is errors.Stopped

    def test_a_key_press_gives_the_reservation_back(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ctrl+C on the command line, where nothing is under way."""

        def press(_seconds: float, stop: threading.Event) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(retrying, "wait", press)
        with FaultServer(limited()) as server, pytest.raises(KeyboardInterrupt):
            perform(home, server.base_url)
        assert only_entry(home).state == "released"

    def test_a_process_that_ends_there_leaves_an_unknown(self, home: Home) -> None:
        """The ledger knows of the sending and not of the refusal: rather too careful than too little."""
        with FaultServer(limited(Retry_After="100")) as server:
            assert child.run(END_WHILE_WAITING, home.folder, server.base_url) == "waiting 100\n"
        (entry,) = jobs.prepare(home)
        assert entry.state == "unknown" and entries(home) == [entry]


END_WHILE_WAITING = """
import os, sys
from pathlib import Path
from scumble import catalog, jobs
from scumble.credentials import Account, Secret
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size

def end(event):
    if isinstance(event, jobs.Waiting):
        print("waiting", int(event.seconds) // 100 * 100, flush=True)
        os._exit(0)

home, url = sys.argv[1:]
request = Request("generate", "gpt-image-2.5-flare", "a door", Size(1024, 768), "medium")
account = Account(url, Secret("sk-x"), "")
jobs.perform(request, jobs.Asker("cli"), Home(Path(home)), account, catalog.load(), end)
"""


class TestHeard:
    def test_every_answer_is_told_with_its_headers_and_its_error(self, home: Home) -> None:
        """Refusals too; what no service answered is not told."""
        heard: list[tuple[str | None, ScumbleError | None]] = []
        headers = {"X-RateLimit-Remaining-Requests": "3"}
        with FaultServer(answers(429, LIMITED, headers), answers(200, GOOD, headers)) as server:
            jobs.perform(
                EDIT,
                ASKER,
                home,
                account(server.base_url),
                catalog.load(),
                on_answer=lambda named, error: heard.append(
                    (named.get("x-ratelimit-remaining-requests"), error)
                ),
            )
        assert [remaining for remaining, _error in heard] == ["3", "3"]
        assert isinstance(heard[0][1], errors.RateLimited) and heard[1][1] is None
