"""Join is a commutative, idempotent monoid that only ever narrows (design §6)."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.domain.labels import (
    NEUTRAL,
    NO_ONWARD,
    NOBODY,
    Label,
    Onward,
    complete,
    dominates,
    is_listed,
    is_open_to,
    join,
    join_all,
    join_onward,
    may_exclude,
    view_for,
)
from tests.properties.strategies import PARTIES, labels, members_of, onwards, owned, restrictions


@given(a=restrictions, b=restrictions, c=restrictions)
def test_join_is_associative(a: Label, b: Label, c: Label) -> None:
    assert join(join(a, b), c) == join(a, join(b, c))


@given(a=restrictions, b=restrictions)
def test_join_is_commutative(a: Label, b: Label) -> None:
    assert join(a, b) == join(b, a)


@given(a=restrictions)
def test_join_is_idempotent_and_has_a_neutral_element(a: Label) -> None:
    assert join(a, a) == a
    assert join(a, NEUTRAL) == join(NEUTRAL, a) == a


@given(a=restrictions, b=restrictions)
def test_a_join_is_as_strict_as_each_of_its_parts(a: Label, b: Label) -> None:
    both = join(a, b)
    assert dominates(both, a)
    assert dominates(both, b)


@given(parts=st.lists(restrictions, max_size=4), seed=st.randoms())
def test_joining_many_does_not_depend_on_their_order(parts: list[Label], seed: Random) -> None:
    shuffled = list(parts)
    seed.shuffle(shuffled)
    assert join_all(parts) == join_all(shuffled)


@given(a=st.none() | onwards, b=st.none() | onwards)
def test_a_joined_onward_rule_allows_no_more_than_either(a: Onward | None, b: Onward | None) -> None:
    both = join_onward(a, b)
    for rule in (a, b):
        if rule is not None:
            assert both is not None
            assert both.none >= rule.none
            assert both.consent >= rule.consent
            assert both.within >= rule.within


@given(label=restrictions)
def test_completing_twice_changes_nothing_and_leaves_no_permission_unstated(label: Label) -> None:
    whole = complete(label)
    assert complete(whole) == whole
    assert whole.releasable_to
    assert whole.purposes is not None
    assert whole.onward is not None


@given(label=restrictions)
def test_completing_states_nothing_that_the_label_did_not(label: Label) -> None:
    assert dominates(complete(label), label)


@given(a=owned, b=restrictions)
def test_a_complete_label_stays_complete_whatever_is_joined_to_it(a: Label, b: Label) -> None:
    both = join(a, b)
    assert complete(both) == both


@settings(max_examples=200)
@given(label=labels, more=restrictions, party=st.sampled_from(PARTIES))
def test_no_restriction_adds_a_recipient(label: Label, more: Label, party: str) -> None:
    both = join(label, more)
    assert is_listed(both, party, members_of) <= is_listed(label, party, members_of)
    assert may_exclude(both.not_releasable_to, party, members_of) >= may_exclude(
        label.not_releasable_to, party, members_of
    )


@given(label=restrictions, party=st.sampled_from(PARTIES))
def test_a_view_names_nobody_but_its_recipient(label: Label, party: str) -> None:
    view = view_for(label, party, members_of)
    assert view.not_releasable_to == NOBODY
    assert view.releasable_to in ({frozenset({party})}, {NOBODY})
    assert frozenset().union(*view.releasable_to) <= {party}


@given(label=restrictions, party=st.sampled_from(PARTIES))
def test_a_view_tells_nothing_of_an_exclusion_but_that_the_originator_must_be_asked(
    label: Label, party: str
) -> None:
    view = view_for(label, party, members_of)
    stated = label.onward or NO_ONWARD
    assert view.onward is not None
    assert view.onward.none == stated.none
    if not stated.none:
        assert view.onward.within == stated.within
        assert view.onward.consent == (stated.consent or bool(label.not_releasable_to))


@settings(max_examples=200)
@given(
    label=labels,
    more=restrictions,
    holder=st.sampled_from(PARTIES),
    party=st.sampled_from(PARTIES),
    originator=st.sampled_from(PARTIES),
)
def test_what_a_holder_adds_never_lets_anybody_else_in(
    label: Label, more: Label, holder: str, party: str, originator: str
) -> None:
    who = {"sender": holder, "originator": originator}
    before = is_open_to(label, party, members_of, **who)
    assert is_open_to(join(label, more), party, members_of, **who) <= before
    if originator == holder:
        assert before == is_listed(label, party, members_of)
    assert view_for(label, party, members_of, **who).releasable_to in ({frozenset({party})}, {NOBODY})


@given(label=restrictions, party=st.sampled_from(PARTIES), other=st.sampled_from(PARTIES))
def test_a_view_is_never_wider_than_the_label(label: Label, party: str, other: str) -> None:
    view = view_for(label, party, members_of)
    open_to = is_listed(label, other, members_of) and not may_exclude(
        label.not_releasable_to, other, members_of
    )
    assert is_listed(view, other) <= open_to
    assert dominates(view, complete(view))
    for name in (
        "classification",
        "handling",
        "handling_text",
        "topics",
        "compartments",
        "obligations",
        "unmapped",
    ):
        assert getattr(view, name) == getattr(label, name)
    assert (view.tlp, view.expires, view.retention_days) == (label.tlp, label.expires, label.retention_days)


@given(label=restrictions, party=st.sampled_from(PARTIES))
def test_a_view_of_a_view_is_that_view(label: Label, party: str) -> None:
    view = view_for(label, party, members_of)
    assert view_for(view, party) == view
