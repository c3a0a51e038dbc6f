# SPDX-License-Identifier: GPL-3.0-or-later
"""Newer models and prices from a file: checked before anything changes, compared, and never silently zero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scumble.catalog import load
from scumble.catalog_update import Difference, update
from scumble.cli import main
from scumble.errors import BadRequest, SetupError
from scumble.settings import Home
from tests.unit.cli_cases import run

BUILT_IN = json.loads((Path(load.__code__.co_filename).parent / "catalog.json").read_text("utf-8"))
MODEL = "gpt-image-2"
DEARER = {
    "text_input": 6_000_000, "text_input_cached": 1, "image_input": 8_000_000, "image_input_cached": 1,
    "image_output": 33_000_000, "text_output": None,
}  # fmt: skip


def file(tmp_path: Path, as_of: str = "2026-12-01", **more: Any) -> Path:
    document = {"schema": 1, "as_of": as_of, "source": "a test", **more}
    path = tmp_path / "new.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_new_prices_hold_from_then_on(home: Home, tmp_path: Path) -> None:
    """What changes is told, old beside new; the file lies whole in the data folder."""
    source = file(tmp_path, models=[{"id": MODEL, "prices": DEARER, "shutdown": "2027-05-01"}])
    done = update(home, source)
    assert done.differences == (
        Difference("changed", MODEL, "text_input", 5_000_000, 6_000_000),
        Difference("changed", MODEL, "image_output", 30_000_000, 33_000_000),
        Difference("changed", MODEL, "shutdown", "", "2027-05-01"),
    )
    assert done.kept is None
    assert home.catalog.read_bytes() == source.read_bytes()
    prices = load(home.catalog).find(MODEL).prices
    assert prices is not None and prices.image_output == 33_000_000


def test_a_whole_catalogue_may_come_that_way(home: Home, tmp_path: Path) -> None:
    """Also one with a model more; the next file, without it, says that it is gone."""
    added = {**next(model for model in BUILT_IN["models"] if model["id"] == MODEL), "id": "model-of-tomorrow"}
    whole = {**BUILT_IN, "models": [*BUILT_IN["models"], added]}
    done = update(home, file(tmp_path, **{**whole, "as_of": "2026-12-01"}))
    assert done.differences == (Difference("added", "model-of-tomorrow"),)
    done = update(home, file(tmp_path, as_of="2026-12-02"))
    assert done.differences == (Difference("gone", "model-of-tomorrow"),)
    assert done.kept is not None and "model-of-tomorrow" in done.kept.read_text("utf-8")


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", '{"schema": 2}', '{"schema": 1, "as_of": "soon"}',
        '{"schema": 1, "models": [{"id": "gpt-image-2", "prices": {"image_output": 0.5}}]}',
        '{"schema": 1, "models": [{"id": "gpt-image-2", "prices": {"image_output": -1}}]}',
        '{"schema": 1, "models": [{"id": "new"}]}',
        '{"schema": 1, "models": [{"id": "gpt-image-2", "price": 5}]}',
    ],
)  # fmt: skip
def test_a_broken_file_changes_nothing(home: Home, tmp_path: Path, content: str) -> None:
    """Not even when another one was there before."""
    update(home, file(tmp_path, models=[{"id": MODEL, "prices": DEARER}]))
    before = home.catalog.read_bytes()
    broken = tmp_path / "broken.json"
    broken.write_text(content, "utf-8")
    with pytest.raises(SetupError, match=r"broken\.json"):
        update(home, broken)
    assert home.catalog.read_bytes() == before
    assert not (home.folder / "catalog.previous.json").exists()


def test_older_data_are_taken_only_on_purpose(home: Home, tmp_path: Path) -> None:
    """By the date that the file itself bears; one of the same day is not older."""
    with pytest.raises(BadRequest, match="2026-11-01, older than the present ones of 2026-11-22; --force"):
        update(home, file(tmp_path, as_of="2026-11-01"))
    assert not home.catalog.exists()
    update(home, file(tmp_path, as_of="2026-11-22"))
    update(home, file(tmp_path, as_of="2026-11-01"), older=True)
    assert load(home.catalog).as_of.isoformat() == "2026-11-01"


def test_a_broken_file_of_the_users_own_is_mended_by_an_update(home: Home, tmp_path: Path) -> None:
    """Every other command stops at it; the former one is kept."""
    home.catalog.write_text("{", "utf-8")
    done = update(home, file(tmp_path))
    assert done.differences == () and done.kept is not None and done.kept.read_text() == "{"
    assert load(home.catalog).source == "a test"


def test_the_command_says_what_changes(
    capsys: pytest.CaptureFixture[str], home: Home, tmp_path: Path
) -> None:
    """As a table and as a document; afterwards `models` shows the date and the source."""
    source = str(file(tmp_path, models=[{"id": MODEL, "prices": DEARER}]))
    assert main(["models", "update", source]) == 0
    text = capsys.readouterr().out
    assert "$30.00" in text and "$33.00" in text and "Prices as of 2026-12-01, from a test." in text
    document = run(capsys, "models", "update", source)
    assert (document["as_of"], document["source"], document["changes"]) == ("2026-12-01", "a test", [])
    assert main(["models"]) == 0
    assert "Prices as of 2026-12-01, from a test." in capsys.readouterr().out
    document = run(capsys, "models", "update", file(tmp_path, as_of="2026-12-03"))
    assert document["changes"][1] == {
        "kind": "changed", "model": MODEL, "field": "image_output", "before": "33.000000",
        "after": "30.000000",
    }  # fmt: skip
    assert main(["models", "update", str(tmp_path / "gone.json")]) == 2


def test_a_model_without_prices_is_never_free(
    capsys: pytest.CaptureFixture[str], home: Home, tmp_path: Path
) -> None:
    """Its price is unknown, everywhere that one is shown."""
    run(capsys, "models", "update", file(tmp_path, models=[{"id": MODEL, "prices": None}]))
    assert run(capsys, "estimate", "generate", "--model", MODEL)["usd"] is None
    assert main(["models"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{MODEL} "))
    assert "price unknown" in line and "$" not in line
