# SPDX-License-Identifier: GPL-3.0-or-later
"""The library's own gettext catalogue; a host chooses the language, English is the source."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

DOMAIN = "scumble"
_LOCALE = Path(__file__).with_name("locale")
_current: gettext.NullTranslations = gettext.NullTranslations()


def use_language(language: str | None = None) -> None:
    """Translate from now on into `language` ("ko", "ko_KR"), or into the environment's when None.

    A language without a catalogue leaves English.
    """
    global _current
    languages = [language] if language else None
    _current = gettext.translation(DOMAIN, os.fspath(_LOCALE), languages, fallback=True)


def language() -> str:
    """The code of the current language, such as "ko"."""
    return _current.info().get("language", "en").replace("_", "-")


def _(message: str) -> str:
    """The message in the current language."""
    return _current.gettext(message) if message else ""


def N_(message: str) -> str:
    """Mark a message for extraction that is translated later, where it is shown."""
    return message
