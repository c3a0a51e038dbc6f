# SPDX-License-Identifier: GPL-3.0-or-later
"""Budgets: what is set, what counts, and how a stop reads and is passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.budgets import SCOPES, Budget, Scope
from scumble.cost import Bill
from scumble.errors import BudgetExceeded, Exit, PriceUnknown
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.unit.ledger_cases import BUDGETED as SPENDING
from tests.unit.ledger_cases import DOLLAR, Clock, spend


@pytest.fixture
def ledger(clocked: Ledger) -> Ledger:
    return clocked


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
