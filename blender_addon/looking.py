# SPDX-License-Identifier: GPL-3.0-or-later
"""What ledger and store say, read on a thread of its own; the panels draw from what was read last.

The first look also puts right what an ended Blender left: then what it had paid for can be offered.
"""

from __future__ import annotations

import atexit
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from . import asking, redrawing
from .scumble.errors import ScumbleError
from .scumble.settings import Home
from .translations import use_blenders_language

if TYPE_CHECKING:
    # Ledger and store are loaded by the thread, not when Blender starts.
    from .kept import Kept
    from .scumble.budgets import Allowance
    from .scumble.content_credentials import Presence
    from .scumble.ledger import Entry, Totals

_FIRST_SECONDS = 1.0
_TICK_SECONDS = 0.1
# What other programs spend is seen after so long; the panels are drawn far more often.
_FRESH_SECONDS = 10.0
_LAST_SHOWN = 10


@dataclass(frozen=True)
class Spent:
    """What the Spending panel shows; `document` is None for a file without a name."""

    today: Totals
    month: Totals
    document: Totals | None
    allowance: Allowance
    last: tuple[Entry, ...]
    unknown: tuple[Entry, ...]


@dataclass(frozen=True)
class Question:
    """Which data folder, for which .blend, and which result's credentials are wanted."""

    home: Home
    document: str = ""
    result: str = ""


@dataclass(frozen=True)
class Seen:
    """The answer; `spent` is None without a ledger, `problem` says why something could not be read."""

    question: Question
    spent: Spent | None = None
    kept: tuple[Kept, ...] = ()
    credentials: Presence | None = None
    problem: ScumbleError | None = None


# The result that the Results panel shows in full.
chosen = ""

_prepared: set[Home] = set()
_seen: Seen | None = None
_seen_at = 0.0
_look: _Look | None = None
_stale = False


def register() -> None:
    atexit.register(_stop_timer)
    if not bpy.app.background:
        _start_timer(_FIRST_SECONDS)


def unregister() -> None:
    global _seen, _look
    atexit.unregister(_stop_timer)
    _stop_timer()
    _seen = _look = None


def seen() -> Seen:
    """What was read last, at once; asks for another look where that is old or about another file."""
    question = _question()
    if _seen is None or _seen.question != question or time.monotonic() - _seen_at > _FRESH_SECONDS:
        look_again()
    if _seen is None or _seen.question.home != question.home:
        return Seen(question)
    return _seen


def look_again() -> None:
    """Something has changed: read it soon. Without a window nobody looks."""
    global _stale
    _stale = True
    if not bpy.app.background:
        _start_timer(0.0)


def look_now() -> Seen:
    """Read it here and wait for it, as a script does."""
    global _seen, _seen_at
    _seen, _seen_at = read(_question()), time.monotonic()
    return _seen


def prepare_once(home: Home) -> None:
    """Put right what ended processes left, at the first use of a data folder. Raises as jobs.prepare."""
    from .scumble.jobs import prepare

    if home not in _prepared:
        prepare(home)
        _prepared.add(home)


def folder_of(result: str) -> Path:
    """Where a result lies."""
    return asking.home().results / result


def read(question: Question) -> Seen:
    """For any thread; never raises a ScumbleError, but tells it."""
    from . import kept

    home = question.home
    try:
        if not home.folder.is_dir():
            return Seen(question)
        spent = None
        if home.ledger.exists():
            prepare_once(home)
            spent = _spent(question)
        credentials = kept.credentials(home, question.result) if question.result else None
        return Seen(question, spent, kept.all_kept(home), credentials)
    except ScumbleError as error:
        return Seen(question, problem=error)


def _spent(question: Question) -> Spent:
    from .scumble.ledger import Ledger
    from .scumble.periods import day_start, moment, month_start
    from .scumble.reports import Totals
    from .scumble.spendings import document_tag

    now = time.time_ns() // 1000
    with Ledger(question.home.ledger) as ledger:
        document = None
        if question.document:
            tag = document_tag(question.document)
            sums = {group.name: group.totals for group in ledger.groups("document")}
            document = sums.get(tag, Totals(0, 0, 0, 0))
        return Spent(
            today=ledger.totals(moment(day_start(now))),
            month=ledger.totals(moment(month_start(now))),
            document=document,
            allowance=ledger.allowance(),
            last=tuple(ledger.entries(limit=_LAST_SHOWN)),
            unknown=tuple(ledger.unknown_entries()),
        )


class _Look:
    """One reading on a thread of its own, which never touches Blender."""

    def __init__(self, question: Question) -> None:
        self.seen: Seen | None = None
        self._question = question
        self._thread = threading.Thread(target=self._run, name="scumble-look", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        self.seen = read(self._question)


def _question() -> Question:
    return Question(asking.home(), bpy.data.filepath, chosen)


def _tick() -> float | None:
    global _seen, _seen_at, _look, _stale
    use_blenders_language()
    if _look is None:
        _stale = False
        _look = _Look(_question())
        return _TICK_SECONDS
    if not _look.ended:
        return _TICK_SECONDS
    if _look.seen is not None:
        changed = _look.seen != _seen
        _seen = _look.seen
        if changed:
            redrawing.redraw()
    # Also after a defect, whose traceback the thread printed: the next draw must not look again at once.
    _seen_at = time.monotonic()
    _look = None
    return 0.0 if _stale else None


def _start_timer(after: float) -> None:
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=after, persistent=True)


def _stop_timer() -> None:
    # A timer that is still registered when Blender 4 exits hangs or crashes it.
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
