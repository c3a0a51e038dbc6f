# SPDX-License-Identifier: GPL-3.0-or-later
"""Scumble for Blender: textures from words onto the selected objects, with the price known before."""

from __future__ import annotations

from . import operators, panels, preferences, properties, running, translations


def register() -> None:
    translations.register()
    properties.register()
    operators.register()
    panels.register()
    preferences.register()
    running.register()


def unregister() -> None:
    running.unregister()
    preferences.unregister()
    panels.unregister()
    operators.unregister()
    properties.unregister()
    translations.unregister()
