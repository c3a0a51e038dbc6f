# SPDX-License-Identifier: GPL-3.0-or-later
"""The window Results: every kept picture with its prompt and price, to place, save, ask again or forget."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, Gtk

from scumble import content_credentials, store
from scumble.errors import NotSaved, ScumbleError
from scumble.store import Stored

from . import layers, placing, results, widgets
from .asking import Desk
from .i18n import _
from .results import Filter

_THUMBNAIL = 128
_MOST = 200
_LIST_SIZE = (470, 380)
_DETAIL_CHARACTERS = 34
_TYPING_MILLISECONDS = 200
_PICTURE, _CAPTION, _NUMBER = range(3)


class ResultsWindow:
    """The window of one call. `image` is where results are placed; without one they open as images."""

    def __init__(
        self,
        desk: Desk,
        image: Gimp.Image | None,
        above: Gimp.Layer | None,
        title: str,
        over: Gtk.Window | None = None,
    ) -> None:
        self.chosen_prompt: Stored | None = None
        self._desk = desk
        self._image = image
        self._above = above
        self._kept: list[Stored] = []
        self._shown: list[Stored] = []
        self._loading: Iterator[None] = iter(())
        self._source = 0
        self._pending = 0
        self._window = GimpUi.Dialog(title=title, role="scumble-results")
        if over is not None:
            self._window.set_transient_for(over)
            self._window.set_modal(True)
        self._window.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self._search = Gtk.SearchEntry(placeholder_text=_("Search the prompts…"), hexpand=True)
        self._host = _combo((("", _("All hosts")), ("gimp", "GIMP"), ("blender", "Blender"),
                             ("cli", _("Command line"))))  # fmt: skip
        whole = (("", _("All images")), ("this", _("This image")))
        self._where = _combo(whole if image is not None else whole[:1])
        self._state = _combo((("", _("All")), ("unplaced", _("Paid, not placed"))))
        self._list = Gtk.ListStore(GdkPixbuf.Pixbuf, str, int)
        self._view = Gtk.IconView(
            model=self._list,
            pixbuf_column=_PICTURE,
            markup_column=_CAPTION,
            item_width=_THUMBNAIL,
            selection_mode=Gtk.SelectionMode.SINGLE,
        )
        self._detail = widgets.line(characters=_DETAIL_CHARACTERS)
        self._detail.set_selectable(True)
        self._detail.set_can_focus(False)
        self._notice_line, self._problem_line = widgets.line(), widgets.line()
        self._notice = widgets.bar_around(self._notice_line, Gtk.MessageType.INFO)
        self._problem = widgets.bar_around(self._problem_line, Gtk.MessageType.ERROR)
        place = _("_Place") if image is not None else _("_Open as Image")
        self._buttons = (
            widgets.button(place, self._place, _("Where and as large as it was asked for; pays nothing")),
            widgets.button(_("Use P_rompt"), self._use_prompt, _("Ask again with these words")),
            widgets.button(
                _("_Save Original…"), self._save, _("The bytes as they came, with their credentials")
            ),
            widgets.button(_("_Forget…"), self._forget, _("Delete it from this machine")),
        )
        self._fill_window()
        self._read()

    def run(self) -> None:
        """Until it is closed, a result is placed, or a prompt is chosen."""
        self._window.run()
        for source in (self._source, self._pending):
            if source:
                GLib.source_remove(source)
        self._window.destroy()
        widgets.drawn()

    def show_unplaced(self) -> None:
        """Only what was paid and never placed."""
        self._state.set_active_id("unplaced")

    def _fill_window(self) -> None:
        content = self._window.get_content_area()
        content.set_border_width(widgets.SPACE)
        content.set_spacing(widgets.NARROW_SPACE)
        top = widgets.row(self._search, self._host, self._where, self._state)
        top.set_child_packing(self._search, True, True, 0, Gtk.PackType.START)
        buttons = widgets.column(*self._buttons)
        side = widgets.column(widgets.scrolled(self._detail, 120, 280), buttons, spacing=widgets.SPACE)
        side.set_child_packing(side.get_children()[0], True, True, 0, Gtk.PackType.START)
        self._detail.set_valign(Gtk.Align.START)
        for edge in ("start", "end", "top", "bottom"):
            getattr(self._detail, f"set_margin_{edge}")(widgets.NARROW_SPACE)
        body = Gtk.Box(spacing=widgets.SPACE)
        body.pack_start(widgets.scrolled(self._view, _LIST_SIZE[1], _LIST_SIZE[0]), True, True, 0)
        body.pack_start(side, False, True, 0)
        for widget, grows in ((top, False), (self._notice, False), (body, True), (self._problem, False)):
            content.pack_start(widget, grows, grows, 0)
        content.show_all()
        self._notice.hide()
        self._problem.hide()
        self._search.connect("changed", lambda _entry: self._fill_soon())
        self._search.connect("stop-search", lambda _entry: self._window.response(Gtk.ResponseType.CLOSE))
        for combo in (self._host, self._where, self._state):
            combo.connect("changed", lambda _combo: self._fill_list())
        self._view.connect("selection-changed", lambda _view: self._show_detail())
        self._view.connect("item-activated", lambda _view, _path: self._place())

    def _read(self) -> None:
        try:
            self._kept = results.all_kept(self._desk.home)
        except ScumbleError as problem:
            self._show_problem(problem)
        waiting = sum(map(results.is_unplaced, self._kept))
        if waiting:
            text = _("Paid for and not placed yet: {count}. Place, save or forget each; until then you are"
                     " reminded when GIMP starts.")  # fmt: skip
            self._notice_line.set_text(text.format(count=waiting))
            self._notice.show_all()
        else:
            self._notice.hide()
        self._fill_list()

    def _fill_soon(self) -> None:
        if self._pending:
            GLib.source_remove(self._pending)
        self._pending = GLib.timeout_add(_TYPING_MILLISECONDS, self._fill_after_typing)

    def _fill_after_typing(self) -> bool:
        self._pending = 0
        self._fill_list()
        return bool(GLib.SOURCE_REMOVE)

    def _filter(self) -> Filter:
        of_image = self._where.get_active_id() == "this" and self._image is not None
        return Filter(
            words=self._search.get_text(),
            host=self._host.get_active_id() or "",
            document=layers.document(self._image) if of_image and self._image else "",
            ids=placing.ids_in(self._image) if of_image and self._image else frozenset(),
            unplaced=self._state.get_active_id() == "unplaced",
        )

    def _fill_list(self) -> None:
        wanted = self._filter()
        self._shown = [one for one in self._kept if wanted.admits(one)][:_MOST]
        self._list.clear()
        for number, one in enumerate(self._shown):
            note = results.short_price(one)
            if results.is_unplaced(one):
                note = f"{note}\n<b>{widgets.escaped(_('paid, not placed'))}</b>"
            self._list.append([_blank(), f"<small>{note}</small>", number])
        if self._shown:
            self._view.select_path(Gtk.TreePath.new_first())
        self._show_detail()
        self._loading = self._load_thumbnails(list(self._shown))
        if not self._source:
            self._source = GLib.idle_add(self._load_next)

    def _load_next(self) -> bool:
        """One thumbnail each time GTK has nothing better to do."""
        for _loaded in self._loading:
            return bool(GLib.SOURCE_CONTINUE)
        self._source = 0
        return bool(GLib.SOURCE_REMOVE)

    def _load_thumbnails(self, wanted: list[Stored]) -> Iterator[None]:
        for number, one in enumerate(wanted):
            thumbnail = self._thumbnail(one)
            if thumbnail is not None:
                self._list.set_value(self._list.get_iter(Gtk.TreePath(number)), _PICTURE, thumbnail)
            yield

    def _thumbnail(self, one: Stored) -> GdkPixbuf.Pixbuf | None:
        files = sorted(one.folder.glob("picture-1.*"))
        with contextlib.suppress(ScumbleError, GLib.Error, ValueError, KeyError):
            if not files:
                results.picture(self._desk, one)
                files = sorted(one.folder.glob("picture-1.*"))
            return GdkPixbuf.Pixbuf.new_from_file_at_scale(str(files[0]), _THUMBNAIL, _THUMBNAIL, True)
        return None

    def _selected(self) -> Stored | None:
        chosen = self._view.get_selected_items()
        return self._shown[chosen[0].get_indices()[0]] if chosen else None

    def _show_detail(self) -> None:
        one = self._selected()
        for button in self._buttons:
            button.set_sensitive(one is not None)
        if one is None:
            empty = _("Nothing is kept that fits.") if self._kept else _("Nothing is kept yet.")
            self._detail.set_text(empty)
            return
        title = self._title(str(one.asked.get("model", "")))
        about = (title, str(one.asked.get("quality", "")), results.size_of(one),
                 f"{one.kept_at.astimezone():%Y-%m-%d %H:%M}")  # fmt: skip
        places = [str(place.get("where", "")) for place in results.places(one)]
        where = _("Placed: {places}").format(places=", ".join(places)) if places else _("Never placed.")
        parts = [
            f"<b>{widgets.escaped(results.prompt_of(one))}</b>",
            widgets.escaped(", ".join(about)),
            widgets.escaped(results.long_price(one)),
            widgets.escaped(where),
            widgets.escaped(content_credentials.sentence(results.credentials_of(one))),
        ]
        self._detail.set_markup("\n\n".join(parts))

    def _place(self) -> None:
        one = self._selected()
        if one is None:
            return
        with self._problems_shown():
            if self._image is None:
                placing.open_as_image(self._desk, one)
            else:
                placing.place(self._desk, one, self._image, self._above)
            self._read()

    def _use_prompt(self) -> None:
        self.chosen_prompt = self._selected()
        self._window.response(Gtk.ResponseType.ACCEPT)

    def _save(self) -> None:
        one = self._selected()
        if one is None:
            return
        with self._problems_shown():
            pictures = results.picture(self._desk, one)
            files = sorted(one.folder.glob("picture-*"))
            target = self._asked_where(one, files[0].suffix)
            if target is None:
                return
            several = len(pictures) > 1
            for number, data in enumerate(pictures, start=1):
                path = target.with_stem(f"{target.stem}-{number}") if several else target
                _write(path, data, one)
            store.mark_placed(self._desk.home, one.id, "file")
            self._read()

    def _asked_where(self, one: Stored, ending: str) -> Path | None:
        chooser = Gtk.FileChooserDialog(
            title=_("Save Original"), transient_for=self._window, action=Gtk.FileChooserAction.SAVE
        )
        chooser.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        chooser.add_button(_("_Save"), Gtk.ResponseType.OK)
        chooser.set_do_overwrite_confirmation(True)
        chooser.set_current_name(f"scumble-{one.id[:8]}{ending}")
        answered = chooser.run()
        name = chooser.get_filename()
        chooser.destroy()
        return Path(name) if answered == Gtk.ResponseType.OK and name else None

    def _forget(self) -> None:
        one = self._selected()
        if one is None or not self._confirmed(one):
            return
        with self._problems_shown():
            with contextlib.suppress(KeyError):  # another program forgot it first
                store.forget(self._desk.home, one.id)
            self._read()

    def _confirmed(self, one: Stored) -> bool:
        asking = Gtk.MessageDialog(
            transient_for=self._window,
            modal=True,
            title=_("Forget"),
            message_type=Gtk.MessageType.QUESTION,
            text=_("Forget this picture?"),
        )
        text = _("It is deleted from this machine. What it cost stays under Spending.")
        if results.is_unplaced(one):
            text = _("It was paid for ({price}) and never placed.").format(
                price=results.short_price(one)
            ) + " " + text  # fmt: skip
        asking.format_secondary_text(text)
        asking.add_button(_("_Keep"), Gtk.ResponseType.CANCEL)
        asking.add_button(_("_Forget"), Gtk.ResponseType.OK)
        asking.set_default_response(Gtk.ResponseType.CANCEL)
        answered = asking.run()
        asking.destroy()
        return bool(answered == Gtk.ResponseType.OK)

    @contextlib.contextmanager
    def _problems_shown(self) -> Iterator[None]:
        self._problem.hide()
        try:
            yield
        except ScumbleError as problem:
            self._show_problem(problem)

    def _show_problem(self, problem: ScumbleError) -> None:
        self._problem_line.set_text(widgets.sentences(problem))
        self._problem.show_all()

    def _title(self, id: str) -> str:
        return next((model.title for model in self._desk.catalog.models if model.id == id), id)


class UnplacedBar:
    """In a dialog: that something paid for was never placed, and the button to Results."""

    def __init__(self, desk: Desk, open_results: Callable[[], None]) -> None:
        self.widget = Gtk.InfoBar(message_type=Gtk.MessageType.WARNING, no_show_all=True)
        self._line = widgets.line(characters=_DETAIL_CHARACTERS)
        self._desk = desk
        self.widget.get_content_area().add(self._line)
        self.widget.add_button(_("_Results…"), Gtk.ResponseType.HELP)
        self.widget.connect("response", lambda _bar, _response: open_results())

    @property
    def text(self) -> str:
        """What it says; empty while it is hidden."""
        return str(self._line.get_text()) if self.widget.get_visible() else ""

    def refresh(self) -> None:
        count = results.unplaced_count(self._desk.home)
        self._line.set_text(_("Paid for and not placed yet: {count}").format(count=count))
        self._line.show()
        self.widget.set_visible(count > 0)


def _write(path: Path, data: bytes, one: Stored) -> None:
    """Raises NotSaved."""
    try:
        path.write_bytes(data)
    except OSError as problem:
        raise NotSaved(path=path, reason=problem.strerror, folder=one.folder) from problem


def _combo(choices: tuple[tuple[str, str], ...]) -> Gtk.ComboBoxText:
    combo = Gtk.ComboBoxText()
    for id, text in choices:
        combo.append(id, text)
    combo.set_active(0)
    return combo


def _blank() -> GdkPixbuf.Pixbuf:
    made = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, True, 8, _THUMBNAIL, _THUMBNAIL)
    made.fill(0)
    return made
