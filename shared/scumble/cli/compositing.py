# SPDX-License-Identifier: GPL-3.0-or-later
"""With Pillow what the GIMP plug-in does with GEGL: cut the window, make the mask, place the answer."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import matching, png
from ..errors import BadPicture, MissingPart, NothingSelected
from ..geometry import Plan
from ..inputs import Source
from ..matching import Match
from ..private_files import partial_name
from ..request import Picture
from ..shapes import Rect, Size
from ..translation import _

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_LARGEST_CANVAS = 30_000 * 30_000
_NEUTRAL = (128, 128, 128)
_KEPT_MODES = ("L", "LA", "RGB", "RGBA")

UNREADABLE = (ValueError, KeyError, IndexError, TypeError, SyntaxError, EOFError, MemoryError)
"""What Pillow raises, besides OSError, for damaged pictures and for what a format cannot hold."""


@dataclass(frozen=True)
class Original:
    """A picture as it came: `image` keeps the file's own values, which outside the selection stay."""

    image: Image
    profile: bytes | None

    @property
    def size(self) -> Size:
        return Size(*self.image.size)


def read_original(path: Path) -> Original:
    """Open a picture in one of the modes L, LA, RGB, RGBA. Raises BadPicture, MissingPart."""
    image, is_deep = _open(path)
    if is_deep:
        raise BadPicture(name=path.name, reason=_("16 bits a channel are not supported here"))
    if image.mode == "1":
        image = image.convert("L")
    if "transparency" in image.info:
        # One colour that means transparent: the answer may hold it too, and must not get holes.
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    elif image.mode == "P":
        image = image.convert("RGB")
    if image.mode not in _KEPT_MODES:
        raise BadPicture(
            name=path.name, reason=_("the colour mode {mode} is not supported here").format(mode=image.mode)
        )
    return Original(image, image.info.get("icc_profile"))


def read_selection(path: Path, canvas: Size) -> Image:
    """The mask file as selection values 0..255 (mode L), 255 where the picture is to change.

    A file with transparent pixels is read as the API reads it: transparent means change. Otherwise
    white means change. Raises BadPicture when the sizes differ, NothingSelected when it is all 0.
    """
    from PIL import ImageChops

    image, _depth = _open(path)
    if Size(*image.size) != canvas:
        raise BadPicture(
            name=path.name,
            reason=_("the mask is {mask}, the picture {picture}").format(
                mask=Size(*image.size), picture=canvas
            ),
        )
    has_alpha = image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A") if has_alpha else None
    if alpha is not None and alpha.getextrema() != (255, 255):
        selection = ImageChops.invert(alpha)
    else:
        selection = _eight_bits(image, path.name)
    if selection.getbbox() is None:
        raise NothingSelected()
    return selection


def selection_bounds(selection: Image) -> Rect:
    """The smallest rectangle with every pixel whose selection value is above 0."""
    bounds = selection.getbbox()
    if bounds is None:
        raise NothingSelected()
    return Rect.between(*bounds)


def upload(original: Original, plan: Plan) -> Picture:
    """The window as an sRGB PNG of the request's size, padding filled with the nearest edge colours."""
    visible = _flattened_srgb(original, plan.visible)
    window = _extended(visible, plan)
    if window.size != tuple(plan.request_size):
        from PIL.Image import Resampling

        window = window.resize(plan.request_size, Resampling.LANCZOS)
    return Picture(plan.request_size, _png(window), "image/png", "window.png")


def mask(selection: Image, plan: Plan) -> Picture:
    """The API's mask: transparent exactly where the selection is above 0, opaque elsewhere."""
    from PIL import Image as images

    kept = _hole(selection, plan).point([255 - value for value in range(256)])
    picture = images.new("RGBA", plan.request_size, (255, 255, 255, 255))
    picture.putalpha(kept)
    return Picture(plan.request_size, _png(picture), "image/png", "mask.png")


def markup(path: Path, original: Original, plan: Plan) -> Source:
    """The markup layer's part on the window, at the request's size; clear where the window leaves the canvas.

    Raises BadPicture for anything but a PNG with transparency, as large as the picture.
    """
    from PIL import Image as images

    image, _depth = _open(path)
    if not path.read_bytes().startswith(png.SIGNATURE):
        raise BadPicture(name=path.name, reason=_("it must be a PNG picture"))
    if Size(*image.size) != original.size:
        reason = _("it is {size} and the picture it lies on is {first}")
        raise BadPicture(name=path.name, reason=reason.format(size=Size(*image.size), first=original.size))
    if not image.has_transparency_data:
        raise BadPicture(name=path.name, reason=_("it needs an alpha channel"))
    visible = plan.visible
    window = images.new("RGBA", plan.window.size, (0, 0, 0, 0))
    part = image.convert("RGBA").crop((visible.x, visible.y, visible.right, visible.bottom))
    window.paste(part, (visible.x - plan.window.x, visible.y - plan.window.y))
    if window.size != tuple(plan.request_size):
        window = window.resize(plan.request_size, images.Resampling.LANCZOS)
    return Source(path.name, _png(window))


def matched(sent: bytes, answer: Image, plan: Plan, selection: Image | None) -> Match:
    """How the answer is to be moved and toned, by what surrounds the selection (None: all is selected).

    `sent` is the encoded window. What is transparent in the answer says nothing and counts as selected.
    """
    from PIL import Image as images
    from PIL import ImageChops

    if selection is None:
        return Match("no ring")
    hole = _hole(selection, plan)
    if answer.size != tuple(plan.request_size):
        answer = answer.resize(plan.request_size, images.Resampling.LANCZOS)
    if "A" in answer.getbands():
        hole = ImageChops.lighter(hole, answer.getchannel("A").point([255] * 255 + [0]))
    return matching.find(
        plan.request_size,
        opened(sent).convert("RGB").tobytes(),
        answer.convert("RGB").tobytes(),
        hole.tobytes(),
        plan.to_request(plan.visible),
    )


def colours(answer: bytes) -> Image:
    """A picture of the service in the mode RGB or RGBA. Raises as opened()."""
    picture = opened(answer)
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def placed(original: Original, patch: Image, plan: Plan, selection: Image | None, match: Match) -> Image:
    """The original with the answer `patch` over it as matched, weighted by the selection (None: everywhere).

    Where the selection is 0 every value stays as it was.
    """
    visible = plan.visible
    patch = _in_window(patch, plan, match)
    left, top = visible.x - plan.window.x, visible.y - plan.window.y
    patch = patch.crop((left, top, left + visible.width, top + visible.height))
    patch = _in_profile(patch, original)
    result = original.image.copy()
    weights = None
    if selection is not None:
        weights = selection.crop((visible.x, visible.y, visible.right, visible.bottom))
    result.paste(patch, (visible.x, visible.y), weights)
    return result


def opened(answer: bytes) -> Image:
    """A picture of the service, read to its end. Raises OSError or one of UNREADABLE."""
    from PIL import Image as images

    with images.open(io.BytesIO(answer)) as image:
        image.load()
        return image


def encoded(image: Image, original: Original | None, path: Path) -> bytes:
    """In the format of the name's ending, with the original's colour profile; without loss where it can be.

    Raises OSError, ValueError or KeyError where Pillow cannot write such a picture in that format.
    """
    kind = _format(path)
    options: dict[str, object] = {"icc_profile": original.profile if original else None}
    if kind == "JPEG":
        image = image.convert("L" if image.mode in ("L", "LA") else "RGB")
        options |= {"quality": 95, "subsampling": 0}
    elif kind == "WEBP":
        # `exact` keeps the colours under transparent pixels.
        options |= {"lossless": True, "exact": True}
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def write(path: Path, data: bytes) -> None:
    """Whole or not at all: OUT may be IN, and a full disk must not cost the only copy. Raises OSError."""
    target = path.resolve()
    partial = partial_name(target)
    try:
        partial.write_bytes(data)
        if target.exists():
            shutil.copymode(target, partial)
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def check_folder(path: Path) -> None:
    """Before anything is paid: a file can be written there. Raises BadPicture."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise BadPicture(name=path.name, reason=_("its folder does not exist"))
    if path.is_dir():
        raise BadPicture(name=path.name, reason=_("it is a folder"))
    if not os.access(folder, os.W_OK):
        raise BadPicture(name=path.name, reason=_("its folder cannot be written"))


def check_format(path: Path, mode: str, size: Size) -> None:
    """Before anything is paid: the ending's format takes such a picture, tried with one row and one column.

    JPEG drops the alpha channel, as everybody knows of it. Raises BadPicture.
    """
    _need_pillow()
    from PIL import Image as images

    if not _format(path):
        raise BadPicture(name=path.name, reason=_("its ending names no picture format"))
    for edge in (Size(size.width, 1), Size(1, size.height)):
        try:
            kept = opened(encoded(images.new(mode, edge), None, path))
        except (OSError, *UNREADABLE):
            kept = None
        keeps_alpha = "A" not in mode or _format(path) == "JPEG" or (kept and kept.has_transparency_data)
        if kept is None or kept.size != tuple(edge) or not keeps_alpha:
            raise BadPicture(name=path.name, reason=_("its format cannot hold such a picture"))


def loses_alpha(path: Path) -> bool:
    """Whether the ending's format has no transparency at all."""
    return _format(path) == "JPEG"


def _format(path: Path) -> str:
    """Pillow's name of the format that the ending stands for, "" for none."""
    _need_pillow()
    from PIL import Image as images

    return images.registered_extensions().get(path.suffix.lower(), "")


def _need_pillow() -> None:
    try:
        import PIL  # noqa: F401 - only whether it is there
    except ImportError:
        raise MissingPart(part="Pillow", command="pip install 'scumble[cli]'") from None


def _open(path: Path) -> tuple[Image, bool]:
    """The picture upright, and whether its file has more than the 8 bits a channel that Pillow gives."""
    _need_pillow()
    from PIL import Image as images
    from PIL import ImageOps

    images.MAX_IMAGE_PIXELS = _LARGEST_CANVAS
    try:
        with images.open(path) as image:
            is_deep = _is_deep(image)
            image.load()
            return ImageOps.exif_transpose(image), is_deep
    except (OSError, *UNREADABLE, images.DecompressionBombError) as error:
        raise BadPicture(name=path.name, reason=_reason(error)) from None


def _is_deep(image: ImageFile) -> bool:
    """Whether the file has 16 bits a channel; asked before Pillow reads it, which makes 8 of colour's 16."""
    layouts = (tile.args if isinstance(tile.args, str) else tuple(tile.args or ())[:1] for tile in image.tile)
    return any(re.search(r";16[BLN]", str(layout)) for layout in layouts)


def _eight_bits(image: Image, name: str) -> Image:
    """A grey mask of 16 bits by its upper 8, where Pillow would cut off at 255; 0 stays the only 0."""
    if image.mode == "F":
        raise BadPicture(name=name, reason=_("the colour mode {mode} is not supported here").format(mode="F"))
    if not image.mode.startswith("I"):
        return image.convert("L")
    return image.convert("I").point(lambda value: value / 257 + 0.998).convert("L")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return _("there is no such file")
    return _("it cannot be read as a picture")


def _hole(selection: Image, plan: Plan) -> Image:
    """255 for each pixel of the request that any selected one is under, else 0 (mode L)."""
    from PIL import Image as images

    window = images.new("L", plan.window.size, 0)
    visible = plan.visible
    part = selection.crop((visible.x, visible.y, visible.right, visible.bottom))
    window.paste(part, (visible.x - plan.window.x, visible.y - plan.window.y))
    covered = window.point([0] + [255] * 255)
    if covered.size != tuple(plan.request_size):
        covered = covered.resize(plan.request_size, images.Resampling.BOX).point([0] + [255] * 255)
    return covered


def _in_window(patch: Image, plan: Plan, match: Match) -> Image:
    """The answer toned, and moved and brought to the window's size in one resampling, or in none."""
    from PIL import Image as images

    if match.applied and patch.size != tuple(plan.request_size):
        patch = patch.resize(plan.request_size, images.Resampling.LANCZOS)
    if match.applied:
        alpha = bytes(range(256)) if "A" in patch.getbands() else b""
        patch = patch.point(list(b"".join((*match.tone.tables(), alpha))))
    if match.moved:
        size, channels = Size(*patch.size), len(patch.getbands())
        border, data = matching.bordered(size, patch.tobytes(), channels, match.motion)
        wide = images.frombytes(patch.mode, (size.width + 2 * border, size.height + 2 * border), data)
        left, top, right, bottom = (border + edge for edge in match.motion.source(*size))
        return wide.resize(plan.window.size, images.Resampling.LANCZOS, (left, top, right, bottom))
    if patch.size != tuple(plan.window.size):
        return patch.resize(plan.window.size, images.Resampling.LANCZOS)
    return patch


def _flattened_srgb(original: Original, part: Rect) -> Image:
    from PIL import Image as images

    crop = original.image.crop((part.x, part.y, part.right, part.bottom))
    opaque = crop.convert("RGB") if original.profile is None else _to_srgb(crop, original.profile)
    if "A" not in crop.getbands():
        return opaque
    return images.composite(opaque, images.new("RGB", crop.size, _NEUTRAL), crop.getchannel("A"))


def _to_srgb(crop: Image, profile: bytes) -> Image:
    from PIL import ImageCms

    plain = crop.convert("L" if crop.mode in ("L", "LA") else "RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return crop.convert("RGB")
    return converted or crop.convert("RGB")


def _in_profile(patch: Image, original: Original) -> Image:
    """From sRGB into the original's mode and profile."""
    mode = original.image.mode
    if original.profile is None:
        return patch.convert(mode)
    from PIL import ImageCms

    plain = "L" if mode in ("L", "LA") else "RGB"
    try:
        target = ImageCms.ImageCmsProfile(io.BytesIO(original.profile))
        converted = ImageCms.profileToProfile(
            patch.convert("RGB"), ImageCms.createProfile("sRGB"), target, outputMode=plain
        )
    except (OSError, ImageCms.PyCMSError):
        return patch.convert(mode)
    if converted is None:
        return patch.convert(mode)
    converted = converted.convert(mode)
    if "A" in converted.getbands() and "A" in patch.getbands():
        converted.putalpha(patch.getchannel("A"))
    return converted


def _extended(visible: Image, plan: Plan) -> Image:
    """The window with its padding filled by repeating the edge pixels."""
    from PIL import Image as images

    left, top, right, bottom = plan.padding
    if not any(plan.padding):
        return visible
    width, height = visible.size
    rows = images.new("RGB", (plan.window.width, height))
    rows.paste(visible.crop((0, 0, 1, height)).resize((max(1, left), height)), (0, 0))
    rows.paste(visible.crop((width - 1, 0, width, height)).resize((max(1, right), height)), (left + width, 0))
    rows.paste(visible, (left, 0))
    window = images.new("RGB", plan.window.size)
    full = rows.width
    window.paste(rows.crop((0, 0, full, 1)).resize((full, max(1, top))), (0, 0))
    last_row = rows.crop((0, height - 1, full, height))
    window.paste(last_row.resize((full, max(1, bottom))), (0, top + height))
    window.paste(rows, (0, top))
    return window


def _png(image: Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=1)
    return data.getvalue()
