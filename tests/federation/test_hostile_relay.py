"""A relay that loses, repeats, swaps, alters and readdresses: both ends notice, and nothing is applied twice or torn."""

from __future__ import annotations

import json

from simpul.domain.products import Precedence
from simpul.ports import Transport
from simpul.services.connecting import address_of
from simpul.services.delivering import Session, carry, number_waiting
from simpul.services.packing import Packer
from simpul.services.receiving import Fate, receive
from simpul.services.syncing import SyncReport
from simpul.services.upkeep import run_jobs
from tests.federation.nations import DAY, Envelopes, Nation, World, lost
from tests.federation.objects import indicator, label, stix

MANY = [indicator(f"many-{n}", f"198.51.100.{n}") for n in range(1, 7)]
MANY_IDS = {each["id"] for each in MANY}


def arrived(nation: Nation) -> set[str]:
    return {each["id"] for each in json.loads(nation.export())["objects"]} & MANY_IDS


def in_parts(arunika: Nation, borealia: Nation) -> None:
    """Six objects on their way to Borealia in parts of one."""
    arunika.limit(part=1)
    arunika.imports(label("Borealia"), *MANY)
    arunika.releases(arunika.drafts(*MANY), borealia)


def test_what_the_relay_loses_is_sent_again_until_it_is_acknowledged(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    in_parts(arunika, borealia)
    arunika.wire.on_put = lost
    assert arunika.sync().sent == 6
    world.exchange(2)
    assert arrived(borealia) == set()
    assert arunika.status()["unacknowledged"] >= 6
    arunika.wire.on_put = lambda envelope: [envelope]
    world.pass_time(DAY)
    world.exchange(2)
    assert arrived(borealia) == MANY_IDS
    assert arunika.status()["unacknowledged"] == 0
    assert borealia.status()["admitted"] == 6
    assert arunika.status()["sent"] == 6


def test_parts_are_admitted_in_any_order(world: World, arunika: Nation, borealia: Nation) -> None:
    borealia.wire.on_fetch = lambda envelopes: envelopes[::-1]
    in_parts(arunika, borealia)
    world.exchange(2)
    assert arrived(borealia) == MANY_IDS
    assert arunika.status()["unacknowledged"] == 0


def test_a_marking_that_comes_after_what_bears_it_changes_nothing(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    marking = stix(
        "marking-definition", "ours", definition_type="statement", definition={"statement": "ours"}
    )
    del marking["modified"]
    bearing = [
        indicator(f"marked-{n}", f"203.0.113.{n}", object_marking_refs=[marking["id"]]) for n in (1, 2)
    ]
    arunika.limit(part=1)
    arunika.imports(label("Borealia"), marking, *bearing)
    arunika.releases(arunika.drafts(), borealia)
    borealia.wire.on_fetch = lambda envelopes: envelopes[::-1]
    world.exchange(3)
    assert borealia.status()["admitted"] == 3
    assert borealia.status()["quarantine_waiting"] == 0


def test_the_same_envelope_again_changes_nothing_and_is_acknowledged_again(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    in_parts(arunika, borealia)
    arunika.sync()
    envelopes = [envelope for _, _, envelope in arunika.wire.puts]
    world.exchange(3)
    before = borealia.status()
    for envelope in reversed(envelopes):
        again = receive(borealia.node, envelope)
        assert (again.fate, again.objects, again.problem) == (Fate.TAKEN, 0, "")
    assert borealia.status() == before
    assert borealia.sync().messages_out == 1
    assert arrived(borealia) == MANY_IDS


def test_an_envelope_for_one_nation_is_useless_to_another(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    in_parts(arunika, borealia)
    arunika.wire.on_put = lost
    arunika.sync()
    stolen = [envelope for _, _, envelope in arunika.wire.puts if len(envelope) > 4000]
    assert stolen
    with arunika.node.store.read() as unit:
        _, seed, address = address_of(unit, arunika.node, cendara.party, "normal")
    for envelope in stolen:
        world.relay.client().put(address.tag, seed, envelope)
        world.relay.client().put(address.tag, seed, envelope[:16] + address.tag + envelope[32:])
    report = cendara.sync()
    assert report.received == 0
    assert report.problems
    assert arrived(cendara) == set()
    world.exchange(1)
    assert cendara.status()["stored"] == 0


def test_an_altered_envelope_is_reported_and_the_message_still_arrives(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    in_parts(arunika, borealia)

    def altered(envelopes: Envelopes) -> Envelopes:
        return [(id, data[:-1] + bytes([data[-1] ^ 1])) for id, data in envelopes]

    borealia.wire.on_fetch = altered
    arunika.sync()
    report = borealia.sync()
    assert report.received == 0
    assert any("unopenable" in problem for problem in report.problems)
    assert borealia.leaves("unopenable")
    borealia.wire.on_fetch = lambda envelopes: envelopes
    world.exchange(1)
    world.pass_time(DAY)
    world.exchange(2)
    assert arrived(borealia) == MANY_IDS


def numbered_by(nation: Nation, stream: bytes) -> None:
    """What a node does that numbers in a stream of its choice."""
    run_jobs(nation.node, Packer(nation.node))
    number_waiting(nation.node, Session(stream=stream))
    relays: dict[str, Transport] = {}
    carry(nation.node, relays)
    for relay in relays.values():
        relay.close()


def test_two_messages_under_one_number_are_evidence(world: World, arunika: Nation, borealia: Nation) -> None:
    one, other = indicator("one", "203.0.113.21"), indicator("other", "203.0.113.22")
    arunika.imports(label("Borealia"), one, other)
    first, second = arunika.drafts(one), arunika.drafts(other)
    before = arunika.copy()
    arunika.releases(first, borealia)
    numbered_by(arunika, b"one stream twice")
    assert borealia.sync().admitted == 1
    arunika.restore(before)
    arunika.releases(second, borealia)
    numbered_by(arunika, b"one stream twice")
    report = borealia.sync()
    assert report.admitted == 0
    assert any("evidence" in problem for problem in report.problems)
    (leaf,) = borealia.leaves("evidence")
    assert leaf["from"] == arunika.party
    assert other["id"].encode() not in borealia.export()


def quiet(world: World, rounds: int) -> list[SyncReport]:
    return [nation.sync() for _ in range(rounds) for nation in world.nations.values()]


def test_acks_and_receipts_come_to_an_end(world: World, arunika: Nation, borealia: Nation) -> None:
    in_parts(arunika, borealia)
    quiet(world, 4)
    last = quiet(world, 2)
    assert [each.messages_out for each in last] == [0] * 6
    assert all(nation.status()["unacknowledged"] == 0 for nation in world.nations.values())


def test_the_urgent_product_arrives_before_what_was_released_earlier(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    in_parts(arunika, borealia)
    hot = indicator("hot", "203.0.113.99")
    arunika.imports(label("Borealia"), hot)
    flash = arunika.drafts(hot, precedence=Precedence.FLASH)
    arunika.releases(flash, borealia)
    arunika.sync()
    borealia.sync()
    order = [leaf["product"] == flash.id for leaf in borealia.leaves("admission")]
    assert order == sorted(order, reverse=True)
    assert (order.count(True), order.count(False)) == (2, 7)
