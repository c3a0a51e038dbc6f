# SPDX-License-Identifier: GPL-3.0-or-later
"""Results placed again exactly as they were, and what scripts read of results and spending."""

from __future__ import annotations

import json

import pytest
from gimp.conftest import KEY, Record, Studio
from servers import EchoServer

from scumble.ledger import Ledger
from scumble.settings import Home

BILL_OF_USAGE = 45 + 6_144 + 9_030


@pytest.fixture(scope="module")
def studio(new_studio) -> Studio:
    studio = new_studio("kept")
    with EchoServer() as server:
        ran = studio.run("kept.py", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.base_url)
    assert ran.returncode == 0, ran.stderr[-4000:] + ran.stdout[-4000:]
    assert "Traceback" not in ran.stderr, ran.stderr[-4000:]
    (studio.out / "sent").write_text(str(len(server.seen)))
    return studio


@pytest.fixture
def records(studio: Studio) -> dict[str, Record]:
    return studio.records([])


@pytest.mark.parametrize("name", ["placed_again", "placed_again_padded", "placed_again_deep"])
def test_a_result_placed_again_is_the_same_layer(records: dict[str, Record], name: str) -> None:
    """Pixel for pixel, with its mask value for value, though the selection is gone by then."""
    record = records[name]
    first, second = record.facts["first"], record.facts["second"]
    assert second["status"] == "success", second
    assert second["layer"]["place"] == first["layer"]["place"]
    assert record.raw("again") == record.raw("layer")
    assert record.raw("mask") == record.raw("selection")
    assert len(set(record.raw("mask"))) > 10
    assert second["layer"]["name"] == "Scumble Result 1"
    assert second["layer"]["parasites"] == first["layer"]["parasites"]


def test_a_generated_layer_comes_back_without_a_mask(records: dict[str, Record]) -> None:
    record = records["generated_again"]
    assert record.facts["second"]["layer"]["place"] == [0, 0, 1024, 768]
    assert not record.facts["second"]["layer"]["masked"]
    assert record.raw("again") == record.raw("first")


def test_all_variations_of_a_result_come_back_as_their_group(records: dict[str, Record]) -> None:
    """Where and behind what they were, the first one visible."""
    first, again = records["variations_again_first"].facts, records["variations_again"].facts
    assert again["layer"]["name"] == "Scumble Result 1"
    assert [one["place"] for one in again["children"]] == [one["place"] for one in first["children"]]
    assert [one["parasites"] for one in again["children"]] == [one["parasites"] for one in first["children"]]
    assert [one["visible"] for one in again["children"]] == [True, False]
    assert again["same"] == [True, True]


def test_where_the_canvas_does_not_reach_the_whole_picture_lies_in_the_middle(
    records: dict[str, Record],
) -> None:
    facts = records["placed_on_a_small_canvas"].facts["second"]
    x, y, width, height = facts["layer"]["place"]
    assert (width, height) == (992, 672)
    assert (x + width // 2, y + height // 2) == (100, 80)
    assert not facts["layer"]["masked"]


def test_what_cannot_be_placed_says_why(records: dict[str, Record]) -> None:
    assert "No kept result has that id." in records["no_such_result"].facts["error"]
    assert "indexed" in records["placed_on_an_indexed_image"].facts["error"]


def test_placing_again_pays_nothing(records: dict[str, Record], studio: Studio) -> None:
    """As many spendings as requests, none for a placing."""
    with Ledger(Home(studio.home).ledger) as ledger:
        entries = ledger.entries()
    assert len(entries) == int((studio.out / "sent").read_text()) == 8
    assert {entry.billed for entry in entries} == {BILL_OF_USAGE}


def test_results_are_listed_as_json(records: dict[str, Record]) -> None:
    """Newest first, searched by prompt, limited; all were placed."""
    facts = records["listed"].facts
    prompts = [one["prompt"] for one in facts["all"]]
    assert prompts[0] == "generated_again" and prompts[-1] == "placed_again"
    assert [one["prompt"] for one in facts["one"]] == ["placed_again_deep"]
    assert facts["unplaced"] == []
    assert facts["two"] == facts["all"][:2]
    newest = facts["all"][0]
    assert (newest["billed"], newest["sandbox"], newest["kind"]) == (BILL_OF_USAGE, False, "generate")
    assert newest["placed"] == ["GIMP: Scumble Layer 1", "GIMP: Scumble Result 1"]
    assert KEY not in json.dumps(facts)


def test_spending_is_told_in_micro_dollars(records: dict[str, Record]) -> None:
    """Of an image only its own; the sums of all agree with the ledger."""
    alone = records["spending_without_image"].facts
    assert alone["today"]["billed"] == alone["month"]["billed"] == 7 * BILL_OF_USAGE
    assert alone["unknown"] == [] and len(alone["last"]) == 7
    facts = records["spending_with_image"].facts
    assert facts["fill"]["cost"] == BILL_OF_USAGE
    assert facts["after"]["today"]["billed"] == 8 * BILL_OF_USAGE
    assert facts["after"]["document"]["billed"] - facts["before"]["document"]["billed"] == BILL_OF_USAGE
