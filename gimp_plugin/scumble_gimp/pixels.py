# SPDX-License-Identifier: GPL-3.0-or-later
"""Pixels out of GIMP and into it, always as sRGB with 8 bits a channel, scaled by GEGL."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gi.repository import Babl, GdkPixbuf, Gegl, Gimp, GLib

from scumble import png
from scumble.shapes import Padding, Rect, Size

from . import bounds, hole
from .problems import EmptyLayer

_NEUTRAL_GREY = b"\x80\x80\x80"
_CHANNELS_TO_FORMAT = {3: "R'G'B' u8", 4: "R'G'B'A u8"}
_ONE_MEGABYTE = 1 << 20
_COARSE_MASK, _FINE_MASK = "Y u8", "Y u16"
_INTEGER_MASKS = (_COARSE_MASK, _FINE_MASK)


@dataclass(frozen=True)
class Pixels:
    """Interleaved sRGB pixels, 8 bits a channel, rows from top to bottom without gaps; 3 or 4 channels."""

    size: Size
    channels: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Selection:
    """The selection in a rectangle of the image, row by row.

    `values` are in `format`, the image's own mask format; `chosen` has one byte a pixel, 1 where selected.
    """

    area: Rect
    format: str
    values: bytes = field(repr=False)
    chosen: bytes = field(repr=False)


def start() -> None:
    """Make GEGL ready; without it the first node ends the process."""
    Gegl.init(None)


def rectangle(area: Rect) -> Gegl.Rectangle:
    return Gegl.Rectangle.new(*area)


def whole(size: Size) -> Rect:
    return Rect(0, 0, *size)


def selection_bounds(image: Gimp.Image) -> Rect | None:
    """The smallest rectangle on the canvas with every selected pixel; None when nothing is selected."""
    _known, selected, left, top, right, bottom = Gimp.Selection.bounds(image)
    if not selected:
        return None
    found = Rect.between(left, top, right, bottom)
    mask = image.get_selection()
    if Babl.get_name(mask.get_format()) in _INTEGER_MASKS:
        return found
    return bounds.of_nonzero(_got(mask.get_buffer(), found, _FINE_MASK), 2, found)


def selection(image: Gimp.Image, area: Rect) -> Selection:
    """The selection in `area`, exactly as it is, and which pixels count as selected.

    Those are all above zero, in steps of 1/65535 where the image is deeper: GIMP's feather leaves dust of
    1e-20 and less hundreds of pixels around a selection in floating point.
    """
    mask = image.get_selection()
    buffer, format = mask.get_buffer(), Babl.get_name(mask.get_format())
    values = _got(buffer, area, format)
    if format == _COARSE_MASK:
        return Selection(area, format, values, hole.above_zero(values, 1))
    return Selection(area, format, values, hole.above_zero(_got(buffer, area, _FINE_MASK), 2))


def remembered(area: Rect, format: str, values: bytes) -> Selection:
    """The selection that has these values over `area`, which holds() is true of."""
    chosen = values
    if format != _COARSE_MASK:
        buffer = Gegl.Buffer.new(format, 0, 0, *area.size)
        buffer.set(rectangle(whole(area.size)), format, values)
        chosen = _got(buffer, whole(area.size), _FINE_MASK)
    return Selection(area, format, values, hole.above_zero(chosen, 1 if format == _COARSE_MASK else 2))


def holds(format: str, size: Size, values: bytes) -> bool:
    """Whether the values fill a rectangle of that size in a pixel format that babl knows."""
    if not Babl.format_exists(format):
        return False
    return bool(len(values) == size.area * Babl.format_get_bytes_per_pixel(Babl.format(format)))


def picture(
    image: Gimp.Image,
    layer: Gimp.Layer | None,
    area: Rect,
    padding: Padding,
    size: Size,
    hidden: Collection[str] = (),
) -> Pixels:
    """What is to be sent: `area` of the image with `padding` around it, scaled to `size`, without alpha.

    Shows `layer` alone, as it looks through its mask, opacity and filters, or everything visible when it is
    None. Transparent parts become neutral grey, so that colours hidden under them stay hidden; the padding
    repeats the edge. `hidden` are the names of layers that are not to be seen.
    Raises EmptyLayer when `layer` has nothing to show here.
    """
    with _stage(image, area) as stage:
        _put_backdrop(stage, area.size)
        if layer is None:
            _put_on_stage(stage, _visible(image, area, stage, hidden), (0, 0))
        else:
            seen = Gimp.Layer.new_from_drawable(layer, stage)
            _known, left, top = layer.get_offsets()
            _require_content(layer, area, left, top)
            seen.set_mode(Gimp.LayerMode.NORMAL)
            seen.set_visible(True)
            _put_on_stage(stage, seen, (left - area.x, top - area.y))
        rendered = Gimp.Layer.new_from_visible(stage, stage, "rendered")
        try:
            return _padded(rendered.get_buffer(), area.size, padding, size)
        finally:
            rendered.delete()


def scaled(pixels: Pixels, size: Size) -> Pixels:
    """The same picture at another size; centres of pixels stay where they are."""
    if pixels.size == size:
        return pixels
    format = _CHANNELS_TO_FORMAT[pixels.channels]
    source = Gegl.Buffer.new(format, 0, 0, *pixels.size)
    source.set(rectangle(whole(pixels.size)), format, pixels.data)
    target = Gegl.Buffer.new(format, 0, 0, *size)
    graph = Gegl.Node()
    read = graph.create_child("gegl:buffer-source")
    read.set_property("buffer", source)
    scale = graph.create_child("gegl:scale-size")
    scale.set_property("x", float(size.width))
    scale.set_property("y", float(size.height))
    scale.set_property("sampler", Gegl.SamplerType.CUBIC)
    write = graph.create_child("gegl:write-buffer")
    write.set_property("buffer", target)
    read.link(scale)
    scale.link(write)
    write.process()
    return Pixels(size, pixels.channels, _got(target, whole(size), format))


def cropped(pixels: Pixels, area: Rect) -> Pixels:
    """The part of the picture in `area`, which lies inside it."""
    if area == whole(pixels.size):
        return pixels
    stride, row = pixels.size.width * pixels.channels, area.width * pixels.channels
    start = area.y * stride + area.x * pixels.channels
    rows = [pixels.data[at : at + row] for at in range(start, start + area.height * stride, stride)]
    return Pixels(area.size, pixels.channels, b"".join(rows))


def put(layer: Gimp.Layer, pixels: Pixels) -> None:
    """Make `pixels` the layer's content; they are as large as it is."""
    buffer = layer.get_buffer()
    buffer.set(rectangle(whole(pixels.size)), _CHANNELS_TO_FORMAT[4], _with_alpha(pixels))
    buffer.flush()
    del buffer  # GIMP ends a plug-in that still holds a written buffer when its image goes away
    layer.update(0, 0, *pixels.size)


def decode(data: bytes, size: Size) -> Pixels:
    """The pixels of an encoded picture that is `size` large.

    GdkPixbuf is twenty times as fast as our own PNG reader and is in every GIMP, but what it can read
    depends on the machine. Raises ValueError when neither can read it.
    """
    try:
        return _decoded_by_gdk(data)
    except GLib.Error:
        read, channels, pixels = png.decode(data, size.area)
        return _as_colour(Pixels(read, channels, pixels))


def _decoded_by_gdk(data: bytes) -> Pixels:
    loader = GdkPixbuf.PixbufLoader()
    try:
        for start in range(0, len(data), _ONE_MEGABYTE):
            loader.write(data[start : start + _ONE_MEGABYTE])
    finally:
        loader.close()
    image = loader.get_pixbuf()
    size, channels = Size(image.get_width(), image.get_height()), image.get_n_channels()
    stride = image.get_rowstride()
    raw = image.read_pixel_bytes().get_data()
    row = size.width * channels
    if stride != row:
        raw = b"".join(raw[y * stride : y * stride + row] for y in range(size.height))
    return Pixels(size, channels, raw)


def _as_colour(pixels: Pixels) -> Pixels:
    if pixels.channels != 1:
        return pixels
    colour = bytearray(3 * len(pixels.data))
    for channel in range(3):
        colour[channel::3] = pixels.data
    return Pixels(pixels.size, 3, bytes(colour))


def _with_alpha(pixels: Pixels) -> bytes:
    """RGBA, which is what a new layer holds: babl takes half a second to learn a conversion from RGB."""
    if pixels.channels == 4:
        return pixels.data
    with_alpha = bytearray(b"\xff") * (4 * pixels.size.area)
    for channel in range(3):
        with_alpha[channel::4] = pixels.data[channel::3]
    return bytes(with_alpha)


@contextmanager
def _stage(image: Gimp.Image, area: Rect) -> Iterator[Gimp.Image]:
    """A hidden image as large as `area`, with the type, precision and profile of `image`."""
    stage = Gimp.Image.new_with_precision(*area.size, image.get_base_type(), image.get_precision())
    try:
        stage.undo_disable()
        profile = image.get_color_profile()
        if profile is not None:
            stage.set_color_profile(profile)
        yield stage
    finally:
        stage.delete()


def _put_backdrop(stage: Gimp.Image, size: Size) -> None:
    kind = Gimp.ImageType.GRAY_IMAGE if _is_gray(stage) else Gimp.ImageType.RGB_IMAGE
    backdrop = Gimp.Layer.new(stage, "backdrop", *size, kind, 100, Gimp.LayerMode.NORMAL)
    buffer = backdrop.get_buffer()
    buffer.set(rectangle(whole(size)), "R'G'B' u8", _NEUTRAL_GREY * size.area)
    buffer.flush()
    del buffer
    stage.insert_layer(backdrop, None, 0)


def _visible(image: Gimp.Image, area: Rect, stage: Gimp.Image, hidden: Collection[str]) -> Gimp.Layer:
    """What is visible of `area` as a layer for `stage`.

    GIMP renders a whole canvas or nothing, so a copy of the image, which shares its pixels, is given a canvas
    as large as the area: on 12 million pixels that is ten times as fast.
    """
    copy = image.duplicate()
    try:
        copy.undo_disable()
        for name in hidden:  # a copy's groups have other tattoos
            copy.get_layer_by_name(name).set_visible(False)
        copy.resize(*area.size, -area.x, -area.y)
        return Gimp.Layer.new_from_visible(copy, stage, "seen")
    finally:
        copy.delete()


def _put_on_stage(stage: Gimp.Image, layer: Gimp.Layer, offsets: tuple[int, int]) -> None:
    stage.insert_layer(layer, None, 0)
    layer.set_offsets(*offsets)


def _require_content(layer: Gimp.Layer, area: Rect, left: int, top: int) -> None:
    extent = Rect(left, top, layer.get_width(), layer.get_height())
    shown = extent.intersection(area)
    if not shown.size.area:
        raise EmptyLayer()
    if layer.has_alpha():
        inside = Rect(shown.x - left, shown.y - top, *shown.size)
        if not any(_got(layer.get_buffer(), inside, "A float")):
            raise EmptyLayer()


def _padded(buffer: Gegl.Buffer, inner: Size, padding: Padding, size: Size) -> Pixels:
    window = Rect(
        -padding.left,
        -padding.top,
        inner.width + padding.left + padding.right,
        inner.height + padding.top + padding.bottom,
    )
    data = _got(buffer, window, "R'G'B' u8", Gegl.AbyssPolicy.CLAMP)
    return scaled(Pixels(window.size, 3, data), size)


def _got(
    buffer: Gegl.Buffer, area: Rect, format: str, beyond: Gegl.AbyssPolicy = Gegl.AbyssPolicy.NONE
) -> bytes:
    return bytes(buffer.get(rectangle(area), 1.0, format, beyond))


def _is_gray(image: Gimp.Image) -> bool:
    return bool(image.get_base_type() == Gimp.ImageBaseType.GRAY)
