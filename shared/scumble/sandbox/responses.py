# SPDX-License-Identifier: GPL-3.0-or-later
"""The Responses API with its image tool: turns that follow one another, and answers that are fetched later.

The text model is played by passing the prompt on; it thinks nothing and says nothing, and its tokens are the
expected ones of the catalogue. A response in the background is queued, then in progress when it is asked for,
then made when it is asked for again. Streaming, other tools and conversations without a picture are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .. import cost
from ..catalog import Catalog, TextModel
from ..errors import UnknownModel
from . import rules
from .faults import REQUEST, USER, ApiError, missing, no_such_model, not_here, not_one_of, refused, unknown
from .forms import parse
from .memory import Memory
from .rules import Order

_PATH = "/v1/responses"
_KIND = "response"

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

_Json = dict[str, Any]


@dataclass(frozen=True)
class _Kept:
    """A response; `order` is what is still to be made. `last` is the newest picture of its conversation as a
    data URL, `tokens` what it read and wrote."""

    document: _Json = field(repr=False)
    order: Order | None
    tokens: int
    last: str = field(default="", repr=False)


def serves(path: str) -> bool:
    """Whether the path is one of these."""
    return path == _PATH or path.startswith(_PATH + "/")


@dataclass(frozen=True)
class Studio:
    """What one request is answered with; `make` draws an order as the Images API would."""

    catalog: Catalog
    seconds: float
    make: Callable[[Order], _Json]
    memory: Memory

    def answer(self, method: str, path: str, content_type: str, body: bytes) -> _Json:
        """The document of a reply. Raises ApiError as the API refuses."""
        id, _slash, verb = path.removeprefix(_PATH).strip("/").partition("/")
        expected = "GET" if id and not verb else "POST"
        if verb not in ("", "cancel"):
            raise ApiError(404, REQUEST, "unknown_url", None, "There is no such endpoint in the sandbox.")
        if method != expected:
            raise ApiError(405, REQUEST, "method_not_supported", None, f"Only {expected} is possible here.")
        with self.memory.lock:
            if not id:
                return self._created(content_type, body)
            kept = self._find(id)
            if kept is None:
                raise ApiError(404, REQUEST, None, "response_id", "Response with that id not found.")
            return self._cancelled(kept) if verb else self._advanced(kept)

    def _created(self, content_type: str, body: bytes) -> _Json:
        fields = parse(content_type, body, files_allowed=False).fields
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
        tokens = words + (before.tokens if before else 0)
        kept = _Kept(self._blank(fields, talker, tool, body, background), order, tokens)
        if bound is not None and bound < talker.likely_output:
            details = {"incomplete_details": {"reason": "max_output_tokens"}}
            kept = replace(_ended(kept, "incomplete", bound, details), order=None)
        elif background:
            kept = replace(kept, document=kept.document | {"status": "queued"})
        else:
            kept = self._made(kept, order)
        if store:
            self._keep(kept)
        return kept.document

    def _advanced(self, kept: _Kept) -> _Json:
        if kept.order is not None and kept.document["status"] == "queued":
            kept = replace(kept, document=kept.document | {"status": "in_progress"})
        elif kept.order is not None:
            kept = self._made(kept, kept.order)
        self._keep(kept)
        return kept.document

    def _cancelled(self, kept: _Kept) -> _Json:
        if not kept.document["background"]:
            raise refused("response_id", "Only a background response can be cancelled.")
        if kept.order is not None:
            kept = replace(kept, document=kept.document | {"status": "cancelled"}, order=None)
            self._keep(kept)
        return kept.document

    def _made(self, kept: _Kept, order: Order) -> _Kept:
        made = self.make(order)
        encoded = made["data"][0]["b64_json"]
        own = kept.document["id"].removeprefix("resp_")
        call = {
            "id": "ig_" + own,
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
            "id": "msg_" + own,
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [text],
        }
        more: _Json = {"output": [call, message], "completed_at": self.seconds}
        if "usage" in made:
            more["tool_usage"] = {"image_gen": made["usage"], "web_search": {"num_requests": 0}}
        talker = self.catalog.text_model(kept.document["model"])
        ended = _ended(kept, "completed", talker.likely_output, more)
        return replace(ended, order=None, last=f"data:image/{made['output_format']};base64,{encoded}")

    def _find(self, id: str) -> _Kept | None:
        kept = self.memory.find(_KIND, id)
        return kept if isinstance(kept, _Kept) else None

    def _keep(self, kept: _Kept) -> None:
        self.memory.keep(_KIND, kept.document["id"], kept, 2 * len(kept.last))

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
        kept = self._find(str(id))
        if kept is None or kept.order is not None:
            message = "The previous response was not found, or is not finished."
            raise ApiError(400, REQUEST, "previous_response_not_found", "previous_response_id", message)
        return kept

    def _order(self, tool: _Json, prompt: str, images: list[object], before: _Kept | None) -> Order:
        """The tool's work as the Images API would be asked for it."""
        known = images or ([{"image_url": before.last}] if before and before.last else [])
        action = tool.get("action", "auto")
        if action not in _ACTIONS:
            raise not_one_of("tools[0].action", action, _ACTIONS)
        if action == "edit" and not known:
            raise refused("tools[0].action", "There is no image to edit in this conversation.", type=USER)
        is_edit = action == "edit" or (action == "auto" and bool(known))
        asked = {name: value for name, value in tool.items() if name not in _TOOL_ONLY}
        asked |= {"model": tool.get("model") or _DEFAULT_TOOL_MODEL, "prompt": prompt}
        if tool.get("moderation", "auto") not in _MODERATION:
            raise not_one_of("tools[0].moderation", tool["moderation"], _MODERATION)
        if is_edit:
            asked.pop("moderation", None)
            asked |= {"images": known, "mask": tool.get("input_image_mask")}
        form = parse("application/json", json.dumps(asked).encode(), files_allowed=is_edit)
        today = datetime.fromtimestamp(self.seconds, UTC).date()
        order = rules.check("edit" if is_edit else "generate", form, self.catalog, today)
        if "responses" not in order.model.endpoints:
            raise no_such_model(order.model.id)
        return order

    def _blank(
        self, fields: Mapping[str, object], talker: TextModel, tool: _Json, body: bytes, background: bool
    ) -> _Json:
        seed = f"{self.memory.next_number()} {self.seconds} ".encode() + body
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


def _ended(kept: _Kept, status: str, written: int, more: _Json) -> _Kept:
    """Nothing is cached here, so every token read is billed in full."""
    read = kept.tokens
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }
    return replace(
        kept, document=kept.document | {"status": status, "usage": usage} | more, tokens=read + written
    )


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


def _input(value: object) -> tuple[str, list[object]]:
    """The words of the user's message, and what it names as pictures."""
    if isinstance(value, str):
        return value, []
    if not isinstance(value, list) or not value:
        raise missing("input")
    words: list[str] = []
    images: list[object] = []
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
                images.append({name: part[name] for name in ("image_url", "file_id") if part.get(name)})
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
