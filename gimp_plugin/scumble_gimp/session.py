# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a procedure from the arguments to the new layer, with a dialog or without."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from gi.repository import Gimp

from scumble import jobs, store
from scumble.errors import Billing, ScumbleError, StoppedAfterSending, StorageError
from scumble.jobs import Asker, Job, Result
from scumble.records import Placing
from scumble.request import check
from scumble.shapes import Rect

from . import again, layers, pixels, prices, waiting
from .asking import Desk, Options, Order, Proposal, Task
from .i18n import _
from .layers import Origin
from .pixels import Pixels
from .problems import ImageGone, PriceChanged, UnreadableAnswer

if TYPE_CHECKING:
    from .dialog import Dialog


@dataclass(frozen=True)
class Done:
    """The new layer, of several variations their group, and what it cost."""

    layer: Gimp.Layer
    result: Result

    @property
    def cost(self) -> int:
        """Micro-dollars that were billed; the sandbox bills none."""
        return 0 if self.result.sandbox else self.result.bill.total


def without_window(task: Task, options: Options, prompt: str, over_budget: bool) -> Done:
    """Propose, send and place. Raises ScumbleError."""
    desk = Desk.open()
    order = prepare(task, task.propose(desk, options, prompt), options, desk)
    return _send_and_place(task, order, desk, over_budget)


def repeat(image: Gimp.Image, drawables: list[Gimp.Drawable], exactly: bool, over_budget: bool) -> Done:
    """Ask again what was asked of the image last, without a window. Raises ScumbleError."""
    desk = Desk.open()
    last = again.last_of(desk, image)
    task = again.Another.on(desk, image, last) if exactly else again.as_now(last, image, drawables)
    proposal = task.propose(desk, last.options, last.prompt)
    last.require_no_dearer(proposal)
    return _send_and_place(task, prepare(task, proposal, last.options, desk), desk, over_budget)


def _send_and_place(task: Task, order: Order, desk: Desk, over_budget: bool) -> Done:
    """With GIMP's own progress, which says the price."""
    text = _("Waiting for the service: {price}")
    Gimp.progress_init(text.format(price=prices.amount(order.proposal.estimate)))
    try:
        job = new_job(task, order, desk, over_budget)
        result = waiting.run(job, lambda _progress: Gimp.progress_pulse())
    finally:
        Gimp.progress_end()
    return place_answer(task, order, result, desk)


def with_dialog(
    task: Task, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, desk: Desk | None = None
) -> Done | None:
    """Ask until a picture is placed or the person leaves; None when they left. Raises ScumbleError."""
    from .dialog import Dialog  # GTK wants a display, which callers without a window may not have

    desk = desk or Desk.open()
    dialog = Dialog(task, desk, procedure, config)
    try:
        while dialog.ask():
            try:
                return _round(task, dialog.options, dialog, desk)
            except StoppedAfterSending:
                return None
            except ImageGone:
                raise  # there is nothing left to ask about
            except ScumbleError as problem:
                dialog.show_problem(problem)
        return None
    finally:
        dialog.close()


def _round(task: Task, options: Options, dialog: Dialog, desk: Desk) -> Done:
    """One press of the button. Raises ScumbleError."""
    over_budget = dialog.take_override()
    proposal = task.propose(desk, options, dialog.prompt)
    if proposal.plan.request_size != dialog.shown_size:
        dialog.refresh()
        raise PriceChanged()
    order = prepare(task, proposal, options, desk)
    job = new_job(task, order, desk, over_budget)
    with dialog.working(proposal, job.cancel) as show:
        try:
            result = waiting.run(job, show)
        except StoppedAfterSending:
            dialog.close()
            waiting.let_it_finish(job)
            raise
    return place_answer(task, order, result, desk)


def prepare(task: Task, proposal: Proposal, options: Options, desk: Desk) -> Order:
    """The order, checked before the time for reading pixels is spent."""
    check(proposal.request, desk.model(options.model), date.today())
    return task.prepare(proposal, options)


def new_job(task: Task, order: Order, desk: Desk, over_budget: bool = False) -> Job:
    """The job, which keeps with its answer where that belongs. Raises StorageError, SetupError."""
    jobs.prepare(desk.home)
    proposal, selection = order.proposal, order.selection
    placing = Placing(proposal.window, proposal.visible)
    if selection is not None:
        placing = Placing(proposal.window, proposal.visible, selection.format, selection.values)
    asker = Asker(host="gimp", document=layers.document(task.image), placing=placing)
    return Job(order.request, asker, desk.home, desk.account, desk.catalog, over_budget)


def place_answer(task: Task, order: Order, result: Result, desk: Desk) -> Done:
    """Raises ImageGone or UnreadableAnswer; the reply is on disk in any case."""
    proposal = order.proposal
    if not task.image.is_valid():
        raise _kept(ImageGone(folder=result.folder), result)
    name = task.layer_name()
    layer = layers.place(
        image=task.image,
        above=task.above,
        name=name,
        origin=_origin(result),
        pictures=_decoded(result, proposal),
        area=proposal.visible,
        selection=order.selection,
    )
    # The layer is there; that this could not be noted must not look as if it were not.
    with contextlib.suppress(StorageError, KeyError):
        store.mark_placed(desk.home, result.id, f"GIMP: {name}")
        again.remember(desk, task.image, result.id, proposal.options, order.filled)
    return Done(layer, result)


def _decoded(result: Result, proposal: Proposal) -> Iterator[Pixels]:
    """The shown part of each picture, brought to the window's size. Raises UnreadableAnswer."""
    window, visible = proposal.window, proposal.visible
    shown = Rect(visible.x - window.x, visible.y - window.y, *visible.size)
    for data in result.answer.pictures:
        try:
            answer = pixels.decode(data, result.answer.size)
        except ValueError as problem:
            raise _kept(UnreadableAnswer(folder=result.folder), result) from problem
        yield pixels.cropped(pixels.scaled(answer, window.size), shown)


def _origin(result: Result) -> Origin:
    known = result.bill.total if result.estimate.priced else None
    return Origin(
        result=result.id,
        model=result.estimate.model,
        quality=result.estimate.quality,
        size=str(result.estimate.size),
        billed=0 if result.sandbox else known,
        sandbox=result.sandbox,
    )


def _kept(problem: ScumbleError, result: Result) -> ScumbleError:
    """The problem, which says that it was billed, and in the sandbox that it was not."""
    if result.sandbox:
        problem.billing = Billing.NOTHING
    return problem
