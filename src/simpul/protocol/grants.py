"""Consent on the wire: the request and the grant as documents, and the two messages that bring them (spec/onward.md).

consent-request   attached: the request document, signed by the asker
consent-answer    grant (attached: the grant document, signed by the originator), deny, or revoke
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from simpul.domain.grants import LONGEST_TEXT, Grant, Leaves, Request
from simpul.domain.parties import is_fingerprint
from simpul.errors import Malformed
from simpul.protocol.canonical import Bytes16, Bytes32, Hex, Wire, decode, encode
from simpul.protocol.labels import WireOnward, onward_from_wire, onward_to_wire

REQUEST: Final = "consent-request"
GRANT: Final = "grant"
"""Kinds of document."""

CONSENT_LIMIT: Final = 256 * 1024
"""Bytes of a request's or a grant's payload."""

LEAVES_LIMIT: Final = 10_000
"""Leaves that one request or grant names, in all its manifests."""

OBLIGATIONS_LIMIT: Final = 100

GRANTED, DENIED, REVOKED = "grant", "deny", "revoke"
"""Outcomes of an answer."""

_Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
_Word = Annotated[str, Meta(min_length=1, max_length=200)]


class WireLeaves(Wire, frozen=True, kw_only=True):
    """`domain.grants.Leaves` as it is sent."""

    root: Bytes32
    positions: tuple[int, ...]


class WireRequest(Wire, frozen=True, kw_only=True):
    """`domain.grants.Request` as it is signed."""

    id: Bytes16
    asker: str
    originator: str
    beneficiary: str
    leaves: tuple[WireLeaves, ...]
    purpose: _Word
    why: _Text
    at: int
    until: int | None = None
    repeated: bool = False


class WireGrant(Wire, frozen=True, kw_only=True):
    """`domain.grants.Grant` as it is signed. `obligations` are sorted; `onward` is none where it is not said."""

    request: Bytes32
    originator: str
    grantee: str
    beneficiary: str
    leaves: tuple[WireLeaves, ...]
    purpose: _Word
    agreement: Bytes32
    not_after: int
    at: int
    rendition: Hex = b""
    obligations: Annotated[tuple[_Text, ...], Meta(max_length=OBLIGATIONS_LIMIT)] = ()
    onward: WireOnward = WireOnward(none=True)
    repeated: bool = False


class ConsentRequest(Wire, frozen=True, kw_only=True):
    """The sender asks for consent. Attached: the request document that it signed; `id` is the request's."""

    id: Bytes16


class ConsentAnswer(Wire, frozen=True, kw_only=True):
    """The originator's answer to a request, by its document's hash; `revoke` takes back what was granted.

    Attached, with `grant` alone: the grant document. `reason` is a code or a sentence for a person, or empty.
    """

    request: Bytes32
    outcome: Annotated[str, Meta(pattern="^(grant|deny|revoke)$")]
    reason: _Text = ""


def encode_request(request: Request) -> bytes:
    """The payload of a request document."""
    return encode(
        WireRequest(
            id=request.id,
            asker=request.asker,
            originator=request.originator,
            beneficiary=request.beneficiary,
            leaves=_to_wire(request.leaves),
            purpose=request.purpose,
            why=request.why,
            at=request.at,
            until=request.until,
            repeated=request.repeated,
        )
    )


def decode_request(payload: bytes) -> Request:
    """The request of a payload. Raises `Malformed` or `NotUnderstood`."""
    wire = decode(payload, WireRequest, CONSENT_LIMIT)
    _check_parties(REQUEST, wire.asker, wire.originator, wire.beneficiary)
    return Request(
        id=bytes(wire.id),
        asker=wire.asker,
        originator=wire.originator,
        beneficiary=wire.beneficiary,
        leaves=_from_wire(wire.leaves, REQUEST),
        purpose=wire.purpose,
        why=wire.why,
        until=wire.until,
        repeated=wire.repeated,
        at=wire.at,
    )


def encode_grant(grant: Grant) -> bytes:
    """The payload of a grant document."""
    return encode(
        WireGrant(
            request=grant.request,
            originator=grant.originator,
            grantee=grant.grantee,
            beneficiary=grant.beneficiary,
            leaves=_to_wire(grant.leaves),
            purpose=grant.purpose,
            agreement=grant.agreement,
            not_after=grant.not_after,
            at=grant.at,
            rendition=grant.rendition,
            obligations=tuple(sorted(set(grant.obligations))),
            onward=onward_to_wire(grant.onward),
            repeated=grant.repeated,
        )
    )


def decode_grant(payload: bytes) -> Grant:
    """The grant of a payload. Raises `Malformed` or `NotUnderstood`."""
    wire = decode(payload, WireGrant, CONSENT_LIMIT)
    _check_parties(GRANT, wire.originator, wire.grantee, wire.beneficiary)
    onward = onward_from_wire(wire.onward)
    leaves = _from_wire(wire.leaves, GRANT)
    if onward_to_wire(onward) != wire.onward or list(wire.obligations) != sorted(set(wire.obligations)):
        raise Malformed("a grant's arrays must be sorted and without repetition", input=GRANT)
    if wire.rendition and {each.root for each in leaves} != {bytes(wire.rendition)}:
        raise Malformed("a grant with a rendition is for that rendition's leaves alone", input=GRANT)
    return Grant(
        request=bytes(wire.request),
        originator=wire.originator,
        grantee=wire.grantee,
        beneficiary=wire.beneficiary,
        leaves=leaves,
        rendition=bytes(wire.rendition),
        purpose=wire.purpose,
        obligations=wire.obligations,
        onward=onward,
        agreement=bytes(wire.agreement),
        not_after=wire.not_after,
        repeated=wire.repeated,
        at=wire.at,
    )


def _to_wire(leaves: Sequence[Leaves]) -> tuple[WireLeaves, ...]:
    ordered = sorted(leaves, key=lambda each: each.root)
    return tuple(WireLeaves(root=each.root, positions=tuple(sorted(set(each.positions)))) for each in ordered)


def _from_wire(leaves: Sequence[WireLeaves], what: str) -> tuple[Leaves, ...]:
    roots = [each.root for each in leaves]
    rising = all(
        each.positions and each.positions[0] >= 0 and list(each.positions) == sorted(set(each.positions))
        for each in leaves
    )
    if not leaves or roots != sorted(set(roots)) or not rising:
        raise Malformed(
            "leaves are named by root and position, sorted, each once", input=what, where="leaves"
        )
    if sum(len(each.positions) for each in leaves) > LEAVES_LIMIT:
        raise Malformed(f"more than {LEAVES_LIMIT} leaves are named", input=what, where="leaves")
    return tuple(Leaves(root=bytes(each.root), positions=each.positions) for each in leaves)


def _check_parties(what: str, *parties: str) -> None:
    if len(set(parties)) != len(parties) or not all(map(is_fingerprint, parties)):
        raise Malformed("it must name three different parties", input=what, where="parties")
