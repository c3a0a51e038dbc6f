# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `results`: what was kept, shown, exported, restored without paying again, and forgotten."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import content_credentials, cost, geometry, recovery, store
from ..catalog import Catalog, load
from ..credentials import find_account
from ..errors import BadReply, BadRequest, ServiceRefusal
from ..geometry import CONTEXTS, DETAILS
from ..jobs import prepare
from ..ledger import Ledger
from ..money import decimal_usd, price
from ..settings import Home
from ..shapes import Size
from ..store import Stored
from ..translation import _
from . import compositing, conversing
from .numbers import count
from .output import print_json
from .tables import print_table

_SHOWN = 20
_ID_SHOWN = 12
_ID_GIVEN_MIN = 4
_PROMPT_SHOWN = 48


def add_parser(
    add: Callable[..., argparse.ArgumentParser], add_json: Callable[[argparse.ArgumentParser], None]
) -> None:
    """The verb's words; `add` is add_parser of the command's subparsers."""
    parser = add("results", help=_("the kept replies: list, show, export, restore, forget"))
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=_("verb"))
    listing = verbs.add_parser("list", help=_("the newest first"))
    listing.add_argument(
        "search", nargs="*", metavar=_("word"), help=_("only with these words in the prompt")
    )
    listing.add_argument("--unplaced", action="store_true", help=_("only what was paid and never placed"))
    listing.add_argument("--limit", type=count, default=_SHOWN, help=_("how many to list"))
    showing = verbs.add_parser("show", help=_("what was asked, billed and placed"))
    exporting = verbs.add_parser("export", help=_("write the original bytes of the pictures"))
    exporting.add_argument("--reply", action="store_true", help=_("the service's whole reply instead"))
    restoring = verbs.add_parser("restore", help=_("place a kept answer again; pays nothing"))
    forgetting = verbs.add_parser("forget", help=_("delete a result from this machine"))
    forgetting.add_argument("--yes", action="store_true", help=_("also when it was paid and never placed"))
    for each in (showing, exporting, restoring, forgetting):
        each.add_argument("id", metavar="ID", help=_("its first characters are enough"))
    restoring.add_argument("input", type=Path, nargs="?", metavar="IN", help=_("the picture of an edit"))
    restoring.add_argument("--mask", type=Path, help=_("the mask of the edit, if it had one"))
    restoring.add_argument("--context", choices=CONTEXTS, default="normal")
    restoring.add_argument("--detail", choices=DETAILS, default="auto")
    for each in (exporting, restoring):
        each.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    fetching = verbs.add_parser("fetch", help=_("get the answers that the service keeps; costs nothing"))
    fetching.add_argument("id", metavar="ID", nargs="*", help=_("only these; first characters are enough"))
    fetching.add_argument("--wait", action="store_true", help=_("until they are there, up to 20 minutes"))
    for each in (listing, showing, exporting, restoring, forgetting, fetching):
        add_json(each)


def results(arguments: argparse.Namespace, home: Home) -> None:
    commands = {
        "list": _list,
        "show": _show,
        "export": _export,
        "restore": _restore,
        "forget": _forget,
        "fetch": _fetch,
    }
    if home.ledger.exists():
        prepare(home)
    commands[arguments.verb](arguments, home)


def _list(arguments: argparse.Namespace, home: Home) -> None:
    words = [word.casefold() for word in arguments.search]
    kept = store.unplaced(home) if arguments.unplaced else store.all_stored(home)
    found = [one for one in kept if all(word in _prompt(one).casefold() for word in words)]
    shown = found[: arguments.limit]
    if arguments.json:
        print_json({"results": [_document(one) for one in shown], "count": len(found)})
        return
    if not found:
        print(_("Nothing is kept that fits.") if kept or words else _("Nothing is kept."))
        return
    print_table(
        (_("id"), _("when"), _("host"), _("model"), _("size"), _("billed"), _("placed"), _("prompt")),
        [
            (
                one.id[:_ID_SHOWN],
                f"{one.kept_at.astimezone():%Y-%m-%d %H:%M}",
                _plain(one.asked.get("host")),
                _plain(one.asked.get("model")),
                _plain(one.facts.get("size", one.asked.get("size"))),
                _bill_text(one),
                _("yes") if _places(one) else _("no"),
                _shortened(_prompt(one)),
            )
            for one in shown
        ],
    )
    if len(found) > len(shown):
        print(_("{count} more; --limit shows them.").format(count=len(found) - len(shown)))


def _show(arguments: argparse.Namespace, home: Home) -> None:
    one = _chosen(arguments.id, home)
    presence = _presence(one)
    if arguments.json:
        credentials = {"present": presence.value, "sentence": content_credentials.sentence(presence)}
        document = {"asked": one.asked, "facts": one.facts, "content_credentials": credentials}
        print_json({**_document(one), **document})
        return
    asked = one.asked
    about = (asked.get("model"), asked.get("quality"), one.facts.get("size", asked.get("size")))
    print(one.id)
    print(_plain(_prompt(one)))
    print(", ".join(_plain(part) for part in about) + f", {one.kept_at.astimezone():%Y-%m-%d %H:%M}")
    print(_("Billed: {bill}").format(bill=_bill_text(one)))
    for place in _places(one):
        text = _("Placed: {where}, {when}")
        print(text.format(where=_plain(place.get("where")), when=_plain(place.get("at"))))
    if not _places(one):
        print(_("Never placed."))
    print(content_credentials.sentence(presence))
    print(_("Kept in: {folder}").format(folder=one.folder))


def _export(arguments: argparse.Namespace, home: Home) -> None:
    one = _chosen(arguments.id, home)
    output: Path = arguments.output
    if arguments.reply:
        output.write_bytes(one.reply())
        _report(one, [output], arguments.json)
        return
    pictures = recovery.complete(home, one, lambda: find_account(home)).pictures
    files = _write(pictures, output)
    store.mark_placed(home, one.id, "file")
    _report(one, files, arguments.json)


def _restore(arguments: argparse.Namespace, home: Home) -> None:
    """What `generate` or `edit` would have done with the answer, from the answer that is kept."""
    one = _chosen(arguments.id, home)
    output: Path = arguments.output
    compositing.check_folder(output)
    compositing.check_format(output, "RGB", Size(1, 1))
    pictures = recovery.complete(home, one, lambda: find_account(home)).pictures
    _settle_if_open(home, one)
    store.save_pictures(home, one.id, pictures)
    if one.asked.get("kind") == "edit" and arguments.input is not None:
        _place_edit(one, pictures[0], arguments, load(home.catalog))
        files = [output]
    elif one.asked.get("kind") == "edit":
        raise BadRequest(reason=_("it is an edit: name the picture that was edited, or use export"))
    else:
        files = _write(pictures, output)
    store.mark_placed(home, one.id, "file")
    _report(one, files, arguments.json)


def _place_edit(one: Stored, answer: bytes, arguments: argparse.Namespace, catalog: Catalog) -> None:
    """Plan the window again, which is pure arithmetic, and place the answer in it. Raises BadRequest when
    picture, mask or options cannot be those that were sent."""
    original = compositing.read_original(arguments.input)
    model = catalog.find(str(one.asked.get("model")))
    had_mask = bool(one.asked.get("mask"))
    if had_mask != (arguments.mask is not None):
        made = _("the edit was made with a mask") if had_mask else _("the edit was made without a mask")
        raise BadRequest(reason=made)
    weigh = cost.price_by_size(model, "edit", str(one.asked.get("quality")))
    selection = None
    if arguments.mask is None:
        plan = geometry.whole(original.size, model.sizes, weigh)
    else:
        selection = compositing.read_selection(arguments.mask, original.size)
        bounds = compositing.selection_bounds(selection)
        context, detail = arguments.context, arguments.detail
        plan = geometry.plan(original.size, bounds, model.sizes, weigh, context=context, detail=detail)
    if str(plan.request_size) != str(one.asked.get("size")):
        reason = _("with this picture, mask and context {planned} would have been sent, and it was {sent}")
        raise BadRequest(reason=reason.format(planned=plan.request_size, sent=_plain(one.asked.get("size"))))
    picture = compositing.colours(answer)
    # What was sent is made again from the same picture, so that it is placed as it was the first time.
    match = compositing.matched(compositing.upload(original, plan).data, picture, plan, selection)
    placed = compositing.placed(original, picture, plan, selection, match)
    compositing.write(arguments.output, compositing.encoded(placed, original, arguments.output))


def _fetch(arguments: argparse.Namespace, home: Home) -> None:
    conversing.fetch(arguments, home)


def _forget(arguments: argparse.Namespace, home: Home) -> None:
    one = _chosen(arguments.id, home)
    if not arguments.yes and any(each.id == one.id for each in store.unplaced(home)):
        raise BadRequest(reason=_("it was paid and never placed; export it first, or say --yes"))
    store.forget(home, one.id)
    if arguments.json:
        print_json({"forgotten": one.id})
    else:
        print(_("Forgotten: {id}. What it cost stays under `scumble spend`.").format(id=one.id))


def _chosen(text: str, home: Home) -> Stored:
    """The result whose id begins so. Raises BadRequest when none or several do."""
    begun = [one for one in store.all_stored(home) if one.id.startswith(text)]
    exact = [one for one in begun if one.id == text]
    if exact:
        return exact[0]
    if len(begun) != 1 or len(text) < _ID_GIVEN_MIN:
        reason = _("{count} results begin with {id}; `scumble results list` names them")
        raise BadRequest(reason=reason.format(count=len(begun), id=_plain(text)))
    return begun[0]


def _settle_if_open(home: Home, one: Stored) -> None:
    """A spending that was given up as unknown is settled by the bill in its reply."""
    with Ledger(home.make().ledger) as ledger:
        try:
            entry = ledger.entry(one.id)
        except KeyError:
            return
        if entry.state == "unknown":
            recovery.settle(home, ledger, entry)


def _presence(one: Stored) -> content_credentials.Presence:
    try:
        pictures = recovery.reread(one).pictures
    except (BadReply, ServiceRefusal):
        return content_credentials.Presence.UNKNOWN
    found = {content_credentials.find(picture) for picture in pictures}
    return found.pop() if len(found) == 1 else content_credentials.Presence.UNKNOWN


def _write(pictures: tuple[bytes, ...], output: Path) -> list[Path]:
    """The original bytes, whatever the name's ending; of several OUT-1, OUT-2, ..."""
    several = len(pictures) > 1
    files = []
    for number, picture in enumerate(pictures, start=1):
        file = output.with_stem(f"{output.stem}-{number}") if several else output
        file.write_bytes(picture)
        files.append(file)
    return files


def _report(one: Stored, files: list[Path], as_json: bool) -> None:
    if as_json:
        print_json({"id": one.id, "files": [str(file) for file in files]})
        return
    for file in files:
        print(file)


def _document(one: Stored) -> dict[str, object]:
    billed = _billed(one)
    return {
        "id": one.id,
        "kept_at": one.kept_at.isoformat(),
        "host": one.asked.get("host"),
        "kind": one.asked.get("kind"),
        "model": one.asked.get("model"),
        "quality": one.asked.get("quality"),
        "size": one.facts.get("size", one.asked.get("size")),
        "prompt": _prompt(one),
        "sandbox": bool(one.asked.get("sandbox")),
        "billed_usd": None if billed is None else decimal_usd(billed),
        "placed": _places(one),
        "folder": str(one.folder),
    }


def _billed(one: Stored) -> int | None:
    """Micro-dollars; None where it is not known."""
    bill = one.facts.get("bill")
    total = bill.get("total") if isinstance(bill, dict) else None
    if one.asked.get("sandbox"):
        return 0
    return total if isinstance(total, int) and one.asked.get("priced", True) else None


def _bill_text(one: Stored) -> str:
    billed = _billed(one)
    if one.asked.get("sandbox"):
        return _("sandbox")
    return _("unknown") if billed is None else price(billed)


def _places(one: Stored) -> list[dict[str, Any]]:
    places = one.facts.get("placed")
    return [place for place in places if isinstance(place, dict)] if isinstance(places, list) else []


def _prompt(one: Stored) -> str:
    return str(one.asked.get("prompt", ""))


def _plain(text: object) -> str:
    """On one line and without what would steer a terminal."""
    return "".join(each if each.isprintable() else " " for each in str("" if text is None else text))


def _shortened(text: str) -> str:
    plain = " ".join(_plain(text).split())
    return plain if len(plain) <= _PROMPT_SHOWN else plain[: _PROMPT_SHOWN - 1] + "…"
