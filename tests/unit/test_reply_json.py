# SPDX-License-Identifier: GPL-3.0-or-later
"""A reply read without copies says what json.loads would say, and a hostile one costs little."""

from __future__ import annotations

import base64
import binascii
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble import reply_json
from scumble.reply_json import LONG_BYTES, LongText, read_reply

PICTURE = bytes(range(256)) * 1_024
LONG = base64.b64encode(PICTURE).decode()


def document(text: str, **more: object) -> bytes:
    return json.dumps({"created": 1, "data": [{"b64_json": text}], **more}).encode()


def plain(found: Any) -> Any:
    """The document with its long texts as json.loads has them."""
    if isinstance(found, LongText):
        return json.loads(b'"' + bytes(found.text) + b'"')
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items()}
    return [plain(value) for value in found] if isinstance(found, list) else found


def picture_of(body: bytes) -> LongText:
    found = read_reply(body)
    assert isinstance(found, dict)
    text = found["data"][0]["b64_json"]
    assert isinstance(text, LongText)
    return text


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=40)
    | st.sampled_from(["\\" * 7, '"\\"', LONG]),
    lambda inner: st.dictionaries(st.text(max_size=9), inner, max_size=4) | st.lists(inner, max_size=4),
    max_leaves=9,
)


class TestReading:
    @given(_values, st.booleans())
    def test_any_document_is_what_it_is(self, value: object, ascii_only: bool) -> None:
        """Quotes, backslashes and other scripts, in any order; an object's long strings stay in place."""
        whole = {"a": value, "z": LONG}
        body = json.dumps(whole, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        found = read_reply(body)
        if found is None:
            with pytest.raises(ValueError):
                json.loads(body.decode("utf-8"))
            return
        # In arrays a long text is no picture, and is not looked for.
        if LONG not in json.dumps(value):
            assert plain(found) == whole
        assert isinstance(found["z"], LongText) and found["z"].from_base64() == PICTURE

    @given(st.binary(max_size=200))
    def test_bytes_that_are_no_json_are_nothing(self, body: bytes) -> None:
        """The same as json.loads says, and nothing is raised."""
        try:
            expected = json.loads(body.decode("utf-8"), parse_constant=lambda name: 1 / 0)
        except (ValueError, ZeroDivisionError):
            expected = None
        assert read_reply(body) == expected

    @given(st.binary(max_size=20), st.binary(max_size=20), st.sampled_from([LONG, "short", 'quo"\\"ted']))
    def test_a_document_within_other_bytes_is_read_without_them(
        self, before: bytes, after: bytes, text: str
    ) -> None:
        """Quotes and backslashes beside it are no part of it, nor is what it lacks taken from there."""
        body = document(text)
        whole = before + body + after
        stop = len(before) + len(body)
        assert plain(read_reply(whole, len(before), stop)) == json.loads(body)
        assert read_reply(bytearray(whole), len(before), stop - 1) is None

    @pytest.mark.parametrize(
        "body",
        [
            document(LONG)[:-1],
            document(LONG)[:5_000],
            document(LONG, x=1)[: len(LONG) + 20],
            document(LONG) + b"{",
            document(LONG).replace(b'"created": 1', b'"created": NaN'),
            document(LONG).replace(b'"created"', b'"\xff"'),
            b"[" * 200_000 + document(LONG) + b"]" * 200_000,
            b'"' + b"\\" * 100_000 + b'"',
        ],
        ids=["cut", "cut early", "cut in the picture", "more", "NaN", "not UTF-8", "deep", "backslashes"],
    )
    def test_a_damaged_document_is_nothing(self, body: bytes) -> None:
        assert read_reply(body) is None

    def test_a_text_that_stands_for_another_cannot_be_forged(self) -> None:
        """A second reading uses other marks."""
        first = read_reply(document(LONG))
        assert isinstance(first, dict) and read_reply(document("x" * 33)) == json.loads(document("x" * 33))

    def test_a_name_given_twice_counts_as_the_last(self) -> None:
        """As it does everywhere."""
        body = document(LONG).replace(b'{"b64_json": ', b'{"b64_json": "other", "b64_json": ')
        assert picture_of(body).from_base64() == PICTURE


class TestBase64:
    @pytest.mark.parametrize("length", [LONG_BYTES, LONG_BYTES + 1, LONG_BYTES + 2])
    @pytest.mark.parametrize("piece", [4_096, 4_097, 4_098, 4_099, 10**7])
    def test_escaped_slashes_count_as_slashes(
        self, length: int, piece: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Some servers write every / as \\/, also where a piece ends."""
        monkeypatch.setattr(reply_json, "_PIECE_BYTES", piece)
        data = b"\xff" * length
        text = picture_of(document(base64.b64encode(data).decode()).replace(b"/", b"\\/"))
        assert text.escaped and text.from_base64() == data

    @pytest.mark.parametrize("wrong", ["A", "AA", "AAA", "é", " ", "A=AA", "\n", "\\", "AA==AAAA"])
    @pytest.mark.parametrize("slash", ["/", "\\/"])
    @pytest.mark.parametrize("piece", [1_024, 10**7])
    def test_what_is_not_strictly_base64_is_refused(
        self, wrong: str, slash: str, piece: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At the end and in the middle, escaped or not, wherever a piece ends."""
        monkeypatch.setattr(reply_json, "_PIECE_BYTES", piece)
        whole = "A//A" * (LONG_BYTES // 4)
        for text in (whole + wrong, whole[: LONG_BYTES // 2] + wrong + whole):
            with pytest.raises(binascii.Error):
                picture_of(document(text).replace(b"/", slash.encode())).from_base64()

    def test_padding_ends_it(self) -> None:
        """In the middle of a picture, also where a piece ends, it is damage."""
        for padding in ("=", "==", "===="):
            with pytest.raises(binascii.Error):
                picture_of(document("A//A" * 20_000 + padding + "A//A")).from_base64()


class TestCost:
    def test_a_picture_is_decoded_without_a_copy_of_its_text(self) -> None:
        """Beside the reply there is the picture and little else, escaped or not."""
        for body in (document("A//A" * 2_000_000), document("A//A" * 1_000_000).replace(b"/", b"\\/")):
            tracemalloc.start()
            try:
                picture = picture_of(body).from_base64()
                _now, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < len(picture) * 1.15 + 14_000_000 * picture_of(body).escaped + 1_000_000

    @pytest.mark.parametrize(
        "body",
        [
            b'{"data": [' + b'"",' * 5_000_000 + b'""]}',
            b'{"data": "' + b'\\"' * 8_000_000 + b'"}',
            b'{"data": "' + b"\\\\" * 8_000_000 + b'"}',
            b"[" + b" " * 40_000_000 + b"]",
            b"[" + b"1," * 10_000_000 + b"1]",
        ],
        ids=["strings", "quotes", "backslashes", "spaces", "numbers"],
    )
    def test_a_hostile_document_does_not_keep_the_reader(self, body: bytes) -> None:
        """Its small parts are bounded, in time and in memory."""
        tracemalloc.start()
        begun = time.process_time()
        try:
            read_reply(body)
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert time.process_time() - begun < 10 and peak < 100_000_000
