# SPDX-License-Identifier: GPL-3.0-or-later
"""The kept results as a window or a script asks for them. Money in micro-dollars."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scumble import content_credentials, jobs, recovery, store
from scumble.content_credentials import Presence
from scumble.errors import BadReply, StorageError
from scumble.ledger import Ledger
from scumble.money import price
from scumble.settings import Home
from scumble.store import Stored

from .asking import Desk
from .i18n import _


@dataclass(frozen=True)
class Filter:
    """Which results: words of the prompt, a host or "", results of one image, paid and never placed."""

    words: str = ""
    host: str = ""
    document: str = ""
    ids: frozenset[str] = frozenset()
    unplaced: bool = False

    def admits(self, one: Stored) -> bool:
        prompt = prompt_of(one).casefold()
        of_image = one.id in self.ids or one.asked.get("document") == self.document
        return (
            all(word in prompt for word in self.words.casefold().split())
            and self.host in ("", one.asked.get("host"))
            and (of_image or not (self.document or self.ids))
            and (is_unplaced(one) or not self.unplaced)
        )


def all_kept(home: Home) -> list[Stored]:
    """Put right what ended programs left; then every result, newest first.

    Raises StorageError, SetupError.
    """
    if home.ledger.exists():
        jobs.prepare(home)
    return store.all_stored(home)


def unplaced_count(home: Home) -> int:
    """How many paid pictures were never placed; 0 when that cannot be read, which sending will tell."""
    try:
        return len(store.unplaced(home))
    except StorageError:
        return 0


def listed(found: Iterable[Stored]) -> str:
    """As JSON, a list."""
    return json.dumps([_document(one) for one in found])


def picture(desk: Desk, one: Stored) -> tuple[bytes, ...]:
    """The original bytes of each picture, which are then also files beside the reply.

    Raises BadReply, SetupError, StorageError.
    """
    pictures = recovery.complete(desk.home, one, lambda: desk.account).pictures
    store.save_pictures(desk.home, one.id, pictures)
    return pictures


def settle(home: Home, one: Stored) -> None:
    """A spending given up as unknown is settled by the bill in its reply. Raises StorageError, SetupError."""
    if not home.ledger.exists():
        return
    with Ledger(home.ledger) as ledger:
        try:
            entry = ledger.entry(one.id)
        except KeyError:
            return
        if entry.state == "unknown":
            recovery.settle(home, ledger, entry)


def credentials_of(one: Stored) -> Presence:
    try:
        pictures = recovery.reread(one).pictures
    except (BadReply, StorageError):
        return Presence.UNKNOWN
    found = {content_credentials.find(data) for data in pictures}
    return found.pop() if len(found) == 1 else Presence.UNKNOWN


def prompt_of(one: Stored) -> str:
    return str(one.asked.get("prompt", ""))


def size_of(one: Stored) -> str:
    return str(one.facts.get("size", one.asked.get("size", "")))


def is_unplaced(one: Stored) -> bool:
    """Paid and not placed, saved or exported yet."""
    return not one.asked.get("sandbox") and not places(one)


def places(one: Stored) -> list[dict[str, Any]]:
    noted = one.facts.get("placed")
    return [place for place in noted if isinstance(place, dict)] if isinstance(noted, list) else []


def billed(one: Stored) -> int | None:
    """None where it is not known; the sandbox bills nothing."""
    if one.asked.get("sandbox"):
        return 0
    bill = one.facts.get("bill")
    total = bill.get("total") if isinstance(bill, dict) else None
    return total if isinstance(total, int) and one.asked.get("priced", True) else None


def expected(one: Stored) -> int | None:
    amount = one.asked.get("expected")
    return amount if isinstance(amount, int) and one.asked.get("priced", True) else None


def short_price(one: Stored) -> str:
    if one.asked.get("sandbox"):
        return _("sandbox")
    amount = billed(one)
    return _("price unknown") if amount is None else price(amount)


def long_price(one: Stored) -> str:
    """What was billed beside what was estimated."""
    if one.asked.get("sandbox"):
        return _("Sandbox: nothing was billed.")
    amount, estimate = billed(one), expected(one)
    if amount is None:
        return _("What was billed is not known.")
    if estimate is None:
        return _("Billed {price}.").format(price=price(amount))
    text = _("Billed {price} (estimate {estimate}).")
    return text.format(price=price(amount), estimate=price(estimate))


def _document(one: Stored) -> dict[str, Any]:
    return {
        "id": one.id,
        "kept_at": one.kept_at.isoformat(),
        "host": one.asked.get("host"),
        "kind": one.asked.get("kind"),
        "model": one.asked.get("model"),
        "quality": one.asked.get("quality"),
        "size": size_of(one),
        "prompt": prompt_of(one),
        "document": one.asked.get("document"),
        "sandbox": bool(one.asked.get("sandbox")),
        "billed": billed(one),
        "expected": expected(one),
        "placed": [str(place.get("where", "")) for place in places(one)],
        "paid_not_placed": is_unplaced(one),
        "folder": str(one.folder),
    }
