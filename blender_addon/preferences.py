# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's page in the preferences: what lies where and how to set the key. It stores nothing.

Blender writes add-on preferences in clear text into userpref.blend, password fields too; not those with a
getter, such as the panel's prompt field.
"""

from __future__ import annotations

from typing import Literal

import bpy

from . import asking, properties
from .scumble.errors import ScumbleError
from .translations import N_, _, use_blenders_language


class ScumblePreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    prompt: properties.prompt_field()

    def draw(self, context: bpy.types.Context) -> None:
        use_blenders_language()
        column = self.layout.column()
        home = asking.home()
        _line(column, N_("Data Folder"), str(home.folder))
        _line(
            column, "", _("Paid pictures and the record of spending, shared with GIMP and the command line")
        )
        try:
            account = asking.account()
        except ScumbleError as error:
            _line(column, N_("API Key"), error.what_happened, "ERROR")
            return
        if account.sandbox:
            _line(column, N_("API Key"), _("None: the built-in sandbox makes free placeholder pictures"))
            _line(column, "", _("Set the environment variable OPENAI_API_KEY before Blender starts,"))
            _line(
                column,
                "",
                _("or put the key alone into this file, readable only by you: {path}").format(path=home.key),
            )
        else:
            _line(column, N_("API Key"), _("From {source}").format(source=account.key_source))
        _line(column, N_("Service"), _("Built-in sandbox") if account.sandbox else account.host)
        try:
            asking.require_online(account)
        except ScumbleError as error:
            _line(column, N_("Online Access"), str(error.what_happened), "ERROR")
            _line(column, "", error.what_to_do)
        if home.folder.is_dir():
            button = column.row()
            button.alignment = "LEFT"
            button.operator("wm.path_open", text=_("Open Data Folder"), icon="FILE_FOLDER").filepath = str(
                home.folder
            )


def _line(layout: bpy.types.UILayout, name: str, text: str, icon: Literal["NONE", "ERROR"] = "NONE") -> None:
    split = layout.split(factor=0.18)
    split.label(text=_(name) if name else "")
    split.label(text=text, icon=icon, translate=False)


def register() -> None:
    bpy.utils.register_class(ScumblePreferences)


def unregister() -> None:
    bpy.utils.unregister_class(ScumblePreferences)
