# SPDX-License-Identifier: GPL-3.0-or-later
"""How an answer lies against what was sent: shift and scale, found on the pixels that were to stay.

Gauss-Newton from coarse to fine on brightness, together with a gain and an offset of the light, with Cauchy
weights against what was changed all the same. Slopes are taken from what was sent, so that the blur of
interpolating the answer pulls the result to no side. A weak prior holds what the picture does not determine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import starmap
from operator import mul

from .planes import Plane, grown, halved, halved_marks
from .shapes import Rect

LARGEST_SHIFT = 16.0
LARGEST_STRETCH = 0.03

_FACTORS = (16, 8, 4, 1)
_MOST_POINTS = 1500
_LEAST_POINTS = 48
_MOST_STEPS = 6
_PRIOR = (8.0, 8.0, 8.0, 0.3, 32.0)
"""How far, in pixels (scale: at the corners), gain and levels, the answer is expected to be off."""


@dataclass(frozen=True)
class Motion:
    """What was sent at x is in the answer at centre + scale * (x - centre) + shift.

    In pixels, with the centre in the picture's middle.
    """

    shift_x: float = 0.0
    shift_y: float = 0.0
    scale: float = 1.0

    def source(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of what shows in the answer all of a picture of this size.

        In coordinates where the first pixel reaches from 0 to 1.
        """
        left = (1 - self.scale) / 2 * width + self.shift_x
        top = (1 - self.scale) / 2 * height + self.shift_y
        return left, top, left + self.scale * width, top + self.scale * height

    def farthest(self, width: int, height: int) -> float:
        """The most pixels that anything in a picture of this size moves by, along an axis."""
        stretch = abs(self.scale - 1)
        return max(abs(self.shift_x) + stretch * width / 2, abs(self.shift_y) + stretch * height / 2)


UNMOVED = Motion()


@dataclass(frozen=True)
class _Point:
    """One place of a level: where it is from the middle, its value there, and what moving it changes."""

    x: float
    y: float
    value: int
    slopes: tuple[float, float, float, float, float]


def register(sent: Plane, answer: Plane, hole: Plane, shown: Rect) -> Motion | None:
    """The motion of the answer against what was sent, on the pixels of `shown` outside the hole.

    The three planes have one size; `hole` is 255 where the answer was asked to differ, `shown` is the part
    that lies on the canvas. Where there is too little to go by, the answer counts as unmoved. None when it
    would have moved by more than LARGEST_SHIFT pixels or LARGEST_STRETCH, which no redrawing explains.
    """
    levels = {1: (sent, answer, hole)}
    for factor in (2, 4, 8, 16):
        before, after, marks = levels[factor // 2]
        if min(before.size) < 4:
            break
        levels[factor] = halved(before), halved(after), halved_marks(marks)
    found = (0.0, 0.0, 0.0, 1.0, 0.0)
    radius = math.hypot(*sent.size) / 2
    for factor in _FACTORS:
        if factor not in levels:
            continue
        before, after, marks = levels[factor]
        middle = sent.size.width / 2 / factor - 0.5, sent.size.height / 2 / factor - 0.5
        points = _points(before, grown(marks, 1), _inside(shown, factor), middle, factor, radius)
        if len(points) >= _LEAST_POINTS:
            found = _fitted(points, after, middle, factor, radius, found)
        if max(abs(found[0]), abs(found[1])) > LARGEST_SHIFT or abs(found[2]) / radius > LARGEST_STRETCH:
            return None
    return Motion(found[0], found[1], 1 + found[2] / radius)


def _inside(shown: Rect, factor: int) -> Rect:
    """The level's cells that lie wholly on the canvas, without the outermost."""
    return Rect.between(
        -(-shown.x // factor) + 1,
        -(-shown.y // factor) + 1,
        shown.right // factor - 1,
        shown.bottom // factor - 1,
    )


def _points(
    plane: Plane, marks: Plane, inside: Rect, middle: tuple[float, float], factor: int, radius: float
) -> list[_Point]:
    width, data, blocked = plane.size.width, plane.data, marks.data
    free = sum(
        blocked.count(0, y * width + inside.x, y * width + inside.right)
        for y in range(inside.y, inside.bottom)
    )
    step = max(1, math.ceil(math.sqrt(free / _MOST_POINTS)))
    points = []
    for line, y in enumerate(range(inside.y, inside.bottom, step)):
        # Each line begins elsewhere, so that no pattern of the picture is met at one of its places only.
        for at in range(y * width + inside.x + 5 * line % step, y * width + inside.right, step):
            if blocked[at]:
                continue
            across = (data[at + 1] - data[at - 1]) / (2 * factor)
            down = (data[at + width] - data[at - width]) / (2 * factor)
            x, y_from = at - y * width - middle[0], y - middle[1]
            stretch = (across * x + down * y_from) * factor / radius
            points.append(_Point(x, y_from, data[at], (across, down, stretch, float(data[at]), 1.0)))
    return points


def _fitted(
    points: list[_Point],
    answer: Plane,
    middle: tuple[float, float],
    factor: int,
    radius: float,
    begin: tuple[float, float, float, float, float],
) -> tuple[float, float, float, float, float]:
    """Shift x, shift y, stretch at the corners (all in full pixels), gain, offset."""
    found = begin
    for _step in range(_MOST_STEPS):
        residuals, slopes = _residuals(points, answer, middle, factor, radius, found)
        if len(residuals) < _LEAST_POINTS:
            return begin
        spread = max(1.0, 1.5 * sorted(map(abs, residuals))[len(residuals) // 2])
        bound = 4 * spread * spread
        weights = [bound / (bound + residual * residual) for residual in residuals]
        columns = list(zip(*slopes, strict=True))
        heavy = [list(map(mul, weights, column)) for column in columns]
        matrix = [[sum(map(mul, one, other)) for other in columns] for one in heavy]
        vector = [sum(map(mul, one, residuals)) for one in heavy]
        for index, width in enumerate(_PRIOR):
            # As strong as a sixteenth of the points would be, whose errors are not independent.
            hold = spread * spread / (width * width) * max(1.0, len(residuals) / 16)
            matrix[index][index] += hold
            vector[index] -= hold * (found[index] - (0.0, 0.0, 0.0, 1.0, 0.0)[index])
        change = _solved(matrix, vector)
        found = (
            found[0] + change[0],
            found[1] + change[1],
            found[2] + change[2],
            min(2.0, max(0.5, found[3] + change[3])),
            found[4] + change[4],
        )
        if max(map(abs, change[:3])) < 0.01 * factor:
            break
    return found


def _residuals(
    points: list[_Point],
    answer: Plane,
    middle: tuple[float, float],
    factor: int,
    radius: float,
    found: tuple[float, float, float, float, float],
) -> tuple[list[float], list[tuple[float, float, float, float, float]]]:
    """What was sent less what the answer shows at the moved place, for the points that stay within it."""
    width, data = answer.size.width, answer.data
    right, bottom = width - 1, answer.size.height - 1
    scale = 1 + found[2] / radius
    left, top = middle[0] + found[0] / factor, middle[1] + found[1] / factor
    gain, offset = found[3], found[4]
    residuals, slopes = [], []
    for point in points:
        x, y = left + scale * point.x, top + scale * point.y
        if not (0 <= x < right and 0 <= y < bottom):
            continue
        column, row = int(x), int(y)
        across, down = x - column, y - row
        at = row * width + column
        upper = data[at] + (data[at + 1] - data[at]) * across
        at += width
        lower = data[at] + (data[at + 1] - data[at]) * across
        residuals.append(point.value - gain * (upper + (lower - upper) * down) - offset)
        slopes.append(point.slopes)
    return residuals, slopes


def _solved(matrix: list[list[float]], vector: list[float]) -> list[float]:
    """Gauss's elimination for a symmetric, positive definite matrix; the prior makes it one."""
    rows = [[*line, value] for line, value in zip(matrix, vector, strict=True)]
    count = len(rows)
    for pivot in range(count):
        for below in range(pivot + 1, count):
            share = rows[below][pivot] / rows[pivot][pivot]
            rows[below] = [
                value - share * above for value, above in zip(rows[below], rows[pivot], strict=True)
            ]
    solution = [0.0] * count
    for line in reversed(range(count)):
        known = sum(starmap(mul, zip(rows[line][line + 1 : count], solution[line + 1 :], strict=True)))
        solution[line] = (rows[line][count] - known) / rows[line][line]
    return solution
