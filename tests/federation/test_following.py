"""What becomes of a product at its recipients, as its originator sees it; and what an answer must not tell."""

from __future__ import annotations

from typing import Any

import pytest

from simpul.errors import PolicyRefusal
from simpul.services.answering import Deed, give_feedback
from simpul.services.reading import open_product, product_document, verify_receipts
from tests.federation.nations import DRAFTER, Nation, World
from tests.federation.objects import indicator, label

SENT = [indicator(f"sent-{n}", f"203.0.113.{60 + n}") for n in range(3)]
OTHER = indicator("other", "203.0.113.90")
KEPT = indicator("kept", "203.0.113.91")
BOTH = label("Borealia", "Cendara")


@pytest.fixture
def product(world: World, arunika: Nation, borealia: Nation, cendara: Nation) -> str:
    arunika.limit(part=2)
    arunika.imports(BOTH, *SENT)
    made = arunika.drafts(*SENT)
    arunika.releases(made, borealia, cendara)
    world.exchange(2)
    return made.id


def followed(nation: Nation, product: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in product_document(nation.node, product, None)["recipients"]}


def says(nation: Nation, product: str, text: str, *, acted: bool = False) -> None:
    deed = Deed() if acted else None
    give_feedback(nation.node, nation.people[DRAFTER], product, rating="useful", text=text, deed=deed)


def test_each_recipients_times_are_seen_as_they_come(
    world: World, arunika: Nation, borealia: Nation, product: str
) -> None:
    before = followed(arunika, product)
    for each in before.values():
        assert None not in (each["approved"], each["released"], each["whole"])
        assert (each["admitted"], each["parts"], each["answered"]) == (3, each["parts"], each["parts"])
        assert each["parts"] > 1
        assert (each["opened"], each["acted"]) == (None, None)
    open_product(borealia.node, product)
    world.exchange(2)
    opened = followed(arunika, product)
    assert opened["Cendara"] == before["Cendara"]
    assert opened["Borealia"]["opened"] is not None
    assert opened["Borealia"] | {"opened": None} == before["Borealia"]
    says(borealia, product, "patrols were sent", acted=True)
    world.exchange(2)
    acted = followed(arunika, product)["Borealia"]
    assert acted["acted"] is not None
    assert acted | {"acted": None} == opened["Borealia"]
    receipts = verify_receipts(arunika.node)
    assert {each.outcome for each in receipts} >= {"admitted", "opened", "acted"}
    assert all(each.verified for each in receipts)


def test_only_the_first_reading_is_told(
    world: World, arunika: Nation, borealia: Nation, product: str
) -> None:
    for _ in range(2):
        open_product(borealia.node, product)
        world.exchange(2)
    assert [each.outcome for each in verify_receipts(arunika.node)].count("opened") == 1


def test_feedback_without_action_says_nothing_of_action(
    world: World, arunika: Nation, borealia: Nation, product: str
) -> None:
    says(borealia, product, "thank you")
    world.exchange(2)
    assert followed(arunika, product)["Borealia"]["acted"] is None


def test_a_product_not_yet_released_has_no_later_times(arunika: Nation, borealia: Nation) -> None:
    arunika.imports(BOTH, *SENT)
    made = arunika.drafts(*SENT)
    assert product_document(arunika.node, made.id, None)["recipients"] == []
    arunika.approves(made, borealia)
    each = followed(arunika, made.id)["Borealia"]
    assert each["approved"] is not None
    assert (each["state"], each["released"], each["whole"], each["admitted"]) == ("approved", None, None, 0)


def test_a_note_names_nothing_that_its_recipient_was_not_granted(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation, product: str
) -> None:
    cendara.imports(label("Arunika"), OTHER)
    borealia.imports(label(), KEPT)
    for secret in (KEPT["id"], OTHER["id"], KEPT["id"].upper()):
        with pytest.raises(PolicyRefusal) as refusal:
            says(borealia, product, f"compare ({secret})")
        assert refusal.value.where == "reference.text"
    assert borealia.leaves("feedback") == []
    says(borealia, product, f"{SENT[0]['id']} of {product} was of use")
    world.exchange(2)
    assert [each["note"] for each in arunika.status()["feedback"]] == [
        f"{SENT[0]['id']} of {product} was of use"
    ]
