# SPDX-License-Identifier: GPL-3.0-or-later
"""Which format a picture has, by its bytes and never by its name: type, size, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass

from . import gifs, png, svgs
from .shapes import Size
from .translation import _

MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
}
"""By the API's name of a format."""

ENDINGS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/svg+xml": "svg",
}
"""Of file names, by media type."""

_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_END_SEARCHED = 65_536
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Seen:
    """What a picture turned out to be. `frames` is 1 for a still one; an SVG may name things outside it."""

    media_type: str
    size: Size
    frames: int = 1
    references_outside: bool = False


def look(data: bytes) -> Seen:
    """The kind and size of a whole PNG, JPEG, WebP, GIF or SVG; pixels are not decoded.

    Bytes after the end are allowed. A JPEG's size is as stored, before any EXIF orientation. Raises
    ValueError, with a reason fit for a person, for anything else and for what is cut off.
    """
    if data[:6] in gifs.SIGNATURES:
        animation = gifs.read(data)
        return Seen("image/gif", animation.size, len(animation.frame_ms))
    if svgs.begins_like_svg(data):
        drawing = svgs.read(data)
        return Seen("image/svg+xml", drawing.size, references_outside=drawing.references_outside)
    media_type, size = png.picture_size(data)
    if not _has_its_end(data, media_type):
        raise ValueError(_("it is cut off"))
    return Seen(media_type, size)


def media_type_of(data: bytes) -> str | None:
    """By the first bytes alone; None for none that is known."""
    if data.startswith(png.SIGNATURE):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:6] in gifs.SIGNATURES:
        return "image/gif"
    return "image/svg+xml" if svgs.begins_like_svg(data) else None


def orientation(data: bytes) -> int:
    """How a JPEG is to be turned, 1 to 8 as EXIF has it; 1, as it is stored, where nothing usable is said."""
    if not data.startswith(b"\xff\xd8"):
        return 1
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] not in (0xDA, 0xD9):
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position + 1] == 0xE1 and data[position + 4 : position + 10] == _EXIF:
            return _orientation_in(data[position + 10 : position + 2 + length])
        position += 2 + max(2, length)
    return 1


def _orientation_in(tiff: bytes) -> int:
    order: dict[bytes, str] = {b"II*\0": "little", b"MM\0*": "big"}
    byte_order = order.get(tiff[:4])
    if byte_order is None:
        return 1

    def number(start: int, length: int) -> int:
        return int.from_bytes(tiff[start : start + length], "little" if byte_order == "little" else "big")

    start = number(4, 4)
    for entry in range(start + 2, start + 2 + 12 * min(number(start, 2), 512), 12):
        if number(entry, 2) == _ORIENTATION and entry + 12 <= len(tiff):
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def _has_its_end(data: bytes, media_type: str) -> bool:
    if media_type == "image/png":
        return _PNG_END in data[-_END_SEARCHED:]
    if media_type == "image/jpeg":
        return _JPEG_END in data[-_END_SEARCHED:]
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")
