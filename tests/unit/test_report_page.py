# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of charts: it loads nothing, no name becomes code, and its numbers are the ledger's."""

from __future__ import annotations

import base64
import gettext
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from scumble import translation
from scumble.budgets import Change
from scumble.cli import report_charts
from scumble.cli.report_page import page
from scumble.ledger import Ledger, Spending
from scumble.money import decimal_usd, price
from scumble.reports import Accuracy, Group, Totals
from scumble.settings import Home
from tests.unit.ledger_cases import SPENDING
from tests.unit.studio_cases import HOSTILE, fill

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "formaction", "xlink:href"}


def at(seconds: float) -> Callable[[], float]:
    return lambda: seconds


@pytest.fixture
def studio(home: Home) -> Iterator[Ledger]:
    fill(home.ledger, NOW.timestamp(), at)
    with Ledger(home.ledger, at(NOW.timestamp()), UTC) as ledger:
        yield ledger


class Reader(HTMLParser):
    """The elements of a page, its texts, and what is in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data + "\n"

    def figures(self) -> dict[str, Any]:
        marked = [attributes for tag, attributes in self.elements if tag == "script"]
        return {
            str(attributes["data-chart"]): json.loads(script)
            for attributes, script in zip(marked, self.scripts, strict=True)
            if "data-chart" in attributes
        }


@pytest.fixture
def read(studio: Ledger) -> Reader:
    return Reader(page(studio, None, NOW))


def test_the_page_loads_nothing_from_anywhere(studio: Ledger) -> None:
    """No element names an address, no style imports one, and the page itself forbids every connection."""
    text = page(studio, None, NOW)
    found = Reader(text)
    for _tag, attributes in found.elements:
        assert not LOADING & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style and "@import" not in style and "http" not in style
    (policy,) = (
        str(attributes["content"])
        for tag, attributes in found.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert set(rules) == {"script-src", "style-src", "img-src"}
    assert all("http" not in allowed and "*" not in allowed for allowed in rules.values())
    assert text.index("http-equiv") < text.index("<style>")


def test_only_the_pages_own_two_scripts_may_run(read: Reader) -> None:
    """By their fingerprints: one that a name smuggled in would not."""
    running = [
        script
        for (tag, attributes), script in zip(
            (each for each in read.elements if each[0] == "script"), read.scripts, strict=True
        )
        if tag == "script" and attributes.get("type") != "application/json"
    ]
    policy = next(
        str(attributes["content"]) for _tag, attributes in read.elements if "http-equiv" in attributes
    )
    allowed = set(re.findall(r"'sha256-[^']+'", policy))
    digests = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in running
    }
    assert digests == allowed and len(running) == 2
    assert "unsafe-inline" not in policy[policy.index("script-src") :]


def test_no_name_becomes_an_element_or_markup(read: Reader) -> None:
    """Neither in the page nor in a chart, where plotly reads markup too."""
    assert HOSTILE in read.text
    assert sum(tag == "script" for tag, _attributes in read.elements) == 2 + len(read.figures())
    (names,) = (figure["layout"]["yaxis"]["ticktext"] for id, figure in read.figures().items() if "doc" in id)
    assert any("&lt;script&gt;" in name for name in names) and not any("<" in name for name in names)
    link = Group('<a href="https://evil.example">x</a>', Totals(5, 0, 0, 1))
    drawn = json.loads(str(report_charts.by_document([link])))
    assert "<" not in json.dumps(drawn["layout"]["yaxis"]["ticktext"])


def test_the_totals_are_the_ledgers(read: Reader, studio: Ledger) -> None:
    """Today, this month, in all, what may still be billed; what has no price is said beside it."""
    whole = studio.totals()
    for amount in (price(whole.billed), price(whole.reserved_or_unknown)):
        assert f"\n{amount}\n" in read.text
    assert "1 of unknown price" in read.text and "price unknown" in read.text
    assert "2 to be decided" in read.text
    assert "sandbox: $0.013, free" in read.text


def test_each_chart_shows_what_the_ledger_sums(read: Reader, studio: Ledger) -> None:
    """Amounts are decimal texts, exact to the micro-dollar; the budget's line begins when it was set."""
    figures = read.figures()
    assert set(figures) == {"chart-days", "chart-models", "chart-estimates", "chart-documents"}
    billed, held, limit = figures["chart-days"]["data"]
    days = {group.name: group.totals for group in studio.groups("day")}
    assert dict(zip(billed["x"], billed["y"], strict=True)) == {
        day: decimal_usd(days[day].billed) if day in days else "0.000000" for day in billed["x"]
    }
    assert len(billed["x"]) == 14 and set(days) <= set(billed["x"])
    assert any(amount != "0.000000" for amount in held["y"])
    assert limit["y"] == ["0.400000"] * 14
    assert sorted(trace["name"] for trace in figures["chart-models"]["data"]) == ["high", "low", "medium"]
    documents = [group for group in studio.groups("document") if group.name and group.totals.billed]
    assert figures["chart-documents"]["data"][0]["x"][::-1] == [
        decimal_usd(group.totals.billed) for group in documents
    ]
    estimated = {trace["name"]: trace["x"] for trace in figures["chart-estimates"]["data"]}["estimated"]
    assert estimated[::-1] == [decimal_usd(each.expected) for each in studio.accuracy() if each.bills]


def test_failures_are_told_in_words_with_what_they_cost(read: Reader) -> None:
    """And the unknown ones one by one, with the command that settles them."""
    for words in ("the account's rate limit", "refused by moderation", "no answer in time"):
        assert words in read.text
    assert "scumble spend settle ID AMOUNT" in read.text


def test_from_a_day_on_only_what_was_spent_since_counts(studio: Ledger) -> None:
    """The page says so."""
    since = NOW - timedelta(days=2)
    found = Reader(page(studio, since, NOW))
    assert f"From {since.astimezone().date().isoformat()} on." in found.text
    assert len(found.figures()["chart-days"]["data"][0]["x"]) == 3
    assert "Estimates against bills, all there are" in found.text


def test_a_ledger_without_anything_is_a_page_without_charts(home: Home) -> None:
    """It opens all the same."""
    with Ledger(home.ledger) as ledger:
        found = Reader(page(ledger, None, NOW))
    assert found.figures() == {} and "Nothing has failed." in found.text


def test_what_has_no_price_is_nowhere_called_free(home: Home) -> None:
    """Neither as a sum nor as what may still be billed, and a chart of nothing is not drawn."""
    with Ledger(home.ledger) as ledger:
        unpriced = Spending("cli", "edit", "relays-own", "medium", "1024x1024", 1, 0, 0, False, priced=False)
        for _each in range(2):
            ledger.sent(id := ledger.reserve(unpriced))
        ledger.unknown(id, "timed-out")
        found = Reader(page(ledger, None, NOW))
    assert found.figures() == {}
    cards = found.text[: found.text.index("relays-own")]
    assert cards.count("price unknown") == 4 and "$0" not in cards


def test_a_projects_budget_has_its_card(home: Home) -> None:
    """Beside those of the day and the month."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("project", 2_000_000, "temple")
        assert "The budget for the project temple" in Reader(page(ledger, None, NOW)).text


def test_the_page_says_which_language_it_is_in(studio: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """For screen readers and line breaks; a document's Korean name is kept."""
    assert '<html lang="en">' in page(studio, None, NOW)
    korean = gettext.NullTranslations()
    korean._info = {"language": "ko_KR"}  # type: ignore[attr-defined]
    monkeypatch.setattr(translation, "_current", korean)
    studio.reserve(replace(SPENDING, document="/그림/사원.xcf"))
    text = page(studio, None, NOW)
    assert '<html lang="ko-KR">' in text and '<meta charset="utf-8">' in text and "그림/사원.xcf" in text


def test_a_budget_that_was_lifted_ends_in_the_chart() -> None:
    """Days before it was set and after it was cleared have no line."""
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    changes = [
        Change(noon + timedelta(days=1), "day", "", 500_000),
        Change(noon + timedelta(days=1), "month", "", 9),
        Change(noon + timedelta(days=3), "day", "", None),
    ]
    days = [Group(f"2026-11-{day}", Totals(day, 0, 0, 1)) for day in (24, 20)]
    drawn = json.loads(str(report_charts.by_day(days, changes)))
    assert drawn["data"][-1]["y"] == [None, "0.500000", "0.500000", None, None]


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ("/home/a/art/temple/courtyard.xcf", "temple/courtyard.xcf"),
        ("C:\\art\\temple\\stone.blend", "temple/stone.blend"),
        ("harbour.xcf", "harbour.xcf"),
        ("", ""),
        ("x" * 60, "…" + "x" * 43),
    ],
)
def test_a_document_is_told_by_its_file_and_folder(document: str, shown: str) -> None:
    """A page may be shown to others, who need not see where its owner's folders lie."""
    assert report_charts.short_name(document) == shown


def test_two_documents_of_one_name_are_two_bars() -> None:
    """And one that looks like a number stays a name."""
    groups = [Group(name, Totals(5, 0, 0, 1)) for name in ("/a/b/2026", "/c/b/2026")]
    drawn = json.loads(str(report_charts.by_document(groups)))
    assert drawn["data"][0]["y"] == [0, 1]
    assert drawn["layout"]["yaxis"]["ticktext"] == ["b/2026 ", "b/2026 "]


def test_only_estimates_that_were_billed_are_compared() -> None:
    """A bill that the service did not state says nothing of an estimate."""
    assert report_charts.estimates([Accuracy("m", "low", 0, 0, 0, 0, 0, 3)]) is None
