# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the days and months of a person's calendar begin; times are whole microseconds since 1970 UTC.

A day begins at the first instant that bears its date: at 01:00 where a change of the clocks skips midnight,
at the first of two midnights where it repeats one. A month begins with its first day, whatever offset from
UTC holds now. `zone` None is this machine's zone, as it is when asked.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

__all__ = ["day_start", "first_instant", "in_microseconds", "local_date", "moment", "month_start"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """The instant as an aware time in UTC."""
    return _EPOCH + microseconds * _MICROSECOND


def in_microseconds(instant: datetime) -> int:
    """Raises ValueError for a time without a time zone."""
    if instant.tzinfo is None:
        raise ValueError("a time without a time zone")
    return (instant - _EPOCH) // _MICROSECOND


def local_date(microseconds: int, zone: tzinfo | None = None) -> date:
    """The calendar's date at an instant."""
    return moment(microseconds).astimezone(zone).date()


def first_instant(day: date, zone: tzinfo | None = None) -> int:
    """When a date begins. A date that a zone skipped whole begins, and ends, with the one after it."""
    # Of a midnight that comes twice fold 0 is the first, and where there is none it is the end of the gap.
    # Not by astimezone(), which for the machine's zone takes the offset from after the gap.
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(midnight.timestamp()) * 1_000_000


def day_start(microseconds: int, zone: tzinfo | None = None) -> int:
    """When the day of an instant began."""
    return first_instant(local_date(microseconds, zone), zone)


def month_start(microseconds: int, zone: tzinfo | None = None) -> int:
    """When the month of an instant began."""
    return first_instant(local_date(microseconds, zone).replace(day=1), zone)
