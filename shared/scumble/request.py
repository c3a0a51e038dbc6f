# SPDX-License-Identifier: GPL-3.0-or-later
"""One frozen value with everything that affects the picture or the price, and its check against a model."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from .catalog import Model
from .errors import BadPicture, BadRequest, BadSize, UnsupportedOption
from .formats import media_type_of
from .models import AnimationRule, SizeRule
from .multipart import OnDisk, look
from .shapes import Size
from .translation import _

BACKGROUNDS = ("auto", "opaque", "transparent")
SVG_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_FORMATS_WITH_ALPHA = ("png", "webp")
COMPRESSED_FORMATS = ("jpeg", "webp")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_COLOURS_WITH_ALPHA = (4, 6)
# Up to the colour type in the header of a PNG.
_START_BYTES = 26
_AUTHOR = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,99}")
_MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp")

JSON_URL_CHARACTERS_MAX = 20_971_520
"""Of a picture as a data URL, which is how an edit written as JSON carries it."""


@dataclass(frozen=True)
class Picture:
    """An encoded picture and its size in pixels: in `data`, or in the file `path`, from which it is sent.

    Neither is given when only a price is wanted. `name` is what a person calls it; it is never sent.
    """

    size: Size
    data: bytes = field(default=b"", repr=False)
    media_type: str = "image/png"
    name: str = "image.png"
    path: Path | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.data and self.path is not None:
            raise ValueError("a picture is given as bytes or as a file, not as both")

    @property
    def length(self) -> int:
        """In bytes; 0 when only a price is wanted. Raises BadPicture for a file that is not there."""
        content = self.content()
        return len(content) if isinstance(content, bytes) else content.length

    def content(self) -> bytes | OnDisk:
        """What is sent: the bytes, or the file as it is now. Raises BadPicture."""
        return self.data if self.path is None else look(self.path, self.name)

    def read(self) -> bytes:
        """The whole picture, for where it cannot be sent from its file. Raises BadPicture."""
        if self.path is None:
            return self.data
        try:
            return self.path.read_bytes()
        except OSError:
            raise BadPicture(name=self.name, reason=_("it cannot be read")) from None


@dataclass(frozen=True)
class Request:
    """What is asked of a model.

    `size` None lets the model choose. `output_compression` is 0..100, below 100 for jpeg and webp only.
    `mask` lies on the first of `images`: where it is transparent the picture is to change, where it is
    opaque to stay.
    A GIF has `frames` of `size`, each shown for `frame_ms` milliseconds. `svg_author` names the model that
    draws an SVG, for accounts that may choose it, and `svg_effort` how hard it thinks. What is None is the
    service's choice.
    """

    kind: Literal["generate", "edit"]
    model: str
    prompt: str = field(repr=False)
    size: Size | None
    quality: str
    n: int = 1
    background: str = "auto"
    output_format: str = "png"
    output_compression: int | None = None
    moderation: str = "auto"
    images: tuple[Picture, ...] = ()
    mask: Picture | None = None
    partial_images: int = 0
    complexity: str | None = None
    markup: Picture | None = None
    safety_identifier: str | None = field(default=None, repr=False)
    frames: int | None = None
    frame_ms: int | None = None
    svg_author: str | None = None
    svg_effort: str | None = None

    @property
    def size_text(self) -> str:
        """ "1024x1024", or "auto"."""
        return "auto" if self.size is None else str(self.size)


def check(request: Request, model: Model, today: date) -> None:
    """Refuse, before anything is sent, what `model` would not take; costs nothing.

    Raises ModelEnded, UnsupportedOption, BadSize, BadPicture or BadRequest; ValueError when `model` is not
    the one the request names.
    """
    if request.model not in (model.id, *model.snapshots):
        raise ValueError(f"the request is for {request.model}, not for {model.id}")
    model.require_live(today)
    _check_kind(request, model)
    _check_prompt(request.prompt, model)
    _check_options(request, model)
    _check_output(request, model)
    if request.output_format == "gif" and model.animation is not None:
        _check_animation(request, model.animation, model)
    else:
        _check_size(request.size, model, model.sizes)
    _check_partials(request, model)
    for picture in request.images:
        _check_picture(picture, model)
    if request.mask is not None:
        _check_overlay(request.mask, request, "mask", model.mask, model)
        _check_bytes(request.mask, model.mask_bytes_max)
    if request.markup is not None:
        _check_overlay(request.markup, request, "markup", model.markup, model)
        _check_bytes(request.markup, model.picture_bytes_max)
    if needs_json(request):
        check_json(request)


def needs_json(request: Request) -> bool:
    """Whether an edit can only be written as JSON: the form has no `moderation`."""
    return request.kind == "edit" and request.moderation != "auto"


def check_json(request: Request) -> None:
    """Refuse an edit that does not fit into JSON, where pictures are data URLs of a bounded length.

    Raises BadRequest for a markup layer, of which the JSON form knows nothing, and BadPicture.
    """
    if request.markup is not None:
        raise BadRequest(
            reason=_(
                "a markup layer cannot be written into JSON, as moderation, batches and some servers need it;"
                " it works live and with moderation auto"
            )
        )
    for picture in (*request.images, *((request.mask,) if request.mask else ())):
        if data_url_length(picture) > JSON_URL_CHARACTERS_MAX:
            raise BadPicture(
                name=picture.name,
                reason=_(
                    "written into JSON, as moderation, batches and some servers need it, it must be under"
                    " {limit} million bytes; live and with moderation auto it works"
                ).format(limit=JSON_URL_CHARACTERS_MAX * 3 // 4 // 1_000_000),
            )


def data_url_length(picture: Picture) -> int:
    """The characters of `wire.data_url(picture)`. Raises BadPicture for a file that is gone."""
    return len(f"data:{picture.media_type};base64,") + -(-picture.length // 3) * 4


def _check_kind(request: Request, model: Model) -> None:
    endpoint = "generations" if request.kind == "generate" else "edits"
    if endpoint not in model.endpoints:
        offered = [
            kind for kind, name in (("generate", "generations"), ("edit", "edits")) if name in model.endpoints
        ]
        raise _unsupported(model, "kind", request.kind, offered)
    if request.kind == "generate":
        if request.images or request.mask or request.markup:
            raise BadRequest(reason=_("a picture made from words alone takes no input picture and no mask"))
    elif not request.images:
        raise BadRequest(reason=_("an edit needs at least one input picture"))
    if len(request.images) > model.references_max:
        raise BadRequest(
            reason=_("there are {count} input pictures, and {most} are the most").format(
                count=len(request.images), most=model.references_max
            )
        )
    if request.mask and request.markup:
        raise BadRequest(reason=_("a mask and a markup layer cannot be sent together"))


def _check_prompt(prompt: str, model: Model) -> None:
    if not prompt.strip():
        raise BadRequest(reason=_("the prompt is empty"))
    if len(prompt) > model.prompt_chars_max:
        raise BadRequest(
            reason=_("the prompt has {count} characters, and {most} are the most").format(
                count=len(prompt), most=model.prompt_chars_max
            )
        )
    if any("\ud800" <= character <= "\udfff" for character in prompt):
        raise BadRequest(reason=_("the prompt holds characters that are not text"))


def _check_size(size: Size | None, model: Model, rule: SizeRule) -> None:
    if size is None:
        if not rule.auto:
            choices = [str(each) for each in rule.standard] or [str(rule.nearest(Size(1, 1)))]
            raise _unsupported(model, "size", "auto", choices)
        return
    reason = rule.problem(size)
    if reason is not None:
        raise BadSize(model=model.id, size=str(size), reason=reason, nearest=str(rule.nearest(size)))


def _check_animation(request: Request, rule: AnimationRule, model: Model) -> None:
    frames = rule.default_frames if request.frames is None else request.frames
    if not rule.frames_min <= frames <= rule.frames_max:
        raise _unsupported(model, "frames", frames, [f"{rule.frames_min} – {rule.frames_max}"])
    if request.frame_ms is not None and not rule.ms_step <= request.frame_ms <= rule.ms_max:
        raise _unsupported(model, "frame_ms", request.frame_ms, [f"{rule.ms_step} – {rule.ms_max}"])
    _check_size(request.size, model, rule.sizes(model.sizes, frames))
    if request.mask is not None:
        raise BadRequest(reason=_("a GIF cannot be made through a mask; a markup layer works, or png"))
    if request.partial_images:
        raise BadRequest(reason=_("a GIF has no partial previews; they work for png, jpeg and webp"))


def _check_vector(request: Request, model: Model) -> None:
    if request.n > 1:
        raise _unsupported(model, "n", request.n, [_("1 with the format svg")])
    if request.partial_images:
        raise BadRequest(reason=_("an SVG has no partial previews; they work for png, jpeg and webp"))
    if request.svg_author is not None and not _AUTHOR.fullmatch(request.svg_author):
        raise BadRequest(reason=_("the author of the SVG must be the name of a model"))
    if request.svg_effort is not None:
        _require(model, "svg_effort", request.svg_effort, SVG_EFFORTS)
        if request.svg_author is None:
            raise BadRequest(reason=_("the effort of an SVG's author needs the author named too"))


def _check_options(request: Request, model: Model) -> None:
    _require(model, "quality", request.quality, (*model.qualities, "auto"))
    _require(model, "moderation", request.moderation, model.moderation)
    if request.complexity is not None:
        _require(model, "complexity", request.complexity, model.complexity)
    if not 1 <= request.n <= model.n_max:
        raise _unsupported(model, "n", request.n, [f"1 – {model.n_max}"])


def _check_output(request: Request, model: Model) -> None:
    _require(model, "output_format", request.output_format, model.formats)
    _require(model, "background", request.background, BACKGROUNDS if model.transparent else BACKGROUNDS[:2])
    if request.background == "transparent" and request.output_format not in _FORMATS_WITH_ALPHA:
        raise BadRequest(reason=_("a transparent background needs the format png or webp"))
    if request.output_format == "svg":
        _check_vector(request, model)
    elif request.svg_author is not None or request.svg_effort is not None:
        raise BadRequest(reason=_("an author draws the format svg only"))
    if request.output_format != "gif" and not request.frames is request.frame_ms is None:
        raise BadRequest(reason=_("frames are for the format gif only"))
    if request.output_compression is not None:
        if request.output_format not in COMPRESSED_FORMATS and request.output_compression != 100:
            raise BadRequest(reason=_("compression can be set for the formats jpeg and webp only"))
        if not 0 <= request.output_compression <= 100:
            raise _unsupported(model, "output_compression", request.output_compression, ["0 – 100"])


def _check_partials(request: Request, model: Model) -> None:
    if not 0 <= request.partial_images <= model.partials_max:
        raise _unsupported(model, "partial_images", request.partial_images, [f"0 – {model.partials_max}"])
    if request.partial_images and request.n > 1:
        raise BadRequest(reason=_("partial previews work for one picture at a time"))


def _check_picture(picture: Picture, model: Model) -> None:
    if picture.media_type not in _MEDIA_TYPES:
        raise BadPicture(name=picture.name, reason=_("it is neither PNG, JPEG nor WebP"))
    if picture.size.shorter < 1:
        raise BadPicture(name=picture.name, reason=_("it has no pixels"))
    _check_bytes(picture, model.picture_bytes_max)
    start = _start_of(picture)
    if start is not None and media_type_of(start) != picture.media_type:
        raise BadPicture(name=picture.name, reason=_("its content is not what its type says"))
    if start is not None and start.startswith(_PNG) and _png_size(start) != picture.size:
        raise BadPicture(name=picture.name, reason=_("its size is not the one stated"))


def _check_overlay(overlay: Picture, request: Request, option: str, offered: bool, model: Model) -> None:
    if not offered:
        raise _unsupported(model, option, overlay.name, [_("none")])
    _check_picture(overlay, model)
    if overlay.media_type != "image/png":
        raise BadPicture(name=overlay.name, reason=_("it must be a PNG picture"))
    first = request.images[0].size
    if overlay.size != first:
        raise BadPicture(
            name=overlay.name,
            reason=_("it is {size} and the picture it lies on is {first}").format(
                size=overlay.size, first=first
            ),
        )
    start = _start_of(overlay)
    if start is not None and _png_colour(start) not in _PNG_COLOURS_WITH_ALPHA:
        raise BadPicture(name=overlay.name, reason=_("it needs an alpha channel"))


def _check_bytes(picture: Picture, limit: int) -> None:
    """The limits are "under", so a picture of exactly `limit` bytes is refused."""
    if picture.length >= limit:
        raise BadPicture(
            name=picture.name,
            reason=_("it must be under {limit} million bytes").format(limit=limit // 1_000_000),
        )


def _start_of(picture: Picture) -> bytes | None:
    """Its first bytes, as many as tell what it is; None when only a price is wanted. Raises BadPicture."""
    if picture.path is None:
        return picture.data[:_START_BYTES] or None
    try:
        with open(picture.path, "rb") as file:
            return file.read(_START_BYTES)
    except OSError:
        raise BadPicture(name=picture.name, reason=_("it cannot be read")) from None


def _png_size(data: bytes) -> Size:
    return Size(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def _png_colour(data: bytes) -> int | None:
    return data[25] if len(data) > 25 else None


def _require(model: Model, option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise _unsupported(model, option, value, list(choices) or [_("none")])


def _unsupported(model: Model, option: str, value: object, choices: list[str]) -> UnsupportedOption:
    return UnsupportedOption(model=model.id, option=option, value=value, choices=", ".join(choices))
