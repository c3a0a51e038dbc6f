# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for every test: a data folder of its own and an environment without keys or proxies."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scumble import retrying, transport
from scumble.settings import Home

_UNWANTED = ("OPENAI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "LANGUAGE", "LC_", "LANG")
# The keys that tests plant; only a key file may hold one.
_PLANTED = re.compile(rb"sk-(proj-)?\w*planted", re.IGNORECASE)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A fresh data folder, with no key, no keychain, no proxy and English as the language.

    Whatever the test did, no file in the folder but the key's holds a planted key afterwards.
    """
    for name in list(os.environ):
        if name.upper().startswith(_UNWANTED):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SCUMBLE_KEYCHAIN", "off")
    folder = tmp_path / "scumble-home"
    monkeypatch.setenv("SCUMBLE_HOME", str(folder))
    made = Home(folder).make()
    yield made
    transport.close_connections()
    holding = [
        path.name
        for path in folder.rglob("*")
        if path.is_file()
        and os.access(path, os.R_OK)
        and path != made.key
        and _PLANTED.search(path.read_bytes())
    ]
    assert holding == [], "a planted key was written"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were to be waited before sending again; no test in this process waits them."""
    noted: list[float] = []

    def note(seconds: float, cancel: threading.Event) -> None:
        noted.append(seconds)

    monkeypatch.setattr(retrying, "wait", note)
    return noted
