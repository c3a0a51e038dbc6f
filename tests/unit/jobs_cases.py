# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of jobs send, how they send it, and how they look at what is left."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

from servers import gradient_png, success

from scumble import catalog, jobs, store
from scumble.credentials import Account, Secret
from scumble.jobs import Asker, Event, Result
from scumble.ledger import Entry, Ledger
from scumble.request import Picture, Request
from scumble.settings import Home
from scumble.shapes import Size

KEY = "sk-planted-0123456789abcdef"
PROMPT = "a small red door with an iron handle"
SIZE = Size(1024, 768)
PNG = gradient_png(*SIZE)
GOOD = success([PNG])
ASKER = Asker("gimp", document="harbour.xcf", project="book")
GENERATE = Request("generate", "gpt-image-2.5-flare", PROMPT, SIZE, "medium")
EDIT = dataclasses.replace(GENERATE, kind="edit", images=(Picture(SIZE, PNG),))
# 9 text tokens at 5, 768 image tokens at 8 and 301 output tokens at 30 micro-dollars.
BILL_OF_USAGE = 45 + 6_144 + 9_030
PATIENCE_SECONDS = 30


def account(base_url: str) -> Account:
    return Account(base_url, Secret(KEY), "a test")


def perform(
    home: Home,
    base_url: str,
    request: Request = EDIT,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: threading.Event | None = None,
) -> Result:
    return jobs.perform(request, ASKER, home, account(base_url), catalog.load(), on_event, cancel)


def entries(home: Home) -> list[Entry]:
    with Ledger(home.ledger) as ledger:
        return ledger.entries()


def only_entry(home: Home) -> Entry:
    (entry,) = entries(home)
    return entry


def kept_ids(home: Home) -> list[str]:
    return [stored.id for stored in store.all_stored(home)]


def raiser(error: BaseException) -> Callable[..., object]:
    def fail(*_arguments: object, **_named: object) -> object:
        raise error

    return fail
