# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `batch`: a list of things to make, priced as a whole, made live or in batches, and resumed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from .. import batch_lines, batches, collecting, jobs, journals, quotes, tables
from ..catalog import Catalog
from ..collecting import Collected
from ..credentials import Account, find_account
from ..errors import BadRequest, Billing, Exit, NoUsableAnswer, RowsLeft
from ..journals import Journal
from ..ledger import Ledger, budget_left
from ..money import decimal_usd, price, price_range
from ..queue import CONCURRENCY
from ..quotes import Quote
from ..settings import Home
from ..tables import Defaults, Row
from ..translation import _
from . import running
from .numbers import count
from .output import estimate_document, estimate_text, print_json, print_table, print_warnings, usd_document
from .planning import warnings
from .rows import Doing, report, write_table

_LINES_SHOWN = 40


def add_parser(
    add: Callable[..., argparse.ArgumentParser], add_json: Callable[[argparse.ArgumentParser], None]
) -> None:
    """The verb's words; `add` is add_parser of the command's subparsers."""
    parser = add("batch", help=_("make everything in a list, live or at half the price within a day"))
    parser.add_argument(
        "list", metavar="LIST|collect|cancel", help=_("a .csv or .jsonl file; or what to do about batches")
    )
    parser.add_argument("id", nargs="?", default="", metavar="BATCH", help=_("which batch to cancel"))
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help=_("where the pictures go"))
    parser.add_argument(
        "--dry-run", action="store_true", help=_("check every row and show what it costs; sends nothing")
    )
    parser.add_argument("--model", default="", metavar="M", help=_("where a row names none"))
    parser.add_argument("--quality", default="", metavar="Q", help=_("where a row names none"))
    parser.add_argument("--project", default="", metavar="NAME", help=_("where a row names none"))
    parser.add_argument(
        "--concurrency", type=count, default=CONCURRENCY, metavar="N", help=_("how many at once, live")
    )
    parser.add_argument(
        "--tier",
        type=count,
        metavar="N",
        help=_("the account's usage tier, until the service tells its limits"),
    )
    parser.add_argument(
        "--through-batch", action="store_true", help=_("by the Batch API: half the price, within a day")
    )
    parser.add_argument("--wait", action="store_true", help=_("until the batches have ended"))
    parser.add_argument(
        "--resend-unknown",
        action="store_true",
        help=_("send again what may have been billed already; it may be billed twice"),
    )
    parser.add_argument(
        "--over-budget", action="store_true", help=_("let these actions pass the budgets; it is recorded")
    )
    add_json(parser)


def batch(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    if arguments.list == "collect":
        _collect(arguments, home)
    elif arguments.list == "cancel":
        _cancel(arguments, home)
    else:
        _make(arguments, catalog, home)


def _make(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    path = Path(arguments.list)
    account = find_account(home)
    rows = tables.read(
        path,
        catalog,
        Defaults(arguments.model, arguments.quality, arguments.project),
        batch_lines.require(catalog) if arguments.through_batch else None,
    )
    remarks = _remarks(rows, catalog, home, account)
    if arguments.dry_run:
        _show(_quote(rows, arguments, catalog, home), arguments, remarks)
        return
    if arguments.output is None:
        raise BadRequest(reason=_("a folder for the pictures is needed: -o DIR"))
    print_warnings(remarks)
    jobs.prepare(home.make())
    with ExitStack() as held:
        journal = held.enter_context(Journal(arguments.output))
        doing = [Doing(row, mark) for row, mark in zip(rows, journals.marks(rows), strict=True)]
        _look_at_batches(doing, journal, home, account)
        running.stand(doing, journal, home, arguments.resend_unknown)
        running.require_free_names(doing, arguments.output)
        quote = _say_before(doing, arguments, catalog, home, account)
        running.write_done(doing, arguments.output, home)
        if arguments.through_batch:
            running.through_batches(doing, journal, arguments, catalog, home, account)
        else:
            running.live(doing, journal, arguments, catalog, home, account)
        table = write_table(doing, arguments.output)
    document = {
        "list": arguments.list,
        "folder": str(arguments.output),
        "table": str(table),
        "through_batch": arguments.through_batch,
        "sandbox": account.sandbox,
        "estimate": _total(quote),
        **report(doing),
        "warnings": remarks,
    }
    _report(doing, table, document, arguments.json)


def _remarks(rows: tuple[Row, ...], catalog: Catalog, home: Home, account: Account) -> list[str]:
    """That a model ends soon, once for each model of the list."""
    models = dict.fromkeys(row.request.model for row in rows)
    found = [remark for id in models for remark in warnings(catalog.find(id), home, account)]
    return list(dict.fromkeys(found))


def _quote(rows: tuple[Row, ...], arguments: argparse.Namespace, catalog: Catalog, home: Home) -> Quote:
    named = [(row.name, row.request) for row in rows]
    if not home.ledger.exists():
        return quotes.quote(named, catalog, None, arguments.through_batch)
    with Ledger(home.ledger) as ledger:
        return quotes.quote(named, catalog, ledger, arguments.through_batch)


def _show(quote: Quote, arguments: argparse.Namespace, remarks: list[str]) -> None:
    if arguments.json:
        lines = [{"name": item.name, **estimate_document(item.estimate)} for item in quote.items]
        print_json({"list": arguments.list, **_total(quote), "rows": lines, "warnings": remarks})
    else:
        _print_lines(quote, len(quote.items))
        _print_total(quote)
    print_warnings(remarks)


def _total(quote: Quote) -> dict[str, object]:
    return {
        "count": len(quote.items),
        "exact": quote.exact,
        "usd": usd_document(quote.cost) if quote.unpriced < len(quote.items) else None,
        "reserve_usd": decimal_usd(quote.reserve),
        "unpriced": quote.unpriced,
    }


def _print_lines(quote: Quote, most: int) -> None:
    shown = quote.items[:most]
    print_table(
        (_("row"), _("model"), _("quality"), _("size"), _("price")),
        [
            (
                item.name,
                item.estimate.model,
                item.estimate.quality,
                item.estimate.size,
                estimate_text(item.estimate),
            )
            for item in shown
        ],
    )
    if len(shown) < len(quote.items):
        print(_("... and {count} more; --dry-run shows all.").format(count=len(quote.items) - len(shown)))


def _print_total(quote: Quote) -> None:
    text = price(quote.cost.expected)
    if not quote.exact:
        about = price_range(quote.cost.low, quote.cost.high)
        text = _("about {price} ({range})").format(price=text, range=about)
    if quote.unpriced == len(quote.items):
        text = _("price unknown")
    print(_("Total of {count}: {price}").format(count=len(quote.items), price=text))
    if 0 < quote.unpriced < len(quote.items):
        print(_("Of {count} the price is unknown; it comes on top.").format(count=quote.unpriced))
    for reason in quote.reasons:
        print(reason)


def _look_at_batches(doing: list[Doing], journal: Journal, home: Home, account: Account) -> None:
    """Take in what a run before this one left with the service. That it cannot be asked stops nothing."""
    ids = {id for each in doing for id in journal.ids.get(each.mark, ())}
    try:
        collecting.collect(home, account, only=frozenset(ids))
    except NoUsableAnswer as error:
        print_warnings([str(error)])


def _say_before(
    doing: list[Doing], arguments: argparse.Namespace, catalog: Catalog, home: Home, account: Account
) -> Quote:
    """Tell a person what will be paid, before it is. Gives the price of what is to do."""
    rows = tuple(each.row for each in doing if each.state == "to-do")
    quote = _quote(rows, arguments, catalog, home)
    for each, item in zip((each for each in doing if each.state == "to-do"), quote.items, strict=True):
        each.estimate = item.estimate
    resent = sum(each.state == "to-do" and each.resent for each in doing)
    if resent:
        text = _("{count} rows are sent again and may be billed twice.")
        print_warnings([text.format(count=resent)])
    if arguments.json:
        return quote
    if account.sandbox:
        print(_("Sandbox: free placeholder pictures, nothing is sent."))
    done = sum(each.state == "done" for each in doing)
    if done:
        print(_("{done} of {count} rows are done already.").format(done=done, count=len(doing)))
    if rows:
        _print_lines(quote, _LINES_SHOWN)
        _print_total(quote)
    allowance = budget_left(home, arguments.project)
    if rows and allowance.rooms and not account.sandbox:
        print(allowance.describe())
        if any(room.budget.scope != "action" and not room.holds(quote.reserve) for room in allowance.rooms):
            print_warnings([_("The budget will stop this before its end.")])
    return quote


def _report(doing: list[Doing], table: Path, document: dict[str, object], as_json: bool) -> None:
    """What became of each row; raises RowsLeft when not all are done or on their way."""
    left = [each for each in doing if each.state not in ("done", "waiting")]
    if not as_json:
        _print_end(doing, table)
    elif not left:
        print_json(document)
    if not left:
        return
    error = RowsLeft(done=sum(each.state == "done" for each in doing), count=len(doing))
    error.report = document
    error.exit_code = _exit_code(left)
    if any(each.state == "unknown" for each in left):
        error.billing = Billing.MAYBE
    elif any(each.billed for each in doing):
        error.billing = Billing.BILLED
    raise error


def _exit_code(left: list[Doing]) -> Exit:
    """The budget's first, which is a person's own word; then that something may have been paid."""
    codes = {Exit.UNKNOWN if each.state == "unknown" else each.exit_code for each in left}
    for code in (Exit.BUDGET, Exit.UNKNOWN, Exit.REFUSED, Exit.USAGE):
        if code in codes:
            return code
    return Exit.FAILED


def _print_end(doing: list[Doing], table: Path) -> None:
    left = [each for each in doing if each.state != "done"]
    if left:
        print_table(
            (_("row"), _("state"), _("why")),
            [(each.row.name, _(running.STATES[each.state]), each.why) for each in left[:_LINES_SHOWN]],
        )
    if len(left) > _LINES_SHOWN:
        print(_("... and {count} more.").format(count=len(left) - _LINES_SHOWN))
    unknown = sum(each.state == "unknown" for each in doing)
    if unknown:
        text = _(
            "{count} rows may have been billed, so they are not sent again unless --resend-unknown says so."
        )
        print(text.format(count=unknown))
    billed = sum(each.billed for each in doing)
    would_be = sum(each.would_be for each in doing)
    done = sum(each.state == "done" for each in doing)
    print(_("{done} of {count} rows are done.").format(done=done, count=len(doing)))
    if would_be:
        print(
            _("Billed: {bill}").format(
                bill=_("free in the sandbox; the API would have billed {price}").format(price=price(would_be))
            )
        )
    else:
        print(_("Billed: {bill}").format(bill=price(billed)))
    print(table)


def _collect(arguments: argparse.Namespace, home: Home) -> None:
    account = find_account(home)
    jobs.prepare(home.make())
    found = running.collected(home, account, arguments.wait)
    if arguments.json:
        print_json({"batches": [_batch_document(each) for each in found]})
    elif not found:
        print(_("No batch is waited for."))
    else:
        _print_batches(found)


def _cancel(arguments: argparse.Namespace, home: Home) -> None:
    account = find_account(home)
    waited = {
        place for place in collecting.waiting(home, account.sandbox) if batches.batch_of(f"{place}/-")[1]
    }
    chosen = [id for id in waited if arguments.id and id.startswith(arguments.id)]
    if len(chosen) != 1:
        listed = ", ".join(sorted(waited)) or _("none")
        raise BadRequest(
            reason=_("name one of the batches that are waited for: {listed}").format(listed=listed)
        )
    batches.cancel(chosen[0], account)
    found = collecting.collect(home, account)
    if arguments.json:
        print_json({"batches": [_batch_document(each) for each in found]})
        return
    _print_batches(found)
    text = _("What was made by then is billed; collect it with: scumble batch collect")
    print(text, file=sys.stderr)


def _print_batches(found: tuple[Collected, ...]) -> None:
    print_table(
        (_("batch"), _("status"), _("lines"), _("made"), _("released"), _("unknown"), _("waiting")),
        [
            (
                each.batch,
                each.status,
                str(each.lines),
                str(each.settled),
                str(each.released),
                str(each.unknown),
                str(each.waiting),
            )
            for each in found
        ],
    )


def _batch_document(each: Collected) -> dict[str, object]:
    return {
        "batch": each.batch or None,
        "status": each.status,
        "lines": each.lines,
        "made": each.settled,
        "released": each.released,
        "unknown": each.unknown,
        "waiting": each.waiting,
        "odd_lines": each.odd,
    }
