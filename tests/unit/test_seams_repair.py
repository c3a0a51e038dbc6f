# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a texture that does not meet itself, and that nothing is done to one that does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble.arrays import luma
from scumble.seam_repair import cut_to_fit, even_light, periodic, repair
from scumble.seams import STEP_MARK, measure

from .textures_cases import EDGE, cropped, lit_from_the_left, painted


@pytest.mark.parametrize("words", ["moss", "stone wall", "agate", "red bricks"])
def test_a_periodic_texture_stays_as_it_is(words: str) -> None:
    """The very array: not one value of one pixel changes."""
    texture = painted(words)
    done = repair(texture)
    assert done.pixels is texture
    assert done.means == "none"
    assert done.before == done.after


@pytest.mark.parametrize(
    "words", ["moss", "stone wall", "agate", "red bricks", "grass", "water", "oak planks"]
)
def test_a_piece_is_made_to_pass(words: str) -> None:
    """On both axes, at the size it had, its input untouched."""
    texture = cropped(words)
    given_pixels = texture.copy()
    done = repair(texture)
    assert not done.before.passes
    assert done.after.passes
    assert done.after == measure(done.pixels)
    assert done.pixels.shape == texture.shape
    assert done.pixels.dtype == np.float32
    assert 0 <= done.pixels.min() <= done.pixels.max() <= 1
    assert np.array_equal(texture, given_pixels)


def test_uneven_light_is_evened() -> None:
    """A cut alone would only move the step into the tile."""
    done = repair(lit_from_the_left(cropped("moss")))
    assert done.means.startswith("light+")
    assert done.before.left_right.step > 2 * STEP_MARK
    assert done.after.passes
    light = luma(done.pixels).mean(0)
    assert abs(light[: EDGE // 4].mean() / light[-EDGE // 4 :].mean() - 1) < 0.1


def test_the_axis_that_meets_is_not_cut() -> None:
    """Cut off at one side only: along the other axis it still meets itself."""
    done = repair(np.ascontiguousarray(painted("red bricks")[:, : EDGE - 90]))
    assert done.before.top_bottom.passes
    assert done.after.passes


def test_even_light_finds_the_course_of_the_light() -> None:
    """A ramp that is a polynomial in logarithms is undone to a hundredth, and the mean stays."""
    generator = np.random.default_rng(2)
    plain = 0.4 + 0.05 * generator.standard_normal((EDGE, EDGE, 3), dtype=np.float32)
    course = np.exp(np.linspace(-0.4, 0.4, EDGE, dtype=np.float32))
    evened = even_light(plain * course[None, :, None])
    columns = evened.mean((0, 2))
    assert np.ptp(columns) / columns.mean() < 0.05
    assert evened.mean() == pytest.approx((plain * course[None, :, None]).mean(), rel=0.01)


def test_periodic_leaves_what_is_periodic() -> None:
    """Of waves that meet themselves nothing is taken away."""
    place = 2 * np.pi * np.arange(EDGE) / EDGE
    waves = 0.5 + 0.2 * np.sin(3 * place)[:, None] * np.cos(5 * place)[None, :]
    texture = waves[:, :, None].astype(np.float32)
    # Their neighbours over the wrap differ by one step of the wave, not by nothing.
    assert np.abs(periodic(texture) - texture).max() < 0.02


def test_periodic_takes_a_jump_from_the_edges() -> None:
    """A ramp's jump of 0.5 shrinks to less than a tenth, at both edges alike."""
    ramp = np.tile(np.linspace(0.25, 0.75, EDGE, dtype=np.float32)[None, :, None], (EDGE, 1, 1))
    made = periodic(ramp)
    assert np.abs(made[:, 0] - made[:, -1]).max() < 0.05
    assert made.mean() == pytest.approx(ramp.mean(), abs=1e-3)


def test_a_cut_keeps_what_is_far_from_the_edge_in_its_order() -> None:
    """The middle of the picture is the middle of the result, stretched by the overlap, not moved about."""
    texture = np.full((EDGE, EDGE, 3), 0.2, np.float32)
    texture[150:158, 140:148] = 0.9
    made = luma(cut_to_fit(texture))
    rows, columns = np.nonzero(made > 0.6)
    scale = EDGE / (EDGE - EDGE // 8)
    assert rows.mean() == pytest.approx(153.5 * scale, abs=1)
    assert columns.mean() == pytest.approx(143.5 * scale, abs=1)


def test_alpha_and_grey_are_repaired_too() -> None:
    piece = cropped("moss")
    alpha = np.ones((*piece.shape[:2], 1), np.float32)
    with_alpha = repair(np.concatenate([piece, alpha], 2))
    assert with_alpha.after.passes
    assert with_alpha.pixels[:, :, 3].min() > 0.99
    assert repair(np.ascontiguousarray(luma(piece)[:, :, None])).after.passes


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.integers(69, 130),
    height=st.integers(69, 130),
    smooth=st.integers(1, 12),
    tilt=st.floats(-0.8, 0.8),
)
def test_no_repair_makes_an_axis_worse(seed: int, width: int, height: int, smooth: int, tilt: float) -> None:
    """Whatever the picture: noise of any grain, lit from any side, odd sizes."""
    generator = np.random.default_rng(seed)
    noise = generator.random((height, width, 3), dtype=np.float32)
    for _pass in range(smooth):
        noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / 3
    light = 1 + tilt * np.linspace(-0.5, 0.5, width, dtype=np.float32)
    done = repair(np.clip(noise[: height - 5, : width - 3] * light[None, : width - 3, None], 0, 1))
    for before, after in zip(done.before.axes, done.after.axes, strict=True):
        assert after.fault <= before.fault
