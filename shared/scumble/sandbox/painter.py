# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from words, in pure Python and fast: textures that can be laid side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from ..shapes import Size
from .lanes import difference, number, rotated
from .layout import TINT, LaidRow
from .motifs import surface
from .noise import Dice, Noise
from .surfaces import LIGHT, Surface
from .words import read

_GRAIN_BYTES = 65_521
_BESIDE_JOINTS = bytes(255 if depth > 80 else 0 for depth in range(256))
_EVEN = 2 * LIGHT + TINT // 2


def paint(prompt: str, size: Size, variant: int = 0) -> bytes:
    """RGB pixels of `size`, rows from the top, that continue over all four edges.

    The words choose motif and colours; prompt and variant choose the details. The same on every machine.
    """
    return b"".join(painted_rows(prompt, size, variant))


def painted_rows(
    prompt: str, size: Size, variant: int = 0, rows: range | None = None, measure: int | None = None
) -> Iterator[bytes]:
    """The rows of `paint`, or some of them, one after the other.

    `measure`, in pixels, sets how large stones, boards and threads are; else they fit the shorter edge.
    """
    seed = seed_of(prompt, variant)
    chosen = surface(read(prompt), size, measure or size.shorter, Dice(seed))
    return _rows(chosen, size, seed, range(size.height) if rows is None else rows)


def seed_of(prompt: str, variant: int) -> bytes:
    """What all chance in a picture comes from."""
    return hashlib.sha256(b"%d " % variant + prompt.encode("utf-8", "surrogatepass")).digest()


def _rows(chosen: Surface, size: Size, seed: bytes, rows: range) -> Iterator[bytes]:
    ground = _Ground(chosen, size, seed)
    width = size.width
    grain = _grain(seed, chosen.grain)
    tone = _tones(chosen.grain)
    even_light = number(bytes((LIGHT,)) * width)
    row = bytearray(3 * width)
    before = ground.at((rows.start - 1) % size.height)
    for y in rows:
        here = ground.at(y)
        start = y * 40_503 % _GRAIN_BYTES
        light = number(grain[start : start + width])
        if chosen.slope_light:
            slopes = ground.broad.slopes(here.heights, rotated(before.heights, width))
            light += number(_turned(slopes.translate(chosen.slope_light), here.moved))
        else:
            light += even_light
        if chosen.profile:
            rise = difference(here.profile, _turned(before.profile, 1))
            light += number(rise.translate(chosen.edge_light))
        else:
            light += even_light
        faces = number(here.depth.translate(chosen.faces))
        for channel, colours in enumerate(chosen.colours):
            total = number(here.depth.translate(colours)) + light
            if here.laid:
                total += here.laid.tints[channel] & faces
            row[channel::3] = total.to_bytes(width, "little").translate(tone)
        yield bytes(row)
        before = here


@dataclass(frozen=True)
class _GroundRow:
    """A row before colour and light: the noise's heights, depths, and the heights of its edges."""

    heights: int
    depth: bytes
    profile: bytes
    moved: int
    laid: LaidRow | None


class _Ground:
    """The lie of a surface, any row of it."""

    def __init__(self, chosen: Surface, size: Size, seed: bytes) -> None:
        self._chosen = chosen
        self._size = size
        self.broad = Noise(b"broad" + seed, size, chosen.broad)
        self._fine = Noise(b"fine" + seed, size, chosen.fine) if chosen.fine else None

    def at(self, y: int) -> _GroundRow:
        chosen, width = self._chosen, self._size.width
        laid = chosen.layout.row(y) if chosen.layout else None
        moved = chosen.skew * width * y // self._size.height
        if laid and chosen.even_joints:
            # Where joints have noise too, moving it by courses would show as a line in them.
            moved = laid.moved
        heights = self.broad.row(y)
        total = number(_turned(self.broad.samples(heights).translate(chosen.broad_depth), moved))
        if self._fine:
            fine = self._fine.samples(self._fine.row(y))
            total += number(_turned(fine.translate(chosen.fine_depth), moved))
        if laid:
            stones = laid.codes.translate(laid.depths)
            if chosen.even_joints:
                total &= number(stones.translate(_BESIDE_JOINTS))
            total += number(stones)
        depth = total.to_bytes(width, "little")
        profile = depth.translate(chosen.profile) if chosen.profile else b""
        return _GroundRow(heights, depth, profile, moved, laid)


def _turned(row: bytes, places: int) -> bytes:
    """The row moved to the right, over the edge to the front."""
    places %= len(row)
    return row[-places:] + row[:-places] if places else row


def _grain(seed: bytes, strength: int) -> bytes:
    """Random samples 0 .. strength, more of the middle ones, enough for the widest row from any start."""
    count = _GRAIN_BYTES + 8192
    noise = hashlib.shake_256(b"grain" + seed).digest(count)
    table = bytes(((byte & 15) + (byte >> 4)) * strength // 30 for byte in range(256))
    return noise.translate(table)


def _tones(grain: int) -> bytes:
    """From the sum of half tone, tint, lights and grain to a sample 0 .. 255."""
    even = _EVEN + grain // 2
    return bytes(min(255, max(0, 2 * (total - even))) for total in range(256))
