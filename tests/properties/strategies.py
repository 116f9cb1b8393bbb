"""Small worlds of labels, agreements and times in which everything meets everything."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from simpul.domain.agreements import Agreement, Equivalence, Reservation
from simpul.domain.clauses import Outcome
from simpul.domain.labels import Classification, Label, Onward, Tlp, complete
from simpul.domain.overlays import Overlay, OverlayRule, When

A: Final = "a" * 50
B: Final = "b" * 50
C: Final = "c" * 50
PARTIES: Final = (A, B, C)
CHARTERS: Final = {"pact": frozenset({A, B}), "ring": frozenset({"pact", C})}
"""Who is in each circle: the ring holds the pact, a regional circle inside a wider one."""

CIRCLES: Final = {"pact": frozenset({A, B}), "ring": frozenset({A, B, C})}
"""The same circles with their members written out, as a node knows them."""

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
LAST_DATE: Final = 2 * LAST
"""The latest date that anything here states: a suspension's end."""


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
    releasable_to=st.frozensets(
        st.just(frozenset(PARTIES)) | st.just(frozenset({B, "ring"})) | st.just(frozenset({A})), min_size=1
    ),
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

halts = st.lists(
    st.tuples(times, st.none() | st.integers(1, LAST)).map(
        lambda halt: (halt[0], None if halt[1] is None else halt[0] + halt[1])
    ),
    max_size=2,
).map(tuple)

reservations = st.builds(
    Reservation,
    party=st.sampled_from(PARTIES),
    purposes=some(PURPOSES),
    topics=some(TOPICS),
    levels=levels,
    tlp_ceiling=st.none() | st.sampled_from(Tlp),
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
    halts=st.just(()) | halts,
    reservations=st.just(()) | st.lists(reservations, max_size=2).map(tuple),
)

names = st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=3)
CONDITIONS: Final = {
    "recipients": names,
    "except_recipients": names,
    "originators": names,
    "except_originators": names,
    "purposes": some(PURPOSES),
    "except_purposes": some(PURPOSES),
    "topics": some(TOPICS),
    "compartments": some(COMPARTMENTS),
    "handling": some(("H1", "H2")),
    "levels": levels,
    "tlp_from": st.sampled_from(Tlp),
    "since": times,
    "until": times,
}

whens = (
    st.lists(st.sampled_from(sorted(CONDITIONS)), max_size=2, unique=True)
    .flatmap(lambda stated: st.fixed_dictionaries({key: CONDITIONS[key] for key in stated}))
    .map(lambda conditions: When(**conditions))
)
"""Few conditions at a time, so that rules apply often."""


def rules(id: str) -> st.SearchStrategy[OverlayRule]:
    asked = st.builds(
        OverlayRule,
        id=st.just(id),
        then=st.just(Outcome.NEEDS_APPROVAL),
        when=whens,
        approvals=st.integers(2, 3),
    )
    then = st.sampled_from([Outcome.NEEDS_CONSENT, Outcome.DENY])
    return asked | st.builds(OverlayRule, id=st.just(id), then=then, when=whens)


overlays = st.builds(
    Overlay,
    party=st.just(A),
    version=st.just(1),
    title=st.just("Rules of Arunika"),
    rules=st.lists(st.sampled_from(["one", "two", "three"]), unique=True, max_size=3).flatmap(
        lambda ids: st.tuples(*map(rules, ids))
    ),
)


def members_of(circle: str) -> frozenset[str] | None:
    return CIRCLES.get(circle)
