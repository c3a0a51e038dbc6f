# SPDX-License-Identifier: GPL-3.0-or-later
"""The Responses API with its image tool: turns that follow one another, and answers that are fetched later.

The text model is played by passing the prompt on; it thinks nothing and says nothing, and its tokens are the
expected ones of the catalogue. A response in the background is queued, then in progress when it is asked for,
then made when it is asked for again. Streaming, other tools and conversations without a picture are refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .. import cost
from ..catalog import Catalog, TextModel
from ..errors import UnknownModel
from . import rules
from .faults import REQUEST, USER, ApiError, missing, no_such_model, not_here, not_one_of, refused, unknown
from .forms import Form, json_object, picture
from .rules import Order

PATH = "/v1/responses"

_DEFAULT_TOOL_MODEL = "gpt-image-2.6-sunburst"
_ACTIONS = ("generate", "edit", "auto")
_MODERATION = ("auto", "low")
_KNOWN = frozenset(
    {
        "background",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_p",
        "truncation",
        "user",
    }
)
_TOOL_ONLY = ("type", "action", "input_image_mask", "model")
_TOKENS_MAX = 128_000
_KEPT_MAX = 64

_Json = dict[str, Any]


@dataclass
class _Kept:
    """A response; `order` is what is still to be made. `last` is the newest picture of its conversation,
    encoded, `tokens` what it read and wrote."""

    document: _Json
    order: Order | None
    last: bytes = field(default=b"", repr=False)
    tokens: int = 0


class Memory:
    """The responses of one service, the newest 64 or `kept_max`. For many threads; `made` counts pictures,
    which is what the service would have billed."""

    def __init__(self, kept_max: int = _KEPT_MAX) -> None:
        self._kept_max = kept_max
        self.lock = threading.RLock()
        self.made = 0
        self.numbers = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def keep(self, kept: _Kept) -> None:
        self._kept[kept.document["id"]] = kept
        while len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)

    def find(self, id: str) -> _Kept | None:
        return self._kept.get(id)


@dataclass(frozen=True)
class Studio:
    """What one request is answered with; `make` draws an order as the Images API would."""

    catalog: Catalog
    seconds: float
    make: Callable[[Order], _Json]
    memory: Memory

    def answer(self, method: str, path: str, content_type: str, body: bytes) -> _Json:
        """The document of a reply. Raises ApiError as the API refuses."""
        id, _slash, verb = path.removeprefix(PATH).strip("/").partition("/")
        expected = "GET" if id and not verb else "POST"
        if verb not in ("", "cancel"):
            raise ApiError(404, REQUEST, "unknown_url", None, "There is no such endpoint in the sandbox.")
        if method != expected:
            raise ApiError(405, REQUEST, "method_not_supported", None, f"Only {expected} is possible here.")
        with self.memory.lock:
            if not id:
                return self._created(content_type, body)
            kept = self.memory.find(id)
            if kept is None:
                message = "Response with that id not found."
                raise ApiError(404, REQUEST, None, "response_id", message)
            return self._cancelled(kept) if verb else self._advanced(kept)

    def _created(self, content_type: str, body: bytes) -> _Json:
        if content_type.partition(";")[0].strip().lower() != "application/json":
            message = "The content type must be application/json."
            raise ApiError(400, REQUEST, "unsupported_content_type", None, message)
        fields = json_object(body)
        _check_names(fields)
        talker = self._talker(fields)
        before = self._before(fields)
        prompt, images = _input(fields.get("input"))
        tool = _tool(fields)
        background, store = _flag(fields, "background", False), _flag(fields, "store", True)
        if background and not store:
            raise refused("background", "Background responses need 'store' to be true.")
        bound = _bound(fields)
        order = self._order(tool, prompt, images, before)
        words = cost.prompt_tokens(prompt) + talker.hidden_input[1] + talker.picture_input[1] * len(images)
        kept = _Kept(self._blank(fields, talker, tool, body, background), order)
        kept.tokens = words + (before.tokens if before else 0)
        if bound is not None and bound < talker.likely_output:
            kept.order = None
            _end(kept, "incomplete", bound)
            kept.document["incomplete_details"] = {"reason": "max_output_tokens"}
        elif background:
            kept.document["status"] = "queued"
        else:
            self._make(kept, talker)
        if store:
            self.memory.keep(kept)
        return kept.document

    def _advanced(self, kept: _Kept) -> _Json:
        if kept.document["status"] == "queued":
            kept.document = kept.document | {"status": "in_progress"}
        elif kept.document["status"] == "in_progress":
            kept.document = dict(kept.document)
            self._make(kept, self.catalog.text_model(kept.document["model"]))
        return kept.document

    def _cancelled(self, kept: _Kept) -> _Json:
        if not kept.document["background"]:
            raise refused("response_id", "Only a background response can be cancelled.")
        if kept.order is not None:
            kept.order = None
            kept.document = kept.document | {"status": "cancelled"}
        return kept.document

    def _make(self, kept: _Kept, talker: TextModel) -> None:
        order = kept.order
        if order is None:
            return
        made = self.make(order)
        encoded = made["data"][0]["b64_json"]
        self.memory.made += 1
        kept.order = None
        kept.last = base64.b64decode(encoded)
        call = {
            "id": kept.document["id"].replace("resp_", "ig_"),
            "type": "image_generation_call",
            "status": "completed",
            "action": order.kind,
            "background": made["background"],
            "output_format": made["output_format"],
            "quality": made["quality"],
            "result": encoded,
            "revised_prompt": order.prompt,
            "size": made["size"],
        }
        text = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        message = {
            "id": kept.document["id"].replace("resp_", "msg_"),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [text],
        }
        kept.document["output"] = [call, message]
        kept.document["completed_at"] = self.seconds
        _end(kept, "completed", talker.likely_output)
        if "usage" in made:
            searches = {"num_requests": 0}
            kept.document["tool_usage"] = {"image_gen": made["usage"], "web_search": searches}

    def _talker(self, fields: Mapping[str, object]) -> TextModel:
        name = fields.get("model")
        if name is None:
            raise missing("model")
        try:
            return self.catalog.text_model(str(name))
        except UnknownModel:
            raise no_such_model(name) from None

    def _before(self, fields: Mapping[str, object]) -> _Kept | None:
        id = fields.get("previous_response_id")
        if id is None:
            return None
        kept = self.memory.find(str(id))
        if kept is None or kept.order is not None:
            message = "The previous response was not found, or is not finished."
            raise ApiError(400, REQUEST, "previous_response_not_found", "previous_response_id", message)
        return kept

    def _order(self, tool: _Json, prompt: str, images: list[bytes], before: _Kept | None) -> Order:
        """The tool's work as the Images API would be asked for it."""
        known = images or ([before.last] if before and before.last else [])
        action = tool.get("action", "auto")
        if action not in _ACTIONS:
            raise not_one_of("tools[0].action", action, _ACTIONS)
        if action == "edit" and not known:
            raise refused("tools[0].action", "There is no image to edit in this conversation.", type=USER)
        kind: Any = "edit" if action == "edit" or (action == "auto" and known) else "generate"
        fields = {name: value for name, value in tool.items() if name not in _TOOL_ONLY and value is not None}
        fields |= {"model": tool.get("model") or _DEFAULT_TOOL_MODEL, "prompt": prompt}
        if fields.get("moderation", "auto") not in _MODERATION:
            raise not_one_of("tools[0].moderation", fields["moderation"], _MODERATION)
        if kind == "edit":
            fields.pop("moderation", None)
        files = [("image[]", data) for data in known] if kind == "edit" else []
        if tool.get("input_image_mask") is not None:
            files.append(("mask", picture(tool["input_image_mask"], "tools[0].input_image_mask", 1)))
        today = datetime.fromtimestamp(self.seconds, UTC).date()
        order = rules.check(kind, Form(fields, tuple(files)), self.catalog, today)
        if "responses" not in order.model.endpoints:
            raise no_such_model(order.model.id)
        return order

    def _blank(
        self, fields: Mapping[str, object], talker: TextModel, tool: _Json, body: bytes, background: bool
    ) -> _Json:
        self.memory.numbers += 1
        seed = f"{self.memory.numbers} {self.seconds} ".encode() + body
        echoed = {name: value for name, value in tool.items() if name != "input_image_mask"}
        return {
            "id": "resp_" + hashlib.sha256(seed).hexdigest()[:48],
            "object": "response",
            "created_at": self.seconds,
            "status": "in_progress",
            "background": background,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "max_output_tokens": fields.get("max_output_tokens"),
            "max_tool_calls": fields.get("max_tool_calls"),
            "model": talker.id,
            "output": [],
            "parallel_tool_calls": bool(fields.get("parallel_tool_calls", True)),
            "previous_response_id": fields.get("previous_response_id"),
            "reasoning": fields.get("reasoning") or {"effort": None, "summary": None},
            "store": bool(fields.get("store", True)),
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": fields.get("tool_choice") or "auto",
            "tools": [echoed],
            "top_p": 1.0,
            "truncation": fields.get("truncation") or "disabled",
            "usage": None,
            "metadata": fields.get("metadata") or {},
        }


def _end(kept: _Kept, status: str, written: int) -> None:
    """Nothing is cached here, so every token read is billed in full."""
    read = kept.tokens
    kept.tokens = read + written
    kept.document["status"] = status
    kept.document["usage"] = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }


def _check_names(fields: Mapping[str, object]) -> None:
    for name in fields:
        if name in ("conversation", "prompt", "moderation"):
            raise not_here(name, f"'{name}' of the Responses API")
        if name not in _KNOWN:
            raise unknown(name)
    if fields.get("stream"):
        raise not_here("stream", "streaming. Leave 'stream' out")


def _tool(fields: Mapping[str, object]) -> _Json:
    tools = fields.get("tools")
    if not isinstance(tools, list) or len(tools) != 1 or not isinstance(tools[0], dict):
        raise not_here("tools", "anything but one image tool. Give one tool of the type 'image_generation'")
    if tools[0].get("type") != "image_generation":
        raise not_here("tools", "any tool but 'image_generation'")
    try:
        return dict(json.loads(json.dumps(tools[0])))
    except (ValueError, RecursionError):
        raise refused("tools", "Invalid tool.", "invalid_type") from None


def _input(value: object) -> tuple[str, list[bytes]]:
    """The words and the pictures of the user's message."""
    if isinstance(value, str):
        return value, []
    if not isinstance(value, list) or not value:
        raise missing("input")
    words: list[str] = []
    images: list[bytes] = []
    for item in value:
        content = item.get("content") if isinstance(item, dict) and item.get("role") == "user" else None
        if isinstance(content, str):
            words.append(content)
            continue
        if not isinstance(content, list):
            raise not_here("input", "anything but messages of the user")
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "input_text" and isinstance(part.get("text"), str):
                words.append(part["text"])
            elif kind == "input_image":
                reference = {name: part[name] for name in ("image_url", "file_id") if part.get(name)}
                images.append(picture(reference, "input", len(images) + 1))
            else:
                raise not_here("input", "anything but words and pictures")
    return "\n".join(words), images


def _flag(fields: Mapping[str, object], name: str, otherwise: bool) -> bool:
    value = fields.get(name, otherwise)
    if not isinstance(value, bool):
        raise refused(name, f"Invalid type for '{name}': expected a boolean.", "invalid_type")
    return value


def _bound(fields: Mapping[str, object]) -> int | None:
    value = fields.get("max_output_tokens")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused("max_output_tokens", "Invalid type: expected an integer.", "invalid_type")
    if not 16 <= value <= _TOKENS_MAX:
        message = f"Invalid 'max_output_tokens': expected 16 to {_TOKENS_MAX}."
        raise refused("max_output_tokens", message, "integer_below_min_value")
    return value
