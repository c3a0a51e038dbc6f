# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal beside what is made: on disk before anything leaves, readable after any end, one at a time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import child
import pytest

from scumble.errors import BadRequest, FolderUnusable
from scumble.journals import NAME, Journal

_HOLDER = """\
import sys
from pathlib import Path
from scumble.journals import Journal
journal = Journal(Path(sys.argv[1]))
journal.note([("row-1", "first")])
print("held", flush=True)
sys.stdin.read()
"""


def test_what_was_noted_is_there_for_the_next(tmp_path: Path) -> None:
    """A row that was asked for more than once has all its spendings, the newest last."""
    with Journal(tmp_path / "new" / "folder") as journal:
        journal.note([("a-1", "1"), ("b-1", "2")])
        journal.note([("a-1", "3")])
    with Journal(tmp_path / "new" / "folder") as journal:
        assert journal.ids == {"a-1": ["1", "3"], "b-1": ["2"]}
        assert (journal.last("a-1"), journal.last("c-1")) == ("3", None)


@pytest.mark.parametrize("left", [b'{"row": "c-1", "i', b"\xff\xff", b"[]\n{}\n7\n", b'{"row": 1, "id": 2}'])
def test_a_line_that_was_cut_hides_no_other(tmp_path: Path, left: bytes) -> None:
    with Journal(tmp_path) as journal:
        journal.note([("a-1", "1")])
    with open(tmp_path / NAME, "ab") as file:
        file.write(left)
    with Journal(tmp_path) as journal:
        journal.note([("b-1", "2")])
    with Journal(tmp_path) as journal:
        assert journal.ids == {"a-1": ["1"], "b-1": ["2"]}


def test_only_one_process_works_in_a_folder_and_its_end_lets_go(tmp_path: Path) -> None:
    """Killed, so that it could not let go by itself."""
    process = child.start(_HOLDER, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(BadRequest, match="another program is at work"):
        Journal(tmp_path)
    child.kill(process)
    with Journal(tmp_path) as journal:
        assert journal.last("row-1") == "first"


def test_threads_note_one_after_the_other(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        threads = [
            threading.Thread(target=journal.note, args=([(f"{number}-1", str(number))],))
            for number in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Journal(tmp_path) as journal:
        assert journal.ids == {f"{number}-1": [str(number)] for number in range(16)}


def test_a_folder_that_cannot_be_one_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderUnusable, match="a file is where a folder should be"):
        Journal(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_it_is_its_owner_s(tmp_path: Path) -> None:
    with Journal(tmp_path):
        assert (tmp_path / NAME).stat().st_mode & 0o077 == 0
