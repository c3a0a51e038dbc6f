# SPDX-License-Identifier: GPL-3.0-or-later
"""One paid action as the ledger knows it: what was asked, the state it is in, and how it came there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["reserved", "sent", "settled", "released", "unknown"]

HOSTS = ("gimp", "blender", "cli")
DOCUMENT_BYTES = 160
PROJECT_BYTES = 48
LARGEST_AMOUNT = 10**15


@dataclass(frozen=True)
class Spending:
    """What is about to be asked, and its money in micro-dollars: the likely price and its upper bound.

    Of `document` the last 160 bytes are recorded, of `project` the first 48. When not `priced` the amounts
    are 0 because nobody knows them.
    """

    host: str
    kind: str
    model: str
    quality: str
    size: str
    n: int
    expected: int
    reserve: int
    sandbox: bool
    document: str = ""
    project: str = ""
    priced: bool = True


@dataclass(frozen=True)
class Entry:
    """A spending and what became of it. Money in micro-dollars; `would_bill` is the sandbox's."""

    id: str
    at: datetime
    spending: Spending
    state: State
    billed: int
    would_bill: int
    from_usage: bool


@dataclass(frozen=True)
class Step:
    """One event of a spending. `reason` is a code: an error's, "by-hand", or "over-budget-day" on a
    reservation that was allowed to pass that budget."""

    at: datetime
    state: State
    reason: str
    billed: int


def is_amount(value: object) -> bool:
    """Whether it is money as the ledger takes it: an integer from 0 to 10**15 micro-dollars."""
    return type(value) is int and 0 <= value <= LARGEST_AMOUNT


def check(spending: Spending) -> None:
    """Raises ValueError for what no ledger should hold."""
    if spending.host not in HOSTS:
        raise ValueError(f"unknown host {spending.host!r}")
    if not (is_amount(spending.expected) and is_amount(spending.reserve)):
        raise ValueError("an amount is an integer from 0 to 10**15 micro-dollars")
    if spending.n < 1:
        raise ValueError("at least one picture is asked for")


def document_tag(document: str) -> str:
    """What is recorded of a document's name: its end, which tells most."""
    return document.encode(errors="replace")[-DOCUMENT_BYTES:].decode(errors="ignore")


def project_tag(project: str) -> str:
    """What is recorded of a project's name, and what a budget for it goes by."""
    return project.encode(errors="replace")[:PROJECT_BYTES].decode(errors="ignore")
