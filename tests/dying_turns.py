# SPDX-License-Identifier: GPL-3.0-or-later
"""A variant of dying.py, with the same arguments: killed while it takes a turn in conversation.

Every other turn is in the background.
"""

from __future__ import annotations

from scumble import catalog, conversations, store
from scumble.credentials import Account, Secret
from scumble.records import Asker
from scumble.request import Request
from scumble.settings import Home
from scumble.turns import Turn
from tests import dying


def take_and_place(home: Home, base_url: str, prompt: str, way: str) -> None:
    """From the button to the layer."""
    request = Request("generate", dying.MODEL, prompt, dying.SIZE, "medium")
    turn = Turn(request, catalog.load().default_text_model, in_background=way == "background")
    account = Account(base_url, Secret("sk-planted-0123456789"), "a test")
    result = conversations.take_turn(turn, Asker("gimp", "harbour.xcf"), home, account, catalog.load())
    store.mark_placed(home, result.id, "harbour.xcf")


if __name__ == "__main__":
    conversations._FIRST_PAUSE = 0.01
    dying.WAYS = {"live": {}, "background": {}}
    dying.ask_and_place = take_and_place
    dying.main()
