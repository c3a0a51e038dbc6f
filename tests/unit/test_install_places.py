# SPDX-License-Identifier: GPL-3.0-or-later
"""Every profile of a user is found, whichever way GIMP and Blender were installed, and no other folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from scumble.installing import programs
from scumble.installing.places import Host, profiles
from tests.unit.install_cases import Answers, executable, system


@pytest.mark.parametrize(
    ("platform", "host", "place", "packaging"),
    [
        ("linux", "gimp", ".config/GIMP/3.0", "native"),
        ("linux", "gimp", "snap/gimp/current/GIMP/3.0", "snap"),
        ("linux", "blender", ".config/blender/4.2", "native"),
        ("linux", "blender", ".var/app/org.blender.Blender/config/blender/5.0", "flatpak"),
        ("darwin", "gimp", "Library/Application Support/GIMP/3.2", "native"),
        ("darwin", "blender", "Library/Application Support/Blender/4.5", "native"),
        ("win32", "gimp", "AppData/Roaming/GIMP/3.0", "native"),
        ("win32", "gimp", "AppData/Local/Packages/GIMP.GIMP_x/LocalCache/Roaming/GIMP/3.0", "store"),
        ("win32", "blender", "AppData/Roaming/Blender Foundation/Blender/5.2", "native"),
    ],
)
def test_a_profile_is_found_where_each_system_keeps_it(
    tmp_path: Path, platform: str, host: Host, place: str, packaging: str
) -> None:
    user = system(tmp_path, platform)
    (user.home / place).mkdir(parents=True)
    found = profiles(host, user)
    assert [(profile.folder, profile.packaging) for profile in found] == [(user.home / place, packaging)]


def test_flatpaks_gimp_shares_the_folder_of_the_systems_own(tmp_path: Path) -> None:
    """The one in ~/.var/app is not read."""
    user = system(tmp_path)
    (user.home / ".config/GIMP/3.0").mkdir(parents=True)
    (user.home / ".var/app/org.gimp.GIMP/config/GIMP/3.0").mkdir(parents=True)
    (tmp_path / "var/lib/flatpak/app/org.gimp.GIMP").mkdir(parents=True)
    (found,) = profiles("gimp", user)
    assert found.folder == user.home / ".config/GIMP/3.0" and found.title == "GIMP 3.0 (Flatpak)"


def test_the_newest_version_comes_first_and_other_folders_are_no_profiles(tmp_path: Path) -> None:
    user = system(tmp_path)
    for name in ("3.0", "2.10", "3.10", "3.2", "backup", "3.0.old"):
        (user.home / ".config/GIMP" / name).mkdir(parents=True)
    (user.home / ".config/GIMP/3.4").write_text("a file")
    found = profiles("gimp", user)
    assert [profile.version for profile in found] == [(3, 10), (3, 2), (3, 0), (2, 10)]
    assert [profile.is_new_enough for profile in found] == [True, True, True, False]


def test_a_folder_that_two_names_lead_to_is_one_profile(tmp_path: Path) -> None:
    folder = tmp_path / "user" / ".config" / "GIMP" / "3.0"
    folder.mkdir(parents=True)
    user = system(
        tmp_path, GIMP3_DIRECTORY=".config/GIMP/3.0", XDG_CONFIG_HOME=str(tmp_path / "user/.config")
    )
    (found,) = profiles("gimp", user)
    assert found.folder == folder and found.packaging == "chosen"


def test_blenders_variables_name_its_profile_and_its_extensions(tmp_path: Path) -> None:
    user = system(
        tmp_path,
        BLENDER_USER_RESOURCES=str(tmp_path / "own"),
        BLENDER_USER_EXTENSIONS=str(tmp_path / "extra"),
    )
    (found,) = profiles("blender", user)
    assert found.folder == tmp_path / "own"
    assert found.plug_in == tmp_path / "extra" / "user_default" / "scumble"


def test_programs_are_found_on_path_and_in_their_usual_folders(tmp_path: Path) -> None:
    user = system(tmp_path, PATH=str(tmp_path / "bin"))
    console = executable(tmp_path / "bin", "gimp-console-3.0")
    (found,) = programs.find("gimp", user, Answers("GNU Image Manipulation Program version 3.0.4\n"))
    assert (found.path, found.version) == (console, (3, 0, 4))
    mac = system(tmp_path, "darwin")
    blender = executable(tmp_path / "Applications/Blender.app/Contents/MacOS", "blender")
    (found,) = programs.find("blender", mac, Answers("Blender 5.0.1\n\tbuild date\n"))
    assert (found.path, found.series) == (blender, (5, 0))


def test_a_program_that_says_no_version_is_none(tmp_path: Path) -> None:
    user = system(tmp_path, PATH=str(tmp_path / "bin"))
    executable(tmp_path / "bin", "blender")
    assert programs.find("blender", user, Answers("cannot open display")) == ()


def test_a_program_that_does_not_start_is_an_answer_too(tmp_path: Path) -> None:
    assert programs.run([str(tmp_path / "nothing")], {}).code is None
    assert programs.run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], {}) == programs.Answer(
        3, "out\nerr\n"
    )
