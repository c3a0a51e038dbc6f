# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the Batch API: split at the service's limits, read line by line however they are cut."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from servers import gradient_png

from scumble import batch_lines
from scumble.batch_lines import Lines, read_line
from scumble.request import Picture, Request
from scumble.shapes import Size

SIZE = Size(816, 816)
MODEL = "gpt-image-2.5-flare"


def request(prompt: str, **changes: object) -> Request:
    asked = {"kind": "generate", "model": MODEL, "size": SIZE, "quality": "low"} | changes
    return Request(prompt=prompt, **asked)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def test_fifty_thousand_and_one_lines_are_two_files(folder: Path) -> None:
    """Each within the limit, together everything once, in order, and none left on the disk."""
    one = request("moss")
    sizes, ids = [], []
    for part in batch_lines.parts([(f"{number:032x}", one) for number in range(50_001)], folder):
        content = part.path.read_bytes()
        assert content.count(b"\n") == len(part.ids) and len(content) <= batch_lines.BYTES_MAX
        sizes.append(len(part.ids))
        ids += part.ids
    assert sizes == [50_000, 1]
    assert ids == [f"{number:032x}" for number in range(50_001)]
    assert list(folder.iterdir()) == []


def test_a_file_has_at_most_so_many_bytes(tmp_path: Path, folder: Path) -> None:
    """With pictures in its lines, of which no more than one is in memory at a time."""
    picture = tmp_path / "a.png"
    picture.write_bytes(gradient_png(*SIZE))
    edit = request("moss", kind="edit", images=(Picture(SIZE, path=picture),))
    length = sum(len(part.path.read_bytes()) for part in batch_lines.parts([("x", edit)], folder))
    counts = []
    tracemalloc.start()
    for part in batch_lines.parts([(str(number), edit) for number in range(7)], folder, bytes_max=3 * length):
        assert part.path.stat().st_size <= 3 * length
        counts.append(len(part.ids))
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts == [3, 3, 1]
    assert most < 6 * length + 100_000


def test_a_file_is_of_one_endpoint_and_one_model(tmp_path: Path) -> None:
    edit = {"kind": "edit", "images": (Picture(SIZE, gradient_png(*SIZE)),)}
    orders = [
        ("a", request("moss")),
        ("b", request("moss", **edit)),
        ("c", request("moss", model="gpt-image-2")),
        ("d", request("fern")),
    ]
    found = {(part.endpoint, part.model): part.ids for part in batch_lines.parts(orders, tmp_path)}
    assert found == {
        ("/v1/images/generations", MODEL): ("a", "d"),
        ("/v1/images/edits", MODEL): ("b",),
        ("/v1/images/generations", "gpt-image-2"): ("c",),
    }


def test_a_line_is_what_the_service_documents(tmp_path: Path) -> None:
    (part,) = batch_lines.parts([("abc", request("문\n"))], tmp_path)
    assert not part.path.exists()
    for each in batch_lines.parts([("abc", request("문\n"))], tmp_path):
        line = json.loads(each.path.read_bytes())
    assert (line["custom_id"], line["method"], line["url"]) == ("abc", "POST", "/v1/images/generations")
    assert (line["body"]["prompt"], line["body"]["model"], line["body"]["n"]) == ("문\n", MODEL, 1)


def test_a_file_goes_when_its_use_ends(folder: Path) -> None:
    """However it ends."""
    parts = batch_lines.parts([("abc", request("moss"))], folder)
    assert next(parts).path.exists()
    parts.close()
    assert list(folder.iterdir()) == []


def test_a_line_longer_than_a_file_may_be_ends_it(tmp_path: Path) -> None:
    """And does not go round for ever."""
    with pytest.raises(ValueError, match="longer"):
        list(batch_lines.parts([("abc", request("moss" * 100))], tmp_path, bytes_max=100))


@given(
    some.lists(some.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=8), some.data()
)
def test_lines_come_out_whole_wherever_the_pieces_are_cut(lines: list[bytes], data: some.DataObject) -> None:
    """Empty ones do not count, a last one needs no line feed, and what is too long is left out."""
    content = b"\n".join(lines)
    found: list[bytes] = []
    reader = Lines(found.append, longest=8)
    while content:
        length = data.draw(some.integers(1, len(content)))
        reader.feed(content[:length])
        content = content[length:]
    reader.end()
    assert found == [line for line in lines if line.strip() and len(line) <= 8]
    assert reader.left_out == sum(len(line) > 8 for line in lines)


@given(some.binary(max_size=60) | some.text(max_size=30).map(str.encode))
def test_no_line_fails(line: bytes) -> None:
    """Whatever the service sends, it is matched or left out."""
    assert read_line(line) is None or line.startswith(b"{")


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        ({"custom_id": "a", "response": {"status_code": 200, "body": {"data": []}}}, 200, ""),
        ({"custom_id": "a", "response": {"status_code": "200", "body": {}}}, 0, "no-status"),
        ({"custom_id": "a", "response": {"status_code": 99}}, 0, "no-status"),
        ({"custom_id": "a", "error": {"code": "batch_expired"}}, 0, "batch-expired"),
        ({"custom_id": "a", "error": {"code": "A small red door"}}, 0, "no-reason"),
        ({"custom_id": "a", "error": {"code": "a" * 40 + "[b_c]"}}, 0, "a" * 40),
        ({"custom_id": "a", "error": {"code": "body[b_c]"}}, 0, "body-b-c-"),
        ({"custom_id": "a", "response": None, "error": None}, 0, "no-reason"),
        ({"custom_id": "a"}, 0, "no-reason"),
    ],
)
def test_a_line_says_what_came_or_why_not(line: dict[str, object], status: int, error: str) -> None:
    told = read_line(json.dumps(line).encode())
    assert told is not None and (told.custom_id, told.status, told.error) == ("a", status, error)
