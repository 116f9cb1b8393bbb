"""What blind circles add on the wire: enrolments, certificates, exclusions, and the step that carries them (spec/circles.md).

    enrolment     signed by the pseudonym, for the convener: it asks to be in a circle
    pseudonym     signed by the convener: this pseudonym belongs to a party that it let in
    exclusion     signed by the convener: none of these pseudonyms belongs to the party that it was asked about

None of the three names a real party but the convener.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from simpul.domain.blind import Certificate, Enrolment, Exclusion
from simpul.domain.circles import MEMBERS_MOST, is_circle_name
from simpul.domain.parties import is_fingerprint
from simpul.errors import Malformed
from simpul.protocol.canonical import Bytes16, Bytes32, Hex, Wire, decode, encode
from simpul.protocol.documents import Document, parse_document
from simpul.protocol.framing import Reader, blobs

ENROLMENT: Final = "enrolment"
CERTIFICATE: Final = "pseudonym"
EXCLUSION: Final = "exclusion"

SMALL: Final = 1024
"""Bytes of an enrolment's or a certificate's payload, at most."""

EXCLUSION_LIMIT: Final = 16 * 1024

ENROLMENT_FILE: Final = 512 * 1024
"""Bytes of an enrolment with the cards behind it, at most."""

CARDS_MOST: Final = 32
"""Card documents behind an enrolment, at most."""


class WireEnrolment(Wire, frozen=True, kw_only=True):
    """`domain.blind.Enrolment` as it is signed."""

    circle: str
    convener: str
    party: str


class WireCertificate(Wire, frozen=True, kw_only=True):
    """`domain.blind.Certificate` as it is signed."""

    circle: str
    convener: str
    party: str
    since: Annotated[int, Meta(ge=0)]


class WireExclusion(Wire, frozen=True, kw_only=True):
    """`domain.blind.Exclusion` as it is signed."""

    circle: str
    charter: Bytes32
    convener: str
    releasable: Annotated[tuple[str, ...], Meta(max_length=MEMBERS_MOST)]
    asked: Bytes16


class BlindStep(Wire, frozen=True, kw_only=True):
    """A word between the convener of a blind circle and a party or a pseudonym; never between two pseudonyms.

    Attributes:
        step: `enrol` (a party, of a pseudonym of its own; attached: the enrolment and the pseudonym's cards), `exclude`
            (a pseudonym asks whom it may release to so that `party` gets nothing), `attested` (the answer; attached:
            the exclusion), `refused` (the answer where there is none).
        id: the circle's name.
        asked: of `exclude` and its answers: 16 bytes that the asker drew.
        party: of `exclude`: the fingerprint of the party that is to be excluded.
    """

    step: Annotated[str, Meta(pattern="^(enrol|exclude|attested|refused)$")]
    id: Annotated[str, Meta(max_length=64)]
    asked: Hex = b""
    party: str = ""


def encode_enrolment(enrolment: Enrolment) -> bytes:
    """The payload that the pseudonym signs."""
    return encode(WireEnrolment(circle=enrolment.circle, convener=enrolment.convener, party=enrolment.party))


def decode_enrolment(data: bytes) -> Enrolment:
    """The enrolment of a payload. Raises `Malformed` or `NotUnderstood` for anything else."""
    wire = decode(data, WireEnrolment, SMALL)
    _check(wire.circle, wire.convener, wire.party)
    return Enrolment(circle=wire.circle, convener=wire.convener, party=wire.party)


def encode_certificate(certificate: Certificate) -> bytes:
    """The payload that the convener signs."""
    return encode(
        WireCertificate(
            circle=certificate.circle,
            convener=certificate.convener,
            party=certificate.party,
            since=certificate.since,
        )
    )


def decode_certificate(data: bytes) -> Certificate:
    """The certificate of a payload. Raises `Malformed` or `NotUnderstood` for anything else."""
    wire = decode(data, WireCertificate, SMALL)
    _check(wire.circle, wire.convener, wire.party)
    return Certificate(
        circle=wire.circle,
        convener=wire.convener,
        party=wire.party,
        since=wire.since,
    )


def encode_exclusion(exclusion: Exclusion) -> bytes:
    """The payload that the convener signs."""
    return encode(
        WireExclusion(
            circle=exclusion.circle,
            charter=exclusion.charter,
            convener=exclusion.convener,
            releasable=exclusion.releasable,
            asked=exclusion.asked,
        )
    )


def decode_exclusion(data: bytes) -> Exclusion:
    """The exclusion of a payload. Raises `Malformed` or `NotUnderstood` for anything else."""
    wire = decode(data, WireExclusion, EXCLUSION_LIMIT)
    _check(wire.circle, wire.convener, *wire.releasable)
    if list(wire.releasable) != sorted(set(wire.releasable)) or not wire.releasable:
        raise Malformed("an exclusion whose list is empty, not sorted, or names one twice", input="exclusion")
    return Exclusion(
        circle=wire.circle,
        charter=bytes(wire.charter),
        convener=wire.convener,
        releasable=wire.releasable,
        asked=bytes(wire.asked),
    )


def _check(circle: str, *parties: str) -> None:
    if not is_circle_name(circle) or not all(map(is_fingerprint, parties)):
        raise Malformed("names no circle, or somebody by another name than a fingerprint", input="blind-step")


def enrolment_file(enrolment: Document, cards: Sequence[bytes]) -> bytes:
    """An enrolment with the pseudonym's cards, as it goes by hand from one home to the other."""
    return blobs(enrolment.encode(), *cards)


def read_enrolment_file(data: bytes) -> tuple[Document, tuple[Document, ...]]:
    """The enrolment and the cards, not verified yet. Raises `Malformed`."""
    reader = Reader(data, "enrolment")
    if len(data) > ENROLMENT_FILE:
        raise reader.fault(f"{len(data)} bytes are over the limit of {ENROLMENT_FILE}")
    enrolment, cards = reader.blob(), list[bytes]()
    while reader.left:
        if len(cards) == CARDS_MOST:
            raise reader.fault(f"more than {CARDS_MOST} cards")
        cards.append(reader.blob())
    return parse_document(enrolment), tuple(map(parse_document, cards))
