# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian root with a whole Blender, and pictures of a virtual display."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from PIL import Image

from tools import hosts
from tools.host_cache import HostMissing


def root_with_blender() -> Path:
    """Skips the test where it cannot be had; in CI that is a failure."""
    try:
        root = hosts.gimp().root
    except HostMissing as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    if root is None or not (root / "usr/bin/blender").exists():
        pytest.skip("a whole Blender is in the Debian root only, and this machine has its own GIMP")
    return root


def picture_of(path: Path) -> Image.Image:
    """A screen as Xvfb writes it: X11's XWD, version 7, 32 bits a pixel (X11/XWDFile.h)."""
    data = path.read_bytes()
    header = struct.unpack(">25I", data[:100])
    start, width, height, stride, colours = header[0], header[4], header[5], header[12], header[19]
    order = "BGRX" if header[7] == 0 else "XRGB"
    pixels = data[start + 12 * colours :][: stride * height]
    return Image.frombytes("RGB", (width, height), pixels, "raw", order, stride)
