# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs once when GIMP starts: the ledger is put in order, and what was paid and not placed is said."""

from __future__ import annotations

import time

from gi.repository import Gimp

from scumble.errors import ScumbleError
from scumble.settings import find_home

from .i18n import _

_PATIENCE_SECONDS = 30
_BETWEEN_LOOKS = 0.25


def run(procedure: Gimp.Procedure, _config: Gimp.ProcedureConfig, _data: object) -> Gimp.ValueArray:
    """Lets GIMP go on starting at once; this process ends as soon as it has looked, or has been heard."""
    procedure.persistent_ready()
    count = _unplaced()
    if count and _gimp_shows_messages():
        text = _("Filters > AI > Results… has pictures that were paid for and not placed yet: {count}")
        Gimp.message(text.format(count=count))
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


def _unplaced() -> int:
    """0 also when the data folder cannot be read: whoever sends something is told then."""
    try:
        home = find_home()
        if not home.ledger.exists():
            return 0
        from scumble import jobs, store  # most starts need neither

        jobs.prepare(home)
        return len(store.unplaced(home))
    except ScumbleError:
        return 0


def _gimp_shows_messages() -> bool:
    """Wait, within a bound, until GIMP's windows are up: before that, messages go to the terminal.

    Without windows that never happens, and nobody would read it.
    """
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        if Gimp.message_get_handler() != Gimp.MessageHandlerType.CONSOLE:
            return True
        time.sleep(_BETWEEN_LOOKS)
    return False
