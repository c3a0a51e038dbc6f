# SPDX-License-Identifier: GPL-3.0-or-later
"""Content Credentials are found in the bytes of each format; hostile bytes cost next to nothing."""

from __future__ import annotations

import io
import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scumble.content_credentials import Presence, find, sentence
from tests.servers import gradient_png

C2PA = bytes.fromhex("63327061001100108000 00AA00389B71")
OTHER = bytes.fromhex("6A736F6E001100108000 00AA00389B71")  # a JUMBF box that holds JSON
PRESENT, ABSENT, UNKNOWN = Presence.PRESENT, Presence.ABSENT, Presence.UNKNOWN


def jumbf(kind: bytes = C2PA, wide: bool = False) -> bytes:
    """A superbox with its description and something in it."""
    described = b"jumd" + kind + b"\x03c2pa\0"
    inner = struct.pack(">I", len(described) + 4) + described + b"\0\0\0\x0ccborabcd"
    if wide:
        return struct.pack(">I4sQ", 1, b"jumb", len(inner) + 16) + inner
    return struct.pack(">I", len(inner) + 8) + b"jumb" + inner


def png(content: bytes | None, kind: bytes = b"caBX") -> bytes:
    """A real PNG, with a chunk after its header."""
    plain = gradient_png(8, 8)
    if content is None:
        return plain
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return plain[:33] + chunk + plain[33:]


def saved(form: str) -> bytes:
    held = io.BytesIO()
    Image.linear_gradient("L").save(held, form)
    return held.getvalue()


def jpeg(content: bytes | None, before: bytes = b"") -> bytes:
    plain = saved("JPEG")
    if content is None:
        return plain
    payload = b"JP\0\x01\0\0\0\x01" + content
    return plain[:2] + before + b"\xff\xeb" + struct.pack(">H", len(payload) + 2) + payload + plain[2:]


def webp(content: bytes | None, kind: bytes = b"C2PA") -> bytes:
    chunks = saved("WEBP")[12:]
    if content is not None:
        chunks += kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


MAKERS = pytest.mark.parametrize("make", [png, jpeg, webp])


@MAKERS
@pytest.mark.parametrize("wide", [False, True])
def test_they_are_found_in_each_format(make, wide: bool) -> None:  # type: ignore[no-untyped-def]
    """Also in a box whose length takes eight bytes."""
    assert find(make(jumbf(wide=wide))) is PRESENT


@MAKERS
def test_a_picture_without_them_has_none(make) -> None:  # type: ignore[no-untyped-def]
    """And neither has one with another kind of box, or with an empty or broken one, in the same place."""
    assert find(make(None)) is ABSENT
    for other in (jumbf(OTHER), b"", b"\0" * 7, b"C2PA c2pa", jumbf()[:20], b"\xff" * 60):
        assert find(make(other)) is ABSENT


def test_the_place_must_be_the_right_one() -> None:
    """The same bytes in a comment are no credentials."""
    assert find(png(jumbf(), b"teXt")) is ABSENT
    assert find(webp(jumbf(), b"EXIF")) is ABSENT
    assert find(gradient_png(8, 8) + png(jumbf())[33:90]) is ABSENT, "what comes after the end does not count"


def test_a_jpeg_with_filling_and_markers_without_length_is_read() -> None:
    """Both are allowed before a segment."""
    assert find(jpeg(jumbf(), before=b"\xff\x01\xff\xff\xff")) is PRESENT


@MAKERS
def test_a_cut_picture_is_found_out_at_every_byte(make) -> None:  # type: ignore[no-untyped-def]
    """No cut makes a picture with credentials one without."""
    whole = make(jumbf())
    for end in range(len(whole)):
        assert find(whole[:end]) in (UNKNOWN, PRESENT) or end > whole.index(b"jumd")
    for end in range(whole.index(b"jumd")):
        assert find(whole[:end]) is UNKNOWN


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a" + bytes(99), b"<svg/>", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]
)
def test_what_is_not_looked_into_is_unknown(data: bytes) -> None:
    """Never taken for a picture without them."""
    assert find(data) is UNKNOWN


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0abcd\0\0\0\0" * 1_000_000,
        b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xffcaBX" + bytes(1_000),
        b"\xff\xd8" + b"\xff" * 20_000_000,
        b"\xff\xd8" + b"\xff\x01" * 5_000_000,
        b"\xff\xd8\xff\xe0\0\0" + bytes(100),
        b"RIFF\xff\xff\xff\xffWEBP" + bytes(1_000),
        b"RIFF" + struct.pack("<I", 16_000_004) + b"WEBP" + b"abcd\0\0\0\0" * 2_000_000,
    ],
    ids=[
        "many chunks",
        "endless chunk",
        "filling",
        "bare markers",
        "length 0",
        "endless file",
        "empty chunks",
    ],
)
def test_hostile_files_are_given_up_soon(hostile: bytes) -> None:
    """In time that does not grow with them."""
    began = time.perf_counter()
    assert find(hostile) is UNKNOWN
    assert time.perf_counter() - began < 1


@given(st.sampled_from([png, jpeg, webp]), st.data())
def test_any_damage_is_survived(make, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    """Some presence is told, whatever bytes were changed."""
    damaged = bytearray(make(jumbf()))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=8)):
        damaged[min(at, len(damaged) - 1)] = value
    assert find(bytes(damaged)) in Presence


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    """Behind each format's beginning."""
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xeb", b"RIFF\x40\0\0\0WEBP"):
        assert find(start + data) in Presence


def test_the_words_say_what_drops_them() -> None:
    """For each presence a sentence of its own."""
    assert "drops them" in sentence(PRESENT) and "GIMP" in sentence(PRESENT)
    assert len({sentence(presence) for presence in Presence}) == 3
