# SPDX-License-Identifier: GPL-3.0-or-later
"""Models are data: no code knows one by name, so that none has to change when one ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

import scumble

ROOT = Path(scumble.__file__).parents[2]
_CODE = ("shared", "gimp_plugin", "blender_addon", "tools", "benchmarks")


def _model_names() -> set[str]:
    catalog = json.loads((Path(scumble.__file__).parent / "catalog.json").read_text(encoding="utf-8"))
    models = [*catalog["models"], *catalog["text_models"]]
    return {name for model in models for name in (model["id"], *model.get("snapshots", ()))}


def test_no_code_names_a_model() -> None:
    """Except tests, and the sandbox, which plays the service."""
    names = _model_names()
    assert len(names) > 5
    named = re.compile("|".join(sorted(map(re.escape, names), key=len, reverse=True)))
    sandbox = ROOT / "shared" / "scumble" / "sandbox"
    files = [file for folder in _CODE for file in (ROOT / folder).rglob("*.py")] + list(ROOT.glob("*.py"))
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in files
        if not file.is_relative_to(sandbox) and "tests" not in file.relative_to(ROOT).parts
        for match in named.finditer(file.read_text(encoding="utf-8"))
    ]
    assert len(files) > 20
    assert found == []
