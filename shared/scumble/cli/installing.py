# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `install`: Scumble into the profiles of GIMP or Blender, or out of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .. import __version__
from ..errors import NotEverywhere, SetupError
from ..installing import installation, package
from ..installing.installation import Outcome
from ..installing.package import Package
from ..installing.places import TITLES, Host, System, this_system
from ..translation import N_, _
from .output import print_json, print_warnings

_DONE = {
    "installed": N_("{host}: Scumble {version} is installed in {folder}"),
    "updated": N_("{host}: Scumble {version} is installed in {folder}, in the place of {was}"),
    "removed": N_("{host}: Scumble is removed from {folder}"),
    "absent": N_("{host}: Scumble is not in {folder}"),
}
_FORESEEN = {
    "installed": N_("{host}: Scumble {version} would be installed in {folder}"),
    "updated": N_("{host}: Scumble {version} would be installed in {folder}, in the place of {was}"),
    "removed": N_("{host}: Scumble would be removed from {folder}"),
    "absent": N_("{host}: Scumble is not in {folder}"),
}


def add_parser(
    add: Callable[..., argparse.ArgumentParser], add_json: Callable[[argparse.ArgumentParser], None]
) -> None:
    """The verb's words; `add` is add_parser of the command's subparsers."""
    parser = add("install", help=_("put Scumble into the profiles of GIMP or Blender, or take it out"))
    parser.add_argument("host", choices=tuple(TITLES))
    parser.add_argument("--zip", type=Path, metavar="FILE", help=_("default: the newest one found"))
    parser.add_argument(
        "--profile",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help=_("this profile only; may be repeated; default: every one found"),
    )
    parser.add_argument("--remove", action="store_true", help=_("take it out; what was paid for stays"))
    parser.add_argument("--dry-run", action="store_true", help=_("say what would be done and do nothing"))
    add_json(parser)


def install(arguments: argparse.Namespace) -> None:
    host: Host = arguments.host
    system = _system()
    # The file is checked before a profile is touched.
    held = None if arguments.remove else package.read(host, arguments.zip or package.find(host))
    targets = installation.targets(host, system, arguments.profile)
    if arguments.dry_run:
        outcomes = installation.foreseen(targets, removing=held is None)
    elif held is None:
        outcomes = installation.remove(targets, system)
    else:
        outcomes = installation.install(held, targets, system)
    following = [] if arguments.dry_run else list(_following(host, held, outcomes))
    document = _document(host, held, outcomes, arguments.dry_run, following)
    if not arguments.json:
        _print(outcomes, held, _FORESEEN if arguments.dry_run else _DONE)
        for sentence in following:
            print(sentence)
    if held is not None and held.version != __version__:
        sentence = _("The file holds Scumble {version}, and this command is Scumble {own}.")
        print_warnings([sentence.format(version=held.version, own=__version__)])
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        error = NotEverywhere(failed=len(failed), count=len(outcomes))
        error.report = document
        raise error
    if arguments.json:
        print_json(document)


def _system() -> System:
    try:
        return this_system()
    except RuntimeError:
        raise SetupError(reason=_("the system knows no home directory; set HOME")) from None


def _print(outcomes: Iterable[Outcome], held: Package | None, texts: dict[str, str]) -> None:
    for outcome in outcomes:
        if outcome.error:
            print(f"{outcome.profile.title}: {outcome.error.what_happened}")
            continue
        words = {
            "host": outcome.profile.title,
            "version": held.version if held else outcome.was,
            "folder": outcome.profile.plug_in,
            "was": outcome.was or _("what was there"),
        }
        print(_(texts[outcome.action]).format(**words))


def _following(host: Host, held: Package | None, outcomes: Sequence[Outcome]) -> Iterable[str]:
    """What is left for the person to do."""
    done = [outcome for outcome in outcomes if outcome.action in ("installed", "updated", "removed")]
    if not done:
        return
    if held is None:
        yield _("Start {host} again if it is running.").format(host=TITLES[host])
    elif host == "gimp":
        yield _("Start GIMP again if it is running; Scumble is in its menu Filters > AI.")
    else:
        if not all(outcome.enabled for outcome in done):
            yield _(
                "Start Blender again if it is running, and switch Scumble on: Edit > Preferences > Add-ons."
            )
        else:
            yield _("Start Blender again if it is running; Scumble is in the sidebar (N) of its 3D view.")


def _document(
    host: Host, held: Package | None, outcomes: Iterable[Outcome], foreseen: bool, following: Sequence[str]
) -> dict[str, object]:
    return {
        "host": host,
        "version": held.version if held else None,
        "zip": str(held.path) if held else None,
        "dry_run": foreseen,
        "profiles": [
            {
                "profile": str(outcome.profile.folder),
                "host_version": ".".join(map(str, outcome.profile.version)) or None,
                "packaging": outcome.profile.packaging,
                "folder": str(outcome.profile.plug_in),
                "action": outcome.action,
                "was": outcome.was or None,
                "enabled": outcome.enabled,
                "problem": outcome.error.what_happened if outcome.error else None,
            }
            for outcome in outcomes
        ],
        "next": list(following),
    }
