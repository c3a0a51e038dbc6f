# SPDX-License-Identifier: GPL-3.0-or-later
"""The Scumble tab of the 3D view's sidebar. Drawing reads only; what it shows is kept or quick to find."""

from __future__ import annotations

from typing import Any, Literal

import blf
import bpy

from . import asking, compatibility, properties, running, targets
from .running import Outcome, Task
from .scumble.cost import Estimate
from .scumble.errors import ScumbleError
from .scumble.money import decimal_usd, price_range
from .translations import N_, _, use_blenders_language

_Icon = Literal["NONE", "BLANK1", "INFO", "EXPERIMENTAL", "TIME"]

# What a label's region has beside its text: the tabs, margins of panel and box, an icon.
_MARGIN_PIXELS = 68.0
_ICON_PIXELS = 20.0
_PARTS = {
    "text_input": N_("words {price}"),
    "image_input": N_("pictures sent {price}"),
    "image_output": N_("picture {price}"),
    "partial_images": N_("previews {price}"),
}


class SCUMBLE_PT_texture(bpy.types.Panel):
    bl_idname = "SCUMBLE_PT_texture"
    bl_label = N_("Texture")
    bl_category = "Scumble"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"

    def draw(self, context: bpy.types.Context) -> None:
        use_blenders_language()
        column = self.layout.column()
        _draw_settings(column, context)
        _draw_generate(column, context)
        for task in running.under_way():
            _draw_task(column, context, task)
        for position, outcome in reversed(tuple(enumerate(running.told))):
            _draw_outcome(column, context, outcome, position)


def _draw_settings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.scumble
    compatibility.draw_prompt(layout, _prompt_owner(context), "prompt", _("Describe the texture"))
    fields = layout.column()
    fields.use_property_split = True
    fields.use_property_decorate = False
    fields.prop(settings, "model")
    fields.prop(settings, "quality")
    fields.prop(settings, "size")
    fields.prop(settings, "seamless")
    fields.prop(settings, "target")


def _prompt_owner(context: bpy.types.Context) -> Any:
    """The preferences: they belong to no data-block, so the Info editor has no line for what is typed.

    For a property of the window manager it shows (and a crash report repeats) the path and the text.
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
        _row_of(layout, _("Material") if target.kind == "ACTIVE" else _("Objects"), target.title)
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
    if problem is not None:
        _draw_problem(layout, context, problem)
    elif not wish.prompt.strip():
        _draw_text(layout, context, _("Write a prompt to generate."), "INFO")
    if sandbox:
        _draw_text(layout, context, _("Sandbox: free placeholder pictures."), "EXPERIMENTAL")
    elif spent := asking.spent():
        _draw_text(layout, context, spent, "TIME")


def _button_text(context: bpy.types.Context, estimate: Estimate | None) -> str:
    """The verb and the price; in a narrow sidebar the price alone, because half a price would be a lie."""
    if estimate is None:
        return _("Generate")
    if not estimate.priced:
        return _("Generate   price unknown")
    price = price_range(estimate.cost.low, estimate.cost.high)
    text = _("Generate   {price}").format(price=price)
    return text if len(_lines(context, text, _ICON_PIXELS)) == 1 else price


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
    for text in _lines(context, " + ".join(parts)):
        line = column.row()
        line.alignment = "CENTER"
        line.label(text=text, translate=False)


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
    _draw_text(box, context, _what_a_stop_costs(task))


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
    if outcome.error is not None:
        _draw_error(box, context, outcome.error)
    if outcome.result:
        _draw_text(box, context, _bill_text(outcome))
    if not failed and _texture_is_hidden(context):
        _draw_text(box, context, _("Seen in Material Preview and Rendered shading."))


def _draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, error: ScumbleError) -> None:
    for text in (f"{error.what_happened} {error.money}", error.what_to_do):
        if text:
            _draw_text(layout, context, text)


def _draw_problem(layout: bpy.types.UILayout, context: bpy.types.Context, problem: ScumbleError) -> None:
    """Why the button is off. Nothing was asked for yet, so money is not mentioned."""
    box = layout.box()
    _draw_text(box, context, problem.what_happened, "INFO")
    if problem.what_to_do:
        _draw_text(box, context, problem.what_to_do, "BLANK1")


def _bill_text(outcome: Outcome) -> str:
    if outcome.sandbox:
        text = _("free; the API would have billed {price}")
        return text.format(price=_exact(outcome.would_bill))
    return _("billed {price}").format(price=_exact(outcome.billed))


def _exact(micro_dollars: int) -> str:
    """A bill to its last digit: $0.01311."""
    dollars, rest = decimal_usd(micro_dollars).split(".")
    return f"${dollars}.{rest.rstrip('0').ljust(2, '0')}"


def _texture_is_hidden(context: bpy.types.Context) -> bool:
    shading = context.space_data.shading
    return shading.type in {"WIREFRAME", "SOLID"} and shading.color_type != "TEXTURE"


def _row_of(layout: bpy.types.UILayout, name: str, value: str) -> None:
    """A name and a value, aligned as properties are."""
    split = layout.split(factor=0.4)
    left = split.row()
    left.alignment = "RIGHT"
    left.label(text=name, translate=False)
    split.label(text=value, translate=False)


def _draw_text(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: _Icon = "NONE"
) -> None:
    """A paragraph broken to the region's width, which labels are not by themselves."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in _lines(context, text, 0.0 if icon == "NONE" else _ICON_PIXELS):
        column.label(text=line, icon=icon, translate=False)
        icon = icon if icon == "NONE" else "BLANK1"


def _lines(context: bpy.types.Context, text: str, beside: float = 0.0) -> list[str]:
    """The text in lines that fit into the region with so many unscaled pixels beside them."""
    scale = context.preferences.system.ui_scale
    blf.size(0, context.preferences.ui_styles[0].widget.points * scale)
    return _wrapped(text, context.region.width - (_MARGIN_PIXELS + beside) * scale)


def _wrapped(text: str, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and blf.dimensions(0, longer)[0] <= width:
            lines[-1] = longer
        else:
            lines.extend(_cut(word, width))
    return lines


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


def register() -> None:
    bpy.utils.register_class(SCUMBLE_PT_texture)


def unregister() -> None:
    bpy.utils.unregister_class(SCUMBLE_PT_texture)
