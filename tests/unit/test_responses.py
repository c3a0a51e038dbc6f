# SPDX-License-Identifier: GPL-3.0-or-later
"""The Responses API's shapes: what a turn is sent as, and what is believed of a response."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import gradient_png

from scumble import responses
from scumble.errors import (
    BadReply,
    ModerationBlocked,
    ModerationBlockedAfterwards,
    NoPictureMade,
    ServiceRefusal,
)
from scumble.request import Picture
from scumble.turns import Before, Made, Said
from tests.unit.conversations_cases import (
    CATALOG,
    EDIT,
    FLARE,
    HANDLE,
    IMAGE_USAGE,
    LUNA,
    PNG,
    REQUEST,
    SIZE,
    TEXT_USAGE,
    TURN,
    picture_call,
    response,
)

MASK = b"\x89PNG a mask"


def sent(turn: Any) -> dict[str, Any]:
    call = responses.encode(turn, FLARE, LUNA)
    assert call.path == "/responses" and call.json is not None
    assert "door" not in repr(call)
    return call.json


def test_a_turn_is_one_use_of_the_tool_within_bounds() -> None:
    """What could make it dearer than its reservation is bounded, and what is left out is no one's choice."""
    body = sent(TURN)
    assert body["max_tool_calls"] == 1 and body["parallel_tool_calls"] is False
    assert body["max_output_tokens"] == TURN.output_tokens_max
    assert (body["store"], body["background"], body["truncation"]) == (True, False, "disabled")
    assert body["model"] == LUNA.id and body["reasoning"] == {"effort": LUNA.effort}
    (tool,) = body["tools"]
    assert body["tool_choice"] == {"type": tool["type"]} == {"type": "image_generation"}
    assert (tool["model"], tool["size"], tool["quality"]) == (FLARE.id, "1024x768", "medium")
    assert tool["action"] == "generate" and "previous_response_id" not in body


def test_an_edit_brings_its_pictures_and_its_mask() -> None:
    """As data URLs: the picture in the message, the mask in the tool."""
    body = sent(replace(EDIT, request=replace(EDIT.request, mask=Picture(SIZE, MASK))))
    (message,) = body["input"]
    words, picture = message["content"]
    assert words == {"type": "input_text", "text": REQUEST.prompt}
    assert picture["image_url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert body["tools"][0]["action"] == "edit"
    mask = body["tools"][0]["input_image_mask"]["image_url"]
    assert base64.b64decode(mask.partition(",")[2]) == MASK


def test_a_later_turn_names_the_one_before() -> None:
    """And nothing of that is sent again."""
    later = replace(
        TURN,
        request=replace(REQUEST, kind="edit"),
        before=Before(HANDLE, (SIZE,), 10, 10),
        in_background=True,
    )
    body = sent(later)
    assert body["previous_response_id"] == HANDLE and body["background"] is True
    assert len(body["input"][0]["content"]) == 1


def test_complexity_is_said_where_the_model_has_one() -> None:
    """Left out, it would be how much the text model thinks."""
    model = CATALOG.find("gpt-image-2.6-flare")
    turn = replace(TURN, request=replace(REQUEST, model=model.id))
    body = responses.encode(turn, model, LUNA).json
    assert body is not None
    tools: Any = body["tools"]
    assert tools[0]["complexity"] == "high"
    assert "complexity" not in sent(TURN)["tools"][0]


def test_a_finished_response_gives_its_picture_and_its_counts() -> None:
    """Byte for byte, with what both models used."""
    answer = responses.decode(response(), REQUEST)
    assert answer.pictures == (PNG,)
    assert (answer.media_type, answer.size, answer.quality) == ("image/png", SIZE, "medium")
    assert answer.created == 1_795_363_200
    assert responses.counted(response()) == (Made(20, 0, 301), Said(2_600, 200, 1_000, 600))


def test_cached_tokens_of_the_image_model_are_told_apart() -> None:
    """They are cheaper here, unlike at the Images API."""
    cached = IMAGE_USAGE | {"cached_tokens_details": {"cached_text_tokens": 12, "cached_image_tokens": 0}}
    made, _said = responses.counted(response(tool_usage={"image_gen": cached}))
    assert made == Made(20, 0, 301, text_cached=12)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"image_gen": None},
        {"image_gen": IMAGE_USAGE | {"output_tokens": 0}},
        {"image_gen": IMAGE_USAGE | {"output_tokens": -1}},
        {"image_gen": IMAGE_USAGE | {"input_tokens_details": None}},
        {"image_gen": IMAGE_USAGE | {"output_tokens": 10**12}},
    ],
)
def test_counts_that_cannot_be_true_are_no_counts(usage: object) -> None:
    """A picture is there, so it was made of something."""
    made, said = responses.counted(response(tool_usage=usage))
    assert made is None and said is not None


def test_where_nothing_was_to_be_made_nothing_counted_is_nothing() -> None:
    """Words alone."""
    made, said = responses.counted(response(output=[], tool_usage=None))
    assert made == Made(0, 0, 0) and said is not None


@pytest.mark.parametrize(
    ("body", "status", "under_way"),
    [
        (response("queued"), "queued", True),
        (response("in_progress"), "in_progress", True),
        (response(), "completed", False),
        (response("failed"), "failed", False),
        (response("Something New!"), "", False),
    ],
)
def test_a_response_says_how_far_it_is(body: bytes, status: str, under_way: bool) -> None:
    """And by which name it is asked for."""
    ticket = responses.ticket(body)
    assert ticket is not None
    assert (ticket.handle, ticket.status, ticket.under_way) == (HANDLE, status, under_way)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", response(object="list"), response(id="../../models"), response(id=7)],
)
def test_what_is_no_response_has_no_name(body: bytes) -> None:
    """A name goes into an address, so it must look like one."""
    assert responses.ticket(body) is None


@pytest.mark.parametrize("name", ["../models", "resp 1", "", "a" * 201, "resp_1?x", "batch_1/line-7"])
def test_an_address_is_made_of_names_only(name: str) -> None:
    """Nothing else comes into a path."""
    with pytest.raises(ValueError, match="letters"):
        responses.answer_path(name)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"output": [], "status": "completed"}, NoPictureMade),
        ({"output": [{"type": "message", "content": []}]}, NoPictureMade),
        ({"output": [], "status": "cancelled"}, NoPictureMade),
        (
            {"output": [], "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            NoPictureMade,
        ),
        (
            {"output": [], "status": "failed", "error": {"code": "server_error", "message": "x"}},
            NoPictureMade,
        ),
        (
            {"output": [], "status": "failed", "error": {"code": "image_content_policy_violation"}},
            ModerationBlocked,
        ),
        (
            {
                "output": [
                    picture_call(
                        result="",
                        status="failed",
                        error={
                            "code": "moderation_blocked",
                            "moderation_details": {"moderation_stage": "output"},
                        },
                    )
                ]
            },
            ModerationBlockedAfterwards,
        ),
    ],
)
def test_an_end_without_a_picture_says_why(changes: dict[str, object], kind: type[ServiceRefusal]) -> None:
    """In words of ours; the service's might quote the prompt."""
    with pytest.raises(ServiceRefusal) as caught:
        responses.decode(response(**changes), REQUEST)
    assert type(caught.value) is kind


def test_the_services_own_words_are_not_shown() -> None:
    """Only its codes are."""
    error = {"code": "a small red door", "message": "a small red door"}
    with pytest.raises(NoPictureMade) as caught:
        responses.decode(response("failed", error=error), REQUEST)
    assert "door" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b'{"data": []}',
        b"\xff\xfe",
        response("strange", output=[]),
        response(output=[picture_call(gradient_png(768, 1024))]),
        response(output=[picture_call(PNG[:-30])]),
        response(output=[picture_call(b"no picture")]),
        response(output=[picture_call(result="%%%")]),
        response(output=[picture_call(), picture_call(gradient_png(768, 1024))]),
        response(output=[picture_call()] * 11),
    ],
)
def test_what_is_not_what_was_asked_for_is_a_bad_reply(body: bytes) -> None:
    """The checks of the Images API's pictures hold here too."""
    with pytest.raises(BadReply):
        responses.decode(body, REQUEST)


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    changes=st.dictionaries(
        st.sampled_from(
            ["id", "status", "output", "usage", "tool_usage", "error", "incomplete_details", "created_at"]
        ),
        _ANYTHING,
    ),
    item=st.dictionaries(st.sampled_from(["result", "quality", "error", "status"]), _ANYTHING),
    usage=st.dictionaries(st.sampled_from(list(TEXT_USAGE)), _ANYTHING),
)
def test_no_shape_of_a_response_is_more_than_an_error(
    changes: dict[str, object], item: dict[str, object], usage: dict[str, object]
) -> None:
    """Whatever stands where: an answer, or an error of the tree."""
    document = json.loads(response(output=[picture_call() | item], usage=TEXT_USAGE | usage)) | changes
    body = json.dumps(document).encode()
    responses.ticket(body)
    responses.counted(body)
    with contextlib.suppress(BadReply, ServiceRefusal):
        assert responses.decode(body, REQUEST).size == SIZE
