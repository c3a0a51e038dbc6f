# SPDX-License-Identifier: GPL-3.0-or-later
"""The library's own messages, in the language that a host chooses."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from scumble import translation
from scumble.errors import Stopped, UnknownModel
from scumble.translation import N_, _, use_language


def write_catalogue(path: Path, messages: dict[str, str]) -> None:
    """A .mo file, as gettext's manual describes it."""
    messages = {"": "Content-Type: text/plain; charset=UTF-8\n", **messages}
    pairs = sorted((key.encode(), value.encode()) for key, value in messages.items())
    keys_at, values_at = 28, 28 + 8 * len(pairs)
    tables, texts, position = {0: b"", 1: b""}, b"", values_at + 8 * len(pairs)
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack("<II", len(pair[side]), position)
            texts += pair[side] + b"\0"
            position += len(pair[side]) + 1
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), keys_at, values_at, 0, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(head + tables[0] + tables[1] + texts)


@pytest.fixture(autouse=True)
def locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue of two messages in Korean; English again afterwards."""
    write_catalogue(
        tmp_path / "locale" / "ko" / "LC_MESSAGES" / "scumble.mo",
        {"Stopped.": "멈췄습니다.", "Choose one of: {choices}.": "다음 가운데 고르세요: {choices}."},
    )
    monkeypatch.setattr(translation, "_LOCALE", tmp_path / "locale")
    yield
    use_language("en")


@pytest.mark.parametrize("language", ["ko", "ko_KR", "ko_KR.UTF-8"])
def test_a_chosen_language_is_spoken(language: str) -> None:
    """Also where the region or the encoding is named with it."""
    use_language(language)
    assert _("Stopped.") == "멈췄습니다."


def test_the_language_can_change_while_a_program_runs() -> None:
    """An error made before speaks the new one: its words are chosen when they are read."""
    error, marked = Stopped(), N_("Stopped.")
    assert marked == "Stopped." and error.what_happened == "Stopped."
    use_language("ko")
    assert _(marked) == error.what_happened == "멈췄습니다."
    use_language("en")
    assert error.what_happened == "Stopped."


def test_details_are_filled_into_the_translated_sentence() -> None:
    """A message without a translation stays English beside it."""
    use_language("ko")
    error = UnknownModel(model="m", choices="a, b")
    assert error.what_to_do == "다음 가운데 고르세요: a, b."
    assert error.what_happened == "There is no model named m in the catalogue."


@pytest.mark.parametrize("language", ["xx", "en", "", "../ko"])
def test_a_language_without_a_catalogue_leaves_english(language: str) -> None:
    """Also after another one was spoken."""
    use_language("ko")
    use_language(language)
    assert _("Stopped.") == "Stopped."


@pytest.mark.parametrize("variable", ["LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"])
def test_the_environments_language_is_spoken_when_none_is_chosen(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """By the variables that every program knows."""
    monkeypatch.setenv(variable, "ko_KR.UTF-8")
    use_language()
    assert _("Stopped.") == "멈췄습니다."


def test_an_empty_message_stays_empty() -> None:
    """gettext would answer with the catalogue's own header."""
    use_language("ko")
    assert _("") == ""
