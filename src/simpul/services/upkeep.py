"""What a node does for itself in each round: mailboxes, key packages, jobs, prekeys that must die."""

from __future__ import annotations

from collections import defaultdict

from simpul.errors import RelayFault
from simpul.ports import Mailbox, Transport
from simpul.protocol.mailboxes import CONTACT, public_key
from simpul.protocol.packages import EPOCH_SECONDS, epoch_of
from simpul.services import honouring, retaining
from simpul.services.connecting import contact_mailbox
from simpul.services.healing import notice_lost_keys
from simpul.services.honouring import ERASE
from simpul.services.node import Node
from simpul.services.packing import PACK, Packer
from simpul.services.times import DAY

LEASE = 60 * 1_000_000
"""Microseconds that a claimed job stays with a process; a killed one's jobs are claimed again after it."""

NAMED_EPOCHS = 13
"""Epochs for which a mailbox is remembered after its prekeys: what still comes is reported to whom it was for."""


def register_mailboxes(node: Node, relays: dict[str, Transport]) -> list[str]:
    """Make the mailboxes that no relay knows yet; returns what went wrong, in words. Idempotent."""
    with node.store.read() as unit:
        missing = list(unit.directory.mailboxes(unregistered=True))
        contact = contact_mailbox(unit, node)
        if contact is not None and unit.directory.get(_contact_name(contact)) is None:
            missing.append(contact)
    by_relay: dict[str, list[Mailbox]] = defaultdict(list)
    for box in missing:
        by_relay[box.relay].append(box)
    problems = []
    for relay, boxes in by_relay.items():
        try:
            connected(node, relays, relay).register([(box.lane, public_key(box.put_seed)) for box in boxes])
        except RelayFault as fault:
            problems.append(fault.message)
            continue
        with node.store.write() as unit:
            unit.directory.registered(relay, [box.tag for box in boxes if box.lane != CONTACT])
            for box in boxes:
                if box.lane == CONTACT:
                    unit.directory.put(_contact_name(box), b"registered")
    return problems


def _contact_name(box: Mailbox) -> str:
    return f"contact:{box.relay}:{box.tag.hex()}"


def connected(node: Node, relays: dict[str, Transport], url: str) -> Transport:
    """The connection to a relay, made when it is first needed."""
    if url not in relays:
        relays[url] = node.connect(url)
    return relays[url]


def reading_relays(node: Node) -> list[str]:
    """Relays where this node has mailboxes."""
    oldest = _last_held(node)
    with node.store.read() as unit:
        urls = {box.relay for box in unit.directory.mailboxes() if box.epoch >= oldest}
        contact = contact_mailbox(unit, node)
    return sorted(urls | ({contact.relay} if contact else set()))


def run_jobs(node: Node, packer: Packer, *, limit: int = 1 << 30) -> int:
    """Run jobs that are due, one transaction each, at most `limit`; returns how many."""
    with node.store.read() as unit:
        if not unit.jobs.waiting():
            return 0
    done = 0
    while done < limit:
        with node.store.write() as unit:
            jobs = unit.jobs.claim(node.clock(), lease=LEASE, limit=1)
            for job in jobs:
                if job.kind == PACK:
                    packer.run(unit, job)
                    unit.jobs.finish(job.id)
                elif job.kind == ERASE:
                    again = honouring.run(unit, node)
                    if again is None:
                        unit.jobs.finish(job.id)
                    else:
                        unit.jobs.fail(job.id, "", again)
                else:
                    unit.jobs.fail(job.id, f"no program for jobs of kind {job.kind}", node.clock() + DAY)
        if not jobs:
            break
        done += len(jobs)
    return done


def look_after_content(node: Node) -> None:
    """Destroy what may be kept no longer; ask for recalls where this home was restored from a backup."""
    notice_lost_keys(node)
    honouring.hear_authors(node)
    retaining.expire(node)


def destroy_prekeys(node: Node, *, drained: bool) -> int:
    """Destroy the secrets of epochs that are over; returns how many.

    That is after their own epoch, the next one and a drain of their mailboxes, at the latest when the hold has passed
    (PROTOCOL §5).

    Args:
        drained: every relay was asked in this round, and nothing waits.
    """
    first_kept = max(epoch_of(node.clock()) - 1 if drained else 0, _last_held(node))
    count = node.keyring.destroy_before(first_kept)
    if count:
        with node.store.write() as unit:
            old = [
                box.tag
                for box in unit.directory.mailboxes()
                if box.lane != CONTACT and box.epoch < first_kept - NAMED_EPOCHS
            ]
            unit.directory.drop_mailboxes(old)
    return count


def _last_held(node: Node) -> int:
    """The oldest epoch whose prekeys may still be here, drained or not."""
    return epoch_of(node.clock() - node.limits.prekey_hold_days * DAY - EPOCH_SECONDS * 1_000_000)
