# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API accepts: a request's fields and files checked into an order, or refused in the API's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from ..catalog import Catalog, Model, SizeRule
from ..errors import ModelEnded, UnknownModel
from ..request import SVG_EFFORTS
from ..shapes import Size
from . import pictures
from .faults import (
    USER,
    ApiError,
    bad_mask,
    missing,
    no_such_model,
    not_here,
    not_one_of,
    quoted,
    refused,
    unknown,
)
from .forms import Form
from .pictures import Bitmap

_COMMON = frozenset(
    {
        "model",
        "prompt",
        "n",
        "size",
        "quality",
        "background",
        "output_format",
        "output_compression",
        "partial_images",
        "stream",
        "safety_identifier",
        "user",
        "complexity",
        "frame_count",
        "frame_duration_ms",
        "svg",
    }
)
_BACKGROUNDS = ("transparent", "opaque", "auto")
_WITH_ALPHA = ("png", "webp")
_COMPRESSED = ("jpeg", "webp")
_SVG_EFFORT = "svg[reasoning][effort]"
_SVG_FIELDS = frozenset({"svg[model]", _SVG_EFFORT})
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Order:
    """A request that the API would fulfil, with every choice made.

    `images` are the uploads, read; `coverage` has a byte for each pixel of the first: 255 where it is to
    change, 0 where it is to stay; None without mask and markup. `sent` are the sizes billed as input.
    `streamed` asks for events, `partials` of them before the last.
    `frames` and `frame_ms` count for a GIF, `svg_author` for an SVG.
    """

    kind: Literal["generate", "edit"]
    model: Model
    prompt: str = field(repr=False)
    size: Size
    quality: str
    n: int
    transparent: bool
    output_format: str
    compression: int
    safety_identifier: str | None = field(default=None, repr=False)
    images: tuple[Bitmap, ...] = ()
    coverage: bytes | None = field(default=None, repr=False)
    sent: tuple[Size, ...] = ()
    streamed: bool = False
    partials: int = 0
    frames: int = 1
    frame_ms: int = 0
    svg_author: str = ""


def check(kind: Literal["generate", "edit"], form: Form, catalog: Catalog, today: date) -> Order:
    """The order in a form. Raises ApiError as the API refuses."""
    fields = form.fields
    _check_names(kind, form)
    model = _model(fields, catalog, today, "generations" if kind == "generate" else "edits")
    prompt = _prompt(fields, model)
    quality = _quality(fields, model)
    output_format, compression = _output(fields, model)
    frames, frame_ms = _frames(fields, model, output_format)
    svg_author = _svg_author(fields, output_format)
    size = _size(fields, model, model.sizes if frames == 1 else _frame_sizes(model, frames))
    transparent = _transparent(fields, model, output_format)
    _check_other_words(fields, model)
    n = _number(fields, "n", 1, 1, 1 if output_format == "svg" else model.n_max)
    streamed, partials = _stream(fields, model, n)
    pictures.require_pillow(output_format)
    images, overlay = _pictures(form, model) if kind == "edit" else ((), None)
    if output_format == "gif" and overlay and not overlay.billed:
        raise refused("mask", "GIF output does not support a mask.", type=USER)
    coverage = overlay.coverage if overlay else None
    sent = [image.size for image in images] + ([images[0].size] if overlay and overlay.billed else [])
    return Order(
        kind=kind,
        model=model,
        prompt=prompt,
        size=size,
        quality=quality,
        n=n,
        transparent=transparent,
        output_format=output_format,
        compression=compression,
        safety_identifier=_text(fields, "safety_identifier") or _text(fields, "user") or None,
        images=images,
        coverage=coverage,
        sent=tuple(sent),
        streamed=streamed,
        partials=partials,
        frames=frames,
        frame_ms=frame_ms,
        svg_author=svg_author,
    )


def _check_names(kind: str, form: Form) -> None:
    fields = form.fields
    known = _COMMON | ({"input_fidelity"} if kind == "edit" else set())
    known |= {"moderation"} if form.is_json else set()
    if not form.is_json:
        known = (known | _SVG_FIELDS) - {"svg"}
    for name in fields:
        if name not in known:
            raise unknown(name)


def _model(fields: Mapping[str, object], catalog: Catalog, today: date, endpoint: str) -> Model:
    name = _text(fields, "model")
    if name is None:
        raise missing("model")
    try:
        model = catalog.usable(name, today)
    except (UnknownModel, ModelEnded):
        raise no_such_model(name) from None
    if endpoint not in model.endpoints:
        raise no_such_model(name)
    return model


def _prompt(fields: Mapping[str, object], model: Model) -> str:
    prompt = _text(fields, "prompt")
    if prompt is None:
        raise missing("prompt")
    if not prompt.strip():
        message = (
            "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty"
            " string instead."
        )
        raise refused("prompt", message, "empty_string")
    if len(prompt) > model.prompt_chars_max:
        message = (
            f"Invalid 'prompt': string too long. Expected a string with maximum length"
            f" {model.prompt_chars_max}, but got a string with length {len(prompt)} instead."
        )
        raise refused("prompt", message, "string_above_max_length")
    return prompt


def _frame_sizes(model: Model, frames: int) -> SizeRule:
    return model.animation.sizes(model.sizes, frames) if model.animation else model.sizes


def _frames(fields: Mapping[str, object], model: Model, output_format: str) -> tuple[int, int]:
    """How many frames, 1 for what is no GIF, and their milliseconds."""
    rule = model.animation
    if output_format != "gif" or rule is None:
        for name in ("frame_count", "frame_duration_ms"):
            if name in fields:
                raise refused(
                    name, f"'{name}' is only supported with 'output_format' set to 'gif'.", type=USER
                )
        return 1, 0
    frames = _number(fields, "frame_count", rule.default_frames, rule.frames_min, rule.frames_max)
    return frames, _number(fields, "frame_duration_ms", rule.default_ms, rule.ms_step, rule.ms_max)


def _svg_author(fields: Mapping[str, object], output_format: str) -> str:
    """The author that is named, in JSON as an object and in a form in fields of its own."""
    settings = fields.get("svg")
    if settings is None:
        settings = {"model": fields.get("svg[model]"), "reasoning": {"effort": fields.get(_SVG_EFFORT)}}
        if not _SVG_FIELDS & fields.keys():
            return ""
    if output_format != "svg":
        raise refused("svg", "'svg' is only supported with 'output_format' set to 'svg'.", type=USER)
    reasoning = settings.get("reasoning") if isinstance(settings, dict) else None
    if not isinstance(settings, dict) or not isinstance(reasoning or {}, dict):
        raise refused("svg", "Invalid type for 'svg': expected an object.", "invalid_type")
    author = settings.get("model")
    if not isinstance(author, str) or not author:
        raise missing("svg.model")
    effort = (reasoning or {}).get("effort")
    if effort is not None and effort not in SVG_EFFORTS:
        raise not_one_of("svg.reasoning.effort", effort, SVG_EFFORTS)
    return author


def _size(fields: Mapping[str, object], model: Model, rule: SizeRule) -> Size:
    asked = _text(fields, "size") or "auto"
    if asked == "auto" and rule.auto_sizes is not None:
        return rule.auto_sizes[1]
    try:
        size = Size.parse(asked)
    except ValueError:
        size = Size(0, 0)
    # The form "1024X768" that Scumble reads is not the API's.
    if str(size) != asked or not rule.legal(size):
        message = f"Invalid size {quoted(asked)}. {_sizes_in_words(rule, model.id)}"
        raise refused("size", message, type=USER)
    return size


def _sizes_in_words(rule: SizeRule, model: str) -> str:
    if rule.fixed:
        return f"Supported sizes of {model} are {', '.join(map(str, rule.fixed))}, and auto."
    return (
        f"For {model} both edges must be divisible by {rule.multiple_of} and at most {rule.max_edge}, the"
        f" ratio at most {rule.max_ratio}:1, and the area {rule.min_pixels} to {rule.max_pixels} pixels."
    )


def _quality(fields: Mapping[str, object], model: Model) -> str:
    quality = _text(fields, "quality") or "auto"
    if quality == "auto":
        return model.output.auto_quality if model.output else model.qualities[0]
    if quality not in model.qualities:
        listed = ", ".join(f"'{choice}'" for choice in (*model.qualities, "auto"))
        message = (
            f"Quality {quoted(quality)} is not supported by the model '{model.id}'. Supported values are:"
            f" {listed}."
        )
        raise refused("quality", message, type=USER)
    return quality


def _output(fields: Mapping[str, object], model: Model) -> tuple[str, int]:
    output_format = _text(fields, "output_format") or "png"
    if output_format not in model.formats:
        raise not_one_of("output_format", output_format, model.formats)
    compression = _number(fields, "output_compression", 100, 0, 100)
    if output_format not in _COMPRESSED and compression < 100:
        message = f"Compression less than 100 is not supported for {output_format.upper()} output format."
        raise refused("output_compression", message, type=USER)
    return output_format, compression


def _transparent(fields: Mapping[str, object], model: Model, output_format: str) -> bool:
    background = _text(fields, "background") or "auto"
    if background not in _BACKGROUNDS:
        raise not_one_of("background", background, _BACKGROUNDS)
    if background != "transparent":
        return False
    if not model.transparent:
        message = f"Transparent background is not supported for the model '{model.id}'."
        raise refused("background", message, type=USER)
    if output_format not in _WITH_ALPHA:
        message = f"Transparent background is not supported for the output format '{output_format}'."
        raise refused("background", message, type=USER)
    return True


def _check_other_words(fields: Mapping[str, object], model: Model) -> None:
    moderation = _text(fields, "moderation")
    if moderation is not None and moderation not in model.moderation:
        raise not_one_of("moderation", moderation, model.moderation)
    complexity = _text(fields, "complexity")
    if complexity is not None and complexity not in model.complexity:
        message = f"Complexity {quoted(complexity)} is not supported by the model '{model.id}'."
        raise refused("complexity", message, type=USER)
    fidelity = _text(fields, "input_fidelity")
    if fidelity is not None and fidelity not in model.input_fidelity:
        message = f"The model '{model.id}' does not support the 'input_fidelity' parameter so given."
        raise refused("input_fidelity", message, "invalid_input_fidelity_model", USER)


def _stream(fields: Mapping[str, object], model: Model, n: int) -> tuple[bool, int]:
    """Whether events are asked for, and how many of them with a partial picture."""
    stream = fields.get("stream", False)
    if stream not in (True, False, "true", "false"):
        raise refused("stream", "Invalid type for 'stream': expected a boolean.", "invalid_type")
    streamed = stream in (True, "true")
    partials = _number(fields, "partial_images", 0, 0, model.partials_max)
    if partials and not streamed:
        raise refused("partial_images", "'partial_images' can be given only when 'stream' is true.")
    if streamed and n > 1:
        raise not_here("stream", "streams of more than one picture. Leave 'n' out")
    return streamed, partials


@dataclass(frozen=True)
class _Overlay:
    """A mask or a markup layer; the latter is billed as a picture."""

    coverage: bytes = field(repr=False)
    billed: bool


def _pictures(form: Form, model: Model) -> tuple[tuple[Bitmap, ...], _Overlay | None]:
    uploads = [data for name, data in form.files if name in ("image", "image[]")]
    for name, _data in form.files:
        if name not in ("image", "image[]", "mask", "markup"):
            raise unknown(name)
    if not uploads:
        raise missing("image")
    if len(uploads) > model.references_max:
        message = (
            f"Invalid 'image': array too long. Expected an array with maximum length"
            f" {model.references_max}, but got an array with length {len(uploads)} instead."
        )
        raise refused("image", message, "array_above_max_length")
    for number, data in enumerate(uploads, start=1):
        _check_bytes("image", f"Image {number}", data, model.picture_bytes_max)
    images = tuple(pictures.read(data, number) for number, data in enumerate(uploads, start=1))
    masks = [data for name, data in form.files if name == "mask"]
    markups = [data for name, data in form.files if name == "markup"]
    return images, _overlay(masks, markups, images[0].size, model)


def _overlay(masks: Sequence[bytes], markups: Sequence[bytes], size: Size, model: Model) -> _Overlay | None:
    if len(masks) + len(markups) > 1:
        raise refused("mask", "Only one mask or one markup layer can be given, and not both.", type=USER)
    if masks:
        if not model.mask:
            raise refused("mask", f"The model '{model.id}' does not support a mask.", type=USER)
        _check_bytes("mask", "The mask", masks[0], model.mask_bytes_max)
        alpha = _alpha(masks[0], size)
        return _Overlay(alpha.translate(_COMPLEMENT), billed=False)
    if markups:
        if not model.markup:
            raise refused("markup", f"The model '{model.id}' does not support markup.", type=USER)
        _check_bytes("markup", "The markup layer", markups[0], model.picture_bytes_max)
        try:
            alpha = _alpha(markups[0], size)
        except ApiError as error:
            raise refused("markup", error.message.replace("mask", "markup"), type=USER) from None
        if 0 not in alpha:
            raise refused("markup", "The markup layer must have transparent pixels.", type=USER)
        return _Overlay(alpha, billed=True)
    return None


def _alpha(data: bytes, size: Size) -> bytes:
    try:
        mask = pictures.read(data, 1)
    except ApiError:
        raise bad_mask("mask image cannot be read") from None
    if not data.startswith(b"\x89PNG"):
        raise bad_mask("mask image must be a PNG")
    if mask.size != size:
        raise bad_mask("mask size does not match image size")
    if mask.alpha is None:
        raise bad_mask("mask image missing alpha channel")
    return mask.alpha


def _check_bytes(param: str, what: str, data: bytes, limit: int) -> None:
    if len(data) >= limit:
        message = f"{what} is too large: it must be less than {limit // _MEGABYTE} MB."
        raise refused(param, message, "image_too_large", USER)


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise refused(name, f"Invalid type for '{name}': expected a string.", "invalid_type")
    return value


def _number(fields: Mapping[str, object], name: str, otherwise: int, least: int, most: int) -> int:
    value = fields.get(name, otherwise)
    if isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit() and len(value) < 12:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise refused(name, f"Invalid type for '{name}': expected an integer.", "invalid_type")
    if not least <= value <= most:
        side, word, limit = ("below_min", ">=", least) if value < least else ("above_max", "<=", most)
        message = f"Invalid '{name}': Expected a value {word} {limit}, but got {value} instead."
        raise refused(name, message, f"integer_{side}_value")
    return value


_COMPLEMENT = bytes(range(255, -1, -1))
