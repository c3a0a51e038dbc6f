# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor: everything that keeps Scumble from showing up or from working, each with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..settings import Home
from . import blender_doctor, gimp_doctor, programs, surroundings
from .findings import Finding
from .places import Host, System

_EXAMINERS: Mapping[Host, Callable[[System, Path, programs.Ask], Iterable[Finding]]] = {
    "gimp": gimp_doctor.examine,
    "blender": blender_doctor.examine,
}
_ABSENT = frozenset({"host-missing", "host-too-old"})


@dataclass(frozen=True)
class Report:
    """Findings by what they are about, in the order in which they are shown."""

    parts: Mapping[str, tuple[Finding, ...]]

    @property
    def problems(self) -> int:
        return sum(finding.is_problem for part in self.parts.values() for finding in part)


def examine(hosts: Sequence[Host], system: System, home: Home, ask: programs.Ask = programs.run) -> Report:
    """Of `hosts`, or of both when it is empty; a host that is not here is then no problem if the other is."""
    parts: dict[str, tuple[Finding, ...]] = {
        host: tuple(_EXAMINERS[host](system, home.folder, ask)) for host in hosts or tuple(_EXAMINERS)
    }
    if not hosts and not all(_is_absent(part) for part in parts.values()):
        parts = {host: _as_notes(part) if _is_absent(part) else part for host, part in parts.items()}
    return Report({**parts, "shared": tuple(surroundings.examine(home, system.environment))})


def _is_absent(part: Sequence[Finding]) -> bool:
    return any(finding.code in _ABSENT for finding in part)


def _as_notes(part: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(replace(one, is_problem=one.is_problem and one.code not in _ABSENT) for one in part)
