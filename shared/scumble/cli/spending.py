# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `spend`: what was billed, and what may still be."""

from __future__ import annotations

import argparse
from datetime import datetime

from ..jobs import prepare
from ..ledger import Entry, Ledger, Totals
from ..money import decimal_usd, price
from ..settings import Home
from ..translation import _
from .output import print_json, print_table

_SHOWN = 10


def spend(arguments: argparse.Namespace, home: Home) -> None:
    now = datetime.now().astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    prepare(home.make())
    with Ledger(home.ledger) as ledger:
        periods = {
            "today": ledger.totals(since=midnight),
            "month": ledger.totals(since=midnight.replace(day=1)),
            "all": ledger.totals(),
        }
        entries = ledger.entries(limit=arguments.limit or _SHOWN)
    if arguments.json:
        document: dict[str, object] = {name: _totals_document(totals) for name, totals in periods.items()}
        print_json({**document, "entries": [_entry_document(entry) for entry in entries]})
        return
    titles = {"today": _("Today"), "month": _("This month"), "all": _("In all")}
    for name, totals in periods.items():
        print(f"{titles[name]}: {_totals_text(totals)}")
    if entries:
        print_table(
            (_("when"), _("host"), _("model"), _("size"), _("state"), _("billed")),
            [
                (
                    f"{entry.at.astimezone():%Y-%m-%d %H:%M}",
                    entry.spending.host,
                    entry.spending.model,
                    entry.spending.size,
                    entry.state,
                    _("sandbox") if entry.spending.sandbox else price(entry.billed),
                )
                for entry in entries
            ],
        )


def _totals_text(totals: Totals) -> str:
    text = _("{billed} billed").format(billed=price(totals.billed))
    if totals.reserved_or_unknown:
        text += _(", up to {amount} more may be billed").format(amount=price(totals.reserved_or_unknown))
    if totals.would_bill:
        text += _(" (sandbox, free: {amount})").format(amount=price(totals.would_bill))
    return text


def _totals_document(totals: Totals) -> dict[str, object]:
    return {
        "billed_usd": decimal_usd(totals.billed),
        "open_usd": decimal_usd(totals.reserved_or_unknown),
        "sandbox_would_be_usd": decimal_usd(totals.would_bill),
        "count": totals.count,
    }


def _entry_document(entry: Entry) -> dict[str, object]:
    spending = entry.spending
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "host": spending.host,
        "kind": spending.kind,
        "model": spending.model,
        "quality": spending.quality,
        "size": spending.size,
        "n": spending.n,
        "sandbox": spending.sandbox,
        "state": entry.state,
        "estimate_usd": decimal_usd(spending.expected),
        "reserve_usd": decimal_usd(spending.reserve),
        "billed_usd": decimal_usd(entry.billed),
        "would_be_usd": decimal_usd(entry.would_bill),
        "from_usage": entry.from_usage,
    }
