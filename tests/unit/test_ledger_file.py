# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's file: private, only added to, migrated from older forms, and safe when a disk fails."""

from __future__ import annotations

import os
import sqlite3
import stat
from dataclasses import replace

import child
import pytest

from scumble import ledger as ledger_module
from scumble import ledger_file
from scumble.cost import Bill
from scumble.errors import StorageError
from scumble.ledger import Ledger, Totals
from scumble.process import this_process
from scumble.settings import Home
from tests.unit.ledger_cases import BILL, SPENDING, raw


def test_the_file_is_private_and_survives_a_power_loss(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode 0600 with its side files, folder 0700, whatever the umask; write-ahead log, full sync."""
    before = os.umask(0)
    try:
        folder = home.folder / "new" / "deep"
        with Ledger(folder / "ledger.sqlite3") as ledger:
            ledger.reserve(SPENDING)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
            pragmas = {
                name: ledger._connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync")
            }
    finally:
        os.umask(before)
    assert modes == {"ledger.sqlite3": 0o600, "ledger.sqlite3-wal": 0o600, "ledger.sqlite3-shm": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "fullfsync": 1}


def test_a_ledger_that_others_could_read_is_closed_to_them(home: Home) -> None:
    """A copy made with the usual umask, for example."""
    Ledger(home.ledger).close()
    home.ledger.chmod(0o644)
    Ledger(home.ledger).close()
    assert stat.S_IMODE(home.ledger.stat().st_mode) == 0o600


@pytest.mark.parametrize("table", ["requests", "events", "handles", "limits"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = 0", "DELETE FROM {}"])
def test_the_record_is_only_added_to(home: Home, ledger: Ledger, table: str, statement: str) -> None:
    """The database itself refuses anything else, whoever asks."""
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    ledger.await_answer(id, "resp_1")
    ledger.set_budget("day", 5_000_000)
    with raw(home) as connection, pytest.raises(sqlite3.IntegrityError, match="only added to"):
        connection.execute(statement.format(table))


def test_a_request_takes_less_than_a_kilobyte(
    home: Home, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the longest names, a process for each request and a bill of three parts."""
    bill = Bill(77_741, tuple((part, 4_567, 30_000_000, 36_536) for part in ("text_input", "image_input",
                "image_output")), True)  # fmt: skip
    spending = replace(SPENDING, model="m" * 24, document="d" * 500, project="p" * 500)
    ledger.reserve(spending)
    with raw(home) as connection:
        empty = connection.execute("PRAGMA page_count").fetchone()[0]
        for number in range(400):
            owner = replace(this_process(), pid=4_000_000 + number)
            monkeypatch.setattr(ledger_module, "this_process", lambda owner=owner: owner)
            id = ledger.reserve(spending)
            ledger.sent(id)
            ledger.settle(id, bill)
        pages = connection.execute("PRAGMA page_count").fetchone()[0] - empty
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
    assert pages * page_bytes / 400 < 1024


@pytest.mark.parametrize(
    ("condition", "index"),
    [("at >= 5", "requests_by_time"), ("model = 'm' ORDER BY at DESC", "requests_by_model")],
)
def test_rows_are_found_by_an_index(home: Home, ledger: Ledger, condition: str, index: str) -> None:
    """By time, and the newest of a model; the sums of test_reports.py need no rows."""
    with raw(home) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM requests WHERE {condition}").fetchall()  # noqa: S608
    assert [index in step[-1] for step in plan] == [True]


# Migrations


NEXT = (*ledger_file.MIGRATIONS, ("CREATE TABLE later (number INTEGER PRIMARY KEY)",))
BROKEN = (*NEXT, ("CREATE TABLE halfway (number INTEGER)", "CREATE TABLE later (number INTEGER)"))


def test_an_older_ledger_is_upgraded_with_its_rows(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each migration is recorded once, in order."""
    with Ledger(home.ledger) as ledger:
        id = ledger.reserve(SPENDING)
    monkeypatch.setattr(ledger_file, "MIGRATIONS", NEXT)
    for _ in range(2):
        with Ledger(home.ledger) as ledger:
            assert ledger.entry(id).spending == SPENDING
    with raw(home) as connection:
        assert connection.execute("SELECT number FROM migrations").fetchall() == [
            (1,),
            (2,),
            (3,),
            (4,),
            (5,),
        ]
        assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)


def test_a_migration_that_fails_leaves_nothing_of_itself(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables and its record are one transaction; those before it stay."""
    monkeypatch.setattr(ledger_file, "MIGRATIONS", BROKEN)
    with pytest.raises(StorageError):
        Ledger(home.ledger)
    with raw(home) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert "later" in names and "halfway" not in names
        assert connection.execute("SELECT max(number) FROM migrations").fetchone() == (len(NEXT),)


def test_a_newer_ledger_is_refused_and_left_as_it_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says that a newer version wrote it."""
    with monkeypatch.context() as patch:
        patch.setattr(ledger_file, "MIGRATIONS", NEXT)
        Ledger(home.ledger).close()
    before = home.ledger.read_bytes()
    with pytest.raises(StorageError, match=r"newer Scumble .* \(form 5; this one knows 4\)"):
        Ledger(home.ledger)
    assert home.ledger.read_bytes() == before


def test_the_columns_are_those_of_the_fourth_form(home: Home, ledger: Ledger) -> None:
    """A change to them is a new migration and a change to this list."""
    with raw(home) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        columns = {
            name: " ".join(row[1] for row in connection.execute(f"PRAGMA table_info({name})"))
            for (name,) in tables
        }
    assert columns == {
        "migrations": "number at",
        "owners": "number machine boot namespace pid started",
        "requests": "number id at host kind model quality size n expected reserve sandbox document project"
        " owner priced",
        "events": "number request at state reason billed would_bill from_usage lines",
        "standing": "request state open billed would_bill from_usage",
        "limits": "number at scope project amount",
        "handles": "number request at handle",
        "quarters": "quarter billed held would_bill count unpriced",
        "days": "topic name day billed held would_bill count unpriced",
        "accuracy": "model quality without_usage bills expected billed off beyond",
    }


FIRST_FORM = """
INSERT INTO owners VALUES (1, 'm', 'b', 'n', 1, '1');
INSERT INTO requests (number, id, at, host, kind, model, quality, size, n, expected, reserve, sandbox,
    document, project, owner) VALUES
    (1, 'a', 1000000000, 'gimp', 'edit', 'm', 'low', '16x16', 1, 100, 150, 0, '', 'temple', 1),
    (2, 'b', 1000000001, 'cli', 'edit', 'm', 'low', '16x16', 1, 100, 150, 0, '', '', 1),
    (3, 'c', 90000000000, 'cli', 'edit', 'other', 'low', '16x16', 1, 100, 150, 0, '', 'temple', 1),
    (4, 'd', 90000000000, 'cli', 'edit', 'other', 'low', '16x16', 1, 100, 150, 1, '', 'temple', 1);
INSERT INTO events (request, at, state, reason, billed, would_bill, from_usage, lines) VALUES
    (1, 1, 'reserved', '', 0, 0, 0, ''), (1, 2, 'sent', '', 0, 0, 0, ''), (1, 3, 'settled', '', 90, 0, 1, ''),
    (2, 1, 'reserved', '', 0, 0, 0, ''), (2, 2, 'released', 'stopped', 0, 0, 0, ''),
    (3, 1, 'reserved', '', 0, 0, 0, ''), (3, 2, 'sent', '', 0, 0, 0, ''),
    (4, 1, 'reserved', '', 0, 0, 0, ''), (4, 2, 'sent', '', 0, 0, 0, ''), (4, 3, 'settled', '', 0, 80, 1, '');
"""


def test_a_ledger_of_the_first_form_keeps_its_money(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """With rows of every kind: the sums are those that the second form would have kept from the start."""
    with monkeypatch.context() as patch:
        patch.setattr(ledger_file, "MIGRATIONS", ledger_file.MIGRATIONS[:1])
        Ledger(home.ledger).close()
    with raw(home) as connection:
        connection.executescript(FIRST_FORM)
    with Ledger(home.ledger) as ledger:
        assert ledger.totals() == Totals(billed=90, reserved_or_unknown=150, would_bill=80, count=3)
        assert [(each.name, each.totals) for each in ledger.groups("project")] == [
            ("temple", Totals(90, 150, 80, 3)),
            ("", Totals(0, 0, 0, 0)),
        ]
        assert [each.totals.count for each in ledger.groups("model")] == [1, 2]
        (measured,) = ledger.accuracy()
        assert (measured.model, measured.bills, measured.expected, measured.billed) == ("m", 1, 100, 90)
        ledger.settle("c", BILL)
        assert ledger.totals() == Totals(90 + BILL.total, 0, 80, 3)
        assert ledger.entry("a").spending.priced


# Disks that fail


def test_a_folder_that_cannot_be_made_is_a_storage_error(home: Home) -> None:
    """The error names the folder and the cause."""
    (home.folder / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="a file is where a folder should be") as caught:
        Ledger(home.folder / "file" / "ledger.sqlite3")
    assert caught.value.details["path"] == home.folder / "file"


def test_a_folder_in_place_of_the_ledger_is_a_storage_error(home: Home) -> None:
    """Not an error of sqlite's."""
    home.ledger.mkdir()
    with pytest.raises(StorageError):
        Ledger(home.ledger)


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 8192, b"not a database" * 500, b"SQLite format 3\x00" + b"\xff" * 9000]
)
def test_a_damaged_file_is_a_storage_error_and_is_not_overwritten(home: Home, garbage: bytes) -> None:
    """What is left in it may still be read by someone who knows how."""
    home.ledger.write_bytes(garbage)
    with pytest.raises(StorageError, match=r"damaged|not a ledger"):
        Ledger(home.ledger)
    assert home.ledger.read_bytes() == garbage


def test_damage_inside_is_a_storage_error_when_it_is_met(home: Home) -> None:
    """The first page is fine, all others are noise."""
    with Ledger(home.ledger) as ledger:
        for _ in range(50):
            ledger.reserve(SPENDING)
    whole = home.ledger.read_bytes()
    home.ledger.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(StorageError, match="the ledger is damaged"), Ledger(home.ledger) as ledger:
        ledger.entries()


def test_another_programs_database_is_left_alone(home: Home) -> None:
    """It gets no tables of ours."""
    with raw(home) as connection:
        connection.execute("CREATE TABLE places (url TEXT)")
    with pytest.raises(StorageError, match=r"ledger\.sqlite3 is not a ledger of Scumble"):
        Ledger(home.ledger)
    with raw(home) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("places",)]


STARVED = """
import resource, sys
from pathlib import Path
from scumble.errors import StorageError
from scumble.ledger import Ledger, Spending
spending = Spending("cli", "generate", "some-model", "low", "16x16", 1, 5, 9, False)
ledger = Ledger(Path(sys.argv[1]))
id = ledger.reserve(spending)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
acknowledged = 1
for _ in range(1000):
    try:
        ledger.reserve(spending)
    except StorageError as error:
        print(acknowledged, ledger.totals().count, str(error))
        break
    acknowledged += 1
"""


def test_a_disk_that_takes_no_more_is_a_storage_error_and_loses_no_row(home: Home) -> None:
    """What was acknowledged is there, what was refused is not, and later it goes on."""
    acknowledged, counted, error = child.run(STARVED, home.ledger).split(maxsplit=2)
    assert acknowledged == counted and "cannot be used" in error
    with Ledger(home.ledger) as ledger:
        assert ledger.totals().count == int(acknowledged)
        ledger.reserve(SPENDING)


def test_a_full_disk_is_named_as_the_cause(ledger: Ledger) -> None:
    """By a limit on the file's pages, which SQLite reports as it does a full disk."""
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    fill = (ledger.reserve(SPENDING) for _ in range(200))
    with pytest.raises(StorageError, match="the disk is full"):
        list(fill)
    assert 0 < ledger.totals().count < 200
