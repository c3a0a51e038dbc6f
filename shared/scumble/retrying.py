# SPDX-License-Identifier: GPL-3.0-or-later
"""When a request may be sent again, and after how long: the one rule, and all its bounds.

Two kinds of failure prove that no work was done and pass by themselves: a connection that was never made,
and a rate limit that is not a quota. After anything else nothing is sent again: a lost answer may be paid
for, and an overloaded service has not said how far it came.
"""

from __future__ import annotations

import threading
from typing import cast

from .errors import NotConnected, RateLimited, ScumbleError

UNREACHED_PAUSES = (1.0, 3.0)
LIMITED_TRIES = 6
LIMITED_FIRST_PAUSE = 2.0
LEAST_PAUSE = 0.1
WAIT_MAX = 120.0

# A pause that we choose is up to a quarter shorter; one that the service asks for is a little longer, never
# shorter, so that programs which were refused together do not come back together.
_JITTER = 0.25
_JITTER_AFTER = 0.05


def pause(error: ScumbleError, tries: int, waited: float, chance: float) -> float | None:
    """Seconds to wait before the request is sent again, or None to give up with `error`.

    `tries` counts the attempts so far, 1 after the first; `waited` is the sum of the pauses so far, in
    seconds; `chance` is a random number of [0, 1). No sum of pauses passes WAIT_MAX: where the service asks
    for more, the error goes to the person, with the time that it asks for.
    """
    if isinstance(error, NotConnected):
        if tries > len(UNREACHED_PAUSES):
            return None
        seconds = UNREACHED_PAUSES[tries - 1] * (1 - _JITTER * chance)
    elif isinstance(error, RateLimited) and tries < LIMITED_TRIES and error.details.get("passes", True):
        told = asked_pause(error)
        if told is None:
            seconds = LIMITED_FIRST_PAUSE * 2 ** (tries - 1) * (1 - _JITTER * chance)
        else:
            seconds = max(told, LEAST_PAUSE) * (1 + _JITTER_AFTER * chance)
    else:
        return None
    return seconds if waited + seconds <= WAIT_MAX else None


def asked_pause(error: RateLimited) -> float | None:
    """The seconds that the service asked for, or None when it did not say."""
    return cast("float | None", error.details.get("pause"))


def wait(seconds: float, cancel: threading.Event) -> None:
    """Wait, or less when `cancel` is set."""
    cancel.wait(seconds)
