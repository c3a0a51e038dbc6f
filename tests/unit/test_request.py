# SPDX-License-Identifier: GPL-3.0-or-later
"""A request is checked against its model before anything is sent, and shows nothing private."""

from __future__ import annotations

import dataclasses
import struct
from datetime import date
from typing import Any

import pytest

from scumble.catalog import load
from scumble.errors import BadPicture, BadRequest, BadSize, ModelEnded, UnsupportedOption
from scumble.request import Picture, Request, check
from scumble.shapes import Size

TODAY = date(2026, 11, 22)
CATALOG = load()
SIZE = Size(1024, 1024)
PROMPT = "a small red door with an iron handle"


def png(size: Size, colour: int = 6) -> bytes:
    """The start of a PNG file: signature and header, no pixels."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", *size, 8, colour, 0, 0, 0)


PHOTO = Picture(SIZE, png(SIZE, 2), name="photo.png")
OVERLAY = Picture(SIZE, png(SIZE), name="overlay.png")
GENERATE = Request("generate", "gpt-image-2.5-flare", PROMPT, SIZE, "medium")
EDIT = dataclasses.replace(GENERATE, kind="edit", images=(PHOTO,))


def checked(request: Request, **changes: Any) -> None:
    changed = dataclasses.replace(request, **changes)
    check(changed, CATALOG.find(changed.model), TODAY)


@pytest.mark.parametrize(
    ("request_", "changes"),
    [
        (GENERATE, {}),
        (GENERATE, {"size": None}),
        (GENERATE, {"quality": "auto"}),
        (GENERATE, {"n": 10}),
        (GENERATE, {"partial_images": 3}),
        (GENERATE, {"prompt": "문" * 32000}),
        (GENERATE, {"background": "transparent"}),
        (GENERATE, {"background": "transparent", "output_format": "webp"}),
        (GENERATE, {"background": "opaque", "output_format": "jpeg", "output_compression": 0}),
        (GENERATE, {"output_format": "webp", "output_compression": 100}),
        (GENERATE, {"moderation": "low"}),
        (GENERATE, {"model": "gpt-image-2.6-sunburst", "complexity": "low"}),
        (GENERATE, {"model": "gpt-image-2.5-flare-2026-09-08"}),
        (GENERATE, {"model": "gpt-image-1.5"}),
        (EDIT, {}),
        (EDIT, {"mask": OVERLAY}),
        (EDIT, {"markup": OVERLAY}),
        (EDIT, {"mask": OVERLAY, "moderation": "low"}),
        (EDIT, {"images": (PHOTO,) * 16}),
        (EDIT, {"images": (Picture(SIZE),)}),
        (EDIT, {"images": (Picture(Size(7, 9), b"\xff\xd8\xff\xe0", "image/jpeg"),)}),
        (EDIT, {"images": (Picture(Size(7, 9), b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),)}),
    ],
)
def test_what_the_models_take_is_let_through(request_: Request, changes: dict[str, Any]) -> None:
    """Every option at its ends, and pictures of all three formats."""
    checked(request_, **changes)


@pytest.mark.parametrize(
    ("request_", "changes", "option", "choices"),
    [
        (GENERATE, {"quality": "ultra"}, "quality", "low, medium, high, xhigh, max, auto"),
        (GENERATE, {"model": "gpt-image-2", "quality": "max"}, "quality", "low, medium, high, auto"),
        (GENERATE, {"n": 0}, "n", "1 – 10"),
        (GENERATE, {"n": 11}, "n", "1 – 10"),
        (GENERATE, {"background": "checkered"}, "background", "auto, opaque, transparent"),
        (GENERATE, {"output_format": "gif"}, "output_format", "png, jpeg, webp"),
        (GENERATE, {"output_format": "jpeg", "output_compression": 101}, "output_compression", "0 – 100"),
        (GENERATE, {"output_format": "jpeg", "output_compression": -1}, "output_compression", "0 – 100"),
        (GENERATE, {"moderation": "none"}, "moderation", "auto, low"),
        (GENERATE, {"partial_images": 4}, "partial_images", "0 – 3"),
        (GENERATE, {"partial_images": -1}, "partial_images", "0 – 3"),
        (GENERATE, {"complexity": "low"}, "complexity", "none"),
        (
            GENERATE,
            {"model": "gpt-image-2.6-flare", "complexity": "huge"},
            "complexity",
            "low, medium, high",
        ),
        (EDIT, {"model": "gpt-image-2", "markup": OVERLAY}, "markup", "none"),
    ],
)
def test_an_option_the_model_lacks_is_refused_with_what_works(
    request_: Request, changes: dict[str, Any], option: str, choices: str
) -> None:
    """The refusal names the option and the values that can be chosen."""
    with pytest.raises(UnsupportedOption) as caught:
        checked(request_, **changes)
    assert caught.value.details["option"] == option
    assert caught.value.details["choices"] == choices


@pytest.mark.parametrize(
    ("request_", "changes", "reason"),
    [
        (GENERATE, {"prompt": ""}, "the prompt is empty"),
        (GENERATE, {"prompt": " \n\t"}, "the prompt is empty"),
        (GENERATE, {"prompt": "x" * 32001}, "the prompt has 32001 characters, and 32000 are the most"),
        (GENERATE, {"prompt": "\udcff"}, "the prompt holds characters that are not text"),
        (GENERATE, {"images": (PHOTO,)}, "takes no input picture"),
        (GENERATE, {"mask": OVERLAY}, "takes no input picture"),
        (EDIT, {"images": ()}, "an edit needs at least one input picture"),
        (EDIT, {"images": (PHOTO,) * 17}, "there are 17 input pictures, and 16 are the most"),
        (EDIT, {"mask": OVERLAY, "markup": OVERLAY}, "cannot be sent together"),
        (EDIT, {"markup": OVERLAY, "moderation": "low"}, "with moderation auto"),
        (GENERATE, {"n": 2, "partial_images": 1}, "one picture at a time"),
        (
            GENERATE,
            {"background": "transparent", "output_format": "jpeg"},
            "a transparent background needs the format png or webp",
        ),
        (GENERATE, {"output_compression": 50}, "compression can be set for the formats jpeg and webp only"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    request_: Request, changes: dict[str, Any], reason: str
) -> None:
    """Each with a reason that says what does not go together."""
    with pytest.raises(BadRequest) as caught:
        checked(request_, **changes)
    assert reason in str(caught.value.details["reason"])


HUGE = b"\x89PNG\r\n\x1a\n" + png(SIZE)[8:] + bytes(50_000_000 - 29)
HUGE_MASK = png(SIZE) + bytes(4_000_000 - 29)


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        (
            {"images": (Picture(SIZE, b"GIF89a", "image/gif", "a.gif"),)},
            "a.gif",
            "neither PNG, JPEG nor WebP",
        ),
        ({"images": (Picture(Size(0, 9), name="a.png"),)}, "a.png", "it has no pixels"),
        ({"images": (PHOTO, Picture(SIZE, b"GIF89a", name="b.png"))}, "b.png", "not what its type says"),
        ({"images": (Picture(Size(9, 9), png(SIZE), name="b.png"),)}, "b.png", "not the one stated"),
        ({"images": (Picture(SIZE, HUGE, name="big.png"),)}, "big.png", "under 50 million bytes"),
        ({"mask": Picture(SIZE, HUGE_MASK, name="mask.png")}, "mask.png", "under 4 million bytes"),
        (
            {"mask": Picture(SIZE, b"\xff\xd8\xff", "image/jpeg", "m.jpg")},
            "m.jpg",
            "it must be a PNG picture",
        ),
        ({"mask": PHOTO}, "photo.png", "it needs an alpha channel"),
        (
            {"mask": Picture(Size(512, 512), name="mask.png")},
            "mask.png",
            "it is 512x512 and the picture it lies on is 1024x1024",
        ),
        ({"markup": PHOTO}, "photo.png", "it needs an alpha channel"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_that_cannot_be_used_is_named_with_the_reason(
    changes: dict[str, Any], name: str, reason: str
) -> None:
    """Format, size, bytes and the mask's alpha are looked at in the file's first bytes."""
    with pytest.raises(BadPicture) as caught:
        checked(EDIT, **changes)
    assert caught.value.details["name"] == name
    assert reason in str(caught.value.details["reason"])


def test_pictures_just_under_the_limits_are_taken() -> None:
    """The limits are "under": one byte less is enough."""
    checked(EDIT, images=(Picture(SIZE, HUGE[:-1]),), mask=Picture(SIZE, HUGE_MASK[:-1]))


def test_an_impossible_size_is_refused_with_the_nearest() -> None:
    """The refusal holds the model, the size, why, and what would work."""
    with pytest.raises(BadSize) as caught:
        checked(GENERATE, size=Size(512, 512))
    assert caught.value.details == {
        "model": "gpt-image-2.5-flare",
        "size": "512x512",
        "reason": "it needs at least 655,360 pixels in all",
        "nearest": "816x816",
    }


def test_a_model_past_its_end_is_refused_with_its_successors() -> None:
    """Before anything else about the request is looked at."""
    with pytest.raises(ModelEnded) as caught:
        checked(GENERATE, model="gpt-image-1", prompt="", quality="ultra")
    assert "gpt-image-2.5-sunburst or gpt-image-2.5-flare" in str(caught.value)


def test_a_model_that_ends_tomorrow_works_today() -> None:
    """The date decides, not a flag."""
    request = dataclasses.replace(GENERATE, model="gpt-image-1-mini")
    check(request, CATALOG.find("gpt-image-1-mini"), date(2026, 11, 30))
    with pytest.raises(ModelEnded):
        check(request, CATALOG.find("gpt-image-1-mini"), date(2026, 12, 1))


def test_a_request_is_not_checked_against_another_model() -> None:
    """That would be a mistake of the program, and would price the wrong thing."""
    with pytest.raises(ValueError, match="not for gpt-image-2"):
        check(GENERATE, CATALOG.find("gpt-image-2"), TODAY)


def test_nothing_private_is_shown() -> None:
    """Neither the prompt, nor the pictures, nor the person's identifier is in a repr or an error."""
    request = dataclasses.replace(EDIT, mask=OVERLAY, safety_identifier="person-17")
    shown = repr(request)
    assert "gpt-image-2.5-flare" in shown and "photo.png" in shown
    for private in (PROMPT, "person-17", "IHDR", "PNG\\r"):
        assert private not in shown
    with pytest.raises(BadRequest) as caught:
        checked(GENERATE, prompt=PROMPT * 1000)
    assert PROMPT not in str(caught.value) + repr(caught.value.details)


def test_the_size_is_written_as_the_service_wants_it() -> None:
    """Width x height, or auto."""
    assert GENERATE.size_text == "1024x1024"
    assert dataclasses.replace(GENERATE, size=None).size_text == "auto"
