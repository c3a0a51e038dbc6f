# SPDX-License-Identifier: GPL-3.0-or-later
"""A kept reply is read whatever wrote it, and nothing in it is trusted."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import (
    PROXY_PAGE,
    USAGE,
    completed_event,
    error_event,
    event,
    gradient_png,
    partial_event,
    refusal,
    success,
)

from scumble import errors, event_stream, replies
from scumble.cost import Usage
from scumble.request import Request
from scumble.shapes import Size

SIZE = Size(1024, 768)
PNG = gradient_png(*SIZE)
REQUEST = Request("edit", "gpt-image-2.5-flare", "a small red door", SIZE, "medium", partial_images=2)
STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"
WHOLE = partial_event(PNG, 0) + partial_event(PNG, 1) + completed_event(PNG)


def finished(**more: object) -> bytes:
    return event("image_generation.completed", {"b64_json": base64.b64encode(PNG).decode(), **more})


class TestStreams:
    def test_the_finished_picture_of_a_stream_is_the_answer(self) -> None:
        """Byte for byte, with what it used and when it was made; the partial ones are not of it."""
        answer = replies.read(WHOLE, STREAM, REQUEST)
        assert answer.pictures == (PNG,)
        assert (answer.media_type, answer.size, answer.quality) == ("image/png", SIZE, "medium")
        assert answer.created == 1_795_363_200
        assert answer.usage == Usage(9, 768, 301, previews=True)

    def test_usage_without_partial_pictures_counts_the_picture_alone(self) -> None:
        """Fewer than were asked for may come, and none of them adds to it."""
        answer = replies.read(completed_event(PNG), STREAM, REQUEST)
        assert answer.usage == Usage(9, 768, 301, previews=False)

    def test_a_stream_need_not_say_what_it_used(self) -> None:
        """Other servers leave it out."""
        assert replies.read(completed_event(PNG, None), STREAM, REQUEST).usage is None

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(WHOLE.rstrip(b"\n"), id="no final blank line"),
            pytest.param(WHOLE + b"data: [DONE]\n\n", id="a last word of another API"),
            pytest.param(WHOLE.replace(b"\n", b"\r\n"), id="CRLF"),
            pytest.param(b"\xef\xbb\xbf: hello\n\n" + WHOLE, id="a mark and a comment"),
            pytest.param(WHOLE.replace(b', "', b',\ndata: "'), id="several data lines"),
            pytest.param(b"\n".join(x for x in WHOLE.split(b"\n") if x[:6] != b"event:"), id="no names"),
            pytest.param(WHOLE.replace(b'"type"', b'"kind"'), id="names of events alone"),
            pytest.param(WHOLE.replace(b"image_edit", b"image_generation"), id="a generation's names"),
            pytest.param(event("ping", {}) + b"data: []\n\ndata: {\n\n" + WHOLE, id="events of no meaning"),
            pytest.param(finished(later={"fields": 1}, error=None), id="unknown fields"),
            pytest.param(WHOLE + error_event("server_error", "server_error"), id="an error after the end"),
            pytest.param(error_event("server_error", None) + WHOLE, id="an error and then a picture"),
            pytest.param(partial_event(b"no picture") + WHOLE, id="a partial picture that is none"),
            pytest.param(WHOLE + WHOLE, id="twice"),
        ],
    )
    def test_the_picture_is_found_in_any_legal_stream(self, body: bytes) -> None:
        """However its server writes it."""
        assert replies.read(body, STREAM, REQUEST).pictures == (PNG,)

    def test_the_type_of_a_stream_may_be_wrong(self) -> None:
        """The bytes tell: a paid picture is not lost to a header, nor JSON to the type of a stream."""
        assert replies.read(WHOLE, JSON, REQUEST).pictures == (PNG,)
        assert replies.read(success([PNG]), STREAM, REQUEST).pictures == (PNG,)
        assert replies.read(success([PNG]), JSON, REQUEST).pictures == (PNG,)

    @pytest.mark.parametrize("cut", [0, 1, 2, 40, 5_000, 20_000])
    def test_a_stream_that_ends_early_says_so(self, cut: int) -> None:
        """With nothing, within an event, within its picture; a reply of its own kind."""
        body = (partial_event(PNG) + completed_event(PNG))[: -20_000 - cut] if cut else b""
        with pytest.raises(errors.StreamEnded) as caught:
            replies.read(body, STREAM, REQUEST)
        assert "before the finished picture" in str(caught.value)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            pytest.param(error_event("server_error", "server_error"), "reports an error", id="an error"),
            pytest.param(refusal("server_error", None), "reports an error", id="a JSON error"),
            pytest.param(PROXY_PAGE, "not the JSON", id="a proxy's page"),
            pytest.param(event("image_edit.completed", {}), "no picture", id="no picture"),
            pytest.param(event("image_edit.completed", {"b64_json": 7}), "no picture", id="a number"),
            pytest.param(finished().replace(b'="', b'"'), "base64", id="cut base64"),
            pytest.param(completed_event(PNG[:-40]), "cut off", id="a cut picture"),
            pytest.param(completed_event(gradient_png(768, 1024)), "768x1024", id="another size"),
            pytest.param(completed_event(b"GIF89a"), "image/gif", id="another format"),
            pytest.param(
                event("image_edit.completed", {"url": "https://x.example/1.png"}),
                "names an address",
                id="url",
            ),
        ],
    )
    def test_a_stream_that_cannot_be_used_says_why(self, body: bytes, words: str) -> None:
        """In the same words as any other reply."""
        with pytest.raises(errors.BadReply) as caught:
            replies.read(body, STREAM, REQUEST)
        assert words in str(caught.value)
        assert "door" not in str(caught.value) and "sk-planted" not in str(caught.value)

    def test_a_stream_of_endless_events_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Memory and time are bounded."""
        monkeypatch.setattr(event_stream, "LINES_MAX", 100)
        with pytest.raises(errors.BadReply, match="longer than any picture"):
            replies.read(b"data: {}\n\n" * 60 + WHOLE, STREAM, REQUEST)

    def test_a_stream_may_name_the_address_of_its_picture(self) -> None:
        """Other servers do; what was fetched from there takes its place."""
        body = event("image_generation.completed", {"url": "https://x.example/1.png"})
        assert replies.addresses(body, STREAM, REQUEST) == ("https://x.example/1.png",)
        assert replies.read(body, STREAM, REQUEST, [PNG]).pictures == (PNG,)
        assert replies.addresses(WHOLE, STREAM, REQUEST) == ()
        assert replies.addresses(partial_event(PNG), STREAM, REQUEST) == ()


SMALL = dataclasses.replace(REQUEST, size=None)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("error"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["type", "error", "b64_json", "url", "usage", "created_at", "quality", "data", "x"])
KINDS = st.sampled_from(["image_edit.completed", "image_edit.partial_image", "error", "", ".", "x.completed"])


class TestHostile:
    @given(st.lists(st.tuples(KINDS, st.dictionaries(FIELDS, VALUES)), max_size=4), st.binary(max_size=20))
    def test_no_stream_raises_anything_but_that_it_is_a_bad_reply(
        self, said: list[tuple[str, dict[str, object]]], rubbish: bytes
    ) -> None:
        """Any shapes under any names, NaN included, and bytes of no meaning between and after."""
        for spare in (b"", rubbish):
            body = spare.join(event(kind, document) for kind, document in said) + spare
            for media_type in (STREAM, JSON):
                with contextlib.suppress(errors.BadReply):
                    replies.read(body, media_type, SMALL)
                assert isinstance(replies.addresses(body, media_type, SMALL), tuple)

    @settings(deadline=None)
    @given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
    def test_no_damaged_byte_gives_another_picture_unnoticed(self, place: int, byte: int) -> None:
        """It is refused, or the bytes are those that came: nothing is guessed."""
        damaged = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
        try:
            answer = replies.read(damaged, STREAM, REQUEST)
        except errors.BadReply:
            return
        assert answer.pictures == (PNG,) or base64.b64encode(answer.pictures[0]) in damaged

    @pytest.mark.parametrize("depth", [1_000, 200_000])
    def test_endless_brackets_are_a_bad_reply(self, depth: int) -> None:
        """In an event, or as the whole of a reply."""
        for body in (b"data: {" + b'"a":[' * depth + b"\n\n", b"[" * depth):
            with pytest.raises(errors.BadReply):
                replies.read(body, STREAM, REQUEST)


class TestJson:
    def test_the_json_of_the_images_api_is_read(self) -> None:
        """With its addresses."""
        several = dataclasses.replace(REQUEST, n=2, partial_images=0)
        answer = replies.read(success([PNG, PNG]), JSON, several)
        assert answer.pictures == (PNG, PNG) and answer.usage == Usage(9, 768, USAGE["output_tokens"])
        named = json.dumps({"data": [{"url": "https://x.example/1.png"}]}).encode()
        assert replies.addresses(named, JSON, REQUEST) == ("https://x.example/1.png",)
        assert replies.addresses(PROXY_PAGE, "text/html", REQUEST) == ()
