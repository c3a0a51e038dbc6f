# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending over real sockets: what arrives, what is never resent, and what the surroundings cannot change."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from servers import EchoServer, FaultServer, answers, answers_head_only, parse, redirects, refused_port, sends

from scumble import client, errors, wire
from scumble.credentials import Account
from scumble.request import Picture, Request
from tests.unit.client_cases import (
    EDIT,
    GENERATE,
    GOOD,
    KEY,
    LARGE,
    PNG,
    PROMPT,
    SIZE,
    Ledgerlike,
    account,
    failure,
)


class TestSending:
    def test_a_generation_arrives_as_json_with_the_key(self) -> None:
        """One POST with the options, the bearer key and nothing of the machine."""
        with EchoServer() as server:
            received = client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike())
        (seen,) = server.seen
        assert (seen.method, seen.path) == ("POST", "/v1/images/generations")
        assert seen.json == GENERATE.json
        assert seen.headers["authorization"] == f"Bearer {KEY}"
        assert seen.headers["content-length"] == str(len(seen.body))
        assert "transfer-encoding" not in seen.headers
        assert seen.headers["accept-encoding"] == "gzip"
        assert received.status == 200
        assert received.headers["content-type"] == "application/json"
        assert json.loads(received.body)["quality"] == "medium"

    def test_an_edit_arrives_byte_for_byte(self) -> None:
        """Pictures, mask and text in any script are what was given, also where bytes look like a boundary."""
        with EchoServer() as server:
            client.send(EDIT, account(server.base_url), on_sent=Ledgerlike())
        (seen,) = server.seen
        assert seen.path == "/v1/images/edits"
        assert seen.images == (PNG, b"\r\n--second\r\n")
        assert seen.mask == b"mask\r\n"
        assert seen.fields == dict(EDIT.fields)
        assert seen.file_names == ("image-1.png", "image-2.png", "mask.png")

    def test_on_sent_comes_once_and_before_the_body(self) -> None:
        """When the ledger is told, the server has no byte of the body yet."""
        with FaultServer(answers(200, GOOD)) as server:
            seen_before: list[list[bytes]] = []
            client.send(
                EDIT, account(server.base_url), on_sent=lambda: seen_before.append(server.received[:])
            )
        assert seen_before == [[]]
        assert parse(server.received[0]).images[0] == PNG

    @pytest.mark.parametrize("call", [GENERATE, EDIT], ids=["generate", "edit"])
    def test_what_on_sent_raises_keeps_the_body_here(self, call: wire.Call) -> None:
        """A stop, or a ledger that cannot write, at the last moment: only the head was sent."""

        def stop() -> None:
            raise errors.Stopped()

        with FaultServer(answers(200, GOOD)) as server:
            with pytest.raises(errors.Stopped):
                client.send(call, account(server.base_url), on_sent=stop)
        assert server.connections == 1
        assert server.received == []

    def test_a_broken_pipe_of_on_sent_is_not_taken_for_the_connections(self) -> None:
        """An event printed to a closed pipe: urllib3 would overlook it and wait for an answer."""

        def print_to_nobody() -> None:
            raise BrokenPipeError("no reader")

        with FaultServer(answers(200, GOOD)) as server, pytest.raises(BrokenPipeError, match="no reader"):
            client.send(EDIT, account(server.base_url), on_sent=print_to_nobody)
        assert server.received == []

    def test_a_large_body_is_handed_over_in_pieces(self) -> None:
        """urllib3 gives each piece the connect timeout, which megabytes on a slow line would not meet."""
        with client._body(LARGE) as body:
            pieces = list(body.pieces)
        assert sum(map(len, pieces)) == body.length > 8_000_000 and max(map(len, pieces)) <= 16_384

    def test_a_compressed_answer_is_decompressed(self) -> None:
        """Base64 shrinks by a quarter with gzip."""
        body = gzip.compress(GOOD)
        with FaultServer(answers(200, body, {"Content-Encoding": "gzip"})) as server:
            assert client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike()).body == GOOD

    def test_a_chunked_answer_is_joined(self) -> None:
        """Chunks of any size, some within the base64."""
        pieces = [GOOD[:10], GOOD[10:11], GOOD[11:]]
        chunked = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        with FaultServer(sends(head + chunked + b"0\r\n\r\n")) as server:
            assert client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike()).body == GOOD

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
    def test_a_refusal_is_handed_back_and_never_resent(self, status: int) -> None:
        """One connection, also when the server asks to retry."""
        headers = {"Retry-After": "0", "x-should-retry": "true"}
        with FaultServer(answers(status, b'{"error": {}}', headers), answers(200, GOOD)) as server:
            received = client.send(EDIT, account(server.base_url), on_sent=Ledgerlike())
        assert (received.status, received.body) == (status, b'{"error": {}}')
        assert received.headers["retry-after"] == "0"
        assert server.connections == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, status: int) -> None:
        """307 and 308 would post the prompt and the pictures to another host."""
        with FaultServer(answers(200, GOOD)) as other:
            with FaultServer(redirects(status, f"{other.base_url}/images/edits")) as server:
                received = client.send(EDIT, account(server.base_url), on_sent=Ledgerlike())
            assert received.status == status
            assert (server.connections, other.connections) == (1, 0)


class TestSurroundings:
    def test_netrc_does_not_replace_the_key(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """requests would take the password of ~/.netrc over an explicit header."""
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login someone password other\ndefault login a password b\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        with EchoServer() as server:
            client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike())
        assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"

    def test_https_goes_through_the_proxy_without_showing_it_the_key(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The proxy sees CONNECT and the host, and its refusal means that nothing was sent."""
        with FaultServer(answers_head_only(407)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass@127.0.0.1:{proxy.port}")
            error, sent = failure("https://scumble-test.invalid/v1", EDIT)
        assert type(error) is errors.NotConnected and sent == 0
        assert proxy.received[0].startswith(b"CONNECT scumble-test.invalid:443 ")
        assert KEY.encode() not in proxy.received[0]
        assert "pass" not in str(error)

    def test_a_proxy_that_is_not_there_sent_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The service's own host is what the message names."""
        with refused_port() as port:
            monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{port}")
            error, sent = failure("https://scumble-test.invalid/v1")
        assert type(error) is errors.NotConnected and sent == 0
        assert error.details == {"host": "scumble-test.invalid"}

    def test_no_proxy_is_respected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A host in NO_PROXY is asked directly."""
        with FaultServer(answers_head_only(407)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("NO_PROXY", ".invalid")
            failure("https://scumble-test.invalid/v1")
        assert proxy.connections == 0

    def test_http_to_this_machine_never_goes_through_a_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A proxy would read the key there, and has another 127.0.0.1."""
        with FaultServer(answers_head_only(502)) as proxy, EchoServer() as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            received = client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike())
        assert received.status == 200 and proxy.connections == 0

    @pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://x", "http://"])
    def test_a_proxy_that_cannot_be_used_is_a_matter_of_setup(
        self, proxy: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is sent around the proxy."""
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        error, sent = failure("https://scumble-test.invalid/v1")
        assert isinstance(error, errors.SetupError | errors.NotConnected) and sent == 0

    def test_without_a_key_the_sandbox_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The network is not touched, whatever the environment says, and on_sent is called all the same."""
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
        with EchoServer() as server:
            sent = Ledgerlike()
            received = client.send(GENERATE, Account(server.base_url, None, ""), on_sent=sent)
        assert server.seen == []
        assert received.status == 200 and sent.sent == 1
        assert json.loads(received.body)["data"][0]["b64_json"]

    def test_the_sandbox_takes_an_edit(self) -> None:
        """Forms reach it as they reach the service."""
        edit = wire.encode(
            Request("edit", "gpt-image-2.5-flare", PROMPT, SIZE, "low", images=(Picture(SIZE, PNG),))
        )
        received = client.send(edit, Account("https://api.openai.com/v1", None, ""), on_sent=Ledgerlike())
        assert received.status == 200, received.body[:300]

    def test_a_stop_keeps_the_sandbox_from_working(self) -> None:
        """What on_sent raises ends a sandbox call like any other."""

        def stop() -> None:
            raise errors.Stopped()

        with pytest.raises(errors.Stopped):
            client.send(GENERATE, Account("https://api.openai.com/v1", None, ""), on_sent=stop)
