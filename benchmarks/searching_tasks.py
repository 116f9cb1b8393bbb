"""The task of the `search-filter` benchmark: searches for audiences, and the same searches without a filter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

from benchmarks import generate, policy_in_force
from benchmarks.deciding_tasks import LABELS, PAGE
from benchmarks.rows import open_database
from benchmarks.search_filter import WIDE
from simpul.app import open_node
from simpul.domain.observables import classify
from simpul.domain.queries import Audience, Query
from simpul.ports import StoredHead, Unit
from simpul.protocol.labels import label_hash
from simpul.storage import schema
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.heads import HeadRow, Heads
from simpul.storage.home import open_home
from simpul.storage.interning import Interning, Numbers
from simpul.storage.lookup import Lookup

ROUNDS: Final = 15
Document = dict[str, Any]

_WORDS: Final = (
    f"SELECT head.* FROM words CROSS JOIN head ON head.arrival = words.rowid >> {t.PORTION_BITS}"  # noqa: S608
    f" WHERE words MATCH ? ORDER BY words.rowid DESC LIMIT {PAGE}"
)
_TYPE: Final = (
    "SELECT * FROM head WHERE type = (SELECT number FROM object_type WHERE name = ?) ORDER BY arrival DESC"  # noqa: S608
    f" LIMIT {PAGE}"
)


def search(*, home: str, kek: str) -> Document:
    """Every search for every audience, in turn with the same one unfiltered, `ROUNDS` times; the medians."""
    start = time.perf_counter()
    audiences, searches = _audiences(), _searches()
    with _Unfiltered(home, kek) as floor, open_node(Path(home), kek=Path(kek)) as node:
        rows = []
        for name, query, unfiltered in searches:
            for who, audience in audiences.items():
                ours, floors, found = [], [], 0
                for _ in range(ROUNDS):
                    with node.store.read() as unit:
                        unit.objects.newest(audience, limit=1)  # an asker's numbers are looked up once a unit
                        taken, heads = _timed(partial(_first, unit, audience, query))
                    ours.append(taken)
                    found = len(heads)
                    floors.append(_timed(partial(unfiltered, floor))[0])
                rows.append(
                    {
                        "query": name,
                        "audience": who,
                        "ms": 1000 * median(ours),
                        "floor_ms": 1000 * median(floors),
                        "found": found,
                    }
                )
    return {"seconds": time.perf_counter() - start, "searches": rows}


def _first(unit: Unit, audience: Audience, query: Query) -> list[StoredHead]:
    return unit.objects.query(audience, query, limit=PAGE)[0]


def _timed(work: Callable[[], Sequence[Any]]) -> tuple[float, Sequence[Any]]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def _audiences() -> dict[str, Audience]:
    hashes = [label_hash(label) for label in policy_in_force.labels(LABELS)]
    return {
        WIDE: Audience(labels=frozenset(hashes[50:])),
        "half of the labels": Audience(labels=frozenset(hashes[1::2])),
        "10 of 1000 labels": Audience(labels=frozenset(hashes[1:1000:100])),
        "ten old objects": Audience(labels=frozenset(hashes[:1])),
    }


def _searches() -> list[tuple[str, Query, Callable[[_Unfiltered], list[StoredHead]]]]:
    """A word in most objects, one in few, both at once, a type, a value."""
    often, seldom = generate.WORDS[0], generate.WORDS[400]
    value = generate.address(200)

    def words(*wanted: str) -> tuple[str, Query, Callable[[_Unfiltered], list[StoredHead]]]:
        match = " ".join(f'"{word}"' for word in wanted)
        return match, Query(words=wanted), lambda floor: floor.rows(_WORDS, match)

    return [
        words(often),
        words(seldom),
        words(often, seldom),
        ("type:indicator", Query(types=("indicator",)), lambda floor: floor.rows(_TYPE, "indicator")),
        (f"value:{value}", Query(values=(value,)), lambda floor: floor.value(value)),
    ]


class _Unfiltered:
    """The statements without a filter, on a connection of their own, with the same values as answer."""

    def __init__(self, home: str, kek: str) -> None:
        self._home = open_home(Path(home), kek=Path(kek))
        path = Path(home) / "live.db"
        self._connection = open_database(path, self._home.database_key)
        session = Session(self._connection, writable=False)
        self._heads = Heads(session, Interning(session, Numbers()))
        self._lookup = Lookup(session, schema.recognise(self._connection, path, "live"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._home.close()

    def rows(self, statement: str, value: str) -> list[StoredHead]:
        """What a statement finds."""
        return self._heads.stored([HeadRow(*row) for row in self._connection.rows(statement, (value,))], None)

    def value(self, text: str) -> list[StoredHead]:
        """Through the value index, newest first."""
        hashes = [self._lookup.of_value(kind, key) for kind, key in classify(text)]
        arrivals = sorted({place >> t.PORTION_BITS for _, place in self._lookup.places(hashes)})[-PAGE:]
        return self._heads.stored(self._heads.rows(arrivals)[::-1], None)


TASKS = (search,)
