# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's states: each allowed step and no other, told by entries and totals."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from scumble.cost import Bill
from scumble.ledger import Entry, Ledger, Totals
from scumble.settings import Home
from tests.unit.ledger_cases import BILL, SPENDING, raw


def test_a_paid_request_is_reserved_sent_and_settled(ledger: Ledger) -> None:
    """Each step shows in the entry, and the total moves from reserved to billed."""
    id = ledger.reserve(SPENDING)
    assert ledger.entry(id).state == "reserved"
    ledger.sent(id)
    assert ledger.entry(id).state == "sent"
    assert ledger.totals() == Totals(billed=0, reserved_or_unknown=20_000, would_bill=0, count=1)
    ledger.settle(id, BILL)
    entry = ledger.entry(id)
    assert (entry.state, entry.billed, entry.would_bill, entry.from_usage) == ("settled", 13_205, 0, True)
    assert entry.spending == SPENDING
    assert ledger.totals() == Totals(billed=13_205, reserved_or_unknown=0, would_bill=0, count=1)


def test_an_unknown_spending_keeps_its_whole_reservation(ledger: Ledger) -> None:
    """Until it is decided, all of it may still be billed."""
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    ledger.unknown(id, "timed-out")
    assert ledger.totals().reserved_or_unknown == 20_000
    ledger.settle(id, replace(BILL, from_usage=False))
    assert ledger.totals() == Totals(13_205, 0, 0, 1)
    assert ledger.entry(id).from_usage is False


def test_a_released_spending_costs_nothing_and_is_not_counted(ledger: Ledger) -> None:
    """It stays in the list."""
    id = ledger.reserve(SPENDING)
    ledger.release(id, "not-connected")
    assert ledger.totals() == Totals(0, 0, 0, 0)
    assert [entry.state for entry in ledger.entries()] == ["released"]


def test_the_sandbox_bills_nothing_and_records_what_the_service_would_have_billed(ledger: Ledger) -> None:
    """Its reservation holds no money either."""
    id = ledger.reserve(replace(SPENDING, sandbox=True))
    ledger.sent(id)
    assert ledger.totals().reserved_or_unknown == 0
    ledger.settle(id, BILL)
    assert (ledger.entry(id).billed, ledger.entry(id).would_bill) == (0, 13_205)
    assert ledger.totals() == Totals(billed=0, reserved_or_unknown=0, would_bill=13_205, count=1)


@pytest.mark.parametrize("amount", [1.0, True, -1, 10**15 + 1, "5", None])
@pytest.mark.parametrize("name", ["expected", "reserve"])
def test_only_whole_micro_dollars_are_reserved(ledger: Ledger, name: str, amount: object) -> None:
    """A float, a truth value, a negative or an absurd amount is refused, and nothing is recorded."""
    with pytest.raises(ValueError, match="micro-dollars"):
        ledger.reserve(replace(SPENDING, **{name: amount}))
    assert ledger.entries() == []


@pytest.mark.parametrize("total", [0.5, -1, True])
def test_only_whole_micro_dollars_are_billed(ledger: Ledger, total: object) -> None:
    """The spending stays as it was."""
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    with pytest.raises(ValueError, match="micro-dollars"):
        ledger.settle(id, Bill(total, (), True))  # type: ignore[arg-type]
    assert ledger.entry(id).state == "sent"


@pytest.mark.parametrize("change", [{"host": "krita"}, {"n": 0}])
def test_a_spending_that_makes_no_sense_is_refused(ledger: Ledger, change: dict[str, object]) -> None:
    """Before anything is recorded."""
    with pytest.raises(ValueError):
        ledger.reserve(replace(SPENDING, **change))
    assert ledger.entries() == []


@pytest.mark.parametrize("reason", ["", "The prompt was: a red door", "sk-" + "a" * 60, "später"])
def test_a_reason_is_a_code_and_never_free_text(ledger: Ledger, reason: str) -> None:
    """So no prompt and no key can come into the ledger by this way."""
    id = ledger.reserve(SPENDING)
    with pytest.raises(ValueError, match="code"):
        ledger.release(id, reason)
    assert ledger.entry(id).state == "reserved"


def test_an_id_that_is_not_there_is_a_key_error(ledger: Ledger) -> None:
    """For reading and for every step."""
    with pytest.raises(KeyError):
        ledger.entry("0" * 32)
    with pytest.raises(KeyError):
        ledger.sent("0" * 32)


def test_entries_come_newest_first_from_a_moment_on(home: Home) -> None:
    """The moment counts in, in any time zone; a limit cuts the older ones."""
    times = iter([100.0, 100.0, 200.0, 200.0, 300.0, 300.0])
    with Ledger(home.ledger, now=lambda: next(times)) as ledger:
        first, second, third = (ledger.reserve(SPENDING) for _ in range(3))
        assert [entry.id for entry in ledger.entries()] == [third, second, first]
        assert [entry.id for entry in ledger.entries(limit=1)] == [third]
        moment = datetime(1970, 1, 1, 0, 3, 20, tzinfo=UTC)
        assert [entry.at for entry in ledger.entries(since=moment)] == [
            moment + timedelta(seconds=100),
            moment,
        ]
        in_seoul = moment.astimezone(timezone(timedelta(hours=9)))
        assert ledger.totals(since=in_seoul).count == 2
        assert ledger.totals(since=moment + timedelta(microseconds=1)).count == 1
        with pytest.raises(ValueError, match="time zone"):
            ledger.entries(since=datetime(2026, 11, 22))  # noqa: DTZ001 - the zone is what is missing


def test_long_names_are_cut_where_they_tell_least(ledger: Ledger) -> None:
    """A document keeps its end, a project its beginning, and no character is cut in two."""
    id = ledger.reserve(replace(SPENDING, document="가" * 100 + "/그림.xcf", project="사원" * 40))
    asked = ledger.entry(id).spending
    assert asked.document.endswith("가/그림.xcf") and len(asked.document.encode()) in (158, 159, 160)
    assert asked.project == "사원" * 8


def test_a_file_name_that_is_no_unicode_is_recorded_all_the_same(ledger: Ledger) -> None:
    """Linux allows such names, and they must not stop a request."""
    id = ledger.reserve(replace(SPENDING, document="/home/a/caf\udce9.xcf"))
    assert ledger.entry(id).spending.document == "/home/a/caf?.xcf"


def test_the_bill_is_recorded_part_by_part(home: Home, ledger: Ledger) -> None:
    """With tokens and rates, which reports and learned estimates need later."""
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    ledger.settle(id, BILL)
    with raw(home) as connection:
        (lines,) = connection.execute("SELECT lines FROM events WHERE state = 'settled'").fetchone()
    assert lines == '[["text_input",7,5000000,35],["image_output",439,30000000,13170]]'


# Every history at once, against an oracle in plain Python


FOLLOWERS = {
    "reserved": {"sent", "released"},
    "sent": {"settled", "released", "unknown"},
    "unknown": {"settled", "released"},
    "settled": set(),
    "released": set(),
}


WAYS = {
    "reserved": (),
    "sent": ("sent",),
    "unknown": ("sent", "unknown"),
    "settled": ("sent", "settled"),
    "released": ("released",),
}


def step(ledger: Ledger, id: str, state: str) -> None:
    if state == "sent":
        ledger.sent(id)
    elif state == "settled":
        ledger.settle(id, BILL)
    elif state == "released":
        ledger.release(id, "stopped")
    else:
        ledger.unknown(id, "timed-out")


@pytest.mark.parametrize("before", WAYS)
@pytest.mark.parametrize("after", ["sent", "settled", "released", "unknown"])
def test_only_the_allowed_steps_are_taken(ledger: Ledger, before: str, after: str) -> None:
    """Every other one, and the same final one again, is refused and changes nothing."""
    id = ledger.reserve(SPENDING)
    for state in WAYS[before]:
        step(ledger, id, state)
    if after in FOLLOWERS[before]:
        step(ledger, id, after)
        assert ledger.entry(id).state == after
    else:
        with pytest.raises(ValueError, match=f"is {before} and cannot become {after}"):
            step(ledger, id, after)
        assert ledger.entry(id).state == before


class LedgerHistory(RuleBasedStateMachine):
    """Any sequence of steps on any spendings, with the file closed and opened in between."""

    ids = Bundle("ids")

    @initialize()
    def create(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.clock = 1_000_000_000.0
        self.expected: dict[str, Entry] = {}
        self.order: list[str] = []
        self.ledger = Ledger(self.folder / "ledger.sqlite3", now=lambda: self.clock)

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule(
        target=ids,
        reserve=st.integers(0, 10**15),
        sandbox=st.booleans(),
        host=st.sampled_from(("gimp", "blender", "cli")),
        seconds=st.integers(0, 10_000),
    )
    def reserve(self, reserve: int, sandbox: bool, host: str, seconds: int) -> str:
        self.clock += seconds
        spending = replace(SPENDING, reserve=reserve, sandbox=sandbox, host=host)
        id = self.ledger.reserve(spending)
        at = datetime.fromtimestamp(self.clock, UTC)
        self.expected[id] = Entry(id, at, spending, "reserved", 0, 0, False)
        self.order.append(id)
        return id

    @rule(id=ids)
    def send(self, id: str) -> None:
        with self.possible(id, "sent"):
            self.ledger.sent(id)

    @rule(id=ids)
    def lose(self, id: str) -> None:
        with self.possible(id, "unknown"):
            self.ledger.unknown(id, "timed-out")

    @rule(id=ids)
    def release(self, id: str) -> None:
        with self.possible(id, "released"):
            self.ledger.release(id, "stopped")

    @rule(id=ids, total=st.integers(0, 10**15), from_usage=st.booleans())
    def settle(self, id: str, total: int, from_usage: bool) -> None:
        sandbox = self.expected[id].spending.sandbox
        with self.possible(
            id,
            "settled",
            billed=0 if sandbox else total,
            would_bill=total if sandbox else 0,
            from_usage=from_usage,
        ):
            self.ledger.settle(id, Bill(total, (), from_usage))

    @rule()
    def open_again(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.folder / "ledger.sqlite3", now=lambda: self.clock)

    @rule()
    def sweep_while_this_process_lives(self) -> None:
        assert self.ledger.sweep() == []

    @contextlib.contextmanager
    def possible(self, id: str, state: str, **facts: object) -> Iterator[None]:
        before = self.expected[id]
        if state in FOLLOWERS[before.state]:
            yield
            self.expected[id] = replace(before, state=state, **facts)
        else:
            with pytest.raises(ValueError, match=f"is {before.state} and cannot become {state}"):
                yield

    @invariant()
    def agrees(self) -> None:
        newest_first = [self.expected[id] for id in reversed(self.order)]
        assert self.ledger.entries() == newest_first
        real = [entry for entry in newest_first if not entry.spending.sandbox]
        is_open = {"reserved", "sent", "unknown"}
        assert self.ledger.totals() == Totals(
            billed=sum(entry.billed for entry in real),
            reserved_or_unknown=sum(entry.spending.reserve for entry in real if entry.state in is_open),
            would_bill=sum(entry.would_bill for entry in newest_first),
            count=sum(entry.state != "released" for entry in newest_first),
        )

    @invariant()
    def states_follow_from_the_events_alone(self) -> None:
        with contextlib.closing(sqlite3.connect(self.folder / "ledger.sqlite3")) as connection:
            last = connection.execute("SELECT id, state, max(events.number) FROM events JOIN requests"
                                      " ON requests.number = request GROUP BY request")  # fmt: skip
            replayed = {id: state for id, state, _ in last}
        assert replayed == {id: entry.state for id, entry in self.expected.items()}


TestLedgerHistory = LedgerHistory.TestCase
TestLedgerHistory.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
