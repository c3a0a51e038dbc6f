# SPDX-License-Identifier: GPL-3.0-or-later
"""Input pictures made ready: what is refused before anything is paid, what is made smaller, what stays."""

from __future__ import annotations

import dataclasses
import io
import os
import struct
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scumble import cost, formats, inputs, png
from scumble.catalog import load
from scumble.errors import BadPicture
from scumble.inputs import Source, prepare
from scumble.request import Request, check
from scumble.shapes import Size
from tests.servers import gradient_png
from tests.unit.sandbox_cases import encoded, mask, picture

MODEL = load().find("gpt-image-2.5-flare")
SMALL = Size(96, 64)
LARGE = Size(2400, 1600)
LARGE_PNG = encoded(picture(LARGE))


def turned_jpeg(size: Size, orientation: int) -> bytes:
    """A JPEG that EXIF says is to be turned."""
    image = picture(size)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


class TestLooking:
    @pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
    def test_a_picture_is_known_by_its_bytes(self, format: str) -> None:
        """Whatever its name says; what needs no change is sent byte for byte."""
        data = encoded(picture(SMALL), format)
        (ready,) = prepare([Source("holiday.tiff", data)], MODEL).images
        assert (ready.data, ready.size, ready.media_type) == (data, SMALL, f"image/{format.lower()}")

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "not a PNG, JPEG or WebP"),
            (b"<html>", "not a PNG, JPEG or WebP"),
            (encoded(picture(SMALL))[:-20], "cut off"),
            (encoded(picture(SMALL), "JPEG")[:-2], "cut off"),
            (encoded(picture(SMALL), "GIF"), "neither PNG, JPEG nor WebP"),
            (b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>', "neither PNG, JPEG nor"),
        ],
    )
    def test_what_the_service_would_not_read_is_refused_by_name(self, data: bytes, reason: str) -> None:
        """With the number of pictures it does not matter which one it is."""
        with pytest.raises(BadPicture) as caught:
            prepare([Source("good.png", encoded(picture(SMALL))), Source("bad.png", data)], MODEL)
        assert "bad.png" in str(caught.value) and reason in str(caught.value)

    def test_a_picture_of_50_million_bytes_is_refused(self) -> None:
        """Strictly below is the limit; one that is made smaller passes."""
        huge = encoded(picture(LARGE)) + bytes(MODEL.picture_bytes_max)
        with pytest.raises(BadPicture, match="under 50 million"):
            prepare([Source("huge.png", huge[: -len(LARGE_PNG)] + LARGE_PNG[-12:])], MODEL)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_the_size_is_the_one_people_see(self, orientation: int) -> None:
        """A JPEG on its side is as wide as it is stored high."""
        data = turned_jpeg(SMALL, orientation)
        assert formats.orientation(data) == orientation
        (ready,) = prepare([Source("a.jpg", data)], MODEL).images
        assert ready.size == (SMALL if orientation < 5 else Size(64, 96)) and ready.data == data

    @given(st.binary(max_size=80))
    def test_nonsense_in_exif_is_no_orientation(self, noise: bytes) -> None:
        """One of eight, whatever the bytes are."""
        block = b"Exif\0\0II*\0" + noise
        data = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(block) + 2) + block + b"\xff\xd9"
        assert 1 <= formats.orientation(data) <= 8


class TestReduction:
    def test_a_reference_is_sent_as_the_model_sees_it_and_costs_the_same(self) -> None:
        """The first picture stays one to one; the remark says what was done."""
        source = Source("large.png", LARGE_PNG)
        ready = prepare([source, source], MODEL)
        assert ready.images[0].data == LARGE_PNG
        small = ready.images[1]
        assert small.size == cost.seen_size(MODEL, LARGE) == Size(1536, 1024)
        assert opened(small.data).size == small.size
        assert cost.input_tokens(MODEL, small.size) == cost.input_tokens(MODEL, LARGE)
        assert ready.remarks == ("large.png is sent as 1536x1024: the model looks at no more of it.",)
        assert prepare([source, source], MODEL, reduction="none").images[1].data == LARGE_PNG

    @given(st.integers(1, 9_000), st.integers(1, 9_000))
    def test_what_a_model_sees_is_never_larger_and_never_costs_more(self, width: int, height: int) -> None:
        """For any size: no larger, of the same shape, within the budget, the same price, and final."""
        size = Size(width, height)
        seen = cost.seen_size(MODEL, size)
        assert seen.width <= size.width and seen.height <= size.height
        assert cost.input_tokens(MODEL, seen) == cost.input_tokens(MODEL, size)
        assert cost.seen_size(MODEL, seen) == seen
        if seen != size and size.longer <= 3 * size.shorter:
            assert abs(seen.width * height - seen.height * width) <= 2 * max(size)

    def test_mask_and_markup_shrink_with_their_picture(self) -> None:
        """Also a line of one pixel stays in the mask."""
        thin = encoded(mask(LARGE, (700, 0, 701, 1600)))
        ready = prepare([Source("a.png", LARGE_PNG)], MODEL, mask=Source("mask.png", thin), reduction="all")
        assert ready.mask is not None and ready.mask.size == ready.images[0].size == Size(1536, 1024)
        alpha = opened(ready.mask.data).getchannel("A")
        assert set(alpha.tobytes()) == {0, 255}
        box = Image.eval(alpha, lambda value: 255 - value).getbbox()
        assert box is not None and 444 <= box[0] <= 448 <= box[2] <= 452 and (box[1], box[3]) == (0, 1024)
        strokes = Image.new("RGBA", LARGE, (0, 0, 0, 0))
        strokes.paste((255, 0, 0, 255), (0, 0, 1200, 800))
        marked = prepare(
            [Source("a.png", LARGE_PNG)], MODEL, markup=Source("m.png", encoded(strokes)), reduction="all"
        ).markup
        assert marked is not None and marked.size == Size(1536, 1024)
        assert opened(marked.data).getpixel((300, 200)) == (255, 0, 0, 255)

    def test_without_pillow_png_is_reduced_and_others_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In plain Python; a JPEG goes as it is, which costs the same."""
        monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
        jpeg = encoded(picture(LARGE), "JPEG")
        first = Source("a.png", gradient_png(*SMALL))
        ready = prepare([first, Source("b.png", gradient_png(*LARGE)), Source("c.jpg", jpeg)], MODEL)
        size, _channels, pixels = png.decode(ready.images[1].data, 10_000_000)
        assert size == Size(1536, 1024) and pixels[:3] != pixels[-3:]
        assert ready.images[2].data == jpeg and len(ready.remarks) == 1

    def test_a_hosts_own_resizer_is_used(self) -> None:
        """It gets the bytes and the size."""
        asked = []

        def resize(data: bytes, size: Size) -> bytes:
            asked.append((data, size))
            return gradient_png(*size)

        first = Source("a.png", gradient_png(*SMALL))
        ready = prepare([first, Source("b.png", LARGE_PNG)], MODEL, resize=resize)
        assert asked == [(LARGE_PNG, Size(1536, 1024))]
        assert ready.images[1].data == gradient_png(1536, 1024)


class TestOverlays:
    def test_a_good_mask_goes_as_it_is(self) -> None:
        """Byte for byte, with its picture."""
        data = encoded(mask(SMALL, (1, 2, 30, 40)))
        ready = prepare([Source("a.png", encoded(picture(SMALL)))], MODEL, mask=Source("m.png", data))
        assert ready.mask is not None and ready.mask.data == data and not ready.remarks

    @pytest.mark.parametrize("mode", ["P", "LA"])
    def test_a_mask_with_transparency_of_another_kind_gets_an_alpha_channel(self, mode: str) -> None:
        """From a palette's, or beside grey; the same pixels are clear."""
        whole = mask(SMALL, (1, 2, 30, 40))
        if mode == "P":
            image = Image.new("P", SMALL, 1)
            image.putpalette([0, 0, 0, 9, 9, 9])
            image.paste(0, (1, 2, 30, 40))
            file = io.BytesIO()
            image.save(file, "PNG", transparency=0)
            data = file.getvalue()
        else:
            data = encoded(whole.convert("LA"))
        found = prepare([Source("a.png", encoded(picture(SMALL)))], MODEL, mask=Source("m.png", data)).mask
        assert found is not None
        assert opened(found.data).getchannel("A").tobytes() == whole.getchannel("A").tobytes()

    def test_a_mask_above_4_million_bytes_is_written_smaller(self) -> None:
        """What was wholly clear stays clear, all else is opaque; and it says so."""
        size = Size(1200, 1000)
        noise = Image.frombytes("RGBA", size, os.urandom(size.area * 4))
        alpha = Image.new("L", size, 200)
        alpha.paste(0, (5, 6, 900, 800))
        noise.putalpha(alpha)
        big = Source("m.png", png.encode(size, noise.tobytes(), 4, level=0))
        assert len(big.data) > MODEL.mask_bytes_max
        ready = prepare([Source("a.png", gradient_png(*size))], MODEL, mask=big)
        assert ready.mask is not None and len(ready.mask.data) < 50_000
        assert (
            opened(ready.mask.data).getchannel("A").tobytes()
            == alpha.point(lambda value: 255 if value else 0).tobytes()
        )
        assert ready.remarks == ("m.png is sent with nothing but opaque and clear.",)

    def test_a_mask_that_cannot_be_made_small_enough_is_refused(self) -> None:
        """Noise does not compress."""
        size = Size(1200, 1000)
        noise = bytes(255 * (byte & 1) for byte in os.urandom(size.area))
        data = png.encode(size, png.interleaved([noise, noise, noise, noise]), 4, level=0)
        with pytest.raises(BadPicture, match="under 0 million"):
            prepare(
                [Source("a.png", gradient_png(*size))],
                dataclasses.replace(MODEL, mask_bytes_max=100_000),
                mask=Source("m.png", data),
            )

    @pytest.mark.parametrize(
        ("overlay", "reason"),
        [
            (encoded(picture(SMALL)), "needs an alpha channel"),
            (encoded(mask(SMALL, (1, 1, 9, 9)), "WEBP"), "must be a PNG"),
            (encoded(mask((95, 64), (1, 1, 9, 9))), "it is 95x64 and the picture it lies on is 96x64"),
            (encoded(mask(SMALL, (1, 1, 9, 9)))[:-30], "cut off"),
        ],
    )
    def test_an_overlay_that_does_not_fit_is_refused(self, overlay: bytes, reason: str) -> None:
        """Mask and markup alike, by name."""
        first = Source("a.png", encoded(picture(SMALL)))
        for overlays in ({"mask": Source("over.png", overlay)}, {"markup": Source("over.png", overlay)}):
            with pytest.raises(BadPicture) as caught:
                prepare([first], MODEL, **overlays)
            assert "over.png" in str(caught.value) and reason in str(caught.value)

    def test_a_markup_layer_without_a_clear_pixel_is_refused(self) -> None:
        """The service would refuse it, having been sent everything."""
        with pytest.raises(BadPicture, match="transparent pixels"):
            prepare(
                [Source("a.png", encoded(picture(SMALL)))],
                MODEL,
                markup=Source("m.png", encoded(mask(SMALL, (0, 0, 1, 1), alpha=1))),
            )

    @pytest.mark.parametrize("orientation", [3, 6])
    def test_a_turned_picture_is_set_upright_under_an_overlay(self, orientation: int) -> None:
        """Mask and picture then mean the same pixels; without Pillow it is refused, with what to do."""
        data = turned_jpeg(SMALL, orientation)
        size = SMALL if orientation == 3 else Size(64, 96)
        over: dict[str, Any] = {"mask": Source("m.png", encoded(mask(size, (1, 1, 9, 9))))}
        ready = prepare([Source("a.jpg", data)], MODEL, **over)
        upright = opened(ready.images[0].data)
        assert ready.images[0].media_type == "image/png" and upright.size == size
        turn = Image.Transpose.ROTATE_180 if orientation == 3 else Image.Transpose.ROTATE_270
        assert upright.tobytes() == opened(data).transpose(turn).tobytes()
        with pytest.raises(BadPicture, match="save it upright"):
            prepare([Source("a.jpg", data)], MODEL, **over, resize=inputs._resized_plainly)

    def test_what_is_ready_passes_the_check(self) -> None:
        """With mask, with markup, and sixteen pictures."""
        over = Source("m.png", encoded(mask(SMALL, (1, 1, 9, 9))))
        sources = [
            Source("a.jpg", turned_jpeg(SMALL, 3)),
            *([Source("b.webp", encoded(picture(SMALL), "WEBP"))] * 15),
        ]
        for overlays in ({"mask": over}, {"markup": over}, {}):
            ready = prepare(sources, MODEL, **overlays)
            request = Request(
                "edit", MODEL.id, "a door", Size(1024, 1024), "low",
                images=ready.images, mask=ready.mask, markup=ready.markup,
            )  # fmt: skip
            check(request, MODEL, date(2026, 11, 22))
