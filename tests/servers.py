# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on the loopback interface for tests: one that echoes an edit, one that fails as it is told to.

Raw sockets and the standard library alone, so that they can break the protocol, and also run inside hosts.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_SECONDS = 30
USAGE = {
    "input_tokens": 777,
    "input_tokens_details": {"text_tokens": 9, "image_tokens": 768},
    "output_tokens": 301,
    "total_tokens": 1_078,
}

# For 127.0.0.1 and localhost, signed by itself, until 2126.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIB1jCCAXygAwIBAgIUG4YQ/iUeZJbCZzZ0wYJnwkniAFMwCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTU2N1bWJsZSB0ZXN0IHNlcnZlcjAgFw0yNjExMjIxNjE2MzVa
GA8yMTI2MTAyOTE2MTYzNVowHjEcMBoGA1UEAwwTU2N1bWJsZSB0ZXN0IHNlcnZl
cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOYk24tt160/B4e4I5l4iST4s9DK
4zO90dTJUChl2WE9Ihn4vx/QISf0opCt/4hhj/FeESoxUupkC9/0UOhnW9+jgZUw
gZIwHQYDVR0OBBYEFNWvYBx1++O2JfzbcOJtJ3wF3dXNMB8GA1UdIwQYMBaAFNWv
YBx1++O2JfzbcOJtJ3wF3dXNMBoGA1UdEQQTMBGHBH8AAAGCCWxvY2FsaG9zdDAP
BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIChDATBgNVHSUEDDAKBggrBgEF
BQcDATAKBggqhkjOPQQDAgNIADBFAiAg6E/Q+26tRnlqUZmhd5X4BzAmU+vNMLyq
ruluKHrGNwIhAJWIpKaD0/KmHuRu3xwmh32RbrqrlqPhWrQZm0FXHt0i
-----END CERTIFICATE-----
"""
_PRIVATE_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggirui6ugBioJr+hM
RleesM4T4TO1zBJZQob1sPT95hyhRANCAATmJNuLbdetPweHuCOZeIkk+LPQyuMz
vdHUyVAoZdlhPSIZ+L8f0CEn9KKQrf+IYY/xXhEqMVLqZAvf9FDoZ1vf
-----END PRIVATE KEY-----
"""


def write_certificate(folder: Path) -> Path:
    """The certificate of the TLS servers here as a file to trust."""
    path = folder / "certificate.pem"
    path.write_text(CERTIFICATE)
    return path


@dataclass(frozen=True)
class Seen:
    """One request as it arrived. Of a form: `fields`, and the files' bytes with the names they came under."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    json: dict[str, object] | None = None
    fields: dict[str, str] = field(default_factory=dict)
    images: tuple[bytes, ...] = field(default=(), repr=False)
    mask: bytes | None = field(default=None, repr=False)
    markup: bytes | None = field(default=None, repr=False)
    file_names: tuple[str, ...] = ()


class EchoServer:
    """Answers an edit with its first picture, byte for byte, and all else with a gradient of its size; by a
    stream when it is asked for one, its partial pictures before it.

    `usage` is what it says it used; None leaves it out. `seen` lists the requests in their order. With a
    `gate` it answers only when the gate is set, and sets `arrived` when a whole request is there. It closes
    each connection after `answers_each` requests; when it says nothing of that (`says_so`), as servers do
    that close what is idle, `closed` counts the connections that it has closed. With `tls` it speaks TLS
    under CERTIFICATE.
    """

    def __init__(
        self,
        usage: Mapping[str, object] | None = USAGE,
        gate: threading.Event | None = None,
        *,
        answers_each: int = 1,
        says_so: bool = True,
        tls: bool = False,
    ) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.closed = threading.Semaphore(0)
        self.arrived = threading.Event()
        self._usage = usage
        self._gate = gate
        self._answers_each = answers_each
        self._says_so = says_so
        self._listener = _Listener(self._serve, tls=tls)
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.port}/v1"

    def __enter__(self) -> EchoServer:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._gate is not None:
            self._gate.set()
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        for left in reversed(range(self._answers_each)):
            seen = parse(_read_request(connection))
            self.seen.append(seen)
            self.arrived.set()
            if self._gate is not None:
                self._gate.wait(PATIENCE_SECONDS)
            stays = "keep-alive" if left or not self._says_so else "close"
            body, media_type = self._reply(seen)
            headers = {"Connection": stays, "Content-Type": media_type}
            connection.sendall(http_answer(200, body, headers))
        connection.shutdown(socket.SHUT_RDWR)
        self.closed.release()

    def _reply(self, seen: Seen) -> tuple[bytes, str]:
        options = seen.json if seen.json is not None else seen.fields
        width, height = (int(edge) for edge in str(options["size"]).split("x"))
        picture = seen.images[0] if seen.images else gradient_png(width, height)
        if "stream" in options:
            parts = [partial_event(picture, index) for index in range(int(str(options["partial_images"])))]
            return b"".join(parts) + completed_event(picture, self._usage), "text/event-stream"
        pictures = [picture] * int(str(options["n"]))
        return success(pictures, self._usage, str(options["quality"])), "application/json"


class HoldingServer:
    """Answers every request with the same body, each only when `let_go` allows one more answer.

    `arrived` is released once for each whole request; `peak` is the most that were held at once, `count` how
    many came.
    """

    def __init__(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.arrived = threading.Semaphore(0)
        self.peak = 0
        self.count = 0
        self._held = 0
        self._lock = threading.Lock()
        self._let_go = threading.Semaphore(0)
        self._raw = http_answer(200, body, headers)
        self._listener = _Listener(self._serve)
        self.base_url = f"http://127.0.0.1:{self._listener.port}/v1"

    def __enter__(self) -> HoldingServer:
        return self

    def __exit__(self, *failure: object) -> None:
        self.let_go(1_000)
        self._listener.close()

    def let_go(self, answers: int = 1) -> None:
        self._let_go.release(answers)

    def wait_for(self, arrivals: int) -> None:
        """Wait until so many more have arrived."""
        for _number in range(arrivals):
            assert self.arrived.acquire(timeout=PATIENCE_SECONDS), "a request did not arrive"

    def _serve(self, connection: socket.socket) -> None:
        _read_request(connection)
        with self._lock:
            self.count += 1
            self._held += 1
            self.peak = max(self.peak, self._held)
        self.arrived.release()
        self._let_go.acquire(timeout=PATIENCE_SECONDS)
        # Before the answer leaves: once it is there, another request may follow at once.
        with self._lock:
            self._held -= 1
        connection.sendall(self._raw)


def success(
    pictures: list[bytes], usage: Mapping[str, object] | None = USAGE, quality: str = "medium"
) -> bytes:
    """The body of a reply that holds pictures."""
    document: dict[str, object] = {
        "created": 1_795_363_200,
        "background": "opaque",
        "data": [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures],
        "output_format": "png",
        "quality": quality,
    }
    return json.dumps(document if usage is None else document | {"usage": usage}).encode()


def event(name: str, document: Mapping[str, object]) -> bytes:
    """One event of a stream, as the service writes them."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **document})}\n\n".encode()


def partial_event(picture: bytes, index: int = 0) -> bytes:
    text = base64.b64encode(picture).decode()
    return event("image_edit.partial_image", {"b64_json": text, "partial_image_index": index})


def completed_event(picture: bytes, usage: Mapping[str, object] | None = USAGE) -> bytes:
    document = {"b64_json": base64.b64encode(picture).decode(), "created_at": 1_795_363_200}
    about = {**document, "quality": "medium", "output_format": "png"}
    return event("image_edit.completed", about if usage is None else about | {"usage": usage})


def error_event(kind: str, code: str | None, **more: object) -> bytes:
    """An error inside a stream; its message quotes things that must not be shown."""
    return event("error", json.loads(refusal(kind, code, **more)))


def refusal(kind: str, code: str | None, param: str | None = None, **more: object) -> bytes:
    """The body of an error, in the API's envelope; its message quotes things that must not be shown."""
    message = "Your request with the prompt 'a small red door' and the key sk-planted was refused."
    return json.dumps(
        {"error": {"message": message, "type": kind, "param": param, "code": code} | more}
    ).encode()


PROXY_PAGE = b"<!DOCTYPE html><html><body><h1>Bad gateway</h1><p>a small red door</p></body></html>"


def gradient_png(width: int, height: int) -> bytes:
    """An RGB picture whose red tells the column and green the row, both modulo 256."""
    row = bytearray(3 * width)
    row[0::3] = (bytes(range(256)) * (width // 256 + 1))[:width]
    rows = []
    for y in range(height):
        row[1::3] = bytes([y % 256]) * width
        rows.append(b"\0" + row)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 1)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def http_answer(
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    declared_length: int | None = None,
) -> bytes:
    """A whole HTTP answer; `declared_length` is what it claims, when that is a lie."""
    length = len(body) if declared_length is None else declared_length
    lines = {"Content-Type": "application/json", "Content-Length": str(length), "Connection": "close"}
    lines |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + body


Behaviour = Callable[[socket.socket, threading.Event], bytes]


class FaultServer:
    """Treats each connection by the next of its behaviours, and every further one by the last.

    `received` holds the bytes that each connection brought; `connections` counts them. With `tls` it speaks
    TLS under CERTIFICATE.
    """

    def __init__(self, *behaviours: Behaviour, tls: bool = False, port: int = 0) -> None:
        self.received: list[bytes] = []
        self.connections = 0
        self._behaviours = behaviours
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._listener = _Listener(self._serve, tls=tls, port=port)
        self.port = self._listener.port
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stopping.set()
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            behaviour = self._behaviours[min(self.connections, len(self._behaviours) - 1)]
            self.connections += 1
        self.received.append(behaviour(connection, self._stopping))


def answers(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Behaviour:
    """Reads the whole request and answers it."""
    return sends(http_answer(status, body, headers))


def sends(raw: bytes, meanwhile: Callable[[], object] = lambda: None) -> Behaviour:
    """Reads the whole request, does something meanwhile, sends these bytes and closes."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        request = _read_request(connection)
        meanwhile()
        connection.sendall(raw)
        return request

    return behave


def sends_in_two(first: bytes, between: Callable[[], object], second: bytes) -> Behaviour:
    """Reads the whole request, sends a part, does something, and sends the rest."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        request = _read_request(connection)
        connection.sendall(first)
        between()
        connection.sendall(second)
        return request

    return behave


def streams(
    *pieces: bytes, whole: bool = True, meanwhile: Callable[[int], object] = lambda _number: None
) -> Behaviour:
    """Reads the whole request and answers with a stream, one chunk a piece; not `whole` breaks off without
    the last chunk. `meanwhile` is called with the number of each piece, from 0, before it is sent."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        request = _read_request(connection)
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())
        for number, piece in enumerate(pieces):
            meanwhile(number)
            # A chunk of no bytes would be the last one.
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b"")
        if whole:
            connection.sendall(b"0\r\n\r\n")
        return request

    return behave


def redirects(status: int, location: str) -> Behaviour:
    return answers(status, b"", {"Location": location})


def lies_about_length(body: bytes, declared: int) -> Behaviour:
    return sends(http_answer(200, body, declared_length=declared))


def cuts_within_answer(body: bytes, after: int) -> Behaviour:
    """Declares the whole body and closes after some of it."""
    return sends(http_answer(200, body[:after], declared_length=len(body)))


def resets_at_once() -> Behaviour:
    """Resets the connection without reading anything."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        _reset(connection)
        return b""

    return behave


def resets_within_request() -> Behaviour:
    """Resets when the head and some of the body have arrived."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        received = _read_head(connection)
        while received.endswith(b"\r\n\r\n"):
            received += connection.recv(1)
        _reset(connection)
        return received

    return behave


def resets_after_request() -> Behaviour:
    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        received = _read_request(connection)
        _reset(connection)
        return received

    return behave


def closes_after_request() -> Behaviour:
    return sends(b"")


def stalls() -> Behaviour:
    """Reads the whole request and says nothing until the server is closed."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        received = _read_request(connection)
        stopping.wait(PATIENCE_SECONDS)
        return received

    return behave


def trickles(seconds_between: float) -> Behaviour:
    """Answers with a long body, one byte now and then, until the other side leaves."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        received = _read_request(connection)
        connection.sendall(http_answer(200, b"{", declared_length=1_000_000))
        with contextlib.suppress(OSError):
            while not stopping.wait(seconds_between):
                connection.sendall(b" ")
        return received

    return behave


def answers_head_only(status: int) -> Behaviour:
    """Answers as soon as the head is there, as a proxy does to CONNECT."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        received = _read_head(connection)
        connection.sendall(http_answer(status, b""))
        return received

    return behave


def closes_after_first_bytes() -> Behaviour:
    """Reads what comes first, such as the greeting of TLS, and closes."""

    def behave(connection: socket.socket, stopping: threading.Event) -> bytes:
        return connection.recv(65_536)

    return behave


@contextlib.contextmanager
def refused_port() -> Iterator[int]:
    """A port that nobody listens on, kept from others meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


class _Listener:
    """Accepts connections on a free loopback port and serves each on a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None], tls: bool = False, port: int = 0) -> None:
        self._serve = serve
        self._tls = _tls_context() if tls else None
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._waker: tuple[str, int] | None = None
        self._workers: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, name="test-server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        # A last connection wakes accept(), which closing alone does not do everywhere.
        with socket.socket() as waker:
            waker.bind(("127.0.0.1", 0))
            self._waker = waker.getsockname()
            waker.connect(("127.0.0.1", self.port))
            self._thread.join(PATIENCE_SECONDS)
        for connection in list(self._open):
            # A client may keep its side; whoever reads here is woken.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        for worker in self._workers:
            worker.join(PATIENCE_SECONDS)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            connection, address = self._socket.accept()
            if address == self._waker:
                connection.close()
                return
            worker = threading.Thread(target=self._serve_one, args=(connection,), daemon=True)
            self._workers.append(worker)
            worker.start()

    def _serve_one(self, connection: socket.socket) -> None:
        # A client that leaves early is what many tests are about.
        with connection, self._noted(connection), contextlib.suppress(OSError):
            connection.settimeout(PATIENCE_SECONDS)
            if self._tls is None:
                self._serve(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._serve(secured)

    @contextlib.contextmanager
    def _noted(self, connection: socket.socket) -> Iterator[None]:
        # A handle of its own, since TLS takes the socket over.
        with connection.dup() as handle:
            self._open.add(handle)
            try:
                yield
            finally:
                self._open.discard(handle)


def _tls_context() -> ssl.SSLContext:
    import tempfile

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder, "chain.pem")
        chain.write_text(CERTIFICATE + _PRIVATE_KEY)
        context.load_cert_chain(chain)
    return context


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _read_head(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise ConnectionError("the client left within its head")
        received += byte
    return received


def _read_request(connection: socket.socket) -> bytes:
    head = _read_head(connection)
    length = int(_headers(head).get("content-length", "0"))
    received = bytearray(head)
    while len(received) < len(head) + length:
        piece = connection.recv(1 << 20)
        if not piece:
            raise ConnectionError("the client left within its body")
        received += piece
    return bytes(received)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


def parse(request: bytes) -> Seen:
    """A whole request, taken apart."""
    head, body = request.split(b"\r\n\r\n", 1)
    method, path, _version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    headers = _headers(head)
    kind = headers.get("content-type", "")
    if kind == "application/json":
        return Seen(method, path, headers, body, json=json.loads(body))
    if not kind.startswith("multipart/form-data; boundary="):
        return Seen(method, path, headers, body)
    parts = list(_parts(body, kind.split("boundary=", 1)[1].strip('"').encode()))
    files = [(name, file_name, content) for name, file_name, content in parts if file_name]
    by_name = {name: content for name, _file_name, content in files}
    return Seen(
        method,
        path,
        headers,
        body,
        fields={name: content.decode() for name, file_name, content in parts if not file_name},
        images=tuple(content for name, _file_name, content in files if name in ("image", "image[]")),
        mask=by_name.get("mask"),
        markup=by_name.get("markup"),
        file_names=tuple(file_name for _name, file_name, _content in files),
    )


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, str, bytes]]:
    for part in body.split(b"--" + boundary)[1:-1]:
        head, content = part.removeprefix(b"\r\n").split(b"\r\n\r\n", 1)
        disposition = _headers(b"\r\n" + head)["content-disposition"]
        options = dict(option.strip().split("=", 1) for option in disposition.split(";") if "=" in option)
        yield (
            options["name"].strip('"'),
            options.get("filename", "").strip('"'),
            content.removesuffix(b"\r\n"),
        )
