# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `turn`: pictures made and changed in conversation; and the fetching of awaited answers."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from .. import conversations, png, store, turns
from ..catalog import Catalog
from ..conversations import Awaiting, Event, Fetched, TurnResult
from ..cost import Estimate
from ..credentials import Account, find_account
from ..errors import (
    AnswerAwaited,
    BadPicture,
    BadRequest,
    Exit,
    LeftAfterSending,
    NotSaved,
    Stopped,
    StorageError,
)
from ..jobs import NearBudget, Sent
from ..ledger import budget_left, learned_from_bills
from ..records import Asker
from ..request import Picture, Request
from ..settings import Home
from ..shapes import Size
from ..translation import _
from ..turns import Before, Turn
from . import compositing
from .numbers import count
from .output import (
    bill_document,
    bill_text,
    estimate_document,
    estimate_text,
    print_json,
    print_table,
    print_warnings,
)
from .planning import chosen_model, warnings

_ID_SHOWN = 12
_ID_GIVEN_MIN = 4


def add_parser(
    add: Callable[..., argparse.ArgumentParser],
    add_asked: Callable[[argparse.ArgumentParser], None],
    add_money: Callable[[argparse.ArgumentParser], None],
    size: Callable[[str], str],
) -> None:
    """The verb's words; `add` is add_parser of the command's subparsers."""
    parser = add("turn", help=_("make or change a picture in conversation with a text model"))
    add_asked(parser)
    parser.add_argument(
        "--after", metavar="ID", help=_("the turn to go on from; its first characters are enough")
    )
    parser.add_argument(
        "--image",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=_("a picture to change or use"),
    )
    parser.add_argument("--mask", type=Path, help=_("on the first --image; transparent is what changes"))
    parser.add_argument(
        "--text-model", metavar="M", help=_("who understands the words; default: the catalogue's")
    )
    parser.add_argument("--size", default="1024x1024", type=size, metavar="WxH")
    parser.add_argument(
        "--max-words",
        type=count,
        default=turns.OUTPUT_TOKENS,
        metavar="TOKENS",
        help=_("the most that the text model may write, its thinking included"),
    )
    parser.add_argument(
        "--in-background",
        action="store_true",
        help=_("let the service work without a connection; the answer can be fetched also after a crash"),
    )
    parser.add_argument(
        "--no-wait", action="store_true", help=_("in the background, and do not wait: results fetch gets it")
    )
    parser.add_argument("--estimate", action="store_true", help=_("say what it would cost; sends nothing"))
    add_money(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="OUT")


def turn(arguments: argparse.Namespace, catalog: Catalog, home: Home) -> None:
    model = chosen_model(arguments, catalog)
    text_model = catalog.text_model(arguments.text_model or catalog.default_text_model)
    account = find_account(home)
    remarks = warnings(model, home, account)
    asked = Turn(
        request=Request(
            kind="edit" if arguments.image or arguments.after else "generate",
            model=model.id,
            prompt=arguments.prompt,
            size=None if arguments.size == "auto" else Size.parse(arguments.size),
            quality=arguments.quality or catalog.default_quality,
            images=tuple(_picture(file) for file in arguments.image),
            mask=None if arguments.mask is None else _picture(arguments.mask),
            partial_images=arguments.partials,
        ),
        text_model=text_model.id,
        before=None if arguments.after is None else _before(arguments.after, home),
        in_background=arguments.in_background or arguments.no_wait,
        output_tokens_max=arguments.max_words,
    )
    turns.check(asked, model, text_model, date.today())
    price = turns.estimate(asked, model, text_model, learned_from_bills(home, asked.request, model))
    if arguments.estimate:
        _say_price(price, arguments.json, remarks)
        return
    if not arguments.no_wait:
        _check_output(arguments.output, asked)
    print_warnings(remarks)
    if not arguments.json:
        if account.sandbox:
            print(_("Sandbox: free placeholder pictures, nothing is sent."))
        print(_("Price: {price}").format(price=estimate_text(price)))
        allowance = budget_left(home, arguments.project)
        if allowance.rooms and not account.sandbox:
            print(allowance.describe())
    try:
        result = _take(asked, arguments, catalog, home, account)
    except AnswerAwaited:
        if not arguments.no_wait:
            raise
        return
    files = [] if arguments.output is None else _write_all(arguments.output, result, home)
    if arguments.json:
        paths = [str(file) for file in files]
        beside = {"estimate": estimate_document(price), "warnings": list(remarks)}
        print_json({**_document(result), "files": paths, **beside})
        return
    print(_("Billed: {bill}").format(bill=bill_text(result.bill, result.sandbox, result.priced)))
    for file in files:
        print(file)
    print(_("To go on from here: --after {id}").format(id=result.id[:_ID_SHOWN]))


def fetch(arguments: argparse.Namespace, home: Home) -> None:
    """Get the answers that the service keeps, free. Ends the command with 5 while one is not here yet."""
    patience = conversations.PATIENCE_SECONDS if arguments.wait else 0
    account = find_account(home)
    got = conversations.fetch_answers(
        home.make(), account, ids=tuple(arguments.id), patience_seconds=patience
    )
    if arguments.json:
        print_json({"fetched": [_fetched_document(each) for each in got]})
    elif got:
        print_table((_("id"), _("answer")), [(each.id[:_ID_SHOWN], _fetched_text(each)) for each in got])
    else:
        print(_("No answer is awaited."))
    if any(isinstance(each.outcome, AnswerAwaited) for each in got):
        # Each answer was spoken of already; only the code is left to say.
        raise SystemExit(int(Exit.UNKNOWN))


def _take(
    asked: Turn, arguments: argparse.Namespace, catalog: Catalog, home: Home, account: Account
) -> TurnResult:
    sent = threading.Event()
    named: list[Awaiting] = []

    def note(event: Event) -> None:
        if isinstance(event, Sent):
            sent.set()
        elif isinstance(event, Awaiting):
            named.append(event)
            if arguments.no_wait:
                _say_awaited(event, arguments.json)
        elif isinstance(event, NearBudget):
            print(_("Nearly used: {budget}.").format(budget=event.room.describe()), file=sys.stderr)

    try:
        return conversations.take_turn(
            asked,
            Asker("cli", project=arguments.project),
            home.make(),
            account,
            catalog,
            on_event=note,
            over_budget=arguments.over_budget,
            patience_seconds=0 if arguments.no_wait else conversations.PATIENCE_SECONDS,
        )
    except KeyboardInterrupt:
        if named:
            raise AnswerAwaited(reason=_("it was not waited for")) from None
        raise (LeftAfterSending() if sent.is_set() and not account.sandbox else Stopped()) from None


def _picture(file: Path) -> Picture:
    """The file as it is. Raises BadPicture, OSError."""
    data = file.read_bytes()
    try:
        media_type, size = png.picture_size(data)
    except ValueError:
        raise BadPicture(name=file.name, reason=_("it is neither PNG, JPEG nor WebP")) from None
    return Picture(size, data, media_type, file.name)


def _before(text: str, home: Home) -> Before:
    """The kept turn whose id begins so. Raises BadRequest."""
    begun = [one.id for one in store.all_stored(home) if one.id.startswith(text)]
    if len(begun) != 1 or len(text) < _ID_GIVEN_MIN:
        reason = _("{count} results begin with {id}; `scumble results list` names them")
        raise BadRequest(reason=reason.format(count=len(begun), id=ascii(text)[1:-1]))
    return conversations.before(home, begun[0])


def _check_output(output: Path | None, asked: Turn) -> None:
    if output is None:
        raise BadRequest(reason=_("-o OUT is missing: where to write the picture"))
    compositing.check_folder(output)
    compositing.check_format(output, "RGB", asked.request.size or Size(1, 1))


def _write_all(output: Path, result: TurnResult, home: Home) -> list[Path]:
    """One picture was asked for; should more have come, they are OUT-1, OUT-2, ..."""
    several = len(result.answer.pictures) > 1
    files = []
    for number, picture in enumerate(result.answer.pictures, start=1):
        files.append(output.with_stem(f"{output.stem}-{number}") if several else output)
        _write(files[-1], picture, result)
    # The files are written and paid for; that this could not be noted must not make it a failure.
    with contextlib.suppress(StorageError):
        store.mark_placed(home, result.id, "file")
    return files


def _write(file: Path, picture: bytes, result: TurnResult) -> None:
    """The answer's own bytes where the ending is PNG's, else converted by Pillow. Raises NotSaved."""
    try:
        is_png = file.suffix.lower() == ".png"
        data = picture if is_png else compositing.encoded(compositing.opened(picture), None, file)
        compositing.write(file, data)
    except OSError as error:
        reason = error.strerror or _("it cannot be read as a picture")
        raise NotSaved(path=file, reason=reason, folder=result.folder) from None


def _say_price(price: Estimate, as_json: bool, remarks: tuple[str, ...]) -> None:
    if as_json:
        print_json({**estimate_document(price), "warnings": list(remarks)})
    else:
        print(f"{price.model}, {price.quality}, {price.size}: {estimate_text(price)}")
        for line in price.lines:
            print(f"  {line.reason}")
        if price.reason:
            print(price.reason)
    print_warnings(remarks)


def _say_awaited(event: Awaiting, as_json: bool) -> None:
    if as_json:
        print_json({"id": event.id, "state": "awaited", "response": event.response})
    else:
        text = _("The service works on it. Fetch it, at no cost: scumble results fetch {id}")
        print(text.format(id=event.id[:_ID_SHOWN]))


def _document(result: TurnResult) -> dict[str, object]:
    return {
        "id": result.id,
        "response": result.response,
        "sandbox": result.sandbox,
        "size": list(result.answer.size),
        "bill": bill_document(result.bill, result.sandbox, result.priced),
    }


def _fetched_document(each: Fetched) -> dict[str, object]:
    if isinstance(each.outcome, TurnResult):
        return {**_document(each.outcome), "state": "fetched", "folder": str(each.outcome.folder)}
    state = "awaited" if isinstance(each.outcome, AnswerAwaited) else "failed"
    error = {"code": each.outcome.code, "message": each.outcome.what_happened}
    billing = {"billing": each.outcome.billing.value, "remedy": each.outcome.what_to_do}
    return {"id": each.id, "response": each.response, "state": state, "error": error | billing}


def _fetched_text(each: Fetched) -> str:
    if isinstance(each.outcome, TurnResult):
        result = each.outcome
        return _("fetched; billed: {bill}").format(bill=bill_text(result.bill, result.sandbox, result.priced))
    return str(each.outcome)
