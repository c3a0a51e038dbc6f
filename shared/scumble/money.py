# SPDX-License-Identifier: GPL-3.0-or-later
"""Money as an integer number of micro-dollars, and how it is written."""

from __future__ import annotations

MICRO_DOLLARS_PER_DOLLAR = 1_000_000


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


def price_range(low: int, high: int) -> str:
    """A price, or "$0.010 – $0.020" when the ends read differently."""
    first, last = price(low), price(high)
    return first if first == last else f"{first} – {last}"
