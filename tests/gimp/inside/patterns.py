# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in which every displacement shows. For GIMP's Python and for pytest."""

from __future__ import annotations

import math


def coded(width: int, height: int) -> bytes:
    """RGB pixels of which no two are alike: red and green tell the place in a 251x241 cell, blue the cell."""
    reds = bytes(x % 251 for x in range(width))
    blues = bytes(x // 251 for x in range(width))
    rows = []
    row = bytearray(3 * width)
    row[0::3] = reds
    for y in range(height):
        row[1::3] = bytes([y % 241]) * width
        row[2::3] = blues.translate(bytes(min(255, b + 16 * (y // 241)) for b in range(256)))
        rows.append(bytes(row))
    return b"".join(rows)


def waves(width: int, height: int, length: int = 97) -> bytes:
    """Smooth RGB pixels in which a shift of a third of a pixel shows."""
    across = bytes(round(128 + 100 * math.sin(2 * math.pi * x / length)) for x in range(width))
    row = bytearray(3 * width)
    row[0::3] = across
    row[2::3] = bytes([90]) * width
    rows = []
    for y in range(height):
        row[1::3] = bytes([round(128 + 100 * math.sin(2 * math.pi * y / length))]) * width
        rows.append(bytes(row))
    return b"".join(rows)
