# SPDX-License-Identifier: GPL-3.0-or-later
"""What killed programs left among the replies: finished when it was whole, else cleared away."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from . import event_stream, kept, second_place
from .private_files import FOLDER_MODE, create, make_folder, partial_name, storage_errors, sync_folder
from .process import Process, is_gone
from .settings import Home

_PARTIAL = re.compile(r"\.(?P<id>[0-9A-Za-z][0-9A-Za-z_-]{0,63})\.[0-9a-f]{8}\.part")
_FORGOTTEN = re.compile(r"\.[0-9A-Za-z_-]{1,64}\.[0-9a-f]{8}\.gone")
# Who began a folder and did not come to name himself, or a loose file: surely not at work any more.
_ABANDONED_SECONDS = 86_400


def sweep(home: Home) -> tuple[str, ...]:
    """Finish or clear away what killed programs left; never what a program is still at work on.

    A reply that was whole gets its name, for it was paid, and one in a second place comes home when there is
    room; gives the ids of such. One that was cut goes, and so do what was being forgotten and loose files of
    a day ago. Raises StorageError.
    """
    with storage_errors(home.folder):
        finished = _tidied(home.results)
        for place in second_place.folders(home):
            with contextlib.suppress(OSError):
                _tidied(place)
                finished += [name for name in kept.names_in(place) if _brought_home(home, place / name)]
                place.rmdir()
        for left in _loose_files(home):
            if left.is_file() and _is_abandoned(left):
                left.unlink(missing_ok=True)
    return tuple(finished)


def _loose_files(home: Home) -> Iterator[Path]:
    """What may be a part of a file. A folder may go away meanwhile: another program gives it its name."""
    for folder in (home.folder, *(home.results / name for name in kept.names_in(home.results))):
        yield from (folder / name for name in kept.names_in(folder) if re.fullmatch(r"\..*\.part", name))


def _tidied(place: Path) -> list[str]:
    """Finish or clear away what is hidden in a folder of replies; the ids that were finished."""
    finished = []
    for name in kept.names_in(place):
        folder = place / name
        if _FORGOTTEN.fullmatch(name):
            shutil.rmtree(folder, ignore_errors=True)
        elif (partial := _PARTIAL.fullmatch(name)) and folder.is_dir() and _writer_is_gone(folder):
            if _finish(folder, place / partial["id"]):
                finished.append(partial["id"])
            else:
                shutil.rmtree(folder, ignore_errors=True)
    if finished:
        sync_folder(place)
    return finished


def _brought_home(home: Home, folder: Path) -> bool:
    """Move a whole reply to the results, unless its program still works with it. Raises OSError."""
    if (
        not kept.ID.fullmatch(folder.name)
        or (stored := kept.read(folder)) is None
        or not _writer_is_gone(folder)
    ):
        return False
    make_folder(home.results)
    at_home = kept.read(home.results / folder.name)
    if at_home is None:
        partial = partial_name(home.results / folder.name)
        try:
            partial.mkdir(mode=FOLDER_MODE)
            # What was asked comes last: without it, another sweep leaves the folder alone.
            for path in sorted(folder.iterdir(), key=lambda path: path.name == kept.ASKED):
                create(partial / path.name, path.read_bytes())
            sync_folder(partial)
            partial.rename(home.results / folder.name)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_folder(home.results)
    elif at_home.sha256 != stored.sha256:
        return False
    shutil.rmtree(folder)
    return True


def _writer_is_gone(partial: Path) -> bool:
    """Raises OSError."""
    try:
        record = json.loads((partial / kept.ASKED).read_bytes().decode("utf-8", "surrogatepass"))
        return is_gone(Process(**record["writer"]))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return _is_abandoned(partial)


def _is_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
    except FileNotFoundError:
        return False


def _finish(partial: Path, folder: Path) -> bool:
    """Give a whole reply its name; False for one that is cut, or when another is kept under the name."""
    try:
        record = json.loads((partial / kept.ASKED).read_bytes().decode("utf-8", "surrogatepass"))
        reply = (partial / kept.REPLY).read_bytes()
        if folder.exists():
            return False
        media_type = str(record["media_type"]) if "media_type" in record else _media_type(reply)
        digest = hashlib.sha256(reply).hexdigest()
        if digest != record.get("sha256", digest):
            return False
        kept.give_name(partial, folder, record, media_type, len(reply), digest)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return True


def _media_type(reply: bytes) -> str:
    """What a whole reply is that nobody noted the type of. Raises ValueError for one that is cut."""
    if not event_stream.is_stream(reply, ""):
        json.loads(reply)
        return "application/json"
    if not any(_is_last(event) for event in event_stream.events(reply)):
        raise ValueError("the stream has no end")
    return event_stream.MEDIA_TYPE


def _is_last(event: event_stream.Event) -> bool:
    try:
        document = json.loads(event.data)
    except (ValueError, RecursionError):
        return False
    named = document.get("type") if isinstance(document, dict) else None
    return str(named or event.name).endswith(".completed")
