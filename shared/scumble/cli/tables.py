# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables: with colours and bars on a terminal where rich is installed, plain columns everywhere else."""

from __future__ import annotations

import importlib.util
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress_bar import ProgressBar

_BAR_COLUMNS = 24
_BETWEEN_COLUMNS = 3


@dataclass(frozen=True)
class Bar:
    """How full something is, in whole numbers of any unit. `warns`: it is a budget, and fullness matters."""

    filled: int
    whole: int
    warns: bool = False


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    bars: Sequence[Bar | None] = (),
    numbers: Iterable[int] = (),
) -> None:
    """`numbers` are the columns whose cells end at the right on a terminal; `bars`, one for each row, are
    drawn there only."""
    cells = [[_without_controls(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and importlib.util.find_spec("rich"):
        _print_rich(head, cells, bars, frozenset(numbers))
    else:
        _print_plain(head, cells)


def _print_rich(
    head: Sequence[str], rows: list[list[str]], bars: Sequence[Bar | None], numbers: frozenset[int]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    if bars and _width(head, rows) + _BAR_COLUMNS > console.width:
        bars = ()  # the names and sums need the room
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(head):
        table.add_column(Text(name), justify="right" if index in numbers else "left", overflow="fold")
    if bars:
        table.add_column("")
    for index, row in enumerate(rows):
        # Text, because a string would be read as markup, and names come from anywhere.
        cells: list[Text | ProgressBar] = [Text(cell) for cell in row]
        if bars:
            bar = bars[index]
            cells.append(Text() if bar is None else _drawn(bar))
        table.add_row(*cells)
    console.print(table)


def _width(head: Sequence[str], rows: list[list[str]]) -> int:
    """Columns of a table that breaks no cell, with the room between them and before the bars."""
    widest = [max(map(_columns, (name, *cells))) for name, *cells in zip(head, *rows, strict=True)]
    return sum(widest) + _BETWEEN_COLUMNS * len(widest)


def _drawn(bar: Bar) -> ProgressBar:
    from rich.progress_bar import ProgressBar

    colour = "cyan"
    if bar.warns:
        used = bar.filled * 100
        colour = "red" if used >= bar.whole * 100 else "yellow" if used >= bar.whole * 80 else "green"
    return ProgressBar(
        total=max(1, bar.whole),
        completed=min(bar.filled, bar.whole) if bar.whole else 1,
        width=_BAR_COLUMNS,
        complete_style=colour,
        finished_style=colour,
    )


def _print_plain(head: Sequence[str], rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell on a terminal, separated by two spaces."""
    table = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(_columns(row[column]) for row in table) for column in range(len(head))]
    for row in table:
        cells = [cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def _without_controls(text: str) -> str:
    """A name from anywhere must not steer the terminal."""
    return "".join("?" if unicodedata.category(character) == "Cc" else character for character in text)


def _columns(text: str) -> int:
    """Columns of a terminal; Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
