"""Acts on agreements as signed documents (spec/documents.md, "Agreement act").

An act is signed by the party that does it; the others sign the same bytes when it has reached them, or, for a
resumption, when they agree.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from simpul.domain.acts import Act, AgreementAct
from simpul.errors import Malformed
from simpul.protocol.canonical import Bytes32, Hex, Wire, decode, encode

ACT_KIND: Final = "agreement-act"
ACT_LIMIT: Final = 16 * 1024
"""Bytes of an act's payload, at most."""

LIFTS_LIMIT: Final = 64
"""Suspensions that one resumption can end."""


class WireAct(Wire, frozen=True, kw_only=True):
    """`domain.acts.AgreementAct` as it is signed."""

    act: Annotated[str, Meta(pattern="^(suspend|resume|denounce|decline)$")]
    party: str
    agreement: str
    version: int
    terms: Bytes32
    made: int
    since: int
    reason: str = ""
    previous: Hex = b""
    lifts: Annotated[tuple[Bytes32, ...], Meta(max_length=LIFTS_LIMIT)] = ()


def encode_act(act: AgreementAct) -> bytes:
    """The payload that the parties sign."""
    return encode(
        WireAct(
            act=act.act.value,
            party=act.party,
            agreement=act.agreement,
            version=act.version,
            terms=act.terms,
            made=act.made,
            since=act.since,
            reason=act.reason,
            previous=act.previous,
            lifts=act.lifts,
        )
    )


def decode_act(data: bytes) -> AgreementAct:
    """The act of a payload.

    Raises:
        Malformed, NotUnderstood: not one act in its one form.
    """
    wire = decode(data, WireAct, ACT_LIMIT)
    if len(wire.previous) not in (0, 32):
        raise Malformed("the act before it is not named by a hash", input=ACT_KIND, where="previous")
    return AgreementAct(
        act=Act(wire.act),
        party=wire.party,
        agreement=wire.agreement,
        version=wire.version,
        terms=bytes(wire.terms),
        made=wire.made,
        since=wire.since,
        reason=wire.reason,
        previous=bytes(wire.previous),
        lifts=tuple(map(bytes, wire.lifts)),
    )
