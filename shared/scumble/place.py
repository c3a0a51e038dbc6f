# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of a reply that is on its way: made before anything is asked, filled as the reply comes."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import Any

from . import kept, second_place
from .private_files import (
    FOLDER_MODE,
    create,
    make_folder,
    open_new,
    partial_name,
    storage_errors,
    sync,
    write_all,
)
from .process import this_process
from .settings import Home


class Place:
    """Where one reply will lie: made before anything is asked for, and filled as the reply comes in.

    Every piece goes to the file at once, so that a process that is killed leaves all that it had read. Made
    first, it also finds out before anything is paid that no reply could be kept.
    """

    def __init__(
        self, home: Home, id: str, asked: Mapping[str, Any], beside: Mapping[str, bytes] | None = None
    ) -> None:
        """On return the place, what was asked and what lies beside are on disk.

        Raises StorageError, and as keep().
        """
        kept.check_id(id)
        self._home = home
        self._id = id
        self._record = {"form": kept.FORM, "id": id, "writer": asdict(this_process()), "asked": dict(asked)}
        self._asked = kept.as_json(self._record)
        self._beside = {kept.beside_name(name): data for name, data in (beside or {}).items()}
        self._digest = hashlib.sha256()
        self._length = 0
        self._failure: OSError | None = None
        self._places_left = iter(second_place.tries(home))
        with storage_errors(home.folder):
            make_folder(home.folder)
            make_folder(home.results)
            self._partial, self._file = self._begin(home.results)

    def add(self, piece: bytes) -> None:
        """The next bytes of the reply. Never fails, since the rest must be read as well: close() tells."""
        if self._failure is None:
            try:
                write_all(self._file, piece)
            except OSError as failure:
                self._move_out(failure, piece)
        self._digest.update(piece)
        self._length += len(piece)

    def clear(self) -> None:
        """Nothing of what came is worth keeping; another answer may come. Never fails, as add()."""
        self._digest = hashlib.sha256()
        self._length = 0
        if self._failure is None:
            try:
                self._file.seek(0)
                self._file.truncate()
            except OSError as failure:
                self._failure = failure

    def so_far(self) -> bytes:
        """The reply as far as it was added. Raises StorageError."""
        with storage_errors(self._home.folder):
            if self._failure is not None:
                raise self._failure
            self._file.seek(0)
            return self._file.readall()

    def close(self, media_type: str) -> Path:
        """The reply is whole; on return it is on disk under its name. Gives its folder.

        Where the results folder fails, the folder is in a second place, see is_rescued(). Raises StorageError
        when there is none either, also for what add() met.
        """
        with storage_errors(self._home.folder):
            try:
                while self._failure is None:
                    try:
                        return self._finish(media_type)
                    except OSError as failure:
                        self._move_out(failure)
                raise self._failure
            except BaseException:
                self.abandon()
                raise

    def abandon(self) -> None:
        """No reply came that is worth keeping. Does nothing after close()."""
        _clear(self._partial, self._file)

    def _begin(self, parent: Path) -> tuple[Path, FileIO]:
        partial = partial_name(parent / self._id)
        try:
            partial.mkdir(mode=FOLDER_MODE)
            for name, data in self._beside.items():
                create(partial / name, data)
            create(partial / kept.ASKED, self._asked)
            return partial, open_new(partial / kept.REPLY)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def _finish(self, media_type: str) -> Path:
        folder = self._partial.with_name(self._id)
        sync(self._file)
        if sys.platform == "win32":
            self._file.close()  # an open file holds on to the name of its folder there
        kept.give_name(
            self._partial, folder, self._record, media_type, self._length, self._digest.hexdigest()
        )
        self._file.close()
        return folder

    def _move_out(self, failure: OSError, piece: bytes = b"") -> None:
        """Go on elsewhere, with all that had arrived and the piece that was not taken."""
        for make in self._places_left:
            with contextlib.suppress(OSError):
                partial, file = self._begin(make())
                try:
                    source = FileIO(self._partial / kept.REPLY) if self._file.closed else self._file
                    second_place.copy(source, file, self._length, self._digest.hexdigest())
                    write_all(file, piece)
                except BaseException:
                    _clear(partial, file)
                    raise
                _clear(self._partial, source)
                self._partial, self._file = partial, file
                return
        self._failure = failure


def _clear(partial: Path, file: FileIO) -> None:
    with contextlib.suppress(OSError):
        file.close()
    shutil.rmtree(partial, ignore_errors=True)
