# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill Selection in real GIMP: a service that echoes shows where every pixel went and came from."""

from __future__ import annotations

import json

import pytest
from gimp.conftest import KEY, Record
from gimp.pictures import (
    above_zero,
    changed_pixels,
    coded_crop,
    hole,
    largest_difference,
    mean_difference,
    opened,
)
from PIL import Image
from servers import USAGE

Records = dict[str, Record]

FILLS = [
    "the_numbers",
    "visible_source",
    "reduced",
    "magnified",
    "padded",
    "at_the_corner",
    "offset_layer",
    "in_a_group",
    "a_group_itself",
    "layer_below_others",
    "the_mask_is_edited",
    "gray",
    "sixteen_bits",
    "sixteen_bits_linear",
    "half",
    "float_linear",
    "double_linear",
    "faint_selection",
    "adobe_rgb",
    "hidden_colours",
    "own_mask_and_opacity",
    "invisible_layer",
    "wide_context",
    "another_model",
    "second_fill",
]


@pytest.fixture
def numbers(echoed: Records) -> Record:
    """A 4000x3000 photo, a feathered elliptical selection of 300x200 at (1850,1400)."""
    return echoed["the_numbers"]


def place(record: Record) -> tuple[int, int, int, int]:
    return tuple(record.facts["layer"]["place"])


def new_layer(record: Record) -> Image.Image:
    return record.picture("layer", "RGBA", place(record)[2:])


@pytest.mark.parametrize("name", FILLS)
def test_every_fill_returns_its_layer_and_the_bill(echoed: Records, name: str) -> None:
    """Each of these succeeds with one request, a layer, a price and the name of the kept answer."""
    facts = echoed[name].facts
    assert facts["status"] == "success", facts["error"]
    assert echoed[name].request.path == "/v1/images/edits"
    assert facts["cost"] > 0
    assert len(facts["result"]) == 32


@pytest.mark.parametrize("name", FILLS)
def test_the_layer_mask_equals_the_selection_byte_for_byte(echoed: Records, name: str) -> None:
    """In the image's own precision, feather included, over the whole new layer."""
    record = echoed[name]
    assert record.facts["layer"]["masked"]
    assert record.raw("mask") == record.raw("selection")
    assert any(record.raw("mask"))


@pytest.mark.parametrize("name", FILLS)
def test_the_selection_is_kept(echoed: Records, name: str) -> None:
    assert echoed[name].facts["selection_kept"]


def test_nothing_is_displaced(numbers: Record) -> None:
    """The window goes out and comes back at 1:1: 0 pixels of shift, and no value changes at all."""
    assert place(numbers) == (1504, 1164, 992, 672)
    window = coded_crop((4000, 3000), place(numbers))
    assert changed_pixels(opened(numbers.request.images[0]), window) == 0
    assert changed_pixels(new_layer(numbers).convert("RGB"), window) == 0


def test_the_rendered_image_is_the_same_in_all_twelve_million_pixels(numbers: Record) -> None:
    """An echo under a feathered mask changes nothing, inside or outside."""
    assert numbers.raw("before") == numbers.raw("after")
    assert len(numbers.raw("before")) == 3 * 12_000_000


@pytest.mark.parametrize(
    "name", ["the_numbers", "in_a_group", "gray", "sixteen_bits", "faint_selection", "offset_layer"]
)
def test_the_sent_hole_is_the_selection_above_zero(echoed: Records, name: str) -> None:
    """At 1:1 the mask is transparent exactly where the selection is above 0, faint values included."""
    record = echoed[name]
    mask = opened(record.request.mask)
    assert mask.mode == "RGBA" and mask.size == place(record)[2:]
    assert hole(mask) == above_zero(record.raw("selection"), record.facts["mask_format"])


def test_values_that_eight_bits_would_lose_are_in_the_hole(echoed: Records) -> None:
    """160x130 pixels were selected, most of them with values below 1/255."""
    assert sum(hole(opened(echoed["faint_selection"].request.mask))) == 160 * 130


@pytest.mark.parametrize("name", ["half", "float_linear", "double_linear"])
def test_the_dust_of_a_feather_does_not_grow_the_window(echoed: Records, name: str) -> None:
    """In floating point a feather ends in values of 1e-20 far out; the window is that of 8 bits."""
    assert place(echoed[name]) == place(echoed["in_a_group"])


def test_the_upload_is_rgb_with_eight_bits(numbers: Record) -> None:
    sent = opened(numbers.request.images[0])
    assert (sent.format, sent.mode) == ("PNG", "RGB")
    assert numbers.request.fields["size"] == "992x672"


def test_a_reduced_window_comes_back_in_place(echoed: Records) -> None:
    """Larger than any request: the answer is enlarged again, centred on the same pixels."""
    record = echoed["reduced"]
    sent, canvas = opened(record.request.images[0]), place(record)
    assert sent.width < canvas[2]
    original = record.picture("original", "RGBA", canvas[2:])
    inner = (8, 8, canvas[2] - 8, canvas[3] - 8)
    assert mean_difference(new_layer(record).crop(inner), original.crop(inner)) < 1
    assert largest_difference(new_layer(record).crop(inner), original.crop(inner)) <= 3


def test_a_reduced_hole_loses_nothing_of_the_selection(echoed: Records) -> None:
    """Each selected pixel lies under a request pixel of the hole, and the hole is hardly larger."""
    record = echoed["reduced"]
    mask = opened(record.request.mask)
    chosen = Image.frombytes("L", place(record)[2:], above_zero(record.raw("selection"), "Y u8"))
    smallest = chosen.point(lambda value: 255 * value).resize(mask.size, Image.Resampling.BOX)
    wanted = bytes(map(bool, smallest.tobytes()))
    got = hole(mask)
    assert not any(w and not g for w, g in zip(wanted, got, strict=True))
    assert sum(got) < sum(wanted) * 1.01


def test_a_magnified_window_comes_back_in_place(echoed: Records) -> None:
    """A selection of 46x38 pixels is drawn four times larger and reduced again."""
    record = echoed["magnified"]
    assert opened(record.request.images[0]).size == (992, 672)
    assert place(record)[2:] == (248, 168)
    original = record.picture("original", "RGBA", place(record)[2:])
    assert largest_difference(new_layer(record), original) <= 2


def test_a_padded_window_repeats_the_edge_and_is_cut_off_again(echoed: Records) -> None:
    """A canvas of 300x200 is smaller than any request."""
    record = echoed["padded"]
    assert place(record) == (0, 0, 300, 200)
    assert new_layer(record).tobytes() == record.raw("original")
    sent = opened(record.request.images[0])
    left, top = (sent.width - 300) // 2, (sent.height - 200) // 2
    assert (
        sent.crop((left, top, left + 300, top + 200)).tobytes()
        == coded_crop((300, 200), (0, 0, 300, 200)).tobytes()
    )
    assert sent.getpixel((0, 0)) == sent.getpixel((left, top))
    assert sent.getpixel((sent.width - 1, sent.height - 1)) == sent.getpixel((left + 299, top + 199))
    outside = Image.frombytes("L", sent.size, hole(opened(record.request.mask)))
    outside.paste(0, (left, top, left + 300, top + 200))
    assert not any(outside.tobytes())


def test_a_selection_in_the_corner_stays_there(echoed: Records) -> None:
    record = echoed["at_the_corner"]
    x, y, width, height = place(record)
    assert (x + width, y + height) == (2000, 1500)
    original = record.picture("original", "RGBA", (width, height))
    # The coded picture has hard edges where a cell ends, so only most of it survives scaling.
    assert mean_difference(new_layer(record), original) < 4


def test_beside_the_layer_neutral_grey_is_sent(echoed: Records) -> None:
    """A layer of 500x400 at (-120,350): its own pixels are in place, all around it is grey."""
    record = echoed["offset_layer"]
    x, y, _width, _height = place(record)
    sent = opened(record.request.images[0])
    assert sent.getpixel((600, 30)) == (128, 128, 128)
    inside = sent.crop((0, 350 - y, 380 - x, 750 - y))
    assert changed_pixels(inside, coded_crop((500, 400), (120 + x, 0, 380 - x, 400))) == 0


def test_visible_sends_the_upper_layer_too(echoed: Records) -> None:
    sent = opened(echoed["visible_source"].request.images[0])
    assert sent.getcolors() == [(992 * 672, (200, 30, 90))]


def test_the_new_layer_lies_right_above_the_filled_one_in_its_group(echoed: Records) -> None:
    layer = echoed["in_a_group"].facts["layer"]
    assert (layer["parent"], layer["position"]) == ("group", 1)


def test_a_filled_group_gets_the_layer_above_itself(echoed: Records) -> None:
    record = echoed["a_group_itself"]
    assert record.facts["layer"]["parent"] is None
    assert record.facts["layers"] == ["Scumble Fill 1", "group", "photo"]
    assert changed_pixels(opened(record.request.images[0]), coded_crop((1200, 900), place(record))) == 0


def test_layers_above_stay_above(echoed: Records) -> None:
    assert echoed["layer_below_others"].facts["layers"] == ["photo #1", "Scumble Fill 1", "photo"]


def test_while_a_mask_is_edited_its_layer_is_filled(echoed: Records) -> None:
    record = echoed["the_mask_is_edited"]
    assert record.facts["layers"] == ["Scumble Fill 1", "photo"]
    assert changed_pixels(opened(record.request.images[0]), coded_crop((1200, 900), place(record))) == 0


def test_the_new_layer_is_selected_and_not_its_mask(numbers: Record) -> None:
    layer = numbers.facts["layer"]
    assert layer["selected"] == ["Scumble Fill 1"]
    assert not layer["edits_mask"]


def test_a_second_fill_has_the_next_number(echoed: Records) -> None:
    assert echoed["second_fill"].facts["layer"]["name"] == "Scumble Fill 2"


def test_the_layer_says_where_it_comes_from_and_not_the_prompt(numbers: Record) -> None:
    """Documents are shared: model, price and the kept answer's name, neither prompt nor key."""
    text = numbers.facts["layer"]["parasites"]["scumble-result"]
    told = json.loads(text)
    assert told["result"] == numbers.facts["result"]
    assert told["billed_micro_dollars"] == numbers.facts["cost"]
    assert told["model"] == numbers.request.fields["model"]
    assert "the_numbers" not in text and KEY not in text


def test_the_cost_is_the_bill_from_the_usage(numbers: Record) -> None:
    """Text, picture and output tokens at 5, 8 and 30 dollars a million."""
    sent = USAGE["input_tokens_details"]
    bill = sent["text_tokens"] * 5 + sent["image_tokens"] * 8 + USAGE["output_tokens"] * 30
    assert numbers.facts["cost"] == bill


def test_a_model_and_a_quality_can_be_named(echoed: Records) -> None:
    fields = echoed["another_model"].request.fields
    assert (fields["model"], fields["quality"]) == ("gpt-image-2", "low")


def test_whole_context_sends_more_of_the_image(echoed: Records) -> None:
    assert opened(echoed["wide_context"].request.images[0]).width > 2000


def test_the_remembered_selection_counts(echoed: Records) -> None:
    """The selection was replaced between sending and placing."""
    record = echoed["selection_changed_meanwhile"]
    whole = Image.frombytes("L", (1200, 900), record.raw("whole_selection"))
    x, y, width, height = place(record)
    assert record.raw("mask") == whole.crop((x, y, x + width, y + height)).tobytes()


def test_without_the_filled_layer_the_new_one_goes_on_top(echoed: Records) -> None:
    layer = echoed["layer_removed_meanwhile"].facts["layer"]
    assert (layer["parent"], layer["position"]) == (None, 0)


def test_a_closed_image_loses_nothing(echoed: Records) -> None:
    """The answer stays on disk, and the error says where; asking again is refused."""
    facts = echoed["image_closed_meanwhile"].facts
    assert facts["code"] == "gimp-image-gone"
    assert "/results/" in facts["error"]
    assert facts["kept"] > 100_000
    assert "no longer there" in facts["asked_again"]
