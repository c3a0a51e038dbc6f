# SPDX-License-Identifier: GPL-3.0-or-later
"""GIMP's windows of Scumble, gone through by keys in the real GIMP; the pictures of the docs come from here.

SCUMBLE_PICTURES names a folder for the pictures; whoever changes a window looks at them.
"""

from __future__ import annotations

import io
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gimp.conftest import KEY, Record, Studio, installed_zip, new_studio, with_graphics
from PIL import Image
from servers import Behaviour, FaultServer, completed_event, partial_event, resets_after_request, streams

from scumble import catalog, jobs, store
from scumble.credentials import Account, Secret
from scumble.errors import ConnectionLost
from scumble.jobs import Asker
from scumble.ledger import Ledger
from scumble.records import Placing
from scumble.request import Request
from scumble.sandbox.server import serve
from scumble.settings import Home
from scumble.shapes import Rect, Size

__all__ = ["installed_zip", "new_studio"]  # fixtures of tests/gimp, used here

MODEL = "gpt-image-2.5-flare"
PROMPTS = ("a harbour at dusk with a small red door", "a lighthouse on a rock", "rolling hills with a lake")
WINDOW = (992, 672)
UNPLACED = "a bowl of lemons on a wooden table"


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
def studio(new_studio, service: str) -> Studio:
    """Some pictures were made, one was paid and not placed, one was lost; the day's budget is nearly used."""
    studio = new_studio("tour")
    home, document = Home(studio.home), studio.folder / "harbour.xcf"
    for prompt in PROMPTS:
        store.mark_placed(home, made(home, service, prompt, document).id, "GIMP: Scumble Layer 1")
    made(home, service, UNPLACED, document)
    with FaultServer(resets_after_request()) as lossy, pytest.raises(ConnectionLost):
        made(home, lossy.base_url, "a picture that was lost", document)
    with Ledger(home.ledger) as ledger:
        ledger.set_budget("day", ledger.allowance().today + 1_000)
        ledger.set_budget("month", 5_000_000)
    path = studio.folder / "harbour.png"
    path.write_bytes(original(home, PROMPTS[0]))
    beside = with_graphics(studio)
    with FaultServer(previewing(original(home, PROMPTS[1]), studio.out)) as server:
        ran = beside.start(
            beside.program,
            [str(studio.folder / "inside" / "tour.py")],
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=server.base_url,
            SCUMBLE_TEST_PICTURE=str(path),
            SCUMBLE_TEST_DOCUMENT=str(document),
        )
        (studio.out / "connections").write_text(str(server.connections))
    keep_pictures(studio)
    assert ran.returncode == 0, ran.stderr[-6000:]
    return studio


@pytest.fixture
def records(studio: Studio) -> dict[str, Record]:
    return studio.records([])


def made(home: Home, base_url: str, prompt: str, document: Path) -> jobs.Result:
    where = Rect(380, 250, 1024, 768)
    asker = Asker("gimp", document=str(document), placing=Placing(where, Rect(380, 250, 600, 400)))
    request = Request("generate", MODEL, prompt, Size(1024, 768), "medium")
    return jobs.perform(request, asker, home, Account(base_url, Secret(KEY), "a test"), catalog.load())


def original(home: Home, prompt: str) -> bytes:
    kept = next(one for one in store.all_stored(home) if one.asked["prompt"] == prompt)
    return (kept.folder / "picture-1.png").read_bytes()


def previewing(picture: bytes, out: Path) -> Behaviour:
    """Streams two partial pictures, and the finished one when somebody has looked at those."""
    finished = Image.open(io.BytesIO(picture)).resize(WINDOW)
    coarse = [finished.reduce(factor).resize(WINDOW) for factor in (32, 12)]
    encoded = [as_png(one) for one in (*coarse, finished)]
    pause = threading.Event()

    def hold(number: int) -> None:
        if number == len(coarse):
            (out / "held.please").touch()
            while not (out / "go.please").exists():
                pause.wait(0.05)

    events = [partial_event(data, index) for index, data in enumerate(encoded[:-1])]
    return streams(*events, completed_event(encoded[-1]), meanwhile=hold)


def as_png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def keep_pictures(studio: Studio) -> None:
    folder = os.environ.get("SCUMBLE_PICTURES")
    if folder:
        for path in studio.out.glob("*.xwd"):
            picture_of(path).save(Path(folder, f"gimp-{path.stem}.png"), optimize=True)


def picture_of(path: Path) -> Image.Image:
    """A screen as Xvfb writes it: X11's XWD, version 7, 32 bits a pixel (X11/XWDFile.h)."""
    data = path.read_bytes()
    header = struct.unpack(">25I", data[:100])
    start, width, height, stride, colours = header[0], header[4], header[5], header[12], header[19]
    order = "BGRX" if header[7] == 0 else "XRGB"
    pixels = data[start + 12 * colours :][: stride * height]
    return Image.frombytes("RGB", (width, height), pixels, "raw", order, stride)


def test_what_was_paid_and_not_placed_is_said_when_gimp_starts(studio: Studio) -> None:
    """GIMP's own message window, from a process that is gone afterwards."""
    assert (studio.out / "message.xwd").exists()
    running = (studio.out / "processes").read_text().splitlines()
    assert len([line for line in running if "scumble-gimp.py" in line]) == 1, "only the open window's"


def test_an_unknown_spending_is_decided_in_the_window(studio: Studio, records: dict[str, Record]) -> None:
    assert records["spending_closed"].facts["status"] == "success"
    with Ledger(Home(studio.home).ledger) as ledger:
        lost = next(entry for entry in reversed(ledger.entries()) if entry.state == "released")
        assert [step.state for step in ledger.steps(lost.id)] == ["reserved", "sent", "unknown", "released"]
        assert ledger.steps(lost.id)[-1].reason == "by-hand"


def test_a_result_is_placed_from_its_window_and_undone_in_one_step(
    studio: Studio, records: dict[str, Record]
) -> None:
    """The one that was never placed, where it was asked for; it is not offered any more."""
    placed, undone = records["result_placed"].facts, records["result_undone"].facts
    assert placed["layers"][0] == "Scumble Result 1"
    assert placed["layer"]["place"] == [380, 250, 600, 400]
    assert undone["layers"] == undone["first"] and undone["same"]
    assert store.unplaced(Home(studio.home)) == []


def test_a_budget_stops_and_is_passed_once_on_purpose(studio: Studio, records: dict[str, Record]) -> None:
    """The first press sends nothing; the second, on the button that says the price, is recorded as such."""
    assert records["over_budget"].facts["status"] == "success"
    assert records["over_budget"].facts["layers"][0] == "Scumble Fill 1"
    with Ledger(Home(studio.home).ledger) as ledger:
        newest = ledger.entries()[0]
        assert newest.state == "settled"
        assert ledger.steps(newest.id)[0].reason == "over-budget-day"
        assert len(ledger.entries()) == len(PROMPTS) + 3
        assert newest.spending.document == str(studio.folder / "harbour.xcf")
        assert (studio.out / "connections").read_text() == "1"
    remembered = studio.profile / "plug-in-settings" / "GimpProcedureConfigRun-plug-in-scumble-fill.last"
    assert "(over-budget yes)" not in remembered.read_text()


def test_the_dialog_fits_a_small_screen(records: dict[str, Record]) -> None:
    """800x600 while it shows a problem and all that can be chosen; the buttons stay, the form scrolls."""
    width, height = records["small"].facts
    assert width <= 800 and height <= 600


def test_partial_pictures_are_shown_while_it_is_made(studio: Studio) -> None:
    """Chosen under More; the picture of the window changes where the second one is."""
    before, shown = (picture_of(studio.out / f"{name}.xwd") for name in ("budget", "preview"))
    assert colours(shown) > colours(before) + 1_000


def colours(picture: Image.Image) -> int:
    return len(picture.crop((0, 0, 600, 600)).getcolors(1 << 24))


def test_the_original_is_saved_byte_for_byte(studio: Studio) -> None:
    home = Home(studio.home)
    assert (studio.out / "saved.png").read_bytes() == original(home, PROMPTS[0])
    kept = next(one for one in store.all_stored(home) if one.asked["prompt"] == PROMPTS[0])
    assert [place["where"] for place in kept.facts["placed"]] == ["GIMP: Scumble Layer 1", "file"]


def test_what_is_forgotten_is_gone_and_still_on_the_bill(studio: Studio) -> None:
    """Asked first; the newest, which is the one that was streamed. The ledger keeps its spending."""
    kept = store.all_stored(Home(studio.home))
    assert {one.asked["kind"] for one in kept} == {"generate"}
    assert len(kept) == len(PROMPTS) + 1
    with Ledger(Home(studio.home).ledger) as ledger:
        assert ledger.entries()[0].spending.kind == "edit"


def test_a_prompt_is_used_again(records: dict[str, Record]) -> None:
    assert records["prompt_used"].facts["status"] == "success"


def test_a_budget_stops_what_is_asked_again_without_a_window(records: dict[str, Record]) -> None:
    """A person cannot go over it there, whatever the arguments say: the price was never shown."""
    repeated = records["repeated"].facts
    assert repeated["status"] == "execution-error"
    assert repeated["error"].startswith("The budget for today has $0")
    assert "Nothing was billed." in repeated["error"]
