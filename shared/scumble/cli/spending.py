# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `spend`: what was billed, what may still be, and what a person decides of it."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from ..errors import BadRequest
from ..jobs import prepare
from ..ledger import Entry, Ledger, Totals
from ..money import decimal_usd, price
from ..periods import day_start, first_instant, moment, month_start
from ..reports import Accuracy
from ..settings import Home
from ..translation import _
from .budgeting import amount
from .output import print_json, print_table

_SHOWN = 10
_SHOWN_OF_ID = 8
_TOTALS_KEYS = ("billed_usd", "open_usd", "sandbox_would_be_usd", "count")
_ACCURACY_KEYS = (
    "model", "quality", "bills", "estimate_usd", "billed_usd", "off_usd", "beyond_reserve", "without_usage",
)  # fmt: skip
_ENTRY_KEYS = (
    "id", "at", "host", "kind", "model", "quality", "size", "n", "project", "sandbox", "state",
    "estimate_usd", "reserve_usd", "billed_usd", "would_be_usd", "from_usage",
)  # fmt: skip


def spend(arguments: argparse.Namespace, home: Home) -> None:
    prepare(home.make())
    with Ledger(home.ledger) as ledger:
        if arguments.spend_command == "settle":
            _settle(ledger, arguments)
        elif arguments.by:
            _report_groups(ledger, arguments)
        elif arguments.accuracy:
            _report_accuracy(ledger.accuracy(), arguments)
        elif arguments.csv:
            entries = ledger.each_entry(arguments.since, arguments.limit)
            _print_csv(_ENTRY_KEYS, (_entry_document(entry) for entry in entries))
        else:
            _report(ledger, arguments)


def amount_or_nothing(text: str) -> int | None:
    """Micro-dollars from dollars, or None for the word "nothing"."""
    return None if text == "nothing" else amount(text)


def start_of_day(text: str) -> datetime:
    """When a date of the person's calendar, YYYY-MM-DD, begins."""
    try:
        return moment(first_instant(date.fromisoformat(text)))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(_("not a date such as 2026-11-22")) from None


def _settle(ledger: Ledger, arguments: argparse.Namespace) -> None:
    try:
        id = ledger.find(arguments.id)
    except KeyError:
        reason = _("not exactly one spending has an id that begins with {id}").format(id=arguments.id)
        raise BadRequest(reason=reason) from None
    try:
        ledger.decide(id, arguments.amount)
    except ValueError:
        reason = _("only an unknown spending is settled by hand, and this one is {state}")
        raise BadRequest(reason=reason.format(state=ledger.entry(id).state)) from None
    entry = ledger.entry(id)
    if arguments.json:
        print_json(_entry_document(entry))
    elif arguments.amount is None:
        print(_("{id}: nothing was billed.").format(id=id))
    else:
        print(_("{id}: {amount} was billed.").format(id=id, amount=price(arguments.amount)))


def _report(ledger: Ledger, arguments: argparse.Namespace) -> None:
    now = time.time_ns() // 1000
    periods = {
        "today": ledger.totals(moment(day_start(now))),
        "month": ledger.totals(moment(month_start(now))),
        "all": ledger.totals(),
    }
    entries = ledger.entries(arguments.since, _SHOWN if arguments.limit is None else arguments.limit)
    unknown = ledger.unknown_entries()
    if arguments.json:
        document: dict[str, object] = {name: _totals_document(totals) for name, totals in periods.items()}
        listed = [{**_entry_document(entry), "events": _events(ledger, entry)} for entry in entries]
        print_json({**document, "entries": listed, "unknown": [_entry_document(entry) for entry in unknown]})
        return
    titles = {"today": _("Today"), "month": _("This month"), "all": _("In all")}
    for name, totals in periods.items():
        print(f"{titles[name]}: {_totals_text(totals)}")
    if entries:
        print_table(
            (_("when"), _("host"), _("model"), _("size"), _("state"), _("billed")),
            [(*_columns(entry), entry.state, _billed(entry)) for entry in entries],
        )
    if unknown:
        print(_("Unknown: these may have been billed."))
        print_table(
            (_("id"), _("when"), _("host"), _("model"), _("size"), _("about"), _("at most")),
            [
                (
                    entry.id[:_SHOWN_OF_ID],
                    *_columns(entry),
                    price(entry.spending.expected),
                    price(entry.spending.reserve),
                )
                for entry in unknown
            ],
        )
        print(_("When you know better: scumble spend settle ID AMOUNT, or ID nothing."))


def _report_groups(ledger: Ledger, arguments: argparse.Namespace) -> None:
    groups = ledger.groups(arguments.by, arguments.since)
    documents = [{"name": group.name, **_totals_document(group.totals)} for group in groups]
    if arguments.json:
        print_json({"by": arguments.by, "groups": documents})
    elif arguments.csv:
        _print_csv(("name", *_TOTALS_KEYS), documents)
    else:
        titles = {"day": _("day"), "model": _("model"), "host": _("host"), "project": _("project")}
        print_table(
            (titles[arguments.by], _("billed"), _("may be billed"), _("sandbox, free"), _("count")),
            [
                (
                    group.name or _("(none)"),
                    price(group.totals.billed),
                    price(group.totals.reserved_or_unknown),
                    price(group.totals.would_bill),
                    str(group.totals.count),
                )
                for group in groups
            ],
        )


def _report_accuracy(measured: list[Accuracy], arguments: argparse.Namespace) -> None:
    documents = [
        {
            "model": each.model,
            "quality": each.quality,
            "bills": each.bills,
            "estimate_usd": decimal_usd(each.expected),
            "billed_usd": decimal_usd(each.billed),
            "off_usd": decimal_usd(each.off),
            "beyond_reserve": each.beyond,
            "without_usage": each.without_usage,
        }
        for each in measured
    ]
    if arguments.json:
        print_json({"accuracy": documents})
    elif arguments.csv:
        _print_csv(_ACCURACY_KEYS, documents)
    elif not measured:
        print(_("No bill of the service yet to compare an estimate with."))
    else:
        print_table(
            (_("model"), _("quality"), _("bills"), _("estimated"), _("billed"), _("difference"), _("beyond")),
            [
                (
                    each.model,
                    each.quality,
                    str(each.bills),
                    price(each.expected),
                    price(each.billed),
                    _percent(each.billed - each.expected, each.expected),
                    str(each.beyond),
                )
                for each in measured
            ],
        )


def _percent(difference: int, whole: int) -> str:
    """ "+1.3 %", rounded half up."""
    if not whole:
        return ""
    tenths = (abs(difference) * 2000 + whole) // (2 * whole)
    sign = "" if not tenths else "+" if difference > 0 else "-"
    return f"{sign}{tenths // 10}.{tenths % 10} %"


def _print_csv(keys: Iterable[str], documents: Iterable[Mapping[str, object]]) -> None:
    writer = csv.DictWriter(sys.stdout, list(keys), lineterminator="\n")
    writer.writeheader()
    writer.writerows(documents)


def _columns(entry: Entry) -> tuple[str, str, str, str]:
    spending = entry.spending
    return f"{entry.at.astimezone():%Y-%m-%d %H:%M}", spending.host, spending.model, spending.size


def _billed(entry: Entry) -> str:
    return _("sandbox") if entry.spending.sandbox else price(entry.billed)


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
    """Without a price the estimate and the reservation are None."""
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
        "project": spending.project,
        "sandbox": spending.sandbox,
        "state": entry.state,
        "estimate_usd": decimal_usd(spending.expected) if spending.priced else None,
        "reserve_usd": decimal_usd(spending.reserve) if spending.priced else None,
        "billed_usd": decimal_usd(entry.billed),
        "would_be_usd": decimal_usd(entry.would_bill),
        "from_usage": entry.from_usage,
    }


def _events(ledger: Ledger, entry: Entry) -> list[dict[str, str]]:
    return [
        {"at": step.at.isoformat(), "state": step.state, "reason": step.reason}
        for step in ledger.steps(entry.id)
    ]
