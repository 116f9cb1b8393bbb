"""Small integers for what repeats: parties, types, sets of markings, labels.

What a transaction interns is kept by its unit until it is durable; only then do others of this process learn of it,
because a number that was rolled back is given out again.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Column, Table, func, insert, select

from simpul.domain.labels import Label
from simpul.domain.queries import Audience
from simpul.errors import NotFound
from simpul.protocol.labels import encode_label, label_hash, read_label
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.statements import Statement, bindparam


class _Kind:
    """One interned table: its statements."""

    def __init__(self, table: Table, column: Column[Any], **more: str) -> None:
        self.name = table.name
        self.by_value = Statement(select(table.c.number).where(column == bindparam("value")))
        self.by_number = Statement(select(column).where(table.c.number == bindparam("number")))
        values: dict[str, Any] = {column.name: bindparam("value")} | {name: bindparam(name) for name in more}
        self.add = Statement(insert(table).values(values))
        self.last = Statement(select(func.coalesce(func.max(table.c.number), 0)))


_PARTY: Final = _Kind(t.party, t.party.c.fingerprint)
_TYPE: Final = _Kind(t.object_type, t.object_type.c.name)
_MARKINGS: Final = _Kind(t.markings, t.markings.c.refs)
_LABEL: Final = _Kind(t.label, t.label.c.hash, originator="", canonical="", bearers="", portions="")
_OF_PARTY: Final = Statement(
    select(t.label.c.number).where(
        t.label.c.hash == bindparam("hash"), t.label.c.originator == bindparam("originator")
    )
)
_CANONICAL: Final = Statement(select(t.label.c.canonical).where(t.label.c.hash == bindparam("hash")))
_ALL_LABELS: Final = Statement(select(t.label.c.number, t.label.c.hash, t.label.c.originator))


@lru_cache(maxsize=4096)
def _refs(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


class Numbers:
    """Known pairs of value and number, both ways, of each kind. One instance lives as long as the store.

    A label is known by (hash, number of its originator), and has its hash as value.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, dict[Any, int]] = {k.name: {} for k in (_PARTY, _TYPE, _MARKINGS, _LABEL)}
        self.values: dict[str, dict[int, Any]] = {k.name: {} for k in (_PARTY, _TYPE, _MARKINGS, _LABEL)}
        self.labels: dict[bytes, Label] = {}

    def learn(self, kind: str, value: Any, number: int, *, known_as: Any = None) -> None:
        """Remember a durable pair."""
        self.numbers[kind][known_as or value] = number
        self.values[kind][number] = value


class Interning:
    """The interned tables as one unit sees them."""

    def __init__(self, session: Session, known: Numbers) -> None:
        self._session = session
        self._known = known
        self._new: dict[str, dict[Any, int]] = {name: {} for name in known.numbers}
        self._new_values: dict[str, dict[int, Any]] = {name: {} for name in known.numbers}
        self._permitted: dict[Audience, frozenset[int]] = {}

    def committed(self) -> None:
        """What this unit interned is durable."""
        for kind, pairs in self._new.items():
            for known_as, number in pairs.items():
                self._known.learn(kind, self._new_values[kind][number], number, known_as=known_as)

    def party(self, fingerprint: str) -> int:
        """The number of a party, given now if it has none."""
        return self._number(_PARTY, fingerprint)

    def known_party(self, fingerprint: str) -> int | None:
        """The number of a party, if it has one."""
        return self._find(_PARTY, fingerprint)

    def fingerprint(self, number: int) -> str:
        """The party of a number."""
        return str(self._value(_PARTY, number))

    def type(self, name: str) -> int:
        """The number of an object type, given now if it has none."""
        return self._number(_TYPE, name)

    def known_type(self, name: str) -> int | None:
        """The number of an object type, if it has one."""
        return self._find(_TYPE, name)

    def type_name(self, number: int) -> str:
        """The object type of a number."""
        return str(self._value(_TYPE, number))

    def markings(self, refs: tuple[str, ...]) -> int:
        """The number of a list of marking ids."""
        return self._number(_MARKINGS, json.dumps(refs, separators=(",", ":")))

    def marking_refs(self, number: int) -> tuple[str, ...]:
        """The list of marking ids of a number."""
        return _refs(self._value(_MARKINGS, number))

    def label(self, label: Label, party: int) -> int:
        """The number of a label of the originator with this number, given now if it has none."""
        digest = label_hash(label)
        key = (digest, party)
        found = self._new["label"].get(key) or self._known.numbers["label"].get(key)
        if found is None:
            row = self._session.one(_OF_PARTY, hash=digest, originator=party)
            if row is not None:
                self._known.learn("label", digest, int(row[0]), known_as=key)
            found = int(row[0]) if row is not None else self._add_label(label, digest, party)
        return found

    def _add_label(self, label: Label, digest: bytes, party: int) -> int:
        self._permitted.clear()  # an audience may be waiting for it
        more = {"originator": party, "canonical": encode_label(label), "bearers": 0, "portions": 0}
        return self._add(_LABEL, digest, known_as=(digest, party), **more)

    def label_hash(self, number: int) -> bytes:
        """The hash of a label's number."""
        return bytes(self._value(_LABEL, number))

    def label_by_hash(self, hash: bytes) -> Label:
        """The label of a hash. Raises `NotFound`."""
        found = self._known.labels.get(hash)
        if found is None:
            row = self._session.one(_CANONICAL, hash=hash)
            if row is None:
                raise NotFound("no such label here", input=hash.hex())
            found = self.label_of(hash, row[0])
        return found

    def label_of(self, hash: bytes, canonical: bytes) -> Label:
        """The label of a row of this store."""
        found = self._known.labels.get(hash)
        if found is None:
            found = self._known.labels[hash] = read_label(canonical)
        return found

    def permitted(self, audience: Audience) -> frozenset[int] | None:
        """The numbers of the labels an audience may see; None for all."""
        if audience.labels is None:
            return None
        found = self._permitted.get(audience)
        if found is None:
            found = self._permitted[audience] = self._numbers_of(audience.labels, audience.of)
        return found

    def _numbers_of(self, labels: frozenset[bytes], of: frozenset[tuple[bytes, str]]) -> frozenset[int]:
        """Asked anew in each unit: what other processes interned counts too, and labels are few."""
        pairs = {(digest, self.known_party(party)) for digest, party in of}
        return frozenset(
            number
            for number, digest, party in self._session.all(_ALL_LABELS)
            if digest in labels or (digest, party) in pairs
        )

    def _number(self, kind: _Kind, value: Any) -> int:
        found = self._find(kind, value)
        return self._add(kind, value) if found is None else found

    def _find(self, kind: _Kind, value: Any) -> int | None:
        found = self._new[kind.name].get(value) or self._known.numbers[kind.name].get(value)
        if found is None:
            row = self._session.one(kind.by_value, value=value)
            if row is not None:
                found = int(row[0])
                self._known.learn(kind.name, value, found)
        return found

    def _add(self, kind: _Kind, value: Any, *, known_as: Any = None, **more: Any) -> int:
        last = self._session.one(kind.last)
        self._session.change(kind.add, value=value, **more)
        number = int(last[0]) + 1 if last else 1
        self._new[kind.name][known_as or value] = number
        self._new_values[kind.name][number] = value
        return number

    def _value(self, kind: _Kind, number: int) -> Any:
        found = self._new_values[kind.name].get(number)
        if found is None:
            found = self._known.values[kind.name].get(number)
        if found is None:
            row = self._session.one(kind.by_number, number=number)
            if row is None:
                raise NotFound(f"{kind.name} {number} is not in the store")
            found = self._known.values[kind.name][number] = row[0]
        return found
