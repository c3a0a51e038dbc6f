# SPDX-License-Identifier: GPL-3.0-or-later
"""The Images API's shapes: a request as a call, a reply as pictures, a refusal as an error of the tree."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from . import formats
from .cost import Usage
from .errors import BadReply
from .formats import ENDINGS, MEDIA_TYPES, Seen
from .multipart import OnDisk
from .refusals import error_from, identifier
from .reply_json import LongText, read_reply
from .request import COMPRESSED_FORMATS, Picture, Request, check_json, needs_json
from .servers import OPENAI, Dialect
from .shapes import Size
from .translation import _

__all__ = [
    "Answer",
    "Call",
    "Preview",
    "addresses",
    "answer",
    "data_url",
    "decode",
    "encode",
    "error_from",
    "json_body",
    "preview",
]


# Above every documented size, so that only a forged header is refused when the model chooses the size.
_EDGE_MAX = 8_192
_PIXELS_MAX = 33_554_432

_TOKENS_MAX = 1_000_000


@dataclass(frozen=True)
class Call:
    """One POST: a JSON body, or form fields and files as (field, file name, content, media type).

    `path` follows the base address and begins with a slash.
    """

    path: str
    json: dict[str, object] | None = field(default=None, repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    files: tuple[tuple[str, str, bytes | OnDisk, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Answer:
    """What came back: 1 to n encoded pictures of one type and one size, and what they used.

    `quality` is what the service says it used, "" when it does not say; `created` is in Unix seconds, 0 when
    unknown; `usage` is None when it is absent or not credible. `frames` is above 1 for a GIF that moves.
    `references_outside`: an SVG names things that whatever shows it may fetch from the network.
    """

    pictures: tuple[bytes, ...] = field(repr=False)
    media_type: str
    size: Size
    usage: Usage | None
    quality: str
    created: int
    frames: int = 1
    references_outside: bool = False


@dataclass(frozen=True)
class Preview:
    """A partial picture, encoded."""

    data: bytes = field(repr=False)
    media_type: str
    size: Size


def encode(request: Request, dialect: Dialect = OPENAI) -> Call:
    """The call that asks for it. Quality and size are always said: what is left out, the service chooses.

    An edit is a form, or JSON where the form has no field for what is asked or the server wants it so. File
    names are numbers, never the user's. Raises BadRequest for what cannot be sent this way, BadPicture for a
    file that is gone.
    """
    if request.kind == "generate":
        return Call("/images/generations", json=_without(json_body(request), dialect.omit))
    if needs_json(request) or dialect.edits == "json":
        return Call("/images/edits", json=_without(json_body(request), dialect.omit))
    files = [_file("image[]", f"image-{number}", each) for number, each in enumerate(request.images, start=1)]
    if request.mask is not None:
        files.append(_file("mask", "mask", request.mask))
    if request.markup is not None:
        files.append(_file("markup", "markup", request.markup))
    fields = tuple(_flat(_without(_options(request), dialect.omit)))
    return Call("/images/edits", fields=fields, files=tuple(files))


def _without(options: Mapping[str, object], omit: frozenset[str]) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in omit}


def _flat(options: Mapping[str, object], within: str = "") -> Iterator[tuple[str, str]]:
    """Form fields; what is nested goes under names like svg[reasoning][effort]."""
    for name, value in options.items():
        full_name = f"{within}[{name}]" if within else name
        if isinstance(value, dict):
            yield from _flat(value, full_name)
        else:
            yield full_name, "true" if value is True else str(value)


def json_body(request: Request) -> dict[str, object]:
    """The request as one JSON object; the pictures of an edit are data URLs in it.

    Raises BadPicture for a picture that is too long for one, BadRequest for a markup layer.
    """
    body = _options(request)
    if request.moderation != "auto":
        body["moderation"] = request.moderation
    if request.kind == "edit":
        check_json(request)
        body["images"] = [{"image_url": data_url(picture)} for picture in request.images]
        if request.mask is not None:
            body["mask"] = {"image_url": data_url(request.mask)}
    return body


def data_url(picture: Picture) -> str:
    """The picture as an address that holds it."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.read()).decode('ascii')}"


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
    is_uncompressed = request.output_format not in COMPRESSED_FORMATS and request.output_compression == 100
    author: dict[str, object] = {"model": request.svg_author}
    if request.svg_effort is not None:
        author["reasoning"] = {"effort": request.svg_effort}
    optional: dict[str, object] = {
        "output_compression": None if is_uncompressed else request.output_compression,
        "complexity": request.complexity,
        "safety_identifier": request.safety_identifier,
        "frame_count": request.frames,
        "frame_duration_ms": request.frame_ms,
        "svg": None if request.svg_author is None else author,
    }
    if request.partial_images:
        optional |= {"stream": True, "partial_images": request.partial_images}
    return options | {name: value for name, value in optional.items() if value is not None}


def _file(name: str, stem: str, picture: Picture) -> tuple[str, str, bytes | OnDisk, str]:
    return name, f"{stem}.{ENDINGS[picture.media_type]}", picture.content(), picture.media_type


def decode(body: bytes, request: Request, fetched: Sequence[bytes] = ()) -> Answer:
    """Read the JSON body of a reply of status 200, as answer(). Raises BadReply."""
    return answer(read_reply(body), request, fetched)


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
    seen = [_inspected(data, request) for data in pictures]
    if len({(each.media_type, each.size) for each in seen}) != 1:
        raise BadReply(reason=_("its pictures are of different sizes"))
    return Answer(
        pictures=pictures,
        media_type=seen[0].media_type,
        size=seen[0].size,
        usage=_usage(document.get("usage"), document.get("svg_usage")),
        quality=identifier(document.get("quality")),
        created=_whole(document.get("created"), 2**53) or 0,
        frames=max(each.frames for each in seen),
        references_outside=any(each.references_outside for each in seen),
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
    seen = _inspected(data, replace(request, output_format="", size=None))
    size = seen.size
    if request.size is not None and (size.width > request.size.width or size.height > request.size.height):
        raise BadReply(
            reason=_("its picture is {size}, and {asked} was asked for").format(size=size, asked=request.size)
        )
    return Preview(data, seen.media_type, size)


def _picture_bytes(item: object, fetched: Iterator[bytes]) -> bytes:
    if not isinstance(item, dict):
        raise BadReply(reason=_("it holds no picture"))
    text = item.get("b64_json")
    if not isinstance(text, str | LongText) or not text:
        if item.get("url"):
            for data in fetched:
                return data
            raise BadReply(reason=_("it names an address instead of holding the picture"))
        raise BadReply(reason=_("it holds no picture"))
    try:
        return text.from_base64() if isinstance(text, LongText) else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadReply(reason=_("its picture is not complete base64")) from None


def _inspected(data: bytes, request: Request) -> Seen:
    """What one picture is, when it is what was asked for; nothing else is looked into."""
    media_type = formats.media_type_of(data)
    if media_type is None:
        raise BadReply(reason=_("what it holds is no picture of a known format"))
    if media_type != MEDIA_TYPES.get(request.output_format, media_type):
        raise BadReply(
            reason=_("its picture is {media_type}, and {asked} was asked for").format(
                media_type=media_type, asked=request.output_format
            )
        )
    try:
        seen = formats.look(data)
    except ValueError as problem:
        raise BadReply(reason=_("its picture cannot be used: {problem}").format(problem=problem)) from None
    size = seen.size
    # A drawing has any size; what was asked for is that of the picture that its author drew from.
    if request.size is not None and size != request.size and seen.media_type != MEDIA_TYPES["svg"]:
        raise BadReply(
            reason=_("its picture is {size}, and {asked} was asked for").format(size=size, asked=request.size)
        )
    if size.shorter < 1 or size.longer > _EDGE_MAX or size.area > _PIXELS_MAX:
        raise BadReply(reason=_("its picture claims to be {size}").format(size=size))
    return seen


def _usage(value: object, of_author: object = None) -> Usage | None:
    """Token counts, or None when one is missing or cannot be true (a picture is never made of 0 tokens)."""
    author = _whole(of_author.get("total_tokens"), _TOKENS_MAX) if isinstance(of_author, dict) else 0
    if not isinstance(value, dict):
        return None
    details = value.get("input_tokens_details")
    if not isinstance(details, dict):
        return None
    text = _whole(details.get("text_tokens"), _TOKENS_MAX)
    image = _whole(details.get("image_tokens", 0), _TOKENS_MAX)
    output = _whole(value.get("output_tokens"), _TOKENS_MAX)
    if text is None or image is None or not output or author is None:
        return None
    return Usage(text_input=text, image_input=image, output=output, svg_author=author)


def _whole(value: object, most: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        return None
    return value
