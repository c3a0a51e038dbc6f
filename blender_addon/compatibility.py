# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place for differences between Blender 4.2 and 5.2."""

from __future__ import annotations

from typing import Any

import bpy

# Text boxes of several lines came with Blender 5.2.
_HAS_TEXT_BOX = "textbox" in bpy.types.UILayout.bl_rna.functions  # type: ignore[attr-defined]

_PATH_BYTES = 1023


def give_nodes(material: bpy.types.Material) -> None:
    """Make sure that the material has a node tree and is drawn by it.

    From Blender 5.0 on that is always so, and setting `use_nodes` warns.
    """
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True


def clear_packed_paths(image: bpy.types.Image) -> None:
    """Overwrite a field that Blender up to 5.0 saves with whatever lay in memory there before.

    That is 1 kB a packed image, and in it a test found a prompt. The field is first filled, then set to what
    it was, because setting it leaves what is behind the text's end.
    """
    for packed in image.packed_files:
        was, packed.filepath = packed.filepath, "-" * _PATH_BYTES
        packed.filepath = was


def gesture_under_way() -> bool:
    """Whether a drag or a brush stroke holds the mouse, or a render reads the scene.

    A change now would become part of the undo step of that gesture; while rendering it is not safe.
    Blender 4.2 may not tell of gestures.
    """
    held = (
        "BLOCKING" in operator.bl_options
        for window in bpy.context.window_manager.windows
        for operator in getattr(window, "modal_operators", ())
    )
    return any(held) or bpy.app.is_job_running("RENDER")


def draw_prompt(layout: bpy.types.UILayout, data: Any, name: str, placeholder: str) -> None:
    """A text field over the whole width, of several lines where Blender has them."""
    if _HAS_TEXT_BOX:
        layout.textbox(data, name, initial_visible_lines=3, placeholder=placeholder)
    else:
        layout.prop(data, name, text="", placeholder=placeholder)
