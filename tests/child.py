# SPDX-License-Identifier: GPL-3.0-or-later
"""Other Python processes for tests that kill, race or starve one; each finds the same scumble."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import scumble

PATIENCE_SECONDS = 60


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs `code` with `arguments` in sys.argv[1:] and pipes to talk through."""
    library = Path(scumble.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(library)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], say: str = "") -> str:
    """Say the last words to a process and wait for its end; what it printed, if it ended well."""
    try:
        printed, complaints = process.communicate(say, timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, complaints
    return printed


def run(code: str, *arguments: object) -> str:
    return finish(start(code, *arguments))


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, reaped and with its pipes closed."""
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
