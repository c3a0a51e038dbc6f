# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files read and written with the standard library alone, within a bound on memory.

The hosts have no picture library: GIMP's Python brings none, and uploads, masks and replies must still be
looked at. Filters work on whole rows as large integers, one byte to a lane, so that only the two filters that
need every neighbour (Average and Paeth) are loops in Python. After the PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from .shapes import Size
from .translation import _

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
_SAMPLES = {_GRAY: 1, _RGB: 3, _PALETTE: 1, _GRAY_ALPHA: 2, RGB_ALPHA: 4}
_DEPTHS = {
    _GRAY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GRAY_ALPHA: (8, 16),
    RGB_ALPHA: (8, 16),
}
_COLOUR_TYPE = {1: _GRAY, 3: _RGB, 4: RGB_ALPHA}
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class PngHeader:
    """What the IHDR chunk says; `bit_depth` is per sample, 1 to 16."""

    size: Size
    bit_depth: int
    colour_type: int
    interlaced: bool

    @property
    def stride(self) -> int:
        """Bytes in one unfiltered row, without its filter byte."""
        return (self.size.width * _SAMPLES[self.colour_type] * self.bit_depth + 7) // 8


def encode(size: Size, pixels: bytes, channels: int, level: int = 1) -> bytes:
    """A PNG of 8-bit pixels in rows from the top, `channels` 1 (gray), 3 (RGB) or 4 (RGBA).

    `level` is zlib's, 0 to 9. Raises ValueError when the pixels do not fit the size.
    """
    if channels not in _COLOUR_TYPE:
        raise ValueError(f"1, 3 or 4 channels, not {channels}")
    if size.width < 1 or size.height < 1 or len(pixels) != size.area * channels:
        raise ValueError(f"{len(pixels)} bytes are not {size} pixels of {channels} channels")
    stride = size.width * channels
    compressor = zlib.compressobj(level)
    starts = range(0, len(pixels), stride)
    compressed = [compressor.compress(b"\0" + pixels[start : start + stride]) for start in starts]
    compressed.append(compressor.flush())
    described = struct.pack(">IIBBBBB", size.width, size.height, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    return b"".join(
        (SIGNATURE, _chunk(b"IHDR", described), _chunk(b"IDAT", b"".join(compressed)), _chunk(b"IEND", b""))
    )


def header(data: bytes) -> PngHeader:
    """Read the size and kind from the first 33 bytes; raises ValueError when they are not a PNG's."""
    if data[:8] != SIGNATURE:
        raise ValueError(_("it is not a PNG file"))
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR" or _crc(data[12:29]) != data[29:33]:
        raise ValueError(_("the PNG file's header is damaged"))
    width, height, depth, colour_type, compression, filtering, interlace = struct.unpack(
        ">IIBBBBB", data[16:29]
    )
    known = depth in _DEPTHS.get(colour_type, ()) and compression == 0 and filtering == 0 and interlace <= 1
    if not known or not 0 < width < 1 << 31 or not 0 < height < 1 << 31:
        raise ValueError(_("the PNG file's header has impossible values"))
    return PngHeader(Size(width, height), depth, colour_type, interlace == 1)


def decode(data: bytes, max_pixels: int) -> tuple[Size, int, bytes]:
    """The size, the number of channels (3 or 4) and the 8-bit pixels of a PNG, rows from the top.

    Gray and palette pictures become RGB, or RGBA where they have any transparency; of 16-bit samples the
    high byte is kept. No more is inflated than the header announces, and nothing when that is above
    `max_pixels`. Raises ValueError, with a reason fit for a person, for anything damaged, cut off,
    interlaced or too large.
    """
    described = header(data)
    if described.size.area > max_pixels:
        raise ValueError(_("it has more than {limit} pixels").format(limit=max_pixels))
    if described.interlaced:
        raise ValueError(_("interlaced PNG files are not supported"))
    palette, transparency, compressed = _collect(data)
    rows = _unfiltered(described, _inflated(compressed, (described.stride + 1) * described.size.height))
    if described.bit_depth == 8 and described.colour_type in (_RGB, RGB_ALPHA) and not transparency:
        return described.size, _SAMPLES[described.colour_type], b"".join(rows)
    planes = _planes(described, rows)
    if described.colour_type == _PALETTE:
        planes = _looked_up(planes[0], palette, transparency)
    elif transparency and described.colour_type in (_GRAY, _RGB):
        planes = [*_high(described, planes), _alpha_of_key(described, planes, transparency)]
    else:
        planes = _high(described, planes)
    if len(planes) < 3:
        planes = [planes[0]] * 3 + planes[1:]
    return described.size, len(planes), interleaved(planes)


def picture_size(data: bytes) -> tuple[str, Size]:
    """The media type and size of a PNG, JPEG or WebP picture, from its header alone.

    Raises ValueError for anything else. A JPEG's size is as stored, before any EXIF orientation.
    """
    if data[:8] == SIGNATURE:
        return "image/png", header(data).size
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg", _jpeg_size(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp", _webp_size(data)
    raise ValueError(_("it is not a PNG, JPEG or WebP picture"))


def interleaved(planes: list[bytes]) -> bytes:
    """Pixels made of planes of equal length, one plane for each channel."""
    pixels = bytearray(len(planes) * len(planes[0]))
    for channel, plane in enumerate(planes):
        pixels[channel :: len(planes)] = plane
    return bytes(pixels)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + _crc(kind + content)


def _crc(content: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(content))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while True:
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if end > len(data):
            raise ValueError(_("the PNG file is cut off"))
        kind = data[position + 4 : position + 8]
        if _crc(data[position + 4 : end - 4]) != data[end - 4 : end]:
            raise ValueError(_("the PNG file is damaged"))
        if kind == b"IEND":
            return
        yield kind, data[position + 8 : end - 4]
        position = end


def _collect(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The palette, the transparency and the compressed pixels."""
    palette = transparency = b""
    compressed = []
    for kind, content in _chunks(data):
        if kind == b"PLTE":
            palette = content
        elif kind == b"tRNS":
            transparency = content
        elif kind == b"IDAT":
            compressed.append(content)
        elif kind[:1].isupper() and kind != b"IHDR":
            raise ValueError(_("the PNG file has an unknown critical part"))
    return palette, transparency, b"".join(compressed)


def _inflated(compressed: bytes, length: int) -> bytes:
    try:
        inflated = zlib.decompressobj().decompress(compressed, length)
    except zlib.error:
        raise ValueError(_("the PNG file is damaged")) from None
    if len(inflated) < length:
        raise ValueError(_("the PNG file is cut off"))
    return inflated


def _unfiltered(described: PngHeader, filtered: bytes) -> list[bytes]:
    stride = described.stride
    pixel = max(1, _SAMPLES[described.colour_type] * described.bit_depth // 8)
    prior = bytes(stride)
    rows = []
    for start in range(0, len(filtered), stride + 1):
        row = filtered[start + 1 : start + 1 + stride]
        kind = filtered[start]
        if kind == 1:
            row = _sub(row, pixel)
        elif kind == 2:
            row = _add(row, prior)
        elif kind == 3:
            row = _average(row, prior, pixel)
        elif kind == 4:
            row = _paeth(row, prior, pixel)
        elif kind > 4:
            raise ValueError(_("the PNG file is damaged"))
        rows.append(row)
        prior = row
    return rows


def _lanes(byte: int, length: int) -> int:
    return int.from_bytes(bytes((byte,)) * length, "little")


def _add(first: bytes, second: bytes) -> bytes:
    """Byte by byte sums modulo 256: the low seven bits cannot carry over, the high bit is added by xor."""
    length = len(first)
    low, high = _lanes(0x7F, length), _lanes(0x80, length)
    a, b = int.from_bytes(first, "little"), int.from_bytes(second, "little")
    return (((a & low) + (b & low)) ^ ((a ^ b) & high)).to_bytes(length, "little")


def _sub(row: bytes, pixel: int) -> bytes:
    """Running sums along the row in log2(width) additions of the row to itself, moved."""
    length = len(row)
    low, high = _lanes(0x7F, length), _lanes(0x80, length)
    everything = low | high
    total = int.from_bytes(row, "little")
    step = pixel
    while step < length:
        moved = (total << (8 * step)) & everything
        total = ((total & low) + (moved & low)) ^ ((total ^ moved) & high)
        step *= 2
    return total.to_bytes(length, "little")


def _average(row: bytes, prior: bytes, pixel: int) -> bytes:
    result = bytearray(len(row))
    for channel in range(pixel):
        left = 0
        plane = []
        for value, above in zip(row[channel::pixel], prior[channel::pixel], strict=True):
            left = (value + ((left + above) >> 1)) & 255
            plane.append(left)
        result[channel::pixel] = bytes(plane)
    return bytes(result)


def _paeth(row: bytes, prior: bytes, pixel: int) -> bytes:
    result = bytearray(len(row))
    for channel in range(pixel):
        left = corner = 0
        plane = []
        for value, above in zip(row[channel::pixel], prior[channel::pixel], strict=True):
            to_left, to_above = above - corner, left - corner
            to_corner = to_left + to_above
            if to_left < 0:
                to_left = -to_left
            if to_above < 0:
                to_above = -to_above
            if to_corner < 0:
                to_corner = -to_corner
            if to_left > to_above or to_left > to_corner:
                left = above if to_above <= to_corner else corner
            left = (value + left) & 255
            corner = above
            plane.append(left)
        result[channel::pixel] = bytes(plane)
    return bytes(result)


def _planes(described: PngHeader, rows: list[bytes]) -> list[bytes]:
    """One plane of bytes per byte of a pixel: 16-bit samples give two, small samples one, not yet scaled."""
    depth = described.bit_depth
    if depth >= 8:
        pixels = b"".join(rows)
        step = _SAMPLES[described.colour_type] * depth // 8
        return [pixels[offset::step] for offset in range(step)]
    mask = (1 << depth) - 1
    spread = [bytes(byte >> shift & mask for shift in range(8 - depth, -1, -depth)) for byte in range(256)]
    width = described.size.width
    return [b"".join(b"".join(map(spread.__getitem__, row))[:width] for row in rows)]


def _high(described: PngHeader, planes: list[bytes]) -> list[bytes]:
    """The planes as 8-bit samples: the high one of two, small ones scaled to 0 .. 255."""
    if described.bit_depth == 16:
        return planes[::2]
    if described.bit_depth == 8:
        return planes
    scale = 255 // ((1 << described.bit_depth) - 1)
    table = bytes(min(255, value * scale) for value in range(256))
    return [plane.translate(table) for plane in planes]


def _alpha_of_key(described: PngHeader, planes: list[bytes], key: bytes) -> bytes:
    """Transparent where every byte of the pixel equals the key's."""
    samples = _SAMPLES[described.colour_type]
    if len(key) != 2 * samples:
        raise ValueError(_("the PNG file is damaged"))
    wanted = key if described.bit_depth == 16 else key[1::2]
    different = 0
    for plane, value in zip(planes, wanted, strict=True):
        table = bytes(0 if byte == value else 255 for byte in range(256))
        different |= int.from_bytes(plane.translate(table), "little")
    return different.to_bytes(described.size.area, "little")


def _looked_up(indices: bytes, palette: bytes, transparency: bytes) -> list[bytes]:
    colours = len(palette) // 3
    if len(palette) % 3 or max(indices) >= colours or len(transparency) > colours:
        raise ValueError(_("the PNG file's palette is damaged"))
    planes = [indices.translate(palette[channel::3].ljust(256, b"\0")) for channel in range(3)]
    if transparency:
        planes.append(indices.translate(transparency.ljust(256, b"\xff")))
    return planes


def _jpeg_size(data: bytes) -> Size:
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _START_OF_FRAME:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return _positive(width, height)
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise ValueError(_("the JPEG file is damaged"))


def _webp_size(data: bytes) -> Size:
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return _positive(1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    if kind == b"VP8L" and len(data) >= 25 and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return _positive(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and len(data) >= 30 and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return _positive(width & 0x3FFF, height & 0x3FFF)
    raise ValueError(_("the WebP file is damaged"))


def _positive(width: int, height: int) -> Size:
    if width < 1 or height < 1:
        raise ValueError(_("the picture has no pixels"))
    return Size(width, height)
