# SPDX-License-Identifier: GPL-3.0-or-later
"""A kept result as a layer again: where it was asked for, as large as then, behind the same mask."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from gi.repository import Gimp

from scumble import records, recovery, store
from scumble.errors import StorageError
from scumble.records import Placing
from scumble.shapes import Rect, Size
from scumble.store import Stored
from scumble.wire import Answer

from . import layers, pixels, results
from .asking import Desk
from .i18n import _
from .layers import Origin
from .pixels import Pixels, Selection
from .problems import ResultGone, UnreadableAnswer


def find(desk: Desk, id: str) -> Stored:
    """Raises ResultGone, StorageError."""
    try:
        return store.find(desk.home, id)
    except (KeyError, ValueError):
        raise ResultGone() from None


def place(
    desk: Desk, one: Stored, image: Gimp.Image, above: Gimp.Layer | None, as_it_was: bool = True
) -> Gimp.Layer:
    """A new layer in one undo step, from the answer that is on this disk; pays nothing. Of several pictures
    it is a group.

    Of a result that says no place, or one that lies beside this canvas, and when it is not wanted as it was,
    the whole picture gets the middle of the canvas.

    Raises IndexedImage, Gone, ResultGone, UnreadableAnswer, BadReply, StorageError, SetupError.
    """
    layers.require_open(image, None)
    layers.require_colours(image)
    one = find(desk, one.id)
    answer = recovery.complete(desk.home, one, lambda: desk.account)
    results.settle(desk.home, one)
    canvas = Size(image.get_width(), image.get_height())
    noted = records.placing_of(one) if as_it_was else None
    where = noted if noted and _fits(noted, canvas) else _in_the_middle(answer.size, canvas)
    name = layers.next_name(image, _("Scumble Result {number}"))
    selection = Selection(where.visible, where.mask_format, where.mask, b"") if where.mask else None
    shown = Rect(where.visible.x - where.window.x, where.visible.y - where.window.y, *where.visible.size)
    layer = layers.place(
        image=image,
        above=above,
        name=name,
        origin=_origin(one),
        pictures=_decoded(answer, one, where.window.size, shown),
        area=where.visible,
        selection=selection,
    )
    # The layer is there; that this could not be noted must not look as if it were not.
    with contextlib.suppress(StorageError, KeyError):
        store.mark_placed(desk.home, one.id, f"GIMP: {name}")
    return layer


def open_as_image(desk: Desk, one: Stored) -> Gimp.Image:
    """A new image with the picture as its layer, shown in a window. Raises as place()."""
    answer = recovery.complete(desk.home, one, lambda: desk.account)
    image = Gimp.Image.new(*answer.size, Gimp.ImageBaseType.RGB)
    try:
        image.undo_disable()
        place(desk, one, image, None, as_it_was=False)
        image.undo_enable()
        Gimp.Display.new(image)
    except BaseException:
        image.delete()
        raise
    return image


def ids_in(image: Gimp.Image) -> frozenset[str]:
    """The results that layers of this image were made from."""
    return frozenset(filter(None, map(layers.result_of, layers.every_layer(image))))


def _decoded(answer: Answer, one: Stored, window: Size, shown: Rect) -> Iterator[Pixels]:
    """The shown part of each picture, brought to the window's size. Raises UnreadableAnswer."""
    for data in answer.pictures:
        try:
            picture = pixels.decode(data, answer.size)
        except ValueError as problem:
            raise UnreadableAnswer(folder=one.folder) from problem
        yield pixels.cropped(pixels.scaled(picture, window), shown)


def _in_the_middle(picture: Size, canvas: Size) -> Placing:
    middle = Rect((canvas.width - picture.width) // 2, (canvas.height - picture.height) // 2, *picture)
    return Placing(middle, middle)


def _fits(noted: Placing, canvas: Size) -> bool:
    """Whether it can be seen on the canvas, and its mask is as large as it says."""
    if not noted.window.contains(noted.visible):
        return False
    if not noted.visible.intersection(Rect(0, 0, *canvas)).size.area:
        return False
    return not noted.mask_format or pixels.holds(noted.mask_format, noted.visible.size, noted.mask)


def _origin(one: Stored) -> Origin:
    asked = one.asked
    return Origin(
        result=one.id,
        model=str(asked.get("model", "")),
        quality=str(asked.get("quality", "")),
        size=str(asked.get("size", "")),
        billed=results.billed(one),
        sandbox=bool(asked.get("sandbox")),
    )
