# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request will cost and what it did cost, in micro-dollars, with integers only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from math import isqrt
from typing import Literal

from .catalog import InputRule, Model, OutputRule, TextRule
from .errors import BadSize, UnsupportedOption
from .learned import Learned
from .money import price
from .request import Picture, Request
from .shapes import Size
from .translation import _

Part = Literal["text_input", "image_input", "image_output", "partial_images"]

# Of a bill alone: a part of its own, so that no one learns from it how many tokens a picture has.
STREAMED_OUTPUT = "streamed_output"

TOKENS_PER_PARTIAL_IMAGE = 100
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
        return Span(_cost(self.low, rate), _cost(self.expected, rate), _cost(self.high, rate))

    def __str__(self) -> str:
        return str(self.low) if self.is_exact else f"{self.low} – {self.high}"


@dataclass(frozen=True)
class Line:
    """One part of an estimate: tokens of all pictures asked for, `rate` in micro-dollars per 1e6 tokens."""

    part: Part
    tokens: Span
    rate: int
    cost: Span
    reason: str


@dataclass(frozen=True)
class Estimate:
    """The price of a request in micro-dollars.

    `exact`: the token rules of its pictures are known, and low, expected and high are one. The prompt is
    always a guess from its length. `reserve` is a bound that the bill does not pass. Without prices `priced`
    is False and all costs are 0. `reason` says why the price is not exact, empty when it is. `bills` is how
    many real bills the expected price is the median of, 0 when it is not learned.
    """

    model: str
    quality: str
    size: str
    exact: bool
    priced: bool
    cost: Span
    reserve: int
    lines: tuple[Line, ...]
    reason: str
    bills: int = 0


@dataclass(frozen=True)
class Usage:
    """Tokens as the service counted them, over all pictures of one reply.

    `previews`: partial pictures came as well. Whether the service counts them in `output` is not published.
    """

    text_input: int
    image_input: int
    output: int
    previews: bool = False


@dataclass(frozen=True)
class Bill:
    """What a reply cost; `lines` of (part, tokens, rate, cost). Without usage it is what was expected."""

    total: int
    lines: tuple[tuple[str, int, int, int], ...]
    from_usage: bool


def estimate(request: Request, model: Model, learned: Learned | None = None) -> Estimate:
    """The price of `request` from `model`, from arithmetic alone; `n` pictures cost `n` calls.

    `learned` is what `Ledger.learned` gives for the request; it counts where the model's rule is not exact,
    as the expected price within a range that is never narrower for it.
    Any size a formula covers is priced, legal or not: `request.check` is what refuses. Raises
    UnsupportedOption for a quality the model does not offer, BadSize for a size its price table lacks.
    """
    unpriced = Estimate(
        model=model.id,
        quality=request.quality,
        size=request.size_text,
        exact=False,
        priced=False,
        cost=Span.exact(0),
        reserve=0,
        lines=(),
        reason=_("The price of this model is unknown."),
    )
    prices = model.prices
    if prices is None or model.output is None or (model.input is None and _sent_sizes(request)):
        return unpriced
    known = None if model.output.exact else learned
    parts: list[tuple[Line, int]] = [
        _text_line(request, model, prices.text_input),
        _image_input_line(request, model, prices.image_input),
        _output_line(request, model, prices.image_output, known),
        _partial_line(request, prices.image_output),
    ]
    lines = tuple(line for line, _most in parts if line.tokens.high)
    reason = " ".join(_doubts(request, model.output, known))
    return replace(
        unpriced,
        exact=not reason,
        priced=True,
        cost=_sum(line.cost for line in lines),
        reserve=sum(_cost(most, line.rate) for line, most in parts),
        lines=lines,
        reason=reason,
        bills=known.bills if known else 0,
    )


def bill(usage: Usage | None, model: Model, estimate: Estimate) -> Bill:
    """The bill for a reply; without usage, the expected cost of its estimate.

    A model without prices bills 0, as its estimate, which is not `priced`, says; that is never a known bill.
    """
    if usage is None:
        assumed = tuple(
            (line.part, line.tokens.expected, line.rate, line.cost.expected) for line in estimate.lines
        )
        return Bill(total=estimate.cost.expected, lines=assumed, from_usage=False)
    prices = model.prices
    counted = (
        ("text_input", usage.text_input, prices.text_input if prices else 0),
        ("image_input", usage.image_input, prices.image_input if prices else 0),
        (
            STREAMED_OUTPUT if usage.previews else "image_output",
            usage.output,
            prices.image_output if prices else 0,
        ),
    )
    lines = tuple((part, tokens, rate, _cost(tokens, rate)) for part, tokens, rate in counted if tokens)
    return Bill(total=sum(cost for *_rest, cost in lines), lines=lines, from_usage=prices is not None)


def price_by_size(model: Model, kind: Literal["generate", "edit"], quality: str) -> Callable[[Size], int]:
    """The expected micro-dollars of one picture of a size, for comparing shapes; 0 without prices.

    For an edit the picture that is sent is as large. Each size is worked out once.
    """

    @cache
    def price_of(size: Size) -> int:
        images = (Picture(size),) if kind == "edit" else ()
        return estimate(Request(kind, model.id, "", size, quality, images=images), model).cost.expected

    return price_of


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
    return _patches(rule, size) if rule.kind == "patch" else _tiles(rule, size)


def text_tokens(model: Model, kind: str, prompt_tokens: int, images: int) -> int:
    """Text tokens billed for a prompt of `prompt_tokens` sent with `images` pictures; 0 without a prompt."""
    if prompt_tokens == 0:
        return 0
    rule = model.text
    return prompt_tokens + _overhead(rule, kind, images, rule.further_image)


def prompt_tokens(prompt: str, characters_per_token: int = 4) -> int:
    """A guess without a tokenizer: four characters a token, rounded up."""
    return -(-len(prompt) // characters_per_token)


def _text_line(request: Request, model: Model, rate: int) -> tuple[Line, int]:
    rule = model.text
    sent = len(_sent_sizes(request))
    guess = prompt_tokens(request.prompt, rule.characters_per_token)
    tokens = Span.exact(text_tokens(model, request.kind, guess, sent) * request.n)
    # A token of a byte-level vocabulary is at least one byte.
    most_of_prompt = len(request.prompt.encode("utf-8", "surrogatepass"))
    most = most_of_prompt + _overhead(rule, request.kind, sent, rule.further_image_limit)
    reason = _("The prompt, {count} characters: about {tokens} tokens at {rate} per million.")
    reason = reason.format(count=len(request.prompt), tokens=tokens, rate=price(rate))
    return _line("text_input", tokens, rate, reason), most * request.n


def _overhead(rule: TextRule, kind: str, images: int, further_image: int) -> int:
    if kind == "generate":
        return rule.generation_overhead
    return rule.edit_overhead + further_image * max(0, images - 1)


def _image_input_line(request: Request, model: Model, rate: int) -> tuple[Line, int]:
    sizes = _sent_sizes(request)
    counts = [input_tokens(model, size) for size in sizes]
    most = sum(max(count, _input_limit(model.input, size)) for count, size in zip(counts, sizes, strict=True))
    total = sum(counts)
    # What a markup layer costs is not known: nothing, or what a picture of its size does.
    low = total - (counts[-1] if request.markup is not None else 0)
    tokens = Span(low, total, total).times(request.n)
    if len(sizes) == 1:
        reason = _("1 input picture of {size}: {tokens} tokens at {rate} per million.")
    else:
        reason = _("{count} input pictures: {tokens} tokens at {rate} per million.")
    size = sizes[0] if sizes else ""
    reason = reason.format(count=len(sizes), size=size, tokens=tokens, rate=price(rate))
    return _line("image_input", tokens, rate, reason), most * request.n


def _output_line(request: Request, model: Model, rate: int, learned: Learned | None) -> tuple[Line, int]:
    one = output_tokens(model, request.size, request.quality)
    if learned is not None:
        one = Span(min(one.low, learned.low), learned.median, max(one.high, learned.high))
    tokens = one.times(request.n)
    if request.n == 1:
        reason = _("1 picture of {size} at {quality}: {tokens} tokens at {rate} per million.")
    else:
        reason = _("{count} pictures of {size} at {quality}: {tokens} tokens at {rate} per million.")
    reason = reason.format(
        count=request.n,
        size=_("a size the model chooses") if request.size is None else request.size,
        quality=_("a quality the model chooses") if request.quality == "auto" else request.quality,
        tokens=tokens,
        rate=price(rate),
    )
    # One token a picture more, since a measured count was once off by one.
    return _line("image_output", tokens, rate, reason), tokens.high + request.n


def _partial_line(request: Request, rate: int) -> tuple[Line, int]:
    """Fewer previews than asked for may come, so the low end is none."""
    most = request.partial_images * request.n * TOKENS_PER_PARTIAL_IMAGE
    tokens = Span(0, most, most)
    reason = _("Up to {count} previews: {tokens} tokens at {rate} per million.")
    reason = reason.format(count=request.partial_images * request.n, tokens=tokens, rate=price(rate))
    return _line("partial_images", tokens, rate, reason), most


def _doubts(request: Request, rule: OutputRule, learned: Learned | None) -> list[str]:
    """A sentence for each cause why the price of the pictures is not exact."""
    doubts = []
    if not rule.exact:
        doubts.append(
            _("The token counts of this model are not published; they are inferred from measurements.")
        )
    if learned is not None:
        doubts.append(_("What is expected is the median of {count} real bills.").format(count=learned.bills))
    if request.size is None:
        doubts.append(_("The model chooses the size."))
    if request.quality == "auto":
        doubts.append(_("The model chooses the quality."))
    if request.partial_images:
        doubts.append(_("Fewer previews than asked for may come."))
    if request.markup is not None:
        doubts.append(_("What a markup layer costs is not published."))
    return doubts


def _sent_sizes(request: Request) -> tuple[Size, ...]:
    """The sizes of the pictures billed as input, a markup layer last; a mask bills nothing."""
    sizes = tuple(picture.size for picture in request.images)
    return sizes if request.markup is None else (*sizes, request.markup.size)


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


def _patches(rule: InputRule, size: Size) -> int:
    width, height = size
    numerator, denominator = 1, 1
    if size.longer < rule.upscale_target:
        numerator, denominator = rule.max_upscale, 1
        if size.longer * rule.max_upscale > rule.upscale_target:
            numerator, denominator = rule.upscale_target, size.longer
    edge = rule.patch * denominator
    count = _up(width * numerator, edge) * _up(height * numerator, edge)
    if count <= rule.budget:
        return count
    # The guide's r = sqrt(patch² * budget / (w * h)) leaves w*r/patch = sqrt(budget * w / h) patches across;
    # its second step makes one of the two edges a whole number of patches, so no root remains.
    columns = max(1, isqrt(rule.budget * width // height))
    rows = max(1, isqrt(rule.budget * height // width))
    if columns * height <= rows * width:
        shrunk = (columns * rule.patch, columns * rule.patch * height // width)
    else:
        shrunk = (rows * rule.patch * width // height, rows * rule.patch)
    return min(rule.budget, max(1, _up(shrunk[0], rule.patch)) * max(1, _up(shrunk[1], rule.patch)))


def _tiles(rule: InputRule, size: Size) -> int:
    """With the shorter edge brought to one tile, the tiles along the longer are their ratio."""
    return rule.base + rule.per_tile * _up(size.longer, size.shorter)


def _input_limit(rule: InputRule | None, size: Size) -> int:
    """The most a sent picture can cost: how it is shrunk, or widened to the ratio, is not certain."""
    if rule is None or rule.kind != "patch":
        return 0
    shrunk = _up(size.width, rule.patch) * _up(size.height, rule.patch) > rule.budget
    return rule.budget if shrunk or size.longer > rule.max_ratio * size.shorter else 0


def _line(part: Part, tokens: Span, rate: int, reason: str) -> Line:
    return Line(part=part, tokens=tokens, rate=rate, cost=tokens.at(rate), reason=reason)


def _sum(spans: Iterable[Span]) -> Span:
    total = Span.exact(0)
    for span in spans:
        total += span
    return total


def _cost(tokens: int, rate: int) -> int:
    return _up(tokens * rate, _TOKENS_PER_RATE)


def _up(numerator: int, denominator: int) -> int:
    """The quotient rounded up."""
    return -(-numerator // denominator)
