# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of things to make, as CSV or JSON lines: columns are parameters, every row is checked at once.

A row's pictures are looked at when the list is read and left on the disk until they are sent, so that a list
of ten thousand edits fits into memory. What makes a row itself is its `key`, not its place in the list.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Literal

from . import png, sheets
from .catalog import Catalog, Model
from .errors import BadPicture, BadRequest, BadTable, UnknownModel
from .request import Picture, Request, check
from .shapes import Size
from .translation import _

_NAME_BYTES_MAX = 150
# No model takes more; asked before the file is read.
_PICTURE_BYTES_MAX = 64_000_000
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f<>:"/\\|?*\x7f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_DEFAULT_SIZE = Size(1024, 1024)


@dataclass(frozen=True)
class Defaults:
    """What holds where a row says nothing; an empty text is the catalogue's own default."""

    model: str = ""
    quality: str = ""
    project: str = ""


@dataclass(frozen=True)
class Source:
    """A picture of a row on the disk, and what it was when it was checked."""

    role: Literal["image", "mask", "markup"]
    path: Path
    digest: str


@dataclass(frozen=True)
class Row:
    """One thing to make. `line` is where it begins in the list; `name` is a file name without its ending.

    The pictures of `request` are files, which are read when they are sent. `key` is 32 hexadecimal digits,
    the same for all rows that ask for the same.
    """

    line: int
    name: str
    project: str
    key: str
    request: Request = field(repr=False)
    sources: tuple[Source, ...] = ()

    def require_unchanged(self) -> None:
        """Raises BadPicture when a picture is no longer what it was when the list was read."""
        for source in self.sources:
            if _looked_at(source.path)[1] != source.digest:
                raise BadPicture(name=source.path.name, reason=_("it was changed since the list was read"))


Require = Callable[[Request, Model], None]


def read(
    path: Path, catalog: Catalog, defaults: Defaults = Defaults(), require: Require | None = None
) -> tuple[Row, ...]:
    """The rows of a list, all of them good; the paths of pictures are relative to the list's folder.

    A name ending in .csv is read as CSV in UTF-8, separated by commas, semicolons or tabs; .jsonl as one JSON
    object a line. `require` refuses, by a BadRequest, what one way of asking does not take. Raises BadTable,
    which names every bad row by its line, or says what is wrong with the list as a whole.
    """
    found = _Reading(path, catalog, defaults, require)
    for line, cells in sheets.records(path):
        found.add(line, cells)
    return found.rows()


class _Reading:
    """The rows so far, and what is wrong with the others."""

    def __init__(self, path: Path, catalog: Catalog, defaults: Defaults, require: Require | None) -> None:
        self._path = path
        self._catalog = catalog
        self._defaults = defaults
        self._require = require
        self._rows: list[Row] = []
        self._lines_by_name: dict[str, int] = {}
        self._problems: dict[str, list[int]] = {}

    def add(self, line: int, cells: Mapping[str, object] | str) -> None:
        """A record, or what is wrong with it."""
        try:
            if isinstance(cells, str):
                raise BadRequest(reason=cells)
            self._rows.append(self._row(line, _Cells(cells)))
        except BadRequest as error:
            self._problems.setdefault(_said(error), []).append(line)

    def rows(self) -> tuple[Row, ...]:
        if self._problems:
            told = [f"{_lines(lines)}: {problem.rstrip('.')}." for problem, lines in self._problems.items()]
            raise BadTable(name=self._path.name, problems="\n".join(["", *told]).removesuffix("."))
        if not self._rows:
            raise BadTable(name=self._path.name, problems=_("it has no rows"))
        return tuple(self._rows)

    def _row(self, line: int, cells: _Cells) -> Row:
        model = self._catalog.usable(
            cells.word("model") or self._defaults.model or self._catalog.default_model, date.today()
        )
        sources, pictures = self._pictures(cells)
        roles = {source.role: picture for source, picture in zip(sources, pictures, strict=True)}
        images = tuple(
            picture for source, picture in zip(sources, pictures, strict=True) if source.role == "image"
        )
        if not images and len(roles):
            raise BadRequest(reason=_("a mask or a markup layer needs an image to lie on"))
        request = Request(
            kind="edit" if images else "generate",
            model=model.id,
            prompt=cells.text("prompt").strip(),
            size=_size(cells.text("size"), images, model),
            quality=cells.word("quality") or self._defaults.quality or self._catalog.default_quality,
            n=cells.number("n", 1) or 1,
            background=cells.word("background") or "auto",
            output_format=_format(cells.word("output_format")),
            output_compression=cells.number("output_compression", None),
            moderation=cells.word("moderation") or "auto",
            complexity=cells.word("complexity") or None,
            images=images,
            mask=roles.get("mask"),
            markup=roles.get("markup"),
        )
        check(request, model, date.today())
        if self._require is not None:
            self._require(request, model)
        name = self._name(cells.text("name").strip(), request.n, line)
        return Row(
            line=line,
            name=name,
            project=cells.text("project").strip() or self._defaults.project,
            key=_key(request, sources),
            request=request,
            sources=sources,
        )

    def _pictures(self, cells: _Cells) -> tuple[tuple[Source, ...], tuple[Picture, ...]]:
        named: list[tuple[Literal["image", "mask", "markup"], str]] = [
            ("image", each) for each in cells.paths("images")
        ]
        for role in ("mask", "markup"):
            paths = cells.paths(role)
            if len(paths) > 1:
                raise BadRequest(reason=_("there can be one {column} only").format(column=role))
            named += [("mask" if role == "mask" else "markup", each) for each in paths]
        looked_at = [_looked_at(self._path.parent / path) for _role, path in named]
        sources = tuple(
            Source(role, self._path.parent / path, digest)
            for (role, path), (_picture, digest) in zip(named, looked_at, strict=True)
        )
        return sources, tuple(picture for picture, _digest in looked_at)

    def _name(self, given: str, pictures: int, line: int) -> str:
        name = given or f"{len(self._rows) + 1:04}"
        problem = _name_problem(name)
        if problem:
            raise BadRequest(reason=problem)
        files = [name] if pictures == 1 else [f"{name}-{number}" for number in range(1, pictures + 1)]
        taken = [self._lines_by_name.get(each.casefold()) for each in (name, *files)]
        first = next((each for each in taken if each is not None), None)
        if first is not None:
            reason = _("its name is that of line {line} already").format(line=first)
            raise BadRequest(reason=reason)
        self._lines_by_name.update({each.casefold(): line for each in (name, *files)})
        return name


@dataclass(frozen=True)
class _Cells:
    """The cells of one row by column; empty ones count as left out."""

    given: Mapping[str, object]

    def text(self, column: str) -> str:
        value = self.given.get(column)
        if value is None:
            return ""
        if isinstance(value, bool | list | dict | float):
            raise BadRequest(reason=_("{column} does not hold text").format(column=column))
        return str(value)

    def word(self, column: str) -> str:
        text = self.text(column).strip()
        if text and not sheets.WORD.fullmatch(text):
            raise BadRequest(reason=_("{column} does not hold a word that it could").format(column=column))
        return text

    def number(self, column: str, otherwise: int | None) -> int | None:
        text = self.text(column).strip()
        if not text:
            return otherwise
        if not re.fullmatch(r"[0-9]{1,6}", text):
            raise BadRequest(reason=_("{column} is not a whole number").format(column=column))
        return int(text)

    def paths(self, column: str) -> list[str]:
        """Several are a list in JSON, and separated by semicolons in a cell."""
        value = self.given.get(column)
        if isinstance(value, list):
            if not all(isinstance(each, str) for each in value):
                raise BadRequest(reason=_("{column} does not hold names of files").format(column=column))
            texts = [str(each) for each in value]
        else:
            texts = self.text(column).split(";")
        paths = [each.strip() for each in texts if each.strip()]
        if any("\0" in path for path in paths):
            raise BadRequest(reason=_("{column} does not hold names of files").format(column=column))
        return paths


def _size(text: str, images: tuple[Picture, ...], model: Model) -> Size | None:
    """An edit without a size is as large as its first picture, or as near to that as the model goes."""
    asked = text.strip().lower()
    if asked == "auto":
        return None
    if not asked:
        return model.sizes.nearest(images[0].size if images else _DEFAULT_SIZE)
    try:
        return Size.parse(asked)
    except ValueError:
        raise BadRequest(reason=_("size is not like 1024x768 or auto")) from None


def _format(word: str) -> str:
    return {"": "png", "jpg": "jpeg"}.get(word.lower(), word.lower())


def _name_problem(name: str) -> str:
    """Why it cannot be a file's name, on any system; an empty text when it can."""
    if _NOT_IN_A_NAME.search(name) or name.startswith(".") or name.endswith((".", " ")):
        return _("name holds what a file's name cannot")
    if _DEVICES.fullmatch(name):
        return _("name is a device's on Windows")
    if len(name.encode("utf-8", "surrogatepass")) > _NAME_BYTES_MAX:
        return _("name is longer than {limit} bytes").format(limit=_NAME_BYTES_MAX)
    return ""


def _looked_at(path: Path) -> tuple[Picture, str]:
    """The picture, left in its file, and the SHA-256 of its bytes. Raises BadPicture."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadPicture(name=path.name, reason=_("it is not a file"))
        if path.stat().st_size > _PICTURE_BYTES_MAX:
            limit = _PICTURE_BYTES_MAX // 1_000_000
            reason = _("it must be under {limit} million bytes").format(limit=limit)
            raise BadPicture(name=path.name, reason=reason)
        data = path.read_bytes()
        media_type, size = png.picture_size(data)
    except FileNotFoundError:
        raise BadPicture(name=path.name, reason=_("there is no such file")) from None
    except (OSError, ValueError):
        raise BadPicture(name=path.name, reason=_("it cannot be read as a picture")) from None
    picture = Picture(size, media_type=media_type, name=path.name, path=path)
    return picture, hashlib.sha256(data).hexdigest()


def _key(request: Request, sources: tuple[Source, ...]) -> str:
    """Of everything that affects the picture; where a picture lies does not."""
    pictures = ("images", "mask", "markup")
    options = {
        each.name: str(getattr(request, each.name)) for each in fields(request) if each.name not in pictures
    }
    sent = [(source.role, source.digest) for source in sources]
    whole = json.dumps([sorted(options.items()), sent], ensure_ascii=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def _said(error: BadRequest) -> str:
    """The error without its frame: a list of problems says once that nothing was sent."""
    if type(error) is BadRequest:
        return str(error.details.get("reason", ""))
    remedy = "" if isinstance(error, UnknownModel) else error.what_to_do
    return " ".join(part for part in (error.what_happened, remedy) if part)


def _lines(lines: list[int]) -> str:
    if len(lines) == 1:
        return _("line {line}").format(line=lines[0])
    return _("lines {lines}").format(lines=", ".join(map(str, lines)))
