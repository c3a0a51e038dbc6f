# SPDX-License-Identifier: GPL-3.0-or-later
"""Having the sidebars drawn again, when what they show has changed without a person's doing."""

from __future__ import annotations

import bpy


def redraw() -> None:
    """Mark the sidebars of all 3D views in all windows."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
