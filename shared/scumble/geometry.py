# SPDX-License-Identifier: GPL-3.0-or-later
"""From a canvas and a selection to the window that is sent, its request size, and the way back.

Pure integer and Fraction arithmetic: the same question has the same answer on every machine.

A plan is found in this order:

1. Detail chooses how often a canvas pixel is magnified (1, 2, 4 or 8 times); a window of a legal request
   size that is divided by that number exactly must hold the selection with its context.
2. Where no legal size is large enough, magnification is given up first, then context, down to 16 pixels;
   only then is the window reduced.
3. Among the sizes that hold what is needed: the fewest window pixels outside the canvas, the least
   elongated beyond 3:2 (or beyond the smallest of them), the cheapest, the smallest, the most like it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from .catalog import SizeRule
from .errors import NothingSelected
from .shapes import Padding, Rect, Size
from .translation import _

CONTEXTS = ("tight", "normal", "wide", "whole")
DETAILS = ("auto", "native", "magnified")

_MARGINS = {
    "tight": (32, Fraction(1, 8)),
    "normal": (64, Fraction(1, 2)),
    "wide": (128, Fraction(1)),
}
"""Context around the selection in request pixels: at least this many, or this share of its longer edge."""

_LEAST_MARGIN = 16
_SENSIBLE_RATIO = Fraction(3, 2)
_WELL_DRAWN_EDGE = 128
_LARGEST_MAGNIFICATION = 8


@dataclass(frozen=True)
class Plan:
    """What part of the canvas is sent, at which size, and how pixels correspond.

    `canvas` is in canvas pixels, as are `selection` (its part on the canvas), `window` (may reach beyond
    the canvas, then x or y may be negative) and `padding` (how far it does so on each side).
    `request_size` is in request pixels, legal for the model. `scale` is request pixels per canvas pixel
    across the width: 1, or exactly 2, 4 or 8 on both axes, or less than 1 with the two axes agreeing
    within half a canvas pixel over the whole window.
    """

    canvas: Size
    selection: Rect
    window: Rect
    request_size: Size
    scale: Fraction
    padding: Padding

    @property
    def reduced(self) -> bool:
        return self.scale < 1

    @property
    def magnified(self) -> bool:
        return self.scale > 1

    @property
    def padded(self) -> bool:
        return any(self.padding)

    @property
    def visible(self) -> Rect:
        """The part of the window that lies on the canvas."""
        return self.window.intersection(Rect(0, 0, *self.canvas))

    def to_request(self, rect: Rect) -> Rect:
        """The smallest rectangle of request pixels that covers a rectangle of canvas pixels."""
        left, right = _mapped(rect.x - self.window.x, rect.width, self.window.width, self.request_size.width)
        top, bottom = _mapped(
            rect.y - self.window.y, rect.height, self.window.height, self.request_size.height
        )
        return Rect.between(left, top, right, bottom)

    def to_canvas(self, rect: Rect) -> Rect:
        """The smallest rectangle of canvas pixels that covers a rectangle of request pixels."""
        left, right = _mapped(rect.x, rect.width, self.request_size.width, self.window.width)
        top, bottom = _mapped(rect.y, rect.height, self.request_size.height, self.window.height)
        return Rect.between(
            left + self.window.x, top + self.window.y, right + self.window.x, bottom + self.window.y
        )

    def describe(self) -> str:
        """What will be sent, in one translated line: "992 x 672 at 1:1"."""
        width, height = self.request_size
        if self.reduced:
            text = _("{width} x {height}, reduced to {percent} %")
            text = text.format(width=width, height=height, percent=min(99, round(self.scale * 100)))
        elif self.magnified:
            text = _("{width} x {height}, magnified {times} times")
            text = text.format(width=width, height=height, times=self.scale)
        else:
            text = _("{width} x {height} at 1:1").format(width=width, height=height)
        across = self.padding.left + self.padding.right
        down = self.padding.top + self.padding.bottom
        if across and down:
            padded = _("{plan}, padded by {across} x {down} px beyond the canvas")
            return padded.format(plan=text, across=across, down=down)
        if self.padded:
            padded = _("{plan}, padded by {pixels} px beyond the canvas")
            return padded.format(plan=text, pixels=across + down)
        return text


def plan(
    canvas: Size,
    selection: Rect,
    sizes: SizeRule,
    price: Callable[[Size], int],
    context: str = "normal",
    detail: str = "auto",
) -> Plan:
    """The window for changing a selection, and the request size for it.

    `selection` is in canvas pixels and is clipped to the canvas. `price` gives the micro-dollars of a
    request size and is asked about a hundred times at most. The choice is the cheapest for output tokens;
    with input tokens in the price it was up to 3.5 % above the cheapest of all sizes, in 26 of 600 trials.
    `context` is one of CONTEXTS: how much around the selection the model must see. `detail` is one of
    DETAILS: "auto" magnifies below 128 pixels, "native" never, "magnified" at least twice where that fits.

    Raises NothingSelected when no pixel of the selection is on the canvas, ValueError for an unknown
    context or detail.
    """
    if context not in CONTEXTS:
        raise ValueError(f"unknown context: {context!r}")
    if detail not in DETAILS:
        raise ValueError(f"unknown detail: {detail!r}")
    selected = selection.intersection(Rect(0, 0, *canvas))
    if not selected.size.area:
        raise NothingSelected()
    for magnification, whole_context in _attempts(selected.size.longer, detail):
        fit = _Fit(canvas, selected, sizes, magnification)
        margin = fit.margin(context) if whole_context else fit.largest_margin(fit.margin(context))
        if fit.holds(margin):
            request_size = fit.best_size(margin, price)
            window_size = Size(*(edge // magnification for edge in request_size))
            return _placed(canvas, selected, window_size, request_size)
    core = _expanded(selected, _LEAST_MARGIN, canvas)
    request_size, window_size = _reduction(core.size, sizes, price)
    return _placed(canvas, selected, window_size, request_size)


def whole(canvas: Size, sizes: SizeRule, price: Callable[[Size], int], detail: str = "auto") -> Plan:
    """The request for everything on a canvas: at scale 1 where it fits, reduced where not.

    A canvas with fewer pixels than the smallest legal request is magnified 2, 4 or 8 times by the detail
    "auto" or "magnified": padding it would let the model paint mostly where nobody looks. "native" pads.

    Raises NothingSelected for an empty canvas, ValueError for an unknown detail.
    """
    if detail not in DETAILS:
        raise ValueError(f"unknown detail: {detail!r}")
    times = 1
    while (
        detail != "native"
        and times < _LARGEST_MAGNIFICATION
        and canvas.area * times**2 < sizes.min_pixels
        and canvas.longer * times * 2 <= sizes.max_edge
    ):
        times *= 2
    magnified = Size(canvas.width * times, canvas.height * times)
    found = plan(magnified, Rect(0, 0, *magnified), sizes, price, context="whole", detail="native")
    if times == 1:
        return found
    if found.scale != 1 or found.request_size.width % times or found.request_size.height % times:
        return whole(canvas, sizes, price, "native")
    window = Size(found.request_size.width // times, found.request_size.height // times)
    return _placed(canvas, Rect(0, 0, *canvas), window, found.request_size)


def _attempts(longer: int, detail: str) -> Iterator[tuple[int, bool]]:
    """(magnification, with all the context asked for) in the order of preference."""
    least = 2 if detail == "magnified" else 1
    wanted = least
    while detail != "native" and wanted < _LARGEST_MAGNIFICATION and longer * wanted < _WELL_DRAWN_EDGE:
        wanted *= 2
    while wanted >= least:
        yield wanted, True
        wanted //= 2
    while least:
        yield least, False
        least //= 2


@dataclass(frozen=True)
class _Fit:
    """The search for a request size at one magnification."""

    canvas: Size
    selected: Rect
    sizes: SizeRule
    magnification: int

    @property
    def step(self) -> int:
        """Request edges that are legal and stand for whole canvas pixels are multiples of this."""
        return lcm(self.sizes.multiple_of, self.magnification)

    @property
    def room(self) -> Size:
        """The whole canvas in request pixels."""
        return Size(self.canvas.width * self.magnification, self.canvas.height * self.magnification)

    @property
    def fixed(self) -> list[Size]:
        """The sizes of a model that has only those, as far as they stand for whole canvas pixels."""
        times = self.magnification
        return [size for size in self.sizes.fixed if not (size.width % times or size.height % times)]

    def margin(self, context: str) -> int:
        """The margin of a context in canvas pixels."""
        if context == "whole":
            return self.canvas.longer
        least, share = _MARGINS[context]
        edge = self.selected.size.longer * self.magnification
        return _divided_up(max(least, -int(-edge * share // 1)), self.magnification)

    def needed(self, margin: int) -> Size:
        """Request pixels that the selection and its context take.

        Where the canvas is not a multiple of the step and context would reach across all of it, the last
        pixels of context, fewer than one step, are given up: they would cost padding.
        """
        least = _divided_up(_LEAST_MARGIN, self.magnification)
        core = _expanded(self.selected, least, self.canvas).size
        held = _expanded(self.selected, max(margin, least), self.canvas).size
        step = 1 if self.sizes.fixed else self.step // self.magnification
        width = min(held.width, max(core.width, _stepped_down(self.canvas.width, step)))
        height = min(held.height, max(core.height, _stepped_down(self.canvas.height, step)))
        return Size(width * self.magnification, height * self.magnification)

    def holds(self, margin: int) -> bool:
        """Whether a legal size is large enough."""
        needed = self.needed(margin)
        if self.sizes.fixed:
            return any(_outside(needed, size) == 0 for size in self.fixed)
        longer = _stepped_up(needed.longer, self.step)
        shorter = _stepped_up(max(needed.shorter, _divided_up(longer, self.sizes.max_ratio)), self.step)
        return longer <= self.sizes.max_edge and longer * shorter <= self.sizes.max_pixels

    def largest_margin(self, most: int) -> int:
        """The largest margin up to `most` that a legal size can hold, 0 when there is none."""
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if self.holds(middle):
                low = middle
            else:
                high = middle - 1
        return low

    def best_size(self, margin: int, price: Callable[[Size], int]) -> Size:
        """The size to ask for, by the order of preference in the module's docstring."""
        needed = self.needed(margin)
        tightest = Fraction(_stepped_up(needed.longer, self.step), _stepped_up(needed.shorter, self.step))
        sensible = max(_SENSIBLE_RATIO, tightest)
        if self.sizes.fixed:
            found = [size for size in self.fixed if _outside(needed, size) == 0]
        else:
            found = list(self._free_sizes(needed, sensible))
        outside = [_outside(size, self.room) for size in found]
        fewest = min(outside)
        found = [size for size, count in zip(found, outside, strict=True) if count == fewest]
        found = _least_elongated(found, sensible)
        if not self.sizes.fixed:
            found = _worth_pricing(found, needed)
        return min(found, key=lambda size: (price(size), size.area, _unlikeness(size, needed)))

    def _free_sizes(self, needed: Size, sensible: Fraction) -> Iterator[Size]:
        """For each longer edge, lying and standing, the one shorter edge that can be the best.

        The smallest has the fewest pixels outside the canvas and the lowest price; a larger one is only
        better where it stays on the canvas and is less elongated.
        """
        rule, step, room = self.sizes, self.step, self.room
        for standing in (False, True):
            needed_shorter = needed.width if standing else needed.height
            room_longer, room_shorter = (room.height, room.width) if standing else room
            for longer in range(_stepped_up(needed.longer, step), rule.max_edge + 1, step):
                legal = max(_divided_up(rule.min_pixels, longer), _divided_up(longer, rule.max_ratio))
                smallest = _stepped_up(max(needed_shorter, legal), step)
                largest = min(longer, _stepped_down(rule.max_pixels // longer, step))
                if smallest > largest:
                    continue
                shorter = smallest
                if longer <= room_longer and smallest <= room_shorter:
                    unelongated = _stepped_up(
                        _divided_up(longer * sensible.denominator, sensible.numerator), step
                    )
                    shorter = max(smallest, min(unelongated, largest, _stepped_down(room_shorter, step)))
                yield Size(shorter, longer) if standing else Size(longer, shorter)


def _least_elongated(found: list[Size], sensible: Fraction) -> list[Size]:
    """Those within the sensible ratio, or when there are none, those closest to it."""
    within = [
        size for size in found if size.longer * sensible.denominator <= size.shorter * sensible.numerator
    ]
    if within:
        return within
    least = min(Fraction(size.longer, size.shorter) for size in found)
    return [size for size in found if size.longer * least.denominator == size.shorter * least.numerator]


def _worth_pricing(found: list[Size], needed: Size) -> list[Size]:
    """About a hundred sizes at most, the cheapest for output tokens among them.

    Output tokens are factor * round(factor * shorter / longer) * (2,000,000 + area) / 4,000,000
    (openai-images.md section 3): the same for mirror images, and falling with neither area nor squareness,
    so the cheapest for output alone is never larger and squarer than another. Input tokens disturb that
    order a little, so the lowest by the unrounded formula are added.
    """
    likest_last = sorted(found, key=lambda size: _unlikeness(size, needed), reverse=True)
    alike = {(size.area, size.shorter): size for size in likest_last}
    kept: list[Size] = []
    for _key, size in sorted(alike.items()):
        if not kept or size.longer * kept[-1].shorter > kept[-1].longer * size.shorter:
            kept.append(size)

    def unrounded(size: Size) -> tuple[Fraction, Size]:
        return Fraction(size.shorter * (2_000_000 + size.area), size.longer), size

    lowest = sorted(alike.values(), key=unrounded)
    return list(dict.fromkeys(kept + lowest[:32]))


def _reduction(needed: Size, sizes: SizeRule, price: Callable[[Size], int]) -> tuple[Size, Size]:
    """(request size, window size) that keep the most pixels of something too large for any legal size."""
    found = list(sizes.fixed) or list(_reducing_sizes(needed, sizes))

    def kept(size: Size) -> int:
        return min(size.width * needed.height, size.height * needed.width)

    most = max(kept(size) for size in found)
    request_size = min(
        (size for size in found if kept(size) == most),
        key=lambda size: (price(size), size.area, _unlikeness(size, needed)),
    )
    across, down = request_size
    width = max(needed.width, _divided_up(across * needed.height, down))
    return request_size, Size(width, (2 * down * width + across) // (2 * across))


def _reducing_sizes(needed: Size, rule: SizeRule) -> Iterator[Size]:
    """For each width the smallest height that keeps as much as the width does, or the largest legal one."""
    step = rule.multiple_of
    for width in range(step, rule.max_edge + 1, step):
        smallest = max(_divided_up(rule.min_pixels, width), _divided_up(width, rule.max_ratio))
        largest = min(rule.max_edge, rule.max_pixels // width, width * rule.max_ratio)
        smallest, largest = _stepped_up(smallest, step), _stepped_down(largest, step)
        if smallest <= largest:
            alike = _stepped_up(_divided_up(width * needed.height, needed.width), step)
            yield Size(width, max(smallest, min(alike, largest)))


def _placed(canvas: Size, selected: Rect, window_size: Size, request_size: Size) -> Plan:
    window = Rect(
        _start(selected.x, selected.right, window_size.width, canvas.width),
        _start(selected.y, selected.bottom, window_size.height, canvas.height),
        *window_size,
    )
    padding = Padding(
        max(0, -window.x),
        max(0, -window.y),
        max(0, window.right - canvas.width),
        max(0, window.bottom - canvas.height),
    )
    scale = Fraction(request_size.width, window_size.width)
    return Plan(canvas, selected, window, request_size, scale, padding)


def _start(low: int, high: int, length: int, extent: int) -> int:
    """Where a window of `length` begins: centred on low..high, but on the canvas as far as it fits there."""
    if length >= extent:
        return -((length - extent) // 2)
    return min(max(0, (low + high - length) // 2), extent - length)


def _mapped(start: int, length: int, from_extent: int, to_extent: int) -> tuple[int, int]:
    """The first pixel and the one after the last that cover start .. start + length - 1."""
    return start * to_extent // from_extent, _divided_up((start + length) * to_extent, from_extent)


def _expanded(rect: Rect, margin: int, canvas: Size) -> Rect:
    around = Rect.between(rect.x - margin, rect.y - margin, rect.right + margin, rect.bottom + margin)
    return around.intersection(Rect(0, 0, *canvas))


def _outside(size: Size, room: Size) -> int:
    """Pixels of a size that another has no place for."""
    return size.area - min(size.width, room.width) * min(size.height, room.height)


def _unlikeness(size: Size, needed: Size) -> tuple[int, int]:
    """How different two shapes are; between a size and its mirror image the lying one comes first."""
    return abs(size.width * needed.height - size.height * needed.width), -size.width


def _divided_up(value: int, divisor: int) -> int:
    return -(-value // divisor)


def _stepped_up(value: int, step: int) -> int:
    return _divided_up(value, step) * step


def _stepped_down(value: int, step: int) -> int:
    return value - value % step
