# SPDX-License-Identifier: GPL-3.0-or-later
"""One turn of a conversation about pictures: what is asked, whether it can be, what it will and did cost.

A text model hears the words, looks at the pictures and has an image model make a new one. Both bill their
tokens. What the text model reads and writes is known only afterwards, so that the price is a range here; the
reservation is a bound all the same, because what it may write and how often it may ask for a picture are
limits of the request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from . import cost, request
from .catalog import Model, TextModel, TextPrices
from .cost import Bill, Estimate, Line, Part, Span
from .errors import BadRequest, UnsupportedOption
from .learned import Learned
from .money import price
from .request import Picture, Request
from .shapes import Size
from .translation import _

__all__ = ["Before", "Made", "Said", "Turn", "bill", "check", "estimate"]

OUTPUT_TOKENS = 4_096
_OUTPUT_TOKENS_MIN, _OUTPUT_TOKENS_MAX = 256, 128_000
_TOKENS_PER_RATE = 1_000_000
# Before the picture is made and after it: each time the text model reads everything.
_READINGS = 2


@dataclass(frozen=True)
class Before:
    """The conversation so far, as far as the next turn reads it again.

    `response` is the service's id of the last turn, `pictures` are the sizes of all that were sent and made,
    the oldest first. `words` bounds the tokens of everything said, `tokens` those the last turn read and
    wrote.
    """

    response: str
    pictures: tuple[Size, ...]
    words: int
    tokens: int


@dataclass(frozen=True)
class Turn:
    """`request` is what the image model is to do, its model the image model. After another turn it may be an
    edit without a picture: that of the conversation is meant.

    The service keeps the conversation for 30 days or so, for turns to follow and for an answer to be fetched
    later. `in_background` lets it work on without a connection. `output_tokens_max` bounds what the text
    model writes, its thinking included; where it does not suffice no picture is made.
    """

    request: Request
    text_model: str
    before: Before | None = None
    in_background: bool = False
    output_tokens_max: int = OUTPUT_TOKENS

    @property
    def pictures(self) -> tuple[Size, ...]:
        """The sizes of all pictures that the models may look at, the oldest first."""
        known = self.before.pictures if self.before else ()
        return (*known, *(picture.size for picture in self.request.images))

    @property
    def words_after(self) -> int:
        """Of the conversation with this turn, the most tokens of text: all that was said and is now."""
        known = self.before.words if self.before else 0
        return known + _most_of_prompt(self) + self.output_tokens_max


@dataclass(frozen=True)
class Made:
    """The image model's tokens as the service counted them; the cached ones are among the others."""

    text_input: int
    image_input: int
    output: int
    text_cached: int = 0
    image_cached: int = 0


@dataclass(frozen=True)
class Said:
    """The text model's tokens as the service counted them; `cached` and `written` are parts of the input."""

    input: int
    output: int
    cached: int = 0
    written: int = 0


@dataclass(frozen=True)
class _Reading:
    """Tokens that the text model reads in all, and the most that it reads at a time."""

    tokens: Span
    most_at_once: int


def check(turn: Turn, model: Model, text_model: TextModel, today: date) -> None:
    """Refuse, before anything is sent, what the service would not take; costs nothing.

    Raises as request.check does.
    """
    asked = turn.request
    if "responses" not in model.endpoints:
        raise _unsupported(model.id, "Responses API", _("yes"), _("none"))
    if asked.n != 1:
        raise _unsupported(model.id, "n", asked.n, "1")
    if asked.partial_images:
        raise _unsupported(model.id, "partial_images", asked.partial_images, "0")
    if asked.markup is not None:
        raise _unsupported(model.id, "markup", asked.markup.name, _("none"))
    if not _OUTPUT_TOKENS_MIN <= turn.output_tokens_max <= _OUTPUT_TOKENS_MAX:
        allowed = f"{_OUTPUT_TOKENS_MIN} – {_OUTPUT_TOKENS_MAX}"
        raise _unsupported(text_model.id, "max_output_tokens", turn.output_tokens_max, allowed)
    continues = turn.before is not None and not asked.images
    request.check(replace(asked, kind="generate") if continues else asked, model, today)
    if _reading(turn, model, text_model).most_at_once > text_model.input_max:
        raise BadRequest(
            reason=_("the conversation has become too long for {model}").format(model=text_model.id)
        )


def estimate(turn: Turn, model: Model, text_model: TextModel, learned: Learned | None = None) -> Estimate:
    """The price of a turn: that of the same request at the Images API, with every picture of the conversation
    and with the words the text model may make of the prompt, and the text model's own tokens.

    Never exact. Not priced when one of the two models has no prices. Raises as cost.estimate does.
    """
    made = cost.estimate(_as_priced(turn), model, learned)
    prices = text_model.prices
    if not made.priced or prices is None or model.prices is None:
        unknown = _("The price of {model} is unknown.")
        reason = unknown.format(model=text_model.id) if made.priced else made.reason
        return replace(
            made, exact=False, priced=False, cost=Span.exact(0), reserve=0, lines=(), reason=reason
        )
    reading = _reading(turn, model, text_model)
    rates = prices.at(reading.most_at_once)
    lines = (
        *(_widened(line, turn, model) for line in made.lines),
        _reading_line(reading, prices, rates),
        _writing_line(turn, text_model, prices, rates),
    )
    total = Span.exact(0)
    for line in lines:
        total += line.cost
    doubts = (made.reason, _("What the text model reads and writes is known only afterwards."))
    return replace(
        made,
        exact=False,
        cost=total,
        reserve=made.reserve
        + _cost(turn.words_after, model.prices.text_input)
        + lines[-2].cost.high
        + lines[-1].cost.high,
        lines=lines,
        reason=" ".join(doubt for doubt in doubts if doubt),
    )


def bill(
    made: Made | None,
    said: Said | None,
    model: Model,
    text_model: TextModel,
    expected_made: int,
    expected_said: int,
) -> Bill:
    """The bill from what the service counted; a part that it did not count is billed as expected, in
    micro-dollars, and the whole is then not `from_usage`. A model without prices bills 0."""
    lines: list[tuple[str, int, int, int]] = []
    known = made is not None and said is not None
    if made is None:
        lines.append(("image_output", 0, 0, expected_made))
    elif model.prices is not None:
        prices = model.prices
        lines += [
            _counted("text_input", made.text_input - made.text_cached, prices.text_input),
            _counted("text_input", made.text_cached, prices.text_input_cached),
            _counted("image_input", made.image_input - made.image_cached, prices.image_input),
            _counted("image_input", made.image_cached, prices.image_input_cached),
            _counted("image_output", made.output, prices.image_output),
        ]
    if said is None:
        lines.append(("conversation_output", 0, 0, expected_said))
    elif text_model.prices is not None:
        rates = text_model.prices.at(said.input)
        lines += [
            _counted("conversation_input", said.input - said.cached - said.written, rates.input),
            _counted("conversation_input", said.cached, rates.input_cached),
            _counted("conversation_input", said.written, rates.cache_write),
            _counted("conversation_output", said.output, rates.output),
        ]
    shown = tuple(line for line in lines if line[1] or line[3])
    priced = model.prices is not None and text_model.prices is not None
    if not priced:
        return Bill(total=0, lines=(), from_usage=False)
    return Bill(total=sum(line[3] for line in shown), lines=shown, from_usage=known)


def _as_priced(turn: Turn) -> Request:
    """The request as the Images API would bill it, were every picture of the conversation sent with it."""
    pictures = tuple(Picture(size) for size in turn.pictures)
    return replace(turn.request, kind="edit" if pictures else "generate", images=pictures, mask=None)


def _widened(line: Line, turn: Turn, model: Model) -> Line:
    if line.part == "text_input":
        return _text_line(line, model, turn.words_after)
    if line.part == "image_input" and turn.before is not None:
        return _image_line(line, turn, model)
    return line


def _text_line(line: Line, model: Model, most: int) -> Line:
    """Passed on shortened, or with all that was ever said, at most."""
    likely = line.tokens.expected
    tokens = Span(min(likely, model.text.generation_overhead), likely, max(likely, most))
    reason = _("The prompt as the text model passes it on: {tokens} tokens at {rate} per million.")
    return replace(
        line,
        tokens=tokens,
        cost=tokens.at(line.rate),
        reason=reason.format(tokens=tokens, rate=price(line.rate)),
    )


def _image_line(line: Line, turn: Turn, model: Model) -> Line:
    """Which pictures of the conversation the image model looks at is the text model's choice."""
    counts = [cost.input_tokens(model, size) for size in turn.pictures]
    sent = sum(counts[len(counts) - len(turn.request.images) :]) if turn.request.images else 0
    tokens = Span(sent or min(counts), sent or counts[-1], line.tokens.high)
    if len(counts) == 1:
        reason = _("1 picture of the conversation: {tokens} tokens at {rate} per million.")
    else:
        reason = _("Up to {count} pictures of the conversation: {tokens} tokens at {rate} per million.")
    reason = reason.format(count=len(counts), tokens=tokens, rate=price(line.rate))
    return replace(line, tokens=tokens, cost=tokens.at(line.rate), reason=reason)


def _reading(turn: Turn, model: Model, text_model: TextModel) -> _Reading:
    """Low: the words alone, once. High: everything, before the picture is made and after."""
    guess = cost.prompt_tokens(turn.request.prompt, model.text.characters_per_token)
    hidden, picture = Span(*text_model.hidden_input), Span(*text_model.picture_input)
    new = len(turn.request.images)
    read_before = turn.before.tokens if turn.before else 0
    words_before = turn.before.words if turn.before else 0
    # After the picture is made it may be looked at as well.
    everything = (
        max(read_before, words_before + picture.high * len(turn.pictures))
        + hidden.high
        + _most_of_prompt(turn)
        + picture.high * (new + 1)
        + turn.output_tokens_max
    )
    tokens = Span(
        hidden.low + guess + picture.low * new,
        (read_before or hidden.expected) + guess + picture.expected * new,
        everything * _READINGS,
    )
    return _Reading(tokens, everything)


def _reading_line(reading: _Reading, prices: TextPrices, rates: TextPrices) -> Line:
    """At the low end everything is cached, at the high end everything is written into the cache."""
    span = reading.tokens
    reason = _("What the text model reads: {tokens} tokens at {rate} per million.")
    return Line(
        part="conversation_input",
        tokens=span,
        rate=prices.input,
        cost=Span(
            _cost(span.low, prices.input_cached),
            _cost(span.expected, prices.input),
            _cost(span.high, max(rates.input, rates.cache_write)),
        ),
        reason=reason.format(tokens=span, rate=price(prices.input)),
    )


def _writing_line(turn: Turn, text_model: TextModel, prices: TextPrices, rates: TextPrices) -> Line:
    likely = min(text_model.likely_output, turn.output_tokens_max)
    span = Span(min(1, likely), likely, turn.output_tokens_max)
    reason = _("What the text model writes: {tokens} tokens at {rate} per million.")
    return Line(
        part="conversation_output",
        tokens=span,
        rate=prices.output,
        cost=Span(
            _cost(span.low, prices.output),
            _cost(span.expected, prices.output),
            _cost(span.high, rates.output),
        ),
        reason=reason.format(tokens=span, rate=price(prices.output)),
    )


def _most_of_prompt(turn: Turn) -> int:
    """A token of a byte-level vocabulary is at least one byte."""
    return len(turn.request.prompt.encode("utf-8", "surrogatepass"))


def _counted(part: Part, tokens: int, rate: int) -> tuple[str, int, int, int]:
    return part, tokens, rate, _cost(tokens, rate)


def _cost(tokens: int, rate: int) -> int:
    """Rounded up to a micro-dollar."""
    return -(-tokens * rate // _TOKENS_PER_RATE)


def _unsupported(model: str, option: str, value: object, choices: str) -> UnsupportedOption:
    return UnsupportedOption(model=model, option=option, value=value, choices=choices)
