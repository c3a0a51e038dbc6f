# SPDX-License-Identifier: GPL-3.0-or-later
"""A data folder on a network disk: found out on each system, told once a command, and still safe to use."""

from __future__ import annotations

import sys
from pathlib import Path

import child
import pytest

from scumble import ledger_file, network_disks
from scumble.budgets import Scope
from scumble.cli import main
from scumble.ledger import Ledger
from scumble.network_disks import kind_at, linux_mounts, macos_mounts, network_disk
from scumble.settings import Home
from tests.unit.ledger_cases import BILL, SPENDING

LINUX = """\
/dev/vda / ext4 rw,relatime 0 0
nas:/art /mnt/art nfs4 rw,vers=4.2 0 0
//nas/my\\040art /mnt/my\\040art cifs rw 0 0
me@host:/ /home/me/far fuse.sshfs rw,nosuid 0 0
/dev/vdb /mnt/art/local ext4 rw 0 0
tmpfs /mnt/over tmpfs rw 0 0
nas:/over /mnt/over nfs rw 0 0
broken
"""
MACOS = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
//me@nas._smb._tcp.local/art on /Volumes/art (smbfs, nodev, nosuid, mounted by me)
nas:/export (old) on /Volumes/my art (nfs)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me/.local/share/scumble", "ext4"),
        ("/mnt/art", "nfs4"),
        ("/mnt/art/scumble", "nfs4"),
        ("/mnt/artful/scumble", "ext4"),
        ("/mnt/art/local/scumble", "ext4"),
        ("/mnt/my art/scumble", "cifs"),
        ("/home/me/far/away", "fuse.sshfs"),
        ("/mnt/over", "nfs"),
    ],
)
def test_linux_tells_by_the_innermost_mount(folder: str, kind: str) -> None:
    """Of two at one place by the later, which covers the other; names with spaces included."""
    assert kind_at(folder, linux_mounts(LINUX)) == kind


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/Users/me/x", "apfs"), ("/Volumes/art/x", "smbfs"), ("/Volumes/my art", "nfs")],
)
def test_macos_tells_by_what_mount_prints(folder: str, kind: str) -> None:
    """Whatever parentheses and spaces a share's name has."""
    assert kind_at(folder, macos_mounts(MACOS)) == kind


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux' own table of mounts")
def test_the_disk_of_the_tests_is_local(tmp_path: Path) -> None:
    """By the real table; the folder need not be there yet."""
    assert network_disk(tmp_path / "not" / "there") == ""
    assert kind_at("/proc/self", network_disks._mounts()) == "proc"


@pytest.fixture
def on_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_disks, "_mounts", lambda: [("/", "nfs4")])


def test_there_the_ledger_keeps_a_rollback_journal(home: Home, on_network: None) -> None:
    """A write-ahead log needs memory that machines do not share."""
    with Ledger(home.ledger) as ledger:
        id = ledger.reserve(SPENDING)
        ledger.sent(id)
        ledger.settle(id, BILL)
        assert ledger._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert ledger._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert [path.name for path in home.folder.iterdir()] == ["ledger.sqlite3"]


def test_a_ledger_that_was_moved_there_and_back_keeps_its_money(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal changes with its place."""
    with Ledger(home.ledger) as ledger:
        ledger.reserve(SPENDING)
    with monkeypatch.context() as patch:
        patch.setattr(network_disks, "_mounts", lambda: [("/", "cifs")])
        with Ledger(home.ledger) as ledger:
            ledger.reserve(SPENDING)
    with Ledger(home.ledger) as ledger:
        assert ledger.totals().count == 2
        assert ledger._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_each_command_that_uses_it_says_so_once(
    home: Home, on_network: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with what to do; a command without a ledger says nothing."""
    assert main(["spend", "--json"]) == 0
    said = capsys.readouterr().err
    assert said.count("network disk") == 1 and "(nfs4)" in said and "SCUMBLE_HOME" in said
    assert main(["budget"]) == 0
    assert "network disk" in capsys.readouterr().err
    assert main(["models"]) == 0
    assert "network disk" not in capsys.readouterr().err


RACER = """
import sys
from pathlib import Path
from scumble import network_disks
network_disks._mounts = lambda: [("/", "nfs4")]
from scumble.errors import BudgetExceeded
from scumble.ledger import Ledger, Spending
spending = Spending("cli", "generate", "some-model", "low", "16x16", 1, 5, 7, False, project="race")
got = stopped = 0
with Ledger(Path(sys.argv[1])) as ledger:
    for _ in range(25):
        try:
            ledger.reserve(spending)
            got += 1
        except BudgetExceeded:
            stopped += 1
print(got, stopped)
"""


def test_with_that_journal_too_no_processes_pass_a_budget_together(home: Home, on_network: None) -> None:
    """Of 100 attempts exactly 60 get one, and none fails."""
    scope: Scope = "day"
    with Ledger(home.ledger) as ledger:
        ledger.set_budget(scope, 60 * 7)
    racers = [child.start(RACER, home.ledger) for _ in range(4)]
    said = [[int(part) for part in child.finish(racer).split()] for racer in racers]
    assert [sum(column) for column in zip(*said, strict=True)] == [60, 40]
    assert ledger_file.network_disk(home.folder) == "nfs4"
