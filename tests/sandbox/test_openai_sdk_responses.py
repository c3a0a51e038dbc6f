# SPDX-License-Identifier: GPL-3.0-or-later
"""The unmodified openai SDK holds a conversation about pictures with the sandbox's server."""

from __future__ import annotations

import base64
import io
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from openai.types.responses.response_output_item import ImageGenerationCall
from PIL import Image

TOOL: Any = {
    "type": "image_generation",
    "model": "gpt-image-2.5-flare",
    "size": "1024x640",
    "quality": "low",
}


def picture_of(reply: Response) -> Image.Image:
    (call,) = [item for item in reply.output if isinstance(item, ImageGenerationCall)]
    image = Image.open(io.BytesIO(base64.b64decode(call.result or "")))
    image.load()
    return image


def create(client: openai.OpenAI, words: Any, **options: Any) -> Response:
    return client.responses.create(model="gpt-6-luna", input=words, tools=[TOOL], **options)


def test_a_conversation_goes_on_by_the_name_of_its_last_response(client: openai.OpenAI) -> None:
    """Decoded by the SDK's own types, both models' usage included."""
    first = create(client, "oak planks")
    second = create(client, "with moss on them", previous_response_id=first.id)
    assert picture_of(first).size == picture_of(second).size == (1024, 640)
    assert picture_of(first).tobytes() != picture_of(second).tobytes()
    assert second.previous_response_id == first.id
    assert second.usage is not None and first.usage is not None
    assert second.usage.input_tokens > first.usage.total_tokens
    assert second.tool_usage is not None
    assert second.tool_usage.image_gen.input_tokens_details.image_tokens == 640
    assert second.output_text == ""


def test_a_response_in_the_background_is_retrieved(client: openai.OpenAI) -> None:
    """As the SDK's guide does: asked for while it is queued or in progress."""
    reply = create(client, "oak planks", background=True)
    seen = [reply.status]
    while reply.status in ("queued", "in_progress"):
        reply = client.responses.retrieve(reply.id)
        seen.append(reply.status)
    assert seen == ["queued", "in_progress", "completed"]
    assert picture_of(reply).size == (1024, 640)


def test_a_response_in_the_background_is_cancelled(client: openai.OpenAI) -> None:
    """Then it stays so."""
    reply = create(client, "oak planks", background=True)
    assert client.responses.cancel(reply.id).status == "cancelled"
    assert client.responses.retrieve(reply.id).status == "cancelled"


def test_a_picture_is_sent_along(client: openai.OpenAI) -> None:
    """In the message, as a data URL."""
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((512, 320)).save(file, "PNG")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    content = [
        {"type": "input_text", "text": "a stone wall"},
        {"type": "input_image", "detail": "auto", "image_url": url},
    ]
    reply = create(client, [{"role": "user", "content": content}])
    (call,) = [item for item in reply.output if isinstance(item, ImageGenerationCall)]
    assert call.action == "edit" and picture_of(reply).size == (1024, 640)


def test_refusals_are_the_sdks_own_errors(client: openai.OpenAI) -> None:
    """Not found, and a bad request with its code."""
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_of_another_time")
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, "oak planks", previous_response_id="resp_of_another_time")
    assert caught.value.code == "previous_response_not_found"
