# SPDX-License-Identifier: GPL-3.0-or-later
"""Planes of one byte a pixel, rows from the top: brightness, halving, growing, repeating the edges.

Whole planes are combined as large integers, one byte to a lane, since the hosts' Python may have no numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .shapes import Size

_ANY = bytes(1) + b"\xff" * 255


@dataclass(frozen=True)
class Plane:
    """`data` has `size.area` bytes."""

    size: Size
    data: bytes = field(repr=False)


def brightness(size: Size, pixels: bytes, channels: int) -> Plane:
    """A quarter of red, a half of green, a quarter of blue; alpha, when there is any, does not count."""
    red, green, blue = (pixels[channel::channels] for channel in range(3))
    return Plane(size, _mean(_mean(red, blue), green))


def marked(plane: Plane) -> Plane:
    """255 where a byte is not 0."""
    return Plane(plane.size, plane.data.translate(_ANY))


def halved(plane: Plane) -> Plane:
    """Half as wide and high, each byte the mean of four; an odd last column or row is left out."""
    return _quartered(plane, _mean)


def halved_marks(plane: Plane) -> Plane:
    """Half as wide and high, 255 where any of four is; an odd last column or row is left out."""
    return _quartered(plane, _either)


def grown(plane: Plane, places: int) -> Plane:
    """Marks spread to each side by so many places, up and down as well as across."""
    width, height = plane.size
    rows = [plane.data[start : start + width] for start in range(0, len(plane.data), width)]
    for _step in range(places):
        rows = [_either(_either(row, row[1:] + b"\0"), b"\0" + row[:-1]) for row in rows]
        nothing = bytes(width)
        around = [nothing, *rows, nothing]
        rows = [_either(_either(around[y], around[y + 1]), around[y + 2]) for y in range(height)]
    return Plane(plane.size, b"".join(rows))


def with_border(size: Size, pixels: bytes, channels: int, border: int) -> bytes:
    """Interleaved pixels with `border` pixels more on each of the four sides, which repeat the edge."""
    stride = size.width * channels
    rows = [pixels[start : start + stride] for start in range(0, stride * size.height, stride)]
    wide = [row[:channels] * border + row + row[-channels:] * border for row in rows]
    return b"".join([wide[0]] * border + wide + [wide[-1]] * border)


def _quartered(plane: Plane, combined: Callable[[bytes, bytes], bytes]) -> Plane:
    width, height = plane.size.width // 2, plane.size.height // 2
    full = plane.size.width
    rows = [plane.data[y * full : y * full + 2 * width] for y in range(2 * height)]
    down = combined(b"".join(rows[::2]), b"".join(rows[1::2]))
    return Plane(Size(width, height), combined(down[::2], down[1::2]))


def _mean(first: bytes, second: bytes) -> bytes:
    """Bytewise, rounded down."""
    one, other = int.from_bytes(first, "little"), int.from_bytes(second, "little")
    low_bits = int.from_bytes(b"\x7f" * len(first), "little")
    return ((one & other) + ((one ^ other) >> 1 & low_bits)).to_bytes(len(first), "little")


def _either(first: bytes, second: bytes) -> bytes:
    joined = int.from_bytes(first, "little") | int.from_bytes(second, "little")
    return joined.to_bytes(len(first), "little")
