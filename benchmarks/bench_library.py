# SPDX-License-Identifier: GPL-3.0-or-later
"""The library's own times: import at most 60 ms, an estimate 1 ms, a plan 10 ms, a 16 MB event 200 ms.

And its memory: a whole request takes less than twice the larger of what it sends and what it gets.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import (
    EchoServer,
    FaultServer,
    completed_event,
    gradient_png,
    http_answer,
    partial_event,
    success,
)

from scumble import catalog, cost, event_stream, geometry, matching, png, replies
from scumble.request import Picture, Request
from scumble.sandbox.painter import painted_rows
from scumble.shapes import Rect, Size

IMPORT_MILLISECONDS = 60.0
ESTIMATE_MILLISECONDS = 1.0
PLAN_MILLISECONDS = 10.0
MATCHING_MILLISECONDS = 350.0
EVENT_MILLISECONDS = 200.0
EVENT_BYTES = 16_000_000
_ROUNDS = 200

_TIMED_IMPORT = "import time; start = time.perf_counter(); import scumble; print(time.perf_counter() - start)"
_WHOLE_IMPORT = _TIMED_IMPORT.replace("import scumble;", "import scumble.jobs, scumble.geometry;")


def _median_milliseconds(work: Callable[[], object], rounds: int = _ROUNDS) -> float:
    times = []
    for _round in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _import_milliseconds(code: str) -> float:
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(9)]
    return 1000 * statistics.median(float(run.stdout) for run in runs)


def test_import() -> None:
    """In a fresh interpreter, median of nine; what the hosts load beside it is told too."""
    taken = _import_milliseconds(_TIMED_IMPORT)
    whole = _import_milliseconds(_WHOLE_IMPORT)
    print(
        f"\nimport scumble: {taken:.1f} ms, target {IMPORT_MILLISECONDS} ms; with all of jobs: {whole:.1f} ms"
    )
    assert taken <= IMPORT_MILLISECONDS


def test_estimate() -> None:
    """An edit with a window and a prompt of usual length."""
    known = catalog.load()
    model = known.find(known.default_model)
    size = Size(992, 672)
    request = Request("edit", model.id, "a small red door " * 6, size, "medium", images=(Picture(size),))
    taken = _median_milliseconds(lambda: cost.estimate(request, model))
    print(f"\nestimate: {taken:.3f} ms, target {ESTIMATE_MILLISECONDS} ms")
    assert taken <= ESTIMATE_MILLISECONDS


def test_plan() -> None:
    """The window of the design's example, each time with prices not yet known."""
    known = catalog.load()
    model = known.find(known.default_model)

    def plan() -> object:
        price = cost.price_by_size(model, "edit", "medium")
        return geometry.plan(Size(4000, 3000), Rect(1850, 1400, 300, 200), model.sizes, price)

    taken = _median_milliseconds(plan, 50)
    print(f"\nplan: {taken:.2f} ms, target {PLAN_MILLISECONDS} ms")
    assert taken <= PLAN_MILLISECONDS


_PERFORM = """
import dataclasses, json, re, sys
from pathlib import Path
from scumble import catalog, jobs
from scumble.credentials import Account, Secret
from scumble.request import Picture, Request
from scumble.settings import Home
from scumble.shapes import Size

def resident():
    # Not ru_maxrss, which begins with what the parent had.
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

home, url, small_url, partial_images, *paths = sys.argv[1:]
home = Path(home)
known = catalog.load()
size = Size(1024, 768)
request = Request("edit", known.default_model, "a door", size, "low",
                  images=tuple(Picture(size, path=Path(path)) for path in paths),
                  partial_images=int(partial_images))
def ask(request, url):
    account = Account(url, Secret("sk-x"), "")
    return jobs.perform(request, jobs.Asker("cli"), Home(home), account, known)
small = Picture(size, (home / "small.png").read_bytes())
ask(dataclasses.replace(request, images=(small,)), small_url)
before = resident()
result = ask(request, url)
print(json.dumps([before, resident(), len(result.answer.pictures[0])]))
"""


def _padded_png(length: int) -> bytes:
    """A picture of at least this many bytes, most of them in a chunk that no one reads."""
    picture = gradient_png(1024, 768)
    filler = os.urandom(length)
    chunk = struct.pack(">I", length) + b"scUm" + filler + struct.pack(">I", zlib.crc32(b"scUm" + filler))
    return picture[:33] + chunk + picture[33:]


def _reply(picture: bytes, written: str) -> bytes:
    if written == "one event":
        return completed_event(picture)
    if written == "three events":
        return partial_event(picture, 0) + partial_event(picture, 1) + completed_event(picture)
    reply = success([picture])
    return reply.replace(b"/", b"\\/") if written == "escaped" else reply


def _discards_and_answers(reply: bytes) -> Callable[[socket.socket, threading.Event], bytes]:
    def behave(connection: socket.socket, _stopping: threading.Event) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(1)
        head = received.lower().partition(b"content-length:")[2]
        left = int(head.partition(b"\r\n")[0])
        while left and (piece := connection.recv(1 << 20)):
            left -= len(piece)
        connection.sendall(http_answer(200, reply))
        return b""

    return behave


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell their memory otherwise")
@pytest.mark.parametrize(
    ("files", "file_bytes", "picture_bytes", "written"),
    [(16, 20_000_000, 75_000_000, "json"), (16, 20_000_000, 1_000_000, "json"),
     (1, 1_000_000, 75_000_000, "json"), (1, 1_000_000, 75_000_000, "escaped"),
     (5, 20_000_000, 75_000_000, "json"), (1, 1_000_000, 75_000_000, "one event"),
     (1, 1_000_000, 25_000_000, "three events")],
    ids=["large both", "large upload", "large reply", "large reply, escaped", "equal", "large event",
         "large events"],
)  # fmt: skip
def test_memory(tmp_path: Path, files: int, file_bytes: int, picture_bytes: int, written: str) -> None:
    """Of a process that performs one request, beyond what a small one takes."""
    (tmp_path / "small.png").write_bytes(gradient_png(1024, 768))
    paths = [tmp_path / f"{number}.png" for number in range(files)]
    for path in paths:
        path.write_bytes(_padded_png(file_bytes))
    reply = _reply(_padded_png(picture_bytes), written)
    partial_images = 2 if written.endswith(("event", "events")) else 0
    with FaultServer(_discards_and_answers(reply)) as server, EchoServer() as small:
        arguments = [tmp_path, server.base_url, small.base_url, partial_images, *paths]
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _PERFORM, *map(str, arguments)], capture_output=True, text=True
        )
        taken = time.perf_counter() - begun
    assert done.returncode == 0, done.stderr
    before, after, got = json.loads(done.stdout)
    assert got >= picture_bytes
    larger = max(sum(path.stat().st_size for path in paths), len(reply))
    print(
        f"\nmemory: {(after - before) / 1e6:.0f} MB beyond {before / 1e6:.0f} MB for {files} files of"
        f" {file_bytes / 1e6:.0f} MB and a reply ({written}) of {len(reply) / 1e6:.0f} MB in {taken:.1f} s;"
        f" {(after - before) / larger:.2f} times the larger, target below 2"
    )
    assert after - before < 2 * larger


def test_event() -> None:
    """An event of 16 MB, in pieces as the network gives them and cut small; then its whole way to bytes of
    a picture, which the target does not ask for."""
    request = Request("generate", "any", "planks", Size(1024, 1024), "medium", partial_images=1)
    blank = png.encode(Size(1024, 1024), bytes(3 * 1024 * 1024), 3)
    # What fills it lies in a chunk of its own, as Content Credentials do.
    filling = bytes(3 * EVENT_BYTES // 4 - len(blank) - 200)
    chunk = (
        len(filling).to_bytes(4, "big") + b"caBX" + filling + zlib.crc32(b"caBX" + filling).to_bytes(4, "big")
    )
    text = base64.b64encode(blank[:33] + chunk + blank[33:]).decode()
    document = json.dumps({"type": "image_generation.completed", "b64_json": text})
    body = b"event: image_generation.completed\ndata: " + document.encode() + b"\n\n"
    assert abs(len(body) - EVENT_BYTES) < 1_000
    for piece_bytes in (65_536, 1_400):
        pieces = [body[start : start + piece_bytes] for start in range(0, len(body), piece_bytes)]
        taken = _median_milliseconds(lambda pieces=pieces: _parsed(pieces), 9)
        print(f"\n16 MB event in {len(pieces)} pieces: {taken:.0f} ms, target {EVENT_MILLISECONDS} ms")
        assert taken <= EVENT_MILLISECONDS
    read = _median_milliseconds(lambda: replies.read(body, event_stream.MEDIA_TYPE, request), 9)
    print(f"\nthe same from the kept reply to the picture: {read:.0f} ms")


def _parsed(pieces: list[bytes]) -> object:
    splitter = event_stream.Splitter()
    (event,) = [event for piece in pieces for event in splitter.feed(piece)]
    return replies.meaning(event)


def test_matching() -> None:
    """A window of 1024x768 whose answer lies 5 px beside it, darker: shift, scale and tone found."""
    size = Size(1024, 768)
    margin = 5
    wide = Size(size.width + margin, size.height)
    painted = b"".join(painted_rows("a red brick wall", wide, 1))
    stride = 3 * wide.width
    rows = [painted[start : start + stride] for start in range(0, len(painted), stride)]
    sent = b"".join(row[3 * margin :] for row in rows)
    darker = bytes(value * 15 // 16 for value in range(256))
    answer = b"".join(row[: -3 * margin] for row in rows).translate(darker)
    hole = bytearray(size.area)
    for y in range(260, 500):
        hole[y * size.width + 380 : y * size.width + 640] = b"\1" * 260
    match = matching.find(size, sent, answer, bytes(hole))
    assert match.applied
    assert round(match.motion.shift_x, 1) == margin
    taken = _median_milliseconds(lambda: matching.find(size, sent, answer, bytes(hole)), 9)
    print(f"\nmatching of a {size} window: {taken:.0f} ms, target {MATCHING_MILLISECONDS} ms")
    assert taken <= MATCHING_MILLISECONDS
