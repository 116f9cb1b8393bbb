"""Messages that are decided again before they are sealed anew, and those that are given up."""

from __future__ import annotations

from typing import Any

import pytest

from simpul.domain.mail import MailState, Outgoing
from simpul.protocol.payloads import NotUnderstoodNotice, Sealed, UnopenableNotice
from simpul.services.posting import post
from simpul.services.receiving import receive
from tests.federation.forging import numbers_with_news, sealed_for
from tests.federation.nations import DAY, Nation, World
from tests.federation.objects import agreement, indicator, label

MADE = indicator("once", "203.0.113.70")


def on_its_way(arunika: Nation, borealia: Nation) -> Outgoing:
    """One indicator, numbered and put, which no relay has kept."""
    arunika.limit(resend_seconds=400 * DAY)
    arunika.wire.on_put = lambda _: []
    arunika.imports(label("Borealia"), MADE)
    arunika.releases(arunika.drafts(MADE), borealia)
    arunika.sync()
    arunika.wire.on_put = lambda envelope: [envelope]
    return sent(arunika, "release")


def sent(arunika: Nation, kind: str) -> Outgoing:
    with arunika.node.store.read() as unit:
        (found,) = [m for m in unit.mail.due(1 << 60, 1000) if m.kind == kind]
    return found


def state(arunika: Nation, message: Outgoing) -> MailState:
    with arunika.node.store.read() as unit:
        found = unit.mail.by_name(message.name)
    assert found is not None
    return found.state


def cannot_open(borealia: Nation, arunika: Nation) -> None:
    """Borealia reports every envelope that Arunika has handed over."""
    import hashlib

    envelopes = [hashlib.sha256(envelope).digest() for _, _, envelope in arunika.wire.puts]
    with borealia.node.store.write() as unit:
        notice = UnopenableNotice(envelopes=tuple(Sealed(tag=bytes(16), envelope=e) for e in envelopes))
        post(unit, borealia.node, arunika.party, notice, lane="contact")


def reasons(nation: Nation) -> list[str]:
    return [leaf["reason"] for leaf in nation.leaves("void")]


def test_what_still_may_go_is_sealed_anew(world: World, arunika: Nation, borealia: Nation) -> None:
    message = on_its_way(arunika, borealia)
    cannot_open(borealia, arunika)
    world.exchange(3)
    assert MADE["id"].encode() in borealia.export()
    assert state(arunika, message) is MailState.ACKED
    assert reasons(arunika) == []


def relabelled(world: World, arunika: Nation, borealia: Nation) -> None:
    arunika.marks(label(), MADE)


def superseded(world: World, arunika: Nation, borealia: Nation) -> None:
    arunika.proposes(agreement("Arunika", "Borealia", version=2, topics=("radiological",)))
    world.exchange(2)
    borealia.signs("arunika-borealia")
    world.exchange(2)


@pytest.mark.parametrize("changed", [relabelled, superseded], ids=["label", "agreement"])
def test_what_may_no_longer_go_is_withdrawn_and_leaves_no_gap(
    world: World, arunika: Nation, borealia: Nation, changed: Any
) -> None:
    message = on_its_way(arunika, borealia)
    changed(world, arunika, borealia)
    cannot_open(borealia, arunika)
    world.exchange(3)
    assert MADE["id"].encode() not in borealia.export()
    assert state(arunika, message) is MailState.VOID
    assert reasons(arunika) == ["withdrawn"]
    assert arunika.status()["unacknowledged"] == 0
    with borealia.node.store.read() as unit:
        assert all(not each.ranges for each in unit.mail.acks_for(arunika.party))


def test_a_report_goes_only_while_its_agreement_is_in_force(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    from tests.federation.test_hostile_partner import SEEN, raw, send_sightings

    arunika.limit(resend_seconds=400 * DAY)
    arunika.wire.on_put = lambda _: []
    send_sightings(arunika, borealia, raw(SEEN), to=borealia.party, count=1)
    arunika.sync()
    arunika.wire.on_put = lambda envelope: [envelope]
    message = sent(arunika, "sighting")
    superseded(world, arunika, borealia)
    cannot_open(borealia, arunika)
    world.exchange(3)
    assert state(arunika, message) is MailState.VOID
    assert b"canary-sighting" not in borealia.export()


def in_a_later_version(arunika: Nation, borealia: Nation) -> Outgoing:
    """A report to Borealia that has a field nobody here knows, numbered and ready to be sealed."""
    from tests.federation.test_hostile_partner import SEEN, raw, send_sightings

    send_sightings(arunika, borealia, raw(SEEN), to=borealia.party, count=1)
    with arunika.node.store.read() as unit:
        (waiting,) = [m for m in unit.mail.waiting(100) if m.kind == "sighting"]
    return numbers_with_news(arunika, waiting, b"of later version")


def test_what_is_not_understood_is_told_once_and_given_up(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    message = in_a_later_version(arunika, borealia)
    for _ in range(3):
        assert receive(borealia.node, sealed_for(arunika, borealia, message)).problem
    assert len(borealia.leaves("not-understood")) == 1
    world.exchange(3)
    (leaf,) = arunika.leaves("not-understood-by")
    assert (leaf["party"], leaf["message"], leaf["kind"]) == (borealia.party, message.name.hex(), "sighting")
    assert state(arunika, message) is MailState.VOID
    assert reasons(arunika) == ["not-understood"]
    (told,) = arunika.status()["not_understood"]
    assert (told["by"], told["message"], told["kind"]) == (borealia.party, message.name.hex(), "sighting")
    assert arunika.status()["unacknowledged"] == 0
    with borealia.node.store.read() as unit:
        (acked,) = [each for each in unit.mail.acks_for(arunika.party) if each.stream == message.stream]
    assert acked.up_to == message.number


def test_nobody_gives_up_a_message_for_another_party(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    message = on_its_way(arunika, borealia)
    with cendara.node.store.write() as unit:
        notice = NotUnderstoodNotice(
            message=message.name, stream=message.stream, number=message.number, kind="release", what="novelty"
        )
        post(unit, cendara.node, arunika.party, notice)
    cendara.sync()
    report = arunika.sync()
    assert any("never sent" in problem for problem in report.problems)
    assert state(arunika, message) is MailState.CARRIED
    assert arunika.status()["not_understood"] == []
