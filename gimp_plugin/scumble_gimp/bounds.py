# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a rectangle of values those above zero lie."""

from __future__ import annotations

from scumble.shapes import Rect


def of_nonzero(values: bytes, bytes_per_value: int, area: Rect) -> Rect | None:
    """The smallest part of `area` that holds every value that is not zero; None when all are.

    `values` covers `area` row by row.
    """
    stride = area.width * bytes_per_value
    above = len(values) - len(values.lstrip(b"\0"))
    if above == len(values):
        return None
    top, bottom = above // stride, -(-len(values.rstrip(b"\0")) // stride)
    columns = 0
    for start in range(top * stride, bottom * stride, stride):
        columns |= int.from_bytes(values[start : start + stride], "big")
    across = columns.to_bytes(stride, "big")
    left = (stride - len(across.lstrip(b"\0"))) // bytes_per_value
    right = -(-len(across.rstrip(b"\0")) // bytes_per_value)
    return Rect.between(area.x + left, area.y + top, area.x + right, area.y + bottom)
