# SPDX-License-Identifier: GPL-3.0-or-later
"""One kept reply: which files its folder has, whether it is whole, what is known of it.

    results/<id>/reply.bin      the reply; never changed
                 asked.json     what was asked for, the prompt included: it is the user's own record
                 result.json    what became of it: the bill, where it was placed
                 fetched-N.bin  a picture that the reply only names the address of, as it came
                 NAME.beside    what a host needs to place the answer again, such as its mask
                 picture-N.png  the pictures taken out of the reply

The folder appears under its name when reply.bin and asked.json are whole and on disk, not before. Until then
it is `.<id>.<random>.part`, made before anything is asked, and filled as the reply comes in; if its writer is
killed, leftovers.sweep() finishes it or clears it away.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import StorageError
from .private_files import replace, storage_errors, sync_folder
from .translation import _

if sys.platform != "win32":
    import fcntl

FORM = 1
REPLY, ASKED = "reply.bin", "asked.json"
ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_RESULT = "result.json"
_merging = threading.Lock()


@dataclass(frozen=True)
class Stored:
    """A kept reply: `asked` as it was given to keep(), `facts` as they were given to describe()."""

    id: str
    folder: Path
    asked: dict[str, Any] = field(repr=False)
    facts: dict[str, Any] = field(repr=False)
    kept_at: datetime
    media_type: str
    reply_bytes: int
    sha256: str = field(repr=False)

    def reply(self) -> bytes:
        """The reply as it came. Raises StorageError when it cannot be read or is not what was kept."""
        with storage_errors(self.folder):
            data = (self.folder / REPLY).read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise StorageError(path=self.folder, reason=_("the kept reply was changed or is damaged"))
        return data

    def fetched(self) -> tuple[bytes, ...]:
        """The pictures that were fetched for this reply. Raises StorageError."""
        with storage_errors(self.folder):
            found: list[bytes] = []
            while (path := self.folder / fetched_name(len(found) + 1)).exists():
                found.append(path.read_bytes())
        return tuple(found)

    def beside(self, name: str) -> bytes | None:
        """What was kept beside the reply under that name; None when nothing was. Raises StorageError."""
        with storage_errors(self.folder):
            path = self.folder / beside_name(name)
            return path.read_bytes() if path.exists() else None


def check_id(id: str) -> None:
    if not ID.fullmatch(id):
        raise ValueError("an id is up to 64 letters, digits, hyphens and underscores")


def read(folder: Path) -> Stored | None:
    """None when there is no such folder or it is not whole. Raises OSError."""
    try:
        record = json.loads((folder / ASKED).read_bytes().decode("utf-8", "surrogatepass"))
        stored = Stored(
            id=folder.name,
            folder=folder,
            asked=dict(record["asked"]),
            facts=_read_facts(folder),
            kept_at=datetime.fromisoformat(record["kept_at"]),
            media_type=str(record["media_type"]),
            reply_bytes=int(record["reply_bytes"]),
            sha256=str(record["sha256"]),
        )
        is_whole = (folder / REPLY).stat().st_size == stored.reply_bytes
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    return stored if is_whole else None


def give_name(
    partial: Path, folder: Path, record: Mapping[str, Any], media_type: str, length: int, digest: str
) -> None:
    """Complete the record of a whole reply and give its folder the name. Raises OSError."""
    told = {"kept_at": now().isoformat(timespec="microseconds"), "media_type": media_type}
    replace(partial / ASKED, as_json({**told, "reply_bytes": length, "sha256": digest, **record}))
    partial.rename(folder)
    sync_folder(folder.parent)


def change_facts(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change what is known of a result, one at a time. Raises OSError, TypeError for what is not JSON."""
    with _one_at_a_time(folder):
        replace(folder / _RESULT, as_json(change(_read_facts(folder))))


def _read_facts(folder: Path) -> dict[str, Any]:
    # What became of a reply matters less than the reply: facts that cannot be read do not hide it.
    try:
        return dict(json.loads((folder / _RESULT).read_bytes().decode("utf-8", "surrogatepass")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Nobody else changes this folder's facts meanwhile; on Windows, no other thread of this process."""
    if sys.platform == "win32":
        with _merging:
            yield
    else:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def names_in(place: Path) -> list[str]:
    """What lies in a folder; nothing when it is none. Raises OSError."""
    try:
        return sorted(os.listdir(place))
    except (FileNotFoundError, NotADirectoryError):
        return []


def fetched_name(number: int) -> str:
    return f"fetched-{number}.bin"


def beside_name(name: str) -> str:
    if not ID.fullmatch(name):
        raise ValueError("a name is up to 64 letters, digits, hyphens and underscores")
    return f"{name}.beside"


def as_json(record: dict[str, Any]) -> bytes:
    # surrogatepass: a paid reply is not lost because a prompt holds half of a character.
    return json.dumps(record, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def now() -> datetime:
    return datetime.now(UTC)
