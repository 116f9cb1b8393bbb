"""Objects: what is stored once, how it is found again, and what relabelling changes."""

from __future__ import annotations

import pytest

from simpul.domain.objects import NO_VERSION, Value
from simpul.domain.queries import EVERYTHING, HOME, Audience, Query
from simpul.errors import InputFault, NotFound
from simpul.ports import Original, Store
from simpul.protocol.labels import label_hash
from tests.contract.conftest import MakeStore
from tests.contract.stored_things import AMBER, GREEN, HERE, RED, THERE, key_of, marked, stix_id


def test_a_batch_is_stored_once(store: Store) -> None:
    batch = [marked(n) for n in range(5)]
    with store.write() as unit:
        first = unit.objects.add([*batch, batch[0]], source=HERE, at=10)
    with store.write() as unit:
        again = unit.objects.add(batch, source=THERE, at=20)
    assert (first.stored, first.known, again.stored, again.known) == (5, 1, 0, 5)
    with store.read() as unit:
        (head,) = unit.objects.find(HOME, batch[3].object.id)
        assert (head.key, head.type, head.source, head.arrived) == (key_of(batch[3]), "indicator", HERE, 10)
        assert head.markings == (batch[3].object.markings,)
        assert unit.objects.raw(HOME, head.key) == batch[3].object.raw


def test_a_known_rendition_keeps_its_label(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(1, RED)], source=HERE, at=10)
        unit.objects.add([marked(1, GREEN)], source=HERE, at=11)
        assert unit.objects.labels_of(HOME, key_of(marked(1))) == (RED,)


def test_two_originals_of_one_version_are_both_kept_and_reported(store: Store) -> None:
    one, other = marked(1, version=NO_VERSION), marked(1, version=NO_VERSION, salt="other")
    elsewhere = marked(1, version=NO_VERSION, salt="third", originator=THERE)
    with store.write() as unit:
        assert unit.objects.add([one], source=HERE, at=1).conflicts == ()
        added = unit.objects.add([other, elsewhere], source=HERE, at=2)
    assert (added.stored, added.conflicts) == (2, (key_of(other),))
    with store.read() as unit:
        assert len(unit.objects.find(HOME, one.object.id)) == 3
        assert len(unit.objects.find(HOME, one.object.id, originator=HERE)) == 2


def test_a_conflict_inside_one_batch_is_reported(store: Store) -> None:
    with store.write() as unit:
        added = unit.objects.add([marked(1), marked(1, salt="other")], source=HERE, at=1)
    assert (added.stored, added.conflicts) == (2, (key_of(marked(1, salt="other")),))


def original(raw: bytes = b'{"old": 1}', losses: bytes = b"[]") -> Original:
    return Original(format="stix-2.0", made_by="conversion 1", raw=raw, losses=losses)


def test_an_original_stands_beside_all_that_was_made_of_it(store: Store) -> None:
    made, verbatim = [marked(1), marked(2)], marked(3)
    keys = [key_of(each) for each in made]
    with store.write() as unit:
        unit.objects.add([*made, verbatim], source=HERE, at=1)
        unit.objects.keep_original(keys, original(losses=b'[{"lost":"x","path":"y"}]'))
        unit.objects.keep_original(keys, original(losses=b"[]"))
    with store.read() as unit:
        kept = [unit.objects.original(HOME, key) for key in keys]
        assert kept == [original(losses=b'[{"lost":"x","path":"y"}]')] * 2
        assert unit.objects.original(HOME, key_of(verbatim)) is None
        assert unit.objects.raw(HOME, keys[0]) == made[0].object.raw


def test_other_bytes_that_became_the_same_object_are_kept_too(store: Store) -> None:
    key = key_of(marked(1))
    with store.write() as unit:
        unit.objects.add([marked(1)], source=HERE, at=1)
        for raw in (b"one", b"two", b"one"):
            unit.objects.keep_original([key], original(raw))
        assert unit.objects.original(HOME, key) == original(b"two")


def test_an_original_is_kept_and_shown_only_with_its_object(store: Store) -> None:
    here, absent = marked(1, RED), marked(2)
    with store.write() as unit:
        unit.objects.add([here], source=HERE, at=1)
        with pytest.raises(NotFound):
            unit.objects.keep_original([key_of(here), key_of(absent)], original())
        unit.objects.keep_original([key_of(here)], original())
        with pytest.raises(NotFound):
            unit.objects.original(HOME, key_of(absent))
        with pytest.raises(NotFound):
            unit.objects.original(Audience(labels=frozenset({label_hash(GREEN)})), key_of(here))


def test_an_original_is_shown_only_to_who_may_see_all_that_it_holds(store: Store) -> None:
    seen, hidden = marked(1, GREEN), marked(2, RED)
    with store.write() as unit:
        unit.objects.add([seen, hidden], source=HERE, at=1)
        unit.objects.keep_original([key_of(seen), key_of(hidden)], original())
        both = frozenset({label_hash(GREEN), label_hash(RED)})
        assert unit.objects.original(Audience(labels=both), key_of(seen)) == original()
        only = Audience(labels=frozenset({label_hash(GREEN)}))
        assert unit.objects.raw(only, key_of(seen)) == seen.object.raw
        with pytest.raises(NotFound):
            unit.objects.original(only, key_of(seen))


def test_versions_of_an_id_come_newest_first(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(1, version=v) for v in (20, 30, 10)], source=HERE, at=1)
        unit.objects.add([marked(1, version=25)], source=HERE, at=2)
    with store.read() as unit:
        found = unit.objects.find(HOME, stix_id(1))
        assert [head.key.version for head in found] == [30, 25, 20, 10]
        assert len(unit.objects.find(HOME, stix_id(1), version=25)) == 1


def test_what_is_not_here_is_not_found(store: Store) -> None:
    with store.read() as unit:
        assert unit.objects.find(HOME, stix_id(9)) == []
        with pytest.raises(NotFound):
            unit.objects.raw(HOME, key_of(marked(9)))
        with pytest.raises(NotFound):
            unit.objects.label(bytes(32))
        with pytest.raises(InputFault):
            unit.objects.find(HOME, "no id at all")


def test_pages_follow_each_other_without_gap_or_repetition(store: Store) -> None:
    batch = [marked(n) for n in range(25)]
    with store.write() as unit:
        unit.objects.add(batch, source=HERE, at=1)
    seen: list[str] = []
    with store.read() as unit:
        page, after = unit.objects.newest(HOME, limit=10)
        while True:
            seen += [head.key.id for head in page]
            if after is None:
                break
            page, after = unit.objects.newest(HOME, limit=10, after=after)
    assert seen == [each.object.id for each in reversed(batch)]


def test_a_cursor_is_opaque_and_only_ours_are_taken(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(n) for n in range(3)], source=HERE, at=1)
    with store.read() as unit:
        _, after = unit.objects.newest(HOME, limit=1)
        assert after is not None
        assert not after.isdigit()
        for wrong in ("", "3", "00" * 16, after[:-2] + "zz"):
            with pytest.raises(InputFault):
                unit.objects.newest(HOME, limit=1, after=wrong)


def test_words_must_all_hold_whatever_their_case_order_or_accents(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add(
            [
                marked(1, text="A RADIOLOGICAL source, smuggled"),
                marked(2, text="radiological café"),
                marked(3, text="well-known source"),
            ],
            source=HERE,
            at=1,
        )
    expected = {
        ("source",): {1, 3},
        ("source", "radiological"): {1},
        ("Cafe",): {2},
        ("well-known",): {3},
        ("radiological source",): {1},
        ("source radiological",): set(),
        ("nothing",): set(),
        ("--",): set(),
        ('so"urce',): set(),
    }
    with store.read() as unit:
        for words, numbers in expected.items():
            query = Query(words=words)
            found, _ = unit.objects.query(HOME, query, limit=10)
            assert {head.key.id for head in found} == {stix_id(n) for n in numbers}, words
            assert unit.objects.count(HOME, query) == len(numbers), words


def test_every_term_of_a_query_must_hold(store: Store) -> None:
    value = Value(kind="ipv4", key="192.0.2.7")
    with store.write() as unit:
        unit.objects.add([marked(1, values=(value,)), marked(2)], source=HERE, at=100)
        unit.objects.add([marked(3, kind="tool", originator=THERE, values=(value,))], source=THERE, at=200)
    expected = {
        Query(types=("tool",)): {stix_id(3, "tool")},
        Query(types=("tool", "indicator")): {stix_id(1), stix_id(2), stix_id(3, "tool")},
        Query(types=("unheard-of",)): set(),
        Query(ids=(stix_id(2),)): {stix_id(2)},
        Query(values=("192.0.2.7",)): {stix_id(1), stix_id(3, "tool")},
        Query(values=("192.0.2.7", "192.0.2.8")): set(),
        Query(values=("192.0.2.7",), originators=(THERE,)): {stix_id(3, "tool")},
        Query(originators=("c" * 50,)): set(),
        Query(since=150): {stix_id(3, "tool")},
        Query(words=("source",), since=150, types=("indicator",)): set(),
        EVERYTHING: {stix_id(1), stix_id(2), stix_id(3, "tool")},
    }
    with store.read() as unit:
        for query, ids in expected.items():
            found, after = unit.objects.query(HOME, query, limit=10)
            assert after is None
            assert {head.key.id for head in found} == ids, query
            assert unit.objects.count(HOME, query) == len(ids), query
            streamed = {head.key.id for head, _ in unit.objects.stream(HOME, query, latest=False)}
            assert streamed == ids, query


def test_a_query_pages_as_newest_does(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(n, text=f"even{n % 2} source") for n in range(30)], source=HERE, at=1)
    query, seen, after = Query(words=("even0",)), [], None
    with store.read() as unit:
        for _ in range(3):
            page, after = unit.objects.query(HOME, query, limit=6, after=after)
            seen += [head.key.id for head in page]
    assert after is None
    assert seen == [stix_id(n) for n in range(28, -1, -2)]


def test_a_stream_gives_bytes_oldest_first_and_the_latest_only_if_asked(store: Store) -> None:
    batch = [marked(1, version=10), marked(2), marked(1, version=30), marked(1, version=30, salt="twin")]
    with store.write() as unit:
        unit.objects.add(batch, source=HERE, at=1)
        unit.objects.add([marked(1, version=20), marked(1, version=5, originator=THERE)], source=HERE, at=2)
    with store.read() as unit:
        every = [raw for _, raw in unit.objects.stream(HOME, EVERYTHING, latest=False)]
        latest = [head.key for head, _ in unit.objects.stream(HOME, EVERYTHING, latest=True)]
    assert every[:4] == [each.object.raw for each in batch]
    assert latest == [*(key_of(each) for each in batch[1:]), key_of(marked(1, version=5, originator=THERE))]


def test_the_latest_is_the_newest_of_what_fits(store: Store) -> None:
    old, new = marked(1, version=10, text="smuggled"), marked(1, version=20, text="seized")
    with store.write() as unit:
        unit.objects.add([old, new], source=HERE, at=1)
    with store.read() as unit:
        for word, expected in (("smuggled", old), ("seized", new)):
            query = Query(words=(word,))
            assert [h.key for h, _ in unit.objects.stream(HOME, query, latest=True)] == [key_of(expected)]


def test_relabelling_moves_what_each_label_bears(store: Store) -> None:
    batch = [marked(n, GREEN, AMBER) for n in range(4)]
    with store.write() as unit:
        unit.objects.add(batch, source=HERE, at=1)
        changes = [(key_of(batch[0]), (RED, AMBER)), (key_of(batch[1]), (GREEN, AMBER))]
        assert unit.objects.relabel(changes) == 1
        assert unit.objects.relabel([(key_of(batch[2]), (GREEN, RED))]) == 1
    with store.read() as unit:
        assert unit.objects.labels_of(HOME, key_of(batch[0])) == (RED, AMBER)
        assert unit.objects.labels_of(HOME, key_of(batch[2])) == (GREEN, RED)
        assert {label: count for _, label, count in unit.objects.labels(HOME)} == {GREEN: 3, AMBER: 0, RED: 1}


def test_relabelling_what_is_not_here_or_with_other_portions_changes_nothing(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(1)], source=HERE, at=1)
        with pytest.raises(NotFound):
            unit.objects.relabel([(key_of(marked(2)), (RED,))])
        with pytest.raises(InputFault):
            unit.objects.relabel([(key_of(marked(1)), (RED, RED))])
        assert unit.objects.labels_of(HOME, key_of(marked(1))) == (GREEN,)


def test_values_are_found_with_the_portion_that_holds_them(store: Store) -> None:
    values = (Value(kind="ipv4", key="192.0.2.7"), Value(kind="domain", key="example.org", portion=1))
    with store.write() as unit:
        unit.objects.add([marked(1, GREEN, AMBER, values=values), marked(2)], source=HERE, at=1)
    with store.read() as unit:
        hits = unit.objects.hits(
            HOME, [("ipv4", "192.0.2.7"), ("domain", "example.org"), ("domain", "x.test")]
        )
        green, amber = (hash for hash, label, _ in unit.objects.labels(HOME))
        found = {(hit.kind, hit.key, hit.object, hit.portion, hit.label) for hit in hits}
    key = key_of(marked(1, GREEN, AMBER))
    assert found == {("ipv4", "192.0.2.7", key, 0, green), ("domain", "example.org", key, 1, amber)}


def test_originated_names_only_the_ids_of_that_party(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(1), marked(2, originator=THERE)], source=THERE, at=1)
    ids = [stix_id(1), stix_id(2), stix_id(3), "not an id"]
    with store.read() as unit:
        assert unit.objects.originated(THERE, ids) == {stix_id(2)}
        assert unit.objects.originated("c" * 50, ids) == set()


def test_an_object_with_as_many_labels_as_portions_only(store: Store) -> None:
    odd = marked(1, GREEN, AMBER)
    with store.write() as unit, pytest.raises(InputFault):
        unit.objects.add([type(odd)(originator=HERE, object=odd.object, labels=(GREEN,))], source=HERE, at=1)


def test_what_is_settled_and_what_is_fresh_are_found_alike(make_store: MakeStore) -> None:
    """Closing and opening again, and a second store that adds, must not hide an id or a value from either."""
    value = (Value(kind="imo", key="9074729"),)
    one, two = make_store(), make_store()
    for number, store in enumerate((one, two, one, two)):
        with store.write() as unit:
            added = unit.objects.add([marked(n, values=value) for n in range(number + 1)], source=HERE, at=1)
            assert (added.stored, added.known) == (1, number)
    for store in (one, two):
        with store.read() as unit:
            assert len(unit.objects.hits(HOME, [("imo", "9074729")])) == 4
            assert all(unit.objects.find(HOME, stix_id(n)) for n in range(4))
