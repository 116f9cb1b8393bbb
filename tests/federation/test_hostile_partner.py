"""A partner whose node breaks the rules: kept apart or refused, with the reasons, a receipt, and a reviewer's way out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.labels import Tlp
from simpul.errors import Refusal
from simpul.protocol.labels import to_wire
from simpul.protocol.payloads import FeedbackReport, SightingReport
from simpul.services.agreeing import in_force
from simpul.services.answering import answer_label, send_report
from simpul.services.quarantining import admit_quarantined, refuse_quarantined
from simpul.services.reading import verify_receipts
from tests.federation.nations import APPROVER, Nation, World, sign_without_duties
from tests.federation.objects import bundle, indicator, label, stix

SHADY = indicator("shady", "203.0.113.66", description="canary-shady")


@pytest.fixture
def set_aside(world: World, arunika: Nation, borealia: Nation) -> str:
    arunika.imports(label("Borealia"), SHADY)
    (released,) = arunika.releases(arunika.drafts(SHADY), borealia)
    sign_without_duties(arunika.node, released)
    arunika.sync()
    report = borealia.sync()
    assert (report.received, report.admitted, report.quarantined) == (1, 0, 1)
    with borealia.node.store.read() as unit:
        (item,) = unit.mail.quarantined()
    assert {clause for clause, _ in item.reasons} == {"admission.obligations"}
    return str(item.id.hex())


def outcomes(arunika: Nation) -> list[str]:
    arunika.sync()
    rows = verify_receipts(arunika.node)
    assert all(row.verified for row in rows)
    return [row.outcome for row in rows]


def test_what_is_set_aside_is_seen_by_no_search(borealia: Nation, set_aside: str) -> None:
    assert b"canary-shady" not in borealia.export()
    assert borealia.status()["stored"] == 0
    assert borealia.status()["quarantine_waiting"] == 1
    assert borealia.status()["matches"] == []


def test_a_reviewer_takes_it_in_and_the_sender_hears_of_it(
    world: World, arunika: Nation, borealia: Nation, set_aside: str
) -> None:
    assert outcomes(arunika) == ["quarantined"]
    assert admit_quarantined(borealia.node, borealia.people[APPROVER], set_aside[:8]) == 1
    assert b"canary-shady" in borealia.export()
    borealia.sync()
    assert outcomes(arunika) == ["quarantined", "admitted"]
    with pytest.raises(Refusal):
        refuse_quarantined(borealia.node, borealia.people[APPROVER], set_aside)


def test_a_reviewer_refuses_it_and_its_content_is_gone(
    world: World, arunika: Nation, borealia: Nation, set_aside: str
) -> None:
    assert refuse_quarantined(borealia.node, borealia.people[APPROVER], set_aside) == 1
    borealia.sync()
    assert outcomes(arunika) == ["quarantined", "refused"]
    assert borealia.status()["refused"] == 1
    with borealia.node.store.read() as unit:
        assert unit.mail.quarantined_objects(bytes.fromhex(set_aside)) == []


def send_sightings(arunika: Nation, borealia: Nation, *objects: bytes, to: str, count: int) -> None:
    """A sighting report whose label and count are whatever the sender says."""
    node = arunika.node
    with node.store.write() as unit:
        agreement = in_force(unit, node, borealia.party, "cyber-defence", node.clock())
        assert agreement is not None
        honest = answer_label(agreement.terms, borealia.party, "cyber-defence")
        said = answer_label(agreement.terms, to, "cyber-defence")
        report = SightingReport(purpose="cyber-defence", label=to_wire(said), objects=count)
        send_report(unit, node, agreement, report, honest, list(objects), borealia.party)


def raw(made: dict[str, Any]) -> bytes:
    text = bundle(made)
    return text[text.index(b'{"type": "', 1) : -2]


SEEN = stix("sighting", "seen", sighting_of_ref=SHADY["id"], description="canary-sighting")


def test_what_is_labelled_for_another_nation_is_refused(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    send_sightings(arunika, borealia, raw(SEEN), to=cendara.party, count=1)
    arunika.sync()
    report = borealia.sync()
    assert (report.admitted, report.refused) == (0, 1)
    assert outcomes(arunika) == ["refused"]
    assert b"canary-sighting" not in borealia.export()


@pytest.mark.parametrize(
    ("sent", "count"),
    [([raw(SEEN)], 2), ([raw(SEEN), b"{"], 2), ([raw(SEEN), raw(SEEN)[:-1] + b',"count":-1}'], 2), ([], 0)],
    ids=["fewer than said", "not JSON", "one not valid", "none"],
)
def test_a_report_that_is_not_whole_is_refused_whole(
    world: World, arunika: Nation, borealia: Nation, sent: list[bytes], count: int
) -> None:
    send_sightings(arunika, borealia, *sent, to=borealia.party, count=count)
    arunika.sync()
    report = borealia.sync()
    assert report.admitted == 0
    assert report.problems
    assert borealia.status()["stored"] == 0
    assert outcomes(arunika) == ["refused"]
    good = indicator("after", "203.0.113.67")
    arunika.imports(label("Borealia"), good)
    arunika.releases(arunika.drafts(good), borealia)
    world.exchange(2)
    assert good["id"].encode() in borealia.export()


def answer_above_the_ceiling(arunika: Nation, borealia: Nation, *, feedback: bool) -> None:
    """A report whose label Arunika's node raised above the ceiling of the agreement that it names."""
    node = arunika.node
    with node.store.write() as unit:
        agreement = in_force(unit, node, borealia.party, "cyber-defence", node.clock())
        assert agreement is not None
        honest = answer_label(agreement.terms, borealia.party, "cyber-defence")
        said = to_wire(replace(honest, tlp=Tlp.RED))
        report: FeedbackReport | SightingReport
        if feedback:
            report = FeedbackReport(
                purpose="cyber-defence",
                label=said,
                product="product--5f0c9b1e-0000-4000-8000-0000000000f0",
                version=1,
                root=bytes(32),
                useful="yes",
                acted=False,
                at=node.clock(),
                note="canary-note",
            )
        else:
            report = SightingReport(purpose="cyber-defence", label=said, objects=1)
        objects = [] if feedback else [raw(SEEN)]
        send_report(unit, node, agreement, report, honest, objects, borealia.party)


def kept_apart(borealia: Nation) -> str:
    with borealia.node.store.read() as unit:
        (item,) = unit.mail.quarantined()
    assert {clause for clause, _ in item.reasons} == {"agreement.tlp-ceiling"}
    return str(item.id.hex())


def test_a_sighting_that_cannot_be_admitted_is_kept_apart_until_a_reviewer_decides(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    answer_above_the_ceiling(arunika, borealia, feedback=False)
    arunika.sync()
    report = borealia.sync()
    assert (report.received, report.admitted, report.quarantined, report.refused) == (1, 0, 1, 0)
    assert b"canary-sighting" not in borealia.export()
    assert outcomes(arunika) == ["quarantined"]
    assert admit_quarantined(borealia.node, borealia.people[APPROVER], kept_apart(borealia)) == 1
    assert b"canary-sighting" in borealia.export()
    borealia.sync()
    assert outcomes(arunika) == ["quarantined", "admitted"]
    status = borealia.status()
    assert (status["received"], status["quarantined"], status["admitted"], status["refused"]) == (1, 1, 1, 0)


@pytest.mark.parametrize("admits", [True, False], ids=["admitted", "refused"])
def test_feedback_that_cannot_be_admitted_is_shown_once_a_reviewer_has_admitted_it(
    world: World, arunika: Nation, borealia: Nation, *, admits: bool
) -> None:
    answer_above_the_ceiling(arunika, borealia, feedback=True)
    arunika.sync()
    report = borealia.sync()
    assert any("feedback" in problem and "quarantined" in problem for problem in report.problems)
    assert outcomes(arunika) == ["quarantined"]
    assert borealia.status()["feedback"] == []
    decide = admit_quarantined if admits else refuse_quarantined
    decide(borealia.node, borealia.people[APPROVER], kept_apart(borealia))
    assert [each["note"] for each in borealia.status()["feedback"]] == (["canary-note"] if admits else [])
    borealia.sync()
    assert outcomes(arunika) == ["quarantined", "admitted" if admits else "refused"]


def test_what_is_labelled_for_another_nation_is_counted_by_the_clause(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    send_sightings(arunika, borealia, raw(SEEN), to=cendara.party, count=1)
    arunika.sync()
    borealia.sync()
    assert borealia.status()["refused_by"] == [{"clause": "label.releasable-to", "count": 1}]
    (leaf,) = borealia.leaves("sighting")
    assert (leaf["outcome"], leaf["clauses"]) == ("refused", ["label.releasable-to"])
