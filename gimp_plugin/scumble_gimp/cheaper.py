# SPDX-License-Identifier: GPL-3.0-or-later
"""The same for less, beside the price: up to three buttons, each of which changes one choice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from gi.repository import Gtk

from scumble import alternatives
from scumble.alternatives import Choice
from scumble.errors import ScumbleError
from scumble.money import price_range

from . import arguments, widgets
from .asking import Desk, Proposal, priced
from .i18n import _

_CHANGES = {"quality": "quality", "window": "context", "model": "model"}


class Cheaper:
    """A line of buttons; `apply` is called with the name of a choice and its new value."""

    def __init__(self, desk: Desk, apply: Callable[[str, str], None]) -> None:
        self.widget = Gtk.FlowBox(
            selection_mode=Gtk.SelectionMode.NONE,
            max_children_per_line=4,
            column_spacing=widgets.NARROW_SPACE,
            no_show_all=True,
        )
        self._desk = desk
        self._apply = apply
        self._shown: tuple[Choice, ...] = ()

    @property
    def labels(self) -> list[str]:
        """What the buttons say, for tests."""
        return [self._label(choice) for choice in self._shown]

    def press(self, number: int) -> None:
        """As a person would, for tests too."""
        choice = self._shown[number]
        name = _CHANGES[choice.changes]
        self._apply(name, getattr(choice, name))

    def show(self, proposal: Proposal | None) -> None:
        """The choices for a proposal; nothing for none."""
        found = self._found(proposal) if proposal else ()
        if found == self._shown:
            return
        self._shown = found
        widgets.emptied(self.widget)
        if found:
            self.widget.add(Gtk.Label(label=_("Cheaper:"), xalign=0))
        for number, choice in enumerate(found):
            self.widget.add(self._button(number, choice))
        for child in self.widget.get_children():
            child.set_can_focus(False)
            child.show_all()
        self.widget.set_visible(bool(found))

    def _found(self, proposal: Proposal) -> tuple[Choice, ...]:
        def price(request: alternatives.Request, model: alternatives.Model) -> alternatives.Estimate:
            return priced(self._desk, request, model)

        try:
            return alternatives.cheaper(
                proposal.request, self._desk.catalog, date.today(), proposal.around, price
            )
        except ScumbleError:
            return ()  # the price itself says why there is none

    def _button(self, number: int, choice: Choice) -> Gtk.Button:
        button = widgets.button(self._label(choice), lambda: self.press(number), choice.gives_up)
        button.set_use_underline(False)
        button.set_relief(Gtk.ReliefStyle.HALF)
        return button

    def _label(self, choice: Choice) -> str:
        if choice.changes == "quality":
            what = arguments.quality_label(choice.quality)
        elif choice.changes == "window":
            what = _("narrower window")
        else:
            what = self._desk.model(choice.model).title
        cost = choice.estimate.cost
        return f"{what} {price_range(cost.low, cost.high)}"
