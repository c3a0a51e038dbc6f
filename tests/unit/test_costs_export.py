# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's export of costs: what it proves of unknown spendings, and where it proves nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.costs_export import Cost, judge, read
from scumble.errors import BadRequest
from scumble.spendings import Entry, Spending, State

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
DAY = NOON.date()
SPENDING = Spending("gimp", "edit", "an-image-model", "medium", "992x672", 1, 40_000, 50_000, False)

DASHBOARD = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,\
user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source
1794268800,1794355200,2026-11-10T00:00:00+00:00,2026-11-11T00:00:00+00:00,0.8958740000000000,usd,,,\
"an-image-model, output",,,,org-1,,Personal,,
1794355200,1794441600,2026-11-11T00:00:00+00:00,2026-11-12T00:00:00+00:00,,,,,,,,,,,,,
1794441600,1794528000,2026-11-12T00:00:00+00:00,2026-11-13T00:00:00+00:00,0.0000004,USD,,,,,,,org-1,,,,
"""


def entry(
    id: str, state: State = "unknown", billed: int = 0, at: datetime = NOON, from_usage: bool = True,
    **change: object,
) -> Entry:  # fmt: skip
    return Entry(id, at, replace(SPENDING, **change), state, billed, 0, from_usage)  # type: ignore[arg-type]


KNOWN = entry("k", "settled", 5_000, NOON - timedelta(days=1))


def verdicts(costs: list[Cost], *entries: Entry, now: datetime = NOW) -> list[tuple[str, int | None, bool]]:
    return [(each.entry.id, each.billed, each.alone) for each in judge(costs, (KNOWN, *entries), now)]


def costs(*amounts: int, item: str = "") -> list[Cost]:
    """Of the day, with a day before and after it in the export."""
    around = [Cost(DAY - timedelta(days=1), 5_000, ""), Cost(DAY + timedelta(days=3), 5, "")]
    return [*around, *(Cost(DAY, amount, item) for amount in amounts)]


# Reading


def test_the_services_own_columns_are_read() -> None:
    """Days without an amount are left out; fractions of a micro-dollar are rounded."""
    assert read(DASHBOARD) == [
        Cost(date(2026, 11, 10), 895_874, "an-image-model, output"),
        Cost(date(2026, 11, 12), 0, ""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "date,amount\n2026-11-10,0.04\n",
        "\ufeffAmount;Date\n$0.04;2026-11-10\n",
        "date\tcost_usd\r\n2026-11-10T00:00:00+00:00\t0.04\r\n",
        "start_time,amount\n1794268800,0.04\n",
        "Date,Amount,Currency\n2026-11-10,0.0399999999,usd\n",
    ],
)
def test_a_date_and_an_amount_are_enough(text: str) -> None:
    """With any separator, order, case and way to write the day."""
    assert read(text) == [Cost(DAY, 40_000, "")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("day,model\n2026-11-10,x\n", "it has day, model"),
        ("date,amount\n2026-11-10,0.04\n2026-13-01,1\n", "line 3"),
        ("date,amount\n2026-11-10,much\n", "line 2"),
        ("date,amount\n2026-11-10,NaN\n", "line 2"),
        ("date,amount\n2026-11-10,1e40\n", "line 2"),
        ("date,amount,currency\n2026-11-10,1,eur\n", "line 2"),
        ("date,amount\n,1\n", "line 2"),
    ],
)
def test_what_is_no_export_of_costs_is_refused_with_its_line(text: str, complaint: str) -> None:
    """Half a file proves nothing."""
    with pytest.raises(BadRequest, match=complaint):
        read(text)


# Judging


def test_where_nothing_is_left_nothing_was_billed() -> None:
    """Whoever else used the account: their costs would only leave more."""
    assert verdicts(costs(90_000), entry("a", "settled", 90_000), entry("b"), entry("c")) == [
        ("b", 0, False),
        ("c", 0, False),
    ]
    assert verdicts(costs(), entry("a")) == [("a", 0, False)]


def test_what_is_left_is_the_bill_of_the_only_one_it_can_be_of() -> None:
    """To the micro-dollar; if nothing else used the account, which a person says."""
    assert verdicts(costs(90_000, 41_234), entry("a", "settled", 90_000), entry("b")) == [("b", 41_234, True)]


def test_several_are_settled_together_when_only_all_of_them_explain_it() -> None:
    """The sum is proven; it is shared out by what was expected."""
    found = verdicts(costs(121_001), entry("a"), entry("b", expected=80_000, reserve=90_000))
    assert found == [("a", 40_333, True), ("b", 80_668, True)]


def test_one_of_two_alike_is_nobodys_bill() -> None:
    """Either may have been billed; the sum does not tell which."""
    assert verdicts(costs(40_000), entry("a"), entry("b")) == [("a", None, False), ("b", None, False)]


def test_a_part_of_a_price_is_no_proof_that_nothing_was_billed() -> None:
    """A request that failed half way may have been billed in part."""
    assert verdicts(costs(10_000), entry("a")) == [("a", None, False)]


def test_a_sum_that_fits_nothing_settles_nothing() -> None:
    """Other programs used the account too."""
    assert verdicts(costs(900_000), entry("a")) == [("a", None, False)]


def test_costs_below_what_is_known_settle_nothing() -> None:
    """The export is of another project, or not complete."""
    assert verdicts(costs(50_000), entry("a", "settled", 90_000), entry("b")) == [("b", None, False)]


def test_lines_for_other_things_than_images_are_left_out() -> None:
    """Unless a request of the day was to a model that is billed in such lines."""
    others = [*costs(40_000, item="an-image-model, output"), Cost(DAY, 7_000_000, "a-text-model, input")]
    assert verdicts(others, entry("a")) == [("a", 40_000, True)]
    assert verdicts(others, entry("a", model="a-text-model")) == [("a", None, False)]


def test_where_the_model_chose_much_less_may_have_been_billed() -> None:
    """So that one at auto explains what a fixed one cannot."""
    assert verdicts(costs(5_000), entry("a", quality="auto")) == [("a", 5_000, True)]
    assert verdicts(costs(5_000), entry("a")) == [("a", None, False)]


@pytest.mark.parametrize(
    "other",
    [
        entry("x", "reserved"),
        entry("x", "sent"),
        entry("x", "settled", 40_000, from_usage=False),
        entry("x", "settled", priced=False, expected=0, reserve=0),
        entry("x", "settled", 40_000, at=datetime(2026, 11, 10, 23, 45, tzinfo=UTC)),
        entry("x", "settled", 40_000, at=datetime(2026, 11, 9, 23, 45, tzinfo=UTC)),
    ],
    ids=["reserved", "sent", "not of usage", "unpriced", "near its end", "near its beginning"],
)
def test_a_day_that_is_not_clear_proves_nothing(other: Entry) -> None:
    """Each of these makes the day's known costs uncertain."""
    assert verdicts(costs(40_000), entry("a"), other) == [("a", None, False)]


def test_the_sandbox_and_what_was_released_disturb_nothing() -> None:
    """They cost nothing for certain."""
    others = (entry("x", "sent", sandbox=True), entry("y", "released", at=NOON.replace(hour=23, minute=59)))
    assert verdicts(costs(40_000), entry("a"), *others) == [("a", 40_000, True)]


def test_a_recent_day_and_one_outside_the_export_prove_nothing() -> None:
    """The service adds to a day's costs for a while, and a day that is not covered has no sum."""
    (verdict,) = judge(costs(), [KNOWN, entry("a")], NOON + timedelta(days=1))
    assert verdict.billed is None and "too recent" in verdict.reason
    (verdict,) = judge([Cost(date(2026, 11, 9), 5_000, "")], [KNOWN, entry("a")], NOW)
    assert verdict.billed is None and "does not cover" in verdict.reason


def test_an_export_of_another_account_proves_nothing() -> None:
    """It has no costs on any day on which this ledger knows of some, as if everything had been free."""
    another = [Cost(DAY - timedelta(days=5), 4, ""), Cost(DAY + timedelta(days=3), 5, "")]
    assert verdicts(another, entry("a")) == [("a", None, False)]
    (verdict,) = judge(costs(), [entry("a")], NOW)
    assert verdict.billed is None and "something else" in verdict.reason


def test_a_credit_hides_what_was_billed() -> None:
    """So a day with one proves nothing."""
    assert verdicts(costs(40_000, -40_000), entry("a")) == [("a", None, False)]


def test_the_reason_shows_the_sum() -> None:
    """A person decides by it."""
    (verdict,) = judge(costs(131_234), [KNOWN, entry("a", "settled", 90_000), entry("b")], NOW)
    assert verdict.reason == (
        "Costs of 2026-11-10 (UTC): $0.13; known of it $0.090; left $0.041."
        " That is the price of all the day's unknown ones, and of no other choice."
    )


@given(
    billed=st.lists(st.booleans(), min_size=1, max_size=6),
    expected=st.lists(st.integers(4_000, 400_000), min_size=6, max_size=6),
    known=st.integers(0, 10**7),
    others=st.sampled_from((0, 0, 1, 77_000, 10**6)),
)
def test_a_verdict_that_needs_no_assurance_is_never_wrong(
    billed: list[bool], expected: list[int], known: int, others: int
) -> None:
    """Whatever really happened, and whatever else used the account; with the assurance it is right too."""
    unknown = [
        entry(str(index), expected=expected[index], reserve=expected[index] * 5 // 4)
        for index in range(len(billed))
    ]
    truth = {each.id: each.spending.expected if was else 0 for each, was in zip(unknown, billed, strict=True)}
    total = known + sum(truth.values()) + others
    for verdict in judge(costs(total), [KNOWN, entry("s", "settled", known), *unknown], NOW):
        if verdict.billed is None or (verdict.alone and others):
            continue
        if verdict.billed == 0:
            assert truth[verdict.entry.id] == 0
        else:
            assert all(truth.values())
            assert verdict.alone
