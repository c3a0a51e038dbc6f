# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders that only their owner may read, and that are on disk whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from .errors import StorageError
from .translation import N_, _

if sys.platform != "win32":
    import fcntl

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_REASONS = {
    errno.ENOSPC: N_("the disk is full"),
    errno.EDQUOT: N_("the disk quota is used up"),
    errno.EROFS: N_("it is on a read-only disk"),
    errno.EACCES: N_("access is denied"),
    errno.EPERM: N_("access is denied"),
    errno.ENOTDIR: N_("a file is where a folder should be"),
    errno.EEXIST: N_("a file is where a folder should be"),
}


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turns every OSError of the block into a StorageError about `folder`."""
    try:
        yield
    except OSError as error:
        known = _REASONS.get(error.errno or 0)
        raise StorageError(path=folder, reason=_(known) if known else error.strerror or str(error)) from error


def make_folder(path: Path) -> None:
    """Create a folder of mode 0700 where there is none, with its entry on disk. Raises OSError."""
    if path.is_dir():
        return
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    sync_folder(path.parent)


def create(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600 and wait until its bytes are on disk. Raises OSError."""
    with open_new(path) as file:
        write_all(file, data)
        sync(file)


def open_new(path: Path) -> FileIO:
    """A new file of mode 0600 without a buffer of its own: what was written outlives a killed process.

    It can be read back, also when its name is gone.
    Raises OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return FileIO(os.open(path, flags, FILE_MODE), "rb+")


def write_all(file: FileIO, data: bytes) -> None:
    """All of it, however many calls that takes. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) or 0 :]


def sync(file: FileIO) -> None:
    """Wait until the file's bytes are on disk. Raises OSError."""
    _sync(file.fileno())


def replace(path: Path, data: bytes) -> None:
    """Create or replace a file of mode 0600; after a crash it is the old or the new one. Raises OSError."""
    partial = partial_name(path)
    try:
        create(partial, data)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    sync_folder(path.parent)


def partial_name(path: Path) -> Path:
    """A hidden name beside `path` that no one else uses, for what is not yet whole."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on disk; Windows offers no such thing. Raises OSError."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        # There fsync hands the bytes to the drive, which may still hold them in its cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)
