# SPDX-License-Identifier: GPL-3.0-or-later
"""Partial pictures on their way through a job, and the money of a stream however it ends."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import child
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import (
    EchoServer,
    FaultServer,
    answers,
    completed_event,
    cuts_within_answer,
    error_event,
    event,
    gradient_png,
    http_answer,
    partial_event,
    refusal,
    sends,
    streams,
    success,
)

from scumble import catalog, client, errors, jobs, previews, records, recovery, store, wire
from scumble.cost import Estimate, estimate
from scumble.credentials import Account
from scumble.errors import Billing, ScumbleError
from scumble.jobs import Arrived, Event, Failed, Finished, Job, Partial, Reserved, Sent, Waiting
from scumble.ledger import Ledger
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size
from tests.unit.jobs_cases import (
    ASKER,
    BILL_OF_USAGE,
    EDIT,
    GENERATE,
    PATIENCE_SECONDS,
    PNG,
    PROMPT,
    account,
    entries,
    kept_ids,
    only_entry,
    perform,
)

STREAMED = dataclasses.replace(EDIT, partial_images=2)
COARSE = gradient_png(512, 384)
FIRST, SECOND, LAST = partial_event(COARSE, 0), partial_event(PNG, 1), completed_event(PNG)
WHOLE = FIRST + SECOND + LAST
REFUSED = "image_generation_user_error"


def partials(events: list[Event]) -> list[Partial]:
    return [each for each in events if isinstance(each, Partial)]


def stage(name: str) -> dict[str, object]:
    return {"moderation_details": {"moderation_stage": name}}


class TestPictures:
    def test_partial_pictures_come_as_events_before_the_finished_one(self, home: Home) -> None:
        """In their order, numbered from 1, with the size that each has; the last one is the result."""
        events: list[Event] = []
        with FaultServer(streams(FIRST, SECOND, LAST)) as server:
            result = perform(home, server.base_url, STREAMED, events.append)
        assert result.answer.pictures == (PNG,) and result.bill.total == BILL_OF_USAGE
        kinds = [type(each) for each in events]
        assert kinds == [Reserved, Sent, Partial, Partial, Arrived, Finished]
        assert [(each.number, each.data, each.media_type, each.size) for each in partials(events)] == [
            (1, COARSE, "image/png", Size(512, 384)),
            (2, PNG, "image/png", Size(1024, 768)),
        ]
        assert {each.id for each in partials(events)} == {result.id}

    def test_a_partial_picture_is_there_while_the_service_still_draws(self, home: Home) -> None:
        """The server sends the rest only when the first one has been seen."""
        seen = threading.Event()

        def wait(number: int) -> None:
            if number == 1:
                assert seen.wait(PATIENCE_SECONDS)

        def look(event: Event) -> None:
            if isinstance(event, Partial):
                seen.set()

        with FaultServer(streams(FIRST, SECOND + LAST, meanwhile=wait)) as server:
            perform(home, server.base_url, STREAMED, look)
        assert seen.is_set() and only_entry(home).state == "settled"

    def test_a_job_hands_partial_pictures_to_who_polls(self, home: Home) -> None:
        """With the other events, once each."""
        with FaultServer(streams(WHOLE)) as server:
            job = Job(STREAMED, ASKER, home, account(server.base_url), catalog.load())
            job.start()
            assert job.wait(PATIENCE_SECONDS)
            events = job.events()
        assert [each.number for each in partials(events)] == [1, 2] and job.events() == []

    def test_the_reply_on_disk_is_the_whole_stream(self, home: Home) -> None:
        """Byte for byte, with its type, and found when the picture is handed out."""
        odd = b"\xef\xbb\xbf: hello\r\n\r\n" + WHOLE + b"data: [DONE]\n\n"
        with FaultServer(streams(odd[:7], odd[7:])) as server:
            result = perform(home, server.base_url, STREAMED)
        kept = store.find(home, result.id)
        assert kept.reply() == odd and kept.media_type == "text/event-stream; charset=utf-8"
        assert recovery.reread(kept).pictures == (PNG,)
        assert recovery.complete(home, kept, lambda: account("")).pictures == (PNG,)
        assert kept.asked["partial_images"] == 2

    def test_fewer_partial_pictures_than_asked_for_may_come(self, home: Home) -> None:
        """Or none."""
        events: list[Event] = []
        with FaultServer(streams(LAST)) as server:
            perform(home, server.base_url, STREAMED, events.append)
        assert partials(events) == [] and only_entry(home).billed == BILL_OF_USAGE

    def test_no_more_partial_pictures_are_shown_than_were_asked_for(self, home: Home) -> None:
        """A server cannot keep a host busy with them."""
        events: list[Event] = []
        with FaultServer(streams(SECOND * 50 + LAST)) as server:
            perform(home, server.base_url, STREAMED, events.append)
        assert [each.number for each in partials(events)] == [1, 2]

    @pytest.mark.parametrize(
        "bad",
        [
            pytest.param(partial_event(b"no picture"), id="no picture"),
            pytest.param(partial_event(PNG[:-30]), id="cut"),
            pytest.param(partial_event(gradient_png(1040, 768)), id="larger than asked"),
            pytest.param(partial_event(b"GIF89a" + bytes(100)), id="another format"),
            pytest.param(event("image_edit.partial_image", {"b64_json": "not base64!"}), id="not base64"),
            pytest.param(event("image_edit.partial_image", {"b64_json": None}), id="nothing in it"),
            pytest.param(event("image_edit.partial_image", {"url": "http://x/"}), id="an address"),
        ],
    )
    def test_a_bad_partial_picture_does_not_cost_the_good_one(self, home: Home, bad: bytes) -> None:
        """It is dropped and not counted."""
        events: list[Event] = []
        with FaultServer(streams(bad + SECOND + LAST)) as server:
            result = perform(home, server.base_url, STREAMED, events.append)
        assert [(each.number, each.data) for each in partials(events)] == [(1, PNG)]
        assert result.answer.pictures == (PNG,)

    def test_who_fails_to_show_a_partial_picture_gets_the_finished_one(self, home: Home) -> None:
        """A closed terminal must not cost what was paid."""

        def fail(event: Event) -> None:
            if isinstance(event, Partial):
                raise BrokenPipeError

        with FaultServer(streams(WHOLE)) as server:
            assert perform(home, server.base_url, STREAMED, fail).answer.pictures == (PNG,)

    def test_a_server_that_ignores_the_stream_is_read_as_json(self, home: Home) -> None:
        """Some do; there are no partial pictures then."""
        events: list[Event] = []
        with EchoServer() as server:
            result = perform(home, server.base_url, STREAMED, events.append)
            assert server.seen[0].fields["stream"] == "true"
            assert server.seen[0].fields["partial_images"] == "2"
        assert result.answer.pictures == (PNG,) and partials(events) == []

    def test_a_partial_picture_is_not_in_the_repr(self) -> None:
        """Nor is anything of it."""
        partial = Partial("id", 1, PNG, "image/png", Size(1024, 768))
        assert "PNG" not in repr(partial) and "data" not in repr(partial)

    def test_a_request_without_partial_pictures_asks_for_no_stream(self, home: Home) -> None:
        """And is sent as ever."""
        with EchoServer() as server:
            perform(home, server.base_url, GENERATE)
        assert "stream" not in (server.seen[0].json or {})


class TestRefusedHere:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"partial_images": 4}, errors.UnsupportedOption),
            ({"partial_images": -1}, errors.UnsupportedOption),
            ({"partial_images": 1, "n": 2}, errors.BadRequest),
        ],
    )
    def test_what_cannot_be_streamed_is_refused_before_anything_is_sent(
        self, home: Home, changes: dict[str, object], expected: type[ScumbleError]
    ) -> None:
        """Saying what would work."""
        with EchoServer() as server, pytest.raises(expected) as caught:
            perform(home, server.base_url, dataclasses.replace(GENERATE, **changes))
        assert "0 – 3" in str(caught.value) or "one picture at a time" in str(caught.value)
        assert server.seen == [] and entries(home) == []


class TestRefusedThere:
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (error_event(REFUSED, "moderation_blocked", **stage("input")), errors.ModerationBlocked),
            (error_event("requests", "rate_limit_exceeded"), errors.RateLimited),
            (error_event("insufficient_quota", None), errors.QuotaExhausted),
            (error_event("x", "insufficient_quota"), errors.QuotaExhausted),
            (error_event("billing_limit_user_error", None), errors.BillingLimit),
            (error_event("invalid_request_error", "model_not_found"), errors.ModelUnavailable),
        ],
    )
    def test_a_refusal_before_any_work_gives_the_reservation_back(
        self, home: Home, error: bytes, expected: type[ScumbleError]
    ) -> None:
        """Although the status was 200; nothing is kept."""
        with FaultServer(streams(error)) as server, pytest.raises(expected) as caught:
            perform(home, server.base_url, STREAMED)
        assert caught.value.billing is Billing.NOTHING
        assert only_entry(home).state == "released" and kept_ids(home) == []

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (FIRST + error_event("requests", "rate_limit_exceeded"), errors.StreamFailed),
            (FIRST + error_event("insufficient_quota", None), errors.StreamFailed),
            (
                FIRST + error_event(REFUSED, "moderation_blocked", **stage("input")),
                errors.ModerationBlockedAfterwards,
            ),
            (
                error_event(REFUSED, "moderation_blocked", **stage("output")),
                errors.ModerationBlockedAfterwards,
            ),
            (error_event(REFUSED, "moderation_blocked"), errors.ModerationBlockedAfterwards),
            (error_event("server_error", "server_error"), errors.StreamFailed),
            (error_event("server_error", "server_is_overloaded"), errors.StreamFailed),
            (error_event("a sentence with a prompt", "sk-planted"), errors.StreamFailed),
            (event("error", {"code": "server_error", "message": "flat"}), errors.StreamFailed),
            (event("error", {"error": "a small red door"}), errors.StreamFailed),
            (
                error_event("server_error", None) + error_event("requests", "rate_limit_exceeded"),
                errors.StreamFailed,
            ),
        ],
    )
    @pytest.mark.parametrize("whole", [True, False], ids=["ends", "breaks off"])
    def test_an_error_that_proves_nothing_may_be_billed(
        self, home: Home, body: bytes, expected: type[ScumbleError], whole: bool
    ) -> None:
        """Unknown, with the whole reservation; the message shows an API's own words only."""
        with FaultServer(streams(body, whole=whole)) as server, pytest.raises(expected) as caught:
            perform(home, server.base_url, STREAMED)
        assert caught.value.billing is Billing.MAYBE and server.connections == 1
        entry = only_entry(home)
        assert (entry.state, entry.billed) == ("unknown", 0)
        for secret in ("door", "sk-planted", "sentence"):
            assert secret not in str(caught.value)

    def test_a_rate_limit_that_passes_is_tried_again_and_only_the_answer_is_kept(self, home: Home) -> None:
        """What refused is not part of the reply; bought once."""
        limited = error_event("requests", "rate_limit_exceeded")
        events: list[Event] = []
        with FaultServer(streams(limited), streams(WHOLE)) as server:
            result = perform(home, server.base_url, STREAMED, events.append)
        assert store.find(home, result.id).reply() == WHOLE and server.connections == 2
        assert [type(each) for each in events if not isinstance(each, Reserved)] == [
            Sent, Waiting, Sent, Partial, Partial, Arrived, Finished,
        ]  # fmt: skip
        assert only_entry(home).billed == BILL_OF_USAGE

    @pytest.mark.parametrize("whole", [True, False], ids=["ends", "breaks off"])
    @pytest.mark.parametrize("late", [True, False], ids=["after it", "before it"])
    def test_a_finished_picture_counts_more_than_an_error(self, home: Home, whole: bool, late: bool) -> None:
        """It came, whatever the service says beside it."""
        error = error_event("server_error", "server_error").replace(b"sk-planted", b"")
        body = LAST + error if late else error + LAST
        with FaultServer(streams(body, whole=whole)) as server:
            assert perform(home, server.base_url, STREAMED).answer.pictures == (PNG,)
        assert only_entry(home).state == "settled"

    def test_an_error_with_a_status_is_read_as_ever(self, home: Home) -> None:
        """A streaming request is refused like any other."""
        body = refusal("image_generation_user_error", "invalid_value", "size")
        with FaultServer(answers(400, body)) as server, pytest.raises(errors.RequestRejected):
            perform(home, server.base_url, STREAMED)
        assert only_entry(home).state == "released"

    def test_a_json_error_with_the_status_of_a_success_is_no_stream(self, home: Home) -> None:
        """Whatever type it claims; it is kept and unknown."""
        error = json.dumps({"error": {"type": "server_error", "code": None}}).encode()
        raw = http_answer(200, error, {"Content-Type": "text/event-stream"})
        with FaultServer(sends(raw)) as server, pytest.raises(errors.BadReply) as caught:
            perform(home, server.base_url, STREAMED)
        assert "reports an error" in str(caught.value)
        assert only_entry(home).state == "unknown" and len(kept_ids(home)) == 1


class TestBrokenOff:
    @pytest.mark.parametrize("whole", [True, False], ids=["ends", "breaks off"])
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(FIRST, id="after an event"),
            pytest.param(FIRST + SECOND[:9_000], id="within an event"),
            pytest.param(FIRST + LAST[:-200], id="within the finished picture"),
        ],
    )
    def test_what_came_is_kept_and_may_be_billed(self, home: Home, body: bytes, whole: bool) -> None:
        """The message says where; no one is told that it is done."""
        with FaultServer(streams(body, whole=whole)) as server:
            with pytest.raises(errors.StreamEnded) as caught:
                perform(home, server.base_url, STREAMED)
        entry = only_entry(home)
        assert entry.state == "unknown" and caught.value.billing is Billing.MAYBE
        kept = store.find(home, entry.id)
        assert kept.reply() == body and str(kept.folder) in str(caught.value)
        with Ledger(home.ledger) as ledger:
            assert ledger.steps(entry.id)[-1].reason == "stream-ended"
        assert jobs.prepare(home) == [] and only_entry(home).state == "unknown"

    @pytest.mark.parametrize("stream", [WHOLE, LAST], ids=["after others", "alone"])
    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_a_picture_that_came_whole_is_not_lost_with_the_line(
        self, home: Home, stream: bytes, missing: int
    ) -> None:
        """The connection broke after it, or within the blank line that follows it."""
        body = stream[: len(stream) - missing]
        with FaultServer(streams(body, whole=False)) as server:
            result = perform(home, server.base_url, STREAMED)
        assert result.answer.pictures == (PNG,) and only_entry(home).billed == BILL_OF_USAGE

    @pytest.mark.parametrize(
        "behaviour",
        [
            pytest.param(streams(whole=False), id="before anything"),
            pytest.param(streams(b": hello\n\n", whole=False), id="after a comment"),
            pytest.param(streams(FIRST[:2_000], whole=False), id="within the first event"),
            pytest.param(cuts_within_answer(success([PNG]), 1_000), id="within JSON"),
        ],
    )
    def test_a_stream_that_said_nothing_is_a_lost_connection(
        self, home: Home, behaviour: Callable[..., bytes]
    ) -> None:
        """As without a stream: unknown, nothing kept."""
        with FaultServer(behaviour) as server, pytest.raises(errors.ConnectionLost):
            perform(home, server.base_url, STREAMED)
        assert only_entry(home).state == "unknown" and kept_ids(home) == []

    @pytest.mark.parametrize(
        ("body", "expected"), [(WHOLE, None), (FIRST, errors.StreamEnded), (b"", errors.StreamEnded)]
    )
    def test_a_stream_that_ends_with_its_connection_is_told_whole_by_its_events(
        self, home: Home, body: bytes, expected: type[ScumbleError] | None
    ) -> None:
        """Without a length and without chunks, an end and a cut look alike."""
        raw = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body
        with FaultServer(sends(raw)) as server:
            if expected is None:
                assert perform(home, server.base_url, STREAMED).answer.pictures == (PNG,)
            else:
                with pytest.raises(expected):
                    perform(home, server.base_url, STREAMED)
        assert only_entry(home).state == ("unknown" if expected else "settled")

    def test_a_compressed_stream_is_read_as_it_comes(self, home: Home) -> None:
        """Each event flushed by itself; what is kept is decompressed."""
        packer = zlib.compressobj(wbits=31)
        pieces = [packer.compress(each) + packer.flush(zlib.Z_SYNC_FLUSH) for each in (FIRST, SECOND, LAST)]
        body = b"".join(pieces) + packer.flush()
        about = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
        events: list[Event] = []
        with FaultServer(sends(http_answer(200, body, about))) as server:
            result = perform(home, server.base_url, STREAMED, events.append)
        assert store.find(home, result.id).reply() == WHOLE and len(partials(events)) == 2

    def test_a_stream_that_stops_coming_is_kept_as_far_as_it_came(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After the time that an answer may take."""
        monkeypatch.setattr(client, "ANSWER_SECONDS", 0.3)
        gone = threading.Event()

        def wait(number: int) -> None:
            if number == 1:
                gone.wait(PATIENCE_SECONDS)

        with FaultServer(streams(FIRST, SECOND, meanwhile=wait)) as server:
            with pytest.raises(errors.StreamEnded):
                perform(home, server.base_url, STREAMED)
            gone.set()
        assert store.find(home, only_entry(home).id).reply() == FIRST

    def test_a_person_who_stops_still_gets_what_arrives(self, home: Home) -> None:
        """The stop is reported at once, the thread goes on, and the picture is settled and kept."""
        first_seen, stopped = threading.Event(), threading.Event()

        def wait(number: int) -> None:
            if number == 1:
                first_seen.set()
                stopped.wait(PATIENCE_SECONDS)

        with FaultServer(streams(FIRST, SECOND + LAST, meanwhile=wait)) as server:
            job = Job(STREAMED, ASKER, home, account(server.base_url), catalog.load())
            job.start()
            assert first_seen.wait(PATIENCE_SECONDS)
            job.cancel()
            failed = [each for each in job.events() if isinstance(each, Failed)]
            stopped.set()
            assert job.wait(PATIENCE_SECONDS)
        assert [type(each.error) for each in failed] == [errors.StoppedAfterSending]
        assert isinstance(job.outcome, jobs.Result) and only_entry(home).state == "settled"

    def test_a_reply_kept_by_a_killed_program_is_settled_from_its_stream(self, home: Home) -> None:
        """The bill is in its last event."""
        with Ledger(home.ledger) as ledger:
            spending = records.spending(STREAMED, ASKER, _price(STREAMED), False)
            id = ledger.reserve(spending)
            ledger.sent(id)
            ledger.unknown(id, "connection-lost")
            asked = records.asked(STREAMED, ASKER, _price(STREAMED), False)
            store.keep(home, id, WHOLE, "text/event-stream", asked)
            assert recovery.settle(home, ledger, ledger.entry(id))
        assert only_entry(home).billed == BILL_OF_USAGE


STREAM_AND_DIE = """
import os, signal, sys
from pathlib import Path
from scumble import catalog, jobs, store
from scumble.credentials import Account, Secret
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size

def end(*anything):
    os.kill(os.getpid(), signal.SIGKILL)

point, home, url = sys.argv[1:]
if point == "close":
    store.Place.close = end
request = Request("generate", "gpt-image-2.5-flare", "a door", Size(1024, 768), "medium", partial_images=2)
jobs.perform(request, jobs.Asker("cli"), Home(Path(home)), Account(url, Secret("sk-x"), ""), catalog.load(),
             lambda event: end() if type(event).__name__ == point else None)
"""


class TestKilled:
    @pytest.mark.parametrize(
        ("point", "state", "billed"),
        [
            ("Partial", "unknown", 0),
            ("close", "settled", BILL_OF_USAGE),
            ("Arrived", "settled", BILL_OF_USAGE),
        ],
    )
    def test_a_stream_that_was_read_whole_is_settled_at_the_next_start(
        self, home: Home, point: str, state: str, billed: int
    ) -> None:
        """Killed while partial pictures came, its answer is unknown; killed later, it is there."""
        with FaultServer(streams(FIRST, SECOND, LAST)) as server:
            child.start(STREAM_AND_DIE, point, home.folder, server.base_url).communicate(timeout=60)
        jobs.prepare(home)
        entry = only_entry(home)
        assert (entry.state, entry.billed) == (state, billed)
        assert kept_ids(home) == ([entry.id] if state == "settled" else [])


class TestBill:
    def test_a_bill_counts_partial_pictures_once(self, home: Home) -> None:
        """The tokens are the service's own; what the estimate added for previews is not added again."""
        with FaultServer(streams(WHOLE)) as server:
            result = perform(home, server.base_url, STREAMED)
        assert [line[0] for line in result.bill.lines] == ["text_input", "image_input", "streamed_output"]
        assert result.bill.total == BILL_OF_USAGE and result.bill.from_usage
        plain = _price(EDIT).cost.expected
        assert result.estimate.cost.expected == plain + 2 * 100 * 30

    def test_without_usage_the_bill_is_the_estimate_with_its_partial_pictures(self, home: Home) -> None:
        """As for any reply that does not say."""
        with FaultServer(streams(FIRST + completed_event(PNG, None))) as server:
            result = perform(home, server.base_url, STREAMED)
        assert not result.bill.from_usage and result.bill.total == result.estimate.cost.expected

    def test_streamed_bills_teach_nothing_of_a_picture(self, home: Home) -> None:
        """Whether their tokens hold the partial pictures' is not published."""
        guessed = dataclasses.replace(STREAMED, model="gpt-image-2.6-flare")
        model = catalog.load().find(guessed.model)
        with FaultServer(streams(WHOLE)) as server:
            for _number in range(3):
                perform(home, server.base_url, guessed)
        with Ledger(home.ledger) as ledger:
            assert ledger.learned(guessed, model) is None
        with FaultServer(streams(LAST)) as server:
            for _number in range(3):
                perform(home, server.base_url, guessed)
        with Ledger(home.ledger) as ledger:
            learned = ledger.learned(guessed, model)
        assert learned is not None and learned.median == 301

    def test_the_reservation_bounds_the_bill_of_the_sandbox(self, home: Home) -> None:
        """And what it would have cost is what was estimated, when all partial pictures come."""
        request = dataclasses.replace(GENERATE, partial_images=3)
        events: list[Event] = []
        result = jobs.perform(
            request,
            ASKER,
            home,
            Account("https://api.openai.com/v1", None, ""),
            catalog.load(),
            events.append,
        )
        assert len(partials(events)) == 3 and result.sandbox
        assert result.bill.total == result.estimate.cost.expected <= result.estimate.reserve
        kept = store.find(home, result.id)
        assert kept.media_type.startswith("text/event-stream")


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=6))
def test_the_same_pictures_come_however_the_network_cuts_the_stream(cuts: list[int]) -> None:
    """Over a real socket, each piece a chunk of its own."""
    edges = sorted({0, *cuts, len(WHOLE)})
    pieces = [WHOLE[start:end] for start, end in itertools.pairwise(edges)]
    shown: list[tuple[int, bytes]] = []
    with tempfile.TemporaryDirectory() as folder, FaultServer(streams(*pieces)) as server:
        place = store.Place(Home(Path(folder)), "id", {})
        received, failure = previews.send(
            wire.encode(STREAMED),
            STREAMED,
            account(server.base_url),
            place,
            on_sent=lambda: None,
            on_preview=lambda number, preview: shown.append((number, preview.data)),
        )
        assert place.so_far() == WHOLE
        place.abandon()
    assert received.body == WHOLE and failure is None and shown == [(1, COARSE), (2, PNG)]


def test_a_stream_that_trickles_is_read(home: Home) -> None:
    """A byte a piece around every boundary of the first event."""
    head, rest = WHOLE[:120], WHOLE[120:]
    pieces = [*(bytes([each]) for each in head), rest[:-40], *(bytes([each]) for each in rest[-40:])]
    events: list[Event] = []
    with FaultServer(streams(*pieces)) as server:
        result = perform(home, server.base_url, STREAMED, events.append)
    assert result.answer.pictures == (PNG,) and len(partials(events)) == 2


def test_neither_key_nor_words_are_in_what_a_stream_leaves(home: Home) -> None:
    """An error inside it quotes both; the ledger and the error do not."""
    with FaultServer(streams(error_event("server_error", "server_error"))) as server:
        with pytest.raises(errors.StreamFailed) as caught:
            perform(home, server.base_url, STREAMED)
    assert PROMPT not in repr(caught.value) and "sk-planted" not in repr(caught.value)
    assert b"sk-planted" not in home.ledger.read_bytes()


def _price(request: Request) -> Estimate:
    return estimate(request, catalog.load().find(request.model))


def test_a_preview_shows_no_bytes() -> None:
    """In its repr."""
    assert "data" not in repr(wire.Preview(PNG, "image/png", Size(1, 1)))
