# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble batch`: one price before, a table after, and whatever stops it, nothing is bought twice."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scumble.cli import main, running
from scumble.settings import Home
from tests.servers import gradient_png, refusal
from tests.unit.batch_cases import (
    BILL_IN_BATCH,
    BILL_LIVE,
    KEY,
    Reply,
    Service,
    failing,
    json_reply,
    row_states,
    serving,
    states,
    write_list,
)
from tests.unit.cli_cases import run

GENERATIONS = "/images/generations"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(running, "FIRST_PAUSE_SECONDS", 0.01)
    with serving(monkeypatch) as told:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", told.base_url)
        yield told


@pytest.fixture
def doors(tmp_path: Path) -> Path:
    return write_list(tmp_path, 4)


def test_a_dry_run_prices_every_row_and_sends_nothing(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, home: Home
) -> None:
    """A line each and a total; through a batch it is the half."""
    live = run(capsys, "batch", doors, "--dry-run")
    half = run(capsys, "batch", doors, "--dry-run", "--through-batch")
    assert [row["name"] for row in live["rows"]] == ["door-0", "door-1", "door-2", "door-3"]
    cents = [round(float(row["usd"]["expected"]) * 1_000_000) for row in live["rows"]]
    assert round(float(live["usd"]["expected"]) * 1_000_000) == sum(cents)
    assert float(half["usd"]["expected"]) == pytest.approx(float(live["usd"]["expected"]) / 2, abs=1e-5)
    assert (live["count"], live["exact"], service.seen, home.ledger.exists()) == (4, True, [], False)


def test_a_person_sees_a_line_each_and_the_total_before(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path
) -> None:
    assert main(["batch", str(doors), "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + 4 + 1
    assert printed[1].startswith("door-0") and printed[1].endswith("$0.0052")
    assert printed[-1] == "Total of 4: $0.021"


def test_a_list_is_made_live_each_row_into_its_file(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """Billed by the service's usage, with a table of what became of each."""
    document = run(capsys, "batch", doors, "-o", tmp_path / "out")
    assert row_states(document) == ["done"] * 4
    assert document["billed_usd"] == f"0.0{4 * BILL_LIVE}"
    assert (tmp_path / "out" / "door-2.png").read_bytes() == gradient_png(816, 816)
    assert service.count("POST", GENERATIONS) == 4
    with open(document["table"], encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["name"], row["state"], row["files"]) for row in table][3] == ("door-3", "done", "door-3.png")


def test_a_second_run_buys_nothing_and_writes_what_is_missing(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """A file that was deleted comes from what was kept; new rows of the list are made."""
    run(capsys, "batch", doors, "-o", tmp_path / "out")
    (tmp_path / "out" / "door-1.png").unlink()
    write_list(tmp_path, 5)
    document = run(capsys, "batch", doors, "-o", tmp_path / "out")
    assert row_states(document) == ["done"] * 5
    assert service.count("POST", GENERATIONS) == 5
    assert (tmp_path / "out" / "door-1.png").read_bytes() == gradient_png(816, 816)
    assert document["billed_usd"] == f"0.0{5 * BILL_LIVE}"


def test_rows_that_ask_for_the_same_are_made_as_often(
    capsys: pytest.CaptureFixture[str], service: Service, tmp_path: Path
) -> None:
    """And not again, in whatever order they stand."""
    path = tmp_path / "same.csv"
    path.write_text("prompt,size,name\nmoss,816x816,a\nmoss,816x816,b\nfern,816x816,c\n")
    run(capsys, "batch", path, "-o", tmp_path / "out")
    path.write_text("prompt,size,name\nfern,816x816,c\nmoss,816x816,a\nmoss,816x816,b\n")
    run(capsys, "batch", path, "-o", tmp_path / "out")
    assert service.count("POST", GENERATIONS) == 3


def test_a_bad_row_stops_everything_before_it_begins(
    capsys: pytest.CaptureFixture[str], service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text("prompt,size\nmoss,816x816\nfern,1x1\n")
    assert main(["batch", str(path), "-o", str(tmp_path / "out")]) == 2
    assert "line 3" in capsys.readouterr().err
    assert service.seen == [] and not (tmp_path / "out").exists()


def test_a_refused_row_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """Its exit code is 4; nothing was billed for it, so the next run asks again."""

    def moderated(method: str, path: str, body: bytes) -> Reply | None:
        if b"door 1" not in body:
            return None
        return json_reply(400, refusal("image_generation_user_error", "moderation_blocked"))

    service.answers.append(moderated)
    code, document = failing(capsys, "batch", doors, "-o", tmp_path / "out")
    assert (code, row_states(document)) == (4, ["done", "not-done", "done", "done"])
    assert document["rows"][1]["error"]["code"] == "moderation-blocked"


def test_nothing_that_is_there_is_written_over(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """Whoever lost the journal would otherwise buy all again, over the first."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Door-2.png").write_bytes(b"mine")
    assert main(["batch", str(doors), "-o", str(tmp_path / "out")]) == 2
    assert "door-2.png" in capsys.readouterr().err
    assert service.seen == [] and (tmp_path / "out" / "Door-2.png").read_bytes() == b"mine"


def test_a_folder_of_another_data_folder_is_refused(
    capsys: pytest.CaptureFixture[str],
    service: Service,
    doors: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was sent from there is not known here, and would be bought again."""
    run(capsys, "batch", doors, "-o", tmp_path / "out")
    monkeypatch.setenv("SCUMBLE_HOME", str(tmp_path / "another"))
    assert main(["batch", str(doors), "-o", str(tmp_path / "out")]) == 2
    assert "another data folder" in capsys.readouterr().err
    assert service.count("POST", GENERATIONS) == 4


def test_the_table_runs_nothing_in_a_spreadsheet(
    capsys: pytest.CaptureFixture[str], service: Service, tmp_path: Path
) -> None:
    """A cell that would be a formula gets an apostrophe; the others are as they are."""
    path = tmp_path / "list.jsonl"
    prompts = ["=1+1", "+1", "-1", "@A1", "=cmd|' /C calc'!A0", 'a "quoted", one']
    lines = [json.dumps({"prompt": prompt, "size": "816x816"}) for prompt in prompts]
    path.write_text("\n".join(lines))
    document = run(capsys, "batch", path, "-o", tmp_path / "out", "--project", "@book")
    with open(document["table"], encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["prompt"] for row in table] == [f"'{prompt}" for prompt in prompts[:5]] + prompts[5:]
    assert {row["project"] for row in table} == {"'@book"}


def test_through_a_batch_it_is_half_the_price_and_collected_by_the_same_command(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """The first run leaves it with the service; later ones look, and write the files when they are there."""
    asked = ("batch", doors, "-o", tmp_path / "out", "--through-batch")
    document = run(capsys, *asked)
    assert (row_states(document), document["waiting"]) == (["waiting"] * 4, 4)
    for _look in range(4):
        document = run(capsys, *asked)
    assert row_states(document) == ["done"] * 4
    assert document["billed_usd"] == f"0.0{4 * BILL_IN_BATCH}"
    assert (tmp_path / "out" / "door-3.png").exists()
    assert (service.count("POST", "/batches"), service.count("POST", GENERATIONS)) == (1, 0)


def test_what_waits_in_a_batch_is_not_bought_live(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    run(capsys, "batch", doors, "-o", tmp_path / "out", "--through-batch")
    document = run(capsys, "batch", doors, "-o", tmp_path / "out")
    assert row_states(document) == ["waiting"] * 4
    assert service.count("POST", GENERATIONS) == 0


def test_one_can_wait_for_a_batch(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    document = run(capsys, "batch", doors, "-o", tmp_path / "out", "--through-batch", "--wait")
    assert row_states(document) == ["done"] * 4


def test_batches_are_collected_and_cancelled_by_name(
    capsys: pytest.CaptureFixture[str], service: Service, tmp_path: Path, home: Home
) -> None:
    """Whatever list they are of; ID may be its beginning."""
    path = write_list(tmp_path, 6)
    run(capsys, "batch", path, "-o", tmp_path / "out", "--through-batch")
    (batch,) = run(capsys, "batch", "collect")["batches"]
    assert (batch["status"], batch["waiting"], batch["made"]) == ("in_progress", 6, 0)
    (batch,) = run(capsys, "batch", "collect")["batches"]
    assert main(["batch", "cancel", "batch_nothing_like_it", "--json"]) == 2
    assert batch["batch"] in json.loads(capsys.readouterr().out)["error"]["message"]
    (cancelled,) = run(capsys, "batch", "cancel", batch["batch"][:12])["batches"]
    assert (cancelled["status"], cancelled["made"], cancelled["released"]) == ("cancelled", 4, 2)
    assert run(capsys, "batch", "collect") == {"batches": []}
    assert sorted(states(home)) == ["released"] * 2 + ["settled"] * 4


def test_without_a_key_a_batch_is_the_sandbox_s_and_waited_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It lives as long as the process only. Nothing is billed."""
    path = write_list(tmp_path, 1)
    document = run(capsys, "batch", path, "-o", tmp_path / "out", "--through-batch")
    assert (document["sandbox"], row_states(document)) == (True, ["done"])
    assert document["billed_usd"] == "0.000000" and float(document["would_be_usd"]) > 0
