# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `budget`: limits that are set, cleared and listed with what is left of them."""

from __future__ import annotations

import argparse

from ..budgets import SCOPES, Budget, Room, Scope
from ..errors import BadRequest
from ..ledger import Ledger
from ..money import decimal_usd, parse_usd, price
from ..settings import Home
from ..translation import _
from .output import print_json
from .tables import Bar, print_table


def budget(arguments: argparse.Namespace, home: Home) -> None:
    with Ledger(home.make().ledger) as ledger:
        if arguments.budget_command == "set":
            scope, project = arguments.name
            ledger.set_budget(scope, arguments.amount, project)
        elif arguments.budget_command == "clear":
            scope, project = arguments.name
            if not ledger.clear_budget(scope, project):
                name = f"project={project}" if project else scope
                raise BadRequest(reason=_("there is no budget {name}").format(name=name))
        _report(ledger, arguments)


def budget_name(text: str) -> tuple[Scope, str]:
    """From "day", "month", "action", "project" or "project=NAME" on the command line."""
    scope, equals, project = text.partition("=")
    if scope not in SCOPES or (equals and (scope != "project" or not project)):
        raise argparse.ArgumentTypeError(_("not one of day, month, action, project, project=NAME"))
    return scope, project


def amount(text: str) -> int:
    """Micro-dollars from dollars on the command line."""
    try:
        return parse_usd(text)
    except ValueError:
        raise argparse.ArgumentTypeError(_("not an amount in dollars such as 5 or 0.25")) from None


def _report(ledger: Ledger, arguments: argparse.Namespace) -> None:
    lines = [(each, _room(ledger, each)) for each in ledger.budgets()]
    changes = ledger.budget_changes() if arguments.history else []
    today = ledger.allowance().today
    if arguments.json:
        document: dict[str, object] = {
            "today_usd": decimal_usd(today),
            "budgets": [_document(each, room) for each, room in lines],
        }
        if arguments.history:
            document["history"] = [
                {
                    "at": change.at.isoformat(),
                    "scope": change.scope,
                    "project": change.project,
                    "limit_usd": None if change.limit is None else decimal_usd(change.limit),
                }
                for change in changes
            ]
        print_json(document)
        return
    if not lines:
        print(_("No budget is set. Today {used}.").format(used=price(today)))
    else:
        print_table(
            (_("budget"), _("limit"), _("used"), _("left")),
            [
                (
                    _name(each),
                    price(each.limit),
                    price(room.used) if room else "",
                    price(room.left) if room else "",
                )
                for each, room in lines
            ],
            [Bar(room.used, room.budget.limit, warns=True) if room else None for _each, room in lines],
            numbers=(1, 2, 3),
        )
    for change in changes:
        name = f"project={change.project}" if change.project else change.scope
        limit = _("cleared") if change.limit is None else price(change.limit)
        print(f"{change.at.astimezone():%Y-%m-%d %H:%M}  {name}  {limit}")


def _room(ledger: Ledger, wanted: Budget) -> Room | None:
    """What is left of it; None where each action or each project has its own."""
    if wanted.scope == "action" or (wanted.scope == "project" and not wanted.project):
        return None
    return next(room for room in ledger.rooms(wanted.project) if room.budget == wanted)


def _document(budget: Budget, room: Room | None) -> dict[str, object]:
    return {
        "scope": budget.scope,
        "project": budget.project,
        "limit_usd": decimal_usd(budget.limit),
        "used_usd": decimal_usd(room.used) if room else None,
        "left_usd": decimal_usd(room.left) if room else None,
        "near": room.near if room else False,
    }


def _name(budget: Budget) -> str:
    if budget.project:
        return _("project {project}").format(project=budget.project)
    names = {
        "action": _("one action"),
        "day": _("today"),
        "month": _("this month"),
        "project": _("each project"),
    }
    return names[budget.scope]
