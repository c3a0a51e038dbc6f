# SPDX-License-Identifier: GPL-3.0-or-later
"""What a surface is made of, as tables: from depth to colour, from slope to light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .layout import FACE, TINT, Layout
from .noise import Octave
from .words import Colour

LIGHT = 24
"""Half the range of each of the two lights, and what each adds where it is even."""

HALF_TONE = 127
GRAIN = 12
"""The most that colours and grain add. With tint and both lights a sum stays below 256."""

Stops = Sequence[tuple[int, Colour]]
"""Depths, ascending, and the colours at them."""


@dataclass(frozen=True)
class Surface:
    """All that is needed to paint a row.

    The depth of a pixel is the layout's depth plus its `broad` and `fine` noise through their tables, 255 at
    most. `colours` turns it into half tones 0 .. 127 for red, green and blue, `faces` tells where a stone's
    tint shows, `profile` gives the height that the light from the upper left falls on. `slope_light` is for
    the broad noise itself. `grain` is the strength of the last fine grain, 0 .. 12; `skew` moves each row
    of noise so that it leans, in widths over the whole height; `even_joints` keeps noise to the faces.
    """

    layout: Layout | None
    broad: tuple[Octave, ...]
    broad_depth: bytes
    fine: tuple[Octave, ...]
    fine_depth: bytes
    colours: tuple[bytes, bytes, bytes]
    faces: bytes
    profile: bytes | None
    edge_light: bytes
    slope_light: bytes | None
    grain: int
    skew: int = 0
    even_joints: bool = False


def shade(colour: Colour, light: float) -> Colour:
    """Darker below 1; above 1 mixed with a warm white."""
    if light <= 1:
        red, green, blue = (int(part * light) for part in colour)
    else:
        white = (255, 250, 238)
        red, green, blue = (
            int(part + (top - part) * (light - 1)) for part, top in zip(colour, white, strict=True)
        )
    return red, green, blue


def ramp(stops: Stops, raised_below: int = 0) -> tuple[bytes, bytes, bytes]:
    """Half tones for depths 0 .. 255, straight between the stops; raised where no tint will be added."""
    red, green, blue = (
        bytes(
            min(HALF_TONE, _between(stops, depth, channel) // 2) + (TINT // 2 if depth < raised_below else 0)
            for depth in range(256)
        )
        for channel in range(3)
    )
    return red, green, blue


def _between(stops: Stops, depth: int, channel: int) -> int:
    previous = stops[0]
    for stop in stops:
        if depth <= stop[0]:
            span = max(1, stop[0] - previous[0])
            part = max(0, depth - previous[0])
            return previous[1][channel] + (stop[1][channel] - previous[1][channel]) * part // span
        previous = stop
    return previous[1][channel]


def stretched(most: int, gain: float = 2.3) -> bytes:
    """Noise gathers about its mean; spread over 0 .. most."""
    return bytes(
        min(most, max(0, round((0.5 + gain * (value - 127.5) / 255) * most))) for value in range(256)
    )


def waves(most: int, count: float, sharpness: float = 1.0) -> bytes:
    """Noise as contour lines: the depth swings between 0 and `most`, `count` times over the usual range."""
    return bytes(
        round(most * (0.5 + 0.5 * math.cos(2 * math.pi * count * value / 110)) ** sharpness)
        for value in range(256)
    )


def light(gain: float) -> bytes:
    """Light 0 .. 2 * LIGHT from a slope around 128."""
    return bytes(round(LIGHT + LIGHT * math.tanh(gain * (value - 128) / 64)) for value in range(256))


def steps(threshold: int) -> bytes:
    return bytes(255 if depth >= threshold else 0 for depth in range(256))


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the first colour, the rest of the second."""
    red, green, blue = (
        round(one * share + other * (1 - share)) for one, other in zip(first, second, strict=True)
    )
    return red, green, blue


NOTHING = bytes(256)
EVERYWHERE = b"\xff" * 256
EDGE_PROFILE = bytes(
    round(255 * min(1.0, max(0.0, (depth - 50) / (FACE - 40))) ** 0.8) for depth in range(256)
)
