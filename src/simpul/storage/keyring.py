"""The `Keyring` of ports.py: long-lived secrets sealed in home.json, prekeys in a database of their own.

A prekey must die on time, so it is in `keys.db`, which no backup includes, and is erased there: `secure_delete`
overwrites its page, and the write-ahead log is emptied before `destroy_before` returns. What the medium itself keeps
(remapped blocks of an SSD) is outside the promise; without the database key it is noise.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from simpul.errors import HomeBusy, HomeDamaged, HomeIncompatible, NotFound
from simpul.storage.connection import Connection, connect
from simpul.storage.homefile import HomeFile
from simpul.storage.kek import create_kek as create_kek  # noqa: PLC0414  (where others look for it)

KEYS_FORMAT: Final = 1
"""Format of keys.db, its `user_version`."""

_TABLE: Final = "CREATE TABLE prekey (party TEXT NOT NULL, epoch INTEGER NOT NULL, seed BLOB NOT NULL, PRIMARY KEY (party, epoch))"
_GET: Final = "SELECT seed FROM prekey WHERE party = ? AND epoch = ?"
_ADD: Final = "INSERT INTO prekey VALUES (?, ?, ?)"
_DESTROY: Final = "DELETE FROM prekey WHERE epoch < ?"
_CACHE_KIB: Final = 512


class FileKeyring:
    """The secrets of one open home; implements `ports.Keyring`. Safe to share between threads."""

    def __init__(self, home: HomeFile, connection: Connection) -> None:
        self._home = home
        self._connection = connection
        self._turn = threading.RLock()

    def secret(self, name: str) -> bytes:
        """A long-lived secret by name. Raises `NotFound`."""
        with self._turn:
            value = self._home.keys.secrets.get(name)
        if value is None:
            raise NotFound(f"this home has no secret '{name}'", input=name)
        return value

    def put_secret(self, name: str, value: bytes) -> None:
        """Keep one; durable when it returns."""
        with self._turn:
            self._home.put_secret(name, value)

    def prekeys(self, party: str, epochs: Sequence[int], make: Callable[[], bytes]) -> dict[int, bytes]:
        """The prekey seeds that this node made for a party, made now where absent; durable when it returns."""
        with self._turn, _change(self._connection):
            found = {}
            for epoch in epochs:
                seed = self.prekey(party, epoch)
                if seed is None:
                    seed = make()
                    self._connection.run(_ADD, (party, epoch, seed))
                found[epoch] = seed
            return found

    def prekey(self, party: str, epoch: int) -> bytes | None:
        """One seed, or None when it was never made or is destroyed."""
        with self._turn:
            rows = self._connection.rows(_GET, (party, epoch))
        return bytes(rows[0][0]) if rows else None

    def destroy_before(self, epoch: int) -> int:
        """Destroy every prekey of an earlier epoch beyond recovery from the file. Returns how many.

        Raises:
            HomeBusy: another process reads the file, so that the log cannot be emptied; call again.
        """
        with self._turn:
            with _change(self._connection):
                destroyed = self._connection.run(_DESTROY, (epoch,))
            if not self._connection.truncate_log():
                raise HomeBusy(
                    "another process reads keys.db; destroyed prekeys are still in its log",
                    input="keys.db",
                    do="run it again",
                )
        return destroyed

    def close(self) -> None:
        """Let go of the file of prekeys."""
        with self._turn:
            self._connection.close()


@contextmanager
def _change(connection: Connection) -> Iterator[None]:
    """One transaction."""
    connection.run("BEGIN IMMEDIATE")
    try:
        yield
        connection.run("COMMIT")
    finally:
        connection.roll_back()


def create_keys(path: Path, key: bytes | None) -> Connection:
    """Make an empty file of prekeys."""
    path.touch(mode=0o600, exist_ok=False)
    connection = connect(path, key, wait_seconds=5, cache_kib=_CACHE_KIB)
    connection.run(_TABLE)
    connection.run(f"PRAGMA user_version = {KEYS_FORMAT}")
    return connection


def open_keys(path: Path, key: bytes | None) -> Connection:
    """Open the file of prekeys. One that is missing is made anew: a backup has none, and the prekeys are gone then.

    Raises:
        HomeIncompatible: a newer program made it.
    """
    if not path.exists():
        return create_keys(path, key)
    connection = connect(path, key, wait_seconds=5, cache_kib=_CACHE_KIB)
    (version,) = connection.rows("PRAGMA user_version")[0]
    if version > KEYS_FORMAT:
        connection.close()
        raise HomeIncompatible(f"{path.name} was written by a newer program", input=str(path))
    if version != KEYS_FORMAT:
        connection.close()
        raise HomeDamaged(f"{path.name} is no file of prekeys", input=str(path))
    return connection


def new_key() -> bytes:
    """A fresh raw database key."""
    return secrets.token_bytes(32)
