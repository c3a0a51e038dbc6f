# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints of a texture made to meet: the cheapest of three ways that passes, and nothing where none is needed.

Everything here is arithmetic and free. What no way mends is for repainting, which is paid and asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .arrays import colours, luma, require_numpy
from .seams import Seams, measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .arrays import Pixels, Plane

    _Path = NDArray[np.int64]

Means = Literal["none", "periodic", "light+periodic", "light+cut", "light+cut+periodic"]

OVERLAP = 1 / 8
"""Of an edge: what the cut lays over the opposite edge; the picture is stretched again by as much."""

_LIGHT_DEGREE = 4
_LIGHT_GRID = 32
_LEAST_LIGHT = 0.02
_MOST_GAIN = 4.0
_UNEVEN = 1.1
_FEATHER_PIXELS = 3.0


@dataclass(frozen=True)
class Repair:
    """What became of a texture: `pixels` is the very array that came in where `means` is "none"."""

    pixels: Pixels
    means: Means
    before: Seams
    after: Seams


def repair(pixels: Pixels) -> Repair:
    """Make a texture seamless where it is not; same size.

    No axis is worse afterwards than before (`Axis.fault`). Where no means passes, the best of them is taken;
    `after` tells. About 2 s for 2048x2048 pixels: not for a host's main thread. Raises MissingPart,
    BadRequest below 64x64 pixels.
    """
    require_numpy()
    before = measure(pixels)
    best = Repair(pixels, "none", before, before)
    if before.passes:
        return best
    for means, made in _tries(pixels, before):
        after = measure(made)
        if _is_better(after, best.after, before):
            best = Repair(made, means, before, after)
        if not any(_shown(after)):
            break
    return best


def periodic(pixels: Pixels) -> Pixels:
    """The picture less a smooth one that bears all the difference of opposite edges; nothing else moves.

    L. Moisan, "Periodic plus smooth image decomposition", J. Math. Imaging Vis. 39 (2011).
    """
    require_numpy()
    import numpy as np

    height, width = pixels.shape[:2]
    down = 2 * np.cos(2 * np.pi * np.arange(height) / height)[:, None]
    across = 2 * np.cos(2 * np.pi * np.arange(width // 2 + 1) / width)[None, :]
    bending = (down + across - 4).astype(np.float32)
    bending[0, 0] = 1
    result = np.empty_like(pixels)
    for channel in range(pixels.shape[2]):
        plane = pixels[:, :, channel]
        # The jump over the wrap, on the one edge and negative on the other: two lines each way, whose
        # transform is that of one line times one factor for the two places.
        rows = np.fft.rfft(plane[-1] - plane[0])
        columns = np.fft.fft(plane[:, -1] - plane[:, 0])
        top = 1 - np.exp(2j * np.pi * np.arange(height) / height)
        left = 1 - np.exp(2j * np.pi * np.arange(width // 2 + 1) / width)
        jump = (top[:, None] * rows[None, :] + columns[:, None] * left[None, :]).astype(np.complex64)
        jump /= bending
        jump[0, 0] = 0
        smooth = np.fft.irfft2(jump, s=(height, width))
        result[:, :, channel] = plane - smooth
    return np.clip(result, 0, 1, out=result)


def even_light(pixels: Pixels, across: bool = True, down: bool = True) -> Pixels:
    """Divided by the broad course of its own light: a polynomial of degree 4 through its logarithm.

    A blur would follow the edge's own light wrongly, for lack of what is beyond it. Only the course along
    the chosen axes is taken out; the mean brightness stays.
    """
    require_numpy()
    import numpy as np

    light = luma(pixels)
    gain = np.exp(-_course_of_light(light, across, down))
    gain *= light.mean() / max(_LEAST_LIGHT, float((light * gain).mean()))
    result = pixels.copy()
    result[:, :, : colours(pixels)] *= np.clip(gain, 1 / _MOST_GAIN, _MOST_GAIN)[:, :, None]
    return np.clip(result, 0, 1, out=result)


def cut_to_fit(pixels: Pixels, across: bool = True, down: bool = True) -> Pixels:
    """An eighth of the chosen axes laid over the opposite edge, cut where both differ least, and the rest
    stretched back to the size it had.

    A. Efros and W. Freeman, "Image quilting", SIGGRAPH 2001: the path of least squared difference.
    """
    require_numpy()
    import numpy as np

    result = pixels
    if across:
        result = _stretched(_cut(result), pixels.shape[1])
    if down:
        turned = np.ascontiguousarray(result.transpose(1, 0, 2))
        result = np.ascontiguousarray(_stretched(_cut(turned), pixels.shape[0]).transpose(1, 0, 2))
    return result


def _tries(pixels: Pixels, before: Seams) -> Iterator[tuple[Means, Pixels]]:
    """The means, each made only when it is come to: the one that changes least first."""
    across, down = (not axis.passes for axis in before.axes)
    even = even_light(pixels, across, down)
    if _is_uneven(luma(pixels), across, down):
        yield "light+periodic", periodic(even)
    else:
        yield "periodic", periodic(pixels)
    cut = cut_to_fit(even, across, down)
    yield "light+cut", cut
    yield "light+cut+periodic", periodic(cut)


def _is_better(after: Seams, best: Seams, before: Seams) -> bool:
    if any(now.fault > then.fault for now, then in zip(after.axes, before.axes, strict=True)):
        return False
    return _shown(after) < _shown(best)


def _shown(seams: Seams) -> tuple[float, float]:
    """What fails first, then what needs an excuse: a line of ours is not to hide among the picture's own."""
    return max(axis.fault for axis in seams.axes), max(axis.excused for axis in seams.axes)


def _course_of_light(light: Plane, across: bool, down: bool) -> Plane:
    """The logarithm of the light as it changes over the picture, 0 in some middle."""
    import numpy as np

    coarse = _block_means(light, _LIGHT_GRID)
    powers = [
        (y, x)
        for y in range(_LIGHT_DEGREE + 1 if down else 1)
        for x in range(_LIGHT_DEGREE + 1 if across else 1)
        if 0 < x + y <= _LIGHT_DEGREE
    ]
    rows, columns = (np.linspace(-1, 1, count) for count in coarse.shape)
    terms = np.stack([np.outer(rows**y, columns**x).ravel() for y, x in powers], 1)
    terms = np.concatenate([np.ones((len(terms), 1)), terms], 1)
    found = np.linalg.lstsq(terms, np.log(np.maximum(coarse, _LEAST_LIGHT)).ravel(), rcond=None)[0]
    factors = np.zeros((_LIGHT_DEGREE + 1, _LIGHT_DEGREE + 1))
    for (y, x), factor in zip(powers, found[1:], strict=True):
        factors[y, x] = factor
    fine_rows, fine_columns = (np.linspace(-1, 1, count) for count in light.shape)
    course = np.vander(fine_rows, _LIGHT_DEGREE + 1, increasing=True) @ factors
    course = course @ np.vander(fine_columns, _LIGHT_DEGREE + 1, increasing=True).T
    return course.astype(np.float32)


def _is_uneven(light: Plane, across: bool, down: bool) -> bool:
    """Whether opposite edges are lit so differently that what is added to one cannot make it the other."""
    import numpy as np

    course = _course_of_light(light, across, down)
    apart = max(np.abs(course[:, -1] - course[:, 0]).mean(), np.abs(course[-1] - course[0]).mean())
    return bool(apart > np.log(_UNEVEN))


def _block_means(plane: Plane, count: int) -> NDArray[np.float64]:
    import numpy as np

    rows, columns = (np.linspace(0, size, count, endpoint=False).astype(np.int64) for size in plane.shape)
    sums = np.add.reduceat(np.add.reduceat(plane, rows, 0, dtype=np.float64), columns, 1)
    tall, wide = (
        np.diff(starts, append=size) for starts, size in zip((rows, columns), plane.shape, strict=True)
    )
    return np.asarray(sums / (tall[:, None] * wide))


def _cut(pixels: Pixels) -> Pixels:
    """The picture without its last columns, which lie over its first ones up to the path."""
    import numpy as np

    width = pixels.shape[1]
    overlap = round(width * OVERLAP)
    kept = width - overlap
    over, under = pixels[:, kept:], pixels[:, :overlap]
    difference = np.square(over - under).sum(2)
    path = _closed_path(difference)
    # A column is the upper picture's where it lies before the path; some pixels are of both.
    place = np.arange(overlap, dtype=np.float32)[None, :] - path[:, None].astype(np.float32)
    share = np.clip(0.5 - place / _FEATHER_PIXELS, 0, 1)
    share[:, 0], share[:, -1] = 1, 0
    result = pixels[:, :kept].copy()
    result[:, :overlap] = under + (over - under) * share[:, :, None]
    return result


def _closed_path(cost: Plane) -> _Path:
    """For each row the column of a path down the cost, the least of those whose ends meet over the wrap."""
    # Twice around, so that what is in the middle has room on both sides; then once with that as both ends.
    import numpy as np

    rows = len(cost)
    around = _path(np.concatenate([cost, cost]), None)
    middle = rows // 2
    anchor = int(around[rows + middle])
    path = _path(np.roll(cost, -middle, 0), anchor)
    return np.roll(path, middle)


def _path(cost: Plane, anchor: int | None) -> _Path:
    """The cheapest path down, one column a row at most; through `anchor` in the first row and, as the row
    after the last is the first again, beside it in the last."""
    import numpy as np

    rows, columns = cost.shape
    unreachable = np.float32(np.inf)
    total = np.full((rows, columns + 2), unreachable, np.float32)
    total[0, 1:-1] = cost[0]
    if anchor is not None:
        total[0] = unreachable
        total[0, anchor + 1] = cost[0, anchor]
    for row in range(1, rows):
        above = total[row - 1]
        least = np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
        np.add(least, cost[row], out=total[row, 1:-1])
    last = total[-1]
    path = np.empty(rows, np.int64)
    if anchor is None:
        column = int(last.argmin())
    else:
        column = anchor + int(last[anchor : anchor + 3].argmin())
    path[-1] = column
    for row in range(rows - 2, -1, -1):
        column += int(total[row, column - 1 : column + 2].argmin()) - 1
        path[row] = column
    return path - 1


def _stretched(pixels: Pixels, width: int) -> Pixels:
    """As wide as asked, by the waves it is made of: it stays periodic across, and sharp."""
    import numpy as np

    made = pixels.shape[1]
    waves = np.fft.rfft(pixels, axis=1)
    if made % 2 == 0:
        # The shortest wave stood for both directions of itself; now it is one of many.
        waves[:, -1] /= 2
    result = np.fft.irfft(waves, n=width, axis=1).astype(np.float32, copy=False)
    result *= np.float32(width / made)
    return np.clip(result, 0, 1, out=result)
