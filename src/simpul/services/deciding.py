"""What may a party see? Decided once per (label, originator, recipient, purpose, policy hash), and kept exactly as long.

    policy_of(unit, node, party, purpose, at)      all that decides between this node and the party, besides the label
    policy_hash(unit, node, party, purpose, at)    its hash, the one name of a policy: approvals are void by it too
    audience_for(unit, node, party, purpose, at)   the labels that open to the party, for the store to filter by

Labels are few, so the cost is that of the labels in use and never of the objects. An answer is kept in this process
under the hash of the policy that gave it, with the moment it was made and the earliest date that any clause read; a
change of anything in the policy is another hash, so that nothing needs to be thrown away in time (docs/adr/0014). What
no hash covers is asked anew each time: whether the party holds this node's epoch of a circle, and which ids it knows.

What a party may see without more is seen: a label that asks for a further approval or for consent opens to nobody here.
A consent is for single things, not for a label, and is read where these are released.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from threading import Lock
from typing import Final, NamedTuple

from msgspec import Struct

from simpul.domain.agreements import Agreement
from simpul.domain.cutting import Granted, is_granted
from simpul.domain.labels import Label, MembersOf, is_open_to, no_circles
from simpul.domain.obligations import before_handing_on
from simpul.domain.overlays import Overlay
from simpul.domain.policy import Decision, Outcome, decide, policy_content
from simpul.domain.queries import HOME, Audience
from simpul.domain.references import ids_in
from simpul.errors import InputFault
from simpul.ports import LabelUse, Unit
from simpul.protocol.canonical import encode
from simpul.protocol.documents import parse_document
from simpul.protocol.overlays import KIND as OVERLAY
from simpul.protocol.overlays import decode_overlay
from simpul.services import circling
from simpul.services.agreeing import in_force
from simpul.services.node import Node

MOST_POLICIES: Final = 256
"""Policies whose answers are kept: the one asked for longest ago goes first."""

Pair = tuple[bytes, str]
"""The hash of a label, and who originated what bears it."""


class Policy(Struct, frozen=True, kw_only=True):
    """All that decides whether a recipient may get something from a sender, besides the label and the moment.

    Attributes:
        agreement, agreement_hash: the terms in force between the two and what names them; None without any.
        members_of, circles: who is in which circle, and by name what each answer rests on.
        overlay, overlay_hash: the rules of the sender's nation; None without any.
    """

    sender: str
    recipient: str
    purpose: str
    agreement: Agreement | None
    agreement_hash: bytes | None
    members_of: MembersOf = no_circles
    circles: dict[str, bytes] = {}
    overlay: Overlay | None = None
    overlay_hash: bytes | None = None

    def hash(self) -> bytes:
        """SHA-256 that names this policy: a change of anything that a decision reads of it is another hash."""
        content = policy_content(
            purpose=self.purpose,
            agreement=self.agreement_hash,
            halts=self.agreement.halts if self.agreement else (),
            charters=self.circles,
            overlay=self.overlay_hash,
        )
        # The two dates are not only in the signed terms: a denunciation or a later charter moves the end.
        dates = [self.agreement.not_before, self.agreement.not_after] if self.agreement else []
        whole = {**content, "dates": dates, "sender": self.sender, "recipient": self.recipient}
        return hashlib.sha256(encode(whole)).digest()

    def decide(self, label: Label, originator: str, at: int, *, consented: bool = False) -> Decision:
        """May the recipient receive what bears this label, at `at` (microseconds UTC)?

        Another party's words are handed on only as the duties that came with them let it, too.
        """
        decided = decide(
            label,
            sender=self.sender,
            recipient=self.recipient,
            purpose=self.purpose,
            agreement=self.agreement,
            at=at,
            originator=originator,
            members_of=self.members_of,
            consented=consented,
            overlay=self.overlay,
        )
        if originator in (self.sender, self.recipient):
            return decided
        return before_handing_on(decided, label, permitted=consented)


def policy_of(unit: Unit, node: Node, party: str, purpose: str, at: int) -> Policy:
    """What decides between this node and a party for a purpose, as it stands in this snapshot at `at`."""
    agreement = in_force(unit, node, party, purpose, at)
    overlay = overlay_in_force(unit, node)
    return Policy(
        sender=node.party,
        recipient=party,
        purpose=purpose,
        agreement=agreement.terms if agreement else None,
        agreement_hash=agreement.hash if agreement else None,
        members_of=circling.members_of(unit),
        circles={"*": circling.digest(unit)},
        overlay=overlay[0] if overlay else None,
        overlay_hash=overlay[1] if overlay else None,
    )


def policy_hash(unit: Unit, node: Node, party: str, purpose: str, at: int) -> bytes:
    """The name of the policy that decides between this node and a party for a purpose at `at`."""
    return policy_of(unit, node, party, purpose, at).hash()


def overlay_in_force(unit: Unit, node: Node) -> tuple[Overlay, bytes] | None:
    """The newest version of this nation's rules, and its hash; None if it has adopted none."""
    rows = [row for row in unit.directory.signed(OVERLAY) if node.party in row.signed_by]
    if not rows:
        return None
    newest = max(rows, key=lambda row: row.version)
    return _overlay(newest.document), newest.hash


@lru_cache(maxsize=64)
def _overlay(document: bytes) -> Overlay:
    """The overlay of a stored document, which was verified when it was adopted."""
    return decode_overlay(parse_document(document).payload)


def purpose_for(unit: Unit, node: Node, party: str, purpose: str | None, at: int) -> str:
    """The purpose that a person means: the one stated, or else the only one that the agreement names.

    Raises:
        InputFault: none was stated, and no agreement or one with several purposes is in force.
    """
    if purpose is not None:
        return purpose
    agreement = in_force(unit, node, party, "", at)
    named = sorted(agreement.terms.purposes) if agreement else []
    if len(named) == 1:
        return named[0]
    raise InputFault(
        "for which purpose is not said, and no agreement answers it alone",
        input="--purpose",
        do=f"state one of: {', '.join(named)}" if named else "state the purpose",
    )


def audience_for(unit: Unit, node: Node, party: str, purpose: str, at: int) -> Audience:
    """What of the store a party may see for a purpose at `at`, by label. This node itself sees everything.

    Args:
        unit: the snapshot that will be asked; the audience holds for it and for no later one.
    """
    if party == node.party:
        return HOME
    policy = policy_of(unit, node, party, purpose, at)
    uses = unit.objects.labels_in_use(HOME)
    opened = [(use, answer) for use, answer in DECIDED.answers(policy, uses, at) if answer.opens]
    epochs = circling.Epochs(unit, node.party, party)
    known = known_to(unit, party)
    return Audience(
        labels=frozenset(),
        of=frozenset(
            (use.hash, use.originator)
            for use, answer in opened
            if epochs.reason(use.label, policy.agreement) is None
            and all(is_granted(id, known) for id in answer.ids)
        ),
    )


class Answer(NamedTuple):
    """What was decided of one label: whether it opens, from when until when that holds, and which ids its words name."""

    opens: bool
    since: int
    until: int | None
    ids: tuple[str, ...]

    def holds(self, at: int) -> bool:
        """Whether it is the answer also at `at`."""
        return self.since <= at and (self.until is None or at < self.until)


CLOSED: Final = Answer(opens=False, since=0, until=None, ids=())
"""The answer where the label's lists do not let the recipient in."""


class Decided:
    """The answers that this process keeps, by policy hash. Safe to share between threads."""

    def __init__(self, most: int = MOST_POLICIES) -> None:
        self._most = most
        self._by_policy: OrderedDict[bytes, dict[Pair, Answer]] = OrderedDict()
        self._lock = Lock()
        self.made = 0
        """How many decisions were made rather than found."""

    def answers(self, policy: Policy, uses: Iterable[LabelUse], at: int) -> Iterator[tuple[LabelUse, Answer]]:
        """The answer for each label in use; what is not kept, or no longer holds, is decided now and kept.

        Answers for labels that are no longer in use are dropped: nothing is kept of what the store does not hold.
        """
        name = policy.hash()
        with self._lock:
            before = self._by_policy.get(name, {})
        kept: dict[Pair, Answer] = {}
        found = []
        for use in uses:
            pair = (use.hash, use.originator)
            answer = before.get(pair)
            if answer is None or not answer.holds(at):
                answer = _decided(policy, use, at)
                self.made += 1
            kept[pair] = answer
            found.append((use, answer))
        with self._lock:
            self._by_policy[name] = kept
            self._by_policy.move_to_end(name)
            while len(self._by_policy) > self._most:
                self._by_policy.popitem(last=False)
        return iter(found)

    def __len__(self) -> int:
        return len(self._by_policy)


DECIDED: Final = Decided()
"""One for the process: a key says everything that an answer depends on, also whose node asked."""


def _decided(policy: Policy, use: LabelUse, at: int) -> Answer:
    # Most labels are for others. Their lists read no date: that answer holds as long as the policy does.
    if not is_open_to(
        use.label, policy.recipient, policy.members_of, sender=policy.sender, originator=use.originator
    ):
        return CLOSED
    decision = policy.decide(use.label, use.originator, at)
    opens = decision.outcome is Outcome.PERMIT
    ids = tuple(id for words in words_of(use.label) for id in ids_in(words)) if opens else ()
    return Answer(opens=opens, since=at, until=decision.valid_until, ids=ids)


def words_of(label: Label) -> Iterator[str]:
    """Everything in a label that a person wrote and a recipient reads."""
    for words in (label.handling_text, label.obligations, label.topics, label.compartments, label.handling):
        yield from words
    yield from label.purposes or ()


def known_to(unit: Unit, party: str) -> Granted:
    """Whether a party knows an id already: it was granted it before, or originated it. Asked once an id."""
    known: dict[str, bool] = {}

    def knows(id: str) -> bool:
        if id not in known:
            known[id] = bool(unit.products.granted(party, [id]) or unit.objects.originated(party, [id]))
        return known[id]

    return knows
