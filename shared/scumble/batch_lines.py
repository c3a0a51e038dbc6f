# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of the Batch API: one request a line in the file that is sent, one answer a line in what comes.

A line's `custom_id` is the ledger's id of its spending. What comes is matched by it and by nothing else: the
order says nothing, and what bears another id is not ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from . import wire
from .catalog import Catalog, Model
from .errors import BadRequest, NotInBatches, UnsupportedOption
from .private_files import open_new, partial_name, sync, write_all
from .refusals import identifier, read_json
from .request import Request, check_json, data_url_length
from .translation import _

LINES_MAX = 50_000
BYTES_MAX = 200_000_000
"""Of one file, by the service's rules (shared/facts, section 10)."""

ANSWER_BYTES_MAX = 256 * 1024 * 1024

# What the ledger's reasons have not.
_NO_CODE = re.compile(r"[^a-z0-9]")

_ENDPOINTS = {"generate": "/v1/images/generations", "edit": "/v1/images/edits"}
# A prompt as JSON of ASCII, and everything around it.
_REST_OF_LINE = 500_000


@dataclass(frozen=True)
class Part:
    """A file of lines that can be one batch: of one endpoint and one model, within the service's limits.

    `ids` are of its lines, in their order.
    """

    path: Path
    endpoint: str
    model: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What a line says of one request: the reply that it would have had live, or why there was none.

    `status` is the reply's, 0 without a reply; `error` is then the service's own word for the reason.
    """

    custom_id: str
    status: int
    body: bytes = field(repr=False)
    error: str = ""


def require(catalog: Catalog) -> Callable[[Request, Model], None]:
    """A check whether a request can go through a batch, by UnsupportedOption, BadRequest or BadPicture."""
    able = [model.id for model in catalog.live(date.today()) if "batch" in model.endpoints]

    def check(request: Request, model: Model) -> None:
        if "batch" not in model.endpoints:
            raise NotInBatches(model=model.id, choices=", ".join(able))
        if request.partial_images:
            raise UnsupportedOption(
                model=model.id, option="partial_images", value=request.partial_images, choices="0"
            )
        if request.kind == "edit":
            check_json(request)
            pictures = (*request.images, *((request.mask,) if request.mask else ()))
            if sum(map(data_url_length, pictures)) + _REST_OF_LINE > BYTES_MAX:
                reason = _("its pictures together are too long for a batch; send it live")
                raise BadRequest(reason=reason)

    return check


def parts(
    orders: Sequence[tuple[str, Request]],
    folder: Path,
    lines_max: int = LINES_MAX,
    bytes_max: int = BYTES_MAX,
) -> Generator[Part, None, None]:
    """The requests under their ids as files in `folder`, one at a time; each is deleted before the next, the
    last when the generator is closed.

    Raises BadPicture for a picture that is gone, OSError when a file cannot be written, ValueError for a line
    that is longer than a file may be, which require() refuses.
    """
    groups: dict[tuple[str, str], list[tuple[str, Request]]] = {}
    for id, request in orders:
        groups.setdefault((_ENDPOINTS[request.kind], request.model), []).append((id, request))
    for (endpoint, model), group in groups.items():
        waiting = iter(group)
        line = next(waiting, None)
        ready = None if line is None else _line(*line, endpoint)
        while line is not None and ready is not None:
            path = partial_name(folder / "lines")
            ids: list[str] = []
            length = 0
            try:
                with open_new(path) as file:
                    while line is not None and len(ids) < lines_max and length + len(ready) <= bytes_max:
                        write_all(file, ready)
                        ids.append(line[0])
                        length += len(ready)
                        line = next(waiting, None)
                        ready = b"" if line is None else _line(*line, endpoint)
                    sync(file)
                if not ids:
                    raise ValueError("a line is longer than a file may be")
                yield Part(path, endpoint, model, tuple(ids))
            finally:
                path.unlink(missing_ok=True)


def _line(id: str, request: Request, endpoint: str) -> bytes:
    document = {"custom_id": id, "method": "POST", "url": endpoint, "body": wire.json_body(request)}
    return json.dumps(document, allow_nan=False).encode() + b"\n"


class Lines:
    """Pieces of a file in, whole lines out; a line that is longer than any answer may be is left out.

    `left_out` counts those.
    """

    def __init__(self, on_line: Callable[[bytes], None], longest: int = ANSWER_BYTES_MAX) -> None:
        self.left_out = 0
        self._on_line = on_line
        self._longest = longest
        self._begun = bytearray()
        self._too_long = False

    def feed(self, piece: bytes) -> None:
        first, *rest = piece.split(b"\n")
        self._extend(first)
        for each in rest:
            self.end()
            self._extend(each)

    def end(self) -> None:
        """The line is whole; also to be called once the file is."""
        line, self._begun = bytes(self._begun), bytearray()
        if self._too_long:
            self.left_out += 1
        elif line.strip():
            self._on_line(line)
        self._too_long = False

    def _extend(self, piece: bytes) -> None:
        if self._too_long or len(self._begun) + len(piece) > self._longest:
            self._too_long = True
            self._begun.clear()
        else:
            self._begun += piece


def read_line(line: bytes) -> Told | None:
    """What a line of an output or an error file says; None when it says nothing that could be matched.

    Nothing in it is trusted: the reply's body is given as JSON, to be read like any other reply.
    """
    document = read_json(line)
    if not isinstance(document, dict) or not isinstance(document.get("custom_id"), str):
        return None
    custom_id = document["custom_id"]
    response = document.get("response")
    if isinstance(response, dict):
        status = response.get("status_code")
        if isinstance(status, int) and not isinstance(status, bool) and 100 <= status < 600:
            return Told(custom_id, status, json.dumps(response.get("body"), ensure_ascii=False).encode())
        return Told(custom_id, 0, b"", "no-status")
    error = document.get("error")
    code = identifier(error.get("code")) if isinstance(error, dict) else ""
    return Told(custom_id, 0, b"", _NO_CODE.sub("-", code)[:40] or "no-reason")
