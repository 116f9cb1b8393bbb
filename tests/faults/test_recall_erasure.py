"""After a recall nothing is left: in no file of the holder's home, however it was stored; and a kill -9 undoes nothing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simpul.domain.queries import EVERYTHING, HOME, Query
from simpul.domain.recalls import RecallState
from simpul.services.auditing import verify_own_log
from simpul.services.honouring import AT_ONCE
from simpul.services.node import Limits
from simpul.services.reading import node_status, search
from simpul.services.recalling import Wanted, Why, issue, list_recalls, status
from simpul.storage.destroying import MERGE_LEAST
from tests.faults.command import call
from tests.faults.dying import FolderPost, dies, reopened
from tests.faults.nations import (
    PASSPHRASE,
    Post,
    World,
    holders,
    label_text,
    numbered_indicator,
    released,
    take_in,
)

CANARY = "zqrecalled7731"
WHY = Why(code="mistake", reason="the wrong person")


def canaries(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    return [
        numbered_indicator(n, name=f"{CANARY} {n}", description=f"{CANARY}{n} seen " * 20)
        for n in range(start, start + count)
    ]


def give(nations: World, objects: list[dict[str, Any]], title: str = f"{CANARY} title") -> str:
    take_in(nations["arunika"], nations.folder, objects, label_text(["borealia"]))
    return released(nations, "arunika", ["borealia"], title=title).id


def recall(nations: World, product: str | None, *objects: dict[str, Any]) -> bytes:
    wanted = Wanted(product=product, version=None, objects=tuple(o["id"] for o in objects))
    (issued,) = issue(nations["arunika"], nations.signer("arunika", "budi"), wanted, WHY)
    return issued.hash


def check_gone(nations: World, objects: list[dict[str, Any]]) -> None:
    """No way leads to any of it, and no byte of it is left."""
    borealia = nations["borealia"]
    with borealia.store.read() as unit:
        assert unit.objects.count(HOME, Query(words=(CANARY,))) == 0
        for made in (objects[0], objects[-1]):
            assert unit.objects.find(HOME, made["id"]) == []
        assert unit.objects.count(HOME, EVERYTHING) == len(unit.objects.newest(HOME, limit=5000)[0])
        assert all(bearers >= 0 for _, _, bearers in unit.objects.labels(HOME))
        assert unit.recalls.is_clean()
    assert search(borealia, CANARY, limit=10, after=None)[0] == []
    assert holders(nations.folder / "borealia", CANARY.encode()) == []


@pytest.mark.parametrize("count", [3, MERGE_LEAST + 200], ids=["row by row", "merged anew"])
def test_nothing_of_a_recalled_product_is_left_in_any_file(nations: World, count: int) -> None:
    objects = canaries(count)
    product = give(nations, objects)
    nations.settle()
    assert node_status(nations["borealia"])["stored"] == count
    assert holders(nations.folder / "borealia", CANARY.encode()), "the search itself finds what is there"
    hash = recall(nations, product)
    nations.settle()
    check_gone(nations, objects)
    (said,) = status(nations["arunika"], hash.hex())[0].parties
    assert said.answer is not None
    assert said.answer.destroyed == count


def test_what_is_not_recalled_is_untouched_and_still_found(nations: World) -> None:
    gone, kept = canaries(30), canaries(30, start=1000)
    give(nations, gone + kept)
    nations.settle()
    recall(nations, None, *gone)
    nations.settle()
    borealia = nations["borealia"]
    with borealia.store.read() as unit:
        assert unit.objects.count(HOME, Query(words=(CANARY,))) == 30
        for made in kept:
            (head,) = unit.objects.find(HOME, made["id"])
            assert unit.objects.raw(HOME, head.key)
        assert unit.objects.count(HOME, Query(values=("198.51.100.3",))) == 0
        assert unit.objects.count(HOME, Query(values=("198.51.104.3",))) == 1
    take_in(borealia, nations.folder, [numbered_indicator(9_000)], label_text([]))
    with borealia.store.read() as unit:
        assert unit.objects.count(HOME, EVERYTHING) == 31
        assert unit.objects.count(HOME, Query(values=("198.51.100.3",))) == 0


def test_more_than_one_step_takes_is_all_taken(nations: World) -> None:
    objects = canaries(AT_ONCE + 50)
    give(nations, objects, "What a recall by id does not name")
    nations.settle()
    hash = recall(nations, None, *objects)
    nations.settle()
    check_gone(nations, objects)
    (said,) = status(nations["arunika"], hash.hex())[0].parties
    assert said.answer is not None
    assert said.answer.destroyed == len(objects)


class Homes:
    """Homes in a folder, nothing of which is open between two steps."""

    def __init__(self, folder: Path, post: FolderPost) -> None:
        self.folder = folder
        self.post = post

    @contextmanager
    def open(self) -> Iterator[World]:
        with reopened(self.folder, self.post) as nations:
            nations.limits = Limits(batch=25, part=30, ack_delay_ms=20, resend_seconds=2)
            yield nations

    def sync(self, name: str) -> None:
        with self.open() as nations:
            nations.sync(name)


def test_killed_at_any_call_a_recall_is_finished_and_answered_once(
    template: tuple[Path, Post], tmp_path: Path, campaign: int
) -> None:
    source, post = template
    folder = tmp_path / "nations"
    shutil.copytree(source, folder)
    homes = Homes(folder, FolderPost(tmp_path / "post", post.owner))
    objects = canaries(250)
    with homes.open() as nations:
        product = give(nations, objects)
        nations.settle()
        hash = recall(nations, product)
        nations.sync("arunika")
    chance, at, kills = random.Random(campaign), 40, 0  # noqa: S311
    while dies(lambda: homes.sync("borealia"), at=at):
        kills += 1
        at = int(at * 1.3) + chance.randint(1, 40)
        with homes.open() as nations:
            report = verify_own_log(nations["borealia"])
            assert report.ok, report.problems
            if any(each.recall.state is RecallState.DONE for each in list_recalls(nations["borealia"])):
                check_gone(nations, objects)
        assert kills < 40, "it never gets to its end"
    assert kills > 3
    with homes.open() as nations:
        nations.settle()
        check_gone(nations, objects)
        (said,) = status(nations["arunika"], hash.hex())[0].parties
        assert said.answer is not None
        assert (said.state, said.answer.destroyed) == ("answered", 250)


def test_people_see_it_at_the_command_line(nations: World, tmp_path: Path) -> None:
    product = give(nations, canaries(2))
    nations.settle()
    phrase = tmp_path / "phrase"
    phrase.write_bytes(PASSPHRASE)
    who = ("--as", "budi", "--passphrase-file", phrase)
    arunika, borealia = nations.folder / "arunika", nations.folder / "borealia"
    ground = ("court order", "--product", product, "--until", "2060-01-01T00:00:00Z")
    assert call(borealia, "recall", "hold", "add", *ground, *who).code == 0
    assert call(borealia, "recall", "hold", "list").document[0]["product"] == product
    issued = call(arunika, "recall", "issue", product, "--reason", "wrong", "--days", "3", *who).document
    assert (issued["objects"], issued["to"]) == (0, [nations["borealia"].party])
    nations.settle()
    (shown,) = call(arunika, "recall", "status", issued["recall"][:12]).document
    (said,) = shown["parties"]
    assert (said["state"], said["destroyed"]) == ("answered", 2)
    assert said["retained"][0]["ground"] == "court order"
    assert "does not prove" in shown["proves"]
    (listed,) = call(borealia, "recall", "list").document
    assert (listed["recall"], listed["state"], listed["ours"]) == (issued["recall"], "done", False)
    wide = tmp_path / "wide.toml"
    wide.write_text('releasable_to = ["Borealia"]\n')
    refused = call(arunika, "recall", "tighten", product, "--label", wide, "--reason", "x", *who)
    assert refused.error["code"] == "refused"
    assert call(borealia, "recall", "waive", "Arunika", *who).error["code"] == "refused"
    assert call(arunika, "recall", "status", "ffffffff").error["code"] == "not-found"
