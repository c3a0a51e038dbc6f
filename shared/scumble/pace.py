# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests are under way, and how many leave in a minute, for all processes of a user together.

One small SQLite file of the data folder. Who wants to send asks for a place: there are as many as requests
may be under way at once, the same for all queues of an account, and they are given in the order of asking.
A place is given only when the service's limits for a minute leave room: those that its answers name
(`x-ratelimit-*`), else those of the account's tier, else a careful few. The limits count what left in the
last sixty seconds, whoever sent it; a refusal for speed holds everybody back until it has passed. Nothing in
the file is older than what a minute's limit or a request under way needs, so it may be deleted at any time
when nothing runs. Another clock than the wall's would not be the same in two processes; one that is set back
frees, and never blocks for longer than a minute.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .credentials import SERVICE_URL, Account
from .errors import StorageError
from .ledger_file import create_empty, transaction, use_journal
from .models import Model
from .private_files import make_folder, storage_errors
from .process import Process, is_gone, this_process
from .rate_limits import Limit, read_limits
from .settings import Home
from .translation import _

WINDOW_SECONDS = 60.0
# Of an account of which nothing is known: the images of OpenAI's lowest tier (shared/facts, section 7).
CAREFUL_IMAGES = 5
# Longer than any request can take: a place whose process cannot be looked up is free again after that.
LEASE_SECONDS = 1_800.0
HOLD_MAX_SECONDS = 120.0
POLL_SECONDS = (0.05, 0.1)

# A process that waits in line says so at least this often, or its turn passes to the next.
_LINE_SECONDS = 2.0
_LONGEST_SLEEP = 5.0
_LOCK_PATIENCE_SECONDS = 20.0
_GONE_CHECK_SECONDS = 1.0

_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS places (
        number INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        pace TEXT NOT NULL,
        since REAL NOT NULL,
        machine TEXT NOT NULL,
        boot TEXT NOT NULL,
        namespace TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS line (
        pace TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        since REAL NOT NULL,
        seen REAL NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS departures (
        number INTEGER PRIMARY KEY,
        bucket TEXT NOT NULL,
        at REAL NOT NULL,
        requests INTEGER NOT NULL,
        images INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        input_images INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS limits (
        bucket TEXT NOT NULL,
        kind TEXT NOT NULL,
        amount INTEGER,
        remaining INTEGER,
        at REAL NOT NULL,
        until REAL NOT NULL,
        PRIMARY KEY (bucket, kind)
    )
    """,
    "CREATE TABLE IF NOT EXISTS holds (bucket TEXT PRIMARY KEY, until REAL NOT NULL)",
)
_COLUMNS = {"requests": 0, "images": 1, "tokens": 2, "input-images": 3}


@dataclass(frozen=True)
class Load:
    """What one request counts against a minute's limits: itself, the pictures it makes, its tokens, the
    pictures it sends."""

    requests: int
    images: int
    tokens: int
    input_images: int


@dataclass(frozen=True)
class Place:
    """The right to have one request under way, from `departed` (seconds since 1970) on; to be given back."""

    number: int
    departure: int
    bucket: str
    departed: float


@dataclass(frozen=True)
class Later:
    """No place now: ask again after `seconds`; None: when a place of this pace was given back."""

    seconds: float | None


class Pace:
    """The shared limits as one queue sees them; for any thread. Close it, or use `with`.

    `concurrency` is how many requests may be under way for the account, those of other processes included.
    `tier` is the account's usage tier, 1 being the lowest, or None where it is not known; on the service
    itself an unknown tier is taken for the lowest until its answers name their limits.

    Every method raises StorageError when the file cannot be used.
    """

    def __init__(
        self,
        home: Home,
        account: Account,
        concurrency: int,
        tier: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError unless concurrency and tier are at least 1."""
        if concurrency < 1 or (tier is not None and tier < 1):
            raise ValueError("concurrency and tier are at least 1")
        self._path = home.pace
        self._account = _fingerprint(account)
        self._of_the_service = not account.sandbox and account.host == urlsplit(SERVICE_URL).netloc
        self._concurrency = concurrency
        self._tier = None if account.sandbox else tier
        self._now = now
        self._name = uuid.uuid4().hex
        self._looked_for_gone = -_GONE_CHECK_SECONDS
        self._closed = False
        self._lock = threading.Lock()
        self._connection = _open(self._path)

    def __enter__(self) -> Pace:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the line; again does nothing. Places not given back stay taken until this process ends."""
        with self._lock, _pace_errors(self._path):
            if self._closed:
                return
            self._closed = True
            try:
                self._connection.execute("DELETE FROM line WHERE pace = ?", (self._name,))
            finally:
                self._connection.close()

    def enter(self, model: Model, load: Load) -> Place | Later:
        """A place for one request to `model`, counted as leaving now; or when to ask again. Never waits."""
        bucket = f"{self._account} {model.id}"
        with self._transaction() as now:
            later = self._place_delay(now) or self._rate_delay(bucket, model, load, now)
            if later is not None:
                return later
            self._connection.execute("DELETE FROM line WHERE pace = ?", (self._name,))
            departure = self._connection.execute(
                "INSERT INTO departures (bucket, at, requests, images, tokens, input_images)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (bucket, now, *astuple(load)),
            ).lastrowid
            owner = this_process()
            place = self._connection.execute(
                "INSERT INTO places (account, pace, since, machine, boot, namespace, pid, started)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (self._account, self._name, now, *astuple(owner)),
            ).lastrowid
            return Place(place or 0, departure or 0, bucket, now)

    def leave(self, place: Place, sent: bool) -> None:
        """Give the place back; what was not `sent` does not count against the minute either."""
        with self._transaction():
            self._connection.execute("DELETE FROM places WHERE number = ?", (place.number,))
            if not sent:
                self._connection.execute("DELETE FROM departures WHERE number = ?", (place.departure,))

    def hear(self, place: Place, headers: Mapping[str, str]) -> None:
        """Learn from the headers (names in lower case) of the answer to what left with `place`."""
        heard = read_limits(headers)
        if not heard:
            return
        with self._transaction():
            for limit in heard:
                self._learn(place, limit)

    def hold(self, place: Place, seconds: float) -> None:
        """The service refused for speed: nobody sends to that model so long, two minutes at most."""
        with self._transaction() as now:
            until = now + min(max(seconds, 0.0), HOLD_MAX_SECONDS)
            self._connection.execute(
                "INSERT INTO holds (bucket, until) VALUES (?, ?)"
                " ON CONFLICT (bucket) DO UPDATE SET until = max(until, excluded.until)",
                (place.bucket, until),
            )
            # What was refused did not count; it leaves again then.
            self._connection.execute(
                "UPDATE departures SET at = ? WHERE number = ?", (until, place.departure)
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[float]:
        """One process at a time sees and changes; gives the time, and forgets what that has made old."""
        with self._lock, _pace_errors(self._path), transaction(self._connection):
            now = self._now()
            self._forget_old(now)
            yield now

    def _forget_old(self, now: float) -> None:
        # What lies ahead was written before the clock was set back, and says nothing any more.
        self._connection.execute(
            "DELETE FROM departures WHERE at <= ? OR at > ?",
            (now - WINDOW_SECONDS, now + HOLD_MAX_SECONDS + 1),
        )
        self._connection.execute(
            "DELETE FROM holds WHERE until <= ? OR until > ?", (now, now + HOLD_MAX_SECONDS + 1)
        )
        self._connection.execute(
            "DELETE FROM line WHERE seen <= ? OR seen > ?", (now - _LINE_SECONDS, now + 1)
        )
        self._connection.execute("DELETE FROM places WHERE since <= ?", (now - LEASE_SECONDS,))

    def _place_delay(self, now: float) -> Later | None:
        """Why there is no place, if there is none: too many are under way, or others came first."""
        ahead = self._ahead_in_line(now)
        own, others = self._taken()
        if own + others + ahead >= self._concurrency and others and self._free_those_gone():
            own, others = self._taken()
        if own + others + ahead < self._concurrency:
            return None
        if not others and not ahead:
            return Later(None)
        self._connection.execute(
            "INSERT INTO line (pace, account, since, seen) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (pace) DO UPDATE SET seen = excluded.seen",
            (self._name, self._account, now, now),
        )
        return Later(random.uniform(*POLL_SECONDS))  # noqa: S311 - not for secrets

    def _ahead_in_line(self, now: float) -> int:
        """How many other queues asked before this one and still wait."""
        mine = self._connection.execute("SELECT since FROM line WHERE pace = ?", (self._name,)).fetchone()
        counted = self._connection.execute(
            "SELECT count(*) FROM line WHERE account = ? AND pace <> ? AND since < ?",
            (self._account, self._name, mine[0] if mine else now),
        )
        return int(counted.fetchone()[0])

    def _taken(self) -> tuple[int, int]:
        """Places of the account that this pace holds, and that others hold."""
        row = self._connection.execute(
            "SELECT coalesce(sum(pace = ?), 0), coalesce(sum(pace <> ?), 0) FROM places WHERE account = ?",
            (self._name, self._name, self._account),
        ).fetchone()
        return int(row[0]), int(row[1])

    def _free_those_gone(self) -> bool:
        """Take back the places of ended processes; at most once a second, for some systems look slowly."""
        if time.monotonic() - self._looked_for_gone < _GONE_CHECK_SECONDS:
            return False
        self._looked_for_gone = time.monotonic()
        owners = self._connection.execute(
            "SELECT DISTINCT machine, boot, namespace, pid, started FROM places WHERE account = ?",
            (self._account,),
        ).fetchall()
        gone = [owner for owner in owners if is_gone(Process(*owner))]
        self._connection.executemany(
            "DELETE FROM places WHERE machine = ? AND boot = ? AND namespace = ? AND pid = ? AND started = ?",
            gone,
        )
        return bool(gone)

    def _rate_delay(self, bucket: str, model: Model, load: Load, now: float) -> Later | None:
        """How long the limits for a minute keep this load back, if they do."""
        held = self._connection.execute("SELECT until FROM holds WHERE bucket = ?", (bucket,)).fetchone()
        free_at = held[0] if held else now
        rows = self._connection.execute(
            "SELECT kind, amount, remaining, at, until FROM limits WHERE bucket = ?", (bucket,)
        ).fetchall()
        left = self._connection.execute(
            "SELECT at, requests, images, tokens, input_images FROM departures WHERE bucket = ? ORDER BY at",
            (bucket,),
        ).fetchall()
        weights = astuple(load)
        amounts = self._amounts(model, {kind: amount for kind, amount, *_rest in rows if amount is not None})
        for kind, amount in amounts.items():
            column = _COLUMNS[kind]
            departures = [(at, counts[column]) for at, *counts in left]
            free_at = max(free_at, _window_free_at(departures, amount, weights[column], now))
        for kind, _amount, remaining, at, until in rows:
            column = _COLUMNS[kind]
            # What left with the answered request itself is already in its count.
            since = sum(counts[column] for left_at, *counts in left if left_at > at)
            if remaining is not None and at <= now < until and since + weights[column] > remaining:
                free_at = max(free_at, until)
        if free_at <= now:
            return None
        # Who waits for time does not keep the others from a place.
        self._connection.execute("DELETE FROM line WHERE pace = ?", (self._name,))
        return Later(min(free_at - now, _LONGEST_SLEEP))

    def _amounts(self, model: Model, heard: Mapping[str, int]) -> dict[str, int]:
        """The limits for a minute, by kind: the answers' own, and what the tier adds to them."""
        tiers = model.rate_tiers
        tier = None
        if self._tier is not None and tiers:
            tier = tiers[min(self._tier, len(tiers)) - 1]
        elif "tokens" in heard and self._of_the_service:
            reached = [each for each in tiers if each.tokens <= heard["tokens"]]
            tier = reached[-1] if reached else None
        elif not heard and self._of_the_service:
            return {"images": tiers[0].images if tiers else CAREFUL_IMAGES}
        given = {} if tier is None else {"images": tier.images, "tokens": tier.tokens}
        return given | dict(heard)

    def _learn(self, place: Place, limit: Limit) -> None:
        # The counts are those of the moment when the request came in; of two answers the later request's
        # says more, whichever comes back first.
        reset = min(limit.reset if limit.reset is not None else 0.0, WINDOW_SECONDS)
        self._connection.execute(
            "INSERT INTO limits (bucket, kind, amount, remaining, at, until) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (bucket, kind) DO UPDATE SET amount = coalesce(excluded.amount, amount),"
            " remaining = excluded.remaining, at = excluded.at, until = excluded.until"
            " WHERE excluded.at >= at OR at > ?",
            (
                place.bucket,
                limit.kind,
                limit.amount,
                limit.remaining,
                place.departed,
                place.departed + reset,
                self._now() + 1,
            ),
        )


def _window_free_at(departures: list[tuple[float, int]], amount: int, weight: int, now: float) -> float:
    """When `weight` more fit into the minute's amount; what is larger than the whole amount goes alone.

    `departures` are (time, weight), oldest first.
    """
    most_before = max(amount - weight, 0)
    used = sum(each for _at, each in departures)
    for at, each in departures:
        if used <= most_before:
            break
        used -= each
        now = max(now, at + WINDOW_SECONDS)
    return now


def _fingerprint(account: Account) -> str:
    """The same for all queues that share an account's limits; tells nothing of the key."""
    secret = "" if account.key is None else account.key.reveal()
    told = f"scumble pace\n{account.base_url if secret else 'sandbox'}\n{secret}"
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _open(path: Path) -> sqlite3.Connection:
    with _pace_errors(path):
        make_folder(path.parent)
        create_empty(path)
        connection = sqlite3.connect(
            path, timeout=_LOCK_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            use_journal(connection, path.parent)
            # What a power loss takes is what the next minute would have forgotten: no waiting for the disk.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA trusted_schema = 0")
            with transaction(connection):
                for statement in _TABLES:
                    connection.execute(statement)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def _pace_errors(path: Path) -> Iterator[None]:
    with storage_errors(path.parent):
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # used when closed: a defect, not the disk
        except sqlite3.Error as error:
            reason = _("{name}, which may be deleted, gives the error {error}")
            raise StorageError(path=path.parent, reason=reason.format(name=path.name, error=error)) from error
