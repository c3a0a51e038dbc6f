# SPDX-License-Identifier: GPL-3.0-or-later
"""The money of a request that fails or may not begin: released, unknown, or never reserved."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
from servers import (
    PROXY_PAGE,
    EchoServer,
    FaultServer,
    answers,
    closes_after_request,
    cuts_within_answer,
    gradient_png,
    http_answer,
    redirects,
    refusal,
    refused_port,
    resets_after_request,
    resets_within_request,
    sends,
    stalls,
    success,
)

from scumble import catalog, client, errors, jobs, performing, second_place, store, wire
from scumble.budgets import Scope
from scumble.cost import estimate
from scumble.credentials import SERVICE_URL, Account
from scumble.errors import Billing, ScumbleError, StorageError
from scumble.jobs import Arrived, Event, Failed, Finished, Job, NearBudget, Reserved, Result, Sent
from scumble.ledger import Ledger
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size
from tests.unit.jobs_cases import (
    ASKER,
    BILL_OF_USAGE,
    EDIT,
    GENERATE,
    GOOD,
    PATIENCE_SECONDS,
    account,
    entries,
    kept_ids,
    only_entry,
    perform,
    raiser,
)


class TestRefusedHere:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"model": "gpt-image-99"}, errors.UnknownModel),
            ({"model": "gpt-image-1"}, errors.ModelEnded),
            ({"size": Size(512, 512)}, errors.BadSize),
            ({"quality": "splendid"}, errors.UnsupportedOption),
            ({"prompt": " "}, errors.BadRequest),
        ],
    )
    def test_a_request_that_cannot_work_costs_nothing_and_leaves_no_trace(
        self, home: Home, changes: dict[str, object], expected: type[ScumbleError]
    ) -> None:
        """No connection, no row in the ledger; the error comes as an event too."""
        events: list[Event] = []
        with EchoServer() as server, pytest.raises(expected) as caught:
            perform(home, server.base_url, dataclasses.replace(GENERATE, **changes), events.append)
        assert server.seen == [] and entries(home) == []
        assert events == [Failed(caught.value)]

    def test_a_full_disk_is_noticed_before_anything_is_paid(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A picture that has no room is not bought."""
        monkeypatch.setattr(performing, "_free_bytes", lambda _folder: 1_000_000)
        with EchoServer() as server, pytest.raises(StorageError) as caught:
            perform(home, server.base_url)
        assert caught.value.billing is Billing.NOTHING
        assert server.seen == [] and entries(home) == []

    def test_results_that_cannot_be_written_are_noticed_before_anything_is_paid(self, home: Home) -> None:
        """A file where the folder of replies should be: a picture that could not be kept is not bought."""
        home.results.write_bytes(b"")
        with EchoServer() as server, pytest.raises(StorageError) as caught:
            perform(home, server.base_url)
        assert caught.value.billing is Billing.NOTHING
        assert server.seen == [] and only_entry(home).state == "released"

    def test_the_place_of_a_reply_is_there_before_the_request_leaves(self, home: Home) -> None:
        """Signed and empty; nobody takes it for a result."""
        found: list[tuple[list[str], int]] = []

        def look(event: Event) -> None:
            if isinstance(event, Sent):
                (place,) = home.results.iterdir()
                names = sorted(file.name for file in place.iterdir())
                found.append((names, len(store.all_stored(home))))

        with EchoServer() as server:
            perform(home, server.base_url, GENERATE, look)
        assert found == [(["asked.json", "reply.bin"], 0)] and len(store.all_stored(home)) == 1

    def test_a_refused_request_leaves_no_place(self, home: Home) -> None:
        """Nor does one that never left."""
        refused = answers(400, refusal("image_generation_user_error", "moderation_blocked"))
        with FaultServer(refused) as server, pytest.raises(errors.ModerationBlocked):
            perform(home, server.base_url)
        with refused_port() as port, pytest.raises(errors.NotConnected):
            perform(home, f"http://127.0.0.1:{port}/v1")
        assert list(home.results.iterdir()) == []

    def test_what_cannot_be_put_on_the_wire_is_released(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An option that the wire refuses after the reservation gives it back."""
        refused = errors.UnsupportedOption(model="a model", option="n", value=1, choices="2")
        monkeypatch.setattr(wire, "encode", raiser(refused))
        with EchoServer() as server, pytest.raises(errors.UnsupportedOption):
            perform(home, server.base_url, GENERATE)
        assert server.seen == [] and only_entry(home).state == "released"


class TestRefusedThere:
    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (400, refusal("image_generation_user_error", "invalid_value", "size"), errors.RequestRejected),
            (400, refusal("image_generation_user_error", "moderation_blocked"), errors.ModerationBlocked),
            (401, refusal("invalid_request_error", "invalid_api_key"), errors.KeyRefused),
            (403, PROXY_PAGE, errors.AccessDenied),
            (404, refusal("invalid_request_error", "model_not_found"), errors.ModelUnavailable),
            (429, refusal("insufficient_quota", "insufficient_quota"), errors.QuotaExhausted),
            (503, refusal("server_error", "slow_down"), errors.Overloaded),
        ],
    )
    def test_a_definite_refusal_gives_the_reservation_back(
        self, home: Home, status: int, body: bytes, expected: type[ScumbleError]
    ) -> None:
        """Released, nothing kept, asked once."""
        with FaultServer(answers(status, body)) as server, pytest.raises(expected) as caught:
            perform(home, server.base_url)
        assert caught.value.billing is Billing.NOTHING
        assert only_entry(home).state == "released"
        assert kept_ids(home) == [] and server.connections == 1

    def test_a_redirect_gives_the_reservation_back(self, home: Home) -> None:
        """It is a matter of the address that was set, and no work was done."""
        with FaultServer(redirects(307, "https://example.com/")) as server:
            with pytest.raises(errors.SetupError):
                perform(home, server.base_url)
        assert only_entry(home).state == "released"

    def test_a_picture_held_back_afterwards_stays_unknown(self, home: Home) -> None:
        """Work was done on it, so it may be billed."""
        details = {"moderation_stage": "output"}
        body = refusal("image_generation_user_error", "moderation_blocked", moderation_details=details)
        with FaultServer(answers(400, body)) as server:
            with pytest.raises(errors.ModerationBlockedAfterwards):
                perform(home, server.base_url)
        assert only_entry(home).state == "unknown"


class TestUnknown:
    @pytest.mark.parametrize(
        ("behaviour", "expected"),
        [
            pytest.param(resets_within_request(), errors.ConnectionLost, id="reset within the request"),
            pytest.param(resets_after_request(), errors.ConnectionLost, id="reset after the request"),
            pytest.param(closes_after_request(), errors.ConnectionLost, id="closed after the request"),
            pytest.param(cuts_within_answer(GOOD, 1_000), errors.ConnectionLost, id="cut within the answer"),
            pytest.param(stalls(), errors.TimedOut, id="stalls"),
            pytest.param(answers(500, PROXY_PAGE), errors.ServerFault, id="500"),
            pytest.param(answers(502, PROXY_PAGE), errors.ServerFault, id="502"),
            pytest.param(answers(503, PROXY_PAGE), errors.ServerFault, id="503"),
            pytest.param(answers(504), errors.ServerFault, id="504"),
        ],
    )
    def test_a_lost_answer_keeps_the_whole_reservation(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, behaviour: object, expected: type[ScumbleError]
    ) -> None:
        """Unknown, nothing billed yet, nothing sent again, no error page among the results."""
        monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
        with FaultServer(behaviour) as server, pytest.raises(expected) as caught:  # type: ignore[arg-type]
            perform(home, server.base_url)
        assert caught.value.billing is Billing.MAYBE
        entry = only_entry(home)
        assert (entry.state, entry.billed) == ("unknown", 0)
        assert kept_ids(home) == [] and server.connections == 1
        with Ledger(home.ledger) as ledger:
            assert ledger.totals().reserved_or_unknown == entry.spending.reserve

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(http_answer(200, PROXY_PAGE), id="a proxy's page"),
            pytest.param(http_answer(200, GOOD[:-5]), id="cut JSON"),
            pytest.param(http_answer(200, GOOD, declared_length=500), id="a length too small"),
            pytest.param(http_answer(200, success([gradient_png(768, 1024)])), id="another size"),
            pytest.param(http_answer(200, b""), id="an empty body"),
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="cut within the head"),
        ],
    )
    def test_a_reply_that_cannot_be_used_is_kept_and_unknown(self, home: Home, raw: bytes) -> None:
        """It was paid for, so its bytes stay, and the message says where."""
        with FaultServer(sends(raw)) as server, pytest.raises(errors.BadReply) as caught:
            perform(home, server.base_url)
        entry = only_entry(home)
        assert entry.state == "unknown"
        stored = store.find(home, entry.id)
        assert str(stored.folder) in str(caught.value)
        assert raw.endswith(stored.reply()) or stored.reply() == GOOD[:500]

    def test_a_connection_that_was_never_made_gives_the_reservation_back(self, home: Home) -> None:
        """Provably nothing was sent."""
        with refused_port() as port, pytest.raises(errors.NotConnected):
            perform(home, f"http://127.0.0.1:{port}/v1")
        assert only_entry(home).state == "released"


class TestStorage:
    def test_a_reply_that_cannot_be_kept_is_not_called_free(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor in a second place. The service worked: unknown, and the message does not say otherwise."""
        monkeypatch.setattr(second_place, "tries", lambda _home: ())

        def spoil(event: Event) -> None:
            if isinstance(event, Sent):
                shutil.rmtree(home.results)
                home.results.write_text("a file where the folder was")

        with EchoServer() as server, pytest.raises(errors.StorageFailedAfterSending) as caught:
            perform(home, server.base_url, GENERATE, spoil)
        assert caught.value.billing is Billing.MAYBE
        assert "Nothing was billed" not in str(caught.value)
        assert only_entry(home).state == "unknown"

    def test_a_bill_that_cannot_be_recorded_leaves_the_reply_kept(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reservation stays whole until it can be settled."""
        full = StorageError(path=home.folder, reason="the disk is full")
        monkeypatch.setattr(Ledger, "settle", raiser(full))
        with EchoServer() as server, pytest.raises(errors.BillNotRecorded) as caught:
            perform(home, server.base_url)
        assert caught.value.details["folder"] == store.find(home, only_entry(home).id).folder
        assert kept_ids(home) == [only_entry(home).id]
        assert only_entry(home).state == "unknown"

    def test_a_ledger_that_cannot_say_sent_keeps_the_request_here(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the record nothing leaves, and nothing is billed."""
        full = StorageError(path=home.folder, reason="the disk is full")
        monkeypatch.setattr(Ledger, "sent", raiser(full))
        with FaultServer(answers(200, GOOD)) as server, pytest.raises(StorageError) as caught:
            perform(home, server.base_url)
        assert caught.value.billing is Billing.NOTHING
        assert server.received == [] and only_entry(home).state == "released"

    def test_a_ledger_that_fails_twice_does_not_hide_the_first_error(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The state left behind is what the next start puts right."""
        full = StorageError(path=home.folder, reason="the disk is full")
        monkeypatch.setattr(Ledger, "unknown", raiser(full))
        with FaultServer(closes_after_request()) as server, pytest.raises(errors.ConnectionLost):
            perform(home, server.base_url)
        assert only_entry(home).state == "sent"


class TestDefects:
    def test_a_defect_before_sending_releases_and_passes_through(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The very exception is raised, with the ledger in order."""
        defect = RuntimeError("a defect")
        monkeypatch.setattr(wire, "encode", raiser(defect))
        with EchoServer() as server, pytest.raises(RuntimeError) as caught:
            perform(home, server.base_url)
        assert caught.value is defect
        assert only_entry(home).state == "released"

    @pytest.mark.parametrize("defect", [RuntimeError("a defect"), KeyboardInterrupt()])
    def test_a_defect_or_a_key_press_after_sending_is_unknown(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, defect: BaseException
    ) -> None:
        """Ctrl-C on the command line comes as an exception, too."""
        monkeypatch.setattr(wire, "decode", raiser(defect))
        with EchoServer() as server, pytest.raises(type(defect)):
            perform(home, server.base_url)
        entry = only_entry(home)
        assert entry.state == "unknown" and kept_ids(home) == [entry.id]


def budget(home: Home, scope: Scope, limit: int, project: str = "") -> None:
    with Ledger(home.ledger) as ledger:
        ledger.set_budget(scope, limit, project)


class TestBudgets:
    """The bound of EDIT at SIZE is what `reserve_of` says; the service bills BILL_OF_USAGE."""

    @pytest.mark.parametrize("scope", ["action", "day", "month", "project"])
    def test_a_budget_stops_a_request_before_anything_leaves(self, home: Home, scope: Scope) -> None:
        """The service sees nothing, the ledger has no row, and Failed says why."""
        budget(home, scope, reserve_of(EDIT) - 1, "book" if scope == "project" else "")
        events: list[Event] = []
        with EchoServer() as server, pytest.raises(errors.BudgetExceeded) as caught:
            perform(home, server.base_url, on_event=events.append)
        assert server.seen == [] and entries(home) == []
        assert events == [Failed(caught.value)]

    def test_an_override_lets_one_action_pass_and_is_recorded(self, home: Home) -> None:
        """The next one is stopped again."""
        budget(home, "day", 1)
        with EchoServer() as server:
            arguments = (EDIT, ASKER, home, account(server.base_url), catalog.load())
            result = jobs.perform(*arguments, over_budget=True)
            with pytest.raises(errors.BudgetExceeded):
                jobs.perform(*arguments)
        with Ledger(home.ledger) as ledger:
            assert ledger.steps(result.id)[0].reason == "over-budget-day"
            assert ledger.entry(result.id).billed == BILL_OF_USAGE

    def test_a_job_takes_the_override_too(self, home: Home) -> None:
        """As a host would start it, with and without."""
        budget(home, "project", 1, "book")
        outcomes = []
        with EchoServer() as server:
            for over_budget in (False, True):
                job = Job(EDIT, ASKER, home, account(server.base_url), catalog.load(), over_budget)
                job.start()
                assert job.wait(PATIENCE_SECONDS)
                outcomes.append(type(job.outcome))
        assert outcomes == [errors.BudgetExceeded, Result]

    @pytest.mark.parametrize(("percent", "near"), [(79, []), (80, ["day"]), (100, ["day"])])
    def test_a_host_hears_of_a_budget_that_is_nearly_used(
        self, home: Home, percent: int, near: list[str]
    ) -> None:
        """After Reserved, with the reservation counted; one event for each budget."""
        reserve = reserve_of(EDIT)
        budget(home, "day", reserve * 100 // percent)
        budget(home, "month", reserve * 10)
        events: list[Event] = []
        with EchoServer() as server:
            perform(home, server.base_url, on_event=events.append)
        heard = [event for event in events if isinstance(event, NearBudget)]
        assert [event.room.budget.scope for event in heard] == near
        assert all(event.room.used == reserve and event.id == only_entry(home).id for event in heard)
        assert [type(event) for event in events[1 : 1 + len(near)]] == [NearBudget] * len(near)

    def test_the_sandbox_neither_stops_nor_warns(self, home: Home) -> None:
        """Nothing is spent there."""
        budget(home, "day", 0)
        events: list[Event] = []
        jobs.perform(GENERATE, ASKER, home, Account(SERVICE_URL, None, ""), catalog.load(), events.append)
        assert [type(event) for event in events] == [Reserved, Sent, Arrived, Finished]

    def test_a_model_without_a_price_is_refused_under_a_budget(self, home: Home) -> None:
        """And allowed on purpose."""
        home.catalog.write_text(
            json.dumps({"schema": 1, "models": [{"id": GENERATE.model, "prices": None}]}), encoding="utf-8"
        )
        budget(home, "month", 10**9)
        with FaultServer(answers(200, GOOD)) as server:
            arguments = (GENERATE, ASKER, home, account(server.base_url), catalog.load(home.catalog))
            with pytest.raises(errors.PriceUnknown):
                jobs.perform(*arguments)
            result = jobs.perform(*arguments, over_budget=True)
        with Ledger(home.ledger) as ledger:
            assert ledger.steps(result.id)[0].reason == "over-budget-unpriced"
            assert not ledger.entry(result.id).spending.priced


def reserve_of(request: Request) -> int:
    return estimate(request, catalog.load().find(request.model)).reserve
