# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic on whole rows at C speed: a row of bytes is one large integer, one sample to a lane.

A picture has millions of samples and the hosts have no array library, so nothing here loops over samples
in Python. Where the comment says lanes, a lane is `LANE` bits wide and never carries into its neighbour.
"""

from __future__ import annotations

from functools import lru_cache

LANE = 32
_BYTES = LANE // 8


@lru_cache(maxsize=64)
def repeated(value: int, lane_bytes: int, count: int) -> int:
    """`count` lanes of `lane_bytes` bytes, each holding `value`."""
    return int.from_bytes(value.to_bytes(lane_bytes, "little") * count, "little")


def widened(samples: bytes) -> int:
    """Samples as lanes, each in the low byte of its lane."""
    wide = bytearray(_BYTES * len(samples))
    wide[::_BYTES] = samples
    return int.from_bytes(wide, "little")


def narrowed(lanes: int, count: int, shift: int) -> bytes:
    """Eight bits of each of `count` lanes, from bit `shift` on (0 .. 24)."""
    offset, bits = divmod(shift, 8)
    return (lanes >> bits).to_bytes(_BYTES * count, "little")[offset::_BYTES]


def clamped_difference(first: int, second: int, count: int, shift: int) -> bytes:
    """128 + (first - second) / 2^shift of lanes below 2^29, clamped to 0 .. 255."""
    one = repeated(1, _BYTES, count)
    sign, top = 1 << (LANE - 2), 1 << (shift + 8)
    moved = first + one * (sign + (top >> 1)) - second
    negative = (moved >> (LANE - 2) & one) ^ one
    beyond = (moved & one * (sign - top)) + one * (sign - top)
    too_great = beyond >> (LANE - 2) & one & ~negative
    bounded = (moved >> shift & one * 255) | too_great * 255
    return narrowed(bounded & ~(negative * 255), count, 0)


def rotated(lanes: int, count: int) -> int:
    """Each lane moved one to the right, the last one to the front."""
    last = lanes >> (LANE * (count - 1))
    return ((lanes << LANE) & ((1 << (LANE * count)) - 1)) | last


def number(samples: bytes) -> int:
    """A row of samples as a number that can be added to others where no sum passes 255."""
    return int.from_bytes(samples, "little")


def add_clamped(first: bytes, second: bytes) -> bytes:
    """Sample by sample sums, at most 255."""
    count = len(first)
    a, b = number(first), number(second)
    low, high = repeated(0x7F, 1, count), repeated(0x80, 1, count)
    total = (a & low) + (b & low)
    over = ((a & b) | ((a | b) & total)) & high
    total ^= (a ^ b) & high
    return (total | _spread(over)).to_bytes(count, "little")


def subtract_clamped(first: bytes, second: bytes) -> bytes:
    """Sample by sample differences, at least 0: the complement of a clamped sum of the complement."""
    flipped = first.translate(_COMPLEMENT)
    return add_clamped(flipped, second).translate(_COMPLEMENT)


def difference(first: bytes, second: bytes) -> bytes:
    """128 plus half of each difference, 0 .. 255, rounded down."""
    count = len(first)
    even = repeated(0xFE, 1, count)
    a, b = (number(first) & even) >> 1, (number(second) & even) >> 1
    return (a + repeated(0x80, 1, count) - b).to_bytes(count, "little")


def mean(first: bytes, second: bytes) -> bytes:
    """Sample by sample means, rounded down."""
    a, b = number(first), number(second)
    even = repeated(0xFE, 1, len(first))
    return ((a & b) + (((a ^ b) & even) >> 1)).to_bytes(len(first), "little")


def weighted(first: bytes, second: bytes, weight: int) -> bytes:
    """`first` with `weight` of 256 parts, `second` with the rest."""
    count = len(first)
    a, b = number(first), number(second)
    even_lanes = repeated(0xFF, 2, (count + 1) // 2)
    rest = 256 - weight
    even = ((a & even_lanes) * weight + (b & even_lanes) * rest) >> 8 & even_lanes
    odd = ((a >> 8 & even_lanes) * weight + (b >> 8 & even_lanes) * rest) >> 8 & even_lanes
    # An odd count leaves one lane of zeros at the top.
    return (even | odd << 8).to_bytes(count, "little")


def blended(below: bytes, above: bytes, coverage: bytes) -> bytes:
    """`above` over `below` by a coverage of 0 .. 255 for each sample, taken in 32 steps.

    A product of two rows is built bit by bit from the coverage's five high bits; full coverage and none are
    exact.
    """
    count = len(below)
    a, b = number(above), number(below)
    even_lanes = repeated(0xFF, 2, (count + 1) // 2)
    parts = [0, 0]
    for table, inverse, weight in _COVERAGE_BITS:
        inside, outside = number(coverage.translate(table)), number(coverage.translate(inverse))
        chosen = (a & inside) | (b & outside)
        parts[0] += (chosen & even_lanes) * weight
        parts[1] += (chosen >> 8 & even_lanes) * weight
    even, odd = (part >> 5 & even_lanes for part in parts)
    return (even | odd << 8).to_bytes(count, "little")


def _spread(high_bits: int) -> int:
    """0x80 in a byte to 0xFF, 0 to 0."""
    return (high_bits << 1) - (high_bits >> 7)


def _coverage_bits() -> list[tuple[bytes, bytes, int]]:
    """For the bits 16, 8, 4, 2, 1 and a last 1 of a coverage in 0 .. 32: where it is set, where it is not."""
    bits = []
    steps = [(value * 32 + 127) // 255 for value in range(256)]
    for weight in (16, 8, 4, 2, 1):
        inside = bytes(255 if (step & weight or step == 32) else 0 for step in steps)
        bits.append((inside, inside.translate(_COMPLEMENT), weight))
    full = bytes(255 if step == 32 else 0 for step in steps)
    bits.append((full, full.translate(_COMPLEMENT), 1))
    return bits


_COMPLEMENT = bytes(range(255, -1, -1))
_COVERAGE_BITS = _coverage_bits()
