# SPDX-License-Identifier: GPL-3.0-or-later
"""What was spent, as a window shows it and as a script gets it. Money in micro-dollars."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from scumble import jobs
from scumble.budgets import Room
from scumble.ledger import Entry, Ledger, Totals
from scumble.money import price
from scumble.periods import day_start, moment, month_start
from scumble.settings import Home

from .i18n import _

_LAST = 10
_NOTHING = Totals(0, 0, 0, 0)


@dataclass(frozen=True)
class Overview:
    """The sums of today, this month and one document, the budgets, the newest spendings, and the unknown
    ones. `document` is empty when there is no image."""

    today: Totals
    month: Totals
    document: str
    of_document: Totals
    rooms: tuple[Room, ...]
    last: tuple[Entry, ...]
    unknown: tuple[Entry, ...]

    def room(self, scope: str) -> Room | None:
        return next((room for room in self.rooms if room.budget.scope == scope), None)


def look(home: Home, document: str) -> Overview:
    """Put the ledger in order and read it; none is made where none is. Raises StorageError, SetupError."""
    if not home.ledger.exists():
        return Overview(_NOTHING, _NOTHING, document, _NOTHING, (), (), ())
    jobs.prepare(home)
    now = time.time_ns() // 1000
    with Ledger(home.ledger) as ledger:
        return Overview(
            today=ledger.totals(moment(day_start(now))),
            month=ledger.totals(moment(month_start(now))),
            document=document,
            of_document=ledger.document_totals(document) if document else _NOTHING,
            rooms=ledger.rooms(),
            last=tuple(ledger.entries(limit=_LAST)),
            unknown=tuple(ledger.unknown_entries()),
        )


def decide(home: Home, id: str, billed: int | None) -> None:
    """Close an unknown spending by a person's decision, None for not billed.

    Raises StorageError; ValueError when it is not unknown any more, or for an impossible amount.
    """
    with Ledger(home.ledger) as ledger:
        ledger.decide(id, billed)


def report(overview: Overview) -> str:
    """The same as JSON."""
    document: dict[str, Any] = {
        "today": asdict(overview.today),
        "month": asdict(overview.month),
        "document": asdict(overview.of_document) | {"name": overview.document},
        "budgets": [
            {"scope": room.budget.scope, "limit": room.budget.limit, "used": room.used}
            for room in overview.rooms
        ],
        "last": [_entry(entry) for entry in overview.last],
        "unknown": [_entry(entry) for entry in overview.unknown],
    }
    return json.dumps(document)


def total_text(totals: Totals) -> str:
    """What was billed and what may be, in one phrase."""
    parts = [price(totals.billed)]
    if totals.reserved_or_unknown:
        parts.append(_("up to {price} more may be billed").format(price=price(totals.reserved_or_unknown)))
    if totals.unpriced:
        parts.append(_("{count} of unknown price").format(count=totals.unpriced))
    if totals.would_bill:
        parts.append(_("sandbox, free: would be {price}").format(price=price(totals.would_bill)))
    return ", ".join(parts)


def money_text(entry: Entry) -> str:
    """What one spending cost, or may cost."""
    asked = entry.spending
    if entry.state == "released":
        return _("nothing")
    if asked.sandbox:
        return _("free (would be {price})").format(price=price(entry.would_bill or asked.expected))
    if not asked.priced and not entry.billed:
        return _("price unknown")
    if entry.state == "settled":
        return price(entry.billed)
    return _("at most {price}").format(price=price(asked.reserve))


def state_text(entry: Entry) -> str:
    if entry.spending.sandbox and entry.state == "settled":
        return _("sandbox")
    return {
        "reserved": _("about to be sent"),
        "sent": _("at the service"),
        "settled": _("billed"),
        "released": _("nothing billed"),
        "unknown": _("may be billed"),
    }[entry.state]


def when_text(entry: Entry) -> str:
    return f"{entry.at.astimezone():%Y-%m-%d %H:%M}"


def _entry(entry: Entry) -> dict[str, Any]:
    asked = entry.spending
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "state": entry.state,
        "host": asked.host,
        "kind": asked.kind,
        "model": asked.model,
        "quality": asked.quality,
        "size": asked.size,
        "n": asked.n,
        "document": asked.document,
        "sandbox": asked.sandbox,
        "priced": asked.priced,
        "expected": asked.expected,
        "reserve": asked.reserve,
        "billed": entry.billed,
        "would_bill": entry.would_bill,
    }
