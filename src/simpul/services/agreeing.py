"""Agreements on their way into force: propose, receive, sign; and which one decides between two parties now.

A proposal is a document that every named party signs; the document gains signatures and keeps its hash. It is in force
when all have signed the same bytes and its dates hold. Each step travels as an `agreement-step` with the document as
it stands, and is a leaf in the log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import about_time
from simpul.domain.agreements import Agreement, AgreementState, covers
from simpul.domain.agreements import state as agreement_state
from simpul.domain.policy import Reason
from simpul.errors import Ambiguous, InputFault, Malformed, Misdirected, NotFound, Refusal, TooLarge
from simpul.formats.terms import read_agreement, write_agreement
from simpul.ports import SignedRow, Unit
from simpul.protocol.agreements import (
    AGREEMENT_LIMIT,
    KIND,
    WireAgreement,
    decode_agreement,
    encode_agreement,
)
from simpul.protocol.canonical import decode
from simpul.protocol.documents import Document, countersign, parse_document, require, sign, verify
from simpul.protocol.envelope import Opened
from simpul.protocol.keys import SigningKey
from simpul.protocol.message import Message
from simpul.protocol.payloads import AgreementStep, decode_payload
from simpul.services.auditing import record
from simpul.services.connecting import card_of
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.querying import names_of, party_of
from simpul.services.small_files import read_small
from simpul.services.times import DAY


class Standing(Struct, frozen=True, kw_only=True):
    """One version of an agreement and where it stands. `words` are its terms as TOML, `terms` as plain values."""

    agreement: str
    version: int
    hash: bytes
    state: str
    words: tuple[str, ...]
    terms: dict[str, Any]


class InForce(Struct, frozen=True, kw_only=True):
    """An agreement that decides: its terms and the hash that messages name it by."""

    terms: Agreement
    hash: bytes


def propose(node: Node, file: Path, by: str) -> Standing:
    """Sign terms and offer them to the other parties.

    Raises:
        InputFault: the file, a party without a card here, this node is not named, or that version exists already.
    """
    now = node.clock()
    with node.store.write() as unit:
        terms = read_agreement(
            read_small(file), party=lambda p: party_of(unit, p).fingerprint, input=str(file)
        )
        if node.party not in terms.parties:
            raise InputFault("this node is not one of the parties", input=str(file), where="parties")
        if any((row.id, row.version) == (terms.id, terms.version) for row in unit.directory.signed(KIND)):
            raise InputFault(
                f"version {terms.version} of agreement '{terms.id}' exists already",
                input=str(file),
                where="version",
                do="raise the version",
            )
        if _name_is_anothers(unit, terms):
            raise InputFault(
                f"'{terms.id}' is an agreement between other parties",
                input=str(file),
                where="id",
                do="give it another id",
            )
        payload = encode_agreement(terms)
        if len(payload) > AGREEMENT_LIMIT:
            raise TooLarge(f"the terms take more than {AGREEMENT_LIMIT} bytes", input=str(file))
        document = sign(KIND, node.realm, payload, _key(node))
        row = SignedRow(
            kind=KIND,
            id=terms.id,
            version=terms.version,
            hash=document.hash,
            document=document.encode(),
            signed_by=(node.party,),
            proposed_by=node.party,
            at=now,
        )
        unit.directory.put_signed(row)
        _tell(unit, node, row, terms, "propose")
        _record(unit, node, row, "propose", by)
        return _standing(unit, node, row)


def sign_agreement(node: Node, wanted: str, by: str) -> Standing:
    """Sign the newest version of an agreement that this node has not signed yet.

    Raises:
        NotFound: no such agreement.
        Refusal: there is nothing to sign any more.
    """
    with node.store.write() as unit:
        row = _row(unit, wanted)
        if node.party in row.signed_by:
            raise Refusal(
                f"this node has signed version {row.version} of '{row.id}' already",
                input=wanted,
                do="wait for the other parties; `simpul agreement show` says who has signed",
            )
        document = countersign(parse_document(row.document), _key(node))
        signed = replace(
            row, document=document.encode(), signed_by=tuple(sorted({*row.signed_by, node.party}))
        )
        unit.directory.put_signed(signed)
        _tell(unit, node, signed, decode_agreement(document.payload), "sign")
        _record(unit, node, signed, "sign", by)
        return _standing(unit, node, signed)


def show(node: Node, wanted: str) -> Standing:
    """One agreement, its newest version. Raises `NotFound` or `Ambiguous`."""
    with node.store.read() as unit:
        return _standing(unit, node, _row(unit, wanted))


def list_agreements(node: Node) -> list[Standing]:
    """Every version of every agreement, newest first."""
    with node.store.read() as unit:
        return [_standing(unit, node, row) for row in unit.directory.signed(KIND)]


def in_force(unit: Unit, node: Node, partner: str, purpose: str, at: int) -> InForce | None:
    """The agreement that decides between this node and a partner.

    Of those in force at `at` it is the newest that names the purpose; else the newest in force, so that the refusal
    names the purpose and not a missing agreement; else the newest that all signed, so that it can be said what is
    wrong with it.
    """
    rows = [
        (row, terms)
        for row in unit.directory.signed(KIND)
        if covers(terms := terms_of(row), node.party, partner)
    ]
    valid = [(row, t) for row, t in rows if _state(unit, row, t, at) is AgreementState.IN_FORCE]
    for row, terms in valid:
        if purpose in terms.purposes:
            return InForce(terms=terms, hash=row.hash)
    signed = valid or [(row, t) for row, t in rows if set(t.parties) <= set(row.signed_by)]
    return InForce(terms=signed[0][1], hash=signed[0][0].hash) if signed else None


def by_hash(unit: Unit, hash: bytes) -> InForce | None:
    """The agreement that a message names, if every party has signed it as far as this node knows."""
    row = unit.directory.signed_by_hash(KIND, hash)
    if row is None:
        return None
    terms = terms_of(row)
    return InForce(terms=terms, hash=hash) if set(terms.parties) <= set(row.signed_by) else None


def is_in_force(unit: Unit, hash: bytes, at: int) -> bool:
    """Whether all signed the agreement with this hash, its dates hold at `at`, and no later version has begun."""
    row = unit.directory.signed_by_hash(KIND, hash)
    return row is not None and _state(unit, row, terms_of(row), at) is AgreementState.IN_FORCE


def too_late(unit: Unit, node: Node, message: Message, agreement: InForce | None) -> tuple[Reason, ...]:
    """Why the time as of which a message was decided is not taken on its sender's word (spec/message.md, "Time")."""
    return about_time(
        decided_at=message.decided_at,
        created=message.created,
        ended=_ended(unit, agreement.terms) if agreement else None,
        now=node.clock(),
        grace=node.limits.message_days * DAY,
    )


def _ended(unit: Unit, terms: Agreement) -> int:
    """When an agreement ends: by its date, or when a later version that all signed began, as far as known here."""
    begun = [
        max(later.not_before, row.at)
        for row in unit.directory.signed(KIND)
        if row.id == terms.id
        and row.version > terms.version
        and set((later := terms_of(row)).parties) <= set(row.signed_by)
    ]
    return min([terms.not_after, *begun])


def terms_of(row: SignedRow) -> Agreement:
    """The terms of a stored document, which was verified when it came."""
    return decode_agreement(parse_document(row.document).payload)


def take_step(unit: Unit, node: Node, opened: Opened) -> None:
    """A partner proposes or signs. The document must verify against the cards of all who signed it.

    Raises:
        Misdirected: this node or the sender is not a party to it, or it is of another realm.
        Malformed: several documents, or one that contradicts a version that is here.
        BadSignature: a signature that none of the parties' cards explains.
    """
    step, documents = decode_payload(opened.payload, AgreementStep)
    if len(documents) != 1:
        raise Malformed("an agreement step carries one document", input="agreement-step")
    document = parse_document(documents[0])
    # (1) an agreement of this realm between its sender, us, and whoever else
    require(document, KIND, node.realm)
    terms = decode_agreement(document.payload)
    if not covers(terms, node.party, opened.message.sender):
        raise Misdirected("an agreement between other parties", input="agreement-step", where="parties")
    # (2) every signature is by a party whose card is here
    signed_by = _signers(unit, node, document, terms, opened.message.created)
    # (3) one version has one content
    stored = next(
        (r for r in unit.directory.signed(KIND) if (r.id, r.version) == (terms.id, terms.version)), None
    )
    if stored is not None and stored.hash != document.hash:
        raise Malformed(
            f"another text of version {terms.version} of '{terms.id}' is here already",
            input="agreement-step",
            do="propose it under a higher version",
        )
    # (4) an id stays with its parties: nobody else gets signed, or supersedes, by bearing the same name
    if _name_is_anothers(unit, terms):
        raise Misdirected(f"'{terms.id}' is an agreement between other parties", input="agreement-step")
    merged = document if stored is None else _merged(parse_document(stored.document), document)
    row = SignedRow(
        kind=KIND,
        id=terms.id,
        version=terms.version,
        hash=document.hash,
        document=merged.encode(),
        signed_by=tuple(sorted({*signed_by, *(stored.signed_by if stored else ())})),
        proposed_by=stored.proposed_by if stored else opened.message.sender,
        at=stored.at if stored else node.clock(),
    )
    unit.directory.put_signed(row)
    _record(unit, node, row, step.step, opened.message.sender)


def _name_is_anothers(unit: Unit, terms: Agreement) -> bool:
    return any(
        row.id == terms.id and set(terms_of(row).parties) != set(terms.parties)
        for row in unit.directory.signed(KIND)
    )


def _merged(one: Document, other: Document) -> Document:
    have = {signature.key for signature in one.signatures}
    added = tuple(s for s in other.signatures if s.key not in have)
    return replace(one, signatures=(*one.signatures, *added))


def _signers(unit: Unit, node: Node, document: Document, terms: Agreement, at: int) -> set[str]:
    keys = {}
    for party in terms.parties:
        card = card_of(unit, party)
        for term in card.realm(node.realm).signing if card else ():
            keys[term.public.id] = (party, term.public)
    signers = verify(document, [public for _, public in keys.values()])
    for id in signers:
        party, _ = keys[id]
        card = card_of(unit, party)
        if card is not None:
            card.signer(node.realm, id, at)
    return {keys[id][0] for id in signers}


def _row(unit: Unit, wanted: str) -> SignedRow:
    rows = unit.directory.signed(KIND)
    found = [r for r in rows if r.id == wanted] or [
        r for r in rows if len(wanted) >= 6 and r.hash.hex().startswith(wanted.casefold())
    ]
    if not found:
        raise NotFound(f"there is no agreement '{wanted}'", input=wanted, do="see `simpul agreement list`")
    if len({r.id for r in found}) > 1:
        raise Ambiguous(f"'{wanted}' fits several", candidates=[r.hash.hex() for r in found], input=wanted)
    return max(found, key=lambda r: r.version)


def _state(unit: Unit, row: SignedRow, terms: Agreement, at: int) -> AgreementState:
    superseded = any(
        other.id == row.id and other.version > row.version and _in_force_by_itself(other, at)
        for other in unit.directory.signed(KIND)
    )
    return agreement_state(terms, signed_by=row.signed_by, now=at, superseded=superseded)


def _in_force_by_itself(row: SignedRow, at: int) -> bool:
    return agreement_state(terms_of(row), signed_by=row.signed_by, now=at) is AgreementState.IN_FORCE


def _standing(unit: Unit, node: Node, row: SignedRow) -> Standing:
    terms = terms_of(row)
    names = names_of(unit)
    signed = ", ".join(names.get(p, p) for p in row.signed_by) or "nobody"
    waiting = ", ".join(names.get(p, p) for p in terms.parties if p not in row.signed_by)
    return Standing(
        agreement=row.id,
        version=row.version,
        hash=row.hash,
        state=_state(unit, row, terms, node.clock()).value,
        words=(
            f"signed by  {signed}" + (f"; waiting for {waiting}" if waiting else ""),
            "",
            *write_agreement(terms, name_of=lambda p: names.get(p, p)).splitlines(),
        ),
        terms=msgspec.to_builtins(decode(parse_document(row.document).payload, WireAgreement)),
    )


def _tell(unit: Unit, node: Node, row: SignedRow, terms: Agreement, step: str) -> None:
    for party in terms.parties:
        if party != node.party:
            post(unit, node, party, AgreementStep(step=step, id=row.id, version=row.version), [row.document])


def _record(unit: Unit, node: Node, row: SignedRow, step: str, by: str) -> None:
    record(
        unit,
        node,
        "agreement",
        {"step": step, "agreement": row.id, "version": row.version, "hash": row.hash.hex(), "by": by},
    )


def _key(node: Node) -> SigningKey:
    return SigningKey(node.keyring.secret("signing"))
