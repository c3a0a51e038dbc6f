# SPDX-License-Identifier: GPL-3.0-or-later
"""How a surface is divided: courses of stones, boards or tiles, and the threads of a weave.

A layout gives for each row of the picture a row of codes, which say where each pixel lies across its stone,
and a table from code to depth, which depends on where the row lies in the stone. So any function of the two
places costs one table a row.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

from ..shapes import Size
from .lanes import number
from .noise import Dice

FACE = 127
"""The depth of a stone's flat face; less is nearer to the joint, 0 its middle."""

TINT = 16
_STEPS = 64
_LEAST = 4
"""No stone is smaller, in pixels, but in a picture that is."""


@dataclass(frozen=True)
class LaidRow:
    """A row's codes, the table of their depths, how far its course's noise is moved, its stones' tints."""

    codes: bytes
    depths: bytes
    moved: int
    tints: tuple[int, int, int]


class Layout(Protocol):
    """A division of the picture that continues over its edges."""

    def row(self, y: int) -> LaidRow:
        """The row y, 0 .. height - 1."""


@dataclass(frozen=True)
class Masonry:
    """What courses of stones look like. Lengths are parts of a course's height.

    `courses` counts over one measure, `stretch` is a stone's width, `unevenness` how much widths vary
    (0 .. 1), `stagger` moves every other course by that part of a stone, `edge` is the width from the
    middle of the joint to the flat face, `roundness` a corner's radius, `tint` how much stones differ
    (0 .. 1), `rivets` puts one into each corner.
    """

    courses: int
    stretch: float
    unevenness: float
    stagger: float
    edge: float
    roundness: float
    tint: float
    rivets: bool = False


class Courses:
    """Courses of stones after a Masonry; `measure` is the length in pixels that its courses count over."""

    def __init__(self, masonry: Masonry, size: Size, measure: int, dice: Dice) -> None:
        self._size = size
        count = min(round(masonry.courses * size.height / measure), size.height // _LEAST)
        if masonry.stagger:
            count += count % 2
        count = max(1, count)
        self._tops = [index * size.height // count for index in range(count)] + [size.height]
        height = size.height / count
        per_course = round(size.width / (height * masonry.stretch))
        per_course = max(1, min(per_course, size.width // _LEAST))
        self._unit = max(1.0, height * (masonry.edge + masonry.roundness) * 1.25)
        if masonry.rivets:
            self._unit = height * 0.25
        self._courses = [self._course(index, per_course, masonry, dice) for index in range(count)]
        self._tables = [
            bytes(self._depth(step / _STEPS, code / 255, masonry, height) for code in range(256))
            for step in range(_STEPS + 1)
        ]

    def row(self, y: int) -> LaidRow:
        index = bisect_right(self._tops, y) - 1
        inset = min(y + 0.5 - self._tops[index], self._tops[index + 1] - y - 0.5)
        codes, moved, tints = self._courses[index]
        return LaidRow(codes, self._tables[round(min(1.0, inset / self._unit) * _STEPS)], moved, tints)

    def _course(
        self, index: int, per_course: int, masonry: Masonry, dice: Dice
    ) -> tuple[bytes, int, tuple[int, int, int]]:
        width = self._size.width
        pitch = width / per_course
        joints = []
        for stone in range(per_course):
            jitter = (dice.below(1000) / 1000 - 0.5) * masonry.unevenness * pitch
            joints.append(round(stone * pitch + jitter))
        lengths = [
            (joints[(stone + 1) % per_course] - joint) % width or width for stone, joint in enumerate(joints)
        ]
        codes = b"".join(self._codes(length) for length in lengths)
        tints = [b"", b"", b""]
        for length in lengths:
            light = dice.below(1000) / 1000 - 0.5
            for channel in range(3):
                hue = (dice.below(1000) / 1000 - 0.5) * 0.35
                value = round(TINT / 2 * (1 + masonry.tint * (2 * light + hue)))
                tints[channel] += bytes((min(TINT, max(0, value)),)) * length
        start = (joints[0] + round(index % 2 * masonry.stagger * pitch)) % width
        if masonry.unevenness and not masonry.stagger:
            start = dice.below(width)
        codes = _moved(codes, start)
        red, green, blue = (number(_moved(tint, start)) for tint in tints)
        return codes, dice.below(width), (red, green, blue)

    def _codes(self, length: int) -> bytes:
        return bytes(min(255, int(min(x + 0.5, length - x - 0.5) / self._unit * 255)) for x in range(length))

    def _depth(self, down: float, across: float, masonry: Masonry, height: float) -> int:
        """The depth at a place of the stone, by its distance from the nearer joint each way."""
        x, y = across * self._unit, down * self._unit
        radius = masonry.roundness * height
        inside = min(x, y)
        if x < radius and y < radius:
            inside = radius - math.hypot(radius - x, radius - y)
        depth = FACE * min(1.0, max(0.0, inside) / (masonry.edge * height))
        if masonry.rivets:
            away = math.hypot(x - height * 0.09, y - height * 0.09) / (height * 0.03)
            depth -= 55 * math.exp(-((away - 1) ** 2) * 6)
        return max(0, int(depth))


class Weave:
    """Threads over and under each other, `threads` of each kind over `measure` pixels.

    Depths below 128 are threads across, from 128 on threads down; within each, 0 .. 92 is how high they lie.
    """

    def __init__(self, threads: int, size: Size, measure: int, dice: Dice) -> None:
        self._down = self._even(threads * size.height / measure)
        self._across = self._even(threads * size.width / measure)
        self._height = size.height
        self._codes = bytes(self._code(x, self._across, size.width) for x in range(size.width))
        self._tables = [bytes(self._depth(row, code & 63) for code in range(256)) for row in range(_STEPS)]
        self._tints = [
            number(bytes((TINT // 2 - 2 + dice.below(5),)) * size.width) for _thread in range(self._down)
        ]

    def row(self, y: int) -> LaidRow:
        tint = self._tints[y * self._down // self._height]
        table = self._tables[self._code(y, self._down, self._height)]
        return LaidRow(self._codes, table, 0, (tint, tint, tint))

    @staticmethod
    def _even(count: float) -> int:
        return max(2, 2 * round(count / 2))

    @staticmethod
    def _code(place: int, threads: int, length: int) -> int:
        """32 steps across a thread, 64 across two."""
        return (2 * place + 1) * threads * 32 // (2 * length) % 64

    @staticmethod
    def _depth(row: int, column: int) -> int:
        down = (row >= 32) != (column >= 32)
        u, v = math.sin(math.pi * (column % 32 + 0.5) / 32), math.sin(math.pi * (row % 32 + 0.5) / 32)
        side, along = (u, v) if down else (v, u)
        return 128 * down + int(92 * math.sqrt(side) * (0.45 + 0.55 * along))


def _moved(row: bytes, places: int) -> bytes:
    """The row moved to the right, over the edge to the front."""
    places %= len(row)
    return row[-places:] + row[:-places] if places else row
