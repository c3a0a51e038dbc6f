# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of models, read from data: the built-in file, and a user's own laid over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from .errors import SetupError, UnknownModel
from .models import (
    AnimationRule,
    InputRule,
    Model,
    OutputRule,
    Prices,
    RateTier,
    SizeRule,
    TextModel,
    TextPrices,
    TextRule,
    VectorRule,
)
from .shapes import Size
from .translation import _

__all__ = [
    "Catalog",
    "InputRule",
    "Model",
    "OutputRule",
    "Prices",
    "SizeRule",
    "TextModel",
    "TextPrices",
    "TextRule",
    "load",
]

_BUILT_IN = Path(__file__).with_name("catalog.json")
_SCHEMA = 1
_SECTIONS = ("limits", "sizes", "prices", "output", "input", "text", "rate_tiers", "animation", "vector")
# Of a model, the parts that may be a name, and the section in which the name is looked up.
_NAMED_PARTS = {section: section for section in _SECTIONS} | {"batch_prices": "prices"}
_ENDPOINTS = frozenset({"generations", "edits", "responses", "batch"})

_Json = dict[str, Any]
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Catalog:
    """All known models, and the ones to take when none is named.

    `text_models` are those that can hold a conversation about pictures.

    `user_priced` are the ids for which the user's own file gives prices, `prices_hold_for` the hosts of other
    servers for which it says that all prices hold, such as a relay that bills what the service does.
    """

    as_of: date
    source: str
    default_model: str
    default_quality: str
    default_text_model: str
    models: tuple[Model, ...]
    text_models: tuple[TextModel, ...]
    user_priced: frozenset[str] = frozenset()
    prices_hold_for: frozenset[str] = frozenset()

    def priced_for(self, other_server: str) -> Catalog:
        """The catalogue with the prices that hold at a host: all for "", which is the service or the sandbox;
        elsewhere those that the user's own file gives."""
        if not other_server or {other_server, other_server.rpartition(":")[0]} & self.prices_hold_for:
            return self
        models = tuple(
            model if model.id in self.user_priced else replace(model, prices=None, batch_prices=None)
            for model in self.models
        )
        text_models = tuple(
            each if each.id in self.user_priced else replace(each, prices=None) for each in self.text_models
        )
        return replace(self, models=models, text_models=text_models)

    def find(self, id: str) -> Model:
        """The model of that id or snapshot, ended or not. Raises UnknownModel."""
        for model in self.models:
            if id == model.id or id in model.snapshots:
                return model
        choices = ", ".join(model.id for model in self.live(date.today()))
        raise UnknownModel(model=id, choices=choices)

    def text_model(self, id: str) -> TextModel:
        """The text model of that id. Raises UnknownModel."""
        for model in self.text_models:
            if id == model.id:
                return model
        raise UnknownModel(model=id, choices=", ".join(model.id for model in self.text_models))

    def live(self, today: date) -> tuple[Model, ...]:
        """The models not yet shut down."""
        return tuple(model for model in self.models if not model.ended(today))

    def usable(self, id: str, today: date) -> Model:
        """The model of that id or snapshot. Raises UnknownModel, or ModelEnded naming its successors."""
        model = self.find(id)
        model.require_live(today)
        return model


def load(user_file: Path | None = None) -> Catalog:
    """The built-in catalogue, and over it a user's file of the same form where it exists.

    A model of a known id is changed in the fields given, another is added. Raises SetupError naming the file
    when it cannot be read or does not describe models.
    """
    if user_file is None:
        return _built_in()
    try:
        if not user_file.exists():
            return _built_in()
        return _catalog(_read(_BUILT_IN), _read(user_file))
    except (OSError, ValueError) as problem:
        reason = _("the model catalogue {path} cannot be used: {problem}")
        raise SetupError(reason=reason.format(path=user_file, problem=problem)) from problem


@lru_cache(maxsize=1)
def _built_in() -> Catalog:
    return _catalog(_read(_BUILT_IN), {})


def _read(path: Path) -> _Json:
    """The file as one JSON object without fractions: prices are whole micro-dollars."""

    def refuse(text: str) -> int:
        raise ValueError(f"{text} is not a whole number")

    document = _a(dict, json.loads(path.read_text("utf-8"), parse_float=refuse, parse_constant=refuse))
    if document.get("schema") != _SCHEMA:
        raise ValueError(f"schema must be {_SCHEMA}")
    return document


def _catalog(base: _Json, changes: _Json) -> Catalog:
    """The catalogue of the document `base` with `changes`, of the same form, laid over it."""
    named = {section: _named(base, section) | _named(changes, section) for section in _SECTIONS}
    whole: dict[str, _Json] = {}
    for data in (*base["models"], *_a(list, changes.get("models", []))):
        id = _a(str, _a(dict, data).get("id"))
        kept = {key: value for key, value in whole.get(id, {}).items() if not isinstance(data.get(key), str)}
        if "prices" in data:
            # Half of another price says nothing about this one.
            kept.pop("batch_prices", None)
        whole[id] = _merged(kept, _resolved(data, named))
    models = tuple(_model(id, data) for id, data in whole.items())
    text_models = _text_models(base, changes)
    changed = (*changes.get("models", []), *changes.get("text_models", []))
    priced = [data["id"] for data in changed if data.get("prices") is not None]
    top = base | changes | {"models": models, "text_models": text_models, "user_priced": priced}
    catalog = _build(Catalog, {key: value for key, value in top.items() if key not in ("schema", "named")})
    default = next((model for model in models if model.id == catalog.default_model), None)
    if default is None or catalog.default_quality not in default.qualities:
        raise ValueError("default_model and default_quality must be a model and one of its qualities")
    if catalog.default_text_model not in [model.id for model in text_models]:
        raise ValueError("default_text_model must be one of text_models")
    return catalog


def _text_models(base: _Json, changes: _Json) -> tuple[TextModel, ...]:
    whole: dict[str, _Json] = {}
    for data in (*base["text_models"], *_a(list, changes.get("text_models", []))):
        id = _a(str, _a(dict, data).get("id"))
        whole[id] = _merged(whole.get(id, {}), data)
    return tuple(_text_model(id, data) for id, data in whole.items())


def _text_model(id: str, data: _Json) -> TextModel:
    try:
        model = _build(TextModel, data)
        spans = (model.hidden_input, model.picture_input)
        if any(list(span) != sorted(span) for span in spans) or model.input_max < 1:
            raise ValueError("token counts must rise from low to high")
        return model
    except ValueError as problem:
        raise ValueError(f"{id}: {problem}") from None


def _named(document: _Json, section: str) -> _Json:
    return _a(dict, _a(dict, document.get("named", {})).get(section, {}))


def _resolved(data: _Json, named: Mapping[str, _Json]) -> _Json:
    """The model with each reference ("sizes": "free") replaced by what it names; limits laid flat."""
    whole = dict(data)
    for part, section in _NAMED_PARTS.items():
        name = whole.get(part)
        if isinstance(name, str):
            if name not in named[section]:
                raise ValueError(f"{data['id']}: {section} has nothing named {name}")
            whole[part] = named[section][name]
    return _a(dict, whole.pop("limits", {})) | whole


def _merged(base: _Json, change: _Json) -> _Json:
    both = dict(base)
    for key, value in change.items():
        old = base.get(key)
        both[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def _model(id: str, data: _Json) -> Model:
    try:
        model = _build(Model, data)
        _require_whole(model)
        return model
    except ValueError as problem:
        raise ValueError(f"{id}: {problem}") from None


def _require_whole(model: Model) -> None:
    """Raises ValueError when a rule leaves a size or a quality of the model without an answer."""
    if not model.endpoints <= _ENDPOINTS:
        raise ValueError(f"endpoints may be {', '.join(sorted(_ENDPOINTS))}")
    _require_whole_sizes(model.sizes)
    if model.output is not None:
        _require_whole_output(model, model.output)
    rule = model.input
    if rule is not None:
        patch = (rule.patch, rule.budget, rule.upscale_target, rule.max_upscale, rule.max_ratio)
        if min({"patch": patch, "tile": (rule.base, rule.per_tile)}.get(rule.kind, (0,))) < 1:
            raise ValueError("input must be of the kind patch or tile, its numbers at least 1")
    _require_whole_formats(model)
    tiers = [(tier.images, tier.tokens) for tier in model.rate_tiers]
    if tiers != sorted(tiers) or min((min(tier) for tier in tiers), default=1) < 1:
        raise ValueError("rate_tiers: the limits must be at least 1, the lowest tier first")
    if model.text.characters_per_token < 1 or model.text.further_image_limit < model.text.further_image:
        raise ValueError("text: characters_per_token or further_image_limit is too small")


def _require_whole_sizes(rule: SizeRule) -> None:
    if min(rule.multiple_of, rule.max_edge, rule.max_ratio) < 1:
        raise ValueError("sizes: the limits must be at least 1")
    named = (*rule.fixed, *rule.standard, *(rule.auto_sizes or ()))
    if any(size.shorter < 1 for size in named) or not all(map(rule.legal, rule.standard)):
        raise ValueError("sizes: the fixed, standard and auto sizes must be possible")
    if rule.auto != (rule.auto_sizes is not None):
        raise ValueError("sizes: auto and auto_sizes go together")
    rule.nearest(Size(1, 1))


def _require_whole_formats(model: Model) -> None:
    rule, vector = model.animation, model.vector
    if ("gif" in model.formats and rule is None) or ("svg" in model.formats and vector is None):
        raise ValueError("formats: gif needs animation, and svg needs vector")
    if vector is not None and list(vector.author_tokens) != sorted(vector.author_tokens):
        raise ValueError("vector: author_tokens must rise from low to high")
    if rule is None or "gif" not in model.formats:
        return
    if not 1 < rule.frames_min <= rule.default_frames <= rule.frames_max <= max(rule.grids, default=0):
        raise ValueError("animation: the numbers of frames must rise, and the grids must hold them")
    if not 0 < rule.ms_step <= rule.default_ms <= rule.ms_max:
        raise ValueError("animation: the durations must rise")
    if any(grid.area < most for most, grid in rule.grids.items()) or model.sizes.fixed:
        raise ValueError("animation: each grid must have room for its frames, and sizes must be free")
    for most in rule.grids:
        rule.sizes(model.sizes, most).nearest(Size(1, 1))


def _require_whole_output(model: Model, rule: OutputRule) -> None:
    if rule.kind == "table":
        sizes = (*model.sizes.fixed, *(model.sizes.auto_sizes or ()))
        covered = bool(model.sizes.fixed) and all(size in rule.table for size in sizes)
        rows = [set(row) for row in rule.table.values()]
    else:
        covered = rule.kind == "grid" and rule.area_divisor > 0
        rows = [set(rule.factors)]
    if not covered or not all(set(model.qualities) <= row for row in rows):
        raise ValueError("output does not cover the sizes and qualities")
    if rule.auto_quality not in model.qualities:
        raise ValueError("output: auto_quality must be one of the qualities")
    if any(list(factors) != sorted(factors) for factors in rule.factors.values()):
        raise ValueError("output: factors must rise from low to high")


def _build(kind: type[_Value], data: _Json) -> _Value:
    """A dataclass from its fields by name, each read as its annotation says; nothing else is allowed."""
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(data.keys() - known.keys())
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    values = {}
    for name, each in known.items():
        if name in data:
            try:
                values[name] = _READERS[str(each.type)](data[name])
            except ValueError as problem:
                raise ValueError(f"{name}: {problem}") from None
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"{name} is missing")
    return kind(**values)


def _a(kind: type[_Value], value: object) -> _Value:
    if type(value) is not kind:
        raise ValueError(f"{value!r} where a {_JSON_NAMES[kind]} must be")
    return value


def _number(value: object) -> int:
    if _a(int, value) < 0:
        raise ValueError(f"{value} is negative")
    return _a(int, value)


def _list(item: Callable[[Any], _Value], length: int | None = None) -> Callable[[Any], tuple[_Value, ...]]:
    def read(value: object) -> tuple[_Value, ...]:
        items = _a(list, value)
        if length is not None and len(items) != length:
            raise ValueError(f"{length} are needed")
        return tuple(item(each) for each in items)

    return read


def _mapping(item: Callable[[Any], object], key: Callable[[str], object] = str) -> Callable[[Any], object]:
    return lambda value: {key(name): item(each) for name, each in _a(dict, value).items()}


def _optional(item: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda value: None if value is None else item(value)


_JSON_NAMES: Mapping[type, str] = {
    dict: "object",
    list: "list",
    str: "text",
    int: "number",
    bool: "true or false",
}
_TEXTS = _list(lambda value: _a(str, value))
_READERS: Mapping[str, Callable[[Any], object]] = {
    "str": lambda value: _a(str, value),
    "int": _number,
    "int | None": _optional(_number),
    "bool": lambda value: _a(bool, value),
    "date": lambda value: date.fromisoformat(_a(str, value)),
    "date | None": _optional(lambda value: date.fromisoformat(_a(str, value))),
    "tuple[str, ...]": _TEXTS,
    "frozenset[str]": lambda value: frozenset(_TEXTS(value)),
    "tuple[Size, ...]": _list(Size.parse),
    "tuple[Size, Size, Size] | None": _optional(_list(Size.parse, 3)),
    "tuple[Model, ...]": lambda models: models,
    "tuple[TextModel, ...]": lambda models: models,
    "tuple[int, int, int]": _list(_number, 3),
    "Mapping[str, int]": _mapping(_number),
    "Mapping[int, Size]": _mapping(Size.parse, int),
    "Mapping[str, tuple[int, int, int]]": _mapping(_list(_number, 3)),
    "Mapping[Size, Mapping[str, int]]": _mapping(_mapping(_number), Size.parse),
    "tuple[RateTier, ...]": _list(lambda value: _build(RateTier, _a(dict, value))),
    "SizeRule": lambda value: _build(SizeRule, _a(dict, value)),
    "TextRule": lambda value: _build(TextRule, _a(dict, value)),
    "TextPrices | None": _optional(lambda value: _build(TextPrices, _a(dict, value))),
    "Prices | None": _optional(lambda value: _build(Prices, _a(dict, value))),
    "OutputRule | None": _optional(lambda value: _build(OutputRule, _a(dict, value))),
    "AnimationRule | None": _optional(lambda value: _build(AnimationRule, _a(dict, value))),
    "VectorRule | None": _optional(lambda value: _build(VectorRule, _a(dict, value))),
    "InputRule | None": _optional(lambda value: _build(InputRule, _a(dict, value))),
}
