# SPDX-License-Identifier: GPL-3.0-or-later
"""What a prompt's words say of motif and colours; where they say nothing, its digest decides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

Colour = tuple[int, int, int]
_Key = TypeVar("_Key", str, Colour)

_MOTIFS = {
    "brick": "brick bricks 벽돌",
    "wood": "wood wooden plank planks timber parquet floorboard floorboards board boards bark 나무 목재 마루",
    "tile": "tile tiles tiled mosaic checkerboard 타일",
    "stone": "stone stones slab slabs rock rocks cobble cobbles cobblestone cobblestones paving flagstone"
    " pebble pebbles 돌 바위 석재",
    "moss": "moss mossy foliage leaf leaves hedge ivy 이끼 나뭇잎",
    "grass": "grass lawn meadow field straw hay fur 잔디 풀",
    "metal": "metal metallic steel iron aluminium aluminum copper brass bronze chrome rust rusty rusted"
    " 금속 강철 구리",
    "fabric": "fabric weave woven cloth linen canvas cotton wool knit knitted textile carpet denim wicker"
    " 천 직물 옷감",
    "marble": "marble marbled onyx granite quartz 대리석",
    "sky": "sky cloud clouds cloudy heaven fog smoke 하늘 구름",
    "ground": "sand sandy soil earth dirt mud ground gravel snow concrete asphalt 모래 흙 눈",
    "water": "water sea ocean lake river pool ripple ripples wave waves 물 바다",
    "plaster": "plaster stucco wall paper parchment leather clay ceramic 벽 가죽 종이",
}
_UNNAMED = ("agate", "agate", "agate", "marble")

_COLOURS = {
    "red 빨간 빨강 붉은": (178, 48, 40),
    "crimson scarlet ruby": (158, 28, 48),
    "orange 주황": (222, 122, 44),
    "amber honey": (214, 148, 56),
    "yellow 노란 노랑": (228, 192, 70),
    "gold golden brass 금색 황금": (206, 164, 72),
    "green 초록 녹색": (92, 132, 62),
    "emerald": (34, 128, 92),
    "lime": (150, 188, 66),
    "olive khaki": (122, 118, 62),
    "teal": (40, 124, 124),
    "turquoise cyan aqua": (72, 172, 172),
    "blue 파란 파랑 푸른": (58, 104, 172),
    "navy indigo denim": (44, 58, 108),
    "azure": (92, 152, 214),
    "purple violet lavender 보라": (122, 82, 152),
    "magenta": (176, 58, 128),
    "pink rose 분홍": (218, 142, 152),
    "brown chocolate leather 갈색": (116, 78, 52),
    "oak": (186, 140, 88),
    "walnut": (98, 66, 46),
    "pine birch maple": (214, 176, 122),
    "mahogany cherry": (132, 62, 44),
    "chestnut teak": (152, 94, 56),
    "tan beige linen canvas jute": (206, 180, 142),
    "cream ivory": (236, 224, 196),
    "white snow 하얀 흰": (236, 234, 228),
    "black ebony onyx 검은": (48, 46, 48),
    "charcoal slate asphalt": (82, 86, 94),
    "gray grey concrete 회색": (142, 142, 140),
    "silver chrome aluminium aluminum 은색": (184, 188, 194),
    "copper 구리": (190, 112, 72),
    "bronze": (150, 110, 64),
    "rust rusty rusted terracotta": (166, 88, 52),
}
_PLEASANT: tuple[tuple[Colour, Colour], ...] = (
    ((52, 96, 124), (226, 184, 122)),
    ((146, 78, 62), (232, 206, 164)),
    ((78, 108, 86), (222, 212, 172)),
    ((96, 78, 118), (226, 178, 160)),
    ((64, 84, 112), (196, 210, 206)),
    ((158, 110, 60), (96, 124, 122)),
    ((122, 58, 72), (214, 190, 158)),
    ((60, 118, 112), (238, 218, 176)),
)


@dataclass(frozen=True)
class Reading:
    """A motif's name, the colours named in the order they are named, and colours for where none is.

    `overgrown` is whether moss or rust is said of something else.
    """

    motif: str
    colours: tuple[Colour, ...]
    unnamed: tuple[Colour, Colour]
    overgrown: Colour | None


def read(prompt: str) -> Reading:
    """The first motif named, and every colour."""
    text = prompt.lower()
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    motif = first = _UNNAMED[digest[0] % len(_UNNAMED)]
    named = [name for _place, name in sorted(_found(text, _MOTIFS))]
    if named:
        motif = first = named[0]
        if first == "moss" and len(named) > 1 and re.search(r"\bmossy\b", text):
            motif = named[1]
    colours = tuple(colour for _place, colour in sorted(_found(text, _COLOUR_WORDS)))
    overgrown = (92, 112, 48) if "moss" in named and motif != "moss" else None
    return Reading(motif, colours, _PLEASANT[digest[1] % len(_PLEASANT)], overgrown)


def _found(text: str, table: Mapping[_Key, str]) -> list[tuple[int, _Key]]:
    """(place, key) of each key with a word in the text: English words whole, Korean ones within a word."""
    found = []
    for key, words in table.items():
        alternatives = "|".join(rf"\b{word}\b" if word.isascii() else word for word in words.split())
        match = re.search(alternatives, text)
        if match:
            found.append((match.start(), key))
    return found


_COLOUR_WORDS = {colour: words for words, colour in _COLOURS.items()}
