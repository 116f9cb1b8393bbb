"""The rows of a real database, and putting the very same rows into a fresh one with the same tables and pragmas.

This is the cheapest way to have them stored: no question what is there, no row prepared, every batch one
`executemany` a table, and the entries of the value index put straight where they end, in the order of their keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import insert
from sqlalchemy.dialects import sqlite

from benchmarks.result import Settings
from simpul.storage import schema
from simpul.storage import tables as t
from simpul.storage.connection import WRITER_CACHE_KIB, Connection, connect
from simpul.storage.lookup import SETTLE_AT

Row = tuple[Any, ...]
WORDS: Final = "INSERT INTO words (rowid, text) VALUES (?, ?)"
BITS: Final = t.PORTION_BITS
_BULK: Final = ("head", "body", "portion", "fresh", "lookup")
_MADE_WITH_THE_TABLES: Final = ("identity", "settled", "frontier")


class Batch(Struct):
    """Rows of one transaction: statement and rows, in order."""

    writes: list[tuple[str, list[Row]]]

    def run(self, connection: Connection) -> None:
        """Put them in, durably."""
        connection.run("BEGIN IMMEDIATE")
        for statement, rows in self.writes:
            connection.run_many(statement, rows)
        connection.run("COMMIT")


def open_database(path: Path, key: bytes | None) -> Connection:
    """A connection set up as the product sets up its writer's."""
    return connect(path, key, wait_seconds=5, cache_kib=WRITER_CACHE_KIB)


def fresh_database(path: Path, key: bytes | None) -> Connection:
    """An empty database with the product's tables."""
    connection = open_database(path, key)
    schema.create(connection, "live")
    # Rows are put in batch by batch, not in the order in which they depend on each other.
    connection.run("PRAGMA foreign_keys = OFF")
    return connection


def settings_of(connection: Connection, key: bytes | None) -> Settings:
    """How a database is set up, asked of itself."""
    cipher = connection.rows("PRAGMA cipher_version") if key is not None else []
    tables = connection.rows("SELECT count(*) FROM sqlite_master WHERE name = 'words'")
    level = int(connection.rows("PRAGMA synchronous")[0][0])
    words = ("off", "normal", "full", "extra")
    return Settings(encrypted=bool(cipher), fts=tables[0][0] == 1, synchronous=words[level])


def batches(connection: Connection, size: int, *, first: int = 1) -> list[Batch]:
    """All rows of objects that arrived from `first` on, by batches of `size` objects, and then all other rows."""
    heads = _all(connection, "SELECT * FROM head WHERE arrival >= ? ORDER BY arrival", first)
    bounds = [(heads[i][0], heads[min(i + size, len(heads)) - 1][0]) for i in range(0, len(heads), size)]
    place = _place(first)
    streams = {
        _insert("head"): _Stream(heads),
        _insert("body"): _Stream(_all(connection, "SELECT * FROM body WHERE arrival >= ? ORDER BY 1", first)),
        _insert("portion"): _Stream(
            _all(connection, "SELECT * FROM portion WHERE arrival >= ? ORDER BY 1, 2", first)
        ),
        WORDS: _Stream(
            _all(connection, "SELECT rowid, text FROM words WHERE rowid >= ? ORDER BY 1", place), bits=BITS
        ),
        _insert("fresh"): _Stream(
            _all(connection, "SELECT * FROM fresh WHERE place >= ? ORDER BY place", place),
            column=2,
            bits=BITS,
        ),
    }
    lookup = _all(connection, "SELECT hash, place FROM lookup WHERE place >= ? ORDER BY place", place)
    index = _Settling(_Stream(lookup, column=1, bits=BITS))
    made = [
        Batch(
            [
                *((text, stream.up_to(last)) for text, stream in streams.items()),
                (_insert("lookup"), index.up_to(last)),
            ]
        )
        for _, last in bounds
    ]
    return [*made, Batch([(_insert("lookup"), index.rest()), *_others(connection)])]


class _Stream:
    """Rows in the order of their arrival, given out up to one. A place is an arrival shifted by `bits`."""

    def __init__(self, rows: Sequence[Row], *, column: int = 0, bits: int = 0) -> None:
        self._rows, self._column, self._bits = rows, column, bits
        self._at = 0

    def up_to(self, arrival: int) -> list[Row]:
        """The rows not given out yet of arrivals up to this one."""
        limit = arrival + 1 << self._bits
        start = self._at
        while self._at < len(self._rows) and self._rows[self._at][self._column] < limit:
            self._at += 1
        return list(self._rows[start : self._at])


class _Settling:
    """Index entries, given out in large chunks in the order of their hashes, as the product settles them."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._waiting: list[Row] = []

    def up_to(self, arrival: int) -> list[Row]:
        """A chunk, once enough has come together."""
        self._waiting += self._stream.up_to(arrival)
        return self.rest() if len(self._waiting) >= SETTLE_AT else []

    def rest(self) -> list[Row]:
        """All that has come together."""
        ready, self._waiting = sorted(self._waiting), []
        return ready


def _others(connection: Connection) -> Iterator[tuple[str, list[Row]]]:
    for table in t.metadata.sorted_tables:
        if table.name not in (*_BULK, *_MADE_WITH_THE_TABLES):
            rows = connection.rows(f'SELECT * FROM "{table.name}"')  # noqa: S608
            yield _insert(table.name), rows


def _insert(name: str) -> str:
    return str(insert(t.metadata.tables[name]).compile(dialect=sqlite.dialect(paramstyle="qmark")))


def _all(connection: Connection, text: str, first: int) -> list[Row]:
    return connection.rows(text, (first,))


def _place(arrival: int) -> int:
    return arrival << BITS
