# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about money: budgets that stop, reports that add up, decisions that are recorded."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from servers import EchoServer

from scumble.cli import main
from scumble.cost import Bill
from scumble.ledger import Ledger, Spending
from scumble.settings import Home
from tests.unit.cli_cases import run

SPENDING = Spending("gimp", "edit", "some-model", "medium", "992x672", 1, 60_000, 100_000, False)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def generate(folder: Path, *more: str) -> list[str]:
    return ["generate", "--prompt", "old planks", "--size", "816x816", "-o", str(folder / "a.png"), *more]


def unknown_spending(home: Home) -> str:
    with Ledger(home.ledger) as ledger:
        id = ledger.reserve(SPENDING)
        ledger.sent(id)
        ledger.unknown(id, "timed-out")
    return id


class TestBudget:
    def test_is_set_listed_and_cleared(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Each answers with the limits as they are then; the history keeps all."""
        run(capsys, "budget", "set", "day", "$5")
        run(capsys, "budget", "set", "action", "0.25")
        run(capsys, "budget", "set", "project", "3")
        document = run(capsys, "budget", "set", "project=temple", "1.5")
        assert document == run(capsys, "budget") == run(capsys, "budget", "list")
        assert [(each["scope"], each["project"], each["limit_usd"]) for each in document["budgets"]] == [
            ("action", "", "0.250000"),
            ("day", "", "5.000000"),
            ("project", "", "3.000000"),
            ("project", "temple", "1.500000"),
        ]
        assert [each["used_usd"] for each in document["budgets"]] == [None, "0.000000", None, "0.000000"]
        run(capsys, "budget", "clear", "project=temple")
        document = run(capsys, "budget", "--history")
        assert [each["scope"] for each in document["budgets"]] == ["action", "day", "project"]
        assert [each["limit_usd"] for each in document["history"]] == [
            "5.000000", "0.250000", "3.000000", "1.500000", None,
        ]  # fmt: skip

    def test_json_may_be_asked_for_before_and_after_the_word(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And not at all, then a person can read it."""
        assert json.loads(said(capsys, "budget", "--json", "set", "day", "5"))["budgets"]
        assert json.loads(said(capsys, "budget", "list", "--json"))["budgets"]
        assert said(capsys, "budget").split() == [
            "budget",
            "limit",
            "used",
            "left",
            "today",
            "$5.00",
            "$0",
            "$5.00",
        ]
        assert "No budget is set" in said(capsys, "budget", "clear", "day")

    @pytest.mark.parametrize(
        "words",
        [
            ["set", "day", "1,50"], ["set", "day", "-1"], ["set", "day", "0.0000001"], ["set", "day"],
            ["set", "week", "5"], ["set", "project=", "5"], ["set", "day=temple", "5"], ["clear", "always"],
        ],
    )  # fmt: skip
    def test_wrong_words_are_wrong_usage(
        self, capsys: pytest.CaptureFixture[str], home: Home, words: list[str]
    ) -> None:
        """Exit code 2, and no limit is changed."""
        assert main(["budget", *words]) == 2
        capsys.readouterr()
        assert run(capsys, "budget", "--history")["history"] == []

    def test_clearing_what_is_not_set_is_an_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        """So that a misspelt project is noticed."""
        run(capsys, "budget", "set", "project=temple", "1")
        assert main(["budget", "clear", "project=tempel"]) == 2
        assert "there is no budget project=tempel" in capsys.readouterr().err

    def test_stops_a_request_with_its_own_exit_code(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, echo: EchoServer
    ) -> None:
        """3; nothing is sent, written or listed; the override lets one pass."""
        run(capsys, "budget", "set", "project=temple", "0.001")
        asked = generate(tmp_path, "--project", "temple")
        assert main([*asked, "--json"]) == 3
        error = json.loads(capsys.readouterr().out)["error"]
        assert (error["code"], error["billing"]) == ("budget-exceeded", "nothing")
        assert "scumble budget set project=temple AMOUNT" in error["remedy"]
        assert echo.seen == [] and list(tmp_path.glob("*.png")) == []
        document = run(capsys, *asked, "--over-budget")
        (entry,) = run(capsys, "spend")["entries"]
        assert (entry["id"], entry["project"]) == (document["id"], "temple")
        assert entry["events"][0]["reason"] == "over-budget-project"
        (temple,) = run(capsys, "budget")["budgets"]
        assert temple["used_usd"] == document["bill"]["usd"] and temple["near"]
        assert main(asked) == 3

    def test_says_when_it_is_nearly_used(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, echo: EchoServer
    ) -> None:
        """On standard error, where it disturbs no document."""
        reserve = run(capsys, "estimate", "generate", "--size", "816x816", "--prompt", "old planks")[
            "reserve_usd"
        ]
        run(capsys, "budget", "set", "day", reserve)
        assert main(generate(tmp_path)) == 0
        captured = capsys.readouterr()
        assert captured.err.startswith("Nearly used: Today $")
        assert "Today $0 of $0.012" in captured.out

    def test_leaves_the_sandbox_alone(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """It is free."""
        run(capsys, "budget", "set", "day", "0")
        assert main(generate(tmp_path)) == 0
        assert capsys.readouterr().err == ""


class TestSpend:
    def test_groups_add_up(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, echo: EchoServer
    ) -> None:
        """By day, model, host and project, as document, as table and for a spreadsheet."""
        billed = run(capsys, *generate(tmp_path, "--project", "temple"))["bill"]["usd"]
        model = "gpt-image-2.5-flare"
        names = {
            "model": model,
            "quality": f"{model} medium",
            "host": "cli",
            "project": "temple",
            "document": "",
        }
        for topic, name in names.items():
            document = run(capsys, "spend", "--by", topic)
            assert document["by"] == topic
            group = {"name": name, "billed_usd": billed, "open_usd": "0.000000",
                     "sandbox_would_be_usd": "0.000000", "count": 1, "unpriced": 0}  # fmt: skip
            assert document["groups"] == [group]
            (row,) = csv.DictReader(io.StringIO(said(capsys, "spend", "--by", topic, "--csv")))
            assert row == {key: str(value) for key, value in group.items()}
            assert (name or "(none)") in said(capsys, "spend", "--by", topic)
        (day,) = run(capsys, "spend", "--by", "day")["groups"]
        assert run(capsys, "spend", "--by", "day", "--since", day["name"])["groups"] == [day]
        assert run(capsys, "spend", "--by", "day", "--since", "2999-01-01")["groups"] == []

    def test_entries_for_a_spreadsheet_have_the_keys_of_the_document(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, echo: EchoServer
    ) -> None:
        """All of them, unless a limit is given."""
        for _ in range(11):
            assert main(generate(tmp_path)) == 0
        capsys.readouterr()
        rows = list(csv.DictReader(io.StringIO(said(capsys, "spend", "--csv"))))
        entries = run(capsys, "spend")["entries"]
        assert len(rows) == 11 and len(entries) == 10
        assert set(rows[0]) == set(entries[0]) - {"events"}
        assert rows[0] == {key: str(value) for key, value in entries[0].items() if key != "events"}
        assert said(capsys, "spend", "--csv", "--limit", "1").count("\n") == 2

    def test_unknown_ones_are_listed_with_what_they_may_have_cost(
        self, capsys: pytest.CaptureFixture[str], home: Home
    ) -> None:
        """And how to decide them."""
        id = unknown_spending(home)
        (entry,) = run(capsys, "spend")["unknown"]
        assert (entry["id"], entry["estimate_usd"], entry["reserve_usd"]) == (id, "0.060000", "0.100000")
        text = said(capsys, "spend")
        assert f"{id[:8]}  " in text and "$0.060  $0.10" in text and "scumble spend settle ID" in text

    @pytest.mark.parametrize(
        ("amount", "state", "billed"),
        [("0.0771", "settled", "0.077100"), ("nothing", "released", "0.000000")],
    )
    def test_an_unknown_one_is_settled_by_hand(
        self, capsys: pytest.CaptureFixture[str], home: Home, amount: str, state: str, billed: str
    ) -> None:
        """By the beginning of its id, once, and recorded as a person's decision."""
        id = unknown_spending(home)
        entry = run(capsys, "spend", "settle", id[:8], amount)
        assert (entry["id"], entry["state"], entry["billed_usd"]) == (id, state, billed)
        assert run(capsys, "spend")["entries"][0]["events"][-1]["reason"] == "by-hand"
        assert main(["spend", "settle", id, amount]) == 2
        marked = {"settled": "billed", "released": "not billed"}[state]
        assert f"this one is marked: {marked}." in capsys.readouterr().err
        assert main(["spend", "settle", "no-such-id", amount]) == 2

    def test_settling_says_what_it_did(self, capsys: pytest.CaptureFixture[str], home: Home) -> None:
        """In words."""
        first, second = unknown_spending(home), unknown_spending(home)
        assert said(capsys, "spend", "settle", first, "0.08") == f"{first}: $0.080 was billed.\n"
        assert said(capsys, "spend", "settle", second, "nothing") == f"{second}: nothing was billed.\n"

    def test_accuracy_compares_estimates_with_bills(
        self, capsys: pytest.CaptureFixture[str], home: Home
    ) -> None:
        """As document, table and for a spreadsheet; before any bill it says so."""
        assert "No bill" in said(capsys, "spend", "--accuracy")
        with Ledger(home.ledger) as ledger:
            for billed in (57_000, 61_800):
                id = ledger.reserve(SPENDING)
                ledger.sent(id)
                ledger.settle(id, Bill(billed, (), True))
        (line,) = run(capsys, "spend", "--accuracy")["accuracy"]
        assert line == {
            "model": "some-model", "quality": "medium", "bills": 2, "estimate_usd": "0.120000",
            "billed_usd": "0.118800", "off_usd": "0.004800", "beyond_reserve": 0, "without_usage": 0,
        }  # fmt: skip
        assert said(capsys, "spend", "--accuracy").split("\n")[1].split() == [
            "some-model", "medium", "2", "$0.12", "$0.12", "-1.0", "%", "0",
        ]  # fmt: skip
        (row,) = csv.DictReader(io.StringIO(said(capsys, "spend", "--accuracy", "--csv")))
        assert row == {key: str(value) for key, value in line.items()}

    @pytest.mark.parametrize(
        "words", [["--since", "yesterday"], ["--by", "moon"], ["--csv", "--json"], ["settle", "x", "-1"]]
    )
    def test_wrong_words_are_wrong_usage(self, words: list[str]) -> None:
        """Exit code 2."""
        assert main(["spend", *words]) == 2
