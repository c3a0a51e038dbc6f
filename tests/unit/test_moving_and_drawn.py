# SPDX-License-Identifier: GPL-3.0-or-later
"""GIF and SVG: which requests are let through, what they cost, and that the sandbox makes real ones."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scumble import cost, formats, gifs, jobs, records, recovery, store, svgs, wire
from scumble.catalog import load
from scumble.cost import Span, Usage
from scumble.credentials import SERVICE_URL, Account
from scumble.errors import BadReply, BadRequest, BadSize, UnsupportedOption
from scumble.ledger import Ledger
from scumble.records import Asker
from scumble.request import Picture, Request, check
from scumble.sandbox import service
from scumble.sandbox.animations import animated
from scumble.sandbox.drawings import drawn
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import gradient_png, success

MODEL = "gpt-image-2.6-flare"
CATALOG = load()
TODAY = date(2026, 11, 22)
FRAME = Size(400, 272)
GIF = Request("generate", MODEL, "oak planks", FRAME, "low", output_format="gif", frames=4, frame_ms=70)
SVG = Request("generate", MODEL, "oak planks", Size(1024, 640), "low", output_format="svg")
RGB = bytes(
    channel
    for y in range(FRAME.height)
    for x in range(FRAME.width)
    for channel in (x % 256, y % 256, 255 * (x > y))
)
SANDBOX = Account(SERVICE_URL, None, "")
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '


def checked(request: Request, **changes: Any) -> None:
    changed = dataclasses.replace(request, **changes)
    check(changed, CATALOG.find(changed.model), TODAY)


def svg(inside: str = "", attributes: str = 'width="10" height="20"') -> bytes:
    return f"{HEAD}{attributes}>{inside}</svg>".encode()


class TestRequests:
    @pytest.mark.parametrize(
        ("request_", "changes"),
        [
            (GIF, {}),
            (GIF, {"frames": None, "frame_ms": None, "size": Size(960, 960)}),
            (GIF, {"frames": 2, "frame_ms": 655_350, "n": 10, "complexity": "low"}),
            (GIF, {"frames": 12, "size": Size(816, 816)}),
            (GIF, {"frames": 16, "size": Size(720, 720), "frame_ms": 10}),
            (SVG, {}),
            (SVG, {"size": None, "svg_author": "any-model-7", "svg_effort": "max"}),
        ],
    )
    def test_what_the_models_make_is_let_through(self, request_: Request, changes: dict[str, Any]) -> None:
        """Up to the largest squares that were measured."""
        checked(request_, **changes)

    @pytest.mark.parametrize(
        ("changes", "nearest"),
        [
            ({"frames": 9, "size": Size(976, 976)}, "960x960"),
            ({"frames": 10, "size": Size(832, 832)}, "816x832"),
            ({"frames": 16, "size": Size(736, 736)}, "720x720"),
            ({"frames": 9, "size": Size(1296, 640)}, "1280x640"),
            ({"size": Size(1000, 700)}, "1008x704"),
            ({"size": Size(16, 16)}, "272x272"),
        ],
    )
    def test_a_frame_too_large_for_the_sheet_is_refused_with_what_fits(
        self, changes: dict[str, Any], nearest: str
    ) -> None:
        """All frames lie on one sheet, which has the limits of a picture."""
        with pytest.raises(BadSize) as caught:
            checked(GIF, **changes)
        assert caught.value.details["nearest"] == nearest
        checked(GIF, **(changes | {"size": Size.parse(nearest)}))

    @pytest.mark.parametrize(
        ("request_", "changes", "says"),
        [
            (GIF, {"frames": 1}, "2 – 16"),
            (GIF, {"frames": 17}, "2 – 16"),
            (GIF, {"frame_ms": 9}, "10 – 655350"),
            (GIF, {"frame_ms": 655_351}, "10 – 655350"),
            (GIF, {"size": None}, "272x272"),
            (GIF, {"partial_images": 1}, "png, jpeg and webp"),
            (GIF, {"output_compression": 50}, "jpeg and webp only"),
            (GIF, {"background": "transparent"}, "png or webp"),
            (GIF, {"model": "gpt-image-2.5-flare"}, "png, jpeg, webp"),
            (GIF, {"output_format": "png"}, "gif only"),
            (GIF, {"output_format": "webp", "frames": None}, "gif only"),
            (GIF, {"svg_author": "some"}, "svg only"),
            (SVG, {"n": 2}, "1 with the format svg"),
            (SVG, {"partial_images": 1}, "png, jpeg and webp"),
            (SVG, {"output_compression": 50}, "jpeg and webp only"),
            (SVG, {"background": "transparent"}, "png or webp"),
            (SVG, {"frames": 2}, "gif only"),
            (SVG, {"svg_effort": "low"}, "author named too"),
            (SVG, {"svg_author": "two words"}, "name of a model"),
            (SVG, {"svg_author": "some", "svg_effort": "huge"}, "none, minimal, low"),
            (SVG, {"output_format": "png", "svg_author": "some"}, "svg only"),
        ],
    )
    def test_what_does_not_go_together_is_refused_with_what_works(
        self, request_: Request, changes: dict[str, Any], says: str
    ) -> None:
        """Before anything is sent."""
        with pytest.raises(BadRequest) as caught:
            checked(request_, **changes)
        assert says in str(caught.value)

    def test_a_gif_takes_a_markup_layer_and_no_mask(self) -> None:
        """The refusal says so."""
        picture = Picture(FRAME, gradient_png(*FRAME))
        edit = dataclasses.replace(GIF, kind="edit", images=(picture,))
        checked(edit, markup=Picture(FRAME))
        with pytest.raises(BadRequest, match="a markup layer works"):
            checked(edit, mask=Picture(FRAME))

    def test_settings_are_sent_under_the_names_of_the_api(self) -> None:
        """Nested in JSON; flat, with brackets, in a form."""
        call = wire.encode(GIF)
        assert call.json is not None
        assert (call.json["frame_count"], call.json["frame_duration_ms"]) == (4, 70)
        drawn_by = dataclasses.replace(SVG, svg_author="some", svg_effort="low")
        assert wire.json_body(drawn_by)["svg"] == {"model": "some", "reasoning": {"effort": "low"}}
        form = wire.encode(dataclasses.replace(drawn_by, kind="edit", images=(Picture(FRAME, b"x"),)))
        assert ("svg[model]", "some") in form.fields
        assert ("svg[reasoning][effort]", "low") in form.fields
        assert "svg" not in wire.json_body(SVG)


class TestPrices:
    def test_a_gif_has_a_range_and_the_reason(self) -> None:
        """Between one frame and each frame as a picture; one sheet is what is expected."""
        model = CATALOG.find(MODEL)
        found = cost.estimate(GIF, model)
        (line,) = [line for line in found.lines if line.part == "animation_output"]
        frame = cost.output_tokens(model, FRAME, "low")
        sheet = cost.output_tokens(model, Size(1200, 816), "low")
        assert line.tokens == Span(frame.low, sheet.expected, max(4 * frame.high, sheet.high))
        assert not found.exact and "not published" in found.reason and found.reserve >= found.cost.high

    def test_an_svg_reserves_for_its_author(self) -> None:
        """A guess, said to be one, on top of the picture that it is drawn from."""
        model = CATALOG.find(MODEL)
        plain = cost.estimate(dataclasses.replace(SVG, output_format="png"), model)
        found = cost.estimate(SVG, model)
        assert model.vector is not None
        most = model.vector.author_tokens[2] * model.vector.author_rate // 1_000_000
        assert found.reserve == plain.reserve + most
        assert found.cost.low == plain.cost.low and "guess" in found.reason

    def test_the_bill_of_an_svg_has_its_author_and_is_partly_a_guess(self) -> None:
        """The tokens are the service's, their price is not."""
        model = CATALOG.find(MODEL)
        owed = cost.bill(Usage(10, 0, 500, svg_author=6_000), model, cost.estimate(SVG, model))
        assert owed.lines[-1] == ("svg_author", 6_000, 15_000_000, 90_000) and not owed.from_usage
        assert cost.bill(Usage(10, 0, 500), model, cost.estimate(SVG, model)).from_usage

    def test_bills_of_gifs_teach_nothing_of_pictures(self, home: Home) -> None:
        """Three real bills of a GIF leave the price of a picture of that size as it was."""
        gif = dataclasses.replace(GIF, size=Size(1280, 720))
        model = CATALOG.find(MODEL)
        price = cost.estimate(gif, model)
        with Ledger(home.make().ledger) as ledger:
            for request in (gif, dataclasses.replace(gif, output_format="png", frames=None, frame_ms=None)):
                for _time in range(3):
                    id = ledger.reserve(records.spending(request, Asker("cli"), price, sandbox=False))
                    ledger.sent(id)
                    ledger.settle(id, cost.bill(Usage(9, 0, 999), model, cost.estimate(request, model)))
                learned = ledger.learned(gif, model)
                assert (learned is None) == (request is gif)
            assert cost.estimate(gif, model, learned) == price, "and pictures teach nothing of GIFs"

    @given(
        st.integers(2, 16),
        st.sampled_from([Size(272, 272), Size(400, 272), Size(720, 720), Size(960, 320)]),
        st.sampled_from(["low", "medium", "high", "xhigh", "max", "auto"]),
        st.integers(1, 10),
    )
    def test_no_bill_of_a_gif_passes_its_reservation(
        self, frames: int, size: Size, quality: str, n: int
    ) -> None:
        """Whichever of the ways to count it is the true one."""
        request = dataclasses.replace(GIF, frames=frames, size=size, quality=quality, n=n)
        model = CATALOG.find(MODEL)
        found = cost.estimate(request, model)
        rule = model.animation
        assert rule is not None
        for tokens in (
            cost.output_tokens(model, size, quality).high * frames,
            cost.output_tokens(model, rule.sheet(size, frames), quality).high,
        ):
            usage = Usage(0, 0, tokens * n)
            assert cost.bill(usage, model, found).total <= found.reserve


class TestGifFiles:
    def test_the_sandboxs_gifs_are_real(self) -> None:
        """Pillow reads every frame; each has moved on by the same part of the width, over the edge."""
        image = Image.open(io.BytesIO(animated(FRAME, RGB, 4, 70)))
        assert (image.n_frames, image.size, image.info["duration"]) == (4, FRAME, 70)
        first = image.convert("RGB")
        for x, y in ((0, 0), (399, 0), (0, 271), (123, 45)):
            original = RGB[3 * (y * FRAME.width + x) :][:3]
            assert all(
                abs(seen - was) < 128 for seen, was in zip(first.getpixel((x, y)), original, strict=True)
            )
        for number in range(1, 4):
            image.seek(number)
            moved = image.convert("RGB")
            for x, y in ((0, 0), (250, 100), (399, 271)):
                assert moved.getpixel(((x + 100 * number) % 400, y)) == first.getpixel((x, y))

    def test_frames_and_durations_are_read_without_decoding(self) -> None:
        """Also of what Pillow writes, with tables of colours of its own."""
        assert gifs.read(animated(FRAME, RGB, 3, 124)) == gifs.Animation(FRAME, (120, 120, 120))
        file = io.BytesIO()
        frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=[50, 60, 70])
        assert gifs.read(file.getvalue()) == gifs.Animation(Size(40, 30), (50, 60, 70))

    def test_a_gif_cut_anywhere_is_told(self) -> None:
        """At every byte, the last one too; nothing but ValueError comes of it."""
        whole = animated(Size(16, 12), RGB[: 16 * 12 * 3], 3, 50)
        formats.look(whole + b"more after the end")
        for end in range(6, len(whole)):
            with pytest.raises(ValueError, match="GIF"):
                formats.look(whole[:end])

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, noise: bytes) -> None:
        """Within bounds, and by no other error."""
        with contextlib.suppress(ValueError):
            assert gifs.read(b"GIF89a" + noise).frame_ms


class TestSvgFiles:
    def test_the_sandboxs_svgs_show_the_picture(self) -> None:
        """Each tile has the colour in its middle, and the whole is as large as was asked."""
        data = drawn(FRAME, RGB)
        assert svgs.read(data) == svgs.Drawing(FRAME, references_outside=False)
        assert b'<rect x="0" y="0" width="13" height="13" fill="#060600"/>' in data

    @pytest.mark.parametrize(
        ("attributes", "size"),
        [
            ('width="10" height="20"', (10, 20)),
            ('width="10.5px" height="19.4px" viewBox="0 0 1 1"', (11, 19)),
            ('viewBox="0 0 300 200"', (300, 200)),
            ('width="100%" height="100%" viewBox="-5,-5,  64.2 , 32"', None),
            ('width="100%" height="100%" viewBox="-5 -5 64.2 32"', (64, 32)),
            ('viewBox="0 0 0.2 0.4"', (1, 1)),
            ("", None),
            ('width="10"', None),
            ('width="0" height="5"', None),
            ('viewBox="0 0 1e9 5"', None),
            ('width="99999" height="5"', None),
            ('width="-1" height="5"', None),
        ],
    )
    def test_the_size_is_what_the_file_says(self, attributes: str, size: tuple[int, int] | None) -> None:
        """Pixels, or else the view box; without either, or beyond reason, it cannot be used."""
        if size is None and "64.2 ," not in attributes:
            with pytest.raises(ValueError, match="how large"):
                svgs.read(svg("", attributes))
        else:
            assert svgs.read(svg("", attributes)).size == Size(*(size or (64, 32)))

    @pytest.mark.parametrize(
        "data",
        [
            b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + svg("&a;"),
            b'<!DOCTYPE svg PUBLIC "x" "http://example.com/x.dtd">' + svg(),
            svg("<script>alert(1)</script>"),
            svg('<g onload="alert(1)"/>'),
            svg('<a href="javascript:alert(1)"/>'),
            svg('<a xlink:href=" java&#9;script:alert(1)"/>'),
            svg('<a href="data:text/html,x"/>'),
            svg('<a href="#"><set attributeName="href" to="javascript:alert(1)"/></a>'),
            svg('<a href="#"><animate attributeName="href" values="#a; JavaScript:alert(1)"/></a>'),
            svg("<foreignObject><p xmlns='http://www.w3.org/1999/xhtml'/></foreignObject>"),
            svg("<iframe xmlns='http://www.w3.org/1999/xhtml'/>"),
            svg()[:-1],
            svg() + b"<more/>",
            svg("&undefined;"),
            svg("<g>" * 300 + "</g>" * 300),
            svg("\xff").decode().encode("latin-1"),
            b"<svg width='1' height='1'/>",
            b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>',
            b"<svg",
            b"<!-- only a comment -->",
        ],
    )
    def test_what_could_act_or_is_none_is_refused(self, data: bytes) -> None:
        """No script, no entity, no document type, no damage, no depth without end."""
        with pytest.raises(ValueError, match=r"SVG"):
            svgs.read(data)

    def test_an_svg_without_end_is_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither in bytes nor in parts."""
        monkeypatch.setattr(svgs, "BYTES_MAX", 500)
        monkeypatch.setattr(svgs, "_ELEMENTS_MAX", 20)
        for data in (svg(" " * 500), svg("<g/>" * 21)):
            with pytest.raises(ValueError, match="too"):
                svgs.read(data)

    @pytest.mark.parametrize(
        ("inside", "outside"),
        [
            ('<use href="#a"/><rect fill="url(#b)" style="filter:url(\'#c\')"/>', False),
            ('<image href="data:image/png;base64,AAAA"/>', False),
            ('<a href="https://example.com/"><rect/></a>', False),
            ("<style>.a{fill:url(#b)}</style>", False),
            ('<image href="https://example.com/a.png"/>', True),
            ('<image xlink:href="a.png"/>', True),
            ('<use href="other.svg#a"/>', True),
            ('<image href="data:image/svg+xml,x"/>', True),
            ('<rect fill="url(http://example.com/#a)"/>', True),
            ("<style>@import 'http://example.com/a.css';</style>", True),
            ("<style>@import url(a.css);</style>", True),
            ("<style>.a{fill:<![CDATA[url(//example.com)]]>}</style>", True),
            ("<style>.a{fill:u\\72l(//example.com)} @x</style>", True),
            ('<set attributeName="href" to="//example.com/a.png"/>', True),
            ('<g xml:base="http://example.com/"/>', True),
            ("<?xml-stylesheet href='a.css'?>", True),
        ],
    )
    def test_what_it_would_fetch_is_reported(self, inside: str, outside: bool) -> None:
        """Addresses outside the file; a link that a person must follow fetches nothing."""
        assert svgs.read(svg(inside)).references_outside is outside

    @given(st.text(alphabet="<>/&;# \"'=svgxmln:[]!?-aurl()", max_size=80))
    def test_any_text_is_read_or_refused(self, noise: str) -> None:
        """By no other error."""
        with contextlib.suppress(ValueError):
            assert svgs.read(svg(noise)).size == Size(10, 20)


class TestReplies:
    def test_a_gif_and_an_svg_come_from_the_sandbox_to_disk(self, home: Home) -> None:
        """Checked like any picture, settled, kept under endings of their own, and read again."""
        for request, ending, frames in ((GIF, "gif", 4), (SVG, "svg", 1)):
            result = jobs.perform(request, Asker("cli"), home, SANDBOX, CATALOG)
            assert result.answer.frames == frames and result.answer.size == request.size
            assert result.answer.media_type == formats.MEDIA_TYPES[ending]
            assert (result.folder / f"picture-1.{ending}").read_bytes() == result.answer.pictures[0]
            facts = store.find(home, result.id).facts
            assert facts["frames"] == frames and facts["references_outside"] is False
            assert result.bill.total <= result.estimate.reserve
            assert recovery.reread(store.find(home, result.id)) == result.answer
            with Ledger(home.ledger) as ledger:
                late = records.late_bill(result.answer, ledger.entry(result.id), CATALOG.find(MODEL))
            assert late == result.bill, "also when it is settled late"

    def test_another_format_than_asked_is_no_answer(self) -> None:
        """A GIF where an SVG was asked for, and the reverse; a GIF of another size."""
        gif, drawing = animated(FRAME, RGB, 4, 70), drawn(FRAME, RGB)
        assert wire.decode(success([gif]), GIF).frames == 4
        assert wire.decode(success([drawing]), SVG).size == FRAME, "a drawing has a size of its own"
        for data, request in (
            (gif, SVG),
            (drawing, GIF),
            (gif, dataclasses.replace(GIF, size=Size(416, 272))),
            (gif[:-1], GIF),
            (svg("<script/>"), SVG),
        ):
            with pytest.raises(BadReply):
                wire.decode(success([data]), request)

    def test_a_drawing_that_was_not_asked_for_is_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its first bytes are enough to refuse it."""
        monkeypatch.setattr(svgs, "read", lambda _data: pytest.fail("parsed"))
        with pytest.raises(BadReply, match="image/svg"):
            wire.decode(success([drawn(FRAME, RGB)]), GIF)

    def test_what_an_author_used_is_in_the_usage(self) -> None:
        """Counted apart by the service; without it none, and with nonsense the usage is not believed."""
        body = json.loads(success([drawn(FRAME, RGB)]))
        assert _usage_of(body) == Usage(9, 768, 301)
        assert _usage_of(body | {"svg_usage": {"total_tokens": 77}}) == Usage(9, 768, 301, svg_author=77)
        assert _usage_of(body | {"svg_usage": {"total_tokens": -1}}) is None

    def test_the_sandbox_names_the_author_that_was_asked_for(self) -> None:
        """And says nothing of one where none was named."""
        for author in (None, "some-author"):
            request = dataclasses.replace(SVG, svg_author=author)
            status, _headers, content = service.respond(
                "POST",
                "/v1/images/generations",
                {"authorization": "Bearer x", "content-type": "application/json"},
                json.dumps(wire.json_body(request)).encode(),
            )
            usage = json.loads(content).get("svg_usage")
            assert status == 200 and (usage and usage["model"]) == author


def _usage_of(document: dict[str, Any]) -> Usage | None:
    return wire.decode(json.dumps(document).encode(), SVG).usage


def test_other_models_say_what_they_make() -> None:
    """The refusal names the formats that work."""
    with pytest.raises(UnsupportedOption) as caught:
        checked(SVG, model="gpt-image-2")
    assert caught.value.details["choices"] == "png, jpeg, webp"
