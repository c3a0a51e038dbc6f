# SPDX-License-Identifier: GPL-3.0-or-later
"""Events out of bytes, however these are cut."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble import event_stream
from scumble.event_stream import Event, Splitter, StreamTooLarge, events, is_stream, located

# What str.splitlines would break at, the mark of an encoding, and letters of two to four bytes.
TEXTS = st.text(st.sampled_from("ab: {}\"'\u2028\u2029\x85\x0b\x0c\x1c\ufeffé문😀"), max_size=8)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """A legal stream, and what it says."""
    text, said = draw(st.sampled_from(["", "\ufeff"])), []
    for _number in range(draw(st.integers(0, 4))):
        name = draw(TEXTS)
        data = draw(st.lists(TEXTS, min_size=1, max_size=3))
        space = draw(st.sampled_from(["", " "]))
        # A value's own first space would be taken for the one that a value may have before it.
        lines = [f"data:{space if space else ' ' * line.startswith(' ')}{line}" for line in data]
        if name:
            lines.insert(draw(st.integers(0, len(lines))), f"event: {name}")
        for noise in draw(st.lists(st.sampled_from([":", ": still here", "id: 7", "retry: 9", "more: no"]))):
            lines.insert(draw(st.integers(0, len(lines))), noise)
        text += "".join(line + draw(ENDS) for line in lines)
        blank = draw(ENDS)
        # CR and then LF would be the end of one line.
        text += "\r\n" if text.endswith("\r") and blank == "\n" else blank
        said.append(Event(name, "\n".join(data).encode()))
    return text.encode(), said


def split(pieces: list[bytes]) -> list[Event]:
    splitter = Splitter()
    return [event for piece in pieces for event in splitter.feed(piece)] + splitter.finish()


@given(streams(), st.data())
def test_any_cutting_of_a_legal_stream_gives_its_events(
    stream: tuple[bytes, list[Event]], data: st.DataObject
) -> None:
    """Within CRLF, within a letter's bytes, within the mark, in empty pieces."""
    body, said = stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert split(pieces) == said
    assert split([bytes([each]) for each in body]) == said
    assert list(events(body)) == said


LINES = st.lists(
    st.sampled_from([b"data", b"data:", b"data: ", b"event:", b"x", b"\r", b"\n", b"\xef\xbb\xbf"])
)


@given(st.binary(max_size=200) | LINES.map(b"".join), st.data())
def test_cutting_makes_no_difference_to_what_is_no_stream_either(body: bytes, data: st.DataObject) -> None:
    """And nothing of it raises."""
    cut = data.draw(st.integers(0, len(body)))
    assert split([body[:cut], body[cut:]]) == split([body]) == list(events(body))


def test_long_data_of_one_line_is_not_copied() -> None:
    """Of a whole stream it stays in its body, of pieces in the memory that its line was put together in."""
    body = b"event: x\ndata: " + b"a" * 1_000_000 + b"\n\n"
    (found,) = located(body)
    assert found.source is body and body[found.start : found.end] == b"a" * 1_000_000
    splitter = Splitter()
    assert splitter.feed(body[:-2]) == []
    tracemalloc.start()
    (event,) = splitter.feed(b"\n\n")
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert event == Event("x", b"a" * 1_000_000) and peak < 100_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"data: a\ndata:b\n\n", [Event("", b"a\nb")], id="several lines"),
        pytest.param(b"data\n\ndata\ndata\n\n", [Event("", b""), Event("", b"\n")], id="no colon"),
        pytest.param(b": hello\n\n:\n\ndata: a\n:x\n\n", [Event("", b"a")], id="comments"),
        pytest.param(b"event: x\n\ndata: a\n\n", [Event("", b"a")], id="a name is of its own event"),
        pytest.param(b"event: x\nevent: y\ndata: a\n\n", [Event("y", b"a")], id="the last name"),
        pytest.param(b"data:  a\n\n", [Event("", b" a")], id="one space is taken"),
        pytest.param(b"databank: a\nDATA: b\n\n", [], id="other fields"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("", b"a")], id="one mark"),
        pytest.param(b"data: a\r\rdata: b\r\r", [Event("", b"a"), Event("", b"b")], id="CR"),
        pytest.param(b"data: a\r\n\r\n", [Event("", b"a")], id="CRLF"),
        pytest.param(b"data: a\n\r\n", [Event("", b"a")], id="mixed"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_the_rules_of_an_event_stream(body: bytes, said: list[Event]) -> None:
    """As WHATWG HTML has them."""
    assert list(events(body)) == said


@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n"])
def test_a_last_event_without_its_blank_line_is_given_all_the_same(end: bytes) -> None:
    """The rule would drop it; it may hold the picture that was paid for."""
    splitter = Splitter()
    assert splitter.feed(b"data: a\n\ndata: b" + end) == [Event("", b"a")]
    assert splitter.finish() == [Event("", b"b")] and splitter.finish() == []


def test_an_event_above_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is one line, several, or never ends one."""
    monkeypatch.setattr(event_stream, "EVENT_BYTES_MAX", 100_000)
    for line in (b"data: " + b"a" * 200_000, b"data: aaaaaa\n" * 20_000, b"x" * 200_000):
        with pytest.raises(StreamTooLarge):
            list(events(line))
    assert len(list(events(b"data: " + b"a" * 60_000 + b"\n\ndata: " + b"b" * 60_000))) == 2


def test_a_stream_of_more_lines_than_any_needs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a server could keep a processor busy with nothing."""
    monkeypatch.setattr(event_stream, "LINES_MAX", 50)
    with pytest.raises(StreamTooLarge):
        list(events(b"\n" * 51))
    assert list(events(b"\n" * 48)) == []


def test_a_long_line_takes_time_in_proportion_whatever_the_pieces() -> None:
    """A splitter that looks at the beginning again with each piece takes 16 times as long for 4 times as
    much; the bound leaves room for a busy machine."""

    def seconds(length: int) -> float:
        splitter, piece = Splitter(), b"a" * 1024
        started = time.process_time()
        for _number in range(length // 1024):
            splitter.feed(piece)
        return time.process_time() - started

    short = min(seconds(4_000_000) for _try in range(3))
    assert min(seconds(16_000_000) for _try in range(2)) < 10 * short + 0.05


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b"data: {}\n\n", "text/event-stream", True),
        (b"event: x\ndata: {}\n\n", "TEXT/Event-Stream; charset=utf-8", True),
        (b"\xef\xbb\xbf\r\n: hello\n\n", "", True),
        (b"data: {}\n\n", "application/json", True),
        (b"", "text/event-stream", True),
        (b'{"data": []}', "text/event-stream", False),
        (b' \n{"error": {}}', "text/event-stream", False),
        (b"<!DOCTYPE html>", "text/event-stream", False),
        (b'{"data": []}', "application/json", False),
        (b"", "application/json", False),
        (b"", "", False),
    ],
)
def test_the_bytes_tell_a_stream_from_json_and_else_the_type(
    body: bytes, media_type: str, expected: bool
) -> None:
    """A JSON error with status 200 and a stream's type is not a stream without events."""
    assert is_stream(body, media_type) is expected
