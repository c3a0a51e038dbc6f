# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists as people write them: any spreadsheet's CSV, JSON lines; each bad row named, none half understood."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from servers import gradient_png

from scumble import batch_lines, catalog, quotes, sheets, tables
from scumble.errors import BadPicture, BadTable
from scumble.learned import Learned
from scumble.ledger import Ledger
from scumble.request import Request
from scumble.settings import Home
from scumble.shapes import Size
from scumble.tables import Defaults, Row

CATALOG = catalog.load()


def read(folder: Path, text: str | bytes, name: str = "list.csv", **named: object) -> tuple[Row, ...]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return tables.read(path, CATALOG, **named)  # type: ignore[arg-type]


def problems(folder: Path, text: str | bytes, name: str = "list.csv", **named: object) -> str:
    with pytest.raises(BadTable) as caught:
        read(folder, text, name, **named)
    return str(caught.value.details["problems"])


@pytest.mark.parametrize(
    "text",
    [
        'prompt,size\n"a door, red",816x816\n',
        "prompt;size\r\na door, red;816x816\r\n",
        "\ufeffPrompt;Size\r\na door, red;816x816\r\n",
        "sep=;\r\nprompt;size\r\na door, red;816x816\r\n",
        "size\tprompt\t\n816x816\ta door, red\t\n",
        '\n\nprompt,size\n,,\n"a door, red",816x816\n',
    ],
)
def test_every_spreadsheet_s_csv_is_read(tmp_path: Path, text: str) -> None:
    """Commas, semicolons, tabs; with the mark of UTF-8; with Excel's own first line; with empty lines."""
    (row,) = read(tmp_path, text)
    assert (row.request.prompt, row.request.size) == ("a door, red", Size(816, 816))
    assert (row.request.kind, row.request.model) == ("generate", CATALOG.default_model)


def test_every_column_has_its_place(tmp_path: Path) -> None:
    head = "prompt,model,quality,size,n,background,format,compression,moderation,project,name"
    text = f"{head}\nmoss,gpt-image-2.5-sunburst,max,auto,3,transparent,WebP,90,low,book,the moss\n"
    (row,) = read(tmp_path, text)
    request = row.request
    assert (request.model, request.quality, request.size) == ("gpt-image-2.5-sunburst", "max", None)
    assert (request.n, request.background, request.moderation) == (3, "transparent", "low")
    assert (request.output_format, request.output_compression) == ("webp", 90)
    assert (row.name, row.project, row.line) == ("the moss", "book", 2)


def test_json_lines_say_the_same_with_lists_of_pictures(tmp_path: Path) -> None:
    """Numbers are numbers; null and empty texts are left out."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(gradient_png(832, 816))
    line = {"prompt": "moss", "n": 2, "images": ["a.png", "b.png"], "mask": None, "size": ""}
    (row,) = read(tmp_path, json.dumps(line) + "\n\n", "list.jsonl")
    assert (row.request.kind, row.request.n, row.request.size) == ("edit", 2, Size(832, 816))
    assert [picture.read() for picture in row.request.images] == [gradient_png(832, 816)] * 2


def test_pictures_are_found_beside_the_list_and_stay_in_their_files(tmp_path: Path) -> None:
    """Several in a cell are separated by semicolons; an edit is as large as the first, or nearly."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(gradient_png(900, 900))
    (tmp_path / "b.png").write_bytes(gradient_png(816, 816))
    (row,) = read(tmp_path, "prompt,images\nmoss,in/a.png; b.png\n")
    assert [picture.size for picture in row.request.images] == [Size(900, 900), Size(816, 816)]
    assert row.request.size == Size(896, 896)
    assert all(picture.data == b"" and picture.path is not None for picture in row.request.images)


def test_a_picture_that_changed_since_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(gradient_png(816, 816))
    (row,) = read(tmp_path, "prompt,image\nmoss,a.png\n")
    row.require_unchanged()
    (tmp_path / "a.png").write_bytes(gradient_png(832, 816))
    with pytest.raises(BadPicture, match="changed since"):
        row.require_unchanged()


def test_all_bad_rows_are_named_by_their_lines_at_once(tmp_path: Path) -> None:
    """Also where a cell has lines of its own; rows with the same fault are told together."""
    text = (
        'prompt,size,n\n"two\nlines",816x816,1\nmoss,512x512,1\nfern,816x816,x\nfern,816x816,x\n,816x816,\n'
    )
    told = problems(tmp_path, text)
    assert "line 4: " in told and "512x512" in told and "nearest size that works is 816x816" in told
    assert "lines 5, 6: n is not a whole number." in told
    assert told.endswith("line 7: the prompt is empty")


def test_an_unknown_column_is_refused_with_the_nearest_and_all_there_are(tmp_path: Path) -> None:
    told = problems(tmp_path, "prompt,qualty\nmoss,low\n")
    assert "qualty" in told and "the nearest is quality" in told
    assert all(column in told for column in sheets.COLUMNS)
    line = problems(tmp_path, '{"prompt": "moss"}\n{"prompt": "fern", "qualty": "low"}\n', "list.jsonl")
    assert "line 2: there is no column qualty" in line


def test_what_may_be_a_prompt_is_never_repeated(tmp_path: Path) -> None:
    """A cell too few, and every word stands in the wrong column."""
    text = "name,quality,prompt\na small red door,a small red door,low\n"
    assert "door" not in problems(tmp_path, text)
    assert "door" not in problems(tmp_path, "a small red door\nmoss\n")
    assert "door" not in problems(tmp_path, '{"a small red door": 1}\n', "list.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("list.txt", "prompt\nmoss\n", "neither in .csv nor in .jsonl"),
        ("list.csv", "", "no rows"),
        ("list.csv", "prompt\n", "no rows"),
        ("list.csv", "prompt,prompt\nmoss,fern\n", "same name"),
        ("list.csv", "prompt\nmoss,fern\n", "more cells"),
        ("list.csv", 'prompt\n"moss\n', "not CSV's"),
        ("list.csv", b"prompt\n\xff\xfe\n", "not UTF-8"),
        ("list.csv", "prompt,image\nmoss,gone.png\n", "no such file"),
        ("list.csv", "prompt,image\nmoss,list.csv\n", "cannot be read as a picture"),
        ("list.csv", "prompt,image\nmoss,.\n", "not a file"),
        ("list.csv", "prompt,mask\nmoss,list.csv\n", "cannot be read as a picture"),
        ("list.csv", "prompt,n\nmoss,11\n", "n = 11"),
        ("list.csv", "prompt,model\nmoss,gpt-image-1\n", "was shut down"),
        ("list.csv", "prompt,background,format\nmoss,transparent,jpg\n", "png or webp"),
        ("list.jsonl", "[]\n", "not one JSON object"),
        ("list.jsonl", "{\n", "not one JSON object"),
        ("list.jsonl", '{"prompt": ["moss"]}\n', "prompt does not hold text"),
        ("list.jsonl", '{"prompt": "moss", "n": 1.5}\n', "n does not hold text"),
        ("list.jsonl", '{"prompt": "moss", "images": [1]}\n', "names of files"),
        ("list.jsonl", '{"prompt": "moss", "image": "a\\u0000b"}\n', "names of files"),
    ],
)
def test_what_is_no_list_is_refused_with_its_reason(
    tmp_path: Path, name: str, text: str | bytes, reason: str
) -> None:
    assert reason in problems(tmp_path, text, name)


def test_a_pipe_is_no_list_and_no_picture(tmp_path: Path) -> None:
    """Reading one would never end."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes here")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(BadTable, match="not a file"):
        tables.read(tmp_path / "pipe.csv", CATALOG)
    assert "not a file" in problems(tmp_path, "prompt,image\nmoss,pipe.csv\n")


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "a\\b", ".hidden", "con", "NUL.txt", "a:b", "end.", "x" * 151, "tab\tname"]
)
def test_a_name_that_is_no_file_s_is_refused(tmp_path: Path, name: str) -> None:
    """On any system: a list is passed on."""
    line = json.dumps({"prompt": "moss", "name": name})
    assert "name " in problems(tmp_path, line, "list.jsonl")


@pytest.mark.parametrize(
    "rows",
    ["moss,1,a\nfern,1,A\n", "moss,2,a\nfern,1,a-2\n", "moss,1,a-1\nfern,3,a\n", "moss,1,0002\nfog,1,\n"],
)
def test_no_two_rows_have_the_same_file(tmp_path: Path, rows: str) -> None:
    """Whatever the case of letters; several pictures have numbers; rows without a name have theirs."""
    assert "its name is that of line 2 already" in problems(tmp_path, "prompt,n,name\n" + rows)


def test_what_holds_where_a_row_says_nothing(tmp_path: Path) -> None:
    defaults = Defaults(model="gpt-image-2", quality="high", project="book")
    first, second = read(tmp_path, "prompt,quality,project\nmoss,,\nfern,low,harbour\n", defaults=defaults)
    assert (first.request.model, first.request.quality, first.project) == ("gpt-image-2", "high", "book")
    assert (second.request.quality, second.project) == ("low", "harbour")


def test_what_a_batch_does_not_take_is_a_bad_row(tmp_path: Path) -> None:
    """With the models that take it."""
    text = "prompt,model\nmoss,gpt-image-2.6-flare\nfern,gpt-image-2\n"
    told = problems(tmp_path, text, require=batch_lines.require(CATALOG))
    assert told.startswith("\nline 2: ") and "gpt-image-2.5-flare" in told and "line 3" not in told
    assert len(read(tmp_path, text)) == 2


def test_a_row_is_known_by_what_it_asks_for_and_not_by_its_place(tmp_path: Path) -> None:
    """Neither its name, its project nor the picture's place matter; every option and every pixel does."""
    (tmp_path / "a.png").write_bytes(gradient_png(816, 816))
    (tmp_path / "moved.png").write_bytes(gradient_png(816, 816))
    (tmp_path / "other.png").write_bytes(gradient_png(816, 832))
    rows = read(
        tmp_path,
        "prompt,image,name,project,size,quality\n"
        "moss,a.png,x,one,816x816,low\n"
        "moss,moved.png,y,two,816x816,low\n"
        "moss,other.png,,,816x816,low\n"
        "moss,a.png,,,816x832,low\n"
        "moss,a.png,,,816x816,high\n"
        "fern,a.png,,,816x816,low\n",
    )
    keys = [row.key for row in rows]
    assert keys[0] == keys[1] and len(set(keys)) == 5


@given(
    some.lists(
        some.text(some.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip),
        min_size=1,
        max_size=8,
    ),
    some.sampled_from(",;\t"),
)
def test_any_text_in_a_cell_comes_out_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str], separator: str
) -> None:
    """Written by Python's own csv, whatever the separator; space around it does not count."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["prompt", "size"])
    for prompt in prompts:
        writer.writerow([prompt, "816x816"])
    rows = read(tmp_path_factory.mktemp("list"), text.getvalue())
    assert [row.request.prompt for row in rows] == [prompt.strip() for prompt in prompts]


def test_a_quote_has_a_line_each_and_their_sum(tmp_path: Path) -> None:
    """Half of it through a batch; unknown prices are counted and not taken for nothing."""
    rows = read(tmp_path, "prompt,quality,model\nmoss,low,\nfern,max,\nfog,low,gpt-image-2.6-flare\n")
    named = [(row.name, row.request) for row in rows]
    quote = quotes.quote(named, CATALOG)
    costs = [item.estimate.cost for item in quote.items]
    assert [item.name for item in quote.items] == ["0001", "0002", "0003"]
    assert quote.cost.low == sum(cost.low for cost in costs) < quote.cost.high
    assert quote.reserve == sum(item.estimate.reserve for item in quote.items) >= quote.cost.high
    assert not quote.exact and len(quote.reasons) == 1
    half = quotes.quote(named[:2], CATALOG, in_batch=True)
    assert half.exact and 0 <= 2 * half.cost.expected - sum(cost.expected for cost in costs[:2]) <= 4
    assert quotes.quote(named, CATALOG, in_batch=True).unpriced == 1


def test_a_quote_looks_at_the_ledger_once_for_each_kind_of_request(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand rows must not be ten thousand looks."""
    asked: list[Request] = []

    def learned(_self: Ledger, request: Request, _model: object) -> Learned:
        asked.append(request)
        return Learned(900, 1_000, 1_100, 7)

    monkeypatch.setattr(Ledger, "learned", learned)
    request = Request("generate", "gpt-image-2.6-flare", "moss", Size(1024, 1024), "low")
    with Ledger(home.ledger) as ledger:
        quote = quotes.quote([(str(number), request) for number in range(50)], CATALOG, ledger)
    assert len(asked) == 1 and {item.estimate.bills for item in quote.items} == {7}
