# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures brought to another size: cut in the middle to the new shape, then made larger or smaller."""

from __future__ import annotations

from ..png import interleaved
from ..shapes import Rect, Size
from .lanes import mean, weighted


def fitted(pixels: bytes, size: Size, channels: int, target: Size) -> bytes:
    """The picture at `target`: the largest centred part of that shape, resampled bilinearly."""
    if size == target:
        return pixels
    part = _centred(size, target)
    stride = size.width * channels
    rows = [
        pixels[y * stride + part.x * channels : y * stride + part.right * channels]
        for y in range(part.y, part.bottom)
    ]
    rows = _resampled(rows, target.height)
    planes = []
    for channel in range(channels):
        plane = b"".join(row[channel::channels] for row in rows)
        columns = _resampled(_turned(plane, part.width), target.width)
        planes.append(b"".join(_turned(b"".join(columns), target.height)))
    return interleaved(planes)


def _centred(size: Size, shape: Size) -> Rect:
    width = min(size.width, max(1, size.height * shape.width // shape.height))
    height = min(size.height, max(1, size.width * shape.height // shape.width))
    return Rect((size.width - width) // 2, (size.height - height) // 2, width, height)


def _turned(plane: bytes, width: int) -> list[bytes]:
    return [plane[x::width] for x in range(width)]


def _resampled(rows: list[bytes], count: int) -> list[bytes]:
    """Rows, each mixed from the two nearest, after halving them while there are twice too many."""
    while len(rows) >= 2 * count:
        rows = [mean(first, second) for first, second in zip(rows[::2], rows[1::2], strict=False)]
    if len(rows) == count:
        return rows
    mixed = []
    for index in range(count):
        # The middle of the new row, in 256ths of an old one from the middle of the first.
        place = ((2 * index + 1) * len(rows) * 128) // count - 128
        upper, weight = divmod(min(max(place, 0), (len(rows) - 1) * 256), 256)
        below = rows[min(upper + 1, len(rows) - 1)]
        mixed.append(weighted(below, rows[upper], weight))
    return mixed
