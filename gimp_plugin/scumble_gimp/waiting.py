# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a job on its thread while GLib's main loop, and with it the dialog, stays alive."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gi.repository import GLib

from scumble.errors import ScumbleError
from scumble.jobs import Failed, Finished, Job, Partial, Result, Sent, Waiting

_TICK_MILLISECONDS = 40


@dataclass(frozen=True)
class Progress:
    """How far a job is: seconds since it began, whether the request has gone out, the newest partial picture,
    and why and how long it waits before it goes out again."""

    seconds: float
    sent: bool
    preview: Partial | None = None
    pause: Waiting | None = None


def run(job: Job, show: Callable[[Progress], None]) -> Result:
    """Start the job and turn the main loop until it ends or is stopped; `show` is called 25 times a second.

    Every call into GIMP and GTK stays on this thread: two threads in GIMP's interface spoil each other's
    replies. Raises the ScumbleError the job failed with.
    """
    loop = GLib.MainLoop()
    began = time.monotonic()
    outcome: list[Result | ScumbleError] = []
    sent = False
    preview: Partial | None = None
    pause: Waiting | None = None

    def tick() -> bool:
        nonlocal sent, preview, pause
        for event in job.events():
            if isinstance(event, Sent):
                sent, pause = True, None
            elif isinstance(event, Waiting):
                pause = event
            elif isinstance(event, Partial):
                preview = event
            elif isinstance(event, Finished):
                outcome.append(event.result)
            elif isinstance(event, Failed):
                outcome.append(event.error)
        if outcome:
            loop.quit()
            return GLib.SOURCE_REMOVE
        show(Progress(time.monotonic() - began, sent, preview, pause))
        return GLib.SOURCE_CONTINUE

    job.start()
    GLib.timeout_add(_TICK_MILLISECONDS, tick)
    loop.run()
    if isinstance(outcome[0], ScumbleError):
        raise outcome[0]
    return outcome[0]


def let_it_finish(job: Job) -> None:
    """Keep this process alive until the job has kept and booked what it was stopped in."""
    loop = GLib.MainLoop()

    def tick() -> bool:
        if job.wait(0):
            loop.quit()
            return GLib.SOURCE_REMOVE
        return GLib.SOURCE_CONTINUE

    GLib.timeout_add(_TICK_MILLISECONDS, tick)
    loop.run()
