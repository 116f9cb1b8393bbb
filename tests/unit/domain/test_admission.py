from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.admission import Admission, Admitted, Quarantined, Refused, admit
from simpul.domain.labels import Label, Onward, Tlp, view_for
from simpul.domain.policy import duties
from tests.unit.domain.terms import AGREEMENT, END, LABEL, SECRET, A, B, C

AT = 5_000
VIEW = view_for(LABEL, B)


def taken(*views: Label, **change: Any) -> Admission:
    facts: dict[str, Any] = {
        "sender": A,
        "recipient": B,
        "purpose": "ct",
        "agreement": AGREEMENT,
        "decided_at": AT,
    }
    return admit(views or (VIEW,), **(facts | change))


def clauses(admission: Admission) -> list[str]:
    return [reason.clause for reason in admission.reasons]


def test_what_the_agreement_allowed_when_it_was_decided_is_admitted() -> None:
    assert taken() == Admitted()
    assert taken(VIEW, VIEW) == Admitted()


def test_more_approvals_are_the_senders_affair() -> None:
    assert taken(agreement=replace(AGREEMENT, approvals=3)) == Admitted()


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"purpose": "trade"}, "agreement.purpose"),
        ({"agreement": None}, "agreement.in-force"),
        ({"decided_at": END}, "agreement.in-force"),
        ({"agreement": replace(AGREEMENT, tlp_ceiling=Tlp.CLEAR)}, "agreement.tlp-ceiling"),
        ({"agreement": replace(AGREEMENT, equivalences=())}, "agreement.equivalence"),
    ],
)
def test_what_this_node_reads_otherwise_is_quarantined_with_the_clause(
    change: dict[str, Any], clause: str
) -> None:
    admission = taken(**change)
    assert isinstance(admission, Quarantined)
    assert clause in clauses(admission)


def test_a_classification_that_is_not_mapped_is_quarantined() -> None:
    admission = taken(replace(VIEW, classification=frozenset({SECRET})))
    assert isinstance(admission, Quarantined)
    assert "agreement.classification" in clauses(admission)


def test_one_bad_portion_quarantines_the_whole() -> None:
    admission = taken(VIEW, replace(VIEW, tlp=Tlp.RED))
    assert isinstance(admission, Quarantined)
    assert clauses(admission) == ["agreement.tlp-ceiling"]


def test_what_was_never_meant_for_this_node_is_refused() -> None:
    assert isinstance(taken(view_for(LABEL, C)), Refused)
    assert isinstance(taken(agreement=replace(AGREEMENT, parties=(A, C))), Refused)


def test_without_the_agreement_nothing_is_refused_because_it_may_still_come() -> None:
    assert isinstance(taken(agreement=None, sender=C), Quarantined)


def test_what_its_originator_must_be_asked_for_is_quarantined() -> None:
    passed_on = replace(VIEW, onward=Onward(consent=True))
    admission = taken(passed_on, originator=C)
    assert isinstance(admission, Quarantined)
    assert clauses(admission) == ["label.onward"]


def test_a_label_wider_than_its_author_wrote_is_quarantined() -> None:
    free = replace(VIEW, onward=Onward())
    author = view_for(replace(LABEL, onward=Onward()), C)
    assert taken(free, originator=C, author=author) == Admitted()
    stricter = replace(author, tlp=Tlp.AMBER)
    admission = taken(free, originator=C, author=stricter)
    assert isinstance(admission, Quarantined)
    assert clauses(admission) == ["admission.wider-label"]


def test_a_view_that_names_others_is_quarantined() -> None:
    admission = taken(replace(VIEW, not_releasable_to=frozenset({C})))
    assert clauses(admission) == ["admission.view"]


def test_duties_that_did_not_come_along_are_noticed() -> None:
    owed = duties(VIEW, AGREEMENT)
    assert taken(obligations=owed) == Admitted()
    admission = taken(obligations=owed[1:])
    assert isinstance(admission, Quarantined)
    assert owed[0] in admission.reasons[0].why


def test_what_came_without_any_label_is_quarantined() -> None:
    facts: dict[str, Any] = {"sender": A, "recipient": B, "purpose": "ct", "agreement": AGREEMENT}
    admission = admit((), decided_at=AT, **facts)
    assert isinstance(admission, Quarantined)
    assert clauses(admission) == ["admission.label"]
