"""Rows of `head` as values: the one place that knows the order of their columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import select

from simpul.domain.objects import ObjectKey
from simpul.ports import StoredHead
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.interning import Interning
from simpul.storage.naming import join_id
from simpul.storage.statements import Statement, bindparam, listed

COLUMNS: Final = tuple(t.head.c)


class HeadRow(NamedTuple):
    """One row of `head`, its integers not yet resolved."""

    arrival: int
    originator: int
    type: int
    uuid: bytes
    version: int
    sha256: bytes
    label: int
    source: int
    arrived: int
    revoked: int
    markings: int
    portions: int
    superseded: int


class PortionRow(NamedTuple):
    """One row of `portion`: the label and markings of portion 1 and on."""

    arrival: int
    number: int
    label: int
    markings: int


_BY_ARRIVAL: Final = Statement(
    select(t.head).where(t.head.c.arrival.in_(listed("arrivals"))).order_by(t.head.c.arrival)
)
_PORTIONS: Final = Statement(
    select(t.portion)
    .where(t.portion.c.arrival.in_(listed("arrivals")))
    .order_by(t.portion.c.arrival, t.portion.c.number)
)
_RAWS: Final = Statement(
    select(t.body.c.arrival, t.body.c.raw).where(t.body.c.arrival.in_(listed("arrivals")))
)
_RAW: Final = Statement(select(t.body.c.raw).where(t.body.c.arrival == bindparam("arrival")))


class Heads:
    """Reads heads and turns them into what crosses the port."""

    def __init__(self, session: Session, interning: Interning) -> None:
        self._session = session
        self._interning = interning

    def rows(self, arrivals: Iterable[int]) -> list[HeadRow]:
        """The heads of some arrivals, oldest first."""
        wanted = json.dumps(list(arrivals))
        return [HeadRow(*row) for row in self._session.all(_BY_ARRIVAL, arrivals=wanted)]

    def portions(self, rows: Sequence[HeadRow]) -> dict[int, list[PortionRow]]:
        """The further portions of those heads that have any, by arrival, in order."""
        wanted = [row.arrival for row in rows if row.portions]
        found: dict[int, list[PortionRow]] = {arrival: [] for arrival in wanted}
        if wanted:
            for values in self._session.all(_PORTIONS, arrivals=json.dumps(wanted)):
                portion = PortionRow(*values)
                found[portion.arrival].append(portion)
        return found

    def raw(self, arrival: int) -> bytes:
        """The verbatim bytes."""
        row = self._session.one(_RAW, arrival=arrival)
        return bytes(row[0]) if row else b""

    def raws(self, arrivals: Iterable[int]) -> list[tuple[int, bytes]]:
        """The verbatim bytes of several arrivals."""
        return [
            (arrival, raw) for arrival, raw in self._session.all(_RAWS, arrivals=json.dumps(list(arrivals)))
        ]

    def key(self, row: HeadRow) -> ObjectKey:
        """What names a rendition outside."""
        return ObjectKey(
            originator=self._interning.fingerprint(row.originator),
            id=self.id(row),
            version=row.version,
            sha256=row.sha256,
        )

    def id(self, row: HeadRow) -> str:
        """The STIX id."""
        return join_id(self._interning.type_name(row.type), row.uuid)

    def stored(self, rows: Sequence[HeadRow], permitted: frozenset[int] | None) -> list[StoredHead]:
        """Heads as the asker may see them: of a portion that is not permitted, not even the markings."""
        further = self.portions(rows)
        return [self._stored(row, further.get(row.arrival, ()), permitted) for row in rows]

    def with_bytes(
        self, found: Iterable[tuple[Any, ...]], permitted: frozenset[int] | None
    ) -> Iterator[tuple[StoredHead, bytes]]:
        """Heads with the bytes that stand in each row's last column."""
        for *values, raw in found:
            row = HeadRow(*values)
            further = self.portions([row]).get(row.arrival, ()) if row.portions else ()
            yield self._stored(row, further, permitted), raw

    def _stored(
        self, row: HeadRow, further: Sequence[PortionRow], permitted: frozenset[int] | None
    ) -> StoredHead:
        interning = self._interning
        markings = [interning.marking_refs(row.markings)]
        markings += [
            interning.marking_refs(portion.markings)
            if permitted is None or portion.label in permitted
            else ()
            for portion in further
        ]
        while permitted is not None and len(markings) > 1 and not markings[-1]:
            markings.pop()
        return StoredHead(
            key=self.key(row),
            type=interning.type_name(row.type),
            label=interning.label_hash(row.label),
            source=interning.fingerprint(row.source),
            arrived=row.arrived,
            revoked=bool(row.revoked),
            markings=tuple(markings),
        )


def whole(row: HeadRow, further: Sequence[PortionRow], permitted: frozenset[int] | None) -> bool:
    """Whether every portion is permitted, so that the bytes as a whole may be shown."""
    if permitted is None:
        return True
    return row.label in permitted and all(portion.label in permitted for portion in further)
