# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/cost.md shows what the program prints: every command in it is run.

With the environment variable UPDATE_DOCS the page is written anew instead; look at what changed.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import scumble
from scumble.cli import main, planning
from scumble.cost import Bill
from scumble.ledger import Ledger, Spending
from scumble.settings import Home
from tests.unit.studio_cases import fill

PAGE = Path(scumble.__file__).parents[2] / "docs" / "cost.md"
BLOCK = re.compile(r"<!-- with: (\w+) -->\n```console\n(.*?)```\n", re.S)
SPENDING = Spending(
    "gimp", "edit", "gpt-image-2.5-flare", "medium", "992x672", 1, 60_000, 100_000, False, "harbour.xcf"
)
# What differs from one run to the next.
CHANGING = ((r"\b[0-9a-f]{8}\b", "8d7bf4bb"), (r"\d{4}-\d\d-\d\d", "2026-11-10"))


class ADay(date):
    @classmethod
    def today(cls) -> ADay:
        return cls(2026, 12, 24)


def at(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def nothing(home: Home) -> None:
    """A new ledger."""


def studio(home: Home) -> None:
    fill(home.ledger, time.time(), at, "/art/book/cover.xcf")


def unknown(home: Home) -> None:
    """One billed and one unknown a week ago, and the service's costs of the days around."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=7)
    for days, state in ((-1, "settled"), (0, "settled"), (0, "unknown")):
        with Ledger(home.ledger, at((noon + timedelta(days=days)).timestamp())) as ledger:
            id = ledger.reserve(SPENDING)
            ledger.sent(id)
            if state == "unknown":
                ledger.unknown(id, "timed-out")
            else:
                ledger.settle(id, Bill(60_045, (), True))
    amounts = {-1: "0.060045", 0: "0.121545", 1: "0.000000"}
    lines = [
        f"{(noon + timedelta(days=days)).date().isoformat()},{amount}" for days, amount in amounts.items()
    ]
    Path("costs.csv").write_text("\n".join(["date,amount", *lines]) + "\n")


def two(home: Home) -> None:
    for name, count in (("anna", 3), ("ben", 2)):
        for _ in range(count):
            with Ledger(Path(name) / "ledger.sqlite3") as ledger:
                id = ledger.reserve(SPENDING)
                ledger.sent(id)
                ledger.settle(id, Bill(60_045, (), True))


def shown(text: str) -> str:
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    return text


def run_block(block: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The commands of a block with what each prints now."""
    lines = []
    for command in (line for line in block.splitlines() if line.startswith("$ ")):
        program, *words = shlex.split(command[2:])
        assert program == "scumble"
        assert main(words) == 0
        lines += [command, capsys.readouterr().out.rstrip()]
    return shown("\n".join(lines)) + "\n"


BLOCKS = BLOCK.findall(PAGE.read_text("utf-8"))


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_the_page_shows_what_the_program_prints(
    home: Home,
    index: int,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Command by command, but for days and ids; on a day on which no model is about to end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planning, "date", ADay)
    beginning, block = BLOCKS[index]
    {"nothing": nothing, "studio": studio, "unknown": unknown, "two": two}[beginning](home)
    printed = run_block(block, capsys)
    if os.environ.get("UPDATE_DOCS"):
        text = PAGE.read_text("utf-8")
        PAGE.write_text(text.replace(f"```console\n{block}```", f"```console\n{printed}```"))
    else:
        assert printed == block


def test_the_page_has_its_commands() -> None:
    """Or nothing above would be tested."""
    assert len(BLOCKS) == 6 and all(block.startswith("$ scumble ") for _beginning, block in BLOCKS)


def test_what_the_page_names_is_there() -> None:
    """Its pictures; and each option that it names is one of the program's."""
    text = PAGE.read_text("utf-8")
    for picture in re.findall(r"\]\((images/[^)]+)\)", text):
        assert (PAGE.parent / picture).is_file()
    cli = "".join(path.read_text("utf-8") for path in (Path(scumble.__file__).parent / "cli").glob("*.py"))
    assert all(f'"{option}"' in cli for option in set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", text)))
