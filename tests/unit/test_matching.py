# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer beside what was sent, or in other colours, is brought back; one that fits is not touched."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from scumble import geometry, matching
from scumble.cli import compositing
from scumble.matching import Match
from scumble.registration import Motion
from scumble.sandbox import redrawing
from scumble.sandbox.painter import painted_rows
from scumble.shapes import Padding, Rect, Size
from scumble.tone import Tone
from tests.unit.cli_cases import run

SIZE = Size(448, 320)
BOX = (170, 110, 290, 210)
PROMPTS = ("a red brick wall", "pebbles on a beach", "a grass meadow")
RING = 24
_NO_TONE = ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


@cache
def scene(prompt: str) -> Image.Image:
    """A texture of the sandbox under a slope of light, a little soft as photographs are."""
    painted = Image.frombytes("RGB", tuple(SIZE), b"".join(painted_rows(prompt, SIZE, 1)))
    slope = Image.linear_gradient("L").rotate(90).resize(tuple(SIZE))
    lit = Image.blend(painted, Image.merge("RGB", (slope, slope, slope)), 0.25)
    return lit.filter(ImageFilter.GaussianBlur(1))


def hole(box: tuple[int, int, int, int] = BOX) -> Image.Image:
    mask = Image.new("L", tuple(SIZE), 0)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def drifted(sent: Image.Image, motion: Motion, gains: Any, offsets: Any) -> Image.Image:
    """What was sent at x lies at centre + scale * (x - centre) + shift, in other light."""
    width, height = sent.size
    each = 1 / motion.scale
    left = width / 2 - each * (width / 2 + motion.shift_x)
    top = height / 2 - each * (height / 2 + motion.shift_y)
    border = 24
    data = matching.with_border(Size(width, height), sent.tobytes(), 3, border)
    wide = Image.frombytes("RGB", (width + 2 * border, height + 2 * border), data)
    matrix = (each, 0.0, left + border, 0.0, each, top + border)
    moved = wide.transform(sent.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    bands = [
        band.point([min(255, max(0, round(gain * value + offset))) for value in range(256)])
        for band, gain, offset in zip(moved.split(), gains, offsets, strict=True)
    ]
    return Image.merge("RGB", bands)


def redrawn(sent: Image.Image, motion: Motion, gains: Any, offsets: Any, mask: Image.Image) -> Image.Image:
    """The sandbox's answer, whose drift is known."""
    outside = drifted(sent, motion, gains, offsets).tobytes()
    data = redrawing.redraw(sent.tobytes(), SIZE, mask.tobytes(), "a blue door", 0, outside)
    return Image.frombytes("RGB", tuple(SIZE), data)


def found(sent: Image.Image, answer: Image.Image, mask: Image.Image, shown: Rect | None = None) -> Match:
    return matching.find(Size(*sent.size), sent.tobytes(), answer.tobytes(), mask.tobytes(), shown)


def corrected(answer: Image.Image, match: Match) -> Image.Image:
    """As `scumble edit` does it, in a window as large as the request."""
    whole = Rect(0, 0, *SIZE)
    plan = geometry.Plan(SIZE, whole, whole, SIZE, geometry.Fraction(1), Padding(0, 0, 0, 0))
    return compositing._in_window(answer, plan, match)


def spread(mask: Image.Image, pixels: int) -> Image.Image:
    """Grown by so many pixels, a multiple of two, in small steps: large maximum filters are slow."""
    for _step in range(pixels // 2):
        mask = mask.filter(ImageFilter.MaxFilter(5))
    return mask


def seam(sent: Image.Image, answer: Image.Image, mask: Image.Image) -> float:
    """The mean difference on every pixel of a ring around the hole."""
    # The sandbox paints inside the hole only; the resampling reaches some pixels beyond it.
    ring = ImageChops.subtract(spread(mask, RING), spread(mask, 8))
    means = ImageStat.Stat(ImageChops.difference(sent, answer), ring).mean
    return float(sum(means) / 3)


shifts = st.floats(-6, 6)
scales = st.floats(0.99, 1.01)
gains = st.tuples(*[st.floats(0.9, 1.1)] * 3)
offsets = st.tuples(*[st.floats(-12, 12)] * 3)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(PROMPTS), st.floats(1.5, 6), shifts, scales, gains, offsets, st.booleans())
def test_the_seams_error_falls_to_a_quarter(
    prompt: str, far: float, shift: float, scale: float, gain: Any, offset: Any, leftwards: bool
) -> None:
    """Whatever the shift up to 6 px, the scale within 1 % and the drift of colours."""
    sent, mask = scene(prompt), hole()
    motion = Motion(-far if leftwards else far, shift, scale)
    answer = redrawn(sent, motion, gain, offset, mask)
    match = found(sent, answer, mask)
    assert match.applied
    assert match.motion.shift_x == pytest.approx(motion.shift_x, abs=0.12)
    assert match.motion.shift_y == pytest.approx(motion.shift_y, abs=0.12)
    assert match.motion.scale == pytest.approx(motion.scale, abs=0.0008)
    assert seam(sent, corrected(answer, match), mask) <= seam(sent, answer, mask) / 4
    assert match.error_after is not None and match.error_before is not None
    assert match.error_after <= match.error_before / 4


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(PROMPTS), gains, offsets, st.integers(0, 2))
def test_colours_alone_are_brought_back_without_resampling(
    prompt: str, gain: Any, offset: Any, channel: int
) -> None:
    """Each channel by its own gain and offset; not one pixel moves."""
    sent, mask = scene(prompt), hole()
    offset = tuple(16.0 if index == channel else value for index, value in enumerate(offset))
    answer = redrawn(sent, Motion(), gain, offset, mask)
    match = found(sent, answer, mask)
    assert match.applied and not match.moved
    assert seam(sent, corrected(answer, match), mask) <= seam(sent, answer, mask) / 4


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_perfect_answer_is_left_bit_for_bit(prompt: str) -> None:
    """Also where the hole holds something else entirely."""
    sent, mask = scene(prompt), hole()
    answer = sent.copy()
    answer.paste((255, 0, 0), BOX, mask.crop(BOX))
    match = found(sent, answer, mask)
    assert match.finding == "close" and not match.applied
    assert match.error_before == match.error_after == 0
    assert corrected(answer, match).tobytes() == answer.tobytes()


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_sandboxs_own_small_drift_is_not_worth_a_resampling(prompt: str) -> None:
    """A noise of 2.4 levels, as was measured of the service, moves nothing."""
    sent, mask = scene(prompt), hole()
    data = redrawing.redraw(sent.tobytes(), SIZE, mask.tobytes(), "a blue door")
    assert not found(sent, Image.frombytes("RGB", tuple(SIZE), data), mask).moved


@pytest.mark.parametrize("noise", [0, 2])
def test_a_flat_ring_is_toned_and_not_moved(noise: int) -> None:
    """Where nothing shows a shift none is made up, with grain as without."""
    mask = hole()
    sent = Image.new("RGB", tuple(SIZE), (120, 140, 100))
    answer = Image.new("RGB", tuple(SIZE), (132, 137, 92))
    if noise:
        grain = [Image.effect_noise(tuple(SIZE), noise).point(lambda value: value // 8) for _each in (0, 1)]
        sent, answer = (
            ImageChops.add(picture, Image.merge("RGB", (one, one, one)))
            for picture, one in zip((sent, answer), grain, strict=True)
        )
    match = found(sent, answer, mask)
    assert match.applied and not match.moved
    assert match.error_after is not None and match.error_before is not None
    assert match.error_before > 7 and match.error_after < 1


@pytest.mark.parametrize("other", ["a blue ocean at night", "pebbles on a beach"])
def test_an_unrelated_answer_is_not_bent_towards_what_was_sent(other: str) -> None:
    """Another picture stays as it is; that its mean could be made to fit is no reason."""
    sent, mask = scene("a red brick wall"), hole()
    match = found(sent, scene(other), mask)
    assert match.finding == "unrelated" and not match.applied
    assert (match.motion, match.tone) == (Motion(), Tone())
    assert match.error_before == match.error_after


@pytest.mark.parametrize("covered", [(0, 0, 448, 320), (2, 2, 446, 318)])
def test_without_a_ring_nothing_is_applied_and_that_is_said(covered: tuple[int, int, int, int]) -> None:
    """The whole canvas, or all but a rim of two pixels."""
    sent = scene("a red brick wall")
    mask = Image.new("L", tuple(SIZE), 0)
    mask.paste(255, covered)
    match = found(sent, drifted(sent, Motion(4, 4), *_NO_TONE), mask)
    assert match.finding == "no ring" and match.error_before is None
    assert "Not matched" in match.describe()


@pytest.mark.parametrize(
    "box",
    [(0, 0, 90, 80), (380, 250, 447, 319), (0, 120, 120, 200), (0, 0, 447, 60), (220, 150, 221, 151)],
    ids=["corner", "far corner", "left edge", "whole upper edge", "two pixels"],
)
def test_a_selection_at_the_edge_or_tiny_is_matched_too(box: tuple[int, int, int, int]) -> None:
    """And what the motion would uncover at the edge is filled, not black."""
    sent = scene("pebbles on a beach")
    mask = Image.new("L", tuple(SIZE), 0)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    light = ImageChops.add(sent, Image.new("RGB", tuple(SIZE), (40, 40, 40)))
    answer = drifted(light, Motion(5.5, -4.25, 1.006), *_NO_TONE)
    match = found(light, answer, mask)
    assert match.applied and match.moved
    assert match.motion.shift_x == pytest.approx(5.5, abs=0.12)
    assert match.motion.shift_y == pytest.approx(-4.25, abs=0.12)
    after = corrected(answer, match)
    assert all(low >= 15 for low, _high in after.getextrema())
    assert seam(light, after, mask) <= seam(light, answer, mask) / 3


def test_padding_beyond_the_canvas_is_not_looked_at() -> None:
    """Whatever the service paints there."""
    sent, mask = scene("a grass meadow"), hole()
    motion = Motion(-3.5, 2.5)
    answer = redrawn(sent, motion, *_NO_TONE, mask)
    shown = Rect(96, 48, 260, 240)
    elsewhere = scene("a red brick wall").copy()
    canvas = (shown.x, shown.y, shown.right, shown.bottom)
    elsewhere.paste(answer.crop(canvas), canvas[:2])
    match = found(sent, elsewhere, mask, shown)
    assert match.motion.shift_x == pytest.approx(-3.5, abs=0.12)
    assert match.motion.shift_y == pytest.approx(2.5, abs=0.12)


def test_a_jump_that_no_redrawing_explains_is_not_followed() -> None:
    """A picture moved by 60 pixels is another picture."""
    sent, mask = scene("a red brick wall"), hole()
    answer = ImageChops.offset(sent, 60, 37)
    assert not found(sent, answer, mask).moved


@pytest.mark.parametrize("size", [Size(1, 1), Size(3, 2), Size(17, 9), Size(33, 65)])
def test_tiny_and_odd_pictures_do_no_harm(size: Size) -> None:
    """They have too little to go by, or are judged like others."""
    sent = bytes(range(256)) * 100
    picture = sent[: 3 * size.area]
    mask = bytes(size.area - 1) + b"\1"
    assert not matching.find(size, picture, picture, mask).applied


def test_bytes_that_do_not_fit_the_size_are_refused() -> None:
    """Before anything is computed."""
    with pytest.raises(ValueError, match="not pictures"):
        matching.find(Size(2, 2), bytes(12), bytes(11), bytes(4))


def test_toning_leaves_alpha() -> None:
    """Colour by colour, alpha as it was."""
    tone = Tone((1.0, 0.5, 2.0), (10.0, 0.0, 0.0))
    assert matching.toned(bytes((10, 20, 30, 40)), 4, tone) == bytes((20, 10, 60, 40))


@pytest.fixture
def drifting_sandbox(monkeypatch: pytest.MonkeyPatch) -> Motion:
    """The sandbox draws everything again 4.5 px to the right, 3 px up, and warmer."""
    motion = Motion(4.5, -3.0)

    def redraw(pixels: bytes, size: Size, coverage: bytes | None, prompt: str, variant: int = 0) -> bytes:
        sent = Image.frombytes("RGB", tuple(size), pixels)
        outside = drifted(sent, motion, (1.05, 1.0, 0.94), (4.0, 2.0, 0.0)).tobytes()
        return redrawing.redraw(pixels, size, coverage, prompt, variant, outside)

    monkeypatch.setattr("scumble.sandbox.service.redraw", redraw)
    return motion


def test_edit_matches_says_so_and_keeps_the_outside(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, drifting_sandbox: Motion
) -> None:
    """The JSON says how the answer lay; outside the mask every pixel is as it was."""
    large = scene("pebbles on a beach").resize((1280, 914), Image.Resampling.LANCZOS)
    mask = Image.new("L", large.size, 0)
    ImageDraw.Draw(mask).ellipse((600, 400, 760, 520), fill=255)
    large.save(tmp_path / "in.png")
    mask.save(tmp_path / "mask.png")
    document = run(
        capsys, "edit", tmp_path / "in.png", "--mask", tmp_path / "mask.png", "--prompt", "a door",
        "-o", tmp_path / "out.png",
    )  # fmt: skip
    (match,) = document["matching"]
    assert match["applied"] and match["finding"] == "matched"
    assert match["shift"] == pytest.approx([drifting_sandbox.shift_x, drifting_sandbox.shift_y], abs=0.1)
    assert match["error_after"] <= match["error_before"] / 4
    with Image.open(tmp_path / "out.png") as changed:
        outside = mask.point([255] + [0] * 255)
        difference = ImageChops.difference(large, changed).convert("L")
        assert ImageChops.multiply(difference, outside).getbbox() is None
        assert difference.getbbox() is not None


def test_edit_without_a_mask_says_that_nothing_was_to_go_by(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All is selected, so the answer is placed as it came."""
    scene("a grass meadow").resize((1024, 768)).save(tmp_path / "in.png")
    document = run(
        capsys, "edit", tmp_path / "in.png", "--prompt", "a door", "-o", tmp_path / "out.png"
    )  # fmt: skip
    (match,) = document["matching"]
    assert not match["applied"] and match["finding"] == "no ring"
    assert match["error_before"] is None
