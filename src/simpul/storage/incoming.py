"""What came in, on tables: messages and their numbers, receipts, products part by part.

Which numbers of a stream are here is a watermark (`up_to`) and the exceptions beyond it. Both are kept for ever, so that
no message is applied twice however late it comes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.mail import AckState, Evidence, Incoming, Receipt
from simpul.errors import Malformed
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.interning import Interning
from simpul.storage.statements import Statement, bindparam

ELICIT_NO_ACK: Final = frozenset({"ack"})
"""Kinds that are not acknowledged, lest acks answer acks for ever (PROTOCOL §7)."""

MOST_STREAMS: Final = 8
MOST_RANGES: Final = 64
"""Bounds of what an ack says: the streams that moved last, and ranges beyond the watermark."""

_M: Final = t.received.c
_ADD: Final = Statement(
    insert(t.received).values({c.name: bindparam(c.name) for c in _M if c.name != "number"})
)
_OUTCOME: Final = Statement(
    select(_M.outcome).where(_M.sender == bindparam("sender"), _M.name == bindparam("name"))
)
_NAME: Final = Statement(
    select(_M.name).where(
        _M.sender == bindparam("sender"),
        _M.stream == bindparam("stream"),
        _M.stream_number == bindparam("stream_number"),
    )
)
_BY_NAME: Final = Statement(
    select(*(c for c in _M if c.name != "number")).where(_M.name == bindparam("name"))
)
_OF_KIND: Final = Statement(
    select(*(c for c in _M if c.name != "number")).where(_M.kind == bindparam("kind")).order_by(_M.number)
)
_S: Final = t.incoming_stream.c
_B: Final = t.incoming_beyond.c
_in_stream = (_S.sender == bindparam("sender"), _S.stream == bindparam("stream"))
_beyond = (_B.sender == bindparam("sender"), _B.stream == bindparam("stream"))
_UP_TO: Final = Statement(select(_S.up_to).where(*_in_stream))
_turn = (
    select(func.coalesce(func.max(_S.turn), 0) + 1).where(_S.sender == bindparam("sender")).scalar_subquery()
)
_MOVE: Final = Statement(
    upsert(t.incoming_stream)
    .values(sender=bindparam("sender"), stream=bindparam("stream"), up_to=bindparam("up_to"), turn=_turn)
    .on_conflict_do_update(set_={"up_to": bindparam("up_to"), "turn": _turn})
)
_ADD_BEYOND: Final = Statement(insert(t.incoming_beyond).values({c.name: bindparam(c.name) for c in _B}))
_BEYOND: Final = Statement(select(_B.first, _B.last).where(*_beyond).order_by(_B.first).limit(MOST_RANGES))
_TOUCHED: Final = Statement(
    delete(t.incoming_beyond)
    .where(*_beyond, _B.first <= bindparam("after"), _B.last >= bindparam("before"))
    .returning(_B.first, _B.last)
)
_RECENT: Final = Statement(
    select(_S.stream, _S.up_to)
    .where(_S.sender == bindparam("sender"))
    .order_by(_S.turn.desc())
    .limit(MOST_STREAMS)
)
_TOUCH: Final = Statement(update(t.incoming_stream).where(*_in_stream).values(turn=_turn))
_OWE: Final = Statement(upsert(t.owed_ack).values(sender=bindparam("sender")).on_conflict_do_nothing())
_OWED: Final = Statement(select(t.owed_ack.c.sender).order_by(t.owed_ack.c.sender))
_PAID: Final = Statement(delete(t.owed_ack).where(t.owed_ack.c.sender == bindparam("sender")))
_DROP_PAYLOAD: Final = Statement(update(t.received).where(_M.name == bindparam("of")).values(payload=b""))

MOST_EVIDENCE: Final = 64
"""Contradictions of one party that are kept: one is proof, and nobody is to fill a disk by contradicting itself."""

_E: Final = t.evidence.c
_EVIDENCE_OF: Final = Statement(select(func.count()).where(_E.party == bindparam("party")))
_ADD_EVIDENCE: Final = Statement(
    upsert(t.evidence)
    .values({c.name: bindparam(c.name) for c in _E if c.name != "number"})
    .on_conflict_do_nothing()
)
_EVIDENCE: Final = Statement(select(_E.id, _E.party, _E.kind, _E.at, _E.pieces).order_by(_E.number))

_R: Final = t.receipt.c
_ADD_RECEIPT: Final = Statement(
    upsert(t.receipt)
    .values({c.name: bindparam(c.name) for c in _R if c.name != "number"})
    .on_conflict_do_nothing()
)
_RECEIPTS: Final = Statement(select(*(c for c in _R if c.name != "number")).order_by(_R.number))


class ReceivedRows:
    """The part of `ports.Mail` that is about messages that came in, and receipts."""

    def __init__(self, session: Session, interning: Interning) -> None:
        self._session = session
        self._interning = interning

    def outcome(self, sender: str, name: bytes) -> str | None:
        """What became of a message that came in before, or None."""
        row = self._session.one(_OUTCOME, sender=self._interning.known_party(sender), name=name)
        return str(row[0]) if row else None

    def numbered(self, sender: str, stream: bytes, number: int) -> bytes | None:
        """The message hash already known under a number, or None."""
        party = self._interning.known_party(sender)
        row = self._session.one(_NAME, sender=party, stream=stream, stream_number=number)
        return bytes(row[0]) if row else None

    def receive(self, message: Incoming) -> None:
        """Record a verified message, its number and its outcome. The same one again changes nothing.

        Raises:
            Malformed: another message is known under its number.
        """
        known = self.numbered(message.sender, message.stream, message.number)
        sender = self._interning.party(message.sender)
        if known is None:
            self._add(sender, message)
            self._advance(sender, message.stream, message.number, message.number)
        elif known != message.name:
            raise Malformed(
                "two messages under one number",
                input=message.name.hex(),
                where=f"{message.stream.hex()} {message.number}",
            )
        if message.kind not in ELICIT_NO_ACK:
            self._session.change(_OWE, sender=sender)

    def _add(self, sender: int, message: Incoming) -> None:
        values = msgspec.structs.asdict(message)
        first, second = values.pop("signatures")
        values |= {"sender": sender, "stream_number": values.pop("number")}
        self._session.change(_ADD, **values, signature=first, second_signature=second)

    def _advance(self, sender: int, stream: bytes, first: int, last: int) -> None:
        """Take a range of numbers into the watermark, or into the exceptions until the gap below it is filled."""
        row = self._session.one(_UP_TO, sender=sender, stream=stream)
        up_to = int(row[0]) if row else 0
        touched = self._session.returning(
            _TOUCHED, sender=sender, stream=stream, before=first - 1, after=last + 1
        )
        first = min([first, *(low for low, _ in touched)])
        last = max([last, *(high for _, high in touched)])
        if first <= up_to + 1:
            up_to = max(up_to, last)
        else:
            self._session.change(_ADD_BEYOND, sender=sender, stream=stream, first=first, last=last)
        self._session.change(_MOVE, sender=sender, stream=stream, up_to=up_to)

    def acks_for(self, sender: str) -> list[AckState]:
        """What to acknowledge to a party: its streams that moved most recently."""
        party = self._interning.known_party(sender)
        return [
            AckState(stream=stream, up_to=up_to, ranges=self._ranges(party, stream))
            for stream, up_to in self._session.all(_RECENT, sender=party)
        ]

    def _ranges(self, sender: int | None, stream: bytes) -> tuple[tuple[int, int], ...]:
        return tuple(
            (first, last) for first, last in self._session.all(_BEYOND, sender=sender, stream=stream)
        )

    def owed_acks(self) -> list[str]:
        """Parties whose messages came in since an ack was last queued to them."""
        return [self._interning.fingerprint(sender) for (sender,) in self._session.all(_OWED)]

    def owe_ack(self, sender: str, stream: bytes) -> None:
        """A message of this stream came in again: its ack may have been lost, so the next one is about it too."""
        party = self._interning.party(sender)
        self._session.change(_TOUCH, sender=party, stream=stream)
        self._session.change(_OWE, sender=party)

    def fill(self, sender: str, stream: bytes, first: int, last: int) -> None:
        """Count numbers that will never come as received, first to last inclusive."""
        self._advance(self._interning.party(sender), stream, first, last)

    def ack_queued(self, sender: str) -> None:
        """Nothing is owed to this party any more."""
        self._session.change(_PAID, sender=self._interning.known_party(sender))

    def incoming(self, name: bytes) -> Incoming | None:
        """A recorded message by its hash."""
        row = self._session.one(_BY_NAME, name=name)
        return self._incoming(row) if row else None

    def incoming_of(self, kind: str) -> Iterator[Incoming]:
        """Recorded messages of one kind, oldest first."""
        return map(self._incoming, self._session.each(_OF_KIND, kind=kind))

    def _incoming(self, row: tuple[Any, ...]) -> Incoming:
        named = dict(zip((c.name for c in _M if c.name != "number"), row, strict=True))
        named["sender"] = self._interning.fingerprint(named["sender"])
        named["number"] = named.pop("stream_number")
        named["signatures"] = (named.pop("signature"), named.pop("second_signature"))
        return Incoming(**named)

    def _destroy_payload(self, name: bytes) -> None:
        """Drop what a message carried; the message, its hash and its signatures stay."""
        self._session.change(_DROP_PAYLOAD, of=name)

    # -- receipts --------------------------------------------------------------------------------------------

    def add_receipts(self, receipts: Sequence[Receipt]) -> None:
        """Record a partner's receipts; the same one twice is kept once."""
        for receipt in receipts:
            values = msgspec.structs.asdict(receipt)
            values["sender"] = self._interning.party(receipt.sender)
            values["counts"] = msgspec.json.encode(receipt.counts)
            self._session.change(_ADD_RECEIPT, **values)

    def receipts(self) -> Iterator[Receipt]:
        """All receipts that came in, oldest first."""
        for sender, message, outcome, at, counts, carrier in self._session.each(_RECEIPTS):
            yield Receipt(
                sender=self._interning.fingerprint(sender),
                message=message,
                outcome=outcome,
                at=at,
                counts=msgspec.json.decode(counts, type=dict[str, int]),
                carrier=carrier,
            )

    # -- evidence --------------------------------------------------------------------------------------------

    def add_evidence(self, evidence: Evidence) -> bool:
        """Keep what a party contradicted itself by: once, and at most `MOST_EVIDENCE` of one party."""
        party = self._interning.party(evidence.party)
        if self._session.all(_EVIDENCE_OF, party=party)[0][0] >= MOST_EVIDENCE:
            return False
        values = msgspec.structs.asdict(evidence)
        values |= {"party": party, "pieces": msgspec.json.encode(evidence.pieces)}
        return bool(self._session.change(_ADD_EVIDENCE, **values))

    def evidence(self) -> list[Evidence]:
        """All evidence, oldest first."""
        return [
            Evidence(
                id=id,
                party=self._interning.fingerprint(party),
                kind=kind,
                at=at,
                pieces=msgspec.json.decode(pieces, type=tuple[tuple[str, bytes], ...]),
            )
            for id, party, kind, at, pieces in self._session.all(_EVIDENCE)
        ]
