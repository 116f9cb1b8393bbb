"""Small content on its way back to an originator: feedback on a product, and sightings of its indicators.

Both leave only by a decision, like everything else: the label says who it is for, the agreement whether it may go.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import Admission, Admitted, Quarantined, Refused, admit
from simpul.domain.agreements import Agreement
from simpul.domain.cutting import REFERENCE_TEXT
from simpul.domain.labels import NO_ONWARD, Label, Tlp, join, join_all, view_for
from simpul.domain.mail import ADMITTED, QUARANTINED, REFUSED, InboxItem
from simpul.domain.objects import Foreign, Marked, Object, ObjectKey
from simpul.domain.obligations import Action, Duty, duties_of, forbids, read
from simpul.domain.policy import bound, decision_commitment_content
from simpul.domain.queries import HOME
from simpul.domain.references import ids_in
from simpul.domain.tlp_markings import FIXED_IDS
from simpul.errors import InputFault, Malformed, NotFound, PolicyRefusal
from simpul.formats.stix import to_object
from simpul.ports import Unit
from simpul.protocol.canonical import encode
from simpul.protocol.documents import parse_document
from simpul.protocol.envelope import Opened
from simpul.protocol.labels import from_wire, to_wire
from simpul.protocol.log import content_commitment
from simpul.protocol.manifest import decode_manifest
from simpul.protocol.message import content_report
from simpul.protocol.payloads import Content, FeedbackReport, SightingReport, decode_payload
from simpul.protocol.receipts import ReceiptLine
from simpul.services.agreeing import InForce, by_hash, in_force, too_late
from simpul.services.auditing import record
from simpul.services.circling import Epochs, members_of
from simpul.services.deciding import policy_of
from simpul.services.enrolling import Signer
from simpul.services.following import ACTED, tell_originator
from simpul.services.honouring import TAKEN_BACK, Standing, standing
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
    policy = replace(
        policy_of(unit, node, to, report.purpose, now),
        agreement=agreement.terms,
        agreement_hash=agreement.hash,
    )
    decision = policy.decide(label, node.party, now)
    behind = Epochs(unit, node.party, to).reason(label, agreement.terms)
    if behind is not None:
        raise PolicyRefusal(behind.why, input=to, where=behind.clause, do=behind.change)
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


class Deed(Struct, frozen=True, kw_only=True):
    """What was done on a product.

    Attributes:
        how: one of `domain.obligations.ACTS`.
        on: ids of the received objects that it was done on; none for all that came with the product.
        permission: by which word the originator permitted it, where it had to be asked. It is told to the originator.
    """

    how: Action = Action.INTERNAL
    on: tuple[str, ...] = ()
    permission: str = ""


def give_feedback(
    node: Node, signer: Signer, product: str, *, rating: str, text: str, deed: Deed | None = None
) -> str:
    """Tell the originator of a received product what it was worth. Returns the originator's fingerprint.

    Telling the originator is always allowed; what was done may be forbidden by the duties that came with the product,
    and is then neither recorded nor told. The refusal is a leaf.

    Args:
        product: its id.
        rating: a key of `USEFUL`.
        text: a note for a person.
        deed: what was done on it, or None.

    Raises:
        NotFound: no such product came in, or no such object from its sender.
        InputFault: the note is too long.
        PolicyRefusal: no agreement permits an answer, the note names an object that the originator may not know of, or
            the duties forbid what was done.
    """
    note = "\n".join(
        filter(None, (text, f"permission: {deed.permission}" if deed and deed.permission else ""))
    )
    if len(note) > NOTE_LIMIT:
        raise InputFault(f"the note has more than {NOTE_LIMIT} characters", input="--text")
    if deed is not None:
        _check_deed(node, signer, product, deed)
    with node.store.write() as unit:
        item = unit.mail.inbox_item(product)
        _tell(unit, node, signer, item, rating=rating, note=note, deed=deed)
        return item.sender


def _check_deed(node: Node, signer: Signer, product: str, deed: Deed) -> None:
    with node.store.read() as unit:
        held = _duties(unit, unit.mail.inbox_item(product), deed)
    reason = forbids(held, deed.how, permitted=bool(deed.permission))
    if reason is None:
        return
    with node.store.write() as unit:
        refused = {"by": signer.name, "kind": "deed", "product": product, "why": reason.clause}
        record(unit, node, "refusal", refused)
    raise PolicyRefusal(
        f"what was done is not allowed: {reason.why}",
        input=product,
        where=reason.clause,
        do=reason.change,
    )


def _duties(unit: Unit, item: InboxItem, deed: Deed) -> tuple[Duty, ...]:
    """The duties on all that the deed was done on: what came with it, and what its objects are held by now."""
    keys = [key for id in deed.on for key in _received(unit, item, id)]
    came = () if deed.on else decode_manifest(parse_document(item.manifest).payload).obligations
    held = keys or [key for _, key in unit.mail.tied(item)]
    labels = {label for key in held for label in unit.objects.labels_of(HOME, key)}
    return (*read(came), *duties_of(join_all(labels)))


def _received(unit: Unit, item: InboxItem, id: str) -> list[ObjectKey]:
    """Every rendition of an id that the product's sender delivered. Raises `NotFound`."""
    found = [head.key for head in unit.objects.find(HOME, id) if head.source == item.sender]
    if not found:
        raise NotFound(
            f"{id} did not come from the sender of this product",
            input=id,
            where="--on",
            do="look with `simpul search`",
        )
    return found


def _tell(
    unit: Unit, node: Node, signer: Signer, item: InboxItem, *, rating: str, note: str, deed: Deed | None
) -> None:
    agreement = _required(unit, node, item.sender, item.purpose)
    _check_note(unit, item, note)
    label = answer_label(agreement.terms, item.sender, item.purpose)
    report = FeedbackReport(
        purpose=item.purpose,
        label=to_wire(view_for(label, item.sender)),
        product=item.product,
        version=item.version,
        root=item.root,
        useful=USEFUL[rating],
        acted=deed is not None,
        at=node.clock(),
        note=note,
    )
    send_report(unit, node, agreement, report, label, [], item.sender)
    done = {"acted": deed.how.value, "on": list(deed.on), "permission": deed.permission} if deed else {}
    said = {"by": signer.name, "product": item.product, "to": item.sender, "useful": report.useful}
    record(unit, node, "feedback", said | done)
    if deed is not None:
        tell_originator(unit, node, item, ACTED)


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
    struck = standing(unit, opened.message.sender, {opened.message.sender: [each.id for each in objects]})
    taken_back = any(struck.refuses(_named(opened, each)) for each in objects)
    answer = Refused(reasons=(TAKEN_BACK,)) if taken_back else _answer(unit, node, opened, report)
    outcome = _OUTCOMES[type(answer)]
    unit.directory.count("received", count)
    if isinstance(answer, Refused):
        count_refused(unit, {answer.clause: count})
    else:
        unit.directory.count(outcome, count)
        _keep(unit, node, opened, report, objects, answer, struck)
    content = {"from": opened.message.sender, "objects": count, "outcome": outcome}
    record(unit, node, "sighting", content | {"clauses": _clauses(answer)})
    return ReceiptLine(message=opened.name, outcome=outcome, at=now, counts={outcome: count})


_OUTCOMES: Final = {Admitted: ADMITTED, Quarantined: QUARANTINED, Refused: REFUSED}


def _named(opened: Opened, found: Object) -> ObjectKey:
    return ObjectKey(
        originator=opened.message.sender, id=found.id, version=found.version, sha256=found.sha256
    )


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
    struck: Standing,
) -> None:
    """Store reported objects, or keep them apart, under the label by which this node must hold them."""
    sender = opened.message.sender
    agreement = by_hash(unit, opened.message.agreement)
    view = from_wire(report.label)
    held = bound(view, agreement.terms) if agreement else view
    markings = known_markings(unit, node.party, sender)
    marked = []
    for each in objects:
        narrowing = struck.narrows(_named(opened, each), "", 0, b"")
        labels = markings.labels(join(held, narrowing), each)
        marked.append(Marked(originator=sender, object=each, labels=labels))
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
        members_of=members_of(unit),
        more=too_late(unit, node, opened.message, agreement),
    )
