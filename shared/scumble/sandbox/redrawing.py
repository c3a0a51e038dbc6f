# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits as these models make them: the whole picture is drawn again, and the mask is advice.

Outside the hole everything drifts a little, as was measured (mean 2.4 of 255); inside, the prompt is painted
in the light of what surrounds it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..shapes import Size
from .lanes import add_clamped, blended, mean, subtract_clamped, weighted
from .noise import Noise, Octave, Spline
from .painter import painted_rows, seed_of
from .words import Colour, read

_FEATHER = (1, 2, 4, 8)
_MARGIN = sum(_FEATHER)
_PAINT_PARTS = 184
"""Of 256 parts of a fill, how many are paint; the rest is the surroundings' colour."""

_Grid = list[list[tuple[int, int, int, int]]]
"""Sums of red, green, blue, and how many samples they are sums of."""


def redraw(
    pixels: bytes,
    size: Size,
    coverage: bytes | None,
    prompt: str,
    variant: int = 0,
    outside: bytes | None = None,
) -> bytes:
    """RGB pixels of the picture drawn again.

    `coverage` has a byte for each pixel, 0 where the picture is to stay and 255 where the prompt is to be
    painted; None repaints all of it in the prompt's colours, its shapes still to be seen. `outside` are RGB
    pixels that stand outside the hole in the place of the usual small drift: one that is known.
    """
    if coverage is None:
        return b"".join(_repainted(pixels, size, prompt, variant))
    return b"".join(_filled(pixels, size, coverage, prompt, variant, outside))


def _filled(
    pixels: bytes, size: Size, coverage: bytes, prompt: str, variant: int, outside: bytes | None
) -> Iterator[bytes]:
    width, height = size
    masks = [coverage[start : start + width] for start in range(0, len(coverage), width)]
    painted = [y for y, mask in enumerate(masks) if any(mask)]
    first, last = (painted[0], painted[-1] + 1) if painted else (0, 0)
    soft = _softened(masks, first, last)
    surroundings = _surroundings(pixels, size, coverage) if painted else []
    measure = _measure(size, masks[first:last])
    paint = painted_rows(prompt, size, variant, range(first, last), measure)
    drift = _Drift(size, seed_of(prompt, variant))
    across = bytearray(3 * width)
    local = bytearray(3 * width)
    for y in range(height):
        span = slice(3 * width * y, 3 * width * (y + 1))
        row = drift.applied(pixels[span], y) if outside is None else outside[span]
        if first <= y < last:
            for channel, spline in enumerate(surroundings):
                across[channel::3] = soft[y - first]
                local[channel::3] = spline.samples(y)
            fill = weighted(next(paint), bytes(local), _PAINT_PARTS)
            row = blended(row, fill, bytes(across))
        yield row


def _measure(size: Size, hole: list[bytes]) -> int:
    """For the size of stones and boards: such that a hole shows several."""
    left = min((len(mask) - len(mask.lstrip(b"\0")) for mask in hole), default=0)
    right = max((len(mask.rstrip(b"\0")) for mask in hole), default=0)
    return min(size.shorter, max(size.shorter // 3, min(right - left, len(hole)) * 8 // 5))


def _repainted(pixels: bytes, size: Size, prompt: str, variant: int) -> Iterator[bytes]:
    reading = read(prompt)
    colour = reading.colours[0] if reading.colours else reading.unnamed[0]
    light = reading.colours[1] if len(reading.colours) > 1 else reading.unnamed[1]
    tables = [_duotone(colour, light, channel) for channel in range(3)]
    stride = 3 * size.width
    toned = bytearray(stride)
    for y, paint in enumerate(painted_rows(prompt, size, variant)):
        row = pixels[stride * y : stride * (y + 1)]
        warm = weighted(row[1::3], row[::3], 170)
        gray = weighted(warm, row[2::3], 228)
        for channel, table in enumerate(tables):
            toned[channel::3] = gray.translate(table)
        yield weighted(weighted(bytes(toned), row, 160), paint, 226)


def _duotone(colour: Colour, light: Colour, channel: int) -> bytes:
    """From gray to a tone: dark colour, the colour itself at 110, and then the light one."""
    return bytes(
        round(colour[channel] * (0.12 + 0.88 * gray / 110))
        if gray < 110
        else round(colour[channel] + (min(255, light[channel] + 24) - colour[channel]) * (gray - 110) / 145)
        for gray in range(256)
    )


class _Drift:
    """Small changes of each channel, smooth and with a fine part, of either sign."""

    def __init__(self, size: Size, seed: bytes) -> None:
        width, height = size
        fine = Octave(max(3, width // 6), max(3, height // 6), 2)
        self._noises = [
            Noise(b"drift %d" % channel + seed, size, (Octave(5, 5, 3), fine)) for channel in range(3)
        ]
        self._up = bytearray(3 * width)
        self._down = bytearray(3 * width)

    def applied(self, row: bytes, y: int) -> bytes:
        for channel, noise in enumerate(self._noises):
            samples = noise.samples(noise.row(y))
            self._up[channel::3] = samples.translate(_DRIFT_UP)
            self._down[channel::3] = samples.translate(_DRIFT_DOWN)
        return subtract_clamped(add_clamped(row, bytes(self._up)), bytes(self._down))


def _softened(masks: list[bytes], first: int, last: int) -> list[bytes]:
    """The coverage of the rows first .. last - 1, eased in from the hole's edge inwards, never outwards.

    What lies beyond the picture's edges counts as what lies at them.
    """
    span = range(first - _MARGIN, last + _MARGIN)
    hole = [masks[min(max(y, 0), len(masks) - 1)].translate(_ANY) for y in span]
    for step, distance in enumerate(_FEATHER):
        hole = [mean(row, _shifted(row, distance if step % 2 else -distance)) for row in hole]
    for step, distance in enumerate(_FEATHER):
        moved = distance if step % 2 else -distance
        last_row = len(hole) - 1
        hole = [mean(row, hole[min(max(index + moved, 0), last_row)]) for index, row in enumerate(hole)]
    nothing = bytes(len(masks[0])) if masks else b""
    return [
        blended(nothing, masks[y], hole[y - first + _MARGIN].translate(_EASED)) for y in range(first, last)
    ]


def _shifted(row: bytes, places: int) -> bytes:
    """The row moved to the right (left when negative), its end sample repeated."""
    places = max(-len(row), min(len(row), places))
    if places >= 0:
        return row[:1] * places + row[: len(row) - places]
    return row[-places:] + row[-1:] * -places


def _surroundings(pixels: bytes, size: Size, coverage: bytes) -> list[Spline]:
    """The local mean of what stays, continued into the hole, smooth; one surface a channel."""
    step = max(1, size.shorter // 64)
    grid: _Grid = []
    for y in range(step // 2, size.height, step):
        row = pixels[3 * size.width * y : 3 * size.width * (y + 1)]
        mask = coverage[size.width * y : size.width * (y + 1)]
        start = step // 2
        reds, greens, blues = (row[3 * start + channel :: 3 * step] for channel in range(3))
        grid.append(
            [
                (0, 0, 0, 0) if covered else (red, green, blue, 1)
                for red, green, blue, covered in zip(reds, greens, blues, mask[start::step], strict=True)
            ]
        )
    levels = [grid]
    while len(levels[-1]) > 1 or len(levels[-1][0]) > 1:
        levels.append(_halved(levels[-1]))
    known = levels[-1]
    if known[0][0][3] == 0:
        known = [[(128, 128, 128, 1)]]
    coarsest = min(3, len(levels) - 1)
    for level in reversed(levels[coarsest:-1]):
        known = [
            [cell if cell[3] else known[y // 2][x // 2] for x, cell in enumerate(line)]
            for y, line in enumerate(level)
        ]
    known = _smoothed(known)
    columns, lines = len(known[0]), len(known)
    rows = [known[0], *known, known[-1]]
    return [
        Spline(
            bytes(cell[channel] // cell[3] for line in rows for cell in (line[0], *line, line[-1])),
            columns,
            lines,
            size,
        )
        for channel in range(3)
    ]


def _halved(grid: _Grid) -> _Grid:
    return [
        [_total([*upper[x : x + 2], *(lower[x : x + 2])]) for x in range(0, len(upper), 2)]
        for upper, lower in zip(grid[::2], [*grid[1::2], *([[]] * (len(grid) % 2))], strict=True)
    ]


def _smoothed(grid: _Grid) -> _Grid:
    """Each cell with its neighbours, all with the same weight."""
    evened = [[_mean_of(cell) for cell in line] for line in grid]
    return [
        [
            _total([cell for row in evened[max(0, y - 1) : y + 2] for cell in row[max(0, x - 1) : x + 2]])
            for x in range(len(line))
        ]
        for y, line in enumerate(evened)
    ]


def _mean_of(cell: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    red, green, blue, count = cell
    return red // count, green // count, blue // count, 1


def _total(cells: list[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    red, green, blue, count = (sum(parts) for parts in zip(*cells, strict=True))
    return red, green, blue, count


_ANY = bytes(1) + b"\xff" * 255
_EASED = bytes(min(255, max(0, 2 * value - 255)) for value in range(256))
_DRIFT_UP = bytes(max(0, round((value - 127.5) * 0.104)) for value in range(256))
_DRIFT_DOWN = bytes(max(0, round((127.5 - value) * 0.104)) for value in range(256))
