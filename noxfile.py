# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of this repository: `nox -s demo | test | package | lint | bench | nightly`, and parts of `test`.

Sessions run on the Python that runs nox, 3.11 or newer, and install what they need.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
sys.path.insert(
    0, str(ROOT)
)  # nox loads this file from elsewhere; tools.hosts needs the standard library only
from tools import hosts  # noqa: E402 - see the line above
from tools.host_cache import HostMissing  # noqa: E402 - see above

nox.needs_version = ">=2024.10.9"  # nox.project.dependency_groups
nox.options.sessions = ["test"]
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

_Found = TypeVar("_Found")


@nox.session(venv_backend="none", default=True)
def test(session: nox.Session) -> None:
    """Everything: style and types, the library, what is built, and the zips in the real GIMP and Blender."""
    for part in ("lint", "unit", "package", "built", "gimp", "blender"):
        session.notify(part)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job in the real programs, on the sandbox: pictures, a scene and what they would have cost."""
    _install(session, "demo", "package", project=True)
    session.run("python", "-m", "tools.package")
    wheel = max((ROOT / "dist").glob("scumble-*-py3-none-any.whl"), key=os.path.getmtime)
    session.install("--quiet", "--force-reinstall", "--no-deps", str(wheel))
    session.run("python", "-m", "tools.demo", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """Build sdist, wheel, both zips and their checksums into dist/."""
    _install(session, "package")
    session.run("python", "-m", "tools.package", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff; mypy, strict on the library and the tools, and on the extension as it is shipped."""
    _install(session, "lint", "typing", "package")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    # The demo's parts run inside hosts, and with packages of its own.
    session.run("mypy", "--exclude", "^tools/demo/", "tools", "hatch_build.py")
    # Blender sees a package whose name it chooses, with the library inside; so does mypy.
    extension = Path(session.create_tmp()) / "scumble_blender"
    session.run("python", "-m", "tools.package", "--only", "blender", "--stage", str(extension))
    session.run("mypy", "--exclude", "/(scumble|_vendor)/", str(extension))


@nox.session
def unit(session: nox.Session) -> None:
    """The library alone, and the official SDK against the sandbox server."""
    _install(session, "test", "package", project=True)
    session.run("pytest", *(session.posargs or ["tests/unit", "tests/sandbox"]))


@nox.session
def built(session: nox.Session) -> None:
    """What is in the zips, whether they come out the same twice, and what Blender's own checker says."""
    _install(session, "test", "package")
    found = _host(session, hosts.blender_versions, else_skip=False)
    chosen = [] if found else ["-m", "not blender"]
    session.run("pytest", *(session.posargs or ["tests/package", *chosen]))


@nox.session
def gimp(session: nox.Session) -> None:
    """The GIMP zip in a fresh profile of the real GIMP 3."""
    _host(session, hosts.gimp)
    _install(session, "test", "package")
    session.run("python", "-m", "tools.package", "--only", "gimp")
    session.run("pytest", *(session.posargs or ["tests/gimp", "tests/ui/test_gimp_windows.py"]))


@nox.session
def blender(session: nox.Session) -> None:
    """The Blender zip, installed into a fresh profile of each Blender that can be had."""
    pythons = _host(session, lambda: {v: hosts.blender(v) for v in hosts.blender_versions()}) or {}
    _install(session, "test", "package")
    session.run("python", "-m", "tools.package", "--only", "blender")
    failed = []
    for version, python in pythons.items():
        session.log(f"Blender {version}")
        profile = Path(session.create_tmp()).resolve() / f"profile-{version}"
        shutil.rmtree(profile, ignore_errors=True)
        environment = {"BLENDER_USER_RESOURCES": str(profile)}
        command = [str(python), "-m", "pytest", *(session.posargs or ["tests/blender"])]
        try:
            session.run(*command, external=True, env=environment)
        except CommandFailed:
            failed.append(version)
    if not session.posargs:
        session.run("pytest", "tests/ui/test_blender_windows.py", "tests/ui/test_blender_command.py")
    if failed:
        session.error(f"tests failed in Blender {', '.join(failed)}")


@nox.session
def nightly(session: nox.Session) -> None:
    """What takes too long for every push: ten thousand requests to a service that fails at random."""
    _install(session, "test", "package", project=True)
    faults = {"SCUMBLE_FAULTS": "10000", "SCUMBLE_FAULTS_SEED": os.environ.get("SCUMBLE_FAULTS_SEED", "1")}
    session.run("pytest", "-s", "tests/unit/test_faulted.py", *session.posargs, env=faults)


@nox.session
def bench(session: nox.Session) -> None:
    """Measured numbers beside their targets; they report, they do not gate."""
    _install(session, "test", "package", "demo", project=True)
    session.run("python", "-m", "tools.package")
    session.run("pytest", "-s", *(session.posargs or ["benchmarks"]))


def _install(session: nox.Session, *groups: str, project: bool = False) -> None:
    """Install dependency groups of pyproject.toml and, where asked, this project with its command line."""
    pyproject = nox.project.load_toml("pyproject.toml")
    requirements = nox.project.dependency_groups(pyproject, *groups)
    session.install("--quiet", *requirements, *(["--editable", ".[cli]"] if project else []))


def _host(session: nox.Session, get: Callable[[], _Found], else_skip: bool = True) -> _Found | None:
    """What `get` finds. A host that cannot be had is an error in CI; elsewhere its tests are left out."""
    try:
        return get()
    except HostMissing as reason:
        if os.environ.get("CI"):
            session.error(f"a host is missing, and CI leaves nothing out: {reason}")
        if else_skip:
            session.skip(f"these tests were not run: {reason}")
        session.warn(f"tests that need this host were not run: {reason}")
        return None
