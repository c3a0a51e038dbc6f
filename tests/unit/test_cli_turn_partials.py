# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble turn` has no partial pictures, and says so where they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from scumble.cli import main
from scumble.settings import Home


def test_partial_pictures_of_a_turn_are_refused_and_not_ignored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Home
) -> None:
    """Before anything is reserved or sent, naming what works."""
    asked = ["turn", "--prompt", "a door", "--partials", "2", "-o", str(tmp_path / "door.png")]
    assert main(asked) == 2
    assert "partial_images = 2" in capsys.readouterr().err
    assert not home.ledger.exists() and list(tmp_path.glob("*.png")) == []
