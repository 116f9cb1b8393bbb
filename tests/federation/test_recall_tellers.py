"""Who tells of a recall, and what each teller may hear: reaches are joined, answers end, and nobody learns what others gave."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from simpul.domain.queries import HOME
from simpul.errors import Refusal
from simpul.protocol.canonical import encode
from simpul.protocol.documents import sign
from simpul.protocol.keys import SigningKey
from simpul.protocol.recalls import (
    KIND,
    RecallAnswer,
)
from simpul.services.connecting import say_hello
from simpul.services.healing import REPLAYS_A_DAY
from simpul.services.honouring import NAMED_A_DAY
from simpul.services.posting import post
from simpul.services.quarantining import admit_quarantined
from simpul.services.recalling import list_recalls
from tests.federation.conftest import AtRest
from tests.federation.nations import APPROVER, DAY, NATIONS, Nation, World, copied, found
from tests.federation.objects import agreement, label
from tests.federation.test_hostile_partner import raw, send_sightings
from tests.federation.test_recall import (
    FIRST,
    SECOND,
    answers,
    backed_up,
    give,
    heard,
    looks,
    objects,
    passes_on,
    recall_of,
    recalls,
    sends_recall,
    stored,
)


def agree_freely(world: World, *pairs: tuple[Nation, Nation]) -> None:
    """Each pair agrees that what it gives may be passed on."""
    for one, other in pairs:
        one.proposes(agreement(one.name, other.name, id=f"free-{one.name}-{other.name}", onward="free"))
    world.exchange(2)
    for one, other in pairs:
        other.signs(f"free-{one.name}-{other.name}")
    world.exchange(2)


def passes(world: World, giver: Nation, *to: Nation) -> None:
    """Release the first object to some, and let it arrive."""
    giver.releases(giver.drafts(FIRST), *to)
    world.exchange(2)


def document_of(nation: Nation, hash: bytes) -> bytes:
    with nation.node.store.read() as unit:
        row = unit.directory.signed_by_hash(KIND, hash)
    assert row is not None
    return row.document


def answers_sent(nation: Nation) -> int:
    return sum(leaf["kind"] == "recall-answer" for leaf in nation.leaves("sent"))


# What a teller may hear.


@pytest.mark.parametrize("held", [True, False], ids=["held from another", "not held"])
def test_whoever_gave_nothing_hears_the_same_whatever_is_held(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation, held: bool
) -> None:
    give(arunika, borealia, what=(FIRST,) if held else (SECOND,))
    world.exchange(2)
    before = answers_sent(borealia)
    sends_recall(cendara, borealia, recall_of(cendara, arunika, FIRST))
    cendara.sync()
    borealia.sync()
    assert answers_sent(borealia) == before + 1, "in the same round"
    cendara.sync()
    (said,) = heard(cendara)
    assert said == RecallAnswer(recall=said.recall, at=said.at, not_held=1)
    assert bool(stored(borealia)) is True


def test_the_originators_own_document_in_anothers_hand_says_nothing_to_that_one(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    issued = recalls(arunika, objects(FIRST))
    passes_on(cendara, borealia, document_of(arunika, issued.hash))
    cendara.sync()
    borealia.sync()
    cendara.sync()
    (said,) = heard(cendara)
    assert said == RecallAnswer(recall=said.recall, at=said.at, not_held=1)
    assert stored(borealia) == {SECOND["id"]}, "the originator's word counts whoever brings it"
    world.exchange(2)
    assert answers(arunika, issued)["Borealia"]["destroyed"] == 1


def test_one_who_gave_one_thing_hears_of_that_alone(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    agree_freely(world, (arunika, borealia), (arunika, cendara), (cendara, borealia))
    arunika.imports(label("Borealia", "Cendara", onward="free"), FIRST)
    give(arunika, borealia, what=(SECOND,))
    passes(world, arunika, cendara)
    passes(world, cendara, borealia)
    assert stored(borealia) == {FIRST["id"], SECOND["id"]}
    sends_recall(cendara, borealia, recall_of(cendara, arunika, FIRST, SECOND))
    cendara.sync()
    borealia.sync()
    cendara.sync()
    (said,) = heard(cendara)
    assert (said.destroyed, said.not_held) == (1, 1)
    assert stored(borealia) == {SECOND["id"]}


def test_nobody_takes_back_what_its_originator_reported_itself(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    agree_freely(world, (arunika, borealia), (arunika, cendara), (cendara, borealia))
    send_sightings(arunika, borealia, raw(FIRST), to=borealia.party, count=1)
    arunika.imports(label("Cendara", onward="free"), FIRST)
    arunika.releases(arunika.drafts(FIRST), cendara)
    world.exchange(2)
    cendara.releases(cendara.drafts(FIRST), borealia)
    world.exchange(2)
    with borealia.node.store.read() as unit:
        heads = unit.objects.find(HOME, FIRST["id"])
        assert len(heads) == 1
        (item,) = unit.mail.inbox()
        assert len(unit.mail.tied(item)) == 1
    sends_recall(cendara, borealia, recall_of(cendara, arunika, FIRST))
    cendara.sync()
    borealia.sync()
    assert stored(borealia) == {FIRST["id"]}


# Answers end.


def test_two_holders_who_gave_it_to_each_other_answer_once(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    agree_freely(world, (arunika, borealia), (arunika, cendara), (borealia, cendara))
    arunika.imports(label("Borealia", "Cendara", onward="free"), FIRST)
    passes(world, arunika, borealia, cendara)
    passes(world, borealia, cendara)
    passes(world, cendara, borealia)
    issued = recalls(arunika, objects(FIRST))
    arunika.sync()
    world.exchange(4)
    settled = [answers_sent(nation) for nation in (borealia, cendara)]
    world.exchange(3)
    assert [answers_sent(nation) for nation in (borealia, cendara)] == settled
    for said in answers(arunika, issued).values():
        assert (said["state"], said["destroyed"], said["pending"]) == ("answered", 1, 0)


def test_a_holder_that_answers_without_end_brings_one_answer_further(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    agree_freely(world, (arunika, borealia), (borealia, cendara))
    arunika.imports(label("Borealia", onward="free"), FIRST)
    passes(world, arunika, borealia)
    passes(world, borealia, cendara)
    issued = recalls(arunika, objects(FIRST))
    world.exchange(3)
    before = len(heard(arunika))
    with cendara.node.store.write() as unit:
        for count in range(60):
            said = RecallAnswer(recall=issued.hash, at=cendara.now() + count, pending=1 + count)
            post(unit, cendara.node, borealia.party, said)
    for nation in (cendara, borealia, arunika):
        nation.sync()
    assert len(heard(arunika)) == before + 1
    assert answers(arunika, issued)["Borealia"]["pending"] == 60


def test_an_answer_whose_numbers_nobody_could_pass_on_is_refused(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    issued = recalls(arunika, objects(FIRST))
    world.exchange(2)
    said = RecallAnswer(recall=issued.hash, at=borealia.now())
    for bad in (replace(said, pending=2**53 - 1), replace(said, backups_until=-1)):
        with borealia.node.store.write() as unit:
            post(unit, borealia.node, arunika.party, bad)
        borealia.sync()
        assert any("malformed" in problem for problem in arunika.sync().problems)
    assert looks(arunika, issued).document()["parties"][0]["state"] == "answered"


# Four nations: who tells first.

FOUR = (*NATIONS, ("Dandaka", "XD"))


@pytest.fixture(scope="module")
def four_at_rest(tmp_path_factory: pytest.TempPathFactory) -> AtRest:
    folder = tmp_path_factory.mktemp("four")
    return folder, found(folder, FOUR)


@pytest.fixture
def four(four_at_rest: AtRest, tmp_path: Path) -> Iterator[World]:
    made = copied(four_at_rest[0], tmp_path / "four", four_at_rest[1])
    yield made
    made.close()


def know_each_other(world: World, *pairs: tuple[Nation, Nation]) -> None:
    for one, other in pairs:
        one.knows(other)
        other.knows(one)
    world.exchange(2)
    agree_freely(world, *pairs)


@pytest.mark.parametrize("gave", [True, False], ids=["who gave it too", "who gave nothing"])
def test_the_first_to_tell_decides_nothing_for_the_others(four: World, gave: bool) -> None:
    """Cendara lacks the card of the originator; Borealia and Dandaka gave it the object, or Borealia alone."""
    arunika, borealia, cendara, dandaka = four.nations.values()
    know_each_other(four, (arunika, borealia), (arunika, dandaka), (borealia, cendara), (dandaka, cendara))
    arunika.imports(label("Borealia", "Dandaka", onward="free"), FIRST)
    passes(four, arunika, borealia, dandaka)
    for giver in (borealia, dandaka) if gave else (borealia,):
        passes(four, giver, cendara)
    issued = recalls(arunika, objects(FIRST))
    passes_on(dandaka, cendara, document_of(arunika, issued.hash))
    dandaka.sync()
    cendara.sync()
    four.exchange(4)
    (kept,) = [each.recall for each in list_recalls(cendara.node)]
    assert set(kept.scopes) == {borealia.party, dandaka.party}
    with cendara.node.store.read() as unit:
        assert unit.mail.quarantined() == []
    assert {each["pending"] for each in answers(arunika, issued).values()} == {0}
    cendara.knows(arunika)
    assert stored(cendara) == set()


def test_a_recall_reaches_all_of_its_authors_words_once_its_card_is_here(four: World) -> None:
    """Only Dandaka told of it, which gave nothing; Borealia, which gave it, is out of reach."""
    arunika, borealia, cendara, dandaka = four.nations.values()
    know_each_other(four, (arunika, borealia), (arunika, dandaka), (borealia, cendara), (dandaka, cendara))
    arunika.imports(label("Borealia", onward="free"), FIRST)
    passes(four, arunika, borealia)
    passes(four, borealia, cendara)
    passes_on(dandaka, cendara, document_of(arunika, recalls(arunika, objects(FIRST)).hash))
    forged = sign(KIND, "live", encode(recall_of(arunika, arunika, SECOND)), key_of(dandaka))
    passes_on(dandaka, cendara, forged.encode())
    dandaka.sync()
    cendara.sync()
    cendara.knows(arunika)
    with cendara.node.store.read() as unit:
        (group,) = unit.mail.quarantined()
    with pytest.raises(Refusal):
        admit_quarantined(cendara.node, cendara.people[APPROVER], group.id.hex())
    assert stored(cendara) == set()
    scopes = sorted(each.recall.scopes for each in list_recalls(cendara.node))
    assert scopes == [(dandaka.party,), (dandaka.party, "")], "what Dandaka made up reaches no further"


def key_of(nation: Nation) -> SigningKey:
    return SigningKey(nation.node.keyring.secret("signing"))


def test_holders_in_a_circle_are_all_answered_for(four: World) -> None:
    arunika, borealia, cendara, dandaka = four.nations.values()
    for one in four.nations.values():
        for other in four.nations.values():
            if one is not other:
                one.knows(other)
    four.exchange(2)
    agree_freely(four, (arunika, borealia), (borealia, cendara), (cendara, dandaka), (dandaka, borealia))
    arunika.imports(label("Borealia", onward="free"), FIRST)
    way = (arunika, borealia, cendara, dandaka, borealia)
    for giver, taker in pairwise(way):
        passes(four, giver, taker)
    issued = recalls(arunika, objects(FIRST))
    four.exchange(6)
    assert all(stored(nation) == set() for nation in (borealia, cendara, dandaka))
    said = answers(arunika, issued)["Borealia"]
    assert (said["state"], said["pending"]) == ("answered", 0)


# Restored homes, and floods.


def test_a_restored_home_keeps_back_what_was_to_go_out_until_it_has_heard(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    agree_freely(world, (arunika, borealia), (borealia, cendara))
    arunika.imports(label("Borealia", onward="free"), FIRST)
    passes(world, arunika, borealia)
    borealia.releases(borealia.drafts(FIRST), cendara)
    backup = backed_up(borealia)
    recalls(arunika, objects(FIRST))
    arunika.sync()
    borealia.restore(backup)
    borealia.sync()
    cendara.sync()
    assert stored(cendara) == set()
    world.exchange(4)
    assert stored(borealia) == stored(cendara) == set()


def test_who_asks_for_its_recalls_again_and_again_is_sent_them_a_few_times_a_day(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    recalls(arunika, objects(FIRST))
    world.exchange(2)

    def asks(times: int) -> int:
        before = len(arunika.leaves("replay"))
        with borealia.node.store.write() as unit:
            for _ in range(times):
                say_hello(unit, borealia.node, arunika.party, replay=True)
        borealia.sync()
        arunika.sync()
        return len(arunika.leaves("replay")) - before

    assert asks(REPLAYS_A_DAY + 3) == REPLAYS_A_DAY
    assert {leaf["clause"] for leaf in arunika.leaves("refusal")} == {"recall.replay-flood"}
    world.pass_time(DAY)
    assert asks(1) == 1


def test_a_party_that_names_without_end_is_refused_for_the_day(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    day = borealia.now() // (DAY * 1_000_000)
    with borealia.node.store.write() as unit:
        unit.directory.put(f"recalls-told:{arunika.party}", f"{day} 7 {NAMED_A_DAY}".encode())
    recalls(arunika, objects(FIRST))
    arunika.sync()
    assert any("recall.flood" in problem for problem in borealia.sync().problems)
    assert stored(borealia) == {FIRST["id"], SECOND["id"]}
    world.pass_time(DAY)
    recalls(arunika, objects(FIRST, SECOND))
    world.exchange(2)
    assert stored(borealia) == set()


def test_a_recall_told_again_by_its_author_is_answered_again(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    issued = recalls(arunika, objects(FIRST))
    world.exchange(2)
    passes_on(arunika, borealia, document_of(arunika, issued.hash))
    world.exchange(2)
    first, second = heard(arunika)
    assert replace(second, at=first.at) == first
    assert (second.destroyed, second.at > first.at) == (1, True)
