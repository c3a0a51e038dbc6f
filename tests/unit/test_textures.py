# SPDX-License-Identifier: GPL-3.0-or-later
"""What the prompt of a texture gets added."""

from __future__ import annotations

from scumble.textures import SEAMLESS_HINT, seamless_prompt


def test_the_user_s_words_come_first() -> None:
    """The hint follows what was asked for, which stays word for word."""
    assert seamless_prompt("  weathered oak planks\n") == f"weathered oak planks\n\n{SEAMLESS_HINT}"


def test_the_hint_asks_for_what_a_tile_needs() -> None:
    """Seamless, tileable, evenly lit: the three things without which the joints show."""
    for words in ("seamless", "tileable", "even light", "without shadows"):
        assert words in SEAMLESS_HINT


def test_a_stored_prompt_is_not_hinted_twice() -> None:
    """A prompt taken from the results, hint included, can be sent again as it is."""
    once = seamless_prompt("mossy bricks")
    assert seamless_prompt(once) == once


def test_the_words_decide_even_when_they_mention_seams() -> None:
    """Only the hint itself counts as the hint."""
    assert seamless_prompt("a seamless, tileable fabric").endswith(SEAMLESS_HINT)


def test_no_words_stay_no_words() -> None:
    """An empty prompt must still be refused as empty, not sent as a hint about nothing."""
    assert seamless_prompt(" \n") == ""
