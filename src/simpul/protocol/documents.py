"""Documents: signed bytes that a third party may have to check (spec/documents.md).

A card, agreement, manifest or recall names no recipient and travels inside messages. Its hash is SHA-256 of the
payload bytes, so that further signatures do not change its name; an agreement collects one signature a party over
the same bytes. Every signature on a document must hold: one that cannot be checked spoils it.

    sign -> Document --encode--> bytes --parse_document--> Document (unverified) --verify--> ids of the signers
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.errors import BadSignature, Malformed, Misdirected
from simpul.protocol.framing import Reader, blob
from simpul.protocol.keys import PublicKey, Signatures, SigningKey
from simpul.protocol.versions import SUITE, VERSION, payload_type, suite

DOCUMENT_LIMIT: Final = 4 << 20
"""The longest document `parse_document` reads unless its caller says less."""

EVERY_REALM: Final = "*"
"""The realm of documents that hold in all of them: cards."""

_MAGIC: Final = b"SMPD"


class Signature(Struct, frozen=True):
    """The id of a key pair and its two signatures."""

    key: bytes
    pair: Signatures


class Document(Struct, frozen=True, kw_only=True):
    """A payload and the signatures on it. One that was parsed is not verified yet.

    `kind` is "card", "agreement", "manifest", "recall" …; `signatures` are in the order in which they were made.
    """

    kind: str
    realm: str
    payload: bytes
    signatures: tuple[Signature, ...]
    suite: int = SUITE.number

    @property
    def hash(self) -> bytes:
        """SHA-256 of the payload: the document's name, whoever has signed it so far."""
        return hashlib.sha256(self.payload).digest()

    @property
    def type(self) -> str:
        """What the signatures name beside the payload."""
        return payload_type(f"document/{self.kind}", self.realm, self.suite)

    def encode(self) -> bytes:
        """The container's bytes."""
        head = _MAGIC + bytes((VERSION.number, self.suite)) + _name(self.kind) + _name(self.realm)
        signed = b"".join(s.key + s.pair[0] + s.pair[1] for s in self.signatures)
        return head + blob(self.payload) + bytes((len(self.signatures),)) + signed


def sign(kind: str, realm: str, payload: bytes, *keys: SigningKey) -> Document:
    """A new document with one signature a key."""
    document = Document(kind=kind, realm=realm, payload=payload, signatures=())
    for key in keys:
        document = countersign(document, key)
    return document


def countersign(document: Document, key: SigningKey) -> Document:
    """The same document with one more signature; signing again with the same key changes nothing."""
    if any(signature.key == key.public.id for signature in document.signatures):
        return document
    added = Signature(key.public.id, key.sign(document.type, document.payload))
    return replace(document, signatures=(*document.signatures, added))


def parse_document(data: bytes, limit: int = DOCUMENT_LIMIT) -> Document:
    """Read the container; nothing is verified.

    Raises:
        Malformed: not a document, or over the limit.
        WrongSuite: a suite that this node cannot use.
    """
    reader = Reader(data, "document")
    if len(data) > limit:
        raise reader.fault(f"{len(data)} bytes are over the limit of {limit}")
    if reader.take(4) != _MAGIC or reader.integer(1) != VERSION.number:
        raise Malformed("not a document of this version", input="document", where="byte 0")
    record = suite(reader.integer(1))
    kind, realm, payload = reader.name(), reader.name(), reader.blob()
    lengths = record.signature_lengths
    signatures = tuple(
        Signature(reader.take(32), (reader.take(lengths[0]), reader.take(lengths[1])))
        for _ in range(reader.integer(1))
    )
    reader.end()
    return Document(kind=kind, realm=realm, payload=payload, signatures=signatures, suite=record.number)


def verify(document: Document, keys: Iterable[PublicKey]) -> frozenset[bytes]:
    """Check every signature on a document against the keys that may have made it; returns the ids of the signers.

    Raises:
        BadSignature: none at all, one that does not hold, one by another key, or two by one key.
    """
    known = {key.id: key for key in keys}
    signers: set[bytes] = set()
    for signature in document.signatures:
        key = known.get(signature.key)
        if key is None or signature.key in signers:
            raise BadSignature(
                f"{document.kind} {document.hash.hex()[:16]} bears a signature by key {signature.key.hex()[:16]},"
                " which may not sign it (again)",
                input=document.kind,
                do="ask for the signer's newest card",
            )
        key.verify(document.type, document.payload, signature.pair)
        signers.add(signature.key)
    if not signers:
        raise BadSignature(f"{document.kind} {document.hash.hex()[:16]} is not signed", input=document.kind)
    return frozenset(signers)


def open_document(
    data: bytes, *, kind: str, realm: str, keys: Iterable[PublicKey], limit: int = DOCUMENT_LIMIT
) -> Document:
    """Parse a document of one kind and realm and verify it against the keys that may have signed it.

    Raises:
        Malformed, WrongSuite, BadSignature: as `parse_document` and `verify`.
        Misdirected: of another kind or realm.
    """
    document = parse_document(data, limit)
    require(document, kind, realm)
    verify(document, keys)
    return document


def require(document: Document, kind: str, realm: str) -> None:
    """Refuse a document of another kind or realm. Raises `Misdirected`."""
    if (document.kind, document.realm) != (kind, realm):
        raise Misdirected(
            f"expected a document of kind {kind} in realm {realm}, got {document.kind} in {document.realm}",
            input="document",
        )


def _name(text: str) -> bytes:
    data = text.encode("ascii")
    return bytes((len(data),)) + data
