# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's streams, in this process: as the API's, and coarser versions of the picture on the way."""

from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image, ImageChops, ImageStat

from scumble import catalog, cost, event_stream, jobs
from scumble.credentials import SERVICE_URL, Account
from scumble.jobs import Asker, Event, Partial
from scumble.request import Picture, Request
from scumble.sandbox.service import respond
from scumble.settings import Home
from scumble.shapes import Size
from tests.unit.sandbox_cases import FLARE, HEADERS, NOW, encoded, generate, generation, mask, picture

SANDBOX = Account(SERVICE_URL, None, "")
SIZE = Size(1024, 768)


def streamed(**changes: object) -> list[dict[str, object]]:
    """The documents of the events of a generation."""
    body = json.dumps(generation(stream=True, **changes)).encode()
    status, headers, content = respond("POST", "/v1/images/generations", HEADERS, body, now=lambda: NOW)
    assert status == 200 and headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert "Content-Length" not in headers
    found = list(event_stream.events(content))
    documents = [json.loads(each.data) for each in found]
    assert [each.name for each in found] == [each["type"] for each in documents]
    return documents


def opened(document: dict[str, object]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(str(document["b64_json"])))).convert("RGBA")


def difference(first: Image.Image, second: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean)


@pytest.mark.parametrize("partials", [1, 2, 3])
def test_each_partial_picture_is_finer_than_the_one_before(partials: int) -> None:
    """All as large as the finished one, which is the same as without a stream."""
    documents = streamed(partial_images=partials)
    *coarse, last = [opened(each) for each in documents]
    away = [difference(each, last) for each in coarse]
    assert len(away) == partials and away == sorted(away, reverse=True) and away[-1] > 0
    assert {each.size for each in coarse} == {last.size}
    _status, whole = generate()
    assert documents[-1]["b64_json"] == whole["data"][0]["b64_json"]


def test_partial_pictures_show_each_thing_in_its_place(home: Home) -> None:
    """An edit of a picture whose pixels tell where they are: its colours stay, to within a coarse step."""
    before = picture((1024, 768))
    hole = mask((1024, 768), (0, 0, 16, 16))
    request = Request(
        "edit",
        FLARE,
        "a stone wall",
        SIZE,
        "low",
        images=(Picture(SIZE, encoded(before)),),
        mask=Picture(SIZE, encoded(hole)),
        partial_images=3,
    )
    events: list[Event] = []
    jobs.perform(request, Asker("cli"), home, SANDBOX, catalog.load(), events.append)
    shown = [each for each in events if isinstance(each, Partial)]
    assert [each.number for each in shown] == [1, 2, 3] and {each.size for each in shown} == {SIZE}
    for each in shown:
        image = Image.open(io.BytesIO(each.data)).convert("RGB")
        for place in ((256, 192), (768, 192), (256, 576), (768, 576)):
            was, now = (
                ImageStat.Stat(one.crop((*place, place[0] + 64, place[1] + 64))).mean
                for one in (before, image)
            )
            assert max(abs(a - b) for a, b in zip(was[:2], now[:2], strict=True)) < 12


def test_usage_is_in_the_last_event_alone_and_without_details() -> None:
    """A partial picture adds 100 tokens to what it used."""
    *partial, last = streamed(partial_images=2)
    assert all("usage" not in each for each in partial)
    usage = last["usage"]
    assert isinstance(usage, dict) and "output_tokens_details" not in usage
    model = catalog.load().find(FLARE)
    plain = cost.output_tokens(model, Size(1024, 640), "low").expected
    assert usage["output_tokens"] == plain + 2 * cost.TOKENS_PER_PARTIAL_IMAGE
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_a_stream_that_is_not_wanted_is_json() -> None:
    """`stream` false, as itself or as a form's word."""
    for no in (False, "false", None):
        status, document = generate(stream=no)
        assert status == 200 and "data" in document
