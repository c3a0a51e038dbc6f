# SPDX-License-Identifier: GPL-3.0-or-later
"""Partial pictures on their way through a job, and the money of a stream however it ends."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import (
    EchoServer,
    FaultServer,
    answers,
    completed_event,
    error_event,
    event,
    gradient_png,
    parse,
    partial_event,
    streams,
)

from scumble import catalog, errors, jobs, previews, recovery, store, wire
from scumble.credentials import Account
from scumble.errors import ScumbleError
from scumble.jobs import Arrived, Event, Finished, Job, Partial, Reserved, Sent
from scumble.ledger import Ledger
from scumble.settings import Home
from scumble.shapes import Size
from tests.unit.jobs_cases import (
    ASKER,
    BILL_OF_USAGE,
    EDIT,
    GENERATE,
    GOOD,
    PATIENCE_SECONDS,
    PNG,
    PROMPT,
    account,
    entries,
    only_entry,
    perform,
)
from tests.unit.stream_cases import COARSE, FIRST, LAST, SECOND, STREAMED, WHOLE, partials, price


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
            pytest.param(partial_event(gradient_png(1040, 768)), id="wider than asked"),
            pytest.param(partial_event(gradient_png(1024, 784)), id="taller than asked"),
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
        with FaultServer(answers(200, GOOD)) as server:
            result = perform(home, server.base_url, STREAMED, events.append)
            asked = parse(server.received[0])
        assert (asked.fields["stream"], asked.fields["partial_images"]) == ("true", "2")
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


class TestBill:
    def test_a_bill_counts_partial_pictures_once(self, home: Home) -> None:
        """The tokens are the service's own; what the estimate added for previews is not added again."""
        with FaultServer(streams(WHOLE)) as server:
            result = perform(home, server.base_url, STREAMED)
        assert [line[0] for line in result.bill.lines] == ["text_input", "image_input", "streamed_output"]
        assert result.bill.total == BILL_OF_USAGE and result.bill.from_usage
        plain = price(EDIT).cost.expected
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


def test_a_stream_that_cannot_be_read_back_is_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may give again later what was paid for; until then the ledger does not know the bill."""

    def fail(_place: store.Place) -> bytes:
        raise errors.StorageError(path=home.folder, reason="Input/output error")

    monkeypatch.setattr(store.Place, "so_far", fail)
    with FaultServer(streams(WHOLE)) as server, pytest.raises(errors.BadReply):
        perform(home, server.base_url, STREAMED)
    assert only_entry(home).state == "unknown"
    assert recovery.reread(store.find(home, only_entry(home).id)).pictures == (PNG,)


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


def test_a_preview_shows_no_bytes() -> None:
    """In its repr."""
    assert "data" not in repr(wire.Preview(PNG, "image/png", Size(1, 1)))
