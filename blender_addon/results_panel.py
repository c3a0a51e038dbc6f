# SPDX-License-Identifier: GPL-3.0-or-later
"""The Results panel: every kept picture with its price, and one of them in full."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import bpy

from . import asking, looking, properties, thumbnails
from .drawing import draw_text
from .looking import Seen
from .scumble.errors import UnknownModel
from .scumble.money import exact, price
from .translations import N_, _, use_blenders_language

if TYPE_CHECKING:
    from .kept import Kept

_COLUMNS, _ROWS = 3, 3
_HOSTS = {"gimp": "GIMP", "blender": "Blender", "cli": N_("command line")}


class SCUMBLE_PT_results(bpy.types.Panel):
    bl_idname = "SCUMBLE_PT_results"
    bl_label = N_("Results")
    bl_category = "Scumble"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        use_blenders_language()
        column = self.layout.column()
        seen = looking.seen()
        if seen.problem is not None:
            draw_text(column, context, str(seen.problem), "ERROR")
            return
        session = context.window_manager.scumble
        search = column.row(align=True)
        search.prop(session, "search", text="", icon="VIEWZOOM")
        search.prop(session, "unplaced_only", text="", icon="ERROR")
        found = _found(seen.kept, session.search, session.unplaced_only)
        if not found:
            text = _("Nothing is kept that fits.") if seen.kept else _("Nothing is kept yet.")
            draw_text(column, context, text, "INFO")
            return
        _draw_gallery(column, session, found)
        chosen = next((one for one in found if one.id == looking.chosen), None)
        if chosen is not None:
            _draw_chosen(column, context, chosen, seen)


@lru_cache(maxsize=1)
def _found(kept: tuple[Kept, ...], search: str, unplaced: bool) -> tuple[Kept, ...]:
    words = search.casefold().split()
    return tuple(
        one
        for one in kept
        if (one.unplaced or not unplaced) and all(word in one.prompt.casefold() for word in words)
    )


def _draw_gallery(layout: bpy.types.UILayout, session: Any, found: tuple[Kept, ...]) -> None:
    on_page = _COLUMNS * _ROWS
    pages = -(-len(found) // on_page)
    page = min(session.page, pages - 1)
    grid = layout.grid_flow(row_major=True, columns=_COLUMNS, even_columns=True, even_rows=True, align=True)
    for one in found[page * on_page : (page + 1) * on_page]:
        cell = grid.column(align=True)
        cell.template_icon(icon_value=thumbnails.icon(one), scale=4.0)
        cell.operator(
            "scumble.choose_result",
            text=_short_price(one),
            icon="ERROR" if one.unplaced else "NONE",
            translate=False,
            depress=one.id == looking.chosen,
        ).result = one.id
    if pages > 1:
        row = layout.row(align=True)
        newer, text, older = row.row(), row.row(), row.row()
        newer.enabled, older.enabled = page > 0, page < pages - 1
        newer.operator("scumble.turn_page", text="", icon="TRIA_LEFT").by = page - 1 - session.page
        text.alignment = "CENTER"
        text.label(text=f"{page + 1} / {pages}", translate=False)
        older.operator("scumble.turn_page", text="", icon="TRIA_RIGHT").by = page + 1 - session.page


def _draw_chosen(layout: bpy.types.UILayout, context: bpy.types.Context, one: Kept, seen: Seen) -> None:
    box = layout.box()
    draw_text(box, context, one.prompt)
    about = (
        _title(one.model),
        properties.quality_name(one.quality),
        one.size,
        _(_HOSTS.get(one.host, one.host)),
    )
    draw_text(box, context, ", ".join((*about, f"{one.at.astimezone():%Y-%m-%d %H:%M}")))
    draw_text(box, context, _long_price(one))
    if one.placed:
        draw_text(box, context, _("On {names}").format(names=", ".join(one.placed)))
    elif one.unplaced:
        draw_text(box, context, _("Paid for and never applied."), "ERROR")
    if seen.credentials is not None and seen.question.result == one.id:
        draw_text(box, context, _credentials(seen))
    column = box.column(align=True)
    for text, target in ((_("Apply as New Material"), "NEW"), (_("Into Active Material"), "ACTIVE")):
        apply = column.operator("scumble.apply_result", text=text, translate=False)
        apply.result, apply.target = one.id, target
    row = column.row(align=True)
    row.operator("scumble.reload_result", text=_("Use Settings"), translate=False).result = one.id
    row.operator("scumble.export_result", text=_("Save Original…"), translate=False).result = one.id
    column.operator("scumble.forget_result", text=_("Forget…"), translate=False).result = one.id


def _credentials(seen: Seen) -> str:
    texts = {
        "yes": _("Content Credentials: yes"),
        "no": _("Content Credentials: no"),
        "unknown": _("Content Credentials: cannot be told"),
    }
    return texts[seen.credentials.value] if seen.credentials is not None else ""


def _short_price(one: Kept) -> str:
    if one.sandbox:
        return _("sandbox")
    return _("price unknown") if one.billed is None else price(one.billed)


def _long_price(one: Kept) -> str:
    if one.sandbox:
        return _("Sandbox: nothing is billed.")
    return _("price unknown") if one.billed is None else _("billed {price}").format(price=exact(one.billed))


def _title(model: str) -> str:
    try:
        return asking.catalog().find(model).title
    except UnknownModel:
        return model


def register() -> None:
    bpy.utils.register_class(SCUMBLE_PT_results)


def unregister() -> None:
    bpy.utils.unregister_class(SCUMBLE_PT_results)
    thumbnails.unregister()
    _found.cache_clear()
