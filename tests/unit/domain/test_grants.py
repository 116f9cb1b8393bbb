"""Consent holds for exactly what was asked, between exactly these parties, and only so long."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain import grants
from simpul.domain.grants import MOVES, ConsentState, Grant, Leaves, flaw, is_within, narrowing
from simpul.domain.labels import Label, Onward, join

A, B, C, D = ("a" * 50, "b" * 50, "c" * 50, "d" * 50)
ROOT, OTHER = b"r" * 32, b"o" * 32
GRANT = Grant(
    request=bytes(32),
    originator=A,
    grantee=B,
    beneficiary=C,
    leaves=(Leaves(root=ROOT, positions=(1, 3)),),
    rendition=b"",
    purpose="cyber-defence",
    obligations=("tell nobody",),
    onward=Onward(none=True),
    agreement=bytes(32),
    not_after=100,
    repeated=False,
    at=10,
)
USE: dict[str, Any] = {
    "originator": A,
    "grantee": B,
    "beneficiary": C,
    "purpose": "cyber-defence",
    "at": 50,
}


def test_a_grant_holds_for_what_it_says() -> None:
    assert flaw(GRANT, **USE) is None
    assert flaw(GRANT, **USE, leaf=(ROOT, 3)) is None


@pytest.mark.parametrize(
    ("use", "clause"),
    [
        ({"originator": D}, grants.PARTIES),
        ({"grantee": D}, grants.PARTIES),
        ({"beneficiary": D}, grants.PARTIES),
        ({"purpose": "espionage"}, grants.PURPOSE),
        ({"at": 100}, grants.EXPIRED),
        ({"leaf": (ROOT, 2)}, grants.LEAVES),
        ({"leaf": (OTHER, 1), "purpose": "espionage"}, grants.LEAVES),
        ({"leaf": (OTHER, 1), "beneficiary": D}, grants.PARTIES),
    ],
)
def test_a_grant_holds_for_nothing_else(use: dict[str, Any], clause: str) -> None:
    assert flaw(GRANT, **(USE | use)) == clause
    assert clause in grants.FLAWS


def test_a_grant_covers_its_own_leaves_alone() -> None:
    assert [p for p in range(6) if GRANT.covers(ROOT, p)] == [1, 3]
    assert not GRANT.covers(OTHER, 1)


@pytest.mark.parametrize(
    ("some", "within"),
    [
        ((Leaves(root=ROOT, positions=(3,)),), True),
        ((Leaves(root=ROOT, positions=(1, 2)),), False),
        ((Leaves(root=OTHER, positions=(1,)),), False),
        ((), True),
    ],
)
def test_less_than_was_asked_may_be_granted_and_never_more(some: tuple[Leaves, ...], *, within: bool) -> None:
    assert is_within(some, GRANT.leaves) is within


def test_what_a_grant_adds_only_restricts() -> None:
    held = Label(onward=Onward(consent=True), obligations=frozenset({"attribute"}))
    assert join(held, narrowing(GRANT)) == Label(
        onward=Onward(none=True, consent=True), obligations=frozenset({"attribute", "tell nobody"})
    )
    free = replace(GRANT, onward=Onward(), obligations=())
    assert join(held, narrowing(free)) == held


def test_a_consent_ends_where_its_table_says() -> None:
    ends = {state for state in ConsentState if not MOVES[state]}
    assert ends == {ConsentState.DENIED, ConsentState.REVOKED}
    assert all(ConsentState.ASKED not in goals for goals in MOVES.values())
