"""A circle of three in force: what it lets go, how it changes, and what reaches whoever is out of it: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from simpul.domain.policy import Outcome
from simpul.errors import ApprovalRefusal, InputFault, PolicyRefusal, Refusal
from simpul.protocol.charters import CharterStep, decode_charter, encode_charter
from simpul.protocol.documents import Signature, parse_document, sign
from simpul.protocol.keys import SigningKey
from simpul.services.agreeing import by_hash
from simpul.services.chartering import show
from simpul.services.evidence import counted
from simpul.services.reading import list_quarantined
from simpul.services.releasing import release
from tests.federation.circles import (
    PURPOSE,
    RING,
    WITHIN,
    changed,
    charter,
    document,
    epochs,
    founded,
    leaves,
    offers,
    proposes,
    sends_step,
    signs,
    stands,
    withheld,
)
from tests.federation.nations import APPROVER, Envelopes, Nation, People, World, copied, lost
from tests.federation.objects import agreement, indicator, label

AtRest = tuple[Path, People]


@pytest.fixture(scope="module")
def ring_at_rest(friends_at_rest: AtRest, tmp_path_factory: pytest.TempPathFactory) -> AtRest:
    made = copied(friends_at_rest[0], tmp_path_factory.mktemp("ring"), friends_at_rest[1])
    try:
        founded(made, "Arunika", "Borealia", "Cendara")
        made.relay.terminate()
    finally:
        made.close()
    return made.folder, friends_at_rest[1]


@pytest.fixture
def world(ring_at_rest: AtRest, tmp_path: Path) -> Iterator[World]:
    made = copied(ring_at_rest[0], tmp_path / "world", ring_at_rest[1])
    yield made
    made.close()


def test_a_member_gets_what_the_charter_lets_it_have_though_the_two_agreed_on_nothing(
    world: World, borealia: Nation, cendara: Nation
) -> None:
    made = offers(borealia, "ring")
    borealia.releases(borealia.drafts(made, purpose=PURPOSE), cendara)
    world.exchange(2)
    assert made["id"].encode() in cendara.export()
    assert cendara.status()["quarantined"] == 0


def test_a_label_lets_in_or_keeps_out_the_members_of_a_circle_that_it_names(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    made, kept = indicator("in", "203.0.113.71"), indicator("out", "203.0.113.72")
    arunika.imports(label(RING), made)
    arunika.imports(label("Borealia", more=f"not_releasable_to = ['{RING}']\n"), kept)
    (shown,) = arunika.previews(arunika.drafts(), borealia)
    assert {each.id: each.clause for each in shown.objects if not each.sha256} == {
        kept["id"]: "label.not-releasable-to"
    }


def test_below_the_threshold_nothing_changes_and_nobody_signs_twice(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    assert proposes(arunika, charter("Arunika", "Borealia")).state == "proposed"
    with pytest.raises(Refusal, match="signed"):
        proposes(arunika, charter("Arunika", "Cendara"))
    world.exchange(2)
    assert [stands(n) for n in (arunika, borealia, cendara)] == [(1, "in-force")] * 3
    assert epochs(cendara) == [1]
    assert withheld(arunika, cendara, offers(arunika, "still")) == set()


def test_whoever_is_removed_gets_nothing_more_and_learns_no_roster(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    approved, gone = offers(arunika, "approved"), offers(arunika, "gone")
    product = arunika.drafts(approved, purpose=PURPOSE)
    arunika.approves(product, cendara)
    cendara.wire.down = True
    arunika.wire.on_put = lost
    arunika.releases(arunika.drafts(gone, purpose=PURPOSE), cendara)
    arunika.sync()
    arunika.wire.on_put = lambda envelope: [envelope]
    before = show(arunika.node, RING)
    changed(world, charter("Arunika", "Borealia"), arunika, borealia)
    assert stands(arunika) == (2, "in-force")
    # (1) what was approved is void, and what was still under way is withdrawn
    with pytest.raises(ApprovalRefusal, match="void"):
        release(arunika.node, arunika.people[APPROVER], product.id, [cendara.party])
    assert withheld(arunika, cendara, approved) == {"agreement.purpose"}
    assert withheld(arunika, borealia, approved) == set()
    cendara.wire.down = False
    world.pass_time(7_200)
    world.exchange(3)
    assert gone["id"].encode() not in cendara.export()
    assert [each["to"] for each in arunika.leaves("void")] == [cendara.party]
    # (2) it learns that it is out once enough say so, and nothing of who is in
    assert stands(cendara) == (1, "left")
    assert epochs(cendara) == [1]
    # (3) what comes under the epoch that is over is not between the two any more, whenever it was decided
    with arunika.node.store.read() as unit:
        over = by_hash(unit, before.hash)
    assert over is not None
    assert over.terms.parties == tuple(sorted((arunika.party, borealia.party)))
    assert over.terms.not_after < arunika.now()


def test_what_comes_under_an_older_epoch_is_not_admitted(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    borealia.wire.on_fetch = deaf
    changed(world, charter("Arunika", "Borealia", "Cendara", title="Another"), arunika, cendara)
    assert [stands(n)[0] for n in (arunika, borealia, cendara)] == [2, 1, 2]
    made = offers(borealia, "old")
    borealia.releases(borealia.drafts(made, purpose=PURPOSE), arunika)
    world.exchange(2)
    assert made["id"].encode() not in arunika.export()
    kept = list_quarantined(arunika.node, state="waiting")
    assert {clause for each in kept for clause, _ in each.item.reasons} == {"agreement.in-force"}


def test_a_member_has_left_while_a_third_party_still_relays(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    """The group removal that never reached the relay: whoever has not heard of it gets nothing new to pass on."""
    borealia.proposes(agreement("Borealia", "Cendara"))
    world.exchange(1)
    cendara.signs("borealia-cendara")
    world.exchange(2)
    old, new = indicator("old", "203.0.113.75"), indicator("new", "203.0.113.76")
    arunika.imports(label("Borealia").replace('onward = "consent"', f"onward = {WITHIN}"), old, new)
    arunika.releases(arunika.drafts(old), borealia)
    world.exchange(2)
    assert passing(borealia, cendara) == {(old["id"], Outcome.NEEDS_CONSENT, "label.onward")}
    # (1) Cendara leaves; Arunika hears of it, Borealia does not, and would still pass on what it has
    borealia.wire.on_fetch = deaf
    leaves(cendara)
    world.exchange(2)
    assert [stands(n)[0] for n in (arunika, borealia)] == [2, 1]
    assert passing(borealia, cendara) == {(old["id"], Outcome.NEEDS_CONSENT, "label.onward")}
    # (2) so it gets nothing more that it may pass on within the circle, under whichever agreement
    (shown,) = arunika.previews(arunika.drafts(new), borealia)
    assert [each.clause for each in shown.objects] == ["circle.epoch"]
    # (3) once it has said that it holds the new epoch it gets it, and passes on neither
    borealia.wire.on_fetch = lambda envelopes: envelopes
    world.exchange(3)
    arunika.releases(arunika.drafts(new), borealia)
    world.exchange(2)
    assert passing(borealia, cendara) == {
        (each["id"], Outcome.DENY, "label.releasable-to") for each in (old, new)
    }


def deaf(envelopes: Envelopes) -> Envelopes:
    """What a nation hears that is cut off from what others put."""
    return envelopes[:0]


def passing(holder: Nation, to: Nation) -> set[tuple[str, Outcome, str]]:
    """What would become of everything that a nation holds, if it were passed on."""
    (shown,) = holder.previews(holder.drafts(), to)
    return {(each.id, each.outcome, each.clause) for each in shown.objects}


def test_a_member_that_is_behind_gets_nothing_until_it_has_caught_up(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    made = offers(arunika, "waits", onward=WITHIN)
    proposes(arunika, charter("Arunika", "Borealia", "Cendara", title="Another title"))
    world.exchange(1)
    cendara.wire.down = True
    signs(borealia)
    for nation in (borealia, arunika, borealia, arunika):
        nation.sync()
    assert stands(arunika) == (2, "in-force")
    assert show(arunika.node, RING).behind == (cendara.party,)
    assert withheld(arunika, borealia, made) == set()
    product = arunika.drafts(made, purpose=PURPOSE)
    with pytest.raises(PolicyRefusal) as refused:
        arunika.approves(product, cendara)
    assert refused.value.where == "circle.epoch"
    cendara.wire.down = False
    world.pass_time(7_200)
    world.exchange(3)
    arunika.releases(product, cendara)
    world.exchange(2)
    assert made["id"].encode() in cendara.export()


def test_a_member_leaves_by_its_own_word_and_joins_again_only_by_its_signature(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    assert leaves(cendara).state == "left"
    world.exchange(3)
    assert [stands(n) for n in (arunika, borealia)] == [(2, "in-force")] * 2
    made = offers(arunika, "left")
    assert withheld(arunika, cendara, made) == {"agreement.purpose"}
    proposes(arunika, charter("Arunika", "Borealia", "Cendara"))
    world.exchange(1)
    signs(borealia)
    world.exchange(2)
    assert stands(arunika) == (2, "in-force")
    signs(cendara)
    world.exchange(4)
    assert [stands(n) for n in (arunika, borealia, cendara)] == [(3, "in-force")] * 3
    assert withheld(arunika, cendara, made) == set()


def test_a_member_passes_on_to_a_member_what_its_originator_keeps_within_the_circle(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    made = offers(arunika, "two hops", onward=WITHIN)
    arunika.releases(arunika.drafts(made, purpose=PURPOSE), borealia)
    world.exchange(2)
    borealia.releases(borealia.drafts(made, purpose=PURPOSE), cendara)
    world.exchange(2)
    assert made["id"].encode() in cendara.export()
    assert cendara.status()["quarantined"] == 0


def test_a_circle_that_is_dissolved_lets_nothing_more_go(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    text = charter("Arunika", "Borealia", "Cendara", more="dissolved = true\n")
    made = offers(arunika, "dissolved")
    changed(world, text, arunika, borealia)
    assert [stands(n) for n in (arunika, borealia, cendara)] == [(2, "dissolved")] * 3
    assert withheld(arunika, cendara, made) == {"agreement.purpose"}
    assert withheld(borealia, cendara, offers(borealia, "late", to="Cendara")) == {"agreement.in-force"}
    with pytest.raises(InputFault, match="coastal-ring"):
        arunika.imports(label(RING), indicator("nobody", "203.0.113.77"))


def test_an_old_copy_of_a_home_learns_the_epoch_that_is_in_force_now(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    copy = arunika.copy()
    changed(world, charter("Arunika", "Borealia"), arunika, borealia)
    arunika.restore(copy)
    assert stands(arunika) == (1, "in-force")
    arunika.releases(arunika.drafts(offers(arunika, "stale"), purpose=PURPOSE), borealia)
    world.exchange(4)
    assert stands(arunika) == (2, "in-force")
    assert withheld(arunika, cendara, offers(arunika, "restored")) == {"agreement.purpose"}


def test_forged_replayed_and_contradicting_charters_change_nothing(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    first = document(arunika, 1)
    changed(world, charter("Arunika", "Borealia", "Cendara", topics=("cyber", "maritime")), arunika, borealia)
    assert stands(cendara) == (2, "in-force")
    step = CharterStep(step="sign", id=RING, epoch=2)
    # (1) the epoch before, again
    sends_step(borealia, cendara, step, first)
    # (2) another text of this epoch, signed by one who signed the one in force
    second = parse_document(document(borealia, 2))
    other = decode_charter(second.payload)
    other = replace(other, terms=replace(other.terms, title="Another"))
    key = SigningKey(borealia.node.keyring.secret("signing"))
    sends_step(
        borealia, cendara, step, sign("charter", borealia.node.realm, encode_charter(other), key).encode()
    )
    # (3) a third text with a signature that Arunika never made
    third = replace(other, previous=second.hash, terms=replace(other.terms, version=3))
    forged = sign("charter", borealia.node.realm, encode_charter(third), key)
    stolen = Signature(second.signatures[0].key, forged.signatures[0].pair)
    sends_step(borealia, cendara, step, replace(forged, signatures=(*forged.signatures, stolen)).encode())
    # (4) one member alone says that Cendara is out, and claims an epoch that nobody else has
    sends_step(borealia, cendara, CharterStep(step="left", id=RING, epoch=9))
    sends_step(borealia, cendara, CharterStep(step="hold", id=RING, epoch=9, charter=bytes(32)))
    world.exchange(2)
    assert stands(cendara) == (2, "in-force")
    assert epochs(cendara) == [2, 1]
    assert withheld(cendara, borealia, offers(cendara, "ahead")) == {"circle.epoch"}
    assert withheld(cendara, arunika, offers(cendara, "ahead")) == set()
    with cendara.node.store.read() as unit:
        assert counted(unit) == [{"from": borealia.party, "kind": "two-charters", "count": 1}]
    assert [each["why"] for each in cendara.leaves("refusal")] == ["bad-signature"]


def test_members_of_a_circle_inside_are_members_and_only_as_their_own_charter_says(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    founded(world, "Arunika", "Borealia", id="northern", more="within = ['global']\n")
    proposes(arunika, charter("Arunika", "Cendara", id="global", more="circles = ['northern']\n"))
    world.exchange(1)
    signs(cendara, "global")
    world.exchange(4)
    assert [stands(n, "global") for n in (arunika, borealia, cendara)] == [(1, "in-force")] * 3
    everybody = tuple(sorted(n.party for n in (arunika, borealia, cendara)))
    assert show(cendara.node, "global").members == everybody
    made = offers(cendara, "global", to="global", onward="{ within = ['global'] }")
    assert withheld(cendara, borealia, made) == set()
    # Borealia leaves the inner circle: it is out of the outer one too, at every member.
    leaves(borealia, "northern")
    world.exchange(4)
    assert show(cendara.node, "global").members == tuple(sorted((arunika.party, cendara.party)))


def test_an_approval_is_void_while_the_recipient_does_not_hold_the_newest_epoch(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    made = offers(arunika, "void", onward=WITHIN)
    product = arunika.drafts(made, purpose=PURPOSE)
    arunika.approves(product, borealia)
    leaves(cendara)
    cendara.sync()
    arunika.sync()
    with pytest.raises(ApprovalRefusal, match="void"):
        release(arunika.node, arunika.people[APPROVER], product.id, [borealia.party])
