# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's server on a free port, and the official SDK pointed at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer

import openai
import pytest

from scumble.sandbox.server import serve

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Serving on a thread; a body may have two million bytes."""
    with serve(0, body_bytes_max=2_000_000, now=lambda: NOW) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def client(server: ThreadingHTTPServer) -> Iterator[openai.OpenAI]:
    """The SDK as it is, but that it does not try again."""
    with openai.OpenAI(
        api_key="sk-made-up", base_url=f"http://127.0.0.1:{server.server_address[1]}/v1", max_retries=0
    ) as sdk:
        yield sdk
