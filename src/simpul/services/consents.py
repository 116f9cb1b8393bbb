"""What is kept of a consent asked: its documents, and where it stands (domain.grants has the drawing).

The request and the grant are signed documents of the directory, found by the party they are about, the beneficiary.
Beside them stands a small record for each request: its state, who at home approved, what a single grant was used for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.grants import MOVES, REVOKED, USED, ConsentState, Grant, Request, flaw
from simpul.errors import Ambiguous, NotFound, Refusal
from simpul.ports import SignedRow, Unit
from simpul.protocol.canonical import Bytes32, Hex, Wire, decode, encode
from simpul.protocol.documents import Document, parse_document
from simpul.protocol.grants import GRANT, REQUEST, decode_grant, decode_request
from simpul.services.node import Node


class Approved(Wire, frozen=True, kw_only=True):
    """One person's approval of a grant: the user, the id of the key, and both signatures over the grant's payload."""

    user: str
    key: Bytes32
    signatures: tuple[Hex, Hex]
    at: int


class Record(Wire, frozen=True, kw_only=True):
    """Where a request stands at this node.

    Attributes:
        state: a `ConsentState`.
        draft: at the originator, the grant's payload while it waits for its second person.
        approvals: of that payload.
        grant: hash of the grant document, once there is one.
        reason: why it was denied or revoked.
        used: by which release a single grant was used up: product and version.
        changed: when it last changed, microseconds UTC.
    """

    state: str
    changed: int
    draft: Hex = b""
    approvals: tuple[Approved, ...] = ()
    grant: Hex = b""
    reason: str = ""
    used: str = ""


class Consent(Struct, frozen=True, kw_only=True):
    """A request with what became of it here. `document` is the grant's, empty while there is none."""

    row: SignedRow
    request: Request
    record: Record
    grant: Grant | None
    document: bytes

    @property
    def state(self) -> ConsentState:
        """Where it stands."""
        return ConsentState(self.record.state)


def keep_request(unit: Unit, document: Document, request: Request, at: int) -> None:
    """Keep a request, signed by its asker, as asked."""
    unit.directory.put_signed(
        SignedRow(
            kind=REQUEST,
            id=request.id.hex(),
            version=1,
            hash=document.hash,
            document=document.encode(),
            signed_by=(request.asker,),
            proposed_by=request.asker,
            at=at,
            party=request.beneficiary,
        )
    )
    _put(unit, request.id.hex(), Record(state=ConsentState.ASKED, changed=at))


def keep_grant(unit: Unit, consent: Consent, document: Document, grant: Grant, at: int) -> None:
    """Keep the grant that answers a request, signed by its originator; the request is granted."""
    unit.directory.put_signed(
        SignedRow(
            kind=GRANT,
            id=consent.row.id,
            version=1,
            hash=document.hash,
            document=document.encode(),
            signed_by=(grant.originator,),
            proposed_by=grant.originator,
            at=at,
            party=grant.beneficiary,
        )
    )
    move(unit, consent, ConsentState.GRANTED, at, grant=document.hash, draft=b"")


def move(unit: Unit, consent: Consent, to: ConsentState, at: int, **changes: object) -> None:
    """Bring a request into another state.

    Raises:
        Refusal: it cannot go there from where it stands.
    """
    if to not in MOVES[consent.state]:
        raise Refusal(
            f"a consent that is {consent.state} cannot become {to}",
            input=consent.row.id,
            do="see `simpul consent list`",
        )
    _put(unit, consent.row.id, replace(consent.record, state=to, changed=at, **changes))


def _put(unit: Unit, id: str, record: Record) -> None:
    unit.directory.put(_name(id), encode(record))


def _name(id: str) -> str:
    return f"consent:{id}"


def consents(unit: Unit, party: str | None = None) -> Iterator[Consent]:
    """Every consent asked of this node or by it, newest first; about one beneficiary, if stated."""
    grants = {row.id: row for row in unit.directory.signed(GRANT, party=party)}
    for row in unit.directory.signed(REQUEST, party=party):
        granted = grants.get(row.id)
        yield Consent(
            row=row,
            request=_request(row.document),
            record=decode(unit.directory.get(_name(row.id)) or b"", Record),
            grant=_grant(granted.document) if granted else None,
            document=granted.document if granted else b"",
        )


@lru_cache(maxsize=1024)
def _request(document: bytes) -> Request:
    return decode_request(parse_document(document).payload)


@lru_cache(maxsize=1024)
def _grant(document: bytes) -> Grant:
    return decode_grant(parse_document(document).payload)


def by_request(unit: Unit, hash: bytes) -> Consent | None:
    """The consent whose request document has this hash."""
    return next((each for each in consents(unit) if each.row.hash == hash), None)


def wanted_consent(unit: Unit, wanted: str) -> Consent:
    """The consent that a person means by the start of its id. Raises `NotFound` or `Ambiguous`."""
    found = [each for each in consents(unit) if wanted and each.row.id.startswith(wanted.casefold())]
    if not found:
        raise NotFound(f"no consent is called '{wanted}'", input=wanted, do="see `simpul consent list`")
    if len(found) > 1:
        raise Ambiguous(f"'{wanted}' fits several", candidates=[each.row.id for each in found], input=wanted)
    return found[0]


def flaw_of(consent: Consent, node: Node, *, purpose: str, at: int, release: str = "") -> str | None:
    """The clause by which this node may not use a grant now; None if it may.

    `release` names the release that would use it (`used_by`): what it used up already, it may go on using.
    """
    grant = consent.grant
    if grant is None:
        return USED if consent.state is ConsentState.USED else REVOKED
    if consent.state is ConsentState.REVOKED:
        return REVOKED
    if consent.state is ConsentState.USED and consent.record.used != release:
        return USED
    request = consent.request
    return flaw(
        grant,
        originator=request.originator,
        grantee=node.party,
        beneficiary=request.beneficiary,
        purpose=purpose,
        at=at,
    )


def used_by(product: str, version: int) -> str:
    """What a single grant is used up by: one version of one product (to its beneficiary)."""
    return f"{product} {version}"
