"""Charters for the tests of circles, between parties named by one letter."""

from __future__ import annotations

from typing import Any

from simpul.domain.agreements import Agreement
from simpul.domain.circles import Charter, MemberCircle
from simpul.domain.labels import Onward, Tlp

A, B, C, D, E = (letter * 50 for letter in "abcde")
HASH = bytes(range(32))


def terms(*parties: str, name: str = "ring", epoch: int = 1) -> Agreement:
    return Agreement(
        id=name,
        version=epoch,
        title="Ring",
        parties=parties,
        purposes=frozenset({"safety"}),
        topics=frozenset(),
        compartments=frozenset(),
        tlp_ceiling=Tlp.AMBER,
        levels=frozenset(),
        equivalences=(),
        onward=Onward(within=frozenset({name})),
        retention_days=None,
        approvals=1,
        obligations=frozenset(),
        not_before=0,
        not_after=100,
    )


def charter(*parties: str, name: str = "ring", epoch: int = 1, threshold: int = 0, **more: Any) -> Charter:
    return Charter(
        terms=terms(*parties, name=name, epoch=epoch),
        threshold=threshold or len(parties) // 2 + 1,
        convener=parties[0],
        previous=HASH if epoch > 1 else b"",
        **more,
    )


def inner(*names: str) -> tuple[MemberCircle, ...]:
    return tuple(MemberCircle(name=name, charter=HASH) for name in names)
