"""What came to a mailbox: open, verify, decide, store, acknowledge. Each message whole, once, whatever came before it.

    bytes --parse--> Sealed --unseal--> Unsealed --the sender's card--> Opened --by its kind--> stored, with its leaf

Whatever cannot be opened or understood is told to its sender; nothing is dropped in silence. A message from too far
ahead of this node's clock stays at the relay, neither refused nor acknowledged (PROTOCOL §9).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.mail import (
    ADMITTED,
    QUARANTINED,
    REFUSED,
    TEXTS_QUARANTINED,
    TEXTS_REFUSED,
    Incoming,
    Receipt,
)
from simpul.domain.parties import is_fingerprint
from simpul.domain.products import Precedence
from simpul.errors import (
    InputFault,
    Malformed,
    Misdirected,
    NotUnderstood,
    PartnerFault,
    PolicyRefusal,
    Refusal,
    SimpulError,
    Unopenable,
)
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
from simpul.protocol.log import conflicting, open_checkpoint, parse_checkpoint, read_origin
from simpul.protocol.mailboxes import CONTACT
from simpul.protocol.message import Message, check_expiry, is_ahead
from simpul.protocol.receipts import ReceiptLine, from_ack, highest
from simpul.services import (
    admitting,
    answering,
    charter_posting,
    connecting,
    consenting,
    convening,
    evidence,
    excluding,
    granting,
    healing,
    honouring,
    withdrawing,
)
from simpul.services.agreeing import by_hash, take_step
from simpul.services.auditing import RECEIVED, record, record_crossing
from simpul.services.connecting import card_of
from simpul.services.defects import DEFECTS, Defect
from simpul.services.node import Node
from simpul.services.posting import NORMAL, URGENT, post
from simpul.services.times import HOUR, SKEW

DONE: Final = "done"

COMPLAINTS_AN_HOUR: Final = 256
"""Unopenable envelopes that a partner is told of in an hour; it seals anew by itself what stays unacknowledged."""

WORDS_QUOTED: Final = 256
"""Characters of a partner's own words that a notice about them repeats."""

TOLD_MOST: Final = 64
"""Messages of one party of which it is remembered that it was told that they are not understood."""

VOID_LIMIT: Final = 1 << 20
"""Numbers that one range of a void may fill."""

_OBJECTS: Final = frozenset({"release", "sighting"})
"""Kinds that carry objects: kept a second time, with the message, a recall would have to find them there too."""

_URGENT: Final = frozenset(precedence.value for precedence in Precedence if precedence.urgent)


class Fate(Enum):
    """What became of an envelope, for whoever must tell the relay."""

    TAKEN = "taken"  # durable here: the relay may forget it
    HELD = "held"  # left at the relay: from the future
    FAULTY = "faulty"  # cannot be used, and never will be: the relay may forget it


class Received(Struct, frozen=True, kw_only=True):
    """One envelope's fate. Counts are objects, of a message that had not been seen before (else it is `repeated`).

    `outcome` is what is recorded of the message (`domain.mail.Incoming`), empty where nothing was.
    """

    fate: Fate
    kind: str = ""
    outcome: str = ""
    admitted: int = 0
    quarantined: int = 0
    refused: int = 0
    receipts: int = 0
    problem: str = ""
    repeated: bool = False

    @property
    def useless(self) -> bool:
        """Whether it brought nothing that was not here already."""
        return self.repeated or self.fate is Fate.FAULTY

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


Meaning = Callable[[Unit, Node, Opened], Received]
"""What a message does inside the transaction that records it."""


def _mailbox(node: Node, sealed: Sealed) -> Mailbox:
    with node.store.read() as unit:
        contact = connecting.contact_mailbox(unit, node)
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
        if not _may_complain(unit, node, box.party):
            return
        post(unit, node, box.party, notice, lane=CONTACT)
        record(unit, node, "unopenable", {"from": box.party, "envelope": sealed.name.hex()})


def _may_complain(unit: Unit, node: Node, party: str) -> bool:
    """Whether a party may be told of one more, by the hour: a relay can make up envelopes without end."""
    hour, name = node.clock() // HOUR, f"unopenable:{party}"
    last, _, count = (unit.directory.get(name) or b"").decode().partition(" ")
    told = int(count) if last == str(hour) else 0
    unit.directory.put(name, f"{hour} {told + 1}".encode())
    return told < COMPLAINTS_AN_HOUR


def _verify(node: Node, unsealed: Unsealed) -> Opened:
    """The verified message of a party whose card is here."""
    with node.store.read() as unit:
        card = card_of(unit, unsealed.sender)
    if card is None:
        if not is_fingerprint(unsealed.sender):
            raise Malformed("the sender's name is no fingerprint", input="envelope", where="from")
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
        message=unsealed.name,
        stream=bytes(16),
        number=0,
        kind=unsealed.kind[:WORDS_QUOTED],
        what=fault.message[:WORDS_QUOTED],
    )
    with node.store.write() as unit:
        _send_not_understood(unit, node, unsealed.sender, notice)


def _send_not_understood(unit: Unit, node: Node, sender: str, notice: payloads.NotUnderstoodNotice) -> None:
    """Tell the sender once: it may send the same message many times before it hears."""
    name = f"not-understood:{sender}"
    told = unit.directory.get(name) or b""
    if notice.message in {told[at : at + 32] for at in range(0, len(told), 32)}:
        return
    unit.directory.put(name, (told + notice.message)[-32 * TOLD_MOST :])
    post(unit, node, sender, notice)
    record(unit, node, "not-understood", {"from": sender, "message": notice.message.hex()})


def _hold(node: Node, opened: Opened) -> Received:
    seconds = (opened.message.created - node.clock()) // 1_000_000
    words = f"{opened.message.sender[:10]} is {seconds} s ahead of this node's clock"
    with node.store.write() as unit:
        unit.directory.put(SKEW + opened.message.sender, words.encode())
    return Received(fate=Fate.HELD, kind=opened.kind.name, problem=f"a message is held: {words}")


def _take(node: Node, opened: Opened) -> Received:
    """Store a verified message with all that follows from it, in one transaction."""
    meaning: Meaning = _nothing
    with node.store.read() as unit:
        before = unit.mail.outcome(opened.message.sender, opened.name)
    if before is None:
        try:
            _check(node, opened)
            meaning = _meaning(node, opened)
        except (PartnerFault, InputFault, PolicyRefusal) as refusal:
            meaning = partial(_refuse, fault=refusal)
        except DEFECTS as defect:
            meaning = partial(_refuse, fault=Defect.of(defect))
    try:
        return _store(node, opened, meaning)
    except (PartnerFault, InputFault, Refusal) as refusal:
        # What its kind had changed before it failed was undone with the transaction: the message is refused as a whole.
        return _store(node, opened, partial(_refuse, fault=refusal))
    except DEFECTS as defect:
        return _store(node, opened, partial(_refuse, fault=Defect.of(defect)))


def _meaning(node: Node, opened: Opened) -> Meaning:
    """What the message will do. A part, or a recall, is verified here, so that its transaction is short."""
    if opened.kind.name == "release":
        return partial(_release, prepared=admitting.prepare(node, opened))
    if opened.kind.name == "recall":
        return partial(_recall, prepared=honouring.prepare(node, opened))
    return _BY_KIND[opened.kind.name]


def _store(node: Node, opened: Opened, meaning: Meaning) -> Received:
    with node.store.write() as unit:
        message = opened.message
        if unit.directory.get(SKEW + message.sender):
            unit.directory.put(SKEW + message.sender, b"")  # its clock, or this one, was set right
        # (1) seen before: the same outcome, and the ack is owed again
        if unit.mail.outcome(message.sender, opened.name) is not None:
            unit.mail.owe_ack(message.sender, message.stream)
            return Received(fate=Fate.TAKEN, kind=opened.kind.name, repeated=True)
        # (2) another message under this number is evidence against its sender
        known = unit.mail.numbered(message.sender, message.stream, message.number)
        if known is not None:
            problem = evidence.keep_messages(unit, node, opened, known)
            return Received(fate=Fate.FAULTY, kind=opened.kind.name, problem=problem)
        # (3) what every message carries
        _take_acks(unit, node, message)
        healing.give_back(unit, node, message)
        problem = _take_checkpoint(unit, node, message)
        # (4) what it means, or that it is refused
        received = meaning(unit, node, opened)
        _record(unit, node, opened, received)
        return replace(received, problem="; ".join(filter(None, (received.problem, problem))))


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
            payload=b"" if _is_not_kept(opened, received) else opened.payload,
            card_version=message.card,
            outcome=received.outcome,
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


def _is_not_kept(opened: Opened, received: Received) -> bool:
    """Whether what a message carried is not kept with it: objects, which are in the store, or what was refused."""
    return opened.kind.name in _OBJECTS or (opened.kind.content and received.outcome == REFUSED)


def _refuse(unit: Unit, node: Node, opened: Opened, *, fault: SimpulError) -> Received:
    """Record a message that must not be used, and answer content with a signed receipt."""
    message = opened.message
    if opened.kind.content:
        line = ReceiptLine(message=opened.name, outcome=REFUSED, at=node.clock(), counts={})
        post(unit, node, message.sender, payloads.ReceiptList(receipts=(line,)))
    record(
        unit,
        node,
        "refusal",
        {
            "from": message.sender,
            "message": opened.name.hex(),
            "kind": message.kind,
            "why": fault.code,
            "clause": fault.where or "",
        },
    )
    clause = f" ({fault.where})" if fault.where else ""
    return Received(
        fate=Fate.TAKEN,
        kind=opened.kind.name,
        outcome=REFUSED,
        problem=f"{fault.code}: {fault.message}{clause}",
    )


def _take_acks(unit: Unit, node: Node, message: Message) -> None:
    """Close what the partner acknowledges.

    An ack for what this home never sent shows that the home is a copy from before (`healing`).
    """
    for ack in message.acks:
        state = from_ack(ack)
        if highest(state) > unit.mail.highest_number(message.sender, state.stream):
            healing.take_beyond(unit, node, message.sender, state)
        for closed in unit.mail.acked(message.sender, state):
            # Killed between handing it over and noting that: the partner's word says that it went.
            if closed.attempt == 0 and closed.objects:
                unit.directory.count("sent", closed.objects)
    healing.take_answer(unit, message)


def _take_checkpoint(unit: Unit, node: Node, message: Message) -> str:
    """Keep the checkpoint that a message carries; returns what is wrong with it. The message stands by itself."""
    if not message.checkpoint:
        return ""
    try:
        return _keep_checkpoint(unit, node, message.sender, message.checkpoint.encode())
    except PartnerFault as fault:
        return f"a checkpoint of {message.sender[:10]} does not hold: {fault.message}"


def _keep_checkpoint(unit: Unit, node: Node, sender: str, note: bytes) -> str:
    """Keep a partner's checkpoint. Two that contradict each other are portable proof of cheating: returns the words.

    Raises:
        PartnerFault: it does not verify, or is of another log.
    """
    card = card_of(unit, sender)
    if card is None:
        raise Misdirected("a checkpoint of a party that is not known here", input="checkpoint")
    checkpoint = open_checkpoint(note, card.realm(node.realm).log_key)
    party, realm, _ = read_origin(checkpoint.origin)
    if (party, realm) != (sender, node.realm):
        raise Misdirected("a checkpoint of another log", input="checkpoint", where="origin")
    known = unit.journal.partner_notes(sender, checkpoint.origin, checkpoint.size)
    if not known:
        unit.journal.put_partner_checkpoint(sender, checkpoint.origin, checkpoint.size, note)
    elif conflicting(checkpoint, parse_checkpoint(known[0]).checkpoint):
        return evidence.keep_checkpoints(unit, node, sender, (known[0], note))
    return ""


# By kind.


def _nothing(unit: Unit, node: Node, opened: Opened) -> Received:
    del unit, node
    return Received(fate=Fate.TAKEN, kind=opened.kind.name, outcome=DONE)


def _procedure(take: Callable[[Unit, Node, Opened], None]) -> Meaning:
    def handle(unit: Unit, node: Node, opened: Opened) -> Received:
        take(unit, node, opened)
        return _nothing(unit, node, opened)

    return handle


def _report(take: Callable[[Unit, Node, Opened], ReceiptLine]) -> Meaning:
    def handle(unit: Unit, node: Node, opened: Opened) -> Received:
        return _answered(unit, node, opened, take(unit, node, opened))

    return handle


def _answered(unit: Unit, node: Node, opened: Opened, line: ReceiptLine, lane: str = NORMAL) -> Received:
    """Content was decided: its sender gets the receipt, and the same word is recorded here."""
    post(unit, node, opened.message.sender, payloads.ReceiptList(receipts=(line,)), lane=lane)
    return Received(
        fate=Fate.TAKEN,
        kind=opened.kind.name,
        outcome=line.outcome,
        problem=_not_taken_in(opened, line),
        admitted=line.counts.get(ADMITTED, 0),
        quarantined=line.counts.get(QUARANTINED, 0),
        refused=line.counts.get(REFUSED, 0),
    )


def _not_taken_in(opened: Opened, line: ReceiptLine) -> str:
    """What of a message the counts of objects do not show, in words."""
    what = f"a {opened.kind.name} of {opened.message.sender[:10]}"
    if opened.kind.name == "feedback":
        return "" if line.outcome == ADMITTED else f"{what} was {line.outcome}"
    kept, refused = line.counts.get(TEXTS_QUARANTINED, 0), line.counts.get(TEXTS_REFUSED, 0)
    return f"narrative in {what}: {kept} texts quarantined, {refused} refused" if kept or refused else ""


def _charter(unit: Unit, node: Node, opened: Opened) -> Received:
    problem = convening.take_step(unit, node, opened)
    return replace(_nothing(unit, node, opened), problem=problem)


def _blind(unit: Unit, node: Node, opened: Opened) -> Received:
    return replace(_nothing(unit, node, opened), problem=excluding.take_step(unit, node, opened))


def _hello(unit: Unit, node: Node, opened: Opened) -> Received:
    connecting.take_hello(unit, node, opened)
    hello, _ = payloads.decode_payload(opened.payload, payloads.Hello)
    problem = healing.too_often(unit, node, opened.message.sender) if hello.replay else ""
    if hello.replay and not problem:
        charter_posting.post_again(unit, node, opened.message.sender)
        honouring.post_again(unit, node, opened.message.sender)
    return replace(_nothing(unit, node, opened), problem=problem)


def _recall(unit: Unit, node: Node, opened: Opened, *, prepared: honouring.Prepared) -> Received:
    return replace(_nothing(unit, node, opened), problem=honouring.take(unit, node, opened, prepared))


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


def _receipts(unit: Unit, node: Node, opened: Opened) -> Received:
    del node
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
    return Received(fate=Fate.TAKEN, kind=opened.kind.name, outcome=DONE, receipts=len(listed.receipts))


def _checkpoint(unit: Unit, node: Node, opened: Opened) -> Received:
    """The sender's newest checkpoint, or one of this node's own that it gives back (spec/log.md)."""
    notice, _ = payloads.decode_payload(opened.payload, payloads.CheckpointNotice)
    note = notice.note.encode()
    owner, _, _ = read_origin(parse_checkpoint(note).checkpoint.origin)
    if owner == node.party:
        healing.take_returned(unit, node, opened.message.sender, note)
        return _nothing(unit, node, opened)
    return replace(
        _nothing(unit, node, opened), problem=_keep_checkpoint(unit, node, opened.message.sender, note)
    )


def _release(unit: Unit, node: Node, opened: Opened, *, prepared: admitting.Prepared) -> Received:
    line = admitting.take(unit, node, opened, prepared)
    lane = URGENT if prepared.part.manifest.precedence in _URGENT else NORMAL
    return _answered(unit, node, opened, line, lane)


_BY_KIND: Final[dict[str, Meaning]] = {
    "hello": _hello,
    "keys": _procedure(connecting.take_package),
    "ack": _nothing,
    "void": _procedure(_void),
    "unopenable": _procedure(withdrawing.take_unopenable),
    "not-understood": _procedure(withdrawing.take_not_understood),
    "agreement-step": _procedure(take_step),
    "charter-step": _charter,
    "blind-step": _blind,
    "consent-request": _procedure(granting.take_request),
    "consent-answer": _procedure(consenting.take_answer),
    "card": _procedure(_cards),
    "receipt": _receipts,
    "checkpoint": _checkpoint,
    "recall-answer": _procedure(honouring.take_answer),
    "sighting": _report(answering.take_sighting),
    "feedback": _report(answering.take_feedback),
}
"""What each kind of `protocol.message.KINDS` means here; a release and a recall are prepared first, see `_meaning`."""
