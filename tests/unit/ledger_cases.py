# SPDX-License-Identifier: GPL-3.0-or-later
"""A spending, its bill, and the ledger's file without the library between."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from scumble.cost import Bill
from scumble.ledger import Spending
from scumble.settings import Home

SPENDING = Spending(
    host="gimp",
    kind="edit",
    model="some-model",
    quality="medium",
    size="992x672",
    n=1,
    expected=13_170,
    reserve=20_000,
    sandbox=False,
    document="/home/a/picture.xcf",
    project="temple",
)
BILL = Bill(13_205, (("text_input", 7, 5_000_000, 35), ("image_output", 439, 30_000_000, 13_170)), True)


@contextlib.contextmanager
def raw(home: Home) -> Iterator[sqlite3.Connection]:
    """The file without the library between."""
    with contextlib.closing(sqlite3.connect(home.ledger, isolation_level=None)) as connection:
        yield connection
