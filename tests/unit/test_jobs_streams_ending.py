# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams that report an error, break off or outlive their program: what is kept and what it may cost."""

from __future__ import annotations

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
    FaultServer,
    answers,
    cuts_within_answer,
    error_event,
    event,
    http_answer,
    refusal,
    sends,
    streams,
    success,
)

from scumble import catalog, client, errors, jobs, records, recovery, store
from scumble.errors import Billing, ScumbleError
from scumble.jobs import Arrived, Event, Failed, Finished, Job, Partial, Reserved, Sent, Waiting
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.unit.jobs_cases import (
    ASKER,
    BILL_OF_USAGE,
    PATIENCE_SECONDS,
    PNG,
    account,
    kept_ids,
    only_entry,
    perform,
)
from tests.unit.stream_cases import FIRST, LAST, SECOND, STREAMED, WHOLE, partials, price

REFUSED = "image_generation_user_error"


def stage(name: str) -> dict[str, object]:
    return {"moderation_details": {"moderation_stage": name}}


class TestRefusedThere:
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (error_event(REFUSED, "moderation_blocked", **stage("input")), errors.ModerationBlocked),
            (error_event("requests", "rate_limit_exceeded"), errors.RateLimited),
            (error_event("insufficient_quota", None), errors.QuotaExhausted),
            (error_event("insufficient_quota", None).rstrip(b"\n"), errors.QuotaExhausted),
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
            (b'data: {"error": {"type": "server_error"}}\n\n', errors.StreamFailed),
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
    @pytest.mark.parametrize("blank", [b"\n\n", b"\n", b""], ids=["blank line", "line", "nothing"])
    @pytest.mark.parametrize("late", [True, False], ids=["after it", "before it"])
    def test_a_finished_picture_counts_more_than_an_error(
        self, home: Home, whole: bool, late: bool, blank: bytes
    ) -> None:
        """It came, whatever the service says beside it, and whether the last event has its end or not."""
        error = error_event("server_error", "server_error").replace(b"sk-planted", b"")
        body = (LAST + error if late else error + LAST).rstrip(b"\n") + blank
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
            spending = records.spending(STREAMED, ASKER, price(STREAMED), False)
            id = ledger.reserve(spending)
            ledger.sent(id)
            ledger.unknown(id, "connection-lost")
            asked = records.asked(STREAMED, ASKER, price(STREAMED), False)
            store.keep(home, id, WHOLE, "text/event-stream", asked)
            assert recovery.settle(home, ledger, ledger.entry(id))
        assert only_entry(home).billed == BILL_OF_USAGE


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, len(WHOLE))
    | st.sampled_from([len(FIRST), len(FIRST + SECOND), len(WHOLE)]).flatmap(
        lambda end: st.integers(max(0, end - 4), min(end + 4, len(WHOLE)))
    )
)
def test_wherever_a_stream_breaks_off_the_ledger_and_the_store_agree(cut: int) -> None:
    """Settled with the picture when all of it came, kept and unknown after an event, else unknown alone."""
    with tempfile.TemporaryDirectory() as folder, FaultServer(streams(WHOLE[:cut], whole=False)) as server:
        home = Home(Path(folder)).make()
        try:
            outcome: object = perform(home, server.base_url, STREAMED).answer.pictures
        except errors.OutcomeUnknown as error:
            outcome = type(error)
        entry, kept = only_entry(home), store.all_stored(home)
        assert [each.reply() for each in kept] == (
            [WHOLE[:cut]] if outcome is not errors.ConnectionLost else []
        )
        assert [path for path in home.results.iterdir() if path.name.startswith(".")] == []
    if cut >= len(WHOLE) - 2:
        assert outcome == (PNG,) and entry.state == "settled"
    else:
        expected = errors.StreamEnded if cut >= len(FIRST) - 2 else errors.ConnectionLost
        assert outcome is expected and entry.state == "unknown"


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
