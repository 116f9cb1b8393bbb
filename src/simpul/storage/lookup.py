"""The index by id and by value: from a keyed hash of 63 bits to the places that hold it.

Keys are random, so an insert into one large tree would dirty a page an entry: at a million objects, four times the
cost of all else (measured). Therefore entries are appended to `fresh`, every connection keeps a sorted copy of `fresh`
in its own memory, and when it has grown to `SETTLE_AT` its entries are moved to `lookup` in the order of their hashes,
in several short transactions. While they are moved an entry may be in both; a lookup gives each place once.

The hash is keyed with a secret of the database, so that nobody can prepare ids or values that collide. What is found by
an id is compared with its head. A value is not stored in clear beside its hash: that two of a million values meet by
accident has a chance of one in some ten million.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from simpul.storage import tables as t
from simpul.storage.connection import Connection, Session
from simpul.storage.statements import Rows, Statement

SETTLE_AT: Final = 131_072
"""Entries of `fresh` at which they are settled: about 3 MB in each connection's memory."""

_SETTLE_AT_CLOSE: Final = 16_384
_WORTH: Final = 16
"""When a store that wrote is closed, it settles what the next one would else load: at least `_SETTLE_AT_CLOSE` entries,
and a sixteenth of what is settled already, because settling rewrites nearly all of that."""

_STEPS: Final = 16
_HASHES: Final = 1 << 64
_LOWEST: Final = -(1 << 63)

_STATE: Final = (
    "SELECT seq, (SELECT coalesce(max(seq), 0) FROM fresh),"
    " coalesce((SELECT seq FROM settled WHERE number = 1), 0) FROM settled WHERE number = 0"
)
"""What is settled, the newest fresh entry, and how often fresh entries were erased (row 1 of `settled`)."""
_PLACES: Final = Statement(
    "SELECT lookup.hash, lookup.place FROM json_each(:hashes) AS wanted"
    " CROSS JOIN lookup ON lookup.hash = wanted.value"
    " UNION SELECT here.hash, here.place FROM json_each(:hashes) AS wanted"
    " CROSS JOIN temp.fresh_here AS here ON here.hash = wanted.value"
)
_ADD: Final = Rows(t.fresh)
_LOAD: Final = (
    "INSERT OR IGNORE INTO temp.fresh_here SELECT hash, place FROM fresh WHERE seq > ? ORDER BY 1, 2"
)
_ERASE_FRESH: Final = (
    "DELETE FROM fresh WHERE seq IN (SELECT fresh.seq FROM fresh JOIN doomed_entry AS gone"
    " ON gone.hash = fresh.hash AND gone.place = fresh.place)"
)
_ERASED: Final = "INSERT INTO settled VALUES (1, 1) ON CONFLICT DO UPDATE SET seq = seq + 1"
_ERASE: Final = (
    "DELETE FROM lookup WHERE hash = ? AND place = ?",
    "DELETE FROM doomed_entry WHERE hash = ? AND place = ?",
)
_GONE: Final = Statement("SELECT hash, place FROM doomed_entry ORDER BY hash, place LIMIT :most")
_SETTLE: Final = "INSERT OR IGNORE INTO lookup SELECT hash, place FROM temp.fresh_here WHERE hash BETWEEN ? AND ? ORDER BY hash, place"


class Lookup:
    """The index as one unit sees it."""

    def __init__(self, session: Session, hash_key: bytes) -> None:
        self._session = session
        self._keyed = blake2b(digest_size=8, key=hash_key)
        self._current = False

    def of_id(self, id: str) -> int:
        """The hash of a STIX id: below zero, so that an import, which asks for ids only, keeps its half in memory."""
        return -1 - self._hash(b"id\0%b" % id.encode())

    def of_value(self, kind: str, key: str) -> int:
        """The hash of an observable value: zero or more."""
        return self._hash(f"value\0{kind}\0{key}".encode("utf-8", "surrogatepass"))

    def of_name_above(self, kind: str, key: str) -> int:
        """The hash under which an observation is filed whose value this one covers: zero or more."""
        return self._hash(f"above\0{kind}\0{key}".encode("utf-8", "surrogatepass"))

    def of_seen(self, id: str) -> int:
        """The hash under which an observation is filed that says that this object was seen: zero or more."""
        return self._hash(b"seen\0%b" % id.encode())

    def add(self, entries: Sequence[tuple[int, int]]) -> None:
        """Append (hash, place) pairs; this connection's copy takes them over when it is next asked."""
        self._refresh()
        _, last, _ = self._session.connection.fresh
        self._session.insert(
            _ADD, [(last + n, hashed, place) for n, (hashed, place) in enumerate(entries, 1)]
        )
        self._current = False

    def places(self, hashes: Iterable[int]) -> list[tuple[int, int]]:
        """All (hash, place) of some hashes, each once."""
        wanted = sorted(set(hashes))
        if not wanted:
            return []
        self._refresh()
        return self._session.all(_PLACES, hashes=json.dumps(wanted))

    def erase_fresh(self) -> int:
        """Erase what `doomed_entry` lists from `fresh`, and have every connection read its copy of that anew."""
        erased = self._session.connection.run(_ERASE_FRESH)
        if erased:
            self._session.connection.run(_ERASED)
            self._current = False
        return erased

    def erase_settled(self, most: int) -> bool:
        """Erase the next entries of `doomed_entry` from `lookup`, in the order of their hashes; whether there were any."""
        gone = self._session.all(_GONE, most=most)
        for statement in _ERASE:
            self._session.change_many(statement, gone)
        return bool(gone)

    def _hash(self, text: bytes) -> int:
        hashing = self._keyed.copy()
        hashing.update(text)
        return int.from_bytes(hashing.digest(), "big") >> 1

    def _refresh(self) -> None:
        """Bring this connection's copy of `fresh` to the unit's snapshot, once a unit."""
        if not self._current:
            refresh(self._session.connection)
            self._current = True


def refresh(connection: Connection) -> None:
    """Bring a connection's copy of `fresh` up to date."""
    found_settled, last, found_erased = connection.rows(_STATE)[0]
    settled, loaded, erased = connection.fresh
    if (found_settled, found_erased) != (settled, erased):
        connection.run("DELETE FROM temp.fresh_here")
        loaded = found_settled
    top = max(last, found_settled)
    if top > loaded:
        connection.run(_LOAD, (loaded,))
    connection.fresh = (found_settled, top, found_erased)


def settle(connection: Connection, at: int) -> bool:
    """Move the entries of `fresh` to `lookup` if there are at least `at`, in transactions of some 20 ms.

    Killed in between, it begins again: nothing is lost, since an entry leaves `fresh` last.
    """
    settled, last, _ = connection.rows(_STATE)[0]
    if last - settled < at:
        return False
    _refresh_alone(connection)
    _, loaded, erased = connection.fresh
    width = _HASHES // _STEPS
    for step in range(_STEPS):
        low = _LOWEST + step * width
        with_values = (low, low + width - 1)
        if not _alone(connection, [(_SETTLE, with_values)], erased):
            return False
    return _alone(
        connection,
        [
            ("UPDATE settled SET seq = max(seq, ?) WHERE number = 0", (loaded,)),
            ("DELETE FROM fresh WHERE seq <= ?", (loaded,)),
        ],
        erased,
    )


def settle_at_close(connection: Connection) -> bool:
    """Settle if it is worth a pass over the whole index."""
    settled, _, _ = connection.rows(_STATE)[0]
    return settle(connection, min(max(_SETTLE_AT_CLOSE, settled // _WORTH), SETTLE_AT))


def _refresh_alone(connection: Connection) -> None:
    connection.run("BEGIN")
    try:
        refresh(connection)
        connection.run("COMMIT")
    finally:
        connection.roll_back()


def _alone(connection: Connection, work: Sequence[tuple[str, tuple[int, ...]]], erased: int) -> bool:
    """Do it in a transaction, unless another process has erased entries since this one took its copy of them."""
    connection.run("BEGIN IMMEDIATE")
    try:
        if connection.rows(_STATE)[0][2] != erased:
            return False
        for text, values in work:
            connection.run(text, values)
        connection.run("COMMIT")
    finally:
        connection.roll_back()
    return True
