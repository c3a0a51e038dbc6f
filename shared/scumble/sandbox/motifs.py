# SPDX-License-Identifier: GPL-3.0-or-later
"""The surfaces the sandbox can paint: how each is divided, its noise, its colours and its light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..shapes import Size
from .layout import FACE, Courses, Masonry, Weave
from .noise import Dice, Octave
from .surfaces import (
    EDGE_PROFILE,
    EVERYWHERE,
    NOTHING,
    Stops,
    Surface,
    light,
    mixed,
    ramp,
    shade,
    steps,
    stretched,
    waves,
)
from .words import Colour, Reading


def surface(reading: Reading, size: Size, measure: int, dice: Dice) -> Surface:
    """The surface that a prompt's reading asks for; a few stones or boards lie along `measure` pixels."""
    return _MAKERS[reading.motif](reading, _Canvas(size, measure, dice))


@dataclass(frozen=True)
class _Canvas:
    size: Size
    measure: int
    dice: Dice

    def octave(self, across: float, down: float, share: int) -> Octave:
        """Knots counted over the measure."""
        width, height = self.size
        return Octave(
            max(3, round(across * width / self.measure)),
            max(3, round(down * height / self.measure)),
            share,
        )

    def octaves(self, *knots: tuple[float, int]) -> tuple[Octave, ...]:
        return tuple(self.octave(count, count, share) for count, share in knots)


def _named(reading: Reading, index: int, otherwise: Colour) -> Colour:
    return reading.colours[index] if len(reading.colours) > index else otherwise


def _masonry(
    canvas: _Canvas,
    masonry: Masonry,
    stone: Colour,
    joint: Colour,
    knots: tuple[tuple[float, int], ...],
    *,
    contrast: float = 0.3,
    edge_gain: float = 1.6,
    slope_gain: float = 0.7,
    noise: int = 118,
    even_joints: bool = False,
) -> Surface:
    """Courses with joints, stones of uneven tint and a rough face."""
    dark = shade(stone, 1 - contrast)
    face = shade(stone, 1 + contrast * 0.7)
    stops = (
        (0, shade(joint, 0.8)),
        (66, joint),
        (84, shade(stone, 0.5)),
        (FACE - 8, dark),
        (FACE + 52, stone),
        (FACE + 100, face),
    )
    return Surface(
        layout=Courses(masonry, canvas.size, canvas.measure, canvas.dice),
        broad=canvas.octaves(*knots),
        broad_depth=stretched(noise),
        fine=(),
        fine_depth=NOTHING,
        colours=ramp(stops, raised_below=84),
        faces=steps(84),
        profile=EDGE_PROFILE,
        edge_light=light(edge_gain),
        slope_light=light(slope_gain),
        grain=9,
        even_joints=even_joints,
    )


def _brick(reading: Reading, canvas: _Canvas) -> Surface:
    stone = mixed(_named(reading, 0, (158, 80, 60)), (158, 80, 60), 0.6)
    joint = reading.overgrown or _named(reading, 1, (186, 176, 160))
    masonry = Masonry(10, 2.3, 0.03, 0.5, 0.2, 0.1, 0.85)
    return _masonry(
        canvas, masonry, stone, joint, ((10, 5), (34, 3), (90, 2), (220, 2)), slope_gain=0.5, noise=100
    )


def _stone(reading: Reading, canvas: _Canvas) -> Surface:
    stone = _named(reading, 0, (146, 140, 128))
    joint = reading.overgrown or shade(stone, 0.42)
    masonry = Masonry(6, 1.35, 0.55, 0.0, 0.17, 0.3, 0.75)
    return _masonry(
        canvas, masonry, stone, joint, ((8, 5), (22, 4), (60, 3), (160, 2), (330, 1)), slope_gain=1.1
    )


def _tile(reading: Reading, canvas: _Canvas) -> Surface:
    stone = _named(reading, 0, (92, 138, 142))
    joint = _named(reading, 1, (222, 216, 204))
    masonry = Masonry(6, 1.0, 0.0, 0.0, 0.05, 0.06, 0.55)
    return _masonry(
        canvas,
        masonry,
        stone,
        joint,
        ((5, 5), (14, 3), (50, 1)),
        contrast=0.16,
        edge_gain=1.3,
        slope_gain=0.25,
        noise=44,
        even_joints=True,
    )


def _metal(reading: Reading, canvas: _Canvas) -> Surface:
    steel = _named(reading, 0, (150, 156, 162))
    stops = (
        (0, shade(steel, 0.2)),
        (70, shade(steel, 0.3)),
        (90, shade(steel, 0.7)),
        (FACE, shade(steel, 0.8)),
        (FACE + 60, steel),
        (FACE + 110, shade(steel, 1.45)),
    )
    plates = Masonry(2, 1.0, 0.0, 0.0, 0.02, 0.02, 0.3, rivets=True)
    return Surface(
        layout=Courses(plates, canvas.size, canvas.measure, canvas.dice),
        broad=(canvas.octave(3, 5, 6), canvas.octave(4, 40, 3)),
        broad_depth=stretched(56),
        fine=(canvas.octave(10, 260, 2), canvas.octave(22, 520, 3)),
        fine_depth=stretched(60),
        colours=ramp(stops, raised_below=90),
        faces=steps(90),
        profile=EDGE_PROFILE,
        edge_light=light(1.5),
        slope_light=None,
        grain=5,
        even_joints=True,
    )


def _wood(reading: Reading, canvas: _Canvas) -> Surface:
    wood = _named(reading, 0, (178, 128, 80))
    stops = (
        (0, shade(wood, 0.12)),
        (70, shade(wood, 0.2)),
        (96, shade(wood, 0.55)),
        (FACE, shade(wood, 0.7)),
        (FACE + 40, shade(wood, 0.92)),
        (FACE + 84, wood),
        (FACE + 120, shade(wood, 1.28)),
    )
    boards = Masonry(6, 7.0, 0.3, 0.0, 0.026, 0.0, 0.9)
    return Surface(
        layout=Courses(boards, canvas.size, canvas.measure, canvas.dice),
        broad=(canvas.octave(3, 14, 6), canvas.octave(5, 34, 1)),
        broad_depth=waves(66, 4.5, 0.8),
        fine=(canvas.octave(14, 240, 3), canvas.octave(40, 480, 2)),
        fine_depth=stretched(60),
        colours=ramp(stops, raised_below=96),
        faces=steps(96),
        profile=EDGE_PROFILE,
        edge_light=light(1.2),
        slope_light=None,
        grain=5,
        even_joints=True,
    )


def _fabric(reading: Reading, canvas: _Canvas) -> Surface:
    first = _named(reading, 0, shade(reading.unnamed[0], 1.3))
    second = _named(reading, 1, shade(first, 1.22))
    stops = (
        (0, shade(first, 0.22)),
        (50, shade(first, 0.72)),
        (126, shade(first, 1.2)),
        (128, shade(second, 0.22)),
        (178, shade(second, 0.72)),
        (254, shade(second, 1.2)),
    )
    return Surface(
        layout=Weave(44, canvas.size, canvas.measure, canvas.dice),
        broad=canvas.octaves((4, 3), (120, 3), (300, 3)),
        broad_depth=stretched(34),
        fine=(),
        fine_depth=NOTHING,
        colours=ramp(stops),
        faces=EVERYWHERE,
        profile=bytes(min(255, (depth % 128) * 2) for depth in range(256)),
        edge_light=light(1.3),
        slope_light=None,
        grain=10,
    )


def _plain(
    knots: tuple[Octave, ...],
    stops: Stops,
    *,
    depth: bytes,
    fine: tuple[Octave, ...] = (),
    fine_depth: bytes = NOTHING,
    slope_gain: float = 0.0,
    grain: int = 6,
    skew: int = 0,
) -> Surface:
    """A surface in one piece."""
    return Surface(
        layout=None,
        broad=knots,
        broad_depth=depth,
        fine=fine,
        fine_depth=fine_depth,
        colours=ramp(stops, raised_below=256),
        faces=NOTHING,
        profile=None,
        edge_light=NOTHING,
        slope_light=light(slope_gain) if slope_gain else None,
        grain=grain,
        skew=skew,
    )


def _marble(reading: Reading, canvas: _Canvas) -> Surface:
    base = _named(reading, 0, (232, 228, 220))
    stops: Stops
    if sum(base) > 500:
        vein = _named(reading, 1, shade(base, 0.5))
        stops = ((0, vein), (60, shade(base, 0.78)), (140, shade(base, 0.93)), (254, shade(base, 1.15)))
    else:
        vein = _named(reading, 1, shade(base, 1.7))
        stops = (
            (0, shade(vein, 1.3)),
            (40, vein),
            (84, mixed(vein, base, 0.3)),
            (140, base),
            (200, shade(base, 0.8)),
            (250, shade(base, 0.58)),
        )
    veins = bytes(round(150 * min(1.0, abs(value - 124) / 36) ** 0.42) for value in range(256))
    return _plain(
        canvas.octaves((3, 8), (7, 5), (16, 3), (40, 2), (110, 1)),
        stops,
        depth=veins,
        fine=canvas.octaves((5, 6), (13, 4), (34, 2), (90, 1)),
        fine_depth=bytes(
            min(100, round(100 * min(1.0, abs(value - 138) / 9) ** 0.6 * (0.6 + value / 640)))
            for value in range(256)
        ),
        grain=3,
        skew=1,
    )


def _moss(reading: Reading, canvas: _Canvas) -> Surface:
    green = _named(reading, 0, (96, 122, 48))
    stops = (
        (0, shade(green, 0.3)),
        (90, shade(green, 0.72)),
        (160, green),
        (254, shade(green, 1.35)),
    )
    return _plain(
        canvas.octaves((7, 5), (22, 6), (64, 6), (150, 6), (340, 4)),
        stops,
        depth=stretched(250, 2.6),
        slope_gain=1.5,
        grain=9,
    )


def _grass(reading: Reading, canvas: _Canvas) -> Surface:
    green = _named(reading, 0, (104, 138, 52))
    stops = (
        (0, shade(green, 0.22)),
        (80, shade(green, 0.62)),
        (160, green),
        (254, shade(green, 1.42)),
    )
    return _plain(
        (canvas.octave(6, 6, 1), canvas.octave(170, 26, 4), canvas.octave(340, 44, 3)),
        stops,
        depth=stretched(150, 2.4),
        fine=(canvas.octave(130, 18, 3), canvas.octave(290, 40, 2)),
        fine_depth=stretched(100, 2.4),
        slope_gain=1.4,
        grain=8,
    )


def _sky(reading: Reading, canvas: _Canvas) -> Surface:
    blue = _named(reading, 0, (92, 146, 206))
    stops = (
        (0, shade(blue, 0.82)),
        (96, blue),
        (150, shade(blue, 1.5)),
        (196, (240, 240, 240)),
        (254, (255, 254, 250)),
    )
    return _plain(
        tuple(
            canvas.octave(across, down, share)
            for across, down, share in ((3, 4, 9), (6, 9, 6), (13, 18, 4), (30, 36, 2), (70, 74, 1))
        ),
        stops,
        depth=stretched(254, 2.4),
        slope_gain=0.12,
        grain=3,
    )


def _ground(reading: Reading, canvas: _Canvas) -> Surface:
    sand = _named(reading, 0, (186, 158, 116))
    stops = ((0, shade(sand, 0.6)), (130, sand), (254, shade(sand, 1.3)))
    return _plain(
        canvas.octaves((6, 5), (18, 3), (50, 2), (150, 3), (420, 4)),
        stops,
        depth=stretched(250, 2.0),
        slope_gain=0.9,
        grain=12,
    )


def _water(reading: Reading, canvas: _Canvas) -> Surface:
    blue = _named(reading, 0, (52, 122, 138))
    stops = (
        (0, shade(blue, 0.6)),
        (120, blue),
        (190, shade(blue, 1.25)),
        (228, shade(blue, 1.55)),
        (254, (238, 248, 246)),
    )
    crests = bytes(round(140 * max(0.0, 1 - abs(value - 128) / 26) ** 2.2) for value in range(256))
    return _plain(
        canvas.octaves((5, 6), (12, 4), (26, 1)),
        stops,
        depth=crests,
        fine=canvas.octaves((4, 5), (11, 3), (24, 1)),
        fine_depth=stretched(112, 2.2),
        slope_gain=0.5,
        grain=3,
    )


def _plaster(reading: Reading, canvas: _Canvas) -> Surface:
    wall = _named(reading, 0, reading.unnamed[1])
    stops = ((0, shade(wall, 0.78)), (130, wall), (254, shade(wall, 1.25)))
    return _plain(
        canvas.octaves((4, 6), (11, 4), (40, 3), (110, 2), (300, 2)),
        stops,
        depth=stretched(250, 1.8),
        slope_gain=0.8,
        grain=6,
    )


def _agate(reading: Reading, canvas: _Canvas) -> Surface:
    named = reading.colours + reading.unnamed
    first, second = named[0], named[1]
    stops = (
        (0, shade(first, 0.5)),
        (60, first),
        (110, shade(first, 1.35)),
        (150, shade(second, 0.9)),
        (205, second),
        (254, shade(second, 1.55)),
    )
    return _plain(
        canvas.octaves((3, 10), (6, 6), (13, 2)),
        stops,
        depth=waves(214, 3.0),
        fine=(canvas.octave(40, 12, 2), canvas.octave(180, 60, 2)),
        fine_depth=stretched(40),
        slope_gain=0.6,
        grain=5,
    )


_MAKERS: dict[str, Callable[[Reading, _Canvas], Surface]] = {
    "brick": _brick,
    "wood": _wood,
    "tile": _tile,
    "stone": _stone,
    "moss": _moss,
    "grass": _grass,
    "metal": _metal,
    "fabric": _fabric,
    "marble": _marble,
    "sky": _sky,
    "ground": _ground,
    "water": _water,
    "plaster": _plaster,
    "agate": _agate,
}
