# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns taken over a real socket: what the ledger and the store say after each way that they can end."""

from __future__ import annotations

import json
import threading
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from servers import Behaviour, FaultServer, answers, closes_after_request, refusal, refused_port

from scumble import catalog, conversations, pending, responses, store, turns
from scumble.conversations import Awaiting, TurnResult
from scumble.errors import (
    AnswerAwaited,
    AnswerGone,
    BadReply,
    BadRequest,
    Billing,
    BudgetExceeded,
    ConnectionLost,
    ConversationGone,
    NoPictureMade,
    NotConnected,
    RateLimited,
    ScumbleError,
    Stopped,
    StoppedAfterSending,
    StorageError,
    StorageFailedAfterSending,
)
from scumble.jobs import Arrived, Reserved, Sent, prepare
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.unit.conversations_cases import (
    ASKER,
    BILL_OF_USAGE,
    CATALOG,
    FLARE,
    HANDLE,
    IN_BACKGROUND,
    KEY,
    LUNA,
    PNG,
    REQUEST,
    SIZE,
    TURN,
    account,
    awaited_handles,
    only_entry,
    picture_call,
    response,
    take,
)

QUEUED, WORKING, DONE = response("queued"), response("in_progress"), response()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to be patient here."""
    monkeypatch.setattr(conversations, "_FIRST_PAUSE", 0.001)


def asked(server: FaultServer) -> list[str]:
    """Method and path of each request."""
    return [received.split(b" HTTP/")[0].decode() for received in server.received]


def server_of(*bodies: bytes, then: tuple[Behaviour, ...] = ()) -> FaultServer:
    return FaultServer(*(answers(200, body) for body in bodies), *then)


def fetched(home: Home, server: FaultServer) -> list[conversations.Fetched]:
    return conversations.fetch_answers(home, account(server.base_url))


def notes(home: Home) -> list[Path]:
    folder = home.folder / "awaited"
    return list(folder.iterdir()) if folder.exists() else []


def test_a_turn_is_kept_and_billed_by_what_both_models_used(home: Home) -> None:
    """The reply as it came, the picture beside it, the conversation's facts for a turn to follow."""
    events: list[object] = []
    with server_of(DONE) as server:
        result = take(home, server.base_url, on_event=events.append)
    assert [type(event) for event in events] == [Reserved, Sent, Arrived]
    assert result.answer.pictures == (PNG,) and result.response == HANDLE
    assert (result.bill.total, result.bill.from_usage) == (BILL_OF_USAGE, True)
    entry = only_entry(home)
    assert (entry.state, entry.billed, entry.spending.kind) == ("settled", BILL_OF_USAGE, "turn")
    assert entry.billed <= entry.spending.reserve
    kept = store.find(home, result.id)
    assert kept.reply() == DONE
    assert (kept.folder / "picture-1.png").read_bytes() == PNG
    assert kept.facts["bill"]["total"] == BILL_OF_USAGE
    assert notes(home) == [] and awaited_handles(home) == []


def test_a_turn_in_the_background_is_asked_for_until_it_is_there(home: Home) -> None:
    """Sent once; what follows are questions by its name."""
    events: list[object] = []
    with server_of(QUEUED, QUEUED, WORKING, DONE) as server:
        result = take(home, server.base_url, IN_BACKGROUND, events.append)
    assert asked(server) == ["POST /v1/responses", *[f"GET /v1/responses/{HANDLE}"] * 3]
    assert [type(event) for event in events] == [Reserved, Sent, Awaiting, Arrived]
    assert result.answer.pictures == (PNG,)
    assert (only_entry(home).state, only_entry(home).billed) == ("settled", BILL_OF_USAGE)
    assert store.find(home, result.id).reply() == DONE


def test_the_answers_name_is_on_disk_before_it_is_awaited(home: Home) -> None:
    """A program killed at that moment leaves all that it takes to fetch it."""
    seen: list[list[str]] = []
    with server_of(QUEUED, DONE) as server:
        take(
            home,
            server.base_url,
            IN_BACKGROUND,
            lambda event: seen.append(awaited_handles(home)) if isinstance(event, Awaiting) else None,
        )
    assert seen == [[HANDLE]]


def test_an_answer_that_takes_too_long_is_left_for_later(home: Home) -> None:
    """Not lost, not unknown, not asked twice: fetched later, it costs nothing more."""
    with server_of(QUEUED, WORKING) as server, pytest.raises(AnswerAwaited) as caught:
        take(home, server.base_url, IN_BACKGROUND, patience_seconds=0.01)
    assert caught.value.billing is Billing.MAYBE
    assert only_entry(home).state == "sent" and awaited_handles(home) == [HANDLE]
    assert prepare(home) == [] and only_entry(home).state == "sent"
    with server_of(WORKING, DONE) as server:
        (still,) = fetched(home, server)
        (came,) = fetched(home, server)
        nothing = fetched(home, server)
    assert isinstance(still.outcome, AnswerAwaited)
    assert isinstance(came.outcome, TurnResult) and came.outcome.answer.pictures == (PNG,)
    assert nothing == []
    assert asked(server) == [f"GET /v1/responses/{HANDLE}"] * 2
    entry = only_entry(home)
    assert (entry.state, entry.billed) == ("settled", BILL_OF_USAGE)
    assert store.find(home, entry.id).asked["prompt"] == REQUEST.prompt
    assert notes(home) == []


def test_a_note_that_was_lost_does_not_keep_the_answer_away(home: Home) -> None:
    """The ledger knows enough to read it, and to settle it at what was expected."""
    with server_of(QUEUED) as server, pytest.raises(AnswerAwaited):
        take(home, server.base_url, IN_BACKGROUND, patience_seconds=0)
    for note in notes(home):
        note.unlink()
    with server_of(DONE) as server:
        (came,) = fetched(home, server)
    assert isinstance(came.outcome, TurnResult)
    entry = only_entry(home)
    assert (entry.state, entry.billed, entry.from_usage) == ("settled", entry.spending.expected, False)


def test_what_the_service_no_longer_has_stays_unknown(home: Home) -> None:
    """With its whole reservation, and fetched with the right key it can still come."""
    with server_of(QUEUED) as server, pytest.raises(AnswerAwaited):
        take(home, server.base_url, IN_BACKGROUND, patience_seconds=0)
    with FaultServer(answers(404, refusal("invalid_request_error", None))) as server:
        (gone,) = fetched(home, server)
    assert isinstance(gone.outcome, AnswerGone)
    assert only_entry(home).state == "unknown"
    with server_of(DONE) as server:
        (came,) = fetched(home, server)
    assert isinstance(came.outcome, TurnResult) and only_entry(home).state == "settled"


@pytest.mark.parametrize("behaviour", [answers(500), answers(401), answers(429), closes_after_request()])
def test_no_other_answer_of_the_service_decides_anything(home: Home, behaviour: Behaviour) -> None:
    """A fault, a key that is refused, a limit: the answer is still there, and is asked for again."""
    with FaultServer(answers(200, QUEUED), behaviour, answers(200, DONE)) as server:
        result = take(home, server.base_url, IN_BACKGROUND)
    assert result.bill.total == BILL_OF_USAGE
    assert len(server.received) == 3


def test_without_a_network_an_answer_is_left_for_later(home: Home) -> None:
    """Nothing is decided by that."""
    with server_of(QUEUED) as server, pytest.raises(AnswerAwaited):
        take(home, server.base_url, IN_BACKGROUND, patience_seconds=0)
    with refused_port() as port:
        (waiting,) = conversations.fetch_answers(home, account(f"http://127.0.0.1:{port}/v1"))
    assert isinstance(waiting.outcome, AnswerAwaited) and only_entry(home).state == "sent"


def test_a_lost_first_answer_is_unknown_and_not_sent_again(home: Home) -> None:
    """Its name never came, so nobody can ask for it."""
    with FaultServer(closes_after_request()) as server, pytest.raises(ConnectionLost):
        take(home, server.base_url, IN_BACKGROUND)
    assert len(server.received) == 1
    assert only_entry(home).state == "unknown" and awaited_handles(home) == []


def test_a_service_that_is_not_there_costs_nothing(home: Home) -> None:
    """And leaves nothing behind."""
    with refused_port() as port, pytest.raises(NotConnected):
        take(home, f"http://127.0.0.1:{port}/v1")
    assert only_entry(home).state == "released"
    assert notes(home) == [] and list(home.results.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, refusal("rate_limit_error", "rate_limit_exceeded"), RateLimited),
        (400, refusal("invalid_request_error", "previous_response_not_found"), ConversationGone),
    ],
)
def test_a_refusal_releases(home: Home, status: int, body: bytes, kind: type[ScumbleError]) -> None:
    """In the background as elsewhere."""
    with FaultServer(answers(status, body)) as server, pytest.raises(kind):
        take(home, server.base_url, IN_BACKGROUND)
    assert only_entry(home).state == "released" and notes(home) == []


def test_bad_input_costs_nothing_and_leaves_no_trace(home: Home) -> None:
    """Not even a row."""
    with pytest.raises(BadRequest):
        take(home, "http://127.0.0.1:1/v1", replace(TURN, request=replace(REQUEST, prompt=" ")))
    with Ledger(home.ledger) as ledger:
        assert ledger.entries() == []


def test_a_budget_without_room_stops_a_turn(home: Home) -> None:
    """By the upper bound of both models' price."""
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("action", 20_000)
    with pytest.raises(BudgetExceeded):
        take(home, "http://127.0.0.1:1/v1")


def test_an_end_without_a_picture_is_billed_for_its_words(home: Home) -> None:
    """Said so, kept, and not offered for ever as paid and never placed."""
    with server_of(response(output=[], tool_usage=None)) as server, pytest.raises(NoPictureMade) as caught:
        take(home, server.base_url)
    assert caught.value.billing is Billing.BILLED
    entry = only_entry(home)
    assert (entry.state, entry.billed) == ("settled", 285)
    assert store.find(home, entry.id).facts["bill"]["total"] == 285
    assert store.unplaced(home) == []


def test_a_failure_that_counts_nothing_may_have_been_billed(home: Home) -> None:
    """Unknown, and said so."""
    with server_of(QUEUED, response("failed", error={"code": "server_error"})) as server:
        with pytest.raises(NoPictureMade) as caught:
            take(home, server.base_url, IN_BACKGROUND)
    assert caught.value.billing is Billing.MAYBE
    assert only_entry(home).state == "unknown"


def test_without_the_images_counts_it_is_billed_as_expected(home: Home) -> None:
    """And marked so: the service may leave them out."""
    with server_of(response(tool_usage=None)) as server:
        result = take(home, server.base_url)
    entry = only_entry(home)
    assert not result.bill.from_usage and not entry.from_usage
    image = turns.estimate(TURN, FLARE, LUNA)
    made = sum(line.cost.expected for line in image.lines if not line.part.startswith("conversation"))
    assert entry.billed == made + 285


@pytest.mark.parametrize("body", [b"<html>", b"{}", response(output=[picture_call(PNG[:-40])])])
def test_a_reply_that_cannot_be_read_is_kept_and_unknown(home: Home, body: bytes) -> None:
    """It may have been paid."""
    with server_of(body) as server, pytest.raises(BadReply):
        take(home, server.base_url)
    entry = only_entry(home)
    assert entry.state == "unknown"
    assert store.find(home, entry.id).reply() == body


def test_a_full_disk_does_not_lose_an_answer_that_has_a_name(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fetched when there is room."""

    def full(*_arguments: object) -> None:
        raise StorageError(path=home.folder, reason="the disk is full")

    with monkeypatch.context() as patched, server_of(DONE) as server:
        patched.setattr(store.Place, "close", full)
        with pytest.raises(StorageFailedAfterSending):
            take(home, server.base_url)
    assert only_entry(home).state == "sent" and awaited_handles(home) == [HANDLE]
    with server_of(DONE) as server:
        (came,) = fetched(home, server)
    assert isinstance(came.outcome, TurnResult) and only_entry(home).billed == BILL_OF_USAGE


def test_a_ledger_that_fails_after_the_answer_does_not_lose_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept first; the next start settles what the ledger could not take."""

    def full(*_arguments: object) -> None:
        raise StorageError(path=home.folder, reason="the disk is full")

    with monkeypatch.context() as patched, server_of(DONE) as server:
        for change in ("await_answer", "settle", "unknown"):
            patched.setattr(Ledger, change, full)
        with pytest.raises(StorageFailedAfterSending):
            take(home, server.base_url)
    entry = only_entry(home)
    assert entry.state == "sent" and store.find(home, entry.id).reply() == DONE
    monkeypatch.setattr("scumble.ledger.is_gone", lambda _process: True)
    prepare(home)
    assert (only_entry(home).state, only_entry(home).billed) == ("settled", BILL_OF_USAGE)


def test_a_program_that_is_interrupted_leaves_the_answer_awaited(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C while the service works: nothing is decided."""

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(conversations.client, "fetch", interrupted)
    with server_of(QUEUED) as server, pytest.raises(KeyboardInterrupt):
        take(home, server.base_url, IN_BACKGROUND)
    assert only_entry(home).state == "sent" and awaited_handles(home) == [HANDLE]


def test_stopping_before_it_is_sent_costs_nothing(home: Home) -> None:
    """No byte leaves."""
    stop = threading.Event()
    with server_of(DONE) as server, pytest.raises(Stopped):
        conversations.take_turn(
            TURN, ASKER, home, account(server.base_url), CATALOG, lambda _event: stop.set(), stop
        )
    assert [request for request in asked(server) if request] == []
    assert only_entry(home).state == "released"


def stopped(home: Home, *bodies: bytes) -> tuple[TurnResult | ScumbleError, list[str]]:
    """A turn in the background that is stopped once the service has it; what the service was asked."""
    stop = threading.Event()
    with server_of(QUEUED, *bodies) as server:
        try:
            outcome: TurnResult | ScumbleError = conversations.take_turn(
                IN_BACKGROUND,
                ASKER,
                home,
                account(server.base_url),
                CATALOG,
                lambda event: stop.set() if isinstance(event, Awaiting) else None,
                stop,
            )
        except ScumbleError as error:
            outcome = error
    return outcome, asked(server)


def test_stopping_a_turn_in_the_background_asks_the_service_to_stop(home: Home) -> None:
    """What it did by then may be billed: it does not say."""
    outcome, requests = stopped(home, WORKING, response("cancelled"))
    assert type(outcome) is StoppedAfterSending
    assert requests[-1] == f"POST /v1/responses/{HANDLE}/cancel"
    assert only_entry(home).state == "unknown"


def test_a_stop_that_comes_too_late_gives_the_picture(home: Home) -> None:
    """The service answers with what it has made."""
    outcome, _requests = stopped(home, WORKING, DONE)
    assert isinstance(outcome, TurnResult)
    assert only_entry(home).billed == BILL_OF_USAGE


def test_a_stop_that_does_not_arrive_leaves_the_answer_awaited(home: Home) -> None:
    """It will be made, and can be fetched."""
    outcome, _requests = stopped(home, WORKING, b"<html>")
    assert type(outcome) is AnswerAwaited
    assert only_entry(home).state == "sent" and awaited_handles(home) == [HANDLE]


def test_two_programs_may_fetch_one_answer(home: Home) -> None:
    """The first settles and keeps it; to the second it is the same answer."""
    with server_of(QUEUED) as server, pytest.raises(AnswerAwaited):
        take(home, server.base_url, IN_BACKGROUND, patience_seconds=0)
    barrier = threading.Barrier(2)
    outcomes: list[object] = []

    def fetch(server: FaultServer) -> None:
        barrier.wait()
        outcomes.extend(each.outcome for each in fetched(home, server))

    with server_of(DONE) as server:
        threads = [threading.Thread(target=fetch, args=(server,)) for _number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    # The slower one may find that nothing is awaited any more.
    assert 1 <= len(outcomes) <= 2 and all(isinstance(each, TurnResult) for each in outcomes)
    assert (only_entry(home).state, only_entry(home).billed) == ("settled", BILL_OF_USAGE)


def test_the_next_turn_follows_what_was_kept(home: Home) -> None:
    """By the response's name, with its length and its pictures in the price."""
    with server_of(DONE) as server:
        first = take(home, server.base_url)
        before = conversations.before(home, first.id)
        later = replace(TURN, request=replace(REQUEST, kind="edit"), before=before)
        second = take(home, server.base_url, later)
    sent = json.loads(server.received[1].split(b"\r\n\r\n", 1)[1])
    assert sent["previous_response_id"] == HANDLE
    assert before.pictures == (SIZE,) and before.tokens == 2_800
    assert before.words == len(REQUEST.prompt) + TURN.output_tokens_max
    assert conversations.before(home, second.id).pictures == (SIZE, SIZE)


def test_only_a_turn_with_a_picture_can_be_followed(home: Home) -> None:
    """Neither a picture of the Images API, nor a turn that ended without one."""
    with server_of(response(output=[], tool_usage=None)) as server, pytest.raises(NoPictureMade):
        take(home, server.base_url)
    with pytest.raises(BadRequest):
        conversations.before(home, only_entry(home).id)
    store.keep(home, "f" * 32, b'{"data": []}', "application/json", {"kind": "generate"})
    with pytest.raises(BadRequest):
        conversations.before(home, "f" * 32)


def test_other_servers_have_no_prices_and_no_made_up_bill(home: Home) -> None:
    """The models' own prices hold for the service alone."""
    with server_of(DONE) as server:
        elsewhere = replace(account(server.base_url), other_server="relay.example.com")
        result = conversations.take_turn(TURN, ASKER, home, elsewhere, catalog.load())
    entry = only_entry(home)
    assert (result.priced, result.bill.total, result.bill.from_usage) == (False, 0, False)
    assert (entry.spending.priced, entry.from_usage) == (False, False)


def test_a_turn_that_could_not_be_read_is_settled_when_it_can_be(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next start, as every other kept reply is: by a version that knows better, for instance."""
    with monkeypatch.context() as patched, server_of(DONE) as server:
        patched.setattr(responses, "decode", _raise_bad_reply)
        with pytest.raises(BadReply):
            take(home, server.base_url)
    assert only_entry(home).state == "unknown"
    prepare(home)
    assert (only_entry(home).state, only_entry(home).billed) == ("settled", BILL_OF_USAGE)


def _raise_bad_reply(*_arguments: object) -> None:
    raise BadReply(reason="a test says so")


def test_notes_of_killed_programs_are_cleared_away(home: Home) -> None:
    """Once nothing waits for them; one that is awaited stays."""
    with server_of(QUEUED) as server, pytest.raises(AnswerAwaited):
        take(home, server.base_url, IN_BACKGROUND, patience_seconds=0)
    pending.note(home, "0" * 32, {"prompt": "of a program that is gone"})
    with server_of(WORKING) as server:
        fetched(home, server)
    assert [note.stem for note in notes(home)] == [only_entry(home).id]


def test_neither_key_nor_prompt_is_in_what_is_shown(home: Home) -> None:
    """Of turns, results and errors."""
    with server_of(DONE) as server:
        result = take(home, server.base_url)
    shown = repr((TURN, result, responses.encode(TURN, FLARE, LUNA)))
    for body in (b"<html>", response("failed", error={"code": "server_error", "message": REQUEST.prompt})):
        with server_of(body) as server, pytest.raises(ScumbleError) as caught:
            take(home, server.base_url)
        # As error reporters do that show local variables.
        trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        said = "".join(trace.format())
        assert "take_turn" in said and KEY not in said
        shown += str(caught.value) + repr(caught.value) + repr(caught.value.details)
    assert "door" not in shown and KEY not in shown
