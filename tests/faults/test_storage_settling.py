"""The index by id and value while its entries are moved: killed in between, two processes at once, readers beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simpul.domain.objects import Value
from simpul.domain.queries import EVERYTHING, HOME
from simpul.storage import lookup
from simpul.storage.store import SqliteStore, open_store
from tests.contract.conftest import KEY
from tests.contract.stored_things import HERE, marked, stix_id

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "live.db"
    open_store(path, KEY, realm="live", create=True).close()
    return path


def fill(store: SqliteStore, numbers: range) -> None:
    value = (Value(kind="imo", key="9074729"),)
    with store.write() as unit:
        unit.objects.add([marked(n, values=value) for n in numbers], source=HERE, at=1)


def check(store: SqliteStore, many: int) -> None:
    with store.read() as unit:
        assert unit.objects.count(HOME, EVERYTHING) == many
        assert all(len(unit.objects.find(HOME, stix_id(n))) == 1 for n in range(many))
        assert len(unit.objects.hits(HOME, [("imo", "9074729")])) == many


def fresh(store: SqliteStore) -> int:
    return int(store._writer.rows("SELECT count(*) FROM fresh")[0][0])


def test_settling_empties_what_is_fresh_and_hides_nothing(path: Path) -> None:
    with open_store(path, KEY, realm="live") as store, open_store(path, KEY, realm="live") as other:
        fill(store, range(60))
        check(other, 60)
        assert not lookup.settle(store._writer, 1000)
        assert fresh(store) == 120
        assert lookup.settle(store._writer, 1)
        assert fresh(store) == 0
        for each in (store, other):
            check(each, 60)
        fill(other, range(60, 90))
        fill(store, range(30, 100))
        for each in (store, other):
            check(each, 100)


def test_a_snapshot_taken_before_settling_sees_what_it_saw(path: Path) -> None:
    with open_store(path, KEY, realm="live") as store:
        fill(store, range(20))
        with store.read() as unit:
            fill(store, range(20, 40))
            lookup.settle(store._writer, 1)
            assert len(unit.objects.hits(HOME, [("imo", "9074729")])) == 20
        check(store, 40)


def test_stopped_half_way_it_begins_again(path: Path) -> None:
    with open_store(path, KEY, realm="live") as store:
        fill(store, range(60))
        store._writer.run("INSERT INTO lookup SELECT hash, place FROM fresh WHERE hash < 0")
        check(store, 60)
        fill(store, range(50, 70))
        assert lookup.settle(store._writer, 1)
        check(store, 70)
        assert store._writer.rows("SELECT count(*) FROM lookup") == [(140,)]


def test_two_stores_that_settle_in_turn_lose_nothing(path: Path) -> None:
    with open_store(path, KEY, realm="live") as one, open_store(path, KEY, realm="live") as two:
        for round_ in range(6):
            first, second = (one, two) if round_ % 2 else (two, one)
            fill(first, range(round_ * 10, round_ * 10 + 5))
            fill(second, range(round_ * 10 + 5, round_ * 10 + 10))
            lookup.settle(first._writer, 1)
            lookup.settle(second._writer, 1)
            check(first, (round_ + 1) * 10)
        assert fresh(one) == 0


@pytest.mark.parametrize("commits", [3, 11])
def test_killed_while_settling_every_object_is_found_once(path: Path, commits: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.writing_process", str(path), KEY.hex(), "settling", "0", "on"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    for _ in range(commits):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with open_store(path, KEY, realm="live") as store, store.read() as unit:
        many = unit.objects.count(HOME, EVERYTHING)
        assert many >= min(commits * 10, 200)
        assert all(len(unit.objects.find(HOME, stix_id(n))) == 1 for n in range(many))
