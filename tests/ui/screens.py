# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a virtual display."""

from __future__ import annotations

import struct
from pathlib import Path

from PIL import Image


def picture_of(path: Path) -> Image.Image:
    """A screen as Xvfb writes it: X11's XWD, version 7, 32 bits a pixel (X11/XWDFile.h)."""
    data = path.read_bytes()
    header = struct.unpack(">25I", data[:100])
    start, width, height, stride, colours = header[0], header[4], header[5], header[12], header[19]
    order = "BGRX" if header[7] == 0 else "XRGB"
    pixels = data[start + 12 * colours :][: stride * height]
    return Image.frombytes("RGB", (width, height), pixels, "raw", order, stride)
