# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests under way, looked after as the timer does it: stopping, and what changes in the file meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import addon_utils
import bpy
import pytest
from blender import scenes
from blender.services import use_service
from servers import EchoServer

from scumble import store
from scumble.ledger import Ledger
from scumble.settings import Home

PACKAGE = "bl_ext.user_default.scumble"
PATIENCE_SECONDS = 30


class Slow:
    """A service that answers when told to, and the extension's own way to start and look after a request."""

    def __init__(
        self, module: Callable[[str], ModuleType], home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.home = home
        self._gate = threading.Event()
        self.server = EchoServer(gate=self._gate)
        self.running = module("running")
        self.running.told.clear()
        self._asking, self._targets = module("asking"), module("targets")
        use_service(monkeypatch, self.server.base_url)

    def start(self, kind: str = "NEW") -> Any:
        """A request that the service has and does not answer yet."""
        wish = self._asking.Wish("oak", "gpt-image-2.5-flare", "low", "1024x1024", True)
        task = self.running.start(wish, self._targets.choose(bpy.context, kind))
        assert self.server.arrived.wait(PATIENCE_SECONDS)
        self.running.look_after_all()
        return task

    def answer(self, task: Any) -> None:
        self._gate.set()
        assert task.job.wait(PATIENCE_SECONDS)
        self.running.look_after_all()

    def states(self) -> list[str]:
        with Ledger(self.home.ledger) as ledger:
            return [entry.state for entry in ledger.entries()]


@pytest.fixture
def slow(module: Callable[[str], ModuleType], home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    service = Slow(module, home, monkeypatch)
    with service.server:
        yield service


def test_the_texture_is_placed_when_it_arrives(slow: Slow) -> None:
    item = scenes.plane()
    task = slow.start()
    assert slow.running.under_way() == [task] and task.sent
    assert item.active_material is None
    slow.answer(task)
    assert slow.running.under_way() == []
    assert item.active_material.name == "Scumble Texture"


def test_looking_after_a_request_does_not_wait_for_it(slow: Slow) -> None:
    """One look while the service is silent: the outcome is not there, and the call has come back."""
    scenes.plane()
    task = slow.start()
    slow.running.look_after_all()
    assert slow.running.last is None and not task.job.done
    slow.answer(task)


def test_a_renamed_target_is_still_the_target(slow: Slow) -> None:
    item = scenes.plane("Before")
    task = slow.start()
    item.name = "After"
    slow.answer(task)
    assert bpy.data.objects["After"].active_material.name == "Scumble Texture"


def test_another_object_of_the_targets_name_is_not_the_target(slow: Slow) -> None:
    item = scenes.plane("Floor")
    task = slow.start()
    item.name = "Old Floor"
    scenes.plane("Floor")
    slow.answer(task)
    assert bpy.data.objects["Floor"].active_material is None
    assert bpy.data.objects["Old Floor"].active_material is not None


def test_undo_meanwhile_does_not_lose_the_target(slow: Slow) -> None:
    """After an undo every Python reference to the object is dead; its session id is the same."""
    scenes.plane()
    bpy.ops.ed.undo_push(message="plane")
    bpy.context.active_object.location.x = 3.0
    bpy.ops.ed.undo_push(message="moved")
    task = slow.start()
    bpy.ops.ed.undo()
    slow.answer(task)
    item = bpy.data.objects["Plane"]
    assert item.location.x == 0.0
    assert item.active_material.name == "Scumble Texture"


def test_objects_that_are_left_get_the_texture(slow: Slow) -> None:
    first, second = scenes.plane("First"), scenes.plane("Second")
    scenes.select(first, second)
    task = slow.start()
    bpy.data.objects.remove(first)
    slow.answer(task)
    assert second.active_material.name == "Scumble Texture"


def _is_kept_only(slow: Slow, session: Any) -> None:
    assert session.last_error_code == "not-placed"
    assert not bpy.data.materials and not bpy.data.images
    assert slow.states() == ["settled"]
    stored = store.find(slow.home, session.last_result)
    assert "It was billed. The picture is kept in" in session.last_error
    assert str(stored.folder) in session.last_error
    assert session.last_billed > 0


def test_a_texture_for_a_deleted_object_stays_in_the_store(slow: Slow, session: Any) -> None:
    item = scenes.plane()
    task = slow.start()
    bpy.data.objects.remove(item)
    slow.answer(task)
    assert "The objects are not in the file any more" in session.last_error
    _is_kept_only(slow, session)


def test_a_texture_for_a_file_that_was_closed_stays_in_the_store(slow: Slow, session: Any) -> None:
    """An object of the same name in the next file is another object."""
    scenes.plane()
    task = slow.start()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scenes.plane()
    slow.answer(task)
    _is_kept_only(slow, bpy.context.window_manager.scumble)


def test_a_texture_for_a_deleted_material_stays_in_the_store(slow: Slow, session: Any) -> None:
    item = scenes.plane()
    item.data.materials.append(scenes.with_nodes())
    task = slow.start("ACTIVE")
    bpy.data.materials.remove(item.active_material)
    slow.answer(task)
    assert "The material is not in the file any more" in session.last_error
    _is_kept_only(slow, session)


def test_a_material_whose_shader_went_meanwhile_is_left_alone(slow: Slow, session: Any) -> None:
    item = scenes.plane()
    material = scenes.with_nodes()
    item.data.materials.append(material)
    task = slow.start("ACTIVE")
    material.node_tree.nodes.remove(scenes.principled(material))
    slow.answer(task)
    assert "no Principled BSDF any more" in session.last_error
    assert slow.states() == ["settled"] and not bpy.data.images


def test_stopping_says_what_it_may_cost_and_keeps_what_comes(slow: Slow, session: Any) -> None:
    """The stop is told at once; when the picture arrives all the same, that is told too."""
    scenes.plane()
    task = slow.start()
    bpy.ops.scumble.stop(task=task.number)
    assert slow.running.under_way() == []
    assert session.last_error_code == "stopped-after-sending"
    assert "It may still be billed" in session.last_error
    slow.answer(task)
    assert "The picture that was stopped has arrived" in session.last_error
    _is_kept_only(slow, session)


def test_a_defect_while_placing_does_not_hide_the_paid_picture(
    slow: Slow, session: Any, module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise KeyError("a defect")

    scenes.plane()
    task = slow.start()
    monkeypatch.setattr(module("images"), "pack", broken)
    slow.answer(task)
    assert "Blender could not place the picture" in session.last_error
    _is_kept_only(slow, session)


def test_disabling_the_extension_ends_its_timer_and_keeps_what_comes(slow: Slow) -> None:
    """Enabled again it works as before."""
    item = scenes.plane()
    task = slow.start()
    slow.running._start_timer()
    assert bpy.app.timers.is_registered(slow.running._tick)
    addon_utils.disable(PACKAGE)
    assert not bpy.app.timers.is_registered(slow.running._tick)
    assert not hasattr(bpy.types.Scene, "scumble") and not hasattr(bpy.types.WindowManager, "scumble")
    addon_utils.enable(PACKAGE)
    slow.answer(task)
    assert slow.states() == ["settled"] and item.active_material is None
    assert bpy.ops.scumble.generate(prompt="oak") == {"FINISHED"}
    assert item.active_material.name == "Scumble Texture"


_LEAVING = f"""
import atexit
import bpy, addon_utils
# Registered first, so it looks last.
atexit.register(lambda: print("timer", bpy.app.timers.is_registered(running._tick), flush=True))
addon_utils.enable("{PACKAGE}")
from {PACKAGE} import asking, running, targets
bpy.ops.mesh.primitive_plane_add()
wish = asking.Wish("oak", "gpt-image-2.5-flare", "low", "1024x1024", True)
running.start(wish, targets.choose(bpy.context, "NEW"))
running._start_timer()
print("leaving with", running.under_way()[0].number, flush=True)
"""


def test_blender_ends_while_a_request_is_under_way(slow: Slow) -> None:
    """A timer that is left when Blender ends can hang it (4.5) or crash it (4.2); ours is gone by then."""
    ended = subprocess.run([sys.executable, "-c", _LEAVING], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "leaving with 1" in ended.stdout and "timer False" in ended.stdout


def test_a_picture_that_arrives_during_a_drag_is_placed_when_it_ends(
    slow: Slow, module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its undo step would swallow that of the drag: the next Ctrl-Z would not move the object back."""
    item = scenes.plane()
    task = slow.start()
    compatibility = module("compatibility")
    assert not compatibility.gesture_under_way()
    monkeypatch.setattr(compatibility, "gesture_under_way", lambda: True)
    slow.answer(task)
    assert item.active_material is None and slow.running.under_way() == [task]
    monkeypatch.setattr(compatibility, "gesture_under_way", lambda: False)
    slow.running.look_after_all()
    assert item.active_material is not None and slow.running.under_way() == []


def test_a_double_click_buys_once(slow: Slow) -> None:
    """The very same again within a second is the same intention; later it is a further variant."""
    scenes.plane()
    again = {"prompt": "oak", "quality": "low", "size": "1024x1024", "seamless": True, "target": "NEW"}
    task = slow.start()
    assert bpy.ops.scumble.generate(**again) == {"CANCELLED"}
    assert slow.states() == ["sent"]
    task.started -= 2.0
    slow._gate.set()
    assert bpy.ops.scumble.generate(**again) == {"FINISHED"}
    slow.answer(task)
    assert slow.states() == ["settled", "settled"]


def test_a_paid_picture_that_has_no_place_stays_told_when_others_end_and_start(slow: Slow) -> None:
    """Until it is taken away; a texture that arrived tells itself once."""
    lost = scenes.plane("Lost")
    first = slow.start()
    scenes.plane("Kept")
    second = slow.start()
    bpy.data.objects.remove(lost)
    slow.answer(first)
    slow.answer(second)
    told = slow.running.told
    assert [(outcome.title, outcome.only_kept) for outcome in told] == [("Lost", True), ("Kept", False)]
    third = slow.start()
    assert [outcome.title for outcome in told] == ["Lost"]
    slow.answer(third)
    bpy.ops.scumble.dismiss(position=0)
    assert [outcome.title for outcome in told] == ["Kept"]


def test_a_stopped_request_that_arrives_is_told_once(slow: Slow) -> None:
    scenes.plane()
    task = slow.start()
    bpy.ops.scumble.stop(task=task.number)
    slow.answer(task)
    (outcome,) = slow.running.told
    assert outcome.only_kept


def test_a_result_deleted_meanwhile_does_not_undo_the_placing(
    slow: Slow, session: Any, module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texture is in place, so nothing may say that it is not."""
    operators = module("operators")
    place = operators._place

    def place_and_lose(task: Any, result: Any) -> Any:
        shutil.rmtree(result.folder)
        return place(task, result)

    item = scenes.plane()
    task = slow.start()
    monkeypatch.setattr(operators, "_place", place_and_lose)
    slow.answer(task)
    assert session.last_error == "" and session.last_materials == item.active_material.name
