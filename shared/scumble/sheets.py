# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of a list, by line and column, from CSV as spreadsheets write it or from JSON lines."""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import BadTable
from .translation import _

COLUMNS = (
    "prompt",
    "model",
    "quality",
    "size",
    "n",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "complexity",
    "images",
    "mask",
    "markup",
    "project",
    "name",
)
_ALSO_CALLED = {
    "format": "output_format",
    "compression": "output_compression",
    "image": "images",
    "reference": "images",
    "references": "images",
    "file": "name",
    "filename": "name",
    "tag": "project",
}
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""What the service or a person may call something. Anything else in a cell for a word may be a prompt that
slipped into the wrong column, and is not repeated in a message."""

_WORDS_OF_A_NAME = 3
_BYTES_MAX = 256 * 1024 * 1024


def records(path: Path) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    """Line and cells of each record, or what is wrong with it. Raises BadTable for what is no list."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".tsv", ".jsonl", ".ndjson"):
        raise BadTable(name=path.name, problems=_("its name ends neither in .csv nor in .jsonl"))
    text = _text(path)
    yield from _csv_records(path, text) if ending in (".csv", ".tsv") else _json_records(text)


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadTable(name=path.name, problems=_("it is not a file"))
        if path.stat().st_size > _BYTES_MAX:
            limit = _BYTES_MAX // 1024 // 1024
            raise BadTable(name=path.name, problems=_("it is longer than {limit} MiB").format(limit=limit))
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        reason = _('it is not UTF-8 text; in Excel, save it as "CSV UTF-8"')
        raise BadTable(name=path.name, problems=reason) from None
    except OSError as error:
        raise BadTable(name=path.name, problems=error.strerror or type(error).__name__) from None


def _csv_records(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    lines_before = 0
    marked = re.match(r"sep=([,;\t])\r?\n", text, re.IGNORECASE)
    if marked:
        # Excel's own way to say what separates the cells.
        text, lines_before = text[marked.end() :], 1
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=marked[1] if marked else _separator(text), strict=True
    )
    columns: list[str] | None = None
    last = 0
    while True:
        line = last + 1 + lines_before
        try:
            cells = next(reader, None)
        except csv.Error:
            yield line, _("its quotation marks or its length are not CSV's")
            return
        last = reader.line_num
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = _columns(path, cells)
        elif len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            yield line, _("it has more cells than the first line")
        else:
            yield line, {name: cell for name, cell in zip(columns, cells, strict=False) if cell.strip()}


def _separator(text: str) -> str:
    """What separates the cells of the first line; Excel writes semicolons where commas are for decimals."""
    first = text.lstrip("\r\n").partition("\n")[0]
    unquoted = re.sub(r'"[^"]*"', "", first)
    return max(",;\t", key=unquoted.count)


def _columns(path: Path, cells: list[str]) -> list[str]:
    columns = [_column(cell) for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    problems = [problem for column in columns if (problem := _column_problem(column))]
    if not problems and len(set(columns)) < len(columns):
        problems = [_("two columns have the same name")]
    if problems:
        raise BadTable(name=path.name, problems="\n".join(problems))
    return columns


def _column(text: str) -> str:
    name = re.sub(r"[\s-]+", "_", text.strip().lower())
    return _ALSO_CALLED.get(name, name)


def _column_problem(column: str) -> str:
    """What is wrong with a column's name; an empty text when nothing is."""
    if column in COLUMNS:
        return ""
    near = difflib.get_close_matches(column, (*COLUMNS, *_ALSO_CALLED), 1)
    # Without a line of names the first prompt stands in its place.
    is_name = WORD.fullmatch(column) and column.count("_") < _WORDS_OF_A_NAME
    shown = column if is_name else _("(not shown)")
    known = ", ".join(COLUMNS)
    if near:
        told = _("there is no column {column}; the nearest is {near}, and all are: {known}")
        return told.format(column=shown, near=near[0], known=known)
    return _("there is no column {column}; there are: {known}").format(column=shown, known=known)


def _json_records(text: str) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    for line, each in enumerate(text.split("\n"), start=1):
        if not each.strip():
            continue
        try:
            document = json.loads(each)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            yield line, _("it is not one JSON object")
            continue
        cells = {_column(name): value for name, value in document.items() if value not in (None, "")}
        problems = [problem for column in cells if (problem := _column_problem(column))]
        yield line, problems[0] if problems else cells
