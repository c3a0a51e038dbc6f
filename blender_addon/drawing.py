# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts in the sidebar: paragraphs that fit its width, rows of a name and a value, amounts."""

from __future__ import annotations

from typing import Literal

import blf
import bpy

Icon = Literal["NONE", "BLANK1", "INFO", "EXPERIMENTAL", "TIME", "ERROR"]

ICON_PIXELS = 20.0

# What a label's region has beside its text: the tabs, margins of panel and box, an icon.
_MARGIN_PIXELS = 68.0
_DIALOG_MARGIN_PIXELS = 50.0


def row_of(layout: bpy.types.UILayout, name: str, value: str) -> None:
    """A name and a value, aligned as properties are."""
    split = layout.split(factor=0.4)
    left = split.row()
    left.alignment = "RIGHT"
    left.label(text=name, translate=False)
    split.label(text=value, translate=False)


def draw_text(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: Icon = "NONE") -> None:
    """A paragraph broken to the region's width, which labels are not by themselves."""
    _draw_lines(layout, lines(context, text, 0.0 if icon == "NONE" else ICON_PIXELS), icon)


def draw_dialog_text(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, width: float) -> None:
    """A paragraph in a dialog of so many unscaled pixels."""
    scale = _use_widget_font(context)
    _draw_lines(layout, wrapped(text, (width - _DIALOG_MARGIN_PIXELS) * scale), "NONE")


def _draw_lines(layout: bpy.types.UILayout, texts: list[str], icon: Icon) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.8
    for text in texts:
        column.label(text=text, icon=icon, translate=False)
        icon = icon if icon == "NONE" else "BLANK1"


def lines(context: bpy.types.Context, text: str, beside: float = 0.0) -> list[str]:
    """The text in lines that fit into the region with so many unscaled pixels beside them."""
    scale = _use_widget_font(context)
    return wrapped(text, context.region.width - (_MARGIN_PIXELS + beside) * scale)


def _use_widget_font(context: bpy.types.Context) -> float:
    """Set the size that texts are measured with; gives the scale of the interface."""
    scale = float(context.preferences.system.ui_scale)
    blf.size(0, context.preferences.ui_styles[0].widget.points * scale)
    return scale


def wrapped(text: str, width: float) -> list[str]:
    """The text in lines of at most `width` pixels of the font size that is set."""
    found: list[str] = []
    for word in text.split():
        longer = f"{found[-1]} {word}" if found else word
        if found and blf.dimensions(0, longer)[0] <= width:
            found[-1] = longer
        else:
            found.extend(_cut(word, width))
    return found


def _cut(word: str, width: float) -> list[str]:
    """A word in pieces that fit, because Blender would leave out the middle of a path."""
    if blf.dimensions(0, word)[0] <= width:
        return [word]
    pieces = [""]
    for letter in word:
        if pieces[-1] and blf.dimensions(0, pieces[-1] + letter)[0] > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
