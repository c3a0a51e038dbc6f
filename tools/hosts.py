# SPDX-License-Identifier: GPL-3.0-or-later
"""Get the real GIMP and Blender for tests and the demo: this machine's own, else ones in a cache."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import debian_root
from tools.host_cache import HostMissing, cache, is_made, locked, mark_made

# A wheel of Blender runs on one Python only.
BLENDERS = {"4.5.15": (3, 11), "5.0.1": (3, 11), "5.2.3": (3, 13)}
_PREFERRED = (("4.5.15", "5.0.1"), ("5.2.3",))
_PYTEST = "pytest==9.2.0"
_GIMP_VERSION = re.compile(r"version (\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Program:
    """A program of this machine, or one inside a Debian root."""

    name: str
    version: str
    root: Path | None = None

    def command(self, arguments: Sequence[str] = (), folders: Iterable[Path] = ()) -> list[str]:
        """The command that runs it, for subprocess, with the environment that subprocess is given.

        Inside a root it sees of this machine only `folders`, at their own paths, writable; its working
        folder is "/".
        Each call has mounts of its own, which vanish with the process, however that ends.
        """
        if self.root is None:
            return [self.name, *arguments]
        return debian_root.command(self.root, [self.name, *arguments], folders)


def gimp() -> Program:
    """GIMP's console, version 3 or newer. Raises HostMissing.

    In this order: `GIMP_CONSOLE`, `gimp-console-3.x` and `gimp-console` on PATH, a Debian root in the cache.
    """
    chosen = os.environ.get("GIMP_CONSOLE")
    for console in [chosen] if chosen else _consoles_on_path():
        version = _gimp_version(Program(console, ""))
        if version:
            return Program(console, version)
    if chosen:
        raise HostMissing(f"GIMP_CONSOLE names {chosen}, which is not the console of GIMP 3 or newer")
    console = "gimp-console"
    root = debian_root.ready(lambda root: bool(_gimp_version(Program(console, "", root))))
    return Program(console, _gimp_version(Program(console, "", root)), root)


def blender_versions() -> tuple[str, ...]:
    """The releases of Blender that can be had here as a Python module. Raises HostMissing."""
    for versions in _PREFERRED:
        if _python(BLENDERS[versions[0]]):
            return versions
    raise HostMissing(
        "Blender as a module needs Python 3.11 (or 3.13) on PATH, with its venv module; install one"
    )


def blender(version: str) -> Path:
    """The Python of a virtual environment with Blender `version` and pytest, made when missing.

    Raises HostMissing.
    """
    python = _python(BLENDERS[version])
    if python is None:
        wanted = ".".join(map(str, BLENDERS[version]))
        raise HostMissing(
            f"Blender {version} as a module needs Python {wanted} on PATH, with its venv module"
        )
    folder = cache() / f"bpy-{version}"
    recipe = f"bpy=={version}\n{_PYTEST}\n"
    with locked():
        if not is_made(folder, recipe):
            _make_blender(python, folder, recipe)
            mark_made(folder, recipe)
    return _python_of(folder)


def blender_validator(python: Path) -> Path:
    """Blender's own checker and builder of extensions, a script for `python`, as `blender` returned it."""
    # `python` may be a link to the interpreter outside, so its folder is taken and not where it leads.
    found = next(python.parent.parent.glob("[Ll]ib/**/bl_pkg/cli/blender_ext.py"), None)
    if found is None:
        raise HostMissing(f"{python} has no blender_ext.py; remove its environment and run again")
    return found


def _consoles_on_path() -> list[str]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    found = {
        str(file) for folder in folders for file in folder.glob("gimp-console-3*") if os.access(file, os.X_OK)
    }
    plain = shutil.which("gimp-console")
    return [*sorted(found, reverse=True), *([plain] if plain else [])]


def _gimp_version(console: Program) -> str:
    """ "3.0.4", or nothing when it does not start or is older than 3."""
    try:
        ran = subprocess.run(console.command(["--version"]), capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _GIMP_VERSION.search(ran.stdout)
    return ".".join(found.groups()) if found and int(found[1]) >= 3 else ""


def _python(wanted: tuple[int, int]) -> str | None:
    """A Python of that version that can make virtual environments: this one, or one on PATH."""
    name = f"python{wanted[0]}.{wanted[1]}"
    folders = os.environ.get("PATH", "").split(os.pathsep)
    candidates = [
        sys.executable,
        *(found for folder in folders if (found := shutil.which(name, path=folder))),
    ]
    probe = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {wanted})"
    for candidate in candidates:
        # A name on PATH may be a version manager's shim that leads nowhere.
        if subprocess.run([candidate, "-c", probe], capture_output=True).returncode == 0:
            return candidate
    return None


def _make_blender(python: str, folder: Path, recipe: str) -> None:
    """Fill a virtual environment; one that works already, made by hand or by an older recipe, is kept."""
    requirements = recipe.split()
    if not _works(folder):
        print(f"Getting {requirements[0]} (about 400 MB) into {folder}", file=sys.stderr)
        made = subprocess.run([python, "-m", "venv", "--clear", str(folder)], capture_output=True, text=True)
        if made.returncode:
            raise HostMissing(
                f"{python} cannot make a virtual environment: {_last_line(made.stdout + made.stderr)}"
            )
    command = [str(_python_of(folder)), "-m", "pip", "install", "--quiet", *requirements]
    installed = subprocess.run(command, capture_output=True, text=True)
    if installed.returncode:
        raise HostMissing(f"pip could not install {requirements[0]}: {_last_line(installed.stderr)}")
    if not _works(folder):
        raise HostMissing(
            f"{requirements[0]} was installed and does not start; a system library may be missing"
        )


def _works(folder: Path) -> bool:
    python = _python_of(folder)
    return (
        python.exists() and subprocess.run([python, "-c", "import bpy"], capture_output=True).returncode == 0
    )


def _python_of(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m tools.hosts [gimp] [blender]`: get them and say where they are; 1 when one is missing."""
    parser = argparse.ArgumentParser(prog="python -m tools.hosts", description=__doc__)
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="gimp, blender; both by default")
    wanted = parser.parse_args(arguments).hosts or ["gimp", "blender"]
    missing = 0
    for host in wanted:
        try:
            if host == "gimp":
                found = gimp()
                print(f"GIMP {found.version}: {found.name}", f"in {found.root}" if found.root else "")
            else:
                for version in blender_versions():
                    print(f"Blender {version}: {blender(version)}")
        except HostMissing as reason:
            print(f"{host} is missing: {reason}", file=sys.stderr)
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main())
