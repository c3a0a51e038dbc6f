# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger of every earlier form opens, and its sums are those that the newest form would have kept.

The files in ledgers/ are what each form's own version wrote, as SQL. A released one is never edited; a new
migration is a new file, its rows those of the file before and what the migration brings.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from scumble.budgets import Budget
from scumble.ledger import Ledger, Totals
from scumble.ledger_forms import MIGRATIONS
from scumble.reports import Failures
from scumble.settings import Home
from tests.unit.ledger_cases import BILL, raw

FORMS = range(1, len(MIGRATIONS) + 1)
every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def ledger_of(home: Home, form: int) -> Ledger:
    script = Path(__file__).with_name("ledgers") / f"form-{form}.sql"
    with raw(home) as connection:
        connection.executescript(script.read_text("utf-8"))
    return Ledger(home.ledger)


@every_form
def test_its_money_is_all_there(ledger_of: Ledger, form: int) -> None:
    """Billed, held, the sandbox's, what was released, and what nobody knows the price of."""
    unpriced = int(form > 1)
    with ledger_of as ledger:
        assert ledger.totals() == Totals(90, 300, 80, 4 + unpriced, unpriced)
        assert {group.name: group.totals for group in ledger.groups("document")} == {
            "/art/harbour.xcf": Totals(90, 150, 0, 2),
            "/art/stone.blend": Totals(0, 0, 80, 1),
            "": Totals(0, 150, 0, 1 + unpriced, unpriced),
        }
        assert {group.name: group.totals.count for group in ledger.groups("quality")} == {
            "model-a low": 1,
            "model-b high": 2,
            "model-b low": 1,
            **({"model-c low": 1} if unpriced else {}),
        }
        assert ledger.failures() == [Failures("stopped", 1, 1, 0, 0), Failures("timed-out", 1, 0, 0, 150)]
        assert [measured.billed for measured in ledger.accuracy()] == [90]


@every_form
def test_it_goes_on_from_there(ledger_of: Ledger, form: int) -> None:
    """A late bill moves every sum, budgets hold, and what awaited an answer still does."""
    with ledger_of as ledger:
        assert ledger.budgets() == ([Budget("day", 5_000_000)] if form > 1 else [])
        assert [each.handle for each in ledger.awaited()] == (["resp_1"] if form > 2 else [])
        ledger.settle("ae", BILL)
        assert ledger.totals().billed == 90 + BILL.total
        assert ledger.groups("document")[0].totals.billed == 90 + BILL.total
        assert ledger.failures()[1] == Failures("timed-out", 1, 0, BILL.total, 0)


@every_form
def test_a_second_opening_finds_nothing_to_do(ledger_of: Ledger, home: Home, form: int) -> None:
    """Each migration is recorded once."""
    ledger_of.close()
    Ledger(home.ledger).close()
    with raw(home) as connection:
        numbers = [number for (number,) in connection.execute("SELECT number FROM migrations")]
    assert numbers == list(FORMS)


def test_each_form_has_its_file() -> None:
    """Without one the next version might break it unseen."""
    kept = {path.name for path in Path(__file__).with_name("ledgers").iterdir()}
    assert kept == {f"form-{form}.sql" for form in FORMS}
