# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command scumble …`: the command line's options, documents and exit codes, inside Blender."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from blender import scenes
from servers import FaultServer

from scumble.errors import Exit
from scumble.ledger import Ledger
from scumble.settings import Home

Module = Callable[[str], ModuleType]
Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def command(module: Module, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs it with --json; gives the exit code and the document."""

    def run(*arguments: object) -> tuple[int, dict[str, Any]]:
        capfd.readouterr()
        code = module("command").run([*map(str, arguments), "--json"])
        printed = capfd.readouterr().out
        return code, json.loads(printed)

    return run


@pytest.fixture
def temple(tmp_path: Path) -> Path:
    """A file with a selected plane, Floor, and a cube, Pillar, that is not selected."""
    scenes.cube("Pillar")
    scenes.select(scenes.plane("Floor"))
    path = scenes.saved(tmp_path, "temple.blend")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return path


def test_a_texture_goes_onto_the_named_objects_of_a_file(
    command: Command, temple: Path, service: FaultServer, home: Home
) -> None:
    """The file that was named for it has the material; the one that was read is as it was."""
    out, before = temple.with_name("out.blend"), temple.read_bytes()
    code, document = command(
        "texture", temple, "--prompt", "oak", "--object", "Pillar", "--quality", "low", "-o", out
    )
    assert code == Exit.DONE
    assert document["files"] == [str(out)] and not document["sandbox"]
    with Ledger(home.ledger) as ledger:
        entry = ledger.entry(document["id"])
    assert entry.spending.quality == "low" and entry.spending.document == str(temple)
    assert document["bill"]["usd"] == f"0.{entry.billed:06d}"
    bpy.ops.wm.open_mainfile(filepath=str(out))
    pillar, floor = bpy.data.objects["Pillar"], bpy.data.objects["Floor"]
    assert [pillar.active_material.name] == document["materials"]
    assert pillar.active_material["scumble_micro_dollars"] == entry.billed
    assert floor.active_material is None
    assert temple.read_bytes() == before


def test_without_a_name_the_selected_objects_get_it(command: Command, temple: Path) -> None:
    """In the sandbox, which bills nothing; the file itself may be the one to write."""
    code, document = command("texture", temple, "--prompt", "oak", "-o", temple)
    assert code == Exit.DONE
    assert document["sandbox"] and document["bill"]["usd"] == "0.000000"
    assert float(document["bill"]["would_be_usd"]) > 0
    bpy.ops.wm.open_mainfile(filepath=str(temple))
    assert bpy.data.objects["Floor"].active_material is not None


def test_the_prompt_can_come_from_standard_input(
    command: Command, temple: Path, monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    """Then it is in no list of processes."""
    monkeypatch.setattr("sys.stdin", io.StringIO("mossy bricks\n"))
    code, document = command("texture", temple, "--prompt", "-", "-o", temple)
    assert code == Exit.DONE
    listed = command("results", "list")[1]["results"]
    assert [one["id"] for one in listed] == [document["id"]]
    assert listed[0]["prompt"].startswith("mossy bricks")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--prompt", "oak", "--object", "Nobody"], "bad-request", "no object named Nobody"),
        (["--prompt", " "], "bad-request", "the prompt is empty"),
        (["--prompt", "oak", "--size", "1000x1000"], "bad-size", "multiples of 16"),
        (["--prompt", "oak", "--colour", "red"], "bad-request", "--colour"),
        (["--prompt", "oak", "--target", "active"], "no-target", "no active material"),
    ],
)
def test_what_is_wrong_costs_nothing_and_writes_nothing(
    command: Command, temple: Path, home: Home, words: list[str], code: str, says: str
) -> None:
    out = temple.with_name("out.blend")
    exit_code, document = command("texture", temple, *words, "-o", out)
    assert exit_code not in (Exit.DONE, Exit.BUDGET)
    assert document["error"]["code"] == code and says in document["error"]["message"]
    assert document["error"]["billing"] == "nothing"
    assert not out.exists() and not list(home.results.glob("*"))


def test_a_budget_stops_with_its_own_exit_code_and_may_be_passed(
    command: Command, temple: Path, service: FaultServer
) -> None:
    assert command("budget", "set", "day", "0.001")[0] == Exit.DONE
    asked = ("texture", temple, "--prompt", "oak", "-o", temple)
    code, document = command(*asked)
    assert code == Exit.BUDGET and document["error"]["code"] == "budget-exceeded"
    assert command(*asked, "--over-budget")[0] == Exit.DONE
    entries = command("spend")[1]["entries"]
    assert entries[0]["events"][0]["reason"] == "over-budget-day"


def test_a_file_that_is_none_is_said(command: Command, tmp_path: Path) -> None:
    broken = tmp_path / "broken.blend"
    broken.write_bytes(b"no blend")
    code, document = command("texture", broken, "--prompt", "oak", "-o", tmp_path / "out.blend")
    assert code != Exit.DONE and "cannot be opened" in document["error"]["message"]
