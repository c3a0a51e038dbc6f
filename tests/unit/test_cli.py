# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: keys and exit codes that others rely on, and edits that keep the outside."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from scumble.cli import main
from scumble.cli.compositing import read_selection
from scumble.cli.output import print_table
from scumble.ledger import Ledger
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import EchoServer, FaultServer, answers, gradient_png, success


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


@contextlib.contextmanager
def command(*arguments: str, environment: dict[str, str] | None = None):
    """`scumble` in a process of its own, ended with the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scumble.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "", **(environment or {})},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


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


def test_a_taken_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The sandbox's server says which port it cannot have; it is nothing about the data folder."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert main(["sandbox", "--port", str(port), "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "setup"
    assert str(port) in error["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to one process")
def test_ctrl_c_ends_the_sandbox_well() -> None:
    """It is how the server says it is stopped."""
    with command("sandbox", "--port", "0") as process:
        assert process.stdout is not None and "http://" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to one process")
def test_ctrl_c_while_the_service_works_is_an_open_bill(tmp_path: Path, home: Home) -> None:
    """Exit code 5, a document that says so, and the ledger keeps it as unknown."""
    with EchoServer(gate=threading.Event()) as server:
        account = {"OPENAI_API_KEY": "sk-test-0000000000", "OPENAI_BASE_URL": server.base_url}
        asked = ("generate", "--prompt", "a door", "-o", str(tmp_path / "x.png"), "--json")
        with command(*asked, environment=account) as process:
            assert server.arrived.wait(30)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=20)
    assert process.returncode == 5
    assert json.loads(output)["error"]["billing"] == "maybe"
    assert "Traceback" not in errors
    with Ledger(home.ledger) as ledger:
        assert [entry.state for entry in ledger.entries()] == ["unknown"]


def test_a_reader_that_leaves_early_is_no_failure() -> None:
    """`scumble spend | head -1`: no noise from the interpreter's end."""
    with command("spend") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(20) == 0


def test_a_terminal_without_the_letters_shows_escapes(tmp_path: Path) -> None:
    """A range has a dash that ASCII lacks; and a file's name may be no text at all."""
    asked = ("estimate", "generate", "--size", "auto")
    with command(*asked, environment={"PYTHONIOENCODING": "ascii:strict"}) as process:
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert "\\u2013" in output
    if sys.platform == "linux":
        asked = ("generate", "--prompt", "a door", "-o", str(tmp_path / "\udcff.png"), "--json")
        with command(*asked, environment={"PYTHONIOENCODING": "utf-8:strict"}) as process:
            output, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert json.loads(output)["files"] == [str(tmp_path / "\udcff.png")]


@pytest.mark.parametrize("name", ["x.psd", "x.xbm", "folder.png", "x.ico", "x.pdf"])
def test_an_output_that_cannot_be_written_is_refused_before_paying(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Home, name: str
) -> None:
    """A format that Pillow only reads or that shrinks the picture, and a folder of that name."""
    (tmp_path / "folder.png").mkdir()
    assert main(["generate", "--prompt", "x", "-o", str(tmp_path / name), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["billing"] == "nothing"
    assert not home.ledger.exists()


@pytest.mark.parametrize("name", ["x.bmp", "x.ppm"])
def test_an_edit_is_refused_where_the_format_would_drop_the_alpha_channel(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Home, name: str
) -> None:
    """Nothing outside may change, and alpha is part of the outside; a JPEG is known to have none."""
    photo((300, 200), "RGBA").save(tmp_path / "in.png")
    asked = ("edit", str(tmp_path / "in.png"), "--prompt", "x", "-o")
    assert main([*asked, str(tmp_path / name), "--json"]) == 2
    capsys.readouterr()
    assert not home.ledger.exists()
    assert run(capsys, *asked, str(tmp_path / "x.jfif"))["sandbox"]


def test_a_transparent_picture_is_not_made_for_a_jpeg(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Home
) -> None:
    """What was asked for and paid would be thrown away."""
    asked = ("generate", "--background", "transparent", "--prompt", "x", "-o", str(tmp_path / "x.jpg"))
    assert main([*asked, "--json"]) == 2
    capsys.readouterr()
    assert not home.ledger.exists()


def test_a_webp_loses_nothing_outside(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, echo: EchoServer
) -> None:
    """WebP can be written without loss, so it is."""
    original = photo((1300, 1000))
    original.save(tmp_path / "in.webp", lossless=True)
    feathered_ellipse(original.size, (40, 30, 240, 140)).save(tmp_path / "mask.png")
    run(
        capsys, "edit", str(tmp_path / "in.webp"), "--mask", str(tmp_path / "mask.png"),
        "--prompt", "the same again", "-o", str(tmp_path / "out.webp"),
    )  # fmt: skip
    assert ImageChops.difference(original, opened(tmp_path / "out.webp")).getbbox() is None


def test_sixteen_bits_are_refused_rather_than_halved(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Home
) -> None:
    """Pillow reads a colour PNG of 16 bits as 8, which would change every value outside the mask."""
    rows = b"".join(b"\0" + bytes(range(6)) * 8 for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    data = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    (tmp_path / "in.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    asked = ("edit", str(tmp_path / "in.png"), "--prompt", "x", "-o", str(tmp_path / "out.png"))
    assert main([*asked, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad-picture"
    assert not home.ledger.exists()


def test_a_mask_of_sixteen_bits_keeps_its_greys(tmp_path: Path) -> None:
    """0, the faintest, half and all; Pillow alone would make the upper half of them all white."""
    values = (0, 1, 32_768, 65_535)
    mask = Image.frombytes("I;16", (4, 1), struct.pack("<4H", *values))
    mask.save(tmp_path / "mask.png")
    selection = read_selection(tmp_path / "mask.png", Size(4, 1))
    assert list(selection.tobytes()) == [0, 1, 128, 255]


def test_one_colour_that_means_transparent_becomes_an_alpha_channel(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, echo: EchoServer
) -> None:
    """The answer may hold that colour too, and would get holes."""
    photo((1300, 1000)).save(tmp_path / "in.png", transparency=(10, 20, 30))
    before = opened(tmp_path / "in.png").convert("RGBA")
    run(capsys, "edit", str(tmp_path / "in.png"), "--prompt", "same", "-o", str(tmp_path / "out.png"))
    after = opened(tmp_path / "out.png")
    assert after.mode == "RGBA"
    assert after.getchannel("A").getextrema() == (255, 255)
    assert ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox() is None


def test_a_paid_picture_that_cannot_be_placed_is_said_to_be_paid_and_kept(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    home: Home,
) -> None:
    """Damaged within: the header was right, so it was settled. The picture that was to be changed stays."""
    damaged = bytearray(gradient_png(912, 912))
    damaged[200:260] = bytes(60)
    photo((900, 900)).save(tmp_path / "in.png")
    before = (tmp_path / "in.png").read_bytes()
    with FaultServer(answers(200, success([bytes(damaged)]))) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0000000000")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        asked = ("edit", str(tmp_path / "in.png"), "--prompt", "x", "-o", str(tmp_path / "in.png"))
        assert main([*asked, "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["billing"]) == ("not-saved", "billed")
    assert str(home.results) in error["remedy"]
    assert (tmp_path / "in.png").read_bytes() == before


def test_a_full_disk_costs_neither_the_old_file_nor_the_truth_about_the_bill(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echo: EchoServer
) -> None:
    """The file that was there stays whole, no part of a new one is left, and the bill is not denied."""
    (tmp_path / "x.png").write_bytes(b"what was here before")

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["generate", "--prompt", "x", "-o", str(tmp_path / "x.png"), "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["billing"]) == ("not-saved", "billed")
    assert (tmp_path / "x.png").read_bytes() == b"what was here before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["x.png"]


def test_spend_settles_what_was_kept_before_its_process_died(
    capsys: pytest.CaptureFixture[str], home: Home
) -> None:
    """Killed between keeping and settling: the bill is in the reply, and not unknown for ever."""
    program = (
        "import os\n"
        "from scumble import records, store\n"
        "from scumble.ledger import Ledger, Spending\n"
        "from scumble.settings import find_home\n"
        "from tests.servers import gradient_png, success\n"
        "home = find_home()\n"
        "ledger = Ledger(home.ledger)\n"
        "one = Spending('cli', 'generate', 'gpt-image-2.5-flare', 'medium', '816x816', 1, 9, 99, False)\n"
        "id = ledger.reserve(one)\n"
        "ledger.sent(id)\n"
        "reply = success([gradient_png(816, 816)])\n"
        "store.keep(home, id, reply, 'application/json', {'output_format': 'png'})\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert [entry["state"] for entry in run(capsys, "spend")["entries"]] == ["settled"]
