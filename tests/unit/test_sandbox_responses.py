# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's Responses API: turns that follow one another, answers fetched later, refusals."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from scumble import catalog, cost
from scumble.sandbox.memory import Memory
from scumble.sandbox.responses import _Kept
from scumble.sandbox.service import respond
from tests.unit.sandbox_cases import FLARE, HEADERS, NOW, SMALL, encoded, error_of, mask, picture

TOOL = {"type": "image_generation", "model": FLARE, "size": str(SMALL), "quality": "low"}
BODY: dict[str, Any] = {"model": "gpt-6-luna", "input": "oak planks", "tools": [TOOL]}


def ask(
    memory: Memory, path: str = "", body: dict[str, Any] | None = None, method: str = ""
) -> tuple[int, Any]:
    verb = method or ("GET" if body is None else "POST")
    content = b"" if body is None else json.dumps(body).encode()
    status, _headers, reply = respond(
        verb, "/v1/responses" + path, HEADERS, content, now=lambda: NOW, memory=memory
    )
    return status, json.loads(reply)


def pictures_in(memory: Memory) -> int:
    """How many were made, which is what the service would have billed."""
    return sum(bool(kept.last) for kept in memory.all("response") if isinstance(kept, _Kept))


def created(memory: Memory, **changes: object) -> Any:
    status, document = ask(memory, "", BODY | changes)
    assert status == 200, document
    return document


def image_of(document: Any) -> Image.Image:
    (call,) = [item for item in document["output"] if item["type"] == "image_generation_call"]
    image = Image.open(io.BytesIO(base64.b64decode(call["result"])))
    image.load()
    return image


def data_url(image: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(encoded(image)).decode()


def message(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "input_text", "text": "a stone wall"}, *parts]}]


def test_a_picture_is_made_and_counted() -> None:
    """The image by the formulas of the Images API, the words by the catalogue's expectations."""
    memory = Memory()
    document = created(memory)
    assert (document["object"], document["status"], document["created_at"]) == ("response", "completed", NOW)
    assert image_of(document).size == SMALL and pictures_in(memory) == 1
    tokens = cost.output_tokens(catalog.load().find(FLARE), SMALL, "low").expected
    assert document["tool_usage"]["image_gen"]["output_tokens"] == tokens
    assert document["usage"]["output_tokens"] == catalog.load().text_model("gpt-6-luna").likely_output


def test_a_turn_edits_the_picture_of_the_one_before() -> None:
    """Which is not sent again: its name is enough."""
    memory = Memory()
    first = created(memory)
    second = created(memory, previous_response_id=first["id"], input="a stone wall")
    (call, _message) = second["output"]
    assert call["action"] == "edit"
    assert second["tool_usage"]["image_gen"]["input_tokens_details"]["image_tokens"] == 640
    assert second["usage"]["input_tokens"] > first["usage"]["total_tokens"]
    assert image_of(second).tobytes() != image_of(first).tobytes()


def test_a_picture_that_is_sent_is_edited_where_its_mask_says() -> None:
    """As data URLs; outside the mask it changes little."""
    before = picture(SMALL)
    hole = (256, 160, 768, 480)
    tool = TOOL | {"input_image_mask": {"image_url": data_url(mask(SMALL, hole))}}
    content = message({"type": "input_image", "detail": "auto", "image_url": data_url(before)})
    after = image_of(created(Memory(), input=content, tools=[tool]))

    def drift(box: tuple[int, int, int, int]) -> float:
        pairs = zip(before.crop(box).tobytes(), after.crop(box).tobytes(), strict=True)
        total = [abs(a - b) for a, b in pairs]
        return sum(total) / len(total)

    assert drift((0, 0, 1024, 150)) < 5 < drift((300, 200, 700, 440))


def test_a_response_in_the_background_is_made_when_it_is_asked_for() -> None:
    """Queued, in progress, completed; then always the same."""
    memory = Memory()
    document = created(memory, background=True)
    assert (document["status"], document["output"], pictures_in(memory)) == ("queued", [], 0)
    path = f"/{document['id']}"
    replies = [ask(memory, path)[1] for _number in range(3)]
    assert [reply["status"] for reply in replies] == ["in_progress", "completed", "completed"]
    assert replies[1] == replies[2] and pictures_in(memory) == 1
    assert image_of(replies[1]).size == SMALL


def test_a_cancelled_response_makes_nothing() -> None:
    """A finished one stays as it is."""
    memory = Memory()
    path = f"/{created(memory, background=True)['id']}"
    assert ask(memory, path + "/cancel", {})[1]["status"] == "cancelled"
    assert ask(memory, path)[1]["status"] == "cancelled" and pictures_in(memory) == 0
    finished = f"/{created(memory, background=True)['id']}"
    ask(memory, finished)
    ask(memory, finished)
    assert ask(memory, finished + "/cancel", {})[1]["status"] == "completed"


def test_too_few_words_end_it_without_a_picture() -> None:
    """Incomplete, and billed for the words."""
    document = created(Memory(), max_output_tokens=100)
    assert document["status"] == "incomplete" and document["output"] == []
    assert document["incomplete_details"] == {"reason": "max_output_tokens"}
    assert document["usage"]["output_tokens"] == 100


def test_what_is_not_stored_cannot_be_found_again() -> None:
    """Neither fetched nor followed."""
    memory = Memory()
    id = created(memory, store=False)["id"]
    assert ask(memory, f"/{id}")[0] == 404
    refused = ask(memory, "", BODY | {"previous_response_id": id})
    assert error_of(refused)[2] == "previous_response_not_found"


def test_a_memory_is_not_shared_and_not_endless() -> None:
    """As the service's is not: others do not see it, and it forgets."""
    memory = Memory(things_max=3)
    id = created(memory)["id"]
    assert ask(Memory(), f"/{id}")[0] == 404
    for _number in range(3):
        created(memory, background=True)
    assert ask(memory, f"/{id}")[0] == 404


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"model": "gpt-99"}, "model_not_found", "model"),
        ({"model": FLARE}, "model_not_found", "model"),
        ({"tools": []}, "unsupported_in_sandbox", "tools"),
        ({"tools": [{"type": "web_search"}]}, "unsupported_in_sandbox", "tools"),
        ({"stream": True}, "unsupported_in_sandbox", "stream"),
        ({"conversation": "conv_1"}, "unsupported_in_sandbox", "conversation"),
        ({"prompts": "x"}, "unknown_parameter", "prompts"),
        ({"input": None}, "missing_required_parameter", "input"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
            "unsupported_in_sandbox",
            "input",
        ),
        ({"input": " "}, "empty_string", "prompt"),
        ({"background": True, "store": False}, "invalid_value", "background"),
        ({"background": "yes"}, "invalid_type", "background"),
        ({"max_output_tokens": 3}, "integer_below_min_value", "max_output_tokens"),
        ({"previous_response_id": "resp_1"}, "previous_response_not_found", "previous_response_id"),
        ({"tools": [TOOL | {"action": "edit"}]}, "invalid_value", "tools[0].action"),
        ({"tools": [TOOL | {"size": "512x512"}]}, "invalid_value", "size"),
        ({"tools": [TOOL | {"n": 2, "style": "x"}]}, "unknown_parameter", "style"),
    ],
)
def test_what_the_api_refuses_is_refused(changes: dict[str, Any], code: str, param: str) -> None:
    """With the API's codes, and nothing is made."""
    memory = Memory()
    body = {name: value for name, value in (BODY | changes).items() if value is not None}
    answer = ask(memory, "", body)
    status, _type, found, about = error_of(answer)
    assert (found, about) == (code, param) and status in (400, 404)
    assert pictures_in(memory) == 0


def test_other_methods_and_addresses_are_refused() -> None:
    """By their status."""
    memory = Memory()
    id = created(memory)["id"]
    assert ask(memory, "", None, "GET")[0] == 405
    assert ask(memory, f"/{id}", {}, "POST")[0] == 405
    assert ask(memory, f"/{id}/input_items", None, "GET")[0] == 404
    assert error_of(ask(memory, f"/{id}/cancel", {}))[0] == 400
