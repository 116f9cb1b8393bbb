"""What is sent of circles: charters with the cards of their members, and the word that this node holds an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simpul.ports import SignedRow, Unit
from simpul.protocol.charters import KIND, LEAVE_KIND, CharterStep
from simpul.services import circling
from simpul.services.circling import Known, Link, charter_of
from simpul.services.connecting import card_of
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.pseudonyms import certificates_for


def _holding(unit: Unit, name: str) -> CharterStep:
    """What this node says that it holds of a circle."""
    known = circling.circles(unit)[name]
    if known.out:
        return CharterStep(step="hold", id=name, epoch=known.out)
    circle = known.circle
    return CharterStep(
        step="hold", id=name, epoch=circle.epoch, charter=circle.hash, left=tuple(sorted(circle.left))
    )


def say_hold(unit: Unit, node: Node, name: str, party: str, *, documents: bool) -> None:
    """Say to a party what is in force here, with the documents or without."""
    if card_of(unit, party) is not None:
        attached = documents_for(unit, node, name, party) if documents else []
        post(unit, node, party, _holding(unit, name), attached)


def say_left(unit: Unit, node: Node, name: str, party: str) -> None:
    """Tell a party that it is no longer in a circle, and nothing of who is."""
    if card_of(unit, party) is not None:
        epoch = circling.circles(unit)[name].circle.epoch
        post(unit, node, party, CharterStep(step="left", id=name, epoch=epoch))


def post_again(unit: Unit, node: Node, party: str) -> None:
    """Say to a party that was restored from a copy what is in force of its circles now, or that it is out of one."""
    for name, known in circling.circles(unit).items():
        if known.out:
            continue
        if party in circling.audience(unit, name):
            say_hold(unit, node, name, party, documents=True)
        elif known.was_in(party) and party not in known.circle.left:
            say_left(unit, node, name, party)


def pass_on(unit: Unit, node: Node, row: SignedRow, step: str, *, besides: str = "") -> None:
    """Send a charter as it stands to the members that it names, with their cards."""
    charter = charter_of(row.document)
    for party in charter.members:
        if party not in (node.party, besides) and card_of(unit, party) is not None:
            attached = [row.document, *_cards(unit, node, charter.members, party)]
            post(
                unit,
                node,
                party,
                CharterStep(step=step, id=row.id, epoch=row.version, charter=row.hash),
                attached,
            )


def documents_for(unit: Unit, node: Node, name: str, party: str) -> list[bytes]:
    """What a party needs to follow a circle, and those that stand in it, up to what is in force here.

    Of each the charters since the party became a member; to one that is no member, those since the one by which an
    outer circle names it. Earlier ones are not shown. With them the leaves, and the cards of all who are named.
    """
    known = circling.circles(unit)
    names = sorted(circling.inside(known, name))
    documents: list[bytes] = []
    named: set[str] = set()
    for each in names:
        links = _since(known[each], party, circling.pinned(unit))
        rows = {row.hash: row for row in unit.directory.signed(KIND, id=each)}
        documents += [rows[link.hash].document for link in links]
        named |= {member for link in links for member in link.charter.members}
        named |= {signer for link in links for signer in rows[link.hash].signed_by}
        documents += _leaves_of(unit, each, links)
        if known[each].circle.charter.blind:
            documents += certificates_for(unit, each, sorted({m for k in links for m in k.charter.members}))
    return [*documents, *_cards(unit, node, named, party)]


def _since(known: Known, party: str, pinned: set[bytes]) -> tuple[Link, ...]:
    chain = known.chain
    first = len(chain) - 1
    if party in chain[first].charter.members:
        while first and party in chain[first - 1].charter.members:
            first -= 1
        return chain[first:]
    return chain[next((i for i, link in enumerate(chain) if link.hash in pinned), first) :]


def _leaves_of(unit: Unit, name: str, links: Sequence[Link]) -> list[bytes]:
    first = links[0].charter.epoch
    return [
        row.document
        for row in unit.directory.signed(LEAVE_KIND)
        if circling.leave_circle(row.document) == name and row.version >= first
    ]


def _cards(unit: Unit, node: Node, parties: Iterable[str], to: str) -> list[bytes]:
    """Every card document of these parties that is here, oldest first; the reader's own and ours it has."""
    found: list[bytes] = []
    for party in sorted(set(parties) - {node.party, to}):
        card = card_of(unit, party)
        versions = range(1, card.version + 1) if card else ()
        documents = [unit.directory.card(party, version) for version in versions]
        found += [document for document in documents if document is not None]
    return found
