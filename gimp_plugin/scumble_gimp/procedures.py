# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures that a person or a script calls: their texts, their places in the menu, their arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gi.repository import Gimp, GLib, GObject

from . import arguments
from .i18n import N_, _

FILL = "plug-in-scumble-fill"
GENERATE = "plug-in-scumble-generate"
REPEAT = "plug-in-scumble-repeat-last"
VARIATION = "plug-in-scumble-another-variation"
RESULTS = "plug-in-scumble-results"
PLACE_RESULT = "plug-in-scumble-place-result"
SPENDING = "plug-in-scumble-spending"

_MENU = "<Image>/Filters/AI"
_Sensitive = Gimp.ProcedureSensitivityMask
_WITH_IMAGE = _Sensitive.DRAWABLE | _Sensitive.DRAWABLES | _Sensitive.NO_DRAWABLES


@dataclass(frozen=True)
class _Entry:
    """One procedure: its texts, its own arguments and return values, and the function of `runs` that is run.
    Without a label it is in no menu."""

    label: str
    summary: str
    help: str
    icon: str
    add_arguments: tuple[Callable[[Gimp.Procedure], None], ...]
    run: str
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
            arguments.add_variations,
            arguments.add_moderation,
            arguments.add_over_budget,
            arguments.add_return_values,
        ),
        run="fill",
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
            arguments.add_variations,
            arguments.add_moderation,
            arguments.add_over_budget,
            arguments.add_return_values,
        ),
        run="generate",
    ),
    REPEAT: _Entry(
        label=N_("Repeat _Last"),
        summary=N_("Ask again with the last words and choices, without a window."),
        help=N_(
            "What was asked of this image last is asked again, with the layer and the selection as they are"
            " now. It is refused when it would be dearer than the last time."
        ),
        icon="gimp-tool-bucket-fill",
        add_arguments=(arguments.add_over_budget, arguments.add_return_values),
        run="repeat_last",
    ),
    VARIATION: _Entry(
        label=N_("Another _Variation"),
        summary=N_("Ask for one more picture of the same, without a window."),
        help=N_(
            "The last question of this image once more, exactly: the same words, window, selection and layer."
            " The answer lies above the last one."
        ),
        icon="gimp-layer-new",
        add_arguments=(arguments.add_over_budget, arguments.add_return_values),
        run="another_variation",
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
        run="results_of",
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
        run="place_result",
    ),
    SPENDING: _Entry(
        label=N_("_Spending…"),
        summary=N_("What was spent today, this month and on this image, and the budgets."),
        help=N_("Without a window it returns the sums as JSON, in micro-dollars."),
        icon="gimp-info",
        add_arguments=(arguments.add_spending_return,),
        run="spending_of",
        sensitive=_Sensitive.ALWAYS,
    ),
}

NAMES = tuple(_ENTRIES)


def create(plug_in: Gimp.PlugIn, name: str) -> Gimp.Procedure:
    """One of NAMES, as GIMP registers and calls it."""
    entry = _ENTRIES[name]
    procedure = Gimp.ImageProcedure.new(plug_in, name, Gimp.PDBProcType.PLUGIN, _run, entry.run)
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


def _run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image | None,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    function: str,
) -> Gimp.ValueArray:
    from . import runs  # GIMP asks for the procedures without calling any

    ended = runs.guarded(getattr(runs, function), runs.Call(procedure, run_mode, image, drawables, config))
    if ended.error:
        error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), ended.error, 0)
        return procedure.new_return_values(ended.status, error)
    values = procedure.new_return_values(ended.status, None)
    for place, (kind, value) in enumerate(ended.values, start=1):
        values.remove(place)
        values.insert(place, GObject.Value(kind, value))
    return values
