# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an answer belongs is kept with it, before anything can fail, and comes back exactly."""

from __future__ import annotations

import dataclasses
import json

import pytest
from servers import FaultServer, answers
from unit.jobs_cases import ASKER, EDIT, GOOD, account

from scumble import catalog, jobs, performing, store
from scumble.records import Placing, placing_of
from scumble.settings import Home
from scumble.shapes import Rect

PLACING = Placing(Rect(-16, 40, 1024, 768), Rect(0, 40, 1008, 768), "Y u8", bytes(range(252)) * 3_072)


def kept(home: Home, placing: Placing | None) -> store.Stored:
    asker = dataclasses.replace(ASKER, placing=placing)
    with FaultServer(answers(200, GOOD)) as server:
        result = jobs.perform(EDIT, asker, home, account(server.base_url), catalog.load())
    return store.find(home, result.id)


def test_place_and_mask_come_back_exactly(home: Home) -> None:
    assert placing_of(kept(home, PLACING)) == PLACING


def test_a_place_without_a_mask_is_one(home: Home) -> None:
    bare = Placing(PLACING.window, PLACING.visible)
    stored = kept(home, bare)
    assert placing_of(stored) == bare
    assert stored.beside("mask") is None


def test_a_result_of_a_host_that_says_no_place_has_none(home: Home) -> None:
    assert placing_of(kept(home, None)) is None


def test_the_mask_is_on_disk_when_the_reply_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever dies right after the reply has its name has the mask too."""

    def dies(*_arguments: object, **_facts: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(performing, "_read", dies)
    with pytest.raises(KeyboardInterrupt):
        kept(home, PLACING)
    (stored,) = store.all_stored(home)
    assert placing_of(stored) == PLACING


@pytest.mark.parametrize(
    "damage", [b"", b"not compressed", b"\x78\x9c", bytes(2)], ids=["empty", "text", "cut", "zeros"]
)
def test_a_damaged_mask_is_no_place(home: Home, damage: bytes) -> None:
    """Without its mask the picture would cover what it must not."""
    stored = kept(home, PLACING)
    (stored.folder / "mask.beside").write_bytes(damage)
    assert placing_of(stored) is None


@pytest.mark.parametrize(
    "where", [7, {}, {"window": [1, 2, 3, 4]}, {"window": "abcd", "visible": [0, 0, 1, 1], "mask_format": ""},
              {"window": [0, 0, 0, 4], "visible": [0, 0, 1, 1], "mask_format": ""}],
)  # fmt: skip
def test_a_damaged_record_is_no_place(home: Home, where: object) -> None:
    stored = kept(home, PLACING)
    path = stored.folder / "asked.json"
    record = json.loads(path.read_text("utf-8"))
    record["asked"]["placing"] = where
    path.write_text(json.dumps(record), "utf-8")
    assert placing_of(store.find(home, stored.id)) is None


def test_a_name_that_leads_elsewhere_is_refused(home: Home) -> None:
    with pytest.raises(ValueError, match="a name is up to 64"):
        store.keep(home, "abcd", b"reply", "", {}, {"../mask": b""})
    assert store.all_stored(home) == []
