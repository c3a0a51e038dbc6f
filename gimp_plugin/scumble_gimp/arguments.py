# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures' arguments and return values. The key is never among them: GIMP writes them to disk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gi.repository import Gimp, GLib, GObject

from scumble import catalog, geometry

from .i18n import _

if TYPE_CHECKING:
    from .asking import Options

OVER_BUDGET = "over-budget"

_READ_WRITE = GObject.ParamFlags.READWRITE


def add_common(procedure: Gimp.Procedure) -> None:
    """Prompt, model and quality.

    The model is text and not a choice: GIMP quietly replaces an unknown choice by the default one, and a
    script that names a model that has ended must hear of it before another one is paid for.
    """
    _add_text(procedure, "prompt", _("_Prompt"), _("What the picture is to show"))
    _add_text(procedure, "model", _("_Model"), _("The model's name; empty for the usual one"))
    known = catalog.load()
    offered = {quality for model in known.models for quality in model.qualities}
    qualities = {name: label for name, label in _quality_labels().items() if name in offered}
    _add_choice(
        procedure,
        "quality",
        _("_Quality"),
        _("Finer pictures cost more"),
        qualities,
        known.default_quality,
    )


def add_previews(procedure: Gimp.Procedure) -> None:
    most = max(model.partials_max for model in catalog.load().models)
    tip = _("Pictures on the way to the finished one; each costs a little")
    procedure.add_int_argument("previews", _("Previe_ws"), tip, 0, most, 0, _READ_WRITE)


def add_variations(procedure: Gimp.Procedure) -> None:
    most = max(model.n_max for model in catalog.load().models)
    tip = _("So many pictures of the same, each at its price, as a group of layers")
    procedure.add_int_argument("variations", _("Var_iations"), tip, 1, most, 1, _READ_WRITE)


def add_moderation(procedure: Gimp.Procedure) -> None:
    _add_choice(
        procedure,
        "moderation",
        _("Mo_deration"),
        _("How strictly the service looks at words and pictures"),
        {"auto": _("Usual"), "low": _("Less strict")},
        "auto",
    )


def add_over_budget(procedure: Gimp.Procedure) -> None:
    """A script's decision for one call. The dialog neither takes nor remembers it: there a person decides
    about one price at a time."""
    procedure.add_boolean_argument(
        OVER_BUDGET,
        _("_Over the budget"),
        _("Let this one action pass the budgets; it is recorded"),
        False,
        _READ_WRITE,
    )


def add_for_results(procedure: Gimp.Procedure) -> None:
    _add_text(procedure, "search", _("_Search"), _("Words of the prompt"))
    procedure.add_boolean_argument(
        "unplaced", _("_Paid, not placed"), _("Only what was paid and never placed"), False, _READ_WRITE
    )
    procedure.add_int_argument(
        "limit", _("_Limit"), _("At most so many, the newest"), 1, GLib.MAXINT32, 100, _READ_WRITE
    )


def add_for_place_result(procedure: Gimp.Procedure) -> None:
    _add_text(procedure, "result-id", _("_Result"), _("The name under which the answer is kept"))


def add_for_fill(procedure: Gimp.Procedure) -> None:
    _add_choice(
        procedure,
        "scope",
        _("Ch_ange"),
        _("What is to be changed"),
        {"selection": _("The selection"), "layer": _("The whole layer")},
        "selection",
    )
    _add_choice(
        procedure,
        "context",
        _("Conte_xt"),
        _("How much around the selection the model sees"),
        {name: _context_labels()[name] for name in geometry.CONTEXTS},
        "normal",
    )
    _add_choice(
        procedure,
        "source",
        _("Se_nd"),
        _("Whose pixels the model sees"),
        {"layer": _("The current layer"), "visible": _("What is visible")},
        "layer",
    )


def add_for_generate(procedure: Gimp.Procedure) -> None:
    _add_choice(
        procedure,
        "extent",
        _("Co_ver"),
        _("What the new layer covers"),
        {"canvas": _("The canvas"), "selection": _("The selection")},
        "canvas",
    )


def add_results_return(procedure: Gimp.Procedure) -> None:
    add_text_return(procedure, "results", _("Results"), _("A JSON list; money in micro-dollars"))


def add_spending_return(procedure: Gimp.Procedure) -> None:
    add_text_return(procedure, "spending", _("Spending"), _("A JSON object; money in micro-dollars"))


def add_text_return(procedure: Gimp.Procedure, name: str, label: str, tip: str) -> None:
    procedure.add_string_return_value(name, label, tip, "", _READ_WRITE)


def add_layer_return(procedure: Gimp.Procedure) -> None:
    procedure.add_layer_return_value("layer", _("Layer"), _("The new layer"), True, _READ_WRITE)


def add_return_values(procedure: Gimp.Procedure) -> None:
    add_layer_return(procedure)
    procedure.add_int_return_value(
        "cost", _("Cost"), _("What was billed, in micro-dollars"), 0, GLib.MAXINT32, 0, _READ_WRITE
    )
    add_text_return(procedure, "result-id", _("Result"), _("The name under which the answer is kept"))


def options_of(config: Gimp.ProcedureConfig) -> Options:
    """The options in a run's arguments; only a fill has a scope."""
    from .asking import Options  # with it comes most of the library, which registering does without

    options = Options(
        model=text_of(config, "model"),
        quality=config.get_property("quality"),
        region=config.get_property("extent" if config.find_property("scope") is None else "scope"),
        previews=config.get_property("previews"),
        variations=config.get_property("variations"),
        moderation=config.get_property("moderation"),
    )
    if config.find_property("scope") is None:
        return options
    return replace(options, context=config.get_property("context"), source=config.get_property("source"))


def prompt_of(config: Gimp.ProcedureConfig) -> str:
    return text_of(config, "prompt")


def quality_label(quality: str) -> str:
    return _quality_labels().get(quality, quality)


def text_of(config: Gimp.ProcedureConfig, name: str) -> str:
    """GIMP gives nothing at all for an empty text."""
    return config.get_property(name) or ""


def _add_text(procedure: Gimp.Procedure, name: str, label: str, tip: str) -> None:
    procedure.add_string_argument(name, label, tip, "", _READ_WRITE)


def _add_choice(
    procedure: Gimp.Procedure, name: str, label: str, tip: str, choices: dict[str, str], usual: str
) -> None:
    choice = Gimp.Choice.new()
    for number, (key, text) in enumerate(choices.items()):
        choice.add(key, number, text, "")
    procedure.add_choice_argument(name, label, tip, choice, usual, _READ_WRITE)


def _quality_labels() -> dict[str, str]:
    return {
        "low": _("Low"),
        "medium": _("Medium"),
        "high": _("High"),
        "xhigh": _("Very high"),
        "max": _("Highest"),
    }


def _context_labels() -> dict[str, str]:
    return {
        "tight": _("Tight"),
        "normal": _("Normal"),
        "wide": _("Wide"),
        "whole": _("The whole image"),
    }
