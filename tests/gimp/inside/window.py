# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside GIMP with its window: calls the dialog and waits for what inside/drive.py does with it."""

import sys
import time

from easel import (
    FILL,
    OUT,
    Gimp,
    keep,
    new_image,
    new_layer,
    rendered,
    select_ellipse,
    selection_facts,
)
from patterns import coded

PATIENCE_SECONDS = 60

sys.path.insert(0, Gimp.directory() + "/plug-ins/scumble-gimp")


def asked(name):
    """Call the procedure with its dialog."""
    run = Gimp.get_pdb().lookup_procedure(FILL)
    config = run.create_config()
    config.set_property("run-mode", Gimp.RunMode.INTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    status = run.run(config).index(0).value_nick
    keep(name, {"status": status, **state()})


def state():
    layers = image.get_layers()
    return {
        "layers": [one.get_name() for one in layers],
        "in_groups": [len(one.get_children()) for one in layers if one.is_group()],
        "selection": selection_facts(image),
    }


def wait_for_undo(name, before):
    """Say that it is time for the key, and note the image when something changed."""
    (OUT / f"{name}.please").touch()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while state() == before and time.monotonic() < deadline:
        time.sleep(0.1)
    keep(name, state())


def prices():
    """The button and the lines of a dialog, as its choices change."""
    from scumble_gimp.asking import Desk
    from scumble_gimp.dialog import Dialog
    from scumble_gimp.fill import Fill

    run = Gimp.get_pdb().lookup_procedure(FILL)
    config = run.create_config()
    dialog = Dialog(Fill.on(image, [layer]), Desk.open(), run, config)
    shown = {}
    for name, choices in {
        "medium": {},
        "high": {"quality": "high"},
        "other model": {"quality": "medium", "model": "gpt-image-2"},
        "range": {"model": "gpt-image-2.6-flare"},
        "not offered": {"quality": "max", "model": "gpt-image-2"},
        "previews": {"quality": "medium", "model": "gpt-image-2.5-flare", "previews": 3},
        "no previews": {"previews": 0},
        "variations": {"previews": 3, "variations": 4},
        "one again": {"previews": 0, "variations": 1},
        "nothing selected": {"quality": "medium"},
        "whole layer": {"scope": "layer"},
    }.items():
        if name == "nothing selected":
            Gimp.Selection.none(image)
        for choice, value in choices.items():
            config.set_property(choice, value)
        dialog.refresh()
        shown[name] = dialog.shown
        if name == "medium":
            dialog.cheaper.press(0)
            shown["cheaper pressed"] = dialog.shown
            config.set_property("quality", "medium")
            config.set_property("model", "gpt-image-2.5-flare")
    dialog.close()
    keep("prices", shown)


image = new_image(1600, 1200)
layer = new_layer(image, 1600, 1200, coded(1600, 1200))
Gimp.Display.new(image)
select_ellipse(image, 700, 500, 200, 160)
before = rendered(image)
asked("cancelled")
asked("stopped")
asked("filled")
filled = state()
wait_for_undo("undone", filled)
keep("undone_pixels", {"same": rendered(image) == before})
undone = state()
wait_for_undo("undone_twice", undone)
select_ellipse(image, 700, 500, 200, 160)
prices()
(OUT / "finished.please").touch()
