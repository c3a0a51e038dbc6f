# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that fills, or a results folder that goes away, while the service works: the reply is not lost."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import child
import pytest
from servers import EchoServer

from scumble import leftovers, place, store
from scumble.cli import main, making
from scumble.errors import StorageError
from scumble.jobs import Arrived, Event, Rescued, Sent
from scumble.settings import Home
from tests.unit.cli_cases import run
from tests.unit.jobs_cases import PNG, only_entry, perform

REPLY = bytes(range(256)) * 4_000
PIECES = [REPLY[start : start + 10_000] for start in range(0, len(REPLY), 10_000)]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def gone(home: Home) -> None:
    shutil.rmtree(home.results)


def a_file(home: Home) -> None:
    shutil.rmtree(home.results)
    home.results.write_text("a file where the folder was")


def all_gone(home: Home) -> None:
    shutil.rmtree(home.folder)


def all_a_file(home: Home) -> None:
    shutil.rmtree(home.folder)
    home.folder.write_text("a file where the folder was")


FAILURES = [gone, a_file, all_gone, all_a_file]


def mended(home: Home) -> None:
    for path in (home.folder, home.results):
        if path.is_file():
            path.unlink()
    home.folder.mkdir(exist_ok=True)


class TestPlace:
    @pytest.mark.parametrize("fail", FAILURES)
    @pytest.mark.parametrize("after", [0, 1, len(PIECES) // 2, len(PIECES)])
    def test_a_reply_survives_a_folder_that_goes_at_any_time(
        self, home: Home, fail: Callable[[Home], None], after: int
    ) -> None:
        """Byte for byte, in a place where it is found; and it comes home when its program has ended."""
        place = store.Place(home, "paid", {"n": 1, "prompt": "a door"})
        for piece in PIECES[:after]:
            place.add(piece)
        fail(home)
        for piece in PIECES[after:]:
            place.add(piece)
        folder = place.close("application/json")
        assert store.is_rescued(home, folder)
        kept = store.find(home, "paid")
        assert (kept.folder, kept.reply(), kept.asked) == (folder, REPLY, {"n": 1, "prompt": "a door"})
        mended(home)
        assert [one.id for one in store.all_stored(home)] == ["paid"]
        assert store.sweep(home) == () and store.find(home, "paid").folder == folder, "its program runs"

    @pytest.mark.parametrize("refuse", ["write", "sync", "name"])
    def test_a_disk_that_fills_at_any_time_moves_the_reply(
        self, home: Home, temporary: Path, refuse: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In the middle of a piece, when it is to be on disk, and when it is to get its name."""
        _fill_the_disk_of(home, refuse, monkeypatch)
        place = store.Place(home, "paid", {})
        for piece in PIECES:
            place.add(piece)
        folder = place.close("application/json")
        assert folder.is_relative_to(temporary) and store.find(home, "paid").reply() == REPLY
        assert list(home.results.iterdir()) == [], "and nothing half written stays"
        if os.name == "posix":
            assert all(
                stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
                for path in (folder, folder.parent, *folder.iterdir())
            )

    def test_without_any_place_it_is_a_storage_error(
        self, home: Home, temporary: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """About the data folder, which is the one to mend; nothing half stays."""
        place = store.Place(home, "paid", {})
        all_a_file(home)
        temporary.rmdir()
        for piece in PIECES:
            place.add(piece)
        monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
        with pytest.raises(StorageError) as caught:
            place.close("application/json")
        assert caught.value.details["path"] == home.folder

    def test_what_cannot_be_read_back_is_not_passed_off_as_whole(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A disk that lost what it had taken: the reply is not kept, and that is told."""
        place = store.Place(home, "paid", {})
        place.add(PIECES[0])
        (written,) = home.results.glob(".paid.*.part/reply.bin")
        os.truncate(written, 5_000)
        _fill_the_disk_of(home, "write", monkeypatch)
        for piece in PIECES[1:]:
            place.add(piece)
        with pytest.raises(StorageError, match="disk is full"):
            place.close("application/json")
        with pytest.raises(KeyError):
            store.find(home, "paid")

    def test_a_reply_without_trouble_leaves_no_second_place(self, home: Home, temporary: Path) -> None:
        """Neither beside the results nor among the temporary files."""
        folder = store.keep(home, "paid", REPLY, "", {})
        assert not store.is_rescued(home, folder)
        assert list(temporary.iterdir()) == [] and not (home.folder / "rescued").exists()

    def test_keeping_again_finds_the_rescued_one(self, home: Home) -> None:
        """It is not bought twice, nor kept twice."""
        folder = _rescued(home)
        assert store.keep(home, "paid", REPLY, "application/json", {}) == folder
        with pytest.raises(ValueError, match="another reply"):
            store.keep(home, "paid", b"x", "application/json", {})


class TestPlaces:
    def test_a_folder_that_others_could_write_is_not_trusted(self, home: Home, temporary: Path) -> None:
        """Anyone may put a folder among the temporary files."""
        folder = _rescued(home, all_a_file)
        mended(home)
        assert store.find(home, "paid").folder == folder
        folder.parent.chmod(0o777)
        with pytest.raises(KeyError):
            store.find(home, "paid")
        folder.parent.chmod(0o700)
        elsewhere = temporary / "elsewhere"
        folder.parent.rename(elsewhere)
        folder.parent.symlink_to(elsewhere)
        assert store.all_stored(home) == []

    def test_another_data_folder_does_not_take_it(self, home: Home, tmp_path: Path) -> None:
        """Each has its own name among the temporary files."""
        _rescued(home, all_a_file)
        other = Home(tmp_path / "other").make()
        assert store.all_stored(other) == [] and store.sweep(other) == ()

    def test_facts_are_noted_and_it_can_be_forgotten_where_it_is(self, home: Home) -> None:
        """A host goes on with it as with any other."""
        folder = _rescued(home)
        mended(home)
        store.describe(home, "paid", billed=7)
        store.mark_placed(home, "paid", "layer 1")
        assert store.find(home, "paid").facts["billed"] == 7 and store.unplaced(home) == []
        store.forget(home, "paid")
        assert store.all_stored(home) == [] and not folder.exists()


RESCUED_AND_ENDED = """
import shutil, sys
from pathlib import Path
from scumble import store
from scumble.settings import Home
home = Home(Path(sys.argv[1]))
place = store.Place(home, "paid", {"n": 1})
shutil.rmtree(home.folder)
home.folder.write_text("")
place.add(bytes(range(256)) * 4_000)
place.close("application/json")
store.describe(home, "paid", billed=7)
"""


class TestComingHome:
    def rescue(self, home: Home) -> Path:
        child.run(RESCUED_AND_ENDED, home.folder)
        mended(home)
        return store.find(home, "paid").folder

    def test_it_comes_home_when_its_program_has_ended(self, home: Home, temporary: Path) -> None:
        """With its facts; and the second place goes."""
        assert store.is_rescued(home, self.rescue(home))
        assert store.sweep(home) == ("paid",)
        kept = store.find(home, "paid")
        assert kept.folder == home.results / "paid" and kept.reply() == REPLY and kept.facts == {"billed": 7}
        assert list(temporary.iterdir()) == [] and store.sweep(home) == ()

    def test_it_stays_while_there_is_no_room(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        """And is still found; half a copy is not left."""
        folder = self.rescue(home)

        def full(path: Path, data: bytes) -> None:
            path.write_bytes(data[:100])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(leftovers, "create", full)
        assert store.sweep(home) == ()
        assert store.find(home, "paid").folder == folder and store.find(home, "paid").reply() == REPLY
        assert list(home.results.iterdir()) == []

    def test_one_that_is_at_home_already_is_not_doubled(self, home: Home, temporary: Path) -> None:
        """A program that was killed between copying and clearing up."""
        folder = self.rescue(home)
        shutil.copytree(folder, home.results / "paid")
        assert store.sweep(home) == ("paid",)
        assert list(temporary.iterdir()) == [] and len(store.all_stored(home)) == 1

    def test_another_reply_under_its_id_is_left_alone(self, home: Home) -> None:
        """Neither replaces the other."""
        folder = self.rescue(home)
        (home.results / "aside").mkdir(parents=True)
        shutil.copytree(folder, home.results / "paid")
        asked = (folder / "asked.json").read_text().replace('"sha256": "', '"sha256": "0')
        (folder / "asked.json").write_text(asked)
        assert store.sweep(home) == () and folder.exists()

    def test_the_command_results_lists_it_and_brings_it_home(
        self, home: Home, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What a person is told to run."""
        self.rescue(home)
        main(["spend"])
        capsys.readouterr()
        assert [one["id"] for one in run(capsys, "results", "list")["results"]] == ["paid"]
        assert store.find(home, "paid").folder == home.results / "paid"


class TestPerform:
    def test_the_picture_arrives_all_the_same(self, home: Home) -> None:
        """A warning says where its reply is; the bill is settled."""
        events: list[Event] = []

        def spoil(event: Event) -> None:
            events.append(event)
            if isinstance(event, Sent):
                a_file(home)

        with EchoServer() as server:
            result = perform(home, server.base_url, on_event=spoil)
        assert result.answer.pictures == (PNG,)
        assert only_entry(home).state == "settled"
        arrived, rescued = [event for event in events if isinstance(event, Arrived | Rescued)]
        assert isinstance(arrived, Arrived) and rescued == Rescued(result.id, result.folder)
        assert store.find(home, result.id).facts["pictures"] == 1

    def test_the_command_says_where_the_reply_is(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """On standard error, so that a document stays one."""
        making._noting([], as_json=False, partials=0)(Rescued("paid", tmp_path / "elsewhere"))
        told = capsys.readouterr()
        assert str(tmp_path / "elsewhere") in told.err and told.out == ""


FULL_DISK = """
import errno, os, sys, tempfile
from pathlib import Path
from scumble import jobs, store
from scumble.errors import StorageFailedAfterSending
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.unit.jobs_cases import PNG, perform

home = Home(Path(sys.argv[1])).make()
events = []
filler = home.folder / "filler"

def fill(event):
    events.append(type(event).__name__)
    if type(event).__name__ == "Sent":
        with open(filler, "wb", buffering=0) as file:
            for size in (1 << 16, 1 << 10, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    assert error.errno == errno.ENOSPC

try:
    told = perform(home, sys.argv[2], on_event=fill).answer.pictures == (PNG,)
except StorageFailedAfterSending as error:
    told = str(error)
print(told)
(kept,) = store.all_stored(home)
assert store.is_rescued(home, kept.folder), kept.folder
print(kept.folder)
"""

AFTERWARDS = """
import sys
from pathlib import Path
from scumble import jobs, store
from scumble.ledger import Ledger
from scumble.settings import Home
home = Home(Path(sys.argv[1]))
(home.folder / "filler").unlink()
jobs.prepare(home)
(kept,) = store.all_stored(home)
with Ledger(home.ledger) as ledger:
    (entry,) = ledger.entries()
print(store.is_rescued(home, kept.folder), len(kept.reply()) > 0, entry.state, entry.billed > 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no namespaces of mounts")
def test_a_disk_that_is_really_full_costs_nothing_that_was_paid(tmp_path: Path, temporary: Path) -> None:
    """A disk of 20 MB, full to the last byte when the reply comes: it is elsewhere, and settled later."""
    mount = tmp_path / "small disk"
    mount.mkdir()
    script = (
        'mount -t tmpfs -o size=20m none "$1" && python="$2" && "$python" -c "$3" "$1/home" "$4"'
        ' && "$python" -c "$5" "$1/home"'
    )
    tests = Path(__file__).parents[1]
    library = Path(store.__file__).parents[1]
    path = os.pathsep.join(map(str, (library, tests.parent, tests)))
    with EchoServer() as server:
        done = subprocess.run(
            [
                "unshare",
                "-m",
                "sh",
                "-c",
                script,
                "sh",
                mount,
                sys.executable,
                FULL_DISK,
                server.base_url,
                AFTERWARDS,
            ],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
        )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("this user may not mount a disk")
    assert done.returncode == 0, done.stderr
    told, place, afterwards = done.stdout.splitlines()
    print(told)
    assert told == "True" or place in told, "the picture, or where it is"
    assert place.startswith(str(temporary))
    assert afterwards == "False True settled True"


def _rescued(home: Home, fail: Callable[[Home], None] = gone) -> Path:
    place = store.Place(home, "paid", {})
    fail(home)
    place.add(REPLY)
    return place.close("application/json")


def _fill_the_disk_of(home: Home, refuse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing below the data folder can be written, synced or named."""
    full = OSError(28, "No space left on device")

    def at_home(file: object) -> bool:
        return os.readlink(f"/proc/self/fd/{file.fileno()}").startswith(str(home.folder))  # type: ignore[attr-defined]

    write_all, sync, rename = place.write_all, place.sync, Path.rename

    def write(file: object, data: bytes) -> None:
        if at_home(file) and refuse == "write":
            write_all(file, data[: len(data) // 2])  # type: ignore[arg-type]
            raise full
        write_all(file, data)  # type: ignore[arg-type]

    def synced(file: object) -> None:
        if at_home(file) and refuse == "sync":
            raise full
        sync(file)  # type: ignore[arg-type]

    def renamed(path: Path, target: Path) -> Path:
        if path.is_relative_to(home.folder) and refuse == "name":
            raise full
        return rename(path, target)

    monkeypatch.setattr(place, "write_all", write)
    monkeypatch.setattr(place, "sync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
