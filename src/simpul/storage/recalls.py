"""`ports.Recalls` on tables. What a recall names is found in striking.py, and destroyed in destroying.py."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.objects import ObjectKey
from simpul.domain.recalls import (
    MOVES,
    Asked,
    KeptRecall,
    LegalHold,
    Named,
    RecallState,
    Retained,
    Struck,
    Tombstone,
)
from simpul.errors import NotFound, Refusal
from simpul.storage import tables_recall as t
from simpul.storage.connection import Session
from simpul.storage.destroying import Destroyer
from simpul.storage.inbox import MailRows
from simpul.storage.interning import Interning
from simpul.storage.lookup import Lookup
from simpul.storage.objects import ObjectRows
from simpul.storage.statements import Statement, bindparam
from simpul.storage.striking import Striker

ASKER, HOLDER, SENT = "asker", "holder", "sent"

_R: Final = t.recall.c
_ADD: Final = Statement(
    insert(t.recall)
    .values(hash=bindparam("hash"), state=bindparam("state"), document=bindparam("document"))
    .returning(_R.number)
)
_ADD_TOMBSTONE: Final = "INSERT INTO tombstone (recall, originator, scope, kind, name, version, sha256) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ONE: Final = Statement(select(_R.number, _R.document).where(_R.hash == bindparam("hash")))
_PUT: Final = Statement(
    update(t.recall)
    .where(_R.number == bindparam("of"))
    .values(state=bindparam("to_state"), document=bindparam("to_document"))
)
_ALL: Final = Statement(select(_R.document).order_by(_R.number.desc()))
_UNFINISHED: Final = Statement(
    select(_R.document).where(_R.state != RecallState.DONE.value).order_by(_R.number)
)
_ANY: Final = Statement("SELECT EXISTS (SELECT 1 FROM tombstone)")
_STANDING: Final = Statement(
    "SELECT tombstone.* FROM json_each(:names) AS named"
    " CROSS JOIN tombstone ON tombstone.name = named.value"
    " WHERE tombstone.originator = :originator AND tombstone.scope IN (0, :sender)"
    " ORDER BY tombstone.number"
)
_EARLIER: Final = Statement(
    "SELECT DISTINCT recall.hash FROM json_each(:names) AS named"
    " CROSS JOIN tombstone ON tombstone.name = named.value JOIN recall ON recall.number = tombstone.recall"
    " WHERE tombstone.originator = :originator"
)
_OF_NUMBERS: Final = Statement(
    "SELECT number, document FROM recall WHERE number IN (SELECT value FROM json_each(:numbers))"
)
_P: Final = t.recall_party.c
_TELL: Final = Statement(
    upsert(t.recall_party)
    .values(
        recall=bindparam("recall"),
        party=bindparam("party"),
        role=bindparam("role"),
        told_at=bindparam("at"),
        answer=b"",
    )
    .on_conflict_do_nothing()
)
_PARTIES: Final = Statement(
    "SELECT party, told_at, answer, answered_at FROM recall_party JOIN recall ON recall.number = recall"
    " WHERE hash = :hash AND role = :role ORDER BY told_at, party"
)
_SAID: Final = Statement(
    "UPDATE recall_party SET answer = :answer, answered_at = :at WHERE role = 'asker' AND party = :party"
    " AND recall = (SELECT number FROM recall WHERE hash = :hash)"
)
_OWED: Final = Statement(
    "SELECT DISTINCT hash FROM recall_party JOIN recall ON recall.number = recall"
    " WHERE role = 'asker' AND answer = x'' AND state = :done ORDER BY recall.number"
)
_ANSWERED: Final = Statement(
    "UPDATE recall_party SET answer = :answer, answered_at = :at WHERE role = 'holder' AND party = :party"
    " AND recall = (SELECT number FROM recall WHERE hash = :hash) AND coalesce(answered_at, 0) <= :at"
)
_TOLD: Final = Statement(
    "SELECT hash FROM recall_party JOIN recall ON recall.number = recall"
    " WHERE party = :party AND role = 'holder' ORDER BY recall.number"
)
_H: Final = t.legal_hold.c
_ADD_HOLD: Final = Statement(
    insert(t.legal_hold).values(id=bindparam("id"), until=bindparam("until"), document=bindparam("document"))
)
_HOLDS: Final = Statement(select(_H.document).order_by(_H.number.desc()))
_RETAINED: Final = Statement(
    "SELECT legal_hold.document, count(*) FROM held JOIN legal_hold ON legal_hold.number = held.hold"
    " WHERE :recall IS NULL OR held.recall = :recall GROUP BY held.hold ORDER BY held.hold"
)
_CONCERNED: Final = Statement(
    "SELECT DISTINCT recall.hash FROM legal_hold JOIN held ON held.hold = legal_hold.number"
    " JOIN recall ON recall.number = held.recall WHERE legal_hold.until <= :now"
)
_END_HOLDS: Final = Statement(
    "DELETE FROM held WHERE hold IN (SELECT number FROM legal_hold WHERE until <= :now)"
)


class RecallRows:
    """Implements `ports.Recalls` in one unit."""

    def __init__(
        self, session: Session, interning: Interning, objects: ObjectRows, mail: MailRows, lookup: Lookup
    ) -> None:
        self._session = session
        self._interning = interning
        self._destroyer = Destroyer(session, interning, lookup)
        self._striker = Striker(session, interning, objects, mail, self._destroyer)

    # -- recalls and tombstones ------------------------------------------------------------------------------

    def add(self, recall: KeptRecall, tombstones: Sequence[Tombstone]) -> None:
        """Keep a recall with its tombstones, for ever. One that is here already changes nothing."""
        if self.get(recall.hash) is not None:
            return
        document = msgspec.json.encode(recall)
        number = self._session.returning(_ADD, hash=recall.hash, state=recall.state.value, document=document)[
            0
        ][0]
        self._add_tombstones(number, tombstones)

    def widen(self, hash: bytes, tombstones: Sequence[Tombstone]) -> None:
        """Add the tombstones of one whose word reaches further now."""
        self._add_tombstones(self._one(hash)[0], tombstones)

    def _add_tombstones(self, number: int, tombstones: Sequence[Tombstone]) -> None:
        party = self._interning.party
        self._session.change_many(
            _ADD_TOMBSTONE,
            [
                (
                    number,
                    party(each.originator),
                    party(each.scope) if each.scope else 0,
                    each.kind.value,
                    each.name,
                    each.version,
                    each.sha256,
                )
                for each in tombstones
            ],
        )

    def put(self, recall: KeptRecall) -> None:
        """Store how far it is done. Raises `NotFound`, or `Refusal` for a move that there is none of."""
        number, stored = self._one(recall.hash)
        if recall.state is not stored.state and recall.state not in MOVES[stored.state]:
            raise Refusal(f"a recall that is {stored.state} cannot become {recall.state}")
        self._session.change(
            _PUT, of=number, to_state=recall.state.value, to_document=msgspec.json.encode(recall)
        )

    def get(self, hash: bytes) -> KeptRecall | None:
        """One by its hash."""
        row = self._session.one(_ONE, hash=hash)
        return _recall(row[1]) if row else None

    def _one(self, hash: bytes) -> tuple[int, KeptRecall]:
        row = self._session.one(_ONE, hash=hash)
        if row is None:
            raise NotFound("no such recall here", input=hash.hex(), do="see `simpul recall list`")
        return int(row[0]), _recall(row[1])

    def all(self) -> list[KeptRecall]:
        """Every one, newest first."""
        return [_recall(document) for (document,) in self._session.all(_ALL)]

    def unfinished(self) -> list[KeptRecall]:
        """Those that are not done here, oldest first."""
        return [_recall(document) for (document,) in self._session.all(_UNFINISHED)]

    def standing(
        self, originator: str, sender: str, names: Sequence[str]
    ) -> list[tuple[Tombstone, KeptRecall]]:
        """Tombstones of an originator that bear one of these names and bind what this sender delivers."""
        party = self._interning.known_party(originator)
        if party is None or not self._session.all(_ANY)[0][0]:
            return []
        found = self._session.all(
            _STANDING,
            names=json.dumps(sorted(set(names))),
            originator=party,
            sender=self._interning.known_party(sender),
        )
        kept = self._kept({row[1] for row in found})
        return [(self._tombstone(row, kept[row[1]].hash), kept[row[1]]) for row in found]

    def earlier(self, originator: str, names: Sequence[str]) -> list[bytes]:
        """Hashes of the recalls by which any of these names of an originator was taken back, by whomever."""
        party = self._interning.known_party(originator)
        found = self._session.all(_EARLIER, names=json.dumps(sorted(set(names))), originator=party)
        return [bytes(hash) for (hash,) in found]

    def _kept(self, numbers: Iterable[int]) -> dict[int, KeptRecall]:
        """Some recalls by number, each read once however many tombstones it has."""
        found = self._session.all(_OF_NUMBERS, numbers=json.dumps(sorted(numbers)))
        return {number: _recall(document) for number, document in found}

    def _tombstone(self, row: Sequence[Any], recall: bytes) -> Tombstone:
        _, _, originator, scope, kind, name, version, sha256 = row
        return Tombstone(
            recall=recall,
            originator=self._interning.fingerprint(originator),
            scope=self._interning.fingerprint(scope) if scope else "",
            kind=Named(kind),
            name=name,
            version=version,
            sha256=sha256,
        )

    def deliveries(self, tombstones: Sequence[Tombstone], party: str) -> tuple[int, int]:
        """How many of the named things are held here from this party, and how many from others alone."""
        return self._striker.deliveries(tombstones, party)

    # -- who is told, who answers ----------------------------------------------------------------------------

    def tell(self, hash: bytes, parties: Sequence[str], at: int) -> list[str]:
        """Note that these may hold what a recall names. Returns those that were not noted before."""
        number, _ = self._one(hash)
        return [party for party in dict.fromkeys(parties) if self._note(number, party, HOLDER, at)]

    def pass_to(self, hash: bytes, parties: Sequence[str], at: int) -> list[str]:
        """Note that these were sent a recall. Returns those that had not been."""
        number, _ = self._one(hash)
        return [party for party in dict.fromkeys(parties) if self._note(number, party, SENT, at)]

    def ask(self, hash: bytes, party: str, at: int) -> None:
        """Note that a party is owed an answer."""
        self._note(self._one(hash)[0], party, ASKER, at)

    def _note(self, recall: int, party: str, role: str, at: int) -> bool:
        return bool(
            self._session.change(_TELL, recall=recall, party=self._interning.party(party), role=role, at=at)
        )

    def holders(self, hash: bytes) -> list[Asked]:
        """Whom this node told of a recall, with their newest answers."""
        return self._parties(hash, HOLDER)

    def _parties(self, hash: bytes, role: str) -> list[Asked]:
        return [
            Asked(party=self._interning.fingerprint(party), told_at=told, answer=answer, answered_at=answered)
            for party, told, answer, answered in self._session.all(_PARTIES, hash=hash, role=role)
        ]

    def askers(self, hash: bytes) -> list[Asked]:
        """Who is owed an answer, with the last one that was given."""
        return self._parties(hash, ASKER)

    def owed(self) -> list[bytes]:
        """Hashes of the recalls that are done here and of which somebody has no answer yet."""
        return [bytes(hash) for (hash,) in self._session.all(_OWED, done=RecallState.DONE.value)]

    def put_said(self, hash: bytes, party: str, answer: bytes, at: int) -> None:
        """Keep the answer that was given to whoever told of it."""
        number = self._interning.known_party(party)
        self._session.change(_SAID, hash=hash, party=number, answer=answer, at=at)

    def put_answer(self, hash: bytes, party: str, answer: bytes, at: int) -> bool:
        """Keep a holder's newest answer; False if it was never told, or a newer one is here."""
        number = self._interning.known_party(party)
        return bool(self._session.change(_ANSWERED, hash=hash, party=number, answer=answer, at=at))

    def told(self, party: str) -> list[bytes]:
        """Hashes of the recalls that this node told a party of."""
        found = self._session.all(_TOLD, party=self._interning.known_party(party))
        return [bytes(hash) for (hash,) in found]

    # -- destroying ------------------------------------------------------------------------------------------

    def strike(self, hash: bytes, *, most: int, now: int) -> Struck:
        """Take the next things that a recall names out of every reach (or narrow them), at most so many."""
        number, recall = self._one(hash)
        struck = self._striker.strike(number, recall, most=most, now=now)
        self.put(struck.recall)
        for party in self._striker.holders:
            self._note(number, self._interning.fingerprint(party), HOLDER, now)
        return struck

    def strike_expired(self, keys: Sequence[ObjectKey], *, now: int) -> int:
        """Take objects out of every reach whose time is over. Returns how many."""
        return self._striker.strike_expired(keys, now=now)

    def expired(self, label: bytes, before: int, *, own: str, most: int) -> list[ObjectKey]:
        """Objects under a label that arrived before a time and are not this node's own."""
        return self._striker.expired(label, before, own=own, most=most)

    def erase(self) -> bool:
        """Do the next short piece of erasing what is out of reach. Whether there was any left to do."""
        return self._destroyer.erase()

    def empty_log(self) -> None:
        """See to it that the write-ahead log is emptied after this transaction."""
        self._session.destroyed = True

    def is_clean(self) -> bool:
        """Whether nothing waits to be erased, the write-ahead log included."""
        return self._destroyer.is_clean()

    # -- legal holds -----------------------------------------------------------------------------------------

    def add_hold(self, hold: LegalHold) -> None:
        """Keep what it names apart when it is to be destroyed, from now on."""
        self._session.change(_ADD_HOLD, id=hold.id, until=hold.until, document=msgspec.json.encode(hold))

    def holds(self) -> list[LegalHold]:
        """Every legal hold, newest first."""
        return [msgspec.json.decode(d, type=LegalHold) for (d,) in self._session.all(_HOLDS)]

    def retained(self, hash: bytes | None) -> list[Retained]:
        """What is held of a recall, by ground; of None what is held in all."""
        number = None if hash is None else self._one(hash)[0]
        found = [
            (msgspec.json.decode(document, type=LegalHold), count)
            for document, count in self._session.all(_RETAINED, recall=number)
        ]
        return [Retained(ground=hold.ground, count=count, until=hold.until) for hold, count in found]

    def end_holds(self, now: int) -> list[bytes]:
        """Destroy what is held under holds that are over. Returns the hashes of the recalls that it concerns."""
        concerned = [bytes(hash) for (hash,) in self._session.all(_CONCERNED, now=now)]
        if self._session.change(_END_HOLDS, now=now):
            self._session.destroyed = True
        return concerned


def _recall(document: bytes) -> KeptRecall:
    return msgspec.json.decode(document, type=KeptRecall)
