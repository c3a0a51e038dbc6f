# SPDX-License-Identifier: GPL-3.0-or-later
"""A small studio's ledger of two weeks: two hosts, three documents, a budget, failures and unknown ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from scumble.cost import Bill
from scumble.ledger import Ledger, Spending

HOSTILE = "<script>alert(1)</script>.xcf"
_HOUR = 3600
_MODELS = ("gpt-image-2.5-flare", "gpt-image-2")
_QUALITIES = ("low", "medium", "high")
_DOCUMENTS = ("/art/temple/courtyard.xcf", "/art/temple/temple.blend")
_EXPECTED = {"low": 5_880, "medium": 13_170, "high": 52_680}


def fill(path: Path, now: float, clock: Callable[[float], Callable[[], float]], third: str = HOSTILE) -> None:
    """Requests over the two weeks before `now`, seconds since 1970; `clock(seconds)` is a ledger's clock and
    `third` the name of the third document."""
    start = now - 13 * 24 * _HOUR
    with Ledger(path, clock(start)) as ledger:
        ledger.set_budget("day", 400_000)
        ledger.set_budget("month", 6_000_000)
        ledger.set_budget("project", 2_000_000, "temple")
    for number in range(60):
        quality = _QUALITIES[number * 7 % 3]
        host = ("gimp", "blender")[number % 2]
        spending = Spending(
            host, "edit" if number % 3 else "generate", _MODELS[number % 5 == 0], quality, "1024x1024", 1,
            _EXPECTED[quality], _EXPECTED[quality] + 4_000, False, (*_DOCUMENTS, third)[number % 3],
            ("temple", "", "book")[number % 3],
        )  # fmt: skip
        with Ledger(path, clock(start + number * 5 * _HOUR)) as ledger:
            id = ledger.reserve(spending, over_budget=True)
            if number % 13 == 4:
                ledger.release(id, "rate-limited")
                continue
            ledger.sent(id)
            if number % 17 == 9:
                ledger.release(id, "moderation-blocked")
            elif number in (20, 55):
                ledger.unknown(id, "timed-out")
            else:
                late = number % 19 == 7
                if late:
                    ledger.unknown(id, "connection-lost")
                billed = spending.expected + 45 + number * 3
                ledger.settle(id, Bill(billed, (("image_output", billed // 30, 30_000_000, billed),), True))
    with Ledger(path, clock(now - _HOUR)) as ledger:
        unpriced = replace(
            Spending("cli", "generate", "another-server's-model", "medium", "1024x1024", 1, 0, 0, False),
            priced=False,
        )
        id = ledger.reserve(unpriced, over_budget=True)
        ledger.sent(id)
        ledger.settle(id, Bill(0, (), False))
        id = ledger.reserve(replace(unpriced, model=_MODELS[0], sandbox=True))
        ledger.sent(id)
        ledger.settle(id, Bill(13_170, (), True))
