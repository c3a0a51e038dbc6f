# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for every test: a data folder of its own and an environment without keys or proxies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scumble.settings import Home

_UNWANTED = ("OPENAI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "LANGUAGE", "LC_", "LANG")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh data folder, with no key, no keychain, no proxy and English as the language."""
    for name in list(os.environ):
        if name.upper().startswith(_UNWANTED):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SCUMBLE_KEYCHAIN", "off")
    folder = tmp_path / "scumble-home"
    monkeypatch.setenv("SCUMBLE_HOME", str(folder))
    return Home(folder).make()
