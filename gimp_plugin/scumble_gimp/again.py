# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking again without a window: the last thing asked of an image, as it is now or exactly as it was then."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from gi.repository import Gimp

from scumble import png, records, store
from scumble.geometry import Plan
from scumble.money import price
from scumble.records import Placing
from scumble.shapes import Padding, Rect, Size
from scumble.store import Stored

from . import hole, layers, pixels, results
from .asking import Desk, Kind, Options, Order, Proposal, Task, propose_planned, with_pictures
from .fill import Fill
from .generate import Generate
from .i18n import _
from .problems import DearerThanLastTime, FilledLayerGone, NotAskedHere, NothingAsked
from .results import Filter

_LAST = "scumble-last-result"
_PERSISTENT = 1
# Of what was paid last time; above that a person looks at the price first.
_DEARER = Fraction(11, 10)


@dataclass(frozen=True)
class Last:
    """What was asked of an image last. `filled` is the tattoo of the layer that it was asked about, 0 for
    none."""

    stored: Stored
    options: Options
    filled: int

    @property
    def prompt(self) -> str:
        return results.prompt_of(self.stored)

    @property
    def is_fill(self) -> bool:
        return bool(self.stored.asked.get("kind") == "edit")

    def require_no_dearer(self, proposal: Proposal) -> None:
        """Raises DearerThanLastTime: nobody sees this price before it is paid."""
        known = self.stored.asked.get("expected")
        most = known * _DEARER if isinstance(known, int) else 0
        if proposal.estimate.priced and proposal.estimate.cost.expected > most:
            raise DearerThanLastTime(
                price=price(proposal.estimate.cost.expected), last=price(int(known or 0))
            )


def remember(desk: Desk, image: Gimp.Image, result: str, options: Options, filled: Gimp.Layer | None) -> None:
    """Note what asking it again needs: beside the result and, of the image, its id alone, which undo leaves.

    Raises StorageError, KeyError.
    """
    image.attach_parasite(Gimp.Parasite.new(_LAST, _PERSISTENT, result.encode("ascii")))
    tattoo = filled.get_tattoo() if filled is not None and filled.is_valid() else 0
    chosen = {"region": options.region, "context": options.context, "source": options.source}
    store.describe(desk.home, result, gimp={**chosen, "layer": tattoo})


def last_of(desk: Desk, image: Gimp.Image) -> Last:
    """What was asked of this image last; of a saved one its file tells too.

    Raises NothingAsked, StorageError.
    """
    found = _stored(desk, image)
    if found is None or found.asked.get("kind") not in ("edit", "generate"):
        raise NothingAsked()
    noted = found.facts.get("gimp")
    chosen = noted if isinstance(noted, dict) else {}
    whole, part = ("layer", "selection") if found.asked["kind"] == "edit" else ("canvas", "selection")
    masked = records.placing_of(found)
    usual = part if masked is not None and masked.mask else whole
    options = Options(
        model=str(found.asked.get("model", "")),
        quality=str(found.asked.get("quality", "")),
        region=str(chosen.get("region", usual)),
        context=str(chosen.get("context", "normal")),
        source=str(chosen.get("source", "layer")),
        variations=int(found.asked.get("n", 1)),
        moderation=str(found.asked.get("moderation", "auto")),
    )
    return Last(found, options, int(chosen.get("layer", 0)))


def as_now(last: Last, image: Gimp.Image, drawables: list[Gimp.Drawable]) -> Task:
    """The same words and choices with the layer and the selection as they are now.

    Where what came last time is selected, the layer counts that it was made from. Raises as Fill.on() and
    Generate.on().
    """
    if not last.is_fill:
        return Generate.on(image, drawables)
    filled = _filled(last, image)
    owners = [layers.owner(drawable) for drawable in drawables]
    if filled is not None and len(owners) == 1 and owners[0] is not None and _came_from(owners[0], last):
        return Fill.on(image, [filled])
    return Fill.on(image, drawables)


@dataclass(frozen=True)
class Another:
    """The last question once more, exactly: the window, the selection and the layer of then."""

    image: Gimp.Image
    above: Gimp.Layer | None
    last: Last
    where: Placing
    hidden: frozenset[str]

    @classmethod
    def on(cls, desk: Desk, image: Gimp.Image, last: Last) -> Another:
        """Raises IndexedImage, NotAskedHere or FilledLayerGone."""
        layers.require_colours(image)
        where = records.placing_of(last.stored)
        canvas = Rect(0, 0, image.get_width(), image.get_height())
        if where is None or not where.window.contains(where.visible):
            raise NotAskedHere()
        if where.mask and not pixels.holds(where.mask_format, where.visible.size, where.mask):
            raise NotAskedHere()
        if not where.visible.intersection(canvas).size.area:
            raise NotAskedHere()
        if last.is_fill and _filled(last, image) is None:
            raise FilledLayerGone()
        above = next(
            (one for one in layers.every_layer(image) if _came_from(one, last)), _filled(last, image)
        )
        return cls(image, above, last, where, frozenset(_answers_to(last, desk, image)))

    def propose(self, desk: Desk, options: Options, prompt: str) -> Proposal:
        """What was asked for, at today's price. Raises what the catalogue and the cost rules raise."""
        layers.require_open(self.image, None)
        size = Size.parse(str(self.last.stored.asked["size"]))
        window, visible = self.where.window, self.where.visible
        plan = Plan(
            canvas=visible.size,
            selection=pixels.whole(visible.size),
            window=Rect(window.x - visible.x, window.y - visible.y, *window.size),
            request_size=size,
            scale=Fraction(size.width, window.width),
            padding=Padding(
                left=visible.x - window.x,
                top=visible.y - window.y,
                right=window.right - visible.right,
                bottom=window.bottom - visible.bottom,
            ),
        )
        kind: Kind = "edit" if self.last.is_fill else "generate"
        return propose_planned(desk, kind, options, prompt, plan, (visible.x, visible.y))

    def prepare(self, proposal: Proposal, options: Options) -> Order:
        """The pixels of then, if the layer still has them. Raises FilledLayerGone or EmptyLayer."""
        selection = None
        if self.where.mask:
            selection = pixels.remembered(self.where.visible, self.where.mask_format, self.where.mask)
        if not self.last.is_fill:
            return Order(proposal, proposal.request, selection)
        filled = _filled(self.last, self.image)
        if filled is None:
            raise FilledLayerGone()
        plan, visible = proposal.plan, proposal.visible
        source = None if options.source == "visible" else filled
        shown = pixels.picture(self.image, source, visible, plan.padding, plan.request_size, self.hidden)
        picture = png.encode(shown.size, shown.data, shown.channels)
        if selection is None:
            return Order(proposal, with_pictures(proposal, picture, None), filled=filled)
        sent_hole = hole.in_request(selection.chosen, visible.size, plan.padding, plan.request_size)
        mask = png.encode(plan.request_size, hole.mask_pixels(sent_hole), 4)
        return Order(proposal, with_pictures(proposal, picture, mask), selection, filled)

    def layer_name(self) -> str:
        pattern = _("Scumble Fill {number}") if self.last.is_fill else _("Scumble Layer {number}")
        return layers.next_name(self.image, pattern)


def _stored(desk: Desk, image: Gimp.Image) -> Stored | None:
    noted = image.get_parasite(_LAST)
    if noted is not None:
        try:
            return store.find(desk.home, bytes(noted.get_data()).decode("ascii"))
        except (KeyError, ValueError):
            pass  # forgotten since, or a document of another machine
    if image.get_file() is None:
        return None  # every unsaved image has the same name
    wanted = Filter(host="gimp", document=layers.document(image))
    return next(filter(wanted.admits, store.all_stored(desk.home)), None)


def _filled(last: Last, image: Gimp.Image) -> Gimp.Layer | None:
    return image.get_layer_by_tattoo(last.filled) if last.filled else None


def _came_from(layer: Gimp.Layer, last: Last) -> bool:
    """Whether it is what came last time: its layer, one of its variations, or their group."""
    family = layer.get_children() if layer.is_group() else [layer]
    return {last.stored.id} == set(map(layers.result_of, family))


def _answers_to(last: Last, desk: Desk, image: Gimp.Image) -> Iterator[str]:
    """The names of layers with answers for the same place, which the model is not to see."""
    for layer in layers.every_layer(image):
        with contextlib.suppress(KeyError, ValueError):
            result = layers.result_of(layer)
            if store.find(desk.home, result).asked.get("placing") == last.stored.asked.get("placing"):
                yield layer.get_name()
