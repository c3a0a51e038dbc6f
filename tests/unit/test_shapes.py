# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and rectangles in pixels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.shapes import Rect, Size

CANVAS = Rect(0, 0, 400, 300)


def covered(rect: Rect) -> set[tuple[int, int]]:
    """The pixels of a small rectangle, one by one."""
    return {(x, y) for x in range(rect.x, rect.right) for y in range(rect.y, rect.bottom)}


small_rects = st.builds(Rect, st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 6), st.integers(0, 6))


class TestSize:
    @pytest.mark.parametrize("text", ["992x672", "992X672", "992×672", " 992x672\n"])
    def test_reads_width_and_height(self, text: str) -> None:
        """Width first, whichever cross stands between."""
        assert Size.parse(text) == Size(992, 672)

    @pytest.mark.parametrize(
        "text", ["", "992", "992x", "x672", "992 x 672", "-992x672", "9.5x4", "auto", "1x2x3", "1000000x1"]
    )
    def test_refuses_anything_else(self, text: str) -> None:
        """What is no size is named in the error."""
        with pytest.raises(ValueError, match="WIDTHxHEIGHT") as caught:
            Size.parse(text)
        assert repr(text) in str(caught.value)

    @given(st.integers(0, 999_999), st.integers(0, 999_999))
    def test_is_read_as_it_is_written(self, width: int, height: int) -> None:
        """Writing and reading are inverse."""
        assert Size.parse(str(Size(width, height))) == Size(width, height)

    def test_knows_its_edges_and_area(self) -> None:
        """The longer edge is the longer one in both orientations."""
        assert (Size(992, 672).longer, Size(992, 672).shorter) == (992, 672)
        assert (Size(672, 992).longer, Size(672, 992).shorter) == (992, 672)
        assert Size(992, 672).area == 666_624


class TestRect:
    def test_right_and_bottom_are_after_the_last_pixel(self) -> None:
        """Ten pixels from 3 end before 13."""
        rect = Rect(3, 5, 10, 20)
        assert (rect.right, rect.bottom, rect.size) == (13, 25, Size(10, 20))

    def test_between_corners(self) -> None:
        """Left, top, right, bottom; crossed corners make an empty rectangle and no negative one."""
        assert Rect.between(3, 5, 13, 25) == Rect(3, 5, 10, 20)
        assert Rect.between(13, 25, 3, 5) == Rect(13, 25, 0, 0)

    @pytest.mark.parametrize(
        ("other", "inside"),
        [
            (Rect(0, 0, 400, 300), True),
            (Rect(399, 299, 1, 1), True),
            (Rect(399, 299, 2, 1), False),
            (Rect(399, 299, 1, 2), False),
            (Rect(-1, 0, 5, 5), False),
            (Rect(0, -1, 5, 5), False),
        ],
    )
    def test_contains_up_to_the_edges(self, other: Rect, inside: bool) -> None:
        """The edge itself is inside, one pixel beyond is not, on each of the four sides."""
        assert CANVAS.contains(other) is inside

    @given(small_rects, small_rects)
    def test_the_intersection_is_the_common_pixels(self, first: Rect, second: Rect) -> None:
        """Pixel by pixel the same as that of the sets."""
        assert covered(first.intersection(second)) == covered(first) & covered(second)

    @given(small_rects, small_rects)
    def test_apart_means_no_pixels(self, first: Rect, second: Rect) -> None:
        """No common pixel is an area of 0, never a negative edge."""
        common = first.intersection(second)
        assert min(common.size) >= 0
        assert common.size.area == len(covered(first) & covered(second))


@pytest.mark.parametrize("text", ["1024", "٣x٣", "1024x-5", "1x1x1"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """Two plain numbers, and nothing else."""
    with pytest.raises(ValueError, match="not a size"):
        Size.parse(text)
