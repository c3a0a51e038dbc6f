# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/library.md: its example runs as it stands, and its table is the tree of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scumble import png
from scumble.errors import Billing, ScumbleError
from scumble.settings import Home
from scumble.shapes import Size
from tests import child

PAGE = (Path(__file__).parents[2] / "docs" / "library.md").read_text()
MONEY = {Billing.NOTHING: "nothing was billed", Billing.MAYBE: "may be billed", Billing.BILLED: "billed"}


def _rows(kind: type[ScumbleError], depth: int = 0) -> Iterator[str]:
    said = " ".join(part for part in (kind.sentence, kind.remedy) if part).replace("|", "\\|")
    indent = "\u2003" * depth
    yield f"| {indent}{kind.__name__} | `{kind.code}` | {MONEY[kind.billing]} | {kind.exit_code:d} | {said} |"
    for child_kind in sorted(kind.__subclasses__(), key=lambda each: each.__name__):
        if child_kind.__module__ == "scumble.errors":
            yield from _rows(child_kind, depth + 1)


def test_the_table_is_the_tree_of_errors() -> None:
    """In full and in order; when it is not, this prints what to put there."""
    expected = "\n".join(
        ["| error | code | money | exit | what it says |", "|---|---|---|---|---|", *_rows(ScumbleError)]
    )
    found = re.search(r"<!-- errors -->\n(.*?)\n?<!-- /errors -->", PAGE, re.DOTALL)
    assert found is not None
    assert found[1] == expected, expected


def test_the_example_makes_a_picture(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the sandbox, in at most 20 lines of code."""
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    assert len([line for line in found[1].splitlines() if line]) <= 20
    monkeypatch.chdir(tmp_path)
    said = child.run(found[1]).splitlines()
    assert re.fullmatch(r"\d+ micro-dollars, reserving \d+", said[0])
    assert re.fullmatch(r"billed \d+ micro-dollars; kept in .+", said[1])
    assert str(home.results) in said[1]
    assert png.picture_size((tmp_path / "door-1.png").read_bytes()) == ("image/png", Size(1024, 1024))
