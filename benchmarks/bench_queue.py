# SPDX-License-Identifier: GPL-3.0-or-later
"""A queue against a service that takes two seconds for each picture: how near it comes to the ideal.

Targets: 64 requests, eight at once, within 1.15 times the ideal of 16 s; two processes with 32 each that
share the eight take no longer, and the service never sees a ninth.

    python -m pytest -s benchmarks/bench_queue.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from scumble import catalog
from scumble.credentials import Account, Secret
from scumble.jobs import Asker, Result
from scumble.queue import Queue
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import FaultServer, gradient_png, http_answer, sends, success

COUNT = 64
CONCURRENCY = 8
SECONDS = 2.0
IDEAL = COUNT / CONCURRENCY * SECONDS
SIZE = Size(1024, 1024)


@dataclass
class Crowd:
    """How many requests are at the service at once."""

    now: int = 0
    peak: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def pass_through(self) -> None:
        """Two seconds of work for one request."""
        with self._lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
        time.sleep(SECONDS)
        with self._lock:
            self.now -= 1


def report(what: str, seconds: float, crowd: Crowd) -> None:
    print(
        f"\n{what}: {seconds:.2f} s, {seconds / IDEAL:.3f} times the ideal, of 1.15;"
        f" at most {crowd.peak} at once, of {CONCURRENCY}",
        end="",
    )


def request() -> Request:
    known = catalog.load()
    model = known.usable(known.default_model, date.today())
    return Request("generate", model.id, "a small red door", SIZE, known.default_quality)


def work(home: Path, base_url: str, count: int) -> None:
    """One process's share; it says when it is ready and begins when it is told."""
    account = Account(base_url, Secret("sk-benchmark"), "the benchmark")
    with Queue(Home(home).make(), account, catalog.load(), CONCURRENCY) as queue:
        print("ready", flush=True)
        sys.stdin.readline()
        tickets = [queue.submit(request(), Asker("cli")) for _number in range(count)]
        queue.wait()
        assert all(isinstance(ticket.outcome, Result) for ticket in tickets)


@pytest.mark.parametrize("processes", [1, 2])
def test_many_requests_of_two_seconds(tmp_path: Path, processes: int) -> None:
    """Each process writes its ledger and its results as always, at full sync."""
    crowd = Crowd()
    answer = http_answer(200, success([gradient_png(*SIZE)]))
    # The processes find the library, and this folder's tests, as this one does.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with FaultServer(sends(answer, meanwhile=crowd.pass_through)) as server:
        share = [tmp_path, server.base_url, COUNT // processes]
        workers = [
            subprocess.Popen(
                [sys.executable, __file__, *map(str, share)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for _number in range(processes)
        ]
        for worker in workers:
            assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
        began = time.perf_counter()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        assert [worker.wait() for worker in workers] == [0] * processes
        report(f"{COUNT} requests, processes: {processes}", time.perf_counter() - began, crowd)
        for worker in workers:
            worker.communicate()
        assert server.connections == COUNT


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
