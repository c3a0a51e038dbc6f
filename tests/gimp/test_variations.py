# SPDX-License-Identifier: GPL-3.0-or-later
"""Several pictures of one request in real GIMP: a group of layers, each behind the selection."""

from __future__ import annotations

import base64
import json

import pytest
from gimp.conftest import Answered, Record
from gimp.pictures import changed_pixels, coded_crop, opened
from PIL import Image
from servers import USAGE

Records = dict[str, Record]
FILLED = {"three_variations": 3, "variations_in_depth": 2, "variations_in_a_group": 2}
COUNT = {**FILLED, "generated_variations": 4}


@pytest.mark.parametrize("name", COUNT)
def test_one_request_brings_a_group_with_a_layer_of_each(echoed: Records, name: str) -> None:
    """The group is what is returned; it is selected, and its first layer is the only visible one."""
    record = echoed[name]
    asked = record.request.json or record.request.fields
    assert str(asked["n"]) == str(COUNT[name])
    children = record.facts["children"]
    assert [child["visible"] for child in children] == [True] + [False] * (COUNT[name] - 1)
    group = record.facts["layer"]["name"]
    assert [child["name"] for child in children] == [
        f"{group}, variation {number}" for number in range(1, COUNT[name] + 1)
    ]
    assert record.facts["layer"]["selected"] == [group]


@pytest.mark.parametrize("name", FILLED)
def test_each_layer_has_the_selection_as_its_mask(echoed: Records, name: str) -> None:
    record = echoed[name]
    assert any(record.raw("selection"))
    for number in range(1, COUNT[name] + 1):
        assert record.raw(f"mask-{number}") == record.raw("selection")


@pytest.mark.parametrize("name", FILLED)
def test_an_echo_in_a_group_changes_nothing(echoed: Records, name: str) -> None:
    """Neither outside the selection nor through its feather."""
    assert echoed[name].raw("before") == echoed[name].raw("after")


def test_each_layer_is_in_its_place(echoed: Records) -> None:
    record = echoed["three_variations"]
    for number, child in enumerate(record.facts["children"], start=1):
        layer = record.picture(f"layer-{number}", "RGBA", child["place"][2:]).convert("RGB")
        assert changed_pixels(layer, coded_crop((1200, 900), child["place"])) == 0


def test_the_group_lies_right_above_the_filled_layer(echoed: Records) -> None:
    layer = echoed["variations_in_a_group"].facts["layer"]
    assert (layer["parent"], layer["position"]) == ("outer", 0)
    assert echoed["three_variations"].facts["layers"] == ["Scumble Fill 1", "photo"]


def test_each_layer_says_which_picture_of_the_result_it_is(echoed: Records) -> None:
    """No word of the prompt: documents are shared."""
    record = echoed["three_variations"]
    told = [json.loads(child["parasites"]["scumble-result"]) for child in record.facts["children"]]
    assert [one["picture"] for one in told] == [1, 2, 3]
    assert {one["result"] for one in told} == {record.facts["result"]}
    assert "three_variations" not in json.dumps(record.facts)


def test_all_of_them_are_one_bill(echoed: Records) -> None:
    sent = USAGE["input_tokens_details"]
    bill = sent["text_tokens"] * 5 + sent["image_tokens"] * 8 + USAGE["output_tokens"] * 30
    assert echoed["three_variations"].facts["cost"] == bill


def test_several_pictures_have_no_previews(echoed: Records) -> None:
    """Refused before anything is sent."""
    record = echoed["previews_of_variations"]
    assert "one picture at a time" in record.facts["error"]
    assert record.requests == []


def test_a_fill_can_be_looked_at_less_strictly(echoed: Records) -> None:
    """Which only the JSON form of an edit can say: the pictures go as data URLs, with the same hole."""
    record = echoed["less_strict"]
    assert record.facts["status"] == "success", record.facts
    asked = record.request.json
    assert asked["moderation"] == "low"
    url = asked["images"][0]["image_url"]
    sent = opened(base64.b64decode(url.partition("base64,")[2]))
    assert changed_pixels(sent, coded_crop((1200, 900), record.facts["layer"]["place"])) == 0


def test_the_first_picture_is_on_top_and_nothing_outside_changes(answered: Answered) -> None:
    """Black and white came: black shows where the selection is, white waits below it, hidden."""
    record = answered.records["two_colours"]
    before, after = (record.picture(name, "RGB", (1200, 900)) for name in ("before", "after"))
    x, y, width, height = record.facts["children"][0]["place"]
    chosen = Image.new("L", (1200, 900))
    chosen.paste(record.picture("selection", "L", (width, height)), (x, y))
    assert changed_pixels(before, after, chosen.point(lambda value: 0 if value else 255)) == 0
    assert after.getpixel((400, 375)) == (0, 0, 0)
    assert record.picture("layer-2", "RGBA", (width, height)).getpixel((9, 9)) == (255, 255, 255, 255)
