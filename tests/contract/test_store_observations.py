"""What an import asks of the store besides objects: who bears a marking, and which observations an indicator concerns."""

from __future__ import annotations

import msgspec

from simpul.domain.labels import Label, Tlp, join
from simpul.domain.mail import MatchRow
from simpul.domain.objects import Marked, Value
from simpul.domain.queries import HOME, Audience
from simpul.ports import Store
from simpul.protocol.labels import label_hash
from tests.contract.stored_things import AMBER, GREEN, HERE, RED, THERE, key_of, marked, stix_id

ON_ALL = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
ON_A_PORTION = stix_id(1, "marking-definition")
ONLY_GREEN = Audience(labels=frozenset({label_hash(GREEN)}))


def saying(number: int, kind: str, label: Label, *ids: str) -> Marked:
    made = marked(number, label, kind=kind)
    return msgspec.structs.replace(made, object=msgspec.structs.replace(made.object, seen=ids))


def test_restricting_joins_and_says_what_changed(store: Store) -> None:
    plain, parted, closed = marked(1, GREEN), marked(2, GREEN, AMBER), marked(3, RED)
    with store.write() as unit:
        unit.objects.add([plain, parted, closed], source=HERE, at=1)
        keys = [key_of(each) for each in (plain, parted, closed)]
        assert set(unit.objects.restrict(keys, AMBER)) == set(keys[:2])
        assert unit.objects.labels_of(HOME, keys[0]) == (AMBER,)
        assert unit.objects.labels_of(HOME, keys[1]) == (AMBER, AMBER)
        assert unit.objects.labels_of(HOME, keys[2]) == (RED,)
        assert unit.objects.restrict(keys, AMBER) == []
        duty = Label(obligations=frozenset({"attribute: us"}))
        assert set(unit.objects.restrict(keys, duty)) == set(keys)
        assert unit.objects.labels_of(HOME, keys[2]) == (join(Label(tlp=Tlp.RED), duty),)
        assert unit.objects.restrict([key_of(marked(9))], AMBER) == []


def test_bearers_of_a_marking_are_found_page_by_page(store: Store) -> None:
    batch = [marked(n, GREEN, *((GREEN, AMBER) if n % 2 else ())) for n in range(1, 8)]
    with store.write() as unit:
        unit.objects.add(batch, source=HERE, at=1)
    with store.read() as unit:
        found, after = [], None
        for _ in range(4):
            heads, after = unit.objects.bearers(HOME, ON_ALL, limit=2, after=after)
            found += [head.key for head in heads]
        assert after is None
        assert found == [key_of(each) for each in reversed(batch)]
        parts, _ = unit.objects.bearers(HOME, ON_A_PORTION, limit=100)
        assert [head.key for head in parts] == [key_of(batch[n]) for n in (6, 4, 2, 0)]
        assert unit.objects.bearers(HOME, stix_id(99, "marking-definition"), limit=100) == ([], None)


def test_a_marking_on_a_portion_that_is_not_permitted_is_not_told(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(1, GREEN, GREEN, AMBER), marked(2, AMBER)], source=HERE, at=1)
        heads, _ = unit.objects.bearers(ONLY_GREEN, ON_ALL, limit=100)
        assert [head.key for head in heads] == [key_of(marked(1))]
        assert unit.objects.bearers(ONLY_GREEN, ON_A_PORTION, limit=100)[0] == []


def test_observations_are_found_by_the_names_above_them(store: Store) -> None:
    name = Value(kind="domain", key="a.port.example.org")
    url = Value(kind="url", key="https://198.51.100.7/x")
    observed = [
        marked(1, GREEN, kind="domain-name", values=(name,)),
        marked(2, AMBER, kind="url", values=(url,)),
        marked(3, GREEN, kind="indicator", values=(name,)),
    ]
    wanted = [("domain", "port.example.org"), ("ipv4", "198.51.100.7"), ("domain", "a.port.example.org")]
    with store.write() as unit:
        unit.objects.add(observed, source=HERE, at=1)
        hits = unit.objects.covered(HOME, wanted)
        assert {(h.kind, h.key, h.object) for h in hits} == {
            (*wanted[0], key_of(observed[0])),
            (*wanted[1], key_of(observed[1])),
        }
        assert [h.object for h in unit.objects.covered(ONLY_GREEN, wanted)] == [key_of(observed[0])]
        assert unit.objects.hits(HOME, wanted[:2]) == []


def test_observations_are_found_by_what_they_say_was_seen(store: Store) -> None:
    seen, other = stix_id(1, "ipv4-addr"), stix_id(2, "ipv4-addr")
    data = saying(1, "observed-data", GREEN, seen, other)
    sighting = saying(2, "sighting", AMBER, seen)
    note = saying(3, "note", GREEN, seen)
    with store.write() as unit:
        unit.objects.add([data, sighting, note], source=HERE, at=1)
        found = [(id, head.key) for id, head in unit.objects.observations(HOME, [seen, other])]
        assert sorted(found) == sorted(
            [(seen, key_of(data)), (other, key_of(data)), (seen, key_of(sighting))]
        )
        permitted = unit.objects.observations(ONLY_GREEN, [seen])
        assert [head.key for _, head in permitted] == [key_of(data)]


def test_matches_follow_the_name_of_their_observation(store: Store) -> None:
    match = MatchRow(
        kind="ipv4",
        value="192.0.2.7",
        at=HERE,
        source=THERE,
        indicator="indicator--1",
        observation="ipv4-addr--1",
        reason="equal",
        found=3,
    )
    named = msgspec.structs.replace(match, observation="observed-data--1")
    other = msgspec.structs.replace(match, observation="ipv4-addr--2")
    with store.write() as unit:
        unit.mail.add_matches([match, other])
        unit.mail.name_observations([("ipv4-addr--1", "observed-data--1")])
        assert unit.mail.matches() == [named, other]
        unit.mail.add_matches([match])
        unit.mail.name_observations([("ipv4-addr--1", "observed-data--1")])
        assert unit.mail.matches() == [named, other]
