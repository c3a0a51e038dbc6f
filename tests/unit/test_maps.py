# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps of surfaces whose shape is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scumble.maps import KINDS, blurred, cavity, derive, normal, roughness_of

from .textures_cases import EDGE, painted

if TYPE_CHECKING:
    from scumble.arrays import Pixels


def _directions(encoded: Pixels) -> Pixels:
    return 2 * encoded - 1


def test_a_plane_leans_as_it_is_tilted() -> None:
    """Rising to the right by the whole relief over the width: its normal leans left by that angle."""
    rise = np.tile(np.linspace(0, 1, EDGE, dtype=np.float32), (EDGE, 1))
    slope = EDGE / (EDGE - 1) * 0.25
    found = _directions(normal(rise, 0.25, wraps=False))
    expected = np.array([-slope, 0, 1]) / math.hypot(slope, 1)
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("top_first", [True, False])
def test_green_is_up(top_first: bool) -> None:
    """OpenGL's convention: what rises towards the picture's top leans down, whichever row comes first."""
    rise = np.tile(np.linspace(0, 1, EDGE, dtype=np.float32)[:, None], (1, EDGE))
    higher_at_the_top = rise[::-1] if top_first else rise
    found = _directions(normal(higher_at_the_top, 0.25, wraps=False, top_first=top_first))
    assert found[:, :, 1].max() < -0.2
    assert np.abs(found[:, :, 0]).max() < 1e-6


def test_a_sphere_s_normals_are_right_within_a_degree() -> None:
    """A cap of a sphere, in pixels as high as it is: away from its rim, 0.2 degrees on the average."""
    row, column = np.mgrid[:EDGE, :EDGE].astype(np.float64) - (EDGE - 1) / 2
    radius = 0.9 * EDGE
    inside = np.hypot(row, column) < 0.45 * EDGE
    rise = np.sqrt(np.maximum(0, radius**2 - row**2 - column**2))
    true = np.stack([column, -row, rise], 2) / radius
    found = _directions(normal((rise / EDGE).astype(np.float32), 1.0, wraps=False)).astype(np.float64)
    cosine = (true * found).sum(2)[inside] / np.linalg.norm(found[inside], axis=1)
    degrees = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    assert degrees.mean() < 0.2
    assert degrees.max() < 1


def test_normals_are_of_length_one() -> None:
    found = _directions(derive(painted("stone wall"), ("normal",))["normal"])
    assert np.abs(np.linalg.norm(found, axis=2) - 1).max() < 1e-5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "metallic"])
def test_maps_of_a_seamless_texture_are_seamless(kind: str) -> None:
    """Rolled first or afterwards, it is the same map: no edge is anything special."""
    texture = painted("stone wall")
    rolled = derive(np.roll(texture, (90, 37), (0, 1)), (kind,))[kind]
    expected = np.roll(derive(texture, (kind,))[kind], (90, 37), (0, 1))
    # The scale of the height comes from a sample of the pixels, at this size from all.
    assert np.abs(rolled - expected).max() < 1e-4


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "metallic"])
def test_maps_of_another_picture_do_not_mix_opposite_edges(kind: str) -> None:
    """What is at the right edge leaves the left edge's map alone when the texture does not wrap."""
    texture = painted("stone wall").copy()
    texture[:, EDGE - 1 :] = 1
    free = derive(texture, (kind,), wraps=False)[kind]
    wrapped = derive(texture, (kind,), wraps=True)[kind]
    texture[:, EDGE - 1 :] = 0
    free_change = np.abs(derive(texture, (kind,), wraps=False)[kind] - free)[:, :1].max()
    wrapped_change = np.abs(derive(texture, (kind,), wraps=True)[kind] - wrapped)[:, :1].max()
    assert free_change < 0.2 * wrapped_change


def test_light_is_high_and_the_course_of_the_light_is_not() -> None:
    """A bright bump is a bump; a picture that gets lighter to the right is not a ramp."""
    texture = np.full((EDGE, EDGE, 3), 0.4, np.float32)
    texture[100:140, 50:90] = 0.8
    course = 0.05 * np.sin(2 * np.pi * np.arange(EDGE, dtype=np.float32) / EDGE)
    lie = derive(texture + course[None, :, None], ("height",))["height"]
    assert lie[100:140, 50:90].min() > lie[200, 200] + 0.3
    assert np.ptp(lie[250]) < 0.2


def test_a_pit_is_a_cavity_and_a_bump_is_none() -> None:
    lie = np.full((EDGE, EDGE), 0.5, np.float32)
    lie[60:64, 60:64] = 0
    lie[160:164, 160:164] = 1
    found = cavity(lie)
    assert found[60:64, 60:64].max() < 0.5
    assert found[160:164, 160:164].min() == 1
    assert found[110, 110] > 0.95


def test_the_busy_half_is_rougher() -> None:
    generator = np.random.default_rng(3)
    light = np.full((EDGE, EDGE), 0.5, np.float32)
    light[:, EDGE // 2 :] += 0.1 * generator.standard_normal((EDGE, EDGE // 2), dtype=np.float32)
    found = roughness_of(light, 0.5)
    assert found[:, 20 : EDGE // 2 - 20].max() < 0.4 < 0.5 < found[:, EDGE // 2 + 20 : -20].min()


def test_metal_is_what_one_says() -> None:
    """It cannot be seen in colours."""
    found = derive(painted("moss"), ("metallic",), metallic=0.25)
    assert list(found) == ["metallic"]
    assert np.all(found["metallic"] == np.float32(0.25))


def test_maps_are_in_range_and_of_the_texture_s_size() -> None:
    texture = np.ascontiguousarray(painted("moss")[:101, :77])
    for wraps in (True, False):
        found = derive(texture, wraps=wraps)
        assert set(found) == set(KINDS)
        for plane in found.values():
            assert plane.shape[:2] == (101, 77)
            assert plane.dtype == np.float32
            assert 0 <= plane.min() <= plane.max() <= 1


def test_a_blur_keeps_the_mean_and_spreads_a_point_as_far_as_asked() -> None:
    """The variance of a blurred point is the square of the radius."""
    point = np.zeros((EDGE, EDGE), np.float32)
    point[EDGE // 2, EDGE // 2] = 1
    spread = blurred(point, 6.0)
    assert spread.sum() == pytest.approx(1, abs=1e-3)
    far = (np.arange(EDGE) - EDGE // 2) ** 2
    assert (spread.sum(0) * far).sum() == pytest.approx(36, rel=0.02)
