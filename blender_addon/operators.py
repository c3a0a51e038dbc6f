# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons: generate, stop, dismiss; and the step that puts a finished texture onto its target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from . import asking, drawing, placing, properties, running, targets
from .images import Origin
from .running import Outcome, Task
from .scumble.errors import ScumbleError
from .scumble.money import price, price_range
from .translations import N_, _

if TYPE_CHECKING:
    from .scumble.jobs import Result

_Report = set[str]
_DIALOG_PIXELS = 400


class SCUMBLE_OT_generate(bpy.types.Operator):
    """Make a texture from the prompt and put it on the target.

    With a window it returns at once and the texture follows; without one it runs to the end.
    What is not given is taken from the scene's settings.
    """

    bl_idname = "scumble.generate"
    bl_label = N_("Generate Texture")
    bl_description = N_("Make a texture from the prompt and put it on the target")
    # Not REGISTER: Blender would write the call, prompt and all, into its log of operators.
    bl_options = {"INTERNAL"}

    prompt: StringProperty(name=N_("Prompt"), options={"SKIP_SAVE", "HIDDEN"})
    model: StringProperty(name=N_("Model"), options={"SKIP_SAVE"})
    quality: StringProperty(name=N_("Quality"), options={"SKIP_SAVE"})
    size: StringProperty(name=N_("Size"), description=N_("Such as 1024x1024"), options={"SKIP_SAVE"})
    seamless: BoolProperty(name=N_("Seamless"), default=True, options={"SKIP_SAVE"})
    target: EnumProperty(
        name=N_("Target"),
        items=[("NEW", N_("New Material"), ""), ("ACTIVE", N_("Active Material"), "")],
        options={"SKIP_SAVE"},
    )
    over_budget: BoolProperty(
        name=N_("Over Budget"),
        description=N_("Let this one texture pass the budget; the record of spending says so"),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context: bpy.types.Context, _given: Any) -> str:
        try:
            estimate = asking.estimate(properties.wish(context))
        except ScumbleError:
            return _(cls.bl_description)
        reasons = [line.reason for line in estimate.lines] + [estimate.reason]
        return "\n".join([_(cls.bl_description), *filter(None, reasons)])

    def execute(self, context: bpy.types.Context) -> _Report:
        settings = context.scene.scumble
        given = {
            name: getattr(self, name)
            for name in ("prompt", "model", "quality", "size", "seamless")
            if self.properties.is_property_set(name)
        }
        kind = self.target if self.properties.is_property_set("target") else settings.target
        try:
            wish = replace(properties.wish(context), **given)
            target = targets.choose(context, kind)
            if running.has_just_begun(wish, target):
                self.report({"INFO"}, _("The same request has just begun."))
                return {"CANCELLED"}
            task = running.start(wish, target, self.over_budget)
        except ScumbleError as error:
            running.conclude(Outcome("", error=error))
            return self._failed(error)
        if not bpy.app.background:
            return {"FINISHED"}
        outcome = running.finish(task)
        if outcome is not None and outcome.error is not None:
            return self._failed(outcome.error)
        return {"FINISHED"}

    def _failed(self, error: ScumbleError) -> _Report:
        self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


class SCUMBLE_OT_apply(bpy.types.Operator):
    """Put a finished picture onto its target, as one undo step."""

    bl_idname = "scumble.apply"
    bl_label = N_("Apply Texture")
    bl_options = {"UNDO", "INTERNAL"}

    task: IntProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> _Report:
        task = running.find(self.task)
        if task is None or task.result is None:
            return {"CANCELLED"}
        outcome = _place(task, task.result)
        if outcome.error is None and (
            problem := placing.note_placed(task.home, outcome.result, ", ".join(outcome.materials))
        ):
            self.report({"WARNING"}, problem)
        running.conclude(outcome)
        return {"FINISHED"} if outcome.error is None else {"CANCELLED"}


def _place(task: Task, result: Result) -> Outcome:
    origin = Origin(result.id, task.model, 0 if result.sandbox else result.bill.total)
    try:
        placed = placing.place(task.target, result.answer.pictures[0], origin)
    except placing.CannotPlace as failure:
        return running.not_placed(task, result, failure.reason)
    return Outcome(
        title=task.target.title,
        task=task.number,
        result=result.id,
        model=task.model,
        billed=origin.micro_dollars,
        would_bill=result.bill.total,
        sandbox=result.sandbox,
        materials=(placed.material,),
        image=placed.image,
    )


class SCUMBLE_OT_cheaper(bpy.types.Operator):
    bl_idname = "scumble.cheaper"
    bl_label = N_("For Less")
    bl_options = {"INTERNAL"}

    model: StringProperty(options={"SKIP_SAVE"})
    quality: StringProperty(options={"SKIP_SAVE"})
    gives_up: StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def description(cls, _context: bpy.types.Context, given: Any) -> str:
        return _("Ask for this instead. It gives up: {what}").format(what=given.gives_up)

    def execute(self, context: bpy.types.Context) -> _Report:
        settings = context.scene.scumble
        try:
            settings.model, settings.quality = self.model, self.quality
        except TypeError:
            return {"CANCELLED"}  # it is not offered any more
        return {"FINISHED"}


class SCUMBLE_OT_pass_budget(bpy.types.Operator):
    """Ask for what a budget stopped after all; the ledger records that a person decided so."""

    bl_idname = "scumble.pass_budget"
    bl_label = N_("Pass the Budget Once")
    bl_description = N_("Let this one texture pass the budget; the record of spending says so")
    bl_options = {"INTERNAL"}

    task: IntProperty(options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> _Report:
        outcome = _stopped_by_budget(self.task)
        if outcome is None or outcome.asked is None:
            return {"CANCELLED"}
        cost = asking.estimate(outcome.asked.wish).cost
        text = _("Generate   {price}").format(price=price_range(cost.low, cost.high))
        return set(
            context.window_manager.invoke_props_dialog(
                self,
                width=_DIALOG_PIXELS,
                title=_(self.bl_label),
                confirm_text=text if cost.high else _("Generate"),
            )
        )

    def draw(self, context: bpy.types.Context) -> None:
        outcome = _stopped_by_budget(self.task)
        if outcome is None or outcome.error is None:
            return
        column = self.layout.column()
        for text in (
            outcome.error.what_happened,
            _("This one may pass it. The budget stays, and the record of spending says that it was passed."),
        ):
            drawing.draw_dialog_text(column, context, text, _DIALOG_PIXELS)

    def execute(self, context: bpy.types.Context) -> _Report:
        outcome = _stopped_by_budget(self.task)
        if outcome is None or outcome.asked is None:
            return {"CANCELLED"}
        try:
            task = running.start(outcome.asked.wish, outcome.asked.target, over_budget=True)
        except ScumbleError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if outcome in running.told:
            running.dismiss(running.told.index(outcome))
        if bpy.app.background:
            running.finish(task)
        return {"FINISHED"}


def _stopped_by_budget(task: int) -> Outcome | None:
    return next((one for one in running.told if one.asked is not None and one.task == task), None)


class SCUMBLE_OT_stop(bpy.types.Operator):
    bl_idname = "scumble.stop"
    bl_label = N_("Stop")
    bl_options = {"INTERNAL"}

    task: IntProperty(options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, given: Any) -> str:
        task = running.find(given.task)
        if task is None or not task.sent:
            return _("Stop. Nothing has been sent, and nothing is billed")
        if task.sandbox:
            return _("Stop. The sandbox bills nothing")
        return _("Stop. The picture may still be billed: {price}. If it comes it is kept in Results").format(
            price=price(task.estimate.cost.expected)
        )

    def execute(self, context: bpy.types.Context) -> _Report:
        task = running.find(self.task)
        if task is None:
            return {"CANCELLED"}
        task.job.cancel()
        running.look_after_all()
        return {"FINISHED"}


class SCUMBLE_OT_dismiss(bpy.types.Operator):
    bl_idname = "scumble.dismiss"
    bl_label = N_("Dismiss")
    bl_description = N_("Take this message away")
    bl_options = {"INTERNAL"}

    position: IntProperty(min=0, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> _Report:
        if self.position >= len(running.told):
            return {"CANCELLED"}
        running.dismiss(self.position)
        return {"FINISHED"}


_CLASSES = (
    SCUMBLE_OT_generate,
    SCUMBLE_OT_apply,
    SCUMBLE_OT_cheaper,
    SCUMBLE_OT_pass_budget,
    SCUMBLE_OT_stop,
    SCUMBLE_OT_dismiss,
)


def register() -> None:
    for each in _CLASSES:
        bpy.utils.register_class(each)


def unregister() -> None:
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
