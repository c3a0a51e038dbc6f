# SPDX-License-Identifier: GPL-3.0-or-later
"""The GIMPs and Blenders that can be started here, and what they answer within a bounded time."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .places import OLDEST, Host, System

_SECONDS = 60
_VERSIONS: Mapping[Host, re.Pattern[str]] = {
    "gimp": re.compile(r"\bversion (\d+)\.(\d+)\.(\d+)"),
    "blender": re.compile(r"\bBlender (\d+)\.(\d+)\.(\d+)"),
}


@dataclass(frozen=True)
class Answer:
    """How a program ended and what it wrote; `code` is None when it did not start or took too long."""

    code: int | None
    text: str


Ask = Callable[[Sequence[str], Mapping[str, str]], Answer]


@dataclass(frozen=True)
class Program:
    path: Path
    version: tuple[int, int, int]

    @property
    def series(self) -> tuple[int, int]:
        return self.version[:2]


def run(command: Sequence[str], environment: Mapping[str, str]) -> Answer:
    """Run it without input, for at most a minute. Standard output comes before standard error."""
    try:
        done = subprocess.run(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return Answer(None, "")
    return Answer(done.returncode, done.stdout + done.stderr)


def find(host: Host, system: System, ask: Ask = run) -> tuple[Program, ...]:
    """Those that start, of versions too old as well, the newest first, one of each series."""
    found: dict[tuple[int, int], Program] = {}
    for path in dict.fromkeys(_paths(host, system)):
        answer = ask([str(path), "--version"], system.environment)
        told = _VERSIONS[host].search(answer.text) if answer.code == 0 else None
        if told:
            program = Program(path, (int(told[1]), int(told[2]), int(told[3])))
            found.setdefault(program.series, program)
    return tuple(sorted(found.values(), key=lambda program: program.version, reverse=True))


def new_enough(host: Host, found: Sequence[Program]) -> tuple[Program, ...]:
    return tuple(program for program in found if program.series >= OLDEST[host])


def _paths(host: Host, system: System) -> Iterator[Path]:
    patterns: tuple[str, ...] = (
        ("gimp-console-3*", "gimp-console", "gimp") if host == "gimp" else ("blender",)
    )
    if system.platform == "win32":
        patterns = tuple(f"{pattern}.exe" for pattern in patterns)
    folders = [Path(name) for name in system.variable("PATH").split(os.pathsep) if name]
    for folder in (*folders, *_usual_folders(host, system)):
        for pattern in patterns:
            yield from (path for path in sorted(folder.glob(pattern)) if os.access(path, os.X_OK))


def _usual_folders(host: Host, system: System) -> Iterator[Path]:
    if system.platform == "darwin":
        application = "GIMP.app" if host == "gimp" else "Blender.app"
        for base in (system.root / "Applications", system.home / "Applications"):
            # There it is called Blender, on a disk that tells no capitals from small letters.
            yield base / application / "Contents" / "MacOS"
    elif system.platform == "win32":
        local = system.variable("LOCALAPPDATA")
        bases = [system.variable("ProgramFiles"), str(Path(local) / "Programs") if local else ""]
        for base in (Path(name) for name in bases if name):
            if host == "gimp":
                yield from (folder / "bin" for folder in sorted(base.glob("GIMP 3*")))
            else:
                yield from sorted((base / "Blender Foundation").glob("Blender *"))
