# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a request that succeeds: the order of ledger, service and store, and what shows of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from servers import EchoServer, FaultServer, answers, http_answer, refusal, sends

from scumble import catalog, errors, jobs, replies, store, wire
from scumble.credentials import Account
from scumble.errors import StorageError
from scumble.jobs import Arrived, Event, Finished, Reserved, Sent
from scumble.request import Request
from scumble.settings import Home
from tests.unit.jobs_cases import (
    ASKER,
    BILL_OF_USAGE,
    EDIT,
    GOOD,
    KEY,
    PNG,
    PROMPT,
    SIZE,
    only_entry,
    perform,
    raiser,
)


class TestSuccess:
    def test_a_request_is_reserved_sent_kept_and_settled(self, home: Home) -> None:
        """The result, the ledger, the store and the events tell one story."""
        events: list[Event] = []
        with EchoServer() as server:
            result = perform(home, server.base_url, on_event=events.append)
        entry = only_entry(home)
        assert result.answer.pictures == (PNG,)
        assert result.id == entry.id and not result.sandbox and result.seconds >= 0
        assert (entry.state, entry.billed, entry.from_usage) == ("settled", BILL_OF_USAGE, True)
        assert result.bill.total == BILL_OF_USAGE
        assert entry.spending.reserve == result.estimate.reserve >= BILL_OF_USAGE
        assert events == [
            Reserved(entry.id, result.estimate.reserve),
            Sent(entry.id),
            Arrived(entry.id),
            Finished(result),
        ]

    def test_the_ledger_names_what_was_asked_and_by_whom(self, home: Home) -> None:
        """Host, document and project; the size as it is written everywhere."""
        with EchoServer() as server:
            perform(home, server.base_url)
        spending = only_entry(home).spending
        assert (spending.host, spending.document, spending.project) == ("gimp", "harbour.xcf", "book")
        assert (spending.kind, spending.model, spending.size) == ("edit", "gpt-image-2.5-flare", "1024x768")
        assert (spending.quality, spending.n, spending.sandbox) == ("medium", 1, False)

    def test_the_reply_lies_beside_what_was_asked_and_what_it_cost(self, home: Home) -> None:
        """Byte for byte the reply, the prompt to find it by, the bill, and the picture as a file."""
        with FaultServer(answers(200, GOOD)) as server:
            result = perform(home, server.base_url)
        stored = store.find(home, result.id)
        assert stored.reply() == GOOD and stored.folder == result.folder
        assert stored.media_type == "application/json"
        assert stored.asked["prompt"] == PROMPT and stored.asked["document"] == "harbour.xcf"
        assert stored.facts["bill"]["total"] == BILL_OF_USAGE
        assert (result.folder / "picture-1.png").read_bytes() == PNG

    def test_without_usage_the_expected_price_is_billed(self, home: Home) -> None:
        """The bill says that it is an estimate."""
        with EchoServer(usage=None) as server:
            result = perform(home, server.base_url)
        entry = only_entry(home)
        assert (entry.billed, entry.from_usage) == (result.estimate.cost.expected, False)

    def test_any_status_of_success_is_kept_and_read(self, home: Home) -> None:
        """A relay that answers 201 was paid too."""
        with FaultServer(answers(201, GOOD)) as server:
            assert perform(home, server.base_url).answer.pictures == (PNG,)

    def test_the_ledger_says_sent_before_the_service_has_the_body(self, home: Home) -> None:
        """Seen from the server: when the request is there, `sent` is on disk for every other process."""
        states: list[str] = []
        look = sends(http_answer(200, GOOD), meanwhile=lambda: states.append(only_entry(home).state))
        with FaultServer(look) as server:
            perform(home, server.base_url)
        assert states == ["sent"]

    def test_nothing_is_sent_before_the_reservation_is_on_disk(self, home: Home) -> None:
        """At the event Reserved another connection sees it, and the server was not asked yet."""
        seen: list[tuple[str, int]] = []

        def look(event: Event) -> None:
            if isinstance(event, Reserved):
                seen.append((only_entry(home).state, len(server.seen)))

        with EchoServer() as server:
            perform(home, server.base_url, on_event=look)
        assert seen == [("reserved", 0)]

    def test_the_reply_is_on_disk_before_it_is_read(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reader finds the reply in the store."""
        read = replies.read

        def look(body: bytes, media_type: str, request: Request, fetched: tuple[bytes, ...]) -> wire.Answer:
            assert store.find(home, only_entry(home).id).reply() == body
            return read(body, media_type, request, fetched)

        monkeypatch.setattr(replies, "read", look)
        with EchoServer() as server:
            assert perform(home, server.base_url).answer.pictures == (PNG,)

    def test_copies_that_cannot_be_written_do_not_cost_the_picture(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reply itself is kept and settled, so the host gets its picture."""
        full = StorageError(path=home.folder, reason="the disk is full")
        monkeypatch.setattr(store, "describe", raiser(full))
        with EchoServer() as server:
            assert perform(home, server.base_url).answer.pictures == (PNG,)
        assert only_entry(home).state == "settled"


class TestSandbox:
    def test_without_a_key_nothing_is_billed_and_the_price_is_recorded(self, home: Home) -> None:
        """The whole way is walked, and the ledger says what the service would have billed."""
        sandbox = Account("https://api.openai.com/v1", None, "")
        result = jobs.perform(EDIT, ASKER, home, sandbox, catalog.load())
        entry = only_entry(home)
        assert result.sandbox and entry.spending.sandbox
        assert (entry.state, entry.billed, entry.would_bill) == ("settled", 0, result.bill.total)
        assert result.bill.total > 0 and result.bill.from_usage
        assert result.answer.size == SIZE
        assert store.find(home, result.id).asked["sandbox"] is True


class TestSecrets:
    def test_the_key_is_in_no_file_and_the_prompt_only_beside_its_reply(self, home: Home) -> None:
        """The ledger holds neither; the result folder is the user's own record."""
        with EchoServer() as server:
            perform(home, server.base_url)
        files = [path for path in home.folder.rglob("*") if path.is_file()]
        assert home.ledger in files and len(files) >= 4
        holding_prompt = [path.name for path in files if PROMPT.encode() in path.read_bytes()]
        assert not any(KEY.encode() in path.read_bytes() for path in files)
        assert holding_prompt == ["asked.json"]

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
    def test_what_is_kept_is_for_the_owner_only(self, home: Home) -> None:
        """Prompts and pictures are private."""
        with EchoServer() as server:
            folder = perform(home, server.base_url).folder
        assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.iterdir()))

    def test_no_value_on_the_way_shows_the_prompt_the_key_or_the_pictures(self, home: Home) -> None:
        """Events, results and errors can be logged as they are."""
        shown: list[str] = []
        with EchoServer() as server:
            shown.append(
                repr(perform(home, server.base_url, on_event=lambda event: shown.append(repr(event))))
            )
        with FaultServer(answers(400, refusal(PROMPT, KEY, PROMPT))) as server:
            with pytest.raises(errors.RequestRejected) as caught:
                perform(home, server.base_url, on_event=lambda event: shown.append(repr(event) + str(event)))
        shown += [str(caught.value), repr(caught.value), repr(caught.value.details), repr(ASKER)]
        text = "".join(shown)
        assert PROMPT not in text and KEY not in text and "PNG" not in text
        assert "harbour.xcf" not in text

    def test_what_was_asked_holds_no_picture(self, home: Home) -> None:
        """Uploads are the user's documents; the record has their sizes."""
        with EchoServer() as server:
            result = perform(home, server.base_url)
        asked = json.loads(Path(result.folder, "asked.json").read_text())
        assert asked["asked"]["image_sizes"] == ["1024x768"]
        assert len(json.dumps(asked)) < 3_000
