# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and comparing pictures with Pillow, which had no part in making them."""

from __future__ import annotations

import io
from array import array

from gimp.inside.patterns import coded
from PIL import Image, ImageChops, ImageStat

Place = tuple[int, int, int, int]
_TYPECODES = {"Y u8": "B", "Y u16": "H"}


def opened(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png))
    picture.load()
    return picture


def coded_crop(canvas: tuple[int, int], place: Place) -> Image.Image:
    """The part at `place` (x, y, width, height) of the coded picture that the cases start from."""
    x, y, width, height = place
    return Image.frombytes("RGB", canvas, coded(*canvas)).crop((x, y, x + width, y + height))


def changed_pixels(first: Image.Image, second: Image.Image, where: Image.Image | None = None) -> int:
    """How many pixels differ in any channel, counting those where the "L" picture `where` is not 0."""
    assert (first.mode, first.size) == (second.mode, second.size)
    bands = ImageChops.difference(first, second).split()
    changed = bands[0]
    for band in bands[1:]:
        changed = ImageChops.lighter(changed, band)
    flags = changed.point(lambda value: 255 if value else 0)
    if where is not None:
        flags = ImageChops.multiply(flags, where.point(lambda value: 255 if value else 0))
    return flags.histogram()[255]


def largest_difference(first: Image.Image, second: Image.Image) -> int:
    extrema = ImageChops.difference(first, second).getextrema()
    pairs = extrema if isinstance(extrema[0], tuple) else [extrema]
    return max(high for _low, high in pairs)


def mean_difference(first: Image.Image, second: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(first, second)).mean)


def hole(mask: Image.Image) -> bytes:
    """One byte a pixel: 1 where the mask is transparent; it has to be opaque everywhere else."""
    alpha = mask.getchannel("A").tobytes()
    assert set(alpha) <= {0, 255}
    return alpha.translate(bytes([1]) + bytes(255))


def above_zero(values: bytes, format: str) -> bytes:
    return bytes(map(bool, array(_TYPECODES[format], values)))
