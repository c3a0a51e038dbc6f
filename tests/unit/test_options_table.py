# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option of every live model, alone and in pairs: what the check lets through the service takes, and
what it refuses the service would not have taken. The sandbox stands for the service."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble import formats, wire
from scumble.catalog import Model, load
from scumble.errors import BadRequest
from scumble.request import Picture, Request, check
from scumble.sandbox import forms, rules, service
from scumble.sandbox.faults import ApiError
from scumble.shapes import Size
from tests.servers import gradient_png
from tests.unit.sandbox_cases import BOUNDARY, HEADERS, NOW, encoded, form, mask

CATALOG = load()
TODAY = date(2026, 11, 22)
LIVE = CATALOG.live(TODAY)
WITH_ALL = CATALOG.find("gpt-image-2.6-flare")
SMALL = Size(16, 16)
PHOTO = Picture(SMALL, gradient_png(*SMALL))
OVERLAY = Picture(SMALL, encoded(mask(SMALL, (2, 3, 9, 9))), name="overlay.png")
USUAL = Size(1024, 1024)

# Each option with values that some model takes and some that none does.
VALUES: dict[str, tuple[object, ...]] = {
    "kind": ("generate", "edit"),
    "n": (1, 2, 10, 0, 11),
    "size": (USUAL, Size(1536, 864), Size(720, 720), Size(960, 960), None, Size(512, 512), Size(1000, 1000)),
    "quality": ("low", "medium", "high", "xhigh", "max", "auto", "ultra"),
    "background": ("auto", "opaque", "transparent", "glass"),
    "output_format": ("png", "jpeg", "webp", "gif", "svg", "bmp"),
    "output_compression": (None, 0, 60, 100, 101),
    "moderation": ("auto", "low", "none"),
    "complexity": (None, "low", "high", "huge"),
    "safety_identifier": (None, "5f2a"),
    "frames": (None, 2, 12, 16, 1, 17),
    "frame_ms": (None, 10, 655_350, 9),
    "svg_author": (None, "some-author"),
    "mask": (None, OVERLAY),
    "markup": (None, OVERLAY),
    "images": ((PHOTO,), (PHOTO,) * 16, (PHOTO,) * 17),
}
OF_EDITS = ("mask", "markup", "images")


def asked(model: Model, **values: Any) -> Request:
    """A request for a small edit or a new picture with some of its fields set."""
    whole = {"kind": "generate", "size": USUAL, "quality": "low"} | values
    if whole["kind"] == "edit":
        whole.setdefault("images", (PHOTO,))
    else:
        whole = {name: value for name, value in whole.items() if name not in OF_EDITS}
    return Request(model=model.id, prompt="oak planks", **whole)


def body_of(call: wire.Call) -> tuple[str, bytes]:
    """The call's media type and body."""
    if call.json is not None:
        return "application/json", json.dumps(call.json).encode()
    files = [(name, data) for name, _file_name, data, _media_type in call.files]
    return f"multipart/form-data; boundary={BOUNDARY}", form(dict(call.fields), files)


def refusal_here(request: Request, model: Model) -> str:
    """Why the check refuses it, "" when it does not."""
    try:
        check(request, model, TODAY)
    except BadRequest as error:
        return str(error)
    return ""


def refusal_there(request: Request) -> str:
    """Why the service refuses it, "" when it does not."""
    try:
        content_type, body = body_of(wire.encode(request))
        parsed = forms.parse(content_type, body, files_allowed=request.kind == "edit")
        rules.check(request.kind, parsed, CATALOG, TODAY)
    except ApiError as error:
        return error.message
    except BadRequest as error:
        return f"it cannot be written down: {error}"
    return ""


def pairs() -> Iterator[dict[str, object]]:
    for first, second in itertools.combinations(VALUES, 2):
        for one, other in itertools.product(VALUES[first], VALUES[second]):
            yield {first: one, second: other}


def agree(request: Request, model: Model) -> None:
    here, there = refusal_here(request, model), refusal_there(request)
    assert bool(here) == bool(there), f"{request}: here {here!r}, there {there!r}"


@pytest.mark.parametrize("model", LIVE, ids=lambda model: model.id)
def test_each_pair_of_options_is_judged_as_the_service_judges_it(model: Model) -> None:
    """With each value of each two options, on a new picture and on an edit."""
    for values in pairs():
        for kind in (values["kind"],) if "kind" in values else ("generate", "edit"):
            agree(asked(model, **(values | {"kind": kind})), model)


@given(
    st.sampled_from(LIVE),
    st.lists(
        st.one_of(*(st.tuples(st.just(name), st.sampled_from(values)) for name, values in VALUES.items())),
        max_size=6,
    ).map(dict),
    st.one_of(
        st.just(USUAL),
        st.builds(Size, st.integers(0, 4_000), st.integers(0, 4_000)),
        st.builds(lambda w, h: Size(16 * w, 16 * h), st.integers(10, 245), st.integers(10, 245)),
    ),
)
@settings(deadline=None, max_examples=400)
def test_any_request_is_judged_as_the_service_judges_it(
    model: Model, values: dict[str, object], size: Size | None
) -> None:
    """Never sent to be refused, never refused without need."""
    agree(asked(model, **({"size": size} | values)), model)


@given(
    st.sampled_from(LIVE),
    st.sampled_from(["generate", "edit"]),
    st.builds(lambda w, h: Size(16 * w, 16 * h), st.integers(16, 90), st.integers(16, 90)),
    st.integers(2, 16),
)
@settings(deadline=None)
def test_frames_of_any_size_are_judged_alike(model: Model, kind: str, size: Size, frames: int) -> None:
    """Around the limits of the sheet; what is refused for its size is told one that works."""
    request = asked(model, kind=kind, size=size, output_format="gif", frames=frames)
    agree(request, model)


SENT = [
    {"kind": kind, "output_format": format, "background": background, **more}
    for kind in ("generate", "edit")
    for format in formats.MEDIA_TYPES
    for background in ("auto", "transparent")
    for more in ({}, {"n": 2})
]


@pytest.mark.parametrize("values", SENT, ids=lambda values: "-".join(map(str, values.values())))
def test_what_is_let_through_comes_back_and_can_be_read(values: dict[str, Any]) -> None:
    """Each kind of reply: as many pictures as were asked for, of the format and the size."""
    size = Size(272, 272) if values["output_format"] == "gif" else Size(1008, 656)
    request = asked(WITH_ALL, **values, size=size)
    if refusal_here(request, WITH_ALL):
        assert refusal_there(request)
        return
    call = wire.encode(request)
    content_type, body = body_of(call)
    status, _headers, content = service.respond(
        "POST", "/v1" + call.path, HEADERS | {"Content-Type": content_type}, body, now=lambda: NOW
    )
    answer = wire.decode(content, request)
    assert status == 200 and len(answer.pictures) == request.n
    assert answer.media_type == formats.MEDIA_TYPES[request.output_format] and answer.size == size


def test_an_edit_with_everything_is_one_call() -> None:
    """Sixteen pictures, a mask, and each option at an end; as JSON, since the form has no moderation."""
    request = dataclasses.replace(
        asked(WITH_ALL, kind="edit", images=(PHOTO,) * 16, mask=OVERLAY),
        n=10, quality="max", background="transparent", output_format="webp", output_compression=0,
        moderation="low", complexity="high", safety_identifier="5f2a",
    )  # fmt: skip
    agree(request, WITH_ALL)
    assert not refusal_here(request, WITH_ALL)
