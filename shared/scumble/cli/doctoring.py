# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `doctor`: why Scumble does not show up or does not work, and what to do."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .. import __version__
from ..errors import ProblemsFound
from ..installing import doctor as examination
from ..installing.findings import Finding
from ..installing.places import TITLES, this_system
from ..settings import Home
from ..translation import _
from .output import print_json


def add_parser(
    add: Callable[..., argparse.ArgumentParser], add_json: Callable[[argparse.ArgumentParser], None]
) -> None:
    """The verb's words; `add` is add_parser of the command's subparsers."""
    parser = add("doctor", help=_("why Scumble does not show up or does not work, and what to do"))
    parser.add_argument("host", nargs="?", choices=tuple(TITLES), help=_("default: both"))
    add_json(parser)


def doctor(arguments: argparse.Namespace, home: Home) -> None:
    """Raises ProblemsFound when anything keeps Scumble from working."""
    report = examination.examine([arguments.host] if arguments.host else [], this_system(), home)
    document: dict[str, object] = {
        "version": __version__,
        "problems": report.problems,
        **{part: [_document(one) for one in found] for part, found in report.parts.items()},
    }
    if not arguments.json:
        _print(report)
    if report.problems:
        error = ProblemsFound(count=report.problems)
        error.report = document
        raise error
    if arguments.json:
        print_json(document)


def _print(report: examination.Report) -> None:
    titles: dict[str, str] = {"shared": _("For all programs")}
    titles.update(TITLES.items())
    for part, found in report.parts.items():
        print(titles[part])
        for finding in found:
            print(f"  {'!' if finding.is_problem else '-'} {finding.sentence}")
            if finding.remedy:
                print(f"    {finding.remedy}")
        if not found:
            print("  - " + _("Nothing to say."))
    if not report.problems:
        print(_("All is well."))


def _document(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "problem": finding.is_problem,
        "message": finding.sentence,
        "remedy": finding.remedy or None,
        "place": str(finding.place) if finding.place else None,
    }
