# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox: its pictures, its rules and its counting, as one pure function."""

from __future__ import annotations

import base64
import builtins
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scumble import catalog, cost, png, textures
from scumble.request import Picture, Request
from scumble.sandbox import (
    lanes,
    layout,
    motifs,
    noise,
    painter,
    redrawing,
    scaling,
    subject,
    surfaces,
    words,
)
from scumble.sandbox.adapter import SandboxAdapter
from scumble.sandbox.service import respond
from scumble.shapes import Size

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
FLARE = "gpt-image-2.5-flare"
SMALL = Size(1024, 640)
PROMPTS = {
    "brick": "an old brick wall",
    "wood": "oak planks",
    "tile": "blue tiles",
    "stone": "mossy stone slabs",
    "moss": "wet moss",
    "grass": "a lawn",
    "metal": "brushed metal",
    "fabric": "woven red and gold cloth",
    "marble": "white marble",
    "sky": "clouds",
    "ground": "desert sand",
    "water": "ripples",
    "plaster": "a plaster ceiling",
    "agate": "seven sleepy foxes",
}
HEADERS = {"Authorization": "Bearer sk-anything", "Content-Type": "application/json"}
BOUNDARY = "a1b2"
UNHURRIED = settings(deadline=None)


def picture(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Every pixel tells where it is."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (across, down, Image.effect_noise(size, 60))).convert(mode)


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


def mask(size: tuple[int, int], box: tuple[int, int, int, int], alpha: int = 0) -> Image.Image:
    """Opaque, with a hole."""
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    image.paste((0, 0, 0, alpha), box)
    return image


def generation(**changes: object) -> dict[str, Any]:
    """A small legal generation; a change to None leaves the field out."""
    body = {"model": FLARE, "prompt": "oak planks", "size": str(SMALL), "quality": "low"} | changes
    return {name: value for name, value in body.items() if value is not None}


def generate(**changes: object) -> tuple[int, dict[str, Any]]:
    return post("/v1/images/generations", json.dumps(generation(**changes)).encode())


def form(fields: Mapping[str, object], files: list[tuple[str, bytes]]) -> bytes:
    """A multipart body."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="x.png"\r\n'.encode()
        + b"Content-Type: image/png\r\n\r\n"
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def edit(files: list[tuple[str, bytes]], **changes: object) -> tuple[int, dict[str, Any]]:
    fields = generation(prompt="a stone wall", **changes)
    return post("/v1/images/edits", form(fields, files), f"multipart/form-data; boundary={BOUNDARY}")


def post(path: str, body: bytes, content_type: str = "application/json") -> tuple[int, dict[str, Any]]:
    status, _headers, content = respond(
        "POST", path, HEADERS | {"Content-Type": content_type}, body, now=lambda: NOW
    )
    document: dict[str, Any] = json.loads(content)
    return status, document


def pixels_of(reply: dict[str, Any], number: int = 0) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(reply["data"][number]["b64_json"])))
    image.load()
    return image


def error_of(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, str | None, str | None]:
    """Status, type, code and param, the envelope being exactly the API's."""
    status, document = answer
    assert set(document) == {"error"}
    error = document["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    return status, error["type"], error["code"], error["param"]


def mean_difference(first: bytes, second: bytes) -> float:
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)


class TestPainting:
    @pytest.mark.parametrize(("motif", "prompt"), PROMPTS.items())
    def test_words_choose_the_motif(self, motif: str, prompt: str) -> None:
        """Each motif has a prompt that leads to it, by its word or by the digest."""
        assert words.read(prompt).motif == motif

    @pytest.mark.parametrize("prompt", PROMPTS.values())
    def test_the_seamless_hint_changes_no_motif_and_no_colour(self, prompt: str) -> None:
        """Its words are for the service."""
        plain, hinted = words.read(prompt), words.read(textures.seamless_prompt(prompt))
        assert hinted.colours == plain.colours
        assert hinted.motif == plain.motif or plain.motif == "agate"

    @pytest.mark.parametrize("prompt", PROMPTS.values())
    @pytest.mark.parametrize("size", [Size(208, 160), Size(145, 177)])
    def test_a_picture_continues_over_its_edges(self, prompt: str, size: Size) -> None:
        """Across the seams neighbours differ as they do inside, in both directions, also at odd sizes."""
        pixels = painter.paint(prompt, size)
        stride = 3 * size.width
        rows = [pixels[at : at + stride] for at in range(0, len(pixels), stride)]
        columns = [b"".join(row[3 * x : 3 * x + 3] for row in rows) for x in range(size.width)]
        for lines in (rows, columns):
            inside = [mean_difference(a, b) for a, b in pairwise(lines)]
            seam = mean_difference(lines[-1], lines[0])
            assert seam <= max(inside)
            # The metal has one seam inside and one at the edge: too few for this.
            assert (
                words.read(prompt).motif == "metal" or seam <= 1.6 * sorted(inside)[int(len(inside) * 0.93)]
            )

    def test_the_same_prompt_gives_the_same_picture_everywhere(self) -> None:
        """In another process with another hash seed; any change of the painter changes this test."""
        script = (
            "import hashlib; from scumble.sandbox.painter import paint; from scumble.shapes import Size;"
            "print(hashlib.sha256(paint('oak planks', Size(96, 64))).hexdigest())"
        )
        digests = {
            subprocess.run(
                [sys.executable, "-c", script],
                env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for seed in ("1", "2")
        }
        assert digests == {hashlib.sha256(painter.paint("oak planks", Size(96, 64))).hexdigest()}

    def test_pictures_depend_on_prompt_variant_and_place(self) -> None:
        """No two alike, and no picture is flat or repeats in its quarters."""
        size = Size(128, 96)
        pictures = [painter.paint(prompt, size) for prompt in PROMPTS.values()]
        pictures += [painter.paint("oak planks", size, variant) for variant in (1, 2, 3)]
        assert len(set(pictures)) == len(PROMPTS) + 3
        for pixels in pictures:
            image = Image.frombytes("RGB", size, pixels)
            quarters = {image.crop((x, y, x + 64, y + 48)).tobytes() for x in (0, 64) for y in (0, 48)}
            assert len(quarters) == 4
            assert max(high - low for low, high in image.getextrema()) > 30

    @pytest.mark.parametrize(
        ("prompt", "strongest"),
        [("red tiles", 0), ("green grass", 1), ("blue tiles", 2), ("파란 타일", 2), ("golden cloth", 0)],
    )
    def test_colour_words_colour_the_picture(self, prompt: str, strongest: int) -> None:
        """By the mean of the channels; Korean words too."""
        pixels = painter.paint(prompt, Size(128, 96))
        means = [sum(pixels[channel::3]) for channel in range(3)]
        assert means.index(max(means)) == strongest

    @pytest.mark.parametrize("prompt", PROMPTS.values())
    def test_sums_stay_in_a_byte(self, prompt: str) -> None:
        """Rows are added as large integers: one sum above 255 would spill into its neighbour."""
        size = Size(160, 128)
        chosen = motifs.surface(words.read(prompt), size, 128, noise.Dice(b"x"))
        laid = [chosen.layout.row(y) for y in range(size.height)] if chosen.layout else []
        deepest = max((max(row.codes.translate(row.depths)) for row in laid), default=0)
        assert deepest + max(chosen.broad_depth) + max(chosen.fine_depth) <= 255
        tint = max(
            (max(lane.to_bytes(size.width, "little")) for row in laid for lane in row.tints), default=0
        )
        assert tint <= layout.TINT
        lights = [table for table in (chosen.edge_light, chosen.slope_light) if table]
        assert all(max(table) <= 2 * surfaces.LIGHT for table in lights)
        brightest = max(
            colours[depth] + (tint if chosen.faces[depth] else 0)
            for colours in chosen.colours
            for depth in range(256)
        )
        assert brightest + 4 * surfaces.LIGHT + chosen.grain <= 255

    @pytest.mark.parametrize("size", [Size(1, 1), Size(3, 2), Size(17, 90), Size(640, 16)])
    @pytest.mark.parametrize("prompt", PROMPTS.values())
    def test_any_size_can_be_painted(self, prompt: str, size: Size) -> None:
        """Down to one pixel."""
        assert len(painter.paint(prompt, size)) == 3 * size.area

    def test_a_part_of_the_rows_is_the_same_as_in_the_whole(self) -> None:
        """An edit paints only the rows of its hole."""
        size = Size(96, 80)
        whole = painter.paint("mossy stone", size)
        part = b"".join(painter.painted_rows("mossy stone", size, 0, range(20, 50)))
        assert part == whole[3 * 96 * 20 : 3 * 96 * 50]

    def test_a_subject_stands_on_nothing(self) -> None:
        """Its shape follows the word, its rim is soft, and under what is transparent is black."""
        size = Size(160, 128)
        shapes = set()
        for prompt in ("a star", "a heart", "a leaf", "a gem", "a drop", "a flower", "a ball", "a hat"):
            rgba = subject.cut_out(painter.paint(prompt, size), size, prompt)
            image = Image.frombytes("RGBA", size, rgba)
            alpha = image.getchannel("A")
            shapes.add(alpha.tobytes())
            levels = alpha.histogram()
            assert levels[0] > size.area * 0.3 and levels[255] > size.area * 0.08
            assert sum(levels[1:255]) > 50
            assert alpha.getpixel((80, 64)) == 255 and alpha.getpixel((0, 0)) == 0
            assert image.getpixel((0, 0)) == (0, 0, 0, 0)
        assert len(shapes) == 8


class TestLanes:
    """Arithmetic on rows against the same, sample by sample."""

    rows = st.integers(1, 40).flatmap(
        lambda count: st.tuples(*[st.binary(min_size=count, max_size=count)] * 3)
    )

    @UNHURRIED
    @given(rows, st.integers(0, 256))
    def test_row_arithmetic_is_sample_arithmetic(
        self, samples: tuple[bytes, bytes, bytes], weight: int
    ) -> None:
        """Clamped sums and differences, means and weighted means of two rows."""
        a, b, _coverage = samples
        pairs = list(zip(a, b, strict=True))
        assert lanes.add_clamped(a, b) == bytes(min(255, x + y) for x, y in pairs)
        assert lanes.subtract_clamped(a, b) == bytes(max(0, x - y) for x, y in pairs)
        assert lanes.mean(a, b) == bytes((x + y) // 2 for x, y in pairs)
        assert lanes.difference(a, b) == bytes(128 + x // 2 - y // 2 for x, y in pairs)
        assert lanes.weighted(a, b, weight) == bytes((x * weight + y * (256 - weight)) >> 8 for x, y in pairs)

    @UNHURRIED
    @given(rows)
    def test_blending_is_right_within_its_32_steps(self, samples: tuple[bytes, bytes, bytes]) -> None:
        """And exact where the coverage is full or none."""
        below, above, coverage = samples
        for result, low, high, part in zip(
            lanes.blended(below, above, coverage), below, above, coverage, strict=True
        ):
            assert abs(result - (high * part + low * (255 - part)) / 255) <= 5
            if part in (0, 255):
                assert result == (high if part else low)

    @UNHURRIED
    @given(
        st.lists(st.tuples(*[st.integers(0, (1 << 28) - 1)] * 2), min_size=1, max_size=9), st.integers(0, 20)
    )
    def test_differences_of_lanes_are_clamped(self, pairs: list[tuple[int, int]], shift: int) -> None:
        """However far apart two heights are."""
        first, second = (
            int.from_bytes(b"".join(pair[side].to_bytes(4, "little") for pair in pairs), "little")
            for side in (0, 1)
        )
        wanted = bytes(min(255, max(0, 128 + ((a - b) >> shift))) for a, b in pairs)
        assert lanes.clamped_difference(first, second, len(pairs), shift) == wanted

    @UNHURRIED
    @given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 30), st.integers(1, 30))
    def test_scaling_a_flat_picture_leaves_it_flat(
        self, width: int, height: int, new_width: int, new_height: int
    ) -> None:
        """At every size and ratio, within the rounding of the mixing."""
        size, target = Size(width, height), Size(new_width, new_height)
        scaled = scaling.fitted(bytes((90, 180, 30)) * size.area, size, 3, target)
        assert len(scaled) == 3 * target.area
        for channel, value in enumerate((90, 180, 30)):
            assert set(scaled[channel::3]) <= {value, value - 1}

    def test_scaling_keeps_places(self) -> None:
        """A gradient made four times smaller and then larger again is nearly itself."""
        size = Size(256, 128)
        original = picture(size).convert("L").convert("RGB").tobytes()
        across = Image.linear_gradient("L").rotate(90).resize(size).convert("RGB").tobytes()
        small = scaling.fitted(across, size, 3, Size(64, 32))
        again = scaling.fitted(small, Size(64, 32), 3, size)
        assert mean_difference(across, again) < 2 < mean_difference(across, original)


class TestRedrawing:
    size = Size(240, 176)
    box = (80, 60, 160, 120)

    def coverage(self) -> bytes:
        return mask(self.size, self.box).getchannel("A").point(lambda value: 255 - value).tobytes()

    def redrawn(self, prompt: str = "a stone wall", variant: int = 0) -> tuple[Image.Image, Image.Image]:
        before = picture(self.size)
        pixels = redrawing.redraw(before.tobytes(), self.size, self.coverage(), prompt, variant)
        return before, Image.frombytes("RGB", self.size, pixels)

    def test_outside_everything_drifts_a_little(self) -> None:
        """Each channel by about 2.4 of 255 in the mean, up and down, and never far."""
        before, after = self.redrawn()
        outside = Image.new("1", self.size, 1)
        outside.paste(0, self.box)
        keep = [bool(value) for value in outside.convert("L").tobytes()]
        for channel in "RGB":
            old, new = (image.getchannel(channel).tobytes() for image in (before, after))
            changes = [b - a for a, b, kept in zip(old, new, keep, strict=True) if kept]
            assert 1.6 < sum(map(abs, changes)) / len(changes) < 3.2
            assert min(changes) < -3 and max(changes) > 3
            assert max(map(abs, changes)) <= 14

    def test_inside_the_prompt_is_painted(self) -> None:
        """Where the hole is, and nowhere else; another prompt paints something else."""
        before, after = self.redrawn()
        hole = [image.crop(self.box).tobytes() for image in (before, after, self.redrawn("oak planks")[1])]
        assert mean_difference(hole[0], hole[1]) > 20
        assert mean_difference(hole[1], hole[2]) > 15
        left, top, right, bottom = self.box
        ring = (left - 6, top - 6, right + 6, top)
        assert mean_difference(before.crop(ring).tobytes(), after.crop(ring).tobytes()) < 5
        assert (
            mean_difference(before.crop((0, 0, 240, 40)).tobytes(), after.crop((0, 0, 240, 40)).tobytes()) < 4
        )
        assert bottom < self.size.height

    def test_a_fill_takes_the_light_around_it(self) -> None:
        """The same fill is darker in a dark picture."""
        fills = []
        for light in (30, 220):
            pixels = redrawing.redraw(
                bytes((light,)) * 3 * self.size.area, self.size, self.coverage(), "sand"
            )
            image = Image.frombytes("RGB", self.size, pixels).crop((100, 80, 140, 100)).convert("L")
            fills.append(sum(image.tobytes()) / 800)
        assert fills[1] - fills[0] > 30

    def test_half_coverage_is_half_painted(self) -> None:
        """The mask's alpha is taken as coverage."""
        base = picture(self.size)
        results = []
        for alpha in (255, 128, 0):
            hole = mask(self.size, (0, 0, *self.size), alpha).getchannel("A").point(lambda value: 255 - value)
            pixels = redrawing.redraw(base.tobytes(), self.size, hole.tobytes(), "moss")
            results.append(pixels)
        whole = mean_difference(results[0], results[2])
        assert 0.35 < mean_difference(results[0], results[1]) / whole < 0.65

    def test_without_a_mask_all_is_repainted_and_recognisable(self) -> None:
        """Far from the picture, but light where it is light."""
        before = picture(self.size)
        after = redrawing.redraw(before.tobytes(), self.size, None, "a purple dream")
        assert mean_difference(before.tobytes(), after) > 20
        tones = [
            Image.frombytes("RGB", self.size, pixels)
            .convert("L")
            .resize((12, 9), Image.Resampling.BOX)
            .tobytes()
            for pixels in (before.tobytes(), after)
        ]
        ranked = sorted(range(len(tones[0])), key=lambda index: tones[0][index])
        third = len(ranked) // 3
        dark, bright = ([tones[1][index] for index in part] for part in (ranked[:third], ranked[-third:]))
        assert sum(bright) / third - sum(dark) / third > 25

    @pytest.mark.parametrize("size", [Size(1, 1), Size(2, 5), Size(70, 3)])
    def test_any_size_can_be_redrawn(self, size: Size) -> None:
        """With all of it, some of it or nothing to be painted."""
        pixels = bytes(range(3)) * size.area
        for coverage in (bytes(size.area), b"\xff" * size.area, b"\xff" + bytes(size.area - 1), None):
            assert len(redrawing.redraw(pixels, size, coverage, "grass")) == len(pixels)


class TestReplies:
    def test_a_generation_answers_as_the_api(self) -> None:
        """Every documented key, the settings as used, the picture as asked for."""
        status, reply = generate()
        assert status == 200
        assert set(reply) == {"created", "background", "data", "output_format", "quality", "size", "usage"}
        assert reply["created"] == int(NOW)
        assert (reply["background"], reply["output_format"]) == ("opaque", "png")
        assert (reply["quality"], reply["size"]) == ("low", str(SMALL))
        image = pixels_of(reply)
        assert (image.size, image.mode, image.format) == (SMALL, "RGB", "PNG")

    def test_only_the_time_may_differ(self) -> None:
        """The same request gets the same bytes and the same request id."""
        body = json.dumps(generation()).encode()
        replies = [
            respond("POST", "/v1/images/generations", HEADERS, body, now=lambda at=at: at)  # type: ignore[misc]
            for at in (NOW, NOW + 1)
        ]
        documents = [json.loads(content) for _status, _headers, content in replies]
        assert [document.pop("created") for document in documents] == [int(NOW), int(NOW) + 1]
        assert documents[0] == documents[1]
        assert replies[0][1] == replies[1][1] and replies[0][1]["x-request-id"].startswith("req_")

    def test_several_pictures_differ_and_bill_like_several_calls(self) -> None:
        """Inputs included."""
        _status, one = generate()
        _status, three = generate(n=3)
        assert len({each["b64_json"] for each in three["data"]}) == 3
        assert three["data"][0] == one["data"][0]
        for key in ("input_tokens", "output_tokens", "total_tokens"):
            assert three["usage"][key] == 3 * one["usage"][key]

    def test_auto_is_resolved_and_said(self) -> None:
        """To the expected size and quality of the catalogue, for a model with a range as well."""
        for model in (FLARE, "gpt-image-2.6-sunburst", "gpt-image-2"):
            known = catalog.load().find(model)
            assert known.sizes.auto_sizes and known.output
            _status, reply = generate(model=model, size="auto", quality=None)
            assert reply["size"] == str(known.sizes.auto_sizes[1])
            assert reply["quality"] == known.output.auto_quality
            expected = cost.output_tokens(known, None, "auto").expected
            assert reply["usage"]["output_tokens"] == expected
            assert pixels_of(reply).size == known.sizes.auto_sizes[1]

    def test_usage_is_what_the_estimate_says(self) -> None:
        """For generations and edits with two pictures and a mask, as far as the estimate is exact."""
        model = catalog.load().find(FLARE)
        small, large = Size(96, 64), Size(300, 200)
        uploads = [("image[]", encoded(picture(small))), ("image[]", encoded(picture(large)))]
        _status, edited = edit([*uploads, ("mask", encoded(mask(small, (4, 4, 40, 40))))], n=2)
        _status, made = generate()
        for reply, request in (
            (made, Request("generate", FLARE, "oak planks", SMALL, "low")),
            (
                edited,
                Request(
                    "edit", FLARE, "a stone wall", SMALL, "low", n=2, images=(Picture(small), Picture(large))
                ),
            ),
        ):
            used = reply["usage"]
            usage = cost.Usage(
                used["input_tokens_details"]["text_tokens"],
                used["input_tokens_details"]["image_tokens"],
                used["output_tokens_details"]["image_tokens"],
            )
            estimate = cost.estimate(request, model)
            assert cost.bill(usage, model, estimate).total == estimate.cost.expected > 0
            assert used["total_tokens"] == used["input_tokens"] + used["output_tokens"]
            assert used["input_tokens"] == usage.text_input + usage.image_input

    def test_a_transparent_picture_has_transparency(self) -> None:
        """And says so; on an edit too."""
        _status, made = generate(background="transparent", prompt="a gold star")
        _status, edited = edit([("image", encoded(picture((96, 64))))], background="transparent")
        for reply in (made, edited):
            assert reply["background"] == "transparent"
            alpha = pixels_of(reply).getchannel("A")
            assert alpha.getextrema() == (0, 255)

    def test_an_edit_is_the_upload_drawn_again(self) -> None:
        """Pixel upon pixel where the sizes agree, painted in the hole."""
        before = picture(SMALL)
        hole = (300, 200, 700, 500)
        status, reply = edit([("image[]", encoded(before)), ("mask", encoded(mask(SMALL, hole)))])
        assert status == 200
        after = pixels_of(reply)
        top = (0, 0, 1024, 180)
        assert 1 < mean_difference(before.crop(top).tobytes(), after.crop(top).tobytes()) < 4
        inner = (340, 240, 660, 460)
        assert mean_difference(before.crop(inner).tobytes(), after.crop(inner).tobytes()) > 20

    def test_an_upload_of_another_size_is_fitted(self) -> None:
        """Its middle, at the size asked for, with the mask lying where it lay."""
        before = Image.new("RGB", (512, 320), (20, 20, 200))
        before.paste((200, 20, 20), (0, 0, 256, 320))
        hole = mask((512, 320), (128, 96, 192, 160))
        _status, reply = edit([("image", encoded(before)), ("mask", encoded(hole))])
        after = pixels_of(reply)
        assert after.size == SMALL
        for place, colour in (((60, 60), (200, 20, 20)), ((900, 60), (20, 20, 200))):
            assert mean_difference(bytes(after.getpixel(place)), bytes(colour)) < 12  # type: ignore[arg-type]
        assert mean_difference(bytes(after.getpixel((320, 256))), bytes((200, 20, 20))) > 20  # type: ignore[arg-type]

    def test_markup_is_painted_where_it_is_drawn(self) -> None:
        """And counts as a picture."""
        before = picture(SMALL)
        marks = Image.new("RGBA", SMALL, (0, 0, 0, 0))
        marks.paste((255, 0, 0, 255), (300, 200, 700, 500))
        _status, plain = edit([("image[]", encoded(before))])
        _status, reply = edit([("image[]", encoded(before)), ("markup", encoded(marks))])
        after = pixels_of(reply)
        assert (
            mean_difference(before.crop((0, 0, 999, 180)).tobytes(), after.crop((0, 0, 999, 180)).tobytes())
            < 4
        )
        inputs = [each["usage"]["input_tokens_details"]["image_tokens"] for each in (plain, reply)]
        assert inputs[1] == 2 * inputs[0]

    def test_json_edits_are_edits(self) -> None:
        """Data URLs give what the form gives."""
        files = {"image[]": encoded(picture((96, 64))), "mask": encoded(mask((96, 64), (8, 8, 60, 40)))}
        urls = {
            name: {"image_url": "data:image/png;base64," + base64.b64encode(data).decode()}
            for name, data in files.items()
        }
        body = generation(prompt="a stone wall", images=[urls["image[]"]], mask=urls["mask"])
        status, reply = post("/v1/images/edits", json.dumps(body).encode())
        assert status == 200
        assert reply["data"] == edit(list(files.items()))[1]["data"]

    @pytest.mark.parametrize("format", ["JPEG", "WEBP"])
    def test_other_formats_work_with_pillow(self, format: str) -> None:
        """As uploads and as replies."""
        status, reply = edit(
            [("image", encoded(picture((96, 64)), format))],
            output_format=format.lower(),
            output_compression="80",
        )
        assert status == 200
        assert (pixels_of(reply).format, pixels_of(reply).size) == (format, SMALL)

    def test_without_pillow_other_formats_are_refused_and_it_says_why(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In the hosts there is none."""
        jpeg = encoded(picture((96, 64)), "JPEG")
        png_upload = encoded(picture((96, 64)))
        original: Callable[..., Any] = builtins.__import__

        def without_pillow(name: str, *rest: Any, **more: Any) -> Any:
            if name.partition(".")[0] == "PIL":
                raise ImportError(name)
            return original(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", without_pillow)
        answer = edit([("image", jpeg)])
        assert error_of(answer)[2] == "invalid_image_file"
        assert "Pillow" in answer[1]["error"]["message"]
        answer = generate(output_format="webp")
        assert error_of(answer)[3] == "output_format"
        assert "Pillow" in answer[1]["error"]["message"]
        assert edit([("image", png_upload)])[0] == 200

    def test_models_are_listed_with_their_ends(self) -> None:
        """Those that live, by id and snapshot, and each by itself."""
        _status, _headers, content = respond("GET", "/v1/models", HEADERS, b"", now=lambda: NOW)
        listed = {each["id"]: each for each in json.loads(content)["data"]}
        assert {FLARE, "gpt-image-2-2026-04-21", "gpt-image-1.5"} <= set(listed)
        assert "gpt-image-1" not in listed and "dall-e-3" not in listed
        assert listed["gpt-image-1.5"]["shutdown_date"] == "2026-12-01"
        assert listed[FLARE]["shutdown_date"] is None
        assert datetime.fromtimestamp(listed[FLARE]["created"], UTC).date().isoformat() == "2026-09-08"
        _status, _headers, content = respond("GET", f"/v1/models/{FLARE}", HEADERS, b"", now=lambda: NOW)
        assert json.loads(content) == listed[FLARE]

    def test_a_model_is_there_until_its_last_day(self) -> None:
        """By the time given, not the clock."""
        body = json.dumps(generation(model="gpt-image-1.5", size="1024x1024")).encode()
        last = datetime(2026, 11, 30, 23, 59, tzinfo=UTC).timestamp()
        statuses = [
            respond("POST", "/v1/images/generations", HEADERS, body, now=lambda at=at: at)[0]  # type: ignore[misc]
            for at in (last, last + 120)
        ]
        assert statuses == [200, 404]


PNG = encoded(picture((96, 64)))
USER = "image_generation_user_error"
INVALID = "invalid_request_error"


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "type", "code", "param"),
        [
            ({"size": "512x512"}, USER, "invalid_value", "size"),
            ({"size": "1000x1000"}, USER, "invalid_value", "size"),
            ({"size": "4096x1024"}, USER, "invalid_value", "size"),
            ({"size": "wide"}, USER, "invalid_value", "size"),
            ({"size": "1024X640"}, USER, "invalid_value", "size"),
            ({"size": "1536x864", "model": "gpt-image-1.5"}, USER, "invalid_value", "size"),
            ({"size": 1024}, INVALID, "invalid_type", "size"),
            ({"quality": "ultra"}, USER, "invalid_value", "quality"),
            ({"quality": "max", "model": "gpt-image-2"}, USER, "invalid_value", "quality"),
            ({"background": "glass"}, INVALID, "invalid_value", "background"),
            ({"background": "transparent", "output_format": "jpeg"}, USER, "invalid_value", "background"),
            ({"output_format": "bmp"}, INVALID, "invalid_value", "output_format"),
            ({"output_format": "svg"}, INVALID, "unsupported_in_sandbox", "output_format"),
            ({"output_compression": 50}, USER, "invalid_value", "output_compression"),
            ({"output_compression": 101}, INVALID, "integer_above_max_value", "output_compression"),
            ({"moderation": "none"}, INVALID, "invalid_value", "moderation"),
            ({"complexity": "low"}, USER, "invalid_value", "complexity"),
            ({"complexity": "odd", "model": "gpt-image-2.6-flare"}, USER, "invalid_value", "complexity"),
            ({"n": 0}, INVALID, "integer_below_min_value", "n"),
            ({"n": 11}, INVALID, "integer_above_max_value", "n"),
            ({"n": "many"}, INVALID, "invalid_type", "n"),
            ({"n": True}, INVALID, "invalid_type", "n"),
            ({"n": 1.5}, INVALID, "invalid_type", "n"),
            ({"prompt": ""}, INVALID, "empty_string", "prompt"),
            ({"prompt": " \n"}, INVALID, "empty_string", "prompt"),
            ({"prompt": None}, INVALID, "missing_required_parameter", "prompt"),
            ({"prompt": "x" * 32_001}, INVALID, "string_above_max_length", "prompt"),
            ({"prompt": ["x"]}, INVALID, "invalid_type", "prompt"),
            ({"model": None}, INVALID, "missing_required_parameter", "model"),
            ({"stream": True}, INVALID, "unsupported_in_sandbox", "stream"),
            ({"partial_images": 2}, INVALID, "unsupported_in_sandbox", "partial_images"),
            ({"partial_images": 4}, INVALID, "integer_above_max_value", "partial_images"),
            ({"svg": {"model": "x"}}, INVALID, "unsupported_in_sandbox", "svg"),
            ({"response_format": "url"}, INVALID, "unknown_parameter", "response_format"),
            ({"input_fidelity": "high"}, INVALID, "unknown_parameter", "input_fidelity"),
            ({"mask": "x"}, INVALID, "unknown_parameter", "mask"),
        ],
    )
    def test_a_generation_is_refused_as_by_the_api(
        self, change: dict[str, object], type: str, code: str, param: str
    ) -> None:
        """400, with type, code and parameter."""
        assert error_of(generate(**change)) == (400, type, code, param)

    @pytest.mark.parametrize("model", ["gpt-image-9", "gpt-image-1", "dall-e-3", "", "a b"])
    def test_unknown_and_ended_models_are_not_found(self, model: str) -> None:
        """Alike, as the service does not tell them apart."""
        assert error_of(generate(model=model)) == (404, INVALID, "model_not_found", "model")

    @pytest.mark.parametrize(
        ("files", "change", "code", "param"),
        [
            ([], {}, "missing_required_parameter", "image"),
            ([("image", PNG)] * 17, {}, "array_above_max_length", "image"),
            ([("image", PNG), ("image", b"GIF89a")], {}, "invalid_image_file", "image"),
            ([("image", PNG[:-40])], {}, "invalid_image_file", "image"),
            ([("image", b"")], {}, "invalid_image_file", "image"),
            ([("image", bytes(50_000_000))], {}, "image_too_large", "image"),
            ([("image", PNG), ("mask", PNG)], {}, "invalid_mask_image_format", "mask"),
            (
                [("image", PNG), ("mask", encoded(mask((95, 64), (1, 1, 9, 9))))],
                {},
                "invalid_mask_image_format",
                "mask",
            ),
            (
                [("image", PNG), ("mask", encoded(mask((96, 64), (1, 1, 9, 9)), "WEBP"))],
                {},
                "invalid_mask_image_format",
                "mask",
            ),
            ([("image", PNG), ("mask", b"no mask")], {}, "invalid_mask_image_format", "mask"),
            ([("image", PNG), ("mask", bytes(4_000_000))], {}, "image_too_large", "mask"),
            ([("image", PNG), ("mask", PNG), ("mask", PNG)], {}, "invalid_value", "mask"),
            ([("image", PNG), ("mask", PNG), ("markup", PNG)], {}, "invalid_value", "mask"),
            ([("image", PNG), ("markup", PNG)], {}, "invalid_value", "markup"),
            (
                [("image", PNG), ("markup", encoded(mask((96, 64), (0, 0, 1, 1), 1)))],
                {},
                "invalid_value",
                "markup",
            ),
            ([("image", PNG), ("markup", PNG)], {"model": "gpt-image-2"}, "invalid_value", "markup"),
            ([("image", PNG), ("photo", PNG)], {}, "unknown_parameter", "photo"),
            ([("image", PNG)], {"style": "vivid"}, "unknown_parameter", "style"),
            ([("image", PNG)], {"moderation": "low"}, "unknown_parameter", "moderation"),
            (
                [("image", PNG)],
                {"input_fidelity": "high", "model": "gpt-image-2"},
                "invalid_input_fidelity_model",
                "input_fidelity",
            ),
            ([("image", PNG)], {"n": "0"}, "integer_below_min_value", "n"),
            ([("image", PNG)], {"n": "1e1"}, "invalid_type", "n"),
            ([("image", PNG)], {"stream": "true"}, "unsupported_in_sandbox", "stream"),
        ],
    )
    def test_an_edit_is_refused_as_by_the_api(
        self, files: list[tuple[str, bytes]], change: dict[str, object], code: str, param: str
    ) -> None:
        """400, with code and parameter."""
        status, _type, found, about = error_of(edit(files, **change))
        assert (status, found, about) == (400, code, param)

    def test_an_unreadable_image_is_named_by_its_number(self) -> None:
        """Counted from one."""
        answer = edit([("image[]", PNG), ("image[]", PNG), ("image[]", PNG[:90])])
        assert "image 3" in answer[1]["error"]["message"]

    @pytest.mark.parametrize(
        "image",
        [
            {"file_id": "file-1"},
            {"image_url": "https://example.org/x.png"},
            {"image_url": "data:image/png;base64,!!"},
            {"image_url": 5},
            "x",
        ],
    )
    def test_json_edits_take_data_urls_only(self, image: object) -> None:
        """A web address is not fetched."""
        body = json.dumps(generation(images=[image])).encode()
        assert error_of(post("/v1/images/edits", body))[0] == 400

    @pytest.mark.parametrize(
        "authorization", [None, "", "sk-x", "Basic c2s6", "Bearer", "Bearer a b", "Bearer \u00e9"]
    )
    def test_a_missing_or_malformed_key_is_refused(self, authorization: str | None) -> None:
        """401, whatever is asked, and the key is not shown."""
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["authorization"] = authorization
        status, reply_headers, content = respond("POST", "/v1/images/generations", headers, b"{")
        assert error_of((status, json.loads(content))) == (401, INVALID, "invalid_api_key", None)
        assert reply_headers["x-request-id"]
        assert b"sk-x" not in content

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/v1/images/generations", 405),
            ("POST", "/v1/models", 405),
            ("POST", "/v1/images/variations", 404),
            ("GET", "/", 404),
            ("GET", "/v1/models/gpt-image-1", 404),
        ],
    )
    def test_other_paths_and_methods_are_refused(self, method: str, path: str, status: int) -> None:
        """In the same envelope."""
        found, _headers, content = respond(method, path, HEADERS, b"", now=lambda: NOW)
        assert error_of((found, json.loads(content)))[0] == status

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"n":' + b"9" * 5_000 + b"}"]
    )
    def test_a_broken_json_body_is_refused(self, body: bytes) -> None:
        """Also by its depth and the length of its numbers."""
        assert error_of(post("/v1/images/generations", body))[0] == 400

    def test_no_refusal_shows_what_was_written(self) -> None:
        """Neither the prompt, nor what stands in another field or in a field's name."""
        secret = "sk-secret a small red door"
        for change in (
            {"prompt": secret, "size": "1x1"},
            {"prompt": secret, "n": 0},
            {"prompt": secret * 2_000},
            {"model": secret},
            {"size": secret},
            {"quality": secret},
            {"background": secret},
            {"output_format": secret},
            {"moderation": secret},
            {"complexity": secret},
            {"n": secret},
            {secret: "x"},
        ):
            status, document = generate(**change)
            assert status in (400, 404)
            assert "secret" not in json.dumps(document) and "door" not in json.dumps(document)


class TestForms:
    content_type = f"multipart/form-data; boundary={BOUNDARY}"

    @UNHURRIED
    @given(
        st.lists(st.sampled_from((b"\r\n", b"--", BOUNDARY.encode(), b"\0", b"-", b"\r", b"ab")), max_size=30)
    )
    def test_files_may_hold_anything_but_the_boundary_line(self, pieces: list[bytes]) -> None:
        """Line ends, dashes and the boundary's own letters inside a file do not end it."""
        from scumble.sandbox.forms import parse

        content = b"".join(pieces)
        if (
            f"\r\n--{BOUNDARY}\r\n".encode() in b"\r\n" + content + b"\r\n"
            or f"\r\n--{BOUNDARY}--".encode() in (b"\r\n" + content + b"\r\n")
        ):
            return
        parsed = parse(
            self.content_type, form({"n": "2"}, [("image", content), ("mask", b"m")]), files_allowed=True
        )
        assert parsed.files == (("image", content), ("mask", b"m"))
        assert parsed.fields == {"n": "2"}

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", form({"n": 1}, [])),
            (content_type, b""),
            (content_type, b"preamble" + form({"n": 1}, [])),
            (content_type, form({"n": 1}, [])[:-8]),
            (content_type, form({"n": 1}, [("image", PNG)])[:200]),
            (content_type, form({f"x{index}": 1 for index in range(65)}, [])),
            (content_type, form({"x" * 5_000: 1}, [])),
            (content_type, form({"prompt": "a"}, []).replace(b"name=", b"nome=")),
            (content_type, form({"prompt": "a"}, []).replace(b"\r\na\r\n", b"\r\n\xff\r\n")),
            ("text/plain", b"prompt=a"),
            ("", b""),
        ],
    )
    def test_a_broken_form_is_refused(self, content_type: str, body: bytes) -> None:
        """Not guessed at."""
        assert error_of(post("/v1/images/edits", body, content_type))[0] == 400

    def test_a_field_given_twice_is_refused(self) -> None:
        """Which one counts would be a guess."""
        body = form({"n": 1}, [])[: -len(BOUNDARY) - 6] + form({"n": 2}, [])
        assert error_of(post("/v1/images/edits", body, self.content_type))[2] == "duplicate_parameter"

    def test_generations_take_no_form(self) -> None:
        """They are JSON."""
        assert error_of(post("/v1/images/generations", form(generation(), []), self.content_type))[0] == 400


class TestAdapter:
    def test_requests_gets_its_answer_without_a_network(self) -> None:
        """Body, headers and reading as from a connection; a key is made up where there is none."""
        import requests

        with requests.Session() as session:
            session.mount("https://", SandboxAdapter(now=lambda: NOW))
            url = "https://sandbox.invalid/v1/images/generations"
            response = session.post(url, json=generation())
            assert response.status_code == 200 and response.ok
            assert response.json()["created"] == int(NOW)
            assert response.headers["X-Request-Id"] == response.headers["x-request-id"]
            pieces = session.post(
                url, data=iter([json.dumps(generation(n=0)).encode()]), headers=HEADERS, stream=True
            )
            assert (pieces.status_code, pieces.reason) == (400, "Bad Request")
            assert json.loads(b"".join(pieces.iter_content(7)))["error"]["param"] == "n"
            files = [("image[]", ("i.png", PNG, "image/png"))]
            edited = session.post(url.replace("generations", "edits"), data=generation(), files=files)
            assert edited.status_code == 200
            refused = session.post(url, json=generation(), headers={"Authorization": "Basic x"})
            assert refused.status_code == 401


def test_png_uploads_of_any_depth_are_read() -> None:
    """A 16-bit gray picture with a palette mask."""
    deep = Image.new("I;16", (96, 64), 40_000)
    holes = mask((96, 64), (8, 8, 60, 40)).quantize(4)
    assert png.header(encoded(deep)).bit_depth == 16
    assert edit([("image", encoded(deep)), ("mask", encoded(holes))])[0] == 200
