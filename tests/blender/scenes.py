# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects, materials and look-ups for the Blender tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy


def plane(name: str = "Plane", *, uvs: bool = True, size: float = 2.0) -> bpy.types.Object:
    bpy.ops.mesh.primitive_plane_add(size=size)
    return _named(name, uvs)


def cube(name: str = "Cube", *, uvs: bool = True, size: float = 2.0) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size)
    return _named(name, uvs)


def _named(name: str, uvs: bool) -> bpy.types.Object:
    item = bpy.context.active_object
    item.name = name
    while not uvs and item.data.uv_layers:
        item.data.uv_layers.remove(item.data.uv_layers[0])
    return item


def select(*items: bpy.types.Object) -> None:
    """Select these alone; the last one becomes active."""
    bpy.context.view_layer.update()
    for item in bpy.context.view_layer.objects:
        item.select_set(item in items)
    bpy.context.view_layer.objects.active = items[-1] if items else None


def with_nodes(name: str = "Given") -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    return material


def principled(material: bpy.types.Material) -> bpy.types.Node:
    return next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def before(socket: bpy.types.NodeSocket) -> bpy.types.Node:
    """The one node that is linked to an input."""
    (link,) = socket.links
    return link.from_node


def texture_of(material: bpy.types.Material) -> bpy.types.Node:
    return before(principled(material).inputs["Base Color"])


def mapping_of(material: bpy.types.Material) -> bpy.types.Node:
    return before(texture_of(material).inputs["Vector"])


def coordinates_of(material: bpy.types.Material) -> str:
    """Which output of the Texture Coordinate node is used."""
    (link,) = mapping_of(material).inputs["Vector"].links
    assert link.from_node.type == "TEX_COORD"
    return link.from_socket.name


def saved(folder: Path, name: str = "scene.blend") -> Path:
    """The open file, saved without compression."""
    path = folder / name
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False)
    return path


def linked(folder: Path, item: bpy.types.Object) -> bpy.types.Object:
    """Write the object into a library, open a new file, and link it there."""
    library = folder / "library.blend"
    bpy.data.libraries.write(str(library), {item}, fake_user=True)
    name = item.name
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (_there, wanted):
        wanted.objects = [name]
    found: Any = wanted.objects[0]
    bpy.context.scene.collection.objects.link(found)
    return found
