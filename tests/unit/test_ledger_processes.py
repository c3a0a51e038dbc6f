# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger between processes: races, locks, and what a killed one left."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from dataclasses import replace

import child
import pytest

from scumble import ledger as ledger_module
from scumble import ledger_file
from scumble.errors import StorageError
from scumble.ledger import Ledger, Totals
from scumble.process import Process, this_process
from scumble.settings import Home
from tests.unit.ledger_cases import SPENDING, raw

RACER = """
import sys
from pathlib import Path
from scumble.cost import Bill
from scumble.ledger import Ledger, Spending
spending = Spending("cli", "generate", "some-model", "low", "16x16", 1, 5, int(sys.argv[2]), False)
print("ready", flush=True)
sys.stdin.readline()
with Ledger(Path(sys.argv[1])) as ledger:
    ids = [ledger.reserve(spending) for _ in range(25)]
    for id in ids:
        ledger.sent(id)
        ledger.settle(id, Bill(int(sys.argv[2]), (), True))
print(*ids)
"""


def test_eight_processes_race_without_an_error_and_every_row_is_there(home: Home) -> None:
    """From a folder where no ledger is yet: creating the file is part of the race."""
    racers = [child.start(RACER, home.ledger, 10**number) for number in range(8)]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [child.finish(racer).split() for racer in racers]
    with Ledger(home.ledger) as ledger:
        assert {entry.id for entry in ledger.entries()} == {id for ids in said for id in ids}
        assert ledger.totals() == Totals(25 * 11_111_111, 0, 0, 200)


DOOMED = """
import sys
from pathlib import Path
from scumble.ledger import Ledger, Spending
ledger = Ledger(Path(sys.argv[1]))
left = []
for steps in range(3):
    id = ledger.reserve(Spending("blender", "generate", "some-model", "low", "16x16", 1, 5, 9, False))
    if steps >= 1: ledger.sent(id)
    if steps >= 2: ledger.unknown(id, "timed-out")
    left.append(id)
print(*left, flush=True)
sys.stdin.readline()
"""


def test_what_a_killed_process_left_is_swept(home: Home, ledger: Ledger) -> None:
    """Never sent is released, sent is unknown; while the process lives nothing is touched."""
    doomed = child.start(DOOMED, home.ledger)
    assert doomed.stdout is not None
    reserved, sent, unknown = doomed.stdout.readline().split()
    assert ledger.sweep() == []
    child.kill(doomed)
    own = ledger.reserve(SPENDING)
    swept = {entry.id: entry.state for entry in ledger.sweep()}
    assert swept == {reserved: "released", sent: "unknown"}
    assert ledger.entry(unknown).state == "unknown"
    assert ledger.entry(own).state == "reserved"
    assert ledger.totals().reserved_or_unknown == 9 + 9 + SPENDING.reserve
    assert ledger.sweep() == []


def test_a_dead_process_that_nobody_reaped_counts_as_gone(home: Home, ledger: Ledger) -> None:
    """A host may leave its killed children as zombies, which have a number and a start time still."""
    doomed = child.start(DOOMED, home.ledger)
    assert doomed.stdout is not None
    doomed.stdout.readline()
    doomed.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, doomed.pid, os.WEXITED | os.WNOWAIT)
    assert {entry.state for entry in ledger.sweep()} == {"released", "unknown"}
    child.kill(doomed)


@pytest.mark.parametrize(
    ("change", "is_swept"),
    [
        ({"started": "1"}, True),
        ({"machine": "another", "boot": "another", "started": "1"}, False),
        ({"machine": "another", "boot": "", "started": "1"}, False),
        ({"boot": "an earlier one"}, True),
        ({"namespace": "a Flatpak's", "started": "1"}, False),
    ],
    ids=["number used again", "other machine", "other machine, no boot id", "earlier boot", "namespace"],
)
def test_only_rows_of_this_machine_are_swept_and_only_when_their_process_is_gone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], is_swept: bool
) -> None:
    """The owner is this process but for one thing."""
    owner = replace(this_process(), **change)
    monkeypatch.setattr(ledger_module, "this_process", lambda: owner)
    id = ledger.reserve(SPENDING)
    assert [entry.id for entry in ledger.sweep()] == ([id] if is_swept else [])


def test_two_sweeps_at_once_close_a_row_once(
    home: Home, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds it closed when its turn comes."""
    id = ledger.reserve(SPENDING)

    def is_gone_after_the_other_sweep(process: Process) -> bool:
        with Ledger(home.ledger) as other:
            other.release(id, "process-gone")
        return True

    monkeypatch.setattr(ledger_module, "is_gone", is_gone_after_the_other_sweep)
    assert ledger.sweep() == []


def test_opening_waits_while_another_process_creates_the_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself does not wait there; the other one is done when ours has waited a little."""
    with raw(home) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(ledger_file.time, "sleep", lambda _: other.execute("COMMIT"))
        with Ledger(home.ledger) as ledger:
            ledger.reserve(SPENDING)
        assert not other.in_transaction


def test_a_process_that_waits_too_long_for_the_lock_is_told_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the cause."""
    monkeypatch.setattr(ledger_file, "_LOCK_PATIENCE_SECONDS", 0.05)
    with Ledger(home.ledger) as ledger, raw(home) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another program keeps the ledger locked"):
            ledger.reserve(SPENDING)
        other.execute("ROLLBACK")
        ledger.reserve(SPENDING)


def test_another_thread_needs_a_ledger_of_its_own(ledger: Ledger) -> None:
    """Sharing one is a defect of the program and is not taken for a defect of the disk."""
    raised: list[BaseException] = []

    def use() -> None:
        try:
            ledger.entries()
        except sqlite3.ProgrammingError as error:
            raised.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(raised) == 1
