# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a process of which only the description is left still runs."""

from __future__ import annotations

import json
from dataclasses import replace

import child

from scumble.process import Process, is_gone, this_process

NAMED = """
import dataclasses, json, sys
from pathlib import Path
from scumble.process import this_process
Path("/proc/self/comm").write_text(sys.argv[1])
print(json.dumps(dataclasses.asdict(this_process())), flush=True)
sys.stdin.readline()
"""


def test_this_process_runs() -> None:
    """And is the same each time."""
    assert not is_gone(this_process())
    assert this_process() == this_process()


def test_a_process_is_gone_when_it_ended_and_not_before() -> None:
    """Its name is a trap: /proc writes it, unquoted, before the fields that are read."""
    other = child.start(NAMED, "a) Z 1 (b")
    assert other.stdout is not None
    process = Process(**json.loads(other.stdout.readline()))
    assert process.pid == other.pid and process.machine == this_process().machine
    assert not is_gone(process)
    child.kill(other)
    assert is_gone(process)


def test_a_number_that_another_process_took_over_is_not_the_same_process() -> None:
    """The start time tells them apart; where it was not to be had, the number decides alone."""
    assert is_gone(replace(this_process(), started="1"))
    assert not is_gone(replace(this_process(), started=""))


def test_a_fork_is_a_process_of_its_own() -> None:
    """It does not go by its parent's description, which it inherits in memory."""
    forked = child.run(
        "import os\n"
        "from scumble.process import this_process\n"
        "before = this_process()\n"
        "child = os.fork()\n"
        "if child == 0: os._exit(0 if this_process().pid == os.getpid() != before.pid else 1)\n"
        "print(os.waitpid(child, 0)[1])"
    )
    assert forked == "0\n"


def test_the_machine_is_not_named_by_its_own_id() -> None:
    """A ledger may be shown to others; the system's id is only hashed into it."""
    assert len(this_process().machine) == 16
