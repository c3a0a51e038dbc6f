# SPDX-License-Identifier: GPL-3.0-or-later
"""What a texture is for: chosen before anything is paid, found again when the picture arrives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import bpy

from . import materials
from .scumble.errors import BadRequest, Billing, ScumbleError
from .translations import _

Kind = Literal["NEW", "ACTIVE"]

_WITH_MATERIALS = frozenset({"MESH", "CURVE", "SURFACE", "META", "FONT"})
_Block = TypeVar("_Block", bpy.types.Object, bpy.types.Material)


class NoTarget(BadRequest):
    """Nothing here can take a texture; `reason` and `remedy` are translated sentences."""

    code = "no-target"
    sentence = "{reason}"
    remedy = "{remedy}"


class NotPlaced(ScumbleError):
    """The picture arrived and could not be put anywhere; it is in the store."""

    code = "not-placed"
    sentence = "{reason}"
    remedy = "{remedy}"

    def __init__(self, reason: str, folder: object, billed: bool) -> None:
        remedy = _("The picture is kept in {folder}").format(folder=folder)
        super().__init__(reason=reason, remedy=remedy)
        self.billing = Billing.BILLED if billed else Billing.NOTHING


@dataclass(frozen=True)
class Target:
    """Objects, and for the kind ACTIVE the material, by `session_uid`: undo and file load end pointers."""

    kind: Kind
    objects: tuple[int, ...]
    material: int | None
    title: str


def choose(context: bpy.types.Context, kind: Kind) -> Target:
    """The target the selection means now. Raises NoTarget."""
    return _active_material(context) if kind == "ACTIVE" else _selected_objects(context)


def still_there(target: Target) -> tuple[list[bpy.types.Object], bpy.types.Material | None]:
    """The objects and the material that are left of a target; both may be nothing."""
    objects = _found(bpy.data.objects, target.objects)
    if target.material is None:
        return [item for item in objects if _can_take_material(item)], None
    found = _found(bpy.data.materials, (target.material,))
    return objects, found[0] if found else None


def _selected_objects(context: bpy.types.Context) -> Target:
    selected = context.selected_objects
    if not selected:
        raise NoTarget(reason=_("No object is selected."), remedy=_("Select the objects to be textured."))
    chosen = [item for item in selected if item.type in _WITH_MATERIALS]
    if not chosen:
        raise NoTarget(
            reason=_("No selected object can have a material."),
            remedy=_("Select a mesh, curve, surface, metaball or text object."),
        )
    for item in chosen:
        if not _can_take_material(item):
            raise NoTarget(
                reason=_("{name} is linked from another file.").format(name=item.name),
                remedy=_("Make it local (Object > Relations > Make Local), or deselect it."),
            )
    uids = tuple(item.session_uid for item in chosen)
    title = _listed([item.name for item in chosen])
    if _is_shared_with_others(chosen):
        title = _("{names}, others by their mesh").format(names=title)
    return Target("NEW", uids, None, title)


def _active_material(context: bpy.types.Context) -> Target:
    item = context.active_object
    new = _("Choose New Material as the target.")
    if item is None:
        raise NoTarget(reason=_("No object is active."), remedy=_("Click the object to be textured."))
    material = item.active_material
    if material is None:
        raise NoTarget(reason=_("{name} has no active material.").format(name=item.name), remedy=new)
    if not _is_own(material):
        raise NoTarget(
            reason=_("The material {name} is linked from another file.").format(name=material.name),
            remedy=_("Make it local, or choose New Material as the target."),
        )
    if not materials.can_take_texture(material):
        raise NoTarget(
            reason=_("The material {name} shows no Principled BSDF.").format(name=material.name),
            remedy=_("Connect a Principled BSDF to its output, or choose New Material as the target."),
        )
    uids = tuple(user.session_uid for user in materials.users(material))
    title = material.name
    if len(uids) > 1:
        title = _("{name}, on {count} objects").format(name=title, count=len(uids))
    return Target("ACTIVE", uids, material.session_uid, title)


def _can_take_material(item: bpy.types.Object) -> bool:
    """Whether the place that holds the active slot's material belongs to this file."""
    if not _is_own(item):
        return False
    slot = materials.active_slot(item)
    return (slot is not None and slot.link == "OBJECT") or _is_own(item.data)


def _is_shared_with_others(chosen: list[bpy.types.Object]) -> bool:
    """Whether a slot to be filled belongs to data that objects outside of the choice use too."""
    slots = [(item.data, materials.active_slot(item)) for item in chosen]
    filled = [data for data, slot in slots if data is not None and (slot is None or slot.link == "DATA")]
    return any(data.users - data.use_fake_user > filled.count(data) for data in set(filled))


def _is_own(block: bpy.types.ID | None) -> bool:
    return block is not None and block.library is None and block.override_library is None


def _found(blocks: Iterable[_Block], uids: tuple[int, ...]) -> list[_Block]:
    wanted = set(uids)
    return [block for block in blocks if block.session_uid in wanted]


def _listed(names: list[str]) -> str:
    if len(names) <= 2:
        return ", ".join(names)
    return _("{first} and {count} more").format(first=names[0], count=len(names) - 1)
