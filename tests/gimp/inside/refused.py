# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be done, and is refused before anything is sent."""

from easel import (
    FILL,
    Gegl,
    Gimp,
    call,
    case,
    filled,
    keep,
    new_image,
    new_layer,
    photo,
    select_ellipse,
)
from patterns import coded


@case
def indexed(name):
    image, layer = photo(1200, 900)
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.WEB, 0, False, False, "")
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer])


@case
def nothing_selected(name):
    image, layer = photo(1200, 900)
    filled(name, image, [layer])


@case
def two_layers(name):
    image, layer = photo(1200, 900)
    other = new_layer(image, 50, 50, bytes(7500))
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer, other])


@case
def no_layer(name):
    image, _layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [])


@case
def a_channel(name):
    image, _layer = photo(1200, 900)
    channel = Gimp.Channel.new(image, "channel", 1200, 900, 100, Gegl.Color.new("black"))
    image.insert_channel(channel, None, 0)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [channel])


@case
def floating_selection(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    floating = Gimp.Selection.float(image, [layer], 10, 10)
    filled(name, image, [floating])


@case
def empty_layer(name):
    image = new_image(1200, 900)
    layer = new_layer(image, 1200, 900, bytes(4 * 1200 * 900), format="R'G'B'A u8", alpha=True)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer])


@case
def selection_beside_the_layer(name):
    image = new_image(4000, 3000)
    layer = new_layer(image, 200, 200, coded(200, 200))
    select_ellipse(image, 3000, 2000, 200, 150)
    filled(name, image, [layer])


@case
def ended_model(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer], model="gpt-image-1")


@case
def unknown_model(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer], model="gpt-image-77")


@case
def quality_not_offered(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer], model="gpt-image-2", quality="max")


@case
def empty_prompt(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    returned, _none = call(FILL, image, [layer], prompt="  ")
    keep(name, returned)
