# SPDX-License-Identifier: GPL-3.0-or-later
"""A turn of a conversation: what is refused before it is sent, its price, its bound, its bill."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble import cost, turns
from scumble.catalog import Model, TextModel
from scumble.errors import BadRequest, UnsupportedOption
from scumble.request import Picture
from scumble.shapes import Size
from scumble.turns import Before, Made, Said, Turn
from tests.unit.conversations_cases import CATALOG, EDIT, FLARE, LUNA, PNG, SIZE, TURN

TODAY = date(2026, 11, 22)
BEFORE = Before("resp_1", (SIZE,), words=4_200, tokens=2_754)
LATER = replace(TURN, request=replace(TURN.request, kind="edit"), before=BEFORE)
UNPRICED = replace(LUNA, prices=None)


def price(turn: Turn, text_model: TextModel = LUNA, model: Model = FLARE) -> cost.Estimate:
    return turns.estimate(turn, model, text_model)


@pytest.mark.parametrize("turn", [TURN, EDIT, LATER, replace(TURN, in_background=True)])
def test_what_the_service_takes_is_let_through(turn: Turn) -> None:
    """A later edit needs no picture of its own: the conversation has one."""
    turns.check(turn, FLARE, LUNA, TODAY)


@pytest.mark.parametrize(
    ("turn", "option"),
    [
        (replace(TURN, request=replace(TURN.request, n=2)), "n"),
        (replace(TURN, request=replace(TURN.request, partial_images=1)), "partial_images"),
        (replace(EDIT, request=replace(EDIT.request, markup=Picture(SIZE, PNG))), "markup"),
        (replace(TURN, output_tokens_max=100), "max_output_tokens"),
        (replace(TURN, output_tokens_max=200_000), "max_output_tokens"),
    ],
)
def test_what_the_image_tool_lacks_is_refused(turn: Turn, option: str) -> None:
    """Naming the option and what would work, before anything is sent."""
    with pytest.raises(UnsupportedOption) as caught:
        turns.check(turn, FLARE, LUNA, TODAY)
    assert caught.value.details["option"] == option
    assert caught.value.details["choices"]


@pytest.mark.parametrize(
    "turn",
    [
        replace(TURN, request=replace(TURN.request, kind="edit")),
        replace(LATER, request=replace(LATER.request, mask=Picture(SIZE, PNG))),
        replace(LATER, request=replace(LATER.request, size=Size(512, 512))),
        replace(LATER, before=replace(BEFORE, words=900_000)),
    ],
    ids=["nothing to edit", "a mask on nothing", "a size that is not made", "too long"],
)
def test_what_no_image_model_would_make_is_refused(turn: Turn) -> None:
    """By the rules of a request, and by the length that the text model can read."""
    with pytest.raises(BadRequest):
        turns.check(turn, FLARE, LUNA, TODAY)


def test_a_model_without_the_responses_api_is_refused() -> None:
    """Whatever else it can do."""
    alone = replace(FLARE, endpoints=FLARE.endpoints - {"responses"})
    with pytest.raises(UnsupportedOption):
        turns.check(TURN, alone, LUNA, TODAY)


def test_the_estimate_is_the_images_and_the_conversations_lines() -> None:
    """With a reason for each, and a reason why it is no exact price."""
    found = price(TURN)
    assert [line.part for line in found.lines] == [
        "text_input",
        "image_output",
        "conversation_input",
        "conversation_output",
    ]
    assert not found.exact and found.reason
    assert all(line.reason for line in found.lines)
    assert found.cost.expected == sum(line.cost.expected for line in found.lines)
    image = cost.estimate(TURN.request, FLARE)
    assert found.lines[1] == image.lines[1]
    assert found.cost.low < found.cost.expected < found.cost.high <= found.reserve


def test_without_the_text_models_prices_nothing_is_priced() -> None:
    """Never the image alone, which would count the words as free."""
    found = price(TURN, UNPRICED)
    assert (found.priced, found.reserve, found.lines) == (False, 0, ())
    assert UNPRICED.id in found.reason


def test_a_later_turn_costs_more_than_the_first() -> None:
    """Because the conversation is read again, and its picture is sent to the image model."""
    assert price(LATER).reserve > price(TURN).reserve
    (line,) = [line for line in price(LATER).lines if line.part == "image_input"]
    assert line.tokens.high == cost.input_tokens(FLARE, SIZE)


def test_the_bill_is_what_was_counted() -> None:
    """Each at its rate, cached tokens at theirs."""
    made = Made(text_input=100, image_input=768, output=301, text_cached=40, image_cached=768)
    said = Said(input=2_600, output=200, cached=1_000, written=600)
    found = turns.bill(made, said, FLARE, LUNA, 0, 0)
    assert found.from_usage
    assert found.total == 300 + 50 + 1_536 + 9_030 + 100 + 10 + 75 + 100
    assert found.total == sum(line[3] for line in found.lines)


def test_a_long_conversation_is_billed_at_its_own_rates() -> None:
    """Above 272,000 tokens read: twice the input's rate, one and a half times the output's."""
    short = turns.bill(Made(0, 0, 0), Said(272_000, 1_000), FLARE, LUNA, 0, 0)
    long = turns.bill(Made(0, 0, 0), Said(272_001, 1_000), FLARE, LUNA, 0, 0)
    assert (short.total, long.total) == (27_200 + 500, 54_401 + 750)


@pytest.mark.parametrize(
    ("made", "said", "total"),
    [
        (None, Said(1_000, 200), 9_000 + 100 + 100),
        (Made(20, 0, 301), None, 100 + 9_030 + 400),
        (None, None, 9_400),
    ],
)
def test_what_was_not_counted_is_billed_as_expected_and_marked(
    made: Made | None, said: Said | None, total: int
) -> None:
    """Never as nothing."""
    found = turns.bill(made, said, FLARE, LUNA, 9_000, 400)
    assert (found.total, found.from_usage) == (total, False)


def test_nothing_is_billed_where_no_price_is_known() -> None:
    """And that is no known bill."""
    found = turns.bill(Made(20, 0, 301), Said(1_000, 200), replace(FLARE, prices=None), UNPRICED, 0, 0)
    assert (found.total, found.from_usage) == (0, False)


@given(
    model=st.sampled_from([model for model in CATALOG.live(TODAY) if "responses" in model.endpoints]),
    text_model=st.sampled_from(CATALOG.text_models),
    prompt=st.text(min_size=1, max_size=300),
    new=st.integers(0, 3),
    old=st.integers(0, 4),
    bound=st.integers(256, 20_000),
    share=st.tuples(*[st.integers(0, 100)] * 6),
)
def test_no_bill_within_the_turns_bounds_passes_the_reservation(
    model: Model,
    text_model: TextModel,
    prompt: str,
    new: int,
    old: int,
    bound: int,
    share: tuple[int, int, int, int, int, int],
) -> None:
    """Whatever is read, cached or written, as long as it is no more than the turn allows."""
    size = model.sizes.standard[0]
    before = Before("resp_1", (size,) * old, words=1_000 * old, tokens=5_000 * old) if old else None
    request = replace(
        TURN.request,
        kind="edit" if new or old else "generate",
        model=model.id,
        prompt=prompt,
        size=size,
        images=(Picture(size),) * new,
    )
    turn = Turn(request, text_model.id, before, output_tokens_max=bound)
    found = price(turn, text_model, model)
    lines = {line.part: line.tokens.high for line in found.lines}
    read = lines["conversation_input"] * share[0] // 100
    cached = read * share[1] // 100
    said = Said(read, bound * share[2] // 100, cached, (read - cached) * share[3] // 100)
    images = cost.input_tokens(model, size) * (new + old) * share[4] // 100
    made = Made(turn.words_after * share[5] // 100, images, lines["image_output"])
    assert turns.bill(made, said, model, text_model, 0, 0).total <= found.reserve + len(found.lines)
