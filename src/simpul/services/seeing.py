"""The store as a party would be allowed to see it: what may be shown of each object, and its bytes as they would go.

    sight = sight_of(unit, node, party, purpose)    None as the party: the officers of this node, who see everything
    sight.audience                                  for every query, search, count and feed
    sight.seen(heads)                               what stands behind heads, with bytes; what must not be shown is left out

Nothing leaves by this: it is the preview of a feed. An officer sees what law 2 leaves of an object: without portions
that do not open to the party, without references to what it does not get, and not at all where the object cannot be
whole without them. What is not there and what may not be seen are one and the same: no fault, count, cursor or length
differs. A count is of what the labels open; of these, an object that must name what the party does not get is not shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from simpul.domain.cutting import Candidate, Settled, cut, is_clear, mentions, settle
from simpul.domain.labels import Label, view_for
from simpul.domain.objects import ObjectKey
from simpul.domain.queries import HOME, Audience, Query
from simpul.errors import InputFault, NotFound
from simpul.formats.stix import object_of
from simpul.ports import StoredHead, Unit
from simpul.protocol.labels import label_hash
from simpul.services import circling
from simpul.services.deciding import audience_for, known_to, purpose_for
from simpul.services.node import Node
from simpul.services.passing import Passing
from simpul.services.querying import party_of


class Asker(Struct, frozen=True, kw_only=True):
    """For whom an officer looks: a party as a person names it and a purpose, or nobody else (both None).

    Without a purpose the agreement's only one is meant.
    """

    party: str | None = None
    purpose: str | None = None


OURSELVES: Final = Asker()


class Seen(Struct, frozen=True, kw_only=True):
    """One object as the asker sees it.

    Attributes:
        raw: the exact bytes, cut where something may not go.
        whole: whether they are the stored bytes.
        labels: of each portion that may be seen, the object itself first; views where a party asks.
    """

    head: StoredHead
    raw: bytes
    whole: bool
    labels: tuple[Label, ...]

    @property
    def sha256(self) -> bytes:
        """Names the bytes that are seen: the hash of the others would let a guess be tried."""
        return self.head.key.sha256 if self.whole else hashlib.sha256(self.raw).digest()

    @property
    def revoked(self) -> bool:
        """Whether the bytes that are seen say that it is revoked."""
        return self.head.revoked if self.whole else bool(_decoded(self.raw).get("revoked"))


class Sight:
    """What one asker sees in one snapshot. This one sees everything; `_PartySight` narrows it."""

    audience: Audience = HOME
    is_home = True

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def seen(self, heads: Sequence[StoredHead]) -> Iterator[Seen]:
        """What stands behind some heads, in their order."""
        for head in heads:
            raw = self._unit.objects.raw(HOME, head.key)
            yield Seen(head=head, raw=raw, whole=True, labels=self._unit.objects.labels_of(HOME, head.key))

    def stream(self, query: Query, *, latest: bool) -> Iterator[tuple[StoredHead, bytes]]:
        """All that fits with its bytes, oldest arrival first."""
        yield from self._unit.objects.stream(HOME, query, latest=latest)

    def label(self, head: StoredHead) -> Label:
        """The label of an object as the asker would get it."""
        return self._unit.objects.label(head.label)


def sight_of(unit: Unit, node: Node, party: str | None, purpose: str | None) -> Sight:
    """What a party sees for a purpose now; None and this node itself see everything.

    Raises:
        InputFault: no purpose was stated, and no agreement answers it alone.
    """
    if party is None or party == node.party:
        return Sight(unit)
    now = node.clock()
    stated = purpose_for(unit, node, party, purpose, now)
    passing = Passing(unit, node, None, party, now)
    return _PartySight(unit, node, party, audience_for(unit, node, party, stated, now), passing)


def asked_sight(unit: Unit, node: Node, asker: Asker) -> Sight:
    """The same for the party that a person names. Raises `NotFound` or `Ambiguous` for it, too."""
    party = None if asker.party is None else party_of(unit, asker.party).fingerprint
    return sight_of(unit, node, party, asker.purpose)


class _PartySight(Sight):
    is_home = False

    def __init__(self, unit: Unit, node: Node, party: str, audience: Audience, passing: Passing) -> None:
        super().__init__(unit)
        self._passing = passing
        self._node = node
        self._party = party
        self.audience = audience
        self._known = known_to(unit, party)
        self._circles = circling.members_of(unit)

    def seen(self, heads: Sequence[StoredHead]) -> Iterator[Seen]:
        """Settled with everything that the party sees and these mention, however far: a feed would carry it all."""
        going = [head for head in heads if self._goes(head)]
        around = {each.key: each for each in self._around(going)}
        settled = self._settled(around.values)
        for head in going:
            if head.key not in settled.withheld:
                yield self._cut(head, around[head.key], settled)

    def stream(self, query: Query, *, latest: bool) -> Iterator[tuple[StoredHead, bytes]]:
        """What one release of all that fits would carry: what is not in it and was not granted before is cut."""

        def heads() -> Iterator[StoredHead]:
            return filter(self._goes, self._unit.objects.heads(self.audience, query, latest=latest))

        settled = self._settled(lambda: map(self._candidate, heads()))
        for head in heads():
            if head.key not in settled.withheld:
                yield head, self._cut(head, self._candidate(head), settled).raw

    def label(self, head: StoredHead) -> Label:
        """The view that would be sent."""
        return self._view(self._unit.objects.label(head.label), head.key.originator)

    def _view(self, label: Label, originator: str) -> Label:
        return view_for(label, self._party, self._circles, sender=self._node.party, originator=originator)

    def _settled(self, candidates: Callable[[], Iterable[Candidate]]) -> Settled:
        def load(key: Hashable) -> dict[str, Any]:
            return _decoded(self._unit.objects.raw(HOME, cast("ObjectKey", key)))

        return settle(candidates, load=load, granted=self._known)

    def _around(self, heads: Sequence[StoredHead]) -> Iterator[Candidate]:
        """These, and what the party sees of what they mention, and so on."""
        waiting, asked = list(heads), set[str]()
        met = {head.key for head in heads}
        while waiting:
            candidate = self._candidate(waiting.pop())
            yield candidate
            for id in set(candidate.ids) - asked:
                asked.add(id)
                found = [h for h in self._find(id) if h.key not in met]
                met.update(h.key for h in found)
                waiting += found

    def _find(self, id: str) -> list[StoredHead]:
        try:
            return [head for head in self._unit.objects.find(self.audience, id) if self._goes(head)]
        except InputFault:
            return []  # text that looks like an id, and is none that a store could hold

    def _goes(self, head: StoredHead) -> bool:
        """Whether what another originated can be shown to be its words (spec/onward.md); one's own always."""
        if head.key.originator == self._node.party:
            return True
        label = self._unit.objects.label(head.label)
        raw = self._unit.objects.raw(HOME, head.key)
        return self._passing.passage(head.key, raw, label, asks=False) is not None

    def _candidate(self, head: StoredHead) -> Candidate:
        refused: tuple[int, ...] = ()
        try:
            raw = self._unit.objects.raw(self.audience, head.key)
        except NotFound:  # some portion does not open
            raw = self._unit.objects.raw(HOME, head.key)
            refused = tuple(k for k, opens in enumerate(self._opens(head)) if not opens)
        denied = _selectors(raw, refused)
        return Candidate(
            key=head.key,
            id=head.key.id,
            ids=mentions(raw, head.key.id),
            denied=denied,
            uncut=head.key.originator != self._node.party,
        )

    def _opens(self, head: StoredHead) -> list[bool]:
        labels = self._unit.objects.labels_of(HOME, head.key)
        return [(label_hash(label), head.key.originator) in self.audience.of for label in labels]

    def _cut(self, head: StoredHead, candidate: Candidate, settled: Settled) -> Seen:
        raw = self._unit.objects.raw(HOME, head.key)
        labels = self._unit.objects.labels_of(HOME, head.key)
        opens = self._opens(head)
        views = tuple(
            self._view(each, head.key.originator) for each, seen in zip(labels, opens, strict=True) if seen
        )
        whole = not candidate.denied and is_clear(candidate.ids, settled.granted)
        if not whole:
            value = _decoded(raw)
            kept = cut(value, granted=settled.granted, denied=candidate.denied).kept
            whole = kept is value
            raw = raw if whole else msgspec.json.encode(kept)
        return Seen(head=head, raw=raw, whole=whole, labels=views)


def _decoded(raw: bytes) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.json.decode(raw)
    return value


def _selectors(raw: bytes, refused: Iterable[int]) -> tuple[str, ...]:
    """The selectors of the refused portions, numbered as `formats` numbers them; 0 is the object itself."""
    wanted = [number for number in refused if number]
    if not wanted:
        return ()
    granular = object_of(raw).granular
    return tuple(selector for number in wanted for selector in granular[number - 1].selectors)
