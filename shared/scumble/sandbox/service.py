# SPDX-License-Identifier: GPL-3.0-or-later
"""The API as one function: a request goes in, the reply comes out; a Memory given to it is all it keeps.

It behaves as the API is documented and reported to: sizes, formats, limits and refusals, the whole picture
drawn again on an edit, `usage` by the known formulas. The same request gets the same reply, but for the time
in `created`. Input pictures after the first are checked and counted, and not looked at. What the API offers
and the sandbox does not (uploaded files) is refused, and the message says so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from .. import cost
from ..catalog import Catalog, Model, load
from . import batches, pictures, responses, rules, streaming
from .animations import animated
from .drawings import drawn
from .faults import REQUEST, ApiError, no_such_model, refused, rehearsed
from .forms import parse
from .memory import Memory
from .painter import paint
from .redrawing import redraw
from .responses import Studio
from .rules import Order
from .scaling import fitted
from .subject import cut_out

_BEARER = re.compile(r"Bearer [!-~]+")
_WORK = {"/v1/images/generations": "generate", "/v1/images/edits": "edit"}
_MODELS = "/v1/models"
_JSON = "application/json"

Reply = tuple[int, dict[str, str], bytes]


def respond(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    catalog: Catalog | None = None,
    now: Callable[[], float] = time.time,
    memory: Memory | None = None,
) -> Reply:
    """Status, headers and body of the reply, without a Content-Length for a stream. `headers` may be in any
    case.

    POST /v1/images/generations (JSON), POST /v1/images/edits (multipart, or JSON with data URLs),
    GET /v1/models and /v1/models/ID; conversations, see sandbox.responses; files and batches, see
    sandbox.batches. `catalog` is the built-in one when None; `now` is the time in Unix seconds, which decides
    what has been shut down. What one request leaves for later ones is in `memory`. With the header
    x-scumble-rehearse the answer is the refusal of that code, see faults.rehearsed.
    """
    given = {name.lower(): value for name, value in headers.items()}
    kind = _JSON
    more: dict[str, str] = {}
    identity = hashlib.sha256(f"{method} {path}\n".encode("utf-8", "replace") + body).hexdigest()[:32]
    kind = _JSON
    try:
        _check_key(given.get("authorization"))
        if wanted := given.get("x-scumble-rehearse"):
            raise rehearsed(wanted)
        media_type, place = given.get("content-type", ""), memory or Memory()
        kind, answer = _routed(method, path, media_type, body, catalog or load(), now(), place)
        status, content = 200, answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    except ApiError as error:
        status, content, more = error.status, error.body(), error.headers
    about = {"Content-Type": kind, "x-request-id": f"req_{identity}", "x-scumble-sandbox": "true", **more}
    if kind != streaming.CONTENT_TYPE:
        about["Content-Length"] = str(len(content))
    return status, about, content


def _check_key(authorization: str | None) -> None:
    if authorization is None:
        message = (
            "You didn't provide an API key. You need to provide your API key in an Authorization header"
            " using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
    elif not _BEARER.fullmatch(authorization):
        message = "Incorrect API key provided: it must be one word after 'Bearer '."
    else:
        return
    raise ApiError(401, REQUEST, "invalid_api_key", None, message)


def _routed(
    method: str,
    path: str,
    content_type: str,
    body: bytes,
    catalog: Catalog,
    seconds: float,
    memory: Memory,
) -> tuple[str, dict[str, object] | bytes]:
    """The media type of the reply, and its document or its bytes."""
    place, _mark, query = path.partition("?")
    if not batches.serves(place):
        made = _answer(method, place, content_type, body, catalog, seconds, memory)
        return (streaming.CONTENT_TYPE if isinstance(made, bytes) else _JSON), made

    def work(endpoint: str, line: bytes) -> tuple[int, dict[str, object]]:
        try:
            made = _answer("POST", endpoint, _JSON, line, catalog, seconds, memory)
            if isinstance(made, bytes):
                raise refused("stream", "A line of a batch cannot be streamed.")
            return 200, made
        except ApiError as error:
            return error.status, json.loads(error.body())

    found = batches.respond(method, place, query, content_type, body, memory, catalog, seconds, work)
    return ("application/octet-stream" if isinstance(found, bytes) else _JSON), found


def _answer(
    method: str,
    path: str,
    content_type: str,
    body: bytes,
    catalog: Catalog,
    seconds: float,
    memory: Memory,
) -> dict[str, object] | bytes:
    """A JSON document, or the bytes of a stream."""
    today = datetime.fromtimestamp(seconds, UTC).date()
    if responses.serves(path):
        studio = Studio(catalog, seconds, lambda order: _document(order, seconds), memory)
        return studio.answer(method, path, content_type, body)
    expected = "POST" if path in _WORK else "GET"
    if path not in _WORK and path != _MODELS and not path.startswith(_MODELS + "/"):
        raise ApiError(404, REQUEST, "unknown_url", None, "There is no such endpoint in the sandbox.")
    if method != expected:
        raise ApiError(405, REQUEST, "method_not_supported", None, f"Only {expected} is possible here.")
    if path == "/v1/images/generations":
        form = parse(content_type, body, files_allowed=False)
        return _made(rules.check("generate", form, catalog, today), seconds)
    if path == "/v1/images/edits":
        form = parse(content_type, body, files_allowed=True)
        return _made(rules.check("edit", form, catalog, today), seconds)
    objects = _models(catalog, today)
    if path == _MODELS:
        return {"object": "list", "data": objects}
    name = path.removeprefix(_MODELS + "/")
    for each in objects:
        if each["id"] == name:
            return each
    raise no_such_model(name)


def _models(catalog: Catalog, today: date) -> list[dict[str, object]]:
    return [
        {
            "id": id,
            "object": "model",
            "created": _midnight(model),
            "owned_by": "openai",
            "shutdown_date": model.shutdown.isoformat() if model.shutdown else None,
        }
        for model in catalog.live(today)
        for id in (model.id, *model.snapshots)
    ]


def _midnight(model: Model) -> int:
    if model.released is None:
        return 0
    day = model.released
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _made(order: Order, seconds: float) -> dict[str, object] | bytes:
    if not order.streamed:
        return _document(order, seconds)
    channels, pixels = _picture(order, 0)
    first = {"created_at": int(seconds), **_settings(order)}
    return streaming.stream(order, channels, pixels, first, _at_the_end(order))


def _document(order: Order, seconds: float) -> dict[str, Any]:
    data = []
    for variant in range(order.n):
        encoded = _encoded(order, *_picture(order, variant))
        data.append({"b64_json": base64.b64encode(encoded).decode("ascii")})
    return {"created": int(seconds), "data": data, **_settings(order), **_at_the_end(order)}


def _settings(order: Order) -> dict[str, object]:
    return {
        "background": "transparent" if order.transparent else "opaque",
        "output_format": order.output_format,
        "quality": order.quality,
        "size": str(order.size),
    }


def _at_the_end(order: Order) -> dict[str, object]:
    told: dict[str, object] = {}
    usage = _usage(order)
    if usage is not None:
        told["usage"] = usage
    if order.svg_author and order.model.vector is not None:
        told["svg_usage"] = _author_usage(order.svg_author, order.model.vector.author_tokens[1])
    if order.safety_identifier is not None:
        told["safety_identifier"] = order.safety_identifier
    return told


def _encoded(order: Order, channels: int, pixels: bytes) -> bytes:
    if order.output_format == "gif":
        return animated(order.size, pixels, order.frames, order.frame_ms)
    if order.output_format == "svg":
        return drawn(order.size, pixels)
    return pictures.write(order.size, pixels, channels, order.output_format, order.compression)


def _picture(order: Order, variant: int) -> tuple[int, bytes]:
    """Channels and pixels of one picture."""
    size = order.size
    if order.kind == "generate":
        pixels = paint(order.prompt, size, variant)
        return (4, cut_out(pixels, size, order.prompt)) if order.transparent else (3, pixels)
    first = order.images[0]
    coverage = order.coverage
    if coverage is not None:
        coverage = fitted(coverage, first.size, 1, size)
    pixels = redraw(fitted(first.colours, first.size, 3, size), size, coverage, order.prompt, variant)
    return (4, cut_out(pixels, size, order.prompt)) if order.transparent else (3, pixels)


def _author_usage(author: str, tokens: int) -> dict[str, object]:
    """As if a third of the author's tokens were read, a third thought and a third drawn with."""
    third = tokens // 3
    counted = {"input_tokens": third, "output_tokens": tokens - third, "reasoning_tokens": third}
    return {"model": author, **counted, "total_tokens": tokens}


def _usage(order: Order) -> dict[str, object] | None:
    """Tokens as the formulas have them; n pictures count like n calls, inputs included, and what partial
    pictures add is in the output. In a stream's events the output has no details."""
    model = order.model
    if model.output is None or (order.sent and model.input is None):
        return None
    words = cost.prompt_tokens(order.prompt, model.text.characters_per_token)
    text = cost.text_tokens(model, order.kind, words, len(order.sent)) * order.n
    image = sum(cost.input_tokens(model, size) for size in order.sent) * order.n
    if order.output_format == "gif":
        one = cost.animation_tokens(model, order.size, order.frames, order.quality)
    else:
        one = cost.output_tokens(model, order.size, order.quality)
    made = one.expected * order.n + cost.TOKENS_PER_PARTIAL_IMAGE * order.partials
    usage: dict[str, object] = {
        "input_tokens": text + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens": made,
        "total_tokens": text + image + made,
    }
    if not order.streamed:
        usage["output_tokens_details"] = {"image_tokens": made, "text_tokens": 0}
    return usage
