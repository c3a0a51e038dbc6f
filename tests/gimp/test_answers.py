# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that differ from what was sent, refusals of the service, and what is left on the disk."""

from __future__ import annotations

from gimp.conftest import KEY, Answered
from gimp.pictures import changed_pixels
from PIL import Image, ImageChops


def test_no_pixel_outside_the_selection_changes(answered: Answered) -> None:
    """0 of 12 million, although the answer is black all over; inside, it is."""
    record = answered.records["painted_black"]
    assert record.facts["status"] == "success", record.facts
    before = record.picture("before", "RGB", (4000, 3000))
    after = record.picture("after", "RGB", (4000, 3000))
    x, y, width, height = record.facts["layer"]["place"]
    selection = Image.new("L", (4000, 3000))
    selection.paste(record.picture("selection", "L", (width, height)), (x, y))
    outside = ImageChops.invert(selection.point(lambda value: 255 if value else 0))
    assert changed_pixels(before, after, outside) == 0
    assert changed_pixels(before, after) > 30_000
    assert after.getpixel((2000, 1500)) == (0, 0, 0)


def test_a_refused_key_is_explained_without_showing_it(answered: Answered) -> None:
    facts = answered.records["refused_key"].facts
    assert facts["status"] == "execution-error"
    assert facts["error"].startswith("The service does not accept the API key. Nothing was billed.")
    assert "OPENAI_API_KEY" in facts["error"]
    assert KEY not in facts["error"]


def test_a_refused_picture_is_explained(answered: Answered) -> None:
    error = answered.records["refused_picture"].facts["error"]
    assert "moderation" in error and "Nothing was billed." in error


def test_a_failure_of_the_service_says_that_it_may_be_billed(answered: Answered) -> None:
    error = answered.records["failure"].facts["error"]
    assert "HTTP 500" in error and "may still be billed" in error


def test_a_failed_fill_leaves_the_image_alone(answered: Answered) -> None:
    assert answered.records["refused_key"].facts["layers"] == ["photo"]


def test_neither_prompt_nor_key_is_left_in_gimps_profile_or_the_document(answered: Answered) -> None:
    """Not in the profile, the saved image, the user's folder or what GIMP printed; the key nowhere at all."""
    studio = answered.studio
    document = studio.out / "document.xcf"
    assert document.stat().st_size > 1_000_000
    files = [document, *_files(studio.profile), *_files(studio.folder / "user")]
    for file in files:
        content = file.read_bytes()
        assert b"painted_black" not in content and KEY.encode() not in content, file
    assert "painted_black" not in answered.log and KEY not in answered.log
    for file in _files(studio.home):
        assert KEY.encode() not in file.read_bytes(), file


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]
