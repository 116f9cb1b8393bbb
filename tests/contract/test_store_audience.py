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
from tests.contract.stored_things import HERE, key_of, marked

LABELS = tuple(Label(topics=frozenset({name})) for name in ("one", "two", "three", "four"))
WORDS = ("source", "vessel", "port")
VALUES = (Value(kind="ipv4", key="192.0.2.7"), Value(kind="ipv4", key="192.0.2.8"))

labels = st.sampled_from(LABELS)
audiences = st.frozensets(labels)


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

    def __init__(self, world: list[Marked], audience: frozenset[Label]) -> None:
        self.audience = audience
        self.world = world

    def seen(self) -> list[Marked]:
        return [each for each in self.world if each.labels[0] in self.audience]

    def whole(self, each: Marked) -> bool:
        return all(label in self.audience for label in each.labels)

    def fits(self, each: Marked, query: Query) -> bool:
        open_portions = [n for n, label in enumerate(each.labels) if label in self.audience]
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
        newest = {each.object.id: 0 for each in found}
        for each in found:
            newest[each.object.id] = max(newest[each.object.id], each.object.version)
        return [each for each in found if each.object.version == newest[each.object.id]]


@given(worlds(), audiences, queries)
@settings(max_examples=60)
def test_every_method_agrees_with_the_oracle(
    world: list[Marked], permitted: frozenset[Label], query: Query
) -> None:
    audience = Audience(labels=frozenset(map(label_hash, permitted)))
    oracle = Oracle(world, permitted)
    with _stored(world) as objects:
        assert _all_pages(objects, audience, EVERYTHING) == [key_of(each) for each in reversed(oracle.seen())]
        assert _all_pages(objects, audience, query) == [key_of(m) for m in reversed(oracle.fitting(query))]
        assert objects.count(audience, query) == len(oracle.fitting(query))
        assert objects.count(audience, EVERYTHING) == len(oracle.seen())
        _check_streams(objects, audience, oracle, query)
        _check_each(objects, audience, oracle)
        _check_hits(objects, audience, oracle)
        assert {label for _, label, _ in objects.labels(audience)} == permitted & {
            label for each in world for label in each.labels
        }


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
        streamed = [raw for _, raw in objects.stream(audience, query, latest=latest)]
        assert streamed == [each.object.raw for each in expected if oracle.whole(each)]


def _check_each(objects: Objects, audience: Audience, oracle: Oracle) -> None:
    for each in oracle.world:
        key = key_of(each)
        heads = {head.key: head for head in objects.find(audience, each.object.id)}
        assert (key in heads) == (each in oracle.seen())
        if key in heads:
            closed = [n for n, label in enumerate(each.labels) if label not in oracle.audience]
            shown = heads[key].markings
            assert all(shown[n] == () for n in closed if n < len(shown))
        try:
            assert objects.raw(audience, key) == each.object.raw
            assert objects.labels_of(audience, key) == each.labels
            allowed = True
        except NotFound:
            allowed = False
        assert allowed == oracle.whole(each)


def _check_hits(objects: Objects, audience: Audience, oracle: Oracle) -> None:
    hits = objects.hits(audience, [(value.kind, value.key) for value in VALUES])
    expected = {
        (value.key, key_of(each), value.portion)
        for each in oracle.seen()
        for value in each.object.values
        if each.labels[value.portion] in oracle.audience
    }
    assert {(hit.key, hit.object, hit.portion) for hit in hits} == expected


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
    permitted = frozenset(many[:25])
    oracle = Oracle(world, permitted)
    with store.read() as unit:
        audience = Audience(labels=frozenset(map(label_hash, permitted)))
        for limit in (1, 2, 24, 25, 26, 300):
            expected = [key_of(each) for each in reversed(oracle.seen())][:limit]
            page, _ = unit.objects.newest(audience, limit=limit)
            assert [head.key for head in page] == expected
        streamed = [head.key for head, _ in unit.objects.stream(audience, EVERYTHING, latest=False)]
        assert streamed == [key_of(each) for each in oracle.seen()]
    store.close()
