from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.agreements import Agreement
from simpul.domain.labels import Label, Onward, Tlp, complete
from simpul.domain.policy import (
    Decision,
    Outcome,
    agreement_part,
    bound,
    decide,
    decision_commitment_content,
    over_portions,
    overlay_part,
)
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
    assert len(decision.reasons) == 19
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
