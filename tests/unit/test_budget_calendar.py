# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose midnight a budget's day ends at, and what a clock that jumps does to it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from scumble.errors import BudgetExceeded
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.unit.ledger_cases import BUDGETED as SPENDING
from tests.unit.ledger_cases import Clock


@pytest.fixture
def ledger(clocked: Ledger) -> Ledger:
    return clocked


@pytest.mark.parametrize(
    ("zone", "spent", "last", "next_day"),
    [
        ("UTC", "2026-11-22T00:00:00Z", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z"),
        ("Asia/Seoul", "2026-11-22T15:00:00Z", "2026-11-23T14:59:59Z", "2026-11-23T15:00:00Z"),
        ("America/St_Johns", "2026-11-22T03:30:00Z", "2026-11-23T03:29:59Z", "2026-11-23T03:30:00Z"),
        ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"),
        ("America/Santiago", "2026-09-06T04:00:00Z", "2026-09-07T02:59:59Z", "2026-09-07T03:00:00Z"),
        ("America/Havana", "2026-11-01T04:30:00Z", "2026-11-02T04:59:59Z", "2026-11-02T05:00:00Z"),
        ("UTC", "2027-12-31T10:00:00Z", "2027-12-31T23:59:59Z", "2028-01-01T00:00:00Z"),
        ("UTC", "2028-02-29T10:00:00Z", "2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
    ],
    ids=["UTC", "east", "half", "spring", "autumn", "no midnight", "two midnights", "year", "leap day"],
)  # fmt: skip
def test_a_day_is_the_persons_day(home: Home, zone: str, spent: str, last: str, next_day: str) -> None:
    """A spending counts until the clock on the wall says midnight, of 23 hours or of 25."""
    clock = Clock(spent)
    with Ledger(home.ledger, clock, ZoneInfo(zone)) as ledger:
        ledger.set_budget("day", 100_000)
        ledger.reserve(SPENDING)
        for moment in (spent, last):
            clock.set(moment)
            with pytest.raises(BudgetExceeded):
                ledger.reserve(SPENDING)
        clock.set(next_day)
        ledger.reserve(SPENDING)


@pytest.mark.parametrize(
    ("zone", "spent", "last", "next_month"),
    [
        (
            "Europe/Berlin",
            "2026-02-28T23:00:00Z",
            "2026-03-31T21:59:59Z",
            "2026-03-31T22:00:00Z",
        ),
        (
            "Europe/Berlin",
            "2026-09-30T22:00:00Z",
            "2026-10-31T22:59:59Z",
            "2026-10-31T23:00:00Z",
        ),
        ("Asia/Seoul", "2026-11-30T15:00:00Z", "2026-12-31T14:59:59Z", "2026-12-31T15:00:00Z"),
        ("UTC", "2028-02-01T00:00:00Z", "2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
    ],
    ids=["spring", "autumn", "end of the year", "leap year"],
)
def test_a_month_ends_with_its_last_day(
    home: Home, zone: str, spent: str, last: str, next_month: str
) -> None:
    """Also where its two ends have different offsets from UTC."""
    clock = Clock(spent)
    with Ledger(home.ledger, clock, ZoneInfo(zone)) as ledger:
        ledger.set_budget("month", 100_000)
        ledger.reserve(SPENDING)
        clock.set(last)
        with pytest.raises(BudgetExceeded):
            ledger.reserve(SPENDING)
        clock.set(next_month)
        ledger.reserve(SPENDING)


def test_a_traveller_has_the_day_of_the_place(home: Home) -> None:
    """One instant is today in one zone and yesterday in another: the zone that holds now decides."""
    clock = Clock("2026-11-22T14:00:00Z")
    with Ledger(home.ledger, clock, ZoneInfo("Asia/Seoul")) as ledger:
        ledger.set_budget("day", 100_000)
        ledger.reserve(SPENDING)
    clock.set("2026-11-22T16:00:00Z")
    with Ledger(home.ledger, clock, ZoneInfo("Asia/Seoul")) as ledger:
        assert ledger.allowance().today == 0
    with Ledger(home.ledger, clock, ZoneInfo("America/Los_Angeles")) as ledger:
        assert ledger.allowance().today == 100_000


def test_a_clock_set_back_frees_no_money(ledger: Ledger, clock: Clock) -> None:
    """What was spent in the meantime, now in the future, counts in the day and month of today as well."""
    ledger.set_budget("day", 250_000)
    ledger.set_budget("month", 450_000)
    clock.set("2026-11-21T12:00:00Z")
    ledger.reserve(SPENDING)
    clock.set("2026-12-01T12:00:00Z")
    ledger.reserve(SPENDING)
    ledger.reserve(SPENDING)
    clock.set("2026-11-21T12:00:00Z")
    assert [room.used for room in ledger.rooms()] == [300_000, 300_000]
    with pytest.raises(BudgetExceeded, match="today"):
        ledger.reserve(SPENDING)
    clock.set("2026-11-22T12:00:00Z")
    assert [room.used for room in ledger.rooms()] == [200_000, 300_000]


def test_a_clock_set_forward_begins_a_new_day_while_month_and_project_count_on(
    ledger: Ledger, clock: Clock
) -> None:
    """Nothing can tell it from a night that passed; one wrong entry does not block the days after."""
    ledger.set_budget("day", 100_000)
    ledger.set_budget("month", 200_000)
    ledger.reserve(SPENDING)
    clock.set("2026-11-25T12:00:00Z")
    ledger.reserve(SPENDING)
    with pytest.raises(BudgetExceeded):
        ledger.reserve(SPENDING)
    clock.set("2026-11-26T12:00:00Z")
    with pytest.raises(BudgetExceeded, match="this month"):
        ledger.reserve(SPENDING)
