# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that make pictures: generate and edit."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from .. import cost, geometry
from ..catalog import Catalog
from ..credentials import Account, find_account
from ..errors import BadRequest, Billing, LeftAfterSending, NotSaved, Stopped, StorageError
from ..jobs import Asker, Event, NearBudget, Partial, Result, Sent, perform
from ..ledger import budget_left
from ..request import Request, check
from ..settings import Home
from ..shapes import Size
from ..store import mark_placed
from ..translation import _
from . import compositing
from .output import (
    bill_document,
    bill_text,
    estimate_document,
    estimate_text,
    plan_document,
    print_json,
    print_warnings,
)
from .planning import chosen_model, learned_price, warnings


def generate(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    model = chosen_model(arguments, catalog)
    output: Path = arguments.output
    compositing.check_folder(output)
    transparent = arguments.background == "transparent"
    if transparent and compositing.loses_alpha(output):
        raise BadRequest(reason=_("a transparent background needs the format png or webp"))
    size = None if arguments.size == "auto" else Size.parse(arguments.size)
    compositing.check_format(output, "RGBA" if transparent else "RGB", size or Size(1, 1))
    account = find_account(home)
    remarks = warnings(model, home, account)
    print_warnings(remarks)
    request = Request(
        kind="generate",
        model=model.id,
        prompt=arguments.prompt,
        size=size,
        quality=arguments.quality or catalog.default_quality,
        n=arguments.n,
        background=arguments.background,
        partial_images=arguments.partials,
    )
    result = _ask(request, arguments, catalog, home, account)
    files = [
        _numbered(output, index, len(result.answer.pictures)) for index in range(len(result.answer.pictures))
    ]
    for file, picture in zip(files, result.answer.pictures, strict=True):
        with _paid_for(result, file):
            # The answer's own bytes where the ending is PNG's, else converted by Pillow.
            is_png = file.suffix.lower() == ".png"
            data = picture if is_png else compositing.encoded(compositing.opened(picture), None, file)
            compositing.write(file, data)
    _note_placed(home, result)
    _report(result, files, arguments.json, {"warnings": list(remarks)})


def edit(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    """Cut the window, ask, and place the answer through the mask, as the GIMP plug-in does."""
    model = chosen_model(arguments, catalog)
    output: Path = arguments.output
    compositing.check_folder(output)
    original = compositing.read_original(arguments.input)
    compositing.check_format(output, original.image.mode, original.size)
    account = find_account(home)
    remarks = warnings(model, home, account)
    print_warnings(remarks)
    quality = arguments.quality or catalog.default_quality
    price = cost.price_by_size(model, "edit", quality)
    if arguments.mask is None:
        selection = None
        plan = geometry.whole(original.size, model.sizes, price, arguments.detail)
    else:
        selection = compositing.read_selection(arguments.mask, original.size)
        bounds = compositing.selection_bounds(selection)
        plan = geometry.plan(
            original.size, bounds, model.sizes, price, context=arguments.context, detail=arguments.detail
        )
    request = Request(
        kind="edit",
        model=model.id,
        prompt=arguments.prompt,
        size=plan.request_size,
        quality=quality,
        images=(compositing.upload(original, plan),),
        mask=None if selection is None else compositing.mask(selection, plan),
        partial_images=arguments.partials,
    )
    result = _ask(request, arguments, catalog, home, account)
    with _paid_for(result, output):
        placed = compositing.placed(original, result.answer.pictures[0], plan, selection)
        compositing.write(output, compositing.encoded(placed, original, output))
    _note_placed(home, result)
    _report(result, [output], arguments.json, {**plan_document(plan), "warnings": list(remarks)})


def _ask(
    request: Request, arguments: argparse.Namespace, catalog: Catalog, home: Home, account: Account
) -> Result:
    model = catalog.usable(request.model, date.today())
    check(request, model, date.today())
    if not arguments.json:
        if account.sandbox:
            print(_("Sandbox: free placeholder pictures, nothing is sent."))
        print(_("Price: {price}").format(price=estimate_text(learned_price(home)(request, model))))
        allowance = budget_left(home, arguments.project)
        if allowance.rooms and not account.sandbox:
            print(allowance.describe())
    events: list[Event] = []
    try:
        return perform(
            request,
            Asker("cli", project=arguments.project),
            home.make(),
            account,
            catalog,
            on_event=_noting(events, request.partial_images),
            over_budget=arguments.over_budget,
        )
    except KeyboardInterrupt:
        left = any(isinstance(event, Sent) for event in events) and not account.sandbox
        raise (LeftAfterSending() if left else Stopped()) from None


def _noting(events: list[Event], partials: int) -> Callable[[Event], None]:
    """Keeps the events in the list, warns of a budget that is nearly used, and tells of partial pictures."""

    def note(event: Event) -> None:
        events.append(event)
        if isinstance(event, NearBudget):
            print(_("Nearly used: {budget}.").format(budget=event.room.describe()), file=sys.stderr)
        elif isinstance(event, Partial):
            told = _("Partial picture {number} of {count} came.")
            print(told.format(number=event.number, count=partials), file=sys.stderr)

    return note


@contextlib.contextmanager
def _paid_for(result: Result, file: Path) -> Iterator[None]:
    """What fails or is stopped here does so after the bill: say so, and where the picture is."""
    try:
        yield
    except KeyboardInterrupt:
        reason = _("it was stopped")
    except OSError as error:
        reason = error.strerror or _("it cannot be read as a picture")
    except compositing.UNREADABLE:
        reason = _("it cannot be read as a picture")
    else:
        return
    failed = NotSaved(path=file, reason=reason, folder=result.folder)
    if result.sandbox:
        failed.billing = Billing.NOTHING
    raise failed


def _note_placed(home: Home, result: Result) -> None:
    # The file is written and paid for; that this could not be noted must not make it a failure.
    with contextlib.suppress(StorageError):
        mark_placed(home, result.id, "file")


def _report(result: Result, files: list[Path], as_json: bool, plan: dict[str, object]) -> None:
    if as_json:
        print_json(
            {
                "id": result.id,
                "files": [str(file) for file in files],
                "sandbox": result.sandbox,
                "seconds": round(result.seconds, 3),
                "size": list(result.answer.size),
                **plan,
                "estimate": estimate_document(result.estimate),
                "bill": bill_document(result.bill, result.sandbox, result.estimate.priced),
            }
        )
        return
    print(_("Billed: {bill}").format(bill=bill_text(result.bill, result.sandbox, result.estimate.priced)))
    for file in files:
        print(file)


def _numbered(output: Path, index: int, count: int) -> Path:
    return output if count == 1 else output.with_stem(f"{output.stem}-{index + 1}")


def read_prompt(arguments: argparse.Namespace) -> None:
    """`--prompt -` reads it from standard input, so that it need not be in the shell's history."""
    if getattr(arguments, "prompt", None) == "-":
        try:
            arguments.prompt = sys.stdin.read().strip() if sys.stdin else ""
        except UnicodeDecodeError:
            raise BadRequest(reason=_("the prompt holds characters that are not text")) from None
    if arguments.command in ("generate", "edit") and not arguments.prompt:
        raise BadRequest(reason=_("the prompt is empty"))
