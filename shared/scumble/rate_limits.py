# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer's headers and words say of rate limits: how much is left, and how long to wait."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

Kind = Literal["requests", "tokens", "input-images"]

_KINDS: tuple[Kind, ...] = ("requests", "tokens", "input-images")
_COUNT = re.compile(r"[0-9]{1,15}")
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_PART = re.compile(rf"({_NUMBER})(ms|h|m|s)")
_DURATION = re.compile(rf"(?:{_NUMBER}(?:ms|h|m|s))+")
_PLAIN = re.compile(_NUMBER)
_SECONDS_OF = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_TRY_AGAIN = re.compile(
    rf"\btry again in ((?:{_NUMBER}(?:ms|h|m|s))+|{_NUMBER}(?= ?seconds?\b))", re.IGNORECASE | re.ASCII
)
# A prompt that the message quotes is not searched beyond this.
_MESSAGE_MAX = 4_096


@dataclass(frozen=True)
class Limit:
    """One of the service's limits for a minute: its amount, what is left of it, and in how many seconds it
    is whole again; None for what the answer does not say."""

    kind: Kind
    amount: int | None
    remaining: int | None
    reset: float | None


def read_limits(headers: Mapping[str, str]) -> tuple[Limit, ...]:
    """What the `x-ratelimit-*` headers (names in lower case) say; nothing for what is no number."""
    found = []
    for kind in _KINDS:
        limit = Limit(
            kind,
            _count(headers.get(f"x-ratelimit-limit-{kind}", "")),
            _count(headers.get(f"x-ratelimit-remaining-{kind}", "")),
            duration(headers.get(f"x-ratelimit-reset-{kind}", "")),
        )
        if (limit.amount, limit.remaining, limit.reset) != (None, None, None):
            found.append(limit)
    return tuple(found)


def duration(text: str) -> float | None:
    """Seconds of "1s", "6m0s", "120ms", "1h2m3.5s" or a bare number of seconds; None for anything else."""
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _SECONDS_OF[unit] for number, unit in _PART.findall(text))


def told_wait(headers: Mapping[str, str], message: str = "") -> float | None:
    """How many seconds a refusal asks to wait, never below 0; None when it does not say.

    By `retry-after-ms`, `retry-after` (seconds or an HTTP date; header names in lower case), or the words
    "try again in 12s" of its message.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    seconds = _number(headers.get("retry-after", "")) if milliseconds is None else milliseconds / 1000
    if seconds is None:
        seconds = _until(headers.get("retry-after", ""))
    if seconds is None:
        said = _TRY_AGAIN.search(message[:_MESSAGE_MAX])
        seconds = duration(said[1]) if said else None
    return None if seconds is None else max(seconds, 0.0)


def _count(text: str) -> int | None:
    text = text.strip()
    return int(text) if _COUNT.fullmatch(text) else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(http_date: str) -> float | None:
    try:
        return parsedate_to_datetime(http_date).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
