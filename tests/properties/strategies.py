"""Small worlds of labels, agreements and times in which everything meets everything."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from simpul.domain.agreements import Agreement, Equivalence
from simpul.domain.labels import Classification, Label, Onward, Tlp, complete

A: Final = "a" * 50
B: Final = "b" * 50
C: Final = "c" * 50
PARTIES: Final = (A, B, C)
CIRCLES: Final = {"pact": frozenset({A, B}), "ring": frozenset({A, B, C})}
NAMES: Final = (*PARTIES, "pact", "ring", "unheard-of")
PURPOSES: Final = ("ct", "cp")
TOPICS: Final = ("cyber", "nuclear")
COMPARTMENTS: Final = ("K", "L")
LEVELS: Final = (
    Classification("XA", "RAHASIA"),
    Classification("XA", "TERBATAS"),
    Classification("XB", "SECRET"),
)
LAST: Final = 20


def some(values: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values), max_size=len(values))


onwards = st.builds(Onward, none=st.booleans(), consent=st.booleans(), within=some(("pact", "ring")))
times = st.integers(0, LAST)
levels = st.frozensets(st.sampled_from(LEVELS), max_size=2)

restrictions = st.builds(
    Label,
    tlp=st.none() | st.sampled_from(Tlp),
    classification=levels,
    handling=some(("H1", "H2")),
    handling_text=some(("quietly",)),
    releasable_to=st.frozensets(some(NAMES), max_size=2),
    not_releasable_to=some(NAMES),
    onward=st.none() | onwards,
    purposes=st.none() | some(PURPOSES),
    topics=some(TOPICS),
    compartments=some(COMPARTMENTS),
    expires=st.none() | times,
    retention_days=st.none() | st.integers(1, 9),
    obligations=some(("attribute: X", "return")),
    unmapped=st.just(frozenset()) | some(("marking-definition--x",)),
)
"""What bytes carry, or what anybody joins to a label."""

owned = restrictions.map(complete)
"""What an owner sets."""

generous = st.builds(
    Label,
    tlp=st.sampled_from([Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER]),
    classification=st.just(frozenset()) | levels,
    releasable_to=st.frozensets(st.just(frozenset(PARTIES)) | st.just(frozenset({B, "ring"})), min_size=1),
    onward=onwards,
    purposes=st.just(frozenset(PURPOSES)),
    topics=some(TOPICS[:1]),
    expires=st.none() | times,
    retention_days=st.none() | st.integers(1, 9),
    obligations=some(("attribute: X",)),
).map(complete)
"""Labels that permit often, so that the tests see both sides."""

labels = owned | generous

rows = st.builds(
    Equivalence,
    given=st.sampled_from(LEVELS),
    becomes=st.just(Classification("XB", "SECRET")),
    handle_as=st.just("SECRET"),
    since=st.none() | times,
    until=st.none() | times,
)

agreements = st.builds(
    Agreement,
    id=st.just("pact-1"),
    version=st.just(1),
    title=st.just("Between friends"),
    parties=st.sampled_from([(A, B), (A, B, C), (A, C)]),
    purposes=st.just(frozenset(PURPOSES)) | some(PURPOSES),
    topics=st.just(frozenset(TOPICS)) | some(TOPICS),
    compartments=some(COMPARTMENTS),
    tlp_ceiling=st.sampled_from(Tlp),
    levels=st.just(frozenset(LEVELS)) | levels,
    equivalences=st.lists(rows, max_size=4).map(tuple),
    onward=onwards,
    retention_days=st.none() | st.integers(1, 9),
    approvals=st.sampled_from([1, 1, 2]),
    obligations=some(("protect",)),
    not_before=st.integers(0, 5),
    not_after=st.integers(5, LAST),
)


def members_of(circle: str) -> frozenset[str] | None:
    return CIRCLES.get(circle)
