# SPDX-License-Identifier: GPL-3.0-or-later
"""A key is planted and every verb is run: it is in no output, log, database, document or temporary file."""

from __future__ import annotations

import base64
import logging
import sys
import tempfile
import traceback
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scumble import credentials, jobs
from scumble.catalog import load
from scumble.cli import main
from scumble.credentials import find_account
from scumble.errors import ScumbleError
from scumble.records import Asker
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import (
    EchoServer,
    FaultServer,
    answers,
    closes_after_request,
    gradient_png,
    redirects,
    refusal,
    resets_at_once,
    success,
)

KEY = "sk-proj-PlantedKey_0123456789"
# As it stands, in hexadecimal, and in the base64 of each alignment.
FORMS = (
    KEY,
    KEY.encode().hex(),
    *(base64.b64encode(bytes(before) + KEY.encode())[4:-4].decode() for before in range(3)),
)
REQUEST = Request("generate", "gpt-image-2", "a small red door", Size(1024, 1024), "low")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All temporary files go where the search goes."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def searched(folder: Path, but: Path | None = None) -> list[str]:
    """The files below a folder that hold the key in any form."""
    forms = [form.encode() for form in FORMS]
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and path != but and any(form in path.read_bytes() for form in forms)
    ]


@pytest.mark.parametrize("source", ["environment", "keychain", "file"])
def test_no_verb_shows_or_writes_the_key(
    source: str,
    home: Home,
    tmp_path: Path,
    temporary: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever it comes from; with everything logged that the libraries can log."""
    from tests.unit.test_keychain import _SECRET_TOOL, Fake

    caplog.set_level(logging.DEBUG)
    credentials._remembered.clear()
    allowed = None
    if source == "environment":
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
    else:
        if source == "keychain":
            fake = Fake(tmp_path, "secret-tool", _SECRET_TOOL)
            monkeypatch.setenv("PATH", fake.environment["PATH"])
            monkeypatch.delenv("SCUMBLE_KEYCHAIN")
            allowed = fake.kept
        else:
            allowed = home.key
        monkeypatch.setattr(sys, "stdin", StringIO(KEY))
        assert main(["key", "set"]) == 0
        assert allowed.read_text().strip() == KEY
    Image.linear_gradient("L").convert("RGB").resize((900, 900)).save(tmp_path / "in.png")
    with EchoServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        for arguments in (
            ["key", "where"],
            ["estimate", "generate", "--prompt", "x"],
            ["generate", "--prompt", "x", "-o", str(tmp_path / "made.png")],
            ["edit", str(tmp_path / "in.png"), "--prompt", "x", "-o", str(tmp_path / "edited.png")],
            ["spend"],
            ["models"],
            ["results", "list"],
        ):
            assert main(arguments) == 0
            assert main([*arguments, "--json"]) == 0
        assert len(server.seen) == 4
        assert all(seen.headers["authorization"] == f"Bearer {KEY}" for seen in server.seen)
    for behaviour in (
        answers(401, refusal("x", "invalid_api_key")),
        answers(500, KEY.encode()),
        answers(200, KEY.encode()),
        redirects(307, "https://example.com/"),
        closes_after_request(),
        resets_at_once(),
    ):
        with FaultServer(behaviour) as failing:
            monkeypatch.setenv("OPENAI_BASE_URL", failing.base_url)
            assert main(["key", "test"]) != 0
            assert main(["models", "--ask", "--json"]) != 0
    printed = capfd.readouterr()
    said = printed.out + printed.err + caplog.text
    assert len(said) > 1_000
    assert [form for form in FORMS if form in said] == []
    assert searched(tmp_path, but=allowed) == []


@pytest.mark.parametrize(
    "behaviour",
    [
        answers(401, refusal("x", "invalid_api_key")),
        answers(500, b""),
        answers(200, b"<html>"),
        answers(200, success([gradient_png(8, 8)])),
        redirects(307, "https://example.com/"),
        closes_after_request(),
        resets_at_once(),
    ],
)
def test_no_error_carries_the_key(
    behaviour: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its words, its repr, its trace, nor what lies in the frames of the trace."""
    with FaultServer(behaviour) as server:
        account = find_account(home, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url})
        with pytest.raises(ScumbleError) as caught:
            jobs.perform(REQUEST, Asker("cli"), home, account, load())
    error = caught.value
    # As error reporters do that show local variables.
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    said = "".join(whole.format()) + repr(error) + repr(account) + repr(error.details)
    assert "perform" in said
    assert [form for form in FORMS if form in said] == []
    assert searched(tmp_path) == []


def test_the_search_would_find_it(tmp_path: Path) -> None:
    """In each of the forms."""
    for number, padding in enumerate(("", "x", "xx")):
        encoded = base64.b64encode((padding + KEY).encode()).decode()
        assert any(form in encoded for form in FORMS), number
    (tmp_path / "leak").write_bytes(b"\0" + KEY.encode() + b"\0")
    assert searched(tmp_path) == [str(tmp_path / "leak")]
