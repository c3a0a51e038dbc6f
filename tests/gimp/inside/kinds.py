# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills on every kind of image and layer."""

from array import array

from easel import (
    Gegl,
    Gimp,
    case,
    filled,
    keep_more,
    mask_format,
    native_pixel,
    new_image,
    new_layer,
    photo,
    select_ellipse,
    write,
)


@case
def gray(name):
    image = new_image(1200, 900, kind="GRAY")
    layer = new_layer(image, 1200, 900, bytes(x % 253 for x in range(1200)) * 900, format="Y' u8")
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer])


@case
def sixteen_bits(name):
    _deep(name, "U16_NON_LINEAR")


@case
def sixteen_bits_linear(name):
    _deep(name, "U16_LINEAR")


@case
def half(name):
    _deep(name, "HALF_NON_LINEAR")


@case
def float_linear(name):
    _deep(name, "FLOAT_LINEAR")


@case
def double_linear(name):
    _deep(name, "DOUBLE_LINEAR")


def _deep(name, precision):
    image, layer = photo(1200, 900, precision=precision)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer])


@case
def faint_selection(name):
    """Selection values that 8 bits would round to nothing."""
    image, layer = photo(1200, 900, precision="U16_NON_LINEAR")
    values = array("H", bytes(2 * 1200 * 900))
    for x in range(300, 460):
        for y in range(300, 430):
            values[y * 1200 + x] = (1, 2, 100, 300, 65535)[x % 5]
    channel = Gimp.Channel.new(image, "faint", 1200, 900, 100, Gegl.Color.new("black"))
    image.insert_channel(channel, None, 0)
    write(channel, values.tobytes(), mask_format(image))
    Gimp.context_set_feather(False)
    image.select_item(Gimp.ChannelOps.REPLACE, channel)
    image.set_selected_layers([layer])
    filled(name, image, [layer])


@case
def adobe_rgb(name):
    """The values that AdobeRGB has for the red that sRGB calls 255, 0, 0."""
    image = new_image(1200, 900)
    layer = new_layer(image, 1200, 900, bytes([219, 2, 0]) * (1200 * 900))
    image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
    select_ellipse(image, 300, 300, 200, 150)
    new = filled(name, image, [layer])
    keep_more(name, pixel=native_pixel(new, 5, 5), source=native_pixel(layer, 5, 5))


@case
def hidden_colours(name):
    """Left half transparent over a planted colour, right half opaque."""
    image = new_image(1200, 900)
    row = bytes([255, 0, 255, 0]) * 600 + bytes([10, 200, 30, 255]) * 600
    layer = new_layer(image, 1200, 900, row * 900, format="R'G'B'A u8", alpha=True)
    select_ellipse(image, 500, 300, 200, 150)
    filled(name, image, [layer])


@case
def own_mask_and_opacity(name):
    """A black layer mask on the left half: what it hides is not sent."""
    image, layer = photo(1200, 900)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    write(mask, (bytes(600) + b"\xff" * 600) * 900, mask_format(image))
    select_ellipse(image, 500, 300, 200, 150)
    filled(name, image, [layer])


@case
def invisible_layer(name):
    image, layer = photo(1200, 900)
    layer.set_visible(False)
    select_ellipse(image, 300, 300, 200, 150)
    filled(name, image, [layer])
