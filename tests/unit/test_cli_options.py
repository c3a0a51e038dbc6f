# SPDX-License-Identifier: GPL-3.0-or-later
"""What generate, edit and estimate take beside prompt, model and size, as it reaches service and file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from scumble import formats
from scumble.cli import main
from scumble.shapes import Size
from tests.servers import EchoServer, FaultServer, answers, gradient_png, success
from tests.unit.cli_cases import run
from tests.unit.sandbox_cases import encoded, mask, picture

FLARE_26 = "gpt-image-2.6-flare"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> EchoServer:
    """A server on this machine that echoes; what it saw is in `seen`."""
    with EchoServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The error of a command that sends nothing."""
    assert main([*map(str, arguments)]) == 2
    return capsys.readouterr().err


class TestGenerate:
    @pytest.mark.parametrize("format", ["png", "jpeg", "webp", "gif", "svg"])
    def test_each_format_is_written_as_it_came(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, format: str
    ) -> None:
        """Byte for byte what was kept, where the ending stands for the format."""
        output = tmp_path / f"out.{'jpg' if format == 'jpeg' else format}"
        document = run(
            capsys, "generate", "--prompt", "oak planks", "-o", output, "--model", FLARE_26,
            "--quality", "low", "--format", format,
        )  # fmt: skip
        assert document["files"] == [str(output)]
        data = output.read_bytes()
        assert formats.look(data).media_type == formats.MEDIA_TYPES[format]
        assert document["size"] == list(formats.look(data).size)
        assert formats.look(data).frames == (9 if format == "gif" else 1)

    def test_all_options_are_sent(
        self, service: EchoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Under the names that the service has for them."""
        run(
            capsys, "generate", "--prompt", "x", "-o", tmp_path / "a.png", "--model", FLARE_26, "--n", 2,
            "--quality", "max", "--background", "opaque", "--moderation", "low", "--complexity", "high",
            "--safety-identifier", "5f2a", "--size", "1536x1024",
        )  # fmt: skip
        (seen,) = service.seen
        assert seen.json == {
            "model": FLARE_26, "prompt": "x", "n": 2, "quality": "max", "background": "opaque",
            "moderation": "low", "complexity": "high", "safety_identifier": "5f2a",
            "size": "1536x1024", "output_format": "png",
        }  # fmt: skip
        assert sorted(path.name for path in tmp_path.glob("*.png")) == ["a-1.png", "a-2.png"]

    def test_a_gif_has_its_frames_and_a_size_that_fits(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """Without a size the largest near 1024x1024."""
        output = tmp_path / "a.gif"
        asked = (
            "--model",
            FLARE_26,
            "--quality",
            "low",
            "--format",
            "gif",
            "--frames",
            "12",
            "--frame-ms",
            "55",
        )
        document = run(capsys, "generate", "--prompt", "moss", "-o", output, *asked)
        with Image.open(output) as image:
            assert (image.n_frames, image.info["duration"]) == (12, 60)
            assert list(image.size) == document["size"]
        assert "animation_output" in [line["part"] for line in document["estimate"]["lines"]]
        estimated = run(capsys, "estimate", "generate", "--prompt", "moss", *asked)
        assert estimated["usd"] == document["estimate"]["usd"] and estimated["refusal"] == ""

    def test_an_svg_file_asks_for_svg(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """By its ending alone."""
        run(capsys, "generate", "--prompt", "moss", "-o", tmp_path / "a.svg", "--model", FLARE_26)
        assert formats.look((tmp_path / "a.svg").read_bytes()).size == Size(1024, 1024)

    def test_an_svg_that_would_fetch_something_comes_with_a_warning(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """It is written as it came all the same: it was paid for, and nothing in it acts."""
        data = (
            b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
            b'<image href="https://example.com/a.png"/></svg>'
        )
        with FaultServer(answers(200, success([data]))) as server:
            monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            document = run(capsys, "generate", "--prompt", "x", "-o", tmp_path / "a.svg", "--model", FLARE_26)
        assert "outside itself" in document["warnings"][-1]
        assert (tmp_path / "a.svg").read_bytes() == data

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["-o", "a.png", "--format", "gif", "--model", FLARE_26], "ends in .gif"),
            (["-o", "a.gif", "--format", "svg", "--model", FLARE_26], "ends in .svg"),
            (["-o", "a.svg"], "png, jpeg, webp"),
            (["-o", "a.png", "--frames", "4"], "gif only"),
            (["-o", "a.png", "--compression", "50"], "jpeg and webp only"),
            (["-o", "a.png", "--compression", "101"], "from 0 to 100"),
            (["-o", "a.png", "--moderation", "none"], "auto, low"),
            (["-o", "a.png", "--complexity", "low"], "What works: none"),
            (["-o", "a.webp", "--background", "transparent", "--format", "jpeg"], "png or webp"),
            (["-o", "a.gif", "--format", "gif", "--model", FLARE_26, "--size", "1024x1024"], "960x960"),
        ],
    )
    def test_what_cannot_be_is_refused_before_anything_is_sent(
        self,
        service: EchoServer,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        arguments: list[str],
        says: str,
    ) -> None:
        """Exit code 2, with what would work; no file, and nothing at the service."""
        monkeypatch.chdir(tmp_path)
        assert says in refused(capsys, "generate", "--prompt", "x", *arguments)
        assert service.seen == [] and list(tmp_path.glob("a*")) == []

    def test_an_estimate_says_what_would_be_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The price is shown all the same."""
        document = run(
            capsys,
            "estimate",
            "generate",
            "--format",
            "jpeg",
            "--background",
            "transparent",
            "--compression",
            "0",
        )
        assert "png or webp" in document["refusal"] and document["usd"]


class TestEdit:
    @pytest.fixture
    def canvas(self, tmp_path: Path) -> Path:
        path = tmp_path / "in.png"
        path.write_bytes(encoded(picture((1024, 1024))))
        return path

    def test_references_go_after_the_window(
        self, service: EchoServer, capsys: pytest.CaptureFixture[str], tmp_path: Path, canvas: Path
    ) -> None:
        """In their order; a small one byte for byte, a large one as small as the model looks at it."""
        small, large = gradient_png(96, 64), gradient_png(3000, 2000)
        (tmp_path / "small.png").write_bytes(small)
        (tmp_path / "large.png").write_bytes(large)
        document = run(
            capsys, "edit", canvas, "--prompt", "x", "-o", tmp_path / "out.png",
            "--reference", tmp_path / "large.png", "--reference", tmp_path / "small.png",
        )  # fmt: skip
        (seen,) = service.seen
        sizes = [Size(*Image.open(io.BytesIO(data)).size) for data in seen.images]
        assert sizes == [Size(1024, 1024), Size(1536, 1024), Size(96, 64)] and seen.images[2] == small
        assert seen.file_names == ("image-1.png", "image-2.png", "image-3.png"), "no name of the user's"
        assert document["warnings"] == ["large.png is sent as 1536x1024: the model looks at no more of it."]
        expected = document["estimate"]["tokens"]["image_input"]
        assert expected == 1024 + 1536 + 24

    def test_markup_goes_in_place_of_the_mask_and_the_mask_still_decides(
        self, service: EchoServer, capsys: pytest.CaptureFixture[str], tmp_path: Path, canvas: Path
    ) -> None:
        """The layer's part on the window; outside the mask nothing changes."""
        strokes = Image.new("RGBA", (1024, 1024), (0, 0, 0, 0))
        strokes.paste((255, 0, 0, 255), (500, 500, 540, 520))
        (tmp_path / "markup.png").write_bytes(encoded(strokes))
        (tmp_path / "mask.png").write_bytes(encoded(mask((1024, 1024), (480, 480, 560, 560))))
        document = run(
            capsys, "edit", canvas, "--mask", tmp_path / "mask.png", "--markup", tmp_path / "markup.png",
            "--prompt", "x", "-o", tmp_path / "out.png", "--detail", "native",
        )  # fmt: skip
        (seen,) = service.seen
        assert seen.mask is None and seen.markup is not None
        x, y, _width, _height = document["window"]
        layer = Image.open(io.BytesIO(seen.markup))
        assert layer.getpixel((510 - x, 510 - y)) == (255, 0, 0, 255)
        assert layer.getpixel((541 - x, 510 - y))[3] == 0
        with Image.open(canvas) as before, Image.open(tmp_path / "out.png") as after:
            assert before.tobytes() == after.tobytes(), "the service echoes the window"

    def test_moderation_makes_it_json_and_the_answer_is_placed_as_ever(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        canvas: Path,
    ) -> None:
        """The form has no such field."""
        with FaultServer(answers(200, success([encoded(picture((1024, 1024)))]))) as server:
            monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            run(capsys, "edit", canvas, "--prompt", "x", "-o", tmp_path / "out.png", "--moderation", "low")
            body = json.loads(server.received[0].partition(b"\r\n\r\n")[2])
        assert body["moderation"] == "low" and body["images"][0]["image_url"].startswith(
            "data:image/png;base64,"
        )

    @pytest.mark.parametrize("format", ["jpeg", "webp"])
    def test_several_answers_in_another_format_are_placed_each(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, canvas: Path, format: str
    ) -> None:
        """In the sandbox, with options of the reply's."""
        (tmp_path / "mask.png").write_bytes(encoded(mask((1024, 1024), (480, 480, 560, 560))))
        document = run(
            capsys, "edit", canvas, "--mask", tmp_path / "mask.png", "--prompt", "moss",
            "-o", tmp_path / "out.png", "--n", "2", "--format", format, "--compression", "60",
        )  # fmt: skip
        assert [Path(file).name for file in document["files"]] == ["out-1.png", "out-2.png"]
        for file in document["files"]:
            with Image.open(canvas) as before, Image.open(file) as after:
                assert before.crop((0, 0, 480, 1024)).tobytes() == after.crop((0, 0, 480, 1024)).tobytes()
                assert before.tobytes() != after.tobytes()

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--reference", "none.png"], "no such file"),
            (["--reference", "text.png"], "not a PNG, JPEG or WebP"),
            (["--markup", "in.png"], "needs an alpha channel"),
            (["--markup", "small.png"], "96x64"),
            (["--markup", "opaque.png"], "transparent pixels"),
            (["--markup", "clear.webp"], "must be a PNG"),
            (["--markup", "clear.png", "--model", "gpt-image-2"], "markup"),
            (["--markup", "clear.png", "--moderation", "low"], "moderation auto"),
            (["--reference", "in.png"] * 16, "17 input pictures"),
            (["--background", "transparent", "--format", "jpeg"], "png or webp"),
        ],
    )
    def test_inputs_that_cannot_be_are_refused_before_anything_is_sent(
        self,
        service: EchoServer,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        canvas: Path,
        arguments: list[str],
        says: str,
    ) -> None:
        """By name, with what is wrong."""
        monkeypatch.chdir(tmp_path)
        clear = Image.new("RGBA", (1024, 1024), (0, 0, 0, 0))
        (tmp_path / "text.png").write_bytes(b"not a picture")
        (tmp_path / "small.png").write_bytes(encoded(mask((96, 64), (1, 1, 9, 9))))
        (tmp_path / "opaque.png").write_bytes(encoded(mask((1024, 1024), (1, 1, 9, 9), alpha=1)))
        (tmp_path / "clear.png").write_bytes(encoded(clear))
        (tmp_path / "clear.webp").write_bytes(encoded(clear, "WEBP"))
        error = refused(capsys, "edit", canvas, "--prompt", "x", "-o", "out.png", *arguments)
        assert says in error and service.seen == [] and not (tmp_path / "out.png").exists()
