# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that several modules share: an open ledger, and a service that gives back what it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

import pytest
from servers import EchoServer

from scumble.ledger import Ledger
from scumble.settings import Home
from tests.unit.ledger_cases import Clock


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with Ledger(home.ledger) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clocked(home: Home, clock: Clock) -> Iterator[Ledger]:
    """An open ledger in UTC whose time is that of `clock`."""
    with Ledger(home.ledger, clock, UTC) as opened:
        yield opened


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[EchoServer]:
    """The server, with the environment pointing at it."""
    with EchoServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0000000000")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server
