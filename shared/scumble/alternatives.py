# SPDX-License-Identifier: GPL-3.0-or-later
"""The same for less: cheaper ways to ask for a picture, and what each gives up; computed from the catalogue.

One thing changes at a time: the quality, the window around a selection, or the model. What the model would
refuse, what has no known price, and what saves less than a twentieth is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Literal

from . import cost
from .catalog import Catalog, Model
from .cost import Estimate
from .errors import BadRequest
from .geometry import CONTEXTS, Plan, plan
from .request import Picture, Request, check
from .shapes import Rect, Size
from .translation import _

__all__ = ["Choice", "Window", "cheaper"]

_MOST = 3
_STAND_IN_PROMPT = "-"


@dataclass(frozen=True)
class Window:
    """What the window of an edit was planned from, as for `geometry.plan`."""

    canvas: Size
    selection: Rect
    context: str = "normal"
    detail: str = "auto"


@dataclass(frozen=True)
class Choice:
    """One cheaper way. `changes` says which of `quality`, `context` and `model` differs from what was asked;
    `context` is empty without a window. `saves` is in micro-dollars, of the expected price. `gives_up` is a
    translated phrase without a stop at its end."""

    changes: Literal["quality", "window", "model"]
    model: str
    quality: str
    context: str
    estimate: Estimate
    saves: int
    gives_up: str


def cheaper(
    request: Request,
    catalog: Catalog,
    today: date,
    window: Window | None = None,
    price: Callable[[Request, Model], Estimate] = cost.estimate,
) -> tuple[Choice, ...]:
    """At most three choices, the cheapest first; none for a model without a known price.

    The least that is given up comes in first: of each kind of change the one that saves least, then more of
    them. A model with an exact price goes before one without. Pictures may be without data and the prompt may
    be empty; with a window each choice has the size that is planned for it. Raises UnknownModel, and what
    `price` raises for the request itself.
    """
    model = catalog.find(request.model)
    asked = price(request, model)
    if not asked.priced:
        return ()
    search = _Search(request, model, asked, window, today, price)
    kinds = [list(search.qualities()), list(search.windows()), list(search.models(catalog))]
    kinds[0].sort(key=lambda choice: -choice.estimate.cost.expected)
    kinds[1].sort(key=lambda choice: -choice.estimate.cost.expected)
    kinds[2].sort(key=lambda choice: (not choice.estimate.exact, choice.estimate.cost.expected))
    ranked = [(rank, choice) for found in kinds for rank, choice in enumerate(found)]
    ranked.sort(key=lambda each: each[0])
    chosen = [choice for _rank, choice in ranked[:_MOST]]
    return tuple(sorted(chosen, key=lambda choice: choice.estimate.cost.expected))


@dataclass(frozen=True)
class _Search:
    request: Request
    model: Model
    asked: Estimate
    window: Window | None
    today: date
    price: Callable[[Request, Model], Estimate]

    def qualities(self) -> Iterator[Choice]:
        offered = self.model.qualities
        if self.request.quality in offered:
            # A better one is given up by nobody, though bills that were learned from may call it cheaper.
            offered = offered[: offered.index(self.request.quality)]
        for quality in offered:
            found = self._cheaper(self.model, quality)
            if found is not None:
                if self.request.quality == "auto":
                    text = _("quality {quality} instead of what the model chooses")
                else:
                    text = _("quality {quality} instead of {asked}")
                gives_up = text.format(quality=quality, asked=self.request.quality)
                yield self._choice("quality", found[0], gives_up, quality=quality)

    def windows(self) -> Iterator[Choice]:
        if self.window is None:
            return
        asked = self._planned(self.model, self.request.quality, self.window.context)
        for context in CONTEXTS[: CONTEXTS.index(self.window.context)]:
            found = self._cheaper(self.model, self.request.quality, context)
            if found is not None and found[1] != asked:
                description = found[1].describe() if found[1] else ""
                gives_up = _("less context around the selection: {plan}").format(plan=description)
                yield self._choice("window", found[0], gives_up, context=context)

    def models(self, catalog: Catalog) -> Iterator[Choice]:
        if self.request.quality == "auto":
            return  # What another model would choose is not the same for less.
        for model in catalog.live(self.today):
            found = None if model.id == self.model.id else self._cheaper(model, self.request.quality)
            if found is not None:
                parts = [_("{title} instead of {asked}").format(title=model.title, asked=self.model.title)]
                if not found[0].exact:
                    parts.append(_("its price is not exact"))
                if model.shutdown is not None:
                    parts.append(_("it ends on {date}").format(date=model.shutdown.isoformat()))
                yield self._choice("model", found[0], ", ".join(parts), model=model.id)

    def _cheaper(self, model: Model, quality: str, context: str = "") -> tuple[Estimate, Plan | None] | None:
        """The price with this changed, and the window planned for it; None where it is no choice."""
        request = replace(
            self.request, model=model.id, quality=quality, prompt=self.request.prompt or _STAND_IN_PROMPT
        )
        try:
            planned = self._planned(model, quality, context)
            if planned is not None:
                pictures = (Picture(planned.request_size), *request.images[1:])
                overlay = Picture(planned.request_size)
                request = replace(
                    request,
                    size=planned.request_size,
                    images=pictures,
                    mask=overlay if request.mask else None,
                    markup=overlay if request.markup else None,
                )
            check(request, model, self.today)
            estimate = self.price(replace(request, prompt=self.request.prompt), model)
        except BadRequest:
            return None
        if planned is not None and self.window is not None:
            asked = _planned(self.window, self.model, self.request.quality, self.window.context)
            if planned.scale < asked.scale:
                return None
        saves = estimate.cost.expected * 20 <= self.asked.cost.expected * 19
        fits = estimate.priced and saves and estimate.cost.high <= self.asked.cost.high
        return (estimate, planned) if fits else None

    def _planned(self, model: Model, quality: str, context: str) -> Plan | None:
        window = self.window
        return None if window is None else _planned(window, model, quality, context or window.context)

    def _choice(
        self,
        changes: Literal["quality", "window", "model"],
        estimate: Estimate,
        gives_up: str,
        *,
        quality: str = "",
        context: str = "",
        model: str = "",
    ) -> Choice:
        return Choice(
            changes,
            model or self.model.id,
            quality or self.request.quality,
            context or (self.window.context if self.window else ""),
            estimate,
            self.asked.cost.expected - estimate.cost.expected,
            gives_up,
        )


@lru_cache(maxsize=64)
def _planned(window: Window, model: Model, quality: str, context: str) -> Plan:
    return plan(
        window.canvas,
        window.selection,
        model.sizes,
        cost.price_by_size(model, "edit", quality),
        context=context,
        detail=window.detail,
    )
