# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service says of its models: which a key may use, and until when; and what to warn of.

An id that is not listed is unknown, not gone: on the day a model comes out it works before it is listed, and
a restricted key may make pictures without listing anything.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from . import client
from .catalog import Model
from .credentials import Account
from .errors import (
    AccessDenied,
    KeyMissing,
    ListingDenied,
    NoUsableAnswer,
    OutcomeUnknown,
    RequestRejected,
    ServerFault,
)
from .private_files import make_folder, replace, storage_errors
from .refusals import error_from, read_json
from .request import Request
from .settings import Home
from .translation import _

WARNING_DAYS = 30
_REMEMBERED_DAYS = 30
_MODELS_MAX = 10_000
_ID_MAX = 200


@dataclass(frozen=True)
class Listing:
    """What one service listed: each model's id with its last day, or None where it names none."""

    host: str
    asked_at: datetime
    shutdowns: Mapping[str, date | None] = field(hash=False)

    def lists(self, model: Model) -> bool:
        """Whether the model or one of its snapshots is in it."""
        return any(id in self.shutdowns for id in (model.id, *model.snapshots))


def ask(account: Account) -> Listing:
    """GET /v1/models, which costs nothing; without a key the sandbox answers.

    Raises KeyRefused, ListingDenied when the key may not list models, QuotaExhausted, RateLimited,
    NoUsableAnswer and other errors of the tree; none of them means that something was billed.
    """
    reply = client.fetch("/models", account)
    if reply.status == 200:
        shutdowns = _read(reply.body)
        if shutdowns is None:
            raise NoUsableAnswer(host=account.host, reason=_("it is not a list of models"))
        return Listing(account.host, datetime.now(UTC), shutdowns)
    asked = Request("generate", _("the list of models"), "", None, "auto")
    error = error_from(reply.status, reply.headers, reply.body, asked, account.key_source)
    if type(error) is AccessDenied and _code(reply.body) != "unsupported_country_region_territory":
        raise ListingDenied(source=account.key_source)
    if isinstance(error, ServerFault | RequestRejected | OutcomeUnknown):
        raise NoUsableAnswer(host=account.host, reason=f"HTTP {reply.status}")
    raise error


def require_key(account: Account, home: Home) -> None:
    """Raises KeyMissing when there is none."""
    if account.key is None:
        raise KeyMissing(path=home.key)


def remember(home: Home, listing: Listing) -> None:
    """Keep it for later, so that an estimate can warn without asking. Raises StorageError."""
    document = {
        "host": listing.host,
        "asked_at": listing.asked_at.isoformat(),
        "shutdowns": {id: day.isoformat() if day else None for id, day in listing.shutdowns.items()},
    }
    with storage_errors(home.folder):
        make_folder(home.folder)
        replace(home.listing, json.dumps(document, indent=1).encode())


def remembered(home: Home, account: Account) -> Listing | None:
    """What the account's service said last, at most 30 days ago; None for whatever cannot be read."""
    try:
        document = json.loads(home.listing.read_bytes())
        listing = Listing(
            host=str(document["host"]),
            asked_at=datetime.fromisoformat(document["asked_at"]),
            shutdowns={str(id): _day(value) for id, value in document["shutdowns"].items()},
        )
        is_recent = datetime.now(UTC) - listing.asked_at < timedelta(days=_REMEMBERED_DAYS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return listing if is_recent and listing.host == account.host else None


def last_day(model: Model, listing: Listing | None) -> date | None:
    """The earlier of what the catalogue and the service say; None when neither names a day."""
    said = [listing.shutdowns.get(id) for id in (model.id, *model.snapshots)] if listing else []
    known = [day for day in (model.shutdown, *said) if day is not None]
    return min(known, default=None)


def warnings(model: Model, listing: Listing | None, today: date) -> tuple[str, ...]:
    """A sentence when the model ends within 30 days, or has by the service's word; with its successor."""
    ends = last_day(model, listing)
    if ends is None or (ends - today).days > WARNING_DAYS:
        return ()
    days = (ends - today).days
    if days <= 0:
        text = _("{model} ended on {date}.").format(model=model.id, date=ends.isoformat())
    elif days == 1:
        text = _("{model} ends tomorrow, on {date}.").format(model=model.id, date=ends.isoformat())
    else:
        text = _("{model} ends on {date}, in {days} days.")
        text = text.format(model=model.id, date=ends.isoformat(), days=days)
    if model.successors:
        text += " " + _("Use {successor} instead.").format(successor=_(" or ").join(model.successors))
    return (text,)


def _read(body: bytes) -> dict[str, date | None] | None:
    document = read_json(body)
    items = document.get("data") if isinstance(document, dict) else None
    if not isinstance(items, list):
        return None
    found: dict[str, date | None] = {}
    for item in items[:_MODELS_MAX]:
        id = item.get("id") if isinstance(item, dict) else None
        if isinstance(id, str) and 0 < len(id) <= _ID_MAX and id.isprintable():
            found[id] = _day(item.get("shutdown_date"))
    return found


def _day(value: Any) -> date | None:
    """A day as "2026-12-01", with or without a time after it, or in Unix seconds."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date()
    return None


def _code(body: bytes) -> str:
    document = read_json(body)
    error = document.get("error") if isinstance(document, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""
