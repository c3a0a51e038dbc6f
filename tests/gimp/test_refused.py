# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be done says why, what it means for the money and what to do, and sends nothing."""

from __future__ import annotations

import pytest
from gimp.conftest import Record

REASONS = {
    "indexed": ("indexed", "Image > Mode > RGB"),
    "nothing_selected": ("Nothing is selected", "choose the whole layer"),
    "two_layers": ("2 are selected", "exactly one layer"),
    "no_layer": ("0 are selected", "exactly one layer"),
    "a_channel": ("channel", "Select a layer"),
    "floating_selection": ("floating selection", "Anchor it"),
    "empty_layer": ("empty here", "what is visible"),
    "selection_beside_the_layer": ("empty here", "what is visible"),
    "ended_model": ("shut down on 2026-10-23", "instead"),
    "unknown_model": ("no model named gpt-image-77", "Choose one of"),
    "quality_not_offered": ("does not take quality = max", "What works"),
    "empty_prompt": ("prompt is empty", ""),
}


@pytest.mark.parametrize("name", REASONS)
def test_it_is_refused_with_a_reason_before_anything_is_sent(echoed: dict[str, Record], name: str) -> None:
    """The caller gets an error status and a text for people; no request reached the service."""
    record = echoed[name]
    sentence, remedy = REASONS[name]
    assert record.facts["status"] in ("execution-error", "calling-error")
    assert sentence in record.facts["error"]
    assert remedy in record.facts["error"]
    assert "Nothing was billed." in record.facts["error"]
    assert record.requests == []
