"""A home is replaced by an old copy of itself: how it learns, what it stops signing, how its log goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simpul import logcheck
from simpul.errors import HomeDamaged, NotFound, Refusal
from simpul.protocol.keys import LogKey
from simpul.protocol.log import Checkpoint, parse_checkpoint, sign_checkpoint, verifier_keys
from simpul.protocol.payloads import CheckpointNotice
from simpul.services.auditing import close_checkpoint, openings, origin, verify_own_log
from simpul.services.healing import Restarted, restart_log
from simpul.services.posting import post
from tests.cli.program import simpul
from tests.federation.nations import APPROVER, PHRASE, Nation, World
from tests.federation.objects import indicator, label


def sends(arunika: Nation, key: str, *to: Nation) -> None:
    """Arunika releases one indicator."""
    made = indicator(key, "203.0.113.99")
    arunika.imports(label(*(nation.name for nation in to)), made)
    arunika.releases(arunika.drafts(made), *to)


def restarts(nation: Nation) -> Restarted:
    return restart_log(nation.node, nation.people[APPROVER])


def newest_at(holder: Nation, owner: Nation) -> tuple[str, int]:
    """Log and size of the newest checkpoint of one nation that another holds."""
    with holder.node.store.read() as unit:
        log, size, _ = unit.journal.partner_checkpoints(owner.party)[-1]
    return log, size


def log_of(nation: Nation) -> str:
    with nation.node.store.read() as unit:
        return origin(unit, nation.node)


@pytest.fixture
def old(world: World, arunika: Nation, borealia: Nation, cendara: Nation) -> Path:
    """A copy of Arunika's home from before its partners saw more of its log; Arunika runs on the copy."""
    world.exchange(2)
    copy = arunika.copy()
    for key in ("first", "second"):
        sends(arunika, key, borealia, cendara)
        world.exchange(2)
    arunika.restore(copy)
    return copy


def test_a_home_learns_from_acks_and_from_its_own_checkpoints_that_it_is_an_old_copy(
    world: World, old: Path, arunika: Nation, borealia: Nation
) -> None:
    assert arunika.status()["restored"] is None
    log, seen = newest_at(borealia, arunika)
    assert seen > arunika.status()["log"]["checkpoint"]
    sends(arunika, "third", borealia)
    world.exchange(2)
    assert arunika.party not in str(arunika.status()["restored"])
    assert "never sent" in arunika.status()["restored"]
    returned = arunika.leaves("returned")
    assert {(each["origin"], each["size"]) for each in returned} == {(log, seen)}
    assert {each["from"] for each in returned} >= {borealia.party}


def test_an_old_copy_signs_nothing_and_says_so(
    world: World, old: Path, arunika: Nation, borealia: Nation
) -> None:
    sends(arunika, "third", borealia)
    world.exchange(2)
    signed = arunika.status()["log"]["checkpoint"]
    before = newest_at(borealia, arunika)
    world.exchange(1)  # until the partners have said what they recalled since, it serves nobody
    sends(arunika, "fourth", borealia)
    report = arunika.sync()
    assert not report.reached
    assert any("simpul log restart" in problem for problem in report.problems)
    with pytest.raises(HomeDamaged, match="earlier time"):
        close_checkpoint(arunika.node)
    world.exchange(2)
    assert arunika.status()["log"]["checkpoint"] == signed
    assert newest_at(borealia, arunika) == before
    assert borealia.leaves("evidence") == []


def test_a_restart_begins_a_log_that_names_what_partners_saw_of_the_old_one(
    world: World, old: Path, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    old_log, seen = newest_at(borealia, arunika)
    sends(arunika, "third", borealia)
    world.exchange(3)
    leaves = openings(arunika.node)
    begun = restarts(arunika)
    assert begun.unheard == ()
    assert begun.closed.origin == old_log
    assert begun.closed.size >= len(leaves)
    assert [(each.origin, each.size) for each in begun.checkpoints] == [(old_log, seen)]
    # the first leaf of the new log says the same
    first = openings(arunika.node)[0]
    assert (first.index, first.kind) == (0, "restart")
    assert first.content["by"] == APPROVER
    assert first.content["checkpoints"][0]["size"] == seen
    assert first.content["closed"]["root"] == begun.closed.root.hex()
    # the old leaves are still there, and verify
    assert openings(arunika.node, incarnation=old_log.rpartition("/")[2]) == leaves
    with pytest.raises(NotFound):
        openings(arunika.node, incarnation="ff" * 16)
    assert verify_own_log(arunika.node).ok


def test_the_log_is_restarted_by_a_command_for_an_officer(
    world: World, old: Path, arunika: Nation, borealia: Nation
) -> None:
    passphrase = arunika.file(PHRASE)
    words = ("--home", arunika.home, "--kek", arunika.kek, "--json")
    acting = ("--as", APPROVER, "--passphrase-file", passphrase)
    early = simpul(*words, "log", "restart", *acting)
    assert (early.code, early.error["code"]) == (1, "refused")
    assert simpul(*words, "log", "restart").code == 2
    sends(arunika, "third", borealia)
    world.exchange(3)
    ended = simpul(*words, "log", "restart", *acting)
    assert ended.code == 0
    assert set(ended.document) == {"incarnation", "closed", "checkpoints", "unheard"}
    begun = arunika.status()["log"]
    assert ended.document["incarnation"] == begun["incarnation"]
    closed = begun["closed"][0]["incarnation"]
    assert ended.document["closed"]["origin"].endswith(closed)
    assert [leaf["kind"] for leaf in simpul(*words, "log", "show").document] == ["restart"]
    kinds = {leaf["kind"] for leaf in simpul(*words, "log", "show", "--incarnation", closed[:8]).document}
    assert kinds >= {"card", "sent", "received", "rollback", "returned", "restored"}
    assert simpul(*words, "log", "verify").document["ok"] is True


def test_after_a_restart_all_goes_on(
    world: World, old: Path, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    sends(arunika, "third", borealia)
    world.exchange(3)
    restarts(arunika)
    sends(arunika, "fourth", borealia, cendara)
    world.exchange(3)
    status = arunika.status()
    assert status["restored"] is None
    assert status["unacknowledged"] == 0
    assert status["log"]["checkpoint"] > 0
    assert [each["size"] > 0 for each in status["log"]["closed"]] == [True]
    for partner in (borealia, cendara):
        log, size = newest_at(partner, arunika)
        assert log == log_of(arunika)
        assert 0 < size <= status["log"]["checkpoint"]
        assert partner.leaves("evidence") == []
    report = verify_own_log(arunika.node)
    assert report.ok, report.problems
    assert report.size == status["log"]["checkpoint"]
    assert sorted(p.name for p in arunika.home.glob("log*")) == [
        "log",
        f"log-{status['log']['closed'][0]['incarnation']}",
    ]


def test_a_partner_that_answers_only_after_the_restart_is_no_second_restore(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    world.exchange(2)
    copy = arunika.copy()
    for key in ("first", "second"):
        sends(arunika, key, borealia, cendara)
        world.exchange(2)
    for key in ("third", "fourth"):
        sends(arunika, key, cendara)
        for nation in (arunika, cendara, arunika):
            nation.sync()
    assert newest_at(cendara, arunika) > newest_at(borealia, arunika)
    arunika.restore(copy)
    sends(arunika, "fifth", borealia)
    for nation in (arunika, borealia, arunika, borealia, arunika):
        nation.sync()
    begun = restarts(arunika)
    assert [party.fingerprint for party in begun.unheard] == [cendara.party]
    world.exchange(3)
    assert arunika.status()["restored"] is None
    assert [each["from"] for each in arunika.leaves("returned")] == [cendara.party]
    sends(arunika, "sixth", cendara)
    world.exchange(3)
    assert arunika.status()["restored"] is None
    assert newest_at(cendara, arunika)[0] == log_of(arunika)


def test_a_second_restore_to_before_the_restart_is_learned_too(
    world: World, old: Path, arunika: Nation, borealia: Nation
) -> None:
    sends(arunika, "third", borealia)
    world.exchange(3)
    restarts(arunika)
    sends(arunika, "fourth", borealia)
    world.exchange(3)
    second, seen = newest_at(borealia, arunika)
    arunika.restore(old)
    sends(arunika, "fifth", borealia)
    world.exchange(3)
    assert arunika.status()["restored"] is not None
    begun = restarts(arunika)
    assert (second, seen) in [(each.origin, each.size) for each in begun.checkpoints]
    assert begun.incarnation.hex() not in (second, begun.closed.origin)
    sends(arunika, "sixth", borealia)
    world.exchange(3)
    assert newest_at(borealia, arunika)[0] == log_of(arunika)
    assert verify_own_log(arunika.node).ok


def test_a_home_that_lost_nothing_has_no_log_to_restart(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    copy = arunika.copy()
    arunika.restore(copy)
    sends(arunika, "first", borealia)
    world.exchange(3)
    assert arunika.status()["restored"] is None
    with pytest.raises(Refusal, match="goes on"):
        restarts(arunika)


def test_partners_that_forget_nothing_are_told_nothing(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    for key in ("first", "second", "third"):
        sends(arunika, key, borealia, cendara)
        world.exchange(2)
    for nation in world.nations.values():
        sent = [content["kind"] for content in nation.leaves("sent")]
        assert "checkpoint" not in sent
        assert nation.leaves("returned") == []


def test_a_returned_checkpoint_that_this_node_never_signed_is_refused(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    forged = Checkpoint(origin=log_of(arunika), size=10_000, root=bytes(32))
    note = sign_checkpoint(forged, LogKey(borealia.node.keyring.secret("log")), at=0)
    with borealia.node.store.write() as unit:
        post(unit, borealia.node, arunika.party, CheckpointNotice(note=note.decode()))
    world.exchange(2)
    assert arunika.status()["restored"] is None
    assert [each["why"] for each in arunika.leaves("refusal")] == ["bad-signature"]


def test_the_own_log_is_verified_under_the_own_key_not_that_of_the_folder(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    sends(arunika, "first", borealia)
    world.exchange(2)
    folder = arunika.home / "log"
    assert verify_own_log(arunika.node).ok
    head = parse_checkpoint((folder / "checkpoint").read_bytes()).checkpoint
    stranger = LogKey(b"2" * 64)
    (folder / "checkpoint").write_bytes(sign_checkpoint(head, stranger, at=0))
    (folder / "vkeys").write_text(
        "".join(f"{line}\n" for line in verifier_keys(head.origin, stranger.public))
    )
    assert logcheck.check(folder).ok
    report = verify_own_log(arunika.node)
    assert not report.ok
    assert any("signature by the log's key" in problem for problem in report.problems)
    # the next checkpoint takes the place of the stranger's
    arunika.imports(label(), indicator("second", "203.0.113.100"))
    world.exchange(1)
    assert verify_own_log(arunika.node).ok


def test_a_publication_that_was_killed_is_finished_before_it_is_verified(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    sends(arunika, "first", borealia)
    world.exchange(2)
    folder = arunika.home / "log"
    earlier = shutil.copytree(folder, arunika.folder / "earlier")
    sends(arunika, "second", borealia)
    world.exchange(2)
    for left in (earlier, None):
        shutil.rmtree(folder)
        if left is not None:
            shutil.copytree(left, folder)
        report = verify_own_log(arunika.node)
        assert (report.ok, report.size) == (True, arunika.status()["log"]["checkpoint"]), report.problems
