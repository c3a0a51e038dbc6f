# SPDX-License-Identifier: GPL-3.0-or-later
"""The plug-in's folder in a profile: replaced whole, removed whole, and nothing of another version left."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from ..errors import FolderUnusable
from .package import Package, library_version
from .places import MAIN_FILE, PLUG_IN_FOLDER, Host, Profile

_LIBRARY_BYTES = 65_536


def put(package: Package, profile: Profile) -> None:
    """Make the plug-in's folder hold what the package holds, and nothing else.

    A run that is killed leaves the old folder, or the new one, or for a moment none of them under its name;
    running it again mends that. Raises FolderUnusable; the old one is then back in its place.
    """
    target = profile.plug_in
    new, old = (_beside(target, ending) for ending in ("part", "old"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in leftovers(profile):
            _delete(left)
        _fill(new, package)
        _swap(new, target, old)
    except OSError as error:
        with contextlib.suppress(OSError):
            _delete(new)
        raise _unusable(target, error) from error
    with contextlib.suppress(OSError):
        # Windows keeps what a running host has open; the next run deletes it.
        _delete(old)


def take_away(profile: Profile) -> bool:
    """Delete the plug-in's folder and leftovers; tells whether there were any. Raises FolderUnusable."""
    gone = [*leftovers(profile), *([profile.plug_in] if is_there(profile) else [])]
    try:
        for path in gone:
            _delete(path)
    except OSError as error:
        raise _unusable(profile.plug_in, error) from error
    return bool(gone)


def is_there(profile: Profile) -> bool:
    """Also a broken link."""
    return profile.plug_in.is_symlink() or profile.plug_in.exists()


def installed_version(folder: Path) -> str:
    """The version of the library in a plug-in's folder; empty where there is none, or none readable."""
    try:
        with (folder / "scumble" / "__init__.py").open("rb") as file:
            return library_version(file.read(_LIBRARY_BYTES))
    except OSError:
        return ""


def placed_at(profile: Profile) -> float:
    """When the plug-in's folder came to its place, in seconds; 0 where there is none.

    The times of unzipped files may be old ones, and those of folders are not.
    """
    try:
        return max(profile.plug_ins.stat().st_mtime, profile.plug_in.stat().st_mtime)
    except OSError:
        return 0.0


def leftovers(profile: Profile) -> tuple[Path, ...]:
    """What a run that was killed has left beside the plug-in's folder."""
    name = PLUG_IN_FOLDER[profile.host]
    return tuple(
        path for ending in ("part", "old") for path in sorted(profile.plug_ins.glob(f".{name}.*.{ending}"))
    )


def copies(host: Host, plug_ins: Path) -> tuple[Path, ...]:
    """The folders below `plug_ins`, at most two deep, that hold a plug-in of ours."""
    main = MAIN_FILE[host]
    found = [*plug_ins.glob(main), *plug_ins.glob(f"*/{main}"), *plug_ins.glob(f"*/*/{main}")]
    hidden = f".{PLUG_IN_FOLDER[host]}."
    return tuple(
        sorted(path.parent for path in found if not path.relative_to(plug_ins).as_posix().startswith(hidden))
    )


def _beside(target: Path, ending: str) -> Path:
    # Hosts skip hidden folders, and a rename needs one disk.
    return target.with_name(f".{target.name}.{os.urandom(4).hex()}.{ending}")


def _fill(folder: Path, package: Package) -> None:
    runs = MAIN_FILE["gimp"] if package.host == "gimp" else ""
    for name, data in package.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        # GIMP starts a plug-in only when its main file may be executed.
        path.chmod(0o755 if name == runs else 0o644)


def _swap(new: Path, target: Path, old: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.is_symlink() or old.exists():
            old.rename(target)
        raise


def _delete(path: Path) -> None:
    """A link goes, and not what it leads to: it may be somebody's checkout."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _unusable(path: Path, error: OSError) -> FolderUnusable:
    return FolderUnusable(path=path, reason=error.strerror or type(error).__name__)
