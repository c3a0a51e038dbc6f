# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside GIMP: select part of a photograph with a feather, fill it, save before, after and layers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio  # noqa: E402 - the version is chosen first

_ELLIPSE = (690, 285, 480, 300)
_FEATHER = 12


def main() -> None:
    task = json.loads(os.environ["SCUMBLE_DEMO"])
    folder = Path(task["folder"])
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(task["photograph"]))
    layer = image.get_layers()[0]
    _save(image, folder / "before.png")
    Gimp.context_set_feather(True)
    Gimp.context_set_feather_radius(_FEATHER, _FEATHER)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, *_ELLIPSE)
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble-fill")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    config.set_property("prompt", task["prompt"])
    answer = procedure.run(config)
    if answer.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(Gimp.get_pdb().get_last_error())
    Gimp.Selection.none(image)
    _save(image, folder / "after.png")
    _save(image, folder / "after.xcf")
    image.delete()
    (folder / "gimp.json").write_text(json.dumps({"result": answer.index(3)}), "utf-8")


def _save(image: Gimp.Image, path: Path) -> None:
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(path)), None)


main()
