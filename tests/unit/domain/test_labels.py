from __future__ import annotations

import pytest
from msgspec.structs import replace

from simpul.domain.labels import (
    NEUTRAL,
    NOBODY,
    Label,
    Onward,
    Tlp,
    complete,
    describe,
    dominates,
    is_listed,
    join,
    lists_party,
    may_exclude,
    parse_tlp,
    view_for,
)
from simpul.domain.parties import is_fingerprint
from simpul.errors import InputFault
from tests.unit.domain.terms import LABEL, RAHASIA, SECRET, A, B, C


@pytest.mark.parametrize(
    ("text", "tlp"),
    [
        ("clear", Tlp.CLEAR),
        ("TLP:GREEN", Tlp.GREEN),
        ("tlp: amber", Tlp.AMBER),
        ("Amber+Strict", Tlp.AMBER_STRICT),
        ("TLP:AMBER-STRICT", Tlp.AMBER_STRICT),
        ("RED", Tlp.RED),
        ("white", Tlp.CLEAR),
    ],
)
def test_a_tlp_is_read_in_the_forms_that_people_write(text: str, tlp: Tlp) -> None:
    assert parse_tlp(text) is tlp


@pytest.mark.parametrize("text", ["", "blue", "amber strict plus", "TLP", "tlp:tlp:red"])
def test_an_unknown_tlp_is_refused_with_the_levels_that_there_are(text: str) -> None:
    with pytest.raises(InputFault) as caught:
        parse_tlp(text)
    assert "amber+strict" in str(caught.value.do)


def test_every_tlp_word_reads_back() -> None:
    assert [parse_tlp(tlp.word) for tlp in Tlp] == list(Tlp)


def test_two_levels_of_one_scheme_both_stay_because_both_must_be_met() -> None:
    low = replace(RAHASIA, level="TERBATAS")
    both = join(Label(classification=frozenset({RAHASIA})), Label(classification=frozenset({low, SECRET})))
    assert both.classification == {RAHASIA, low, SECRET}


def test_being_in_one_list_does_not_help_when_another_list_was_joined() -> None:
    both = join(
        Label(releasable_to=frozenset({frozenset({B, C})})),
        Label(releasable_to=frozenset({frozenset({A, C})})),
    )
    assert [is_listed(both, party) for party in (A, B, C)] == [False, False, True]


def test_a_label_without_any_list_lists_nobody() -> None:
    assert not is_listed(NEUTRAL, B)


def test_an_owner_who_states_nothing_permits_nothing() -> None:
    whole = complete(Label(tlp=Tlp.CLEAR))
    assert whole.releasable_to == {NOBODY}
    assert whole.purposes == NOBODY
    assert whole.onward == Onward(none=True)


def test_an_unmarked_label_lists_nobody_even_if_it_names_recipients() -> None:
    whole = complete(Label(releasable_to=frozenset({frozenset({B})})))
    assert not is_listed(whole, B)
    assert not is_listed(join(whole, Label(tlp=Tlp.CLEAR)), B)


def test_a_view_hides_who_else_gets_it_and_who_must_not() -> None:
    label = replace(LABEL, not_releasable_to=frozenset({A}))
    assert view_for(label, B) == replace(LABEL, releasable_to=frozenset({frozenset({B})}))


def test_the_view_of_an_excluded_recipient_is_closed() -> None:
    view = view_for(replace(LABEL, not_releasable_to=frozenset({B})), B)
    assert view.releasable_to == {NOBODY}


def test_a_view_states_onward_none_where_the_label_states_nothing() -> None:
    assert view_for(replace(LABEL, onward=None), B).onward == Onward(none=True)


def test_a_view_does_not_tell_the_circles_of_a_rule_that_forbids_anyway() -> None:
    label = replace(LABEL, onward=Onward(none=True, within=frozenset({"pact"})))
    assert view_for(label, B).onward == Onward(none=True)


def test_an_unknown_circle_contains_nobody_and_may_exclude_anybody() -> None:
    names = frozenset({"unheard-of"})
    assert not lists_party(names, B)
    assert may_exclude(names, B)


def test_an_exclusion_of_another_party_excludes_nobody_else() -> None:
    assert not may_exclude(frozenset({C}), B)
    assert may_exclude(frozenset({B}), B)


def test_a_known_circle_is_its_members() -> None:
    circles = {"pact": frozenset({A, B})}
    assert lists_party(frozenset({"pact"}), B, circles.get)
    assert not lists_party(frozenset({"pact"}), C, circles.get)
    assert not may_exclude(frozenset({"pact"}), C, circles.get)


def test_a_fingerprint_is_fifty_lower_case_hex_digits() -> None:
    assert is_fingerprint(A)
    assert not any(map(is_fingerprint, ("pact", "A" * 50, "a" * 49, "g" * 50)))


def test_dominance_is_being_as_strict_in_every_respect() -> None:
    assert dominates(replace(LABEL, tlp=Tlp.RED), LABEL)
    assert not dominates(LABEL, replace(LABEL, tlp=Tlp.RED))
    assert not dominates(replace(LABEL, tlp=Tlp.RED, topics=frozenset()), LABEL)


def test_a_label_is_described_in_one_line_with_names() -> None:
    names = {B: "Borealia", C: "Cendara"}
    assert describe(LABEL, name_of=names.__getitem__, date_of=lambda at: f"t{at}") == (
        "TLP:GREEN; XA RAHASIA; H1; to Borealia, Cendara; purposes ct; topics cyber; compartments K; onward none; "
        "until t8000; kept 30 days at most; attribute: Arunika"
    )


def test_what_is_closed_is_said_in_words() -> None:
    assert describe(NEUTRAL) == "says nothing"
    said = describe(complete(Label(not_releasable_to=frozenset({C}), unmapped=frozenset({"m--1"}))))
    assert said == f"to nobody; not to {C}; no purpose; onward none; unreadable markings m--1"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Onward(), "free"),
        (Onward(none=True, consent=True), "none"),
        (Onward(consent=True, within=frozenset({"b", "a"})), "consent, within a, within b"),
    ],
)
def test_an_onward_rule_has_words(rule: Onward, words: str) -> None:
    assert rule.words == words
