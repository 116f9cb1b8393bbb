"""Protocol version and cryptographic suites, as frozen records (spec/README.md, "Suites").

A version or a suite is a record of named facts; nothing compares numbers anywhere else. Suite 2 has its place here
and is refused by `suite()` until it is built: nothing is negotiated, so no message can fall back to it or from it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from simpul.errors import WrongSuite


class Suite(Struct, frozen=True, kw_only=True):
    """The algorithms of one suite and the lengths in bytes that follow from them.

    Attributes:
        number: as it stands in the envelope's header, the seal and every payload type.
        kem, kdf, aead: HPKE base mode, wrapping the content key.
        body: what seals the body.
        signatures: both must verify.
        prekey_length: an encapsulation key.
        wrap_length: the HPKE output (encapsulation, 32-byte key, tag).
        signature_lengths: of the two signatures, in the order of `signatures`.
        built: whether this program can use it.
    """

    number: int
    kem: str
    kdf: str
    aead: str
    body: str
    signatures: tuple[str, str]
    prekey_length: int
    wrap_length: int
    signature_lengths: tuple[int, int]
    built: bool


SUITES: Final = {
    1: Suite(
        number=1,
        kem="MLKEM768-X25519",
        kdf="HKDF-SHA256",
        aead="AES-256-GCM",
        body="Cobblestone-256",
        signatures=("Ed25519", "ML-DSA-65"),
        prekey_length=1216,
        wrap_length=1168,
        signature_lengths=(64, 3309),
        built=True,
    ),
    2: Suite(
        number=2,
        kem="MLKEM1024-P384",
        kdf="HKDF-SHA384",
        aead="AES-256-GCM",
        body="Cobblestone-256",
        signatures=("Ed25519", "ML-DSA-87"),
        prekey_length=1665,
        wrap_length=1713,
        signature_lengths=(64, 4627),
        built=False,
    ),
}

SUITE: Final = SUITES[1]
"""The suite this program makes its keys and envelopes in."""


class Version(Struct, frozen=True, kw_only=True):
    """One version of the wire: the envelope's magic and version byte, and the number inside every statement."""

    number: int
    magic: bytes


VERSION: Final = Version(number=1, magic=b"SMPL")


def suite(number: int) -> Suite:
    """The record of a suite that this program can use.

    Raises:
        WrongSuite: unknown, or known and not built.
    """
    found = SUITES.get(number)
    if found is None or not found.built:
        raise WrongSuite(
            f"suite {number} is not one that this node can use",
            where="suite",
            do="the sender must use the suite of the prekey, and the agreement or card that fixes it",
        )
    return found


def payload_type(kind: str, realm: str, suite: int = SUITE.number) -> str:
    """What signatures name beside the bytes: kind, version, realm and suite (DSSE's payloadType).

    `kind` is "message", "document/card", "document/agreement", "approval" …
    """
    return f"application/vnd.simpul.{kind}; version={VERSION.number}; realm={realm}; suite={suite}"
