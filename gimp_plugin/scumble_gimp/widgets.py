# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces that all windows are made of, and the way they say an amount or a problem."""

from __future__ import annotations

import re
from collections.abc import Callable

from gi.repository import Gimp, Gtk

from scumble.errors import ScumbleError

SPACE = 12
NARROW_SPACE = 6
_LINE_CHARACTERS = 62
_LEAST_HEIGHT = 200


def line(text: str = "", characters: int = _LINE_CHARACTERS) -> Gtk.Label:
    """A paragraph that wraps after so many characters."""
    return Gtk.Label(label=text, xalign=0, wrap=True, width_chars=characters, max_width_chars=characters)


def heading(text: str) -> Gtk.Label:
    label = Gtk.Label(xalign=0)
    label.set_markup(f"<b>{escaped(text)}</b>")
    return label


def column(*widgets: Gtk.Widget, spacing: int = NARROW_SPACE) -> Gtk.Box:
    return _box(Gtk.Orientation.VERTICAL, widgets, spacing)


def row(*widgets: Gtk.Widget, spacing: int = NARROW_SPACE) -> Gtk.Box:
    return _box(Gtk.Orientation.HORIZONTAL, widgets, spacing)


def button(label: str, act: Callable[[], None], tip: str = "") -> Gtk.Button:
    made = Gtk.Button(label=label, use_underline=True, tooltip_text=tip or None)
    made.connect("clicked", lambda _button: act())
    return made


def scrolled(widget: Gtk.Widget, height: int, width: int = -1) -> Gtk.ScrolledWindow:
    """At least so large; grows with the window."""
    made = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN, hexpand=True, vexpand=True)
    made.set_size_request(width, height)
    made.add(widget)
    return made


def shrinking(widget: Gtk.Widget) -> Gtk.ScrolledWindow:
    """As large as the widget wants to be; on a small screen less high, and it scrolls."""
    made = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, min_content_height=_LEAST_HEIGHT)
    made.set_propagate_natural_height(True)
    made.add(widget)
    return made


def fit_to_content(window: Gtk.Window) -> None:
    """Make it as high as what it shows, within the screen: what scrolls does not ask for room by itself."""
    _least, natural = window.get_preferred_size()
    width, height = window.get_size()
    room = window.get_screen().get_height()
    window.resize(width, min(max(height, natural.height), room))


def bar_around(widget: Gtk.Widget, kind: Gtk.MessageType) -> Gtk.InfoBar:
    bar = Gtk.InfoBar(message_type=kind)
    bar.get_content_area().add(widget)
    return bar


def emptied(box: Gtk.Container) -> None:
    for widget in box.get_children():
        box.remove(widget)
        widget.destroy()


def escaped(text: str) -> str:
    """For Pango's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def title_of(procedure: Gimp.Procedure) -> str:
    """The menu's label without its mnemonic, which stands in brackets in some languages, and dots."""
    label = re.sub(r"\(_.\)", "", str(procedure.get_menu_label()))
    return label.replace("_", "").rstrip("…")


def sentences(problem: ScumbleError) -> str:
    """What happened, what it means for the money, what to do; a line each."""
    said = (problem.what_happened, problem.money, problem.what_to_do)
    return "\n".join(sentence for sentence in said if sentence)


def drawn() -> None:
    """Let GTK do what is waiting, so that a window that was hidden is gone from the screen."""
    while Gtk.events_pending():
        Gtk.main_iteration()


def _box(orientation: Gtk.Orientation, widgets: tuple[Gtk.Widget, ...], spacing: int) -> Gtk.Box:
    box = Gtk.Box(orientation=orientation, spacing=spacing)
    for widget in widgets:
        box.pack_start(widget, False, False, 0)
    return box
