"""The engine and the naive oracle answer every question alike."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.agreements import Agreement, Equivalence, Reservation
from simpul.domain.labels import Classification, Label, Onward, Tlp, complete
from simpul.domain.overlays import Overlay, OverlayRule, When
from simpul.domain.policy import Decision, Outcome, decide
from tests.oracle.policy import approvals, objections, obligations, order
from tests.properties.strategies import (
    CHARTERS,
    LAST,
    PARTIES,
    PURPOSES,
    A,
    B,
    C,
    agreements,
    labels,
    members_of,
    overlays,
    restrictions,
)


def agree(label: Label, **question: Any) -> Decision:
    """Ask both, and compare clause by clause."""
    decision = decide(label, members_of=members_of, **question)
    expected = objections(label, circles=CHARTERS, **question)
    walked = order(question["overlay"])
    assert [r.clause for r in decision.reasons] == walked
    assert {r.clause: r.outcome for r in decision.reasons if r.outcome} == expected
    worst = max(expected.values(), default=Outcome.PERMIT)
    assert decision.outcome is worst
    assert decision.clause == next((c for c in walked if worst and expected.get(c) == worst), "agreement")
    assert decision.approvals == approvals(expected, question["agreement"], question["overlay"])
    if worst < Outcome.DENY:
        assert list(decision.obligations) == obligations(label, question["agreement"])
    else:
        assert decision.obligations == ()
    return decision


@settings(max_examples=400)
@given(
    label=labels | restrictions,
    agreement=st.none() | agreements,
    parties=st.tuples(st.sampled_from((A, B)), st.sampled_from(PARTIES), st.sampled_from(PARTIES)),
    purpose=st.sampled_from((*PURPOSES, "trade")),
    at=st.integers(0, LAST + 1),
    consented=st.booleans(),
    overlay=st.none() | overlays,
)
def test_the_engine_agrees_with_the_oracle_on_any_question(
    label: Label,
    agreement: Agreement | None,
    parties: tuple[str, str, str],
    purpose: str,
    at: int,
    consented: bool,
    overlay: Overlay | None,
) -> None:
    sender, recipient, originator = parties
    agree(
        label,
        sender=sender,
        recipient=recipient,
        originator=originator,
        purpose=purpose,
        agreement=agreement,
        at=at,
        consented=consented,
        overlay=overlay,
    )


LEVEL: Final = Classification("XA", "RAHASIA")
PLAIN: Final = Agreement(
    id="w",
    version=1,
    title="w",
    parties=PARTIES,
    purposes=frozenset({"ct"}),
    topics=frozenset({"cyber"}),
    compartments=frozenset(),
    tlp_ceiling=Tlp.AMBER,
    levels=frozenset({LEVEL}),
    equivalences=(
        Equivalence(given=LEVEL, becomes=Classification("XB", "SECRET"), handle_as="SECRET", until=3),
    ),
    onward=Onward(),
    retention_days=5,
    approvals=1,
    obligations=frozenset(),
    not_before=1,
    not_after=4,
)
AGREED: Final = (
    PLAIN,
    replace(PLAIN, halts=((2, 3),), onward=Onward(consent=True)),
    replace(PLAIN, reservations=(Reservation(party=C, topics=frozenset({"cyber"}), tlp_ceiling=Tlp.GREEN),)),
    replace(
        PLAIN, parties=(A, B), approvals=2, reservations=(Reservation(party=A, levels=frozenset({LEVEL})),)
    ),
)
NATIONAL: Final = Overlay(
    party=A,
    version=1,
    title="w",
    rules=(
        OverlayRule(
            id="pact-alone",
            then=Outcome.DENY,
            when=When(topics=frozenset({"cyber"}), except_recipients=frozenset({"pact"})),
        ),
        OverlayRule(
            id="three-eyes",
            then=Outcome.NEEDS_APPROVAL,
            approvals=3,
            when=When(recipients=frozenset({"unheard-of"}), tlp_from=Tlp.GREEN, until=3),
        ),
        OverlayRule(
            id="ask-first", then=Outcome.NEEDS_CONSENT, when=When(except_originators=frozenset({"pact"}))
        ),
    ),
)
WRITTEN: Final = tuple(
    complete(
        Label(
            tlp=tlp,
            classification=frozenset(classification),
            releasable_to=frozenset(map(frozenset, lists)),
            not_releasable_to=frozenset(excluded),
            onward=onward,
            purposes=frozenset({"ct"}),
            topics=frozenset(topics),
        )
    )
    for tlp, classification, lists, excluded, onward, topics in itertools.product(
        (None, Tlp.AMBER),
        ((), (LEVEL,)),
        ((), ({A},), ({B, C}, {"ring"}), ({"pact"}, {A})),
        ((), ("pact",), (C,)),
        (
            None,
            Onward(),
            Onward(consent=True),
            Onward(within=frozenset({"pact"})),
            Onward(consent=True, within=frozenset({"ring"})),
        ),
        ((), ("cyber",)),
    )
)
WAYS: Final = tuple(way for way in itertools.product(PARTIES, repeat=3) if way[0] != way[1])
"""Sender, recipient and originator: its own, passed on, and on its way back."""


def test_the_engine_agrees_with_the_oracle_on_every_question_of_a_small_world() -> None:
    """Three parties, two circles of which one is in the other, every label, agreement and overlay of a reduced set."""
    said: Counter[str] = Counter()
    for label, agreement, way, overlay, consented, at in itertools.product(
        WRITTEN, AGREED, WAYS, (None, NATIONAL), (False, True), (2, 3)
    ):
        sender, recipient, originator = way
        decision = agree(
            label,
            sender=sender,
            recipient=recipient,
            originator=originator,
            purpose="ct",
            agreement=agreement,
            at=at,
            consented=consented,
            overlay=overlay,
        )
        said[decision.outcome.word] += 1
    assert set(said) == {"permit", "needs-approval", "needs-consent", "deny"}
    assert min(said.values()) > 100
