# SPDX-License-Identifier: GPL-3.0-or-later
"""The price of a proposal as the dialog writes it: on the button, and what it is made of."""

from __future__ import annotations

from scumble.cost import Estimate, Span
from scumble.money import decimal_usd, price_range

from .i18n import _

_NEGLIGIBLE = 100


def amount(estimate: Estimate) -> str:
    """The price as it stands on the button."""
    if not estimate.priced:
        return _("price unknown")
    return price_range(estimate.cost.low, estimate.cost.high)


def parts(estimate: Estimate) -> str:
    """What the price is made of: "Price: new picture $0.0095 + sent picture $0.0069."."""
    if not estimate.priced:
        return estimate.reason
    names = {
        "image_output": _("new picture {price}"),
        "image_input": _("sent picture {price}"),
        "text_input": _("prompt {price}"),
        "partial_images": _("previews {price}"),
    }
    costs = {line.part: line.cost for line in estimate.lines}
    known = [
        text.format(price=_small(costs[part]))
        for part, text in names.items()
        if part in costs and costs[part].high
    ]
    text = _("Price: {parts}.").format(parts=" + ".join(known))
    return " ".join(part for part in (text, estimate.reason) if part)


def _small(cost: Span) -> str:
    """The price of a part; digits that do not change the price on the button are left out."""
    if cost.high < _NEGLIGIBLE:
        return _("under {price}").format(price="$" + decimal_usd(_NEGLIGIBLE).rstrip("0"))
    return price_range(cost.low, cost.high)
