# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to the service: kept for a moment, their certificates checked, by the proxies that are set.

An adapter of requests is used without its Session, because a session would read ~/.netrc (which replaces
the Authorization header) and read the whole body of a redirect. The adapter is shared by all threads of the
process, so that requests which follow each other spare the greeting of TLS.

A connection is used again only within IDLE_SECONDS, and when nothing has arrived on it: what a server closes
because it was idle is found closed, and never by a paid request that would then be of unknown outcome. It is
looked at once more when the head is out, see Outgoing.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import certificates
from .errors import BadReply, TimedOut
from .translation import _

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import BaseAdapter

CONNECT_SECONDS: float = 10
# Below the 2 s after which gunicorn closes, and the 5 s of uvicorn and Node; in a queue one follows at once.
IDLE_SECONDS: float = 1.5
_KEPT_MOST = 16
_PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Bounds:
    """How long an answer may take, each part and its body, and how long it may be.

    What is `passed_on` goes to on_piece only: as long as it likes, while no pause is longer than `seconds`.
    What is not `held` goes to on_piece only as well, within the bounds.
    """

    seconds: float
    most_bytes: int
    passed_on: bool = False
    held: bool = True


class Stale(Exception):
    """A kept connection turned out to be closed before a byte of the body had left.

    No OSError, which urllib3 would wrap or overlook.
    """


class Outgoing:
    """A body that tells when its first byte is about to leave; it can be gone through once only.

    The head is out by then, so that a server which had closed the connection has had its time to say so; and
    telling takes a while, since it writes to a disk.
    """

    def __init__(self, pieces: Iterator[bytes], on_begin: Callable[[Outgoing], None]) -> None:
        self._pieces = pieces
        self._on_begin = on_begin
        self._leaves_by: Any = None

    def leaves_by(self, connection: Any) -> None:
        """Which kept connection it will leave by; a new one need not be told."""
        self._leaves_by = connection

    def __iter__(self) -> Iterator[bytes]:
        begun = False
        for piece in self._pieces:
            # The first piece is at hand before anybody is told: a file that fails here costs nothing.
            if not begun:
                self._on_begin(self)
                begun = True
            yield piece

    def require_open(self) -> None:
        """Raises Stale."""
        if self._leaves_by is not None and not self._leaves_by.is_connected:
            raise Stale


@dataclass
class _Kept:
    """The adapter of this process, and of which certificates."""

    adapter: BaseAdapter
    surroundings: tuple[object, ...]


_lock = threading.Lock()
_kept: _Kept | None = None
# A child of fork() must not write to its parent's connections, and closing them needs locks that may be held.
_inherited: list[_Kept] = []


def adapter() -> BaseAdapter:
    """The one of this process; another when the environment comes to name other certificates.

    Raises SetupError when it names none, or there are none.
    """
    global _kept
    surroundings = certificates.surroundings()
    with _lock:
        if _kept is None or _kept.surroundings != surroundings:
            _kept = _Kept(_verifying_adapter(), surroundings)
        return _kept.adapter


def close_connections() -> None:
    """Close what is kept and idle; what is under way goes on, and the next request begins anew."""
    global _kept
    with _lock:
        kept, _kept = _kept, None
    if kept is not None:
        kept.adapter.close()


def _begin_anew_in_a_child() -> None:
    global _kept, _lock
    _lock = threading.Lock()
    if _kept is not None:
        _inherited.append(_kept)
        _kept = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_a_child)


def _verifying_adapter() -> BaseAdapter:
    from requests.adapters import HTTPAdapter

    context = certificates.trusted()

    class VerifyingAdapter(HTTPAdapter):
        """Checks certificates against our own chain of places; what it is told about that does not matter."""

        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options, ssl_context=context)
            _let_idle_ones_go(self.poolmanager)

        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            is_new = proxy not in self.proxy_manager
            manager = super().proxy_manager_for(
                proxy, **options, ssl_context=context, proxy_ssl_context=context
            )
            if is_new:
                _let_idle_ones_go(manager)
            return manager

        def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
            options["proxies"] = _proxies(request.url or "")
            return super().send(request, *arguments, **options)

        def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:
            # The overridden one would add certifi's roots to those of the context.
            conn.cert_reqs = "CERT_REQUIRED"

    return VerifyingAdapter(max_retries=0, pool_maxsize=_KEPT_MOST)


def _let_idle_ones_go(manager: Any) -> None:
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _short_lived(pool) for scheme, pool in classes.items()}


def _short_lived(pool_class: Any) -> Any:
    """A urllib3 pool whose connections are used again only for a moment."""

    class ShortLived(pool_class):  # type: ignore[misc]
        def _get_conn(self, timeout: float | None = None) -> Any:
            connection = super()._get_conn(timeout)
            # By the clock on the wall, which goes on while a laptop sleeps.
            if not connection.is_closed and not 0 <= time.time() - connection.idle_since <= IDLE_SECONDS:
                connection.close()
            connection.is_used_again = not connection.is_closed
            return connection

        def _make_request(self, connection: Any, method: str, url: str, **options: Any) -> Any:
            body = options.get("body")
            if isinstance(body, Outgoing) and connection.is_used_again:
                body.leaves_by(connection)
            return super()._make_request(connection, method, url, **options)

        def _put_conn(self, connection: Any) -> None:
            if connection is not None:
                connection.idle_since = time.time()
            super()._put_conn(connection)

    return ShortLived


def _proxies(url: str) -> dict[str, str]:
    from requests.utils import get_environ_proxies

    # Over http, which is allowed to this machine alone, a proxy would read the key.
    if not url.startswith("https:"):
        return {}
    return get_environ_proxies(url)


def exchange(
    prepared: PreparedRequest,
    through: BaseAdapter,
    bounds: Bounds,
    on_piece: Callable[[bytes], None] | None = None,
) -> tuple[Response, bytes]:
    """Send the request and read the answer to its end; a redirect's body is left unread.

    `on_piece` is given each part of a 2xx body as it arrives, decompressed. Raises TimedOut, BadReply for an
    answer that is too long, and what requests and urllib3 raise.
    """
    response = through.send(prepared, stream=True, timeout=(CONNECT_SECONDS, bounds.seconds), verify=True)
    try:
        if 300 <= response.status_code < 400:
            return response, b""
        return response, _read(response, bounds, on_piece if 200 <= response.status_code < 300 else None)
    finally:
        # One that was read to its end has gone back to the pool by now; any other is closed.
        response.close()


def _read(response: Response, bounds: Bounds, on_piece: Callable[[bytes], None] | None) -> bytes:
    """The whole body. Read as it comes (`read1`), or a trickle would never meet the deadline."""
    deadline = time.monotonic() + bounds.seconds
    declared = response.headers.get("Content-Length", "")
    is_bounded = on_piece is None or not bounds.passed_on
    if is_bounded and declared.isascii() and declared.isdigit() and int(declared[:20]) > bounds.most_bytes:
        raise _too_long(bounds)
    # Its value is handed out without a copy, which for a long reply counts.
    body = io.BytesIO()
    length = 0
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        if on_piece is not None and not is_bounded:
            on_piece(piece)
            continue
        length += len(piece)
        if on_piece is None or bounds.held:
            body.write(piece)
        if length > bounds.most_bytes:
            raise _too_long(bounds)
        if time.monotonic() > deadline:
            raise TimedOut(seconds=round(bounds.seconds))
        if on_piece is not None:
            on_piece(piece)
    return body.getvalue()


def _too_long(bounds: Bounds) -> BadReply:
    return BadReply(reason=_("it is longer than {limit} MiB").format(limit=bounds.most_bytes // 1024 // 1024))
