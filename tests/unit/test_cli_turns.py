# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble turn` and `scumble results fetch`: conversations from the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from servers import Behaviour, FaultServer, answers

from scumble import catalog, conversations, store
from scumble.cli import main
from scumble.ledger import Ledger
from scumble.sandbox.memory import Memory
from scumble.settings import Home
from tests.unit.cli_cases import run
from tests.unit.conversations_cases import BILL_OF_USAGE, HANDLE, KEY, SIZE, response
from tests.unit.sandbox_cases import encoded, picture

ASKED = ("turn", "--prompt", "a small red door", "--size", str(SIZE))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to be patient here."""
    monkeypatch.setattr(conversations, "_FIRST_PAUSE", 0.001)


@dataclass(frozen=True)
class Pointing:
    """The environment pointing at a server that answers each request by the next of these."""

    monkeypatch: pytest.MonkeyPatch

    def at(self, server: FaultServer) -> FaultServer:
        self.monkeypatch.setenv("OPENAI_API_KEY", KEY)
        self.monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        return server


@pytest.fixture
def pointing(monkeypatch: pytest.MonkeyPatch) -> Pointing:
    return Pointing(monkeypatch)


def bodies(*each: bytes) -> tuple[Behaviour, ...]:
    return tuple(answers(200, body) for body in each)


def opened(file: Path) -> tuple[str | None, tuple[int, int]]:
    with Image.open(file) as image:
        image.load()
        return image.format, image.size


def error_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    error: dict[str, Any] = document["error"]
    return error


def test_a_conversation_goes_on_from_turn_to_turn(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the sandbox, free, with what the API would have billed."""
    first = run(capsys, *ASKED, "-o", tmp_path / "1.png")
    second = run(capsys, *ASKED, "--after", first["id"][:8], "--in-background", "-o", tmp_path / "2.png")
    for document, file in ((first, "1.png"), (second, "2.png")):
        assert document["files"] == [str(tmp_path / file)]
        assert document["sandbox"] and document["bill"]["usd"] == "0.000000"
        estimate = document["estimate"]
        assert not estimate["exact"] and estimate["reason"]
        would_be = document["bill"]["would_be_usd"]
        assert estimate["usd"]["low"] <= would_be <= estimate["usd"]["high"] <= estimate["reserve_usd"]
        assert {"conversation_input", "conversation_output"} <= set(estimate["tokens"])
        assert opened(tmp_path / file) == ("PNG", SIZE)
    assert second["estimate"]["usd"]["expected"] > first["estimate"]["usd"]["expected"]
    assert [len(store.find(home, each["id"]).facts["placed"]) for each in (first, second)] == [1, 1]


def test_a_picture_is_brought_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written in the format of its name."""
    (tmp_path / "in.png").write_bytes(encoded(picture(SIZE)))
    document = run(capsys, *ASKED, "--image", tmp_path / "in.png", "-o", tmp_path / "out.jpg")
    assert document["size"] == list(SIZE)
    assert opened(tmp_path / "out.jpg") == ("JPEG", SIZE)


def test_an_estimate_sends_nothing(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """And says what each part is for."""
    document = run(capsys, *ASKED, "--estimate")
    assert document["usd"]["low"] < document["usd"]["high"]
    assert [line["part"] for line in document["lines"]][-2:] == ["conversation_input", "conversation_output"]
    assert main([*ASKED, "--estimate"]) == 0
    assert "What the text model writes" in capsys.readouterr().out
    assert not home.ledger.exists()


def test_what_is_said_while_it_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The price before, the bill after, and how to go on."""
    assert main([*ASKED, "-o", str(tmp_path / "1.png")]) == 0
    said = capsys.readouterr().out
    assert said.index("Price: about $0.0") < said.index("Billed: free in the sandbox")
    assert "--after" in said


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-o", "out.xyz"),
        ("-o", "no/such/folder/out.png"),
        ("--after", "abcdef", "-o", "out.png"),
        ("--text-model", "gpt-99", "-o", "out.png"),
        ("--max-words", "5", "-o", "out.png"),
        ("--mask", "in.png", "-o", "out.png"),
        ("--image", "broken.png", "-o", "out.png"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(
    options: tuple[str, ...],
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is reserved."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.png").write_bytes(encoded(picture((96, 64))))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert main([*ASKED, *options]) == 2
    assert "Nothing was billed." in capsys.readouterr().err
    assert not home.ledger.exists()


def test_an_answer_is_fetched_later(
    home: Home, pointing: Pointing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Left with the service at once, asked for twice, exported from what was kept."""
    queued, working = response("queued"), response("in_progress")
    with pointing.at(FaultServer(*bodies(queued, working, response()))):
        taken = run(capsys, *ASKED, "--no-wait")
        assert (taken["state"], taken["response"]) == ("awaited", HANDLE)
        with pytest.raises(SystemExit) as ended:
            main(["results", "fetch", "--json"])
        assert ended.value.code == 5
        (waiting,) = json.loads(capsys.readouterr().out)["fetched"]
        assert (waiting["id"], waiting["state"]) == (taken["id"], "awaited")
        (came,) = run(capsys, "results", "fetch", taken["id"][:6])["fetched"]
    assert (came["state"], came["bill"]["usd"]) == ("fetched", f"0.{BILL_OF_USAGE:06}")
    with Ledger(home.ledger) as ledger:
        assert ledger.entry(taken["id"]).billed == BILL_OF_USAGE
    assert main(["results", "fetch"]) == 0
    assert "No answer is awaited." in capsys.readouterr().out


def test_an_answer_is_waited_for(pointing: Pointing, capsys: pytest.CaptureFixture[str]) -> None:
    """With --wait, until it is there."""
    queued, working = response("queued"), response("in_progress")
    with pointing.at(FaultServer(*bodies(queued, working, working, response()))):
        run(capsys, *ASKED, "--no-wait")
        (came,) = run(capsys, "results", "fetch", "--wait")["fetched"]
    assert came["state"] == "fetched"


def test_fetching_says_what_is_gone(pointing: Pointing, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be billed; the others are fetched all the same."""
    gone = answers(404, b"{}")
    with pointing.at(FaultServer(*bodies(response("queued"), response("queued")), gone, *bodies(response()))):
        run(capsys, *ASKED, "--no-wait")
        run(capsys, *ASKED, "--no-wait")
        first, second = run(capsys, "results", "fetch")["fetched"]
    assert (first["state"], first["error"]["code"], first["error"]["billing"]) == (
        "failed",
        "answer-gone",
        "maybe",
    )
    assert second["state"] == "fetched"


def test_a_kept_turn_is_shown_exported_and_restored(
    tmp_path: Path, pointing: Pointing, capsys: pytest.CaptureFixture[str]
) -> None:
    """As other results are."""
    with pointing.at(FaultServer(*bodies(response()))):
        id = run(capsys, *ASKED, "-o", tmp_path / "1.png")["id"]
    shown = run(capsys, "results", "show", id)
    assert (shown["kind"], shown["billed_usd"]) == ("turn", f"0.{BILL_OF_USAGE:06}")
    assert shown["content_credentials"]["present"] == "no"
    run(capsys, "results", "export", id, "-o", tmp_path / "2.png")
    run(capsys, "results", "restore", id, "-o", tmp_path / "3.png")
    assert len({(tmp_path / f"{number}.png").read_bytes() for number in (1, 2, 3)}) == 1


def test_a_turn_without_a_picture_is_a_refusal_that_was_billed(
    tmp_path: Path, pointing: Pointing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4; the words are paid, and it can still be shown."""
    with pointing.at(FaultServer(*bodies(response(output=[], tool_usage=None)))):
        assert main([*ASKED, "-o", str(tmp_path / "1.png"), "--json"]) == 4
    error = error_of(capsys)
    assert (error["code"], error["billing"]) == ("no-picture-made", "billed")
    (kept,) = run(capsys, "results", "list")["results"]
    assert run(capsys, "results", "show", kept["id"])["content_credentials"]["present"] == "unknown"


def test_the_sandbox_forgets_with_its_program(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that it no longer has cost nothing, and is released."""
    run(capsys, *ASKED, "--no-wait")
    monkeypatch.setattr("scumble.sandbox.adapter._memory", Memory())
    (gone,) = run(capsys, "results", "fetch")["fetched"]
    assert (gone["error"]["code"], gone["error"]["billing"]) == ("answer-gone", "nothing")
    with Ledger(home.ledger) as ledger:
        assert ledger.entry(gone["id"]).state == "released"


def test_the_text_models_are_listed_with_their_prices(capsys: pytest.CaptureFixture[str]) -> None:
    """One of them is the default, and each says where its numbers are from."""
    listed = run(capsys, "models")["text_models"]
    assert sum(each["default"] for each in listed) == 1
    assert all(each["source"] and float(each["usd_per_million_tokens"]["input"]) > 0 for each in listed)


def test_every_text_model_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """With its own price."""
    prices = {
        model.id: run(capsys, *ASKED, "--estimate", "--text-model", model.id)["usd"]["expected"]
        for model in catalog.load().text_models
    }
    assert len(set(prices.values())) == len(prices) >= 3
