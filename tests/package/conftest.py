# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release holds, built once for all tests here."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools import package


@dataclass(frozen=True)
class Archive:
    """A host's zip as it was built."""

    host: package.Host
    path: Path
    files: dict[str, bytes]
    modes: dict[str, int]

    @property
    def library(self) -> str:
        """Where the library lies in it."""
        return "scumble-gimp/scumble/" if self.host == "gimp" else "scumble/"

    @property
    def vendored(self) -> dict[str, bytes]:
        """The vendored files, by path inside `_vendor`."""
        start = f"{self.library}_vendor/"
        return {path.removeprefix(start): data for path, data in self.files.items() if path.startswith(start)}


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with everything that is released, built from this checkout."""
    folder = tmp_path_factory.mktemp("release")
    subprocess.run(
        [sys.executable, "-m", "tools.package", "--out", str(folder)], check=True, cwd=package.ROOT
    )
    return folder


@pytest.fixture(scope="session", params=package.HOSTS)
def archive(request: pytest.FixtureRequest, release: Path) -> Archive:
    path = package.zip_path(request.param, release)
    with zipfile.ZipFile(path) as opened:
        files = {entry.filename: opened.read(entry) for entry in opened.infolist()}
        modes = {entry.filename: entry.external_attr >> 16 for entry in opened.infolist()}
    return Archive(request.param, path, files, modes)
