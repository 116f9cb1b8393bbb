"""A disk without room, a database that another process holds, two processes on one home, and many at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from simpul.errors import HomeBusy, StorageFull
from simpul.services.auditing import close_checkpoint, verify_own_log
from simpul.services.courier import Courier
from simpul.services.importing import import_bundle
from simpul.services.node import Limits, Node
from simpul.services.reading import node_status, search
from simpul.services.syncing import sync_once
from tests.faults.command import Child, call
from tests.faults.nations import (
    World,
    bundle,
    label_text,
    numbered_indicator,
    released,
    take_in,
)

QUICK = Limits(ack_delay_ms=10, relay_wait_seconds=0, poll_ms=5, batch=50)


@contextmanager
def no_room(node: Node, pages: int = 0) -> Iterator[None]:
    """The database may not grow by more than some pages: the driver's own word for a full disk."""
    connection = node.store._writer  # type: ignore[attr-defined]
    (now,) = connection.rows("PRAGMA page_count")[0]
    connection.rows(f"PRAGMA max_page_count = {now + pages}")
    try:
        yield
    finally:
        connection.rows("PRAGMA max_page_count = 4294967294")


# A full disk.


@pytest.mark.parametrize("pages", [0, 5, 40, 90])
def test_an_import_into_a_full_disk_stops_and_goes_on_when_there_is_room(nations: World, pages: int) -> None:
    node = replace(nations["arunika"], limits=QUICK)
    file, label = nations.folder / "all.json", nations.folder / "label.toml"
    file.write_bytes(bundle([numbered_indicator(n, description="x" * 3000) for n in range(200)]))
    label.write_text(label_text(["borealia"]))

    def bring() -> int:
        return import_bundle(node, file, label=label, tlp=None, by="ana", progress=lambda _: None).stored

    with no_room(node, pages), pytest.raises(StorageFull) as full:
        bring()
    assert full.value.do
    held = node_status(node)["stored"]
    assert held % 50 == 0, "batches are whole or absent"
    assert bring() == 200 - held
    assert node_status(node)["imported"] == 200
    assert verify_own_log(node).ok


def test_what_comes_in_while_the_disk_is_full_stays_at_the_relay(nations: World) -> None:
    take_in(
        nations["arunika"],
        nations.folder,
        [numbered_indicator(n, description="x" * 3000) for n in range(50)],
        label_text(["borealia"]),
    )
    released(nations, "arunika", ["borealia"])
    nations.sync("arunika")
    waiting = len(nations.post.waiting)
    with no_room(nations["borealia"]), pytest.raises(StorageFull):
        nations.sync("borealia")
    assert len(nations.post.waiting) == waiting
    assert node_status(nations["borealia"])["stored"] == 0
    nations.settle()
    assert node_status(nations["borealia"])["stored"] == 50
    assert node_status(nations["arunika"])["outbox"] == {}


def test_a_courier_waits_for_room_and_goes_on(nations: World) -> None:
    take_in(
        nations["arunika"],
        nations.folder,
        [numbered_indicator(n, description="x" * 3000) for n in range(50)],
        label_text(["borealia"]),
    )
    released(nations, "arunika", ["borealia"])
    nations.sync("arunika")
    node = replace(nations["borealia"], limits=QUICK)
    with node.lock(), Courier(node) as courier:
        with no_room(node):
            time.sleep(1.0)
            assert not courier.failed
            assert node_status(node)["stored"] == 0
        until(lambda: node_status(node)["stored"] == 50)
    nations.settle()
    assert node_status(nations["arunika"])["outbox"] == {}


def until(done: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def test_a_log_that_cannot_be_published_is_published_later(nations: World) -> None:
    node = nations["arunika"]
    with node.store.write() as unit:
        from simpul.services.auditing import record

        record(unit, node, "user", {"user": "x"})
    log = node.home / "log"
    log.rename(node.home / "away")
    log.write_text("in the way")
    with pytest.raises(Exception, match="log"):
        close_checkpoint(node)
    log.unlink()
    (node.home / "away").rename(log)
    close_checkpoint(node)
    report = verify_own_log(node)
    assert report.ok, report.problems


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
from simpul.cli.main import run
run(sys.argv[1:])
"""


def test_a_file_that_may_not_grow_is_a_full_disk_for_a_command(nations: World) -> None:
    home, file = nations.folder / "arunika", nations.folder / "big.json"
    file.write_bytes(bundle([numbered_indicator(n, description="x" * 20_000) for n in range(400)]))
    ended = Child(home, "import", file, "--tlp", "amber", program=("-c", LIMITED)).end()
    assert ended.error["code"] in ("storage-full", "home-fault")
    assert ended.error["do"]
    again = call(home, "import", file, "--tlp", "amber").document
    assert again["stored"] + again["known"] == 400
    assert call(home, "log", "verify").document["ok"]


# A database that somebody else holds.


HOLD = """
import sys, sqlcipher3.dbapi2 as driver
held = driver.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another(database: Path) -> Iterator[None]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.readline()
    try:
        yield
    finally:
        child.stdin.close()
        child.wait()
        child.stdout.close()


def test_a_database_that_another_process_holds_is_waited_for_and_then_said(nations: World) -> None:
    home, file = nations.folder / "arunika", nations.folder / "one.json"
    file.write_bytes(bundle([numbered_indicator(1)]))
    (home / "config.toml").write_text("busy_wait_seconds = 1\n")
    with held_by_another(home / "live.db"):
        started = time.monotonic()
        error = call(home, "import", file, "--tlp", "amber").error
        assert 0.8 < time.monotonic() - started < 5
        assert (error["code"], bool(error["do"])) == ("home-busy", True)
        assert call(home, "status").document["stored"] == 0, "reading goes on meanwhile"
    assert call(home, "import", file, "--tlp", "amber").document["stored"] == 1


def test_a_courier_waits_for_who_holds_the_database_and_goes_on(nations: World) -> None:
    take_in(nations["arunika"], nations.folder, [numbered_indicator(1)], label_text(["borealia"]))
    released(nations, "arunika", ["borealia"])
    nations.sync("arunika")
    node = replace(nations["borealia"], limits=QUICK)
    with node.lock(), held_by_another(node.home / "live.db"), Courier(node) as courier:
        time.sleep(6)
        assert not courier.failed
    with node.lock(), Courier(node):
        until(lambda: node_status(node)["stored"] == 1)


# Several at once.


def test_a_second_serve_is_refused_and_a_sync_asks_the_first(nations: World) -> None:
    home = nations.folder / "arunika"
    first = Child(home, "serve", "--listen", "127.0.0.1:0")
    try:
        assert first.first_line()["ready"]
        second = Child(home, "serve", "--listen", "127.0.0.1:0").end()
        assert second.error["code"] == "home-busy"
        assert str(first.process.pid) in (second.error["message"] or "")
        asked = Child(home, "sync", "--once").end()
        assert asked.document.keys() == {"sent", "received", "admitted", "quarantined", "refused", "receipts"}
    finally:
        assert first.terminate() == 0


def test_ten_commands_beside_a_courier_all_do_their_work(nations: World) -> None:
    arunika = replace(nations["arunika"], limits=QUICK)
    borealia = replace(nations["borealia"], limits=QUICK)
    home, label = nations.folder / "arunika", nations.folder / "label.toml"
    label.write_text(label_text(["borealia"]))
    files = []
    for n in range(10):
        files.append(nations.folder / f"{n}.json")
        files[-1].write_bytes(bundle([numbered_indicator(n * 100 + i) for i in range(60)]))
    with arunika.lock(), Courier(arunika) as courier, borealia.lock(), Courier(borealia) as other:
        stop = threading.Event()
        reading = threading.Thread(target=read_on, args=(arunika, stop))
        reading.start()
        with ThreadPoolExecutor(10) as pool:
            children = [Child(home, "import", file, "--label", label) for file in files]
            ended = list(pool.map(Child.end, children))
        stop.set()
        reading.join()
        assert [(e.code, e.document["stored"]) for e in ended] == [(0, 60)] * 10, ended
        released(nations, "arunika", ["borealia"])
        until(lambda: node_status(borealia)["stored"] == 600)
        until(lambda: not node_status(arunika)["outbox"])
        report = sync_once(arunika, progress=lambda _: None)
        assert report.reached
        assert not courier.failed
        assert not other.failed
    for name in ("arunika", "borealia"):
        assert verify_own_log(nations[name]).ok
    assert node_status(arunika)["sent"] == node_status(borealia)["received"] == 600


def read_on(node: Node, stop: threading.Event) -> None:
    while not stop.is_set():
        search(node, "type:indicator 198", limit=50, after=None)
        node_status(node)


def test_a_store_that_is_written_by_another_thread_for_too_long_says_so(nations: World) -> None:
    node = nations["arunika"]
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with node.store.write():
            entered.set()
            leave.wait(20)

    holding = threading.Thread(target=hold)
    holding.start()
    entered.wait()
    try:
        with pytest.raises(HomeBusy), node.store.write():
            pass
    finally:
        leave.set()
        holding.join()
