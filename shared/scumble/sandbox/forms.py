# SPDX-License-Identifier: GPL-3.0-or-later
"""The bodies of requests taken apart: JSON, and multipart forms with files, strictly and within bounds."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .faults import REQUEST, ApiError, missing, name_of, not_here, refused, unreadable

_PARTS_MAX = 64
_PART_HEADERS_MAX = 4_096
_URL_CHARACTERS_MAX = 20_971_520
_BOUNDARY = re.compile(r';\s*boundary=("?)([^\s";]{1,70})\1\s*(?:;|$)', re.I)
_NAME = re.compile(rb'content-disposition:\s*form-data\s*;.*?\bname="((?:[^"\\\r\n]|\\.)*)"', re.I)
_FILE = re.compile(rb'content-disposition:.*?[;\s]filename\*?=("|[^"\s])', re.I)
_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]+;base64,", re.I)


@dataclass(frozen=True)
class Form:
    """Named values, and the bytes of files by the field they came under, in their order.

    An edit written as JSON knows other words than one written as a form.
    """

    fields: Mapping[str, object] = field(repr=False)
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    is_json: bool = False


def parse(content_type: str, body: bytes, *, files_allowed: bool) -> Form:
    """The form in a request's body. Raises ApiError (400) when it is none, or none of an allowed kind."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _edit_form(_json(body)) if files_allowed else Form(_json(body), is_json=True)
    if kind == "multipart/form-data" and files_allowed:
        boundary = _BOUNDARY.search(content_type)
        if boundary is None:
            raise _broken("it has no usable boundary")
        return _multipart(boundary[2].encode("latin-1", "replace"), body)
    expected = "application/json or multipart/form-data" if files_allowed else "application/json"
    raise ApiError(400, REQUEST, "unsupported_content_type", None, f"The content type must be {expected}.")


def _json(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        message = "We could not parse the JSON body of your request. It must be one JSON object."
        raise ApiError(400, REQUEST, None, None, message)
    return {name: value for name, value in document.items() if value is not None}


def _edit_form(document: dict[str, object]) -> Form:
    """The pictures of a JSON edit, {"image_url": "data:..."} each, as files."""
    images = document.pop("images", [])
    if not isinstance(images, list):
        raise refused("images", "Invalid type for 'images': expected an array.", "invalid_type")
    files = [("image[]", _picture(image, "images", number)) for number, image in enumerate(images, start=1)]
    if "mask" in document:
        files.append(("mask", _picture(document.pop("mask"), "mask", 1)))
    return Form(document, tuple(files), is_json=True)


def _picture(reference: object, param: str, number: int) -> bytes:
    if not isinstance(reference, dict) or len(reference) != 1:
        raise refused(param, f"Each of '{param}' must hold one 'image_url' or 'file_id'.", "invalid_type")
    if "file_id" in reference:
        raise not_here(param, "uploaded files ('file_id'): it keeps none")
    url = reference.get("image_url")
    if not isinstance(url, str):
        raise missing(f"{param}[{number - 1}].image_url")
    if len(url) > _URL_CHARACTERS_MAX:
        raise refused(
            param,
            f"Invalid 'image_url': string too long. Expected a string with maximum length"
            f" {_URL_CHARACTERS_MAX}.",
            "string_above_max_length",
        )
    start = _DATA_URL.match(url)
    if start is None:
        raise not_here(param, "pictures by web address: it is offline. Send a data URL")
    try:
        return base64.b64decode(url[start.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise unreadable(number) from None


def _multipart(boundary: bytes, body: bytes) -> Form:
    fields: dict[str, object] = {}
    files = []
    for headers, content in _parts(boundary, body):
        match = _NAME.search(headers)
        if match is None:
            raise _broken("a part has no name")
        try:
            name = match[1].decode()
            if _FILE.search(headers):
                files.append((name, content))
                continue
            value = content.decode()
        except UnicodeDecodeError:
            raise _broken("a name or a value is not UTF-8") from None
        if name in fields:
            raise refused(name_of(name), f"Duplicate parameter: '{name_of(name)}'.", "duplicate_parameter")
        fields[name] = value
    return Form(fields, tuple(files))


def _parts(boundary: bytes, body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Headers and content of each part. A delimiter is a whole line, so contents may hold anything else."""
    delimiter = b"\r\n--" + boundary
    position = _after_delimiter(body, 0, delimiter[2:])
    for _count in range(_PARTS_MAX):
        if position < 0:
            return
        headers_end = body.find(b"\r\n\r\n", position, position + _PART_HEADERS_MAX)
        if headers_end < 0:
            raise _broken("a part has no end of its headers")
        content = headers_end + 4
        end = body.find(delimiter, headers_end + 2)
        while end >= 0 and not _is_line(body, end + len(delimiter)):
            end = body.find(delimiter, end + 1)
        if end < 0:
            raise _broken("it is cut off")
        yield body[position:headers_end], body[content:end]
        position = _after_delimiter(body, end, delimiter)
    if position >= 0:
        raise _broken(f"it has more than {_PARTS_MAX} parts")


def _is_line(body: bytes, end: int) -> bool:
    return body[end : end + 2] in (b"\r\n", b"--")


def _after_delimiter(body: bytes, start: int, delimiter: bytes) -> int:
    """Where the part after this delimiter begins, -1 after the last one."""
    end = start + len(delimiter)
    if body[start:end] != delimiter or not _is_line(body, end):
        raise _broken("it does not begin with its boundary")
    return -1 if body[end : end + 2] == b"--" else end + 2


def _broken(reason: str) -> ApiError:
    return ApiError(400, REQUEST, None, None, f"Could not parse the multipart form: {reason}.")
