# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialog: GIMP's own procedure dialog with the prompt, the price, and what happens while waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

from gi.repository import Gimp, GimpUi, GLib, GObject, Gtk

from scumble.errors import BudgetExceeded, ScumbleError, StorageError
from scumble.ledger import budget_left
from scumble.shapes import Size

from . import arguments, prices, results, widgets
from .asking import Desk, Options, Proposal, Task
from .cheaper import Cheaper
from .i18n import _
from .progress import ProgressView
from .results_window import ResultsWindow, UnplacedBar
from .waiting import Progress
from .widgets import NARROW_SPACE, SPACE, bar_around, line

_PROMPT_HEIGHT = 96
_PROBLEM_CHARACTERS = 42
_DAYS_OF_WARNING = 90
_TYPING_MILLISECONDS = 150


class Dialog:
    """The window of one run, from the first question to the placed picture or the person's leaving."""

    def __init__(
        self, task: Task, desk: Desk, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig
    ) -> None:
        GimpUi.init(procedure.get_name())
        self.shown_size: Size | None = None
        self._task = task
        self._desk = desk
        self._config = config
        self._stop: Callable[[], None] | None = None
        self._pending = 0
        self._over_budget = False
        self._amount = ""
        self._start_with_live_model()
        self._window = GimpUi.ProcedureDialog.new(procedure, config, widgets.title_of(procedure))
        self._window.connect("response", self._on_response)
        self._window.connect("delete-event", self._on_close)
        self._sandbox = line(_("Sandbox: free placeholder pictures."))
        self._prompt = Gtk.TextView(wrap_mode=Gtk.WrapMode.WORD_CHAR, accepts_tab=False)
        self._plan_line, self._price_line, self._spent_line = line(), line(), line()
        self._problem_line = line(characters=_PROBLEM_CHARACTERS)
        self._problem = Gtk.InfoBar(message_type=Gtk.MessageType.ERROR, no_show_all=True)
        self._override = self._problem.add_button("", Gtk.ResponseType.APPLY)
        self._problem.connect("response", lambda _bar, _response: self._go_over_budget())
        self.cheaper = Cheaper(desk, config.set_property)
        self._unplaced = UnplacedBar(desk, self._open_results)
        self._waiting = ProgressView()
        self._previews = GimpUi.prop_spin_button_new(config, "previews", 1, 1, 0)
        self._form = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE)
        self._form_room = widgets.shrinking(self._form)
        self._take_prompt_out_of_config()
        config.set_property(arguments.OVER_BUDGET, False)
        self._fill_window()
        config.connect("notify", lambda *_change: self._on_choice())
        self._window.connect("focus-in-event", self._on_return)
        self._prompt.get_buffer().connect("changed", lambda _buffer: self._refresh_soon())
        self._unplaced.refresh()
        self.refresh()

    @property
    def prompt(self) -> str:
        buffer = self._prompt.get_buffer()
        return str(buffer.get_text(*buffer.get_bounds(), False)).strip()

    @property
    def options(self) -> Options:
        """Of several variations the service sends no previews."""
        options = arguments.options_of(self._config)
        return replace(options, previews=0) if options.variations > 1 else options

    @property
    def shown(self) -> dict[str, str]:
        """What the window says about window and price, for tests."""
        button = self._window.get_widget_for_response(Gtk.ResponseType.OK)
        return {
            "button": button.get_label(),
            "plan": self._plan_line.get_text(),
            "price": self._price_line.get_text(),
            "spent": self._spent_line.get_text(),
            "cheaper": ", ".join(self.cheaper.labels),
            "problem": self._problem_line.get_text() if self._problem.get_visible() else "",
            "unplaced": self._unplaced.text,
            "override": self._override.get_label() if self._override.get_visible() else "",
        }

    def ask(self) -> bool:
        """Wait for the button with the price, or for Cancel."""
        self._prompt.grab_focus()
        pressed = bool(self._window.run())
        if self._pending:
            GLib.source_remove(self._pending)
            self._refresh_after_typing()
        return pressed

    def close(self) -> None:
        """Take the window off the screen; more than once does no harm."""
        self._window.hide()
        widgets.drawn()

    def show_problem(self, problem: ScumbleError) -> None:
        """Say it in the window, where the prompt still is."""
        self._problem_line.set_text(widgets.sentences(problem))
        if isinstance(problem, BudgetExceeded):
            text = _("Go over the _budget once: {price}")
            self._override.set_label(text.format(price=self._amount))
            self._override.set_use_underline(True)
        self._override.set_visible(isinstance(problem, BudgetExceeded))
        self._problem.show()
        widgets.fit_to_content(self._window)

    def take_override(self) -> bool:
        """Whether the person chose to go over the budget with this one press of the button."""
        chosen, self._over_budget = self._over_budget, False
        return chosen

    def refresh(self) -> None:
        """Bring the window's plan and price up to what is chosen."""
        options = self.options
        self._fit_choices(options)
        self._spent_line.set_text(self._spent())
        try:
            proposal = self._task.propose(self._desk, options, self.prompt)
        except ScumbleError as problem:
            self._show_no_price(problem)
            return
        self.shown_size = proposal.plan.request_size
        self._plan_line.set_text(_("Sends {plan}.").format(plan=proposal.plan.describe()))
        if proposal.request.kind == "generate":
            self._plan_line.set_text(_("Makes {plan}.").format(plan=proposal.plan.describe()))
        self._price_line.set_text(prices.parts(proposal.estimate))
        self._price_line.set_tooltip_text("\n".join(part.reason for part in proposal.estimate.lines))
        self._set_button(prices.amount(proposal.estimate), True)
        self.cheaper.show(proposal)

    @contextmanager
    def working(self, proposal: Proposal, stop: Callable[[], None]) -> Iterator[Callable[[Progress], None]]:
        """The window while the service is at work: a bar, and Stop; gives the function that moves the bar."""
        model = self._desk.model(proposal.request.model)
        expected = model.expected_seconds.get(proposal.request.quality, 0)
        self._problem.hide()
        self._set_usable(False)
        self._name_leaving_button(_("_Stop"))
        self._stop = stop
        # A picture takes the form's room, so that the window also fits a small screen.
        self._form_room.set_visible(not proposal.request.partial_images)
        self._waiting.begin(expected, self._stopping(prices.amount(proposal.estimate)))
        try:
            yield self._waiting.show
        finally:
            self._stop = None
            self._waiting.end()
            self._form_room.show()
            self._set_usable(True)
            self._name_leaving_button(_("_Cancel"))

    def _refresh_soon(self) -> None:
        """Once for a burst of typing: looking at the selection of a deep image takes its time."""
        if self._pending:
            GLib.source_remove(self._pending)
        self._pending = GLib.timeout_add(_TYPING_MILLISECONDS, self._refresh_after_typing)

    def _refresh_after_typing(self) -> bool:
        self._pending = 0
        self._on_choice()
        return bool(GLib.SOURCE_REMOVE)

    def _start_with_live_model(self) -> None:
        """The remembered model may have ended since."""
        live = {model.id for model in self._desk.catalog.live(date.today())}
        if self._config.get_property("model") not in live:
            self._config.set_property("model", self._desk.catalog.default_model)

    def _take_prompt_out_of_config(self) -> None:
        """GIMP writes a run's arguments to disk when it ends, so the prompt stays in this window only."""
        self._prompt.get_buffer().set_text(arguments.prompt_of(self._config))
        self._config.set_property("prompt", "")

    def _fill_window(self) -> None:
        content = self._window.get_content_area()
        self._form.set_border_width(SPACE)
        if self._desk.account.sandbox:
            self._form.pack_start(bar_around(self._sandbox, Gtk.MessageType.INFO), False, False, 0)
        self._form.pack_start(self._prompt_box(), True, True, 0)
        self._form.pack_start(self._choices(), False, False, 0)
        self._form.pack_start(self._more(), False, False, 0)
        lines = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=NARROW_SPACE)
        lines.pack_start(self._plan_line, False, False, 0)
        lines.pack_start(self._price_line, False, False, 0)
        lines.pack_start(self.cheaper.widget, False, False, 0)
        if not self._desk.account.sandbox:
            lines.pack_start(self._spent_line, False, False, 0)
        self._form.pack_start(lines, False, False, 0)
        self._problem.set_margin_start(SPACE)
        self._problem.set_margin_end(SPACE)
        said = self._problem.get_content_area()
        said.add(Gtk.Image.new_from_icon_name("dialog-error", Gtk.IconSize.BUTTON))
        said.add(self._problem_line)
        said.show_all()
        content.pack_start(self._unplaced.widget, False, False, 0)
        for widget, grows in ((self._form_room, True), (self._problem, False), (self._waiting.widget, False)):
            content.pack_start(widget, grows, grows, 0)
        self._form_room.show_all()

    def _prompt_box(self) -> Gtk.Widget:
        label = Gtk.Label(label=_("_Prompt"), use_underline=True, xalign=0, mnemonic_widget=self._prompt)
        scrolled = Gtk.ScrolledWindow(
            shadow_type=Gtk.ShadowType.IN, min_content_height=_PROMPT_HEIGHT, hexpand=True
        )
        scrolled.add(self._prompt)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=NARROW_SPACE)
        box.pack_start(label, False, False, 0)
        box.pack_start(scrolled, True, True, 0)
        return box

    def _choices(self) -> Gtk.Widget:
        """Two columns of labelled choices, the model first."""
        grid = Gtk.Grid(column_spacing=SPACE, row_spacing=NARROW_SPACE)
        known = ("quality", "scope", "extent", "context", "source", "variations")
        choices = [self._model_choice(), *(self._choice(name) for name in known if self._has(name))]
        alike = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        for index, widget in enumerate(choices):
            alike.add_widget(widget.get_label())
            widget.set_hexpand(True)
            grid.attach(widget, index % 2, index // 2, 1, 1)
        return grid

    def _choice(self, name: str) -> Gtk.Widget:
        return self._window.get_widget(name, GObject.TYPE_NONE)

    def _model_choice(self) -> Gtk.Widget:
        today = date.today()
        models = Gtk.ListStore(str, str)
        for model in self._desk.catalog.live(today):
            title = model.title
            if model.shutdown and model.ends_within(today, _DAYS_OF_WARNING):
                title = _("{model} (until {date})").format(model=title, date=model.shutdown)
            models.append((model.id, title))
        choice = GimpUi.prop_string_combo_box_new(self._config, "model", models, 0, 1)
        choice.set_hexpand(True)
        return GimpUi.LabelStringWidget.new(_("_Model"), choice)

    def _more(self) -> Gtk.Widget:
        """What few change: how often the picture is shown while it is being made, how strictly it is
        looked at."""
        label = Gtk.Label(label=_("Previe_ws"), use_underline=True, mnemonic_widget=self._previews)
        tip = _("Pictures on the way to the finished one; each costs a little")
        label.set_tooltip_text(tip)
        self._previews.set_tooltip_text(tip)
        more = Gtk.Expander(label=_("M_ore"), use_underline=True)
        more.add(widgets.row(label, self._previews, self._choice("moderation"), spacing=SPACE))
        unusual = self._config.get_property("previews") > 0 or self.options.moderation != "auto"
        more.set_expanded(unusual)
        more.connect_after("notify::expanded", lambda *_change: widgets.fit_to_content(self._window))
        return more

    def _spent(self) -> str:
        """Today's spending and the budgets; a ledger that cannot be read is told when something is sent."""
        try:
            return budget_left(self._desk.home).describe()
        except StorageError:
            return ""

    def _fit_choices(self, options: Options) -> None:
        """Grey out what the model does not offer and what makes no difference now."""
        qualities = self._config.find_property("quality")
        choice = Gimp.param_spec_choice_get_choice(qualities)
        model = self._desk.model(options.model)
        offered = model.qualities
        self._previews.set_range(0, model.partials_max)
        self._previews.set_sensitive(options.variations == 1)
        for name in choice.list_nicks():
            choice.set_sensitive(name, name in offered)
        strictness = Gimp.param_spec_choice_get_choice(self._config.find_property("moderation"))
        for name in strictness.list_nicks():
            strictness.set_sensitive(name, name in model.moderation)
        if self._has("context"):
            self._window.set_sensitive("context", options.region == "selection", None, None, False)

    def _show_no_price(self, problem: ScumbleError) -> None:
        self.shown_size = None
        self.cheaper.show(None)
        self._plan_line.set_text(problem.what_happened)
        self._price_line.set_text(problem.what_to_do)
        self._price_line.set_tooltip_text(None)
        self._set_button("", False)

    def _set_button(self, amount: str, sensitive: bool) -> None:
        self._amount = amount
        text = _("_Generate  {price}").format(price=amount) if amount else _("_Generate")
        self._window.set_ok_label(text.rstrip())
        self._window.set_response_sensitive(Gtk.ResponseType.OK, sensitive)

    def _stopping(self, amount: str) -> str:
        if self._desk.account.sandbox:
            return _("The sandbox bills nothing.")
        return _("If you stop now, the picture may still be billed: {price}. It will be kept.").format(
            price=amount
        )

    def _set_usable(self, usable: bool) -> None:
        """All but Cancel and the bar: what is being used must not change meanwhile."""
        action_area = self._window.get_action_area()
        leaving = self._window.get_widget_for_response(Gtk.ResponseType.CANCEL)
        for widget in self._window.get_content_area().get_children():
            if widget is not self._waiting.widget and not action_area.is_ancestor(widget):
                widget.set_sensitive(usable)
        for button in action_area.get_children():
            if button is not leaving:
                button.set_sensitive(usable)

    def _name_leaving_button(self, label: str) -> None:
        button = self._window.get_widget_for_response(Gtk.ResponseType.CANCEL)
        button.set_label(label)
        button.set_use_underline(True)

    def _on_choice(self) -> None:
        """What a problem was about may have changed."""
        self._problem.hide()
        self._over_budget = False
        self.refresh()

    def _go_over_budget(self) -> None:
        """The person's decision about this one action at the price that the button says."""
        self._over_budget = True
        self._window.response(Gtk.ResponseType.OK)

    def _open_results(self) -> None:
        """Results over this window; a prompt chosen there comes here."""
        image, above = self._task.image, self._task.above
        if not image.is_valid():
            return
        window = ResultsWindow(self._desk, image, above, _("Results"), self._window)
        window.show_unplaced()
        window.run()
        if window.chosen_prompt is not None:
            self._prompt.get_buffer().set_text(results.prompt_of(window.chosen_prompt))
        self._unplaced.refresh()

    def _on_return(self, _window: Gtk.Dialog, _event: object) -> bool:
        """The selection may have been changed meanwhile."""
        if self._stop is None:
            self.refresh()
        return False

    def _on_response(self, _window: Gtk.Dialog, response: int) -> None:
        if self._stop is not None and response in (Gtk.ResponseType.CANCEL, Gtk.ResponseType.DELETE_EVENT):
            self._stop()

    def _on_close(self, _window: Gtk.Dialog, _event: object) -> bool:
        """While working, closing the window stops instead of destroying what shows how it goes on."""
        if self._stop is None:
            return False
        self._stop()
        return True

    def _has(self, name: str) -> bool:
        return self._config.find_property(name) is not None
