# SPDX-License-Identifier: GPL-3.0-or-later
"""A reply that was kept, read whatever wrote it: the JSON of the Images API, or its stream of events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from . import event_stream, wire
from .errors import BadReply, StreamEnded
from .event_stream import Event, Located, StreamTooLarge, is_stream
from .reply_json import read_reply
from .request import Request
from .translation import _
from .wire import Answer

_DRAWING = ("image_generation", "image_edit")
_OBJECT = re.compile(rb"\s*\{")


@dataclass(frozen=True)
class PartEvent:
    """An event with a partial picture."""

    document: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True)
class FinalEvent:
    """The event with the finished picture, as the document that an answer without a stream would be."""

    document: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True)
class ErrorEvent:
    """An event by which the service gives up; `error` is its error object."""

    error: Mapping[str, object] = field(repr=False)


def read(body: bytes, media_type: str, request: Request, fetched: Sequence[bytes] = ()) -> Answer:
    """What a reply of status 200 says, trusting nothing in it.

    `media_type` is its header's, `fetched` the pictures that it names the addresses of. Raises BadReply, and
    of this StreamEnded for a stream without its finished picture.
    """
    if not is_stream(body, media_type):
        return wire.decode(body, request, fetched)
    document, previews = _completed(body)
    answer = wire.answer(document, request, fetched)
    if answer.usage is None or not previews:
        return answer
    return replace(answer, usage=replace(answer.usage, previews=True))


def addresses(body: bytes, media_type: str, request: Request) -> tuple[str, ...]:
    """Where the pictures are that a reply names instead of holding them; OpenAI's own never does so."""
    if not is_stream(body, media_type):
        return wire.addresses(read_reply(body), request)
    try:
        return wire.addresses(_completed(body)[0], request)
    except BadReply:
        return ()


def meaning(event: Event | Located) -> PartEvent | FinalEvent | ErrorEvent | None:
    """What an event of the Images API says; None for one that says nothing here, such as "[DONE]".

    Of its names the last word counts: other servers use those of a generation for edits too.
    """
    if isinstance(event, Event):
        event = Located(event.name, event.data, 0, len(event.data))
    if not _OBJECT.match(event.source, event.start, event.end):
        return None
    document = read_reply(event.source, event.start, event.end)
    if not isinstance(document, dict):
        return None
    named = document.get("type")
    kind, _dot, stage = (named if isinstance(named, str) else event.name).partition(".")
    if kind == "error" or isinstance(document.get("error"), dict):
        error = document.get("error")
        return ErrorEvent(error if isinstance(error, dict) else document)
    if kind in _DRAWING and stage == "partial_image":
        return PartEvent(document)
    if kind in _DRAWING and stage == "completed":
        picture = {name: document[name] for name in ("b64_json", "url") if name in document}
        return FinalEvent({**document, "created": document.get("created_at"), "data": [picture]})
    return None


def _completed(body: bytes) -> tuple[Mapping[str, object], int]:
    """The document with the finished picture, and how many previews came before it. Raises BadReply."""
    previews, gave_up = 0, False
    try:
        for event in event_stream.located(body):
            match meaning(event):
                case FinalEvent(document):
                    return document, previews
                case ErrorEvent():
                    gave_up = True
                case PartEvent():
                    previews += 1
    except StreamTooLarge:
        raise BadReply(reason=_("it is longer than any picture")) from None
    if gave_up:
        raise BadReply(reason=_("it reports an error as if it were a success"))
    raise StreamEnded(reason=_("it ended before the finished picture came"))
