# SPDX-License-Identifier: GPL-3.0-or-later
"""Budgets: what counts, when a day ends, and that nothing passes a limit unless a person says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import child
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.budgets import SCOPES, Allowance, Budget, Scope
from scumble.cost import Bill
from scumble.errors import BudgetExceeded, Exit, PriceUnknown
from scumble.ledger import Ledger, Spending, budget_left
from scumble.settings import Home

SPENDING = Spending("gimp", "edit", "some-model", "medium", "992x672", 1, 60_000, 100_000, False)
DOLLAR = 1_000_000


class Clock:
    """A clock that a test sets, in any zone."""

    def __init__(self, now: str = "2026-11-22T12:00:00Z") -> None:
        self.set(now)

    def set(self, now: str) -> None:
        self.seconds = datetime.fromisoformat(now).timestamp()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(home: Home, clock: Clock) -> Iterator[Ledger]:
    with Ledger(home.ledger, clock, UTC) as opened:
        yield opened


def spend(ledger: Ledger, billed: int, **change: object) -> str:
    """A settled spending, whatever the budgets."""
    id = ledger.reserve(replace(SPENDING, **{"reserve": billed, **change}), over_budget=True)
    ledger.sent(id)
    ledger.settle(id, Bill(billed, (), True))
    return id


# What is set, and how it is kept


def test_a_limit_holds_until_another_is_set_or_it_is_cleared(ledger: Ledger, clock: Clock) -> None:
    """Every change stays in the record, with its time."""
    assert ledger.budgets() == []
    ledger.set_budget("day", 5 * DOLLAR)
    clock.set("2026-11-23T12:00:00Z")
    ledger.set_budget("day", 2 * DOLLAR)
    ledger.set_budget("project", 9 * DOLLAR, "temple")
    ledger.set_budget("action", 0)
    assert ledger.budgets() == [
        Budget("action", 0),
        Budget("day", 2 * DOLLAR),
        Budget("project", 9 * DOLLAR, "temple"),
    ]
    assert ledger.clear_budget("day")
    assert not ledger.clear_budget("day") and not ledger.clear_budget("month")
    assert not ledger.clear_budget("project") and ledger.clear_budget("project", "temple")
    assert ledger.budgets() == [Budget("action", 0)]
    changes = [
        (change.at.day, change.scope, change.project, change.limit) for change in ledger.budget_changes()
    ]
    assert changes == [
        (22, "day", "", 5 * DOLLAR),
        (23, "day", "", 2 * DOLLAR),
        (23, "project", "temple", 9 * DOLLAR),
        (23, "action", "", 0),
        (23, "day", "", None),
        (23, "project", "temple", None),
    ]


def test_a_limit_is_there_for_every_other_program(home: Home, ledger: Ledger) -> None:
    """One file for all hosts of a user."""
    ledger.set_budget("month", DOLLAR)
    with Ledger(home.ledger) as other:
        assert other.budgets() == [Budget("month", DOLLAR)]


@pytest.mark.parametrize("limit", [1.0, True, -1, 10**15 + 1, "5"])
def test_a_limit_is_whole_micro_dollars(ledger: Ledger, limit: object) -> None:
    """Anything else is refused and not recorded."""
    with pytest.raises(ValueError, match="micro-dollars"):
        ledger.set_budget("day", limit)  # type: ignore[arg-type]
    assert ledger.budget_changes() == []


@pytest.mark.parametrize(("scope", "project"), [("week", ""), ("day", "temple")])
def test_a_limit_that_makes_no_sense_is_refused(ledger: Ledger, scope: Scope, project: str) -> None:
    """An unknown scope, or a project where none belongs."""
    with pytest.raises(ValueError):
        ledger.set_budget(scope, DOLLAR, project)
    assert ledger.budget_changes() == []


# What counts


@pytest.mark.parametrize("scope", SCOPES)
def test_the_last_micro_dollar_may_be_spent_and_not_one_more(ledger: Ledger, scope: Scope) -> None:
    """100 % is the limit itself; what is stopped leaves no row."""
    ledger.set_budget(scope, 100_000)
    asked = replace(SPENDING, project="temple")
    with pytest.raises(BudgetExceeded):
        ledger.reserve(replace(asked, reserve=100_001))
    assert ledger.entries() == []
    ledger.reserve(asked)
    if scope == "action":
        ledger.reserve(asked)
    else:
        with pytest.raises(BudgetExceeded):
            ledger.reserve(replace(asked, reserve=1))
        ledger.reserve(replace(asked, reserve=0, expected=0))


def test_what_is_not_decided_counts_with_its_upper_bound(ledger: Ledger) -> None:
    """Reserved, sent and unknown alike; the bill takes the bound's place, a release frees it."""
    ledger.set_budget("day", 10 * DOLLAR)
    settled, released, unknown = (ledger.reserve(SPENDING) for _ in range(3))
    assert ledger.allowance().today == 300_000
    for id in (settled, unknown):
        ledger.sent(id)
    assert ledger.allowance().today == 300_000
    ledger.unknown(unknown, "timed-out")
    assert ledger.allowance().today == 300_000
    ledger.settle(settled, Bill(61_000, (), True))
    ledger.release(released, "stopped")
    assert ledger.allowance().today == 161_000
    ledger.decide(unknown, None)
    assert ledger.allowance().today == 61_000


def test_the_sandbox_never_counts_and_is_never_stopped(ledger: Ledger) -> None:
    """Not even with all budgets at nothing, and without a price."""
    for scope in SCOPES:
        ledger.set_budget(scope, 0)
    for priced in (True, False):
        id = ledger.reserve(replace(SPENDING, sandbox=True, priced=priced, project="temple"))
        ledger.sent(id)
        ledger.settle(id, Bill(60_000, (), True))
    assert [room.used for room in ledger.rooms("temple")] == [0, 0, 0, 0]


def test_a_project_has_its_own_limit_or_the_one_for_all(ledger: Ledger, clock: Clock) -> None:
    """For its whole life; what belongs to no project is stopped by neither."""
    ledger.set_budget("project", 150_000)
    ledger.set_budget("project", 250_000, "temple")
    ledger.reserve(replace(SPENDING, project="temple"))
    clock.set("2027-11-22T12:00:00Z")
    ledger.reserve(replace(SPENDING, project="temple"))
    ledger.reserve(replace(SPENDING, project="harbour"))
    for project in ("temple", "harbour"):
        with pytest.raises(BudgetExceeded, match=f"budget for the project {project}"):
            ledger.reserve(replace(SPENDING, project=project))
    ledger.reserve(SPENDING)
    ledger.clear_budget("project", "temple")
    assert [room.budget.limit for room in ledger.rooms("temple")] == [150_000]
    assert ledger.rooms() == ()


def test_a_long_project_name_is_cut_the_same_for_spending_and_budget(ledger: Ledger) -> None:
    """Or a budget would never see its project."""
    name = "사원" * 40
    ledger.set_budget("project", 150_000, name)
    ledger.reserve(replace(SPENDING, project=name))
    with pytest.raises(BudgetExceeded):
        ledger.reserve(replace(SPENDING, project=name))
    assert ledger.clear_budget("project", name)


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(0, 500_000),
    asked=st.lists(
        st.tuples(st.integers(0, 200_000), st.sampled_from(("", "sent", "unknown", "settled", "released")))
    ),
)
def test_no_sequence_of_actions_passes_a_budget(
    tmp_path_factory: pytest.TempPathFactory, limit: int, asked: list[tuple[int, str]]
) -> None:
    """As long as no bill is above its bound: after each step, billed and held fit into the limit."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    with Ledger(path, Clock(), UTC) as ledger:
        ledger.set_budget("day", limit)
        used = 0
        for reserve, end in asked:
            fits = used + reserve <= limit
            try:
                id = ledger.reserve(replace(SPENDING, reserve=reserve))
            except BudgetExceeded:
                assert not fits
                continue
            assert fits
            if end in ("sent", "unknown", "settled"):
                ledger.sent(id)
            if end == "unknown":
                ledger.unknown(id, "timed-out")
            if end == "settled":
                ledger.settle(id, Bill(reserve // 2, (), True))
            if end == "released":
                ledger.release(id, "stopped")
            used += {"settled": reserve // 2, "released": 0}.get(end, reserve)
            assert ledger.allowance().today == used <= limit


# Whose midnight


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


# Stopping and going on


def test_the_stop_says_which_budget_what_is_left_what_it_would_cost_and_how_to_change_it(
    ledger: Ledger,
) -> None:
    """With exit code 3, and nothing billed."""
    ledger.set_budget("day", 5 * DOLLAR)
    ledger.set_budget("month", 50 * DOLLAR)
    spend(ledger, 4_950_000)
    with pytest.raises(BudgetExceeded) as caught:
        ledger.reserve(SPENDING)
    assert caught.value.exit_code is Exit.BUDGET
    assert str(caught.value) == (
        "The budget for today has $0.050 of $5.00 left, and this may cost up to $0.10. Nothing was billed."
        " Ask for something cheaper, raise the budget (scumble budget set day AMOUNT), or go over it on"
        " purpose, for this one action (--over-budget)."
    )


def test_amounts_that_would_read_the_same_are_told_apart(ledger: Ledger) -> None:
    """To the micro-dollar; and a project is named as the command wants it."""
    ledger.set_budget("project", 13_170, "temple")
    with pytest.raises(
        BudgetExceeded, match=r"has \$0.013170 of \$0.013 left.* up to \$0.013205.*set project=temple "
    ):
        ledger.reserve(replace(SPENDING, reserve=13_205, project="temple"))


def test_of_several_budgets_the_tightest_is_named(ledger: Ledger) -> None:
    """Raising another would not help."""
    ledger.set_budget("action", 90_000)
    ledger.set_budget("day", 80_000)
    ledger.set_budget("month", 95_000)
    with pytest.raises(BudgetExceeded, match="budget for today"):
        ledger.reserve(SPENDING)


def test_an_override_is_for_one_action_and_recorded(ledger: Ledger) -> None:
    """With the budgets that it passed; the next action is stopped again, and the money counts."""
    ledger.set_budget("action", 90_000)
    ledger.set_budget("day", 150_000)
    ledger.set_budget("month", DOLLAR)
    first = ledger.reserve(SPENDING, over_budget=True)
    second = ledger.reserve(SPENDING, over_budget=True)
    assert [ledger.steps(id)[0].reason for id in (first, second)] == [
        "over-budget-action",
        "over-budget-action-day",
    ]
    with pytest.raises(BudgetExceeded):
        ledger.reserve(SPENDING)
    assert ledger.allowance().today == 200_000


def test_an_override_that_was_not_needed_is_not_recorded_as_one(ledger: Ledger) -> None:
    """The record says what happened."""
    ledger.set_budget("day", DOLLAR)
    id = ledger.reserve(SPENDING, over_budget=True)
    assert [(step.state, step.reason) for step in ledger.steps(id)] == [("reserved", "")]


def test_without_a_price_no_budget_can_hold(ledger: Ledger) -> None:
    """Refused while any budget applies, even one with room, unless a person decides otherwise."""
    unpriced = replace(SPENDING, priced=False, expected=0, reserve=0)
    ledger.reserve(unpriced)
    ledger.set_budget("month", 50 * DOLLAR)
    with pytest.raises(PriceUnknown) as caught:
        ledger.reserve(unpriced)
    assert caught.value.exit_code is Exit.BUDGET
    assert caught.value.what_happened == (
        "The budget for this month cannot hold: the price of some-model is not known."
    )
    id = ledger.reserve(unpriced, over_budget=True)
    assert ledger.steps(id)[0].reason == "over-budget-unpriced"
    assert ledger.entry(id).spending == unpriced


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
