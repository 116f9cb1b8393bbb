"""Two texts of an agreement differ clause by clause, in the words of the file."""

from __future__ import annotations

from msgspec.structs import replace

from simpul.domain.agreements import Reservation
from simpul.domain.labels import Tlp
from simpul.formats.term_changes import Change, changes
from tests.unit.domain.terms import AGREEMENT, RAHASIA, A

ROW = AGREEMENT.equivalences[0]


def test_the_same_terms_differ_in_nothing_but_their_number() -> None:
    assert changes(AGREEMENT, AGREEMENT) == []
    assert changes(AGREEMENT, replace(AGREEMENT, version=2, replaces=bytes(32))) == []


def test_a_clause_is_named_with_what_it_was_and_what_it_is() -> None:
    after = replace(AGREEMENT, tlp_ceiling=Tlp.RED, retention_days=None, not_after=0)
    assert changes(AGREEMENT, after) == [
        Change(clause="tlp_ceiling", before="amber", after="red"),
        Change(clause="retention_days", before=365, after=None),
        Change(clause="not_after", before="1970-01-01T00:00:00.009000Z", after="1970-01-01T00:00:00Z"),
    ]


def test_a_row_is_one_clause_by_its_level_and_the_scheme_it_leads_to() -> None:
    (changed,) = changes(AGREEMENT, replace(AGREEMENT, equivalences=(replace(ROW, footnote="new"),)))
    assert changed.clause == "equivalence XA RAHASIA to XB"
    assert (changed.before.get("footnote"), changed.after["footnote"]) == (None, "new")
    (gone,) = changes(AGREEMENT, replace(AGREEMENT, equivalences=()))
    assert gone.after is None
    later = replace(ROW, since=7_000, until=None)
    (added,) = changes(AGREEMENT, replace(AGREEMENT, equivalences=(ROW, later)))
    assert (added.clause, added.before) == ("equivalence XA RAHASIA to XB (2)", None)


def test_a_reservation_is_one_clause_by_its_party_and_what_it_is_about() -> None:
    made = Reservation(party=A, clause="levels", levels=frozenset({RAHASIA}), text="for now")
    (added,) = changes(AGREEMENT, replace(AGREEMENT, reservations=(made,)), name_of=lambda _: "Arunika")
    assert added == Change(
        clause="reservation Arunika levels",
        before=None,
        after={"party": "Arunika", "clause": "levels", "levels": {"XA": ["RAHASIA"]}, "text": "for now"},
    )
