# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole request takes less than twice the larger of what it sends and what it gets."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import child
import pytest
from servers import (
    EchoServer,
    FaultServer,
    answers,
    completed_event,
    gradient_png,
    partial_event,
    streams,
    success,
)

PERFORM = """
import json, sys, tracemalloc
from pathlib import Path
from scumble import catalog, jobs
from scumble.credentials import Account, Secret
from scumble.request import Picture, Request
from scumble.settings import Home
from scumble.shapes import Size

home, small_url, url, partial_images, *paths = sys.argv[1:]
size = Size(1024, 768)
def ask(url):
    pictures = tuple(Picture(size, path=Path(path)) for path in paths)
    request = Request("edit", "gpt-image-2.5-flare", "a door", size, "low", images=pictures,
                      partial_images=int(partial_images))
    account = Account(url, Secret("sk-x"), "")
    return jobs.perform(request, jobs.Asker("cli"), Home(Path(home)), account, catalog.load())
ask(small_url)
tracemalloc.start()
ask(url)
print(tracemalloc.get_traced_memory()[1])
"""


def padded_png(length: int) -> bytes:
    """A picture with this many bytes in a chunk that no one reads."""
    picture = gradient_png(1024, 768)
    filler = os.urandom(length)
    chunk = struct.pack(">I", length) + b"scUm" + filler + struct.pack(">I", zlib.crc32(b"scUm" + filler))
    return picture[:33] + chunk + picture[33:]


@pytest.mark.parametrize(("upload", "picture"), [(3_000_000, 3_000_000), (3_000_000, 0), (0, 12_000_000)])
def test_memory_stays_below_twice_the_larger(home: object, tmp_path: Path, upload: int, picture: int) -> None:
    """Four pictures from disk, and a reply with one; what the program itself takes is not counted."""
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        path.write_bytes(padded_png(upload))
    reply = success([padded_png(picture)])
    with EchoServer() as small, FaultServer(answers(200, reply)) as server:
        peak = json.loads(child.run(PERFORM, tmp_path / "home", small.base_url, server.base_url, 0, *paths))
    larger = max(4 * upload, len(reply))
    assert peak < 2 * larger, f"{peak / larger:.2f} times"


@pytest.mark.parametrize("partials", [0, 2])
def test_memory_stays_below_twice_a_streamed_reply(home: object, tmp_path: Path, partials: int) -> None:
    """One long event, or three: neither its line nor the stream is in memory a second time."""
    path = tmp_path / "small.png"
    path.write_bytes(gradient_png(1024, 768))
    picture = padded_png(12_000_000)
    events = [partial_event(picture, number) for number in range(partials)] + [completed_event(picture)]
    with EchoServer() as small, FaultServer(streams(*events)) as server:
        peak = json.loads(child.run(PERFORM, tmp_path / "home", small.base_url, server.base_url, 2, path))
    length = sum(map(len, events))
    assert peak < 2 * length, f"{peak / length:.2f} times"
