# SPDX-License-Identifier: GPL-3.0-or-later
"""Two models' sizes and prices, plans with them, and all legal sizes tried one by one."""

from __future__ import annotations

from functools import cache

from scumble.catalog import SizeRule, load
from scumble.geometry import Plan, plan
from scumble.shapes import Rect, Size

FREE = load().find("gpt-image-2.5-flare").sizes
FIXED = load().find("gpt-image-1.5").sizes
PHOTO = Size(4000, 3000)


def medium_price(size: Size) -> int:
    """Output tokens of 2.5 Flare at medium: 24 * round(24 * S / L) * (2,000,000 + area) / 4,000,000."""
    steps = (2 * 24 * size.shorter + size.longer) // (2 * size.longer)
    return -(-24 * steps * (2_000_000 + size.area) // 4_000_000) * 30


def legacy_price(size: Size) -> int:
    """Output tokens of gpt-image-1.5 at medium, from its table."""
    return {Size(1024, 1024): 1056, Size(1024, 1536): 1584, Size(1536, 1024): 1568}[size] * 32


def flare(canvas: Size, selection: Rect, context: str = "normal", detail: str = "auto") -> Plan:
    return plan(canvas, selection, FREE, medium_price, context, detail)


def legacy(canvas: Size, selection: Rect, context: str = "normal", detail: str = "auto") -> Plan:
    return plan(canvas, selection, FIXED, legacy_price, context, detail)


@cache
def all_legal() -> list[Size]:
    """Every size that the free rule allows, tried one by one."""
    edges = range(FREE.multiple_of, FREE.max_edge + 1, FREE.multiple_of)
    return [Size(width, height) for width in edges for height in edges if FREE.legal(Size(width, height))]


def fits(size: Size, sizes: SizeRule) -> bool:
    """Whether some legal size is at least as large, found by trying them all."""
    legal = sizes.fixed or all_legal()
    return any(each.width >= size.width and each.height >= size.height for each in legal)


def grown(rect: Rect, margin: int, canvas: Size) -> Rect:
    around = Rect.between(rect.x - margin, rect.y - margin, rect.right + margin, rect.bottom + margin)
    return around.intersection(Rect(0, 0, *canvas))
