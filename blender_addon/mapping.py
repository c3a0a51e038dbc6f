# SPDX-License-Identifier: GPL-3.0-or-later
"""How a texture lies on objects: by their UVs where all have them, else projected from six sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import bpy

Vector = tuple[float, float, float]

# Above this ratio of the largest to the smallest object one grain for all would leave the small ones
# in a single colour.
_SIZES_ALIKE = 8.0


@dataclass(frozen=True)
class Mapping:
    """An output of the Texture Coordinate node, and the location and scale of the Mapping node after it."""

    coordinates: Literal["UV", "Object", "Generated"]
    location: Vector = (0.0, 0.0, 0.0)
    scale: Vector = (1.0, 1.0, 1.0)

    @property
    def projected(self) -> bool:
        return self.coordinates != "UV"


def choose(objects: Iterable[bpy.types.Object]) -> Mapping:
    """The mapping for one material on all these objects.

    Projected, one tile covers the largest object's longest side and all objects show the same grain. Objects
    of very different sizes get one tile each, stretched to their proportions.
    """
    objects = list(objects)
    if objects and all(has_uvs(each) for each in objects):
        return Mapping("UV")
    boxes = [_box(each) for each in objects]
    longest = [max(high - low for low, high in box) for box in boxes]
    if not longest or min(longest) <= 0.0 or max(longest) > _SIZES_ALIKE * min(longest):
        return Mapping("Generated")
    scale = 1.0 / max(longest)
    largest = boxes[longest.index(max(longest))]
    x, y, z = (-low * scale for low, _high in largest)
    return Mapping("Object", (x, y, z), (scale, scale, scale))


def has_uvs(item: bpy.types.Object) -> bool:
    """Whether its UV map for rendering spreads the texture; one with all of it on one point does not."""
    if not isinstance(item.data, bpy.types.Mesh):
        return False
    rendered = next((layer for layer in item.data.uv_layers if layer.active_render), None)
    if rendered is None:
        return False
    # In Edit Mode Blender shows no coordinates here.
    places = (point.vector for point in rendered.uv)
    first = next(places, None)
    return first is None or any(place != first for place in places)


def _box(item: bpy.types.Object) -> Sequence[tuple[float, float]]:
    """Lowest and highest local coordinate on each axis."""
    corners = [tuple(corner) for corner in item.bound_box]
    return [(min(axis), max(axis)) for axis in zip(*corners, strict=True)]
