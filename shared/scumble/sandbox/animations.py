# SPDX-License-Identifier: GPL-3.0-or-later
"""GIFs written with the standard library: a picture that wanders around its own edges, in 128 colours."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ..shapes import Size

# Seven bits a colour, so that every code of the compression is one whole byte as long as its table is cleared
# before it grows: two bits of red, three of green, two of blue.
_BITS = 7
_CLEAR, _END = b"\x80", b"\x81"
_PIXELS_BETWEEN_CLEARS = 120
_LEVELS = ((2, 5), (3, 2), (2, 0))


def animated(size: Size, rgb: bytes, frames: int, frame_ms: int) -> bytes:
    """An endless GIF of `frames` frames; in each the picture has moved on to the right, over its edge.

    `rgb` has three bytes a pixel, rows from the top. `frame_ms` is rounded to ten.
    """
    indices = _indexed(rgb)
    # The flags say: one table of colours for all frames, of eight bits each, with 2 ** _BITS entries.
    screen = struct.pack("<HHBBB", *size, 0xF0 | (_BITS - 1), 0, 0)
    parts = [b"GIF89a", screen, _palette(), b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"]
    for number in range(frames):
        moved = _moved(indices, size.width, number * size.width // frames)
        parts.append(b"\x21\xf9\x04" + struct.pack("<BHB", 0, min(round(frame_ms / 10), 65_535), 0) + b"\0")
        parts.append(b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + bytes((_BITS,)))
        parts.extend(_blocks(_codes(moved)))
    return b"".join((*parts, b"\x3b"))


def _indexed(rgb: bytes) -> bytes:
    total = 0
    for channel, (bits, shift) in enumerate(_LEVELS):
        table = bytes((value >> (8 - bits)) << shift for value in range(256))
        total |= int.from_bytes(rgb[channel::3].translate(table), "little")
    return total.to_bytes(len(rgb) // 3, "little")


def _palette() -> bytes:
    return bytes(
        ((index >> shift) & ((1 << bits) - 1)) * 255 // ((1 << bits) - 1)
        for index in range(1 << _BITS)
        for bits, shift in _LEVELS
    )


def _moved(indices: bytes, width: int, places: int) -> bytes:
    rows = range(0, len(indices), width)
    turn = width - places
    return b"".join(indices[row + turn : row + width] + indices[row : row + turn] for row in rows)


def _codes(indices: bytes) -> bytes:
    step = _PIXELS_BETWEEN_CLEARS
    pieces = (_CLEAR + indices[start : start + step] for start in range(0, len(indices), step))
    return b"".join((*pieces, _END))


def _blocks(codes: bytes) -> Iterator[bytes]:
    for start in range(0, len(codes), 255):
        block = codes[start : start + 255]
        yield bytes((len(block),)) + block
    yield b"\0"
