# SPDX-License-Identifier: GPL-3.0-or-later
"""Many spendings in one step: all or none, budgets by their sum, one wait for the disk."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from scumble.errors import BudgetExceeded, PriceUnknown
from scumble.ledger import Ledger, Spending
from scumble.settings import Home
from tests.unit.ledger_cases import SPENDING


def of(reserve: int, project: str = "", **changes: Any) -> Spending:
    return dataclasses.replace(SPENDING, expected=reserve, reserve=reserve, project=project, **changes)


def test_all_of_a_block_is_there_or_nothing(ledger: Ledger) -> None:
    """What fails in the middle undoes what came before it."""
    ids = ledger.reserve_all([SPENDING] * 3)

    def send_three() -> None:
        with ledger.together():
            ledger.sent(ids[0])
            ledger.await_answer(ids[0], "batch_1/line")
            ledger.sent("no such id")

    with pytest.raises(KeyError):
        send_three()
    assert [ledger.entry(id).state for id in ids] == ["reserved"] * 3
    assert ledger.awaited() == []
    with ledger.together():
        for id in ids:
            ledger.sent(id)
    assert [ledger.entry(id).state for id in ids] == ["sent"] * 3


def test_an_exception_that_is_handled_inside_a_block_undoes_nothing(ledger: Ledger) -> None:
    ids = ledger.reserve_all([SPENDING] * 2)
    with ledger.together():
        ledger.release(ids[0], "stopped")
        with pytest.raises(ValueError, match="cannot become"):
            ledger.sent(ids[0])
        ledger.sent(ids[1])
    assert [ledger.entry(id).state for id in ids] == ["released", "sent"]


def test_nothing_is_reserved_for_nothing(ledger: Ledger) -> None:
    assert ledger.reserve_all([]) == ()


def test_the_budget_for_one_action_is_for_each(ledger: Ledger) -> None:
    """A hundred of 20 fit where one of 21 does not."""
    ledger.set_budget("action", 20)
    assert len(ledger.reserve_all([of(20)] * 100)) == 100
    with pytest.raises(BudgetExceeded):
        ledger.reserve_all([of(20), of(21)])
    assert len(ledger.entries()) == 100


def test_each_project_s_budget_counts_its_own(ledger: Ledger) -> None:
    """By the name as far as it is recorded."""
    ledger.set_budget("project", 30, "harbour")
    ledger.reserve_all([of(15, "harbour"), of(99, "book"), of(15, "harbour")])
    with pytest.raises(BudgetExceeded):
        ledger.reserve_all([of(99, "book"), of(1, "harbour")])
    long = "x" * 48
    ledger.set_budget("project", 10, long)
    with pytest.raises(BudgetExceeded):
        ledger.reserve_all([of(6, long + "a"), of(6, long + "b")])


def test_one_without_a_price_stops_all_where_a_budget_holds(ledger: Ledger) -> None:
    ledger.set_budget("month", 10**6)
    with pytest.raises(PriceUnknown):
        ledger.reserve_all([of(5), of(0, priced=False)])
    assert ledger.entries() == []


@settings(max_examples=40, deadline=None)
@given(some.lists(some.tuples(some.integers(0, 40), some.booleans()), max_size=8), some.integers(0, 120))
def test_the_sum_decides(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[tuple[int, bool]], limit: int
) -> None:
    """Of what is not the sandbox's; and what is refused leaves no trace."""
    home = Home(tmp_path_factory.mktemp("home"))
    spendings = [of(amount, sandbox=sandbox) for amount, sandbox in amounts]
    total = sum(amount for amount, sandbox in amounts if not sandbox)
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", limit)
        if total > limit:
            with pytest.raises(BudgetExceeded):
                ledger.reserve_all(spendings)
            assert ledger.entries() == []
        else:
            ids = ledger.reserve_all(spendings)
            assert [entry.id for entry in reversed(ledger.entries())] == list(ids)
