# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble generate` when the service is at its limit: it waits, says so to a person, and can be stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scumble import retrying
from scumble.cli import main
from scumble.ledger import Ledger
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import FaultServer, answers, gradient_png, refusal, success
from tests.unit.jobs_cases import raiser

SIZE = Size(816, 816)
LIMITED = answers(429, refusal("requests", "rate_limit_exceeded"), {"Retry-After": "7"})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """What to ask a service that refuses once for speed."""
    with FaultServer(LIMITED, answers(200, success([gradient_png(*SIZE)]))) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0000000000")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield ["generate", "--prompt", "a door", "--size", str(SIZE), "-o", str(tmp_path / "door.png")]


def test_a_person_is_told_how_long_and_why(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error; the picture comes all the same."""
    assert main(asked) == 0
    output, told = capsys.readouterr()
    assert told == "Waiting 8 s before trying again: The account's rate limit is reached.\n"
    assert "Billed: $" in output and Path(asked[-1]).exists()


def test_a_program_is_told_nothing_extra(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One document, and nothing beside it."""
    assert main([*asked, "--json"]) == 0
    output, told = capsys.readouterr()
    assert told == "" and json.loads(output)["files"] == [asked[-1]]


def test_ctrl_c_while_it_waits_costs_nothing(
    asked: list[str], home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and not 5: nothing is under way, and the reservation is given back."""
    monkeypatch.setattr(retrying, "wait", raiser(KeyboardInterrupt()))
    assert main([*asked, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["billing"] == "nothing"
    with Ledger(home.ledger) as ledger:
        assert [entry.state for entry in ledger.entries()] == ["released"]
