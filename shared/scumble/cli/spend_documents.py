# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of the ledger as documents, whose keys are in docs/cli.md, and its words for people."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping

from ..ledger import Entry, Ledger, Totals
from ..money import decimal_usd, price
from ..reports import Accuracy, Failures, Topic
from ..spendings import State
from ..translation import N_, _

TOTALS_KEYS = ("billed_usd", "open_usd", "sandbox_would_be_usd", "count", "unpriced")
ACCURACY_KEYS = (
    "model", "quality", "bills", "estimate_usd", "billed_usd", "off_usd", "beyond_reserve", "without_usage",
)  # fmt: skip
FAILURE_KEYS = ("reason", "count", "not_billed", "billed_usd", "open_usd")
ENTRY_KEYS = (
    "id", "at", "host", "kind", "model", "quality", "size", "n", "project", "document", "sandbox", "state",
    "estimate_usd", "reserve_usd", "billed_usd", "would_be_usd", "from_usage",
)  # fmt: skip

_STATES: dict[State, str] = {
    "reserved": N_("reserved"),
    "sent": N_("under way"),
    "settled": N_("billed"),
    "released": N_("not billed"),
    "unknown": N_("may be billed"),
}
_REASONS = {
    "access-denied": N_("the account may not use the model"),
    "answer-awaited": N_("the service kept the answer, and nobody fetched it"),
    "answer-gone": N_("the service no longer had the answer"),
    "bad-reply": N_("the answer could not be used"),
    "bill-not-recorded": N_("the bill could not be written down"),
    "billing-limit": N_("the account's billing limit"),
    "connection-lost": N_("the connection broke"),
    "key-refused": N_("the key was not accepted"),
    "left-after-sending": N_("the program was left while the service worked"),
    "model-unavailable": N_("the model is not offered to the account"),
    "moderation-blocked": N_("refused by moderation"),
    "moderation-blocked-afterwards": N_("held back by moderation after it was made"),
    "no-picture-made": N_("the service made no picture"),
    "not-connected": N_("the service could not be reached"),
    "other-machine": N_("left behind on another machine"),
    "overloaded": N_("the service was overloaded"),
    "process-gone": N_("the program ended while it waited"),
    "quota-exhausted": N_("no credit, or the account's spending limit"),
    "rate-limited": N_("the account's rate limit"),
    "recovered": N_("its end was lost with a damaged ledger"),
    "request-rejected": N_("rejected by the service"),
    "server-fault": N_("the service failed while working"),
    "stopped": N_("stopped before it was sent"),
    "stopped-after-sending": N_("stopped while the service worked"),
    "storage-after-sending": N_("the data folder did not take the answer"),
    "stream-ended": N_("the answer broke off"),
    "stream-failed": N_("the service failed while it drew"),
    "timed-out": N_("no answer in time"),
    "upload-cut-short": N_("a picture to send changed while it was sent"),
}
_TOPICS: dict[Topic, str] = {
    "day": N_("day"),
    "model": N_("model"),
    "quality": N_("model and quality"),
    "host": N_("host"),
    "project": N_("project"),
    "document": N_("document"),
}


def state_text(entry: Entry) -> str:
    """The state in words of the current language; in the sandbox nothing is billed."""
    if entry.spending.sandbox and entry.state == "settled":
        return _("made")
    return _(_STATES[entry.state])


def reason_text(reason: str) -> str:
    """Why something failed, in words; a rarer reason stays its code."""
    return _(_REASONS.get(reason, reason))


def topic_text(topic: Topic) -> str:
    return _(_TOPICS[topic])


def billed_text(entry: Entry) -> str:
    spending = entry.spending
    if spending.sandbox:
        return _("sandbox")
    if not spending.priced and not entry.billed and entry.state != "released":
        return _("price unknown")
    if entry.state in ("sent", "unknown"):
        return _("up to {amount}").format(amount=price(spending.reserve))
    return price(entry.billed)


def sum_text(billed: int, totals: Totals) -> str:
    """A sum of bills that says when nobody knows the price of some, or of all, of what it is over."""
    if not totals.unpriced:
        return price(billed)
    if totals.unpriced == totals.count and not billed:
        return _("price unknown")
    return _("{price} and {count} of unknown price").format(price=price(billed), count=totals.unpriced)


def totals_text(totals: Totals) -> str:
    text = _("{billed} billed").format(billed=price(totals.billed))
    if totals.reserved_or_unknown:
        text += _(", up to {amount} more may be billed").format(amount=price(totals.reserved_or_unknown))
    if totals.unpriced:
        text += _(", and {count} of unknown price").format(count=totals.unpriced)
    if totals.would_bill:
        text += _(" (sandbox, free: {amount})").format(amount=price(totals.would_bill))
    return text


def totals_document(totals: Totals) -> dict[str, object]:
    return {
        "billed_usd": decimal_usd(totals.billed),
        "open_usd": decimal_usd(totals.reserved_or_unknown),
        "sandbox_would_be_usd": decimal_usd(totals.would_bill),
        "count": totals.count,
        "unpriced": totals.unpriced,
    }


def entry_document(entry: Entry) -> dict[str, object]:
    """Without a price the estimate, the reservation and an unstated bill are None."""
    spending = entry.spending
    known = spending.priced or spending.sandbox or entry.billed > 0 or entry.state == "released"
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "host": spending.host,
        "kind": spending.kind,
        "model": spending.model,
        "quality": spending.quality,
        "size": spending.size,
        "n": spending.n,
        "project": spending.project,
        "document": spending.document,
        "sandbox": spending.sandbox,
        "state": entry.state,
        "estimate_usd": decimal_usd(spending.expected) if spending.priced else None,
        "reserve_usd": decimal_usd(spending.reserve) if spending.priced else None,
        "billed_usd": decimal_usd(entry.billed) if known else None,
        "would_be_usd": decimal_usd(entry.would_bill),
        "from_usage": entry.from_usage,
    }


def accuracy_document(measured: Accuracy) -> dict[str, object]:
    return {
        "model": measured.model,
        "quality": measured.quality,
        "bills": measured.bills,
        "estimate_usd": decimal_usd(measured.expected),
        "billed_usd": decimal_usd(measured.billed),
        "off_usd": decimal_usd(measured.off),
        "beyond_reserve": measured.beyond,
        "without_usage": measured.without_usage,
    }


def failures_document(failed: Failures) -> dict[str, object]:
    return {
        "reason": failed.reason,
        "count": failed.count,
        "not_billed": failed.free,
        "billed_usd": decimal_usd(failed.billed),
        "open_usd": decimal_usd(failed.reserved),
    }


def events_document(ledger: Ledger, entry: Entry) -> list[dict[str, str]]:
    return [
        {"at": step.at.isoformat(), "state": step.state, "reason": step.reason}
        for step in ledger.steps(entry.id)
    ]


def percent_text(difference: int, whole: int) -> str:
    """ "+1.3 %", rounded half up."""
    if not whole:
        return ""
    tenths = (abs(difference) * 2000 + whole) // (2 * whole)
    sign = "" if not tenths else "+" if difference > 0 else "-"
    return f"{sign}{tenths // 10}.{tenths % 10} %"


def print_csv(keys: Iterable[str], documents: Iterable[Mapping[str, object]]) -> None:
    writer = csv.DictWriter(sys.stdout, list(keys), lineterminator="\n")
    writer.writeheader()
    for document in documents:
        writer.writerow({key: _for_a_spreadsheet(value) for key, value in document.items()})


def _for_a_spreadsheet(value: object) -> object:
    """A name that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
