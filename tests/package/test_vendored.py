# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendored packages work where a host puts them, under whatever name, and touch nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.package.conftest import Archive
from tools import package, vendoring

# Runs where no site-packages can be found and every warning is an error.
_CODE = """
import importlib, json, pkgutil, sys
folder, name, url = sys.argv[1:]
sys.path.insert(0, folder)
scumble = importlib.import_module(name)
modules = [found.name for found in pkgutil.walk_packages(scumble.__path__, name + ".")]
for module in modules:
    importlib.import_module(module)
requests = importlib.import_module(name + "._vendor.requests")
session = requests.Session()
session.trust_env = False
files = {"image[]": ("a.png", bytes(range(256)), "image/png")}
reply = session.post(url, data={"prompt": "a door"}, files=files, timeout=10)
print(json.dumps({
    "reply": reply.json(),
    "bundle": requests.certs.where(),
    "modules": modules,
    "top": sorted({module.partition(".")[0] for module in sys.modules}),
}))
"""


class _Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = {"bytes": len(body), "whole": bytes(range(256)) in body, "agent": self.headers["User-Agent"]}
        answer = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def _unzipped(archive: Archive, folder: Path) -> tuple[Path, str]:
    """The zip as its host lays it out: the folder on sys.path and the name that the library gets there."""
    if archive.host == "gimp":
        with zipfile.ZipFile(archive.path) as opened:
            opened.extractall(folder)
        return folder / "scumble-gimp", "scumble"
    extension = folder / "bl_ext" / "user_default" / "scumble"
    extension.mkdir(parents=True)
    with zipfile.ZipFile(archive.path) as opened:
        opened.extractall(extension)
    # The extension's own __init__.py needs Blender; an empty one lets its subpackage load without.
    for package_folder in (extension, *extension.parents[:2]):
        (package_folder / "__init__.py").write_text("")
    return folder, "bl_ext.user_default.scumble.scumble"


def test_the_library_and_requests_load_and_send_without_site_packages(
    archive: Archive, tmp_path: Path, url: str
) -> None:
    """As top-level `scumble` in GIMP, three packages deep in Blender; `requests` is no module of its own."""
    folder, name = _unzipped(archive, tmp_path)
    isolated = [sys.executable, "-I", "-S", "-W", "error", "-c", _CODE]
    ran = subprocess.run([*isolated, str(folder), name, url], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    requests = next(pin for pin in vendoring.pins() if pin.name == "requests")
    assert said["reply"]["whole"] and said["reply"]["bytes"] > 256
    assert said["reply"]["agent"] == f"python-requests/{requests.version}"
    assert Path(said["bundle"]).is_relative_to(tmp_path)
    assert Path(said["bundle"]).read_text().count("BEGIN CERTIFICATE") > 100
    assert not vendoring.names() & set(said["top"])
    assert f"{name}.jobs" in said["modules"] and f"{name}._vendor.urllib3.connectionpool" in said["modules"]


def test_a_patch_that_does_not_fit_any_more_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new release of a vendored package is never shipped half patched."""
    stale = vendoring.Patch("requests/api.py", "def no_such_function():\n", "", "a test")
    monkeypatch.setattr(vendoring, "PATCHES", (*vendoring.PATCHES, stale))
    with pytest.raises(ValueError, match=r"requests/api\.py does not fit"):
        vendoring.vendored()


def test_a_wheel_with_another_hash_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies in the cache under the right name: only the pinned bytes count, for pip too."""
    real = vendoring.default_cache()
    vendoring.vendored(real)
    for wheel in real.glob("*.whl"):
        (tmp_path / wheel.name).write_bytes(wheel.read_bytes() + b"x")
    fetched: list[list[str]] = []
    monkeypatch.setattr(vendoring.subprocess, "run", lambda command, **_: fetched.append(command))
    with pytest.raises(ValueError, match=r"not what vendor\.txt says"):
        vendoring.vendored(tmp_path)
    assert "--require-hashes" in fetched[0]


def test_every_pin_is_exact_and_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry without a hash is an error, not an entry that is left out."""
    assert {pin.name for pin in vendoring.pins()} == {"certifi", "idna", "requests", "urllib3"}
    loose = tmp_path / "vendor.txt"
    loose.write_text(vendoring.PINS.read_text() + "chardet==5.2.0\n")
    monkeypatch.setattr(vendoring, "PINS", loose)
    with pytest.raises(ValueError, match="one sha256 hash"):
        vendoring.pins()


def test_staging_lays_out_what_the_zip_holds(archive: Archive, tmp_path: Path) -> None:
    """So that type checkers and developers see what users get."""
    package.stage(archive.host, tmp_path)
    laid = {
        file.relative_to(tmp_path).as_posix(): file.read_bytes()
        for file in tmp_path.rglob("*.*")
        if file.is_file()
    }
    assert {path: data for path, data in archive.files.items() if "." in path.rpartition("/")[2]} == {
        path: data for path, data in laid.items() if not path.startswith("scumble-home/")
    }
