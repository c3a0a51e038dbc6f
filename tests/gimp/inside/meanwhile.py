# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the image between sending and placing, in this process because it must be timed."""

import sys

from easel import Gimp, case, described, keep, new_layer, photo, read, select_ellipse

sys.path.insert(0, Gimp.directory() + "/plug-ins/scumble-gimp")

from scumble_gimp import session, waiting
from scumble_gimp.asking import Desk, Options
from scumble_gimp.fill import Fill
from scumble_gimp.problems import Gone, ImageGone


def _answered(name, image, layer):
    """A fill that has been sent and answered, and not yet placed."""
    select_ellipse(image, 300, 300, 200, 150)
    task, desk, options = Fill.on(image, [layer]), Desk.open(), Options("", "medium", "selection")
    order = task.prepare(task.propose(desk, options, name), options)
    result = waiting.run(session.new_job(task, order, desk), lambda progress: None)
    return task, order, result, desk


@case
def selection_changed_meanwhile(name):
    """The selection is another one when the answer comes: the remembered one counts."""
    image, layer = photo(1200, 900)
    answered = _answered(name, image, layer)
    whole = read(image.get_selection(), "Y u8")
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 30, 30)
    new = session.place_answer(*answered).layer
    facts = {"status": "success", "layer": described(image, new)}
    keep(name, facts, mask=read(new.get_mask(), "Y u8"), whole_selection=whole)


@case
def layer_removed_meanwhile(name):
    image, layer = photo(1200, 900)
    new_layer(image, 50, 50, bytes(7500))
    answered = _answered(name, image, layer)
    image.remove_layer(layer)
    new = session.place_answer(*answered).layer
    keep(name, {"status": "success", "layer": described(image, new)})


@case
def image_closed_meanwhile(name):
    image, layer = photo(1200, 900)
    answered = _answered(name, image, layer)
    image.delete()
    try:
        session.place_answer(*answered)
    except ImageGone as problem:
        kept = (answered[2].folder / "reply.bin").stat().st_size
        facts = {"status": "refused", "code": problem.code, "error": str(problem), "kept": kept}
    try:
        answered[0].propose(answered[3], Options("", "medium", "selection"), name)
    except Gone as problem:
        keep(name, facts | {"asked_again": str(problem)})
