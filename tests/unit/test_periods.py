# SPDX-License-Identifier: GPL-3.0-or-later
"""Days and months of a calendar: every zone, every change of the clocks, every end of a month."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.periods import day_start, first_instant, in_microseconds, local_date, moment, month_start

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Seoul",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)


def at(text: str) -> int:
    return in_microseconds(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("zone", "now", "day", "month"),
    [
        ("UTC", "2026-11-22T12:00+00:00", "2026-11-22T00:00+00:00", "2026-11-01T00:00+00:00"),
        ("Asia/Seoul", "2026-11-30T23:30+00:00", "2026-11-30T15:00+00:00", "2026-11-30T15:00+00:00"),
        ("America/New_York", "2026-12-01T03:00+00:00", "2026-11-30T05:00+00:00", "2026-11-01T04:00+00:00"),
        ("Asia/Kathmandu", "2027-01-01T00:00+00:00", "2026-12-31T18:15+00:00", "2026-12-31T18:15+00:00"),
        ("Pacific/Kiritimati", "2028-02-29T09:59+00:00", "2028-02-28T10:00+00:00", "2028-01-31T10:00+00:00"),
    ],
)
def test_a_day_and_a_month_begin_at_their_own_midnight(zone: str, now: str, day: str, month: str) -> None:
    """In the zone asked about; the month's first midnight has the offset of that night, not of today."""
    assert day_start(at(now), ZoneInfo(zone)) == at(day)
    assert month_start(at(now), ZoneInfo(zone)) == at(month)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("America/Santiago", date(2026, 9, 6), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
    ids=["spring", "autumn", "half an hour", "no midnight", "two midnights", "a date that never was"],
)
def test_a_day_with_a_change_of_the_clocks_has_all_of_its_hours(zone: str, day: date, hours: float) -> None:
    """From its first instant to the next day's; both halves of a repeated hour count in it."""
    begins = first_instant(day, ZoneInfo(zone))
    ends = first_instant(day + timedelta(days=1), ZoneInfo(zone))
    assert ends - begins == hours * 3_600_000_000
    for instant in range(begins, ends, 900_000_000):
        assert local_date(instant, ZoneInfo(zone)) == day
        assert day_start(instant, ZoneInfo(zone)) == begins


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(ZONES).map(ZoneInfo),
)
def test_an_instant_lies_in_its_day_and_its_month(instant: datetime, zone: tzinfo) -> None:
    """Whatever the zone did that year: the day's start has its date, and the instant before has not."""
    now = in_microseconds(instant)
    begins = day_start(now, zone)
    assert month_start(now, zone) <= begins <= now
    assert local_date(begins, zone) == local_date(now, zone) != local_date(begins - 1, zone)
    first = month_start(now, zone)
    assert local_date(first, zone).month == local_date(now, zone).month
    assert local_date(first - 1, zone).month != local_date(now, zone).month
    assert moment(now) == instant


@pytest.fixture
def machine_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "rule", ["CET-1CEST,M3.5.0,M10.5.0/3", "UTC0", "NPT-5:45", "<-03>3", "CST5CDT,M3.2.0/0,M11.1.0/1"]
)
def test_without_a_zone_the_machines_own_is_meant(machine_zone: pytest.MonkeyPatch, rule: str) -> None:
    """As it is at the moment: also for the first of a month that had another offset, and where a change
    of the clocks skips midnight."""
    machine_zone.setenv("TZ", rule)
    time.tzset()
    for month in range(1, 13):
        for day in (1, 8, 15, 25, 28):
            begins = first_instant(date(2026, month, day))
            assert local_date(begins) == date(2026, month, day) != local_date(begins - 1)
            assert day_start(begins + 3_600_000_000) == begins
            assert local_date(month_start(begins)) == date(2026, month, 1)


def test_a_time_without_a_zone_is_refused() -> None:
    """It would be one instant here and another there."""
    with pytest.raises(ValueError, match="time zone"):
        in_microseconds(datetime(2026, 11, 22))  # noqa: DTZ001 - the zone is what is missing
