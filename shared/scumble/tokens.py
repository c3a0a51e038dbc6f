# SPDX-License-Identifier: GPL-3.0-or-later
"""How many tokens words and pictures are, by the published and the measured formulas, with integers only."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from .catalog import InputRule, Model, OutputRule, TextRule
from .errors import BadSize, UnsupportedOption
from .shapes import Size
from .translation import _

_TOKENS_PER_RATE = 1_000_000


@dataclass(frozen=True)
class Span:
    """A whole number that lies between `low` and `high`, most likely `expected`."""

    low: int
    expected: int
    high: int

    @classmethod
    def exact(cls, value: int) -> Span:
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        return self.low == self.high

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def times(self, count: int) -> Span:
        return Span(self.low * count, self.expected * count, self.high * count)

    def at(self, rate: int) -> Span:
        """The cost of this many tokens, each end rounded up to a micro-dollar."""
        return Span(cost_of(self.low, rate), cost_of(self.expected, rate), cost_of(self.high, rate))

    def __str__(self) -> str:
        return str(self.low) if self.is_exact else f"{self.low} – {self.high}"


def output_tokens(model: Model, size: Size | None, quality: str) -> Span:
    """Tokens of one made picture; a range where the model chooses the size or the quality.

    With L the longer and S the shorter edge, W x H the area and f the quality's factor, the grid formula is
    s = f*S/L rounded half up, tokens = f*s*(area_offset + W*H) / area_divisor rounded up (OpenAI community
    t/1382699, checked against OpenAI's calculator). Raises UnsupportedOption, BadSize, and ValueError for a
    model without an output rule.
    """
    rule = model.output
    if rule is None:
        raise ValueError(f"{model.id} has no output rule")
    if quality not in (*model.qualities, "auto"):
        choices = ", ".join((*model.qualities, "auto"))
        raise UnsupportedOption(model=model.id, option="quality", value=quality, choices=choices)
    sizes = (size,) if size is not None else model.sizes.auto_sizes
    if sizes is None:
        choices = ", ".join(str(each) for each in model.sizes.standard)
        raise UnsupportedOption(model=model.id, option="size", value="auto", choices=choices)
    qualities = model.qualities if quality == "auto" else (quality,)
    likely = rule.auto_quality if quality == "auto" else quality
    spans = [_output_of_one(model, rule, each, any_quality) for each in sizes for any_quality in qualities]
    return Span(
        min(span.low for span in spans),
        _output_of_one(model, rule, sizes[len(sizes) // 2], likely).expected,
        max(span.high for span in spans),
    )


def animation_tokens(model: Model, size: Size, frames: int, quality: str) -> Span:
    """Tokens of one GIF with frames of `size`. How they are counted is not published.

    Expected is one sheet with all of them; between one frame alone, and each as a picture of its own. Raises
    as output_tokens(), and ValueError for a model that makes no GIFs or not of so many frames.
    """
    if model.animation is None or not 0 < frames <= model.animation.frames_max:
        raise ValueError(f"{model.id} makes no GIFs of {frames} frames")
    frame = output_tokens(model, size, quality)
    sheet = output_tokens(model, model.animation.sheet(size, frames), quality)
    most = max(frame.times(frames).high, sheet.high)
    return Span(min(frame.low, sheet.low), sheet.expected, most)


def input_tokens(model: Model, size: Size) -> int:
    """Tokens of one sent picture. Raises ValueError for a model without an input rule.

    The patch rule is OpenAI community t/1382940 with the shrinking of OpenAI's vision guide; the tile rule is
    that guide's for the oldest models, at low input fidelity (ours; it is never asked for otherwise).
    """
    rule = model.input
    if rule is None:
        raise ValueError(f"{model.id} has no input rule")
    if size.shorter < 1:
        raise ValueError(f"a picture of {size} has no pixels")
    return _patches(model, rule, size) if rule.kind == "patch" else _tiles(rule, size)


def text_tokens(model: Model, kind: str, prompt_tokens: int, images: int) -> int:
    """Text tokens billed for a prompt of `prompt_tokens` sent with `images` pictures; 0 without a prompt."""
    if prompt_tokens == 0:
        return 0
    rule = model.text
    return prompt_tokens + overhead(rule, kind, images, rule.further_image)


def prompt_tokens(prompt: str, characters_per_token: int = 4) -> int:
    """A guess without a tokenizer: four characters a token, rounded up."""
    return -(-len(prompt) // characters_per_token)


def _output_of_one(model: Model, rule: OutputRule, size: Size, quality: str) -> Span:
    if rule.kind == "grid":
        low, expected, high = (_grid_tokens(rule, size, factor) for factor in rule.factors[quality])
        return Span(low, expected, high)
    row = rule.table.get(size)
    if row is None:
        reason = model.sizes.problem(size) or _("its price is not known")
        nearest = model.sizes.nearest(size)
        raise BadSize(model=model.id, size=str(size), reason=reason, nearest=str(nearest))
    return Span(row[quality], row[quality], row[quality] + rule.margin)


def _grid_tokens(rule: OutputRule, size: Size, factor: int) -> int:
    shorter_cells = (2 * factor * size.shorter + size.longer) // (2 * size.longer)
    return _up(factor * shorter_cells * (rule.area_offset + size.area), rule.area_divisor)


def seen_size(model: Model, size: Size) -> Size:
    """The size at which a model that counts patches looks at a sent picture, when it shrinks it; else `size`.

    Nothing larger needs to be sent: it costs no less and shows no more. From OpenAI's guide to vision: its
    r = sqrt(patch**2 * budget / (w*h)) leaves w*r/patch = sqrt(budget*w/h) patches across; its second step
    makes one of the two edges a whole number of patches, so no root remains.
    """
    rule = model.input
    if rule is None or rule.kind != "patch" or size.shorter < 1:
        return size
    width, height = size
    if size.longer < rule.upscale_target or _patches_in(size, rule) <= rule.budget:
        return size
    columns = max(1, isqrt(rule.budget * width // height))
    rows = max(1, isqrt(rule.budget * height // width))
    if columns * height <= rows * width:
        shrunk = Size(columns * rule.patch, columns * rule.patch * height // width)
    else:
        shrunk = Size(rows * rule.patch * width // height, rows * rule.patch)
    return Size(max(1, shrunk.width), max(1, shrunk.height))


def _patches(model: Model, rule: InputRule, size: Size) -> int:
    if size.longer >= rule.upscale_target:
        return min(rule.budget, _patches_in(seen_size(model, size), rule))
    numerator, denominator = rule.max_upscale, 1
    if size.longer * rule.max_upscale > rule.upscale_target:
        numerator, denominator = rule.upscale_target, size.longer
    edge = rule.patch * denominator
    return min(rule.budget, _up(size.width * numerator, edge) * _up(size.height * numerator, edge))


def _patches_in(size: Size, rule: InputRule) -> int:
    return _up(size.width, rule.patch) * _up(size.height, rule.patch)


def _tiles(rule: InputRule, size: Size) -> int:
    """With the shorter edge brought to one tile, the tiles along the longer are their ratio."""
    return rule.base + rule.per_tile * _up(size.longer, size.shorter)


def overhead(rule: TextRule, kind: str, images: int, further_image: int) -> int:
    """Text tokens beside the prompt's own, each picture after the first adding `further_image`."""
    if kind == "generate":
        return rule.generation_overhead
    return rule.edit_overhead + further_image * max(0, images - 1)


def input_limit(rule: InputRule | None, size: Size) -> int:
    """The most a sent picture can cost: how it is shrunk, or widened to the ratio, is not certain."""
    if rule is None or rule.kind != "patch":
        return 0
    shrunk = _up(size.width, rule.patch) * _up(size.height, rule.patch) > rule.budget
    return rule.budget if shrunk or size.longer > rule.max_ratio * size.shorter else 0


def cost_of(tokens: int, rate: int) -> int:
    """Micro-dollars at a rate per million tokens, rounded up."""
    return _up(tokens * rate, _TOKENS_PER_RATE)


def _up(numerator: int, denominator: int) -> int:
    """The quotient rounded up."""
    return -(-numerator // denominator)
