# SPDX-License-Identifier: GPL-3.0-or-later
"""A host killed by SIGKILL at any step between the button and the layer: no money and no picture is lost."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import EchoServer

from scumble import jobs, store
from scumble.ledger import Ledger
from scumble.settings import Home
from tests import child

TRIALS = 1_000
PROGRAMS = 2
BILL = 45 + 6_144 + 9_030  # of servers.USAGE
DYING = """
import runpy, sys
sys.argv[0] = "dying"
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@dataclass(frozen=True)
class Aftermath:
    """What 1,000 killed hosts left, after the next start of one that lives."""

    home: Home
    trials: list[dict[str, object]]
    bought: Counter[str]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """Two programs at once share one data folder, while others start and sweep it."""
    home = Home(tmp_path_factory.mktemp("killed") / "scumble-home").make()
    with pytest.MonkeyPatch.context() as environment, EchoServer() as server:
        environment.setenv("SCUMBLE_KEYCHAIN", "off")
        environment.setenv("SCUMBLE_HOME", str(home.folder))
        script = Path(__file__).parents[1] / "dying.py"
        each = TRIALS // PROGRAMS
        programs = [
            child.start(DYING, script, home.folder, server.base_url, each * index, each, 20_261_122 + index)
            for index in range(PROGRAMS)
        ]
        trials = []
        for program in programs:
            assert program.stdout is not None
            for number, line in enumerate(program.stdout):
                trials.append(json.loads(line))
                if number % 100 == 99:
                    jobs.prepare(home)
            child.finish(program)
        bought = Counter(str(seen.fields["prompt"]) for seen in server.seen)
    jobs.prepare(home)
    return Aftermath(home, trials, bought)


def test_it_died_at_many_different_steps(aftermath: Aftermath) -> None:
    """In most of the functions that the library is made of, before, while and after the request was out."""
    died = [trial for trial in aftermath.trials if "place" in trial and "survived" not in str(trial["told"])]
    assert len(died) >= TRIALS * 9 // 10
    # A C function is known by its caller too: "scumble.place.close: FileIO.close".
    functions = {str(trial["place"]).partition(":")[0] for trial in died}
    own = {name for name in functions if name.startswith("scumble.")}
    print(
        f"{len(died)} killed, at {len(functions)} functions, {len(own)} of them the library's",
        file=sys.stderr,
    )
    for stage in ("performing.", "ledger.", "client.", "place.", "wire.", "ledger_file.", "private_files."):
        assert any(name.startswith(f"scumble.{stage}") for name in own), stage
    assert len(own) >= 100


def test_nothing_is_bought_twice(aftermath: Aftermath) -> None:
    """Each prompt reached the service at most once, however often hosts started again."""
    assert aftermath.bought
    assert {prompt: times for prompt, times in aftermath.bought.items() if times > 1} == {}


def test_the_ledger_says_what_the_service_billed_or_reserves_more(aftermath: Aftermath) -> None:
    """Never less: what arrived whole at the service is settled or unknown. Nothing is left half-way."""
    with Ledger(aftermath.home.ledger) as ledger:
        states = Counter(entry.state for entry in ledger.entries())
        totals = ledger.totals()
    assert set(states) <= {"settled", "unknown", "released"}
    billed_by_service = aftermath.bought.total() * BILL
    assert states["settled"] + states["unknown"] >= aftermath.bought.total()
    assert totals.billed + totals.reserved_or_unknown >= billed_by_service
    assert states["settled"] * BILL == totals.billed


def test_every_reply_that_reached_the_machine_is_in_the_store(aftermath: Aftermath) -> None:
    """And is settled, and offered to be placed unless its layer was there."""
    kept = store.all_stored(aftermath.home)
    prompts = {str(stored.asked["prompt"]) for stored in kept}
    reached = {
        f"trial {trial['trial']}" for trial in aftermath.trials if str(trial.get("told")).startswith("read")
    }
    assert len(reached) >= TRIALS // 20
    assert reached - prompts == set()
    with Ledger(aftermath.home.ledger) as ledger:
        assert {ledger.entry(stored.id).state for stored in kept} == {"settled"}
    placed = {stored.id for stored in kept if stored.facts.get("placed")}
    assert {stored.id for stored in store.unplaced(aftermath.home)} == {stored.id for stored in kept} - placed


def test_no_reply_stays_without_its_name(aftermath: Aftermath) -> None:
    """What was half written is finished or gone; a folder that nobody came to sign waits for a day."""
    unnamed = [path for path in aftermath.home.results.iterdir() if path.name.startswith(".")]
    assert [path.name for path in unnamed if list(path.glob("reply.bin"))] == []
    assert len(unnamed) <= TRIALS // 50
