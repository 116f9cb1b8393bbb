"""Taking back, and narrowing, what this node released; what its partners answered; legal holds.

One person's word suffices: a recall only takes away. What it names is found at every partner to which a release of this
node carried it, and at whom this node consented that it be passed on to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from simpul.domain.grants import Leaves
from simpul.domain.labels import Label
from simpul.domain.recalls import Action, Asked, KeptRecall, LegalHold
from simpul.domain.releases import Release
from simpul.errors import Ambiguous, InputFault, NotFound, Refusal
from simpul.formats.terms import read_restriction
from simpul.ports import StoredHead, Unit
from simpul.protocol.canonical import decode
from simpul.protocol.documents import Document, parse_document, sign
from simpul.protocol.grants import GRANT, decode_grant
from simpul.protocol.keys import SigningKey
from simpul.protocol.labels import to_wire
from simpul.protocol.recalls import (
    KIND,
    OBJECTS_LIMIT,
    RECALL_LIMIT,
    Recall,
    RecallAnswer,
    RecalledObject,
    encode_recall,
)
from simpul.services.attesting import beyond, waiting
from simpul.services.auditing import record
from simpul.services.connecting import card_of
from simpul.services.enrolling import Signer
from simpul.services.honouring import advance, keep, tombstones
from simpul.services.node import Node
from simpul.services.querying import heads_of, names_of, party_of
from simpul.services.small_files import Written, called, read_small
from simpul.services.times import DAY, rfc3339

DEADLINE_DAYS: Final = 7

PROVES: Final = (
    "An answer is the holder's signed statement. It proves what the holder said and when; it does not prove that nothing"
    " is left: copies outside its node, screens and memories are out of reach, and a holder can lie."
)
"""What an operator is told beside the table of answers."""

ANSWERED, OVERDUE, WAITING = "answered", "overdue", "waiting"


class Wanted(Struct, frozen=True, kw_only=True):
    """What a person wants taken back or narrowed: a product (one version, or None for all), or objects by id."""

    product: str | None
    version: int | None
    objects: tuple[str, ...]


class Why(Struct, frozen=True, kw_only=True):
    """Why, and by when holders are to have answered."""

    code: str
    reason: str
    days: int = DEADLINE_DAYS


class Issued(Struct, frozen=True, kw_only=True):
    """A recall as it was issued: its hash, how many objects it names (0 for a product), and to whom it goes."""

    hash: bytes
    objects: int
    to: tuple[str, ...]


def issue(node: Node, signer: Signer, wanted: Wanted, why: Why, *, destroy_own: bool = False) -> list[Issued]:
    """Take back what was released. More objects than one document names go in several.

    Raises:
        NotFound: the product or an object.
        Refusal: objects of several originators, or `destroy_own` for a product.
    """
    if destroy_own and wanted.product is not None:
        raise Refusal(
            "a product of this node keeps its record", input="--destroy-own", do="name its objects instead"
        )
    return _issue(node, signer, wanted, why, label=None, own_too=destroy_own)


def tighten(node: Node, signer: Signer, wanted: Wanted, why: Why, label: Written) -> list[Issued]:
    """Narrow what was released: the label is joined onto what every holder has, and onto what is here.

    Raises:
        NotFound: the product or an object.
        InputFault: the label's file.
        Refusal: the label names parties, which every holder would read.
    """
    with node.store.read() as unit:
        narrowing = read_restriction(
            read_small(label), party=lambda p: party_of(unit, p).fingerprint, input=called(label)
        )
    if narrowing.releasable_to or narrowing.not_releasable_to:
        raise Refusal(
            "a restriction goes to every holder alike, so it names no party",
            input=called(label),
            where="releasable_to",
            do="take it back from one party by a recall, or narrow by TLP, purposes, onward rule or dates",
        )
    return _issue(node, signer, wanted, why, label=narrowing, own_too=False)


def _issue(
    node: Node, signer: Signer, wanted: Wanted, why: Why, *, label: Label | None, own_too: bool
) -> list[Issued]:
    key = SigningKey(node.keyring.secret("signing"))
    with node.store.write() as unit:
        documents = [
            sign(KIND, node.realm, encode_recall(recall), key)
            for recall in _recalls(unit, node, wanted, why, label)
        ]
        return [_send(unit, node, signer, document, own_too) for document in documents]


def _send(unit: Unit, node: Node, signer: Signer, document: Document, own_too: bool) -> Issued:  # noqa: FBT001
    recall = decode(document.payload, Recall, RECALL_LIMIT)
    if unit.recalls.get(document.hash) is not None:
        raise Refusal("this very recall was issued already", input=document.hash.hex())
    scope = "" if recall.originator == node.party else node.party
    stones = tombstones(document.hash, recall, scope)
    kept = keep(unit, node, document, recall, scope, stones, own_too=own_too)
    unit.recalls.tell(kept.hash, _consented(unit, node, recall), node.clock())
    advance(unit, node, kept.hash)
    holders = [asked.party for asked in beyond(unit, node, kept)]
    record(
        unit,
        node,
        "recall",
        {
            "by": signer.name,
            "recall": kept.hash.hex(),
            "action": kept.action.value,
            "originator": kept.originator,
            "product": kept.product,
            "objects": kept.named,
            "code": kept.code,
            "to": holders,
        },
    )
    return Issued(hash=kept.hash, objects=kept.named, to=tuple(holders))


def _recalls(unit: Unit, node: Node, wanted: Wanted, why: Why, label: Label | None) -> list[Recall]:
    now = node.clock()
    common: dict[str, Any] = {
        "author": node.party,
        "action": (Action.RECALL if label is None else Action.RESTRICT).value,
        "code": why.code,
        "reason": why.reason,
        "issued": now,
        "deadline": now + why.days * DAY,
        "label": None if label is None else to_wire(label),
    }
    if wanted.product is not None:
        product = unit.products.product(wanted.product, wanted.version)
        return [Recall(originator=node.party, product=product.id, version=wanted.version, **common)]
    originator, named = _objects(unit, node, wanted.objects)
    return [
        Recall(originator=originator, objects=tuple(some), **common)
        for some in _pieces(named, RECALL_LIMIT // 2 if label else RECALL_LIMIT * 3 // 4)
    ]


def _objects(unit: Unit, node: Node, ids: Sequence[str]) -> tuple[str, list[RecalledObject]]:
    """Objects by id, of this node if it has any of them, else of the one party whose they are."""
    heads: list[StoredHead] = []
    for id in dict.fromkeys(ids):
        found = heads_of(unit, id)
        heads += [head for head in found if head.key.originator == node.party] or found
    originators = {head.key.originator for head in heads}
    if len(originators) > 1:
        raise Refusal(
            "these objects are of several originators: one recall is about the words of one",
            input="--object",
            do="recall them party by party",
        )
    return originators.pop(), [RecalledObject(id=id) for id in dict.fromkeys(ids)]


def _pieces(objects: list[RecalledObject], most: int) -> list[list[RecalledObject]]:
    """As many as fit one document each."""
    pieces: list[list[RecalledObject]] = [[]]
    size = 0
    for each in objects:
        length = len(each.id) + 16
        if pieces[-1] and (size + length > most or len(pieces[-1]) == OBJECTS_LIMIT):
            pieces.append([])
            size = 0
        pieces[-1].append(each)
        size += length
    return pieces


def _consented(unit: Unit, node: Node, recall: Recall) -> list[str]:
    """Parties for whom this node consented to passing on any of what is recalled, if their card is here."""
    ids = {each.id for each in recall.objects}
    releases = {release.root: release for release in unit.products.releases()}
    found = []
    for row in unit.directory.signed(GRANT):
        grant = decode_grant(parse_document(row.document).payload)
        known = grant.originator == node.party and card_of(unit, grant.beneficiary) is not None
        pairs = [(releases[each.root], each) for each in grant.leaves if each.root in releases]
        if known and any(_is_meant(unit, release, leaves, recall, ids) for release, leaves in pairs):
            found.append(grant.beneficiary)
    return found


def _is_meant(unit: Unit, release: Release, leaves: Leaves, recall: Recall, ids: set[str]) -> bool:
    """Whether some leaves of a release are taken back."""
    if recall.product:
        return release.product == recall.product and recall.version in (None, release.version)
    carried = unit.products.leaves(release.id, min(leaves.positions), max(leaves.positions) + 1)
    wanted = set(leaves.positions)
    return any(leaf.position in wanted and leaf.key is not None and leaf.key.id in ids for leaf, _ in carried)


# What became of them.


class PartyStatus(Struct, frozen=True, kw_only=True):
    """One holder: whether it answered, and what."""

    party: str
    name: str
    state: str
    told: int
    answer: RecallAnswer | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        said = self.answer
        return {
            "party": self.party,
            "name": self.name,
            "state": self.state,
            "told": rfc3339(self.told),
            "destroyed": said.destroyed if said else None,
            "restricted": said.restricted if said else None,
            "not_held": said.not_held if said else None,
            "backups_until": rfc3339(said.backups_until) if said and said.backups_until else None,
            "retained": [
                {"ground": each.ground, "count": each.count, "until": rfc3339(each.until)}
                for each in (said.retained if said else ())
            ],
            "passed_on": {"named": list(said.named), "others": said.others} if said else None,
            "pending": said.pending if said else None,
            "at": rfc3339(said.at) if said else None,
        }


class RecallStatus(Struct, frozen=True, kw_only=True):
    """One recall: what it says, how far it is done here, and what each holder that this node told has answered."""

    recall: KeptRecall
    author_name: str
    parties: tuple[PartyStatus, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        kept = self.recall
        return {
            "recall": kept.hash.hex(),
            "action": kept.action.value,
            "author": kept.author,
            "originator": kept.originator,
            "product": kept.product or None,
            "version": kept.version,
            "objects": kept.named,
            "code": kept.code,
            "reason": kept.reason,
            "issued": rfc3339(kept.issued),
            "deadline": rfc3339(kept.deadline),
            "state": kept.state.value,
            "ours": kept.ours,
            "destroyed": kept.destroyed,
            "restricted": kept.restricted,
            "not_held": kept.not_held,
            "parties": [party.document() for party in self.parties],
            "proves": PROVES,
        }


def status(node: Node, wanted: str | None) -> list[RecallStatus]:
    """Every recall that this node issued, or the one that a hash begins: who answered, and who is overdue.

    Raises:
        NotFound, Ambiguous: the hash.
    """
    with node.store.read() as unit:
        kept = unit.recalls.all()
        chosen = [each for each in kept if each.ours] if wanted is None else [_one(kept, wanted)]
        return [_status(unit, node, each) for each in chosen]


def list_recalls(node: Node) -> list[RecallStatus]:
    """Every recall that is known here, issued or received, newest first."""
    with node.store.read() as unit:
        return [_status(unit, node, each) for each in unit.recalls.all()]


def _one(kept: Sequence[KeptRecall], wanted: str) -> KeptRecall:
    found = [each for each in kept if each.hash.hex().startswith(wanted.casefold())] if wanted else []
    if not found:
        raise NotFound(f"no recall is called '{wanted}'", input=wanted, do="see `simpul recall list`")
    if len(found) > 1:
        raise Ambiguous(f"'{wanted}' fits several", candidates=[e.hash.hex() for e in found], input=wanted)
    return found[0]


def _status(unit: Unit, node: Node, kept: KeptRecall) -> RecallStatus:
    names = names_of(unit)
    return RecallStatus(
        recall=kept,
        author_name=names.get(kept.author, kept.author),
        parties=tuple(_party(asked, names, kept, node.clock()) for asked in beyond(unit, node, kept)),
    )


def _party(asked: Asked, names: dict[str, str], kept: KeptRecall, now: int) -> PartyStatus:
    said = decode(asked.answer, RecallAnswer) if asked.answer else None
    open_ = waiting(asked) > 0
    state = ANSWERED if not open_ else OVERDUE if now > kept.deadline else WAITING
    return PartyStatus(
        party=asked.party,
        name=names.get(asked.party, asked.party),
        state=state,
        told=asked.told_at,
        answer=said,
    )


# Legal holds.


def add_hold(
    node: Node, signer: Signer, ground: str, *, product: str | None, objects: Sequence[str], until: int
) -> LegalHold:
    """From now on, keep what this names out of every reach instead of destroying it, until a date.

    Raises:
        InputFault: it names nothing, a ground of no words, or a time that is over.
    """
    if not (product or objects) or not ground.strip() or len(ground) > 200:
        raise InputFault(
            "a legal hold names its ground, and a product or objects",
            input="hold",
            do="write `recall hold add GROUND --product P --until TIME`",
        )
    if until <= node.clock():
        raise InputFault("a legal hold must end in the future", input="--until")
    hold = LegalHold(
        id=node.entropy(16),
        ground=ground.strip(),
        product=product or "",
        objects=tuple(dict.fromkeys(objects)),
        until=until,
        by=signer.name,
        at=node.clock(),
    )
    with node.store.write() as unit:
        unit.recalls.add_hold(hold)
        content = {"by": signer.name, "hold": hold.id.hex(), "ground": hold.ground, "until": until}
        record(unit, node, "hold", content)
    return hold


def list_holds(node: Node) -> list[LegalHold]:
    """Every legal hold, newest first."""
    with node.store.read() as unit:
        return unit.recalls.holds()
