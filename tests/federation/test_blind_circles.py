"""A blind circle of four under eight pseudonyms: what passes in it, and what nobody but its convener learns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from simpul.api.routes import application
from simpul.domain.blind import is_pseudonym
from simpul.domain.labels import Onward
from simpul.errors import InputFault, NotFound, Refusal, RelayFault
from simpul.protocol.charters import KIND, CharterStep, decode_charter, encode_charter
from simpul.protocol.documents import parse_document, sign
from simpul.protocol.keys import SigningKey
from simpul.services.chartering import show
from simpul.services.connecting import own_card
from simpul.services.excluding import exclude, exclusions
from simpul.services.pseudonyms import ask, certificates_for, vouch
from simpul.services.rostering import admit, expel, roster
from simpul.services.scrubbing import scrub_check
from tests.cli.program import Home
from tests.federation.blind import (
    blind_charter,
    blinded,
    convenes,
    found_service,
    kept,
    pads,
    shades,
)
from tests.federation.circles import (
    PURPOSE,
    RING,
    WITHIN,
    document,
    leaves,
    offers,
    proposes,
    sends_step,
    signs,
    stands,
    withheld,
)
from tests.federation.nations import DRAFTER, Nation, People, World, copied
from tests.federation.objects import bundle, indicator, label
from tests.federation.test_api_policy import Person

AtRest = tuple[Path, People]

OWNERS = {
    "Shade-b": "Borealia",
    "Shade-c": "Cendara",
    "Shade-d": "Borealia-Coast",
    "Shade-e": "Cendara-Coast",
}


@pytest.fixture(scope="module")
def blind_at_rest(friends_at_rest: AtRest, tmp_path_factory: pytest.TempPathFactory) -> AtRest:
    people = dict(friends_at_rest[1])
    made = copied(friends_at_rest[0], tmp_path_factory.mktemp("blind"), friends_at_rest[1])
    try:
        found_service(made, people, "Borealia-Coast", "XB")
        found_service(made, people, "Cendara-Coast", "XC")
        shades(made, people, *OWNERS)
        blinded(made, made.nations["Arunika"], OWNERS)
        made.relay.terminate()
    finally:
        made.close()
    return made.folder, people


@pytest.fixture
def world(blind_at_rest: AtRest, tmp_path: Path) -> Iterator[World]:
    made = copied(blind_at_rest[0], tmp_path / "world", blind_at_rest[1])
    yield made
    made.close()


@pytest.fixture
def shade_b(world: World) -> Nation:
    return world.nations["Shade-b"]


@pytest.fixture
def shade_c(world: World) -> Nation:
    return world.nations["Shade-c"]


def members(world: World) -> list[Nation]:
    return [world.nations[name] for name in OWNERS]


def sends(world: World, sender: Nation, recipient: Nation, key: str) -> dict[str, str]:
    made = offers(sender, key)
    sender.releases(sender.drafts(made, purpose=PURPOSE), recipient)
    world.exchange(2)
    return made


def test_pseudonyms_exchange_end_to_end_and_neither_home_knows_whose_the_other_is(
    world: World, arunika: Nation, shade_b: Nation, shade_c: Nation
) -> None:
    assert {stands(home) for home in (arunika, *members(world))} == {(1, "in-force")}
    made = sends(world, shade_b, shade_c, "blind")
    assert made["id"].encode() in shade_c.export()
    assert shade_c.status()["quarantined"] == 0
    # (1) nothing in a pseudonym's home names anybody who is in, by name or by key; it knows the convener
    real = [world.nations[owner] for owner in OWNERS.values()]
    for shade in members(world):
        everything = kept(shade)
        assert arunika.party.encode() in everything
        for nation in real:
            assert nation.name.encode() not in everything
            assert nation.party.encode() not in everything
    # (2) nor does the home of whoever is in keep the name of its own pseudonym, or of another one
    for nation in real:
        everything = kept(nation)
        assert arunika.party.encode() in everything
        assert not [shade.name for shade in members(world) if shade.party.encode() in everything]


def test_the_convener_knows_who_is_who_and_reads_nothing(
    world: World, arunika: Nation, shade_b: Nation, shade_c: Nation
) -> None:
    made = sends(world, shade_b, shade_c, "unread")
    on_it = {entry.pseudonym: name for entry, name in roster(arunika.node, RING)}
    assert {on_it[world.nations[shade].party] for shade in OWNERS} == set(OWNERS.values())
    assert sorted(on_it.values()).count("nobody: a dummy") == 4
    everything = kept(arunika)
    assert made["id"].encode() not in everything
    assert b"203.0.113.70" not in everything
    assert arunika.status()["quarantined"] == 0
    # it is not in its circle: nothing goes to it by the charter
    assert withheld(shade_b, arunika, offers(shade_b, "to the convener")) == {"agreement.in-force"}


def test_no_member_sees_how_many_there_are_or_which_card_is_a_dummy_by_looking(
    world: World, shade_b: Nation
) -> None:
    shown = show(shade_b.node, RING)
    assert len(shown.members) == 8
    with shade_b.node.store.read() as unit:
        parties = {party.fingerprint: party for party in unit.directory.parties()}
        cards = [unit.directory.card(party) or b"" for party in shown.members]
    assert all(is_pseudonym(p, parties[p].name, parties[p].country) for p in shown.members)
    assert len({len(card) for card in cards}) == 1


def test_a_label_that_names_or_excludes_anybody_is_refused(
    world: World, shade_b: Nation, shade_c: Nation
) -> None:
    made = [indicator(str(k), f"203.0.113.{k}") for k in range(4)]
    other = world.nations["Shade-d"].party
    shade_b.imports(label(RING, purposes=(PURPOSE,), more=f"not_releasable_to = ['{other}']\n"), made[0])
    shade_b.imports(
        label(RING, purposes=(PURPOSE,)).replace(f'["{RING}"]', f"['{shade_c.party}', '{other}']"), made[1]
    )
    shade_b.imports(label("Arunika", purposes=(PURPOSE,)).replace("Arunika", shade_c.party), made[2])
    shade_b.imports(label(RING, purposes=(PURPOSE,)), made[3])
    (shown,) = shade_b.previews(shade_b.drafts(*made, purpose=PURPOSE), shade_c)
    clauses = {each.id: each.clause for each in shown.objects if not each.sha256}
    # the circle, and the recipient alone, which is what it sees of every list, may be named
    assert clauses == {made[0]["id"]: "circle.blind-label", made[1]["id"]: "circle.blind-label"}


def test_an_exclusion_that_the_convener_attests_keeps_it_from_the_party_and_does_not_say_whom(
    world: World, arunika: Nation, shade_b: Nation, shade_c: Nation, cendara: Nation
) -> None:
    exclude(shade_b.node, RING, cendara.party, "")
    world.exchange(2)
    (attested,) = exclusions(shade_b.node, RING)
    missing = {shade.party for shade in members(world)} - set(attested.releasable)
    # (1) another real member is left out with it; asked again, the answer is the same
    assert shade_c.party in missing
    assert len(missing) == 2
    assert shade_b.party not in missing
    exclude(shade_b.node, RING, cendara.party, "")
    world.exchange(2)
    assert {each.releasable for each in exclusions(shade_b.node, RING)} == {attested.releasable}
    # (2) of a party that is not in, it looks alike
    exclude(shade_b.node, RING, arunika.party, "")
    world.exchange(2)
    assert {len(each.releasable) for each in exclusions(shade_b.node, RING)} == {6}
    # (3) a label may name that list, and no other
    made = indicator("excluded", "203.0.113.71")
    text = label(RING, purposes=(PURPOSE,)).replace(f'releasable_to = ["{RING}"]', attested.label)
    shade_b.imports(text, made)
    assert withheld(shade_b, shade_c, made) == {"label.releasable-to"}
    others = [
        shade for shade in members(world) if shade.party in attested.releasable and shade is not shade_b
    ]
    assert [withheld(shade_b, shade, made) for shade in others] == [set()]
    # (4) it is of one epoch: after a change it must be asked for anew
    convenes(arunika, blind_charter(title="Another"))
    world.exchange(3)
    assert withheld(shade_b, others[0], made) == {"circle.blind-label"}
    # (5) nobody is told of itself, and nothing of the asked party stays in the asker's home
    exclude(shade_c.node, RING, cendara.party, "")
    world.exchange(2)
    assert exclusions(shade_c.node, RING) == []
    assert cendara.party.encode() not in kept(shade_b)


def test_whoever_is_expelled_is_replaced_without_the_number_changing_and_gets_nothing_more(
    world: World, arunika: Nation, shade_b: Nation, shade_c: Nation
) -> None:
    made = offers(shade_b, "gone")
    before = set(show(shade_b.node, RING).members)
    expel(arunika.node, RING, "Cendara", "")
    pads(arunika)
    convenes(arunika)
    world.exchange(3)
    after = set(show(shade_b.node, RING).members)
    assert before - after == {shade_c.party}
    assert (len(after), stands(shade_b), stands(shade_c)) == (8, (2, "in-force"), (1, "left"))
    assert withheld(shade_b, shade_c, made) == {"agreement.in-force"}
    assert show(shade_c.node, RING).behind == ()


def test_a_member_leaves_by_its_own_word_and_its_pseudonym_does_not_come_back(
    world: World, arunika: Nation, shade_b: Nation, shade_c: Nation
) -> None:
    leaves(shade_c)
    world.exchange(3)
    assert stands(shade_b) == (2, "in-force")
    with pytest.raises(Refusal, match="missing"):
        convenes(arunika)
    assert pads(arunika) == 1
    convenes(arunika)
    world.exchange(3)
    assert stands(shade_b) == (3, "in-force")
    assert shade_c.party not in show(shade_b.node, RING).members
    with pytest.raises(NotFound):
        admit(arunika.node, RING, "Cendara", "")
    # a convener that names it again, as one that joined anew, is not heard: it did not ask anew
    known = decode_charter(parse_document(document(arunika, 3)).payload)
    dummy = next(p for p in known.members if p not in {shade.party for shade in members(world)})
    parties = tuple(sorted({*known.members, shade_c.party} - {dummy}))
    terms = replace(known.terms, version=4, parties=parties)
    text = encode_charter(replace(known, terms=terms, previous=show(arunika.node, RING).hash, left=()))
    made = sign(KIND, "live", text, SigningKey(arunika.node.keyring.secret("signing")))
    with arunika.node.store.read() as unit:
        certificates = certificates_for(unit, RING, parties)
    step = CharterStep(step="hold", id=RING, epoch=4)
    sends_step(arunika, shade_c, step, made.encode(), *certificates)
    world.exchange(2)
    assert stands(shade_c) == (2, "left")


def test_nobody_but_the_convener_says_who_is_in(
    world: World, arunika: Nation, shade_b: Nation, shade_c: Nation
) -> None:
    # (1) a member can neither propose, sign nor push another out
    with pytest.raises((Refusal, NotFound)):
        proposes(shade_b, blind_charter())
    with pytest.raises(Refusal):
        signs(shade_b)
    sends_step(shade_b, shade_c, CharterStep(step="left", id=RING, epoch=9))
    # (2) a charter that a member signed in the convener's place is not one
    forged = replace(decode_charter(parse_document(document(shade_b, 1)).payload), dissolved=False)
    forged = replace(
        forged,
        terms=replace(forged.terms, version=2, topics=frozenset()),
        previous=show(shade_b.node, RING).hash,
    )
    by_a_member = sign(
        KIND, "live", encode_charter(forged), SigningKey(shade_b.node.keyring.secret("signing"))
    )
    sends_step(shade_b, shade_c, CharterStep(step="hold", id=RING, epoch=2), by_a_member.encode())
    # (3) nor is one of its convener that names somebody whom it never certified, or of a circle that was not asked for
    signing = SigningKey(arunika.node.keyring.secret("signing"))
    stranger = replace(forged, terms=replace(forged.terms, parties=swapped(forged.terms.parties)))
    other = replace(
        stranger, terms=replace(forged.terms, id="another-ring", version=1, onward=Onward()), previous=b""
    )
    for each in (stranger, other):
        made = sign(KIND, "live", encode_charter(each), signing)
        sends_step(arunika, shade_c, CharterStep(step="hold", id=each.id, epoch=2), made.encode())
    world.exchange(3)
    assert [stands(home) for home in members(world)] == [(1, "in-force")] * 4
    assert withheld(shade_b, shade_c, offers(shade_b, "unchanged")) == set()


def test_a_dummy_without_a_mailbox_is_not_made(world: World, arunika: Nation) -> None:
    expel(arunika.node, RING, "Cendara", "")
    before = roster(arunika.node, RING)
    world.relay.terminate()
    with pytest.raises(RelayFault, match="mailbox"):
        pads(arunika)
    assert roster(arunika.node, RING) == before


def test_two_texts_of_one_epoch_stop_those_who_were_given_them(
    world: World, arunika: Nation, shade_b: Nation, shade_c: Nation
) -> None:
    known = decode_charter(parse_document(document(arunika, 1)).payload)
    signing = SigningKey(arunika.node.keyring.secret("signing"))
    for shade in (shade_b, shade_c):
        terms = replace(known.terms, version=2, title=f"as told to {shade.name}")
        text = encode_charter(replace(known, terms=terms, previous=show(arunika.node, RING).hash))
        made = sign(KIND, "live", text, signing)
        step = CharterStep(step="hold", id=RING, epoch=2, charter=made.hash)
        sends_step(arunika, shade, step, made.encode())
    world.exchange(3)
    assert (stands(shade_b), stands(shade_c)) == ((2, "in-force"), (2, "in-force"))
    assert withheld(shade_b, shade_c, offers(shade_b, "split")) == {"circle.epoch"}


def test_a_member_passes_on_to_a_member_and_its_originator_stays_a_pseudonym(
    world: World, shade_b: Nation, shade_c: Nation
) -> None:
    third = world.nations["Shade-d"]
    made = offers(shade_b, "two hops", onward=WITHIN)
    shade_b.releases(shade_b.drafts(made, purpose=PURPOSE), shade_c)
    world.exchange(2)
    shade_c.releases(shade_c.drafts(made, purpose=PURPOSE), third)
    world.exchange(2)
    assert made["id"].encode() in third.export()
    assert third.status()["quarantined"] == 0


def test_a_circle_that_its_convener_dissolves_lets_nothing_more_go(
    world: World, arunika: Nation, shade_b: Nation, shade_c: Nation
) -> None:
    made = offers(shade_b, "dissolved")
    convenes(arunika, blind_charter(more="dissolved = true\n"))
    world.exchange(3)
    assert {stands(home) for home in members(world)} == {(2, "dissolved")}
    assert withheld(shade_b, shade_c, made) == {"agreement.in-force"}


def swapped(parties: tuple[str, ...]) -> tuple[str, ...]:
    """The same number of members, one of them somebody else."""
    return tuple(sorted(("0" * 50, *parties[1:])))


def test_an_enrolment_is_refused_where_it_would_tell_or_steal(
    world: World, arunika: Nation, borealia: Nation, shade_b: Nation
) -> None:
    # (1) only a pseudonym asks, and only another home vouches
    with pytest.raises(Refusal, match="pseudonym"):
        ask(borealia.node, RING, "Arunika", "")
    file = ask(shade_b.node, RING, "Arunika", "")
    with pytest.raises(Refusal, match="pseudonym"):
        vouch(shade_b.node, file, "")
    with pytest.raises(InputFault):
        exclude(shade_b.node, RING, "Cendara", "")
    # (2) what somebody enrolled cannot be enrolled by another
    vouch(world.nations["Cendara"].node, file, "")
    world.exchange(2)
    assert [entry.state for entry, _ in roster(arunika.node, RING)].count("asked") == 0
    # (3) an open charter cannot become blind, nor the other way round
    with pytest.raises(InputFault):
        proposes(arunika, blind_charter().replace("blind = true", "parties = ['Arunika', 'Borealia']"))


def test_a_blind_circle_lives_by_commands(
    world: World, arunika: Nation, cendara: Nation, shade_b: Nation
) -> None:
    convener, owner, asker = (Home(world.folder, each.name) for each in (arunika, cendara, shade_b))
    fresh = Home(world.folder, "Shade-f")
    founded = fresh.does("init", "--pseudonym", "--root", world.folder / "f.root", "--relay", world.relay.url)
    card = fresh.does("card", "show")
    assert (card["name"], card["country"]) == (f"member {founded['party'][:8]}", "ZZ")
    assert fresh("init", "--pseudonym", "--name", "Borealia", "--root", world.folder / "g.root").code == 2
    given = arunika.file(own_card(arunika.node).document)
    fresh.does("card", "add", given, "--fingerprint", arunika.party)
    out = world.folder / "enrolment"
    assert fresh.does("circle", "enrol", RING, "--convener", "Arunika", "--out", out)["circle"] == RING
    assert owner.does("circle", "vouch", out)["convener"] == arunika.party
    world.exchange(2)
    admitted = convener.does("circle", "admit", RING, "Cendara")
    assert (admitted["pseudonym"], admitted["state"]) == (founded["party"], "in")
    listed = convener.does("circle", "roster", RING)
    # a party has one pseudonym in a circle: the one before is out, and the number stays
    assert sorted(each["state"] for each in listed if each["party"] == cendara.party) == ["in", "out"]
    assert convener.does("circle", "pad", RING)["dummies"] == 0
    file = arunika.file(blind_charter())
    assert convener.does("circle", "propose", file)["state"] == "in-force"
    assert convener.does("circle", "expel", RING, "Cendara")["state"] == "out"
    for _ in range(3):
        fresh.sync()
        world.exchange(1)
    assert fresh.does("circle", "show", RING)["epoch"] == 2
    asked = asker.does("circle", "exclude", RING, "--party", cendara.party)["asked"]
    world.exchange(2)
    answers = asker.does("circle", "exclusions", RING)
    assert [(each["asked"], each["newest"]) for each in answers] == [(asked, True)]
    # expelled, and still named by the charter in force: it is left out too
    assert founded["party"] not in answers[0]["label"]
    telling = indicator("told", "203.0.113.72", description="first seen by Cendara")
    found = owner.does("circle", "scrub-check", cendara.file(bundle(telling)))
    assert [(each["where"], each["id"]) for each in found] == [("description", telling["id"])]


def test_what_was_released_under_the_real_name_is_known_when_it_is_carried_over(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    made, new = indicator("known", "203.0.113.73"), indicator("new", "203.0.113.74")
    arunika.imports(label("Borealia"), made)
    arunika.releases(arunika.drafts(made), borealia)
    for holder, why in ((arunika, "partners have this id"), (borealia, "another party wrote it")):
        world.exchange(1)
        (found,) = scrub_check(holder.node, holder.file(bundle(made, new)))
        assert (found.id, found.where, why in found.why) == (made["id"], "id", True)


def test_exclusions_are_asked_for_through_the_api(world: World, cendara: Nation, shade_b: Nation) -> None:
    with TestClient(application(shade_b.node), raise_server_exceptions=False) as client:
        laras = Person(client, DRAFTER)
        asked = laras.posts(f"/circles/{RING}/exclusions", party=cendara.party)["asked"]
        world.exchange(2)
        (answer,) = laras.gets(f"/circles/{RING}/exclusions")
        assert (answer["asked"], answer["newest"]) == (asked, True)
        assert laras.refused(f"/circles/{RING}/exclusions", party="Cendara")[1] == "bad-input"
