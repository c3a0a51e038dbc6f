# SPDX-License-Identifier: GPL-3.0-or-later
"""Spendings, a bill, a clock that a test sets, and the ledger's file without the library between."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from scumble import ledger_file
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


def half_written_ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger on a network disk with one bill, which a program was writing to when it was killed: part of
    what it wrote is in the file, and how to undo that in the journal beside it."""
    monkeypatch.setattr(ledger_file, "network_disk", lambda folder: "nfs4")
    with Ledger(path) as ledger:
        spend(ledger, BILL.total)
    writing = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('PRAGMA cache_size = 10')\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute(\"INSERT INTO events VALUES (NULL, 1, 9, 'unknown', '', 0, 0, 0, '')\")\n"
        "many = [('p' * 2000 + str(number),) for number in range(300)]\n"
        "connection.executemany(\"INSERT INTO limits VALUES (NULL, 1, 'project', ?, 5)\", many)\n"
        "connection.execute('CREATE TABLE further (text)')\n"
        "connection.executemany('INSERT INTO further VALUES (?)', [('p' * 2000,)] * 200)\n"
        "os._exit(0)\n"
    )
    before = path.read_bytes()
    subprocess.run([sys.executable, "-c", writing, str(path)], check=True)
    assert path.read_bytes() != before and path.with_name(f"{path.name}-journal").exists()
    return path
