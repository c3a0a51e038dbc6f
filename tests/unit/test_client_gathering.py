# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the service keeps: fetched in parts however long they are, and deleted; all of it free."""

from __future__ import annotations

import tracemalloc

import pytest

from scumble import client
from scumble.errors import Billing, NoUsableAnswer, StorageError
from tests.servers import (
    FaultServer,
    answers,
    cuts_within_answer,
    redirects,
    refused_port,
    resets_after_request,
)
from tests.unit.client_cases import KEY, account

LONG = bytes(range(256)) * 80_000


def test_a_long_file_comes_in_parts_and_is_never_whole_in_memory() -> None:
    """Twenty megabytes, where what the service says of itself may have eight."""
    whole = FaultServer(answers(200, LONG))
    with whole as server:
        found = 0
        right = True

        def take(piece: bytes) -> None:
            nonlocal found, right
            right = right and piece == LONG[found : found + len(piece)]
            found += len(piece)

        tracemalloc.start()
        reply = client.gather("/files/file-1/content", account(server.base_url), take)
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (reply.status, reply.body, found, right) == (200, b"", len(LONG), True)
    # The server here, in the same memory, puts its answer together once.
    assert most < len(LONG) * 1.3


def test_another_status_is_told_and_its_body_passed_to_nobody() -> None:
    pieces: list[bytes] = []
    with FaultServer(answers(404, b'{"error": {}}')) as server:
        reply = client.gather("/files/file-1/content", account(server.base_url), pieces.append)
    assert (reply.status, reply.body, pieces) == (404, b'{"error": {}}', [])


@pytest.mark.parametrize(
    "behaviour", [cuts_within_answer(LONG, 1_000_000), resets_after_request()], ids=["cut", "reset"]
)
def test_a_file_that_breaks_off_cost_nothing(behaviour: object) -> None:
    """What came before that was passed on; asking again is free."""
    with FaultServer(behaviour) as server, pytest.raises(NoUsableAnswer) as caught:  # type: ignore[arg-type]
        client.gather("/files/file-1/content", account(server.base_url), lambda _piece: None)
    assert caught.value.billing is Billing.NOTHING


def test_nobody_there_cost_nothing_either() -> None:
    with refused_port() as port:
        there = account(f"http://127.0.0.1:{port}/v1")
        with pytest.raises(NoUsableAnswer):
            client.gather("/files/file-1/content", there, lambda _piece: None)
        with pytest.raises(NoUsableAnswer):
            client.delete("/files/file-1", there)


def test_a_redirect_is_not_followed() -> None:
    """It would take the key elsewhere."""
    with FaultServer(redirects(302, "http://127.0.0.1:1/")) as server:
        reply = client.gather("/files/file-1/content", account(server.base_url), lambda _piece: None)
        assert (reply.status, server.connections) == (302, 1)


def test_what_takes_the_parts_may_stop_it() -> None:
    """With its own error, such as a full disk."""

    def full(_piece: bytes) -> None:
        raise StorageError(path="", reason="the disk is full")

    with FaultServer(answers(200, LONG)) as server, pytest.raises(StorageError):
        client.gather("/files/file-1/content", account(server.base_url), full)


def test_a_file_is_deleted_with_the_key() -> None:
    with FaultServer(answers(200, b'{"deleted": true}')) as server:
        assert client.delete("/files/file-1", account(server.base_url)).status == 200
    (request,) = server.received
    head = request.decode("latin-1")
    assert head.startswith("DELETE /v1/files/file-1 HTTP/1.1\r\n") and f"Bearer {KEY}\r\n" in head
