# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside GIMP with its window: opens what inside/tour.py goes through, and keeps what came of it."""

import os
import time

from easel import FILL, OUT, REPEAT, RESULTS, SPENDING, Gimp, described, keep, read, rendered, select_ellipse
from gi.repository import Gio

PATIENCE_SECONDS = 60


def opened(procedure, **arguments):
    run = Gimp.get_pdb().lookup_procedure(procedure)
    config = run.create_config()
    config.set_property("run-mode", Gimp.RunMode.INTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [image.get_layers()[-1]])
    for name, value in arguments.items():
        config.set_property(name, value)
    return run.run(config).index(0).value_nick


def names():
    return [layer.get_name() for layer in image.get_layers()]


def wait_while(unchanged):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while names() == unchanged and time.monotonic() < deadline:
        time.sleep(0.1)


image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(os.environ["SCUMBLE_TEST_PICTURE"]))
image.set_file(Gio.File.new_for_path(os.environ["SCUMBLE_TEST_DOCUMENT"]))
Gimp.Display.new(image)
select_ellipse(image, 380, 250, 280, 200)
before, at_first = rendered(image), names()
keep("spending_closed", {"status": opened(SPENDING)})
status = opened(RESULTS)
layer = image.get_layers()[0]
keep("result_placed", {"status": status, "layers": names(), "layer": described(image, layer)},
     layer=read(layer, "R'G'B'A u8"))  # fmt: skip
placed = names()
(OUT / "result_placed.please").touch()
wait_while(placed)
keep("result_undone", {"layers": names(), "same": rendered(image) == before, "first": at_first})
keep("over_budget", {"status": opened(FILL), "layers": names()})
keep("prompt_used", {"status": opened(RESULTS)})
keep("forgotten", {"status": opened(RESULTS)})
keep("repeated", {"status": opened(REPEAT, **{"over-budget": True}),
                  "error": Gimp.get_pdb().get_last_error(), "layers": names()})  # fmt: skip
(OUT / "finished.please").touch()
