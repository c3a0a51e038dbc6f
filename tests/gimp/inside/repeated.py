# SPDX-License-Identifier: GPL-3.0-or-later
"""Asked again without a window: as the image is now, and exactly as it was then."""

import sys

from easel import (
    FILL,
    GENERATE,
    REPEAT,
    VARIATION,
    Gimp,
    call,
    case,
    keep,
    keep_more,
    new_image,
    new_layer,
    photo,
    read,
    rendered,
    select_ellipse,
)
from patterns import coded

sys.path.insert(0, Gimp.directory() + "/plug-ins/scumble-gimp")


def _selected(image):
    return image.get_selected_layers()


def _names(image):
    return [layer.get_name() for layer in image.get_layers()]


def _filled(name, **arguments):
    image, layer = photo(1600, 1200)
    select_ellipse(image, 300, 300, 200, 150)
    first, _new = call(FILL, image, [layer], prompt=name, **arguments)
    return image, layer, first


@case
def repeated(name):
    """The selection is another one by then; the new layer is still the selected one."""
    image, _layer, first = _filled(name, quality="low", context="tight")
    select_ellipse(image, 900, 700, 200, 150)
    second, _new = call(REPEAT, image, _selected(image))
    keep(name, {"first": first, "second": second, "layers": _names(image)})


@case
def repeated_after_undo(name):
    """The layer is gone, and the image was never saved."""
    image, layer, first = _filled(name)
    image.remove_layer(_selected(image)[0])
    keep(name, {"first": first, "second": call(REPEAT, image, [layer])[0]})


@case
def repeated_on_another_layer(name):
    image, _layer, first = _filled(name)
    other = new_layer(image, 1600, 1200, bytes([9, 99, 199]) * (1600 * 1200))
    keep(name, {"first": first, "second": call(REPEAT, image, [other])[0], "layers": _names(image)})


@case
def generated_and_repeated(name):
    image = new_image(1024, 768)
    first, _layer = call(GENERATE, image, [], prompt=name, variations=2)
    second, group = call(REPEAT, image, _selected(image))
    keep(name, {"first": first, "second": second, "in_group": len(group.get_children())})


@case
def another(name):
    """Nothing is selected by then, and something else is in front."""
    image, _layer, first = _filled(name)
    mask = read(_selected(image)[0].get_mask(), "Y u8")
    Gimp.Selection.none(image)
    new_layer(image, 40, 40, bytes(4800))
    second, new = call(VARIATION, image, _selected(image))
    keep(name, {"first": first, "second": second, "layers": _names(image)})
    keep_more(name, first_mask=mask, second_mask=read(new.get_mask(), "Y u8"))


@case
def another_of_what_is_visible(name):
    """The earlier answers are covered with paint: the model sees what it saw the first time."""
    image, _layer, first = _filled(name, source="visible", variations=2)
    for layer in _selected(image)[0].get_children():
        layer.fill(Gimp.FillType.WHITE)
    before = rendered(image)
    second, _new = call(VARIATION, image, _selected(image))
    third, _new = call(VARIATION, image, _selected(image))
    facts = {"first": first, "second": second, "third": third, "layers": _names(image)}
    keep(name, facts | {"white": before.count(b"\xff\xff\xff" * 50) > 50})


@case
def another_in_depth(name):
    image, layer = photo(1200, 900, precision="FLOAT_LINEAR")
    select_ellipse(image, 300, 300, 200, 150)
    first, new = call(FILL, image, [layer], prompt=name)
    mask = read(new.get_mask(), "Y float")
    Gimp.Selection.none(image)
    second, new = call(VARIATION, image, [layer])
    keep(name, {"first": first, "second": second})
    keep_more(name, first_mask=mask, second_mask=read(new.get_mask(), "Y float"))


@case
def another_padded(name):
    """The canvas is smaller than any request."""
    image, layer = photo(300, 200)
    select_ellipse(image, 60, 40, 160, 130)
    first, _new = call(FILL, image, [layer], prompt=name)
    keep(name, {"first": first, "second": call(VARIATION, image, [layer])[0]})


@case
def another_without_its_layer(name):
    image, layer, first = _filled(name)
    new_layer(image, 1600, 1200, coded(1600, 1200))
    image.remove_layer(layer)
    keep(name, {"first": first, "second": call(VARIATION, image, _selected(image))[0]})


@case
def dearer_than_last_time(name):
    """The selection has grown to nearly the whole of a large canvas."""
    image, layer = photo(3000, 2200)
    select_ellipse(image, 300, 300, 200, 150)
    first, _new = call(FILL, image, [layer], prompt=name)
    select_ellipse(image, 50, 50, 2800, 2000)
    keep(name, {"first": first, "second": call(REPEAT, image, [layer])[0], "layers": _names(image)})


@case
def nothing_to_repeat(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    keep(name, {"repeat": call(REPEAT, image, [layer])[0], "another": call(VARIATION, image, [layer])[0]})


@case
def forgotten_and_repeated(name):
    from scumble import settings, store

    image, layer, first = _filled(name)
    store.forget(settings.find_home(), first["result"])
    keep(name, {"first": first, "second": call(REPEAT, image, [layer])[0]})
