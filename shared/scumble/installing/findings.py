# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doctor says: a sentence on what is so, and one on what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """`code` is stable. Of what is no problem the remedy may be empty."""

    code: str
    sentence: str
    remedy: str = ""
    place: Path | None = None
    is_problem: bool = True


def note(code: str, sentence: str, remedy: str = "", place: Path | None = None) -> Finding:
    """Good to know, and nothing that keeps anything from working."""
    return Finding(code, sentence, remedy, place, is_problem=False)
