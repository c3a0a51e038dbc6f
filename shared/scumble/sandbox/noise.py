# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth noise that continues over the picture's edges, row by row, the same on every machine."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from ..shapes import Size
from .lanes import LANE, clamped_difference, narrowed, repeated, widened

_WEIGHT = 12
HEIGHT_BITS = 28
"""A row's lanes hold heights of 28 bits, so that two of them, and a bias, can be added in 32."""


@dataclass(frozen=True)
class Octave:
    """Noise of `columns` x `lines` random knots over the whole picture, with a share of the height."""

    columns: int
    lines: int
    share: int


class Dice:
    """Whole random numbers from a seed, by SHAKE-256: the same in every Python."""

    def __init__(self, seed: bytes) -> None:
        self._bytes = hashlib.shake_256(seed).digest(16_384)
        self._position = 0

    def below(self, limit: int) -> int:
        """0 .. limit - 1; after 8,192 throws they repeat."""
        start = self._position
        self._position = (start + 2) % len(self._bytes)
        return int.from_bytes(self._bytes[start : start + 2], "little") * limit >> 16


class Spline:
    """A smooth surface over a grid of knots, `columns` x `lines` of them over the picture.

    Quadratic B-splines: smooth, and between the least and the greatest knot. `knots` are rows of bytes with
    one column more at the left and at the right and one row more above and below, which say how it continues
    over the picture's edges. The middle of each grid cell takes mostly its knot's height.
    """

    def __init__(self, knots: bytes, columns: int, lines: int, size: Size) -> None:
        self._size = size
        self._count = lines
        padded = columns + 2
        column = [widened(knots[index::padded]) for index in range(padded)]
        kept = repeated(0xFFFF, LANE // 8, lines + 2)
        # Made column by column, a column of knots being one number, and then turned over.
        turned = array("I")
        for x in range(size.width):
            knot, fraction = divmod(x * columns << _WEIGHT, size.width << _WEIGHT)
            before, here, after = _weights(fraction // size.width, 1 << _WEIGHT)
            heights = column[knot] * before + column[knot + 1] * here + column[knot + 2] * after
            turned.frombytes((heights >> (_WEIGHT - 8) & kept).to_bytes(LANE // 8 * (lines + 2), "little"))
        self._lines = [
            int.from_bytes(turned[line :: lines + 2].tobytes(), "little") for line in range(lines + 2)
        ]

    def row(self, y: int, weight: int = 1 << _WEIGHT) -> int:
        """The heights of one row: a knot of 255 is 255 * 256 * `weight`, 28 bits at the full weight."""
        knot, fraction = divmod(y * self._count << _WEIGHT, self._size.height << _WEIGHT)
        before, here, after = _weights(fraction // self._size.height, weight)
        lines = self._lines
        return lines[knot] * before + lines[knot + 1] * here + lines[knot + 2] * after

    def samples(self, y: int) -> bytes:
        """A row of heights, 0 .. 255."""
        return narrowed(self.row(y), self._size.width, HEIGHT_BITS - 8)


class Noise:
    """A field of heights as rows of lanes; its right and lower edges continue into the left and upper."""

    def __init__(self, seed: bytes, size: Size, octaves: Sequence[Octave]) -> None:
        self.size = size
        total = sum(octave.share for octave in octaves)
        self._octaves = []
        steepness = 0.0
        for index, octave in enumerate(octaves):
            columns, lines = min(octave.columns, size.width), min(octave.lines, size.height)
            knots = hashlib.shake_256(b"%d %b" % (index, seed)).digest(columns * lines)
            weight = (1 << _WEIGHT) * octave.share // total
            self._octaves.append((weight, Spline(_wrapped(knots, columns), columns, lines, size)))
            steepness += (octave.share / total * (columns / size.width + lines / size.height)) ** 2
        usual = int(math.sqrt(steepness) * (1 << HEIGHT_BITS) / 3)
        self._shift = max(0, usual.bit_length() - 7)

    def row(self, y: int) -> int:
        """The heights of row y, 0 .. height - 1, of 28 bits."""
        return sum(spline.row(y, weight) for weight, spline in self._octaves)

    def samples(self, lanes: int) -> bytes:
        """The eight high bits of each height."""
        return narrowed(lanes, self.size.width, HEIGHT_BITS - 8)

    def slopes(self, lanes: int, corner: int) -> bytes:
        """How much each height is above the one up and left of it, around 128, clamped to 0 .. 255.

        `corner` is the row above, moved one to the right. Scaled so that common slopes use the range.
        """
        return clamped_difference(lanes, corner, self.size.width, self._shift)


def _weights(fraction: int, weight: int) -> tuple[int, int, int]:
    """Weights of three knots, `weight` in all, for a fraction of 1 << 12 on the way past the middle one."""
    rest = (1 << _WEIGHT) - fraction
    before = rest * rest * weight >> (2 * _WEIGHT + 1)
    after = fraction * fraction * weight >> (2 * _WEIGHT + 1)
    return before, weight - before - after, after


def _wrapped(knots: bytes, columns: int) -> bytes:
    lines = [knots[start : start + columns] for start in range(0, len(knots), columns)]
    return b"".join(line + line[:2] for line in (*lines, lines[0], lines[1 % len(lines)]))
