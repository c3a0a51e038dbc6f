# SPDX-License-Identifier: GPL-3.0-or-later
"""One POST to the Images API over requests: sent once, never again, and told apart by whether it left.

Beside it what costs nothing: what the service says of itself, the files it keeps, a picture at an address.

The body is handed over piece by piece, for three reasons: the first piece is asked for only when the
connection is made and the header is out, so a failure before that proves that nothing was asked; urllib3
gives one piece the *connect* timeout, which a picture on a slow line would not meet as a whole; and a file
need not be in memory.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import __version__, transport
from .credentials import Account, Secret
from .errors import (
    BadPicture,
    BadReply,
    ConnectionLost,
    NotConnected,
    NoUsableAnswer,
    OutcomeUnknown,
    ScumbleError,
    SetupError,
    TimedOut,
    UploadCutShort,
)
from .multipart import PIECE_BYTES, Body, CutShort, form, in_pieces
from .servers import BEARER_HEADER
from .translation import _
from .transport import Bounds, Outgoing, Stale
from .wire import Call

if TYPE_CHECKING:
    from requests import PreparedRequest
    from requests.adapters import BaseAdapter
    from requests.auth import AuthBase

ANSWER_SECONDS: float = 600
REPLY_BYTES_MAX = 256 * 1024 * 1024
# Of a GET: what the service says of itself, and one picture.
QUICK_SECONDS: float = 60
FACTS_BYTES_MAX = 8 * 1024 * 1024
PICTURE_BYTES_MAX = 128 * 1024 * 1024

# Nothing resolves `.invalid` (RFC 2606): should the in-process adapter ever be missing, no network answers.
SANDBOX_URL = "https://sandbox.invalid/v1"

_ADDRESS_MAX = 8_192


@dataclass(frozen=True)
class Received:
    """An answer as it came: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class _HeldBack(Exception):
    """A callback failed with an OSError; as such, it would be taken for a broken connection."""

    def __init__(self, failure: OSError) -> None:
        super().__init__()
        self.failure = failure


class _Start:
    """The moment when the body of a request begins to leave."""

    def __init__(self, on_sent: Callable[[], None]) -> None:
        self.passed = False
        self._told = False
        self._on_sent = on_sent

    def begin(self, outgoing: Outgoing) -> None:
        """Tell it once, however many connections it takes; then look whether this one is still there."""
        if not self._told:
            _guarded(self._on_sent)
            self._told = True
        outgoing.require_open()
        self.passed = True


def _guarded(callback: Callable[[], None]) -> None:
    try:
        callback()
    except OSError as error:
        raise _HeldBack(error) from None


def send(
    call: Call,
    account: Account,
    *,
    on_sent: Callable[[], None],
    on_piece: Callable[[bytes], None] | None = None,
    held: bool = True,
) -> Received:
    """POST the call once and read the answer, whatever its status.

    `on_sent` is called just before the first byte of the body leaves; what it raises is raised here, and
    then nothing left. `on_piece` is given each part of a 2xx answer as it arrives, decompressed; the whole
    is returned all the same, or nothing of it when it is not to be `held` here too. Both are called on this
    thread. Without a key the built-in sandbox answers and the network is not touched. Proxies come from the
    environment, for https only.

    Raises BadPicture for a file that is gone or was changed, NotConnected when the body certainly did not
    leave (10 s to connect), SetupError for an unusable proxy, certificate file or key; after `on_sent`,
    ConnectionLost, UploadCutShort for a file that changed while it left, TimedOut (600 s without a byte, or
    600 s for the body of the answer) or BadReply (above 256 MiB, or damaged compression).
    """
    bounds = Bounds(ANSWER_SECONDS, REPLY_BYTES_MAX, held=held)
    start = _Start(on_sent)
    answer = _outcome(lambda: _post(call, account, bounds, start, on_piece), account, bounds, start)
    # Raised out here and without its trace: the frames and exceptions of requests hold the header.
    if isinstance(answer, Exception):
        raise answer.with_traceback(None)
    return answer


def fetch(path: str, account: Account, most_bytes: int = FACTS_BYTES_MAX) -> Received:
    """GET what the service says of itself, such as "/models", or an answer that it keeps; bills nothing,
    whatever its status.

    Raises NoUsableAnswer when none came (10 s to connect, 60 s in all, `most_bytes`), SetupError as send().
    """
    answer = _get(_address(path, account), account, account, Bounds(QUICK_SECONDS, most_bytes))
    return _free(answer, account)


def gather(path: str, account: Account, on_piece: Callable[[bytes], None]) -> Received:
    """GET a file of the service, however long, part by part on this thread; bills nothing.

    What comes with another status than a success is in the answer, and its body is bounded as for fetch().
    Raises NoUsableAnswer when it breaks off or pauses for 60 s, SetupError as send(), and what `on_piece`
    raises.
    """
    bounds = Bounds(QUICK_SECONDS, FACTS_BYTES_MAX, passed_on=True)
    return _free(_get(_address(path, account), account, account, bounds, on_piece), account)


def delete(path: str, account: Account) -> Received:
    """DELETE what the service keeps; bills nothing. Raises as fetch()."""
    bounds = Bounds(QUICK_SECONDS, FACTS_BYTES_MAX)
    return _free(_get(_address(path, account), account, account, bounds, method="DELETE"), account)


def _free(answer: Received | Exception, account: Account) -> Received:
    """The answer, or an error that says that asking cost nothing."""
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
    bounds = Bounds(QUICK_SECONDS, PICTURE_BYTES_MAX)
    answer = _get(address, account if at_home else None, account, bounds)
    if isinstance(answer, ScumbleError) and not isinstance(answer, OutcomeUnknown | NotConnected):
        raise answer.with_traceback(None)
    if isinstance(answer, Exception) or answer.status != 200:
        raise BadReply(reason=_("its picture could not be fetched from the address that it names"))
    return answer.body


def _address(path: str, account: Account) -> str:
    return SANDBOX_URL + path if account.sandbox else account.address(path)


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


def _outcome(
    ask: Callable[[], Received], account: Account, bounds: Bounds, start: _Start | None = None
) -> Received | Exception:
    """The answer, or the error to raise."""
    from requests import exceptions
    from requests.models import DecodeError, ReadTimeoutError

    # requests lets some of urllib3's errors through; this is their base class under its name there.
    transport_error: type[Exception] = exceptions.BaseHTTPError  # type: ignore[attr-defined]
    try:
        return ask()
    except ScumbleError as error:
        return error
    except _HeldBack as held:
        return held.failure
    except CutShort as cut:
        if _has_begun(start):
            return UploadCutShort(name=cut.name)
        return BadPicture(name=cut.name, reason=_("it was changed meanwhile"))
    except (exceptions.InvalidSchema, exceptions.InvalidURL, exceptions.MissingSchema):
        return SetupError(reason=_("the service's address, or a proxy's, cannot be used"))
    except (exceptions.ReadTimeout, ReadTimeoutError):
        # A greeting of TLS that takes too long is one too: then nothing was asked for yet.
        never_left = start is not None and not start.passed
        return NotConnected(host=account.host) if never_left else TimedOut(seconds=round(bounds.seconds))
    except DecodeError:
        return BadReply(reason=_("its compression is damaged"))
    except (exceptions.RequestException, transport_error, OSError):
        return ConnectionLost() if _has_begun(start) else NotConnected(host=account.host)


def _has_begun(start: _Start | None) -> bool:
    return start is not None and start.passed


def _post(
    call: Call,
    account: Account,
    bounds: Bounds,
    start: _Start,
    on_piece: Callable[[bytes], None] | None,
) -> Received:
    while True:
        with _body(call) as body, contextlib.suppress(Stale):
            prepared = _prepared(call, account, body)
            # requests takes any body that can be gone through; only its stubs know bytes and text alone.
            prepared.body = Outgoing(body.pieces, start.begin)  # type: ignore[assignment]
            return _exchanged(prepared, account, bounds, on_piece)
        # Only the head had left, which asks for nothing; of kept connections, each is found closed once only.


def _get(
    address: str,
    authorised: Account | None,
    account: Account,
    bounds: Bounds,
    on_piece: Callable[[bytes], None] | None = None,
    method: str = "GET",
) -> Received | Exception:
    """The answer to a GET, or the error; the key goes with it only for whom it is authorised."""
    from requests import Request

    def ask() -> Received:
        headers = _headers(account) | {"Accept": "*/*"}
        prepared = Request(method, address, headers=headers, auth=_bearer(authorised)).prepare()
        return _exchanged(prepared, account, bounds, on_piece)

    return _outcome(ask, account, bounds)


def _exchanged(
    prepared: PreparedRequest,
    account: Account,
    bounds: Bounds,
    on_piece: Callable[[bytes], None] | None = None,
) -> Received:
    given = None if on_piece is None else lambda piece: _guarded(lambda: on_piece(piece))
    response, body = transport.exchange(prepared, _adapter(account), bounds, given)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Received(status=response.status_code, headers=headers, body=body)


def _adapter(account: Account) -> BaseAdapter:
    if account.sandbox:
        from .sandbox.adapter import SandboxAdapter

        return SandboxAdapter()
    return transport.adapter()


def _body(call: Call) -> contextlib.AbstractContextManager[Body]:
    if call.json is None:
        return form(call.fields, call.files)
    encoder = json.JSONEncoder(allow_nan=False)
    # ASCII, so characters are bytes. Gone through twice: pictures as data URLs are not all there twice.
    length = sum(map(len, encoder.iterencode(call.json)))
    return contextlib.nullcontext(Body("application/json", length, _encoded(encoder.iterencode(call.json))))


def _encoded(parts: Iterator[str]) -> Iterator[bytes]:
    """The same as bytes, short parts together, long ones in pieces."""
    short: list[str] = []
    for part in parts:
        if len(part) < PIECE_BYTES // 64:
            short.append(part)
        else:
            yield from in_pieces("".join(short).encode())
            short.clear()
            for start in range(0, len(part), PIECE_BYTES):
                yield part[start : start + PIECE_BYTES].encode()
    yield from in_pieces("".join(short).encode())


def _prepared(call: Call, account: Account, body: Body) -> PreparedRequest:
    """The POST without its body, which is put in later, in pieces."""
    from requests import Request

    address = _address(call.path, account)
    request = Request("POST", address, headers=_headers(account), auth=_bearer(account))
    prepared = request.prepare()
    prepared.headers["Content-Type"] = body.content_type
    prepared.headers["Content-Length"] = str(body.length)
    return prepared


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
                header = account.dialect.header
                scheme = "Bearer " if header.lower() == BEARER_HEADER.lower() else ""
                request.headers[header] = scheme + account.key.reveal()
            return request

    return Bearer()


def _fits_a_header(key: Secret) -> bool:
    """Asked beforehand, because http.client quotes a header value that it cannot send."""
    return all("!" <= character <= "~" for character in key.reveal())
