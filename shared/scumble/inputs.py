# SPDX-License-Identifier: GPL-3.0-or-later
"""Input pictures made ready to send, once and before anything is paid: format, size, limits, reduction."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from . import formats, png
from .cost import seen_size
from .errors import BadPicture
from .models import Model
from .request import Picture
from .sandbox.scaling import fitted
from .shapes import Size
from .translation import _

Resize = Callable[[bytes, Size], bytes]
"""From an encoded picture to a PNG of that size, upright whatever EXIF says. Raises ValueError, OSError."""

Reduction = Literal["none", "references", "all"]

_SENDABLE = ("image/png", "image/jpeg", "image/webp")
_PIXELS_MAX = 64_000_000
_TURNED_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
_OPAQUE, _CLEAR = 255, 0
# What is not wholly opaque in a mask made smaller is to change: no part of the selection gets lost.
_ALL_OR_NOTHING = bytes(_OPAQUE if value == _OPAQUE else _CLEAR for value in range(256))
# In a mask as it came, only what is wholly clear is to change: that is how the service reads it.
_CLEAR_OR_NOT = bytes(_CLEAR if value == _CLEAR else _OPAQUE for value in range(256))


@dataclass(frozen=True)
class Source:
    """An encoded picture as a person gave it; `name` is for messages only and is never sent."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Prepared:
    """Ready for a Request; `remarks` are sentences on what was changed."""

    images: tuple[Picture, ...]
    mask: Picture | None = None
    markup: Picture | None = None
    remarks: tuple[str, ...] = ()


def prepare(
    pictures: Sequence[Source],
    model: Model,
    *,
    mask: Source | None = None,
    markup: Source | None = None,
    reduction: Reduction = "references",
    resize: Resize | None = None,
) -> Prepared:
    """The pictures as the model takes them, the first of them the one to change.

    By their bytes and not their names they must be PNG, JPEG or WebP below the model's limit. A picture that
    the model would only look at smaller is made smaller here: of `reduction` "references", those after the
    first; "all", the first as well, and mask and markup with it; "none", none. A picture stored turned (EXIF)
    is set upright where something lies over it. A mask above its limit is written again with nothing but
    opaque and clear. `resize` is a host's own; without it Pillow does it where installed, else PNG alone is
    resized, and what cannot be is sent as it is.

    Raises BadPicture naming the picture, for anything that the service would refuse.
    """
    resizer = resize or default_resize()
    remarks: list[str] = []
    ready: list[Picture] = []
    for number, source in enumerate(pictures):
        picture = _looked_at(source)
        overlaid = number == 0 and (mask is not None or markup is not None)
        if overlaid and formats.orientation(source.data) != 1:
            picture = _upright(picture, resizer)
        if reduction == "all" or (reduction == "references" and number > 0):
            picture = _reduced(picture, model, resizer, remarks)
        _require_below(picture, model.picture_bytes_max)
        ready.append(picture)
    if not ready:
        return Prepared((), remarks=tuple(remarks))
    original = _upright_size(pictures[0].data)
    return Prepared(
        tuple(ready),
        None if mask is None else _mask(mask, original, ready[0].size, model, resizer, remarks),
        None if markup is None else _markup(markup, original, ready[0].size, model, resizer),
        tuple(remarks),
    )


def default_resize() -> Resize:
    """Pillow's where it is installed, else one for PNG alone in plain Python."""
    try:
        import PIL.Image  # noqa: F401 - only whether it is there
    except ImportError:
        return _resized_plainly
    return _resized_by_pillow


def _looked_at(source: Source) -> Picture:
    try:
        seen = formats.look(source.data)
    except ValueError as problem:
        raise BadPicture(name=source.name, reason=problem) from None
    if seen.media_type not in _SENDABLE:
        raise BadPicture(name=source.name, reason=_("it is neither PNG, JPEG nor WebP"))
    return Picture(_upright_size(source.data), source.data, seen.media_type, source.name)


def _upright_size(data: bytes) -> Size:
    size = formats.look(data).size
    return Size(size.height, size.width) if formats.orientation(data) in _TURNED_ON_ITS_SIDE else size


def _upright(picture: Picture, resize: Resize) -> Picture:
    try:
        return replace(picture, data=resize(picture.data, picture.size), media_type="image/png")
    except (ValueError, OSError):
        reason = _("it is stored turned (EXIF), and a mask or a markup layer lies on it; save it upright")
        raise BadPicture(name=picture.name, reason=reason) from None


def _reduced(picture: Picture, model: Model, resize: Resize, remarks: list[str]) -> Picture:
    target = seen_size(model, picture.size)
    if target == picture.size:
        return picture
    try:
        data = resize(picture.data, target)
    except (ValueError, OSError):
        return picture
    remark = _("{name} is sent as {size}: the model looks at no more of it.")
    remarks.append(remark.format(name=picture.name, size=target))
    return Picture(target, data, "image/png", picture.name)


def _mask(
    source: Source, original: Size, size: Size, model: Model, resize: Resize, remarks: list[str]
) -> Picture:
    """The mask at the size of what it lies on, below the model's limit."""
    picture = _overlay(source, original)
    if picture.size != size:
        picture = _rewritten(picture, resize(picture.data, size), size, _ALL_OR_NOTHING)
    elif png.header(picture.data).colour_type != png.RGB_ALPHA or len(picture.data) >= model.mask_bytes_max:
        smaller = _rewritten(picture, picture.data, size, _CLEAR_OR_NOT)
        if len(picture.data) >= model.mask_bytes_max:
            remarks.append(_("{name} is sent with nothing but opaque and clear.").format(name=source.name))
        picture = smaller
    _require_below(picture, model.mask_bytes_max)
    return picture


def _markup(source: Source, original: Size, size: Size, model: Model, resize: Resize) -> Picture:
    picture = _overlay(source, original)
    if picture.size != size:
        picture = Picture(size, resize(picture.data, size), "image/png", source.name)
    elif png.header(picture.data).colour_type != png.RGB_ALPHA:
        data = png.encode(size, _pixels(picture.data, source.name), 4)
        picture = Picture(size, data, "image/png", source.name)
    if _CLEAR not in _pixels(picture.data, source.name)[3::4]:
        raise BadPicture(name=source.name, reason=_("a markup layer must have transparent pixels"))
    _require_below(picture, model.picture_bytes_max)
    return picture


def _overlay(source: Source, below: Size) -> Picture:
    """A PNG with transparency, as large as the picture that it lies on."""
    picture = _looked_at(source)
    if picture.media_type != "image/png":
        raise BadPicture(name=source.name, reason=_("it must be a PNG picture"))
    if picture.size != below:
        reason = _("it is {size} and the picture it lies on is {first}")
        raise BadPicture(name=source.name, reason=reason.format(size=picture.size, first=below))
    _pixels(source.data, source.name)
    return picture


def _pixels(data: bytes, name: str) -> bytes:
    """RGBA. Raises BadPicture."""
    try:
        _size, channels, pixels = png.decode(data, _PIXELS_MAX)
    except ValueError as problem:
        raise BadPicture(name=name, reason=problem) from None
    if channels != 4:
        raise BadPicture(name=name, reason=_("it needs an alpha channel"))
    return pixels


def _rewritten(picture: Picture, data: bytes, size: Size, alphas: bytes) -> Picture:
    """Black, with the alpha of `data` as the table says: it compresses to next to nothing."""
    alpha = _pixels(data, picture.name)[3::4].translate(alphas)
    black = bytes(size.area)
    pixels = png.interleaved([black, black, black, alpha])
    return Picture(size, png.encode(size, pixels, 4, level=9), "image/png", picture.name)


def _require_below(picture: Picture, limit: int) -> None:
    if len(picture.data) >= limit:
        reason = _("it must be under {limit} million bytes").format(limit=limit // 1_000_000)
        raise BadPicture(name=picture.name, reason=reason)


def _resized_plainly(data: bytes, target: Size) -> bytes:
    size, channels, pixels = png.decode(data, _PIXELS_MAX)
    return png.encode(target, fitted(pixels, size, channels, target), channels)


def _resized_by_pillow(data: bytes, target: Size) -> bytes:
    from PIL import Image, ImageOps

    # A size that PNG, JPEG and WebP announce is checked before anything of it is decoded.
    if formats.look(data).size.area > _PIXELS_MAX:
        raise ValueError(_("it has more than {limit} pixels").format(limit=_PIXELS_MAX))
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as opened:
            upright = ImageOps.exif_transpose(opened)
            image = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except (SyntaxError, KeyError, IndexError, TypeError, EOFError) as damage:
        raise ValueError(_("it cannot be read as a picture")) from damage
    if image.size != tuple(target):
        image = image.resize(target, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
