# SPDX-License-Identifier: GPL-3.0-or-later
"""A zip is read with distrust, and put into a profile whole or not at all."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble import __version__
from scumble.errors import BadPackage, BadRequest, PackageMissing, ProfileMissing
from scumble.installing import folders, installation, package
from scumble.installing.places import Host, Profile, chosen_profile
from scumble.installing.programs import Answer
from tests.unit.install_cases import Answers, contents, executable, nobody, system, zipped

HOSTS: tuple[Host, ...] = ("gimp", "blender")


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    (tmp_path / "3.0").mkdir()
    return chosen_profile("gimp", tmp_path / "3.0")


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("host", HOSTS)
def test_what_the_zip_holds_is_in_the_plug_ins_folder_and_nothing_else(tmp_path: Path, host: Host) -> None:
    """Nothing of the version before, and no leftovers of a run that was killed."""
    there = Profile(host, (), tmp_path / "profile", "chosen")
    folders.put(package.read(host, zipped(tmp_path / "old.zip", {**contents(host, "0.0.1")})), there)
    (there.plug_in / "gone.py").write_text("")
    left = there.plug_ins / f".{there.plug_in.name}.abc.part"
    left.mkdir()
    held = package.read(host, zipped(tmp_path / "new.zip", contents(host)))
    assert folders.installed_version(there.plug_in) == "0.0.1" and held.version == __version__
    folders.put(held, there)
    assert files_in(there.plug_in) == dict(held.files)
    assert os.listdir(there.plug_ins) == [there.plug_in.name]


def test_only_gimps_main_file_gets_the_run_bit(tmp_path: Path, profile: Profile) -> None:
    """Whatever the zip says of its modes."""
    folders.put(package.read("gimp", zipped(tmp_path / "a.zip", contents("gimp"))), profile)
    modes = {path.name: path.stat().st_mode & 0o111 for path in profile.plug_in.rglob("*.py")}
    assert {name for name, bits in modes.items() if bits} == {"scumble-gimp.py"}


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py",
        "scumble-gimp/../../evil.py",
        "/evil.py",
        "C:\\evil.py",
        "scumble-gimp/..\\evil.py",
        "c:evil",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadPackage, match="leads elsewhere"):
        package.read("gimp", zipped(tmp_path / "a.zip", {**contents("gimp"), name: b""}))


@given(st.text(max_size=40))
def test_no_name_in_a_zip_leaves_the_plug_ins_folder(name: str) -> None:
    if package._is_harmless(name):
        base = Path("/profile/plug-ins")
        assert Path(os.path.normpath(base / name)).is_relative_to(base)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", contents("gimp"))
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("scumble-gimp/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadPackage, match="leads elsewhere"):
        package.read("gimp", path)


def test_names_that_are_one_on_windows_and_macos_are_refused(tmp_path: Path) -> None:
    twice = {**contents("gimp"), "scumble-gimp/A": b"", "scumble-gimp/a": b""}
    with pytest.raises(BadPackage, match="twice"):
        package.read("gimp", zipped(tmp_path / "a.zip", twice))


def test_a_zip_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    """65 MB of zeros are 65 kB in a zip."""
    big = {**contents("gimp"), "scumble-gimp/zeros": bytes(65 * 1024 * 1024)}
    with pytest.raises(BadPackage, match="too much"):
        package.read("gimp", zipped(tmp_path / "a.zip", big))


def test_a_file_that_is_no_zip_of_this_host_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("not a zip")
    other = zipped(tmp_path / "other.zip", contents("blender"))
    cut = tmp_path / "cut.zip"
    cut.write_bytes(other.read_bytes()[:-30])
    foreign = zipped(tmp_path / "foreign.zip", {**contents("blender"), "blender_manifest.toml": b'id = "x"'})
    for host, path, reason in (
        ("gimp", tmp_path / "missing.zip", "No such file"),
        ("gimp", tmp_path / "text.zip", "not a whole zip"),
        ("blender", cut, "not a whole zip"),
        ("gimp", other, "not Scumble for GIMP"),
        ("blender", foreign, "not Scumble for Blender"),
    ):
        with pytest.raises(BadPackage, match=reason):
            package.read(host, path)  # type: ignore[arg-type]


def test_the_newest_zip_beside_the_command_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "_folders", lambda: iter([tmp_path / "dist", tmp_path]))
    with pytest.raises(PackageMissing, match="scumble-gimp-VERSION"):
        package.find("gimp")
    for version in ("0.9.0", "0.10.0", "0.2.0"):
        (tmp_path / f"scumble-gimp-{version}.zip").write_bytes(b"")
    assert package.find("gimp").name == "scumble-gimp-0.10.0.zip"


def test_a_profile_that_cannot_be_written_keeps_what_it_has(
    tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when Windows has the folder open: the other profiles are still served."""
    folders.put(package.read("gimp", zipped(tmp_path / "old.zip", contents("gimp", "0.0.1"))), profile)
    other = chosen_profile("gimp", tmp_path / "3.2")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.suffix == ".part" and profile.folder in path.parents:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    held = package.read("gimp", zipped(tmp_path / "new.zip", contents("gimp")))
    targets = [installation.Target(profile), installation.Target(other)]
    outcomes = installation.install(held, targets, system(tmp_path), nobody)
    assert [outcome.action for outcome in outcomes] == ["failed", "installed"]
    assert "Permission denied" in str(outcomes[0].error)
    assert folders.installed_version(profile.plug_in) == "0.0.1"
    assert os.listdir(profile.plug_ins) == ["scumble-gimp"]


def test_a_link_in_the_plug_ins_place_goes_and_what_it_leads_to_stays(
    tmp_path: Path, profile: Profile
) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "work.py").write_text("mine")
    profile.plug_ins.mkdir()
    profile.plug_in.symlink_to(checkout)
    held = package.read("gimp", zipped(tmp_path / "a.zip", contents("gimp")))
    folders.put(held, profile)
    assert not profile.plug_in.is_symlink() and (checkout / "work.py").read_text() == "mine"
    assert folders.take_away(profile) and not folders.take_away(profile)
    assert list(profile.plug_ins.iterdir()) == []


def test_a_program_that_was_never_started_gets_its_profile(tmp_path: Path) -> None:
    user = system(tmp_path, PATH=str(tmp_path / "bin"))
    executable(tmp_path / "bin", "gimp-console")
    (target,) = installation.targets("gimp", user, (), Answers("version 3.2.6"))
    assert target.profile.folder == user.home / ".config/GIMP/3.2"
    with pytest.raises(ProfileMissing):
        installation.targets("gimp", user, (), Answers("version 2.10.38"))


def test_a_folder_that_is_none_or_is_too_old_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2.10").mkdir()
    for folder in (tmp_path / "missing", tmp_path / "2.10"):
        with pytest.raises(BadRequest):
            installation.targets("gimp", system(tmp_path), [folder], nobody)


def test_blender_installs_by_its_own_command_and_else_it_is_unpacked(tmp_path: Path) -> None:
    """Only Blender can switch it on; a Blender that fails is no reason to go without."""
    user = system(tmp_path, PATH=str(tmp_path / "bin"))
    program = executable(tmp_path / "bin", "blender")
    (user.home / ".config/blender/4.5").mkdir(parents=True)
    ask = Answers("Blender 4.5.1")
    targets = installation.targets("blender", user, (), ask)
    held = package.read("blender", zipped(tmp_path / "a.zip", contents("blender")))
    (outcome,) = installation.install(held, targets, user, ask)
    assert outcome.enabled is None and folders.installed_version(outcome.profile.plug_in) == __version__
    ask.otherwise = Answer(0, "")
    (outcome,) = installation.install(held, targets, user, ask)
    assert (outcome.action, outcome.enabled) == ("updated", True)
    words = ["--command", "extension", "install-file", "-r", "user_default", "-e", str(held.path)]
    assert ask.asked[-1][0] == [str(program), *words]
    (outcome,) = installation.remove(targets, user, ask)
    assert ask.asked[-1][0][1:] == ["--command", "extension", "remove", "scumble"]
    assert outcome.action == "removed" and not folders.is_there(outcome.profile)
