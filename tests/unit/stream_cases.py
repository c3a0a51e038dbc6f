# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams for the tests of jobs: two partial pictures, the finished one, and their request."""

from __future__ import annotations

import dataclasses

from servers import completed_event, gradient_png, partial_event

from scumble import catalog
from scumble.cost import Estimate, estimate
from scumble.jobs import Event, Partial
from scumble.request import Request
from tests.unit.jobs_cases import EDIT, PNG

STREAMED = dataclasses.replace(EDIT, partial_images=2)
COARSE = gradient_png(512, 384)
FIRST, SECOND, LAST = partial_event(COARSE, 0), partial_event(PNG, 1), completed_event(PNG)
WHOLE = FIRST + SECOND + LAST


def partials(events: list[Event]) -> list[Partial]:
    return [each for each in events if isinstance(each, Partial)]


def price(request: Request) -> Estimate:
    return estimate(request, catalog.load().find(request.model))
