# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture onto its target: the image packed, the material wired, its origin noted on both."""

from __future__ import annotations

from dataclasses import dataclass

from . import images, mapping, materials, targets
from .images import Origin
from .scumble.errors import StorageError
from .scumble.settings import Home
from .targets import Target
from .translations import _


class CannotPlace(Exception):
    """The target is gone or takes no texture; `reason` is a translated sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


@dataclass(frozen=True)
class Placed:
    """The names of the material and the image."""

    material: str
    image: str


def place(target: Target, picture: bytes, origin: Origin) -> Placed:
    """Raises CannotPlace, and then changed nothing."""
    objects, material = targets.still_there(target)
    if target.kind == "ACTIVE" and material is None:
        raise CannotPlace(_("The material is not in the file any more."))
    if target.kind == "NEW" and not objects:
        raise CannotPlace(_("The objects are not in the file any more."))
    if material is not None and not materials.can_take_texture(material):
        raise CannotPlace(_("The material shows no Principled BSDF any more."))
    image = images.pack(picture, origin)
    if material is None:
        material = materials.make(images.NAME)
        materials.assign(material, objects)
    materials.give_texture(material, image, mapping.choose(objects))
    images.note(material, origin)
    return Placed(material.name, image.name)


def note_placed(home: Home, result: str, where: str) -> str:
    """Write beside a kept result where it was put; gives what went wrong, which takes nothing from it."""
    from .scumble import store

    try:
        store.mark_placed(home, result, where)
    except KeyError:
        pass  # somebody deleted the result meanwhile: the texture is in place all the same
    except StorageError as error:
        return str(error)
    return ""
