# SPDX-License-Identifier: GPL-3.0-or-later
"""A second place for a reply that the results folder does not take any more: on another disk, if need be.

    <data folder>/rescued/<id>                            when only the results folder is at fault
    <temporary files>/scumble-rescued-<whose>-<random>/<id>  when the disk is

`whose` tells data folders apart, so that none takes the replies of another.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from .private_files import make_folder, write_all
from .settings import Home

_PIECE_BYTES = 1 << 20


def tries(home: Home) -> tuple[Callable[[], Path], ...]:
    """What makes a folder to write a reply into, the best first. Each may raise OSError."""
    return (lambda: _beside_the_results(home), lambda: Path(tempfile.mkdtemp(prefix=_prefix(home))))


def folders(home: Home) -> list[Path]:
    """Where rescued replies may lie: folders that exist and that nobody but their owner could write."""
    found = [_beside(home)]
    with contextlib.suppress(OSError):
        there = Path(tempfile.gettempdir())
        found += sorted(there / name for name in os.listdir(there) if name.startswith(_prefix(home)))
    return [folder for folder in found if _is_own(folder)]


def copy(source: FileIO, target: FileIO, length: int, sha256: str) -> None:
    """Copy what was written so far. Raises OSError, also when it is not what was written."""
    source.seek(0)
    digest = hashlib.sha256()
    left = length
    while left and (piece := source.read(min(left, _PIECE_BYTES))):
        digest.update(piece)
        write_all(target, piece)
        left -= len(piece)
    if digest.hexdigest() != sha256:
        raise OSError(errno.EIO, "what was written cannot be read back")


def _beside(home: Home) -> Path:
    return home.folder / "rescued"


def _beside_the_results(home: Home) -> Path:
    make_folder(home.folder)
    make_folder(_beside(home))
    return _beside(home)


def _prefix(home: Home) -> str:
    whose = hashlib.sha256(os.fsencode(home.folder.absolute())).hexdigest()[:16]
    return f"scumble-rescued-{whose}-"


def _is_own(folder: Path) -> bool:
    """Whether it is a folder and, where others share the disk's temporary files, this user's alone."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
