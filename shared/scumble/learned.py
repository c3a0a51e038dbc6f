# SPDX-License-Identifier: GPL-3.0-or-later
"""What real bills say of a model whose token counts are not published: a median, and how many it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median_low

from .shapes import Size

LEAST_BILLS = 3

_AREAS = (1_200_000, 2_400_000, 4_800_000)
_SQUARE, _OBLONG = (5, 4), (7, 4)


@dataclass(frozen=True)
class Learned:
    """Output tokens of one picture in `bills` bills of one model, quality and size class."""

    low: int
    median: int
    high: int
    bills: int


def learn(tokens: Iterable[int]) -> Learned | None:
    """From the output tokens of single pictures; None from fewer than three."""
    counts = sorted(tokens)
    if len(counts) < LEAST_BILLS:
        return None
    return Learned(counts[0], median_low(counts), counts[-1], len(counts))


def size_class(size: Size | None) -> tuple[int, int]:
    """Sizes of one class have about the same tokens: four steps of area, by square, oblong or wide, lying
    or standing alike. A size that the model chooses is a class of its own."""
    if size is None:
        return (-1, -1)
    area = sum(size.area > most for most in _AREAS)
    shape = sum(size.longer * short > size.shorter * long for long, short in (_SQUARE, _OBLONG))
    return area, shape
