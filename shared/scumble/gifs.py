# SPDX-License-Identifier: GPL-3.0-or-later
"""GIF files looked at without decoding a pixel: size, frames, durations, and whether they are whole."""

from __future__ import annotations

from dataclasses import dataclass

from .shapes import Size
from .translation import _

SIGNATURES = (b"GIF87a", b"GIF89a")
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL = 0xF9
_HEADER_BYTES = 13
_FRAMES_MAX = 1_000


@dataclass(frozen=True)
class Animation:
    """The canvas, and how long each frame stands, in milliseconds; one frame is a still picture."""

    size: Size
    frame_ms: tuple[int, ...]


def size_of(data: bytes) -> Size:
    """The canvas, from the first ten bytes. Raises ValueError."""
    if data[:6] not in SIGNATURES or len(data) < _HEADER_BYTES:
        raise ValueError(_("it is not a GIF file"))
    size = Size(int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))
    if not size.area:
        raise ValueError(_("the picture has no pixels"))
    return size


def read(data: bytes) -> Animation:
    """Walk over the blocks to the trailer, after the GIF89a specification.

    Raises ValueError for what is cut off, holds no frame, or a frame that leaves the canvas.
    """
    size = size_of(data)
    position = _HEADER_BYTES + _colours_bytes(data[10])
    durations: list[int] = []
    duration = 0
    while True:
        kind = _byte(data, position)
        if kind == _TRAILER and durations:
            return Animation(size, tuple(durations))
        if kind == _EXTENSION:
            if _byte(data, position + 1) == _GRAPHIC_CONTROL:
                duration = 10 * int.from_bytes(data[position + 4 : position + 6], "little")
            position = _after_blocks(data, position + 2)
        elif kind == _IMAGE and len(durations) < _FRAMES_MAX:
            left, top, width, height = (
                int.from_bytes(data[start : start + 2], "little")
                for start in range(position + 1, position + 9, 2)
            )
            if not width * height or left + width > size.width or top + height > size.height:
                raise ValueError(_("the GIF file is damaged"))
            # After the descriptor come the frame's own colours, the code size, and its blocks.
            position += 10 + _colours_bytes(_byte(data, position + 9))
            position = _after_blocks(data, position + 1)
            durations.append(duration)
        else:
            raise ValueError(_("the GIF file is damaged"))


def _colours_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    while length := _byte(data, position):
        position += 1 + length
    return position + 1


def _byte(data: bytes, position: int) -> int:
    if position >= len(data):
        raise ValueError(_("the GIF file is cut off"))
    return data[position]
