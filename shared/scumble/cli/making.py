# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that make pictures: generate and edit."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from .. import cost, geometry, inputs
from ..catalog import Catalog
from ..credentials import Account, find_account
from ..errors import BadRequest, Billing, LeftAfterSending, NotSaved, Stopped, StorageError
from ..inputs import Source
from ..jobs import Asker, Event, NearBudget, Partial, Rescued, Result, Sent, Waiting, perform
from ..ledger import budget_left
from ..request import Request, check
from ..settings import Home
from ..shapes import Size
from ..store import mark_placed
from ..translation import _
from . import compositing, options
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

_RASTER = ("png", "jpeg", "webp")


def generate(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    model = chosen_model(arguments, catalog)
    output: Path = arguments.output
    compositing.check_folder(output)
    asked = options.chosen(arguments)
    size = options.size(arguments, model)
    options.check_ending(output, asked["output_format"])
    if asked["output_format"] in _RASTER:
        transparent = arguments.background == "transparent"
        if transparent and compositing.loses_alpha(output):
            raise BadRequest(reason=_("a transparent background needs the format png or webp"))
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
        partial_images=arguments.partials,
        **asked,
    )
    result = ask(request, arguments, catalog, home, account)
    if result.answer.references_outside:
        fetches = _("The SVG names things outside itself, which what shows it may fetch from the network.")
        remarks = (*remarks, fetches)
        print_warnings([fetches])
    files = _numbered(output, result)
    for file, picture in zip(files, result.answer.pictures, strict=True):
        with paid_for(result, file):
            # The answer's own bytes where the ending stands for their format, else converted by Pillow.
            as_it_came = options.holds(file, result.answer.media_type)
            data = picture if as_it_came else compositing.encoded(compositing.opened(picture), None, file)
            compositing.write(file, data)
    note_placed(home, result)
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
    markup = None if arguments.markup is None else compositing.markup(arguments.markup, original, plan)
    sent = inputs.prepare(
        [
            Source("window.png", compositing.upload(original, plan).data),
            *map(options.read, arguments.reference),
        ],
        model,
        mask=None
        if selection is None or markup
        else Source("mask.png", compositing.mask(selection, plan).data),
        markup=markup,
    )
    print_warnings(sent.remarks)
    request = Request(
        kind="edit",
        model=model.id,
        prompt=arguments.prompt,
        size=plan.request_size,
        quality=quality,
        partial_images=arguments.partials,
        images=sent.images,
        mask=sent.mask,
        markup=sent.markup,
        **options.chosen(arguments),
    )
    result = ask(request, arguments, catalog, home, account)
    files = _numbered(output, result)
    matches = []
    for file, picture in zip(files, result.answer.pictures, strict=True):
        with paid_for(result, file):
            answer = compositing.colours(picture)
            match = compositing.matched(sent.images[0].data, answer, plan, selection)
            placed = compositing.placed(original, answer, plan, selection, match)
            compositing.write(file, compositing.encoded(placed, original, file))
        matches.append(match)
    note_placed(home, result)
    if not arguments.json and selection is not None:
        for match in matches:
            print(match.describe(), file=sys.stderr)
    remarks = (*remarks, *sent.remarks)
    told = {"matching": [match.document() for match in matches], "warnings": list(remarks)}
    _report(result, files, arguments.json, {**plan_document(plan), **told})


def ask(
    request: Request, arguments: argparse.Namespace, catalog: Catalog, home: Home, account: Account
) -> Result:
    """Tell the price and do the request; `arguments` says json, project and over_budget."""
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
            on_event=_noting(events, arguments.json, request.partial_images),
            over_budget=arguments.over_budget,
        )
    except KeyboardInterrupt:
        steps = [event for event in events if isinstance(event, Sent | Waiting)]
        left = bool(steps) and isinstance(steps[-1], Sent) and not account.sandbox
        raise (LeftAfterSending() if left else Stopped()) from None


def _noting(events: list[Event], as_json: bool, partials: int) -> Callable[[Event], None]:
    """Keeps the events in the list, and tells a person on standard error what should be known at once."""

    def note(event: Event) -> None:
        events.append(event)
        if isinstance(event, NearBudget):
            print(_("Nearly used: {budget}.").format(budget=event.room.describe()), file=sys.stderr)
        elif isinstance(event, Waiting) and not as_json:
            waiting = _("Waiting {seconds} s before trying again: {reason}")
            reason = event.error.what_happened
            print(waiting.format(seconds=math.ceil(event.seconds), reason=reason), file=sys.stderr)
        elif isinstance(event, Rescued):
            told = _("The results folder cannot be used now; the reply is in {folder} until it can.")
            print(told.format(folder=event.folder), file=sys.stderr)
        elif isinstance(event, Partial):
            told = _("Partial picture {number} of {count} came.")
            print(told.format(number=event.number, count=partials), file=sys.stderr)

    return note


@contextlib.contextmanager
def paid_for(result: Result, file: Path) -> Iterator[None]:
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


def note_placed(home: Home, result: Result) -> None:
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


def _numbered(output: Path, result: Result) -> list[Path]:
    numbers = range(1, len(result.answer.pictures) + 1)
    return [output.with_stem(f"{output.stem}-{number}") if len(numbers) > 1 else output for number in numbers]


def read_prompt(arguments: argparse.Namespace) -> None:
    """`--prompt -` reads it from standard input, so that it need not be in the shell's history."""
    if getattr(arguments, "prompt", None) == "-":
        try:
            arguments.prompt = sys.stdin.read().strip() if sys.stdin else ""
        except UnicodeDecodeError:
            raise BadRequest(reason=_("the prompt holds characters that are not text")) from None
    needs_words = arguments.command in ("generate", "edit", "turn") or (
        arguments.command == "texture" and arguments.picture is None
    )
    if needs_words and not (arguments.prompt or "").strip():
        raise BadRequest(reason=_("the prompt is empty"))
