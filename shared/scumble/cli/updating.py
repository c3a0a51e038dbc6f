# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `models update`: newer prices and models from a file, with what they change."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from ..catalog_update import Difference, Update, update
from ..money import decimal_usd, price
from ..settings import Home
from ..translation import N_, _
from .output import print_json
from .tables import print_table

_FIELDS = {
    "text_input": N_("text, per million tokens"),
    "image_input": N_("pictures sent, per million tokens"),
    "image_output": N_("pictures made, per million tokens"),
    "shutdown": N_("shut down on"),
    "qualities": N_("qualities"),
}


def add_parser(models: argparse.ArgumentParser) -> None:
    """The word after `models`."""
    words = models.add_subparsers(dest="models_command", metavar="update")
    adding: Callable[..., argparse.ArgumentParser] = words.add_parser
    parser = adding("update", help=_("take models and prices from a file over the built-in ones"))
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--force", action="store_true", help=_("even when it is older than what is there"))
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON document")
    )


def update_models(arguments: argparse.Namespace, home: Home) -> None:
    done = update(home, arguments.file, older=arguments.force)
    if arguments.json:
        print_json(_document(done))
        return
    if done.differences:
        print_table(
            (_("model"), _("what"), _("until now"), _("from now on")),
            [_row(each) for each in done.differences],
        )
    else:
        print(_("No model and no price changes."))
    told = _("Prices as of {date}, from {source}.")
    print(told.format(date=done.after.as_of.isoformat(), source=done.after.source))
    if done.kept:
        print(_("The former file is kept: {path}").format(path=done.kept))


def _row(difference: Difference) -> tuple[str, str, str, str]:
    if difference.kind == "added":
        return difference.model, _("new"), "", ""
    if difference.kind == "gone":
        return difference.model, _("no longer known"), "", ""
    words = _(_FIELDS[difference.field])
    return difference.model, words, _value(difference.before), _value(difference.after)


def _value(value: str | int) -> str:
    if isinstance(value, int):
        return price(value)
    return value or "-"


def _document(done: Update) -> dict[str, object]:
    return {
        "as_of": done.after.as_of.isoformat(),
        "source": done.after.source,
        "until_now": {"as_of": done.before.as_of.isoformat(), "source": done.before.source},
        "kept": str(done.kept) if done.kept else None,
        "changes": [
            {
                "kind": each.kind,
                "model": each.model,
                "field": each.field,
                "before": _plain(each.before),
                "after": _plain(each.after),
            }
            for each in done.differences
        ],
    }


def _plain(value: str | int) -> str | None:
    return decimal_usd(value) if isinstance(value, int) else value or None
