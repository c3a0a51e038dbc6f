# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request will cost and what it did cost, in micro-dollars, with integers only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from .catalog import Model, OutputRule
from .learned import Learned
from .models import AnimationRule, VectorRule
from .money import price
from .request import Picture, Request
from .shapes import Size
from .tokens import (
    Span,
    animation_tokens,
    cost_of,
    input_limit,
    input_tokens,
    output_tokens,
    overhead,
    prompt_tokens,
    seen_size,
    text_tokens,
)
from .translation import _

__all__ = [
    "Bill",
    "Estimate",
    "Line",
    "Span",
    "Usage",
    "animation_tokens",
    "bill",
    "estimate",
    "input_tokens",
    "output_tokens",
    "price_by_size",
    "prompt_tokens",
    "seen_size",
    "text_tokens",
]

Part = Literal[
    "text_input",
    "image_input",
    "image_output",
    "animation_output",
    "svg_author",
    "partial_images",
    "conversation_input",
    "conversation_output",
]

# Of a bill alone: a part of its own, so that no one learns from it how many tokens a picture has.
STREAMED_OUTPUT = "streamed_output"

TOKENS_PER_PARTIAL_IMAGE = 100


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
    `svg_author` are those of the second model that draws an SVG, counted apart.
    """

    text_input: int
    image_input: int
    output: int
    previews: bool = False
    svg_author: int = 0


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
    known = None if model.output.exact or _is_animation(request) else learned
    parts: list[tuple[Line, int]] = [
        _text_line(request, model, prices.text_input),
        _image_input_line(request, model, prices.image_input),
        _output_line(request, model, prices.image_output, known),
        _partial_line(request, prices.image_output),
    ]
    if request.output_format == "svg" and model.vector is not None:
        parts.append(_author_line(request, model.vector))
    lines = tuple(line for line, _most in parts if line.tokens.high)
    reason = " ".join(_doubts(request, model.output, known))
    return replace(
        unpriced,
        exact=not reason,
        priced=True,
        cost=_sum(line.cost for line in lines),
        reserve=sum(cost_of(most, line.rate) for line, most in parts),
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
    animated = any(line.part == "animation_output" for line in estimate.lines)
    output = "animation_output" if animated else STREAMED_OUTPUT if usage.previews else "image_output"
    author_rate = model.vector.author_rate if prices and model.vector else 0
    counted = (
        ("text_input", usage.text_input, prices.text_input if prices else 0),
        ("image_input", usage.image_input, prices.image_input if prices else 0),
        (output, usage.output, prices.image_output if prices else 0),
        ("svg_author", usage.svg_author, author_rate),
    )
    lines = tuple((part, tokens, rate, cost_of(tokens, rate)) for part, tokens, rate in counted if tokens)
    # The service counts the author's tokens and publishes no price for them: such a bill is partly a guess.
    return Bill(
        total=sum(cost for *_rest, cost in lines),
        lines=lines,
        from_usage=prices is not None and not usage.svg_author,
    )


def price_by_size(model: Model, kind: Literal["generate", "edit"], quality: str) -> Callable[[Size], int]:
    """The expected micro-dollars of one picture of a size, for comparing shapes; 0 without prices.

    For an edit the picture that is sent is as large. Each size is worked out once.
    """

    @cache
    def price_of(size: Size) -> int:
        images = (Picture(size),) if kind == "edit" else ()
        return estimate(Request(kind, model.id, "", size, quality, images=images), model).cost.expected

    return price_of


def _text_line(request: Request, model: Model, rate: int) -> tuple[Line, int]:
    rule = model.text
    sent = len(_sent_sizes(request))
    guess = prompt_tokens(request.prompt, rule.characters_per_token)
    tokens = Span.exact(text_tokens(model, request.kind, guess, sent) * request.n)
    # A token of a byte-level vocabulary is at least one byte.
    most_of_prompt = len(request.prompt.encode("utf-8", "surrogatepass"))
    most = most_of_prompt + overhead(rule, request.kind, sent, rule.further_image_limit)
    reason = _("The prompt, {count} characters: about {tokens} tokens at {rate} per million.")
    reason = reason.format(count=len(request.prompt), tokens=tokens, rate=price(rate))
    return _line("text_input", tokens, rate, reason), most * request.n


def _image_input_line(request: Request, model: Model, rate: int) -> tuple[Line, int]:
    sizes = _sent_sizes(request)
    counts = [input_tokens(model, size) for size in sizes]
    most = sum(max(count, input_limit(model.input, size)) for count, size in zip(counts, sizes, strict=True))
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
    if _is_animation(request) and model.animation is not None and request.size is not None:
        return _animation_line(request, request.size, model, model.animation, rate)
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


def _animation_line(
    request: Request, size: Size, model: Model, rule: AnimationRule, rate: int
) -> tuple[Line, int]:
    frames = min(max(1, request.frames or rule.default_frames), rule.frames_max)
    tokens = animation_tokens(model, size, frames, request.quality).times(request.n)
    if request.n == 1:
        reason = _(
            "1 GIF with {frames} frames of {size} at {quality}: {tokens} tokens at {rate} per million."
        )
    else:
        reason = _(
            "{count} GIFs with {frames} frames of {size} at {quality}: {tokens} tokens at {rate} per million."
        )
    reason = reason.format(
        count=request.n,
        frames=frames,
        size=size,
        quality=_("a quality the model chooses") if request.quality == "auto" else request.quality,
        tokens=tokens,
        rate=price(rate),
    )
    return _line("animation_output", tokens, rate, reason), tokens.high + request.n


def _author_line(request: Request, rule: VectorRule) -> tuple[Line, int]:
    tokens = Span(*rule.author_tokens).times(request.n)
    reason = _("The author that draws the SVG: {tokens} tokens at {rate} per million, all of it a guess.")
    reason = reason.format(tokens=tokens, rate=price(rule.author_rate))
    return _line("svg_author", tokens, rule.author_rate, reason), tokens.high


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
    if _is_animation(request):
        doubts.append(_("How a GIF's frames are billed is not published."))
    if request.output_format == "svg":
        doubts.append(_("What the author of an SVG costs is not published; the price of it is a guess."))
    if request.markup is not None:
        doubts.append(_("What a markup layer costs is not published."))
    return doubts


def _is_animation(request: Request) -> bool:
    return request.output_format == "gif"


def _sent_sizes(request: Request) -> tuple[Size, ...]:
    """The sizes of the pictures billed as input, a markup layer last; a mask bills nothing."""
    sizes = tuple(picture.size for picture in request.images)
    return sizes if request.markup is None else (*sizes, request.markup.size)


def _line(part: Part, tokens: Span, rate: int, reason: str) -> Line:
    return Line(part=part, tokens=tokens, rate=rate, cost=tokens.at(rate), reason=reason)


def _sum(spans: Iterable[Span]) -> Span:
    total = Span.exact(0)
    for span in spans:
        total += span
    return total
