"""Small content on its way back to an originator: feedback on a product, and sightings of its indicators.

Both leave only by a decision, like everything else: the label says who it is for, the agreement whether it may go.
"""

from __future__ import annotations

from typing import Final

from simpul.domain.admission import Admission, Admitted, Quarantined, Refused, admit
from simpul.domain.agreements import Agreement
from simpul.domain.cutting import REFERENCE_TEXT
from simpul.domain.labels import NO_ONWARD, Label, Tlp, view_for
from simpul.domain.mail import ADMITTED, QUARANTINED, REFUSED, InboxItem
from simpul.domain.objects import Foreign, Marked, Object
from simpul.domain.policy import bound, decide, decision_commitment_content
from simpul.domain.references import ids_in
from simpul.domain.tlp_markings import FIXED_IDS
from simpul.errors import InputFault, Malformed, PolicyRefusal
from simpul.formats.stix import to_object
from simpul.ports import Unit
from simpul.protocol.canonical import encode
from simpul.protocol.envelope import Opened
from simpul.protocol.labels import from_wire, to_wire
from simpul.protocol.log import content_commitment
from simpul.protocol.message import content_report
from simpul.protocol.payloads import Content, FeedbackReport, SightingReport, decode_payload
from simpul.protocol.receipts import ReceiptLine
from simpul.services.agreeing import InForce, by_hash, in_force, too_late
from simpul.services.auditing import record
from simpul.services.enrolling import Signer
from simpul.services.following import ACTED, tell_originator
from simpul.services.marking import known_markings
from simpul.services.node import Node
from simpul.services.posting import NORMAL, drawn, expiry
from simpul.services.quarantining import Group, count_refused, keep_apart

USEFUL: Final = {"useful": "yes", "partly": "partly", "not-useful": "no"}
"""What a person chooses, and the word on the wire."""

NOTE_LIMIT: Final = 16_384
"""Characters of a note to an originator."""

REPORT_OBJECTS: Final = 1000
"""Objects that one sighting report may carry."""


def answer_label(terms: Agreement, to: str, purpose: str) -> Label:
    """The label of an answer: for its addressee alone, at most TLP:AMBER, never above the agreement's ceiling."""
    return Label(
        tlp=min(Tlp.AMBER, terms.tlp_ceiling),
        releasable_to=frozenset({frozenset({to})}),
        purposes=frozenset({purpose}),
        onward=NO_ONWARD,
    )


def send_report(
    unit: Unit,
    node: Node,
    agreement: InForce,
    report: Content,
    label: Label,
    attachments: list[bytes],
    to: str,
) -> None:
    """Decide on a report and queue it; the decision is a leaf.

    Raises:
        PolicyRefusal: the agreement does not permit it; names the clause.
    """
    now = node.clock()
    decision = decide(
        label, sender=node.party, recipient=to, purpose=report.purpose, agreement=agreement.terms, at=now
    )
    body, salt = encode(decision_commitment_content(decision)), node.entropy(32)
    unit.mail.queue(
        [
            content_report(
                decision,
                report,
                attachments,
                drawn(node),
                to=to,
                lane=NORMAL,
                now=now,
                expires=expiry(node),
                agreement=agreement.hash,
                decision=content_commitment(salt, body),
            )
        ]
    )
    record(unit, node, "decision", {"to": to, "decision": body.hex(), "decision_salt": salt.hex()})


def give_feedback(node: Node, signer: Signer, product: str, *, rating: str, acted: bool, text: str) -> str:
    """Tell the originator of a received product what it was worth. Returns the originator's fingerprint.

    Raises:
        NotFound: no such product came in.
        InputFault: the note is too long.
        PolicyRefusal: no agreement permits an answer, or the note names an object that the originator may not know of.
    """
    if len(text) > NOTE_LIMIT:
        raise InputFault(f"the note has more than {NOTE_LIMIT} characters", input="--text")
    with node.store.write() as unit:
        item = unit.mail.inbox_item(product)
        agreement = _required(unit, node, item.sender, item.purpose)
        _check_note(unit, item, text)
        label = answer_label(agreement.terms, item.sender, item.purpose)
        report = FeedbackReport(
            purpose=item.purpose,
            label=to_wire(view_for(label, item.sender)),
            product=item.product,
            version=item.version,
            root=item.root,
            useful=USEFUL[rating],
            acted=acted,
            at=node.clock(),
            note=text,
        )
        send_report(unit, node, agreement, report, label, [], item.sender)
        record(
            unit,
            node,
            "feedback",
            {"by": signer.name, "product": item.product, "to": item.sender, "useful": report.useful},
        )
        if acted:
            tell_originator(unit, node, item, ACTED)
        return item.sender


def _check_note(unit: Unit, item: InboxItem, note: str) -> None:
    """An id in free text is a reference (law 2): it goes only to whom it was granted, or who originated it."""
    named = sorted(set(ids_in(note)) - FIXED_IDS)
    granted = {i.product for i in unit.mail.inbox() if i.sender == item.sender}
    granted |= unit.products.granted(item.sender, named) | unit.objects.originated(item.sender, named)
    for id in named:
        if id not in granted:
            raise PolicyRefusal(
                f"the note names {id}, which its recipient was not granted",
                input="--text",
                where=REFERENCE_TEXT,
                do="leave that id out of the note",
            )


def _required(unit: Unit, node: Node, partner: str, purpose: str) -> InForce:
    agreement = in_force(unit, node, partner, purpose, node.clock())
    if agreement is None:
        raise PolicyRefusal(
            "there is no agreement with this party",
            input=partner,
            where="agreement.in-force",
            do="propose one",
        )
    return agreement


def take_feedback(unit: Unit, node: Node, opened: Opened) -> ReceiptLine:
    """Feedback on a product of ours. Raises `PartnerFault` if it does not decode."""
    report, _ = decode_payload(opened.payload, FeedbackReport)
    answer = _answer(unit, node, opened, report)
    if isinstance(answer, Quarantined):
        # The report itself is kept with its message, and shown once a reviewer has admitted the group.
        keep_apart(unit, node, opened, Group(label=from_wire(report.label), reasons=answer.reasons))
    outcome = _OUTCOMES[type(answer)]
    content = {"from": opened.message.sender, "product": report.product, "useful": report.useful}
    record(unit, node, "feedback", content | {"outcome": outcome, "clauses": _clauses(answer)})
    return ReceiptLine(message=opened.name, outcome=outcome, at=node.clock(), counts={})


def take_sighting(unit: Unit, node: Node, opened: Opened) -> ReceiptLine:
    """Sightings by a partner: stored under the partner as originator, with the label they came with.

    Raises:
        Malformed: it does not carry the objects it says.
    """
    report, attachments = decode_payload(opened.payload, SightingReport)
    if len(attachments) != report.objects or not 1 <= len(attachments) <= REPORT_OBJECTS:
        raise Malformed("a sighting does not carry the objects it says", input="sighting", where="objects")
    now, count = node.clock(), len(attachments)
    objects = [_object(index, raw) for index, raw in enumerate(attachments)]
    answer = _answer(unit, node, opened, report)
    outcome = _OUTCOMES[type(answer)]
    unit.directory.count("received", count)
    if isinstance(answer, Refused):
        count_refused(unit, {answer.clause: count})
    else:
        unit.directory.count(outcome, count)
        _keep(unit, node, opened, report, objects, answer)
    content = {"from": opened.message.sender, "objects": count, "outcome": outcome}
    record(unit, node, "sighting", content | {"clauses": _clauses(answer)})
    return ReceiptLine(message=opened.name, outcome=outcome, at=now, counts={outcome: count})


_OUTCOMES: Final = {Admitted: ADMITTED, Quarantined: QUARANTINED, Refused: REFUSED}


def _clauses(answer: Admission) -> list[str]:
    """The clauses that kept it out, each once; none where it was admitted."""
    return sorted({reason.clause for reason in answer.reasons})


def _keep(
    unit: Unit,
    node: Node,
    opened: Opened,
    report: SightingReport,
    objects: list[Object],
    answer: Admitted | Quarantined,
) -> None:
    """Store reported objects, or keep them apart, under the label by which this node must hold them."""
    sender = opened.message.sender
    agreement = by_hash(unit, opened.message.agreement)
    view = from_wire(report.label)
    held = bound(view, agreement.terms) if agreement else view
    markings = known_markings(unit, node.party, sender)
    marked = [Marked(originator=sender, object=each, labels=markings.labels(held, each)) for each in objects]
    if isinstance(answer, Quarantined):
        keep_apart(unit, node, opened, Group(label=view, reasons=answer.reasons, objects=tuple(marked)))
    else:
        unit.objects.add(marked, source=sender, at=node.clock())


def _object(index: int, raw: bytes) -> Object:
    read = to_object(Foreign(index=index, raw=raw, format="stix-2.1"))
    if isinstance(read, Object):
        return read
    fault = read[0]
    raise Malformed(
        f"an object of a sighting is not valid: {fault.problem}", input="sighting", where=fault.path
    )


def _answer(unit: Unit, node: Node, opened: Opened, report: Content) -> Admission:
    agreement = by_hash(unit, opened.message.agreement)
    return admit(
        [from_wire(report.label)],
        sender=opened.message.sender,
        recipient=node.party,
        purpose=report.purpose,
        agreement=agreement.terms if agreement else None,
        decided_at=opened.message.decided_at,
        more=too_late(unit, node, opened.message, agreement),
    )
