"""`ports.Journal` on tables: the log's leaves with their openings, and what was signed over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.journal import ClosedLog, Leaf
from simpul.errors import NotFound, Refusal
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.interning import Interning
from simpul.storage.statements import Rows, Statement, bindparam

_L: Final = t.leaf.c
_NEXT: Final = Statement(select(func.coalesce(func.max(_L.position) + 1, 0)))
_O: Final = t.closed_log.c
_FIRST: Final = Statement(
    select(func.coalesce(func.max(_O.first + _O.size), 0), func.coalesce(func.max(_O.number), 0))
)
_CLOSE: Final = Rows(t.closed_log)
_ADD: Final = Rows(t.leaf)
_range = (_L.position >= bindparam("start"), _L.position < bindparam("stop"))
_ENTRIES: Final = Statement(select(_L.entry).where(*_range).order_by(_L.position))
_LEAVES: Final = Statement(select(t.leaf).where(*_range).order_by(_L.position))
_FRONTIER: Final = Statement(select(t.frontier.c.value))
_SET_FRONTIER: Final = Statement(update(t.frontier).values(value=bindparam("to_value")))
_C: Final = t.checkpoint.c
_SIGNED: Final = Statement(select(_C.note).where(_C.log == bindparam("log"), _C.size == bindparam("size")))
_ADD_CHECKPOINT: Final = Statement(
    insert(t.checkpoint).values(log=bindparam("log"), size=bindparam("size"), note=bindparam("note"))
)
_CHECKPOINT: Final = Statement(
    select(_C.size, _C.note).where(_C.log == bindparam("log")).order_by(_C.size.desc()).limit(1)
)
_NEWEST_SIGNED: Final = (
    select(_C.note).where(_C.log == _O.number).order_by(_C.size.desc()).limit(1).scalar_subquery()
)
_CLOSED: Final = Statement(select(_O.incarnation, _O.size, _NEWEST_SIGNED).order_by(_O.number))
_CLOSED_AT: Final = Statement(select(_O.first, _O.size).where(_O.incarnation == bindparam("incarnation")))
_K: Final = t.partner_checkpoint.c
_ADD_PARTNERS: Final = Statement(
    upsert(t.partner_checkpoint)
    .values(
        party=bindparam("party"), origin=bindparam("origin"), size=bindparam("size"), note=bindparam("note")
    )
    .on_conflict_do_nothing()
)
_NOTES: Final = Statement(
    select(_K.note)
    .where(_K.party == bindparam("party"), _K.origin == bindparam("origin"), _K.size == bindparam("size"))
    .order_by(_K.number)
)
_LOGS: Final = (
    select(_K.origin, func.max(_K.size).label("size"), func.min(_K.number).label("since"))
    .where(_K.party == bindparam("party"))
    .group_by(_K.origin)
    .subquery()
)
_PARTNERS: Final = Statement(
    select(_K.origin, _K.size, _K.note)
    .join(_LOGS, (_K.origin == _LOGS.c.origin) & (_K.size == _LOGS.c.size))
    .where(_K.party == bindparam("party"))
    .order_by(_LOGS.c.since, _K.number.desc())
)


class JournalRows:
    """Implements `ports.Journal` in one unit."""

    def __init__(self, session: Session, interning: Interning) -> None:
        self._session = session
        self._interning = interning
        self._begins: tuple[int, int] | None = None

    def _present(self) -> tuple[int, int]:
        """The position at which the present log begins, and its number."""
        if self._begins is None:
            first, closed = self._session.all(_FIRST)[0]
            self._begins = (first, closed + 1)
        return self._begins

    def append(self, leaves: Sequence[Leaf]) -> int:
        """Append leaves (their `index` is given here); returns the index of the first."""
        begins, _ = self._present()
        first = self.size()
        self._session.insert(
            _ADD,
            [
                (
                    begins + first + n,
                    leaf.kind,
                    leaf.at,
                    leaf.entry,
                    leaf.salt,
                    leaf.content_salt,
                    leaf.content,
                )
                for n, leaf in enumerate(leaves)
            ],
        )
        return first

    def size(self) -> int:
        """Number of leaves."""
        begins, _ = self._present()
        return max(int(self._session.all(_NEXT)[0][0]), begins) - begins

    def entries(self, start: int, stop: int) -> list[bytes]:
        """Entry data of leaves with `start <= index < stop`."""
        begins, _ = self._present()
        return [entry for (entry,) in self._session.all(_ENTRIES, start=begins + start, stop=begins + stop)]

    def leaves(self, start: int, stop: int) -> Iterator[Leaf]:
        """Leaves with their openings."""
        begins, _ = self._present()
        return self._leaves(begins, start, stop)

    def _leaves(self, begins: int, start: int, stop: int) -> Iterator[Leaf]:
        """Leaves of the log that begins at a position."""
        for position, kind, at, entry, salt, content_salt, content in self._session.each(
            _LEAVES, start=begins + start, stop=begins + stop
        ):
            yield Leaf(
                index=position - begins,
                kind=kind,
                at=at,
                entry=entry,
                salt=salt,
                content_salt=content_salt,
                content=content,
            )

    def frontier(self) -> bytes:
        """The stored right edge of the tree, empty at the beginning."""
        return bytes(self._session.all(_FRONTIER)[0][0])

    def put_frontier(self, frontier: bytes) -> None:
        """Store it, in the transaction that appended."""
        self._session.change(_SET_FRONTIER, to_value=frontier)

    def checkpoint(self) -> tuple[int, bytes] | None:
        """Size and signed note of the newest checkpoint."""
        _, log = self._present()
        row = self._session.one(_CHECKPOINT, log=log)
        return (row[0], row[1]) if row else None

    def signed(self, size: int) -> bytes | None:
        """The checkpoint that was signed at a size."""
        _, log = self._present()
        row = self._session.one(_SIGNED, log=log, size=size)
        return bytes(row[0]) if row else None

    def put_checkpoint(self, size: int, note: bytes) -> None:
        """Store a checkpoint before its files are written.

        Raises:
            Refusal: this size is signed already; two checkpoints of one size could be used against us.
        """
        if self.signed(size) is not None:
            raise Refusal(f"a checkpoint of {size} leaves is signed already", input="log", where=str(size))
        _, log = self._present()
        self._session.change(_ADD_CHECKPOINT, log=log, size=size, note=note)

    def close(self, incarnation: bytes) -> None:
        """Close the present log under its name and begin an empty one. Raises `Refusal`: that one is closed already."""
        first, log = self._present()
        if self._session.one(_CLOSED_AT, incarnation=incarnation) is not None:
            raise Refusal("this log is closed already", input="log", where=incarnation.hex())
        self._session.insert(_CLOSE, [(log, incarnation, first, self.size())])
        self.put_frontier(b"")
        self._begins = None

    def closed(self) -> list[ClosedLog]:
        """Every closed log, the oldest first."""
        return [
            ClosedLog(incarnation=incarnation, size=size, checkpoint=note or b"")
            for incarnation, size, note in self._session.all(_CLOSED)
        ]

    def closed_leaves(self, incarnation: bytes) -> Iterator[Leaf]:
        """The leaves of a closed log with their openings. Raises `NotFound`."""
        row = self._session.one(_CLOSED_AT, incarnation=incarnation)
        if row is None:
            raise NotFound("no closed log has this incarnation", input=incarnation.hex())
        return self._leaves(row[0], 0, row[1])

    def partner_checkpoints(self, party: str) -> list[tuple[str, int, bytes]]:
        """The highest checkpoint (origin, size, note) of each of a party's logs, in the order they became known."""
        highest: dict[str, tuple[str, int, bytes]] = {}
        for row in self._session.all(_PARTNERS, party=self._interning.known_party(party)):
            highest.setdefault(row[0], (row[0], row[1], row[2]))
        return list(highest.values())

    def partner_notes(self, party: str, origin: str, size: int) -> list[bytes]:
        """Every note of one size of a party's log, in the order they became known."""
        known = self._interning.known_party(party)
        return [bytes(note) for (note,) in self._session.all(_NOTES, party=known, origin=origin, size=size)]

    def put_partner_checkpoint(self, party: str, origin: str, size: int, note: bytes) -> None:
        """Keep a party's checkpoint. Two different ones of one size are both kept: they are evidence."""
        self._session.change(
            _ADD_PARTNERS, party=self._interning.party(party), origin=origin, size=size, note=note
        )
