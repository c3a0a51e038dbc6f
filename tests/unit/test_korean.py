# SPDX-License-Identifier: GPL-3.0-or-later
"""The Korean catalogues: complete, true to their placeholders, and spoken by the library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog

from hatch_build import compiled
from scumble import cli, cost, errors, translation
from scumble.catalog import load
from scumble.request import Request
from scumble.shapes import Size
from scumble.translation import use_language
from tools import translations
from tools.translations import DOMAINS, GIMP, LIBRARY, Domain

HANGUL = re.compile("[가-힣]")
MNEMONIC = re.compile(r"_(\w)")
# A particle that depends on the sound before it, right after a placeholder and without its other form.
BARE_PARTICLE = re.compile(r"\}(?:을|를|은|는|이|가|과|와|으로|로)(?![가-힣(])")
SAME_IN_KOREAN = {"1024x1024, {quality}"}

SOURCES = {domain: translations.extracted(domain) for domain in DOMAINS}
KOREAN = {domain: translations.read(domain.po("ko")) for domain in DOMAINS}

ERRORS = [
    each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.ScumbleError)
]

each_domain = pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)


def pairs(domain: Domain) -> list[tuple[str, str]]:
    """English and Korean of each message of the catalogue."""
    found = translations.messages(KOREAN[domain])
    return [(translations.text(each.id), translations.text(each.string)) for each in found]


@pytest.fixture
def korean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library speaks the catalogue as it is shipped; English again afterwards."""
    folder = tmp_path / "locale" / "ko" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "scumble.mo").write_bytes(compiled(LIBRARY.po("ko").read_bytes()))
    monkeypatch.setattr(translation, "_LOCALE", tmp_path / "locale")
    use_language("ko")
    yield
    use_language("en")


def placeholders(text: str) -> list[tuple[str, str | None, str | None]]:
    return sorted((name, spec, way) for _, name, spec, way in Formatter().parse(text) if name is not None)


def mnemonics(text: str) -> list[str]:
    return [key.upper() for key in MNEMONIC.findall(text)]


def edges(text: str) -> list[bool]:
    return [text.startswith((" ", ",")), *(text.endswith(end) for end in (" ", ".", "…"))]


@each_domain
def test_every_message_has_a_translation_that_is_shown(domain: Domain) -> None:
    """None missing, none fuzzy, none that the sources no longer have: `python -m tools.translations`."""
    assert len(SOURCES[domain]) > 0
    assert translations.problems(SOURCES[domain], KOREAN[domain]) == []


@each_domain
def test_a_translation_is_korean(domain: Domain) -> None:
    """Not the English sentence again."""
    left = {english for english, korean in pairs(domain) if not HANGUL.search(korean) or korean == english}
    assert left <= SAME_IN_KOREAN


@each_domain
def test_a_translation_fills_the_same_placeholders(domain: Domain) -> None:
    """A detail that is missing would not be told, one that is not given would stop the program."""
    assert [pair for pair in pairs(domain) if placeholders(pair[0]) != placeholders(pair[1])] == []


@each_domain
def test_a_particle_after_a_placeholder_suits_whatever_stands_there(domain: Domain) -> None:
    """Write 을(를), 이(가), 은(는), or put a noun before the particle."""
    assert [korean for _, korean in pairs(domain) if BARE_PARTICLE.search(korean)] == []


@each_domain
def test_a_translation_has_the_same_mnemonic(domain: Domain) -> None:
    """The key of a label works in both languages: Ch_ange, 바꿀 부분(_A)."""
    assert [pair for pair in pairs(domain) if mnemonics(pair[0]) != mnemonics(pair[1])] == []


@each_domain
def test_a_translation_begins_and_ends_as_the_english_does(domain: Domain) -> None:
    """Reasons are put into sentences, and parts of a line one after another."""
    assert [pair for pair in pairs(domain) if edges(pair[0]) != edges(pair[1])] == []


@pytest.mark.usefixtures("korean")
def test_an_error_says_it_in_korean() -> None:
    """What happened, the money and the remedy, with the details in their places."""
    assert str(errors.UnknownModel(model="m-9", choices="a, b")) == (
        "모델 목록에 m-9 모델이 없습니다. 청구된 것이 없습니다. 다음 중에서 고르세요: a, b."
    )
    assert errors.StoppedAfterSending().money == "그래도 청구될 수 있습니다."


@pytest.mark.usefixtures("korean")
@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_speaks_korean(kind: type[errors.ScumbleError]) -> None:
    """Each of its sentences, and no placeholder is left when its details are given."""
    names = {name for text in (kind.sentence, kind.remedy) for name, _, _ in placeholders(text)}
    error = kind(**dict.fromkeys(names, "42"))
    sentences = [error.what_happened, error.money, *([error.what_to_do] if kind.remedy else [])]
    assert all(HANGUL.search(each) for each in sentences)
    assert "{" not in str(error) and ".." not in str(error)


@pytest.mark.usefixtures("korean")
def test_reasons_and_prices_are_korean_too() -> None:
    """They are put into the sentences of the errors and of the hosts."""
    catalog = load()
    model = catalog.usable(catalog.default_model, catalog.as_of)
    assert model.sizes.problem(Size(1001, 1000)) == "두 변이 모두 16의 배수여야 합니다"
    request = Request("generate", model.id, "oak", Size(1024, 1024), catalog.default_quality)
    lines = [line.reason for line in cost.estimate(request, model).lines]
    assert lines[0].startswith("프롬프트 3자: 약 ") and lines[-1].startswith("그림 1장(1024x1024, ")


@pytest.mark.usefixtures("korean")
@pytest.mark.parametrize(
    "command", ["", "estimate", "plan", "generate", "edit", "spend", "models", "sandbox"]
)
def test_the_command_line_speaks_the_environments_korean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """argparse fills its help by %, which a translation must not break."""
    monkeypatch.setenv("LANGUAGE", "ko")
    with pytest.raises(SystemExit) as left:
        cli.main([*command.split(), "--help"])
    shown = capsys.readouterr().out
    assert left.value.code == 0 and HANGUL.search(shown)


def messages_of(**texts: str) -> Catalog:
    catalogue = Catalog()
    for english, korean in texts.items():
        catalogue.add(english.replace("_", " "), korean)
    return catalogue


def test_an_update_keeps_what_is_said_the_same_and_drops_the_rest() -> None:
    """In the order of the sources; what is new waits for its translation."""
    old = messages_of(Gone_for_ever="사라짐", Stopped="멈춤")
    new = translations.updated(messages_of(Brand_new="", Stopped=""), old)
    assert [(each.id, each.string) for each in translations.messages(new)] == [
        ("Brand new", ""),
        ("Stopped", "멈춤"),
    ]


def test_an_update_offers_the_translation_of_a_reworded_message() -> None:
    """As fuzzy, which is not compiled; a second update leaves it at that, a look at it ends it."""
    sources = messages_of(The_ledger_is_damaged_now="")
    once = translations.updated(sources, messages_of(The_ledger_is_damaged="장부가 손상됨"))
    twice = translations.updated(sources, once)
    (message,) = translations.messages(twice)
    assert message.string == "장부가 손상됨" and message.fuzzy
    assert "장부".encode() not in compiled(translations.written(twice, LIBRARY, "ko"))


@each_domain
def test_a_catalogue_is_written_the_same_each_time(domain: Domain, tmp_path: Path) -> None:
    """Also after it was read back: no date, no line number, no order of chance."""
    file = tmp_path / "catalogue.po"
    once = translations.written(translations.updated(SOURCES[domain], KOREAN[domain]), domain, "ko")
    file.write_bytes(once)
    twice = translations.updated(SOURCES[domain], translations.read(file))
    assert translations.written(twice, domain, "ko") == once
    assert b"Date" not in once and not re.search(rb"^#: .*:\d", once, re.M)


def test_the_check_names_what_is_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And fails; updating writes the files, and then only the translator's part is left."""
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    package = tmp_path / GIMP.package
    package.mkdir(parents=True)
    source = '_("A {kind} of"\n  " stop.")\nf"<b>{N_(\'Cost\')}</b>"\nother("Not this")\n'
    (package / "dialog.py").write_text(source)
    only = ["--only", GIMP.name]
    assert translations.main(["--check", *only]) == 1
    assert "missing: 'A {kind} of stop.' (gimp_plugin/scumble_gimp/dialog.py)" in capsys.readouterr().out
    assert not GIMP.po("ko").exists()

    assert translations.main(only) == 0
    text = GIMP.po("ko").read_text("utf-8")
    assert (
        '#: gimp_plugin/scumble_gimp/dialog.py\nmsgid "Cost"\nmsgstr ""\n' in text and "Not this" not in text
    )
    GIMP.po("ko").write_text(text.replace('stop."\nmsgstr ""', 'stop."\nmsgstr "{kind} 중지."'), "utf-8")
    (package / "dialog.py").write_text('_("A {kind} of stop.")\n')
    capsys.readouterr()
    assert translations.main(["--check", *only]) == 1
    assert "obsolete: 'Cost'" in capsys.readouterr().out
    assert translations.main(only) == 0 and translations.main(["--check", *only]) == 0
    assert "{kind} 중지." in GIMP.po("ko").read_text("utf-8")
