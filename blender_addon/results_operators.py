# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with a kept result: apply, ask again, export, forget; nothing here is paid for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import asking, looking, placing, running, targets, thumbnails
from .images import Origin
from .running import Outcome
from .scumble.errors import ScumbleError
from .scumble.textures import SEAMLESS_HINT
from .translations import N_, _, use_blenders_language

if TYPE_CHECKING:
    from .scumble.store import Stored

_Report = set[str]


class SCUMBLE_OT_choose_result(bpy.types.Operator):
    bl_idname = "scumble.choose_result"
    bl_label = N_("Show Result")
    bl_options = {"INTERNAL"}

    result: StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, given: Any) -> str:
        kept = next((one for one in looking.seen().kept if one.id == given.result), None)
        return _(cls.bl_label) if kept is None else kept.prompt

    def execute(self, context: bpy.types.Context) -> _Report:
        looking.chosen = "" if looking.chosen == self.result else self.result
        looking.look_again()
        return {"FINISHED"}


class SCUMBLE_OT_turn_page(bpy.types.Operator):
    bl_idname = "scumble.turn_page"
    bl_label = N_("Other Results")
    bl_description = N_("Show newer or older results")
    bl_options = {"INTERNAL"}

    by: IntProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> _Report:
        session = context.window_manager.scumble
        session.page = max(0, session.page + self.by)
        return {"FINISHED"}


class SCUMBLE_OT_apply_result(bpy.types.Operator):
    """Put a kept picture onto the selection or the active material, as one undo step; it costs nothing."""

    bl_idname = "scumble.apply_result"
    bl_label = N_("Apply Result")
    bl_description = N_("Put this picture onto the selected objects, or into the active material; it is free")
    bl_options = {"UNDO", "INTERNAL"}

    result: StringProperty(options={"SKIP_SAVE"})
    target: EnumProperty(
        name=N_("Target"),
        items=[("NEW", N_("New Material"), ""), ("ACTIVE", N_("Active Material"), "")],
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> _Report:
        from . import kept
        from .scumble import recovery

        use_blenders_language()
        home = asking.home()
        try:
            target = targets.choose(context, self.target)
            stored = _found(self.result)
            picture = recovery.reread(stored).pictures[0]
            billed = kept.billed(stored) or 0
            origin = Origin(stored.id, str(stored.asked.get("model", "")), billed)
            placed = placing.place(target, picture, origin)
        except (ScumbleError, placing.CannotPlace) as error:
            self.report({"ERROR"}, error.reason if isinstance(error, placing.CannotPlace) else str(error))
            return {"CANCELLED"}
        if problem := placing.note_placed(home, stored.id, placed.material):
            self.report({"WARNING"}, problem)
        running.told[:] = [one for one in running.told if one.result != stored.id]
        sandbox = bool(stored.asked.get("sandbox"))
        running.conclude(
            Outcome(
                title=target.title,
                result=stored.id,
                model=origin.model,
                billed=billed,
                would_bill=_would_bill(stored),
                sandbox=sandbox,
                materials=(placed.material,),
                image=placed.image,
            )
        )
        return {"FINISHED"}


class SCUMBLE_OT_reload_result(bpy.types.Operator):
    bl_idname = "scumble.reload_result"
    bl_label = N_("Use Settings")
    bl_description = N_("Set prompt, model, quality and size as they were for this result")
    bl_options = {"INTERNAL"}

    result: StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> _Report:
        try:
            asked = _found(self.result).asked
        except ScumbleError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings = context.scene.scumble
        prompt = str(asked.get("prompt", ""))
        words = prompt.removesuffix(SEAMLESS_HINT)
        settings.seamless = words != prompt
        context.window_manager.scumble.prompt = words.strip()
        missing = []
        # The model first: it decides which of the others there are.
        for name in ("model", "quality", "size"):
            try:
                setattr(settings, name, str(asked.get(name, "")))
            except TypeError:
                missing.append(str(asked.get(name, "")))
        if missing:
            text = _("Not offered any more, and left as it is: {names}").format(names=", ".join(missing))
            self.report({"WARNING"}, text)
        return {"FINISHED"}


class SCUMBLE_OT_export_result(bpy.types.Operator):
    """Write the original bytes, which alone keep their Content Credentials."""

    bl_idname = "scumble.export_result"
    bl_label = N_("Save Original")
    bl_description = N_("Write the picture's original bytes to a file; they keep their Content Credentials")
    bl_options = {"INTERNAL"}

    result: StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> _Report:
        kept = next((one for one in looking.seen().kept if one.id == self.result), None)
        ending = kept.picture.suffix if kept is not None and kept.picture is not None else ".png"
        self.filepath = str(Path(bpy.path.abspath("//")) / f"scumble-{self.result[:8]}{ending}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> _Report:
        from .scumble import recovery

        use_blenders_language()
        path = Path(bpy.path.abspath(self.filepath))
        try:
            pictures = recovery.reread(_found(self.result)).pictures
            for number, data in enumerate(pictures, start=1):
                # One picture has the name as given, several get numbers.
                name = path if len(pictures) == 1 else path.with_stem(f"{path.stem}-{number}")
                name.write_bytes(data)
        except ScumbleError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report({"ERROR"}, f"{path}: {error.strerror}")
            return {"CANCELLED"}
        if problem := placing.note_placed(asking.home(), self.result, "file"):
            self.report({"WARNING"}, problem)
        looking.look_again()
        return {"FINISHED"}


class SCUMBLE_OT_forget_result(bpy.types.Operator):
    bl_idname = "scumble.forget_result"
    bl_label = N_("Forget Result")
    bl_description = N_("Delete this result from this machine; what it cost stays in the record of spending")
    bl_options = {"INTERNAL"}

    result: StringProperty(options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> _Report:
        kept = next((one for one in looking.seen().kept if one.id == self.result), None)
        text = _("The kept picture is deleted for good.")
        if kept is not None and kept.unplaced:
            text = _("It was paid for and never applied. The kept picture is deleted for good.")
        return set(
            context.window_manager.invoke_confirm(
                self, event, title=_(self.bl_label), message=text, confirm_text=_("Forget"), icon="WARNING"
            )
        )

    def execute(self, context: bpy.types.Context) -> _Report:
        from .scumble import store

        use_blenders_language()
        try:
            store.forget(asking.home(), _found(self.result).id)
        except ScumbleError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        thumbnails.forget(self.result)
        looking.chosen = ""
        looking.look_again()
        return {"FINISHED"}


class SCUMBLE_OT_dismiss_offer(bpy.types.Operator):
    bl_idname = "scumble.dismiss_offer"
    bl_label = N_("Dismiss")
    bl_description = N_("Offer these pictures no more; they stay in Results")
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> _Report:
        from . import kept
        from .scumble import store

        use_blenders_language()
        for one in looking.seen().kept or looking.look_now().kept:
            if one.unplaced and one.offered:
                try:
                    store.describe(asking.home(), one.id, **{kept.DISMISSED: True})
                except KeyError:
                    continue  # forgotten meanwhile
                except ScumbleError as error:
                    self.report({"ERROR"}, str(error))
                    return {"CANCELLED"}
        context.window_manager.scumble.offer_shown = False
        looking.look_again()
        return {"FINISHED"}


class ResultGone(ScumbleError):
    """The result was forgotten, here or by another program."""

    code = "result-gone"
    sentence = "{reason}"

    def __init__(self) -> None:
        super().__init__(reason=_("This result is not kept any more."))


def _found(id: str) -> Stored:
    """Raises ResultGone, StorageError."""
    from .scumble import store

    try:
        return store.find(asking.home(), id)
    except (KeyError, ValueError):
        raise ResultGone() from None


def _would_bill(stored: Stored) -> int:
    bill = stored.facts.get("bill")
    total = bill.get("total") if isinstance(bill, dict) else None
    return total if isinstance(total, int) else 0


_CLASSES = (
    SCUMBLE_OT_choose_result,
    SCUMBLE_OT_turn_page,
    SCUMBLE_OT_apply_result,
    SCUMBLE_OT_reload_result,
    SCUMBLE_OT_export_result,
    SCUMBLE_OT_forget_result,
    SCUMBLE_OT_dismiss_offer,
)


def register() -> None:
    for each in _CLASSES:
        bpy.utils.register_class(each)


def unregister() -> None:
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
