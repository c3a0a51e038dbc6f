# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's rows as values: spendings with their state, and how each came to it.

These functions work on the ledger's open file; `ledger.Ledger` is what calls them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from .periods import moment
from .process import Process
from .spendings import Entry, Spending, State, Step

_ENTRIES = """
    SELECT id, at, host, kind, model, quality, size, n, expected, reserve, sandbox, document, project, priced,
           state, billed, would_bill, from_usage
    FROM requests JOIN standing ON standing.request = requests.number
"""


def each(connection: sqlite3.Connection, condition: str, *values: object) -> Iterator[Entry]:
    """One by one, those of a condition in SQL on the columns of `requests` and `standing`."""
    for row in connection.execute(_ENTRIES + condition, values):
        yield _entry(row)


def steps(connection: sqlite3.Connection, id: str) -> list[Step]:
    """How a spending came to its state, oldest first; none for an unknown id."""
    rows = connection.execute(
        "SELECT events.at, state, reason, billed FROM events"
        " JOIN requests ON request = requests.number WHERE id = ? ORDER BY events.number",
        (id,),
    )
    return [Step(moment(at), *rest) for at, *rest in rows]


def under_way(connection: sqlite3.Connection) -> list[tuple[int, State, int, Process]]:
    """The number, state, time in microseconds and process of each spending that was only reserved or sent."""
    rows = connection.execute(
        "SELECT request, state, at, machine, boot, namespace, pid, started"
        " FROM standing JOIN requests ON requests.number = request JOIN owners ON owners.number = owner"
        " WHERE open = 1 AND state <> 'unknown'"
    )
    return [(row[0], row[1], row[2], Process(*row[3:])) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    id, at, host, kind, model, quality, size, n, expected, reserve, sandbox, document, project = row[:13]
    priced, state, billed, would_bill, from_usage = row[13:]
    asked = Spending(
        host, kind, model, quality, size, n, expected, reserve, bool(sandbox), document, project, bool(priced)
    )
    return Entry(id, moment(at), asked, state, billed, would_bill, bool(from_usage))
