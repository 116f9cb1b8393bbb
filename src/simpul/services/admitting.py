"""Deciding what becomes of a product's part that came in.

Heavy work is done before the transaction: the part is proven, each label is decided once by the same engine as at the
sender, each object is checked as an import would check it. `take` then stores all of it at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import Admission, Quarantined, Refused, admit
from simpul.domain.labels import Label, MembersOf, join
from simpul.domain.mail import (
    ADMITTED,
    QUARANTINED,
    REFUSED,
    TEXTS_QUARANTINED,
    TEXTS_REFUSED,
    InboxItem,
)
from simpul.domain.objects import Foreign, Marked, Object, ObjectKey
from simpul.domain.policy import Outcome, Reason, bound
from simpul.domain.releases import CARRYING, SHEET, ReceivedLeaf
from simpul.errors import Unproven
from simpul.formats.markings import Markings
from simpul.formats.stix import to_object
from simpul.ports import Unit
from simpul.protocol.envelope import Opened
from simpul.protocol.labels import from_wire
from simpul.protocol.manifest import HASH_LENGTH, Manifest, check_originator
from simpul.protocol.receipts import ReceiptLine
from simpul.protocol.release import Entry, Part, prove, unpack
from simpul.protocol.sheets import Sheet, decode_portion, decode_sheet
from simpul.services.agreeing import InForce, by_hash, too_late
from simpul.services.auditing import record
from simpul.services.authorship import author_key
from simpul.services.circling import members_of
from simpul.services.connecting import card_of
from simpul.services.grounds import Ground, Grounds, spend, spent
from simpul.services.honouring import TAKEN_BACK, Standing, standing
from simpul.services.importing import key_of
from simpul.services.marking import MARKING_DEFINITION, learn_from_partner, stored_markings
from simpul.services.matching import match_new
from simpul.services.merkle import renditions_root
from simpul.services.node import Node
from simpul.services.quarantining import UNMAPPED, Belonging, Group, count_refused, keep_apart, reconsider

INVALID: Final = "admission.object"
"""The clause by which an object is refused that is not valid STIX."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A part that was proven and decided, ready to be stored.

    `sheet` and `portions` are what was admitted of its narrative. `refused` counts objects by the clause that refused
    them, `refused_texts` portions and cover sheet. `stored` are the admitted objects by position.
    """

    part: Part
    sheet: Sheet | None
    sheet_body: bytes
    portions: tuple[tuple[int, str], ...]
    admitted: tuple[Marked, ...]
    groups: tuple[Group, ...]
    refused: dict[str, int]
    refused_texts: int
    stored: dict[int, Marked]

    @property
    def quarantined(self) -> int:
        """Objects kept apart."""
        return sum(len(group.objects) for group in self.groups)

    @property
    def quarantined_texts(self) -> int:
        """Portions and cover sheet kept apart."""
        return sum(len(group.texts) + bool(group.sheet) for group in self.groups)

    @property
    def outcome(self) -> str:
        """One word for the part: admitted if objects or narrative were, or if nothing was kept apart or refused."""
        if self.admitted or self.portions or not (self.groups or self.refused or self.refused_texts):
            return ADMITTED
        return QUARANTINED if self.groups else REFUSED

    @property
    def shown(self) -> bool:
        """Whether the inbox says that it came: not where nothing of it was even kept apart."""
        return self.outcome != REFUSED or self.sheet is not None


def prepare(node: Node, opened: Opened) -> Prepared:
    """Prove and decide one part.

    Raises:
        PartnerFault: the part does not prove itself, or the manifest is not its sender's.
    """
    message = opened.message
    unpacked = unpack(opened.payload, message.payload.length, message.realm)
    with node.store.read() as unit:
        # (1) the manifest is the sender's; what others originated is passed on inside it, with their own
        check_originator(unpacked.manifest, message.sender)
        card = card_of(unit, message.sender)
        if card is None or not unpacked.document.signatures:
            raise Unproven("the manifest names no key of its originator", input="release", where="manifest")
        key = card.signer(node.realm, unpacked.document.signatures[0].key, message.created)
        # (2) manifest, leaves and range prove themselves, and what is passed on in its originator's tree too
        part = prove(unpacked, key, author_key(unit, node))
        # (3) the agreement both signed, as the message and the manifest name it
        if part.manifest.agreement != message.agreement:
            raise Unproven("message and manifest name two agreements", input="release", where="agreement")
        agreement = by_hash(unit, message.agreement)
        # (4) a decision no older than may be taken on the sender's word
        late = too_late(unit, node, message, agreement)
        known_circles = members_of(unit)
        # (5) what recalls say of it, and which consents for one release alone served another one already
        struck = standing(unit, message.sender, _named(part))
        grounds = Grounds(part, message, spent(unit, part))
    prepared = _Deciding(node, opened, part, agreement, late, known_circles, grounds, struck).run()
    for originator in {each.originator for each in prepared.admitted}:
        theirs = (each.object for each in prepared.admitted if each.originator == originator)
        learn_from_partner(node, originator, theirs, by="")
    return prepared


def _named(part: Part) -> dict[str, list[str]]:
    """What recalls may have named of a part, by originator."""
    wanted: dict[str, list[str]] = {part.manifest.originator: _delivery(part.manifest)}
    for entry in part.entries:
        origin = entry.passed.manifest if entry.passed else part.manifest
        if entry.kind in CARRYING:
            wanted.setdefault(origin.originator, []).append(_id(entry.body))
        if entry.passed:
            wanted[origin.originator] += _delivery(origin)
    return wanted


class _Identified(Struct):
    id: str = ""


def _id(body: bytes) -> str:
    """The id that bytes state; empty for what will be refused as no object anyway."""
    try:
        return msgspec.json.decode(body, type=_Identified).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _delivery(manifest: Manifest) -> list[str]:
    return [manifest.product, manifest.root.hex()]


def _key(found: Object, originator: str) -> ObjectKey:
    return ObjectKey(originator=originator, id=found.id, version=found.version, sha256=found.sha256)


class _Kept:
    """What of a part was kept apart under one label for the same reasons, so far."""

    def __init__(self) -> None:
        self.objects: list[Marked] = []
        self.positions: list[int] = []
        self.texts: list[tuple[int, str]] = []
        self.sheet = b""


class _Deciding:
    """One part under decision: answers by label hash, and what became of each entry."""

    def __init__(
        self,
        node: Node,
        opened: Opened,
        part: Part,
        agreement: InForce | None,
        late: tuple[Reason, ...],
        known_circles: MembersOf,
        grounds: Grounds,
        struck: Standing,
    ) -> None:
        self._node = node
        self._opened = opened
        self._part = part
        self._terms = agreement.terms if agreement else None
        self._late = late
        self._closed: Refused | None = None
        self._grounds = grounds
        self._struck = struck
        manifest = part.manifest
        if struck.closes(manifest.originator, manifest.product, manifest.version, manifest.root):
            self._closed = Refused(reasons=(TAKEN_BACK,))
        self._markings: dict[str, Markings] = {}
        self._members_of = known_circles
        self._views = dict(zip(part.manifest.label_hashes, map(from_wire, part.manifest.labels), strict=True))
        self._answers: dict[Ground, Admission] = {}
        self._held: dict[Ground, Label] = {}
        self._sheet = b""
        self._sheet_apart: tuple[Entry, tuple[Reason, ...]] | None = None
        self._portions: list[tuple[int, str]] = []
        self._admitted: list[Marked] = []
        self._refused: Counter[str] = Counter()
        self._refused_texts = 0
        self._stored: dict[int, Marked] = {}
        self._groups: dict[tuple[Ground, tuple[Reason, ...]], _Kept] = defaultdict(_Kept)

    def run(self) -> Prepared:
        objects = self._read_objects()
        self._learn_markings(objects)
        self._read_sheet()
        for entry in self._part.entries:
            if entry.kind in CARRYING:
                self._take_object(entry, objects[entry.position])
            else:
                self._take_text(entry)
        if self._sheet_apart is not None:
            self._keep_sheet(*self._sheet_apart)
        return Prepared(
            part=self._part,
            sheet=decode_sheet(self._sheet) if self._sheet else None,
            sheet_body=self._sheet,
            portions=tuple(self._portions),
            admitted=tuple(self._admitted),
            groups=tuple(
                Group(
                    originator=ground.originator,
                    label=join(self._views[ground.label], ground.narrowed),
                    reasons=reasons,
                    objects=tuple(kept.objects),
                    positions=tuple(kept.positions),
                    texts=tuple(kept.texts),
                    sheet=kept.sheet,
                )
                for (ground, reasons), kept in self._groups.items()
            ),
            refused=dict(self._refused),
            refused_texts=self._refused_texts,
            stored=self._stored,
        )

    def _read_sheet(self) -> None:
        """Refuse the whole part if its cover sheet is refused: a sender that keeps the rules sends nothing without it."""
        sheet = next((entry for entry in self._part.entries if entry.kind == SHEET), None)
        if sheet is not None and self._closed is None:
            answer = self._answer(self._grounds.of(sheet))
            self._closed = answer if isinstance(answer, Refused) else None

    def _take_object(self, entry: Entry, found: Object | None) -> None:
        """Sort one object into admitted, kept apart or refused; what is not valid STIX is refused."""
        ground = self._grounds.of(entry)
        answer = self._answer(ground)
        if isinstance(answer, Refused):
            self._refused[answer.clause] += 1
        elif found is None:
            self._refused[INVALID] += 1
        elif self._struck.refuses(_key(found, ground.originator)) or self._was_taken_back(entry):
            self._refused[TAKEN_BACK.clause] += 1
        else:
            marked = self._narrowed(self._marked(found, ground), entry)
            answer = self._unreadable(marked, answer)
            if isinstance(answer, Quarantined):
                kept = self._groups[ground, answer.reasons]
                kept.objects.append(marked)
                kept.positions.append(entry.position)
            else:
                self._stored[entry.position] = marked
                self._admitted.append(marked)

    def _was_taken_back(self, entry: Entry) -> bool:
        """Whether the product of its originator was taken back out of which an object was passed on."""
        if entry.passed is None:
            return False
        origin = entry.passed.manifest
        return self._struck.closes(origin.originator, origin.product, origin.version, origin.root)

    def _narrowed(self, marked: Marked, entry: Entry) -> Marked:
        """Under the label that restrictions from before its arrival leave it."""
        origin = entry.passed.manifest if entry.passed else self._part.manifest
        narrowing = self._struck.narrows(
            _key(marked.object, marked.originator), origin.product, origin.version, origin.root
        )
        return replace(marked, labels=tuple(join(label, narrowing) for label in marked.labels))

    def _take_text(self, entry: Entry) -> None:
        """Sort the cover sheet, or one portion."""
        ground = self._grounds.of(entry)
        answer = self._answer(ground)
        if isinstance(answer, Refused):
            self._refused_texts += 1
        elif isinstance(answer, Quarantined) and entry.kind == SHEET:
            self._sheet_apart = (entry, answer.reasons)
        elif isinstance(answer, Quarantined):
            self._groups[ground, answer.reasons].texts.append(_portion(entry))
        elif entry.kind == SHEET:
            self._sheet = entry.body
        else:
            self._portions.append(_portion(entry))

    def _keep_sheet(self, entry: Entry, reasons: tuple[Reason, ...]) -> None:
        """Keep the sheet apart with what is kept apart by the same clauses: a reviewer decides on both at once."""
        decode_sheet(entry.body)  # whoever admits it later must find a sheet
        clauses = {reason.clause for reason in reasons}
        alike = (
            (ground, why)
            for ground, why in self._groups
            if {reason.clause for reason in why} == clauses and ground.author is None
        )
        self._groups[next(alike, (self._grounds.of(entry), reasons))].sheet = entry.body

    def _read_objects(self) -> dict[int, Object | None]:
        """Each object as an import would read it, by position; None where it is not valid STIX."""
        found: dict[int, Object | None] = {}
        for entry in self._part.entries:
            if entry.kind in CARRYING:
                read = to_object(Foreign(index=entry.position, raw=entry.body, format="stix-2.1"))
                found[entry.position] = read if isinstance(read, Object) else None
        return found

    def _learn_markings(self, objects: Mapping[int, Object | None]) -> None:
        """Learn the marking definitions of each originator that come in this part, from those who surely wrote them."""
        for entry in self._part.entries:
            found = objects.get(entry.position)
            if found is not None and found.type == MARKING_DEFINITION:
                ground = self._grounds.of(entry)
                if ground.vouched:
                    self._markings_of(ground.originator).learn(msgspec.json.decode(found.raw))

    def _markings_of(self, originator: str) -> Markings:
        """The markings by which an originator's objects are read: ours, and its own."""
        if originator not in self._markings:
            self._markings[originator] = stored_markings(self._node, self._node.party, originator)
        return self._markings[originator]

    def _answer(self, ground: Ground) -> Admission:
        if self._closed is not None:
            return self._closed
        if ground not in self._answers:
            message, manifest = self._opened.message, self._part.manifest
            self._answers[ground] = admit(
                [self._views[ground.label]],
                sender=message.sender,
                recipient=self._node.party,
                purpose=manifest.purpose,
                agreement=self._terms,
                decided_at=message.decided_at,
                originator=ground.originator,
                author=ground.author,
                obligations=manifest.obligations,
                members_of=self._members_of,
                consented=ground.consented,
                more=(*self._late, *ground.reasons),
            )
        return self._answers[ground]

    def _marked(self, found: Object, ground: Ground) -> Marked:
        """The object under the label by which this node must hold it.

        That is the view, what the agreement adds to every release and the grant to what it let through, and what the
        bytes carry; never less than any.
        """
        if ground not in self._held:
            view = join(self._views[ground.label], ground.narrowed)
            self._held[ground] = bound(view, self._terms) if self._terms else view
        return Marked(
            originator=ground.originator,
            object=found,
            labels=self._markings_of(ground.originator).labels(self._held[ground], found),
        )

    @staticmethod
    def _unreadable(marked: Marked, answer: Admission) -> Admission:
        """An object whose bytes bear a marking that nobody here can read is kept apart."""
        unmapped = sorted({id for label in marked.labels for id in label.unmapped})
        if not unmapped or isinstance(answer, Refused):
            return answer
        reason = Reason(
            clause=UNMAPPED,
            outcome=Outcome.DENY,
            why=f"its bytes bear the marking {unmapped[0]}, which is not known here",
            change="import that marking definition, or let a reviewer decide",
        )
        return Quarantined(reasons=(*answer.reasons, reason))


def _portion(entry: Entry) -> tuple[int, str]:
    portion = decode_portion(entry.body)
    return portion.number, portion.text


def take(unit: Unit, node: Node, opened: Opened, prepared: Prepared) -> ReceiptLine:
    """Store a prepared part inside the transaction that records its message; returns the receipt for it."""
    message, now = opened.message, node.clock()
    if prepared.admitted:
        added = unit.objects.add(prepared.admitted, source=message.sender, at=now)
        if added.known:
            _narrow(unit, prepared.admitted)
        match_new(unit, node, prepared.admitted)
        for originator in {
            each.originator for each in prepared.admitted if each.object.type == MARKING_DEFINITION
        }:
            reconsider(unit, node, originator)
    for group in prepared.groups:
        keep_apart(unit, node, opened, group, _belonging(prepared.part.manifest, group))
    if prepared.shown:
        unit.mail.add_part(
            _item(opened, prepared, now), prepared.part.part, _received(prepared), prepared.part.path
        )
    spend(unit, prepared.part)
    counts = _counted(unit, prepared)
    _record(unit, node, opened, prepared, counts)
    return ReceiptLine(message=opened.name, outcome=prepared.outcome, at=now, counts=counts)


def _received(prepared: Prepared) -> list[ReceivedLeaf]:
    """The part's leaves as they are kept, so that each can be proven again by itself."""
    hashes = prepared.part.hashes
    return [
        ReceivedLeaf(
            position=entry.position,
            kind=entry.kind,
            salt=entry.salt,
            label=entry.label,
            hash=hashes[HASH_LENGTH * number : HASH_LENGTH * (number + 1)],
            key=key_of(prepared.stored[entry.position]) if entry.position in prepared.stored else None,
            proof=entry.passed.proof if entry.passed else None,
        )
        for number, entry in enumerate(prepared.part.entries)
    ]


def _narrow(unit: Unit, admitted: Sequence[Marked]) -> None:
    """What was here already is held as narrowly as it comes now, too: the stricter of two deliveries counts."""
    alike: dict[Label, list[ObjectKey]] = defaultdict(list)
    for each in admitted:
        alike[each.labels[0]].append(key_of(each))
    for label, keys in alike.items():
        unit.objects.restrict(keys, label)


def _counted(unit: Unit, prepared: Prepared) -> dict[str, int]:
    """Count the part into what this node says of itself; returns the counts for its sender."""
    refused = sum(prepared.refused.values())
    objects = {ADMITTED: len(prepared.admitted), QUARANTINED: prepared.quarantined, REFUSED: refused}
    texts = {TEXTS_QUARANTINED: prepared.quarantined_texts, TEXTS_REFUSED: prepared.refused_texts}
    counted = {what: count for what, count in texts.items() if count}
    unit.directory.count("received", sum(objects.values()))
    for what, count in (*objects.items(), *counted.items()):
        if count and what != REFUSED:
            unit.directory.count(what, count)
    count_refused(unit, prepared.refused)
    return objects | counted


def _record(unit: Unit, node: Node, opened: Opened, prepared: Prepared, counts: dict[str, int]) -> None:
    manifest = prepared.part.manifest
    record(
        unit,
        node,
        "admission",
        {
            "from": opened.message.sender,
            "message": opened.name.hex(),
            "product": manifest.product,
            "version": manifest.version,
            "part": prepared.part.part,
            "root": manifest.root.hex(),
            "counts": counts,
            "refused_by": prepared.refused,
            "renditions": renditions_root(m.object.sha256 for m in prepared.admitted).hex(),
        },
    )


def _belonging(manifest: Manifest, group: Group) -> Belonging:
    return Belonging(
        product=manifest.product,
        version=manifest.version,
        root=manifest.root,
        texts=group.texts,
        sheet=group.sheet,
        positions=group.positions,
    )


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
        message=opened.name,
    )
