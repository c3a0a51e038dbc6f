# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox refuses, as the API does: fields, files, forms, keys and paths."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.sandbox.service import respond
from tests.unit.sandbox_cases import (
    BOUNDARY,
    HEADERS,
    NOW,
    PNG,
    UNHURRIED,
    edit,
    encoded,
    error_of,
    form,
    generate,
    generation,
    mask,
    post,
)

USER = "image_generation_user_error"
INVALID = "invalid_request_error"


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "type", "code", "param"),
        [
            ({"size": "512x512"}, USER, "invalid_value", "size"),
            ({"size": "1000x1000"}, USER, "invalid_value", "size"),
            ({"size": "4096x1024"}, USER, "invalid_value", "size"),
            ({"size": "wide"}, USER, "invalid_value", "size"),
            ({"size": "1024X640"}, USER, "invalid_value", "size"),
            ({"size": "1536x864", "model": "gpt-image-1.5"}, USER, "invalid_value", "size"),
            ({"size": 1024}, INVALID, "invalid_type", "size"),
            ({"quality": "ultra"}, USER, "invalid_value", "quality"),
            ({"quality": "max", "model": "gpt-image-2"}, USER, "invalid_value", "quality"),
            ({"background": "glass"}, INVALID, "invalid_value", "background"),
            ({"background": "transparent", "output_format": "jpeg"}, USER, "invalid_value", "background"),
            ({"output_format": "bmp"}, INVALID, "invalid_value", "output_format"),
            ({"output_format": "svg"}, INVALID, "invalid_value", "output_format"),
            ({"output_compression": 50}, USER, "invalid_value", "output_compression"),
            ({"output_compression": 101}, INVALID, "integer_above_max_value", "output_compression"),
            ({"moderation": "none"}, INVALID, "invalid_value", "moderation"),
            ({"complexity": "low"}, USER, "invalid_value", "complexity"),
            ({"complexity": "odd", "model": "gpt-image-2.6-flare"}, USER, "invalid_value", "complexity"),
            ({"n": 0}, INVALID, "integer_below_min_value", "n"),
            ({"n": 11}, INVALID, "integer_above_max_value", "n"),
            ({"n": "many"}, INVALID, "invalid_type", "n"),
            ({"n": True}, INVALID, "invalid_type", "n"),
            ({"n": 1.5}, INVALID, "invalid_type", "n"),
            ({"prompt": ""}, INVALID, "empty_string", "prompt"),
            ({"prompt": " \n"}, INVALID, "empty_string", "prompt"),
            ({"prompt": None}, INVALID, "missing_required_parameter", "prompt"),
            ({"prompt": "x" * 32_001}, INVALID, "string_above_max_length", "prompt"),
            ({"prompt": ["x"]}, INVALID, "invalid_type", "prompt"),
            ({"model": None}, INVALID, "missing_required_parameter", "model"),
            ({"stream": True, "n": 2}, INVALID, "unsupported_in_sandbox", "stream"),
            ({"stream": "perhaps"}, INVALID, "invalid_type", "stream"),
            ({"partial_images": 2}, INVALID, "invalid_value", "partial_images"),
            ({"partial_images": 4}, INVALID, "integer_above_max_value", "partial_images"),
            ({"svg": {"model": "x"}}, USER, "invalid_value", "svg"),
            ({"response_format": "url"}, INVALID, "unknown_parameter", "response_format"),
            ({"input_fidelity": "high"}, INVALID, "unknown_parameter", "input_fidelity"),
            ({"mask": "x"}, INVALID, "unknown_parameter", "mask"),
        ],
    )
    def test_a_generation_is_refused_as_by_the_api(
        self, change: dict[str, object], type: str, code: str, param: str
    ) -> None:
        """400, with type, code and parameter."""
        assert error_of(generate(**change)) == (400, type, code, param)

    @pytest.mark.parametrize("model", ["gpt-image-9", "gpt-image-1", "dall-e-3", "", "a b"])
    def test_unknown_and_ended_models_are_not_found(self, model: str) -> None:
        """Alike, as the service does not tell them apart."""
        assert error_of(generate(model=model)) == (404, INVALID, "model_not_found", "model")

    @pytest.mark.parametrize(
        ("files", "change", "code", "param"),
        [
            ([], {}, "missing_required_parameter", "image"),
            ([("image", PNG)] * 17, {}, "array_above_max_length", "image"),
            ([("image", PNG), ("image", b"GIF89a")], {}, "invalid_image_file", "image"),
            ([("image", PNG[:-40])], {}, "invalid_image_file", "image"),
            ([("image", b"")], {}, "invalid_image_file", "image"),
            ([("image", bytes(50_000_000))], {}, "image_too_large", "image"),
            ([("image", PNG), ("mask", PNG)], {}, "invalid_mask_image_format", "mask"),
            (
                [("image", PNG), ("mask", encoded(mask((95, 64), (1, 1, 9, 9))))],
                {},
                "invalid_mask_image_format",
                "mask",
            ),
            (
                [("image", PNG), ("mask", encoded(mask((96, 64), (1, 1, 9, 9)), "WEBP"))],
                {},
                "invalid_mask_image_format",
                "mask",
            ),
            ([("image", PNG), ("mask", b"no mask")], {}, "invalid_mask_image_format", "mask"),
            ([("image", PNG), ("mask", bytes(4_000_000))], {}, "image_too_large", "mask"),
            ([("image", PNG), ("mask", PNG), ("mask", PNG)], {}, "invalid_value", "mask"),
            ([("image", PNG), ("mask", PNG), ("markup", PNG)], {}, "invalid_value", "mask"),
            ([("image", PNG), ("markup", PNG)], {}, "invalid_value", "markup"),
            (
                [("image", PNG), ("markup", encoded(mask((96, 64), (0, 0, 1, 1), 1)))],
                {},
                "invalid_value",
                "markup",
            ),
            ([("image", PNG), ("markup", PNG)], {"model": "gpt-image-2"}, "invalid_value", "markup"),
            ([("image", PNG), ("photo", PNG)], {}, "unknown_parameter", "photo"),
            ([("image", PNG)], {"style": "vivid"}, "unknown_parameter", "style"),
            ([("image", PNG)], {"moderation": "low"}, "unknown_parameter", "moderation"),
            (
                [("image", PNG)],
                {"input_fidelity": "high", "model": "gpt-image-2"},
                "invalid_input_fidelity_model",
                "input_fidelity",
            ),
            ([("image", PNG)], {"n": "0"}, "integer_below_min_value", "n"),
            ([("image", PNG)], {"n": "1e1"}, "invalid_type", "n"),
            ([("image", PNG)], {"stream": "true", "n": 2}, "unsupported_in_sandbox", "stream"),
        ],
    )
    def test_an_edit_is_refused_as_by_the_api(
        self, files: list[tuple[str, bytes]], change: dict[str, object], code: str, param: str
    ) -> None:
        """400, with code and parameter."""
        status, _type, found, about = error_of(edit(files, **change))
        assert (status, found, about) == (400, code, param)

    def test_an_unreadable_image_is_named_by_its_number(self) -> None:
        """Counted from one."""
        answer = edit([("image[]", PNG), ("image[]", PNG), ("image[]", PNG[:90])])
        assert "image 3" in answer[1]["error"]["message"]

    @pytest.mark.parametrize(
        "image",
        [
            {"file_id": "file-1"},
            {"image_url": "https://example.org/x.png"},
            {"image_url": "data:image/png;base64,!!"},
            {"image_url": 5},
            "x",
        ],
    )
    def test_json_edits_take_data_urls_only(self, image: object) -> None:
        """A web address is not fetched."""
        body = json.dumps(generation(images=[image])).encode()
        assert error_of(post("/v1/images/edits", body))[0] == 400

    @pytest.mark.parametrize(
        "authorization", [None, "", "sk-x", "Basic c2s6", "Bearer", "Bearer a b", "Bearer \u00e9"]
    )
    def test_a_missing_or_malformed_key_is_refused(self, authorization: str | None) -> None:
        """401, whatever is asked, and the key is not shown."""
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["authorization"] = authorization
        status, reply_headers, content = respond("POST", "/v1/images/generations", headers, b"{")
        assert error_of((status, json.loads(content))) == (401, INVALID, "invalid_api_key", None)
        assert reply_headers["x-request-id"]
        assert b"sk-x" not in content

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/v1/images/generations", 405),
            ("POST", "/v1/models", 405),
            ("POST", "/v1/images/variations", 404),
            ("GET", "/", 404),
            ("GET", "/v1/models/gpt-image-1", 404),
        ],
    )
    def test_other_paths_and_methods_are_refused(self, method: str, path: str, status: int) -> None:
        """In the same envelope."""
        found, _headers, content = respond(method, path, HEADERS, b"", now=lambda: NOW)
        assert error_of((found, json.loads(content)))[0] == status

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"n":' + b"9" * 5_000 + b"}"]
    )
    def test_a_broken_json_body_is_refused(self, body: bytes) -> None:
        """Also by its depth and the length of its numbers."""
        assert error_of(post("/v1/images/generations", body))[0] == 400

    def test_no_refusal_shows_what_was_written(self) -> None:
        """Neither the prompt, nor what stands in another field or in a field's name."""
        secret = "sk-secret a small red door"
        for change in (
            {"prompt": secret, "size": "1x1"},
            {"prompt": secret, "n": 0},
            {"prompt": secret * 2_000},
            {"model": secret},
            {"size": secret},
            {"quality": secret},
            {"background": secret},
            {"output_format": secret},
            {"moderation": secret},
            {"complexity": secret},
            {"n": secret},
            {secret: "x"},
        ):
            status, document = generate(**change)
            assert status in (400, 404)
            assert "secret" not in json.dumps(document) and "door" not in json.dumps(document)


class TestForms:
    content_type = f"multipart/form-data; boundary={BOUNDARY}"

    @UNHURRIED
    @given(
        st.lists(st.sampled_from((b"\r\n", b"--", BOUNDARY.encode(), b"\0", b"-", b"\r", b"ab")), max_size=30)
    )
    def test_files_may_hold_anything_but_the_boundary_line(self, pieces: list[bytes]) -> None:
        """Line ends, dashes and the boundary's own letters inside a file do not end it."""
        from scumble.sandbox.forms import parse

        content = b"".join(pieces)
        if (
            f"\r\n--{BOUNDARY}\r\n".encode() in b"\r\n" + content + b"\r\n"
            or f"\r\n--{BOUNDARY}--".encode() in (b"\r\n" + content + b"\r\n")
        ):
            return
        parsed = parse(
            self.content_type, form({"n": "2"}, [("image", content), ("mask", b"m")]), files_allowed=True
        )
        assert parsed.files == (("image", content), ("mask", b"m"))
        assert parsed.fields == {"n": "2"}

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", form({"n": 1}, [])),
            (content_type, b""),
            (content_type, b"preamble" + form({"n": 1}, [])),
            (content_type, form({"n": 1}, [])[:-8]),
            (content_type, form({"n": 1}, [("image", PNG)])[:200]),
            (content_type, form({f"x{index}": 1 for index in range(65)}, [])),
            (content_type, form({"x" * 5_000: 1}, [])),
            (content_type, form({"prompt": "a"}, []).replace(b"name=", b"nome=")),
            (content_type, form({"prompt": "a"}, []).replace(b"\r\na\r\n", b"\r\n\xff\r\n")),
            ("text/plain", b"prompt=a"),
            ("", b""),
        ],
    )
    def test_a_broken_form_is_refused(self, content_type: str, body: bytes) -> None:
        """Not guessed at."""
        assert error_of(post("/v1/images/edits", body, content_type))[0] == 400

    def test_a_field_given_twice_is_refused(self) -> None:
        """Which one counts would be a guess."""
        body = form({"n": 1}, [])[: -len(BOUNDARY) - 6] + form({"n": 2}, [])
        assert error_of(post("/v1/images/edits", body, self.content_type))[2] == "duplicate_parameter"

    def test_generations_take_no_form(self) -> None:
        """They are JSON."""
        assert error_of(post("/v1/images/generations", form(generation(), []), self.content_type))[0] == 400
