# SPDX-License-Identifier: GPL-3.0-or-later
"""Build what is released into dist/: sdist, wheel, the GIMP zip, the Blender zip and their checksums."""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from hatch_build import compiled
from tools.vendoring import made_to_use_vendored, vendored

Host = Literal["gimp", "blender"]
HOSTS: tuple[Host, ...] = ("gimp", "blender")
ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"

_SOURCES = {"gimp": ROOT / "gimp_plugin", "blender": ROOT / "blender_addon"}
_LIBRARY = ROOT / "shared" / "scumble"
_GIMP_FOLDER = "scumble-gimp"
_UNSHIPPED = {"__pycache__", "tests"}
# Textures are Blender's, and GIMP's Python has no numpy.
_NOT_FOR_GIMP = {"textures.py", "arrays.py", "seams.py", "seam_repair.py", "maps.py"}
_UNSHIPPED_SUFFIXES = {".pyc", ".pyo", ".mo", ".pot"}
# Zip knows no date before 1980-01-01; sdist and wheel get the same through SOURCE_DATE_EPOCH.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_EPOCH = "315532800"
_LEVEL = 9


def version() -> str:
    """The one version, from the library's __init__.py."""
    text = (_LIBRARY / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.M)
    if found is None:
        raise ValueError("shared/scumble/__init__.py names no __version__")
    return found[1]


def zip_path(host: Host, folder: Path = DIST) -> Path:
    """Where the zip of a host is, or will be."""
    return folder / f"scumble-{host}-{version()}.zip"


def contents(host: Host) -> dict[str, bytes]:
    """What a host's zip holds, by path in it."""
    top = f"{_GIMP_FOLDER}/" if host == "gimp" else ""
    files = {top + path: data for path, data in _shipped(_SOURCES[host]).items()}
    for path, data in _shipped(_LIBRARY).items():
        for_gimp = not path.startswith("cli/") and path not in _NOT_FOR_GIMP
        if path == "__main__.py" or (host == "gimp" and not for_gimp):
            continue
        files[f"{top}scumble/{path}"] = made_to_use_vendored(path, data) if path.endswith(".py") else data
    files |= {f"{top}scumble/_vendor/{path}": data for path, data in vendored().items()}
    files[f"{top}LICENSE"] = (ROOT / "LICENSE").read_bytes()
    return dict(sorted(files.items()))


def stage(host: Host, folder: Path) -> Path:
    """Lay a host's zip into `folder` as files; returns the plug-in's or extension's own folder."""
    for path, data in contents(host).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(_mode(path))
    return folder / _GIMP_FOLDER if host == "gimp" else folder


def build_zip(host: Host, folder: Path = DIST) -> Path:
    """Write a host's zip into `folder`; the same files give the same bytes."""
    target = zip_path(host, folder)
    _replace(target, zipped(contents(host)))
    return target


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip that depends on nothing but names and contents: no dates, owners or modes of the machine."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _ZIP_DATE)
            entry.create_system = 3
            entry.external_attr = (0o100000 | _mode(path)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=_LEVEL)
    return target.getvalue()


def build_python(folder: Path = DIST) -> list[Path]:
    """Write sdist and wheel into `folder`, the wheel from the sdist. Raises subprocess.CalledProcessError."""
    with tempfile.TemporaryDirectory() as made:
        environment = os.environ | {"SOURCE_DATE_EPOCH": _EPOCH, "PYTHONDONTWRITEBYTECODE": "1"}
        # --no-isolation: the pinned backend is installed already, and the build stays off the network.
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", made, str(ROOT)]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        built = sorted(Path(made).iterdir())
        for path in built:
            _replace(folder / path.name, path.read_bytes())
    return [folder / path.name for path in built]


def build_all(folder: Path = DIST) -> list[Path]:
    """Everything that is released, with SHA256SUMS last."""
    built = [*build_python(folder), *(build_zip(host, folder) for host in HOSTS)]
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(built)]
    sums = folder / "SHA256SUMS"
    _replace(sums, "".join(lines).encode())
    return [*built, sums]


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m tools.package [--only gimp|blender] [--out FOLDER | --stage FOLDER]`"""
    parser = argparse.ArgumentParser(prog="python -m tools.package", description=__doc__)
    parser.add_argument("--only", choices=HOSTS, help="build one host's zip and nothing else")
    parser.add_argument("--out", type=Path, default=DIST, help="the folder to build into, dist by default")
    parser.add_argument(
        "--stage", type=Path, help="lay the one host's files into this folder instead of a zip"
    )
    chosen = parser.parse_args(arguments)
    if chosen.stage:
        if not chosen.only:
            parser.error("--stage needs --only")
        sys.stdout.write(f"{stage(chosen.only, chosen.stage)}\n")
        return 0
    chosen.out.mkdir(parents=True, exist_ok=True)
    built = [build_zip(chosen.only, chosen.out)] if chosen.only else build_all(chosen.out)
    for path in built:
        sys.stdout.write(f"{path}  {path.stat().st_size:,} bytes\n")
    return 0


def _shipped(source: Path) -> dict[str, bytes]:
    """The files of a source folder that go into a zip, by path in it, with its catalogues compiled."""
    files: dict[str, bytes] = {}
    for file in sorted(source.rglob("*")):
        path = file.relative_to(source)
        hidden = any(part.startswith(".") or part in _UNSHIPPED for part in path.parts)
        if hidden or file.suffix in _UNSHIPPED_SUFFIXES or not file.is_file():
            continue
        if file.suffix == ".po":
            files[path.with_suffix(".mo").as_posix()] = compiled(file.read_bytes())
        else:
            files[path.as_posix()] = file.read_bytes()
    return files


def _mode(path: str) -> int:
    """GIMP starts a plug-in only when its main file may be executed."""
    return 0o755 if PurePosixPath(path) == PurePosixPath(_GIMP_FOLDER, f"{_GIMP_FOLDER}.py") else 0o644


def _replace(target: Path, data: bytes) -> None:
    """Write a file so that nobody who reads it meanwhile sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(data)
    partial.chmod(0o644)
    partial.replace(target)


if __name__ == "__main__":
    sys.exit(main())
