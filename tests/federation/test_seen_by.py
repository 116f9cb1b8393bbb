"""An officer looks at the store as a partner would be allowed to see it: decided once a label, exactly as long as it holds."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from simpul.domain.queries import EVERYTHING
from simpul.errors import InputFault, NotFound
from simpul.services.deciding import DECIDED, audience_for, policy_hash
from simpul.services.exporting import export_bundle
from simpul.services.overlaying import adopt_overlay, propose_overlay
from simpul.services.reading import find, raw_bytes, search
from simpul.services.seeing import Asker
from tests.federation.nations import APPROVER, DAY, DRAFTER, Nation, World
from tests.federation.objects import agreement, indicator, label, note, stix

PURPOSE = "cyber-defence"
TLP_RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
SHARED = indicator("shared", "203.0.113.70", description="a lamp at the pier")
HIDDEN = indicator("hidden", "203.0.113.71", description="a lamp in the cellar")
PARTLY = indicator(
    "partly",
    "203.0.113.72",
    description="the pier at night, secretly",
    granular_markings=[{"marking_ref": TLP_RED, "selectors": ["description"]}],
)
ABOUT_BOTH = note("both", "two lamps", SHARED, HIDDEN)
LINK = stix(
    "relationship", "link", relationship_type="related-to", source_ref=SHARED["id"], target_ref=HIDDEN["id"]
)


def asker(nation: Nation, purpose: str | None = PURPOSE) -> Asker:
    return Asker(party=nation.party, purpose=purpose)


@pytest.fixture
def stocked(arunika: Nation) -> Nation:
    arunika.imports(label("Borealia"), SHARED, PARTLY, ABOUT_BOTH, LINK)
    arunika.imports(label("Cendara"), HIDDEN)
    return arunika


def ids(nation: Nation, query: str, to: Nation, purpose: str | None = PURPOSE) -> set[str]:
    found, _, _ = search(nation.node, query, limit=100, after=None, asker=asker(to, purpose))
    return {each.id for each in found}


def exported(nation: Nation, to: Nation, **more: Any) -> list[dict[str, Any]]:
    out = nation.folder / "seen-by.json"
    export_bundle(nation.node, out, query=None, latest=False, asker=asker(to), **more)
    objects: list[dict[str, Any]] = json.loads(out.read_bytes())["objects"]
    return objects


def audience(nation: Nation, to: Nation, purpose: str = PURPOSE, *, at: int | None = None) -> int:
    with nation.node.store.read() as unit:
        who = audience_for(unit, nation.node, to.party, purpose, at or nation.now())
        return unit.objects.count(who, EVERYTHING)


def test_a_search_for_a_partner_finds_what_it_may_see(
    stocked: Nation, borealia: Nation, cendara: Nation
) -> None:
    assert ids(stocked, "lamp", borealia) == {SHARED["id"]}
    assert ids(stocked, "lamp", cendara) == {HIDDEN["id"]}
    assert ids(stocked, "value:203.0.113.71", borealia) == set()
    assert ids(stocked, "type:indicator", borealia) == {SHARED["id"], PARTLY["id"]}


def test_a_word_counts_only_in_a_portion_that_opens(stocked: Nation, borealia: Nation) -> None:
    assert ids(stocked, "pier", borealia) == {SHARED["id"]}
    assert ids(stocked, "203.0.113.72", borealia) == {PARTLY["id"]}


def test_another_purpose_opens_nothing_and_the_only_one_agreed_need_not_be_said(
    stocked: Nation, borealia: Nation
) -> None:
    assert ids(stocked, "type:indicator", borealia, "tourism") == set()
    assert ids(stocked, "type:indicator", borealia, None) == {SHARED["id"], PARTLY["id"]}


def test_who_has_no_agreement_is_asked_about_with_a_purpose(strangers: World) -> None:
    one, other = strangers.nations["Arunika"], strangers.nations["Borealia"]
    one.knows(other)
    with pytest.raises(InputFault):
        search(one.node, "lamp", limit=1, after=None, asker=asker(other, None))
    assert ids(one, "lamp", other) == set()


def test_what_may_not_be_seen_and_what_is_not_there_are_one_fault(stocked: Nation, borealia: Nation) -> None:
    absent = indicator("absent", "203.0.113.79")["id"]
    for look in (find, raw_bytes):
        faults = []
        for id in (HIDDEN["id"], absent):
            with pytest.raises(NotFound) as fault:
                look(stocked.node, id, modified=None, originator=None, asker=asker(borealia))
            faults.append(json.dumps(fault.value.document()).replace(id, "ID"))
        assert faults[0] == faults[1]


def test_an_object_is_shown_without_what_the_partner_does_not_get(stocked: Nation, borealia: Nation) -> None:
    as_borealia = asker(borealia)
    (shown,) = find(stocked.node, PARTLY["id"], modified=None, originator=None, asker=as_borealia)
    raw = raw_bytes(stocked.node, PARTLY["id"], modified=None, originator=None, asker=as_borealia)
    assert b"secretly" not in raw
    assert b"granular" not in raw
    assert shown.sha256 == hashlib.sha256(raw).digest()
    assert len(shown.label) == 1
    about = json.loads(
        raw_bytes(stocked.node, ABOUT_BOTH["id"], modified=None, originator=None, asker=as_borealia)
    )
    assert about["object_refs"] == [SHARED["id"]]
    with pytest.raises(NotFound):
        find(stocked.node, LINK["id"], modified=None, originator=None, asker=as_borealia)


def test_an_export_for_a_partner_is_what_a_release_of_the_same_would_carry(
    stocked: Nation, borealia: Nation, world: World
) -> None:
    out = world.folder / "preview"
    (shown,) = stocked.previews(stocked.drafts(), borealia, out=out)
    going = {each.sha256 for each in shown.objects if each.sha256}
    seen = exported(stocked, borealia)
    hashes = {
        hashlib.sha256(
            raw_bytes(stocked.node, each["id"], modified=None, originator=None, asker=asker(borealia))
        ).digest()
        for each in seen
    }
    assert hashes == going
    assert {each["id"] for each in seen} == {SHARED["id"], PARTLY["id"], ABOUT_BOTH["id"]}


def test_labels_in_an_export_are_the_views_that_would_be_sent(stocked: Nation, borealia: Nation) -> None:
    stocked.imports(
        label("Borealia", "Cendara", more='not_releasable_to = ["Cendara"]\n'), indicator("x", "203.0.113.73")
    )
    text = json.dumps(exported(stocked, borealia, labels=True))
    assert borealia.party in text
    with stocked.node.store.read() as unit:
        others = [p.fingerprint for p in unit.directory.parties() if p.name == "Cendara"]
    assert others[0] not in text


def test_each_label_is_decided_once_and_a_new_one_when_it_appears(stocked: Nation, borealia: Nation) -> None:
    audience(stocked, borealia)
    before = DECIDED.made
    assert audience(stocked, borealia) == 4
    assert DECIDED.made == before
    stocked.imports(label("Borealia", tlp="clear"), indicator("late", "203.0.113.74"))
    assert audience(stocked, borealia) == 5
    assert 1 <= DECIDED.made - before <= 2  # the object's label, and that of a portion if it has one


def test_an_answer_ends_at_the_earliest_date_that_was_read(arunika: Nation, borealia: Nation) -> None:
    ends = arunika.now() + 10 * DAY * 1_000_000
    expires = "2100-01-01T00:00:00Z"
    arunika.imports(label("Borealia", more=f"expires = {expires}\n"), SHARED)
    far = 4_102_444_800_000_000
    assert audience(arunika, borealia) == 1
    assert audience(arunika, borealia, at=ends) == 1
    with arunika.node.store.read() as unit:
        policy = policy_hash(unit, arunika.node, borealia.party, PURPOSE, ends)
    assert audience(arunika, borealia, at=far) == 0
    with arunika.node.store.read() as unit:
        assert policy_hash(unit, arunika.node, borealia.party, PURPOSE, ends) == policy
    assert audience(arunika, borealia) == 1, "an answer for a later moment says nothing of an earlier one"


def test_a_change_of_the_agreement_or_of_the_nations_rules_is_another_policy(
    stocked: Nation, borealia: Nation, world: World
) -> None:
    def policy() -> bytes:
        with stocked.node.store.read() as unit:
            return policy_hash(unit, stocked.node, borealia.party, PURPOSE, stocked.now())

    names = {policy()}
    assert audience(stocked, borealia) == 4
    rules = stocked.file(
        'party = "Arunika"\ntitle = "Nothing about radiology"\n[[rule]]\nid = "no-radiology"\nthen = "deny"\n'
        'when.topics = ["radiological"]\n'
    )
    propose_overlay(stocked.node, stocked.people[DRAFTER], rules)
    adopt_overlay(stocked.node, stocked.people[APPROVER], rules)
    names.add(policy())
    assert audience(stocked, borealia) == 4
    stocked.imports(label("Borealia", topics=("radiological",)), indicator("r", "203.0.113.75"))
    assert audience(stocked, borealia) == 4, "the rule holds for a label that came after it"
    stocked.proposes(agreement("Arunika", "Borealia", version=2, topics=("radiological",)))
    world.exchange(1)
    borealia.signs("arunika-borealia")
    world.exchange(2)
    names.add(policy())
    assert audience(stocked, borealia) == 0
    assert len(names) == 3


def test_what_a_partner_originated_is_not_seen_by_another_under_words_that_open_ones_own(
    stocked: Nation, borealia: Nation, cendara: Nation, world: World
) -> None:
    borealia.imports(label("Arunika", onward="none"), indicator("theirs", "203.0.113.76"))
    borealia.releases(borealia.drafts(), stocked)
    world.exchange(2)
    assert indicator("theirs", "203.0.113.76")["id"] not in ids(stocked, "type:indicator", cendara)
    assert ids(stocked, "type:indicator", cendara) == {HIDDEN["id"]}
