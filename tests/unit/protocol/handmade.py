"""Envelopes made by somebody who follows the format but not its rules."""

from __future__ import annotations

import hashlib

from cryptography.cobblestone import Cobblestone256Encryptor
from msgspec.structs import replace

from simpul.protocol import envelope
from simpul.protocol.canonical import encode
from simpul.protocol.envelope import Address
from simpul.protocol.framing import blobs
from simpul.protocol.keys import SigningKey, wrap
from simpul.protocol.message import Seal
from simpul.protocol.versions import payload_type
from tests.unit.protocol.parties import ARUNIKA, REALM, Sent


def sealed_by_hand(
    sent: Sent,
    *,
    message_bytes: bytes | None = None,
    payload: bytes | None = None,
    to: Address | None = None,
    signer: SigningKey = ARUNIKA.signing,
    change: dict[str, object] | None = None,
    strip: int | None = None,
    realm: str = REALM,
    tail: bytes = b"",
    seal_bytes: bytes | None = None,
) -> bytes:
    """What was sent, sealed anew with whatever is given in its place.

    `change` replaces fields of the seal, `strip` empties one of the two signatures, `tail` follows the payload.
    """
    message_bytes = sent.message if message_bytes is None else message_bytes
    payload = sent.payload if payload is None else payload
    to = to or sent.address
    header = envelope._header(1, to.tag, to.epoch)
    stated = Seal(suite=1, header=hashlib.sha256(header).digest(), attempt=1, key=signer.public.id)
    signed_seal = seal_bytes or encode(replace(stated, **(change or {})))
    signatures = list(signer.sign(payload_type("message", realm), blobs(message_bytes, signed_seal)))
    if strip is not None:
        signatures[strip] = b""
    inside = blobs(*signatures, message_bytes, signed_seal, payload) + tail
    content_key = Cobblestone256Encryptor.generate_key()
    info = envelope._bound(b"simpul envelope wrap", realm, 1, header)
    wrapped = wrap(to.prekey, content_key, info)
    context = envelope._bound(b"simpul envelope body", realm, 1, header + wrapped)
    sealer = Cobblestone256Encryptor(content_key, context)
    return header + wrapped + sealer.update(inside) + sealer.finalize()
