# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service says of its models, and who is warned of an end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from scumble import listing
from scumble.catalog import load
from scumble.cli import main
from scumble.credentials import SERVICE_URL, Account, Secret
from scumble.errors import NoUsableAnswer
from scumble.listing import Listing
from scumble.sandbox.service import respond
from scumble.settings import Home
from tests.servers import FaultServer, answers, lies_about_length

CATALOG = load()
ENDING = CATALOG.find("gpt-image-1.5")
LASTING = CATALOG.find("gpt-image-2")
ACCOUNT = Account(SERVICE_URL, Secret("sk-planted"), "a test")
TODAY = date(2026, 11, 22)


def account(base_url: str) -> Account:
    return Account(base_url, Secret("sk-planted"), "a test")


def listed(**shutdowns: date | None) -> Listing:
    """By ids with _ for what Python's names lack."""
    named = {id.replace("__", ".").replace("_", "-"): day for id, day in shutdowns.items()}
    return Listing(ACCOUNT.host, datetime.now(UTC), named)


def told(data: object) -> dict[str, date | None]:
    with FaultServer(answers(200, json.dumps({"data": data}).encode())) as server:
        return dict(listing.ask(account(server.base_url)).shutdowns)


def test_the_sandbox_lists_as_the_service_does() -> None:
    """With a shutdown_date for what ends; asked in this process, without a network."""
    found = listing.ask(Account(SERVICE_URL, None, ""))
    assert found.lists(LASTING) and found.shutdowns[LASTING.id] is None
    assert not found.lists(CATALOG.find("gpt-image-1"))
    catalog = replace(
        CATALOG, models=tuple(replace(each, shutdown=date(2100, 1, 2)) for each in CATALOG.models)
    )
    status, _headers, body = respond("GET", "/v1/models", {"Authorization": "Bearer x"}, b"", catalog=catalog)
    assert status == 200
    assert {item["shutdown_date"] for item in json.loads(body)["data"]} == {"2100-01-02"}


def test_each_form_of_a_day_is_read() -> None:
    """A date, a date with a time, Unix seconds; anything else is no day."""
    found = told(
        [
            {"id": "a", "shutdown_date": "2026-12-01"},
            {"id": "b", "shutdown_date": "2026-12-01T00:00:00Z"},
            {"id": "c", "shutdown_date": 1796083200},
            {"id": "d", "shutdown_date": None, "unknown": {"field": []}},
            {"id": "e"},
            {"id": "f", "shutdown_date": "soon"},
            {"id": "g", "shutdown_date": 10**30},
            {"id": "h", "shutdown_date": True},
        ]
    )
    end = date(2026, 12, 1)
    assert found == {"a": end, "b": end, "c": end} | dict.fromkeys("defgh")


def test_odd_items_are_left_out_and_do_not_hide_the_others() -> None:
    """An id is short, printable text."""
    assert told(
        [None, 1, [], {}, {"id": 1}, {"id": ""}, {"id": "x" * 201}, {"id": "a\x1b[2J"}, {"id": "a"}]
    ) == {"a": None}


def test_a_cut_list_is_no_list() -> None:
    """A part would make models look unlisted."""
    with FaultServer(lies_about_length(b'{"data": [{"id": "a"}', 1_000)) as server:
        with pytest.raises(NoUsableAnswer):
            listing.ask(account(server.base_url))


def test_what_is_remembered_is_of_one_service_and_not_for_ever(home: Home) -> None:
    """The lists of another server, or of last year, say nothing."""
    assert listing.remembered(home, ACCOUNT) is None
    found = listed(gpt_image_2=date(2027, 1, 1), other=None)
    listing.remember(home, found)
    assert listing.remembered(home, ACCOUNT) == found
    assert listing.remembered(home, account("https://relay.example.com/v1")) is None
    listing.remember(home, replace(found, asked_at=datetime.now(UTC) - timedelta(days=31)))
    assert listing.remembered(home, ACCOUNT) is None
    for damage in (b"", b"[]", b'{"host": 1}', b'{"host":"h","asked_at":"x","shutdowns":[]}', b"\xff"):
        home.listing.write_bytes(damage)
        assert listing.remembered(home, ACCOUNT) is None


def test_a_model_within_30_days_of_its_end_warns_with_its_successor() -> None:
    """By the catalogue alone; the day before and the 30th day included, the 31st not."""
    end = ENDING.shutdown
    assert end is not None
    assert listing.warnings(ENDING, None, end - timedelta(days=31)) == ()
    (said,) = listing.warnings(ENDING, None, end - timedelta(days=30))
    assert f"ends on {end}, in 30 days" in said
    assert f"Use {' or '.join(ENDING.successors)} instead." in said
    (said,) = listing.warnings(ENDING, None, end - timedelta(days=1))
    assert "tomorrow" in said
    assert listing.warnings(LASTING, None, TODAY) == ()


def test_the_earlier_of_catalogue_and_service_counts() -> None:
    """A day that only the service names warns too; that it names none takes nothing back."""
    soon = TODAY + timedelta(days=5)
    assert listing.last_day(LASTING, listed(gpt_image_2=soon)) == soon
    assert listing.last_day(LASTING, listed(**{LASTING.snapshots[0].replace("-", "_"): soon})) == soon
    assert listing.last_day(ENDING, listed(gpt_image_1__5=None)) == ENDING.shutdown
    assert listing.last_day(ENDING, listed(gpt_image_1__5=soon)) == soon
    assert listing.last_day(ENDING, listed(gpt_image_1__5=date(2099, 1, 1))) == ENDING.shutdown
    assert listing.last_day(LASTING, listed(something_else=soon)) is None
    (said,) = listing.warnings(LASTING, listed(gpt_image_2=soon), TODAY)
    assert f"ends on {soon}, in 5 days" in said
    (said,) = listing.warnings(LASTING, listed(gpt_image_2=TODAY), TODAY)
    assert "ended on" in said


@pytest.fixture
def ends_soon(home: Home, monkeypatch: pytest.MonkeyPatch) -> str:
    """The service said that the default model ends in a week; gives that day."""
    day = date.today() + timedelta(days=7)
    listing.remember(home, Listing(ACCOUNT.host, datetime.now(UTC), {CATALOG.default_model: day}))
    return day.isoformat()


@pytest.mark.parametrize(
    "arguments",
    [
        ["estimate", "generate"],
        ["plan", "--canvas", "4000x3000", "--selection", "0,0,300,200"],
        ["generate", "--prompt", "a", "--size", "1024x1024", "-o", "OUT.png"],
        ["models"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_each_verb_warns_on_standard_error_and_in_its_document(
    ends_soon: str, capsys: pytest.CaptureFixture[str], tmp_path: object, arguments: list[str], as_json: bool
) -> None:
    """So that neither a person nor a script is surprised."""
    placed = [each.replace("OUT", f"{tmp_path}/out") for each in arguments]
    assert main([*placed, *(["--json"] if as_json else [])]) == 0
    printed = capsys.readouterr()
    assert f"{CATALOG.default_model} ends on {ends_soon}, in 7 days" in printed.err
    assert printed.err.count(CATALOG.default_model) == 1
    if as_json:
        warnings = json.loads(printed.out)["warnings"]
        assert any(ends_soon in each for each in warnings)


def test_models_ask_shows_what_the_key_may_use(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """True or unknown, never false; asked once and remembered."""
    body = json.dumps({"data": [{"id": LASTING.id, "shutdown_date": "2099-01-01"}]}).encode()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    with FaultServer(answers(200, body)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        for ask in (["--ask"], []):
            assert main(["models", "--json", *ask]) == 0
            document = json.loads(capsys.readouterr().out)
            models = {model["id"]: model for model in document["models"]}
            assert document["asked_at"]
            assert models[LASTING.id]["listed"] is True
            assert (models[LASTING.id]["shutdown"], models[LASTING.id]["state"]) == ("2099-01-01", "ending")
            assert {model["listed"] for id, model in models.items() if id != LASTING.id} == {None}
        assert main(["models"]) == 0
        assert "unknown" in capsys.readouterr().out
    assert server.connections == 1


def test_asking_needs_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    """Which models the sandbox has is no news."""
    assert main(["models", "--ask"]) == 1
    assert "There is no API key." in capsys.readouterr().err
