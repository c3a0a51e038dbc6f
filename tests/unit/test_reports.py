# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums over the ledger: the partial sums that its file keeps equal those of the rows, from any moment on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.cost import Bill
from scumble.ledger import Entry, Ledger, Step, Totals
from scumble.reports import TOPICS, Accuracy, Failures
from scumble.settings import Home
from tests.unit.ledger_cases import BUDGETED as SPENDING
from tests.unit.ledger_cases import Clock

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
OPEN = {"reserved", "sent", "unknown"}


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON.isoformat())


@pytest.fixture
def ledger(clocked: Ledger) -> Ledger:
    return clocked


def add(
    ledger: Ledger, state: str = "settled", billed: int = 0, from_usage: bool = True, **change: object
) -> str:
    id = ledger.reserve(replace(SPENDING, **change))
    if state == "released":
        ledger.release(id, "stopped")
    elif state != "reserved":
        ledger.sent(id)
    if state == "settled":
        ledger.settle(id, Bill(billed, (), from_usage))
    elif state == "unknown":
        ledger.unknown(id, "timed-out")
    return id


def summed(entries: Iterable[Entry]) -> Totals:
    """From the rows, in plain Python."""
    kept = list(entries)
    return Totals(
        billed=sum(entry.billed for entry in kept),
        reserved_or_unknown=sum(
            entry.spending.reserve for entry in kept if entry.state in OPEN and not entry.spending.sandbox
        ),
        would_bill=sum(entry.would_bill for entry in kept),
        count=sum(entry.state != "released" for entry in kept),
        unpriced=sum(
            entry.state != "released" and not entry.spending.priced and not entry.spending.sandbox
            for entry in kept
        ),
    )


def grouped(entries: Iterable[Entry], topic: str, zone: ZoneInfo) -> dict[str, Totals]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        day = entry.at.astimezone(zone).date().isoformat()
        asked = entry.spending
        names = {"day": day, "quality": f"{asked.model} {asked.quality}"}
        found[names[topic] if topic in names else getattr(asked, topic)].append(entry)
    return {name: summed(each) for name, each in found.items()}


rows = st.lists(
    st.tuples(
        st.integers(0, 4 * 86_400_000_000),
        st.sampled_from(("gimp", "blender", "cli")),
        st.sampled_from(("some-model", "other-model")),
        st.sampled_from(("", "temple", "book")),
        st.sampled_from(("reserved", "sent", "settled", "released", "unknown")),
        st.integers(0, 100_000),
        st.booleans(),
        st.sampled_from((("", "low", True), ("/a/harbour.xcf", "high", True), ("stone.blend", "low", False))),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(
    rows=rows,
    since=st.integers(-1, 4 * 86_400_000_000),
    zone=st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kathmandu")),
)
def test_every_sum_is_that_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str, str, str, str, int, bool, tuple[str, str, bool]]],
    since: int,
    zone: str,
) -> None:
    """In any order of time, for any states, from any microsecond on, over a change of the clocks."""
    clock, place = Clock(NOON.isoformat()), ZoneInfo(zone)
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    with Ledger(path, clock, place) as ledger:
        for offset, host, model, project, state, money, sandbox, (document, quality, priced) in rows:
            clock.seconds = NOON.timestamp() + offset / 1_000_000
            asked = {"host": host, "model": model, "project": project, "document": document}
            amounts = {"reserve": money, "sandbox": sandbox, "quality": quality, "priced": priced}
            add(ledger, state, money, **asked, **amounts)
        for start in (None, NOON + timedelta(microseconds=since)):
            kept = [entry for entry in ledger.entries() if start is None or entry.at >= start]
            assert ledger.totals(start) == summed(kept)
            for topic in TOPICS:
                expected = grouped(kept, topic, place)
                found = {group.name: group.totals for group in ledger.groups(topic, start)}
                assert found == expected


def test_days_come_newest_first_and_names_by_what_they_cost(ledger: Ledger, clock: Clock) -> None:
    """Equal ones by their name."""
    for day, host in enumerate(("cli", "gimp", "blender", "gimp")):
        clock.seconds = NOON.timestamp() + day * 86_400
        add(ledger, billed=30 if host == "blender" else 15, host=host)
    assert [group.name for group in ledger.groups("day")] == [
        "2026-03-31",
        "2026-03-30",
        "2026-03-29",
        "2026-03-28",
    ]
    assert [group.name for group in ledger.groups("host")] == ["blender", "gimp", "cli"]


def test_a_day_of_a_report_is_the_day_of_a_budget(home: Home, clock: Clock) -> None:
    """The instant before a midnight that the clocks skipped, and the one after."""
    zone = ZoneInfo("America/Santiago")
    first = datetime(2026, 9, 6, 4, tzinfo=UTC)
    with Ledger(home.ledger, clock, zone) as ledger:
        ledger.set_budget("day", 10**9)
        for instant in (first - timedelta(microseconds=1), first):
            clock.seconds = instant.timestamp()
            add(ledger, billed=7)
        assert [group.name for group in ledger.groups("day")] == ["2026-09-06", "2026-09-05"]
        assert ledger.allowance().today == 7


def test_an_unknown_topic_is_refused(ledger: Ledger) -> None:
    """Before it becomes a part of a statement."""
    with pytest.raises(ValueError, match="topic"):
        ledger.groups("document; DROP TABLE requests")  # type: ignore[arg-type]


def test_estimates_are_measured_by_what_the_service_billed(ledger: Ledger) -> None:
    """By model and quality; not in the sandbox, not without a price, not by hand, not before the bill."""
    add(ledger, billed=50_000)
    add(ledger, billed=63_000)
    add(ledger, billed=100_001)
    add(ledger, billed=60_000, from_usage=False)
    add(ledger, billed=1, quality="low", expected=2)
    add(ledger, billed=9, sandbox=True)
    add(ledger, billed=9, priced=False)
    for state in ("reserved", "sent", "released"):
        add(ledger, state)
    ledger.decide(add(ledger, "unknown"), 5)
    assert ledger.accuracy() == [
        Accuracy("some-model", "low", bills=1, expected=2, billed=1, off=1, beyond=0, without_usage=0),
        Accuracy(
            "some-model",
            "medium",
            bills=3,
            expected=180_000,
            billed=213_001,
            off=53_001,
            beyond=1,
            without_usage=2,
        ),
    ]


# What a person decides


def test_unknown_ones_are_listed_and_closed_by_hand(ledger: Ledger) -> None:
    """As billed or as not billed, and the record says that a person decided."""
    billed, nothing, sandboxed = (
        add(ledger, "unknown"),
        add(ledger, "unknown"),
        add(ledger, "unknown", sandbox=True),
    )
    add(ledger, "sent")
    assert [entry.id for entry in ledger.unknown_entries()] == [sandboxed, nothing, billed]
    ledger.decide(billed, 77_000)
    ledger.decide(nothing, None)
    ledger.decide(sandboxed, 5)
    assert ledger.unknown_entries() == []
    assert ledger.totals() == Totals(billed=77_000, reserved_or_unknown=100_000, would_bill=5, count=3)
    assert [(step.state, step.reason, step.billed) for step in ledger.steps(billed)] == [
        ("reserved", "", 0),
        ("sent", "", 0),
        ("unknown", "timed-out", 0),
        ("settled", "by-hand", 77_000),
    ]
    assert ledger.steps(nothing)[-1] == Step(NOON, "released", "by-hand", 0)


@pytest.mark.parametrize("state", ["reserved", "sent", "settled", "released"])
@pytest.mark.parametrize("billed", [5, None])
def test_only_what_is_unknown_is_decided_by_hand(ledger: Ledger, state: str, billed: int | None) -> None:
    """What is under way decides itself, and what is decided stays."""
    id = add(ledger, state)
    with pytest.raises(ValueError, match=f"is {state}"):
        ledger.decide(id, billed)
    assert ledger.entry(id).state == state


@pytest.mark.parametrize("billed", [0.5, -1, True])
def test_only_whole_micro_dollars_are_decided(ledger: Ledger, billed: object) -> None:
    """As everywhere."""
    id = add(ledger, "unknown")
    with pytest.raises(ValueError, match="micro-dollars"):
        ledger.decide(id, billed)  # type: ignore[arg-type]


def test_the_beginning_of_an_id_is_enough_where_no_other_begins_so(ledger: Ledger) -> None:
    """No and several matches are an error alike; an empty one matches all."""
    ids = [add(ledger, "reserved") for _ in range(40)]
    assert ledger.find(ids[7]) == ids[7]
    assert {ledger.find(id[:12]) for id in ids} == set(ids)
    shared = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    for unclear in ("", shared, "0" * 32, "x", "%"):
        with pytest.raises(KeyError):
            ledger.find(unclear)
    with pytest.raises(KeyError):
        ledger.steps("0" * 32)


def test_entries_are_read_one_by_one(ledger: Ledger) -> None:
    """The same as the list."""
    for _ in range(3):
        add(ledger, "reserved")
    assert list(ledger.each_entry(limit=2)) == ledger.entries(limit=2)
    assert date(2026, 3, 28) == ledger.entries()[0].at.date()


def test_failures_are_told_by_their_first_reason_with_what_they_cost_after_all(
    ledger: Ledger, clock: Clock
) -> None:
    """Released ones are free, an unknown one is held, a late bill counts; the sandbox fails for nothing."""
    add(ledger, "released")
    add(ledger, "released", sandbox=True)
    held, late, decided = (add(ledger, "unknown", reserve=100_000) for _ in range(3))
    ledger.settle(late, Bill(57_000, (), True))
    ledger.decide(decided, None)
    assert ledger.failures() == [
        Failures("timed-out", 3, free=1, billed=57_000, reserved=100_000),
        Failures("stopped", 1, free=1, billed=0, reserved=0),
    ]
    assert ledger.entry(held).state == "unknown"
    clock.seconds += 1
    assert ledger.failures(NOON + timedelta(microseconds=1)) == []


def test_a_document_has_its_own_sums(ledger: Ledger) -> None:
    """By the name it was asked under, however long that is; an unknown one has none."""
    name = "/그림/" + "사원" * 80 + ".xcf"
    add(ledger, billed=5, document=name)
    add(ledger, "unknown", document=name, reserve=7)
    add(ledger, billed=11, document="other.xcf")
    assert ledger.document_totals(name) == Totals(5, 7, 0, 2)
    assert ledger.document_totals("none.xcf") == Totals(0, 0, 0, 0)
