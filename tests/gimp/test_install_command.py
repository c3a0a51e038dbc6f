# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble install gimp` into a fresh profile of the real GIMP, and what `scumble doctor` makes of it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gimp.conftest import Studio

START = ["-i", "--quit", "--batch-interpreter=plug-in-script-fu-eval", "-b", "()"]


@pytest.fixture
def empty(new_studio, tmp_path: Path) -> Studio:
    """A profile without a plug-in, which GIMP has started with once."""
    studio = new_studio("command")
    for path in (studio.profile / "plug-ins").iterdir():
        path.rename(studio.folder / f"moved-{path.name}")
    assert studio.start(studio.program, START).returncode == 0
    return studio


def command(studio: Studio, *arguments: str) -> tuple[int, dict[str, Any]]:
    """`scumble ARGUMENTS --json` where that GIMP is the only one on PATH: its exit code and its document."""
    programs = studio.folder / "bin"
    programs.mkdir(exist_ok=True)
    console = programs / "gimp-console"
    started = shlex.join(studio.program.command(["MARK"], [studio.folder])).replace("MARK", '"$@"')
    console.write_text(f"#!/bin/sh\nPATH={shlex.quote(os.environ['PATH'])} exec {started}\n")
    console.chmod(0o755)
    # A GIMP in a Debian root sees of this machine only the studio's folder, so temporary files go there too.
    environment = studio.environment(PATH=str(programs), TMPDIR=str(studio.folder), SCUMBLE_KEYCHAIN="off")
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    ran = subprocess.run(
        [sys.executable, "-m", "scumble", *arguments, "--json"],
        env=environment,
        capture_output=True,
        text=True,
    )
    return ran.returncode, json.loads(ran.stdout)


def codes(document: dict[str, Any]) -> dict[str, str]:
    return {finding["code"]: finding["message"] for finding in document["gimp"]}


def test_what_the_command_installed_is_in_the_menu_and_the_doctor_sees_it(
    empty: Studio, installed_zip: Path
) -> None:
    code, told = command(empty, "doctor", "gimp")
    assert code == 1 and set(codes(told)) == {"not-installed"}
    code, told = command(empty, "install", "gimp", "--zip", str(installed_zip))
    assert code == 0 and [one["action"] for one in told["profiles"]] == ["installed"]
    code, told = command(empty, "doctor", "gimp")
    assert code == 0 and set(codes(told)) == {"not-started-since"}

    ran = empty.run("sandboxed.py", LANGUAGE="en")
    assert ran.returncode == 0, ran.stderr[-4000:]
    menus = empty.records([])["procedures"].facts["menus"]
    assert menus["plug-in-scumble-fill"] == ["<Image>/Filters/AI"]

    code, told = command(empty, "doctor", "gimp")
    assert code == 0 and set(codes(told)) == {"in-menu"}, told
    code, told = command(empty, "install", "gimp", "--remove")
    assert code == 0 and not (empty.profile / "plug-ins" / "scumble-gimp").exists()


def test_the_doctor_names_the_error_at_registration(empty: Studio, installed_zip: Path) -> None:
    """GIMP writes it only to the terminal, and shows no entry."""
    assert command(empty, "install", "gimp", "--zip", str(installed_zip))[0] == 0
    main = empty.profile / "plug-ins" / "scumble-gimp" / "scumble-gimp.py"
    main.write_text(main.read_text().replace("import gi\n", "import gi\nimport not_in_this_gimp\n", 1))
    assert empty.start(empty.program, START).returncode == 0
    code, told = command(empty, "doctor", "gimp")
    assert code == 1 and set(codes(told)) == {"registration-error"}
    assert "ModuleNotFoundError: No module named 'not_in_this_gimp'" in codes(told)["registration-error"]


def test_the_doctor_repeats_why_an_incomplete_plug_in_is_not_working(
    empty: Studio, installed_zip: Path
) -> None:
    assert command(empty, "install", "gimp", "--zip", str(installed_zip))[0] == 0
    folder = empty.profile / "plug-ins" / "scumble-gimp"
    broken = folder / "scumble_gimp" / "plugin.py"
    broken.write_text(broken.read_text().replace("import startup\n", "import not_in_this_gimp\n", 1))
    assert empty.start(empty.program, START).returncode == 0
    code, told = command(empty, "doctor", "gimp")
    assert code == 1 and "'not_in_this_gimp'" in codes(told)["not-working"]
