"""A recall over two hops: it goes where the holder passed it on, also to one that was away for a week."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simpul.domain.queries import HOME
from simpul.services.auditing import verify_own_log
from simpul.services.recalling import Wanted, list_recalls, tighten
from tests.federation.conftest import AtRest
from tests.federation.nations import APPROVER, HOUR, WEEK, Nation, World, copied
from tests.federation.objects import agreement, label
from tests.federation.test_onward import ASKED, FREE, OTHER, OURS, consented
from tests.federation.test_recall import WHY, answers, looks, objects, recalls, stored


@pytest.fixture(scope="module")
def passed_on_at_rest(friends_at_rest: AtRest, tmp_path_factory: pytest.TempPathFactory) -> AtRest:
    """Arunika gave three objects to Borealia, which passed two of them on to Cendara: by consent, and freely."""
    made = copied(friends_at_rest[0], tmp_path_factory.mktemp("passed-on"), friends_at_rest[1])
    try:
        arunika, borealia, cendara = made.nations.values()
        borealia.proposes(agreement("Borealia", "Cendara", onward="free"))
        made.exchange(1)
        cendara.signs("borealia-cendara")
        made.exchange(2)
        arunika.imports(label("Borealia"), ASKED, OTHER)
        arunika.releases(arunika.drafts(ASKED, OTHER), borealia)
        made.exchange(2)
        borealia.imports(label("Cendara"), OURS)
        borealia.releases(consented(made, arunika, borealia, cendara, ASKED), cendara)
        made.exchange(2)
        made.relay.terminate()
    finally:
        made.close()
    return made.folder, friends_at_rest[1]


@pytest.fixture
def world(passed_on_at_rest: AtRest, tmp_path: Path) -> Iterator[World]:
    made = copied(passed_on_at_rest[0], tmp_path / "world", passed_on_at_rest[1])
    yield made
    made.close()


def test_it_reaches_a_holder_at_two_hops_that_was_away_for_a_week(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    assert stored(cendara) == {ASKED["id"], OURS["id"]}
    issued = recalls(arunika, objects(ASKED, OTHER))
    for _ in range(2):
        arunika.sync()
        borealia.sync()
    arunika.sync()
    assert stored(borealia) == {OURS["id"]}
    assert stored(cendara) == {ASKED["id"], OURS["id"]}, "it is away"
    said = answers(arunika, issued)["Borealia"]
    assert (said["destroyed"], said["pending"], said["state"]) == (2, 1, "waiting")
    assert said["passed_on"] == {"named": [cendara.party], "others": 0}, "the grant disclosed it"
    world.pass_time(WEEK + HOUR)
    assert answers(arunika, issued)["Borealia"]["state"] == "overdue"
    world.exchange(4)
    assert stored(cendara) == {OURS["id"]}
    assert b"canary-asked" not in cendara.export()
    said = answers(arunika, issued)["Borealia"]
    assert (said["pending"], said["state"]) == (0, "answered")
    for nation in world.nations.values():
        assert verify_own_log(nation.node).ok


def test_a_product_is_recalled_where_its_objects_came_in_anothers_product(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    with arunika.node.store.read() as unit:
        (product,) = unit.products.products()
    issued = recalls(arunika, Wanted(product=product.id, version=None, objects=()))
    world.exchange(4)
    assert stored(borealia) == stored(cendara) == {OURS["id"]}
    assert looks(arunika, issued).document()["parties"][0]["state"] == "answered"
    (kept,) = [each.recall for each in list_recalls(cendara.node)]
    assert (kept.author, kept.scopes, kept.destroyed) == (arunika.party, ("",), 1)


def test_whoever_passed_it_on_may_take_back_its_own_delivery_alone(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    arunika.imports(label("Borealia", "Cendara"), FREE)
    arunika.releases(arunika.drafts(FREE), borealia, cendara)
    world.exchange(2)
    issued = recalls(borealia, objects(ASKED))
    assert issued.to == (cendara.party,)
    world.exchange(2)
    assert stored(cendara) == {FREE["id"], OURS["id"]}
    assert stored(arunika) >= {ASKED["id"]}
    assert answers(borealia, issued)["Cendara"]["destroyed"] == 1


def test_a_restriction_reaches_what_was_passed_on(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    tighten(arunika.node, arunika.people[APPROVER], objects(ASKED), WHY, arunika.file('onward = "none"\n'))
    world.exchange(4)
    for nation in (borealia, cendara):
        with nation.node.store.read() as unit:
            (head,) = unit.objects.find(HOME, ASKED["id"])
            onward = unit.objects.label(head.label).onward
        assert onward is not None
        assert onward.none
