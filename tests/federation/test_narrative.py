"""Narrative that a partner's node may not have: counted, kept apart with its product, or refused with the reason."""

from __future__ import annotations

import json

import pytest

from simpul.domain.labels import Tlp
from simpul.services.quarantining import admit_quarantined, refuse_quarantined
from simpul.services.reading import VerifiedReceipt, list_quarantined, read_inbox, verify_receipts
from tests.federation.forging import object_leaf, portion, sends_forged, sheet, view
from tests.federation.nations import APPROVER, Nation, World
from tests.federation.objects import indicator, stix

MADE = indicator("made", "203.0.113.90", description="canary-object")


def receipts(arunika: Nation) -> list[VerifiedReceipt]:
    arunika.sync()
    found = verify_receipts(arunika.node)
    assert all(each.verified for each in found)
    return found


def inbox_text(nation: Nation) -> str:
    return json.dumps([item.document() for item in read_inbox(nation.node)])


def test_refused_narrative_is_counted_and_never_called_admitted(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    ours, theirs = view(borealia), view(cendara)
    sends_forged(arunika, borealia, sheet(arunika, ours, 1), portion(theirs, 1, "canary-text"))
    arunika.sync()
    report = borealia.sync()
    assert any("0 texts quarantined, 1 refused" in problem for problem in report.problems)
    (receipt,) = receipts(arunika)
    assert receipt.outcome == "refused"
    assert receipt.counts == {"admitted": 0, "quarantined": 0, "refused": 0, "texts_refused": 1}
    assert borealia.status()["texts_refused"] == 1
    assert "canary-text" not in inbox_text(borealia)


def test_a_part_whose_cover_sheet_is_refused_is_refused_whole_and_not_shown(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    ours, theirs = view(borealia), view(cendara)
    leaves = (sheet(arunika, theirs, 1), portion(ours, 1, "canary-text"), object_leaf(ours, MADE))
    sends_forged(arunika, borealia, *leaves)
    arunika.sync()
    report = borealia.sync()
    assert (report.admitted, report.refused) == (0, 1)
    assert inbox_text(borealia) == "[]"
    assert b"canary-object" not in borealia.export()
    (receipt,) = receipts(arunika)
    assert (receipt.outcome, receipt.counts["refused"], receipt.counts["texts_refused"]) == ("refused", 1, 2)


def test_refused_objects_are_counted_by_the_clause_in_leaf_and_status(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    ours, theirs = view(borealia), view(cendara)
    broken = {**indicator("broken", "203.0.113.91"), "pattern": 7}
    other = indicator("other", "203.0.113.92")
    leaves = (object_leaf(theirs, MADE), object_leaf(ours, broken), object_leaf(ours, other))
    sends_forged(arunika, borealia, sheet(arunika, ours), *leaves)
    arunika.sync()
    borealia.sync()
    status = borealia.status()
    assert (status["admitted"], status["refused"]) == (1, 2)
    assert status["refused_by"] == [
        {"clause": "admission.object", "count": 1},
        {"clause": "label.releasable-to", "count": 1},
    ]
    (leaf,) = borealia.leaves("admission")
    assert leaf["refused_by"] == {"admission.object": 1, "label.releasable-to": 1}
    (receipt,) = receipts(arunika)
    assert receipt.counts == {"admitted": 1, "quarantined": 0, "refused": 2}


@pytest.fixture
def kept(world: World, arunika: Nation, borealia: Nation) -> bytes:
    """A product of which sheet, a portion and an object are above the agreement's ceiling; another portion is not."""
    ours, above = view(borealia), view(borealia, tlp=Tlp.RED)
    sends_forged(
        arunika,
        borealia,
        sheet(arunika, above, 1, 2),
        portion(above, 1, "canary-kept"),
        portion(ours, 2, "canary-open"),
        object_leaf(above, MADE),
    )
    arunika.sync()
    borealia.sync()
    (group,) = list_quarantined(borealia.node, state="waiting")
    assert (group.item.objects, group.item.portions, group.item.sheet) == (1, 1, True)
    return group.item.id


def test_what_is_kept_apart_is_neither_shown_nor_lost(arunika: Nation, borealia: Nation, kept: bytes) -> None:
    shown = inbox_text(borealia)
    assert "canary-open" in shown
    assert "canary-kept" not in shown
    assert "canary-sheet" not in shown
    assert borealia.status()["texts_quarantined"] == 2
    (receipt,) = receipts(arunika)
    assert (receipt.outcome, receipt.counts["texts_quarantined"]) == ("admitted", 2)


def test_what_a_reviewer_admits_is_in_the_product(arunika: Nation, borealia: Nation, kept: bytes) -> None:
    assert admit_quarantined(borealia.node, borealia.people[APPROVER], kept.hex()) == 1
    (item,) = read_inbox(borealia.node)
    assert (item.title, item.objects) == ("canary-sheet", 1)
    assert item.item.portions == ((1, "canary-kept"), (2, "canary-open"))
    assert b"canary-object" in borealia.export()


def test_what_a_reviewer_refuses_is_counted_and_gone(arunika: Nation, borealia: Nation, kept: bytes) -> None:
    assert refuse_quarantined(borealia.node, borealia.people[APPROVER], kept.hex()) == 1
    assert "canary-kept" not in inbox_text(borealia)
    status = borealia.status()
    assert (status["refused"], status["texts_refused"]) == (1, 2)
    assert status["refused_by"] == [{"clause": "admission.reviewer", "count": 1}]
    borealia.sync()
    assert receipts(arunika)[-1].counts == {"refused": 1, "texts_refused": 2}


def test_narrative_is_not_settled_by_a_marking_that_comes_later(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    marking = stix(
        "marking-definition", "ours", definition_type="statement", definition={"statement": "ours"}
    )
    del marking["modified"]
    ours, unread = view(borealia), view(borealia, unmapped=frozenset({marking["id"]}))
    sends_forged(arunika, borealia, sheet(arunika, ours, 1), portion(unread, 1, "canary-unread"))
    arunika.sync()
    borealia.sync()
    sends_forged(arunika, borealia, sheet(arunika, ours), object_leaf(ours, marking))
    arunika.sync()
    borealia.sync()
    (group,) = list_quarantined(borealia.node, state="waiting")
    assert (group.item.objects, group.item.portions) == (0, 1)
    assert admit_quarantined(borealia.node, borealia.people[APPROVER], group.item.id.hex()) == 0
    assert "canary-unread" in inbox_text(borealia)
