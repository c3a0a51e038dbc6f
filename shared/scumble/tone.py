# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour and light of an answer against what was sent: a gain and an offset for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STRONGEST_GAIN = 1.6
LARGEST_OFFSET = 64.0

_DARKEST, _LIGHTEST = 2, 253
_ROUNDS = 4
_HOLD = 4.0
"""The variance, in levels squared, below which a channel counts as flat and its gain stays near 1."""


@dataclass(frozen=True)
class Tone:
    """What was sent is `gains` times the answer plus `offsets`, for red, green, blue in 0 .. 255."""

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offsets: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def is_neutral(self) -> bool:
        """Whether no level changes by half a level, so that nothing would be seen of it."""
        return all(
            abs((gain - 1) * level + offset) < 0.5
            for gain, offset in zip(self.gains, self.offsets, strict=True)
            for level in (0, 255)
        )

    def tables(self) -> tuple[bytes, bytes, bytes]:
        """For each channel the new value of each of the 256, as for bytes.translate."""
        red, green, blue = (
            bytes(min(255, max(0, round(gain * value + offset))) for value in range(256))
            for gain, offset in zip(self.gains, self.offsets, strict=True)
        )
        return red, green, blue


NEUTRAL = Tone()


def fit(sent: Sequence[Sequence[float]], answer: Sequence[Sequence[float]]) -> Tone | None:
    """The tone that brings the answer's samples (a list a channel) to those sent at the same places.

    Least squares with Cauchy weights; clipped values say nothing and are left out. None where the two differ
    by more than a redrawing explains.
    """
    gains, offsets = [], []
    for wanted, found in zip(sent, answer, strict=True):
        gain, offset = _line(found, wanted)
        # At middle grey, since gain and offset may be far off together and cancel out where the values are.
        if not 1 / STRONGEST_GAIN <= gain <= STRONGEST_GAIN:
            return None
        if abs((gain - 1) * 128 + offset) > LARGEST_OFFSET:
            return None
        gains.append(gain)
        offsets.append(offset)
    return Tone((gains[0], gains[1], gains[2]), (offsets[0], offsets[1], offsets[2]))


def _line(found: Sequence[float], wanted: Sequence[float]) -> tuple[float, float]:
    pairs = [
        (value, target)
        for value, target in zip(found, wanted, strict=True)
        if _DARKEST < value < _LIGHTEST and _DARKEST < target < _LIGHTEST
    ]
    if 4 * len(pairs) < len(found):
        return 1.0, 0.0
    weights = [1.0] * len(pairs)
    gain, offset = 1.0, 0.0
    for _round in range(_ROUNDS):
        total = sum(weights)
        middle = sum(weight * value for weight, (value, _t) in zip(weights, pairs, strict=True)) / total
        target = sum(weight * wish for weight, (_v, wish) in zip(weights, pairs, strict=True)) / total
        common = sum(
            weight * (value - middle) * (wish - target)
            for weight, (value, wish) in zip(weights, pairs, strict=True)
        )
        variance = sum(
            weight * (value - middle) ** 2 for weight, (value, _t) in zip(weights, pairs, strict=True)
        )
        gain = (common + _HOLD * total) / (variance + _HOLD * total)
        offset = target - gain * middle
        residuals = [wish - gain * value - offset for value, wish in pairs]
        spread = max(1.0, 1.5 * sorted(map(abs, residuals))[len(residuals) // 2])
        bound = 4 * spread * spread
        weights = [bound / (bound + residual * residual) for residual in residuals]
    return gain, offset
