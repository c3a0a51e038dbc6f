# SPDX-License-Identifier: GPL-3.0-or-later
"""Spendings whose answer the service keeps: found again by their handle, and nobody's leftover until then."""

from __future__ import annotations

import pytest

from scumble.ledger import Ledger
from scumble.settings import Home
from tests import child
from tests.unit.ledger_cases import BILL, SPENDING

SEND_AND_DIE = """
import sys
from pathlib import Path
from scumble.ledger import Ledger, Spending
ledger = Ledger(Path(sys.argv[1]))
spending = Spending("cli", "edit", "some-model", "low", "1024x1024", 1, 100, 150, False)
kept, lost = ledger.reserve(spending), ledger.reserve(spending)
ledger.sent(kept)
ledger.sent(lost)
ledger.await_answer(kept, "resp_kept")
print(kept, lost, flush=True)
sys.stdin.read()
"""


def _sent(ledger: Ledger) -> str:
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    return id


def test_what_awaits_an_answer_is_listed_newest_first_until_it_ends(ledger: Ledger) -> None:
    """By the handle noted last; what was settled awaits nothing."""
    first, second, third = _sent(ledger), _sent(ledger), _sent(ledger)
    for id, handle in ((first, "batch_1/a"), (second, "resp_2"), (third, "resp_3"), (first, "batch_1/b")):
        ledger.await_answer(id, handle)
    ledger.settle(second, BILL)
    assert [(each.entry.id, each.handle) for each in ledger.awaited()] == [
        (third, "resp_3"),
        (first, "batch_1/b"),
    ]


def test_what_a_person_gave_up_on_can_still_be_fetched(ledger: Ledger) -> None:
    """Unknown is no end: a later answer settles it."""
    id = _sent(ledger)
    ledger.await_answer(id, "resp_1")
    ledger.unknown(id, "left-after-sending")
    assert [(each.entry.state, each.handle) for each in ledger.awaited()] == [("unknown", "resp_1")]


def test_a_killed_process_leaves_behind_only_what_nothing_is_kept_for(home: Home, ledger: Ledger) -> None:
    """The sweep makes the other one unknown, and keeps the awaited one's reservation as it is."""
    process = child.start(SEND_AND_DIE, home.ledger)
    assert process.stdout is not None
    kept, lost = process.stdout.readline().split()
    child.kill(process)
    assert [(entry.id, entry.state) for entry in ledger.sweep()] == [(lost, "unknown")]
    assert ledger.entry(kept).state == "sent"
    assert ledger.totals().reserved_or_unknown == 300


@pytest.mark.parametrize("handle", ["", "two words", "ü", "x" * 201, "a\nb"])
def test_a_handle_is_a_name_and_never_free_text(ledger: Ledger, handle: str) -> None:
    """Nothing is recorded for one that is not."""
    id = _sent(ledger)
    with pytest.raises(ValueError, match="visible ASCII"):
        ledger.await_answer(id, handle)
    assert ledger.awaited() == []


def test_only_what_was_sent_can_await(ledger: Ledger) -> None:
    """A reservation has not left; what was settled has its answer; an id that is not there is a KeyError."""
    reserved, settled = ledger.reserve(SPENDING), _sent(ledger)
    ledger.settle(settled, BILL)
    for id in (reserved, settled):
        with pytest.raises(ValueError, match="awaits nothing"):
            ledger.await_answer(id, "resp_1")
    with pytest.raises(KeyError):
        ledger.await_answer("missing", "resp_1")
