# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host shows of the budgets, and that no processes together pass one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import child
import pytest

from scumble.budgets import Allowance, Scope
from scumble.errors import BudgetExceeded
from scumble.ledger import Ledger, budget_left
from scumble.settings import Home
from tests.unit.ledger_cases import BUDGETED as SPENDING
from tests.unit.ledger_cases import DOLLAR, Clock, spend


@pytest.fixture
def ledger(clocked: Ledger) -> Ledger:
    return clocked


# What a host shows


def test_a_host_shows_today_and_what_is_near(home: Home, clock: Clock, ledger: Ledger) -> None:
    """In one line, from the folder alone; a budget for the month or a project shows when 80 % are used."""
    assert budget_left(home, now=clock, zone=UTC).describe() == "Today $0"
    ledger.set_budget("project", 2 * DOLLAR, "temple")
    spend(ledger, 1_200_000, project="temple")
    assert budget_left(home, "temple", clock, UTC).describe() == "Today $1.20"
    ledger.set_budget("day", 5 * DOLLAR)
    allowance = budget_left(home, "temple", clock, UTC)
    assert allowance.describe() == "Today $1.20 of $5.00" and not allowance.near
    spend(ledger, 400_000, project="temple")
    allowance = budget_left(home, "temple", clock, UTC)
    assert allowance.describe() == "Today $1.60 of $5.00, Project temple $1.60 of $2.00" and allowance.near
    assert [(room.budget.scope, room.left) for room in allowance.rooms] == [
        ("day", 3_400_000),
        ("project", 400_000),
    ]


def test_looking_creates_no_ledger(home: Home) -> None:
    """A dialog that was only opened leaves nothing behind."""
    assert budget_left(home, "temple") == Allowance(0)
    assert not home.ledger.exists()


@pytest.mark.parametrize(
    ("used", "near"), [(79_999, False), (80_000, True), (100_000, True), (130_000, True)]
)
def test_near_begins_at_eighty_per_cent(ledger: Ledger, used: int, near: bool) -> None:
    """To the micro-dollar; what went over on purpose leaves nothing, and not less."""
    ledger.set_budget("day", 100_000)
    spend(ledger, used)
    (room,) = ledger.rooms()
    assert (room.near, room.left) == (near, max(0, 100_000 - used))


def test_a_budget_of_nothing_is_not_near_before_anything_was_spent(ledger: Ledger) -> None:
    """It stops everything all the same."""
    ledger.set_budget("day", 0)
    assert not ledger.allowance().near
    with pytest.raises(BudgetExceeded):
        ledger.reserve(replace(SPENDING, reserve=1))


# Several processes


RACER = """
import sys
from pathlib import Path
from scumble.errors import BudgetExceeded
from scumble.ledger import Ledger, Spending
spending = Spending("cli", "generate", "some-model", "low", "16x16", 1, 5, 7, False, project="race")
print("ready", flush=True)
sys.stdin.readline()
got = stopped = 0
with Ledger(Path(sys.argv[1])) as ledger:
    for _ in range(100):
        try:
            ledger.reserve(spending)
            got += 1
        except BudgetExceeded:
            stopped += 1
print(got, stopped)
"""


@pytest.mark.parametrize("scope", ["day", "month", "project"])
def test_eight_processes_race_for_three_hundred_reservations(home: Home, scope: Scope) -> None:
    """Of 800 attempts exactly 300 get one, 500 are stopped, and none fails."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget(scope, 300 * 7 + 6)
    racers = [child.start(RACER, home.ledger) for _ in range(8)]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [[int(part) for part in child.finish(racer).split()] for racer in racers]
    assert [sum(column) for column in zip(*said, strict=True)] == [300, 500]
    with Ledger(home.ledger) as ledger:
        assert len(ledger.entries()) == 300
        assert ledger.totals().reserved_or_unknown == 2_100


BATCHER = """
import random, sys
from pathlib import Path
from scumble.cost import Bill
from scumble.errors import BudgetExceeded
from scumble.ledger import Ledger, Spending
chance = random.Random(int(sys.argv[2]))
spending = Spending("cli", "generate", "some-model", "low", "16x16", 1, 5, 7, False, project="race")
print("ready", flush=True)
sys.stdin.readline()
highest = 0
with Ledger(Path(sys.argv[1])) as ledger:
    for round in range(25):
        if round == 12 and sys.argv[2] == "0":
            ledger.set_budget("month", 700)
        try:
            ids = ledger.reserve_all([spending] * chance.choice([1, 3, 9]))
        except BudgetExceeded:
            ids = ()
        for id in ids:
            end = chance.choice(["bill", "release", "unknown", "batch", "none"])
            if end == "release":
                ledger.release(id, "stopped")
            elif end != "none":
                ledger.sent(id)
                if end == "bill":
                    ledger.settle(id, Bill(6, (), True))
                elif end == "unknown":
                    ledger.unknown(id, "timed-out")
                else:
                    ledger.await_answer(id, "batch_1/" + id)
        highest = max(highest, max(room.used for room in ledger.rooms("race")))
print(highest)
"""


def test_batches_and_single_actions_that_end_in_every_way_never_pass_a_limit(home: Home) -> None:
    """While one of the programs lowers a limit; what is left at the end is less than one more action."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("month", 1_000)
        ledger.set_budget("project", 1_000, "race")
    racers = [child.start(BATCHER, home.ledger, number) for number in range(8)]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert max(int(child.finish(racer)) for racer in racers) <= 1_000
    with Ledger(home.ledger) as ledger:
        ledger.clear_budget("month")
        (room,) = ledger.rooms("race")
        assert room.used <= 1_000
        while room.left >= 7:
            ledger.reserve(replace(SPENDING, reserve=7, project="race"))
            (room,) = ledger.rooms("race")
        with pytest.raises(BudgetExceeded):
            ledger.reserve(replace(SPENDING, reserve=7, project="race"))
