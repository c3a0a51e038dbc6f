# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits on what may be spent, and whether one more action fits into them.

What counts is what was billed and, of everything not decided yet, the upper bound: so actions that run at the
same time cannot pass a limit together. A spending counts in the day and month in which it was reserved, by
the calendar of the zone that holds when a budget is looked at. Nothing counts out at the other end: a clock
that was set back frees no money, and one set forward begins the next day while month and project count on.
The sandbox's spendings hold no money and never count.

These functions work on the ledger's open file; `ledger.Ledger` is what calls them, `admit` inside the
transaction that reserves. Money is in micro-dollars, times are microseconds since 1970 UTC.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal, get_args

from .errors import BudgetExceeded, PriceUnknown
from .money import decimal_usd, price
from .periods import day_start, moment, month_start
from .reports import spent_on_project, spent_since
from .spendings import Spending, is_amount, project_tag
from .translation import N_, _

Scope = Literal["action", "day", "month", "project"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_TITLES: dict[Scope, str] = {
    "action": N_("The budget for one action"),
    "day": N_("The budget for today"),
    "month": N_("The budget for this month"),
    "project": N_("The budget for the project {project}"),
}
_STANDINGS: dict[Scope, str] = {
    "action": N_("This action {used} of {limit}"),
    "day": N_("Today {used} of {limit}"),
    "month": N_("This month {used} of {limit}"),
    "project": N_("Project {project} {used} of {limit}"),
}


@dataclass(frozen=True)
class Budget:
    """A limit in force. Of the scope "project" with an empty name it is each project's that has none of
    its own; a project's budget is for its whole life."""

    scope: Scope
    limit: int
    project: str = ""


@dataclass(frozen=True)
class Change:
    """A limit was set, or with None cleared. All changes are kept."""

    at: datetime
    scope: Scope
    project: str
    limit: int | None


@dataclass(frozen=True)
class Room:
    """What a budget has left: `used` counts what was billed and what may still be. `project` is the one
    that was asked about."""

    budget: Budget
    used: int
    project: str = ""

    @property
    def left(self) -> int:
        return max(0, self.budget.limit - self.used)

    @property
    def near(self) -> bool:
        """Whether at least 80 % are used."""
        return self.used > 0 and self.used * 5 >= self.budget.limit * 4

    @property
    def title(self) -> str:
        """ "The budget for today", in the current language."""
        return _(_TITLES[self.budget.scope]).format(project=self.project)

    def holds(self, amount: int) -> bool:
        return self.used + amount <= self.budget.limit

    def describe(self) -> str:
        """ "Today $1.20 of $5.00", in the current language."""
        return _(_STANDINGS[self.budget.scope]).format(
            project=self.project, used=price(self.used), limit=price(self.budget.limit)
        )


@dataclass(frozen=True)
class Allowance:
    """What a host shows beside its price: today's spending, and each budget that applies with its room."""

    today: int
    rooms: tuple[Room, ...] = ()

    @property
    def near(self) -> bool:
        """Whether 80 % of any budget are used."""
        return any(room.near for room in self.rooms)

    def describe(self) -> str:
        """ "Today $1.20 of $5.00", and after it every other budget of which 80 % are used."""
        told = [room.describe() for room in self.rooms if room.budget.scope == "day"]
        told = told or [_("Today {used}").format(used=price(self.today))]
        told += [room.describe() for room in self.rooms if room.budget.scope != "day" and room.near]
        return ", ".join(told)


def change(connection: sqlite3.Connection, at: int, scope: Scope, limit: int | None, project: str) -> None:
    """Add a change of a limit; None clears it. Raises ValueError for an amount that is no whole number of
    micro-dollars from 0 to 10**15, an unknown scope, or a project where none belongs."""
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope!r}")
    if limit is not None and not is_amount(limit):
        raise ValueError("a limit is an integer from 0 to 10**15 micro-dollars")
    if project and scope != "project":
        raise ValueError(f"a budget for the {scope} has no project")
    connection.execute(
        "INSERT INTO limits (at, scope, project, amount) VALUES (?, ?, ?, ?)",
        (at, scope, project_tag(project), limit),
    )


def in_force(connection: sqlite3.Connection) -> list[Budget]:
    """The limits that hold now, in the order of SCOPES and of the projects' names."""
    rows = connection.execute(
        "SELECT scope, amount, project FROM limits WHERE number IN"
        " (SELECT max(number) FROM limits GROUP BY scope, project) AND amount IS NOT NULL"
    )
    budgets = [Budget(*row) for row in rows]
    return sorted(budgets, key=lambda budget: (SCOPES.index(budget.scope), budget.project))


def history(connection: sqlite3.Connection) -> list[Change]:
    """Every change of a limit, oldest first."""
    rows = connection.execute("SELECT at, scope, project, amount FROM limits ORDER BY number")
    return [Change(moment(at), scope, project, limit) for at, scope, project, limit in rows]


def rooms(
    connection: sqlite3.Connection, now: int, zone: tzinfo | None, project: str, action: int = 0
) -> tuple[Room, ...]:
    """The budgets that apply to an action for `project` (empty: none), in the order of SCOPES; `action` is
    what the budget for one action counts as used."""
    tag = project_tag(project)
    budgets = in_force(connection)
    own = any(budget.project == tag for budget in budgets if budget.scope == "project")
    found = []
    for budget in budgets:
        if budget.scope == "action":
            found.append(Room(budget, action))
        elif budget.scope == "day":
            found.append(Room(budget, spent_since(connection, day_start(now, zone))))
        elif budget.scope == "month":
            found.append(Room(budget, spent_since(connection, month_start(now, zone))))
        elif tag and budget.project == (tag if own else ""):
            found.append(Room(budget, spent_on_project(connection, tag), tag))
    return tuple(found)


def allowance(connection: sqlite3.Connection, now: int, zone: tzinfo | None, project: str) -> Allowance:
    """Today's spending and the budgets that apply to an action for `project`."""
    today = spent_since(connection, day_start(now, zone))
    return Allowance(today, rooms(connection, now, zone, project))


def admit(
    connection: sqlite3.Connection,
    now: int,
    zone: tzinfo | None,
    spendings: Sequence[Spending],
    over_budget: bool,
) -> tuple[str, ...]:
    """Whether every budget that applies has room for all the spendings' upper bounds.

    Gives the reason that each reservation is recorded with: empty, or which budgets it passed because
    `over_budget` says that a person decided so. Raises BudgetExceeded about the one with the least left,
    PriceUnknown for a spending without a price when any budget applies. To be called inside the transaction
    that then reserves.
    """
    counted = [spending for spending in spendings if not spending.sandbox]
    total = sum(spending.reserve for spending in counted)
    by_project: dict[str, int] = {}
    for spending in counted:
        tag = project_tag(spending.project)
        by_project[tag] = by_project.get(tag, 0) + spending.reserve
    found = {tag: rooms(connection, now, zone, tag) for tag in by_project}
    reasons = []
    for spending in spendings:
        tag = project_tag(spending.project)
        whole = {"project": by_project.get(tag, 0), "day": total, "month": total}
        admitted = "" if spending.sandbox else _admitted(found[tag], spending, whole, over_budget)
        reasons.append(admitted)
    return tuple(reasons)


def _admitted(found: Sequence[Room], spending: Spending, whole: Mapping[str, int], over_budget: bool) -> str:
    """The reason of one reservation; `whole` is what a budget other than that for one action must hold."""
    if found and not spending.priced:
        if over_budget:
            return "over-budget-unpriced"
        raise PriceUnknown(model=spending.model, budget=found[0].title)
    exceeded = [room for room in found if not room.holds(whole.get(room.budget.scope, spending.reserve))]
    if exceeded and not over_budget:
        least = min(exceeded, key=lambda room: room.left)
        raise _exceeded(least, whole.get(least.budget.scope, spending.reserve))
    return "-".join(["over-budget", *(room.budget.scope for room in exceeded)]) if exceeded else ""


def _exceeded(room: Room, cost: int) -> BudgetExceeded:
    left, asked = price(room.left), price(cost)
    if left == asked:
        # "$0.013 is left and it may cost $0.013" would explain nothing.
        left, asked = f"${decimal_usd(room.left)}", f"${decimal_usd(cost)}"
    name = f"project={room.budget.project}" if room.budget.project else room.budget.scope
    return BudgetExceeded(
        budget=room.title, left=left, limit=price(room.budget.limit), cost=asked, setting=name
    )
