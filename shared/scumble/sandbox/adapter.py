# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox as a transport for requests, in this process and without any network.

The only module here that needs requests: import it where something is sent, not at a module's top.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from ..catalog import Catalog
from .memory import Memory
from .service import respond

_PLACEHOLDER = "Bearer sandbox"
# Of this process: an adapter lives for one request only.
_memory = Memory()


class SandboxAdapter(BaseAdapter):
    """Answers every request by `service.respond`; without a key one is made up, since none is needed."""

    def __init__(self, catalog: Catalog | None = None, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._catalog = catalog
        self._now = now

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """The answer; of the arguments only the request matters."""
        url = request.url or ""
        headers = {"Authorization": _PLACEHOLDER} | {
            name.title(): _text(value) for name, value in request.headers.items()
        }
        status, reply_headers, content = respond(
            request.method or "GET",
            _path_and_query(url),
            headers,
            _whole(request.body),
            catalog=self._catalog,
            now=self._now,
            memory=_memory,
        )
        response = Response()
        response.status_code = status
        response.reason = HTTPStatus(status).phrase
        response.headers = CaseInsensitiveDict(reply_headers)
        response.raw = _Raw(content)
        response.encoding = "utf-8"
        response.url = url
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is open."""


class _Raw(io.BytesIO):
    """A body with the reading methods of urllib3's; it is never compressed."""

    def read(self, size: int | None = -1, decode_content: bool | None = None) -> bytes:
        return super().read(size)

    def read1(self, size: int | None = -1, decode_content: bool | None = None) -> bytes:
        return super().read1(-1 if size is None else size)


def _path_and_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _whole(body: Any) -> bytes:
    """A prepared body, which may also be text, a file or pieces."""
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return _whole(body.read())
    pieces: Iterable[bytes | str] = body
    return b"".join(_whole(piece) for piece in pieces)
