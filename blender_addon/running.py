# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests under way: worker threads without bpy, and the main thread that looks after them.

A thread never touches Blender. A persistent timer (it outlives a file load) takes the threads' events and
hands a finished picture to the apply operator, which makes one undo step of it. Timers do not fire without a
window, so there `finish` does the same work while it waits.
"""

from __future__ import annotations

import atexit
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from . import asking, compatibility, looking, redrawing
from .asking import Wish
from .scumble.cost import Estimate
from .scumble.errors import BudgetExceeded, ScumbleError
from .scumble.money import exact
from .scumble.settings import Home
from .targets import NotPlaced, Target
from .translations import _, use_blenders_language

if TYPE_CHECKING:
    # Ledger, store and client are loaded with the first request, not when Blender starts.
    from .scumble.jobs import Job, Result

TICK_SECONDS = 0.15

# Two presses of one button within this time are one intention.
_DOUBLE_CLICK_SECONDS = 1.0


@dataclass
class Task:
    """One request under way; `expected_seconds` is 0 where it is not known.

    `hindrance` is why nothing is under way just now: it leaves again soon. `preview` is the last partial
    picture as a file.
    """

    number: int
    wish: Wish
    job: Job
    home: Home
    target: Target
    model: str
    estimate: Estimate
    sandbox: bool
    expected_seconds: int
    started: float = field(default_factory=time.monotonic)
    sent: bool = False
    ended: bool = False
    result: Result | None = None
    shown_second: int = -1
    hindrance: ScumbleError | None = None
    preview: Path | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


@dataclass(frozen=True)
class Asked:
    """What can be asked again."""

    wish: Wish
    target: Target


@dataclass(frozen=True)
class Outcome:
    """How a request ended; money in micro-dollars, `billed` 0 in the sandbox; `task` 0 if none began.

    `asked` is there where a budget stopped it, so that a person may let this one pass.
    """

    title: str
    task: int = 0
    result: str = ""
    model: str = ""
    billed: int = 0
    would_bill: int = 0
    sandbox: bool = False
    materials: tuple[str, ...] = ()
    image: str = ""
    error: ScumbleError | None = None
    asked: Asked | None = None

    @property
    def only_kept(self) -> bool:
        """Whether there is a picture in the store that is not in the scene."""
        return self.error is not None and self.result != ""


last: Outcome | None = None

# What the panel tells, oldest first.
told: list[Outcome] = []

_tasks: list[Task] = []
_numbers = itertools.count(1)


def register() -> None:
    atexit.register(_stop_timer)


def unregister() -> None:
    """Stop what has not been sent; what has been is kept by its thread, and no longer placed."""
    atexit.unregister(_stop_timer)
    _stop_timer()
    for task in _tasks:
        task.job.cancel()
    _tasks.clear()


def under_way() -> list[Task]:
    return [task for task in _tasks if not task.ended]


def start(wish: Wish, target: Target, over_budget: bool = False) -> Task:
    """Send the wish on its way, past the budgets where a person decided so for this one.

    Raises ScumbleError when it may not be; then nothing was sent.
    """
    global last
    from .scumble.jobs import Asker, Job

    use_blenders_language()
    request, model = asking.checked_request(wish)
    account = asking.account()
    asking.require_online(account)
    home = asking.home()
    looking.prepare_once(home)
    asker = Asker("blender", document=bpy.data.filepath)
    job = Job(request, asker, home, account, asking.catalog(), over_budget)
    task = Task(
        number=next(_numbers),
        wish=wish,
        job=job,
        home=home,
        target=target,
        model=model.id,
        estimate=asking.estimate(wish),
        sandbox=account.sandbox,
        expected_seconds=model.expected_seconds.get(wish.quality, 0),
    )
    job.start()
    last = None
    told[:] = [outcome for outcome in told if outcome.only_kept]
    _tasks.append(task)
    if not bpy.app.background:
        _start_timer()
    return task


def has_just_begun(wish: Wish, target: Target) -> bool:
    """Whether the very same is under way since a moment: a double click must not buy twice."""
    return any(
        (task.wish, task.target) == (wish, target) and task.seconds < _DOUBLE_CLICK_SECONDS
        for task in under_way()
    )


def find(number: int) -> Task | None:
    return next((task for task in _tasks if task.number == number), None)


def finish(task: Task) -> Outcome | None:
    """Wait for the task here, as a script without a window must; Ctrl-C stops it."""
    while task in under_way():
        try:
            task.job.wait(TICK_SECONDS)
        except KeyboardInterrupt:
            task.job.cancel()
        _look_after(task)
    return last


def conclude(outcome: Outcome) -> None:
    """Make this the last outcome. Of those before it the panel still tells other requests' failures."""
    global last
    last = outcome
    told[:] = [one for one in told if one.error is not None and one.task not in (0, outcome.task)]
    told.append(outcome)
    looking.look_again()
    redrawing.redraw()


def dismiss(position: int) -> None:
    """Tell this one no more."""
    global last
    if told.pop(position) is last:
        last = None


def look_after_all() -> None:
    """Take what the threads reported since the last time."""
    use_blenders_language()
    for task in tuple(_tasks):
        _look_after(task)


def _look_after(task: Task) -> None:
    from .scumble.jobs import Failed, Finished, Partial, Sent, Waiting

    # Asked before the events are taken, so that none can come after the last look.
    thread_ended = task.job.wait(0)
    for event in task.job.events():
        match event:
            case Sent():
                task.sent, task.hindrance = True, None
                redrawing.redraw()
            case Waiting(error=hindrance):
                task.sent, task.hindrance = False, hindrance
                redrawing.redraw()
            case Partial(number=number, data=data):
                task.preview = _preview_file(task, number, data)
                redrawing.redraw()
            case Finished(result):
                task.result = result
            case Failed(error):
                # The thread of a stopped request goes on, and what it brings is still told.
                task.ended = True
                again = Asked(task.wish, task.target) if isinstance(error, BudgetExceeded) else None
                conclude(Outcome(task.target.title, task.number, error=error, asked=again))
    if thread_ended and not (task.result is not None and compatibility.gesture_under_way()):
        if task.result is not None:
            _hand_over(task, task.result)
            task.ended = True
        _tasks.remove(task)
    if int(task.seconds) != task.shown_second:
        task.shown_second = int(task.seconds)
        redrawing.redraw()


def _preview_file(task: Task, number: int, data: bytes) -> Path | None:
    """In Blender's folder for this session; without a window, or where it cannot be written, nowhere."""
    if bpy.app.background:
        return None
    path = Path(bpy.app.tempdir) / f"scumble-{task.number}-{number}.png"
    try:
        path.write_bytes(data)
    except OSError:
        return task.preview
    return path


def _hand_over(task: Task, result: Result) -> None:
    if task.ended:
        conclude(not_placed(task, result, _("The picture that was stopped has arrived.")))
        return
    try:
        # A further positional True makes an undo step, which operators called from Python do not.
        bpy.ops.scumble.apply("EXEC_DEFAULT", True, task=task.number)  # type: ignore[attr-defined]
    except RuntimeError:
        # Blender prints the traceback; whatever it was, the paid picture must not be lost sight of.
        conclude(not_placed(task, result, _("Blender could not place the picture.")))


def not_placed(task: Task, result: Result, reason: str) -> Outcome:
    """The outcome of a picture that is in the store only."""
    billed = 0 if result.sandbox else result.bill.total
    return Outcome(
        title=task.target.title,
        task=task.number,
        result=result.id,
        model=task.model,
        billed=billed,
        would_bill=result.bill.total,
        sandbox=result.sandbox,
        error=NotPlaced(reason, result.folder, billed > 0),
    )


def bill_text(outcome: Outcome) -> str:
    """What it cost, to the last digit."""
    if outcome.sandbox:
        text = _("free; the API would have billed {price}")
        return text.format(price=exact(outcome.would_bill))
    return _("billed {price}").format(price=exact(outcome.billed))


def _tick() -> float | None:
    look_after_all()
    return TICK_SECONDS if _tasks else None


def _start_timer() -> None:
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)


def _stop_timer() -> None:
    # A timer that is still registered when Blender 4 exits hangs or crashes it.
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
