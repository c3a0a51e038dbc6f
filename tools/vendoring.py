# SPDX-License-Identifier: GPL-3.0-or-later
"""Vendor requests and what it needs: pinned wheels in, one relative package with its licences out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tools.relative import make_relative

PINS = Path(__file__).with_name("vendor.txt")
LIST_NAME = "bom.cdx.json"
_PIN = re.compile(
    r"^(?P<name>[a-z0-9]+)==(?P<version>[0-9.]+) \\\n\s+--hash=sha256:(?P<sha256>[0-9a-f]{64})$", re.M
)
_LICENCES = {"certifi": "MPL-2.0", "idna": "BSD-3-Clause", "requests": "Apache-2.0", "urllib3": "MIT"}
_LICENCE_FILE = re.compile(
    r"^[^/]+\.dist-info/(?:licenses/)?((?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*)$", re.I
)
_INIT = '"""Third-party packages, pinned, unpacked by tools/vendoring.py; licences lie beside the code."""\n'


@dataclass(frozen=True)
class Pin:
    """One vendored release and the hash of its wheel."""

    name: str
    version: str
    sha256: str

    @property
    def licence(self) -> str:
        """SPDX expression."""
        return _LICENCES[self.name]


@dataclass(frozen=True)
class Patch:
    """One change to a vendored file: `old` (exactly once in it; None: the whole file) becomes `new`."""

    path: str
    old: str | None
    new: str
    reason: str


# Left out of the wheels, with the reason.
DROPPED = {
    "certifi/__main__.py": "a command line",
    "certifi/tests/": "tests",
    "idna/__main__.py": "a command line",
    "idna/cli.py": "a command line",
    "requests/help.py": "a bug report's command line; it looks for packages that are not vendored",
    "urllib3/contrib/emscripten/": "for browsers",
    "urllib3/contrib/pyopenssl.py": "needs pyOpenSSL",
    "urllib3/contrib/socks.py": "needs PySocks; requests says so when a SOCKS proxy is set",
    "urllib3/http2/connection.py": "needs h2; never switched on",
}

PATCHES = (
    Patch(
        "requests/packages.py",
        None,
        "",
        "it puts aliases into sys.modules under names of its own: others would find them, and Blender warns",
    ),
    Patch(
        "requests/compat.py",
        "chardet = _resolve_char_detection()\n",
        "chardet = None\n",
        "a host's own chardet would be picked up; only JSON is read, and that is UTF-8",
    ),
    Patch(
        "requests/__init__.py",
        "try:\n    from charset_normalizer import __version__ as charset_normalizer_version\n"
        "except ImportError:\n    charset_normalizer_version = None\n\ntry:\n"
        "    from chardet import __version__ as chardet_version  # type: ignore[import-not-found]\n"
        "except ImportError:\n    chardet_version = None\n",
        "charset_normalizer_version = None\nchardet_version = None\n",
        "no character detection is vendored, and a host's own must not be loaded",
    ),
    Patch(
        "requests/__init__.py",
        "    else:\n        warnings.warn(\n"
        '            "Unable to find acceptable character detection dependency "\n'
        '            "(chardet or charset_normalizer).",\n'
        "            RequestsDependencyWarning,\n        )\n",
        "",
        "it would warn at each start that there is no character detection, which is as intended",
    ),
    Patch(
        "certifi/core.py",
        None,
        "from __future__ import annotations\n\nfrom pathlib import Path\n\n_BUNDLE = Path(__file__).with_name"
        '("cacert.pem")\n\n\ndef where() -> str:\n    return str(_BUNDLE)\n\n\ndef contents() -> str:\n'
        '    return _BUNDLE.read_text(encoding="ascii")\n',
        "it looks its own package up by an absolute name",
    ),
)


def pins() -> tuple[Pin, ...]:
    """The releases of vendor.txt, by name. Raises ValueError for an entry that is not fully pinned."""
    text = PINS.read_text(encoding="utf-8")
    found = tuple(Pin(**entry.groupdict()) for entry in _PIN.finditer(text))
    if len(found) != text.count("=="):
        raise ValueError(f"{PINS.name}: each entry is NAME==VERSION and one sha256 hash")
    return tuple(sorted(found, key=lambda pin: pin.name))


def names() -> frozenset[str]:
    """The import names of what is vendored."""
    return frozenset(pin.name for pin in pins())


def default_cache() -> Path:
    """Where the wheels are kept between builds; `SCUMBLE_VENDOR_CACHE` moves it."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SCUMBLE_VENDOR_CACHE") or base / "scumble" / "vendor")


def vendored(cache: Path | None = None) -> dict[str, bytes]:
    """The files of `_vendor`, by path inside it: code patched and made relative, licences, a list of it all.

    Raises ValueError when a patch or a wheel does not fit, subprocess.CalledProcessError when pip fails.
    """
    packages = names()
    files: dict[str, bytes] = {"__init__.py": _INIT.encode()}
    for wheel in _wheels(cache or default_cache()):
        files |= _unpacked(wheel)
    changes = _patched(files)
    for path, content in files.items():
        if path.endswith(".py"):
            dots = "." * len(PurePosixPath(path).parts)
            relative = make_relative(content, packages, dots)
            if relative != content:
                changes.setdefault(path, []).append("imports made relative")
            files[path] = relative
    for path, reasons in changes.items():
        files[path] = b"# Changed for Scumble: " + "; ".join(reasons).encode() + b".\n" + files[path]
    files[LIST_NAME] = _bill_of_materials(changes)
    return dict(sorted(files.items()))


def made_to_use_vendored(path: str, source: bytes) -> bytes:
    """A module of the library, at `path` below `scumble/`, with its third-party imports led to `_vendor`."""
    dots = "." * len(PurePosixPath(path).parts)
    return make_relative(source, names(), f"{dots}_vendor")


def _wheels(cache: Path) -> list[Path]:
    """The pinned wheels in the cache, fetched by pip where they are missing or not what they should be."""
    wanted = pins()
    cache.mkdir(parents=True, exist_ok=True)
    if any(_cached(cache, pin) is None for pin in wanted):
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--quiet"]
            command = [sys.executable, "-m", "pip", "download", *options, "-r", str(PINS), "-d", folder]
            subprocess.run(command, check=True)
            for wheel in Path(folder).glob("*.whl"):
                wheel.replace(cache / wheel.name)
    found = {pin.name: _cached(cache, pin) for pin in wanted}
    wheels = [wheel for wheel in found.values() if wheel is not None]
    if len(wheels) < len(wanted):
        wrong = ", ".join(name for name, wheel in found.items() if wheel is None)
        raise ValueError(f"{cache} is not what vendor.txt says: {wrong}")
    return wheels


def _cached(cache: Path, pin: Pin) -> Path | None:
    for wheel in cache.glob(f"{pin.name}-{pin.version}-*.whl"):
        if hashlib.sha256(wheel.read_bytes()).hexdigest() == pin.sha256:
            return wheel
    return None


def _unpacked(wheel: Path) -> dict[str, bytes]:
    package = wheel.name.split("-")[0]
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            licence = _LICENCE_FILE.match(name)
            if licence:
                files[f"{package}/{licence[1]}"] = archive.read(name)
            elif name.startswith(f"{package}/") and not name.startswith(tuple(DROPPED)):
                files[name] = archive.read(name)
    if f"{package}/LICENSE" not in {path.partition(".")[0] for path in files}:
        raise ValueError(f"{wheel.name} has no licence file")
    return files


def _patched(files: dict[str, bytes]) -> dict[str, list[str]]:
    """Apply the patches in place; returns the reasons by path."""
    reasons: dict[str, list[str]] = {}
    for patch in PATCHES:
        text = files[patch.path].decode()
        if patch.old is None:
            text = patch.new
        elif text.count(patch.old) == 1:
            text = text.replace(patch.old, patch.new)
        else:
            raise ValueError(f"the patch of {patch.path} does not fit any more ({patch.reason})")
        files[patch.path] = text.encode()
        reasons.setdefault(patch.path, []).append(patch.reason)
    return reasons


def _bill_of_materials(changes: Mapping[str, list[str]]) -> bytes:
    """What is vendored, as CycloneDX 1.6 JSON; each changed file is named with the reasons."""
    components = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{pin.name}@{pin.version}",
            "name": pin.name,
            "version": pin.version,
            "purl": f"pkg:pypi/{pin.name}@{pin.version}",
            "hashes": [{"alg": "SHA-256", "content": pin.sha256}],
            "licenses": [{"license": {"id": pin.licence}}],
            "pedigree": {
                "notes": "; ".join(
                    f"{path}: {', '.join(reasons)}"
                    for path, reasons in sorted(changes.items())
                    if path.startswith(f"{pin.name}/")
                )
            },
        }
        for pin in pins()
    ]
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}
    return json.dumps(document, indent=1).encode() + b"\n"
