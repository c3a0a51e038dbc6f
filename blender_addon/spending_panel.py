# SPDX-License-Identifier: GPL-3.0-or-later
"""The Spending panel: what was billed, how much of the budgets is used, and what nobody knows yet."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import bpy

from . import asking, looking
from .drawing import draw_text, row_of
from .looking import Spent
from .scumble.errors import UnknownModel
from .scumble.money import price
from .translations import N_, _, use_blenders_language

if TYPE_CHECKING:
    from .scumble.budgets import Allowance
    from .scumble.ledger import Entry, Totals

_STATES = {
    "reserved": N_("under way"),
    "sent": N_("under way"),
    "released": N_("not billed"),
    "unknown": N_("may be billed"),
}


class SCUMBLE_PT_spending(bpy.types.Panel):
    bl_idname = "SCUMBLE_PT_spending"
    bl_label = N_("Spending")
    bl_category = "Scumble"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        use_blenders_language()
        column = self.layout.column()
        seen = looking.seen()
        if seen.problem is not None:
            draw_text(column, context, str(seen.problem), "ERROR")
        spent = seen.spent
        if spent is not None:
            _draw_sums(column, context, spent)
            _draw_budgets(column, context, spent.allowance)
        elif seen.problem is None:
            draw_text(column, context, _("Nothing was asked for yet."), "INFO")
        column.operator("scumble.set_budget", text=_("Set Budget…"), translate=False)
        if spent is not None:
            _draw_unknown(column, context, spent.unknown)
            _draw_last(column, spent.last)


def _draw_sums(layout: bpy.types.UILayout, context: bpy.types.Context, spent: Spent) -> None:
    sums = layout.column(align=True)
    row_of(sums, _("Today"), price(spent.today.billed))
    row_of(sums, _("This month"), price(spent.month.billed))
    if spent.document is not None:
        row_of(sums, _("This file"), price(spent.document.billed))
    shown: Totals = spent.month
    if shown.reserved_or_unknown:
        text = _("Up to {price} more may be billed this month.")
        draw_text(layout, context, text.format(price=price(shown.reserved_or_unknown)))
    if shown.would_bill:
        text = _("The sandbox was free this month; the API would have billed {price}.")
        draw_text(layout, context, text.format(price=price(shown.would_bill)))


def _draw_budgets(layout: bpy.types.UILayout, context: bpy.types.Context, allowance: Allowance) -> None:
    bars = layout.column()
    for room in allowance.rooms:
        if room.budget.scope == "action":
            text = _("Each action at most {price}").format(price=price(room.budget.limit))
            bars.label(text=text, translate=False)
            continue
        used = min(room.used, room.budget.limit)
        bar = bars.row()
        # 80 % used, as the ledger warns at.
        bar.alert = room.near
        bar.progress(factor=used / room.budget.limit if room.budget.limit else 1.0, text=room.describe())
        if room.near:
            text = _("{price} left").format(price=price(room.left))
            draw_text(bars, context, text, "ERROR")
    if not allowance.rooms:
        draw_text(bars, context, _("No budget is set."))


def _draw_unknown(layout: bpy.types.UILayout, context: bpy.types.Context, unknown: tuple[Entry, ...]) -> None:
    if not unknown:
        return
    draw_text(layout, context, _("These may have been billed. The service's list of costs tells."), "INFO")
    for entry in unknown:
        box = layout.box()
        asked = entry.spending
        draw_text(box, context, f"{_when(entry)}, {_model(asked.model)}, {asked.size}")
        amounts = _("about {price}, at most {bound}")
        text = amounts.format(price=price(asked.expected), bound=price(asked.reserve))
        draw_text(box, context, text if asked.priced else _("price unknown"))
        row = box.row(align=True)
        billed = row.operator("scumble.settle_billed", text=_("It Was Billed…"), translate=False)
        billed.spending = entry.id
        nothing = row.operator("scumble.settle_nothing", text=_("Nothing Was Billed"), translate=False)
        nothing.spending = entry.id


def _draw_last(layout: bpy.types.UILayout, last: tuple[Entry, ...]) -> None:
    if not last:
        return
    layout.label(text=_("The last ones"), translate=False)
    table = layout.column(align=True)
    table.scale_y = 0.8
    for entry in last:
        row = table.split(factor=0.22)
        row.label(text=_when(entry), translate=False)
        rest = row.split(factor=0.58)
        rest.label(text=_model(entry.spending.model), translate=False)
        amount = rest.row()
        amount.alignment = "RIGHT"
        amount.label(text=_money(entry), translate=False)


def _money(entry: Entry) -> str:
    if entry.state != "settled":
        return _(_STATES[entry.state])
    return _("sandbox") if entry.spending.sandbox else price(entry.billed)


def _when(entry: Entry) -> str:
    """The time of today, the day of others."""
    at = entry.at.astimezone()
    return f"{at:%H:%M}" if at.date() == date.today() else f"{at:%m-%d}"


def _model(id: str) -> str:
    try:
        return asking.catalog().find(id).title
    except UnknownModel:
        return id


def register() -> None:
    bpy.utils.register_class(SCUMBLE_PT_spending)


def unregister() -> None:
    bpy.utils.unregister_class(SCUMBLE_PT_spending)
