# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the ledger's file, form by form.

A migration that was released is never edited; a change is a new one at the end of MIGRATIONS. Times are
microseconds since 1970 UTC, amounts micro-dollars. `requests`, `events`, `handles` and `limits` are the
record, and nothing in them ever changes. The rest is derived by triggers, so that no report and no budget
need replay them: `standing` from `events`; from that `quarters`, sums by the quarter hour, to which the
midnights of all zones are aligned, and `days`, sums by UTC day for each host, model, project, document, and
model with quality; `accuracy` from what was settled by the service's usage.
"""

from __future__ import annotations

_FIRST = (
    """
    CREATE TABLE migrations (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE owners (
        number INTEGER PRIMARY KEY,
        machine TEXT NOT NULL,
        boot TEXT NOT NULL,
        namespace TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started TEXT NOT NULL
    )
    """,
    "CREATE INDEX owners_by_pid ON owners (pid)",
    """
    CREATE TABLE requests (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        at INTEGER NOT NULL,
        host TEXT NOT NULL,
        kind TEXT NOT NULL,
        model TEXT NOT NULL,
        quality TEXT NOT NULL,
        size TEXT NOT NULL,
        n INTEGER NOT NULL CHECK (typeof(n) = 'integer'),
        expected INTEGER NOT NULL CHECK (typeof(expected) = 'integer' AND expected >= 0),
        reserve INTEGER NOT NULL CHECK (typeof(reserve) = 'integer' AND reserve >= 0),
        sandbox INTEGER NOT NULL CHECK (sandbox IN (0, 1)),
        document TEXT NOT NULL,
        project TEXT NOT NULL,
        owner INTEGER NOT NULL REFERENCES owners (number)
    )
    """,
    "CREATE INDEX requests_by_time ON requests (at)",
    "CREATE INDEX requests_by_host ON requests (host, at)",
    "CREATE INDEX requests_by_model ON requests (model, at)",
    "CREATE INDEX requests_by_project ON requests (project, at) WHERE project <> ''",
    """
    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        request INTEGER NOT NULL REFERENCES requests (number),
        at INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('reserved', 'sent', 'settled', 'released', 'unknown')),
        reason TEXT NOT NULL,
        billed INTEGER NOT NULL CHECK (typeof(billed) = 'integer' AND billed >= 0),
        would_bill INTEGER NOT NULL CHECK (typeof(would_bill) = 'integer' AND would_bill >= 0),
        from_usage INTEGER NOT NULL CHECK (from_usage IN (0, 1)),
        lines TEXT NOT NULL
    )
    """,
    "CREATE INDEX events_by_request ON events (request)",
    """
    CREATE TABLE standing (
        request INTEGER PRIMARY KEY REFERENCES requests (number),
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        from_usage INTEGER NOT NULL
    )
    """,
    "CREATE INDEX standing_open ON standing (request) WHERE open = 1",
    """
    CREATE TRIGGER events_decide_standing AFTER INSERT ON events BEGIN
        INSERT INTO standing (request, state, open, billed, would_bill, from_usage)
        VALUES (
            NEW.request, NEW.state, NEW.state NOT IN ('settled', 'released'),
            NEW.billed, NEW.would_bill, NEW.from_usage
        )
        ON CONFLICT (request) DO UPDATE SET
            state = excluded.state, open = excluded.open, billed = excluded.billed,
            would_bill = excluded.would_bill, from_usage = excluded.from_usage;
    END
    """,
    """
    CREATE TRIGGER requests_stay BEFORE UPDATE ON requests BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER requests_are_kept BEFORE DELETE ON requests BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
)

_SUMS = "billed, held, would_bill, count"
_ADD_SUMS = """
        billed = billed + excluded.billed, held = held + excluded.held,
        would_bill = would_bill + excluded.would_bill, count = count + excluded.count
"""
_TOPICS = "(SELECT 'host' AS topic UNION ALL SELECT 'model' UNION ALL SELECT 'project')"
_NAME = "CASE topic WHEN 'host' THEN host WHEN 'model' THEN model ELSE project END"
_WHOLE = "billed, reserve * open * (1 - sandbox), would_bill, state <> 'released'"
_INSERTED = "NEW.billed, reserve * NEW.open * (1 - sandbox), NEW.would_bill, NEW.state <> 'released'"
_CHANGED = """
    NEW.billed - OLD.billed, reserve * (NEW.open - OLD.open) * (1 - sandbox), NEW.would_bill - OLD.would_bill,
    (NEW.state <> 'released') - (OLD.state <> 'released')
"""


def _add_to_sums(values: str, source: str) -> tuple[str, str]:
    """The statements that add `values` of the rows of `source` to the sums by time and by topic."""
    # S608: only constants of this module are put together here.
    by_time = f"INSERT INTO quarters (quarter, {_SUMS}) SELECT at / 900000000, {values} FROM {source}"  # noqa: S608
    by_topic = (
        f"INSERT INTO days (topic, name, day, {_SUMS})"  # noqa: S608
        f" SELECT topic, {_NAME}, at / 86400000000, {values} FROM {_TOPICS}, {source}"
    )
    return (
        f"{by_time} ON CONFLICT (quarter) DO UPDATE SET {_ADD_SUMS}",
        f"{by_topic} ON CONFLICT (topic, name, day) DO UPDATE SET {_ADD_SUMS}",
    )


_ASKED = "requests WHERE number = NEW.request"
_ALL = "requests JOIN standing ON standing.request = requests.number WHERE true"


def _add_to_accuracy(row: str, source: str) -> str:
    """The statement that adds the settled rows of `source` to what estimates are measured by; `row` is the
    prefix of the columns of `standing` in it."""
    billed, from_usage = f"{row}billed", f"{row}from_usage"
    values = (
        f"1 - {from_usage}, {from_usage}, expected * {from_usage}, {billed} * {from_usage},"
        f" abs({billed} - expected) * {from_usage}, {from_usage} AND {billed} > reserve"
    )
    added = ("without_usage", "bills", "expected", "billed", "off", "beyond")
    return (
        f"INSERT INTO accuracy (model, quality, {', '.join(added)})"  # noqa: S608 - constants of this module
        f" SELECT model, quality, {values} FROM {source} AND sandbox = 0 AND priced = 1"
        " ON CONFLICT (model, quality) DO UPDATE SET "
        + ", ".join(f"{name} = {name} + excluded.{name}" for name in added)
    )


def _trigger(name: str, moment: str, statements: tuple[str, ...]) -> str:
    return f"CREATE TRIGGER {name} AFTER {moment} BEGIN {'; '.join(statements)}; END"


_SECOND = (
    "ALTER TABLE requests ADD COLUMN priced INTEGER NOT NULL DEFAULT 1 CHECK (priced IN (0, 1))",
    # The sums by day make these two needless; that by model finds the newest bills of one.
    "DROP INDEX requests_by_host",
    "DROP INDEX requests_by_project",
    """
    CREATE TABLE limits (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        scope TEXT NOT NULL CHECK (scope IN ('action', 'day', 'month', 'project')),
        project TEXT NOT NULL CHECK (project = '' OR scope = 'project'),
        amount INTEGER CHECK (amount IS NULL OR (typeof(amount) = 'integer' AND amount >= 0))
    )
    """,
    """
    CREATE TRIGGER limits_stay BEFORE UPDATE ON limits BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER limits_are_kept BEFORE DELETE ON limits BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TABLE quarters (
        quarter INTEGER PRIMARY KEY,
        billed INTEGER NOT NULL,
        held INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        count INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE days (
        topic TEXT NOT NULL,
        name TEXT NOT NULL,
        day INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        held INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (topic, name, day)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE accuracy (
        model TEXT NOT NULL,
        quality TEXT NOT NULL,
        without_usage INTEGER NOT NULL,
        bills INTEGER NOT NULL,
        expected INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        off INTEGER NOT NULL,
        beyond INTEGER NOT NULL,
        PRIMARY KEY (model, quality)
    ) WITHOUT ROWID
    """,
    *_add_to_sums(_WHOLE, _ALL),
    _add_to_accuracy("", f"{_ALL} AND state = 'settled'"),
    _trigger("standing_enters_sums", "INSERT ON standing", _add_to_sums(_INSERTED, _ASKED)),
    _trigger(
        "standing_changes_sums",
        "UPDATE ON standing WHEN NEW.open <> OLD.open",
        (*_add_to_sums(_CHANGED, _ASKED), _add_to_accuracy("NEW.", f"{_ASKED} AND NEW.state = 'settled'")),
    ),
)

_THIRD = (
    """
    CREATE TABLE handles (
        number INTEGER PRIMARY KEY,
        request INTEGER NOT NULL REFERENCES requests (number),
        at INTEGER NOT NULL,
        handle TEXT NOT NULL
    )
    """,
    "CREATE INDEX handles_by_request ON handles (request)",
    """
    CREATE TRIGGER handles_stay BEFORE UPDATE ON handles BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
    """
    CREATE TRIGGER handles_are_kept BEFORE DELETE ON handles BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END
    """,
)

_SUMS_4 = f"{_SUMS}, unpriced"
_ADD_SUMS_4 = f"{_ADD_SUMS}, unpriced = unpriced + excluded.unpriced"
_TOPICS_4 = (
    "(SELECT 'host' AS topic UNION ALL SELECT 'model' UNION ALL SELECT 'project'"
    " UNION ALL SELECT 'document' UNION ALL SELECT 'quality')"
)
_NAME_4 = (
    "CASE topic WHEN 'host' THEN host WHEN 'model' THEN model WHEN 'project' THEN project"
    " WHEN 'document' THEN document ELSE model || ' ' || quality END"
)
_UNPRICED = "(1 - priced) * (1 - sandbox)"


def _add_to_sums_4(values: str, source: str) -> tuple[str, str]:
    """As _add_to_sums, with the sums by document and by quality, and what has no price."""
    by_time = f"INSERT INTO quarters (quarter, {_SUMS_4}) SELECT at / 900000000, {values} FROM {source}"  # noqa: S608
    by_topic = (
        f"INSERT INTO days (topic, name, day, {_SUMS_4})"  # noqa: S608
        f" SELECT topic, {_NAME_4}, at / 86400000000, {values} FROM {_TOPICS_4}, {source}"
    )
    return (
        f"{by_time} ON CONFLICT (quarter) DO UPDATE SET {_ADD_SUMS_4}",
        f"{by_topic} ON CONFLICT (topic, name, day) DO UPDATE SET {_ADD_SUMS_4}",
    )


_FOURTH = (
    "DROP TRIGGER standing_enters_sums",
    "DROP TRIGGER standing_changes_sums",
    "ALTER TABLE quarters ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE days ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0",
    # Both are derived: what is deleted here is summed up again from the record.
    "DELETE FROM quarters",
    "DELETE FROM days",
    *_add_to_sums_4(f"{_WHOLE}, (state <> 'released') * {_UNPRICED}", _ALL),
    _trigger(
        "standing_enters_sums",
        "INSERT ON standing",
        _add_to_sums_4(f"{_INSERTED}, (NEW.state <> 'released') * {_UNPRICED}", _ASKED),
    ),
    _trigger(
        "standing_changes_sums",
        "UPDATE ON standing WHEN NEW.open <> OLD.open",
        (
            *_add_to_sums_4(
                f"{_CHANGED}, ((NEW.state <> 'released') - (OLD.state <> 'released')) * {_UNPRICED}", _ASKED
            ),
            _add_to_accuracy("NEW.", f"{_ASKED} AND NEW.state = 'settled'"),
        ),
    ),
    "CREATE INDEX events_of_failures ON events (request, reason) WHERE state IN ('released', 'unknown')",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD, _FOURTH)
