"""Charters and circles by themselves: what may be signed, what follows what, and who is in."""

from __future__ import annotations

from itertools import combinations

import pytest
from msgspec.structs import replace

from simpul.domain.circles import (
    DEPTH,
    Charter,
    Circle,
    CircleState,
    MemberCircle,
    Place,
    as_agreement,
    check,
    faults,
    follows,
    is_circle_name,
    makes_ring,
    members,
    needed,
    state,
    still_out,
    with_inner,
)
from simpul.errors import InputFault
from tests.unit.domain.charters import HASH, A, B, C, D, E, charter, inner


def known(*charters: Charter, left: frozenset[str] = frozenset()) -> dict[str, Circle]:
    return {each.id: Circle(charter=each, hash=HASH, left=left) for each in charters}


def test_a_fit_charter_has_no_faults() -> None:
    assert faults(charter(A, B, C, circles=inner("inside"), within=("outside",))) == []
    check(charter(A, B))


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        (charter(A, B, C, threshold=1), "threshold"),
        (charter(A, B, C, threshold=4), "threshold"),
        (charter(A, B, name="Ring"), "id"),
        (charter(A, B, name="f" * 50), "id"),
        (replace(charter(A, B), convener=C), "convener"),
        (charter(A, B, circles=inner("ring")), "circles"),
        (charter(A, B, circles=inner("b", "a")), "circles"),
        (charter(A, B, circles=inner("x y")), "circles"),
        (charter(A, B, circles=(MemberCircle(name="in", charter=b""),)), "circles"),
        (charter(A, B, circles=inner("both"), within=("both",)), "circles"),
        (charter(A, B, circles=inner(*(f"c{n:02}" for n in range(33)))), "circles"),
        (charter(A, B, within=("ring",)), "within"),
        (charter(A, B, left=(C,)), "previous"),
        (charter(A, B, dissolved=True), "previous"),
        (replace(charter(A, B, epoch=2), previous=b""), "previous"),
        (charter(A, B, epoch=2, left=(C, B)), "left"),
        (charter(*(f"{n:050x}" for n in range(129))), "parties"),
        (charter(B, A), "parties"),
    ],
)
def test_what_nobody_should_sign_names_its_fault(bad: Charter, path: str) -> None:
    assert path in {fault.partition(":")[0] for fault in faults(bad)}
    with pytest.raises(InputFault, match="cannot be signed"):
        check(bad)


def test_names_of_circles_are_words_and_never_fingerprints() -> None:
    assert is_circle_name("coastal-ring-2")
    assert not any(map(is_circle_name, ("", "a", "-ring", "Ring", "two words", "a" * 64, A)))


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_the_threshold_of_the_epoch_before_must_sign_and_not_one_less(size: int) -> None:
    everybody = (A, B, C, D, E)[:size]
    before = charter(*everybody)
    after = replace(charter(*everybody, epoch=2), threshold=size)
    for count in range(size + 1):
        for signed in combinations(everybody, count):
            assert (not follows(before, HASH, after, signed)) == (count >= before.threshold)


def test_whoever_joins_must_sign_too_and_does_not_count_towards_the_threshold() -> None:
    before, after = charter(A, B, C), charter(A, B, C, D, epoch=2)
    assert follows(before, HASH, after, {A, B, D}) == []
    assert "join" in follows(before, HASH, after, {A, B})[0]
    assert "more of the members" in follows(before, HASH, after, {A, D})[0]


def test_whoever_is_removed_cannot_prevent_it_and_a_minority_cannot_remove_the_rest() -> None:
    everybody = charter(A, B, C, threshold=3)
    assert follows(everybody, HASH, charter(A, B, epoch=2), {A, B}) == []
    assert follows(everybody, HASH, charter(A, B, epoch=2), {A}) != []
    assert follows(charter(A, B, C, D, E), HASH, charter(A, B, epoch=2), {A, B}) != []
    assert needed(charter(A, B), charter(A, C, epoch=2)) == 1


def test_a_charter_follows_only_the_one_it_names_at_the_next_epoch() -> None:
    before, signed = charter(A, B), {A, B}
    assert follows(before, HASH, charter(A, B, epoch=2), signed) == []
    assert follows(before, HASH, charter(A, B, epoch=3), signed) != []
    assert follows(before, bytes(32), charter(A, B, epoch=2), signed) != []
    assert follows(before, HASH, charter(A, B, name="other", epoch=2), signed) != []
    ended = charter(A, B, epoch=2, dissolved=True)
    assert follows(before, HASH, ended, signed) == []
    assert follows(ended, HASH, charter(A, B, epoch=3), signed) != []


def test_a_leave_counts_as_an_epoch_and_its_party_is_no_voter_and_joins_anew() -> None:
    before = charter(A, B, C)
    after = charter(A, B, C, epoch=3, left=(C,))
    assert follows(before, HASH, after, {A, B, C}) == []
    assert "join" in follows(before, HASH, after, {A, B})[0]
    assert follows(before, HASH, charter(A, B, epoch=2, left=(C,)), {A, B}) != []
    assert follows(before, HASH, charter(A, B, epoch=3, left=(D,)), {A, B}) != []
    assert Circle(charter=before, hash=HASH, left=frozenset({C})).epoch == 2


def test_a_leave_holds_until_a_charter_takes_note_of_it() -> None:
    first, unaware = charter(A, B, C), charter(A, B, C, epoch=2)
    aware = charter(A, B, C, epoch=3, left=(C,))
    assert still_out(first, {C: 1}, [first]) == {C}
    assert still_out(unaware, {C: 1}, [first, unaware]) == {C}
    assert still_out(aware, {C: 1}, [first, aware]) == frozenset()
    assert still_out(aware, {C: 3}, [first, aware]) == {C}
    assert still_out(first, {D: 1}, [first]) == frozenset()


def test_members_of_member_circles_are_members_where_their_own_charter_consents() -> None:
    outer = charter(A, B, name="outer", circles=inner("inside"))
    consenting = charter(C, D, name="inside", within=("outer",))
    assert members("outer", known(outer, consenting)) == frozenset({A, B, C, D})
    assert members("outer", known(outer, charter(C, D, name="inside"))) == frozenset({A, B})
    assert members("inside", known(outer, consenting)) == frozenset({C, D})


def test_what_is_not_known_closes() -> None:
    outer = charter(A, B, name="outer", circles=inner("inside"))
    assert members("outer", known()) is None
    assert members("outer", known(outer)) is None
    ended = charter(C, D, name="inside", epoch=2, within=("outer",), dissolved=True)
    assert members("outer", known(outer, ended)) is None
    assert members("inside", known(ended)) is None


def test_circles_in_a_ring_or_too_deep_have_no_members() -> None:
    one = charter(A, B, name="one", circles=inner("two"), within=("three",))
    two = charter(A, B, name="two", circles=inner("three"), within=("one",))
    three = charter(A, B, name="three", circles=inner("one"), within=("two",))
    assert members("one", known(one, two, three)) is None
    assert makes_ring(three, known(one, two))
    assert not makes_ring(replace(three, circles=()), known(one, two))
    deep = [
        charter(A, B, name=f"c{n}", circles=inner(f"c{n + 1}"), within=(f"c{n - 1}",) if n else ())
        for n in range(DEPTH)
    ]
    last = charter(A, B, name=f"c{DEPTH}", within=(f"c{DEPTH - 1}",))
    assert members("c0", known(*deep, last)) is None
    assert members("c1", known(*deep, last)) == frozenset({A, B})
    assert with_inner(["c6", "c7"], known(*deep, last)) == {"c6", "c7", "c8"}


def test_whoever_left_is_no_member() -> None:
    assert members("ring", known(charter(A, B, C), left=frozenset({C}))) == frozenset({A, B})


def test_every_place_has_a_state() -> None:
    flags = [(ended, out) for ended in (False, True) for out in (False, True)]
    assert {state(Place.AHEAD, dissolved=e, left=o) for e, o in flags} == {CircleState.PROPOSED}
    assert {state(Place.BEHIND, dissolved=e, left=o) for e, o in flags} == {CircleState.SUPERSEDED}
    assert [state(Place.NEWEST, dissolved=e, left=o).value for e, o in flags] == [
        "in-force",
        "left",
        "dissolved",
        "left",
    ]


def test_an_epoch_that_is_over_ends_its_terms_and_never_lengthens_them() -> None:
    assert as_agreement(charter(A, B), [C, A]).parties == (A, C)
    assert as_agreement(charter(A, B), [A], not_after=50).not_after == 50
    assert as_agreement(charter(A, B), [A], not_after=500).not_after == 100
