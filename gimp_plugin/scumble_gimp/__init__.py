# SPDX-License-Identifier: GPL-3.0-or-later
"""Scumble inside GIMP 3: everything that touches GIMP's own interfaces."""

from __future__ import annotations

import gi

for _namespace, _version in {
    "Babl": "0.1",
    "GdkPixbuf": "2.0",
    "Gegl": "0.4",
    "Gimp": "3.0",
    "GimpUi": "3.0",
    "Gtk": "3.0",
}.items():
    gi.require_version(_namespace, _version)
