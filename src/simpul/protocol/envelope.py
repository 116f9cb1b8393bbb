"""The envelope: a message sealed for one recipient (spec/envelope.md).

    header   magic(4) version(1) suite(1) tag(16) epoch(4)      all that a relay reads
    wrap     HPKE over a fresh 32-byte content key; info binds label, version, realm, suite, SHA-256(header)
    body     Cobblestone-256 of the padded inside; context binds the same and the wrap
    inside   blob(signature) blob(signature) blob(message) blob(seal) blob(payload) zeros

Each stage has its type, so that nothing unverified can pass for a message:

    bytes --parse--> Sealed --unseal--> Unsealed (who says it, still only a claim) --open_message--> Opened

The caller looks up the sender's card between the last two; the signing pair is named by the signed seal.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from msgspec import Struct

from simpul.errors import (
    BadSignature,
    Malformed,
    Misdirected,
    NotUnderstood,
    Unopenable,
    Unproven,
    WrongSuite,
)
from simpul.protocol.canonical import decode, encode
from simpul.protocol.framing import Reader, blobs
from simpul.protocol.keys import PrekeySecret, PublicKey, Signatures, SigningKey, wrap
from simpul.protocol.mailboxes import TAG_LENGTH
from simpul.protocol.message import (
    IDENTITY,
    KINDS,
    MESSAGE_LIMIT,
    SEAL_LIMIT,
    Kind,
    Message,
    Seal,
    decode_message,
    message_name,
)
from simpul.protocol.versions import SUITE, VERSION, payload_type, suite

HEADER_LENGTH: Final = 4 + 1 + 1 + TAG_LENGTH + 4
ENVELOPE_LIMIT: Final = 12 << 20
FLOOR: Final = 8 * 1024
"""The one size class of answers, refusals and "not held" (law 7)."""

CONTACT_EPOCH: Final = 0
"""The epoch in the header of an envelope for the contact key."""

_SIGNED: Final = "message"
_INFO: Final = b"simpul envelope wrap"
_CONTEXT: Final = b"simpul envelope body"


class Address(Struct, frozen=True, kw_only=True):
    """Where an envelope goes: the mailbox's tag, the epoch (`CONTACT_EPOCH` for the contact mailbox), the prekey."""

    tag: bytes
    epoch: int
    prekey: bytes


class Sealed(Struct, frozen=True, kw_only=True):
    """An envelope as parsed: only the outside is known, and nothing about it is proven.

    `name` is SHA-256 of the whole envelope; `header` the header's bytes.
    """

    name: bytes
    header: bytes
    suite: int
    tag: bytes
    epoch: int
    wrap: bytes
    body: bytes


class Unsealed(Struct, frozen=True, kw_only=True):
    """What was inside. `sender` and `card` are claims until `open_message` has verified the signatures.

    Attributes:
        message, payload: the bytes as carried; the payload has the hash the message states.
        seal, seal_bytes: the seal, and its bytes as signed.
        name: SHA-256 of `message`.
        contact: whether it came by the contact mailbox.
    """

    sender: str
    card: int
    realm: str
    kind: str
    message: bytes
    seal: Seal
    seal_bytes: bytes
    signatures: Signatures
    payload: bytes
    name: bytes
    contact: bool


class Opened(Struct, frozen=True, kw_only=True):
    """A verified message: both signatures hold, it is for us, in this realm, and its kind is understood."""

    message: Message
    kind: Kind
    name: bytes
    payload: bytes
    unsealed: Unsealed


class _Outline(Struct, frozen=True, kw_only=True, rename={"sender": "from", "recipient": "to"}):
    realm: str
    kind: str
    sender: str
    recipient: str
    card: int


def seal(message: bytes, payload: bytes, key: SigningKey, address: Address, *, attempt: int) -> bytes:
    """Sign a message for one mailbox and epoch, and seal it.

    `message` is canonical (`encode_message`), `payload` the bytes as carried whose hash it states; `attempt` counts
    the sealings of this message, from 1. The content key is drawn by the library: sealing again never repeats one.
    """
    outline = _outline(message)
    realm, floor = outline.realm, KINDS[outline.kind].floor
    header = _header(SUITE.number, address.tag, address.epoch)
    stated = Seal(
        suite=SUITE.number, header=hashlib.sha256(header).digest(), attempt=attempt, key=key.public.id
    )
    seal_bytes = encode(stated)
    signatures = key.sign(payload_type(_SIGNED, realm), blobs(message, seal_bytes))
    inside = blobs(*signatures, message, seal_bytes, payload)
    content_key = Cobblestone256Encryptor.generate_key()
    wrapped = wrap(address.prekey, content_key, _bound(_INFO, realm, SUITE.number, header))
    sealer = Cobblestone256Encryptor(content_key, _bound(_CONTEXT, realm, SUITE.number, header + wrapped))
    size = padded(len(inside), floor)
    return b"".join((header, wrapped, sealer.update(inside.ljust(size, b"\0")), sealer.finalize()))


def parse(data: bytes, limit: int = ENVELOPE_LIMIT) -> Sealed:
    """Read an envelope's outside.

    Raises:
        Malformed: not an envelope, cut off, or over the limit.
        NotUnderstood: another version.
        WrongSuite: a suite that this node cannot use.
    """
    reader = Reader(data, "envelope")
    if len(data) > limit:
        raise reader.fault(f"{len(data)} bytes are over the limit of {limit}")
    if reader.take(4) != VERSION.magic:
        raise Malformed("not an envelope", input="envelope", where="byte 0")
    version = reader.integer(1)
    if version != VERSION.number:
        raise NotUnderstood(f"envelope version {version} is unknown here", input="envelope", where="byte 4")
    record = suite(reader.integer(1))
    return Sealed(
        name=hashlib.sha256(data).digest(),
        header=bytes(data[:HEADER_LENGTH]),
        suite=record.number,
        tag=reader.take(TAG_LENGTH),
        epoch=reader.integer(4),
        wrap=reader.take(record.wrap_length),
        body=reader.rest(),
    )


def unseal(sealed: Sealed, secret: PrekeySecret, *, epoch: int, realm: str, me: str) -> Unsealed:
    """Open an envelope with the prekey that its tag selects.

    `epoch` is that of the prekey (`CONTACT_EPOCH` for the contact key), `me` this party's fingerprint.

    Raises:
        WrongSuite: the header's suite is not the prekey's.
        Misdirected: another epoch, header, realm, recipient or mailbox than the statement names.
        Unopenable: wrap or body do not decrypt (altered, another key, another realm).
        Malformed: the inside is not in its format.
        Unproven: the payload is not the one that was signed for.
    """
    # (1) before any key is used: the header's suite and epoch are those of the prekey that its tag selected
    if sealed.suite != secret.suite:
        raise WrongSuite(
            f"sealed in suite {sealed.suite} for a prekey of suite {secret.suite}", where="suite"
        )
    if sealed.epoch != epoch:
        raise Misdirected(
            f"epoch {sealed.epoch} in the mailbox of epoch {epoch}", input="envelope", where="epoch"
        )
    # (2) decapsulate and decrypt, bound to realm, suite and header
    content_key = secret.unwrap(sealed.wrap, _bound(_INFO, realm, sealed.suite, sealed.header))
    inside = _decrypt(
        content_key, _bound(_CONTEXT, realm, sealed.suite, sealed.header + sealed.wrap), sealed.body
    )
    # (3) the inside: five fields, then nothing but padding
    reader = Reader(inside, "envelope's inside")
    signatures = (reader.blob(), reader.blob())
    message, seal_bytes, payload = reader.blob(MESSAGE_LIMIT), reader.blob(SEAL_LIMIT), reader.blob()
    if reader.rest().strip(b"\0"):
        raise reader.fault("the padding is not zero")
    # (4) the seal is for this very header: re-sealing a signed message for somebody else ends here
    stated = decode(seal_bytes, Seal)
    if (stated.suite, stated.header) != (sealed.suite, hashlib.sha256(sealed.header).digest()):
        raise Misdirected("the seal names another header", input="envelope", where="seal")
    # (5) the message is for us and in this realm; its other fields wait for the signature
    outline = _outline(message)
    if outline.recipient != me or outline.realm != realm:
        raise Misdirected("the message names another recipient or realm", input="envelope", where="to")
    return Unsealed(
        sender=outline.sender,
        card=outline.card,
        realm=outline.realm,
        kind=outline.kind,
        message=message,
        seal=stated,
        seal_bytes=seal_bytes,
        signatures=signatures,
        payload=payload,
        name=message_name(message),
        contact=sealed.epoch == CONTACT_EPOCH,
    )


def open_message(unsealed: Unsealed, key: PublicKey) -> Opened:
    """Verify what was inside, with the signing pair from the sender's card (`Card.signer` with `seal.key`).

    Raises:
        BadSignature: the pair is not the one the seal names, or one of the two signatures does not hold.
        NotUnderstood: signed by the sender, but of an unknown kind or with an unknown critical field: tell it.
        Malformed: signed by the sender, but not in its format, or over its kind's limit.
        Misdirected: a kind that the contact mailbox does not take.
        Unproven: the payload is not the one that was signed for.
    """
    # (1) both signatures over message and seal as carried, by the pair the seal names
    if key.id != unsealed.seal.key:
        raise BadSignature("the seal names another signing key", input="envelope", where="seal")
    signed = blobs(unsealed.message, unsealed.seal_bytes)
    key.verify(payload_type(_SIGNED, unsealed.realm, unsealed.seal.suite), signed, unsealed.signatures)
    # (2) from here on faults are the sender's: version, kind and critical fields
    message = decode_message(unsealed.message)
    kind = KINDS[message.kind]
    # (3) kinds that may not come by the contact mailbox, and sizes
    if unsealed.contact and not kind.contact:
        raise Misdirected(
            f"a {kind.name} does not come by the contact mailbox", input="message", where="kind"
        )
    if len(unsealed.payload) > kind.limit:
        raise Malformed(f"the payload is over the limit of a {kind.name}", input="message", where="payload")
    # (4) the payload is the one signed for, before anybody decompresses it
    if hashlib.sha256(unsealed.payload).digest() != message.payload.sha256:
        raise Unproven("the payload is not the one that was signed for", input="message", where="payload")
    if message.payload.encoding == IDENTITY and len(unsealed.payload) != message.payload.length:
        raise Unproven("the payload has another length than was signed for", input="message", where="payload")
    return Opened(message=message, kind=kind, name=unsealed.name, payload=unsealed.payload, unsealed=unsealed)


def verify_again(message: bytes, seal_bytes: bytes, signatures: Signatures, key: PublicKey) -> Message:
    """Verify a stored message as it came, perhaps years later (`Card.pair_of` with the seal's key).

    Raises:
        BadSignature, Malformed, NotUnderstood: it does not hold.
    """
    stated = decode(seal_bytes, Seal)
    if key.id != stated.key:
        raise BadSignature("the seal names another signing key", input="message", where="seal")
    read = decode_message(message)
    key.verify(payload_type(_SIGNED, read.realm, stated.suite), blobs(message, seal_bytes), signatures)
    return read


def require_suite(opened: Opened, number: int) -> None:
    """Refuse a message sealed in another suite than its agreement (before there is one, the card) fixes.

    Raises:
        WrongSuite: it is.
    """
    if opened.unsealed.seal.suite != number:
        raise WrongSuite(f"sealed in suite {opened.unsealed.seal.suite}; {number} is agreed", where="suite")


def padded(length: int, floor: int = 0) -> int:
    """The size class of an inside of that many bytes: Padmé (Nikitin et al., PETS 2019, §4), at least `floor`."""
    if length < 2:
        return max(length, floor)
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return max((length + mask) & ~mask, floor)


def _header(suite: int, tag: bytes, epoch: int) -> bytes:
    return VERSION.magic + bytes((VERSION.number, suite)) + tag + epoch.to_bytes(4, "big")


def _bound(label: bytes, realm: str, suite: int, outside: bytes) -> bytes:
    return blobs(label, bytes((VERSION.number, suite)), realm.encode(), hashlib.sha256(outside).digest())


def _decrypt(key: bytes, context: bytes, body: bytes) -> bytes:
    opener = Cobblestone256Decryptor(key, context)
    try:
        return opener.update(body) + opener.finalize()
    except (InvalidTag, ValueError):
        raise Unopenable("the envelope's body does not decrypt", input="envelope", where="body") from None


def _outline(message: bytes) -> _Outline:
    try:
        return _OUTLINE.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Malformed(f"the message does not parse: {fault}", input="envelope", where="message") from None


_OUTLINE: Final = msgspec.json.Decoder(_Outline)
