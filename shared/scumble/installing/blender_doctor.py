# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Scumble does not show up in Blender, or does not get to the service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..translation import _
from . import confinement, folders, plug_in_checks, programs
from .findings import Finding, note
from .places import Profile, System, profiles

_NEEDED = ("__init__.py", "operators.py", "scumble/__init__.py")
_MODULE = re.compile(rb"bl_ext\.[a-z0-9_]{1,63}\.scumble\b")
_PREFERENCES_BYTES = 32 * 1024 * 1024
_ANSWER = "SCUMBLE-DOCTOR "
# Asked of a Blender without a window, which saves nothing. Only names that all of 4.2 to 5.2 have.
_QUESTION = f"""
import bpy, importlib.util, json
print({_ANSWER!r} + json.dumps({{
    "enabled": [name for name in bpy.context.preferences.addons.keys() if name.endswith(".scumble")],
    "registered": hasattr(bpy.types.WindowManager, "scumble"),
    "online": bool(bpy.app.online_access),
    "numpy": importlib.util.find_spec("numpy") is not None,
}}))
"""


@dataclass(frozen=True)
class State:
    """What a Blender says of itself."""

    enabled: bool
    registered: bool
    online: bool
    numpy: bool


def examine(system: System, data_folder: Path, ask: programs.Ask = programs.run) -> Iterator[Finding]:
    """Findings on every profile of Blender 4.2 and newer, or on why there is none. Changes nothing."""
    every = profiles("blender", system)
    current = [profile for profile in every if profile.is_new_enough]
    found = programs.find("blender", system, ask)
    usable = programs.new_enough("blender", found)
    if not current:
        yield _without_profile(usable, every, found)
        return
    for profile in current:
        fitting = [one for one in usable if not profile.version or one.series == profile.version]
        yield from _profile(profile, fitting, system, ask)
    yield from confinement.examine("blender", system, data_folder)


def _without_profile(
    usable: Sequence[programs.Program], every: Sequence[Profile], found: Sequence[programs.Program]
) -> Finding:
    if usable:
        return Finding(
            "never-started",
            _("Blender {version} is here and has no profile yet.").format(
                version=".".join(map(str, usable[0].version))
            ),
            _("Run: {command}").format(command="scumble install blender"),
        )
    if every or found:
        sentence = _("Only a Blender older than 4.2 was found, which does not run Scumble.")
        return Finding("host-too-old", sentence, _("Install Blender 4.2 or newer and start it once."))
    return Finding(
        "host-missing",
        _("No Blender was found."),
        _("Install Blender 4.2 or newer and start it once. Is it elsewhere, put its folder on PATH."),
    )


def _profile(
    profile: Profile, fitting: Sequence[programs.Program], system: System, ask: programs.Ask
) -> Iterator[Finding]:
    broken = list(plug_in_checks.examine(profile, _NEEDED))
    broken += _other_places(profile)
    yield from broken
    if any(finding.is_problem for finding in broken):
        return
    state = _state(profile, fitting, system, ask)
    if state is None:
        yield from _by_preferences(profile)
        return
    if not state.enabled:
        yield _disabled(profile)
    elif not state.registered:
        yield Finding(
            "registration-error",
            _("{host} has Scumble enabled, and it ended with an error.").format(host=profile.title),
            _(
                "Install it again: {command}. If that does not help, start Blender in a terminal and report"
                " what it says."
            ).format(command=plug_in_checks.install_command("blender", profile)),
            profile.plug_in,
        )
    else:
        sentence = _("{host} has Scumble {version} in its sidebar (N), on the tab Scumble.")
        version = folders.installed_version(profile.plug_in)
        yield note("in-menu", sentence.format(host=profile.title, version=version), "", profile.plug_in)
    if not state.online:
        sentence = _("Online access is off in {host}: Scumble works with its sandbox only.")
        remedy = _(
            "To use the service allow it: Edit > Preferences > System > Network > Allow Online Access."
        )
        yield note("online-access-off", sentence.format(host=profile.title), remedy, profile.folder)
    if not state.numpy:
        sentence = _("{host} has no numpy: seams are not repaired and no maps are made.")
        remedy = _("Use the Blender from blender.org, or install numpy for the Python that Blender uses.")
        yield note("numpy-missing", sentence.format(host=profile.title), remedy, profile.folder)


def _other_places(profile: Profile) -> Iterator[Finding]:
    """In other repositories, and as an add-on of the old kind."""
    extensions = profile.plug_ins.parent
    legacy = profile.folder / "scripts" / "addons"
    for copy in [*extensions.glob("*/scumble"), *legacy.glob("scumble*")]:
        if copy.parent == profile.plug_ins or not (copy / "blender_manifest.toml").is_file():
            continue
        if copy.parent == legacy:
            sentence = _("Scumble lies among the add-ons of the old kind, in {folder}; it is an extension.")
        else:
            sentence = _("There is a second copy of Scumble in {folder}.")
        yield Finding(
            "two-copies", sentence.format(folder=copy), _("Delete {folder}.").format(folder=copy), copy
        )


def _state(
    profile: Profile, fitting: Sequence[programs.Program], system: System, ask: programs.Ask
) -> State | None:
    """What a Blender of this profile's version says; None where none can be asked."""
    if not fitting or profile.packaging in ("flatpak", "store"):
        return None
    told = ask([str(fitting[0].path), "--background", "--python-expr", _QUESTION], system.environment).text
    line = next((line for line in told.splitlines() if line.startswith(_ANSWER)), "")
    try:
        said = json.loads(line.removeprefix(_ANSWER))
        return State(bool(said["enabled"]), said["registered"], said["online"], said["numpy"])
    except (ValueError, KeyError, TypeError):
        return None


def _by_preferences(profile: Profile) -> Iterator[Finding]:
    """Enabled add-ons are in the preferences by name; online access is there too, and not in letters."""
    path = profile.folder / "config" / "userpref.blend"
    try:
        with path.open("rb") as file:
            data = file.read(_PREFERENCES_BYTES)
    except OSError:
        data = b""
    if not data:
        sentence = _("{host} has saved no preferences yet, so Scumble is in place and not enabled.")
        yield Finding("disabled", sentence.format(host=profile.title), _enable(), path)
    elif not data.startswith(b"BLENDER"):
        sentence = _(
            "The preferences of {host} cannot be read here; whether Scumble is enabled is not known."
        )
        yield note("preferences-unreadable", sentence.format(host=profile.title), _enable(), path)
    elif not _MODULE.search(data):
        yield _disabled(profile)
    else:
        sentence = _(
            "{host} has Scumble {version} enabled. Whether online access is allowed cannot be seen here."
        )
        version = folders.installed_version(profile.plug_in)
        remedy = _("To use the service look at Edit > Preferences > System > Network > Allow Online Access.")
        yield note("enabled", sentence.format(host=profile.title, version=version), remedy, path)


def _disabled(profile: Profile) -> Finding:
    sentence = _("Scumble is in {host} and not enabled.").format(host=profile.title)
    return Finding("disabled", sentence, _enable(), profile.plug_in)


def _enable() -> str:
    return _("Switch it on in Blender: Edit > Preferences > Add-ons, Scumble.")
