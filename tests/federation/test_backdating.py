"""`decided_at` is the sender's word alone: how far it is taken, and a clock that is set right again."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from simpul.services.reading import list_quarantined
from tests.federation.forging import agreed, object_leaf, sends_forged, sheet, view
from tests.federation.nations import DAY, HOUR, WEEK, Nation, World
from tests.federation.objects import agreement, indicator
from tests.federation.test_hostile_partner import SEEN, raw, send_sightings
from tests.federation.test_time_and_keys import sends

MADE = indicator("made", "203.0.113.80")
MICRO = 1_000_000


def sends_as_decided(arunika: Nation, borealia: Nation, days: int) -> None:
    """A release that says it was decided so many days before it was made."""
    leaves = (sheet(arunika, view(borealia)), object_leaf(view(borealia), MADE))
    sends_forged(arunika, borealia, *leaves, decided_at=arunika.now() - days * DAY * MICRO)
    arunika.sync()


def clauses(borealia: Nation) -> set[str]:
    groups = list_quarantined(borealia.node, state="waiting")
    return {clause for group in groups for clause, _ in group.item.reasons}


@pytest.mark.parametrize(("days", "taken"), [(29, True), (31, False)])
def test_a_decision_may_be_thirty_days_older_than_its_message(
    world: World, arunika: Nation, borealia: Nation, days: int, *, taken: bool
) -> None:
    sends_as_decided(arunika, borealia, days)
    report = borealia.sync()
    assert (report.admitted, report.quarantined) == ((1, 0) if taken else (0, 1))
    assert clauses(borealia) == (set() if taken else {"admission.decided-at"})


def ends_soon(world: World, arunika: Nation, borealia: Nation) -> None:
    """The two agree anew, for ten days."""
    from simpul.services.times import rfc3339

    end = rfc3339(arunika.now() + 10 * DAY * MICRO)
    arunika.proposes(agreement("Arunika", "Borealia", version=2, not_after=end))
    world.exchange(2)
    borealia.signs("arunika-borealia")
    world.exchange(2)


@pytest.mark.parametrize("late", [False, True], ids=["within the grace", "long after"])
def test_an_agreement_that_ended_long_ago_is_not_used_by_saying_that_it_was_before(
    world: World, arunika: Nation, borealia: Nation, *, late: bool
) -> None:
    ends_soon(world, arunika, borealia)
    borealia.limit(message_days=14)
    created = arunika.now()
    leaves = (sheet(arunika, view(borealia)), object_leaf(view(borealia), MADE))
    sends_forged(arunika, borealia, *leaves, created=created)
    send_sightings(arunika, borealia, raw(SEEN), to=borealia.party, count=1)
    for _ in range(4 if late else 3):
        world.pass_time(WEEK)
        borealia.sync()
    arunika.limit(resend_seconds=1)
    arunika.sync()
    world.exchange(2)
    status = borealia.status()
    assert (status["admitted"], status["quarantined"]) == ((0, 2) if late else (2, 0))
    assert clauses(borealia) == ({"admission.decided-at"} if late else set())


@pytest.mark.parametrize("late", [False, True], ids=["within the grace", "long after"])
def test_a_superseded_agreement_is_not_used_for_ever(
    world: World, arunika: Nation, borealia: Nation, *, late: bool
) -> None:
    before = agreed(arunika, borealia)
    arunika.proposes(agreement("Arunika", "Borealia", version=2, topics=("radiological",)))
    world.exchange(2)
    borealia.signs("arunika-borealia")
    world.exchange(2)
    borealia.limit(message_days=14)
    for _ in range(3 if late else 1):
        world.pass_time(WEEK)
        world.exchange(1)
    leaves = (sheet(arunika, view(borealia)), object_leaf(view(borealia), MADE))
    sends_forged(arunika, borealia, *leaves, under=before)
    arunika.sync()
    report = borealia.sync()
    assert (report.admitted, report.quarantined) == ((0, 1) if late else (1, 0))
    assert clauses(borealia) == ({"admission.decided-at", "agreement.in-force"} if late else set())


def test_a_clock_that_is_set_right_is_no_longer_named(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    for nation, hours in ((arunika, 1), (cendara, 2)):
        nation.clock.ahead = hours * HOUR * MICRO
    sends(arunika, borealia, "ahead")
    arunika.sync()
    cendara.proposes(agreement("Cendara", "Borealia"))
    cendara.sync()
    borealia.sync()
    named = borealia.status()["clock_skew"]
    assert arunika.party[:10] in named
    assert cendara.party[:10] in named
    arunika.clock.ahead = 0
    sends(arunika, borealia, "right")
    arunika.sync()
    borealia.wire.on_fetch = lambda envelopes: envelopes[::-1]
    borealia.sync()
    world.pass_time(HOUR)
    borealia.sync()
    left = borealia.status()["clock_skew"]
    assert arunika.party[:10] not in left
    assert cendara.party[:10] in left


def test_a_message_that_says_it_was_made_long_ago_is_not_taken_on_its_senders_word(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    then = arunika.now()
    over = replace(view(borealia), expires=then + HOUR * MICRO)
    for _ in range(20):
        world.pass_time(10 * DAY)
        world.exchange(1)
    world.exchange(1)
    leaves = (sheet(arunika, view(borealia)), object_leaf(over, MADE))
    sends_forged(arunika, borealia, *leaves, created=then, decided_at=then)
    arunika.sync()
    assert borealia.sync().admitted == 0
    assert clauses(borealia) == {"admission.decided-at"}


def test_what_is_decided_under_a_version_long_after_its_successor_began_is_kept_apart(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    first = agreed(arunika, borealia)
    arunika.proposes(agreement("Arunika", "Borealia", version=2, ceiling="clear"))
    world.exchange(1)
    borealia.signs("arunika-borealia")
    world.exchange(2)
    world.pass_time(15 * DAY)
    world.exchange(1)
    leaves = (sheet(arunika, view(borealia)), object_leaf(view(borealia), MADE))
    sends_forged(arunika, borealia, *leaves, under=first)
    arunika.sync()
    assert borealia.sync().admitted == 0
    assert "agreement.in-force" in clauses(borealia)
