# SPDX-License-Identifier: GPL-3.0-or-later
"""A damaged ledger: what is readable is saved, the rest taken at its dearest, nothing is thrown away."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from scumble.budgets import Budget
from scumble.cost import Bill
from scumble.errors import LedgerDamaged, LedgerOfAnother, StorageError
from scumble.ledger import Entry, Ledger
from scumble.rescue import Rescued, rescue
from scumble.settings import Home
from tests.unit.ledger_cases import SPENDING, half_written_ledger, raw

NOW = 1_795_348_800.0
PAGE = 4096
SPENDINGS = 160


@pytest.fixture
def whole(home: Home) -> dict[str, Entry]:
    """A ledger of many pages, its log written back, with a budget; its entries by id."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", 5_000_000)
        for number in range(SPENDINGS):
            id = ledger.reserve(replace(SPENDING, document=f"picture-{number}.xcf"))
            if number % 10:
                ledger.sent(id)
                ledger.settle(id, Bill(13_000 + number, (), True))
        entries = {entry.id: entry for entry in ledger.entries()}
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return entries


def damage(path: Path, pages: list[int]) -> bytes:
    """Noise over whole pages, 0 being the first; what is there then."""
    content = bytearray(path.read_bytes())
    noise = random.Random(7)  # noqa: S311 - reproducible
    for page in pages:
        content[page * PAGE : (page + 1) * PAGE] = noise.randbytes(PAGE)
    path.write_bytes(content)
    return bytes(content)


def pages_of(home: Home, table: str) -> list[int]:
    """The leaf pages of a table, from SQLite's own account of them where it has one, else by their rows."""
    content = home.ledger.read_bytes()
    wanted = {"requests": b"picture-1", "events": b"settled"}[table]
    return [
        number
        for number in range(1, len(content) // PAGE)
        if content[number * PAGE] == 0x0D and wanted in content[number * PAGE : (number + 1) * PAGE]
    ]


def rescued(home: Home) -> Rescued:
    done = rescue(home.ledger, NOW)
    assert done is not None
    return done


def test_a_whole_ledger_is_left_as_it_is(home: Home, whole: dict[str, Entry]) -> None:
    """There is nothing to do, and nothing is done; nor where there is no ledger."""
    before = home.ledger.read_bytes()
    assert rescue(home.ledger, NOW) is None
    assert home.ledger.read_bytes() == before
    assert rescue(home.folder / "none.sqlite3", NOW) is None


@pytest.mark.parametrize("table", ["requests", "events"])
def test_what_is_readable_is_saved_and_what_is_lost_keeps_its_money(
    home: Home, whole: dict[str, Entry], table: str
) -> None:
    """Of each saved spending the money is the old bill, or it is unknown with its reservation."""
    pages = pages_of(home, table)
    assert len(pages) > 2
    kept = damage(home.ledger, pages[len(pages) // 2 :][:1])
    done = rescued(home)
    assert done.kept.read_bytes() == kept
    assert re.fullmatch(r"ledger-damaged-\d{8}-\d{6}\.sqlite3", done.kept.name)
    with Ledger(home.ledger) as ledger:
        saved = ledger.entries()
        assert ledger.budgets() == [Budget("day", 5_000_000)]
        assert len(saved) == done.spendings and len(saved) > SPENDINGS * 3 // 5
        same = [entry for entry in saved if whole.get(entry.id) == entry]
        unclear = [entry for entry in saved if entry.state == "unknown"]
        assert len(unclear) == done.unclear
        assert len(same) + len(unclear) + done.replaced >= len(saved)
        assert ledger.totals().billed + ledger.totals().reserved_or_unknown > 0
        assert ledger.reserve(SPENDING, over_budget=True)
    if table == "requests":
        assert done.replaced > 0
        lost = [old for id, old in whole.items() if id not in {entry.id for entry in saved}]
        stand_ins = [entry for entry in saved if entry.id not in whole]
        assert sum(entry.billed for entry in stand_ins) == sum(old.billed for old in lost)
    else:
        assert done.spendings == SPENDINGS and done.unclear > 10


def test_what_was_only_reserved_is_unknown_afterwards(home: Home, whole: dict[str, Entry]) -> None:
    """Whether it was sent may be among what is lost: its money stays held until a person decides."""
    damage(home.ledger, pages_of(home, "events")[-2:-1])
    rescued(home)
    with Ledger(home.ledger) as ledger:
        assert ledger.sweep() == []
        for id, old in whole.items():
            if old.state == "reserved":
                assert ledger.entry(id).state == "unknown"
                assert ledger.steps(id)[-1].reason == "recovered"


def test_nothing_is_changed_where_nothing_is_readable(home: Home) -> None:
    """A new ledger is a person's decision: it would reset every budget."""
    garbage = b"SQLite format 3\x00" + b"\xff" * 9000
    home.ledger.write_bytes(garbage)
    with pytest.raises(LedgerDamaged, match="move it away"):
        rescue(home.ledger, NOW)
    assert home.ledger.read_bytes() == garbage
    assert [path.name for path in home.folder.iterdir()] == ["ledger.sqlite3"]


def test_another_programs_database_is_not_rescued(home: Home) -> None:
    """It is whole, and not ours."""
    with raw(home) as connection:
        connection.execute("CREATE TABLE places (url TEXT)")
    with pytest.raises(LedgerOfAnother, match=str(home.folder)):
        rescue(home.ledger, NOW)


def test_a_damaged_ledger_stops_what_is_paid(home: Home, whole: dict[str, Entry]) -> None:
    """No new one takes its place unseen: budgets would count from nothing."""
    damage(home.ledger, list(range(1, home.ledger.stat().st_size // PAGE)))
    with pytest.raises(StorageError) as caught, Ledger(home.ledger) as ledger:
        ledger.reserve(SPENDING)
    assert caught.value.code == "ledger-damaged"
    assert "Nothing was billed." in str(caught.value)


def test_a_ledger_whose_description_of_its_tables_is_lost_is_read_all_the_same(
    home: Home, whole: dict[str, Entry]
) -> None:
    """Its first page says where the tables begin; a new ledger's begin on the same pages."""
    damage(home.ledger, [0])
    done = rescued(home)
    assert (done.spendings, done.budgets, done.replaced) == (SPENDINGS, 1, 0)
    with Ledger(home.ledger) as ledger:
        saved = {entry.id: entry for entry in ledger.entries()}
        assert saved.keys() == whole.keys()
        assert all(saved[id] == old for id, old in whole.items() if old.state == "settled")
        assert {saved[id].state for id, old in whole.items() if old.state == "reserved"} == {"unknown"}


@pytest.mark.parametrize("part", range(4))
def test_any_quarter_of_the_file_may_be_lost(home: Home, whole: dict[str, Entry], part: int) -> None:
    """What is saved is at least as dear as it was, or it is not there: no bill is made smaller."""
    pages = home.ledger.stat().st_size // PAGE
    damage(home.ledger, list(range(pages * part // 4, pages * (part + 1) // 4)))
    rescued(home)
    with Ledger(home.ledger) as ledger:
        for entry in ledger.entries():
            old = whole.get(entry.id)
            if old is not None and entry.state != "unknown":
                assert entry == old
        ledger.reserve(SPENDING, over_budget=True)


def test_a_damaged_letter_costs_nothing_but_the_letter(home: Home, whole: dict[str, Entry]) -> None:
    """A byte that is no text any more hides neither its own spending nor those behind it."""
    content = home.ledger.read_bytes()
    home.ledger.write_bytes(content.replace(b"picture-31.xcf", b"pict\xffre-31.xcf"))
    with Ledger(home.ledger) as ledger:
        assert {entry.id: entry.billed for entry in ledger.entries()} == {
            id: entry.billed for id, entry in whole.items()
        }
        assert len(ledger.groups("document")) == SPENDINGS
    done = rescue(home.ledger, NOW)
    assert done is None or (done.spendings, done.replaced) == (SPENDINGS, 0)


def test_what_a_killed_program_had_half_written_is_no_damage(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal beside the ledger undoes it, as SQLite itself does at the next opening."""
    half_written_ledger(home.ledger, monkeypatch)
    assert rescue(home.ledger, NOW) is None
    with Ledger(home.ledger) as ledger:
        assert ledger.totals().count == 1


def test_nothing_of_a_damaged_ledger_is_played_into_the_new_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that lay beside it goes aside with it."""
    half_written_ledger(home.ledger, monkeypatch)
    content = bytearray(home.ledger.read_bytes())
    content[PAGE : 2 * PAGE] = b"\xff" * PAGE
    home.ledger.write_bytes(content)
    journal = home.ledger.with_name(f"{home.ledger.name}-journal")
    undoing = bytearray(journal.read_bytes())
    undoing[600:] = b"\xff" * (len(undoing) - 600)
    journal.write_bytes(undoing)
    done = rescued(home)
    assert not journal.exists() and done.kept.with_name(f"{done.kept.name}-journal").exists()
    with Ledger(home.ledger) as ledger:
        assert ledger.totals().count == done.spendings == 1
