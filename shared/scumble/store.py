# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reply on disk, byte for byte as it came, before anything is done with it.

    results/<id>/reply.bin      the reply; never changed
                 asked.json     what was asked for, the prompt included: it is the user's own record
                 result.json    what became of it: the bill, where it was placed
                 picture-N.png  the pictures taken out of the reply

The folder appears under its name when reply.bin and asked.json are whole and on disk, not before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import StorageError
from .private_files import (
    FOLDER_MODE,
    create,
    make_folder,
    partial_name,
    replace,
    storage_errors,
    sync_folder,
)
from .settings import Home
from .translation import _

if sys.platform != "win32":
    import fcntl

_FORM = 1
_REPLY, _ASKED, _RESULT = "reply.bin", "asked.json", "result.json"
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"\xff\xd8\xff"), "jpg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"\s*<(\?xml|svg)"), "svg"),
)
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
            data = (self.folder / _REPLY).read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise StorageError(path=self.folder, reason=_("the kept reply was changed or is damaged"))
        return data


def keep(home: Home, id: str, reply: bytes, media_type: str, asked: Mapping[str, Any]) -> Path:
    """Write the reply and what was asked; on return both are on disk. Gives their folder.

    Keeping the same reply again is allowed and does nothing. Raises StorageError when the disk does not
    take it, ValueError for another reply under the same id, TypeError when `asked` is not JSON.
    """
    folder = _folder(home, id)
    digest = hashlib.sha256(reply).hexdigest()
    record = {
        "form": _FORM,
        "id": id,
        "kept_at": _now().isoformat(timespec="microseconds"),
        "media_type": media_type,
        "reply_bytes": len(reply),
        "sha256": digest,
        "asked": dict(asked),
    }
    written = _json(record)
    with storage_errors(home.folder):
        already = _read(folder)
        if already is not None:
            if already.sha256 != digest:
                raise ValueError(f"another reply is kept under {id}")
            return folder
        make_folder(home.folder)
        make_folder(home.results)
        partial = partial_name(folder)
        try:
            partial.mkdir(mode=FOLDER_MODE)
            create(partial / _REPLY, reply)
            create(partial / _ASKED, written)
            sync_folder(partial)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_folder(home.results)
    return folder


def describe(home: Home, id: str, **facts: Any) -> None:
    """Add facts to what is known of a result; a fact named again is replaced.

    Raises KeyError when nothing is kept under the id, StorageError, TypeError for facts that are not JSON.
    """
    _change_facts(home, id, lambda known: {**known, **facts})


def mark_placed(home: Home, id: str, where: str) -> None:
    """Record that a result was put somewhere (a document, a layer, a material). Raises as describe()."""
    placement = {"where": where, "at": _now().isoformat(timespec="seconds")}
    _change_facts(home, id, lambda known: {**known, "placed": [*known.get("placed", []), placement]})


def find(home: Home, id: str) -> Stored:
    """Raises KeyError when no whole reply is kept under the id, StorageError when it cannot be read."""
    with storage_errors(home.folder):
        stored = _read(_folder(home, id))
    if stored is None:
        raise KeyError(id)
    return stored


def all_stored(home: Home) -> list[Stored]:
    """Every whole reply, newest first. Raises StorageError."""
    with storage_errors(home.folder):
        try:
            names = os.listdir(home.results)
        except FileNotFoundError:
            return []
        found = [_read(home.results / name) for name in names if _ID.fullmatch(name)]
    return sorted((one for one in found if one), key=lambda one: (one.kept_at, one.id), reverse=True)


def save_pictures(home: Home, id: str, pictures: Sequence[bytes]) -> tuple[Path, ...]:
    """Write the pictures of a kept reply beside it, picture-1 first, their endings by what they are.

    Raises ValueError for bytes that are no picture, KeyError when nothing is kept under the id, StorageError.
    """
    folder = find(home, id).folder
    paths = tuple(
        folder / f"picture-{number}.{_ending(data)}" for number, data in enumerate(pictures, start=1)
    )
    with storage_errors(home.folder):
        for path, data in zip(paths, pictures, strict=True):
            replace(path, data)
    return paths


def _folder(home: Home, id: str) -> Path:
    if not _ID.fullmatch(id):
        raise ValueError("an id is up to 64 letters, digits, hyphens and underscores")
    return home.results / id


def _read(folder: Path) -> Stored | None:
    """None when there is no such folder or it is not whole. Raises OSError."""
    try:
        record = json.loads((folder / _ASKED).read_bytes().decode("utf-8", "surrogatepass"))
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
        is_whole = (folder / _REPLY).stat().st_size == stored.reply_bytes
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    return stored if is_whole else None


def _read_facts(folder: Path) -> dict[str, Any]:
    # What became of a reply matters less than the reply: facts that cannot be read do not hide it.
    try:
        return dict(json.loads((folder / _RESULT).read_bytes().decode("utf-8", "surrogatepass")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def _change_facts(home: Home, id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    folder = find(home, id).folder
    with storage_errors(home.folder), _one_at_a_time(folder):
        replace(folder / _RESULT, _json(change(_read_facts(folder))))


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


def _json(record: dict[str, Any]) -> bytes:
    # surrogatepass: a paid reply is not lost because a prompt holds half of a character.
    return json.dumps(record, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def _ending(data: bytes) -> str:
    for signature, ending in _SIGNATURES:
        if signature.match(data):
            return ending
    raise ValueError("not a PNG, JPEG, WebP, GIF or SVG picture")


def _now() -> datetime:
    return datetime.now(UTC)
