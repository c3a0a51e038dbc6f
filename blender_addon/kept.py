# SPDX-License-Identifier: GPL-3.0-or-later
"""A kept result as the panels show it: read from the store on a thread, so no bpy here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .scumble import content_credentials, recovery, store
from .scumble.content_credentials import Presence
from .scumble.errors import BadReply, StorageError
from .scumble.settings import Home
from .scumble.store import Stored

DISMISSED = "not_offered"
_PICTURE = "picture-1.*"


@dataclass(frozen=True)
class Kept:
    """One result. `billed` in micro-dollars, 0 in the sandbox, None where it is not known; `placed` says
    where; `picture` is its first picture as a file, None when the reply holds none."""

    id: str
    prompt: str = field(repr=False)
    model: str
    quality: str
    size: str
    asked_size: str
    host: str
    at: datetime
    billed: int | None
    sandbox: bool
    placed: tuple[str, ...]
    offered: bool
    picture: Path | None
    folder: Path

    @property
    def unplaced(self) -> bool:
        """Whether it was paid for and never placed, saved or exported."""
        return not self.sandbox and not self.placed


def all_kept(home: Home) -> tuple[Kept, ...]:
    """Every kept result, newest first. Raises StorageError."""
    return tuple(describe(home, one) for one in store.all_stored(home))


def describe(home: Home, one: Stored) -> Kept:
    """What the panels show of it; of a reply that was never looked at the pictures are saved beside it."""
    asked, facts = one.asked, one.facts
    placed = facts.get("placed")
    sandbox = bool(asked.get("sandbox"))
    host = str(asked.get("host", ""))
    return Kept(
        id=one.id,
        prompt=str(asked.get("prompt", "")),
        model=str(asked.get("model", "")),
        quality=str(asked.get("quality", "")),
        size=str(facts.get("size", asked.get("size", ""))),
        asked_size=str(asked.get("size", "")),
        host=host,
        at=one.kept_at,
        billed=billed(one),
        sandbox=sandbox,
        placed=tuple(str(each.get("where", "")) for each in placed) if isinstance(placed, list) else (),
        offered=host == "blender" and not facts.get(DISMISSED),
        picture=_picture(home, one),
        folder=one.folder,
    )


def billed(one: Stored) -> int | None:
    """Micro-dollars; 0 in the sandbox, None where it is not known."""
    if one.asked.get("sandbox"):
        return 0
    bill = one.facts.get("bill")
    total = bill.get("total") if isinstance(bill, dict) else None
    return total if isinstance(total, int) and one.asked.get("priced", True) else None


def credentials(home: Home, id: str) -> Presence | None:
    """Whether its pictures carry Content Credentials; None when it is not kept any more."""
    try:
        pictures = recovery.reread(store.find(home, id)).pictures
    except KeyError:
        return None
    except (BadReply, StorageError):
        return Presence.UNKNOWN
    found = {content_credentials.find(picture) for picture in pictures}
    return found.pop() if len(found) == 1 else Presence.UNKNOWN


def _picture(home: Home, one: Stored) -> Path | None:
    found = next(one.folder.glob(_PICTURE), None)
    if found is not None:
        return found
    try:
        return store.save_pictures(home, one.id, recovery.reread(one).pictures)[0]
    except (BadReply, StorageError, KeyError, ValueError):
        return None
