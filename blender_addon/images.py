# SPDX-License-Identifier: GPL-3.0-or-later
"""A reply's bytes as a packed image, and what is noted on the data made from it."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from . import compatibility

NAME = "Scumble Texture"
RESULT = "scumble_result"
MODEL = "scumble_model"
MICRO_DOLLARS = "scumble_micro_dollars"


@dataclass(frozen=True)
class Origin:
    """Where a picture came from: the result in the store, the model, and the bill in micro-dollars."""

    result: str
    model: str
    micro_dollars: int


def pack(data: bytes, origin: Origin) -> bpy.types.Image:
    """A new image that holds exactly these bytes, in sRGB; the file format is found by Blender."""
    image = bpy.data.images.new(NAME, 1, 1)
    # Changing the colour space later would silently reset the pixels to black.
    image.colorspace_settings.name = "sRGB"
    image.pack(data=data, data_len=len(data))
    image.source = "FILE"
    compatibility.clear_packed_paths(image)
    note(image, origin)
    return image


def note(block: bpy.types.ID, origin: Origin) -> None:
    """Keep the origin with the data-block; the prompt is not part of it, because files are shared."""
    block[RESULT] = origin.result
    block[MODEL] = origin.model
    block[MICRO_DOLLARS] = origin.micro_dollars


def is_ours(image: bpy.types.Image | None) -> bool:
    return image is not None and image.get(RESULT) is not None
