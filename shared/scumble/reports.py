# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums over the ledger, from the partial sums that its file keeps: as fast over a million rows as over ten.

These functions work on the ledger's open file; `ledger.Ledger` is what calls them. Money is in micro-dollars,
times are microseconds since 1970 UTC. Each sum is one statement, so that it sees one state of the file.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from typing import Literal, get_args

from .periods import first_instant, local_date

Topic = Literal["day", "model", "quality", "host", "project", "document"]
TOPICS: tuple[Topic, ...] = get_args(Topic)

_QUARTER = 15 * 60 * 1_000_000
_DAY = 96 * _QUARTER

_EVER = -(2**62)
_ROW = (
    "billed, reserve * open * (1 - sandbox) AS held, would_bill, state <> 'released' AS count,"
    " (state <> 'released') * (1 - priced) * (1 - sandbox) AS unpriced"
)
_ROWS = "FROM requests JOIN standing ON standing.request = requests.number WHERE at >= ? AND at < ?"
_COLUMNS: dict[Topic, str] = {
    "model": "model",
    "quality": "model || ' ' || quality",
    "host": "host",
    "project": "project",
    "document": "document",
}


@dataclass(frozen=True)
class Totals:
    """Sums in micro-dollars. `reserved_or_unknown` is what may still be billed for what is not decided;
    `would_bill` what the sandbox's work would have cost; `count` leaves out what was released. Of `unpriced`
    of them nobody knows the price, so that the sums say nothing of these."""

    billed: int
    reserved_or_unknown: int
    would_bill: int
    count: int
    unpriced: int = 0


@dataclass(frozen=True)
class Group:
    """One line of a report: a date as YYYY-MM-DD, or the name of a model, a model and its quality with a
    space between, a host, a project or a document."""

    name: str
    totals: Totals


@dataclass(frozen=True)
class Failures:
    """What failed for one reason, outside the sandbox: `count` requests, of which `free` cost nothing.

    `billed` and `reserved` are what the others cost after all, and may still cost. The reason is a code, see
    `spendings.Step`.
    """

    reason: str
    count: int
    free: int
    billed: int
    reserved: int


@dataclass(frozen=True)
class Accuracy:
    """How estimates of a model and quality compare with the service's bills, outside the sandbox.

    `expected` and `billed` are sums over `bills`, `off` is the sum of the differences without their signs,
    `beyond` counts bills above the reserved bound. `without_usage` are bills that the service did not state,
    which say nothing of the estimate.
    """

    model: str
    quality: str
    bills: int
    expected: int
    billed: int
    off: int
    beyond: int
    without_usage: int


def totals(connection: sqlite3.Connection, since: int | None = None) -> Totals:
    """Over what was reserved at `since` or later; over everything when None."""
    start = _EVER if since is None else since
    whole = -(-start // _QUARTER)
    row = connection.execute(
        "SELECT coalesce(sum(billed), 0), coalesce(sum(held), 0), coalesce(sum(would_bill), 0),"  # noqa: S608 - constants of this module
        " coalesce(sum(count), 0), coalesce(sum(unpriced), 0)"
        " FROM (SELECT billed, held, would_bill, count, unpriced FROM quarters"
        f" WHERE quarter >= ? UNION ALL SELECT {_ROW} {_ROWS})",
        (whole, start, whole * _QUARTER if since is not None else start),
    ).fetchone()
    return Totals(*row)


def spent_since(connection: sqlite3.Connection, since: int) -> int:
    """What counts against a budget from `since` on: billed, or not decided and at its upper bound."""
    sums = totals(connection, since)
    return sums.billed + sums.reserved_or_unknown


def of_document(connection: sqlite3.Connection, document: str) -> Totals:
    """Over what was asked for one document, by the name that is recorded of it."""
    row = connection.execute(
        "SELECT coalesce(sum(billed), 0), coalesce(sum(held), 0), coalesce(sum(would_bill), 0),"
        " coalesce(sum(count), 0), coalesce(sum(unpriced), 0)"
        " FROM days WHERE topic = 'document' AND name = ?",
        (document,),
    ).fetchone()
    return Totals(*row)


def spent_on_project(connection: sqlite3.Connection, project: str) -> int:
    """What counts against a project's budget, over its whole life."""
    row = connection.execute(
        "SELECT coalesce(sum(billed + held), 0) FROM days WHERE topic = 'project' AND name = ?", (project,)
    )
    return int(row.fetchone()[0])


def groups(
    connection: sqlite3.Connection, topic: Topic, since: int | None = None, zone: tzinfo | None = None
) -> list[Group]:
    """The sums by day, newest first, or by another topic, the dearest first; from `since` on.

    A project's or document's name is empty for what belongs to none. Raises ValueError for an unknown topic.
    """
    if topic not in TOPICS:
        raise ValueError(f"unknown topic {topic!r}")
    if topic == "day":
        return _by_day(connection, since, zone)
    start = _EVER if since is None else since
    whole = -(-start // _DAY)
    rows = connection.execute(
        "SELECT name, sum(billed) AS billed, sum(held), sum(would_bill), sum(count), sum(unpriced) FROM"  # noqa: S608 - constants of this module
        " (SELECT name, billed, held, would_bill, count, unpriced FROM days WHERE topic = ? AND day >= ?"
        f" UNION ALL SELECT {_COLUMNS[topic]} AS name, {_ROW} {_ROWS})"
        " GROUP BY name ORDER BY billed DESC, name",
        (topic, whole, start, whole * _DAY if since is not None else start),
    )
    return [Group(name, Totals(*sums)) for name, *sums in rows]


def failures(connection: sqlite3.Connection, since: int | None = None) -> list[Failures]:
    """What was released or became unknown, by the reason of the first such event; the most frequent first."""
    rows = connection.execute(
        "SELECT reason, count(*) AS count, sum(state = 'released'), sum(billed), sum(reserve * open)"
        " FROM (SELECT request, reason, min(number) FROM events WHERE state IN ('released', 'unknown')"
        " GROUP BY request) AS failed"
        " JOIN requests ON requests.number = failed.request"
        " JOIN standing ON standing.request = failed.request"
        " WHERE sandbox = 0 AND at >= ? GROUP BY reason ORDER BY count DESC, reason",
        (_EVER if since is None else since,),
    )
    return [Failures(*row) for row in rows]


def accuracy(connection: sqlite3.Connection) -> list[Accuracy]:
    """Each model and quality that was billed outside the sandbox at a known price, by name."""
    rows = connection.execute(
        "SELECT model, quality, bills, expected, billed, off, beyond, without_usage FROM accuracy"
        " ORDER BY model, quality"
    )
    return [Accuracy(*row) for row in rows]


def billed_tokens(connection: sqlite3.Connection, model: str, quality: str) -> list[tuple[str, int]]:
    """The size asked for and the output tokens of one picture, for the bills that the service stated among
    the model's newest thousand requests; the newest first."""
    rows = connection.execute(
        "SELECT size, n, lines FROM (SELECT number, size, n, quality, sandbox FROM requests WHERE model = ?"
        " ORDER BY at DESC LIMIT 1000) AS asked JOIN events ON events.request = asked.number"
        " WHERE quality = ? AND sandbox = 0 AND state = 'settled' AND from_usage = 1",
        (model, quality),
    )
    found = []
    for size, n, lines in rows:
        tokens = _made_tokens(lines)
        if tokens:
            found.append((size, -(-tokens // n)))
    return found


def _made_tokens(lines: str) -> int:
    """The output tokens of a bill's lines; 0 for a damaged record, from which nothing is learned."""
    try:
        return sum(int(line[1]) for line in json.loads(lines) if line[0] == "image_output")
    except (ValueError, TypeError, LookupError):
        return 0


def _by_day(connection: sqlite3.Connection, since: int | None, zone: tzinfo | None) -> list[Group]:
    start = _EVER if since is None else since
    whole = -(-start // _QUARTER)
    rows = connection.execute(
        f"SELECT quarter * {_QUARTER} AS at, billed, held, would_bill, count, unpriced FROM quarters"  # noqa: S608 - constants of this module
        " WHERE quarter >= ?"
        f" UNION ALL SELECT at, {_ROW} {_ROWS} ORDER BY at",
        (whole, start, whole * _QUARTER if since is not None else start),
    )
    days: list[tuple[date, list[int]]] = []
    ends = _EVER
    for at, *sums in rows:
        if at >= ends:
            day = local_date(at, zone)
            ends = first_instant(day + timedelta(days=1), zone)
            days.append((day, [0, 0, 0, 0, 0]))
        for index, value in enumerate(sums):
            days[-1][1][index] += value
    return [Group(day.isoformat(), Totals(*sums)) for day, sums in reversed(days)]
