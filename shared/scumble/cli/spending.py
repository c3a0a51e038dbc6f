# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `spend`: what was billed, what may still be, over one ledger or several."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ..budgets import Room
from ..errors import BadRequest
from ..gathering import gather
from ..jobs import prepare
from ..ledger import Entry, Ledger
from ..money import price
from ..periods import day_start, first_instant, moment, month_start
from ..reports import TOPICS, Accuracy, Failures, Group, Topic
from ..settings import Home
from ..translation import _
from . import settling
from .numbers import count
from .output import print_json
from .spend_documents import (
    ACCURACY_KEYS,
    ENTRY_KEYS,
    FAILURE_KEYS,
    TOTALS_KEYS,
    accuracy_document,
    billed_text,
    entry_document,
    events_document,
    failures_document,
    percent_text,
    print_csv,
    reason_text,
    state_text,
    sum_text,
    topic_text,
    totals_document,
    totals_text,
)
from .tables import Bar, print_table

_SHOWN = 10
_SHOWN_OF_ID = 8


def add_parser(add: Callable[..., argparse.ArgumentParser]) -> None:
    """The verb's words; `add` is add_parser of the command's subparsers."""
    parser = add("spend", help=_("what was billed, and what may still be"))
    _add_report(parser, again=False)
    verbs = parser.add_subparsers(dest="spend_command", metavar="settle|merge|recover")
    settling.add_parsers(verbs.add_parser)
    merge = verbs.add_parser("merge", help=_("one report over the ledgers of several machines"))
    merge.add_argument("ledgers", type=Path, nargs="+", metavar="LEDGER", help=_("files like ledger.sqlite3"))
    _add_report(merge, again=True)


def _add_report(parser: argparse.ArgumentParser, again: bool) -> None:
    """What to report and how; `again`, after a word, without defaults, which would undo what went before."""
    nothing: dict[str, Any] = {"default": argparse.SUPPRESS} if again else {}
    report = parser.add_mutually_exclusive_group()
    report.add_argument("--by", choices=TOPICS, help=_("sums, one line each"), **nothing)
    for name, help in (
        ("--accuracy", _("estimates against the service's bills")),
        ("--failures", _("what failed, and what that cost")),
    ):
        report.add_argument(name, action="store_true", help=help, **nothing)
    report.add_argument(
        "--html", type=Path, metavar="FILE", help=_("everything as one page with charts"), **nothing
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help=_("print one JSON document"), **nothing)
    form.add_argument("--csv", action="store_true", help=_("comma-separated, for a spreadsheet"), **nothing)
    parser.add_argument(
        "--since", type=start_of_day, metavar="YYYY-MM-DD", help=_("only from this day on"), **nothing
    )
    parser.add_argument("--limit", type=count, help=_("how many entries to list"), **nothing)


def spend(arguments: argparse.Namespace, home: Home) -> None:
    if arguments.spend_command == "recover":
        settling.recover(arguments, home)
        return
    if arguments.spend_command == "merge":
        with (
            tempfile.TemporaryDirectory(prefix="scumble-") as folder,
            Ledger(gather(arguments.ledgers, Path(folder))) as ledger,
        ):
            _print(ledger, arguments)
        return
    prepare(home.make())
    with Ledger(home.ledger) as ledger:
        if arguments.spend_command == "settle":
            settling.settle(ledger, arguments)
        else:
            _print(ledger, arguments)


def start_of_day(text: str) -> datetime:
    """When a date of the person's calendar, YYYY-MM-DD, begins."""
    try:
        return moment(first_instant(date.fromisoformat(text)))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(_("not a date such as 2026-11-22")) from None


def _print(ledger: Ledger, arguments: argparse.Namespace) -> None:
    if arguments.html:
        if arguments.json or arguments.csv:
            raise BadRequest(reason=_("a page is neither JSON nor CSV"))
        from .report_page import write

        write(ledger, arguments.html, arguments.since)
        print(_("Written: {path}").format(path=arguments.html))
    elif arguments.by:
        _print_groups(ledger, arguments)
    elif arguments.accuracy:
        if arguments.since:
            raise BadRequest(
                reason=_("estimates are compared over all bills, so --since does not go with it")
            )
        _print_accuracy(ledger.accuracy(), arguments)
    elif arguments.failures:
        _print_failures(ledger.failures(arguments.since), arguments)
    elif arguments.csv:
        entries = ledger.each_entry(arguments.since, arguments.limit)
        print_csv(ENTRY_KEYS, (entry_document(entry) for entry in entries))
    else:
        _print_all(ledger, arguments)


def _print_all(ledger: Ledger, arguments: argparse.Namespace) -> None:
    now = time.time_ns() // 1000
    periods = {
        "today": ledger.totals(moment(day_start(now))),
        "month": ledger.totals(moment(month_start(now))),
        "all": ledger.totals(),
    }
    entries = ledger.entries(arguments.since, _SHOWN if arguments.limit is None else arguments.limit)
    unknown, elsewhere = ledger.unknown_entries(), ledger.elsewhere()
    if arguments.json:
        document: dict[str, object] = {name: totals_document(totals) for name, totals in periods.items()}
        listed = [{**entry_document(entry), "events": events_document(ledger, entry)} for entry in entries]
        document |= {"entries": listed, "unknown": [entry_document(entry) for entry in unknown]}
        print_json({**document, "elsewhere": [entry_document(entry) for entry in elsewhere]})
        return
    titles = {"today": _("Today"), "month": _("This month"), "all": _("In all")}
    for name, totals in periods.items():
        print(f"{titles[name]}: {totals_text(totals)}")
    _print_rooms(ledger.standing_rooms())
    if entries:
        print_table(
            (_("when"), _("host"), _("model"), _("size"), _("state"), _("billed")),
            [(*_columns(entry), state_text(entry), billed_text(entry)) for entry in entries],
            numbers=(5,),
        )
    if unknown:
        print(_("Unknown: these may have been billed."))
        _print_open(unknown)
    if elsewhere:
        print(_("Begun on another machine, and never ended here: these may have been billed."))
        _print_open(elsewhere)
    if (unknown or elsewhere) and arguments.spend_command == "merge":
        print(
            _(
                "Each is settled on the machine whose ledger holds it:"
                " scumble spend settle ID AMOUNT, or ID nothing."
            )
        )
    elif unknown or elsewhere:
        print(_("When you know better: scumble spend settle ID AMOUNT, or ID nothing."))


def _print_open(entries: list[Entry]) -> None:
    print_table(
        (_("id"), _("when"), _("host"), _("model"), _("size"), _("about"), _("at most")),
        [
            (
                entry.id[:_SHOWN_OF_ID],
                *_columns(entry),
                *(
                    (price(entry.spending.expected), price(entry.spending.reserve))
                    if entry.spending.priced
                    else (_("price unknown"), "")
                ),
            )
            for entry in entries
        ],
        numbers=(5, 6),
    )


def _print_rooms(rooms: Sequence[Room]) -> None:
    if rooms:
        print_table(
            (_("budget"), _("used"), _("limit")),
            [(room.title, price(room.used), price(room.budget.limit)) for room in rooms],
            [Bar(room.used, room.budget.limit, warns=True) for room in rooms],
            numbers=(1, 2),
        )


def _print_groups(ledger: Ledger, arguments: argparse.Namespace) -> None:
    groups = ledger.groups(arguments.by, arguments.since)
    documents = [{"name": group.name, **totals_document(group.totals)} for group in groups]
    if arguments.json:
        print_json({"by": arguments.by, "groups": documents})
    elif arguments.csv:
        print_csv(("name", *TOTALS_KEYS), documents)
    else:
        print_table(
            (topic_text(arguments.by), _("billed"), _("may be billed"), _("sandbox, free"), _("count")),
            [
                (
                    group.name.strip() or _("(none)"),
                    sum_text(group.totals.billed, group.totals),
                    price(group.totals.reserved_or_unknown),
                    price(group.totals.would_bill),
                    str(group.totals.count),
                )
                for group in groups
            ],
            _bars(ledger, arguments.by, groups),
            numbers=(1, 2, 3, 4),
        )


def _bars(ledger: Ledger, topic: Topic, groups: list[Group]) -> list[Bar]:
    """Against the budget of a day or a project, else against the dearest."""
    limits = {(budget.scope, budget.project): budget.limit for budget in ledger.budgets()}
    bars = []
    for group in groups:
        used = group.totals.billed + group.totals.reserved_or_unknown
        limit = None
        if topic == "day":
            limit = limits.get(("day", ""))
        elif topic == "project" and group.name:
            limit = limits.get(("project", group.name), limits.get(("project", "")))
        if limit is not None:
            bars.append(Bar(used, limit, warns=True))
        else:
            most = max(each.totals.billed + each.totals.reserved_or_unknown for each in groups)
            bars.append(Bar(used, max(1, most)))
    return bars


def _print_accuracy(measured: list[Accuracy], arguments: argparse.Namespace) -> None:
    documents = [accuracy_document(each) for each in measured]
    if arguments.json:
        print_json({"accuracy": documents})
    elif arguments.csv:
        print_csv(ACCURACY_KEYS, documents)
    else:
        _print_measured(measured)


def _print_measured(measured: list[Accuracy]) -> None:
    stated = [each for each in measured if each.bills]
    if not stated:
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
                    percent_text(each.billed - each.expected, each.expected),
                    str(each.beyond),
                )
                for each in stated
            ],
            numbers=(2, 3, 4, 5, 6),
        )
    assumed = sum(each.without_usage for each in measured)
    if assumed:
        print(_("Bills that the service did not state, which are left out: {count}").format(count=assumed))


def _print_failures(failed: list[Failures], arguments: argparse.Namespace) -> None:
    documents = [failures_document(each) for each in failed]
    if arguments.json:
        print_json({"failures": documents})
    elif arguments.csv:
        print_csv(FAILURE_KEYS, documents)
    elif not failed:
        print(_("Nothing has failed."))
    else:
        print_table(
            (_("reason"), _("count"), _("not billed"), _("billed after all"), _("may be billed")),
            [
                (
                    reason_text(each.reason),
                    str(each.count),
                    str(each.free),
                    price(each.billed),
                    price(each.reserved),
                )
                for each in failed
            ],
            numbers=(1, 2, 3, 4),
        )


def _columns(entry: Entry) -> tuple[str, str, str, str]:
    spending = entry.spending
    return f"{entry.at.astimezone():%Y-%m-%d %H:%M}", spending.host, spending.model, spending.size
