"""What is kept of a decision is what would be decided anew: for the same policy, at any moment, in any order of asking."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.agreements import Agreement
from simpul.domain.overlays import Overlay
from simpul.domain.policy import Outcome
from simpul.ports import LabelUse
from simpul.protocol.agreements import agreement_hash
from simpul.protocol.labels import label_hash
from simpul.protocol.overlays import overlay_hash
from simpul.services.deciding import Decided, Pair, Policy
from tests.properties.strategies import LAST, PARTIES, PURPOSES, A, agreements, labels, members_of, overlays


def policy(recipient: str, purpose: str, agreement: Agreement | None, overlay: Overlay | None) -> Policy:
    return Policy(
        sender=A,
        recipient=recipient,
        purpose=purpose,
        agreement=agreement,
        agreement_hash=agreement_hash(agreement) if agreement else None,
        members_of=members_of,
        circles={},
        overlay=overlay,
        overlay_hash=overlay_hash(overlay) if overlay else None,
    )


policies = st.builds(
    policy,
    st.sampled_from(PARTIES[1:]),
    st.sampled_from(PURPOSES),
    st.none() | agreements,
    st.none() | overlays.map(lambda each: replace(each, party=A)),
)
uses = st.lists(
    st.builds(
        lambda label, originator: LabelUse(
            hash=label_hash(label), originator=originator, label=label, objects=1, portions=0
        ),
        labels,
        st.sampled_from(PARTIES),
    ),
    max_size=5,
    unique_by=lambda use: (use.hash, use.originator),
)


def afresh(asked: Policy, labels: list[LabelUse], at: int) -> set[Pair]:
    return {
        (use.hash, use.originator)
        for use in labels
        if asked.decide(use.label, use.originator, at).outcome is Outcome.PERMIT
    }


@given(
    st.lists(policies, min_size=1, max_size=3),
    uses,
    uses,
    st.lists(st.integers(0, LAST), min_size=1, max_size=6),
)
@settings(max_examples=80, deadline=None)
def test_a_kept_answer_is_the_one_that_would_be_given_now(
    asked: list[Policy], first: list[LabelUse], later: list[LabelUse], moments: list[int]
) -> None:
    decided = Decided(most=2)
    for number, at in enumerate([*moments, *reversed(moments)]):
        one = asked[number % len(asked)]
        use = later if number % 3 == 2 else first
        found = {(u.hash, u.originator) for u, answer in decided.answers(one, use, at) if answer.opens}
        assert found == afresh(one, use, at)
        assert len(decided) <= 2


@given(policies, uses, st.integers(0, LAST))
@settings(max_examples=30, deadline=None)
def test_asking_again_decides_nothing_again(asked: Policy, labels: list[LabelUse], at: int) -> None:
    decided = Decided()
    list(decided.answers(asked, labels, at))
    assert decided.made == len(labels)
    list(decided.answers(asked, labels, at))
    assert decided.made == len(labels)


@given(policies, policies)
@settings(max_examples=60, deadline=None)
def test_policies_that_differ_have_different_names(one: Policy, other: Policy) -> None:
    named = ("recipient", "purpose", "agreement", "overlay")
    same = all(getattr(one, name) == getattr(other, name) for name in named)
    assert (one.hash() == other.hash()) == same
