# SPDX-License-Identifier: GPL-3.0-or-later
"""From the panel's settings to a checked request and its price; what redraws need often is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .scumble import catalog as catalogs
from .scumble import cost, textures
from .scumble.catalog import Catalog, Model
from .scumble.cost import Estimate
from .scumble.credentials import Account, find_account
from .scumble.errors import BadRequest, OnlineAccessOff
from .scumble.request import Request, check
from .scumble.settings import Home, find_home
from .scumble.shapes import Size
from .translations import _, use_blenders_language

if TYPE_CHECKING:
    from .scumble.alternatives import Choice

# What a texture is likely to want; a script may ask for any size that the model makes.
_TEXTURE_SIZES = tuple(
    Size(*edges)
    for edges in (
        (1024, 1024),
        (1536, 1536),
        (2048, 2048),
        (2880, 2880),
        (1536, 1024),
        (2048, 1024),
        (3840, 1920),
        (1024, 1536),
        (1024, 2048),
        (1920, 3840),
    )
)


@dataclass(frozen=True)
class Wish:
    """What the panel or a script asks for; `size` is "WxH" or "auto", `previews` how many of them at most."""

    prompt: str = field(repr=False)
    model: str
    quality: str
    size: str
    seamless: bool
    previews: int = 0


def home() -> Home:
    return find_home()


def catalog() -> Catalog:
    """The models, with the user's own file over them. Raises SetupError when that file is broken."""
    path = home().catalog
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return catalogs.load()
    return _catalog_with(path, changed)


def account() -> Account:
    """Where requests go now, and the key for it. Raises SetupError."""
    return find_account(home())


def require_online(account: Account) -> None:
    """Raises OnlineAccessOff where Blender's setting forbids what would leave this machine."""
    # The address begins with http only when it is this machine's (credentials sees to that).
    stays_here = account.sandbox or account.base_url.startswith("http://")
    if stays_here or bpy.app.online_access:
        return
    if bpy.app.online_access_override:
        place = _("the command that starts Blender: leave out --offline-mode")
    else:
        place = _("Edit > Preferences > System > Network > Allow Online Access")
    raise OnlineAccessOff(host="Blender", place=place)


def checked_request(wish: Wish) -> tuple[Request, Model]:
    """The request for a wish and the model it goes to.

    Raises what scumble.request.check raises, UnknownModel, and SetupError for a broken catalogue.
    """
    model = catalog().usable(wish.model, date.today())
    request = _request(wish, model)
    check(request, model, date.today())
    return request, model


def estimate(wish: Wish) -> Estimate:
    """The price of a wish, allowed or not. Raises as cost.estimate does, UnknownModel and SetupError."""
    use_blenders_language()
    priced = _priced_for(catalog(), account().other_server)
    return _estimate(wish, priced, bpy.app.translations.locale)


def cheaper(wish: Wish) -> tuple[Choice, ...]:
    """The same for less: at most three choices, the cheapest first. Raises as estimate()."""
    use_blenders_language()
    priced = _priced_for(catalog(), account().other_server)
    return _cheaper(wish, priced, date.today(), bpy.app.translations.locale)


def sizes(model: Model) -> tuple[Size, ...]:
    """The sizes offered for a model, the first one being the usual."""
    return model.sizes.fixed or tuple(size for size in _TEXTURE_SIZES if model.sizes.legal(size))


@lru_cache(maxsize=2)
def _catalog_with(path: Path, _changed: int) -> Catalog:
    return catalogs.load(path)


@lru_cache(maxsize=2)
def _priced_for(catalog: Catalog, other_server: str) -> Catalog:
    return catalog.priced_for(other_server)


@lru_cache(maxsize=4)
def _estimate(wish: Wish, catalog: Catalog, _language: str) -> Estimate:
    model = catalog.find(wish.model)
    return cost.estimate(_request(wish, model), model)


@lru_cache(maxsize=4)
def _cheaper(wish: Wish, catalog: Catalog, today: date, _language: str) -> tuple[Choice, ...]:
    # Loaded with the first drawing: Blender's start needs neither this nor the geometry under it.
    from .scumble import alternatives

    return alternatives.cheaper(_request(wish, catalog.find(wish.model)), catalog, today)


def _request(wish: Wish, model: Model) -> Request:
    return Request(
        kind="generate",
        model=wish.model,
        prompt=textures.seamless_prompt(wish.prompt) if wish.seamless else wish.prompt.strip(),
        size=None if wish.size == "auto" else _size(wish.size),
        quality=wish.quality,
        partial_images=min(wish.previews, model.partials_max),
    )


def _size(text: str) -> Size:
    try:
        return Size.parse(text)
    except ValueError as problem:
        raise BadRequest(reason=_("a size is written like 1024x1024")) from problem
