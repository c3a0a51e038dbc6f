# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill Selection: send a window around the selection, with the selection as its mask."""

from __future__ import annotations

from dataclasses import dataclass

from gi.repository import Gimp

from scumble import png
from scumble.errors import NothingSelected
from scumble.shapes import Rect, Size

from . import hole, layers, pixels
from .asking import Desk, Options, Order, Proposal, propose_part, propose_whole, with_pictures
from .i18n import _
from .problems import OutsideCanvas


@dataclass(frozen=True)
class Fill:
    """Changing a part of the image, or one whole layer, by words."""

    image: Gimp.Image
    above: Gimp.Layer

    @classmethod
    def on(cls, image: Gimp.Image, drawables: list[Gimp.Drawable]) -> Fill:
        """Raises IndexedImage, NotOneLayer, NotALayer or FloatingSelection."""
        layers.require_colours(image)
        return cls(image, layers.only_layer(image, drawables))

    def propose(self, desk: Desk, options: Options, prompt: str) -> Proposal:
        """Raises Gone, NothingSelected or OutsideCanvas, and what the catalogue and the cost rules raise."""
        layers.require_open(self.image, self.above)
        canvas = Size(self.image.get_width(), self.image.get_height())
        if options.region == "selection":
            selected = pixels.selection_bounds(self.image)
            if selected is None:
                raise NothingSelected()
            return propose_part(desk, "edit", options, prompt, canvas, selected)
        area = layers.extent(self.above)
        if options.source == "visible":
            area = area.intersection(Rect(0, 0, *canvas))
            if not area.size.area:
                raise OutsideCanvas()
        return propose_whole(desk, "edit", options, prompt, area)

    def prepare(self, proposal: Proposal, options: Options) -> Order:
        """Raises EmptyLayer when there is nothing to send."""
        plan, visible = proposal.plan, proposal.visible
        source = None if options.source == "visible" else self.above
        shown = pixels.picture(self.image, source, visible, plan.padding, plan.request_size)
        picture = png.encode(shown.size, shown.data, shown.channels)
        if options.region != "selection":
            return Order(proposal, with_pictures(proposal, picture, None), filled=self.above)
        selection = pixels.selection(self.image, visible)
        sent_hole = hole.in_request(selection.chosen, visible.size, plan.padding, plan.request_size)
        mask = png.encode(plan.request_size, hole.mask_pixels(sent_hole), 4)
        return Order(proposal, with_pictures(proposal, picture, mask), selection, self.above)

    def layer_name(self) -> str:
        return layers.next_name(self.image, _("Scumble Fill {number}"))
