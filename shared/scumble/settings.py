# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Scumble's files lie: one data folder for GIMP, Blender and the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import SetupError
from .translation import _


@dataclass(frozen=True)
class Home:
    """The data folder of one user and what lies in it."""

    folder: Path

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.sqlite3"

    @property
    def pace(self) -> Path:
        """What queues of all processes are sending now; may be deleted when none runs."""
        return self.folder / "pace.sqlite3"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def batches(self) -> Path:
        """What was asked for in batches whose answers the service still keeps."""
        return self.folder / "batches"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def listing(self) -> Path:
        """What the service last said of the models that the key may use."""
        return self.folder / "models.json"

    @property
    def servers(self) -> Path:
        """How other servers differ, where a user says so."""
        return self.folder / "servers.json"

    @property
    def catalog(self) -> Path:
        """A user's own model data, laid over the built-in catalogue where it exists."""
        return self.folder / "catalog.json"

    def make(self) -> Home:
        """Create the folder, readable by its owner only; returns self. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self


def find_home(environment: Mapping[str, str] = os.environ) -> Home:
    """`SCUMBLE_HOME`, else the platform's place for a user's data; nothing is created.

    Flatpak and Snap redirect the XDG variables into a folder of their own, so on Linux the real home
    directory is used and not XDG_DATA_HOME: budgets must see every host's spending.

    Raises SetupError when a home directory is asked for that the system does not know.
    """
    try:
        return _home_in(environment)
    except RuntimeError:
        raise SetupError(reason=_("the data folder cannot be found; SCUMBLE_HOME names one")) from None


def _home_in(environment: Mapping[str, str]) -> Home:
    chosen = environment.get("SCUMBLE_HOME")
    if chosen:
        return Home(Path(chosen).expanduser().absolute())
    if sys.platform == "win32":
        base = Path(environment.get("APPDATA") or Path.home() / "AppData" / "Roaming")
        return Home(base / "scumble")
    if sys.platform == "darwin":
        return Home(Path.home() / "Library" / "Application Support" / "scumble")
    home = Path(environment.get("SNAP_REAL_HOME") or Path.home())
    return Home(home / ".local" / "share" / "scumble")
