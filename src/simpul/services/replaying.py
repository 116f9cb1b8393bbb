"""A decision replayed years later: its agreement part, from what is kept and from the log's openings.

    at the sender      the release row holds the manifest, the log's `release` leaf the whole decision and its salt
    at the recipient   the inbox holds the manifest, the stored message states the agreement, the time and a commitment

Both ends compute the agreement part anew for every label of the manifest's table, and for the label under which a third
party had given what was passed on, as of the time of the decision and under the agreement with the hash that was stated,
whatever became of that agreement since. Both must come to the same
answer: the reasons are compared clause by clause in the tests. The overlay part stays the sender's: its hash is in the
decision that the commitment opens, and its inputs are not the recipient's to know (design §6).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from simpul.domain.agreements import Agreement
from simpul.domain.circles import Circle, members
from simpul.domain.journal import Leaf
from simpul.domain.labels import Label, MembersOf
from simpul.domain.mail import InboxItem
from simpul.domain.policy import Decision, Outcome, agreement_part
from simpul.domain.releases import Proof as PassedOn
from simpul.domain.releases import Release, ReleaseState
from simpul.errors import Ambiguous, InputFault, NotFound
from simpul.ports import Unit
from simpul.protocol.canonical import read
from simpul.protocol.documents import parse_document
from simpul.protocol.labels import from_wire, label_hash
from simpul.protocol.log import Frontier, content_commitment
from simpul.protocol.manifest import Manifest, decode_manifest
from simpul.protocol.message import Message, decode_message
from simpul.protocol.proofs import manifest_of
from simpul.services import circling
from simpul.services.agreeing import by_hash
from simpul.services.auditing import INCARNATION, RECEIVED, SENT, leads_to_its_entry
from simpul.services.circling import circles
from simpul.services.node import Node
from simpul.services.times import rfc3339

SHORTEST: Final = 8
"""Digits of a hash that name a decision, at least."""

LEAF_BATCH: Final = 1000
"""Leaves of a release that are read at a time."""

RELEASE: Final = "release"


class ReplayedLabel(Struct, frozen=True, kw_only=True):
    """What the agreement part says of one label.

    Attributes:
        label: its hash: of the view in the manifest's table, or of the one under which a third party had given what
            was passed on.
        originator: whose words it is on.
        consented: whether a grant of that party went along.
        decision: the agreement part.
    """

    label: bytes
    originator: str
    consented: bool
    decision: Decision


class Commitment(Struct, frozen=True, kw_only=True):
    """The commitment that travelled, and what it opens to here; None where that is not known here.

    The recipient cannot open it: the salt stays with the sender. Nor can a sender whose opening a recall destroyed.
    """

    stated: bytes | None
    opened: bytes | None

    @property
    def ok(self) -> bool | None:
        """Whether it opens; None where it cannot be tried here."""
        return None if self.stated is None or self.opened is None else self.stated == self.opened


class LogLeaf(Struct, frozen=True, kw_only=True):
    """The leaf of this node's log that commits to the decision, and the tree it stands in.

    `kind` is "release" at the sender and "received" at the recipient. `root` is of the log as it is now, `size` its
    leaves; `ok` says that the opening that is kept leads to the leaf.
    """

    kind: str
    index: int
    at: int
    incarnation: bytes
    size: int
    root: bytes
    ok: bool


class Replay(Struct, frozen=True, kw_only=True):
    """One decision as it is computed now. Times are microseconds UTC; `root` is the manifest's.

    `policy` is the hash of everything that the sender's decision read; None at the recipient.
    """

    root: bytes
    manifest: Manifest
    sender: str
    recipient: str
    decided_at: int
    agreement: bytes
    agreement_here: bool
    policy: bytes | None
    labels: tuple[ReplayedLabel, ...]
    commitment: Commitment
    leaf: LogLeaf | None

    @property
    def ok(self) -> bool:
        """Whether all that went was permitted, its duties came along, and nothing that can be checked here fails."""
        permitted = all(each.decision.outcome <= Outcome.NEEDS_APPROVAL for each in self.labels)
        duties = {duty for each in self.labels for duty in each.decision.obligations}
        proven = self.leaf is not None and self.leaf.ok
        complete = duties <= set(self.manifest.obligations)
        return permitted and complete and proven and self.agreement_here and self.commitment.ok is not False

    def document(self) -> dict[str, Any]:
        """It as one JSON document."""
        return {
            "id": self.root,
            "product": self.manifest.product,
            "version": self.manifest.version,
            "from": self.sender,
            "to": self.recipient,
            "purpose": self.manifest.purpose,
            "decided_at": rfc3339(self.decided_at),
            "agreement": self.agreement,
            "policy": self.policy,
            "labels": [_label_document(each) for each in self.labels],
            "commitment": {
                "stated": self.commitment.stated,
                "opened": self.commitment.opened,
                "ok": self.commitment.ok,
            },
            "leaf": None if self.leaf is None else _leaf_document(self.leaf),
            "ok": self.ok,
        }


def replay(node: Node, wanted: str) -> Replay:
    """Replay the decision of a release that went from here or came here.

    Args:
        node: whose decision, or whose partner's.
        wanted: the manifest's root or the hash of one of its messages, or the first `SHORTEST` digits or more of one.

    Raises:
        InputFault: not such digits.
        NotFound: nothing that went or came has this name.
        Ambiguous: several do.
    """
    digits = wanted.casefold()
    if len(digits) < SHORTEST or set(digits) - set("0123456789abcdef"):
        raise InputFault(
            f"a decision is named by at least {SHORTEST} digits of a hash",
            input=wanted,
            do="take them from the root of the manifest or the hash of a message",
        )
    with node.store.read() as unit:
        went = [each for each in unit.products.releases() if each.state is ReleaseState.RELEASED]
        came = unit.mail.inbox()
        every: list[Release | InboxItem] = [*came, *went]
        found = {each.root: each for each in every if each.root.hex().startswith(digits)}
        if not found:
            found = {each.root: each for each in _by_message(unit, digits, went, came)}
        if not found:
            raise NotFound("no decision has this name here", input=wanted, do="see `simpul log show`")
        if len(found) > 1:
            raise Ambiguous(
                f"'{wanted}' fits {len(found)} decisions",
                candidates=[root.hex() for root in sorted(found)],
                input=wanted,
                do="write more of the hash",
            )
        (one,) = found.values()
        return _sent(unit, node, one) if isinstance(one, Release) else _received(unit, node, one)


def _by_message(
    unit: Unit, digits: str, went: list[Release], came: list[InboxItem]
) -> Iterator[Release | InboxItem]:
    """What a message of this name was a part of: the log names every message that crossed."""
    for leaf, _ in _leaves(unit):
        if leaf.kind not in (SENT, RECEIVED):
            continue
        name = _content(leaf).get("message", "")
        if not name.startswith(digits):
            continue
        sent = unit.mail.by_name(bytes.fromhex(name)) if leaf.kind == SENT else None
        yield from (each for each in went if sent is not None and each.id == sent.release)
        arrived = unit.mail.incoming(bytes.fromhex(name)) if leaf.kind == RECEIVED else None
        if arrived is not None and arrived.kind == RELEASE:
            part = decode_message(arrived.message)
            yield from (each for each in came if _is_part(unit, part, each))


def _is_part(unit: Unit, part: Message, item: InboxItem) -> bool:
    """All parts of one release state the same commitment, whose salt was drawn for it alone."""
    first = unit.mail.incoming(item.message)
    same = first is not None and decode_message(first.message).decision == part.decision
    return same and item.sender == part.sender


def _sent(unit: Unit, node: Node, release: Release) -> Replay:
    manifest = decode_manifest(release.manifest)
    found = next(((leaf, log) for leaf, log in _leaves(unit) if _is_release(leaf, release)), None)
    content = {} if found is None else _content(found[0])
    decision = bytes.fromhex(content.get("decision", ""))
    salt = bytes.fromhex(content.get("decision_salt", ""))
    stated = next((m.decision for m in _messages(unit, release)), None)
    return _replayed(
        unit,
        manifest,
        sender=node.party,
        recipient=release.recipient,
        decided_at=release.created,
        agreement=release.agreement,
        policy=bytes.fromhex(read(decision, dict[str, Any])["policy"]) if decision else release.policy,
        commitment=Commitment(stated=stated, opened=content_commitment(salt, decision) if salt else None),
        leaf=found,
        proofs=_proofs_of(unit, release),
        realm=node.realm,
    )


def _is_release(leaf: Leaf, release: Release) -> bool:
    if leaf.kind != RELEASE:
        return False
    content = _content(leaf)
    return (content.get("root"), content.get("to")) == (release.root.hex(), release.recipient)


def _messages(unit: Unit, release: Release) -> Iterator[Message]:
    """The numbered messages that carry a release, in the order in which they were numbered."""
    for leaf, _ in _leaves(unit):
        if leaf.kind == SENT and _content(leaf).get("to") == release.recipient:
            sent = unit.mail.by_name(bytes.fromhex(_content(leaf)["message"]))
            if sent is not None and sent.release == release.id:
                yield decode_message(sent.message)


def _received(unit: Unit, node: Node, item: InboxItem) -> Replay:
    first = unit.mail.incoming(item.message)
    if first is None:
        raise NotFound("the message that brought it is not kept here", input=item.message.hex())
    message = decode_message(first.message)
    name = item.message.hex()
    found = next(
        ((f, log) for f, log in _leaves(unit) if f.kind == RECEIVED and _content(f)["message"] == name), None
    )
    manifest = decode_manifest(parse_document(item.manifest).payload)
    return _replayed(
        unit,
        manifest,
        sender=message.sender,
        recipient=node.party,
        decided_at=message.decided_at,
        agreement=message.agreement,
        policy=None,
        commitment=Commitment(stated=message.decision, opened=None),
        leaf=found,
        proofs=unit.mail.came_with(item, range(manifest.entries)),
        realm=node.realm,
    )


def _replayed(
    unit: Unit,
    manifest: Manifest,
    *,
    sender: str,
    recipient: str,
    decided_at: int,
    agreement: bytes,
    policy: bytes | None,
    commitment: Commitment,
    leaf: tuple[Leaf, bytes | None] | None,
    proofs: Iterable[PassedOn],
    realm: str,
) -> Replay:
    terms = _terms_then(unit, agreement)
    then = _members_then(unit, decided_at)
    labels = []
    for given in _given(manifest, proofs, realm):
        decision = agreement_part(
            given.label,
            sender=sender,
            recipient=recipient,
            purpose=manifest.purpose,
            agreement=terms,
            at=decided_at,
            originator=given.originator,
            members_of=then,
            consented=given.consented,
        )
        labels.append(
            ReplayedLabel(
                label=label_hash(given.label),
                originator=given.originator,
                consented=given.consented,
                decision=decision,
            )
        )
    return Replay(
        root=manifest.root,
        manifest=manifest,
        sender=sender,
        recipient=recipient,
        decided_at=decided_at,
        agreement=agreement,
        agreement_here=terms is not None,
        policy=policy,
        labels=tuple(labels),
        commitment=commitment,
        leaf=None if leaf is None else _proof(unit, *leaf),
    )


def _proofs_of(unit: Unit, release: Release) -> Iterator[PassedOn]:
    """What went along with what a release passed on."""
    for start in range(0, release.entries, LEAF_BATCH):
        for leaf, _ in unit.products.leaves(release.id, start, start + LEAF_BATCH):
            if leaf.proof is not None:
                yield leaf.proof


class _Given(Struct, frozen=True):
    """One label with whose word it is."""

    label: Label
    originator: str
    consented: bool


def _terms_then(unit: Unit, hash: bytes) -> Agreement | None:
    """The agreement that decided, or the charter with all who were members under it."""
    charter = circling.by_hash(unit, hash, then=True)
    if charter is not None:
        return charter[0]
    known = by_hash(unit, hash)
    return known.terms if known else None


def _given(manifest: Manifest, proofs: Iterable[PassedOn], realm: str) -> list[_Given]:
    """Each label of the table as its sender's word, then each that a third party gave what was passed on, in one order."""
    own = [_Given(from_wire(wire), manifest.originator, consented=False) for wire in manifest.labels]
    theirs = set()
    for proof in proofs:
        signed = manifest_of(proof.manifest, realm)
        wire = dict(zip(signed.label_hashes, signed.labels, strict=True))[proof.label]
        theirs.add(_Given(from_wire(wire), signed.originator, bool(proof.grant)))
    return [*own, *sorted(theirs, key=lambda each: (each.originator, label_hash(each.label), each.consented))]


def _members_then(unit: Unit, at: int) -> MembersOf:
    """Who was in a circle at a moment, by the charters that were in force here."""
    then = {}
    for name, each in circles(unit).items():
        link = next((link for link in reversed(each.chain) if link.since <= at), None)
        if link is not None:
            then[name] = Circle(charter=link.charter, hash=link.hash)
    return lambda name: members(name, then)


def _leaves(unit: Unit) -> Iterator[tuple[Leaf, bytes | None]]:
    """Every leaf with the incarnation of its log, None for the present one; the present log first."""
    for leaf in unit.journal.leaves(0, unit.journal.size()):
        yield leaf, None
    for closed in unit.journal.closed():
        for leaf in unit.journal.closed_leaves(closed.incarnation):
            yield leaf, closed.incarnation


def _content(leaf: Leaf) -> dict[str, Any]:
    return read(leaf.content, dict[str, Any]) if leaf.content else {}


def _proof(unit: Unit, leaf: Leaf, closed: bytes | None) -> LogLeaf:
    if closed is None:
        frontier = Frontier.decode(unit.journal.frontier())
    else:
        frontier = Frontier()
        frontier.extend(each.entry for each in unit.journal.closed_leaves(closed))
    return LogLeaf(
        kind=leaf.kind,
        index=leaf.index,
        at=leaf.at,
        incarnation=unit.directory.get(INCARNATION) or b"" if closed is None else closed,
        size=frontier.size,
        root=frontier.root(),
        ok=leads_to_its_entry(leaf),
    )


def _label_document(each: ReplayedLabel) -> dict[str, Any]:
    return {
        "label": each.label,
        "originator": each.originator,
        "consented": each.consented,
        "outcome": each.decision.outcome.word,
        "clause": each.decision.clause,
        "reasons": [
            {"clause": reason.clause, "outcome": reason.outcome.word, "why": reason.why}
            for reason in each.decision.reasons
        ],
        "obligations": list(each.decision.obligations),
    }


def _leaf_document(leaf: LogLeaf) -> dict[str, Any]:
    return {
        "kind": leaf.kind,
        "index": leaf.index,
        "at": rfc3339(leaf.at),
        "incarnation": leaf.incarnation,
        "size": leaf.size,
        "root": leaf.root,
        "ok": leaf.ok,
    }
