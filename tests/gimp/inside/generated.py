# SPDX-License-Identifier: GPL-3.0-or-later
"""New layers from words alone."""

from easel import GENERATE, call, case, keep, new_image, new_layer, photo, read, select_ellipse


@case
def generated_canvas(name):
    image, layer = photo(1200, 900)
    new_layer(image, 50, 50, bytes(7500))
    _generated(name, image, [layer])


@case
def generated_selection(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 200, 240, 200)
    _generated(name, image, [layer], extent="selection")


@case
def generated_without_layers(name):
    _generated(name, new_image(1024, 768), [])


@case
def generated_gray(name):
    image = new_image(1024, 768, kind="GRAY")
    _generated(name, image, [])


def _generated(name, image, drawables, **arguments):
    returned, layer = call(GENERATE, image, drawables, prompt=name, **arguments)
    keep(name, returned, **({"layer": read(layer, "R'G'B'A u8")} if layer else {}))
