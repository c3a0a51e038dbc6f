# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending over sockets that fail: what proves that nothing left, and what no error shows."""

from __future__ import annotations

import gzip
import logging
import traceback
from pathlib import Path
from types import TracebackType

import pytest
from servers import (
    FaultServer,
    answers,
    closes_after_first_bytes,
    closes_after_request,
    cuts_within_answer,
    http_answer,
    lies_about_length,
    parse,
    refused_port,
    resets_after_request,
    resets_at_once,
    resets_within_request,
    sends,
    stalls,
    trickles,
    write_certificate,
)

from scumble import client, errors, wire
from scumble.credentials import Account, Secret
from scumble.errors import Billing, ScumbleError
from tests.unit.client_cases import (
    EDIT,
    GENERATE,
    GOOD,
    KEY,
    LARGE,
    PNG,
    PROMPT,
    Ledgerlike,
    account,
    failure,
)


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

    def test_a_tls_greeting_without_an_answer_sent_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Too long a wait for it is no wait for a picture: nothing was asked for, so nothing can be billed."""
        monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.1)
        with FaultServer(stalls()) as server:
            error, sent = failure(server.base_url.replace("http:", "https:"), EDIT)
        assert type(error) is errors.NotConnected and sent == 0
        assert error.billing is Billing.NOTHING

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
