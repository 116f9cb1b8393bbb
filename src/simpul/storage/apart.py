"""What recalls name among what is kept apart in quarantine: single objects by id, or groups that came with a delivery.

Whose group it is counts as whose delivery it is: nothing in quarantine was delivered by two.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.labels import Label, join
from simpul.domain.mail import QuarantinedItem
from simpul.formats.stix import object_of
from simpul.protocol.labels import encode_label, read_label
from simpul.storage.connection import Session
from simpul.storage.inbox import MailRows
from simpul.storage.interning import Interning
from simpul.storage.statements import Statement

_APART: Final = Statement(
    "SELECT q.number, q.sender, q.document, one.position, one.id, one.version, one.label, one.raw"
    " FROM quarantined_object AS one"
    " JOIN quarantined AS q ON q.number = one.quarantined"
    " WHERE one.id IN (SELECT value FROM json_each(:ids))"
)
_DROP: Final = "DELETE FROM quarantined_object WHERE quarantined = ? AND position = ?"
_NARROW: Final = "UPDATE quarantined_object SET label = ? WHERE quarantined = ? AND position = ?"
_GROUP: Final = Statement("SELECT sender, document, extra FROM quarantined WHERE number = :of")
_SET_GROUP: Final = Statement("UPDATE quarantined SET document = :document WHERE number = :of")
_GROUPS: Final = Statement("SELECT sender, document, extra FROM quarantined WHERE state = 'waiting'")
_INBOX: Final = Statement(
    "SELECT number FROM inbox WHERE sender = :sender AND product = :product AND version = :version AND root = :root"
)
_PROVEN_BY: Final = Statement(
    "SELECT DISTINCT hex(manifest) FROM inbox_proof"
    " WHERE inbox = :inbox AND position IN (SELECT value FROM json_each(:positions))"
)
_FORGET: Final = (
    Statement(
        "DELETE FROM inbox_proof WHERE inbox = :inbox AND position IN (SELECT value FROM json_each(:positions))"
    ),
    # Its hash stays: the proofs of the others need it. Without its salt nobody can test a guess by it.
    Statement(
        "UPDATE inbox_leaf SET salt = x'' WHERE inbox = :inbox"
        " AND position IN (SELECT value FROM json_each(:positions))"
    ),
)


class Stone(Protocol):
    """What of a tombstone is asked here."""

    @property
    def number(self) -> int:
        """Its own."""
        ...

    @property
    def name(self) -> str:
        """The id that it names."""
        ...

    @property
    def version(self) -> int | None:
        """The one version, or None."""
        ...

    @property
    def sha256(self) -> bytes:
        """The one rendition, or empty."""
        ...


class ApartRow(NamedTuple):
    """One object in quarantine, and its group."""

    group: int
    sender: int
    document: bytes
    position: int
    id: str
    version: int
    label: bytes
    raw: bytes

    def originator(self, interning: Interning) -> str:
        """Who wrote it: its sender, unless it was passed on."""
        item = msgspec.json.decode(self.document, type=QuarantinedItem)
        return item.originator or interning.fingerprint(self.sender)

    def fits(self, stone: Stone) -> bool:
        """Whether a tombstone that bears its id names this rendition."""
        return stone.version in (None, self.version) and (
            not stone.sha256 or stone.sha256 == object_of(self.raw).sha256
        )


class _Belonging(Struct):
    """What is read of the place of a group in quarantine."""

    product: str = ""
    version: int = 0
    root: str = ""
    positions: tuple[int, ...] = ()


class ApartRows:
    """Finds, narrows and drops what is kept apart, in one unit."""

    def __init__(self, session: Session, interning: Interning, mail: MailRows) -> None:
        self._session = session
        self._interning = interning
        self._mail = mail

    def find(
        self, stones: Sequence[Stone], originator: str, scopes: Collection[int]
    ) -> list[tuple[ApartRow, list[int]]]:
        """The objects of an originator that tombstones name, each with the numbers of those.

        Args:
            scopes: the parties whose groups are meant, by number; 0 among them for everybody.
        """
        by_name: dict[str, list[Stone]] = defaultdict(list)
        for stone in stones:
            by_name[stone.name].append(stone)
        rows = [ApartRow(*row) for row in self._session.all(_APART, ids=json.dumps(sorted(by_name)))]
        meant = []
        for one in rows:
            fitting = [stone.number for stone in by_name[one.id] if one.fits(stone)]
            in_reach = 0 in scopes or one.sender in scopes
            if fitting and in_reach and one.originator(self._interning) == originator:
                meant.append((one, fitting))
        return meant

    def narrow(self, meant: Iterable[ApartRow], narrowing: Label) -> None:
        """Join a label onto theirs."""
        self._session.change_many(
            _NARROW,
            [
                (encode_label(join(read_label(one.label), narrowing)), one.group, one.position)
                for one in meant
            ],
        )

    def drop(self, meant: Sequence[ApartRow]) -> None:
        """Destroy some; a group of which nothing is left is refused."""
        if not meant:
            return
        self._session.change_many(_DROP, [(one.group, one.position) for one in meant])
        self._session.destroyed = True
        for group in {one.group for one in meant}:
            self._lessen(group, [one.position for one in meant if one.group == group])

    def _lessen(self, number: int, places: Sequence[int]) -> None:
        sender, document, extra = self._session.all(_GROUP, of=number)[0]
        item = msgspec.json.decode(document, type=QuarantinedItem)
        less = replace(item, objects=item.objects - len(places))
        self._session.change(_SET_GROUP, of=number, document=msgspec.json.encode(less))
        belonging = msgspec.json.decode(extra or b"{}", type=_Belonging)
        gone = [belonging.positions[place] for place in places if place < len(belonging.positions)]
        self._forget(sender, belonging, gone)
        if not (less.objects or less.texts):
            self._mail.settle(item.id, state="refused", by="recall")

    def _forget(self, sender: int, belonging: _Belonging, positions: Sequence[int]) -> None:
        inbox = self._inbox(sender, belonging)
        if inbox is not None:
            for statement in _FORGET:
                self._session.change(statement, inbox=inbox, positions=json.dumps(positions))

    def _inbox(self, sender: int, belonging: _Belonging) -> int | None:
        found = self._session.all(
            _INBOX,
            sender=sender,
            product=belonging.product,
            version=belonging.version,
            root=bytes.fromhex(belonging.root),
        )
        return int(found[0][0]) if found else None

    # -- deliveries ------------------------------------------------------------------------------------------

    def settle(
        self,
        named: Collection[tuple[int, str, int, bytes]],
        manifests: Collection[str],
        scopes: Collection[int],
    ) -> Counter[int]:
        """Refuse what waits of deliveries: a group goes whole, also if only some of it is named.

        Returns how many objects went, by who had sent them.

        Args:
            named: products that came in, by sender, id, version and root.
            manifests: hashes in upper-case hex of manifests by which words that were passed on prove themselves.
            scopes: the parties by whom those must have come; 0 among them for everybody.
        """
        gone: Counter[int] = Counter()
        for sender, document, extra in self._session.all(_GROUPS):
            place = msgspec.json.decode(extra or b"{}", type=_Belonging)
            whole = (sender, place.product, place.version, bytes.fromhex(place.root)) in named
            in_reach = 0 in scopes or sender in scopes
            if whole or (in_reach and self._is_proven(sender, place, manifests)):
                group = msgspec.json.decode(document, type=QuarantinedItem)
                self._forget(sender, place, place.positions)
                self._mail.settle(group.id, state="refused", by="recall")
                gone[sender] += group.objects
        return gone

    def _is_proven(self, sender: int, place: _Belonging, manifests: Collection[str]) -> bool:
        """Whether a group has words of the originator that were passed on out of a named delivery."""
        if not (place.positions and manifests):
            return False
        inbox = self._inbox(sender, place)
        if inbox is None:
            return False
        found = self._session.all(_PROVEN_BY, inbox=inbox, positions=json.dumps(place.positions))
        return not {name for (name,) in found}.isdisjoint(manifests)
