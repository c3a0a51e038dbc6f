# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's answers: the API's form, sizes, formats, models and counting, also through requests."""

from __future__ import annotations

import base64
import builtins
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from scumble import catalog, cost, png
from scumble.request import Picture, Request
from scumble.sandbox.adapter import SandboxAdapter
from scumble.sandbox.service import respond
from scumble.shapes import Size
from tests.unit.sandbox_cases import (
    FLARE,
    HEADERS,
    NOW,
    PNG,
    SMALL,
    edit,
    encoded,
    error_of,
    generate,
    generation,
    mask,
    mean_difference,
    picture,
    pixels_of,
    post,
)


class TestReplies:
    def test_a_generation_answers_as_the_api(self) -> None:
        """Every documented key, the settings as used, the picture as asked for."""
        status, reply = generate()
        assert status == 200
        assert set(reply) == {"created", "background", "data", "output_format", "quality", "size", "usage"}
        assert reply["created"] == int(NOW)
        assert (reply["background"], reply["output_format"]) == ("opaque", "png")
        assert (reply["quality"], reply["size"]) == ("low", str(SMALL))
        image = pixels_of(reply)
        assert (image.size, image.mode, image.format) == (SMALL, "RGB", "PNG")

    def test_only_the_time_may_differ(self) -> None:
        """The same request gets the same bytes and the same request id."""
        body = json.dumps(generation()).encode()
        replies = [
            respond("POST", "/v1/images/generations", HEADERS, body, now=lambda at=at: at)  # type: ignore[misc]
            for at in (NOW, NOW + 1)
        ]
        documents = [json.loads(content) for _status, _headers, content in replies]
        assert [document.pop("created") for document in documents] == [int(NOW), int(NOW) + 1]
        assert documents[0] == documents[1]
        assert replies[0][1] == replies[1][1] and replies[0][1]["x-request-id"].startswith("req_")

    def test_several_pictures_differ_and_bill_like_several_calls(self) -> None:
        """Inputs included."""
        _status, one = generate()
        _status, three = generate(n=3)
        assert len({each["b64_json"] for each in three["data"]}) == 3
        assert three["data"][0] == one["data"][0]
        for key in ("input_tokens", "output_tokens", "total_tokens"):
            assert three["usage"][key] == 3 * one["usage"][key]

    def test_auto_is_resolved_and_said(self) -> None:
        """To the expected size and quality of the catalogue, for a model with a range as well."""
        for model in (FLARE, "gpt-image-2.6-sunburst", "gpt-image-2"):
            known = catalog.load().find(model)
            assert known.sizes.auto_sizes and known.output
            _status, reply = generate(model=model, size="auto", quality=None)
            assert reply["size"] == str(known.sizes.auto_sizes[1])
            assert reply["quality"] == known.output.auto_quality
            expected = cost.output_tokens(known, None, "auto").expected
            assert reply["usage"]["output_tokens"] == expected
            assert pixels_of(reply).size == known.sizes.auto_sizes[1]

    def test_usage_is_what_the_estimate_says(self) -> None:
        """For generations and edits with two pictures and a mask, as far as the estimate is exact."""
        model = catalog.load().find(FLARE)
        small, large = Size(96, 64), Size(300, 200)
        uploads = [("image[]", encoded(picture(small))), ("image[]", encoded(picture(large)))]
        _status, edited = edit([*uploads, ("mask", encoded(mask(small, (4, 4, 40, 40))))], n=2)
        _status, made = generate()
        for reply, request in (
            (made, Request("generate", FLARE, "oak planks", SMALL, "low")),
            (
                edited,
                Request(
                    "edit", FLARE, "a stone wall", SMALL, "low", n=2, images=(Picture(small), Picture(large))
                ),
            ),
        ):
            used = reply["usage"]
            usage = cost.Usage(
                used["input_tokens_details"]["text_tokens"],
                used["input_tokens_details"]["image_tokens"],
                used["output_tokens_details"]["image_tokens"],
            )
            estimate = cost.estimate(request, model)
            assert cost.bill(usage, model, estimate).total == estimate.cost.expected > 0
            assert used["total_tokens"] == used["input_tokens"] + used["output_tokens"]
            assert used["input_tokens"] == usage.text_input + usage.image_input

    def test_a_transparent_picture_has_transparency(self) -> None:
        """And says so; on an edit too."""
        _status, made = generate(background="transparent", prompt="a gold star")
        _status, edited = edit([("image", encoded(picture((96, 64))))], background="transparent")
        for reply in (made, edited):
            assert reply["background"] == "transparent"
            alpha = pixels_of(reply).getchannel("A")
            assert alpha.getextrema() == (0, 255)

    def test_an_edit_is_the_upload_drawn_again(self) -> None:
        """Pixel upon pixel where the sizes agree, painted in the hole."""
        before = picture(SMALL)
        hole = (300, 200, 700, 500)
        status, reply = edit([("image[]", encoded(before)), ("mask", encoded(mask(SMALL, hole)))])
        assert status == 200
        after = pixels_of(reply)
        top = (0, 0, 1024, 180)
        assert 1 < mean_difference(before.crop(top).tobytes(), after.crop(top).tobytes()) < 4
        inner = (340, 240, 660, 460)
        assert mean_difference(before.crop(inner).tobytes(), after.crop(inner).tobytes()) > 20

    def test_an_upload_of_another_size_is_fitted(self) -> None:
        """Its middle, at the size asked for, with the mask lying where it lay."""
        before = Image.new("RGB", (512, 320), (20, 20, 200))
        before.paste((200, 20, 20), (0, 0, 256, 320))
        hole = mask((512, 320), (128, 96, 192, 160))
        _status, reply = edit([("image", encoded(before)), ("mask", encoded(hole))])
        after = pixels_of(reply)
        assert after.size == SMALL
        for place, colour in (((60, 60), (200, 20, 20)), ((900, 60), (20, 20, 200))):
            assert mean_difference(bytes(after.getpixel(place)), bytes(colour)) < 12  # type: ignore[arg-type]
        assert mean_difference(bytes(after.getpixel((320, 256))), bytes((200, 20, 20))) > 20  # type: ignore[arg-type]

    def test_markup_is_painted_where_it_is_drawn(self) -> None:
        """And counts as a picture."""
        before = picture(SMALL)
        marks = Image.new("RGBA", SMALL, (0, 0, 0, 0))
        marks.paste((255, 0, 0, 255), (300, 200, 700, 500))
        _status, plain = edit([("image[]", encoded(before))])
        _status, reply = edit([("image[]", encoded(before)), ("markup", encoded(marks))])
        after = pixels_of(reply)
        assert (
            mean_difference(before.crop((0, 0, 999, 180)).tobytes(), after.crop((0, 0, 999, 180)).tobytes())
            < 4
        )
        inputs = [each["usage"]["input_tokens_details"]["image_tokens"] for each in (plain, reply)]
        assert inputs[1] == 2 * inputs[0]

    def test_json_edits_are_edits(self) -> None:
        """Data URLs give what the form gives."""
        files = {"image[]": encoded(picture((96, 64))), "mask": encoded(mask((96, 64), (8, 8, 60, 40)))}
        urls = {
            name: {"image_url": "data:image/png;base64," + base64.b64encode(data).decode()}
            for name, data in files.items()
        }
        body = generation(prompt="a stone wall", images=[urls["image[]"]], mask=urls["mask"])
        status, reply = post("/v1/images/edits", json.dumps(body).encode())
        assert status == 200
        assert reply["data"] == edit(list(files.items()))[1]["data"]

    @pytest.mark.parametrize("format", ["JPEG", "WEBP"])
    def test_other_formats_work_with_pillow(self, format: str) -> None:
        """As uploads and as replies."""
        status, reply = edit(
            [("image", encoded(picture((96, 64)), format))],
            output_format=format.lower(),
            output_compression="80",
        )
        assert status == 200
        assert (pixels_of(reply).format, pixels_of(reply).size) == (format, SMALL)

    def test_without_pillow_other_formats_are_refused_and_it_says_why(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In the hosts there is none."""
        jpeg = encoded(picture((96, 64)), "JPEG")
        png_upload = encoded(picture((96, 64)))
        original: Callable[..., Any] = builtins.__import__

        def without_pillow(name: str, *rest: Any, **more: Any) -> Any:
            if name.partition(".")[0] == "PIL":
                raise ImportError(name)
            return original(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", without_pillow)
        answer = edit([("image", jpeg)])
        assert error_of(answer)[2] == "invalid_image_file"
        assert "Pillow" in answer[1]["error"]["message"]
        answer = generate(output_format="webp")
        assert error_of(answer)[3] == "output_format"
        assert "Pillow" in answer[1]["error"]["message"]
        assert edit([("image", png_upload)])[0] == 200

    def test_models_are_listed_with_their_ends(self) -> None:
        """Those that live, by id and snapshot, and each by itself."""
        _status, _headers, content = respond("GET", "/v1/models", HEADERS, b"", now=lambda: NOW)
        listed = {each["id"]: each for each in json.loads(content)["data"]}
        assert {FLARE, "gpt-image-2-2026-04-21", "gpt-image-1.5"} <= set(listed)
        assert "gpt-image-1" not in listed and "dall-e-3" not in listed
        assert listed["gpt-image-1.5"]["shutdown_date"] == "2026-12-01"
        assert listed[FLARE]["shutdown_date"] is None
        assert datetime.fromtimestamp(listed[FLARE]["created"], UTC).date().isoformat() == "2026-09-08"
        _status, _headers, content = respond("GET", f"/v1/models/{FLARE}", HEADERS, b"", now=lambda: NOW)
        assert json.loads(content) == listed[FLARE]

    def test_a_model_is_there_until_its_last_day(self) -> None:
        """By the time given, not the clock."""
        body = json.dumps(generation(model="gpt-image-1.5", size="1024x1024")).encode()
        last = datetime(2026, 11, 30, 23, 59, tzinfo=UTC).timestamp()
        statuses = [
            respond("POST", "/v1/images/generations", HEADERS, body, now=lambda at=at: at)[0]  # type: ignore[misc]
            for at in (last, last + 120)
        ]
        assert statuses == [200, 404]


class TestAdapter:
    def test_requests_gets_its_answer_without_a_network(self) -> None:
        """Body, headers and reading as from a connection; a key is made up where there is none."""
        import requests

        with requests.Session() as session:
            session.mount("https://", SandboxAdapter(now=lambda: NOW))
            url = "https://sandbox.invalid/v1/images/generations"
            response = session.post(url, json=generation())
            assert response.status_code == 200 and response.ok
            assert response.json()["created"] == int(NOW)
            assert response.headers["X-Request-Id"] == response.headers["x-request-id"]
            pieces = session.post(
                url, data=iter([json.dumps(generation(n=0)).encode()]), headers=HEADERS, stream=True
            )
            assert (pieces.status_code, pieces.reason) == (400, "Bad Request")
            assert json.loads(b"".join(pieces.iter_content(7)))["error"]["param"] == "n"
            files = [("image[]", ("i.png", PNG, "image/png"))]
            edited = session.post(url.replace("generations", "edits"), data=generation(), files=files)
            assert edited.status_code == 200
            refused = session.post(url, json=generation(), headers={"Authorization": "Basic x"})
            assert refused.status_code == 401


def test_png_uploads_of_any_depth_are_read() -> None:
    """A 16-bit gray picture with a palette mask."""
    deep = Image.new("I;16", (96, 64), 40_000)
    holes = mask((96, 64), (8, 8, 60, 40)).quantize(4)
    assert png.header(encoded(deep)).bit_depth == 16
    assert edit([("image", encoded(deep)), ("mask", encoded(holes))])[0] == 200
