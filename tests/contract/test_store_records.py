"""The directory, the journal and the jobs."""

from __future__ import annotations

import msgspec
import pytest

from simpul.domain.journal import ClosedLog, Job, Leaf
from simpul.domain.parties import Party, User
from simpul.errors import NotFound, Refusal
from simpul.ports import Mailbox, SignedRow, Store
from tests.contract.stored_things import HERE, THERE


def party(fingerprint: str, *, card_version: int = 1, name: str = "Arunika") -> Party:
    return Party(fingerprint=fingerprint, name=name, country="XA", card_version=card_version, trusted=True)


def test_a_setting_is_replaced(store: Store) -> None:
    with store.write() as unit:
        assert unit.directory.get("tick") is None
        unit.directory.put("tick", b"1")
        unit.directory.put("tick", b"2")
        assert unit.directory.get("tick") == b"2"


def test_old_cards_are_kept_and_the_highest_version_counts(store: Store) -> None:
    with store.write() as unit:
        unit.directory.add_card(party(HERE), 1, b"ours")
        unit.directory.add_card(party(THERE, card_version=2, name="New"), 2, b"two")
        unit.directory.add_card(party(THERE, card_version=1, name="Old"), 1, b"one")
        unit.directory.add_card(party(HERE, card_version=2), 2, b"ours 2")
        assert unit.directory.card(THERE) == b"two"
        assert unit.directory.card(THERE, 1) == b"one"
        assert unit.directory.card(THERE, 9) is None
        assert unit.directory.card("c" * 50) is None
        assert unit.directory.parties() == [
            party(HERE, card_version=2),
            party(THERE, card_version=2, name="New"),
        ]


def test_introductions_are_few_newest_and_gone_once_the_card_is_here(store: Store) -> None:
    with store.write() as unit:
        for n in range(70):
            unit.directory.add_introduction(f"{n:050x}", b"hello", n)
        unit.directory.add_introduction(f"{9:050x}", b"newer", 100)
        waiting = unit.directory.introductions()
        assert len(waiting) == 64
        assert waiting[0] == (f"{6:050x}", 6)
        assert waiting[-1] == (f"{9:050x}", 100)
        assert unit.directory.take_introduction(f"{9:050x}") == b"newer"
        assert unit.directory.take_introduction(f"{9:050x}") is None
        unit.directory.add_card(party(f"{8:050x}"), 1, b"card")
        assert f"{8:050x}" not in dict(unit.directory.introductions())


def test_the_newest_key_package_of_each_side(store: Store) -> None:
    with store.write() as unit:
        unit.directory.add_package(THERE, ours=True, version=2, document=b"ours 2")
        unit.directory.add_package(THERE, ours=True, version=1, document=b"ours 1")
        unit.directory.add_package(THERE, ours=False, version=7, document=b"theirs")
        assert unit.directory.package(THERE, ours=True) == (2, b"ours 2")
        assert unit.directory.package(THERE, ours=False) == (7, b"theirs")
        assert unit.directory.package(HERE, ours=True) is None


def test_mailboxes_are_registered_and_dropped_by_tag(store: Store) -> None:
    boxes = [
        Mailbox(
            tag=bytes([n]) * 16,
            relay="https://relay.example.org",
            party=THERE,
            epoch=n,
            lane="normal",
            put_seed=bytes([n]) * 32,
            registered=False,
        )
        for n in range(3)
    ]
    with store.write() as unit:
        unit.directory.add_mailboxes(boxes)
        unit.directory.registered("https://relay.example.org", [boxes[1].tag])
        unit.directory.registered("https://other.example.org", [boxes[2].tag])
        assert unit.directory.mailbox(boxes[1].tag) == msgspec.structs.replace(boxes[1], registered=True)
        assert unit.directory.mailboxes(unregistered=True) == [boxes[0], boxes[2]]
        unit.directory.drop_mailboxes([boxes[0].tag])
        assert [box.epoch for box in unit.directory.mailboxes()] == [1, 2]
        assert unit.directory.mailbox(boxes[0].tag) is None


def test_signed_documents_gain_signatures_and_come_newest_first(store: Store) -> None:
    def row(version: int, *signed: str, kind: str = "agreement", party: str = "") -> SignedRow:
        return SignedRow(
            kind=kind,
            id="xa-xb",
            version=version,
            hash=bytes(31) + bytes((version,)),
            document=b"d",
            signed_by=signed,
            proposed_by=HERE,
            at=version,
            party=party,
        )

    grant = row(1, THERE, kind="grant", party=HERE)
    with store.write() as unit:
        for each in (row(1, HERE), row(2, HERE), row(1, HERE, THERE), grant):
            unit.directory.put_signed(each)
        assert unit.directory.signed("agreement") == [row(2, HERE), row(1, HERE, THERE)]
        assert unit.directory.signed("agreement", id="xa-xb") == [row(2, HERE), row(1, HERE, THERE)]
        assert unit.directory.signed("agreement", id="other") == []
        assert unit.directory.signed("grant", party=HERE) == [grant]
        assert unit.directory.signed("grant", party=THERE) == []
        assert unit.directory.signed_by_hash("agreement", row(1).hash) == row(1, HERE, THERE)
        assert unit.directory.signed_by_hash("charter", row(1).hash) is None


def test_users_and_counters(store: Store) -> None:
    sari = User(name="sari", role="officer", public=b"p", sealed=b"s", created=1)
    with store.write() as unit:
        unit.directory.put_user(sari)
        unit.directory.put_user(msgspec.structs.replace(sari, sealed=b"other"))
        unit.directory.put_user(msgspec.structs.replace(sari, name="budi"))
        assert [(user.name, user.sealed) for user in unit.directory.users()] == [
            ("budi", b"s"),
            ("sari", b"other"),
        ]
        unit.directory.count("imported", 3)
        unit.directory.count("imported", 4)
        unit.directory.count("sent", 1)
        assert unit.directory.counters() == {"imported": 7, "sent": 1}


def leaf(number: int) -> Leaf:
    return Leaf(
        index=0,
        kind="import",
        at=number,
        entry=number.to_bytes(32, "big"),
        salt=bytes(32),
        content_salt=b"",
        content=b"{}",
    )


def test_leaves_get_their_indices_as_they_are_appended(store: Store) -> None:
    with store.write() as unit:
        assert unit.journal.size() == 0
        assert unit.journal.append([leaf(n) for n in range(3)]) == 0
        assert unit.journal.append([leaf(3)]) == 3
        assert unit.journal.size() == 4
        assert unit.journal.entries(1, 3) == [leaf(1).entry, leaf(2).entry]
        assert [each.index for each in unit.journal.leaves(2, 99)] == [2, 3]
        assert next(unit.journal.leaves(1, 2)) == msgspec.structs.replace(leaf(1), index=1)


def test_an_index_that_was_rolled_back_is_given_again(store: Store) -> None:
    def fail() -> None:
        with store.write() as unit:
            unit.journal.append([leaf(1)])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with store.write() as unit:
        assert unit.journal.append([leaf(2)]) == 0


def test_a_size_is_signed_once(store: Store) -> None:
    with store.write() as unit:
        assert unit.journal.checkpoint() is None
        unit.journal.put_checkpoint(64, b"note")
        unit.journal.put_checkpoint(128, b"later")
        with pytest.raises(Refusal):
            unit.journal.put_checkpoint(64, b"another")
        assert unit.journal.checkpoint() == (128, b"later")


def test_the_frontier_and_what_partners_signed(store: Store) -> None:
    with store.write() as unit:
        assert unit.journal.frontier() == b""
        unit.journal.put_frontier(b"edge")
        assert unit.journal.frontier() == b"edge"
        unit.journal.put_partner_checkpoint(THERE, "one", 128, b"later")
        unit.journal.put_partner_checkpoint(THERE, "one", 64, b"earlier")
        unit.journal.put_partner_checkpoint(THERE, "one", 128, b"later")
        assert unit.journal.partner_checkpoints(THERE) == [("one", 128, b"later")]
        assert unit.journal.partner_checkpoints(HERE) == []


def test_the_highest_of_each_log_of_a_partner_in_the_order_they_became_known(store: Store) -> None:
    with store.write() as unit:
        unit.journal.put_partner_checkpoint(THERE, "old", 640, b"old")
        unit.journal.put_partner_checkpoint(THERE, "new", 64, b"new")
        unit.journal.put_partner_checkpoint(THERE, "old", 704, b"old, late")
        unit.journal.put_partner_checkpoint(HERE, "own", 1, b"own")
        assert unit.journal.partner_checkpoints(THERE) == [("old", 704, b"old, late"), ("new", 64, b"new")]


def test_a_closed_log_is_kept_and_the_next_begins_empty(store: Store) -> None:
    one, two = b"1" * 16, b"2" * 16
    with store.write() as unit:
        unit.journal.append([leaf(n) for n in range(3)])
        unit.journal.put_frontier(b"edge")
        unit.journal.put_checkpoint(2, b"note")
        unit.journal.close(one)
        assert (unit.journal.size(), unit.journal.frontier(), unit.journal.checkpoint()) == (0, b"", None)
        assert unit.journal.append([leaf(7)]) == 0
        unit.journal.put_checkpoint(2, b"a size of another log")
    with store.write() as unit:
        assert unit.journal.append([leaf(8)]) == 1
        assert unit.journal.entries(0, 9) == [leaf(7).entry, leaf(8).entry]
        assert [each.index for each in unit.journal.leaves(0, 9)] == [0, 1]
        assert unit.journal.signed(2) == b"a size of another log"
        assert unit.journal.signed(3) is None
        assert [each.at for each in unit.journal.closed_leaves(one)] == [0, 1, 2]
        with pytest.raises(Refusal):
            unit.journal.close(one)
        with pytest.raises(NotFound):
            unit.journal.closed_leaves(two)
        unit.journal.close(two)
        assert [(each.index, each.at) for each in unit.journal.closed_leaves(two)] == [(0, 7), (1, 8)]
        assert unit.journal.closed() == [
            ClosedLog(incarnation=one, size=3, checkpoint=b"note"),
            ClosedLog(incarnation=two, size=2, checkpoint=b"a size of another log"),
        ]


def test_an_empty_log_can_be_closed(store: Store) -> None:
    with store.write() as unit:
        unit.journal.close(b"1" * 16)
        unit.journal.close(b"2" * 16)
        assert unit.journal.append([leaf(1)]) == 0
        assert [each.size for each in unit.journal.closed()] == [0, 0]
        assert unit.journal.closed()[0].checkpoint == b""


def job(number: int, *, unique: str | None = None, run_at: int = 0) -> Job:
    return Job(
        id=number.to_bytes(16, "big"),
        kind="sync",
        args=b"{}",
        unique=unique or str(number),
        run_at=run_at,
        attempts=0,
        lease_until=None,
        error="",
    )


def test_one_live_job_a_unique_name(store: Store) -> None:
    with store.write() as unit:
        unit.jobs.enqueue([job(1, unique="sync"), job(2, unique="sync"), job(3)])
        assert unit.jobs.waiting() == 2
        (first, _) = unit.jobs.claim(10, lease=5, limit=10)
        unit.jobs.enqueue([job(4, unique="sync")])
        assert unit.jobs.waiting() == 2
        unit.jobs.finish(first.id)
        unit.jobs.enqueue([job(4, unique="sync")])
        assert unit.jobs.waiting() == 2


def test_a_claimed_job_comes_back_when_its_lease_has_run_out(store: Store) -> None:
    with store.write() as unit:
        unit.jobs.enqueue([job(1, run_at=20), job(2, run_at=10), job(3, run_at=99)])
        claimed = unit.jobs.claim(50, lease=5, limit=10)
        assert [(each.id[-1], each.attempts, each.lease_until) for each in claimed] == [
            (2, 1, 55),
            (1, 1, 55),
        ]
        assert unit.jobs.claim(54, lease=5, limit=10) == []
        assert [each.attempts for each in unit.jobs.claim(55, lease=5, limit=1)] == [2]


def test_a_failed_job_keeps_its_error_and_runs_again_then(store: Store) -> None:
    with store.write() as unit:
        unit.jobs.enqueue([job(1)])
        unit.jobs.claim(10, lease=5, limit=1)
        unit.jobs.fail(job(1).id, "no relay", 30)
        assert unit.jobs.claim(29, lease=5, limit=1) == []
        (again,) = unit.jobs.claim(30, lease=5, limit=1)
        assert (again.error, again.attempts) == ("no relay", 2)
        with pytest.raises(NotFound):
            unit.jobs.fail(bytes(16), "x", 1)


def test_every_note_of_one_size_is_found(store: Store) -> None:
    with store.write() as unit:
        for note in (b"one", b"other", b"one"):
            unit.journal.put_partner_checkpoint(THERE, "simpul/a", 64, note)
        unit.journal.put_partner_checkpoint(THERE, "simpul/a", 128, b"later")
        assert unit.journal.partner_notes(THERE, "simpul/a", 64) == [b"one", b"other"]
        assert unit.journal.partner_notes(HERE, "simpul/a", 64) == []
