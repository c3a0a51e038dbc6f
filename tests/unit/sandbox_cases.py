# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the sandbox ask it with: pictures, forms and calls at one fixed time."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from PIL import Image

from scumble.sandbox.service import respond
from scumble.shapes import Size

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
FLARE = "gpt-image-2.5-flare"
SMALL = Size(1024, 640)
PROMPTS = {
    "brick": "an old brick wall",
    "wood": "oak planks",
    "tile": "blue tiles",
    "stone": "mossy stone slabs",
    "moss": "wet moss",
    "grass": "a lawn",
    "metal": "brushed metal",
    "fabric": "woven red and gold cloth",
    "marble": "white marble",
    "sky": "clouds",
    "ground": "desert sand",
    "water": "ripples",
    "plaster": "a plaster ceiling",
    "agate": "seven sleepy foxes",
}
HEADERS = {"Authorization": "Bearer sk-anything", "Content-Type": "application/json"}
BOUNDARY = "a1b2"
UNHURRIED = settings(deadline=None)


def picture(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Every pixel tells where it is."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (across, down, Image.effect_noise(size, 60))).convert(mode)


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


def mask(size: tuple[int, int], box: tuple[int, int, int, int], alpha: int = 0) -> Image.Image:
    """Opaque, with a hole."""
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    image.paste((0, 0, 0, alpha), box)
    return image


def generation(**changes: object) -> dict[str, Any]:
    """A small legal generation; a change to None leaves the field out."""
    body = {"model": FLARE, "prompt": "oak planks", "size": str(SMALL), "quality": "low"} | changes
    return {name: value for name, value in body.items() if value is not None}


def generate(**changes: object) -> tuple[int, dict[str, Any]]:
    return post("/v1/images/generations", json.dumps(generation(**changes)).encode())


def form(fields: Mapping[str, object], files: list[tuple[str, bytes]]) -> bytes:
    """A multipart body."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="x.png"\r\n'.encode()
        + b"Content-Type: image/png\r\n\r\n"
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def edit(files: list[tuple[str, bytes]], **changes: object) -> tuple[int, dict[str, Any]]:
    fields = generation(prompt="a stone wall", **changes)
    return post("/v1/images/edits", form(fields, files), f"multipart/form-data; boundary={BOUNDARY}")


def post(path: str, body: bytes, content_type: str = "application/json") -> tuple[int, dict[str, Any]]:
    status, _headers, content = respond(
        "POST", path, HEADERS | {"Content-Type": content_type}, body, now=lambda: NOW
    )
    document: dict[str, Any] = json.loads(content)
    return status, document


def pixels_of(reply: dict[str, Any], number: int = 0) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(reply["data"][number]["b64_json"])))
    image.load()
    return image


def error_of(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, str | None, str | None]:
    """Status, type, code and param, the envelope being exactly the API's."""
    status, document = answer
    assert set(document) == {"error"}
    error = document["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    return status, error["type"], error["code"], error["param"]


def mean_difference(first: bytes, second: bytes) -> float:
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)


PNG = encoded(picture((96, 64)))
