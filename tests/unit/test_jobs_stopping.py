# SPDX-License-Identifier: GPL-3.0-or-later
"""A job on its thread: heard in order, stopped at any moment, put right after its process was killed."""

from __future__ import annotations

import threading

import child
import pytest
from servers import PROXY_PAGE, EchoServer, FaultServer, answers, refusal

from scumble import catalog, errors, jobs, replies, wire
from scumble.errors import Billing, ScumbleError
from scumble.jobs import Arrived, Event, Failed, Finished, Job, Reserved, Result, Sent
from scumble.ledger import Ledger
from scumble.request import Request
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
    raiser,
)


class TestStopping:
    def test_a_stop_beforehand_reserves_nothing(self, home: Home) -> None:
        """No row at all."""
        cancel = threading.Event()
        cancel.set()
        with EchoServer() as server, pytest.raises(errors.Stopped) as caught:
            perform(home, server.base_url, cancel=cancel)
        assert type(caught.value) is errors.Stopped
        assert server.seen == [] and entries(home) == []

    def test_a_stop_before_the_body_leaves_gives_the_reservation_back(self, home: Home) -> None:
        """Until the last moment nothing is billed."""
        cancel = threading.Event()
        with FaultServer(answers(200, GOOD)) as server, pytest.raises(errors.Stopped) as caught:
            perform(home, server.base_url, on_event=lambda _event: cancel.set(), cancel=cancel)
        assert caught.value.billing is Billing.NOTHING
        assert server.received == [] and only_entry(home).state == "released"

    def test_a_stop_after_sending_does_not_lose_the_picture(self, home: Home) -> None:
        """What is paid is taken in."""
        cancel = threading.Event()

        def stop_at_sent(event: Event) -> None:
            if isinstance(event, Sent):
                cancel.set()

        with EchoServer() as server:
            result = perform(home, server.base_url, on_event=stop_at_sent, cancel=cancel)
        assert result.answer.pictures == (PNG,) and only_entry(home).state == "settled"


class TestJob:
    def make(self, home: Home, base_url: str) -> Job:
        return Job(EDIT, ASKER, home, account(base_url), catalog.load())

    def test_a_job_works_on_a_thread_that_does_not_hold_up_the_exit(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is a daemon with a name, and not the caller's thread."""
        threads: list[threading.Thread] = []
        read = replies.read

        def look(body: bytes, media_type: str, request: Request, fetched: tuple[bytes, ...]) -> wire.Answer:
            threads.append(threading.current_thread())
            return read(body, media_type, request, fetched)

        monkeypatch.setattr(replies, "read", look)
        with EchoServer() as server:
            job = self.make(home, server.base_url)
            assert not job.done and job.outcome is None
            job.start()
            assert job.wait(PATIENCE_SECONDS) and job.done
        (thread,) = threads
        assert thread.daemon and thread.name == "scumble-job"
        assert thread is not threading.current_thread()

    def test_events_come_once_and_in_order(self, home: Home) -> None:
        """Each call gives what is new."""
        with EchoServer() as server:
            job = self.make(home, server.base_url)
            assert job.events() == []
            job.start()
            job.wait(PATIENCE_SECONDS)
        events = job.events()
        assert [type(event) for event in events] == [Reserved, Sent, Arrived, Finished]
        assert events[-1] == Finished(job.outcome)  # type: ignore[arg-type]
        assert job.events() == []

    def test_a_failure_is_an_event(self, home: Home) -> None:
        """The error of the tree, to be shown as it is."""
        with FaultServer(answers(401, refusal("invalid_request_error", "invalid_api_key"))) as server:
            job = self.make(home, server.base_url)
            job.start()
            assert job.wait(PATIENCE_SECONDS)
        assert isinstance(job.outcome, errors.KeyRefused)
        assert job.events()[-1] == Failed(job.outcome)

    def test_a_stop_before_the_start_sends_nothing(self, home: Home) -> None:
        """Stopping what has not begun is allowed."""
        with EchoServer() as server:
            job = self.make(home, server.base_url)
            job.cancel()
            assert not job.done
            job.start()
            assert job.wait(PATIENCE_SECONDS)
        assert type(job.outcome) is errors.Stopped
        assert server.seen == [] and entries(home) == []

    def test_a_stop_while_the_service_works_is_reported_at_once_and_keeps_what_comes(
        self, home: Home
    ) -> None:
        """The dialog closes now; the picture, when it arrives, is kept, settled and announced."""
        gate = threading.Event()
        with EchoServer(gate=gate) as server:
            job = self.make(home, server.base_url)
            job.start()
            assert server.arrived.wait(PATIENCE_SECONDS)
            job.cancel()
            assert job.done and isinstance(job.outcome, errors.StoppedAfterSending)
            assert [type(event) for event in job.events()] == [Reserved, Sent, Failed]
            assert only_entry(home).state == "sent" and not job.wait(0)
            gate.set()
            assert job.wait(PATIENCE_SECONDS)
        assert [type(event) for event in job.events()] == [Arrived, Finished]
        assert isinstance(job.outcome, Result) and only_entry(home).state == "settled"
        assert kept_ids(home) == [job.outcome.id]

    def test_stopping_twice_is_stopping_once(self, home: Home) -> None:
        """A second click reports nothing more, before the end and after it."""
        gate = threading.Event()
        with EchoServer(gate=gate) as server:
            job = self.make(home, server.base_url)
            job.start()
            assert server.arrived.wait(PATIENCE_SECONDS)
            job.cancel()
            job.events()
            job.cancel()
            assert job.events() == []
            gate.set()
            assert job.wait(PATIENCE_SECONDS)
            job.events()
            job.cancel()
            assert job.events() == [] and isinstance(job.outcome, Result)

    def test_a_stop_at_the_very_moment_of_sending_is_reported_as_after_it(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the last check and the event Sent the click is not lost."""
        mark = Ledger.sent

        def click(ledger: Ledger, id: str) -> None:
            mark(ledger, id)
            job.cancel()

        monkeypatch.setattr(Ledger, "sent", click)
        with EchoServer() as server:
            job = self.make(home, server.base_url)
            job.start()
            assert job.wait(PATIENCE_SECONDS)
        assert [type(event) for event in job.events()] == [Reserved, Sent, Failed, Arrived, Finished]

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    @pytest.mark.parametrize(
        ("function", "expected", "billing"),
        [("encode", ScumbleError, Billing.NOTHING), ("decode", errors.OutcomeUnknown, Billing.MAYBE)],
    )
    def test_a_defect_does_not_leave_the_host_waiting(
        self,
        home: Home,
        monkeypatch: pytest.MonkeyPatch,
        function: str,
        expected: type[ScumbleError],
        billing: Billing,
    ) -> None:
        """Any exception becomes a Failed that is right about the money."""
        monkeypatch.setattr(wire, function, raiser(RuntimeError("a defect")))
        with EchoServer() as server:
            job = self.make(home, server.base_url)
            job.start()
            assert job.wait(PATIENCE_SECONDS)
        assert type(job.outcome) is expected and job.outcome.billing is billing
        assert job.events()[-1] == Failed(job.outcome)

    def test_no_event_is_lost_or_doubled_between_threads(self, home: Home) -> None:
        """One thread notes while another drains."""
        job = self.make(home, "http://127.0.0.1:9/v1")
        noted = [Reserved(str(number), number) for number in range(5_000)]
        writer = threading.Thread(target=lambda: [job._note(event) for event in noted])
        writer.start()
        drained: list[Event] = []
        while writer.is_alive():
            drained += job.events()
        writer.join()
        assert drained + job.events() == noted

    def test_two_jobs_at_once_settle_both(self, home: Home) -> None:
        """They share a ledger and a store."""
        gate = threading.Event()
        with EchoServer(gate=gate) as server:
            running = [self.make(home, server.base_url) for _ in range(2)]
            for job in running:
                job.start()
            gate.set()
            assert all(job.wait(PATIENCE_SECONDS) for job in running)
        assert [entry.state for entry in entries(home)] == ["settled", "settled"]
        assert len(kept_ids(home)) == 2

    def test_a_job_starts_once(self, home: Home) -> None:
        """A second start would pay twice."""
        with EchoServer() as server:
            job = self.make(home, server.base_url)
            job.start()
            with pytest.raises(RuntimeError):
                job.start()
            assert job.wait(PATIENCE_SECONDS)
        assert len(server.seen) == 1


PERFORM = """
import os, sys
from pathlib import Path
from scumble import catalog, jobs, replies
from scumble.budgets import Scope
from scumble.cost import estimate
from scumble.credentials import SERVICE_URL, Account, Secret
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size

def end(*anything):
    print("at the point", flush=True)
    os._exit(0)

point, home, url = sys.argv[1:]
if point == "decode":
    replies.read = end
request = Request("generate", "gpt-image-2.5-flare", "a door", Size(1024, 768), "medium")
account = Account(url, Secret("sk-x"), "")
jobs.perform(request, jobs.Asker("cli"), Home(Path(home)), account, catalog.load(),
             lambda event: end() if type(event).__name__ == point else None)
"""


class TestPrepare:
    @pytest.mark.parametrize(
        ("point", "state", "billed"),
        [("Reserved", "released", 0), ("Sent", "unknown", 0), ("decode", "settled", BILL_OF_USAGE)],
    )
    def test_what_an_ended_process_left_is_put_right(
        self, home: Home, point: str, state: str, billed: int
    ) -> None:
        """Released before sending, unknown after, and settled when the reply had been kept."""
        with EchoServer() as server:
            assert child.run(PERFORM, point, home.folder, server.base_url) == "at the point\n"
        (entry,) = jobs.prepare(home)
        assert (entry.state, entry.billed) == (state, billed)
        assert only_entry(home) == entry
        assert jobs.prepare(home) == []

    def test_a_process_killed_while_it_waits_leaves_an_unknown(self, home: Home) -> None:
        """SIGKILL in the middle: the service may have worked."""
        gate = threading.Event()
        with EchoServer(gate=gate) as server:
            process = child.start(PERFORM, "never", home.folder, server.base_url)
            assert server.arrived.wait(PATIENCE_SECONDS)
            child.kill(process)
            assert [entry.state for entry in jobs.prepare(home)] == ["unknown"]

    def test_a_kept_reply_without_usage_is_settled_at_the_expected_price(self, home: Home) -> None:
        """The price the ledger had expected is all there is."""
        with EchoServer(usage=None) as server:
            child.run(PERFORM, "decode", home.folder, server.base_url)
        (entry,) = jobs.prepare(home)
        assert (entry.state, entry.billed) == ("settled", entry.spending.expected)
        assert not entry.from_usage

    def test_a_kept_reply_that_cannot_be_used_stays_unknown(self, home: Home) -> None:
        """Only a picture proves that one was made."""
        with FaultServer(answers(200, PROXY_PAGE)) as server:
            child.run(PERFORM, "decode", home.folder, server.base_url)
        (entry,) = jobs.prepare(home)
        assert entry.state == "unknown" and kept_ids(home) == [entry.id]

    def test_what_runs_is_left_alone(self, home: Home) -> None:
        """A second host that starts meanwhile takes nothing from the first."""
        gate = threading.Event()
        with EchoServer(gate=gate) as server:
            job = Job(EDIT, ASKER, home, account(server.base_url), catalog.load())
            job.start()
            assert server.arrived.wait(PATIENCE_SECONDS)
            assert jobs.prepare(home) == []
            gate.set()
            assert job.wait(PATIENCE_SECONDS)
        assert only_entry(home).state == "settled"

    def test_an_empty_home_needs_nothing(self, home: Home) -> None:
        """The first start of all."""
        assert jobs.prepare(home) == []
