from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.agreements import Agreement, Reservation
from simpul.domain.labels import NOBODY, Label, Onward, Tlp, complete, view_for
from simpul.domain.overlays import Overlay, OverlayRule, When
from simpul.domain.policy import (
    Decision,
    Outcome,
    agreement_part,
    bound,
    decide,
    decision_commitment_content,
    over_portions,
    overlay_part,
    policy_content,
)
from tests.oracle.policy import ORDER
from tests.unit.domain.terms import AGREEMENT, END, LABEL, RAHASIA, SECRET, START, A, B, C

AT = 5_000


def answer(
    label: Label = LABEL,
    agreement: Agreement | None = AGREEMENT,
    *,
    recipient: str = B,
    at: int = AT,
    purpose: str = "ct",
    **more: Any,
) -> Decision:
    return decide(label, sender=A, recipient=recipient, purpose=purpose, agreement=agreement, at=at, **more)


def said(decision: Decision) -> dict[str, Outcome]:
    return {reason.clause: reason.outcome for reason in decision.reasons}


def test_what_label_and_agreement_allow_is_permitted_with_its_duties() -> None:
    decision = answer()
    assert (decision.outcome, decision.clause) == (Outcome.PERMIT, "agreement")
    assert decision.obligations == (
        "attribute: Arunika",
        "handling: H1",
        "onward: none",
        "protect: as own",
        "retention: 30 days",
    )


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"unmapped": frozenset({"marking-definition--1"})}, "label.unmapped-marking"),
        ({"tlp": None, "classification": frozenset()}, "label.unmarked"),
        ({"expires": AT}, "label.expired"),
        ({"purposes": frozenset({"cp"})}, "label.purpose"),
        ({"purposes": None}, "label.purpose"),
        ({"releasable_to": frozenset()}, "label.releasable-to"),
        ({"releasable_to": frozenset({frozenset[str]()})}, "label.releasable-to"),
        ({"releasable_to": frozenset({frozenset({B}), frozenset({C})})}, "label.releasable-to"),
        ({"tlp": Tlp.RED}, "agreement.tlp-ceiling"),
        ({"classification": frozenset({RAHASIA, SECRET})}, "agreement.classification"),
        ({"topics": frozenset({"cyber", "drugs"})}, "agreement.topic"),
        ({"compartments": frozenset({"K", "L"})}, "agreement.compartment"),
        ({"not_releasable_to": frozenset({B})}, "label.not-releasable-to"),
        ({"not_releasable_to": frozenset({"a circle"})}, "label.not-releasable-to"),
    ],
)
def test_each_restriction_of_a_label_denies_by_its_own_clause(change: dict[str, Any], clause: str) -> None:
    decision = answer(replace(LABEL, **change))
    assert (decision.outcome, decision.clause) == (Outcome.DENY, clause)
    assert decision.obligations == ()


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"not_before": AT + 1}, "agreement.in-force"),
        ({"not_after": AT}, "agreement.in-force"),
        ({"parties": (A, C)}, "agreement.parties"),
        ({"purposes": frozenset({"cp"})}, "agreement.purpose"),
        ({"tlp_ceiling": Tlp.CLEAR}, "agreement.tlp-ceiling"),
        ({"levels": frozenset[Any]()}, "agreement.classification"),
        ({"equivalences": ()}, "agreement.equivalence"),
        ({"topics": frozenset[str]()}, "agreement.topic"),
        ({"compartments": frozenset[str]()}, "agreement.compartment"),
    ],
)
def test_each_limit_of_an_agreement_denies_by_its_own_clause(change: dict[str, Any], clause: str) -> None:
    decision = answer(agreement=replace(AGREEMENT, **change))
    assert (decision.outcome, decision.clause) == (Outcome.DENY, clause)


def test_without_an_agreement_nothing_goes() -> None:
    decision = answer(agreement=None)
    assert (decision.outcome, decision.clause) == (Outcome.DENY, "agreement.in-force")


def test_nobody_releases_to_itself() -> None:
    label = replace(LABEL, releasable_to=frozenset({frozenset({A})}))
    assert answer(label, recipient=A).clause == "agreement.parties"


def test_a_tlp_alone_makes_nothing_releasable() -> None:
    assert answer(complete(Label(tlp=Tlp.CLEAR))).outcome is Outcome.DENY
    assert answer(Label(tlp=Tlp.CLEAR)).outcome is Outcome.DENY


def test_more_approvals_than_usual_are_an_outcome_and_not_a_refusal() -> None:
    decision = answer(agreement=replace(AGREEMENT, approvals=2))
    assert (decision.outcome, decision.clause) == (Outcome.NEEDS_APPROVAL, "agreement.approvals")
    assert decision.obligations


def test_a_denial_beats_a_need_for_approval() -> None:
    decision = answer(replace(LABEL, tlp=Tlp.RED), replace(AGREEMENT, approvals=2))
    assert decision.clause == "agreement.tlp-ceiling"
    assert said(decision)["agreement.approvals"] is Outcome.NEEDS_APPROVAL


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (None, Outcome.DENY),
        (Onward(none=True), Outcome.DENY),
        (Onward(), Outcome.PERMIT),
        (Onward(consent=True), Outcome.NEEDS_CONSENT),
        (Onward(within=frozenset({"pact"})), Outcome.PERMIT),
        (Onward(within=frozenset({"pact", "ring"})), Outcome.DENY),
        (Onward(consent=True, within=frozenset({"pact"})), Outcome.NEEDS_CONSENT),
    ],
)
def test_passing_on_what_another_wrote_follows_its_rule(rule: Onward | None, outcome: Outcome) -> None:
    circles = {"pact": frozenset({B})}
    decision = answer(replace(LABEL, onward=rule), originator=C, members_of=circles.get)
    assert decision.outcome is outcome
    assert said(decision)["label.onward"] is outcome


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (None, Outcome.DENY),
        (Onward(none=True, consent=True), Outcome.DENY),
        (Onward(), Outcome.PERMIT),
        (Onward(consent=True), Outcome.PERMIT),
        (Onward(consent=True, within=frozenset({"pact"})), Outcome.PERMIT),
        (Onward(consent=True, within=frozenset({"ring"})), Outcome.DENY),
    ],
)
def test_consent_answers_a_rule_that_asks_for_it_and_lifts_no_other(
    rule: Onward | None, outcome: Outcome
) -> None:
    circles = {"pact": frozenset({B})}
    decision = answer(replace(LABEL, onward=rule), originator=C, members_of=circles.get, consented=True)
    assert said(decision)["label.onward"] is outcome


def test_consent_has_words_of_its_own() -> None:
    label = replace(LABEL, onward=Onward(consent=True))
    (reason,) = (r for r in answer(label, originator=C, consented=True).reasons if r.clause == "label.onward")
    assert reason.why == "its originator consented to passing it on to the recipient"


FROM_C = replace(LABEL, releasable_to=frozenset({frozenset({A})}), onward=Onward())
"""What A holds of C's: the view that named A alone."""


def test_the_list_that_named_its_holder_does_not_bar_whom_the_onward_rule_lets_in() -> None:
    decision = answer(FROM_C, originator=C)
    assert decision.outcome is Outcome.PERMIT
    assert view_for(FROM_C, B, sender=A, originator=C).releasable_to == {frozenset({B})}


def test_the_same_list_bars_everybody_where_the_holder_wrote_it_itself() -> None:
    assert answer(FROM_C).clause == "label.releasable-to"
    assert view_for(FROM_C, B).releasable_to == {NOBODY}


@pytest.mark.parametrize("rule", [Onward(none=True), Onward(within=frozenset({"pact"}))])
def test_the_list_that_named_its_holder_bars_whom_the_onward_rule_does_not_let_in(rule: Onward) -> None:
    decision = answer(replace(FROM_C, onward=rule), originator=C)
    assert decision.clause == "label.releasable-to"
    assert said(decision)["label.onward"] is Outcome.DENY


def test_where_its_originator_must_be_asked_the_holder_hears_that_and_no_denial() -> None:
    decision = answer(replace(FROM_C, onward=Onward(consent=True)), originator=C)
    assert (decision.outcome, decision.clause) == (Outcome.NEEDS_CONSENT, "label.onward")


@pytest.mark.parametrize("more", [frozenset[str](), frozenset({C})])
def test_a_list_that_the_holder_adds_binds_what_it_passes_on(more: frozenset[str]) -> None:
    decision = answer(replace(FROM_C, releasable_to=FROM_C.releasable_to | {more}), originator=C)
    assert decision.clause == "label.releasable-to"
    assert said(decision)["overlay.releasable-to"] is Outcome.DENY


def test_what_another_wrote_goes_back_to_it_whatever_its_onward_rule() -> None:
    decision = answer(replace(FROM_C, onward=Onward(none=True)), originator=B)
    assert decision.outcome is Outcome.PERMIT


def test_where_anybody_is_excluded_the_view_asks_for_consent() -> None:
    label = replace(LABEL, onward=Onward(), not_releasable_to=frozenset({C}))
    assert "onward: consent" in answer(label).obligations
    assert view_for(label, B).onward == Onward(consent=True)
    assert view_for(replace(label, onward=Onward(none=True)), B).onward == Onward(none=True)


@pytest.mark.parametrize(
    ("halt", "denied"),
    [((AT, None), True), ((AT, AT + 1), True), ((AT + 1, None), False), ((START, AT), False)],
)
def test_a_suspended_agreement_lets_nothing_through(halt: tuple[int, int | None], denied: bool) -> None:
    decision = answer(agreement=replace(AGREEMENT, halts=(halt,)))
    assert (decision.clause == "agreement.suspended") == denied
    assert said(decision)["agreement.in-force"] is Outcome.PERMIT


def test_a_suspension_that_begins_or_ends_later_bounds_the_answer() -> None:
    assert answer(agreement=replace(AGREEMENT, halts=((AT + 5, None),))).valid_until == AT + 5
    assert answer(agreement=replace(AGREEMENT, halts=((AT, AT + 9),))).valid_until == AT + 9


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"purposes": frozenset({"ct"})}, "the purpose 'ct'"),
        ({"topics": frozenset({"cyber", "nuclear"})}, "the topic cyber"),
        ({"levels": frozenset({RAHASIA, SECRET})}, "the level XA RAHASIA"),
        ({"tlp_ceiling": Tlp.CLEAR}, "TLP:GREEN"),
    ],
)
@pytest.mark.parametrize(("party", "role"), [(A, "sender"), (B, "recipient")])
def test_a_reservation_of_either_party_narrows_the_agreement(
    party: str, role: str, change: dict[str, Any], why: str
) -> None:
    decision = answer(agreement=replace(AGREEMENT, reservations=(Reservation(party=party, **change),)))
    assert (decision.outcome, decision.clause) == (Outcome.DENY, "agreement.reservation")
    reason = next(r for r in decision.reasons if r.outcome)
    assert reason.why == f"a reservation of the {role} forbids {why}"


def test_a_reservation_of_a_third_party_or_about_something_else_says_nothing() -> None:
    elsewhere = (
        Reservation(party=C, purposes=frozenset({"ct"})),
        Reservation(party=B, topics=frozenset({"nuclear"}), tlp_ceiling=Tlp.GREEN),
    )
    assert answer(agreement=replace(AGREEMENT, reservations=elsewhere)).outcome is Outcome.PERMIT


def test_the_most_approvals_that_anything_asks_for_are_needed() -> None:
    overlay = Overlay(
        party=A,
        version=1,
        title="w",
        rules=(
            OverlayRule(id="three", then=Outcome.NEEDS_APPROVAL, approvals=3),
            OverlayRule(
                id="nine",
                then=Outcome.NEEDS_APPROVAL,
                approvals=9,
                when=When(topics=frozenset({"drugs"})),
            ),
        ),
    )
    assert answer().approvals == 1
    assert answer(agreement=replace(AGREEMENT, approvals=2)).approvals == 2
    both = answer(agreement=replace(AGREEMENT, approvals=2), overlay=overlay)
    assert (both.approvals, both.clause) == (3, "agreement.approvals")
    assert over_portions([answer(), both]).approvals == 1
    assert over_portions([both, both]).approvals == 3


def test_what_a_kept_answer_hangs_on_is_another_once_any_part_of_the_policy_changes() -> None:
    facts: dict[str, Any] = {
        "purpose": "ct",
        "agreement": b"a",
        "halts": [(1, None)],
        "charters": {"pact": b"c"},
        "overlay": b"o",
    }
    changed: dict[str, Any] = {
        "purpose": "cp",
        "agreement": None,
        "halts": [(1, 2)],
        "charters": {"pact": b"d"},
        "overlay": None,
    }
    contents = [policy_content(**facts), *(policy_content(**facts | {k: v}) for k, v in changed.items())]
    texts = {json.dumps(content, sort_keys=True) for content in contents}
    assert len(texts) == 1 + len(changed)


def test_an_onward_rule_does_not_bind_its_own_originator_nor_the_way_back() -> None:
    assert answer(originator=A).outcome is Outcome.PERMIT
    assert answer(originator=B).outcome is Outcome.PERMIT


def test_an_agreement_narrows_onward_and_retention_instead_of_refusing() -> None:
    decision = answer(replace(LABEL, onward=Onward(), retention_days=None))
    assert decision.outcome is Outcome.PERMIT
    assert {"onward: consent", "retention: 365 days"} <= set(decision.obligations)
    held = bound(LABEL, AGREEMENT)
    assert held.retention_days == 30
    assert held.onward == Onward(none=True, consent=True)
    assert held.obligations == {"attribute: Arunika", "protect: as own"}


def test_the_horizon_is_the_earliest_date_still_to_come() -> None:
    assert answer(at=AT).valid_until == 7_000
    assert answer(replace(LABEL, expires=6_000)).valid_until == 6_000
    assert answer(replace(LABEL, classification=frozenset())).valid_until == 8_000
    assert answer(at=START - 1).valid_until == START
    assert answer(at=8_500).valid_until == END
    assert answer(at=END).valid_until is None
    assert answer(replace(LABEL, expires=None), None).valid_until is None


def test_every_clause_is_recorded_with_why_and_each_refusal_with_what_would_have_to_change() -> None:
    decision = answer(replace(LABEL, tlp=Tlp.RED))
    assert len(decision.reasons) == len(ORDER)
    assert all(reason.why for reason in decision.reasons)
    red = next(reason for reason in decision.reasons if reason.outcome)
    assert red.why == "TLP:RED is above the agreement's TLP:AMBER"
    assert "amend the agreement" in red.change


def test_the_overlay_part_only_restricts() -> None:
    assert overlay_part(LABEL, recipient=B).outcome is Outcome.PERMIT
    assert overlay_part(LABEL, recipient=A).clause == "overlay.releasable-to"


def test_the_agreement_part_knows_nothing_of_exclusions() -> None:
    excluded = replace(LABEL, not_releasable_to=frozenset({B}))
    part = agreement_part(excluded, sender=A, recipient=B, purpose="ct", agreement=AGREEMENT, at=AT)
    assert part.outcome is Outcome.PERMIT
    assert "label.not-releasable-to" not in said(part)


def test_what_is_committed_to_has_a_json_form_without_words_that_may_change() -> None:
    content = decision_commitment_content(answer())
    assert json.loads(json.dumps(content)) == content
    assert content["outcome"] == "permit"
    assert content["reasons"][0] == {"clause": "agreement.in-force", "outcome": "permit"}


def test_outcomes_are_ordered_and_named_as_on_every_edge() -> None:
    words = ["permit", "redact", "needs-approval", "needs-consent", "deny"]
    assert [outcome.word for outcome in sorted(Outcome)] == words


PERMITTED = answer()
DENIED = answer(replace(LABEL, topics=frozenset({"drugs"}), expires=None))


def test_an_object_redacts_where_only_a_portion_is_denied() -> None:
    both = over_portions([PERMITTED, DENIED, PERMITTED])
    assert (both.outcome, both.clause, both.refused) == (Outcome.REDACT, "agreement.topic", (1,))
    assert both.obligations == PERMITTED.obligations


def test_a_denied_object_takes_all_its_portions_with_it() -> None:
    both = over_portions([DENIED, PERMITTED])
    assert (both.outcome, both.clause, both.refused) == (Outcome.DENY, "agreement.topic", (0, 1))
    assert both.obligations == ()


def test_what_remains_is_decided_by_itself() -> None:
    asks = answer(agreement=replace(AGREEMENT, approvals=2))
    assert over_portions([asks, DENIED]).outcome is Outcome.NEEDS_APPROVAL
    assert over_portions([asks, DENIED]).refused == (1,)
    consent = answer(replace(LABEL, onward=Onward(consent=True)), originator=C)
    assert over_portions([PERMITTED, consent]).refused == (1,)


def test_an_object_without_portions_is_one_portion() -> None:
    alone = over_portions([PERMITTED])
    assert (alone.outcome, alone.clause, alone.refused) == (Outcome.PERMIT, "agreement", ())
    assert alone.valid_until == 7_000
