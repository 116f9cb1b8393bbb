"""The engine and the naive oracle answer every question alike."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.domain.agreements import Agreement, Equivalence
from simpul.domain.labels import Classification, Label, Onward, Tlp, complete
from simpul.domain.policy import Decision, Outcome, decide
from tests.oracle.policy import ORDER, objections, obligations
from tests.properties.strategies import (
    CIRCLES,
    LAST,
    PARTIES,
    PURPOSES,
    A,
    B,
    C,
    agreements,
    labels,
    members_of,
    restrictions,
)


def agree(label: Label, **question: Any) -> Decision:
    """Ask both, and compare clause by clause."""
    decision = decide(label, members_of=members_of, **question)
    expected = objections(label, circles=CIRCLES, **question)
    assert [r.clause for r in decision.reasons] == ORDER
    assert {r.clause: r.outcome for r in decision.reasons if r.outcome} == expected
    worst = max(expected.values(), default=Outcome.PERMIT)
    assert decision.outcome is worst
    assert decision.clause == next((c for c in ORDER if worst and expected.get(c) == worst), "agreement")
    if worst < Outcome.DENY:
        assert list(decision.obligations) == obligations(label, question["agreement"])
    else:
        assert decision.obligations == ()
    return decision


@settings(max_examples=300)
@given(
    label=labels | restrictions,
    agreement=st.none() | agreements,
    parties=st.tuples(st.just(A), st.sampled_from(PARTIES), st.sampled_from(PARTIES)),
    purpose=st.sampled_from((*PURPOSES, "trade")),
    at=st.integers(0, LAST + 1),
)
def test_the_engine_agrees_with_the_oracle_on_any_question(
    label: Label, agreement: Agreement | None, parties: tuple[str, str, str], purpose: str, at: int
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
    )


def test_the_engine_agrees_with_the_oracle_on_every_question_of_a_small_world() -> None:
    level = Classification("XA", "RAHASIA")
    row = Equivalence(given=level, becomes=Classification("XB", "SECRET"), handle_as="SECRET", until=3)
    agreed = [
        Agreement(
            id="w",
            version=1,
            title="w",
            parties=parties,
            purposes=frozenset({"ct"}),
            topics=frozenset({"cyber"}),
            compartments=frozenset(),
            tlp_ceiling=Tlp.GREEN,
            levels=frozenset({level}),
            equivalences=(row,),
            onward=Onward(consent=True),
            retention_days=5,
            approvals=approvals,
            obligations=frozenset(),
            not_before=1,
            not_after=4,
        )
        for parties in ((A, B), (A, B, C))
        for approvals in (1, 2)
    ]
    written = [
        complete(
            Label(
                tlp=tlp,
                classification=frozenset(classification),
                releasable_to=frozenset(lists),
                not_releasable_to=frozenset(excluded),
                onward=onward,
                purposes=frozenset({"ct"}),
                topics=frozenset(topics),
            )
        )
        for tlp, classification, lists, excluded, onward, topics in itertools.product(
            (None, Tlp.CLEAR, Tlp.AMBER),
            ((), (level,)),
            ((), (frozenset({B}),), (frozenset({B, C}), frozenset({"ring"}))),
            ((), ("pact",)),
            (None, Onward(), Onward(consent=True), Onward(within=frozenset({"pact"}))),
            ((), ("cyber",)),
        )
    ]
    outcomes = set()
    for label, agreement, recipient, originator, at in itertools.product(
        written, agreed, (B, C), (A, C), (0, 2, 3, 4)
    ):
        decision = agree(
            label,
            sender=A,
            recipient=recipient,
            originator=originator,
            purpose="ct",
            agreement=agreement,
            at=at,
        )
        outcomes.add(decision.outcome)
    assert outcomes == {Outcome.PERMIT, Outcome.NEEDS_APPROVAL, Outcome.NEEDS_CONSENT, Outcome.DENY}
