# SPDX-License-Identifier: GPL-3.0-or-later
"""A multipart form as pieces of bytes: its length known beforehand, its files never whole in memory."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from .errors import BadPicture
from .translation import _

# What one piece holds at most: urllib3 gives each of them the connect timeout, also on a slow line.
PIECE_BYTES = 16_384

# No quote, no line break: what stands in a part's head cannot end it or begin another.
_SAFE = re.compile(r"[A-Za-z0-9_.+/\[\]-]{1,80}")


@dataclass(frozen=True)
class OnDisk:
    """A file to be sent, as it was when it was looked at: its length in bytes and when it last changed."""

    path: Path = field(repr=False)
    length: int
    changed_ns: int


@dataclass(frozen=True)
class Body:
    """What follows the head of a request; `pieces` can be gone through once."""

    content_type: str
    length: int
    pieces: Iterator[bytes] = field(repr=False)


class CutShort(Exception):
    """A file could not be read to its end, or is not what it was; what was already sent is incomplete.

    No OSError, which urllib3 would take for a broken connection.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def look(path: Path, name: str) -> OnDisk:
    """The file as it is now. Raises BadPicture, under `name`, when there is none to read."""
    try:
        return _state(path, os.stat(path))
    except OSError:
        raise BadPicture(name=name, reason=_("it cannot be read")) from None


def in_pieces(data: bytes) -> Iterator[bytes]:
    """The bytes in parts of at most PIECE_BYTES."""
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


@contextlib.contextmanager
def form(
    fields: Sequence[tuple[str, str]], files: Sequence[tuple[str, str, bytes | OnDisk, str]]
) -> Iterator[Body]:
    """The form of these fields and files (field, file name, content, media type), while its files are open.

    The boundary is random, so no content can hold it. Raises BadPicture when a file is gone or is not as it
    was looked at, before a byte is given out; ValueError for a name or a media type that would need quoting.
    The pieces raise CutShort when a file changes under them.
    """
    boundary = secrets.token_hex(16)
    with contextlib.ExitStack() as open_files:
        parts: list[bytes | _Opened] = []
        for name, value in fields:
            parts += [_head(boundary, f'form-data; name="{_safe(name)}"'), value.encode(), b"\r\n"]
        for name, file_name, content, media_type in files:
            disposition = f'form-data; name="{_safe(name)}"; filename="{_safe(file_name)}"'
            parts.append(_head(boundary, disposition, _safe(media_type)))
            parts.append(content if isinstance(content, bytes) else _opened(content, open_files))
            parts.append(b"\r\n")
        parts.append(f"--{boundary}--\r\n".encode())
        length = sum(len(each) if isinstance(each, bytes) else each.state.length for each in parts)
        yield Body(f"multipart/form-data; boundary={boundary}", length, _pieces(parts))


@dataclass(frozen=True)
class _Opened:
    state: OnDisk
    file: FileIO


def _state(path: Path, status: os.stat_result) -> OnDisk:
    return OnDisk(path, status.st_size, status.st_mtime_ns)


def _opened(wanted: OnDisk, open_files: contextlib.ExitStack) -> _Opened:
    name = wanted.path.name
    try:
        file = open_files.enter_context(FileIO(wanted.path))
        state = _state(wanted.path, os.fstat(file.fileno()))
    except OSError:
        raise BadPicture(name=name, reason=_("it cannot be read")) from None
    if state != wanted:
        raise BadPicture(name=name, reason=_("it was changed meanwhile"))
    return _Opened(state, file)


def _head(boundary: str, disposition: str, media_type: str = "") -> bytes:
    kind = f"Content-Type: {media_type}\r\n" if media_type else ""
    return f"--{boundary}\r\nContent-Disposition: {disposition}\r\n{kind}\r\n".encode()


def _safe(word: str) -> str:
    if not _SAFE.fullmatch(word):
        raise ValueError("a part's name, file name and media type are plain words")
    return word


def _pieces(parts: Sequence[bytes | _Opened]) -> Iterator[bytes]:
    for part in parts:
        yield from in_pieces(part) if isinstance(part, bytes) else _read(part)


def _read(opened: _Opened) -> Iterator[bytes]:
    left = opened.state.length
    try:
        while left:
            piece = opened.file.read(min(left, PIECE_BYTES))
            left -= len(piece)
            # Looked at before the last piece is given out: what comes of a changed file stays incomplete.
            changed = not left and _state(opened.state.path, os.fstat(opened.file.fileno())) != opened.state
            if not piece or changed:
                raise CutShort(opened.state.path.name)
            yield piece
    except OSError:
        raise CutShort(opened.state.path.name) from None
