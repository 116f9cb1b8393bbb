"""Answering a request to pass our words on: grant, deny, grant with a sanitised rendition, revoke (spec/onward.md).

A grant widens an audience, so it needs two persons, as a release does: the first proposes it, the second confirms the
very bytes, then this node signs and sends them (ADR 0013). It is refused where our own label excludes the beneficiary:
consent opens nothing that a label closes (law 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.grants import PERSONS, ConsentState, Grant, Leaves, Request
from simpul.domain.labels import NO_ONWARD, Label, MembersOf, Onward
from simpul.domain.objects import ObjectKey
from simpul.domain.overlays import Overlay
from simpul.domain.policy import (
    DEFAULT_APPROVALS,
    Decision,
    Outcome,
    Reason,
    agreement_part,
    overlay_part,
)
from simpul.domain.queries import HOME
from simpul.domain.releases import OBJECT, Release, ReleaseLeaf, ReleaseState
from simpul.errors import (
    ApprovalRefusal,
    InputFault,
    Malformed,
    Misdirected,
    NotFound,
    PolicyRefusal,
    Refusal,
)
from simpul.ports import Unit
from simpul.protocol.documents import parse_document, require, sign, verify
from simpul.protocol.envelope import Opened
from simpul.protocol.grants import (
    DENIED,
    GRANT,
    GRANTED,
    REQUEST,
    REVOKED,
    ConsentAnswer,
    ConsentRequest,
    decode_grant,
    decode_request,
    encode_grant,
)
from simpul.protocol.payloads import decode_payload
from simpul.protocol.versions import payload_type
from simpul.services import honouring
from simpul.services.agreeing import InForce, in_force, is_in_force
from simpul.services.circling import members_of
from simpul.services.connecting import card_of
from simpul.services.consenting import ShownConsent, record_consent, shown, signing_key
from simpul.services.consents import (
    Approved,
    Consent,
    Record,
    consents,
    keep_grant,
    keep_request,
    move,
    wanted_consent,
)
from simpul.services.deciding import overlay_in_force
from simpul.services.enrolling import Signer, public_key
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.times import DAY

SHORTEST: Final = 8
"""Digits of a proposal's hash that a person must give to confirm it, at least."""

LASTS: Final = 365 * DAY
"""How long a grant holds where neither the request nor the officer says otherwise."""

_NOT_ASKED = frozenset({"label.releasable-to", "overlay.releasable-to"})
"""Lists say to whom we release ourselves; a consent is how one more may get it, from somebody whom they name."""


class Terms(Struct, frozen=True, kw_only=True):
    """What an officer says of a grant; what is not said is as asked, and onward is none.

    `rendition` is a product of ours that was released to the asker: its objects may go instead of what was asked.
    `confirm` names the very proposal that a further person approves, by its hash or the beginning of that.
    """

    rendition: str | None = None
    not_after: int | None = None
    onward: Onward = NO_ONWARD
    obligations: tuple[str, ...] = ()
    single: bool = False
    confirm: str = ""


# Taking a request.


def take_request(unit: Unit, node: Node, opened: Opened) -> None:
    """A partner asks to pass our words on. The request waits for a person.

    Raises:
        Malformed: several documents, or one that is not the one announced.
        Misdirected: it is not the sender's, not for us, or names leaves that we never released to it.
        BadSignature: not signed by the sender.
    """
    notice, documents = decode_payload(opened.payload, ConsentRequest)
    if len(documents) != 1:
        raise Malformed("a request carries one document", input="consent-request")
    document = parse_document(documents[0])
    require(document, REQUEST, node.realm)
    # (1) its asker signed it, and is who sent it
    card = card_of(unit, opened.message.sender)
    if card is None or len(document.signatures) != 1:
        raise Misdirected("a request that its asker alone did not sign", input="consent-request")
    verify(document, [card.signer(node.realm, document.signatures[0].key, node.clock())])
    request = decode_request(document.payload)
    if (request.asker, request.originator) != (opened.message.sender, node.party):
        raise Misdirected("a request between other parties", input="consent-request")
    if request.id != notice.id:
        raise Malformed("another request than the message announces", input="consent-request")
    # (2) it names our own words, and that we released them to it or let them be passed on to it
    for _ in _asked_leaves(unit, node, request):
        pass
    # (3) one id has one content
    for known in consents(unit):
        if known.row.id == request.id.hex():
            if known.row.hash != document.hash:
                raise Malformed("another request under the same id is here", input="consent-request")
            return
    keep_request(unit, document, request, node.clock())
    record_consent(unit, node, "asked", document.hash, by="", party=request.asker)


def _asked_leaves(unit: Unit, node: Node, request: Request) -> Iterator[ReleaseLeaf]:
    """The leaves that a request names. Raises `Misdirected` for one that its asker never had by our will."""
    released = _released(unit)
    grants = [c.grant for c in consents(unit, request.asker) if c.grant and c.grant.originator == node.party]
    for each in request.leaves:
        release = released.get(each.root)
        found = _positions(unit, release, each.positions) if release else []
        had = release is not None and (
            release.recipient == request.asker
            or all(any(grant.covers(each.root, p) for grant in grants) for p in each.positions)
        )
        if not had or len(found) != len(each.positions):
            raise Misdirected(
                "it names leaves that were never released to its asker as our own words",
                input="consent-request",
                where="consent.leaves",
            )
        yield from found


def _released(unit: Unit) -> dict[bytes, Release]:
    """What this node released, by the root of its manifest."""
    return {r.root: r for r in unit.products.releases() if r.state is ReleaseState.RELEASED}


def _positions(unit: Unit, release: Release, positions: Sequence[int]) -> list[ReleaseLeaf]:
    first, last = positions[0], positions[-1]
    if last >= release.entries:
        return []
    leaves = {leaf.position: leaf for leaf, _ in unit.products.leaves(release.id, first, last + 1)}
    return [leaves[p] for p in positions if p in leaves and leaves[p].kind == OBJECT]


# Granting.


def grant(node: Node, signer: Signer, wanted: str, terms: Terms) -> ShownConsent:
    """Propose a grant as the first person, or confirm as another what the first proposed; with enough, it is sent.

    Whoever confirms names the proposal, so that nobody approves other terms than were looked at. A new proposal takes
    the place of the one before, and its approvals go with it.

    Raises:
        NotFound, Ambiguous: the request or the product.
        Refusal: it was answered already, or is this node's own.
        ApprovalRefusal: the same person again, or what is confirmed is not what is proposed.
        PolicyRefusal: our own label excludes the beneficiary, or there is no agreement with the asker.
    """
    with node.store.write() as unit:
        consent = _to_answer(unit, node, wanted)
        agreement = _agreement(unit, node, consent.request)
        if terms.confirm:
            payload, approvals = _confirmed(consent.record, agreement, terms)
        else:
            payload, approvals = encode_grant(_grant(unit, node, consent, terms, agreement)), ()
        if any(each.user == signer.name for each in approvals):
            raise ApprovalRefusal(
                f"'{signer.name}' has approved this grant already",
                input="--as",
                do="let another person confirm it",
            )
        approval = Approved(
            user=signer.name,
            key=signer.public.id,
            signatures=signer.sign(payload_type("grant-approval", node.realm), payload),
            at=node.clock(),
        )
        now, approvals = node.clock(), (*approvals, approval)
        asked_by_rules = _check_label(unit, node, consent.request, decode_grant(payload))
        move(unit, consent, ConsentState.PROPOSED, now, draft=payload, approvals=approvals)
        step = "propose"
        if len(approvals) >= max(PERSONS, agreement.terms.approvals + 1, asked_by_rules + 1):
            _send_grant(unit, node, wanted_consent(unit, consent.row.id))
            step = "grant"
        record_consent(
            unit,
            node,
            step,
            consent.row.hash,
            by=signer.name,
            party=consent.request.asker,
            grant=sha256(payload).hexdigest(),
            key=approval.key.hex(),
            signature=approval.signatures[0].hex(),
            second_signature=approval.signatures[1].hex(),
        )
        return shown(unit, node, wanted_consent(unit, consent.row.id))


def _to_answer(unit: Unit, node: Node, wanted: str) -> Consent:
    consent = wanted_consent(unit, wanted)
    if consent.request.originator != node.party:
        raise Refusal(
            "this node asked for that consent: its originator answers it",
            input=wanted,
            do="wait for the answer",
        )
    return consent


def _agreement(unit: Unit, node: Node, request: Request) -> InForce:
    now = node.clock()
    agreement = in_force(unit, node, request.asker, request.purpose, now)
    if agreement is None or not is_in_force(unit, agreement.hash, now):
        raise PolicyRefusal(
            "no agreement with who asks is in force now", input=request.asker, where="agreement.in-force"
        )
    if request.purpose not in agreement.terms.purposes:
        raise PolicyRefusal(
            f"no agreement with who asks names the purpose '{request.purpose}'",
            input=request.asker,
            where="agreement.purpose",
        )
    return agreement


def _grant(unit: Unit, node: Node, consent: Consent, terms: Terms, agreement: InForce) -> Grant:
    request, now = consent.request, node.clock()
    leaves = request.leaves if terms.rendition is None else _rendition(unit, request, terms.rendition)
    ends = min(terms.not_after or request.until or now + LASTS, agreement.terms.not_after)
    if ends <= now:
        raise InputFault("a grant that ends before it begins", input="--not-after", do="name a later time")
    return Grant(
        request=consent.row.hash,
        originator=node.party,
        grantee=request.asker,
        beneficiary=request.beneficiary,
        leaves=leaves,
        rendition=b"" if terms.rendition is None else leaves[0].root,
        purpose=request.purpose,
        obligations=tuple(sorted(set(terms.obligations))),
        onward=terms.onward,
        agreement=agreement.hash,
        not_after=ends,
        repeated=request.repeated and not terms.single,
        at=now,
    )


def _rendition(unit: Unit, request: Request, wanted: str) -> tuple[Leaves, ...]:
    """Every object of the newest release of a product to the asker."""
    product = unit.products.product(wanted)
    release = unit.products.release(product.id, product.version, request.asker)
    if release is None or release.state is not ReleaseState.RELEASED:
        raise NotFound(
            "this product was not released to who asks",
            input=wanted,
            do="draft the sanitised version, have it approved, and release it to the asker first",
        )
    leaves = unit.products.leaves(release.id, 0, release.entries)
    positions = tuple(leaf.position for leaf, _ in leaves if leaf.kind == OBJECT)
    if not positions:
        raise InputFault("this product carries no object of ours", input=wanted)
    return (Leaves(root=release.root, positions=positions),)


def _confirmed(record: Record, agreement: InForce, terms: Terms) -> tuple[bytes, tuple[Approved, ...]]:
    """The payload that a further person means to approve, and who did before.

    Raises:
        ApprovalRefusal: nothing of this name is proposed, it is under another agreement by now, or it comes with terms.
    """
    payload = bytes(record.draft)
    name = terms.confirm.casefold()
    proposed = payload and len(name) >= SHORTEST and sha256(payload).hexdigest().startswith(name)
    if not proposed or replace(terms, confirm="") != Terms():
        raise ApprovalRefusal(
            "what is confirmed is not what is proposed",
            input="--confirm",
            do="look at the proposal with `simpul consent show`, and confirm it by its hash and without terms",
        )
    if decode_grant(payload).agreement != agreement.hash:
        raise ApprovalRefusal(
            "another agreement is in force since it was proposed", input="--confirm", do="propose it anew"
        )
    return payload, record.approvals


def _send_grant(unit: Unit, node: Node, consent: Consent) -> None:
    payload = bytes(consent.record.draft)
    # Each approval is checked again: what leaves rests on signatures, not on what the database says of them.
    for each in consent.record.approvals:
        key = public_key(unit, each.user)
        key.verify(payload_type("grant-approval", node.realm), payload, each.signatures)
    document = sign(GRANT, node.realm, payload, signing_key(node))
    keep_grant(unit, consent, document, decode_grant(payload), node.clock())
    answer = ConsentAnswer(request=consent.row.hash, outcome=GRANTED)
    post(unit, node, consent.request.asker, answer, [document.encode()])


def _check_label(unit: Unit, node: Node, request: Request, proposed: Grant) -> int:
    """Refuse consent for what our own labels keep from the beneficiary, as they stand now.

    Returns how many approvals beyond the proposer's this nation's own rules ask for.

    Raises:
        PolicyRefusal: names the clause.
    """
    circles, overlay = members_of(unit), overlay_in_force(unit, node)
    approvals = DEFAULT_APPROVALS
    for label in _labels(unit, request, proposed.leaves):
        own = _own_rules(label, node, request, circles, overlay[0] if overlay else None)
        approvals = max(approvals, own.approvals)
        for reason in (*_of_label(label, node, request, circles), *own.reasons):
            if reason.outcome is Outcome.DENY and reason.clause not in _NOT_ASKED:
                raise PolicyRefusal(
                    f"our own label keeps it from them: {reason.why}",
                    input=request.beneficiary,
                    where=reason.clause,
                    do="mark it otherwise first, or deny",
                )
    return approvals


def _labels(unit: Unit, request: Request, leaves: Sequence[Leaves]) -> set[Label]:
    released = _released(unit)
    found: set[Label] = set()
    for each in leaves:
        for leaf in _positions(unit, released[each.root], each.positions):
            if leaf.key is None:
                raise PolicyRefusal(
                    "an object that is asked for is not here any more",
                    input=request.id.hex(),
                    where="consent.leaves",
                    do="deny, or grant with a rendition",
                )
            if _is_recalled(unit, leaf.key):
                raise PolicyRefusal(
                    "an object that is asked for was recalled by this node",
                    input=leaf.key.id,
                    where="recall",
                    do="deny",
                )
            found.update(unit.objects.labels_of(HOME, leaf.key))
    return found


def _is_recalled(unit: Unit, key: ObjectKey) -> bool:
    own = honouring.standing(unit, key.originator, {key.originator: [key.id]})
    return own.refuses(key)


def _of_label(label: Label, node: Node, request: Request, circles: MembersOf) -> Iterator[Reason]:
    part = agreement_part(
        label,
        sender=request.asker,
        recipient=request.beneficiary,
        purpose=request.purpose,
        agreement=None,
        at=node.clock(),
        originator=node.party,
        members_of=circles,
        consented=True,
    )
    return (reason for reason in part.reasons if reason.clause.startswith("label."))


def _own_rules(
    label: Label, node: Node, request: Request, circles: MembersOf, overlay: Overlay | None
) -> Decision:
    return overlay_part(
        label,
        recipient=request.beneficiary,
        sender=node.party,
        purpose=request.purpose,
        at=node.clock(),
        members_of=circles,
        consented=True,
        overlay=overlay,
    )


# Denying and revoking.


def deny(node: Node, signer: Signer, wanted: str, reason: str) -> ShownConsent:
    """Deny a request. One person may: it opens nothing.

    Raises:
        NotFound, Ambiguous: the request.
        Refusal: it was answered already.
    """
    return _end(node, signer, wanted, ConsentState.DENIED, DENIED, reason)


def revoke(node: Node, signer: Signer, wanted: str, reason: str = "") -> ShownConsent:
    """Take back what was granted: nothing more may be passed on by it. One person may.

    What went before stays there until it is recalled.

    Raises:
        NotFound, Ambiguous: the request.
        Refusal: it was not granted.
    """
    return _end(node, signer, wanted, ConsentState.REVOKED, REVOKED, reason)


def _end(
    node: Node, signer: Signer, wanted: str, to: ConsentState, outcome: str, reason: str
) -> ShownConsent:
    with node.store.write() as unit:
        consent = _to_answer(unit, node, wanted)
        move(unit, consent, to, node.clock(), reason=reason, draft=b"")
        answer = ConsentAnswer(request=consent.row.hash, outcome=outcome, reason=reason)
        post(unit, node, consent.request.asker, answer)
        record_consent(
            unit, node, outcome, consent.row.hash, by=signer.name, party=consent.request.asker, why=reason
        )
        return shown(unit, node, wanted_consent(unit, consent.row.id))
