# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox remembers between requests, bounded, for as long as its server or its process lives."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

BYTES_MAX = 512 * 1024 * 1024
THINGS_MAX = 10_000


@dataclass(frozen=True)
class _Kept:
    thing: object
    size: int


class Memory:
    """Things by kind and id, for any thread. Beyond the bounds the oldest are forgotten first.

    What is kept should be frozen: two requests may hold the same thing at once.
    """

    def __init__(self, bytes_max: int = BYTES_MAX, things_max: int = THINGS_MAX) -> None:
        self._bytes_max = bytes_max
        self._things_max = things_max
        self._bytes = 0
        self._number = 0
        self._lock = threading.RLock()
        self._things: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    @property
    def lock(self) -> threading.RLock:
        """To hold while something that was found is changed and kept again."""
        return self._lock

    def next_number(self) -> int:
        """1, 2, 3 and so on, once each: for ids."""
        with self._lock:
            self._number += 1
            return self._number

    def keep(self, kind: str, id: str, thing: object, size: int = 0) -> None:
        """Remember it, in the place of what had its name; `size` is about how many bytes it takes."""
        with self._lock:
            before = self._things.get((kind, id))
            self._bytes += size - (before.size if before else 0)
            self._things[kind, id] = _Kept(thing, size)
            while len(self._things) > self._things_max or self._bytes > self._bytes_max:
                _name, oldest = self._things.popitem(last=False)
                self._bytes -= oldest.size

    def find(self, kind: str, id: str) -> object | None:
        with self._lock:
            kept = self._things.get((kind, id))
            return None if kept is None else kept.thing

    def all(self, kind: str) -> list[object]:
        """Those of a kind, the newest first."""
        with self._lock:
            return [kept.thing for (its, _id), kept in reversed(self._things.items()) if its == kind]

    def forget(self, kind: str, id: str) -> bool:
        """Whether there was such a thing."""
        with self._lock:
            kept = self._things.pop((kind, id), None)
            if kept is None:
                return False
            self._bytes -= kept.size
            return True
