# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Blender with its window: goes through Scumble's panels, and keeps the screen at each stop."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import addon_utils
import bpy

PACKAGE = "bl_ext.user_default.scumble"
TASK = json.loads(os.environ["SCUMBLE_TOUR"])
OUT = Path(TASK["out"])
FACTS: dict[str, Any] = {}
_PATIENCE_SECONDS = 90
# In pixels, at the window's usual scale.
_PROMPT_BELOW_TOP = 128


def main() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.context.preferences.view.language = TASK["language"]
    bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=TASK["zip"], enable_on_install=True
    )
    for name in ("panels", "results_panel", "spending_panel"):
        for panel in (each for each in vars(module(name)).values() if isinstance(each, type)):
            if issubclass(panel, bpy.types.Panel):
                # Open, as after a click on its title.
                bpy.utils.unregister_class(panel)
                panel.bl_options = set()
                panel.draw = timed_draw(panel)
                bpy.utils.register_class(panel)
    if TASK["document"]:
        bpy.ops.wm.save_as_mainfile(filepath=TASK["document"])
    bpy.app.timers.register(stepper(tour()), first_interval=2.0)


def timed_draw(panel: Any) -> Callable[[Any, Any], None]:
    """Its draw, with the milliseconds it takes noted."""
    draw, taken = panel.draw, FACTS.setdefault(f"draws_{panel.bl_idname}", [])

    def timed(self: Any, context: Any) -> None:
        began = time.perf_counter()
        draw(self, context)
        taken.append((time.perf_counter() - began) * 1000)

    return timed


def module(name: str) -> Any:
    return sys.modules[f"{PACKAGE}.{name}"]


def stepper(steps: Iterator[float]) -> Callable[[], float | None]:
    def step() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            pass
        except BaseException:  # noqa: BLE001 - whatever it is, the test must hear of it and Blender end
            FACTS["failure"] = traceback.format_exc()
        (OUT / "facts.json").write_text(json.dumps(FACTS), "utf-8")
        bpy.ops.wm.quit_blender()
        return None

    return step


def until(condition: Callable[[], object]) -> Iterator[float]:
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > _PATIENCE_SECONDS:
            raise TimeoutError(condition)
        yield 0.1


def shown(name: str) -> Iterator[float]:
    """Have the sidebars drawn, and keep the screen."""
    for _again in range(3):
        module("redrawing").redraw()
        yield 0.4
    shutil.copy(OUT / "Xvfb_screen0", OUT / f"{name}.xwd")


def view() -> Any:
    return next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")


def sidebar() -> Any:
    return next(region for region in view().regions if region.type == "UI")


def typed(text: str) -> Iterator[float]:
    """Click into the prompt, the first field of the sidebar, and type."""
    window, region = bpy.context.window, sidebar()
    place = {"x": region.x + region.width // 3, "y": window.height - _PROMPT_BELOW_TOP}
    for aside in (3, 2, 0):
        # A field that is clicked must have been pointed at.
        window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=place["x"] + aside, y=place["y"])
        yield 0.5
    for kind, letter in (("LEFTMOUSE", ""), *((each.upper(), each) for each in text), ("RET", "")):
        given = {"unicode": letter} if letter else {}
        name = "SPACE" if letter == " " else kind
        window.event_simulate(type=name, value="PRESS", **place, **given)
        yield 0.05
        window.event_simulate(type=name, value="RELEASE", **place)
        yield 0.3 if not letter else 0.05
    yield 0.5


def log() -> str:
    """What the Info editor shows of all that was done."""
    area = next(area for area in bpy.context.window.screen.areas if area.type == "OUTLINER")
    was, area.type = area.type, "INFO"
    with bpy.context.temp_override(area=area, region=area.regions[-1]):
        bpy.ops.info.select_all(action="SELECT")
        bpy.ops.info.report_copy()
    area.type = was
    return str(bpy.context.window_manager.clipboard)


def tour() -> Iterator[float]:
    addon_utils.modules_refresh()
    running, looking = module("running"), module("looking")
    session = bpy.context.window_manager.scumble
    space = view().spaces.active
    space.show_region_ui = True
    space.shading.type = "MATERIAL"
    # Installing has changed them.
    bpy.context.preferences.is_dirty = False
    yield 1.0
    sidebar().active_panel_category = "Scumble"
    yield 1.0
    yield from until(lambda: looking.seen().spent is not None)
    yield from shown("start")
    yield from typed("oak planks")
    FACTS["typed"], FACTS["dirty_after_typing"] = session.prompt, bpy.context.preferences.is_dirty
    # Something that is in the log, to see that it can be read.
    bpy.ops.object.select_all("EXEC_DEFAULT", True, action="SELECT")
    FACTS["log"] = log()
    session.prompt = "weathered oak planks, fine grain"
    yield from shown("panels")
    FACTS["unplaced"] = [one.id for one in looking.seen().kept if one.unplaced]
    unknown = looking.seen().spent.unknown
    FACTS["unknown"] = [one.id for one in unknown]
    ticks: list[float] = []
    time_ticks(looking, running, ticks)
    looking.chosen = looking.seen().kept[-1].id
    looking.look_again()
    yield from until(lambda: looking.seen().credentials is not None)
    session.offer_shown = True
    yield from shown("result")
    bpy.ops.scumble.apply_result("EXEC_DEFAULT", True, result=FACTS["unplaced"][0])
    material = bpy.data.objects["Cube"].active_material
    FACTS["applied"] = dict(material.items())
    yield from until(lambda: not any(one.unplaced for one in looking.seen().kept))
    yield from shown("applied")
    bpy.ops.ed.undo()
    yield 0.5
    FACTS["undone"] = [one.name for one in bpy.data.materials if "scumble_result" in one]
    bpy.ops.scumble.generate("EXEC_DEFAULT", prompt="mossy bricks")
    yield from until(lambda: running.told and running.told[-1].asked is not None)
    yield from shown("stopped")
    FACTS["stopped"] = running.told[-1].error.code
    bpy.ops.scumble.pass_budget("INVOKE_DEFAULT", task=running.told[-1].task)
    yield 1.0
    yield from shown("dialog")
    bpy.ops.scumble.pass_budget("EXEC_DEFAULT", task=running.told[-1].task)
    yield from until(lambda: not running.under_way() and running.last is not None)
    FACTS["passed"] = running.last.result
    bpy.ops.scumble.settle_billed("EXEC_DEFAULT", spending=unknown[0].id, amount="0.05")
    yield from until(lambda: not looking.seen().spent.unknown)
    yield from shown("settled")
    for _look in range(10):
        looking.look_again()
        yield 0.4
    FACTS["ticks"] = ticks


def time_ticks(looking: Any, running: Any, ticks: list[float]) -> None:
    """Note how long each of our timers' calls held Blender's thread; handing a picture over is not one."""
    look, tick = looking._tick, running.look_after_all

    def timed(call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            began = time.perf_counter()
            had = len(running._tasks)
            try:
                return call()
            finally:
                if len(running._tasks) == had:
                    ticks.append((time.perf_counter() - began) * 1000)

        return run

    looking._stop_timer()
    looking._tick, running.look_after_all = timed(look), timed(tick)


main()
