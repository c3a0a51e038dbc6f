# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two zips hold and what they do not."""

from __future__ import annotations

import ast
import json
import re
import stat
import tomllib

from tests.package.conftest import Archive
from tools import package, vendoring
from tools.relative import absolute_imports

# What a user's key looks like, and what only a private key's file says.
_SECRETS = re.compile(rb"sk-[A-Za-z0-9_-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----")


def test_the_gimp_zip_is_one_folder_with_a_main_file_of_its_name(archive: Archive) -> None:
    """GIMP takes plug-ins/NAME/NAME.py only, and on Unix only when it may be executed."""
    if archive.host == "gimp":
        assert {path.split("/")[0] for path in archive.files} == {"scumble-gimp"}
        assert archive.files["scumble-gimp/scumble-gimp.py"].startswith(b"#!")
        assert stat.S_IMODE(archive.modes["scumble-gimp/scumble-gimp.py"]) == 0o755
        assert "scumble-gimp/scumble_gimp/__init__.py" in archive.files
    else:
        assert {"blender_manifest.toml", "__init__.py"} <= set(archive.files)


def test_only_the_main_file_of_gimp_may_be_executed(archive: Archive) -> None:
    executable = {path for path, mode in archive.modes.items() if mode & 0o111}
    assert executable <= {"scumble-gimp/scumble-gimp.py"}
    assert all(stat.S_ISREG(mode) for mode in archive.modes.values())


def test_nothing_is_shipped_that_a_host_does_not_need(archive: Archive) -> None:
    """No caches, tests, sources of translations or hidden files; the command line in Blender's zip alone."""
    unwanted = re.compile(r"(^|/)(__pycache__|tests|\.[^/]+)/|(^|/)\.|\.(pyc|pyo|po|pot|orig|part)$")
    assert [path for path in archive.files if unwanted.search(path)] == []
    only_in_blender = ("cli/",) if archive.host == "gimp" else ()
    command = tuple(archive.library + name for name in (*only_in_blender, "__main__.py"))
    assert [path for path in archive.files if path.startswith(command)] == []


def test_every_module_of_the_library_is_shipped(archive: Archive) -> None:
    """Except its way in, and in GIMP, which has no numpy, the command line and textures."""
    source = package.ROOT / "shared" / "scumble"
    modules = {file.relative_to(source).as_posix() for file in source.rglob("*.py")}
    wanted = modules - {"__main__.py"}
    textures = {"textures.py", "arrays.py", "seams.py", "seam_repair.py", "maps.py"}
    assert textures <= wanted
    if archive.host == "gimp":
        wanted = {path for path in wanted - textures if not path.startswith("cli/")}
    shipped = {
        path.removeprefix(archive.library) for path in archive.files if path.startswith(archive.library)
    }
    assert wanted <= shipped
    assert archive.host == "blender" or not textures & shipped
    assert {"catalog.json", "ledger.py", "sandbox/service.py"} <= shipped


def test_every_translation_is_shipped_compiled(archive: Archive) -> None:
    """A .po without its .mo is a language that silently does not work."""
    source = package.ROOT / "shared" / "scumble"
    for po in source.rglob("*.po"):
        shipped = archive.files[archive.library + po.relative_to(source).with_suffix(".mo").as_posix()]
        assert shipped.startswith(b"\xde\x12\x04\x95"), "not a little-endian .mo file"


def test_every_module_is_valid_for_the_oldest_python(archive: Archive) -> None:
    """Blender 4.2 to 5.0 run Python 3.11."""
    for path, data in archive.files.items():
        if path.endswith(".py"):
            ast.parse(data, path, feature_version=(3, 11))


def test_licences_are_beside_what_they_are_for(archive: Archive) -> None:
    """Ours, one of each vendored package, and requests' notice, which the Apache licence asks for."""
    top = "scumble-gimp/" if archive.host == "gimp" else ""
    assert b"GNU GENERAL PUBLIC LICENSE" in archive.files[f"{top}LICENSE"]
    for name in vendoring.names():
        assert any(path.startswith(f"{name}/LICENSE") for path in archive.vendored)
    assert b"Requests" in archive.vendored["requests/NOTICE"]


def test_the_list_of_vendored_packages_is_true(archive: Archive) -> None:
    """It names exactly the packages that are there, at the version that their code says."""
    listed = json.loads(archive.vendored["bom.cdx.json"])["components"]
    folders = {path.split("/")[0] for path in archive.vendored if "/" in path}
    assert (
        {component["name"] for component in listed} == folders == {"certifi", "idna", "requests", "urllib3"}
    )
    said = {
        "certifi": "certifi/__init__.py",
        "idna": "idna/package_data.py",
        "requests": "requests/__version__.py",
        "urllib3": "urllib3/_version.py",
    }
    for component in listed:
        version = f'"{component["version"]}"'.encode()
        code = archive.vendored[said[component["name"]]].replace(b"'", b'"')
        assert version in code
        assert component["licenses"] and component["hashes"]


def test_changed_vendored_files_say_so(archive: Archive) -> None:
    """The Apache licence wants prominent notices in modified files."""
    for patch in vendoring.PATCHES:
        assert archive.vendored[patch.path].startswith(b"# Changed for Scumble: ")


def test_no_vendored_package_is_imported_absolutely(archive: Archive) -> None:
    """What a host or another add-on happens to have must never be picked up."""
    unwanted = vendoring.names() | {"chardet", "charset_normalizer", "scumble"}
    inside = {path: data for path, data in archive.files.items() if path.startswith(archive.library)}
    checked = archive.files if archive.host == "blender" else inside
    found = {path: absolute_imports(data, unwanted) for path, data in checked.items() if path.endswith(".py")}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_key_is_in_it(archive: Archive) -> None:
    assert [path for path, data in archive.files.items() if _SECRETS.search(data)] == []


def test_the_extension_has_the_version_of_the_package(archive: Archive) -> None:
    """And names the holders of the rights in what it carries."""
    if archive.host == "blender":
        manifest = tomllib.loads(archive.files["blender_manifest.toml"].decode())
        assert manifest["version"] == package.version()
        holders = " ".join(manifest["copyright"])
        assert all(name in holders for name in vendoring.names())


def test_the_tests_use_the_requests_that_is_shipped() -> None:
    """The library is tested over the very release that the zips carry."""
    pyproject = tomllib.loads((package.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = next(pin for pin in vendoring.pins() if pin.name == "requests")
    assert f"requests=={pinned.version}" in pyproject["dependency-groups"]["test"]
