# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked for, what it will cost, and what is sent: the values between dialog, library and image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, Protocol

from gi.repository import Gimp

from scumble import geometry
from scumble.alternatives import Window
from scumble.catalog import Catalog, load
from scumble.cost import Estimate, estimate, price_by_size
from scumble.credentials import Account, find_account
from scumble.errors import StorageError
from scumble.geometry import Plan
from scumble.ledger import learned_from_bills
from scumble.models import Model
from scumble.request import Picture, Request
from scumble.settings import Home, find_home
from scumble.shapes import Rect, Size

from .pixels import Selection

Kind = Literal["generate", "edit"]


@dataclass(frozen=True)
class Desk:
    """The user's folder, model data and account."""

    home: Home
    catalog: Catalog
    account: Account

    @classmethod
    def open(cls) -> Desk:
        """Read all three. Raises SetupError."""
        home = find_home()
        account = find_account(home)
        return cls(home, load(home.catalog).priced_for(account.other_server), account)

    def model(self, id: str) -> Model:
        """The model of that id, the usual one for an empty id. Raises UnknownModel or ModelEnded."""
        return self.catalog.usable(id or self.catalog.default_model, date.today())


@dataclass(frozen=True)
class Options:
    """What the person chose; `region` is "selection", "layer" or "canvas", `source` "layer" or "visible",
    `previews` how many partial pictures are to come, `variations` how many finished ones."""

    model: str
    quality: str
    region: str
    context: str = "normal"
    source: str = "layer"
    previews: int = 0
    variations: int = 1
    moderation: str = "auto"


@dataclass(frozen=True)
class Proposal:
    """A request without pictures yet, the window it is for, and its price.

    `plan` counts from `corner`, a point of the image; `around` is what a window around a selection was
    planned from, `options` what the person chose.
    """

    plan: Plan
    corner: tuple[int, int]
    request: Request
    estimate: Estimate
    options: Options
    around: Window | None = None

    @property
    def window(self) -> Rect:
        """Where the answer belongs in the image; may reach beyond the canvas."""
        return self._moved(self.plan.window)

    @property
    def visible(self) -> Rect:
        """The part of the window that is worked on."""
        return self._moved(self.plan.visible)

    def _moved(self, rect: Rect) -> Rect:
        return Rect(rect.x + self.corner[0], rect.y + self.corner[1], *rect.size)


@dataclass(frozen=True)
class Order:
    """What goes out, the selection as it was then, and the layer that it is about."""

    proposal: Proposal
    request: Request = field(repr=False)
    selection: Selection | None = None
    filled: Gimp.Layer | None = None


class Task(Protocol):
    """Something the plug-in does with an image: fill or generate."""

    image: Gimp.Image
    above: Gimp.Layer | None

    def propose(self, desk: Desk, options: Options, prompt: str) -> Proposal:
        """What would be sent and its price. Raises ScumbleError."""

    def prepare(self, proposal: Proposal, options: Options) -> Order:
        """Read the pixels to send. Raises ScumbleError."""

    def layer_name(self) -> str:
        """A name for the new layer."""


def propose_part(
    desk: Desk, kind: Kind, options: Options, prompt: str, canvas: Size, selection: Rect
) -> Proposal:
    """The window around a selection and its price."""
    model = desk.model(options.model)
    plan = geometry.plan(
        canvas, selection, model.sizes, price_by_size(model, kind, options.quality), options.context
    )
    around = Window(canvas, selection, options.context)
    return _proposal(desk, model, kind, options, prompt, plan, (0, 0), around)


def propose_whole(desk: Desk, kind: Kind, options: Options, prompt: str, area: Rect) -> Proposal:
    """All of an area of the image and its price."""
    model = desk.model(options.model)
    plan = geometry.whole(area.size, model.sizes, price_by_size(model, kind, options.quality))
    return _proposal(desk, model, kind, options, prompt, plan, (area.x, area.y))


def propose_planned(
    desk: Desk, kind: Kind, options: Options, prompt: str, plan: Plan, corner: tuple[int, int]
) -> Proposal:
    """A window that was planned before and its price."""
    return _proposal(desk, desk.model(options.model), kind, options, prompt, plan, corner)


def priced(desk: Desk, request: Request, model: Model) -> Estimate:
    """The price as it will be reserved, with what real bills say where the model's rule is not published."""
    try:
        learned = learned_from_bills(desk.home, request, model)
    except StorageError:
        learned = None  # said when something is sent
    return estimate(request, model, learned)


def _proposal(
    desk: Desk,
    model: Model,
    kind: Kind,
    options: Options,
    prompt: str,
    plan: Plan,
    corner: tuple[int, int],
    around: Window | None = None,
) -> Proposal:
    size = plan.request_size
    request = Request(
        kind=kind,
        model=model.id,
        prompt=prompt,
        size=size,
        quality=options.quality,
        images=(Picture(size),) if kind == "edit" else (),
        n=options.variations,
        moderation=options.moderation,
        partial_images=options.previews,
    )
    return Proposal(plan, corner, request, priced(desk, request, model), options, around)


def with_pictures(proposal: Proposal, image: bytes, mask: bytes | None) -> Request:
    """The proposal's request with its encoded pictures."""
    size = proposal.plan.request_size
    return replace(
        proposal.request,
        images=(Picture(size, image),),
        mask=None if mask is None else Picture(size, mask, name="mask.png"),
    )
