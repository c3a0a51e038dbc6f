# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer that is worked on, and the new layer that brings the result back in one undo step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gi.repository import Gimp

from scumble.shapes import Rect

from . import pixels
from .i18n import _
from .pixels import Pixels, Selection
from .problems import FloatingSelection, Gone, IndexedImage, NotALayer, NotOneLayer

PARASITE = "scumble-result"
_PERSISTENT = 1


@dataclass(frozen=True)
class Origin:
    """Where a layer's pixels come from, without the prompt: documents are shared. `billed` is in
    micro-dollars, None where it is not known."""

    result: str
    model: str
    quality: str
    size: str
    billed: int | None
    sandbox: bool


def require_colours(image: Gimp.Image) -> None:
    """Raises IndexedImage: GIMP would silently squeeze the result into the palette."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise IndexedImage()


def require_open(image: Gimp.Image, layer: Gimp.Layer | None) -> None:
    """Raises Gone: GIMP lets people close and delete anything while a dialog is open."""
    if not image.is_valid() or (layer is not None and not layer.is_valid()):
        raise Gone()


def only_layer(image: Gimp.Image, drawables: list[Gimp.Drawable]) -> Gimp.Layer:
    """The one layer among what is selected, also when its mask is being edited.

    Raises NotOneLayer, NotALayer or FloatingSelection.
    """
    if len(drawables) != 1:
        raise NotOneLayer(count=len(drawables))
    if image.get_floating_sel() is not None:
        raise FloatingSelection()
    layer = owner(drawables[0])
    if layer is None:
        raise NotALayer()
    return layer


def owner(drawable: Gimp.Drawable) -> Gimp.Layer | None:
    """The layer itself, or the layer whose mask it is; None for any other channel."""
    if isinstance(drawable, Gimp.LayerMask):
        return Gimp.Layer.from_mask(drawable)
    return drawable if isinstance(drawable, Gimp.Layer) else None


def document(image: Gimp.Image) -> str:
    """What spendings and results say of the image: its own file, else the one that it was imported from, else
    its name."""
    file = image.get_xcf_file() or image.get_imported_file()
    if file is None:
        return str(image.get_name())
    return str(file.get_path() or file.get_uri())


def result_of(layer: Gimp.Layer) -> str:
    """The id of the result that the layer was made from; empty for other layers."""
    parasite = layer.get_parasite(PARASITE)
    if parasite is None:
        return ""
    try:
        return str(json.loads(bytes(parasite.get_data()))["result"])
    except (ValueError, KeyError, TypeError):
        return ""  # a document may hold anything


def extent(layer: Gimp.Layer) -> Rect:
    """The layer's rectangle in the image, which may reach beyond the canvas."""
    _known, left, top = layer.get_offsets()
    return Rect(left, top, layer.get_width(), layer.get_height())


def place(
    image: Gimp.Image,
    above: Gimp.Layer | None,
    name: str,
    origin: Origin,
    pictures: Iterable[Pixels],
    area: Rect,
    selection: Selection | None,
) -> Gimp.Layer:
    """A new layer with the picture over `area` of the image, in one undo step; of several pictures a group
    with a layer of each, of which the first is on top and the only visible one.

    It lies right above `above`, in the same group, or on top of the image; `selection`, over the same
    area, becomes the layer mask of each layer value by value. What `pictures` raises leaves the image as it
    was.
    """
    made = _made(image, name, origin, pictures, area)
    with _one_undo_step(image):
        parent, position = _place_above(image, above)
        placed = made[0]
        if len(made) > 1:
            placed = Gimp.GroupLayer.new(image, name)
            image.insert_layer(placed, parent, position)
            parent, position = placed, 0
        for number, layer in enumerate(made):
            layer.set_visible(number == 0)
            image.insert_layer(layer, parent, position + number)
            layer.set_offsets(area.x, area.y)
            if selection is not None:
                _add_mask(layer, selection)
        image.set_selected_layers([placed])
    Gimp.displays_flush()
    return placed


def next_name(image: Gimp.Image, pattern: str) -> str:
    """The first of `pattern` with {number} 1, 2, 3 … that no layer has."""
    taken = {layer.get_name() for layer in every_layer(image)}
    number = 1
    while pattern.format(number=number) in taken:
        number += 1
    return pattern.format(number=number)


def every_layer(image: Gimp.Image) -> Iterator[Gimp.Layer]:
    """Also those in groups."""
    return _all_layers(image.get_layers())


def _made(
    image: Gimp.Image, name: str, origin: Origin, pictures: Iterable[Pixels], area: Rect
) -> list[Gimp.Layer]:
    """A layer of each picture, not in the image yet; one picture at a time is in memory."""
    kind = Gimp.ImageType.GRAYA_IMAGE if _is_gray(image) else Gimp.ImageType.RGBA_IMAGE
    made: list[Gimp.Layer] = []
    try:
        for number, picture in enumerate(pictures, start=1):
            layer = Gimp.Layer.new(image, name, *area.size, kind, 100, Gimp.LayerMode.NORMAL)
            made.append(layer)
            pixels.put(layer, picture)
            layer.attach_parasite(Gimp.Parasite.new(PARASITE, _PERSISTENT, _provenance(origin, number)))
    except BaseException:
        for layer in made:
            layer.delete()
        raise
    if len(made) > 1:
        for number, layer in enumerate(made, start=1):
            layer.set_name(_("{name}, variation {number}").format(name=name, number=number))
    return made


def _add_mask(layer: Gimp.Layer, selection: Selection) -> None:
    mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    layer.add_mask(mask)
    buffer = mask.get_buffer()
    buffer.set(pixels.rectangle(pixels.whole(selection.area.size)), selection.format, selection.values)
    buffer.flush()
    del buffer
    mask.update(0, 0, *selection.area.size)
    layer.set_edit_mask(False)


def _place_above(image: Gimp.Image, above: Gimp.Layer | None) -> tuple[Gimp.Layer | None, int]:
    if above is None or not above.is_valid() or above.get_image() != image:
        return None, 0
    return above.get_parent(), image.get_item_position(above)


@contextmanager
def _one_undo_step(image: Gimp.Image) -> Iterator[None]:
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()


def _all_layers(layers: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    for layer in layers:
        yield layer
        if layer.is_group():
            yield from _all_layers(layer.get_children())


def _provenance(origin: Origin, picture: int) -> bytes:
    facts = {
        "schema": 1,
        "result": origin.result,
        "picture": picture,
        "model": origin.model,
        "quality": origin.quality,
        "size": origin.size,
        "billed_micro_dollars": origin.billed,
        "sandbox": origin.sandbox,
    }
    return json.dumps(facts).encode("ascii")


def _is_gray(image: Gimp.Image) -> bool:
    return bool(image.get_base_type() == Gimp.ImageBaseType.GRAY)
