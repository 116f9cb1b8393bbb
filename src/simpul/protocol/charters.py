"""Charters, leaves and charter steps as canonical bytes (spec/circles.md).

A charter is a document whose payload is the terms as an agreement's payload has them, with the membership around it. A
leave is a document of the one party that leaves. A charter step is a message: its payload names a circle and what its
sender holds of it, and the documents ride behind.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

from msgspec import Meta

from simpul.domain.circles import Charter, Leave, MemberCircle, faults
from simpul.domain.parties import is_fingerprint
from simpul.errors import Malformed
from simpul.protocol.agreements import AGREEMENT_LIMIT, WireAgreement, from_wire, to_wire
from simpul.protocol.canonical import Bytes32, Hex, Wire, decode, encode

KIND: Final = "charter"
LEAVE_KIND: Final = "charter-leave"

CHARTER_LIMIT: Final = AGREEMENT_LIMIT + 32 * 1024
LEAVE_LIMIT: Final = 1024

STEP_LIMIT: Final = 4 << 20
"""Bytes of a charter step with its documents, at most."""

STEP_DOCUMENTS: Final = 512
"""Documents that a charter step carries, at most."""


class WireMemberCircle(Wire, frozen=True, kw_only=True):
    """`domain.circles.MemberCircle` as it is signed."""

    name: str
    charter: Bytes32


class WireCharter(Wire, frozen=True, kw_only=True):
    """`domain.circles.Charter` as it is signed. The terms' `id`, `version` and `parties` are the circle's."""

    terms: WireAgreement
    threshold: int
    convener: str
    previous: Hex = b""
    left: tuple[str, ...] = ()
    circles: tuple[WireMemberCircle, ...] = ()
    within: tuple[str, ...] = ()
    dissolved: bool = False
    blind: bool = False


class WireLeave(Wire, frozen=True, kw_only=True):
    """`domain.circles.Leave` as it is signed; `at` is microseconds UTC."""

    circle: str
    charter: Bytes32
    party: str
    at: int


class CharterStep(Wire, frozen=True, kw_only=True):
    """What the sender does about a circle, or what it holds of it.

    Attributes:
        step: `propose` or `sign` (attached: the charter with signatures, and cards of its members), `leave` (attached:
            the leave), `hold` (the sender has this epoch in force and refuses older ones; with documents for those who
            lack them), `left` (the recipient is no longer in the circle: no roster goes with it).
        id: the circle's name.
        epoch: of the circle, leaves counted.
        charter: hash of the charter; empty where the sender is out of the circle.
        left: who has left since, in `hold`.
    """

    step: Annotated[str, Meta(pattern="^(propose|sign|leave|hold|left)$")]
    id: Annotated[str, Meta(max_length=64)]
    epoch: Annotated[int, Meta(ge=0)]
    charter: Hex = b""
    left: Annotated[tuple[str, ...], Meta(max_length=128)] = ()


def charter_to_wire(charter: Charter) -> WireCharter:
    """The form that members sign."""
    return WireCharter(
        terms=to_wire(charter.terms),
        threshold=charter.threshold,
        convener=charter.convener,
        previous=charter.previous,
        left=charter.left,
        circles=tuple(WireMemberCircle(name=c.name, charter=c.charter) for c in charter.circles),
        within=charter.within,
        dissolved=charter.dissolved,
        blind=charter.blind,
    )


def charter_from_wire(wire: WireCharter) -> Charter:
    """The charter that was signed.

    Raises:
        Malformed: its terms are not in their one form, or nobody should sign it.
    """
    charter = Charter(
        terms=from_wire(wire.terms),
        threshold=wire.threshold,
        convener=wire.convener,
        previous=bytes(wire.previous),
        left=wire.left,
        circles=tuple(MemberCircle(name=c.name, charter=bytes(c.charter)) for c in wire.circles),
        within=wire.within,
        dissolved=wire.dissolved,
        blind=wire.blind,
    )
    found = faults(charter)
    if found:
        raise Malformed(f"a charter that nobody should sign: {found[0]}", input="charter")
    return charter


def encode_charter(charter: Charter) -> bytes:
    """The payload that members sign."""
    return encode(charter_to_wire(charter))


def decode_charter(data: bytes) -> Charter:
    """The charter of a payload.

    Raises:
        Malformed, NotUnderstood: not one charter in its one form.
    """
    return charter_from_wire(decode(data, WireCharter, CHARTER_LIMIT))


def charter_hash(charter: Charter) -> bytes:
    """SHA-256 of the payload: the charter's name in messages, and in the charter after it."""
    return hashlib.sha256(encode_charter(charter)).digest()


def encode_leave(leave: Leave) -> bytes:
    """The payload that the leaving party signs."""
    return encode(WireLeave(circle=leave.circle, charter=leave.charter, party=leave.party, at=leave.at))


def decode_leave(data: bytes) -> Leave:
    """The leave of a payload.

    Raises:
        Malformed, NotUnderstood: not one leave in its one form.
    """
    wire = decode(data, WireLeave, LEAVE_LIMIT)
    if not is_fingerprint(wire.party) or wire.at < 0:
        raise Malformed("a leave of nobody, or at no time", input="charter")
    return Leave(circle=wire.circle, charter=bytes(wire.charter), party=wire.party, at=wire.at)
