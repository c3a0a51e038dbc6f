# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox as a service with a key: it counts what reaches it, and can be told to answer otherwise."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from servers import gradient_png, refusal, success

from scumble.catalog import Catalog, load
from scumble.cli import main
from scumble.credentials import Account, Secret
from scumble.ledger import Entry, Ledger
from scumble.records import Asker
from scumble.request import Request
from scumble.sandbox import server, service
from scumble.sandbox.rules import Order as Painted
from scumble.settings import Home
from scumble.shapes import Size

KEY = "sk-planted-0123456789abcdef"
MODEL = "gpt-image-2.5-flare"
SIZE = Size(816, 816)
# 9 text tokens at 2.5, 768 image tokens at 4, 301 output tokens at 15 micro-dollars, each rounded up.
BILL_IN_BATCH = 23 + 3_072 + 4_515
# The same at 5, 8 and 30.
BILL_LIVE = 45 + 6_144 + 9_030
PATIENCE_SECONDS = 30

Reply = tuple[int, dict[str, str], bytes]
Answer = Callable[[str, str, bytes], Reply | None]


@dataclass
class Service:
    """`seen` are method and path of the requests; `answers` are asked in turn before the sandbox is."""

    base_url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return Account(self.base_url, Secret(KEY), "a test")

    def count(self, method: str, path: str) -> int:
        return self.seen.count((method, path))


def json_reply(status: int, document: object) -> Reply:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return status, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body


def refuses(method: str, path: str, status: int = 400, code: str = "invalid_value") -> Answer:
    def answer(asked: str, place: str, body: bytes) -> Reply | None:
        if (asked, place) != (method, path):
            return None
        return json_reply(status, refusal("invalid_request_error", code))

    return answer


@contextlib.contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """On a loopback port; its pictures are gradients, which are quicker than the sandbox's."""
    told = Service()

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes, **named: Any) -> Reply:
        place = path.partition("?")[0]
        told.seen.append((method, place.removeprefix("/v1")))
        told.bodies.append(body)
        for answer in told.answers:
            reply = answer(method, place.removeprefix("/v1"), body)
            if reply is not None:
                return reply
        return service.respond(method, path, headers, body, **named)

    def made(order: Painted, seconds: float) -> dict[str, object]:
        picture = gradient_png(*order.size)
        document: dict[str, object] = json.loads(success([picture] * order.n))
        return document

    monkeypatch.setattr(server, "respond", respond)
    monkeypatch.setattr(service, "_made", made)
    with server.serve(0) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        told.base_url = f"http://127.0.0.1:{listening.server_address[1]}/v1"
        try:
            yield told
        finally:
            listening.shutdown()
            thread.join()


def orders(count: int, **changes: Any) -> list[Request]:
    """As many different requests."""
    asked = {"kind": "generate", "model": MODEL, "size": SIZE, "quality": "low"} | changes
    return [Request(prompt=f"a small red door, number {number}", **asked) for number in range(count)]


ASKER = Asker("cli", document="doors.csv", project="book")


def catalog() -> Catalog:
    return load()


def entries(home: Home) -> list[Entry]:
    """Oldest first."""
    with Ledger(home.ledger) as ledger:
        return ledger.entries()[::-1]


def states(home: Home) -> list[str]:
    return [entry.state for entry in entries(home)]


def write_list(folder: Path, rows: int) -> Path:
    """A list of so many doors, doors.csv."""
    path = folder / "doors.csv"
    lines = [f"door {number},816x816,low,door-{number}" for number in range(rows)]
    path.write_text("\n".join(["prompt,size,quality,name", *lines]), "utf-8")
    return path


def failing(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and the one document of a run that leaves something."""
    code = main([*map(str, arguments), "--json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == 0 or document["error"]["message"]
    return code, document


def row_states(document: dict[str, Any]) -> list[str]:
    return [row["state"] for row in document["rows"]]
