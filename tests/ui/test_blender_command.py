# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command scumble …` in a whole Blender: what it prints is the document alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ui.screens import root_with_blender

from scumble.settings import Home
from tools import hosts, package

Blender = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def blender(home: Home, tmp_path: Path) -> Blender:
    """Runs Blender with the extension installed by its own command."""
    root = root_with_blender()
    archive = Path(os.environ.get("SCUMBLE_BLENDER_ZIP") or package.zip_path("blender")).resolve()
    own = {"BLENDER_USER_RESOURCES": str(tmp_path / "profile"), "HOME": str(tmp_path)}

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        program = hosts.Program("blender", "", root)
        command = program.command([str(word) for word in words], [tmp_path, archive.parent])
        return subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=120)

    installed = run("--command", "extension", "install-file", "-r", "user_default", "-e", archive)
    assert installed.returncode == 0, installed.stderr
    return run


def test_a_file_gets_its_texture_and_the_ledger_its_line(blender: Blender, tmp_path: Path) -> None:
    """This Blender has no numpy, and nothing of it is asked for."""
    given, made = tmp_path / "in.blend", tmp_path / "out.blend"
    saving = f"import bpy; bpy.ops.wm.save_as_mainfile(filepath={str(given)!r})"
    assert blender("--background", "--factory-startup", "--python-expr", saving).returncode == 0
    asked = ("--prompt", "oak", "--object", "Cube", "-o", made, "--json")
    ran = blender("--command", "scumble", "texture", given, *asked)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["files"] == [str(made)] and made.exists()
    spent = json.loads(blender("--command", "scumble", "spend", "--json").stdout)
    assert [entry["id"] for entry in spent["entries"]] == [document["id"]]


def test_wrong_usage_has_the_commands_exit_code(blender: Blender, tmp_path: Path) -> None:
    ran = blender("--command", "scumble", "texture", tmp_path / "none.blend", "--prompt", "", "-o", "x.blend")
    assert ran.returncode == 2 and "Nothing was billed." in ran.stderr and ran.stdout == ""
