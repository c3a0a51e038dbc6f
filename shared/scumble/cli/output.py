# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands print: one JSON document with stable keys, or lines for a person (docs/cli.md)."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable

from ..alternatives import Choice
from ..cost import Bill, Estimate, Span
from ..errors import NotEverywhere, ProblemsFound, RowsLeft, ScumbleError
from ..geometry import Plan
from ..money import decimal_usd, price, price_range
from ..translation import _
from .tables import print_table as print_table


def accept_any_text() -> None:
    """What the terminal's encoding lacks is shown as an escape: printing never fails for a letter."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Now rather than at the interpreter's end, where a closed pipe could not be handled. Raises OSError."""
    sys.stdout.flush()


def give_up_output() -> None:
    """Nobody takes what is printed; what is left must not fail once more at the interpreter's end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(document: object) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    print(text)


def print_error(error: ScumbleError, as_json: bool) -> None:
    """The error on standard error, and as a document on standard output when JSON was asked for."""
    if as_json:
        report = error.report if isinstance(error, RowsLeft | NotEverywhere | ProblemsFound) else {}
        print_json(
            {
                **report,
                "error": {
                    "code": error.code,
                    "message": error.what_happened,
                    "billing": error.billing.value,
                    "remedy": error.what_to_do,
                },
            }
        )
    print(error, file=sys.stderr)


def print_warnings(warnings: Iterable[str]) -> None:
    """On standard error, where they do not disturb a document."""
    for warning in warnings:
        print(_("Warning: {text}").format(text=warning), file=sys.stderr)


def usd_document(span: Span) -> dict[str, str]:
    return {
        "low": decimal_usd(span.low),
        "expected": decimal_usd(span.expected),
        "high": decimal_usd(span.high),
    }


def estimate_document(estimate: Estimate) -> dict[str, object]:
    """The estimate's JSON form; `usd` is None when the model's price is unknown."""
    tokens: dict[str, int] = {"text_input": 0, "image_input": 0, "image_output": 0}
    for line in estimate.lines:
        # Of a picture's output there are several parts; of a conversation each is its own.
        is_output = line.part not in tokens and not line.part.startswith("conversation_")
        part = "image_output" if is_output else line.part
        tokens[part] = tokens.get(part, 0) + line.tokens.expected
    return {
        "model": estimate.model,
        "quality": estimate.quality,
        "size": estimate.size,
        "exact": estimate.exact,
        "usd": usd_document(estimate.cost) if estimate.priced else None,
        "reserve_usd": decimal_usd(estimate.reserve) if estimate.priced else None,
        "tokens": tokens,
        "reason": estimate.reason,
        "learned_from": estimate.bills,
        "lines": [
            {
                "part": line.part,
                "tokens": {
                    "low": line.tokens.low,
                    "expected": line.tokens.expected,
                    "high": line.tokens.high,
                },
                "usd_per_million_tokens": decimal_usd(line.rate),
                "usd": usd_document(line.cost),
                "reason": line.reason,
            }
            for line in estimate.lines
        ],
    }


def choice_document(choice: Choice) -> dict[str, object]:
    """One cheaper way; `context` is None without a window."""
    return {
        "changes": choice.changes,
        "model": choice.model,
        "quality": choice.quality,
        "context": choice.context or None,
        "size": choice.estimate.size,
        "exact": choice.estimate.exact,
        "usd": usd_document(choice.estimate.cost),
        "saves_usd": decimal_usd(choice.saves),
        "gives_up": choice.gives_up,
    }


def print_choices(choices: Iterable[Choice]) -> None:
    for choice in choices:
        print(
            _("Cheaper: {price}, {gives_up}").format(
                price=estimate_text(choice.estimate), gives_up=choice.gives_up
            )
        )


def plan_document(plan: Plan) -> dict[str, object]:
    return {
        "window": list(plan.window),
        "request_size": list(plan.request_size),
        "scale": float(plan.scale),
        "padding": list(plan.padding),
        "description": plan.describe(),
    }


def bill_document(bill: Bill, sandbox: bool, priced: bool = True) -> dict[str, object]:
    """`usd` is what was billed; the sandbox bills nothing and says what the API would have.

    Both are None where no price is known, as for a server that is not the service's own.
    """
    if not priced:
        return {"usd": None, "would_be_usd": None, "from_usage": False}
    return {
        "usd": decimal_usd(0 if sandbox else bill.total),
        "would_be_usd": decimal_usd(bill.total),
        "from_usage": bill.from_usage,
    }


def estimate_text(estimate: Estimate) -> str:
    if not estimate.priced:
        return _("price unknown")
    if estimate.exact:
        return price(estimate.cost.expected)
    about = price_range(estimate.cost.low, estimate.cost.high)
    return _("about {price} ({range})").format(price=price(estimate.cost.expected), range=about)


def bill_text(bill: Bill, sandbox: bool, priced: bool = True) -> str:
    if not priced:
        return _("price unknown")
    if sandbox:
        return _("free in the sandbox; the API would have billed {price}").format(price=price(bill.total))
    if not bill.from_usage:
        return _("{price} (estimated: the service did not say)").format(price=price(bill.total))
    return price(bill.total)
