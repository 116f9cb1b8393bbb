"""Adding a batch of objects: one question what is known, then one `executemany` a table.

Every step handles the whole batch, with tuples made in one loop: at some 25 µs an object the interpreter's share counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from simpul.domain.labels import Label
from simpul.domain.objects import Marked, Object, ObjectKey
from simpul.domain.observables import names_above
from simpul.domain.stix_observables import OBSERVABLES, OBSERVED_DATA, SIGHTING
from simpul.errors import InputFault, TooLarge
from simpul.ports import Added
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.heads import Heads
from simpul.storage.interning import Interning
from simpul.storage.lookup import Lookup
from simpul.storage.naming import split_id
from simpul.storage.statements import Rows, Statement

MOST_PORTIONS: Final = (1 << t.PORTION_BITS) - 1
"""Portions that an object may have beside itself."""

_OBSERVATIONS: Final = frozenset({*OBSERVABLES, OBSERVED_DATA, SIGHTING})

_T = TypeVar("_T")

# A number is not given out again when what bore it was destroyed: cursors and index entries may still say it.
_LAST: Final = Statement(
    "SELECT max(coalesce((SELECT max(arrival) FROM head), 0), coalesce((SELECT max(last) FROM arrival_given), 0))"
)
_ADD_HEADS: Final = Rows(t.head)
_ADD_BODIES: Final = Rows(t.body)
_ADD_PORTIONS: Final = Rows(t.portion)
_ADD_WORDS: Final = "INSERT INTO words (rowid, text) VALUES (?, ?)"
_SUPERSEDE: Final = "UPDATE head SET superseded = 1 WHERE arrival = ?"
_BEAR: Final = "UPDATE label SET bearers = bearers + ?, portions = portions + ? WHERE number = ?"

_Versions = dict[tuple[int, int, bytes], list[tuple[int, bytes, int]]]
"""(originator, type, uuid) → (version, sha256, arrival) of each stored rendition."""


class Batch:
    """Rows that are being prepared for one call of `add`."""

    def __init__(self, first: int) -> None:
        self.next = first
        self.source = 0
        self.at = 0
        # Numbers of what the batch names again and again: a label by its identity, which is cheaper than its value.
        self.labels: dict[tuple[int, int], int] = {}
        self.parties: dict[str, int] = {}
        self.types: dict[str, int] = {}
        self.markings: dict[tuple[str, ...], int] = {}
        self.heads: list[tuple[object, ...]] = []
        self.bodies: list[tuple[int, bytes]] = []
        self.portions: list[tuple[int, int, int, int]] = []
        self.words: list[tuple[int, str]] = []
        self.entries: list[tuple[int, int]] = []
        self.superseded: list[tuple[int]] = []
        self.conflicts: list[ObjectKey] = []
        self.bearers: Counter[int] = Counter()
        self.portion_bearers: Counter[int] = Counter()

    def meet(self, marked: Marked, stored: Sequence[tuple[int, bytes, int]]) -> int:
        """Note what a new rendition means for the stored ones of its object; returns whether one supersedes it."""
        new = marked.object
        if any(version == new.version for version, _, _ in stored):
            self.conflicts.append(
                ObjectKey(originator=marked.originator, id=new.id, version=new.version, sha256=new.sha256)
            )
        self.superseded.extend((arrival,) for version, _, arrival in stored if version < new.version)
        return int(any(version > new.version for version, _, _ in stored))


class Adder:
    """Adds objects in one unit."""

    def __init__(self, session: Session, interning: Interning, lookup: Lookup, heads: Heads) -> None:
        self._session = session
        self._interning = interning
        self._lookup = lookup
        self._heads = heads

    def add(self, marked: Sequence[Marked], *, source: str, at: int) -> Added:
        """Store what is not there yet (ports.Objects.add)."""
        hashes = [self._lookup.of_id(each.object.id) for each in marked]
        versions = self._versions(hashes)
        last = self._session.one(_LAST)
        batch = Batch(int(last[0]) + 1 if last else 1)
        batch.source, batch.at = self._interning.party(source), at
        for each, hashed in zip(marked, hashes, strict=True):
            self._prepare(batch, each, hashed, versions)
        self._write(batch)
        stored = len(batch.heads)
        return Added(stored=stored, known=len(marked) - stored, conflicts=tuple(batch.conflicts))

    def _versions(self, hashes: Sequence[int]) -> _Versions:
        """Every stored rendition of the ids of a batch (and, harmlessly, of an id whose hash is alike)."""
        versions: _Versions = defaultdict(list)
        arrivals = {place >> t.PORTION_BITS for _, place in self._lookup.places(hashes)}
        for row in self._heads.rows(arrivals) if arrivals else ():
            versions[row.originator, row.type, row.uuid].append((row.version, row.sha256, row.arrival))
        return versions

    def _prepare(self, batch: Batch, marked: Marked, hashed: int, versions: _Versions) -> None:
        """Add one object's rows to the batch, unless its rendition is stored already."""
        found = marked.object
        type_name, uuid = split_id(found.id)
        _check(marked, type_name)
        party = _once(batch.parties, self._interning.party, marked.originator)
        type = _once(batch.types, self._interning.type, type_name)
        identity = (party, type, uuid)
        superseded = 0
        stored = versions.get(identity)
        if stored:
            if any(found.sha256 == sha256 and found.version == version for version, sha256, _ in stored):
                return
            superseded = batch.meet(marked, stored)
        arrival = batch.next
        batch.next = arrival + 1
        versions[identity].append((found.version, found.sha256, arrival))
        own = self._label(batch, marked.labels[0], party)
        batch.bearers[own] += 1
        batch.heads.append(
            (
                arrival,
                *identity,
                found.version,
                found.sha256,
                own,
                batch.source,
                batch.at,
                int(found.revoked),
                _once(batch.markings, self._interning.markings, found.markings),
                len(marked.labels) - 1,
                superseded,
            )
        )
        batch.bodies.append((arrival, found.raw))
        self._prepare_indexes(batch, found, hashed, arrival << t.PORTION_BITS)
        if found.granular:
            self._prepare_portions(batch, marked, arrival, party)

    def _prepare_indexes(self, batch: Batch, found: Object, hashed: int, place: int) -> None:
        batch.entries.append((hashed, place))
        file_values(batch.entries, self._lookup, found, place)
        batch.words += [(place | number, text) for number, text in enumerate(found.texts) if text]

    def _prepare_portions(self, batch: Batch, marked: Marked, arrival: int, party: int) -> None:
        parts = zip(marked.object.granular, marked.labels[1:], strict=True)
        for number, (granular, label) in enumerate(parts, 1):
            own = self._label(batch, label, party)
            batch.portion_bearers[own] += 1
            refs = _once(batch.markings, self._interning.markings, granular.markings)
            batch.portions.append((arrival, number, own, refs))

    def _label(self, batch: Batch, label: Label, party: int) -> int:
        number = batch.labels.get((id(label), party))
        if number is None:
            number = batch.labels[id(label), party] = self._interning.label(label, party)
        return number

    def _write(self, batch: Batch) -> None:
        session = self._session
        if not batch.heads:
            return
        session.insert(_ADD_HEADS, batch.heads)
        session.insert(_ADD_BODIES, batch.bodies)
        session.insert(_ADD_PORTIONS, batch.portions)
        session.change_many(_ADD_WORDS, batch.words)
        session.change_many(_SUPERSEDE, batch.superseded)
        self._lookup.add(batch.entries)
        bear(session, batch.bearers, batch.portion_bearers)


def file_values(entries: list[tuple[int, int]], lookup: Lookup, found: Object, place: int) -> None:
    """Append the entries of the index under which an object is found by its values, and by what it says was seen."""
    entries += [(lookup.of_value(value.kind, value.key), place | value.portion) for value in found.values]
    if found.type in _OBSERVATIONS:
        # Filed also where an indicator looks for it that comes later.
        for value in found.values:
            for kind, key in names_above(value.kind, value.key):
                entries.append((lookup.of_name_above(kind, key), place | value.portion))
        entries += [(lookup.of_seen(id), place) for id in found.seen]


def _once(known: dict[_T, int], number: Callable[[_T], int], value: _T) -> int:
    """The number of a value, asked for once a batch."""
    found = known.get(value)
    if found is None:
        found = known[value] = number(value)
    return found


def bear(session: Session, bearers: Counter[int], portions: Counter[int]) -> None:
    """Add to the counts that each label keeps of its bearers; the changes may be negative."""
    rows = [(bearers[label], portions[label], label) for label in bearers.keys() | portions.keys()]
    session.change_many(_BEAR, rows)


def _check(marked: Marked, type_name: str) -> None:
    found, labels = marked.object, marked.labels
    if len(labels) != len(found.granular) + 1:
        raise InputFault(
            f"{found.id} has {len(found.granular) + 1} portions and {len(labels)} labels", input=found.id
        )
    if len(found.granular) > MOST_PORTIONS:
        raise TooLarge(f"{found.id} has more than {MOST_PORTIONS} portions", input=found.id)
    if type_name != found.type:
        raise InputFault(f"{found.id} says it is a {found.type}", input=found.id, where="type")
