# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent, what it costs, and what is refused before or by the service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import bpy
import pytest
import servers
from blender import scenes
from blender.services import KEY, use_service
from servers import FaultServer

from scumble.ledger import Ledger
from scumble.money import price
from scumble.settings import Home

Module = Callable[[str], ModuleType]


@pytest.fixture
def offline() -> Iterator[None]:
    """Blender's own switch for online access, off as in a fresh installation."""
    system = bpy.context.preferences.system
    system.use_online_access = False
    assert not bpy.app.online_access
    yield
    system.use_online_access = False


def _sent(server: FaultServer) -> dict[str, Any]:
    (request,) = server.received
    body = servers.parse(request).json
    assert body is not None
    return body


def _states(home: Home) -> list[str]:
    with Ledger(home.ledger) as ledger:
        return [entry.state for entry in ledger.entries()]


def test_what_the_operator_is_given_is_what_is_sent(service: FaultServer) -> None:
    scenes.plane()
    bpy.ops.scumble.generate(
        prompt="oak", model="gpt-image-2.5-sunburst", quality="low", size="1024x1024", seamless=False
    )
    sent = _sent(service)
    assert sent["prompt"] == "oak"
    assert (sent["model"], sent["quality"], sent["size"]) == ("gpt-image-2.5-sunburst", "low", "1024x1024")


def test_what_it_is_not_given_comes_from_the_panel(service: FaultServer, session: Any) -> None:
    """The scene's choices and the prompt; seamless adds its hint after the words."""
    scenes.plane()
    session.prompt = "  mossy bricks "
    settings = bpy.context.scene.scumble
    settings.quality, settings.seamless = "low", True
    bpy.ops.scumble.generate()
    sent = _sent(service)
    assert sent["prompt"].startswith("mossy bricks\n\n") and len(sent["prompt"]) > 40
    assert (sent["model"], sent["quality"]) == ("gpt-image-2.5-flare", "low")


def test_every_choice_of_the_menus_is_a_request_the_model_takes(module: Module) -> None:
    """Each model with each of its qualities and sizes passes the check and has a price."""
    properties, asking = module("properties"), module("asking")
    settings, combinations = bpy.context.scene.scumble, 0
    for model, *_rest in tuple(properties._model_items(settings, None)):
        settings.model = model
        for quality, *_rest in tuple(properties._quality_items(settings, None)):
            for size, *_rest in tuple(properties._size_items(settings, None)):
                settings.quality, settings.size = quality, size
                wish = asking.Wish("oak", settings.model, settings.quality, settings.size, True)
                assert (wish.model, wish.quality, wish.size) == (model, quality, size)
                asking.checked_request(wish)
                assert asking.estimate(wish).priced
                combinations += 1
    assert combinations > 50


def test_a_choice_the_next_model_lacks_falls_back_to_one_it_has() -> None:
    """The stored choice is not lost: it is there again with the model that has it."""
    settings = bpy.context.scene.scumble
    settings.quality, settings.size = "max", "2048x2048"
    settings.model = "gpt-image-1-mini"
    assert (settings.quality, settings.size) == ("medium", "1024x1024")
    settings.model = "gpt-image-2.5-flare"
    assert (settings.quality, settings.size) == ("max", "2048x2048")


def test_redraws_do_not_compute_the_price_again(module: Module) -> None:
    asking = module("asking")
    wish = asking.Wish("oak", "gpt-image-2.5-flare", "medium", "1024x1024", True)
    assert asking.estimate(wish) is asking.estimate(wish)


def test_the_bill_without_usage_is_the_price_on_the_button(
    monkeypatch: pytest.MonkeyPatch, picture: bytes, session: Any, module: Module
) -> None:
    asking = module("asking")
    scenes.plane()
    with FaultServer(servers.answers(200, servers.success([picture], usage=None))) as server:
        use_service(monkeypatch, server.base_url)
        bpy.ops.scumble.generate(prompt="oak")
    wish = asking.Wish("oak", "gpt-image-2.5-flare", "medium", "1024x1024", True)
    assert session.last_billed == asking.estimate(wish).cost.expected > 10_000


def test_the_panel_tells_what_today_cost_and_a_budget_stops_the_next_one(
    service: FaultServer, session: Any, module: Module, home: Home
) -> None:
    """At once after a bill; the stop names the budget and sends nothing."""
    looking = module("looking")
    assert looking.look_now().spent is None
    scenes.plane()
    bpy.ops.scumble.generate(prompt="oak")
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", 20_000)
    assert looking.look_now().spent.allowance.describe() == f"Today {price(session.last_billed)} of $0.020"
    with pytest.raises(RuntimeError, match=re.escape("The budget for today has $0.00")):
        bpy.ops.scumble.generate(prompt="pine")
    assert session.last_error_code == "budget-exceeded"
    assert len(service.received) == 1


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ({"prompt": " "}, "bad-request", "the prompt is empty"),
        ({"model": "gpt-image-1"}, "model-ended", "shut down on 2026-10-23."),
        ({"model": "no-such"}, "unknown-model", "no model named no-such"),
        ({"size": "1000x1000"}, "bad-size", "nearest size that works is 1008x1008"),
        ({"size": "big"}, "bad-request", "written like 1024x1024"),
        ({"quality": "superb"}, "unsupported-option", "low, medium, high"),
    ],
)
def test_what_cannot_be_asked_is_refused_here(
    service: FaultServer, session: Any, options: dict[str, str], code: str, says: str
) -> None:
    """With the reason and the remedy, before anything is sent or made."""
    scenes.plane()
    with pytest.raises(RuntimeError, match=r"Nothing was billed") as caught:
        bpy.ops.scumble.generate(**({"prompt": "oak"} | options))
    assert says in str(caught.value)
    assert session.last_error_code == code and says in session.last_error
    assert service.connections == 0 and not bpy.data.materials


FAULTS = {
    "key-refused": servers.answers(401, servers.refusal("invalid_request_error", "invalid_api_key")),
    "moderation-blocked": servers.answers(
        400, servers.refusal("image_generation_user_error", "moderation_blocked")
    ),
    "server-fault": servers.answers(502, servers.PROXY_PAGE),
    "connection-lost": servers.closes_after_request(),
    "bad-reply": servers.answers(200, b"{}"),
}
MAYBE_BILLED = {"server-fault", "connection-lost", "bad-reply"}


@pytest.mark.parametrize("code", FAULTS)
def test_a_failure_of_the_service_is_told_with_what_it_means_for_the_money(
    monkeypatch: pytest.MonkeyPatch, home: Home, session: Any, code: str
) -> None:
    """Nothing is made of it, the prompt stays, and neither prompt nor key is in the text."""
    scenes.plane()
    session.prompt = "a small red door"
    with FaultServer(FAULTS[code]) as server:
        use_service(monkeypatch, server.base_url)
        with pytest.raises(RuntimeError) as caught:
            bpy.ops.scumble.generate()
        assert server.connections == 1
    text = str(caught.value)
    assert session.last_error_code == code
    assert session.last_error in text
    assert ("may still be billed" in text) == (code in MAYBE_BILLED)
    assert "red door" not in text and KEY not in text and "sk-planted" not in text
    assert session.prompt == "a small red door"
    assert _states(home) == ["unknown" if code in MAYBE_BILLED else "released"]
    assert not bpy.data.materials and not bpy.data.images


def test_an_unreachable_service_is_named(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    scenes.plane()
    with servers.refused_port() as port:
        use_service(monkeypatch, f"http://127.0.0.1:{port}/v1")
        with pytest.raises(
            RuntimeError, match=rf"127\.0\.0\.1:{port} could not be reached.*Nothing was billed"
        ):
            bpy.ops.scumble.generate(prompt="oak")
    assert _states(home) == ["released"]


@pytest.mark.usefixtures("offline")
def test_online_access_off_stops_what_would_leave_this_machine(
    monkeypatch: pytest.MonkeyPatch, home: Home, session: Any
) -> None:
    """And says where to allow it; nothing is reserved."""
    scenes.plane()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(RuntimeError, match=r"Online access is switched off in Blender.*Allow Online Access"):
        bpy.ops.scumble.generate(prompt="oak")
    assert session.last_error_code == "online-access-off"
    assert not home.ledger.exists()


@pytest.mark.usefixtures("offline", "service")
def test_online_access_off_allows_a_service_on_this_machine() -> None:
    scenes.plane()
    assert bpy.ops.scumble.generate(prompt="oak") == {"FINISHED"}


@pytest.mark.usefixtures("offline")
def test_without_a_key_the_sandbox_answers_free_and_offline(session: Any, home: Home) -> None:
    """It says what the service would have billed."""
    item = scenes.plane()
    assert bpy.ops.scumble.generate(prompt="oak") == {"FINISHED"}
    assert session.last_sandbox
    assert session.last_billed == 0 and session.last_would_bill > 10_000
    assert item.active_material["scumble_micro_dollars"] == 0
    assert tuple(bpy.data.images[session.last_image].size) == (1024, 1024)
    with Ledger(home.ledger) as ledger:
        (entry,) = ledger.entries()
    assert (entry.billed, entry.would_bill) == (0, session.last_would_bill)


def test_a_key_file_that_others_can_read_is_refused(home: Home, session: Any) -> None:
    scenes.plane()
    home.key.write_text(KEY)
    home.key.chmod(0o644)
    with pytest.raises(RuntimeError, match="chmod 600"):
        bpy.ops.scumble.generate(prompt="oak")
    assert session.last_error_code == "setup"
