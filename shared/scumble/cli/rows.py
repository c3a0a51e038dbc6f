# SPDX-License-Identifier: GPL-3.0-or-later
"""One row of a list while `scumble batch` works on it, and the table of what became of all."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..cost import Estimate
from ..errors import Exit, FolderUnusable, ScumbleError
from ..money import decimal_usd
from ..tables import Row
from .compositing import write

State = Literal["to-do", "done", "waiting", "unknown", "not-done"]

TABLE = "scumble-results.csv"
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass
class Doing:
    """A row, its mark in the journal, and how far it has come; money in micro-dollars.

    `resent`: a spending of it before this one is of unknown outcome. `reason` is the ledger's code for
    how its last spending ended.
    """

    row: Row
    mark: str
    state: State = "to-do"
    id: str = ""
    files: list[Path] = field(default_factory=list)
    estimate: Estimate | None = None
    billed: int = 0
    would_be: int = 0
    priced: bool = True
    error: ScumbleError | None = None
    resent: bool = False
    reason: str = ""

    @property
    def why(self) -> str:
        """What the row's error says, without what it means for the money; else the ledger's code for it."""
        if self.error is None:
            return self.reason
        return f"{self.error.what_happened} {self.error.what_to_do}".strip()

    @property
    def exit_code(self) -> Exit:
        return Exit.FAILED if self.error is None else self.error.exit_code


def report(doing: list[Doing]) -> dict[str, object]:
    """The rows as a document, and their sums."""
    return {
        "count": len(doing),
        "done": sum(each.state == "done" for each in doing),
        "waiting": sum(each.state == "waiting" for each in doing),
        "unknown": sum(each.state == "unknown" for each in doing),
        "billed_usd": decimal_usd(sum(each.billed for each in doing)),
        "would_be_usd": decimal_usd(sum(each.billed + each.would_be for each in doing)),
        "rows": [_document(each) for each in doing],
    }


def write_table(doing: list[Doing], folder: Path) -> Path:
    """Every row with what became of it, as CSV that a spreadsheet opens. Raises FolderUnusable."""
    columns = (
        *("line", "name", "state", "files", "id", "model", "quality", "size", "n"),
        *("estimate_usd", "billed_usd", "would_be_usd", "project", "error", "prompt"),
    )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for each in doing:
        request = each.row.request
        document = _document(each)
        writer.writerow(
            _harmless(cell)
            for cell in (
                each.row.line,
                each.row.name,
                each.state,
                "; ".join(file.name for file in each.files),
                each.id,
                request.model,
                request.quality,
                request.size_text,
                request.n,
                document["estimate_usd"] or "",
                document["billed_usd"] or "",
                document["would_be_usd"] or "",
                each.row.project,
                each.error.code if each.error else "",
                request.prompt,
            )
        )
    path = folder / TABLE
    try:
        # The mark by which Excel knows UTF-8.
        write(path, text.getvalue().encode("utf-8-sig", "replace"))
    except OSError as error:
        raise FolderUnusable(path=folder, reason=error.strerror or str(error)) from None
    return path


def _harmless(cell: object) -> str:
    """As text; what a spreadsheet would run as a formula gets an apostrophe before it."""
    text = str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _document(each: Doing) -> dict[str, object]:
    settled = each.state == "done" and each.priced
    estimated = each.estimate is not None and each.estimate.priced
    return {
        "line": each.row.line,
        "name": each.row.name,
        "state": each.state,
        "id": each.id or None,
        "files": [str(file) for file in each.files],
        "estimate_usd": decimal_usd(each.estimate.cost.expected) if each.estimate and estimated else None,
        "billed_usd": decimal_usd(each.billed) if settled else None,
        "would_be_usd": decimal_usd(each.billed + each.would_be) if settled else None,
        "error": _error(each),
    }


def _error(each: Doing) -> dict[str, str] | None:
    if each.state == "done" and each.error is None:
        return None
    code = each.error.code if each.error else each.reason
    return {"code": code, "message": each.why} if code else None
