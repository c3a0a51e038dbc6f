# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that speak the API with an accent: Azure, LiteLLM, LocalAI, relays; what a user says of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from scumble import client, jobs, refusals, wire
from scumble.catalog import load
from scumble.credentials import Account, Secret, find_account
from scumble.errors import (
    BadPicture,
    BadRequest,
    Billing,
    EditsNotOffered,
    FieldNotKnown,
    RequestRejected,
    ScumbleError,
    ServerFault,
    SetupError,
)
from scumble.ledger import Ledger
from scumble.records import Asker
from scumble.request import Picture, Request
from scumble.servers import OPENAI, Dialect, dialect_of
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import EchoServer, FaultServer, answers, gradient_png, redirects, refusal, success

KEY = "sk-planted-0123456789"
SIZE = Size(1024, 1024)
PNG = gradient_png(*SIZE)
GENERATE = Request("generate", "gpt-image-2", "a small red door", SIZE, "low")
EDIT = dataclasses.replace(GENERATE, kind="edit", images=(Picture(SIZE, PNG),))
OK = answers(200, success([PNG]))


def account(base_url: str, dialect: Dialect = OPENAI, query: str = "") -> Account:
    return Account(base_url, Secret(KEY), "a test", "relay.example.com", query=query, dialect=dialect)


def ask(home: Home, request: Request, asked: Account) -> jobs.Result:
    return jobs.perform(request, Asker("cli"), home, asked, load())


def error_of(status: int, document: object, request: Request = GENERATE) -> ScumbleError:
    return refusals.error_from(status, {}, json.dumps(document).encode(), request, "a test")


def head_of(received: bytes) -> tuple[str, dict[str, str]]:
    """The target of a request, and its headers."""
    lines = received.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return lines[0].split(" ")[1], {name.lower(): value for name, value in headers.items()}


class TestAzure:
    @pytest.mark.parametrize(
        "host", ["mine.openai.azure.com", "MINE.services.ai.azure.com", "a.cognitiveservices.azure.com"]
    )
    def test_its_addresses_are_taken_with_their_version(self, home: Home, host: str) -> None:
        """The key goes under Azure's header, and prices are not known there."""
        url = f"https://{host}/openai/v1/?api-version=preview"
        found = find_account(home, {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY})
        assert found.base_url == f"https://{host.lower()}/openai/v1"
        assert found.address("/images/edits") == f"{found.base_url}/images/edits?api-version=preview"
        assert found.address("/files?limit=2") == f"{found.base_url}/files?limit=2&api-version=preview"
        assert (found.dialect.header, found.other_server) == ("api-key", host.lower())

    def test_the_version_and_the_key_go_with_every_call(self, home: Home) -> None:
        """Of a picture and of a question; nothing goes under Authorization."""
        azure = Dialect(header="api-key")
        with FaultServer(OK, OK, answers(200, b"{}")) as server:
            there = account(server.base_url, azure, "api-version=2025-04-01-preview")
            assert ask(home, GENERATE, there).answer.pictures == (PNG,)
            assert ask(home, EDIT, there).answer.pictures == (PNG,)
            client.fetch("/models", there)
        for received, path in zip(
            server.received, ("images/generations", "images/edits", "models"), strict=True
        ):
            target, headers = head_of(received)
            assert target == f"/v1/{path}?api-version=2025-04-01-preview"
            assert headers["api-key"] == KEY and "authorization" not in headers

    @pytest.mark.parametrize(
        "query",
        [
            "api-key=PlantedPassword",
            "api-version=",
            "api-version=1&sig=PlantedPassword",
            "api-version=1/../x",
        ],
    )
    def test_any_other_query_is_refused(self, home: Home, query: str) -> None:
        """A key in an address would end up in logs; the error does not show it either."""
        url = f"https://mine.openai.azure.com/openai/v1?{query}"
        with pytest.raises(SetupError, match="OPENAI_BASE_URL") as caught:
            find_account(home, {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY})
        assert "Planted" not in str(caught.value)

    def test_only_azures_own_names_are_azure(self, home: Home) -> None:
        """Not one that merely ends alike, nor one that holds the name."""
        for host in ("evilopenai.azure.com", "mine.openai.azure.com.example.com", "azure.com"):
            assert dialect_of(f"https://{host}/v1", home.servers) == OPENAI

    def test_the_key_stays_with_its_host(self) -> None:
        """A redirect is not followed, and a picture elsewhere is fetched without the key."""
        azure = Dialect(header="api-key")
        with FaultServer(redirects(307, "https://example.com/")) as server:
            reply = client.send(wire.encode(GENERATE), account(server.base_url, azure), on_sent=lambda: None)
        assert reply.status == 307 and server.connections == 1
        with FaultServer(answers(200, PNG)) as server:
            client.download(server.base_url + "/p.png", account(server.base_url, azure, "api-version=1"))
        target, headers = head_of(server.received[0])
        assert target == "/v1/p.png" and headers["api-key"] == KEY

    def test_its_refusals_are_understood(self) -> None:
        """A filter's code of its own, a status as a code, a deployment that is not there."""
        assert error_of(400, {"error": {"code": "contentFilter", "message": ""}}).code == "moderation-blocked"
        assert error_of(401, {"error": {"code": "401", "message": ""}}).code == "key-refused"
        assert error_of(404, {"error": {"code": "DeploymentNotFound"}}).code == "model-unavailable"


class TestServersFile:
    @pytest.mark.parametrize(
        ("name", "url"),
        [
            ("relay.example.com", "https://relay.example.com/v1"),
            ("Relay.Example.com", "https://RELAY.example.com:8443/v1"),
            ("relay.example.com:8443", "https://relay.example.com:8443/v1"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ],
    )
    def test_a_server_is_found_by_its_host(self, home: Home, name: str, url: str) -> None:
        """With its port or without, in any case."""
        home.servers.write_text(
            json.dumps({name: {"omit": ["background"], "header": "X-Api-Key", "edits": False}})
        )
        found = find_account(home, {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY})
        assert found.dialect == Dialect("X-Api-Key", "none", frozenset({"background"}))
        assert dialect_of("https://other.example.com/v1", home.servers) == OPENAI

    def test_a_port_goes_before_its_host(self, home: Home) -> None:
        """The nearer word counts, and Azure's header can be taken back."""
        home.servers.write_text(
            json.dumps(
                {"a.openai.azure.com": {"header": "Authorization"}, "a.openai.azure.com:1": {"edits": "json"}}
            )
        )
        assert dialect_of("https://a.openai.azure.com/v1", home.servers) == OPENAI
        assert dialect_of("https://a.openai.azure.com:1/v1", home.servers) == Dialect("api-key", "json")

    @pytest.mark.parametrize(
        "text",
        [
            "[]", "{", '{"h": 1}', '{"h": {"heder": "x"}}', '{"h": {"header": "X: y"}}',
            '{"h": {"header": "Host"}}',
            '{"h": {"header": "Content-Length"}}', '{"h": {"edits": true}}', '{"h": {"edits": "some"}}',
            '{"h": {"omit": "background"}}', '{"h": {"omit": ["prompt"]}}', '{"h": {"omit": ["model"]}}',
            '{"h": {"omit": [[]]}}', "\xff",
        ],
    )  # fmt: skip
    def test_a_file_that_says_what_does_not_exist_is_named(self, home: Home, text: str) -> None:
        """Before anything is sent."""
        home.servers.write_bytes(text.encode("latin-1"))
        with pytest.raises(SetupError, match=r"servers\.json"):
            find_account(home, {"OPENAI_BASE_URL": "https://h/v1", "OPENAI_API_KEY": KEY})

    def test_another_servers_entry_cannot_hurt(self, home: Home) -> None:
        """Only the one that is asked is read closely."""
        home.servers.write_text('{"other": {"edits": "some"}}')
        assert dialect_of("https://h/v1", home.servers) == OPENAI

    def test_a_field_left_out_is_not_sent(self, home: Home) -> None:
        """In JSON and in a form."""
        with EchoServer() as server:
            there = account(server.base_url, Dialect(omit=frozenset({"background", "output_format"})))
            ask(home, GENERATE, there)
            ask(home, EDIT, there)
        for seen in server.seen:
            sent = seen.json if seen.json is not None else seen.fields
            assert "quality" in sent and not {"background", "output_format"} & sent.keys()

    @pytest.mark.parametrize(
        ("omitted", "changes", "works"),
        [
            ("background", {"background": "transparent"}, "background = auto"),
            ("size", {}, "size = auto"),
            ("n", {"n": 2}, "n = 1"),
            ("output_format", {"output_format": "webp"}, "output_format = png"),
            ("moderation", {"moderation": "low"}, "moderation = auto"),
            ("output_compression", {"output_format": "jpeg", "output_compression": 5}, "leaving it out"),
        ],
    )
    def test_what_cannot_be_said_is_refused_and_not_dropped(
        self, home: Home, omitted: str, changes: dict[str, Any], works: str
    ) -> None:
        """Nothing is sent and nothing reserved; the error says what works."""
        request = dataclasses.replace(GENERATE, **changes)
        with EchoServer() as server:
            with pytest.raises(BadRequest, match=works):
                ask(home, request, account(server.base_url, Dialect(omit=frozenset({omitted}))))
        with Ledger(home.ledger) as ledger:
            assert server.seen == [] and ledger.entries() == []

    def test_edits_go_as_json_where_a_server_wants_it(self, home: Home) -> None:
        """And as a form only where it takes nothing else: then there is no moderation."""
        with FaultServer(OK) as server:
            ask(home, EDIT, account(server.base_url, Dialect(edits="json")))
            body = json.loads(server.received[0].partition(b"\r\n\r\n")[2])
        assert body["images"][0]["image_url"].startswith("data:image/png;base64,")
        with EchoServer() as echo:
            form_only = account(echo.base_url, Dialect(edits="multipart"))
            ask(home, EDIT, form_only)
            with pytest.raises(BadRequest, match="auto works"):
                ask(home, dataclasses.replace(EDIT, moderation="low"), form_only)
        assert len(echo.seen) == 1 and echo.seen[0].json is None

    def test_a_picture_too_long_for_json_is_refused_before_anything_is_reserved(self, home: Home) -> None:
        """Where edits go as JSON only."""
        huge = Picture(SIZE, PNG + bytes(16_000_000))
        with EchoServer() as server, pytest.raises(BadPicture, match="15 million"):
            ask(
                home,
                dataclasses.replace(EDIT, images=(huge,)),
                account(server.base_url, Dialect(edits="json")),
            )
        assert server.seen == []

    def test_edits_that_a_server_does_not_offer_are_refused_unasked(self, home: Home) -> None:
        """A new picture still works there."""
        with EchoServer() as server:
            there = account(server.base_url, Dialect(edits="none"))
            with pytest.raises(BadRequest, match="changes no pictures"):
                ask(home, EDIT, there)
            ask(home, GENERATE, there)
        assert len(server.seen) == 1


class TestComplaints:
    @pytest.mark.parametrize(
        ("status", "body"),
        [(404, b"404 page not found"), (405, b'{"detail":"Method Not Allowed"}'), (501, b""), (404, b"{}")],
    )
    def test_a_server_without_edits_says_so_and_costs_nothing(
        self, home: Home, status: int, body: bytes
    ) -> None:
        """As LocalAI and the small ones answer, where servers.json says nothing."""
        with FaultServer(answers(status, body)) as server, pytest.raises(EditsNotOffered) as caught:
            ask(home, EDIT, account(server.base_url))
        assert caught.value.billing is Billing.NOTHING
        with Ledger(home.ledger) as ledger:
            assert ledger.entries()[0].state == "released"

    def test_a_new_pictures_501_stays_unknown(self) -> None:
        """There it proves nothing; and a model that is not there is told by its envelope."""
        assert isinstance(error_of(501, {}), ServerFault)
        missing = {"error": {"code": "model_not_found", "message": "m"}}
        assert error_of(404, missing, EDIT).code == "model-unavailable"

    @pytest.mark.parametrize(
        ("status", "document", "param"),
        [
            (400, json.loads(refusal("any", "unknown_parameter", "background")), "background"),
            (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "quality"]}]}, "quality"),
            (
                400,
                {"error": {"message": "litellm.UnsupportedParamsError: x does not support parameters: "
                           "{'output_format': 'png'}", "type": None, "param": None, "code": "400"}},
                "output_format",
            ),
            (400, {"error": {"message": "Unknown field: moderation", "type": "bad_request"}}, "moderation"),
            (422, {"detail": "Unexpected keyword argument 'complexity'"}, "complexity"),
        ],
    )  # fmt: skip
    def test_a_field_that_a_server_does_not_know_is_named_with_the_remedy(
        self, status: int, document: object, param: str
    ) -> None:
        """In whichever way the server complains; the remedy names file and field."""
        error = error_of(status, document)
        assert isinstance(error, FieldNotKnown) and error.billing is Billing.NOTHING
        assert f'"omit": ["{param}"]' in error.what_to_do and "servers.json" in error.what_to_do

    @pytest.mark.parametrize(
        "document",
        [
            {"error": {"message": "an unknown thing of a background", "param": None}},
            {"error": {"message": "Unknown parameter: 'planted secret words'"}},
            {"error": {"message": 7}},
            {"detail": [7, {"type": "extra_forbidden", "loc": []}]},
            {"detail": {"type": "extra_forbidden"}},
            [],
        ],
    )
    def test_other_complaints_stay_what_they_are(self, document: object) -> None:
        """Nothing of a sentence is shown but a name of ours."""
        error = error_of(400, document)
        assert type(error) is RequestRejected and "planted" not in str(error)

    def test_a_field_with_the_words_of_a_prompt_is_not_shown(self) -> None:
        """What a server names must look like a field."""
        document = {"detail": [{"type": "extra_forbidden", "loc": ["body", "A small red door!"]}]}
        assert "door" not in str(error_of(422, document))


def test_the_dialect_of_the_sandbox_is_openais(home: Home, tmp_path: Path) -> None:
    """Without a key nothing is sent, whatever servers.json says."""
    home.servers.write_text('{"relay.example.com": {"edits": false}}')
    found = find_account(home, {"OPENAI_BASE_URL": "https://relay.example.com/v1"})
    assert found.sandbox and found.dialect == OPENAI
    assert ask(home, EDIT, found).answer.size == SIZE
