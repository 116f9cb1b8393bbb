"""After whatever happened: what must still work, and what people look at to see whether it does."""

from __future__ import annotations

from simpul.domain.mail import QuarantinedItem
from simpul.services.auditing import openings, verify_own_log
from simpul.services.reading import node_status, search, verify_receipts
from tests.faults.nations import World, label_text, numbered_indicator, released, take_in


def check_well(nations: World) -> None:
    """Whatever happened, everything that people look at still works, and the nations still talk."""
    arunika = nations["arunika"]
    nations.settle()
    node_status(arunika)
    verify_receipts(arunika)
    search(arunika, "", limit=100, after=None)
    openings(arunika)
    report = verify_own_log(arunika)
    assert report.ok, report.problems
    take_in(arunika, nations.folder, [numbered_indicator(77_000)], label_text(["borealia"]))
    released(nations, "arunika", ["borealia"], query="type:indicator")
    nations.settle()
    assert any(r.outcome == "admitted" and r.verified for r in verify_receipts(arunika))


def stored(nations: World) -> int:
    found: int = node_status(nations["arunika"])["stored"]
    return found


def quarantined(nations: World) -> list[QuarantinedItem]:
    with nations["arunika"].store.read() as unit:
        return unit.mail.quarantined()
