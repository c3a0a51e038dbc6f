# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written down about a request, for the ledger and beside its reply, and how it is read back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import Any

from .catalog import Model
from .cost import Bill, Estimate, bill, estimate
from .formats import MEDIA_TYPES
from .ledger import Entry, Spending
from .request import Request
from .shapes import Rect, Size
from .store import Stored
from .turns import Turn
from .wire import Answer

_MASK = "mask"
_LARGEST_MASK = 1 << 30


@dataclass(frozen=True)
class Placing:
    """Where an answer belongs in its document, kept with it so that it can be placed there again.

    The picture covers `window`, of which `visible` is shown, both in the document's pixels. `mask` are the
    values of its mask over `visible`, row by row, in the host's pixel format `mask_format`; empty without.
    """

    window: Rect
    visible: Rect
    mask_format: str = ""
    mask: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Asker:
    """Who asks: "gimp", "blender" or "cli", the document and project it is for, and where the answer goes."""

    host: str
    document: str = field(default="", repr=False)
    project: str = field(default="", repr=False)
    placing: Placing | None = field(default=None, repr=False)

    @property
    def beside(self) -> dict[str, bytes]:
        """What the store keeps beside the reply."""
        if self.placing is None or not self.placing.mask:
            return {}
        return {_MASK: zlib.compress(self.placing.mask, 1)}


def spending(request: Request, asker: Asker, price: Estimate, sandbox: bool) -> Spending:
    """The ledger's row: no prompt and no picture."""
    return Spending(
        host=asker.host,
        kind=request.kind,
        model=request.model,
        quality=request.quality,
        size=request.size_text,
        n=request.n,
        expected=price.cost.expected,
        reserve=price.reserve,
        sandbox=sandbox,
        document=asker.document,
        project=asker.project,
        priced=price.priced,
    )


def asked(request: Request, asker: Asker, price: Estimate, sandbox: bool) -> dict[str, Any]:
    """What is kept beside the reply: enough to find it by, ask it again and settle it; no picture, no key."""
    placing = asker.placing
    where = (
        {
            "window": list(placing.window),
            "visible": list(placing.visible),
            "mask_format": placing.mask_format,
        }
        if placing
        else None
    )
    return {
        "kind": request.kind,
        "model": request.model,
        "prompt": request.prompt,
        "size": request.size_text,
        "quality": request.quality,
        "n": request.n,
        "partial_images": request.partial_images,
        "background": request.background,
        "output_format": request.output_format,
        "output_compression": request.output_compression,
        "moderation": request.moderation,
        "complexity": request.complexity,
        "frames": request.frames,
        "frame_ms": request.frame_ms,
        "svg_author": request.svg_author,
        "svg_effort": request.svg_effort,
        "image_sizes": [str(picture.size) for picture in request.images],
        "mask": request.mask is not None,
        "markup": request.markup is not None,
        "expected": price.cost.expected,
        "reserve": price.reserve,
        "priced": price.priced,
        "host": asker.host,
        "document": asker.document,
        "project": asker.project,
        "sandbox": sandbox,
        "placing": where,
    }


def turn_spending(turn: Turn, asker: Asker, price: Estimate, sandbox: bool) -> Spending:
    """The ledger's row of a turn; its model is the one that makes the picture."""
    return replace(spending(turn.request, asker, price, sandbox), kind="turn")


def asked_turn(turn: Turn, asker: Asker, price: Estimate, sandbox: bool) -> dict[str, Any]:
    """As asked(), with what it takes to bill the turn from its response and to continue after it."""
    said = sum(line.cost.expected for line in price.lines if line.part.startswith("conversation"))
    conversation = {
        "text_model": turn.text_model,
        "after": turn.before.response if turn.before else None,
        "in_background": turn.in_background,
        "output_tokens_max": turn.output_tokens_max,
        "pictures": [str(size) for size in turn.pictures],
        "words": turn.words_after,
        "expected_made": price.cost.expected - said,
        "expected_said": said,
    }
    return asked(turn.request, asker, price, sandbox) | {"kind": "turn", "conversation": conversation}


def placing_of(stored: Stored) -> Placing | None:
    """Where a kept answer belongs; None when that was not said, or its record is damaged.

    Raises StorageError when the mask is there and cannot be read.
    """
    where: Any = stored.asked.get("placing")
    try:
        window, visible = (Rect(*map(int, where[name])) for name in ("window", "visible"))
        format = str(where["mask_format"])
        packed = stored.beside(_MASK) if format else b""
        mask = zlib.decompressobj().decompress(packed, _LARGEST_MASK) if packed else b""
    except (TypeError, KeyError, ValueError, zlib.error):
        return None
    if (format and not mask) or min(*window.size, *visible.size) < 1:
        return None
    return Placing(window, visible, format, mask)


def facts(answer: Answer, owed: Bill) -> dict[str, Any]:
    """What the reply turned out to be, in JSON types; money in micro-dollars."""
    return bill_fact(owed) | {
        "size": str(answer.size),
        "quality": answer.quality,
        "media_type": answer.media_type,
        "pictures": len(answer.pictures),
        "frames": answer.frames,
        "references_outside": answer.references_outside,
    }


def bill_fact(owed: Bill) -> dict[str, Any]:
    """The same of the bill alone."""
    return {"bill": {"total": owed.total, "lines": owed.lines, "from_usage": owed.from_usage}}


def as_asked(entry: Entry, output_format: str = "png") -> Request:
    """As much of the request as it takes to read its reply."""
    spending = entry.spending
    return Request(
        kind="generate",
        model=spending.model,
        prompt="",
        size=None if spending.size == "auto" else Size.parse(spending.size),
        quality=spending.quality,
        n=spending.n,
        output_format=output_format,
    )


def late_bill(answer: Answer, entry: Entry, model: Model) -> Bill:
    """The bill for a reply read again later; without usage, what the ledger had expected."""
    if answer.usage is None:
        return Bill(total=entry.spending.expected, lines=(), from_usage=False)
    output_format = next((name for name, media in MEDIA_TYPES.items() if media == answer.media_type), "png")
    return bill(answer.usage, model, estimate(as_asked(entry, output_format), model))
