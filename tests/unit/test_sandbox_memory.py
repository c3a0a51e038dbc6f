# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox remembers between requests, within its bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from scumble.sandbox.memory import Memory


def test_things_are_found_by_kind_and_id_until_they_are_forgotten() -> None:
    memory = Memory()
    memory.keep("file", "a", "one", 3)
    memory.keep("batch", "a", "two")
    memory.keep("file", "a", "one again", 4)
    assert (memory.find("file", "a"), memory.find("batch", "a")) == ("one again", "two")
    assert memory.find("file", "b") is None
    assert memory.forget("file", "a") and not memory.forget("file", "a")
    assert memory.all("file") == [] and memory.all("batch") == ["two"]


def test_numbers_come_once() -> None:
    memory = Memory()
    assert [memory.next_number() for _ in range(3)] == [1, 2, 3]


@given(some.lists(some.tuples(some.sampled_from("abcdef"), some.integers(0, 12)), max_size=30))
def test_the_oldest_go_when_there_is_no_room(things: list[tuple[str, int]]) -> None:
    """At most three things of ten bytes in all; what is kept again keeps its age; the newest are first."""
    memory = Memory(bytes_max=10, things_max=3)
    expected: dict[str, int] = {}
    for name, size in things:
        memory.keep("thing", name, (name, size), size)
        expected[name] = size
        while len(expected) > 3 or sum(expected.values()) > 10:
            del expected[next(iter(expected))]
    assert memory.all("thing") == [(name, size) for name, size in reversed(expected.items())]
