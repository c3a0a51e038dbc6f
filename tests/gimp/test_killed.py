# SPDX-License-Identifier: GPL-3.0-or-later
"""The plug-in's process killed at every step between the button and the layer, as GIMP's Cancel does it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from gimp.conftest import KEY, Record, Studio
from gimp.pictures import changed_pixels, coded_crop
from servers import EchoServer

from scumble.ledger import Ledger
from scumble.settings import Home

BILL_OF_USAGE = 45 + 6_144 + 9_030
NEVER_SENT = ["reserved", "place_made", "marked_sent"]
LOST = ["first_piece"]
TO_BE_PLACED = ["answered", "kept", "read", "settled", "described", "finished", "decoded", "placed"]
PLACED = ["noted", "nobody"]


@dataclass(frozen=True)
class Killed:
    """The GIMP in which it was killed and the next one; what arrived, and the ledger before and after."""

    studio: Studio
    prompts: list[str]
    records: dict[str, Record]


@pytest.fixture(scope="module")
def killed(new_studio) -> Killed:
    studio = new_studio("killed")
    with EchoServer() as server:
        environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
        path = str(studio.folder / "inside" / "killing")
        first = studio.run("killed.py", **environment, PYTHONPATH=path)
        assert first.returncode == 0, first.stderr[-4000:]
        prompts = [str(seen.fields["prompt"]) for seen in server.seen]
        second = studio.run("afterwards.py", **environment)
        assert second.returncode == 0, second.stderr[-4000:]
        assert len(server.seen) == len(prompts)
    return Killed(studio, prompts, studio.records([]))


def test_each_was_killed_where_it_should(killed: Killed) -> None:
    """GIMP reports a killed plug-in as an end without success; only the last steps come after the layer."""
    for name in [*NEVER_SENT, *LOST, *TO_BE_PLACED]:
        facts = killed.records[name].facts
        assert facts["status"] != "success", name
        expected = ["Scumble Fill 1", "photo"] if name == "placed" else ["photo"]
        assert facts["layers"] == expected, name
    assert killed.records["nobody"].facts["status"] == "success"


def test_nothing_is_bought_twice(killed: Killed) -> None:
    assert killed.prompts == [*LOST, *TO_BE_PLACED, *PLACED]


def test_the_ledger_holds_what_was_billed_or_more(killed: Killed) -> None:
    """What was sent and lost keeps its reservation; what was kept is billed exactly; the rest is nothing."""
    with Ledger(Home(killed.studio.home).ledger) as ledger:
        states = [entry.state for entry in reversed(ledger.entries())]
        totals = ledger.totals()
        held = sum(entry.spending.reserve for entry in ledger.unknown_entries())
    settled = ["settled"] * len([*TO_BE_PLACED, *PLACED])
    assert states == ["released", "released", "unknown", "unknown", *settled]
    assert totals.billed == len(settled) * BILL_OF_USAGE
    assert totals.reserved_or_unknown == held
    server_billed = len(killed.prompts) * BILL_OF_USAGE
    assert totals.billed + held >= server_billed


def test_every_reply_that_arrived_whole_is_offered_at_the_next_start(killed: Killed) -> None:
    offered = {one["prompt"] for one in killed.records["offered"].facts["offered"]}
    assert offered == set(TO_BE_PLACED)
    assert killed.records["left"].facts["left"] == []


@pytest.mark.parametrize("name", TO_BE_PLACED)
def test_what_is_offered_is_placed_as_it_would_have_been(killed: Killed, name: str) -> None:
    """At its place, pixel for pixel, behind the selection of then."""
    record = killed.records[f"placed.{name}"]
    assert record.facts["status"] == "success", record.facts
    place = tuple(record.facts["layer"]["place"])
    layer = record.picture("layer", "RGB", place[2:])
    assert changed_pixels(layer, coded_crop((1200, 900), place)) == 0
    assert record.raw("mask") == record.raw("selection")
    assert len(set(record.raw("mask"))) > 10
