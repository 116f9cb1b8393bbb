"""Deciding what becomes of a product's part that came in, and the reviewer's way out of quarantine.

Heavy work is done before the transaction: the part is proven, each label is decided once by the same engine as at the
sender, each object is checked as an import would check it. `take` then stores all of it at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from simpul.domain.admission import Admission, Admitted, Quarantined, Refused, admit
from simpul.domain.labels import Label, join
from simpul.domain.mail import InboxItem, QuarantinedItem
from simpul.domain.objects import Foreign, Marked, Object
from simpul.domain.policy import Outcome, Reason, bound
from simpul.domain.releases import OBJECT, SHEET
from simpul.errors import Ambiguous, NotFound, Refusal, Unproven
from simpul.formats.markings import Markings
from simpul.formats.stix import object_of, to_object
from simpul.ports import Unit
from simpul.protocol.canonical import Wire, encode
from simpul.protocol.envelope import Opened
from simpul.protocol.labels import encode_label, from_wire
from simpul.protocol.manifest import Manifest, check_originator
from simpul.protocol.payloads import ReceiptList
from simpul.protocol.receipts import ReceiptLine
from simpul.protocol.release import Entry, Part, prove, unpack
from simpul.protocol.sheets import Sheet, decode_portion, decode_sheet
from simpul.services.agreeing import InForce, by_hash
from simpul.services.auditing import record
from simpul.services.connecting import card_of
from simpul.services.enrolling import Signer
from simpul.services.importing import key_of
from simpul.services.marking import known_markings
from simpul.services.matching import match_new
from simpul.services.merkle import renditions_root
from simpul.services.node import Node
from simpul.services.posting import post

ADMITTED: Final = "admitted"
QUARANTINED: Final = "quarantined"
REFUSED: Final = "refused"


class Group(Struct, frozen=True, kw_only=True):
    """Objects of one message that are kept apart for the same reasons under the same label."""

    label: Label
    reasons: tuple[Reason, ...]
    objects: tuple[Marked, ...]
    texts: tuple[tuple[int, str], ...]


class Prepared(Struct, frozen=True, kw_only=True):
    """A part that was proven and decided, ready to be stored."""

    part: Part
    sheet: Sheet | None
    sheet_body: bytes
    portions: tuple[tuple[int, str], ...]
    admitted: tuple[Marked, ...]
    groups: tuple[Group, ...]
    refused: int
    keys: tuple[tuple[int, bytes, Marked | None], ...]

    @property
    def quarantined(self) -> int:
        """Objects kept apart."""
        return sum(len(group.objects) for group in self.groups)


class QuarantineExtra(Wire, frozen=True, kw_only=True):
    """What is kept for the reviewer beside the objects: whose product it was, and narrative."""

    product: str
    version: int
    texts: tuple[tuple[int, str], ...] = ()


def prepare(node: Node, opened: Opened) -> Prepared:
    """Prove and decide one part.

    Raises:
        PartnerFault: the part does not prove itself, or the manifest is not its sender's.
    """
    message = opened.message
    unpacked = unpack(opened.payload, message.payload.length, message.realm)
    with node.store.read() as unit:
        # (1) this node takes parts only from their originator; passing on comes with consent
        check_originator(unpacked.manifest, message.sender)
        card = card_of(unit, message.sender)
        if card is None or not unpacked.document.signatures:
            raise Unproven("the manifest names no key of its originator", input="release", where="manifest")
        key = card.signer(node.realm, unpacked.document.signatures[0].key, message.created)
        # (2) manifest, leaves and range prove themselves
        part = prove(unpacked, key)
        # (3) the agreement both signed, as the message and the manifest name it
        if part.manifest.agreement != message.agreement:
            raise Unproven("message and manifest name two agreements", input="release", where="agreement")
        agreement = by_hash(unit, message.agreement)
        markings = known_markings(unit)
    return _Deciding(node, opened, part, agreement, markings).run()


class _Deciding:
    """One part under decision: answers by label hash, and what became of each entry."""

    def __init__(
        self, node: Node, opened: Opened, part: Part, agreement: InForce | None, markings: Markings
    ) -> None:
        self._node = node
        self._opened = opened
        self._part = part
        self._terms = agreement.terms if agreement else None
        self._markings = markings
        self._views = dict(zip(part.manifest.label_hashes, map(from_wire, part.manifest.labels), strict=True))
        self._answers: dict[bytes, Admission] = {}
        self._held: dict[bytes, Label] = {}
        self._sheet = b""
        self._portions: list[tuple[int, str]] = []
        self._admitted: list[Marked] = []
        self._refused = 0
        self._keys: list[tuple[int, bytes, Marked | None]] = []
        self._groups: dict[tuple[bytes, tuple[Reason, ...]], tuple[list[Marked], list[tuple[int, str]]]] = (
            defaultdict(lambda: ([], []))
        )

    def run(self) -> Prepared:
        objects = self._read_objects()
        self._learn_markings(found for found in objects.values() if isinstance(found, Object))
        for entry in self._part.entries:
            if entry.kind == OBJECT:
                self._take_object(entry, objects[entry.position])
            else:
                self._take_text(entry)
        return Prepared(
            part=self._part,
            sheet=decode_sheet(self._sheet) if self._sheet else None,
            sheet_body=self._sheet,
            portions=tuple(self._portions),
            admitted=tuple(self._admitted),
            groups=tuple(
                Group(label=self._views[label], reasons=reasons, objects=tuple(kept), texts=tuple(texts))
                for (label, reasons), (kept, texts) in self._groups.items()
            ),
            refused=self._refused,
            keys=tuple(self._keys),
        )

    def _take_object(self, entry: Entry, found: Object | None) -> None:
        """Sort one object into admitted, kept apart or refused; what is not valid STIX is refused."""
        answer = self._answer(entry.label)
        kept: Marked | None = None
        if found is None or isinstance(answer, Refused):
            self._refused += 1
        else:
            marked = self._marked(found, entry.label)
            answer = self._unreadable(marked, answer)
            if isinstance(answer, Quarantined):
                self._groups[entry.label, answer.reasons][0].append(marked)
            else:
                kept = marked
                self._admitted.append(marked)
        self._keys.append((entry.position, entry.salt, kept))

    def _take_text(self, entry: Entry) -> None:
        """Sort the cover sheet and one portion. The sheet says what came, so it is shown whatever becomes of it."""
        answer = self._answer(entry.label)
        if entry.kind == SHEET:
            self._sheet = entry.body
        elif isinstance(answer, Admitted):
            self._portions.append(self._portion(entry))
        elif isinstance(answer, Quarantined):
            self._groups[entry.label, answer.reasons][1].append(self._portion(entry))
        self._keys.append((entry.position, entry.salt, None))

    def _read_objects(self) -> dict[int, Object | None]:
        """Each object as an import would read it, by position; None where it is not valid STIX."""
        found: dict[int, Object | None] = {}
        for entry in self._part.entries:
            if entry.kind == OBJECT:
                read = to_object(Foreign(index=entry.position, raw=entry.body, format="stix-2.1"))
                found[entry.position] = read if isinstance(read, Object) else None
        return found

    def _learn_markings(self, objects: Iterable[Object]) -> None:
        for found in objects:
            if found.type == "marking-definition":
                self._markings.learn(msgspec.json.decode(found.raw))

    def _answer(self, label: bytes) -> Admission:
        if label not in self._answers:
            message, manifest = self._opened.message, self._part.manifest
            self._answers[label] = admit(
                [self._views[label]],
                sender=message.sender,
                recipient=self._node.party,
                purpose=manifest.purpose,
                agreement=self._terms,
                decided_at=message.decided_at,
                originator=manifest.originator,
                obligations=manifest.obligations,
            )
        return self._answers[label]

    def _marked(self, found: Object, label: bytes) -> Marked:
        """The object under the label by which this node must hold it.

        That is the view, what the agreement adds to every release, and what the bytes carry; never less than any.
        """
        if label not in self._held:
            view = self._views[label]
            self._held[label] = bound(view, self._terms) if self._terms else view
        return Marked(
            originator=self._part.manifest.originator,
            object=found,
            labels=self._markings.labels(self._held[label], found),
        )

    @staticmethod
    def _unreadable(marked: Marked, answer: Admission) -> Admission:
        """An object whose bytes bear a marking that nobody here can read is kept apart."""
        unmapped = sorted({id for label in marked.labels for id in label.unmapped})
        if not unmapped or isinstance(answer, Refused):
            return answer
        reason = Reason(
            clause="label.unmapped-marking",
            outcome=Outcome.DENY,
            why=f"its bytes bear the marking {unmapped[0]}, which is not known here",
            change="import that marking definition, or let a reviewer decide",
        )
        return Quarantined(reasons=(*answer.reasons, reason))

    def _portion(self, entry: Entry) -> tuple[int, str]:
        portion = decode_portion(entry.body)
        return portion.number, portion.text


def take(unit: Unit, node: Node, opened: Opened, prepared: Prepared) -> ReceiptLine:
    """Store a prepared part inside the transaction that records its message; returns the receipt for it."""
    message, now = opened.message, node.clock()
    if prepared.admitted:
        unit.objects.add(prepared.admitted, source=message.sender, at=now)
        match_new(unit, node, prepared.admitted)
    for group in prepared.groups:
        _keep_apart(unit, node, opened, prepared.part.manifest, group)
    item = _item(opened, prepared, now)
    unit.mail.add_part(
        item,
        prepared.part.part,
        [(position, salt, key_of(marked) if marked else None) for position, salt, marked in prepared.keys],
        prepared.part.path,
    )
    counts = {
        ADMITTED: len(prepared.admitted),
        QUARANTINED: prepared.quarantined,
        REFUSED: prepared.refused,
    }
    for what, count in counts.items():
        if count:
            unit.directory.count(what, count)
    unit.directory.count("received", sum(counts.values()))
    record(
        unit,
        node,
        "admission",
        {
            "from": message.sender,
            "message": opened.name.hex(),
            "product": prepared.part.manifest.product,
            "version": prepared.part.manifest.version,
            "part": prepared.part.part,
            "root": prepared.part.manifest.root.hex(),
            "counts": counts,
            "renditions": renditions_root(m.object.sha256 for m in prepared.admitted).hex(),
        },
    )
    return ReceiptLine(message=opened.name, outcome=_outcome(prepared), at=now, counts=counts)


def _outcome(prepared: Prepared) -> str:
    """One word for the part: admitted if anything was, or if it held nothing that could not be."""
    if prepared.admitted or not (prepared.groups or prepared.refused):
        return ADMITTED
    return QUARANTINED if prepared.groups else REFUSED


def _item(opened: Opened, prepared: Prepared, now: int) -> InboxItem:
    manifest, sheet = prepared.part.manifest, prepared.sheet
    return InboxItem(
        sender=opened.message.sender,
        product=manifest.product,
        version=manifest.version,
        root=bytes(manifest.root),  # canonical.Hex stays with the wire
        manifest=prepared.part.document.encode(),
        title=sheet.title if sheet else "",
        purpose=manifest.purpose,
        precedence=manifest.precedence,
        grade=sheet.grade if sheet else "",
        handling=sheet.handling if sheet else "",
        sheet=prepared.sheet_body,
        portions=prepared.portions,
        parts=manifest.parts,
        parts_here=0,
        objects=len(prepared.admitted),
        created=manifest.created,
        first_arrived=now,
        whole_at=None,
        opened_at=None,
    )


# Quarantine.


def _keep_apart(unit: Unit, node: Node, opened: Opened, manifest: Manifest, group: Group) -> None:
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
    )
    extra = QuarantineExtra(product=manifest.product, version=manifest.version, texts=group.texts)
    unit.mail.quarantine(item, group.objects, encode(extra))


def admit_quarantined(node: Node, signer: Signer, wanted: str) -> int:
    """Take a group in after all, under the label it came with. Returns how many objects.

    Raises:
        NotFound, Ambiguous: the id.
        Refusal: it was decided already.
    """
    with node.store.write() as unit:
        item = _waiting(unit, wanted)
        markings = known_markings(unit)
        marked = [
            _released(item, raw, label, markings)
            for _, _, raw, label in unit.mail.quarantined_objects(item.id)
        ]
        if marked:
            unit.objects.add(marked, source=item.sender, at=node.clock())
            match_new(unit, node, marked)
            unit.directory.count(ADMITTED, len(marked))
        unit.mail.settle(item.id, state=ADMITTED, by=signer.name)
        _tell(unit, node, signer, item, ADMITTED)
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
        unit.directory.count(REFUSED, item.objects)
        _tell(unit, node, signer, item, REFUSED)
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


def _tell(unit: Unit, node: Node, signer: Signer, item: QuarantinedItem, outcome: str) -> None:
    line = ReceiptLine(message=item.message, outcome=outcome, at=node.clock(), counts={outcome: item.objects})
    post(unit, node, item.sender, ReceiptList(receipts=(line,)))
    record(
        unit,
        node,
        "quarantine",
        {
            "by": signer.name,
            "group": item.id.hex(),
            "message": item.message.hex(),
            "outcome": outcome,
            "objects": item.objects,
        },
    )
