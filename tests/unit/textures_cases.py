# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures whose seams are known: periodic ones as the sandbox paints them, and pieces cut out of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from scumble.sandbox.painter import paint
from scumble.shapes import Size

if TYPE_CHECKING:
    from scumble.arrays import Pixels

EDGE = 256


@cache
def painted(words: str, edge: int = EDGE) -> Pixels:
    """Continues over its four edges; not to be changed."""
    pixels = np.frombuffer(paint(words, Size(edge, edge)), np.uint8).reshape(edge, edge, 3)
    return np.asarray(pixels, np.float32) / np.float32(255)


def cropped(words: str, edge: int = EDGE) -> Pixels:
    """A piece of a larger one, whose edges do not meet."""
    return np.ascontiguousarray(painted(words, edge + edge // 3)[:edge, :edge])


def lit_from_the_left(pixels: Pixels) -> Pixels:
    """Twice as light at its left edge as at its right one."""
    course = np.linspace(1.2, 0.6, pixels.shape[1], dtype=np.float32)
    return np.clip(pixels * course[None, :, None], 0, 1)
