"""The seam to the driver: one connection to one encrypted file. No exception of the driver's leaves this module.

    connection = connect(path, key, wait_seconds=5)
    session = Session(connection, writable=True)     # what the tables' classes work with, valid for one block

Pragmas, and why: WAL and `synchronous=FULL` (what was acknowledged is durable); `secure_delete` and
`temp_store=MEMORY` (what was destroyed is gone, and nothing readable is written beside the file); a bounded cache
(memory stays flat); a checkpoint each 16 MiB of WAL.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from sqlcipher3 import dbapi2

from simpul.errors import (
    HomeBusy,
    HomeDamaged,
    HomeFault,
    HomeLocked,
    InputFault,
    SimpulError,
    StorageFull,
)
from simpul.storage.statements import Rows, Statement

KEY_BYTES: Final = 32
WRITER_CACHE_KIB: Final = 16 * 1024
READER_CACHE_KIB: Final = 8 * 1024
_CHECKPOINT_PAGES: Final = 4096
_WAL_KEPT_BYTES: Final = 32 * 1024 * 1024
_POLL_SECONDS: Final = 0.001
_FETCH: Final = 100

_FRESH: Final = (
    "CREATE TEMP TABLE IF NOT EXISTS fresh_here"
    "(hash INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (hash, place)) WITHOUT ROWID"
)

_BUSY: Final = (HomeBusy, "another process is writing to {file}", "wait for it to end and try again")
_DAMAGED: Final = (HomeDamaged, "a page of {file} does not verify", "restore the last backup")
_DENIED: Final = (
    HomeFault,
    "{file} cannot be opened for writing",
    "make the home's folder and files belong to the user who runs this, with mode 0700 and 0600",
)
_FAULTS: Final[tuple[tuple[str, type[HomeFault], str, str], ...]] = (
    ("SQLITE_BUSY", *_BUSY),
    ("SQLITE_LOCKED", *_BUSY),
    (
        "SQLITE_FULL",
        StorageFull,
        "no room for {file}; nothing of this change was kept",
        "free some space and run the command again",
    ),
    (
        "SQLITE_NOTADB",
        HomeLocked,
        "the key does not open {file}, or its first page is damaged",
        "give the key-encryption key that the home was made with",
    ),
    ("SQLITE_CORRUPT", *_DAMAGED),
    ("SQLITE_IOERR", HomeFault, "the disk does not read or write {file}", "see what the system's log says"),
    ("SQLITE_CANTOPEN", *_DENIED),
    ("SQLITE_READONLY", *_DENIED),
    ("SQLITE_PERM", *_DENIED),
    ("SQLITE_AUTH", *_DENIED),
)
"""The driver's error names (a prefix covers the extended ones) and ours."""


class Connection:
    """One connection. Not for two threads at a time.

    `fresh` is (settled, loaded, erased): which rows of `fresh` this connection's memory holds a sorted copy of (see lookup.py).
    """

    def __init__(self, path: Path, key: bytes | None, *, wait_seconds: float, cache_kib: int) -> None:
        self._path = path
        self._wait = wait_seconds
        self._deadline = 0.0
        self._cursors: list[Any] = []
        self.fresh = (0, 0, 0)
        try:
            self._driver: Any = dbapi2.connect(
                str(path), isolation_level=None, check_same_thread=False, cached_statements=256
            )
        except dbapi2.Error as error:
            raise translate(error, path) from error
        try:
            self._set_up(key, cache_kib)
        except SimpulError:
            self._driver.close()
            raise

    def _set_up(self, key: bytes | None, cache_kib: int) -> None:
        self._driver.set_busy_handler(self._busy)
        # The driver writes warnings about wrong keys to standard error otherwise.
        self.run("PRAGMA cipher_log_level = NONE")
        if key is not None:
            self.run(f"PRAGMA key = \"x'{key.hex()}'\"")
        self.rows("SELECT count(*) FROM sqlite_master")
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "secure_delete = ON",
            "temp_store = MEMORY",
            "foreign_keys = ON",
            f"cache_size = -{cache_kib}",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
            f"journal_size_limit = {_WAL_KEPT_BYTES}",
        ):
            self.rows(f"PRAGMA {pragma}")
        self.run(_FRESH)

    def _busy(self, attempt: int) -> bool:
        """Wait in short steps: another process's import leaves only a few milliseconds between its transactions."""
        now = time.monotonic()
        if attempt == 0:
            self._deadline = now + self._wait
        if now >= self._deadline:
            return False
        time.sleep(_POLL_SECONDS)
        return True

    def rows(self, text: str, values: Any = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        try:
            found: list[tuple[Any, ...]] = self._driver.execute(text, values).fetchall()
        except dbapi2.Error as error:
            raise translate(error, self._path) from error
        return found

    def each(self, text: str, values: Any = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement, some at a time."""
        cursor = self._driver.cursor()
        self._cursors.append(cursor)
        try:
            cursor.execute(text, values)
            while found := cursor.fetchmany(_FETCH):
                yield from found
        except dbapi2.Error as error:
            raise translate(error, self._path) from error
        finally:
            cursor.close()
            if cursor in self._cursors:
                self._cursors.remove(cursor)

    def run(self, text: str, values: Any = ()) -> int:
        """Run a statement; returns how many rows it changed."""
        try:
            return int(self._driver.execute(text, values).rowcount)
        except dbapi2.Error as error:
            raise translate(error, self._path) from error

    def run_many(self, text: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run a statement once a row."""
        try:
            self._driver.executemany(text, rows)
        except dbapi2.Error as error:
            raise translate(error, self._path) from error

    def stop_reading(self) -> None:
        """End what `each` has not read to its end: an open cursor would keep the snapshot."""
        while self._cursors:
            self._cursors.pop().close()

    def roll_back(self) -> None:
        """Undo the open transaction, if the driver has not done so already."""
        if self._driver.in_transaction:
            self.run("ROLLBACK")

    def truncate_log(self, *, wait_seconds: float | None = None) -> bool:
        """Copy the write-ahead log into the file and empty it. False if a reader or another process is in the way.

        Waits for them as long as for anything else, or for `wait_seconds`.
        """
        usual = self._wait
        self._wait = usual if wait_seconds is None else wait_seconds
        try:
            busy, _, _ = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        finally:
            self._wait = usual
        return not busy

    @property
    def changes(self) -> int:
        """How many rows this connection has changed in all."""
        return int(self._driver.total_changes)

    @property
    def driver(self) -> Any:
        """The driver's own connection, for migrations."""
        return self._driver

    def close(self) -> None:
        """Let go of the file."""
        try:
            self._driver.close()
        except dbapi2.Error as error:
            raise translate(error, self._path) from error


class Session:
    """What a block may do with a connection: ask, and, inside `Store.write`, change. Unusable after the block."""

    def __init__(self, connection: Connection, *, writable: bool) -> None:
        self._connection = connection
        self._writable = writable
        self._open = True
        self.fault: HomeFault | None = None
        self.destroyed = False

    @property
    def connection(self) -> Connection:
        """The connection, if the block is still open.

        Raises:
            RuntimeError: used after its block.
        """
        if not self._open:
            raise RuntimeError("a unit of the store was used after its block ended")
        return self._connection

    @property
    def writable(self) -> bool:
        """Whether this is inside `Store.write`."""
        return self._writable

    def all(self, statement: Statement, **values: Any) -> list[tuple[Any, ...]]:
        """All rows."""
        return self.connection.rows(statement.text, statement.values(values))

    def one(self, statement: Statement, **values: Any) -> tuple[Any, ...] | None:
        """The first row, if any."""
        found = self.all(statement, **values)
        return found[0] if found else None

    def each(self, statement: Statement, **values: Any) -> Iterator[tuple[Any, ...]]:
        """Rows as they are asked for."""
        for row in self.connection.each(statement.text, statement.values(values)):
            yield row
            _ = self.connection  # raises after the block

    def change(self, statement: Statement, **values: Any) -> int:
        """Change rows; returns how many."""
        self._check_writable()
        try:
            return self.connection.run(statement.text, statement.values(values))
        except HomeFault as fault:
            self.fault = fault
            raise

    def insert(self, rows_of: Rows, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert many rows."""
        self.change_many(rows_of.text, rows)

    def change_many(self, text: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement with positional parameters once a row."""
        self._check_writable()
        try:
            self.connection.run_many(text, rows)
        except HomeFault as fault:
            self.fault = fault
            raise

    def returning(self, statement: Statement, **values: Any) -> list[tuple[Any, ...]]:
        """Change rows and get what the statement returns."""
        self._check_writable()
        try:
            return self.all(statement, **values)
        except HomeFault as fault:
            self.fault = fault
            raise

    def check(self) -> None:
        """Raise the fault that the block met and went on after, if any: then nothing of it may become durable."""
        if self.fault is not None:
            raise self.fault

    def end(self) -> None:
        """The block is over."""
        self._open = False
        self._connection.stop_reading()

    def _check_writable(self) -> None:
        if not self._writable:
            raise RuntimeError("changes belong inside Store.write()")
        # The driver may have undone the whole transaction at the first fault: what came now would stand by itself.
        self.check()


def connect(
    path: Path, key: bytes | None, *, wait_seconds: float, cache_kib: int = READER_CACHE_KIB
) -> Connection:
    """Open a file with a raw key of 32 bytes, or None for one that is not encrypted.

    Raises:
        HomeLocked, HomeDamaged, HomeFault: it does not open.
    """
    if key is not None and len(key) != KEY_BYTES:
        raise HomeLocked(f"the key of {path.name} has {KEY_BYTES} bytes, not {len(key)}", input=str(path))
    return Connection(path, key, wait_seconds=wait_seconds, cache_kib=cache_kib)


def translate(error: Any, path: Path) -> SimpulError:
    """Our error for one of the driver's."""
    name = str(getattr(error, "sqlite_errorname", "SQLITE_ERROR"))
    if name.startswith("SQLITE_CONSTRAINT"):
        return InputFault(
            "it is there already, or what it belongs to is not", input=path.name, where=str(error)
        )
    if name.startswith("SQLITE_IOERR") and _is_full(path):
        name = "SQLITE_FULL"
    for prefix, kind, words, do in _FAULTS:
        if name.startswith(prefix):
            return kind(words.format(file=path.name), input=str(path), where=name, do=do)
    return HomeFault(f"{path.name} does not answer: {error}", input=str(path), where=name)


def _is_full(path: Path) -> bool:
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail == 0
