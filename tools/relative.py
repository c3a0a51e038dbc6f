# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrite absolute imports of vendored packages into relative ones, leaving strings and comments alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

_FROM = re.compile(rb"from(\s+)")


def make_relative(source: bytes, packages: Collection[str], prefix: str) -> bytes:
    """Source in which each import of one of `packages` is relative.

    `prefix` leads from the module to the package that holds them: "." or ".." inside the vendored tree,
    "._vendor" or ".._vendor" beside it. `import a` becomes `from PREFIX import a`, `from a.b import c`
    becomes `from PREFIX.a.b import c`, wherever they stand, in functions and try blocks too. The source is
    UTF-8.
    """
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    edits: list[tuple[int, int, bytes]] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Import, ast.ImportFrom)) or not _concerns(node, packages):
            continue
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        text = source[start:end]
        if isinstance(node, ast.Import):
            new = "; ".join(_import(alias, packages, prefix) for alias in node.names).encode()
        else:
            new = _FROM.sub(lambda found: found.group(0) + _joined(prefix).encode(), text, count=1)
        edits.append((start, end, new))
    for start, end, new in sorted(edits, reverse=True):
        source = source[:start] + new + source[end:]
    return source


def absolute_imports(source: bytes, packages: Collection[str]) -> list[str]:
    """The absolute imports of `packages` in a source, by statement or by a literal name, as "line: name"."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str | None] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("__import__", "import_module", "find_spec", "files"):
                names = [str(node.args[0].value)]
        line = getattr(node, "lineno", 0)
        found += [f"{line}: {name}" for name in names if name and name.split(".")[0] in packages]
    return found


def _concerns(node: ast.Import | ast.ImportFrom, packages: Collection[str]) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and (node.module or "").split(".")[0] in packages
    return any(alias.name.split(".")[0] in packages for alias in node.names)


def _import(alias: ast.alias, packages: Collection[str], prefix: str) -> str:
    """One name of an `import` statement as a statement of its own."""
    parent, _, last = alias.name.rpartition(".")
    root = alias.name.split(".")[0]
    renamed = f" as {alias.asname}" if alias.asname else ""
    if root not in packages:
        return f"import {alias.name}{renamed}"
    if not parent:
        return f"from {prefix} import {root}{renamed}"
    if renamed:
        return f"from {_joined(prefix)}{parent} import {last}{renamed}"
    # `import a.b` loads a.b and binds a.
    loaded = f"_loaded_{alias.name.replace('.', '_')}"
    return f"from {_joined(prefix)}{parent} import {last} as {loaded}; from {prefix} import {root}"


def _joined(prefix: str) -> str:
    return prefix if prefix.endswith(".") else prefix + "."
