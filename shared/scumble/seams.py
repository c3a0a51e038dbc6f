# SPDX-License-Identifier: GPL-3.0-or-later
"""How visible the joints are where a texture is laid beside itself: two numbers for each of its two axes.

Both are needed. A line may be smooth and a step of light beside it still show over the whole floor; and a cut
that follows the stones leaves no line, but moves such a step into the tile. Marks: facts of this project, by
looking at photographs, periodic pictures and repairs of every kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .arrays import luma, require_numpy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .arrays import Pixels, Plane

    _Line = NDArray[np.float64]

WRAP_MARKS = (0.6, 1.35)
STEP_MARK = 2.0
REACH = 1 / 6
"""So near the wrap line, in edges of the picture, a repair may have moved what is wrong with it."""

_STRIP = 24 / 512
# A joint is wider than one line, a seam is not: its neighbours must be nearly as strong to excuse it.
_ALIKE = 1.75
# Parts of a periodic picture differ so much; a step of light is 2 to 5 times the worst there is.
_STEP_SLACK = 1.6
# A tenth of a grey level of 256: what is flatter than this shows nothing.
_UNSEEN = 0.1 / 255


@dataclass(frozen=True)
class Axis:
    """What shows at one pair of opposite edges.

    `wrap`: how much the picture changes across its wrap line, as a multiple of what it does across its median
    line: by first and by second differences, the worse of both. 1 is ideal; far below 1 is a blurred or
    mirrored edge. `usual` are the ratios that all but 1 % of the picture's own lines have: joints of bricks
    may lie on the edge. `step`: the worst difference in brightness between neighbouring strips, anywhere in
    the tile, as a multiple of the median; `step_near` and `step_elsewhere`: the worst within REACH of the
    wrap line and farther from it.
    """

    wrap: float
    usual: tuple[float, float]
    step: float
    step_near: float
    step_elsewhere: float

    @property
    def fault(self) -> float:
        """How far outside its marks, as a logarithm; 0 passes."""
        low, high = min(WRAP_MARKS[0], self.usual[0]), max(WRAP_MARKS[1], self.usual[1])
        allowed = max(STEP_MARK, _STEP_SLACK * self.step_elsewhere)
        return max(_outside(self.wrap, low, high), _outside(self.step_near, 0, allowed))

    @property
    def excused(self) -> float:
        """How far the wrap ratio alone lies outside WRAP_MARKS, as a logarithm, whatever excuses it."""
        return _outside(self.wrap, *WRAP_MARKS)

    @property
    def passes(self) -> bool:
        return self.fault == 0


@dataclass(frozen=True)
class Seams:
    """Both axes: where the right edge meets the left one, and where the lower meets the upper."""

    left_right: Axis
    top_bottom: Axis

    @property
    def passes(self) -> bool:
        return self.left_right.passes and self.top_bottom.passes

    @property
    def axes(self) -> tuple[Axis, Axis]:
        return self.left_right, self.top_bottom


def measure(pixels: Pixels) -> Seams:
    """Look at a texture as its tiles will lie. Raises MissingPart, BadRequest below 64x64 pixels."""
    require_numpy()
    import numpy as np

    light = luma(pixels)
    strip = max(2, round(min(light.shape) * _STRIP))
    return Seams(_axis(light, strip), _axis(np.ascontiguousarray(light.T), strip))


def _axis(light: Plane, strip: int) -> Axis:
    wrap, usual = _wrap(light)
    steps = _steps(light, strip)
    reach = round(REACH * len(steps))
    near = max(steps[:reach].max(), steps[-reach:].max())
    elsewhere = float(steps[reach:-reach].max())
    return Axis(wrap, usual, float(steps.max()), float(near), elsewhere)


def _wrap(light: Plane) -> tuple[float, tuple[float, float]]:
    """The worse ratio of first and second differences, and the usual range of that one.

    Entry i of either is for the line between the columns i - 1 and i; the first is the wrap line."""
    import numpy as np

    change = np.empty_like(light)
    np.subtract(light[:, 1:], light[:, :-1], out=change[:, 1:])
    np.subtract(light[:, 0], light[:, -1], out=change[:, 0])
    slope = np.abs(change).mean(0, dtype=np.float64)
    bend = np.empty_like(slope)
    bend[:-1] = np.abs(change[:, 1:] - change[:, :-1]).mean(0, dtype=np.float64)
    bend[-1] = np.abs(change[:, 0] - change[:, -1]).mean(dtype=np.float64)
    across = (bend + np.roll(bend, 1)) / 2
    found = [_ratio(slope), _ratio(across)]
    return max(found, key=lambda each: (_outside(each[0], *each[1]), abs(math.log(each[0]))))


def _ratio(lines: _Line) -> tuple[float, tuple[float, float]]:
    import numpy as np

    shown = lines + _UNSEEN
    interior = shown[2:-1]
    middle = np.median(interior)
    beside = shown[[-3, -2, 2, 3]]
    low = max(interior.min(), beside.min() / _ALIKE)
    high = min(interior.max(), beside.max() * _ALIKE)
    return float(shown[0] / middle), (float(low / middle), float(high / middle))


def _steps(light: Plane, strip: int) -> _Line:
    """Around each line, how much a strip on its one side is lighter than one on the other, on the average of
    stretches twice as long as the strips are wide; multiples of the median."""
    import numpy as np

    height, width = light.shape
    length = 2 * strip
    stretches = light[: height // length * length].reshape(-1, length, width).mean(1, dtype=np.float64)
    wrapped = np.concatenate([stretches[:, -strip:], stretches, stretches[:, : strip - 1]], 1)
    sums = np.pad(wrapped.cumsum(1), ((0, 0), (1, 0)))
    means = (sums[:, strip:] - sums[:, :-strip]) / strip
    before = means[:, :width]
    after = np.roll(means[:, :width], -strip, 1)
    steps = np.abs(after - before).mean(0) + _UNSEEN
    return np.asarray(steps / np.median(steps))


def _outside(ratio: float, low: float, high: float) -> float:
    """How far a ratio lies outside a range, as a logarithm."""
    if ratio < low:
        return math.log(low / ratio)
    return math.log(ratio / high) if ratio > high else 0.0
