#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start of the plug-in; when its parts cannot be loaded, the menu says so instead of staying empty."""

from __future__ import annotations

import sys

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib  # noqa: E402  (the version has to be chosen first)

_OLDEST_PYTHON = (3, 11)


def _plug_in() -> type[Gimp.PlugIn]:
    if sys.version_info < _OLDEST_PYTHON:
        return _explaining(
            "Scumble needs Python 3.11 or newer, and this GIMP brings {}.{}.".format(*sys.version_info)
        )
    try:
        from scumble_gimp.plugin import ScumblePlugIn
    except (ImportError, ValueError) as problem:
        return _explaining(f"Scumble is not completely installed: {problem}. Unzip it again into plug-ins.")
    return ScumblePlugIn


def _explaining(reason: str) -> type[Gimp.PlugIn]:
    def run(procedure: Gimp.Procedure, *_unused: object) -> Gimp.ValueArray:
        error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), reason, 0)
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, error)

    class Explanation(Gimp.PlugIn):
        def do_set_i18n(self, _procedure: str) -> bool:
            return False

        def do_query_procedures(self) -> list[str]:
            return ["plug-in-scumble-fill"]

        def do_create_procedure(self, name: str) -> Gimp.Procedure:
            procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
            procedure.set_image_types("*")
            procedure.set_menu_label("Scumble is not working…")
            procedure.add_menu_path("<Image>/Filters/AI")
            procedure.set_documentation(reason, reason, name)
            return procedure

    return Explanation


Gimp.main(_plug_in().__gtype__, sys.argv)
