# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `key`: set, test, where, forget. The key comes by a hidden prompt or standard input only."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from datetime import date

from .. import listing
from ..catalog import load
from ..credentials import KeyPlace, find_account, forget_keys, keep_key, key_places
from ..errors import BadRequest
from ..settings import Home
from ..translation import _
from .output import print_json, print_warnings
from .tables import print_table

_KEY_READ_MAX = 16_384


def add_parser(
    add: Callable[..., argparse.ArgumentParser], add_json: Callable[[argparse.ArgumentParser], None]
) -> None:
    """The verb's words; `add` is add_parser of the command's subparsers."""
    parser = add("key", help=_("the API key: set, test, where, forget"))
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=_("verb"))
    setting = verbs.add_parser("set", help=_("save a key; it is asked for, or read from standard input"))
    setting.add_argument("--file", action="store_true", help=_("in a file of its own, not in the keychain"))
    # Taken, and refused in words of ours: argparse would repeat the key in its complaint.
    setting.add_argument("given", nargs="*", help=argparse.SUPPRESS)
    setting.add_argument("--key", dest="given_by_name", help=argparse.SUPPRESS)
    testing = verbs.add_parser("test", help=_("ask the service about the key; costs nothing"))
    where = verbs.add_parser("where", help=_("which places hold a key, and which goes first"))
    forgetting = verbs.add_parser("forget", help=_("delete the key from keychain and file"))
    for each in (setting, testing, where, forgetting):
        add_json(each)


def key(arguments: argparse.Namespace, home: Home) -> None:
    commands = {"set": _set, "test": _test, "where": _where, "forget": _forget}
    commands[arguments.verb](arguments, home)


def _set(arguments: argparse.Namespace, home: Home) -> None:
    if arguments.given or arguments.given_by_name:
        reason = _("a key is never an argument, which other users see; it is asked for, or read from a pipe")
        raise BadRequest(reason=reason)
    place, remarks = keep_key(home, _read_key(), in_file=arguments.file)
    if arguments.json:
        print_json({"saved": {"kind": place.kind, "place": place.name}, "warnings": list(remarks)})
    else:
        print(_("The key is in: {place}").format(place=place.name))
    print_warnings(remarks)


def _test(arguments: argparse.Namespace, home: Home) -> None:
    account = find_account(home)
    listing.require_key(account, home)
    listed = listing.ask(account)
    listing.remember(home.make(), listed)
    today = date.today()
    known = load(home.catalog).live(today)
    usable = [model for model in known if listed.lists(model)]
    unknown = [model.id for model in known if not listed.lists(model)]
    remarks = [text for model in usable for text in listing.warnings(model, listed, today)]
    if account.notice:
        remarks.append(account.notice)
    if arguments.json:
        print_json(
            {
                "source": account.key_source,
                "host": account.host,
                "listed": [model.id for model in usable],
                "not_listed": unknown,
                "warnings": remarks,
            }
        )
    else:
        text = _("{host} accepts the key from {source}.")
        print(text.format(host=account.host, source=account.key_source))
        print(_("It may use: {models}").format(models=", ".join(model.id for model in usable) or "-"))
        if unknown:
            print(_("Not listed, which may mean nothing: {models}").format(models=", ".join(unknown)))
    print_warnings(remarks)


def _where(arguments: argparse.Namespace, home: Home) -> None:
    places = key_places(home)
    first = next((place for place in places if place.holds_key), None)
    if arguments.json:
        print_json({"places": [{**_document(place), "used": place is first} for place in places]})
        return
    print_table(
        (_("place"), _("key")),
        [(place.name, place.problem or _state(place, first)) for place in places],
    )
    if first is None:
        print(_("There is no key: pictures come from the sandbox, free."))


def _forget(arguments: argparse.Namespace, home: Home) -> None:
    forgotten, remarks = forget_keys(home)
    if arguments.json:
        places = [{"kind": place.kind, "place": place.name} for place in forgotten]
        print_json({"forgotten": places, "warnings": list(remarks)})
    else:
        for place in forgotten:
            print(_("Deleted from: {place}").format(place=place.name))
        if not forgotten:
            print(_("There was no saved key."))
    print_warnings(remarks)


def _read_key() -> str:
    if sys.stdin.isatty():
        return getpass.getpass(_("API key (it is not shown): "))
    return sys.stdin.read(_KEY_READ_MAX)


def _state(place: KeyPlace, first: KeyPlace | None) -> str:
    if not place.holds_key:
        return _("none")
    return _("yes, used") if place is first else _("yes, not used")


def _document(place: KeyPlace) -> dict[str, object]:
    return {
        "kind": place.kind,
        "place": place.name,
        "holds_key": place.holds_key,
        "problem": place.problem or None,
    }
