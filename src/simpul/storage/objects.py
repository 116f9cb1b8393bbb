"""`ports.Objects` on tables: objects, labels, words, values. Adding is in adding.py, finding in searching.py."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.labels import Label, join
from simpul.domain.objects import Marked, ObjectKey
from simpul.domain.queries import EVERYTHING, Audience, Query
from simpul.errors import InputFault, NotFound
from simpul.ports import Added, LabelUse, Original, StoredHead, ValueHit
from simpul.storage import tables as t
from simpul.storage.adding import Adder, bear
from simpul.storage.connection import Session
from simpul.storage.heads import HeadRow, Heads, whole
from simpul.storage.interning import Interning
from simpul.storage.lookup import Lookup
from simpul.storage.naming import open_cursor, seal_cursor, split_id
from simpul.storage.searching import Permitted, Search
from simpul.storage.statements import Statement, bindparam

_PORTION: Final = (1 << t.PORTION_BITS) - 1
_STREAMED: Final = 100
_AFTER_ALL: Final = 1 << 62

_SET_LABEL: Final = Statement(
    update(t.head).where(t.head.c.arrival == bindparam("of")).values(label=bindparam("to"))
)
_SET_PORTION_LABEL: Final = Statement(
    update(t.portion)
    .where(t.portion.c.arrival == bindparam("of"), t.portion.c.number == bindparam("portion_number"))
    .values(label=bindparam("to"))
)
_N: Final = t.original.c
_C: Final = t.conversion.c
_ADD_ORIGINAL: Final = Statement(
    upsert(t.original).values(sha256=bindparam("sha256"), raw=bindparam("raw")).on_conflict_do_nothing()
)
_ORIGINAL_NUMBER: Final = Statement(select(_N.number).where(_N.sha256 == bindparam("sha256")))
_ADD_CONVERSIONS: Final = "INSERT OR IGNORE INTO conversion VALUES (?, ?, ?, ?, ?)"
_ORIGINAL: Final = Statement(
    select(_N.number, _C.format, _C.made_by, _N.raw, _C.losses)
    .join(t.original, _N.number == _C.original)
    .where(_C.arrival == bindparam("arrival"))
    .order_by(_C.original.desc())
    .limit(1)
)
_MADE_OF: Final = Statement(select(_C.arrival).where(_C.original == bindparam("original")))
_SETS_WITH: Final = Statement(
    "SELECT number FROM markings WHERE EXISTS"
    " (SELECT 1 FROM json_each(markings.refs) AS ref WHERE ref.value = :marking)"
)
_BEARERS: Final = Statement(
    "SELECT * FROM head WHERE arrival < :high"
    " AND (:labels IS NULL OR label IN (SELECT value FROM json_each(:labels)))"
    " AND (markings IN (SELECT value FROM json_each(:sets))"
    " OR (portions > 0 AND EXISTS (SELECT 1 FROM portion WHERE portion.arrival = head.arrival"
    " AND (:labels IS NULL OR portion.label IN (SELECT value FROM json_each(:labels)))"
    " AND portion.markings IN (SELECT value FROM json_each(:sets))))) ORDER BY arrival DESC LIMIT :most"
)
_LABELS_IN_USE: Final = Statement(
    select(t.label).where((t.label.c.bearers > 0) | (t.label.c.portions > 0)).order_by(t.label.c.number)
)


class ObjectRows:
    """Implements `ports.Objects` in one unit."""

    def __init__(self, session: Session, interning: Interning, lookup: Lookup, cursor_key: bytes) -> None:
        self._session = session
        self._interning = interning
        self._lookup = lookup
        self._cursor_key = cursor_key
        self._heads = Heads(session, interning)

    # -- changes ---------------------------------------------------------------------------------------------

    def add(self, batch: Sequence[Marked], *, source: str, at: int) -> Added:
        """Store renditions that are not there yet, with labels, portion rows, words and values."""
        return Adder(self._session, self._interning, self._lookup, self._heads).add(
            batch, source=source, at=at
        )

    def keep_original(self, keys: Sequence[ObjectKey], original: Original) -> None:
        """Keep the bytes that stored objects were converted from, once for all of them. Raises `NotFound`."""
        rows = self.rows_of(keys)
        for key in keys:
            if key not in rows:
                raise _absent(key)
        digest = sha256(original.raw).digest()
        self._session.change(_ADD_ORIGINAL, sha256=digest, raw=original.raw)
        number = self._session.all(_ORIGINAL_NUMBER, sha256=digest)[0][0]
        self._session.change_many(
            _ADD_CONVERSIONS,
            [(rows[key].arrival, number, original.format, original.made_by, original.losses) for key in keys],
        )

    def relabel(self, changes: Sequence[tuple[ObjectKey, tuple[Label, ...]]]) -> int:
        """Set the effective labels of the portions of each key; returns how many renditions changed."""
        rows = self.rows_of([key for key, _ in changes])
        bearers: Counter[int] = Counter()
        portions: Counter[int] = Counter()
        changed = 0
        for key, labels in changes:
            row = rows.get(key)
            if row is None:
                raise _absent(key)
            if len(labels) != row.portions + 1:
                raise InputFault(f"{key.id} has {row.portions + 1} portions, not {len(labels)}", input=key.id)
            changed += self._relabel(row, labels, bearers, portions)
        bear(self._session, bearers, portions)
        return changed

    def _relabel(
        self, row: HeadRow, labels: tuple[Label, ...], bearers: Counter[int], portions: Counter[int]
    ) -> bool:
        own, *further = [self._interning.label(label, row.originator) for label in labels]
        changed = own != row.label
        if changed:
            self._session.change(_SET_LABEL, of=row.arrival, to=own)
            bearers.update({own: 1})
            bearers.subtract({row.label: 1})
        for portion, label in zip(self._heads.portions([row]).get(row.arrival, ()), further, strict=True):
            if portion.label != label:
                self._session.change(
                    _SET_PORTION_LABEL, of=row.arrival, portion_number=portion.number, to=label
                )
                portions.update({label: 1})
                portions.subtract({portion.label: 1})
                changed = True
        return changed

    def restrict(self, keys: Sequence[ObjectKey], label: Label) -> list[ObjectKey]:
        """Join a label onto that of every portion of each key. Returns the keys that changed."""
        rows = self.rows_of(keys)
        further = self._heads.portions(list(rows.values()))
        changes = []
        for key, row in rows.items():
            borne = (row.label, *(portion.label for portion in further.get(row.arrival, ())))
            before = tuple(self._label(number) for number in borne)
            after = tuple(join(each, label) for each in before)
            if after != before:
                changes.append((key, after))
        self.relabel(changes)
        return [key for key, _ in changes]

    # -- one object ------------------------------------------------------------------------------------------

    def find(
        self, audience: Audience, id: str, *, version: int | None = None, originator: str | None = None
    ) -> list[StoredHead]:
        """All stored renditions of an id that fit, newest version first."""
        permitted = self._interning.permitted(audience)
        party = self._interning.known_party(originator) if originator else None
        rows = [
            row
            for row in self._rows_of_id(id)
            if (version is None or row.version == version)
            and (not originator or row.originator == party)
            and (permitted is None or row.label in permitted)
        ]
        rows.sort(key=lambda row: (row.version, row.arrival), reverse=True)
        return self._heads.stored(rows, permitted)

    def raw(self, audience: Audience, key: ObjectKey) -> bytes:
        """The exact bytes, if every portion is permitted. Raises `NotFound`."""
        return self._heads.raw(self._permitted_row(audience, key).arrival)

    def bodies(self, audience: Audience, keys: Sequence[ObjectKey]) -> dict[ObjectKey, bytes]:
        """The exact bytes of those whose every portion is permitted."""
        permitted, found = self._interning.permitted(audience), self.rows_of(keys)
        further = self._heads.portions(list(found.values()))
        shown = {
            row.arrival: key
            for key, row in found.items()
            if whole(row, further.get(row.arrival, ()), permitted)
        }
        return {shown[arrival]: raw for arrival, raw in self._heads.raws(shown)}

    def original(self, audience: Audience, key: ObjectKey) -> Original | None:
        """What an object was converted from, the last that was kept. Raises `NotFound`: not all of it is permitted."""
        found = self._session.one(_ORIGINAL, arrival=self._permitted_row(audience, key).arrival)
        if found is None:
            return None
        number, format, made_by, raw, losses = found
        permitted = self._interning.permitted(audience)
        rows = self._heads.rows({arrival for (arrival,) in self._session.all(_MADE_OF, original=number)})
        further = self._heads.portions(rows)
        if not all(whole(row, further.get(row.arrival, ()), permitted) for row in rows):
            raise _absent(key)
        return Original(format=format, made_by=made_by, raw=raw, losses=losses)

    def labels_of(self, audience: Audience, key: ObjectKey) -> tuple[Label, ...]:
        """The effective label of each portion, the object itself first, if every one is permitted."""
        row = self._permitted_row(audience, key)
        further = self._heads.portions([row]).get(row.arrival, ())
        numbers = (row.label, *(portion.label for portion in further))
        return tuple(self._label(number) for number in numbers)

    def _permitted_row(self, audience: Audience, key: ObjectKey) -> HeadRow:
        row = self.rows_of([key]).get(key)
        permitted = self._interning.permitted(audience)
        if row is None or not whole(row, self._heads.portions([row]).get(row.arrival, ()), permitted):
            raise _absent(key)
        return row

    def _rows_of_id(self, id: str) -> list[HeadRow]:
        type_name, uuid = split_id(id)
        type_number = self._interning.known_type(type_name)
        arrivals = {place >> t.PORTION_BITS for _, place in self._lookup.places([self._lookup.of_id(id)])}
        return [row for row in self._heads.rows(arrivals) if (row.type, row.uuid) == (type_number, uuid)]

    def rows_of(self, keys: Sequence[ObjectKey]) -> dict[ObjectKey, HeadRow]:
        """The heads of those keys that are stored. For the other classes of this package: it applies no audience."""
        wanted = set(keys)
        hashes = [self._lookup.of_id(key.id) for key in wanted]
        arrivals = {place >> t.PORTION_BITS for _, place in self._lookup.places(hashes)}
        found = {self._heads.key(row): row for row in self._heads.rows(arrivals)}
        return {key: found[key] for key in wanted if key in found}

    def rows_of_ids(self, ids: Sequence[str]) -> list[HeadRow]:
        """All heads of some ids. For the other classes of this package: it applies no audience."""
        wanted = set(ids)
        hashes = [self._lookup.of_id(name) for name in wanted]
        arrivals = {place >> t.PORTION_BITS for _, place in self._lookup.places(hashes)}
        return [row for row in self._heads.rows(arrivals) if self._heads.id(row) in wanted]

    # -- many objects ----------------------------------------------------------------------------------------

    def newest(
        self, audience: Audience, *, limit: int, after: str | None = None
    ) -> tuple[list[StoredHead], str | None]:
        """A page of the newest arrivals, and an opaque cursor to the next page or None."""
        return self.query(audience, EVERYTHING, limit=limit, after=after)

    def query(
        self, audience: Audience, query: Query, *, limit: int, after: str | None = None
    ) -> tuple[list[StoredHead], str | None]:
        """A page of what fits, newest arrival first, and the cursor to the next page."""
        permitted = self._interning.permitted(audience)
        beyond = None if after is None else open_cursor(self._cursor_key, after)
        rows = list(
            islice(
                self.search(query, permitted).rows(newest_first=True, beyond=beyond, chunk=limit + 1),
                limit + 1,
            )
        )
        more = seal_cursor(self._cursor_key, rows[limit - 1].arrival) if len(rows) > limit else None
        return self._heads.stored(rows[:limit], permitted), more

    def count(self, audience: Audience, query: Query) -> int:
        """How many renditions fit."""
        return self.search(query, self._interning.permitted(audience)).count()

    def stream(self, audience: Audience, query: Query, *, latest: bool) -> Iterator[tuple[StoredHead, bytes]]:
        """All that fit with their bytes, oldest arrival first."""
        permitted = self._interning.permitted(audience)
        search = self.search(query, permitted)
        rows = search.rows(newest_first=False, latest=latest)
        while some := list(islice(rows, _STREAMED)):
            shown = search.shown(some)
            for row, head in zip(shown, self._heads.stored(shown, permitted), strict=True):
                yield head, self._heads.raw(row.arrival)

    def heads(self, audience: Audience, query: Query, *, latest: bool) -> Iterator[StoredHead]:
        """Everything that fits, oldest arrival first, also what may be seen only in part."""
        permitted = self._interning.permitted(audience)
        rows = self.search(query, permitted).rows(newest_first=False, latest=latest)
        while some := list(islice(rows, _STREAMED)):
            yield from self._heads.stored(some, permitted)

    def bearers(
        self, audience: Audience, marking: str, *, limit: int, after: str | None = None
    ) -> tuple[list[StoredHead], str | None]:
        """A page of the objects whose bytes bear a marking, newest arrival first, and the cursor to the next."""
        sets = [number for (number,) in self._session.all(_SETS_WITH, marking=marking)]
        if not sets:
            return [], None
        permitted = self._interning.permitted(audience)
        high = _AFTER_ALL if after is None else open_cursor(self._cursor_key, after)
        labels = None if permitted is None else json.dumps(sorted(permitted))
        found = self._session.all(_BEARERS, sets=json.dumps(sets), labels=labels, high=high, most=limit + 1)
        rows = [HeadRow(*row) for row in found]
        more = seal_cursor(self._cursor_key, rows[limit - 1].arrival) if len(rows) > limit else None
        return self._heads.stored(rows[:limit], permitted), more

    def search(self, query: Query, permitted: Permitted) -> Search:
        """A search in this unit. For the other classes of this package."""
        return Search(self._session, self._interning, self._lookup, query, permitted)

    def hits(self, audience: Audience, keys: Sequence[tuple[str, str]]) -> list[ValueHit]:
        """Objects that hold any of these (kind, key) values."""
        return self._hits(audience, {self._lookup.of_value(*pair): pair for pair in keys})

    def covered(self, audience: Audience, keys: Sequence[tuple[str, str]]) -> list[ValueHit]:
        """Observations of values that one of these (kind, key) covers by name."""
        return self._hits(audience, {self._lookup.of_name_above(*pair): pair for pair in keys})

    def observations(self, audience: Audience, ids: Sequence[str]) -> list[tuple[str, StoredHead]]:
        """Sightings and observed-data that say that one of these ids was seen, oldest first."""
        permitted = self._interning.permitted(audience)
        wanted = {self._lookup.of_seen(id): id for id in ids}
        places = [(place >> t.PORTION_BITS, wanted[hashed]) for hashed, place in self._lookup.places(wanted)]
        rows = self._heads.rows({arrival for arrival, _ in places})
        further = self._heads.portions(rows)
        shown = [row for row in rows if whole(row, further.get(row.arrival, ()), permitted)]
        arrivals = [row.arrival for row in shown]
        heads = dict(zip(arrivals, self._heads.stored(shown, permitted), strict=True))
        return [(id, heads[arrival]) for arrival, id in sorted(places) if arrival in heads]

    def _hits(self, audience: Audience, wanted: dict[int, tuple[str, str]]) -> list[ValueHit]:
        permitted = self._interning.permitted(audience)
        places = self._lookup.places(wanted)
        rows = {
            row.arrival: row for row in self._heads.rows({place >> t.PORTION_BITS for _, place in places})
        }
        further = self._heads.portions(list(rows.values()))
        hits = []
        for hashed, place in places:
            row, number = rows.get(place >> t.PORTION_BITS), place & _PORTION
            if row is None:
                continue  # being destroyed: its entry is the last to go
            label = further[row.arrival][number - 1].label if number else row.label
            if permitted is None or (row.label in permitted and label in permitted):
                hits.append(self._hit(wanted[hashed], row, number, label))
        return hits

    def _hit(self, value: tuple[str, str], row: HeadRow, portion: int, label: int) -> ValueHit:
        return ValueHit(
            kind=value[0],
            key=value[1],
            object=self._heads.key(row),
            type=self._interning.type_name(row.type),
            portion=portion,
            label=self._interning.label_hash(label),
        )

    # -- labels and ids --------------------------------------------------------------------------------------

    def label(self, hash: bytes) -> Label:
        """An interned label. Raises `NotFound`."""
        return self._interning.label_by_hash(hash)

    def labels(self, audience: Audience) -> list[tuple[bytes, Label, int]]:
        """Every label in use that the asker may see, with how many renditions bear it on the object itself."""
        found: dict[bytes, tuple[bytes, Label, int]] = {}
        for use in self.labels_in_use(audience):
            before = found[use.hash][2] if use.hash in found else 0
            found[use.hash] = (use.hash, use.label, before + use.objects)
        return list(found.values())

    def labels_in_use(self, audience: Audience) -> list[LabelUse]:
        """Every label in use of each originator that the asker may see."""
        permitted, interning = self._interning.permitted(audience), self._interning
        return [
            LabelUse(
                hash=digest,
                originator=interning.fingerprint(party),
                label=interning.label_of(digest, canonical),
                objects=objects,
                portions=portions,
            )
            for number, digest, party, canonical, objects, portions in self._session.all(_LABELS_IN_USE)
            if permitted is None or number in permitted
        ]

    def _label(self, number: int) -> Label:
        return self._interning.label_by_hash(self._interning.label_hash(number))

    def originated(self, party: str, ids: Sequence[str]) -> set[str]:
        """Those of `ids` of which an object by this originator is stored."""
        number = self._interning.known_party(party)
        if number is None:
            return set()
        return {self._heads.id(row) for row in self.rows_of_ids(ids) if row.originator == number}


def _absent(key: ObjectKey) -> NotFound:
    return NotFound(f"no such object here: {key.id}", input=key.id, where=key.sha256.hex())
