"""An approval is given for one thing: whatever it rests on must not have changed when the release goes."""

from __future__ import annotations

import pytest

from simpul.domain.policy import Outcome
from simpul.errors import ApprovalRefusal
from simpul.services.recalling import Wanted, Why, issue
from simpul.services.releasing import release
from tests.federation.nations import APPROVER, DRAFTER, Nation, World
from tests.federation.objects import indicator, label, note

SERVER = indicator("void", "203.0.113.95")
ABOUT = note("void", "what it is for", SERVER)


def test_an_approval_is_void_once_what_it_refers_to_was_taken_back(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.imports(label("Borealia"), SERVER, ABOUT)
    arunika.releases(arunika.drafts(SERVER), borealia)
    world.exchange(2)
    second = arunika.drafts(ABOUT)
    arunika.approves(second, borealia)
    wanted = Wanted(product=None, version=None, objects=(SERVER["id"],))
    issue(arunika.node, arunika.people[DRAFTER], wanted, Why(code="mistake", reason="a mistake"))
    with pytest.raises(ApprovalRefusal, match="void"):
        release(arunika.node, arunika.people[APPROVER], second.id, [borealia.party])
    ((shown,),) = [each.objects for each in arunika.previews(second, borealia)]
    assert (shown.outcome, shown.clause) == (Outcome.DENY, "reference.required")


def test_a_preview_shows_that_nothing_goes_without_its_cover_sheet(arunika: Nation, borealia: Nation) -> None:
    arunika.imports(label("Borealia"), SERVER)
    portions = (
        '[sheet.label]\ntlp = "red"\nreleasable_to = []\npurposes = ["cyber-defence"]\nonward = "none"\n'
        '[[portion]]\ntext = "one"\n[portion.label]\n' + label("Borealia")
    )
    (shown,) = arunika.previews(arunika.drafts(SERVER, portions=portions), borealia)
    assert [each.sha256 for each in shown.objects] == [None]
    assert {each.outcome for each in shown.objects} == {Outcome.DENY}
    (sheet, portion) = shown.portions
    assert (sheet.outcome, sheet.sha256, bool(sheet.change)) == (Outcome.DENY, None, True)
    assert portion.number == 1
