"""What waits in quarantine is taken back and narrowed exactly as what is stored, and blocks nobody by that."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from simpul.domain.labels import Label, Onward, Tlp
from simpul.domain.queries import HOME
from simpul.domain.releases import OBJECT
from simpul.protocol.labels import to_wire
from simpul.protocol.payloads import SightingReport
from simpul.protocol.recalls import RecalledObject
from simpul.services.answering import answer_label, send_report
from simpul.services.quarantining import admit_quarantined
from simpul.services.recalling import Wanted, list_recalls, tighten
from tests.federation import forging
from tests.federation.forging import agreed, object_leaf, sends_forged, sheet, view
from tests.federation.nations import APPROVER, Nation, World, sign_without_duties
from tests.federation.objects import indicator, label, stix
from tests.federation.test_hostile_partner import SEEN, raw, send_sightings
from tests.federation.test_recall import (
    FIRST,
    SECOND,
    TEXT,
    WHY,
    heard,
    objects,
    recall_of,
    recalls,
    sends_recall,
    stored,
)

STATEMENT = {"definition_type": "statement", "definition": {"statement": "for those who read it"}}
MARKING = {k: v for k, v in stix("marking-definition", "odd", **STATEMENT).items() if k != "modified"}
ODD = [
    indicator(
        f"odd-{n}", f"203.0.113.{90 + n}", description=f"canary-{n}", object_marking_refs=[MARKING["id"]]
    )
    for n in (1, 2)
]
NARROW = Label(tlp=Tlp.AMBER_STRICT, onward=Onward(none=True))
LATER = dict(FIRST, modified="2026-01-11T08:00:00.000Z", description="canary-later")


def apart(nation: Nation) -> list[tuple[str, int]]:
    """Ids and versions of what is kept apart."""
    with nation.node.store.read() as unit:
        groups = unit.mail.quarantined()
        return sorted((id, v) for g in groups for id, v, *_ in unit.mail.quarantined_objects(g.id))


def admits(nation: Nation) -> int:
    with nation.node.store.read() as unit:
        (group,) = unit.mail.quarantined()
    return admit_quarantined(nation.node, nation.people[APPROVER], group.id.hex())


def label_of(nation: Nation, made: dict[str, Any]) -> Label:
    with nation.node.store.read() as unit:
        return unit.objects.label(unit.objects.find(HOME, made["id"])[0].label)


def gives_unreadable(arunika: Nation, borealia: Nation) -> None:
    """Two objects that bear a marking which Borealia does not know."""
    seen = view(borealia)
    leaves = [object_leaf(seen, each) for each in ODD]
    sends_forged(arunika, borealia, sheet(arunika, seen), *leaves)
    arunika.sync()
    borealia.sync()
    assert [id for id, _ in apart(borealia)] == sorted(each["id"] for each in ODD)


def gives_marking(arunika: Nation, borealia: Nation) -> None:
    """The marking's definition, in a product of its own."""
    arunika.imports(label("Borealia"), MARKING)
    arunika.releases(arunika.drafts(MARKING), borealia)
    arunika.sync()
    borealia.sync()


def gives_apart(arunika: Nation, borealia: Nation) -> Any:
    """A product that Borealia keeps apart."""
    arunika.imports(label("Borealia"), FIRST, SECOND)
    product = arunika.drafts(FIRST, SECOND, portions=TEXT + label("Borealia"))
    (released,) = arunika.releases(product, borealia)
    sign_without_duties(arunika.node, released)
    return product


def test_what_is_left_of_a_group_comes_in_with_its_marking(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    gives_unreadable(arunika, borealia)
    sends_recall(arunika, borealia, recall_of(arunika, arunika, ODD[0]))
    arunika.sync()
    borealia.sync()
    assert [id for id, _ in apart(borealia)] == [ODD[1]["id"]]
    gives_marking(arunika, borealia)
    assert stored(borealia) == {ODD[1]["id"], MARKING["id"]}
    with borealia.node.store.read() as unit:
        (item,) = [
            each for each in unit.mail.inbox() if each.objects == 1 and unit.mail.tied(each)[0][0] == 2
        ]
        assert unit.mail.tied(item)[0][1].id == ODD[1]["id"], "it is said to be the leaf that it is"


def test_what_is_left_of_a_group_can_be_admitted(world: World, arunika: Nation, borealia: Nation) -> None:
    gives_apart(arunika, borealia)
    world.exchange(2)
    recalls(arunika, objects(FIRST))
    world.exchange(2)
    assert admits(borealia) == 1
    assert stored(borealia) == {SECOND["id"]}


def test_a_restriction_holds_for_what_comes_in_with_its_marking_later(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    gives_unreadable(arunika, borealia)
    narrowing = replace(recall_of(arunika, arunika, *ODD), action="restrict", label=to_wire(NARROW))
    sends_recall(arunika, borealia, narrowing)
    arunika.sync()
    borealia.sync()
    gives_marking(arunika, borealia)
    for each in ODD:
        held = label_of(borealia, each)
        assert (held.tlp, held.onward and held.onward.none) == (Tlp.AMBER_STRICT, True)


def test_a_restriction_of_a_product_holds_for_what_a_reviewer_admits_later(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    product = gives_apart(arunika, borealia)
    world.exchange(2)
    wanted = Wanted(product=product.id, version=None, objects=())
    text = arunika.file('tlp = "amber+strict"\nonward = "none"\n')
    tighten(arunika.node, arunika.people[APPROVER], wanted, WHY, text)
    world.exchange(2)
    assert admits(borealia) == 2
    for each in (FIRST, SECOND):
        held = label_of(borealia, each)
        assert (held.tlp, held.onward and held.onward.none) == (Tlp.AMBER_STRICT, True)


def gives_two_versions_apart(arunika: Nation, borealia: Nation) -> list[int]:
    above = view(borealia, tlp=Tlp.RED)
    leaves = [object_leaf(above, each) for each in (FIRST, LATER)]
    sends_forged(arunika, borealia, sheet(arunika, above), *leaves)
    arunika.sync()
    borealia.sync()
    return [version for _, version in apart(borealia)]


def test_every_version_that_is_named_goes_from_quarantine(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    versions = gives_two_versions_apart(arunika, borealia)
    assert len(versions) == 2
    named = tuple(RecalledObject(id=FIRST["id"], version=version) for version in versions)
    sends_recall(arunika, borealia, replace(recall_of(arunika, arunika, FIRST), objects=named))
    world.exchange(2)
    assert apart(borealia) == []
    assert [(said.destroyed, said.not_held) for said in heard(arunika)] == [(2, 0)]


def test_another_rendition_than_the_one_that_is_named_stays_in_quarantine(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    versions = gives_two_versions_apart(arunika, borealia)
    named = (RecalledObject(id=FIRST["id"], sha256=b"\x07" * 32),)
    sends_recall(arunika, borealia, replace(recall_of(arunika, arunika, FIRST), objects=named))
    world.exchange(2)
    assert [version for _, version in apart(borealia)] == versions
    assert [(said.destroyed, said.not_held) for said in heard(arunika)] == [(0, 1)]


def test_a_report_of_two_of_which_one_is_taken_back_is_kept_nowhere_else(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    other = stix("sighting", "other", sighting_of_ref=FIRST["id"], description="canary-other")
    under = agreed(arunika, borealia)
    honest = answer_label(under.terms, borealia.party, "cyber-defence")
    report = SightingReport(purpose="cyber-defence", label=to_wire(replace(honest, tlp=Tlp.RED)), objects=2)
    with arunika.node.store.write() as unit:
        send_report(unit, arunika.node, under, report, honest, [raw(SEEN), raw(other)], borealia.party)
    world.exchange(2)
    sends_recall(arunika, borealia, recall_of(arunika, arunika, SEEN))
    world.exchange(2)
    assert [id for id, _ in apart(borealia)] == [other["id"]]
    assert kept_with_sightings(borealia) == b""


def kept_with_sightings(nation: Nation) -> bytes:
    with nation.node.store.read() as unit:
        return b"".join(each.payload for each in unit.mail.incoming_of("sighting"))


def test_what_was_reported_and_came_in_a_product_too_is_gone_from_both(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    send_sightings(arunika, borealia, raw(SEEN), to=borealia.party, count=1)
    world.exchange(2)
    seen = view(borealia)
    sends_forged(arunika, borealia, sheet(arunika, seen), forging.Leaf(OBJECT, seen, raw(SEEN)))
    world.exchange(2)
    sends_recall(arunika, borealia, recall_of(arunika, arunika, SEEN))
    world.exchange(2)
    assert stored(borealia) == set()
    assert kept_with_sightings(borealia) == b""


def test_no_leaf_of_what_was_taken_back_keeps_a_salt_to_test_a_guess_by(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    product = gives_apart(arunika, borealia)
    world.exchange(2)
    recalls(arunika, Wanted(product=product.id, version=None, objects=()))
    world.exchange(2)
    (kept,) = [each.recall for each in list_recalls(borealia.node)]
    assert (kept.destroyed, kept.not_held) == (2, 0)
    assert salts(borealia) == set()


def salts(nation: Nation) -> set[bytes]:
    """The salts of the leaves of whatever came in."""
    rows = nation.node.store._writer.rows("SELECT salt FROM inbox_leaf")  # type: ignore[attr-defined]
    return {bytes(salt) for (salt,) in rows} - {b""}
