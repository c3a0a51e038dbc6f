# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads read and replies written: PNG always, JPEG and WebP where Pillow is installed."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field

from .. import png
from ..shapes import Size
from .faults import not_here, unreadable

_PIXELS_MAX = 64_000_000
_NEEDS_PILLOW = " (The Scumble sandbox reads JPEG and WebP only where Pillow is installed; send PNG.)"
_WITH_PILLOW = ("jpeg", "webp")
_PILLOW_FORMATS = {"image/jpeg": "JPEG", "image/webp": "WEBP"}


@dataclass(frozen=True)
class Bitmap:
    """8-bit pixels, rows from the top; 3 channels, or 4 with alpha."""

    size: Size
    channels: int
    pixels: bytes = field(repr=False)

    @property
    def colours(self) -> bytes:
        """RGB; what alpha hides is shown, as these models see it."""
        if self.channels == 3:
            return self.pixels
        return png.interleaved([self.pixels[channel::4] for channel in range(3)])

    @property
    def alpha(self) -> bytes | None:
        return self.pixels[3::4] if self.channels == 4 else None


def read(data: bytes, number: int) -> Bitmap:
    """The pixels of upload `number` (from 1). Raises ApiError when it cannot be read."""
    try:
        media_type, size = png.picture_size(data)
        if media_type == "image/png":
            return Bitmap(*png.decode(data, _PIXELS_MAX))
    except ValueError:
        raise unreadable(number) from None
    if size.area > _PIXELS_MAX:
        raise unreadable(number)
    return _read_with_pillow(data, media_type, number)


def write(size: Size, pixels: bytes, channels: int, output_format: str, compression: int) -> bytes:
    """The encoded picture; `compression`, 0 .. 100, is for JPEG and WebP.

    Raises ApiError for these two where Pillow is not installed.
    """
    if output_format == "png":
        return png.encode(size, pixels, channels)
    require_pillow(output_format)
    from PIL import Image

    file = io.BytesIO()
    image = Image.frombytes("RGBA" if channels == 4 else "RGB", size, pixels)
    # For WebP the least effort: what matters here is time.
    options = {"method": 0} if output_format == "webp" else {}
    image.save(file, output_format.upper(), quality=compression, **options)
    return file.getvalue()


def write_text(size: Size, pixels: bytes, channels: int, output_format: str, compression: int) -> str:
    """The encoded picture in base64. Raises as write()."""
    return base64.b64encode(write(size, pixels, channels, output_format, compression)).decode("ascii")


def require_pillow(output_format: str) -> None:
    """Raises ApiError when the format needs Pillow and it is not installed."""
    if output_format in _WITH_PILLOW and not _has_pillow():
        raise not_here("output_format", f"'{output_format}' without Pillow; ask for 'png'")


def _has_pillow() -> bool:
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        return False
    return True


def _read_with_pillow(data: bytes, media_type: str, number: int) -> Bitmap:
    if not _has_pillow():
        raise unreadable(number, _NEEDS_PILLOW)
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=[_PILLOW_FORMATS[media_type]]) as opened:
            upright = ImageOps.exif_transpose(opened)
            mode = "RGBA" if upright.has_transparency_data else "RGB"
            image = upright.convert(mode)
    except Exception:  # noqa: BLE001  # Pillow's readers raise anything for a damaged file
        raise unreadable(number) from None
    return Bitmap(Size(*image.size), len(mode), image.tobytes())
