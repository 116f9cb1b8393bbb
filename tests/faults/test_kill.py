"""kill -9 at any call of the driver or the disk, on the whole way of a product: what was acknowledged is there, once."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simpul.domain.queries import HOME
from simpul.errors import ApprovalRefusal, HomeBusy
from simpul.services.auditing import verify_own_log
from simpul.services.importing import import_bundle
from simpul.services.node import Limits
from simpul.services.reading import node_status, read_inbox
from simpul.services.releasing import approve, release
from tests.faults.dying import FolderPost, FolderTransport, Server, dies, reopened
from tests.faults.nations import (
    Post,
    World,
    bundle,
    drafted,
    label_text,
    numbered_indicator,
)

OBJECTS = 100
SMALL = Limits(batch=25, part=30, ack_delay_ms=20, relay_wait_seconds=1, resend_seconds=2, poll_ms=10)


class Homes:
    """Homes in a folder, nothing of which is open between two steps."""

    def __init__(self, folder: Path, post: FolderPost) -> None:
        self.folder = folder
        self.post = post

    @contextmanager
    def open(self) -> Iterator[World]:
        with reopened(self.folder, self.post) as nations:
            nations.limits = SMALL
            yield nations

    def check_logs(self) -> None:
        with self.open() as nations:
            for name in ("arunika", "borealia"):
                report = verify_own_log(nations[name])
                assert report.ok, report.problems

    def bring(self) -> None:
        """Import the whole file."""
        with self.open() as nations:
            import_bundle(
                nations["arunika"],
                self.folder / "all.json",
                label=self.folder / "label.toml",
                tlp=None,
                by="ana",
                progress=lambda _: None,
            )

    def draft(self) -> str:
        with self.open() as nations:
            return drafted(nations, "arunika").id

    def approve(self, product: str) -> None:
        with self.open() as nations:
            signer = nations.signer("arunika", "budi")
            try:
                approve(nations["arunika"], signer, product, ["Borealia"], progress=lambda _: None)
            except ApprovalRefusal as refusal:
                if "released" not in refusal.message:
                    raise

    def release(self, product: str) -> None:
        with self.open() as nations:
            try:
                release(nations["arunika"], nations.signer("arunika", "budi"), product, ["Borealia"])
            except ApprovalRefusal as refusal:
                if "released" not in refusal.message:
                    raise

    def sync(self, name: str) -> None:
        with self.open() as nations:
            nations.sync(name)

    def check_end(self) -> None:
        """Both ends count the same, nothing waits, nothing is there twice, and all of it is there."""
        with self.open() as nations:
            nations.settle()
            sent, got = (node_status(nations[name]) for name in ("arunika", "borealia"))
            assert (sent["imported"], sent["stored"]) == (OBJECTS, OBJECTS)
            assert sent["sent"] == got["received"] == got["admitted"] == got["stored"] == OBJECTS
            assert (sent["outbox"], got["outbox"], sent["jobs"]) == ({}, {}, 0)
            assert sent["receipts"]["total"] == sent["receipts"]["verified"] == parts()
            (item,) = read_inbox(nations["borealia"])
            assert (item.parts, item.objects) == ("whole", OBJECTS)
            with nations["borealia"].store.read() as unit:
                for number in range(OBJECTS):
                    assert len(unit.objects.find(HOME, numbered_indicator(number)["id"])) == 1
        self.check_logs()


def parts() -> int:
    return -(-(OBJECTS + 1) // SMALL.part)


@pytest.fixture
def homes(template: tuple[Path, Post], tmp_path: Path) -> Homes:
    source, post = template
    folder = tmp_path / "nations"
    shutil.copytree(source, folder)
    (folder / "all.json").write_bytes(bundle([numbered_indicator(number) for number in range(OBJECTS)]))
    (folder / "label.toml").write_text(label_text(["borealia"]))
    return Homes(folder, FolderPost(tmp_path / "post", post.owner))


def until_it_lives(homes: Homes, work: Callable[[], object], chance: random.Random) -> int:
    """Kill the work at ever later calls until it gets to its end; after each kill the logs hold. Returns the kills."""
    at, kills = chance.randint(1, 30), 0
    while dies(work, at=at):
        kills += 1
        at = int(at * 1.5) + chance.randint(1, 20)
        homes.check_logs()
        assert kills < 40, "it never gets to its end"
    return kills


def test_killed_at_any_call_every_step_is_finished_by_doing_it_again(homes: Homes, campaign: int) -> None:
    chance = random.Random(campaign)  # noqa: S311
    kills = until_it_lives(homes, homes.bring, chance)
    product = homes.draft()
    kills += until_it_lives(homes, lambda: homes.approve(product), chance)
    kills += until_it_lives(homes, lambda: homes.release(product), chance)
    for name in ("arunika", "borealia", "arunika", "borealia", "arunika"):
        kills += until_it_lives(homes, lambda name=name: homes.sync(name), chance)  # type: ignore[misc]
    assert kills > 20
    homes.check_end()


class LastPut(FolderTransport):
    """The sender is killed when the relay has its envelope, and before it can know."""

    def put(self, tag: bytes, put_seed: bytes, envelope: bytes) -> None:
        super().put(tag, put_seed, envelope)
        os.kill(os.getpid(), signal.SIGKILL)


def test_killed_between_handing_over_and_noting_it_what_went_is_counted_all_the_same(homes: Homes) -> None:
    homes.bring()
    product = homes.draft()
    homes.approve(product)
    homes.release(product)

    def hand_over() -> None:
        with homes.open() as nations:
            nations.connect = lambda node: LastPut(homes.post, node.keyring.secret("account"))
            nations.sync("arunika")

    assert dies(hand_over, at=1_000_000)
    assert list(homes.post.folder.glob("[0-9]*"))
    homes.sync("borealia")
    homes.check_end()


def test_couriers_that_are_killed_at_any_moment_lose_and_repeat_nothing(homes: Homes, campaign: int) -> None:
    chance = random.Random(campaign)  # noqa: S311
    servers = [Server(homes.open, name) for name in ("arunika", "borealia")]
    try:
        homes.bring()
        product = homes.draft()
        homes.approve(product)
        homes.release(product)
        for _ in range(14):
            time.sleep(chance.uniform(0.02, 0.5))
            server = chance.choice(servers)
            server.kill()
            server.start()
        deadline = time.monotonic() + 30
        while not all_settled(homes) and time.monotonic() < deadline:
            time.sleep(0.3)
    finally:
        codes = [server.stop() for server in servers]
    assert codes == [0, 0]
    homes.check_end()


def all_settled(homes: Homes) -> bool:
    with homes.open() as nations:
        try:
            status = node_status(nations["arunika"])
        except HomeBusy:
            return False
        return status["receipts"]["total"] == parts() and not status["outbox"]
