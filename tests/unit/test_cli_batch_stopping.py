# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble batch` stopped anywhere: by a budget, a failure, Ctrl+C or SIGKILL; nothing is bought twice."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import child
import pytest

from scumble.cli import main, running
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.servers import gradient_png, refusal, success
from tests.unit.batch_cases import (
    BILL_IN_BATCH,
    BILL_LIVE,
    KEY,
    PATIENCE_SECONDS,
    Reply,
    Service,
    failing,
    json_reply,
    refuses,
    row_states,
    serving,
    write_list,
)
from tests.unit.cli_cases import run

GENERATIONS = "/images/generations"
_COMMAND = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from scumble.cli import main
sys.exit(main(sys.argv[1:]))
"""


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


def answers_only(count: int) -> Any:
    """The first so many generations are answered as always, the others fail at the service."""
    lock = threading.Lock()
    seen = 0

    def answer(method: str, path: str, body: bytes) -> Reply | None:
        nonlocal seen
        with lock:
            seen += path == GENERATIONS
            if path == GENERATIONS and seen > count:
                return json_reply(500, refusal("server_error", "server_error"))
        return None

    return answer


def held(service: Service, method: str, path: str, after: int = 0) -> tuple[threading.Event, threading.Event]:
    """Requests like these, after so many, are held: the first event says that one is, the second lets go.

    What was held is answered all the same, as by a service that works on when nobody listens.
    """
    arrived, gate = threading.Event(), threading.Event()
    lock = threading.Lock()
    seen = 0

    def answer(asked: str, place: str, body: bytes) -> Reply | None:
        nonlocal seen
        if (asked, place) == (method, path):
            with lock:
                seen += 1
                is_held = seen > after
            if is_held:
                arrived.set()
                gate.wait(PATIENCE_SECONDS)
        return None

    service.answers.append(answer)
    return arrived, gate


def test_a_run_that_is_killed_in_the_middle_is_taken_up_and_nothing_bought_twice(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """SIGKILL while the third is with the service: it is unknown afterwards, the fourth was not sent."""
    arrived, gate = held(service, "POST", GENERATIONS, after=2)
    asked = ("batch", doors, "-o", tmp_path / "out", "--concurrency", 1)
    process = child.start(_COMMAND, *asked)
    assert arrived.wait(PATIENCE_SECONDS)
    child.kill(process)
    gate.set()
    code, document = failing(capsys, *asked)
    assert (code, row_states(document)) == (5, ["done", "done", "unknown", "done"])
    assert service.count("POST", GENERATIONS) == 4
    bodies = [
        body for (_, path), body in zip(service.seen, service.bodies, strict=True) if path == GENERATIONS
    ]
    assert len(set(bodies)) == 4


@pytest.mark.parametrize(("tier", "expected"), [((), None), (("--tier", 2), 2)])
def test_the_accounts_tier_is_given_to_the_queue(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    service: Service,
    doors: Path,
    tmp_path: Path,
    tier: tuple[object, ...],
    expected: int | None,
) -> None:
    """It sets the pace until the answers tell the limits."""
    given = []

    class Watched(running.Queue):
        def __init__(self, *arguments: Any) -> None:
            given.append(arguments[4])
            super().__init__(*arguments)

    monkeypatch.setattr(running, "Queue", Watched)
    document = run(capsys, "batch", doors, "-o", tmp_path / "out", *tier)
    assert given == [expected]
    assert row_states(document) == ["done"] * 4


@pytest.mark.parametrize("path", ["/files", "/batches"])
def test_a_submission_that_is_killed_is_released_or_found_again(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path, path: str
) -> None:
    """In the upload nothing was begun and it is begun anew; in the beginning, the service has the batch."""
    arrived, gate = held(service, "POST", path)
    asked = ("batch", doors, "-o", tmp_path / "out", "--through-batch")
    process = child.start(_COMMAND, *asked)
    assert arrived.wait(PATIENCE_SECONDS)
    child.kill(process)
    gate.set()
    wait_for(service, path)
    document = run(capsys, *asked, "--wait")
    assert row_states(document) == ["done"] * 4
    assert service.count("POST", "/batches") == 1
    assert document["billed_usd"] == f"0.0{4 * BILL_IN_BATCH}"


def wait_for(service: Service, path: str) -> None:
    """Until the sandbox knows what it was told in the request that nobody listens to any more."""
    import requests

    address = f"{service.base_url}{path}"
    for _try in range(PATIENCE_SECONDS * 20):
        listed = requests.get(address, headers={"Authorization": f"Bearer {KEY}"}, timeout=5).json()
        if listed["data"]:
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came")


def test_a_killed_collection_goes_on_where_it_stood(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """SIGKILL while the output file comes."""
    asked = ("batch", doors, "-o", tmp_path / "out", "--through-batch")
    run(capsys, *asked)
    content = threading.Event()
    gate = threading.Event()

    def answer(method: str, path: str, body: bytes) -> Reply | None:
        if path.endswith("/content") and not gate.is_set():
            content.set()
            gate.wait(PATIENCE_SECONDS)
        return None

    service.answers.append(answer)
    process = child.start(_COMMAND, *asked, "--wait")
    assert content.wait(PATIENCE_SECONDS)
    child.kill(process)
    gate.set()
    document = run(capsys, *asked, "--wait")
    assert row_states(document) == ["done"] * 4
    assert document["billed_usd"] == f"0.0{4 * BILL_IN_BATCH}"
    assert service.count("POST", "/batches") == 1


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_ctrl_c_stops_what_has_not_left_and_waits_for_what_has(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """What was sent is paid for, so it is awaited and kept; the rest was never sent."""
    arrived, gate = held(service, "POST", GENERATIONS)
    asked = ("batch", doors, "-o", tmp_path / "out", "--concurrency", 1)
    process = child.start(_COMMAND, *asked, "--json")
    assert arrived.wait(PATIENCE_SECONDS)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Stopping"):
            break
    gate.set()
    printed, _complaints = process.communicate(timeout=PATIENCE_SECONDS)
    document = json.loads(printed)
    assert process.returncode == 1
    assert row_states(document) == ["done", "not-done", "not-done", "not-done"]
    assert row_states(run(capsys, *asked)) == ["done"] * 4
    assert service.count("POST", GENERATIONS) == 4


def test_a_picture_that_changed_under_way_is_not_sent(
    capsys: pytest.CaptureFixture[str], service: Service, tmp_path: Path
) -> None:
    """The price and the check were of another picture."""
    (tmp_path / "a.png").write_bytes(gradient_png(816, 816))
    path = tmp_path / "list.csv"
    path.write_text("prompt,image,quality\nmoss,,low\nfern,a.png,low\n")

    def changed(method: str, place: str, body: bytes) -> Reply | None:
        (tmp_path / "a.png").write_bytes(gradient_png(832, 816))
        return json_reply(200, success([gradient_png(1024, 1024)])) if place == GENERATIONS else None

    service.answers.append(changed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_WINDOW", 1)
        code, document = failing(capsys, "batch", path, "-o", tmp_path / "out", "--concurrency", 1)
    assert (code, row_states(document)) == (2, ["done", "not-done"])
    assert service.count("POST", "/images/edits") == 0


def test_a_budget_that_ends_in_the_middle_leaves_what_was_done(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path, home: Home
) -> None:
    """Three fit: exit code 3, and the table says which were not made. With more money the rest follows."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", 2 * BILL_LIVE + 6_000)
    asked = ("batch", doors, "-o", tmp_path / "out", "--concurrency", 1)
    code, document = failing(capsys, *asked)
    assert code == 3
    assert row_states(document) == ["done", "done", "done", "not-done"]
    assert document["rows"][3]["error"]["code"] == "budget-exceeded"
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", 1_000_000)
    assert row_states(run(capsys, *asked)) == ["done"] * 4
    assert service.count("POST", GENERATIONS) == 4


def test_a_person_is_told_beforehand_that_the_budget_will_not_do(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path, home: Home
) -> None:
    """Together with what is left of it; and at the end which rows were not made, and why."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", BILL_LIVE)
    assert main(["batch", str(doors), "-o", str(tmp_path / "out"), "--concurrency", "1"]) == 3
    printed = capsys.readouterr()
    assert "Today $0 of $0.015" in printed.out
    assert "The budget will stop this before its end." in printed.err
    assert "door-3  not done  The budget for today has" in printed.out
    assert "1 of 4 rows are done. It was billed." in printed.err


def test_an_unknown_row_is_sent_again_only_when_a_person_says_so(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """The service failed while it worked; that it may be billed twice is said."""
    asked = ("batch", doors, "-o", tmp_path / "out", "--concurrency", 1)
    service.answers.append(answers_only(3))
    code, document = failing(capsys, *asked)
    assert (code, row_states(document)) == (5, ["done", "done", "done", "unknown"])
    assert document["error"]["billing"] == "maybe"
    service.answers.clear()
    code, document = failing(capsys, *asked)
    assert (code, row_states(document)) == (5, ["done", "done", "done", "unknown"])
    assert service.count("POST", GENERATIONS) == 4
    assert main([*map(str, asked), "--resend-unknown"]) == 0
    assert "1 rows are sent again and may be billed twice" in capsys.readouterr().err
    assert service.count("POST", GENERATIONS) == 5
    assert row_states(run(capsys, *asked)) == ["done"] * 4


def test_no_credit_stops_the_rest(
    capsys: pytest.CaptureFixture[str], service: Service, doors: Path, tmp_path: Path
) -> None:
    """It would stop every one alike, so one refusal is enough."""
    service.answers.append(refuses("POST", GENERATIONS, 429, "insufficient_quota"))
    code, document = failing(capsys, "batch", doors, "-o", tmp_path / "out", "--concurrency", 1)
    assert (code, row_states(document)) == (4, ["not-done"] * 4)
    assert service.count("POST", GENERATIONS) == 1
