"""`ports.Journal` on tables: the log's leaves with their openings, and what was signed over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.journal import Leaf
from simpul.errors import Refusal
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.interning import Interning
from simpul.storage.statements import Rows, Statement, bindparam

_L: Final = t.leaf.c
_SIZE: Final = Statement(select(func.coalesce(func.max(_L.position) + 1, 0)))
_ADD: Final = Rows(t.leaf)
_range = (_L.position >= bindparam("start"), _L.position < bindparam("stop"))
_ENTRIES: Final = Statement(select(_L.entry).where(*_range).order_by(_L.position))
_LEAVES: Final = Statement(select(t.leaf).where(*_range).order_by(_L.position))
_FRONTIER: Final = Statement(select(t.frontier.c.value))
_SET_FRONTIER: Final = Statement(update(t.frontier).values(value=bindparam("to_value")))
_C: Final = t.checkpoint.c
_SIGNED: Final = Statement(select(_C.size).where(_C.size == bindparam("size")))
_ADD_CHECKPOINT: Final = Statement(
    insert(t.checkpoint).values(size=bindparam("size"), note=bindparam("note"))
)
_CHECKPOINT: Final = Statement(select(_C.size, _C.note).order_by(_C.size.desc()).limit(1))
_K: Final = t.partner_checkpoint.c
_ADD_PARTNERS: Final = Statement(
    upsert(t.partner_checkpoint)
    .values(party=bindparam("party"), size=bindparam("size"), note=bindparam("note"))
    .on_conflict_do_nothing()
)
_PARTNERS: Final = Statement(
    select(_K.note).where(_K.party == bindparam("party")).order_by(_K.size.desc(), _K.number.desc()).limit(1)
)


class JournalRows:
    """Implements `ports.Journal` in one unit."""

    def __init__(self, session: Session, interning: Interning) -> None:
        self._session = session
        self._interning = interning

    def append(self, leaves: Sequence[Leaf]) -> int:
        """Append leaves (their `index` is given here); returns the index of the first."""
        first = self.size()
        self._session.insert(
            _ADD,
            [
                (first + n, leaf.kind, leaf.at, leaf.entry, leaf.salt, leaf.content_salt, leaf.content)
                for n, leaf in enumerate(leaves)
            ],
        )
        return first

    def size(self) -> int:
        """Number of leaves."""
        return int(self._session.all(_SIZE)[0][0])

    def entries(self, start: int, stop: int) -> list[bytes]:
        """Entry data of leaves with `start <= index < stop`."""
        return [entry for (entry,) in self._session.all(_ENTRIES, start=start, stop=stop)]

    def leaves(self, start: int, stop: int) -> Iterator[Leaf]:
        """Leaves with their openings."""
        for index, kind, at, entry, salt, content_salt, content in self._session.each(
            _LEAVES, start=start, stop=stop
        ):
            yield Leaf(
                index=index,
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
        row = self._session.one(_CHECKPOINT)
        return (row[0], row[1]) if row else None

    def put_checkpoint(self, size: int, note: bytes) -> None:
        """Store a checkpoint before its files are written.

        Raises:
            Refusal: this size is signed already; two checkpoints of one size could be used against us.
        """
        if self._session.one(_SIGNED, size=size) is not None:
            raise Refusal(f"a checkpoint of {size} leaves is signed already", input="log", where=str(size))
        self._session.change(_ADD_CHECKPOINT, size=size, note=note)

    def partner_checkpoint(self, party: str) -> bytes | None:
        """The newest checkpoint a partner sent, by size."""
        row = self._session.one(_PARTNERS, party=self._interning.known_party(party))
        return bytes(row[0]) if row else None

    def put_partner_checkpoint(self, party: str, size: int, note: bytes) -> None:
        """Keep a partner's checkpoint. Two different ones of one size are both kept: they are evidence."""
        self._session.change(_ADD_PARTNERS, party=self._interning.party(party), size=size, note=note)
