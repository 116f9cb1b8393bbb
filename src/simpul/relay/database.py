"""Mailboxes and envelopes on disk, and the relay's own record, in one SQLite file.

    accounts 1─* mailboxes 1─* envelopes 1─1 bodies        records: one (tag, bytes, at) for every put

One writer thread makes every change (`RelayWriter`): what came in while the disk was busy goes into one transaction
together and is answered when that is durable. Reads are short, indexed, and run on a connection of their own.
An envelope's row outlives its body until it expires, so that the same put twice is answered alike and stored once.
"""

from __future__ import annotations

import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from sqlcipher3 import dbapi2

from simpul.errors import HomeDamaged, HomeIncompatible, InputFault
from simpul.protocol.mailboxes import CONTACT, mailbox_tag
from simpul.relay.mailboxes import (
    MAILBOX_KEPT,
    RECORDS_KEPT,
    URGENT,
    WINDOW,
    Limits,
    Mailbox,
    Refused,
    check_registration,
    check_room,
    stamp,
)

T = TypeVar("T")

FILE: Final = "relay.db"
FORMAT: Final = 1
EXPIRED_AT_ONCE: Final = 500
_BATCH: Final = 256
_FREED_AT_ONCE: Final = 2000
_TIDY_AFTER: Final = 60.0

_SCHEMA: Final = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, bytes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY, tag BLOB NOT NULL UNIQUE, account INTEGER NOT NULL REFERENCES accounts,
    put_key BLOB NOT NULL, class TEXT NOT NULL, used INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0, envelopes INTEGER NOT NULL DEFAULT 0);
CREATE INDEX mailboxes_by_account ON mailboxes (account, class);
CREATE TABLE envelopes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox INTEGER NOT NULL REFERENCES mailboxes, account INTEGER NOT NULL,
    urgent INTEGER NOT NULL, hash BLOB NOT NULL, length INTEGER NOT NULL, expires INTEGER NOT NULL,
    held INTEGER NOT NULL DEFAULT 1, UNIQUE (mailbox, hash));
CREATE INDEX envelopes_waiting ON envelopes (account, urgent DESC, id) WHERE held;
CREATE INDEX envelopes_expiring ON envelopes (expires);
CREATE TABLE bodies (id INTEGER PRIMARY KEY REFERENCES envelopes, body BLOB NOT NULL);
CREATE TABLE records (tag BLOB NOT NULL, bytes INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX records_by_time ON records (at);
CREATE TABLE nonces (nonce BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_MAILBOX: Final = """
SELECT m.id, m.tag, m.account, m.put_key, m.class, m.bytes, m.envelopes, a.bytes
FROM mailboxes m JOIN accounts a ON a.id = m.account WHERE m.tag = ?
"""


_WAITING_NAMED_FIRST: Final = """
SELECT e.id, m.tag, e.length, e.hash FROM envelopes e JOIN mailboxes m ON m.id = e.mailbox
WHERE e.account = ?1 AND e.held AND e.expires > ?2
ORDER BY lower(hex(m.tag)) IN (SELECT value FROM json_each(CAST(?3 AS TEXT))) DESC, e.urgent DESC, e.id LIMIT ?4
"""
_WAITING: Final = """
SELECT e.id, m.tag, e.length, e.hash FROM envelopes e JOIN mailboxes m ON m.id = e.mailbox
WHERE e.account = ? AND e.held AND e.expires > ? ORDER BY e.urgent DESC, e.id LIMIT ?
"""


class Put(Struct, frozen=True, kw_only=True):
    """What became of a put: when it expires (microseconds UTC), whose account it is, and whether it is new here."""

    expires: int
    account: int
    new: bool


class Waiting(Struct, frozen=True, kw_only=True):
    """An envelope that waits, without its bytes."""

    id: int
    tag: bytes
    length: int
    hash: bytes


class Record(Struct, frozen=True, kw_only=True):
    """One line of the relay's own record: all that it keeps about a put (at in microseconds UTC)."""

    tag: bytes
    bytes: int
    at: int


def records(data: Path) -> list[Record]:
    """The relay's record, oldest first; works beside a running relay.

    Raises:
        InputFault: there is no relay in that folder.
    """
    with opened(data) as connection:
        rows = connection.execute("SELECT tag, bytes, at FROM records ORDER BY at, rowid").fetchall()
    return [Record(tag=tag, bytes=length, at=at) for tag, length, at in rows]


@contextmanager
def opened(data: Path) -> Iterator[Any]:
    """A connection to the database of an existing relay, closed at the end. Raises `InputFault` where there is none."""
    if not (data / FILE).is_file():
        raise InputFault(
            "no relay keeps its data in this folder", input=str(data), do="name the folder of a relay"
        )
    connection = _connect(data)
    try:
        yield connection
    finally:
        connection.close()


class RelayDatabase:
    """One connection to a relay's database. Writers run its changes inside `RelayWriter`; a reader only asks.

    Args:
        data: the relay's folder; made where absent.
        relay: the relay's URL, which every mailbox tag commits to.
        limits: what the relay allows.

    Raises:
        HomeIncompatible: made by a newer program, or under another URL.
        HomeDamaged: not a database.
    """

    def __init__(self, data: Path, relay: str, limits: Limits) -> None:
        self._data = data
        self._relay = relay
        self._limits = limits
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = _connect(data)
        try:
            _prepare(self._connection, data, relay)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # Changes: each is called inside a transaction of RelayWriter.

    def register(self, key: bytes, boxes: Sequence[tuple[str, bytes]], now: int) -> list[bytes]:
        """Make mailboxes of (class, put public key) for an account, which is made with its first. Returns their tags.

        Idempotent: a mailbox that is there stays as it is, and counts as used now.

        Raises:
            Refused: malformed or too-many; then nothing was made.
        """
        account = self._account(key)
        tags = [mailbox_tag(self._relay, key, put_key) for _, put_key in boxes]
        known = {tag for tag in tags if self._one("SELECT 1 FROM mailboxes WHERE tag = ?", tag)}
        fresh = {tag: box for tag, box in zip(tags, boxes, strict=True) if tag not in known}
        wanted: dict[str, int] = {}
        for kind, _ in fresh.values():
            wanted[kind] = wanted.get(kind, 0) + 1
        held = self._all("SELECT class, count(*) FROM mailboxes WHERE account = ? GROUP BY class", account)
        check_registration(self._limits, dict(held), wanted)
        self._connection.executemany(
            "INSERT INTO mailboxes (tag, account, put_key, class, used) VALUES (?, ?, ?, ?, ?)",
            [(tag, account, put_key, kind, now) for tag, (kind, put_key) in fresh.items()],
        )
        self._connection.executemany(
            "UPDATE mailboxes SET used = ? WHERE tag = ?", [(now, tag) for tag in known]
        )
        return tags

    def put(self, tag: bytes, digest: bytes, envelope: bytes, now: int) -> Put:
        """Store an envelope whose signature was checked. The same one twice is stored once and answered alike.

        Raises:
            Refused: refused (the mailbox is gone), mailbox-full, account-full or disk-full.
        """
        box = self.mailbox(tag)
        if box is None:
            raise Refused("refused")
        known = self._one("SELECT expires FROM envelopes WHERE mailbox = ? AND hash = ?", box.id, digest)
        if known:
            return Put(expires=known[0], account=box.account, new=False)
        check_room(self._limits, box, len(envelope), shutil.disk_usage(self._data).free)
        expires = now + self._limits.expiry
        row = self._connection.execute(
            "INSERT INTO envelopes (mailbox, account, urgent, hash, length, expires) VALUES (?, ?, ?, ?, ?, ?)",
            (box.id, box.account, box.kind == URGENT, digest, len(envelope), expires),
        )
        self._connection.execute("INSERT INTO bodies VALUES (?, ?)", (row.lastrowid, envelope))
        self._connection.execute("INSERT INTO records VALUES (?, ?, ?)", (tag, len(envelope), now))
        self._connection.execute("UPDATE mailboxes SET used = ? WHERE id = ?", (now, box.id))
        self._hold(box.id, box.account, box.kind, len(envelope), 1)
        return Put(expires=expires, account=box.account, new=True)

    def delete(self, key: bytes, ids: Sequence[int]) -> int:
        """Drop the bytes of an account's envelopes; what is not there, or another's, is passed over."""
        dropped = 0
        for number in ids:
            row = self._one(
                "SELECT e.id, e.mailbox, e.account, m.class, e.length FROM envelopes e"
                " JOIN mailboxes m ON m.id = e.mailbox JOIN accounts a ON a.id = e.account"
                " WHERE e.id = ? AND a.key = ? AND e.held",
                number,
                key,
            )
            if row:
                self._drop(*row)
                dropped += 1
        return dropped

    def expire(self, now: int, limit: int = EXPIRED_AT_ONCE) -> int:
        """Forget up to `limit` envelopes whose time has passed, old records, unused mailboxes and spent nonces.

        Returns how many envelopes went; call again while it is `limit`.
        """
        rows = self._all(
            "SELECT e.id, e.mailbox, e.account, m.class, e.length, e.held FROM envelopes e"
            " JOIN mailboxes m ON m.id = e.mailbox WHERE e.expires <= ? ORDER BY e.expires LIMIT ?",
            now,
            limit,
        )
        for *row, held in rows:
            if held:
                self._drop(*row)
            self._connection.execute("DELETE FROM envelopes WHERE id = ?", (row[0],))
        self._connection.execute("DELETE FROM records WHERE at <= ?", (now - RECORDS_KEPT,))
        self._connection.execute("DELETE FROM nonces WHERE at < ?", (now - WINDOW,))
        self._connection.execute(
            "DELETE FROM mailboxes WHERE used <= ? AND NOT EXISTS"
            " (SELECT 1 FROM envelopes WHERE mailbox = mailboxes.id)",
            (now - MAILBOX_KEPT,),
        )
        return len(rows)

    def remember(self, nonce: bytes) -> None:
        """Keep a nonce whose time lies ahead, so that a restart does not forget it."""
        self._connection.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?)", (nonce, stamp(nonce)))

    # Questions.

    def remembered(self) -> set[bytes]:
        """Nonces that an earlier process kept."""
        return {row[0] for row in self._all("SELECT nonce FROM nonces")}

    def mailbox(self, tag: bytes) -> Mailbox | None:
        """One mailbox with what waits in it."""
        row = self._one(_MAILBOX, tag)
        if row is None:
            return None
        number, tag, account, put_key, kind, held, envelopes, account_bytes = row
        return Mailbox(
            id=number,
            tag=tag,
            account=account,
            put_key=put_key,
            kind=kind,
            bytes_held=held,
            envelopes_held=envelopes,
            account_bytes=account_bytes,
        )

    def account(self, key: bytes) -> int | None:
        """The number of an account that has registered, by its key."""
        row = self._one("SELECT id FROM accounts WHERE key = ?", key)
        return row[0] if row else None

    def waiting(self, account: int, first: Sequence[bytes], now: int, limit: int) -> list[Waiting]:
        """What waits in an account: the mailboxes named in `first`, then the urgent lane, then in order of arrival."""
        if first:
            named = msgspec.json.encode([tag.hex() for tag in first])
            rows = self._all(_WAITING_NAMED_FIRST, account, now, named, limit)
        else:
            rows = self._all(_WAITING, account, now, limit)
        return [Waiting(id=number, tag=tag, length=size, hash=digest) for number, tag, size, digest in rows]

    def bodies(self, account: int, ids: Sequence[int], max_bytes: int, now: int) -> list[tuple[int, bytes]]:
        """Envelopes of an account by id, as many as fit into `max_bytes`, and at least one."""
        found: list[tuple[int, bytes]] = []
        room = max_bytes
        for number in ids:
            row = self._one(
                "SELECT length FROM envelopes WHERE id = ? AND account = ? AND held AND expires > ?",
                number,
                account,
                now,
            )
            if row is None:
                continue
            if found and row[0] > room:
                break
            body = self._one("SELECT body FROM bodies WHERE id = ?", number)
            if body is None:
                continue
            found.append((number, body[0]))
            room -= row[0]
        return found

    def _account(self, key: bytes) -> int:
        account = self.account(key)
        if account is not None:
            return account
        if self._all("SELECT count(*) FROM accounts")[0][0] >= self._limits.accounts:
            raise Refused("too-many", where="accounts")
        made = self._connection.execute("INSERT INTO accounts (key) VALUES (?)", (key,))
        return int(made.lastrowid)

    def _drop(self, id: int, mailbox: int, account: int, kind: str, length: int) -> None:
        self._connection.execute("DELETE FROM bodies WHERE id = ?", (id,))
        self._connection.execute("UPDATE envelopes SET held = 0 WHERE id = ?", (id,))
        self._hold(mailbox, account, kind, -length, -1)

    def _hold(self, mailbox: int, account: int, kind: str, length: int, count: int) -> None:
        self._connection.execute(
            "UPDATE mailboxes SET bytes = bytes + ?, envelopes = envelopes + ? WHERE id = ?",
            (length, count, mailbox),
        )
        if kind != CONTACT:
            self._connection.execute("UPDATE accounts SET bytes = bytes + ? WHERE id = ?", (length, account))

    def _one(self, statement: str, *values: object) -> Any:
        return self._connection.execute(statement, values).fetchone()

    def _all(self, statement: str, *values: object) -> list[Any]:
        rows: list[Any] = self._connection.execute(statement, values).fetchall()
        return rows

    # The transaction, for RelayWriter.

    def begin(self) -> None:
        """Start a change."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make it durable."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo it, if one is open."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def tidy(self) -> None:
        """Give freed pages back to the disk, and empty the write-ahead log, which still holds deleted bytes."""
        self._connection.execute(f"PRAGMA incremental_vacuum({_FREED_AT_ONCE})").fetchall()
        self._connection.execute("PRAGMA wal_checkpoint(truncate)").fetchall()

    @contextmanager
    def step(self) -> Iterator[None]:
        """One request's share of a transaction: it is undone alone when the request is refused."""
        self._connection.execute("SAVEPOINT step")
        try:
            yield
        except Refused:
            self._connection.execute("ROLLBACK TO step")
            self._connection.execute("RELEASE step")
            raise
        self._connection.execute("RELEASE step")


class RelayWriter:
    """The one thread that changes the database. `submit` may be called from any thread.

    A future is done only after its change is durable. A refused change fails alone; where the transaction fails,
    every change in it does, and none of them happened.
    """

    def __init__(self, database: RelayDatabase) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[tuple[Callable[[RelayDatabase], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._tidied = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="relay-writer", daemon=True)
        self._thread.start()

    def submit(self, change: Callable[[RelayDatabase], T]) -> Future[T]:
        """Queue a change: it is called with the writer's own connection, inside a transaction."""
        future: Future[T] = Future()
        self._queue.put((change, future))
        return future

    def close(self) -> None:
        """Finish what is queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            batch = [self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            running = None not in batch
            self._write([item for item in batch if item is not None])
            if time.monotonic() - self._tidied > _TIDY_AFTER and self._queue.empty():
                self._tidy()

    def _tidy(self) -> None:
        self._tidied = time.monotonic()
        try:
            self._database.tidy()
        except dbapi2.Error:
            # A full disk, as a rule: what is acknowledged is safe, and the next minute tries again.
            self._database.rollback()

    def _write(self, batch: Sequence[tuple[Callable[[RelayDatabase], Any], Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._database.begin()
            outcomes.extend(self._attempt(change, future) for change, future in batch)
            self._database.commit()
        except dbapi2.Error as error:
            self._database.rollback()
            fault = Refused("disk-full" if "full" in str(error) else "fault", where=str(error))
            outcomes = [(future, None, fault) for _, future in batch]
        except Exception as error:  # noqa: BLE001 - a fault of ours: the askers get it, and the thread lives on
            self._database.rollback()
            outcomes = [(future, None, error) for _, future in batch]
        for future, result, refused in outcomes:
            if refused is None:
                future.set_result(result)
            else:
                future.set_exception(refused)

    def _attempt(
        self, change: Callable[[RelayDatabase], Any], future: Future[Any]
    ) -> tuple[Future[Any], Any, BaseException | None]:
        try:
            with self._database.step():
                return future, change(self._database), None
        except Refused as refused:
            return future, None, refused


def known_url(data: Path) -> str | None:
    """The URL under which the relay in this folder makes its mailboxes, if there is one."""
    if not (data / FILE).is_file():
        return None
    with opened(data) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone():
            return None
        row = connection.execute("SELECT value FROM facts WHERE name = 'relay'").fetchone()
    return row[0] if row else None


def _connect(data: Path) -> Any:
    # isolation_level None: transactions are begun here, not by the driver. The file is not encrypted: it holds
    # sealed envelopes only.
    connection = dbapi2.connect(
        os.fspath(data / FILE), isolation_level=None, check_same_thread=False, timeout=5
    )
    try:
        for pragma in (
            "auto_vacuum = incremental",
            "journal_mode = wal",
            "synchronous = full",
            "secure_delete = on",
            "foreign_keys = on",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except dbapi2.DatabaseError as error:
        connection.close()
        raise HomeDamaged(
            f"the relay's database does not read: {error}",
            input=str(data / FILE),
            do="move the file away to start empty; senders will put again what was not acknowledged",
        ) from error
    return connection


def _prepare(connection: Any, data: Path, relay: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (made,) = connection.execute("PRAGMA user_version").fetchone()
    if made == 0:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("INSERT INTO facts VALUES ('relay', ?)", (relay,))
    connection.execute("COMMIT")
    if made > FORMAT:
        raise HomeIncompatible(
            f"the relay's data is of format {made}; this program knows {FORMAT}",
            input=str(data),
            do="run the program that wrote it, or a newer one",
        )
    (known,) = connection.execute("SELECT value FROM facts WHERE name = 'relay'").fetchone()
    if known != relay:
        raise HomeIncompatible(
            f"the mailboxes in this folder were made for {known}, and this relay would be {relay}",
            input=str(data),
            do=f"start with --url {known}, listen there, or use another folder",
        )
