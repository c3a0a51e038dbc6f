# SPDX-License-Identifier: GPL-3.0-or-later
"""The same for less: every choice is legal, cheaper, and says what it gives up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble import catalog, cost, geometry
from scumble.alternatives import Choice, Window, cheaper
from scumble.catalog import Catalog
from scumble.errors import BadRequest
from scumble.geometry import CONTEXTS
from scumble.request import Picture, Request, check
from scumble.shapes import Rect, Size

TODAY = date(2026, 11, 22)
CATALOG = catalog.load()
FLARE = "gpt-image-2.5-flare"
GENERATE = Request("generate", FLARE, "planks", Size(1536, 1024), "high")


def edit(window: Window, model: str = FLARE, quality: str = "medium") -> Request:
    chosen = CATALOG.find(model)
    found = geometry.plan(
        window.canvas,
        window.selection,
        chosen.sizes,
        cost.price_by_size(chosen, "edit", quality),
        window.context,
        window.detail,
    )
    return Request("edit", model, "", found.request_size, quality, images=(Picture(found.request_size),))


def kinds(choices: tuple[Choice, ...]) -> list[str]:
    return [choice.changes for choice in choices]


def test_lower_qualities_come_cheapest_first_and_the_next_lower_is_among_them() -> None:
    """The one that gives up least, and then more of them where nothing else is cheaper."""
    choices = cheaper(GENERATE, CATALOG, TODAY)
    assert [(choice.changes, choice.quality, choice.saves) for choice in choices] == [
        ("quality", "low", 41_160 - 4_740),
        ("quality", "medium", 41_160 - 10_290),
    ]
    assert choices[1].gives_up == "quality medium instead of high"
    assert {choice.model for choice in choices} == {FLARE} and {choice.context for choice in choices} == {""}


def models(choices: tuple[Choice, ...]) -> list[Choice]:
    return [choice for choice in choices if choice.changes == "model"]


def test_an_exact_model_goes_before_one_whose_price_is_a_guess() -> None:
    """Another model keeps the quality, and is named by its title."""
    asked = replace(GENERATE, model="gpt-image-2", size=Size(1536, 1024), quality="medium")
    for choice in models(cheaper(asked, CATALOG, TODAY)):
        assert choice.estimate.exact and choice.quality == "medium"
        assert choice.gives_up.startswith(f"{CATALOG.find(choice.model).title} instead of ")
    guess = replace(CATALOG.find("gpt-image-2.6-flare"), prices=scaled(CATALOG, 10))
    known = CATALOG.find(FLARE)
    both = replace(CATALOG, models=(guess, known, CATALOG.find("gpt-image-2")))
    offered = {choice.model: choice.gives_up for choice in models(cheaper(asked, both, TODAY))}
    assert set(offered) == {guess.id, known.id}
    assert "its price is not exact" in offered[guess.id] and "exact" not in offered[known.id]
    more = replace(both, models=(*both.models, replace(known, id="b"), replace(known, id="c")))
    assert guess.id not in {choice.model for choice in models(cheaper(asked, more, TODAY))}


def test_the_end_of_a_model_is_said() -> None:
    """Who changes to it should know."""
    asked = replace(GENERATE, size=Size(1024, 1024), quality="medium")
    (other,) = models(cheaper(asked, CATALOG, TODAY))
    shutdown = CATALOG.find(other.model).shutdown
    assert shutdown is not None and f"it ends on {shutdown.isoformat()}" in other.gives_up


def test_a_model_that_has_ended_is_not_offered() -> None:
    """The same request after its last day."""
    asked = replace(GENERATE, size=Size(1024, 1024), quality="medium")
    assert "model" in kinds(cheaper(asked, CATALOG, date(2026, 11, 30)))
    assert "model" not in kinds(cheaper(asked, CATALOG, date(2026, 12, 1)))


def test_a_window_may_be_narrower() -> None:
    """With the context that it is had with, and the plan in words."""
    window = Window(Size(4000, 3000), Rect(900, 700, 1400, 1000), "wide")
    choices = cheaper(edit(window), CATALOG, TODAY, window)
    assert [choice.context for choice in choices if choice.changes == "window"] == ["tight", "normal"]
    narrower = next(choice for choice in choices if choice.context == "normal")
    assert narrower.estimate == cost.estimate(edit(replace(window, context="normal")), CATALOG.find(FLARE))
    assert narrower.gives_up.startswith("less context around the selection: ")
    assert [choice.context for choice in choices if choice.changes != "window"] == ["wide"]


def test_a_mask_and_a_markup_layer_stay_with_the_request() -> None:
    """Models that take none are not offered, and their cost is in both prices."""
    window = Window(Size(4000, 3000), Rect(900, 700, 1400, 1000), "wide")
    request = edit(window)
    overlay = Picture(request.images[0].size)
    plain = replace(CATALOG.find(FLARE), id="plain", snapshots=(), prices=scaled(CATALOG, 50))
    one = replace(CATALOG, models=(CATALOG.find(FLARE), plain))
    maskless = replace(one, models=(one.models[0], replace(plain, mask=False)))
    assert "model" in kinds(cheaper(replace(request, mask=overlay), one, TODAY, window))
    assert "model" not in kinds(cheaper(replace(request, mask=overlay), maskless, TODAY, window))
    marked = cheaper(replace(request, markup=overlay), one, TODAY, window)
    assert marked and all(
        sum(line.tokens.high for line in choice.estimate.lines if line.part == "image_input")
        == 2 * cost.input_tokens(plain, Size.parse(choice.estimate.size))
        for choice in marked
    )


def test_without_a_window_no_other_is_offered() -> None:
    """A whole picture stays whole."""
    window = Window(Size(4000, 3000), Rect(900, 700, 1400, 1000), "wide")
    assert "window" not in kinds(cheaper(edit(window), CATALOG, TODAY))


def test_what_a_model_chooses_itself_may_be_named_instead() -> None:
    """What another model would choose instead is not the same for less."""
    choices = cheaper(replace(GENERATE, quality="auto"), CATALOG, TODAY)
    assert choices and all("instead of what the model chooses" in each.gives_up for each in choices)


def test_nothing_is_offered_for_a_price_that_nobody_knows() -> None:
    """There is nothing to compare with."""
    unpriced = replace(CATALOG.find(FLARE), prices=None)
    others = tuple(model for model in CATALOG.models if model.id != FLARE)
    assert cheaper(GENERATE, replace(CATALOG, models=(unpriced, *others)), TODAY) == ()


def test_nor_for_the_cheapest_there_is() -> None:
    """What saves less than a twentieth is not worth a line."""
    models = tuple(model for model in CATALOG.models if model.id == FLARE)
    only = replace(CATALOG, models=models)
    assert cheaper(replace(GENERATE, quality="low"), only, TODAY) == ()
    nearly = replace(models[0], id="nearly", snapshots=(), prices=scaled(only, 96))
    enough = replace(models[0], id="enough", snapshots=(), prices=scaled(only, 95))
    asked = replace(GENERATE, quality="low", prompt="", size=Size(1536, 1024))
    offered = cheaper(asked, replace(only, models=(*models, nearly, enough)), TODAY)
    assert [choice.model for choice in offered] == ["enough"]


def scaled(one: Catalog, percent: int) -> catalog.Prices:
    prices = one.models[0].prices
    assert prices is not None
    return replace(prices, image_output=prices.image_output * percent // 100)


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from([model.id for model in CATALOG.live(TODAY)]),
    quality=st.sampled_from(("low", "medium", "high", "max", "auto")),
    x=st.integers(0, 3000),
    y=st.integers(0, 2000),
    edge=st.integers(10, 2000),
    context=st.sampled_from(CONTEXTS),
)
def test_every_choice_is_legal_cheaper_and_changes_one_thing(
    model: str, quality: str, x: int, y: int, edge: int, context: str
) -> None:
    """For any selection, model, quality and context: at most three, and each can be asked for as it says."""
    chosen = CATALOG.find(model)
    if quality not in (*chosen.qualities, "auto"):
        return
    window = Window(Size(4000, 3000), Rect(x, y, edge, edge), context)
    request = edit(window, model, quality)
    asked = cost.estimate(request, chosen)
    choices = cheaper(request, CATALOG, TODAY, window)
    assert len(choices) <= 3 and len(set(choices)) == len(choices)
    assert list(choices) == sorted(choices, key=lambda choice: choice.estimate.cost.expected)
    for choice in choices:
        assert choice.saves == asked.cost.expected - choice.estimate.cost.expected > 0
        assert choice.estimate.cost.high <= asked.cost.high and choice.estimate.priced and choice.gives_up
        differs = {
            "model": choice.model != model,
            "quality": choice.quality != quality,
            "window": choice.context != context,
        }
        assert [name for name, is_so in differs.items() if is_so] == [choice.changes]
        size = Size.parse(choice.estimate.size)
        other = replace(
            request,
            model=choice.model,
            quality=choice.quality,
            size=size,
            prompt="x",
            images=(Picture(size),),
        )
        check(other, CATALOG.find(choice.model), TODAY)
        again = edit(replace(window, context=choice.context), choice.model, choice.quality)
        assert cost.estimate(again, CATALOG.find(choice.model)) == choice.estimate


@settings(max_examples=150, deadline=None)
@given(
    model=st.sampled_from([model.id for model in CATALOG.live(TODAY)]),
    kind=st.sampled_from(("generate", "edit")),
    size=st.sampled_from((None, *map(Size.parse, ("1024x1024", "256x256", "1536x1024", "3840x2160")))),
    quality=st.sampled_from(("low", "medium", "high", "max", "auto")),
    n=st.sampled_from((1, 1, 4)),
    output_format=st.sampled_from(("png", "jpeg", "webp", "gif", "svg")),
    background=st.sampled_from(("auto", "transparent")),
    moderation=st.sampled_from(("auto", "low")),
    partial_images=st.sampled_from((0, 0, 3)),
)
def test_whatever_is_asked_a_choice_can_be_asked_for_and_reserves_no_more(
    model: str, kind: Literal["generate", "edit"], **asked: Any
) -> None:
    """GIFs and SVGs, previews, several at once: also what a budget holds back is never more."""
    images = (Picture(Size(1024, 768)),) if kind == "edit" else ()
    request = Request(kind, model, "x", images=images, **asked)
    try:
        check(request, CATALOG.find(model), TODAY)
    except BadRequest:
        return
    before = cost.estimate(request, CATALOG.find(model))
    for choice in cheaper(request, CATALOG, TODAY):
        other = replace(request, model=choice.model, quality=choice.quality)
        check(other, CATALOG.find(choice.model), TODAY)
        priced = cost.estimate(other, CATALOG.find(choice.model))
        assert priced == choice.estimate
        assert priced.cost.expected < before.cost.expected and priced.reserve <= before.reserve


def test_a_better_quality_is_never_offered_for_less() -> None:
    """Though bills that prices were learned from may say so: nothing would be given up."""

    def learned(request: Request, model: catalog.Model) -> cost.Estimate:
        priced = cost.estimate(request, model)
        upside_down = {"low": 40, "medium": 20, "high": 10}[request.quality]
        return replace(priced, cost=cost.Span.exact(upside_down)) if model.id == FLARE else priced

    only = replace(CATALOG, models=(replace(CATALOG.find(FLARE), qualities=("low", "medium", "high")),))
    assert cheaper(replace(GENERATE, quality="medium"), only, TODAY, price=learned) == ()


def test_what_the_window_is_already_is_no_choice() -> None:
    """Where less context makes the same window, or the same quality another price, nothing is offered."""
    window = Window(Size(4000, 3000), Rect(100, 100, 300, 200))
    dearer = replace(edit(window), size=Size(2048, 2048), images=(Picture(Size(2048, 2048)),))
    for choice in cheaper(dearer, CATALOG, TODAY, window):
        assert (choice.quality, choice.changes) != (dearer.quality, "quality")
        assert choice.changes != "window" or choice.estimate.size != str(edit(window).size)


@pytest.mark.parametrize("model", [model.id for model in CATALOG.live(TODAY)])
def test_every_live_model_is_answered(model: str) -> None:
    """Also one with a price table, and for words alone with the size left open where that is possible."""
    for size in (Size(1024, 1024), None):
        choices = cheaper(replace(GENERATE, model=model, size=size, prompt=""), CATALOG, TODAY)
        assert len(choices) <= 3
