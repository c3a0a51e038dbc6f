# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lines of uploaded files asked for: on this machine only, until all of a file is decided.

    batches/<id of the uploaded file>.jsonl    who has the file, then each line's id and what it asked for

A file of lines that is being made lies there too, hidden, until it is uploaded.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .private_files import make_folder, replace, storage_errors
from .refusals import read_json
from .settings import Home

_FORM = 1
# Who makes a file of lines and was killed is surely not at work any more.
_ABANDONED_SECONDS = 86_400


def prepare(home: Home) -> None:
    """Make the folder, and clear away files of lines that killed programs left. Raises StorageError."""
    with storage_errors(home.folder):
        make_folder(home.folder)
        make_folder(home.batches)
        for left in home.batches.glob(".*.part"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                    left.unlink()


def write(home: Home, file: str, place: str, asked: Mapping[str, Mapping[str, Any]]) -> None:
    """What each line of the file asked for, by its id; `place` is who has the file. Raises StorageError."""
    lines = [json.dumps({"form": _FORM, "place": place})]
    lines += [json.dumps({"id": id, "asked": each}) for id, each in asked.items()]
    with storage_errors(home.folder):
        replace(_path(home, file), "\n".join(lines).encode())


def read(home: Home, file: str) -> dict[str, dict[str, Any]]:
    """What each line asked for, by its id; empty when that is not on this machine. Raises StorageError."""
    return {
        str(document["id"]): dict(document["asked"])
        for document in _documents(home, file)
        if isinstance(document.get("asked"), dict) and "id" in document
    }


def kept(home: Home) -> tuple[str, ...]:
    """The uploaded files of which there is a record. Raises StorageError."""
    with storage_errors(home.folder):
        return tuple(sorted(path.stem for path in home.batches.glob("*.jsonl")))


def place_of(home: Home, file: str) -> str:
    """Who has the file, "" when that cannot be read. Raises StorageError."""
    return next((str(document.get("place", "")) for document in _documents(home, file)), "")


def delete(home: Home, file: str) -> None:
    with contextlib.suppress(OSError):
        _path(home, file).unlink(missing_ok=True)


def _documents(home: Home, file: str) -> Iterator[dict[str, Any]]:
    with storage_errors(home.folder):
        try:
            content = _path(home, file).read_bytes()
        except FileNotFoundError:
            return
    for line in content.split(b"\n"):
        document = read_json(line)
        if isinstance(document, dict):
            yield document


def _path(home: Home, file: str) -> Path:
    """`file` is an id as batches.py lets them pass: letters, digits, hyphens and underscores."""
    return home.batches / f"{file}.jsonl"
