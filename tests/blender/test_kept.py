# SPDX-License-Identifier: GPL-3.0-or-later
"""What was paid for and is kept: offered at the next start, applied, asked again, exported, forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from blender import scenes
from blender.services import use_service
from servers import EchoServer, FaultServer

from scumble import store
from scumble.ledger import Ledger
from scumble.settings import Home
from scumble.textures import seamless_prompt

PACKAGE = "bl_ext.user_default.scumble"
Module = Callable[[str], ModuleType]

# A Blender that buys a texture for a selected plane and is killed before it could apply it.
_KILLED = f"""
import os, threading, time
import bpy, addon_utils
addon_utils.enable("{PACKAGE}")
from {PACKAGE} import asking, running, targets
bpy.ops.mesh.primitive_plane_add()
wish = asking.Wish("oak", "gpt-image-2.5-flare", "low", "1024x1024", True)
task = running.start(wish, targets.choose(bpy.context, "NEW"))
if os.environ["KILL_AFTER"] == "answer":
    task.job.wait()
else:
    while not task.job.left:
        time.sleep(0.01)
os.kill(os.getpid(), 9)
"""


def _kept(service: FaultServer, session: Any, **options: Any) -> str:
    """The id of a result that was bought and whose object went away meanwhile; it is not applied."""
    item = scenes.plane()
    bpy.ops.scumble.generate(prompt="worn oak", **options)
    bpy.data.objects.remove(item)
    result: str = session.last_result
    return result


def _killed(after: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED],
        env=os.environ | {"KILL_AFTER": after},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == -9, ended.stderr


def test_a_picture_of_a_blender_that_was_killed_is_offered_by_the_next(
    service: FaultServer, module: Module, home: Home, picture: bytes
) -> None:
    """Bought once: the next Blender applies it from the store, with its price on the material."""
    _killed(after="answer")
    (offered,) = [one for one in module("looking").look_now().kept if one.unplaced and one.offered]
    item = scenes.plane()
    assert bpy.ops.scumble.apply_result(result=offered.id) == {"FINISHED"}
    image = scenes.texture_of(item.active_material).image
    assert image.packed_file.data == picture
    assert item.active_material["scumble_micro_dollars"] == offered.billed > 0
    assert item.active_material["scumble_result"] == offered.id
    assert not [one for one in module("looking").look_now().kept if one.unplaced]
    assert len(service.received) == 1


def test_a_blender_that_was_killed_while_it_waited_leaves_an_unknown_spending(
    module: Module, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is listed with what it may have cost, and a person decides."""
    with EchoServer(gate=threading.Event()) as server:
        use_service(monkeypatch, server.base_url)
        _killed(after="sending")
        (unknown,) = module("looking").look_now().spent.unknown
    assert unknown.spending.reserve >= unknown.spending.expected > 0
    assert bpy.ops.scumble.settle_billed(spending=unknown.id, amount="0.0071") == {"FINISHED"}
    with Ledger(home.ledger) as ledger:
        assert (ledger.entry(unknown.id).state, ledger.entry(unknown.id).billed) == ("settled", 7_100)
    with pytest.raises(RuntimeError, match="decided already"):
        bpy.ops.scumble.settle_nothing(spending=unknown.id)


def test_an_amount_that_is_none_decides_nothing(module: Module, home: Home) -> None:
    with pytest.raises(RuntimeError, match="written like"):
        bpy.ops.scumble.settle_billed(spending="any", amount="a lot")
    with pytest.raises(RuntimeError, match="written like"):
        bpy.ops.scumble.set_budget(scope="day", amount="-1")
    assert not home.ledger.exists()


def test_the_panel_knows_what_this_file_cost(
    service: FaultServer, session: Any, module: Module, tmp_path: Path
) -> None:
    """Another file of the same user has its own sum; today's has both."""
    looking = module("looking")
    bills = []
    for name in ("first.blend", "second.blend"):
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        scenes.plane()
        scenes.saved(tmp_path, name)
        bpy.ops.scumble.generate(prompt="oak" if name == "first.blend" else "oak, and a longer prompt of it")
        bills.append(bpy.context.window_manager.scumble.last_billed)
    spent = looking.look_now().spent
    assert spent.document.billed == bills[1] > 0
    assert spent.today.billed == spent.month.billed == sum(bills)
    assert [entry.state for entry in spent.last] == ["settled", "settled"]


def test_a_new_file_without_a_name_has_no_sum(service: FaultServer, module: Module) -> None:
    scenes.plane()
    bpy.ops.scumble.generate(prompt="oak")
    assert module("looking").look_now().spent.document is None


def test_a_price_stays_with_material_and_image_in_the_saved_file(
    service: FaultServer, session: Any, tmp_path: Path
) -> None:
    """An integer of micro-dollars and the result's id, also after the file is opened again."""
    scenes.plane()
    bpy.ops.scumble.generate(prompt="oak")
    noted = {"scumble_result": session.last_result, "scumble_micro_dollars": session.last_billed}
    bpy.ops.wm.open_mainfile(filepath=str(scenes.saved(tmp_path)))
    for block in (bpy.data.materials["Scumble Texture"], bpy.data.images["Scumble Texture"]):
        assert {name: block[name] for name in noted} == noted
        assert type(block["scumble_micro_dollars"]) is int


def test_a_result_goes_into_the_active_material_too(service: FaultServer, session: Any) -> None:
    result = _kept(service, session)
    item = scenes.plane()
    item.data.materials.append(scenes.with_nodes("Mine"))
    bpy.ops.scumble.apply_result(result=result, target="ACTIVE")
    assert scenes.texture_of(bpy.data.materials["Mine"]).image["scumble_result"] == result


def test_nothing_selected_applies_nothing_and_says_so(service: FaultServer, session: Any) -> None:
    result = _kept(service, session)
    images = len(bpy.data.images)
    with pytest.raises(RuntimeError, match="No object is selected"):
        bpy.ops.scumble.apply_result(result=result)
    assert len(bpy.data.images) == images


def test_one_undo_takes_an_applied_result_back(service: FaultServer, session: Any) -> None:
    result = _kept(service, session)
    scenes.plane("Target")
    bpy.ops.ed.undo_push(message="before")
    materials = len(bpy.data.materials)
    bpy.ops.scumble.apply_result("EXEC_DEFAULT", True, result=result)
    bpy.ops.ed.undo()
    assert len(bpy.data.materials) == materials
    assert not bpy.data.objects["Target"].material_slots


def test_settings_of_a_result_come_back_as_they_were(session: Any, home: Home) -> None:
    """Without the hint that Seamless adds to the prompt, so that it is not added twice."""
    scenes.plane()
    bpy.ops.scumble.generate(prompt="worn oak", quality="low", size="1536x1024")
    result = session.last_result
    assert store.find(home, result).asked["prompt"] == seamless_prompt("worn oak")
    settings = bpy.context.scene.scumble
    session.prompt, settings.quality, settings.size, settings.seamless = "", "high", "2048x2048", False
    bpy.ops.scumble.reload_result(result=result)
    assert (session.prompt, settings.quality, settings.size) == ("worn oak", "low", "1536x1024")
    assert settings.seamless


def test_the_original_is_exported_byte_for_byte_and_counts_as_placed(
    module: Module, service: FaultServer, picture: bytes, tmp_path: Path
) -> None:
    _killed(after="answer")
    (kept,) = module("looking").look_now().kept
    path = tmp_path / "original.png"
    bpy.ops.scumble.export_result(result=kept.id, filepath=str(path))
    assert path.read_bytes() == picture
    (kept,) = module("looking").look_now().kept
    assert kept.placed == ("file",) and not kept.unplaced


def test_dismissing_the_offer_keeps_the_picture_among_the_unplaced(
    module: Module, service: FaultServer, home: Home
) -> None:
    _killed(after="answer")
    module("looking").look_now()
    bpy.ops.scumble.dismiss_offer()
    (kept,) = module("looking").look_now().kept
    assert kept.unplaced and not kept.offered
    assert [one.id for one in store.unplaced(home)] == [kept.id]


def test_a_forgotten_result_is_gone_and_its_cost_stays(
    module: Module, service: FaultServer, session: Any, home: Home
) -> None:
    result = _kept(service, session)
    bpy.ops.scumble.forget_result(result=result)
    assert module("looking").look_now().kept == ()
    with Ledger(home.ledger) as ledger:
        assert ledger.entry(result).billed == session.last_billed > 0
    for operator in ("apply_result", "forget_result", "reload_result", "export_result"):
        scenes.plane()
        with pytest.raises(RuntimeError, match="not kept any more"):
            getattr(bpy.ops.scumble, operator)(result=result)


def test_content_credentials_are_looked_for_in_the_chosen_result(
    module: Module, service: FaultServer, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = _kept(service, session)
    looking = module("looking")
    monkeypatch.setattr(looking, "chosen", result)
    assert looking.look_now().credentials.value == "no"


def test_a_search_finds_words_of_the_prompt_in_any_order(
    module: Module, service: FaultServer, session: Any
) -> None:
    result = _kept(service, session)
    kept = module("looking").look_now().kept
    found = module("results_panel")._found
    assert [one.id for one in found(kept, "OAK worn", False)] == [result]
    assert found(kept, "oak marble", False) == () and found(kept, "", True) == ()


class TestBudget:
    def test_stops_and_is_passed_once_on_purpose(
        self, module: Module, service: FaultServer, session: Any, home: Home
    ) -> None:
        """The ledger records the decision; the next one is stopped again."""
        scenes.plane()
        bpy.ops.scumble.set_budget(scope="day", amount="0.001")
        with pytest.raises(RuntimeError, match="The budget for today has"):
            bpy.ops.scumble.generate(prompt="oak")
        (told,) = module("running").told
        assert told.asked.wish.prompt == "oak"
        assert bpy.ops.scumble.pass_budget(task=told.task) == {"FINISHED"}
        with Ledger(home.ledger) as ledger:
            assert ledger.steps(session.last_result)[0].reason == "over-budget-day"
        with pytest.raises(RuntimeError, match="The budget for today has"):
            bpy.ops.scumble.generate(prompt="oak")
        assert len(service.received) == 1

    def test_a_script_may_pass_it_too(self, service: FaultServer, session: Any, home: Home) -> None:
        scenes.plane()
        bpy.ops.scumble.set_budget(scope="action", amount="0.001")
        assert bpy.ops.scumble.generate(prompt="oak", over_budget=True) == {"FINISHED"}
        with Ledger(home.ledger) as ledger:
            assert ledger.steps(session.last_result)[0].reason == "over-budget-action"

    def test_an_empty_amount_lifts_it(self, home: Home) -> None:
        bpy.ops.scumble.set_budget(scope="month", amount="2.50")
        with Ledger(home.ledger) as ledger:
            assert [(each.scope, each.limit) for each in ledger.budgets()] == [("month", 2_500_000)]
        bpy.ops.scumble.set_budget(scope="month", amount="")
        with Ledger(home.ledger) as ledger:
            assert ledger.budgets() == []


def test_a_cheaper_choice_is_one_press_and_costs_what_it_says(module: Module) -> None:
    """Of the model and quality alone: nothing else changes."""
    asking, properties = module("asking"), module("properties")
    bpy.context.window_manager.scumble.prompt = "oak"
    before = properties.wish(bpy.context)
    choices = asking.cheaper(before)
    assert 1 <= len(choices) <= 3
    for choice in choices:
        bpy.ops.scumble.cheaper(model=choice.model, quality=choice.quality, gives_up=choice.gives_up)
        after = properties.wish(bpy.context)
        assert asking.estimate(after).cost == choice.estimate.cost
        assert choice.estimate.cost.expected < asking.estimate(before).cost.expected
        assert (after.prompt, after.size, after.seamless) == (before.prompt, before.size, before.seamless)
        bpy.ops.scumble.cheaper(model=before.model, quality=before.quality)
    tooltip = bpy.types.SCUMBLE_OT_cheaper.description(bpy.context, choices[0])
    assert choices[0].gives_up in tooltip


def test_previews_are_asked_for_and_priced_where_the_model_has_them(module: Module) -> None:
    """The panel's number is a wish; a model without previews is asked for none."""
    asking = module("asking")
    wish = asking.Wish("oak", "gpt-image-2.5-flare", "medium", "1024x1024", True, previews=2)
    request, model = asking.checked_request(wish)
    assert request.partial_images == 2 <= model.partials_max
    without = asking.Wish("oak", "gpt-image-2.5-flare", "medium", "1024x1024", True)
    assert asking.estimate(wish).cost.expected > asking.estimate(without).cost.expected


def test_a_streamed_texture_is_placed_like_any_other(session: Any, home: Home) -> None:
    item = scenes.plane()
    bpy.context.scene.scumble.previews = 2
    assert bpy.ops.scumble.generate(prompt="oak") == {"FINISHED"}
    assert item.active_material["scumble_result"] == session.last_result
