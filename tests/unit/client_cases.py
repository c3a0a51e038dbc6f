# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to send over real sockets, and how sending them ends."""

from __future__ import annotations

import pytest
from servers import gradient_png, success

from scumble import client, wire
from scumble.credentials import Account, Secret
from scumble.errors import ScumbleError
from scumble.request import Picture, Request
from scumble.shapes import Size

KEY = "sk-planted-0123456789abcdef"
PROMPT = "a small red door"
SIZE = Size(1024, 768)
PNG = gradient_png(*SIZE)
GENERATE = wire.encode(Request("generate", "gpt-image-2.5-flare", PROMPT, SIZE, "medium"))
EDIT = wire.encode(
    Request(
        "edit",
        "gpt-image-2.5-flare",
        PROMPT + " – 작은 빨간 문",
        SIZE,
        "medium",
        images=(Picture(SIZE, PNG), Picture(SIZE, b"\r\n--second\r\n")),
        mask=Picture(SIZE, b"mask\r\n"),
    )
)
LARGE = wire.Call("/images/edits", files=(("image[]", "image-1.png", bytes(8_000_000), "image/png"),))
GOOD = success([PNG])


class Ledgerlike:
    """Counts how often the sender was told that the body begins to leave."""

    def __init__(self) -> None:
        self.sent = 0

    def __call__(self) -> None:
        self.sent += 1


def account(base_url: str) -> Account:
    return Account(base_url, Secret(KEY), "a test")


def failure(
    base_url: str, call: wire.Call = GENERATE, on_sent: Ledgerlike | None = None
) -> tuple[ScumbleError, int]:
    """The error that sending ends in, and how often on_sent was called."""
    sent = on_sent or Ledgerlike()
    with pytest.raises(ScumbleError) as caught:
        client.send(call, account(base_url), on_sent=sent)
    return caught.value, sent.sent
