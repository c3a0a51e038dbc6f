# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections kept for a moment: used again when that is safe, never when a paid request could be lost."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import (
    EchoServer,
    FaultServer,
    answers,
    gradient_png,
    http_answer,
    redirects,
    sends,
    sends_in_two,
    success,
    write_certificate,
)

from scumble import client, errors, transport, wire
from scumble.certificates import VARIABLES
from scumble.multipart import PIECE_BYTES
from tests.unit.client_cases import EDIT, GENERATE, GOOD, LARGE, PNG, Ledgerlike, account, failure

MANY = 1_000


@pytest.fixture(autouse=True, scope="module")
def no_certificates_named() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        yield


def send(base_url: str, call: wire.Call = GENERATE) -> client.Received:
    return client.send(call, account(base_url), on_sent=Ledgerlike())


class TestKept:
    def test_ten_requests_use_one_connection(self) -> None:
        """Each answered in full, whatever it carries."""
        with EchoServer(answers_each=MANY) as server:
            statuses = [send(server.base_url, call).status for call in (GENERATE, EDIT) * 5]
            assert statuses == [200] * 10
            assert server.connections == 1 and len(server.seen) == 10
            assert [seen.images[:1] for seen in server.seen] == [(), (PNG,)] * 5

    def test_tls_greets_once(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The greeting is what a kept connection is worth: two ways to the service and back."""
        greetings: list[object] = []
        greet = ssl.SSLSocket.do_handshake

        def counted(connection: ssl.SSLSocket, *arguments: object) -> None:
            if not connection.server_side:
                greetings.append(connection)
            greet(connection, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(ssl.SSLSocket, "do_handshake", counted)
        monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path)))
        with EchoServer(answers_each=MANY, tls=True) as server:
            for _time in range(10):
                assert send(server.base_url, EDIT).status == 200
        assert len(greetings) == server.connections == 1

    def test_threads_share_and_do_not_mix(self) -> None:
        """Eight at once, five each: no more connections than threads, and each gets its own answer."""
        sizes = [(16 * number, 32) for number in range(1, 9)]
        got: list[tuple[tuple[int, int], bytes]] = []

        def ask(size: tuple[int, int]) -> None:
            call = wire.Call(
                "/images/generations", json={**(GENERATE.json or {}), "size": f"{size[0]}x{size[1]}"}
            )
            got.extend((size, send(server.base_url, call).body) for _time in range(5))

        with EchoServer(answers_each=MANY) as server:
            threads = [threading.Thread(target=ask, args=(size,)) for size in sizes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            assert server.connections <= 8
        assert len(got) == 40
        assert all(body == success([gradient_png(*size)]) for size, body in got)

    def test_they_can_be_closed_at_once(self) -> None:
        """A program that ends, or a test, leaves none."""
        with EchoServer(answers_each=MANY) as server:
            send(server.base_url)
            transport.close_connections()
            send(server.base_url)
            assert server.connections == 2


class TestStale:
    def test_a_connection_that_the_server_closed_meanwhile_is_not_used(self) -> None:
        """The request goes out on a fresh one: exactly one POST arrives, and nothing is unknown."""
        with EchoServer(answers_each=1, says_so=False) as server:
            for number in range(1, 6):
                sent = Ledgerlike()
                assert client.send(EDIT, account(server.base_url), on_sent=sent).status == 200
                assert server.closed.acquire(timeout=30), "the server closes what is idle"
                assert (sent.sent, len(server.seen), server.connections) == (1, number, number)

    @pytest.mark.parametrize("call", [GENERATE, EDIT], ids=["generate", "edit"])
    def test_one_that_the_server_closes_as_the_head_leaves_is_not_used(self, call: wire.Call) -> None:
        """Only the head was out: the body goes out on a fresh one, and the ledger was told once."""
        close, closed = threading.Event(), threading.Event()

        def answers_and_closes_later(connection: socket.socket, stopping: threading.Event) -> bytes:
            received = connection.recv(1 << 20)
            while b"\r\n\r\n" not in received or not received.endswith(b"}"):
                received += connection.recv(1 << 20)
            connection.sendall(http_answer(200, GOOD, {"Connection": "keep-alive"}))
            assert close.wait(30)
            connection.shutdown(socket.SHUT_RDWR)
            closed.set()
            return received

        told: list[int] = []

        def on_sent() -> None:
            told.append(server.connections)
            close.set()
            assert closed.wait(30)

        with FaultServer(answers_and_closes_later, answers(200, GOOD)) as server:
            send(server.base_url)
            assert client.send(call, account(server.base_url), on_sent=on_sent).body == GOOD
            assert server.connections == 2
        assert told == [1], "once, while the first connection was the one"
        assert len(server.received) == 2, "each request's body once"

    def test_a_fresh_one_that_then_fails_sent_nothing(self) -> None:
        """After a stale one, when nobody listens any more: nothing left, whatever the ledger was told."""
        with contextlib.ExitStack() as running:
            server = running.enter_context(EchoServer(answers_each=MANY))
            send(server.base_url)
            told: list[object] = []

            def on_sent() -> None:
                told.append(len(server.seen))
                running.close()

            with pytest.raises(errors.NotConnected):
                client.send(EDIT, account(server.base_url), on_sent=on_sent)
        assert told == [1] and len(server.seen) == 1

    def test_one_that_was_idle_for_longer_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server may close it at the very moment; so it is let go before servers do."""
        now = 1_000_000.0
        monkeypatch.setattr(transport.time, "time", lambda: now)
        with EchoServer(answers_each=MANY) as server:
            connections = []
            for step in (0, transport.IDLE_SECONDS - 0.01, transport.IDLE_SECONDS + 0.01, -0.01):
                now += step
                send(server.base_url)
                connections.append(server.connections)
        assert connections == [1, 1, 2, 3], "kept, used again, let go, and not trusted to a clock set back"
        assert transport.IDLE_SECONDS < 2, "below what the usual servers wait"

    @pytest.mark.parametrize(
        "first",
        [
            pytest.param(redirects(307, "http://127.0.0.1:9/"), id="a redirect"),
            pytest.param(
                sends(http_answer(200, GOOD, {"Connection": "keep-alive"}) + b"more"), id="too much"
            ),
            pytest.param(
                sends(http_answer(200, bytes(99), {"Connection": "keep-alive"}, declared_length=99_999)),
                id="too little",
            ),
        ],
    )
    def test_one_whose_answer_was_not_read_to_its_end_is_not_used(self, first: object) -> None:
        """What is left on it would be taken for the next answer."""
        with FaultServer(first, answers(200, GOOD)) as server:  # type: ignore[arg-type]
            with contextlib.suppress(errors.ConnectionLost):
                send(server.base_url)
            assert send(server.base_url).body == GOOD
            assert server.connections == 2

    def test_the_body_of_a_redirect_is_not_read(self) -> None:
        """It may be endless; nobody needs it."""
        endless = http_answer(307, b"x" * 1_000, {"Location": "/"}, declared_length=10**12)
        with FaultServer(sends(endless)) as server:
            received = send(server.base_url)
        assert (received.status, received.body) == (307, b"")

    def test_a_stop_at_the_last_moment_closes_the_connection(self) -> None:
        """Its head is out: whatever came next on it would be taken for the body."""

        def stop() -> None:
            raise errors.Stopped()

        with EchoServer(answers_each=MANY) as server:
            send(server.base_url)
            with pytest.raises(errors.Stopped):
                client.send(EDIT, account(server.base_url), on_sent=stop)
            assert send(server.base_url, EDIT).status == 200
            assert server.connections == 2 and len(server.seen) == 2

    def test_another_certificate_in_the_environment_counts_at_once(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Who mends SSL_CERT_FILE need not start the host again; and what was trusted is no longer."""
        path = write_certificate(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        with EchoServer(answers_each=MANY, tls=True) as server:
            assert send(server.base_url).status == 200
            monkeypatch.delenv("SSL_CERT_FILE")
            assert type(failure(server.base_url)[0]) is errors.NotConnected
            path.write_text("no certificate")
            monkeypatch.setenv("SSL_CERT_FILE", str(path))
            assert type(failure(server.base_url)[0]) is errors.SetupError
            write_certificate(tmp_path)
            os.utime(path, ns=(1, 1))
            assert send(server.base_url).status == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_its_parents_connection_alone() -> None:
    """Both then ask, in turns: three requests, each whole, the child's on a connection of its own."""
    code = """
import os, sys, warnings
from scumble import client
from tests.unit.client_cases import GENERATE, account
base_url = sys.argv[1]
send = lambda: client.send(GENERATE, account(base_url), on_sent=lambda: None).status
first = send()
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    os._exit(0 if send() == 200 else 1)
_pid, status = os.waitpid(child, 0)
print(first, status, send())
"""
    tests = Path(__file__).parents[1]
    found = os.pathsep.join(map(str, (tests, tests.parent, Path(client.__file__).parents[1])))
    with EchoServer(answers_each=MANY) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.base_url],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": found},
        )
        assert (done.stdout, done.stderr) == ("200 0 200\n", "")
        assert server.connections == 2 and len(server.seen) == 3


class TestPieces:
    def test_each_part_of_an_answer_is_told_as_it_arrives(self) -> None:
        """Decompressed, in order, on this thread; the whole is handed back as well."""
        pieces: list[bytes] = []
        threads = set()

        def note(piece: bytes) -> None:
            pieces.append(piece)
            threads.add(threading.get_ident())

        compressed = http_answer(200, gzip.compress(GOOD), {"Content-Encoding": "gzip"})
        with FaultServer(sends(compressed)) as server:
            received = client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike(), on_piece=note)
        assert b"".join(pieces) == received.body == GOOD
        assert threads == {threading.get_ident()}

    def test_a_part_is_told_before_the_rest_is_there(self) -> None:
        """A preview shows while the service works on."""
        told = threading.Event()
        whole, half = http_answer(200, GOOD), len(GOOD) // 2
        waited: list[bool] = []
        behaviour = sends_in_two(whole[:-half], lambda: waited.append(told.wait(30)), whole[-half:])
        with FaultServer(behaviour) as server:
            received = client.send(
                GENERATE,
                account(server.base_url),
                on_sent=Ledgerlike(),
                on_piece=lambda _piece: told.set(),
            )
        assert received.body == GOOD and waited == [True]

    def test_a_refusal_is_no_piece_of_a_picture(self) -> None:
        """Only what a success brings is told."""
        pieces: list[bytes] = []
        with FaultServer(answers(400, b'{"error": {}}')) as server:
            client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike(), on_piece=pieces.append)
        assert pieces == []

    def test_what_on_piece_raises_is_raised_here(self) -> None:
        """Also what looks like a broken connection."""

        def fail(_piece: bytes) -> None:
            raise BrokenPipeError("no reader")

        with FaultServer(answers(200, GOOD)) as server, pytest.raises(BrokenPipeError, match="no reader"):
            client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike(), on_piece=fail)


class TestLargeBodies:
    def test_a_large_form_arrives_whole(self) -> None:
        """Its length is declared, and no chunked form is used, which some servers refuse."""
        with EchoServer() as server:
            call = wire.Call(LARGE.path, fields=EDIT.fields, files=LARGE.files)
            send(server.base_url, call)
        (seen,) = server.seen
        assert seen.images == (bytes(8_000_000),)
        assert seen.headers["content-length"] == str(len(seen.body))
        assert "transfer-encoding" not in seen.headers

    @given(
        st.recursive(
            st.none() | st.integers() | st.text() | st.sampled_from(["x" * 17_000, "é" * 3_000, '"' * 300]),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_json_leaves_as_it_is_written_elsewhere(self, value: object) -> None:
        """In small pieces, byte for byte what json.dumps makes, with its length known beforehand."""
        document = {"prompt": "a door", "value": value}
        with client._body(wire.Call("/images/generations", json=document)) as body:
            pieces = list(body.pieces)
        assert b"".join(pieces) == json.dumps(document).encode()
        assert body.length == sum(map(len, pieces)) and max(map(len, pieces)) <= PIECE_BYTES

    def test_a_picture_within_json_is_not_copied_whole(self) -> None:
        """Four as data URLs: beside them, one at a time is quoted."""
        document: dict[str, object] = {"images": [{"image_url": "A" * 4_000_000} for _number in range(4)]}
        tracemalloc.start()
        try:
            with client._body(wire.Call("/images/edits", json=document)) as body:
                assert sum(map(len, body.pieces)) == body.length > 16_000_000
            assert tracemalloc.get_traced_memory()[1] < 4_500_000
        finally:
            tracemalloc.stop()

    def test_what_json_cannot_say_is_a_defect_that_sends_nothing(self) -> None:
        """NaN and Infinity are no JSON."""
        with FaultServer(answers(200, GOOD)) as server, pytest.raises(ValueError, match="JSON"):
            send(server.base_url, wire.Call("/images/generations", json={"n": float("nan")}))
        assert server.received == []
