# SPDX-License-Identifier: GPL-3.0-or-later
"""A request sent, and its partial pictures given away as they come; what came is not lost with the line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from . import client, replies, wire
from .client import Received
from .credentials import Account
from .errors import BadReply, OutcomeUnknown, ScumbleError, StorageError
from .event_stream import MEDIA_TYPE, Event, Splitter, StreamTooLarge
from .refusals import error_in_stream
from .replies import ErrorEvent, FinalEvent, PartEvent
from .request import Request
from .store import Place


def send(
    call: wire.Call,
    request: Request,
    account: Account,
    place: Place,
    *,
    on_sent: Callable[[], None],
    on_preview: Callable[[int, wire.Preview], None],
) -> tuple[Received, ScumbleError | None]:
    """The answer, and the error that a stream reports instead of a finished picture, if it does.

    As client.send(), into `place`; with `partial_images` also the previews, on the calling thread.

    `on_preview` gets their number, from 1, and the preview; what it raises is dropped, and so is a preview
    that cannot be used: neither may cost the picture. When the answer breaks off after an event of the
    service was whole, what came is given as the body, for it may hold the picture and was paid for.

    Raises as client.send(), and StorageError when what came cannot be read again.
    """
    if not request.partial_images:
        return client.send(call, account, on_sent=on_sent, on_piece=place.add), None
    listener = _Listener(request, account, on_preview)

    def take(piece: bytes) -> None:
        place.add(piece)
        listener.hear(piece)

    try:
        reply = client.send(call, account, on_sent=on_sent, on_piece=take, held=False)
    except OutcomeUnknown:
        listener.end()
        if not listener.understood:
            raise
        reply = Received(200, {"content-type": MEDIA_TYPE}, place.so_far())
    else:
        listener.end()
        if 200 <= reply.status < 300:
            # What cannot be read back may still be kept: place.close() tells, and must come to it.
            with contextlib.suppress(StorageError):
                reply = replace(reply, body=place.so_far())
    return reply, listener.failure


class _Listener:
    """Hears one stream, and remembers what it said."""

    def __init__(
        self, request: Request, account: Account, on_preview: Callable[[int, wire.Preview], None]
    ) -> None:
        self._request = request
        self._account = account
        self._on_preview = on_preview
        self._splitter = Splitter()
        self._overwhelmed = False
        self._parts = 0
        self._shown = 0
        self._complete = False
        self._failure: ScumbleError | None = None

    @property
    def understood(self) -> bool:
        """Whether an event of the service was whole."""
        return self._complete or self._parts > 0 or self._failure is not None

    @property
    def failure(self) -> ScumbleError | None:
        """What the service reported instead of a finished picture."""
        return None if self._complete else self._failure

    def hear(self, piece: bytes) -> None:
        """The next bytes of the stream."""
        self._understand(lambda: self._splitter.feed(piece))

    def end(self) -> None:
        """No more comes."""
        self._understand(self._splitter.finish)

    def _understand(self, split: Callable[[], list[Event]]) -> None:
        if self._overwhelmed:
            return
        try:
            found = split()
        except StreamTooLarge:
            self._overwhelmed = True
            self._splitter = Splitter()
            return
        for event in found:
            match replies.meaning(event):
                case PartEvent(document):
                    self._parts += 1
                    self._show(document)
                case FinalEvent():
                    self._complete = True
                case ErrorEvent(error) if self._failure is None:
                    drawing, source = self._parts > 0, self._account.key_source
                    self._failure = error_in_stream(error, drawing, self._request, source)

    def _show(self, document: Mapping[str, object]) -> None:
        if self._shown == self._request.partial_images:
            return
        try:
            preview = wire.preview(document, self._request)
        except BadReply:
            return
        self._shown += 1
        with contextlib.suppress(Exception):  # the paid picture is still to come, whatever fails to show this
            self._on_preview(self._shown, preview)
