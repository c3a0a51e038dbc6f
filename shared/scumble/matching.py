# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer matched to what was sent, before it is placed: moved and toned, where the seam gains by it.

What is found on one half of the ring around the hole is judged on the other half, and nothing is done that
does not make the seam's error clearly smaller. The pixels are moved by the host, which has a good resampler.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from . import tone
from .planes import Plane, brightness, grown, halved_marks, marked, with_border
from .registration import UNMOVED, Motion, register
from .shapes import Rect, Size
from .tone import NEUTRAL, Tone
from .translation import _

Finding = Literal["matched", "close", "no ring", "unrelated"]
"""Why it is or is not applied: it is better so; it fits as it came; there is nothing around the hole to go
by; the surroundings of the hole are not the ones that were sent."""

_RING_CELLS, _CELL = 8, 4
_MOST_POINTS = 2_400
_LEAST_POINTS = 64
_SMALLEST_MOVE = 0.2
_IMPERCEPTIBLE = 0.5
_ENOUGH_BY_MOTION = 0.95
_ENOUGH_BY_TONE = 0.9
_FLAT_DEVIATION = 4.0
_RELATED = 0.6

_Samples = list[list[float]]
"""Red, green, blue of the ring's points."""


@dataclass(frozen=True)
class Match:
    """What to do with an answer. `motion` and `tone` are neutral when it is not applied.

    The errors are mean absolute differences on the ring, in levels of 0 .. 255; None without a ring.
    """

    finding: Finding
    motion: Motion = UNMOVED
    tone: Tone = NEUTRAL
    error_before: float | None = None
    error_after: float | None = None

    @property
    def applied(self) -> bool:
        return self.finding == "matched"

    @property
    def moved(self) -> bool:
        return self.motion != UNMOVED

    def describe(self) -> str:
        """What was done and why, in one translated sentence."""
        if self.finding == "no ring":
            return _("Not matched: nothing around the selection was to stay.")
        if self.finding == "unrelated":
            return _("Not matched: what surrounds the selection in the answer is not what was sent.")
        if self.finding == "close":
            return _("The answer fits its surroundings as it came.")
        text = _(
            "Matched to its surroundings: moved by {x} x {y} px, scaled to {percent} %, colours fitted;"
            " the seam's error fell from {before} to {after} of 255."
        )
        return text.format(
            x=round(0.0 - self.motion.shift_x, 2),
            y=round(0.0 - self.motion.shift_y, 2),
            percent=round(100 / self.motion.scale, 2),
            before=round(self.error_before or 0.0, 1),
            after=round(self.error_after or 0.0, 1),
        )

    def document(self) -> dict[str, object]:
        """For JSON: how the answer lay, in request pixels, and what became of the seam."""
        return {
            "applied": self.applied,
            "finding": self.finding,
            "shift": [round(self.motion.shift_x, 3), round(self.motion.shift_y, 3)],
            "scale": round(self.motion.scale, 5),
            "gain": [round(gain, 4) for gain in self.tone.gains],
            "offset": [round(offset, 2) for offset in self.tone.offsets],
            "error_before": None if self.error_before is None else round(self.error_before, 2),
            "error_after": None if self.error_after is None else round(self.error_after, 2),
        }


def find(size: Size, sent: bytes, answer: bytes, hole: bytes, shown: Rect | None = None) -> Match:
    """How to bring an answer to what was sent, judged by what surrounds the hole.

    `sent` and `answer` are interleaved RGB of `size`, rows from the top; `hole` has a byte a pixel,
    not 0 where the answer was asked to differ. `shown` is the part that lies on the canvas, all of it when
    None; the padding around it is not looked at. Raises ValueError when the lengths do not fit the size.
    """
    if not len(sent) == len(answer) == 3 * size.area or len(hole) != size.area:
        raise ValueError(f"{len(sent)}, {len(answer)} and {len(hole)} bytes are not pictures of {size}")
    shown = shown or Rect(0, 0, *size)
    marks = marked(Plane(size, hole))
    places = _ring(marks, shown)
    if len(places) < _LEAST_POINTS:
        return Match("no ring")
    wanted = _samples(sent, places)
    as_it_came = _samples(answer, places)
    if sent == answer:
        return Match("close", error_before=0.0, error_after=0.0)
    before = _error(wanted, as_it_came, NEUTRAL)
    if before < _IMPERCEPTIBLE:
        return Match("close", error_before=before, error_after=before)
    return _found(size, sent, answer, marks, shown, places, wanted, as_it_came, before)


def toned(pixels: bytes, channels: int, tone: Tone) -> bytes:
    """Interleaved RGB or RGBA pixels with the tone applied; alpha stays."""
    result = bytearray(pixels)
    for channel, table in enumerate(tone.tables()):
        result[channel::channels] = pixels[channel::channels].translate(table)
    return bytes(result)


def bordered(size: Size, pixels: bytes, channels: int, motion: Motion) -> tuple[int, bytes]:
    """How much wider on each side the picture must be for the motion, and so wide, its edge repeated.

    So what is moved, and resampled from up to 4 pixels around, uncovers nothing.
    """
    border = math.ceil(motion.farthest(*size)) + 4
    return border, with_border(size, pixels, channels, border)


def _found(
    size: Size,
    sent: bytes,
    answer: bytes,
    marks: Plane,
    shown: Rect,
    places: list[int],
    wanted: _Samples,
    as_it_came: _Samples,
    before: float,
) -> Match:
    candidates = [(UNMOVED, wanted, as_it_came)]
    motion = register(brightness(size, sent, 3), brightness(size, answer, 3), marks, shown)
    if motion is not None and motion.farthest(*size) >= _SMALLEST_MOVE:
        reached = _reached(places, marks, motion)
        if len(reached) >= _LEAST_POINTS:
            moved = _moved_samples(answer, reached, size, motion)
            candidates.append((motion, _samples(sent, reached), moved))
    best: Match | None = None
    for way, targets, values in candidates:
        toned = _judged(targets, values)
        if toned is not None and (best is None or toned[1] <= _ENOUGH_BY_MOTION * (best.error_after or 0.0)):
            best = Match("matched", way, toned[0], before, toned[1])
    if best is None:
        return Match("unrelated", error_before=before, error_after=before)
    if best.motion == UNMOVED and best.tone == NEUTRAL:
        return Match("close", error_before=before, error_after=before)
    return best


def _judged(wanted: _Samples, samples: _Samples) -> tuple[Tone, float] | None:
    """The tone that is worth it, and the error that remains; None when the two show different things."""
    if not _related(wanted, samples):
        return None
    fitted = tone.fit(_half(wanted, 0), _half(samples, 0))
    if fitted is None:
        return None
    plain = _error(_half(wanted, 1), _half(samples, 1), NEUTRAL)
    error = _error(_half(wanted, 1), _half(samples, 1), fitted)
    if fitted.is_neutral or error > _ENOUGH_BY_TONE * plain:
        return NEUTRAL, plain
    return fitted, error


def _ring(marks: Plane, shown: Rect) -> list[int]:
    """Indices of pixels, spread evenly over a band of 32 pixels around the hole, on the canvas."""
    cells = halved_marks(halved_marks(marks))
    if 255 not in cells.data:
        return []
    near = grown(cells, _RING_CELLS)
    width = cells.size.width
    inside = Rect.between(
        -(-shown.x // _CELL), -(-shown.y // _CELL), shown.right // _CELL, shown.bottom // _CELL
    )
    free = [
        (x, y)
        for y in range(inside.y, inside.bottom)
        for x in range(inside.x, inside.right)
        if near.data[y * width + x] and not cells.data[y * width + x]
    ]
    step = max(1, math.ceil(len(free) / _MOST_POINTS))
    each = max(1, min(_CELL * _CELL, _MOST_POINTS // max(1, len(free))))
    places = []
    for number, (x, y) in enumerate(free[::step]):
        for one in range(each):
            # Every place within a cell in turn, so that no grid of the picture's is met always at the same.
            down, across = divmod((7 * number + one * (16 // each)) % 16, _CELL)
            places.append((y * _CELL + down) * marks.size.width + x * _CELL + across)
    return places


def _reached(places: list[int], marks: Plane, motion: Motion) -> list[int]:
    """Those that the motion finds neither at the answer's edges nor in the hole."""
    width, height = marks.size
    reached = []
    for place in places:
        column, row, _across, _down = _source(place, marks.size, motion)
        if not (1 <= column < width - 2 and 1 <= row < height - 2):
            continue
        above, below = (row - 1) * width + column, (row + 2) * width + column
        if not any(
            (marks.data[above - 1], marks.data[above + 2], marks.data[below - 1], marks.data[below + 2])
        ):
            reached.append(place)
    return reached


def _source(place: int, size: Size, motion: Motion) -> tuple[int, int, float, float]:
    """Where the motion finds a pixel in the answer: whole column and row, and the rests."""
    y, x = divmod(place, size.width)
    left, top = (size.width - 1) / 2, (size.height - 1) / 2
    across = left + motion.scale * (x - left) + motion.shift_x
    down = top + motion.scale * (y - top) + motion.shift_y
    column, row = math.floor(across), math.floor(down)
    return column, row, across - column, down - row


def _samples(pixels: bytes, places: list[int]) -> _Samples:
    return [[pixels[3 * place + channel] for place in places] for channel in range(3)]


def _moved_samples(pixels: bytes, places: list[int], size: Size, motion: Motion) -> _Samples:
    """By cubic convolution (Keys 1981, a = -1/2), as the hosts resample."""
    samples: _Samples = [[], [], []]
    stride = 3 * size.width
    for place in places:
        column, row, across, down = _source(place, size, motion)
        first, second, third, fourth = _cubic(across)
        lines = _cubic(down)
        start = (row - 1) * stride + 3 * (column - 1)
        for channel, values in enumerate(samples):
            at, value = start + channel, 0.0
            for weight in lines:
                line = first * pixels[at] + second * pixels[at + 3] + third * pixels[at + 6]
                value += weight * (line + fourth * pixels[at + 9])
                at += stride
            values.append(min(255.0, max(0.0, value)))
    return samples


def _cubic(rest: float) -> tuple[float, float, float, float]:
    square, cube = rest * rest, rest * rest * rest
    return (
        -0.5 * cube + square - 0.5 * rest,
        1.5 * cube - 2.5 * square + 1,
        -1.5 * cube + 2 * square + 0.5 * rest,
        0.5 * cube - 0.5 * square,
    )


def _half(samples: _Samples, which: int) -> _Samples:
    return [channel[which::2] for channel in samples]


def _error(wanted: _Samples, samples: _Samples, tone: Tone) -> float:
    total = 0.0
    for gain, offset, targets, values in zip(tone.gains, tone.offsets, wanted, samples, strict=True):
        total += sum(
            abs(target - min(255.0, max(0.0, gain * value + offset)))
            for target, value in zip(targets, values, strict=True)
        )
    return total / (3 * len(wanted[0]))


def _related(wanted: _Samples, samples: _Samples) -> bool:
    """Whether the two rings show the same: they rise and fall together, or both are flat."""
    one = [sum(values) / 3 for values in zip(*wanted, strict=True)]
    other = [sum(values) / 3 for values in zip(*samples, strict=True)]
    count = len(one)
    first, second = sum(one) / count, sum(other) / count
    own = math.sqrt(sum((value - first) ** 2 for value in one) / count)
    its = math.sqrt(sum((value - second) ** 2 for value in other) / count)
    if max(own, its) < _FLAT_DEVIATION:
        return True
    if min(own, its) < _FLAT_DEVIATION / 4:
        return False
    common = sum((value - first) * (found - second) for value, found in zip(one, other, strict=True)) / count
    return bool(common / (own * its) >= _RELATED)
