# SPDX-License-Identifier: GPL-3.0-or-later
"""Compile the translations with Babel; hatchling runs this before each wheel and each editable install."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Babel writes the present moment into a catalogue that names none; the build is to be the same each time.
_NO_DATE = datetime(1980, 1, 1, tzinfo=UTC)


def compiled(po: bytes) -> bytes:
    """A .po file as .mo, without fuzzy entries. Raises PoFileError for a broken file."""
    catalogue = read_po(io.BytesIO(po), abort_invalid=True)
    catalogue.creation_date = catalogue.revision_date = _NO_DATE
    target = io.BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


class TranslationsHook(BuildHookInterface[Any]):
    """Puts each .mo beside its .po; pyproject.toml takes them into the wheel as artifacts."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile every catalogue of the library; `version` is "standard" or "editable"."""
        for po in sorted(Path(self.root, "shared", "scumble").rglob("LC_MESSAGES/*.po")):
            po.with_suffix(".mo").write_bytes(compiled(po.read_bytes()))
