# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger over a million requests: what a report, a budget and a request take.

Targets, on a laptop's disk: a report over 1,000,000 rows at most 0.5 s; reserve and settle, at full sync and
with a budget of each kind, at most 3 ms; the database grows by at most 1 KB for each request. The rows are
spread over 400 days, three hosts, six models, forty projects and 20,000 documents, 2 % of them fail at
first, and they go in by the ledger's own triggers.

    python -m pytest -s benchmarks/bench_ledger.py
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scumble import network_disks
from scumble.cli.report_page import page
from scumble.cost import Bill
from scumble.gathering import gather
from scumble.ledger import Ledger, Spending
from scumble.periods import moment
from scumble.reports import billed_tokens

ROWS = 1_000_000
DAYS = 400
NOW = 1_795_000_000
SPENDING = Spending(
    "gimp",
    "edit",
    "model-1",
    "medium",
    "992x672",
    1,
    13_170,
    20_000,
    False,
    "/home/a/Pictures/harbour.xcf",
    "p7",
)
BILL = Bill(13_205, (("text_input", 7, 5_000_000, 35), ("image_output", 439, 30_000_000, 13_170)), True)


def million(connection: sqlite3.Connection) -> None:
    """Rows as ledger.py writes them, in one transaction."""
    chance = random.Random(4)  # noqa: S311 - reproducible
    first = (NOW - DAYS * 86_400) * 1_000_000
    step = DAYS * 86_400 * 1_000_000 // ROWS
    lines = '[["text_input",7,5000000,35],["image_output",439,30000000,13170]]'

    def requests() -> Iterator[tuple[object, ...]]:
        for number in range(1, ROWS + 1):
            host, quality = (
                chance.choice(("gimp", "blender", "cli")),
                chance.choice(("low", "medium", "high")),
            )
            model, project = f"model-{chance.randrange(6)}", f"p{chance.randrange(40)}"
            document = f"/home/a/Pictures/scene-{number // 50}.xcf"
            yield (
                number, f"{number:032x}", first + number * step, host, "edit", model, quality, "992x672", 1,
                13_170, 20_000, 0, document, project, 1,
            )  # fmt: skip

    def events() -> Iterator[tuple[object, ...]]:
        for number in range(1, ROWS + 1):
            at = first + number * step
            yield number, at, "reserved", 0, 0, ""
            yield number, at + 1, "sent", 0, 0, ""
            if number % 50 == 0:
                yield number, at + 1, "unknown", 0, 0, ""
            yield number, at + 2, "settled", 12_000 + chance.randrange(3_000), 1, lines

    connection.execute("INSERT INTO owners VALUES (1, 'machine', 'boot', 'namespace', 1, '1')")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO requests (number, id, at, host, kind, model, quality, size, n, expected, reserve,"
        " sandbox, document, project, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        requests(),
    )
    connection.executemany(
        "INSERT INTO events (request, at, state, reason, billed, would_bill, from_usage, lines)"
        " VALUES (?, ?, ?, '', ?, 0, ?, ?)",
        events(),
    )
    connection.execute("COMMIT")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    with Ledger(path, now=lambda: float(NOW)) as opened:
        empty = path.stat().st_size
        million(opened._connection)
        opened._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        report(
            "database, bytes for each of a million requests", (path.stat().st_size - empty) // ROWS, "of 1024"
        )
        yield opened


def report(what: str, value: object, target: str) -> None:
    print(f"\n{what}: {value} {target}", end="")


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_reports_over_a_million_rows(ledger: Ledger) -> None:
    """Each once, as the first question after opening."""
    month = moment((NOW - 30 * 86_400) * 1_000_000 + 12_345)
    reports: dict[str, Callable[[], object]] = {
        "totals": ledger.totals,
        "totals of a month": lambda: ledger.totals(month),
        "by day": lambda: ledger.groups("day"),
        "by model": lambda: ledger.groups("model"),
        "by host": lambda: ledger.groups("host"),
        "by project": lambda: ledger.groups("project"),
        "by project, a month": lambda: ledger.groups("project", month),
        "by document": lambda: ledger.groups("document"),
        "by model and quality": lambda: ledger.groups("quality"),
        "failures": ledger.failures,
        "accuracy": ledger.accuracy,
        "unknown ones": ledger.unknown_entries,
        "newest ten": lambda: ledger.entries(limit=10),
        "bills to learn from": lambda: billed_tokens(ledger._connection, "model-1", "medium"),
        "allowance": lambda: ledger.allowance("p7"),
    }
    assert ledger.totals().count == ROWS
    for name, work in reports.items():
        report(name, f"{seconds(work) * 1000:.1f} ms", "of 500 ms")


def test_a_request_over_a_million_rows(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reserve and settle, beside the file's own commits; and the same in an empty ledger."""
    with Ledger(tmp_path / "ledger.sqlite3") as empty:
        for name, opened in (("a million rows", ledger), ("an empty ledger", empty)):
            measure_bare_commits(tmp_path / f"{name}.sqlite3")
            measure_requests(name, opened)
    monkeypatch.setattr(network_disks, "_mounts", lambda: [("/", "nfs4")])
    with Ledger(tmp_path / "network" / "ledger.sqlite3") as opened:
        measure_requests("with the journal of a network disk, here", opened)


def test_a_page_and_a_merge_of_a_million_rows(ledger: Ledger, tmp_path: Path) -> None:
    """The page of charts, and the ledger gathered with a copy of itself."""
    taken = seconds(lambda: page(ledger, None, datetime.now(UTC)))
    report("the page of charts", f"{taken:.2f} s", "")
    path = Path(ledger._connection.execute("PRAGMA database_list").fetchone()[2])
    taken = seconds(lambda: gather([path, path], tmp_path))
    report("two ledgers of a million rows gathered", f"{taken:.0f} s", "")


def measure_bare_commits(path: Path) -> None:
    """What the disk alone takes just then: a busy one makes the numbers below say nothing of the ledger."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE bare (value INTEGER)")
        insert = "INSERT INTO bare VALUES (1)"
        taken = [
            seconds(lambda: [connection.execute(insert), connection.execute(insert)]) for _round in range(200)
        ]
    report("two bare commits on this disk", f"{statistics.median(taken) * 1000:.2f} ms", "for comparison")


def measure_requests(name: str, opened: Ledger) -> None:
    for scope in ("action", "day", "month", "project"):
        opened.set_budget(scope, 10**15)
    taken = []
    for number in range(200):
        spending = replace(SPENDING, project=f"p{number % 40}")
        began = time.perf_counter()
        id = opened.reserve(spending)
        reserved = time.perf_counter()
        opened.sent(id)
        sent = time.perf_counter()
        opened.settle(id, BILL)
        taken.append((reserved - began) + (time.perf_counter() - sent))
    report(
        f"reserve and settle, {name}",
        f"{statistics.median(taken) * 1000:.2f} ms, 95 % within {sorted(taken)[189] * 1000:.2f} ms",
        "of 3 ms",
    )
