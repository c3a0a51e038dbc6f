# SPDX-License-Identifier: GPL-3.0-or-later
"""Through the Batch API: reserved whole, found again by anyone, settled at half the price, never twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from servers import gradient_png, refusal, success

from scumble import batch_records, batches, client, collecting, jobs, recovery, store
from scumble.batches import Order
from scumble.collecting import Collected
from scumble.cost import estimate
from scumble.errors import (
    BadPicture,
    BudgetExceeded,
    ConnectionLost,
    NoUsableAnswer,
    RequestRejected,
    ScumbleError,
    SetupError,
    StorageError,
    UnsupportedOption,
)
from scumble.ledger import Ledger
from scumble.request import Picture, Request
from scumble.settings import Home
from scumble.shapes import Size
from tests.unit.batch_cases import (
    ASKER,
    BILL_IN_BATCH,
    Reply,
    Service,
    catalog,
    entries,
    json_reply,
    orders,
    refuses,
    serving,
    states,
)
from tests.unit.jobs_cases import raiser


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with serving(monkeypatch) as told:
        yield told


def submit(home: Home, service: Service, requests: list[Request], **named: Any) -> tuple[str, ...]:
    asked = [Order(request, ASKER) for request in requests]
    return batches.submit(asked, home, service.account, catalog(), **named)


def collect(home: Home, service: Service) -> Collected:
    """Look until nothing waits any more; what came of it all."""
    for _look in range(20):
        found = collecting.collect(home, service.account)
        if not any(each.waiting for each in found):
            (only,) = found
            return only
    raise AssertionError("it never ends")


def made(id: str, **changes: Any) -> dict[str, Any]:
    """A good line of an output file."""
    body = json.loads(success([gradient_png(816, 816)]))
    return {
        "id": "batch_req_1",
        "custom_id": id,
        "response": {"status_code": 200, "body": body},
        "error": None,
        **changes,
    }


def ended(service: Service, lines: list[object], status: str = "completed", **changes: Any) -> None:
    """From now on every batch of the service has ended, with these lines in its output file."""
    content = b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)

    def answer(method: str, path: str, body: bytes) -> Reply | None:
        if method == "GET" and path.startswith("/batches/"):
            counts = {"total": len(lines), "completed": len(lines), "failed": 0}
            document = {
                "id": path.removeprefix("/batches/"),
                "status": status,
                "input_file_id": "",
                "output_file_id": "file-output",
                "request_counts": counts,
            }
            return json_reply(200, document | changes)
        if path == "/files/file-output/content":
            return json_reply(200, content)
        return None

    service.answers.append(answer)


def test_a_batch_is_billed_at_half_the_price_each_line_under_its_own_id(home: Home, service: Service) -> None:
    """Reserved before the upload, awaiting until it ends, then kept and settled by each line's own usage."""
    ids = submit(home, service, orders(6))
    assert states(home) == ["sent"] * 6
    with Ledger(home.ledger) as ledger:
        assert {each.entry.id for each in ledger.awaited()} == set(ids)
    found = collect(home, service)
    assert (found.status, found.settled, found.odd) == ("completed", 6, 0)
    assert [(entry.state, entry.billed, entry.from_usage) for entry in entries(home)] == [
        ("settled", BILL_IN_BATCH, True)
    ] * 6
    assert {stored.id for stored in store.all_stored(home)} == set(ids)
    prompts = {stored.asked["prompt"] for stored in store.all_stored(home)}
    assert prompts == {request.prompt for request in orders(6)}
    assert (service.count("POST", "/files"), service.count("POST", "/batches")) == (1, 1)


def test_the_reservation_is_the_half_of_a_live_one(home: Home, service: Service) -> None:
    """Each part of the price is rounded up to a micro-dollar."""
    (request,) = orders(1)
    live = estimate(request, catalog().find(request.model))
    submit(home, service, [request])
    (entry,) = entries(home)
    assert 0 <= 2 * entry.spending.expected - live.cost.expected <= 2
    assert 0 <= 2 * entry.spending.reserve - live.reserve <= 2
    assert entry.spending.project == "book"


def test_the_prompts_leave_the_service_and_this_machine_once_all_is_collected(
    home: Home, service: Service
) -> None:
    """Of what was uploaded; what was asked is then with each result."""
    submit(home, service, orders(2))
    assert len(list(home.batches.glob("*.jsonl"))) == 1
    collect(home, service)
    assert list(home.batches.iterdir()) == []
    assert [method for method, path in service.seen if path.startswith("/files/")].count("DELETE") == 1


def test_an_upload_whose_beginning_never_left_is_forgotten_too(home: Home, service: Service) -> None:
    """Killed in between: the lines were released by the next start; the file goes with the next look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "sent", raiser(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            submit(home, service, orders(2))
    assert (states(home), len(list(home.batches.iterdir()))) == (["released"] * 2, 1)
    assert collecting.collect(home, service.account) == ()
    assert list(home.batches.iterdir()) == []
    assert [method for method, path in service.seen if path.startswith("/files/")] == ["DELETE"]


def test_lines_that_a_killed_program_left_are_cleared_away_in_time(home: Home, service: Service) -> None:
    """They hold prompts. One that may be at work is left alone."""
    batch_records.prepare(home)
    old, new = home.batches / ".lines.0.part", home.batches / ".lines.1.part"
    for each in (old, new):
        each.write_bytes(b"a small red door")
    os.utime(old, (1, 1))
    submit(home, service, orders(1))
    assert (old.exists(), new.exists()) == (False, True)


def test_any_later_process_collects_and_what_is_settled_stays(home: Home, service: Service) -> None:
    """Also when one was stopped between keeping a line and settling it."""
    submit(home, service, orders(3))
    settle = Ledger.settle
    calls = []

    def stopped_at_the_second(self: Ledger, id: str, bill: Any) -> None:
        calls.append(id)
        if len(calls) == 2:
            raise KeyboardInterrupt
        settle(self, id, bill)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "settle", stopped_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            collect(home, service)
    assert sorted(states(home)) == ["sent", "sent", "settled"]
    jobs.prepare(home)
    assert collect(home, service).settled == 2
    assert states(home) == ["settled"] * 3
    assert sum(entry.billed for entry in entries(home)) == 3 * BILL_IN_BATCH


def test_a_kept_line_is_settled_at_half_the_price_without_the_service(home: Home, service: Service) -> None:
    """When a person's host finds it first: the record says that it came through a batch."""
    (id,) = submit(home, service, orders(1))
    with Ledger(home.ledger) as ledger:
        ledger.unknown(id, "process-gone")
        asked = next(iter(batch_records.read(home, next(home.batches.iterdir()).stem).values()))
        store.keep(home, id, success([gradient_png(816, 816)]), "application/json", asked)
        assert recovery.settle(home, ledger, ledger.entry(id))
        assert ledger.entry(id).billed == BILL_IN_BATCH


def test_edits_carry_their_pictures_and_generations_go_apart(home: Home, service: Service) -> None:
    """A batch has one endpoint and one model, so a mixed list is several."""
    size = Size(816, 816)
    picture = Picture(size, gradient_png(*size))
    mixed = [
        *orders(2),
        *orders(1, kind="edit", images=(picture,)),
        *orders(1, model="gpt-image-2"),
    ]
    begun: list[int] = []
    submit(home, service, mixed, on_begun=lambda _batch, lines: begun.append(lines))
    assert sorted(begun) == [1, 1, 2]
    for _look in range(6):
        collecting.collect(home, service.account)
    assert states(home) == ["settled"] * 4


def test_a_budget_has_room_for_all_or_nothing_is_reserved(home: Home, service: Service) -> None:
    """Three would fit, four would not: nothing is uploaded, and the error speaks of the sum."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", 10_000)
    with pytest.raises(BudgetExceeded) as caught:
        submit(home, service, orders(4))
    assert caught.value.details["cost"] == "$0.011"
    assert (states(home), service.seen) == ([], [])
    submit(home, service, orders(3))
    assert states(home) == ["sent"] * 3


def test_one_deliberate_override_lets_all_pass(home: Home, service: Service) -> None:
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("action", 1)
        ledger.set_budget("month", 10_000)
    ids = submit(home, service, orders(4), over_budget=True)
    with Ledger(home.ledger) as ledger:
        assert ledger.steps(ids[3])[0].reason == "over-budget-action-month"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "gpt-image-2.6-flare"}, UnsupportedOption),
        ({"partial_images": 1}, UnsupportedOption),
        ({"size": Size(512, 512)}, ScumbleError),
        ({"kind": "edit", "images": (Picture(Size(816, 816), bytes(16_000_000)),)}, BadPicture),
    ],
)
def test_what_a_batch_does_not_take_is_refused_before_anything(
    home: Home, service: Service, changes: dict[str, Any], error: type[ScumbleError]
) -> None:
    with pytest.raises(error):
        submit(home, service, [*orders(2), *orders(1, **changes)])
    assert (states(home), service.seen) == ([], [])


@pytest.mark.parametrize("path", ["/files", "/batches"])
def test_a_refusal_releases_every_line(home: Home, service: Service, path: str) -> None:
    """Of the upload, or of the batch; what was uploaded is deleted."""
    service.answers.append(refuses("POST", path))
    with pytest.raises(RequestRejected):
        submit(home, service, orders(3))
    assert states(home) == ["released"] * 3
    assert list(home.batches.iterdir()) == []


def test_a_server_without_batches_says_so(home: Home, service: Service) -> None:
    service.answers.append(refuses("POST", "/files", 404))
    with pytest.raises(SetupError, match="no batches"):
        submit(home, service, orders(1))
    assert states(home) == ["released"]


def test_a_failed_upload_costs_nothing_whatever_the_failure(home: Home, service: Service) -> None:
    """Only the POST that begins a batch may be billed."""
    service.answers.append(refuses("POST", "/files", 500, "server_error"))
    with pytest.raises(NoUsableAnswer):
        submit(home, service, orders(2))
    assert states(home) == ["released"] * 2


def test_a_batch_whose_beginning_was_lost_is_unknown_and_found_by_its_file(
    home: Home, service: Service
) -> None:
    """The service began it, and its answer never came."""
    with pytest.MonkeyPatch.context() as patch:
        lose_answer_to_beginning(patch)
        with pytest.raises(ConnectionLost):
            submit(home, service, orders(2))
    assert states(home) == ["unknown"] * 2
    assert collect(home, service).settled == 2
    assert [entry.billed for entry in entries(home)] == [BILL_IN_BATCH] * 2


def lose_answer_to_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    send = client.send

    def losing(call: Any, account: Any, **named: Any) -> client.Received:
        reply = send(call, account, **named)
        if call.path == "/batches":
            raise ConnectionLost
        return reply

    monkeypatch.setattr(client, "send", losing)


def test_a_batch_that_was_never_begun_stays_unknown(home: Home, service: Service) -> None:
    """The service knows of no batch from that file; a person decides."""
    service.answers.append(refuses("POST", "/batches", 500, "server_error"))
    with pytest.raises(ScumbleError) as caught:
        submit(home, service, orders(1))
    assert caught.value.billing.value == "maybe"
    assert collect(home, service).status == "lost"
    assert states(home) == ["unknown"]


def test_what_a_killed_submission_left_is_released_or_found(home: Home, service: Service) -> None:
    """Stopped in the very middle of the upload: nothing had been begun."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "send", raiser(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            submit(home, service, orders(2))
    assert states(home) == ["released"] * 2


def test_a_full_disk_after_the_beginning_leaves_the_lines_findable(home: Home, service: Service) -> None:
    """The batch's id could not be written down; the file's had been."""
    note = Ledger.await_answer

    def full(self: Ledger, id: str, handle: str) -> None:
        if handle.startswith("batch_"):
            raise StorageError(path=home.folder, reason="the disk is full")
        note(self, id, handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "await_answer", full)
        with pytest.raises(StorageError) as caught:
            submit(home, service, orders(2))
    assert caught.value.billing.value == "maybe"
    assert collect(home, service).settled == 2


def test_lines_that_were_refused_are_released_and_the_others_settled(home: Home, service: Service) -> None:
    """Moderation of one; and one that the service says it made and held back, which may be billed."""
    ids = submit(home, service, orders(3))
    blocked = json.loads(refusal("image_generation_user_error", "moderation_blocked"))
    held_back = json.loads(
        refusal(
            "image_generation_user_error",
            "moderation_blocked",
            moderation_details={"moderation_stage": "output"},
        )
    )
    ended(
        service,
        [
            made(ids[0]),
            made(ids[1], response={"status_code": 400, "body": blocked}),
            made(ids[2], response={"status_code": 400, "body": held_back}),
        ],
    )
    assert (collect(home, service).settled, states(home)) == (1, ["settled", "released", "unknown"])


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled"])
def test_lines_that_the_service_did_not_come_to_are_released(home: Home, service: Service, code: str) -> None:
    ids = submit(home, service, orders(2))
    not_done = made(ids[1], response=None, error={"code": code, "message": "a small red door"})
    ended(service, [made(ids[0]), not_done], status="expired")
    collect(home, service)
    assert states(home) == ["settled", "released"]


def test_a_line_that_timed_out_at_the_service_is_unknown(home: Home, service: Service) -> None:
    """It says that the model was at work."""
    (id,) = submit(home, service, orders(1))
    ended(service, [made(id, response=None, error={"code": "request_timeout", "message": ""})])
    collect(home, service)
    assert states(home) == ["unknown"]


@pytest.mark.parametrize("status", ["expired", "cancelled", "failed"])
def test_silence_about_a_line_is_no_proof_unless_the_counts_are(
    home: Home, service: Service, status: str
) -> None:
    """One line came, and one was made: the other was not. Where two were made, one is missing."""
    ids = submit(home, service, orders(2))
    ended(service, [made(ids[0])], status=status)
    collect(home, service)
    assert states(home) == ["settled", "released"]
    service.answers.clear()
    others = submit(home, service, orders(2))
    counts = {"total": 2, "completed": 2, "failed": 0}
    ended(service, [made(others[0])], status=status, request_counts=counts)
    collect(home, service)
    assert states(home)[2:] == ["settled", "unknown"]


def test_a_batch_that_failed_its_validation_releases_everything(home: Home, service: Service) -> None:
    submit(home, service, orders(3))
    ended(service, [], status="failed", output_file_id=None)
    assert collect(home, service).released == 3
    assert states(home) == ["released"] * 3


def test_a_hostile_output_file_harms_nothing(home: Home, service: Service) -> None:
    """Another's id, the same line twice, no JSON, wrong shapes, NaN, an id of the store's folders."""
    ids = submit(home, service, orders(3))
    other = json.loads(success([gradient_png(832, 832)]))
    ended(
        service,
        [
            made("../../escape"),
            made("f" * 32),
            b"{not json",
            b'{"custom_id": "' + ids[0].encode() + b'", "response": NaN}',
            b"[]",
            b"null",
            made(ids[0]),
            made(ids[0], response={"status_code": 200, "body": other}),
            made(ids[1], response={"status_code": True, "body": {}}),
            made(ids[2], response={"status_code": 200, "body": {"data": [{"b64_json": "////"}]}}),
            b"\xff\xfe\x00",
        ],
    )
    found = collect(home, service)
    assert states(home) == ["settled", "unknown", "unknown"]
    assert (found.settled, found.unknown, found.odd) == (1, 2, 8)
    assert {stored.id for stored in store.all_stored(home)} == {ids[0], ids[2]}
    assert not list(home.folder.parent.glob("escape*"))


def test_a_missing_line_is_unknown_and_settled_when_it_turns_up(home: Home, service: Service) -> None:
    """Fetching costs nothing, so it is looked for again."""
    ids = submit(home, service, orders(2))
    ended(service, [made(ids[0])])
    collect(home, service)
    assert states(home) == ["settled", "unknown"]
    service.answers.clear()
    ended(service, [made(ids[0]), made(ids[1])])
    assert collect(home, service).settled == 1
    assert states(home) == ["settled", "settled"]


def test_results_that_the_service_no_longer_has_are_unknown(home: Home, service: Service) -> None:
    submit(home, service, orders(1))
    ended(service, [])
    service.answers.insert(0, refuses("GET", "/files/file-output/content", 404))
    collect(home, service)
    assert states(home) == ["unknown"]


def test_an_answer_that_breaks_off_leaves_the_rest_for_the_next_time(
    home: Home, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came whole until then is settled."""
    ids = submit(home, service, orders(2))
    ended(service, [made(ids[0]), made(ids[1])])
    gather = client.gather

    def broken(path: str, account: Any, on_piece: Callable[[bytes], None]) -> client.Received:
        whole = bytearray()
        gather(path, account, whole.extend)
        on_piece(bytes(whole[: len(whole) * 3 // 4]))
        raise NoUsableAnswer(host="", reason="")

    monkeypatch.setattr(client, "gather", broken)
    with pytest.raises(NoUsableAnswer):
        collecting.collect(home, service.account)
    assert states(home) == ["settled", "sent"]


def test_a_cancelled_batch_bills_what_was_made(home: Home, service: Service) -> None:
    """Four lines at each look: cancelled after the first, the other two were not made."""
    submit(home, service, orders(6))
    with Ledger(home.ledger) as ledger:
        id = batches.batch_of(ledger.awaited()[0].handle)[0]
    for _look in range(2):
        collecting.collect(home, service.account)
    cancelled = batches.cancel(id, service.account)
    assert cancelled is not None and cancelled.status == "cancelling"
    collect(home, service)
    assert sorted(states(home)) == ["released"] * 2 + ["settled"] * 4
    after = batches.cancel(id, service.account)
    assert after is not None and after.status == "cancelled"


def test_batches_of_the_sandbox_and_of_the_service_do_not_mix(home: Home, service: Service) -> None:
    submit(home, service, orders(1))
    assert collecting.waiting(home, sandbox=True) == {}
    assert len(collecting.waiting(home, sandbox=False)) == 1


def test_the_key_is_in_no_file(home: Home, service: Service) -> None:
    """The fixture of the data folder looks for it too; here it must have been used."""
    submit(home, service, orders(1))
    collect(home, service)
    assert b"sk-planted" not in b"".join(service.bodies)
