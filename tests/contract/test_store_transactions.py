"""Transactions: all or nothing, snapshots, two writers, and what kill −9 leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from simpul.domain.queries import EVERYTHING, HOME
from simpul.errors import HomeBusy, NotFound
from simpul.ports import Store
from simpul.storage.store import open_store
from tests.contract.conftest import IMPLEMENTATIONS, KEY, MakeStore
from tests.contract.stored_things import HERE, RED, group, marked, outgoing

ROOT = Path(__file__).resolve().parents[2]


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.write() as unit:
            unit.objects.add([marked(1)], source=HERE, at=1)
            unit.mail.queue([outgoing(1)])
            unit.directory.count("imported", 1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with store.write() as unit:
        assert unit.objects.count(HOME, EVERYTHING) == 0
        assert unit.mail.waiting(1) == []
        assert unit.directory.counters() == {}
        # Numbers that the lost block had given to its label, type and party are given anew.
        unit.objects.add([marked(2, RED)], source=HERE, at=1)
        (head,), _ = unit.objects.newest(HOME, limit=5)
        assert unit.objects.label(head.label) == RED
        assert head.key.originator == HERE


def test_what_is_written_is_read_in_the_same_block(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(1)], source=HERE, at=1)
        assert unit.objects.count(HOME, EVERYTHING) == 1


def test_a_snapshot_does_not_move(make_store: MakeStore) -> None:
    store, other = make_store(), make_store()
    with store.write() as unit:
        unit.objects.add([marked(1)], source=HERE, at=1)
    with store.read() as snapshot:
        stream = snapshot.objects.stream(HOME, EVERYTHING, latest=False)
        for writer in (store, other):
            with writer.write() as unit:
                unit.objects.add([marked(2), marked(3)], source=HERE, at=1)
        assert snapshot.objects.count(HOME, EVERYTHING) == 1
        assert snapshot.objects.find(HOME, marked(2).object.id) == []
        assert len(list(stream)) == 1
    with store.read() as unit:
        assert unit.objects.count(HOME, EVERYTHING) == 3


def test_a_unit_is_useless_after_its_block(store: Store) -> None:
    with store.write() as unit:
        unit.objects.add([marked(n) for n in range(250)], source=HERE, at=1)
        stream = unit.objects.stream(HOME, EVERYTHING, latest=False)
        next(stream)
    with pytest.raises(RuntimeError):
        unit.objects.count(HOME, EVERYTHING)
    with pytest.raises(RuntimeError):
        unit.objects.add([marked(999)], source=HERE, at=1)
    with pytest.raises(RuntimeError):
        list(stream)


def test_a_snapshot_changes_nothing(store: Store) -> None:
    with store.read() as unit:
        for change in (
            lambda: unit.objects.add([marked(1)], source=HERE, at=1),
            lambda: unit.mail.queue([outgoing(1)]),
            lambda: unit.directory.put("a", b"b"),
            lambda: unit.journal.put_frontier(b"x"),
            lambda: unit.jobs.finish(bytes(16)),
        ):
            with pytest.raises(RuntimeError):
                change()


def test_another_writer_is_waited_for_and_then_named(tmp_path: Path) -> None:
    one = open_store(tmp_path / "live.db", KEY, realm="live", create=True)
    two = open_store(tmp_path / "live.db", KEY, realm="live", wait_seconds=0.3)
    begun = time.monotonic()
    with one.write(), pytest.raises(HomeBusy), two.write():
        pass
    assert time.monotonic() - begun >= 0.3
    with two.write() as unit:
        unit.directory.put("a", b"b")
    one.close()
    two.close()


def test_threads_of_one_store_take_turns(store: Store) -> None:
    def count() -> None:
        for _ in range(20):
            with store.write() as unit:
                unit.directory.count("turns", 1)
            with store.read() as unit:
                assert unit.directory.counters()["turns"] > 0

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as unit:
        assert unit.directory.counters() == {"turns": 80}


def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    with store.write() as writing:
        writing.directory.put("a", b"b")
        with store.read() as reading:
            assert reading.directory.get("a") is None


def test_changed_differs_after_any_commit_and_only_then(make_store: MakeStore) -> None:
    store, other = make_store(), make_store()
    seen = [store.changed(), store.changed()]
    for writer in (store, other):
        with writer.write() as unit:
            unit.directory.count("a", 1)
        seen.append(store.changed())

    def fail() -> None:
        with other.write() as unit:
            unit.directory.count("a", 1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    seen.append(store.changed())
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3
    assert seen[-1] == seen[-2]


def test_two_processes_write_at_once_and_nothing_is_lost(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    key = KEY.hex() if _is_encrypted(tmp_path / "live.db") else ""
    children = [_child(tmp_path / "live.db", key, "counting", str(n)) for n in range(2)]
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    with store.read() as unit:
        assert unit.directory.counters() == {"done": 40}
        assert unit.journal.size() == 40
        # Both brought the same objects: each is here once, under one label.
        assert unit.objects.count(HOME, EVERYTHING) == 200
        assert [count for _, _, count in unit.objects.labels(HOME)] == [200]


@pytest.mark.parametrize("round_", range(3))
def test_killed_at_any_moment_what_was_committed_is_there_and_nothing_is_half(
    tmp_path: Path, round_: int
) -> None:
    path = tmp_path / "live.db"
    open_store(path, KEY, realm="live", create=True).close()
    child = _child(path, KEY.hex(), "counting", "0", "forever")
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(5 + 4 * round_)][-1]
    time.sleep(0.003 * round_)
    os.kill(child.pid, signal.SIGKILL)
    told = max([told, *(int(line) for line in child.stdout.read().split())])
    child.wait()
    child.stdout.close()
    store = open_store(path, KEY, realm="live")
    with store.read() as unit:
        done = unit.directory.counters()["done"]
        assert told <= done <= told + 1
        assert unit.journal.size() == done
        assert unit.objects.count(HOME, EVERYTHING) == min(10 * done, 200)
        assert len(list(unit.objects.stream(HOME, EVERYTHING, latest=False))) == min(10 * done, 200)
        assert all(unit.objects.find(HOME, marked(n).object.id) for n in range(min(10 * done, 200)))
    store.close()


def test_memory_does_not_grow_with_what_is_streamed(tmp_path: Path) -> None:
    """Five times the objects, and megabytes of them, may not show in the memory of the stream."""
    import tracemalloc

    peaks = []
    for many in (400, 2000):
        store = IMPLEMENTATIONS["sqlite"](tmp_path / f"{many}.db")
        for first in range(0, many, 100):
            with store.write() as unit:
                batch = [marked(n, salt="x" * 5000) for n in range(first, first + 100)]
                unit.objects.add(batch, source=HERE, at=1)
        with store.read() as unit:
            tracemalloc.start()
            for _ in unit.objects.stream(HOME, EVERYTHING, latest=True):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        store.close()
    assert peaks[1] < peaks[0] * 1.5


def test_a_closed_store_may_be_closed_again(make_store: MakeStore) -> None:
    store = make_store()
    store.close()
    store.close()


def test_quarantine_is_settled_with_the_rest_or_not_at_all(store: Store) -> None:
    with store.write() as unit:
        unit.mail.quarantine(group(), [marked(1)], b"")

    def settle_twice() -> None:
        with store.write() as unit:
            unit.mail.settle(group().id, state="refused", by="sari")
            unit.mail.settle(bytes(16), state="refused", by="sari")

    with pytest.raises(NotFound):
        settle_twice()
    with store.read() as unit:
        assert len(unit.mail.quarantined_objects(group().id)) == 1


def _is_encrypted(path: Path) -> bool:
    return not path.read_bytes()[:16].startswith(b"SQLite format 3")


def _child(path: Path, key: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.contract.writing_process", str(path), key, *args],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
