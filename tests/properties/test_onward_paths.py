"""No path of permitted hops violates the first originator's rule (spec/policy.md, "Passing on").

Arunika writes; whoever gets it may try to pass it on, hop after hop, to anybody. What a holder has is what the engine
let through: the view joined with the agreement. The rule is written down once more in `may_get`, from the specification.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import Admitted, admit
from simpul.domain.agreements import Agreement
from simpul.domain.labels import NEUTRAL, Label, Onward, Tlp, complete, dominates, join, view_for
from simpul.domain.policy import Outcome, bound, decide
from tests.properties.strategies import A, B, C, agreements, labels, restrictions

D: Final = "d" * 50
EVERYBODY: Final = (A, B, C, D)
CIRCLES: Final = {"pact": frozenset({A, B, C}), "ring": frozenset({A, C, D})}
HOPS: Final = 4

OPEN: Final = Agreement(
    id="open",
    version=1,
    title="Between all four",
    parties=EVERYBODY,
    purposes=frozenset({"ct", "cp"}),
    topics=frozenset({"cyber"}),
    compartments=frozenset(),
    tlp_ceiling=Tlp.AMBER,
    levels=frozenset(),
    equivalences=(),
    onward=Onward(),
    retention_days=None,
    approvals=1,
    obligations=frozenset(),
    not_before=0,
    not_after=100,
)


class Hop(Struct, frozen=True, kw_only=True):
    """One try: from whom to whom, under what label as its sender holds it, and what came of it."""

    number: int
    sender: str
    recipient: str
    held: Label
    outcome: Outcome

    @property
    def went(self) -> bool:
        return self.outcome <= Outcome.NEEDS_APPROVAL


def paths(
    label: Label, agreement: Agreement, granted: frozenset[str], *, added: Label = NEUTRAL, at: int = 5
) -> Iterator[Hop]:
    """Every try along every path of permitted hops, the first by the originator. Holders join `added`.

    A path ends where it comes back to the originator, who has its own label for it.
    """
    yield from _onward(label, A, 1, agreement, granted, added, at)


def _onward(
    held: Label,
    sender: str,
    number: int,
    agreement: Agreement,
    granted: frozenset[str],
    added: Label,
    at: int,
) -> Iterator[Hop]:
    for recipient in EVERYBODY:
        if recipient == sender:
            continue
        question: dict[str, Any] = {
            "sender": sender,
            "recipient": recipient,
            "purpose": "ct",
            "agreement": agreement,
            "originator": A,
            "members_of": CIRCLES.get,
            "consented": recipient in granted,
        }
        decision = decide(held, at=at, **question)
        hop = Hop(number=number, sender=sender, recipient=recipient, held=held, outcome=decision.outcome)
        yield hop
        if not hop.went:
            continue
        view = view_for(held, recipient, CIRCLES.get, sender=sender, originator=A)
        assert admit([view], decided_at=at, **question) == Admitted()
        if number < HOPS and recipient != A:
            got = join(bound(view, agreement), added)
            yield from _onward(got, recipient, number + 1, agreement, granted, added, at)


def contains(names: Iterable[str], party: str, *, unknown: bool) -> bool:
    """Whether a list names the party or a circle that it is in; `unknown` for a circle that nobody knows."""
    return any(
        name == party or (party in CIRCLES[name] if name in CIRCLES else unknown and name not in EVERYBODY)
        for name in names
    )


def may_get(label: Label, sender: str, recipient: str, granted: frozenset[str], asks: bool) -> bool:
    """What the originator's label says of one hop; `asks` where an agreement on the way wants it to be asked."""
    if recipient == A:
        return True
    if contains(label.not_releasable_to, recipient, unknown=True):
        return False
    if sender == A:
        lists = label.releasable_to
        return bool(lists) and all(contains(names, recipient, unknown=False) for names in lists)
    rule = label.onward
    if rule is None or rule.none:
        return False
    members = all(circle in CIRCLES and recipient in CIRCLES[circle] for circle in rule.within)
    asked = rule.consent or asks or bool(label.not_releasable_to)
    return members and (not asked or recipient in granted)


RULES: Final = (
    None,
    Onward(none=True),
    Onward(),
    Onward(consent=True),
    Onward(within=frozenset({"pact"})),
    Onward(within=frozenset({"pact", "ring"})),
    Onward(consent=True, within=frozenset({"ring"})),
    Onward(within=frozenset({"unheard-of"})),
)
LISTS: Final = (({B},), ({B, C},), ({"pact"}, {B, D}), ({"ring"},), (), ({A, B, C, D},))
EXCLUDED: Final = ((), (D,), ("ring",), ("unheard-of",))
GRANTS: Final = tuple(frozenset(some) for k in range(3) for some in itertools.combinations((B, C, D), k))


def test_every_path_of_four_hops_goes_exactly_as_far_as_the_originator_lets_it() -> None:
    went: Counter[int] = Counter()
    for rule, lists, excluded, granted, asks in itertools.product(
        RULES, LISTS, EXCLUDED, GRANTS, (False, True)
    ):
        label = complete(
            Label(
                tlp=Tlp.GREEN,
                releasable_to=frozenset(map(frozenset, lists)),
                not_releasable_to=frozenset(excluded),
                onward=rule,
                purposes=frozenset({"ct"}),
            )
        )
        heeded = frozenset(p for p in granted if not contains(label.not_releasable_to, p, unknown=True))
        agreement = replace(OPEN, onward=Onward(consent=asks))
        for hop in paths(label, agreement, heeded):
            assert hop.went == may_get(label, hop.sender, hop.recipient, heeded, asks), hop
            went[hop.number] += hop.went
    assert sorted(went) == [1, 2, 3, 4]
    assert min(went.values()) > 1000


@settings(max_examples=150)
@given(
    label=labels,
    added=restrictions,
    agreement=st.just(OPEN) | agreements.map(lambda one: replace(one, parties=EVERYBODY)),
    granted=st.frozensets(st.sampled_from((B, C, D))),
    at=st.integers(0, 20),
)
def test_whatever_holders_and_agreements_add_no_hop_violates_the_originators_rule(
    label: Label, added: Label, agreement: Agreement, granted: frozenset[str], at: int
) -> None:
    heeded = frozenset(p for p in granted if not contains(label.not_releasable_to, p, unknown=True))
    for hop in paths(label, agreement, heeded, added=added, at=at):
        if not hop.went:
            continue
        assert may_get(label, hop.sender, hop.recipient, heeded, asks=False), hop
        assert label.purposes is not None
        assert "ct" in label.purposes
        assert label.expires is None or at < label.expires
        assert not label.unmapped
        if hop.sender != A:
            assert dominates(_unlisted(hop.held), _unlisted(label))
            assert not hop.held.not_releasable_to - added.not_releasable_to


def _unlisted(label: Label) -> Label:
    return replace(label, releasable_to=frozenset(), not_releasable_to=frozenset())


def test_a_holders_own_list_still_binds_what_it_passes_on() -> None:
    label = complete(
        Label(
            tlp=Tlp.GREEN,
            releasable_to=frozenset({frozenset({B})}),
            onward=Onward(),
            purposes=frozenset({"ct"}),
        )
    )
    free = [hop.recipient for hop in paths(label, OPEN, frozenset()) if hop.went and hop.sender == B]
    assert {C, D} <= set(free)
    only_d = Label(releasable_to=frozenset({frozenset({D})}))
    bound_to_d = [
        hop for hop in paths(label, OPEN, frozenset(), added=only_d) if hop.went and hop.sender == B
    ]
    assert {hop.recipient for hop in bound_to_d} == {D}
    nobody = Label(releasable_to=frozenset({frozenset[str]()}))
    assert not [hop for hop in paths(label, OPEN, frozenset(), added=nobody) if hop.went and hop.sender == B]
