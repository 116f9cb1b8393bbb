"""Classification: what a level is called elsewhere is a dated row, never a rank; what contradicts itself is refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from simpul.domain.agreements import Equivalence, check, faults, handle_as
from simpul.domain.labels import Classification, complete
from simpul.domain.policy import Outcome, decide
from simpul.domain.schemes import (
    ROWS_LIMIT,
    FormerName,
    Level,
    Scheme,
    is_above,
    level_of,
    loops,
    scheme_faults,
    unknown_levels,
)
from simpul.errors import InputFault
from tests.unit.domain.terms import AGREEMENT, LABEL, A, B

RENAMED = 4_000
ARUNIKA = Scheme(
    id="XA",
    name="Arunika",
    levels=(
        Level(name="TERBATAS"),
        Level(name="RAHASIA", former=(FormerName(name="SULIT", until=RENAMED),)),
        Level(name="SANGAT RAHASIA"),
    ),
)
BOREALIA = Scheme(
    id="XB", name="Borealia", levels=(Level(name="RESTRICTED", classified=False), Level(name="SECRET"))
)


def level(text: str) -> Classification:
    scheme, _, name = text.partition(" ")
    return Classification(scheme, name)


def row(
    given: str, becomes: str, since: int | None = None, until: int | None = None, footnote: str = ""
) -> Equivalence:
    return Equivalence(
        given=level(given),
        becomes=level(becomes),
        handle_as=level(becomes).level,
        since=since,
        until=until,
        footnote=footnote,
    )


def outcome(text: str, *rows: Equivalence, at: int = 2_000) -> tuple[Outcome, str]:
    """What becomes of an object of that level under an agreement with these rows, which names every level."""
    levels = frozenset({row.given for row in rows} | {level(text)})
    terms = replace(AGREEMENT, levels=levels, equivalences=rows)
    marked = complete(replace(LABEL, classification=frozenset({level(text)}), compartments=frozenset()))
    found = decide(marked, sender=A, recipient=B, purpose="ct", agreement=terms, at=at)
    return found.outcome, found.clause


# The quirks of real tables (fictional nations).

MISSING = (
    row("XA TERBATAS", "XB SECRET", footnote="Borealia has no level below SECRET and handles it as that."),
    row("XA RAHASIA", "XB SECRET"),
    row("XB SECRET", "XA RAHASIA"),
)


def test_a_level_that_the_recipient_lacks_is_handled_as_the_one_that_a_footnote_names() -> None:
    terms = replace(AGREEMENT, levels=frozenset(r.given for r in MISSING), equivalences=MISSING)
    check(terms)
    assert outcome("XA TERBATAS", *MISSING) == (Outcome.PERMIT, "agreement")
    assert handle_as(terms, level("XA TERBATAS"), 2_000) == ["SECRET"]


def test_without_the_footnote_the_same_table_contradicts_itself() -> None:
    silent = (replace(MISSING[0], footnote=""), *MISSING[1:])
    terms = replace(AGREEMENT, levels=frozenset(r.given for r in silent), equivalences=silent)
    with pytest.raises(
        InputFault, match=r"equivalence\[2\]: XA TERBATAS becomes XB SECRET, and that becomes XA RAHASIA"
    ):
        check(terms)


def test_a_renamed_level_maps_under_both_names_each_in_its_time_and_old_documents_still_map() -> None:
    rows = (
        row("XA SULIT", "XB SECRET", footnote="Renamed RAHASIA; documents marked before keep the old name."),
        row("XA RAHASIA", "XB SECRET", since=RENAMED),
    )
    assert outcome("XA SULIT", *rows, at=RENAMED + 1) == (Outcome.PERMIT, "agreement")
    assert outcome("XA RAHASIA", *rows, at=RENAMED) == (Outcome.PERMIT, "agreement")
    assert outcome("XA RAHASIA", *rows, at=RENAMED - 1) == (Outcome.DENY, "agreement.equivalence")


def test_a_level_that_is_protected_and_not_classified_maps_like_any_other() -> None:
    protected = level_of(BOREALIA, "RESTRICTED")
    assert protected is not None
    assert not protected.classified
    assert outcome("XA TERBATAS", row("XA TERBATAS", "XB RESTRICTED")) == (Outcome.PERMIT, "agreement")


def test_what_has_no_row_is_refused_however_low_it_is() -> None:
    assert outcome("XA TERBATAS", row("XA RAHASIA", "XB SECRET")) == (Outcome.DENY, "agreement.equivalence")
    assert outcome("XQ ANYTHING", row("XA RAHASIA", "XB SECRET")) == (Outcome.DENY, "agreement.equivalence")


# Schemes.


def test_a_former_name_means_its_level_in_its_time() -> None:
    assert level_of(ARUNIKA, "SULIT") == level_of(ARUNIKA, "SULIT", RENAMED - 1) == ARUNIKA.levels[1]
    assert level_of(ARUNIKA, "SULIT", RENAMED) is None
    assert level_of(ARUNIKA, "rahasia") is None


def test_the_order_holds_inside_one_scheme_and_says_nothing_of_what_it_does_not_know() -> None:
    assert is_above(ARUNIKA, "RAHASIA", "TERBATAS") is True
    assert is_above(ARUNIKA, "SULIT", "SANGAT RAHASIA") is False
    assert is_above(ARUNIKA, "SECRET", "TERBATAS") is None


def test_every_fault_of_a_scheme_is_told() -> None:
    twice = Scheme(
        id="XA", name="", levels=(Level(name="A", former=(FormerName(name="B"),)), Level(name="B"))
    )
    assert scheme_faults([ARUNIKA, BOREALIA]) == []
    assert scheme_faults([ARUNIKA, twice, Scheme(id="XC", name="", levels=())]) == [
        "schemes[1].id: XA is stated twice",
        "schemes[1].levels: 'B' means two levels at one time",
        "schemes[2].levels: none is stated",
    ]


def test_an_unknown_scheme_and_an_unknown_level_are_named_by_their_place() -> None:
    levels = [("a", level("XA SULIT")), ("b", level("XA SECRET")), ("c", level("XQ SECRET"))]
    assert unknown_levels(levels, [ARUNIKA]) == [
        "b: XA has no level 'SECRET'",
        "c: 'XQ' is not a scheme that is stated",
    ]


# Cycles.


def test_there_and_back_to_the_same_level_is_no_contradiction() -> None:
    assert list(loops([row("XA RAHASIA", "XB SECRET"), row("XB SECRET", "XA RAHASIA")])) == []


def test_rows_that_never_hold_at_one_moment_do_not_contradict_each_other() -> None:
    assert list(loops([row("XA X", "XB Y", until=5), row("XB Y", "XA Z", since=5)])) == []
    assert list(loops([row("XA X", "XB Y", until=6), row("XB Y", "XA Z", since=5)])) != []
    going = [
        row("XA X", "XB Y", until=5),
        row("XB Y", "XC W"),
        row("XC W", "XA Z", since=5),
        row("XA Z", "XA X"),
    ]
    assert list(loops(going)) == []


@pytest.mark.parametrize("footnote", ["", "Whatever the footnote says."])
def test_a_cycle_through_two_levels_of_one_scheme_is_refused_also_over_a_third(footnote: str) -> None:
    rows = [
        row("XA X", "XB Y", footnote=footnote),
        row("XB Y", "XC W", footnote=footnote),
        row("XC W", "XA Z", footnote=footnote),
        row("XA Z", "XB V", footnote=footnote),
        row("XB V", "XA X", footnote=footnote),
    ]
    assert "equivalence[4]: closes a cycle in which XA X becomes XA Z and back" in list(loops(rows))
    assert [each for each in loops(rows[:-1]) if "cycle" in each] == []


def test_an_agreement_with_a_cycle_cannot_be_signed() -> None:
    rows = (row("XA X", "XB Y"), row("XB Y", "XA Z"))
    terms = replace(AGREEMENT, levels=frozenset(r.given for r in rows), equivalences=rows)
    assert faults(terms) == ["equivalence[1]: XA X becomes XB Y, and that becomes XA Z"]


def test_a_table_too_long_to_be_checked_is_refused_as_it_is() -> None:
    rows = [row(f"XA {index}", f"XB {index}") for index in range(ROWS_LIMIT + 1)]
    assert list(loops(rows)) == [f"equivalence: more than {ROWS_LIMIT} rows"]
