# SPDX-License-Identifier: GPL-3.0-or-later
"""Several pictures of one request as a group of layers."""

from easel import FILL, GENERATE, Gimp, call, case, keep, new_image, photo, select_ellipse
from groups import grouped


@case
def three_variations(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    grouped(name, FILL, image, [layer], variations=3)


@case
def variations_in_depth(name):
    image, layer = photo(1200, 900, precision="FLOAT_LINEAR")
    select_ellipse(image, 300, 300, 200, 150)
    grouped(name, FILL, image, [layer], variations=2)


@case
def variations_in_a_group(name):
    image, _background = photo(1200, 900)
    outer = Gimp.GroupLayer.new(image, "outer")
    image.insert_layer(outer, None, 0)
    inner = Gimp.Layer.new(image, "inner", 1200, 900, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(inner, outer, 0)
    select_ellipse(image, 300, 300, 200, 150)
    grouped(name, FILL, image, [inner], variations=2)


@case
def generated_variations(name):
    grouped(name, GENERATE, new_image(1024, 768), [], variations=4)


@case
def previews_of_variations(name):
    keep(name, call(GENERATE, new_image(1024, 768), [], prompt=name, variations=2, previews=1)[0])


@case
def less_strict(name):
    image, layer = photo(1200, 900)
    select_ellipse(image, 300, 300, 200, 150)
    keep(name, call(FILL, image, [layer], prompt=name, moderation="low")[0])
