"""Charters on their way into force: what comes in of them, when one is in force, and who is told.

A charter gathers signatures while it travels. It comes into force at a node when that node has seen enough of them
(`_complete`); from then on the node says so to every member (`hold`), refuses older epochs, and tells those who fell
out (`left`) without showing them the roster. The convener and the proposer carry the documents, and the members' cards
with them, since not all members know each other: a member's card is pinned by the charter that names its fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.circles import Charter, Circle, follows, is_circle_name, makes_ring
from simpul.domain.mail import Evidence
from simpul.errors import BadSignature, Malformed, Misdirected
from simpul.ports import SignedRow, Unit
from simpul.protocol import cards
from simpul.protocol.blind import CERTIFICATE
from simpul.protocol.canonical import decode
from simpul.protocol.charters import (
    KIND,
    LEAVE_KIND,
    STEP_DOCUMENTS,
    CharterStep,
    decode_charter,
    decode_leave,
)
from simpul.protocol.documents import Document, Signature, parse_document, require, verify
from simpul.protocol.envelope import Opened
from simpul.protocol.keys import PublicKey
from simpul.protocol.payloads import decode_payload
from simpul.services import circling, pseudonyms
from simpul.services.auditing import record
from simpul.services.charter_posting import pass_on, say_hold, say_left
from simpul.services.circling import Held, Known, Standing, charter_of
from simpul.services.connecting import card_of, keep_card
from simpul.services.node import Node

HEARD_MOST: Final = 64
"""Circles not known here of which it is kept what one party says that it holds."""

CHARTERS: Final = "two-charters"
"""Kind of evidence: two charters of one epoch of one circle, both signed by one party."""

Cards = dict[str, tuple[cards.Card, tuple[Document, ...]]]
"""By party, a card that came attached and every document that leads to it from the party's first root."""


class _Came(Struct, frozen=True, kw_only=True):
    """What came attached to a step."""

    cards: Cards
    charters: tuple[Document, ...]
    leaves: tuple[Document, ...]
    certificates: tuple[Document, ...]


def take_step(unit: Unit, node: Node, opened: Opened) -> str:
    """A partner proposes, signs, leaves, or says what it holds. Returns what is wrong with it, or nothing.

    Raises:
        Misdirected: a charter that is none of this node's business, or of another realm.
        Malformed: what is attached cannot be read.
        BadSignature: a signature by a known key that does not hold, or no signature of a member.
    """
    step, attached = decode_payload(opened.payload, CharterStep)
    sender = opened.message.sender
    came = _attached(node, attached)
    pseudonyms.keep_certificates(unit, node, came.certificates)
    problems = _take_charters(unit, node, came, sender)
    problems += [_take_leave(unit, node, document, came) for document in came.leaves]
    _pin(unit, node, came.cards)
    if step.step == "hold":
        _take_hold(unit, node, sender, step, at=opened.message.created, answered=bool(attached))
    elif step.step == "left":
        _take_left(unit, node, sender, step)
    return "; ".join(filter(None, problems))


def _attached(node: Node, attached: Sequence[bytes]) -> _Came:
    if len(attached) > STEP_DOCUMENTS:
        raise Malformed(f"more than {STEP_DOCUMENTS} documents", input="charter-step")
    by_kind: dict[str, list[Document]] = {cards.KIND: [], KIND: [], LEAVE_KIND: [], CERTIFICATE: []}
    for data in attached:
        document = parse_document(data)
        if document.kind not in by_kind:
            raise Malformed(f"a charter step does not carry a {document.kind}", input="charter-step")
        by_kind[document.kind].append(document)
        if document.kind != cards.KIND:
            require(document, document.kind, node.realm)
    ordered = sorted(by_kind[KIND], key=lambda document: decode_charter(document.payload).epoch)
    return _Came(
        cards=_read_cards(by_kind[cards.KIND]),
        charters=tuple(ordered),
        leaves=tuple(by_kind[LEAVE_KIND]),
        certificates=tuple(by_kind[CERTIFICATE]),
    )


def _read_cards(documents: Iterable[Document]) -> Cards:
    """Cards by party: each is proven by the root whose fingerprint is the party's name (`protocol.cards`)."""
    chains: dict[str, list[Document]] = {}
    for document in documents:
        chains.setdefault(_card_party(document), []).append(document)
    return {party: (cards.read_chain(chain), tuple(chain)) for party, chain in chains.items()}


def _card_party(document: Document) -> str:
    return decode(document.payload, cards.Card, cards.CARD_LIMIT).party


# Charters.


def _take_charters(unit: Unit, node: Node, came: _Came, sender: str) -> list[str]:
    """Take each as soon as it concerns this node: a member circle only once the circle around it is known here."""
    waiting, problems = list(came.charters), list[str]()
    while waiting:
        fit = [d for d in waiting if _concerns(unit, node, decode_charter(d.payload), d.hash)]
        if not fit:
            raise Misdirected(
                "a charter of a circle that this node is not in", input="charter-step", where="parties"
            )
        problems.append(_take_charter(unit, node, fit[0], came, sender))
        waiting.remove(fit[0])
    return problems


def _take_charter(unit: Unit, node: Node, document: Document, came: _Came, sender: str) -> str:
    charter = decode_charter(document.payload)
    # (0) a blind circle begins only where it was asked for, and among certified pseudonyms
    if charter.blind and (problem := pseudonyms.problem_with(unit, node, charter)):
        raise Misdirected(problem, input="charter-step", where="parties")
    # (1) only what verifies counts; a signature by a known key that does not hold spoils all of it
    checked = _verified(unit, node, document, charter, came.cards)
    if not checked.signatures and document.hash not in circling.pinned(unit):
        raise BadSignature("a charter without the signature of anybody known here", input="charter-step")
    signed_by = _signers(unit, node, checked, charter, came.cards)
    row = SignedRow(
        kind=KIND,
        id=charter.id,
        version=charter.epoch,
        hash=document.hash,
        document=checked.encode(),
        signed_by=signed_by,
        proposed_by=sender,
        at=node.clock(),
    )
    # (2) one epoch has one text, and an epoch that is past stays past
    stored = _row(unit, charter.id, charter.epoch)
    problem = _contradiction(unit, node, row, stored)
    if problem:
        record(
            unit, node, "charter", {"step": "refused", "circle": row.id, "epoch": row.version, "why": problem}
        )
        return problem
    if stored is not None and stored.hash == row.hash:
        row = _merged(stored, row)
        if row.signed_by == stored.signed_by:
            return ""
    keep(unit, node, row, "taken", by=sender)
    # (3) it may be in force now; if not, whoever carries it passes the signatures on
    if not advance(unit, node, row.id) and node.party in (row.proposed_by, charter.convener):
        pass_on(unit, node, row, "sign", besides=sender)
    return ""


def _concerns(unit: Unit, node: Node, charter: Charter, hash: bytes) -> bool:
    known = circling.circles(unit)
    return (
        node.party in charter.members
        or charter.id in known
        or hash in circling.pinned(unit)
        or any(_within(known.get(inner.name), node.party, charter.id) for inner in charter.circles)
    )


def _within(inner: Known | None, party: str, outer: str) -> bool:
    """Whether the party is in a circle that consents to be in another one."""
    return inner is not None and party in inner.circle.direct and outer in inner.circle.charter.within


def _entitled(unit: Unit, charter: Charter) -> frozenset[str]:
    """Everybody who may sign it: members, and those of the epochs before; of a blind one its convener alone."""
    known = circling.circles(unit).get(charter.id)
    before = {party for link in known.chain for party in link.charter.members} if known else set()
    return circling.conveners(charter) or frozenset(before | set(charter.members) | set(charter.left))


def _keys(
    unit: Unit, node: Node, parties: Iterable[str], attached: Cards
) -> dict[bytes, tuple[str, PublicKey]]:
    """The signing pairs of these parties.

    A pair that has expired still counts, since a charter lives longer than a key, but never one that was revoked.
    """
    keys = {}
    for party in parties:
        card = card_of(unit, party) or (attached[party][0] if party in attached else None)
        revoked = {each.key for each in card.revoked} if card else set()
        for term in card.realm(node.realm).signing if card else ():
            if term.public.id not in revoked:
                keys[term.public.id] = (party, term.public)
    return keys


def _verified(unit: Unit, node: Node, document: Document, charter: Charter, attached: Cards) -> Document:
    """The document with those signatures alone that verify by a card that is here or came along."""
    keys = _keys(unit, node, _entitled(unit, charter), attached)
    kept: tuple[Signature, ...] = tuple(s for s in document.signatures if s.key in keys)
    checked = replace(document, signatures=kept)
    if kept:
        verify(checked, [public for _, public in keys.values()])
    return checked


def _signers(
    unit: Unit, node: Node, document: Document, charter: Charter, attached: Cards
) -> tuple[str, ...]:
    keys = _keys(unit, node, _entitled(unit, charter), attached)
    return tuple(sorted({keys[s.key][0] for s in document.signatures}))


def _contradiction(unit: Unit, node: Node, row: SignedRow, stored: SignedRow | None) -> str:
    """Why a charter is not kept beside what is known; evidence where somebody signed two of one epoch in force."""
    known = circling.circles(unit).get(row.id)
    chain = {link.hash for link in known.chain} if known else set()
    if row.hash in chain or (stored is not None and stored.hash == row.hash):
        return ""
    if stored is not None and stored.hash in chain:
        _keep_evidence(unit, node, stored, row)
        return f"another charter of epoch {row.version} of '{row.id}' is in force here"
    if known is not None and row.version <= known.circle.charter.epoch:
        return f"epoch {row.version} of '{row.id}' is older than the one in force here"
    if stored is None or _complete(unit, node, row):
        return ""
    fewer = len(row.signed_by) - len(stored.signed_by)
    # What has been read here and waits for a signature is not pushed aside by a text that no more members have signed.
    if node.party in stored.signed_by or fewer <= 0:
        return f"another text of epoch {row.version} of '{row.id}' is proposed already"
    return ""


def _keep_evidence(unit: Unit, node: Node, stored: SignedRow, other: SignedRow) -> None:
    twice = sorted({*stored.signed_by} & {*other.signed_by})
    for party in twice:
        subject = hashlib.sha256(party.encode() + b"".join(sorted((stored.hash, other.hash)))).digest()
        pieces = (("first.charter", stored.document), ("second.charter", other.document))
        evidence = Evidence(id=subject, party=party, kind=CHARTERS, at=node.clock(), pieces=pieces)
        if unit.mail.add_evidence(evidence):
            record(
                unit,
                node,
                "evidence",
                {"from": party, "kind": CHARTERS, "known": stored.hash.hex(), "other": other.hash.hex()},
            )


def _merged(stored: SignedRow, row: SignedRow) -> SignedRow:
    one, other = parse_document(stored.document), parse_document(row.document)
    have = {signature.key for signature in one.signatures}
    added = tuple(s for s in other.signatures if s.key not in have)
    document = replace(one, signatures=(*one.signatures, *added))
    signed_by = tuple(sorted({*stored.signed_by, *row.signed_by}))
    return replace(stored, document=document.encode(), signed_by=signed_by)


def keep(unit: Unit, node: Node, row: SignedRow, step: str, *, by: str) -> None:
    """Store a charter as it stands, and log it."""
    unit.directory.put_signed(row)
    content = {"step": step, "circle": row.id, "epoch": row.version, "hash": row.hash.hex(), "by": by}
    record(unit, node, "charter", content)


def _row(unit: Unit, name: str, epoch: int) -> SignedRow | None:
    return next((r for r in unit.directory.signed(KIND, id=name) if r.version == epoch), None)


# Coming into force.


def advance(unit: Unit, node: Node, name: str) -> bool:
    """Bring into force what has its signatures, and tell everybody; whether anything changed."""
    before = _audiences(unit)
    changed = False
    while (row := _next(unit, node, name)) is not None:
        _begin(unit, node, row)
        changed = True
    if changed:
        settle(unit, node, name, before)
    return changed


def _next(unit: Unit, node: Node, name: str) -> SignedRow | None:
    known = circling.circles(unit).get(name)
    newest = known.circle.charter.epoch if known else 0
    rows = sorted(unit.directory.signed(KIND, id=name), key=lambda row: row.version)
    return next((row for row in rows if row.version > newest and _complete(unit, node, row)), None)


def _complete(unit: Unit, node: Node, row: SignedRow) -> bool:
    """Whether a charter has the signatures with which it is in force here (spec/circles.md, "In force")."""
    charter, signed, me = charter_of(row.document), frozenset(row.signed_by), node.party
    every = circling.circles(unit)
    known, named = every.get(row.id), frozenset(charter.members)
    # (1) circles never stand in a ring
    if makes_ring(charter, {name: each.circle for name, each in every.items()}):
        return False
    # (2) what follows the one in force here follows by its rule
    if known is not None and charter.previous == known.circle.hash:
        return not follows(known.circle.charter, known.circle.hash, charter, signed)
    if charter.blind:
        return _complete_blind(node, charter, signed, known)
    # (3) this node signed it as a member, and so did a threshold of the others, or of the first one all
    others = len((named & signed) - {me})
    if me in named & signed:
        return others >= (len(named) - 1 if charter.epoch == 1 else min(charter.threshold, len(named) - 1))
    # (4) a circle in force here names it, or one that it is in takes part in this one through a member who signed it
    if known is not None:
        return False
    delegates = {
        party
        for inner in charter.circles
        if _within(every.get(inner.name), me, row.id)
        for party in every[inner.name].circle.direct
    }
    enough = len(named & signed) >= (len(named) if charter.epoch == 1 else charter.threshold)
    return row.hash in circling.pinned(unit) or (enough and bool(delegates & named & signed))


def _complete_blind(node: Node, charter: Charter, signed: frozenset[str], known: Known | None) -> bool:
    """The convener signs alone. One whose past is not known here counts too: a member that came back has a gap."""
    if known is not None and (
        not known.circle.charter.blind or known.circle.charter.convener != charter.convener
    ):
        return False
    return charter.convener in signed and (node.party in charter.members or node.party == charter.convener)


def _begin(unit: Unit, node: Node, row: SignedRow) -> None:
    kept = circling.standings(unit).get(row.id, Standing())
    begun = replace(
        kept,
        charters=(*map(bytes, kept.charters), row.hash),
        since=(*kept.since, node.clock()),
        out=0,
        said=(),
    )
    circling.keep_standing(unit, row.id, begun)
    if node.party not in circling.audience(unit, row.id) and not charter_of(row.document).dissolved:
        circling.out_of(unit, row.id, row.version)
    record(
        unit,
        node,
        "charter",
        {"step": "in-force", "circle": row.id, "epoch": row.version, "hash": row.hash.hex()},
    )


def _audiences(unit: Unit) -> dict[str, frozenset[str]]:
    return {name: circling.audience(unit, name) for name in circling.circles(unit)}


def settle(unit: Unit, node: Node, name: str, before: dict[str, frozenset[str]]) -> None:
    """Say to everybody whom it concerns what is in force here now, and to those who fell out that they did."""
    after = _audiences(unit)
    known = circling.circles(unit)[name]
    told = after[name] | (before.get(name, frozenset()) if known.circle.charter.dissolved else frozenset())
    for party in sorted(told - {node.party}):
        say_hold(unit, node, name, party, documents=_carries(unit, node, known))
    for circle, now in after.items():
        for party in sorted(now - before.get(circle, frozenset()) - {node.party}) if circle != name else ():
            say_hold(
                unit, node, circle, party, documents=_carries(unit, node, circling.circles(unit)[circle])
            )
    for circle, was in before.items():
        if not _says_left(node, circling.circles(unit)[circle].circle.charter):
            continue
        for party in sorted(was - after[circle] - told - known.circle.left - {node.party}):
            say_left(unit, node, circle, party)


def _says_left(node: Node, charter: Charter) -> bool:
    """Whether it is this node's to say who is out: in a blind circle the convener's alone."""
    return not charter.blind or charter.convener == node.party


def _carries(unit: Unit, node: Node, known: Known) -> bool:
    row = _row(unit, known.circle.charter.id, known.circle.charter.epoch)
    proposer = row.proposed_by if row else ""
    return node.party in (proposer, known.circle.charter.convener)


# Pinning.


def _pin(unit: Unit, node: Node, attached: Cards) -> None:
    """Trust the cards of those whom a circle in force here names: a fingerprint is the hash of a card's root."""
    known = circling.circles(unit)
    named = {party for each in known.values() if not each.out for party in each.circle.direct}
    for party, (_, documents) in attached.items():
        if party in named and party != node.party and card_of(unit, party) is None:
            for document in documents:
                keep_card(unit, node, document, by="charter")
            for name in sorted(name for name, each in known.items() if party in each.circle.direct):
                say_hold(unit, node, name, party, documents=False)


# What partners hold.


def _take_hold(unit: Unit, node: Node, sender: str, step: CharterStep, *, at: int, answered: bool) -> None:
    """Note what a partner holds; help the one of the two that is behind, once."""
    held = Held(epoch=step.epoch, at=at, charter=bytes(step.charter), left=step.left)
    known = circling.circles(unit).get(step.id)
    if known is None and not _heard(unit, step.id, sender):
        return
    circling.keep_held(unit, step.id, sender, held)
    if known is None or known.out or not step.charter:
        return
    circle = known.circle
    if step.epoch > circle.epoch and not answered:
        say_hold(unit, node, step.id, sender, documents=False)
    elif _lacks(held, circle) and _once(unit, step.id, sender, circle.epoch):
        if sender in circling.audience(unit, step.id):
            say_hold(unit, node, step.id, sender, documents=True)
        elif known.was_in(sender):
            say_left(unit, node, step.id, sender)


def _heard(unit: Unit, name: str, party: str) -> bool:
    """Whether to keep what a party says of a circle that is not known here yet: of few, so that it cannot fill the store."""
    key = f"circle-heard:{party}"
    names = set((unit.directory.get(key) or b"").decode().split())
    if len(names) >= HEARD_MOST or not is_circle_name(name):
        return name in names
    unit.directory.put(key, " ".join(sorted({*names, name})).encode())
    return True


def _lacks(held: Held, circle: Circle) -> bool:
    older = held.epoch < circle.epoch
    return older or (held.charter == circle.hash and not circle.left <= frozenset(held.left))


def _once(unit: Unit, name: str, party: str, epoch: int) -> bool:
    """Whether a party was not yet helped up to this epoch; from now on it was."""
    key, value = f"circle-helped:{name}:{party}", str(epoch).encode()
    if unit.directory.get(key) == value:
        return False
    unit.directory.put(key, value)
    return True


def _take_left(unit: Unit, node: Node, sender: str, step: CharterStep) -> None:
    """A member says that this node is no longer in a circle: it is taken at its word once enough of them say so."""
    known = circling.circles(unit).get(step.id)
    if known is None or known.out or step.epoch <= known.circle.epoch:
        return
    charter = known.circle.charter
    everybody = circling.audience(unit, step.id)
    # Members of circles around this one hold its charter, but have no word in who is in it.
    entitled = circling.conveners(charter) or known.circle.direct
    if sender not in entitled:
        raise Misdirected("word of a circle by one that is not in it", input="charter-step", where="id")
    said = entitled.intersection(circling.who_said(unit, step.id, sender))
    enough = min(charter.threshold, max(1, len(known.circle.direct) - 1))
    record(unit, node, "charter", {"step": "left", "circle": step.id, "epoch": step.epoch, "by": sender})
    if len(said) >= enough:
        circling.out_of(unit, step.id, step.epoch)
        for party in sorted(everybody - {node.party}):
            say_hold(unit, node, step.id, party, documents=False)


def _take_leave(unit: Unit, node: Node, document: Document, came: _Came) -> str:
    leave = decode_leave(document.payload)
    known = circling.circles(unit).get(leave.circle)
    link = next((each for each in known.chain if each.hash == leave.charter), None) if known else None
    # (1) it leaves an epoch that is known here, in which the party was
    if known is None or link is None or leave.party not in link.charter.members:
        return f"a leave of an epoch of '{leave.circle[:64]}' that is not known here"
    # (2) the party that leaves has signed it, and nobody else
    keys = _keys(unit, node, [leave.party], came.cards)
    signers = verify(document, [public for _, public in keys.values()])
    if len(signers) != 1:
        raise BadSignature("a leave is signed by whoever leaves alone", input="charter-step")
    keep_leave(unit, node, document, link.charter.epoch, by=leave.party)
    return ""


def keep_leave(unit: Unit, node: Node, document: Document, epoch: int, *, by: str) -> None:
    """Store a verified leave of an epoch; it takes effect at once, and everybody is told. `by` is who acted."""
    leave = decode_leave(document.payload)
    if unit.directory.signed_by_hash(LEAVE_KIND, document.hash) is not None:
        return
    before = _audiences(unit)
    unit.directory.put_signed(
        SignedRow(
            kind=LEAVE_KIND,
            id=f"{leave.circle} {leave.party}",
            version=epoch,
            hash=document.hash,
            document=document.encode(),
            signed_by=(leave.party,),
            proposed_by=leave.party,
            at=node.clock(),
            party=leave.party,
        )
    )
    content = {"step": "leave", "circle": leave.circle, "epoch": epoch, "party": leave.party, "by": by}
    record(unit, node, "charter", content)
    if leave.party != node.party:
        settle(unit, node, leave.circle, before)
