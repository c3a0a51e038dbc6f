# SPDX-License-Identifier: GPL-3.0-or-later
"""What GIMP makes of the unzipped folder, whole or broken."""

from __future__ import annotations

import re
import shutil

import pytest
from gimp.conftest import Record, Studio


@pytest.fixture(scope="module")
def sandboxed(new_studio) -> Studio:
    """A GIMP without a key in Korean, which was asked for its procedures and for one fill."""
    studio = new_studio("sandboxed")
    ran = studio.run("sandboxed.py", LANGUAGE="ko")
    assert ran.returncode == 0, ran.stderr[-4000:]
    (studio.out / "log").write_text(ran.stdout + ran.stderr)
    return studio


@pytest.fixture
def records(sandboxed: Studio) -> dict[str, Record]:
    return sandboxed.records([])


def test_what_a_person_opens_is_in_the_filters_menu(records: dict[str, Record]) -> None:
    assert records["procedures"].facts["menus"] == {
        "plug-in-scumble-fill": ["<Image>/Filters/AI"],
        "plug-in-scumble-generate": ["<Image>/Filters/AI"],
        "plug-in-scumble-repeat-last": ["<Image>/Filters/AI"],
        "plug-in-scumble-another-variation": ["<Image>/Filters/AI"],
        "plug-in-scumble-results": ["<Image>/Filters/AI"],
        "plug-in-scumble-spending": ["<Image>/Filters/AI"],
        "plug-in-scumble-place-result": [],
    }


def test_the_key_is_not_among_the_arguments(records: dict[str, Record]) -> None:
    """GIMP writes arguments to disk."""
    common = ["run-mode", "image", "drawables", "prompt", "model", "quality"]
    more = ["previews", "variations", "moderation", "over-budget"]
    assert records["procedures"].facts["arguments"] == {
        "plug-in-scumble-fill": [*common, "scope", "context", "source", *more],
        "plug-in-scumble-generate": [*common, "extent", *more],
        "plug-in-scumble-repeat-last": [*common[:3], "over-budget"],
        "plug-in-scumble-another-variation": [*common[:3], "over-budget"],
        "plug-in-scumble-results": [*common[:3], "search", "unplaced", "limit"],
        "plug-in-scumble-spending": common[:3],
        "plug-in-scumble-place-result": [*common[:3], "result-id"],
    }


def test_no_two_choices_of_a_dialog_have_the_same_key(records: dict[str, Record]) -> None:
    """Nor one of those that the dialog has of its own: More, Generate, Cancel, Budget."""
    for labels in records["procedures"].facts["in_dialog"].values():
        keys = re.findall(r"_(\w)", " ".join(labels).upper()) + list("OGCB")
        assert len(keys) == len(set(keys)) >= 10, keys


def test_without_a_key_the_sandbox_paints_for_nothing(records: dict[str, Record]) -> None:
    facts = records["sandbox_fill"].facts
    assert facts["status"] == "success", facts
    assert facts["cost"] == 0
    assert '"sandbox": true' in facts["layer"]["parasites"]["scumble-result"]


def test_it_speaks_korean(records: dict[str, Record]) -> None:
    """Menu, layer names, its own errors and the library's."""
    assert records["procedures"].facts["labels"]["plug-in-scumble-fill"] == "선택 영역 채우기(_F)…"
    assert records["sandbox_fill"].facts["layer"]["name"] == "Scumble 채우기 1"
    assert "레이어 하나가 필요한데" in records["korean_refusal"].facts["error"]
    assert "Nothing was billed" not in records["korean_refusal"].facts["error"]


def test_it_starts_without_a_word(sandboxed: Studio) -> None:
    """No warning about catalogues, no traceback."""
    log = (sandboxed.out / "log").read_text()
    assert "plug-in-scumble-fill]" not in log and "Traceback" not in log


def test_a_broken_installation_says_so_in_its_menu(new_studio) -> None:
    """Half an unzipped folder: the entry is there, and calling it tells what is missing."""
    studio = new_studio("broken")
    shutil.rmtree(studio.profile / "plug-ins" / "scumble-gimp" / "scumble")
    ran = studio.run("broken.py")
    assert ran.returncode == 0, ran.stderr[-4000:]
    facts = studio.records([])["broken_installation"].facts
    assert facts["status"] == "execution-error"
    assert "Scumble is not completely installed: No module named 'scumble'" in facts["error"]
