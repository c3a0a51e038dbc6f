# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reply on disk, byte for byte as it came, before anything is done with it; found again by its id."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import kept, second_place
from .formats import ENDINGS, media_type_of
from .kept import Stored
from .leftovers import sweep
from .place import Place
from .private_files import replace, storage_errors, sync_folder
from .settings import Home

__all__ = [
    "Place",
    "Stored",
    "all_stored",
    "describe",
    "find",
    "forget",
    "is_rescued",
    "keep",
    "keep_fetched",
    "mark_placed",
    "save_pictures",
    "sweep",
    "unplaced",
]


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
    kept.check_id(id)
    with storage_errors(home.folder):
        already = _found(home, id)
        if already is not None:
            if already.sha256 != hashlib.sha256(reply).hexdigest():
                raise ValueError(f"another reply is kept under {id}")
            return already.folder
    place = Place(home, id, asked, beside)
    place.add(reply)
    return place.close(media_type)


def is_rescued(home: Home, folder: Path) -> bool:
    """Whether a reply lies in a second place because the results folder did not take it."""
    return folder.parent != home.results


def keep_fetched(home: Home, id: str, pictures: Sequence[bytes]) -> None:
    """Write pictures that a kept reply names the addresses of, in order. Raises KeyError, StorageError."""
    folder = find(home, id).folder
    with storage_errors(home.folder):
        for number, data in enumerate(pictures, start=1):
            replace(folder / kept.fetched_name(number), data)


def describe(home: Home, id: str, **facts: Any) -> None:
    """Add facts to what is known of a result; a fact named again is replaced.

    Raises KeyError when nothing is kept under the id, StorageError, TypeError for facts that are not JSON.
    """
    _change_facts(home, id, lambda known: {**known, **facts})


def mark_placed(home: Home, id: str, where: str) -> None:
    """Record that a result was put somewhere (a document, a layer, a material). Raises as describe()."""
    placement = {"where": where, "at": kept.now().isoformat(timespec="seconds")}
    _change_facts(home, id, lambda known: {**known, "placed": [*known.get("placed", []), placement]})


def find(home: Home, id: str) -> Stored:
    """Raises KeyError when no whole reply is kept under the id, StorageError when it cannot be read."""
    kept.check_id(id)
    with storage_errors(home.folder):
        stored = _found(home, id)
    if stored is None:
        raise KeyError(id)
    return stored


def all_stored(home: Home) -> list[Stored]:
    """Every whole reply, newest first. Raises StorageError."""
    with storage_errors(home.folder):
        places = (home.results, *second_place.folders(home))
        found = [
            kept.read(place / name)
            for place in places
            for name in kept.names_in(place)
            if kept.ID.fullmatch(name)
        ]
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


def _change_facts(home: Home, id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    folder = find(home, id).folder
    with storage_errors(home.folder):
        kept.change_facts(folder, change)


def _found(home: Home, id: str) -> Stored | None:
    """At home or in a second place. Raises OSError."""
    for place in (home.results, *second_place.folders(home)):
        stored = kept.read(place / id)
        if stored is not None:
            return stored
    return None


def _ending(data: bytes) -> str:
    media_type = media_type_of(data)
    if media_type is None:
        raise ValueError("not a PNG, JPEG, WebP, GIF or SVG picture")
    return ENDINGS[media_type]
