# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer as a stream of events: the finished picture last, coarser ones of the same before it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..event_stream import MEDIA_TYPE
from ..shapes import Size
from . import pictures
from .rules import Order
from .scaling import fitted

CONTENT_TYPE = f"{MEDIA_TYPE}; charset=utf-8"


def stream(
    order: Order,
    channels: int,
    pixels: bytes,
    settings: Mapping[str, object],
    at_the_end: Mapping[str, object],
) -> bytes:
    """The whole body. `settings` are in every event, `at_the_end` in the last alone."""
    subject = "image_generation" if order.kind == "generate" else "image_edit"
    events = []
    for index in range(order.partials):
        text = _encoded(order, channels, _coarser(pixels, order.size, channels, order.partials - index))
        partial = {"b64_json": text, "partial_image_index": index, **settings}
        events.append(_event(f"{subject}.partial_image", partial))
    finished = {"b64_json": _encoded(order, channels, pixels), **settings, **at_the_end}
    events.append(_event(f"{subject}.completed", finished))
    return b"".join(events)


def _coarser(pixels: bytes, size: Size, channels: int, steps_left: int) -> bytes:
    """The picture with a quarter of its detail for the last step, an eighth for the one before, and so on,
    at its own size and each thing in its own place."""
    factor = 2 ** (steps_left + 1)
    small = Size(max(1, size.width // factor), max(1, size.height // factor))
    return fitted(fitted(pixels, size, channels, small), small, channels, size)


def _encoded(order: Order, channels: int, pixels: bytes) -> str:
    return pictures.write_text(order.size, pixels, channels, order.output_format, order.compression)


def _event(name: str, document: Mapping[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **document})}\n\n".encode()
