# SPDX-License-Identifier: GPL-3.0-or-later
"""Prices: exact where the rules are known, a range that says why where not, never more than the reserve."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.catalog import Model, load
from scumble.cost import Bill, Span, Usage, bill, estimate, input_tokens, output_tokens, text_tokens
from scumble.errors import BadSize, UnsupportedOption
from scumble.money import parse_usd
from scumble.request import Picture, Request
from scumble.shapes import Size

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
CATALOG = load()
PRICED = [model for model in CATALOG.models if model.prices]
FLARE = CATALOG.find("gpt-image-2.5-flare")
SQUARE = Size(1024, 1024)
EXACT = ("gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.5-sunburst")
RANGES = ("gpt-image-2.6-flare", "gpt-image-2.6-sunburst")
ANY_SIZE = st.builds(Size, st.integers(1, 30000), st.integers(1, 30000))


def request_for(
    model: Model,
    size: Size | None = SQUARE,
    quality: str = "medium",
    n: int = 1,
    images: tuple[Size, ...] = (),
    prompt: str = "",
    partial_images: int = 0,
    markup: Size | None = None,
) -> Request:
    return Request(
        kind="edit" if images else "generate",
        model=model.id,
        prompt=prompt,
        size=size,
        quality=quality,
        n=n,
        images=tuple(Picture(each) for each in images),
        partial_images=partial_images,
        markup=None if markup is None else Picture(markup),
    )


def usage_for(model: Model, request: Request, prompt_tokens: int) -> Usage:
    """What the service would count by the published formulas."""
    images = [picture.size for picture in request.images]
    text = text_tokens(model, request.kind, prompt_tokens, len(images))
    return Usage(
        text_input=text * request.n,
        image_input=sum(input_tokens(model, size) for size in images) * request.n,
        output=output_tokens(model, request.size, request.quality).high * request.n,
    )


@pytest.mark.parametrize("vector", [v for v in VECTORS["output"] if v["exact"]], ids=str)
def test_output_tokens_equal_what_was_measured(vector: dict[str, object]) -> None:
    """Every measured or calculated count of the exact models is met to the token."""
    size = Size.parse(str(vector["size"]))
    model = CATALOG.find(str(vector["model"]))
    assert output_tokens(model, size, str(vector["quality"])) == Span.exact(int(str(vector["tokens"])))


@pytest.mark.parametrize("vector", [v for v in VECTORS["output"] if not v["exact"]], ids=str)
@pytest.mark.parametrize("name", RANGES)
def test_ranges_contain_what_was_measured(vector: dict[str, object], name: str) -> None:
    """The three measured counts of 2.6 lie inside the ranges, and within 5 % of the expected ones."""
    measured = int(str(vector["tokens"]))
    span = output_tokens(CATALOG.find(name), Size.parse(str(vector["size"])), str(vector["quality"]))
    assert span.low <= measured <= span.high
    assert abs(span.expected - measured) * 20 <= measured
    assert not span.is_exact


@pytest.mark.parametrize(("quality", "low", "high"), [("low", 588, 784), ("medium", 1317, 1756)])
def test_ranges_contain_the_reported_ratios(quality: str, low: int, high: int) -> None:
    """At 1024x1024, 2.6 was reported to use 3 to 4 times the tokens of 2.5 at low and medium."""
    span = output_tokens(CATALOG.find(RANGES[0]), Size(1024, 1024), quality)
    assert span.low <= low and high <= span.high


@pytest.mark.parametrize("vector", VECTORS["input"], ids=str)
def test_input_tokens_equal_what_was_measured(vector: dict[str, object]) -> None:
    """Every measured count of a sent picture is met."""
    size = Size(int(str(vector["w"])), int(str(vector["h"])))
    assert input_tokens(CATALOG.find(str(vector["model"])), size) == vector["tokens"]


@pytest.mark.parametrize("vector", VECTORS["text"], ids=str)
@pytest.mark.parametrize("name", EXACT)
def test_text_tokens_equal_what_was_measured(vector: dict[str, object], name: str) -> None:
    """The overhead beside the prompt's own tokens is the measured one."""
    prompt, images = int(str(vector["prompt_tokens"])), int(str(vector["images"]))
    assert text_tokens(CATALOG.find(name), str(vector["kind"]), prompt, images) == vector["billed"]


@pytest.mark.parametrize(
    ("size", "dollars_times_million"),
    [
        ("1024x1024", (5880, 13170, 52680, 93660, 210720)),
        ("1536x1024", (4740, 10290, 41160, 73770, 164640)),
        ("2048x2048", (11910, 26760, 107040, 190290, 428160)),
        ("3840x2160", (11130, 25950, 100080, 177900, 400260)),
    ],
)
def test_the_service_calculator_is_met_to_the_microdollar(
    size: str, dollars_times_million: tuple[int, ...]
) -> None:
    """The published example prices of 2.5 come out, for all five qualities."""
    priced = [estimate(request_for(FLARE, Size.parse(size), quality), FLARE) for quality in FLARE.qualities]
    assert tuple(each.cost.expected for each in priced) == dollars_times_million
    assert all(each.exact and each.cost.is_exact and each.reason == "" for each in priced)


@pytest.mark.parametrize("vector", VECTORS["per_image_usd"], ids=str)
def test_the_published_price_of_a_picture_is_met(vector: dict[str, str]) -> None:
    """To the tenth of a cent that it is published in; those of the older models that the service rounded up
    or never explained are no vectors (facts/openai-images.md, section 3)."""
    model = CATALOG.find(vector["model"])
    priced = estimate(request_for(model, Size.parse(vector["size"]), vector["quality"]), model)
    assert abs(priced.cost.expected - parse_usd(vector["usd"])) <= 500


def test_an_estimate_names_its_parts() -> None:
    """Each line says in words what is counted and at which rate, and the lines add up to the price."""
    priced = estimate(request_for(FLARE, prompt="a red door!", images=(Size(1536, 1024),)), FLARE)
    assert [(line.part, line.tokens.expected, line.cost.expected) for line in priced.lines] == [
        ("text_input", 10, 50),
        ("image_input", 1536, 12288),
        ("image_output", 439, 13170),
    ]
    assert priced.cost == Span.exact(50 + 12288 + 13170)
    assert [line.reason for line in priced.lines] == [
        "The prompt, 11 characters: about 10 tokens at $5.00 per million.",
        "1 input picture of 1536x1024: 1536 tokens at $8.00 per million.",
        "1 picture of 1024x1024 at medium: 439 tokens at $30.00 per million.",
    ]


def test_several_pictures_bill_like_as_many_calls() -> None:
    """Three pictures cost three times one, prompt and inputs included."""
    one = estimate(request_for(FLARE, prompt="oak", images=(Size(512, 512), Size(640, 480))), FLARE)
    three = estimate(request_for(FLARE, prompt="oak", images=(Size(512, 512), Size(640, 480)), n=3), FLARE)
    assert three.cost == one.cost.times(3)
    assert "3 pictures of 1024x1024 at medium: 1317 tokens" in three.lines[-1].reason
    assert "2 input pictures: " in three.lines[1].reason


def test_without_a_prompt_no_text_is_counted() -> None:
    """The price before anything is typed is that of the pictures alone."""
    assert [line.part for line in estimate(request_for(FLARE), FLARE).lines] == ["image_output"]


@pytest.mark.parametrize("name", EXACT)
def test_a_size_left_to_the_model_is_a_range_that_says_so(name: str) -> None:
    """The sizes seen when the model chose are inside the range."""
    model = CATALOG.find(name)
    priced = estimate(request_for(model, size=None, quality="high"), model)
    assert not priced.exact and priced.cost.low < priced.cost.expected < priced.cost.high
    assert priced.reason == "The model chooses the size."
    assert "a size the model chooses at high" in priced.lines[0].reason
    span = output_tokens(model, None, "high")
    for seen in ("1254x1254", "1312x1199", "1145x1374", "1122x1402"):
        assert span.low <= output_tokens(model, Size.parse(seen), "high").expected <= span.high


@pytest.mark.parametrize("model", PRICED, ids=lambda model: model.id)
def test_a_quality_left_to_the_model_spans_all_its_qualities(model: Model) -> None:
    """The range runs from the cheapest to the dearest quality."""
    spans = [output_tokens(model, Size(1024, 1024), quality) for quality in model.qualities]
    chosen = output_tokens(model, Size(1024, 1024), "auto")
    assert (chosen.low, chosen.high) == (min(s.low for s in spans), max(s.high for s in spans))
    assert chosen.low <= chosen.expected <= chosen.high and not chosen.is_exact
    assert "chooses the quality" in estimate(request_for(model, quality="auto"), model).reason


@pytest.mark.parametrize("name", RANGES)
def test_the_newest_models_are_never_called_exact(name: str) -> None:
    """2.6 has no published rule, and its estimates say so."""
    priced = estimate(request_for(CATALOG.find(name)), CATALOG.find(name))
    assert not priced.exact and "not published" in priced.reason
    assert priced.cost.low < priced.cost.expected < priced.cost.high


def test_previews_cost_a_hundred_tokens_each_and_may_not_come() -> None:
    """Two partial pictures add between nothing and 200 output tokens."""
    priced = estimate(request_for(FLARE, partial_images=2), FLARE)
    assert priced.cost == Span(13170, 13170 + 6000, 13170 + 6000)
    assert not priced.exact and priced.lines[-1].part == "partial_images"
    assert priced.reserve >= 13170 + 6000


def test_a_markup_layer_makes_the_price_a_range() -> None:
    """Its cost is unknown: nothing, or that of a picture of its size."""
    size = Size(1024, 1024)
    plain = estimate(request_for(FLARE, images=(size,)), FLARE)
    marked = estimate(request_for(FLARE, images=(size,), markup=size), FLARE)
    assert marked.cost == Span(plain.cost.low, plain.cost.low + 8192, plain.cost.low + 8192)
    assert not marked.exact and "markup" in marked.reason


@pytest.mark.parametrize("missing", ["prices", "output", "input"])
def test_a_model_without_prices_says_so_and_is_not_free(missing: str) -> None:
    """An unknown price is marked as such, whichever fact is missing; nothing passes for zero."""
    model = dataclasses.replace(FLARE, **{missing: None})  # type: ignore[arg-type]
    priced = estimate(request_for(model, prompt="x", images=(Size(64, 64),)), model)
    assert not priced.priced and not priced.exact
    assert priced.reason == "The price of this model is unknown."
    assert (priced.cost, priced.lines) == (Span.exact(0), ())
    assert bill(None, model, priced).total == 0


def test_the_reserve_takes_the_worst_of_each_part() -> None:
    """A token a byte, 32 for a second picture, the budget for a shrunk one, one more a result."""
    request = request_for(FLARE, n=2, images=(Size(4000, 3000), Size(1024, 1024)), prompt="문" * 10)
    text, sent, made = (30 + 7 + 32) * 2, (1536 + 1024) * 2, (439 + 1) * 2
    assert estimate(request, FLARE).reserve == text * 5 + sent * 8 + made * 30


def test_a_quality_that_is_not_offered_is_refused_with_those_that_are() -> None:
    """`xhigh` came with 2.5; the message for an older model names what works."""
    model = CATALOG.find("gpt-image-2")
    with pytest.raises(UnsupportedOption) as caught:
        estimate(request_for(model, quality="xhigh"), model)
    assert "low, medium, high, auto" in str(caught.value)


def test_a_size_outside_a_price_table_is_refused_with_the_nearest() -> None:
    """The older models know three sizes and no formula."""
    model = CATALOG.find("gpt-image-1.5")
    with pytest.raises(BadSize) as caught:
        estimate(request_for(model, size=Size(1600, 1000)), model)
    assert caught.value.details["nearest"] == "1536x1024"


QUALITIES_AND_AUTO = ("low", "medium", "high", "xhigh", "max", "auto")
SIZES = (
    None,
    *map(Size.parse, ("1024x1024", "1536x1024", "1024x1536", "2880x2880", "3840x1280", "640x1024")),
)
REFERENCES = ((), (Size(512, 512),), (Size(1536, 1024), Size(4000, 3000), Size(3000, 200)))


@pytest.mark.parametrize("model", PRICED, ids=lambda model: model.id)
def test_the_whole_table_of_models_qualities_sizes_counts_and_references(model: Model) -> None:
    """Prices are ordered, never negative, grow with n, and the reserve covers estimate and bill."""
    sizes = [size for size in SIZES if size is None or model.sizes.legal(size)]
    qualities = [quality for quality in QUALITIES_AND_AUTO if quality in (*model.qualities, "auto")]
    checked = 0
    for size, quality, images in itertools.product(sizes, qualities, REFERENCES):
        dearer_than = 0
        for n in (1, 2, model.n_max):
            request = request_for(model, size, quality, n, images)
            priced = estimate(request, model)
            assert 0 <= priced.cost.low <= priced.cost.expected <= priced.cost.high <= priced.reserve
            assert dearer_than < priced.cost.low
            assert priced.exact == (priced.cost.is_exact and priced.reason == "")
            billed = bill(usage_for(model, request, 0), model, priced)
            assert billed.total <= priced.reserve
            if priced.exact:
                assert billed.total == priced.cost.expected
            dearer_than = priced.cost.high if priced.exact else priced.cost.low
            checked += 1
    assert checked >= 4 * 4 * 3 * 3


@pytest.mark.parametrize("name", EXACT)
def test_exact_models_are_exact_for_every_size_and_quality(name: str) -> None:
    """With size and quality given, nothing about the pictures is left open."""
    model = CATALOG.find(name)
    for size, quality, images in itertools.product(SIZES[1:], model.qualities, REFERENCES):
        assert estimate(request_for(model, size, quality, 2, images), model).exact


@given(
    model=st.sampled_from(PRICED),
    prompt=st.text(min_size=1, max_size=400),
    n=st.integers(1, 10),
    images=st.lists(ANY_SIZE, max_size=16).map(tuple),
    data=st.data(),
)
def test_no_bill_passes_the_reserve(
    model: Model, prompt: str, n: int, images: tuple[Size, ...], data: st.DataObject
) -> None:
    """Whatever the prompt's script, the pictures' shapes and the model's choices."""
    size = data.draw(st.sampled_from([None, *model.sizes.standard]))
    quality = data.draw(st.sampled_from([*model.qualities, "auto"]))
    request = request_for(model, size, quality, n, images, prompt)
    priced = estimate(request, model)
    tokens = data.draw(st.integers(1, len(prompt.encode("utf-8"))))
    further = data.draw(st.integers(0, 32)) * max(0, len(images) - 1)
    usage = usage_for(model, request, tokens)
    worst = Usage(usage.text_input + further * n, usage.image_input, usage.output)
    if model.text.further_image == 0:
        assert bill(worst, model, priced).total <= priced.reserve
    assert bill(usage, model, priced).total <= priced.reserve
    assert priced.cost.high <= priced.reserve


@given(size=ANY_SIZE)
def test_a_sent_picture_never_costs_more_than_the_budget(size: Size) -> None:
    """One reference costs at least one token and at most 1536, turned or not."""
    assert 1 <= input_tokens(FLARE, size) <= 1536
    assert input_tokens(FLARE, size) == input_tokens(FLARE, Size(size.height, size.width))


@given(size=ANY_SIZE)
def test_the_patch_count_agrees_with_the_rule_in_real_numbers(size: Size) -> None:
    """The integer form is the published rule, but for edges that a float cannot tell the sides of."""
    assert input_tokens(FLARE, size) in _patches_in_floats(size)


def _patches_in_floats(size: Size) -> set[int]:
    """The rule as its source words it, evaluated a little below and a little above."""
    found = set()
    for nudge in (1 - 1e-9, 1.0, 1 + 1e-9):
        width, height = float(size.width), float(size.height)
        if max(width, height) < 1024:
            factor = min(2.0, 1024 / max(width, height)) * nudge
            width, height = width * factor, height * factor
        count = _count(width, height)
        if count > 1536:
            ratio = (32**2 * 1536 / (width * height)) ** 0.5 * nudge
            across, down = width * ratio / 32, height * ratio / 32
            columns, rows = max(1, int(across)), max(1, int(down))
            for second in (1 - 1e-9, 1.0, 1 + 1e-9):
                shrink = ratio * min(columns / across, rows / down) * second
                shrunk = _count(int(width * shrink), int(height * shrink))
                found.add(min(1536, max(1, shrunk)))
        else:
            found.add(count)
    return found


def _count(width: float, height: float) -> int:
    return max(1, -int(-width // 32)) * max(1, -int(-height // 32))


@given(
    low=st.integers(0, 10**6),
    wide=st.integers(0, 10**6),
    rate=st.integers(0, 10**9),
)
def test_costs_are_rounded_up_to_a_microdollar(low: int, wide: int, rate: int) -> None:
    """Never below tokens times rate, and by less than a micro-dollar above."""
    span = Span(low, low, low + wide).at(rate)
    for tokens, rounded in ((low, span.low), (low + wide, span.high)):
        assert 0 <= rounded * 1_000_000 - tokens * rate < 1_000_000


def test_a_bill_is_made_from_what_the_service_counted() -> None:
    """Text, pictures in and pictures out at their three rates, with a line for each."""
    priced = estimate(request_for(FLARE), FLARE)
    assert bill(Usage(49, 1024, 439), FLARE, priced) == Bill(
        total=245 + 8192 + 13170,
        lines=(
            ("text_input", 49, 5_000_000, 245),
            ("image_input", 1024, 8_000_000, 8192),
            ("image_output", 439, 30_000_000, 13170),
        ),
        from_usage=True,
    )


def test_without_usage_the_bill_is_what_was_expected() -> None:
    """A server that counts nothing is booked at the estimate, and the bill says so."""
    model = CATALOG.find(RANGES[0])
    priced = estimate(request_for(model, prompt="moss", images=(Size(800, 600),)), model)
    billed = bill(None, model, priced)
    assert not billed.from_usage
    assert billed.total == priced.cost.expected == sum(cost for *_rest, cost in billed.lines)


def test_an_estimate_takes_at_most_a_millisecond() -> None:
    """The dearest to compute: everything left to the model, 16 references, the longest prompt."""
    model = CATALOG.find(RANGES[1])
    request = request_for(model, None, "auto", 10, (Size(4000, 3000),) * 16, "문" * 32000)
    assert min(_seconds(request, model) for _attempt in range(20)) <= 0.001


def _seconds(request: Request, model: Model) -> float:
    start = time.perf_counter()
    estimate(request, model)
    return time.perf_counter() - start


def test_every_live_model_has_a_price() -> None:
    """Nothing on offer is without one."""
    for model in CATALOG.live(date(2026, 11, 22)):
        assert estimate(request_for(model), model).priced
