"""Signing pairs, prekeys, log keys, and user keys sealed under a passphrase (spec/keys.md).

Every key is made from a seed that the caller drew. A signing key is a pair, and a signature is two: `verify` accepts
only if both hold, so that an attacker has to break Ed25519 and ML-DSA-65. What is signed is DSSE's pre-authentication
encoding of a payload type and the exact bytes carried; the payload type keeps one kind's signature from counting for
another (versions.payload_type).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from msgspec import Struct

from simpul.domain.parties import FINGERPRINT_HEX
from simpul.errors import BadSignature, CryptoUnavailable, HomeDamaged, Malformed, Unauthorised, Unopenable
from simpul.protocol import known_answers as known
from simpul.protocol.versions import SUITE

SIGNING_SEED: Final = 64
"""Bytes of a signing or log key's seed: Ed25519's 32, then ML-DSA's 32."""

PREKEY_SEED: Final = 32
PUBLIC_LENGTH: Final = 32 + 1952
LOG_PUBLIC_LENGTH: Final = 32 + 1312

Signatures = tuple[bytes, bytes]
"""Ed25519's and ML-DSA's signature over the same bytes."""


def pre_authentication(payload_type: str, body: bytes) -> bytes:
    """DSSE's PAE: the bytes that are signed (github.com/secure-systems-lab/dsse, protocol.md)."""
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)


class PublicKey(Struct, frozen=True):
    """The public half of a signing pair: Ed25519 (32 bytes) and ML-DSA-65 (1,952 bytes)."""

    classical: bytes
    quantum: bytes

    @classmethod
    def read(cls, raw: bytes) -> PublicKey:
        """From `raw`.

        Raises:
            Malformed: not the length of a pair.
        """
        if len(raw) != PUBLIC_LENGTH:
            raise Malformed(f"a public signing key has {PUBLIC_LENGTH} bytes, not {len(raw)}", where="key")
        return cls(bytes(raw[:32]), bytes(raw[32:]))

    @property
    def raw(self) -> bytes:
        """Both keys, Ed25519 first."""
        return self.classical + self.quantum

    @property
    def id(self) -> bytes:
        """SHA-256 of `raw`: what signatures, cards and revocations name the pair by."""
        return hashlib.sha256(self.raw).digest()

    def verify(self, payload_type: str, body: bytes, signatures: Signatures) -> None:
        """Check both signatures.

        Raises:
            BadSignature: one of the two does not hold, is missing, or the key is none.
        """
        signed = pre_authentication(payload_type, body)
        try:
            _ed25519(self.classical).verify(signatures[0], signed)
            _mldsa65(self.quantum).verify(signatures[1], signed)
        except (InvalidSignature, ValueError):
            raise BadSignature(
                f"the signatures under key {self.id.hex()[:16]} do not both hold", where=payload_type
            ) from None


class SigningKey:
    """A signing pair. Signing with ML-DSA is randomised: the same bytes never give the same signature twice."""

    def __init__(self, seed: bytes) -> None:
        """From a 64-byte seed."""
        _of_length(seed, SIGNING_SEED)
        self._classical = Ed25519PrivateKey.from_private_bytes(seed[:32])
        self._quantum = MLDSA65PrivateKey.from_seed_bytes(seed[32:])

    @cached_property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(
            self._classical.public_key().public_bytes_raw(), self._quantum.public_key().public_bytes_raw()
        )

    def sign(self, payload_type: str, body: bytes) -> Signatures:
        """Both signatures over the pre-authentication encoding."""
        signed = pre_authentication(payload_type, body)
        return self._classical.sign(signed), self._quantum.sign(signed)


class LogPublicKey(Struct, frozen=True):
    """The public half of a log key: Ed25519 (32 bytes) and ML-DSA-44 (1,312 bytes)."""

    classical: bytes
    quantum: bytes

    @classmethod
    def read(cls, raw: bytes) -> LogPublicKey:
        """From `raw`. Raises `Malformed` at another length."""
        if len(raw) != LOG_PUBLIC_LENGTH:
            raise Malformed(f"a public log key has {LOG_PUBLIC_LENGTH} bytes, not {len(raw)}", where="log")
        return cls(bytes(raw[:32]), bytes(raw[32:]))

    @property
    def raw(self) -> bytes:
        """Both keys, Ed25519 first."""
        return self.classical + self.quantum

    def verify_classical(self, signed: bytes, signature: bytes) -> None:
        """Check an Ed25519 signature over exactly these bytes. Raises `BadSignature`."""
        try:
            _ed25519(self.classical).verify(signature, signed)
        except (InvalidSignature, ValueError):
            raise BadSignature("the Ed25519 signature of the log does not hold", where="checkpoint") from None

    def verify_quantum(self, signed: bytes, signature: bytes) -> None:
        """Check an ML-DSA-44 signature (empty context) over exactly these bytes. Raises `BadSignature`."""
        try:
            _mldsa44(self.quantum).verify(signature, signed)
        except (InvalidSignature, ValueError):
            raise BadSignature(
                "the ML-DSA-44 signature of the log does not hold", where="checkpoint"
            ) from None


class LogKey:
    """The key that signs checkpoints. The two halves sign different lines of a note, so each signs alone."""

    def __init__(self, seed: bytes) -> None:
        """From a 64-byte seed."""
        _of_length(seed, SIGNING_SEED)
        self._classical = Ed25519PrivateKey.from_private_bytes(seed[:32])
        self._quantum = MLDSA44PrivateKey.from_seed_bytes(seed[32:])

    @cached_property
    def public(self) -> LogPublicKey:
        """The public half."""
        return LogPublicKey(
            self._classical.public_key().public_bytes_raw(), self._quantum.public_key().public_bytes_raw()
        )

    def sign_classical(self, signed: bytes) -> bytes:
        """Ed25519's 64-byte signature."""
        return self._classical.sign(signed)

    def sign_quantum(self, signed: bytes) -> bytes:
        """ML-DSA-44's 2,420-byte signature, empty context."""
        return self._quantum.sign(signed)


def fingerprint(root: PublicKey) -> str:
    """The name of a party: 50 hex digits (200 bits) of SHA-256 over both root keys (spec/keys.md)."""
    return hashlib.sha256(b"simpul fingerprint 1\0" + root.raw).hexdigest()[:FINGERPRINT_HEX]


def groups(fingerprint: str) -> str:
    """A fingerprint in ten groups of five digits, for the eye."""
    return " ".join(fingerprint[at : at + 5] for at in range(0, len(fingerprint), 5))


def spelled(fingerprint: str) -> list[str]:
    """A fingerprint for the ear: one line a group, each digit as a word (letters by the ICAO alphabet)."""
    return [" ".join(_WORDS[digit] for digit in group) for group in groups(fingerprint).split()]


_NUMERALS: Final = "zero one two three four five six seven eight nine alfa bravo charlie delta echo foxtrot"
_WORDS: Final = dict(
    zip(
        "0123456789abcdef",
        _NUMERALS.split(),
        strict=True,
    )
)


class PrekeySecret:
    """An X-Wing key pair: what one epoch's envelopes of one partner are wrapped for (suite 1)."""

    def __init__(self, seed: bytes) -> None:
        """From a 32-byte seed, expanded by SHAKE256 as draft-connolly-cfrg-xwing-kem §5.2 says."""
        _of_length(seed, PREKEY_SEED)
        expanded = hashlib.shake_256(seed).digest(96)
        quantum = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        classical = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.suite = SUITE.number
        self.public = quantum.public_key().public_bytes_raw() + classical.public_key().public_bytes_raw()
        self._key = MLKEM768X25519PrivateKey(quantum, classical)

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """The key that `wrap` wrapped for this pair under the same `info`.

        Raises:
            Unopenable: wrapped for another key, under another `info`, or altered.
        """
        try:
            return _HPKE.decrypt(wrapped, self._key, info=info)
        except (InvalidTag, ValueError):
            raise Unopenable("the envelope's key does not unwrap", where="wrap") from None


def wrap(prekey: bytes, key: bytes, info: bytes) -> bytes:
    """Wrap a 32-byte key for the holder of a prekey (1,216 bytes): 1,168 bytes of HPKE output.

    Raises:
        Malformed: the prekey is none.
    """
    return _HPKE.encrypt(key, _xwing(prekey), info=info)


class PassphraseCost(Struct, frozen=True, kw_only=True):
    """Argon2id's cost (RFC 9106 §4, second recommended option): `memory` in KiB."""

    passes: int = 3
    memory: int = 64 * 1024
    lanes: int = 4


PASSPHRASE_COST: Final = PassphraseCost()


def seal_user_key(
    key: bytes, passphrase: str, salt: bytes, nonce: bytes, *, cost: PassphraseCost = PASSPHRASE_COST
) -> bytes:
    """Seal a secret (a user's 64-byte signing seed) under a passphrase: Argon2id, then AES-256-GCM.

    `salt` is 16 and `nonce` 12 fresh random bytes.
    """
    _of_length(salt, 16)
    _of_length(nonce, 12)
    head = _USER_KEY + b"".join(value.to_bytes(4, "big") for value in (cost.passes, cost.memory, cost.lanes))
    return head + salt + nonce + AESGCM(_stretch(passphrase, salt, cost)).encrypt(nonce, key, head)


def open_user_key(sealed: bytes, passphrase: str) -> bytes:
    """What `seal_user_key` sealed.

    Raises:
        Unauthorised: the passphrase is wrong (or the sealed bytes were altered: the two look alike).
        HomeDamaged: these are not the bytes of a sealed key.
    """
    head, salt, nonce, body = sealed[:17], sealed[17:33], sealed[33:45], sealed[45:]
    passes, memory, lanes = (int.from_bytes(head[at : at + 4], "big") for at in (5, 9, 13))
    if (
        head[:5] != _USER_KEY
        or len(body) < 16
        or not (passes <= 64 and 8 <= memory <= 1 << 22 and 1 <= lanes <= 64)
    ):
        raise HomeDamaged("a sealed user key is not in its format", input="user key")
    key = _stretch(passphrase, salt, PassphraseCost(passes=passes, memory=memory, lanes=lanes))
    try:
        return AESGCM(key).decrypt(nonce, body, head)
    except InvalidTag:
        raise Unauthorised("the passphrase is wrong", do="try again, or have the user set up anew") from None


def self_test() -> None:
    """Compute one known answer with each algorithm of the suite before anything relies on it.

    Raises:
        CryptoUnavailable: the library build lacks an algorithm or computes it wrongly; names which.
    """
    check_answers(_CHECKS)


def check_answers(checks: Mapping[str, Callable[[], bool]]) -> None:
    """Run checks by the names of their algorithms; each says whether its answer was right, or raises."""
    for name, check in checks.items():
        try:
            good = check()
        except (UnsupportedAlgorithm, InvalidSignature, InvalidTag, Unopenable, ValueError) as fault:
            raise CryptoUnavailable(
                f"this cryptography library cannot do {name}: {fault}",
                input=name,
                do="install the `cryptography` wheel that requirements/ pins; other builds may lack it",
            ) from fault
        if not good:
            raise CryptoUnavailable(f"this cryptography library computes {name} wrongly", input=name)


def _holds_xwing() -> bool:
    return PrekeySecret(known.XWING_SEED).unwrap(known.XWING_WRAPPED, known.XWING_INFO) == known.XWING_PLAIN


def _holds_mldsa65() -> bool:
    MLDSA65PublicKey.from_public_bytes(
        MLDSA65PrivateKey.from_seed_bytes(known.MLDSA_SEED).public_key().public_bytes_raw()
    ).verify(known.MLDSA65_SIGNATURE, known.SIGNED)
    return True


def _holds_mldsa44() -> bool:
    MLDSA44PublicKey.from_public_bytes(
        MLDSA44PrivateKey.from_seed_bytes(known.MLDSA_SEED).public_key().public_bytes_raw()
    ).verify(known.MLDSA44_SIGNATURE, known.SIGNED)
    return True


def _holds_ed25519() -> bool:
    return Ed25519PrivateKey.from_private_bytes(known.ED25519_SEED).sign(b"") == known.ED25519_SIGNATURE


def _holds_cobblestone() -> bool:
    opener = Cobblestone256Decryptor(known.COBBLESTONE_KEY, known.COBBLESTONE_CONTEXT)
    return opener.update(known.COBBLESTONE_SEALED) + opener.finalize() == known.SIGNED


def _holds_aesgcm() -> bool:
    return AESGCM(bytes(32)).encrypt(bytes(12), bytes(16), None) == known.AESGCM_SEALED


_CHECKS: Final[dict[str, Callable[[], bool]]] = {
    "HPKE with X-Wing": _holds_xwing,
    "ML-DSA-65": _holds_mldsa65,
    "ML-DSA-44": _holds_mldsa44,
    "Ed25519": _holds_ed25519,
    "Cobblestone-256": _holds_cobblestone,
    "AES-256-GCM": _holds_aesgcm,
}
_HPKE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_USER_KEY: Final = b"SMPU\x01"


def _of_length(secret: bytes, length: int) -> None:
    if len(secret) != length:
        raise ValueError(f"expected {length} bytes, got {len(secret)}")


def _stretch(passphrase: str, salt: bytes, cost: PassphraseCost) -> bytes:
    return hash_secret_raw(
        passphrase.encode(), salt, cost.passes, cost.memory, cost.lanes, hash_len=32, type=Type.ID
    )


@lru_cache(maxsize=256)
def _ed25519(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


@lru_cache(maxsize=256)
def _mldsa65(raw: bytes) -> MLDSA65PublicKey:
    return MLDSA65PublicKey.from_public_bytes(raw)


@lru_cache(maxsize=256)
def _mldsa44(raw: bytes) -> MLDSA44PublicKey:
    return MLDSA44PublicKey.from_public_bytes(raw)


@lru_cache(maxsize=256)
def _xwing(raw: bytes) -> MLKEM768X25519PublicKey:
    if len(raw) != SUITE.prekey_length:
        raise Malformed(f"a prekey has {SUITE.prekey_length} bytes, not {len(raw)}", where="prekey")
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:1184]), X25519PublicKey.from_public_bytes(raw[1184:])
        )
    except ValueError:
        raise Malformed("the bytes of a prekey are not a key", where="prekey") from None
