# SPDX-License-Identifier: GPL-3.0-or-later
"""One estimate for many requests before the first of them starts: a line each and a total."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from .catalog import Catalog
from .cost import Estimate, Span, estimate
from .learned import Learned, size_class
from .ledger import Ledger
from .request import Request


@dataclass(frozen=True)
class Item:
    """One request's estimate, under the name that a person knows the request by."""

    name: str
    estimate: Estimate


@dataclass(frozen=True)
class Quote:
    """What many requests will cost together, in micro-dollars; each is an action of its own."""

    items: tuple[Item, ...]

    @property
    def cost(self) -> Span:
        """The sum of what is priced; it says nothing of the `unpriced`."""
        total = Span.exact(0)
        for item in self.items:
            total += item.estimate.cost
        return total

    @property
    def reserve(self) -> int:
        """A bound that all the bills together do not pass."""
        return sum(item.estimate.reserve for item in self.items)

    @property
    def exact(self) -> bool:
        return all(item.estimate.exact for item in self.items)

    @property
    def unpriced(self) -> int:
        """How many requests nobody knows the price of."""
        return sum(not item.estimate.priced for item in self.items)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the total is not exact, each sentence once."""
        return tuple(dict.fromkeys(item.estimate.reason for item in self.items if item.estimate.reason))


def quote(
    named: Iterable[tuple[str, Request]],
    catalog: Catalog,
    ledger: Ledger | None = None,
    in_batch: bool = False,
) -> Quote:
    """The price of each request and of all, from arithmetic and, with a ledger, from what it learned.

    `in_batch` takes the prices of the Batch API. Raises as `cost.estimate`, and UnknownModel, ModelEnded.
    """
    today = date.today()
    learned: dict[tuple[str, str, str], Learned | None] = {}
    items = []
    for name, request in named:
        model = catalog.usable(request.model, today)
        known = None
        if ledger is not None and model.output is not None and not model.output.exact:
            key = (request.model, request.quality, str(size_class(request.size)))
            if key not in learned:
                learned[key] = ledger.learned(request, model)
            known = learned[key]
        items.append(Item(name, estimate(request, model.in_batch() if in_batch else model, known)))
    return Quote(tuple(items))
