# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reply on disk, byte for byte as it came, before anything is done with it.

    results/<id>/reply.bin      the reply; never changed
                 asked.json     what was asked for, the prompt included: it is the user's own record
                 result.json    what became of it: the bill, where it was placed
                 fetched-N.bin  a picture that the reply only names the address of, as it came
                 NAME.beside    what a host needs to place the answer again, such as its mask
                 picture-N.png  the pictures taken out of the reply

The folder appears under its name when reply.bin and asked.json are whole and on disk, not before. Until then
it is `.<id>.<random>.part`, made before anything is asked, and filled as the reply comes in; if its writer is
killed, sweep() finishes it or clears it away.
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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from . import event_stream, second_place
from .errors import StorageError
from .formats import ENDINGS, media_type_of
from .private_files import (
    FOLDER_MODE,
    create,
    make_folder,
    open_new,
    partial_name,
    replace,
    storage_errors,
    sync,
    sync_folder,
    write_all,
)
from .process import Process, is_gone, this_process
from .settings import Home
from .translation import _

if sys.platform != "win32":
    import fcntl

_FORM = 1
_REPLY, _ASKED, _RESULT = "reply.bin", "asked.json", "result.json"
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_PARTIAL = re.compile(r"\.(?P<id>[0-9A-Za-z][0-9A-Za-z_-]{0,63})\.[0-9a-f]{8}\.part")
_FORGOTTEN = re.compile(r"\.[0-9A-Za-z_-]{1,64}\.[0-9a-f]{8}\.gone")
# Who began a folder and did not come to name himself, or a loose file: surely not at work any more.
_ABANDONED_SECONDS = 86_400
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

    def fetched(self) -> tuple[bytes, ...]:
        """The pictures that were fetched for this reply. Raises StorageError."""
        with storage_errors(self.folder):
            found: list[bytes] = []
            while (path := self.folder / _fetched_name(len(found) + 1)).exists():
                found.append(path.read_bytes())
        return tuple(found)

    def beside(self, name: str) -> bytes | None:
        """What was kept beside the reply under that name; None when nothing was. Raises StorageError."""
        with storage_errors(self.folder):
            path = self.folder / _beside_name(name)
            return path.read_bytes() if path.exists() else None


def keep(
    home: Home,
    id: str,
    reply: bytes,
    media_type: str,
    asked: Mapping[str, Any],
    beside: Mapping[str, bytes] | None = None,
) -> Path:
    """Write the reply and what was asked, and what is to lie beside them by name; on return all are on disk.
    Gives their folder.

    Keeping the same reply again is allowed and does nothing. Raises StorageError when the disk does not
    take it, ValueError for another reply under the same id or a name that is none, TypeError when `asked` is
    not JSON.
    """
    _check_id(id)
    with storage_errors(home.folder):
        already = _found(home, id)
        if already is not None:
            if already.sha256 != hashlib.sha256(reply).hexdigest():
                raise ValueError(f"another reply is kept under {id}")
            return already.folder
    place = Place(home, id, asked, beside)
    place.add(reply)
    return place.close(media_type)


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
        _check_id(id)
        self._home = home
        self._id = id
        self._record = {"form": _FORM, "id": id, "writer": asdict(this_process()), "asked": dict(asked)}
        self._asked = _json(self._record)
        self._beside = {_beside_name(name): data for name, data in (beside or {}).items()}
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
            create(partial / _ASKED, self._asked)
            return partial, open_new(partial / _REPLY)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def _finish(self, media_type: str) -> Path:
        folder = self._partial.with_name(self._id)
        sync(self._file)
        if sys.platform == "win32":
            self._file.close()  # an open file holds on to the name of its folder there
        _name(self._partial, folder, self._record, media_type, self._length, self._digest.hexdigest())
        self._file.close()
        return folder

    def _move_out(self, failure: OSError, piece: bytes = b"") -> None:
        """Go on elsewhere, with all that had arrived and the piece that was not taken."""
        for make in self._places_left:
            with contextlib.suppress(OSError):
                partial, file = self._begin(make())
                try:
                    source = FileIO(self._partial / _REPLY) if self._file.closed else self._file
                    second_place.copy(source, file, self._length, self._digest.hexdigest())
                    write_all(file, piece)
                except BaseException:
                    _clear(partial, file)
                    raise
                _clear(self._partial, source)
                self._partial, self._file = partial, file
                return
        self._failure = failure


def is_rescued(home: Home, folder: Path) -> bool:
    """Whether a reply lies in a second place because the results folder did not take it."""
    return folder.parent != home.results


def keep_fetched(home: Home, id: str, pictures: Sequence[bytes]) -> None:
    """Write pictures that a kept reply names the addresses of, in order. Raises KeyError, StorageError."""
    folder = find(home, id).folder
    with storage_errors(home.folder):
        for number, data in enumerate(pictures, start=1):
            replace(folder / _fetched_name(number), data)


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
    _check_id(id)
    with storage_errors(home.folder):
        stored = _found(home, id)
    if stored is None:
        raise KeyError(id)
    return stored


def all_stored(home: Home) -> list[Stored]:
    """Every whole reply, newest first. Raises StorageError."""
    with storage_errors(home.folder):
        places = (home.results, *second_place.folders(home))
        found = [_read(place / name) for place in places for name in _names(place) if _ID.fullmatch(name)]
    return sorted((one for one in found if one), key=lambda one: (one.kept_at, one.id), reverse=True)


def unplaced(home: Home) -> list[Stored]:
    """What was paid for and never placed, saved or exported, newest first: for a host to offer at its start.

    Sandbox pictures cost nothing and are not among them. Raises StorageError.
    """
    return [one for one in all_stored(home) if not one.asked.get("sandbox") and not one.facts.get("placed")]


def forget(home: Home, id: str) -> None:
    """Delete a reply, its pictures and what was asked. Raises KeyError, StorageError."""
    folder = find(home, id).folder
    with storage_errors(home.folder):
        # Under a name that tells it from a reply that was never finished.
        leaving = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}.gone")
        folder.rename(leaving)
        sync_folder(folder.parent)
        shutil.rmtree(leaving, ignore_errors=True)


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
                finished += [name for name in _names(place) if _brought_home(home, place / name)]
                place.rmdir()
        for left in _loose_files(home):
            if left.is_file() and _is_abandoned(left):
                left.unlink(missing_ok=True)
    return tuple(finished)


def _loose_files(home: Home) -> Iterator[Path]:
    """What may be a part of a file. A folder may go away meanwhile: another program gives it its name."""
    for folder in (home.folder, *(home.results / name for name in _names(home.results))):
        yield from (folder / name for name in _names(folder) if re.fullmatch(r"\..*\.part", name))


def _tidied(place: Path) -> list[str]:
    """Finish or clear away what is hidden in a folder of replies; the ids that were finished."""
    finished = []
    for name in _names(place):
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
    if not _ID.fullmatch(folder.name) or (stored := _read(folder)) is None or not _writer_is_gone(folder):
        return False
    make_folder(home.results)
    at_home = _read(home.results / folder.name)
    if at_home is None:
        partial = partial_name(home.results / folder.name)
        try:
            partial.mkdir(mode=FOLDER_MODE)
            # What was asked comes last: without it, another sweep leaves the folder alone.
            for path in sorted(folder.iterdir(), key=lambda path: path.name == _ASKED):
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


def _check_id(id: str) -> None:
    if not _ID.fullmatch(id):
        raise ValueError("an id is up to 64 letters, digits, hyphens and underscores")


def _found(home: Home, id: str) -> Stored | None:
    """At home or in a second place. Raises OSError."""
    for place in (home.results, *second_place.folders(home)):
        stored = _read(place / id)
        if stored is not None:
            return stored
    return None


def _names(place: Path) -> list[str]:
    """What lies in a folder; nothing when it is none. Raises OSError."""
    try:
        return sorted(os.listdir(place))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _clear(partial: Path, file: FileIO) -> None:
    with contextlib.suppress(OSError):
        file.close()
    shutil.rmtree(partial, ignore_errors=True)


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


def _fetched_name(number: int) -> str:
    return f"fetched-{number}.bin"


def _beside_name(name: str) -> str:
    if not _ID.fullmatch(name):
        raise ValueError("a name is up to 64 letters, digits, hyphens and underscores")
    return f"{name}.beside"


def _writer_is_gone(partial: Path) -> bool:
    """Raises OSError."""
    try:
        record = json.loads((partial / _ASKED).read_bytes().decode("utf-8", "surrogatepass"))
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
        record = json.loads((partial / _ASKED).read_bytes().decode("utf-8", "surrogatepass"))
        reply = (partial / _REPLY).read_bytes()
        if folder.exists():
            return False
        media_type = str(record["media_type"]) if "media_type" in record else _media_type(reply)
        digest = hashlib.sha256(reply).hexdigest()
        if digest != record.get("sha256", digest):
            return False
        _name(partial, folder, record, media_type, len(reply), digest)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return True


def _name(
    partial: Path, folder: Path, record: Mapping[str, Any], media_type: str, length: int, digest: str
) -> None:
    """Complete the record of a whole reply and give its folder the name. Raises OSError."""
    told = {"kept_at": _now().isoformat(timespec="microseconds"), "media_type": media_type}
    replace(partial / _ASKED, _json({**told, "reply_bytes": length, "sha256": digest, **record}))
    partial.rename(folder)
    sync_folder(folder.parent)


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
    media_type = media_type_of(data)
    if media_type is None:
        raise ValueError("not a PNG, JPEG, WebP, GIF or SVG picture")
    return ENDINGS[media_type]


def _now() -> datetime:
    return datetime.now(UTC)
