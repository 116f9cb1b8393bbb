"""National rules restrict, each by its own clause, and a restriction never switches one off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.labels import LAST_INSTANT, Onward, Tlp
from simpul.domain.overlays import MOST_RULES, Overlay, OverlayRule, When, check, faults, overlay_values
from simpul.domain.policy import Decision, Outcome, decide
from simpul.errors import InputFault
from tests.unit.domain.terms import AGREEMENT, LABEL, RAHASIA, SECRET, A, B, C

AT = 5_000
CIRCLES = {"pact": frozenset({A, B}), "ring": frozenset({A, C})}


def overlay(*rules: OverlayRule) -> Overlay:
    return Overlay(party=A, version=1, title="Rules of Arunika", rules=rules)


def rule(id: str = "one", then: Outcome = Outcome.DENY, *, approvals: int = 1, **when: Any) -> OverlayRule:
    return OverlayRule(id=id, then=then, when=When(**when), approvals=approvals)


def answer(*rules: OverlayRule, **more: Any) -> Decision:
    question: dict[str, Any] = {
        "sender": A,
        "recipient": B,
        "purpose": "ct",
        "agreement": AGREEMENT,
        "at": AT,
        "members_of": CIRCLES.get,
    }
    return decide(more.pop("label", LABEL), **(question | more), overlay=overlay(*rules))


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"recipients": frozenset({B})},
        {"recipients": frozenset({C, "pact"})},
        {"recipients": frozenset({"unheard-of"})},
        {"except_recipients": frozenset({C, "ring", "unheard-of"})},
        {"originators": frozenset({A})},
        {"except_originators": frozenset({B})},
        {"purposes": frozenset({"ct", "cp"})},
        {"except_purposes": frozenset({"cp"})},
        {"topics": frozenset({"cyber", "nuclear"})},
        {"compartments": frozenset({"K"})},
        {"handling": frozenset({"H1", "H2"})},
        {"levels": frozenset({RAHASIA, SECRET})},
        {"tlp_from": Tlp.GREEN},
        {"tlp_from": Tlp.CLEAR},
        {"since": AT},
        {"until": AT + 1},
        {"topics": frozenset({"cyber"}), "recipients": frozenset({B}), "tlp_from": Tlp.GREEN},
    ],
)
def test_a_rule_denies_by_its_own_clause_where_all_that_it_states_holds(when: dict[str, Any]) -> None:
    decision = answer(rule(**when))
    assert (decision.outcome, decision.clause) == (Outcome.DENY, "overlay.one")
    assert decision.reasons[-1].why == "a national rule forbids it"


@pytest.mark.parametrize(
    "when",
    [
        {"recipients": frozenset({C, "ring"})},
        {"except_recipients": frozenset({"pact"})},
        {"except_recipients": frozenset({B})},
        {"originators": frozenset({B})},
        {"except_originators": frozenset({"ring"})},
        {"purposes": frozenset({"cp"})},
        {"except_purposes": frozenset({"ct"})},
        {"topics": frozenset({"nuclear"})},
        {"compartments": frozenset({"L"})},
        {"handling": frozenset({"H3"})},
        {"levels": frozenset({SECRET})},
        {"tlp_from": Tlp.AMBER},
        {"since": AT + 1},
        {"until": AT},
        {"topics": frozenset({"cyber"}), "recipients": frozenset({C})},
    ],
)
def test_a_rule_is_recorded_and_permits_where_anything_that_it_states_does_not_hold(
    when: dict[str, Any],
) -> None:
    decision = answer(rule(**when))
    assert (decision.outcome, decision.clause) == (Outcome.PERMIT, "agreement")
    assert decision.reasons[-1].clause == "overlay.one"
    assert decision.reasons[-1].why == "this national rule does not apply"


def test_a_tlp_that_is_not_stated_is_not_from_any_tlp_up() -> None:
    unmarked = replace(LABEL, tlp=None)
    assert answer(rule(tlp_from=Tlp.CLEAR), label=unmarked).outcome is Outcome.PERMIT


def test_rules_are_walked_in_the_files_order_behind_every_other_clause() -> None:
    decision = answer(rule("z", purposes=frozenset({"cp"})), rule("a"), rule("m"))
    assert [r.clause for r in decision.reasons[-4:]] == [
        "overlay.releasable-to",
        "overlay.z",
        "overlay.a",
        "overlay.m",
    ]
    assert decision.clause == "overlay.a"


def test_a_rule_can_ask_for_more_approvals_and_says_how_many() -> None:
    decision = answer(rule(then=Outcome.NEEDS_APPROVAL, approvals=3))
    assert (decision.outcome, decision.approvals) == (Outcome.NEEDS_APPROVAL, 3)
    assert decision.reasons[-1].why == "a national rule asks for 3 approvals"
    assert decision.obligations


def test_a_rule_can_ask_for_consent_to_what_its_originator_left_free() -> None:
    label, asks = replace(LABEL, onward=Onward()), rule(then=Outcome.NEEDS_CONSENT)
    assert answer(asks, label=label, originator=C).clause == "overlay.one"
    assert answer(asks, label=label, originator=C, consented=True).outcome is Outcome.PERMIT
    assert answer(asks, label=label).outcome is Outcome.PERMIT
    assert answer(asks, label=label, originator=B).outcome is Outcome.PERMIT


def test_a_note_is_told_with_the_reason() -> None:
    noted = OverlayRule(id="one", then=Outcome.DENY, note="Law 12, section 4")
    assert answer(noted).reasons[-1].why == "a national rule forbids it: Law 12, section 4"


def test_no_rule_makes_up_for_a_denial() -> None:
    decision = answer(rule(then=Outcome.NEEDS_APPROVAL, approvals=2), label=replace(LABEL, tlp=Tlp.RED))
    assert decision.clause == "agreement.tlp-ceiling"


def test_the_dates_of_rules_that_could_apply_bound_the_answer_and_no_others() -> None:
    assert answer(rule(since=AT + 3)).valid_until == AT + 3
    assert answer(rule(since=AT - 3, until=AT + 7)).valid_until == AT + 7
    assert answer(rule(until=AT)).valid_until == answer().valid_until
    assert answer(rule(since=AT + 3, purposes=frozenset({"cp"}))).valid_until == answer().valid_until


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"party": "Arunika"}, "party: 'Arunika' is not a fingerprint"),
        ({"version": 0}, "version: counts from 1"),
        ({"title": " "}, "title: is empty, or longer than 10,000 characters"),
        (
            {"rules": tuple(rule(f"r{k}") for k in range(MOST_RULES + 1))},
            "rule: 501 rules are more than 500",
        ),
        (
            {"rules": (rule("Upper"),)},
            "rule[0].id: 'Upper' is not made of at most 60 small letters, digits and hyphens",
        ),
        (
            {"rules": (rule("releasable-to"),)},
            "rule[0].id: 'releasable-to' is the name of another clause",
        ),
        ({"rules": (rule("a"), rule("b"), rule("a"))}, "rule[0].id: 'a' is written 2 times"),
        (
            {"rules": (rule(then=Outcome.PERMIT),)},
            "rule[0].then: 'permit' is not one of needs-approval, needs-consent, deny: an overlay may only restrict",
        ),
        (
            {"rules": (rule(then=Outcome.REDACT),)},
            "rule[0].then: 'redact' is not one of needs-approval, needs-consent, deny: an overlay may only restrict",
        ),
        (
            {"rules": (rule(then=Outcome.NEEDS_APPROVAL),)},
            "rule[0].approvals: must be between 2 and 99",
        ),
        ({"rules": (rule(approvals=2),)}, "rule[0].approvals: goes with needs-approval alone"),
        (
            {"rules": (rule(recipients=frozenset({B, C}), except_recipients=frozenset({B})),)},
            f"rule[0].when.recipients: '{B}' is excepted too, so that the rule could never apply to it",
        ),
        (
            {"rules": (rule(handling=frozenset({"H9"})),)},
            "rule[0].when.handling: 'H9' is not one of H0, H1, H2, H3",
        ),
        (
            {"rules": (rule(topics=frozenset({"t" * 201})),)},
            "rule[0].when.topics: a name is empty, or longer than 200 characters",
        ),
        (
            {"rules": (rule(topics=frozenset(map(str, range(1_001)))),)},
            "rule[0].when.topics: has more than 1,000 names",
        ),
        (
            {"rules": (rule(levels=frozenset({replace(RAHASIA, level="")})),)},
            "rule[0].when.levels: a name is empty, or longer than 200 characters",
        ),
        ({"rules": (rule(since=9, until=9),)}, "rule[0].when.until: is not later than since"),
        (
            {"rules": (rule(until=LAST_INSTANT + 1),)},
            "rule[0].when.until: does not lie between the years 1970 and 2255",
        ),
        (
            {"rules": (OverlayRule(id="a", then=Outcome.DENY, note="x" * 10_001),)},
            "rule[0].note: is longer than 10,000 characters",
        ),
    ],
)
def test_what_nobody_should_adopt_is_refused_with_its_place(change: dict[str, Any], fault: str) -> None:
    wrong = replace(overlay(rule()), **change)
    assert fault in faults(wrong)
    with pytest.raises(InputFault, match="cannot be adopted"):
        check(wrong)


def test_a_sound_overlay_has_no_faults() -> None:
    sound = overlay(rule(), rule("two", Outcome.NEEDS_APPROVAL, approvals=2, since=1, until=2))
    assert faults(sound) == []
    check(sound)


def test_its_plain_values_state_only_what_it_states_and_sort_every_set() -> None:
    values = overlay_values(
        overlay(
            rule(topics=frozenset({"b", "a"}), levels=frozenset({SECRET, RAHASIA}), tlp_from=Tlp.AMBER),
            rule("two", Outcome.NEEDS_APPROVAL, approvals=2, since=0),
        )
    )
    assert json.loads(json.dumps(values)) == {
        "party": A,
        "version": 1,
        "title": "Rules of Arunika",
        "rules": [
            {
                "id": "one",
                "then": "deny",
                "when": {
                    "topics": ["a", "b"],
                    "levels": [["XA", "RAHASIA"], ["XB", "SECRET"]],
                    "tlp_from": "amber",
                },
            },
            {"id": "two", "then": "needs-approval", "approvals": 2, "when": {"since": 0}},
        ],
    }


SCRIPT = """
from msgspec.structs import replace
from simpul.domain.agreements import Reservation
from tests.unit.domain.test_overlays import *
many = frozenset({"drugs", "arms", "cyber", "people"})
label = replace(LABEL, topics=many, handling=many, obligations=many, onward=Onward(within=many), unmapped=many)
kept = Reservation(party=B, topics=many)
agreement = replace(AGREEMENT, reservations=(kept,), levels=frozenset())
print(answer(rule(topics=many), rule("two", recipients=many), label=label, agreement=agreement, originator=C))
"""


def test_a_decision_reads_the_same_in_every_process() -> None:
    """Sets of texts have another order in each process: no word of a decision may depend on it."""
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1
    assert "arms, cyber, drugs, people" in said.pop()
