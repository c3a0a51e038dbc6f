# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and rectangles in pixels: a size is (width, height), a rectangle (x, y, width, height)."""

from __future__ import annotations

import re
from typing import NamedTuple

_SIZE = re.compile(r"([0-9]{1,6})[xX×]([0-9]{1,6})")


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read `"1024x768"`; raises ValueError for anything else."""
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a size of the form WIDTHxHEIGHT: {text!r}")
        return cls(int(match[1]), int(match[2]))

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def longer(self) -> int:
        return max(self)

    @property
    def shorter(self) -> int:
        return min(self)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Padding(NamedTuple):
    """Pixels outside the canvas on each side of a window, all >= 0."""

    left: int
    top: int
    right: int
    bottom: int


class Rect(NamedTuple):
    """A rectangle in pixels; covers x .. x + width - 1 and y .. y + height - 1."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def between(cls, left: int, top: int, right: int, bottom: int) -> Rect:
        """From two corners, right and bottom exclusive; never of negative size."""
        return cls(left, top, max(0, right - left), max(0, bottom - top))

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    def contains(self, other: Rect) -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    def intersection(self, other: Rect) -> Rect:
        """The common part, of zero width or height when there is none."""
        return Rect.between(
            max(self.x, other.x),
            max(self.y, other.y),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )
