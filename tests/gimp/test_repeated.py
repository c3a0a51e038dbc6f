# SPDX-License-Identifier: GPL-3.0-or-later
"""Repeat Last and Another Variation in real GIMP: what is sent again, where it lands, what is refused."""

from __future__ import annotations

import pytest
from gimp.conftest import KEY, Record
from gimp.pictures import changed_pixels, coded_crop, opened
from servers import EchoServer

from scumble.ledger import Ledger
from scumble.settings import Home

Records = dict[str, Record]


def test_the_last_words_and_choices_are_asked_again_where_the_selection_is_now(echoed: Records) -> None:
    """Of the layer that was filled the first time, although what came of it is selected."""
    record = echoed["repeated"]
    first, second = record.requests
    for option in ("prompt", "quality", "model", "n"):
        assert second.fields[option] == first.fields[option]
    assert first.fields["quality"] == "low"
    place = record.facts["second"]["layer"]["place"]
    assert place != record.facts["first"]["layer"]["place"]
    assert changed_pixels(opened(second.images[0]), coded_crop((1600, 1200), place)) == 0
    assert record.facts["layers"] == ["Scumble Fill 1", "Scumble Fill 2", "photo"] or (
        record.facts["layers"] == ["Scumble Fill 2", "Scumble Fill 1", "photo"]
    )


def test_what_was_undone_can_be_repeated(echoed: Records) -> None:
    """Undo takes the layer, not the memory; the image has no file to be known by."""
    record = echoed["repeated_after_undo"]
    assert record.facts["second"]["status"] == "success", record.facts
    first, second = record.requests
    assert first.images == second.images and first.mask == second.mask


def test_another_current_layer_is_the_one_that_is_sent(echoed: Records) -> None:
    record = echoed["repeated_on_another_layer"]
    (colour,) = opened(record.requests[1].images[0]).getcolors()
    assert colour[1] == (9, 99, 199)


def test_a_generated_layer_is_repeated_with_its_variations(echoed: Records) -> None:
    record = echoed["generated_and_repeated"]
    assert [request.json["n"] for request in record.requests] == [2, 2]
    assert record.facts["in_group"] == 2


def test_another_variation_is_the_same_question_exactly(echoed: Records) -> None:
    """Window, picture, hole, words and mask, though the selection is gone; it lies above the last answer."""
    record = echoed["another"]
    first, second = record.requests
    assert (first.images, first.mask, first.fields) == (second.images, second.mask, second.fields)
    assert record.raw("second_mask") == record.raw("first_mask")
    assert record.facts["second"]["layer"]["place"] == record.facts["first"]["layer"]["place"]
    assert record.facts["layers"] == ["photo #1", "Scumble Fill 2", "Scumble Fill 1", "photo"]


@pytest.mark.parametrize("name", ["another_in_depth", "another_padded"])
def test_so_it_is_in_deep_images_and_beyond_the_canvas(echoed: Records, name: str) -> None:
    record = echoed[name]
    assert record.facts["second"]["status"] == "success", record.facts
    first, second = record.requests
    assert (first.images, first.mask, first.fields) == (second.images, second.mask, second.fields)


def test_the_model_does_not_see_its_own_answers(echoed: Records) -> None:
    """Of what is visible, all answers to the same question are left out."""
    record = echoed["another_of_what_is_visible"]
    assert record.facts["white"], "the answers were to be seen in the image"
    assert len(record.requests) == 3
    assert len({request.images for request in record.requests}) == 1


def test_without_its_layer_there_is_no_other_variation(echoed: Records) -> None:
    record = echoed["another_without_its_layer"]
    assert "The layer that was filled last is no longer in this image." in record.facts["second"]["error"]
    assert len(record.requests) == 1


def test_what_is_dearer_than_last_time_is_not_bought_unseen(echoed: Records) -> None:
    """The sentence has both prices and says where the price can be looked at first."""
    record = echoed["dearer_than_last_time"]
    error = record.facts["second"]["error"]
    assert error.startswith("This would cost about $0.") and "the last time it was $0.013" in error
    assert "Fill Selection" in error
    assert len(record.requests) == 1 and record.facts["layers"] == ["Scumble Fill 1", "photo"]


def test_of_an_image_that_nothing_was_made_for_nothing_is_repeated(echoed: Records) -> None:
    """Also when other images, unsaved like this one, have results; and when the result was forgotten."""
    facts = echoed["nothing_to_repeat"].facts
    for each in (facts["repeat"], facts["another"], echoed["forgotten_and_repeated"].facts["second"]):
        assert each["error"].startswith("Nothing was made for this image yet")


def test_a_budget_stops_a_repetition(new_studio) -> None:
    """With GIMP's message that says which, and what it means for the money; nothing is sent."""
    studio = new_studio("repeated")
    home = Home(studio.home)
    with EchoServer() as server:
        with Ledger(home.ledger) as ledger:
            ledger.set_budget("day", 20_000)
        ran = studio.run("repeating.py", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.base_url)
    assert ran.returncode == 0, ran.stderr[-4000:]
    facts = studio.records([])["over_the_budget"].facts
    assert facts["first"]["status"] == "success"
    for stopped in facts["stopped"]:
        assert stopped["error"].startswith("The budget for today has $0")
        assert "Nothing was billed." in stopped["error"]
    assert facts["let_through"]["status"] == "success"
    assert len(server.seen) == 2
