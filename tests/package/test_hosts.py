# SPDX-License-Identifier: GPL-3.0-or-later
"""Which GIMP the tests and the demo take, and that nothing half made is ever taken for a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import debian_root, hosts
from tools.host_cache import HostMissing, is_made, mark_made, was_made


@pytest.fixture(autouse=True)
def hosts_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and nothing on PATH but what a test puts there."""
    monkeypatch.setenv("SCUMBLE_HOSTS", str(tmp_path / "hosts"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("GIMP_CONSOLE", raising=False)
    return tmp_path / "hosts"


def _program(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    return program


def _gimp(folder: Path, name: str, version: str) -> Path:
    return _program(folder, name, f"GNU Image Manipulation Program version {version}")


def test_the_gimp_on_path_is_taken(tmp_path: Path) -> None:
    """The newest name first."""
    _gimp(tmp_path / "bin", "gimp-console", "3.0.4")
    newest = _gimp(tmp_path / "bin", "gimp-console-3.2", "3.2.6")
    assert hosts.gimp() == hosts.Program(str(newest), "3.2.6")


def test_an_older_gimp_is_not_taken(tmp_path: Path) -> None:
    """GIMP 2.10 cannot load the plug-in; where no root can be made either, the reason is a sentence."""
    _gimp(tmp_path / "bin", "gimp-console", "2.10.34")
    with pytest.raises(HostMissing, match="GIMP 3 is not on PATH"):
        hosts.gimp()


def test_gimp_console_names_the_one_to_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And when it is none, nothing else is taken in its place."""
    _gimp(tmp_path / "bin", "gimp-console", "3.0.4")
    chosen = _gimp(tmp_path, "mine", "3.0.2")
    monkeypatch.setenv("GIMP_CONSOLE", str(chosen))
    assert hosts.gimp().name == str(chosen)
    monkeypatch.setenv("GIMP_CONSOLE", str(_program(tmp_path, "other", "hello")))
    with pytest.raises(HostMissing, match="GIMP_CONSOLE names"):
        hosts.gimp()


def test_a_folder_is_whole_only_when_it_says_so_for_this_recipe(tmp_path: Path) -> None:
    assert not was_made(tmp_path)
    mark_made(tmp_path, "gimp\n")
    assert is_made(tmp_path, "gimp\n")
    assert was_made(tmp_path) and not is_made(tmp_path, "gimp\nxvfb\n")


def test_a_root_made_by_hand_that_is_not_whole_is_neither_taken_nor_touched(
    hosts_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be in use, with folders of this machine mounted in it."""
    monkeypatch.setattr(debian_root, "_require_rights", lambda: None)
    monkeypatch.setattr(debian_root, "_has_packages", lambda _root: False)
    (hosts_folder / "trixie" / "etc").mkdir(parents=True)
    with pytest.raises(HostMissing, match="not whole"):
        hosts.gimp()
    assert (hosts_folder / "trixie" / "etc").is_dir() and not was_made(hosts_folder / "trixie")


def test_a_root_in_which_something_is_mounted_is_not_deleted() -> None:
    """Deleting would reach into what is mounted. /proc is a mount point on every Linux."""
    with pytest.raises(HostMissing, match="/proc is mounted"):
        debian_root.refuse_when_mounted(Path("/proc"))


def test_a_root_without_mounts_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "trixie" / "etc").mkdir(parents=True)
    debian_root.remove(tmp_path / "trixie")
    assert not (tmp_path / "trixie").exists()
