"""A relay that lies, repeats, invents, forgets nothing and never ends: it can delay, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from simpul.errors import RelayFault
from simpul.services.auditing import openings, verify_own_log
from simpul.services.courier import Courier
from simpul.services.node import Limits
from simpul.services.reading import node_status
from tests.faults.nations import (
    Transport,
    Waiting,
    World,
    label_text,
    numbered_indicator,
    released,
    take_in,
)


class Forgetless(Transport):
    """Never deletes."""

    def delete(self, ids: Sequence[int]) -> None:
        """Says that it did."""


class Endless(Transport):
    """Has always more: garbage for a mailbox that is really read."""

    made = 0

    def list(self, *, wait: int = 0) -> Sequence[Waiting]:  # noqa: ARG002
        Endless.made += 50
        return [Waiting(10**9 + self.made + n, bytes(16), 100) for n in range(50)]

    def fetch(self, ids: Sequence[int]) -> Sequence[tuple[int, bytes]]:
        return [(id, os.urandom(100)) for id in ids]


class Echo(Transport):
    """Gives every envelope under ever new numbers."""

    given = 0

    def list(self, *, wait: int = 0) -> Sequence[Waiting]:
        Echo.given += 1000
        return [Waiting(w.id * 10**9 + Echo.given, w.tag, w.length) for w in super().list(wait=wait)]

    def fetch(self, ids: Sequence[int]) -> Sequence[tuple[int, bytes]]:
        return [(id, self.post.waiting[id // 10**9][1]) for id in ids]

    def delete(self, ids: Sequence[int]) -> None:
        """Says that it did."""


class Swapper(Transport):
    """Gives others' envelopes, each twice, in reverse, and torn ones between."""

    def fetch(self, ids: Sequence[int]) -> Sequence[tuple[int, bytes]]:
        every = [envelope for _, envelope in self.post.waiting.values()]
        mine = super().fetch(ids)
        return [*mine, *reversed(mine), *((id, every[0]) for id in ids), *((id, e[:-9]) for id, e in mine)]


class Empty(Transport):
    """Lists what it does not give."""

    def fetch(self, ids: Sequence[int]) -> Sequence[tuple[int, bytes]]:  # noqa: ARG002
        return []


class Silent(Transport):
    """Refuses everything."""

    def list(self, *, wait: int = 0) -> Sequence[Waiting]:  # noqa: ARG002
        raise RelayFault("no")

    def put(self, tag: bytes, put_seed: bytes, envelope: bytes) -> None:  # noqa: ARG002
        raise RelayFault("no")


class Thief(Transport):
    """Takes what it is given, and loses it."""

    def put(self, tag: bytes, put_seed: bytes, envelope: bytes) -> None:
        """Says that it has it."""


def send_something(nations: World) -> None:
    take_in(
        nations["arunika"],
        nations.folder,
        [numbered_indicator(n) for n in range(9)],
        label_text(["borealia"]),
    )
    released(nations, "arunika", ["borealia"])


def through(nations: World, kind: type[Transport]) -> None:
    nations.connect = lambda node: kind(nations.post, node.keyring.secret("account"))


def check_end(nations: World) -> None:
    nations.connect = nations.post.account
    nations.settle()
    sent, got = node_status(nations["arunika"]), node_status(nations["borealia"])
    assert sent["sent"] == got["received"] == got["admitted"] == got["stored"] == 9
    assert (sent["outbox"], got["outbox"]) == ({}, {})
    for name in ("arunika", "borealia"):
        assert verify_own_log(nations[name]).ok


@pytest.mark.parametrize("kind", [Forgetless, Swapper])
def test_a_relay_that_repeats_and_mixes_changes_nothing(nations: World, kind: type[Transport]) -> None:
    send_something(nations)
    through(nations, kind)
    for _ in range(3):
        nations.sync("arunika", "borealia")
    received = node_status(nations["borealia"])
    assert (received["received"], received["stored"]) == (9, 9)
    check_end(nations)


@pytest.mark.parametrize("kind", [Endless, Echo])
def test_a_relay_without_end_does_not_hold_a_round(nations: World, kind: type[Transport]) -> None:
    send_something(nations)
    nations.sync("arunika")
    through(nations, kind)
    report = nations.sync("borealia")[0]
    assert not report.reached
    assert report.messages_in < 2_000
    check_end(nations)


def test_what_a_relay_repeats_leaves_no_trace_in_the_log(nations: World) -> None:
    send_something(nations)
    nations.sync("arunika", "borealia")
    through(nations, Forgetless)
    nations.sync("arunika", "borealia")
    before = len(openings(nations["borealia"]))
    for _ in range(3):
        nations.sync("borealia")
    assert len(openings(nations["borealia"])) <= before + 3


@pytest.mark.parametrize("kind", [Empty, Silent])
def test_a_relay_that_gives_nothing_delays(nations: World, kind: type[Transport]) -> None:
    send_something(nations)
    through(nations, kind)
    for _ in range(2):
        nations.sync("arunika", "borealia")
    assert node_status(nations["borealia"])["received"] == 0
    nations.skew["arunika"] = 10_000_000
    check_end(nations)


def test_what_a_relay_loses_is_sealed_again_until_the_partner_says_it_has_it(nations: World) -> None:
    send_something(nations)
    through(nations, Thief)
    nations.sync("arunika")
    assert node_status(nations["arunika"])["outbox"]
    nations.skew["arunika"] = 1_000_000 * 1_000
    nations.skew["borealia"] = nations.skew["arunika"]
    check_end(nations)


@contextmanager
def served(nations: World, name: str) -> Iterator[Courier]:
    limits = Limits(ack_delay_ms=10, relay_wait_seconds=0, poll_ms=5, retry_first_seconds=1)
    node = replace(nations[name], limits=limits)
    with node.lock(), Courier(node) as courier:
        yield courier


@pytest.mark.parametrize("kind", [Forgetless, Endless, Echo, Swapper, Empty, Silent])
def test_a_courier_lives_through_a_bad_relay(nations: World, kind: type[Transport]) -> None:
    send_something(nations)
    nations.sync("arunika")
    through(nations, kind)
    with served(nations, "borealia") as courier:
        time.sleep(1.5)
        assert not courier.failed
    check_end(nations)


def test_the_relay_holds_no_word_of_it(nations: World) -> None:
    canary = "zq-canary-7f3a"
    objects = [numbered_indicator(n, name=f"{canary} {n}") for n in range(5)]
    take_in(nations["arunika"], nations.folder, objects, label_text(["borealia"]))
    released(nations, "arunika", ["borealia"], title=f"{canary} title")
    nations.settle()
    everything: list[Any] = nations.post.seen
    assert len(everything) > 2
    for envelope in everything:
        assert canary.encode() not in envelope
        for name in ("arunika", "borealia"):
            assert nations[name].party.encode() not in envelope
            assert bytes.fromhex(nations[name].party) not in envelope
