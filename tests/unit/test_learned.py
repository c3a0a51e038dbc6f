# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimates that learn from real bills, where a model's token counts are not published."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import EchoServer

from scumble import catalog, cost, jobs
from scumble.cli import main
from scumble.cost import Bill, Usage, bill, estimate
from scumble.credentials import Account, Secret
from scumble.learned import Learned, learn, size_class
from scumble.ledger import Ledger, learned_from_bills
from scumble.records import Asker, spending
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size

CATALOG = catalog.load()
GUESSED = CATALOG.find("gpt-image-2.6-flare")
KNOWN = CATALOG.find("gpt-image-2.5-flare")
REQUEST = Request("generate", GUESSED.id, "planks", Size(1536, 1024), "medium")
ASKER = Asker("cli")


def billed(ledger: Ledger, tokens: int, request: Request = REQUEST, sandbox: bool = False) -> None:
    model = CATALOG.find(request.model)
    price = estimate(request, model)
    id = ledger.reserve(spending(request, ASKER, price, sandbox))
    ledger.sent(id)
    ledger.settle(id, bill(Usage(7, 0, tokens), model, price))


def test_the_expected_price_is_the_median_of_real_bills(ledger: Ledger) -> None:
    """It says of how many, and stays a range around what the rule had guessed."""
    without = estimate(REQUEST, GUESSED)
    for tokens in (812, 800, 950):
        billed(ledger, tokens)
    learned = ledger.learned(REQUEST, GUESSED)
    assert learned == Learned(low=800, median=812, high=950, bills=3)
    price = estimate(REQUEST, GUESSED, learned)
    (output,) = [line for line in price.lines if line.part == "image_output"]
    assert output.tokens.expected == 812 and price.bills == 3 and not price.exact
    assert "the median of 3 real bills" in price.reason and without.bills == 0
    assert price.cost.low <= without.cost.low and price.cost.high >= without.cost.high


@given(st.lists(st.integers(1, 20_000), min_size=3, max_size=9), st.integers(1, 4))
def test_the_reservation_still_covers_every_bill_that_was_seen(tokens: list[int], n: int) -> None:
    """And is never less than without them."""
    request = replace(REQUEST, n=n)
    without, price = estimate(request, GUESSED), estimate(request, GUESSED, learn(tokens))
    assert price.reserve >= without.reserve
    usage = Usage(cost.text_tokens(GUESSED, "generate", 2, 0) * n, 0, max(tokens) * n)
    assert price.reserve >= bill(usage, GUESSED, price).total
    assert price.cost.low <= price.cost.expected <= price.cost.high <= price.reserve


def test_a_published_rule_learns_nothing(ledger: Ledger) -> None:
    """It is exact already."""
    request = replace(REQUEST, model=KNOWN.id)
    for _ in range(3):
        billed(ledger, 999, request)
    assert ledger.learned(request, KNOWN) is None
    assert estimate(request, KNOWN, Learned(1, 2, 3, 4)) == estimate(request, KNOWN)


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, quality="high"),
        replace(REQUEST, size=Size(1024, 1024)),
        replace(REQUEST, size=Size(3072, 2048)),
        replace(REQUEST, size=None),
        replace(REQUEST, model="gpt-image-2.6-sunburst"),
    ],
    ids=["quality", "shape", "area", "auto", "model"],
)
def test_only_bills_of_the_same_kind_count(ledger: Ledger, other: Request) -> None:
    """Of the model, the quality and the size class; a standing picture is like a lying one."""
    for _ in range(3):
        billed(ledger, 700)
    assert ledger.learned(other, CATALOG.find(other.model)) is None
    standing = replace(REQUEST, size=Size(1024, 1536))
    assert ledger.learned(standing, GUESSED) == Learned(700, 700, 700, 3)


def test_the_sandbox_and_bills_without_usage_teach_nothing(ledger: Ledger) -> None:
    """Two of the three bills say nothing of the service, and one is too few."""
    billed(ledger, 700)
    billed(ledger, 700, sandbox=True)
    id = ledger.reserve(spending(REQUEST, ASKER, estimate(REQUEST, GUESSED), False))
    ledger.sent(id)
    ledger.settle(id, Bill(5, (("image_output", 700, 30_000_000, 5),), from_usage=False))
    assert ledger.learned(REQUEST, GUESSED) is None


def test_several_pictures_are_learned_from_as_one_each(ledger: Ledger) -> None:
    """The bill is for all of them."""
    for _ in range(3):
        billed(ledger, 2_801, replace(REQUEST, n=4))
    assert ledger.learned(REQUEST, GUESSED) == Learned(701, 701, 701, 3)


def test_looking_creates_no_ledger(home: Home) -> None:
    """An estimate leaves nothing behind."""
    assert learned_from_bills(home, REQUEST, GUESSED) is None
    assert not home.ledger.exists()


def test_a_job_and_the_command_line_use_what_was_learned(
    home: Home, capsys: pytest.CaptureFixture[str], ledger: Ledger
) -> None:
    """The same price before and in the request."""
    for tokens in (812, 800, 950):
        billed(ledger, tokens)
    words = ["--model", GUESSED.id, "--quality", "medium", "--size", "1536x1024", "--prompt", "planks"]
    assert main(["estimate", "generate", *words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["learned_from"] == 3 and document["tokens"]["image_output"] == 812
    with EchoServer() as server:
        account = Account(server.base_url, Secret("sk-test-0000000000"), "a test")
        result = jobs.perform(REQUEST, ASKER, home, account, CATALOG)
    assert result.estimate == estimate(REQUEST, GUESSED, Learned(800, 812, 950, 3))
    assert ledger.entry(result.id).spending.expected == result.estimate.cost.expected


def test_sizes_fall_into_classes() -> None:
    """By area and shape."""
    assert size_class(Size(1536, 1024)) == size_class(Size(1024, 1536)) == size_class(Size(1440, 960))
    classes = [Size(1024, 1024), Size(1536, 1024), Size(1536, 512), Size(2048, 2048), Size(3840, 2160), None]
    assert len({size_class(size) for size in classes}) == len(classes)
