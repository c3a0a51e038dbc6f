# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of one request: whatever happens on it, the ledger is right and a reply that came is kept."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import child
import pytest
from servers import (
    PROXY_PAGE,
    EchoServer,
    FaultServer,
    answers,
    closes_after_request,
    cuts_within_answer,
    gradient_png,
    http_answer,
    redirects,
    refusal,
    refused_port,
    resets_after_request,
    resets_within_request,
    sends,
    stalls,
    success,
)

from scumble import catalog, client, errors, jobs, store, wire
from scumble.credentials import Account, Secret
from scumble.errors import Billing, ScumbleError, StorageError
from scumble.jobs import Arrived, Asker, Event, Failed, Finished, Job, Reserved, Result, Sent
from scumble.ledger import Entry, Ledger
from scumble.request import Picture, Request
from scumble.settings import Home
from scumble.shapes import Size

KEY = "sk-planted-0123456789abcdef"
PROMPT = "a small red door with an iron handle"
SIZE = Size(1024, 768)
PNG = gradient_png(*SIZE)
GOOD = success([PNG])
ASKER = Asker("gimp", document="harbour.xcf", project="book")
GENERATE = Request("generate", "gpt-image-2.5-flare", PROMPT, SIZE, "medium")
EDIT = dataclasses.replace(GENERATE, kind="edit", images=(Picture(SIZE, PNG),))
# 9 text tokens at 5, 768 image tokens at 8 and 301 output tokens at 30 micro-dollars.
BILL_OF_USAGE = 45 + 6_144 + 9_030
PATIENCE_SECONDS = 30


def account(base_url: str) -> Account:
    return Account(base_url, Secret(KEY), "a test")


def perform(
    home: Home,
    base_url: str,
    request: Request = EDIT,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: threading.Event | None = None,
) -> Result:
    return jobs.perform(request, ASKER, home, account(base_url), catalog.load(), on_event, cancel)


def entries(home: Home) -> list[Entry]:
    with Ledger(home.ledger) as ledger:
        return ledger.entries()


def only_entry(home: Home) -> Entry:
    (entry,) = entries(home)
    return entry


def kept_ids(home: Home) -> list[str]:
    return [stored.id for stored in store.all_stored(home)]


def raiser(error: BaseException) -> Callable[..., object]:
    def fail(*_arguments: object, **_named: object) -> object:
        raise error

    return fail


class TestSuccess:
    def test_a_request_is_reserved_sent_kept_and_settled(self, home: Home) -> None:
        """The result, the ledger, the store and the events tell one story."""
        events: list[Event] = []
        with EchoServer() as server:
            result = perform(home, server.base_url, on_event=events.append)
        entry = only_entry(home)
        assert result.answer.pictures == (PNG,)
        assert result.id == entry.id and not result.sandbox and result.seconds >= 0
        assert (entry.state, entry.billed, entry.from_usage) == ("settled", BILL_OF_USAGE, True)
        assert result.bill.total == BILL_OF_USAGE
        assert entry.spending.reserve == result.estimate.reserve >= BILL_OF_USAGE
        assert events == [
            Reserved(entry.id, result.estimate.reserve),
            Sent(entry.id),
            Arrived(entry.id),
            Finished(result),
        ]

    def test_the_ledger_names_what_was_asked_and_by_whom(self, home: Home) -> None:
        """Host, document and project; the size as it is written everywhere."""
        with EchoServer() as server:
            perform(home, server.base_url)
        spending = only_entry(home).spending
        assert (spending.host, spending.document, spending.project) == ("gimp", "harbour.xcf", "book")
        assert (spending.kind, spending.model, spending.size) == ("edit", "gpt-image-2.5-flare", "1024x768")
        assert (spending.quality, spending.n, spending.sandbox) == ("medium", 1, False)

    def test_the_reply_lies_beside_what_was_asked_and_what_it_cost(self, home: Home) -> None:
        """Byte for byte the reply, the prompt to find it by, the bill, and the picture as a file."""
        with FaultServer(answers(200, GOOD)) as server:
            result = perform(home, server.base_url)
        stored = store.find(home, result.id)
        assert stored.reply() == GOOD and stored.folder == result.folder
        assert stored.media_type == "application/json"
        assert stored.asked["prompt"] == PROMPT and stored.asked["document"] == "harbour.xcf"
        assert stored.facts["bill"]["total"] == BILL_OF_USAGE
        assert (result.folder / "picture-1.png").read_bytes() == PNG

    def test_without_usage_the_expected_price_is_billed(self, home: Home) -> None:
        """The bill says that it is an estimate."""
        with EchoServer(usage=None) as server:
            result = perform(home, server.base_url)
        entry = only_entry(home)
        assert (entry.billed, entry.from_usage) == (result.estimate.cost.expected, False)

    def test_any_status_of_success_is_kept_and_read(self, home: Home) -> None:
        """A relay that answers 201 was paid too."""
        with FaultServer(answers(201, GOOD)) as server:
            assert perform(home, server.base_url).answer.pictures == (PNG,)

    def test_the_ledger_says_sent_before_the_service_has_the_body(self, home: Home) -> None:
        """Seen from the server: when the request is there, `sent` is on disk for every other process."""
        states: list[str] = []
        look = sends(http_answer(200, GOOD), meanwhile=lambda: states.append(only_entry(home).state))
        with FaultServer(look) as server:
            perform(home, server.base_url)
        assert states == ["sent"]

    def test_nothing_is_sent_before_the_reservation_is_on_disk(self, home: Home) -> None:
        """At the event Reserved another connection sees it, and the server was not asked yet."""
        seen: list[tuple[str, int]] = []

        def look(event: Event) -> None:
            if isinstance(event, Reserved):
                seen.append((only_entry(home).state, len(server.seen)))

        with EchoServer() as server:
            perform(home, server.base_url, on_event=look)
        assert seen == [("reserved", 0)]

    def test_the_reply_is_on_disk_before_it_is_read(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reader finds the reply in the store."""
        read = wire.decode

        def look(body: bytes, request: Request, fetched: tuple[bytes, ...]) -> wire.Answer:
            assert store.find(home, only_entry(home).id).reply() == body
            return read(body, request, fetched)

        monkeypatch.setattr(wire, "decode", look)
        with EchoServer() as server:
            assert perform(home, server.base_url).answer.pictures == (PNG,)

    def test_copies_that_cannot_be_written_do_not_cost_the_picture(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reply itself is kept and settled, so the host gets its picture."""
        full = StorageError(path=home.folder, reason="the disk is full")
        monkeypatch.setattr(store, "describe", raiser(full))
        with EchoServer() as server:
            assert perform(home, server.base_url).answer.pictures == (PNG,)
        assert only_entry(home).state == "settled"


class TestSandbox:
    def test_without_a_key_nothing_is_billed_and_the_price_is_recorded(self, home: Home) -> None:
        """The whole way is walked, and the ledger says what the service would have billed."""
        sandbox = Account("https://api.openai.com/v1", None, "")
        result = jobs.perform(EDIT, ASKER, home, sandbox, catalog.load())
        entry = only_entry(home)
        assert result.sandbox and entry.spending.sandbox
        assert (entry.state, entry.billed, entry.would_bill) == ("settled", 0, result.bill.total)
        assert result.bill.total > 0 and result.bill.from_usage
        assert result.answer.size == SIZE
        assert store.find(home, result.id).asked["sandbox"] is True


class TestRefusedHere:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"model": "gpt-image-99"}, errors.UnknownModel),
            ({"model": "gpt-image-1"}, errors.ModelEnded),
            ({"size": Size(512, 512)}, errors.BadSize),
            ({"quality": "splendid"}, errors.UnsupportedOption),
            ({"prompt": " "}, errors.BadRequest),
        ],
    )
    def test_a_request_that_cannot_work_costs_nothing_and_leaves_no_trace(
        self, home: Home, changes: dict[str, object], expected: type[ScumbleError]
    ) -> None:
        """No connection, no row in the ledger; the error comes as an event too."""
        events: list[Event] = []
        with EchoServer() as server, pytest.raises(expected) as caught:
            perform(home, server.base_url, dataclasses.replace(GENERATE, **changes), events.append)
        assert server.seen == [] and entries(home) == []
        assert events == [Failed(caught.value)]

    def test_a_full_disk_is_noticed_before_anything_is_paid(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A picture that has no room is not bought."""
        monkeypatch.setattr(jobs, "_free_bytes", lambda _folder: 1_000_000)
        with EchoServer() as server, pytest.raises(StorageError) as caught:
            perform(home, server.base_url)
        assert caught.value.billing is Billing.NOTHING
        assert server.seen == [] and entries(home) == []

    def test_what_cannot_be_put_on_the_wire_is_released(self, home: Home) -> None:
        """An option that the wire refuses after the reservation gives it back."""
        with EchoServer() as server, pytest.raises(errors.UnsupportedOption):
            perform(home, server.base_url, dataclasses.replace(GENERATE, partial_images=1))
        assert server.seen == [] and only_entry(home).state == "released"


class TestRefusedThere:
    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (400, refusal("image_generation_user_error", "invalid_value", "size"), errors.RequestRejected),
            (400, refusal("image_generation_user_error", "moderation_blocked"), errors.ModerationBlocked),
            (401, refusal("invalid_request_error", "invalid_api_key"), errors.KeyRefused),
            (403, PROXY_PAGE, errors.AccessDenied),
            (404, refusal("invalid_request_error", "model_not_found"), errors.ModelUnavailable),
            (429, refusal("insufficient_quota", "insufficient_quota"), errors.QuotaExhausted),
            (429, refusal("requests", "rate_limit_exceeded"), errors.RateLimited),
            (503, refusal("server_error", "slow_down"), errors.Overloaded),
        ],
    )
    def test_a_definite_refusal_gives_the_reservation_back(
        self, home: Home, status: int, body: bytes, expected: type[ScumbleError]
    ) -> None:
        """Released, nothing kept, asked once."""
        with FaultServer(answers(status, body)) as server, pytest.raises(expected) as caught:
            perform(home, server.base_url)
        assert caught.value.billing is Billing.NOTHING
        assert only_entry(home).state == "released"
        assert kept_ids(home) == [] and server.connections == 1

    def test_a_redirect_gives_the_reservation_back(self, home: Home) -> None:
        """It is a matter of the address that was set, and no work was done."""
        with FaultServer(redirects(307, "https://example.com/")) as server:
            with pytest.raises(errors.SetupError):
                perform(home, server.base_url)
        assert only_entry(home).state == "released"

    def test_a_picture_held_back_afterwards_stays_unknown(self, home: Home) -> None:
        """Work was done on it, so it may be billed."""
        details = {"moderation_stage": "output"}
        body = refusal("image_generation_user_error", "moderation_blocked", moderation_details=details)
        with FaultServer(answers(400, body)) as server:
            with pytest.raises(errors.ModerationBlockedAfterwards):
                perform(home, server.base_url)
        assert only_entry(home).state == "unknown"


class TestUnknown:
    @pytest.mark.parametrize(
        ("behaviour", "expected"),
        [
            pytest.param(resets_within_request(), errors.ConnectionLost, id="reset within the request"),
            pytest.param(resets_after_request(), errors.ConnectionLost, id="reset after the request"),
            pytest.param(closes_after_request(), errors.ConnectionLost, id="closed after the request"),
            pytest.param(cuts_within_answer(GOOD, 1_000), errors.ConnectionLost, id="cut within the answer"),
            pytest.param(stalls(), errors.TimedOut, id="stalls"),
            pytest.param(answers(500, PROXY_PAGE), errors.ServerFault, id="500"),
            pytest.param(answers(502, PROXY_PAGE), errors.ServerFault, id="502"),
            pytest.param(answers(503, PROXY_PAGE), errors.ServerFault, id="503"),
            pytest.param(answers(504), errors.ServerFault, id="504"),
        ],
    )
    def test_a_lost_answer_keeps_the_whole_reservation(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, behaviour: object, expected: type[ScumbleError]
    ) -> None:
        """Unknown, nothing billed yet, nothing sent again, no error page among the results."""
        monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
        with FaultServer(behaviour) as server, pytest.raises(expected) as caught:  # type: ignore[arg-type]
            perform(home, server.base_url)
        assert caught.value.billing is Billing.MAYBE
        entry = only_entry(home)
        assert (entry.state, entry.billed) == ("unknown", 0)
        assert kept_ids(home) == [] and server.connections == 1
        with Ledger(home.ledger) as ledger:
            assert ledger.totals().reserved_or_unknown == entry.spending.reserve

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(http_answer(200, PROXY_PAGE), id="a proxy's page"),
            pytest.param(http_answer(200, GOOD[:-5]), id="cut JSON"),
            pytest.param(http_answer(200, GOOD, declared_length=500), id="a length too small"),
            pytest.param(http_answer(200, success([gradient_png(768, 1024)])), id="another size"),
            pytest.param(http_answer(200, b""), id="an empty body"),
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="cut within the head"),
        ],
    )
    def test_a_reply_that_cannot_be_used_is_kept_and_unknown(self, home: Home, raw: bytes) -> None:
        """It was paid for, so its bytes stay, and the message says where."""
        with FaultServer(sends(raw)) as server, pytest.raises(errors.BadReply) as caught:
            perform(home, server.base_url)
        entry = only_entry(home)
        assert entry.state == "unknown"
        stored = store.find(home, entry.id)
        assert str(stored.folder) in str(caught.value)
        assert raw.endswith(stored.reply()) or stored.reply() == GOOD[:500]

    def test_a_connection_that_was_never_made_gives_the_reservation_back(self, home: Home) -> None:
        """Provably nothing was sent."""
        with refused_port() as port, pytest.raises(errors.NotConnected):
            perform(home, f"http://127.0.0.1:{port}/v1")
        assert only_entry(home).state == "released"


class TestStorage:
    def test_a_reply_that_cannot_be_kept_is_not_called_free(self, home: Home) -> None:
        """The service worked: unknown, and the message does not say that nothing was billed."""
        home.results.write_text("a file where the folder should be")
        with EchoServer() as server, pytest.raises(errors.StorageFailedAfterSending) as caught:
            perform(home, server.base_url)
        assert caught.value.billing is Billing.MAYBE
        assert "Nothing was billed" not in str(caught.value)
        assert only_entry(home).state == "unknown"

    def test_a_bill_that_cannot_be_recorded_leaves_the_reply_kept(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reservation stays whole until it can be settled."""
        full = StorageError(path=home.folder, reason="the disk is full")
        monkeypatch.setattr(Ledger, "settle", raiser(full))
        with EchoServer() as server, pytest.raises(errors.StorageFailedAfterSending):
            perform(home, server.base_url)
        assert kept_ids(home) == [only_entry(home).id]
        assert only_entry(home).state == "unknown"

    def test_a_ledger_that_cannot_say_sent_keeps_the_request_here(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the record nothing leaves, and nothing is billed."""
        full = StorageError(path=home.folder, reason="the disk is full")
        monkeypatch.setattr(Ledger, "sent", raiser(full))
        with FaultServer(answers(200, GOOD)) as server, pytest.raises(StorageError) as caught:
            perform(home, server.base_url)
        assert caught.value.billing is Billing.NOTHING
        assert server.received == [] and only_entry(home).state == "released"

    def test_a_ledger_that_fails_twice_does_not_hide_the_first_error(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The state left behind is what the next start puts right."""
        full = StorageError(path=home.folder, reason="the disk is full")
        monkeypatch.setattr(Ledger, "unknown", raiser(full))
        with FaultServer(closes_after_request()) as server, pytest.raises(errors.ConnectionLost):
            perform(home, server.base_url)
        assert only_entry(home).state == "sent"


class TestDefects:
    def test_a_defect_before_sending_releases_and_passes_through(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The very exception is raised, with the ledger in order."""
        defect = RuntimeError("a defect")
        monkeypatch.setattr(wire, "encode", raiser(defect))
        with EchoServer() as server, pytest.raises(RuntimeError) as caught:
            perform(home, server.base_url)
        assert caught.value is defect
        assert only_entry(home).state == "released"

    @pytest.mark.parametrize("defect", [RuntimeError("a defect"), KeyboardInterrupt()])
    def test_a_defect_or_a_key_press_after_sending_is_unknown(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, defect: BaseException
    ) -> None:
        """Ctrl-C on the command line comes as an exception, too."""
        monkeypatch.setattr(wire, "decode", raiser(defect))
        with EchoServer() as server, pytest.raises(type(defect)):
            perform(home, server.base_url)
        entry = only_entry(home)
        assert entry.state == "unknown" and kept_ids(home) == [entry.id]


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
        read = wire.decode

        def look(body: bytes, request: Request, fetched: tuple[bytes, ...]) -> wire.Answer:
            threads.append(threading.current_thread())
            return read(body, request, fetched)

        monkeypatch.setattr(wire, "decode", look)
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
from scumble import catalog, jobs, wire
from scumble.credentials import Account, Secret
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size

def end(*anything):
    print("at the point", flush=True)
    os._exit(0)

point, home, url = sys.argv[1:]
if point == "decode":
    wire.decode = end
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


class TestSecrets:
    def test_the_key_is_in_no_file_and_the_prompt_only_beside_its_reply(self, home: Home) -> None:
        """The ledger holds neither; the result folder is the user's own record."""
        with EchoServer() as server:
            perform(home, server.base_url)
        files = [path for path in home.folder.rglob("*") if path.is_file()]
        assert home.ledger in files and len(files) >= 4
        holding_prompt = [path.name for path in files if PROMPT.encode() in path.read_bytes()]
        assert not any(KEY.encode() in path.read_bytes() for path in files)
        assert holding_prompt == ["asked.json"]

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
    def test_what_is_kept_is_for_the_owner_only(self, home: Home) -> None:
        """Prompts and pictures are private."""
        with EchoServer() as server:
            folder = perform(home, server.base_url).folder
        assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.iterdir()))

    def test_no_value_on_the_way_shows_the_prompt_the_key_or_the_pictures(self, home: Home) -> None:
        """Events, results and errors can be logged as they are."""
        shown: list[str] = []
        with EchoServer() as server:
            shown.append(
                repr(perform(home, server.base_url, on_event=lambda event: shown.append(repr(event))))
            )
        with FaultServer(answers(400, refusal(PROMPT, KEY, PROMPT))) as server:
            with pytest.raises(errors.RequestRejected) as caught:
                perform(home, server.base_url, on_event=lambda event: shown.append(repr(event) + str(event)))
        shown += [str(caught.value), repr(caught.value), repr(caught.value.details), repr(ASKER)]
        text = "".join(shown)
        assert PROMPT not in text and KEY not in text and "PNG" not in text
        assert "harbour.xcf" not in text

    def test_what_was_asked_holds_no_picture(self, home: Home) -> None:
        """Uploads are the user's documents; the record has their sizes."""
        with EchoServer() as server:
            result = perform(home, server.base_url)
        asked = json.loads(Path(result.folder, "asked.json").read_text())
        assert asked["asked"]["image_sizes"] == ["1024x768"]
        assert len(json.dumps(asked)) < 3_000
