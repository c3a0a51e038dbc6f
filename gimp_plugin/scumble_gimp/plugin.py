# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration with GIMP. Whatever is not needed at every start of GIMP is imported where it is used."""

from __future__ import annotations

from gi.repository import Gimp

from . import startup
from .i18n import DOMAIN, _, use_host_language

STARTUP = "plug-in-scumble-startup"

_CATALOGUES = "scumble_gimp/locale"


class ScumblePlugIn(Gimp.PlugIn):
    """What GIMP asks when it starts and when an entry is chosen."""

    def do_set_i18n(self, _procedure: str) -> tuple[bool, str, str]:
        return True, DOMAIN, _CATALOGUES

    def do_query_procedures(self) -> list[str]:
        from . import procedures

        return [*procedures.NAMES, STARTUP]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        use_host_language()
        if name == STARTUP:
            return self._startup()
        from . import procedures

        return procedures.create(self, name)

    def _startup(self) -> Gimp.Procedure:
        """GIMP runs every such procedure without arguments once, when it starts."""
        procedure = Gimp.Procedure.new(self, STARTUP, Gimp.PDBProcType.PERSISTENT, startup.run, None)
        summary = _("Says when a picture was paid for and not placed.")
        procedure.set_documentation(summary, summary, None)
        procedure.set_attribution("Scumble", "GPL-3.0-or-later", "2026")
        return procedure
