# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimates, plans and wrong usage on the command line: keys and exit codes that others rely on."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from scumble.cli import main
from scumble.cli.output import print_table
from scumble.settings import Home
from tests.unit.cli_cases import run


def test_estimate_has_the_documented_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """The keys of docs/cli.md, and the tokens of the published calculator."""
    document = run(
        capsys,
        "estimate",
        "generate",
        "--model",
        "gpt-image-2.5-flare",
        "--quality",
        "medium",
        "--size",
        "1024x1024",
    )
    assert set(document) == {
        "model", "quality", "size", "exact", "usd", "reserve_usd", "tokens", "reason", "refusal", "lines",
        "warnings",
        "cheaper", "learned_from",
    }  # fmt: skip
    assert document["tokens"]["image_output"] == 439
    assert document["exact"] is True
    assert document["usd"]["low"] == document["usd"]["expected"] == document["usd"]["high"] == "0.013170"


def test_an_estimate_without_a_rule_is_a_range_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """A model without published token counts, and the size auto."""
    for options in (["--model", "gpt-image-2.6-flare"], ["--model", "gpt-image-2", "--size", "auto"]):
        document = run(capsys, "estimate", "generate", "--quality", "low", *options)
        assert document["exact"] is False
        assert float(document["usd"]["low"]) < float(document["usd"]["high"])
        assert document["reason"]


def test_plan_of_the_design(capsys: pytest.CaptureFixture[str]) -> None:
    """A 300x200 selection in a 12-megapixel photo is sent 1:1 as a window of 992x672."""
    document = run(capsys, "plan", "--canvas", "4000x3000", "--selection", "1850,1400,300,200")
    assert document["request_size"] == [992, 672]
    assert document["scale"] == 1.0
    x, y, width, height = document["window"]
    assert (width, height) == (992, 672)
    assert x <= 1850 and y <= 1400 and x + width >= 2150 and y + height >= 1600
    assert document["padding"] == [0, 0, 0, 0]
    assert document["estimate"]["exact"] is True


def test_a_plan_says_what_would_be_cheaper(capsys: pytest.CaptureFixture[str]) -> None:
    """For a large selection also a narrower window; asked for, each has the price that was promised."""
    asked = ["plan", "--canvas", "4000x3000", "--selection", "900,700,1400,1000"]
    document = run(capsys, *asked, "--context", "wide")
    prices = [choice["usd"]["expected"] for choice in document["cheaper"]]
    assert prices == sorted(prices) and prices[-1] < document["estimate"]["usd"]["expected"]
    assert {choice["changes"] for choice in document["cheaper"]} >= {"quality", "window"}
    for choice in document["cheaper"]:
        options = ["--quality", choice["quality"], "--context", choice["context"], "--model", choice["model"]]
        assert run(capsys, *asked, *options)["estimate"]["usd"] == choice["usd"]
        assert set(choice) == {
            "changes", "model", "quality", "context", "size", "exact", "usd", "saves_usd", "gives_up",
        }  # fmt: skip
    assert main([*asked, "--context", "wide"]) == 0
    assert capsys.readouterr().out.count("Cheaper: $") == len(prices)


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["estimate", "generate", "--model", "nobody-9"], "unknown-model", 2),
        (["estimate", "generate", "--model", "gpt-image-1"], "model-ended", 2),
        (["generate", "--prompt", "x", "--size", "512x512", "-o", "x.png"], "bad-size", 2),
        (["estimate", "generate", "--model", "gpt-image-2", "--quality", "max"], "unsupported-option", 2),
        (["generate", "--prompt", "", "-o", "x.png"], "bad-request", 2),
        (["generate", "--prompt", "x", "-o", "nowhere/x.png"], "bad-picture", 2),
        (["edit", "missing.png", "--prompt", "x", "-o", "x.png"], "bad-picture", 2),
    ],
)
def test_bad_input_names_the_remedy_and_costs_nothing(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    home: Home,
    arguments: list[str],
    code: str,
    exit_code: int,
) -> None:
    """A refused request reaches neither the service nor the ledger."""
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--json"]) == exit_code
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert error["code"] == code
    assert error["billing"] == "nothing"
    assert error["message"] in captured.err
    assert "Traceback" not in captured.err
    assert not home.ledger.exists()
    assert list(tmp_path.glob("*.png")) == []


def test_models_lists_the_ended_with_their_successors(capsys: pytest.CaptureFixture[str]) -> None:
    """Live, ending and ended models are told apart; exactly one is the default."""
    models = {model["id"]: model for model in run(capsys, "models")["models"]}
    assert models["gpt-image-1"]["state"] == "ended" and models["gpt-image-1"]["successors"]
    assert models["gpt-image-2.5-flare"]["default"] and models["gpt-image-2.5-flare"]["exact_price"]
    assert sum(model["default"] for model in models.values()) == 1
    assert models["gpt-image-2.6-flare"]["exact_price"] is False


def test_columns_line_up_on_a_terminal_in_korean_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A Korean letter is two columns wide."""
    print_table(("모델", "b"), [("a", "1"), ("abcdef", "2")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["모델    b", "a       1", "abcdef  2"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["estimate", "generate", "--size", "0x0"],
        ["estimate", "generate", "--size", "wide"],
        ["estimate", "generate", "--n", "0"],
        ["estimate", "generate", "--n", "-5"],
        ["estimate", "edit", "--reference", "0x0"],
        ["plan", "--canvas", "100x100", "--selection", "1,2,3"],
        ["spend", "--limit", "0"],
        ["sandbox", "--port", "99999"],
        ["generate", "--prompt", "x"],
    ],
)
def test_wrong_usage_is_an_error_like_the_others(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Exit code 2, a document with JSON, no name of a function, and never a price below nothing."""
    assert main([*arguments, "--json"]) == 2
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert error["code"] == "bad-request"
    assert error["message"] in captured.err
    assert "invalid _" not in captured.err


def test_a_selection_may_begin_outside_the_canvas(capsys: pytest.CaptureFixture[str]) -> None:
    """A minus at the front of the rectangle does not make it an option."""
    document = run(capsys, "plan", "--canvas", "4000x3000", "--selection", "-10,-20,300,200")
    assert document["window"][:2] == [0, 0]


def test_a_prompt_of_a_dash_is_read_by_every_verb_that_takes_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An estimate counts what standard input says, not the dash."""
    monkeypatch.setattr("sys.stdin", io.StringIO("word " * 100))
    piped = run(capsys, "estimate", "generate", "--prompt", "-")
    given = run(capsys, "estimate", "generate", "--prompt", ("word " * 100).strip())
    assert piped["tokens"] == given["tokens"]


def test_a_piped_prompt_that_is_no_text_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Bytes that do not decode are wrong usage, not a crash."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), "utf-8"))
    assert main(["generate", "--prompt", "-", "-o", str(tmp_path / "x.png"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad-request"
