"""One round with every relay: fetch, decide, store, acknowledge, pack, number, send.

`sync --once` takes the home's lock and does one round; beside a running `serve` it leaves a request in the database
and waits for that process to have done it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.errors import HomeBusy, HomeDamaged, RelayFault
from simpul.ports import Transport
from simpul.protocol.canonical import Wire, decode, encode
from simpul.services.auditing import close_checkpoint
from simpul.services.connecting import keep_supplied
from simpul.services.delivering import Carried, Session, carry, number_waiting, queue_acks
from simpul.services.node import Node
from simpul.services.packing import Packer
from simpul.services.receiving import Fate, Received, receive
from simpul.services.times import SECOND
from simpul.services.upkeep import (
    connected,
    destroy_prekeys,
    look_after_content,
    reading_relays,
    register_mailboxes,
    run_jobs,
)

REQUEST, ANSWER = "sync-request", "sync-answer"
"""Settings of the home by which a command asks the process that holds the lock for a round."""

ANSWER_SECONDS: Final = 120
"""How long a command waits for that process."""

HORIZON: Final = 60 * SECOND
"""A single round also tries what waits for keys or a relay, without waiting for its time."""

FETCH: Final = 64
"""Envelopes asked for at once."""

HELD_MOST: Final = 64
"""Envelopes from the future that are left at a relay. More would stand before everybody else's in what it lists; those
are forgotten there unrefused and unacknowledged, so that their sender seals them again later."""

USELESS_MOST: Final = 1000
"""Envelopes in a row of which none brought anything new, at which a round turns away from a relay."""


class SyncReport(Wire, frozen=True, kw_only=True):
    """What one round did. Counts are objects, receipts are receipts; messages are for people.

    `reached` is false when a relay could not be reached or the log could not be signed; `problems` are sentences.
    """

    sent: int = 0
    received: int = 0
    admitted: int = 0
    quarantined: int = 0
    refused: int = 0
    receipts: int = 0
    messages_in: int = 0
    messages_out: int = 0
    reached: bool = True
    problems: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """The six counts of `simpul sync --once`."""
        return {
            "sent": self.sent,
            "received": self.received,
            "admitted": self.admitted,
            "quarantined": self.quarantined,
            "refused": self.refused,
            "receipts": self.receipts,
        }

    def and_received(self, one: Received) -> SyncReport:
        """With one envelope that came in."""
        return replace(
            self,
            received=self.received + one.objects,
            admitted=self.admitted + one.admitted,
            quarantined=self.quarantined + one.quarantined,
            refused=self.refused + one.refused,
            receipts=self.receipts + one.receipts,
            messages_in=self.messages_in + 1,
            problems=_with(self.problems, one.problem),
        )

    def and_carried(self, carried: Carried) -> SyncReport:
        """With what was handed to relays."""
        return replace(
            self,
            sent=self.sent + carried.objects,
            messages_out=self.messages_out + carried.messages,
            problems=_with(self.problems, *carried.problems),
        )


def _with(problems: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*problems, *(each for each in more if each))))


class Round(Struct, kw_only=True):
    """What a process keeps between rounds: its session, its connections, the packer."""

    session: Session
    relays: dict[str, Transport]
    packer: Packer

    @classmethod
    def begin(cls, node: Node) -> Round:
        """A new session, by the process that holds the lock."""
        return cls(session=Session(stream=node.entropy(16)), relays={}, packer=Packer(node))

    def close(self) -> None:
        """Let go of the connections."""
        for relay in self.relays.values():
            relay.close()


def sync_once(node: Node, *, progress: Callable[[str], None]) -> SyncReport:
    """One round, by this process or by the one that holds the lock.

    Raises:
        HomeBusy: the process that holds the lock did not answer in time.
    """
    try:
        with node.lock():
            turn = Round.begin(node)
            try:
                return run_round(node, turn, progress=progress)
            finally:
                turn.close()
    except HomeBusy:
        return _ask(node, progress)


def run_round(node: Node, turn: Round, *, progress: Callable[[str], None] = lambda _: None) -> SyncReport:
    """Fetch and take everything that waits, then send everything that is due, then close the log's checkpoint."""
    report = SyncReport()
    look_after_content(node)
    keep_supplied(node)
    problems = register_mailboxes(node, turn.relays)
    report = replace(report, reached=not problems, problems=_with(report.problems, *problems))
    for url in reading_relays(node):
        try:
            report = drain(node, connected(node, turn.relays, url), report, progress)
        except RelayFault as fault:
            report = replace(report, reached=False, problems=_with(report.problems, fault.message))
    keep_supplied(node)
    report = _send(node, turn, report, progress)
    reached = report.reached
    if reached:
        report = _close(node, report)
    destroy_prekeys(node, drained=reached)
    return report


def _close(node: Node, report: SyncReport) -> SyncReport:
    try:
        close_checkpoint(node)
    except HomeDamaged as fault:
        return replace(report, reached=False, problems=_with(report.problems, f"{fault.message}; {fault.do}"))
    return report


def drain(node: Node, relay: Transport, report: SyncReport, progress: Callable[[str], None]) -> SyncReport:
    """Take everything that waits at one relay; each envelope is forgotten there only once it is durable here.

    A relay that forgets nothing is asked for nothing twice, and one that never ends is left after `USELESS_MOST`.
    """
    held: set[int] = set()
    taken: set[int] = set()
    useless = 0
    while True:
        waiting = [each.id for each in relay.list() if each.id not in held and each.id not in taken][:FETCH]
        if not waiting:
            return report
        done = []
        for id, envelope in relay.fetch(waiting):
            received = receive(node, envelope)
            report = report.and_received(received)
            useless = useless + 1 if received.useless else 0
            if received.fate is Fate.HELD and len(held) < HELD_MOST:
                held.add(id)
            else:
                done.append(id)
        progress(f"{report.messages_in} messages, {report.received} objects received")
        if not done and not held.intersection(waiting):
            return report
        if done:
            taken.update(done)
            relay.delete(done)
        if useless >= USELESS_MOST:
            raise RelayFault(
                f"the last {useless} envelopes of a relay brought nothing new: the rest waits for another round",
                do="run it again; if it goes on, tell the relay's operator, or use another relay",
            )


def _send(node: Node, turn: Round, report: SyncReport, progress: Callable[[str], None]) -> SyncReport:
    """Pack, number and carry all that is due."""
    register_mailboxes(node, turn.relays)
    run_jobs(node, turn.packer)
    queue_acks(node)
    number_waiting(node, turn.session)
    report = report.and_carried(carry(node, turn.relays, horizon=HORIZON))
    progress(f"{report.messages_out} messages, {report.sent} objects sent")
    return report


def _ask(node: Node, progress: Callable[[str], None]) -> SyncReport:
    """Ask the process that holds the lock for a round, by a row in the database, and wait for its answer."""
    id = node.entropy(16).hex().encode()
    progress("another process serves this home: it is asked for a round")
    with node.store.write() as unit:
        unit.directory.put(REQUEST, id)
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        with node.store.read() as unit:
            answer = unit.directory.get(ANSWER)
        if answer is not None and answer.startswith(id):
            return decode(answer[len(id) :], SyncReport)
        time.sleep(0.05)
    raise HomeBusy(
        "the process that serves this home did not sync in time",
        do="see whether it is well, or stop it and run `simpul sync --once` again",
    )


def answer_request(node: Node, turn: Round, answered: bytes) -> bytes:
    """Do the round that a command asked for, if there is a new request; returns the newest request answered."""
    with node.store.read() as unit:
        wanted = unit.directory.get(REQUEST) or b""
    if wanted in (b"", answered):
        return answered
    report = run_round(node, turn)
    with node.store.write() as unit:
        unit.directory.put(ANSWER, wanted + encode(report))
    return wanted
