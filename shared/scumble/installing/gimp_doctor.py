# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Scumble does not show up in GIMP."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..translation import _
from . import confinement, folders, plug_in_checks, pluginrc, programs
from .findings import Finding, note
from .places import FLATPAK_NAMES, MAIN_FILE, PLUG_IN_FOLDER, Profile, System, profiles

_NEEDED = ("scumble/__init__.py", "scumble_gimp/plugin.py", "scumble_gimp/procedures.py")
_PROCEDURES = re.compile(r'"(plug-in-scumble-[a-z-]+)"')
_PYTHON_ERROR = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)\b.*", re.M)
_ERROR_CHARACTERS = 300


def examine(system: System, data_folder: Path, ask: programs.Ask = programs.run) -> Iterator[Finding]:
    """Findings on every profile of GIMP 3, or on why there is none. Nothing of the user's is changed."""
    every = profiles("gimp", system)
    current = [profile for profile in every if profile.is_new_enough]
    found = programs.find("gimp", system, ask)
    yield from _in_folders_of_others(every, system)
    if not current:
        yield _without_profile(programs.new_enough("gimp", found), every, found)
        return
    for profile in current:
        yield from _profile(profile, programs.new_enough("gimp", found), system, ask)
    yield from confinement.examine("gimp", system, data_folder)


def _without_profile(
    usable: Sequence[programs.Program], every: Sequence[Profile], found: Sequence[programs.Program]
) -> Finding:
    if usable:
        return Finding(
            "never-started",
            _("GIMP {version} is here and has no profile yet.").format(
                version=".".join(map(str, usable[0].version))
            ),
            _("Run: {command}").format(command="scumble install gimp"),
        )
    if every or found:
        sentence = _("Only a GIMP older than 3.0 was found, which does not run Scumble.")
        return Finding("host-too-old", sentence, _("Install GIMP 3.0 or newer and start it once."))
    return Finding(
        "host-missing",
        _("No GIMP was found."),
        _("Install GIMP 3.0 or newer and start it once; of a profile elsewhere GIMP3_DIRECTORY says where."),
    )


def _in_folders_of_others(every: Sequence[Profile], system: System) -> Iterator[Finding]:
    """A plug-in that lies where only GIMP 2 looks, or where nobody does."""
    unread = [profile.plug_ins for profile in every if not profile.is_new_enough]
    inside = system.home / ".var" / "app" / FLATPAK_NAMES["gimp"] / "config" / "GIMP"
    unread += sorted(inside.glob("*/plug-ins"))
    for plug_ins in unread:
        for copy in folders.copies("gimp", plug_ins):
            yield Finding(
                "wrong-profile",
                _("Scumble lies in {folder}, where GIMP 3 does not look for plug-ins.").format(folder=copy),
                _("Delete that, then run: {command}").format(command="scumble install gimp"),
                copy,
            )


def _profile(
    profile: Profile, usable: Sequence[programs.Program], system: System, ask: programs.Ask
) -> Iterator[Finding]:
    broken = list(plug_in_checks.examine(profile, _NEEDED))
    main = profile.plug_in / MAIN_FILE["gimp"]
    if main.is_file() and system.platform != "win32" and not main.stat().st_mode & stat.S_IXUSR:
        broken.append(
            Finding(
                "run-bit",
                _("{file} may not be executed, so GIMP passes it over without a word.").format(file=main),
                _("Run: {command}").format(command=f'chmod +x "{main}"'),
                main,
            )
        )
    try:
        searched, noted = pluginrc.searches_profile(profile.folder), pluginrc.read(profile.folder)
    except OSError as error:
        sentence = _("The profile {folder} cannot be read ({failure}).")
        broken.append(
            Finding(
                "profile-unreadable",
                sentence.format(folder=profile.folder, failure=error.strerror or type(error).__name__),
                _("Mend its permissions: it must be yours."),
                profile.folder,
            )
        )
        yield from broken
        return
    if not searched:
        sentence = _("The settings of {host} leave {folder} out of the folders of plug-ins.")
        broken.append(
            Finding(
                "not-searched",
                sentence.format(host=profile.title, folder=profile.plug_ins),
                _("Add it in GIMP: Edit > Preferences > Folders > Plug-ins."),
                profile.folder / "gimprc",
            )
        )
    yield from broken
    if main.is_file() and not any(finding.is_problem for finding in broken):
        yield from _registration(profile, main, noted, usable, system, ask)


def _registration(
    profile: Profile,
    main: Path,
    noted: pluginrc.PluginRc | None,
    usable: Sequence[programs.Program],
    system: System,
    ask: programs.Ask,
) -> Iterator[Finding]:
    restart = _("Start GIMP again, and look under Filters > AI.")
    if noted is None:
        sentence = _("Scumble is in place; {host} was not started with this profile yet.")
        yield note("not-started-yet", sentence.format(host=profile.title), restart, profile.folder)
        return
    ours = next((one for one in noted.ours if _is_same(one.file, main, profile)), None)
    if ours is None and noted.written_at < folders.placed_at(profile):
        sentence = _("Scumble is in place; {host} was not started since it was installed.")
        yield note("not-started-since", sentence.format(host=profile.title), restart, main)
    elif ours is None:
        yield _unregistered(profile, noted, usable, system, ask)
    elif ours.changed_at != int(main.stat().st_mtime):
        sentence = _("Scumble was changed since {host} was last started.")
        yield note("not-started-since", sentence.format(host=profile.title), restart, main)
    elif ours.explanation:
        yield Finding(
            "not-working",
            _("{host} shows Scumble, and says: {reason}").format(host=profile.title, reason=ours.explanation),
            _("Install it again: {command}").format(command=plug_in_checks.install_command("gimp", profile)),
            main,
        )
    else:
        missing = sorted(_expected(profile.plug_in) - set(ours.labels))
        if missing:
            yield _partly_registered(profile, missing, main)
        else:
            sentence = _("{host} has Scumble {version} in its menu Filters > AI.")
            version = folders.installed_version(profile.plug_in)
            yield note("in-menu", sentence.format(host=profile.title, version=version), "", main)


def _partly_registered(profile: Profile, missing: Sequence[str], main: Path) -> Finding:
    sentence = _("{host} has registered Scumble without {names}: each of these failed with an error.")
    return Finding(
        "registration-error",
        sentence.format(host=profile.title, names=", ".join(missing)),
        _("Start GIMP in a terminal to read the errors, and install again: {command}").format(
            command=plug_in_checks.install_command("gimp", profile)
        ),
        main,
    )


def _unregistered(
    profile: Profile,
    noted: pluginrc.PluginRc,
    usable: Sequence[programs.Program],
    system: System,
    ask: programs.Ask,
) -> Finding:
    """GIMP met it and noted nothing of it: it ended with an error."""
    if not noted.runs_python:
        sentence = _("{host} runs no Python plug-ins, not even its own.")
        return Finding(
            "no-python",
            sentence.format(host=profile.title),
            _(
                "Install what GIMP needs for Python: on Debian and Ubuntu the packages python3-gi and"
                " gir1.2-gtk-3.0, on Windows a GIMP installed with its Python support."
            ),
            profile.folder / "pluginrc",
        )
    error = _error_at_registration(profile, usable, system, ask)
    sentence = _("{host} met Scumble when it started, and Scumble ended with an error: {error}")
    return Finding(
        "registration-error",
        sentence.format(host=profile.title, error=error or _("which GIMP writes only to the terminal")),
        _(
            "Install it again: {command}. If that does not help, start GIMP in a terminal and report what it"
            " says."
        ).format(command=plug_in_checks.install_command("gimp", profile)),
        profile.plug_in,
    )


def _error_at_registration(
    profile: Profile, usable: Sequence[programs.Program], system: System, ask: programs.Ask
) -> str:
    """The error's line, from a GIMP that is started with a copy of the plug-in in a profile of its own."""
    fitting = [program for program in usable if not profile.version or program.series == profile.version]
    if not fitting or profile.packaging in ("flatpak", "snap"):
        return ""
    with tempfile.TemporaryDirectory(prefix="scumble-doctor-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(profile.plug_in, Path(folder) / "plug-ins" / PLUG_IN_FOLDER["gimp"])
        environment = {**system.environment, "GIMP3_DIRECTORY": folder, "SCUMBLE_HOME": folder}
        batch = ["-i", "--quit", "--batch-interpreter=plug-in-script-fu-eval", "-b", "()"]
        told = ask([os.fspath(fitting[0].path), *batch], environment).text
    errors = _PYTHON_ERROR.findall(told)
    return errors[-1].strip()[:_ERROR_CHARACTERS] if errors else ""


def _expected(plug_in: Path) -> set[str]:
    """The procedures that its sources name."""
    try:
        return set(_PROCEDURES.findall((plug_in / "scumble_gimp" / "procedures.py").read_text("utf-8")))
    except (OSError, UnicodeDecodeError):
        return set()


def _is_same(noted: str, main: Path, profile: Profile) -> bool:
    path = noted.replace("${gimp_dir}", str(profile.folder)).replace("\\", "/")
    return path == str(main).replace("\\", "/")
