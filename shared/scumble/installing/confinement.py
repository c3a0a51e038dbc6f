# SPDX-License-Identifier: GPL-3.0-or-later
"""What Flatpak and Snap let a host do: whether it reaches the data folder, and the network."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

from ..translation import _
from .findings import Finding
from .places import FLATPAK_NAMES, TITLES, Host, System, flatpak_folders

_STRICT = re.compile(r"^confinement:\s*strict\b", re.M)


def examine(host: Host, system: System, data_folder: Path) -> Iterator[Finding]:
    """Findings about the Flatpak and the Snap of a host, where they are installed."""
    for app in flatpak_folders(host, system):
        yield from _flatpak(host, system, app, data_folder)
    snap = system.root / "snap" / host / "current"
    if system.platform == "linux" and _is_strict(snap) and _is_closed_to_snaps(data_folder, host, system):
        sentence = _("{host}'s Snap cannot use the data folder {folder}: Snaps see no hidden folders.")
        remedy = _(
            "Choose a folder that is not hidden, for all programs alike: set SCUMBLE_HOME={folder} in your"
            " session's environment, and move the old folder there."
        )
        yield Finding(
            "snap-data-folder",
            sentence.format(host=TITLES[host], folder=data_folder),
            remedy.format(folder=system.home / "Scumble"),
            data_folder,
        )


def _flatpak(host: Host, system: System, app: Path, data_folder: Path) -> Iterator[Finding]:
    contexts = list(_contexts(app, FLATPAK_NAMES[host]))
    if not contexts:
        return
    name = FLATPAK_NAMES[host]
    if not _is_open(data_folder, system.home, _items(contexts, "filesystems")):
        yield Finding(
            "flatpak-data-folder",
            _("{host}'s Flatpak may not use the data folder {folder}.").format(
                host=TITLES[host], folder=data_folder
            ),
            _("Allow it: {command}").format(
                command=f"flatpak override --user --filesystem={data_folder} {name}"
            ),
            data_folder,
        )
    if not _is_shared("network", _items(contexts, "shared")):
        yield Finding(
            "flatpak-network",
            _("{host}'s Flatpak may not use the network.").format(host=TITLES[host]),
            _("Allow it: {command}").format(command=f"flatpak override --user --share=network {name}"),
        )


def _contexts(app: Path, name: str) -> Iterator[configparser.SectionProxy]:
    """What the program asks for, then what was decided about all and about it; later ones go first."""
    overrides = app.parents[1] / "overrides"
    for path in (app / "current" / "active" / "metadata", overrides / "global", overrides / name):
        parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        if parser.has_section("Context"):
            yield parser["Context"]


def _items(contexts: list[configparser.SectionProxy], key: str) -> list[str]:
    return [item.strip() for context in contexts for item in context.get(key, "").split(";") if item.strip()]


def _is_open(folder: Path, home: Path, items: list[str]) -> bool:
    """Whether a folder may be written, by the items of `filesystems`; the last that speaks of it counts."""
    allowed = False
    for item in items:
        place, _separator, mode = item.removeprefix("!").partition(":")
        if _covers(place, folder, home):
            allowed = not item.startswith("!") and mode != "ro"
    return allowed


def _covers(place: str, folder: Path, home: Path) -> bool:
    if place == "host":
        return True
    if place in ("home", "~"):
        return folder.is_relative_to(home)
    start, _slash, rest = place.partition("/")
    known = {"~": home, "xdg-data": home / ".local" / "share", "xdg-config": home / ".config", "": Path("/")}
    return start in known and folder.is_relative_to(known[start] / rest)


def _is_shared(name: str, items: list[str]) -> bool:
    said = [item for item in items if item.removeprefix("!") == name]
    return bool(said) and not said[-1].startswith("!")


def _is_strict(snap: Path) -> bool:
    try:
        return bool(_STRICT.search((snap / "meta" / "snap.yaml").read_text("utf-8", errors="replace")))
    except OSError:
        return False


def _is_closed_to_snaps(folder: Path, host: Host, system: System) -> bool:
    if not folder.is_relative_to(system.home):
        return True
    inside = folder.relative_to(system.home).parts
    return bool(inside) and inside[0].startswith(".") and inside[:2] != ("snap", host)
