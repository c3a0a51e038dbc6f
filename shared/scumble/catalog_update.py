# SPDX-License-Identifier: GPL-3.0-or-later
"""A model catalogue from a file put in the place of a user's own: checked first, compared, written whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import private_files
from .catalog import Catalog, load
from .errors import BadRequest, SetupError
from .models import Model
from .private_files import storage_errors
from .settings import Home
from .translation import _

_PRICES = ("text_input", "image_input", "image_output")


@dataclass(frozen=True)
class Difference:
    """One thing that changes. `before` and `after` are prices in micro-dollars per 1,000,000 tokens, dates,
    or empty for none; of `field` "model" they are empty."""

    kind: Literal["added", "gone", "changed"]
    model: str
    field: str = "model"
    before: str | int = ""
    after: str | int = ""


@dataclass(frozen=True)
class Update:
    """What an update did: `kept` is where the user's former file is now, None when there was none."""

    before: Catalog
    after: Catalog
    differences: tuple[Difference, ...]
    kept: Path | None


def update(home: Home, file: Path, older: bool = False) -> Update:
    """Take `file` as the user's own catalogue; the former one is kept beside it.

    Raises SetupError when the file is not there, is no catalogue or leaves a model out of order, and
    BadRequest when it is of an earlier date than the present one, unless `older` says that this is meant. In
    both cases nothing changes. Raises StorageError when it cannot be written.
    """
    if not file.is_file():
        raise BadRequest(reason=_("there is no file {path}").format(path=file))
    with storage_errors(home.folder):
        data = file.read_bytes()
    after = load(file)
    before = _present(home)
    if after.as_of < before.as_of and not older:
        reason = _("its data are of {theirs}, older than the present ones of {ours}; --force takes them")
        raise BadRequest(reason=reason.format(theirs=after.as_of, ours=before.as_of))
    kept = None
    with storage_errors(home.folder):
        home.make()
        if home.catalog.exists():
            kept = home.catalog.with_name("catalog.previous.json")
            private_files.replace(kept, home.catalog.read_bytes())
        private_files.replace(home.catalog, data)
    return Update(before, after, differences(before, after), kept)


def differences(before: Catalog, after: Catalog) -> tuple[Difference, ...]:
    """Models that come and go, and of the others the prices and last days that change, by model."""
    old, new = ({model.id: model for model in catalog.models} for catalog in (before, after))
    found: list[Difference] = []
    for id in sorted(old.keys() | new.keys()):
        if id not in new:
            found.append(Difference("gone", id))
        elif id not in old:
            found.append(Difference("added", id))
        else:
            found += [
                Difference("changed", id, field, was, now)
                for field, was, now in zip(_FIELDS, _facts(old[id]), _facts(new[id]), strict=True)
                if was != now
            ]
    return tuple(found)


_FIELDS = (*_PRICES, "shutdown", "qualities")


def _facts(model: Model) -> tuple[str | int, ...]:
    prices = model.prices
    return (
        *("" if prices is None else getattr(prices, name) for name in _PRICES),
        model.shutdown.isoformat() if model.shutdown else "",
        ", ".join(model.qualities),
    )


def _present(home: Home) -> Catalog:
    """The catalogue in force; the built-in one where the user's own is broken, which an update then mends."""
    try:
        return load(home.catalog)
    except SetupError:
        return load()
