# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of a plug-in whose parts are missing."""

from easel import FILL, Gimp, case, keep, photo, run_all


@case
def broken_installation(name):
    image, layer = photo(100, 80)
    run = Gimp.get_pdb().lookup_procedure(FILL)
    config = run.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    status = run.run(config).index(0).value_nick
    keep(name, {"status": status, "error": Gimp.get_pdb().get_last_error()})


run_all()
