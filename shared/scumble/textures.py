# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures from words: what a prompt must add so that the picture can be laid side by side."""

from __future__ import annotations

SEAMLESS_HINT = (
    "A seamless, tileable texture seen straight from above, filling the whole picture: left and right edges"
    " continue into each other, and so do top and bottom. Flat, even light without shadows, highlights or"
    " vignette. The same scale everywhere; no border, no text, no single object that stands out."
)
"""English for every user: it is for the model, and not shown."""


def seamless_prompt(prompt: str) -> str:
    """The prompt of a texture with the hint after it.

    A prompt that has the hint already stays as it is, so a stored one can be used again. An empty one
    stays empty: there is nothing to ask for.
    """
    words = prompt.strip()
    if not words or words.endswith(SEAMLESS_HINT):
        return words
    return f"{words}\n\n{SEAMLESS_HINT}"
