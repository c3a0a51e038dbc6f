# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox as a server for any client, on this machine's loopback address only."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..catalog import Catalog
from .faults import REQUEST, ApiError
from .memory import Memory
from .service import respond

ADDRESS = "127.0.0.1"
BODY_BYTES_MAX = 256 * 1024 * 1024
"""Less than the API takes (16 pictures of 50 MB): each request is held in memory."""

_IDLE_SECONDS = 60
_LINGER_SECONDS = 2
_LINGER_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 16_001


def serve(
    port: int = 0,
    *,
    body_bytes_max: int = BODY_BYTES_MAX,
    catalog: Catalog | None = None,
    now: Callable[[], float] = time.time,
) -> ThreadingHTTPServer:
    """A server bound to 127.0.0.1 and the port, any free one for 0; call its `serve_forever`.

    Use it as a context manager, or call `server_close`. Raises OSError when the port is taken.
    """
    return _Server(port, body_bytes_max, catalog, now)


class _Server(ThreadingHTTPServer):
    def __init__(
        self, port: int, body_bytes_max: int, catalog: Catalog | None, now: Callable[[], float]
    ) -> None:
        self.body_bytes_max = body_bytes_max
        self.catalog = catalog
        self.now = now
        self.memory = Memory()
        super().__init__((ADDRESS, port), _Handler)

    def server_bind(self) -> None:
        """HTTPServer would ask the network for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news, and a traceback may show what was sent."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "ScumbleSandbox"
    sys_version = ""
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: a path or an error might hold what a person wrote."""

    def _answer(self) -> None:
        try:
            body = self._body()
        except ApiError as error:
            self._refuse(error)
            return
        try:
            status, headers, content = respond(
                self.command,
                self.path,
                dict(self.headers.items()),
                body,
                catalog=self.server.catalog,
                now=self.server.now,
                memory=self.server.memory,
            )
        except Exception:  # noqa: BLE001  # a fault of the sandbox must arrive as the API's 500, not as a cut line
            fault = ApiError(500, "server_error", None, None, "The Scumble sandbox failed.")
            self._refuse(fault)
            return
        self._send(status, headers, content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding"):
            raise ApiError(411, REQUEST, None, None, "A Content-Length is needed.")
        declared = self.headers.get("Content-Length", "" if self.command == "POST" else "0")
        if not (declared.isascii() and declared.isdigit()):
            raise ApiError(411, REQUEST, None, None, "A Content-Length is needed.")
        if len(declared) > 15 or int(declared) > self.server.body_bytes_max:
            limit = self.server.body_bytes_max
            raise ApiError(413, REQUEST, None, None, f"The sandbox takes requests of at most {limit} bytes.")
        body = self.rfile.read(int(declared))
        if len(body) < int(declared):
            raise ApiError(400, REQUEST, None, None, "The request was cut off.")
        return body

    def _refuse(self, error: ApiError) -> None:
        """Answer without having read the body, then close, once the client had time to see the answer."""
        content = error.body()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        self._send(error.status, headers | {"Connection": "close", "x-request-id": "req_refused"}, content)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER_SECONDS)
            left = _LINGER_BYTES
            while left > 0 and (piece := self.rfile.read1(65_536)):
                left -= len(piece)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" in headers:
            self.end_headers()
            self.wfile.write(content)
        else:
            self._send_stream(content)

    def _send_stream(self, content: bytes) -> None:
        """In chunks, or to a client of HTTP/1.0 until the connection closes, cut where no event ends."""
        chunked = self.request_version != "HTTP/1.0"
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")))
        self.end_headers()
        for start in range(0, len(content), _CHUNK_BYTES):
            chunk = content[start : start + _CHUNK_BYTES]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
