# SPDX-License-Identifier: GPL-3.0-or-later
"""The plug-in into the profiles of a host, or out of them; what happened in each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import BadRequest, FolderUnusable, ProfileMissing
from ..translation import _
from . import folders, programs
from .package import Package
from .places import TITLES, Host, Packaging, Profile, System, chosen_profile, profiles, roots

Action = Literal["installed", "updated", "removed", "absent", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What happened, or would, in one profile. `was` is the version before, or empty; `enabled` is whether
    the host has it switched on, None where that is the person's to do or cannot be told."""

    profile: Profile
    action: Action
    was: str = ""
    enabled: bool | None = None
    error: FolderUnusable | None = None


@dataclass(frozen=True)
class Target:
    """A profile, and the program of its version where one can be started."""

    profile: Profile
    program: programs.Program | None = None


def targets(
    host: Host, system: System, chosen: Iterable[Path] = (), ask: programs.Ask = programs.run
) -> tuple[Target, ...]:
    """The profiles named, else all of versions that run Scumble, else those that a program here would make.

    Raises BadRequest for a folder named that is none, ProfileMissing when there is no profile.
    """
    named = [_named(host, folder) for folder in chosen]
    current = named or [profile for profile in profiles(host, system) if profile.is_new_enough]
    found = programs.new_enough(host, programs.find(host, system, ask))
    if not current:
        current = _made_by(host, system, found)
    if not current:
        raise ProfileMissing(host=TITLES[host])
    return tuple(Target(profile, _program_of(profile, found)) for profile in current)


def install(
    package: Package, every: Sequence[Target], system: System, ask: programs.Ask = programs.run
) -> tuple[Outcome, ...]:
    """The package in each profile, in the place of what was there; a failure in one leaves the others."""
    return tuple(_installed(package, target, system, ask) for target in every)


def remove(every: Sequence[Target], system: System, ask: programs.Ask = programs.run) -> tuple[Outcome, ...]:
    """The plug-in out of each profile. What Scumble has paid for and kept stays where it is."""
    return tuple(_removed(target, system, ask) for target in every)


def foreseen(every: Sequence[Target], removing: bool) -> tuple[Outcome, ...]:
    """What `install` or `remove` would do; changes nothing."""
    return tuple(_foreseen(target.profile, removing) for target in every)


def _foreseen(profile: Profile, removing: bool) -> Outcome:
    there, was = folders.is_there(profile), folders.installed_version(profile.plug_in)
    if removing:
        return Outcome(profile, "removed" if there or folders.leftovers(profile) else "absent", was)
    return Outcome(profile, "updated" if there else "installed", was)


def _installed(package: Package, target: Target, system: System, ask: programs.Ask) -> Outcome:
    outcome = _foreseen(target.profile, removing=False)
    arguments = ["install-file", "-r", "user_default", "-e", str(package.path.absolute())]
    by_blender = _by_blender(target, arguments, system, ask)
    if by_blender and folders.installed_version(target.profile.plug_in) == package.version:
        return replace(outcome, enabled=True)
    try:
        folders.put(package, target.profile)
    except FolderUnusable as error:
        return replace(outcome, action="failed", error=error)
    return outcome


def _removed(target: Target, system: System, ask: programs.Ask) -> Outcome:
    outcome = _foreseen(target.profile, removing=True)
    if outcome.action == "removed":
        # Blender takes it from its preferences as well; what it leaves goes after it.
        _by_blender(target, ["remove", "scumble"], system, ask)
    try:
        folders.take_away(target.profile)
    except FolderUnusable as error:
        return replace(outcome, action="failed", error=error)
    return outcome


def _by_blender(target: Target, arguments: Sequence[str], system: System, ask: programs.Ask) -> bool:
    """Blender's own command, which can also switch an extension on and off; whether it did its work."""
    if target.profile.host != "blender" or target.program is None:
        return False
    environment = dict(system.environment)
    if target.profile.packaging == "chosen":
        environment["BLENDER_USER_RESOURCES"] = str(target.profile.folder)
    command = [str(target.program.path), "--command", "extension", *arguments]
    return ask(command, environment).code == 0


def _named(host: Host, folder: Path) -> Profile:
    if not folder.is_dir():
        raise BadRequest(reason=_("{folder} is not the folder of a profile").format(folder=folder))
    profile = chosen_profile(host, folder)
    if not profile.is_new_enough:
        reason = _("{host} does not run Scumble, which needs a newer one")
        raise BadRequest(reason=reason.format(host=profile.title))
    return profile


def _made_by(host: Host, system: System, found: Sequence[programs.Program]) -> list[Profile]:
    """The profiles that programs which were never started will make."""
    usual: tuple[Path, Packaging] | None = next(
        ((root, packaging) for root, packaging in roots(host, system) if packaging == "native"), None
    )
    if usual is None:
        return []
    series = [".".join(map(str, program.series)) for program in found]
    return [replace(chosen_profile(host, usual[0] / name), packaging=usual[1]) for name in series]


def _program_of(profile: Profile, found: Sequence[programs.Program]) -> programs.Program | None:
    if profile.packaging in ("flatpak", "store", "snap"):
        return None
    fitting = (one for one in found if not profile.version or one.series == profile.version)
    return next(fitting, None)
