# SPDX-License-Identifier: GPL-3.0-or-later
"""The library's modules import only what stands above them in ARCHITECTURE.md, and never a host."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import scumble

LIBRARY = Path(scumble.__file__).parent
ARCHITECTURE = LIBRARY.parents[1] / "ARCHITECTURE.md"
# Beyond the standard library, by module. Hosts have no Pillow; the sandbox there says so of JPEG and WebP.
_THIRD_PARTY = {
    "requests": None,
    "PIL": {"cli", "inputs", "sandbox"},
    "numpy": {"cli", "arrays", "seams", "seam_repair", "maps"},
    "rich": {"cli"},
    "plotly": {"cli"},
}
_MODULES = sorted(LIBRARY.rglob("*.py"))


def _layers() -> list[str]:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    listed = text.partition("<!-- layers -->")[2].partition("<!-- /layers -->")[0]
    return [name.rstrip("/") for name in re.findall(r"^- `([^`]+)`", listed, re.M)]


def _layer(module: Path) -> str:
    """The name in the list that a module belongs to: itself, or the subpackage it is in."""
    return module.relative_to(LIBRARY).parts[0].removesuffix(".py")


def _imports(module: Path) -> Iterator[tuple[str, str]]:
    """What a module imports, as ("own", layer) or ("other", top-level name), wherever the import stands."""
    depth = len(module.relative_to(LIBRARY).parts)
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield "other", alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield "other", (node.module or "").split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level < depth:
            yield "own", _layer(module)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == depth, f"{module}: an import that leaves the library"
            names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
            for name in names:
                # `from . import __version__` takes from the package itself, which is below nothing.
                if not name.startswith("__"):
                    yield "own", name


def _name(module: Path) -> str:
    return module.relative_to(LIBRARY).as_posix()


def test_every_module_is_in_the_list_once_and_no_other() -> None:
    listed = _layers()
    assert len(listed) == len(set(listed))
    assert {_layer(module) for module in _MODULES} - {"__init__"} == set(listed)


@pytest.mark.parametrize("module", _MODULES, ids=_name)
def test_a_module_imports_only_what_stands_above_it(module: Path) -> None:
    """Also where the import is inside a function or for types only: what needs what has one direction."""
    listed = _layers()
    own = _layer(module)
    above = set(listed[: listed.index(own)]) if own != "__init__" else set()
    inside_subpackage = {own} if module.parent != LIBRARY else set()
    imported = {name for kind, name in _imports(module) if kind == "own"}
    assert imported <= above | inside_subpackage


@pytest.mark.parametrize("module", _MODULES, ids=_name)
def test_a_module_needs_nothing_but_the_standard_library_and_requests(module: Path) -> None:
    """No host; numpy only for textures; Pillow where it may be missing; itself by relative imports only."""
    own = _layer(module)
    for kind, name in _imports(module):
        if kind == "other" and name not in sys.stdlib_module_names:
            assert name in _THIRD_PARTY, f"imports {name}"
            allowed = _THIRD_PARTY[name]
            assert allowed is None or own in allowed, f"imports {name}"
