# SPDX-License-Identifier: GPL-3.0-or-later
"""What was kept and not finished: a reply read again, its pictures fetched, its bill settled late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from . import client, records, replies, responses, store, turns
from .catalog import Catalog, load
from .cost import Bill
from .credentials import Account
from .errors import BadReply, ServiceRefusal, StorageError, UnknownModel
from .ledger import Entry, Ledger
from .request import Request
from .settings import Home
from .shapes import Size
from .store import Stored
from .translation import _
from .wire import Answer


def fetch_named(
    home: Home, id: str, body: bytes, media_type: str, request: Request, account: Account
) -> tuple[bytes, ...]:
    """The pictures that a kept reply only names the addresses of, which are then on disk as well.

    Such an address works for an hour or so, hence at once. Raises BadReply, SetupError, StorageError.
    """
    named = replies.addresses(body, media_type, request)
    pictures = tuple(client.download(address, account) for address in named)
    if pictures:
        store.keep_fetched(home, id, pictures)
    return pictures


def reread(stored: Stored) -> Answer:
    """The answer that a kept reply holds. Raises BadReply, StorageError; of a conversation's turn for which
    no picture was made, what responses.decode raises."""
    if is_turn(stored):
        return responses.decode(stored.reply(), as_asked(stored))
    return replies.read(stored.reply(), stored.media_type, as_asked(stored), stored.fetched())


def complete(home: Home, stored: Stored, account: Callable[[], Account]) -> Answer:
    """As reread(); what the reply names and was not fetched in its time is fetched now if it can be."""
    if is_turn(stored):
        return reread(stored)
    request, body, media_type = as_asked(stored), stored.reply(), stored.media_type
    if len(stored.fetched()) < len(replies.addresses(body, media_type, request)):
        fetch_named(home, stored.id, body, media_type, request, account())
    return reread(stored)


def as_asked(stored: Stored) -> Request:
    """As much of the request as it takes to read its reply. Raises BadReply for a damaged record."""
    asked = stored.asked
    try:
        return Request(
            kind="generate",
            model=str(asked["model"]),
            prompt="",
            size=None if asked["size"] == "auto" else Size.parse(str(asked["size"])),
            quality=str(asked["quality"]),
            n=int(asked["n"]),
            output_format=str(asked.get("output_format", "png")),
        )
    except (KeyError, ValueError, TypeError) as damage:
        raise BadReply(reason=_("the record of what was asked is damaged")) from damage


def settle(home: Home, ledger: Ledger, entry: Entry) -> bool:
    """Settle an unknown spending whose reply was kept: the bill is in the reply. Tells whether it was.

    Raises SetupError for a broken model data file of the user, StorageError when the ledger does not take it.
    """
    try:
        kept = store.find(home, entry.id)
        if is_turn(kept):
            return settle_turn(home, ledger, entry, kept) is not None
        answer = replies.read(
            kept.reply(),
            kept.media_type,
            records.as_asked(entry, str(kept.asked.get("output_format", "png"))),
            kept.fetched(),
        )
        model = load(home.catalog).find(entry.spending.model)
    except (KeyError, BadReply, StorageError, UnknownModel):
        return False
    if kept.asked.get("batch"):
        model = model.in_batch()
    if not kept.asked.get("priced", True):
        model = replace(model, prices=None)
    owed = records.late_bill(answer, entry, model)
    ledger.settle(entry.id, owed)
    store.describe(home, entry.id, **records.facts(answer, owed))
    return True


def is_turn(stored: Stored) -> bool:
    """Whether it is a conversation's turn, so that its reply is of the Responses API."""
    return isinstance(stored.asked.get("conversation"), dict)


def settle_turn(home: Home, ledger: Ledger, entry: Entry, kept: Stored) -> Bill | None:
    """Settle an open turn by what its kept response says was used; the bill, or None when that is not known.

    A turn without a picture has its price too: that of the words. That another program has settled it
    meanwhile is no error. Raises as settle().
    """
    try:
        answer = responses.decode(kept.reply(), as_asked(kept))
    except BadReply:
        return None
    except ServiceRefusal:
        answer = None
    owed = _turn_bill(kept, entry, load(home.catalog), has_picture=answer is not None)
    if owed is None:
        return None
    try:
        ledger.settle(entry.id, owed)
    except ValueError:
        if ledger.entry(entry.id).state != "settled":
            raise
    facts = records.bill_fact(owed) if answer is None else records.facts(answer, owed)
    store.describe(home, entry.id, **facts)
    return owed


def _turn_bill(kept: Stored, entry: Entry, catalog: Catalog, has_picture: bool) -> Bill | None:
    """None when nothing was counted and no picture shows that the work was done."""
    made, said = responses.counted(kept.reply())
    if not has_picture and said is None:
        return None
    if not kept.asked.get("priced", True):
        return Bill(total=0, lines=(), from_usage=False)
    about = kept.asked["conversation"]
    try:
        return turns.bill(
            made,
            said,
            catalog.find(entry.spending.model),
            catalog.text_model(str(about["text_model"])),
            int(about["expected_made"]),
            int(about["expected_said"]),
        )
    except (UnknownModel, KeyError, ValueError, TypeError):
        return Bill(total=entry.spending.expected, lines=(), from_usage=False)
