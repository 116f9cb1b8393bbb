from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.agreements import (
    AgreementState,
    Course,
    Equivalence,
    Phase,
    Reservation,
    check,
    covers,
    faults,
    handle_as,
    phase,
    rows_for,
    state,
)
from simpul.domain.labels import Classification, Tlp
from simpul.errors import InputFault
from tests.unit.domain.terms import AGREEMENT, END, RAHASIA, SECRET, START, A, B, C

ROW = AGREEMENT.equivalences[0]


def test_fit_terms_have_no_fault() -> None:
    assert faults(AGREEMENT) == []
    check(AGREEMENT)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": " "}, "id: is empty"),
        ({"parties": (A,)}, "parties: at least two different parties are needed"),
        ({"parties": (A, A, B)}, "parties: one is named twice"),
        ({"parties": (B, A)}, "parties: are not sorted"),
        ({"parties": (A, "pact")}, "parties: 'pact' is not a fingerprint"),
        ({"version": 0}, "version: counts from 1"),
        ({"not_after": START}, "not_after: is not later than not_before"),
        ({"approvals": 0}, "approvals: at least 1 beyond the drafter"),
        ({"retention_days": 0}, "retention_days: is not between 1 and 36500"),
        ({"suite": 3}, "suite: 3 is not one of 1, 2"),
        ({"purposes": frozenset()}, "purposes: none is named, so nothing could ever be released"),
        ({"equivalences": ()}, "levels: XA RAHASIA has no row in the equivalence table"),
        ({"equivalences": (replace(ROW, handle_as=" "),)}, "equivalence[0].handle_as: is empty"),
        ({"equivalences": (replace(ROW, since=7_000),)}, "equivalence[0].until: is not later than since"),
        (
            {"equivalences": (ROW, replace(ROW, since=6_999, until=None, handle_as="TOP"))},
            "equivalence[1]: is valid at the same time as equivalence[0] for the same level",
        ),
    ],
)
def test_unfit_terms_are_named(change: dict[str, Any], said: str) -> None:
    assert said in faults(replace(AGREEMENT, **change))


KEPT = Reservation(party=A, clause="topics", topics=frozenset({"nuclear"}))
ROWLESS = Classification("XA", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run_off": "burn"}, "run_off: 'burn' is not keep or return-or-destroy"),
        (
            {"run_off": "return-or-destroy"},
            "run_off_days: return-or-destroy needs the days that it may take, and nothing else has any",
        ),
        (
            {"run_off_days": 5},
            "run_off_days: return-or-destroy needs the days that it may take, and nothing else has any",
        ),
        (
            {"run_off": "return-or-destroy", "run_off_days": 40_000},
            "run_off_days: is not between 0 and 36500",
        ),
        ({"notice_days": 3_651}, "notice_days: is not between 0 and 3650"),
        (
            {"equivalences": (replace(ROW, becomes=ROWLESS),)},
            "equivalence[0].becomes: names no scheme or no level",
        ),
        (
            {"reservations": (replace(KEPT, party=C),)},
            f"reservation[0].party: '{C}' is not a party to the agreement",
        ),
        ({"reservations": (Reservation(party=A, text="no"),)}, "reservation[0]: narrows nothing"),
        (
            {"reservations": (replace(KEPT, clause="approvals"),)},
            "reservation[0].clause: 'approvals' is not one of purposes, topics, levels, tlp_ceiling",
        ),
        (
            {"reservations": (replace(KEPT, clause="levels"),)},
            "reservation[0].clause: it is about levels and yet narrows topics",
        ),
        (
            {"reservations": (KEPT, replace(KEPT, topics=frozenset({"finance"})))},
            "reservation[1].topics: 'finance' is not among the agreement's topics",
        ),
        (
            {"reservations": (Reservation(party=A, levels=frozenset({SECRET})),)},
            "reservation[0].levels: 'XB SECRET' is not among the agreement's levels",
        ),
        (
            {"reservations": (Reservation(party=A, tlp_ceiling=Tlp.AMBER),)},
            "reservation[0].tlp_ceiling: is not below the agreement's",
        ),
        (
            {
                "reservations": (
                    Reservation(party=A, purposes=frozenset({"ct"})),
                    Reservation(party=A, purposes=frozenset({"cp"})),
                )
            },
            f"reservation: those of '{A}' leave no purpose, so nothing could ever be released to it",
        ),
    ],
)
def test_clauses_that_contradict_each_other_are_named(change: dict[str, Any], said: str) -> None:
    assert said in faults(replace(AGREEMENT, **change))


def test_reservations_that_leave_something_are_fit() -> None:
    reserved = (
        KEPT,
        Reservation(party=A, purposes=frozenset({"ct"})),
        Reservation(party=B, purposes=frozenset({"cp"}), tlp_ceiling=Tlp.GREEN),
        Reservation(party=B, levels=frozenset({RAHASIA})),
    )
    fit = replace(
        AGREEMENT, reservations=reserved, run_off="return-or-destroy", run_off_days=30, notice_days=90
    )
    assert faults(fit) == []


def test_a_level_that_leads_back_to_another_of_its_own_scheme_is_a_contradiction() -> None:
    back = Equivalence(given=SECRET, becomes=Classification("XA", "TERBATAS"), handle_as="TERBATAS")
    assert any("equivalence[1]" in fault for fault in faults(replace(AGREEMENT, equivalences=(ROW, back))))


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(InputFault) as caught:
        check(replace(AGREEMENT, version=0, approvals=0, parties=(A,)))
    for word in ("version", "approvals", "parties"):
        assert word in caught.value.message
    assert caught.value.where == "parties"


def test_a_renamed_level_has_two_rows_that_follow_each_other() -> None:
    later = replace(ROW, since=7_000, until=None, handle_as="CONFIDENTIAL")
    renamed = replace(AGREEMENT, equivalences=(ROW, later))
    assert faults(renamed) == []
    assert handle_as(renamed, RAHASIA, 6_999) == ["SECRET"]
    assert handle_as(renamed, RAHASIA, 7_000) == ["CONFIDENTIAL"]


def test_one_level_may_be_called_differently_by_two_other_parties() -> None:
    third = Equivalence(given=RAHASIA, becomes=replace(SECRET, scheme="XC"), handle_as="GEHEIM")
    both = replace(AGREEMENT, equivalences=(ROW, third), parties=(A, B, C))
    assert faults(both) == []
    assert handle_as(both, RAHASIA, START) == ["GEHEIM", "SECRET"]
    assert handle_as(both, RAHASIA, START, scheme="XC") == ["GEHEIM"]


def test_a_level_without_a_row_has_none_at_any_time() -> None:
    assert rows_for(AGREEMENT, SECRET, START) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [(START - 1, Phase.BEFORE), (START, Phase.DURING), (END - 1, Phase.DURING), (END, Phase.AFTER)],
)
def test_validity_includes_its_beginning_and_not_its_end(at: int, expected: Phase) -> None:
    assert phase(AGREEMENT, at) is expected


@pytest.mark.parametrize(
    ("signed_by", "now", "expected"),
    [
        ((), START, AgreementState.DRAFT),
        ((A,), START, AgreementState.PROPOSED),
        ((A,), START - 1, AgreementState.PROPOSED),
        ((A, C), START, AgreementState.PROPOSED),
        ((A,), END, AgreementState.EXPIRED),
        ((A, B), START - 1, AgreementState.NOT_YET),
        ((A, B), START, AgreementState.IN_FORCE),
        ((A, B, C), END - 1, AgreementState.IN_FORCE),
        ((A, B), END, AgreementState.EXPIRED),
    ],
)
def test_an_agreement_stands_where_its_signatures_and_dates_say(
    signed_by: tuple[str, ...], now: int, expected: AgreementState
) -> None:
    assert state(AGREEMENT, signed_by=signed_by, now=now) is expected


def test_a_superseded_agreement_is_never_in_force() -> None:
    assert (
        state(AGREEMENT, signed_by=(A, B), now=START, course=Course.SUPERSEDED) is AgreementState.SUPERSEDED
    )


def test_an_agreement_covers_its_own_parties_and_nobody_with_itself() -> None:
    assert covers(AGREEMENT, A, B)
    assert not covers(AGREEMENT, A, C)
    assert not covers(AGREEMENT, A, A)
