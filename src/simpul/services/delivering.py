"""Emptying the outbox: number, sign, seal, hand to a relay; close on the partner's signed ack, never on a relay's.

Only the process that holds the home's lock does this. A `Session` is its life: one random stream, counted from 1 for
each partner, whose first message names what this home knew before (PROTOCOL §7).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.agreements import halted
from simpul.domain.mail import MailState, Outgoing
from simpul.domain.policy import Reason
from simpul.domain.releases import Release
from simpul.errors import NotFound, RelayFault, Stale
from simpul.ports import Transport, Unit
from simpul.protocol.agreements import equivalence_hash
from simpul.protocol.envelope import seal
from simpul.protocol.keys import SigningKey
from simpul.protocol.labels import from_wire
from simpul.protocol.mailboxes import CONTACT
from simpul.protocol.manifest import decode_manifest
from simpul.protocol.message import (
    ACKS_LIMIT,
    KINDS,
    Numbering,
    Previous,
    encode_message,
    message_name,
    numbered,
)
from simpul.protocol.payloads import Acks, ReceiptList, decode_payload, encode_payload
from simpul.protocol.receipts import Ack, to_ack
from simpul.services import circling
from simpul.services.agreeing import InForce, by_hash
from simpul.services.auditing import INCARNATION, SENT, record_crossing, restored
from simpul.services.connecting import address_of, card_of, own_card_of
from simpul.services.healing import unreplayed
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.times import DAY, SECOND
from simpul.services.upkeep import connected
from simpul.services.withdrawing import EXPIRED, WITHDRAWN, stands, withdraw

BATCH: Final = 32
"""Messages numbered in one transaction."""

AT_ONCE: Final = 8
"""Messages handed over before that is noted, in one transaction, and before what is urgent is asked for again."""

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
            for waiting in _gathered(unit, batch):
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


def _gathered(unit: Unit, waiting: Sequence[Outgoing]) -> list[Outgoing]:
    """What waits, with the receipts for one party and lane in one message (PROTOCOL §7).

    Each was queued with what it is about, in one transaction, as a list of one: a batch of them is within the limit.
    """
    gathered: dict[tuple[object, ...], list[Outgoing]] = {}
    for message in waiting:
        alike = (message.to, message.lane) if message.kind == "receipt" else (message.id,)
        gathered.setdefault(alike, []).append(message)
    return [_merged(unit, alike) for alike in gathered.values()]


def _merged(unit: Unit, alike: Sequence[Outgoing]) -> Outgoing:
    first, *others = alike
    if not others:
        return first
    lists = [decode_payload(message.payload, ReceiptList)[0] for message in alike]
    payload = encode_payload(ReceiptList(receipts=tuple(line for each in lists for line in each.receipts)))
    merged = replace(first, payload=payload, length=len(payload))
    unit.mail.merge(merged, [message.id for message in others])
    return merged


def _number(unit: Unit, node: Node, session: Session, waiting: Outgoing) -> Outgoing:
    last = unit.mail.last_numbers(waiting.to)
    number = unit.mail.next_number(waiting.to, session.stream)
    begins = number == 1 and last is not None and last[0] != session.stream
    partner = card_of(unit, waiting.to)
    agreement = by_hash(unit, waiting.agreement) if waiting.agreement else None
    acks = _acks_for(unit, waiting)
    numbering = Numbering(
        realm=node.realm,
        sender=node.party,
        stream=session.stream,
        number=number,
        card=own_card_of(unit, node).version,
        partner_card=partner.version if partner else 0,
        logged_by=node.clock() + 2 * node.limits.tick_seconds * SECOND,
        equivalences=equivalence_hash(agreement.terms) if agreement else b"",
        previous=Previous(stream=last[0], number=last[1]) if begins and last else None,
        acks=acks,
        checkpoint="" if waiting.lane == CONTACT else _checkpoint_for(unit, waiting.to),
    )
    if waiting.lane != CONTACT or len(acks) < CONTACT_ACKS:
        unit.mail.ack_queued(waiting.to)  # else there may be more than the contact mailbox takes
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
    """The newest checkpoint, unless this party was told it already, or this home is an old copy (spec/log.md)."""
    newest = unit.journal.checkpoint()
    if newest is None or restored(unit):
        return ""
    name = f"checkpoint-told:{party}:{(unit.directory.get(INCARNATION) or b'').hex()}"
    if int(unit.directory.get(name) or b"0") >= newest[0]:
        return ""
    unit.directory.put(name, str(newest[0]).encode())
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
    behind = 0
    while True:
        with node.store.read() as unit:
            found = unit.mail.due(node.clock() + horizon, AT_ONCE + behind)
        due = [message for message in found if message.id not in tried]
        if not due and len(found) < AT_ONCE + behind:
            return total
        behind = len(found) - len(due)
        tried.update(message.id for message in due)
        outcomes = [(message, _carry_one(node, relays, key, message)) for message in due]
        with node.store.write() as unit:
            for message, outcome in outcomes:
                # A partner's ack can come in before its sender has noted that it went.
                if unit.mail.is_open(message.id):
                    outcome.note(unit)
                total = _sum(total, outcome.carried)


class _Outcome(Struct, frozen=True, kw_only=True):
    """What became of one message, and how that is noted in the outbox."""

    carried: Carried
    note: Callable[[Unit], None]


def _carry_one(node: Node, relays: dict[str, Transport], key: SigningKey, message: Outgoing) -> _Outcome:
    now = node.clock()
    if now >= message.expires:
        problem = f"a {message.kind} to {message.to[:10]} expired before it was acknowledged"
        return _Outcome(
            carried=Carried(problems=(problem,)),
            note=partial(withdraw, node=node, message=message, reason=EXPIRED),
        )
    try:
        with node.store.read() as unit:
            if _is_over(unit, node, message):
                return _withdrawn(node, message)
            why = _must_wait(unit, node, message, now)
            if why:
                return _waits(message, now + WAIT_FOR_KEYS, why)
            relay, put_seed, address = address_of(unit, node, message.to, message.lane)
    except Stale as fault:
        return _waits(message, now + WAIT_FOR_KEYS, fault.message)
    envelope = seal(message.message, message.payload, key, address, attempt=message.attempt + 1)
    try:
        connected(node, relays, relay).put(address.tag, put_seed, envelope)
    except RelayFault as fault:
        return _waits(message, now + WAIT_FOR_RELAY, fault.message)
    objects = message.objects if message.attempt == 0 else 0
    return _Outcome(
        carried=Carried(messages=1, objects=objects),
        note=partial(
            _note,
            message=message,
            envelope=hashlib.sha256(envelope).digest(),
            tag=address.tag,
            length=len(envelope),
            next_at=_again(node, message),
        ),
    )


def _must_wait(unit: Unit, node: Node, message: Outgoing, now: int) -> str:
    """Why content that was decided before does not go now, in words; empty where nothing stands against it."""
    if not KINDS[message.kind].content:
        return ""
    if unreplayed(unit):
        return "this home was restored, and a partner has not said yet what it recalled since"
    agreement = by_hash(unit, message.agreement)
    if agreement is not None and halted(agreement.terms, now):
        return "its agreement is suspended or ended"
    behind = _behind(unit, node, message, agreement) if circling.circles(unit) else None
    return behind.why if behind else ""


def _behind(unit: Unit, node: Node, message: Outgoing, agreement: InForce | None) -> Reason | None:
    """Why a release waits for its recipient to hold the newest epoch of a circle that it rests on; None if it does."""
    release = _release_of(unit, message)
    if release is None:
        return None
    manifest = decode_manifest(release.manifest)
    epochs, terms = circling.Epochs(unit, node.party, message.to), agreement.terms if agreement else None
    reasons = (epochs.reason(from_wire(view), terms) for view in manifest.labels)
    return next((reason for reason in reasons if reason), None)


def _is_over(unit: Unit, node: Node, message: Outgoing) -> bool:
    """Whether content may go no more: its recipient left the circle, or an originator's rule or consent is another now."""
    if message.agreement and circling.fell_out(unit, message.agreement, message.to):
        return True
    # This node's own words go as they were released; what another originated goes by rules that are not its own.
    release = _release_of(unit, message)
    return release is not None and bool(release.passed) and not stands(unit, node, release)


def _release_of(unit: Unit, message: Outgoing) -> Release | None:
    """The release that a message is a part of, if it is one."""
    if not message.release:
        return None
    try:
        return unit.products.release_by_id(message.release)
    except NotFound:
        return None  # a recall has destroyed it, and withdraws its messages itself


def _withdrawn(node: Node, message: Outgoing) -> _Outcome:
    """What may go no more is given up."""
    problem = f"a {message.kind} to {message.to[:10]} is withdrawn: what it rests on has changed"
    return _Outcome(
        carried=Carried(problems=(problem,)),
        note=partial(withdraw, node=node, message=message, reason=WITHDRAWN),
    )


def _again(node: Node, message: Outgoing) -> int:
    """When it is put again: until the partner's ack, ever more rarely."""
    resend = node.limits.resend_seconds * SECOND << min(message.attempt, 6)
    return NEVER if message.kind == "ack" else node.clock() + min(resend, DAY)


def _note(unit: Unit, *, message: Outgoing, envelope: bytes, tag: bytes, length: int, next_at: int) -> None:
    """Store that a relay has it."""
    unit.mail.carried(
        message.id,
        attempt=message.attempt + 1,
        envelope=envelope,
        tag=tag,
        length=length,
        next_at=next_at,
    )
    if message.attempt == 0 and message.objects:
        unit.directory.count("sent", message.objects)


def _waits(message: Outgoing, until: int, why: str) -> _Outcome:
    def postpone(unit: Unit) -> None:
        unit.mail.postpone(message.id, until)

    problem = f"a {message.kind} to {message.to[:10]} waits: {why}"
    return _Outcome(carried=Carried(problems=(problem,)), note=postpone)


def _sum(one: Carried, other: Carried) -> Carried:
    return Carried(
        messages=one.messages + other.messages,
        objects=one.objects + other.objects,
        problems=tuple(dict.fromkeys((*one.problems, *other.problems))),
    )
