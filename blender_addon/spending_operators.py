# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person decides of money: what an unknown spending cost, and the limits."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, StringProperty

from . import asking, looking
from .scumble.errors import ScumbleError
from .scumble.money import decimal_usd, parse_usd, price
from .translations import N_, _, use_blenders_language

_Report = set[str]


class SCUMBLE_OT_settle_billed(bpy.types.Operator):
    """The service did bill it: note how much."""

    bl_idname = "scumble.settle_billed"
    bl_label = N_("It Was Billed")
    bl_description = N_("The service billed it, as its own list of costs says: note how much")
    bl_options = {"INTERNAL"}

    spending: StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    amount: StringProperty(
        name=N_("Dollars"), description=N_("What was billed, such as 0.013"), options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> _Report:
        spent = looking.seen().spent
        asked = next((one for one in spent.unknown if one.id == self.spending), None) if spent else None
        if asked is not None:
            self.amount = decimal_usd(asked.spending.expected)
        return set(
            context.window_manager.invoke_props_dialog(self, title=_(self.bl_label), confirm_text=_("Note"))
        )

    def execute(self, context: bpy.types.Context) -> _Report:
        try:
            billed = parse_usd(self.amount)
        except ValueError:
            self.report({"ERROR"}, _("An amount is written like 0.013."))
            return {"CANCELLED"}
        return _decide(self, self.spending, billed)


class SCUMBLE_OT_settle_nothing(bpy.types.Operator):
    bl_idname = "scumble.settle_nothing"
    bl_label = N_("Nothing Was Billed")
    bl_description = N_("The service's own list of costs does not have it: it cost nothing")
    bl_options = {"INTERNAL"}

    spending: StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> _Report:
        return set(context.window_manager.invoke_confirm(self, event))

    def execute(self, context: bpy.types.Context) -> _Report:
        return _decide(self, self.spending, None)


def _decide(operator: bpy.types.Operator, spending: str, billed: int | None) -> _Report:
    from .scumble.ledger import Ledger

    use_blenders_language()
    try:
        with Ledger(asking.home().ledger) as ledger:
            ledger.decide(spending, billed)
    except ScumbleError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    except (KeyError, ValueError):
        operator.report({"ERROR"}, _("It is decided already."))
        return {"CANCELLED"}
    finally:
        looking.look_again()
    noted = _("Nothing was billed.") if billed is None else _("billed {price}").format(price=price(billed))
    operator.report({"INFO"}, noted)
    return {"FINISHED"}


class SCUMBLE_OT_set_budget(bpy.types.Operator):
    """Set a limit, or lift it by leaving the amount empty."""

    bl_idname = "scumble.set_budget"
    bl_label = N_("Set Budget")
    bl_description = N_("Limit what may be spent; what would pass the limit is not sent")
    bl_options = {"INTERNAL"}

    scope: EnumProperty(
        name=N_("For"),
        items=[
            ("day", N_("Each day"), ""),
            ("month", N_("Each month"), ""),
            ("action", N_("Each action"), ""),
        ],
        options={"SKIP_SAVE"},
    )
    amount: StringProperty(
        name=N_("Dollars"),
        description=N_("The limit, such as 5.00; empty lifts it"),
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> _Report:
        return set(
            context.window_manager.invoke_props_dialog(self, title=_(self.bl_label), confirm_text=_("Set"))
        )

    def execute(self, context: bpy.types.Context) -> _Report:
        from .scumble.ledger import Ledger

        use_blenders_language()
        try:
            limit = parse_usd(self.amount) if self.amount.strip() else None
        except ValueError:
            self.report({"ERROR"}, _("An amount is written like 0.013."))
            return {"CANCELLED"}
        try:
            with Ledger(asking.home().make().ledger) as ledger:
                if limit is None:
                    ledger.clear_budget(self.scope)
                else:
                    ledger.set_budget(self.scope, limit)
        except ScumbleError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            looking.look_again()
        return {"FINISHED"}


_CLASSES = (SCUMBLE_OT_settle_billed, SCUMBLE_OT_settle_nothing, SCUMBLE_OT_set_budget)


def register() -> None:
    for each in _CLASSES:
        bpy.utils.register_class(each)


def unregister() -> None:
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
