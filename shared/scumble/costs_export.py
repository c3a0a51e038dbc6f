# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service's own export of costs (CSV) proves of unknown spendings; no guess is made.

The service adds its costs up by UTC day. A day's costs less what this ledger knows of them are what is left
for the unknown spendings of that day, and for whatever else used the account. Two things follow from it:

- nothing is left: none of them was billed. Other use of the account would only add to the costs, so this
  holds whoever else used it.
- what is left is the price of exactly one choice of them, which is all of them: they were billed. This holds
  only when nothing else used the account, which a person has to say.

The least that a spending costs is taken as three quarters of its estimate, or a twentieth where the model
chose size or quality; the most is its reservation. Lines of the export that name something else than images
are left out as long as every request of the day was to an image model.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import combinations

from .errors import BadRequest
from .money import MICRO_DOLLARS_PER_DOLLAR, price
from .spendings import Entry
from .translation import _

_TIMES = ("start_time", "start_time_iso", "date", "day", "time", "timestamp")
_AMOUNTS = ("amount_value", "amount", "cost", "cost_usd", "amount_usd", "usd")
_CURRENCIES = ("amount_currency", "currency")
_MODELS = ("line_item", "model", "name")
_SEPARATORS = ",;\t"
_LARGEST = Decimal(10**9)
# Up to this long a request may have worked into the next day.
_LONGEST_REQUEST = timedelta(minutes=20)
# The service publishes a day's costs late; by then it is complete.
_SETTLING = timedelta(hours=48)
# Among more of them any sum is some choice's.
_MOST_TOGETHER = 12
# Each bill of ours is rounded up in up to three parts, each amount of the export to a micro-dollar.
_ROUNDING = 3


@dataclass(frozen=True)
class Cost:
    """One line of the export: micro-dollars of a UTC day, and what it says they were for."""

    day: date
    amount: int
    item: str


@dataclass(frozen=True)
class Verdict:
    """What the export says of one unknown spending: not billed (0), billed (micro-dollars), or nothing, None.

    `alone`: it holds only when nothing else used the account on that day. `reason` is for a person.
    """

    entry: Entry
    billed: int | None
    alone: bool
    reason: str


def read(text: str) -> list[Cost]:
    """The lines of an export that have an amount.

    The service's columns (start_time, amount_value, amount_currency, line_item) or just date and amount, in
    any order, with an optional model; comma, semicolon or tab between. Raises BadRequest naming the line.
    """
    rows = text.removeprefix("\ufeff").splitlines()
    if not rows:
        raise BadRequest(reason=_("the file of costs is empty"))
    separator = max(_SEPARATORS, key=rows[0].count)
    reader = csv.DictReader(rows, delimiter=separator)
    named = {str(name).strip().lower(): name for name in reader.fieldnames or ()}
    time, amount = _first(named, _TIMES), _first(named, _AMOUNTS)
    if time is None or amount is None:
        reason = _("the file of costs needs a column date and a column amount; it has {columns}")
        raise BadRequest(reason=reason.format(columns=", ".join(named)))
    currency, item = _first(named, _CURRENCIES), _first(named, _MODELS)
    found = []
    for number, row in enumerate(reader, start=2):
        if not (row[amount] or "").strip():
            continue  # a day without costs
        try:
            if currency and (row[currency] or "usd").strip().lower() != "usd":
                raise ValueError(row[currency])
            day, micro_dollars = _day(row[time] or ""), _micro_dollars(row[amount])
        except (ValueError, OverflowError, InvalidOperation, OSError):
            reason = _("line {number} of the file of costs is not a day and an amount in dollars")
            raise BadRequest(reason=reason.format(number=number)) from None
        found.append(Cost(day, micro_dollars, (row[item] or "").strip() if item else ""))
    return found


def judge(costs: Sequence[Cost], entries: Iterable[Entry], now: datetime) -> list[Verdict]:
    """A verdict on each unknown spending of `entries`, oldest first.

    `entries` are all of the ledger's of the days that the export covers and of the days around them; the
    sandbox's are left out. `now` is aware.
    """
    real = sorted((entry for entry in entries if not entry.spending.sandbox), key=lambda entry: entry.at)
    elsewhere = ""
    if not _agrees(costs, real):
        elsewhere = _("On no day do the costs hold what this ledger knows: the export is of something else.")
    verdicts = []
    for day in sorted({_utc_day(entry) for entry in real if entry.state == "unknown"}):
        of_day = [entry for entry in real if _utc_day(entry) == day]
        unknown = [entry for entry in of_day if entry.state == "unknown"]
        doubt = elsewhere or _doubt(costs, day, of_day, real, now)
        if doubt:
            verdicts += [Verdict(entry, None, False, doubt) for entry in unknown]
        else:
            verdicts += _of_one_day(costs, day, of_day, unknown)
    return verdicts


def _agrees(costs: Sequence[Cost], real: list[Entry]) -> bool:
    """Whether the export is of the account that this ledger's requests went to: one of another project, in
    which nothing was spent, would prove everything free."""
    known: dict[date, int] = defaultdict(int)
    stated: dict[date, int] = defaultdict(int)
    for entry in real:
        known[_utc_day(entry)] += entry.billed
    for cost in costs:
        stated[cost.day] += cost.amount
    return any(0 < amount <= stated[day] + _ROUNDING * len(real) for day, amount in known.items())


def _doubt(costs: Sequence[Cost], day: date, of_day: list[Entry], real: list[Entry], now: datetime) -> str:
    """Why the day's costs prove nothing, or empty."""
    if day not in {cost.day for cost in costs} and not (
        min((cost.day for cost in costs), default=day) < day < max((cost.day for cost in costs), default=day)
    ):
        return _("The export does not cover {day} (UTC).").format(day=day)
    if any(cost.amount < 0 for cost in costs if cost.day == day):
        return _("The costs of {day} (UTC) hold a credit.").format(day=day)
    ended = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    if now < ended + _SETTLING:
        return _("{day} (UTC) is too recent: the service adds costs for two days.").format(day=day)
    begun = ended - timedelta(days=1)
    edges = [
        entry for entry in real if any(edge - _LONGEST_REQUEST <= entry.at < edge for edge in (begun, ended))
    ]
    if any(entry.state != "released" for entry in edges):
        return _("A request near midnight (UTC) may be counted on either day.")
    if any(entry.state in ("reserved", "sent") for entry in of_day):
        return _("Another request of {day} (UTC) is not decided yet.").format(day=day)
    if any(not entry.spending.priced and entry.state != "released" for entry in of_day):
        return _("On {day} (UTC) a request without a known price was made.").format(day=day)
    if any(entry.state == "settled" and not entry.from_usage for entry in of_day):
        return _("A bill of {day} (UTC) is not the service's own.").format(day=day)
    return ""


def _of_one_day(costs: Sequence[Cost], day: date, of_day: list[Entry], unknown: list[Entry]) -> list[Verdict]:
    lines = [cost.amount for cost in costs if cost.day == day and _is_for(cost, of_day)]
    known = sum(entry.billed for entry in of_day)
    rounding = _ROUNDING * (len(of_day) + len(lines))
    total = sum(lines)
    left = total - known
    story = _("Costs of {day} (UTC): {total}; known of it {known}; left {left}.").format(
        day=day, total=price(total), known=price(known), left=price(left)
    )
    if left < -rounding:
        more = _("The costs are less than what is known: the export is of something else, or not complete.")
        return [Verdict(entry, None, False, f"{story} {more}") for entry in unknown]
    if left <= rounding:
        return [Verdict(entry, 0, False, story) for entry in unknown]
    return _billed_together(unknown, left, rounding, story)


def _is_for(cost: Cost, of_day: list[Entry]) -> bool:
    """Whether a line may be for one of the day's requests."""
    item = cost.item.lower()
    models = {entry.spending.model.lower() for entry in of_day}
    return not item or "image" in item or not all("image" in model for model in models)


def _billed_together(unknown: list[Entry], left: int, rounding: int, story: str) -> list[Verdict]:
    """Billed, if what is left is the price of all of them and of no smaller choice."""
    if len(unknown) <= _MOST_TOGETHER:
        choices = [
            chosen
            for count in range(len(unknown) + 1)
            for chosen in combinations(unknown, count)
            if sum(map(_least, chosen)) - rounding <= left
            and left <= sum(entry.spending.reserve for entry in chosen) + rounding
        ]
        if choices == [tuple(unknown)]:
            shares = _shares(left, [entry.spending.expected for entry in unknown])
            more = _("That is the price of all the day's unknown ones, and of no other choice.")
            return [
                Verdict(entry, share, True, f"{story} {more}")
                for entry, share in zip(unknown, shares, strict=True)
            ]
    more = _("More than one explanation fits, or none.")
    return [Verdict(entry, None, False, f"{story} {more}") for entry in unknown]


def _least(entry: Entry) -> int:
    chosen_by_model = "auto" in (entry.spending.quality, entry.spending.size)
    return entry.spending.expected // 20 if chosen_by_model else entry.spending.expected * 3 // 4


def _shares(whole: int, weights: list[int]) -> list[int]:
    """The whole in parts by weight, to the micro-dollar; the remainder goes to the last."""
    parts = [whole * weight // max(1, sum(weights)) for weight in weights]
    return [*parts[:-1], whole - sum(parts[:-1])]


def _utc_day(entry: Entry) -> date:
    return entry.at.astimezone(UTC).date()


def _first(named: dict[str, str], wanted: Sequence[str]) -> str | None:
    return next((named[name] for name in wanted if name in named), None)


def _day(text: str) -> date:
    """From seconds since 1970, or an ISO date or time; a time without a zone is UTC."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{9,11}", text):
        return datetime.fromtimestamp(int(text), UTC).date()
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo is None else instant.astimezone(UTC)).date()


def _micro_dollars(text: str) -> int:
    amount = Decimal(text.strip().removeprefix("$"))
    if not amount.is_finite() or abs(amount) > _LARGEST:
        raise ValueError(text)
    return int((amount * MICRO_DOLLARS_PER_DOLLAR).to_integral_value(ROUND_HALF_UP))
