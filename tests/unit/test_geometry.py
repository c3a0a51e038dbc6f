# SPDX-License-Identifier: GPL-3.0-or-later
"""The window, its request size and the mapping back: examples, then laws over all canvases."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scumble.catalog import SizeRule, load
from scumble.cost import input_tokens, output_tokens
from scumble.errors import NothingSelected
from scumble.geometry import CONTEXTS, DETAILS, Plan, plan, whole
from scumble.shapes import Padding, Rect, Size

FREE = load().find("gpt-image-2.5-flare").sizes
FIXED = load().find("gpt-image-1.5").sizes
PHOTO = Size(4000, 3000)


def medium_price(size: Size) -> int:
    """Output tokens of 2.5 Flare at medium: 24 * round(24 * S / L) * (2,000,000 + area) / 4,000,000."""
    steps = (2 * 24 * size.shorter + size.longer) // (2 * size.longer)
    return -(-24 * steps * (2_000_000 + size.area) // 4_000_000) * 30


def legacy_price(size: Size) -> int:
    """Output tokens of gpt-image-1.5 at medium, from its table."""
    return {Size(1024, 1024): 1056, Size(1024, 1536): 1584, Size(1536, 1024): 1568}[size] * 32


def flare(canvas: Size, selection: Rect, context: str = "normal", detail: str = "auto") -> Plan:
    return plan(canvas, selection, FREE, medium_price, context, detail)


def legacy(canvas: Size, selection: Rect, context: str = "normal", detail: str = "auto") -> Plan:
    return plan(canvas, selection, FIXED, legacy_price, context, detail)


@cache
def all_legal() -> list[Size]:
    """Every size that the free rule allows, tried one by one."""
    edges = range(FREE.multiple_of, FREE.max_edge + 1, FREE.multiple_of)
    return [Size(width, height) for width in edges for height in edges if FREE.legal(Size(width, height))]


def fits(size: Size, sizes: SizeRule) -> bool:
    """Whether some legal size is at least as large, found by trying them all."""
    legal = sizes.fixed or all_legal()
    return any(each.width >= size.width and each.height >= size.height for each in legal)


def grown(rect: Rect, margin: int, canvas: Size) -> Rect:
    around = Rect.between(rect.x - margin, rect.y - margin, rect.right + margin, rect.bottom + margin)
    return around.intersection(Rect(0, 0, *canvas))


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


@st.composite
def selections_on(draw: st.DrawFn, canvas: Size) -> Rect:
    """Any rectangle with a pixel on the canvas; it may hang over every edge."""
    x, y = draw(st.integers(-50, canvas.width - 1)), draw(st.integers(-50, canvas.height - 1))
    width = draw(st.integers(max(1, 1 - x), canvas.width + 50))
    height = draw(st.integers(max(1, 1 - y), canvas.height + 50))
    if draw(st.booleans()):
        width, height = min(width, max(1, 1 - x) + 300), min(height, max(1, 1 - y) + 300)
    return Rect(x, y, width, height)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Size, Rect, bool, str, str]:
    """(canvas, selection, whether the model has fixed sizes, context, detail)."""
    most = draw(st.sampled_from((40, 900, 4500, 30000)))
    canvas = Size(draw(st.integers(1, most)), draw(st.integers(1, most)))
    selection = draw(selections_on(canvas))
    return (
        canvas,
        selection,
        draw(st.booleans()),
        draw(st.sampled_from(CONTEXTS)),
        draw(st.sampled_from(DETAILS)),
    )


def answered(question: tuple[Size, Rect, bool, str, str]) -> tuple[Plan, SizeRule]:
    canvas, selection, fixed, context, detail = question
    if fixed:
        return legacy(canvas, selection, context, detail), FIXED
    return flare(canvas, selection, context, detail), FREE


LAWS = settings(max_examples=150, deadline=None)


class TestLaws:
    @LAWS
    @given(questions())
    @example((Size(1280, 3841), Rect(0, 0, 1280, 3841), False, "normal", "auto"))
    @example((Size(30000, 30000), Rect(0, 0, 30000, 30000), False, "whole", "magnified"))
    @example((Size(1, 1), Rect(0, 0, 1, 1), False, "whole", "auto"))
    def test_the_request_is_legal_and_the_window_holds_the_selection(
        self, question: tuple[Size, Rect, bool, str, str]
    ) -> None:
        """Whatever is asked: a size the model makes, and every selected pixel of the canvas in the window."""
        found, sizes = answered(question)
        canvas, selection, *_ = question
        assert sizes.legal(found.request_size)
        assert found.canvas == canvas
        assert found.selection == selection.intersection(Rect(0, 0, *canvas))
        assert found.window.contains(found.selection)

    @LAWS
    @given(questions())
    def test_the_window_is_on_the_canvas_where_it_fits(
        self, question: tuple[Size, Rect, bool, str, str]
    ) -> None:
        """On an axis that has room the window has no padding; on one without, it holds all of the canvas."""
        found, _sizes = answered(question)
        window, canvas = found.window, found.canvas
        for start, end, length in (
            (window.x, window.right, canvas.width),
            (window.y, window.bottom, canvas.height),
        ):
            assert (start >= 0 and end <= length) if end - start <= length else (start <= 0 and end >= length)

    @LAWS
    @given(questions())
    def test_padding_is_what_the_canvas_lacks(self, question: tuple[Size, Rect, bool, str, str]) -> None:
        """Taking the padding off the window on each side leaves what is visible, and no side is negative."""
        found, _sizes = answered(question)
        left, top, right, bottom = found.padding
        window = found.window
        assert min(found.padding) >= 0
        assert found.visible == Rect.between(
            window.x + left, window.y + top, window.right - right, window.bottom - bottom
        )
        assert Rect(0, 0, *found.canvas).contains(found.visible)
        assert found.padded == (found.visible != window)

    @LAWS
    @given(questions(), st.data())
    def test_at_scale_1_there_and_back_is_the_identity(
        self, question: tuple[Size, Rect, bool, str, str], data: st.DataObject
    ) -> None:
        """Pixel for pixel: same sizes, and every rectangle maps onto itself both ways, outside it too."""
        found, _sizes = answered((*question[:4], "native"))
        rect = Rect(*(data.draw(st.integers(-100, 30000)) for _ in "xy"), data.draw(st.integers(0, 9000)), 7)
        there = found.to_request(rect)
        if found.scale == 1:
            assert found.window.size == found.request_size
            assert there == rect._replace(x=rect.x - found.window.x, y=rect.y - found.window.y)
            assert found.to_canvas(there) == rect
            assert found.to_request(found.to_canvas(rect)) == rect
        else:
            assert found.to_canvas(there).contains(rect)

    @LAWS
    @given(questions())
    def test_magnification_is_exact(self, question: tuple[Size, Rect, bool, str, str]) -> None:
        """A magnified request is a whole multiple of its window on both axes, as is each mapped pixel."""
        found, _sizes = answered(question)
        if found.magnified:
            times = found.scale.numerator
            assert found.scale in (2, 4, 8)
            assert found.request_size == Size(found.window.width * times, found.window.height * times)
            assert found.to_request(found.selection).size == Size(
                found.selection.width * times, found.selection.height * times
            )
            assert found.to_canvas(found.to_request(found.selection)) == found.selection

    @LAWS
    @given(questions())
    @example((PHOTO, Rect(80, 100, 3830, 1900), False, "normal", "auto"))
    @example((PHOTO, Rect(80, 100, 3808, 1900), False, "normal", "auto"))
    def test_only_what_cannot_fit_is_reduced(self, question: tuple[Size, Rect, bool, str, str]) -> None:
        """Reduced means: no legal size holds the selection with 16 pixels around it."""
        found, sizes = answered(question)
        core = grown(found.selection, 16, found.canvas)
        assert found.reduced is not fits(core.size, sizes)
        assert found.window.contains(core) or found.magnified

    @LAWS
    @given(questions())
    def test_a_reduction_is_the_same_on_both_axes(self, question: tuple[Size, Rect, bool, str, str]) -> None:
        """The scales agree within half a canvas pixel over the window, and no selected pixel is lost."""
        found, _sizes = answered(question)
        if found.reduced:
            assert found.scale == Fraction(found.request_size.width, found.window.width)
            assert abs(found.request_size.height / found.scale - found.window.height) <= Fraction(1, 2)
            mapped = found.to_request(found.selection)
            assert Rect(0, 0, *found.request_size).contains(mapped)
            assert found.to_canvas(mapped).contains(found.selection)

    @LAWS
    @given(questions())
    def test_the_same_question_has_the_same_answer(self, question: tuple[Size, Rect, bool, str, str]) -> None:
        """Nothing is remembered and nothing depends on chance."""
        assert answered(question) == answered(question)

    @LAWS
    @given(st.integers(1, 30000), st.integers(1, 30000), st.booleans())
    def test_the_whole_of_a_canvas_is_sent(self, width: int, height: int, fixed: bool) -> None:
        """A whole-image request holds every pixel; what is magnified is a legal size exactly."""
        found = (
            whole(Size(width, height), FIXED, legacy_price)
            if fixed
            else whole(Size(width, height), FREE, medium_price)
        )
        assert found.visible == Rect(0, 0, width, height)
        assert (FIXED if fixed else FREE).legal(found.request_size)
        if found.magnified:
            assert found.request_size == tuple(edge * found.scale for edge in found.window.size)


class TestChoice:
    """The search tries few sizes; these try all of them."""

    @settings(max_examples=40, deadline=None)
    @given(st.data(), st.sampled_from([("tight", 32, 8), ("normal", 64, 2), ("wide", 128, 1)]))
    def test_no_size_that_holds_the_context_is_better(
        self, data: st.DataObject, context: tuple[str, int, int]
    ) -> None:
        """Of all legal sizes: fewest pixels outside, then least elongated beyond 3:2, then cheapest."""
        name, least, part = context
        canvas = Size(data.draw(st.integers(1, 5000)), data.draw(st.integers(1, 5000)))
        selection = data.draw(selections_on(canvas)).intersection(Rect(0, 0, *canvas))
        core = grown(selection, 16, canvas)
        held = grown(selection, max(least, -(-selection.size.longer // part)), canvas)
        needed = Size(
            min(held.width, max(core.width, canvas.width // 16 * 16)),
            min(held.height, max(core.height, canvas.height // 16 * 16)),
        )
        assume(fits(needed, FREE))
        cover = Size(-(-needed.width // 16) * 16, -(-needed.height // 16) * 16)
        sensible = max(Fraction(3, 2), Fraction(cover.longer, cover.shorter))

        def outside(size: Size) -> int:
            return size.area - min(size.width, canvas.width) * min(size.height, canvas.height)

        def merit(size: Size) -> tuple[Fraction, int, int]:
            excess = max(Fraction(0), Fraction(size.longer, size.shorter) - sensible)
            return excess, medium_price(size), size.area

        rivals = [s for s in all_legal() if s.width >= needed.width and s.height >= needed.height]
        fewest = min(outside(size) for size in rivals)
        found = flare(canvas, selection, name, "native").request_size
        assert outside(found) == fewest
        assert merit(found) == min(merit(size) for size in rivals if outside(size) == fewest)

    @settings(max_examples=40, deadline=None)
    @given(st.integers(3850, 30000), st.integers(1, 30000), st.booleans())
    def test_no_size_keeps_more_of_what_is_too_large(self, longer: int, shorter: int, standing: bool) -> None:
        """Of all legal sizes none reduces a whole canvas less."""
        canvas = Size(shorter, longer) if standing else Size(longer, shorter)

        def kept(size: Size) -> int:
            return min(size.width * canvas.height, size.height * canvas.width)

        found = whole(canvas, FREE, medium_price).request_size
        assert kept(found) == max(kept(size) for size in all_legal())

    @pytest.mark.parametrize(
        ("quality", "canvas", "selection", "cheapest"),
        [
            ("low", Size(5096, 1651), Rect(1811, 766, 1287, 619), Size(1696, 992)),
            ("medium", Size(1375, 2133), Rect(539, 188, 797, 91), Size(1296, 512)),
        ],
    )
    def test_the_price_of_the_sent_picture_counts(
        self, quality: str, canvas: Size, selection: Rect, cheapest: Size
    ) -> None:
        """Output tokens alone rule these sizes out; with the input tokens they are the cheapest."""
        model = load().find("gpt-image-2.5-flare")

        def full_price(size: Size) -> int:
            made = output_tokens(model, size, quality).expected
            return made * 30 + input_tokens(model, size) * 8

        assert plan(canvas, selection, FREE, full_price, "tight").request_size == cheapest

    def test_few_prices_are_asked_for(self) -> None:
        """A price takes the hosts some 50 microseconds; a plan asks for a hundred or so, each once."""
        asked: list[Size] = []

        def counted(size: Size) -> int:
            asked.append(size)
            return medium_price(size)

        plan(Size(5479, 3401), Rect(2088, 1808, 851, 1479), FREE, counted)
        assert 50 < len(asked) == len(set(asked)) < 120
