# SPDX-License-Identifier: GPL-3.0-or-later
"""The unmodified openai SDK works with the sandbox's server as with the service."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import openai
import pytest
from openai.types import ImagesResponse
from PIL import Image, ImageChops, ImageDraw, ImageStat
from servers import FaultServer, refused_port, stalls

FLARE = "gpt-image-2.5-flare"
WITH_GIF = "gpt-image-2.6-flare"
SIZE = (1024, 640)


def photo(size: tuple[int, int] = SIZE) -> Image.Image:
    """Every pixel tells where it is."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    return Image.merge("RGB", (across, Image.linear_gradient("L").resize(size), across))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def masked(size: tuple[int, int] = SIZE) -> Image.Image:
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    ImageDraw.Draw(mask).ellipse((300, 200, 700, 500), fill=(0, 0, 0, 0))
    return mask


def pictures(reply: ImagesResponse) -> list[Image.Image]:
    assert reply.data is not None
    opened = [Image.open(io.BytesIO(base64.b64decode(each.b64_json or ""))) for each in reply.data]
    for image in opened:
        image.load()
    return opened


def opened(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


def pictures_text(reply: ImagesResponse) -> str | None:
    assert reply.data is not None
    return reply.data[0].b64_json


def error_body(caught: pytest.ExceptionInfo[openai.APIStatusError]) -> dict[str, Any]:
    """The envelope, which the SDK gives unpacked; with the request's id from its header."""
    assert isinstance(caught.value.body, dict)
    assert caught.value.request_id
    return dict(caught.value.body)


def test_a_picture_is_generated(client: openai.OpenAI) -> None:
    """Decoded by the SDK's own types, every field in its place."""
    reply = client.images.generate(
        model=FLARE,
        prompt="an old brick wall",
        size="1024x640",
        quality="low",
        background="opaque",
        output_format="png",
        moderation="low",
    )
    (image,) = pictures(reply)
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", SIZE)
    assert (reply.size, reply.quality, reply.background) == ("1024x640", "low", "opaque")
    assert reply.output_format == "png" and reply.created == 1_795_348_800
    assert reply.usage is not None and reply.usage.output_tokens_details is not None
    assert reply.usage.input_tokens == reply.usage.input_tokens_details.text_tokens == 5 + 6
    assert reply.usage.output_tokens == reply.usage.output_tokens_details.image_tokens == 107
    assert reply.usage.total_tokens == 118


def test_several_pictures_come_at_once_and_differ(client: openai.OpenAI) -> None:
    """n = 2."""
    reply = client.images.generate(model=FLARE, prompt="moss", n=2, size="1024x640", quality="low")
    first, second = pictures(reply)
    assert first.tobytes() != second.tobytes()


def test_a_picture_is_edited_with_a_mask(client: openai.OpenAI) -> None:
    """As multipart, the way the SDK sends it: painted inside, a little changed outside."""
    before = photo()
    reply = client.images.edit(
        model=FLARE,
        image=("photo.png", png(before), "image/png"),
        mask=("mask.png", png(masked()), "image/png"),
        prompt="a mossy stone wall",
        size="1024x640",
        quality="medium",
    )
    (after,) = pictures(reply)
    assert after.size == before.size
    outside = [
        bytes(a) for a in (before.crop((0, 0, 1024, 190)).tobytes(), after.crop((0, 0, 1024, 190)).tobytes())
    ]
    drift = sum(abs(a - b) for a, b in zip(*outside, strict=True)) / len(outside[0])
    assert 1 < drift < 4
    inside = [image.getpixel((500, 350)) for image in (before, after)]
    assert inside[0] != inside[1]
    assert reply.usage is not None
    assert reply.usage.input_tokens_details.image_tokens == 640


def test_several_pictures_are_sent(client: openai.OpenAI) -> None:
    """As image[], each counted."""
    images = [(f"{number}.png", png(photo((256, 256))), "image/png") for number in range(3)]
    reply = client.images.edit(model=FLARE, image=images, prompt="together", size="1024x640", quality="low")
    assert pictures(reply)[0].size == SIZE
    assert reply.usage is not None and reply.usage.input_tokens_details.image_tokens == 3 * 256


def test_a_transparent_picture_is_made(client: openai.OpenAI) -> None:
    """As WebP, which needs Pillow here."""
    reply = client.images.generate(
        model=FLARE,
        prompt="a gold star",
        size="1024x640",
        quality="low",
        background="transparent",
        output_format="webp",
        output_compression=90,
    )
    (image,) = pictures(reply)
    assert (image.format, image.mode) == ("WEBP", "RGBA")
    assert image.getchannel("A").getextrema() == (0, 255)
    assert reply.background == "transparent"


def coarseness(image: Image.Image, last: Image.Image) -> float:
    """Mean difference from the finished picture, and that nothing has moved: shifted, it would be larger."""

    def difference(moved: Image.Image) -> float:
        return float(ImageStat.Stat(ImageChops.difference(moved, last.convert("RGB"))).mean[0])

    there = difference(image.convert("RGB"))
    assert there < difference(ImageChops.offset(image.convert("RGB"), 32, 0))
    assert there < difference(ImageChops.offset(image.convert("RGB"), 0, 32))
    return there


def test_a_generation_streams_partial_pictures(client: openai.OpenAI) -> None:
    """Each finer than the one before, in its place, and the finished one last with what all of it used."""
    whole = client.images.generate(model=FLARE, prompt="oak planks", size="1024x640", quality="low")
    events = list(
        client.images.generate(
            model=FLARE, prompt="oak planks", size="1024x640", quality="low", stream=True, partial_images=2
        )
    )
    assert [each.type for each in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    first, second, last = (opened(each.b64_json) for each in events)
    assert events[-1].b64_json == pictures_text(whole)
    assert first.size == second.size == last.size == SIZE
    assert coarseness(first, last) > coarseness(second, last) > 0
    assert [each.partial_image_index for each in events if each.type.endswith("partial_image")] == [0, 1]
    for each in events:
        assert (each.size, each.quality, each.output_format) == ("1024x640", "low", "png")
        assert each.background == "opaque" and each.created_at == whole.created
    finished = events[-1]
    assert finished.type == "image_generation.completed" and whole.usage is not None
    assert finished.usage.output_tokens == whole.usage.output_tokens + 200
    assert finished.usage.input_tokens == whole.usage.input_tokens
    assert not hasattr(finished.usage, "output_tokens_details")


def test_an_edit_streams_partial_pictures(client: openai.OpenAI) -> None:
    """With a mask, as a form, under an edit's names; one partial picture, transparent like the last."""
    before = photo()
    events = list(
        client.images.edit(
            model=FLARE,
            image=("photo.png", png(before), "image/png"),
            mask=("mask.png", png(masked()), "image/png"),
            prompt="a gold star",
            size="1024x640",
            quality="medium",
            background="transparent",
            stream=True,
            partial_images=1,
        )
    )
    assert [each.type for each in events] == ["image_edit.partial_image", "image_edit.completed"]
    partial, last = (opened(each.b64_json) for each in events)
    assert partial.mode == last.mode == "RGBA" and partial.size == last.size == before.size


def test_a_stream_without_partial_pictures_has_the_finished_one(client: openai.OpenAI) -> None:
    """As JPEG, and its identifier comes back."""
    stream = client.images.generate(
        model=FLARE,
        prompt="a door",
        size="1024x640",
        quality="low",
        output_format="jpeg",
        stream=True,
        safety_identifier="h4sh",
    )
    (only,) = list(stream)
    assert only.type == "image_generation.completed" and only.safety_identifier == "h4sh"
    assert opened(only.b64_json).format == "JPEG"


@pytest.mark.parametrize(
    ("options", "param"),
    [({"partial_images": 4, "stream": True}, "partial_images"), ({"partial_images": 1}, "partial_images")],
)
def test_a_bad_stream_is_a_bad_request(client: openai.OpenAI, options: dict[str, Any], param: str) -> None:
    """With a status of its own, before any event."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model=FLARE, prompt="a door", size="1024x640", **options)
    assert caught.value.param == param


def test_a_gif_is_made(client: openai.OpenAI) -> None:
    """With its frames and their durations."""
    reply = client.images.generate(
        model=WITH_GIF,
        prompt="moss",
        size="400x272",
        output_format="gif",
        frame_count=3,
        frame_duration_ms=90,
    )
    assert reply.data is not None and reply.output_format == "gif"
    with Image.open(io.BytesIO(base64.b64decode(reply.data[0].b64_json or ""))) as image:
        assert (image.format, image.size, image.info["duration"]) == ("GIF", (400, 272), 90)
        assert getattr(image, "n_frames") == 3  # noqa: B009 - only some formats of Pillow have it


@pytest.mark.parametrize("edits", [False, True], ids=["generate", "edit"])
def test_an_svg_is_drawn_by_the_author_that_is_named(client: openai.OpenAI, edits: bool) -> None:
    """In JSON, and in the form as the SDK writes what is nested; its tokens are counted apart."""
    asked: dict[str, Any] = {
        "model": WITH_GIF, "prompt": "moss", "size": "1024x640", "output_format": "svg",
        "svg": {"model": "some-author", "reasoning": {"effort": "low"}},
    }  # fmt: skip
    if edits:
        reply = client.images.edit(image=png(photo()), **asked)
    else:
        reply = client.images.generate(**asked)
    assert reply.data is not None and reply.svg_usage is not None
    assert base64.b64decode(reply.data[0].b64_json or "").startswith(b"<svg ")
    assert reply.svg_usage.model == "some-author" and reply.svg_usage.total_tokens > 0


def test_a_markup_layer_is_followed(client: openai.OpenAI) -> None:
    """As a file of its own; a GIF with a mask is refused."""
    strokes = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    strokes.paste((255, 0, 0, 255), (300, 200, 700, 500))
    asked: dict[str, Any] = {"model": WITH_GIF, "image": png(photo()), "prompt": "moss"}
    (image,) = pictures(client.images.edit(**asked, markup=png(strokes), size="1024x640"))
    assert image.size == SIZE
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(**asked, mask=png(masked()), size="400x272", output_format="gif")
    assert error_body(caught)["param"] == "mask"


def test_models_are_listed(client: openai.OpenAI) -> None:
    """With the dates on which they end, and one by one."""
    ends = {model.id: model.shutdown_date for model in client.models.list()}
    assert ends[FLARE] is None and ends["gpt-image-1-mini"] == "2026-12-01"
    assert client.models.retrieve(FLARE).owned_by == "openai"


@pytest.mark.parametrize(
    ("options", "code", "param"),
    [
        ({"size": "512x512"}, "invalid_value", "size"),
        ({"quality": "max", "model": "gpt-image-2"}, "invalid_value", "quality"),
        ({"background": "transparent", "output_format": "jpeg"}, "invalid_value", "background"),
        ({"prompt": ""}, "empty_string", "prompt"),
        ({"n": 11}, "integer_above_max_value", "n"),
        ({"extra_body": {"style": "vivid"}}, "unknown_parameter", "style"),
        ({"extra_body": {"stream": True, "n": 2}}, "unsupported_in_sandbox", "stream"),
    ],
)
def test_a_bad_generation_is_a_bad_request(
    client: openai.OpenAI, options: dict[str, Any], code: str, param: str
) -> None:
    """With code and parameter in the SDK's own error."""
    asked: dict[str, Any] = {
        "model": FLARE,
        "prompt": "a small red door",
        "size": "1024x640",
        "quality": "low",
    }
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(**(asked | options))
    assert (caught.value.code, caught.value.param) == (code, param)
    assert set(error_body(caught)) == {"message", "type", "param", "code"}
    assert "door" not in str(caught.value)


@pytest.mark.parametrize(
    ("image", "mask", "code"),
    [
        (b"no picture", None, "invalid_image_file"),
        (png(photo((96, 64)))[:-60], None, "invalid_image_file"),
        (png(photo((96, 64))), png(masked((64, 96))), "invalid_mask_image_format"),
        (png(photo((96, 64))), png(photo((96, 64))), "invalid_mask_image_format"),
    ],
    ids=["not a picture", "cut off", "mask of another size", "mask without alpha"],
)
def test_a_bad_picture_is_a_bad_request(
    client: openai.OpenAI, image: bytes, mask: bytes | None, code: str
) -> None:
    """Picture or mask."""
    more: dict[str, Any] = {} if mask is None else {"mask": ("mask.png", mask, "image/png")}
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(
            model=FLARE,
            image=("photo.png", image, "image/png"),
            prompt="a small red door",
            size="1024x640",
            **more,
        )
    assert caught.value.code == code
    assert error_body(caught)["type"] == "image_generation_user_error"


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-3", "gpt-image-99"])
def test_unknown_and_ended_models_are_not_found(client: openai.OpenAI, model: str) -> None:
    """For generations, edits and the list."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.images.generate(model=model, prompt="a door")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.images.edit(model=model, prompt="a door", image=png(photo((96, 64))))
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(model)


@pytest.mark.parametrize("authorization", ["sk-made-up", "Basic c2s6", "Bearer two words"])
def test_a_malformed_key_is_refused(client: openai.OpenAI, authorization: str) -> None:
    """As an authentication error."""
    with pytest.raises(openai.AuthenticationError) as caught:
        client.images.generate(model=FLARE, prompt="a door", extra_headers={"Authorization": authorization})
    assert caught.value.code == "invalid_api_key"
    assert authorization not in json.dumps(caught.value.body)


def test_a_body_above_the_bound_is_refused(client: openai.OpenAI) -> None:
    """413, and the next request on the same client works."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.edit(model=FLARE, prompt="a door", image=bytes(3_000_000))
    assert caught.value.status_code == 413
    assert client.models.retrieve(FLARE).id == FLARE


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("moderation_blocked", openai.BadRequestError),
        ("billing_hard_limit_reached", openai.BadRequestError),
        ("unsupported_country_region_territory", openai.PermissionDeniedError),
        ("conflict", openai.ConflictError),
        ("unprocessable", openai.UnprocessableEntityError),
        ("rate_limit_exceeded", openai.RateLimitError),
        ("insufficient_quota", openai.RateLimitError),
        ("credit_balance_exhausted", openai.RateLimitError),
        ("organization_spend_limit_exceeded", openai.RateLimitError),
        ("project_spend_limit_exceeded", openai.RateLimitError),
        ("server_error", openai.InternalServerError),
        ("server_is_overloaded", openai.InternalServerError),
    ],
)
def test_every_refusal_can_be_rehearsed(
    client: openai.OpenAI, code: str, kind: type[openai.APIStatusError]
) -> None:
    """With its status, type and code as the service sends them; what passes says when."""
    with pytest.raises(kind) as caught:
        client.images.generate(
            model=FLARE, prompt="a door", size="1024x640", extra_headers={"x-scumble-rehearse": code}
        )
    assert type(caught.value) is kind and caught.value.code == code
    passes = code in ("rate_limit_exceeded", "server_is_overloaded")
    assert caught.value.response.headers.get("retry-after") == ("1" if passes else None)


def test_an_unknown_rehearsal_names_those_there_are(client: openai.OpenAI) -> None:
    """As a bad request."""
    with pytest.raises(openai.BadRequestError, match="rate_limit_exceeded"):
        client.models.list(extra_headers={"x-scumble-rehearse": "nonsense"})


def test_a_sandbox_that_is_not_there_is_a_connection_error(client: openai.OpenAI) -> None:
    """And one that does not answer in time is a timeout, as with the service."""
    with refused_port() as port:
        nobody = client.with_options(base_url=f"http://127.0.0.1:{port}/v1")
        with pytest.raises(openai.APIConnectionError):
            nobody.models.list()
    with FaultServer(stalls()) as server:
        silent = client.with_options(base_url=server.base_url, timeout=0.2)
        with pytest.raises(openai.APITimeoutError):
            silent.models.list()
