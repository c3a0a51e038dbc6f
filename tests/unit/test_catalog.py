# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: which models there are and until when, which sizes they make, and a user's own data."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.catalog import Catalog, Model, SizeRule, load
from scumble.cost import estimate
from scumble.errors import ModelEnded, SetupError, UnknownModel
from scumble.models import RateTier
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size

TODAY = date(2026, 11, 22)
CATALOG = load()
FREE = CATALOG.find("gpt-image-2").sizes
THREE = CATALOG.find("gpt-image-1.5").sizes

LIVE = [
    "gpt-image-2.5-flare",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.6-flare",
    "gpt-image-2.6-sunburst",
    "gpt-image-2",
]
ENDING = ["gpt-image-1.5", "chatgpt-image-latest", "gpt-image-1-mini"]


def written(home: Home, changes: object) -> Path:
    home.catalog.write_text(json.dumps(changes), "utf-8")
    return home.catalog


def changed(home: Home, id: str, **fields: object) -> Catalog:
    return load(written(home, {"schema": 1, "models": [{"id": id, **fields}]}))


def test_the_live_models_are_offered_and_three_of_them_end_soon() -> None:
    """Five models stay, three more work for another nine days, the rest is gone."""
    live = CATALOG.live(TODAY)
    assert [model.id for model in live] == LIVE + ENDING
    assert [model.id for model in live if model.ends_within(TODAY, 30)] == ENDING
    assert [model.id for model in CATALOG.live(date(2026, 12, 1))] == LIVE


def test_the_default_is_live_exactly_priced_and_the_cheapest_of_its_kind() -> None:
    """Nobody who chooses nothing gets a price that is a guess."""
    default = CATALOG.usable(CATALOG.default_model, TODAY)
    request = Request("generate", default.id, "", Size(1024, 1024), CATALOG.default_quality)
    assert estimate(request, default).exact
    assert estimate(request, default).cost.expected == 13170


def test_a_model_is_found_by_its_snapshot_too() -> None:
    """A dated name means the model it is a snapshot of."""
    assert CATALOG.find("gpt-image-2.5-flare-2026-09-08").id == "gpt-image-2.5-flare"


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    """The message names what can be chosen, without the dead."""
    with pytest.raises(UnknownModel) as caught:
        CATALOG.find("gpt-image-3")
    assert caught.value.details["model"] == "gpt-image-3"
    assert set(LIVE) <= set(str(caught.value.details["choices"]).split(", "))
    assert "dall-e-2" not in str(caught.value)


@pytest.mark.parametrize(
    ("id", "day", "successor"),
    [
        ("gpt-image-1", "2026-10-23", "gpt-image-2.5-sunburst or gpt-image-2.5-flare"),
        ("dall-e-2", "2026-05-12", "gpt-image-2.5-sunburst or gpt-image-2.5-flare"),
        ("dall-e-3", "2026-05-12", "gpt-image-2.5-sunburst or gpt-image-2.5-flare"),
    ],
)
def test_a_model_that_has_ended_is_refused_with_its_successors(id: str, day: str, successor: str) -> None:
    """It can be looked up, for what was made with it, and not be used."""
    assert CATALOG.find(id).ended(TODAY)
    with pytest.raises(ModelEnded) as caught:
        CATALOG.usable(id, TODAY)
    assert caught.value.details == {"model": id, "date": day, "successor": successor}


@pytest.mark.parametrize("id", ENDING)
def test_a_model_ends_on_its_day(id: str) -> None:
    """Usable on the last of November, ended on the first of December."""
    model = CATALOG.usable(id, date(2026, 11, 30))
    assert model.ends_within(date(2026, 11, 30), 1)
    assert not model.ends_within(date(2026, 11, 20), 10)
    with pytest.raises(ModelEnded):
        CATALOG.usable(id, date(2026, 12, 1))
    assert not model.ends_within(date(2026, 12, 1), 30)


def test_every_successor_is_a_model_that_stays() -> None:
    """No advice leads to another dead end."""
    for model in CATALOG.models:
        for successor in model.successors:
            assert CATALOG.find(successor).shutdown is None
        assert bool(model.successors) == (model.shutdown is not None)


def test_models_can_be_kept_in_sets() -> None:
    """A model is a value: equal by content and hashable."""
    assert {CATALOG.find("gpt-image-2"), CATALOG.find("gpt-image-2-2026-04-21")} == {
        CATALOG.find("gpt-image-2")
    }


def test_the_published_rate_tiers_are_known() -> None:
    """Images and tokens in a minute, tier 1 first; none for a model of which none are published."""
    tiers = CATALOG.find("gpt-image-2.5-flare").rate_tiers
    assert [tier.images for tier in tiers] == [5, 20, 50, 150, 250]
    assert [tier.tokens for tier in tiers] == [100_000, 250_000, 800_000, 3_000_000, 8_000_000]
    assert CATALOG.find("gpt-image-2.5-sunburst").rate_tiers == tiers
    assert CATALOG.find("gpt-image-2.6-flare").rate_tiers == ()


def test_a_user_s_file_may_give_the_tiers_of_an_account(home: Home) -> None:
    """By name, or as numbers."""
    named = changed(home, "gpt-image-2.6-flare", rate_tiers="2.5").find("gpt-image-2.6-flare")
    assert named.rate_tiers == CATALOG.find("gpt-image-2.5-flare").rate_tiers
    own = changed(home, "gpt-image-2.6-flare", rate_tiers=[{"images": 7, "tokens": 70_000}])
    assert own.find("gpt-image-2.6-flare").rate_tiers == (RateTier(7, 70_000),)


def test_the_built_in_catalogue_is_read_once() -> None:
    """Later calls return the same object."""
    assert load() is load()


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ("1000x1000", "both edges must be multiples of 16"),
        ("0x0", "both edges must be multiples of 16"),
        ("3856x2048", "the longer edge may have at most 3840 pixels"),
        ("2064x672", "the longer edge may be at most 3 times the shorter"),
        ("512x512", "it needs at least 655,360 pixels in all"),
        ("800x800", "it needs at least 655,360 pixels in all"),
        ("2896x2880", "it may have at most 8,294,400 pixels in all"),
    ],
)
def test_an_impossible_size_has_a_reason(size: str, reason: str) -> None:
    """One clause that a person can act on."""
    assert FREE.problem(Size.parse(size)) == reason
    assert not FREE.legal(Size.parse(size))


@pytest.mark.parametrize(
    "size", ["816x816", "1024x640", "2880x2880", "3840x2160", "2160x3840", "3840x1280", "2016x672"]
)
def test_sizes_at_the_limits_are_legal(size: str) -> None:
    """The ends of the documented rules belong to them."""
    assert FREE.problem(Size.parse(size)) is None
    assert FREE.nearest(Size.parse(size)) == Size.parse(size)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("512x512", "816x816"),
        ("4096x4096", "2880x2880"),
        ("1000x1000", "1008x1008"),
        ("4000x3000", "3312x2496"),
        ("3000x4000", "2496x3312"),
        ("30000x1", "3840x1280"),
        ("1x30000", "1280x3840"),
    ],
)
def test_the_nearest_size_keeps_the_shape(asked: str, near: str) -> None:
    """Too small grows, too large shrinks, too long is cut to three to one."""
    assert FREE.nearest(Size.parse(asked)) == Size.parse(near)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("1600x1000", "1536x1024"),
        ("500x900", "1024x1536"),
        ("64x64", "1024x1024"),
        ("-5x0", "1024x1024"),
    ],
)
def test_models_with_three_sizes_offer_the_one_of_like_shape(asked: str, near: str) -> None:
    """The older models make only those, and the refusal lists them."""
    width, height = map(int, asked.split("x"))
    assert THREE.nearest(Size(width, height)) == Size.parse(near)
    assert THREE.problem(Size(width, height)) == "it makes only 1024x1024, 1536x1024, 1024x1536"


ANY_EDGE = st.integers(-10, 40000)


@given(size=st.builds(Size, ANY_EDGE, ANY_EDGE), rule=st.sampled_from([FREE, THREE]))
def test_the_nearest_size_is_always_legal(size: Size, rule: SizeRule) -> None:
    """Whatever is asked, what is offered instead can be made; a legal size is its own nearest."""
    near = rule.nearest(size)
    assert rule.legal(near) and rule.problem(near) is None
    assert rule.nearest(near) == near
    assert (rule.problem(size) is None) == rule.legal(size)
    if rule.legal(size):
        assert near == size


@given(
    step=st.sampled_from([1, 8, 16, 64]),
    max_edge=st.integers(512, 2048),
    min_pixels=st.integers(1, 200_000),
    more_pixels=st.integers(60_000, 4_000_000),
    max_ratio=st.integers(1, 6),
    size=st.builds(Size, ANY_EDGE, ANY_EDGE),
)
def test_the_nearest_size_is_legal_for_other_rules_too(
    step: int, max_edge: int, min_pixels: int, more_pixels: int, max_ratio: int, size: Size
) -> None:
    """The search does not rest on the numbers of today's models."""
    rule = SizeRule(step, max_edge, min_pixels, min_pixels + more_pixels, max_ratio, 0, (), (), False, None)
    assert rule.legal(rule.nearest(size))


@given(width=st.integers(1, 4000), height=st.integers(1, 4000))
def test_a_size_within_the_limits_moves_by_at_most_half_a_step(width: int, height: int) -> None:
    """Away from the limits only the grid is in the way."""
    size = Size(width, height)
    inside = (
        720_000 <= size.area <= 8_000_000 and size.longer <= 3800 and size.longer * 10 <= size.shorter * 29
    )
    if inside:
        near = FREE.nearest(size)
        assert abs(near.width - width) <= 8 and abs(near.height - height) <= 8


def test_a_user_file_that_is_not_there_changes_nothing(home: Home) -> None:
    """The built-in catalogue is complete."""
    assert load(home.catalog) is load()


def test_a_user_file_changes_single_facts_of_a_model(home: Home) -> None:
    """A new price or a measured factor needs one line; everything else stays."""
    model = changed(
        home,
        "gpt-image-2.6-flare",
        prices={"image_output": 15_000_000},
        output={"factors": {"low": [33, 33, 33]}},
    ).find("gpt-image-2.6-flare")
    before = CATALOG.find("gpt-image-2.6-flare")
    assert model.prices is not None and before.prices is not None
    assert (model.prices.image_output, model.prices.text_input) == (15_000_000, 5_000_000)
    assert model.output is not None and before.output is not None
    assert model.output.factors == {**before.output.factors, "low": (33, 33, 33)}
    assert model.sizes == before.sizes


def test_a_reference_in_a_user_file_replaces_the_whole_rule(home: Home) -> None:
    """Nothing of the old rule shines through; a single limit can be set beside."""
    id, three = "gpt-image-2.6-flare", ["low", "medium", "high"]
    model = changed(home, id, output="grid-2", qualities=three, n_max=4).find(id)
    assert model.output == CATALOG.find("gpt-image-2").output
    assert (model.n_max, model.references_max) == (4, 16)


def test_a_user_file_adds_a_model(home: Home) -> None:
    """A model that came out yesterday can be described with references to what is built in."""
    new = {
        "title": "New",
        "note": "",
        "released": "2026-11-21",
        "shutdown": None,
        "successors": [],
        "snapshots": [],
        "endpoints": ["generations"],
        "qualities": ["low", "medium", "high"],
        "transparent": False,
        "mask": False,
        "markup": False,
        "complexity": [],
        "formats": ["png"],
        "moderation": ["auto"],
        "input_fidelity": [],
        "limits": "common",
        "sizes": "free",
        "prices": "two",
        "output": "grid-2",
        "input": "patches",
        "text": "plain",
        "expected_seconds": {"low": 5},
    }
    catalog = changed(home, "gpt-image-9", **new)
    model = catalog.usable("gpt-image-9", TODAY)
    assert (model.released, model.n_max, model.sizes) == (date(2026, 11, 21), 10, FREE)
    assert [each.id for each in catalog.models[:-1]] == [each.id for each in CATALOG.models]


def test_a_user_file_chooses_the_default(home: Home) -> None:
    """Only the default changes, the models stay."""
    catalog = load(written(home, {"schema": 1, "default_model": "gpt-image-2", "default_quality": "low"}))
    assert (catalog.default_model, catalog.default_quality) == ("gpt-image-2", "low")
    assert catalog.models == CATALOG.models


WITH_GIF: dict[str, object] = {"formats": ["png", "gif"]}
SHEETS: dict[str, object] = {
    "frames_min": 2, "frames_max": 16, "default_frames": 9, "ms_max": 1_000, "ms_step": 10, "default_ms": 200,
    "grids": {"9": "3x3", "16": "4x4"},
}  # fmt: skip
BROKEN_MODELS: list[tuple[dict[str, object], str]] = [
    ({"n_max": 3.5}, "3.5 is not a whole number"),
    ({"n_max": "ten"}, "n_max: 'ten' where a number must be"),
    ({"n_max": True}, "n_max: True where a number must be"),
    ({"n_max": -1}, "n_max: -1 is negative"),
    ({"mask": 1}, "mask: 1 where a true or false must be"),
    ({"shutdown": "soon"}, "shutdown: "),
    ({"qualities": "low"}, "qualities: 'low' where a list must be"),
    ({"colour": "red"}, "unknown: colour"),
    ({"sizes": "any"}, "sizes has nothing named any"),
    ({"sizes": {"max_edge": 0}}, "sizes: the limits must be at least 1"),
    ({"sizes": {"min_pixels": 9_000_000}}, "the fixed, standard and auto sizes must be possible"),
    ({"sizes": {"min_pixels": 9_000_000, "standard": []}}, "the size rule allows no size"),
    ({"sizes": {"auto_sizes": ["1024x1024"]}}, "sizes: auto_sizes: 3 are needed"),
    ({"sizes": {"auto_sizes": None}}, "auto and auto_sizes go together"),
    ({"sizes": {"fixed": ["0x0"], "standard": []}}, "must be possible"),
    ({"output": {"factors": {"low": [3, 2, 1]}}}, "factors must rise"),
    ({"output": {"kind": "curve"}}, "output does not cover"),
    ({"output": {"auto_quality": "best"}}, "auto_quality must be one"),
    ({"output": {"area_divisor": 0}}, "output does not cover"),
    ({"output": "table-1"}, "output does not cover"),
    ({"input": {"patch": 0}}, "input must be of the kind patch or tile"),
    ({"input": {"kind": "whole"}}, "input must be of the kind patch or tile"),
    ({"text": {"characters_per_token": 0}}, "characters_per_token"),
    ({"formats": ["png", "gif"], "animation": None}, "gif needs animation"),
    ({"formats": ["svg"], "vector": None}, "svg needs vector"),
    ({**WITH_GIF, "animation": {**SHEETS, "frames_max": 17}}, "the grids must hold them"),
    ({**WITH_GIF, "animation": {**SHEETS, "frames_min": 1}}, "numbers of frames must rise"),
    ({**WITH_GIF, "animation": {**SHEETS, "ms_step": 0}}, "durations must rise"),
    ({**WITH_GIF, "animation": {**SHEETS, "grids": {"16": "4x3"}}}, "room for its frames"),
    ({**WITH_GIF, "animation": SHEETS, "sizes": "three"}, "sizes must be free"),
    ({"formats": ["svg"], "vector": {"author_tokens": [2, 1, 3], "author_rate": 1}}, "from low to high"),
    ({"text": {"further_image": 99}}, "further_image_limit"),
    ({"text": None}, "text: None where a object must be"),
    ({"qualities": ["low", "ultra"]}, "output does not cover"),
    ({"rate_tiers": [{"images": 0, "tokens": 1}]}, "rate_tiers: the limits must be at least 1"),
    ({"rate_tiers": [{"images": 9, "tokens": 9}, {"images": 5, "tokens": 99}]}, "the lowest tier first"),
    ({"rate_tiers": [{"images": 9}]}, "rate_tiers: tokens is missing"),
    ({"rate_tiers": "9"}, "rate_tiers has nothing named 9"),
    ({"endpoints": ["telephone"]}, "endpoints may be batch, edits, generations, responses"),
]


@pytest.mark.parametrize(("fields", "problem"), BROKEN_MODELS, ids=str)
def test_a_broken_model_is_refused_naming_the_file_and_the_fault(
    home: Home, fields: dict[str, object], problem: str
) -> None:
    """A wrong fact never becomes a wrong price in silence."""
    with pytest.raises(SetupError) as caught:
        changed(home, "gpt-image-2.5-flare", **fields)
    assert str(home.catalog) in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"schema": 2}',
        '{"schema": 1, "models": {}}',
        '{"schema": 1, "models": ["gpt-image-2"]}',
        '{"schema": 1, "models": [{"title": "without an id"}]}',
        '{"schema": 1, "models": [{"id": "new", "title": "incomplete"}]}',
        '{"schema": 1, "named": 3}',
        '{"schema": 1, "default_model": "gpt-image-7"}',
        '{"schema": 1, "default_quality": "ultra"}',
        '{"schema": 1, "as_of": NaN}',
        '{"schema": 1, "as_of": 20261122}',
        '{"schema": 1, "surprise": true}',
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_naming_it(home: Home, text: str) -> None:
    """Broken JSON, another schema, wrong types: always the same error, with the path."""
    home.catalog.write_text(text, "utf-8")
    with pytest.raises(SetupError) as caught:
        load(home.catalog)
    assert str(home.catalog) in str(caught.value)


def test_bytes_that_are_no_text_are_refused_too(home: Home) -> None:
    """A picture in the catalogue's place is named like any broken file."""
    home.catalog.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(SetupError, match=r"catalog\.json"):
        load(home.catalog)


def test_a_folder_in_the_place_of_the_file_is_refused(home: Home) -> None:
    """What cannot be opened is named as well."""
    home.catalog.mkdir()
    with pytest.raises(SetupError, match=r"catalog\.json"):
        load(home.catalog)


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.id)
def test_each_model_is_whole(model: Model) -> None:
    """Usable models have prices, rules and limits; the dead ones make no claims."""
    usable = "generations" in model.endpoints
    assert bool(model.qualities) == bool(model.formats) == usable == (model.prices is not None)
    assert (model.n_max, model.references_max, model.mask_bytes_max > 0) == (
        (10, 16, True) if usable else (0, 0, False)
    )
    assert set(model.expected_seconds) in (set(), set(model.qualities))


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.id)
def test_a_batch_costs_half_of_a_live_request(model: Model) -> None:
    """Each rate, for the models that the Batch API takes; for the others there is no such price."""
    if "batch" not in model.endpoints:
        assert model.batch_prices is None and model.in_batch().prices is None
        return
    assert model.prices is not None and model.batch_prices is not None
    live, half = dataclasses.astuple(model.prices), dataclasses.astuple(model.batch_prices)
    assert [rate and rate // 2 for rate in live] == list(half)


def test_a_user_s_price_says_nothing_of_a_batch_s(home: Home) -> None:
    """Unless it gives that as well; half of another price is no price."""
    dear = {"image_output": 99_000_000}
    assert changed(home, "gpt-image-2", prices=dear).find("gpt-image-2").batch_prices is None
    both = changed(home, "gpt-image-2", prices=dear, batch_prices="two-batch").find("gpt-image-2")
    assert both.batch_prices == CATALOG.find("gpt-image-2").batch_prices


def test_on_another_server_a_batch_has_no_price_either() -> None:
    elsewhere = CATALOG.priced_for("relay.example.com").find("gpt-image-2")
    assert (elsewhere.prices, elsewhere.batch_prices) == (None, None)
