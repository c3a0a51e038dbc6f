# SPDX-License-Identifier: GPL-3.0-or-later
"""The pace that all queues of an account share: places at once, and departures in a minute."""

from __future__ import annotations

import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import child
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scumble import catalog
from scumble.credentials import SERVICE_URL, Account, Secret
from scumble.errors import StorageError
from scumble.pace import (
    CAREFUL_IMAGES,
    HOLD_MAX_SECONDS,
    LEASE_SECONDS,
    POLL_SECONDS,
    WINDOW_SECONDS,
    Later,
    Load,
    Pace,
    Place,
    _window_free_at,
)
from scumble.settings import Home
from tests.unit.jobs_cases import KEY

MODEL = catalog.load().find("gpt-image-2.5-flare")
OTHER_MODEL = catalog.load().find("gpt-image-2.5-sunburst")
UNTIERED = catalog.load().find("gpt-image-2")
ONE = Load(requests=1, images=1, tokens=1_000, input_images=0)
SERVICE = Account(SERVICE_URL, Secret(KEY), "a test")
LOOPBACK = Account("http://127.0.0.1:8080/v1", Secret(KEY), "a test")
SANDBOX = Account(SERVICE_URL, None, "")


class Clock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.seconds = 1_795_000_000.0

    def __call__(self) -> float:
        return self.seconds


class Desk:
    """Paces of one home under one clock, closed at the end."""

    def __init__(self, home: Home, stack: ExitStack) -> None:
        self.home = home
        self.clock = Clock()
        self._stack = stack

    def pace(self, account: Account = LOOPBACK, concurrency: int = 1_000, tier: int | None = None) -> Pace:
        return self._stack.enter_context(Pace(self.home, account, concurrency, tier, self.clock))


@pytest.fixture
def desk(home: Home) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(home, stack)


def entered(pace: Pace, load: Load = ONE) -> Place:
    place = pace.enter(MODEL, load)
    assert isinstance(place, Place)
    return place


def delay(pace: Pace, load: Load = ONE) -> float | None:
    """The seconds to wait, None for "until a place is given back"."""
    later = pace.enter(MODEL, load)
    assert isinstance(later, Later)
    return later.seconds


def seconds_until_entered(desk: Desk, pace: Pace, load: Load = ONE) -> float:
    """How far the clock has to go, asking again as Later says."""
    began = desk.clock.seconds
    while isinstance(later := pace.enter(MODEL, load), Later):
        assert later.seconds is not None and later.seconds > 0
        desk.clock.seconds += later.seconds
    return desk.clock.seconds - began


class TestPlaces:
    def test_no_more_are_given_than_may_be_under_way(self, desk: Desk) -> None:
        """When all are this queue's own, it need not ask again before it has given one back."""
        pace = desk.pace(concurrency=2)
        first, _second = entered(pace), entered(pace)
        assert delay(pace) is None
        pace.leave(first, sent=True)
        entered(pace)
        assert delay(pace) is None

    def test_two_queues_share_them(self, desk: Desk) -> None:
        """Whoever asks: together no more than there are. Another's place is asked for again soon."""
        first, second = desk.pace(concurrency=2), desk.pace(concurrency=2)
        place = entered(first)
        entered(second)
        for pace in (first, second):
            seconds = delay(pace)
            assert seconds is not None and POLL_SECONDS[0] <= seconds <= POLL_SECONDS[1]
        first.leave(place, sent=True)
        assert isinstance(first.enter(MODEL, ONE), Place)

    def test_whoever_asked_first_is_first(self, desk: Desk) -> None:
        """A queue that gives a place back does not take it again before one that waits for it."""
        busy, waiting = desk.pace(concurrency=1), desk.pace(concurrency=1)
        place = entered(busy)
        delay(waiting)
        desk.clock.seconds += 0.1
        busy.leave(place, sent=True)
        assert delay(busy) is not None
        taken = entered(waiting)
        desk.clock.seconds += 0.1
        waiting.leave(taken, sent=True)
        assert delay(waiting) is not None
        entered(busy)

    def test_who_went_away_from_the_line_holds_nobody_up(self, desk: Desk) -> None:
        """After two seconds without asking, or when it was closed."""
        busy, gone, closed = (desk.pace(concurrency=1) for _ in range(3))
        place = entered(busy)
        delay(gone)
        desk.clock.seconds += 1.9
        delay(closed)
        closed.close()
        busy.leave(place, sent=True)
        desk.clock.seconds += 0.2
        entered(busy)

    def test_other_accounts_have_their_own(self, desk: Desk) -> None:
        """Another key, another server, and the sandbox."""
        accounts = [
            LOOPBACK,
            Account(LOOPBACK.base_url, Secret("sk-test-other"), ""),
            Account("http://127.0.0.1:8081/v1", Secret(KEY), ""),
            SANDBOX,
        ]
        for account in accounts:
            pace = desk.pace(account, concurrency=1)
            entered(pace)
            assert delay(pace) is None

    def test_places_of_a_process_that_ended_are_free_again(self, desk: Desk) -> None:
        """Killed without giving them back."""
        process = child.start(ENTER_AND_WAIT, desk.home.folder, LOOPBACK.base_url, KEY)
        assert process.stdout is not None and process.stdout.readline() == "entered\n"
        pace = desk.pace(concurrency=2)
        assert delay(pace) is not None
        child.kill(process)
        fresh = desk.pace(concurrency=2)
        entered(fresh)
        entered(fresh)

    def test_a_place_that_nobody_can_look_up_is_free_after_a_lease(self, desk: Desk) -> None:
        """Of another machine that shares the folder; longer than any request takes."""
        pace, other = desk.pace(concurrency=1), desk.pace(concurrency=1)
        entered(other)
        with sqlite3.connect(desk.home.pace) as connection:
            connection.execute("UPDATE places SET machine = 'another', boot = '', namespace = ''")
        connection.close()
        desk.clock.seconds += LEASE_SECONDS - 1
        assert delay(pace) is not None
        desk.clock.seconds += 1
        entered(pace)


ENTER_AND_WAIT = """
import sys
from pathlib import Path
from scumble import catalog
from scumble.credentials import Account, Secret
from scumble.pace import Load, Pace
from scumble.settings import Home

home, url, key = sys.argv[1:]
clock = lambda: 1_795_000_000.0
pace = Pace(Home(Path(home)), Account(url, Secret(key), ""), 2, now=clock)
model = catalog.load().find("gpt-image-2.5-flare")
for number in range(2):
    pace.enter(model, Load(1, 1, 1_000, 0))
print("entered", flush=True)
sys.stdin.read()
"""


class TestWhatIsNotSlowed:
    @pytest.mark.parametrize(
        ("account", "tier"),
        [
            pytest.param(SANDBOX, None, id="the sandbox"),
            pytest.param(SANDBOX, 1, id="the sandbox, whatever the tier"),
            pytest.param(LOOPBACK, None, id="this machine without headers"),
            pytest.param(Account("https://images.example/v1", Secret(KEY), ""), None, id="another server"),
        ],
    )
    def test_without_a_known_limit_nothing_waits(
        self, desk: Desk, account: Account, tier: int | None
    ) -> None:
        """A hundred at once."""
        pace = desk.pace(account, tier=tier)
        for _number in range(100):
            entered(pace)


class TestTiers:
    @pytest.mark.parametrize(("tier", "images"), [(1, 5), (2, 20), (3, 50), (4, 150), (5, 250), (9, 250)])
    def test_a_tier_allows_its_images_in_a_minute(self, desk: Desk, tier: int, images: int) -> None:
        """The next one leaves a minute after the first; above the highest tier it is the highest."""
        pace = desk.pace(SERVICE, tier=tier)
        for _number in range(images):
            entered(pace)
        assert seconds_until_entered(desk, pace) == pytest.approx(WINDOW_SECONDS)

    def test_a_tier_allows_its_tokens_in_a_minute(self, desk: Desk) -> None:
        """Two requests of 60,000 tokens are more than 100,000."""
        pace = desk.pace(SERVICE, tier=1)
        load = Load(1, 1, 60_000, 0)
        entered(pace, load)
        assert seconds_until_entered(desk, pace, load) == pytest.approx(WINDOW_SECONDS)

    def test_an_unknown_tier_is_taken_for_the_lowest(self, desk: Desk) -> None:
        """On the service itself, until its answers say more."""
        pace = desk.pace(SERVICE)
        for _number in range(CAREFUL_IMAGES):
            entered(pace)
        assert seconds_until_entered(desk, pace) > 0

    def test_a_model_without_published_tiers_is_asked_as_carefully(self, desk: Desk) -> None:
        """Nothing is known of it."""
        pace = desk.pace(SERVICE)
        assert UNTIERED.rate_tiers == ()
        asked = [pace.enter(UNTIERED, ONE) for _number in range(CAREFUL_IMAGES + 1)]
        assert [type(each) for each in asked] == [Place] * CAREFUL_IMAGES + [Later]

    def test_the_tokens_limit_of_an_answer_tells_the_tier(self, desk: Desk) -> None:
        """250,000 tokens in a minute are tier 2, whose images are 20."""
        pace = desk.pace(SERVICE)
        pace.hear(entered(pace), {"x-ratelimit-limit-tokens": "250000"})
        for _number in range(19):
            entered(pace)
        assert seconds_until_entered(desk, pace) == pytest.approx(WINDOW_SECONDS)

    def test_models_have_their_own_minutes(self, desk: Desk) -> None:
        """One at its limit does not hold up another."""
        pace = desk.pace(SERVICE, tier=1)
        for _number in range(5):
            entered(pace)
        assert delay(pace) is not None
        assert isinstance(pace.enter(OTHER_MODEL, ONE), Place)

    def test_what_was_not_sent_does_not_count(self, desk: Desk) -> None:
        """A budget that stops a hundred must not take twenty minutes to say so."""
        pace = desk.pace(SERVICE, tier=1)
        for _number in range(100):
            pace.leave(entered(pace), sent=False)

    def test_more_than_a_minute_allows_goes_alone(self, desk: Desk) -> None:
        """Ten pictures at once in tier 1: after the others, and not never."""
        pace = desk.pace(SERVICE, tier=1)
        entered(pace)
        assert seconds_until_entered(desk, pace, Load(1, 10, 1_000, 0)) == pytest.approx(WINDOW_SECONDS)
        assert seconds_until_entered(desk, pace) == pytest.approx(WINDOW_SECONDS)

    def test_two_queues_share_a_minute(self, desk: Desk) -> None:
        """Five together, not five each."""
        first, second = desk.pace(SERVICE, tier=1), desk.pace(SERVICE, tier=1)
        for pace in (first, second, first, second, first):
            entered(pace)
        assert delay(first) is not None and delay(second) is not None


class TestHeaders:
    @pytest.mark.parametrize(
        ("kind", "load"),
        [
            ("requests", Load(1, 9, 9_000, 9)),
            ("tokens", Load(9, 9, 1, 9)),
            ("input-images", Load(9, 9, 9_000, 1)),
        ],
    )
    def test_the_amount_an_answer_names_holds_for_each_kind(self, desk: Desk, kind: str, load: Load) -> None:
        """Three in a minute of what is limited, whatever the rest."""
        pace = desk.pace()
        pace.hear(entered(pace, load), {f"x-ratelimit-limit-{kind}": "3"})
        entered(pace, load)
        entered(pace, load)
        assert seconds_until_entered(desk, pace, load) == pytest.approx(WINDOW_SECONDS)

    def test_nothing_left_means_until_it_is_whole_again(self, desk: Desk) -> None:
        """As the answer says, counted from when its request left."""
        pace = desk.pace()
        place = entered(pace)
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"}
        desk.clock.seconds += 5
        pace.hear(place, headers)
        assert seconds_until_entered(desk, pace) == pytest.approx(15)

    def test_what_left_since_is_taken_off_what_was_left(self, desk: Desk) -> None:
        """Two were left after the first request; two more leave, and the third of them waits."""
        pace = desk.pace()
        place = entered(pace)
        desk.clock.seconds += 1
        entered(pace)
        pace.hear(place, {"x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "30s"})
        entered(pace)
        assert seconds_until_entered(desk, pace) == pytest.approx(29)

    def test_the_later_request_s_answer_counts_whichever_comes_first(self, desk: Desk) -> None:
        """An old answer that comes late does not give back what is gone."""
        pace = desk.pace()
        early = entered(pace)
        desk.clock.seconds += 1
        late = entered(pace)
        pace.hear(late, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"})
        pace.hear(early, {"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "30s"})
        assert seconds_until_entered(desk, pace) == pytest.approx(30)

    def test_another_process_hears_it_too(self, desk: Desk) -> None:
        """What one learns is known to all of the account."""
        first, second = desk.pace(), desk.pace()
        first.hear(entered(first), {"x-ratelimit-limit-requests": "1"})
        assert seconds_until_entered(desk, second) == pytest.approx(WINDOW_SECONDS)

    def test_a_reset_of_hours_is_asked_again_after_a_minute(self, desk: Desk) -> None:
        """No limit for a minute takes longer; if it does, the refusal will say so."""
        pace = desk.pace()
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "8h0m0s"}
        pace.hear(entered(pace), headers)
        assert seconds_until_entered(desk, pace) == pytest.approx(WINDOW_SECONDS)

    def test_headers_that_say_nothing_change_nothing(self, desk: Desk) -> None:
        """Nor do broken ones."""
        pace = desk.pace()
        pace.hear(entered(pace), {"content-type": "image/png", "x-ratelimit-limit-requests": "none"})
        for _number in range(100):
            entered(pace)


class TestHolding:
    def test_a_refusal_for_speed_holds_everybody_back(self, desk: Desk) -> None:
        """Also the queue of another process, and only for that model."""
        first, second = desk.pace(), desk.pace()
        first.hold(entered(first), 12.0)
        assert isinstance(second.enter(OTHER_MODEL, ONE), Place)
        assert seconds_until_entered(desk, second) == pytest.approx(12)

    def test_the_longer_of_two_counts(self, desk: Desk) -> None:
        """A shorter one that is told later takes nothing back."""
        pace = desk.pace()
        pace.hold(entered(pace), 12.0)
        other = desk.pace()
        other.hold(Place(0, 0, f"{other._account} {MODEL.id}", 0.0), 3.0)
        assert seconds_until_entered(desk, pace) == pytest.approx(12)

    def test_what_was_refused_counts_when_it_leaves_again(self, desk: Desk) -> None:
        """Five in tier 1, one of which leaves twelve seconds later: a minute on there is room for four."""
        pace = desk.pace(SERVICE, tier=1)
        places = [entered(pace) for _number in range(5)]
        pace.hold(places[2], 12.0)
        assert seconds_until_entered(desk, pace) == pytest.approx(WINDOW_SECONDS)
        for _number in range(3):
            entered(pace)
        assert seconds_until_entered(desk, pace) == pytest.approx(12)

    def test_an_hour_is_not_waited_for_unasked(self, desk: Desk) -> None:
        """Two minutes at most; then the service may say it again."""
        pace = desk.pace()
        pace.hold(entered(pace), 3_600.0)
        assert seconds_until_entered(desk, pace) == pytest.approx(HOLD_MAX_SECONDS)


class TestClock:
    def test_a_clock_that_was_set_back_does_not_block(self, desk: Desk) -> None:
        """What was written in the future says nothing any more."""
        pace = desk.pace(SERVICE, tier=1)
        places = [entered(pace) for _number in range(5)]
        pace.hear(places[4], {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "50s"})
        pace.hold(places[4], 100.0)
        desk.clock.seconds -= 86_400
        for _number in range(5):
            entered(pace)


class TestTheWindow:
    @given(
        st.lists(st.tuples(st.integers(0, 480), st.integers(0, 12)), max_size=30),
        st.integers(1, 20),
    )
    def test_no_minute_holds_more_than_its_amount(self, asked: list[tuple[float, int]], amount: int) -> None:
        """Any loads at any times, each let go as the window says: but for what is too large by itself."""
        left: list[tuple[float, int]] = []
        now = 0.0
        for quarters, weight in asked:
            now += quarters / 4
            recent = [each for each in left if each[0] > now - WINDOW_SECONDS]
            now = _window_free_at(recent, amount, weight, now)
            left.append((now, weight))
            within = [each for at, each in left if at > now - WINDOW_SECONDS]
            assert sum(within) <= amount or [each for each in within if each] == [weight]

    def test_what_weighs_nothing_holds_nobody_up(self) -> None:
        """A load larger than the amount goes alone, and beside a request without pictures it is alone."""
        assert _window_free_at([(0.0, 0)], amount=3, weight=9, now=1.0) == 1.0
        assert _window_free_at([(0.0, 1)], amount=3, weight=9, now=1.0) == WINDOW_SECONDS


class TestAnyOrder:
    @settings(deadline=None, max_examples=150)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["enter", "leave", "give up", "refused", "pass"]), st.integers(0, 40)),
            max_size=60,
        )
    )
    def test_three_queues_never_pass_a_limit_and_never_stand_still(
        self, steps: list[tuple[str, int]]
    ) -> None:
        """At most four places, five images sent in any minute; and in the end everybody gets a turn."""
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            desk = Desk(Home(Path(folder)), stack)
            paces = [desk.pace(SERVICE, concurrency=4, tier=1) for _number in range(3)]
            held: list[tuple[Pace, Place]] = []
            sent: list[float] = []
            for action, number in steps:
                pace = paces[number % 3]
                if action == "enter":
                    place = pace.enter(MODEL, ONE)
                    if isinstance(place, Place):
                        held.append((pace, place))
                elif action == "pass":
                    desk.clock.seconds += number
                elif held:
                    owner, place = held.pop(number % len(held))
                    if action == "refused":
                        owner.hold(place, number / 4)
                    owner.leave(place, sent=action != "give up")
                    if action == "leave":
                        sent.append(place.departed)
                assert len(held) <= 4
                under_way = [place.departed for _pace, place in held]
                departed = sorted(sent + under_way)
                for first, sixth in zip(departed, departed[5:], strict=False):
                    assert sixth - first >= WINDOW_SECONDS
            for owner, place in held:
                owner.leave(place, sent=True)
            for pace in paces:
                assert seconds_until_entered(desk, pace) <= WINDOW_SECONDS + 10 + 3


class TestTheFile:
    def test_only_its_owner_reads_it_and_the_key_is_not_in_it(self, desk: Desk) -> None:
        """The fixture `home` looks for the key."""
        entered(desk.pace())
        if sys.platform != "win32":
            assert stat.S_IMODE(desk.home.pace.stat().st_mode) == 0o600
        assert KEY.encode() not in desk.home.pace.read_bytes()

    def test_a_damaged_file_is_an_error_that_names_it(self, home: Home) -> None:
        """With what to do, and nothing was billed."""
        home.pace.write_bytes(b"no database, but long enough to be looked at" * 100)
        with pytest.raises(StorageError, match=r"pace\.sqlite3, which may be deleted"):
            Pace(home, LOOPBACK, 1)

    @pytest.mark.parametrize(("concurrency", "tier"), [(0, None), (-1, None), (1, 0)])
    def test_numbers_below_one_are_refused(self, home: Home, concurrency: int, tier: int | None) -> None:
        """A queue that could send nothing would wait for ever."""
        with pytest.raises(ValueError, match="at least 1"):
            Pace(home, LOOPBACK, concurrency, tier)
        assert not home.pace.exists()
