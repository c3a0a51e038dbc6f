# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that the service keeps for a later fetch: which spending waits for which, in the ledger's file.

A handle is the service's own name for the answer: a background response's id, or a batch's id and the line
in it. While a spending has one it is nobody's leftover, whichever process asked: the answer can still come.
These functions work on the ledger's open file; `ledger.Ledger` is what calls them.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

from .spendings import Entry

_HANDLE = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True)
class Awaited:
    """A spending without an end, and the handle that its answer is fetched by."""

    entry: Entry
    handle: str


def note(connection: sqlite3.Connection, at: int, number: int, handle: str) -> None:
    """Record the handle of the request with that number; a later one takes its place.

    Raises ValueError for a handle that is not 1 to 200 visible ASCII characters.
    """
    if not _HANDLE.fullmatch(handle):
        raise ValueError("a handle is 1 to 200 visible ASCII characters")
    connection.execute("INSERT INTO handles (request, at, handle) VALUES (?, ?, ?)", (number, at, handle))


def handles(connection: sqlite3.Connection) -> dict[int, str]:
    """The handle of each request that has one and no end yet, by the request's number."""
    # In the order of noting, so that the last one stays.
    return dict(
        connection.execute(
            "SELECT request, handle FROM handles JOIN standing USING (request) WHERE open = 1"
            " ORDER BY handles.number"
        )
    )
