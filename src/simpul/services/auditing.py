"""The log: one leaf for each step of procedure, checkpoints that sign it, and the verification of it all.

`record` and `record_crossing` are called inside the transaction that makes the change, so that the leaf and the
change are one. Files are only a projection (design §7): a checkpoint is stored before its files are written, and
`publish` can be run again after a kill at any point.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from simpul import logcheck
from simpul.domain.journal import ClosedLog, Leaf
from simpul.errors import HomeDamaged, NotFound, PartnerFault
from simpul.ports import Unit
from simpul.protocol import canonical
from simpul.protocol.keys import LogKey
from simpul.protocol.log import (
    Checkpoint,
    Frontier,
    content_commitment,
    dummies_needed,
    dummy_leaf,
    log_origin,
    parse_checkpoint,
    received_leaf,
    sent_leaf,
    sign_checkpoint,
    step_leaf,
    verifier_keys,
)
from simpul.services.node import Node

SENT, RECEIVED, DUMMY = "sent", "received", "dummy"
"""Kinds of leaf whose entry is not a salted step commitment (PROTOCOL §8)."""

INCARNATION = "incarnation"
"""Setting of the home: the 16 random bytes that tell this log from the one before a restore."""

RESTORED = "restored"
"""Setting of the home: how it learned that it is a copy from an earlier time; empty once its log was restarted."""


class LogReport(Struct, frozen=True, kw_only=True):
    """What a verification found. `problems` are sentences for a person; `root` is hex."""

    size: int
    root: str
    leaves_checked: int
    ok: bool
    problems: tuple[str, ...]


class Opening(Struct, frozen=True, kw_only=True):
    """A leaf with what it commits to, decoded."""

    index: int
    kind: str
    at: int
    entry: bytes
    salt: bytes
    content_salt: bytes
    content: Any
    words: str


def record(unit: Unit, node: Node, kind: str, content: dict[str, Any]) -> int:
    """Log one step; returns the index of its leaf. `content` obeys the canonical profile (spec/canonical.md)."""
    salt, content_salt, at = node.entropy(32), node.entropy(32), node.clock()
    body = canonical.encode(content)
    leaf = Leaf(
        index=-1,
        kind=kind,
        at=at,
        entry=step_leaf(salt, kind, at, content_commitment(content_salt, body)),
        salt=salt,
        content_salt=content_salt,
        content=body,
    )
    return _append(unit, [leaf])


def record_crossing(
    unit: Unit, kind: str, crossings: Iterable[tuple[bytes, bytes, dict[str, Any]]], at: int
) -> None:
    """Log messages that cross: (leaf salt, message hash, what it was) each. `kind` is `SENT` or `RECEIVED`."""
    entry = sent_leaf if kind == SENT else received_leaf
    leaves = [
        Leaf(
            index=-1,
            kind=kind,
            at=at,
            entry=entry(salt, name),
            salt=salt,
            content_salt=b"",
            content=canonical.encode({**content, "message": name.hex()}),
        )
        for salt, name, content in crossings
    ]
    if leaves:
        _append(unit, leaves)


def _append(unit: Unit, leaves: list[Leaf]) -> int:
    frontier = Frontier.decode(unit.journal.frontier())
    first = unit.journal.append(leaves)
    if first != frontier.size:
        raise HomeDamaged(
            "the log's right edge and its leaves do not agree",
            input="log",
            where=f"leaf {first}",
            do="stop this node, keep the home as it is, and run `simpul log verify`",
        )
    frontier.extend(leaf.entry for leaf in leaves)
    unit.journal.put_frontier(frontier.encode())
    return first


def origin(unit: Unit, node: Node) -> str:
    """The name of this node's present log."""
    return log_origin(node.party, node.realm, unit.directory.get(INCARNATION) or b"")


def restored(unit: Unit) -> str:
    """How this home learned that it is a copy from an earlier time and must sign no checkpoint; empty for no."""
    return (unit.directory.get(RESTORED) or b"").decode()


def close_checkpoint(node: Node) -> int:
    """Sign a checkpoint over all leaves so far, padded to the quantum, and publish the files. Returns its size.

    Nothing is signed if nothing came since the last one. Call it only after a round with every reachable relay: a
    home restored from a copy learns there that it is behind (PROTOCOL §8).

    Raises:
        HomeDamaged: it did learn so. What it would sign could contradict what it signed before.
    """
    with node.store.write() as unit:
        if how := restored(unit):
            raise HomeDamaged(
                f"this home is a copy from an earlier time: {how}",
                input="log",
                do="run `simpul log restart`, so that a new log begins where the partners' copies of the old one end",
            )
        done = unit.journal.checkpoint()
        if unit.journal.size() > (done[0] if done else 0):
            _pad(unit, node)
            frontier = Frontier.decode(unit.journal.frontier())
            head = Checkpoint(origin=origin(unit, node), size=frontier.size, root=frontier.root())
            note = sign_checkpoint(head, LogKey(node.keyring.secret("log")), at=node.clock())
            unit.journal.put_checkpoint(frontier.size, note)
    return publish(node)


def _pad(unit: Unit, node: Node) -> None:
    at = node.clock()
    salts = [node.entropy(32) for _ in range(dummies_needed(unit.journal.size(), node.limits.quantum))]
    pads = [
        Leaf(index=-1, kind=DUMMY, at=at, entry=dummy_leaf(s), salt=s, content_salt=b"", content=b"{}")
        for s in salts
    ]
    if pads:
        _append(unit, pads)


def publish(node: Node) -> int:
    """Bring the files up to the newest stored checkpoint; does nothing more where they are. Returns its size."""
    with node.store.read() as unit:
        done = unit.journal.checkpoint()
        if done is None:
            return 0
        keys = verifier_keys(origin(unit, node), LogKey(node.keyring.secret("log")).public)
        node.log_files.publish(size=done[0], entries=unit.journal.entries, note=done[1], keys=keys)
        return done[0]


def openings(
    node: Node, *, last: int | None = None, dummies: bool = False, incarnation: str | None = None
) -> list[Opening]:
    """Leaves with their openings, oldest first, of the present log or of the closed one that `incarnation` names.

    Raises:
        NotFound: no closed log, or several, have an incarnation that begins so.
    """
    with node.store.read() as unit:
        if incarnation is None:
            leaves = unit.journal.leaves(0, unit.journal.size())
        else:
            leaves = unit.journal.closed_leaves(_closed(unit, incarnation).incarnation)
        found = [leaf for leaf in leaves if dummies or leaf.kind != DUMMY]
    return [_opening(leaf) for leaf in (found[-last:] if last else found)]


def _closed(unit: Unit, wanted: str) -> ClosedLog:
    logs = unit.journal.closed()
    fitting = [log for log in logs if log.incarnation.hex().startswith(wanted.casefold())]
    if len(fitting) != 1:
        names = ", ".join(log.incarnation.hex() for log in logs) or "there are none"
        raise NotFound(
            "no closed log, or several, have this incarnation", input=wanted, do=f"closed logs: {names}"
        )
    return fitting[0]


def _opening(leaf: Leaf) -> Opening:
    content = canonical.decode(leaf.content, dict[str, Any], len(leaf.content)) if leaf.content else {}
    words = ", ".join(f"{k} {v}" for k, v in content.items() if isinstance(v, str | int))
    return Opening(
        index=leaf.index,
        kind=leaf.kind,
        at=leaf.at,
        entry=leaf.entry,
        salt=leaf.salt,
        content_salt=leaf.content_salt,
        content=content,
        words=words,
    )


def verify_own_log(node: Node) -> LogReport:
    """Verify the published files by the independent verifier, and every opening kept here against its leaf.

    The files are verified under this node's own log key, never under keys that lie beside them. They are brought up
    to date first, unless a checkpoint lies there that this node never signed: that is to be found, not mended. Leaves
    that are not in a checkpoint yet are checked too, and those of closed logs; the reported size and root are the
    present log's checkpoint's, or the database's own where nothing was published.
    """
    if not _is_foreign(node):
        publish(node)
    with node.store.read() as unit:
        done, size = unit.journal.checkpoint(), unit.journal.size()
        keys = verifier_keys(origin(unit, node), LogKey(node.keyring.secret("log")).public)
        stored = _replay(unit.journal.leaves(0, size), done[0] if done else size)
        problems = stored.problems
        if stored.frontier.encode() != (unit.journal.frontier() or Frontier().encode()):
            problems.append("the stored right edge is not that of the stored leaves")
        for closed in unit.journal.closed():
            problems += _closed_problems(unit, closed)
    if done is None:
        return _report(size, stored.root.hex(), size, problems)
    report = logcheck.check(node.home / "log", keys)
    problems += report.problems
    if report.ok and report.root != stored.root.hex():
        problems.append("the published tree is not that of the stored leaves")
    return _report(report.size, report.root, report.leaves_checked, problems)


def _is_foreign(node: Node) -> bool:
    """Whether the folder's checkpoint is none that this node signed."""
    file = node.home / "log" / "checkpoint"
    if not file.exists():
        return False
    note = file.read_bytes()
    with node.store.read() as unit:
        try:
            size = parse_checkpoint(note).checkpoint.size
        except PartnerFault:
            return True
        return note != unit.journal.signed(size) and all(
            note != log.checkpoint for log in unit.journal.closed()
        )


class _Replay(Struct, frozen=True, kw_only=True):
    """Leaves hashed again: the right edge, the root at a wanted size, openings that do not lead to their leaf."""

    frontier: Frontier
    root: bytes
    problems: list[str]


def _replay(leaves: Iterable[Leaf], size: int) -> _Replay:
    frontier, problems = Frontier(), list[str]()
    root = frontier.root()
    for leaf in leaves:
        if not leads_to_its_entry(leaf):
            problems.append(f"leaf {leaf.index}: its opening does not lead to its entry")
        frontier.append(leaf.entry)
        if frontier.size == size:
            root = frontier.root()
    return _Replay(frontier=frontier, root=root, problems=problems)


def _closed_problems(unit: Unit, closed: ClosedLog) -> list[str]:
    name = closed.incarnation.hex()
    signed = parse_checkpoint(closed.checkpoint).checkpoint if closed.checkpoint else None
    stored = _replay(unit.journal.closed_leaves(closed.incarnation), signed.size if signed else closed.size)
    problems = [f"closed log {name}: {problem}" for problem in stored.problems]
    if stored.frontier.size != closed.size or (signed is not None and signed.root != stored.root):
        problems.append(f"closed log {name}: its leaves do not have the root that was signed")
    return problems


def _report(size: int, root: str, leaves_checked: int, problems: list[str]) -> LogReport:
    return LogReport(
        size=size, root=root, leaves_checked=leaves_checked, ok=not problems, problems=tuple(problems)
    )


def verify_folder(directory: Path, keys: Sequence[str]) -> LogReport:
    """Verify a copied log by the independent verifier, under the keys given or else the folder's own."""
    report = logcheck.check(directory, keys or None)
    return LogReport(
        size=report.size,
        root=report.root,
        leaves_checked=report.leaves_checked,
        ok=report.ok,
        problems=tuple(report.problems),
    )


def leads_to_its_entry(leaf: Leaf) -> bool:
    """Whether the opening that is kept of a leaf is what its entry commits to."""
    try:
        return leaf.entry == _entry(leaf)
    except (PartnerFault, KeyError, ValueError, TypeError):
        return False  # what is stored of it does not even read


def _entry(leaf: Leaf) -> bytes:
    if leaf.kind == DUMMY:
        return dummy_leaf(leaf.salt)
    if leaf.kind in (SENT, RECEIVED):
        content = canonical.decode(leaf.content, dict[str, Any], len(leaf.content))
        name = bytes.fromhex(content["message"])
        return sent_leaf(leaf.salt, name) if leaf.kind == SENT else received_leaf(leaf.salt, name)
    return step_leaf(leaf.salt, leaf.kind, leaf.at, content_commitment(leaf.content_salt, leaf.content))
