# SPDX-License-Identifier: GPL-3.0-or-later
"""What killed programs left in the store is finished or cleared away; what is at work is left alone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import child
import pytest
from servers import completed_event, partial_event, success

from scumble import jobs, leftovers, store
from scumble.ledger import Ledger
from scumble.settings import Home

REPLY = bytes(range(256)) * 100

KILLED_BEFORE_THE_NAME = """
import os, signal, sys
from pathlib import Path
from scumble import store
from scumble.settings import Home
real = Path.rename
def end(path, target):
    os.kill(os.getpid(), signal.SIGKILL)
Path.rename = end
store.keep(Home(Path(sys.argv[1])), "paid", bytes(range(256)) * 100, "application/json", {"n": 1})
"""

KILLED_AS_IT_CAME = """
import os, signal, sys
from pathlib import Path
from scumble import store
from scumble.settings import Home
place = store.Place(Home(Path(sys.argv[1])), "paid", {"n": 1})
place.add(Path(sys.argv[2]).read_bytes())
os.kill(os.getpid(), signal.SIGKILL)
"""

AT_WORK = """
import sys
from pathlib import Path
from scumble import store
from scumble.settings import Home
real = Path.rename
def wait(path, target):
    print("here", flush=True)
    sys.stdin.readline()
    return real(path, target)
Path.rename = wait
store.keep(Home(Path(sys.argv[1])), "slow", b"reply", "application/json", {})
"""


def partials(home: Home) -> list[str]:
    return sorted(path.name for path in home.results.iterdir() if path.name.startswith("."))


def killed(home: Home) -> Path:
    process = child.start(KILLED_BEFORE_THE_NAME, home.folder)
    process.communicate(timeout=60)
    (name,) = partials(home)
    return home.results / name


def aged(path: Path) -> None:
    before = time.time() - 2 * 86_400
    os.utime(path, (before, before))


def test_a_whole_reply_of_a_killed_program_is_rescued(home: Home) -> None:
    """It was paid for; only its name was missing."""
    killed(home)
    assert store.all_stored(home) == []
    assert store.sweep(home) == ("paid",)
    assert store.find(home, "paid").reply() == REPLY
    assert partials(home) == [] and store.sweep(home) == ()


def test_a_cut_reply_of_a_killed_program_goes(home: Home) -> None:
    """By its length, and by its hash when the length is right."""
    for damaged in (REPLY[:-1], REPLY[:-1] + b"x"):
        (killed(home) / "reply.bin").write_bytes(damaged)
        assert store.sweep(home) == () and partials(home) == []
    assert store.all_stored(home) == []


PARTIAL, LAST = partial_event(b"coarse"), completed_event(b"finished")


@pytest.mark.parametrize(
    ("came", "media_type"),
    [
        pytest.param(PARTIAL + LAST, "text/event-stream", id="a whole stream"),
        pytest.param(b"\xef\xbb\xbf: x\r\r" + LAST.replace(b"\n", b"\r"), "text/event-stream", id="CR"),
        pytest.param(LAST.rstrip(b"\n"), "text/event-stream", id="no blank line"),
        pytest.param(LAST.replace(b'"type"', b'"kind"'), "text/event-stream", id="the name alone"),
        pytest.param(LAST + b"data: [DONE]\n\n", "text/event-stream", id="a last word"),
        pytest.param(success([b"finished"]), "application/json", id="JSON"),
        pytest.param(PARTIAL, None, id="a stream without its end"),
        pytest.param(PARTIAL + LAST[:-60], None, id="a stream cut in its end"),
        pytest.param(PARTIAL.replace(b"partial", b"x.completed ") + PARTIAL, None, id="the word alone"),
        pytest.param(success([b"finished"])[:-9], None, id="cut JSON"),
        pytest.param(b"[" * 200_000, None, id="endless brackets"),
        pytest.param(b"data: " + b"[" * 200_000, None, id="endless brackets in a stream"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_a_reply_that_had_come_whole_is_rescued_and_a_cut_one_is_not(
    home: Home, tmp_path: Path, came: bytes, media_type: str | None
) -> None:
    """Nobody had noted yet that it was whole, or what it is: its bytes tell."""
    (tmp_path / "came").write_bytes(came)
    child.start(KILLED_AS_IT_CAME, home.folder, tmp_path / "came").communicate(timeout=60)
    rescued = store.sweep(home)
    assert partials(home) == [] and rescued == (() if media_type is None else ("paid",))
    if media_type is not None:
        kept = store.find(home, "paid")
        assert (kept.reply(), kept.media_type) == (came, media_type)


def test_a_program_at_work_is_left_alone(home: Home) -> None:
    """However long it takes; it then keeps its reply as if nothing had been."""
    process = child.start(AT_WORK, home.folder)
    assert process.stdout is not None and process.stdout.readline() == "here\n"
    (name,) = partials(home)
    aged(home.results / name)
    assert store.sweep(home) == () and partials(home) == [name]
    child.finish(process, "\n")
    assert store.find(home, "slow").reply() == b"reply"


def test_a_folder_without_a_writers_name_waits_a_day(home: Home) -> None:
    """Its writer may be about to write it."""
    young, old = (home.results / f".{name}.0123abcd.part" for name in ("young", "old"))
    for folder in (young, old):
        folder.mkdir(parents=True)
        (folder / "asked.json").write_text("{")
    aged(old)
    store.sweep(home)
    assert young.exists() and not old.exists()


def test_a_reply_that_is_already_kept_is_not_replaced(home: Home) -> None:
    """The leftover of a second attempt goes."""
    store.keep(home, "paid", b"the one that counts", "", {})
    home.results.joinpath("paid").rename(home.folder / "aside")
    left = killed(home)
    (home.folder / "aside").rename(home.results / "paid")
    assert store.sweep(home) == () and not left.exists()
    assert store.find(home, "paid").reply() == b"the one that counts"


def test_loose_files_of_a_day_ago_go_and_nothing_else(home: Home) -> None:
    """The key and the facts are written to a file beside before they replace."""
    store.keep(home, "kept", REPLY, "", {})
    old = [home.folder / ".key.0123abcd.part", home.results / "kept" / ".result.json.0123abcd.part"]
    young = home.folder / ".catalog.json.0123abcd.part"
    others = [home.folder / "notes.part", home.results / "kept" / "mine.part"]
    for path in (*old, young, *others):
        path.write_text("")
        if path is not young:
            aged(path)
    store.sweep(home)
    assert [path.exists() for path in (*old, young, *others)] == [False, False, True, True, True]


def test_sweeping_nothing_creates_nothing(tmp_path: Path) -> None:
    """A data folder that is not there stays so."""
    assert store.sweep(Home(tmp_path / "none")) == ()
    assert not (tmp_path / "none").exists()


def test_a_forgotten_reply_does_not_come_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when the program is killed while it deletes."""
    store.keep(home, "kept", REPLY, "", {})
    monkeypatch.setattr(store.shutil, "rmtree", lambda *given, **more: None)
    store.forget(home, "kept")
    monkeypatch.undo()
    assert store.all_stored(home) == [] and len(partials(home)) == 1
    assert store.sweep(home) == () and partials(home) == []
    with pytest.raises(KeyError):
        store.forget(home, "kept")


def test_what_was_paid_and_never_placed_is_told(home: Home) -> None:
    """Newest first; without what the sandbox made for nothing."""
    for id, sandbox in (("first", False), ("play", True), ("placed", False), ("second", False)):
        store.keep(home, id, b"", "", {"sandbox": sandbox})
    store.mark_placed(home, "placed", "layer 2")
    assert [one.id for one in store.unplaced(home)] == ["second", "first"]
    store.forget(home, "first")
    assert [one.id for one in store.unplaced(home)] == ["second"]


def test_a_host_that_starts_sweeps_the_store_first(home: Home) -> None:
    """So that what was rescued can settle what it cost."""
    killed(home)
    Ledger(home.ledger).close()
    jobs.prepare(home)
    assert store.find(home, "paid").asked == {"n": 1}
    record = json.loads((home.results / "paid" / "asked.json").read_bytes())
    assert record["writer"]["pid"] > 0


def test_a_folder_that_goes_away_meanwhile_disturbs_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program gives a reply its name while this one looks around."""
    store.keep(home, "paid", REPLY, "application/json", {})
    (home.results / ".slow.00000000.part").mkdir()
    listed = os.listdir

    def listing(folder: Path) -> list[str]:
        if Path(folder).name.endswith(".part"):
            Path(folder).rmdir()
        return listed(folder)

    monkeypatch.setattr(os, "listdir", listing)
    monkeypatch.setattr(leftovers, "_tidied", lambda _place: [])
    assert store.sweep(home) == ()
