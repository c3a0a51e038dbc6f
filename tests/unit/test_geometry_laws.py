# SPDX-License-Identifier: GPL-3.0-or-later
"""The window, its request size and the mapping back: laws over all canvases."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scumble.catalog import SizeRule, load
from scumble.cost import input_tokens, output_tokens
from scumble.geometry import CONTEXTS, DETAILS, Plan, plan, whole
from scumble.shapes import Rect, Size
from tests.unit.geometry_cases import (
    FIXED,
    FREE,
    PHOTO,
    all_legal,
    fits,
    flare,
    grown,
    legacy,
    legacy_price,
    medium_price,
)


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
