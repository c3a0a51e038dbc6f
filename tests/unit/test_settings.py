# SPDX-License-Identifier: GPL-3.0-or-later
"""The data folder: one for all hosts of a user, wherever they run."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from scumble.errors import SetupError
from scumble.settings import Home, find_home

USER = Path("/home/someone")


@pytest.fixture
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", lambda: USER)


def test_scumble_home_is_obeyed(home: Home) -> None:
    """As the tests themselves rely on."""
    assert find_home() == home
    assert find_home({"SCUMBLE_HOME": "/data/scumble"}).folder == Path("/data/scumble")


def test_a_tilde_and_a_relative_folder_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger must not move when a program changes its working folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert find_home({"SCUMBLE_HOME": "~/spent"}).folder == tmp_path / "spent"
    assert find_home({"SCUMBLE_HOME": "spent"}).folder == tmp_path / "spent"


@pytest.mark.usefixtures("on_linux")
@pytest.mark.parametrize(
    "environment",
    [{}, {"SCUMBLE_HOME": ""}, {"XDG_DATA_HOME": "/home/someone/.var/app/org.gimp.GIMP/data"}],
    ids=["plain", "empty variable", "Flatpak"],
)
def test_linux_hosts_share_one_folder(environment: dict[str, str]) -> None:
    """A Flatpak's own data folder is not used: a budget must see every host's spending."""
    assert find_home(environment).folder == USER / ".local" / "share" / "scumble"


@pytest.mark.usefixtures("on_linux")
def test_a_snap_uses_the_users_real_home() -> None:
    """Its HOME is a folder of its own for each version."""
    environment = {"HOME": "/home/someone/snap/blender/1", "SNAP_REAL_HOME": "/home/else"}
    assert find_home(environment).folder == Path("/home/else/.local/share/scumble")


def test_the_mac_has_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its programs keep such data."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(Path, "home", lambda: USER)
    assert find_home({}).folder == USER / "Library" / "Application Support" / "scumble"


def test_windows_has_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The roaming folder, by its variable or by where it usually is."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(Path, "home", lambda: USER)
    assert find_home({"APPDATA": "/c/roaming"}).folder == Path("/c/roaming/scumble")
    assert find_home({}).folder == USER / "AppData" / "Roaming" / "scumble"


def test_everything_lies_in_the_folder() -> None:
    """Under names that other programs may rely on."""
    home = Home(Path("/data"))
    assert {path.name for path in (home.ledger, home.results, home.key, home.catalog)} == {
        "ledger.sqlite3",
        "results",
        "key",
        "catalog.json",
    }
    assert {path.parent for path in (home.ledger, home.results, home.key, home.catalog)} == {home.folder}


def test_looking_for_the_folder_creates_nothing(tmp_path: Path) -> None:
    """Only make() does."""
    found = find_home({"SCUMBLE_HOME": str(tmp_path / "new")})
    assert not found.folder.exists()


def test_the_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """Whatever the umask, and making it again is allowed."""
    before = os.umask(0)
    try:
        home = Home(tmp_path / "deep" / "home").make()
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert home.make() == home


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        Home(tmp_path / "file" / "home").make()


def test_a_home_directory_that_nobody_has_is_a_matter_of_the_set_up() -> None:
    """`~nobody-here` in SCUMBLE_HOME is an error that names the variable, not a crash."""
    with pytest.raises(SetupError, match="SCUMBLE_HOME"):
        find_home({"SCUMBLE_HOME": "~no-such-user-here/data"})
