"""A restriction added never widens an audience (law 5), and the decision is a function of its inputs alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import Admitted, Quarantined, Refused, admit
from simpul.domain.agreements import Reservation
from simpul.domain.labels import NO_ONWARD, Label, Tlp, complete, join, view_for
from simpul.domain.overlays import Overlay, OverlayRule
from simpul.domain.policy import (
    Outcome,
    PortionsDecision,
    agreement_part,
    bound,
    decide,
    over_portions,
)
from tests.properties.strategies import (
    CIRCLES,
    LAST,
    LAST_DATE,
    PARTIES,
    PURPOSES,
    A,
    agreements,
    halts,
    labels,
    members_of,
    overlays,
    reservations,
    restrictions,
    rules,
)

questions = st.fixed_dictionaries(
    {
        "sender": st.just(A),
        "recipient": st.sampled_from(PARTIES[1:]),
        "originator": st.sampled_from(PARTIES),
        "purpose": st.sampled_from(PURPOSES),
        "agreement": st.none() | agreements,
        "at": st.integers(0, LAST),
        "consented": st.booleans(),
    }
)
at_home = st.builds(
    lambda question, overlay: question | {"overlay": overlay}, questions, st.none() | overlays
)
"""Questions as the sender asks them, with the rules of its nation."""

many = settings(max_examples=120)


def view_of(label: Label, question: dict[str, Any]) -> Label:
    sender, originator = question["sender"], question["originator"]
    return view_for(label, question["recipient"], members_of, sender=sender, originator=originator)


@many
@given(label=labels, more=restrictions, question=at_home)
def test_no_restriction_makes_any_clause_milder(label: Label, more: Label, question: dict[str, Any]) -> None:
    before = decide(label, members_of=members_of, **question)
    after = decide(join(label, more), members_of=members_of, **question)
    assert after.outcome >= before.outcome
    for was, is_now in zip(before.reasons, after.reasons, strict=True):
        if was.clause != "label.unmarked":  # the list of nobody denies instead
            assert is_now.outcome >= was.outcome, was.clause


@many
@given(label=labels, more=restrictions, question=at_home)
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
    view = view_of(label, question)
    again = agreement_part(view, members_of=members_of, **question)
    if decision.outcome < Outcome.DENY:
        assert again.outcome is decision.outcome
        assert again.obligations == decision.obligations
        assert again.valid_until == decision.valid_until
        assert again.reasons == decision.reasons[: len(again.reasons)]
    else:
        assert decision.outcome >= again.outcome


@many
@given(label=labels, question=at_home)
def test_no_view_permits_what_the_label_denies(label: Label, question: dict[str, Any]) -> None:
    view = view_of(label, question)
    assert (
        decide(view, members_of=members_of, **question).outcome
        >= decide(label, members_of=members_of, **question).outcome
    )


@settings(max_examples=250)
@given(label=labels, question=at_home)
def test_the_answer_stays_the_same_until_the_date_that_it_names(
    label: Label, question: dict[str, Any]
) -> None:
    decision = decide(label, members_of=members_of, **question)
    assert decision.valid_until is None or decision.valid_until > question["at"]
    end = LAST_DATE + 1 if decision.valid_until is None else decision.valid_until
    for moment in range(question["at"] + 1, end):
        again = decide(label, members_of=members_of, **(question | {"at": moment}))
        assert (again.outcome, again.reasons, again.obligations, again.approvals) == (
            decision.outcome,
            decision.reasons,
            decision.obligations,
            decision.approvals,
        )
        assert again.valid_until == decision.valid_until


@given(label=labels, question=at_home)
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
@given(label=labels, question=at_home)
def test_the_order_in_which_sets_were_written_changes_nothing(label: Label, question: dict[str, Any]) -> None:
    turned = question | {name: _turned(question[name]) for name in ("agreement", "overlay")}
    again = decide(_turned(label), members_of=members_of, **turned)
    assert again == decide(label, members_of=members_of, **question)


def _turned(value: Any) -> Any:
    """The same value, every set in it built anew from its members in the opposite order."""
    if isinstance(value, frozenset):
        return frozenset([_turned(each) for each in reversed(list(value))])
    if isinstance(value, tuple):
        return tuple(map(_turned, value))
    if isinstance(value, Struct):
        return replace(value, **{name: _turned(getattr(value, name)) for name in value.__struct_fields__})
    return value


@many
@given(label=labels, question=at_home, reservation=reservations)
def test_a_reservation_never_opens_anything(
    label: Label, question: dict[str, Any], reservation: Reservation
) -> None:
    agreement = question["agreement"]
    if agreement is not None:
        added = replace(agreement, reservations=(*agreement.reservations, reservation))
        no_milder(label, question, question | {"agreement": added})


@many
@given(label=labels, question=at_home, halt=halts)
def test_a_suspension_never_opens_anything(
    label: Label, question: dict[str, Any], halt: tuple[tuple[int, int | None], ...]
) -> None:
    agreement = question["agreement"]
    if agreement is not None:
        added = replace(agreement, halts=(*agreement.halts, *halt))
        no_milder(label, question, question | {"agreement": added})


@many
@given(label=labels, question=questions, overlay=overlays, rule=rules("more"), at=st.integers(0, 3))
def test_no_overlay_and_no_rule_of_one_opens_anything(
    label: Label, question: dict[str, Any], overlay: Overlay, rule: OverlayRule, at: int
) -> None:
    more = replace(overlay, rules=(*overlay.rules[:at], rule, *overlay.rules[at:]))
    no_milder(label, question, question | {"overlay": overlay})
    no_milder(label, question | {"overlay": overlay}, question | {"overlay": more})


@many
@given(label=labels, question=at_home)
def test_withdrawn_consent_never_opens_anything_and_consent_answers_nothing_but_a_need_for_it(
    label: Label, question: dict[str, Any]
) -> None:
    without, granted = (
        decide(label, members_of=members_of, **(question | {"consented": given})) for given in (False, True)
    )
    for was, is_now in zip(without.reasons, granted.reasons, strict=True):
        answered = was.outcome is Outcome.NEEDS_CONSENT and is_now.outcome is Outcome.PERMIT
        assert is_now.outcome is was.outcome or answered
    assert granted.outcome is not Outcome.NEEDS_CONSENT


@many
@given(
    label=labels,
    question=at_home,
    circle=st.sampled_from(sorted(CIRCLES)),
    gone=st.sampled_from(PARTIES),
)
def test_who_leaves_a_circle_gets_no_more_but_for_what_excluded_the_circle(
    label: Label, question: dict[str, Any], circle: str, gone: str
) -> None:
    fewer = CIRCLES | {circle: CIRCLES[circle] - {gone}}
    label, question = _naming_parties_alone(label, question)
    before = decide(label, members_of=members_of, **question)
    after = decide(label, members_of=fewer.get, **question)
    for was, is_now in zip(before.reasons, after.reasons, strict=True):
        assert is_now.outcome >= was.outcome, was.clause


def _naming_parties_alone(label: Label, question: dict[str, Any]) -> tuple[Label, dict[str, Any]]:
    """The same without circles where being a member closes: exclusions, and whom a national rule is about."""
    alone = frozenset(PARTIES)
    overlay = question["overlay"]
    if overlay is not None:
        about = [
            replace(
                rule,
                when=replace(
                    rule.when,
                    recipients=rule.when.recipients & alone,
                    originators=rule.when.originators & alone,
                ),
            )
            for rule in overlay.rules
        ]
        overlay = replace(overlay, rules=tuple(about))
    return replace(label, not_releasable_to=label.not_releasable_to & alone), question | {"overlay": overlay}


def no_milder(label: Label, before: dict[str, Any], after: dict[str, Any]) -> None:
    was = decide(label, members_of=members_of, **before)
    is_now = decide(label, members_of=members_of, **after)
    assert is_now.outcome >= was.outcome
    assert is_now.approvals >= was.approvals
    now = {reason.clause: reason.outcome for reason in is_now.reasons}
    assert all(now[reason.clause] >= reason.outcome for reason in was.reasons)


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
    held = bound(view_of(label, question), agreement)
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
    seen = [view_of(label, question) for label in views]
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
