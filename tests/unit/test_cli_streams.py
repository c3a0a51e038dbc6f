# SPDX-License-Identifier: GPL-3.0-or-later
"""`--partials`: told as they come, priced before, one document after, and the stream among the results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from servers import FaultServer, gradient_png, partial_event, streams

from scumble.cli import main
from tests.unit.cli_cases import run

GENERATE = ("generate", "--prompt", "old planks", "--size", "816x816", "--quality", "low")


def test_partial_pictures_are_told_as_they_come(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """On standard error; standard output has the one document."""
    assert main([*GENERATE, "--partials", "2", "-o", str(tmp_path / "a.png"), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "Partial picture 1 of 2 came.",
        "Partial picture 2 of 2 came.",
    ]
    document = json.loads(printed.out)
    plain = run(capsys, *GENERATE, "-o", tmp_path / "b.png")
    assert document["estimate"]["tokens"]["image_output"] == (
        plain["estimate"]["tokens"]["image_output"] + 200
    )
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(file.name for file in tmp_path.glob("*.png")) == ["a.png", "b.png"]


def test_a_streamed_result_is_shown_exported_and_restored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Like any other; its reply is the stream."""
    made = tmp_path / "a.png"
    id = run(capsys, *GENERATE, "--partials", "1", "-o", made)["id"]
    shown = run(capsys, "results", "show", id)
    assert shown["asked"]["partial_images"] == 1 and shown["content_credentials"]["present"] == "no"
    run(capsys, "results", "export", id, "-o", tmp_path / "b.png")
    run(capsys, "results", "restore", id, "-o", tmp_path / "c.png")
    assert made.read_bytes() == (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()
    run(capsys, "results", "export", id, "--reply", "-o", tmp_path / "reply")
    assert (tmp_path / "reply").read_bytes().startswith(b"event: image_generation.partial_image\n")


def test_a_streamed_edit_changes_nothing_outside_the_mask_and_is_restored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The finished picture is placed, no partial one."""
    before = Image.linear_gradient("L").resize((1300, 1000)).convert("RGB")
    mask = Image.new("L", before.size, 0)
    mask.paste(255, (700, 500, 900, 640))
    before.save(tmp_path / "in.png")
    mask.save(tmp_path / "mask.png")
    files = (tmp_path / "in.png", "--mask", tmp_path / "mask.png")
    words = ("--prompt", "a red brick wall", "--partials", "3", "-o", tmp_path / "out.png")
    id = run(capsys, "edit", *files, *words)["id"]
    with Image.open(tmp_path / "out.png") as after:
        changed = ImageChops.difference(before, after).getbbox()
    assert changed is not None and changed[0] >= 700 and changed[1] >= 500
    run(capsys, "results", "restore", id, *files, "-o", tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out.png").read_bytes()


def test_the_price_of_partial_pictures_is_told_before(capsys: pytest.CaptureFixture[str]) -> None:
    """A part of its own, from none to all of them."""
    document = run(capsys, "estimate", "generate", "--partials", "3")
    (line,) = [each for each in document["lines"] if each["part"] == "partial_images"]
    assert line["tokens"] == {"low": 0, "expected": 300, "high": 300}


@pytest.mark.parametrize("words", [("--partials", "4"), ("--partials", "0"), ("--partials", "1", "--n", "2")])
def test_what_cannot_be_streamed_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Nothing is sent and no file is made."""
    assert main([*GENERATE, *words, "-o", str(tmp_path / "a.png"), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["billing"] == "nothing" and not (tmp_path / "a.png").exists()


def test_a_stream_that_breaks_off_may_be_billed_and_says_where_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 5; what came is among the results, as it came."""
    came = partial_event(gradient_png(816, 816))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0000000000")
    with FaultServer(streams(came, whole=False)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert main([*GENERATE, "--partials", "2", "-o", str(tmp_path / "a.png"), "--json"]) == 5
    printed = capsys.readouterr()
    error = json.loads(printed.out)["error"]
    assert (error["code"], error["billing"]) == ("stream-ended", "maybe")
    assert "Partial picture 1 of 2 came." in printed.err
    (kept,) = run(capsys, "results", "list")["results"]
    assert kept["folder"] in error["message"] and kept["billed_usd"] is None
    run(capsys, "results", "show", kept["id"])
    run(capsys, "results", "export", kept["id"], "--reply", "-o", tmp_path / "reply")
    assert (tmp_path / "reply").read_bytes() == came
    assert main(["results", "export", kept["id"], "-o", str(tmp_path / "b.png")]) == 5
    assert run(capsys, "spend")["unknown"][0]["id"] == kept["id"]
