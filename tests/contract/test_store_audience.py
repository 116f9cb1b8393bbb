"""No method shows or counts what is outside the audience: labels at random, and an oracle that reads every object."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.domain.labels import Label
from simpul.domain.objects import Marked, Value
from simpul.domain.queries import EVERYTHING, HOME, Audience, Query
from simpul.errors import NotFound
from simpul.ports import Objects, StoredHead
from simpul.protocol.labels import label_hash
from tests.contract.conftest import IMPLEMENTATIONS
from tests.contract.stored_things import HERE, THERE, key_of, marked

LABELS = tuple(Label(topics=frozenset({name})) for name in ("one", "two", "three", "four"))
WORDS = ("source", "vessel", "port")
VALUES = (Value(kind="ipv4", key="192.0.2.7"), Value(kind="ipv4", key="192.0.2.8"))

labels = st.sampled_from(LABELS)
originators = st.sampled_from((HERE, THERE))
audiences = st.frozensets(st.tuples(labels, originators))
"""What is permitted: labels, each of one originator."""


@st.composite
def worlds(draw: st.DrawFn) -> list[Marked]:
    """Some objects, of few ids and versions, whose portions have words and values of their own."""
    world = []
    for number in range(draw(st.integers(0, 8))):
        further = draw(st.lists(labels, max_size=2))
        portions = len(further) + 1
        world.append(
            marked(
                draw(st.integers(0, 3)),
                draw(labels),
                *further,
                version=draw(st.integers(1, 3)),
                originator=draw(originators),
                salt=str(number),
                texts=tuple(draw(st.sampled_from(WORDS)) for _ in range(portions)),
                values=tuple(
                    Value(kind=value.kind, key=value.key, portion=draw(st.integers(0, portions - 1)))
                    for value in draw(st.lists(st.sampled_from(VALUES), max_size=2, unique=True))
                ),
            )
        )
    return world


queries = st.builds(
    Query,
    words=st.lists(st.sampled_from(WORDS), max_size=2, unique=True).map(tuple),
    values=st.lists(st.sampled_from([value.key for value in VALUES]), max_size=1).map(tuple),
    types=st.sampled_from([(), ("indicator",), ("tool",)]),
)


class Oracle:
    """What an audience may see, found the slow way."""

    def __init__(self, world: list[Marked], audience: frozenset[tuple[Label, str]]) -> None:
        self.audience = audience
        self.world = world

    def opens(self, each: Marked, portion: int) -> bool:
        return (each.labels[portion], each.originator) in self.audience

    def open_portions(self, each: Marked) -> list[int]:
        return [n for n, _ in enumerate(each.labels) if self.opens(each, n)]

    def seen(self) -> list[Marked]:
        return [each for each in self.world if self.opens(each, 0)]

    def whole(self, each: Marked) -> bool:
        return len(self.open_portions(each)) == len(each.labels)

    def fits(self, each: Marked, query: Query) -> bool:
        open_portions = self.open_portions(each)
        words = {each.object.texts[n] for n in open_portions}
        values = {value.key for value in each.object.values if value.portion in open_portions}
        return (
            set(query.words) <= words
            and set(query.values) <= values
            and (not query.types or each.object.type in query.types)
        )

    def fitting(self, query: Query) -> list[Marked]:
        return [each for each in self.seen() if self.fits(each, query)]

    def latest(self, query: Query) -> list[Marked]:
        found = self.fitting(query)
        newest = {(each.originator, each.object.id): 0 for each in found}
        for each in found:
            name = (each.originator, each.object.id)
            newest[name] = max(newest[name], each.object.version)
        return [each for each in found if each.object.version == newest[each.originator, each.object.id]]


@given(worlds(), audiences, queries)
@settings(max_examples=60)
def test_every_method_agrees_with_the_oracle(
    world: list[Marked], permitted: frozenset[tuple[Label, str]], query: Query
) -> None:
    audience = _audience(permitted)
    oracle = Oracle(world, permitted)
    with _stored(world) as objects:
        assert _all_pages(objects, audience, EVERYTHING) == [key_of(each) for each in reversed(oracle.seen())]
        assert _all_pages(objects, audience, query) == [key_of(m) for m in reversed(oracle.fitting(query))]
        assert objects.count(audience, query) == len(oracle.fitting(query))
        assert objects.count(audience, EVERYTHING) == len(oracle.seen())
        _check_streams(objects, audience, oracle, query)
        _check_each(objects, audience, oracle)
        _check_hits(objects, audience, oracle)
        borne = {(label, each.originator) for each in world for label in each.labels}
        assert {(use.label, use.originator) for use in objects.labels_in_use(audience)} == permitted & borne
        assert {label for _, label, _ in objects.labels(audience)} == {
            label for label, _ in permitted & borne
        }
        _check_bearers(objects, audience, oracle)


def _audience(permitted: frozenset[tuple[Label, str]]) -> Audience:
    """What both originators' words open by is said by the label alone: the two ways to say it are one."""
    of = frozenset((label_hash(label), party) for label, party in permitted)
    both = frozenset(name for name, _ in of if {(name, HERE), (name, THERE)} <= of)
    return Audience(labels=both, of=frozenset(pair for pair in of if pair[0] not in both))


@contextmanager
def _stored(world: list[Marked]) -> Iterator[Objects]:
    """The world, stored in two batches."""
    with tempfile.TemporaryDirectory() as folder:
        store = IMPLEMENTATIONS["sqlite"](Path(folder) / "live.db")
        half = len(world) // 2
        for batch in (world[:half], world[half:]):
            with store.write() as unit:
                unit.objects.add(batch, source=HERE, at=1)
        with store.read() as unit:
            yield unit.objects
        store.close()


def _all_pages(objects: Objects, audience: Audience, query: Query) -> list[object]:
    found: list[StoredHead] = []
    page, after = objects.query(audience, query, limit=2)
    while True:
        found += page
        if after is None:
            return [head.key for head in found]
        page, after = objects.query(audience, query, limit=2, after=after)


def _check_streams(objects: Objects, audience: Audience, oracle: Oracle, query: Query) -> None:
    for latest, expected in ((False, oracle.fitting(query)), (True, oracle.latest(query))):
        heads = [head.key for head in objects.heads(audience, query, latest=latest)]
        assert heads == [key_of(each) for each in expected]
        streamed = [raw for _, raw in objects.stream(audience, query, latest=latest)]
        assert streamed == [each.object.raw for each in expected if oracle.whole(each)]


def _check_each(objects: Objects, audience: Audience, oracle: Oracle) -> None:
    for each in oracle.world:
        key = key_of(each)
        heads = {head.key: head for head in objects.find(audience, each.object.id)}
        assert (key in heads) == (each in oracle.seen())
        if key in heads:
            closed = [n for n, _ in enumerate(each.labels) if not oracle.opens(each, n)]
            shown = heads[key].markings
            assert all(shown[n] == () for n in closed if n < len(shown))
        try:
            assert objects.raw(audience, key) == each.object.raw
            assert objects.labels_of(audience, key) == each.labels
            allowed = True
        except NotFound:
            allowed = False
        assert allowed == oracle.whole(each)
    keys = [key_of(each) for each in oracle.world]
    assert objects.bodies(audience, keys) == {
        key_of(each): each.object.raw for each in oracle.world if oracle.whole(each)
    }


def _check_hits(objects: Objects, audience: Audience, oracle: Oracle) -> None:
    hits = objects.hits(audience, [(value.kind, value.key) for value in VALUES])
    expected = {
        (value.key, key_of(each), value.portion)
        for each in oracle.seen()
        for value in each.object.values
        if oracle.opens(each, value.portion)
    }
    assert {(hit.key, hit.object, hit.portion) for hit in hits} == expected


def _check_bearers(objects: Objects, audience: Audience, oracle: Oracle) -> None:
    """A page is full of what may be seen, so that neither its length nor its cursor tells of anything else."""
    for marking in {m for each in oracle.world for m in each.object.markings + _portion_markings(each)}:
        expected = [
            key_of(each)
            for each in reversed(oracle.seen())
            if marking in each.object.markings
            or any(
                marking in part.markings
                for n, part in enumerate(each.object.granular, 1)
                if oracle.opens(each, n)
            )
        ]
        page, after = objects.bearers(audience, marking, limit=2)
        assert [head.key for head in page] == expected[:2]
        assert (after is not None) == (len(expected) > 2)


def _portion_markings(each: Marked) -> tuple[str, ...]:
    return tuple(m for part in each.object.granular for m in part.markings)


def test_an_empty_audience_sees_nothing_and_the_home_everything(tmp_path: Path) -> None:
    store = IMPLEMENTATIONS["sqlcipher"](tmp_path / "live.db")
    with store.write() as unit:
        unit.objects.add([marked(n) for n in range(3)], source=HERE, at=1)
    with store.read() as unit:
        nobody = Audience(labels=frozenset())
        assert unit.objects.newest(nobody, limit=5) == ([], None)
        assert unit.objects.count(nobody, EVERYTHING) == 0
        assert unit.objects.labels(nobody) == []
        assert unit.objects.count(HOME, EVERYTHING) == 3
        unheard_of = Audience(labels=frozenset({bytes(32)}))
        assert unit.objects.newest(unheard_of, limit=5) == ([], None)
    store.close()


def test_a_label_that_comes_later_is_seen_by_an_audience_that_had_it_all_along(tmp_path: Path) -> None:
    store = IMPLEMENTATIONS["sqlcipher"](tmp_path / "live.db")
    audience = Audience(labels=frozenset({label_hash(LABELS[0])}))
    with store.read() as unit:
        assert unit.objects.count(audience, EVERYTHING) == 0
    with store.write() as unit:
        unit.objects.add([marked(1, LABELS[0])], source=HERE, at=1)
    with store.read() as unit:
        assert unit.objects.count(audience, EVERYTHING) == 1
    store.close()


def test_many_labels_are_merged_in_the_order_of_arrival(tmp_path: Path) -> None:
    """More labels than a page has rows, few of them permitted, so that the page is made from the label index."""
    many = [Label(topics=frozenset({str(n)})) for n in range(40)]
    world = [marked(n, many[(n * 7) % 40]) for n in range(200)]
    store = IMPLEMENTATIONS["sqlcipher"](tmp_path / "live.db")
    with store.write() as unit:
        unit.objects.add(world, source=HERE, at=1)
    permitted = frozenset((label, HERE) for label in many[:25])
    oracle = Oracle(world, permitted)
    with store.read() as unit:
        audience = _audience(permitted)
        for limit in (1, 2, 24, 25, 26, 300):
            expected = [key_of(each) for each in reversed(oracle.seen())][:limit]
            page, _ = unit.objects.newest(audience, limit=limit)
            assert [head.key for head in page] == expected
        streamed = [head.key for head, _ in unit.objects.stream(audience, EVERYTHING, latest=False)]
        assert streamed == [key_of(each) for each in oracle.seen()]
    store.close()


@given(st.integers(0, 3), st.sampled_from([Query(words=("port",)), Query(types=("tool",))]))
@settings(max_examples=8, deadline=None)
def test_the_way_a_search_takes_never_shows_in_its_answer(sparse: int, query: Query) -> None:
    """Little is permitted or much, it came first or last: matches, pages and counts are those of the oracle."""
    dense, much, little, closed = LABELS
    turns = [[dense] * 3, [closed] * 30, [little] * (2 + sparse), [closed] * 60, [much] * 1600, [closed] * 40]
    turns[sparse], turns[-1] = turns[-1], turns[sparse]
    world = [
        marked(n, label, kind="tool" if n % 3 else "indicator", text="port" if n % 4 else "vessel")
        for n, label in enumerate(label for turn in turns for label in turn)
    ]
    with _stored(world) as objects:
        for permitted in ({little}, {much}, {dense, much}, {little, closed}):
            oracle = Oracle(world, frozenset((label, HERE) for label in permitted))
            audience = _audience(oracle.audience)
            expected = [key_of(each) for each in reversed(oracle.fitting(query))]
            page, after = objects.query(audience, query, limit=7)
            assert [head.key for head in page] == expected[:7]
            if after is not None:
                page, _ = objects.query(audience, query, limit=50, after=after)
                assert [head.key for head in page] == expected[7:57]
            assert (after is not None) == (len(expected) > 7)
            streamed = [head.key for head in objects.heads(audience, query, latest=False)]
            assert streamed == expected[::-1]
            assert objects.count(audience, query) == len(expected)


def test_a_label_of_several_originators_is_one_label_for_whoever_asks_by_its_name(tmp_path: Path) -> None:
    label, others = LABELS[0], "c" * 50
    store = IMPLEMENTATIONS["sqlcipher"](tmp_path / "live.db")
    for number, party in enumerate((HERE, THERE, others)):
        with store.write() as unit:
            unit.objects.add([marked(number, label, originator=party)], source=party, at=number)
    with store.read() as unit:
        assert [count for _, _, count in unit.objects.labels(HOME)] == [3]
        assert [use.originator for use in unit.objects.labels_in_use(HOME)] == [HERE, THERE, others]
        over = unit.recalls.expired(label_hash(label), 9, own=HERE, most=10)
        assert {key.originator for key in over} == {THERE, others}
        assert len(unit.recalls.expired(label_hash(label), 9, own=HERE, most=1)) == 1
    store.close()
