# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows of a list are which spendings, written into the folder of the files that come of them.

One line of JSON for each reservation, on disk before anything leaves: whoever begins again in the folder
knows of everything that was sent, and the ledger and the store know what became of it. Nothing here says what
was asked. Only one process at a time may hold a folder's journal.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path

from .errors import BadRequest, FolderUnusable, StorageError
from .private_files import FILE_MODE, storage_errors, sync, write_all
from .refusals import read_json
from .tables import Row
from .translation import _

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "scumble-batch.jsonl"


class Journal:
    """An open journal; `ids` are the spendings of each row that has any, by its mark, the newest last.

    Use it as a context manager. note() may be called from any thread.
    """

    def __init__(self, folder: Path) -> None:
        """Open it, or begin it in a new folder. Raises FolderUnusable; BadRequest when it is in use."""
        self.folder = folder
        self.ids: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        with _folder_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._file = FileIO(os.open(folder / NAME, flags, FILE_MODE), "r+")
        try:
            if not _locked(self._file):
                raise BadRequest(reason=_("another program is at work in {folder}").format(folder=folder))
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *failure: object) -> None:
        self._file.close()

    def last(self, mark: str) -> str | None:
        """The newest spending of a row; None when there is none."""
        ids = self.ids.get(mark)
        return ids[-1] if ids else None

    def note(self, spendings: Sequence[tuple[str, str]]) -> None:
        """Write down which row has which spending; on disk on return. Raises FolderUnusable."""
        lines = [json.dumps({"row": mark, "id": id}) + "\n" for mark, id in spendings]
        with self._lock, _folder_errors(self.folder):
            # The line feed first ends a line that a killed process left without one.
            write_all(self._file, ("\n" + "".join(lines)).encode())
            sync(self._file)
            for mark, id in spendings:
                self.ids.setdefault(mark, []).append(id)

    def _read(self) -> None:
        with _folder_errors(self.folder):
            lines = self._file.readall().split(b"\n")
        for line in lines:
            document = read_json(line)
            if isinstance(document, dict) and isinstance(document.get("id"), str):
                self.ids.setdefault(str(document.get("row")), []).append(document["id"])


def marks(rows: Sequence[Row]) -> tuple[str, ...]:
    """What each row is known by, wherever in the list it stands: its key, and the how manieth of those that
    ask for the same it is."""
    seen: dict[str, int] = {}
    found = []
    for row in rows:
        seen[row.key] = seen.get(row.key, 0) + 1
        found.append(f"{row.key}-{seen[row.key]}")
    return tuple(found)


@contextlib.contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        with storage_errors(folder):
            yield
    except FolderUnusable:
        raise
    except StorageError as error:
        raise FolderUnusable(**error.details) from error


def _locked(file: FileIO) -> bool:
    """Whether this process now holds the file; it lets go by closing it, or by ending."""
    try:
        if sys.platform == "win32":
            # A byte far behind the end, which nobody reads.
            os.lseek(file.fileno(), 2**30, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            os.lseek(file.fileno(), 0, os.SEEK_SET)
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
