# SPDX-License-Identifier: GPL-3.0-or-later
"""The window, its request size and the mapping back: one example for each rule."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from scumble.errors import NothingSelected
from scumble.geometry import CONTEXTS, Plan, plan, whole
from scumble.shapes import Padding, Rect, Size
from tests.unit.geometry_cases import FIXED, FREE, PHOTO, flare, grown, legacy, medium_price


class TestExamples:
    def test_the_design_s_example(self) -> None:
        """A 300x200 selection in a photo is sent as 992x672 around it, pixel for pixel."""
        found = flare(PHOTO, Rect(1850, 1400, 300, 200))
        assert found == Plan(
            canvas=PHOTO,
            selection=Rect(1850, 1400, 300, 200),
            window=Rect(1504, 1164, 992, 672),
            request_size=Size(992, 672),
            scale=Fraction(1),
            padding=Padding(0, 0, 0, 0),
        )
        assert found.to_request(found.selection) == Rect(346, 236, 300, 200)
        assert found.to_canvas(Rect(346, 236, 300, 200)) == Rect(1850, 1400, 300, 200)
        assert not (found.reduced or found.magnified or found.padded)

    def test_the_price_chooses_the_shape(self) -> None:
        """At quality high a slightly larger window is cheaper, as its shape falls into a lower step."""

        def high_price(size: Size) -> int:
            steps = (2 * 48 * size.shorter + size.longer) // (2 * size.longer)
            return -(-48 * steps * (2_000_000 + size.area) // 4_000_000) * 30

        found = plan(PHOTO, Rect(1850, 1400, 300, 200), FREE, high_price)
        assert found.request_size == Size(1008, 672)
        assert high_price(Size(1008, 672)) < high_price(Size(992, 672))

    def test_rounding_up_does_not_count_as_elongated(self) -> None:
        """1010x672 needs a little more than 3:2 once its edges are multiples of 16, and gets just that."""
        assert flare(PHOTO, Rect(900, 800, 808, 470), "tight").request_size == Size(1024, 672)

    def test_a_standing_selection_has_a_standing_window(self) -> None:
        """Of two mirrored sizes with one price, the one shaped like the selection is taken."""
        assert flare(PHOTO, Rect(1900, 1350, 200, 300)).window == Rect(1664, 1004, 672, 992)

    @pytest.mark.parametrize(
        ("selection", "window"),
        [
            (Rect(0, 0, 300, 200), Rect(0, 0, 992, 672)),
            (Rect(3700, 0, 300, 200), Rect(3008, 0, 992, 672)),
            (Rect(0, 2800, 300, 200), Rect(0, 2328, 992, 672)),
            (Rect(3690, 2790, 300, 200), Rect(3008, 2328, 992, 672)),
        ],
    )
    def test_at_the_edges_the_window_moves_inside(self, selection: Rect, window: Rect) -> None:
        """In each corner of the canvas the window keeps its size and stays on the canvas."""
        found = flare(PHOTO, selection)
        assert found.window == window
        assert not found.padded

    @pytest.mark.parametrize(
        ("context", "least"), [("tight", 100), ("normal", 400), ("wide", 800), ("whole", 800)]
    )
    def test_context_is_the_share_of_the_longer_edge(self, context: str, least: int) -> None:
        """An 800-pixel selection has an eighth, half or all of 800 around it on every side."""
        found = flare(PHOTO, Rect(1600, 1200, 800, 600), context)
        assert found.window.contains(grown(found.selection, least, PHOTO))

    @pytest.mark.parametrize(("context", "edge"), [("tight", 96), ("normal", 160), ("wide", 288)])
    def test_context_has_a_least_width(self, context: str, edge: int) -> None:
        """Around 32 pixels it is 32, 64 or 128 on every side, as a model without a least size shows."""
        sizes = replace(FREE, min_pixels=1)
        found = plan(PHOTO, Rect(1000, 1000, 32, 32), sizes, lambda size: size.area, context, "native")
        assert found.request_size == Size(edge, edge)

    def test_more_context_costs_more(self) -> None:
        """The contexts differ where the selection is large enough for it to matter."""
        areas = [flare(PHOTO, Rect(1600, 1200, 800, 600), context).request_size.area for context in CONTEXTS]
        assert areas == sorted(set(areas))

    def test_whole_context_is_the_whole_canvas(self) -> None:
        """A canvas that fits is sent with everything on it, at scale 1."""
        found = flare(Size(1920, 1280), Rect(30, 40, 300, 200), "whole")
        assert found.window == Rect(0, 0, 1920, 1280)
        assert found.request_size == Size(1920, 1280)

    def test_context_gives_way_before_the_scale_does(self) -> None:
        """A selection that fits only without its context is sent pixel for pixel, with what fits."""
        found = flare(Size(6000, 6000), Rect(1000, 2000, 3200, 2000), "wide")
        assert found.scale == 1
        assert found.window == Rect(832, 1832, 3536, 2336)

    def test_context_of_less_than_a_step_is_given_up_for_padding(self) -> None:
        """1000x700 is no multiple of 16: the window is the largest that is, and nothing is padded."""
        found = flare(Size(1000, 700), Rect(500, 300, 300, 200), "whole")
        assert found.request_size == Size(992, 688)
        assert not found.padded
        assert found.window.contains(grown(found.selection, 16, found.canvas))

    def test_a_selection_to_both_edges_is_padded(self) -> None:
        """Where the selection itself takes the last pixels, they are sent and the rest is padding."""
        found = flare(Size(1000, 700), Rect(0, 0, 1000, 700))
        assert found.window == Rect(-4, -2, 1008, 704)
        assert found.padding == Padding(4, 2, 4, 2)
        assert found.visible == Rect(0, 0, 1000, 700)
        assert found.to_request(found.visible) == Rect(4, 2, 1000, 700)

    def test_a_small_canvas_is_centred_in_its_window(self) -> None:
        """Below the least request size the canvas lies in the middle, at scale 1."""
        found = flare(Size(301, 203), Rect(10, 20, 200, 150), detail="native")
        assert found.scale == 1
        assert FREE.legal(found.request_size)
        assert found.padding.right - found.padding.left in (0, 1)
        assert found.padding.bottom - found.padding.top in (0, 1)
        assert found.window.contains(Rect(0, 0, 301, 203))

    def test_a_small_selection_is_magnified(self) -> None:
        """60x40 is drawn at four times its size, in a window of exactly a quarter of the request."""
        found = flare(PHOTO, Rect(1000, 800, 60, 40))
        assert found.scale == 4
        assert found.magnified
        assert found.request_size == Size(992, 672)
        assert found.window == Rect(906, 736, 248, 168)
        assert found.to_request(Rect(1000, 800, 60, 40)) == Rect(376, 256, 240, 160)
        assert found.to_canvas(Rect(377, 257, 2, 2)) == Rect(1000, 800, 1, 1)
        assert found.to_canvas(Rect(379, 259, 2, 2)) == Rect(1000, 800, 2, 2)

    @pytest.mark.parametrize(
        ("edge", "times"), [(128, 1), (127, 2), (64, 2), (63, 4), (32, 4), (31, 8), (1, 8)]
    )
    def test_automatic_detail_is_the_least_that_brings_128_pixels(self, edge: int, times: int) -> None:
        """The longer edge decides; eight times is the most."""
        assert flare(PHOTO, Rect(1000, 1000, edge, 1)).scale == times

    @pytest.mark.parametrize("edge", [1, 60, 300])
    def test_native_detail_never_magnifies(self, edge: int) -> None:
        """Even a single pixel stays one."""
        assert flare(PHOTO, Rect(1000, 1000, edge, edge), detail="native").scale == 1

    @pytest.mark.parametrize(("edge", "times"), [(40, 4), (300, 2), (1200, 2)])
    def test_magnified_detail_is_at_least_twice(self, edge: int, times: int) -> None:
        """What is magnified anyway stays so; anything else is doubled."""
        assert flare(PHOTO, Rect(1000, 1000, edge, edge), detail="magnified").scale == times

    def test_what_is_too_large_to_magnify_is_sent_as_it_is(self) -> None:
        """2000x1400 twice is over the limit, once is not."""
        assert flare(PHOTO, Rect(900, 900, 2000, 1400), detail="magnified").scale == 1

    def test_whole_context_limits_the_automatic_magnification(self) -> None:
        """Twice is as much as the whole of this canvas can be sent, although 20 pixels would have eight."""
        found = flare(Size(960, 640), Rect(300, 200, 20, 20), "whole")
        assert (found.scale, found.window) == (2, Rect(0, 0, 960, 640))

    def test_a_selection_over_the_limit_is_reduced(self) -> None:
        """8000x6000 keeps as much as the pixel limit allows, the same on both axes."""
        found = flare(Size(8000, 6000), Rect(0, 0, 8000, 6000))
        assert found.request_size == Size(3312, 2496)
        assert found.window == Rect(0, -14, 8000, 6029)
        assert found.scale == Fraction(3312, 8000)
        assert found.padding == Padding(0, 14, 0, 15)
        assert found.to_canvas(found.to_request(found.selection)).contains(found.selection)

    def test_a_reduced_window_has_sixteen_pixels_of_context(self) -> None:
        """The model sees the surroundings of a selection even when it has to be reduced."""
        found = flare(Size(9000, 7000), Rect(500, 600, 6000, 3000))
        assert found.reduced
        assert found.window.contains(Rect(484, 584, 6032, 3032))

    def test_a_reduction_by_a_hair_is_one(self) -> None:
        """One pixel too many on the longer axis makes the scale less than 1, though the width nearly fits."""
        found = flare(Size(1280, 3841), Rect(0, 0, 1280, 3841))
        assert found.reduced
        assert found.request_size == Size(1280, 3840)
        assert found.window.contains(Rect(0, 0, 1280, 3841))

    def test_a_line_is_reduced_and_padded(self) -> None:
        """30000x1 has no legal shape: the widest legal size holds it, with padding above and below."""
        found = flare(Size(30000, 1), Rect(0, 0, 30000, 1))
        assert found.request_size == Size(3840, 1280)
        assert found.window == Rect(0, -4999, 30000, 10000)
        assert found.padding == Padding(0, 4999, 0, 5000)

    def test_a_selection_is_clipped_to_the_canvas(self) -> None:
        """What hangs over the edge is not sent; the rest plans as if it had been selected alone."""
        assert flare(PHOTO, Rect(-150, 2900, 300, 200)) == flare(PHOTO, Rect(0, 2900, 150, 100))

    @pytest.mark.parametrize(
        "selection", [Rect(4000, 0, 10, 10), Rect(-10, 5, 10, 10), Rect(5, 5, 0, 10), Rect(5, 3000, 1, 1)]
    )
    def test_nothing_selected_says_so(self, selection: Rect) -> None:
        """Beside the canvas, or empty, is no selection."""
        with pytest.raises(NothingSelected):
            flare(PHOTO, selection)

    @pytest.mark.parametrize(("context", "detail"), [("narrow", "auto"), ("normal", "fine")])
    def test_unknown_words_are_refused(self, context: str, detail: str) -> None:
        """A word that is no context or detail is a mistake of the caller."""
        with pytest.raises(ValueError, match="unknown"):
            flare(PHOTO, Rect(0, 0, 10, 10), context, detail)


class TestFixedSizes:
    def test_the_cheapest_size_that_holds_it(self) -> None:
        """500x400 with its context fits the square, the cheapest of three."""
        assert legacy(PHOTO, Rect(1000, 1000, 500, 400)).window == Rect(738, 688, 1024, 1024)

    def test_a_wide_selection_takes_the_wide_size(self) -> None:
        """1200x300 fits only one of the three at scale 1."""
        found = legacy(PHOTO, Rect(1000, 1000, 1200, 300), "tight")
        assert (found.request_size, found.scale) == (Size(1536, 1024), 1)

    def test_a_wide_canvas_prefers_the_wide_size(self) -> None:
        """Fewer pixels beyond the canvas come before the price."""
        assert legacy(Size(1600, 900), Rect(10, 10, 200, 200)).padding == Padding(0, 62, 0, 62)
        assert legacy(Size(1600, 1024), Rect(10, 10, 200, 200)).padding == Padding(0, 0, 0, 0)

    def test_magnification_must_divide_the_size(self) -> None:
        """1020 is no multiple of 8: ten pixels are magnified four times, the most that maps exactly."""
        sizes = replace(FIXED, fixed=(Size(1020, 1020),))
        found = plan(PHOTO, Rect(500, 500, 10, 10), sizes, lambda size: size.area)
        assert (found.scale, found.window) == (4, Rect(377, 377, 255, 255))

    def test_a_large_selection_is_reduced(self) -> None:
        """3000x2000 keeps 1536/3000 of its pixels across."""
        found = legacy(PHOTO, Rect(500, 500, 3000, 2000), "tight")
        assert found.request_size == Size(1536, 1024)
        assert found.window == Rect(476, 484, 3048, 2032)
        assert found.scale == Fraction(1536, 3048)


class TestWhole:
    def test_a_canvas_that_fits_is_sent_as_it_is(self) -> None:
        """A legal canvas is its own request."""
        found = whole(Size(1536, 1024), FREE, medium_price)
        assert (found.window, found.request_size) == (Rect(0, 0, 1536, 1024), Size(1536, 1024))

    def test_the_next_multiple_is_padded(self) -> None:
        """1920x1080 is sent as 1920x1088, four rows above and below: no pixel of the canvas is left out."""
        found = whole(Size(1920, 1080), FREE, medium_price)
        assert (found.request_size, found.padding) == (Size(1920, 1088), Padding(0, 4, 0, 4))

    def test_a_large_canvas_is_reduced(self) -> None:
        """6000x4000 is 24 million pixels; 8.3 million may be asked for."""
        found = whole(Size(6000, 4000), FREE, medium_price)
        assert found.request_size == Size(3520, 2352)
        assert found.window == Rect(0, -4, 6000, 4009)

    def test_a_small_canvas_is_magnified(self) -> None:
        """300x200 is drawn at four times the size, with as little padding as the sizes allow."""
        found = whole(Size(300, 200), FREE, medium_price)
        assert (found.request_size, found.scale) == (Size(1200, 800), 4)
        assert found.window == Rect(0, 0, 300, 200)

    def test_a_tiny_canvas_is_magnified_eight_times_and_padded(self) -> None:
        """One pixel becomes eight by eight, in the cheapest of the smallest windows."""
        found = whole(Size(1, 1), FREE, medium_price)
        assert (found.scale, found.request_size.area) == (8, 655_360)
        assert found.to_request(Rect(0, 0, 1, 1)).size == Size(8, 8)

    def test_a_strip_that_magnified_would_be_too_long_is_padded(self) -> None:
        """3000x10 cannot be made larger, so it stays as it is."""
        found = whole(Size(3000, 10), FREE, medium_price)
        assert found.scale == 1 and found.padded

    def test_native_detail_pads_instead(self) -> None:
        """One pixel stays one pixel when no resampling is wanted."""
        found = whole(Size(1, 1), FREE, medium_price, "native")
        assert (found.scale, found.request_size.area) == (1, 655_360)

    def test_an_empty_canvas_has_nothing_to_send(self) -> None:
        """No pixels, no request."""
        with pytest.raises(NothingSelected):
            whole(Size(0, 10), FREE, medium_price)


class TestDescription:
    @pytest.mark.parametrize(
        ("canvas", "selection", "text"),
        [
            (PHOTO, Rect(1850, 1400, 300, 200), "992 x 672 at 1:1"),
            (PHOTO, Rect(1000, 800, 60, 40), "992 x 672, magnified 4 times"),
            (Size(7680, 5120), Rect(0, 0, 7680, 3840), "3840 x 1936, reduced to 50 %"),
            (
                Size(1000, 700),
                Rect(0, 0, 1000, 700),
                "1008 x 704 at 1:1, padded by 8 x 4 px beyond the canvas",
            ),
            (
                Size(1920, 1080),
                Rect(0, 0, 1920, 1080),
                "1920 x 1088 at 1:1, padded by 8 px beyond the canvas",
            ),
            (
                Size(1280, 3841),
                Rect(0, 0, 1280, 3841),
                "1280 x 3840, reduced to 99 %, padded by 1 x 2 px beyond the canvas",
            ),
        ],
    )
    def test_says_size_scale_and_padding(self, canvas: Size, selection: Rect, text: str) -> None:
        """One line tells what will be sent; what is reduced by a hair is not called 100 %."""
        assert flare(canvas, selection).describe() == text
