# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers say of rate limits, in every form in which they say it."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.rate_limits import Limit, duration, read_limits, told_wait


class TestDuration:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("1s", 1.0),
            ("6m0s", 360.0),
            ("120ms", 0.12),
            ("1h2m3.5s", 3_723.5),
            ("59.7s", 59.7),
            ("0s", 0.0),
            ("12", 12.0),
            (" 2.5 ", 2.5),
        ],
    )
    def test_every_form_that_the_service_writes(self, text: str, seconds: float) -> None:
        """Go's durations, and bare numbers of seconds."""
        assert duration(text) == pytest.approx(seconds)

    @pytest.mark.parametrize("text", ["", "soon", "-1s", "1d", "s", "1 s", "nan", "inf", "1e9", "١s", "1s2"])
    def test_anything_else_is_no_duration(self, text: str) -> None:
        """Rather unknown than wrong."""
        assert duration(text) is None

    @given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
    def test_its_parts_add_up(self, hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
        """For any hours, minutes, seconds and milliseconds."""
        text = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
        assert duration(text) == pytest.approx(hours * 3_600 + minutes * 60 + seconds + milliseconds / 1_000)

    @given(st.text())
    def test_no_text_breaks_it(self, text: str) -> None:
        """None, or seconds that are not negative."""
        found = duration(text)
        assert found is None or found >= 0


class TestToldWait:
    @pytest.mark.parametrize(
        ("headers", "message", "seconds"),
        [
            ({}, "", None),
            ({"retry-after": "7"}, "", 7.0),
            ({"retry-after-ms": "250", "retry-after": "7"}, "", 0.25),
            ({"retry-after": "-3"}, "", 0.0),
            ({"retry-after": "nan"}, "", None),
            ({"retry-after": "nan"}, "Please try again in 20s.", 20.0),
            ({}, "Rate limit reached for images. Please try again in 12s. Visit …", 12.0),
            ({}, "Try again in 1m30.5s", 90.5),
            ({}, "try again in 6ms", 0.006),
            ({}, "Please try again in 12 seconds", 12.0),
            ({"retry-after": "3"}, "try again in 12s", 3.0),
            ({}, "try again in a while", None),
        ],
    )
    def test_the_header_goes_before_the_words(
        self, headers: dict[str, str], message: str, seconds: float | None
    ) -> None:
        """Milliseconds, then seconds, then the message; None when nobody says."""
        told = told_wait(headers, message)
        assert told == (None if seconds is None else pytest.approx(seconds))

    def test_a_date_is_a_moment_from_now(self) -> None:
        """HTTP allows it; a moment that has passed is no wait."""
        later = told_wait({"retry-after": formatdate(time.time() + 90, usegmt=True)})
        assert later is not None and 85 < later <= 90
        assert told_wait({"retry-after": formatdate(time.time() - 90, usegmt=True)}) == 0.0

    @given(st.text(), st.text())
    def test_no_text_breaks_it(self, header: str, message: str) -> None:
        """Whatever a server writes."""
        told = told_wait({"retry-after": header}, message)
        assert told is None or told >= 0


class TestReadLimits:
    def test_each_kind_is_read_with_what_is_known_of_it(self) -> None:
        """Requests, tokens and input images; what is missing or no number is None."""
        headers = {
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-limit-tokens": "250000",
            "x-ratelimit-remaining-tokens": "many",
            "x-ratelimit-remaining-input-images": "0",
            "x-ratelimit-reset-input-images": "6m0s",
        }
        assert read_limits(headers) == (
            Limit("requests", 500, 499, pytest.approx(0.12)),
            Limit("tokens", 250_000, None, None),
            Limit("input-images", None, 0, 360.0),
        )

    @pytest.mark.parametrize("count", ["", "-1", "1.5", "1e3", "٣", "9" * 40])
    def test_what_is_no_count_says_nothing(self, count: str) -> None:
        """Also a number that no limit has."""
        assert read_limits({"x-ratelimit-limit-requests": count, "content-type": "image/png"}) == ()
