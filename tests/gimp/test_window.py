# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialog in GIMP with its window, driven by keys: cancel, stop, generate, undo, and what is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import servers
from gimp.conftest import KEY, Record, Studio, with_graphics

from scumble.ledger import Ledger
from scumble.settings import Home
from scumble.store import all_stored


@pytest.fixture(scope="module")
def studio(new_studio) -> Studio:
    """A GIMP in whose dialog somebody cancelled, stopped and filled, and pressed Ctrl+Z twice."""
    studio = new_studio("window")
    shutil.copy(Path(servers.__file__), studio.folder / "inside")
    beside = with_graphics(studio)
    ran = beside.start(beside.program, [str(studio.folder / "inside" / "drive.py")], OPENAI_API_KEY=KEY)
    assert ran.returncode == 0, ran.stderr[-6000:]
    return studio


@pytest.fixture
def records(studio: Studio) -> dict[str, Record]:
    return studio.records([])


def test_cancel_sends_nothing(records: dict[str, Record]) -> None:
    assert records["cancelled"].facts["status"] == "cancel"
    assert "planted cancelled words" not in records["driven"].facts["prompt"]


def test_stop_closes_the_dialog_at_once_and_keeps_the_answer(
    records: dict[str, Record], studio: Studio
) -> None:
    """The window goes while the service is at work; the answer that comes is kept, billed and not placed."""
    assert records["left"].facts == {"returned": False}
    assert records["stopped"].facts["status"] == "cancel"
    assert records["stopped"].facts["layers"] == ["photo"]
    kept = {stored.asked["prompt"]: stored for stored in all_stored(Home(studio.home))}
    assert "placed" not in kept["planted stopped words"].facts
    assert "placed" in kept["planted filled words"].facts
    with Ledger(Home(studio.home).ledger) as ledger:
        assert [entry.state for entry in ledger.entries()] == ["settled", "settled"]


def test_the_typed_prompt_is_what_is_sent(records: dict[str, Record]) -> None:
    assert records["driven"].facts["prompt"] == ["planted stopped words", "planted filled words"]
    assert records["driven"].facts["n"] == ["1", "3"]
    assert records["filled"].facts["status"] == "success"
    assert records["filled"].facts["layers"] == ["Scumble Fill 1", "photo"]


def test_one_undo_takes_all_of_it_away_and_nothing_more(records: dict[str, Record]) -> None:
    """One Ctrl+Z: three variations, group and masks are gone, the selection is not until the next one."""
    assert records["filled"].facts["in_groups"] == [3]
    assert records["undone"].facts["layers"] == ["photo"]
    assert records["undone"].facts["selection"] == records["filled"].facts["selection"]
    assert records["undone_pixels"].facts == {"same": True}
    assert records["undone_twice"].facts["layers"] == ["photo"]
    assert records["undone_twice"].facts["selection"][0] is False


def test_gimp_remembers_the_choices_and_not_the_prompt(studio: Studio) -> None:
    """After Cancel, Stop and Generate no file of GIMP's holds a word of a prompt, or the key."""
    remembered = studio.profile / "plug-in-settings" / "GimpProcedureConfigRun-plug-in-scumble-fill.last"
    text = remembered.read_text()
    assert '(prompt "")' in text and '(quality "medium")' in text
    for folder in (studio.profile, studio.folder / "user"):
        for file in folder.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert b"planted" not in content.replace(b"planted-key", b"") or file.suffix == ".py", file
                assert KEY.encode() not in content, file


def test_the_price_on_the_button_follows_every_choice(records: dict[str, Record]) -> None:
    """Quality, model, a range for a model whose tokens are not published, and why there is no price."""
    shown = records["prices"].facts
    assert shown["medium"]["button"] == "_Generate  $0.013"
    assert "992 x 672 at 1:1" in shown["medium"]["plan"]
    assert "new picture $0.0077 + sent picture $0.0056" in shown["medium"]["price"]
    assert shown["medium"]["spent"].startswith("Today $")
    assert shown["high"]["button"] == "_Generate  $0.037"
    assert shown["other model"]["button"] not in (shown["medium"]["button"], "_Generate")
    assert " – " in shown["range"]["button"]
    assert shown["not offered"]["button"] == "_Generate"
    assert "quality = max" in shown["not offered"]["plan"]
    assert "previews $0 – $0.0090" in shown["previews"]["price"]
    assert shown["no previews"] == shown["one again"] == shown["medium"]
    assert shown["variations"]["button"] == "_Generate  $0.053"
    assert "previews" not in shown["variations"]["price"]
    assert shown["medium"]["unplaced"] == "Paid for and not placed yet: 1"
    assert shown["nothing selected"]["plan"] == "Nothing is selected."
    assert shown["nothing selected"]["button"] == "_Generate"
    assert "1600 x 1200 at 1:1" in shown["whole layer"]["plan"]


def test_a_cheaper_choice_is_one_press(records: dict[str, Record]) -> None:
    """Each says its price, and pressing the first one makes that the price on the button."""
    shown = records["prices"].facts
    offered = shown["medium"]["cheaper"].split(", ")
    assert 1 <= len(offered) <= 3
    assert shown["cheaper pressed"]["button"] != shown["medium"]["button"]
    assert offered[0].endswith(shown["cheaper pressed"]["button"].removeprefix("_Generate  "))
    assert shown["nothing selected"]["cheaper"] == ""
