# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration with GIMP: the procedures, their menu entries, and what runs when one is called."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from gi.repository import Gimp, GLib, GObject

from scumble.errors import BadRequest, ScumbleError
from scumble.settings import find_home

from . import arguments, pixels, session
from .asking import Task
from .fill import Fill
from .generate import Generate
from .i18n import DOMAIN, _, use_host_language
from .problems import Defect

FILL = "plug-in-scumble-fill"
GENERATE = "plug-in-scumble-generate"

_MENU = "<Image>/Filters/AI"
_CATALOGUES = "scumble_gimp/locale"


@dataclass(frozen=True)
class _Entry:
    """One procedure: its texts, its own arguments, and how its task is made."""

    label: str
    summary: str
    help: str
    icon: str
    add_arguments: Callable[[Gimp.Procedure], None]
    task: Callable[[Gimp.Image, list[Gimp.Drawable]], Task]


class ScumblePlugIn(Gimp.PlugIn):
    """What GIMP asks when it starts and when an entry is chosen."""

    def do_set_i18n(self, _procedure: str) -> tuple[bool, str, str]:
        return True, DOMAIN, _CATALOGUES

    def do_query_procedures(self) -> list[str]:
        return [FILL, GENERATE]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        use_host_language()
        entry = _entry(name)
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, _run, entry)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(
            Gimp.ProcedureSensitivityMask.DRAWABLE
            | Gimp.ProcedureSensitivityMask.DRAWABLES
            | Gimp.ProcedureSensitivityMask.NO_DRAWABLES
        )
        procedure.set_menu_label(entry.label)
        procedure.add_menu_path(_MENU)
        procedure.set_icon_name(entry.icon)
        procedure.set_documentation(entry.summary, entry.help, None)
        procedure.set_attribution("Scumble", "GPL-3.0-or-later", "2026")
        arguments.add_common(procedure)
        entry.add_arguments(procedure)
        arguments.add_return_values(procedure)
        return procedure


def _entry(name: str) -> _Entry:
    if name == FILL:
        return _Entry(
            label=_("_Fill Selection…"),
            summary=_("Change the selected part of the image by words."),
            help=_(
                "Sends a window around the selection to an image model and brings the answer back as a new"
                " layer whose mask is the selection. Nothing outside the selection changes."
            ),
            icon="gimp-tool-bucket-fill",
            add_arguments=arguments.add_for_fill,
            task=Fill.on,
        )
    return _Entry(
        label=_("_Generate Layer…"),
        summary=_("Make a new layer by words."),
        help=_("Asks an image model for a picture and adds it as a new layer above the current one."),
        icon="gimp-layer-new",
        add_arguments=arguments.add_for_generate,
        task=Generate.on,
    )


def _run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    entry: _Entry,
) -> Gimp.ValueArray:
    pixels.start()
    try:
        task = entry.task(image, drawables)
        if run_mode == Gimp.RunMode.NONINTERACTIVE:
            options, prompt = arguments.options_of(config), arguments.prompt_of(config)
            done: session.Done | None = session.without_window(task, options, prompt)
        else:
            done = session.with_dialog(task, procedure, config)
    except ScumbleError as problem:
        return _failure(procedure, problem)
    except Exception as defect:  # noqa: BLE001  (without return values GIMP would say nothing at all)
        traceback.print_exc()
        return _failure(procedure, Defect(kind=type(defect).__name__, folder=find_home().results))
    if done is None:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
    return _success(procedure, done)


def _failure(procedure: Gimp.Procedure, problem: ScumbleError) -> Gimp.ValueArray:
    status = Gimp.PDBStatusType.EXECUTION_ERROR
    if isinstance(problem, BadRequest):
        status = Gimp.PDBStatusType.CALLING_ERROR
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), str(problem), 0)
    return procedure.new_return_values(status, error)


def _success(procedure: Gimp.Procedure, done: session.Done) -> Gimp.ValueArray:
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
    results = (
        GObject.Value(Gimp.Layer.__gtype__, done.layer),
        GObject.Value(GObject.TYPE_INT, done.cost),
        GObject.Value(GObject.TYPE_STRING, done.result.id),
    )
    for place, value in enumerate(results, start=1):
        values.remove(place)
        values.insert(place, value)
    return values
