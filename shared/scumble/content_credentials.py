# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a picture's bytes carry Content Credentials (C2PA): the signed note of how it was made.

They lie in a PNG chunk `caBX`, in JPEG segments APP11 and in a WebP chunk `C2PA`, each as a JUMBF box of
C2PA's own kind (C2PA 2.x, Embedding manifests; ISO 19566-5). Only looked for, not verified: that takes
certificates and cryptography, and openai.com/verify does it. Nothing is copied or unpacked, and the number of
parts looked at is bounded, so that a forged file costs no more than reading it.
"""

from __future__ import annotations

from enum import Enum

from .translation import N_, _

_PARTS_MAX = 100_000
_PNG = b"\x89PNG\r\n\x1a\n"
_C2PA_KIND = bytes.fromhex("63327061 0011 0010 8000 00AA00389B71")
_APP11, _START_OF_SCAN, _END_OF_IMAGE = 0xEB, 0xDA, 0xD9


class Presence(Enum):
    """UNKNOWN: the file is cut or forged, or of a kind where they are not looked for."""

    PRESENT = "yes"
    ABSENT = "no"
    UNKNOWN = "unknown"


_SENTENCES = {
    Presence.PRESENT: N_(
        "The original has Content Credentials, which say how it was made. Saving it again in GIMP, Blender or"
        " another program drops them; the original bytes are kept here, and exporting them keeps them."
    ),
    Presence.ABSENT: N_("The original has no Content Credentials."),
    Presence.UNKNOWN: N_("Whether the original has Content Credentials cannot be told."),
}


def sentence(presence: Presence) -> str:
    """For a person, in the current language."""
    return _(_SENTENCES[presence])


def find(data: bytes) -> Presence:
    """Whether PNG, JPEG or WebP bytes carry Content Credentials; any bytes may be given."""
    if data.startswith(_PNG):
        return _in_png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _in_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _in_webp(data)
    return Presence.UNKNOWN


def _in_png(data: bytes) -> Presence:
    at = len(_PNG)
    for _part in range(_PARTS_MAX):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            return Presence.UNKNOWN
        if kind == b"caBX" and _is_c2pa(data, at + 8, at + 8 + length):
            return Presence.PRESENT
        if kind == b"IEND":
            return Presence.ABSENT
        at += 12 + length
    return Presence.UNKNOWN


def _in_jpeg(data: bytes) -> Presence:
    at = 2
    for _part in range(_PARTS_MAX):
        if data[at : at + 1] != b"\xff":
            return Presence.UNKNOWN
        marker = data[at + 1 : at + 2]
        if marker == b"\xff":  # a marker may be preceded by any number of these
            at += 1
            continue
        if not marker:
            return Presence.UNKNOWN
        if marker[0] in (_START_OF_SCAN, _END_OF_IMAGE):
            return Presence.ABSENT
        if marker[0] == 0x01 or 0xD0 <= marker[0] <= 0xD7:  # these have no length
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4])
        end = at + 2 + length
        if length < 2 or end > len(data):
            return Presence.UNKNOWN
        # "JP", the box's number, the packet's number; a long box goes on in further segments.
        if marker[0] == _APP11 and data[at + 4 : at + 6] == b"JP" and _is_c2pa(data, at + 12, end):
            return Presence.PRESENT
        at = end
    return Presence.UNKNOWN


def _in_webp(data: bytes) -> Presence:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        return Presence.UNKNOWN
    at = 12
    for _part in range(_PARTS_MAX):
        if at == end:
            return Presence.ABSENT
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            return Presence.UNKNOWN
        if data[at : at + 4] == b"C2PA" and _is_c2pa(data, at + 8, at + 8 + length):
            return Presence.PRESENT
        at = min(at + 8 + length + length % 2, end)
    return Presence.UNKNOWN


def _is_c2pa(data: bytes, start: int, end: int) -> bool:
    """Whether a JUMBF superbox begins there whose description says that it is C2PA's manifest store."""
    if data[start + 4 : start + 8] != b"jumb":
        return False
    # A length of 1 says that the real one, of eight bytes, comes after the name.
    inner = start + (16 if int.from_bytes(data[start : start + 4]) == 1 else 8)
    kind_at = inner + 8
    is_description = data[inner + 4 : kind_at] == b"jumd"
    return is_description and kind_at + 16 <= end and data[kind_at : kind_at + 16] == _C2PA_KIND
