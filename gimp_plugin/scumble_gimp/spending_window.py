# SPDX-License-Identifier: GPL-3.0-or-later
"""The window Spending: sums and budgets, the newest spendings, and a decision for each unknown one."""

from __future__ import annotations

from collections.abc import Callable

from gi.repository import Gimp, GimpUi, Gtk, Pango

from scumble.errors import ScumbleError
from scumble.ledger import Entry, Totals
from scumble.money import decimal_usd, parse_usd, price

from . import spending, widgets
from .asking import Desk
from .i18n import _
from .results_window import UnplacedBar
from .spending import Overview

_TABLE_HEIGHT = 190
_WIDTH = 620
_AMOUNT_CHARACTERS = 9


class SpendingWindow:
    """The window of one call; what it shows is read again whenever one turns to it."""

    def __init__(
        self, desk: Desk, document: str, procedure: Gimp.Procedure, open_results: Callable[[Gtk.Window], None]
    ) -> None:
        GimpUi.init(procedure.get_name())
        self._desk = desk
        self._document = document
        self._shown: Overview | None = None
        self._window = GimpUi.Dialog(title=widgets.title_of(procedure), role=procedure.get_name())
        self._window.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self._sums = Gtk.Grid(column_spacing=widgets.SPACE, row_spacing=widgets.NARROW_SPACE)
        self._rows = Gtk.ListStore(str, str, str, str, str, str)
        self._last = widgets.column(
            widgets.heading(_("The last ten")), widgets.scrolled(self._table(), _TABLE_HEIGHT, _WIDTH)
        )
        self._unknown = widgets.column()
        self._unplaced = UnplacedBar(desk, lambda: self._open(open_results))
        self._problem_line = widgets.line()
        self._problem = widgets.bar_around(self._problem_line, Gtk.MessageType.ERROR)
        self._fill_window()
        self._window.connect("focus-in-event", lambda *_event: self._refresh())
        self._refresh()

    def run(self) -> None:
        """Until it is closed."""
        self._window.get_widget_for_response(Gtk.ResponseType.CLOSE).grab_focus()
        self._window.run()
        self._window.hide()
        widgets.drawn()

    def _fill_window(self) -> None:
        content = self._window.get_content_area()
        content.set_border_width(widgets.SPACE)
        content.set_spacing(widgets.SPACE)
        if self._desk.account.sandbox:
            text = _("Sandbox: free placeholder pictures, nothing is billed.")
            content.pack_start(widgets.bar_around(widgets.line(text), Gtk.MessageType.INFO), False, False, 0)
        content.pack_start(self._unplaced.widget, False, False, 0)
        content.pack_start(self._sums, False, False, 0)
        content.pack_start(self._unknown, False, False, 0)
        self._last.set_child_packing(self._last.get_children()[1], True, True, 0, Gtk.PackType.START)
        content.pack_start(self._last, True, True, 0)
        content.pack_start(self._problem, False, False, 0)
        content.show_all()
        self._problem.hide()
        self._unplaced.refresh()

    def _open(self, open_results: Callable[[Gtk.Window], None]) -> None:
        open_results(self._window)
        self._unplaced.refresh()

    def _table(self) -> Gtk.TreeView:
        table = Gtk.TreeView(model=self._rows, enable_search=False)
        titles = (_("When"), _("Host"), _("Model"), _("Size"), _("State"), _("Price"))
        for number, title in enumerate(titles):
            cell = Gtk.CellRendererText(ellipsize=Pango.EllipsizeMode.NONE)
            shown = Gtk.TreeViewColumn(title, cell, text=number)
            shown.set_resizable(True)
            table.append_column(shown)
        return table

    def _refresh(self) -> bool:
        try:
            overview = spending.look(self._desk.home, self._document)
        except ScumbleError as problem:
            self._show_problem(widgets.sentences(problem))
            return False
        if overview == self._shown:
            return False  # an amount that is being written stays
        self._shown = overview
        self._show_sums(overview)
        self._show_unknown(overview)
        self._rows.clear()
        for entry in overview.last:
            asked = entry.spending
            model = self._title(asked.model)
            about = (spending.when_text(entry), _host(asked.host), model, asked.size)
            self._rows.append([*about, spending.state_text(entry), spending.money_text(entry)])
        return False

    def _show_sums(self, overview: Overview) -> None:
        widgets.emptied(self._sums)
        lines: list[tuple[str, Totals, str]] = [
            (_("Today"), overview.today, "day"),
            (_("This month"), overview.month, "month"),
        ]
        if overview.document:
            lines.append((_("This image"), overview.of_document, ""))
        for number, (title, totals, scope) in enumerate(lines):
            self._sums.attach(Gtk.Label(label=title, xalign=0), 0, 2 * number, 1, 1)
            amount = Gtk.Label(label=spending.total_text(totals), xalign=0, hexpand=True)
            self._sums.attach(amount, 1, 2 * number, 1, 1)
            room = overview.room(scope)
            if room is not None:
                used = min(room.used, room.budget.limit) / room.budget.limit if room.budget.limit else 1
                bar = Gtk.ProgressBar(fraction=used, show_text=True, hexpand=True)
                text = _("{used} of {limit}, {left} left")
                amounts = {"used": room.used, "limit": room.budget.limit, "left": room.left}
                bar.set_text(text.format(**{name: price(value) for name, value in amounts.items()}))
                if room.near:
                    bar.set_tooltip_text(_("At least 80 % of this budget are used."))
                self._sums.attach(bar, 1, 2 * number + 1, 1, 1)
        action = overview.room("action")
        if action is not None:
            text = _("One action may cost at most {limit}.").format(limit=price(action.budget.limit))
            self._sums.attach(widgets.line(text), 0, 2 * len(lines), 2, 1)
        elif not overview.rooms:
            text = _("There is no budget. `scumble budget set day AMOUNT` sets one.")
            self._sums.attach(widgets.line(text), 0, 2 * len(lines), 2, 1)
        self._sums.show_all()

    def _show_unknown(self, overview: Overview) -> None:
        widgets.emptied(self._unknown)
        if not overview.unknown:
            return
        text = _(
            "The answers to these were lost, so they may have been billed. The Costs page of your account"
            " at the service tells; until you decide, they count against the budgets at their upper bound."
        )
        rows = [self._unknown_row(entry) for entry in overview.unknown[:5]]
        for widget in (widgets.heading(_("May have been billed")), widgets.line(text), *rows):
            self._unknown.pack_start(widget, False, False, 0)
        self._unknown.show_all()

    def _unknown_row(self, entry: Entry) -> Gtk.Widget:
        asked = entry.spending
        about = f"{spending.when_text(entry)}, {self._title(asked.model)}, {asked.size}"
        if asked.priced:
            text = _("{what}: about {expected}, at most {reserve}")
            about = text.format(what=about, expected=price(asked.expected), reserve=price(asked.reserve))
        amount = Gtk.Entry(
            text=decimal_usd(asked.expected) if asked.priced else "",
            width_chars=_AMOUNT_CHARACTERS,
            max_width_chars=_AMOUNT_CHARACTERS,
            tooltip_text=_("The amount in dollars, as the service billed it"),
        )
        label = Gtk.Label(label=about, xalign=0, hexpand=True, ellipsize=Pango.EllipsizeMode.END)
        made = widgets.row(
            label,
            Gtk.Label(label="$"),
            amount,
            widgets.button(_("Was _billed"), lambda: self._decide_amount(entry.id, amount.get_text())),
            widgets.button(_("_Nothing was billed"), lambda: self._decide(entry.id, None)),
        )
        made.set_child_packing(label, True, True, 0, Gtk.PackType.START)
        return made

    def _decide_amount(self, id: str, text: str) -> None:
        try:
            billed = parse_usd(text)
        except ValueError:
            self._show_problem(_("Write the amount in dollars, such as 0.013."))
            return
        self._decide(id, billed)

    def _decide(self, id: str, billed: int | None) -> None:
        self._problem.hide()
        try:
            spending.decide(self._desk.home, id, billed)
        except ScumbleError as problem:
            self._show_problem(widgets.sentences(problem))
        except ValueError:
            self._show_problem(_("That was decided elsewhere meanwhile."))
        self._refresh()

    def _show_problem(self, text: str) -> None:
        self._problem_line.set_text(text)
        self._problem.show_all()

    def _title(self, id: str) -> str:
        return next((model.title for model in self._desk.catalog.models if model.id == id), id)


def _host(name: str) -> str:
    return {"gimp": "GIMP", "blender": "Blender", "cli": _("command line")}.get(name, name)
