# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration with GIMP: the procedures, their menu entries, and what runs when one is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gi.repository import Gimp, GLib, GObject

from . import arguments, runs, startup
from .i18n import DOMAIN, N_, _, use_host_language

FILL = "plug-in-scumble-fill"
GENERATE = "plug-in-scumble-generate"
RESULTS = "plug-in-scumble-results"
PLACE_RESULT = "plug-in-scumble-place-result"
SPENDING = "plug-in-scumble-spending"
STARTUP = "plug-in-scumble-startup"

_MENU = "<Image>/Filters/AI"
_CATALOGUES = "scumble_gimp/locale"
_Sensitive = Gimp.ProcedureSensitivityMask
_WITH_IMAGE = _Sensitive.DRAWABLE | _Sensitive.DRAWABLES | _Sensitive.NO_DRAWABLES


@dataclass(frozen=True)
class _Entry:
    """One procedure: its texts, its own arguments and return values, and what runs. Without a label it is
    in no menu."""

    label: str
    summary: str
    help: str
    icon: str
    add_arguments: tuple[Callable[[Gimp.Procedure], None], ...]
    run: runs.Run
    sensitive: Gimp.ProcedureSensitivityMask = _WITH_IMAGE


_ENTRIES = {
    FILL: _Entry(
        label=N_("_Fill Selection…"),
        summary=N_("Change the selected part of the image by words."),
        help=N_(
            "Sends a window around the selection to an image model and brings the answer back as a new"
            " layer whose mask is the selection. Nothing outside the selection changes."
        ),
        icon="gimp-tool-bucket-fill",
        add_arguments=(
            arguments.add_common,
            arguments.add_for_fill,
            arguments.add_previews,
            arguments.add_over_budget,
            arguments.add_return_values,
        ),
        run=runs.fill,
    ),
    GENERATE: _Entry(
        label=N_("_Generate Layer…"),
        summary=N_("Make a new layer by words."),
        help=N_("Asks an image model for a picture and adds it as a new layer above the current one."),
        icon="gimp-layer-new",
        add_arguments=(
            arguments.add_common,
            arguments.add_for_generate,
            arguments.add_previews,
            arguments.add_over_budget,
            arguments.add_return_values,
        ),
        run=runs.generate,
    ),
    RESULTS: _Entry(
        label=N_("_Results…"),
        summary=N_("Every picture that was made, to place again, save or forget."),
        help=N_(
            "Lists what is kept on this machine with its prompt and price. Without a window it returns the"
            " list as JSON."
        ),
        icon="gimp-images",
        add_arguments=(arguments.add_for_results, arguments.add_results_return),
        run=runs.results_of,
        sensitive=_Sensitive.ALWAYS,
    ),
    PLACE_RESULT: _Entry(
        label="",
        summary=N_("Place a kept result again."),
        help=N_(
            "Makes a layer from a kept answer where it was asked for, as large as then, behind the same mask."
            " Pays nothing."
        ),
        icon="gimp-layer-new",
        add_arguments=(arguments.add_for_place_result, arguments.add_layer_return),
        run=runs.place_result,
    ),
    SPENDING: _Entry(
        label=N_("_Spending…"),
        summary=N_("What was spent today, this month and on this image, and the budgets."),
        help=N_("Without a window it returns the sums as JSON, in micro-dollars."),
        icon="gimp-info",
        add_arguments=(arguments.add_spending_return,),
        run=runs.spending_of,
        sensitive=_Sensitive.ALWAYS,
    ),
}


class ScumblePlugIn(Gimp.PlugIn):
    """What GIMP asks when it starts and when an entry is chosen."""

    def do_set_i18n(self, _procedure: str) -> tuple[bool, str, str]:
        return True, DOMAIN, _CATALOGUES

    def do_query_procedures(self) -> list[str]:
        return [*_ENTRIES, STARTUP]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        use_host_language()
        if name == STARTUP:
            return self._startup()
        entry = _ENTRIES[name]
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, _run, entry.run)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(entry.sensitive)
        if entry.label:
            procedure.set_menu_label(_(entry.label))
            procedure.add_menu_path(_MENU)
        procedure.set_icon_name(entry.icon)
        procedure.set_documentation(_(entry.summary), _(entry.help), None)
        procedure.set_attribution("Scumble", "GPL-3.0-or-later", "2026")
        for add in entry.add_arguments:
            add(procedure)
        return procedure

    def _startup(self) -> Gimp.Procedure:
        """GIMP runs every such procedure without arguments once, when it starts."""
        procedure = Gimp.Procedure.new(self, STARTUP, Gimp.PDBProcType.PERSISTENT, startup.run, None)
        summary = _("Says when a picture was paid for and not placed.")
        procedure.set_documentation(summary, summary, None)
        procedure.set_attribution("Scumble", "GPL-3.0-or-later", "2026")
        return procedure


def _run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image | None,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    run: runs.Run,
) -> Gimp.ValueArray:
    ended = runs.guarded(run, runs.Call(procedure, run_mode, image, drawables, config))
    if ended.error:
        error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), ended.error, 0)
        return procedure.new_return_values(ended.status, error)
    values = procedure.new_return_values(ended.status, None)
    for place, (kind, value) in enumerate(ended.values, start=1):
        values.remove(place)
        values.insert(place, GObject.Value(kind, value))
    return values
