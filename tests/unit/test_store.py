# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: a reply is on disk whole or not at all, and is found again byte for byte."""

from __future__ import annotations

import json
import os
import random
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import child
import pytest

from scumble import kept, store
from scumble.errors import StorageError
from scumble.settings import Home

ID = "0123456789abcdef0123456789abcdef"
REPLY = b'{"data":[{"b64_json":"' + bytes(range(256)) * 40 + b'\r\n"}]}\x00\n'
ASKED = {"model": "some-model", "prompt": "a small red door, 작은 빨간 문", "size": "992x672", "n": 1}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def keep(home: Home, id: str = ID, reply: bytes = REPLY) -> Path:
    return store.keep(home, id, reply, "application/json", ASKED)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_reply_is_found_again_byte_for_byte(home: Home) -> None:
    """With what was asked and what kind of reply it is."""
    folder = keep(home)
    stored = store.find(home, ID)
    assert stored.reply() == REPLY
    assert (stored.id, stored.folder, stored.media_type) == (ID, folder, "application/json")
    assert (stored.asked, stored.facts) == (ASKED, {})
    assert (folder / "reply.bin").read_bytes() == REPLY
    assert abs((datetime.now(UTC) - stored.kept_at).total_seconds()) < 60


def test_everything_is_private(home: Home) -> None:
    """Folders 0700, files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        nested = Home(home.folder / "new")
        folder = keep(nested)
        store.describe(nested, ID, billed=13_170)
        store.save_pictures(nested, ID, [PNG])
    finally:
        os.umask(before)
    for path in (nested.folder, nested.results, folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert files(folder) == {"reply.bin", "asked.json", "result.json", "picture-1.png"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_no_file_is_readable_by_others_even_for_a_moment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is 0600 when it is created, not made so afterwards."""
    modes: list[int] = []
    real_open = os.open

    def watched_open(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = real_open(path, flags, mode)
        if flags & os.O_CREAT:
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    before = os.umask(0)
    monkeypatch.setattr(os, "open", watched_open)
    try:
        keep(home)
        store.describe(home, ID, billed=1)
    finally:
        os.umask(before)
    assert modes == [0o600] * 4


def test_only_the_record_of_what_was_asked_holds_the_prompt(home: Home) -> None:
    """Neither the other files nor the value's repr."""
    keep(home)
    store.describe(home, ID, billed=13_170)
    store.mark_placed(home, ID, "/home/a/picture.xcf, layer 2")
    prompt = ASKED["prompt"].encode()
    holding = {path.name for path in home.folder.rglob("*") if path.is_file() and prompt in path.read_bytes()}
    assert holding == {"asked.json"}
    assert "red door" not in repr(store.find(home, ID))


def test_keeping_the_same_reply_again_changes_nothing(home: Home) -> None:
    """Another reply under the same id is refused: the first may be all that is left of what was paid."""
    folder = keep(home)
    store.describe(home, ID, billed=1)
    assert keep(home) == folder
    with pytest.raises(ValueError, match="another reply"):
        keep(home, reply=b"other")
    assert store.find(home, ID).reply() == REPLY
    assert store.find(home, ID).facts == {"billed": 1}


@pytest.mark.parametrize("id", ["", "..", "../x", "a/b", ".hidden", "a" * 65, "x\n", "C:x"])
def test_an_id_cannot_lead_out_of_the_results(home: Home, id: str) -> None:
    """It is a plain name."""
    with pytest.raises(ValueError, match="an id is"):
        keep(home, id=id)
    assert files(home.folder) == set()


def test_what_cannot_be_written_as_json_is_refused_before_anything_is_written(home: Home) -> None:
    """A picture among what was asked, for example."""
    with pytest.raises(TypeError):
        store.keep(home, ID, REPLY, "application/json", {"image": b"bytes"})
    assert files(home.folder) == set()


def test_half_a_character_in_a_prompt_loses_no_reply(home: Home) -> None:
    """Some toolkits hand over lone surrogates."""
    store.keep(home, ID, REPLY, "application/json", {"prompt": "door \ud83d"})
    assert store.find(home, ID).asked == {"prompt": "door \ud83d"}


def test_all_are_listed_newest_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """By when they were kept, not by name."""
    for id, minute in (("b", 2), ("c", 1), ("a", 3)):
        monkeypatch.setattr(kept, "now", lambda minute=minute: datetime(2026, 11, 22, 14, minute, tzinfo=UTC))
        keep(home, id=id)
    assert [stored.id for stored in store.all_stored(home)] == ["a", "b", "c"]


def test_an_empty_data_folder_holds_no_results(home: Home) -> None:
    """And looking creates nothing."""
    assert store.all_stored(home) == []
    assert files(home.folder) == set()
    with pytest.raises(KeyError):
        store.find(home, ID)


def test_folders_that_are_not_whole_are_ignored(home: Home) -> None:
    """Left by a crash, by another program, or by a disk."""
    keep(home)
    for name in ("a", "b", "c", "d", "e", ".f.part"):
        keep(home, id=name.strip(".")[0])
    (home.results / "a" / "reply.bin").unlink()
    (home.results / "b" / "asked.json").unlink()
    (home.results / "c" / "asked.json").write_text("{")
    (home.results / "d" / "reply.bin").write_bytes(REPLY[:-1])
    (home.results / "e" / "asked.json").write_text("[1]")
    (home.results / "f").rename(home.results / ".f.part")
    (home.results / "stray.txt").write_text("")
    (home.results / "empty").mkdir()
    assert [stored.id for stored in store.all_stored(home)] == [ID]
    for name in "abcdef":
        with pytest.raises(KeyError):
            store.find(home, name)


def test_a_reply_that_was_changed_is_not_handed_out_as_the_original(home: Home) -> None:
    """Of the same length, so that only its bytes tell."""
    folder = keep(home)
    (folder / "reply.bin").write_bytes(REPLY[:-2] + b"!\n")
    with pytest.raises(StorageError, match="changed or is damaged"):
        store.find(home, ID).reply()


def test_facts_are_merged_and_replaced_by_name(home: Home) -> None:
    """What is not named stays."""
    keep(home)
    store.describe(home, ID, billed=13_170, from_usage=True)
    store.describe(home, ID, billed=13_205, seconds=8)
    assert store.find(home, ID).facts == {"billed": 13_205, "from_usage": True, "seconds": 8}
    assert json.loads((home.results / ID / "result.json").read_bytes())["billed"] == 13_205


def test_each_placing_is_recorded(home: Home) -> None:
    """A result can be placed more than once."""
    keep(home)
    store.describe(home, ID, billed=1)
    store.mark_placed(home, ID, "picture.xcf")
    store.mark_placed(home, ID, "scene.blend")
    facts = store.find(home, ID).facts
    assert [placement["where"] for placement in facts["placed"]] == ["picture.xcf", "scene.blend"]
    assert facts["billed"] == 1


DESCRIBER = """
import sys
from pathlib import Path
from scumble import kept, store
from scumble.settings import Home
for number in range(20):
    store.describe(Home(Path(sys.argv[1])), sys.argv[2], **{f"process {sys.argv[3]} fact {number}": number})
"""


def test_facts_told_at_the_same_time_are_all_there(home: Home) -> None:
    """By two processes and by four threads of a third."""
    keep(home)
    others = [child.start(DESCRIBER, home.folder, ID, number) for number in range(2)]
    threads = [
        threading.Thread(
            target=lambda number=number: [
                store.describe(home, ID, **{f"thread {number} fact {fact}": fact}) for fact in range(20)
            ]
        )
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        child.finish(other)
    assert len(store.find(home, ID).facts) == 6 * 20


def test_facts_that_cannot_be_read_do_not_hide_the_reply(home: Home) -> None:
    """The reply is what was paid for."""
    folder = keep(home)
    (folder / "result.json").write_text("{")
    stored = store.find(home, ID)
    assert (stored.facts, stored.reply()) == ({}, REPLY)


def test_facts_about_nothing_are_refused(home: Home) -> None:
    """And leave no folder that looks like a result."""
    with pytest.raises(KeyError):
        store.describe(home, ID, billed=1)
    with pytest.raises(KeyError):
        store.save_pictures(home, ID, [PNG])
    assert files(home.folder) == set()


def test_pictures_lie_beside_their_reply_with_the_ending_of_what_they_are(home: Home) -> None:
    """In their order, and byte for byte; saving again replaces them."""
    folder = keep(home)
    pictures = [PNG, b"\xff\xd8\xff\xe0 jpeg", b"RIFF\x0a\x00\x00\x00WEBPVP8 ", b"GIF89a gif", b"<svg/>"]
    for _ in range(2):
        paths = store.save_pictures(home, ID, pictures)
        assert [path.name for path in paths] == [
            "picture-1.png",
            "picture-2.jpg",
            "picture-3.webp",
            "picture-4.gif",
            "picture-5.svg",
        ]
        assert [path.read_bytes() for path in paths] == pictures
    assert files(folder) == {"reply.bin", "asked.json", *(path.name for path in paths)}


def test_bytes_that_are_no_picture_are_not_saved_as_one(home: Home) -> None:
    """Nor are the pictures beside them."""
    folder = keep(home)
    with pytest.raises(ValueError, match="not a PNG"):
        store.save_pictures(home, ID, [PNG, b"<html>"])
    assert files(folder) == {"reply.bin", "asked.json"}


# Crashes and disks that fail


KILLED_AT_EVERY_LINE = """
import os, signal, sys
from pathlib import Path
from scumble import kept, place, private_files, store
from scumble.settings import Home

ours = {module.__file__ for module in (kept, place, private_files, store)}
left = 0

def watch(frame, event, argument):
    global left
    if frame.f_code.co_filename not in ours:
        return None
    if event == "line":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return watch

home = Home(Path(sys.argv[1]))
lines = 0
while True:
    lines += 1
    process = os.fork()
    if process == 0:
        left = lines
        sys.settrace(watch)
        reply = bytes([lines % 256]) * 300_000
        store.keep(home, f"killed-at-line-{lines}", reply, "application/json", {"lines": lines})
        os._exit(0)
    if os.waitpid(process, 0)[1] == 0:
        break
print(lines)
"""


def test_a_kill_at_any_line_leaves_nothing_or_the_whole_reply(home: Home) -> None:
    """SIGKILL at each line of keep() in turn, until it comes to its end."""
    rounds = int(child.run(KILLED_AT_EVERY_LINE, home.folder))
    whole_ones = {stored.id: stored for stored in store.all_stored(home)}
    whole = [f"killed-at-line-{line}" in whole_ones for line in range(1, rounds + 1)]
    assert rounds > 40 and whole == sorted(whole)
    assert whole.count(False) > 20 and whole.count(True) > 1
    for stored in whole_ones.values():
        line = stored.asked["lines"]
        assert stored.reply() == bytes([line % 256]) * 300_000
        assert files(stored.folder) == {"reply.bin", "asked.json"}


KILLED_AT_ANY_MOMENT = """
import sys
from pathlib import Path
from scumble import kept, store
from scumble.settings import Home
reply = bytes(range(256)) * 8192
for number in range(10_000):
    store.keep(Home(Path(sys.argv[1])), f"{sys.argv[2]}-{number}", reply, "application/json", {})
    print(number, flush=True)
"""


def test_a_kill_at_any_moment_leaves_nothing_or_the_whole_reply(home: Home) -> None:
    """Also inside the system's own calls; what was acknowledged is there."""
    chance = random.Random(2)  # noqa: S311 - moments, not secrets
    for attempt in range(6):
        writer = child.start(KILLED_AT_ANY_MOMENT, home.folder, attempt)
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(chance.randint(1, 5))]
        for _ in range(chance.randrange(200_000)):
            pass  # the writer goes on meanwhile, to some point of its next reply
        child.kill(writer)
        found = [stored for stored in store.all_stored(home) if stored.id.startswith(f"{attempt}-")]
        assert {f"{attempt}-{number}" for number in acknowledged} <= {stored.id for stored in found}
        assert all(stored.reply() == bytes(range(256)) * 8192 for stored in found)


STARVED = """
import resource, sys
from pathlib import Path
from scumble import kept, store
from scumble.errors import StorageError
from scumble.settings import Home
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
home = Home(Path(sys.argv[1]))
store.keep(home, "small", b"x" * 99_000, "application/json", {})
try:
    store.keep(home, "large", b"x" * 101_000, "application/json", {})
except StorageError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_is_a_storage_error_and_leaves_no_half(home: Home) -> None:
    """What it held before is still there."""
    assert "cannot be used" in child.run(STARVED, home.folder)
    assert [stored.id for stored in store.all_stored(home)] == ["small"]
    assert files(home.results) == {"small"}


def test_a_data_folder_that_cannot_be_made_is_a_storage_error(home: Home) -> None:
    """The error names it and the cause."""
    (home.folder / "file").write_bytes(b"")
    below = Home(home.folder / "file" / "home")
    with pytest.raises(StorageError, match="a file is where a folder should be") as caught:
        keep(below)
    assert caught.value.details["path"] == below.folder


def test_a_full_disk_is_named_as_the_cause(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing half written stays."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        keep(home)
    monkeypatch.undo()
    assert not home.results.exists() or files(home.results) == set()
