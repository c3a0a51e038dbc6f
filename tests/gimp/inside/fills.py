# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows, places and sources of a fill. Each case is a function whose name is its prompt."""

from easel import (
    FILL,
    Gimp,
    call,
    case,
    filled,
    keep_more,
    new_image,
    new_layer,
    newest_place,
    photo,
    read,
    rendered,
    select_ellipse,
)
from patterns import coded, waves


@case
def the_numbers(name):
    image, layer = photo(4000, 3000)
    select_ellipse(image, 1850, 1400, 300, 200)
    before = rendered(image)
    filled(name, image, [layer])
    keep_more(name, before=before, after=rendered(image))


@case
def visible_source(name):
    image, layer = photo(1600, 1200)
    new_layer(image, 1600, 1200, bytes([200, 30, 90]) * (1600 * 1200))
    select_ellipse(image, 700, 500, 200, 160)
    filled(name, image, [layer], source="visible")


@case
def reduced(name):
    image, layer = photo(4400, 3400, pixels=waves)
    select_ellipse(image, 200, 150, 4000, 3100, feather=40)
    filled(name, image, [layer])
    keep_more(name, original=read(layer, "R'G'B'A u8", newest_place(image)))


@case
def magnified(name):
    image, layer = photo(1400, 1000, pixels=waves)
    select_ellipse(image, 700, 480, 46, 38, feather=4)
    filled(name, image, [layer])
    keep_more(name, original=read(layer, "R'G'B'A u8", newest_place(image)))


@case
def padded(name):
    image, layer = photo(300, 200)
    select_ellipse(image, 60, 40, 160, 130)
    filled(name, image, [layer])
    keep_more(name, original=read(layer, "R'G'B'A u8"))


@case
def at_the_corner(name):
    image, layer = photo(2000, 1500)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 1900, 1420, 100, 80)
    filled(name, image, [layer])
    keep_more(name, original=read(layer, "R'G'B'A u8", newest_place(image)))


@case
def offset_layer(name):
    image = new_image(1200, 900)
    layer = new_layer(image, 500, 400, coded(500, 400), place=(-120, 350))
    select_ellipse(image, 40, 400, 300, 200)
    filled(name, image, [layer])


@case
def in_a_group(name):
    image, _background = photo(1200, 900)
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    lower = new_layer(image, 1200, 900, coded(1200, 900), parent=group)
    new_layer(image, 100, 100, bytes(30000), parent=group)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [lower])


@case
def a_group_itself(name):
    image, _background = photo(1200, 900)
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    new_layer(image, 1200, 900, coded(1200, 900), parent=group)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [group])


@case
def layer_below_others(name):
    image, layer = photo(1200, 900)
    new_layer(image, 50, 50, bytes(7500))
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer])


@case
def the_mask_is_edited(name):
    image, layer = photo(1200, 900)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [mask])


@case
def whole_layer(name):
    image = new_image(1500, 1100)
    layer = new_layer(image, 1200, 900, coded(1200, 900), place=(200, -50))
    filled(name, image, [layer], scope="layer")
    keep_more(name, original=read(layer, "R'G'B'A u8"))


@case
def small_whole_layer(name):
    image = new_image(400, 300)
    layer = new_layer(image, 200, 160, waves(200, 160), place=(50, 40))
    filled(name, image, [layer], scope="layer")
    keep_more(name, original=read(layer, "R'G'B'A u8"))


@case
def whole_layer_as_visible(name):
    image = new_image(1200, 900)
    layer = new_layer(image, 1200, 900, coded(1200, 900), place=(200, -50))
    filled(name, image, [layer], scope="layer", source="visible")


@case
def wide_context(name):
    image, layer = photo(4000, 3000)
    select_ellipse(image, 1850, 1400, 300, 200)
    filled(name, image, [layer], context="whole", quality="low")


@case
def another_model(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer], model="gpt-image-2", quality="low")


@case
def second_fill(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    call(FILL, image, [layer], prompt="the one before")
    filled(name, image, [layer])
