"""What a recall names, found in the tables: objects by id, or everything that came with a delivery.

A delivery is a product that came in, or, where its originator's words were passed on by another, the leaves that prove
themselves by a manifest of that product. What another delivery that stands carried too, stays: it was given twice.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.mail import InboxItem
from simpul.domain.objects import ObjectKey
from simpul.domain.recalls import (
    Action,
    KeptRecall,
    LegalHold,
    Named,
    RecallState,
    Share,
    Struck,
    Tombstone,
    Undelivered,
)
from simpul.errors import NotFound, PartnerFault
from simpul.protocol.documents import parse_document
from simpul.protocol.labels import decode_label
from simpul.protocol.manifest import Manifest, decode_manifest
from simpul.storage.apart import ApartRow, ApartRows
from simpul.storage.connection import Session
from simpul.storage.destroying import KEEP, Destroyer
from simpul.storage.heads import HeadRow, Heads
from simpul.storage.inbox import MailRows
from simpul.storage.interning import Interning
from simpul.storage.objects import ObjectRows
from simpul.storage.statements import Statement

_STILL_FRESH: Final = 1_000
"""Objects in a row whose time is not over, at which the search of a label's expired ones ends."""

_STONES: Final = Statement(
    "SELECT * FROM tombstone WHERE recall = :recall AND number > :after ORDER BY number LIMIT :most"
)
_ITEMS: Final = Statement(
    "SELECT number, sender, root, document FROM inbox WHERE CASE WHEN :root IS NULL"
    " THEN product = :product AND (:version IS NULL OR version = :version) ELSE root = :root END"
)
_MANIFESTS: Final = Statement(
    "SELECT sha256, document FROM attached WHERE EXISTS (SELECT 1 FROM inbox_proof WHERE manifest = attached.sha256)"
)
_SCOPES: Final = Statement("SELECT DISTINCT scope FROM tombstone WHERE recall = :recall")
_IN_REACH: Final = "EXISTS (SELECT 1 FROM json_each(:scopes) WHERE value IN (0, inbox.sender))"
_COVERED: Final = (
    "(inbox IN (SELECT value FROM json_each(:items)) OR EXISTS (SELECT 1 FROM inbox_proof AS proof"
    " JOIN inbox ON inbox.number = proof.inbox WHERE proof.inbox = leaf.inbox AND proof.position = leaf.position"
    " AND hex(proof.manifest) IN (SELECT value FROM json_each(:manifests))"
    " AND IN_REACH))"
)
_NEXT: Final = Statement(
    "SELECT DISTINCT arrival FROM (SELECT arrival FROM json_each(:items) AS item"
    " CROSS JOIN inbox_leaf ON inbox_leaf.inbox = item.value WHERE arrival > :after"
    " UNION ALL SELECT leaf.arrival FROM json_each(:manifests) AS named"
    " CROSS JOIN attached ON hex(attached.sha256) = named.value"
    " CROSS JOIN inbox_proof AS proof ON proof.manifest = attached.sha256"
    " JOIN inbox ON inbox.number = proof.inbox"
    " JOIN inbox_leaf AS leaf ON leaf.inbox = proof.inbox AND leaf.position = proof.position"
    " WHERE leaf.arrival > :after AND IN_REACH) ORDER BY arrival LIMIT :most".replace("IN_REACH", _IN_REACH)
)
_ELSEWHERE: Final = Statement(
    "SELECT DISTINCT leaf.arrival FROM inbox_leaf AS leaf"
    " WHERE leaf.arrival IN (SELECT value FROM json_each(:arrivals)) AND NOT COVERED".replace(
        "COVERED", _COVERED
    ).replace("IN_REACH", _IN_REACH)
)
_UNTIE: Final = Statement(
    # Without its salt nobody can test a guess by the leaf of what was taken back.
    "UPDATE inbox_leaf AS leaf SET arrival = NULL, salt = x''"
    " WHERE leaf.arrival IN (SELECT value FROM json_each(:arrivals)) AND COVERED".replace(
        "COVERED", _COVERED
    ).replace("IN_REACH", _IN_REACH)
)
_FROM_ANOTHER: Final = Statement(
    # Whoever took back what it had delivered is no source of it any more, where another delivery stands.
    "UPDATE head SET source = (SELECT inbox.sender FROM inbox_leaf AS leaf JOIN inbox ON inbox.number = leaf.inbox"
    " WHERE leaf.arrival = head.arrival ORDER BY leaf.inbox LIMIT 1)"
    " WHERE arrival IN (SELECT value FROM json_each(:arrivals))"
    " AND source IN (SELECT value FROM json_each(:senders))"
    " AND NOT EXISTS (SELECT 1 FROM inbox_leaf AS leaf JOIN inbox ON inbox.number = leaf.inbox"
    " WHERE leaf.arrival = head.arrival AND inbox.sender = head.source)"
)
_DELIVERED_BY: Final = Statement(
    "SELECT DISTINCT leaf.arrival, inbox.sender FROM inbox_leaf AS leaf JOIN inbox ON inbox.number = leaf.inbox"
    " WHERE leaf.arrival IN (SELECT value FROM json_each(:arrivals))"
)
_SET_ITEM: Final = Statement("UPDATE inbox SET document = :document WHERE number = :of")
_FORGET_TEXTS: Final = Statement("UPDATE inbox_leaf SET salt = x'' WHERE inbox = :of AND arrival IS NULL")
_WITH_PRODUCT: Final = Statement(
    "SELECT DISTINCT leaf.arrival FROM inbox_leaf AS leaf JOIN inbox ON inbox.number = leaf.inbox"
    " WHERE leaf.arrival IN (SELECT value FROM json_each(:arrivals)) AND inbox.product = :product"
)
_OF_PRODUCT: Final = Statement(
    "SELECT id, recipient FROM release WHERE product = :product AND (:version IS NULL OR version = :version)"
    " AND state = 'released'"
)
_HOLDS: Final = Statement("SELECT number, document FROM legal_hold WHERE until > :now ORDER BY number")
_LABEL: Final = Statement("SELECT number, portions FROM label WHERE hash = :hash")
_OF_LABEL: Final = Statement("SELECT * FROM head WHERE label = :label ORDER BY arrival")
_OF_PORTION: Final = Statement(
    "SELECT * FROM head WHERE arrived < :before AND source != :own AND arrival IN"
    " (SELECT arrival FROM portion WHERE label = :label) ORDER BY arrival LIMIT :most"
)


class _Stone(NamedTuple):
    """One row of `tombstone`."""

    number: int
    recall: int
    originator: int
    scope: int
    kind: str
    name: str
    version: int | None
    sha256: bytes

    def fits(self, row: HeadRow) -> bool:
        """Whether it names this rendition, whoever delivered it; its id fits already."""
        return (
            row.originator == self.originator
            and self.version in (None, row.version)
            and self.sha256 in (b"", row.sha256)
        )


class _Delivery(Struct, frozen=True, kw_only=True):
    """What of the inbox a recall of a product, or of a delivery, covers: items by number, and manifests by hash."""

    items: dict[int, tuple[int, InboxItem]]
    manifests: tuple[str, ...]
    scopes: frozenset[int]

    @property
    def values(self) -> dict[str, Any]:
        """As parameters."""
        return {
            "items": json.dumps(sorted(self.items)),
            "manifests": json.dumps(self.manifests),
            "scopes": json.dumps(sorted(self.scopes)),
        }


class _Senders(NamedTuple):
    """Who gave an object: `any` ever, `standing` by a product that stands, or first."""

    any: set[int]
    standing: set[int]

    def all_in(self, scopes: Collection[int]) -> bool:
        """Whether it came from parties in a scope, and nobody else gave it too."""
        return 0 in scopes or (not self.any.isdisjoint(scopes) and self.standing.issubset(scopes))


class _Tally:
    """What one step did, in all and by who had delivered it (by number)."""

    def __init__(self) -> None:
        self.done: Counter[int] = Counter()
        self.met: dict[int, set[int]] = defaultdict(set)

    def count(self, senders: Iterable[int]) -> None:
        """One object was destroyed or narrowed."""
        self.done.update(senders)

    def meet(self, stone: int, senders: Iterable[int]) -> None:
        """Something of one named thing was here."""
        for sender in senders:
            self.met[sender].add(stone)


class Striker:
    """Works off what recalls name, in one unit. `holders` are the parties that it met to whom any of it went."""

    def __init__(
        self,
        session: Session,
        interning: Interning,
        objects: ObjectRows,
        mail: MailRows,
        destroyer: Destroyer,
    ) -> None:
        self._session = session
        self._interning = interning
        self._objects = objects
        self._destroyer = destroyer
        self._heads = Heads(session, interning)
        self._apart = ApartRows(session, interning, mail)
        self.holders: set[int] = set()

    def strike(self, number: int, recall: KeptRecall, *, most: int, now: int) -> Struck:
        """The next step of one recall (`ports.Recalls.strike`)."""
        stones = [
            _Stone(*row) for row in self._session.all(_STONES, recall=number, after=recall.cursor, most=most)
        ]
        if recall.named:
            return self._strike_objects(number, recall, stones, most=most, now=now)
        stones = [_Stone(*row) for row in self._session.all(_STONES, recall=number, after=0, most=1 << 30)]
        if recall.ours:
            return self._strike_own_product(recall)
        return self._strike_delivery(number, recall, stones, most=most, now=now)

    # -- objects by id ---------------------------------------------------------------------------------------

    def _strike_objects(
        self, number: int, recall: KeptRecall, stones: Sequence[_Stone], *, most: int, now: int
    ) -> Struck:
        scopes = self._scopes(number, recall)
        related = self._objects.rows_of_ids([stone.name for stone in stones])
        fitting = self._fitting(stones, related)
        named = {row.arrival: row for rows in fitting.values() for row in rows}
        senders = self._senders(named)
        struck = {arrival: row for arrival, row in named.items() if senders[arrival].all_in(scopes)}
        tally = _Tally()
        for arrival in struck:
            tally.count(senders[arrival].any)
        for stone, rows in fitting.items():
            for row in rows:
                if row.arrival in struck:
                    tally.meet(stone, senders[row.arrival].any)
        apart = [] if recall.ours else self._strike_apart(recall, stones, scopes)
        for one, met in apart:
            tally.count({one.sender})
            for stone in met:
                tally.meet(stone, {one.sender})
        undelivered = self._do(number, recall, list(struck.values()), related, now)
        done = replace(
            self._counted(recall, len(struck) + len(apart), tally),
            cursor=stones[-1].number if stones else recall.cursor,
        )
        return self._struck(done, undelivered, more=len(stones) == most)

    def _scopes(self, number: int, recall: KeptRecall) -> frozenset[int]:
        """Whose deliveries a recall reaches, by number; 0 among them for everybody's."""
        if recall.ours:
            return frozenset({0})
        return frozenset(scope for (scope,) in self._session.all(_SCOPES, recall=number))

    def _fitting(self, stones: Sequence[_Stone], related: Iterable[HeadRow]) -> dict[int, list[HeadRow]]:
        """The heads that each tombstone names, by its number."""
        by_id: dict[str, list[HeadRow]] = defaultdict(list)
        for row in related:
            by_id[self._heads.id(row)].append(row)
        return {stone.number: [row for row in by_id[stone.name] if stone.fits(row)] for stone in stones}

    def _senders(self, rows: Mapping[int, HeadRow]) -> dict[int, _Senders]:
        """Who delivered each of some objects, by arrival."""
        found = {a: _Senders(any={row.source}, standing={row.source}) for a, row in rows.items()}
        for arrival, sender in self._session.all(_DELIVERED_BY, arrivals=json.dumps(sorted(rows))):
            found[arrival].any.add(sender)
            found[arrival].standing.add(sender)
        return found

    def _strike_apart(
        self, recall: KeptRecall, stones: Sequence[_Stone], scopes: Collection[int]
    ) -> list[tuple[ApartRow, list[int]]]:
        """The same for what is kept apart in quarantine, from whoever may say so."""
        meant = self._apart.find(stones, recall.originator, scopes)
        if recall.action is Action.RESTRICT:
            self._apart.narrow([one for one, _ in meant], decode_label(recall.label))
        else:
            self._apart.drop([one for one, _ in meant])
        return meant

    # -- deliveries ------------------------------------------------------------------------------------------

    def _strike_delivery(
        self, number: int, recall: KeptRecall, stones: Sequence[_Stone], *, most: int, now: int
    ) -> Struck:
        delivery = self._delivery(stones, self._scopes(number, recall))
        apart: Counter[int] = Counter()
        if recall.cursor == 0 and recall.action is Action.RECALL:
            apart = self._blank(number, delivery, now)
        arrivals = [
            arrival
            for (arrival,) in self._session.all(_NEXT, after=recall.cursor, most=most, **delivery.values)
        ]
        listed = json.dumps(arrivals)
        elsewhere = {
            arrival for (arrival,) in self._session.all(_ELSEWHERE, arrivals=listed, **delivery.values)
        }
        if recall.action is Action.RECALL:
            left = json.dumps(sorted(elsewhere))
            self._session.change(_UNTIE, arrivals=left, **delivery.values)
            senders = {sender for sender, _ in delivery.items.values()} | delivery.scopes
            self._session.change(_FROM_ANOTHER, arrivals=left, senders=json.dumps(sorted(senders)))
        rows = [row for row in self._heads.rows(arrivals) if row.arrival not in elsewhere]
        related = self._objects.rows_of_ids([self._heads.id(row) for row in rows])
        undelivered = self._do(number, recall, rows, related, now)
        tally = _Tally()
        tally.done.update(apart)
        tally.meet(0, [*apart, *(sender for sender, _ in delivery.items.values())])
        came = self._senders({row.arrival: row for row in rows})
        for row in rows:
            tally.count(came[row.arrival].any)
            tally.meet(0, came[row.arrival].any)
        done = replace(
            self._counted(recall, len(rows) + sum(apart.values()), tally),
            cursor=arrivals[-1] if arrivals else recall.cursor,
        )
        return self._struck(done, undelivered, more=len(arrivals) == most)

    def _delivery(self, stones: Sequence[_Stone], scopes: frozenset[int]) -> _Delivery:
        items: dict[int, tuple[int, InboxItem]] = {}
        manifests: set[str] = set()
        proofs = [
            (sha256.hex().upper(), _manifest(document)) for sha256, document in self._session.all(_MANIFESTS)
        ]
        for stone in stones:
            originator = self._interning.fingerprint(stone.originator)
            items |= self._items_of(stone, originator)
            manifests |= {
                name
                for name, manifest in proofs
                if manifest is not None and _is_of(manifest, stone, originator)
            }
        return _Delivery(items=items, manifests=tuple(sorted(manifests)), scopes=scopes)

    def _items_of(self, stone: _Stone, originator: str) -> dict[int, tuple[int, InboxItem]]:
        root = bytes.fromhex(stone.name) if stone.kind == Named.DELIVERY else None
        found = self._session.all(_ITEMS, root=root, product=stone.name, version=stone.version)
        items = {}
        for number, sender, _, document in found:
            item = msgspec.json.decode(document, type=InboxItem)
            manifest = _manifest(item.manifest)
            if manifest is not None and manifest.originator == originator and stone.scope in (0, sender):
                items[number] = (sender, item)
        return items

    def _blank(self, recall: int, delivery: _Delivery, now: int) -> Counter[int]:
        """Destroy the narrative of what came in, and all of it that is kept apart: how many objects of whom."""
        holds = self._holds(now)
        for number, (sender, item) in delivery.items.items():
            hold = next((n for n, hold in holds.items() if hold.product == item.product), 0)
            if hold and not item.recalled:
                self._session.change(
                    KEEP,
                    recall=recall,
                    hold=hold,
                    originator=sender,
                    id=item.product,
                    version=item.version,
                    sha256=item.root,
                    raw=msgspec.json.encode(item),
                )
            blank = replace(item, title="", grade="", handling="", sheet=b"", portions=(), recalled=True)
            self._session.change(_SET_ITEM, of=number, document=msgspec.json.encode(blank))
            self._session.change(_FORGET_TEXTS, of=number)
        self._session.destroyed = True
        named = {(sender, item.product, item.version, item.root) for sender, item in delivery.items.values()}
        return self._apart.settle(named, delivery.manifests, delivery.scopes)

    # -- what is done ----------------------------------------------------------------------------------------

    def _do(
        self,
        number: int,
        recall: KeptRecall,
        rows: Sequence[HeadRow],
        related: Sequence[HeadRow],
        now: int,
    ) -> tuple[Undelivered, ...]:
        """Hide or narrow some objects; returns where they are still under way from here."""
        arrivals = [row.arrival for row in rows]
        self.holders.update(self._destroyer.holders(arrivals))
        if recall.action is Action.RESTRICT:
            keys = [self._heads.key(row) for row in rows]
            self._objects.restrict(keys, decode_label(recall.label))
            return ()
        undelivered = tuple(self._destroyer.undelivered(arrivals))
        if not recall.ours or recall.own_too:
            self._destroyer.hide(rows, related, recall=number, holds=self._held(rows, now))
        return undelivered

    def _counted(self, recall: KeptRecall, count: int, tally: _Tally) -> KeptRecall:
        narrows = recall.action is Action.RESTRICT
        if recall.ours and not (recall.own_too or narrows):
            return recall
        met = len(set().union(*tally.met.values()))
        shares = [
            Share(
                party=self._interning.fingerprint(sender),
                destroyed=0 if narrows else tally.done[sender],
                restricted=tally.done[sender] if narrows else 0,
                met=len(stones),
            )
            for sender, stones in tally.met.items()
        ]
        return replace(
            recall,
            destroyed=recall.destroyed + (0 if narrows else count),
            restricted=recall.restricted + (count if narrows else 0),
            met=min(recall.met + met, recall.things),
            shares=recall.with_shares([] if recall.ours else shares),
        )

    @staticmethod
    def _struck(recall: KeptRecall, undelivered: Iterable[Undelivered], *, more: bool) -> Struck:
        state = recall.state if more else RecallState.ERASING
        return Struck(recall=replace(recall, state=state), more=more, undelivered=tuple(undelivered))

    def _strike_own_product(self, recall: KeptRecall) -> Struck:
        """Of a product of this node only what is under way is stopped: the record is its own."""
        found = self._session.all(_OF_PRODUCT, product=recall.product, version=recall.version)
        self.holders.update(recipient for _, recipient in found)
        undelivered = [Undelivered(release=release, position=None) for release, _ in found]
        return self._struck(recall, undelivered if recall.action is Action.RECALL else (), more=False)

    # -- legal holds -----------------------------------------------------------------------------------------

    def _holds(self, now: int) -> dict[int, LegalHold]:
        found = self._session.all(_HOLDS, now=now)
        return {number: msgspec.json.decode(document, type=LegalHold) for number, document in found}

    def _held(self, rows: Sequence[HeadRow], now: int) -> dict[int, int]:
        """The legal hold that keeps each of some objects, the oldest first, of those that any keeps."""
        kept: dict[int, int] = {}
        arrivals = json.dumps([row.arrival for row in rows])
        for number, hold in self._holds(now).items():
            named = set(hold.objects)
            covered = {row.arrival for row in rows if named and self._heads.id(row) in named}
            if hold.product:
                came = self._session.all(_WITH_PRODUCT, arrivals=arrivals, product=hold.product)
                covered |= {arrival for (arrival,) in came}
            kept = dict.fromkeys(covered, number) | kept
        return kept

    # -- whose delivery --------------------------------------------------------------------------------------

    def deliveries(self, tombstones: Sequence[Tombstone], party: str) -> tuple[int, int]:
        """How many of the named things are held here from this party, and how many from others alone."""
        number = self._interning.known_party(party)
        stones = [
            _Stone(
                at,
                0,
                self._interning.party(each.originator),
                0,
                each.kind.value,
                each.name,
                each.version,
                each.sha256,
            )
            for at, each in enumerate(tombstones)
        ]
        by_id = [stone for stone in stones if stone.kind == Named.OBJECT]
        fitting = self._fitting(by_id, self._objects.rows_of_ids([stone.name for stone in by_id]))
        senders = self._senders({row.arrival: row for rows in fitting.values() for row in rows})
        found = [each.any for each in senders.values()]
        if by_id:
            apart = self._apart.find(by_id, tombstones[0].originator, {0})
            found += [{one.sender} for one, _ in apart]
        found += self._senders_of([stone for stone in stones if stone.kind != Named.OBJECT])
        theirs = sum(number in each for each in found)
        return theirs, len(found) - theirs

    def _senders_of(self, stones: Sequence[_Stone]) -> list[set[int]]:
        """Who delivered each product or delivery that is named."""
        if not stones:
            return []
        delivery = self._delivery(stones, frozenset({0}))
        found = [{sender} for sender, _ in delivery.items.values()]
        if delivery.manifests:
            arrivals = [a for (a,) in self._session.all(_NEXT, after=0, most=1_000, **delivery.values)]
            came = self._session.all(_DELIVERED_BY, arrivals=json.dumps(arrivals))
            found += [{sender} for _, sender in came]
        return found

    # -- retention -------------------------------------------------------------------------------------------

    def strike_expired(self, keys: Sequence[ObjectKey], *, now: int) -> int:
        """Take objects out of every reach whose time is over. Returns how many."""
        rows = list(self._objects.rows_of(keys).values())
        related = self._objects.rows_of_ids([self._heads.id(row) for row in rows])
        self._destroyer.hide(rows, related, recall=0, holds=self._held(rows, now))
        return len(rows)

    def expired(self, label: bytes, before: int, *, own: str, most: int) -> list[ObjectKey]:
        """Objects under a label that arrived before a time, oldest first. Raises `NotFound`: no such label.

        Numbers are given out as time goes, so the search ends where nothing is over for a while; a clock that was once
        wrong hides nothing but what came next to it.
        """
        numbers = self._session.all(_LABEL, hash=label)
        if not numbers:
            raise NotFound("no such label here", input=label.hex())
        found: list[HeadRow] = []
        for number, portions in numbers:  # a label has one number for each originator
            found += self._expired(number, portions, before, own, most - len(found))
        return [self._heads.key(head) for head in dict.fromkeys(found)]

    def _expired(self, number: int, portions: int, before: int, own: str, most: int) -> list[HeadRow]:
        here = self._interning.known_party(own)
        found: list[HeadRow] = []
        fresh = 0
        if most <= 0:
            return found
        for values in self._session.each(_OF_LABEL, label=number):
            head = HeadRow(*values)
            over = head.arrived < before
            fresh = 0 if over else fresh + 1
            if over and head.source != here:
                found.append(head)
            if fresh == _STILL_FRESH or len(found) == most:
                break
        if portions and len(found) < most:
            rows = self._session.all(_OF_PORTION, label=number, before=before, own=here, most=most)
            found += [HeadRow(*values) for values in rows]
        return found


def _is_of(manifest: Manifest, stone: _Stone, originator: str) -> bool:
    if manifest.originator != originator:
        return False
    if stone.kind == Named.DELIVERY:
        return manifest.root.hex() == stone.name
    return manifest.product == stone.name and stone.version in (None, manifest.version)


def _manifest(document: bytes) -> Manifest | None:
    """What a kept document says, if it is a manifest: the attached documents are grants too."""
    try:
        return decode_manifest(parse_document(document).payload)
    except PartnerFault:
        return None
