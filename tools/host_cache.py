# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder outside the checkout in which hosts are kept, and how one knows that a host there is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none; there, two runs that build at once are the user's to avoid.
    fcntl = None  # type: ignore[assignment]

_MARKER = ".scumble-made"


class HostMissing(Exception):
    """A host cannot be had here; the text says why and what to do about it."""


def cache() -> Path:
    """`SCUMBLE_HOSTS`, else ~/.cache/scumble-hosts; created. Raises HostMissing."""
    folder = Path(os.environ.get("SCUMBLE_HOSTS") or Path.home() / ".cache" / "scumble-hosts").absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostMissing(
            f"the cache for hosts cannot be made ({error}); name another in SCUMBLE_HOSTS"
        ) from error
    return folder


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One process at a time builds in the cache; a killed one leaves no lock behind."""
    with (cache() / "lock").open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_made(folder: Path, recipe: str) -> bool:
    """Whether `folder` was finished, by this recipe."""
    try:
        return (folder / _MARKER).read_text(encoding="utf-8") == recipe
    except FileNotFoundError:
        return False


def was_made(folder: Path) -> bool:
    """Whether `folder` was finished, by whatever recipe."""
    return (folder / _MARKER).exists()


def mark_made(folder: Path, recipe: str) -> None:
    """Say that `folder` is whole; the last step of making it."""
    (folder / _MARKER).write_text(recipe, encoding="utf-8")
