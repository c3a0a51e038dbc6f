# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: every state, every process, every way a disk fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import child
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from scumble import ledger as ledger_module
from scumble import ledger_file
from scumble.cost import Bill
from scumble.errors import StorageError
from scumble.ledger import Entry, Ledger, Spending, Totals
from scumble.process import Process, this_process
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


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with Ledger(home.ledger) as opened:
        yield opened


@contextlib.contextmanager
def raw(home: Home) -> Iterator[sqlite3.Connection]:
    """The file without the library between."""
    with contextlib.closing(sqlite3.connect(home.ledger, isolation_level=None)) as connection:
        yield connection


def test_a_paid_request_is_reserved_sent_and_settled(ledger: Ledger) -> None:
    """Each step shows in the entry, and the total moves from reserved to billed."""
    id = ledger.reserve(SPENDING)
    assert ledger.entry(id).state == "reserved"
    ledger.sent(id)
    assert ledger.entry(id).state == "sent"
    assert ledger.totals() == Totals(billed=0, reserved_or_unknown=20_000, would_bill=0, count=1)
    ledger.settle(id, BILL)
    entry = ledger.entry(id)
    assert (entry.state, entry.billed, entry.would_bill, entry.from_usage) == ("settled", 13_205, 0, True)
    assert entry.spending == SPENDING
    assert ledger.totals() == Totals(billed=13_205, reserved_or_unknown=0, would_bill=0, count=1)


def test_an_unknown_spending_keeps_its_whole_reservation(ledger: Ledger) -> None:
    """Until it is decided, all of it may still be billed."""
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    ledger.unknown(id, "timed-out")
    assert ledger.totals().reserved_or_unknown == 20_000
    ledger.settle(id, replace(BILL, from_usage=False))
    assert ledger.totals() == Totals(13_205, 0, 0, 1)
    assert ledger.entry(id).from_usage is False


def test_a_released_spending_costs_nothing_and_is_not_counted(ledger: Ledger) -> None:
    """It stays in the list."""
    id = ledger.reserve(SPENDING)
    ledger.release(id, "not-connected")
    assert ledger.totals() == Totals(0, 0, 0, 0)
    assert [entry.state for entry in ledger.entries()] == ["released"]


def test_the_sandbox_bills_nothing_and_records_what_the_service_would_have_billed(ledger: Ledger) -> None:
    """Its reservation holds no money either."""
    id = ledger.reserve(replace(SPENDING, sandbox=True))
    ledger.sent(id)
    assert ledger.totals().reserved_or_unknown == 0
    ledger.settle(id, BILL)
    assert (ledger.entry(id).billed, ledger.entry(id).would_bill) == (0, 13_205)
    assert ledger.totals() == Totals(billed=0, reserved_or_unknown=0, would_bill=13_205, count=1)


@pytest.mark.parametrize("amount", [1.0, True, -1, 10**15 + 1, "5", None])
@pytest.mark.parametrize("name", ["expected", "reserve"])
def test_only_whole_micro_dollars_are_reserved(ledger: Ledger, name: str, amount: object) -> None:
    """A float, a truth value, a negative or an absurd amount is refused, and nothing is recorded."""
    with pytest.raises(ValueError, match="micro-dollars"):
        ledger.reserve(replace(SPENDING, **{name: amount}))
    assert ledger.entries() == []


@pytest.mark.parametrize("total", [0.5, -1, True])
def test_only_whole_micro_dollars_are_billed(ledger: Ledger, total: object) -> None:
    """The spending stays as it was."""
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    with pytest.raises(ValueError, match="micro-dollars"):
        ledger.settle(id, Bill(total, (), True))  # type: ignore[arg-type]
    assert ledger.entry(id).state == "sent"


@pytest.mark.parametrize("change", [{"host": "krita"}, {"n": 0}])
def test_a_spending_that_makes_no_sense_is_refused(ledger: Ledger, change: dict[str, object]) -> None:
    """Before anything is recorded."""
    with pytest.raises(ValueError):
        ledger.reserve(replace(SPENDING, **change))
    assert ledger.entries() == []


@pytest.mark.parametrize("reason", ["", "The prompt was: a red door", "sk-" + "a" * 60, "später"])
def test_a_reason_is_a_code_and_never_free_text(ledger: Ledger, reason: str) -> None:
    """So no prompt and no key can come into the ledger by this way."""
    id = ledger.reserve(SPENDING)
    with pytest.raises(ValueError, match="code"):
        ledger.release(id, reason)
    assert ledger.entry(id).state == "reserved"


def test_an_id_that_is_not_there_is_a_key_error(ledger: Ledger) -> None:
    """For reading and for every step."""
    with pytest.raises(KeyError):
        ledger.entry("0" * 32)
    with pytest.raises(KeyError):
        ledger.sent("0" * 32)


def test_entries_come_newest_first_from_a_moment_on(home: Home) -> None:
    """The moment counts in, in any time zone; a limit cuts the older ones."""
    times = iter([100.0, 100.0, 200.0, 200.0, 300.0, 300.0])
    with Ledger(home.ledger, now=lambda: next(times)) as ledger:
        first, second, third = (ledger.reserve(SPENDING) for _ in range(3))
        assert [entry.id for entry in ledger.entries()] == [third, second, first]
        assert [entry.id for entry in ledger.entries(limit=1)] == [third]
        moment = datetime(1970, 1, 1, 0, 3, 20, tzinfo=UTC)
        assert [entry.at for entry in ledger.entries(since=moment)] == [
            moment + timedelta(seconds=100),
            moment,
        ]
        in_seoul = moment.astimezone(timezone(timedelta(hours=9)))
        assert ledger.totals(since=in_seoul).count == 2
        assert ledger.totals(since=moment + timedelta(microseconds=1)).count == 1
        with pytest.raises(ValueError, match="time zone"):
            ledger.entries(since=datetime(2026, 11, 22))  # noqa: DTZ001 - the zone is what is missing


def test_long_names_are_cut_where_they_tell_least(ledger: Ledger) -> None:
    """A document keeps its end, a project its beginning, and no character is cut in two."""
    id = ledger.reserve(replace(SPENDING, document="가" * 100 + "/그림.xcf", project="사원" * 40))
    asked = ledger.entry(id).spending
    assert asked.document.endswith("가/그림.xcf") and len(asked.document.encode()) in (158, 159, 160)
    assert asked.project == "사원" * 8


def test_a_file_name_that_is_no_unicode_is_recorded_all_the_same(ledger: Ledger) -> None:
    """Linux allows such names, and they must not stop a request."""
    id = ledger.reserve(replace(SPENDING, document="/home/a/caf\udce9.xcf"))
    assert ledger.entry(id).spending.document == "/home/a/caf?.xcf"


def test_the_bill_is_recorded_part_by_part(home: Home, ledger: Ledger) -> None:
    """With tokens and rates, which reports and learned estimates need later."""
    id = ledger.reserve(SPENDING)
    ledger.sent(id)
    ledger.settle(id, BILL)
    with raw(home) as connection:
        (lines,) = connection.execute("SELECT lines FROM events WHERE state = 'settled'").fetchone()
    assert lines == '[["text_input",7,5000000,35],["image_output",439,30000000,13170]]'


# Every history at once, against an oracle in plain Python


FOLLOWERS = {
    "reserved": {"sent", "released"},
    "sent": {"settled", "released", "unknown"},
    "unknown": {"settled", "released"},
    "settled": set(),
    "released": set(),
}


WAYS = {
    "reserved": (),
    "sent": ("sent",),
    "unknown": ("sent", "unknown"),
    "settled": ("sent", "settled"),
    "released": ("released",),
}


def step(ledger: Ledger, id: str, state: str) -> None:
    if state == "sent":
        ledger.sent(id)
    elif state == "settled":
        ledger.settle(id, BILL)
    elif state == "released":
        ledger.release(id, "stopped")
    else:
        ledger.unknown(id, "timed-out")


@pytest.mark.parametrize("before", WAYS)
@pytest.mark.parametrize("after", ["sent", "settled", "released", "unknown"])
def test_only_the_allowed_steps_are_taken(ledger: Ledger, before: str, after: str) -> None:
    """Every other one, and the same final one again, is refused and changes nothing."""
    id = ledger.reserve(SPENDING)
    for state in WAYS[before]:
        step(ledger, id, state)
    if after in FOLLOWERS[before]:
        step(ledger, id, after)
        assert ledger.entry(id).state == after
    else:
        with pytest.raises(ValueError, match=f"is {before} and cannot become {after}"):
            step(ledger, id, after)
        assert ledger.entry(id).state == before


class LedgerHistory(RuleBasedStateMachine):
    """Any sequence of steps on any spendings, with the file closed and opened in between."""

    ids = Bundle("ids")

    @initialize()
    def create(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.clock = 1_000_000_000.0
        self.expected: dict[str, Entry] = {}
        self.order: list[str] = []
        self.ledger = Ledger(self.folder / "ledger.sqlite3", now=lambda: self.clock)

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule(
        target=ids,
        reserve=st.integers(0, 10**15),
        sandbox=st.booleans(),
        host=st.sampled_from(("gimp", "blender", "cli")),
        seconds=st.integers(0, 10_000),
    )
    def reserve(self, reserve: int, sandbox: bool, host: str, seconds: int) -> str:
        self.clock += seconds
        spending = replace(SPENDING, reserve=reserve, sandbox=sandbox, host=host)
        id = self.ledger.reserve(spending)
        at = datetime.fromtimestamp(self.clock, UTC)
        self.expected[id] = Entry(id, at, spending, "reserved", 0, 0, False)
        self.order.append(id)
        return id

    @rule(id=ids)
    def send(self, id: str) -> None:
        with self.possible(id, "sent"):
            self.ledger.sent(id)

    @rule(id=ids)
    def lose(self, id: str) -> None:
        with self.possible(id, "unknown"):
            self.ledger.unknown(id, "timed-out")

    @rule(id=ids)
    def release(self, id: str) -> None:
        with self.possible(id, "released"):
            self.ledger.release(id, "stopped")

    @rule(id=ids, total=st.integers(0, 10**15), from_usage=st.booleans())
    def settle(self, id: str, total: int, from_usage: bool) -> None:
        sandbox = self.expected[id].spending.sandbox
        with self.possible(
            id,
            "settled",
            billed=0 if sandbox else total,
            would_bill=total if sandbox else 0,
            from_usage=from_usage,
        ):
            self.ledger.settle(id, Bill(total, (), from_usage))

    @rule()
    def open_again(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.folder / "ledger.sqlite3", now=lambda: self.clock)

    @rule()
    def sweep_while_this_process_lives(self) -> None:
        assert self.ledger.sweep() == []

    @contextlib.contextmanager
    def possible(self, id: str, state: str, **facts: object) -> Iterator[None]:
        before = self.expected[id]
        if state in FOLLOWERS[before.state]:
            yield
            self.expected[id] = replace(before, state=state, **facts)
        else:
            with pytest.raises(ValueError, match=f"is {before.state} and cannot become {state}"):
                yield

    @invariant()
    def agrees(self) -> None:
        newest_first = [self.expected[id] for id in reversed(self.order)]
        assert self.ledger.entries() == newest_first
        real = [entry for entry in newest_first if not entry.spending.sandbox]
        is_open = {"reserved", "sent", "unknown"}
        assert self.ledger.totals() == Totals(
            billed=sum(entry.billed for entry in real),
            reserved_or_unknown=sum(entry.spending.reserve for entry in real if entry.state in is_open),
            would_bill=sum(entry.would_bill for entry in newest_first),
            count=sum(entry.state != "released" for entry in newest_first),
        )

    @invariant()
    def states_follow_from_the_events_alone(self) -> None:
        with contextlib.closing(sqlite3.connect(self.folder / "ledger.sqlite3")) as connection:
            last = connection.execute("SELECT id, state, max(events.number) FROM events JOIN requests"
                                      " ON requests.number = request GROUP BY request")  # fmt: skip
            replayed = {id: state for id, state, _ in last}
        assert replayed == {id: entry.state for id, entry in self.expected.items()}


TestLedgerHistory = LedgerHistory.TestCase
TestLedgerHistory.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


# Several processes


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


# The file


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


@pytest.mark.parametrize("table", ["requests", "events", "limits"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = 0", "DELETE FROM {}"])
def test_the_record_is_only_added_to(home: Home, ledger: Ledger, table: str, statement: str) -> None:
    """The database itself refuses anything else, whoever asks."""
    ledger.reserve(SPENDING)
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
        assert connection.execute("SELECT number FROM migrations").fetchall() == [(1,), (2,), (3,)]
        assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)


def test_a_migration_that_fails_leaves_nothing_of_itself(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables and its record are one transaction; those before it stay."""
    monkeypatch.setattr(ledger_file, "MIGRATIONS", BROKEN)
    with pytest.raises(StorageError):
        Ledger(home.ledger)
    with raw(home) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert "later" in names and "halfway" not in names
        assert connection.execute("SELECT max(number) FROM migrations").fetchone() == (3,)


def test_a_newer_ledger_is_refused_and_left_as_it_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says that a newer version wrote it."""
    with monkeypatch.context() as patch:
        patch.setattr(ledger_file, "MIGRATIONS", NEXT)
        Ledger(home.ledger).close()
    before = home.ledger.read_bytes()
    with pytest.raises(StorageError, match=r"newer Scumble .* \(form 3; this one knows 2\)"):
        Ledger(home.ledger)
    assert home.ledger.read_bytes() == before


def test_the_columns_are_those_of_the_second_form(home: Home, ledger: Ledger) -> None:
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
        "quarters": "quarter billed held would_bill count",
        "days": "topic name day billed held would_bill count",
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
