# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the profiles of GIMP and Blender lie on each system, also those of Flatpak, Snap and the stores."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Host = Literal["gimp", "blender"]
Packaging = Literal["native", "flatpak", "snap", "store", "chosen"]

TITLES: Mapping[Host, str] = {"gimp": "GIMP", "blender": "Blender"}
OLDEST: Mapping[Host, tuple[int, int]] = {"gimp": (3, 0), "blender": (4, 2)}
FLATPAK_NAMES: Mapping[Host, str] = {"gimp": "org.gimp.GIMP", "blender": "org.blender.Blender"}
PLUG_IN_FOLDER: Mapping[Host, str] = {"gimp": "scumble-gimp", "blender": "scumble"}
MAIN_FILE: Mapping[Host, str] = {"gimp": "scumble-gimp.py", "blender": "blender_manifest.toml"}

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")


@dataclass(frozen=True)
class System:
    """What is looked at: one user's home and environment, on one kind of system, below one root."""

    platform: str
    home: Path
    environment: Mapping[str, str]
    root: Path = Path("/")

    def variable(self, name: str) -> str:
        return self.environment.get(name, "")

    def folder(self, name: str, otherwise: Path) -> Path:
        """The folder that a variable names, else `otherwise`; relative ones do not count."""
        value = Path(self.variable(name))
        return value if value.is_absolute() else otherwise


@dataclass(frozen=True)
class Profile:
    """A folder in which a host keeps what belongs to one user and one version.

    `version` is () where its path does not tell it. The folder of a profile that is yet to be made need not
    exist.
    """

    host: Host
    version: tuple[int, ...]
    folder: Path
    packaging: Packaging
    extensions: Path | None = None

    @property
    def is_new_enough(self) -> bool:
        return not self.version or self.version >= OLDEST[self.host]

    @property
    def plug_ins(self) -> Path:
        """The folder that the plug-in's own folder belongs into."""
        if self.host == "gimp":
            return self.folder / "plug-ins"
        return (self.extensions or self.folder / "extensions") / "user_default"

    @property
    def plug_in(self) -> Path:
        return self.plug_ins / PLUG_IN_FOLDER[self.host]

    @property
    def title(self) -> str:
        """As a person names it: "GIMP 3.0 (Flatpak)"."""
        words = [TITLES[self.host], ".".join(map(str, self.version))]
        added = {"flatpak": "(Flatpak)", "snap": "(Snap)", "store": "(Microsoft Store)"}.get(self.packaging)
        return " ".join(word for word in (*words, added) if word)


def this_system(environment: Mapping[str, str] = os.environ) -> System:
    """Snap redirects HOME. Raises RuntimeError when the system knows no home directory."""
    return System(sys.platform, Path(environment.get("SNAP_REAL_HOME") or Path.home()), environment)


def profiles(host: Host, system: System) -> tuple[Profile, ...]:
    """Every profile that exists, of versions too old as well, the newest version first.

    A profile that the environment names (GIMP3_DIRECTORY, BLENDER_USER_RESOURCES) comes first, whether it
    exists or not.
    """
    found = [profile for root, packaging in roots(host, system) for profile in _in(root, host, packaging)]
    found.sort(key=lambda profile: profile.version, reverse=True)
    chosen = _chosen(host, system)
    return tuple(_without_repeats([chosen, *found] if chosen else found))


def roots(host: Host, system: System) -> tuple[tuple[Path, Packaging], ...]:
    """The folders that hold a profile for each version, whether they exist or not, each once."""
    found = {"gimp": _gimp_roots, "blender": _blender_roots}[host](system)
    first: dict[Path, Packaging] = {}
    for root, packaging in found:
        first.setdefault(root, packaging)
    return tuple(first.items())


def flatpak_folders(host: Host, system: System) -> tuple[Path, ...]:
    """Where Flatpak has the host installed, for the user and for all."""
    if system.platform != "linux":
        return ()
    data = system.folder("XDG_DATA_HOME", system.home / ".local" / "share")
    places = (data, system.home / ".local" / "share", system.root / "var" / "lib")
    apps = dict.fromkeys(place / "flatpak" / "app" / FLATPAK_NAMES[host] for place in places)
    return tuple(app for app in apps if app.is_dir())


def chosen_profile(host: Host, folder: Path) -> Profile:
    """A folder that a person names as a profile; its version where its path tells it."""
    return Profile(host, _version(folder.name), folder.absolute(), "chosen")


def _gimp_roots(system: System) -> Iterator[tuple[Path, Packaging]]:
    if system.platform == "win32":
        for root, packaging in _windows_roots(system, "GIMP"):
            yield root / "GIMP", packaging
    elif system.platform == "darwin":
        yield system.home / "Library" / "Application Support" / "GIMP", "native"
    else:
        usual = system.home / ".config" / "GIMP"
        # Flatpak maps the very folder of the system's own GIMP, and not one in ~/.var/app.
        shared: Packaging = "flatpak" if flatpak_folders("gimp", system) else "native"
        native = system.folder("XDG_CONFIG_HOME", system.home / ".config") / "GIMP"
        if native != usual:
            yield native, "native"
        yield usual, shared
        yield system.home / "snap" / "gimp" / "current" / "GIMP", "snap"
        yield system.home / "snap" / "gimp" / "current" / ".config" / "GIMP", "snap"


def _blender_roots(system: System) -> Iterator[tuple[Path, Packaging]]:
    if system.platform == "win32":
        for root, packaging in _windows_roots(system, "Blender"):
            yield root / "Blender Foundation" / "Blender", packaging
    elif system.platform == "darwin":
        yield system.home / "Library" / "Application Support" / "Blender", "native"
    else:
        yield system.folder("XDG_CONFIG_HOME", system.home / ".config") / "blender", "native"
        yield system.home / ".config" / "blender", "native"
        yield system.home / ".var" / "app" / FLATPAK_NAMES["blender"] / "config" / "blender", "flatpak"


def _windows_roots(system: System, name: str) -> Iterator[tuple[Path, Packaging]]:
    """%APPDATA%, and what stands for it inside a package of the Store."""
    roaming = system.variable("APPDATA")
    yield Path(roaming) if roaming else system.home / "AppData" / "Roaming", "native"
    local = system.variable("LOCALAPPDATA")
    packages = (Path(local) if local else system.home / "AppData" / "Local") / "Packages"
    for package in sorted(packages.glob(f"*{name}*_*")):
        yield package / "LocalCache" / "Roaming", "store"


def _chosen(host: Host, system: System) -> Profile | None:
    if host == "gimp":
        told = system.variable("GIMP3_DIRECTORY")
        # GIMP takes a relative name for one in the home directory.
        return chosen_profile(host, system.home / told) if told else None
    told, extensions = system.variable("BLENDER_USER_RESOURCES"), system.variable("BLENDER_USER_EXTENSIONS")
    if not told and not extensions:
        return None
    folder = Path(told) if told else Path(extensions).parent
    return Profile(host, (), folder.absolute(), "chosen", Path(extensions).absolute() if extensions else None)


def _in(root: Path, host: Host, packaging: Packaging) -> Iterator[Profile]:
    try:
        folders = [folder for folder in root.iterdir() if folder.is_dir()]
    except OSError:
        return
    for folder in folders:
        version = _version(folder.name)
        if version:
            yield Profile(host, version, folder, packaging)


def _version(name: str) -> tuple[int, ...]:
    found = _VERSION.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else ()


def _without_repeats(found: Iterable[Profile]) -> Iterator[Profile]:
    seen: set[Path] = set()
    for profile in found:
        place = profile.folder.resolve()
        if place not in seen:
            seen.add(place)
            yield profile
