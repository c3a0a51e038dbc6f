# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble edit` and `scumble generate`: the outside stays, no format loses anything, the paid is kept."""

from __future__ import annotations

import errno
import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from scumble.cli import main
from scumble.cli.compositing import read_selection
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import EchoServer, FaultServer, answers, gradient_png, success
from tests.unit.cli_cases import run


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
    """The answer may hold that colour too, and would get holes. The picture itself has no such pixel."""
    original = photo((1300, 1000)).point([*range(256), *range(256), *range(30), 31, *range(31, 256)])
    original.save(tmp_path / "in.png", transparency=(10, 20, 30))
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
