# SPDX-License-Identifier: GPL-3.0-or-later
"""A budget stops a script's fill; `over-budget` lets one action pass, and only that one."""

from __future__ import annotations

from gimp.conftest import KEY
from servers import EchoServer

from scumble.ledger import Ledger
from scumble.settings import Home


def test_a_script_goes_over_the_budget_once(new_studio) -> None:
    """It is recorded as a decision; the call after it is stopped like the one before, and sends nothing."""
    studio = new_studio("budget")
    home = Home(studio.home)
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", 1_000)
    with EchoServer() as server:
        ran = studio.run("budgeted.py", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.base_url)
    assert ran.returncode == 0, ran.stderr[-4000:]
    records = studio.records([])
    for name in ("stopped", "stopped_again"):
        facts = records[name].facts
        assert facts["status"] == "execution-error"
        assert facts["error"].startswith("The budget for today has $0")
        assert "Nothing was billed." in facts["error"]
    assert records["let_through"].facts["status"] == "success"
    assert [seen.fields["prompt"] for seen in server.seen] == ["let_through"]
    with Ledger(home.ledger) as ledger:
        (entry,) = ledger.entries()
        assert ledger.steps(entry.id)[0].reason == "over-budget-day"
