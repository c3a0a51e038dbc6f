# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that forks one that asks for a picture and is killed at one step, again and again.

Run as a script: dying.py HOME BASE_URL FIRST COUNT SEED. The way of a request is a list of steps: every
call and every return of a Python or C function between the button and the layer. It is listed once, by a
request that nobody kills; then each trial picks one function of that list, one of the times it is called, and
dies by SIGKILL there. Picking by function and not by step gives `fsync` as much weight as the many calls of
a parser.
Prints a JSON line for each trial: its number, where it died, and whether the whole reply had been read.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from scumble import catalog, jobs, store
from scumble.credentials import Account, Secret
from scumble.request import Picture, Request
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import gradient_png

SIZE = Size(1024, 768)
MODEL = "gpt-image-2.5-flare"
PICTURE = Picture(SIZE, gradient_png(*SIZE))
_LIBRARY = Path(jobs.__file__).parent.name
# Of all trials, how many die in the library itself or in what it calls; the others die anywhere.
_IN_LIBRARY = 0.7

# The same edit as a form, as JSON (which moderation takes), and with partial pictures on its way.
WAYS: dict[str, dict[str, Any]] = {
    "form": {},
    "json": {"moderation": "low"},
    "stream": {"partial_images": 2},
}
Step = tuple[str, str]


def ask_and_place(home: Home, base_url: str, prompt: str, way: str) -> None:
    """From the button to the layer, as a host does it."""
    form = Request("edit", MODEL, prompt, SIZE, "medium", images=(PICTURE,))
    request = replace(form, **WAYS[way])
    account = Account(base_url, Secret("sk-planted-0123456789"), "a test")
    result = jobs.perform(request, jobs.Asker("gimp", "harbour.xcf"), home, account, catalog.load())
    store.mark_placed(home, result.id, "harbour.xcf")


def profiled(on_step: Callable[[Step, FrameType, str], None], work: Callable[[], None]) -> None:
    def see(frame: FrameType, event: str, argument: Any) -> None:
        on_step((_place(frame, event, argument), event), frame, event)

    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(None)


def _place(frame: FrameType, event: str, argument: Any) -> str:
    """The function, by its module and name; of a C function also who calls it."""
    path = Path(frame.f_code.co_filename)
    caller = f"{'scumble.' if _LIBRARY in path.parts else ''}{path.stem}.{frame.f_code.co_name}"
    if event.startswith("c_"):
        return f"{caller}: {getattr(argument, '__qualname__', argument)}"
    return caller


def in_child(work: Callable[[int], None]) -> bytes:
    """What a forked process writes into its pipe until it ends or is killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            work(writing)
        except BaseException as failure:  # noqa: BLE001 - nothing may return into the parent's code
            os.write(writing, f"failed {failure!r}\n".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return told


def all_steps(home: Home, base_url: str, name: str, way: str) -> Counter[Step]:
    """The way of a request that nobody kills: how often each step comes."""

    def work(pipe: int) -> None:
        steps: list[Step] = []
        profiled(
            lambda step, _frame, _event: steps.append(step), lambda: ask_and_place(home, base_url, name, way)
        )
        with os.fdopen(pipe, "w") as told:
            json.dump(steps, told)

    return Counter((place, event) for place, event in json.loads(in_child(work)))


def die(home: Home, base_url: str, number: int, way: str, where: Step, after: int) -> str:
    """Whether the reply was read whole before it died: "read", "" or "survived" when the step never came."""

    def work(pipe: int) -> None:
        left = after

        def count(step: Step, frame: FrameType, event: str) -> None:
            nonlocal left
            if event == "return" and frame.f_code.co_name == "_read" and "read1" in frame.f_code.co_names:
                os.write(pipe, b"read ")
            if step == where:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        profiled(count, lambda: ask_and_place(home, base_url, f"trial {number}", way))
        os.write(pipe, b"survived ")

    return in_child(work).decode()


def main() -> None:
    home, base_url = Home(Path(sys.argv[1])), sys.argv[2]
    first, count, seed = (int(argument) for argument in sys.argv[3:6])
    # Imports and catalogues are read once and before: they are steps of a program's start, not of a request.
    ways = list(WAYS)
    for way in ways:
        ask_and_place(home, base_url, f"first {first} {way}", way)
    times = {way: all_steps(home, base_url, f"all {first} {way}", way) for way in ways}
    chance = random.Random(seed)  # noqa: S311 - a reproducible choice, not a secret
    for number in range(first, first + count):
        way = ways[number % len(ways)]
        anywhere = list(times[way])
        library = [step for step in anywhere if step[0].startswith("scumble.")]
        where = chance.choice(library if chance.random() < _IN_LIBRARY else anywhere)
        told = die(home, base_url, number, way, where, chance.randrange(times[way][where]))
        record = {"trial": number, "way": way, "place": where[0], "event": where[1], "told": told}
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
