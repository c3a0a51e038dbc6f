# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble results`: what was paid is found, shown, exported and placed again without paying."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw

from scumble import store
from scumble.cli import main
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.servers import EchoServer, success
from tests.unit.cli_cases import run

from .test_content_credentials import jumbf, png

PAID = {
    "kind": "generate",
    "model": "gpt-image-2",
    "prompt": "a small red door,\n작은 \x1b[31m빨간 문",
    "size": "8x8",
    "quality": "low",
    "n": 1,
    "host": "gimp",
    "sandbox": False,
}
SIGNED = png(jumbf())


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([*map(str, arguments)]) == 2
    return capsys.readouterr().err


def keep(home: Home, id: str, picture: bytes = SIGNED, **asked: object) -> None:
    store.keep(home, id, success([picture] * int(str(asked.get("n", 1)))), "application/json", PAID | asked)


def bill(home: Home, id: str, total: int) -> None:
    store.describe(home, id, bill={"total": total, "lines": [], "from_usage": True}, size="8x8")


def test_the_newest_come_first_and_can_be_searched(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """By all of the words, in any case and script; or by what was never placed."""
    keep(home, "aaaa1111")
    keep(home, "bbbb2222", prompt="Old PLANKS and a door")
    keep(home, "cccc3333", prompt="planks", sandbox=True)
    store.mark_placed(home, "bbbb2222", "layer 2")

    def ids(*arguments: str) -> list[str]:
        return [one["id"] for one in run(capsys, "results", "list", *arguments)["results"]]

    assert ids() == ["cccc3333", "bbbb2222", "aaaa1111"]
    assert ids("planks") == ["cccc3333", "bbbb2222"] and ids("door", "planks") == ["bbbb2222"]
    assert ids("빨간") == ["aaaa1111"] and ids("nothing") == []
    assert ids("--unplaced") == ["aaaa1111"]
    assert ids("--limit", "1") == ["cccc3333"]


def test_a_list_is_one_line_each_and_steers_no_terminal(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """A prompt may hold anything."""
    keep(home, "aaaa1111")
    bill(home, "aaaa1111", 13_170)
    assert main(["results", "list"]) == 0
    _head, line = capsys.readouterr().out.splitlines()
    assert line.startswith("aaaa1111") and "$0.013" in line and "\x1b" not in line
    assert main(["results", "show", "aaaa"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_nothing_kept_is_said(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is created."""
    assert main(["results", "list"]) == 0
    assert "Nothing is kept." in capsys.readouterr().out
    assert list(home.folder.iterdir()) == []


def test_show_says_all_and_that_saving_again_drops_the_credentials(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked, billed, placed, and the Content Credentials in words."""
    keep(home, "aaaa1111")
    bill(home, "aaaa1111", 13_170)
    store.mark_placed(home, "aaaa1111", "door.xcf, layer 2")
    document = run(capsys, "results", "show", "aaaa1111")
    assert document["content_credentials"]["present"] == "yes"
    assert document["billed_usd"] == "0.013170" and document["asked"]["prompt"] == PAID["prompt"]
    assert document["placed"][0]["where"] == "door.xcf, layer 2"
    assert main(["results", "show", "aaaa1111"]) == 0
    said = capsys.readouterr().out
    for words in ("a small red door", "gpt-image-2, low, 8x8", "$0.013", "door.xcf, layer 2", "drops them"):
        assert words in said
    keep(home, "bbbb2222", png(None))
    assert run(capsys, "results", "show", "bbbb")["content_credentials"]["present"] == "no"
    assert main(["results", "show", "bbbb"]) == 0
    said = capsys.readouterr().out
    assert "no Content Credentials" in said and "Never placed." in said and "Billed: unknown" in said


def test_export_gives_the_original_bytes(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With their credentials, whatever the name; several are numbered; the whole reply as well."""
    keep(home, "aaaa1111")
    keep(home, "bbbb2222", n=2)
    document = run(capsys, "results", "export", "aaaa", "-o", tmp_path / "out.jpg")
    assert document["files"] == [str(tmp_path / "out.jpg")]
    assert (tmp_path / "out.jpg").read_bytes() == SIGNED
    assert run(capsys, "results", "list", "--unplaced")["count"] == 1
    run(capsys, "results", "export", "bbbb", "-o", tmp_path / "two.png")
    assert [(tmp_path / f"two-{number}.png").read_bytes() for number in (1, 2)] == [SIGNED, SIGNED]
    run(capsys, "results", "export", "aaaa", "--reply", "-o", tmp_path / "reply.json")
    assert (tmp_path / "reply.json").read_bytes() == success([SIGNED])


def test_a_reply_that_cannot_be_read_is_exported_whole(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It was paid all the same."""
    store.keep(home, "aaaa1111", b"<html>", "text/html", PAID)
    assert main(["results", "export", "aaaa", "-o", str(tmp_path / "x.png")]) == 5
    capsys.readouterr()
    run(capsys, "results", "export", "aaaa", "--reply", "-o", tmp_path / "x.html")
    assert (tmp_path / "x.html").read_bytes() == b"<html>"
    assert run(capsys, "results", "show", "aaaa")["content_credentials"]["present"] == "unknown"


def test_an_id_must_tell_one_result(home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Its beginning is enough; nothing outside the store can be named."""
    keep(home, "aaaa1111")
    keep(home, "aaaa2222")
    assert "2 results begin with aaaa" in refused(capsys, "results", "show", "aaaa")
    assert "0 results" in refused(capsys, "results", "show", "../results/aaaa1111")
    assert "begin with a;" in refused(capsys, "results", "forget", "a")
    assert run(capsys, "results", "show", "aaaa1")["id"] == "aaaa1111"


def test_forgetting_what_was_paid_and_not_placed_takes_a_second_word(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """No paid picture is lost by a slip."""
    keep(home, "aaaa1111")
    keep(home, "bbbb2222", sandbox=True)
    assert "--yes" in refused(capsys, "results", "forget", "aaaa1111")
    assert run(capsys, "results", "forget", "bbbb2222") == {"forgotten": "bbbb2222"}
    run(capsys, "results", "forget", "aaaa1111", "--yes")
    assert list(home.results.iterdir()) == []


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.copy()


@pytest.fixture
def edited(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """An edit in the sandbox, its files, and what became of it."""
    down = Image.linear_gradient("L").resize((1300, 1000))
    Image.merge("RGB", (down.rotate(180), down, Image.effect_noise(down.size, 60))).save(tmp_path / "in.png")
    mask = Image.new("L", down.size, 0)
    ImageDraw.Draw(mask).ellipse((700, 500, 900, 640), fill=255)
    mask.save(tmp_path / "mask.png")
    document = run(
        capsys, "edit", tmp_path / "in.png", "--mask", tmp_path / "mask.png", "--prompt", "a red brick wall",
        "-o", tmp_path / "out.png",
    )  # fmt: skip
    return document | {"folder": tmp_path}


def test_an_edit_is_placed_again_as_it_was(
    edited: dict[str, Any], home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pixel for pixel what the edit gave, from the reply alone; and the files beside it are there again."""
    folder, id = edited["folder"], edited["id"]
    (home.results / id / "picture-1.png").unlink()
    before = run(capsys, "spend")["all"]
    run(
        capsys, "results", "restore", id, folder / "in.png", "--mask", folder / "mask.png",
        "-o", folder / "again.png",
    )  # fmt: skip
    first, again = opened(folder / "out.png"), opened(folder / "again.png")
    assert ImageChops.difference(first, again).getbbox() is None
    assert (home.results / id / "picture-1.png").exists()
    assert run(capsys, "spend")["all"] == before, "nothing was paid again"
    assert len(run(capsys, "results", "show", id)["placed"]) == 2


def test_an_edit_is_placed_only_where_it_belongs(
    edited: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Another picture, mask or context is found out; so is none."""
    folder, id = edited["folder"], edited["id"]
    again = ("-o", folder / "again.png")
    opened(folder / "in.png").resize((4000, 3000)).save(folder / "large.png")
    opened(folder / "mask.png").resize((4000, 3000)).save(folder / "large-mask.png")
    large = (folder / "large.png", "--mask", folder / "large-mask.png")
    assert "name the picture" in refused(capsys, "results", "restore", id, *again)
    assert "with a mask" in refused(capsys, "results", "restore", id, folder / "in.png", *again)
    assert "would have been sent" in refused(
        capsys, "results", "restore", id, *large, "--context", "wide", *again
    )
    assert not (folder / "again.png").exists()


def test_a_restored_result_settles_what_was_unknown(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bill is in the reply that was kept."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    with EchoServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        home.catalog.write_text('{"schema": 1, "prices_hold_for": ["127.0.0.1"]}')
        real = Ledger.settle

        def broken(ledger: Ledger, id: str, bill: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Ledger, "settle", broken)
        main(["generate", "--prompt", "x", "-o", str(tmp_path / "x.png")])
        monkeypatch.setattr(Ledger, "settle", real)
    (one,) = store.all_stored(home)
    with Ledger(home.ledger) as ledger:
        assert ledger.entry(one.id).state == "unknown"
    capsys.readouterr()
    run(capsys, "results", "restore", one.id, "-o", tmp_path / "x.png")
    with Ledger(home.ledger) as ledger:
        entry = ledger.entry(one.id)
    assert entry.state == "settled" and entry.billed > 0 and entry.from_usage
    assert opened(tmp_path / "x.png").size == (1024, 1024)
    assert run(capsys, "results", "show", one.id)["billed_usd"] != "0.000000"
    assert io.BytesIO((tmp_path / "x.png").read_bytes()).read(4) == b"\x89PNG"


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_limit_is_a_number_of_results(capsys: pytest.CaptureFixture[str], limit: str) -> None:
    """Anything else is wrong usage, and not quietly another list."""
    assert main(["results", "list", "--limit", limit, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad-request"
