# SPDX-License-Identifier: GPL-3.0-or-later
"""One POST to the Images API over requests: sent once, never again, and told apart by whether it left.

An adapter of requests is used without its Session, because a session would read ~/.netrc (which replaces
the Authorization header), read the whole body of a redirect, and keep connections. The body is handed over
piece by piece, for two reasons: the first piece is asked for only when the connection is made and the header
is out, so a failure before that proves that nothing was asked; and urllib3 gives one piece the *connect*
timeout, which a picture on a slow line would not meet as a whole.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import __version__
from .credentials import Account, Secret
from .errors import BadReply, ConnectionLost, NotConnected, ScumbleError, SetupError, TimedOut
from .translation import _
from .wire import Call

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import BaseAdapter

CONNECT_SECONDS: float = 10
ANSWER_SECONDS: float = 600
REPLY_BYTES_MAX = 256 * 1024 * 1024

# Nothing resolves `.invalid` (RFC 2606): should the in-process adapter ever be missing, no network answers.
SANDBOX_URL = "https://sandbox.invalid/v1"

_PIECE_BYTES = 65_536
_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Received:
    """An answer as it came: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class _HeldBack(Exception):
    """`on_sent` failed with an OSError; as such, urllib3 would take it for a broken connection and go on."""

    def __init__(self, failure: OSError) -> None:
        super().__init__()
        self.failure = failure


class _Outgoing:
    """A body that says when its first byte is asked for; it can be read once only."""

    def __init__(self, on_sent: Callable[[], None]) -> None:
        self.begun = False
        self._body = b""
        self._position = 0
        self._on_sent = on_sent

    def carrying(self, body: bytes) -> _Outgoing:
        self._body = body
        return self

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(_PIECE_BYTES):
            yield piece

    def read(self, size: int = -1) -> bytes:
        if not self.begun:
            try:
                self._on_sent()
            except OSError as error:
                raise _HeldBack(error) from None
            self.begun = True
        piece = self._body[self._position : None if size < 0 else self._position + size]
        self._position += len(piece)
        return piece


def send(call: Call, account: Account, *, on_sent: Callable[[], None]) -> Received:
    """POST the call once and read the answer, whatever its status.

    `on_sent` is called just before the first byte of the body leaves; what it raises is raised here, and
    then nothing left. Without a key the built-in sandbox answers and the network is not touched. Proxies come
    from the environment, for https only: over http, which is allowed to this machine alone, a proxy would
    read the key.

    Raises NotConnected when the body certainly did not leave (10 s to connect), SetupError for an unusable
    proxy, certificate file or key; after `on_sent`, ConnectionLost, TimedOut (600 s without a byte, or 600 s
    for the body of the answer) or BadReply (above 256 MiB, or damaged compression).
    """
    answer = _exchange(call, account, on_sent)
    # Raised out here and without its trace: the frames and exceptions of requests hold the header.
    if isinstance(answer, Exception):
        raise answer.with_traceback(None)
    return answer


def _exchange(call: Call, account: Account, on_sent: Callable[[], None]) -> Received | Exception:
    """The answer, or the error to raise."""
    from requests import exceptions
    from requests.models import DecodeError, ReadTimeoutError

    # requests lets some of urllib3's errors through; this is their base class under its name there.
    transport_error: type[Exception] = exceptions.BaseHTTPError  # type: ignore[attr-defined]
    outgoing = _Outgoing(on_sent)
    try:
        return _answer(_prepared(call, account), outgoing, account)
    except ScumbleError as error:
        return error
    except _HeldBack as held:
        return held.failure
    except (exceptions.InvalidSchema, exceptions.InvalidURL, exceptions.MissingSchema):
        return SetupError(reason=_("the service's address, or a proxy's, cannot be used"))
    except (exceptions.ReadTimeout, ReadTimeoutError):
        return TimedOut(seconds=round(ANSWER_SECONDS))
    except DecodeError:
        return BadReply(reason=_("its compression is damaged"))
    except (exceptions.RequestException, transport_error, OSError):
        return ConnectionLost() if outgoing.begun else NotConnected(host=account.host)


def _prepared(call: Call, account: Account) -> PreparedRequest:
    from requests import Request
    from requests.auth import AuthBase

    class Bearer(AuthBase):
        def __call__(self, request: PreparedRequest) -> PreparedRequest:
            if account.key is not None:
                request.headers["Authorization"] = "Bearer " + account.key.reveal()
            return request

    if account.key is not None and not _fits_a_header(account.key):
        raise SetupError(reason=_("the API key holds characters that no key has"))
    request = Request(
        "POST",
        (SANDBOX_URL if account.sandbox else account.base_url) + call.path,
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"scumble/{__version__}",
        },
        auth=Bearer(),
    )
    if call.json is not None:
        request.headers["Content-Type"] = "application/json"
        request.data = json.dumps(call.json, allow_nan=False).encode()
    else:
        request.data = list(call.fields)
        request.files = [(name, (file, data, media)) for name, file, data, media in call.files]
    return request.prepare()


def _fits_a_header(key: Secret) -> bool:
    """Asked beforehand, because http.client quotes a header value that it cannot send."""
    return all("!" <= character <= "~" for character in key.reveal())


def _answer(prepared: PreparedRequest, outgoing: _Outgoing, account: Account) -> Received:
    adapter = _adapter(account)
    try:
        # requests takes any body that can be read; only its stubs know bytes and text alone.
        prepared.body = outgoing.carrying(prepared.body)  # type: ignore[assignment, arg-type]
        response = adapter.send(
            prepared,
            stream=True,
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            verify=True if account.sandbox else _certificates(),
            proxies={} if account.sandbox else _proxies(prepared.url or ""),
        )
        try:
            body = _read(response)
        finally:
            response.close()
    finally:
        adapter.close()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Received(status=response.status_code, headers=headers, body=body)


def _adapter(account: Account) -> BaseAdapter:
    if account.sandbox:
        from .sandbox.adapter import SandboxAdapter

        return SandboxAdapter()
    from requests.adapters import HTTPAdapter

    return HTTPAdapter(max_retries=0)


def _proxies(url: str) -> dict[str, str]:
    from requests.utils import get_environ_proxies

    if not url.startswith("https:"):
        return {}
    return get_environ_proxies(url)


def _certificates() -> str | bool:
    """A file or folder of trusted certificates named by the environment, else certifi's."""
    for name in _CERTIFICATE_VARIABLES:
        path = os.environ.get(name)
        if path:
            if not os.path.exists(path):
                raise SetupError(reason=_("{variable} names no file of certificates").format(variable=name))
            return path
    return True


def _read(response: Response) -> bytes:
    """The whole body. Read as it comes (`read1`), or a trickle would never meet the deadline."""
    deadline = time.monotonic() + ANSWER_SECONDS
    declared = response.headers.get("Content-Length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > REPLY_BYTES_MAX:
        raise _too_long()
    body = bytearray()
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        body += piece
        if len(body) > REPLY_BYTES_MAX:
            raise _too_long()
        if time.monotonic() > deadline:
            raise TimedOut(seconds=round(ANSWER_SECONDS))
    return bytes(body)


def _too_long() -> BadReply:
    return BadReply(reason=_("it is longer than {limit} MiB").format(limit=REPLY_BYTES_MAX // 1024 // 1024))
