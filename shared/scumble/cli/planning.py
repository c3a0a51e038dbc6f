# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that send nothing: estimate, plan, models."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from .. import cost, geometry, listing
from ..alternatives import Window, cheaper
from ..catalog import Catalog, Model, TextModel
from ..credentials import Account, find_account
from ..errors import BadRequest
from ..ledger import learned_from_bills
from ..listing import Listing
from ..money import decimal_usd
from ..request import Picture, Request, check
from ..settings import Home
from ..shapes import Size
from ..translation import _
from . import options
from .output import (
    choice_document,
    estimate_document,
    estimate_text,
    plan_document,
    print_choices,
    print_json,
    print_warnings,
)
from .tables import print_table

_SHOWN_SIZE = Size(1024, 1024)
_STAND_IN_PROMPT = "-"


def chosen_model(arguments: argparse.Namespace, catalog: Catalog) -> Model:
    """The model that `--model` names, or the default one. Raises UnknownModel, ModelEnded."""
    return catalog.usable(arguments.model or catalog.default_model, date.today())


def warnings(model: Model, home: Home, account: Account) -> tuple[str, ...]:
    """That the model ends soon, by the catalogue or by what the service said last; asks nobody."""
    found = listing.warnings(model, listing.remembered(home, account), date.today())
    return (*found, account.notice) if account.notice else found


def learned_price(home: Home) -> Callable[[Request, Model], cost.Estimate]:
    """`cost.estimate` with what the ledger's bills say of the model."""

    def price(request: Request, model: Model) -> cost.Estimate:
        return cost.estimate(request, model, learned_from_bills(home, request, model))

    return price


def estimate(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    model = chosen_model(arguments, catalog)
    remarks = warnings(model, home, find_account(home))
    size = options.size(arguments, model)
    images = tuple(Picture(reference) for reference in arguments.reference)
    if arguments.kind == "edit" and not images:
        images = (Picture(size or _SHOWN_SIZE),)
    request = Request(
        kind=arguments.kind,
        model=model.id,
        prompt=arguments.prompt or "",
        size=size,
        quality=arguments.quality or catalog.default_quality,
        images=images,
        partial_images=arguments.partials,
        **options.chosen(arguments),
    )
    price = learned_price(home)
    found = price(request, model)
    refusal = _refusal(request, model)
    choices = cheaper(request, catalog, date.today(), price=price)
    if arguments.json:
        cheaper_ways = [choice_document(choice) for choice in choices]
        beside = {"refusal": refusal, "cheaper": cheaper_ways, "warnings": list(remarks)}
        print_json({**estimate_document(found), **beside})
        print_warnings(remarks)
        return
    print(f"{found.model}, {found.quality}, {found.size}: {estimate_text(found)}")
    for line in found.lines:
        print(f"  {line.reason}")
    for remark in (found.reason, refusal):
        if remark:
            print(remark)
    print_choices(choices)
    print_warnings(remarks)


def plan(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    model = chosen_model(arguments, catalog)
    remarks = warnings(model, home, find_account(home))
    print_warnings(remarks)
    quality = arguments.quality or catalog.default_quality
    found = geometry.plan(
        arguments.canvas,
        arguments.selection,
        model.sizes,
        cost.price_by_size(model, "edit", quality),
        context=arguments.context,
        detail=arguments.detail,
    )
    request = Request(
        kind="edit",
        model=model.id,
        prompt="",
        size=found.request_size,
        quality=quality,
        images=(Picture(found.request_size),),
    )
    price = learned_price(home)
    estimated = price(request, model)
    window = Window(arguments.canvas, arguments.selection, arguments.context, arguments.detail)
    choices = cheaper(request, catalog, date.today(), window, price)
    if arguments.json:
        print_json(
            {
                **plan_document(found),
                "estimate": estimate_document(estimated),
                "cheaper": [choice_document(choice) for choice in choices],
                "warnings": list(remarks),
            }
        )
        return
    x, y, width, height = found.window
    print(_("Window {width} x {height} at ({x}, {y})").format(width=width, height=height, x=x, y=y))
    print(f"{found.describe()}: {estimate_text(estimated)}")
    print_choices(choices)


def models(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    today = date.today()
    account = find_account(home)
    if arguments.ask:
        listing.require_key(account, home)
        listing.remember(home.make(), listing.ask(account))
    listed = listing.remembered(home, account)
    live = [model for model in catalog.models if not model.ended(today)]
    remarks = [text for model in live for text in listing.warnings(model, listed, today)]
    if account.notice:
        remarks.append(account.notice)
    if arguments.json:
        documents = [_model_document(model, catalog, today, listed) for model in catalog.models]
        asked = listed.asked_at.isoformat() if listed else None
        about = {"as_of": catalog.as_of.isoformat(), "source": catalog.source, "asked_at": asked}
        talkers = [_text_model_document(each, catalog) for each in catalog.text_models]
        print_json({**about, "models": documents, "text_models": talkers, "warnings": remarks})
    else:
        head = [_("model"), _("1024x1024, {quality}").format(quality=catalog.default_quality), _("until")]
        rows = [
            [model.id, estimate_text(_shown_estimate(model, catalog)), _end_text(model, listed)]
            for model in live
        ]
        if listed is not None:
            head.append(_("your key"))
            for row, model in zip(rows, live, strict=True):
                row.append(_("yes") if listed.lists(model) else _("unknown"))
        print_table(head, rows)
        told = _("Prices as of {date}, from {source}.")
        print(told.format(date=catalog.as_of.isoformat(), source=catalog.source))
    print_warnings(remarks)


def _refusal(request: Request, model: Model) -> str:
    """Why the request would be refused although it can be priced, such as a size that only a model chooses.

    An estimate may leave the prompt open, a request may not.
    """
    try:
        check(replace(request, prompt=request.prompt or _STAND_IN_PROMPT), model, date.today())
    except BadRequest as error:
        return f"{error.what_happened} {error.what_to_do}".strip()
    return ""


def _shown_estimate(model: Model, catalog: Catalog) -> cost.Estimate:
    quality = catalog.default_quality if catalog.default_quality in model.qualities else model.qualities[0]
    return cost.estimate(Request("generate", model.id, "", _SHOWN_SIZE, quality), model)


def _end_text(model: Model, listed: Listing | None) -> str:
    ends = listing.last_day(model, listed)
    if ends is None:
        return ""
    return _("{date}, then {successor}").format(
        date=ends.isoformat(), successor=", ".join(model.successors) or "-"
    )


def _text_model_document(model: TextModel, catalog: Catalog) -> dict[str, object]:
    prices = model.prices
    return {
        "id": model.id,
        "title": model.title,
        "default": model.id == catalog.default_text_model,
        "source": model.source,
        "usd_per_million_tokens": None
        if prices is None
        else {
            "input": decimal_usd(prices.input),
            "input_cached": decimal_usd(prices.input_cached),
            "cache_write": decimal_usd(prices.cache_write),
            "output": decimal_usd(prices.output),
        },
    }


def _model_document(model: Model, catalog: Catalog, today: date, listed: Listing | None) -> dict[str, object]:
    ended = model.ended(today)
    priced = not ended and model.prices is not None
    prices = model.prices
    ends = listing.last_day(model, listed)
    return {
        "id": model.id,
        "title": model.title,
        "state": "ended" if ended else "ending" if ends else "live",
        "default": model.id == catalog.default_model,
        "released": model.released.isoformat() if model.released else None,
        "shutdown": ends.isoformat() if ends else None,
        # Never false: an id that is not listed may work all the same.
        "listed": True if listed and listed.lists(model) else None,
        "successors": list(model.successors),
        "qualities": list(model.qualities),
        "exact_price": priced and _shown_estimate(model, catalog).exact,
        "usd_per_million_tokens": None
        if prices is None
        else {
            "text_input": decimal_usd(prices.text_input),
            "image_input": decimal_usd(prices.image_input),
            "image_output": decimal_usd(prices.image_output),
        },
    }
