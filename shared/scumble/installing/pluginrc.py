# SPDX-License-Identifier: GPL-3.0-or-later
"""What GIMP noted of plug-ins when it last asked them, read from the profile's `pluginrc` and `gimprc`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MAIN = "scumble-gimp.py"
_MOST_BYTES = 32 * 1024 * 1024
_STRING = r'"((?:[^"\\]|\\.)*)"'
_DEFINITION = re.compile(rf"^\(plug-in-def {_STRING} (\d+)", re.M)
# Name, blurb, help, author, copyright, date, label.
_PROCEDURE = re.compile(r"\(proc-def " + _STRING + r"\s+\d+\s+" + r"\s+".join([_STRING] * 6))
_PLUG_IN_PATH = re.compile(rf"^\s*\(plug-in-path\s+{_STRING}", re.M)
_NOT_WORKING = "Scumble is not working"


@dataclass(frozen=True)
class Registered:
    """One plug-in as GIMP knows it: its file, the time of that file in seconds, and label by procedure."""

    file: str
    changed_at: int
    labels: Mapping[str, str]
    explanation: str = ""
    """Why it has nothing but an entry that says that it is not working."""


@dataclass(frozen=True)
class PluginRc:
    written_at: float
    ours: tuple[Registered, ...]
    runs_python: bool
    """Whether any Python plug-in was registered; GIMP brings several."""


def read(profile: Path) -> PluginRc | None:
    """None where GIMP has not written it. Pictures in it are not text, so bytes that are none are replaced.

    GIMP notes only plug-ins that registered something. Raises OSError.
    """
    path = profile / "pluginrc"
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", errors="replace")
        written_at = path.stat().st_mtime
    except FileNotFoundError:
        return None
    return parsed(text, written_at)


def parsed(text: str, written_at: float) -> PluginRc:
    heads = list(_DEFINITION.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    files = [_unescaped(head[1]) for head in heads]
    ours = tuple(
        _registered(file, int(head[2]), text[head.end() : end])
        for file, head, end in zip(files, heads, ends, strict=False)
        if re.split(r"[/\\]", file)[-1] == _MAIN
    )
    others = [file for file in files if file.endswith(".py")]
    return PluginRc(written_at, ours, bool(others))


def searches_profile(profile: Path) -> bool:
    """Whether GIMP looks for plug-ins in the profile: a user may have taken it from the folders in gimprc.

    Raises OSError.
    """
    try:
        text = (profile / "gimprc").read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return True
    told = _PLUG_IN_PATH.findall(text)
    if not told:
        return True
    folders = _unescaped(told[-1]).replace("\\", "/")
    return any(own in folders for own in ("${gimp_dir}/plug-ins", (profile / "plug-ins").as_posix()))


def _registered(file: str, changed_at: int, section: str) -> Registered:
    labels = {}
    explanation = ""
    for found in _PROCEDURE.finditer(section):
        name, blurb, label = _unescaped(found[1]), _unescaped(found[2]), _unescaped(found[7])
        labels[name] = label
        if label.startswith(_NOT_WORKING):
            explanation = blurb
    return Registered(file, changed_at, labels, explanation)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
