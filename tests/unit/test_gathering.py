# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers of several machines as one: nothing counts twice, the furthest state wins, no file is touched."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scumble.errors import BadRequest, LedgerDamaged, LedgerOfAnother
from scumble.gathering import gather
from scumble.ledger import Ledger, Totals
from scumble.ledger_forms import MIGRATIONS
from tests.unit.ledger_cases import BILL, SPENDING, half_written_ledger

FORMS = Path(__file__).with_name("ledgers")


def merged(tmp_path: Path, *files: Path) -> Ledger:
    folder = tmp_path / "merged"
    folder.mkdir()
    return Ledger(gather(files, folder))


def settled(ledger: Ledger) -> str:
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    ledger.settle(id, BILL)
    return id


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_two_machines_add_up(tmp_path: Path) -> None:
    """With their processes, events and documents; the newest first; no budget comes along."""
    ids = []
    for name in ("a", "b"):
        with Ledger(tmp_path / name / "ledger.sqlite3") as ledger:
            ledger.set_budget("day", 10**9)
            ids.append(settled(ledger))
            ledger.reserve(replace(SPENDING, document="stone.blend"))
    with merged(tmp_path, *(tmp_path / name / "ledger.sqlite3" for name in "ab")) as ledger:
        assert ledger.totals() == Totals(2 * BILL.total, 2 * SPENDING.reserve, 0, 4)
        assert [step.state for step in ledger.steps(ids[1])] == ["reserved", "sent", "settled"]
        assert {group.name: group.totals.count for group in ledger.groups("document")} == {
            SPENDING.document: 2,
            "stone.blend": 2,
        }
        assert ledger.budgets() == []
        assert [measured.bills for measured in ledger.accuracy()] == [2]


ENDS: dict[str, Callable[[Ledger, str], None]] = {
    "reserved": lambda ledger, id: None,
    "sent": lambda ledger, id: ledger.sent(id),
    "unknown": lambda ledger, id: (ledger.sent(id), ledger.unknown(id, "timed-out"))[1],
    "released": lambda ledger, id: ledger.release(id, "stopped"),
    "settled": lambda ledger, id: (ledger.sent(id), ledger.settle(id, BILL))[1],
}


@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("second", ENDS)
def test_a_spending_that_two_copies_hold_counts_once_as_what_came_furthest(
    tmp_path: Path, first: str, second: str
) -> None:
    """Whichever file is named first; its events are those of the copy that wins."""
    original, copy = tmp_path / "a" / "ledger.sqlite3", tmp_path / "b" / "ledger.sqlite3"
    with Ledger(original) as ledger:
        id = ledger.reserve(SPENDING)
    copy.parent.mkdir()
    shutil.copyfile(original, copy)
    for path, state in ((original, first), (copy, second)):
        with Ledger(path) as ledger:
            ENDS[state](ledger, id)
    furthest = max((first, second), key=list(ENDS).index)
    for index, files in enumerate(((original, copy), (copy, original))):
        folder = tmp_path / f"merged-{index}"
        folder.mkdir()
        with Ledger(gather(files, folder)) as ledger:
            assert [entry.state for entry in ledger.entries()] == [furthest]
            assert ledger.steps(id)[-1].state == furthest


def test_the_same_file_twice_is_the_file(tmp_path: Path) -> None:
    """Naming one by mistake twice changes no sum."""
    path = tmp_path / "a" / "ledger.sqlite3"
    with Ledger(path) as ledger:
        settled(ledger)
        before = ledger.totals()
    with merged(tmp_path, path, path, path) as ledger:
        assert ledger.totals() == before


def test_ledgers_of_every_form_are_read_and_none_is_changed(tmp_path: Path) -> None:
    """Not even brought to this version's form: the other machine may run an older Scumble."""
    import contextlib
    import sqlite3

    folder = tmp_path / "forms"
    folder.mkdir()
    for form in range(1, len(MIGRATIONS) + 1):
        with contextlib.closing(sqlite3.connect(folder / f"{form}.sqlite3")) as connection:
            connection.executescript((FORMS / f"form-{form}.sql").read_text("utf-8"))
    before = content(folder)
    with merged(tmp_path, *sorted(folder.iterdir())) as ledger:
        # The files hold the same spendings, but the oldest lacks the one without a price.
        assert ledger.totals() == Totals(90, 300, 80, 5, 1)
        assert [each.handle for each in ledger.awaited()] == ["resp_1"]
    assert content(folder) == before


def test_a_ledger_in_use_is_read_with_what_is_only_in_its_log(tmp_path: Path) -> None:
    """The newest spendings are not in the file itself yet; nothing is checkpointed or created beside it."""
    path = tmp_path / "a" / "ledger.sqlite3"
    with Ledger(path) as ledger:
        settled(ledger)
        before = content(path.parent)
        assert "ledger.sqlite3-wal" in before
        with merged(tmp_path, path) as together:
            assert together.totals().billed == BILL.total
        assert content(path.parent) == before


def test_a_file_that_is_not_there_or_not_readable_is_named(tmp_path: Path) -> None:
    """Of several ledgers a person must know which."""
    with pytest.raises(BadRequest, match=r"there is no ledger .*/gone\.sqlite3"):
        gather([tmp_path / "gone.sqlite3"], tmp_path)
    damaged = tmp_path / "damaged.sqlite3"
    damaged.write_bytes(b"SQLite format 3\x00" + b"\xff" * 9000)
    with pytest.raises(LedgerDamaged, match=r"/damaged\.sqlite3 "):
        gather([damaged], tmp_path)
    import sqlite3

    other = tmp_path / "places.sqlite3"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE places (url TEXT)")
    connection.close()
    with pytest.raises(LedgerOfAnother, match=r"/places\.sqlite3 "):
        gather([other], tmp_path)


def test_a_ledger_that_is_written_to_all_the_time_is_read_all_the_same(tmp_path: Path) -> None:
    """A queue at work on another window is no reason to have no report; what is read is one state of it."""
    path = tmp_path / "a" / "ledger.sqlite3"
    with Ledger(path) as ledger:
        settled(ledger)
    at_work, enough = threading.Event(), threading.Event()

    def work() -> None:
        with Ledger(path) as ledger:
            while not enough.is_set():
                settled(ledger)
                at_work.set()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert at_work.wait(20)
        for number in range(4):
            (tmp_path / str(number)).mkdir()
            with merged(tmp_path / str(number), path) as together:
                totals = together.totals()
                assert totals.count > 1
                # Each one is billed, or reserved and not decided: none is half there.
                decided, rest = divmod(totals.billed, BILL.total)
                assert rest == 0 and (totals.count - decided) * SPENDING.reserve == totals.reserved_or_unknown
    finally:
        enough.set()
        worker.join()


def test_what_a_killed_program_had_half_written_is_undone_in_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network disk the ledger keeps a rollback journal: without it the copy would be a torn one."""
    path = half_written_ledger(tmp_path / "a" / "ledger.sqlite3", monkeypatch)
    before = content(path.parent)
    with merged(tmp_path, path) as together:
        assert together.totals() == Totals(BILL.total, 0, 0, 1)
    assert content(path.parent) == before
