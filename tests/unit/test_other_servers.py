# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that speak the same API and are not OpenAI's: no price is taken as known, addresses are fetched."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from scumble import client, credentials, jobs, recovery, store, wire
from scumble.catalog import load
from scumble.cli import main
from scumble.credentials import SERVICE_URL, Account, Secret, find_account
from scumble.errors import BadReply
from scumble.ledger import Ledger
from scumble.records import Asker
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size
from tests.servers import (
    FaultServer,
    answers,
    gradient_png,
    redirects,
    refused_port,
    stalls,
    write_certificate,
)

KEY = "sk-planted-0123456789"
SIZE = Size(1024, 1024)
PNG = gradient_png(*SIZE)
REQUEST = Request("generate", "gpt-image-2", "a small red door", SIZE, "low")
PRICES = {
    "text_input": 1_000_000, "text_input_cached": 0, "image_input": 0, "image_input_cached": 0,
    "image_output": 2_000_000, "text_output": None,
}  # fmt: skip


def account(base_url: str) -> Account:
    return Account(base_url, Secret(KEY), "a test", other_server=base_url.split("/")[2])


def naming(*addresses: str, **more: object) -> bytes:
    return json.dumps({"created": 1, "data": [{"url": each, "x": 1} for each in addresses], **more}).encode()


class TestPrices:
    @pytest.mark.parametrize(
        ("url", "key", "other"),
        [
            ("", KEY, ""),
            ("https://API.openai.com/v1/", KEY, ""),
            ("https://relay.example.com/v1", KEY, "relay.example.com"),
            ("https://api.openai.com.example.com/v1", KEY, "api.openai.com.example.com"),
            ("http://127.0.0.1:8080/v1", KEY, ""),
            ("https://localhost:8443/v1", KEY, ""),
            ("http://127.0.0.1:8080/v1", "", ""),
        ],
    )
    def test_a_server_is_the_service_by_its_name(self, home: Home, url: str, key: str, other: str) -> None:
        """Without a key it is the sandbox, which plays the service; what listens here passes on to it."""
        assert find_account(home, {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": key}).other_server == other

    def test_the_service_and_the_sandbox_have_the_built_in_prices(self) -> None:
        """Nothing changes for them."""
        assert load().priced_for("") is load()

    def test_other_servers_have_the_prices_that_the_user_gives(self, home: Home) -> None:
        """Model by model; the others' are unknown there, and known to the service as ever."""
        mine = {"id": "gpt-image-2", "prices": PRICES}
        home.catalog.write_text(
            json.dumps({"schema": 1, "models": [mine, {"id": "gpt-image-2.5-flare", "n_max": 4}]})
        )
        catalog = load(home.catalog)
        there = catalog.priced_for("relay.example.com")
        assert {model.id for model in there.models if model.prices} == {"gpt-image-2"}
        prices = there.find("gpt-image-2").prices
        assert prices is not None and prices.image_output == 2_000_000
        assert there.find("gpt-image-2.5-flare").n_max == 4
        assert catalog.find("gpt-image-2.5-flare").prices is not None

    @pytest.mark.parametrize("host", ["relay.example.com", "relay.example.com:8443"])
    def test_a_relay_can_be_named_for_which_all_prices_hold(self, home: Home, host: str) -> None:
        """One line of the user's file; a host without a port covers each port."""
        home.catalog.write_text(json.dumps({"schema": 1, "prices_hold_for": [host]}))
        catalog = load(home.catalog)
        assert catalog.priced_for("relay.example.com:8443") is catalog
        assert catalog.priced_for("other.example.com").find("gpt-image-2").prices is None

    def test_nothing_is_recorded_as_known(self, home: Home) -> None:
        """Even when the server counts tokens: a bill of 0 that is not from usage, and no price at all."""
        body = json.dumps(
            json.loads(naming()) | {
                "data": [{"b64_json": base64.b64encode(PNG).decode(), "seed": 7}],
                "usage": {"input_tokens_details": {"text_tokens": 9}, "output_tokens": 300, "new": []},
                "model": "flux", "unknown": {"field": [1]},
            }
        ).encode()  # fmt: skip
        with FaultServer(answers(200, body)) as server:
            result = jobs.perform(REQUEST, Asker("cli"), home, account(server.base_url), load())
        assert not result.estimate.priced and result.answer.pictures == (PNG,)
        assert (result.bill.total, result.bill.from_usage) == (0, False)
        with Ledger(home.ledger) as ledger:
            entry = ledger.entry(result.id)
        assert (entry.state, entry.billed, entry.from_usage, entry.spending.expected) == (
            "settled",
            0,
            False,
            0,
        )
        assert store.find(home, result.id).asked["priced"] is False

    @pytest.mark.parametrize(
        "command", [["estimate", "generate"], ["plan", "--canvas", "2000x2000", "--selection", "0,0,300,200"]]
    )
    def test_no_price_is_shown(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
    ) -> None:
        """In words and in JSON."""
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", "https://relay.example.com/v1")
        assert main(command) == 0
        printed = capsys.readouterr().out
        assert "price unknown" in printed and "$" not in printed
        assert main([*command, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document.get("estimate", document)["usd"] is None
        assert main(["models"]) == 0
        assert "$" not in capsys.readouterr().out

    def test_a_made_picture_has_no_price_either(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Home
    ) -> None:
        """Neither before nor after, and the list of results says unknown."""
        monkeypatch.setattr(credentials, "_other_server", lambda url: "relay.example.com")
        from tests.servers import EchoServer

        with EchoServer() as server:
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            assert main(["generate", "--prompt", "x", "-o", str(tmp_path / "x.png")]) == 0
            assert "$" not in capsys.readouterr().out
            assert main(["generate", "--prompt", "x", "-o", str(tmp_path / "x.png"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["bill"] == {
            "usd": None, "would_be_usd": None, "from_usage": False,
        }  # fmt: skip
        assert main(["results", "list", "--json"]) == 0
        assert {one["billed_usd"] for one in json.loads(capsys.readouterr().out)["results"]} == {None}


class TestAddresses:
    def test_a_picture_on_the_same_host_is_fetched_with_the_key(self, home: Home) -> None:
        """As LocalAI answers; kept beside the reply before it is read."""
        with FaultServer(answers(200, PNG)) as pictures:
            with FaultServer(answers(200, naming(f"{pictures.base_url}/p.png?sig=a%2Fb"))) as server:
                with pytest.raises(BadReply, match="neither the service's nor https"):
                    jobs.perform(REQUEST, Asker("cli"), home, account(server.base_url), load())
        assert pictures.connections == 0, "another port is another server"

        def reply(connection: Any, stopping: Any) -> bytes:
            return answers(200, naming(f"{server.base_url}/p.png?sig=a%2Fb"))(connection, stopping)

        with FaultServer(reply, answers(200, PNG)) as server:
            result = jobs.perform(REQUEST, Asker("cli"), home, account(server.base_url), load())
            received = server.received
        assert result.answer.pictures == (PNG,)
        assert received[1].startswith(b"GET /v1/p.png?sig=a%2Fb HTTP/1.1\r\n")
        assert f"Authorization: Bearer {KEY}".encode() in received[1]
        stored = store.find(home, result.id)
        assert stored.fetched() == (PNG,) and recovery.reread(stored).pictures == (PNG,)

    def test_another_host_gets_no_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Over https, certificate checked."""
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path)))
        with FaultServer(answers(200, PNG), tls=True) as server:
            address = server.base_url.replace("127.0.0.1", "localhost") + "/p.png"
            assert client.download(address, account(server.base_url)) == PNG
            assert client.download(server.base_url + "/p.png", account(server.base_url)) == PNG
        assert KEY.encode() not in server.received[0]
        assert KEY.encode() in server.received[1]

    @pytest.mark.parametrize(
        "address",
        [
            "http://example.com/p.png", "ftp://127.0.0.1/p.png", "file:///etc/passwd", "//127.0.0.1/p.png",
            "/p.png",
            "https://user:pass@example.com/p.png", "https://", "https://[::1/p.png", "https://exa mple.com/",
            "https://example.com:99999/p.png", "https://example.com\\.evil/", "data:image/png;base64,AAAA",
            "https://örtlich.example.com/", "https://example.com/\n", "https://example.com/" + "a" * 9_000,
        ],
    )  # fmt: skip
    def test_any_other_address_is_refused_unasked(self, address: str) -> None:
        """The error shows no address, which may be signed."""
        with pytest.raises(BadReply) as caught:
            client.download(address, account("http://127.0.0.1:9/v1"))
        assert address not in str(caught.value) and "neither" in str(caught.value)

    @pytest.mark.parametrize(
        "behaviour",
        [
            answers(404, b""), redirects(302, "https://example.com/p.png"), redirects(307, "/v1/other.png"),
            stalls(),
            answers(200, b"x" * 3_000),
        ],
        ids=["missing", "redirected away", "redirected", "stalls", "too long"],
    )  # fmt: skip
    def test_a_picture_that_does_not_come_is_a_bad_reply(
        self, behaviour: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In bounded time and memory, with no redirect followed."""
        monkeypatch.setattr(client, "QUICK_SECONDS", 0.3)
        monkeypatch.setattr(client, "PICTURE_BYTES_MAX", 2_000)
        with FaultServer(behaviour) as server:
            with pytest.raises(BadReply, match="could not be fetched"):
                client.download(f"{server.base_url}/p.png", account(server.base_url))
        assert server.connections == 1
        with refused_port() as port:
            with pytest.raises(BadReply, match="could not be fetched"):
                client.download(f"http://127.0.0.1:{port}/p.png", account(f"http://127.0.0.1:{port}/v1"))

    def test_what_did_not_come_is_kept_unknown_and_can_be_restored(self, home: Home, tmp_path: Path) -> None:
        """The reply with its address is on disk; the picture is fetched when it is asked for again."""
        port = []

        def reply(connection: Any, stopping: Any) -> bytes:
            return answers(200, naming(f"http://127.0.0.1:{port[0]}/v1/p.png"))(connection, stopping)

        with FaultServer(reply, answers(500), answers(200, PNG)) as server:
            port.append(server.port)
            with pytest.raises(BadReply, match="kept in"):
                jobs.perform(REQUEST, Asker("cli"), home, account(server.base_url), load())
            (stored,) = store.all_stored(home)
            with Ledger(home.ledger) as ledger:
                assert ledger.entry(stored.id).state == "unknown"
            answer = recovery.complete(home, stored, lambda: account(server.base_url))
            assert answer.pictures == (PNG,)
            assert recovery.complete(home, stored, lambda: account(server.base_url)).pictures == (PNG,)
        assert server.connections == 3, "what was fetched is not fetched again"

    def test_a_fetched_picture_is_checked_as_any_other(self) -> None:
        """By its bytes and its size; one that is missing is told."""
        body = naming("https://a.example/1.png")
        assert wire.addresses(json.loads(body), REQUEST) == ("https://a.example/1.png",)
        assert wire.decode(body, REQUEST, [PNG]).pictures == (PNG,)
        for bad in (b"<html>", gradient_png(16, 16), PNG[:-12]):
            with pytest.raises(BadReply):
                wire.decode(body, REQUEST, [bad])
        with pytest.raises(BadReply, match="names an address"):
            wire.decode(body, REQUEST)
        too_many = json.loads(naming("https://a", "https://b"))
        assert wire.addresses(too_many, REQUEST) == (), "more than were asked for"
        assert wire.addresses([], REQUEST) == wire.addresses(None, REQUEST) == ()


def test_the_service_is_known_by_its_whole_name() -> None:
    """The address that everything else is compared with."""
    assert SERVICE_URL == "https://api.openai.com/v1"
