# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command scumble VERB …`: textures for a file, and the library's own verbs, without a window.

Options, JSON documents and exit codes are the `scumble` command's (docs/cli.md).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import bpy

from . import looking, properties, running, targets
from .asking import Wish
from .running import Outcome
from .scumble.errors import BadRequest, NotSaved, ScumbleError
from .scumble.money import decimal_usd
from .translations import _, use_blenders_language

NAME = "scumble"

# What needs no pixel library, of which Blender has none.
_PASSED_ON = ("estimate", "models", "budget", "spend", "results", "key")

_registered: object = None


def register() -> None:
    global _registered
    _registered = bpy.utils.register_cli_command(NAME, run)


def unregister() -> None:
    bpy.utils.unregister_cli_command(_registered)


def run(arguments: Sequence[str]) -> int:
    """One command; gives an exit code of `errors.Exit`."""
    given = list(arguments)
    if given and given[0] in _PASSED_ON:
        from .scumble.cli import main

        return main(given)
    return _ended_well(lambda: _texture(_parser().parse_args(given)), "--json" in given)


@contextlib.contextmanager
def _blenders_words_aside() -> Iterator[None]:
    """What Blender itself prints goes to standard error: standard output is for the document."""
    _flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        # Reports of operators go through Python, all else past it.
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _flush()
        os.dup2(kept, 1)
        os.close(kept)


def _flush() -> None:
    """Also what Blender's own code holds back, for which Python has no call."""
    import ctypes

    sys.stdout.flush()
    ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush(None)


def _ended_well(work: Callable[[], Callable[[], None]], as_json: bool) -> int:
    """Work, then report; gives the exit code."""
    from .scumble.cli import output
    from .scumble.errors import Exit

    use_blenders_language()
    output.accept_any_text()
    try:
        with _blenders_words_aside():
            report = work()
        report()
    except ScumbleError as error:
        output.print_error(error, as_json)
        return int(error.exit_code)
    finally:
        output.flush()
    return int(Exit.DONE)


class _Parser(argparse.ArgumentParser):
    """Wrong usage is an error like the others, with its document when JSON was asked for."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise BadRequest(reason=message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"blender --command {NAME}",
        epilog=_("Also, as the scumble command has them: {verbs}").format(verbs=", ".join(_PASSED_ON)),
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    texture = verbs.add_parser("texture", help=_("make a texture and put it on objects of a file"))
    texture.add_argument("file", type=Path, metavar="IN.blend")
    texture.add_argument("--prompt", required=True, help=_("what to make; - reads standard input"))
    texture.add_argument("--object", action="append", default=[], help=_("its name; else those selected"))
    texture.add_argument("--target", choices=("new", "active"), default="new")
    for name in ("model", "quality", "size"):
        texture.add_argument(f"--{name}", help=_("default: what the file's scene has"))
    texture.add_argument("--no-seamless", action="store_true")
    texture.add_argument("--over-budget", action="store_true", help=_("let this one pass the budgets"))
    texture.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.blend")
    texture.add_argument("--json", action="store_true")
    return parser


def _texture(chosen: argparse.Namespace) -> Callable[[], None]:
    """Does it, and gives what reports it.

    Raises ScumbleError; what is wrong with the words or the file costs nothing.
    """
    output: Path = chosen.output.absolute()
    if not output.parent.is_dir():
        raise BadRequest(reason=_("there is no folder {folder}").format(folder=output.parent))
    prompt = sys.stdin.read().strip() if chosen.prompt == "-" else chosen.prompt
    try:
        bpy.ops.wm.open_mainfile(filepath=str(chosen.file.absolute()), load_ui=False)
    except RuntimeError as failure:
        raise BadRequest(reason=_("{file} cannot be opened").format(file=chosen.file)) from failure
    context = bpy.context
    _select(context, chosen.object)
    scene = properties.wish(context)
    wish = Wish(
        prompt=prompt,
        model=chosen.model or scene.model,
        quality=chosen.quality or scene.quality,
        size=chosen.size or scene.size,
        seamless=not chosen.no_seamless,
    )
    task = running.start(wish, targets.choose(context, chosen.target.upper()), chosen.over_budget)
    outcome = running.finish(task)
    if outcome is None or outcome.error is not None:
        raise (outcome.error if outcome and outcome.error else ScumbleError())
    try:
        # Not the user's file when another name was asked for: what is open stays what was opened.
        bpy.ops.wm.save_as_mainfile(filepath=str(output), copy=output != chosen.file.absolute())
    except RuntimeError as failure:
        reason = _("Blender could not write it")
        raise NotSaved(path=output, reason=reason, folder=looking.folder_of(outcome.result)) from failure
    return lambda: _report(outcome, output, chosen.json)


def _select(context: bpy.types.Context, names: Sequence[str]) -> None:
    """Raises BadRequest for a name that no object of the scene has."""
    if not names:
        return
    there = context.view_layer.objects
    for item in there:
        item.select_set(False)
    for name in names:
        item = there.get(name)
        if item is None:
            raise BadRequest(reason=_("the scene has no object named {name}").format(name=name))
        item.select_set(True)
        there.active = item


def _report(outcome: Outcome, file: Path, as_json: bool) -> None:
    from .scumble.cli.output import print_json

    if as_json:
        bill = {"usd": decimal_usd(outcome.billed), "would_be_usd": decimal_usd(outcome.would_bill)}
        document = {
            "id": outcome.result,
            "files": [str(file)],
            "sandbox": outcome.sandbox,
            "model": outcome.model,
            "materials": list(outcome.materials),
            "image": outcome.image,
            "bill": bill,
        }
        print_json(document)
        return
    print(running.bill_text(outcome))
    print(file)
