# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate Layer: a new picture from words alone, as large as the canvas or the selection."""

from __future__ import annotations

from dataclasses import dataclass

from gi.repository import Gimp

from scumble.shapes import Rect

from . import layers, pixels
from .asking import Desk, Options, Order, Proposal, propose_whole
from .i18n import _
from .problems import NothingToCover


@dataclass(frozen=True)
class Generate:
    """Making a new layer by words; `above` is the layer it goes on top of, None for the whole stack."""

    image: Gimp.Image
    above: Gimp.Layer | None

    @classmethod
    def on(cls, image: Gimp.Image, drawables: list[Gimp.Drawable]) -> Generate:
        """Raises IndexedImage."""
        layers.require_colours(image)
        owners = (layers.owner(drawable) for drawable in drawables)
        return cls(image, next((layer for layer in owners if layer is not None), None))

    def propose(self, desk: Desk, options: Options, prompt: str) -> Proposal:
        """Raises Gone or NothingToCover, and what the catalogue and the cost rules raise."""
        layers.require_open(self.image, None)
        area: Rect | None = Rect(0, 0, self.image.get_width(), self.image.get_height())
        if options.region == "selection":
            area = pixels.selection_bounds(self.image)
        if area is None:
            raise NothingToCover()
        return propose_whole(desk, "generate", options, prompt, area)

    def prepare(self, proposal: Proposal, options: Options) -> Order:
        """Words alone are sent."""
        return Order(proposal, proposal.request)

    def layer_name(self) -> str:
        return layers.next_name(self.image, _("Scumble Layer {number}"))
