"""Mailbox tags, and what is signed towards a relay (spec/keys.md, "Mailboxes").

A mailbox is made by its reader for one ordered pair, epoch and lane. Its tag commits to the relay, to the reader's
account key and to the put key, so a relay cannot give it to another reader and nobody can put without the put key.
All keys here are plain Ed25519: they guard a relay's resources, never content. The relay imports this file.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from simpul.errors import BadSignature

CONTACT: Final = "contact"
LANES: Final = ("urgent", "normal", "bulk")
CLASSES: Final = (CONTACT, *LANES)
"""Classes of mailbox: the contact mailbox of a card, and the three lanes of a key package."""

TAG_LENGTH: Final = 16
CONTACT_LIMIT: Final = 32 * 1024
"""The longest envelope a contact mailbox takes."""


def public_key(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of a 32-byte seed (a put key, or a relay account's key)."""
    return _private(seed).public_key().public_bytes_raw()


def mailbox_tag(relay: str, read_key: bytes, put_key: bytes) -> bytes:
    """The 16-byte tag of a mailbox.

    Args:
        relay: the relay's URL exactly as the card names it.
        read_key: the reader's account public key, 32 bytes.
        put_key: the put public key, 32 bytes.
    """
    return hashlib.sha256(b"simpul mailbox 1" + relay.encode() + read_key + put_key).digest()[:TAG_LENGTH]


def put_statement(relay: str, tag: bytes, envelope_hash: bytes, length: int) -> bytes:
    """What the put key signs to hand over one envelope: SHA-256 and length of its bytes."""
    return b"simpul put 1\0" + _named(relay) + tag + envelope_hash + length.to_bytes(8, "big")


def request_statement(relay: str, nonce: bytes, body: bytes) -> bytes:
    """What an account's key signs for every other request: the relay's nonce and the exact body."""
    return b"simpul request 1\0" + _named(relay) + _named(nonce) + hashlib.sha256(body).digest()


def sign_statement(seed: bytes, statement: bytes) -> bytes:
    """The 64-byte signature of a statement."""
    return _private(seed).sign(statement)


def verify_statement(public: bytes, statement: bytes, signature: bytes) -> None:
    """Check a statement's signature.

    Raises:
        BadSignature: it does not hold, or the key is not a key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
    except (InvalidSignature, ValueError):
        raise BadSignature("the signature on a request to the relay does not hold") from None


def _named(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(4, "big") + data


def _private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)
