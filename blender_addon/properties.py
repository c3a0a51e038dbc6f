# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's settings: what to make goes with the scene, the prompt and what came of it with the session.

A .blend file is shared, so nothing of the prompt may be in it. Values with a getter are not saved, and those
of the window manager outlive a file load.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import asking, running
from .asking import Wish
from .scumble import catalog as catalogs
from .scumble.catalog import Catalog, Model
from .scumble.errors import SetupError, UnknownModel
from .translations import N_, _

_Item = tuple[str, str, str, int]

# Blender keeps no reference to the texts of a menu made by a function.
_menus: dict[str, list[_Item]] = {}
_prompt = ""

# How long after a letter the marks are taken to be the field's.
_CLEAN_SECONDS = 10.0
_clean_until = 0.0


_QUALITIES = {
    "low": N_("Low"),
    "medium": N_("Medium"),
    "high": N_("High"),
    "xhigh": N_("Extra High"),
    "max": N_("Maximum"),
    "standard": N_("Standard"),
    "hd": N_("HD"),
}

# What the built-in catalogue notes of its models, for the translation.
_NOTES = (
    N_("Fast and cheap; exact price"),
    N_("Precise edits, slower; exact price"),
    N_("Fast; the price is a range"),
    N_("Most detail, consistent edits, slower; the price is a range"),
    N_("Older; exact price"),
)


def wish(context: bpy.types.Context) -> Wish:
    """What the panel of this scene asks for."""
    settings = context.scene.scumble
    return Wish(
        _prompt, settings.model, settings.quality, settings.size, settings.seamless, settings.previews
    )


def quality_name(quality: str) -> str:
    """As the menu shows it."""
    return _(_QUALITIES.get(quality, quality))


def _catalog() -> Catalog:
    """For the menus: a broken file of the user's is told by the panel, not by an empty menu."""
    try:
        return asking.catalog()
    except SetupError:
        return catalogs.load()


def _model(settings: SceneSettings) -> Model:
    catalog = _catalog()
    try:
        chosen = catalog.find(settings.model_id or catalog.default_model)
    except UnknownModel:
        chosen = catalog.find(catalog.default_model)
    return catalog.find(catalog.default_model) if chosen.ended(date.today()) else chosen


def _usual_model() -> str:
    return _catalog().default_model


def _usual_quality() -> str:
    return _catalog().default_quality


def _model_items(_settings: SceneSettings, _context: bpy.types.Context | None) -> list[_Item]:
    live = _catalog().live(date.today())
    return _kept("model", [(each.id, each.title, _(each.note)) for each in live])


def _quality_items(settings: SceneSettings, _context: bpy.types.Context | None) -> list[_Item]:
    model = _model(settings)
    tip = _("How much work the model puts into the picture")
    return _kept("quality", [(each, quality_name(each), tip) for each in model.qualities])


def _size_items(settings: SceneSettings, _context: bpy.types.Context | None) -> list[_Item]:
    model = _model(settings)
    items = []
    for size in asking.sizes(model):
        tip = _("Pixels of the texture")
        if size.area > model.sizes.experimental_above:
            tip = _("Pixels of the texture; the service calls sizes this large experimental")
        items.append((str(size), f"{size.width} × {size.height}", tip))
    return _kept("size", items)


def _kept(menu: str, items: list[tuple[str, str, str]]) -> list[_Item]:
    numbered = [(*item, number) for number, item in enumerate(items)]
    if _menus.get(menu) != numbered:
        _menus[menu] = numbered
    return _menus[menu]


def _chosen(items: Callable[[Any, Any], list[_Item]], stored: str, usual: Callable[[], str]) -> Any:
    """The getter of a menu: the stored choice where it is offered, else the usual one, else the first."""

    def get(settings: SceneSettings) -> int:
        offered = {identifier: number for identifier, _name, _tip, number in items(settings, None)}
        return offered.get(getattr(settings, stored), offered.get(usual(), 0))

    return get


def _choose(items: Callable[[Any, Any], list[_Item]], stored: str) -> Any:
    """The setter: the identifier is what is stored, because the numbers change with the catalogue."""

    def set(settings: SceneSettings, number: int) -> None:
        setattr(settings, stored, items(settings, None)[number][0])

    return set


def _menu(
    name: str,
    description: str,
    items: Callable[[Any, Any], list[_Item]],
    stored: str,
    usual: Callable[[], str] = str,
) -> Any:
    return EnumProperty(
        name=name,
        description=description,
        items=items,
        get=_chosen(items, stored, usual),
        set=_choose(items, stored),
    )


class SceneSettings(bpy.types.PropertyGroup):
    """What to make; saved with the scene."""

    model_id: StringProperty(options={"HIDDEN"})
    quality_id: StringProperty(options={"HIDDEN"})
    size_text: StringProperty(options={"HIDDEN"})

    model: _menu(
        N_("Model"),
        N_("The image model that makes the texture"),
        _model_items,
        "model_id",
        _usual_model,
    )
    quality: _menu(
        N_("Quality"),
        N_("How much work the model puts into the picture; the price grows with it"),
        _quality_items,
        "quality_id",
        _usual_quality,
    )
    size: _menu(N_("Size"), N_("Pixels of the texture; the price depends on it"), _size_items, "size_text")
    seamless: BoolProperty(
        name=N_("Seamless"),
        description=N_("Ask for a texture that tiles, evenly lit, by a hint added to the prompt"),
        default=True,
    )
    previews: IntProperty(
        name=N_("Previews"),
        description=N_("Coarse pictures shown while it is made, where the model can; each costs a little"),
        min=0,
        max=3,
    )
    target: EnumProperty(
        name=N_("Target"),
        description=N_("Where the texture goes"),
        items=[
            ("NEW", N_("New Material"), N_("A new material in the active slot of every selected object")),
            (
                "ACTIVE",
                N_("Active Material"),
                N_("The Base Color of the active object's active material; its other nodes stay"),
            ),
        ],
    )


def prompt_field() -> Any:
    """The one prompt of the session, as a property of whatever class asks for it."""
    return StringProperty(
        name=N_("Prompt"),
        description=N_("What the texture shows, in your own words; never saved in the file"),
        get=_get_prompt,
        set=_set_prompt,
        options={"SKIP_SAVE", "TEXTEDIT_UPDATE"},
    )


def _get_prompt(_owner: Any) -> str:
    return _prompt


def _set_prompt(_owner: Any, text: str) -> None:
    global _prompt, _clean_until
    _prompt = text
    now = time.monotonic()
    if not bpy.context.preferences.is_dirty or now < _clean_until:
        _clean_until = now + _CLEAN_SECONDS


def keep_preferences_clean() -> None:
    """After typing, which Blender takes for a change of its preferences, because the field is theirs.

    It marks them at each letter and once more at the end, and redraws after each. To be called at drawing;
    preferences that were changed before the first letter stay marked.
    """
    if time.monotonic() < _clean_until and bpy.context.preferences.is_dirty:
        # While drawing nothing may be changed.
        _stop_cleaning()
        bpy.app.timers.register(_clean_preferences)


def _clean_preferences() -> None:
    bpy.context.preferences.is_dirty = False


def _stop_cleaning() -> None:
    # A timer that is still registered when Blender 4 exits hangs or crashes it.
    if bpy.app.timers.is_registered(_clean_preferences):
        bpy.app.timers.unregister(_clean_preferences)


def _of_last(field: str, without: Any) -> Any:
    def get(_session: SessionState) -> Any:
        return without if running.last is None else getattr(running.last, field)

    return get


def _last_materials(_session: SessionState) -> str:
    return "" if running.last is None else "\n".join(running.last.materials)


def _last_error(_session: SessionState) -> str:
    return "" if running.last is None or running.last.error is None else str(running.last.error)


def _last_error_code(_session: SessionState) -> str:
    return "" if running.last is None or running.last.error is None else running.last.error.code


def _to_first_page(session: SessionState, _context: bpy.types.Context) -> None:
    session.page = 0


class SessionState(bpy.types.PropertyGroup):
    """The prompt, what the panels show, and for scripts what came of the last request; never saved."""

    prompt: prompt_field()
    offer_shown: BoolProperty(description=N_("Show the pictures that were paid for and not applied"))
    search: StringProperty(
        name=N_("Search"),
        description=N_("Only results with these words in the prompt"),
        options={"SKIP_SAVE", "TEXTEDIT_UPDATE"},
        update=_to_first_page,
    )
    unplaced_only: BoolProperty(
        name=N_("Not applied"),
        description=N_("Only what was paid for and never applied, saved or exported"),
        update=_to_first_page,
    )
    page: IntProperty(description=N_("Which page of results is shown, from 0"), min=0)
    last_result: StringProperty(description=N_("Name of the result in the store"), get=_of_last("result", ""))
    last_billed: IntProperty(
        description=N_("Micro-dollars billed; 0 in the sandbox"), get=_of_last("billed", 0)
    )
    last_would_bill: IntProperty(
        description=N_("Micro-dollars the service bills for this"), get=_of_last("would_bill", 0)
    )
    last_sandbox: BoolProperty(
        description=N_("Whether the sandbox made the picture"), get=_of_last("sandbox", False)
    )
    last_materials: StringProperty(
        description=N_("Names of the materials with the texture, one a line"), get=_last_materials
    )
    last_image: StringProperty(description=N_("Name of the image"), get=_of_last("image", ""))
    last_error: StringProperty(description=N_("What went wrong, empty when nothing did"), get=_last_error)
    last_error_code: StringProperty(description=N_("The error's stable name"), get=_last_error_code)


_CLASSES = (SceneSettings, SessionState)


def register() -> None:
    atexit.register(_stop_cleaning)
    for each in _CLASSES:
        bpy.utils.register_class(each)
    bpy.types.Scene.scumble = PointerProperty(type=SceneSettings)  # type: ignore[attr-defined]
    bpy.types.WindowManager.scumble = PointerProperty(type=SessionState)  # type: ignore[attr-defined]


def unregister() -> None:
    atexit.unregister(_stop_cleaning)
    _stop_cleaning()
    del bpy.types.WindowManager.scumble  # type: ignore[attr-defined]
    del bpy.types.Scene.scumble  # type: ignore[attr-defined]
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
