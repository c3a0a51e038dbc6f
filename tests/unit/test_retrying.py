# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule of sending again: for which errors, how often, after how long, and never beyond its bound."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.errors import NotConnected, RateLimited, ScumbleError
from scumble.retrying import LIMITED_TRIES, UNREACHED_PAUSES, WAIT_MAX, pause, wait
from tests.unit.test_errors import KINDS, example

CHANCES = st.floats(0, 1, exclude_max=True)


def limited(told: float | None, passes: bool = True) -> RateLimited:
    return RateLimited(seconds=1, pause=told, passes=passes)


class TestWhichErrors:
    @pytest.mark.parametrize(
        "kind",
        [kind for kind in KINDS if not issubclass(kind, NotConnected | RateLimited)],
        ids=lambda kind: kind.__name__,
    )
    def test_nothing_else_is_ever_sent_again(self, kind: type[ScumbleError]) -> None:
        """A lost answer may be paid for; money does not come back by waiting; an overload proves nothing."""
        assert pause(example(kind), 1, 0.0, 0.5) is None

    def test_a_service_that_says_no_is_believed(self) -> None:
        """`x-should-retry: false` goes before the wait it names."""
        assert pause(limited(2.0, passes=False), 1, 0.0, 0.5) is None
        assert pause(limited(2.0, passes=True), 1, 0.0, 0.5) is not None


class TestNeverConnected:
    def test_it_is_tried_three_times_within_some_seconds(self) -> None:
        """After one second, after three more, and then the person hears of it."""
        error = NotConnected(host="here")
        assert [pause(error, tries, 0.0, 0.0) for tries in (1, 2, 3)] == [*UNREACHED_PAUSES, None]
        assert sum(UNREACHED_PAUSES) <= 8

    @given(CHANCES)
    def test_chance_takes_up_to_a_quarter(self, chance: float) -> None:
        """So that programs that lost the network together do not come back together."""
        seconds = pause(NotConnected(host="here"), 1, 0.0, chance)
        assert seconds is not None and 0.75 * UNREACHED_PAUSES[0] <= seconds <= UNREACHED_PAUSES[0]


class TestRateLimited:
    @given(st.floats(0.1, 100), CHANCES)
    def test_what_the_service_asks_for_is_never_undercut(self, told: float, chance: float) -> None:
        """A little is added, at most a twentieth."""
        seconds = pause(limited(told), 1, 0.0, chance)
        assert seconds is not None and told <= seconds <= told * 1.05

    def test_a_wait_of_nothing_is_not_a_storm(self) -> None:
        """`Retry-After: 0` still leaves a moment."""
        assert pause(limited(0.0), 1, 0.0, 0.0) == pytest.approx(0.1)

    def test_without_a_word_each_pause_is_twice_the_last(self) -> None:
        """They outlast the minute that limits are counted in."""
        pauses = [pause(limited(None), tries, 0.0, 0.0) for tries in range(1, LIMITED_TRIES + 1)]
        assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, None]

    def test_more_than_the_bound_is_for_the_person_to_wait(self) -> None:
        """In one wait or in several together."""
        assert pause(limited(WAIT_MAX + 1), 1, 0.0, 0.0) is None
        assert pause(limited(30.0), 2, 90.0, 0.0) == 30.0
        assert pause(limited(30.0), 2, 91.0, 0.0) is None

    @given(st.lists(st.tuples(st.none() | st.floats(0, 200), CHANCES), min_size=20, max_size=20))
    def test_it_always_ends(self, told: list[tuple[float | None, float]]) -> None:
        """Whatever the service says: at most LIMITED_TRIES sendings, WAIT_MAX seconds."""
        waited, tries = 0.0, 0
        for asked, chance in told:
            tries += 1
            seconds = pause(limited(asked), tries, waited, chance)
            if seconds is None:
                break
            assert seconds > 0
            waited += seconds
        assert tries <= LIMITED_TRIES and waited <= WAIT_MAX


def test_a_wait_ends_when_it_is_stopped() -> None:
    """At once, however long it was to be."""
    cancel = threading.Event()
    waiting = threading.Thread(target=wait, args=(3_600.0, cancel), daemon=True)
    waiting.start()
    cancel.set()
    waiting.join(30)
    assert not waiting.is_alive()
