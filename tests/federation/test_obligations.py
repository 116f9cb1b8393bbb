"""Duties bind who holds what another nation wrote, and nobody else; what they forbid is refused by its clause and logged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpul.domain.obligations import Action
from simpul.domain.releases import Withheld
from simpul.errors import NotFound, PolicyRefusal
from simpul.services.answering import Deed, give_feedback
from simpul.services.exporting import Exported, export_bundle
from simpul.services.reading import find, open_product, read_inbox
from simpul.services.sighting import sight
from tests.federation.nations import DRAFTER, Nation, World
from tests.federation.objects import agreement, indicator, label

LOOK_ONLY = indicator("look-only", "203.0.113.70")
FREE = indicator("free", "203.0.113.71")
OWN = indicator("own", "203.0.113.72")
NOTICE = "Copyright 2026 The Works of Gunung Kelabu"


def bound(*duties: str, to: str = "Borealia", more: str = "") -> str:
    return label(to, more=f"obligations = {json.dumps(list(duties))}\n{more}")


def sends(world: World, source: Nation, target: Nation, *objects: tuple[dict[str, Any], str]) -> str:
    for each, text in objects:
        source.imports(text, each)
    made = source.drafts(*(each for each, _ in objects))
    source.releases(made, target)
    world.exchange(2)
    return made.id


def exported(nation: Nation, *, labels: bool = False) -> tuple[Exported, dict[str, dict[str, Any]]]:
    """What an export says, and the objects in the file by id."""
    out = nation.folder / "out.json"
    made = export_bundle(nation.node, out, query=None, latest=False, labels=labels)
    return made, {each["id"]: each for each in json.loads(out.read_bytes())["objects"]}


def says(nation: Nation, product: str, deed: Deed | None = None, text: str = "") -> str:
    signer = nation.people[DRAFTER]
    return give_feedback(nation.node, signer, product, rating="useful", text=text, deed=deed)


def refused(nation: Nation, product: str, deed: Deed) -> str | None:
    with pytest.raises(PolicyRefusal) as refusal:
        says(nation, product, deed)
    assert refusal.value.do
    return refusal.value.where


def test_what_its_originator_lets_nobody_act_on_stays_here_and_is_counted(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    product = sends(
        world,
        arunika,
        borealia,
        (LOOK_ONLY, bound("action: none")),
        (FREE, bound("action: internal only")),
    )
    borealia.imports(bound("action: none", to="Arunika"), OWN)
    made, inside = exported(borealia)
    assert set(inside) == {FREE["id"], OWN["id"]}
    assert made.objects == 2
    assert made.withheld == (Withheld(clause="obligation.action", count=1),)
    left_out = {"kind": "export", "withheld": [{"clause": "obligation.action", "count": 1}]}
    assert borealia.leaves("refusal") == [left_out]
    for wanted in (LOOK_ONLY["id"], "203.0.113.70"):
        seen = sight(borealia.node, borealia.people[DRAFTER], wanted, times=1, when=None, quiet=False)
        assert seen.sent == [arunika.party]
    assert says(borealia, product, text="thank you") == arunika.party
    world.exchange(2)
    assert [each["acted"] for each in arunika.status()["feedback"]] == [False]
    # The originator itself is not bound by what it asks of others.
    assert set(exported(arunika)[1]) >= {LOOK_ONLY["id"], FREE["id"]}
    assert arunika.leaves("refusal") == []


def test_a_sighting_tells_each_originator_of_its_own_alone(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    theirs = indicator("theirs", "203.0.113.70")
    sends(world, arunika, borealia, (LOOK_ONLY, bound("action: none")))
    cendara.proposes(agreement("Borealia", "Cendara"))
    world.exchange(2)
    borealia.signs("borealia-cendara")
    world.exchange(2)
    sends(world, cendara, borealia, (theirs, bound()))
    seen = sight(borealia.node, borealia.people[DRAFTER], "203.0.113.70", times=1, when=None, quiet=False)
    assert set(seen.sent) == {arunika.party, cendara.party}
    world.exchange(2)
    assert LOOK_ONLY["id"].encode() not in cendara.export()
    assert theirs["id"].encode() not in arunika.export()


def test_a_deed_that_the_duties_forbid_is_neither_recorded_nor_told(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    product = sends(
        world,
        arunika,
        borealia,
        (LOOK_ONLY, bound("action: none")),
        (FREE, bound("action: not visible to the adversary", "notify: nobody", more='handling = ["H1"]\n')),
    )
    assert refused(borealia, product, Deed()) == "obligation.action"
    on = (FREE["id"],)
    assert refused(borealia, product, Deed(how=Action.DIRECT, on=on)) == "obligation.action"
    assert refused(borealia, product, Deed(how=Action.NOTIFY, on=on)) == "obligation.affected-party"
    assert [each["why"] for each in borealia.leaves("refusal")] == [
        "obligation.action",
        "obligation.action",
        "obligation.affected-party",
    ]
    assert borealia.leaves("feedback") == []
    says(borealia, product, Deed(how=Action.INDIRECT, on=on))
    world.exchange(2)
    assert [each["acted"] for each in arunika.status()["feedback"]] == [True]
    (leaf,) = borealia.leaves("feedback")
    assert (leaf["acted"], leaf["on"], leaf["by"]) == ("indirect", list(on), DRAFTER)
    with pytest.raises(NotFound):
        says(borealia, product, Deed(on=(OWN["id"],)))


def test_a_permission_is_told_to_the_originator_whose_word_it_claims_to_be(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    product = sends(world, arunika, borealia, (FREE, bound(more='handling = ["H1"]\n')))
    assert refused(borealia, product, Deed(how=Action.COURT)) == "obligation.handling"
    says(borealia, product, Deed(how=Action.COURT, permission="letter 17 of 3 November"), text="used")
    world.exchange(2)
    (said,) = arunika.status()["feedback"]
    assert said["note"] == "used\npermission: letter 17 of 3 November"
    (leaf,) = borealia.leaves("feedback")
    assert (leaf["acted"], leaf["permission"]) == ("court", "letter 17 of 3 November")


def test_who_must_be_named_is_named_beside_the_bytes_or_in_the_markings(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    duties = (f"attribute: {NOTICE}", "attribute: the provider")
    sends(world, arunika, borealia, (FREE, bound(*duties)), (LOOK_ONLY, bound()))
    made, inside = exported(borealia)
    assert inside[FREE["id"]] == FREE
    assert made.notice is not None
    notice = made.notice.read_text()
    for text in (f"1 object:\n{NOTICE}\n", f"1 object:\nProvided by Arunika ({arunika.party})\n"):
        assert text in notice
    assert made.notice.stat().st_mode & 0o077 == 0
    earlier = made.notice
    marked, inside = exported(borealia, labels=True)
    assert marked.notice is None
    assert not earlier.exists()

    def statements(of: dict[str, Any]) -> set[str]:
        refs = (inside[ref] for ref in inside[of["id"]]["object_marking_refs"] if ref in inside)
        return {ref["definition"]["statement"] for ref in refs if "definition" in ref}

    assert statements(FREE) == {NOTICE, f"Provided by Arunika ({arunika.party})"}
    assert statements(LOOK_ONLY) == set()
    # What was exported with its markings still says so to whoever imports it.
    borealia.imports(label(), *inside.values())
    (own,) = find(borealia.node, FREE["id"], modified=None, originator=borealia.party)
    assert f"attribute: {NOTICE}" in own.label[0]


def test_what_must_name_its_source_and_nobody_goes_nowhere(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    sends(
        world,
        arunika,
        borealia,
        (FREE, bound("attribute: nobody")),
        (LOOK_ONLY, bound("attribute: nobody", "attribute: the provider")),
    )
    made, inside = exported(borealia)
    assert set(inside) == {FREE["id"]}
    assert made.withheld == (Withheld(clause="obligation.attribution", count=1),)
    assert made.notice is None


def test_a_foreign_level_stands_as_it_came_beside_what_it_means_here(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    row = (
        "[[equivalence]]\ngiven = { XA = 'TERBATAS' }\nbecomes = { XB = 'CONFIDENTIAL' }\n"
        "handle_as = 'locked registry'\nfootnote = 'XB has no lower level'\n"
    )
    levels = "[levels]\nXA = ['TERBATAS']\n"
    arunika.proposes(agreement("Arunika", "Borealia", version=2, more=levels + row))
    world.exchange(1)
    borealia.signs("arunika-borealia")
    world.exchange(2)
    text = label("Borealia", more="classification = { XA = 'TERBATAS' }\n")
    product = sends(world, arunika, borealia, (FREE, text))
    expected = {
        "given": {"scheme": "XA", "level": "TERBATAS"},
        "becomes": {"scheme": "XB", "level": "CONFIDENTIAL"},
        "handle_as": "locked registry",
        "footnote": "XB has no lower level",
        "agreement": "arunika-borealia",
    }
    (shown,) = find(borealia.node, FREE["id"], modified=None, originator=None)
    assert "XA TERBATAS" in shown.label[0]
    assert [each.document() for each in shown.handle_as] == [expected]
    assert [each.words for each in shown.handle_as] == [
        "XA TERBATAS is XB CONFIDENTIAL: locked registry (XB has no lower level)"
    ]
    assert read_inbox(borealia.node)[0].document()["handle_as"] == [expected]
    assert open_product(borealia.node, product).document()["handle_as"] == [expected]
    (own,) = find(arunika.node, FREE["id"], modified=None, originator=None)
    assert own.handle_as == ()
    # As of now: where a later version has no such row, what was received is shown without one.
    arunika.proposes(agreement("Arunika", "Borealia", version=3))
    world.exchange(1)
    borealia.signs("arunika-borealia")
    world.exchange(2)
    (shown,) = find(borealia.node, FREE["id"], modified=None, originator=None)
    assert "XA TERBATAS" in shown.label[0]
    (unknown,) = shown.handle_as
    assert (unknown.becomes, unknown.handle_as) == (None, "")
    assert unknown.footnote


def test_what_nobody_may_act_on_is_not_passed_on_even_by_consent(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    sends(world, arunika, borealia, (LOOK_ONLY, bound("action: none")), (FREE, bound("action: any")))
    cendara.proposes(agreement("Borealia", "Cendara"))
    world.exchange(2)
    borealia.signs("borealia-cendara")
    world.exchange(2)
    (seen,) = borealia.previews(borealia.drafts(LOOK_ONLY, FREE), cendara)
    decided = {each.id: (each.outcome.word, each.clause) for each in seen.objects}
    assert decided == {
        LOOK_ONLY["id"]: ("deny", "obligation.action"),
        FREE["id"]: ("needs-consent", "label.onward"),
    }
