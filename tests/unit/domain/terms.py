"""A label and an agreement that permit, for tests that change one thing of them."""

from __future__ import annotations

from typing import Final

from simpul.domain.agreements import Agreement, Equivalence
from simpul.domain.labels import Classification, Label, Onward, Tlp

A: Final = "a" * 50
B: Final = "b" * 50
C: Final = "c" * 50
RAHASIA: Final = Classification("XA", "RAHASIA")
SECRET: Final = Classification("XB", "SECRET")
START: Final = 1_000
END: Final = 9_000

LABEL: Final = Label(
    tlp=Tlp.GREEN,
    classification=frozenset({RAHASIA}),
    releasable_to=frozenset({frozenset({B, C})}),
    onward=Onward(none=True),
    purposes=frozenset({"ct"}),
    topics=frozenset({"cyber"}),
    compartments=frozenset({"K"}),
    expires=8_000,
    retention_days=30,
    obligations=frozenset({"attribute: Arunika"}),
    handling=frozenset({"H1"}),
)
AGREEMENT: Final = Agreement(
    id="arunika-borealia",
    version=1,
    title="Between Arunika and Borealia",
    parties=(A, B),
    purposes=frozenset({"ct", "cp"}),
    topics=frozenset({"cyber", "nuclear"}),
    compartments=frozenset({"K"}),
    tlp_ceiling=Tlp.AMBER,
    levels=frozenset({RAHASIA}),
    equivalences=(Equivalence(given=RAHASIA, becomes=SECRET, handle_as="SECRET", until=7_000),),
    onward=Onward(consent=True),
    retention_days=365,
    approvals=1,
    obligations=frozenset({"protect: as own"}),
    not_before=START,
    not_after=END,
)
