# SPDX-License-Identifier: GPL-3.0-or-later
"""SVGs written with the standard library: a picture as a mosaic of coloured tiles."""

from __future__ import annotations

from ..shapes import Size

_TILES_ALONG = 32


def drawn(size: Size, rgb: bytes) -> bytes:
    """An SVG of `size`; each tile has the colour of the picture's pixel in its middle.

    `rgb` has three bytes a pixel, rows from the top.
    """
    width, height = size
    edge = -(-size.longer // _TILES_ALONG)
    tiles = []
    for y in range(0, height, edge):
        for x in range(0, width, edge):
            middle = min(y + edge // 2, height - 1) * width + min(x + edge // 2, width - 1)
            colour = rgb[3 * middle : 3 * middle + 3].hex()
            tiles.append(f'<rect x="{x}" y="{y}" width="{edge}" height="{edge}" fill="#{colour}"/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    return "\n".join((f'{head} viewBox="0 0 {width} {height}">', *tiles, "</svg>\n")).encode("ascii")
