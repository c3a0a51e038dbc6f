# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of `spend` that change the ledger: settle, by hand or by costs, and recover."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..costs_export import Verdict, judge, read
from ..errors import BadRequest, StorageError
from ..ledger import Ledger
from ..money import decimal_usd, price
from ..private_files import storage_errors
from ..rescue import rescue
from ..settings import Home
from ..translation import _
from .budgeting import amount
from .output import print_json
from .spend_documents import entry_document, state_text

_SHOWN_OF_ID = 8
_NOT_GIVEN = object()
_LARGEST_FILE_BYTES = 50_000_000


def add_parsers(add: Callable[..., argparse.ArgumentParser]) -> None:
    """The words after `spend`; `add` is add_parser of its subparsers."""
    settle = add("settle", help=_("decide what an unknown spending cost"))
    settle.add_argument("id", metavar="ID", nargs="?", help=_("as far as it takes to tell it from others"))
    settle.add_argument(
        "amount", type=amount_or_nothing, metavar="AMOUNT|nothing", nargs="?", default=_NOT_GIVEN,
        help=_("in dollars"),
    )  # fmt: skip
    settle.add_argument(
        "--from-costs",
        type=Path,
        metavar="FILE.csv",
        help=_("by the service's export of costs, see docs/cost.md"),
    )
    settle.add_argument(
        "--nothing-else", action="store_true", help=_("only this ledger's requests used the account")
    )
    settle.add_argument("--yes", action="store_true", help=_("settle what is proven, not only show it"))
    recover = add("recover", help=_("save what is readable of a damaged ledger"))
    for parser in (settle, recover):
        parser.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON document")
        )


def amount_or_nothing(text: str) -> int | None:
    """Micro-dollars from dollars, or None for the word "nothing"."""
    return None if text == "nothing" else amount(text)


def settle(ledger: Ledger, arguments: argparse.Namespace) -> None:
    one = arguments.id is not None and arguments.amount is not _NOT_GIVEN
    if arguments.from_costs is not None and arguments.id is None:
        _settle_by_costs(ledger, arguments)
    elif one and arguments.from_costs is None:
        _settle_one(ledger, arguments)
    else:
        raise BadRequest(reason=_("settle takes ID and AMOUNT, or --from-costs FILE.csv"))


def recover(arguments: argparse.Namespace, home: Home) -> None:
    done = rescue(home.ledger, time.time())
    if arguments.json:
        print_json(
            {
                "recovered": done is not None,
                "spendings": done.spendings if done else None,
                "budgets": done.budgets if done else None,
                "unclear": done.unclear if done else None,
                "replaced": done.replaced if done else None,
                "kept": str(done.kept) if done else None,
            }
        )
    elif done is None:
        print(_("The ledger is whole; nothing was changed."))
    else:
        text = _(
            "{count} spendings are in a new ledger. {unclear} of them are unknown now, because what became of"
            " them is lost; {replaced} stand for one of which only the money was left. See: scumble spend"
        )
        print(text.format(count=done.spendings, unclear=done.unclear, replaced=done.replaced))
        print(_("Budgets in force: {count}").format(count=done.budgets))
        print(_("The damaged one is kept: {path}").format(path=done.kept))


def _settle_one(ledger: Ledger, arguments: argparse.Namespace) -> None:
    try:
        id = ledger.find(arguments.id)
    except KeyError:
        reason = _("not exactly one spending has an id that begins with {id}").format(id=arguments.id)
        raise BadRequest(reason=reason) from None
    try:
        ledger.decide(id, arguments.amount)
    except ValueError:
        reason = _("only an unknown spending is settled by hand, and this one is marked: {state}")
        raise BadRequest(reason=reason.format(state=state_text(ledger.entry(id)))) from None
    entry = ledger.entry(id)
    if arguments.json:
        print_json(entry_document(entry))
    elif arguments.amount is None:
        print(_("{id}: nothing was billed.").format(id=id))
    else:
        print(_("{id}: {amount} was billed.").format(id=id, amount=price(arguments.amount)))


def _settle_by_costs(ledger: Ledger, arguments: argparse.Namespace) -> None:
    costs = read(_text(arguments.from_costs))
    unknown = ledger.unknown_entries()
    days = [cost.day for cost in costs]
    start = min(
        [entry.at for entry in unknown]
        + [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days],
        default=datetime.now(UTC),
    )
    verdicts = judge(costs, ledger.each_entry(start - timedelta(days=1)), datetime.now(UTC))
    proven = [
        verdict
        for verdict in verdicts
        if verdict.billed is not None and (arguments.nothing_else or not verdict.alone)
    ]
    if arguments.yes:
        for verdict in proven:
            ledger.decide(verdict.entry.id, verdict.billed or None)
    if arguments.json:
        print_json({"applied": arguments.yes, "verdicts": [_document(each, proven) for each in verdicts]})
        return
    if not verdicts:
        print(_("No spending is unknown."))
    for verdict in verdicts:
        print(f"{verdict.entry.id[:_SHOWN_OF_ID]}  {_conclusion(verdict, proven)}")
        print(f"    {verdict.reason}")
    if proven and not arguments.yes:
        print(_("To settle these so, add --yes."))


def _conclusion(verdict: Verdict, proven: list[Verdict]) -> str:
    if verdict.billed is None:
        return _("stays unknown")
    if verdict not in proven:
        text = _("{amount} was billed, if nothing else used the account that day (--nothing-else)")
        return text.format(amount=price(verdict.billed))
    if verdict.billed:
        return _("{amount} was billed").format(amount=price(verdict.billed))
    return _("nothing was billed")


def _document(verdict: Verdict, proven: list[Verdict]) -> dict[str, object]:
    return {
        "id": verdict.entry.id,
        "billed_usd": None if verdict.billed is None else decimal_usd(verdict.billed),
        "proven": verdict in proven,
        "reason": verdict.reason,
    }


def _text(path: Path) -> str:
    if not path.is_file():
        raise BadRequest(reason=_("there is no file {path}").format(path=path))
    with storage_errors(path):
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise StorageError(path=path, reason=_("it is too large for an export of costs"))
        try:
            return path.read_text("utf-8")
        except UnicodeDecodeError:
            raise BadRequest(reason=_("{path} is not text in UTF-8").format(path=path)) from None
