"""Acts narrow at once, widen only when all signed, and are derived from what is known, in any order."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.acts import (
    Act,
    AgreementAct,
    KnownAct,
    act_faults,
    course,
    ended,
    halts,
    open_suspensions,
    with_acts,
)
from simpul.domain.agreements import (
    DECIDING,
    MOVES,
    AgreementState,
    Course,
    Move,
    Phase,
    Signed,
    halted,
    how_signed,
    phase,
    state,
)
from tests.unit.domain.terms import AGREEMENT, END, START, A, B

S = AgreementState
TIMES = {Phase.BEFORE: START - 1, Phase.DURING: START, Phase.AFTER: END}
SIGNERS: dict[Signed, tuple[str, ...]] = {Signed.NONE: (), Signed.SOME: (A,), Signed.ALL: (A, B)}
DAY = 86_400 * 1_000_000


def act(kind: Act, party: str = A, *, since: int = START, **changed: Any) -> AgreementAct:
    made = AgreementAct(
        act=kind,
        party=party,
        agreement=AGREEMENT.id,
        version=1,
        terms=b"t" * 32,
        made=since,
        since=since,
        reason="" if kind is Act.RESUME else "why",
    )
    return replace(made, **changed)


def known(made: AgreementAct, name: bytes = b"x", *signed_by: str, at: int = 0) -> KnownAct:
    return KnownAct(act=made, hash=name * 32, signed_by=signed_by or (made.party,), known=at)


# The table of states, whole.


def expected(signed: Signed, when: Phase, done: Course) -> AgreementState:
    """Where an agreement stands, in sentences and not from the table."""
    if signed is not Signed.ALL:
        if done in (Course.WITHDRAWN, Course.DENOUNCED, Course.SUPERSEDED):
            return S.WITHDRAWN
        if when is Phase.AFTER:
            return S.EXPIRED
        return S.DRAFT if signed is Signed.NONE else S.PROPOSED
    final = {Course.SUPERSEDED: S.SUPERSEDED, Course.DENOUNCED: S.DENOUNCED}
    if done in final:
        return final[done]
    if when is not Phase.DURING:
        return S.NOT_YET if when is Phase.BEFORE else S.EXPIRED
    return {Course.SUSPENDED: S.SUSPENDED, Course.NOTICE: S.NOTICE}.get(done, S.IN_FORCE)


@pytest.mark.parametrize(("signed", "when", "done"), list(product(Signed, Phase, Course)))
def test_every_combination_of_signatures_dates_and_acts_has_one_state(
    signed: Signed, when: Phase, done: Course
) -> None:
    at = TIMES[when]
    assert (phase(AGREEMENT, at), how_signed(AGREEMENT, SIGNERS[signed])) == (when, signed)
    assert state(AGREEMENT, signed_by=SIGNERS[signed], now=at, course=done) is expected(signed, when, done)


def test_nothing_decides_that_not_all_signed_or_that_is_not_within_its_dates() -> None:
    deciding = {
        (signed, when, done)
        for signed, when, done in product(Signed, Phase, Course)
        if state(AGREEMENT, signed_by=SIGNERS[signed], now=TIMES[when], course=done) in DECIDING
    }
    open = (Course.UNTOUCHED, Course.NOTICE, Course.WITHDRAWN)
    assert deciding == {(Signed.ALL, Phase.DURING, done) for done in open}


def test_every_state_says_what_may_be_done_in_it() -> None:
    assert set(MOVES) == set(AgreementState)
    for each, moves in MOVES.items():
        signable = each in (S.DRAFT, S.PROPOSED)
        assert (Move.SIGN in moves, Move.DECLINE in moves) == (signable, signable)
        assert not (Move.AMEND in moves and Move.COUNTER in moves)


# What acts do.


def test_a_suspension_holds_from_when_it_is_known_and_never_before_it_says() -> None:
    made = act(Act.SUSPEND, since=2_000)
    assert halts(AGREEMENT, [known(made, at=2_500)]) == ((2_500, None),)
    assert halts(AGREEMENT, [known(made, at=1_500)]) == ((2_000, None),)
    stopped = with_acts(AGREEMENT, [known(made)])
    assert (halted(stopped, 1_999), halted(stopped, 2_000)) == (False, True)


@pytest.mark.parametrize(("signers", "until"), [((A,), None), ((B,), None), ((A, B), 3_000)])
def test_a_resumption_counts_when_all_signed_it(signers: tuple[str, ...], until: int | None) -> None:
    halt = known(act(Act.SUSPEND, since=2_000))
    lifted = known(act(Act.RESUME, since=3_000, lifts=(halt.hash,)), b"y", *signers)
    assert halts(AGREEMENT, [halt, lifted]) == ((2_000, until),)
    assert bool(open_suspensions(AGREEMENT, [halt, lifted])) is (until is None)


def test_a_resumption_ends_only_what_it_names() -> None:
    one, other = known(act(Act.SUSPEND, since=2_000)), known(act(Act.SUSPEND, B, since=2_100), b"y")
    lifted = known(act(Act.RESUME, since=3_000, lifts=(one.hash,)), b"z", A, B)
    assert halts(AGREEMENT, [one, other, lifted]) == ((2_000, 3_000), (2_100, None))


def test_an_act_is_about_the_version_that_it_names_and_those_before_it() -> None:
    made = [known(act(Act.SUSPEND)), known(act(Act.DENOUNCE), b"y")]
    later = replace(AGREEMENT, version=2)
    assert with_acts(later, made) == later
    assert halts(AGREEMENT, [known(act(Act.SUSPEND, version=2))]) == ((START, None),)


def test_a_denunciation_ends_it_and_is_among_the_halts() -> None:
    made = [known(act(Act.DENOUNCE, since=4_000))]
    left = with_acts(AGREEMENT, made)
    assert (left.not_after, left.halts) == (4_000, ((4_000, None),))
    assert course(AGREEMENT, made, at=3_999) is Course.NOTICE
    assert course(AGREEMENT, made, at=4_000) is Course.DENOUNCED
    assert ended(AGREEMENT, [known(act(Act.DENOUNCE, since=END))]) is None


def test_only_who_has_not_signed_can_have_declined() -> None:
    made = [known(act(Act.DECLINE, B))]
    assert course(AGREEMENT, made, at=START, signed_by=(A,)) is Course.WITHDRAWN
    assert course(AGREEMENT, made, at=START, signed_by=(A, B)) is Course.UNTOUCHED


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (act(Act.SUSPEND, agreement="another"), "version"),
        (act(Act.SUSPEND, version=2), "version"),
        (act(Act.SUSPEND, "f" * 50), "party"),
        (act(Act.SUSPEND, made=START + 1), "since"),
        (act(Act.SUSPEND, reason=" "), "reason"),
        (act(Act.SUSPEND, reason="x" * 1_001), "reason"),
        (act(Act.SUSPEND, lifts=(b"x" * 32,)), "lifts"),
        (act(Act.RESUME), "lifts"),
        (act(Act.RESUME, lifts=(b"y" * 32, b"x" * 32)), "lifts"),
        (act(Act.DENOUNCE, since=START + 9 * DAY, made=START), "notice_days"),
    ],
)
def test_an_act_that_is_not_fit_is_named_by_its_fault(made: AgreementAct, said: str) -> None:
    terms = replace(AGREEMENT, notice_days=10)
    assert [fault.partition(":")[0] for fault in act_faults(made, terms)] == [said]


@pytest.mark.parametrize(
    "made",
    [
        act(Act.SUSPEND),
        act(Act.RESUME, lifts=(b"x" * 32,)),
        act(Act.DECLINE),
        act(Act.DENOUNCE, since=START + 10 * DAY, made=START),
    ],
)
def test_a_fit_act_has_no_fault(made: AgreementAct) -> None:
    assert act_faults(made, replace(AGREEMENT, notice_days=10)) == []


one_sided = st.builds(
    lambda kind, party, since, at: known(act(kind, party, since=since), at=at),
    st.sampled_from([Act.SUSPEND, Act.DENOUNCE, Act.DECLINE]),
    st.sampled_from([A, B]),
    st.integers(START, END),
    st.integers(START, END),
)
alone = st.builds(
    lambda party, since: known(act(Act.RESUME, party, since=since, lifts=(b"x" * 32,)), b"y"),
    st.sampled_from([A, B]),
    st.integers(START, END),
)


@settings(max_examples=150)
@given(
    acts=st.lists(one_sided | alone, max_size=4),
    more=one_sided | alone,
    at=st.integers(START, END - 1),
)
def test_an_act_by_one_side_never_widens(acts: list[KnownAct], more: KnownAct, at: int) -> None:
    def decides(known: list[KnownAct]) -> bool:
        done = course(AGREEMENT, known, at=at, signed_by=(A, B))
        terms = with_acts(AGREEMENT, known)
        open = state(AGREEMENT, signed_by=(A, B), now=at, course=done) in DECIDING
        assert open == (phase(terms, at) is Phase.DURING and not halted(terms, at))
        return open

    assert decides([*acts, more]) <= decides(acts)
    assert decides([more, *acts]) == decides([*acts, more])
