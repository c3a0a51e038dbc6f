# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: keys and exit codes that others rely on, and edits that keep the outside."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from scumble.cli import main
from scumble.cli.output import print_table
from scumble.settings import Home
from tests.servers import EchoServer


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def photo(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Every pixel differs from its neighbours and tells where it is."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    ripple = Image.effect_noise(size, 60)
    picture = Image.merge("RGB", (across, down, ripple))
    if mode == "RGBA":
        picture.putalpha(ImageChops.invert(across))
    return picture.convert(mode) if mode != "RGBA" else picture


def opened(source: Path | bytes) -> Image.Image:
    """A picture that is read to its end, so that its file is closed."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        return picture.copy()


def feathered_ellipse(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(6))


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch):
    with EchoServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0000000000")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


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


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_edit_changes_nothing_outside_the_mask(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, mode: str, suffix: str
) -> None:
    """The sandbox redraws the whole window; only what the mask covers reaches the file."""
    original = photo((1300, 1000), mode)
    mask = feathered_ellipse(original.size, (700, 500, 900, 640))
    original.save(tmp_path / f"in.{suffix}")
    mask.save(tmp_path / "mask.png")
    document = run(
        capsys, "edit", str(tmp_path / f"in.{suffix}"), "--mask", str(tmp_path / "mask.png"),
        "--prompt", "a red brick wall", "-o", str(tmp_path / f"out.{suffix}"),
    )  # fmt: skip
    changed = opened(tmp_path / f"out.{suffix}")
    assert changed.mode == mode
    outside = mask.point([255] + [0] * 255)
    for before, after in zip(original.split(), changed.split(), strict=True):
        difference = ImageChops.difference(before, after)
        assert ImageChops.multiply(difference, outside).getbbox() is None
    bands = zip(original.convert("RGB").split(), changed.convert("RGB").split(), strict=True)
    assert any(ImageChops.difference(before, after).getbbox() for before, after in bands)
    assert document["sandbox"] is True
    assert document["bill"]["usd"] == "0.000000"
    assert float(document["bill"]["would_be_usd"]) > 0


def test_an_echoed_edit_is_not_displaced(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, echo: EchoServer
) -> None:
    """An answer equal to the upload gives the original back, pixel for pixel, billed by its usage."""
    original = photo((1300, 1000))
    mask = feathered_ellipse(original.size, (40, 30, 240, 140))
    original.save(tmp_path / "in.png")
    mask.save(tmp_path / "mask.png")
    document = run(
        capsys, "edit", str(tmp_path / "in.png"), "--mask", str(tmp_path / "mask.png"),
        "--prompt", "the same again", "-o", str(tmp_path / "out.png"),
    )  # fmt: skip
    assert ImageChops.difference(original, opened(tmp_path / "out.png")).getbbox() is None
    assert document["sandbox"] is False
    hole = opened(echo.seen[-1].mask or b"").getchannel("A")
    x, y, width, height = document["window"]
    selected = mask.crop((x, y, x + width, y + height))
    assert hole.point([255] + [0] * 255).tobytes() == selected.point([0] + [255] * 255).tobytes()


def test_a_picture_smaller_than_any_legal_request_is_padded(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, echo: EchoServer
) -> None:
    """The padding repeats the edges and leaves no trace in the answer."""
    original = photo((301, 207))
    original.save(tmp_path / "in.png")
    document = run(
        capsys, "edit", str(tmp_path / "in.png"), "--prompt", "the same", "--detail", "native",
        "-o", str(tmp_path / "out.png"),
    )  # fmt: skip
    assert document["scale"] == 1.0
    left, top, right, bottom = document["padding"]
    assert left + 301 + right == document["request_size"][0]
    assert top + 207 + bottom == document["request_size"][1]
    assert ImageChops.difference(original, opened(tmp_path / "out.png")).getbbox() is None
    sent = opened(echo.seen[-1].images[0])
    assert sent.getpixel((0, top)) == original.getpixel((0, 0))
    assert sent.getpixel((sent.width - 1, sent.height - 1)) == original.getpixel((300, 206))


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


def test_generate_writes_each_picture_and_spend_lists_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Two pictures, two files, one entry that cost nothing in the sandbox."""
    document = run(
        capsys,
        "generate",
        "--prompt",
        "old planks",
        "--size",
        "816x816",
        "--n",
        "2",
        "-o",
        str(tmp_path / "a.png"),
    )
    files = [tmp_path / "a-1.png", tmp_path / "a-2.png"]
    assert document["files"] == [str(file) for file in files]
    assert [opened(file).size for file in files] == [(816, 816), (816, 816)]
    assert files[0].read_bytes() != files[1].read_bytes()
    spent = run(capsys, "spend")
    assert spent["all"]["billed_usd"] == "0.000000"
    assert spent["all"]["sandbox_would_be_usd"] == document["bill"]["would_be_usd"]
    assert spent["entries"][0]["id"] == document["id"]
    assert spent["entries"][0]["state"] == "settled"


def test_models_lists_the_ended_with_their_successors(capsys: pytest.CaptureFixture[str]) -> None:
    """Live, ending and ended models are told apart; exactly one is the default."""
    models = {model["id"]: model for model in run(capsys, "models")["models"]}
    assert models["gpt-image-1"]["state"] == "ended" and models["gpt-image-1"]["successors"]
    assert models["gpt-image-2.5-flare"]["default"] and models["gpt-image-2.5-flare"]["exact_price"]
    assert sum(model["default"] for model in models.values()) == 1
    assert models["gpt-image-2.6-flare"]["exact_price"] is False


def test_the_sandbox_serves_any_client(tmp_path: Path) -> None:
    """`scumble sandbox --port 0` prints its address when it answers."""
    import requests

    process = subprocess.Popen(
        [sys.executable, "-m", "scumble.cli", "sandbox", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        address = json.loads("".join(lines))["base_url"]
        reply = requests.get(f"{address}/models", headers={"Authorization": "Bearer sk-x"}, timeout=10)
        assert reply.status_code == 200
    finally:
        process.kill()
        process.communicate()


def test_importing_scumble_loads_nothing_heavy() -> None:
    """requests, Pillow and numpy wait until they are used."""
    code = (
        "import sys, scumble, scumble.jobs, scumble.cli;"
        "print([m for m in ('requests', 'PIL', 'numpy', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_columns_line_up_on_a_terminal_in_korean_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A Korean letter is two columns wide."""
    print_table(("모델", "b"), [("a", "1"), ("abcdef", "2")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["모델    b", "a       1", "abcdef  2"]
