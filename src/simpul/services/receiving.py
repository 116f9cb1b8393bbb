"""What came to a mailbox: open, verify, decide, store, acknowledge. Each message whole, once, whatever came before it.

    bytes --parse--> Sealed --unseal--> Unsealed --the sender's card--> Opened --by its kind--> stored, with its leaf

Whatever cannot be opened or understood is told to its sender; nothing is dropped in silence. A message from too far
ahead of this node's clock stays at the relay, neither refused nor acknowledged (PROTOCOL §9).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.mail import Incoming, Receipt
from simpul.errors import Malformed, NotUnderstood, PartnerFault, PolicyRefusal, Unopenable
from simpul.ports import Mailbox, Unit
from simpul.protocol import payloads
from simpul.protocol.envelope import (
    CONTACT_EPOCH,
    Opened,
    Sealed,
    Unsealed,
    open_message,
    parse,
    require_suite,
    unseal,
)
from simpul.protocol.log import conflicting, open_checkpoint, read_origin
from simpul.protocol.mailboxes import CONTACT
from simpul.protocol.message import Message, check_expiry, is_ahead
from simpul.protocol.receipts import ReceiptLine, from_ack
from simpul.services import admitting, answering, connecting
from simpul.services.admitting import ADMITTED, REFUSED
from simpul.services.agreeing import by_hash, take_step
from simpul.services.auditing import RECEIVED, record, record_crossing
from simpul.services.connecting import card_of
from simpul.services.node import Node
from simpul.services.posting import post

DONE: Final = "done"


class Fate(Enum):
    """What became of an envelope, for whoever must tell the relay."""

    TAKEN = "taken"  # durable here: the relay may forget it
    HELD = "held"  # left at the relay: from the future
    FAULTY = "faulty"  # cannot be used, and never will be: the relay may forget it


class Received(Struct, frozen=True, kw_only=True):
    """One envelope's fate. Counts are objects, of a message that had not been seen before."""

    fate: Fate
    kind: str = ""
    admitted: int = 0
    quarantined: int = 0
    refused: int = 0
    receipts: int = 0
    problem: str = ""

    @property
    def objects(self) -> int:
        """Objects that came."""
        return self.admitted + self.quarantined + self.refused


def receive(node: Node, data: bytes) -> Received:
    """Take one envelope. Only faults of this home are raised; those of others are its outcome."""
    try:
        sealed = parse(data)
        box = _mailbox(node, sealed)
        unsealed = _unseal(node, sealed, box)
        opened = _verify(node, unsealed)
    except _Unknown as stranger:
        return Received(fate=Fate.FAULTY, problem=stranger.message)
    except NotUnderstood as fault:
        return Received(fate=Fate.FAULTY, problem=fault.message)
    except PartnerFault as fault:
        return Received(fate=Fate.FAULTY, problem=f"{fault.code}: {fault.message}")
    if is_ahead(opened.message, node.clock()):
        return _hold(node, opened)
    return _take(node, opened)


class _Unknown(Malformed):
    """From somebody whose card is not here."""


def _mailbox(node: Node, sealed: Sealed) -> Mailbox:
    with node.store.read() as unit:
        contact = connecting.contact_mailbox(node, unit)
        if contact is not None and contact.tag == sealed.tag:
            return contact
        box = unit.directory.mailbox(sealed.tag)
    if box is None:
        raise Unopenable("an envelope for a mailbox that is not read here", where="tag")
    return box


def _unseal(node: Node, sealed: Sealed, box: Mailbox) -> Unsealed:
    secret = connecting.secret_for(node, box)
    epoch = CONTACT_EPOCH if box.lane == CONTACT else box.epoch
    try:
        if secret is None:
            raise Unopenable("its prekey is destroyed", input="envelope", where="epoch")
        return unseal(sealed, secret, epoch=epoch, realm=node.realm, me=node.party)
    except Unopenable:
        if box.party:
            _tell_unopenable(node, box, sealed)
        raise


def _tell_unopenable(node: Node, box: Mailbox, sealed: Sealed) -> None:
    notice = payloads.UnopenableNotice(envelopes=(payloads.Sealed(tag=sealed.tag, envelope=sealed.name),))
    with node.store.write() as unit:
        post(unit, node, box.party, notice, lane=CONTACT)
        record(unit, node, "unopenable", {"from": box.party, "envelope": sealed.name.hex()})


def _verify(node: Node, unsealed: Unsealed) -> Opened:
    """The verified message of a party whose card is here."""
    with node.store.read() as unit:
        card = card_of(unit, unsealed.sender)
    if card is None:
        if unsealed.kind == "hello":
            with node.store.write() as unit:
                unit.directory.add_introduction(unsealed.sender, b"", node.clock())
        raise _Unknown(
            f"a {unsealed.kind} from a party whose card is not here ({unsealed.sender[:10]})",
            do="`simpul card add` once its fingerprint is compared",
        )
    key = card.signer(node.realm, unsealed.seal.key, node.clock())
    try:
        return open_message(unsealed, key)
    except NotUnderstood as fault:
        _tell_not_understood(node, unsealed, fault)
        raise


def _tell_not_understood(node: Node, unsealed: Unsealed, fault: NotUnderstood) -> None:
    # The signatures hold, so this is the sender's own word: it learns by a signed notice what was not understood.
    notice = payloads.NotUnderstoodNotice(
        message=unsealed.name, stream=bytes(16), number=0, kind=unsealed.kind, what=fault.message
    )
    with node.store.write() as unit:
        post(unit, node, unsealed.sender, notice)
        record(unit, node, "not-understood", {"from": unsealed.sender, "message": unsealed.name.hex()})


def _hold(node: Node, opened: Opened) -> Received:
    seconds = (opened.message.created - node.clock()) // 1_000_000
    words = f"{opened.message.sender[:10]} is {seconds} s ahead of this node's clock"
    with node.store.write() as unit:
        unit.directory.put("skew", words.encode())
    return Received(fate=Fate.HELD, kind=opened.kind.name, problem=f"a message is held: {words}")


def _take(node: Node, opened: Opened) -> Received:
    """Store a verified message with all that follows from it, in one transaction."""
    prepared, fault = None, None
    with node.store.read() as unit:
        before = unit.mail.outcome(opened.message.sender, opened.name)
    if before is None:
        try:
            _check(node, opened)
            prepared = admitting.prepare(node, opened) if opened.kind.name == "release" else None
        except (PartnerFault, PolicyRefusal) as refusal:
            fault = refusal
    with node.store.write() as unit:
        message = opened.message
        # (1) seen before: the same outcome, and the ack is owed again
        if unit.mail.outcome(message.sender, opened.name) is not None:
            unit.mail.owe_ack(message.sender)
            return Received(fate=Fate.TAKEN, kind=opened.kind.name)
        # (2) another message under this number is evidence against its sender
        known = unit.mail.numbered(message.sender, message.stream, message.number)
        if known is not None:
            return _evidence(unit, node, opened, known)
        # (3) what every message carries
        _take_acks(unit, node, message)
        problem = _take_checkpoint(unit, node, message)
        # (4) what this kind means
        received = _by_kind(unit, node, opened, prepared, fault)
        _record(unit, node, opened, received)
        return received if not problem else Received(fate=Fate.TAKEN, kind=opened.kind.name, problem=problem)


def _by_kind(
    unit: Unit, node: Node, opened: Opened, prepared: Any, fault: PartnerFault | PolicyRefusal | None
) -> Received:
    if fault is None:
        try:
            return _BY_KIND[opened.kind.name](unit, node, opened, prepared)
        except (PartnerFault, PolicyRefusal) as refusal:
            fault = refusal
    return _refuse(unit, node, opened, fault)


def _check(node: Node, opened: Opened) -> None:
    message = opened.message
    # (1) its time is not over, by this node's clock
    check_expiry(message, node.clock())
    # (2) it is sealed in the suite that its agreement, or before there is one the sender's card, fixes
    with node.store.read() as unit:
        agreement = by_hash(unit, message.agreement) if message.agreement else None
        card = card_of(unit, message.sender)
    fixed = agreement.terms.suite if agreement else card.suite if card else 0
    require_suite(opened, fixed)


def _record(unit: Unit, node: Node, opened: Opened, received: Received) -> None:
    message, now = opened.message, node.clock()
    outcome = (
        DONE
        if not opened.kind.content
        else REFUSED
        if received.refused and not received.admitted
        else ADMITTED
    )
    unit.mail.receive(
        Incoming(
            sender=message.sender,
            name=opened.name,
            stream=message.stream,
            number=message.number,
            kind=message.kind,
            message=opened.unsealed.message,
            seal=opened.unsealed.seal_bytes,
            signatures=opened.unsealed.signatures,
            payload=b"" if opened.kind.name == "release" else opened.payload,
            card_version=message.card,
            outcome=outcome,
            objects=received.objects,
            arrived=now,
        )
    )
    record_crossing(
        unit,
        RECEIVED,
        [(message.leaf_salt, opened.name, {"kind": message.kind, "from": message.sender})],
        now,
    )


def _refuse(unit: Unit, node: Node, opened: Opened, fault: PartnerFault | PolicyRefusal) -> Received:
    """Record a message that must not be used, and answer content with a signed receipt."""
    message = opened.message
    if opened.kind.content:
        line = ReceiptLine(message=opened.name, outcome=REFUSED, at=node.clock(), counts={})
        post(unit, node, message.sender, payloads.ReceiptList(receipts=(line,)))
    record(
        unit,
        node,
        "refusal",
        {"from": message.sender, "message": opened.name.hex(), "kind": message.kind, "why": fault.code},
    )
    return Received(fate=Fate.TAKEN, kind=opened.kind.name, problem=f"{fault.code}: {fault.message}")


def _evidence(unit: Unit, node: Node, opened: Opened, known: bytes) -> Received:
    record(
        unit,
        node,
        "evidence",
        {"from": opened.message.sender, "known": known.hex(), "other": opened.name.hex()},
    )
    return Received(
        fate=Fate.FAULTY,
        kind=opened.kind.name,
        problem=f"{opened.message.sender[:10]} signed two messages under one number; both are kept as evidence",
    )


def _take_acks(unit: Unit, node: Node, message: Message) -> None:
    """Close what the partner acknowledges.

    An ack for what this home never sent shows that the home is a copy from before: it is noted, and no checkpoint is
    signed any more (PROTOCOL §7, §8).
    """
    for ack in message.acks:
        state = from_ack(ack)
        highest = max([state.up_to, *(last for _, last in state.ranges)])
        if highest > unit.mail.highest_number(message.sender, state.stream):
            unit.directory.put(
                "restored", f"{message.sender} acknowledges what this home never sent".encode()
            )
            record(
                unit,
                node,
                "rollback",
                {"from": message.sender, "stream": state.stream.hex(), "number": highest},
            )
            continue
        unit.mail.acked(message.sender, state)


def _take_checkpoint(unit: Unit, node: Node, message: Message) -> str:
    """Keep a partner's checkpoint; two that contradict each other are portable proof of cheating."""
    if not message.checkpoint:
        return ""
    card = card_of(unit, message.sender)
    if card is None:
        return ""
    note = message.checkpoint.encode()
    try:
        checkpoint = open_checkpoint(note, card.realm(node.realm).log_key)
        party, realm, _ = read_origin(checkpoint.origin)
    except PartnerFault as fault:
        return f"a checkpoint of {message.sender[:10]} does not hold: {fault.message}"
    if (party, realm) != (message.sender, node.realm):
        return f"{message.sender[:10]} sent a checkpoint of another log"
    known = unit.directory.get(f"checkpoint-size:{checkpoint.origin}:{checkpoint.size}")
    if known is not None and conflicting(checkpoint, open_checkpoint(known, card.realm(node.realm).log_key)):
        record(unit, node, "evidence", {"from": message.sender, "size": checkpoint.size})
    unit.directory.put(f"checkpoint-size:{checkpoint.origin}:{checkpoint.size}", note)
    unit.journal.put_partner_checkpoint(message.sender, checkpoint.size, note)
    return ""


# By kind.


def _nothing(unit: Unit, node: Node, opened: Opened, prepared: Any) -> Received:
    del unit, node, prepared
    return Received(fate=Fate.TAKEN, kind=opened.kind.name)


def _procedure(take: Callable[[Unit, Node, Opened], None]) -> Callable[..., Received]:
    def handle(unit: Unit, node: Node, opened: Opened, prepared: Any) -> Received:
        take(unit, node, opened)
        return _nothing(unit, node, opened, prepared)

    return handle


def _cards(unit: Unit, node: Node, opened: Opened) -> None:
    _, documents = payloads.decode_payload(opened.payload, payloads.CardNotice)
    for document in documents:
        connecting.take_card(unit, node, opened.message.sender, document)


def _void(unit: Unit, node: Node, opened: Opened) -> None:
    del node
    void, _ = payloads.decode_payload(opened.payload, payloads.Void)
    for first, last in void.ranges:
        if not 1 <= first <= last or last - first >= VOID_LIMIT:
            raise Malformed("a void names a range of numbers that is none", input="void", where="ranges")
        unit.mail.fill(opened.message.sender, void.stream, first, last)


VOID_LIMIT: Final = 1 << 20


def _unopenable(unit: Unit, node: Node, opened: Opened) -> None:
    """The partner could not open an envelope: the same message is sealed anew, as soon as there are keys for it."""
    notice, _ = payloads.decode_payload(opened.payload, payloads.UnopenableNotice)
    for each in notice.envelopes:
        message = unit.mail.by_envelope(each.envelope)
        if message is not None and message.to == opened.message.sender:
            unit.mail.postpone(message.id, node.clock())


def _not_understood(unit: Unit, node: Node, opened: Opened) -> None:
    notice, _ = payloads.decode_payload(opened.payload, payloads.NotUnderstoodNotice)
    record(
        unit,
        node,
        "not-understood-by",
        {"party": opened.message.sender, "message": notice.message.hex(), "kind": notice.kind},
    )


def _not_yet(unit: Unit, node: Node, opened: Opened) -> None:
    """A kind that the wire knows and this version does not act on: its sender is told, by a signed notice."""
    message = opened.message
    notice = payloads.NotUnderstoodNotice(
        message=opened.name,
        stream=message.stream,
        number=message.number,
        kind=message.kind,
        what=f"this node does not act on a {message.kind} yet",
    )
    post(unit, node, message.sender, notice)
    record(unit, node, "not-understood", {"from": message.sender, "message": opened.name.hex()})


def _receipts(unit: Unit, node: Node, opened: Opened, prepared: Any) -> Received:
    del node, prepared
    listed, _ = payloads.decode_payload(opened.payload, payloads.ReceiptList)
    unit.mail.add_receipts(
        [
            Receipt(
                sender=opened.message.sender,
                message=line.message,
                outcome=line.outcome,
                at=line.at,
                counts=line.counts,
                carrier=opened.name,
            )
            for line in listed.receipts
        ]
    )
    return Received(fate=Fate.TAKEN, kind=opened.kind.name, receipts=len(listed.receipts))


def _checkpoint(unit: Unit, node: Node, opened: Opened) -> None:
    notice, _ = payloads.decode_payload(opened.payload, payloads.CheckpointNotice)
    problem = _take_checkpoint(unit, node, replace(opened.message, checkpoint=notice.note))
    if problem:
        raise Malformed(problem, input="checkpoint")


def _release(unit: Unit, node: Node, opened: Opened, prepared: Any) -> Received:
    line = admitting.take(unit, node, opened, prepared)
    post(unit, node, opened.message.sender, payloads.ReceiptList(receipts=(line,)), lane=_lane_of(prepared))
    return Received(
        fate=Fate.TAKEN,
        kind=opened.kind.name,
        admitted=line.counts["admitted"],
        quarantined=line.counts["quarantined"],
        refused=line.counts["refused"],
    )


def _lane_of(prepared: admitting.Prepared) -> str:
    return "urgent" if prepared.part.manifest.precedence in ("flash", "immediate") else "normal"


def _report(unit: Unit, node: Node, opened: Opened, prepared: Any) -> Received:
    del prepared
    line = (answering.take_sighting if opened.kind.name == "sighting" else answering.take_feedback)(
        unit, node, opened
    )
    post(unit, node, opened.message.sender, payloads.ReceiptList(receipts=(line,)))
    return Received(
        fate=Fate.TAKEN,
        kind=opened.kind.name,
        admitted=line.counts.get("admitted", 0),
        quarantined=line.counts.get("quarantined", 0),
        refused=line.counts.get("refused", 0),
    )


_BY_KIND: Final[dict[str, Callable[[Unit, Node, Opened, Any], Received]]] = {
    "hello": _procedure(connecting.take_hello),
    "keys": _procedure(connecting.take_package),
    "ack": _nothing,
    "void": _procedure(_void),
    "unopenable": _procedure(_unopenable),
    "not-understood": _procedure(_not_understood),
    "agreement-step": _procedure(take_step),
    "card": _procedure(_cards),
    "receipt": _receipts,
    "checkpoint": _procedure(_checkpoint),
    "recall": _procedure(_not_yet),
    "release": _release,
    "sighting": _report,
    "feedback": _report,
}
"""What each kind of `protocol.message.KINDS` means here."""
