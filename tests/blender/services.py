# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service answers in the Blender tests, and how a test points the extension at it."""

from __future__ import annotations

import pytest

from scumble import png
from scumble.shapes import Size

KEY = "sk-test-planted-key"


def use_service(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", base_url)


def compass_png(size: Size) -> bytes:
    row = bytearray(3 * size.width)
    row[0::3] = bytes(round(255 * x / (size.width - 1)) for x in range(size.width))
    row[2::3] = bytes([64]) * size.width
    rows = []
    for y in range(size.height):
        row[1::3] = bytes([round(255 * y / (size.height - 1))]) * size.width
        rows.append(bytes(row))
    return png.encode(size, b"".join(rows), 3)
