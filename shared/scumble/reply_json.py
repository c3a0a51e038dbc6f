# SPDX-License-Identifier: GPL-3.0-or-later
"""A reply's JSON, read without a copy of the pictures in it.

A picture is one string of base64, as long as the reply itself. json.loads would make a text of the whole and
another of that string; here long strings are cut out first and stay where they are.
"""

from __future__ import annotations

import binascii
import io
import json
import secrets
from dataclasses import dataclass, field

# Longer than any text that is read as such; a picture of 16 by 16 pixels may be shorter, and is then a str.
LONG_BYTES = 65_536

# What a reply may hold beside pictures. Hostile ones would keep the reader busy, or fill the memory.
_REST_BYTES_MAX = 16 * 1024 * 1024
_QUOTES_MAX = 200_000
_BACKSLASHES_MAX = 4_096
_PIECE_BYTES = 3 * 1024 * 1024


@dataclass(frozen=True)
class LongText:
    """A long string, still in the bytes of the reply; `escaped` when a backslash is in it."""

    text: memoryview = field(repr=False)
    escaped: bool

    def from_base64(self) -> bytes:
        """What it stands for; `\\/` counts as `/`. Raises binascii.Error when it is not strictly base64."""
        if not self.escaped:
            return binascii.a2b_base64(self.text, strict_mode=True)
        decoded = io.BytesIO()
        left = b""
        for start in range(0, len(self.text), _PIECE_BYTES):
            piece = left + self.text[start : start + _PIECE_BYTES]
            # The slash may be in the next piece.
            cut = len(piece) - piece.endswith(b"\\")
            plain = piece[:cut].replace(b"\\/", b"/")
            whole = len(plain) - len(plain) % 4
            if b"=" in plain[:whole] and start + _PIECE_BYTES < len(self.text):
                raise binascii.Error("padding before the end")
            decoded.write(binascii.a2b_base64(plain[:whole], strict_mode=True))
            left = plain[whole:] + piece[cut:]
        decoded.write(binascii.a2b_base64(left, strict_mode=True))
        return decoded.getvalue()


def read_reply(body: bytes | bytearray, begin: int = 0, stop: int | None = None) -> object:
    """The document, or None when the body is no JSON that a reply could be (NaN and Infinity are none).

    Only what lies between `begin` and `stop` is read. In objects, strings of more than LONG_BYTES are
    LongText; in arrays they are not looked for.
    """
    # Random, so that nothing in the reply can stand for what was cut out.
    mark = secrets.token_hex(16)
    rest: list[bytes | bytearray] = []
    long: dict[str, LongText] = {}
    stop = len(body) if stop is None else stop
    copied = at = begin
    quotes = 0
    while (start := body.find(b'"', at, stop)) >= 0:
        end = body.find(b'"', start + 1, stop)
        while end >= 0 and quotes < _QUOTES_MAX and _is_escaped(body, end):
            end = body.find(b'"', end + 1, stop)
            quotes += 1
        quotes += 1
        if end < 0 or quotes > _QUOTES_MAX:
            return None
        if end - start > LONG_BYTES:
            name = f"{mark}{len(long)}"
            text = memoryview(body)[start + 1 : end]
            long[name] = LongText(text, escaped=body.find(b"\\", start, end) >= 0)
            rest += [body[copied : start + 1], name.encode()]
            copied = end
        at = end + 1
    if sum(map(len, rest)) + stop - copied > _REST_BYTES_MAX:
        return None
    rest.append(body[copied:stop])

    def with_long_texts(found: list[tuple[str, object]]) -> dict[str, object]:
        return {name: long.get(value, value) if isinstance(value, str) else value for name, value in found}

    try:
        return json.loads(
            b"".join(rest).decode("utf-8"), parse_constant=_refuse, object_pairs_hook=with_long_texts
        )
    except (ValueError, RecursionError):
        return None


def _is_escaped(body: bytes | bytearray, quote: int) -> bool:
    """Whether an odd number of backslashes stands before it; of absurdly many, as if it were."""
    before = body[max(0, quote - _BACKSLASHES_MAX) : quote]
    backslashes = len(before) - len(before.rstrip(b"\\"))
    return backslashes % 2 == 1 or backslashes == _BACKSLASHES_MAX


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
