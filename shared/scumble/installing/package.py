# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip of a host: found, and read with distrust, since a zip may name any path and any size."""

from __future__ import annotations

import json
import re
import stat
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import NoReturn
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import BadPackage, PackageMissing
from ..translation import _
from .places import MAIN_FILE, PLUG_IN_FOLDER, TITLES, Host

_MOST_FILES = 2_000
_MOST_BYTES = 64 * 1024 * 1024
_LIBRARY_VERSION = re.compile(r'^__version__ = "([0-9A-Za-z.+-]{1,40})"', re.M)
_RELEASE = re.compile(r"\d+")


@dataclass(frozen=True)
class Package:
    """What a zip puts into the plug-in's folder: bytes by path in it, with "/" between its parts."""

    host: Host
    version: str
    path: Path
    files: Mapping[str, bytes] = field(repr=False)


def find(host: Host) -> Path:
    """The newest zip in the checkout's dist/, else beside the wheel this was installed from, else beside
    the command. Raises PackageMissing."""
    for folder in _folders():
        found = list(folder.glob(f"scumble-{host}-*.zip"))
        if found:
            return max(found, key=lambda path: [int(part) for part in _RELEASE.findall(path.name)])
    raise PackageMissing(host=TITLES[host], name=f"scumble-{host}-VERSION.zip")


def read(host: Host, path: Path) -> Package:
    """All of a zip, checked. Raises BadPackage for what is not this host's plug-in, whole and harmless."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = _files(archive, path)
    except OSError as error:
        _refuse(path, error.strerror or type(error).__name__)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        # RuntimeError is what zipfile raises for an entry with a password.
        _refuse(path, _("it is not a whole zip file"))
    top = f"{PLUG_IN_FOLDER['gimp']}/" if host == "gimp" else ""
    files = {name.removeprefix(top): data for name, data in held.items() if name.startswith(top)}
    if len(files) != len(held) or MAIN_FILE[host] not in files:
        _refuse(path, _("it is not Scumble for {host}").format(host=TITLES[host]))
    version = library_version(files.get("scumble/__init__.py", b""))
    if not version or (host == "blender" and not _is_ours(files[MAIN_FILE[host]])):
        _refuse(path, _("it is not Scumble for {host}").format(host=TITLES[host]))
    return Package(host, version, path, files)


def library_version(source: bytes) -> str:
    """From the library's `__init__.py`; empty where it says none."""
    found = _LIBRARY_VERSION.search(source.decode("utf-8", errors="replace"))
    return found[1] if found else ""


def _folders() -> Iterator[Path]:
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "gimp_plugin").is_dir():
        yield checkout / "dist"
    wheel = _wheel()
    if wheel is not None:
        yield wheel.parent
    yield Path(sys.argv[0]).absolute().parent


def _wheel() -> Path | None:
    """The file that pip installed this from, as it noted it."""
    try:
        noted = metadata.distribution("scumble").read_text("direct_url.json")
        address = urlsplit(str(json.loads(noted or "{}").get("url", "")))
    except (metadata.PackageNotFoundError, ValueError):
        return None
    return Path(url2pathname(address.path)) if address.scheme == "file" else None


def _files(archive: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > _MOST_FILES:
        _refuse(path, _("it holds too much"))
    found: dict[str, bytes] = {}
    known: set[str] = set()
    left = _MOST_BYTES
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if not _is_harmless(entry.filename) or kind not in (0, stat.S_IFREG):
            _refuse(path, _("it holds a name that leads elsewhere"))
        if entry.filename.casefold() in known:
            _refuse(path, _("it holds a name twice"))
        known.add(entry.filename.casefold())
        # What an entry says of its size is not believed.
        with archive.open(entry) as opened:
            data = opened.read(left + 1)
        left -= len(data)
        if left < 0:
            _refuse(path, _("it holds too much"))
        found[entry.filename] = data
    return found


def _is_harmless(name: str) -> bool:
    parts = PurePosixPath(name).parts
    plain = not any(character in name for character in '\\:\0*?"<>|')
    return plain and bool(parts) and not name.startswith("/") and ".." not in parts


def _is_ours(manifest: bytes) -> bool:
    try:
        return bool(tomllib.loads(manifest.decode("utf-8")).get("id") == PLUG_IN_FOLDER["blender"])
    except (ValueError, UnicodeDecodeError):
        return False


def _refuse(path: Path, reason: str) -> NoReturn:
    raise BadPackage(path=path, reason=reason) from None
