"""What one recipient would get of a product: every object and portion decided by itself, then cut, then settled.

Preview and approval both walk a `Rendering`; that they walk the same one is why the preview equals what is sent.
Decisions are made once per set of labels, and bytes are decoded only where something must be cut (law 2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property
from typing import Any, Final, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.agreements import Agreement
from simpul.domain.cutting import (
    PASSED_CUT,
    PORTION_REQUIRED,
    REFERENCE_MARKING,
    REFERENCE_REQUIRED,
    REFERENCE_TEXT,
    Candidate,
    Granted,
    Settled,
    cut,
    is_clear,
    is_granted,
    settle,
)
from simpul.domain.labels import NO_ONWARD, Label, Onward, join_onward, view_for
from simpul.domain.objects import ObjectKey
from simpul.domain.policy import (
    DEFAULT_APPROVALS,
    Decision,
    Outcome,
    PortionsDecision,
    Reason,
    over_portions,
)
from simpul.domain.products import Product
from simpul.domain.queries import HOME
from simpul.domain.references import ids_in
from simpul.domain.releases import PORTION, SHEET
from simpul.formats.stix import object_of
from simpul.ports import StoredHead, Unit
from simpul.protocol.canonical import encode
from simpul.protocol.labels import label_hash
from simpul.protocol.sheets import Sheet, encode_portion, encode_sheet
from simpul.services.agreeing import InForce
from simpul.services.carrying import Members
from simpul.services.circling import Epochs
from simpul.services.deciding import policy_of
from simpul.services.node import Node
from simpul.services.passing import PASSING_WORDS, Passage, Passing, unproven

CUTTING_WORDS: Final = {
    **PASSING_WORDS,
    PASSED_CUT: (
        "something would have to be cut from it, and only its originator may cut its words",
        "ask the originator for a version without it, or release what it names too",
    ),
    PORTION_REQUIRED: (
        "it is not whole without a portion that the recipient may not get",
        "mark that portion wider, or move what it says into an optional property",
    ),
    REFERENCE_MARKING: (
        "it is marked by a definition that the recipient does not get",
        "release that marking definition too",
    ),
    REFERENCE_REQUIRED: (
        "it must name an object that the recipient does not get",
        "release that object too",
    ),
    REFERENCE_TEXT: (
        "text that cannot be cut names an object that the recipient does not get",
        "take the id out of the text, or release that object too",
    ),
}
"""Why law 2 withholds, and what would have to change, by clause."""

GOES: Final = Outcome.NEEDS_APPROVAL
"""The most restrictive outcome with which something still goes, once it has the approvals it needs."""


class RenderedObject(Struct, frozen=True, kw_only=True):
    """One object as decided.

    Attributes:
        body: the bytes that go, None where it is withheld.
        removed: selectors of what was cut, as in the original, which they never leave; none for the original's bytes.
        label: the view that goes.
        approvals: approvals beyond the drafter's that it asks for.
        passage: how it goes on, if another originated it.
    """

    head: StoredHead
    outcome: Outcome
    clause: str
    body: bytes | None = None
    removed: tuple[str, ...] = ()
    label: Label | None = None
    obligations: tuple[str, ...] = ()
    approvals: int = DEFAULT_APPROVALS
    passage: Passage | None = None


class RenderedText(Struct, frozen=True, kw_only=True):
    """The cover sheet (`kind` SHEET, number 0) or one portion as decided; `body` is None where it is withheld."""

    kind: int
    number: int
    decision: Decision
    body: bytes | None
    label: Label | None


class Rendering:
    """One product version for one recipient, as of one moment, in one snapshot.

    Args:
        unit: the snapshot; it must stay open as long as this is used.
        agreement: what is in force between the two, or None: then everything is denied, with the reason.
        at: microseconds UTC as of which everything is decided.
        members: the objects of the product, where several look at them in the same snapshot.
    """

    def __init__(
        self,
        unit: Unit,
        node: Node,
        product: Product,
        recipient: str,
        agreement: InForce | None,
        at: int,
        *,
        members: Members | None = None,
    ) -> None:
        self._members = members or Members(unit, product)
        self._unit = unit
        self._node = node
        self.product = product
        self.recipient = recipient
        self.agreement = agreement
        self.at = at
        self._decisions: dict[tuple[bytes, ...], PortionsDecision] = {}
        self._single: dict[tuple[bytes, str, bool], Decision] = {}
        self._passing = Passing(unit, node, product, recipient, at)
        self._views: dict[tuple[Label, str | None], Label] = {}
        self._labels: dict[bytes, Label] = {}
        self._known: dict[str, bool] = {}
        self._policy = replace(
            policy_of(unit, node, recipient, product.purpose, at),
            agreement=agreement.terms if agreement else None,
            agreement_hash=agreement.hash if agreement else None,
        )
        self._epochs = Epochs(unit, node.party, recipient)
        self._permitted = 0

    @property
    def terms(self) -> Agreement | None:
        """The terms of the agreement."""
        return self.agreement.terms if self.agreement else None

    def decision(self, label: Label, originator: str, *, consented: bool = False) -> Decision:
        """The decision for one label, made once; a label whose words name what is not granted decides against itself.

        `consented` says that a grant of the originator covers what bears the label.
        """
        key = (label_hash(label), originator, consented)
        if key not in self._single:
            decided = self._policy.decide(label, originator, self.at, consented=consented)
            behind = self._epochs.reason(label, self.terms)
            decided = _denied(decided, behind) if behind else decided
            named = [id for words in _words(label) for id in ids_in(words)]
            self._single[key] = decided if self._all(self._granted_before, named) else _text_withheld(decided)
        return self._single[key]

    @property
    def valid_until(self) -> int | None:
        """The earliest date that any decision read so far (microseconds UTC): from then on it may be another."""
        dates = [decision.valid_until for decision in self._single.values()]
        dates.append(self._passing.valid_until)
        return min((date for date in dates if date is not None), default=None)

    @staticmethod
    def _all(granted: Granted, ids: Iterable[str]) -> bool:
        return all(is_granted(id, granted) for id in ids)

    def words(self, clause: str) -> tuple[str, str]:
        """Why a clause decided as it did, and what would have to change, in words for a person."""
        if clause in CUTTING_WORDS:
            return CUTTING_WORDS[clause]
        for decision in self._single.values():
            for reason in decision.reasons:
                if reason.clause == clause and reason.outcome > Outcome.PERMIT:
                    asks = reason.outcome is Outcome.NEEDS_CONSENT
                    return reason.why, self._how_to_ask(reason.change) if asks else reason.change
        return "every clause permits", ""

    def _how_to_ask(self, change: str) -> str:
        return f"{change}: `simpul consent ask {self.product.id} --to {self.recipient} --purpose {self.product.purpose} --why …`"

    def view(self, label: Label, originator: str | None = None) -> Label:
        """What is sent of a label; `originator` where that is not this node."""
        key = (label, originator)
        if key not in self._views:
            self._views[key] = view_for(
                label, self.recipient, self._policy.members_of, sender=self._node.party, originator=originator
            )
        return self._views[key]

    # Objects.

    def objects(self) -> Iterator[RenderedObject]:
        """Every object of the product in the store's order, decided, settled and cut."""
        for head, raw in self._members:
            yield self._rendered(head, raw)

    @cached_property
    def settled(self) -> Settled:
        """Which of the permitted objects may go together."""
        return settle(self._candidates, load=self._load, granted=self._granted_before)

    @property
    def carried(self) -> int:
        """How many objects go."""
        withheld = len(self.settled.withheld)  # settling counts what is permitted
        return self._permitted - withheld

    def _candidates(self) -> Iterator[Candidate]:
        """What the decision permits, streamed anew each time it is asked for: nothing is held for all objects."""
        self._permitted = 0
        for head, raw in self._members:
            decision, _ = self._object_decision(head, raw)
            if decision.outcome <= GOES:
                self._permitted += 1
                yield Candidate(
                    key=head.key,
                    id=head.key.id,
                    ids=self._members.mentions(head, raw),
                    denied=_selectors(raw, decision.refused),
                    uncut=head.key.originator != self._node.party,
                )

    def _load(self, key: Hashable) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.json.decode(self._unit.objects.raw(HOME, cast("ObjectKey", key)))
        return value

    def _granted_before(self, id: str) -> bool:
        if id not in self._known:
            self._known[id] = bool(
                self._unit.products.granted(self.recipient, [id])
                or self._unit.objects.originated(self.recipient, [id])
            )
        return self._known[id]

    def _object_decision(self, head: StoredHead, raw: bytes) -> tuple[PortionsDecision, Passage | None]:
        """The decision for one object, and how it goes on if another originated it."""
        hashes, originator = self._portion_labels(head), head.key.originator
        if originator == self._node.party:
            return self._decided(hashes, originator, consented=False), None
        plain = self._decided(hashes, originator, consented=False)
        granted = self._decided(hashes, originator, consented=True)
        if granted.outcome is Outcome.DENY:
            return plain, None
        # Consent is given object by object, so that two under one label may be decided differently.
        asks = (plain.outcome, plain.refused) != (granted.outcome, granted.refused)
        passage = self._passing.passage(head.key, raw, self._label(head.label), asks=asks)
        decision = granted if passage is not None and passage.grant is not None else plain
        if passage is None and decision.outcome <= GOES:
            return unproven(decision), None
        return decision, passage

    def _decided(self, hashes: tuple[bytes, ...], originator: str, *, consented: bool) -> PortionsDecision:
        key = (*hashes, originator.encode(), b"consented" if consented else b"")
        if key not in self._decisions:
            self._decisions[key] = over_portions(
                [self.decision(self._label(h), originator, consented=consented) for h in hashes]
            )
        return self._decisions[key]

    def _portion_labels(self, head: StoredHead) -> tuple[bytes, ...]:
        if len(head.markings) <= 1:
            return (head.label,)
        labels = self._unit.objects.labels_of(HOME, head.key)
        hashes = tuple(map(label_hash, labels))
        self._labels.update(zip(hashes, labels, strict=True))
        return hashes

    def _label(self, hash: bytes) -> Label:
        if hash not in self._labels:
            self._labels[hash] = self._unit.objects.label(hash)
        return self._labels[hash]

    def _rendered(self, head: StoredHead, raw: bytes) -> RenderedObject:
        decision, passage = self._object_decision(head, raw)
        if decision.outcome > GOES:
            return RenderedObject(head=head, outcome=decision.outcome, clause=decision.clause)
        clause = self.settled.withheld.get(head.key)
        if clause is not None:
            return RenderedObject(head=head, outcome=Outcome.DENY, clause=clause)
        body, removed = self._body(head, raw, decision)
        more = passage.grant.obligations if passage and passage.grant else ()
        return RenderedObject(
            head=head,
            outcome=decision.outcome,
            clause=decision.clause,
            body=body,
            removed=removed,
            label=self.view(self._label(head.label), head.key.originator),
            obligations=(*decision.obligations, *more),
            approvals=decision.approvals,
            passage=passage,
        )

    def held_onward(self, rendered: RenderedObject) -> Onward:
        """The onward rule under which the recipient will hold what goes: of its view, the agreement and the grant."""
        grant = rendered.passage.grant if rendered.passage else None
        rule = rendered.label.onward if rendered.label else None
        for other in (self.terms.onward if self.terms else None, grant.onward if grant else None):
            rule = join_onward(rule, other)
        return rule or NO_ONWARD

    def _body(
        self, head: StoredHead, raw: bytes, decision: PortionsDecision
    ) -> tuple[bytes, tuple[str, ...]]:
        """What goes of an object that goes, and the selectors of what was cut."""
        granted = self.settled.granted
        if not decision.refused and is_clear(self._members.mentions(head, raw), granted):
            return raw, ()
        value = msgspec.json.decode(raw)
        done = cut(value, granted=granted, denied=_selectors(raw, decision.refused))
        # `settle` judged the same value by the same rule: what it carries is never withheld here.
        return (raw, ()) if done.kept is value else (msgspec.json.encode(done.kept), done.removed)

    # The cover sheet and the narrative.

    def texts(self) -> list[RenderedText]:
        """The cover sheet first, then each portion.

        What goes is numbered from 1 for each recipient: a gap would say that something was withheld, and how much.
        """
        portions: list[RenderedText] = []
        going = 0
        for portion in self.product.portions:
            decision = self._text_decision(portion.label, portion.text)
            goes = decision.outcome <= GOES
            going += goes
            portions.append(
                RenderedText(
                    kind=PORTION,
                    number=portion.number,
                    decision=decision,
                    body=encode_portion(going, portion.text) if goes else None,
                    label=self.view(portion.label) if goes else None,
                )
            )
        return [self._sheet(going), *portions]

    def _text_decision(self, label: Label, *words: str) -> Decision:
        """The decision for words of our own; an id in them counts as a reference that cannot be cut (law 2)."""
        decision = self.decision(label, self._node.party)
        named = [id for text in words for id in ids_in(text)]
        if decision.outcome <= GOES and not self._all(self.settled.granted, named):
            return _text_withheld(decision)
        return decision

    def _sheet(self, portions: int) -> RenderedText:
        label, product = self._sheet_label(), self.product
        decision = self._text_decision(label, product.title, product.handling, product.purpose)
        if decision.outcome > GOES:
            return RenderedText(kind=SHEET, number=0, decision=decision, body=None, label=None)
        sheet = Sheet(
            product=product.id,
            version=product.version,
            originator=product.originator,
            title=product.title,
            purpose=product.purpose,
            precedence=product.precedence.value,
            handling=product.handling,
            grade=str(product.grade),
            known=product.times.known,
            portions=tuple(range(1, portions + 1)),
        )
        return RenderedText(
            kind=SHEET, number=0, decision=decision, body=encode_sheet(sheet), label=self.view(label)
        )

    def _sheet_label(self) -> Label:
        """The sheet's label; one that lists nobody goes to whom the product goes, and to nobody else."""
        label = self.product.label
        if label.releasable_to:
            return label
        return replace(label, releasable_to=frozenset({frozenset({self.recipient})}))

    def waits_for_epochs(self, views: Iterable[Label]) -> bool:
        """Whether the recipient may act on another epoch of a circle that one of these labels rests on."""
        return any(self._epochs.reason(view, self.terms) is not None for view in views)

    def policy(self) -> bytes:
        """SHA-256 over all that the decision reads: when it differs, what was approved is not what would go."""
        labels = self._unit.products.labels_digest(self.product.id, self.product.version)
        texts = [label_hash(self._sheet_label()), *(label_hash(p.label) for p in self.product.portions)]
        return hashlib.sha256(
            encode(
                {
                    "product": self.product.id,
                    "version": self.product.version,
                    "recipient": self.recipient,
                    "policy": self._policy.hash().hex(),
                    "grants": self._passing.policy().hex(),
                    # What a recall took back is granted no more, and a reference to it may not go.
                    "recalls": [kept.hash.hex() for kept in self._unit.recalls.all()],
                    "objects": labels.hex(),
                    "texts": [h.hex() for h in texts],
                }
            )
        ).digest()


def _words(label: Label) -> Iterator[str]:
    """Everything in a label that a person wrote and a recipient reads."""
    for words in (label.handling_text, label.obligations, label.topics, label.compartments, label.handling):
        yield from words
    yield from label.purposes or ()


def _text_withheld(decision: Decision) -> Decision:
    reason = Reason(
        clause=REFERENCE_TEXT,
        outcome=Outcome.DENY,
        why="the text names an object that the recipient does not get",
        change="take the id out of the text, or release that object too",
    )
    return replace(_denied(decision, reason), clause=REFERENCE_TEXT)


def _denied(decision: Decision, reason: Reason) -> Decision:
    """The decision with one more reason that denies; what denied before is still what is named."""
    return replace(
        decision,
        outcome=Outcome.DENY,
        clause=decision.clause if decision.outcome is Outcome.DENY else reason.clause,
        reasons=(*decision.reasons, reason),
        obligations=(),
    )


def _selectors(raw: bytes, refused: tuple[int, ...]) -> tuple[str, ...]:
    """The selectors of the refused portions.

    Portions are numbered as `formats` numbers them: from 1, each distinct set of markings in the order in which its
    first selector stands.
    """
    if not refused:
        return ()
    granular = object_of(raw).granular
    return tuple(selector for k in refused if k for selector in granular[k - 1].selectors)
