# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about spending as one page of HTML with charts, which loads nothing from anywhere.

The page forbids itself every connection and every script but its own two (a Content-Security-Policy), so
that a document's name, whatever it holds, stays text.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .. import __version__
from ..ledger import Entry, Ledger
from ..money import price
from ..periods import day_start, in_microseconds, moment, month_start
from ..reports import Group, Topic, Totals
from ..translation import _, language
from . import report_charts
from .spend_documents import percent_text, reason_text, sum_text, topic_text

_MOST_ROWS = 30

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5c6670; --line: #d8dde2; --paper: #ffffff;
  --card: #f4f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebee; --soft: #a2acb6; --line: #3a424a; --paper: #16191d; --card: #20252b; }
}
body { background: var(--paper); color: var(--ink); margin: 2rem auto; max-width: 62rem; padding: 0 1.2rem;
  font: 16px/1.5 system-ui, "Noto Sans CJK KR", "Malgun Gothic", "Apple SD Gothic Neo", sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .4rem; }
p, footer { color: var(--soft); margin: .2rem 0 1rem; }
.cards { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.card b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: .88rem; }
meter { width: 100%; height: .7rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left;
  overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
.money { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.chart { overflow: hidden; }
@media print { .chart { break-inside: avoid; } }
"""

_SCRIPT = """
const dark = matchMedia("(prefers-color-scheme: dark)");
function colours() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
  return {"font.color": ink, "xaxis.gridcolor": line, "yaxis.gridcolor": line, "xaxis.zerolinecolor": line,
    "yaxis.zerolinecolor": line, "xaxis.linecolor": line, "yaxis.linecolor": line};
}
const charts = [];
for (const data of document.querySelectorAll("script[data-chart]")) {
  const figure = JSON.parse(data.textContent), place = document.getElementById(data.dataset.chart);
  charts.push(Plotly.newPlot(place, figure.data, figure.layout, {displayModeBar: false, responsive: true})
    .then(() => Plotly.relayout(place, colours())));
}
dark.addEventListener("change", () => {
  for (const place of document.querySelectorAll(".chart")) Plotly.relayout(place, colours());
});
Promise.all(charts).then(() => { document.documentElement.dataset.drawn = charts.length; });
"""


def write(ledger: Ledger, file: Path, since: datetime | None) -> None:
    """Write the page. Raises MissingPart without the chart library, OSError."""
    text = page(ledger, since, datetime.now().astimezone())
    file.write_text(text, "utf-8")


def page(ledger: Ledger, since: datetime | None, now: datetime) -> str:
    """The whole page; from `since` on, with today and this month as of `now` (both aware)."""
    library = report_charts.library().replace("</script", "<\\/script")
    title = _("Scumble: spending")
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:;"
        f" script-src {_fingerprint(library)} {_fingerprint(_SCRIPT)}"
    )
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="{_text(language())}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_text(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        f"<p>{_text(_period(since, now))}</p>",
        _cards(ledger, since, now),
        _rooms(ledger),
        *_sections(ledger, since),
        f"<footer><p>Scumble {_text(__version__)}</p></footer>",
        f"<script>{library}</script>",
        f"<script>{_SCRIPT}</script>",
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part)


def _sections(ledger: Ledger, since: datetime | None) -> list[str]:
    qualities, documents = ledger.groups("quality", since), ledger.groups("document", since)
    measured = [each for each in ledger.accuracy() if each.bills]
    compared = _("Estimates against bills")
    if since is not None:
        compared = _("Estimates against bills, all there are")
    charts = (
        ("days", _("Each day"), report_charts.by_day(ledger.groups("day", since), ledger.budget_changes())),
        ("models", _("By model and quality"), report_charts.by_quality(qualities)),
        ("estimates", compared, report_charts.estimates(measured)),
        ("documents", _("Most expensive documents"), report_charts.by_document(documents)),
    )
    tables = {
        "models": _groups_table(_("model and quality"), qualities),
        "estimates": _table(
            (_("model"), _("quality"), _("bills"), _("estimated"), _("billed"), _("difference")),
            [
                (
                    each.model,
                    each.quality,
                    str(each.bills),
                    price(each.expected),
                    price(each.billed),
                    percent_text(each.billed - each.expected, each.expected),
                )
                for each in measured
            ],
            text_columns=2,
        ),
        "documents": _groups_table(
            _("document"),
            [Group(report_charts.short_name(group.name), group.totals) for group in documents],
        ),
    }
    sections = [
        _section(title, chart, id, tables.get(id, ""))
        for id, title, chart in charts
        if chart or tables.get(id)
    ]
    further: tuple[tuple[Topic, str], ...] = (("project", _("By project")), ("host", _("By host")))
    for topic, title in further:
        groups = ledger.groups(topic, since)
        if any(group.name and group.totals.count for group in groups):
            sections.append(_section(title, None, "", _groups_table(topic_text(topic), groups)))
    return [*sections, _failures(ledger, since), _unknown(ledger)]


def _section(title: str, chart: str | None, id: str, table: str) -> str:
    drawn = ""
    if chart:
        # A less-than sign could end the element that carries the data.
        data = chart.replace("<", "\\u003c")
        drawn = (
            f'<div class="chart" id="chart-{id}"></div>'
            f'<script type="application/json" data-chart="chart-{id}">{data}</script>'
        )
    return f"<section><h2>{_text(title)}</h2>{drawn}{table}</section>"


def _period(since: datetime | None, now: datetime) -> str:
    text = _("As of {now}.").format(now=f"{now:%Y-%m-%d %H:%M}")
    if since is not None:
        text += " " + _("From {day} on.").format(day=since.astimezone().date().isoformat())
    return text


def _cards(ledger: Ledger, since: datetime | None, now: datetime) -> str:
    at = in_microseconds(now)
    whole = ledger.totals(since)
    unknown = ledger.unknown_entries()
    still_open = price(whole.reserved_or_unknown)
    unpriced = sum(not entry.spending.priced for entry in unknown)
    if unpriced:
        told = _("{price} and {count} of unknown price")
        still_open = told.format(price=still_open, count=unpriced)
    if unpriced and not whole.reserved_or_unknown:
        still_open = _("price unknown")
    cards = [
        _card(_("Today"), ledger.totals(moment(day_start(at)))),
        _card(_("This month"), ledger.totals(moment(month_start(at)))),
        _card(_("In all") if since is None else _("Since then"), whole),
        _plain_card(
            _("May still be billed"), still_open, _("{count} to be decided").format(count=len(unknown))
        ),
    ]
    return f'<div class="cards">{"".join(cards)}</div>'


def _card(title: str, totals: Totals) -> str:
    below = _("{count} requests").format(count=totals.count)
    if totals.unpriced:
        below += ", " + _("{count} of unknown price").format(count=totals.unpriced)
    if totals.would_bill:
        below += ", " + _("sandbox: {amount}, free").format(amount=price(totals.would_bill))
    amount = sum_text(totals.billed, totals) if totals.unpriced == totals.count else price(totals.billed)
    return _plain_card(title, amount, below)


def _plain_card(title: str, amount: str, below: str) -> str:
    return f'<div class="card">{_text(title)}<b>{_text(amount)}</b><span>{_text(below)}</span></div>'


def _rooms(ledger: Ledger) -> str:
    rooms = ledger.standing_rooms()
    cards = [
        f'<div class="card">{_text(room.title)}<meter min="0" max="{max(1, room.budget.limit)}"'
        f' high="{room.budget.limit * 4 // 5}" value="{room.used}"></meter>'
        f"<span>{_text(_('{used} of {limit}').format(used=price(room.used), limit=price(room.budget.limit)))}"
        "</span></div>"
        for room in rooms
    ]
    return f'<h2>{_text(_("Budgets"))}</h2><div class="cards">{"".join(cards)}</div>' if cards else ""


def _groups_table(title: str, groups: Sequence[Group]) -> str:
    rows = [
        (
            group.name.strip() or _("(none)"),
            sum_text(group.totals.billed, group.totals),
            price(group.totals.reserved_or_unknown),
            str(group.totals.count),
        )
        for group in groups
        if group.totals.billed or group.totals.reserved_or_unknown or group.totals.unpriced
    ][:_MOST_ROWS]
    return _table((title, _("billed"), _("may be billed"), _("count")), rows)


def _failures(ledger: Ledger, since: datetime | None) -> str:
    rows = [
        (reason_text(each.reason), str(each.count), str(each.free), price(each.billed), price(each.reserved))
        for each in ledger.failures(since)
    ]
    head = (_("reason"), _("count"), _("not billed"), _("billed after all"), _("may be billed"))
    body = _table(head, rows) or f"<p>{_text(_('Nothing has failed.'))}</p>"
    return f"<section><h2>{_text(_('Failures and what they cost'))}</h2>{body}</section>"


def _unknown(ledger: Ledger) -> str:
    rows = [_open_row(entry) for entry in (*ledger.unknown_entries(), *ledger.elsewhere())]
    if not rows:
        return ""
    head = (_("when"), _("model"), _("document"), _("id"), _("about"), _("at most"))
    told = _(
        "These may have been billed. When you know better: scumble spend settle ID AMOUNT, or ID nothing."
    )
    title = _("Unknown")
    return (
        f"<section><h2>{_text(title)}</h2><p>{_text(told)}</p>{_table(head, rows, text_columns=4)}</section>"
    )


def _open_row(entry: Entry) -> tuple[str, ...]:
    asked = entry.spending
    amounts = (price(asked.expected), price(asked.reserve)) if asked.priced else (_("price unknown"), "")
    when = f"{entry.at.astimezone():%Y-%m-%d %H:%M}"
    return (when, asked.model, report_charts.short_name(asked.document), entry.id[:8], *amounts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """Empty without rows; the columns after the first `text_columns` are numbers."""
    if not rows:
        return ""
    marks = ["" if index < text_columns else ' class="money"' for index in range(len(head))]
    top = "".join(f"<th{mark}>{_text(name)}</th>" for mark, name in zip(marks, head, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{_text(cell)}</td>" for mark, cell in zip(marks, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _fingerprint(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _text(text: str) -> str:
    return html.escape(text)
