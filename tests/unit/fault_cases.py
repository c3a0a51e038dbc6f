# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of streams and of connections at random, with what is true of the money and of the reply then."""

from __future__ import annotations

import dataclasses
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from servers import (
    Behaviour,
    _read_head,
    _read_request,
    _reset,
    answers,
    closes_after_first_bytes,
    completed_event,
    error_event,
    http_answer,
    sends,
    streams,
)

from scumble.request import Request
from tests.unit.jobs_cases import GENERATE, GOOD, PNG
from tests.unit.stream_cases import FIRST, LAST, STREAMED, WHOLE

Expected = frozenset[str]
FREE: Expected = frozenset({"released"})
MAYBE: Expected = frozenset({"unknown"})
PAID: Expected = frozenset({"settled"})

STREAMS = (STREAMED, dataclasses.replace(GENERATE, partial_images=2))
# Whole without the blank line after it, too.
_LAST_IS_WHOLE, _FIRST_IS_WHOLE = len(WHOLE) - 2, len(FIRST) - 2
_WORDS = ("image_generation_user_error", "moderation_blocked")


@dataclass(frozen=True)
class Fault:
    """What the server does to each connection in turn, and the states that are true of the money then.

    `kept` says that the reply must be in the store, None that it may be. `follows`: another request went well
    just before, on a connection that the server let stay. `reached` is how the service is reached: "http",
    "https", or "" when nobody listens.
    """

    name: str
    behaviours: tuple[Behaviour, ...]
    expected: Expected
    kept: bool = False
    requests: tuple[Request, ...] = ()
    follows: bool = False
    reached: str = "http"
    tls: bool = False


def cut_stream(chance: random.Random) -> Fault:
    """The line breaks anywhere, or the stream ends there as if it were whole."""
    places = [chance.randrange(len(WHOLE) + 1), _LAST_IS_WHOLE - chance.randrange(4)]
    after = min(chance.choice([*places, chance.randrange(len(FIRST) + 9)]), len(WHOLE))
    whole = chance.random() < 0.4
    done = after >= _LAST_IS_WHOLE
    return Fault(
        f"stream {'ends' if whole else 'cut'} after {after}",
        (streams(*_pieces(WHOLE[:after], chance), whole=whole),),
        PAID if done else MAYBE,
        kept=whole or after >= _FIRST_IS_WHOLE,
        requests=STREAMS,
    )


def odd_stream(chance: random.Random) -> Fault:
    """Whole, in a form that the rules of event streams allow, or that other servers have."""
    body = FIRST.replace(b"\n", chance.choice([b"\n", b"\r\n", b"\r"])) + LAST
    extra = b": still at work\n\n" * chance.randrange(3)
    bodies: list[bytes] = [
        extra + body,
        b"\xef\xbb\xbf" + body,
        body + b"data: [DONE]\n\n",
        WHOLE.replace(b"image_edit", b"image_generation"),
        FIRST.replace(b"b64_json", b"b64_jsom") + LAST,
        LAST,
        body + body,
        GOOD,
    ]
    pieces = _pieces(chance.choice(bodies), chance)
    return Fault("odd stream", (streams(*pieces),), PAID, kept=True, requests=STREAMS)


def erring_stream(chance: random.Random) -> Fault:
    """An error event, before and after a part of the picture, and after all of it."""
    word = chance.choice(
        [
            error_event("server_error", "server_error"),
            error_event("insufficient_quota", "insufficient_quota"),
            error_event("invalid_request_error", "model_not_found"),
            error_event(*_WORDS),
            error_event(*_WORDS, moderation_details={"moderation_stage": "input"}),
        ]
    )
    before = chance.choice([b"", b": ping\n\n", FIRST, WHOLE])
    free = before not in (FIRST, WHOLE) and (b"insufficient" in word or b"not_found" in word)
    expected = PAID if before == WHOLE else FREE if free else MAYBE
    if before not in (FIRST, WHOLE) and b'"input"' in word:
        expected = FREE
    return Fault(
        "error in a stream",
        (streams(*_pieces(before + word, chance), whole=chance.random() < 0.5),),
        expected,
        requests=STREAMS,
    )


def broken_chunks(chance: random.Random) -> Fault:
    """What holds the pieces together is not what HTTP says."""
    at = chance.randrange(1, _LAST_IS_WHOLE - 9)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"%x\r\n%b\r\n" % (at, WHOLE[:at])
    wrong = [b"zz\r\n", b"-5\r\n", b"7fffffff\r\n", b"ffffffffffffffffff\r\n", b"\r\n", b"5\r\nabc"]
    raw = head + piece + chance.choice(wrong) + chance.randbytes(chance.randrange(99))
    return Fault("broken chunks", (sends(raw),), MAYBE, requests=STREAMS)


def damaged_stream(chance: random.Random) -> Fault:
    """A stream without its finished picture, or with one that cannot be it."""
    bodies = [
        FIRST * 3,
        b"",
        b"data: {\n\n",
        completed_event(PNG[: len(PNG) // 2]),
        LAST.replace(b'"b64_json": "', b'"b64_json": "*'),
        FIRST + b"event: image_edit.completed\ndata: {}\n\n",
        b"data: " + b"[" * 70_000 + b"\n\n",
    ]
    pieces = _pieces(chance.choice(bodies), chance)
    return Fault("damaged stream", (streams(*pieces),), MAYBE, kept=True, requests=STREAMS)


def never_connected(chance: random.Random) -> Fault:
    """No connection was made, or none that could be trusted; no request, of any kind, left."""
    behaviour = chance.choice([answers(200, GOOD), closes_after_first_bytes()])
    ways: list[Fault] = [
        Fault("nobody listens", (), FREE, reached=""),
        Fault("no TLS", (behaviour,), FREE, reached="https"),
        Fault("a certificate of nobody", (behaviour,), FREE, reached="https", tls=True),
    ]
    return chance.choice(ways)


def kept_connection(chance: random.Random) -> Fault:
    """After a good answer the server lets the connection stay, and then fails on it."""
    good = answers(200, GOOD)
    surplus = chance.choice([http_answer(408, b"idle"), chance.randbytes(30), b"\r\n"])

    def close(_connection: socket.socket, _stopping: threading.Event) -> bytes:
        return b""

    def reset(connection: socket.socket, _stopping: threading.Event) -> bytes:
        # Before it is read to its end, a reset would take the first answer from the client.
        connection.recv(1)
        _reset(connection)
        return b""

    def close_within_head(connection: socket.socket, _stopping: threading.Event) -> bytes:
        connection.recv(20)
        return b""

    def close_after_head(connection: socket.socket, _stopping: threading.Event) -> bytes:
        return _read_head(connection)

    def say_more(connection: socket.socket, _stopping: threading.Event) -> bytes:
        connection.sendall(surplus)
        return b""

    def close_after_request(connection: socket.socket, _stopping: threading.Event) -> bytes:
        return _read_request(connection)

    # It may be gone before, while or after the next request begins to leave.
    ways: list[tuple[str, Behaviour, Expected, bool]] = [
        ("closed", close, PAID | MAYBE, False),
        ("reset within the head", reset, PAID | MAYBE, False),
        ("closed within the head", close_within_head, PAID | MAYBE, False),
        ("closed after the head", close_after_head, PAID | MAYBE, False),
        ("says more", say_more, PAID | MAYBE, False),
        ("closed after the request", close_after_request, MAYBE, False),
        ("answers again", good, PAID, True),
    ]
    name, then, expected, kept = chance.choice(ways)
    return Fault(f"kept connection {name}", (_keeps(then), good), expected, kept=kept, follows=True)


def _keeps(then: Behaviour) -> Behaviour:
    """Answers the first request well and goes on with the connection; what it received is of the second."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        _read_request(connection)
        connection.sendall(http_answer(200, GOOD, {"Connection": "keep-alive"}))
        return then(connection, stopping)

    return behave


def _pieces(body: bytes, chance: random.Random) -> list[bytes]:
    """Cut anywhere, inside of line ends and of characters too."""
    cuts = sorted(chance.randrange(len(body) + 1) for _cut in range(chance.randrange(9)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


KINDS: list[tuple[Callable[[random.Random], Fault], int]] = [
    (cut_stream, 6),
    (odd_stream, 3),
    (erring_stream, 3),
    (broken_chunks, 2),
    (damaged_stream, 3),
    (never_connected, 2),
    (kept_connection, 5),
]
