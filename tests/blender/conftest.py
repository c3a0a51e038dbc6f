# SPDX-License-Identifier: GPL-3.0-or-later
"""One Blender for all these tests: the built zip installed into a fresh profile, a fresh scene for each test.

They run in the Python of a bpy wheel (`nox -s blender`); a Python without bpy collects none of them.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from blender.services import compass_png, use_service
from servers import FaultServer, answers, success

from scumble import __version__
from scumble.settings import Home
from scumble.shapes import Size

ZIP = Path(__file__).parents[2] / "dist" / f"scumble-blender-{__version__}.zip"
PACKAGE = "bl_ext.user_default.scumble"

# Blender reads it while it is imported.
PROFILE = Path(os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="scumble-blender-")))
PROFILE.mkdir(parents=True, exist_ok=True)

try:
    import bpy
except ImportError:
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header() -> str:
    if "bpy" in globals():
        return f"Blender {bpy.app.version_string}, profile {PROFILE}"
    return "tests/blender: not run, because this Python has no bpy; nox -s blender runs them"


@pytest.fixture(scope="session")
def installed_zip() -> Path:
    """The zip under test: SCUMBLE_BLENDER_ZIP, else the one in dist/."""
    path = Path(os.environ.get("SCUMBLE_BLENDER_ZIP") or ZIP)
    assert path.is_file(), f"{path} is not built: python -m tools.package --only blender"
    return path


@pytest.fixture(scope="session", autouse=True)
def _installed(installed_zip: Path) -> Iterator[None]:
    """The zip, installed and enabled as a user does it, and disabled at the end."""
    done = bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=str(installed_zip), enable_on_install=True
    )
    assert done == {"FINISHED"} and PACKAGE in bpy.context.preferences.addons
    yield
    bpy.ops.preferences.addon_disable(module=PACKAGE)


@pytest.fixture(autouse=True)
def _fresh_scene(_installed: None) -> None:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.window_manager.scumble.prompt = ""


@pytest.fixture
def module() -> Callable[[str], ModuleType]:
    """A module of the installed extension, by its name inside the package."""
    return lambda name: importlib.import_module(f"{PACKAGE}.{name}")


@pytest.fixture(scope="session")
def picture() -> bytes:
    """What the service answers, 1024x1024: red grows to the right, green downwards, blue is even."""
    return compass_png(Size(1024, 1024))


@pytest.fixture
def service(picture: bytes, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A service on this machine that answers each request with `picture`, and a key for it."""
    with FaultServer(answers(200, success([picture]))) as server:
        use_service(monkeypatch, server.base_url)
        yield server


@pytest.fixture
def session(home: Home) -> Any:
    """What the operator says about the last request."""
    return bpy.context.window_manager.scumble
