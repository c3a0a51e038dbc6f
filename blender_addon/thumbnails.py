# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of kept results; Blender reads and scales them in its own background job when it draws."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy.utils.previews

if TYPE_CHECKING:
    from .kept import Kept

# Each holds a bitmap for as long as it is known.
_MOST = 256

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


def icon(one: Kept) -> int:
    """The number of its icon; 0 where there is no picture or no window."""
    return 0 if one.picture is None else _icon(one.id, one.picture)


def icon_of(picture: Path) -> int:
    """The same for a file of its own."""
    return _icon(str(picture), picture)


def _icon(name: str, picture: Path) -> int:
    global _previews
    if _previews is not None and len(_previews) >= _MOST and name not in _previews:
        unregister()
    if _previews is None:
        _previews = bpy.utils.previews.new()
    if name not in _previews:
        _previews.load(name, str(picture), "IMAGE")
    return int(_previews[name].icon_id)


def forget(id: str) -> None:
    if _previews is not None and id in _previews:
        del _previews[id]


def unregister() -> None:
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
