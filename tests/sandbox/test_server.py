# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's server at the level of the socket: where it listens, what it tells, what it bears."""

from __future__ import annotations

import json
import socket
import threading
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer

import pytest

from scumble.event_stream import events
from scumble.sandbox import server as module

KEY = {"Authorization": "Bearer x"}


def connected(server: ThreadingHTTPServer) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)


def raw_answer(server: ThreadingHTTPServer, request: bytes) -> bytes:
    """All bytes that come back, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=10) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65_536), b""))


def test_it_listens_on_this_machine_only(server: ThreadingHTTPServer) -> None:
    """On the loopback address, at a port of its own."""
    assert server.server_address[0] == "127.0.0.1"
    assert server.server_address[1] > 0


def test_a_connection_serves_many_requests(server: ThreadingHTTPServer) -> None:
    """HTTP/1.1 with a Content-Length, refusals included."""
    connection = connected(server)
    for path, status in (("/v1/models", 200), ("/v1/nothing", 404), ("/v1/models", 200)):
        connection.request("GET", path, headers=KEY)
        answer = connection.getresponse()
        content = answer.read()
        assert (answer.status, answer.version) == (status, 11)
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["Content-Type"] == "application/json"
    connection.close()


GENERATION = {"model": "gpt-image-2.5-flare", "prompt": "a door", "size": "1024x640", "quality": "low"}


def test_a_stream_comes_in_chunks_and_the_connection_goes_on(server: ThreadingHTTPServer) -> None:
    """Cut within events; the next request on the same connection is answered."""
    connection = connected(server)
    body = json.dumps(GENERATION | {"stream": True, "partial_images": 1})
    kind = {"Content-Type": "application/json"}
    for _time in range(2):
        connection.request("POST", "/v1/images/generations", body, KEY | kind)
        answer = connection.getresponse()
        assert answer.headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in answer.headers
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        found = list(events(answer.read()))
        assert [each.name.partition(".")[2] for each in found] == ["partial_image", "completed"]
    connection.close()


def test_an_old_client_gets_a_stream_until_the_connection_closes(server: ThreadingHTTPServer) -> None:
    """HTTP/1.0 knows no chunks."""
    body = json.dumps(GENERATION | {"stream": True}).encode()
    head = b"POST /v1/images/generations HTTP/1.0\r\nAuthorization: Bearer x\r\n"
    kind = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    about, content = raw_answer(server, head + kind + body).split(b"\r\n\r\n", 1)
    assert b"chunked" not in about and b"Connection: close" in about
    assert [each.name for each in events(content)] == ["image_generation.completed"]
    assert content.startswith(b"event: ")


def test_it_says_nothing(server: ThreadingHTTPServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Not of requests, not of broken ones, not of clients that go away."""
    connection = connected(server)
    connection.request("GET", "/v1/models?prompt=a+small+red+door", headers=KEY)
    connection.getresponse().read()
    connection.close()
    raw_answer(server, b"GARBAGE a small red door\r\n\r\n")
    raw_answer(server, b"POST /v1/images/generations HTTP/1.1\r\nContent-Length: 50\r\n\r\n{a small red")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Length: 2000001", 413),
        ("Content-Length: 99999999999999999999", 413),
        ("Content-Length: -1", 411),
        ("Content-Length: 0x10", 411),
        ("X: y", 411),
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: 10", 400),
    ],
)
def test_a_body_it_cannot_take_is_refused(server: ThreadingHTTPServer, headers: str, status: int) -> None:
    """Without reading it, in the API's envelope, and the connection ends."""
    answer = raw_answer(server, f"POST /v1/images/edits HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\nabc".encode())
    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in head
    assert set(json.loads(content)["error"]) == {"message", "type", "param", "code"}


def test_a_fault_of_its_own_is_a_server_error(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """500 in the envelope, and nothing of the fault is shown."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("a small red door")

    monkeypatch.setattr(module, "respond", fail)
    connection = connected(server)
    connection.request("GET", "/v1/models", headers=KEY)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 500
    assert json.loads(content)["error"]["type"] == "server_error"
    assert b"door" not in content
    assert capfd.readouterr() == ("", "")


def test_requests_at_once_are_all_answered(server: ThreadingHTTPServer) -> None:
    """Each with its own reply."""
    sizes: dict[str, str] = {}

    def ask(size: str) -> None:
        body = json.dumps({"model": "gpt-image-2", "prompt": "sand", "size": size, "quality": "low"})
        connection = connected(server)
        connection.request("POST", "/v1/images/generations", body, KEY | {"Content-Type": "application/json"})
        sizes[size] = json.loads(connection.getresponse().read())["size"]
        connection.close()

    threads = [threading.Thread(target=ask, args=(size,)) for size in ("1024x640", "640x1024", "816x816")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == {size: size for size in ("1024x640", "640x1024", "816x816")}


def test_a_taken_port_is_an_error(server: ThreadingHTTPServer) -> None:
    """Instead of a second server that nobody reaches."""
    with pytest.raises(OSError):
        module.serve(server.server_address[1])
