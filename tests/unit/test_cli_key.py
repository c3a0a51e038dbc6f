# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble key`: how a key gets in, what is said of it, and that it shows nowhere."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scumble.cli import main
from scumble.settings import Home
from tests.servers import FaultServer, answers, refusal, refused_port, stalls

KEY = "sk-proj-PlantedKey_0123456789"
LISTED = json.dumps(
    {
        "object": "list",
        "data": [
            {"id": "gpt-image-2", "object": "model", "shutdown_date": None},
            {"id": "gpt-image-1.5", "object": "model", "shutdown_date": "2026-12-01"},
        ],
    }
).encode()


def say(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.fixture
def key_everywhere(home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[None]:
    """After the test, the planted key is in the key file at most."""
    yield
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != home.key:
            assert KEY.encode() not in path.read_bytes(), path


def test_a_key_goes_in_by_standard_input(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key_everywhere: None
) -> None:
    """And nothing that is printed has it."""
    say(monkeypatch, KEY + "\n")
    assert main(["key", "set", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "saved": {"kind": "file", "place": str(home.key)}, "warnings": [],
    }  # fmt: skip
    assert home.key.read_text().strip() == KEY and home.key.stat().st_mode & 0o777 == 0o600
    assert main(["key", "where"]) == 0
    assert main(["key", "where", "--json"]) == 0
    printed = capsys.readouterr()
    assert "yes, used" in printed.out and KEY not in printed.out + printed.err
    assert main(["key", "forget", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["forgotten"] == [{"kind": "file", "place": str(home.key)}]
    assert not home.key.exists()


def test_a_person_types_it_unseen(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By getpass, which does not echo."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", Terminal("sk-seen-on-the-screen\n"))
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or KEY)
    assert main(["key", "set"]) == 0
    assert len(asked) == 1 and home.key.read_text().strip() == KEY
    assert KEY not in "".join(capsys.readouterr())


@pytest.mark.parametrize("arguments", [[KEY], ["--key", KEY], [f"--key={KEY}"], ["--file", KEY]])
def test_a_key_as_an_argument_is_refused_and_not_repeated(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """It is in the shell's history already; it is not saved as if that were fine."""
    say(monkeypatch, "")
    assert main(["key", "set", *arguments]) == 2
    printed = capsys.readouterr()
    assert "never an argument" in printed.err and KEY not in printed.out + printed.err
    assert not home.key.exists()


@pytest.mark.parametrize("text", ["", "\n", "two words", "sk-\x00"])
def test_what_is_no_key_is_not_saved(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The sentence says what is wrong."""
    say(monkeypatch, text)
    assert main(["key", "set"]) == 1
    assert "key" in capsys.readouterr().err
    assert not home.key.exists()


def asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: FaultServer
) -> tuple[int, dict[str, Any], str]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    code = main(["key", "test", "--json"])
    printed = capsys.readouterr()
    assert KEY not in printed.out + printed.err
    return code, json.loads(printed.out), printed.err


def test_a_good_key_is_told_by_one_get(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key_everywhere: None
) -> None:
    """With what it may use; what is not listed is not called gone."""
    with FaultServer(answers(200, LISTED)) as server:
        code, document, _said = asked(monkeypatch, capsys, server)
    assert code == 0 and server.connections == 1
    assert server.received[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}".encode() in server.received[0]
    assert "gpt-image-2" in document["listed"]
    assert "gpt-image-2.5-flare" in document["not_listed"]
    assert document["source"] == "environment OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("behaviour", "error", "sentence"),
    [
        (answers(401, refusal("invalid_request_error", "invalid_api_key")), "key-refused", "not accept"),
        (answers(403, refusal("invalid_request_error", None)), "listing-denied", "does not let it list"),
        (
            answers(403, refusal("x", "unsupported_country_region_territory")), "access-denied", "country",
        ),
        (answers(429, refusal("insufficient_quota", "insufficient_quota")), "quota-exhausted", "credit"),
        (answers(429, refusal("requests", "rate_limit_exceeded")), "rate-limited", "Try again"),
        (answers(500, b""), "no-usable-answer", "HTTP 500"),
        (answers(418, b""), "no-usable-answer", "HTTP 418"),
        (answers(404, b"<html>"), "setup", "no Images API"),
        (answers(302, b"", {"Location": "https://example.com/"}), "setup", "redirects"),
        (answers(200, b"<html>a small red door</html>"), "no-usable-answer", "not a list of models"),
        (answers(200, b'{"data": {}}'), "no-usable-answer", "not a list of models"),
        (answers(200, b"[" * 100_000), "no-usable-answer", "not a list of models"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    behaviour: Any,
    error: str,
    sentence: str,
) -> None:
    """Each answer to the question has its own words."""
    with FaultServer(behaviour) as server:
        code, document, said = asked(monkeypatch, capsys, server)
    assert code != 0 and server.connections == 1
    assert document["error"]["code"] == error
    assert document["error"]["billing"] == "nothing"
    assert sentence in said


def test_a_service_that_is_not_there_or_says_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In bounded time."""
    from scumble import client

    monkeypatch.setattr(client, "QUICK_SECONDS", 0.3)
    with FaultServer(stalls()) as server:
        code, document, _said = asked(monkeypatch, capsys, server)
    assert (code, document["error"]["code"]) == (1, "no-usable-answer")
    with refused_port() as port:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
        assert main(["key", "test"]) == 1
    assert "connection failed" in capsys.readouterr().err


def test_without_a_key_the_test_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    """It does not ask the sandbox, whose answer would mean nothing."""
    assert main(["key", "test", "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["code"] == "key-missing"
    assert "scumble key set" in printed.err
