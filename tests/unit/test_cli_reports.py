# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble spend` beyond the usual: unknown prices, other machines, the service's costs, damage."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import scumble
from scumble import ledger as ledger_module
from scumble.cli import main, spend_documents
from scumble.cost import Bill
from scumble.errors import Billing, ScumbleError
from scumble.ledger import Ledger, Spending
from scumble.process import this_process
from scumble.settings import Home
from tests.unit.cli_cases import run
from tests.unit.studio_cases import HOSTILE, fill

SPENDING = Spending("gimp", "edit", "an-image-model", "medium", "992x672", 1, 60_000, 100_000, False)
UNPRICED = replace(SPENDING, priced=False, expected=0, reserve=0)


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def at(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def spent(path: Path, state: str = "settled", billed: int = 60_000, when: float = 0, **change: object) -> str:
    with Ledger(path, at(when or time.time())) as ledger:
        id = ledger.reserve(replace(SPENDING, **change), over_budget=True)
        ledger.sent(id)
        if state == "settled":
            ledger.settle(id, Bill(billed, (), True))
        elif state == "unknown":
            ledger.unknown(id, "timed-out")
    return id


# What is shown


def test_what_has_no_price_is_never_shown_as_free(capsys: pytest.CaptureFixture[str], home: Home) -> None:
    """Neither in a list nor in a sum, as words or as a document."""
    with Ledger(home.ledger) as ledger:
        id = ledger.reserve(UNPRICED)
        ledger.sent(id)
        ledger.settle(id, Bill(0, (), False))
    text = said(capsys, "spend")
    assert "price unknown" in text and "Today: $0 billed, and 1 of unknown price" in text
    assert "price unknown" in said(capsys, "spend", "--by", "model")
    spent(home.ledger)
    assert "$0.060 and 1 of unknown price" in said(capsys, "spend", "--by", "model")
    document = run(capsys, "spend")
    assert (document["today"]["unpriced"], document["today"]["count"]) == (1, 2)
    assert [entry["billed_usd"] for entry in document["entries"]] == ["0.060000", None]


def test_a_price_that_a_person_found_out_is_shown(capsys: pytest.CaptureFixture[str], home: Home) -> None:
    """Settled by hand, it is as good as any bill."""
    id = spent(home.ledger, "unknown", priced=False, expected=0, reserve=0)
    assert "price unknown" in said(capsys, "spend")
    entry = run(capsys, "spend", "settle", id, "0.04")
    assert (entry["billed_usd"], entry["estimate_usd"]) == ("0.040000", None)
    assert "$0.040" in said(capsys, "spend")


@pytest.mark.parametrize(
    ("state", "words"),
    [("settled", "billed"), ("unknown", "may be billed"), ("sent", "under way"), ("released", "not billed")],
)
def test_a_state_is_told_in_words(
    capsys: pytest.CaptureFixture[str], home: Home, state: str, words: str
) -> None:
    """The document keeps the ledger's own name for it."""
    id = spent(home.ledger, "sent" if state in ("sent", "released") else state)
    if state == "released":
        with Ledger(home.ledger) as ledger:
            ledger.release(id, "moderation-blocked")
    line = next(line for line in said(capsys, "spend").splitlines() if "992x672" in line)
    assert f"992x672  {words}  " in line
    assert run(capsys, "spend")["entries"][0]["state"] == state


def test_in_the_sandbox_nothing_is_called_billed(capsys: pytest.CaptureFixture[str], home: Home) -> None:
    """A placeholder was made, and cost nothing."""
    spent(home.ledger, sandbox=True)
    assert "992x672  made   sandbox" in said(capsys, "spend")


def test_failures_are_listed_with_what_they_cost(capsys: pytest.CaptureFixture[str], home: Home) -> None:
    """In words, as a document with codes, and for a spreadsheet."""
    assert "Nothing has failed" in said(capsys, "spend", "--failures")
    spent(home.ledger, "unknown")
    (line,) = run(capsys, "spend", "--failures")["failures"]
    assert line == {
        "reason": "timed-out", "count": 1, "not_billed": 0, "billed_usd": "0.000000", "open_usd": "0.100000",
    }  # fmt: skip
    (row,) = csv.DictReader(io.StringIO(said(capsys, "spend", "--failures", "--csv")))
    assert row == {key: str(value) for key, value in line.items()}
    assert "no answer in time" in said(capsys, "spend", "--failures")


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx"])
def test_no_name_is_a_formula_in_a_spreadsheet(
    capsys: pytest.CaptureFixture[str], home: Home, name: str
) -> None:
    """A document may be called anything."""
    spent(home.ledger, document=name, project=name)
    (row,) = csv.DictReader(io.StringIO(said(capsys, "spend", "--csv")))
    assert row["document"] == row["project"] == f"'{name}"


def test_no_name_steers_the_terminal(capsys: pytest.CaptureFixture[str], home: Home) -> None:
    """Control characters are shown as question marks."""
    spent(home.ledger, document="\x1b]0;gotcha\x07.xcf")
    assert "?]0;gotcha?.xcf" in said(capsys, "spend", "--by", "document")


def on_terminal(*arguments: str) -> str:
    """What a command prints on a terminal of 120 columns."""
    leader, follower = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if "COLOR" not in name}
    library = str(Path(scumble.__file__).parents[1])
    environment |= {"PYTHONPATH": library, "COLUMNS": "120", "TERM": "xterm-256color"}
    environment["PYTHONIOENCODING"] = "utf-8"
    process = subprocess.Popen(
        [sys.executable, "-m", "scumble", *arguments], stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    printed = b""
    try:
        while chunk := os.read(leader, 65_536):
            printed += chunk
    except OSError:
        pass  # the other end is closed
    os.close(leader)
    assert process.wait(timeout=60) == 0
    return printed.decode()


def test_on_a_terminal_there_are_bars_against_the_budgets(home: Home) -> None:
    """Green while there is room, red when it is used up; names stay as they are, whatever marks they hold."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", 1_000_000)
        ledger.set_budget("project", 50_000, "[red]temple[/red]")
    spent(home.ledger, project="[red]temple[/red]")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal("spend", "--by", "project"))
    assert "[red]temple[/red]" in plain and "━" in plain
    assert "\x1b[31m━" in on_terminal("spend", "--by", "project")
    assert "\x1b[32m━" in on_terminal("spend", "--by", "day")
    assert "The budget for today" in on_terminal("spend")


def test_without_rich_a_terminal_gets_plain_columns(
    capsys: pytest.CaptureFixture[str], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command works with what a bare installation has."""
    spent(home.ledger)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    lines = said(capsys, "spend", "--by", "host").splitlines()
    assert lines[0].startswith("host  billed  may be billed")
    assert "\x1b" not in "".join(lines)


# Several machines


def test_ledgers_of_several_machines_are_one_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Home
) -> None:
    """In each form that one ledger's report has, and without this machine's own unless it is named."""
    paths = [tmp_path / name / "ledger.sqlite3" for name in ("a", "b")]
    for path in (*paths, home.ledger):
        spent(path)
    document = run(capsys, "spend", "merge", *paths)
    assert document["all"]["billed_usd"] == "0.120000" and len(document["entries"]) == 2
    groups = run(capsys, "spend", "merge", paths[0], paths[1], paths[0], "--by", "host")["groups"]
    assert [(each["name"], each["count"]) for each in groups] == [("gimp", 2)]
    assert said(capsys, "spend", "--by", "host", "--csv", "merge", *paths).startswith("name,billed_usd")
    assert said(capsys, "spend", "merge", *paths, "--csv").count("\n") == 3
    page = tmp_path / "page.html"
    assert str(page) in said(capsys, "spend", "merge", *paths, home.ledger, "--html", page)
    assert "$0.18" in page.read_text("utf-8")


def test_a_ledger_that_is_not_there_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By its name."""
    assert main(["spend", "merge", str(tmp_path / "gone.sqlite3")]) == 2
    assert "gone.sqlite3" in capsys.readouterr().err


def test_what_another_machine_left_open_is_listed_and_settled_by_hand(
    capsys: pytest.CaptureFixture[str], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a data folder that was copied; no sweep touches it, and within an hour nobody may."""
    with monkeypatch.context() as patch:
        other = replace(this_process(), machine="another", boot="another", started="1")
        patch.setattr(ledger_module, "this_process", lambda: other)
        old = spent(home.ledger, "sent", when=time.time() - 7_200)
        fresh = spent(home.ledger, "sent")
    document = run(capsys, "spend")
    assert [entry["id"] for entry in document["elsewhere"]] == [old]
    assert {entry["state"] for entry in document["entries"]} == {"sent"}
    text = said(capsys, "spend")
    assert "another machine" in text and old[:8] in text
    assert run(capsys, "spend", "settle", old, "nothing")["state"] == "released"
    assert main(["spend", "settle", fresh, "nothing"]) == 2
    assert [step["reason"] for step in run(capsys, "spend")["entries"][1]["events"]][-2:] == [
        "other-machine",
        "by-hand",
    ]


# The service's export of costs


@pytest.fixture
def day() -> float:
    """Noon (UTC) a week ago, in seconds since 1970."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return (noon - timedelta(days=7)).timestamp()


def exported(tmp_path: Path, day: float, dollars: str) -> Path:
    days = [datetime.fromtimestamp(day, UTC).date() + timedelta(days=number) for number in (-1, 0, 1)]
    amounts = ["0.06", dollars, "0.01"]
    lines = [f"{each.isoformat()},{amount}" for each, amount in zip(days, amounts, strict=True)]
    path = tmp_path / "costs.csv"
    path.write_text("\n".join(["date,amount", *lines]) + "\n")
    return path


def test_costs_that_leave_nothing_settle_what_was_unknown(
    capsys: pytest.CaptureFixture[str], home: Home, tmp_path: Path, day: float
) -> None:
    """Shown with its reason first, and done with --yes, once."""
    spent(home.ledger, when=day - 86_400)
    spent(home.ledger, when=day)
    id = spent(home.ledger, "unknown", when=day)
    costs = exported(tmp_path, day, "0.06")
    text = said(capsys, "spend", "settle", "--from-costs", costs)
    assert f"{id[:8]}  nothing was billed" in text and "left $0." in text and "--yes" in text
    assert run(capsys, "spend")["unknown"]
    document = run(capsys, "spend", "settle", "--from-costs", costs, "--yes")
    assert document["applied"] is True
    assert [(each["id"], each["billed_usd"], each["proven"]) for each in document["verdicts"]] == [
        (id, "0.000000", True)
    ]
    assert run(capsys, "spend")["unknown"] == []
    assert "No spending is unknown" in said(capsys, "spend", "settle", "--from-costs", costs)


def test_costs_settle_a_bill_only_when_a_person_says_that_nothing_else_ran(
    capsys: pytest.CaptureFixture[str], home: Home, tmp_path: Path, day: float
) -> None:
    """Until then it is shown, and stays unknown even with --yes."""
    spent(home.ledger, when=day - 86_400)
    id = spent(home.ledger, "unknown", when=day)
    costs = exported(tmp_path, day, "0.0615")
    assert "--nothing-else" in said(capsys, "spend", "settle", "--from-costs", costs, "--yes")
    assert [entry["id"] for entry in run(capsys, "spend")["unknown"]] == [id]
    assert "was billed" in said(capsys, "spend", "settle", "--from-costs", costs, "--nothing-else", "--yes")
    entries = {entry["id"]: entry for entry in run(capsys, "spend")["entries"]}
    assert (entries[id]["state"], entries[id]["billed_usd"]) == ("settled", "0.061500")


@pytest.mark.parametrize(
    "words", [["x"], ["x", "1", "--from-costs", "costs.csv"], [], ["--from-costs", "gone.csv"]]
)
def test_settle_takes_one_spending_or_a_file(words: list[str]) -> None:
    """Exit code 2 for anything else."""
    assert main(["spend", "settle", *words]) == 2


# Damage


def test_a_damaged_ledger_is_recovered_by_its_own_command(
    capsys: pytest.CaptureFixture[str], home: Home
) -> None:
    """Until then every report names that command; a whole ledger is left alone."""
    assert run(capsys, "spend", "recover")["recovered"] is False
    spent(home.ledger)
    content = home.ledger.read_bytes()
    home.ledger.write_bytes(b"\xa5" * 4096 + content[4096:])
    assert main(["spend", "--by", "document"]) == 1
    assert "scumble spend recover" in capsys.readouterr().err
    document = run(capsys, "spend", "recover")
    assert document["recovered"] and Path(document["kept"]).exists()
    saved = run(capsys, "spend")
    assert saved["all"]["count"] == document["spendings"] == 1
    assert saved["all"]["billed_usd"] == "0.060000"
    assert "is whole" in said(capsys, "spend", "recover")


# The page


def test_the_page_is_written_where_it_is_wanted(
    capsys: pytest.CaptureFixture[str], home: Home, tmp_path: Path
) -> None:
    """It takes no other form, and where it cannot be written it says so."""
    fill(home.ledger, time.time(), at)
    page = tmp_path / "page.html"
    assert said(capsys, "spend", "--html", page) == f"Written: {page}\n"
    assert HOSTILE not in page.read_text("utf-8")
    assert main(["spend", "--html", str(page), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad-request"
    assert main(["spend", "--html", str(tmp_path / "gone" / "page.html")]) == 1


def test_without_the_chart_library_the_command_to_get_it_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no file is written."""
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    assert main(["spend", "--html", str(tmp_path / "page.html")]) == 1
    assert "pip install 'scumble[report]'" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_each_reason_that_has_words_is_one_that_is_recorded() -> None:
    """And whatever may have been billed has words."""

    def below(kind: type[ScumbleError]) -> Iterator[type[ScumbleError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    kinds = list(below(ScumbleError))
    ledgers_own = {"process-gone", "other-machine", "recovered"}
    assert set(spend_documents._REASONS) <= {kind.code for kind in kinds} | ledgers_own
    may_be_billed = {kind.code for kind in kinds if kind.billing is Billing.MAYBE} - {"outcome-unknown"}
    assert may_be_billed <= set(spend_documents._REASONS)
    assert spend_documents.reason_text("never-heard-of") == "never-heard-of"
