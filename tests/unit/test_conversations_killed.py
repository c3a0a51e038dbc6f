# SPDX-License-Identifier: GPL-3.0-or-later
"""A program killed while the service works on its turn: the next one fetches the picture and pays nothing."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import success

from scumble import conversations, store
from scumble.conversations import Fetched, TurnResult
from scumble.credentials import Account, Secret
from scumble.errors import AnswerAwaited
from scumble.jobs import prepare
from scumble.ledger import Ledger
from scumble.sandbox.memory import Memory
from scumble.sandbox.responses import _Kept
from scumble.sandbox.rules import Order
from scumble.sandbox.server import serve
from scumble.settings import Home
from tests import child, dying
from tests.unit.conversations_cases import IMAGE_USAGE

# Takes a turn and stops for ever at the event named, for the test to kill it there.
TAKING_A_TURN = """
import sys
from dataclasses import replace
from scumble import catalog, conversations
from scumble.credentials import Account, Secret
from scumble.records import Asker
from scumble.request import Request
from scumble.settings import find_home
from scumble.shapes import Size
from scumble.turns import Turn

base_url, last_event, mode = sys.argv[1:]

def stop_at(event):
    if type(event).__name__ == last_event:
        print("there", flush=True)
        sys.stdin.read()

request = Request("generate", "gpt-image-2.5-flare", "a small red door", Size(1024, 640), "low")
conversations.take_turn(
    Turn(request, "gpt-6-luna", in_background=mode == "background"),
    Asker("cli"),
    find_home().make(),
    Account(base_url, Secret("sk-planted-0123456789"), "a test"),
    catalog.load(),
    stop_at,
)
print("finished", flush=True)
"""


@dataclass(frozen=True)
class Service:
    """A sandbox that plays the service, and what it remembers."""

    base_url: str
    memory: Memory

    @property
    def made(self) -> int:
        """How many pictures were made, which is what it would bill."""
        return sum(bool(kept.last) for kept in self.memory.all("response") if isinstance(kept, _Kept))

    def account(self) -> Account:
        return Account(self.base_url, Secret("sk-planted-0123456789"), "a test")


@contextlib.contextmanager
def serving() -> Iterator[Service]:
    with serve(0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Service(f"http://127.0.0.1:{server.server_address[1]}/v1", server.memory)
        server.shutdown()
        thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as started:
        yield started


def kill_at(event: str, service: Service, mode: str = "background") -> None:
    program = child.start(TAKING_A_TURN, service.base_url, event, mode)
    assert program.stdout is not None
    assert program.stdout.readline() == "there\n"
    child.kill(program)


def restarted(home: Home, service: Service) -> list[Fetched]:
    """What the next program does at its start, and what it fetches."""
    prepare(home)
    return conversations.fetch_answers(home, service.account(), patience_seconds=30)


def states(home: Home) -> list[str]:
    with Ledger(home.ledger) as ledger:
        return [entry.state for entry in ledger.entries()]


def test_a_picture_is_fetched_after_the_program_that_asked_for_it_was_killed(
    home: Home, service: Service
) -> None:
    """Killed while the service worked: made once, billed once, kept with its prompt."""
    kill_at("Awaiting", service)
    assert (states(home), service.made) == (["sent"], 0)
    (came,) = restarted(home, service)
    assert isinstance(came.outcome, TurnResult)
    assert (states(home), service.made) == (["settled"], 1)
    kept = store.find(home, came.id)
    assert kept.asked["prompt"] == "a small red door"
    assert (kept.folder / "picture-1.png").read_bytes() == came.outcome.answer.pictures[0]
    assert restarted(home, service) == [] and service.made == 1
    with Ledger(home.ledger) as ledger:
        (entry,) = ledger.entries()
    assert 0 < entry.billed <= entry.spending.reserve and entry.from_usage


@pytest.mark.parametrize("mode", ["background", "at once"])
def test_a_kept_answer_is_settled_after_its_program_was_killed(
    home: Home, service: Service, mode: str
) -> None:
    """Killed between keeping and settling: nothing is even asked for again."""
    kill_at("Arrived", service, mode)
    assert (states(home), service.made) == (["sent"], 1)
    (came,) = conversations.fetch_answers(home, Account("http://127.0.0.1:1/v1", Secret("sk-1"), "a test"))
    assert isinstance(came.outcome, TurnResult)
    assert (states(home), service.made) == (["settled"], 1)


def test_a_turn_that_was_only_reserved_is_released(home: Home, service: Service) -> None:
    """Nothing had left."""
    kill_at("Reserved", service)
    assert restarted(home, service) == []
    assert (states(home), service.made) == (["released"], 0)


def test_a_turn_that_was_leaving_is_unknown(home: Home, service: Service) -> None:
    """Its name never came; what was asked is not kept for an answer that cannot come."""
    kill_at("Sent", service)
    assert restarted(home, service) == []
    assert states(home) == ["unknown"]


def test_without_its_key_an_answer_is_left_where_it_is(home: Home, service: Service) -> None:
    """The sandbox in this process knows nothing of it, and must not say that it is gone."""
    kill_at("Awaiting", service)
    assert conversations.fetch_answers(home, Account(service.base_url, None, "")) == []
    assert states(home) == ["sent"]


def test_an_answer_is_not_waited_for_longer_than_one_wants(home: Home, service: Service) -> None:
    """It stays awaited."""
    kill_at("Awaiting", service)
    (waiting,) = conversations.fetch_answers(home, service.account())
    assert isinstance(waiting.outcome, AnswerAwaited)
    assert states(home) == ["sent"]


TRIALS = 120
DYING = """
import runpy, sys
sys.argv[0] = "dying"
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@dataclass(frozen=True)
class Aftermath:
    """What killed programs left, after one that lives has started and fetched; what the service made."""

    home: Home
    died: int
    made: Counter[str]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    home = Home(tmp_path_factory.mktemp("killed") / "scumble-home").make()
    made: Counter[str] = Counter()

    def make(order: Order, seconds: float) -> dict[str, object]:
        made[order.prompt] += 1
        document: dict[str, object] = json.loads(success([dying.PICTURE.data], IMAGE_USAGE))
        return document | {"size": str(order.size)}

    with pytest.MonkeyPatch.context() as patched, serving() as service:
        patched.setattr("scumble.sandbox.service._document", make)
        patched.setenv("SCUMBLE_KEYCHAIN", "off")
        patched.setenv("SCUMBLE_HOME", str(home.folder))
        script = Path(dying.__file__).with_name("dying_turns.py")
        program = child.start(DYING, script, home.folder, service.base_url, 0, TRIALS, 20_261_122)
        trials = [json.loads(line) for line in child.finish(program).splitlines()]
        restarted(home, service)
    died = [trial for trial in trials if "place" in trial and "survived" not in trial["told"]]
    return Aftermath(home, len(died), made)


def test_killed_at_any_step_nothing_is_made_twice(aftermath: Aftermath) -> None:
    """Each turn reached the service at most once, however often programs started and fetched."""
    assert aftermath.died >= TRIALS * 9 // 10
    assert len(aftermath.made) >= TRIALS // 4
    assert set(aftermath.made.values()) == {1}


def test_killed_at_any_step_the_ledger_says_what_was_billed_or_reserves_more(aftermath: Aftermath) -> None:
    """Every picture that the service made is settled or unknown, at its bill or its reservation."""
    with Ledger(aftermath.home.ledger) as ledger:
        entries = ledger.entries()
        totals = ledger.totals()
    count = Counter(entry.state for entry in entries)
    print(f"{aftermath.died} killed: {dict(count)}, {len(aftermath.made)} made", file=sys.stderr)
    assert set(count) <= {"settled", "unknown", "released"}
    bills = {entry.billed for entry in entries if entry.state == "settled"}
    assert len(bills) <= 2  # a prompt's length makes a token more or less
    assert count["settled"] + count["unknown"] >= len(aftermath.made)
    assert totals.billed + totals.reserved_or_unknown >= len(aftermath.made) * min(bills)


def test_killed_at_any_step_what_is_settled_is_kept_and_what_has_a_name_was_fetched(
    aftermath: Aftermath,
) -> None:
    """Only turns whose first answer never came are unknown."""
    with Ledger(aftermath.home.ledger) as ledger:
        settled = {entry.id for entry in ledger.entries() if entry.state == "settled"}
        awaited = ledger.awaited()
    assert awaited == []
    assert {kept.id for kept in store.all_stored(aftermath.home)} == settled
