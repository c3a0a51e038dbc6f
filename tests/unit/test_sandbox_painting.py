# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's pictures: chosen by words, seamless, the same everywhere, and drawn again under a mask."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scumble import textures
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
from scumble.shapes import Size
from tests.unit.sandbox_cases import PROMPTS, UNHURRIED, mask, mean_difference, picture


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
