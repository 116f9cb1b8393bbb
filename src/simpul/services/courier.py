"""The exchange inside `serve`: one writer, one fetcher a relay, one sender; each restarts what it was doing after a kill.

    fetcher   waits at its relay (long poll), hands envelopes to the writer, forgets them there once they are durable
    writer    takes envelopes, does what other processes asked for, packs, numbers, keeps the log
    sender    seals and puts what is numbered

Threads share the store, a queue of envelopes, and what `__exit__` must close. A fault of this home stops the courier and with it the process; a
full disk, a database that another process holds, and a fault of a relay are waited out.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Self

from simpul.errors import HomeBusy, HomeDamaged, RelayFault, SimpulError, StorageFull
from simpul.ports import Transport
from simpul.services.auditing import close_checkpoint
from simpul.services.connecting import keep_supplied
from simpul.services.delivering import carry, number_waiting, queue_acks
from simpul.services.healing import notice_lost_keys
from simpul.services.node import Node
from simpul.services.receiving import Fate, receive
from simpul.services.syncing import FETCH, HELD_MOST, Round, answer_request
from simpul.services.upkeep import (
    destroy_prekeys,
    look_after_content,
    reading_relays,
    register_mailboxes,
    run_jobs,
)

log = logging.getLogger("simpul.courier")

UPKEEP_SECONDS: Final = 30.0
"""How often keys, mailboxes and relays are looked after although nothing changed."""

UPKEEP_SOON: Final = 1.0
"""The same, while something changes: a card that was just added is answered at once."""

RECOVER_SECONDS: Final = 1.0
"""Pause after the disk was full or another process held the database for too long."""

AT_ONCE_SECONDS: Final = 0.5
"""A relay that has nothing and answers sooner than this does not hold the answer: it is asked again after as long."""

PAUSE_SECONDS: Final = 1.0
"""Pause where a relay lists only what must stay there, or gave only what is of no use."""

SLICE: Final = 4
"""Envelopes or jobs that the writer takes before it looks at the other kind of work: nothing urgent waits for long."""


class Courier:
    """Runs from `__enter__` to `__exit__`; the caller holds the home's lock."""

    def __init__(self, node: Node, *, stopped: Callable[[], None] = lambda: None) -> None:
        self._node = node
        self._turn = Round.begin(node)
        self._stopped = stopped
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._send = threading.Event()
        self._inbound: queue.Queue[tuple[bytes, queue.Queue[Fate]]] = queue.Queue(maxsize=FETCH)
        self._threads: list[threading.Thread] = []
        self._fetching: set[str] = set()
        self._reached: set[str] = set()
        self._answered = b""
        self._owed_since: float | None = None
        self._connections: list[Transport] = []
        self.failed = False

    def __enter__(self) -> Self:
        notice_lost_keys(self._node)  # before the sender hands anything over
        self._start("writer", self._write)
        self._start("sender", self._carry)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._wake.set()
        self._send.set()
        # A fetcher that waits at a relay ends with its connection.
        for connection in self._connections:
            connection.close()
        for thread in self._threads:
            thread.join(timeout=4)
        self._turn.close()

    def _start(self, name: str, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(body,), name=f"simpul-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, body: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                body()
            except (HomeBusy, StorageFull) as fault:
                # Somebody can make room, or let go, while this process lives: nothing is lost by waiting for it.
                log.warning("%s; it is tried again", fault.message)
                self._stop.wait(RECOVER_SECONDS)
            except Exception as fault:  # noqa: BLE001 - a thread's outermost edge: whatever it is ends the process
                self._end(fault)
            else:
                return

    def _end(self, fault: Exception) -> None:
        if self._stop.is_set():
            return
        if isinstance(fault, SimpulError):
            log.critical("%s: %s", fault.code, fault.message)
        else:
            log.critical("the courier failed", exc_info=fault)
        self._stop.set()
        self.failed = True
        self._stopped()

    # The writer.

    def _write(self) -> None:
        limits = self._node.limits
        seen, upkept, tick_at = -1, -UPKEEP_SECONDS, time.monotonic() + limits.tick_seconds
        while not self._stop.is_set():
            more = self._take_inbound()
            now = time.monotonic()
            changed = self._node.store.changed()
            if now - upkept >= (UPKEEP_SECONDS if changed == seen else UPKEEP_SOON):
                self._upkeep()
                upkept, seen = now, -1
            if more or changed != seen:
                seen = changed
                more |= self._work()
            self._acknowledge(now)
            if now >= tick_at:
                tick_at = now + limits.tick_seconds
                self._tick()
            if not more:
                self._wake.wait(limits.poll_ms / 1000)
                self._wake.clear()

    def _take_inbound(self) -> bool:
        """Take a few envelopes; whether there were any."""
        took = False
        for _ in range(SLICE):
            try:
                envelope, answer = self._inbound.get_nowait()
            except queue.Empty:
                return took
            try:
                received = receive(self._node, envelope)
            except BaseException:
                answer.put(Fate.HELD)  # it is not durable: the relay keeps it
                raise
            if received.problem:
                log.warning("%s", received.problem)
            answer.put(received.fate)
            took = True
        return took

    def _work(self) -> bool:
        """Do what others left: a few jobs, a round that a command asked for, numbers. Whether there is more."""
        done = run_jobs(self._node, self._turn.packer, limit=SLICE)
        self._answered = answer_request(self._node, self._turn, self._answered)
        if number_waiting(self._node, self._turn.session):
            self._send.set()
        return done == SLICE

    def _acknowledge(self, now: float) -> None:
        """Acks ride on what goes out anyway; after a short delay they go alone."""
        with self._node.store.read() as unit:
            owed = bool(unit.mail.owed_acks())
        if not owed:
            self._owed_since = None
        elif self._owed_since is None:
            self._owed_since = now
        elif now - self._owed_since >= self._node.limits.ack_delay_ms / 1000:
            self._owed_since = None
            queue_acks(self._node)
            if number_waiting(self._node, self._turn.session):
                self._send.set()

    def _upkeep(self) -> None:
        look_after_content(self._node)
        keep_supplied(self._node)
        for problem in register_mailboxes(self._node, self._turn.relays):
            log.warning("%s", problem)
        for url in reading_relays(self._node):
            if url not in self._fetching:
                self._fetching.add(url)
                self._start("fetcher", partial(self._fetch, url))

    def _tick(self) -> None:
        """Close a checkpoint, unless a relay has not been reached since the start (PROTOCOL §8)."""
        reached = self._fetching <= self._reached
        if reached:
            try:
                close_checkpoint(self._node)
            except HomeDamaged as fault:
                log.critical("%s; %s", fault.message, fault.do)
        destroy_prekeys(self._node, drained=reached)

    # A fetcher.

    def _fetch(self, url: str) -> None:
        relay = self._node.connect(url)
        self._connections.append(relay)
        first, longest = self._node.limits.retry_first_seconds, self._node.limits.retry_most_seconds
        pause = first
        while not self._stop.is_set():
            try:
                self._fetch_round(relay, url)
                pause = first
            except RelayFault as fault:
                if self._stop.is_set():
                    return
                log.warning("%s", fault.message)
                self._stop.wait(pause)
                pause = min(pause * 2, longest)

    def _fetch_round(self, relay: Transport, url: str) -> None:
        held: set[int] = set()
        taken: set[int] = set()
        while not self._stop.is_set():
            asked = time.monotonic()
            listed = [
                each.id for each in relay.list(wait=0 if held else self._node.limits.relay_wait_seconds)
            ]
            wanted = [id for id in listed if id not in held and id not in taken][:FETCH]
            if not wanted:
                self._reached.add(url)
                if listed:
                    self._stop.wait(PAUSE_SECONDS)
                elif time.monotonic() - asked < AT_ONCE_SECONDS:
                    self._stop.wait(AT_ONCE_SECONDS)
                return
            fates = self._hand_over(relay.fetch(wanted))
            held.update(id for id, fate in fates if fate is Fate.HELD and len(held) < HELD_MOST)
            done = [id for id, _ in fates if id not in held]
            taken = taken.intersection(listed).union(done)
            if done:
                relay.delete(done)
            if all(fate is Fate.FAULTY for _, fate in fates):
                self._stop.wait(
                    PAUSE_SECONDS
                )  # nothing of use: whoever sends it must not keep this node busy

    def _hand_over(self, envelopes: Sequence[tuple[int, bytes]]) -> list[tuple[int, Fate]]:
        """Give envelopes to the writer in order and wait until each is durable."""
        answers: list[tuple[int, queue.Queue[Fate]]] = []
        for id, envelope in envelopes:
            answer: queue.Queue[Fate] = queue.Queue(maxsize=1)
            self._inbound.put((envelope, answer))
            self._wake.set()
            answers.append((id, answer))
        return [(id, self._fate(answer)) for id, answer in answers]

    def _fate(self, answer: queue.Queue[Fate]) -> Fate:
        while not self._stop.is_set():
            try:
                return answer.get(timeout=0.5)
            except queue.Empty:
                continue
        return Fate.HELD  # not durable yet: the relay keeps it

    # The sender.

    def _carry(self) -> None:
        relays: dict[str, Transport] = {}
        while not self._stop.is_set():
            carried = carry(self._node, relays)
            for problem in carried.problems:
                log.info("%s", problem)
            for relay in relays.values():
                if relay not in self._connections:
                    self._connections.append(relay)
            self._send.wait(1.0)
            self._send.clear()
