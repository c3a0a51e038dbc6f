# SPDX-License-Identifier: GPL-3.0-or-later
"""The hole in the mask that is sent: where the selection is above zero, at the request's size."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from operator import itemgetter

from scumble.shapes import Padding, Size

_ABOVE_ZERO = bytes(1) + b"\x01" * 255
_HOLE_TO_ALPHA = bytes((255, 0)) + bytes(254)


def above_zero(values: bytes, bytes_per_value: int) -> bytes:
    """One byte a pixel, 1 where the value is not zero, from integers of 1 or 2 bytes."""
    if bytes_per_value == 1:
        return values.translate(_ABOVE_ZERO)
    return bytes(map(bool, array("H", values)))


def in_request(hole: bytes, inner: Size, padding: Padding, request: Size) -> bytes:
    """The hole of a window at its request's size, one byte a pixel, 1 in the hole.

    `hole` covers the window's part on the canvas, whose size is `inner`; around it lies `padding`,
    which is never in the hole. A request pixel is in the hole when any canvas pixel that it covers is, so
    that reducing loses nothing of it; at the window's own size every pixel keeps its place.
    """
    window = Size(inner.width + padding.left + padding.right, inner.height + padding.top + padding.bottom)
    left, right = bytes(padding.left), bytes(padding.right)
    empty = bytes(window.width)
    rows = [empty] * padding.top
    for start in range(0, inner.width * inner.height, inner.width):
        rows.append(left + hole[start : start + inner.width] + right)
    rows += [empty] * padding.bottom
    if window == request:
        return b"".join(rows)
    columns = _covered(window.width, request.width)
    wide: dict[bytes, bytes] = {}
    result = []
    for covered in _covered(window.height, request.height):
        row = _any_of([rows[index] for index in covered])
        if row not in wide:
            wide[row] = _picked(row, columns)
        result.append(wide[row])
    return b"".join(result)


def mask_pixels(hole: bytes) -> bytes:
    """Black RGBA pixels: transparent in the hole, opaque outside it."""
    pixels = bytearray(4 * len(hole))
    pixels[3::4] = hole.translate(_HOLE_TO_ALPHA)
    return bytes(pixels)


def _covered(source: int, target: int) -> list[range]:
    """For each of `target` equal parts of 0..source, the whole pixels that it touches."""
    return [range(index * source // target, -(-(index + 1) * source // target)) for index in range(target)]


def _picked(row: bytes, columns: list[range]) -> bytes:
    """The row with, in each place, 1 when any of that place's columns is 1."""
    deepest = max(len(covered) for covered in columns)
    layers = []
    for depth in range(deepest):
        places = [covered[min(depth, len(covered) - 1)] for covered in columns]
        layers.append(bytes(itemgetter(*places, 0)(row)[:-1]))
    return _any_of(layers)


def _any_of(rows: Sequence[bytes]) -> bytes:
    """The bytewise "or" of rows of one length."""
    if len(rows) == 1:
        return rows[0]
    joined = 0
    for row in set(rows):
        joined |= int.from_bytes(row, "big")
    return joined.to_bytes(len(rows[0]), "big")
