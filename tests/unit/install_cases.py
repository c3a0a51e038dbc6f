# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of every system in a folder, zips good and bad, and programs that only answer."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from scumble import __version__
from scumble.installing.places import Host, System
from scumble.installing.programs import Answer

MANIFEST = b'schema_version = "1.0.0"\nid = "scumble"\n'


def system(folder: Path, platform: str = "linux", **environment: str) -> System:
    """A user whose home is `folder`/user, on a disk whose root is `folder`."""
    home = folder / "user"
    home.mkdir(exist_ok=True)
    return System(platform, home, environment, folder)


def nobody(command: Sequence[str], environment: Mapping[str, str]) -> Answer:
    """A machine on which nothing can be started."""
    return Answer(None, "")


def executable(folder: Path, name: str) -> Path:
    """A file that may be executed and never is: `Answers` speaks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"")
    path.chmod(0o755)
    return path


class Answers:
    """Stands for every program: what it says to `--version`, and to the rest; keeps the commands."""

    def __init__(self, version: str, otherwise: Answer | None = None) -> None:
        self.version = version
        self.otherwise = otherwise or Answer(1, "")
        self.asked: list[tuple[list[str], Mapping[str, str]]] = []

    def __call__(self, command: Sequence[str], environment: Mapping[str, str]) -> Answer:
        if list(command[1:]) == ["--version"]:
            return Answer(0, self.version)
        self.asked.append((list(command), environment))
        return self.otherwise


def contents(host: Host, version: str = __version__) -> dict[str, bytes]:
    """The least that a zip of a host holds, by path in the zip."""
    library = f'__version__ = "{version}"\n'.encode()
    if host == "gimp":
        procedures = b'FILL = "plug-in-scumble-fill"\nSPENDING = "plug-in-scumble-spending"\n'
        return {
            "scumble-gimp/scumble-gimp.py": b"#!/usr/bin/env python3\n",
            "scumble-gimp/scumble/__init__.py": library,
            "scumble-gimp/scumble_gimp/plugin.py": b"",
            "scumble-gimp/scumble_gimp/procedures.py": procedures,
        }
    return {
        "blender_manifest.toml": MANIFEST,
        "__init__.py": b"",
        "operators.py": b"",
        "scumble/__init__.py": library,
    }


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
