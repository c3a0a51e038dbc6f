# SPDX-License-Identifier: GPL-3.0-or-later
"""One POST to the Images API over requests: sent once, never again, and told apart by whether it left.

Beside it, two kinds of GET that cost nothing: what the service says of itself, and a picture at an address.

An adapter of requests is used without its Session, because a session would read ~/.netrc (which replaces
the Authorization header), read the whole body of a redirect, and keep connections. The body is handed over
piece by piece, for two reasons: the first piece is asked for only when the connection is made and the header
is out, so a failure before that proves that nothing was asked; and urllib3 gives one piece the *connect*
timeout, which a picture on a slow line would not meet as a whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import __version__
from .certificates import trusted
from .credentials import Account, Secret
from .errors import (
    BadReply,
    ConnectionLost,
    NotConnected,
    NoUsableAnswer,
    OutcomeUnknown,
    ScumbleError,
    SetupError,
    TimedOut,
)
from .translation import _
from .wire import Call

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import BaseAdapter
    from requests.auth import AuthBase

CONNECT_SECONDS: float = 10
ANSWER_SECONDS: float = 600
REPLY_BYTES_MAX = 256 * 1024 * 1024
# Of a GET: what the service says of itself, and one picture.
QUICK_SECONDS: float = 60
FACTS_BYTES_MAX = 8 * 1024 * 1024
PICTURE_BYTES_MAX = 128 * 1024 * 1024

# Nothing resolves `.invalid` (RFC 2606): should the in-process adapter ever be missing, no network answers.
SANDBOX_URL = "https://sandbox.invalid/v1"

_PIECE_BYTES = 65_536
_ADDRESS_MAX = 8_192


@dataclass(frozen=True)
class Received:
    """An answer as it came: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class _Bounds:
    """How long an answer may take, each part and its body, and how long it may be."""

    seconds: float
    most_bytes: int


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


def send(
    call: Call,
    account: Account,
    *,
    on_sent: Callable[[], None],
    on_piece: Callable[[bytes], None] | None = None,
) -> Received:
    """POST the call once and read the answer, whatever its status.

    `on_sent` is called just before the first byte of the body leaves; what it raises is raised here, and
    then nothing left. `on_piece` gets each piece of a success's body as it comes. Without a key the built-in
    sandbox answers and the network is not touched. Proxies come from the environment, for https only: over
    http, which is allowed to this machine alone, a proxy would read the key.

    Raises NotConnected when the body certainly did not leave (10 s to connect), SetupError for an unusable
    proxy, certificate file or key; after `on_sent`, ConnectionLost, TimedOut (600 s without a byte, or 600 s
    for the body of the answer) or BadReply (above 256 MiB, or damaged compression).
    """
    outgoing = _Outgoing(on_sent)
    bounds = _Bounds(ANSWER_SECONDS, REPLY_BYTES_MAX)
    answer = _exchange(lambda: _prepared(call, account), outgoing, account, bounds, on_piece)
    # Raised out here and without its trace: the frames and exceptions of requests hold the header.
    if isinstance(answer, Exception):
        raise answer.with_traceback(None)
    return answer


def fetch(path: str, account: Account) -> Received:
    """GET what the service says of itself, such as "/models"; bills nothing, whatever its status.

    Raises NoUsableAnswer when none came (10 s to connect, 60 s in all, 8 MiB), SetupError as send().
    """
    address = (SANDBOX_URL if account.sandbox else account.base_url) + path
    bounds = _Bounds(QUICK_SECONDS, FACTS_BYTES_MAX)
    answer = _exchange(lambda: _got(address, account, account), None, account, bounds)
    if isinstance(answer, OutcomeUnknown):
        raise NoUsableAnswer(host=account.host, reason=_lower_first(answer.what_happened))
    if isinstance(answer, NotConnected):
        raise NoUsableAnswer(host=account.host, reason=_("the connection failed"))
    if isinstance(answer, Exception):
        raise answer.with_traceback(None)
    return answer


def download(address: str, account: Account) -> bytes:
    """The picture at an address that a reply names: on the service's own host, or anywhere by https.

    The key goes to the service's own host and port only; redirects are not followed. Raises BadReply for any
    other address and when the picture does not come (10 s to connect, 60 s in all, 128 MiB), SetupError as
    send().
    """
    at_home = _is_at_home(address, account.base_url)
    bounds = _Bounds(QUICK_SECONDS, PICTURE_BYTES_MAX)
    answer = _exchange(lambda: _got(address, account if at_home else None, account), None, account, bounds)
    if isinstance(answer, ScumbleError) and not isinstance(answer, OutcomeUnknown | NotConnected):
        raise answer.with_traceback(None)
    if isinstance(answer, Exception) or answer.status != 200:
        raise BadReply(reason=_("its picture could not be fetched from the address that it names"))
    return answer.body


def _is_at_home(address: str, base_url: str) -> bool:
    """Whether it is on the service's host and port. Raises BadReply for what is neither there nor https."""
    try:
        parts, home = urlsplit(address), urlsplit(base_url)
        places = [(each.scheme, each.hostname, each.port) for each in (parts, home)]
        plain = address.isascii() and address.isprintable() and "\\" not in address and " " not in address
        usable = plain and len(address) <= _ADDRESS_MAX and "@" not in parts.netloc and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or (places[0] != places[1] and parts.scheme != "https"):
        raise BadReply(reason=_("the address of its picture is neither the service's nor https"))
    return places[0] == places[1]


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _exchange(
    prepare: Callable[[], PreparedRequest],
    outgoing: _Outgoing | None,
    account: Account,
    bounds: _Bounds,
    on_piece: Callable[[bytes], None] | None = None,
) -> Received | Exception:
    """The answer, or the error to raise."""
    from requests import exceptions
    from requests.models import DecodeError, ReadTimeoutError

    # requests lets some of urllib3's errors through; this is their base class under its name there.
    transport_error: type[Exception] = exceptions.BaseHTTPError  # type: ignore[attr-defined]
    try:
        return _answer(prepare(), outgoing, account, bounds, on_piece)
    except ScumbleError as error:
        return error
    except _HeldBack as held:
        return held.failure
    except (exceptions.InvalidSchema, exceptions.InvalidURL, exceptions.MissingSchema):
        return SetupError(reason=_("the service's address, or a proxy's, cannot be used"))
    except (exceptions.ReadTimeout, ReadTimeoutError):
        return TimedOut(seconds=round(bounds.seconds))
    except DecodeError:
        return BadReply(reason=_("its compression is damaged"))
    except (exceptions.RequestException, transport_error, OSError):
        begun = outgoing is not None and outgoing.begun
        return ConnectionLost() if begun else NotConnected(host=account.host)


def _got(address: str, authorised: Account | None, account: Account) -> PreparedRequest:
    """A GET; with a key only for whom it is authorised."""
    from requests import Request

    headers = _headers(account) | {"Accept": "*/*"}
    return Request("GET", address, headers=headers, auth=_bearer(authorised)).prepare()


def _prepared(call: Call, account: Account) -> PreparedRequest:
    from requests import Request

    request = Request(
        "POST",
        (SANDBOX_URL if account.sandbox else account.base_url) + call.path,
        headers=_headers(account),
        auth=_bearer(account),
    )
    if call.json is not None:
        request.headers["Content-Type"] = "application/json"
        request.data = json.dumps(call.json, allow_nan=False).encode()
    else:
        request.data = list(call.fields)
        request.files = [(name, (file, data, media)) for name, file, data, media in call.files]
    return request.prepare()


def _headers(account: Account) -> dict[str, str]:
    if account.key is not None and not _fits_a_header(account.key):
        raise SetupError(reason=_("the API key holds characters that no key has"))
    return {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": f"scumble/{__version__}",
    }


def _bearer(account: Account | None) -> AuthBase:
    from requests.auth import AuthBase

    class Bearer(AuthBase):
        def __call__(self, request: PreparedRequest) -> PreparedRequest:
            if account is not None and account.key is not None:
                request.headers["Authorization"] = "Bearer " + account.key.reveal()
            return request

    return Bearer()


def _fits_a_header(key: Secret) -> bool:
    """Asked beforehand, because http.client quotes a header value that it cannot send."""
    return all("!" <= character <= "~" for character in key.reveal())


def _answer(
    prepared: PreparedRequest,
    outgoing: _Outgoing | None,
    account: Account,
    bounds: _Bounds,
    on_piece: Callable[[bytes], None] | None,
) -> Received:
    adapter = _adapter(account)
    try:
        if outgoing is not None:
            # requests takes any body that can be read; only its stubs know bytes and text alone.
            prepared.body = outgoing.carrying(prepared.body)  # type: ignore[assignment, arg-type]
        response = adapter.send(
            prepared,
            stream=True,
            timeout=(CONNECT_SECONDS, bounds.seconds),
            verify=True,
            proxies={} if account.sandbox else _proxies(prepared.url or ""),
        )
        try:
            succeeded = 200 <= response.status_code < 300
            body = _read(response, bounds, on_piece if succeeded else None)
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

    context = trusted()

    class VerifyingAdapter(HTTPAdapter):
        """Checks certificates against our own chain of places; what it is told about that does not matter."""

        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options, ssl_context=context)

        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            return super().proxy_manager_for(proxy, **options, ssl_context=context, proxy_ssl_context=context)

        def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:
            # The overridden one would add certifi's roots to those of the context.
            conn.cert_reqs = "CERT_REQUIRED"

    return VerifyingAdapter(max_retries=0)


def _proxies(url: str) -> dict[str, str]:
    from requests.utils import get_environ_proxies

    if not url.startswith("https:"):
        return {}
    return get_environ_proxies(url)


def _read(response: Response, bounds: _Bounds, on_piece: Callable[[bytes], None] | None) -> bytes:
    """The whole body. Read as it comes (`read1`), or a trickle would never meet the deadline."""
    deadline = time.monotonic() + bounds.seconds
    declared = response.headers.get("Content-Length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > bounds.most_bytes:
        raise _too_long(bounds)
    body = bytearray()
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        body += piece
        if on_piece is not None:
            on_piece(piece)
        if len(body) > bounds.most_bytes:
            raise _too_long(bounds)
        if time.monotonic() > deadline:
            raise TimedOut(seconds=round(bounds.seconds))
    return bytes(body)


def _too_long(bounds: _Bounds) -> BadReply:
    return BadReply(reason=_("it is longer than {limit} MiB").format(limit=bounds.most_bytes // 1024 // 1024))
