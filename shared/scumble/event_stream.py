# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-sent events out of bytes that come in pieces, cut anywhere, in time linear in their length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MEDIA_TYPE = "text/event-stream"
EVENT_BYTES_MAX = 128 * 1024 * 1024
LINES_MAX = 1_000_000

_PIECE_BYTES = 65_536
_MARK = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


class StreamTooLarge(ValueError):
    """One event is above EVENT_BYTES_MAX, or the stream has more than LINES_MAX lines."""


@dataclass(frozen=True)
class Event:
    """`name` is empty when the stream gives none; `data` is not yet decoded, its lines joined by LF."""

    name: str
    data: bytes | bytearray = field(repr=False)


@dataclass(frozen=True)
class Located:
    """An event whose data is `source[start:end]`, so that a long one need not be copied out of a stream."""

    name: str
    source: bytes | bytearray = field(repr=False)
    start: int
    end: int


class Splitter:
    """A stream's events as its pieces come (WHATWG HTML, section 9.2.6), but for a last one without its
    blank line: finish() gives it where the rule would drop it, because it may hold what was paid for.

    Lines end at CR, LF or CRLF only, since JSON may hold the other separators of Unicode as they are. Bytes
    are searched once, whatever the pieces; a line that came in pieces is handed over in the memory that it
    was put together in.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: bytes | bytearray | None = None
        self._name = ""
        self._after_cr = False
        self._begun = False
        self._lines = 0

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes. Raises StreamTooLarge."""
        if not piece:
            return []
        found = []
        if self._after_cr:
            piece = piece.removeprefix(b"\n")
        # Of bytes, splitlines knows no other ends than the three of an event stream.
        for line in piece.splitlines(keepends=True):
            if not line.endswith((b"\n", b"\r")):
                self._line += line
                break
            event = self._end_line(line.rstrip(b"\r\n"))
            if event is not None:
                found.append(event)
        self._after_cr = piece.endswith(b"\r")
        if len(self._line) + len(self._data or b"") > EVENT_BYTES_MAX:
            raise StreamTooLarge()
        return found

    def finish(self) -> list[Event]:
        """The event that the stream's end left without its blank line, if there is one."""
        return [event for event in (self._end_line(b""), self._end_line(b"")) if event is not None]

    def _end_line(self, end: bytes) -> Event | None:
        self._lines += 1
        if self._lines > LINES_MAX:
            raise StreamTooLarge()
        line: bytes | bytearray = end
        if self._line:
            line, self._line = self._line, bytearray()
            line += end
        if not self._begun:
            self._begun = True
            if line.startswith(_MARK):
                line = _without_start(line, len(_MARK))
        if not line:
            return self._dispatch()
        if line == b"data" or line.startswith(b"data:"):
            self._add(_without_start(line, 6 if line.startswith(b"data: ") else 5))
        elif line == b"event" or line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ").decode("utf-8", "replace")
        return None

    def _dispatch(self) -> Event | None:
        name, self._name = self._name, ""
        data, self._data = self._data, None
        return None if data is None else Event(name, data)

    def _add(self, value: bytes | bytearray) -> None:
        if self._data is None:
            self._data = value
            return
        if not isinstance(self._data, bytearray):
            self._data = bytearray(self._data)
        self._data += b"\n"
        self._data += value


def _without_start(line: bytes | bytearray, length: int) -> bytes | bytearray:
    if not isinstance(line, bytearray):
        return line[length:]
    # Moves nothing: a bytearray only notes that it begins later.
    del line[:length]
    return line


def events(body: bytes) -> Iterator[Event]:
    """All events of a whole stream, an unfinished last one too. Raises StreamTooLarge."""
    for each in located(body):
        yield Event(each.name, each.source[each.start : each.end])


def located(body: bytes) -> Iterator[Located]:
    """As events(), but data of one line stays where it is in the body. Raises StreamTooLarge."""
    name = ""
    single: tuple[int, int] | None = None
    joined: bytearray | None = None
    for start, end in _lines(body):
        if start == end:
            if joined is not None:
                yield Located(name, joined, 0, len(joined))
            elif single is not None:
                yield Located(name, body, *single)
            name, single, joined = "", None, None
        elif body.startswith(b"data:", start, end) or body[start : min(end, start + 5)] == b"data":
            value = min(end, start + (6 if body.startswith(b"data: ", start, end) else 5))
            if single is None:
                single = value, end
            else:
                if joined is None:
                    joined = bytearray(memoryview(body)[slice(*single)])
                joined += b"\n"
                joined += memoryview(body)[value:end]
                if len(joined) > EVENT_BYTES_MAX:
                    raise StreamTooLarge()
        elif body.startswith(b"event:", start, end) or body[start : min(end, start + 6)] == b"event":
            name = body[start + 6 : end].removeprefix(b" ").decode("utf-8", "replace")


def _lines(body: bytes) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends, without its CR, LF or CRLF; then a blank one, as finish() has."""
    at = len(_MARK) if body.startswith(_MARK) else 0
    cr = lf = -1
    number = 0
    while at < len(body):
        # Each is searched for only when passed, or a stream without CR would be gone through for each line.
        if cr < at:
            cr = _found(body, b"\r", at)
        if lf < at:
            lf = _found(body, b"\n", at)
        end = min(cr, lf)
        number += 1
        if number > LINES_MAX or end - at > EVENT_BYTES_MAX:
            raise StreamTooLarge()
        yield at, end
        at = end + (2 if end == cr and lf == cr + 1 else 1)
    yield len(body), len(body)


def _found(body: bytes, end: bytes, at: int) -> int:
    found = body.find(end, at)
    return len(body) if found < 0 else found


def is_stream(body: bytes, media_type: str) -> bool:
    """Whether a reply is an event stream. Its first bytes decide, since a server may send JSON under the
    type of a stream, and a stream under that of JSON; the type decides where they say nothing."""
    start = body[:_PIECE_BYTES].removeprefix(_MARK).lstrip(b"\r\n \t")
    if start.startswith((b"{", b"[", b"<")):
        return False
    return start.startswith(_FIELDS) or media_type.partition(";")[0].strip().lower() == MEDIA_TYPE
