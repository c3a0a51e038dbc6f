# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with a plug-in's folder in any host's profile: its place, its parts, its version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import __version__
from ..translation import _
from . import folders
from .findings import Finding, note
from .places import MAIN_FILE, PLUG_IN_FOLDER, TITLES, Host, Profile


def install_command(host: Host, profile: Profile | None = None) -> str:
    chosen = f' --profile "{profile.folder}"' if profile and profile.packaging == "chosen" else ""
    return f"scumble install {host}{chosen}"


def examine(profile: Profile, needed: Sequence[str]) -> Iterator[Finding]:
    """Findings on the plug-in in one profile; `needed` are the paths in its folder that it cannot lack."""
    host = profile.host
    command = install_command(host, profile)
    others = [copy for copy in folders.copies(host, profile.plug_ins) if copy != profile.plug_in]
    whole = (profile.plug_in / MAIN_FILE[host]).is_file()
    yield from (_misplaced(profile, copy, whole) for copy in others)
    if whole:
        yield from _incomplete(profile, needed, command)
    elif folders.is_there(profile):
        sentence = _("{folder} lacks {name}, without which {host} does not see it.")
        if not any(copy.is_relative_to(profile.plug_in) for copy in others):
            yield Finding(
                "main-file-missing",
                sentence.format(folder=profile.plug_in, name=MAIN_FILE[host], host=TITLES[host]),
                _("Install it again: {command}").format(command=command),
                profile.plug_in,
            )
    elif not others:
        yield Finding(
            "not-installed",
            _("Scumble is not in the profile of {host}, {folder}.").format(
                host=profile.title, folder=profile.folder
            ),
            _("Install it: {command}").format(command=command),
            profile.plug_ins,
        )
    yield from _left(profile, command)


def _misplaced(profile: Profile, copy: Path, whole: bool) -> Finding:
    """A copy that is not where the host looks, or one too many."""
    remedy = _("Delete {folder}, then run: {command}").format(
        folder=copy, command=install_command(profile.host, profile)
    )
    inside = copy.relative_to(profile.plug_ins).parts
    if not inside:
        sentence = _("The plug-in's files lie loose in {folder}, where {host} does not look for plug-ins.")
        loose = _("Move them away, then run: {command}").format(
            command=install_command(profile.host, profile)
        )
        return Finding("loose-files", sentence.format(folder=copy, host=TITLES[profile.host]), loose, copy)
    if whole:
        sentence = _("There is a second copy of Scumble in {folder}.")
        return Finding(
            "two-copies", sentence.format(folder=copy), _("Delete {folder}.").format(folder=copy), copy
        )
    if len(inside) > 1:
        sentence = _("Scumble lies one folder too deep, in {folder}, so {host} does not see it.")
        return Finding("too-deep", sentence.format(folder=copy, host=TITLES[profile.host]), remedy, copy)
    sentence = _("The folder of Scumble has another name than {name}: {folder}. So {host} does not see it.")
    named = sentence.format(name=PLUG_IN_FOLDER[profile.host], folder=copy, host=TITLES[profile.host])
    return Finding("other-name", named, remedy, copy)


def _incomplete(profile: Profile, needed: Sequence[str], command: str) -> Iterator[Finding]:
    missing = [name for name in needed if not (profile.plug_in / name).is_file()]
    again = _("Install it again: {command}").format(command=command)
    if missing:
        sentence = _("Scumble in {folder} is not complete: {names} is missing.")
        text = sentence.format(folder=profile.plug_in, names=", ".join(missing))
        yield Finding("incomplete", text, again, profile.plug_in)
        return
    version = folders.installed_version(profile.plug_in)
    if version != __version__:
        sentence = _("{host} has Scumble {version}, and this command is Scumble {own}.")
        text = sentence.format(host=profile.title, version=version or "?", own=__version__)
        remedy = _("Bring both to one version; the plug-in with: {command}").format(command=command)
        yield Finding("other-version", text, remedy, profile.plug_in)


def _left(profile: Profile, command: str) -> Iterator[Finding]:
    for path in folders.leftovers(profile):
        yield note(
            "leftover",
            _("An installation that was broken off has left {folder}.").format(folder=path),
            _("It goes with the next one: {command}").format(command=command),
            path,
        )
