# SPDX-License-Identifier: GPL-3.0-or-later
"""The Scumble tab of the 3D view's sidebar. Drawing reads only; what it shows is kept or quick to find."""

from __future__ import annotations

from typing import Any

import bpy

from . import asking, compatibility, looking, properties, running, targets, thumbnails
from .asking import Wish
from .drawing import ICON_PIXELS, draw_text, lines, row_of
from .running import Outcome, Task
from .scumble.cost import Estimate
from .scumble.errors import ScumbleError
from .scumble.money import price, price_range
from .translations import N_, _, use_blenders_language

_OFFERED_MOST = 4
_PARTS = {
    "text_input": N_("words {price}"),
    "image_input": N_("pictures sent {price}"),
    "image_output": N_("picture {price}"),
    "partial_images": N_("previews {price}"),
}


class SCUMBLE_PT_texture(bpy.types.Panel):
    bl_idname = "SCUMBLE_PT_texture"
    bl_label = N_("Texture")
    bl_order = 0
    bl_category = "Scumble"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"

    def draw(self, context: bpy.types.Context) -> None:
        use_blenders_language()
        column = self.layout.column()
        _draw_settings(column, context)
        _draw_generate(column, context)
        _draw_offer(column, context)
        for task in running.under_way():
            _draw_task(column, context, task)
        for position, outcome in reversed(tuple(enumerate(running.told))):
            _draw_outcome(column, context, outcome, position)


def _draw_offer(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What was paid for and never applied, such as by a Blender that was closed while it waited."""
    placing = {task.result.id for task in running.under_way() if task.result is not None}
    told = {outcome.result for outcome in running.told}
    offered = [one for one in looking.seen().kept if one.unplaced and one.offered and one.id not in placing]
    if not any(one.id not in told for one in offered):
        return
    session = context.window_manager.scumble
    box = layout.box()
    count = len(offered)
    text = _("1 picture was paid for and not applied.")
    if count > 1:
        text = _("{count} pictures were paid for and not applied.").format(count=count)
    draw_text(box, context, text, "INFO")
    if count == 1:
        box.operator("scumble.apply_result", text=_("Apply"), translate=False).result = offered[0].id
    row = box.row(align=True)
    row.prop(session, "offer_shown", text=_("Show"), toggle=True, translate=False)
    row.operator("scumble.dismiss_offer", text=_("Dismiss"), translate=False)
    if session.offer_shown:
        for one in offered[:_OFFERED_MOST]:
            line = box.row()
            line.template_icon(icon_value=thumbnails.icon(one), scale=3.0)
            words = line.column(align=True)
            words.label(text=one.prompt.splitlines()[0] if one.prompt else "", translate=False)
            words.label(text="" if one.billed is None else price(one.billed), translate=False)
            words.operator("scumble.apply_result", text=_("Apply"), translate=False).result = one.id


def _draw_settings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.scumble
    compatibility.draw_prompt(layout, _prompt_owner(context), "prompt", _("Describe the texture"))
    properties.keep_preferences_clean()
    fields = layout.column()
    fields.use_property_split = True
    fields.use_property_decorate = False
    fields.prop(settings, "model")
    fields.prop(settings, "quality")
    fields.prop(settings, "size")
    fields.prop(settings, "seamless")
    fields.prop(settings, "previews")
    fields.prop(settings, "target")


def _prompt_owner(context: bpy.types.Context) -> Any:
    """The preferences: they belong to no data-block, so the Info editor has no line for what is typed.

    For a property of the window manager or of an operator it shows (and a crash report repeats) the text.
    """
    addon = context.preferences.addons.get(__package__)
    return context.window_manager.scumble if addon is None else addon.preferences


def _draw_generate(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    wish = properties.wish(context)
    problem: ScumbleError | None = None
    estimate: Estimate | None = None
    sandbox = False
    try:
        estimate = asking.estimate(wish)
        account = asking.account()
        sandbox = account.sandbox
        target = targets.choose(context, context.scene.scumble.target)
        row_of(layout, _("Material") if target.kind == "ACTIVE" else _("Objects"), target.title)
        asking.require_online(account)
        if wish.prompt.strip():
            asking.checked_request(wish)
    except ScumbleError as error:
        problem = error
    button = layout.row()
    button.scale_y = 1.5
    button.enabled = problem is None and bool(wish.prompt.strip())
    button.operator("scumble.generate", text=_button_text(context, estimate), icon="SHADERFX")
    if estimate is not None:
        _draw_parts(layout, context, estimate)
        _draw_cheaper(layout, wish)
    if problem is not None:
        _draw_problem(layout, context, problem)
    elif not wish.prompt.strip():
        draw_text(layout, context, _("Write a prompt to generate."), "INFO")
    if sandbox:
        draw_text(layout, context, _("Sandbox: free placeholder pictures."), "EXPERIMENTAL")
    else:
        _draw_spent(layout, context)


def _button_text(context: bpy.types.Context, estimate: Estimate | None) -> str:
    """The verb and the price; in a narrow sidebar the price alone, because half a price would be a lie."""
    if estimate is None:
        return _("Generate")
    if not estimate.priced:
        return _("Generate   price unknown")
    price = price_range(estimate.cost.low, estimate.cost.high)
    text = _("Generate   {price}").format(price=price)
    return text if len(lines(context, text, ICON_PIXELS)) == 1 else price


def _draw_parts(layout: bpy.types.UILayout, context: bpy.types.Context, estimate: Estimate) -> None:
    """What the price is made of, small, in one line where it fits; the tooltip has the token counts."""
    if not estimate.priced:
        return
    parts = [
        _(_PARTS[line.part]).format(price=price_range(line.cost.low, line.cost.high))
        for line in reversed(estimate.lines)
    ]
    column = layout.column(align=True)
    column.active, column.scale_y = False, 0.8
    for text in lines(context, " + ".join(parts)):
        line = column.row()
        line.alignment = "CENTER"
        line.label(text=text, translate=False)


def _draw_cheaper(layout: bpy.types.UILayout, wish: Wish) -> None:
    """The same for less, as small buttons; the tooltip says what is given up."""
    try:
        choices = asking.cheaper(wish)
    except ScumbleError:
        return
    if not choices:
        return
    column = layout.column(align=True)
    column.scale_y = 0.8
    column.label(text=_("For less:"), translate=False)
    for choice in choices:
        named = properties.quality_name(choice.quality)
        if choice.changes == "model":
            named = asking.catalog().find(choice.model).title
        cost = choice.estimate.cost
        button = column.operator("scumble.cheaper", text=f"{named}   {price_range(cost.low, cost.high)}")
        button.model, button.quality, button.gives_up = choice.model, choice.quality, choice.gives_up


def _draw_spent(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    spent = looking.seen().spent
    if spent is not None:
        draw_text(layout, context, spent.allowance.describe(), "ERROR" if spent.allowance.near else "TIME")


def _draw_task(layout: bpy.types.UILayout, context: bpy.types.Context, task: Task) -> None:
    box = layout.box()
    seconds = int(task.seconds)
    title = box.row()
    title.label(text=task.target.title, icon="RENDER_STILL", translate=False)
    title.operator("scumble.stop", text="", icon="X", emboss=False).task = task.number
    if task.expected_seconds:
        factor = min(0.97, task.seconds / task.expected_seconds)
        text = _("{seconds} s of about {expected}").format(seconds=seconds, expected=task.expected_seconds)
    else:
        factor, text = 0.5, _("{seconds} s").format(seconds=seconds)
    box.progress(factor=factor, text=text)
    if task.preview is not None:
        box.template_icon(icon_value=thumbnails.icon_of(task.preview), scale=7.0)
    if task.hindrance is not None:
        draw_text(box, context, task.hindrance.what_happened)
    draw_text(box, context, _what_a_stop_costs(task))


def _what_a_stop_costs(task: Task) -> str:
    if task.sandbox:
        return _("Sandbox: nothing is billed.")
    if not task.sent:
        return _("Stopping now is free.")
    text = _("If stopped it may still be billed: {price}")
    return text.format(price=price_range(task.estimate.cost.low, task.estimate.cost.high))


def _draw_outcome(
    layout: bpy.types.UILayout, context: bpy.types.Context, outcome: Outcome, position: int
) -> None:
    box = layout.box()
    title = box.row()
    failed = outcome.error is not None
    title.label(text=outcome.title or _("Texture"), icon="ERROR" if failed else "CHECKMARK", translate=False)
    title.operator("scumble.dismiss", text="", icon="X", emboss=False).position = position
    _draw_error(box, context, outcome)
    if outcome.asked is not None:
        box.operator("scumble.set_budget", text=_("Set Budget…"), translate=False)
        box.operator(
            "scumble.pass_budget", text=_("Pass the Budget Once…"), translate=False
        ).task = outcome.task
    if outcome.result:
        draw_text(box, context, running.bill_text(outcome))
    if outcome.only_kept:
        box.operator("scumble.apply_result", text=_("Apply"), translate=False).result = outcome.result
    if not failed and _texture_is_hidden(context):
        draw_text(box, context, _("Seen in Material Preview and Rendered shading."))


def _draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, outcome: Outcome) -> None:
    error = outcome.error
    if error is None:
        return
    # The library names the command's ways past a budget; here they are buttons.
    to_do = error.what_to_do if outcome.asked is None else _("Ask for something cheaper, or choose:")
    for text in (f"{error.what_happened} {error.money}", to_do):
        if text:
            draw_text(layout, context, text)


def _draw_problem(layout: bpy.types.UILayout, context: bpy.types.Context, problem: ScumbleError) -> None:
    """Why the button is off. Nothing was asked for yet, so money is not mentioned."""
    box = layout.box()
    draw_text(box, context, problem.what_happened, "INFO")
    if problem.what_to_do:
        draw_text(box, context, problem.what_to_do, "BLANK1")


def _texture_is_hidden(context: bpy.types.Context) -> bool:
    shading = context.space_data.shading
    return shading.type in {"WIREFRAME", "SOLID"} and shading.color_type != "TEXTURE"


def register() -> None:
    bpy.utils.register_class(SCUMBLE_PT_texture)


def unregister() -> None:
    bpy.utils.unregister_class(SCUMBLE_PT_texture)
