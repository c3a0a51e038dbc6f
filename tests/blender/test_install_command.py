# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble install blender` into a fresh profile of this Blender, and `scumble doctor` before and after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import scumble

# Without a Blender to start the zip is unpacked, and a person then does this.
SWITCH_ON = """
import bpy
bpy.ops.preferences.addon_enable(module="bl_ext.user_default.scumble")
bpy.ops.wm.save_userpref()
"""
# The module starts with factory settings and reads the saved ones when it is told to.
LOOK = """
import bpy
bpy.ops.wm.read_userpref()
print("ENABLED", "bl_ext.user_default.scumble" in bpy.context.preferences.addons)
print("PANELS", [name for name in dir(bpy.types) if name.startswith("SCUMBLE_PT_")])
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user without any program on PATH, whose Blender has a profile of its own in `tmp_path`."""
    (tmp_path / "profile").mkdir()
    own = {
        "BLENDER_USER_RESOURCES": str(tmp_path / "profile"),
        "HOME": str(tmp_path),
        "PATH": str(tmp_path / "bin"),
        "PYTHONPATH": str(Path(scumble.__file__).parents[1]),
    }
    return {**os.environ, **own}


def command(environment: dict[str, str], *arguments: str) -> tuple[int, dict[str, Any]]:
    words = [sys.executable, "-m", "scumble", *arguments, "--json"]
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    return ran.returncode, json.loads(ran.stdout)


def blender(environment: dict[str, str], code: str) -> str:
    words = [sys.executable, "-c", code]
    return subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=120, check=True
    ).stdout


def codes(document: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in document["blender"]}


def test_what_the_command_installed_can_be_switched_on_and_the_doctor_sees_it(
    environment: dict[str, str], installed_zip: Path
) -> None:
    code, told = command(environment, "doctor", "blender")
    assert code == 1 and codes(told) == {"not-installed"}
    code, told = command(environment, "install", "blender", "--zip", str(installed_zip))
    assert code == 0 and told["profiles"][0]["action"] == "installed"
    assert "Preferences > Add-ons" in told["next"][0]
    code, told = command(environment, "doctor", "blender")
    assert code == 1 and codes(told) == {"disabled"}

    blender(environment, SWITCH_ON)
    shown = blender(environment, LOOK)
    assert "ENABLED True" in shown and "SCUMBLE_PT_" in shown
    code, told = command(environment, "doctor", "blender")
    assert code == 0 and codes(told) == {"enabled"}, told

    code, told = command(environment, "install", "blender", "--remove")
    assert code == 0 and told["profiles"][0]["action"] == "removed"
    assert "PANELS []" in blender(environment, LOOK)
