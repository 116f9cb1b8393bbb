"""What was released is taken back, or narrowed, wherever it went; who answered is seen, and who may not say so is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simpul.domain.labels import Tlp
from simpul.domain.queries import HOME
from simpul.domain.recalls import RecallState
from simpul.errors import Refusal
from simpul.protocol.canonical import encode
from simpul.protocol.documents import sign
from simpul.protocol.keys import SigningKey
from simpul.protocol.payloads import decode_payload
from simpul.protocol.recalls import KIND, Recall, RecallAnswer, RecalledObject, RecallNotice
from simpul.services.auditing import verify_own_log
from simpul.services.healing import require_replayed, waive_replay
from simpul.services.posting import post
from simpul.services.recalling import (
    Issued,
    RecallStatus,
    Wanted,
    Why,
    add_hold,
    issue,
    list_recalls,
    status,
    tighten,
)
from simpul.services.receiving import receive
from tests.federation.nations import APPROVER, DAY, WEEK, Nation, World, sign_without_duties
from tests.federation.objects import agreement, indicator, label
from tests.federation.test_hostile_partner import SEEN, raw, send_sightings

FIRST = indicator("first", "203.0.113.21", description="canary-first")
SECOND = indicator("second", "203.0.113.22", description="canary-second")
THIRD = indicator("third", "203.0.113.23", description="canary-third")
WHY = Why(code="mistake", reason="the wrong server")
TEXT = """
[[portion]]
text = "canary-narrative"
[portion.label]
"""


def objects(*wanted: dict[str, Any]) -> Wanted:
    return Wanted(product=None, version=None, objects=tuple(each["id"] for each in wanted))


def recalls(nation: Nation, wanted: Wanted, **chosen: Any) -> Issued:
    (issued,) = issue(nation.node, nation.people[APPROVER], wanted, WHY, **chosen)
    return issued


def looks(nation: Nation, issued: Issued) -> RecallStatus:
    (found,) = status(nation.node, issued.hash.hex())
    return found


def answers(nation: Nation, issued: Issued) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in looks(nation, issued).document()["parties"]}


def stored(nation: Nation) -> set[str]:
    with nation.node.store.read() as unit:
        heads, _ = unit.objects.newest(HOME, limit=1000)
    return {head.key.id for head in heads}


def give(arunika: Nation, *to: Nation, what: tuple[dict[str, Any], ...] = (FIRST, SECOND)) -> Any:
    arunika.imports(label(*(n.name for n in to)), *what)
    product = arunika.drafts(*what, portions=TEXT + label(*(n.name for n in to)))
    arunika.releases(product, *to)
    return product


def test_a_recalled_object_is_gone_and_the_answer_says_so(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    give(arunika, borealia, cendara)
    world.exchange(2)
    assert stored(borealia) == stored(cendara) == {FIRST["id"], SECOND["id"]}
    issued = recalls(arunika, objects(FIRST))
    assert set(issued.to) == {borealia.party, cendara.party}
    assert {a["state"] for a in answers(arunika, issued).values()} == {"waiting"}
    world.exchange(2)
    for nation in (borealia, cendara):
        assert stored(nation) == {SECOND["id"]}
        assert b"canary-first" not in nation.export()
        assert verify_own_log(nation.node).ok
    assert stored(arunika) == {FIRST["id"], SECOND["id"]}, "its own record stays"
    for name in ("Borealia", "Cendara"):
        said = answers(arunika, issued)[name]
        assert (said["state"], said["destroyed"], said["not_held"]) == ("answered", 1, 0)
        assert said["passed_on"] == {"named": [], "others": 0}
        assert said["backups_until"] is None


def test_a_recalled_product_goes_with_its_narrative(world: World, arunika: Nation, borealia: Nation) -> None:
    product = give(arunika, borealia)
    world.exchange(2)
    issued = recalls(arunika, Wanted(product=product.id, version=None, objects=()))
    world.exchange(2)
    assert stored(borealia) == set()
    with borealia.node.store.read() as unit:
        (item,) = unit.mail.inbox()
    assert (item.recalled, item.title, item.portions, item.sheet) == (True, "", (), b"")
    assert answers(arunika, issued)["Borealia"]["destroyed"] == 2


def test_what_another_delivery_that_stands_gave_too_stays(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    first = give(arunika, borealia)
    second = arunika.drafts(SECOND)
    arunika.releases(second, borealia)
    world.exchange(2)
    recalls(arunika, Wanted(product=first.id, version=1, objects=()))
    world.exchange(2)
    assert stored(borealia) == {SECOND["id"]}
    recalls(arunika, Wanted(product=second.id, version=None, objects=()))
    world.exchange(2)
    assert stored(borealia) == set()


def test_a_recall_that_arrives_before_its_release_wins(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    product = give(arunika, borealia)
    arunika.wire.on_put = lambda _: []
    arunika.sync()  # numbered and put, and lost on its way
    arunika.wire.on_put = lambda envelope: [envelope]
    late = [envelope for _, _, envelope in arunika.wire.puts]
    issued = recalls(arunika, Wanted(product=product.id, version=None, objects=()))
    world.exchange(2)
    assert answers(arunika, issued)["Borealia"]["not_held"] == 1
    for envelope in late:
        receive(borealia.node, envelope)
    assert stored(borealia) == set()
    assert b"canary" not in borealia.export()


def test_recalled_objects_are_refused_and_counted_when_they_come_again(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    recalls(arunika, objects(FIRST))
    world.exchange(2)
    arunika.releases(arunika.drafts(FIRST, SECOND), borealia)
    world.exchange(2)
    assert stored(borealia) == {SECOND["id"]}
    assert [r["clause"] for r in borealia.status()["refused_by"]] == ["recall"]


def test_what_is_not_held_is_answered_and_stays_refused(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.imports(label("Borealia"), THIRD)
    document = sign(
        KIND,
        "live",
        encode(recall_of(arunika, arunika, THIRD)),
        SigningKey(arunika.node.keyring.secret("signing")),
    )
    with arunika.node.store.write() as unit:
        post(unit, arunika.node, borealia.party, RecallNotice(), [document.encode()])
    world.exchange(1)
    (kept,) = [each.recall for each in list_recalls(borealia.node)]
    assert (kept.state, kept.destroyed, kept.not_held) == (RecallState.DONE, 0, 1)
    arunika.releases(arunika.drafts(THIRD), borealia)
    world.exchange(2)
    assert stored(borealia) == set()


def recall_of(author: Nation, originator: Nation, *what: dict[str, Any]) -> Recall:
    now = author.now()
    return Recall(
        author=author.party,
        originator=originator.party,
        action="recall",
        code="other",
        reason="because",
        issued=now,
        deadline=now + WEEK * 1_000_000,
        objects=tuple(RecalledObject(id=each["id"]) for each in what),
    )


def sends_recall(sender: Nation, to: Nation, recall: Recall) -> None:
    """Sign a recall by hand and queue it to one party."""
    key = SigningKey(sender.node.keyring.secret("signing"))
    passes_on(sender, to, sign(KIND, "live", encode(recall), key).encode())


def passes_on(sender: Nation, to: Nation, document: bytes) -> None:
    """Queue a recall document, whoever signed it, to one party."""
    with sender.node.store.write() as unit:
        post(unit, sender.node, to.party, RecallNotice(), [document])


def heard(nation: Nation) -> list[RecallAnswer]:
    """Every answer that came to a nation, oldest first."""
    with nation.node.store.read() as unit:
        return [
            decode_payload(each.payload, RecallAnswer)[0] for each in unit.mail.incoming_of("recall-answer")
        ]


def test_nobody_takes_back_what_he_neither_wrote_nor_delivered(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    key = SigningKey(cendara.node.keyring.secret("signing"))
    document = sign(KIND, "live", encode(recall_of(cendara, arunika, FIRST)), key)
    with cendara.node.store.write() as unit:
        post(unit, cendara.node, borealia.party, RecallNotice(), [document.encode()])
    cendara.sync()
    report = borealia.sync()
    assert any("recall.authority" in problem for problem in report.problems)
    assert stored(borealia) == {FIRST["id"], SECOND["id"]}
    assert [each.recall.scopes for each in list_recalls(borealia.node)] == [(cendara.party,)]
    (leaf,) = borealia.leaves("refusal")
    assert (leaf["kind"], leaf["from"]) == ("recall", cendara.party)


def test_nobody_speaks_in_anothers_name(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    key = SigningKey(cendara.node.keyring.secret("signing"))
    document = sign(KIND, "live", encode(recall_of(arunika, arunika, FIRST)), key)
    with cendara.node.store.write() as unit:
        post(unit, cendara.node, borealia.party, RecallNotice(), [document.encode()])
    cendara.sync()
    report = borealia.sync()
    assert any("bad-signature" in problem for problem in report.problems)
    assert stored(borealia) == {FIRST["id"], SECOND["id"]}


def test_a_restriction_narrows_what_is_held_and_what_comes_later(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    (issued,) = tighten(
        arunika.node,
        arunika.people[APPROVER],
        objects(FIRST, brings_third(arunika)),
        WHY,
        arunika.file('tlp = "amber+strict"\nonward = "none"\n'),
    )
    world.exchange(2)
    arunika.releases(arunika.drafts(THIRD), borealia)
    world.exchange(2)
    with borealia.node.store.read() as unit:
        labels = {
            each["id"]: unit.objects.label(unit.objects.find(HOME, each["id"])[0].label)
            for each in (FIRST, SECOND, THIRD)
        }
    for held in (labels[FIRST["id"]], labels[THIRD["id"]]):
        assert (held.tlp, held.onward and held.onward.none) == (Tlp.AMBER_STRICT, True)
    assert labels[SECOND["id"]].tlp is Tlp.GREEN
    assert answers(arunika, issued)["Borealia"]["restricted"] == 1


def brings_third(arunika: Nation) -> dict[str, Any]:
    arunika.imports(label("Borealia"), THIRD)
    return THIRD


def test_a_restriction_widens_nothing_and_names_nobody(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    signer = arunika.people[APPROVER]
    with pytest.raises(Refusal):
        tighten(arunika.node, signer, objects(FIRST), WHY, arunika.file('releasable_to = ["Borealia"]\n'))
    with borealia.node.store.read() as unit:
        before = unit.objects.find(HOME, FIRST["id"])[0].label
    tighten(arunika.node, signer, objects(FIRST), WHY, arunika.file('tlp = "clear"\n'))
    world.exchange(2)
    with borealia.node.store.read() as unit:
        assert unit.objects.find(HOME, FIRST["id"])[0].label == before


def test_a_legal_hold_keeps_it_out_of_reach_until_it_ends(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    until = borealia.now() + 30 * DAY * 1_000_000
    add_hold(
        borealia.node,
        borealia.people[APPROVER],
        "court order 7/2026",
        product=None,
        objects=[FIRST["id"]],
        until=until,
    )
    issued = recalls(arunika, objects(FIRST, SECOND))
    world.exchange(2)
    assert stored(borealia) == set()
    assert b"canary-first" not in borealia.export()
    said = answers(arunika, issued)["Borealia"]
    assert said["destroyed"] == 2
    assert [(each["ground"], each["count"]) for each in said["retained"]] == [("court order 7/2026", 1)]
    world.pass_time(31 * DAY)
    world.exchange(3)
    assert answers(arunika, issued)["Borealia"]["retained"] == []


def test_who_does_not_answer_in_time_is_overdue(world: World, arunika: Nation, borealia: Nation) -> None:
    give(arunika, borealia)
    world.exchange(2)
    issued = recalls(arunika, objects(FIRST))
    arunika.sync()
    assert answers(arunika, issued)["Borealia"]["state"] == "waiting"
    world.pass_time(WEEK + DAY)
    assert answers(arunika, issued)["Borealia"]["state"] == "overdue"
    world.exchange(3)
    assert answers(arunika, issued)["Borealia"]["state"] == "answered"
    assert stored(borealia) == {SECOND["id"]}


def test_what_is_on_its_way_is_withdrawn(world: World, arunika: Nation, borealia: Nation) -> None:
    give(arunika, borealia)
    issued = recalls(arunika, objects(FIRST))
    world.exchange(2)
    assert stored(borealia) == set()
    assert borealia.status()["received"] == 0
    assert answers(arunika, issued)["Borealia"]["not_held"] == 1


def test_what_was_recalled_is_granted_no_longer(world: World, arunika: Nation, borealia: Nation) -> None:
    give(arunika, borealia)
    world.exchange(2)
    with arunika.node.store.read() as unit:
        assert unit.products.granted(borealia.party, [FIRST["id"]]) == {FIRST["id"]}
    recalls(arunika, objects(FIRST))
    with arunika.node.store.read() as unit:
        assert unit.products.granted(borealia.party, [FIRST["id"], SECOND["id"]]) == {SECOND["id"]}


def test_the_originator_may_destroy_its_own_record_too(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    give(arunika, borealia)
    world.exchange(2)
    recalls(arunika, objects(FIRST), destroy_own=True)
    world.exchange(2)
    assert stored(arunika) == {SECOND["id"]}


def test_a_home_restored_from_a_copy_serves_nobody_before_it_has_replayed_the_recalls(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    give(arunika, borealia, cendara)
    world.exchange(2)
    backup = backed_up(borealia)
    recalls(arunika, objects(FIRST))
    world.exchange(2)
    assert stored(borealia) == {SECOND["id"]}
    borealia.restore(backup)
    assert stored(borealia) == {FIRST["id"], SECOND["id"]}
    borealia.sync()
    with pytest.raises(Refusal) as caught, borealia.node.store.read() as unit:
        require_replayed(unit)
    assert caught.value.where == "recall.replay"
    with pytest.raises(Refusal):
        borealia.export()
    world.exchange(4)
    assert stored(borealia) == {SECOND["id"]}
    with borealia.node.store.read() as unit:
        require_replayed(unit)
    assert b"canary-first" not in borealia.export()


def backed_up(nation: Nation) -> Path:
    """A backup of a home, which never has the prekeys."""
    made = nation.copy()
    for file in made.glob("keys.db*"):
        file.unlink()
    return made


def test_an_officer_may_answer_for_a_partner_that_never_comes_back(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    backup = backed_up(borealia)
    borealia.restore(backup)
    cendara.wire.down = True
    for _ in range(6):
        arunika.sync()
        borealia.sync()
    with pytest.raises(Refusal, match="Cendara"):
        borealia.export()
    waive_replay(borealia.node, borealia.people[APPROVER], cendara.party)
    borealia.export()
    assert [leaf["party"] for leaf in borealia.leaves("replay-waived")] == [cendara.party]


def test_what_may_be_kept_no_longer_is_destroyed_by_itself(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.imports(label("Borealia", more="retention_days = 10\n"), FIRST)
    arunika.imports(label("Borealia"), SECOND)
    arunika.releases(
        arunika.drafts(FIRST, SECOND, portions=TEXT + label("Borealia", more="retention_days = 20\n")),
        borealia,
    )
    world.exchange(2)
    world.pass_time(9 * DAY)
    world.exchange(1)
    assert stored(borealia) == {FIRST["id"], SECOND["id"]}
    world.pass_time(2 * DAY)
    world.exchange(1)
    assert stored(borealia) == {SECOND["id"]}
    assert stored(arunika) == {FIRST["id"], SECOND["id"]}, "an originator keeps its own"
    assert [leaf["objects"] for leaf in borealia.leaves("retention")] == [1]
    with borealia.node.store.read() as unit:
        assert unit.mail.inbox()[0].portions
    world.pass_time(10 * DAY)
    world.exchange(1)
    with borealia.node.store.read() as unit:
        assert not unit.mail.inbox()[0].portions


def test_what_came_under_an_agreement_that_ran_off_is_destroyed_when_that_was_agreed(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    day = datetime.fromtimestamp(arunika.now() / 1_000_000, UTC) + timedelta(days=10)
    arunika.proposes(
        agreement(
            "Arunika",
            "Borealia",
            version=2,
            not_after=f"{day:%Y-%m-%d}T00:00:00Z",
            more='run_off = "return-or-destroy"\nrun_off_days = 5\n',
        )
    )
    world.exchange(1)
    borealia.signs("arunika-borealia")
    world.exchange(2)
    give(arunika, borealia)
    world.exchange(2)
    world.pass_time(12 * DAY)
    world.exchange(1)
    assert stored(borealia) == {FIRST["id"], SECOND["id"]}
    world.pass_time(4 * DAY)
    world.exchange(1)
    assert stored(borealia) == set()
    with borealia.node.store.read() as unit:
        (item,) = unit.mail.inbox()
    assert (item.recalled, item.portions) == (True, ())
    assert stored(arunika) == {FIRST["id"], SECOND["id"]}


def test_what_waits_in_quarantine_is_taken_back_too(world: World, arunika: Nation, borealia: Nation) -> None:
    arunika.imports(label("Borealia"), FIRST, SECOND)
    product = arunika.drafts(FIRST, SECOND, portions=TEXT + label("Borealia"))
    (released,) = arunika.releases(product, borealia)
    sign_without_duties(arunika.node, released)
    world.exchange(2)
    with borealia.node.store.read() as unit:
        assert [group.objects for group in unit.mail.quarantined()] == [2]
    issued = recalls(arunika, objects(FIRST))
    world.exchange(2)
    with borealia.node.store.read() as unit:
        (group,) = unit.mail.quarantined()
        assert [id for id, *_ in unit.mail.quarantined_objects(group.id)] == [SECOND["id"]]
    assert answers(arunika, issued)["Borealia"]["not_held"] == 0
    recalls(arunika, Wanted(product=product.id, version=None, objects=()))
    world.exchange(2)
    with borealia.node.store.read() as unit:
        assert unit.mail.quarantined() == []
        assert unit.mail.quarantine_extra(group.id) == b""


def test_a_sighting_report_is_taken_back_with_the_message_that_brought_it(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    send_sightings(arunika, borealia, raw(SEEN), to=borealia.party, count=1)
    world.exchange(2)
    assert SEEN["id"] in stored(borealia)
    key = SigningKey(arunika.node.keyring.secret("signing"))
    document = sign(KIND, "live", encode(recall_of(arunika, arunika, SEEN)), key)
    with arunika.node.store.write() as unit:
        post(unit, arunika.node, borealia.party, RecallNotice(), [document.encode()])
    world.exchange(2)
    assert stored(borealia) == set()
    with borealia.node.store.read() as unit:
        assert [each.payload for each in unit.mail.incoming_of("sighting")] == [b""]
    send_sightings(arunika, borealia, raw(SEEN), to=borealia.party, count=1)
    world.exchange(2)
    assert stored(borealia) == set()
    with borealia.node.store.read() as unit:
        assert [each.payload for each in unit.mail.incoming_of("sighting")] == [b"", b""]
