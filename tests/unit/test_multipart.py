# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms whose files are sent from disk: byte for byte, in small pieces, and honest when a file changes."""

from __future__ import annotations

import dataclasses
import itertools
import os
import tracemalloc
from datetime import date
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import EchoServer, FaultServer, answers, gradient_png

from scumble import catalog, client, errors, multipart, wire
from scumble.multipart import PIECE_BYTES, CutShort, OnDisk, form, look
from scumble.request import Picture, Request, check
from scumble.shapes import Size
from tests.unit.client_cases import GOOD, KEY, Ledgerlike, account, failure

SIZE = Size(1024, 768)
PNG = gradient_png(*SIZE)
EDIT = Request("edit", "gpt-image-2.5-flare", "a door", SIZE, "medium", images=(Picture(SIZE, PNG),))
MODEL = catalog.load().find(EDIT.model)
TODAY = date(2026, 11, 22)


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    path = tmp_path / "my secret place.png"
    path.write_bytes(PNG)
    return path


def asking_for(path: Path, **changes: object) -> Request:
    picture = Picture(SIZE, name=path.name, path=path)
    return dataclasses.replace(EDIT, **{"images": (picture,), **changes})


def whole(
    fields: list[tuple[str, str]], files: list[tuple[str, str, bytes | OnDisk, str]]
) -> tuple[str, bytes]:
    with form(fields, files) as body:
        data = b"".join(body.pieces)
        assert len(data) == body.length
        return body.content_type, data


class TestForms:
    @given(
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), max_size=4),
        st.lists(st.binary(max_size=100) | st.just(b"\r\n--" * 90), max_size=4),
    )
    def test_another_reader_finds_what_was_put_in(self, values: list[str], contents: list[bytes]) -> None:
        """Python's own parser of mail: the values in any script, the files to the byte, in their order."""
        fields = [(f"field-{number}", value) for number, value in enumerate(values)]
        files: list[tuple[str, str, bytes | OnDisk, str]] = [
            ("image[]", f"image-{number}.png", content, "image/png")
            for number, content in enumerate(contents)
        ]
        content_type, data = whole(fields, files)
        if not fields and not files:
            return
        message = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data
        )
        boundary = content_type.partition("boundary=")[2].encode()
        bodies = [part.partition(b"\r\n\r\n")[2][:-2] for part in data.split(b"--" + boundary)[1:-1]]
        assert bodies == [value.encode() for value in values] + contents
        named = [
            (part.get_param("name", header="content-disposition"), part.get_filename())
            for part in message.iter_parts()
        ]
        assert named == [(name, None) for name, _value in fields] + [(each[0], each[1]) for each in files]

    def test_no_two_forms_have_the_same_boundary(self) -> None:
        """It cannot be guessed, so that no picture can be made to end its part."""
        boundaries = {whole([], [])[0] for _time in range(100)}
        assert len(boundaries) == 100 and all(len(each) >= 60 for each in boundaries)

    @pytest.mark.parametrize("bad", ['a"b', "a\r\nX: y", "a\nb", "a;b", "", "é", "a b", "\0"])
    def test_no_head_can_be_broken_out_of(self, bad: str) -> None:
        """Names are the program's own words; anything else is a defect and sends nothing."""
        for fields, files in (
            ([(bad, "x")], []),
            ([], [(bad, "1.png", b"", "image/png")]),
            ([], [("image", bad, b"", "image/png")]),
            ([], [("image", "1.png", b"", bad)]),
        ):
            with pytest.raises(ValueError), form(fields, files):  # type: ignore[arg-type]
                raise AssertionError("never opened")

    def test_a_file_is_never_whole_in_memory(self, tmp_path: Path) -> None:
        """16 of 4 MB, in the memory of a few pieces."""
        path = tmp_path / "large.png"
        path.write_bytes(bytes(4_000_000))
        files = [("image[]", f"image-{number}.png", look(path, "x"), "image/png") for number in range(16)]
        tracemalloc.start()
        try:
            with form([], files) as body:
                length = sum(map(len, body.pieces))
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert length == body.length > 64_000_000 and peak < 1_000_000

    def test_files_are_closed_afterwards(self, on_disk: Path) -> None:
        """Also when the form is left early."""
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        with form([], [("image", "1.png", look(on_disk, "x"), "image/png")]) as body:
            next(body.pieces)
        after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        assert before == after


class TestFilesThatChange:
    def test_one_that_is_gone_sends_nothing(self, on_disk: Path) -> None:
        """Found before the ledger is told."""
        call = wire.encode(asking_for(on_disk))
        on_disk.unlink()
        with FaultServer(answers(200, GOOD)) as server:
            error, sent = failure(server.base_url, call)
        assert type(error) is errors.BadPicture and sent == 0 and server.received == []
        with pytest.raises(errors.BadPicture, match="cannot be read"):
            wire.encode(asking_for(on_disk))

    @pytest.mark.parametrize("now", [PNG + b"x", PNG[:-1], b"", b"\x00" + PNG[1:]])
    def test_one_that_was_changed_sends_nothing(self, on_disk: Path, now: bytes) -> None:
        """Another length, or only another time of its last change."""
        call = wire.encode(asking_for(on_disk))
        on_disk.write_bytes(now)
        os.utime(on_disk, ns=(10**18, 10**18))
        with FaultServer(answers(200, GOOD)) as server:
            error, sent = failure(server.base_url, call)
        assert type(error) is errors.BadPicture and sent == 0 and server.received == []
        assert "Nothing was billed" in str(error)

    @pytest.mark.parametrize("left", [0, 5_000_000, 7_990_000, 8_000_001])
    def test_one_that_changes_while_it_leaves_is_not_called_whole(self, tmp_path: Path, left: int) -> None:
        """Cut, or grown: the connection is broken off, and it may still be billed."""
        path = tmp_path / "large.png"
        path.write_bytes(b"\x89" * 8_000_000)
        os.utime(path, ns=(1, 1))
        call = wire.Call("/images/edits", files=(("image[]", "1.png", look(path, "x"), "image/png"),))
        with EchoServer() as server:
            error, sent = failure(server.base_url, call, Changing(lambda: os.truncate(path, left)))
        assert type(error) is errors.UploadCutShort and error.details == {"name": "large.png"}
        assert sent == 1 and error.billing is errors.Billing.MAYBE
        assert server.seen == [], "no server was given a whole request"

    def test_a_file_that_fails_at_its_first_byte_costs_nothing(
        self, on_disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A broken disk: the connection is made, and the ledger is not told that something left."""
        call = wire.Call("/images/edits", files=(("image[]", "1.png", look(on_disk, "x"), "image/png"),))

        def broken(_opened: object) -> object:
            raise CutShort("it.png")
            yield

        monkeypatch.setattr(multipart, "_pieces", broken)
        with FaultServer(answers(200, GOOD)) as server:
            error, sent = failure(server.base_url, call)
        assert type(error) is errors.BadPicture and sent == 0 and server.received == []

    def test_an_error_shows_neither_the_folder_nor_the_key(self, on_disk: Path) -> None:
        """Only the name that the user gave the file."""
        call = wire.encode(asking_for(on_disk))
        on_disk.unlink()
        error, _sent = failure("http://127.0.0.1:9/v1", call)
        assert str(on_disk.parent) not in str(error) and KEY not in str(error)


class Changing(Ledgerlike):
    """Does something as the body begins to leave."""

    def __init__(self, change: object) -> None:
        super().__init__()
        self._change = change

    def __call__(self) -> None:
        super().__call__()
        self._change()  # type: ignore[operator]


class TestPictures:
    def test_a_picture_on_disk_arrives_as_one_in_memory_does(self, on_disk: Path) -> None:
        """Byte for byte, and its name stays here."""
        request = asking_for(on_disk)
        check(request, MODEL, TODAY)
        with EchoServer() as server:
            client.send(wire.encode(request), account(server.base_url), on_sent=Ledgerlike())
        (seen,) = server.seen
        assert seen.images == (PNG,) and seen.file_names == ("image-1.png",)
        assert b"secret" not in seen.body

    def test_all_parts_of_an_edit_can_be_files(self, tmp_path: Path) -> None:
        """Pictures and mask; 16 pictures keep their order."""
        paths = [tmp_path / f"{number}.png" for number in range(17)]
        pictures = [gradient_png(*SIZE) + b"%d" % number for number in range(17)]
        for path, data in zip(paths, pictures, strict=True):
            path.write_bytes(data)
        images = tuple(Picture(SIZE, path=path) for path in paths[:16])
        request = dataclasses.replace(EDIT, images=images, mask=Picture(SIZE, path=paths[16]))
        with EchoServer() as server:
            client.send(wire.encode(request), account(server.base_url), on_sent=Ledgerlike())
        (seen,) = server.seen
        assert seen.images == tuple(pictures[:16]) and seen.mask == pictures[16]

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"\xff\xd8\xff" + bytes(99), "its content is not what its type says"),
            (gradient_png(16, 16), "its size is not the one stated"),
            (b"", "its content is not what its type says"),
        ],
    )
    def test_a_file_is_checked_by_its_first_bytes(self, tmp_path: Path, data: bytes, reason: str) -> None:
        """As bytes are."""
        path = tmp_path / "x.png"
        path.write_bytes(data)
        with pytest.raises(errors.BadPicture, match=reason):
            check(asking_for(path), MODEL, TODAY)

    def test_a_file_is_checked_without_reading_it(self, tmp_path: Path) -> None:
        """One of 50 MB, sparse: refused by its length, in little memory."""
        path = tmp_path / "x.png"
        path.write_bytes(PNG)
        tracemalloc.start()
        try:
            os.truncate(path, 49_999_999)
            check(asking_for(path), MODEL, TODAY)
            os.truncate(path, 50_000_000)
            with pytest.raises(errors.BadPicture, match="under 50 million bytes"):
                check(asking_for(path), MODEL, TODAY)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("role", ["images", "mask"])
    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path, role: str) -> None:
        """A folder as well; nothing is sent."""
        for path in (tmp_path / "none.png", tmp_path):
            bad = Picture(SIZE, name="x.png", path=path)
            request = dataclasses.replace(EDIT, **{role: (bad,) if role == "images" else bad})
            with pytest.raises(errors.BadPicture, match=r"x\.png"):
                check(request, MODEL, TODAY)

    def test_a_mask_in_a_file_needs_alpha(self, on_disk: Path) -> None:
        """The colour type in its header says so."""
        with pytest.raises(errors.BadPicture, match="alpha"):
            check(dataclasses.replace(EDIT, mask=Picture(SIZE, path=on_disk)), MODEL, TODAY)

    def test_a_picture_is_one_or_the_other(self, on_disk: Path) -> None:
        """Which of two contents would be sent is not left open; and either can be read whole."""
        with pytest.raises(ValueError, match="not as both"):
            Picture(SIZE, PNG, path=on_disk)
        assert Picture(SIZE, PNG).read() == Picture(SIZE, path=on_disk).read() == PNG
        assert Picture(SIZE, PNG).length == Picture(SIZE, path=on_disk).length == len(PNG)
        with pytest.raises(errors.BadPicture):
            Picture(SIZE, path=on_disk.parent).read()

    def test_pieces_are_small(self) -> None:
        """urllib3 gives each the time that a connection may take."""
        pieces = list(multipart.in_pieces(bytes(range(256)) * 1_000))
        assert b"".join(pieces) == bytes(range(256)) * 1_000
        assert max(map(len, pieces)) == PIECE_BYTES
        assert list(itertools.islice(multipart.in_pieces(b""), 1)) == []
