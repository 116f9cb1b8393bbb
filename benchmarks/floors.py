"""Floors: the part of the work that cannot be left out, done in plain sight with the same libraries.

import    generic decode, SHA-256, and the insert of the very rows that the product stored
exchange  generic decode, SHA-256, zstd both ways, seal, open with both signatures, and one insert of the rows that
          the recipient stored
"""

from __future__ import annotations

import gc
import hashlib
import os
import time
from collections.abc import Sequence
from typing import Final

import msgspec
import zstandard

from benchmarks.rows import Batch
from simpul.protocol import envelope
from simpul.protocol.keys import SIGNING_SEED, PrekeySecret, SigningKey, fingerprint
from simpul.protocol.message import Carried, Message, encode_message
from simpul.protocol.release import ENCODING
from simpul.protocol.versions import VERSION
from simpul.storage.connection import Connection

ZSTD_LEVEL: Final = 3
_DAY: Final = 86_400 * 1_000_000


def import_floor(
    raws: Sequence[bytes], prepared: Sequence[Batch], connection: Connection, size: int
) -> float:
    """Seconds to decode, hash and insert, batch by batch, and to close, as for the product."""
    gc.collect()
    gc.freeze()
    start = time.perf_counter()
    for number, batch in enumerate(prepared):
        for raw in raws[number * size : (number + 1) * size]:
            msgspec.json.decode(raw)
            hashlib.sha256(raw).digest()
        batch.run(connection)
    connection.close()
    seconds = time.perf_counter() - start
    gc.unfreeze()
    return seconds


def exchange_floor(
    raws: Sequence[bytes], prepared: Sequence[Batch], connection: Connection, size: int
) -> float:
    """Seconds to decode, hash, compress, seal, open, decompress and insert, part by part."""
    parties = _Parties()
    gc.collect()
    gc.freeze()
    start = time.perf_counter()
    for number, batch in enumerate(prepared):
        part = raws[number * size : (number + 1) * size]
        if part:
            parties.carry(part, number + 1)
        batch.run(connection)
    seconds = time.perf_counter() - start
    gc.unfreeze()
    return seconds


class _Parties:
    """A sender and a recipient with fresh keys, and the cheapest message that the protocol accepts."""

    def __init__(self) -> None:
        self._signing = SigningKey(os.urandom(SIGNING_SEED))
        self._prekey = PrekeySecret(os.urandom(32))
        self._address = envelope.Address(tag=os.urandom(16), epoch=2900, prekey=self._prekey.public)
        self._from, self._to = (fingerprint(SigningKey(os.urandom(SIGNING_SEED)).public) for _ in range(2))
        self._compress = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress
        self._decompress = zstandard.ZstdDecompressor().decompress

    def carry(self, raws: Sequence[bytes], number: int) -> None:
        for raw in raws:
            msgspec.json.decode(raw)
            hashlib.sha256(raw).digest()
        body = b"".join(raws)
        payload = self._compress(body)
        sealed = envelope.seal(
            self._message(payload, len(body), number), payload, self._signing, self._address, attempt=1
        )
        unsealed = envelope.unseal(
            envelope.parse(sealed), self._prekey, epoch=self._address.epoch, realm="live", me=self._to
        )
        opened = envelope.open_message(unsealed, self._signing.public)
        assert len(self._decompress(opened.payload)) == len(body)

    def _message(self, payload: bytes, length: int, number: int) -> bytes:
        now = time.time_ns() // 1000
        return encode_message(
            Message(
                version=VERSION.number,
                realm="live",
                kind="release",
                sender=self._from,
                recipient=self._to,
                stream=b"\1" * 16,
                number=number,
                id=os.urandom(16),
                created=now,
                decided_at=now,
                expires=now + 90 * _DAY,
                payload=Carried(sha256=hashlib.sha256(payload).digest(), length=length, encoding=ENCODING),
                card=1,
                leaf_salt=os.urandom(32),
                logged_by=now,
                agreement=b"\2" * 32,
                decision=b"\3" * 32,
            )
        )
