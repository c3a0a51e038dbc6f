# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked, on disk until its answer is: for an answer that comes later, perhaps to another program.

awaited/<id>.json      as it will lie beside the reply
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .private_files import make_folder, replace, storage_errors
from .settings import Home

_FOLDER = "awaited"
_NAME = re.compile(r"[0-9a-f]{32}\.json")


def note(home: Home, id: str, asked: Mapping[str, Any]) -> None:
    """Write what was asked; on return it is on disk. Raises StorageError."""
    with storage_errors(home.folder):
        make_folder(home.folder)
        make_folder(home.folder / _FOLDER)
        text = json.dumps(dict(asked), ensure_ascii=False)
        replace(home.folder / _FOLDER / f"{id}.json", text.encode("utf-8", "surrogatepass"))


def noted(home: Home, id: str) -> dict[str, Any] | None:
    """What was asked under the id; None when it is not there or not whole. Raises StorageError."""
    with storage_errors(home.folder):
        try:
            data = (home.folder / _FOLDER / f"{id}.json").read_bytes()
        except FileNotFoundError:
            return None
    try:
        return dict(json.loads(data.decode("utf-8", "surrogatepass")))
    except (ValueError, TypeError):
        return None


def forget(home: Home, id: str) -> None:
    """The answer has its own record now, or none will come. Raises StorageError."""
    with storage_errors(home.folder):
        (home.folder / _FOLDER / f"{id}.json").unlink(missing_ok=True)


def ids(home: Home) -> list[str]:
    """The ids that something is noted under. Raises StorageError."""
    with storage_errors(home.folder):
        folder = home.folder / _FOLDER
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [name.removesuffix(".json") for name in names if _NAME.fullmatch(name)]
