# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the gettext catalogues in step with the messages in the sources; English is the source.

A translation stays as long as its English does. Where the English was reworded, the old translation is
offered as fuzzy: nobody sees it until a translator has looked at it and taken the mark away. What is no
longer in the sources goes. The files hold no dates and no line numbers, so the same sources give the same
files.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("ko",)
_KEYWORDS = ("_", "N_")
_ALIKE = 0.6
_WIDTH = 110

_HEADER = """\
# SPDX-License-Identifier: GPL-3.0-or-later
# Made by `python -m tools.translations` from the sources; only what stands after msgstr is written by hand.
msgid ""
msgstr ""
"Project-Id-Version: {domain}\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""


@dataclass(frozen=True)
class Domain:
    """A gettext domain: its name, and the package that speaks it and holds its `locale` folder."""

    name: str
    package: str

    def po(self, language: str) -> Path:
        return ROOT / self.package / "locale" / language / "LC_MESSAGES" / f"{self.name}.po"


LIBRARY = Domain("scumble", "shared/scumble")
GIMP = Domain("scumble-gimp", "gimp_plugin/scumble_gimp")
DOMAINS = (LIBRARY, GIMP)


def extracted(domain: Domain) -> Catalog:
    """Every message that the sources give to `_` or `N_`, in the order of files and lines."""
    catalogue = Catalog()
    for file in sorted((ROOT / domain.package).rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        for line, message in _calls(ast.parse(file.read_bytes(), path)):
            catalogue.add(message, locations=[(path, line)])
    return catalogue


def _calls(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each call, in the order of the source; also inside an f-string, where gettext's own
    extractors, which look at tokens, see nothing before Python 3.12."""
    match node:
        case ast.Call(ast.Name(name), [ast.Constant(str(text)), *_rest]) if name in _KEYWORDS:
            yield node.lineno, text
    for child in ast.iter_child_nodes(node):
        yield from _calls(child)


def read(path: Path) -> Catalog:
    """The catalogue in a .po file, an empty one where there is none. Raises PoFileError for a broken file."""
    return read_po(io.BytesIO(path.read_bytes() if path.exists() else b""), abort_invalid=True)


def updated(sources: Catalog, old: Catalog) -> Catalog:
    """The messages of the sources with the translations that `old` has for them."""
    kept = {text(each.id): each for each in messages(old)}
    wanted = {text(each.id) for each in messages(sources)}
    unused = {each: known.string for each, known in kept.items() if known.string and each not in wanted}
    catalogue = Catalog()
    for message in messages(sources):
        identifier, known = text(message.id), kept.get(text(message.id))
        string, fuzzy = (known.string, known.fuzzy) if known else ("", False)
        if not string and (alike := difflib.get_close_matches(identifier, unused, 1, _ALIKE)):
            string, fuzzy = unused[alike[0]], True
        catalogue.add(
            identifier,
            string,
            locations=message.locations,
            flags=["fuzzy"] if fuzzy else [],
            user_comments=known.user_comments if known else [],
        )
    return catalogue


def written(catalogue: Catalog, domain: Domain, language: str) -> bytes:
    """The catalogue as a .po file, always the same for the same messages."""
    target = io.BytesIO()
    write_po(target, catalogue, width=_WIDTH, omit_header=True, include_lineno=False)
    header = _HEADER.format(
        domain=domain.name, language=language, plural_forms=Catalog(locale=language).plural_forms
    )
    return header.encode() + target.getvalue().rstrip() + b"\n"


def problems(sources: Catalog, catalogue: Catalog) -> list[str]:
    """What keeps the catalogue from being complete, a line each; nothing where it is."""
    kept = {text(each.id): each for each in messages(catalogue)}
    wanted = {text(each.id): each for each in messages(sources)}
    found = []
    for identifier, message in wanted.items():
        known = kept.get(identifier)
        kind = "fuzzy" if known and known.fuzzy else "" if known and known.string else "missing"
        if kind:
            found.append(f"{kind}: {identifier!r} ({message.locations[0][0]})")
    obsolete = [*kept.keys() - wanted.keys(), *(text(each.id) for each in catalogue.obsolete.values())]
    return [*found, *(f"obsolete: {identifier!r}" for identifier in sorted(obsolete))]


def messages(catalogue: Catalog) -> Iterator[Message]:
    """The messages without the header."""
    return (message for message in catalogue if message.id)


def text(identifier: str | Sequence[str]) -> str:
    """The English of a message; one with plural forms by its singular."""
    return identifier if isinstance(identifier, str) else identifier[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m tools.translations [--check] [--only scumble|scumble-gimp]`"""
    parser = argparse.ArgumentParser(prog="python -m tools.translations", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; name what is missing, fuzzy or obsolete"
    )
    parser.add_argument("--only", choices=[each.name for each in DOMAINS], help="one domain and no other")
    chosen = parser.parse_args(arguments)
    found = 0
    for domain in DOMAINS:
        if chosen.only not in (None, domain.name):
            continue
        sources = extracted(domain)
        for language in LANGUAGES:
            path = domain.po(language)
            catalogue = read(path)
            if not chosen.check:
                catalogue = updated(sources, catalogue)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(written(catalogue, domain, language))
            lines = problems(sources, catalogue)
            found += len(lines)
            name = path.relative_to(ROOT).as_posix()
            sys.stdout.write("".join(f"{name}: {line}\n" for line in lines))
            sys.stdout.write(f"{name}: {len(sources)} messages, {len(lines)} to look at\n")
    return 1 if found and chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
