# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of images and layers: what is sent is sRGB without hidden colours, what comes back fits."""

from __future__ import annotations

import pytest
from gimp.conftest import Record
from gimp.pictures import changed_pixels, coded_crop, largest_difference, opened
from PIL import Image

Records = dict[str, Record]


def place(record: Record) -> tuple[int, int, int, int]:
    return tuple(record.facts["layer"]["place"])


@pytest.mark.parametrize(
    "name", ["sixteen_bits", "sixteen_bits_linear", "half", "float_linear", "double_linear"]
)
def test_deep_images_go_out_and_come_back_unchanged(echoed: Records, name: str) -> None:
    """8-bit values in a deeper image are the same at the service and in the new layer."""
    record = echoed[name]
    window = coded_crop((1200, 900), place(record))
    assert changed_pixels(opened(record.request.images[0]), window) == 0
    layer = record.picture("layer", "RGBA", place(record)[2:]).convert("RGB")
    assert changed_pixels(layer, window) == 0


def test_a_gray_image_is_sent_as_rgb_and_gets_a_gray_layer(echoed: Records) -> None:
    record = echoed["gray"]
    sent = opened(record.request.images[0])
    assert sent.mode == "RGB"
    red, green, blue = sent.split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()
    x, _y, width, _height = place(record)
    assert red.crop((0, 0, width, 1)).tobytes() == bytes(column % 253 for column in range(x, x + width))
    layer = record.picture("layer", "RGBA", place(record)[2:]).convert("RGB")
    assert largest_difference(layer, sent) <= 1


def test_colours_are_converted_to_srgb_and_back(echoed: Records) -> None:
    """AdobeRGB's 219, 2, 0 is sRGB's 255, 0, 0; the layer holds the image's own values again."""
    record = echoed["adobe_rgb"]
    [(_count, sent)] = opened(record.request.images[0]).getcolors()
    assert max(abs(a - b) for a, b in zip(sent, (255, 0, 0), strict=True)) <= 3
    assert record.raw("source") == bytes((219, 2, 0))
    pixel = record.raw("pixel")
    assert pixel[3] == 255
    assert max(abs(a - b) for a, b in zip(pixel[:3], (219, 2, 0), strict=True)) <= 2


def test_colours_under_transparency_are_not_sent(echoed: Records) -> None:
    """The left half is transparent over a planted magenta: grey goes out."""
    colours = opened(echoed["hidden_colours"].request.images[0]).getcolors()
    assert {colour for _count, colour in colours} == {(128, 128, 128), (10, 200, 30)}


def test_what_a_layer_mask_hides_is_not_sent(echoed: Records) -> None:
    record = echoed["own_mask_and_opacity"]
    x, y, width, height = place(record)
    sent = opened(record.request.images[0])
    assert sent.crop((0, 0, 600 - x, height)).getcolors() == [((600 - x) * height, (128, 128, 128))]
    shown = sent.crop((600 - x, 0, width, height))
    assert changed_pixels(shown, coded_crop((1200, 900), (600, y, width + x - 600, height))) == 0


def test_a_layer_switched_off_is_sent_as_it_would_look(echoed: Records) -> None:
    record = echoed["invisible_layer"]
    assert changed_pixels(opened(record.request.images[0]), coded_crop((1200, 900), place(record))) == 0


def test_a_whole_layer_is_edited_without_a_selection(echoed: Records) -> None:
    """The layer's own rectangle, also where it is outside the canvas; no mask goes out, none comes back."""
    record = echoed["whole_layer"]
    assert record.facts["status"] == "success", record.facts
    assert record.request.mask is None
    assert place(record) == (200, -50, 1200, 900)
    assert not record.facts["layer"]["masked"]
    assert record.picture("layer", "RGBA", (1200, 900)).tobytes() == record.raw("original")


def test_a_small_whole_layer_is_magnified_instead_of_padded(echoed: Records) -> None:
    record = echoed["small_whole_layer"]
    assert place(record) == (50, 40, 200, 160)
    original = record.picture("original", "RGBA", (200, 160))
    inner = (4, 4, 196, 156)
    layer = record.picture("layer", "RGBA", (200, 160))
    assert largest_difference(layer.crop(inner), original.crop(inner)) <= 3


def test_what_is_visible_of_a_whole_layer_ends_at_the_canvas(echoed: Records) -> None:
    assert place(echoed["whole_layer_as_visible"]) == (200, 0, 1000, 850)


def test_a_generated_layer_covers_the_canvas(echoed: Records) -> None:
    """On top of the layer it was asked for on, without a mask, from words alone."""
    record = echoed["generated_canvas"]
    assert record.facts["status"] == "success", record.facts
    assert record.request.path == "/v1/images/generations"
    assert place(record) == (0, 0, 1200, 900)
    assert (record.facts["layer"]["name"], record.facts["layer"]["position"]) == ("Scumble Layer 1", 1)
    assert not record.facts["layer"]["masked"]


def test_a_generated_layer_can_fit_the_selection(echoed: Records) -> None:
    """The whole picture is used, reduced to the selection's bounds, not a part cut out of it."""
    record = echoed["generated_selection"]
    x, y, width, height = place(record)
    assert x <= 300 and y <= 200 and x + width >= 540 and y + height >= 400
    asked = tuple(int(edge) for edge in record.request.json["size"].split("x"))
    assert width * 4 <= asked[0] < (width + 16) * 4
    assert height * 4 <= asked[1] < (height + 16) * 4


def test_a_layer_is_generated_into_an_image_without_layers(echoed: Records) -> None:
    record = echoed["generated_without_layers"]
    assert record.facts["status"] == "success", record.facts
    assert place(record) == (0, 0, 1024, 768)


def test_a_layer_generated_in_a_gray_image_is_gray(echoed: Records) -> None:
    record = echoed["generated_gray"]
    assert record.facts["status"] == "success", record.facts
    bands = Image.frombytes("RGBA", (1024, 768), record.raw("layer")).split()
    assert bands[0].tobytes() == bands[1].tobytes() == bands[2].tobytes()
    assert len(bands[0].getcolors()) > 50
