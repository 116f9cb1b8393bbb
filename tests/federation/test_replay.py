"""A decision years later: both ends compute its agreement part anew and come to the same answer, clause by clause."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace as changed

from simpul.domain.releases import Release
from simpul.errors import InputFault, NotFound
from simpul.services.auditing import openings
from simpul.services.replaying import Replay, replay
from tests.federation.nations import DAY, Nation, World
from tests.federation.objects import agreement, indicator, label
from tests.federation.test_onward import ASKED, OTHER, OURS, consented

OPEN = indicator("replayed", "203.0.113.21")
NARROW = indicator("narrow", "203.0.113.22")
KEPT = indicator("kept", "203.0.113.23")
YEARS = 3 * 366 * DAY


@pytest.fixture
def released(world: World, arunika: Nation, borealia: Nation) -> Release:
    """Two of three objects went under two labels, in two messages; then years passed under other terms."""
    arunika.limit(part=2)
    arunika.imports(label(), OPEN, NARROW, KEPT)
    arunika.marks(label("Borealia"), OPEN)
    arunika.marks(label("Borealia", tlp="amber"), NARROW)
    product = arunika.drafts(OPEN, NARROW, KEPT)
    (release,) = arunika.releases(product, borealia)
    world.exchange(2)
    return release


def years_later(world: World, arunika: Nation, borealia: Nation) -> None:
    """A later version has superseded the agreement, and would not permit what went."""
    arunika.proposes(agreement("Arunika", "Borealia", version=2, topics=("radiological",), ceiling="green"))
    world.exchange(1)
    borealia.signs("arunika-borealia")
    world.exchange(2)
    for nation in (arunika, borealia):
        assert nation.agreements()["arunika-borealia", 1] == "superseded"
        nation.clock.ahead += YEARS * 1_000_000


def answers(found: Replay) -> list[Any]:
    return [
        found.document()[key] for key in ("id", "product", "from", "to", "decided_at", "agreement", "labels")
    ]


def test_both_ends_replay_the_same_answer_years_after_the_agreement_was_superseded(
    released: Release, world: World, arunika: Nation, borealia: Nation
) -> None:
    years_later(world, arunika, borealia)
    at_sender, at_recipient = (replay(n.node, released.root.hex()) for n in (arunika, borealia))
    assert at_sender.ok
    assert at_recipient.ok
    assert answers(at_sender) == answers(at_recipient)
    assert {each.decision.clause for each in at_sender.labels} == {"agreement"}
    assert len(at_sender.labels) >= 2
    assert at_sender.policy == released.policy
    assert at_recipient.policy is None


def test_the_sender_opens_what_the_recipient_was_committed_to(
    released: Release, arunika: Nation, borealia: Nation
) -> None:
    at_sender, at_recipient = (replay(n.node, released.root.hex()) for n in (arunika, borealia))
    assert at_sender.commitment.ok is True
    assert at_recipient.commitment.ok is None
    assert at_recipient.commitment.stated == at_sender.commitment.opened


def test_each_end_names_the_leaf_that_proves_it(released: Release, arunika: Nation, borealia: Nation) -> None:
    for nation, kind in ((arunika, "release"), (borealia, "received")):
        leaf = replay(nation.node, released.root.hex()).leaf
        assert leaf is not None
        assert (leaf.kind, leaf.ok) == (kind, True)
        assert openings(nation.node, dummies=True)[leaf.index].kind == kind
        with nation.node.store.read() as unit:
            assert unit.journal.entries(leaf.index, leaf.index + 1)
            assert unit.journal.size() == leaf.size


def test_every_message_of_the_release_and_the_start_of_a_hash_name_it(
    released: Release, arunika: Nation, borealia: Nation
) -> None:
    parts = [leaf["message"] for leaf in arunika.leaves("sent") if leaf["kind"] == "release"]
    assert len(parts) == released.parts > 1
    for nation in (arunika, borealia):
        for name in (*parts, parts[0][:8], released.root.hex()[:8].upper()):
            assert replay(nation.node, name).root == released.root


def test_a_decision_that_the_agreement_never_permitted_does_not_hold(
    released: Release, arunika: Nation
) -> None:
    """A row that states another agreement, as a falsified home would."""
    with arunika.node.store.write() as unit:
        (found,) = [each for each in unit.products.releases() if each.id == released.id]
        other = next(r for r in unit.directory.signed("agreement") if r.id == "arunika-cendara")
    from simpul.services import replaying

    with arunika.node.store.read() as unit:
        again = replaying._sent(unit, arunika.node, changed(found, agreement=other.hash))
    assert not again.ok
    assert {each.decision.clause for each in again.labels} == {"agreement.parties"}


def test_a_name_that_says_too_little_or_fits_nothing_is_refused(released: Release, arunika: Nation) -> None:
    with pytest.raises(InputFault, match="at least 8 digits"):
        replay(arunika.node, released.root.hex()[:7])
    with pytest.raises(InputFault, match="at least 8 digits"):
        replay(arunika.node, "not a hash at all")
    with pytest.raises(NotFound):
        replay(arunika.node, "0" * 64)


@pytest.fixture
def passed_on(world: World, arunika: Nation, borealia: Nation, cendara: Nation) -> Release:
    """Borealia passed Arunika's words on to Cendara by Arunika's consent, beside its own."""
    borealia.proposes(agreement("Borealia", "Cendara", onward="free"))
    world.exchange(1)
    cendara.signs("borealia-cendara")
    world.exchange(2)
    arunika.imports(label("Borealia"), ASKED, OTHER)
    arunika.releases(arunika.drafts(ASKED, OTHER), borealia)
    world.exchange(2)
    borealia.imports(label("Cendara"), OURS)
    product = consented(world, arunika, borealia, cendara, ASKED)
    (release,) = borealia.releases(product, cendara)
    world.exchange(2)
    return release


def test_what_was_passed_on_is_replayed_by_its_originators_word_and_consent(
    passed_on: Release, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    at_sender, at_recipient = (replay(n.node, passed_on.root.hex()) for n in (borealia, cendara))
    assert answers(at_sender) == answers(at_recipient)
    assert at_sender.ok
    assert at_recipient.ok
    (theirs,) = [each for each in at_sender.labels if each.originator == arunika.party]
    assert theirs.consented
    assert theirs.decision.clause == "agreement"
