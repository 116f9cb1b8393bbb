"""The message: one party's word to another (spec/message.md).

    Outgoing (queued) --numbered--> Message --encode_message--> bytes, whose SHA-256 is its name
    message ‖ seal, signed together --envelope.seal--> envelope

`KINDS` is the closed union of kinds as a table. What may be queued is decided by type: `content_part` takes a
`Release`, `content_report` a `Decision` that permits, `procedure` one of the fixed procedure payloads. There is no
constructor that takes free bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from simpul.domain.mail import Outgoing
from simpul.domain.parties import is_fingerprint
from simpul.domain.policy import Decision, Outcome
from simpul.domain.releases import Release, ReleaseState
from simpul.errors import ApprovalRefusal, Malformed, NotUnderstood, PolicyRefusal, Stale
from simpul.protocol import payloads
from simpul.protocol.blind import ENROLMENT_FILE, BlindStep
from simpul.protocol.canonical import Bytes16, Bytes32, Hex, Wire, decode, encode
from simpul.protocol.charters import STEP_LIMIT, CharterStep
from simpul.protocol.grants import ConsentAnswer, ConsentRequest
from simpul.protocol.mailboxes import CONTACT, LANES
from simpul.protocol.packages import KeyPackage
from simpul.protocol.proofs import ATTACHED_BYTES
from simpul.protocol.recalls import DOCUMENT_LIMIT, RecallAnswer, RecallNotice
from simpul.protocol.receipts import Ack, from_ack
from simpul.protocol.release import ENCODING, LEAF_BYTES, Packed
from simpul.protocol.versions import VERSION

MESSAGE_LIMIT: Final = 64 * 1024
SEAL_LIMIT: Final = 1024
ACKS_LIMIT: Final = 32
CHECKPOINT_LIMIT: Final = 16 * 1024
IDENTITY: Final = "identity"

AHEAD_LIMIT: Final = 600 * 1_000_000
"""Microseconds that a sender's clock may be ahead: beyond, a message is held, neither refused nor acknowledged."""


class Kind(Struct, frozen=True, kw_only=True):
    """One row of the table.

    Attributes:
        name: as in the message.
        content: whether it needs a release or another decision; the others are procedure.
        schema: the payload's struct; None for a release, which has its own form.
        limit: bytes of the payload as carried, at most.
        contact: whether the contact mailbox takes it.
        encoding: of the payload.
        floor: smallest size class of the sealed inside; 0 for none.
    """

    name: str
    schema: type[Wire] | None
    limit: int
    content: bool = False
    contact: bool = False
    encoding: str = IDENTITY
    floor: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Mailbox classes that take it."""
        return (*LANES, CONTACT) if self.contact else LANES


_KIB: Final = 1024

KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(name="hello", schema=payloads.Hello, limit=28 * _KIB, contact=True),
        Kind(name="keys", schema=KeyPackage, limit=26 * _KIB, contact=True),
        Kind(name="ack", schema=payloads.Acks, limit=_KIB),
        Kind(name="void", schema=payloads.Void, limit=16 * _KIB, contact=True),
        Kind(name="unopenable", schema=payloads.UnopenableNotice, limit=16 * _KIB, contact=True),
        Kind(name="not-understood", schema=payloads.NotUnderstoodNotice, limit=4 * _KIB),
        Kind(name="agreement-step", schema=payloads.AgreementStep, limit=_KIB * _KIB),
        Kind(name="charter-step", schema=CharterStep, limit=STEP_LIMIT),
        Kind(name="blind-step", schema=BlindStep, limit=ENROLMENT_FILE + _KIB),
        Kind(name="card", schema=payloads.CardNotice, limit=512 * _KIB),
        Kind(name="receipt", schema=payloads.ReceiptList, limit=256 * _KIB),
        Kind(name="recall", schema=RecallNotice, limit=DOCUMENT_LIMIT + _KIB),
        Kind(name="recall-answer", schema=RecallAnswer, limit=128 * _KIB),
        Kind(name="checkpoint", schema=payloads.CheckpointNotice, limit=32 * _KIB),
        Kind(name="consent-request", schema=ConsentRequest, limit=512 * _KIB),
        Kind(name="consent-answer", schema=ConsentAnswer, limit=512 * _KIB),
        Kind(
            name="release",
            schema=None,
            limit=LEAF_BYTES + ATTACHED_BYTES + _KIB * _KIB,
            content=True,
            encoding=ENCODING,
        ),
        Kind(name="sighting", schema=payloads.SightingReport, limit=_KIB * _KIB, content=True),
        Kind(name="feedback", schema=payloads.FeedbackReport, limit=64 * _KIB, content=True),
    )
}
"""Every kind of message. A new capability adds a row here, never a channel."""

_OF_SCHEMA: Final = {kind.schema: kind for kind in KINDS.values() if kind.schema is not None}


def kind_of(name: str) -> Kind:
    """The row of a kind. Raises `NotUnderstood`."""
    found = KINDS.get(name)
    if found is None:
        raise NotUnderstood(f"message kind '{name}' is unknown here", where="kind", do="tell the sender")
    return found


class Carried(Wire, frozen=True, kw_only=True):
    """The payload: SHA-256 of the bytes as carried, the length before encoding, the encoding."""

    sha256: Bytes32
    length: int
    encoding: str


class Previous(Wire, frozen=True, kw_only=True):
    """The last (stream, number) that the sender's process knew when it began a new stream."""

    stream: Bytes16
    number: int


class Message(Wire, frozen=True, kw_only=True, rename={"sender": "from", "recipient": "to"}):
    """What the sender says, all of it signed. Times are microseconds UTC.

    Attributes:
        version: of the wire.
        realm: "live", or one exercise.
        kind: a row of `KINDS`.
        sender, recipient: parties by fingerprint ("from" and "to" in the bytes).
        stream, number: the sender's numbering process and its count, from 1.
        id: the message's own id, 16 bytes.
        created, decided_at, expires: `decided_at` is the time as of which the agreement part holds.
        payload: what is carried beside the message.
        card: version of the sender's card that its signing key is on.
        partner_card: version of the recipient's card that the sender holds.
        leaf_salt, logged_by: the sender's log has the leaf of this message by that time (spec/log.md).
        agreement, equivalences: hashes of the agreement and of its table, empty for procedure without one.
        decision: salted commitment to the whole decision, empty where nothing was decided.
        previous: in the first message of a stream.
        acks: what was received, verified and durable.
        checkpoint: the sender's newest checkpoint, a signed note, or empty.
        extra: names and words that a recipient may ignore; every other unknown field is critical.
    """

    version: int
    realm: str
    kind: str
    sender: str
    recipient: str
    stream: Bytes16
    number: int
    id: Bytes16
    created: int
    decided_at: int
    expires: int
    payload: Carried
    card: int
    leaf_salt: Bytes32
    logged_by: int
    partner_card: int = 0
    agreement: Hex = b""
    equivalences: Hex = b""
    decision: Hex = b""
    previous: Previous | None = None
    acks: tuple[Ack, ...] = ()
    checkpoint: str = ""
    extra: dict[str, str] = msgspec.field(default_factory=dict)


class Seal(Wire, frozen=True, kw_only=True):
    """What changes when the same message is sealed again; signed together with it.

    Attributes:
        suite: of envelope and signatures.
        header: SHA-256 of the envelope's header: these words are for that mailbox and epoch.
        attempt: counts sealings of the message, from 1.
        key: id of the signing pair.
    """

    suite: int
    header: Bytes32
    attempt: int
    key: Bytes32


class Numbering(Struct, frozen=True, kw_only=True):
    """What the numbering process adds to a queued message, in the transaction that logs it (spec/receipts-and-order.md)."""

    realm: str
    sender: str
    stream: bytes
    number: int
    card: int
    partner_card: int
    logged_by: int
    equivalences: bytes = b""
    previous: Previous | None = None
    acks: tuple[Ack, ...] = ()
    checkpoint: str = ""


class Drawn(Struct, frozen=True, kw_only=True):
    """Randomness of a new message: its id (16 bytes) and the salt of its log leaf (32 bytes)."""

    id: bytes
    leaf_salt: bytes


def content_part(
    release: Release,
    packed: Packed,
    drawn: Drawn,
    *,
    lane: str,
    now: int,
    decided_at: int,
    expires: int,
    decision: bytes,
) -> Outgoing:
    """Queue one part of a release that has its approvals.

    Raises:
        ApprovalRefusal: the release is not approved.
    """
    if release.state not in (ReleaseState.APPROVED, ReleaseState.RELEASED):
        raise ApprovalRefusal(
            f"the release of {release.product} is {release.state}",
            input=release.product,
            do="have it approved first",
        )
    return Outgoing(
        id=drawn.id,
        to=release.recipient,
        kind="release",
        lane=_lane(KINDS["release"], lane),
        payload=_limited(KINDS["release"], packed.payload),
        length=packed.length,
        encoding=ENCODING,
        created=now,
        decided_at=decided_at,
        expires=expires,
        leaf_salt=drawn.leaf_salt,
        agreement=release.agreement,
        decision=decision,
        release=release.id,
        part=packed.part,
        objects=packed.objects,
    )


def content_report(
    allowed: Decision,
    report: payloads.Content,
    attachments: Sequence[bytes],
    drawn: Drawn,
    *,
    to: str,
    lane: str,
    now: int,
    expires: int,
    agreement: bytes,
    decision: bytes,
) -> Outgoing:
    """Queue a sighting or feedback that a decision as of `now` permits.

    Raises:
        PolicyRefusal: the decision does not permit it; `where` names the clause.
    """
    if allowed.outcome is not Outcome.PERMIT:
        raise PolicyRefusal(
            f"the agreement answers {allowed.outcome.word}: nothing is sent", where=allowed.clause, input=to
        )
    kind = _OF_SCHEMA[type(report)]
    payload = payloads.encode_payload(report, attachments)
    return Outgoing(
        id=drawn.id,
        to=to,
        kind=kind.name,
        lane=_lane(kind, lane),
        payload=_limited(kind, payload),
        length=len(payload),
        encoding=IDENTITY,
        created=now,
        decided_at=now,
        expires=expires,
        leaf_salt=drawn.leaf_salt,
        agreement=agreement,
        decision=decision,
        objects=len(attachments),
    )


def procedure(
    payload: payloads.Procedure,
    attachments: Sequence[bytes],
    drawn: Drawn,
    *,
    to: str,
    lane: str,
    now: int,
    expires: int,
) -> Outgoing:
    """Queue a procedure message. Attachments are signed documents (cards, agreements, recalls)."""
    kind = _OF_SCHEMA[type(payload)]
    data = payloads.encode_payload(payload, attachments)
    return Outgoing(
        id=drawn.id,
        to=to,
        kind=kind.name,
        lane=_lane(kind, lane),
        payload=_limited(kind, data),
        length=len(data),
        encoding=IDENTITY,
        created=now,
        decided_at=now,
        expires=expires,
        leaf_salt=drawn.leaf_salt,
    )


def numbered(outgoing: Outgoing, numbering: Numbering) -> Message:
    """The message that a queued one becomes when it is numbered.

    By the contact mailbox it carries no checkpoint and few acks, so that a whole key package fits beside it.
    """
    contact = outgoing.lane == CONTACT
    return Message(
        version=VERSION.number,
        realm=numbering.realm,
        kind=outgoing.kind,
        sender=numbering.sender,
        recipient=outgoing.to,
        stream=numbering.stream,
        number=numbering.number,
        id=outgoing.id,
        created=outgoing.created,
        decided_at=outgoing.decided_at,
        expires=outgoing.expires,
        payload=Carried(
            sha256=hashlib.sha256(outgoing.payload).digest(),
            length=outgoing.length,
            encoding=outgoing.encoding,
        ),
        card=numbering.card,
        leaf_salt=outgoing.leaf_salt,
        logged_by=numbering.logged_by,
        partner_card=numbering.partner_card,
        agreement=outgoing.agreement,
        equivalences=numbering.equivalences,
        decision=outgoing.decision,
        previous=numbering.previous,
        acks=_brief(numbering.acks) if contact else numbering.acks,
        checkpoint="" if contact else numbering.checkpoint,
    )


def encode_message(message: Message) -> bytes:
    """The canonical bytes of a message: what is signed (with the seal), logged and named."""
    return encode(message)


def message_name(message: bytes) -> bytes:
    """SHA-256 of a message's bytes: its name in receipts, dedup and log."""
    return hashlib.sha256(message).digest()


def decode_message(data: bytes) -> Message:
    """The message of verified bytes.

    Raises:
        NotUnderstood: an unknown kind or critical field, or another version.
        Malformed: not a message in its one form, or a number or time out of range.
    """
    message = decode(data, Message, MESSAGE_LIMIT)
    if message.version != VERSION.number:
        raise NotUnderstood(f"message version {message.version} is unknown here", where="version")
    kind = kind_of(message.kind)
    fingerprints = is_fingerprint(message.sender) and is_fingerprint(message.recipient)
    hashes = {len(h) for h in (message.agreement, message.equivalences, message.decision)} <= {0, 32}
    numbers = message.number >= 1 and message.card >= 1 and message.payload.length >= 0
    times = 0 <= message.decided_at <= message.created < message.expires
    if not (fingerprints and hashes and numbers and times):
        raise Malformed("a name, hash, number or time is out of range", input="message")
    if message.payload.encoding != kind.encoding:
        raise Malformed(
            f"a {kind.name} is not sent as {message.payload.encoding}", input="message", where="payload"
        )
    for ack in message.acks:
        from_ack(ack)
    if len(message.acks) > ACKS_LIMIT or len(message.checkpoint) > CHECKPOINT_LIMIT:
        raise Malformed("too many acks, or too long a checkpoint", input="message")
    if kind.content and not (message.agreement and message.decision):
        raise Malformed(f"a {kind.name} without agreement or decision", input="message")
    return message


def is_ahead(message: Message, now: int) -> bool:
    """Whether a message was created so far ahead of the reader's clock that it is held (spec/message.md, "Time")."""
    return message.created > now + AHEAD_LIMIT


def check_expiry(message: Message, now: int) -> None:
    """Refuse a message whose time is over by the reader's clock. Raises `Stale`."""
    if now >= message.expires:
        raise Stale(
            f"the {message.kind} expired", input="message", where="expires", do="the sender may send it anew"
        )


def _brief(acks: Sequence[Ack]) -> tuple[Ack, ...]:
    return tuple(Ack(stream=ack.stream, up_to=ack.up_to, ranges=ack.ranges[:8]) for ack in acks[:4])


def _limited(kind: Kind, payload: bytes) -> bytes:
    if len(payload) > kind.limit:
        raise ValueError(f"a {kind.name} of {len(payload)} bytes is over its limit of {kind.limit}")
    return payload


def _lane(kind: Kind, lane: str) -> str:
    if lane not in kind.classes:
        raise ValueError(f"a {kind.name} does not go by '{lane}'")
    return lane
