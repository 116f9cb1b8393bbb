"""`ports.Store` on SQLite: who may read, who may write, and when what is destroyed is gone.

    with open_store(path, key, realm="live") as store:
        with store.write() as unit: …     one BEGIN IMMEDIATE … COMMIT
        with store.read() as unit: …      one snapshot, on one of a few reader connections

One writer connection, taken in turn by the threads of this process, waits for other processes in short steps. After a
commit that destroyed something the write-ahead log is emptied, at once or, if a reader is in the way, with the next
commit; a mark in the database survives a kill in between.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from simpul.errors import HomeBusy, InputFault, NotFound, StorageFull
from simpul.ports import Directory, Jobs, Journal, Mail, Objects, Products, Recalls, Unit
from simpul.storage import lookup, schema
from simpul.storage.connection import WRITER_CACHE_KIB, Connection, Session, connect
from simpul.storage.directory import DirectoryRows
from simpul.storage.inbox import MailRows
from simpul.storage.interning import Interning, Numbers
from simpul.storage.jobs import JobRows
from simpul.storage.journal import JournalRows
from simpul.storage.lookup import Lookup
from simpul.storage.objects import ObjectRows
from simpul.storage.products import ProductRows
from simpul.storage.recalls import RecallRows

_IDLE_READERS: Final = 3
_PATIENCE_SECONDS: Final = 0.02
"""How long emptying the log waits for readers: every writer would wait with it."""
_MARK: Final = "INSERT OR REPLACE INTO identity VALUES ('destroyed', x'01')"
_UNMARK: Final = "DELETE FROM identity WHERE name = 'destroyed'"
_MARKED: Final = "SELECT 1 FROM identity WHERE name = 'destroyed'"


class RowUnit:
    """Implements `ports.Unit`: the classes over the tables, all on one session."""

    objects: Objects
    products: Products
    mail: Mail
    directory: Directory
    journal: Journal
    jobs: Jobs
    recalls: Recalls

    def __init__(self, session: Session, interning: Interning, hash_key: bytes) -> None:
        lookup = Lookup(session, hash_key)
        objects = ObjectRows(session, interning, lookup, hash_key)
        mail = MailRows(session, interning, objects)
        self.objects = objects
        self.products = ProductRows(session, interning, objects)
        self.mail = mail
        self.directory = DirectoryRows(session, interning)
        self.journal = JournalRows(session, interning)
        self.jobs = JobRows(session)
        self.recalls = RecallRows(session, interning, objects, mail, lookup)


class SqliteStore:
    """One realm's database; implements `ports.Store`. Safe to share between threads; a `Unit` is not."""

    def __init__(
        self, path: Path, key: bytes | None, writer: Connection, hash_key: bytes, *, wait_seconds: float
    ) -> None:
        self._path = path
        self._key = key
        self._wait = wait_seconds
        self._hash_key = hash_key
        self._known = Numbers()
        self._writer = writer
        self._turn = threading.Lock()
        self._pool = threading.Lock()
        self._idle: list[Connection] = []
        self._watch: Connection | None = None
        self._wrote = False
        self._to_truncate = bool(writer.rows(_MARKED))

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A snapshot."""
        connection = self._reader()
        session = Session(connection, writable=False)
        try:
            connection.run("BEGIN")
            connection.rows("SELECT 1 FROM identity")  # the snapshot is taken by the first read, so read now
            yield RowUnit(session, Interning(session, self._known), self._hash_key)
        finally:
            session.end()
            # Not undone: this connection's copy of `fresh` (lookup.py) was brought forward in this transaction.
            connection.run("COMMIT")
            self._release(connection)

    @contextmanager
    def write(self) -> Iterator[Unit]:
        """One atomic change. Raises `HomeBusy` after the wait, `StorageFull` when it does not fit."""
        if not self._turn.acquire(timeout=self._wait):
            raise HomeBusy(f"another thread is writing to {self._path.name}", input=str(self._path))
        try:
            with self._transaction() as (unit, session):
                yield unit
            self._after(session)
        finally:
            self._turn.release()

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Unit, Session]]:
        connection = self._writer
        fresh = connection.fresh
        session = Session(connection, writable=True)
        interning = Interning(session, self._known)
        connection.run("BEGIN IMMEDIATE")
        try:
            yield RowUnit(session, interning, self._hash_key), session
            session.check()
            session.end()
            if session.destroyed:
                connection.run(_MARK)
            connection.run("COMMIT")
            interning.committed()
        except BaseException:
            session.end()
            connection.roll_back()
            connection.fresh = fresh
            raise

    def _after(self, session: Session) -> None:
        """What follows a commit, still in this thread's turn. It is upkeep: what it cannot do now it does later."""
        self._wrote = True
        self._to_truncate = self._to_truncate or session.destroyed
        # The change is durable, so it must not seem to have failed when there is no room or time for the upkeep.
        with suppress(HomeBusy, StorageFull):
            if self._to_truncate:
                self._truncate()
            lookup.settle(self._writer, lookup.SETTLE_AT)

    def _truncate(self) -> None:
        """Empty the write-ahead log of what was destroyed, and take the mark away once that is done."""
        if self._writer.truncate_log(wait_seconds=_PATIENCE_SECONDS):
            self._writer.run(_UNMARK)
            self._to_truncate = False

    def changed(self) -> int:
        """A number that differs after any other connection, of this or another process, committed."""
        with self._pool:
            if self._watch is None:
                self._watch = connect(self._path, self._key, wait_seconds=self._wait, cache_kib=64)
            return int(self._watch.rows("PRAGMA data_version")[0][0])

    def close(self) -> None:
        """Let go of the database. A second call does nothing."""
        with self._turn, self._pool:
            if self._wrote:
                with suppress(HomeBusy, StorageFull):  # upkeep, as in _after
                    lookup.settle_at_close(self._writer)
                self._wrote = False
            for connection in (self._writer, self._watch, *self._idle):
                if connection is not None:
                    connection.close()
            self._watch = None
            self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reader(self) -> Connection:
        with self._pool:
            if self._idle:
                return self._idle.pop()
        return connect(self._path, self._key, wait_seconds=self._wait)

    def _release(self, connection: Connection) -> None:
        with self._pool:
            if len(self._idle) < _IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()


def open_store(
    path: Path, key: bytes | None, *, realm: str, create: bool = False, wait_seconds: float = 5.0
) -> SqliteStore:
    """Open (or with `create` make) the database of one realm, migrating it if this program is newer.

    Args:
        path: the file, such as `HOME/live.db`.
        key: the raw 32-byte database key, or None for an unencrypted home.
        realm: "live" or an exercise's name; a database knows its own and refuses another.
        create: make the file, with mode 0600; it must not exist yet.
        wait_seconds: how long `write` waits for another writer.

    Raises:
        NotFound: no such file (without `create`).
        InputFault: the file exists already (with `create`).
        HomeLocked: the key is not this database's.
        HomeIncompatible: written by a newer program, or of another realm.
        HomeDamaged: it does not read back.
        HomeBusy: another process is migrating it.
    """
    if create:
        _touch(path)
    elif not path.is_file():
        raise NotFound(
            f"there is no database {path.name}", input=str(path), do="make the home with `simpul init`"
        )
    writer = connect(path, key, wait_seconds=wait_seconds, cache_kib=WRITER_CACHE_KIB)
    try:
        if create:
            schema.create(writer, realm)
        hash_key = schema.recognise(writer, path, realm)
        store = SqliteStore(path, key, writer, hash_key, wait_seconds=wait_seconds)
    except BaseException:
        writer.close()
        raise
    return store


def _touch(path: Path) -> None:
    """Make an empty file that only its owner reads: what the driver makes follows the umask."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise InputFault(f"{path.name} exists already", input=str(path)) from None
