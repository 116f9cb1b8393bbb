"""A policy as a busy node has it: an agreement with each of 50 partners, a circle inside a circle, 20 national rules.

The documents are put in place as they would stand after all had signed: the partners of a benchmark have no nodes.
"""

from __future__ import annotations

from typing import Final

from benchmarks.nodes import PURPOSE
from simpul.domain.agreements import Agreement
from simpul.domain.circles import Charter, MemberCircle
from simpul.domain.clauses import Outcome
from simpul.domain.labels import Label, Onward, Tlp, complete
from simpul.domain.overlays import Overlay, OverlayRule, When
from simpul.ports import SignedRow, Unit
from simpul.protocol import agreements, charters, overlays
from simpul.protocol.documents import sign
from simpul.protocol.keys import SigningKey
from simpul.services import circling
from simpul.services.node import Node

RECIPIENTS: Final = tuple(f"{number:050x}" for number in range(1, 51))
"""The partners; the last one, and it alone, is on the rare label."""

RARE_PARTY: Final = RECIPIENTS[-1]
INNER, OUTER = "coastal-ring", "ocean-ring"
RULES: Final = 20
_BEGIN, _END = 1_577_836_800_000_000, 2_840_140_800_000_000  # 2020 and 2060
_OTHERS: Final = "f" * 50
"""Who originated what was taken in from a partner."""


def labels(count: int) -> list[Label]:
    """Label 0 is for the rare party; of the others a quarter each go to the inner circle, the outer one, one partner, nobody."""
    return [_label(number) for number in range(count)]


def originator(node: Node, number: int) -> str:
    """Every tenth label is on what a partner originated, whose consent must be asked."""
    return _OTHERS if number % 10 == 9 else node.party


def _label(number: int) -> Label:
    lists = ({INNER}, {OUTER}, {RECIPIENTS[number % 49]}, set[str]())
    to = {RARE_PARTY} if number == 0 else lists[number % 4]
    return complete(
        Label(
            tlp=Tlp.AMBER,
            releasable_to=frozenset({frozenset(to)}),
            purposes=frozenset({PURPOSE}),
            topics=frozenset({"cyber"}),
            handling_text=frozenset({f"set {number}"}),
            onward=Onward(consent=True),
        )
    )


def put_in_force(unit: Unit, node: Node) -> None:
    """Agreements, charters and overlay, as if everybody had signed and said that it holds them."""
    for party in RECIPIENTS:
        terms = _terms(f"with-{party[-4:]}", (node.party, party))
        _put(unit, node, agreements.KIND, terms.id, agreements.encode_agreement(terms), terms.parties)
    inner = Charter(
        terms=_terms(INNER, (node.party, *RECIPIENTS[:24])),
        threshold=20,
        convener=node.party,
        within=(OUTER,),
    )
    inner_hash = _circle(unit, node, inner)
    outer = Charter(
        terms=_terms(OUTER, (node.party, *RECIPIENTS[24:49])),
        threshold=20,
        convener=node.party,
        circles=(MemberCircle(name=INNER, charter=inner_hash),),
    )
    _circle(unit, node, outer)
    overlay = Overlay(
        party=node.party, version=1, title="National rules", rules=tuple(map(_rule, range(RULES)))
    )
    _put(unit, node, overlays.KIND, node.party, overlays.encode_overlay(overlay), (node.party,))


def _rule(number: int) -> OverlayRule:
    """Rules of each kind; those of the first eight name topics and compartments that some label might have."""
    whens = (
        When(topics=frozenset({f"programme-{number}"})),
        When(compartments=frozenset({f"compartment-{number}"})),
        When(tlp_from=Tlp.RED, recipients=frozenset({OUTER})),
        When(originators=frozenset({_OTHERS}), except_recipients=frozenset({INNER})),
        When(purposes=frozenset({f"purpose-{number}"}), since=_BEGIN),
    )
    return OverlayRule(id=f"rule-{number}", then=Outcome.DENY, when=whens[number % 5])


def _circle(unit: Unit, node: Node, charter: Charter) -> bytes:
    hash = _put(unit, node, charters.KIND, charter.id, charters.encode_charter(charter), charter.members)
    circling.keep_standing(unit, charter.id, circling.Standing(charters=(hash,), since=(_BEGIN,)))
    for party in RECIPIENTS:
        circling.keep_held(
            unit, charter.id, party, circling.Held(epoch=charter.epoch, at=_BEGIN, charter=hash)
        )
    return hash


def _put(unit: Unit, node: Node, kind: str, id: str, payload: bytes, signed_by: tuple[str, ...]) -> bytes:
    document = sign(kind, node.realm, payload, SigningKey(node.keyring.secret("signing")))
    unit.directory.put_signed(
        SignedRow(
            kind=kind,
            id=id,
            version=1,
            hash=document.hash,
            document=document.encode(),
            signed_by=tuple(sorted(signed_by)),
            proposed_by=node.party,
            at=_BEGIN,
        )
    )
    return document.hash


def _terms(id: str, parties: tuple[str, ...]) -> Agreement:
    return Agreement(
        id=id,
        version=1,
        title="Benchmark",
        parties=tuple(sorted(parties)),
        purposes=frozenset({PURPOSE}),
        topics=frozenset({"cyber"}),
        compartments=frozenset(),
        tlp_ceiling=Tlp.AMBER,
        levels=frozenset(),
        equivalences=(),
        onward=Onward(consent=True),
        retention_days=365,
        approvals=1,
        obligations=frozenset({"protect as own"}),
        not_before=_BEGIN,
        not_after=_END,
    )
