# SPDX-License-Identifier: GPL-3.0-or-later
"""The plug-in's own messages, in the language GIMP runs in."""

from __future__ import annotations

import gettext
from pathlib import Path

from gi.repository import GLib

from scumble import translation

DOMAIN = "scumble-gimp"
LOCALE = Path(__file__).with_name("locale")

_LANGUAGES = [name for name in GLib.get_language_names() if name != "C"]
_catalogue = gettext.translation(DOMAIN, str(LOCALE), _LANGUAGES, fallback=True)


def use_host_language() -> None:
    """Let the library speak the language that this process was started in."""
    translation.use_language(None)


def _(message: str) -> str:
    """The message in GIMP's language."""
    return _catalogue.gettext(message)


def N_(message: str) -> str:
    """Mark a message that is translated where it is shown."""
    return message
