# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of the joints of a texture."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.arrays import SMALLEST_EDGE
from scumble.errors import BadRequest, MissingPart
from scumble.seams import STEP_MARK, WRAP_MARKS, measure

from .textures_cases import EDGE, cropped, lit_from_the_left, painted

PERIODIC = ("moss", "stone wall", "dry soil", "plaster", "water", "white marble", "agate", "red bricks")


@pytest.mark.parametrize("words", PERIODIC)
def test_a_periodic_texture_passes(words: str) -> None:
    assert measure(painted(words)).passes


@pytest.mark.parametrize("words", ["moss", "stone wall", "agate", "red bricks"])
def test_a_piece_of_one_fails_on_both_axes(words: str) -> None:
    seams = measure(cropped(words))
    assert not seams.left_right.passes
    assert not seams.top_bottom.passes


def test_each_axis_is_measured_for_itself() -> None:
    """A texture that is cut off at one side only fails there only; turned, it is the other axis."""
    cut_off = np.ascontiguousarray(painted("moss")[:, : EDGE - 90])
    seams = measure(cut_off)
    assert (seams.left_right.passes, seams.top_bottom.passes) == (False, True)
    turned = measure(np.ascontiguousarray(cut_off.transpose(1, 0, 2)))
    assert turned.top_bottom.wrap == pytest.approx(seams.left_right.wrap, rel=1e-4)
    assert turned.top_bottom.step == pytest.approx(seams.left_right.step, rel=1e-4)


def test_a_line_without_change_is_a_fault_too() -> None:
    """A mirrored texture has the same pixels on both sides of its edges, and everybody sees it."""
    quarter = painted("moss")[: EDGE // 2, : EDGE // 2]
    half = np.concatenate([quarter, quarter[:, ::-1]], 1)
    mirrored = measure(np.concatenate([half, half[::-1]], 0))
    assert mirrored.left_right.wrap < WRAP_MARKS[0]
    assert not mirrored.left_right.passes
    assert not mirrored.top_bottom.passes


def test_uneven_light_shows_as_a_step() -> None:
    """Along the axis of the light; the other does not see it."""
    seams = measure(lit_from_the_left(painted("moss")))
    assert seams.left_right.step_near > 2 * STEP_MARK
    assert not seams.left_right.passes
    assert seams.top_bottom.passes


def test_a_step_is_found_where_a_cut_has_moved_it() -> None:
    """Rolled a little, the wrap line is fine and the step lies inside the tile."""
    seams = measure(np.roll(lit_from_the_left(painted("moss")), EDGE // 10, 1))
    assert seams.left_right.wrap < WRAP_MARKS[1]
    assert seams.left_right.step == seams.left_right.step_near > 2 * STEP_MARK
    assert not seams.left_right.passes


def test_a_joint_that_lies_on_the_edge_is_no_seam() -> None:
    """Wide dark joints, one of them across the wrap line: it is as the others are."""
    generator = np.random.default_rng(1)
    walls = 0.6 + 0.02 * generator.standard_normal((EDGE, EDGE, 1), dtype=np.float32)
    for start in range(0, EDGE, 64):
        for offset, depth in enumerate((0.1, 0.3, 0.45, 0.45, 0.3, 0.1)):
            walls[:, (start + offset - 2) % EDGE] -= depth
    seams = measure(walls)
    assert seams.left_right.wrap > WRAP_MARKS[1]
    assert seams.left_right.passes


@given(st.floats(0.05, 0.95), st.integers(SMALLEST_EDGE, 100), st.integers(SMALLEST_EDGE, 100))
def test_a_flat_picture_has_no_seams(grey: float, width: int, height: int) -> None:
    assert measure(np.full((height, width, 3), grey, np.float32)).passes


@pytest.mark.parametrize("shape", [(63, 64, 3), (64, 63, 3), (64, 64), (64, 64, 5)])
def test_what_is_no_texture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadRequest):
        measure(np.zeros(shape, np.float32))


def test_without_numpy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in some distributions' Blender."""
    texture = painted("moss")
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(MissingPart) as raised:
        measure(texture)
    assert "NumPy" in str(raised.value)
