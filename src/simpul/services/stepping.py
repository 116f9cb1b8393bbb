"""What every step of an agreement needs: whose signatures are on a document, telling the others, and the leaf in the log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.agreements import Agreement
from simpul.errors import PartnerFault
from simpul.ports import SignedRow, Unit
from simpul.protocol.documents import Document, parse_document, verify
from simpul.protocol.keys import SigningKey
from simpul.protocol.payloads import AgreementStep
from simpul.services.auditing import record
from simpul.services.connecting import card_of
from simpul.services.node import Node
from simpul.services.posting import post

PROPOSE, COUNTER, SIGN, ACT, ACKNOWLEDGE = "propose", "counter", "sign", "act", "acknowledge"
"""Steps of an agreement, as `AgreementStep.step`."""

STEP_LEAF = "agreement"
"""The kind of the leaf that a step is in the log."""

SIGNATURES = "agreement.signatures"
"""The clause by which what is signed by nobody entitled, or not by who must, is refused."""


def signing_key(node: Node) -> SigningKey:
    """The key by which this node signs what is between nations."""
    return SigningKey(node.keyring.secret("signing"))


def signers(unit: Unit, node: Node, document: Document, terms: Agreement, at: int) -> set[str]:
    """The parties whose signatures are on a document; every signature must be by one of them, with a key valid at `at`.

    Raises:
        BadSignature, Stale: a signature that none of the parties' cards explains.
    """
    keys = {}
    for party in terms.parties:
        card = card_of(unit, party)
        for term in card.realm(node.realm).signing if card else ():
            keys[term.public.id] = (party, term.public)
    try:
        made = verify(document, [public for _, public in keys.values()])
        for id in made:
            card = card_of(unit, keys[id][0])
            if card is not None:
                card.signer(node.realm, id, at)
    except PartnerFault as fault:
        fault.where = SIGNATURES
        raise
    return {keys[id][0] for id in made}


def merged(row: SignedRow, document: Document, signed_by: set[str]) -> SignedRow:
    """A stored document with the signatures that another copy of it brings."""
    stored = parse_document(row.document)
    have = {signature.key for signature in stored.signatures}
    added = tuple(s for s in document.signatures if s.key not in have)
    return replace(
        row,
        document=replace(stored, signatures=(*stored.signatures, *added)).encode(),
        signed_by=tuple(sorted({*row.signed_by, *signed_by})),
    )


def tell(
    unit: Unit, node: Node, terms: Agreement, step: str, documents: Sequence[bytes], at: int, *, to: str = ""
) -> None:
    """Send a step to every other party, or to one."""
    notice = AgreementStep(step=step, id=terms.id, version=terms.version, at=at)
    for party in (to,) if to else terms.parties:
        if party != node.party:
            post(unit, node, party, notice, documents)


class Step(Struct, frozen=True, kw_only=True):
    """One step: of which version of which agreement, by which document (its hash), by which party, and when."""

    step: str
    agreement: str
    version: int
    hash: bytes
    party: str
    at: int


def record_step(unit: Unit, node: Node, taken: Step, by: str = "") -> None:
    """Log a step; `by` is the user who took it here, or empty."""
    content = msgspec.structs.asdict(taken) | {"hash": taken.hash.hex(), "by": by or taken.party}
    record(unit, node, STEP_LEAF, content)


def when(stated: int, created: int) -> int:
    """When a partner took a step: what it states, if that is not after the message about it."""
    return stated if 0 < stated <= created else created
