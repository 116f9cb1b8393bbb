"""What is kept apart: until a reviewer decides, or until the marking that it lacked has come.

A group is what came in one message under one label for the same reasons: objects of a product or a sighting report,
narrative, or a partner's feedback. Nothing of it is found, counted or matched before it is admitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.labels import Label, join
from simpul.domain.mail import ADMITTED, REFUSED, TEXTS_REFUSED, QuarantinedItem
from simpul.domain.objects import Marked
from simpul.domain.policy import Reason, bound
from simpul.errors import Ambiguous, NotFound, Refusal
from simpul.formats.markings import Markings
from simpul.formats.stix import object_of
from simpul.ports import Unit
from simpul.protocol.canonical import Bytes32, Hex, Wire, decode, encode
from simpul.protocol.envelope import Opened
from simpul.protocol.labels import decode_label, encode_label
from simpul.protocol.message import decode_message
from simpul.protocol.payloads import ReceiptList
from simpul.protocol.receipts import ReceiptLine
from simpul.protocol.sheets import decode_sheet
from simpul.services.agreeing import by_hash
from simpul.services.auditing import record
from simpul.services.enrolling import Signer
from simpul.services.marking import MARKING_DEFINITION, known_markings, learn_from_partner
from simpul.services.matching import match_new
from simpul.services.node import Node
from simpul.services.posting import post

UNMAPPED: Final = "label.unmapped-marking"
"""The clause by which something is kept apart whose bytes bear a marking that is not known here."""

REVIEWER: Final = "admission.reviewer"
"""The clause by which a reviewer's refusals are counted."""

REFUSED_BY: Final = "refused:"
"""Counter for each clause: how many objects it refused."""


class Group(Struct, frozen=True, kw_only=True):
    """What of one message is kept apart for the same reasons under the same label.

    `sheet` is the product's cover sheet as it was sent, or empty; `texts` are (number, text) of portions.
    """

    label: Label
    reasons: tuple[Reason, ...]
    objects: tuple[Marked, ...] = ()
    texts: tuple[tuple[int, str], ...] = ()
    sheet: bytes = b""


class Belonging(Wire, frozen=True, kw_only=True):
    """Beside the objects of a group that came with a product: which product, and what of its narrative."""

    product: str
    version: int
    root: Bytes32
    texts: tuple[tuple[int, str], ...] = ()
    sheet: Hex = b""


def keep_apart(
    unit: Unit, node: Node, opened: Opened, group: Group, product: Belonging | None = None
) -> None:
    """Keep a group for the reviewer, with the product it belongs to if it came with one."""
    item = QuarantinedItem(
        id=node.entropy(16),
        sender=opened.message.sender,
        message=opened.name,
        kind=opened.message.kind,
        reasons=tuple((r.clause, r.why) for r in group.reasons),
        label=encode_label(group.label),
        objects=len(group.objects),
        arrived=node.clock(),
        state="waiting",
        decided_by="",
        portions=len(group.texts),
        sheet=bool(group.sheet),
    )
    unit.mail.quarantine(item, group.objects, b"" if product is None else encode(product))


def count_refused(unit: Unit, by_clause: Mapping[str, int]) -> None:
    """Count refused objects, in all and by the clause that refused them."""
    for clause, count in by_clause.items():
        unit.directory.count(REFUSED, count)
        unit.directory.count(REFUSED_BY + clause, count)


# What the marking that came now lets in.


def reconsider(unit: Unit, node: Node, sender: str) -> None:
    """Take in what was kept apart only for want of a marking definition that has come now (parts come in any order)."""
    markings = known_markings(unit, node.party, sender)
    for item in unit.mail.quarantined():
        if item.sender != sender or any(clause != UNMAPPED for clause, _ in item.reasons):
            continue
        held = _held_as(unit, item)
        objects = [object_of(raw) for _, _, raw, _ in unit.mail.quarantined_objects(item.id)]
        marked = [Marked(originator=sender, object=o, labels=markings.labels(held, o)) for o in objects]
        # Narrative bears no markings of its own: where it is here, the sender's label itself cannot be read.
        unread = held.unmapped or any(label.unmapped for each in marked for label in each.labels)
        if marked and not unread:
            _take_in(unit, node, item, marked, by="")


def _held_as(unit: Unit, item: QuarantinedItem) -> Label:
    """The label by which what came under the item's view must be held: with what its agreement adds."""
    view = decode_label(item.label)
    carrier = unit.mail.incoming(item.message)
    agreement = by_hash(unit, decode_message(carrier.message).agreement) if carrier else None
    return bound(view, agreement.terms) if agreement else view


def _take_in(unit: Unit, node: Node, item: QuarantinedItem, marked: Sequence[Marked], *, by: str) -> None:
    """Store a group as if it had been admitted on arrival: objects, and narrative in its product."""
    if marked:
        unit.objects.add(marked, source=item.sender, at=node.clock())
        match_new(unit, node, marked)
        unit.directory.count(ADMITTED, len(marked))
    extra = unit.mail.quarantine_extra(item.id)
    if extra:
        _complete(unit, item, decode(extra, Belonging, len(extra)))
    unit.mail.settle(item.id, state=ADMITTED, by=by)
    _tell(unit, node, by, item, ADMITTED)


def _complete(unit: Unit, item: QuarantinedItem, held: Belonging) -> None:
    """Put into the inbox what of a product was kept apart."""
    name = (item.sender, held.product, held.version, bytes(held.root))
    known = next(i for i in unit.mail.inbox() if (i.sender, i.product, i.version, i.root) == name)
    whole = replace(
        known,
        objects=known.objects + item.objects,
        portions=tuple(sorted({*known.portions, *held.texts})),
    )
    if held.sheet:
        sheet = decode_sheet(held.sheet)
        whole = replace(
            whole, sheet=bytes(held.sheet), title=sheet.title, grade=sheet.grade, handling=sheet.handling
        )
    unit.mail.put_item(whole)


# What a reviewer decides.


def admit_quarantined(node: Node, signer: Signer, wanted: str) -> int:
    """Take a group in after all, under the label it came with. Returns how many objects.

    Raises:
        NotFound, Ambiguous: the id.
        Refusal: it was decided already.
    """
    with node.store.read() as unit:
        item = _waiting(unit, wanted)
        definitions = [
            object_of(raw)
            for id, _, raw, _ in unit.mail.quarantined_objects(item.id)
            if id.startswith(MARKING_DEFINITION)
        ]
    learn_from_partner(node, item.sender, definitions, by=signer.name)
    with node.store.write() as unit:
        item = _waiting(unit, wanted)
        markings = known_markings(unit, node.party, item.sender)
        marked = [
            _released(item, raw, label, markings)
            for _, _, raw, label in unit.mail.quarantined_objects(item.id)
        ]
        _take_in(unit, node, item, marked, by=signer.name)
        if definitions:
            reconsider(unit, node, item.sender)
        return len(marked)


def _released(item: QuarantinedItem, raw: bytes, label: Label, markings: Markings) -> Marked:
    found = object_of(raw)
    whole = join(label, markings.effective(label, found.markings))
    labels = (whole, *(markings.effective(whole, part.markings) for part in found.granular))
    return Marked(originator=item.sender, object=found, labels=labels)


def refuse_quarantined(node: Node, signer: Signer, wanted: str) -> int:
    """Refuse a group and destroy its content here. Returns how many objects.

    Raises:
        NotFound, Ambiguous: the id.
        Refusal: it was decided already.
    """
    with node.store.write() as unit:
        item = _waiting(unit, wanted)
        unit.mail.settle(item.id, state=REFUSED, by=signer.name)
        if item.objects:
            count_refused(unit, {REVIEWER: item.objects})
        if item.texts:
            unit.directory.count(TEXTS_REFUSED, item.texts)
        _tell(unit, node, signer.name, item, REFUSED)
        return item.objects


def _waiting(unit: Unit, wanted: str) -> QuarantinedItem:
    found = [i for i in unit.mail.quarantined(state=None) if i.id.hex().startswith(wanted.casefold())]
    if not found or not wanted:
        raise NotFound(
            f"nothing in quarantine is called '{wanted}'", input=wanted, do="see `simpul quarantine list`"
        )
    if len(found) > 1:
        raise Ambiguous(f"'{wanted}' fits several", candidates=[i.id.hex() for i in found], input=wanted)
    if found[0].state != "waiting":
        raise Refusal(f"this was {found[0].state} already by {found[0].decided_by}", input=wanted)
    return found[0]


def _tell(unit: Unit, node: Node, by: str, item: QuarantinedItem, outcome: str) -> None:
    counts = {outcome: item.objects}
    if item.texts and outcome == REFUSED:
        counts[TEXTS_REFUSED] = item.texts
    line = ReceiptLine(message=item.message, outcome=outcome, at=node.clock(), counts=counts)
    post(unit, node, item.sender, ReceiptList(receipts=(line,)))
    record(
        unit,
        node,
        "quarantine",
        {
            "by": by,
            "group": item.id.hex(),
            "message": item.message.hex(),
            "outcome": outcome,
            "objects": item.objects,
            "texts": item.texts,
        },
    )
