# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending over real sockets: what proves that nothing left, what is never resent, and what never shows."""

from __future__ import annotations

import gzip
import json
import logging
import traceback
from pathlib import Path
from types import TracebackType

import pytest
from servers import (
    EchoServer,
    FaultServer,
    answers,
    answers_head_only,
    closes_after_first_bytes,
    closes_after_request,
    cuts_within_answer,
    gradient_png,
    http_answer,
    lies_about_length,
    parse,
    redirects,
    refused_port,
    resets_after_request,
    resets_at_once,
    resets_within_request,
    sends,
    stalls,
    success,
    trickles,
    write_certificate,
)

from scumble import client, errors, wire
from scumble.credentials import Account, Secret
from scumble.errors import Billing, ScumbleError
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
        outgoing = client._Outgoing(Ledgerlike()).carrying(bytes(100_000))
        assert len(outgoing) == 100_000
        pieces = list(outgoing)
        assert b"".join(pieces) == bytes(100_000) and max(map(len, pieces)) <= 65_536
        assert outgoing.read(1) == b""

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


class TestFaults:
    def test_a_refused_connection_sent_nothing(self) -> None:
        """Nobody listens: nothing was sent, and the ledger was not told otherwise."""
        with refused_port() as port:
            error, sent = failure(f"http://127.0.0.1:{port}/v1")
        assert type(error) is errors.NotConnected and sent == 0
        assert error.details == {"host": f"127.0.0.1:{port}"}
        assert error.billing is Billing.NOTHING

    def test_a_name_that_does_not_resolve_sent_nothing(self) -> None:
        """`.invalid` never resolves."""
        error, sent = failure("https://scumble-test.invalid/v1")
        assert type(error) is errors.NotConnected and sent == 0

    def test_a_failing_tls_greeting_sent_nothing(self) -> None:
        """A server that closes at the greeting never saw a head or a body."""
        with FaultServer(closes_after_first_bytes()) as server:
            error, sent = failure(server.base_url.replace("http:", "https:"), EDIT)
        assert type(error) is errors.NotConnected and sent == 0
        assert KEY.encode() not in server.received[0]

    def test_an_untrusted_certificate_sent_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is no way around the check of the certificate."""
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name, raising=False)
        with FaultServer(answers(200, GOOD), tls=True) as server:
            error, sent = failure(server.base_url, EDIT)
        assert type(error) is errors.NotConnected and sent == 0
        assert server.received == []

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_a_certificate_named_by_the_environment_is_trusted(
        self, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Firms with a certificate of their own set these variables."""
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, str(write_certificate(tmp_path)))
        with FaultServer(answers(200, GOOD), tls=True) as server:
            received = client.send(EDIT, account(server.base_url), on_sent=Ledgerlike())
        assert received.body == GOOD
        assert parse(server.received[0]).images[0] == PNG

    def test_a_certificate_file_that_is_missing_is_a_matter_of_setup(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message names the variable."""
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
        error, sent = failure("https://127.0.0.1:9/v1")
        assert type(error) is errors.SetupError and sent == 0
        assert "REQUESTS_CA_BUNDLE" in str(error)

    def test_a_reset_at_once_is_told_by_whether_the_body_began(self) -> None:
        """The reset and the request race; whichever wins, the error agrees with what the ledger was told."""
        with FaultServer(resets_at_once()) as server:
            outcomes = {(type(error), sent) for error, sent in (failure(server.base_url) for _ in range(5))}
        assert outcomes <= {(errors.NotConnected, 0), (errors.ConnectionLost, 1)}

    @pytest.mark.parametrize(
        ("behaviour", "call"),
        [
            pytest.param(resets_within_request(), LARGE, id="reset within the request"),
            pytest.param(resets_after_request(), EDIT, id="reset after the request"),
            pytest.param(closes_after_request(), EDIT, id="closed after the request"),
            pytest.param(sends(b"HTTP/1.1"), EDIT, id="cut within the status"),
            pytest.param(sends(b"SSH-2.0-OpenSSH_9.2\r\n"), EDIT, id="no HTTP"),
            pytest.param(cuts_within_answer(GOOD, 1_000), EDIT, id="cut within the answer"),
            pytest.param(cuts_within_answer(GOOD, 0), EDIT, id="an answer without its body"),
            pytest.param(lies_about_length(GOOD, len(GOOD) + 1), EDIT, id="a length too large by one"),
            pytest.param(
                sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n10\r\nab"),
                EDIT,
                id="cut within a chunk",
            ),
            pytest.param(
                sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"),
                EDIT,
                id="a bad chunk",
            ),
        ],
    )
    def test_a_connection_that_breaks_after_sending_leaves_the_outcome_unknown(
        self, behaviour: object, call: wire.Call
    ) -> None:
        """The picture may have been made; it is not asked for again."""
        with FaultServer(behaviour) as server:  # type: ignore[arg-type]
            error, sent = failure(server.base_url, call)
        assert type(error) is errors.ConnectionLost and sent == 1
        assert error.billing is Billing.MAYBE
        assert server.connections == 1

    def test_a_length_too_small_hands_back_what_it_says(self) -> None:
        """HTTP ends where the length says; that the JSON is cut off is found when it is read."""
        with FaultServer(lies_about_length(GOOD, 100)) as server:
            received = client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike())
        assert received.body == GOOD[:100]

    def test_silence_is_a_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No answer within the time is of unknown outcome, and asked once."""
        monkeypatch.setattr(client, "ANSWER_SECONDS", 0.1)
        with FaultServer(stalls()) as server:
            error, sent = failure(server.base_url, EDIT)
        assert type(error) is errors.TimedOut and sent == 1
        assert server.connections == 1

    def test_a_trickle_is_a_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A byte now and then does not keep the client for ever."""
        monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
        with FaultServer(trickles(0.01)) as server:
            error, sent = failure(server.base_url)
        assert type(error) is errors.TimedOut and sent == 1

    def test_silence_within_the_body_is_a_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The time also counts between two parts of the answer."""
        monkeypatch.setattr(client, "ANSWER_SECONDS", 0.1)
        with FaultServer(trickles(30)) as server:
            error, _sent = failure(server.base_url)
        assert type(error) is errors.TimedOut

    @pytest.mark.parametrize(
        "behaviour",
        [
            pytest.param(answers(200, bytes(300_000)), id="declared"),
            pytest.param(
                sends(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(300_000)), id="undeclared"
            ),
            pytest.param(
                answers(200, gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"}), id="compressed"
            ),
        ],
    )
    def test_an_answer_beyond_the_limit_is_not_taken_in(
        self, behaviour: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its length is bounded when it is declared, when it is not, and after decompression."""
        monkeypatch.setattr(client, "REPLY_BYTES_MAX", 200_000)
        with FaultServer(behaviour) as server:  # type: ignore[arg-type]
            error, sent = failure(server.base_url)
        assert type(error) is errors.BadReply and sent == 1

    def test_an_answer_of_just_the_limit_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The limit itself is allowed."""
        monkeypatch.setattr(client, "REPLY_BYTES_MAX", len(GOOD))
        with FaultServer(answers(200, GOOD)) as server:
            assert client.send(GENERATE, account(server.base_url), on_sent=Ledgerlike()).body == GOOD

    def test_damaged_compression_is_a_bad_reply(self) -> None:
        """Something came, and it cannot be read."""
        with FaultServer(answers(200, GOOD, {"Content-Encoding": "gzip"})) as server:
            error, sent = failure(server.base_url)
        assert type(error) is errors.BadReply and sent == 1


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


def shown_by(error: BaseException) -> str:
    """Everything a careless logger could print of an exception: texts, chain, traceback, local values."""
    parts = []
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        parts += [str(each), repr(each), repr(each.args), repr(vars(each))]
        parts += traceback.format_exception(each)
        parts += _locals_of(each.__traceback__)
        left += [each.__cause__, each.__context__]
    return "\n".join(parts)


def _locals_of(trace: TracebackType | None) -> list[str]:
    shown = []
    while trace is not None:
        if "scumble" in trace.tb_frame.f_globals.get("__name__", "") or "site-packages" in str(
            trace.tb_frame.f_code.co_filename
        ):
            shown += [repr(value) for value in trace.tb_frame.f_locals.values()]
        trace = trace.tb_next
    return shown


class TestSecrets:
    @pytest.mark.parametrize(
        "behaviour",
        [
            resets_at_once(),
            resets_after_request(),
            closes_after_request(),
            stalls(),
            cuts_within_answer(GOOD, 1_000),
            answers(200, GOOD, {"Content-Encoding": "gzip"}),
            sends(f"HTTP/1.1 200 OK\r\nX: {KEY}\r\nContent-Length: 999\r\n\r\n{KEY}".encode()),
            sends(http_answer(200, b"x", {"Content-Length": KEY})),
        ],
    )
    def test_no_error_log_or_traceback_shows_the_key_or_the_prompt(
        self, behaviour: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Not even with the logs of urllib3 at their loudest and the local values of every frame."""
        monkeypatch.setattr(client, "ANSWER_SECONDS", 0.1)
        caplog.set_level(logging.DEBUG)
        shown = ""
        with FaultServer(behaviour) as server:  # type: ignore[arg-type]
            try:
                client.send(EDIT, account(server.base_url), on_sent=Ledgerlike())
            except ScumbleError as error:
                shown = shown_by(error)
        shown += caplog.text + "".join(str(vars(record)) for record in caplog.records)
        assert "127.0.0.1" in shown
        assert KEY not in shown
        assert PROMPT not in shown

    def test_a_stop_at_the_last_moment_brings_no_frame_with_the_header(self) -> None:
        """It is raised from within urllib3, whose local values hold the key and the body."""

        def stop() -> None:
            raise errors.Stopped()

        with FaultServer(answers(200, GOOD)) as server, pytest.raises(errors.Stopped) as caught:
            client.send(EDIT, account(server.base_url), on_sent=stop)
        shown = shown_by(caught.value)
        assert "Stopped" in shown
        assert KEY not in shown and PROMPT not in shown

    @pytest.mark.parametrize("bad", [f"{KEY}\n", f" {KEY}", f"{KEY}é", f"{KEY}\u2028", f"{KEY}\r\nX: y"])
    def test_a_key_that_no_header_can_hold_is_not_quoted(self, bad: str) -> None:
        """http.client would put the value into its exception."""
        with FaultServer(answers(200, GOOD)) as server, pytest.raises(errors.SetupError) as caught:
            client.send(GENERATE, Account(server.base_url, Secret(bad), "a file"), on_sent=Ledgerlike())
        assert KEY not in shown_by(caught.value)
        assert server.connections == 0

    def test_an_answer_does_not_show_itself(self) -> None:
        """The repr has the status only: bodies hold pictures."""
        assert repr(client.Received(200, {"set-cookie": "x"}, b"y")) == "Received(status=200)"
