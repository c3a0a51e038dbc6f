# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own checker accepts the extension, as a folder and as a zip."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import hosts, package

pytestmark = pytest.mark.blender


@pytest.fixture(scope="module")
def validator() -> list[str]:
    """The command of the checker that is inside the newest Blender that can be had here."""
    python = hosts.blender(hosts.blender_versions()[-1])
    return [str(python), str(hosts.blender_validator(python)), "validate"]


def _validate(validator: list[str], path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*validator, str(path)], capture_output=True, text=True, timeout=120)


def test_the_zip_is_valid(validator: list[str], release: Path) -> None:
    checked = _validate(validator, package.zip_path("blender", release))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_staged_folder_is_valid(validator: list[str], tmp_path: Path) -> None:
    checked = _validate(validator, package.stage("blender", tmp_path / "extension"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_checker_is_listened_to(validator: list[str], tmp_path: Path) -> None:
    """A tagline may not end in a full stop; were that to pass, the two tests above would say nothing."""
    folder = package.stage("blender", tmp_path / "extension")
    manifest = folder / "blender_manifest.toml"
    lines = manifest.read_text().splitlines()
    manifest.write_text(
        "\n".join('tagline = "No."' if line.startswith("tagline") else line for line in lines)
    )
    assert _validate(validator, folder).returncode != 0
