"""How a circle begins: every first member signs, and members who never met learn each other's cards from the charter."""

from __future__ import annotations

import pytest

from simpul.errors import InputFault, NotFound, Refusal
from simpul.services.chartering import show
from tests.federation.circles import PURPOSE, RING, charter, offers, proposes, signs, stands
from tests.federation.nations import Nation, World
from tests.federation.objects import indicator, label


def test_a_circle_is_in_force_when_every_first_member_has_signed_and_pins_the_cards_of_strangers(
    strangers: World,
) -> None:
    arunika, borealia, cendara = strangers.nations.values()
    for other in (borealia, cendara):
        arunika.knows(other)
        other.knows(arunika)
    strangers.exchange(3)
    proposes(arunika, charter("Arunika", "Borealia", "Cendara"))
    strangers.exchange(2)
    signs(borealia)
    strangers.exchange(2)
    for nation in (arunika, borealia):
        assert show(nation.node, RING).state == "proposed"
    assert len(borealia.status()["partners"]) == 1
    signs(cendara)
    strangers.exchange(6)
    assert [stands(n) for n in (arunika, borealia, cendara)] == [(1, "in-force")] * 3
    assert show(borealia.node, RING).behind == ()
    assert {each["name"] for each in borealia.status()["partners"]} == {"Arunika", "Cendara"}
    made = offers(borealia, "stranger")
    borealia.releases(borealia.drafts(made, purpose=PURPOSE), cendara)
    strangers.exchange(2)
    assert made["id"].encode() in cendara.export()


def test_what_nobody_should_sign_is_refused_with_the_reason(world: World, arunika: Nation) -> None:
    with pytest.raises(InputFault, match="coastal-ring"):
        arunika.imports(label(RING), indicator("x", "203.0.113.73"))
    with pytest.raises(InputFault, match="threshold"):
        proposes(arunika, charter("Arunika", "Borealia", "Cendara", threshold=1))
    with pytest.raises(InputFault, match="parties"):
        proposes(arunika, charter("Borealia", "Cendara"))
    with pytest.raises(InputFault, match="circles"):
        proposes(arunika, charter("Arunika", "Borealia", more="circles = ['unknown']\n"))
    with pytest.raises(InputFault, match="epoch"):
        proposes(arunika, charter("Arunika", "Borealia", more="epoch = 4\n"))
    with pytest.raises(NotFound):
        signs(arunika)
    proposes(arunika, charter("Arunika", "Borealia"))
    with pytest.raises(Refusal):
        signs(arunika)
