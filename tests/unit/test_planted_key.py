# SPDX-License-Identifier: GPL-3.0-or-later
"""A key is planted and every verb is run: it is in no output, log, database, document or temporary file."""

from __future__ import annotations

import base64
import contextlib
import json
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
    error_event,
    gradient_png,
    redirects,
    refusal,
    resets_at_once,
    streams,
    success,
)
from tests.unit.batch_cases import serving

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


def test_no_list_turn_batch_or_stream_shows_or_writes_the_key(
    home: Home,
    tmp_path: Path,
    temporary: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor do the files that programs share: the pace, what is awaited, batches, journals; and a broken list
    of servers is refused without it."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    table = tmp_path / "list.csv"
    table.write_text("prompt,size,quality\na red door,816x816,low\na blue door,816x816,low\n")
    made = str(tmp_path / "made")
    with serving(monkeypatch) as service:
        monkeypatch.setenv("OPENAI_BASE_URL", service.base_url)
        for arguments in (
            ["generate", "--prompt", "x", "--size", "816x816", "--partials", "2", "-o", made + ".png"],
            ["turn", "--prompt", "x", "--size", "816x816", "-o", made + "-turn.png"],
            ["turn", "--prompt", "y", "--size", "816x816", "--in-background", "--no-wait"],
            ["batch", str(table), "-o", made],
            ["batch", str(table), "-o", made + "-batch", "--through-batch"],
            ["batch", "collect"],
            ["results", "fetch"],
        ):
            # What is still at work ends with an exit code of its own.
            with contextlib.suppress(SystemExit):
                main([*arguments, "--json"])
        assert len(service.seen) > 8
    assert (home.folder / "pace.sqlite3").exists() and len(list(home.results.iterdir())) >= 4
    for settings in ({"header": KEY + "\n"}, {KEY: 1}, {"edits": KEY}, {"omit": [KEY]}, KEY):
        (home.folder / "servers.json").write_text(json.dumps({"127.0.0.1": settings}))
        assert main(["key", "test"]) != 0
    (home.folder / "servers.json").unlink()
    printed = capfd.readouterr()
    said = printed.out + printed.err + caplog.text
    assert len(said) > 1_000
    assert searched(tmp_path) == []
    assert [form for form in FORMS if form in said] == []


@pytest.mark.parametrize(
    "behaviour",
    [
        answers(401, refusal("x", "invalid_api_key")),
        answers(500, b""),
        answers(200, b"<html>"),
        streams(b"data: {", whole=False),
        streams(error_event("server_error", None).replace(b"sk-planted", b"")),
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
