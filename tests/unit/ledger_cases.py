# SPDX-License-Identifier: GPL-3.0-or-later
"""Spendings, a bill, a clock that a test sets, and the ledger's file without the library between."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from scumble.cost import Bill
from scumble.ledger import Ledger, Spending
from scumble.settings import Home

SPENDING = Spending(
    host="gimp",
    kind="edit",
    model="some-model",
    quality="medium",
    size="992x672",
    n=1,
    expected=13_170,
    reserve=20_000,
    sandbox=False,
    document="/home/a/picture.xcf",
    project="temple",
)
BILL = Bill(13_205, (("text_input", 7, 5_000_000, 35), ("image_output", 439, 30_000_000, 13_170)), True)
# Dear enough to count: what budgets are tested with.
BUDGETED = Spending("gimp", "edit", "some-model", "medium", "992x672", 1, 60_000, 100_000, False)
DOLLAR = 1_000_000


class Clock:
    """A clock that a test sets, in any zone."""

    def __init__(self, now: str = "2026-11-22T12:00:00Z") -> None:
        self.set(now)

    def set(self, now: str) -> None:
        self.seconds = datetime.fromisoformat(now).timestamp()

    def __call__(self) -> float:
        return self.seconds


def spend(ledger: Ledger, billed: int, **change: object) -> str:
    """A settled spending, whatever the budgets."""
    id = ledger.reserve(replace(BUDGETED, **{"reserve": billed, **change}), over_budget=True)  # type: ignore[arg-type]
    ledger.sent(id)
    ledger.settle(id, Bill(billed, (), True))
    return id


@contextlib.contextmanager
def raw(home: Home) -> Iterator[sqlite3.Connection]:
    """The file without the library between."""
    with contextlib.closing(sqlite3.connect(home.ledger, isolation_level=None)) as connection:
        yield connection
