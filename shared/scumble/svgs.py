# SPDX-License-Identifier: GPL-3.0-or-later
"""SVG files looked at without drawing them: size, and what in them would act or fetch.

A reply's SVG comes from a model that reads the prompt and other people's pictures, and is opened later by
programs that run scripts and load addresses. So what can act is refused, and what can fetch is reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .shapes import Size
from .translation import _

BYTES_MAX = 8 * 1024 * 1024
_ELEMENTS_MAX = 200_000
_DEPTH_MAX = 256
_EDGE_MAX = 65_535

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|svg|!--)")
_LENGTH = re.compile(r"\s*(\d{1,7}(?:\.\d{1,9})?)(?:px)?\s*")
_ADDRESS_IN_STYLE = re.compile(r"""url\(\s*["']?\s*([^"')]*)|@import\s*(?:url\()?["']?([^"');]*)""", re.I)
_BLANKS = re.compile(r"[\x00-\x20]+")
_ACTING = re.compile(r"(?:^|;)(?:javascript|vbscript|data:text/)", re.I)
_ADDRESSES = ("href", "src")
_ANIMATED = ("to", "from", "by", "values")
_PICTURE_INSIDE = re.compile(r"data:image/(?:png|jpe?g|webp|gif)[;,]", re.I)
_NAMESPACE = "http://www.w3.org/2000/svg"
_ACTIVE = frozenset({"script", "foreignobject", "handler", "listener", "iframe", "embed", "object"})


@dataclass(frozen=True)
class Drawing:
    """Its size in pixels, rounded, and whether it names anything outside itself, as a picture or a font."""

    size: Size
    references_outside: bool


def begins_like_svg(data: bytes) -> bool:
    return _START.match(data, 0, 256) is not None


def read(data: bytes) -> Drawing:
    """Parse the XML to its end, within bounds of size, depth and elements.

    Raises ValueError for what is no whole SVG in UTF-8, has a document type or entities of its own, could act
    (scripts, event handlers, foreign content), or does not say how large it is.
    """
    if len(data) > BYTES_MAX:
        raise ValueError(_("the SVG file is too long"))
    from xml.parsers import expat

    # With the encoding given, a declaration of another one counts nothing.
    parser = expat.ParserCreate("UTF-8", " ")
    found = _Found()
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text
    parser.ProcessingInstructionHandler = found.instruction
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        raise ValueError(_("the SVG file is damaged")) from None
    return Drawing(found.size(), found.references_outside)


def _refuse_document_type(*_declaration: object) -> None:
    raise ValueError(_("the SVG file has a document type, which may hide anything"))


class _Found:
    """What the parser came by; one for each file."""

    def __init__(self) -> None:
        self.references_outside = False
        self._root: dict[str, str] | None = None
        self._path: list[str] = []
        self._elements = 0
        self._style: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _space, local = name.rpartition(" ")
        self._elements += 1
        self._path.append(local.lower())
        if self._elements > _ELEMENTS_MAX or len(self._path) > _DEPTH_MAX:
            raise ValueError(_("the SVG file has too many parts"))
        if self._root is None:
            if (namespace, local) != (_NAMESPACE, "svg"):
                raise ValueError(_("it is not an SVG file"))
            self._root = dict(attributes)
        if local.lower() in _ACTIVE:
            raise ValueError(_("the SVG file holds a script or foreign content"))
        for full_name, value in attributes.items():
            self._attribute(full_name.rpartition(" ")[2].lower(), value, local.lower())

    def end(self, _name: str) -> None:
        if self._path.pop() == "style":
            self._look_at_style("".join(self._style))
            self._style.clear()

    def text(self, text: str) -> None:
        if self._path and self._path[-1] == "style":
            self._style.append(text)

    def instruction(self, target: str, _data: str) -> None:
        """Such as a style sheet at an address."""
        self.references_outside = True

    def size(self) -> Size:
        """From width and height where both are in pixels, else from the view box. Raises ValueError."""
        root = self._root or {}
        edges = [_LENGTH.fullmatch(root.get(name, "")) for name in ("width", "height")]
        texts = [edge[1] for edge in edges if edge]
        if len(texts) < 2:
            box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
            texts = box[2:] if len(box) == 4 and all(map(_LENGTH.fullmatch, box[2:])) else []
        numbers = [max(1, int(float(text) + 0.5)) if float(text) > 0 else 0 for text in texts]
        if len(numbers) != 2 or not 0 < min(numbers) <= max(numbers) <= _EDGE_MAX:
            raise ValueError(_("the SVG file does not say how large it is"))
        return Size(*numbers)

    def _attribute(self, name: str, value: str, element: str) -> None:
        # An animation may set an address that its element does not begin with.
        may_be_address = name in _ADDRESSES or (name in _ANIMATED and element in ("set", "animate"))
        if name.startswith("on") or (may_be_address and _ACTING.search(_BLANKS.sub("", value))):
            raise ValueError(_("the SVG file holds a script or foreign content"))
        if name == "base":
            self.references_outside = True
        elif name in _ADDRESSES and element != "a":
            self._look_at_address(value)
        elif name in _ANIMATED and may_be_address:
            self.references_outside |= "//" in value
        else:
            self._look_at_style(value)

    def _look_at_style(self, text: str) -> None:
        if "(" not in text and "@" not in text:
            return
        if "\\" in text and ("url" in text.lower() or "@" in text):
            # Escapes in CSS can spell any address.
            self.references_outside = True
        for match in _ADDRESS_IN_STYLE.finditer(text):
            self._look_at_address(match[1] or match[2] or "//")

    def _look_at_address(self, address: str) -> None:
        inside = address.strip()
        if not inside.startswith("#") and not _PICTURE_INSIDE.match(inside):
            self.references_outside = True
