# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts of the spending page, as plotly's figures in JSON.

Money stays whole micro-dollars up to here and enters a chart as a decimal string, which only the browser
turns into a position. Names are escaped, because plotly reads markup in every text.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from ..budgets import Change
from ..errors import MissingPart
from ..money import decimal_usd, price
from ..periods import in_microseconds, local_date
from ..reports import Accuracy, Group
from ..translation import _

_LONGEST_NAME = 44
_MOST_DOCUMENTS = 12
_MOST_DAYS = 400
_BILLED, _OPEN, _LIMIT = "#3b82c4", "#e0a030", "#d0453e"
_QUALITIES = ("#7fb3d5", "#3b82c4", "#7a6fc0", "#c06fa8", "#d0453e", "#8a8a8a")
_DAY_OF_AXIS = 86_400_000  # plotly counts a time axis in milliseconds
_ROW_PIXELS, _EDGE_PIXELS, _CHART_PIXELS = 34, 110, 340


def library() -> str:
    """The chart library's own code, to go into the page. Raises MissingPart."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise MissingPart(part="plotly", command="pip install 'scumble[report]'") from None
    return str(get_plotlyjs())


def by_day(days: Sequence[Group], changes: Sequence[Change]) -> str | None:
    """What each day cost, beside the limit that held at its end; `days` newest first, as `groups` gives."""
    if not any(group.totals.billed or group.totals.reserved_or_unknown for group in days):
        return None
    sums = {date.fromisoformat(group.name): group.totals for group in days}
    last = max(sums)
    first = max(min(sums), last - timedelta(days=_MOST_DAYS - 1))
    axis = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    billed = [sums[day].billed if day in sums else 0 for day in axis]
    held = [sums[day].reserved_or_unknown if day in sums else 0 for day in axis]
    names = [day.isoformat() for day in axis]
    traces = [
        _bars(names, billed, _("billed"), _BILLED),
        *([_bars(names, held, _("may be billed"), _OPEN)] if any(held) else []),
    ]
    limits = [_limit_on(day, changes) for day in axis]
    if any(limit is not None for limit in limits):
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers" if len(axis) == 1 else "lines",
                "name": _("budget of a day"), "x": names,
                "y": [None if limit is None else decimal_usd(limit) for limit in limits],
                "text": ["" if limit is None else price(limit) for limit in limits],
                "hovertemplate": "%{x}: %{text}<extra>%{fullData.name}</extra>",
                "line": {"color": _LIMIT, "dash": "dash", "shape": "hvh"},
            }
        )  # fmt: skip
    time_axis: dict[str, Any] = {"type": "date", "tickformat": "%Y-%m-%d"}
    if len(axis) <= 10:
        time_axis["dtick"] = _DAY_OF_AXIS
    return _figure(traces, {"xaxis": time_axis, "yaxis": _MONEY, "barmode": "stack", "height": _CHART_PIXELS})


def by_quality(qualities: Sequence[Group]) -> str | None:
    """One bar for each model, in parts for its qualities; a group's name is "model quality"."""
    spent: dict[str, dict[str, int]] = {}
    for group in qualities:
        model, _space, quality = group.name.rpartition(" ")
        if group.totals.billed:
            spent.setdefault(model, {})[quality] = group.totals.billed
    models = sorted(spent, key=lambda model: sum(spent[model].values()))
    names = list(dict.fromkeys(quality for model in reversed(models) for quality in spent[model]))
    traces = [
        _lying_bars(
            [spent[model].get(quality, 0) for model in models], quality, _QUALITIES[index % len(_QUALITIES)]
        )
        for index, quality in enumerate(names)
    ]
    return _lying(traces, models, "stack") if models else None


def by_document(documents: Sequence[Group]) -> str | None:
    """The dearest documents; `documents` dearest first."""
    dear = [group for group in documents if group.name and group.totals.billed][:_MOST_DOCUMENTS][::-1]
    bars = _lying_bars([group.totals.billed for group in dear], _("billed"), _BILLED)
    return _lying([bars], [short_name(group.name) for group in dear], "stack") if dear else None


def estimates(measured: Sequence[Accuracy]) -> str | None:
    """What was estimated beside what was billed, for each model and quality."""
    kept = [each for each in measured if each.bills][::-1]
    traces = [
        _lying_bars([each.billed for each in kept], _("billed"), _BILLED),
        _lying_bars([each.expected for each in kept], _("estimated"), _OPEN),
    ]
    names = [f"{each.model} {each.quality}" for each in kept]
    return _lying(traces, names, "group") if kept else None


def short_name(document: str) -> str:
    """A document by its file and the folder it is in."""
    parts = document.replace("\\", "/").rsplit("/", 2)
    name = "/".join(part for part in parts[-2:] if part)
    return name if len(name) <= _LONGEST_NAME else "…" + name[-_LONGEST_NAME + 1 :]


_MONEY = {"type": "linear", "tickprefix": "$", "rangemode": "tozero", "automargin": True}


def _limit_on(day: date, changes: Sequence[Change]) -> int | None:
    """The budget of a day as it was at its end."""
    limit = None
    for change in changes:
        if change.scope == "day" and local_date(in_microseconds(change.at)) <= day:
            limit = change.limit
    return limit


def _bars(names: list[str], amounts: list[int], title: str, colour: str) -> dict[str, Any]:
    return {
        "type": "bar", "name": title, "x": names, "y": [decimal_usd(amount) for amount in amounts],
        "hovertext": [price(amount) for amount in amounts], "marker": {"color": colour},
        "hovertemplate": "%{x}: %{hovertext}<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def _lying_bars(amounts: list[int], title: str, colour: str) -> dict[str, Any]:
    return {
        "type": "bar", "orientation": "h", "name": _escaped(title), "y": list(range(len(amounts))),
        "x": [decimal_usd(amount) for amount in amounts], "marker": {"color": colour},
        "text": [price(amount) if amount else "" for amount in amounts], "textposition": "auto",
        "hovertemplate": "%{text}<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def _lying(traces: list[dict[str, Any]], names: list[str], barmode: str) -> str:
    """By their places and not by their names: two of the same name are two bars, and none is a number."""
    named = {
        "tickmode": "array", "tickvals": list(range(len(names))), "automargin": True,
        "ticktext": [_escaped(name) + " " for name in names],
    }  # fmt: skip
    each = _ROW_PIXELS * (2 if barmode == "group" else 1)
    height = _EDGE_PIXELS + each * len(names)
    return _figure(traces, {"xaxis": _MONEY, "yaxis": named, "barmode": barmode, "height": height})


def _figure(traces: list[dict[str, Any]], layout: dict[str, Any]) -> str:
    """Checked by plotly's own description of what a figure may have."""
    from plotly.graph_objects import Figure

    common = {
        "template": "none", "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 60, "r": 20, "t": 20, "b": 50}, "hovermode": "closest", "showlegend": True,
        "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "traceorder": "normal"},
    }  # fmt: skip
    return str(Figure(data=traces, layout={**common, **layout}).to_json())


def _escaped(name: str) -> str:
    return html.escape(name, quote=False)
