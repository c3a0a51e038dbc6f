# SPDX-License-Identifier: GPL-3.0-or-later
"""Scumble for Blender: textures from words onto the selected objects, with the price known before."""

from __future__ import annotations

from . import (
    command,
    looking,
    operators,
    panels,
    preferences,
    properties,
    results_operators,
    results_panel,
    running,
    spending_operators,
    spending_panel,
    translations,
)

_PARTS = (
    translations,
    properties,
    operators,
    results_operators,
    spending_operators,
    panels,
    results_panel,
    spending_panel,
    preferences,
    running,
    looking,
    command,
)


def register() -> None:
    for part in _PARTS:
        part.register()


def unregister() -> None:
    for part in reversed(_PARTS):
        part.unregister()
