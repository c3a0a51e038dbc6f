# SPDX-License-Identifier: GPL-3.0-or-later
"""Every live model x quality x 40 sizes x n x references against arithmetic of its own.

The formulas are those of facts/models.json, written down here once more and in other words: fractions instead
of whole numbers, and constants instead of the catalogue. An error in either side shows as a difference.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import product
from math import ceil, floor

import pytest

from scumble.catalog import Model, load
from scumble.cost import Span, estimate, output_tokens
from scumble.request import Picture, Request
from scumble.shapes import Size

CATALOG = load()
TODAY = date(2026, 11, 22)
LIVE = CATALOG.live(TODAY)
PROMPT = "a small red door with an iron handle"  # 36 characters: 9 tokens
COUNTS = (1, 2, 5, 10)
REFERENCES: tuple[tuple[str, ...], ...] = (
    (),
    ("512x512",),
    ("1024x1024", "1536x1024"),
    ("4000x3000", "300x200", "1x1", "3000x200"),
)

# Dollars per million tokens: text in, pictures in, pictures out.
RATES = {
    "gpt-image-2": (5, 8, 30),
    "gpt-image-2.5-flare": (5, 8, 30),
    "gpt-image-2.5-sunburst": (5, 8, 30),
    "gpt-image-2.6-flare": (5, 8, 30),
    "gpt-image-2.6-sunburst": (5, 8, 30),
    "gpt-image-1.5": (5, 8, 32),
    "chatgpt-image-latest": (5, 8, 32),
    "gpt-image-1-mini": (2, Fraction("2.5"), 8),
}
FACTORS = {
    "gpt-image-2": {"low": 16, "medium": 48, "high": 96},
    "gpt-image-2.5": {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96},
}
# Of 2.6 three counts are measured; these are the ends of what they, and the ratios to 2.5, leave open.
RANGES_2_6 = {"low": (27, 36), "medium": (41, 50), "high": (47, 50), "xhigh": (62, 67), "max": (93, 100)}
TABLE = {
    "1024x1024": {"low": 272, "medium": 1056, "high": 4160},
    "1024x1536": {"low": 408, "medium": 1584, "high": 6240},
    "1536x1024": {"low": 400, "medium": 1568, "high": 6208},
}


def forty_sizes() -> list[str]:
    """Legal for the models with free sizes: the usual ones, the corners of the rule, and a spread between."""
    sizes = [
        "1024x1024", "1536x1024", "1024x1536", "2048x2048", "3840x2160", "2160x3840", "2880x2880",
        "3840x1280", "1280x3840", "816x816", "640x1024", "1024x640", "992x672", "672x992", "1408x480",
        "480x1408",
    ]  # fmt: skip
    width, height = 832, 800
    while len(sizes) < 40:
        sizes.append(f"{width}x{height}")
        width, height = width + 80, height + 48 if len(sizes) % 3 else height - 16
        if width * height > 8_294_400 or width > 3840:
            width, height = 848, 1600
    return sizes


SIZES = forty_sizes()


def grid_tokens(size: str, factor: int) -> int:
    """ceil(f * s * (2,000,000 + W * H) / 4,000,000), with s = f * S / L rounded half up."""
    width, height = (int(part) for part in size.split("x"))
    cells = floor(Fraction(factor * min(width, height), max(width, height)) + Fraction(1, 2))
    return ceil(Fraction(factor * cells * (2_000_000 + width * height), 4_000_000))


def made(model: str, size: str, quality: str) -> tuple[int, int]:
    """The fewest and the most tokens of one picture, by its family's rule."""
    if model in ("gpt-image-1.5", "chatgpt-image-latest", "gpt-image-1-mini"):
        tokens = TABLE[size][quality]
        return tokens, tokens
    if model.startswith("gpt-image-2.6"):
        low, high = RANGES_2_6[quality]
        return grid_tokens(size, low), grid_tokens(size, high)
    factor = FACTORS["gpt-image-2.5" if "2.5" in model else "gpt-image-2"][quality]
    return grid_tokens(size, factor), grid_tokens(size, factor)


def sent_by_patches(size: str) -> int:
    """Patches of 32 after doubling small pictures up to 1024, at most 1536 by shrinking to whole patches."""
    width, height = (Fraction(part) for part in size.split("x"))
    if max(width, height) < 1024:
        factor = min(Fraction(2), 1024 / max(width, height))
        width, height = width * factor, height * factor
    patches = max(1, ceil(width / 32)) * max(1, ceil(height / 32))
    if patches <= 1536:
        return patches
    # The guide shrinks so that one edge is a whole number of patches, the other as long as the shape allows.
    across = isqrt_of(1536 * width / height)
    down = isqrt_of(1536 * height / width)
    shrunk_across, shrunk_down = max(1, across), max(1, down)
    exact_across, exact_down = 1536 * width / height, 1536 * height / width
    if Fraction(shrunk_across**2) / exact_across <= Fraction(shrunk_down**2) / exact_down:
        ratio = Fraction(32 * shrunk_across) / width
    else:
        ratio = Fraction(32 * shrunk_down) / height
    best = max(1, ceil(Fraction(floor(width * ratio), 32))) * max(
        1, ceil(Fraction(floor(height * ratio), 32))
    )
    return min(1536, best)


def sent_by_tiles(size: str) -> int:
    """Into 2048 x 2048, then the shorter edge to 512: tiles of 512 at 129 tokens, and 65 for the picture."""
    width, height = (Fraction(part) for part in size.split("x"))
    fit = min(Fraction(1), 2048 / max(width, height))
    shorter = 512 / min(width * fit, height * fit)
    return 65 + 129 * ceil(width * fit * shorter / 512) * ceil(height * fit * shorter / 512)


def isqrt_of(value: Fraction) -> int:
    """The whole part of a root, by trying."""
    root = 0
    while (root + 1) ** 2 <= value:
        root += 1
    return root


def micro_dollars(tokens: int, rate: int | Fraction) -> int:
    """Dollars per million tokens are micro-dollars per token."""
    return ceil(tokens * Fraction(rate))


def sizes_of(model: Model) -> list[str]:
    return list(TABLE) if model.sizes.fixed else SIZES


def test_the_sizes_are_forty_and_different_and_legal() -> None:
    """Or the table would be smaller than it says."""
    assert len(set(SIZES)) == 40
    free = [model for model in LIVE if not model.sizes.fixed]
    assert len(free) == 5 and all(model.sizes.legal(Size.parse(size)) for model in free for size in SIZES)
    assert {model.id for model in LIVE} == set(RATES)


@pytest.mark.parametrize("model", LIVE, ids=lambda model: model.id)
def test_every_estimate_is_what_the_formulas_say(model: Model) -> None:
    """Exact to the micro-dollar where the rule is known; else a range around it that says why."""
    text_rate, sent_rate, made_rate = RATES[model.id]
    checked = 0
    for size, quality, n, references in product(sizes_of(model), model.qualities, COUNTS, REFERENCES):
        pictures = tuple(Picture(Size.parse(each)) for each in references)
        request = Request(
            "edit" if references else "generate",
            model.id,
            PROMPT,
            Size.parse(size),
            quality,
            n,
            images=pictures,
        )
        found = estimate(request, model)
        by_part = {line.part: line for line in found.lines}
        low, high = made(model.id, size, quality)
        span = by_part["image_output"].tokens
        sent_tokens = sent_by_tiles if model.sizes.fixed else sent_by_patches
        sent = micro_dollars(sum(sent_tokens(each) for each in references) * n, sent_rate)
        if references:
            assert by_part["image_input"].cost == Span.exact(sent)
        text = by_part["text_input"].cost.expected
        if not model.sizes.fixed:
            overhead = 7 if references else 6
            assert text == micro_dollars((9 + overhead) * n, text_rate)
        else:
            # What the older ones add to an edit's text is known only as 15 to 32 a picture, or more.
            assert text == micro_dollars((9 + (32 * len(references) or 6)) * n, text_rate)
        assert found.cost.low == micro_dollars(low * n, made_rate) + sent + text
        if "2.6" in model.id:
            assert (span.low, span.high) == (low * n, high * n)
            assert found.cost.low < found.cost.expected < found.cost.high and not found.exact
            assert found.cost.high == micro_dollars(high * n, made_rate) + sent + text
            assert "not published" in found.reason
        elif not model.sizes.fixed:
            assert found.exact and found.cost.is_exact and found.reason == ""
            assert span == Span.exact(low * n)
        assert 0 < found.cost.low <= found.cost.expected <= found.cost.high <= found.reserve
        checked += 1
    assert checked == len(sizes_of(model)) * len(model.qualities) * len(COUNTS) * len(REFERENCES)


@pytest.mark.parametrize("model", LIVE, ids=lambda model: model.id)
@pytest.mark.parametrize("n", COUNTS)
def test_what_is_left_to_the_model_is_a_range_over_what_it_may_choose(model: Model, n: int) -> None:
    """`auto` for the quality, at each size: from the cheapest quality to the dearest."""
    for size in sizes_of(model):
        found = estimate(Request("generate", model.id, "", Size.parse(size), "auto", n), model)
        ends = [end for quality in model.qualities for end in made(model.id, size, quality)]
        rate = RATES[model.id][2]
        assert found.cost.low == micro_dollars(min(ends) * n, rate)
        assert found.cost.high >= micro_dollars(max(ends) * n, rate)
        assert not found.exact and "chooses the quality" in found.reason
        assert output_tokens(model, Size.parse(size), "auto").low == min(ends)
