"""Pseudonyms in blind circles: how one asks to be in, how its owner vouches for it, and who is certified (spec/circles.md).

A pseudonym lives in a home of its own that knows nothing of its owner. Between the two homes goes one file, by hand:
the enrolment. The owner's home sends it to the convener, who alone then knows whose pseudonym it is.

    ask(node, circle, convener, by) -> bytes    in the pseudonym's home: the enrolment, and its consent to be in
    vouch(node, file, by) -> Enrolment          in the owner's home: sends it to the convener
    has_asked(unit, node, charter)              whether this home asked to be in that circle
    certified(unit, charter)                    pseudonyms whose certificates by the convener are here
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from simpul.domain.blind import Certificate, Enrolment, is_pseudonym
from simpul.domain.circles import Charter, is_circle_name
from simpul.errors import BadSignature, InputFault, Misdirected, Refusal
from simpul.ports import SignedRow, Unit
from simpul.protocol import cards
from simpul.protocol.blind import (
    CERTIFICATE,
    ENROLMENT,
    ENROLMENT_FILE,
    BlindStep,
    decode_certificate,
    decode_enrolment,
    encode_enrolment,
    enrolment_file,
    read_enrolment_file,
)
from simpul.protocol.documents import Document, parse_document, require, sign, verify
from simpul.protocol.keys import PublicKey
from simpul.services import circling
from simpul.services.auditing import record
from simpul.services.connecting import card_of, own_card_of
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.querying import party_of
from simpul.services.stepping import signing_key


def is_pseudonymous(unit: Unit, node: Node) -> bool:
    """Whether this home is a pseudonym's."""
    card = own_card_of(unit, node)
    return is_pseudonym(card.party, card.name, card.country)


def ask(node: Node, circle: str, convener: str, by: str) -> bytes:
    """Ask to be in a blind circle: the enrolment, for the owner's home to send. Only circles asked for can begin here.

    Args:
        node: the pseudonym's.
        circle: its name.
        convener: whose card was added here, by name or fingerprint.
        by: the acting user, or empty.

    Raises:
        Refusal: this home is not a pseudonym's.
        InputFault: not a circle's name, or nobody known here.
    """
    with node.store.write() as unit:
        if not is_pseudonymous(unit, node):
            raise Refusal(
                "this home is not a pseudonym's: its card says whose it is",
                input="--home",
                do="found one with `simpul init --pseudonym`",
            )
        if not is_circle_name(circle):
            raise InputFault(f"'{circle}' cannot name a circle", input=circle)
        who = party_of(unit, convener).fingerprint
        enrolment = Enrolment(circle=circle, convener=who, party=node.party)
        document = sign(ENROLMENT, node.realm, encode_enrolment(enrolment), signing_key(node))
        unit.directory.put_signed(
            SignedRow(
                kind=ENROLMENT,
                id=f"{circle} {node.party}",
                version=1,
                hash=document.hash,
                document=document.encode(),
                signed_by=(node.party,),
                proposed_by=node.party,
                at=node.clock(),
                party=node.party,
            )
        )
        record(unit, node, "charter", {"step": "ask", "circle": circle, "by": by or node.party})
        versions = range(1, own_card_of(unit, node).version + 1)
        own = [unit.directory.card(node.party, version) for version in versions]
        return enrolment_file(document, [each for each in own if each is not None])


def vouch(node: Node, file: Path | bytes, by: str) -> Enrolment:
    """Say to the convener that a pseudonym is this party's own. Nothing of the pseudonym is kept here but the message.

    Raises:
        InputFault: the file cannot be read.
        Refusal: this home is a pseudonym's itself.
        PartnerFault: it holds no enrolment that verifies.
        NotFound: the convener is not known here.
    """
    data = file if isinstance(file, bytes) else _read(file)
    enrolment, _, _ = checked(node, data)
    with node.store.write() as unit:
        if is_pseudonymous(unit, node):
            raise Refusal(
                "a pseudonym cannot vouch for another",
                input="--home",
                do="vouch in the home of the party whose pseudonym it is",
            )
        if enrolment.convener == node.party:
            raise Refusal("whoever convenes a blind circle is not in it", input="enrolment")
        to = party_of(unit, enrolment.convener).fingerprint
        post(unit, node, to, BlindStep(step="enrol", id=enrolment.circle), [data])
        record(unit, node, "charter", {"step": "vouch", "circle": enrolment.circle, "by": by or node.party})
    return enrolment


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(ENROLMENT_FILE + 1)
    except OSError as fault:
        raise InputFault(f"the file cannot be read: {fault.strerror}", input=str(file)) from fault


def checked(node: Node, data: bytes) -> tuple[Enrolment, cards.Card, tuple[Document, ...]]:
    """An enrolment, the card of its pseudonym, and the documents that lead to that card.

    Raises:
        PartnerFault: it is not one, or is not signed by the pseudonym, or the card says whose it is.
    """
    document, behind = read_enrolment_file(data)
    # (1) an enrolment, of this realm
    require(document, ENROLMENT, node.realm)
    enrolment = decode_enrolment(document.payload)
    # (2) the card is the pseudonym's own, and says nothing that anybody chose
    card = cards.read_chain(behind)
    if card.party != enrolment.party or not is_pseudonym(card.party, card.name, card.country):
        raise Misdirected("the card behind it is not that of a pseudonym", input="enrolment", where="card")
    # (3) whoever holds the pseudonym's keys asks: nobody enrols what is another's
    verify(document, [term.public for term in card.realm(node.realm).signing])
    return enrolment, card, behind


def has_asked(unit: Unit, node: Node, charter: Charter) -> bool:
    """Whether this home asked that convener to be in that circle."""
    for row in unit.directory.signed(ENROLMENT, party=node.party):
        asked = decode_enrolment(parse_document(row.document).payload)
        if (asked.circle, asked.convener, asked.party) == (charter.id, charter.convener, node.party):
            return True
    return False


# Certificates.


def keep_certificates(unit: Unit, node: Node, documents: Iterable[Document]) -> None:
    """Keep the certificates of circles that this home asked to be in.

    Raises:
        Misdirected: of a circle that it did not ask to be in.
        BadSignature: not signed by the circle's convener.
        Malformed: not a certificate.
    """
    for document in documents:
        certificate = decode_certificate(document.payload)
        # (1) of a circle that this home asked that convener to be in
        if not _expected(unit, node, certificate):
            raise Misdirected("a certificate of a circle that this home did not ask for", input="pseudonym")
        # (2) signed by the convener
        verify(document, _convener_keys(unit, node, certificate.convener))
        keep_certificate(unit, node, document)


def _expected(unit: Unit, node: Node, certificate: Certificate) -> bool:
    rows = unit.directory.signed(ENROLMENT, party=node.party)
    asked = [decode_enrolment(parse_document(row.document).payload) for row in rows]
    return any((each.circle, each.convener) == (certificate.circle, certificate.convener) for each in asked)


def _convener_keys(unit: Unit, node: Node, convener: str) -> list[PublicKey]:
    card = card_of(unit, convener)
    if card is None:
        raise BadSignature("signed by a convener that is not known here", input="pseudonym")
    revoked = {each.key for each in card.revoked}
    terms = card.realm(node.realm).signing
    return [term.public for term in terms if term.public.id not in revoked]


def verify_by_convener(unit: Unit, node: Node, document: Document, convener: str) -> None:
    """Check that the convener signed it. Raises `BadSignature`."""
    verify(document, _convener_keys(unit, node, convener))


def keep_certificate(unit: Unit, node: Node, document: Document) -> None:
    """Store a certificate that was verified, or made here; one of that pseudonym that is here already stays."""
    certificate = decode_certificate(document.payload)
    before = certificate_rows(unit, certificate.circle).get(certificate.party)
    if before is not None and _certificate(before).convener == certificate.convener:
        return
    unit.directory.put_signed(
        SignedRow(
            kind=CERTIFICATE,
            id=f"{certificate.circle} {certificate.party}",
            version=1,
            hash=document.hash,
            document=document.encode(),
            signed_by=(certificate.convener,),
            proposed_by=certificate.convener,
            at=node.clock(),
            party=certificate.party,
        )
    )


def certificate_rows(unit: Unit, circle: str) -> dict[str, SignedRow]:
    """By pseudonym, the certificate that is here for a circle."""
    rows = unit.directory.signed(CERTIFICATE)
    return {row.party: row for row in rows if _certificate(row).circle == circle}


def _certificate(row: SignedRow) -> Certificate:
    return decode_certificate(parse_document(row.document).payload)


def certified(unit: Unit, charter: Charter) -> frozenset[str]:
    """Pseudonyms of a circle whose certificates by its convener are here."""
    rows = certificate_rows(unit, charter.id)
    return frozenset(p for p, row in rows.items() if _certificate(row).convener == charter.convener)


def problem_with(unit: Unit, node: Node, charter: Charter) -> str:
    """Why a blind charter cannot be of this home; empty where it can.

    Its convener's own home made it. Any other home must have asked to be in, and not have left since, and every pseudonym
    that it names must be certified.
    """
    if charter.convener == node.party:
        return ""
    if not has_asked(unit, node, charter):
        return f"a blind circle '{charter.id}' that this home did not ask that convener to be in"
    left = circling.leaves(unit, charter.id).get(node.party)
    if left is not None and left < charter.epoch and node.party in charter.members:
        return f"a charter of '{charter.id}' that names this home, which has left"
    if not frozenset(charter.members) <= certified(unit, charter):
        return f"a charter of '{charter.id}' that names somebody without a certificate of its convener"
    return ""


def certificates_for(unit: Unit, circle: str, members: Iterable[str]) -> list[bytes]:
    """The certificates of these members that are here."""
    rows = certificate_rows(unit, circle)
    return [rows[party].document for party in members if party in rows]
