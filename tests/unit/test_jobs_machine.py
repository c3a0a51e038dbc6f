# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in any order of asking, stopping, answering, starting and deciding: a model of the money agrees."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from servers import FaultServer, http_answer, refusal, sends

from scumble import catalog, jobs
from scumble.cost import estimate
from scumble.errors import BudgetExceeded, OutcomeUnknown, ScumbleError, Stopped, StoppedAfterSending
from scumble.jobs import Job, Result
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.unit.jobs_cases import ASKER, BILL_OF_USAGE, EDIT, GOOD, PATIENCE_SECONDS, account, kept_ids

State = Literal["sent", "settled", "released", "unknown"]

BLOCKED = refusal("image_generation_user_error", "moderation_blocked")
# What the service will say, and what is true of the money then.
ANSWERS: dict[str, tuple[bytes, State]] = {
    "picture": (http_answer(200, GOOD), "settled"),
    "refusal": (http_answer(400, BLOCKED), "released"),
    "fault": (http_answer(500, refusal("server_error", None)), "unknown"),
    "nothing": (b"", "unknown"),
    "half a picture": (http_answer(200, GOOD[:999], declared_length=len(GOOD)), "unknown"),
}
RESERVE = estimate(EDIT, catalog.load().find(EDIT.model)).reserve


@dataclass
class Asked:
    """A job at a server of its own, which answers when it is told to."""

    answer: str
    job: Job
    server: FaultServer
    arrived: threading.Event
    gate: threading.Event
    was_stopped: bool = False
    state: State = "sent"
    billed: int = 0
    id: str = field(default="")


class JobsOfAHost(RuleBasedStateMachine):
    under_way: Bundle[Asked] = Bundle("under_way")
    ended: Bundle[Asked] = Bundle("ended")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.home = Home(self.folder / "scumble-home").make()
        self.all: list[Asked] = []
        self.limit: int | None = None

    def teardown(self) -> None:
        for asked in self.all:
            asked.gate.set()
            assert asked.job.wait(PATIENCE_SECONDS)
            asked.server.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    @rule(target=under_way, answer=st.sampled_from(sorted(ANSWERS)))
    def ask(self, answer: str) -> object:
        """The request is at the service, unless a budget has no room for it."""
        raw, _state = ANSWERS[answer]
        arrived, gate = threading.Event(), threading.Event()

        def hold() -> None:
            arrived.set()
            gate.wait(PATIENCE_SECONDS)

        server = FaultServer(sends(raw, meanwhile=hold))
        job = Job(EDIT, ASKER, self.home, account(server.base_url), catalog.load())
        asked = Asked(answer, job, server, arrived, gate)
        fits = self.limit is None or self.used() + RESERVE <= self.limit
        job.start()
        if not fits:
            assert job.wait(PATIENCE_SECONDS) and isinstance(job.outcome, BudgetExceeded)
            assert server.connections == 0
            server.__exit__()
            return multiple()
        assert arrived.wait(PATIENCE_SECONDS)
        asked.id = next(event.id for event in job.events() if isinstance(event, jobs.Sent))
        self.all.append(asked)
        return asked

    @rule()
    def stop_before_it_leaves(self) -> None:
        """Costs nothing and says so."""
        with FaultServer(sends(b"")) as server:
            job = Job(EDIT, ASKER, self.home, account(server.base_url), catalog.load())
            job.cancel()
            job.start()
            assert job.wait(PATIENCE_SECONDS)
            assert type(job.outcome) is Stopped
            assert server.connections == 0

    @rule(asked=under_way)
    def stop(self, asked: Asked) -> None:
        """Said at once, as often as one likes; the thread goes on."""
        asked.job.cancel()
        if not asked.job.wait(0):
            assert isinstance(asked.job.outcome, StoppedAfterSending)
            asked.was_stopped = True

    @rule(target=ended, asked=consumes(under_way))
    def let_it_answer(self, asked: Asked) -> Asked:
        """What comes is kept and settled, stopped or not."""
        asked.gate.set()
        assert asked.job.wait(PATIENCE_SECONDS)
        asked.state = ANSWERS[asked.answer][1]
        outcome = asked.job.outcome
        if asked.state == "settled":
            assert isinstance(outcome, Result)
            asked.billed = BILL_OF_USAGE
        else:
            assert isinstance(outcome, ScumbleError)
            assert isinstance(outcome, OutcomeUnknown) == (asked.state == "unknown")
        return asked

    @rule(asked=ended, amount=st.none() | st.integers(0, 50_000))
    def decide(self, asked: Asked, amount: int | None) -> None:
        """A person closes what is unknown."""
        if asked.state != "unknown":
            return
        with Ledger(self.home.ledger) as ledger:
            ledger.decide(asked.id, amount)
        asked.state, asked.billed = ("released", 0) if amount is None else ("settled", amount)

    @rule()
    def start_another_host(self) -> None:
        """It finds nothing to put right, since whoever asked is alive."""
        assert jobs.prepare(self.home) == []

    @rule(limit=st.none() | st.integers(0, 4 * RESERVE))
    def limit_the_month(self, limit: int | None) -> None:
        with Ledger(self.home.ledger) as ledger:
            if limit is None:
                ledger.clear_budget("month")
            else:
                ledger.set_budget("month", limit)
        self.limit = limit

    def used(self) -> int:
        return sum(
            {"sent": RESERVE, "unknown": RESERVE, "settled": asked.billed, "released": 0}[asked.state]
            for asked in self.all
        )

    @invariant()
    def the_ledger_agrees(self) -> None:
        with Ledger(self.home.ledger) as ledger:
            totals = ledger.totals()
            states = {asked.id: ledger.entry(asked.id).state for asked in self.all}
        assert states == {asked.id: asked.state for asked in self.all}
        assert totals.billed + totals.reserved_or_unknown == self.used()

    @invariant()
    def nothing_is_asked_twice_and_every_picture_is_kept(self) -> None:
        assert [asked.server.connections for asked in self.all] == [1] * len(self.all)
        arrived = {asked.id for asked in self.all if asked.answer == "picture" and asked.state == "settled"}
        assert set(kept_ids(self.home)) == arrived


JobsOfAHost.TestCase.settings = settings(
    max_examples=20, stateful_step_count=14, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestJobs = JobsOfAHost.TestCase
