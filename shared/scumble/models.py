# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of one model: lifecycle, sizes, qualities, features, limits, prices and token rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import isqrt

from .errors import ModelEnded
from .shapes import Size
from .translation import _


@dataclass(frozen=True)
class Prices:
    """Micro-dollars per 1,000,000 tokens."""

    text_input: int
    text_input_cached: int
    image_input: int
    image_input_cached: int
    image_output: int
    text_output: int | None


@dataclass(frozen=True)
class SizeRule:
    """Which sizes a model makes. A non-empty `fixed` means only those; the other limits are then facts only.

    `auto_sizes` are sizes whose token counts are the low, expected and high end when the model chooses.
    """

    multiple_of: int
    max_edge: int
    min_pixels: int
    max_pixels: int
    max_ratio: int
    experimental_above: int
    fixed: tuple[Size, ...]
    standard: tuple[Size, ...]
    auto: bool
    auto_sizes: tuple[Size, Size, Size] | None

    def problem(self, size: Size) -> str | None:
        """Why the model cannot make this size, in the current language; None when it can."""
        if self.fixed:
            if size in self.fixed:
                return None
            return _("it makes only {sizes}").format(sizes=", ".join(str(each) for each in self.fixed))
        if size.shorter < 1 or size.width % self.multiple_of or size.height % self.multiple_of:
            return _("both edges must be multiples of {step}").format(step=self.multiple_of)
        if size.longer > self.max_edge:
            return _("the longer edge may have at most {edge} pixels").format(edge=self.max_edge)
        if size.longer > self.max_ratio * size.shorter:
            return _("the longer edge may be at most {ratio} times the shorter").format(ratio=self.max_ratio)
        if size.area < self.min_pixels:
            return _("it needs at least {pixels} pixels in all").format(pixels=f"{self.min_pixels:,}")
        if size.area > self.max_pixels:
            return _("it may have at most {pixels} pixels in all").format(pixels=f"{self.max_pixels:,}")
        return None

    def legal(self, size: Size) -> bool:
        """Whether the model can make this size."""
        if self.fixed:
            return size in self.fixed
        return (
            size.shorter >= 1
            and size.width % self.multiple_of == 0
            and size.height % self.multiple_of == 0
            and size.longer <= min(self.max_edge, self.max_ratio * size.shorter)
            and self.min_pixels <= size.area <= self.max_pixels
        )

    def nearest(self, size: Size) -> Size:
        """A legal size near `size`, of about the same shape; `size` itself when it is legal.

        Any integers may be asked for. Raises ValueError when the rule allows no size at all.
        """
        if self.legal(size):
            return size
        wanted = Size(max(1, size.width), max(1, size.height))
        if self.fixed:
            return min(self.fixed, key=lambda each: _unlikeness(each, wanted))
        return self._nearest_on_grid(self._within_limits(wanted))

    def _within_limits(self, wanted: Size) -> Size:
        """The shape moved into the ratio and the area limits, off the grid yet."""
        floor = -(-wanted.longer // self.max_ratio)
        width, height = max(wanted.width, floor), max(wanted.height, floor)
        for limit, outside in ((self.min_pixels, -1), (self.max_pixels, 1)):
            if (width * height - limit) * outside > 0:
                width, height = isqrt(limit * width // height), isqrt(limit * height // width)
        longer = max(width, height)
        if longer > self.max_edge:
            width, height = width * self.max_edge // longer, height * self.max_edge // longer
        return Size(max(1, width), max(1, height))

    def _nearest_on_grid(self, wanted: Size) -> Size:
        """By every width of the grid and its best height: smallest change of both edges, then the larger."""
        step = self.multiple_of
        best: tuple[int, int, Size] | None = None
        for width in range(step, self.max_edge + 1, step):
            lowest = max(-(-self.min_pixels // width), -(-width // self.max_ratio), 1)
            highest = min(self.max_pixels // width, width * self.max_ratio, self.max_edge)
            lowest, highest = -(-lowest // step) * step, highest // step * step
            if lowest > highest:
                continue
            rounded = (wanted.height + step // 2) // step * step
            height = min(max(rounded, lowest), highest)
            change = abs(width - wanted.width) + abs(height - wanted.height)
            candidate = (change, -width * height, Size(width, height))
            if best is None or candidate < best:
                best = candidate
        if best is None:
            raise ValueError("the size rule allows no size")
        return best[2]


def _unlikeness(size: Size, wanted: Size) -> tuple[int, int]:
    """How far the shape is off, in millionths, then the area."""
    first, second = size.width * wanted.height, size.height * wanted.width
    return max(first, second) * 1_000_000 // min(first, second), abs(size.area - wanted.area)


@dataclass(frozen=True)
class OutputRule:
    """Tokens of a made picture.

    `kind` "grid": per quality the factors (low, expected, high) of the formula in cost.output_tokens.
    `kind` "table": tokens by size and quality, and up to `margin` tokens more.
    `auto_quality` is the quality expected where the model chooses. `source` says where the numbers are from.
    """

    kind: str
    exact: bool
    auto_quality: str
    source: str
    factors: Mapping[str, tuple[int, int, int]] = field(default_factory=dict, hash=False)
    area_offset: int = 0
    area_divisor: int = 1
    table: Mapping[Size, Mapping[str, int]] = field(default_factory=dict, hash=False)
    margin: int = 0


@dataclass(frozen=True)
class InputRule:
    """Tokens of a sent picture; `kind` "patch" or "tile", the formulas are in cost.input_tokens.

    Beyond `max_ratio` the patch count is not known well and at most `budget`.
    """

    kind: str
    patch: int = 0
    budget: int = 0
    upscale_target: int = 0
    max_upscale: int = 1
    max_ratio: int = 0
    base: int = 0
    per_tile: int = 0
    square_extra: int = 0
    nonsquare_extra: int = 0


@dataclass(frozen=True)
class TextRule:
    """Text tokens beside the prompt's; `further_image_limit` bounds what each image after the first adds."""

    characters_per_token: int
    generation_overhead: int
    edit_overhead: int
    further_image: int
    further_image_limit: int


@dataclass(frozen=True)
class AnimationRule:
    """GIFs of a model. `grids`: by the most frames, the columns and rows of the one sheet that is made.

    Durations of a frame are in milliseconds, a multiple of `ms_step`.
    """

    frames_min: int
    frames_max: int
    default_frames: int
    ms_max: int
    ms_step: int
    default_ms: int
    grids: Mapping[int, Size] = field(hash=False)

    def grid(self, frames: int) -> Size:
        """Columns and rows of the sheet that holds this many frames, at most `frames_max`."""
        return self.grids[min(most for most in self.grids if most >= frames)]

    def sheet(self, size: Size, frames: int) -> Size:
        """The size of the sheet for frames of `size`."""
        grid = self.grid(frames)
        return Size(size.width * grid.width, size.height * grid.height)

    def sizes(self, rule: SizeRule, frames: int) -> SizeRule:
        """The sizes of a frame, whose sheet the model can make either way up."""
        grid = self.grid(frames)
        return SizeRule(
            multiple_of=rule.multiple_of,
            max_edge=rule.max_edge // grid.longer,
            min_pixels=-(-rule.min_pixels // grid.area),
            max_pixels=rule.max_pixels // grid.area,
            max_ratio=rule.max_ratio,
            experimental_above=rule.experimental_above // grid.area,
            fixed=(),
            standard=(),
            auto=False,
            auto_sizes=None,
        )


@dataclass(frozen=True)
class VectorRule:
    """SVGs of a model: drawn by a second model, the author, from a picture that the first one makes.

    `author_tokens` (low, expected, high) and `author_rate`, in micro-dollars per million of them, are
    guesses: nothing is published.
    """

    author_tokens: tuple[int, int, int]
    author_rate: int


@dataclass(frozen=True)
class RateTier:
    """What an account of one usage tier may have in a minute."""

    images: int
    tokens: int


@dataclass(frozen=True)
class Model:
    """One model; limits in characters, bytes and pieces, `expected_seconds` by quality (may be empty).

    `batch_prices` are those of the Batch API; None where there is none, or where they are not known.
    `rate_tiers` are an account's limits by its usage tier, the lowest first; empty where none are published.
    """

    id: str
    title: str
    note: str
    released: date | None
    shutdown: date | None
    successors: tuple[str, ...]
    snapshots: tuple[str, ...]
    endpoints: frozenset[str]
    qualities: tuple[str, ...]
    transparent: bool
    mask: bool
    markup: bool
    complexity: tuple[str, ...]
    formats: tuple[str, ...]
    moderation: tuple[str, ...]
    input_fidelity: tuple[str, ...]
    n_max: int
    references_max: int
    partials_max: int
    prompt_chars_max: int
    picture_bytes_max: int
    mask_bytes_max: int
    sizes: SizeRule
    prices: Prices | None
    output: OutputRule | None
    input: InputRule | None
    text: TextRule
    expected_seconds: Mapping[str, int] = field(hash=False)
    animation: AnimationRule | None = None
    vector: VectorRule | None = None
    batch_prices: Prices | None = None
    rate_tiers: tuple[RateTier, ...] = ()

    def ended(self, today: date) -> bool:
        """Whether the service has shut the model down; on the day itself it counts as ended."""
        return self.shutdown is not None and today >= self.shutdown

    def ends_within(self, today: date, days: int) -> bool:
        """Whether the model still works and will end in at most `days` days."""
        return self.shutdown is not None and 0 < (self.shutdown - today).days <= days

    def in_batch(self) -> Model:
        """The same model at the prices of the Batch API, which may be unknown."""
        return replace(self, prices=self.batch_prices)

    def require_live(self, today: date) -> None:
        """Raises ModelEnded, naming the successors, when the model has been shut down."""
        if self.shutdown is not None and self.ended(today):
            successor = _(" or ").join(self.successors)
            raise ModelEnded(model=self.id, date=self.shutdown.isoformat(), successor=successor)


@dataclass(frozen=True)
class TextPrices:
    """Micro-dollars per 1,000,000 tokens of a text model.

    For a call with more than `long_above` input tokens all input costs `long_input_percent` of its rate, and
    the output `long_output_percent`.
    """

    input: int
    input_cached: int
    cache_write: int
    output: int
    long_above: int
    long_input_percent: int
    long_output_percent: int

    def at(self, input_tokens: int) -> TextPrices:
        """The rates of a call with so many input tokens."""
        if input_tokens <= self.long_above:
            return self
        return replace(
            self,
            input=self.input * self.long_input_percent // 100,
            input_cached=self.input_cached * self.long_input_percent // 100,
            cache_write=self.cache_write * self.long_input_percent // 100,
            output=self.output * self.long_output_percent // 100,
        )


@dataclass(frozen=True)
class TextModel:
    """A model that talks and has its pictures made by an image model, as the Responses API offers it.

    Its own tokens are not published beforehand, so they are (low, expected, high): `hidden_input`, which the
    service adds to every call, and `picture_input` of one picture that it looks at; `likely_output` is what
    it writes. `input_max` is the most that a call may bring. `effort` is how much it is asked to think, ""
    for a model that is not asked so. `source` says where prices and tokens are from, and how sure they are.
    """

    id: str
    title: str
    note: str
    prices: TextPrices | None
    input_max: int
    effort: str
    hidden_input: tuple[int, int, int]
    picture_input: tuple[int, int, int]
    likely_output: int
    source: str
