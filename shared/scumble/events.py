# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a request on its way, one value a step, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .budgets import Room
from .cost import Bill, Estimate
from .errors import ScumbleError
from .shapes import Size
from .wire import Answer


@dataclass(frozen=True)
class Result:
    """A finished request. `folder` holds the reply as it came; `seconds` from sending to the whole answer."""

    id: str
    answer: Answer
    estimate: Estimate
    bill: Bill
    sandbox: bool
    folder: Path
    seconds: float


@dataclass(frozen=True)
class Reserved:
    """`reserve` micro-dollars are set aside in the ledger; nothing has been sent."""

    id: str
    reserve: int


@dataclass(frozen=True)
class NearBudget:
    """With this reservation at least 80 % of a budget are used; `room.describe()` says it to a person. Comes
    after Reserved, once for each such budget, and never in the sandbox."""

    id: str
    room: Room


@dataclass(frozen=True)
class Sent:
    """The request is leaving: from here it may be billed. Comes again when it leaves again after Waiting."""

    id: str


@dataclass(frozen=True)
class Partial:
    """A partial picture, encoded; `number` counts from 1. It is for looking at: the finished one replaces it.
    Comes after Sent, at most as often as was asked for, and perhaps never."""

    id: str
    number: int
    data: bytes = field(repr=False)
    media_type: str
    size: Size


@dataclass(frozen=True)
class Waiting:
    """Nothing is under way: `error` proves that no work was done, and in `seconds` it is tried again."""

    id: str
    seconds: float
    error: ScumbleError


@dataclass(frozen=True)
class Arrived:
    """The reply is on disk."""

    id: str


@dataclass(frozen=True)
class Rescued:
    """The results folder failed, so the reply is in `folder` until there is room; comes after Arrived."""

    id: str
    folder: Path


@dataclass(frozen=True)
class Finished:
    result: Result


@dataclass(frozen=True)
class Failed:
    error: ScumbleError


Event = Reserved | NearBudget | Sent | Waiting | Partial | Arrived | Rescued | Finished | Failed

# Of every answer: its headers, names in lower case, and the error that it stands for when it is no success.
Heard = Callable[[Mapping[str, str], ScumbleError | None], None]
