# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files in and out: what Pillow says of a file is what we say, and what is broken is refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scumble import png
from scumble.shapes import Size

KINDS = [
    (0, 1),
    (0, 2),
    (0, 4),
    (0, 8),
    (0, 16),
    (2, 8),
    (2, 16),
    (3, 1),
    (3, 2),
    (3, 4),
    (3, 8),
    (4, 8),
    (4, 16),
    (6, 8),
    (6, 16),
]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
LIMIT = 10_000
UNHURRIED = settings(deadline=None)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def filtered(rows: Sequence[bytes], filters: Sequence[int], pixel: int) -> bytes:
    """The five filters word for word as the specification has them, byte after byte."""
    result = bytearray()
    prior = bytes(len(rows[0]))
    for row, kind in zip(rows, filters, strict=True):
        result.append(kind)
        for index, value in enumerate(row):
            left = row[index - pixel] if index >= pixel else 0
            corner = prior[index - pixel] if index >= pixel else 0
            above = prior[index]
            estimate = left + above - corner
            paeth = min((left, above, corner), key=lambda near: abs(estimate - near))
            result.append((value - (0, left, above, (left + above) // 2, paeth)[kind]) % 256)
        prior = row
    return bytes(result)


@dataclass(frozen=True)
class Sample:
    """A file, and what it is made of."""

    size: Size
    colour_type: int
    depth: int
    rows: tuple[bytes, ...]
    filters: tuple[int, ...]
    palette: bytes = b""
    transparency: bytes = b""
    pieces: int = 1

    @property
    def file(self) -> bytes:
        pixel = max(1, SAMPLES[self.colour_type] * self.depth // 8)
        compressed = zlib.compress(filtered(self.rows, self.filters, pixel))
        step = -(-len(compressed) // self.pieces)
        parts = [chunk(b"IDAT", compressed[at : at + step]) for at in range(0, len(compressed), step)]
        described = struct.pack(">IIBBBBB", *self.size, self.depth, self.colour_type, 0, 0, 0)
        extras = [(b"PLTE", self.palette), (b"tRNS", self.transparency)]
        return b"".join(
            (
                png.SIGNATURE,
                chunk(b"IHDR", described),
                chunk(b"gAMA", struct.pack(">I", 45_455)),
                *(chunk(kind, content) for kind, content in extras if content),
                *parts,
                chunk(b"IEND", b""),
            )
        )


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    colour_type, depth = draw(st.sampled_from(KINDS))
    size = Size(draw(st.integers(1, 19)), draw(st.integers(1, 9)))
    bits = size.width * SAMPLES[colour_type] * depth
    stride = -(-bits // 8)
    # Random pixels seldom agree; few values make ties, runs and matches of the transparent colour.
    values = st.binary(min_size=stride, max_size=stride) | st.lists(
        st.sampled_from((0, 1, 127, 128, 255)), min_size=stride, max_size=stride
    ).map(bytes)
    rows = [draw(values) for _ in range(size.height)]
    palette = transparency = b""
    if colour_type == 3:
        colours = 1 << depth
        palette = draw(st.binary(min_size=3 * colours, max_size=3 * colours))
        transparency = draw(st.binary(max_size=colours))
    elif colour_type in (0, 2) and draw(st.booleans()):
        key = draw(st.sampled_from((0, 1, (1 << depth) - 1)))
        transparency = struct.pack(">H", key) * SAMPLES[colour_type]
    filters = [draw(st.integers(0, 4)) for _ in rows]
    pieces = draw(st.integers(1, 3))
    return Sample(size, colour_type, depth, tuple(rows), tuple(filters), palette, transparency, pieces)


def by_pillow(sample: Sample) -> tuple[int, bytes]:
    """Channels and pixels as Pillow reads the file, 16 bits reduced to their high byte."""
    with Image.open(io.BytesIO(sample.file)) as image:
        image.load()
        if image.mode.startswith("I"):
            high = bytes(value >> 8 for value in image.get_flattened_data())
            return 3, png.interleaved([high] * 3)
        has_alpha = image.mode in ("LA", "RGBA") or "transparency" in image.info
        mode = "RGBA" if has_alpha else "RGB"
        return len(mode), image.convert(mode).tobytes()


def keyed_alpha(sample: Sample) -> bytes:
    """Transparent where all samples of a pixel, as they are stored, are the transparent colour's."""
    count = SAMPLES[sample.colour_type]
    key = [int.from_bytes(sample.transparency[at : at + 2], "big") for at in range(0, 2 * count, 2)]
    alpha = bytearray()
    for row in sample.rows:
        bits = "".join(f"{byte:08b}" for byte in row)
        for x in range(sample.size.width):
            starts = range(x * count * sample.depth, (x + 1) * count * sample.depth, sample.depth)
            alpha.append(255 * ([int(bits[at : at + sample.depth], 2) for at in starts] != key))
    return bytes(alpha)


@UNHURRIED
@given(samples())
def test_every_kind_of_file_reads_as_in_pillow(sample: Sample) -> None:
    """All colour types and depths, all filters, palettes, transparent colours, data in several pieces."""
    size, channels, pixels = png.decode(sample.file, LIMIT)
    assert size == sample.size
    if sample.transparency and sample.colour_type != 3:
        # Pillow compares a transparent colour of other than 8 bits with samples made 8 bits.
        assert (channels, pixels[3::4]) == (4, keyed_alpha(sample))
        opaque = replace(sample, transparency=b"")
        assert png.interleaved([pixels[channel::4] for channel in range(3)]) == by_pillow(opaque)[1]
    else:
        assert (channels, pixels) == by_pillow(sample)


@UNHURRIED
@given(st.sampled_from((1, 3, 4)), st.integers(1, 30), st.integers(1, 30), st.integers(0, 9), st.data())
def test_what_is_written_reads_back_here_and_in_pillow(
    channels: int, width: int, height: int, level: int, data: st.DataObject
) -> None:
    """No value of any pixel changes on the way."""
    count = width * height * channels
    pixels = data.draw(st.binary(min_size=count, max_size=count))
    file = png.encode(Size(width, height), pixels, channels, level)
    size, found, decoded = png.decode(file, LIMIT)
    assert size == (width, height)
    if channels == 1:
        assert (found, decoded) == (3, png.interleaved([pixels] * 3))
    else:
        assert (found, decoded) == (channels, pixels)
    with Image.open(io.BytesIO(file)) as image:
        assert image.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]
        assert image.tobytes() == pixels


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_pillows_own_files_read_back(mode: str) -> None:
    """With the filters that a real encoder chooses for a smooth picture."""
    across = Image.linear_gradient("L").rotate(90).resize((90, 60))
    picture = Image.merge("RGB", (across, across.transpose(Image.Transpose.FLIP_TOP_BOTTOM), across))
    picture = picture.convert("RGBA")
    picture.putalpha(across)
    picture = picture.convert(mode)
    file = io.BytesIO()
    picture.save(file, "PNG")
    size, channels, pixels = png.decode(file.getvalue(), LIMIT)
    assert size == (90, 60)
    assert pixels == picture.convert("RGBA" if channels == 4 else "RGB").tobytes()
    assert (channels == 4) == (mode in ("LA", "P", "RGBA"))


def sample_file(**changes: object) -> bytes:
    details: dict[str, object] = {
        "size": Size(4, 3),
        "colour_type": 2,
        "depth": 8,
        "rows": tuple(bytes(range(row, row + 12)) for row in range(3)),
        "filters": (0, 1, 4),
    }
    return Sample(**(details | changes)).file  # type: ignore[arg-type]


def test_a_header_says_size_and_kind() -> None:
    """Also of a file that cannot be decoded here."""
    file = sample_file()
    interlaced = file[:28] + b"\1"
    interlaced += struct.pack(">I", zlib.crc32(interlaced[12:29])) + file[33:]
    assert png.header(file) == png.PngHeader(Size(4, 3), 8, 2, False)
    assert png.header(interlaced) == png.PngHeader(Size(4, 3), 8, 2, True)
    assert png.header(file[:33]).size == (4, 3)
    with pytest.raises(ValueError, match="interlaced"):
        png.decode(interlaced, LIMIT)


def test_a_cut_off_file_is_refused_wherever_it_is_cut() -> None:
    """Never an exception of another kind, never a picture."""
    file = sample_file()
    for length in range(len(file)):
        with pytest.raises(ValueError):
            png.decode(file[:length], LIMIT)


def test_a_flipped_bit_is_refused_wherever_it_is() -> None:
    """The checksums notice it, also in parts that are not used."""
    file = sample_file()
    for index in range(len(file)):
        broken = bytearray(file)
        broken[index] ^= 4
        with pytest.raises(ValueError):
            png.decode(bytes(broken), LIMIT)


@UNHURRIED
@given(st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    """With a signature or without."""
    for data in (garbage, png.SIGNATURE + garbage, sample_file()[:33] + garbage):
        with pytest.raises(ValueError):
            png.decode(data, LIMIT)


@UNHURRIED
@given(st.binary(max_size=80))
def test_garbage_in_the_compressed_data_is_refused(garbage: bytes) -> None:
    """With right checksums around it."""
    file = sample_file()[:33] + chunk(b"IDAT", garbage) + chunk(b"IEND", b"")
    with pytest.raises(ValueError):
        png.decode(file, LIMIT)


def test_a_picture_with_less_data_than_announced_is_refused() -> None:
    """Three rows where the header says four."""
    with pytest.raises(ValueError, match="cut off"):
        png.decode(sample_file(size=Size(4, 4)), LIMIT)


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    """One announced as too large by its header, and one by its data alone, in little memory."""
    square = png.encode(Size(4_000, 4_000), bytes(16_000_000), 1, 9)
    assert len(square) < 40_000
    lying = sample_file()[:33] + chunk(b"IDAT", zlib.compress(bytes(64_000_000))) + chunk(b"IEND", b"")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 10000 pixels"):
            png.decode(square, LIMIT)
        assert png.decode(lying, LIMIT)[2] == bytes(36)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "change",
    [
        {"colour_type": 3, "rows": (bytes(4),) * 3},
        {"colour_type": 3, "rows": (bytes((0, 1, 2, 1)),) * 3, "palette": bytes(6)},
        {"colour_type": 3, "rows": (bytes(4),) * 3, "palette": bytes(7)},
        {"colour_type": 3, "rows": (bytes(4),) * 3, "palette": bytes(3), "transparency": bytes(2)},
        {"transparency": bytes(4)},
    ],
    ids=["no palette", "index beyond", "uneven palette", "too much transparency", "odd transparent colour"],
)
def test_wrong_palettes_and_transparency_are_refused(change: dict[str, object]) -> None:
    """Instead of colours that the file does not have."""
    with pytest.raises(ValueError, match="damaged"):
        png.decode(sample_file(**change), LIMIT)


@pytest.mark.parametrize(
    ("offset", "value"), [(16, b"\0\0\0\0"), (16, b"\x80\0\0\1"), (24, b"\3"), (25, b"\5"), (26, b"\1")]
)
def test_impossible_headers_are_refused(offset: int, value: bytes) -> None:
    """No width, a width beyond the format, unknown depth, colour type and compression."""
    file = sample_file()
    head = file[:offset] + value + file[offset + len(value) : 29]
    with pytest.raises(ValueError, match="impossible"):
        png.header(head + struct.pack(">I", zlib.crc32(head[12:29])))


def test_an_unknown_critical_chunk_is_refused_and_another_is_passed_over() -> None:
    """As the specification asks."""
    file = sample_file()
    assert png.decode(file[:33] + chunk(b"caBX", b"content credentials") + file[33:], LIMIT)
    with pytest.raises(ValueError, match="critical"):
        png.decode(file[:33] + chunk(b"CaBX", b"") + file[33:], LIMIT)


@pytest.mark.parametrize(
    ("size", "count", "channels"), [(Size(2, 2), 11, 3), (Size(0, 2), 0, 3), (Size(2, 2), 8, 2)]
)
def test_pixels_that_do_not_fit_are_not_written(size: Size, count: int, channels: int) -> None:
    """Too few bytes, no pixels, a number of channels that is none of the three."""
    with pytest.raises(ValueError):
        png.encode(size, bytes(count), channels)


@pytest.mark.parametrize(
    ("format", "options", "media_type"),
    [
        ("PNG", {}, "image/png"),
        ("JPEG", {}, "image/jpeg"),
        ("JPEG", {"progressive": True, "exif": b"Exif\0\0" + bytes(300)}, "image/jpeg"),
        ("WEBP", {}, "image/webp"),
        ("WEBP", {"lossless": True}, "image/webp"),
        ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, "image/webp"),
    ],
)
def test_the_size_is_read_from_the_header(format: str, options: dict[str, object], media_type: str) -> None:
    """Of PNG, baseline and progressive JPEG, and the three kinds of WebP."""
    file = io.BytesIO()
    Image.new("RGB", (321, 123), (9, 90, 200)).save(file, format, **options)
    assert png.picture_size(file.getvalue()) == (media_type, Size(321, 123))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_cut_off_header_has_no_size(format: str) -> None:
    """A ValueError at every length, and never a wrong size."""
    file = io.BytesIO()
    Image.new("RGB", (321, 123), (9, 90, 200)).save(file, format)
    data = file.getvalue()
    for length in range(len(data)):
        try:
            assert png.picture_size(data[:length])[1] == (321, 123)
        except ValueError:
            continue


@UNHURRIED
@given(st.sampled_from((b"", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X", b"GIF89a")), st.binary(max_size=60))
def test_garbage_has_no_size_or_a_positive_one(start: bytes, garbage: bytes) -> None:
    """Only ValueError comes out of bytes from a stranger."""
    try:
        size = png.picture_size(start + garbage)[1]
    except ValueError:
        return
    assert size.shorter >= 1
