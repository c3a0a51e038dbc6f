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
    data: bytes = field(repr=False)


class Splitter:
    """A stream's events as its pieces come (WHATWG HTML, section 9.2.6), but for a last one without its
    blank line: finish() gives it where the rule would drop it, because it may hold what was paid for.

    Lines end at CR, LF or CRLF only, since JSON may hold the other separators of Unicode as they are. Bytes
    are searched once, whatever the pieces; a 16 MB line costs no more than its copying.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data = bytearray()
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
        if len(self._line) + len(self._data) > EVENT_BYTES_MAX:
            raise StreamTooLarge()
        return found

    def finish(self) -> list[Event]:
        """The event that the stream's end left without its blank line, if there is one."""
        return [event for event in (self._end_line(b""), self._end_line(b"")) if event is not None]

    def _end_line(self, end: bytes) -> Event | None:
        self._lines += 1
        if self._lines > LINES_MAX:
            raise StreamTooLarge()
        line = end
        if self._line:
            line = bytes(self._line + end) if end else bytes(self._line)
            self._line = bytearray()
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_MARK)
        if not line:
            return self._dispatch()
        if line == b"data" or line.startswith(b"data:"):
            self._data += memoryview(line)[6 if line.startswith(b"data: ") else 5 :]
            self._data += b"\n"
        elif line == b"event" or line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ").decode("utf-8", "replace")
        return None

    def _dispatch(self) -> Event | None:
        name, self._name = self._name, ""
        if not self._data:
            return None
        data = bytes(memoryview(self._data)[:-1])
        self._data = bytearray()
        return Event(name, data)


def events(body: bytes) -> Iterator[Event]:
    """All events of a whole stream, an unfinished last one too. Raises StreamTooLarge."""
    splitter = Splitter()
    for start in range(0, len(body), _PIECE_BYTES):
        yield from splitter.feed(body[start : start + _PIECE_BYTES])
    yield from splitter.finish()


def is_stream(body: bytes, media_type: str) -> bool:
    """Whether a reply is an event stream. Its first bytes decide, since a server may send JSON under the
    type of a stream, and a stream under that of JSON; the type decides where they say nothing."""
    start = body[:_PIECE_BYTES].removeprefix(_MARK).lstrip(b"\r\n \t")
    if start.startswith((b"{", b"[", b"<")):
        return False
    return start.startswith(_FIELDS) or media_type.partition(";")[0].strip().lower() == MEDIA_TYPE
