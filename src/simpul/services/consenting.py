"""Asking an originator to let something be passed on, and taking its answer (spec/onward.md).

The request names exactly which leaves of which manifests of the originator should go, to whom and what for. The answer
is a grant, signed; a denial; or, later, that what was granted is revoked. How an originator answers is in `granting`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from simpul.domain import grants
from simpul.domain.grants import FLAWS, LONGEST_TEXT, ConsentState, Grant, Leaves, Request
from simpul.domain.objects import ObjectKey
from simpul.domain.queries import HOME
from simpul.errors import InputFault, Malformed, Misdirected, NotFound, PolicyRefusal, Stale
from simpul.ports import Unit
from simpul.protocol.documents import Document, parse_document, require, sign, verify
from simpul.protocol.envelope import Opened
from simpul.protocol.grants import (
    DENIED,
    GRANT,
    GRANTED,
    LEAVES_LIMIT,
    REQUEST,
    REVOKED,
    ConsentAnswer,
    ConsentRequest,
    decode_grant,
    encode_request,
)
from simpul.protocol.keys import PublicKey, SigningKey
from simpul.protocol.manifest import decode_manifest
from simpul.protocol.payloads import decode_payload
from simpul.services.agreeing import is_in_force
from simpul.services.auditing import record
from simpul.services.connecting import card_of
from simpul.services.consents import (
    Consent,
    by_request,
    consents,
    keep_grant,
    keep_request,
    move,
    wanted_consent,
)
from simpul.services.enrolling import Signer
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.querying import names_of, party_of
from simpul.services.times import rfc3339

ASKED, TO_ANSWER = "asked", "to-answer"
"""Which way a request went: this node asked, or it is to answer."""

EXPIRED: Final = "expired"
"""How a grant is shown whose time is over; nothing is stored for it."""


class Asking(Struct, frozen=True, kw_only=True):
    """What a person asks: `product` is one of this node's, or one that came in; no `objects` means all of it."""

    product: str
    objects: tuple[str, ...]
    to: str
    purpose: str
    why: str
    repeated: bool = False
    until: int | None = None


class ShownConsent(Struct, frozen=True, kw_only=True):
    """A consent for people and programs. Parties are fingerprints; times are microseconds UTC."""

    request: str
    direction: str
    state: str
    asker: str
    originator: str
    beneficiary: str
    leaves: int
    purpose: str
    at: int
    names: dict[str, str]
    asked: dict[str, Any]
    proposed: dict[str, Any] | None
    granted: dict[str, Any] | None


# Asking.


def ask(node: Node, signer: Signer, wanted: Asking) -> ShownConsent:
    """Ask the originator of some objects to let them be passed on.

    Raises:
        InputFault: the texts, or the objects are of several originators.
        NotFound: the product, the beneficiary, an object, or nothing of it is another's.
        PolicyRefusal: no manifest that is here names an object, or the originator has no card here.
    """
    if not wanted.why.strip() or len(wanted.why) > LONGEST_TEXT:
        raise InputFault(f"say why, in at most {LONGEST_TEXT} characters", input="--why")
    with node.store.write() as unit:
        now = node.clock()
        beneficiary = party_of(unit, wanted.to).fingerprint
        keys = _asked_for(unit, node, wanted, beneficiary)
        originator = _one_originator(unit, keys)
        request = Request(
            id=node.entropy(16),
            asker=node.party,
            originator=originator,
            beneficiary=beneficiary,
            leaves=_leaves(unit, keys),
            purpose=wanted.purpose,
            why=wanted.why,
            until=wanted.until,
            repeated=wanted.repeated,
            at=now,
        )
        if request.count > LEAVES_LIMIT:
            raise InputFault(f"one request names at most {LEAVES_LIMIT} objects", input="--object")
        document = sign(REQUEST, node.realm, encode_request(request), signing_key(node))
        keep_request(unit, document, request, now)
        post(unit, node, originator, ConsentRequest(id=request.id), [document.encode()])
        record_consent(unit, node, "ask", document.hash, by=signer.name, party=originator)
        return shown(unit, node, wanted_consent(unit, request.id.hex()))


def _asked_for(unit: Unit, node: Node, wanted: Asking, beneficiary: str) -> list[ObjectKey]:
    """The objects of a product that another originated than this node and the beneficiary.

    Those named, if any are; else those whose rule asks for consent.
    """
    found = [key for key in _carried(unit, wanted.product) if key.originator not in (node.party, beneficiary)]
    missing = set(wanted.objects) - {key.id for key in found}
    if missing:
        raise NotFound(
            f"the product carries no {min(missing)} that another party originated",
            input=min(missing),
            do="see `simpul product preview`",
        )
    if wanted.objects:
        found = [key for key in found if key.id in wanted.objects]
    else:
        found = [key for key in found if _asks(unit, key)]
    if not found:
        raise NotFound("nothing in this product needs another party's consent", input=wanted.product)
    return found


def _asks(unit: Unit, key: ObjectKey) -> bool:
    rules = [label.onward for label in unit.objects.labels_of(HOME, key)]
    return not any(rule is None or rule.none for rule in rules) and any(r and r.consent for r in rules)


def _carried(unit: Unit, product: str) -> list[ObjectKey]:
    try:
        own = unit.products.product(product)
    except NotFound:
        return [key for _, key in unit.mail.tied(unit.mail.inbox_item(product))]
    return [head.key for head, _ in unit.products.members(own.id, own.version)]


def _one_originator(unit: Unit, keys: Sequence[ObjectKey]) -> str:
    originators = sorted({key.originator for key in keys})
    names = names_of(unit)
    if len(originators) > 1:
        raise InputFault(
            f"the objects are of {', '.join(names.get(each, each) for each in originators)}",
            input="--object",
            do="ask each originator for its own objects, with --object",
        )
    if originators[0] not in names:
        raise PolicyRefusal(
            "the card of the originator is not here, so it cannot be asked",
            input=originators[0],
            where="label.onward",
            do="add its card, or ask the partner who passed it on",
        )
    return originators[0]


def _leaves(unit: Unit, keys: Sequence[ObjectKey]) -> tuple[Leaves, ...]:
    """Where the objects stand in their originator's manifests, each in the one that came last."""
    named: dict[bytes, set[int]] = defaultdict(set)
    for key in keys:
        proofs = unit.mail.proofs(key)
        if not proofs:
            raise PolicyRefusal(
                f"no manifest that is here shows {key.id} to be its originator's words",
                input=key.id,
                where="passing.proof",
                do="ask its originator to release it to this node again",
            )
        root = decode_manifest(parse_document(proofs[0].manifest).payload).root
        named[bytes(root)].add(proofs[0].position)
    return tuple(Leaves(root=root, positions=tuple(sorted(named[root]))) for root in sorted(named))


# Taking the answer.


def take_answer(unit: Unit, node: Node, opened: Opened) -> None:
    """The originator grants, denies, or revokes what it granted.

    Raises:
        Misdirected: this node did not ask that of the sender, or what is granted is not what was asked.
        Stale: it was answered already.
        Malformed: a grant without its document, or a document without a grant.
        BadSignature: the grant is not the originator's.
    """
    answer, documents = decode_payload(opened.payload, ConsentAnswer)
    # (1) it answers something that this node asked of this very party
    consent = by_request(unit, answer.request)
    if consent is None or consent.request.originator != opened.message.sender:
        raise Misdirected("an answer to a request that its sender was never sent", input="consent-answer")
    if consent.request.asker != node.party:
        raise Misdirected("an answer to another party's request", input="consent-answer")
    if len(documents) != (answer.outcome == GRANTED):
        raise Malformed("a grant carries its document, and no other answer does", input="consent-answer")
    # (2) what it says
    _BY_OUTCOME[answer.outcome](unit, node, consent, answer, documents)
    record_consent(
        unit, node, answer.outcome, answer.request, by="", party=opened.message.sender, why=answer.reason
    )


def _granted(
    unit: Unit, node: Node, consent: Consent, answer: ConsentAnswer, documents: Sequence[bytes]
) -> None:
    del answer
    document = parse_document(documents[0])
    require(document, GRANT, node.realm)
    # (1) the originator signed it
    verify(document, [_signer(unit, node, document, consent.request.originator)])
    grant = decode_grant(document.payload)
    # (2) it is what was asked, or less
    clause = _mismatch(unit, node, consent, grant)
    if clause:
        raise Misdirected(FLAWS[clause], input="consent-answer", where=clause)
    # (3) nothing was answered before
    _only_from(consent, ConsentState.ASKED)
    keep_grant(unit, consent, document, grant, node.clock())


def _mismatch(unit: Unit, node: Node, consent: Consent, grant: Grant) -> str | None:
    """The clause by which a grant is not an answer to what was asked; None if it is."""
    request, now = consent.request, node.clock()
    if grant.request != consent.row.hash:
        return grants.LEAVES
    if not grant.rendition and not grants.is_within(grant.leaves, request.leaves):
        return grants.LEAVES
    if grant.repeated and not request.repeated:
        return grants.USED
    if not is_in_force(unit, grant.agreement, now):
        return grants.AGREEMENT
    return grants.flaw(
        grant,
        originator=request.originator,
        grantee=node.party,
        beneficiary=request.beneficiary,
        purpose=request.purpose,
        at=now,
    )


def _denied(
    unit: Unit, node: Node, consent: Consent, answer: ConsentAnswer, documents: Sequence[bytes]
) -> None:
    del documents
    _only_from(consent, ConsentState.ASKED)
    move(unit, consent, ConsentState.DENIED, node.clock(), reason=answer.reason)


def _revoked(
    unit: Unit, node: Node, consent: Consent, answer: ConsentAnswer, documents: Sequence[bytes]
) -> None:
    del documents
    _only_from(consent, ConsentState.GRANTED, ConsentState.USED)
    move(unit, consent, ConsentState.REVOKED, node.clock(), reason=answer.reason)


_Answer = Callable[[Unit, Node, Consent, ConsentAnswer, Sequence[bytes]], None]
_BY_OUTCOME: Final[dict[str, _Answer]] = {GRANTED: _granted, DENIED: _denied, REVOKED: _revoked}


def _only_from(consent: Consent, *states: ConsentState) -> None:
    if consent.state not in states:
        raise Stale(f"a request that is {consent.state} was answered again", input="consent-answer")


def _signer(unit: Unit, node: Node, document: Document, party: str) -> PublicKey:
    card = card_of(unit, party)
    if card is None or len(document.signatures) != 1:
        raise Misdirected("a document that is not signed by its party alone", input=document.kind)
    return card.signer(node.realm, document.signatures[0].key, node.clock())


# Looking.


def list_consents(node: Node) -> list[ShownConsent]:
    """Every consent asked by this node or of it, newest first."""
    with node.store.read() as unit:
        return [shown(unit, node, each) for each in consents(unit)]


def show(node: Node, wanted: str) -> ShownConsent:
    """One consent. Raises `NotFound` or `Ambiguous`."""
    with node.store.read() as unit:
        return shown(unit, node, wanted_consent(unit, wanted))


def shown(unit: Unit, node: Node, consent: Consent) -> ShownConsent:
    """A consent for people."""
    request, grant = consent.request, consent.grant
    return ShownConsent(
        request=consent.row.id,
        direction=ASKED if request.asker == node.party else TO_ANSWER,
        state=_state(consent, node),
        asker=request.asker,
        originator=request.originator,
        beneficiary=request.beneficiary,
        leaves=request.count,
        purpose=request.purpose,
        at=request.at,
        names=names_of(unit),
        asked={
            "leaves": _named(request.leaves),
            "why": request.why,
            "until": None if request.until is None else rfc3339(request.until),
            "repeated": request.repeated,
            "approved_by": [each.user for each in consent.record.approvals],
            "reason": consent.record.reason,
        },
        proposed=_proposal(consent),
        granted=None if grant is None else _granted_document(grant, consent),
    )


def _state(consent: Consent, node: Node) -> str:
    over = consent.grant is not None and node.clock() >= consent.grant.not_after
    return EXPIRED if over and consent.state is ConsentState.GRANTED else consent.state.value


def _proposal(consent: Consent) -> dict[str, Any] | None:
    """What waits for a further person, with the hash by which it is confirmed."""
    payload = bytes(consent.record.draft)
    if not payload:
        return None
    terms = _terms(decode_grant(payload))
    return {"proposal": sha256(payload).hexdigest(), **terms}


def _granted_document(grant: Grant, consent: Consent) -> dict[str, Any]:
    return {
        "grant": bytes(consent.record.grant).hex(),
        **_terms(grant),
        "used": consent.record.used or None,
    }


def _terms(grant: Grant) -> dict[str, Any]:
    return {
        "leaves": _named(grant.leaves),
        "rendition": grant.rendition.hex() or None,
        "purpose": grant.purpose,
        "onward": grant.onward.words,
        "obligations": list(grant.obligations),
        "agreement": grant.agreement.hex(),
        "not_after": rfc3339(grant.not_after),
        "repeated": grant.repeated,
        "at": rfc3339(grant.at),
    }


def _named(leaves: Sequence[Leaves]) -> list[dict[str, Any]]:
    return [{"manifest": each.root.hex(), "positions": list(each.positions)} for each in leaves]


def record_consent(
    unit: Unit, node: Node, step: str, request: bytes, *, by: str, party: str, **more: str
) -> None:
    """Log one step of a consent: who did it, on which request (the hash of its document), with whom."""
    record(unit, node, "consent", {"step": step, "request": request.hex(), "by": by, "party": party, **more})


def signing_key(node: Node) -> SigningKey:
    """This node's own signing pair."""
    return SigningKey(node.keyring.secret("signing"))
