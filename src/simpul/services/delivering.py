"""Emptying the outbox: number, sign, seal, hand to a relay; close on the partner's signed ack, never on a relay's.

Only the process that holds the home's lock does this. A `Session` is its life: one random stream, counted from 1 for
each partner, whose first message names what this home knew before (PROTOCOL §7).
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.mail import MailState, Outgoing
from simpul.errors import RelayFault, Stale
from simpul.ports import Transport, Unit
from simpul.protocol.agreements import equivalence_hash
from simpul.protocol.envelope import Address, seal
from simpul.protocol.keys import SigningKey
from simpul.protocol.message import ACKS_LIMIT, Numbering, Previous, encode_message, message_name, numbered
from simpul.protocol.payloads import Acks, Void
from simpul.protocol.receipts import Ack, to_ack
from simpul.services.agreeing import by_hash
from simpul.services.auditing import SENT, record, record_crossing
from simpul.services.connecting import address_of, card_of
from simpul.services.node import Node
from simpul.services.posting import CONTACT, post
from simpul.services.times import DAY

SECOND: Final = 1_000_000
BATCH: Final = 32
"""Messages numbered in one transaction, or carried between two."""

CONTACT_ACKS, CONTACT_RANGES = 4, 8
"""Acks and ranges of each in a message by the contact mailbox (spec/message.md)."""

NEVER: Final = 1 << 60
"""For messages that nobody acknowledges by themselves: they are not sent again."""

WAIT_FOR_KEYS: Final = 2 * SECOND
WAIT_FOR_RELAY: Final = 5 * SECOND


class Session(Struct, frozen=True, kw_only=True):
    """What the process that numbers messages drew when it began: 16 random bytes."""

    stream: bytes


class Carried(Struct, frozen=True, kw_only=True):
    """What one pass handed over: messages, and the objects in those that went for the first time."""

    messages: int = 0
    objects: int = 0
    problems: tuple[str, ...] = ()


def number_waiting(node: Node, session: Session) -> int:
    """Number, log and store what waits, in the order of the lanes. Returns how many messages got a number."""
    done = 0
    while True:
        with node.store.write() as unit:
            batch = unit.mail.waiting(BATCH)
            crossings = []
            for waiting in batch:
                message = _number(unit, node, session, waiting)
                unit.mail.number(message)
                crossings.append(
                    (
                        message.leaf_salt,
                        message.name,
                        {"kind": message.kind, "to": message.to, "objects": message.objects},
                    )
                )
            record_crossing(unit, SENT, crossings, node.clock())
        done += len(batch)
        if len(batch) < BATCH:
            return done


def _number(unit: Unit, node: Node, session: Session, waiting: Outgoing) -> Outgoing:
    last = unit.mail.last_numbers(waiting.to)
    number = unit.mail.next_number(waiting.to, session.stream)
    begins = number == 1 and last is not None and last[0] != session.stream
    own, partner = card_of(unit, node.party), card_of(unit, waiting.to)
    agreement = by_hash(unit, waiting.agreement) if waiting.agreement else None
    numbering = Numbering(
        realm=node.realm,
        sender=node.party,
        stream=session.stream,
        number=number,
        card=own.version if own else 1,
        partner_card=partner.version if partner else 0,
        logged_by=node.clock() + 2 * node.limits.tick_seconds * SECOND,
        equivalences=equivalence_hash(agreement.terms) if agreement else b"",
        previous=Previous(stream=last[0], number=last[1]) if begins and last else None,
        acks=_acks_for(unit, waiting),
        checkpoint="" if waiting.lane == CONTACT else _checkpoint_for(unit, waiting.to),
    )
    unit.mail.ack_queued(waiting.to)
    message = encode_message(numbered(waiting, numbering))
    return replace(
        waiting,
        state=MailState.NUMBERED,
        stream=session.stream,
        number=number,
        message=message,
        name=message_name(message),
    )


def _acks_for(unit: Unit, waiting: Outgoing) -> tuple[Ack, ...]:
    """What is acknowledged with a message: by the contact mailbox little, so that it stays within its limit."""
    states = unit.mail.acks_for(waiting.to)
    if waiting.lane == CONTACT:
        states = [replace(state, ranges=state.ranges[:CONTACT_RANGES]) for state in states[:CONTACT_ACKS]]
    return tuple(map(to_ack, states[:ACKS_LIMIT]))


def _checkpoint_for(unit: Unit, party: str) -> str:
    """The newest checkpoint, unless this party was told it already."""
    newest = unit.journal.checkpoint()
    if newest is None:
        return ""
    told = unit.directory.get(f"checkpoint-told:{party}")
    if told is not None and int(told) >= newest[0]:
        return ""
    unit.directory.put(f"checkpoint-told:{party}", str(newest[0]).encode())
    return newest[1].decode()


def queue_acks(node: Node) -> None:
    """Leave an ack for every party that is owed one and gets no other message now."""
    with node.store.read() as unit:
        if not unit.mail.owed_acks():
            return
    with node.store.write() as unit:
        served = {message.to for message in unit.mail.waiting(1000)}
        for party in unit.mail.owed_acks():
            if party not in served and unit.directory.package(party, ours=False) is not None:
                post(unit, node, party, Acks())


def carry(node: Node, relays: dict[str, Transport], *, horizon: int = 0) -> Carried:
    """Seal what is due and hand it to the partners' relays.

    Args:
        relays: connections by URL; missing ones are made and added.
        horizon: microseconds ahead of now that count as due (a single round tries all that only waits for keys).
    """
    key = SigningKey(node.keyring.secret("signing"))
    total = Carried()
    tried: set[bytes] = set()
    while True:
        with node.store.read() as unit:
            due = [m for m in unit.mail.due(node.clock() + horizon, BATCH + len(tried)) if m.id not in tried]
        if not due:
            return total
        for message in due:
            tried.add(message.id)
            total = _sum(total, _carry_one(node, relays, key, message))


def _carry_one(node: Node, relays: dict[str, Transport], key: SigningKey, message: Outgoing) -> Carried:
    now = node.clock()
    if now >= message.expires:
        _void(node, message)
        return Carried(
            problems=(f"a {message.kind} to {message.to[:10]} expired before it was acknowledged",)
        )
    try:
        with node.store.read() as unit:
            relay, put_seed, address = address_of(unit, node, message.to, message.lane)
    except Stale as fault:
        return _wait(node, message, now + WAIT_FOR_KEYS, fault.message)
    envelope = seal(message.message, message.payload, key, address, attempt=message.attempt + 1)
    try:
        if relay not in relays:
            relays[relay] = node.connect(relay)
        relays[relay].put(address.tag, put_seed, envelope)
    except RelayFault as fault:
        return _wait(node, message, now + WAIT_FOR_RELAY, fault.message)
    _note(node, message, address, envelope)
    first = message.attempt == 0
    return Carried(messages=1, objects=message.objects if first else 0)


def _note(node: Node, message: Outgoing, address: Address, envelope: bytes) -> None:
    """Store that a relay has it. Until the partner's ack it is put again, ever more rarely."""
    resend = node.limits.resend_seconds * SECOND << min(message.attempt, 6)
    again = NEVER if message.kind == "ack" else node.clock() + min(resend, DAY)
    with node.store.write() as unit:
        unit.mail.carried(
            message.id,
            attempt=message.attempt + 1,
            envelope=hashlib.sha256(envelope).digest(),
            tag=address.tag,
            length=len(envelope),
            next_at=again,
        )
        if message.attempt == 0 and message.objects:
            unit.directory.count("sent", message.objects)


def _wait(node: Node, message: Outgoing, until: int, why: str) -> Carried:
    with node.store.write() as unit:
        unit.mail.postpone(message.id, until)
    return Carried(problems=(f"a {message.kind} to {message.to[:10]} waits: {why}",))


def _void(node: Node, message: Outgoing) -> None:
    """Give up a message and fill its number, so that the partner sees no gap."""
    with node.store.write() as unit:
        unit.mail.void(message.id)
        post(
            unit,
            node,
            message.to,
            Void(stream=message.stream, ranges=((message.number, message.number),), reason="expired"),
            lane="contact",
        )
        record(unit, node, "void", {"to": message.to, "message": message.name.hex(), "reason": "expired"})


def _sum(one: Carried, other: Carried) -> Carried:
    return Carried(
        messages=one.messages + other.messages,
        objects=one.objects + other.objects,
        problems=tuple(dict.fromkeys((*one.problems, *other.problems))),
    )
