# SPDX-License-Identifier: GPL-3.0-or-later
"""An image into the Base Color of a material, through a mapping that an artist can scale."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import bpy

from . import compatibility, images
from .mapping import Mapping

_BLEND = 0.2
_COLUMNS = (-340.0, -560.0, -760.0)
_ROW = 320.0
_WIDTH, _HEIGHT = 240.0, 300.0


def make(name: str) -> bpy.types.Material:
    """A new material with Blender's own first nodes."""
    material = bpy.data.materials.new(name)
    compatibility.give_nodes(material)
    return material


def find_principled(material: bpy.types.Material) -> bpy.types.Node | None:
    """The Principled BSDF nearest to the active output; one that the output does not show does not count."""
    if material.node_tree is None:
        return None
    output = _active_output(material.node_tree)
    waiting = deque([output] if output is not None else [])
    seen = set()
    while waiting:
        node = waiting.popleft()
        if isinstance(node, bpy.types.ShaderNodeBsdfPrincipled):
            return node
        seen.add(node.name)
        sources = [link.from_node for socket in node.inputs for link in socket.links]
        waiting.extend(source for source in sources if source.name not in seen)
    return None


def _active_output(tree: bpy.types.ShaderNodeTree) -> bpy.types.Node | None:
    """The output that the scene's render engine shows, else the other engine's."""
    if bpy.context.scene.render.engine == "CYCLES":
        return tree.get_output_node("CYCLES") or tree.get_output_node("EEVEE")
    return tree.get_output_node("EEVEE") or tree.get_output_node("CYCLES")


def can_take_texture(material: bpy.types.Material) -> bool:
    """Whether give_texture() will find a Principled BSDF; a material without nodes gets Blender's own."""
    return not material.is_grease_pencil and (
        material.node_tree is None or find_principled(material) is not None
    )


def give_texture(material: bpy.types.Material, image: bpy.types.Image, mapping: Mapping) -> None:
    """Wire the image to Base Color of a material that can_take_texture(), else ValueError.

    An Image Texture that already brings one of our images there takes the new image and keeps the artist's
    mapping. Any other link to Base Color is replaced and its nodes are left alone.
    """
    compatibility.give_nodes(material)
    tree, principled = material.node_tree, find_principled(material)
    if tree is None or principled is None:
        raise ValueError("the material shows no Principled BSDF")
    base_color = principled.inputs["Base Color"]
    texture = _ours_before(base_color)
    if texture is None:
        texture = _add_nodes(tree, principled, mapping)
    texture.image = image
    # Texture Paint and textured solid shading take the active node.
    for node in tree.nodes:
        node.select = node == texture
    tree.nodes.active = texture


def assign(material: bpy.types.Material, objects: Iterable[bpy.types.Object]) -> None:
    """Put the material into the active slot of each object, made where there is none."""
    for item in objects:
        slot = active_slot(item)
        if slot is not None:
            slot.material = material
        else:
            item.data.materials.append(material)


def active_slot(item: bpy.types.Object) -> bpy.types.MaterialSlot | None:
    return item.material_slots[item.active_material_index or 0] if item.material_slots else None


def users(material: bpy.types.Material) -> list[bpy.types.Object]:
    """The objects of the file that have the material in a slot."""
    return [
        item for item in bpy.data.objects if any(slot.material == material for slot in item.material_slots)
    ]


def _ours_before(socket: bpy.types.NodeSocket) -> bpy.types.ShaderNodeTexImage | None:
    for link in socket.links:
        node = link.from_node
        if isinstance(node, bpy.types.ShaderNodeTexImage) and images.is_ours(node.image):
            return node
    return None


def _add_nodes(tree: bpy.types.NodeTree, principled: bpy.types.Node, mapping: Mapping) -> Any:
    """Texture Coordinate, Mapping and Image Texture, linked, in a free row left of the Principled BSDF."""
    right, top = _place(principled)
    top = _free_row(tree, right, top)
    texture, placement, coordinates = (
        _node(tree, kind, (right + column, top))
        for kind, column in zip(
            ("ShaderNodeTexImage", "ShaderNodeMapping", "ShaderNodeTexCoord"), _COLUMNS, strict=True
        )
    )
    texture.label = images.NAME
    placement.label = "Scumble Scale"
    placement.inputs["Location"].default_value = mapping.location
    placement.inputs["Scale"].default_value = mapping.scale
    if mapping.projected:
        texture.projection = "BOX"
        texture.projection_blend = _BLEND
    tree.links.new(coordinates.outputs[mapping.coordinates], placement.inputs["Vector"])
    tree.links.new(placement.outputs["Vector"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], principled.inputs["Base Color"])
    return texture


def _node(tree: bpy.types.NodeTree, kind: str, location: tuple[float, float]) -> Any:
    """A new node; of its kind's own properties the stubs know nothing."""
    node = tree.nodes.new(kind)
    node.location = location
    return node


def _free_row(tree: bpy.types.NodeTree, right: float, top: float) -> float:
    """The first row, from the BSDF's own downwards, where no node lies in the way of ours."""
    places = [_place(node) for node in tree.nodes if node.type != "FRAME"]
    left = right + _COLUMNS[-1] - _WIDTH
    while any(left < x < right - 1.0 and top - _HEIGHT < y < top + _HEIGHT for x, y in places):
        top -= _ROW
    return top


def _place(node: bpy.types.Node) -> tuple[float, float]:
    """The node's upper left corner in the tree; `location` alone counts from the frame around it."""
    x, y = node.location
    frame = node.parent
    while frame is not None:
        x, y = x + frame.location.x, y + frame.location.y
        frame = frame.parent
    return x, y
