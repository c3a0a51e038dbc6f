# SPDX-License-Identifier: GPL-3.0-or-later
"""A release as a whole: the same twice, its checksums, the wheel and the sdist."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tools import package

_CACHES = (".nox", ".venv", ".*_cache", ".hypothesis", "__pycache__")
_BUILT = ("build", "*.whl", "*.tar.gz", "*.zip", "SHA256SUMS", "*.mo")
_NOT_SOURCES = shutil.ignore_patterns(".git", *_CACHES, *_BUILT)


def _elsewhere(folder: Path) -> Path:
    """A copy of the sources with other dates and other modes."""
    copy = Path(shutil.copytree(package.ROOT, folder / "copy", ignore=_NOT_SOURCES))
    for index, path in enumerate(sorted(copy.rglob("*"))):
        path.chmod(0o700 if path.is_dir() or os.access(path, os.X_OK) else 0o600)
        os.utime(path, (1_000_000_000 + index, 1_000_000_000 + index))
    return copy


def test_built_twice_it_is_the_same_byte_for_byte(release: Path, tmp_path: Path) -> None:
    """From another folder, with other dates, modes, umask, time zone and hash seed."""
    copy = _elsewhere(tmp_path)
    out = tmp_path / "out"
    subprocess.run(
        [sys.executable, "-m", "tools.package", "--out", str(out)],
        check=True,
        cwd=tmp_path,
        umask=0o077,
        env=os.environ | {"PYTHONPATH": str(copy), "TZ": "Asia/Seoul", "PYTHONHASHSEED": "7"},
    )
    first = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in release.iterdir()}
    again = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}
    assert first == again


def test_a_release_is_five_files(release: Path) -> None:
    version = package.version()
    assert {path.name for path in release.iterdir()} == {
        f"scumble-{version}-py3-none-any.whl",
        f"scumble-{version}.tar.gz",
        f"scumble-gimp-{version}.zip",
        f"scumble-blender-{version}.zip",
        "SHA256SUMS",
    }


def test_the_checksums_are_those_of_the_files(release: Path) -> None:
    """In the form that sha256sum --check reads."""
    lines = (release / "SHA256SUMS").read_text().splitlines()
    said = dict(reversed(line.split("  ")) for line in lines)
    files = [path for path in release.iterdir() if path.name != "SHA256SUMS"]
    assert said == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_wheel_is_the_library_with_its_command_and_translations(release: Path) -> None:
    """It takes requests from the index: nothing is vendored in it."""
    wheel = next(release.glob("*.whl"))
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        metadata = opened.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        commands = opened.read(next(name for name in names if name.endswith("/entry_points.txt"))).decode()
    source = package.ROOT / "shared"
    wanted = {file.relative_to(source).as_posix() for file in (source / "scumble").rglob("*.py")}
    translations = {file.relative_to(source).as_posix() for file in (source / "scumble").rglob("*.po")}
    assert wanted | {"scumble/catalog.json"} <= names
    assert {path.removesuffix(".po") + ".mo" for path in translations} <= names
    assert not any(name.endswith((".po", ".pyc")) or "/_vendor/" in name for name in names)
    assert {name.split("/")[0] for name in names} == {"scumble", f"scumble-{package.version()}.dist-info"}
    assert "scumble = scumble.__main__:main" in commands
    assert "Requires-Dist: requests" in metadata
    assert "License-Expression: GPL-3.0-or-later" in metadata


def test_the_sdist_has_what_is_needed_to_test_and_build_it(release: Path) -> None:
    with tarfile.open(next(release.glob("*.tar.gz"))) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    needed = {
        "pyproject.toml",
        "hatch_build.py",
        "noxfile.py",
        "LICENSE",
        "tools/vendor.txt",
        "tests/conftest.py",
    }
    assert needed <= names
    assert {"gimp_plugin/scumble-gimp.py", "blender_addon/blender_manifest.toml"} <= names
    assert not any(name.endswith((".mo", ".pyc", ".whl", ".zip")) for name in names)
