"""What waits to go out, on tables. `MOVES` is the whole life of a message; nothing else changes its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, literal_column, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.mail import OPEN_STATES, AckState, MailState, Outgoing
from simpul.errors import NotFound, Refusal
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.interning import Interning
from simpul.storage.statements import Statement, bindparam

MOVES: Final[Mapping[tuple[MailState, str], MailState]] = {
    (MailState.WAITING, "number"): MailState.NUMBERED,
    (MailState.WAITING, "drop"): MailState.WAITING,  # it has no number yet, so nobody will miss it
    (MailState.WAITING, "merge"): MailState.WAITING,  # another takes its content, or it another's
    (MailState.NUMBERED, "put"): MailState.CARRIED,
    (MailState.CARRIED, "put"): MailState.CARRIED,  # sealed again, for another epoch or relay
    (MailState.CARRIED, "ack"): MailState.ACKED,
    (MailState.NUMBERED, "ack"): MailState.ACKED,  # put, and killed before that was recorded
    (MailState.NUMBERED, "void"): MailState.VOID,
    (MailState.CARRIED, "void"): MailState.VOID,
    (MailState.NUMBERED, "postpone"): MailState.NUMBERED,
    (MailState.CARRIED, "postpone"): MailState.CARRIED,
}
"""(state, event) → state; the table of domain/mail.py, with the two events that leave a state as it is."""

_O: Final = t.outbox.c
_C: Final = t.outbox_content.c
_E: Final = t.envelope.c
_COLUMNS: Final = tuple(c for c in _O if c.name not in ("number", "urgent"))
_WAITING: Final[ColumnElement[bool]] = literal_column("state = 'waiting'")
_LIVE: Final[ColumnElement[bool]] = literal_column("state IN ('numbered', 'carried')")

_QUEUE: Final = Statement(
    insert(t.outbox)
    .values({c.name: bindparam(c.name) for c in _O if c.name != "number"})
    .returning(_O.number)
)
_QUEUE_CONTENT: Final = Statement(insert(t.outbox_content).values({c.name: bindparam(c.name) for c in _C}))
_select = select(*_COLUMNS, _C.message, _C.payload).join_from(t.outbox, t.outbox_content)
_NEXT_WAITING: Final = Statement(
    _select.where(_WAITING).order_by(_O.urgent.desc(), _O.number).limit(bindparam("most"))
)
_DUE: Final = Statement(
    _select.where(_LIVE, _O.next_at <= bindparam("now"))
    .order_by(_O.urgent.desc(), _O.stream_number, _O.number)
    .limit(bindparam("most"))
)
_BY_ID: Final = Statement(_select.where(_O.id == bindparam("id")))
_BY_NAME: Final = Statement(_select.where(literal_column("stream_number > 0"), _O.name == bindparam("name")))
_BY_ENVELOPE: Final = Statement(
    _select.where(_O.number == select(_E.outbox).where(_E.hash == bindparam("hash")).scalar_subquery())
)
_CARRYING: Final = Statement(
    _select.where(
        literal_column("release != x''"), _O.release == bindparam("release"), or_(_WAITING, _LIVE)
    ).order_by(_O.part)
)
_STATE: Final = Statement(select(_O.number, _O.state).where(_O.id == bindparam("id")))
_of = update(t.outbox).where(_O.number == bindparam("of"))
_NUMBERED: Final = Statement(
    _of.values(
        state=bindparam("to_state"),
        stream=bindparam("to_stream"),
        stream_number=bindparam("to_number"),
        name=bindparam("to_name"),
        next_at=bindparam("to_next_at"),
    )
)
_MESSAGE: Final = Statement(
    update(t.outbox_content).where(_C.outbox == bindparam("of")).values(message=bindparam("to_message"))
)
_CONTENT: Final = Statement(
    update(t.outbox_content).where(_C.outbox == bindparam("of")).values(payload=bindparam("to_payload"))
)
_LENGTH: Final = Statement(_of.values(length=bindparam("to_length")))
_FORGET: Final = (
    Statement(delete(t.outbox_content).where(_C.outbox == bindparam("of"))),
    Statement(delete(t.outbox).where(_O.number == bindparam("of"))),
)
_CARRIED: Final = Statement(
    _of.values(state=bindparam("to_state"), attempt=bindparam("to_attempt"), next_at=bindparam("to_next_at"))
)
_MOVED: Final = Statement(_of.values(state=bindparam("to_state")))
_POSTPONED: Final = Statement(_of.values(next_at=bindparam("to_next_at")))
_DROP: Final = Statement(update(t.outbox_content).where(_C.outbox == bindparam("of")).values(payload=b""))
_ADD_ENVELOPE: Final = Statement(
    upsert(t.envelope).values({c.name: bindparam(c.name) for c in _E}).on_conflict_do_nothing()
)
_ACKED: Final = Statement(
    _select.add_columns(_O.number)
    .where(
        literal_column("stream_number > 0"),
        _LIVE,
        _O.recipient == bindparam("recipient"),
        _O.stream == bindparam("stream"),
        _O.stream_number >= bindparam("first"),
        _O.stream_number <= bindparam("last"),
    )
    .order_by(_O.stream_number)
)
_PENDING: Final = Statement(
    select(_O.recipient, _O.state, func.count())
    .where(or_(_WAITING, _LIVE), _O.kind != "ack")
    .group_by(_O.recipient, _O.state)
    .order_by(_O.recipient, _O.state)
)
_S: Final = t.outgoing_stream.c
_turn = (
    select(func.coalesce(func.max(_S.turn), 0) + 1)
    .where(_S.recipient == bindparam("recipient"))
    .scalar_subquery()
)
_NEXT_NUMBER: Final = Statement(
    upsert(t.outgoing_stream)
    .values(recipient=bindparam("recipient"), stream=bindparam("stream"), last=1, turn=_turn)
    .on_conflict_do_update(set_={"last": _S.last + 1, "turn": _turn})
    .returning(_S.last)
)
_HIGHEST: Final = Statement(
    select(_S.last).where(_S.recipient == bindparam("recipient"), _S.stream == bindparam("stream"))
)
_LAST_NUMBER: Final = Statement(
    select(_S.stream, _S.last).where(_S.recipient == bindparam("recipient")).order_by(_S.turn.desc()).limit(1)
)


class Outbox:
    """The part of `ports.Mail` that is about what goes out."""

    def __init__(self, session: Session, interning: Interning) -> None:
        self._session = session
        self._interning = interning

    def queue(self, messages: Sequence[Outgoing]) -> None:
        """Put unnumbered messages into the outbox."""
        for message in messages:
            values = {column.name: getattr(message, column.name, None) for column in _COLUMNS}
            values |= {
                "recipient": self._interning.party(message.to),
                "urgent": int(message.lane == "urgent"),
                "state": MailState.WAITING.value,
                "stream_number": 0,
            }
            number = self._session.returning(_QUEUE, **values)[0][0]
            self._session.change(
                _QUEUE_CONTENT, outbox=number, message=message.message, payload=message.payload
            )

    def waiting(self, limit: int) -> list[Outgoing]:
        """Unnumbered messages, urgent lane first, then in the order they were queued."""
        return [self._outgoing(row) for row in self._session.all(_NEXT_WAITING, most=limit)]

    def number(self, message: Outgoing) -> None:
        """Store the numbered form: stream, number, message, name, state. Raises `Refusal`: it does not wait."""
        of, state = self._move(message.id, "number")
        self._session.change(
            _NUMBERED,
            of=of,
            to_state=state,
            to_stream=message.stream,
            to_number=message.number,
            to_name=message.name,
            to_next_at=message.next_at,
        )
        self._session.change(_MESSAGE, of=of, to_message=message.message)

    def due(self, now: int, limit: int) -> list[Outgoing]:
        """Numbered and carried messages whose `next_at` has come: urgent lane first, then by number."""
        return [self._outgoing(row) for row in self._session.all(_DUE, now=now, most=limit)]

    def carried(
        self, id: bytes, *, attempt: int, envelope: bytes, tag: bytes, length: int, next_at: int
    ) -> None:
        """A relay took an envelope of this message. Raises `Refusal`: it is not numbered, or closed."""
        of, state = self._move(id, "put")
        self._session.change(_CARRIED, of=of, to_state=state, to_attempt=attempt, to_next_at=next_at)
        self._session.change(_ADD_ENVELOPE, hash=envelope, outbox=of, attempt=attempt, tag=tag, length=length)

    def postpone(self, id: bytes, next_at: int) -> None:
        """Try again at that time."""
        of, _ = self._move(id, "postpone")
        self._session.change(_POSTPONED, of=of, to_next_at=next_at)

    def acked(self, party: str, ack: AckState) -> list[Outgoing]:
        """Close what the party acknowledges and drop its payload. Returns what was closed by this call."""
        recipient = self._interning.known_party(party)
        closed = []
        for first, last in ((1, ack.up_to), *ack.ranges):
            for *row, number in self._session.all(
                _ACKED, recipient=recipient, stream=ack.stream, first=first, last=last
            ):
                self._session.change(_MOVED, of=number, to_state=MailState.ACKED.value)
                self._session.change(_DROP, of=number)
                closed.append(self._outgoing(row, state=MailState.ACKED))
        return closed

    def merge(self, message: Outgoing, others: Sequence[bytes]) -> None:
        """Give a waiting message the content of this one, and drop others that it now carries. Raises `Refusal`."""
        of, _ = self._move(message.id, "merge")
        self._session.change(_LENGTH, of=of, to_length=message.length)
        self._session.change(_CONTENT, of=of, to_payload=message.payload)
        for id in others:
            dropped, _ = self._move(id, "merge")
            for statement in _FORGET:
                self._session.change(statement, of=dropped)

    def is_open(self, id: bytes) -> bool:
        """Whether a message has its number and waits for its partner's ack."""
        row = self._session.one(_STATE, id=id)
        return row is not None and MailState(row[1]) in OPEN_STATES

    def outgoing(self, id: bytes) -> Outgoing | None:
        """One message of the outbox by its id."""
        return self._maybe(self._session.one(_BY_ID, id=id))

    def by_name(self, name: bytes) -> Outgoing | None:
        """One message of the outbox by the hash of its message."""
        return self._maybe(self._session.one(_BY_NAME, name=name))

    def by_envelope(self, envelope: bytes) -> Outgoing | None:
        """The message that an envelope (by hash) carried."""
        return self._maybe(self._session.one(_BY_ENVELOPE, hash=envelope))

    def carrying(self, release: bytes) -> list[Outgoing]:
        """The messages of a release that are not acknowledged yet, by part."""
        return [self._outgoing(row) for row in self._session.all(_CARRYING, release=release)]

    def drop(self, id: bytes) -> None:
        """Forget a message that has no number yet. Raises `Refusal`: it has one."""
        of, _ = self._move(id, "drop")
        for statement in _FORGET:
            self._session.change(statement, of=of)

    def void(self, id: bytes) -> None:
        """Mark as void: its number is filled, its payload dropped. Raises `Refusal`: it has none, or is closed."""
        of, state = self._move(id, "void")
        self._session.change(_MOVED, of=of, to_state=state)
        self._session.change(_DROP, of=of)

    def pending(self) -> dict[str, dict[str, int]]:
        """Messages not yet acked, by party and state; pure acks are left out."""
        found: dict[str, dict[str, int]] = {}
        for recipient, state, count in self._session.all(_PENDING):
            found.setdefault(self._interning.fingerprint(recipient), {})[state] = count
        return found

    def next_number(self, party: str, stream: bytes) -> int:
        """The next number of a stream to a party, counting from 1. Only inside `write()`."""
        recipient = self._interning.party(party)
        return int(self._session.returning(_NEXT_NUMBER, recipient=recipient, stream=stream)[0][0])

    def highest_number(self, party: str, stream: bytes) -> int:
        """The highest number of a stream that was given out to a party; 0 for a stream that is not ours."""
        row = self._session.one(_HIGHEST, recipient=self._interning.known_party(party), stream=stream)
        return int(row[0]) if row else 0

    def last_numbers(self, party: str) -> tuple[bytes, int] | None:
        """The last (stream, number) that was given out to a party, by whichever process."""
        row = self._session.one(_LAST_NUMBER, recipient=self._interning.known_party(party))
        return (row[0], row[1]) if row else None

    def _move(self, id: bytes, event: str) -> tuple[int, str]:
        """The number of a message and the state that an event brings it to. Raises `Refusal` and changes nothing."""
        row = self._session.one(_STATE, id=id)
        if row is None:
            raise NotFound("no such message in the outbox", input=id.hex())
        state = MOVES.get((MailState(row[1]), event))
        if state is None:
            raise Refusal(f"a message that is {row[1]} takes no '{event}'", input=id.hex())
        return int(row[0]), state.value

    def _maybe(self, row: tuple[Any, ...] | None) -> Outgoing | None:
        return self._outgoing(row) if row else None

    def _outgoing(self, row: Sequence[Any], *, state: MailState | None = None) -> Outgoing:
        *values, message, payload = row
        named = dict(zip((column.name for column in _COLUMNS), values, strict=True))
        recipient, number = named.pop("recipient"), named.pop("stream_number")
        named["state"] = state or MailState(named["state"])
        return Outgoing(
            to=self._interning.fingerprint(recipient),
            number=number,
            message=message,
            payload=payload,
            **named,
        )
