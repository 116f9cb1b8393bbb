"""Simulated weeks: key packages follow each other, prekeys die, cards and relays change, clocks differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpul.protocol.packages import epoch_of
from simpul.services.connecting import renew_card
from tests.federation.nations import DAY, HOUR, WEEK, Nation, World, lost
from tests.federation.objects import indicator, label
from tests.relay_process import RelayProcess


def sends(arunika: Nation, borealia: Nation, key: str) -> dict[str, Any]:
    """Arunika releases one indicator to Borealia."""
    made = indicator(key, "203.0.113.77")
    arunika.imports(label("Borealia"), made)
    arunika.releases(arunika.drafts(made), borealia)
    return made


def has(nation: Nation, made: dict[str, Any]) -> bool:
    return made["id"].encode() in nation.export()


def epochs(nation: Nation, other: Nation) -> list[int]:
    """Epochs of which the nation still has the prekeys that it gave to another."""
    here = epoch_of(nation.now())
    return [e for e in range(here - 20, here + 12) if nation.node.keyring.prekey(other.party, e) is not None]


def test_nations_that_sync_each_week_never_run_out_of_keys(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    for week in range(12):
        made = sends(arunika, borealia, f"week-{week}")
        world.exchange(2)
        assert has(borealia, made)
        world.pass_time(WEEK)
    world.exchange(2)
    assert arunika.status()["unacknowledged"] == 0
    with arunika.node.store.read() as unit:
        stored = unit.directory.package(borealia.party, ours=False)
    assert stored is not None
    assert stored[0] >= 3


def test_a_prekey_dies_after_its_week_the_next_and_a_drain(
    world: World, borealia: Nation, arunika: Nation
) -> None:
    begin = epoch_of(borealia.now())
    assert epochs(borealia, arunika)[0] == begin
    world.pass_time(WEEK)
    world.exchange(1)
    assert epochs(borealia, arunika)[0] == begin
    world.pass_time(WEEK)
    world.exchange(1)
    assert epochs(borealia, arunika)[0] == begin + 1


def test_a_prekey_dies_at_the_end_of_the_hold_even_if_the_relay_is_away(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    begin = epoch_of(borealia.now())
    borealia.limit(prekey_hold_days=14)
    borealia.wire.down = True
    world.pass_time(2 * WEEK)
    borealia.sync()
    assert begin in epochs(borealia, arunika)
    world.pass_time(2 * WEEK)
    assert not borealia.sync().reached
    assert begin not in epochs(borealia, arunika)


def test_what_comes_after_its_prekey_died_is_reported_and_sealed_anew(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    borealia.limit(prekey_hold_days=14)
    arunika.limit(resend_seconds=400 * DAY)
    made = sends(arunika, borealia, "late")
    arunika.sync()
    borealia.wire.down = True
    world.pass_time(4 * WEEK, relay=False)
    borealia.sync()
    borealia.wire.down = False
    report = borealia.sync()
    assert not has(borealia, made)
    assert any("unopenable" in problem for problem in report.problems)
    assert borealia.leaves("unopenable")
    world.exchange(2)
    assert has(borealia, made)


def test_what_waits_longer_than_the_keys_last_goes_when_there_are_new_ones(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    world.pass_time(9 * WEEK)
    made = sends(arunika, borealia, "patient")
    report = arunika.sync()
    assert any("no prekey for this week" in problem for problem in report.problems)
    assert report.sent == 0
    world.exchange(3)
    assert has(borealia, made)
    assert arunika.status()["unacknowledged"] == 0


def test_a_nation_that_was_away_for_weeks_catches_up(world: World, arunika: Nation, borealia: Nation) -> None:
    made = []
    for week in range(5):
        made.append(sends(arunika, borealia, f"away-{week}"))
        arunika.sync()
        world.pass_time(WEEK)
    world.exchange(2)
    world.pass_time(DAY)
    world.exchange(3)
    assert all(has(borealia, each) for each in made)
    assert arunika.status()["unacknowledged"] == 0
    assert borealia.status()["admitted"] == 5


def test_what_expired_before_it_was_taken_is_voided_and_leaves_no_gap(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.limit(message_days=1)
    arunika.wire.on_put = lost
    made = sends(arunika, borealia, "expired")
    arunika.sync()
    arunika.wire.on_put = lambda envelope: [envelope]
    world.pass_time(2 * DAY)
    report = arunika.sync()
    assert any("expired" in problem for problem in report.problems)
    assert arunika.leaves("void")
    world.exchange(3)
    assert not has(borealia, made)
    assert arunika.status()["unacknowledged"] == 0
    with borealia.node.store.read() as unit:
        assert all(not state.ranges for state in unit.mail.acks_for(arunika.party))


def test_an_envelope_that_comes_after_its_message_expired_is_refused(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.limit(message_days=1)
    made = sends(arunika, borealia, "stale")
    arunika.sync()
    world.pass_time(2 * DAY)
    report = borealia.sync()
    assert report.admitted == 0
    assert any("expired" in problem for problem in report.problems)
    assert not has(borealia, made)


def test_a_clock_an_hour_ahead_is_named_and_its_messages_wait(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.clock.ahead = HOUR * 1_000_000
    made = sends(arunika, borealia, "ahead")
    arunika.sync()
    report = borealia.sync()
    assert report.admitted == report.refused == 0
    assert any("ahead of this node's clock" in problem for problem in report.problems)
    assert f"{arunika.party[:10]} is " in borealia.status()["clock_skew"]
    arunika.sync()
    assert arunika.status()["unacknowledged"] >= 1
    world.pass_time(HOUR)
    assert borealia.sync().admitted == 1
    assert has(borealia, made)


def test_a_clock_an_hour_behind_sees_all_others_ahead(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.clock.ahead = -HOUR * 1_000_000
    made = sends(arunika, borealia, "behind")
    world.exchange(2)
    assert has(borealia, made)
    assert borealia.status()["clock_skew"] is None
    assert f"{borealia.party[:10]} is " in arunika.status()["clock_skew"]
    arunika.clock.ahead = 0
    world.exchange(1)
    assert arunika.status()["unacknowledged"] == 0


@pytest.fixture
def other_relay(tmp_path: Path) -> Any:
    made = RelayProcess(tmp_path / "other-relay")
    yield made
    made.close()


def test_a_renewed_card_moves_a_nation_to_another_relay(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation, other_relay: RelayProcess
) -> None:
    early = sends(arunika, borealia, "before the move")
    arunika.sync()
    shown = renew_card(borealia.node, borealia.root, [other_relay.url])
    assert (shown.version, shown.relays) == (2, (other_relay.url,))
    world.exchange(3)
    late = sends(arunika, borealia, "after the move")
    before = len(arunika.wire.puts)
    world.exchange(2)
    assert has(borealia, early)
    assert has(borealia, late)
    assert len(arunika.wire.puts) > before
    for nation in (arunika, cendara):
        partners = {each["name"]: each["card"] for each in nation.status()["partners"]}
        assert partners["Borealia"] == 2
    records = other_relay.client(borealia.node.keyring.secret("account")).list()
    assert records == []
    world.relay.kill()
    last = sends(arunika, borealia, "the old relay is gone")
    for nation in (arunika, borealia, arunika):
        nation.sync()
    assert has(borealia, last)
