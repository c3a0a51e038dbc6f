# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a dialog that shows how a job goes on: the picture so far, a bar, what stopping costs."""

from __future__ import annotations

from gi.repository import GdkPixbuf, GLib, Gtk

from scumble.jobs import Partial

from . import widgets
from .i18n import _
from .waiting import Progress

_STILL_TO_GO = 0.95
_PREVIEW = 320


class ProgressView:
    """Hidden until begin(), and again after end()."""

    def __init__(self) -> None:
        self._preview = Gtk.Image(no_show_all=True)
        self._bar = Gtk.ProgressBar(show_text=True)
        self._stop_line = widgets.line()
        self._expected = 0
        self._stopping = ""
        self._shown = 0
        self.widget = widgets.column(self._preview, self._bar, self._stop_line)
        self.widget.set_no_show_all(True)
        self.widget.set_border_width(widgets.SPACE)
        for part in (self._bar, self._stop_line):
            part.show()

    @property
    def shown_previews(self) -> int:
        """The number of the partial picture on show, 0 for none; for tests."""
        return self._shown

    def begin(self, expected: int, stopping: str) -> None:
        """`expected` seconds, 0 when nobody knows; `stopping` is what stopping costs once it was sent."""
        self._expected, self._stopping, self._shown = expected, stopping, 0
        self._preview.hide()
        self._bar.set_fraction(0)
        self.widget.show()

    def end(self) -> None:
        self.widget.hide()

    def show(self, progress: Progress) -> None:
        if progress.pause is not None:
            text = _("{problem} Trying again in {seconds} s")
            said = progress.pause.error.what_happened
            self._bar.set_text(_("Waiting"))
            self._stop_line.set_text(text.format(problem=said, seconds=round(progress.pause.seconds)))
            return
        if not progress.sent:
            self._bar.set_text(_("Sending"))
            self._stop_line.set_text(_("Nothing has been sent yet; stopping now costs nothing."))
            return
        text = _("Waiting for the service – {seconds} s")
        if self._expected:
            text = _("Waiting for the service – {seconds} s of about {expected}")
            self._bar.set_fraction(min(_STILL_TO_GO, progress.seconds / self._expected))
        else:
            self._bar.pulse()
        self._bar.set_text(text.format(seconds=round(progress.seconds), expected=self._expected))
        self._stop_line.set_text(self._stopping)
        if progress.preview is not None and progress.preview.number != self._shown:
            self._show_preview(progress.preview)

    def _show_preview(self, partial: Partial) -> None:
        self._shown = partial.number
        picture = _reduced(partial.data)
        if picture is not None:
            self._preview.set_from_pixbuf(picture)
            self._preview.show()


def _reduced(data: bytes) -> GdkPixbuf.Pixbuf | None:
    """None for a kind of picture that this machine's GdkPixbuf does not read; it is only for looking at."""
    loader = GdkPixbuf.PixbufLoader()

    def fit(_loader: GdkPixbuf.PixbufLoader, width: int, height: int) -> None:
        longer = max(width, height)
        loader.set_size(max(1, width * _PREVIEW // longer), max(1, height * _PREVIEW // longer))

    loader.connect("size-prepared", fit)
    try:
        loader.write(data)
        loader.close()
    except GLib.Error:
        return None
    return loader.get_pixbuf()
