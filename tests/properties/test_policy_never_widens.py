"""A restriction added never widens an audience (law 5), and the decision is a function of its inputs alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.admission import Admitted, Quarantined, Refused, admit
from simpul.domain.labels import NO_ONWARD, Label, Tlp, complete, join, view_for
from simpul.domain.policy import (
    Outcome,
    PortionsDecision,
    agreement_part,
    bound,
    decide,
    decision_commitment_content,
    over_portions,
)
from tests.properties.strategies import (
    LAST,
    PARTIES,
    PURPOSES,
    A,
    agreements,
    labels,
    members_of,
    restrictions,
)

questions = st.fixed_dictionaries(
    {
        "sender": st.just(A),
        "recipient": st.sampled_from(PARTIES[1:]),
        "originator": st.sampled_from(PARTIES),
        "purpose": st.sampled_from(PURPOSES),
        "agreement": st.none() | agreements,
        "at": st.integers(0, LAST),
    }
)
many = settings(max_examples=120)


@many
@given(label=labels, more=restrictions, question=questions)
def test_no_restriction_makes_any_clause_milder(label: Label, more: Label, question: dict[str, Any]) -> None:
    before = decide(label, members_of=members_of, **question)
    after = decide(join(label, more), members_of=members_of, **question)
    assert after.outcome >= before.outcome
    for was, is_now in zip(before.reasons, after.reasons, strict=True):
        if was.clause != "label.unmarked":  # the list of nobody denies instead
            assert is_now.outcome >= was.outcome, was.clause


@many
@given(label=labels, more=restrictions, question=questions)
def test_no_restriction_takes_a_duty_away(label: Label, more: Label, question: dict[str, Any]) -> None:
    before = decide(label, members_of=members_of, **question)
    after = decide(join(label, more), members_of=members_of, **question)
    if after.outcome < Outcome.DENY:
        tightened = ("retention: ", "onward: ")
        assert {d for d in before.obligations if not d.startswith(tightened)} <= set(after.obligations)


@many
@given(label=labels, question=questions)
def test_the_recipient_recomputes_the_agreement_part_from_the_view(
    label: Label, question: dict[str, Any]
) -> None:
    decision = decide(label, members_of=members_of, **question)
    view = view_for(label, question["recipient"], members_of)
    again = agreement_part(view, members_of=members_of, **question)
    if decision.outcome < Outcome.DENY:
        assert again.outcome is decision.outcome
        assert again.obligations == decision.obligations
        assert again.valid_until == decision.valid_until
        assert again.reasons == decision.reasons[: len(again.reasons)]
    else:
        assert decision.outcome >= again.outcome


@many
@given(label=labels, question=questions)
def test_no_view_permits_what_the_label_denies(label: Label, question: dict[str, Any]) -> None:
    view = view_for(label, question["recipient"], members_of)
    assert (
        decide(view, members_of=members_of, **question).outcome
        >= decide(label, members_of=members_of, **question).outcome
    )


@many
@given(label=labels, question=questions, later=st.integers(0, LAST))
def test_the_answer_stays_the_same_until_the_date_that_it_names(
    label: Label, question: dict[str, Any], later: int
) -> None:
    decision = decide(label, members_of=members_of, **question)
    assert decision.valid_until is None or decision.valid_until > question["at"]
    moment = question["at"] + later
    if decision.valid_until is None or moment < decision.valid_until:
        again = decide(label, members_of=members_of, **(question | {"at": moment}))
        assert decision_commitment_content(again) == decision_commitment_content(decision)


@given(label=labels, question=questions)
def test_a_decision_is_the_same_each_time_and_names_the_worst_clause(
    label: Label, question: dict[str, Any]
) -> None:
    first = decide(label, members_of=members_of, **question)
    assert decide(label, members_of=members_of, **question) == first
    assert first.outcome == max(reason.outcome for reason in first.reasons)
    if first.outcome:
        assert first.clause == next(r.clause for r in first.reasons if r.outcome is first.outcome)
        assert all(r.change for r in first.reasons if r.outcome)


@many
@given(label=labels, question=questions, ceiling=st.sampled_from(Tlp))
def test_a_narrower_agreement_permits_no_more(label: Label, question: dict[str, Any], ceiling: Tlp) -> None:
    agreement = question["agreement"]
    if agreement is None:
        return
    narrower = replace(
        agreement,
        tlp_ceiling=min(ceiling, agreement.tlp_ceiling),
        topics=frozenset(list(agreement.topics)[:1]),
        onward=NO_ONWARD,
        equivalences=agreement.equivalences[1:],
    )
    before = decide(label, members_of=members_of, **question)
    after = decide(label, members_of=members_of, **(question | {"agreement": narrower}))
    assert after.outcome >= before.outcome


@many
@given(label=labels, question=questions)
def test_what_a_recipient_holds_is_no_wider_than_the_label_and_the_agreement(
    label: Label, question: dict[str, Any]
) -> None:
    agreement = question["agreement"]
    if agreement is None:
        return
    held = bound(view_for(label, question["recipient"], members_of), agreement)
    assert complete(held) == held
    assert held.onward is not None
    assert held.onward.none >= agreement.onward.none
    if agreement.retention_days is not None:
        assert held.retention_days is not None
        assert held.retention_days <= agreement.retention_days


@many
@given(views=st.lists(labels, min_size=1, max_size=3), question=questions)
def test_the_recipient_admits_exactly_what_the_sender_could_have_sent(
    views: list[Label], question: dict[str, Any]
) -> None:
    seen = [view_for(label, question["recipient"], members_of) for label in views]
    facts = {name: value for name, value in question.items() if name != "at"}
    admission = admit(seen, decided_at=question["at"], members_of=members_of, **facts)
    parts = [agreement_part(view, members_of=members_of, **question) for view in seen]
    if max(part.outcome for part in parts) < Outcome.NEEDS_CONSENT:
        assert admission == Admitted()
    else:
        assert isinstance(admission, Quarantined | Refused)
        assert admission.reasons


@many
@given(
    label=labels,
    portions=st.lists(restrictions, max_size=3),
    more=restrictions,
    at=st.integers(0, 2),
    question=questions,
)
def test_restricting_one_portion_never_opens_another_or_the_object(
    label: Label, portions: list[Label], more: Label, at: int, question: dict[str, Any]
) -> None:
    def answer(extra: Label) -> PortionsDecision:
        joined = [label, *(join(label, portion) for portion in portions)]
        joined = [join(each, extra) if k == min(at, len(portions)) else each for k, each in enumerate(joined)]
        if min(at, len(portions)) == 0:
            joined = [joined[0], *(join(each, extra) for each in joined[1:])]
        return over_portions([decide(each, members_of=members_of, **question) for each in joined])

    before, after = answer(complete(label)), answer(join(complete(label), more))
    assert after.outcome >= before.outcome
    if before.outcome is Outcome.DENY:
        assert after.refused == before.refused
