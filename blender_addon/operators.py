# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons: generate, stop, dismiss; and the step that puts a finished texture onto its target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from . import asking, images, mapping, materials, properties, running, targets
from .images import Origin
from .running import Outcome, Task
from .scumble.errors import ScumbleError, StorageError
from .scumble.money import price
from .translations import N_, _

if TYPE_CHECKING:
    from .scumble.jobs import Result

_Report = set[str]


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
            task = running.start(wish, target)
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
        running.conclude(outcome)
        if outcome.error is not None:
            return {"CANCELLED"}
        from .scumble import store

        try:
            store.mark_placed(task.home, outcome.result, ", ".join(outcome.materials))
        except KeyError:
            pass  # somebody deleted the result meanwhile: the texture is in place all the same
        except StorageError as error:
            self.report({"WARNING"}, str(error))
        return {"FINISHED"}


def _place(task: Task, result: Result) -> Outcome:
    objects, material = targets.still_there(task.target)
    if task.target.kind == "ACTIVE" and material is None:
        return running.not_placed(task, result, _("The material is not in the file any more."))
    if task.target.kind == "NEW" and not objects:
        return running.not_placed(task, result, _("The objects are not in the file any more."))
    if material is not None and not materials.can_take_texture(material):
        return running.not_placed(task, result, _("The material shows no Principled BSDF any more."))
    billed = 0 if result.sandbox else result.bill.total
    origin = Origin(result.id, task.model, billed)
    image = images.pack(result.answer.pictures[0], origin)
    if material is None:
        material = materials.make(images.NAME)
        materials.assign(material, objects)
    materials.give_texture(material, image, mapping.choose(objects))
    images.note(material, origin)
    return Outcome(
        title=task.target.title,
        task=task.number,
        result=result.id,
        model=task.model,
        billed=billed,
        would_bill=result.bill.total,
        sandbox=result.sandbox,
        materials=(material.name,),
        image=image.name,
    )


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


_CLASSES = (SCUMBLE_OT_generate, SCUMBLE_OT_apply, SCUMBLE_OT_stop, SCUMBLE_OT_dismiss)


def register() -> None:
    for each in _CLASSES:
        bpy.utils.register_class(each)


def unregister() -> None:
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
