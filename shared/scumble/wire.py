# SPDX-License-Identifier: GPL-3.0-or-later
"""The Images API's shapes: a request as a call, a reply as pictures, a refusal as an error of the tree."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from . import png
from .cost import Usage
from .errors import BadReply, UnsupportedOption
from .refusals import error_from, identifier, read_json
from .request import Picture, Request
from .shapes import Size
from .translation import _

__all__ = [
    "Answer",
    "Call",
    "Preview",
    "addresses",
    "answer",
    "decode",
    "encode",
    "error_from",
    "preview",
]

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
_MEDIA_OF_FORMAT = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_END_SEARCHED = 65_536

# Above every documented size, so that only a forged header is refused when the model chooses the size.
_EDGE_MAX = 8_192
_PIXELS_MAX = 33_554_432

_TOKENS_MAX = 1_000_000


@dataclass(frozen=True)
class Call:
    """One POST: a JSON body, or form fields and files as (field, file name, bytes, media type)."""

    path: Literal["/images/generations", "/images/edits"]
    json: dict[str, object] | None = field(default=None, repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    files: tuple[tuple[str, str, bytes, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Answer:
    """What came back: 1 to n encoded pictures of one type and one size, and what they used.

    `quality` is what the service says it used, "" when it does not say; `created` is in Unix seconds, 0 when
    unknown; `usage` is None when it is absent or not credible.
    """

    pictures: tuple[bytes, ...] = field(repr=False)
    media_type: str
    size: Size
    usage: Usage | None
    quality: str
    created: int


@dataclass(frozen=True)
class Preview:
    """A partial picture, encoded."""

    data: bytes = field(repr=False)
    media_type: str
    size: Size


def encode(request: Request) -> Call:
    """The call that asks for it. Quality and size are always said: what is left out, the service chooses.

    File names are numbers, never the user's. Raises UnsupportedOption for what cannot be sent this way.
    """
    _refuse_unsendable(request)
    options = _options(request)
    if request.kind == "generate":
        if request.moderation != "auto":
            options["moderation"] = request.moderation
        return Call("/images/generations", json=options)
    files = [_file("image[]", f"image-{number}", each) for number, each in enumerate(request.images, start=1)]
    if request.mask is not None:
        files.append(_file("mask", "mask", request.mask))
    if request.markup is not None:
        files.append(_file("markup", "markup", request.markup))
    fields = tuple((name, _form_text(value)) for name, value in options.items())
    return Call("/images/edits", fields=fields, files=tuple(files))


def _refuse_unsendable(request: Request) -> None:
    """The form of an edit has no documented `moderation`."""
    if request.kind == "edit" and request.moderation != "auto":
        raise UnsupportedOption(
            model=request.model, option="moderation", value=request.moderation, choices="auto"
        )


def _options(request: Request) -> dict[str, object]:
    options: dict[str, object] = {
        "model": request.model,
        "prompt": request.prompt,
        "size": request.size_text,
        "quality": request.quality,
        "n": request.n,
        "background": request.background,
        "output_format": request.output_format,
    }
    optional: dict[str, object] = {
        "output_compression": request.output_compression,
        "complexity": request.complexity,
        "safety_identifier": request.safety_identifier,
    }
    if request.partial_images:
        optional |= {"stream": True, "partial_images": request.partial_images}
    return options | {name: value for name, value in optional.items() if value is not None}


def _form_text(value: object) -> str:
    return "true" if value is True else str(value)


def _file(name: str, stem: str, picture: Picture) -> tuple[str, str, bytes, str]:
    return name, f"{stem}.{_EXTENSIONS[picture.media_type]}", picture.data, picture.media_type


def decode(body: bytes, request: Request, fetched: Sequence[bytes] = ()) -> Answer:
    """Read the JSON body of a reply of status 200, as answer(). Raises BadReply."""
    return answer(read_json(body), request, fetched)


def answer(document: object, request: Request, fetched: Sequence[bytes] = ()) -> Answer:
    """What the JSON document of a success says, trusting nothing in it.

    Checked are the JSON's shape, the base64, the type by the bytes, the end of the file, and the size in the
    picture's own header against the one asked for; pixels are not decoded. `fetched` are the pictures that
    the reply names the addresses of, in its order. Raises BadReply.
    """
    if not isinstance(document, dict):
        raise BadReply(reason=_("it is not the JSON of the Images API"))
    if "error" in document and "data" not in document:
        raise BadReply(reason=_("it reports an error as if it were a success"))
    items = document.get("data")
    if not isinstance(items, list) or not items:
        raise BadReply(reason=_("it holds no picture"))
    if len(items) > request.n:
        raise BadReply(
            reason=_("it holds {count} pictures, and {asked} were asked for").format(
                count=len(items), asked=request.n
            )
        )
    from_elsewhere = iter(fetched)
    pictures = tuple(_picture_bytes(item, from_elsewhere) for item in items)
    seen = {_inspected(data, request) for data in pictures}
    if len(seen) != 1:
        raise BadReply(reason=_("its pictures are of different sizes"))
    media_type, size = seen.pop()
    return Answer(
        pictures=pictures,
        media_type=media_type,
        size=size,
        usage=_usage(document.get("usage")),
        quality=identifier(document.get("quality")),
        created=_whole(document.get("created"), 2**53) or 0,
    )


def addresses(document: object, request: Request) -> tuple[str, ...]:
    """Where the pictures are that a reply names instead of holding them; OpenAI's own never does so."""
    items = document.get("data") if isinstance(document, dict) else None
    if not isinstance(items, list) or len(items) > request.n:
        return ()
    named = [item.get("url") for item in items if isinstance(item, dict) and not item.get("b64_json")]
    return tuple(address for address in named if isinstance(address, str) and address)


def preview(event: object, request: Request) -> Preview:
    """The partial picture in an event, as little trusted as a finished one.

    Of any format, and not larger than what was asked for. Raises BadReply.
    """
    data = _picture_bytes(event, iter(()))
    media_type, size = _inspected(data, replace(request, output_format="", size=None))
    if request.size is not None and (size.width > request.size.width or size.height > request.size.height):
        raise BadReply(
            reason=_("its picture is {size}, and {asked} was asked for").format(size=size, asked=request.size)
        )
    return Preview(data, media_type, size)


def _picture_bytes(item: object, fetched: Iterator[bytes]) -> bytes:
    if not isinstance(item, dict):
        raise BadReply(reason=_("it holds no picture"))
    text = item.get("b64_json")
    if not isinstance(text, str) or not text:
        if item.get("url"):
            for data in fetched:
                return data
            raise BadReply(reason=_("it names an address instead of holding the picture"))
        raise BadReply(reason=_("it holds no picture"))
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadReply(reason=_("its picture is not complete base64")) from None


def _inspected(data: bytes, request: Request) -> tuple[str, Size]:
    """Media type and size of one picture, when they are what was asked for."""
    try:
        media_type, size = png.picture_size(data)
    except ValueError:
        raise BadReply(reason=_("what it holds is not a PNG, JPEG or WebP picture")) from None
    if media_type != _MEDIA_OF_FORMAT.get(request.output_format, media_type):
        raise BadReply(
            reason=_("its picture is {media_type}, and {asked} was asked for").format(
                media_type=media_type, asked=request.output_format
            )
        )
    if request.size is not None and size != request.size:
        raise BadReply(
            reason=_("its picture is {size}, and {asked} was asked for").format(size=size, asked=request.size)
        )
    if size.shorter < 1 or size.longer > _EDGE_MAX or size.area > _PIXELS_MAX:
        raise BadReply(reason=_("its picture claims to be {size}").format(size=size))
    if not _is_whole(data, media_type):
        raise BadReply(reason=_("its picture is cut off"))
    return media_type, size


def _is_whole(data: bytes, media_type: str) -> bool:
    """Whether the file has its end; bytes after it are allowed."""
    if media_type == "image/png":
        return _PNG_END in data[-_END_SEARCHED:]
    if media_type == "image/jpeg":
        return _JPEG_END in data[-_END_SEARCHED:]
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _usage(value: object) -> Usage | None:
    """Token counts, or None when one is missing or cannot be true (a picture is never made of 0 tokens)."""
    if not isinstance(value, dict):
        return None
    details = value.get("input_tokens_details")
    if not isinstance(details, dict):
        return None
    text = _whole(details.get("text_tokens"), _TOKENS_MAX)
    image = _whole(details.get("image_tokens", 0), _TOKENS_MAX)
    output = _whole(value.get("output_tokens"), _TOKENS_MAX)
    if text is None or image is None or not output:
        return None
    return Usage(text_input=text, image_input=image, output=output)


def _whole(value: object, most: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        return None
    return value
