# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's shapes: what is sent, what is believed of a reply, and which error a refusal becomes."""

from __future__ import annotations

import base64
import dataclasses
import json
import time
import zlib
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import PROXY_PAGE, USAGE, gradient_png, refusal, success

from scumble import errors, wire
from scumble.cost import Usage
from scumble.errors import BadReply, Billing, ScumbleError
from scumble.request import JSON_URL_CHARACTERS_MAX, Picture, Request, data_url_length
from scumble.shapes import Size

PROMPT = "a small red door"
KEY_SOURCE = "environment OPENAI_API_KEY"
SIZE = Size(1024, 768)
PNG = gradient_png(*SIZE)
GENERATE = Request("generate", "gpt-image-2.5-flare", PROMPT, SIZE, "medium")
EDIT = dataclasses.replace(
    GENERATE,
    kind="edit",
    images=(Picture(SIZE, PNG, name="holiday.png"), Picture(SIZE, b"\xff\xd8\xff", "image/jpeg", "me.jpg")),
    mask=Picture(SIZE, b"the mask"),
)


def reply(**changes: object) -> bytes:
    """A good reply, with some of its top level replaced."""
    return json.dumps(json.loads(success([PNG])) | changes).encode()


def error_of(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> ScumbleError:
    return wire.error_from(status, headers or {}, body, GENERATE, KEY_SOURCE)


class TestEncode:
    def test_a_generation_says_everything_that_decides_its_price(self) -> None:
        """Quality, size and number are sent even at their defaults, since the service's own may be dearer."""
        call = wire.encode(GENERATE)
        assert call.path == "/images/generations"
        assert call.json == {
            "model": "gpt-image-2.5-flare",
            "prompt": PROMPT,
            "size": "1024x768",
            "quality": "medium",
            "n": 1,
            "background": "auto",
            "output_format": "png",
        }
        assert call.fields == () and call.files == ()

    def test_options_that_are_set_are_sent(self) -> None:
        """Each optional field appears under its name, and only then."""
        call = wire.encode(
            dataclasses.replace(
                GENERATE,
                size=None,
                output_format="webp",
                output_compression=0,
                moderation="low",
                complexity="high",
                safety_identifier="user-1",
            )
        )
        assert call.json is not None
        assert call.json["size"] == "auto"
        assert call.json["output_compression"] == 0
        assert call.json["moderation"] == "low"
        assert call.json["complexity"] == "high"
        assert call.json["safety_identifier"] == "user-1"

    def test_an_edit_is_a_form_with_its_pictures_in_order_and_the_mask(self) -> None:
        """Files go as image[] and mask under numbered names; the user's file names stay here."""
        call = wire.encode(EDIT)
        assert call.path == "/images/edits" and call.json is None
        assert call.files == (
            ("image[]", "image-1.png", PNG, "image/png"),
            ("image[]", "image-2.jpg", b"\xff\xd8\xff", "image/jpeg"),
            ("mask", "mask.png", b"the mask", "image/png"),
        )
        assert dict(call.fields) == {
            "model": "gpt-image-2.5-flare",
            "prompt": PROMPT,
            "size": "1024x768",
            "quality": "medium",
            "n": "1",
            "background": "auto",
            "output_format": "png",
        }

    def test_a_markup_layer_goes_under_its_own_name(self) -> None:
        """A markup layer is a file called markup."""
        call = wire.encode(dataclasses.replace(EDIT, mask=None, markup=Picture(SIZE, b"strokes")))
        assert call.files[-1] == ("markup", "markup.png", b"strokes", "image/png")

    @pytest.mark.parametrize("request_", [GENERATE, EDIT], ids=["generate", "edit"])
    def test_fields_that_the_service_refuses_are_never_sent(self, request_: Request) -> None:
        """An edit answers 400 to unknown fields, and gpt-image-2 to input_fidelity."""
        call = wire.encode(request_)
        names = set(call.json or {}) | {name for name, _value in call.fields}
        assert not names & {"response_format", "style", "input_fidelity", "user", "stream", "partial_images"}

    def test_partial_pictures_are_asked_for_as_a_stream(self) -> None:
        """In JSON with its own words for yes and numbers, in a form with theirs."""
        made = wire.encode(dataclasses.replace(GENERATE, partial_images=2))
        assert made.json is not None
        assert (made.json["stream"], made.json["partial_images"]) == (True, 2)
        edited = dict(wire.encode(dataclasses.replace(EDIT, partial_images=3)).fields)
        assert (edited["stream"], edited["partial_images"]) == ("true", "3")

    def test_an_edit_with_moderation_is_json(self) -> None:
        """The form has no such field; pictures and mask are data URLs, in their order."""
        call = wire.encode(dataclasses.replace(EDIT, moderation="low"))
        assert call.path == "/images/edits" and call.fields == () and call.files == ()
        assert call.json is not None and call.json["moderation"] == "low" and call.json["n"] == 1
        assert call.json["images"] == [
            {"image_url": "data:image/png;base64," + base64.b64encode(PNG).decode()},
            {"image_url": "data:image/jpeg;base64,/9j/"},
        ]
        assert call.json["mask"] == {"image_url": "data:image/png;base64,dGhlIG1hc2s="}

    @pytest.mark.parametrize("request_", [GENERATE, EDIT], ids=["generate", "edit"])
    def test_any_request_has_a_json_form(self, request_: Request) -> None:
        """For lists of requests; it says what the call says, and nothing of moderation that was not asked."""
        body = wire.json_body(request_)
        call = wire.encode(request_)
        assert {name: str(value) for name, value in body.items() if name not in ("images", "mask")} == (
            dict(call.fields) or {name: str(value) for name, value in (call.json or {}).items()}
        )
        assert ("images" in body, "mask" in body) == (request_.kind == "edit",) * 2

    def test_the_length_of_a_data_url_is_known_before_it_is_made(self) -> None:
        """For each remainder of three bytes."""
        for length in range(7):
            picture = Picture(SIZE, b"x" * length, "image/webp")
            assert data_url_length(picture) == len(wire.data_url(picture))

    def test_what_json_cannot_carry_is_refused(self) -> None:
        """A picture whose data URL is a character too long, and a markup layer."""
        fits = (JSON_URL_CHARACTERS_MAX - len("data:image/png;base64,")) // 4 * 3
        wire.json_body(dataclasses.replace(EDIT, images=(Picture(SIZE, bytes(fits)),)))
        long = Picture(SIZE, bytes(fits + 1), name="long.png")
        for changes in ({"images": (EDIT.images[0], long)}, {"mask": long}):
            with pytest.raises(errors.BadPicture, match=r"long\.png.* 15 million bytes"):
                wire.json_body(dataclasses.replace(EDIT, **changes))
        with pytest.raises(errors.BadRequest, match="with moderation auto"):
            wire.json_body(dataclasses.replace(EDIT, mask=None, markup=Picture(SIZE, b"strokes")))

    def test_a_call_shows_its_path_only(self) -> None:
        """The prompt and the pictures are not in the repr."""
        assert repr(wire.encode(GENERATE)) == "Call(path='/images/generations')"
        assert repr(wire.encode(EDIT)) == "Call(path='/images/edits')"


class TestDecode:
    def test_a_reply_gives_its_pictures_byte_for_byte(self) -> None:
        """The pictures, their type and size, the usage and what was really used."""
        answer = wire.decode(success([PNG]), GENERATE)
        assert answer == wire.Answer(
            pictures=(PNG,),
            media_type="image/png",
            size=SIZE,
            usage=Usage(text_input=9, image_input=768, output=301),
            quality="medium",
            created=1_795_363_200,
        )

    def test_fewer_pictures_than_asked_for_are_a_reply(self) -> None:
        """Two of four are two, not a failure."""
        answer = wire.decode(success([PNG, PNG]), dataclasses.replace(GENERATE, n=4))
        assert len(answer.pictures) == 2

    def test_a_size_left_to_the_model_is_read_from_the_picture(self) -> None:
        """Sizes the model chooses need not be multiples of 16."""
        answer = wire.decode(success([gradient_png(1254, 1199)]), dataclasses.replace(GENERATE, size=None))
        assert answer.size == Size(1254, 1199)

    def test_only_the_data_is_needed(self) -> None:
        """Other servers leave out usage, quality and the time."""
        data = json.loads(success([PNG]))["data"]
        answer = wire.decode(json.dumps({"data": data}).encode(), GENERATE)
        assert (answer.usage, answer.quality, answer.created) == (None, "", 0)

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(PROXY_PAGE, id="a proxy's page"),
            pytest.param(b"\xff\xfe{}", id="no UTF-8"),
            pytest.param(b"[" * 100_000, id="deep nesting"),
            pytest.param(b'{"data": ' + b"9" * 5_000 + b"}", id="a number of 5000 digits"),
            pytest.param(b"null", id="null"),
            pytest.param(b"[]", id="a list"),
            pytest.param(b"{}", id="no data"),
            pytest.param(success([PNG])[:-20], id="cut off"),
            pytest.param(reply(created=float("nan")), id="NaN"),
            pytest.param(refusal("server_error", None), id="an error with status 200"),
            pytest.param(reply(data=None), id="data null"),
            pytest.param(reply(data={}), id="data an object"),
            pytest.param(reply(data=[]), id="data empty"),
            pytest.param(reply(data=["x"]), id="data of text"),
            pytest.param(reply(data=[{}]), id="an item without a picture"),
            pytest.param(reply(data=[{"b64_json": 5}]), id="a number for a picture"),
            pytest.param(reply(data=[{"b64_json": "*" * 40}]), id="no base64"),
            pytest.param(
                reply(data=[{"b64_json": "*" + base64.b64encode(PNG).decode()}]), id="a letter more"
            ),
            pytest.param(reply(data=[{"b64_json": "é" * 40}]), id="base64 of other letters"),
            pytest.param(reply(data=[{"b64_json": base64.b64encode(PNG).decode()[:-3]}]), id="base64 cut"),
            pytest.param(reply(data=[{"b64_json": base64.b64encode(PROXY_PAGE).decode()}]), id="a page"),
            pytest.param(success([b"\x89PNG\r\n\x1a\n"]), id="a PNG's first bytes"),
            pytest.param(success([PNG[:-12]]), id="a PNG without its end"),
            pytest.param(success([gradient_png(768, 1024)]), id="another size"),
            pytest.param(success([PNG, PNG]), id="more pictures than asked for"),
        ],
    )
    def test_a_reply_that_is_not_what_was_asked_for_is_a_bad_reply(self, body: bytes) -> None:
        """It may have been billed, so the error is of unknown outcome and never an exception of Python's."""
        with pytest.raises(BadReply) as caught:
            wire.decode(body, GENERATE)
        assert caught.value.billing is Billing.MAYBE
        assert caught.value.__cause__ is None
        assert str(caught.value).startswith("The service's answer cannot be used: ")

    def test_an_address_in_place_of_a_picture_is_named_as_such(self) -> None:
        """Addresses are not followed: a reply must not make the client fetch things."""
        with pytest.raises(BadReply, match="names an address"):
            wire.decode(reply(data=[{"url": "https://example.com/x.png"}]), GENERATE)

    def test_another_size_is_told_with_both_sizes(self) -> None:
        """The message says what came and what was asked for."""
        with pytest.raises(BadReply, match="768x1024, and 1024x768 was asked for"):
            wire.decode(success([gradient_png(768, 1024)]), GENERATE)

    def test_another_format_is_refused(self) -> None:
        """A host that asked for WebP would misread a PNG."""
        with pytest.raises(BadReply, match="image/png, and webp was asked for"):
            wire.decode(success([PNG]), dataclasses.replace(GENERATE, output_format="webp"))

    def test_pictures_of_different_sizes_are_refused(self) -> None:
        """One answer has one size, also where the model chooses it."""
        body = success([PNG, gradient_png(768, 1024)])
        with pytest.raises(BadReply, match="different sizes"):
            wire.decode(body, dataclasses.replace(GENERATE, size=None, n=2))

    def test_a_forged_size_is_refused_before_any_pixel_is_decoded(self) -> None:
        """A header that claims 60000 pixels an edge would cost gigabytes."""
        header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + PNG[24:29]
        forged = PNG[:12] + header + zlib.crc32(header).to_bytes(4, "big") + PNG[33:]
        with pytest.raises(BadReply, match="claims to be 60000x60000"):
            wire.decode(success([forged]), dataclasses.replace(GENERATE, size=None))

    @pytest.mark.parametrize(
        "usage",
        [
            None,
            [],
            "many",
            {},
            {**USAGE, "output_tokens": -1},
            {**USAGE, "output_tokens": 0},
            {**USAGE, "output_tokens": True},
            {**USAGE, "output_tokens": 301.0},
            {**USAGE, "output_tokens": "301"},
            {**USAGE, "output_tokens": 10**12},
            {**USAGE, "input_tokens_details": None},
            {**USAGE, "input_tokens_details": {"text_tokens": -9, "image_tokens": 0}},
            {**USAGE, "input_tokens_details": {"text_tokens": 9, "image_tokens": False}},
            {**USAGE, "input_tokens_details": {"image_tokens": 768}},
        ],
    )
    def test_usage_that_cannot_be_true_is_no_usage(self, usage: object) -> None:
        """The picture is good all the same, and the bill falls back to the estimate."""
        answer = wire.decode(reply(usage=usage), GENERATE)
        assert answer.usage is None and answer.pictures == (PNG,)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["data", "b64_json", "url", "usage", "error", "size"]), inner, max_size=4
                )
            ),
            max_leaves=12,
        )
    )
    def test_no_json_at_all_brings_anything_but_a_bad_reply(self, document: object) -> None:
        """Whatever the shape, the one error of the tree comes out."""
        with pytest.raises(BadReply):
            wire.decode(json.dumps(document).encode(), GENERATE)

    @given(st.binary(max_size=200))
    def test_no_bytes_at_all_bring_anything_but_a_bad_reply(self, body: bytes) -> None:
        """Nor do bytes that are no JSON."""
        with pytest.raises(BadReply):
            wire.decode(body, GENERATE)

    def test_an_answer_does_not_show_its_pictures(self) -> None:
        """The repr holds sizes, not megabytes."""
        assert len(repr(wire.decode(success([PNG]), GENERATE))) < 300


USER = "image_generation_user_error"
INVALID = "invalid_request_error"


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (401, refusal(INVALID, "invalid_api_key"), errors.KeyRefused),
            (403, refusal(INVALID, None), errors.AccessDenied),
            (403, refusal("request_forbidden", "unsupported_country_region_territory"), errors.AccessDenied),
            (404, refusal(INVALID, "model_not_found", "model"), errors.ModelUnavailable),
            (404, refusal(INVALID, None), errors.ModelUnavailable),
            (400, refusal(USER, "invalid_value", "size"), errors.RequestRejected),
            (400, refusal(INVALID, None, "quality"), errors.RequestRejected),
            (400, refusal(INVALID, "invalid_input_fidelity_model", "input_fidelity"), errors.RequestRejected),
            (400, refusal(USER, "invalid_image_file", "image"), errors.RequestRejected),
            (400, refusal(USER, "moderation_blocked"), errors.ModerationBlocked),
            (400, refusal(INVALID, "contentFilter"), errors.ModerationBlocked),
            (400, refusal("billing_limit_user_error", "billing_hard_limit_reached"), errors.BillingLimit),
            (400, refusal("billing_limit_user_error", None), errors.BillingLimit),
            (429, refusal("insufficient_quota", "insufficient_quota"), errors.QuotaExhausted),
            (429, refusal("insufficient_quota", None), errors.QuotaExhausted),
            (429, refusal(INVALID, "credit_balance_exhausted"), errors.QuotaExhausted),
            (429, refusal(INVALID, "organization_spend_limit_exceeded"), errors.QuotaExhausted),
            (429, refusal(INVALID, "project_spend_limit_exceeded"), errors.QuotaExhausted),
            (429, refusal(INVALID, "organization_usage_limit_exceeded"), errors.QuotaExhausted),
            (429, refusal("input-images", "rate_limit_exceeded"), errors.RateLimited),
            (429, refusal("server_error", "server_is_overloaded"), errors.Overloaded),
            (503, refusal("server_error", "server_is_overloaded"), errors.Overloaded),
            (503, refusal("server_error", "slow_down"), errors.Overloaded),
            (500, refusal("server_error", "server_error"), errors.ServerFault),
            (500, refusal("server_error", "server_is_overloaded"), errors.ServerFault),
            (503, refusal("server_error", None), errors.ServerFault),
            (502, PROXY_PAGE, errors.ServerFault),
            (503, PROXY_PAGE, errors.ServerFault),
            (504, b"", errors.ServerFault),
            (524, PROXY_PAGE, errors.ServerFault),
            (408, b"", errors.ServerFault),
            (401, PROXY_PAGE, errors.KeyRefused),
            (402, b"", errors.QuotaExhausted),
            (403, PROXY_PAGE, errors.AccessDenied),
            (404, PROXY_PAGE, errors.SetupError),
            (413, PROXY_PAGE, errors.RequestRejected),
            (418, b'{"error": "a plain text"}', errors.RequestRejected),
            (429, PROXY_PAGE, errors.RateLimited),
            (301, b"", errors.SetupError),
            (307, b"", errors.SetupError),
            (101, b"", BadReply),
            (999, b"", BadReply),
        ],
    )
    def test_each_refusal_becomes_the_error_that_has_its_remedy(
        self, status: int, body: bytes, expected: type[ScumbleError]
    ) -> None:
        """By code, then type, then status; every text can be shown."""
        error = error_of(status, body)
        assert type(error) is expected
        assert str(error)

    @pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 524, 599, 408, 102, 204])
    def test_what_does_not_prove_that_no_work_was_done_may_be_billed(self, status: int) -> None:
        """A fault of the server or of something between says nothing about the bill."""
        assert error_of(status, PROXY_PAGE).billing is Billing.MAYBE

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 307])
    def test_a_refusal_was_not_billed(self, status: int) -> None:
        """These come before any work."""
        assert error_of(status, PROXY_PAGE).billing is Billing.NOTHING

    @pytest.mark.parametrize(
        ("stage", "expected", "billing"),
        [
            ("input", errors.ModerationBlocked, Billing.NOTHING),
            ("unknown", errors.ModerationBlocked, Billing.NOTHING),
            ("output", errors.ModerationBlockedAfterwards, Billing.MAYBE),
        ],
    )
    def test_a_picture_held_back_when_it_was_made_may_be_billed(
        self, stage: str, expected: type[ScumbleError], billing: Billing
    ) -> None:
        """The stage of moderation decides what the user is told about the money."""
        details = {"moderation_stage": stage, "categories": ["violence"]}
        error = error_of(400, refusal(USER, "moderation_blocked", moderation_details=details))
        assert type(error) is expected and error.billing is billing

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, 60),
            ({"Retry-After": "17"}, 17),
            ({"retry-after": "0.2"}, 1),
            ({"retry-after": "-5"}, 1),
            ({"retry-after": "99999999"}, 3_600),
            ({"retry-after": "nan"}, 60),
            ({"retry-after": "soon"}, 60),
            ({"retry-after": "Mon, 01 Jan 2026 99999999999999999999:00:00 GMT"}, 60),
            ({"retry-after-ms": "2500", "retry-after": "17"}, 3),
        ],
    )
    def test_the_wait_is_what_the_service_says_within_reason(
        self, headers: dict[str, str], seconds: int
    ) -> None:
        """From a second to an hour; a minute when nothing usable is said."""
        error = error_of(429, refusal("requests", "rate_limit_exceeded"), headers)
        assert error.details["seconds"] == seconds

    def test_the_wait_may_be_a_date(self) -> None:
        """HTTP allows a date in place of seconds."""
        error = error_of(429, b"", {"retry-after": formatdate(time.time() + 120, usegmt=True)})
        assert isinstance(error.details["seconds"], int) and 60 < error.details["seconds"] <= 121

    def test_a_rejection_names_the_kind_and_the_option(self) -> None:
        """Both are the API's own words."""
        error = error_of(400, refusal(USER, "invalid_value", "size"))
        assert error.details == {"kind": "invalid_value", "param": "size"}

    @pytest.mark.parametrize(
        "word", ["a small red door", "sk-proj-abc", "x" * 90, "<b>", "", None, 5, ["size"], {"a": 1}]
    )
    def test_a_rejection_never_repeats_free_text(self, word: object) -> None:
        """A param or code that is no identifier is not shown: it might be the prompt or the key."""
        body = json.dumps({"error": {"type": word, "code": word, "param": word, "message": PROMPT}}).encode()
        assert error_of(400, body).details == {"kind": "HTTP 400", "param": "an option it does not name"}

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503, 307])
    def test_no_error_shows_the_services_message(self, status: int) -> None:
        """The message of the API quotes the prompt and even the key."""
        for body in (refusal(INVALID, None), refusal(USER, "invalid_value", "size"), PROXY_PAGE):
            error = error_of(status, body)
            assert PROMPT not in str(error) + repr(error) + repr(error.details)
            assert "sk-planted" not in str(error) + repr(error) + repr(error.details)

    def test_the_refused_key_is_told_by_where_it_came_from(self) -> None:
        """The remedy names the place, never the key."""
        assert KEY_SOURCE in str(error_of(401, refusal(INVALID, "invalid_api_key")))

    @given(st.integers(300, 700), st.binary(max_size=60))
    def test_every_status_with_any_body_is_an_error_of_the_tree(self, status: int, body: bytes) -> None:
        """Nothing a server answers brings a KeyError or the like."""
        assert str(error_of(status, body))
