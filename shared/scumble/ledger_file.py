# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's SQLite file: private, safe at power loss, brought to this version's tables when opened.

On this machine's own disk it keeps a write-ahead log, which needs memory that all its programs share. A
network disk has none, so there it keeps a rollback journal, which is slower and relies on the disk's locks
alone.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import LedgerBusy, LedgerDamaged, LedgerOfAnother, StorageError
from .ledger_forms import MIGRATIONS
from .network_disks import network_disk
from .private_files import FILE_MODE, make_folder, storage_errors, sync_folder
from .translation import N_, _

_LOCK_PATIENCE_SECONDS = 20.0
_RETRY_SECONDS = 0.01

_REASONS = {
    sqlite3.SQLITE_FULL: N_("the disk is full"),
    sqlite3.SQLITE_READONLY: N_("the ledger cannot be written"),
    sqlite3.SQLITE_CANTOPEN: N_("the ledger cannot be opened"),
    sqlite3.SQLITE_PERM: N_("access is denied"),
    sqlite3.SQLITE_CORRUPT: N_("the ledger is damaged"),
    sqlite3.SQLITE_NOTADB: N_("the ledger is damaged"),
    sqlite3.SQLITE_BUSY: N_("another program keeps the ledger locked"),
    sqlite3.SQLITE_LOCKED: N_("another program keeps the ledger locked"),
    sqlite3.SQLITE_IOERR: N_("the disk does not take or give the ledger's data"),
}
_KINDS: dict[int, type[StorageError]] = {
    sqlite3.SQLITE_CORRUPT: LedgerDamaged,
    sqlite3.SQLITE_NOTADB: LedgerDamaged,
    sqlite3.SQLITE_BUSY: LedgerBusy,
    sqlite3.SQLITE_LOCKED: LedgerBusy,
}


def open_ledger_file(path: Path) -> sqlite3.Connection:
    """Open or create it (0600, its folder 0700), migrated. Raises StorageError: LedgerDamaged,
    LedgerBusy or LedgerOfAnother where there is something else to do than to mend the disk."""
    with ledger_errors(path):
        make_folder(path.parent)
        create_empty(path)
        connection = sqlite3.connect(path, timeout=_LOCK_PATIENCE_SECONDS, isolation_level=None)
        connection.text_factory = readable_text
        try:
            use_journal(connection, path.parent)
            for pragma in ("synchronous = FULL", "fullfsync = 1", "foreign_keys = 1", "trusted_schema = 0"):
                connection.execute(f"PRAGMA {pragma}")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def readable_text(stored: bytes) -> str:
    """A text of the file: a damaged letter in one name must not hide the money of all the others."""
    return stored.decode(errors="replace")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block's changes or none, on disk at its end; inside another one, at the end of that."""
    if connection.in_transaction:
        yield
        return
    # IMMEDIATE: a deferred one that reads before it writes fails at once when another process writes.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def ledger_errors(path: Path) -> Iterator[None]:
    """Turns every sqlite and OS error of the block into a StorageError about the ledger's folder."""
    with storage_errors(path.parent):
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # used when closed or from another thread: a defect, not the disk
        except sqlite3.Error as error:
            code = _primary_code(error)
            known = _REASONS.get(code)
            kind = _KINDS.get(code, StorageError)
            raise kind(path=path.parent, reason=_(known) if known else str(error)) from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    while (number := _form(connection, path)) < len(MIGRATIONS):
        with transaction(connection):
            # Another process may have migrated it between the look and the lock.
            if _form(connection, path) == number:
                for statement in MIGRATIONS[number]:
                    connection.execute(statement)
                now = time.time_ns() // 1000
                connection.execute("INSERT INTO migrations (number, at) VALUES (?, ?)", (number + 1, now))
    if number > len(MIGRATIONS):
        reason = _("a newer Scumble wrote the ledger (form {theirs}; this one knows {ours})")
        raise LedgerOfAnother(path=path.parent, reason=reason.format(theirs=number, ours=len(MIGRATIONS)))


def _form(connection: sqlite3.Connection, path: Path) -> int:
    """How many migrations the file has seen, 0 for an empty one."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not names:
        return 0
    if not {"migrations", "requests", "events"} <= names:
        reason = _("{name} is not a ledger of Scumble").format(name=path.name)
        raise LedgerOfAnother(path=path.parent, reason=reason)
    return int(connection.execute("SELECT max(number) FROM migrations").fetchone()[0] or 0)


def create_empty(path: Path) -> None:
    """A file of mode 0600 for SQLite, where there is none. Raises OSError."""
    # SQLite would create it with the umask's mode, and gives its side files the mode of this one. An
    # existing file is not opened: closing it would drop the locks of this process's other connections.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))
        sync_folder(path.parent)
    except FileExistsError:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(FILE_MODE)


def use_journal(connection: sqlite3.Connection, folder: Path) -> None:
    """A write-ahead log, so that readers and a writer do not wait for one another; in a folder on a network
    disk a rollback journal. Raises sqlite3.Error."""
    mode = "DELETE" if network_disk(folder) else "WAL"
    # SQLite does not wait for a lock while it changes the journal mode, so several first openers collide.
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
            return
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
