# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's panels of Scumble, in the window of the real Blender; the pictures of the docs come from here.

SCUMBLE_PICTURES names a folder for the pictures; whoever changes a panel looks at them.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import FaultServer, resets_after_request
from ui.screens import picture_of, root_with_blender

from scumble import catalog, jobs, store
from scumble.credentials import Account, Secret
from scumble.errors import ConnectionLost
from scumble.jobs import Asker
from scumble.ledger import Ledger
from scumble.request import Request
from scumble.sandbox.server import serve
from scumble.settings import Home
from scumble.shapes import Size
from tools import hosts, package

KEY = "sk-test-planted-key"
MODEL = "gpt-image-2.5-flare"
PROMPTS = ("worn limestone slabs", "mossy bricks", "hammered copper")
UNPLACED = "polished green marble with white veins"
_HERE = Path(__file__).resolve().parent
_SCREEN = "-screen 0 1600x1400x24 -fbdir"
_GEOMETRY = ("--window-geometry", "0", "0", "1600", "1400")


@dataclass(frozen=True)
class Toured:
    """What the tour left: its own facts, the data folder and the pictures of the screen."""

    facts: dict[str, Any]
    home: Home
    out: Path


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The sandbox as a server; with a key its prices count."""
    with serve() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def toured(service: str, tmp_path_factory: pytest.TempPathFactory) -> Toured:
    """Some textures were made, one was paid and not applied, one was lost; a budget is nearly used."""
    root = root_with_blender()
    archive = Path(os.environ.get("SCUMBLE_BLENDER_ZIP") or package.zip_path("blender")).resolve()
    folder = tmp_path_factory.mktemp("tour")
    out, home = folder / "out", Home(folder / "home").make()
    out.mkdir()
    document = folder / "temple.blend"
    for prompt in PROMPTS:
        store.mark_placed(home, made(home, service, prompt, document).id, "Scumble Texture")
    made(home, service, UNPLACED, document)
    with FaultServer(resets_after_request()) as lossy, pytest.raises(ConnectionLost):
        made(home, lossy.base_url, "a texture that was lost", document)
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", ledger.allowance().today + 1_000)
        ledger.set_budget("month", 5_000_000)
    task = {
        "out": str(out),
        "zip": str(archive),
        "document": str(document),
        "language": os.environ.get("SCUMBLE_TOUR_LANGUAGE", "en_US"),
    }
    blender = ["blender", "--factory-startup", "--enable-event-simulate", *_GEOMETRY]
    script = ["--python", str(_HERE / "blender_tour.py")]
    display = ["xvfb-run", "--auto-servernum", "-s", f"{_SCREEN} {out}"]
    program = hosts.Program("env", "", root)
    command = program.command([*display, *blender, *script], [folder, archive.parent, _HERE])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    own = {
        "SCUMBLE_HOME": str(home.folder),
        "SCUMBLE_KEYCHAIN": "off",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": service,
        "BLENDER_USER_RESOURCES": str(folder / "profile"),
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "HOME": str(folder),
        "SCUMBLE_TOUR": json.dumps(task),
    }
    ran = subprocess.run(command, env=inherited | own, capture_output=True, text=True, timeout=400)
    keep_pictures(out)
    assert (out / "facts.json").exists(), ran.stderr[-4000:] + ran.stdout[-4000:]
    facts = json.loads((out / "facts.json").read_text("utf-8"))
    assert "failure" not in facts, facts["failure"]
    return Toured(facts, home, out)


def made(home: Home, base_url: str, prompt: str, document: Path) -> jobs.Result:
    asker = Asker("blender", document=str(document))
    request = Request("generate", MODEL, prompt, Size(1024, 1024), "medium")
    return jobs.perform(request, asker, home, Account(base_url, Secret(KEY), "a test"), catalog.load())


def keep_pictures(out: Path) -> None:
    folder = os.environ.get("SCUMBLE_PICTURES")
    if folder:
        for path in out.glob("*.xwd"):
            picture_of(path).save(Path(folder, f"blender-{path.stem}.png"), optimize=True)


def test_what_was_paid_and_not_applied_is_offered_and_applied(toured: Toured) -> None:
    """The material then has the result's id and its price; one undo takes it back."""
    (unplaced,) = toured.facts["unplaced"]
    kept = store.find(toured.home, unplaced)
    assert kept.asked["prompt"] == UNPLACED
    assert toured.facts["applied"] == {
        "scumble_result": unplaced,
        "scumble_model": MODEL,
        "scumble_micro_dollars": kept.facts["bill"]["total"],
    }
    assert toured.facts["undone"] == []


def test_a_budget_stops_and_is_passed_once_on_purpose(toured: Toured) -> None:
    assert toured.facts["stopped"] == "budget-exceeded"
    with Ledger(toured.home.ledger) as ledger:
        assert ledger.steps(toured.facts["passed"])[0].reason == "over-budget-day"


def test_an_unknown_spending_is_decided_in_the_panel(toured: Toured) -> None:
    (unknown,) = toured.facts["unknown"]
    with Ledger(toured.home.ledger) as ledger:
        assert (ledger.entry(unknown).state, ledger.entry(unknown).billed) == ("settled", 50_000)


def test_no_tick_and_no_drawing_holds_blender(toured: Toured) -> None:
    """16 ms is a frame; the worst of them may meet the garbage collector or a busy machine."""
    noted = {name: sorted(values) for name, values in toured.facts.items() if name.startswith("draws_")}
    noted["ticks"] = sorted(toured.facts["ticks"])
    assert len(noted) == 4
    for name, taken in noted.items():
        print(f"{name}: {len(taken)}, median {taken[len(taken) // 2]:.2f} ms, worst {taken[-1]:.1f} ms")
        assert len(taken) > 10
        assert taken[len(taken) * 9 // 10] < 16, name


def test_typing_a_prompt_changes_no_preferences_and_leaves_no_log(toured: Toured) -> None:
    """The Info editor, which crash reports repeat, has lines for what was done, and none with the prompt."""
    assert toured.facts["typed"] == "oak planks"
    assert not toured.facts["dirty_after_typing"]
    assert "select_all" in toured.facts["log"] and "oak" not in toured.facts["log"]
