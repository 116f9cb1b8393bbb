"""How nations meet: unknown parties, cards in either order, cards that do not fit."""

from __future__ import annotations

import pytest

from simpul.errors import PartnerFault, Refusal, SimpulError
from simpul.services.connecting import add_card, own_card, renew_card
from tests.federation.nations import DAY, World
from tests.federation.objects import agreement, indicator, label


def may_write(world: World, one: str, other: str) -> bool:
    partners = {each["name"]: each for each in world.nations[one].status()["partners"]}
    return other in partners and bool(partners[other]["can_write_to"])


@pytest.mark.parametrize("order", [("Arunika", "Borealia"), ("Borealia", "Arunika")])
def test_cards_may_be_added_in_either_order_and_days_apart(strangers: World, order: tuple[str, str]) -> None:
    first, second = (strangers.nations[name] for name in order)
    first.knows(second)
    strangers.exchange(2)
    assert not may_write(strangers, *order)
    assert [each["party"] for each in second.status()["introductions"]] == [first.party]
    assert second.status()["partners"] == []
    strangers.pass_time(2 * DAY)
    second.knows(first)
    strangers.exchange(3)
    assert may_write(strangers, *order)
    assert may_write(strangers, *reversed(order))
    assert second.status()["introductions"] == []
    first.proposes(agreement("Arunika", "Borealia"))
    strangers.exchange(2)
    second.signs("arunika-borealia")
    strangers.exchange(2)
    made = indicator("first", "203.0.113.40")
    first.imports(label(second.name), made)
    first.releases(first.drafts(), second)
    strangers.exchange(2)
    assert made["id"].encode() in second.export()


def test_an_unknown_party_leaves_nothing_but_its_introduction(strangers: World) -> None:
    arunika, borealia, _ = strangers.nations.values()
    borealia.sync()
    arunika.knows(borealia)
    arunika.sync()
    before = len(borealia.log())
    report = borealia.sync()
    strangers.exchange(1)
    assert report.received == 0
    assert any("whose card is not here" in problem for problem in report.problems)
    assert len(borealia.log()) == before
    assert borealia.agreements() == {}


def test_a_card_whose_fingerprint_differs_is_not_trusted(strangers: World) -> None:
    arunika, borealia, cendara = strangers.nations.values()
    card = arunika.file(own_card(borealia.node).document)
    with pytest.raises(Refusal, match="fingerprint"):
        add_card(arunika.node, card, cendara.party, "")
    assert arunika.status()["partners"] == []
    spoken = " ".join(borealia.party[at : at + 5].upper() for at in range(0, 50, 5))
    assert add_card(arunika.node, card, spoken, "").name == "Borealia"


def test_a_card_altered_at_any_byte_is_refused(strangers: World) -> None:
    arunika, borealia, _ = strangers.nations.values()
    document = own_card(borealia.node).document
    for at in range(0, len(document), 97):
        altered = document[:at] + bytes([document[at] ^ 1]) + document[at + 1 :]
        with pytest.raises(SimpulError):
            add_card(arunika.node, arunika.file(altered), borealia.party, "")
    assert arunika.status()["partners"] == []


def test_an_older_card_never_replaces_a_newer_one(strangers: World) -> None:
    arunika, borealia, _ = strangers.nations.values()
    old = arunika.file(own_card(borealia.node).document)
    renew_card(borealia.node, borealia.root, [])
    arunika.knows(borealia)
    with pytest.raises(PartnerFault):
        add_card(arunika.node, old, borealia.party, "")
    assert [each["card"] for each in arunika.status()["partners"]] == [2]


def test_a_card_is_renewed_only_by_its_own_root(strangers: World) -> None:
    arunika, borealia, _ = strangers.nations.values()
    with pytest.raises(SimpulError, match="not this party's"):
        renew_card(borealia.node, arunika.root, [])
    assert own_card(borealia.node).version == 1
