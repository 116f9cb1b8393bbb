"""An agreement's life decides what goes: proposed, signed, not yet valid, in force, superseded, expired."""

from __future__ import annotations

from typing import Any

import pytest

from simpul.errors import ApprovalRefusal, InputFault, PolicyRefusal, Refusal
from tests.federation.nations import DAY, Nation, World
from tests.federation.objects import agreement, indicator, label

ID = "borealia-cendara"


def day(nation: Nation, days: int) -> str:
    """A day from the nation's today, as TOML."""
    from datetime import UTC, datetime, timedelta

    return (datetime.fromtimestamp(nation.now() / 1e6, UTC) + timedelta(days=days)).strftime("%Y-%m-%d")


@pytest.fixture
def offered(borealia: Nation) -> dict[str, Any]:
    made = indicator("offered", "203.0.113.33")
    borealia.imports(label("Cendara"), made)
    return made


def going(borealia: Nation, cendara: Nation) -> set[str]:
    (shown,) = borealia.previews(borealia.drafts(), cendara)
    return {each.id for each in shown.objects if each.sha256}


def clauses(borealia: Nation, cendara: Nation) -> set[str]:
    (shown,) = borealia.previews(borealia.drafts(), cendara)
    return {each.clause for each in shown.objects}


def test_without_an_agreement_nothing_goes(
    world: World, borealia: Nation, cendara: Nation, offered: Any
) -> None:
    assert clauses(borealia, cendara) == {"agreement.in-force"}
    with pytest.raises(PolicyRefusal) as refused:
        borealia.approves(borealia.drafts(), cendara)
    assert refused.value.where == "agreement.in-force"
    assert refused.value.do


def test_a_proposal_permits_nothing_until_both_have_signed_the_same_bytes(
    world: World, borealia: Nation, cendara: Nation, offered: Any
) -> None:
    proposed = borealia.proposes(agreement("Borealia", "Cendara"))
    assert proposed.state == "proposed"
    assert going(borealia, cendara) == set()
    world.exchange(1)
    assert cendara.agreements()[ID, 1] == "proposed"
    signed = cendara.signs(ID)
    assert signed.hash == proposed.hash
    assert signed.state == "in-force"
    assert borealia.agreements()[ID, 1] == "proposed"
    world.exchange(2)
    assert borealia.agreements()[ID, 1] == "in-force"
    assert going(borealia, cendara) == {offered["id"]}
    with pytest.raises(Refusal, match="signed version 1"):
        cendara.signs(ID)


def test_one_version_has_one_text(world: World, borealia: Nation, cendara: Nation) -> None:
    borealia.proposes(agreement("Borealia", "Cendara"))
    with pytest.raises(InputFault, match="exists already"):
        borealia.proposes(agreement("Borealia", "Cendara", ceiling="red"))
    cendara.proposes(agreement("Borealia", "Cendara", ceiling="red"))
    reports = [nation.sync() for nation in (borealia, cendara, borealia)]
    assert any("another text of version 1" in p for report in reports for p in report.problems)
    assert borealia.agreements()[ID, 1] == cendara.agreements()[ID, 1] == "proposed"


def agreed(world: World, borealia: Nation, cendara: Nation, **terms: Any) -> None:
    borealia.proposes(agreement("Borealia", "Cendara", **terms))
    world.exchange(1)
    cendara.signs(ID)
    world.exchange(2)


def test_an_agreement_decides_from_its_first_day_to_its_last(
    world: World, borealia: Nation, cendara: Nation, offered: Any
) -> None:
    agreed(world, borealia, cendara, not_before=day(borealia, 3), not_after=day(borealia, 10))
    assert borealia.agreements()[ID, 1] == "not-yet-valid"
    assert clauses(borealia, cendara) == {"agreement.in-force"}
    world.pass_time(5 * DAY)
    assert borealia.agreements()[ID, 1] == "in-force"
    assert going(borealia, cendara) == {offered["id"]}
    world.pass_time(7 * DAY)
    assert borealia.agreements()[ID, 1] == "expired"
    assert clauses(borealia, cendara) == {"agreement.in-force"}


def test_an_approval_does_not_outlive_its_agreement(
    world: World, borealia: Nation, cendara: Nation, offered: Any
) -> None:
    from simpul.services.releasing import release
    from tests.federation.nations import APPROVER

    agreed(world, borealia, cendara, not_before=day(borealia, -1), not_after=day(borealia, 3))
    product = borealia.drafts()
    borealia.approves(product, cendara)
    world.pass_time(5 * DAY)
    with pytest.raises(ApprovalRefusal):
        release(borealia.node, borealia.people[APPROVER], product.id, [cendara.party])
    world.exchange(2)
    assert cendara.status()["received"] == 0


def test_what_was_decided_in_time_is_admitted_after_the_agreement_expired(
    world: World, borealia: Nation, cendara: Nation, offered: Any
) -> None:
    agreed(world, borealia, cendara, not_before=day(borealia, -1), not_after=day(borealia, 3))
    borealia.releases(borealia.drafts(), cendara)
    borealia.sync()
    world.pass_time(5 * DAY)
    assert cendara.sync().admitted == 1


def test_a_new_version_supersedes_and_voids_what_was_approved_under_the_old_one(
    world: World, borealia: Nation, cendara: Nation, offered: Any
) -> None:
    from simpul.services.releasing import release
    from tests.federation.nations import APPROVER

    agreed(world, borealia, cendara)
    product = borealia.drafts()
    borealia.approves(product, cendara)
    agreed(world, borealia, cendara, version=2, topics=("radiological",))
    for nation in (borealia, cendara):
        states = nation.agreements()
        assert (states[ID, 1], states[ID, 2]) == ("superseded", "in-force")
    with pytest.raises(ApprovalRefusal, match="void"):
        release(borealia.node, borealia.people[APPROVER], product.id, [cendara.party])
    assert clauses(borealia, cendara) == {"agreement.topic"}


def test_an_agreement_of_three_needs_three(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation, offered: Any
) -> None:
    borealia.proposes(agreement("Arunika", "Borealia", "Cendara", id="three"))
    world.exchange(1)
    cendara.signs("three")
    world.exchange(2)
    assert going(borealia, cendara) == set()
    arunika.signs("three")
    world.exchange(2)
    assert {nation.agreements()["three", 1] for nation in world.nations.values()} == {"in-force"}
    assert going(borealia, cendara) == {offered["id"]}


def test_a_label_that_changes_after_the_approval_voids_it(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    from simpul.services.releasing import release
    from tests.federation.nations import APPROVER

    made = indicator("changing", "203.0.113.34")
    arunika.imports(label("Borealia"), made)
    product = arunika.drafts(made)
    arunika.approves(product, borealia)
    assert arunika.marks(label("Borealia", tlp="amber"), made) == 1
    with pytest.raises(ApprovalRefusal, match="void"):
        release(arunika.node, arunika.people[APPROVER], product.id, [borealia.party])
    arunika.releases(product, borealia)
    world.exchange(2)
    assert made["id"].encode() in borealia.export()
