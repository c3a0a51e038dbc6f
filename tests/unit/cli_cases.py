# SPDX-License-Identifier: GPL-3.0-or-later
"""A command of `scumble` in this process, and the document it prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scumble.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document
