"""Markings in bytes: whose definition counts for what, and in whatever order they come they are never undercut."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.labels import Label, Tlp
from simpul.domain.queries import HOME
from simpul.errors import ApprovalRefusal
from simpul.services.releasing import release
from tests.federation.nations import Nation, World
from tests.federation.objects import indicator, label, stix

MARKING = "marking-definition--fa42a846-8d90-4e51-bc29-71d5b4802168"
"""ATT&CK's own, whose statement changed between 16.1 and 18.1 under one id and without a `modified`."""

TLP_2_RED = {"extension_type": "property-extension", "tlp_2_0": "red"}
TLP_2 = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"


def definition(**properties: Any) -> dict[str, Any]:
    head = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": MARKING,
        "created": "2017-06-01T00:00:00.000Z",
    }
    return head | properties


def statement(text: str) -> dict[str, Any]:
    return definition(definition_type="statement", definition={"statement": text})


ATTACK_16 = statement("Copyright 2015-2024, The MITRE Corporation.")
ATTACK_18 = statement("Copyright 2015-2025, The MITRE Corporation.")
RED = definition(name="TLP:RED", extensions={TLP_2: TLP_2_RED})
UNREADABLE = definition(definition_type="x-secret", definition={"x-secret": "words of nobody here"})
BEARER = indicator("bearer", "203.0.113.40", object_marking_refs=[MARKING])
PART = indicator(
    "part",
    "203.0.113.41",
    description="a paragraph",
    granular_markings=[{"marking_ref": MARKING, "selectors": ["description"]}],
)
OPEN = label("Borealia", tlp="clear")


def labels(nation: Nation, each: dict[str, Any], originator: Nation | None = None) -> tuple[Label, ...]:
    with nation.node.store.read() as unit:
        (head,) = unit.objects.find(HOME, each["id"], originator=(originator or nation).party)
        return unit.objects.labels_of(HOME, head.key)


def sends(world: World, source: Nation, target: Nation, *objects: dict[str, Any]) -> None:
    source.releases(source.drafts(*objects), target)
    world.exchange(2)


@pytest.mark.parametrize("order", [(ATTACK_16, ATTACK_18), (ATTACK_18, ATTACK_16)])
def test_every_content_of_a_marking_holds_in_whatever_order_they_come(
    arunika: Nation, order: tuple[dict[str, Any], ...]
) -> None:
    arunika.imports(OPEN, order[0], BEARER, PART)
    before = len(arunika.leaves("mark"))
    arunika.imports(OPEN, order[1])
    both = {f"attribute: {each['definition']['statement']}" for each in order}
    assert labels(arunika, BEARER)[0].obligations == both
    whole, part = labels(arunika, PART)
    assert whole.obligations == frozenset()
    assert part.obligations == both
    assert len(arunika.leaves("mark")) == before + 1


def test_a_definition_that_comes_after_its_bearers_is_read_and_holds(arunika: Nation) -> None:
    arunika.imports(OPEN, BEARER, PART)
    assert labels(arunika, BEARER)[0].unmapped == {MARKING}
    arunika.imports(OPEN, ATTACK_16)
    late = (labels(arunika, BEARER), labels(arunika, PART))
    again = indicator("again", "203.0.113.42", object_marking_refs=[MARKING])
    arunika.imports(OPEN, again)
    assert late[0] == labels(arunika, again)
    assert [each.unmapped for each in late[1]] == [frozenset(), frozenset()]
    assert late[1][1] == late[0][0]


def test_a_stricter_second_content_closes_what_is_stored_and_voids_its_approval(
    arunika: Nation, borealia: Nation
) -> None:
    arunika.imports(OPEN, ATTACK_16, BEARER)
    product = arunika.drafts(BEARER, ATTACK_16)
    arunika.approves(product, borealia)
    arunika.imports(OPEN, RED)
    assert labels(arunika, BEARER)[0].tlp is Tlp.RED
    with pytest.raises(ApprovalRefusal):
        release(arunika.node, arunika.people["bima"], product.id, [borealia.party])


def test_what_cannot_be_read_stays_closed(arunika: Nation) -> None:
    arunika.imports(OPEN, BEARER)
    arunika.imports(OPEN, UNREADABLE)
    assert labels(arunika, BEARER)[0].unmapped == {MARKING}
    arunika.imports(OPEN, ATTACK_16)
    assert labels(arunika, BEARER)[0].unmapped == {MARKING}


def test_a_refused_definition_opens_nothing(arunika: Nation) -> None:
    arunika.imports(OPEN, BEARER)
    faulty = {name: each for name, each in ATTACK_16.items() if name != "created"}
    assert arunika.imports(OPEN, faulty).refused == 1
    assert labels(arunika, BEARER)[0].unmapped == {MARKING}


def test_a_partners_definition_does_not_relabel_our_own(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    borealia.imports(OPEN, ATTACK_16, BEARER)
    ours = labels(borealia, BEARER)
    arunika.imports(OPEN, RED | {"extensions": {TLP_2: TLP_2_RED | {"tlp_2_0": "amber"}}})
    sends(world, arunika, borealia, {"id": MARKING})
    assert borealia.status()["admitted"] == 1
    assert labels(borealia, BEARER) == ours
    borealia.marks(OPEN, BEARER)
    assert labels(borealia, BEARER) == ours
    again = indicator("again", "203.0.113.42", object_marking_refs=[MARKING])
    borealia.imports(OPEN, again)
    assert labels(borealia, again) == ours


def test_a_partners_definition_does_not_open_our_own(world: World, arunika: Nation, borealia: Nation) -> None:
    borealia.imports(OPEN, BEARER)
    arunika.imports(OPEN, ATTACK_16)
    sends(world, arunika, borealia, ATTACK_16)
    assert borealia.status()["admitted"] == 1
    borealia.marks(OPEN, BEARER)
    assert labels(borealia, BEARER)[0].unmapped == {MARKING}


def test_a_third_nations_definition_is_nothing_to_what_a_partner_sends(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    """Cendara's unreadable content of the marking must not send Borealia's objects into quarantine at Arunika."""
    cendara.imports(label("Arunika", tlp="clear"), UNREADABLE)
    sends(world, cendara, arunika, UNREADABLE)
    assert arunika.status()["admitted"] == 1
    borealia.imports(label("Arunika", tlp="clear"), ATTACK_16, BEARER)
    sends(world, borealia, arunika, ATTACK_16, BEARER)
    assert labels(arunika, BEARER, borealia)[0].unmapped == frozenset()
    with arunika.node.store.read() as unit:
        assert {item.sender for item in unit.mail.quarantined()} <= {cendara.party}


def test_a_partners_second_content_binds_what_it_sent_before(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.imports(OPEN, ATTACK_16, BEARER)
    sends(world, arunika, borealia, ATTACK_16, BEARER)
    assert labels(borealia, BEARER, arunika)[0].tlp is Tlp.CLEAR
    stricter = RED | {"extensions": {TLP_2: TLP_2_RED | {"tlp_2_0": "amber"}}}
    arunika.imports(OPEN, stricter)
    sends(world, arunika, borealia, stricter)
    assert labels(borealia, BEARER, arunika)[0].tlp is Tlp.AMBER


def test_our_stricter_content_binds_what_a_partner_sent(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.imports(OPEN, ATTACK_16, BEARER)
    sends(world, arunika, borealia, ATTACK_16, BEARER)
    borealia.imports(OPEN, RED)
    assert labels(borealia, BEARER, arunika)[0].tlp is Tlp.RED


def test_importing_again_under_a_stricter_label_holds_what_is_known(arunika: Nation) -> None:
    arunika.imports(label("Borealia", "Cendara"), BEARER, PART, ATTACK_16)
    before = len(arunika.leaves("mark"))
    report = arunika.imports(label("Borealia", tlp="amber"), BEARER, PART)
    assert (report.stored, report.known) == (0, 2)
    for held in (*labels(arunika, BEARER), *labels(arunika, PART)):
        assert held.tlp is Tlp.AMBER
        assert len(held.releasable_to) == 2
    (leaf,) = arunika.leaves("mark")[before:]
    assert leaf["objects"] == 2


def test_importing_again_never_widens(arunika: Nation) -> None:
    arunika.imports(label("Borealia", tlp="amber"), BEARER, ATTACK_16)
    before = labels(arunika, BEARER)
    arunika.imports(label("Borealia", tlp="clear", topics=()), BEARER)
    assert labels(arunika, BEARER) == before


def test_importing_again_by_tlp_adds_the_tlp_to_what_was_marked_since(arunika: Nation) -> None:
    arunika.imports(label("Borealia", tlp="amber"), BEARER, ATTACK_16)
    marked = labels(arunika, BEARER)
    arunika.imports_by_tlp("amber", BEARER)
    assert labels(arunika, BEARER) == marked
    arunika.imports_by_tlp("red", BEARER)
    assert labels(arunika, BEARER) == (replace(marked[0], tlp=Tlp.RED),)


def test_a_marking_nobody_bears_costs_no_leaf(arunika: Nation) -> None:
    own = stix("identity", "own", name="harbour office")
    arunika.imports(OPEN, own, ATTACK_16)
    arunika.imports(OPEN, ATTACK_18)
    assert arunika.leaves("mark") == []
