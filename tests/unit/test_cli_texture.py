# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble texture`, on the sandbox and on pictures that are there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scumble.cli import main
from scumble.ledger import Ledger
from scumble.settings import find_home

from .cli_cases import run
from .textures_cases import cropped, painted


def _saved(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray((pixels * 255 + 0.5).astype(np.uint8)).save(path)
    return path


def test_words_become_a_texture_with_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All maps that were asked for, of the size that was asked for, the height in 16 bits."""
    names = ["colour", "normal", "height", "roughness", "metallic", "cavity"]
    folder = tmp_path / "moss"
    document = run(capsys, "texture", "--prompt", "moss", "--size", "1024x768", "-o", folder,
                   "--maps", ",".join(names))  # fmt: skip
    assert set(document["files"]) == set(names)
    for name, file in document["files"].items():
        with Image.open(file) as image:
            assert Path(file) == folder / f"{name}.png"
            assert image.size == (1024, 768)
            assert image.mode == {"height": "I;16", "colour": "RGB", "normal": "RGB"}.get(name, "L")
    assert document["sandbox"] is True
    assert document["seams"]["passes"] is True
    assert document["bill"]["usd"] == "0.000000"
    assert set(document["derived"]) == set(names) - {"colour"}


def test_a_picture_s_texture_costs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What does not meet itself is mended, the numbers of before and after told, and nothing is recorded."""
    source = _saved(tmp_path / "in.png", cropped("red bricks"))
    document = run(capsys, "texture", "--from", source, "-o", tmp_path / "out", "--maps", "colour")
    seams = document["seams"]
    assert seams["means"] != "none"
    assert not seams["before"]["left_right"]["passes"]
    assert seams["after"]["left_right"]["passes"] and seams["after"]["top_bottom"]["passes"]
    assert document["id"] is None
    with Ledger(find_home().make().ledger) as ledger:
        assert list(ledger.entries()) == []


def test_a_seamless_picture_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its file comes out byte for byte."""
    source = _saved(tmp_path / "in.png", painted("moss"))
    document = run(capsys, "texture", "--from", source, "-o", tmp_path / "out")
    assert document["seams"]["means"] == "none"
    assert Path(document["files"]["colour"]).read_bytes() == source.read_bytes()


def test_off_only_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = _saved(tmp_path / "in.png", cropped("moss"))
    document = run(capsys, "texture", "--from", source, "--seamless", "off", "-o", tmp_path / "out")
    assert document["seams"]["passes"] is False
    assert document["warnings"] != []
    assert Path(document["files"]["colour"]).read_bytes() == source.read_bytes()


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found before anything is paid."""
    (tmp_path / "normal.png").write_bytes(b"mine")
    assert main(["texture", "--prompt", "moss", "-o", str(tmp_path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["billing"] == "nothing"
    assert (tmp_path / "normal.png").read_bytes() == b"mine"
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".png"] == ["normal.png"]


@pytest.mark.parametrize(
    "words",
    [
        ["--prompt", " "],
        ["--prompt", "moss", "--maps", "glitter"],
        ["--prompt", "moss", "--maps", ""],
        ["--prompt", "moss", "--relief", "2"],
        ["--prompt", "moss", "--from", "in.png"],
        ["--from", "missing.png"],
        ["--prompt", "moss", "--size", "100x100"],
        [],
    ],
)
def test_wrong_words_cost_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["texture", *words, "-o", str(tmp_path / "out"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["billing"] == "nothing"
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True
