# SPDX-License-Identifier: GPL-3.0-or-later
"""The Responses API's shapes: a turn as a call, a response as pictures and token counts, nothing trusted."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from . import wire
from .catalog import Model, TextModel
from .errors import BadReply, ModerationBlocked, ModerationBlockedAfterwards, NoPictureMade
from .refusals import identifier
from .reply_json import LongText, read_reply
from .request import Picture, Request
from .translation import _
from .turns import Made, Said, Turn
from .wire import Answer, Call

__all__ = [
    "Ticket",
    "answer_path",
    "cancel_call",
    "counted",
    "decode",
    "encode",
    "is_handle",
    "is_response",
    "ticket",
]

PATH = "/responses"
_HANDLE = re.compile(r"[A-Za-z0-9_-]{1,200}")
_UNDER_WAY = ("queued", "in_progress")
_PICTURES_MAX = 10
_TOKENS_MAX = 10_000_000
_SECONDS_MAX = 2**53
_MODERATION = ("moderation_blocked", "content_policy_violation", "image_content_policy_violation")

_Json = Mapping[str, object]


@dataclass(frozen=True)
class Ticket:
    """What a response says of itself: the id it is fetched by, and whether the service is still at work."""

    handle: str
    status: str

    @property
    def under_way(self) -> bool:
        return self.status in _UNDER_WAY


def is_handle(text: str) -> bool:
    """Whether a response may have this id; an answer of a batch has another form."""
    return bool(_HANDLE.fullmatch(text))


def answer_path(handle: str) -> str:
    """Where a response is fetched, below the service's address. Raises ValueError for what is no id."""
    if not is_handle(handle):
        raise ValueError("the id of a response is of letters, digits, hyphens and underscores")
    return f"{PATH}/{handle}"


def cancel_call(handle: str) -> Call:
    """The call that stops a background response."""
    return Call(answer_path(handle) + "/cancel", json={})


def encode(turn: Turn, model: Model, text_model: TextModel) -> Call:
    """The call that asks for it: one picture, by one use of the tool, within the turn's bound of words.

    Quality and size are always said, and so is the complexity where the model has one: left out, it would be
    the text model's effort. `store` is what lets turns follow and an answer be fetched again.
    """
    request = turn.request
    content: list[dict[str, object]] = [{"type": "input_text", "text": request.prompt}]
    content += [
        {"type": "input_image", "detail": "high", "image_url": _data_url(each)} for each in request.images
    ]
    body: dict[str, object] = {
        "model": turn.text_model,
        "input": [{"role": "user", "content": content}],
        "tools": [_tool(request, model)],
        "tool_choice": {"type": "image_generation"},
        "parallel_tool_calls": False,
        "max_tool_calls": 1,
        "max_output_tokens": turn.output_tokens_max,
        "truncation": "disabled",
        "store": True,
        "background": turn.in_background,
    }
    if turn.before is not None:
        body["previous_response_id"] = turn.before.response
    if text_model.effort:
        body["reasoning"] = {"effort": text_model.effort}
    if request.safety_identifier is not None:
        body["safety_identifier"] = request.safety_identifier
    return Call(PATH, json=body)


def _tool(request: Request, model: Model) -> dict[str, object]:
    complexity = request.complexity or (model.complexity[-1] if model.complexity else None)
    tool: dict[str, object] = {
        "type": "image_generation",
        "action": request.kind,
        "model": request.model,
        "size": request.size_text,
        "quality": request.quality,
        "background": request.background,
        "output_format": request.output_format,
        "moderation": request.moderation,
    }
    optional: dict[str, object | None] = {
        "output_compression": request.output_compression,
        "complexity": complexity,
        "input_image_mask": None if request.mask is None else {"image_url": _data_url(request.mask)},
    }
    return tool | {name: value for name, value in optional.items() if value is not None}


def _data_url(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"


def is_response(body: bytes) -> bool:
    """Whether a kept reply is a response, and not one of the Images API."""
    document = read_reply(body)
    return isinstance(document, dict) and document.get("object") == "response"


def ticket(body: bytes) -> Ticket | None:
    """Id and status of a response; None when the body is none, or has no usable id."""
    document = read_reply(body)
    if not isinstance(document, dict) or document.get("object") != "response":
        return None
    handle = document.get("id")
    if not isinstance(handle, str) or not is_handle(handle):
        return None
    return Ticket(handle, identifier(document.get("status")))


def decode(body: bytes, request: Request) -> Answer:
    """Read a finished response, with the checks of wire.decode for its pictures.

    Raises BadReply; when no picture was made NoPictureMade, or ModerationBlocked or
    ModerationBlockedAfterwards when that was the reason. None of them knows what was billed: `counted` does.
    """
    document = _document(body)
    results = [item.get("result") for item in _calls(document)]
    texts = [result for result in results if isinstance(result, str | LongText) and result]
    if not texts:
        raise _no_picture(document)
    usage = document.get("tool_usage")
    # The pictures as the Images API would have sent them, so that the same checks hold.
    same = {
        "data": [{"b64_json": text} for text in texts[: _PICTURES_MAX + 1]],
        "quality": next((item.get("quality") for item in _calls(document) if item.get("result")), None),
        "usage": usage.get("image_gen") if isinstance(usage, dict) else None,
        "created": _seconds(document.get("created_at")),
    }
    # Only one is asked for; should more come, they were paid.
    asked = replace(request, n=min(len(texts), _PICTURES_MAX))
    return wire.answer(same, asked)


def counted(body: bytes) -> tuple[Made | None, Said | None]:
    """What the image model and the text model used; None for each that is missing or not credible.

    A picture is never made of 0 tokens, and where nothing was to be made, nothing counted is 0. Raises
    BadReply when the body is no response.
    """
    document = _document(body)
    usage = document.get("tool_usage")
    made = _made(usage.get("image_gen") if isinstance(usage, dict) else None)
    if any(True for _call in _calls(document)):
        made = made if made is not None and made.output else None
    else:
        made = made or Made(0, 0, 0)
    return made, _said(document.get("usage"))


def _document(body: bytes) -> _Json:
    document = read_reply(body)
    if not isinstance(document, dict) or document.get("object") != "response":
        raise BadReply(reason=_("it is not the JSON of the Responses API"))
    return document


def _calls(document: _Json) -> Iterator[_Json]:
    """The uses of the image tool."""
    output = document.get("output")
    for item in output if isinstance(output, list) else ():
        if isinstance(item, dict) and item.get("type") == "image_generation_call":
            yield item


def _no_picture(document: _Json) -> BadReply | NoPictureMade | ModerationBlocked:
    for item in _calls(document):
        error = item.get("error")
        if isinstance(error, dict) and identifier(error.get("code")) in _MODERATION:
            details = error.get("moderation_details")
            at_the_end = isinstance(details, dict) and details.get("moderation_stage") != "input"
            return ModerationBlockedAfterwards() if at_the_end else ModerationBlocked()
    error = document.get("error")
    code = identifier(error.get("code")) if isinstance(error, dict) else ""
    if code in _MODERATION:
        return ModerationBlocked()
    details = document.get("incomplete_details")
    cause = identifier(details.get("reason")) if isinstance(details, dict) else ""
    status = identifier(document.get("status"))
    if status == "cancelled":
        return NoPictureMade(reason=_("it was stopped"))
    if cause == "max_output_tokens":
        return NoPictureMade(reason=_("the text model came to its bound of words before"))
    if code or cause or status in ("failed", "incomplete"):
        return NoPictureMade(reason=code or cause or status)
    if status == "completed":
        return NoPictureMade(reason=_("the text model answered in words alone"))
    return BadReply(reason=_("it holds no picture"))


def _seconds(value: object) -> int:
    """Whole Unix seconds; the API writes them as a float."""
    if isinstance(value, float) and 0 <= value <= _SECONDS_MAX:
        return int(value)
    return _count(value, _SECONDS_MAX) or 0


def _made(value: object) -> Made | None:
    if not isinstance(value, dict):
        return None
    given, cached = value.get("input_tokens_details"), value.get("cached_tokens_details")
    if not isinstance(given, dict):
        return None
    text = _count(given.get("text_tokens"), _TOKENS_MAX)
    image = _count(given.get("image_tokens", 0), _TOKENS_MAX)
    output = _count(value.get("output_tokens"), _TOKENS_MAX)
    if text is None or image is None or output is None:
        return None
    found = cached if isinstance(cached, dict) else {}
    text_cached = _count(found.get("cached_text_tokens"), text) or 0
    image_cached = _count(found.get("cached_image_tokens"), image) or 0
    return Made(text, image, output, text_cached, image_cached)


def _count(value: object, most: int) -> int | None:
    """The value when it is an integer from 0 to `most`, else None."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        return None
    return value


def _said(value: object) -> Said | None:
    if not isinstance(value, dict):
        return None
    read = _count(value.get("input_tokens"), _TOKENS_MAX)
    written = _count(value.get("output_tokens"), _TOKENS_MAX)
    if not read or written is None:
        return None
    details = value.get("input_tokens_details")
    found = details if isinstance(details, dict) else {}
    cached = _count(found.get("cached_tokens"), read) or 0
    into_cache = _count(found.get("cache_write_tokens"), read - cached) or 0
    return Said(read, written, cached, into_cache)
