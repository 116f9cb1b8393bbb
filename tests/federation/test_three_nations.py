"""What each nation gets of one product: by its agreement, by each object's label, and never more."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.federation.nations import Nation, World
from tests.federation.objects import indicator, label, note, stix

OPEN = indicator("open", "203.0.113.7", description="canary-open-1")
FOR_B = indicator("for-b", "203.0.113.8", description="canary-for-b-2")
BY_TOPIC = indicator("by-topic", "203.0.113.9", description="canary-topic-3")
SECRET = indicator("secret", "203.0.113.10", description="canary-secret-4")
LINKED = note("linked", "canary-linked-5", OPEN, SECRET)

BOTH = ("Borealia", "Cendara")


def ids(data: bytes) -> set[str]:
    return {each["id"] for each in json.loads(data)["objects"]}


@pytest.fixture
def released(world: World, arunika: Nation, borealia: Nation, cendara: Nation, tmp_path: Path) -> Any:
    arunika.imports(label(), OPEN, FOR_B, BY_TOPIC, SECRET, LINKED)
    arunika.marks(label(*BOTH), OPEN, LINKED)
    arunika.marks(label("Borealia", tlp="amber+strict"), FOR_B)
    arunika.marks(label(*BOTH, tlp="green", topics=("radiological",)), BY_TOPIC)
    product = arunika.drafts(portions=PORTIONS)
    previews = arunika.previews(product, borealia, cendara, out=tmp_path / "out")
    arunika.releases(product, borealia, cendara)
    world.exchange(2)
    return previews


PORTIONS = f"""
[[portion]]
text = "canary-text-open"
[portion.label]
{label(*BOTH)}
[[portion]]
text = "canary-text-borealia"
[portion.label]
{label("Borealia")}
[[portion]]
text = "canary-text-nobody"
[portion.label]
{label()}
"""


def test_each_nation_gets_what_its_agreement_and_the_labels_allow(
    released: Any, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    assert ids(arunika.export()) == {each["id"] for each in (OPEN, FOR_B, BY_TOPIC, SECRET, LINKED)}
    assert ids(borealia.export()) == {OPEN["id"], FOR_B["id"], BY_TOPIC["id"], LINKED["id"]}
    assert ids(cendara.export()) == {OPEN["id"], LINKED["id"]}
    assert arunika.status()["withheld"] == [
        {"clause": "agreement.topic", "count": 1},
        {"clause": "label.releasable-to", "count": 3},
    ]


def test_the_preview_equals_what_arrives_byte_for_byte(
    released: Any, borealia: Nation, cendara: Nation, tmp_path: Path
) -> None:
    for each, nation in zip(released, (borealia, cendara), strict=True):
        lines = nation.export().split(b"\n")[1:-2]
        arrived = {hashlib.sha256(line.removesuffix(b",")).hexdigest() for line in lines}
        assert {o.sha256.hex() for o in each.objects if o.sha256} == arrived
        written = {p.name: p.read_bytes() for p in (tmp_path / "out" / nation.party).iterdir()}
        assert all(hashlib.sha256(body).hexdigest() == name for name, body in written.items())
        assert arrived <= set(written)


def test_a_canary_of_what_is_withheld_is_nowhere_but_at_its_owner(
    released: Any, world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    from simpul.services.reading import product_document, read_inbox

    relay = world.relay_bytes()
    seen = {
        nation.name: nation.export() + json.dumps([i.document() for i in read_inbox(nation.node)]).encode()
        for nation in (borealia, cendara)
    }
    own = arunika.export()
    with arunika.node.store.read() as unit:
        (product,) = unit.products.products()
    own += json.dumps(product_document(arunika.node, product.id, None)).encode()
    kept_from = {
        b"canary-open-1": (),
        b"canary-text-open": (),
        b"canary-linked-5": (),
        b"canary-for-b-2": ("Cendara",),
        b"canary-topic-3": ("Cendara",),
        b"canary-text-borealia": ("Cendara",),
        b"canary-secret-4": ("Borealia", "Cendara"),
        b"canary-text-nobody": ("Borealia", "Cendara"),
        SECRET["id"].encode(): ("Borealia", "Cendara"),
        b"203.0.113.10": ("Borealia", "Cendara"),
    }
    for word, nations in kept_from.items():
        assert word in own
        assert word not in relay
        assert {name for name, data in seen.items() if word not in data} == set(nations)


def test_both_ends_recompute_the_same_decision(
    released: Any, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    from simpul.domain.policy import Outcome, agreement_part
    from simpul.protocol.agreements import decode_agreement
    from simpul.protocol.documents import parse_document
    from simpul.protocol.labels import from_wire
    from simpul.protocol.manifest import decode_manifest

    for nation in (borealia, cendara):
        with nation.node.store.read() as unit:
            (item,) = unit.mail.inbox()
            rows = unit.directory.signed("agreement")
        manifest = decode_manifest(parse_document(item.manifest).payload)
        (row,) = [r for r in rows if r.hash == manifest.agreement]
        terms = decode_agreement(parse_document(row.document).payload)
        duties: set[str] = set()
        for wire in manifest.labels:
            part = agreement_part(
                from_wire(wire),
                sender=arunika.party,
                recipient=nation.party,
                purpose=manifest.purpose,
                agreement=terms,
                at=manifest.created,
            )
            assert part.outcome is Outcome.PERMIT
            duties.update(part.obligations)
        assert duties == set(manifest.obligations)


def test_every_receipt_verifies_and_counts_objects(
    released: Any, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    from simpul.services.reading import verify_receipts

    found = {each.sender: each for each in verify_receipts(arunika.node)}
    assert found[borealia.party].counts == {"admitted": 4, "quarantined": 0, "refused": 0}
    assert found[cendara.party].counts == {"admitted": 2, "quarantined": 0, "refused": 0}
    assert all(each.verified and each.outcome == "admitted" for each in found.values())


def test_what_was_received_is_not_released_onward(
    released: Any, world: World, borealia: Nation, cendara: Nation
) -> None:
    from simpul.errors import PolicyRefusal
    from tests.federation.objects import agreement

    borealia.proposes(agreement("Borealia", "Cendara"))
    world.exchange(1)
    cendara.signs("borealia-cendara")
    world.exchange(2)
    own = stix("identity", "own", name="harbour office", identity_class="organization")
    borealia.imports(label("Cendara"), own)
    product = borealia.drafts()
    (shown,) = borealia.previews(product, cendara)
    going = {o.id for o in shown.objects if o.sha256}
    assert going == {own["id"]}
    assert {o.clause for o in shown.objects if not o.sha256} == {"label.onward"}
    borealia.releases(product, cendara)
    world.exchange(2)
    assert FOR_B["id"].encode() not in cendara.export()
    with pytest.raises(PolicyRefusal):
        borealia.releases(borealia.drafts(OPEN, purpose="espionage"), cendara)
