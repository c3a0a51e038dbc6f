# SPDX-License-Identifier: GPL-3.0-or-later
"""A single thing on nothing: what the sandbox draws where a transparent background is asked for."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable

from ..png import interleaved
from ..shapes import Size
from .lanes import add_clamped, clamped_difference, number, repeated, rotated, subtract_clamped
from .noise import HEIGHT_BITS, Spline

_KNOTS = 56
_OUTLINE = 128
_RIM = 0.09
"""The rounded rim's width, in short edges."""

_Distance = Callable[[float, float], float]
"""How far a place is inside the outline (negative outside); places and distances in short edges."""

_WORDS = {
    "star": "star stars 별",
    "heart": "heart love 하트",
    "leaf": "leaf leaves tree plant 잎 나무",
    "gem": "gem diamond crystal jewel shield 보석",
    "drop": "drop water rain flame fire egg 물",
    "flower": "flower blossom rose daisy 꽃",
    "disc": "ball sphere moon sun planet coin apple button 공 달 해",
}


def cut_out(pixels: bytes, size: Size, prompt: str) -> bytes:
    """RGBA of RGB pixels: those of a shape that the prompt names or implies, with a rounded rim.

    Everything outside the shape is transparent, and black under it.
    """
    width = size.width
    outline, dome = _surfaces(size, _shape(prompt))
    middle = repeated(_OUTLINE << (HEIGHT_BITS - 8), 4, width)
    sharp = max(0, (2 * (1 << HEIGHT_BITS) // size.shorter).bit_length() - 8)
    steep = max(0, (int((1 << HEIGHT_BITS) / _RIM) // size.shorter).bit_length() - 6)
    above = rotated(dome.row(0), width)
    light, inside = bytearray(3 * width), bytearray(3 * width)
    rows = []
    for y in range(size.height):
        alpha = clamped_difference(outline.row(y), middle, width, sharp)
        row = bytes(3 * width)
        heights = dome.row(y)
        if any(alpha):
            slopes = clamped_difference(heights, above, width, steep)
            for channel in range(3):
                light[channel::3] = slopes
                inside[channel::3] = alpha.translate(_ANY)
            row = pixels[3 * width * y : 3 * width * (y + 1)]
            row = add_clamped(row, bytes(light.translate(_BRIGHTER)))
            row = subtract_clamped(row, bytes(light.translate(_DARKER)))
            row = (number(row) & number(bytes(inside))).to_bytes(3 * width, "little")
        above = rotated(heights, width)
        rows.append(interleaved([row[::3], row[1::3], row[2::3], alpha]))
    return b"".join(rows)


def _surfaces(size: Size, inside: _Distance) -> tuple[Spline, Spline]:
    """How far inside the outline, from `_OUTLINE` to 255 in a quarter of an edge; and the rounded form."""
    shorter = size.shorter
    columns, lines = (max(8, round(_KNOTS * edge / shorter)) for edge in size)
    outline, dome = bytearray(), bytearray()
    for line in range(-1, lines + 1):
        y = (0.5 - (line + 0.5) / lines) * size.height / shorter
        for column in range(-1, columns + 1):
            x = ((column + 0.5) / columns - 0.5) * size.width / shorter
            distance = inside(x, y)
            outline.append(min(255, max(0, round(_OUTLINE + distance * 510))))
            height = min(1.0, max(0.0, distance / _RIM))
            dome.append(round(255 * math.sin(height * math.pi / 2)))
    return Spline(bytes(outline), columns, lines, size), Spline(bytes(dome), columns, lines, size)


def _shape(prompt: str) -> _Distance:
    named = [
        (match.start(), shape)
        for shape, words in _WORDS.items()
        if (match := re.search("|".join(rf"\b{word}\b" for word in words.split()), prompt.lower()))
    ]
    if named:
        return _SHAPES[min(named)[1]]
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    lobes, turn = 3 + digest[2] % 4, digest[3] / 40
    return _polar(
        lambda angle: 0.34 + 0.035 * math.cos(lobes * angle + turn) + 0.02 * math.cos(2 * angle - turn)
    )


def _polar(radius: Callable[[float], float]) -> _Distance:
    """By the outline's distance from the middle in each direction, 0 upwards, clockwise."""
    return lambda x, y: radius(math.atan2(x, y)) - math.hypot(x, y)


def _star(angle: float) -> float:
    """The straight line from a point to the next notch, in polar form."""
    sector = 2 * math.pi / 5
    off = abs((angle + sector / 2) % sector - sector / 2)
    outer, inner = 0.46, 0.2
    x, y = inner * math.cos(sector / 2), inner * math.sin(sector / 2)
    return outer * y / (math.sin(off) * (outer - x) + math.cos(off) * y)


def _heart(x: float, y: float) -> float:
    """A square on its corner and half a disc on each of its upper sides."""
    square = (0.36 - abs(x) - abs(y + 0.05)) * math.sqrt(0.5)
    return max(square, 0.18 * math.sqrt(2) - math.hypot(abs(x) - 0.18, y - 0.13))


def _leaf(x: float, y: float) -> float:
    """What two discs have in common."""
    return 0.56 - math.hypot(abs(x) + 0.34, y)


def _gem(x: float, y: float) -> float:
    """A cut stone: a flat top, slanting shoulders, a long point."""
    shoulders = (0.56 - abs(x) - y) * math.sqrt(0.5)
    return min(0.26 - y, shoulders, (0.45 + y - 1.25 * abs(x)) * 0.62)


def _drop(x: float, y: float) -> float:
    """A disc, and above it a point."""
    disc = 0.27 - math.hypot(x, y + 0.14)
    return max(disc, (0.44 - y) * 0.42 - abs(x)) if y > -0.03 else disc


_SHAPES: dict[str, _Distance] = {
    "star": _polar(_star),
    "heart": _heart,
    "leaf": _leaf,
    "gem": _gem,
    "drop": _drop,
    "flower": _polar(lambda angle: 0.25 + 0.17 * abs(math.cos(3 * angle)) ** 0.7),
    "disc": lambda x, y: 0.4 - math.hypot(x, y),
}
_ANY = bytes(1) + b"\xff" * 255
_BRIGHTER = bytes(max(0, value - 128) * 2 // 3 for value in range(256))
_DARKER = bytes(max(0, 128 - value) * 2 // 3 for value in range(256))
