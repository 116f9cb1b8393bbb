"""A home that was restored from an old copy: how it learns of that, what partners give back, how its log goes on.

    an ack names what was never sent here  -+
    a partner returns an unknown checkpoint -+-> restored: nothing is signed, every partner is asked
    `simpul log restart`                     --> the old log is closed; a new one names how far partners saw the old

Partners need no word of their own for this: who begins a stream as if it had forgotten the last one gets back its
newest checkpoint that is held there (spec/log.md, "After a restore").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from simpul.domain.mail import AckState
from simpul.domain.parties import Party
from simpul.domain.recalls import RecallState
from simpul.errors import Misdirected, Refusal
from simpul.ports import Unit
from simpul.protocol.canonical import decode
from simpul.protocol.keys import LogKey
from simpul.protocol.log import (
    Checkpoint,
    Frontier,
    open_checkpoint,
    parse_checkpoint,
    read_origin,
)
from simpul.protocol.message import Message
from simpul.protocol.packages import KeyPackage, epoch_of
from simpul.protocol.payloads import CheckpointNotice
from simpul.protocol.receipts import from_ack, highest
from simpul.services.auditing import INCARNATION, RESTORED, origin, record, restored
from simpul.services.connecting import say_hello, supply_anew
from simpul.services.enrolling import Signer
from simpul.services.node import Node
from simpul.services.posting import partners, post
from simpul.services.times import DAY

LOST: Final = "lost:"
"""Setting for each (party, stream): the highest number that the party acknowledges and this home never gave out."""

UNHEARD: Final = "unheard:"
"""Setting for each party that has not answered since this home learned that it is an old copy.

What such a party says of the time before is no further sign of a restore. Its value is the last number (8 bytes) and
stream that this home had used with it, the stream empty where there was none.
"""


REPLAY: Final = "replay:"
"""Setting for each party whose recalls since the copy are awaited: their hashes, once it has listed them."""

REPLAYS_A_DAY: Final = 4
"""How often in a day a party is sent again all that it was told."""

REPLAY_FLOOD: Final = "recall.replay-flood"
"""The clause by which it is not sent once more."""

_UNANSWERED: Final = b"?"


class Restarted(Struct, frozen=True, kw_only=True):
    """A new log in the place of one that ended with a restore.

    Attributes:
        incarnation: of the new log.
        closed: the old log as it stood here, signed or not.
        checkpoints: the highest that is known of each earlier log, here or at partners.
        unheard: partners that have not answered yet.
    """

    incarnation: bytes
    closed: Checkpoint
    checkpoints: tuple[Checkpoint, ...]
    unheard: tuple[Party, ...]


# What shows that this home is an old copy.


def take_beyond(unit: Unit, node: Node, party: str, state: AckState) -> None:
    """A party acknowledges numbers that this home never gave out (PROTOCOL §7): another life of it did."""
    name, number = f"{LOST}{party}:{state.stream.hex()}", highest(state)
    if number <= int(unit.directory.get(name) or b"0"):
        return
    unit.directory.put(name, str(number).encode())
    record(unit, node, "rollback", {"from": party, "stream": state.stream.hex(), "number": number})
    if not unit.directory.get(UNHEARD + party):
        _learn(unit, node, f"{party} acknowledges what this home never sent")


def take_returned(unit: Unit, node: Node, party: str, note: bytes) -> None:
    """A party returns a checkpoint of this node's own.

    Raises:
        PartnerFault: this node's key did not sign it, or it is of another realm.
    """
    # (1) it is this node's word, in this realm
    checkpoint = open_checkpoint(note, LogKey(node.keyring.secret("log")).public)
    owner, realm, incarnation = read_origin(checkpoint.origin)
    if (owner, realm) != (node.party, node.realm):
        raise Misdirected("a checkpoint of another realm's log", input="checkpoint", where="origin")
    # (2) one that is known here tells nothing new
    present = checkpoint.origin == origin(unit, node)
    if present and _is_ours(unit, checkpoint):
        return
    row = (checkpoint.origin, checkpoint.size, note)
    if row in unit.journal.partner_checkpoints(node.party):
        return
    # (3) one that is not is kept, and logged
    unit.journal.put_partner_checkpoint(node.party, *row)
    record(unit, node, "returned", {"from": party, **_document(checkpoint)})
    # (4) and shows an old copy, unless it is of a log that was closed for that reason
    if present or not (_is_closed(unit, incarnation) or unit.directory.get(UNHEARD + party)):
        _learn(unit, node, f"{party} holds a checkpoint that this home does not know")


def _is_ours(unit: Unit, checkpoint: Checkpoint) -> bool:
    signed = unit.journal.signed(checkpoint.size)
    return signed is not None and parse_checkpoint(signed).checkpoint == checkpoint


def _is_closed(unit: Unit, incarnation: bytes) -> bool:
    return any(log.incarnation == incarnation for log in unit.journal.closed())


def _learn(unit: Unit, node: Node, how: str) -> None:
    """Note that this home is an old copy, and greet every partner, so that each returns what it holds."""
    if restored(unit):
        return
    unit.directory.put(RESTORED, how.encode())
    record(unit, node, "restored", {"how": how})
    for party in partners(unit, node):
        stream, number = unit.mail.last_numbers(party) or (b"", 0)
        unit.directory.put(UNHEARD + party, number.to_bytes(8, "big") + stream)
        _ask_replay(unit, node, party)


def take_answer(unit: Unit, message: Message) -> None:
    """Whether a party acknowledges what was sent since this home learned: from then on its words count in full."""
    mark = unit.directory.get(UNHEARD + message.sender)
    last = unit.mail.last_numbers(message.sender)
    if not mark or last is None:
        return
    before = int.from_bytes(mark[:8], "big") if mark[8:] == last[0] else 0
    if any(ack.stream == last[0] and highest(from_ack(ack)) > before for ack in message.acks):
        unit.directory.put(UNHEARD + message.sender, b"")


# What was recalled since, without which such a home serves nobody.


def notice_lost_keys(node: Node) -> None:
    """Find out that this home was restored from a backup: its database issued prekeys of this epoch, and they are not here.

    No backup holds them (design §7). Every partner is given new ones, and asked for its recalls.
    """
    epoch = epoch_of(node.clock())
    with node.store.read() as unit:
        lacking = [party for party in partners(unit, node) if _lacks_keys(unit, node, party, epoch)]
    if not lacking:
        return
    with node.store.write() as unit:
        record(unit, node, "keys-lost", {"epoch": epoch})
        for party in lacking:
            supply_anew(unit, node, party)
        for party in partners(unit, node):
            _ask_replay(unit, node, party)


def _lacks_keys(unit: Unit, node: Node, party: str, epoch: int) -> bool:
    stored = unit.directory.package(party, ours=True)
    if stored is None or node.keyring.prekey(party, epoch) is not None:
        return False
    return any(each.epoch == epoch for each in decode(stored[1], KeyPackage).epochs)


def _ask_replay(unit: Unit, node: Node, party: str) -> None:
    unit.directory.put(REPLAY + party, _UNANSWERED)
    say_hello(unit, node, party, replay=True)


def replay_listed(unit: Unit, node: Node, party: str, recalls: Sequence[bytes]) -> None:
    """A partner lists the recalls that it has in force for this node, which it also sends."""
    if unit.directory.get(REPLAY + party):
        unit.directory.put(REPLAY + party, b"".join(recalls))
        record(unit, node, "replay-listed", {"from": party, "recalls": len(recalls)})


def unreplayed(unit: Unit) -> list[Party]:
    """Partners whose recalls since the copy are not known, or not done here yet."""
    return [
        party
        for party in unit.directory.parties()
        if _is_open(unit, unit.directory.get(REPLAY + party.fingerprint))
    ]


def _is_open(unit: Unit, listed: bytes | None) -> bool:
    if not listed or listed == _UNANSWERED:
        return bool(listed)
    recalls = (unit.recalls.get(listed[at : at + 32]) for at in range(0, len(listed), 32))
    return any(recall is None or recall.state is not RecallState.DONE for recall in recalls)


def require_replayed(unit: Unit) -> None:
    """Refuse to serve anybody while recalls may be missing here.

    Raises:
        Refusal: this home is a copy from before, and a partner has not said yet what it recalled since.
    """
    silent = unreplayed(unit)
    if silent:
        raise Refusal(
            "this home was restored from a copy and may hold what was recalled since:"
            f" {', '.join(party.name for party in silent)} must answer first",
            input="home",
            where="recall.replay",
            do="run `simpul sync --once` until they have; if one cannot be reached for good, `simpul recall waive`",
        )


def waive_replay(node: Node, signer: Signer, party: str) -> None:
    """Go on without a partner's recalls since the copy: an officer answers for it, and the log says so.

    Raises:
        Refusal: nothing is awaited of this party.
    """
    with node.store.write() as unit:
        if not unit.directory.get(REPLAY + party):
            raise Refusal("no recalls are awaited of this party", input=party)
        unit.directory.put(REPLAY + party, b"")
        record(unit, node, "replay-waived", {"by": signer.name, "party": party})


# What a partner does for one that is an old copy.


def too_often(unit: Unit, node: Node, party: str) -> str:
    """What is wrong with a party's request for what it was told before: each makes this node send all of that again."""
    day, name = node.clock() // DAY, f"replays:{party}"
    last, _, count = (unit.directory.get(name) or b"").decode().partition(" ")
    given = int(count) if last == str(day) else 0
    if given < REPLAYS_A_DAY:
        unit.directory.put(name, f"{day} {given + 1}".encode())
        return ""
    record(unit, node, "refusal", {"from": party, "kind": "hello", "why": "refused", "clause": REPLAY_FLOOD})
    return (
        f"{party[:10]} asked for its recalls more than {REPLAYS_A_DAY} times today:"
        f" they are not sent again ({REPLAY_FLOOD})"
    )


def give_back(unit: Unit, node: Node, message: Message) -> None:
    """Return a party's newest checkpoint to it where it begins a stream as if it had forgotten the last one."""
    if message.number != 1:
        return
    known = unit.mail.acks_for(message.sender)[:1]
    if not known or _remembers(message, known[0]):
        return
    held = unit.journal.partner_checkpoints(message.sender)
    if held:
        _, _, newest = held[-1]
        post(unit, node, message.sender, CheckpointNotice(note=newest.decode()))


def _remembers(message: Message, newest: AckState) -> bool:
    stated = message.previous
    return stated is not None and stated.stream == newest.stream and stated.number >= highest(newest)


# How the log goes on.


def restart_log(node: Node, signer: Signer) -> Restarted:
    """Close the log of a home that is an old copy, and begin a new one that names how far the old one was seen.

    Raises:
        Refusal: this home has not learned that it is an old copy: its log goes on.
    """
    with node.store.write() as unit:
        if not restored(unit):
            raise Refusal(
                "this home knows of nothing that it signed or sent and has lost: its log goes on",
                input="log",
                do="if it was restored from a copy, run `simpul sync --once` until `simpul status` says so",
            )
        frontier = Frontier.decode(unit.journal.frontier())
        closed = Checkpoint(origin=origin(unit, node), size=frontier.size, root=frontier.root())
        checkpoints = _highest(unit, node)
        unit.journal.close(unit.directory.get(INCARNATION) or b"")
        fresh = node.entropy(16)
        unit.directory.put(INCARNATION, fresh)
        unit.directory.put(RESTORED, b"")
        record(
            unit,
            node,
            "restart",
            {
                "by": signer.name,
                "closed": _document(closed),
                "checkpoints": [_document(each) for each in checkpoints],
            },
        )
        unheard = [p for p in unit.directory.parties() if unit.directory.get(UNHEARD + p.fingerprint)]
    return Restarted(incarnation=fresh, closed=closed, checkpoints=tuple(checkpoints), unheard=tuple(unheard))


def _highest(unit: Unit, node: Node) -> list[Checkpoint]:
    """The highest checkpoint of each earlier log that is known here or was returned, in the order they became known."""
    notes = [log.checkpoint for log in unit.journal.closed() if log.checkpoint]
    newest = unit.journal.checkpoint()
    notes += [newest[1]] if newest else []
    notes += [note for _, _, note in unit.journal.partner_checkpoints(node.party)]
    found: dict[str, Checkpoint] = {}
    for note in notes:
        checkpoint = parse_checkpoint(note).checkpoint
        known = found.get(checkpoint.origin)
        if known is None or checkpoint.size > known.size:
            found[checkpoint.origin] = checkpoint
    return list(found.values())


def _document(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
