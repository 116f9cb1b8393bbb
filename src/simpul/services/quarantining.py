"""What is kept apart: until a reviewer decides, or until the marking that it lacked has come.

A group is what came in one message under one label for the same reasons: objects of a product or a sighting report,
narrative, or a partner's feedback. Nothing of it is found, counted or matched before it is admitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.labels import Label, join
from simpul.domain.mail import ADMITTED, REFUSED, TEXTS_REFUSED, Apart, InboxItem, QuarantinedItem
from simpul.domain.objects import Marked
from simpul.domain.policy import Reason, bound
from simpul.errors import Ambiguous, NotFound, PolicyRefusal, Refusal
from simpul.formats.markings import Markings
from simpul.formats.stix import object_of
from simpul.ports import Unit
from simpul.protocol.canonical import Bytes32, Hex, Wire, decode, encode
from simpul.protocol.documents import parse_document, verify
from simpul.protocol.envelope import Opened
from simpul.protocol.labels import decode_label, encode_label
from simpul.protocol.manifest import decode_manifest
from simpul.protocol.message import decode_message
from simpul.protocol.payloads import ReceiptList
from simpul.protocol.proofs import attached
from simpul.protocol.receipts import ReceiptLine
from simpul.protocol.sheets import decode_sheet
from simpul.services.agreeing import by_hash
from simpul.services.auditing import record
from simpul.services.authorship import UNVERIFIED, author_key
from simpul.services.enrolling import Signer
from simpul.services.honouring import TAKEN_BACK, hear_authors
from simpul.services.honouring import standing as recalls_standing
from simpul.services.importing import key_of
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

    `originator` is who wrote it, empty for the sender. `sheet` is the product's cover sheet as it was sent, or empty;
    `texts` are (number, text) of portions; `positions` are where the objects stand in the product's manifest.
    """

    label: Label
    reasons: tuple[Reason, ...]
    originator: str = ""
    objects: tuple[Marked, ...] = ()
    positions: tuple[int, ...] = ()
    texts: tuple[tuple[int, str], ...] = ()
    sheet: bytes = b""


class Belonging(Wire, frozen=True, kw_only=True):
    """Beside the objects of a group that came with a product: which product, where in it, and what of its narrative."""

    product: str
    version: int
    root: Bytes32
    texts: tuple[tuple[int, str], ...] = ()
    sheet: Hex = b""
    positions: tuple[int, ...] = ()


def keep_apart(
    unit: Unit, node: Node, opened: Opened, group: Group, product: Belonging | None = None
) -> None:
    """Keep a group for the reviewer, with the product it belongs to if it came with one."""
    item = QuarantinedItem(
        id=node.entropy(16),
        sender=opened.message.sender,
        originator=group.originator or opened.message.sender,
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


def reconsider(unit: Unit, node: Node, originator: str) -> None:
    """Take in what was kept apart only for want of a marking definition that has come now (parts come in any order)."""
    markings = known_markings(unit, node.party, originator)
    for item in unit.mail.quarantined():
        if item.originator != originator or any(clause != UNMAPPED for clause, _ in item.reasons):
            continue
        held = _held_as(unit, item)
        marked = {}
        for apart in unit.mail.quarantined_objects(item.id):
            found = object_of(apart.raw)
            labels = markings.labels(held, found)
            marked[apart.place] = Marked(originator=originator, object=found, labels=labels)
        # Narrative bears no markings of its own: where it is here, the sender's label itself cannot be read.
        unread = held.unmapped or any(label.unmapped for each in marked.values() for label in each.labels)
        if marked and not unread:
            _take_in(unit, node, item, marked, by="")


def _held_as(unit: Unit, item: QuarantinedItem) -> Label:
    """The label by which what came under the item's view must be held: with what its agreement adds."""
    view = decode_label(item.label)
    carrier = unit.mail.incoming(item.message)
    agreement = by_hash(unit, decode_message(carrier.message).agreement) if carrier else None
    return bound(view, agreement.terms) if agreement else view


def _take_in(unit: Unit, node: Node, item: QuarantinedItem, came: Mapping[int, Marked], *, by: str) -> int:
    """Store a group as if it had been admitted on arrival: objects, by place, and narrative in its product.

    Returns how many objects. What was taken back meanwhile is none of them; what was narrowed is held so.
    """
    held = _belonging(unit, item)
    standing = _Standing(unit, item, held, came)
    marked = {place: standing.narrowed(place) for place in sorted(came) if not standing.refuses(place)}
    if marked:
        stored = list(marked.values())
        unit.objects.add(stored, source=item.sender, at=node.clock())
        match_new(unit, node, stored)
        unit.directory.count(ADMITTED, len(stored))
    if len(marked) < len(came):
        count_refused(unit, {TAKEN_BACK.clause: len(came) - len(marked)})
    if held is not None:
        _complete(unit, item, held, marked)
    unit.mail.settle(item.id, state=ADMITTED, by=by)
    _tell(unit, node, by, replace(item, objects=len(marked)), ADMITTED)
    return len(marked)


class _Standing:
    """What recalls and restrictions say of the objects of a group, by place: the same as had they come only now."""

    def __init__(
        self, unit: Unit, item: QuarantinedItem, held: Belonging | None, came: Mapping[int, Marked]
    ) -> None:
        self._came = came
        self._origins = {place: _origin(unit, item, held, place) for place in came}
        names = [each.object.id for each in came.values()]
        names += [name for product, _, root in self._origins.values() for name in (product, root.hex())]
        self._originator = item.originator or item.sender
        self._struck = recalls_standing(unit, item.sender, {self._originator: names})

    def refuses(self, place: int) -> bool:
        """Whether it, or the delivery that it came with, was taken back."""
        product, version, root = self._origins[place]
        return self._struck.refuses(key_of(self._came[place])) or self._struck.closes(
            self._originator, product, version, root
        )

    def narrowed(self, place: int) -> Marked:
        """Under the label that restrictions leave it."""
        each = self._came[place]
        narrowing = self._struck.narrows(key_of(each), *self._origins[place])
        return replace(each, labels=tuple(join(label, narrowing) for label in each.labels))


def _origin(unit: Unit, item: QuarantinedItem, held: Belonging | None, place: int) -> tuple[str, int, bytes]:
    """Product, version and root of its originator's own manifest by which an object came."""
    if held is None:
        return "", 0, b""
    if item.originator in ("", item.sender):
        return held.product, held.version, bytes(held.root)
    proofs = unit.mail.came_with(_product(unit, item, held), held.positions[place : place + 1])
    if not proofs:
        return "", 0, b""
    manifest = decode_manifest(parse_document(proofs[0].manifest).payload)
    return manifest.product, manifest.version, manifest.root


def _belonging(unit: Unit, item: QuarantinedItem) -> Belonging | None:
    extra = unit.mail.quarantine_extra(item.id)
    return decode(extra, Belonging, len(extra)) if extra else None


def _product(unit: Unit, item: QuarantinedItem, held: Belonging) -> InboxItem:
    name = (item.sender, held.product, held.version, bytes(held.root))
    return next(i for i in unit.mail.inbox() if (i.sender, i.product, i.version, i.root) == name)


def _complete(unit: Unit, item: QuarantinedItem, held: Belonging, marked: Mapping[int, Marked]) -> None:
    """Put into the inbox what of a product was kept apart, and say which leaves its objects are."""
    known = _product(unit, item, held)
    unit.mail.tie(known, [(held.positions[place], key_of(each)) for place, each in marked.items()])
    whole = replace(
        known,
        objects=known.objects + len(marked),
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
        Refusal: it was decided already, or nobody vouches yet for the words of another that were passed on.
        BadSignature: they are not that party's words.
    """
    hear_authors(node)
    with node.store.read() as unit:
        item = _waiting(unit, wanted)
        _check_authorship(unit, node, item)
        definitions = [
            object_of(apart.raw)
            for apart in unit.mail.quarantined_objects(item.id)
            if apart.id.startswith(MARKING_DEFINITION)
        ]
    learn_from_partner(node, item.originator, definitions, by=signer.name)
    with node.store.write() as unit:
        item = _waiting(unit, wanted)
        markings = known_markings(unit, node.party, item.originator)
        marked = {
            apart.place: _released(item, apart, markings) for apart in unit.mail.quarantined_objects(item.id)
        }
        count = _take_in(unit, node, item, marked, by=signer.name)
        if definitions:
            reconsider(unit, node, item.originator)
        return count


def _check_authorship(unit: Unit, node: Node, item: QuarantinedItem) -> None:
    """What was passed on is stored as its originator's words only when a card of that party vouches for them.

    A reviewer can overrule a rule, and cannot know a signature by looking.
    """
    held = _belonging(unit, item)
    if held is None or item.originator == item.sender:
        return
    author = author_key(unit, node)
    proofs = unit.mail.came_with(_product(unit, item, held), held.positions)
    for raw in {document for proof in proofs for document in attached(proof)}:
        document = parse_document(raw)
        key = author(document, item.originator)
        if key is None:
            raise PolicyRefusal(
                "authorship not verified: no card here vouches for its originator's words",
                input=item.originator,
                where=UNVERIFIED,
                do="add the originator's card once its fingerprint is compared, or refuse it",
            )
        verify(document, [key])


def _released(item: QuarantinedItem, apart: Apart, markings: Markings) -> Marked:
    found = object_of(apart.raw)
    whole = join(apart.label, markings.effective(apart.label, found.markings))
    labels = (whole, *(markings.effective(whole, part.markings) for part in found.granular))
    return Marked(originator=item.originator, object=found, labels=labels)


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
