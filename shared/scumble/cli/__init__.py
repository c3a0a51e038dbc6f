# SPDX-License-Identifier: GPL-3.0-or-later
"""The `scumble` command: its words, and from an error to an exit code. docs/cli.md is its reference."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .. import __version__, network_disks
from ..catalog import load
from ..credentials import find_account
from ..errors import BadRequest, Exit, ScumbleError, SetupError, Stopped, StorageError
from ..geometry import CONTEXTS, DETAILS
from ..settings import find_home
from ..shapes import Rect, Size
from ..translation import _, use_language
from . import (
    batching,
    budgeting,
    conversing,
    keys,
    making,
    options,
    planning,
    results,
    spending,
    texturing,
    updating,
)
from .numbers import count, port
from .output import accept_any_text, flush, give_up_output, print_error, print_json, print_warnings

_USING_THE_LEDGER = frozenset({"spend", "budget", "generate", "edit", "texture"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns an exit code of `errors.Exit`."""
    use_language()
    accept_any_text()
    given = sys.argv[1:] if arguments is None else arguments
    try:
        error = _failure(given)
        if error is not None:
            print_error(error, "--json" in given)
        flush()
    except BrokenPipeError:
        # Who reads has seen enough; that is no failure of what was done.
        give_up_output()
        return int(Exit.DONE)
    except OSError:
        give_up_output()
        return int(Exit.FAILED)
    return int(Exit.DONE if error is None else error.exit_code)


def _failure(arguments: Sequence[str]) -> ScumbleError | None:
    """Run the command; the error it ends with, or None."""
    try:
        _run(_parser().parse_args(arguments))
    except ScumbleError as error:
        return error
    except BrokenPipeError:
        raise
    except OSError as error:
        return StorageError(path=error.filename or "", reason=error.strerror or type(error).__name__)
    except KeyboardInterrupt:
        return Stopped()
    return None


def _run(chosen: argparse.Namespace) -> None:
    home = find_home()
    if chosen.command in _USING_THE_LEDGER:
        print_warnings(text for text in [network_disks.warning(home.folder)] if text)
    if chosen.command in ("spend", "budget"):
        command = spending.spend if chosen.command == "spend" else budgeting.budget
        command(chosen, home)
        return
    if chosen.command == "models" and chosen.models_command == "update":
        updating.update_models(chosen, home)
        return
    if chosen.command == "key":
        keys.key(chosen, home)
        return
    if chosen.command == "results":
        results.results(chosen, home)
        return
    catalog = load(home.catalog)
    if chosen.command != "sandbox":
        catalog = catalog.priced_for(find_account(home).other_server)
    making.read_prompt(chosen)
    if chosen.command == "estimate":
        planning.estimate(chosen, catalog, home)
    elif chosen.command == "plan":
        planning.plan(chosen, catalog, home)
    elif chosen.command == "models":
        planning.models(chosen, catalog, home)
    elif chosen.command == "batch":
        batching.batch(chosen, catalog, home)
    elif chosen.command == "sandbox":
        _serve_sandbox(chosen)
    elif chosen.command == "turn":
        conversing.turn(chosen, catalog, home)
    elif chosen.command == "texture":
        texturing.texture(chosen, catalog, home)
    else:
        make = making.generate if chosen.command == "generate" else making.edit
        make(chosen, catalog, home)


def _serve_sandbox(chosen: argparse.Namespace) -> None:
    from ..sandbox.server import serve

    try:
        listening = serve(chosen.port)
    except OSError as error:
        reason = _("port {port} of this machine cannot be used ({failure})")
        raise SetupError(reason=reason.format(port=chosen.port, failure=error.strerror)) from None
    with listening as server, contextlib.suppress(KeyboardInterrupt):
        address = f"http://127.0.0.1:{server.server_address[1]}/v1"
        if chosen.json:
            print_json({"base_url": address})
        else:
            print(_("The sandbox answers at {address}; stop it with Ctrl+C.").format(address=address))
        flush()
        server.serve_forever()


class _Parser(argparse.ArgumentParser):
    """Wrong usage is an error like the others, with its document when JSON was asked for."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise BadRequest(reason=message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="scumble",
        description=_("OpenAI's image models with the price known before and every reply kept after."),
    )
    parser.add_argument("--version", action="version", version=f"scumble {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar=_("command"))

    estimate = commands.add_parser("estimate", help=_("what a request would cost; sends nothing"))
    estimate.add_argument("kind", choices=("generate", "edit"))
    _add_asked(estimate, prompt_required=False)
    estimate.add_argument("--size", type=_size_or_auto, metavar="WxH", help=_("default: 1024x1024"))
    options.add(estimate)
    options.add_formats(estimate)
    estimate.add_argument(
        "--reference",
        type=_size,
        action="append",
        default=[],
        metavar="WxH",
        help=_("size of an input picture"),
    )

    plan = commands.add_parser("plan", help=_("which window of a canvas would be sent; sends nothing"))
    # A selection may begin outside the canvas; argparse would take "-10,0,50,50" for an option.
    plan._negative_number_matcher = re.compile(r"-\d[\d,-]*$")
    plan.add_argument("--canvas", type=_size, required=True, metavar="WxH")
    plan.add_argument("--selection", type=_rect, required=True, metavar="X,Y,W,H")
    _add_model(plan)
    _add_window(plan)

    generate = commands.add_parser("generate", help=_("make a picture from words"))
    _add_asked(generate, prompt_required=True)
    generate.add_argument("--size", type=_size_or_auto, metavar="WxH", help=_("default: 1024x1024"))
    options.add(generate)
    options.add_formats(generate)
    _add_money(generate)
    generate.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")

    edit = commands.add_parser("edit", help=_("change a picture where a mask says so, and nowhere else"))
    edit.add_argument("input", type=Path, metavar="IN")
    edit.add_argument(
        "--mask",
        type=Path,
        help=_("same size as IN; white, or transparent, is what changes; without it all does"),
    )
    _add_asked(edit, prompt_required=True)
    options.add(edit)
    options.add_inputs(edit)
    _add_window(edit)
    _add_money(edit)
    edit.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")

    conversing.add_parser(commands.add_parser, _add_prompted, _add_money, _size_or_auto)
    texturing.add_parser(commands.add_parser, _add_model, _add_money, _size)

    _add_budget(
        commands.add_parser("budget", help=_("limits on what may be spent, and what is left of them"))
    )
    spending.add_parser(commands.add_parser)

    models = commands.add_parser("models", help=_("the models, their prices and how long they live"))
    models.add_argument(
        "--ask", action="store_true", help=_("ask the service which of them the key may use; costs nothing")
    )
    _add_json(models)
    updating.add_parser(models)

    batching.add_parser(commands.add_parser, _add_json)
    keys.add_parser(commands.add_parser, _add_json)
    results.add_parser(commands.add_parser, _add_json)

    sandbox = commands.add_parser("sandbox", help=_("serve the API's behaviour on this machine, free"))
    sandbox.add_argument("--port", type=port, default=8470)
    _add_json(sandbox)
    return parser


def _add_budget(parser: argparse.ArgumentParser) -> None:
    _add_json(parser)
    parser.add_argument("--history", action="store_true", help=_("also every change of a limit"))
    commands = parser.add_subparsers(dest="budget_command", metavar="list|set|clear")
    listing = commands.add_parser("list", help=_("the limits and what is left of them"))
    setting = commands.add_parser("set", help=_("set a limit, from now on"))
    clearing = commands.add_parser("clear", help=_("lift a limit"))
    for command in (setting, clearing):
        command.add_argument("name", type=budgeting.budget_name, metavar="day|month|action|project[=NAME]")
    setting.add_argument("amount", type=budgeting.amount, metavar="AMOUNT", help=_("in dollars"))
    for command in (listing, setting, clearing):
        _add_json_again(command)


def _add_money(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--project", default="", metavar="NAME", help=_("what it is for, in reports and budgets")
    )
    parser.add_argument(
        "--over-budget", action="store_true", help=_("let this one action pass the budgets; it is recorded")
    )


def _add_json_again(parser: argparse.ArgumentParser) -> None:
    """`--json` after a word of its own; without a default, which would undo one given before it."""
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON document")
    )


def _add_json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help=_("print one JSON document"))


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="M", help=_("default: the catalogue's"))
    parser.add_argument("--quality", metavar="Q", help=_("default: the catalogue's"))
    _add_json(parser)


def _add_asked(parser: argparse.ArgumentParser, prompt_required: bool) -> None:
    parser.add_argument(
        "--prompt", metavar="TEXT", required=prompt_required, help=_("what to make; - reads standard input")
    )
    parser.add_argument(
        "--partials",
        type=count,
        default=0,
        metavar="N",
        help=_("partial pictures on the way, up to 3; each is billed"),
    )
    _add_model(parser)


def _add_prompted(parser: argparse.ArgumentParser) -> None:
    _add_asked(parser, prompt_required=True)


def _add_window(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--context", choices=CONTEXTS, default="normal")
    parser.add_argument("--detail", choices=DETAILS, default="auto")


def _size(text: str) -> Size:
    try:
        size = Size.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(_("{text} is not a size like 1024x768").format(text=text)) from None
    if not size.area:
        raise argparse.ArgumentTypeError(_("{text} has no pixels").format(text=text))
    return size


def _size_or_auto(text: str) -> str:
    return text if text == "auto" else str(_size(text))


def _rect(text: str) -> Rect:
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        reason = _("{text} is not a rectangle like 10,20,300,200").format(text=text)
        raise argparse.ArgumentTypeError(reason) from None
    return Rect(x, y, width, height)
