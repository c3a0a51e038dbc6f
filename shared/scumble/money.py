# SPDX-License-Identifier: GPL-3.0-or-later
"""Money as an integer number of micro-dollars, and how it is written."""

from __future__ import annotations

import re
from decimal import Decimal

MICRO_DOLLARS_PER_DOLLAR = 1_000_000

_DOLLARS = re.compile(r"\$?((?:[0-9]{1,9}(?:\.[0-9]{0,6})?|\.[0-9]{1,6}))", re.ASCII)


def decimal_usd(micro_dollars: int) -> str:
    """Exact dollars as a decimal string with six places, for JSON: 13170 -> "0.013170"."""
    sign = "-" if micro_dollars < 0 else ""
    dollars, rest = divmod(abs(micro_dollars), MICRO_DOLLARS_PER_DOLLAR)
    return f"{sign}{dollars}.{rest:06d}"


def price(micro_dollars: int) -> str:
    """Dollars with as many digits as matter to a person: $0, $0.0009, $0.013, $1.20.

    Rounded half up; two significant digits below ten cents, else whole cents.
    """
    if micro_dollars == 0:
        return "$0"
    sign = "-" if micro_dollars < 0 else ""
    amount = abs(micro_dollars)
    step = 10_000
    while step > 1 and amount < 10 * step:
        step //= 10
    rounded = (amount + step // 2) // step * step
    if rounded == 100 * step and step < 10_000:
        step *= 10
    text = decimal_usd(rounded)
    kept = max(2, 6 - (len(str(step)) - 1))
    return f"{sign}${text[: len(text) - 6 + kept]}"


def exact(micro_dollars: int) -> str:
    """A bill to its last digit: 13110 -> $0.01311."""
    dollars, rest = decimal_usd(micro_dollars).split(".")
    return f"${dollars}.{rest.rstrip('0').ljust(2, '0')}"


def price_range(low: int, high: int) -> str:
    """A price, or "$0.010 – $0.020" when the ends read differently."""
    first, last = price(low), price(high)
    return first if first == last else f"{first} – {last}"


def parse_usd(text: str) -> int:
    """Micro-dollars from dollars as a person types them: "5", "$1.20", "0.013", never rounded.

    Raises ValueError for anything but a plain decimal number from 0 to a billion dollars with at most six
    places; no exponent, no thousands separators.
    """
    match = _DOLLARS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not an amount in dollars: {text!r}")
    return int(Decimal(match[1]) * MICRO_DOLLARS_PER_DOLLAR)
