# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns to take, and responses as the Responses API writes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

from servers import gradient_png

from scumble import catalog, conversations
from scumble.conversations import Event, TurnResult
from scumble.credentials import Account, Secret
from scumble.ledger import Entry, Ledger
from scumble.records import Asker
from scumble.request import Picture, Request
from scumble.settings import Home
from scumble.shapes import Size
from scumble.turns import Turn

KEY = "sk-planted-0123456789abcdef"
PROMPT = "a small red door with an iron handle"
SIZE = Size(1024, 768)
PNG = gradient_png(*SIZE)
CATALOG = catalog.load()
FLARE = CATALOG.find("gpt-image-2.5-flare")
LUNA = CATALOG.text_model("gpt-6-luna")
ASKER = Asker("gimp", document="harbour.xcf", project="book")
REQUEST = Request("generate", FLARE.id, PROMPT, SIZE, "medium")
TURN = Turn(REQUEST, LUNA.id)
EDIT = replace(TURN, request=replace(REQUEST, kind="edit", images=(Picture(SIZE, PNG),)))
IN_BACKGROUND = replace(TURN, in_background=True)
HANDLE = "resp_0123456789abcdef"
IMAGE_USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"text_tokens": 20, "image_tokens": 0},
    "output_tokens": 301,
    "total_tokens": 321,
}
TEXT_USAGE = {
    "input_tokens": 2_600,
    "input_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 600},
    "output_tokens": 200,
    "output_tokens_details": {"reasoning_tokens": 64},
    "total_tokens": 2_800,
}
# 20 text tokens at 5 and 301 output tokens at 30 micro-dollars; a thousand tokens read at 0.1, as many from
# the cache at 0.01, 600 into it at 0.125, and 200 written at 0.5.
BILL_OF_USAGE = 100 + 9_030 + 100 + 10 + 75 + 100


def picture_call(picture: bytes = PNG, **changes: object) -> dict[str, object]:
    """An output item with a picture."""
    item: dict[str, object] = {
        "type": "image_generation_call",
        "id": "ig_1",
        "status": "completed",
        "result": base64.b64encode(picture).decode(),
        "quality": "medium",
    }
    return item | changes


def response(status: str = "completed", **changes: object) -> bytes:
    """A response's body; a change to None leaves the field out."""
    done = status == "completed"
    document: dict[str, object] = {
        "id": HANDLE,
        "object": "response",
        "status": status,
        "created_at": 1_795_363_200.5,
        "output": [picture_call()] if done else [],
        "usage": TEXT_USAGE if done else None,
        "tool_usage": {"image_gen": IMAGE_USAGE} if done else None,
    }
    return json.dumps(
        {name: value for name, value in (document | changes).items() if value is not None}
    ).encode()


def account(base_url: str) -> Account:
    return Account(base_url, Secret(KEY), "a test")


def take(
    home: Home,
    base_url: str,
    turn: Turn = TURN,
    on_event: Callable[[Event], None] = lambda _event: None,
    patience_seconds: float = 30,
) -> TurnResult:
    return conversations.take_turn(
        turn, ASKER, home, account(base_url), CATALOG, on_event, patience_seconds=patience_seconds
    )


def only_entry(home: Home) -> Entry:
    with Ledger(home.ledger) as ledger:
        (entry,) = ledger.entries()
    return entry


def awaited_handles(home: Home) -> list[str]:
    with Ledger(home.ledger) as ledger:
        return [each.handle for each in ledger.awaited()]
