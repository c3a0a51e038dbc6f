# SPDX-License-Identifier: GPL-3.0-or-later
"""The Images API as one function: a request goes in, the reply comes out, nothing is kept.

It behaves as the API is documented and reported to: sizes, formats, limits and refusals, the whole picture
drawn again on an edit, `usage` by the known formulas. The same request gets the same reply, but for the time
in `created`. Input pictures after the first are checked and counted, and not looked at. What the API offers
and the sandbox does not (svg, gif, uploaded files) is refused, and the message says so.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from .. import cost
from ..catalog import Catalog, Model, load
from . import pictures, rules, streaming
from .faults import REQUEST, ApiError, no_such_model
from .forms import parse
from .painter import paint
from .redrawing import redraw
from .rules import Order
from .scaling import fitted
from .subject import cut_out

_BEARER = re.compile(r"Bearer [!-~]+")
_WORK = {"/v1/images/generations": "generate", "/v1/images/edits": "edit"}
_MODELS = "/v1/models"

Reply = tuple[int, dict[str, str], bytes]


def respond(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    catalog: Catalog | None = None,
    now: Callable[[], float] = time.time,
) -> Reply:
    """Status, headers and body of the reply, without a Content-Length for a stream. `headers` may be in any
    case.

    POST /v1/images/generations (JSON), POST /v1/images/edits (multipart, or JSON with data URLs),
    GET /v1/models and /v1/models/ID. `catalog` is the built-in one when None; `now` is the time in Unix
    seconds, which decides what has been shut down.
    """
    given = {name.lower(): value for name, value in headers.items()}
    identity = hashlib.sha256(f"{method} {path}\n".encode("utf-8", "replace") + body).hexdigest()[:32]
    kind = "application/json"
    try:
        _check_key(given.get("authorization"))
        document = _answer(
            method, path.partition("?")[0], given.get("content-type", ""), body, catalog or load(), now()
        )
        status = 200
        if isinstance(document, bytes):
            kind, content = streaming.CONTENT_TYPE, document
        else:
            content = json.dumps(document).encode()
    except ApiError as error:
        status, content = error.status, error.body()
    about = {"Content-Type": kind, "x-request-id": f"req_{identity}", "x-scumble-sandbox": "true"}
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


def _answer(
    method: str, path: str, content_type: str, body: bytes, catalog: Catalog, seconds: float
) -> dict[str, object] | bytes:
    """A JSON document, or the bytes of a stream."""
    today = datetime.fromtimestamp(seconds, UTC).date()
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
    settings = {
        "background": "transparent" if order.transparent else "opaque",
        "output_format": order.output_format,
        "quality": order.quality,
        "size": str(order.size),
    }
    at_the_end: dict[str, object] = {}
    usage = _usage(order)
    if usage is not None:
        at_the_end["usage"] = usage
    if order.safety_identifier is not None:
        at_the_end["safety_identifier"] = order.safety_identifier
    if order.streamed:
        channels, pixels = _picture(order, 0)
        return streaming.stream(order, channels, pixels, {"created_at": int(seconds), **settings}, at_the_end)
    data = []
    for variant in range(order.n):
        channels, pixels = _picture(order, variant)
        text = pictures.write_text(order.size, pixels, channels, order.output_format, order.compression)
        data.append({"b64_json": text})
    return {"created": int(seconds), "data": data, **settings, **at_the_end}


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


def _usage(order: Order) -> dict[str, object] | None:
    """Tokens as the formulas have them; n pictures count like n calls, inputs included, and what partial
    pictures add is in the output. In a stream's events the output has no details."""
    model = order.model
    if model.output is None or (order.sent and model.input is None):
        return None
    words = cost.prompt_tokens(order.prompt, model.text.characters_per_token)
    text = cost.text_tokens(model, order.kind, words, len(order.sent)) * order.n
    image = sum(cost.input_tokens(model, size) for size in order.sent) * order.n
    made = cost.output_tokens(model, order.size, order.quality).expected * order.n
    made += cost.TOKENS_PER_PARTIAL_IMAGE * order.partials
    usage: dict[str, object] = {
        "input_tokens": text + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens": made,
        "total_tokens": text + image + made,
    }
    if not order.streamed:
        usage["output_tokens_details"] = {"image_tokens": made, "text_tokens": 0}
    return usage
