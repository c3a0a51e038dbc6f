# SPDX-License-Identifier: GPL-3.0-or-later
"""What each procedure does when it is called, and every way in which that can end."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gi.repository import Gimp, GObject

from scumble.errors import BadRequest, ScumbleError
from scumble.settings import find_home
from scumble.store import Stored

from . import arguments, layers, pixels, placing, results, session, spending
from .asking import Desk, Task
from .fill import Fill
from .generate import Generate
from .i18n import _
from .problems import Defect
from .results import Filter


@dataclass(frozen=True)
class Call:
    """What GIMP hands to a procedure."""

    procedure: Gimp.Procedure
    run_mode: Gimp.RunMode
    image: Gimp.Image | None
    drawables: list[Gimp.Drawable]
    config: Gimp.ProcedureConfig

    @property
    def has_window(self) -> bool:
        return bool(self.run_mode != Gimp.RunMode.NONINTERACTIVE)

    @property
    def layer(self) -> Gimp.Layer | None:
        """The first layer among what is selected."""
        owners = map(layers.owner, self.drawables)
        return next((layer for layer in owners if layer is not None), None)


@dataclass(frozen=True)
class Ended:
    """The status, and either why it failed or the values to return with their types."""

    status: Gimp.PDBStatusType = Gimp.PDBStatusType.SUCCESS
    error: str = ""
    values: tuple[tuple[Any, Any], ...] = ()


Run = Callable[[Call], Ended]
_LEFT = Ended(Gimp.PDBStatusType.CANCEL)


def guarded(run: Run, call: Call) -> Ended:
    """Run it; whatever is raised becomes a status and a text for people."""
    pixels.start()
    try:
        return run(call)
    except ScumbleError as problem:
        return _failure(problem)
    except Exception as defect:  # noqa: BLE001  (without return values GIMP would say nothing at all)
        traceback.print_exc()
        return _failure(Defect(kind=type(defect).__name__, folder=find_home().results))


def fill(call: Call) -> Ended:
    return _do(Fill.on(call.image, call.drawables), call)


def generate(call: Call) -> Ended:
    return _do(Generate.on(call.image, call.drawables), call)


def repeat_last(call: Call) -> Ended:
    return _repeated(call, exactly=False)


def another_variation(call: Call) -> Ended:
    return _repeated(call, exactly=True)


def spending_of(call: Call) -> Ended:
    desk = Desk.open()
    document = layers.document(call.image) if call.image else ""
    if call.has_window:
        from .spending_window import SpendingWindow  # GTK wants a display

        def open_results(over: Any) -> None:
            _show_results(call, desk, over)

        SpendingWindow(desk, document, call.procedure, open_results).run()
        return Ended()
    return _text(spending.report(spending.look(desk.home, document)))


def results_of(call: Call) -> Ended:
    desk = Desk.open()
    if call.has_window:
        return _show_results(call, desk)
    wanted = Filter(
        words=arguments.text_of(call.config, "search"), unplaced=call.config.get_property("unplaced")
    )
    found = [one for one in results.all_kept(desk.home) if wanted.admits(one)]
    return _text(results.listed(found[: call.config.get_property("limit")]))


def place_result(call: Call) -> Ended:
    """Also with a menu's run mode there is nothing to ask."""
    desk = Desk.open()
    one = placing.find(desk, arguments.text_of(call.config, "result-id"))
    layer = placing.place(desk, one, call.image, call.layer)
    return Ended(values=((Gimp.Layer.__gtype__, layer),))


def _do(task: Task, call: Call) -> Ended:
    if call.has_window:
        done = session.with_dialog(task, call.procedure, call.config)
    else:
        options, prompt = arguments.options_of(call.config), arguments.prompt_of(call.config)
        over_budget = call.config.get_property(arguments.OVER_BUDGET)
        done = session.without_window(task, options, prompt, over_budget)
    return _LEFT if done is None else _placed(done)


def _repeated(call: Call, exactly: bool) -> Ended:
    """Whatever the run mode, there is nothing to ask."""
    over_budget = not call.has_window and call.config.get_property(arguments.OVER_BUDGET)
    return _placed(session.repeat(call.image, call.drawables, exactly, over_budget))


def _placed(done: session.Done) -> Ended:
    return Ended(
        values=(
            (Gimp.Layer.__gtype__, done.layer),
            (GObject.TYPE_INT, done.cost),
            (GObject.TYPE_STRING, done.result.id),
        )
    )


def _show_results(call: Call, desk: Desk, over: Any = None) -> Ended:
    """The window Results, over another window or alone, and then the window of a prompt that was chosen."""
    from gi.repository import GimpUi

    from .results_window import ResultsWindow  # GTK wants a display

    GimpUi.init(call.procedure.get_name())
    window = ResultsWindow(desk, call.image, call.layer, _("Results"), over)
    if over is not None:
        window.show_unplaced()
    window.run()
    if window.chosen_prompt is not None and call.image is not None:
        _ask_again(call, desk, call.image, window.chosen_prompt)
    return Ended()


def _ask_again(call: Call, desk: Desk, image: Gimp.Image, chosen: Stored) -> None:
    """The window in which these words were written, with the image as it is now."""
    task: Task
    if chosen.asked.get("kind") == "edit" and call.layer is not None:
        name, task = "plug-in-scumble-fill", Fill.on(image, [call.layer])
    else:
        name, task = "plug-in-scumble-generate", Generate.on(image, call.drawables)
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("prompt", results.prompt_of(chosen))
    session.with_dialog(task, procedure, config, desk)


def _text(text: str) -> Ended:
    return Ended(values=((GObject.TYPE_STRING, text),))


def _failure(problem: ScumbleError) -> Ended:
    status = Gimp.PDBStatusType.EXECUTION_ERROR
    if isinstance(problem, BadRequest):
        status = Gimp.PDBStatusType.CALLING_ERROR
    return Ended(status, str(problem))
