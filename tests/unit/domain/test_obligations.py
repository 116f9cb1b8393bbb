"""What duties mean and forbid: one word makes the difference, and what is not understood is never milder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.domain.labels import Label, join
from simpul.domain.obligations import (
    ACTS,
    Action,
    Duty,
    Kind,
    Limit,
    attributions,
    before_handing_on,
    duties_of,
    forbids,
    limit_of,
    parse,
    read,
)
from simpul.domain.policy import Decision, Outcome, Reason, duties
from simpul.formats.iep import read_policy

ROOT = Path(__file__).parents[3]

A = Action

WORDS = [
    "action: none",
    "action: ask the originator first",
    "action: internal only",
    "action: not visible to the adversary",
    "action: any",
    "attribute: Copyright 2026 The Works",
    "attribute: the provider",
    "attribute: nobody",
    "court: may",
    "encrypt: in transit",
    "handling: H0",
    "handling: H1",
    "handling: H2",
    "handling: H3",
    "no use in court",
    "notify: may",
    "notify: no affected party",
    "onward: none",
    "protect as own",
    "resale: not unmodified",
    "retention: 30 days",
    "return-or-destroy: 30 days",
]


def clause(action: Action, *texts: str, permitted: bool = False) -> str | None:
    reason = forbids(read(texts), action, permitted=permitted)
    return None if reason is None else reason.clause


@pytest.mark.parametrize(
    ("text", "kind", "argument"),
    [
        ("action: internal only", Kind.ACTION, "INTERNAL"),
        (" Action :  Internal   ONLY ", Kind.ACTION, "INTERNAL"),
        ("action: internally-visible-actions", Kind.ACTION, "INTERNAL"),
        ("action: contact-for-instruction", Kind.ACTION, "ASK"),
        ("action: internel only", Kind.ACTION, "NONE"),
        ("action:", Kind.ACTION, "NONE"),
        ("attribute: Copyright: The  Works", Kind.ATTRIBUTE, "Copyright: The  Works"),
        ("attribute: the provider", Kind.ATTRIBUTE, ""),
        ("attribute: nobody", Kind.ANONYMOUS, ""),
        ("notify: no affected party", Kind.NOTIFY, "must-not"),
        ("notify: whoever is concernd", Kind.NOTIFY, "must-not"),
        ("affected-party: may", Kind.NOTIFY, "may"),
        ("no use in court", Kind.COURT, "must-not"),
        ("court: may", Kind.COURT, "may"),
        ("handling: h2", Kind.HANDLING, "H2"),
        ("handling: eyes of the desk only", Kind.HANDLING, "eyes of the desk only"),
        ("retention: 30 days", Kind.RETENTION, "30"),
        ("retention: a while", Kind.OTHER, "a while"),
        ("return-or-destroy", Kind.RETURN, ""),
        ("return-or-destroy: 1 day", Kind.RETURN, "1"),
        ("resale: not unmodified", Kind.RESALE, "not unmodified"),
        ("encrypt: in transit", Kind.ENCRYPT, "in transit"),
        ("protect: as own", Kind.PROTECT, "as own"),
        ("acknowledge within one working day", Kind.OTHER, "acknowledge within one working day"),
    ],
)
def test_a_text_is_read_as_one_duty(text: str, kind: Kind, argument: str) -> None:
    assert parse(text) == Duty(text, kind, argument)


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_no_text_is_dropped_and_none_is_a_fault(text: str) -> None:
    assert parse(text).text == text


FLIPS = [
    (A.EXPORT, "action: internal only", "action: none", "obligation.action"),
    (A.EXPORT, "action: internal only", "action: ask the originator first", "obligation.action"),
    (A.EXPORT, "action: any", "action: anything", "obligation.action"),
    (A.INTERNAL, "action: internal only", "action: ask the originator first", "obligation.action"),
    (A.INDIRECT, "action: not visible to the adversary", "action: internal only", "obligation.action"),
    (A.DIRECT, "action: any", "action: not visible to the adversary", "obligation.action"),
    (A.COURT, "action: any", "action: not visible to the adversary", "obligation.action"),
    (A.NOTIFY, "action: internal only", "action: none", "obligation.action"),
    (A.HAND_ON, "action: internal only", "action: none", "obligation.action"),
    (A.NOTIFY, "notify: may", "notify: nobody", "obligation.affected-party"),
    (A.COURT, "handling: H0", "handling: H1", "obligation.handling"),
    (A.COURT, "court: may", "court: never", "obligation.handling"),
    (A.HAND_ON, "handling: H1", "handling: H2", "obligation.handling"),
    (A.HAND_ON, "attribute: somebody", "attribute: nobody", "obligation.attribution"),
]


@pytest.mark.parametrize(("action", "open", "closed", "refused"), FLIPS)
def test_one_word_makes_the_difference(action: Action, open: str, closed: str, refused: str) -> None:
    assert clause(action) is None
    assert clause(action, open) is None
    assert clause(action, closed) == refused
    assert clause(action, open, closed) == refused


def test_every_action_is_forbidden_by_some_word_and_every_refusal_says_what_to_do() -> None:
    assert {action for action, *_ in FLIPS} == set(Action)
    for action, _, closed, _ in FLIPS:
        reason = forbids(read([closed]), action)
        assert reason is not None
        assert reason.why
        assert reason.change


def test_naming_a_source_and_naming_nobody_cannot_both_be_kept() -> None:
    assert clause(A.EXPORT, "attribute: nobody") is None
    assert clause(A.EXPORT, "attribute: the provider") is None
    assert clause(A.EXPORT, "attribute: the provider", "attribute: nobody") == "obligation.attribution"


@pytest.mark.parametrize(
    ("action", "text", "lifted"),
    [
        (A.DIRECT, "action: ask the originator first", True),
        (A.DIRECT, "action: none", False),
        (A.DIRECT, "action: internal only", False),
        (A.COURT, "handling: H1", True),
        (A.COURT, "no use in court", False),
        (A.HAND_ON, "handling: H2", True),
        (A.NOTIFY, "notify: no affected party", False),
    ],
)
def test_a_permission_lifts_what_asks_for_one_and_nothing_else(
    action: Action, text: str, lifted: bool
) -> None:
    reason = forbids(read([text]), action)
    assert reason is not None
    assert (reason.outcome is Outcome.NEEDS_CONSENT) == lifted
    assert (clause(action, text, permitted=True) is None) == lifted


@given(
    st.sets(st.sampled_from(WORDS), max_size=5),
    st.sets(st.sampled_from(WORDS), max_size=5),
    st.sampled_from(list(Action)),
    st.booleans(),
)
@settings(max_examples=200)
def test_a_duty_added_never_allows_what_was_forbidden(
    some: set[str], more: set[str], action: Action, permitted: bool
) -> None:
    both = join(Label(obligations=frozenset(some)), Label(obligations=frozenset(more)))
    before = forbids(read(some), action, permitted=permitted)
    after = forbids(duties_of(both), action, permitted=permitted)
    assert before is None or (after is not None and after.outcome >= before.outcome)
    assert limit_of(duties_of(both)) >= limit_of(read(some))
    assert set(attributions(duties_of(both))) == set(attributions(read(some | more)))


def test_a_label_binds_by_its_codes_and_its_retention_too() -> None:
    label = Label(handling=frozenset({"H1"}), retention_days=30, obligations=frozenset({"action: any"}))
    kinds = {duty.kind: duty.argument for duty in duties_of(label)}
    assert kinds == {
        Kind.ACTION: "ANY",
        Kind.HANDLING: "H1",
        Kind.RETENTION: "30",
        Kind.ONWARD: "none",
    }
    assert all(duty.text in duties(label, None) for duty in duties_of(label))


IEP = """{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "name": "p", "description": "", "iep_version": 2.0,
"start_date": "2026-01-01T00:00:00Z", "end_date": null, "encrypt_in_transit": "must", "permitted_actions": "%s",
"affected_party_notifications": "must-not", "tlp": "amber", "attribution": "%s", "unmodified_resale": "must-not",
"external_reference": null}"""


@pytest.mark.parametrize(
    ("word", "limit"),
    [
        ("none", Limit.NONE),
        ("contact-for-instruction", Limit.ASK),
        ("internally-visible-actions", Limit.INTERNAL),
        ("externally-visible-indirect-actions", Limit.INDIRECT),
        ("externally-visible-direct-actions", Limit.ANY),
    ],
)
@pytest.mark.parametrize(("naming", "kind"), [("must", Kind.ATTRIBUTE), ("must-not", Kind.ANONYMOUS)])
def test_every_demand_of_an_iep_policy_is_understood(
    word: str, limit: Limit, naming: str, kind: Kind
) -> None:
    held = duties_of(read_policy((IEP % (word, naming)).encode()).label)
    assert limit_of(held) is limit
    kinds = {duty.kind for duty in held} - {Kind.ACTION, Kind.ONWARD}
    assert kinds == {Kind.ENCRYPT, Kind.NOTIFY, Kind.RESALE, kind}


def test_handing_on_is_decided_by_the_policy_and_the_duties_and_the_stricter_one_is_named() -> None:
    permit = Decision(
        outcome=Outcome.PERMIT,
        clause="agreement",
        reasons=(Reason(clause="label.onward", outcome=Outcome.PERMIT, why="free"),),
        obligations=("handling: H2",),
    )
    held = Label(handling=frozenset({"H2"}))
    asked = before_handing_on(permit, held, permitted=False)
    assert (asked.outcome, asked.clause) == (Outcome.NEEDS_CONSENT, "obligation.handling")
    assert asked.reasons[:-1] == permit.reasons
    assert before_handing_on(permit, held, permitted=True) == permit
    assert before_handing_on(permit, Label(), permitted=False) == permit
    none = join(held, Label(obligations=frozenset({"action: none"})))
    denied = before_handing_on(permit, none, permitted=True)
    assert (denied.outcome, denied.clause, denied.obligations) == (Outcome.DENY, "obligation.action", ())
    again = before_handing_on(denied, held, permitted=False)
    assert (again.outcome, again.clause) == (Outcome.DENY, "obligation.action")


def test_the_reference_explains_every_kind_action_limit_and_clause() -> None:
    page = (ROOT / "docs/reference/obligations.md").read_text()
    named = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    assert {kind.value for kind in Kind} <= named
    assert {refused for *_, refused in FLIPS} <= named
    for action in ACTS:
        assert f"`--action {action.value}`" in page
